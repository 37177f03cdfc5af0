//! Step 3: the plan before the start, the copy while it runs, and what to do where it failed.

pub mod charts;
pub mod failure;
pub mod live;
pub mod plan;
pub mod restrictions;
pub mod standing;
pub mod tables;
pub mod update;
pub mod view_parts;

use crate::model::check::Finding;
use crate::model::event::{DatabaseOutcome, ObjectKind, RunOutcome};
use crate::model::half_made::HalfMade;
use crate::model::run::{DatabaseRun, LedgerLine, LedgerState};
use crate::model::task::Unfinished;
use crate::model::units::{Side, count_of, printable, readable};
use crate::ui::state::form::{Form, Server, as_word};
use crate::ui::state::live::{Ending, Live};
use crate::ui::update::{commandable, died};

/// Whoever leaves meanwhile has changed nothing.
pub const LOGGING_IN: &str = "↻ logging in, nothing begun yet";

/// It is over but for what follows, and not everything that was asked for is there.
pub fn failed(live: &Live) -> bool {
    let bad = |outcome| {
        matches!(outcome, RunOutcome::Failed | RunOutcome::Partly | RunOutcome::Refused | RunOutcome::Stopped)
    };
    match (&live.ended, live.run.outcome) {
        // By the operator: the last step says so.
        _ if live.run.is_discontinued() => false,
        (Some(Ending::Broke(_)), None) if live.run.keeping => false,
        (Some(Ending::Broke(_)), _) => true,
        (_, Some(outcome)) => bad(outcome),
        (Some(Ending::Ended(outcome)), None) => bad(*outcome),
        (None, None) if waits(live) => live.run.stopping.is_none(),
        (None, None) if live.run.keeping && live.run.stopping.is_none() => !unfinished(live).is_empty(),
        (None, None) => died(live),
    }
}

/// Databases wait to go on, and an engine holds open what they need for that: one that died holds nothing.
pub fn waits(live: &Live) -> bool {
    commandable(live) && live.run.waiting().next().is_some()
}

/// Whose leftovers are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Of {
    All,
    /// Of databases that do not follow: what is taken back before they are begun anew.
    Unfinished,
}

/// What this migration made for replication and has not removed, as the ledger knows it.
pub fn leftovers(live: &Live, of: Of) -> Vec<String> {
    [Side::Source, Side::Target]
        .into_iter()
        .flat_map(|side| {
            left_on(live, (side, of)).into_iter().map(move |what| format!("{what} on the {side}"))
        })
        .collect()
}

/// The same in few words: by name where they are few.
pub fn leftovers_short(live: &Live, of: Of) -> String {
    in_few_words(&leftovers(live, of))
}

/// What they are, by name or counted.
pub fn in_few_words(all: &[String]) -> String {
    const NAMED: usize = 2;
    if all.len() <= NAMED {
        return all.join(", ");
    }
    let count = |kind: &str| all.iter().filter(|what| what.starts_with(kind)).count() as u64;
    let kinds = ["publication", "slot", "subscription"].map(|kind| (count(kind), kind));
    kinds.iter().filter(|(n, _)| *n > 0).map(|(n, kind)| count_of(*n, kind)).collect::<Vec<_>>().join(", ")
}

/// The same for one side.
pub fn left_on(live: &Live, (side, of): (Side, Of)) -> Vec<String> {
    let serves = |kind| matches!(kind, ObjectKind::Publication | ObjectKind::Slot | ObjectKind::Subscription);
    let ours = live.run.ledger.values().filter(|l| l.state != LedgerState::NotOurs && serves(l.object.kind));
    let follows = |l: &LedgerLine| live.following().any(|name| l.object.database.as_ref() == Some(name));
    ours.filter(|line| line.object.side == side && (of == Of::All || !follows(line)))
        .map(|line| {
            let kind = match line.object.kind {
                ObjectKind::Publication => "publication",
                ObjectKind::Slot => "slot",
                _ => "subscription",
            };
            format!("{kind} {}", readable(&line.object.name))
        })
        .collect()
}

