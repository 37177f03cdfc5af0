//! Where a number comes from.

use crate::model::units::{count_of, human_bytes, human_ms, thousands};
use crate::ui::format::{self, Eta, ago, eta, quartiles};
use crate::ui::state::State;
use crate::ui::state::live::Live;
use crate::ui::steps::close::trouble::answered_ms;
use crate::ui::widgets::line::Line;
use crate::ui::widgets::paint::Paint;
use crate::ui::widgets::wrap::wrap;
use ratatui::layout::Rect;

pub(super) fn view(p: &mut Paint<'_>, area: Rect, (state, number): (&State, usize)) {
    let Some(live) = &state.live else { return };
    let (title, text) = match number {
        0 => ("How much is copied", copied(live)),
        1 => ("How fast", speed(live)),
        2 => ("When the rows will be across", end(live, state.now_ms)),
        3 => ("How far the target is behind", lag(live, state.now_ms)),
        4 => ("The WAL that the source keeps", kept(live)),
        _ => ("Who is in the databases", who(live)),
    };
    let width = 72.min(area.width.saturating_sub(2));
    let lines: Vec<_> = text
        .iter()
        .flat_map(|sentence| wrap(sentence, usize::from(width).saturating_sub(4)))
        .map(|line| Line::new(line, p.theme.text))
        .collect();
    let height = u16::try_from(lines.len()).unwrap_or(u16::MAX).saturating_add(2);
    let area = super::centered(area, width, height);
    p.cover(area);
    let count = Line::new(format!("{}/{}", number + 1, crate::ui::update::EXPLAINED), p.theme.dim);
    let inner = p.window(area, &Line::new(title, p.theme.title), &count);
    p.lines(inner, &lines);
}

fn copied(live: &Live) -> Vec<String> {
    vec![
        format!(
            "{} of {}, {}.",
            human_bytes(live.best.bytes),
            human_bytes(live.bytes_total()),
            count_of(live.gauges.rows_done(), "row")
        ),
        String::new(),
        "The whole is the size of the tables on the source's disk, dead rows included, as asked at the start. Databases \
         that have not been begun count with what the server says of their size, indexes included."
            .to_owned(),
        "What has passed the wire is scaled to that table by table; a table that runs counts as at most 98 %. So the bar \
         may jump forward, and never goes back."
            .to_owned(),
        format!("On the wire so far: {}.", human_bytes(live.gauges.wire_bytes)),
    ]
}

fn speed(live: &Live) -> Vec<String> {
    let samples: Vec<_> = live.samples.iter().copied().collect();
    let now = format::speed(&samples, 10_000).map_or_else(|| "not known yet".to_owned(), format::rate);
    let between = quartiles(&samples).map_or_else(
        || "Too little has been seen for a range.".to_owned(),
        |(slow, fast)| {
            format!(
                "In pieces of 10 seconds over the last 2 minutes, a quarter was slower than {} and a quarter faster \
                 than {}.",
                format::rate(slow),
                format::rate(fast)
            )
        },
    );
    vec![format!("Now: {now}, over the last 10 seconds."), between]
}

fn end(live: &Live, now_ms: u64) -> Vec<String> {
    let left = live.bytes_total().saturating_sub(live.best.bytes);
    let mut all = vec![format!("Left: {}.", human_bytes(left))];
    all.push(match eta(live, now_ms) {
        Eta::Between { soonest_ms, latest_ms } => format!(
            "At the speed of the fastest and of the slowest quarter of the last 2 minutes that takes {} to {}.",
            human_ms(soonest_ms),
            human_ms(latest_ms)
        ),
        Eta::Estimating => "Less than 30 seconds or 2 % have been seen: no estimate yet.".to_owned(),
        Eta::Stalled { ms } => format!("Nothing has come for {}: no estimate.", human_ms(ms)),
        Eta::Over => "All rows are in.".to_owned(),
    });
    all.push(
        "Indexes, keys and what comes after the rows are not in it: they are counted, because how long the next one \
         takes is not known."
            .to_owned(),
    );
    all
}

fn lag(live: &Live, now_ms: u64) -> Vec<String> {
    if !live.is_following() && live.run.databases.values().any(|d| d.method.is_some()) && !live.replicates() {
        let text = "Nothing follows in this migration: every database is moved by a one-time snapshot. What is written on \
                    the source after the start will not be on the target.";
        return vec![text.to_owned()];
    }
    // Nobody is behind who does not follow: that is no lag of 0.
    let mut all = vec![match live.lag_bytes().filter(|_| live.is_following()) {
        Some(bytes) => {
            format!("{} ({} bytes), the largest of all databases.", human_bytes(bytes), thousands(bytes))
        }
        None if live.is_following() => {
            "Not known: not every database has been asked, or one would not tell.".to_owned()
        }
        None => none_follows(live).to_owned(),
    }];
    all.extend(answered_ms(live).map(|at| format!("Asked {} ago.", ago(now_ms.saturating_sub(at)))));
    all.push(String::new());
    all.push(
        "Where the source's WAL is now (pg_current_wal_insert_lsn) minus what the target has confirmed \
         (confirmed_flush_lsn of the slot). Other databases of the source write into the same WAL, so a few bytes may \
         stand there while nothing of this database is missing."
            .to_owned(),
    );
    all
}

fn none_follows(live: &Live) -> &'static str {
    let followed = live.run.databases.values().any(|d| d.followed);
    match (followed, live.is_over()) {
        (true, _) => "No database follows any more.",
        (false, true) => "No database follows.",
        (false, false) => "No database follows yet.",
    }
}

fn kept(live: &Live) -> Vec<String> {
    let mut all = Vec::new();
    for name in live.following() {
        let Some((status, _)) = live.status(name) else { continue };
        let kept = status.kept_bytes.map_or_else(|| "not known".to_owned(), human_bytes);
        let safe = status.safe_bytes.map_or_else(
            || "without a limit: it can fill the source's disk".to_owned(),
            |bytes| format!("the source gives the slot up after {} more", human_bytes(bytes)),
        );
        all.push(format!("{}: {kept}, {safe}.", crate::model::units::readable(name)));
    }
    if all.is_empty() {
        let none = if live.run.databases.values().any(|d| d.method.is_some()) && !live.replicates() {
            "Nothing follows in this migration: the source keeps nothing for it."
        } else {
            none_follows(live)
        };
        all.push(none.to_owned());
    }
    all.push(String::new());
    all.push(
        "The source keeps its WAL from the slot's restart_lsn on until the target has it. max_slot_wal_keep_size on the \
         source bounds it."
            .to_owned(),
    );
    all
}

fn who(live: &Live) -> Vec<String> {
    let text = |n: Option<u64>| n.map_or_else(|| "not known".to_owned(), |n| count_of(n, "session"));
    let mut all = Vec::new();
    for name in live.following() {
        let Some((status, _)) = live.status(name) else { continue };
        let (source, target) = (text(status.sessions.source), text(status.sessions.target));
        let name = crate::model::units::readable(name);
        all.push(format!("{name}: {source} on the source, {target} on the target."));
    }
    if all.is_empty() {
        all.push(none_follows(live).to_owned());
    }
    all.push(String::new());
    all.push(
        "Sessions in pg_stat_activity, without those of this tool and of replication. Whoever has a session on the source \
         may still write there; the application has moved when they are on the target. A pooler keeps sessions open that \
         nobody uses."
            .to_owned(),
    );
    all
}
