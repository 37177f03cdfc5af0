//! Checks of definitions that may not come across as they are, or act where nobody expects them to.

use super::{Check, Fix, Judge, Judged, PLAIN, Weight, blocker, fixed, info, listed, statements, warning};
use crate::engine::checks::facts::{Facts, Known, Wanted};
use crate::model::check::Severity;
use crate::model::plan::{Keep, Plan};
use crate::model::units::{Side, count_of, printable, readable};
use crate::pg::facts::remarks::{Question, Remark};
use crate::pg::statement::fixes;
use std::collections::BTreeSet;

pub(super) const CHECKS: [Check; 12] = [
    Check {
        id: "superuser-objects",
        title: "Objects that only a superuser makes",
        weight: Weight::Stops,
        what: "Casts without a function, text search parsers and templates, base types, operator classes, functions in C or \
               an untrusted language, leakproof functions; where the target's user is no superuser.",
        why: "the target refuses them from anybody else",
        fix: Fix::Same(
            "remove them, turn them into an extension, or let them be lost with --skip-check superuser-objects",
        ),
        judge: Judge::Database(superuser_objects),
        ..PLAIN
    },
    Check {
        id: "libraries",
        title: "Functions in C",
        what: "Functions in C that belong to no extension, and the libraries that they are in.",
        why: "a function cannot be made where its library is missing or lacks it, and what is built on it neither",
        fix: Fix::Same("put the libraries on the target's machine before the start"),
        judge: Judge::Database(libraries),
        ..PLAIN
    },
    Check {
        id: "compression",
        title: "Compression",
        weight: Weight::Stops,
        what: "Columns that are to be compressed with lz4, where the target was built without it.",
        why: "the target cannot make the table",
        fix: Fix::Same("let the source compress new values of the column with pglz"),
        judge: Judge::Database(compression),
        since: 14,
        ..PLAIN
    },
    Check {
        id: "owners",
        title: "Owners",
        what: "What belongs to a superuser or to a provider's role on the source, SECURITY DEFINER functions by themselves.",
        why: "where that role is not on the target, it belongs to the migration's user there",
        fix: Fix::Same("make the role on the target beforehand, or change the owner after the migration"),
        judge: Judge::Database(owners),
        ..PLAIN
    },
    Check {
        id: "tablespaces",
        title: "Tablespaces",
        what: "Tablespaces of the source that the target does not have.",
        why: "what lies in them goes into the target's default",
        fix: Fix::Same("make a tablespace of that name on the target, or let it be"),
        judge: Judge::Servers(tablespaces),
        ..PLAIN
    },
    Check {
        id: "event-triggers",
        title: "Event triggers",
        what: "Event triggers, which are made last on the target so that they do not act on the migration itself.",
        why: "a user who is no superuser may not make them on the target",
        fix: Fix::Same("make them by hand afterwards, if they are lost"),
        judge: Judge::Database(event_triggers),
        ..PLAIN
    },
    Check {
        id: "foreign-servers",
        title: "Foreign servers",
        what: "Foreign servers and user mappings. The passwords of mappings can be read by superusers and their owners only, and \
               go to the target in SQL.",
        why: "a mapping whose options are hidden comes across without them, and a server that keeps statements keeps passwords",
        fix: Fix::Same("use a superuser, or set the options of the mappings on the target afterwards"),
        judge: Judge::Database(foreign_servers),
        ..PLAIN
    },
    Check {
        id: "publications",
        title: "Publications of others",
        what: "Publications in the source's databases. They are moved, as definitions; their subscribers stay with the source.",
        why: "whoever subscribes to the source has to subscribe to the target anew",
        fix: Fix::Same("move the subscribers after the applications"),
        judge: Judge::Database(publications),
        ..PLAIN
    },
    Check {
        id: "public-schema",
        title: "Schema public",
        what: "Databases in which everybody may create things in schema public, as up to 14 by default. The privileges are \
               moved as they are.",
        why: "from 15 on new databases do not allow that, and this one still will",
        fix: Fix::Same("revoke CREATE on it from PUBLIC when nobody needs it"),
        judge: Judge::Database(public_schema),
        ..PLAIN
    },
    Check {
        id: "search-path",
        title: "Functions under indexes",
        what: "Functions that indexes and materialized views use and that set no search_path, where the target is 17 or newer.",
        why: "there such functions see pg_catalog alone while an index is built, and may fail",
        fix: Fix::Same("write schema names in them, or SET search_path for the function"),
        judge: Judge::Database(search_path),
        ..PLAIN
    },
    Check {
        id: "labels",
        title: "Default privileges and labels",
        what: "Default privileges, which are moved, and security labels, which need the same provider module on the target.",
        why: "a label without its module is lost",
        fix: Fix::Same("preload the module on the target"),
        judge: Judge::Database(labels),
        ..PLAIN
    },
    Check {
        id: "subscriptions",
        title: "Subscriptions of the source",
        what: "Subscriptions by which the source's databases follow others. They are not moved.",
        why: "two followers of one publication would write the same rows twice",
        fix: Fix::Same("make them on the target once it has taken over"),
        judge: Judge::Servers(subscriptions),
        ..PLAIN
    },
];

