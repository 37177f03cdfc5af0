//! Checks of what is on the target already.

use super::{Check, Fix, Judge, Judged, PLAIN, Weight, blocker, info, statements, warning};
use crate::engine::checks::facts::{Facts, Wanted};
use crate::model::names::parse;
use crate::model::plan::{Plan, TargetPolicy};
use crate::model::units::{Side, count_of};
use crate::pg::facts::databases::LocaleProvider;
use crate::pg::facts::replication::objects::SubscriptionFacts;
use crate::pg::statement::fixes;
use std::collections::BTreeSet;

pub(super) const CHECKS: [Check; 7] = [
    Check {
        id: "target-databases",
        title: "Target databases",
        weight: Weight::Stops,
        what: "Whether the databases that are on the target already can be connected to.",
        why: "what is there already decides what may be done with it",
        fix: Fix::Same("open it, or drop it on the target to have it made anew"),
        judge: Judge::Database(target_databases),
        ..PLAIN
    },
    Check {
        id: "target-empty",
        title: "Target databases are empty",
        weight: Weight::Firm,
        what: "Whether a database of the same name on the target holds tables, functions, types or large objects that no \
               extension brought along.",
        why: "rows would mix with what is there, or be there twice",
        fix: Fix::Same("migrate into an empty database, or choose --if-target-not-empty append or truncate"),
        judge: Judge::Database(target_empty),
        ..PLAIN
    },
    Check {
        id: "encoding",
        title: "Encoding",
        what: "Whether a database that is there already has the source's encoding.",
        why: "rows are converted on the way; one that cannot be converted fails its table",
        fix: Fix::Same("drop it on the target to have it made anew"),
        judge: Judge::Database(encoding),
        ..PLAIN
    },
    Check {
        id: "locale",
        title: "Locale",
        what: "Whether a database that is there already has the source's locale, and whether the target knows the locales of \
               those that have to be made.",
        why: "text may sort in another order than it did, or the database cannot be made",
        fix: Fix::Same(
            "install the locale on the target's machine, or make the database there with another one",
        ),
        judge: Judge::Database(locale),
        ..PLAIN
    },
    Check {
        id: "leftovers",
        title: "Nothing left from before",
        what: "Publications, slots and subscriptions of earlier migrations of pgpassage, on either server.",
        why: "a slot that nobody reads from fills the source's disk",
        fix: Fix::Same(
            "pgpassage clean -s … -t … lists them by migration, pgpassage clean ID -s … -t … removes one",
        ),
        judge: Judge::Servers(leftovers),
        ..PLAIN
    },
    Check {
        id: "target-read-only",
        title: "Target is not read-only",
        what: "Whether the target's sessions are read-only by default, which somebody may have set on purpose.",
        why: "it was said that nobody should write there",
        fix: Fix::Same("ask whoever set default_transaction_read_only; our own sessions lift it"),
        judge: Judge::Servers(read_only),
        ..PLAIN
    },
    Check {
        id: "statement-guards",
        title: "Guards over statements",
        what: "Libraries that are preloaded into the target's sessions and may refuse statements (Aiven's gatekeeper, \
               supautils, pgextwlist).",
        why: "they let only some statements through",
        fix: Fix::Same("the checks of extensions and roles take them into account"),
        judge: Judge::Servers(guards),
        ..PLAIN
    },
];

fn target_databases(_: &Facts, wanted: &Wanted, _: &Plan) -> Judged {
    let Some(Err(failure)) = &wanted.target else { return super::well() };
    let advice = failure.advice.clone().unwrap_or_default();
    let closed = wanted.candidate.on_target.as_ref().is_some_and(|d| !d.allows_connections);
    let fix =
        if closed { format!("on the target: {}", fixes::allow_connections(wanted.name())) } else { advice };
    Ok(vec![blocker(failure.what.clone()).fix(fix)])
}

/// How many objects a refusal names.
const NAMED: usize = 5;

fn target_empty(_: &Facts, wanted: &Wanted, plan: &Plan) -> Judged {
    let Some(Ok(there)) = &wanted.target else { return super::well() };
    let objects = super::super::facts::of(there.objects.as_ref())?;
    if objects.is_empty() {
        return super::well();
    }
    let count = count_of(objects.len() as u64, "object");
    if plan.policies.target_not_empty != TargetPolicy::Refuse {
        let title = format!("the target's database holds {count} already");
        let kept = "as asked, rows go into it where its tables are the source's";
        return Ok(vec![warning(title).because(kept).objects(objects.iter().map(ToString::to_string))]);
    }
    let tables: Vec<_> = objects.iter().filter(|o| o.kind == "table").map(ToString::to_string).collect();
    let all: Vec<_> = objects.iter().map(ToString::to_string).collect();
    let named = if tables.is_empty() { &all } else { &tables };
    let list = named.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
    let more = match named.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let title = format!("the target's database is not empty: it holds {count} ({list}{more})");
    Ok(vec![blocker(title).objects(all)])
}

fn encoding(_: &Facts, wanted: &Wanted, _: &Plan) -> Judged {
    let from = &wanted.candidate.facts;
    let Some(to) = wanted.candidate.on_target.as_ref().filter(|to| to.encoding != from.encoding) else {
        return super::well();
    };
    let title = format!("the target's database has encoding {}, the source's {}", to.encoding, from.encoding);
    Ok(vec![warning(title)])
}

