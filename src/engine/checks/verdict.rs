//! What the checks amount to for each database: how it can be moved, and roughly how long that takes.

use super::facts::Facts;
use super::gather::followable;
use super::tell::Told;
use crate::engine::emit::Emitter;
use crate::engine::room::workers;
use crate::model::check::Possible;
use crate::model::event::Event;
use crate::model::plan::{MethodPolicy, Plan};

/// What one worker moves in a second, indexes included: half of what it does between two servers on one machine.
const BYTES_PER_S: u64 = 15 * 1024 * 1024;

pub(super) fn tell(facts: &Facts, plan: &Plan, told: &Told, emit: &Emitter) {
    let workers = workers(plan, facts.source.server.cores, facts.target.server.cores);
    for wanted in &facts.databases {
        let name = wanted.name();
        let unreachable = wanted.source.as_ref().err();
        let blocked = told.blocked.get(name).map(|blocked| &blocked.failure);
        let not_snapshot = told.refusal.as_ref().or(blocked).or(unreachable);
        let not_snapshot = not_snapshot.map(|failure| failure.what.clone());
        let not_continuous = if plan.method == MethodPolicy::Dump {
            Some("a snapshot was asked for".to_owned())
        } else {
            not_snapshot.clone().or_else(|| why_not_followed(facts, told, name))
        };
        let size_bytes = wanted.candidate.facts.size_bytes;
        let estimate_s = size_bytes.map(|bytes| estimate_s(bytes, workers));
        let rate = facts.probes.wal_bytes_per_s.as_ref().ok();
        let wal_bytes = estimate_s.zip(rate).map(|(seconds, rate)| seconds.saturating_mul(*rate));
        let database = name.to_owned();
        let possible = Possible { database, not_continuous, not_snapshot, size_bytes, estimate_s, wal_bytes };
        emit.record(Event::DatabaseJudged { possible });
    }
}

/// As the migration itself decides, and where a check has tried more than it does, by that.
fn why_not_followed(facts: &Facts, told: &Told, name: &str) -> Option<String> {
    if let Err(failure) = &facts.probes.means {
        return Some(failure.what.clone());
    }
    let wanted = facts.databases.iter().find(|w| w.name() == name)?;
    if let Err(failure) = followable(wanted) {
        return Some(failure.what);
    }
    let tried = told.not_continuous.first().or_else(|| told.not_followed.get(name)?.first());
    tried.cloned()
}

fn estimate_s(bytes: u64, workers: u32) -> u64 {
    bytes / (BYTES_PER_S * u64::from(workers.max(1))) + 1
}

#[cfg(test)]
mod tests {
    use super::estimate_s;

    #[test]
    fn more_workers_take_less_time_and_nothing_takes_none() {
        assert_eq!(estimate_s(0, 4), 1);
        assert_eq!(estimate_s(3 << 30, 2), 103);
        assert_eq!(estimate_s(3 << 30, 4), 52);
        assert_eq!(estimate_s(1 << 20, 0), 1);
    }
}
