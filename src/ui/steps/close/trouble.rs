//! What the last step has to say beside its numbers: who guards, what could not be asked and why, why a closing was refused,
//! and how far one is.

use crate::model::check::{Finding, Severity};
use crate::model::event::DatabaseOutcome;
use crate::model::status::DatabaseStatus;
use crate::model::units::{count_of, printable, readable};
use crate::ui::state::live::{Live, Wanted};
use crate::ui::state::{Engine, Overlay, Rights, State};
use std::collections::BTreeMap;

/// Findings of a refused closing that are named; the rest are counted.
const NAMED: usize = 3;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weight {
    News,
    Warning,
    Bad,
}

/// Something to be read whole, on the screen where it has room and else by `f`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    pub weight: Weight,
    pub text: String,
}

impl Note {
    fn new(weight: Weight, text: impl Into<String>) -> Self {
        Self { weight, text: text.into() }
    }

    pub fn sign(&self) -> &'static str {
        match self.weight {
            Weight::News => "↻ ",
            Weight::Warning => "▲ ",
            Weight::Bad => "✖ ",
        }
    }
}

/// The most pressing first.
pub fn notes(state: &State) -> Vec<Note> {
    let Some(live) = state.live.as_ref().filter(|live| live.is_following()) else { return Vec::new() };
    let mut all = if closes(state) { progress(live) } else { not_closed(live) };
    all.extend(complaints(live));
    if let Some(why) = &state.unanswered {
        all.push(Note::new(Weight::Bad, format!("Asking failed: {}", printable(why))));
    }
    if live.engine == Engine::Gone {
        let what = "No engine guards it: nobody looks at the WAL that the source keeps.";
        let next = if state.rights == Rights::Command { " Guard again, or close." } else { "" };
        all.push(Note::new(Weight::Warning, format!("{what}{next}")));
    }
    if live.engine == Engine::Gone && asking_fails(state) {
        let what = "u asks again, and for passwords where a server wants one.";
        all.push(Note::new(Weight::Warning, what));
    }
    all
}

/// A closing that this window wants, and that waits for nothing more.
pub fn is_closing(state: &State) -> bool {
    let Some(live) = &state.live else { return false };
    let asks = matches!(state.overlay, Some(Overlay::Passwords(_)));
    live.wanted == Some(Wanted::Close) && live.trying.is_none() && !asks
}

/// A closing that is under way, also another window's.
pub fn closes(state: &State) -> bool {
    let others = |live: &Live| live.engine.is_there() && !live.run.closing.is_empty();
    is_closing(state) || state.live.as_ref().is_some_and(others)
}

/// What it is at, database by database.
fn progress(live: &Live) -> Vec<Note> {
    let running = live.gauges.running.iter().filter(|r| live.run.closing.contains(&r.database));
    let mut all: Vec<_> = running
        .map(|r| Note::new(Weight::News, format!("{}: {}", readable(&r.database), printable(&r.what))))
        .collect();
    if all.is_empty() {
        let what = if live.run.closing.is_empty() { "Logging in to both servers" } else { "Closing" };
        all.push(Note::new(Weight::News, format!("{what} …")));
    }
    all
}

/// The same of several databases is said once.
fn complaints(live: &Live) -> Vec<Note> {
    let mut all: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for name in live.following() {
        let Some((status, _)) = live.status(name) else { continue };
        let Some(error) = &status.error else { continue };
        let asking = if status.unasked { "asking failed: " } else { "" };
        all.entry(format!("{asking}{}", printable(error))).or_default().push(readable(name));
    }
    let note = |(what, names): (String, Vec<String>)| format!("{}: {what}", names.join(", "));
    all.into_iter().map(|one| Note::new(Weight::Bad, note(one))).collect()
}

/// Why the last attempt to close it was refused. Each is said once, and only of what still follows.
fn not_closed(live: &Live) -> Vec<Note> {
    let follows = |name: &str| {
        live.run.databases.get(name).is_some_and(|d| d.outcome == Some(DatabaseOutcome::Following))
    };
    let refusals = live.run.findings.iter().filter(|f| f.id == NOT_CLOSED);
    refusals
        .filter_map(|finding| {
            let name = finding.database.as_deref().filter(|name| follows(name))?;
            let mut text = format!("{} is not closed: {}.", readable(name), printable(&finding.why));
            text.push_str(&differences(live, name));
            if !finding.fix.is_empty() {
                text.push_str(&format!(" What to do: {}.", printable(&finding.fix)));
            }
            Some(Note::new(Weight::Bad, text))
        })
        .collect()
}

/// What a refused closing is called among the findings.
pub const NOT_CLOSED: &str = "not-closed";

/// What the attempt found to be lost, which is why it was refused.
fn differences(live: &Live, name: &str) -> String {
    let of_it =
        |f: &&Finding| f.of_attempt && f.severity == Severity::Lost && f.database.as_deref() == Some(name);
    let all: Vec<_> = live.run.findings.iter().filter(of_it).collect();
    let mut text = String::new();
    for finding in all.iter().take(NAMED) {
        text.push_str(&format!(" {} ({}).", printable(&finding.title), printable(&finding.why)));
    }
    if all.len() > NAMED {
        let more = (all.len() - NAMED) as u64;
        text.push_str(&format!(" And {}.", count_of(more, "other difference")));
    }
    text
}

/// When the source last answered for what follows, the longest ago; absent where it has not for one of them.
pub fn answered_ms(live: &Live) -> Option<u64> {
    let mut all = live.following().map(|name| answered_for(live, name));
    all.try_fold(u64::MAX, |oldest, at| at.map(|at| at.min(oldest))).filter(|at| *at != u64::MAX)
}

/// The same for one of them.
pub fn answered_for(live: &Live, name: &str) -> Option<u64> {
    match live.status(name)? {
        (status, _) if status.at_ms > 0 => Some(status.at_ms),
        (status, _) if status.unasked => None,
        // An engine of a version that does not say.
        (_, at_ms) => Some(at_ms),
    }
}

/// Whether the last question about any of them failed.
pub fn asking_fails(state: &State) -> bool {
    state.unanswered.is_some() || state.live.as_ref().is_some_and(Live::is_unasked)
}

/// What whoever asked by hand is told, once there is an answer.
pub fn tell(state: &mut State) {
    let Some(live) = &mut state.live else { return };
    if !std::mem::take(&mut live.by_hand).is_on() {
        return;
    }
    match complaints(live).into_iter().next() {
        Some(note) => state.complain(note.text),
        None => state.say("Asked: both servers answer"),
    }
}

/// A question that failed is no answer: of those before it the moment stays.
pub fn answered(live: &mut Live, mut databases: Vec<DatabaseStatus>, now_ms: u64) {
    for status in databases.iter_mut().filter(|status| status.unasked && status.at_ms == 0) {
        status.at_ms = answered_for(live, &status.database).unwrap_or(0);
    }
    live.answered(databases, now_ms);
}
