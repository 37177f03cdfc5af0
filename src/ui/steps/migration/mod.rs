//! Step 3: the plan before the start, the copy while it runs, and what to do where it failed.

pub mod failure;
pub mod live;
pub mod plan;
pub mod tables;
pub mod update;
pub mod view_parts;

use crate::model::event::{DatabaseOutcome, ObjectKind, RunOutcome};
use crate::model::run::LedgerState;
use crate::model::units::{Side, count_of};
use crate::ui::state::form::{Form, as_word};
use crate::ui::state::live::{Ending, Live};
use crate::ui::update::died;

/// It is over, and not everything that was asked for is there.
pub fn failed(live: &Live) -> bool {
    let bad = |outcome| {
        matches!(outcome, RunOutcome::Failed | RunOutcome::Partly | RunOutcome::Refused | RunOutcome::Stopped)
    };
    match (&live.ended, live.run.outcome) {
        (Some(Ending::Broke(_)), None) if live.run.keeping => false,
        (Some(Ending::Broke(_)), _) => true,
        (_, Some(outcome)) => bad(outcome),
        (Some(Ending::Ended(outcome)), None) => bad(*outcome),
        (None, None) => died(live),
    }
}

/// What this migration made for replication and has not removed, as the ledger knows it.
pub fn leftovers(live: &Live) -> Vec<String> {
    [Side::Source, Side::Target]
        .into_iter()
        .flat_map(|side| left_on(live, side).into_iter().map(move |what| format!("{what} on the {side}")))
        .collect()
}

/// The same in few words: by name where they are few.
pub fn leftovers_short(live: &Live) -> String {
    const NAMED: usize = 2;
    let all = leftovers(live);
    if all.len() <= NAMED {
        return all.join(", ");
    }
    let count = |kind: &str| all.iter().filter(|what| what.starts_with(kind)).count() as u64;
    let kinds = ["publication", "slot", "subscription"].map(|kind| (count(kind), kind));
    kinds.iter().filter(|(n, _)| *n > 0).map(|(n, kind)| count_of(*n, kind)).collect::<Vec<_>>().join(", ")
}

/// The same for one side.
pub fn left_on(live: &Live, side: Side) -> Vec<String> {
    let serves = |kind| matches!(kind, ObjectKind::Publication | ObjectKind::Slot | ObjectKind::Subscription);
    let ours = live.run.ledger.values().filter(|l| l.state != LedgerState::NotOurs && serves(l.object.kind));
    ours.filter(|line| line.object.side == side)
        .map(|line| {
            let kind = match line.object.kind {
                ObjectKind::Publication => "publication",
                ObjectKind::Slot => "slot",
                _ => "subscription",
            };
            let name = crate::model::units::readable(&line.object.name);
            format!("{kind} {name}")
        })
        .collect()
}

/// Databases that this migration made on the target and did not bring to an end.
pub fn half_made(live: &Live) -> Vec<&str> {
    let through = |name: &str| {
        let outcome = live.run.databases.get(name).and_then(|d| d.outcome);
        matches!(outcome, Some(DatabaseOutcome::Done | DatabaseOutcome::Following))
    };
    let made = live.run.ledger.values().filter(|l| l.state != LedgerState::NotOurs);
    made.filter(|l| l.object.kind == ObjectKind::Database && !through(&l.object.name))
        .map(|l| l.object.name.as_str())
        .collect()
}

/// Databases that are on the target with everything that was asked for.
pub fn finished(live: &Live) -> Vec<&str> {
    let there = |o| matches!(o, Some(DatabaseOutcome::Done | DatabaseOutcome::Following));
    live.run.databases.iter().filter(|(_, d)| there(d.outcome)).map(|(name, _)| name.as_str()).collect()
}

/// Fills a form that is empty with what an earlier migration was asked for. Passwords are not among it.
pub fn fill_from(form: &mut Form, live: &Live) {
    for (server, text) in
        [(&mut form.source, &live.shown.source_conninfo), (&mut form.target, &live.shown.target_conninfo)]
    {
        if server.short().is_none() && !text.is_empty() {
            // It comes from a plan that was read before, and is no text of the operator's.
            drop(server.fill(text));
        }
    }
    if form.exclude.trimmed().is_empty() {
        let words: Vec<_> = live.shown.excluded.iter().map(|name| as_word(name)).collect();
        form.exclude.set(words.join(" "));
    }
}
