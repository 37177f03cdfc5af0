//! Checks of room: disk, locks, what was allowed.

use super::{Check, Fix, Judge, Judged, PLAIN, Weight, blocker, info, warning};
use crate::engine::checks::facts::Facts;
use crate::engine::checks::provider::Provider;
use crate::model::plan::Plan;
use crate::model::units::{Side, human_bytes, readable, thousands};
use crate::pg::statement::fixes;

pub(super) const CHECKS: [Check; 4] = [
    Check {
        id: "total-size",
        title: "Size that was allowed",
        weight: Weight::Stops,
        what: "Whether all databases together are within --dbs-max-total-size.",
        why: "more was found than was allowed",
        fix: Fix::Same("raise --dbs-max-total-size, or leave databases out"),
        judge: Judge::Servers(total_size),
        ..PLAIN
    },
    Check {
        id: "disk",
        title: "Space on the target",
        weight: Weight::Stops,
        what: "Whether the target has room for 130 % of what is moved: rows, indexes, and the log and sort files that making \
               them takes. PostgreSQL does not tell how much room there is; where the target's files are on this machine it \
               is looked up, elsewhere --target-disk says it.",
        why: "a target whose disk fills up stops, and everybody on it with it",
        fix: Fix::On(Side::Target, grow),
        judge: Judge::Servers(disk),
        ..PLAIN
    },
    Check {
        id: "sizes-known",
        title: "Sizes",
        what: "Whether the source tells how large each database is.",
        why: "without its size a database counts for nothing in estimates and in the space that is needed",
        fix: Fix::Same("let the migration's user connect to it, or give it pg_read_all_stats"),
        judge: Judge::Servers(sizes_known),
        ..PLAIN
    },
    Check {
        id: "locks",
        title: "Locks for many tables",
        what: "Whether max_locks_per_transaction, times connections, leaves room for holding every table of the largest \
               database at once.",
        why: "the copy holds a lock on each table from beginning to end; with too few the server says out of shared memory",
        fix: Fix::On(Side::Source, |provider| provider.set("max_locks_per_transaction", "256")),
        judge: Judge::Servers(locks),
        ..PLAIN
    },
];

fn total_size(facts: &Facts, plan: &Plan) -> Judged {
    let total = facts.total_bytes();
    let Some(most) = plan.max_total_bytes else { return super::well() };
    if total <= most {
        // What is known fits; a size that is not may break the limit all the same.
        let unknown = facts.to_move().find(|w| w.candidate.facts.size_bytes.is_none());
        return match unknown {
            Some(wanted) => {
                Err(format!("the source does not tell the size of {}", readable(wanted.name())).into())
            }
            None => super::well(),
        };
    }
    let advice = format!(
        "they take {} ({total} bytes), and --dbs-max-total-size allows {} ({most} bytes)",
        human_bytes(total),
        human_bytes(most)
    );
    Ok(vec![blocker("Databases do not fit to the required maximum size").fix(advice)])
}

fn disk(facts: &Facts, plan: &Plan) -> Judged {
    let needed = facts.total_bytes().saturating_mul(13) / 10;
    let Some(free) = plan.target_disk_bytes.or(facts.target.free_bytes) else {
        let title =
            format!("the target does not tell how much room it has; it takes about {}", human_bytes(needed));
        return Ok(vec![
            info(title).fix("look it up, and name it with --target-disk BYTES to have it checked"),
        ]);
    };
    if free >= needed {
        return super::well();
    }
    let title =
        format!("the target has {} free, and about {} are needed", human_bytes(free), human_bytes(needed));
    Ok(vec![blocker(title)])
}

fn grow(provider: Provider) -> String {
    match provider {
        Provider::SelfHosted => "make room on the disk of its data directory, or leave databases out",
        Provider::Rds => "raise the allocated storage, or switch storage autoscaling on",
        Provider::Azure => "raise the storage; Azure advises 1.25 times the source's",
        Provider::Aiven => "choose a larger plan, or add disk to the service",
        Provider::CloudSql => "raise the storage, or switch its automatic increase on",
        _ => "raise its storage, or leave databases out",
    }
    .to_owned()
}

fn sizes_known(facts: &Facts, _: &Plan) -> Judged {
    let unknown = facts.databases.iter().filter(|w| w.candidate.facts.size_bytes.is_none());
    let names: Vec<_> = unknown.map(|w| readable(w.name())).collect();
    Ok(if names.is_empty() {
        Vec::new()
    } else {
        let statement = fixes::grant_role("pg_read_all_stats", facts.user(Side::Source));
        let fix = format!("on the source: {statement} — or let the migration's user connect to them");
        vec![info("the source does not tell the size of some databases").objects(names).fix(fix)]
    })
}

fn locks(facts: &Facts, _: &Plan) -> Judged {
    let settings = facts.source.settings.as_ref().map_err(Clone::clone)?;
    let number = |name: &str| settings.number(name);
    let Some((per, sessions)) = number("max_locks_per_transaction").zip(number("max_connections")) else {
        return Err("the settings of the lock table are hidden".to_owned().into());
    };
    // Half of the table is left to applications.
    let room = per.saturating_mul(sessions) / 2;
    let mut most = 0;
    for wanted in facts.to_move() {
        let tables = super::super::facts::of(wanted.source()?.tables.as_ref())?;
        most = most.max(i64::try_from(tables.len()).unwrap_or(i64::MAX));
    }
    if most <= room {
        return super::well();
    }
    let thousands = |n: i64| thousands(u64::try_from(n).unwrap_or(0));
    let title = format!(
        "a database has {} tables, and the source's lock table about {} places for us",
        thousands(most),
        thousands(room)
    );
    Ok(vec![warning(title)])
}
