//! Judgements on what was found: facts in, a refusal or a finding out.

use super::gather::Reached;
use crate::engine::database::Candidate;
use crate::engine::emit::Emitter;
use crate::model::check::Finding;
use crate::model::event::Event;
use crate::model::failure::Failure;
use crate::model::plan::{Fallback, Keep, Method, MethodPolicy, Plan};
use crate::model::units::{Side, TableName, human_bytes};
use crate::pg::facts::databases::DatabaseFacts;
use std::collections::BTreeMap;

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

pub(super) const NOT_CONTINUOUS: &str = "continuous migration is not possible";

/// Same server, version, standby.
pub(super) fn servers(
    plan: &Plan,
    source: &Reached,
    target: &Reached,
    emit: &Emitter,
) -> Result<(), Failure> {
    let same = match (&source.facts.identity, &target.facts.identity) {
        (Some(a), Some(b)) if a == b => true,
        (Some(a), Some(b)) if a.system_identifier == b.system_identifier => {
            let finding =
                Finding::warning("physical-copy", "source and target are physical copies of one another")
                    .because("both servers have the same system identifier, but are not the same process");
            emit.record(Event::Finding { finding });
            false
        }
        (Some(_), Some(_)) => false,
        // Not told: the addresses are all there is.
        _ => source.server.endpoint().hosts == target.server.endpoint().hosts,
    };
    if same {
        return Err(Failure::refused("Migrating to the same server is not supported")
            .advise("source and target address the same running server; check both"));
    }
    let (from, to) = (source.facts.version, target.facts.version);
    if from.major() < 10 || to.major() < 10 {
        return Err(Failure::refused(format!(
            "PostgreSQL {} is not supported; servers from 10 on are",
            from.min(to)
        )));
    }
    if to.major() < from.major() {
        if plan.policies.version_check == Keep::Yes {
            return Err(Failure::refused(
                "Migrating to older major PostgreSQL server version is not supported",
            )
            .advise(format!(
                "the source has {from}, the target {to}; choose a newer target, or take the risk with \
                     --skip-db-version-check"
            )));
        }
        let finding =
            Finding::warning("older-target", format!("the target ({to}) is older than the source ({from})"))
                .because("what the older server does not know cannot be made there; each loss is reported");
        emit.record(Event::Finding { finding });
    }
    if target.facts.in_recovery {
        return Err(Failure::refused(format!("the {} is a standby and takes no writes", Side::Target))
            .advise("connect to its primary"));
    }
    Ok(())
}

/// Which databases are to be moved, largest first, with the reason for those that cannot be.
pub(super) fn databases(
    plan: &Plan,
    source: &Reached,
    target: &Reached,
    emit: &Emitter,
) -> Result<Vec<Candidate>, Failure> {
    let scope = &plan.scope;
    let known = |name: &String| source.databases.iter().any(|d| d.name == *name);
    if let Some(missing) = scope.databases.iter().find(|name| !known(name)) {
        return Err(Failure::refused(format!("database \"{missing}\" does not exist on the source"))
            .advise("check the names given with --database; for several, give it several times"));
    }
    for name in scope.excluded_databases.iter().filter(|name| !known(name)) {
        let finding = Finding::info(
            "filter",
            format!("database {name}, which is to be left out, is not on the source"),
        );
        emit.record(Event::Finding { finding });
    }
    let wanted = |d: &&DatabaseFacts| {
        let named = scope.databases.contains(&d.name);
        scope.wants_database(&d.name) && (named || !NOT_USERS.contains(&d.name.as_str()))
    };
    let mut candidates: Vec<_> =
        source.databases.iter().filter(wanted).map(|d| candidate(plan, d, &target.databases)).collect();
    candidates
        .sort_by(|a, b| b.facts.size_bytes.cmp(&a.facts.size_bytes).then(a.facts.name.cmp(&b.facts.name)));
    if candidates.is_empty() {
        return Err(Failure::refused("there is no database to migrate")
            .advise("check --database, --exclude-database and --filtered-db"));
    }
    creatable(plan, &candidates, target)?;
    fits(plan, &candidates)?;
    Ok(candidates)
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

fn creatable(plan: &Plan, candidates: &[Candidate], target: &Reached) -> Result<(), Failure> {
    let mut missing = candidates.iter().filter(|c| c.on_target.is_none() && c.blocked.is_none());
    let Some(first) = missing.next() else { return Ok(()) };
    let name = &first.facts.name;
    if plan.policies.create_databases == Keep::No {
        return Err(Failure::refused(format!(
            "Database '{name}' doesn't exist in target (not creating databases)"
        ))
        .advise("create it there, or leave out --no-createdb"));
    }
    if !target.facts.superuser && !target.facts.may_create_databases {
        return Err(Failure::refused(format!(
            "the target's user {} may not create databases, and '{name}' does not exist there",
            target.facts.user
        ))
        .advise(format!(
            "on the target: ALTER ROLE {} CREATEDB, or create the database",
            target.facts.user
        )));
    }
    Ok(())
}

fn fits(plan: &Plan, candidates: &[Candidate]) -> Result<(), Failure> {
    let Some(most) = plan.max_total_bytes else { return Ok(()) };
    let total: u64 = candidates.iter().filter_map(|c| c.facts.size_bytes).sum();
    if total <= most {
        return Ok(());
    }
    Err(Failure::refused("Databases do not fit to the required maximum size").advise(format!(
        "they take {} ({total} bytes), and --dbs-max-total-size allows {} ({most} bytes)",
        human_bytes(total),
        human_bytes(most)
    )))
}

/// A name that means no table is a mistake: with --with-table it would leave a table behind, with --skip-table it
/// would move one that was to stay.
pub(super) fn filters(plan: &Plan, names: &BTreeMap<String, Vec<TableName>>) -> Result<(), Failure> {
    for pattern in plan.scope.tables.patterns() {
        let one = crate::model::filter::TableScope::Only(vec![pattern.clone()]);
        let meant = names.iter().any(|(database, tables)| {
            tables.iter().any(|table| one.selects(database, std::slice::from_ref(table)))
        });
        if !meant {
            return Err(Failure::refused(format!("no table is named {pattern} on the source"))
                .advise("check --with-table and --skip-table; names in capitals need double quotes"));
        }
    }
    Ok(())
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
