//! Where it did not go well: what happened, what each side looks like now, and what can be done.

use super::update::live_buttons;
use super::view_parts::rows;
use super::{finished, half_made, left_on, leftovers};
use crate::model::check::Severity;
use crate::model::event::{DatabaseOutcome, RunOutcome};
use crate::model::units::{Side, count_of, printable, readable};
use crate::ui::format::clock;
use crate::ui::message::Hit;
use crate::ui::state::live::{Ending, Live};
use crate::ui::state::{Button, Focus, State};
use crate::ui::widgets::line::{Line, column};
use crate::ui::widgets::list::first_shown;
use crate::ui::widgets::paint::Paint;
use crate::ui::widgets::wrap::wrap;
use ratatui::layout::Rect;

/// Findings that are named; the rest are counted.
const NAMED: usize = 6;

pub fn view(p: &mut Paint<'_>, area: Rect, (state, live): (&State, &Live)) {
    let theme = p.theme;
    let choices = choices(state, live);
    let low = u16::try_from(choices.len()).unwrap_or(4) + 2;
    let [top, below] = rows(area, [area.height.saturating_sub(low), low]);
    let stopped = live.run.outcome == Some(RunOutcome::Stopped);
    let at = clock(live.run.last_ms, state.utc_offset_s);
    let title = if stopped {
        Line::new(format!("■ Stopped at {at}"), theme.warn)
    } else {
        Line::new(format!("✖ {} at {at}", headline(live)), theme.error)
    };
    let inner = p.panel(top, &title, &Line::default());
    let width = usize::from(inner.width);
    let (cause, advice) = cause(live);
    let mut lines = Vec::new();
    for sentence in &cause {
        lines.extend(wrap(sentence, width).into_iter().map(|l| Line::new(l, theme.text)));
    }
    for sentence in &advice {
        lines.extend(wrap(sentence, width).into_iter().map(|l| Line::new(l, theme.info)));
    }
    lines.push(Line::default());
    for (head, sentence) in sides(live) {
        for (number, piece) in wrap(&sentence, width.saturating_sub(9)).into_iter().enumerate() {
            let head = if number == 0 { head } else { "" };
            lines.push(Line::new(column(head, 9), theme.title).and(piece, theme.text));
        }
    }
    let room = usize::from(inner.height);
    let first = if state.focus == Focus::List { first_shown(live.selected, lines.len(), room) } else { 0 };
    p.lines(inner, &lines[first.min(lines.len())..]);

    let inner = p.panel(below, &Line::new("Next", theme.title), &Line::default());
    for (row, (button, what)) in choices.iter().enumerate() {
        let focused = state.focus == Focus::Button(*button) && state.overlay.is_none();
        let mut line = p.button(button.label(), focused.into());
        let pad = 17usize.saturating_sub(line.width());
        line.push(" ".repeat(pad), theme.text);
        line.push(what.clone(), theme.dim);
        p.line(inner, row, &line);
        p.hit((inner, row), (0, line.width()), Hit::Focus(Focus::Button(*button)));
        if focused {
            p.cursor = Some((inner.x, inner.y + u16::try_from(row).unwrap_or(0)).into());
        }
    }
}

fn headline(live: &Live) -> &'static str {
    match (&live.ended, live.run.outcome) {
        (Some(Ending::Broke(_)), _) | (_, None) => "The engine ended before its work was done, last heard of",
        (_, Some(RunOutcome::Refused)) => "Refused, nothing was changed,",
        (_, Some(RunOutcome::Partly)) => "Not everything came across; ended",
        _ => "Failed",
    }
}