fn libraries(_: &Facts, wanted: &Wanted, _: &Plan) -> Judged {
    let found = wanted.remarks(Question::Programs, &["C function"])?;
    let in_libraries: Vec<_> = found.iter().filter_map(|function| function.detail.as_deref()).collect();
    if in_libraries.is_empty() {
        return super::well();
    }
    let libraries: BTreeSet<_> = in_libraries.iter().copied().collect();
    let functions = count_of(in_libraries.len() as u64, "function");
    let title = match libraries.len() {
        1 => format!("{functions} in C, from a library that the target has to have"),
        n => format!("{functions} in C, from {n} libraries that the target has to have"),
    };
    Ok(vec![warning(title).objects(libraries.into_iter().map(printable))])
}

fn compression(facts: &Facts, wanted: &Wanted, _: &Plan) -> Judged {
    let target = facts.target.standing.as_ref().map_err(Clone::clone)?;
    let found = wanted.remarks(Question::Columns, &["compressed with lz4"])?;
    if target.compressions.is_empty() || target.compressions.iter().any(|way| way == "lz4") {
        return super::well();
    }
    let told = listed(Severity::Blocker, &found, "column", |n| {
        format!("{n} to be compressed with lz4, which the target was built without")
    });
    let each = |r: &&Remark| fixes::compress_with_pglz(&r.table(), r.part.as_deref().unwrap_or_default());
    Ok(super::fixed(told, || statements(Side::Source, &found, each)))
}

fn superuser_objects(facts: &Facts, wanted: &Wanted, _: &Plan) -> Judged {
    const KINDS: [&str; 8] = [
        "cast",
        "text search parser",
        "text search template",
        "base type",
        "operator class",
        "C function",
        "untrusted function",
        "leakproof function",
    ];
    if facts.target.server.superuser {
        return super::well();
    }
    let found = wanted.remarks(Question::Programs, &KINDS)?;
    if found.is_empty() {
        return super::well();
    }
    let title =
        format!("{} that only a superuser can make on the target", count_of(found.len() as u64, "object"));
    let objects = found.iter().map(|r| format!("{} {r}", r.kind));
    Ok(vec![blocker(title).objects(objects)])
}

fn owners(facts: &Facts, wanted: &Wanted, plan: &Plan) -> Judged {
    if facts.target.server.superuser || plan.policies.owners == Keep::No {
        return super::well();
    }
    let found = wanted.remarks(Question::Owners, &[])?;
    if found.is_empty() {
        return super::well();
    }
    let number = |r: &&&Remark| r.detail.as_deref().and_then(|n| n.parse::<u64>().ok());
    let total: u64 = found.iter().filter_map(|r| number(&r)).sum();
    let objects = found.iter().map(|r| {
        let n = number(&r).unwrap_or(0);
        format!("{} of {}", count_of(n, &r.kind), readable(&r.name))
    });
    let title = format!("{} of superusers or of a provider's roles", count_of(total, "object"));
    Ok(vec![warning(title).objects(objects)])
}

fn tablespaces(facts: &Facts, _: &Plan) -> Judged {
    let here = facts.source.remarks(&["tablespace"])?;
    let there = facts.target.remarks(&["tablespace"])?;
    let missing: Vec<_> =
        here.into_iter().filter(|t| !there.iter().any(|other| other.name == t.name)).collect();
    Ok(listed(Severity::Warning, &missing, "tablespace", |n| format!("{n} not on the target")))
}