/// Tables of the source whose replica identity is not what it was.
pub fn identities(live: &Live) -> u64 {
    live.run.databases.values().map(|d| d.identities.len() as u64).sum()
}

/// The same of databases that do not follow.
pub fn identities_of_unfinished(live: &Live) -> u64 {
    let follows = |d: &DatabaseRun| d.outcome == Some(DatabaseOutcome::Following);
    let all = live.run.databases.values().filter(|d| !follows(d));
    all.map(|d| d.identities.len() as u64).sum()
}

/// Databases on the target that are ours beyond doubt, not whole, and dropped by a clean-up of this kind.
pub fn dropped(live: &Live, which: Unfinished) -> Vec<HalfMade> {
    let mut all = live.run.half_made();
    all.retain(|half| half.oid.is_some() && which.drops(half));
    all
}

/// Their names, with what is known to be in them.
pub fn with_sizes(all: &[HalfMade]) -> String {
    let one = |half: &HalfMade| format!("{} ({})", readable(&half.name), half.copied());
    all.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// Why one of them was not dropped when that was asked for.
pub fn why_kept(live: &Live, half: &HalfMade) -> Option<String> {
    let of_it = |f: &&Finding| f.id == "not-dropped" && f.database.as_deref() == Some(half.name.as_str());
    live.run.findings.iter().rfind(of_it).map(|finding| printable(&finding.why))
}

/// Whether the last word on it is that the engine that guards the rest is not let in.
pub fn not_let_in(live: &Live) -> bool {
    let of_it = |f: &&Finding| f.id == "not-dropped" || f.id == "not-taken-back";
    live.run.findings.iter().rfind(of_it).is_some_and(|finding| finding.id == "not-taken-back")
}

/// Databases that are begun anew by Try again.
pub fn unfinished(live: &Live) -> Vec<&str> {
    let there = |o| matches!(o, Some(DatabaseOutcome::Done | DatabaseOutcome::Following));
    live.run.databases.iter().filter(|(_, d)| !there(d.outcome)).map(|(name, _)| name.as_str()).collect()
}

/// All databases are; what is missing belongs to none of them, such as a role.
pub fn is_all_there(live: &Live) -> bool {
    !live.run.databases.is_empty() && unfinished(live).is_empty()
}

/// Databases that are on the target with everything that was asked for.
pub fn finished(live: &Live) -> Vec<&str> {
    let there = |o| matches!(o, Some(DatabaseOutcome::Done | DatabaseOutcome::Following));
    live.run.databases.iter().filter(|(_, d)| there(d.outcome)).map(|(name, _)| name.as_str()).collect()
}

/// Fills a form that is not this migration's with what it was asked for. Passwords are not among that: those that were typed
/// were typed for its servers, and stay.
pub fn fill_from(form: &mut Form, live: &Live) {
    let mut others = false;
    for (side, text) in
        [(Side::Source, &live.shown.source_conninfo), (Side::Target, &live.shown.target_conninfo)]
    {
        let (server, mut filled) = (form.server_mut(side), Server::default());
        // It comes from a plan that was read before.
        if !filled.fill(text).unwrap_or(false) || server.is_at(&filled) {
            continue;
        }
        filled.password = std::mem::take(&mut server.password);
        *server = filled;
        others = true;
    }
    if others || form.exclude.trimmed().is_empty() {
        let words: Vec<_> = live.shown.excluded.iter().map(|name| as_word(name)).collect();
        form.exclude.set(words.join(" "));
    }
    if others || form.skip_tables.trimmed().is_empty() {
        form.skip_tables.set(live.shown.skipped_tables.join(", "));
    }
    if others {
        form.jobs.set(live.shown.jobs.map(|jobs| jobs.to_string()).unwrap_or_default());
        (form.identity, form.not_empty) = (live.shown.identity, live.shown.not_empty);
    }
}
