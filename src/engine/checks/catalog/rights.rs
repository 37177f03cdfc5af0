//! Checks of what the migration's users may do: on the source to read everything, on the target to make it.

use super::{Check, Fix, Judge, Judged, PLAIN, Weight, blocker, info, listed, statements, warning};
use crate::engine::checks::facts::{Facts, Wanted};
use crate::model::check::{Finding, Severity};
use crate::model::plan::Plan;
use crate::model::units::{Side, count_of, human_ms};
use crate::pg::facts::remarks::{Question, Remark};
use crate::pg::statement::fixes;
use std::collections::BTreeSet;

pub(super) const CHECKS: [Check; 7] = [
    Check {
        id: "source-databases",
        title: "Source databases",
        weight: Weight::Stops,
        reads_nothing: true,
        what: "Whether each database that is to be moved can be connected to: it must accept connections, have room below its \
               CONNECTION LIMIT, grant CONNECT, and have a line in pg_hba.conf.",
        why: "a database that cannot be connected to cannot be read",
        fix: Fix::Same("leave it out with --exclude-database, or open it"),
        judge: Judge::Database(source_databases),
        ..PLAIN
    },
    Check {
        id: "readable",
        title: "Everything can be read",
        weight: Weight::Stops,
        what: "Whether the source's user may read every table, sequence and materialized view: USAGE on its schema and SELECT \
               on itself. pg_dump locks all of them, those too whose rows are left behind.",
        why: "pg_dump and the copy stop at the first table or sequence that may not be read",
        fix: Fix::Same("grant what is missing, or pg_read_all_data from 14 on"),
        judge: Judge::Database(readable),
        ..PLAIN
    },
    Check {
        id: "row-security",
        title: "No rows are hidden",
        weight: Weight::Stops,
        what: "Whether row-level security applies to the source's user: policies would hide rows from a copy. We switch \
               row_security off, so that such a table is an error and never fewer rows.",
        why: "a table of which rows are hidden is not copied",
        fix: Fix::Same("give the user BYPASSRLS, or use the tables' owner where they do not FORCE it"),
        judge: Judge::Database(row_security),
        ..PLAIN
    },
    Check {
        id: "large-objects-readable",
        title: "Large objects can be read",
        what: "Whether the source's user may read large objects: up to 18 that takes a superuser, their owner, or a grant on \
               each of them. pg_read_all_data has no part in it before 19.",
        why: "a large object that may not be read is lost",
        fix: Fix::Same("use a superuser or their owner, or grant SELECT on each large object"),
        judge: Judge::Database(large_objects_readable),
        ..PLAIN
    },
    Check {
        id: "target-rights",
        title: "Target's rights",
        weight: Weight::Stops,
        what: "Whether the target's user may create schemas in the databases that are there already.",
        why: "nothing can be made in a database without CREATE on it",
        fix: Fix::Same("grant CREATE on it, or use its owner"),
        judge: Judge::Database(target_rights),
        ..PLAIN
    },
    Check {
        id: "create-roles",
        title: "Roles can be made",
        what: "Whether the target's user may make roles.",
        why: "without its role nothing has the owner that it had",
        fix: Fix::Same("give it CREATEROLE, or make the roles beforehand"),
        judge: Judge::Servers(create_roles),
        ..PLAIN
    },
    Check {
        id: "user-expiry",
        title: "Our passwords stay valid",
        what: "Whether the migration's users have VALID UNTIL, and how far away that is.",
        why: "new sessions are refused from then on, in the middle of a migration",
        fix: Fix::Same("extend it"),
        judge: Judge::Servers(user_expiry),
        ..PLAIN
    },
];

fn source_databases(facts: &Facts, wanted: &Wanted, _: &Plan) -> Judged {
    let Some(failure) = wanted.source.as_ref().err() else { return super::well() };
    let at = &wanted.candidate.facts;
    let advice = failure.advice.clone().unwrap_or_default();
    let user = facts.user(Side::Source);
    // What a migration says in one line is said here with the statement.
    let fix = if facts.databases.is_empty() || !advice.contains('…') {
        advice
    } else if !at.allows_connections {
        format!(
            "on the source: {} or leave it out with --exclude-database",
            fixes::allow_connections(&at.name)
        )
    } else {
        format!(
            "on the source: {} or leave it out with --exclude-database",
            fixes::grant_connect(&at.name, user)
        )
    };
    Ok(vec![blocker(failure.what.clone()).fix(fix)])
}