fn event_triggers(facts: &Facts, wanted: &Wanted, _: &Plan) -> Judged {
    let found = wanted.remarks(Question::Surroundings, &["event trigger"])?;
    let severity = if facts.target.server.superuser { Severity::Info } else { Severity::Warning };
    Ok(listed(severity, &found, "event trigger", |n| n))
}

fn foreign_servers(facts: &Facts, wanted: &Wanted, _: &Plan) -> Judged {
    let servers = wanted.remarks(Question::Surroundings, &["foreign server"])?;
    let mut found = listed(Severity::Info, &servers, "foreign server", |n| {
        format!("{n}, which the target has to reach too")
    });
    let mappings = wanted.remarks(Question::Surroundings, &["user mapping"])?;
    let (hidden, open): (Vec<_>, Vec<_>) = mappings.into_iter().partition(|r| r.detail.is_some());
    found.extend(listed(Severity::Warning, &hidden, "user mapping", |n| {
        format!("{n}, whose options are hidden from us or empty")
    }));
    if !open.is_empty()
        && let Some(place) = kept_in(facts)?
    {
        let title = |n| format!("{n}, whose passwords the target writes into {place}");
        let kept = listed(Severity::Warning, &open, "user mapping", title);
        let user = facts.user(Side::Target);
        let fix = || format!("on the target, as a superuser: {}", fixes::log_no_statements(user));
        found.extend(if place == "its log" { fixed(kept, fix) } else { kept });
    }
    Ok(found)
}

/// Where the target keeps statements that our user cannot keep out.
fn kept_in(facts: &Facts) -> Known<Option<&'static str>> {
    if facts.target.server.superuser {
        return Ok(None);
    }
    let place = facts.target.keeps.clone()?;
    let settable = facts.target.settable.as_ref().is_ok_and(|all| all.iter().any(|p| p == "log_statement"));
    Ok(place.filter(|place| *place != "its log" || !settable))
}

fn publications(_: &Facts, wanted: &Wanted, _: &Plan) -> Judged {
    let found = wanted.remarks(Question::Surroundings, &["publication"])?;
    let theirs: Vec<_> = found.into_iter().filter(|r| !r.name.starts_with("pgpassage_")).collect();
    Ok(listed(Severity::Info, &theirs, "publication", |n| n))
}

fn public_schema(facts: &Facts, wanted: &Wanted, _: &Plan) -> Judged {
    if !facts.to().at_least(15) {
        return super::well();
    }
    let found = wanted.remarks(Question::PublicSchema, &[])?;
    let fix = || format!("when nobody needs it, on the source: {}", fixes::revoke_create_in_public());
    Ok(found.iter().map(|_| info("everybody may create things in schema public").fix(fix())).collect())
}

fn search_path(facts: &Facts, wanted: &Wanted, _: &Plan) -> Judged {
    if !facts.to().at_least(17) {
        return super::well();
    }
    let found = wanted.remarks(Question::SearchPath, &[])?;
    Ok(listed(Severity::Warning, &found, "function", |n| {
        format!("{n} under indexes or materialized views without a search_path of their own")
    }))
}

fn labels(_: &Facts, wanted: &Wanted, _: &Plan) -> Judged {
    let defaults = wanted.remarks(Question::Surroundings, &["default privileges"])?;
    let mut found = Vec::new();
    if !defaults.is_empty() {
        let objects = defaults.iter().map(|r| match r.schema.as_str() {
            "" => readable(&r.name),
            schema => format!("{} in {}", readable(&r.name), readable(schema)),
        });
        found.push(
            info("default privileges")
                .because("they are moved, and hold for what is made on the target from then on")
                .objects(objects),
        );
    }
    let labels = wanted.remarks(Question::Surroundings, &["security label"])?;
    found.extend(listed(Severity::Warning, &labels, "security label provider", |n| n));
    Ok(found)
}

fn subscriptions(facts: &Facts, _: &Plan) -> Judged {
    let all = facts.source.subscriptions.as_ref().map_err(Clone::clone)?;
    let moved = |database: &str| facts.databases.iter().any(|w| w.name() == database);
    let theirs: Vec<_> = all.iter().filter(|s| moved(&s.database)).collect();
    if theirs.is_empty() {
        return super::well();
    }
    let objects = theirs.iter().map(|s| format!("{} in {}", printable(&s.name), readable(&s.database)));
    let title = format!("the source has {}, left behind", count_of(theirs.len() as u64, "subscription"));
    Ok(vec![warning(title).objects(objects)])
}
