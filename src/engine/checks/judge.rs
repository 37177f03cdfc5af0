//! Which databases are to be moved, and what becomes of those that cannot be.

use super::gather::Reached;
use crate::engine::database::Candidate;
use crate::model::failure::Failure;
use crate::model::plan::{Fallback, Method, MethodPolicy, Plan};
use crate::pg::facts::databases::DatabaseFacts;

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

/// With nothing left that could be moved, nothing is begun.
pub(super) fn all_blocked(candidates: &[Candidate]) -> Result<(), Failure> {
    let mut sentences = Vec::new();
    let mut advice = None;
    for candidate in candidates {
        let Some(failure) = &candidate.blocked else { return Ok(()) };
        sentences.push(format!("database {}: {}", candidate.facts.name, failure.what));
        advice = advice.or_else(|| failure.advice.clone());
    }
    let refused = Failure::refused(sentences.join("; "));
    Err(match advice {
        Some(advice) => refused.advise(advice),
        None => refused,
    })
}