/// Sentences of what happened, and of what to do about it.
pub fn cause(live: &Live) -> (Vec<String>, Vec<String>) {
    let (mut what, mut advice) = (Vec::new(), Vec::new());
    if let Some(Ending::Broke(failure)) = &live.ended {
        what.push(printable(&failure.what));
        advice.extend(failure.advice.as_deref().map(printable));
    }
    if let Some(failure) = &live.run.refused {
        what.push(printable(&failure.what));
        advice.extend(failure.advice.as_deref().map(printable));
    }
    for (name, database) in &live.run.databases {
        // A finding says it better where one does.
        let said =
            live.run.findings.iter().any(|f| f.severity >= Severity::Lost && f.title == database.message);
        if !said && matches!(database.outcome, Some(DatabaseOutcome::Failed | DatabaseOutcome::Incomplete)) {
            what.push(format!("{}: {}", readable(name), printable(&database.message)));
        }
    }
    let lost: Vec<_> = live.run.findings.iter().filter(|f| f.severity >= Severity::Lost).collect();
    for finding in lost.iter().take(NAMED) {
        let place = finding.database.as_deref().map(|d| format!("{}: ", readable(d))).unwrap_or_default();
        let why =
            if finding.why.is_empty() { String::new() } else { format!(": {}", printable(&finding.why)) };
        what.push(format!("▲ {place}{}{why}", printable(&finding.title)));
        if !finding.fix.is_empty() && !advice.contains(&printable(&finding.fix)) {
            advice.push(printable(&finding.fix));
        }
    }
    let more = (lost.len().saturating_sub(NAMED)) as u64 + live.run.losses_dropped;
    if more > 0 {
        what.push(format!(
            "and {} more: all of them are in the bundle and in the journal",
            count_of(more, "finding")
        ));
    }
    if what.is_empty() {
        what.push(match live.run.outcome {
            Some(RunOutcome::Stopped) => "It was told to stop.".to_owned(),
            None => {
                "Its process is gone: killed, or the machine went down. The journal ends here.".to_owned()
            }
            _ => "The log (l) says more.".to_owned(),
        });
    }
    (what, advice)
}

/// What each side looks like now, as the ledger knows it.
fn sides(live: &Live) -> Vec<(&'static str, String)> {
    let mut all = Vec::new();
    let source = left_on(live, Side::Source);
    let identities = live.run.databases.values().map(|d| d.identities.len() as u64).sum::<u64>();
    let mut sentence = if source.is_empty() {
        "unchanged; nothing of ours is left".to_owned()
    } else {
        format!("still there, keeping log until Clean up: {}", source.join(", "))
    };
    if identities > 0 {
        sentence.push_str(&format!(
            "; the replica identity of {} is still changed",
            count_of(identities, "table")
        ));
    }
    all.push(("Source", sentence));
    let mut parts = Vec::new();
    let there = finished(live);
    if !there.is_empty() {
        parts.push(format!("{} whole", names(&there)));
    }
    let half = half_made(live);
    if !half.is_empty() {
        parts.push(format!("{} half copied, to be dropped before another start", names(&half)));
    }
    parts.extend(left_on(live, Side::Target).into_iter().map(|what| format!("{what} still there")));
    if parts.is_empty() {
        parts.push("no database of this migration".to_owned());
    }
    all.push(("Target", parts.join("; ")));
    all
}

fn names(all: &[&str]) -> String {
    const MOST: usize = 4;
    let shown: Vec<_> = all.iter().take(MOST).map(|name| readable(name)).collect();
    let more = all.len().saturating_sub(MOST);
    let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{rest}", shown.join(", "))
}

fn choices(state: &State, live: &Live) -> Vec<(Button, String)> {
    live_buttons(state).into_iter().map(|button| (button, consequence(live, button))).collect()
}

/// What a button leads to, in a few words.
fn consequence(live: &Live, button: Button) -> String {
    let there = finished(live);
    let left = leftovers(live).len() as u64;
    match button {
        Button::TryAgain if !there.is_empty() => {
            format!("checks and copies the others; stays: {}", names(&there))
        }
        Button::TryAgain => "runs the check again, with everything as it is filled in".to_owned(),
        Button::StartOver => "cleans up and returns to step 1 with the form filled".to_owned(),
        Button::CleanUp if left > 0 => {
            format!("removes {} of replication; rows stay", count_of(left, "object"))
        }
        Button::CleanUp => "nothing of ours is left to remove".to_owned(),
        Button::SaveBundle => "log, report and versions, without secrets".to_owned(),
        Button::Continue => {
            let follow = live.following().count() as u64;
            format!("to step 4: {} keep following", count_of(follow, "database"))
        }
        Button::CloseWindow => "changes nothing".to_owned(),
        _ => String::new(),
    }
}
