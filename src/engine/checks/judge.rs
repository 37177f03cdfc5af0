//! Which databases are to be moved, and what becomes of those that cannot be.

use super::gather::Reached;
use super::tell::Blocked;
use crate::engine::database::Candidate;
use crate::model::failure::Failure;
use crate::model::plan::{Fallback, Method, MethodPolicy, Plan};
use crate::model::units::{count_of, readable};
use crate::pg::facts::databases::DatabaseFacts;
use std::collections::{BTreeMap, BTreeSet};

/// Databases that belong to the system or to a provider: they are part of every server of their kind.
const NOT_USERS: [&str; 9] = [
    "template0",
    "template1",
    "rdsadmin",
    "cloudsqladmin",
    "alloydbadmin",
    "azure_maintenance",
    "azure_sys",
    "_aiven",
    "_dodb",
];

pub(crate) const NOT_CONTINUOUS: &str = "continuous migration is not possible";

/// The databases that are to be moved, with the reason for those that are known not to let us in; and the
/// names of the others.
pub(super) fn candidates(plan: &Plan, source: &Reached, target: &Reached) -> (Vec<Candidate>, Vec<String>) {
    let scope = &plan.scope;
    let is_wanted = |d: &&DatabaseFacts| {
        let named = scope.databases.contains(&d.name);
        scope.wants_database(&d.name) && (named || !NOT_USERS.contains(&d.name.as_str()))
    };
    let (wanted, left): (Vec<_>, Vec<_>) = source.databases.iter().partition(is_wanted);
    let candidates = wanted.into_iter().map(|d| candidate(plan, d, &target.databases)).collect();
    (candidates, left.into_iter().map(|d| d.name.clone()).collect())
}

fn candidate(plan: &Plan, facts: &DatabaseFacts, on_target: &[DatabaseFacts]) -> Candidate {
    let blocked = if !facts.allows_connections {
        Some(Failure::refused("the source's database does not accept connections").advise(
            "on the source: ALTER DATABASE … ALLOW_CONNECTIONS true, or leave it out with --exclude-database",
        ))
    } else if !facts.may_connect {
        Some(Failure::refused("the source's user has no CONNECT privilege on the database").advise(
            "on the source: GRANT CONNECT ON DATABASE … TO the migration's user, or leave it out with --exclude-database",
        ))
    } else {
        None
    };
    let on_target = on_target.iter().find(|d| d.name == facts.name).cloned();
    let method = match plan.method {
        MethodPolicy::Dump => Method::Dump,
        MethodPolicy::Replication | MethodPolicy::Auto(_) => Method::Replication,
    };
    Candidate {
        facts: facts.clone(),
        on_target,
        occupied: false,
        defaults: Vec::new(),
        method,
        fell_back: None,
        blocked,
    }
}

/// A database that cannot be moved continuously: by a snapshot, not at all, or nothing is begun.
pub(super) fn not_continuous(
    plan: &Plan,
    candidate: &mut Candidate,
    failure: Failure,
) -> Result<(), Failure> {
    match plan.method {
        MethodPolicy::Auto(Fallback::Dump) => {
            candidate.method = Method::Dump;
            candidate.fell_back = Some(failure);
        }
        MethodPolicy::Auto(Fallback::Fail) => {
            return Err(failure.while_doing(format!("database {}: {NOT_CONTINUOUS}", candidate.facts.name)));
        }
        MethodPolicy::Auto(Fallback::Skip) | MethodPolicy::Replication => {
            candidate.blocked = Some(failure.while_doing(NOT_CONTINUOUS));
        }
        MethodPolicy::Dump => {}
    }
    Ok(())
}

/// Databases that a refusal names.
const MOST_NAMED: usize = 10;

/// With a database that cannot be moved, nothing is begun, unless the operator said that such databases are left out: to
/// find out in the end that one of them stayed behind would be too late.
///
/// # Errors
/// Which databases, why, and the ways on.
pub(super) fn none_impossible(
    plan: &Plan,
    candidates: &[Candidate],
    blocked: &BTreeMap<String, Blocked>,
) -> Result<(), Failure> {
    if plan.method == MethodPolicy::Auto(Fallback::Skip) {
        return Ok(());
    }
    let names = candidates.iter().map(|c| c.facts.name.as_str());
    let found: Vec<_> = names.filter_map(|name| Some((name, blocked.get(name)?))).collect();
    if found.is_empty() {
        return Ok(());
    }
    let reasons: Vec<_> = found.iter().map(|(name, blocked)| (*name, &blocked.failure)).collect();
    let all: Vec<_> = found.iter().map(|(_, blocked)| *blocked).collect();
    Err(Failure::refused(sentence(&reasons)).advise(ways_on(plan, &all)))
}

fn sentence(reasons: &[(&str, &Failure)]) -> String {
    let named = reasons.iter().take(MOST_NAMED);
    let mut parts: Vec<_> =
        named.map(|(name, failure)| format!("database {}: {}", readable(name), failure.what)).collect();
    if let more @ 1.. = reasons.len().saturating_sub(MOST_NAMED) {
        parts.push(format!("and {} more", count_of(more as u64, "database")));
    }
    parts.join("; ")
}

/// What helps, and how to go on without these databases or in spite of what was found.
fn ways_on(plan: &Plan, blocked: &[&Blocked]) -> String {
    let mut ways = match blocked {
        [one] => one.failure.advice.clone().unwrap_or_default(),
        _ => "pgpassage check with the same arguments says what helps each of them".to_owned(),
    };
    // What a fix says already is not said again.
    let mut add = |flag: &str, way: &str| {
        if !ways.contains(flag) {
            let or = match ways.chars().last() {
                None => "",
                Some(';') => " or ",
                Some(_) => "; or ",
            };
            ways.push_str(&format!("{or}{way}"));
        }
    };
    let them = if blocked.len() == 1 { "it" } else { "them" };
    add("--exclude-database", &format!("leave {them} out with --exclude-database"));
    if matches!(plan.method, MethodPolicy::Auto(_)) {
        add("--fallback", "leave out whatever cannot be followed, with --fallback skip");
    }
    let checks: BTreeSet<_> = blocked.iter().filter_map(|b| b.skippable).collect();
    if !checks.is_empty() {
        let checks: Vec<_> = checks.into_iter().collect();
        add("--skip-check", &format!("take the risk with --skip-check {}", checks.join(",")));
    }
    ways
}

/// With nothing left that could be moved, nothing is begun.
pub(super) fn all_blocked(candidates: &[Candidate]) -> Result<(), Failure> {
    let mut reasons = Vec::new();
    for candidate in candidates {
        let Some(failure) = &candidate.blocked else { return Ok(()) };
        reasons.push((candidate.facts.name.as_str(), failure));
    }
    let refused = Failure::refused(sentence(&reasons));
    Err(match reasons.into_iter().find_map(|(_, failure)| failure.advice.clone()) {
        Some(advice) => refused.advise(advice),
        None => refused,
    })
}
