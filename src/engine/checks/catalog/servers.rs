//! Checks of the two servers as such, and of what was asked for.

use super::{Check, Fix, Judge, Judged, PLAIN, Weight, blocker, info, warning};
use crate::engine::checks::ask::TEMPLATE;
use crate::engine::checks::facts::Facts;
use crate::engine::checks::provider::Provider;
use crate::model::filter::TableScope;
use crate::model::plan::{Keep, Plan};
use crate::model::units::{Side, count_of, readable};

pub(super) const CHECKS: [Check; 12] = [
    Check {
        id: "same-server",
        title: "Two servers",
        weight: Weight::Firm,
        what: "Whether source and target are one and the same running server, by system identifier and start time, not by \
               the addresses; only where a provider hides these, the addresses decide.",
        why: "a server cannot be moved into itself",
        fix: Fix::Same("source and target address the same running server; check both"),
        judge: Judge::Servers(same_server),
        ..PLAIN
    },
    Check {
        id: "physical-copy",
        title: "Not a physical copy",
        weight: Weight::Stops,
        what: "Whether one server was made as a physical copy of the other: a standby, a fork, a restored backup.",
        why: "both servers have the same system identifier, but are not the same process",
        fix: Fix::Same("make sure that the target is what you mean to write into"),
        judge: Judge::Servers(physical_copy),
        ..PLAIN
    },
    Check {
        id: "versions",
        title: "Versions",
        weight: Weight::Stops,
        what: "The target must be of the source's major version or newer, and both from PostgreSQL 10 on.",
        why: "an older server does not understand what a newer one writes",
        fix: Fix::Same("choose a newer target"),
        judge: Judge::Servers(versions),
        ..PLAIN
    },
    Check {
        id: "older-target",
        title: "Older target",
        weight: Weight::Stops,
        what: "Told where --skip-db-version-check allowed a target that is older than the source.",
        why: "what the older server does not know cannot be made there; each loss is reported",
        fix: Fix::Same("choose a newer target if you can"),
        judge: Judge::Servers(older_target),
        ..PLAIN
    },
    Check {
        id: "target-writable",
        title: "Target takes writes",
        weight: Weight::Firm,
        what: "Whether the target is a standby, which takes no writes from anybody.",
        why: "nothing can be written to a standby",
        fix: Fix::Same("connect to its primary"),
        judge: Judge::Servers(target_writable),
        ..PLAIN
    },
    Check {
        id: "database-names",
        title: "Databases that were named",
        weight: Weight::Firm,
        what: "Whether the databases named with --database are on the source, and whether there is anything to move.",
        why: "a name that means nothing is a mistake",
        fix: Fix::Same("check --database, --exclude-database and --filtered-db"),
        judge: Judge::Servers(database_names),
        ..PLAIN
    },
    Check {
        id: "filter",
        title: "Databases left out",
        weight: Weight::Stops,
        what: "Whether the databases that are to be left out are on the source at all.",
        why: "",
        fix: Fix::Same("check the names"),
        judge: Judge::Servers(left_out_names),
        ..PLAIN
    },
    Check {
        id: "system-databases",
        title: "System databases",
        what: "Databases that every server of its kind has: template0, template1, and those of providers (rdsadmin, \
               cloudsqladmin, alloydbadmin, azure_maintenance, azure_sys, _aiven, _dodb). They are left where they are.",
        why: "the target has its own; what somebody put into template1 is not moved",
        fix: Fix::Same("name such a database with --database to have it moved all the same"),
        judge: Judge::Servers(system_databases),
        ..PLAIN
    },
    Check {
        id: "template1",
        title: "Contents of template1",
        weight: Weight::Stops,
        what: "What somebody has put into the source's template1: extensions, tables, functions and types. Databases that are made \
               from it get that too.",
        why: "it is not moved, so that databases made on the target later lack it; those that are moved have what they have",
        fix: Fix::Same("make it in the target's template1 too, if new databases are to have it"),
        judge: Judge::Servers(template),
        ..PLAIN
    },
    Check {
        id: "create-databases",
        title: "Databases can be made",
        weight: Weight::Stops,
        what: "Whether the databases that the target lacks may be made there.",
        why: "rows need a database to go into",
        fix: Fix::Same("create it there, or leave out --no-createdb"),
        judge: Judge::Servers(create_databases),
        ..PLAIN
    },
    Check {
        id: "table-filter",
        title: "Tables that were named",
        weight: Weight::Stops,
        what: "Whether each name of --with-table and --skip-table means a table of the source.",
        why: "it would leave a table behind, or move one that was to stay",
        fix: Fix::Same("check --with-table and --skip-table; names in capitals need double quotes"),
        judge: Judge::Servers(table_filter),
        ..PLAIN
    },
    Check {
        id: "provider",
        title: "Providers",
        what: "Whose servers these are, by settings, host name, roles and version text; and what no server tells about \
               itself: windows for maintenance, standbys that a provider switches to, backups that run meanwhile.",
        why: "a restart in the middle ends the copy; a standby of the target and backups slow it down",
        fix: Fix::Same(
            "look up the maintenance windows of both services, and switch the target's standby on after the migration",
        ),
        judge: Judge::Servers(provider),
        ..PLAIN
    },
];

fn is_same(facts: &Facts) -> bool {
    match (&facts.source.server.identity, &facts.target.server.identity) {
        (Some(a), Some(b)) => a == b,
        // Not told: the addresses are all there is.
        _ => facts.source.hosts == facts.target.hosts,
    }
}

fn same_server(facts: &Facts, _: &Plan) -> Judged {
    let found = is_same(facts).then(|| blocker("Migrating to the same server is not supported"));
    Ok(found.into_iter().collect())
}

