//! Where it did not go well: what happened, what each side looks like now, and what can be done.

use super::standing::{self, names};
use super::update::live_buttons;
use super::view_parts::rows;
use super::{LOGGING_IN, Of, dropped, finished, identities, is_all_there, left_on, leftovers, waits};
use crate::model::check::Severity;
use crate::model::event::{DatabaseOutcome, RoleStatus, RunOutcome};
use crate::model::task::Unfinished;
use crate::model::units::{Side, count_of, printable, readable};
use crate::ui::format::{clock, minute};
use crate::ui::message::Hit;
use crate::ui::state::live::{Ending, Live};
use crate::ui::state::{Button, Focus, Overlay, State};
use crate::ui::update::commandable;
use crate::ui::widgets::line::{Line, column};
use crate::ui::widgets::list::first_shown;
use crate::ui::widgets::paint::Paint;
use crate::ui::widgets::wrap::wrap;
use ratatui::layout::Rect;

/// Findings that are named; the rest are counted.
pub const NAMED: usize = 6;

pub fn view(p: &mut Paint<'_>, area: Rect, (state, live): (&State, &Live)) {
    let theme = p.theme;
    let choices = choices(state, live);
    let low = u16::try_from(choices.len()).unwrap_or(4) + 2;
    let [top, below] = rows(area, [area.height.saturating_sub(low), low]);
    let stopped = live.run.outcome == Some(RunOutcome::Stopped);
    let at = clock(live.run.worked_ms, state.utc_offset_s);
    let asks = matches!(state.overlay, Some(Overlay::Passwords(_)));
    let told = match (live.trying, live.wanted) {
        (Some(_), _) => LOGGING_IN,
        (None, Some(_)) if !asks => "↻ told to, working on it",
        _ => "",
    };
    let told = Line::new(told, theme.warn);
    let room = usize::from(top.width).saturating_sub(told.width() + 4);
    let title = if stopped {
        Line::new(format!("■ Stopped at {at}"), theme.warn)
    } else {
        let what = headline(live);
        let whole = Line::new(format!("✖ {what} at {at}"), theme.error);
        // When that was the log says.
        whole.or(room, || Line::new(format!("✖ {}", without_when(what)), theme.error))
    };
    let inner = p.panel(top, &title, &told);
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
    for (head, sentence) in sides(live, state.utc_offset_s) {
        for (number, piece) in wrap(&sentence, width.saturating_sub(9)).into_iter().enumerate() {
            let head = if number == 0 { head } else { "" };
            lines.push(Line::new(column(head, 9), theme.title).and(piece, theme.text));
        }
    }
    let room = usize::from(inner.height);
    let first = if state.focus == Focus::List { first_shown(live.selected, lines.len(), room) } else { 0 };
    p.lines_or_key(inner, &lines[first.min(lines.len())..], ("f", "shows all of it"));

    let inner = p.panel(below, &Line::new("Next", theme.title), &Line::default());
    for (row, (button, what)) in choices.into_iter().enumerate() {
        let focused = state.focus == Focus::Button(button) && state.overlay.is_none();
        let mut line = p.button(button.label(), focused.into());
        let pad = 17usize.saturating_sub(line.width());
        line.push(" ".repeat(pad), theme.text);
        let room = usize::from(inner.width).saturating_sub(line.width());
        line.append(Line::new(what, theme.dim).or(room, || Line::new(briefly(live, button), theme.dim)));
        p.line(inner, row, &line);
        p.hit((inner, row), (0, line.width()), Hit::Focus(Focus::Button(button)));
        if focused {
            p.cursor = Some((inner.x, inner.y + u16::try_from(row).unwrap_or(0)).into());
        }
    }
}

pub fn headline(live: &Live) -> &'static str {
    match (&live.ended, live.run.outcome) {
        (None, None) if waits(live) => "Broke off, and waits to go on;",
        (None, None) if live.run.keeping => "Not everything came across, the rest follows;",
        (Some(Ending::Broke(_)), _) | (_, None) => "The engine ended before its work was done, last heard of",
        (_, Some(RunOutcome::Refused)) => "Refused, nothing was changed,",
        (_, Some(RunOutcome::Partly)) if is_all_there(live) => {
            "Every database is there, not everything beside them; ended"
        }
        (_, Some(RunOutcome::Partly)) => "Not everything came across; ended",
        _ => "Failed",
    }
}