fn readable(facts: &Facts, wanted: &Wanted, _: &Plan) -> Judged {
    if facts.source.server.superuser {
        return super::well();
    }
    let hidden = wanted.remarks(Question::Unreadable, &[])?;
    let found = listed(Severity::Blocker, &hidden, "object", |n| {
        let first = hidden.first().map(|r| among(r)).unwrap_or_default();
        format!("the source's user may not read {n}, {first}")
    });
    let user = facts.user(Side::Source);
    let all = facts.from().at_least(14).then(|| {
        let statement = fixes::grant_role("pg_read_all_data", user);
        format!(" — or at once, as a superuser, on the source: {statement}")
    });
    let schemas: BTreeSet<&str> = hidden.iter().map(|r| r.schema.as_str()).collect();
    let schemas: Vec<_> = schemas.into_iter().collect();
    Ok(super::fixed(found, || {
        let each = statements(Side::Source, &schemas, |schema| fixes::grant_reading(schema, user));
        format!("{each}{}", all.clone().unwrap_or_default())
    }))
}

fn among(remark: &Remark) -> String {
    match remark.kind.as_str() {
        "sequence" => format!("sequence {remark} among them"),
        "schema" => format!("{remark} among them, for want of USAGE on its schema"),
        _ => format!("table {remark} among them"),
    }
}

fn row_security(facts: &Facts, wanted: &Wanted, _: &Plan) -> Judged {
    if facts.source.server.superuser {
        return super::well();
    }
    let hidden = wanted.remarks(Question::RowSecurity, &[])?;
    let found = listed(Severity::Blocker, &hidden, "table", |n| {
        format!("row-level security hides rows of {n} from the source's user")
    });
    let statement = fixes::role_attribute(facts.user(Side::Source), "BYPASSRLS");
    Ok(super::fixed(found, || format!("on the source, as a superuser: {statement}")))
}

fn large_objects_readable(facts: &Facts, wanted: &Wanted, _: &Plan) -> Judged {
    let there = wanted.remarks(Question::Surroundings, &["unreadable large objects"])?;
    let user = facts.user(Side::Source);
    let statement = if facts.from().at_least(19) {
        fixes::grant_role("pg_read_all_data", user)
    } else {
        fixes::grant_large_objects(user)
    };
    Ok(there
        .into_iter()
        .map(|r| {
            let n = count_of(r.name.parse().unwrap_or(0), "large object");
            warning(format!("the source's user may not read {n}"))
                .fix(format!("on the source, as a superuser: {statement}"))
        })
        .collect())
}

fn target_rights(facts: &Facts, wanted: &Wanted, _: &Plan) -> Judged {
    let Some(Ok(there)) = &wanted.target else { return super::well() };
    match there.creates.as_ref() {
        Some(Ok(false)) => {
            let title = "the target's user may not create anything in the target's database";
            let statement = fixes::grant_create(wanted.name(), facts.user(Side::Target));
            Ok(vec![blocker(title).fix(format!("on the target: {statement}"))])
        }
        Some(Err(missing)) => Err(missing.clone().into()),
        _ => super::well(),
    }
}

fn create_roles(facts: &Facts, _: &Plan) -> Judged {
    let server = &facts.target.server;
    if server.superuser || server.may_create_roles {
        return super::well();
    }
    let title = format!("the target's user {} may not make roles", server.user);
    let statement = fixes::role_attribute(&server.user, "CREATEROLE");
    Ok(vec![warning(title).fix(format!("on the target: {statement}"))])
}

/// A migration may take this long.
const LONG_ENOUGH_S: i64 = 7 * 24 * 3600;

fn user_expiry(facts: &Facts, _: &Plan) -> Judged {
    let mut found: Vec<Finding> = Vec::new();
    for side in [Side::Source, Side::Target] {
        let standing = facts.side(side).standing.as_ref().map_err(Clone::clone)?;
        let Some(left_s) = standing.valid_for_s.filter(|s| *s < LONG_ENOUGH_S) else { continue };
        let left = human_ms(u64::try_from(left_s.max(0)).unwrap_or(0).saturating_mul(1000));
        let title = format!("the password of the {side}'s user is valid for {left} only");
        let statement = fixes::role_valid_for_ever(facts.user(side));
        let fix = format!("on the {side}: {statement}");
        let near = left_s < 24 * 3600;
        found.push(if near { warning(title) } else { info(title) }.fix(fix));
    }
    Ok(found)
}