fn physical_copy(facts: &Facts, _: &Plan) -> Judged {
    let ids = (&facts.source.server.identity, &facts.target.server.identity);
    let copy = matches!(ids, (Some(a), Some(b)) if a.system_identifier == b.system_identifier && a != b);
    Ok(copy.then(|| warning("source and target are physical copies of one another")).into_iter().collect())
}

fn versions(facts: &Facts, plan: &Plan) -> Judged {
    let (from, to) = (facts.from(), facts.to());
    if from.major() < 10 || to.major() < 10 {
        let title = format!("PostgreSQL {} is not supported; servers from 10 on are", from.min(to));
        return Ok(vec![blocker(title)]);
    }
    if to.major() >= from.major() || plan.policies.version_check == Keep::No {
        return super::well();
    }
    let fix = format!(
        "the source has {from}, the target {to}; choose a newer target, or take the risk with --skip-db-version-check"
    );
    Ok(vec![blocker("Migrating to older major PostgreSQL server version is not supported").fix(fix)])
}

fn older_target(facts: &Facts, plan: &Plan) -> Judged {
    let (from, to) = (facts.from(), facts.to());
    let taken = to.major() < from.major() && plan.policies.version_check == Keep::No;
    let told = taken.then(|| warning(format!("the target ({to}) is older than the source ({from})")));
    Ok(told.into_iter().collect())
}

fn target_writable(facts: &Facts, _: &Plan) -> Judged {
    if facts.target.server.in_recovery {
        return Ok(vec![blocker(format!("the {} is a standby and takes no writes", Side::Target))]);
    }
    super::well()
}

fn database_names(facts: &Facts, plan: &Plan) -> Judged {
    let known = |name: &String| facts.source.databases.iter().any(|d| d.name == *name);
    let missing = plan.scope.databases.iter().filter(|name| !known(name));
    let advice = "check the names given with --database; for several, give it several times";
    let mut found: Vec<_> = missing
        .map(|name| blocker(format!("database \"{name}\" does not exist on the source")).fix(advice))
        .collect();
    if found.is_empty() && facts.databases.is_empty() {
        found.push(blocker("there is no database to migrate"));
    }
    Ok(found)
}

fn left_out_names(facts: &Facts, plan: &Plan) -> Judged {
    let known = |name: &String| facts.source.databases.iter().any(|d| d.name == *name);
    let unknown = plan.scope.excluded_databases.iter().filter(|name| !known(name));
    Ok(unknown
        .map(|name| info(format!("database {name}, which is to be left out, is not on the source")))
        .collect())
}

fn system_databases(facts: &Facts, plan: &Plan) -> Judged {
    let excluded = &plan.scope.excluded_databases;
    let system: Vec<_> = facts
        .left_out
        .iter()
        .filter(|name| !excluded.contains(name) && plan.scope.wants_database(name))
        .map(|name| readable(name))
        .collect();
    Ok(if system.is_empty() {
        Vec::new()
    } else {
        vec![info("databases of the system stay where they are").objects(system)]
    })
}

fn template(facts: &Facts, plan: &Plan) -> Judged {
    if plan.scope.databases.iter().any(|name| name == TEMPLATE) {
        return Err(super::Unjudged::Moot("it is moved itself, as asked".to_owned()));
    }
    let objects = facts.source.template.clone()?;
    if objects.is_empty() {
        return super::well();
    }
    let title =
        format!("template1 holds {}, not moved with the databases", count_of(objects.len() as u64, "thing"));
    Ok(vec![warning(title).objects(objects)])
}

fn create_databases(facts: &Facts, plan: &Plan) -> Judged {
    let absent = |w: &&super::Wanted| w.candidate.on_target.is_none() && w.candidate.blocked.is_none();
    let missing: Vec<_> = facts.databases.iter().filter(absent).map(super::Wanted::name).collect();
    let Some(name) = missing.first() else { return super::well() };
    let objects = missing.iter().map(|name| readable(name));
    if plan.policies.create_databases == Keep::No {
        let title = format!("Database '{name}' doesn't exist in target (not creating databases)");
        return Ok(vec![blocker(title).objects(objects)]);
    }
    let server = &facts.target.server;
    if server.superuser || server.may_create_databases {
        return super::well();
    }
    let title = format!(
        "the target's user {} may not create databases, and '{name}' does not exist there",
        server.user
    );
    let statement = crate::pg::statement::fixes::role_attribute(&server.user, "CREATEDB");
    Ok(vec![
        blocker(title).objects(objects).fix(format!("on the target: {statement} or create the database")),
    ])
}

fn table_filter(facts: &Facts, plan: &Plan) -> Judged {
    let mut found = Vec::new();
    for pattern in plan.scope.tables.patterns() {
        let one = TableScope::Only(vec![pattern.clone()]);
        let mut meant = false;
        for wanted in facts.to_move() {
            let names = super::super::facts::of(wanted.source()?.names.as_ref())?;
            meant |= names.iter().any(|table| one.selects(wanted.name(), std::slice::from_ref(table)));
        }
        if !meant {
            found.push(blocker(format!("no table is named {pattern} on the source")));
        }
    }
    Ok(found)
}

fn provider(facts: &Facts, _: &Plan) -> Judged {
    let managed = [&facts.source, &facts.target].iter().any(|side| side.provider.is_managed());
    if !managed {
        return super::well();
    }
    let name = |of: Provider| of.name();
    let title =
        format!("the source is {}, the target {}", name(facts.source.provider), name(facts.target.provider));
    Ok(vec![info(title)])
}