/// For a window that is too narrow for the time.
fn without_when(headline: &str) -> &str {
    let said = ["; ended", ", last heard of"].iter().find_map(|when| headline.strip_suffix(when));
    said.unwrap_or(headline).trim_end_matches([',', ';'])
}

/// All that the screen has to say, for a window that has no room for it.
pub fn whole(live: &Live, utc_offset_s: i32) -> String {
    let (mut all, advice) = cause(live);
    all.extend(advice);
    all.push(String::new());
    all.extend(sides(live, utc_offset_s).into_iter().map(|(side, sentence)| format!("{side}: {sentence}")));
    all.join("\n")
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
    for (name, waiting) in live.run.waiting() {
        what.push(format!("{}: {}", readable(name), printable(&waiting.because.what)));
        // Often the same for all of them.
        let more = waiting.because.advice.as_deref().map(printable).filter(|more| !advice.contains(more));
        advice.extend(more);
    }
    for (name, role) in live.run.roles.iter().filter(|(_, role)| role.status == RoleStatus::Failed) {
        what.push(format!("role {}: {}", readable(name), printable(&role.message)));
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
    if what.is_empty() && live.run.outcome != Some(RunOutcome::Stopped) {
        what.extend(broken_off(live));
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

/// What was at work when its engine ended, of which nothing else is told once it was taken back.
fn broken_off(live: &Live) -> impl Iterator<Item = String> {
    let all = live.run.databases.iter().filter(|(_, d)| d.outcome == Some(DatabaseOutcome::Cancelled));
    all.map(|(name, d)| format!("{}: {}", readable(name), printable(&d.message)))
}

/// What each side looks like now, as the ledger knows it.
pub fn sides(live: &Live, utc_offset_s: i32) -> Vec<(&'static str, String)> {
    if let (true, Some((_, waiting))) = (waits(live), live.run.waiting().next()) {
        return waiting_sides(live, &minute(waiting.until_ms, utc_offset_s));
    }
    let mut all = Vec::new();
    let source = left_on(live, (Side::Source, Of::Unfinished));
    let changed = identities(live);
    let mut sentence = if source.is_empty() && live.is_following() {
        "serves what follows; nothing else of ours is left".to_owned()
    } else if source.is_empty() && changed > 0 {
        "nothing of ours is left".to_owned()
    } else if source.is_empty() {
        "unchanged; nothing of ours is left".to_owned()
    } else {
        format!("still there, keeping WAL until Clean up: {}", source.join(", "))
    };
    if changed > 0 {
        let tables = count_of(changed, "table");
        sentence.push_str(&format!("; the replica identity of {tables} is still changed"));
    }
    all.push(("Source", sentence));
    let mut parts = standing::all(live);
    let left = left_on(live, (Side::Target, Of::Unfinished));
    parts.extend(left.into_iter().map(|what| format!("{what} still there")));
    all.push(("Target", parts.join("; ")));
    all
}

/// Where something is held open for it.
fn waiting_sides(live: &Live, until: &str) -> Vec<(&'static str, String)> {
    let source = format!(
        "held open until {until}, for Try again: a snapshot, for which VACUUM clears nothing away that is deleted now, and \
         locks against changes of tables"
    );
    let slots = left_on(live, (Side::Source, Of::Unfinished));
    let slots =
        if slots.is_empty() { String::new() } else { format!("; its WAL is kept for {}", slots.join(", ")) };
    let waiting: Vec<_> = live.run.waiting().map(|(name, _)| name).collect();
    let databases = live.run.waiting().filter_map(|(name, _)| live.run.databases.get(name));
    let (done, all) = databases.fold((0, 0), |sum, d| (sum.0 + d.tables_copied, sum.1 + d.tables));
    let mut target =
        vec![format!("{} half copied: {done} of {} there", names(&waiting), count_of(all, "table"))];
    target.extend(standing::but(live, &waiting));
    vec![("Source", format!("{source}{slots}")), ("Target", target.join("; "))]
}

fn choices(state: &State, live: &Live) -> Vec<(Button, String)> {
    live_buttons(state).into_iter().map(|button| (button, consequence(live, button))).collect()
}

/// What a button leads to, in a few words.
pub fn consequence(live: &Live, button: Button) -> String {
    let waits = waits(live);
    // What an engine guards is not taken from under it.
    let guarded = live.run.keeping && commandable(live);
    match button {
        Button::TryAgain => again(live),
        Button::StartOver | Button::CleanUp if waits => {
            "not while it waits to go on: stop it first (s)".to_owned()
        }
        Button::StartOver | Button::CleanUp if guarded => {
            "not while the rest follows: stop that first (s)".to_owned()
        }
        Button::StartOver => "cleans up and returns to step 1 with the form filled".to_owned(),
        Button::CleanUp => clean_up(live),
        Button::SaveBundle => "log, report and versions, without secrets".to_owned(),
        Button::Continue => {
            let follow = live.following().count() as u64;
            let keep = if follow == 1 { "keeps" } else { "keep" };
            format!("to step 4: {} {keep} following", count_of(follow, "database"))
        }
        Button::CloseWindow => "changes nothing".to_owned(),
        _ => String::new(),
    }
}

/// The same in fewer words; the dialog behind the button has all of them.
fn briefly(live: &Live, button: Button) -> String {
    let guarded = live.run.keeping && commandable(live);
    match button {
        Button::TryAgain if waits(live) => "goes on, under the same snapshot",
        Button::TryAgain if live.run.databases.is_empty() => "runs the check again",
        Button::TryAgain if finished(live).is_empty() => "copies all of it anew",
        Button::TryAgain => "copies the others anew",
        Button::StartOver | Button::CleanUp if waits(live) => "after a stop (s): it waits to go on",
        Button::StartOver | Button::CleanUp if guarded => "after a stop (s): the rest follows",
        Button::StartOver => "cleans up; step 1, form filled",
        Button::CleanUp => return clean_up_briefly(live),
        Button::SaveBundle => "log and report, without secrets",
        _ => return consequence(live, button),
    }
    .to_owned()
}

fn clean_up_briefly(live: &Live) -> String {
    let left = leftovers(live, Of::All).len() as u64;
    match (left, dropped(live, Unfinished::Drop).len() as u64) {
        (0, 0) if identities(live) > 0 => "sets replica identities back".to_owned(),
        (0, 0) => clean_up(live),
        (0, drops) => format!("drops {}", count_of(drops, "half copied database")),
        (left, 0) => format!("removes {}; rows stay", count_of(left, "object")),
        (left, drops) => {
            format!("removes {}, drops {}", count_of(left, "object"), count_of(drops, "database"))
        }
    }
}

fn again(live: &Live) -> String {
    let there = finished(live);
    if waits(live) {
        "goes on where it broke off, under the same snapshot".to_owned()
    } else if live.run.databases.is_empty() {
        "runs the check again, with everything as it is filled in".to_owned()
    } else if there.is_empty() {
        "copies all of it anew, with the same choices".to_owned()
    } else {
        format!("copies the others anew, the same way; stays: {}", names(&there))
    }
}

fn clean_up(live: &Live) -> String {
    let left = leftovers(live, Of::All).len() as u64;
    let drops = dropped(live, Unfinished::Drop).len() as u64;
    match (left, drops) {
        (0, 0) if identities(live) > 0 => "sets replica identities back on the source".to_owned(),
        (0, 0) => "nothing of ours is left to remove".to_owned(),
        (0, drops) => format!("drops {} on the target", count_of(drops, "half copied database")),
        (left, 0) => format!("removes {} of replication; rows stay", count_of(left, "object")),
        (left, drops) => {
            let (left, drops) = (count_of(left, "object"), count_of(drops, "database"));
            format!("removes {left} of replication, drops {drops}")
        }
    }
}
