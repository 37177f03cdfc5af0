//! The question for passwords: one field for each server that needs one, what the server said above it.

use crate::model::task::Task;
use crate::model::units::{Side, printable};
use crate::ui::message::Hit;
use crate::ui::state::State;
use crate::ui::state::live::Live;
use crate::ui::state::live::Wanted;
use crate::ui::state::passwords::{Ask, Asked, Errand};
use crate::ui::update::commandable;
use crate::ui::widgets::form::window;
use crate::ui::widgets::line::{Line, column};
use crate::ui::widgets::paint::Paint;
use crate::ui::widgets::wrap::wrap;
use ratatui::layout::Rect;

const WIDTH: u16 = 66;
/// The mark of the focus and the name of the side, before the field.
const LABEL: usize = 10;
const FIELD: usize = 40;

pub(super) fn view(p: &mut Paint<'_>, area: Rect, (state, ask): (&State, &Ask)) {
    let width = WIDTH.min(area.width);
    let text_width = usize::from(width).saturating_sub(4);
    let asked: Vec<_> = ask.fields.iter().map(|field| above(p, (state, field), text_width)).collect();
    let needed = asked.iter().map(|lines| lines.len() + 1).sum::<usize>() + 2;
    let mut intro: Vec<_> = wrap(why(ask, state.live.as_ref()), text_width)
        .into_iter()
        .map(|line| Line::new(line, p.theme.text))
        .collect();
    intro.push(Line::default());
    // In the smallest window the servers' words matter more than ours.
    if intro.len() + needed > usize::from(area.height) {
        intro.clear();
    }
    let height = u16::try_from(intro.len() + needed).unwrap_or(u16::MAX);
    let area = super::centered(area, width, height);
    p.cover(area);
    let title = title(ask.errand, state.live.as_ref());
    let inner = p.window(area, &Line::new(title, p.theme.title), &Line::default());
    p.lines(inner, &intro);
    let mut row = intro.len();
    for (number, (field, lines)) in ask.fields.iter().zip(asked).enumerate() {
        for line in &lines {
            p.line(inner, row, line);
            row += 1;
        }
        let reach = (ask.on == number).then_some(number);
        typed(p, (inner, row, number), (state, field, reach));
        row += 1;
    }
}

fn title(errand: Errand, live: Option<&Live>) -> &'static str {
    match (errand, live.and_then(|live| live.wanted)) {
        (Errand::Status, _) => "Passwords, to ask how it stands",
        (Errand::Run(Task::Watch), _) => "Passwords, to guard it again",
        (_, Some(Wanted::Stop)) => "Passwords, to stop it",
        (_, Some(Wanted::Close)) => "Passwords, to close the connection",
        (_, Some(Wanted::CleanUp)) => "Passwords, to clean up",
        (_, Some(Wanted::StartOver)) => "Passwords, to start over",
        (_, Some(Wanted::TryAgain) | None) => "Passwords, to try again",
    }
}

fn why(ask: &Ask, live: Option<&Live>) -> &'static str {
    match (ask.errand, live.is_some_and(commandable)) {
        (Errand::Status, true) => {
            "This window does not know them. They are kept in memory only; a field that stays empty asks ~/.pgpass and the \
             environment."
        }
        (Errand::Status, false) => {
            "The engine that knew them is gone. They are kept in memory only; a field that stays empty asks ~/.pgpass and the \
             environment."
        }
        (_, true) => "This window does not know them. They are kept in memory only.",
        (_, false) => "The engine that knew them is gone. They are kept in memory only.",
    }
}

/// Whom it is for, and what it said. Nothing where it was not asked.
fn above(p: &Paint<'_>, (state, field): (&State, &Asked), width: usize) -> Vec<Line> {
    let (Some(why), Some(live)) = (&field.why, &state.live) else { return Vec::new() };
    let address = if field.side == Side::Source { &live.shown.source } else { &live.shown.target };
    let mut lines = vec![Line::new(printable(address), p.theme.title).fitted(width)];
    // A server may say much; what it is about stands first.
    const MOST: usize = 2;
    let mut said = wrap(&printable(why), width);
    if said.len() > MOST {
        said.truncate(MOST);
        said[MOST - 1].push('…');
    }
    lines.extend(said.into_iter().map(|line| Line::new(line, p.theme.error).fitted(width)));
    lines
}

fn typed(
    p: &mut Paint<'_>,
    (inner, row, number): (Rect, usize, usize),
    (state, field, focused): (&State, &Asked, Option<usize>),
) {
    let password = &state.form.server(field.side).password;
    let stars = "•".repeat(password.len());
    let width = usize::from(inner.width).saturating_sub(LABEL + 4).min(FIELD);
    let (shown, cursor) = window(&stars, password.cursor(), width);
    let mark = if focused.is_some() { "▌ " } else { "  " };
    let label = if field.side == Side::Source { "Source" } else { "Target" };
    let line = Line::new(column(&format!("{mark}{label}"), LABEL), p.theme.text)
        .and("[", p.theme.dim)
        .and(column(&shown, width), p.theme.field)
        .and("]", p.theme.dim);
    p.line(inner, row, &line);
    p.hit((inner, row), (0, line.width()), Hit::Row(number));
    if focused.is_some() {
        let x = inner.x.saturating_add(u16::try_from(LABEL + 1 + cursor).unwrap_or(0));
        p.cursor = Some((x, inner.y + u16::try_from(row).unwrap_or(0)).into());
    }
}
