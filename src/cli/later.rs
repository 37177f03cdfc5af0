//! What came of a stop or a clean, for people: what is gone, what is left, and how the migration itself stands by that.

use super::report::{is_clean, left_on_target, listed, table};
use crate::model::event::{DatabaseOutcome, ObjectKind};
use crate::model::run::{DatabaseRun, LedgerLine, LedgerState, Run};
use crate::model::units::{count_of, printable, readable};
use std::collections::BTreeSet;

/// Of what is gone, and of what is left, so many are named; the rest is counted.
const MOST_NAMED: usize = 20;

/// Of a command that was worked through. `before`: how the migration stood when it was given.
pub(super) fn report(run: &Run, before: &Run, journal: &str) -> Vec<String> {
    let mut lines = table(run);
    // What was found by earlier commands was told by them.
    lines.extend(listed(run.findings.iter().skip(before.findings.len()).collect()));
    let dropped = run.findings_dropped.saturating_sub(before.findings_dropped);
    if dropped > 0 {
        lines.push(format!("and {dropped} more findings that are only in the journal"));
    }
    lines.push(String::new());
    lines.push(gone(run, before));
    lines.push(left(run));
    lines.extend(left_on_target(run));
    lines.push(itself(run));
    lines.push(format!("All that happened is in {journal}"));
    lines
}

fn gone(run: &Run, before: &Run) -> String {
    let (was, is) = (of_replication(before), of_replication(run));
    let mut gone: Vec<_> = was.difference(&is).cloned().collect();
    let (was, is, theirs) = (half_made(before), half_made(run), not_ours(run));
    // One that came to its end meanwhile is whole, and there.
    let whole = run.databases.iter().filter(|(_, d)| d.outcome == Some(DatabaseOutcome::Done));
    let whole: BTreeSet<_> = whole.map(|(name, _)| on_target(name)).collect();
    let stays = |name: &&String| theirs.contains(*name) || whole.contains(*name);
    gone.extend(was.difference(&is).filter(|name| !stays(name)).cloned());
    let restored = identities(before).saturating_sub(identities(run));
    if restored > 0 {
        gone.push(format!("the changed replica identity of {}", count_of(restored, "table")));
    }
    if gone.is_empty() {
        return "Nothing had to be removed.".to_owned();
    }
    printable(&format!("Gone now: {}.", named(&gone)))
}

fn left(run: &Run) -> String {
    if is_clean(run) {
        return "Nothing that served replication is left on either server.".to_owned();
    }
    let mut left: Vec<_> = of_replication(run).into_iter().collect();
    let changed = identities(run);
    if changed > 0 {
        left.push(format!("the changed replica identity of {}", count_of(changed, "table")));
    }
    let (left, id) = (named(&left), &run.id);
    printable(&format!("LEFT: {left}; once both servers can be reached: pgpassage clean {id}"))
}

/// The outcome of the migration, which this command has not changed.
fn itself(run: &Run) -> String {
    let count = |which: fn(&DatabaseRun) -> bool| run.databases.values().filter(|d| which(d)).count() as u64;
    let all = run.databases.len() as u64;
    let moved = count(|d| d.outcome == Some(DatabaseOutcome::Done));
    let given_up = count(|d| d.followed && d.outcome == Some(DatabaseOutcome::Cancelled));
    let discontinued = "discontinued: what was copied until then stays on the target, and grows old";
    let what = match (moved, given_up) {
        (0, 0) => "no database was moved".to_owned(),
        (moved, 0) if moved == all => "every database was moved".to_owned(),
        (moved, 0) => format!("{moved} of {} moved", count_of(all, "database")),
        (0, given_up) if given_up == all => discontinued.to_owned(),
        (moved, given_up) => {
            format!("{moved} of {} moved, {given_up} {discontinued}", count_of(all, "database"))
        }
    };
    format!("The migration itself: {what}.")
}

/// What serves replication, as the ledger knows it.
fn of_replication(run: &Run) -> BTreeSet<String> {
    let kind = |kind| match kind {
        ObjectKind::Publication => Some("publication"),
        ObjectKind::Slot => Some("replication slot"),
        ObjectKind::Subscription => Some("subscription"),
        _ => None,
    };
    let ours = run.ledger.values().filter(|line| line.state != LedgerState::NotOurs);
    let named = ours.filter_map(|line| {
        let object = &line.object;
        Some(format!("{} {} on the {}", kind(object.kind)?, readable(&object.name), object.side))
    });
    named.collect()
}

/// Databases that were not brought to their end and are still there, or may be.
fn half_made(run: &Run) -> BTreeSet<String> {
    run.half_made().into_iter().map(|half| on_target(&half.name)).collect()
}

fn on_target(database: &str) -> String {
    format!("database {} on the target", readable(database))
}

/// One that turned out to be somebody else's is not gone: a finding says what became of it.
fn not_ours(run: &Run) -> BTreeSet<String> {
    let theirs =
        |line: &&LedgerLine| line.state == LedgerState::NotOurs && line.object.kind == ObjectKind::Database;
    let theirs = run.ledger.values().filter(theirs);
    theirs.map(|line| on_target(&line.object.name)).collect()
}

fn identities(run: &Run) -> u64 {
    run.databases.values().map(|d| d.identities.len() as u64).sum()
}

fn named(all: &[String]) -> String {
    let more = all.len().saturating_sub(MOST_NAMED);
    let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{rest}", all[..all.len() - more].join(", "))
}