fn locale(facts: &Facts, wanted: &Wanted, _: &Plan) -> Judged {
    let from = &wanted.candidate.facts;
    if let Some(to) = &wanted.candidate.on_target {
        if (&to.collate, &to.ctype) == (&from.collate, &from.ctype) {
            return super::well();
        }
        let title = format!(
            "the target's database has locale {}/{}, the source's {}/{}",
            to.collate, to.ctype, from.collate, from.ctype
        );
        return Ok(vec![warning(title)]);
    }
    let title = match from.provider {
        LocaleProvider::Icu if !facts.to().at_least(15) => {
            "its locale is ICU's, which the target has for databases from 15 on only"
        }
        LocaleProvider::Builtin if !facts.to().at_least(17) => {
            "its locale is PostgreSQL's own, which the target has from 17 on only"
        }
        // Whether the machine has a locale of libc shows only when the database is made: most of ours are on the target too.
        LocaleProvider::Libc if !facts.target.databases.iter().any(|d| d.collate == from.collate) => {
            let title = format!(
                "no database of the target has locale {}: whether its machine knows it shows when the database is made",
                from.collate
            );
            return Ok(if ["C", "POSIX"].contains(&from.collate.as_str()) {
                Vec::new()
            } else {
                vec![info(title)]
            });
        }
        _ => return super::well(),
    };
    Ok(vec![warning(title)])
}

const OURS: &str = "pgpassage_";

fn leftovers(facts: &Facts, _: &Plan) -> Judged {
    let mut found = Vec::new();
    let slots = facts.source.slots.as_ref().map_err(Clone::clone)?;
    let live = follow(facts);
    let is_left = |name: &str| name.starts_with(OURS) && !is_of(&live, name);
    let ours: Vec<_> = slots.iter().filter(|s| is_left(&s.name) && !s.temporary).collect();
    if !ours.is_empty() {
        let title = format!("the source has {} of earlier migrations", count_of(ours.len() as u64, "slot"));
        let drops = statements(Side::Source, &ours, |s| fixes::drop_slot(&s.name));
        let names = ours.iter().map(|s| s.name.clone());
        found.push(warning(title).objects(names).fix(format!("{drops} or pgpassage clean")));
    }
    let subscriptions = facts.target.subscriptions.as_ref().map_err(Clone::clone)?;
    let ours: Vec<_> = subscriptions.iter().filter(|s| is_left(&s.name)).map(|s| s.name.clone()).collect();
    if !ours.is_empty() {
        let count = count_of(ours.len() as u64, "subscription");
        found.push(warning(format!("the target has {count} of earlier migrations")).objects(ours));
    }
    for wanted in facts.to_move() {
        let publications = super::super::facts::of(wanted.source()?.publications.as_ref())?;
        let ours: Vec<_> = publications.iter().filter(|p| is_left(&p.name)).collect();
        if !ours.is_empty() {
            let title = format!("database {} has publications of earlier migrations", wanted.name());
            let drops = statements(Side::Source, &ours, |p| fixes::drop_publication(&p.name));
            let names = ours.iter().map(|p| p.name.clone());
            found.push(warning(title).objects(names).fix(format!("{drops} or pgpassage clean")));
        }
    }
    if !live.is_empty() {
        let count = count_of(live.len() as u64, "other migration");
        let title = format!("{count} of pgpassage at work on these servers: nothing of it is touched");
        let fix = live.iter().map(|id| format!("pgpassage status {id}")).collect::<Vec<_>>().join("; ");
        found.push(info(title).objects(live).fix(fix));
    }
    Ok(found)
}

/// Migrations that are at work, by their ids: somebody reads from a slot of theirs, or the target has a subscription to one.
/// Whoever checks another migration beside them must not be told to drop what they live by.
fn follow(facts: &Facts) -> BTreeSet<String> {
    let slots = facts.source.slots.iter().flatten().filter(|s| s.active).map(|s| &s.name);
    let bound = |s: &&SubscriptionFacts| s.enabled && s.slot.is_some();
    let subscriptions = facts.target.subscriptions.iter().flatten().filter(bound).map(|s| &s.name);
    slots.chain(subscriptions).filter_map(|name| Some(parse(name)?.id)).collect()
}

fn is_of(live: &BTreeSet<String>, name: &str) -> bool {
    parse(name).is_some_and(|name| live.contains(&name.id))
}

fn read_only(facts: &Facts, _: &Plan) -> Judged {
    let remarks = facts.target.remarks(&["setting"])?;
    let on = remarks.into_iter().filter(|r| {
        r.name == "default_transaction_read_only"
            && r.detail.as_deref().is_some_and(|d| d == "on" || d == "true")
    });
    Ok(on
        .map(|r| {
            let who = r.part.clone().unwrap_or_else(|| "every role".to_owned());
            warning(format!("default_transaction_read_only is on for {who} on the target"))
        })
        .collect())
}

fn guards(facts: &Facts, _: &Plan) -> Judged {
    const GUARDS: [&str; 3] = ["aiven_gatekeeper", "supautils", "pgextwlist"];
    let settings = facts.target.settings.as_ref().map_err(Clone::clone)?;
    let lists = ["shared_preload_libraries", "session_preload_libraries", "local_preload_libraries"];
    let loaded: Vec<String> = lists.into_iter().filter_map(|name| settings.list(name)).flatten().collect();
    let found: Vec<_> =
        GUARDS.into_iter().filter(|g| loaded.iter().any(|l| l == g)).map(str::to_owned).collect();
    Ok(if found.is_empty() {
        Vec::new()
    } else {
        vec![info("libraries on the target watch over statements").objects(found)]
    })
}
