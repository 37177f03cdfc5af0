//! Speed, lag and the WAL kept over time: as many charts side by side as there is room for, and a key for the others.

use crate::model::units::human_bytes;
use crate::ui::format::rate;
use crate::ui::state::live::{Charted, Live};
use crate::ui::state::{Screen, State};
use crate::ui::widgets::chart::{chart, squeeze};
use crate::ui::widgets::line::Line;
use crate::ui::widgets::paint::Paint;
use ratatui::layout::Rect;

/// Columns that a chart needs to tell something.
const LEAST: u16 = 50;

/// The charts of a screen, in their order.
pub fn offered(screen: Screen, live: &Live) -> &'static [Charted] {
    match screen {
        Screen::Close => &[Charted::Lag, Charted::Kept],
        _ if live.replicates() => &[Charted::Speed, Charted::Kept, Charted::Lag],
        _ => &[Charted::Speed],
    }
}

/// Those that stand there, the chosen one first, and the one that the key brings.
fn placed(screen: Screen, live: &Live, room: usize) -> (Vec<Charted>, Option<Charted>) {
    let all = offered(screen, live);
    if room >= all.len() {
        return (all.to_vec(), None);
    }
    let first = all.iter().position(|one| *one == live.chart).unwrap_or(0);
    let turned: Vec<_> = all.iter().cycle().skip(first).take(all.len()).copied().collect();
    (turned[..room].to_vec(), turned.get(room).copied())
}

/// Another chart stands first.
pub fn turn(screen: Screen, live: &mut Live) {
    let all = offered(screen, live);
    let now = all.iter().position(|one| *one == live.chart).unwrap_or(0);
    live.chart = all[(now + 1) % all.len()];
}

pub fn draw(p: &mut Paint<'_>, area: Rect, (state, live): (&State, &Live)) {
    if area.height < 3 {
        return;
    }
    let room = area.width / LEAST;
    let (charts, next) = placed(state.screen, live, usize::from(room.max(1)));
    p.next_chart = next;
    let count = u16::try_from(charts.len()).unwrap_or(1).max(1);
    for (number, charted) in (0..count).zip(charts) {
        let from = area.width * number / count;
        let upto = area.width * (number + 1) / count;
        let place = Rect { x: area.x + from, width: upto - from, ..area };
        // The last one says what the key is for.
        let hint = next.filter(|_| number + 1 == count);
        let right = hint.map_or_else(Line::default, |next| {
            Line::new("x", p.theme.key).and(format!(": {}", next.word()), p.theme.dim)
        });
        let inner = p.panel(place, &Line::new(charted.title(), p.theme.title), &right);
        one(p, inner, (charted, state, live));
    }
}

fn one(p: &mut Paint<'_>, area: Rect, (charted, state, live): (Charted, &State, &Live)) {
    let values: Vec<Option<u64>> = match charted {
        Charted::Speed => speeds(live),
        Charted::Kept => live.samples.iter().map(|sample| sample.kept_bytes).collect(),
        Charted::Lag => live.samples.iter().map(|sample| sample.lag_bytes).collect(),
    };
    let word = if charted == Charted::Speed { rate } else { human_bytes };
    if values.iter().any(Option::is_some) {
        chart(p, area, &squeeze(&values, usize::from(area.width).saturating_sub(10)), word);
        return;
    }
    let why = match charted {
        // A window that was opened a moment ago has seen too little for a speed.
        Charted::Speed if live.best.bytes > 0 || live.gauges_ms == 0 => "not known yet",
        Charted::Speed => "nothing has been copied yet",
        Charted::Lag if !live.is_following() => "no database follows yet",
        _ if state.unanswered.is_some() || live.is_unasked() => "no answer yet",
        Charted::Kept | Charted::Lag => "not asked yet",
    };
    p.line(area, 0, &Line::new(why, p.theme.dim));
}

fn speeds(live: &Live) -> Vec<Option<u64>> {
    let pairs = live.samples.iter().zip(live.samples.iter().skip(1));
    let between = pairs.map(|(from, to)| {
        let ms = to.at_ms.saturating_sub(from.at_ms).max(1);
        Some(to.bytes.saturating_sub(from.bytes).saturating_mul(1000) / ms)
    });
    between.collect()
}
