//! Checks of a database's tables: what following them takes, and what a copy does not carry.

use super::{Check, Fix, Judge, Judged, Only, PLAIN, blocker, info, listed, statements, warning};
use crate::engine::checks::facts::{Facts, Wanted, of};
use crate::engine::checks::provider::Provider;
use crate::engine::replicate::survey::help;
use crate::model::check::{Finding, Severity};
use crate::model::plan::{IdentityPolicy, MethodPolicy, Plan};
use crate::model::units::{Side, TableName, count_of, human_bytes, readable, thousands};
use crate::pg::facts::remarks::Question;
use crate::pg::facts::replication::tables::{CandidateKind, IdentitySetting, PublishCandidate};
use crate::pg::statement::fixes;
use std::collections::BTreeSet;

const CONTINUOUS: Check = Check { only: Only::Continuous, ..PLAIN };

pub(super) const CHECKS: [Check; 16] = [
    Check {
        id: "replica-identity",
        title: "Rows can be told apart",
        what: "Tables without a primary key and without another REPLICA IDENTITY: a deferrable key does not count, nor does \
               an index that is not there any more. A unique index on columns that are NOT NULL is proposed where there is \
               one, then the whole row where its types can be compared.",
        why: "once published, UPDATE and DELETE on such a table would fail on the source",
        fix: Fix::Same("add a primary key, or choose --replica-identity index, full, inserts or skip"),
        judge: Judge::Database(replica_identities),
        ..CONTINUOUS
    },
    Check {
        id: "identity-full",
        title: "Whole rows can be compared",
        what: "Tables with REPLICA IDENTITY FULL that have a column of a type without equality (json, xml, point, and \
               whatever contains them), or from 18 on a generated column.",
        why: "the target would fail to find the row again, and try for ever",
        fix: Fix::Same("add a primary key, use jsonb instead of json, or choose --replica-identity skip"),
        judge: Judge::Database(identity_full),
        ..CONTINUOUS
    },
    Check {
        id: "publishable",
        title: "Tables can be published",
        what: "Whether the source's user owns the tables (or belongs to their owners) and may make a publication, which is \
               tried and rolled back; and whether the choice of tables leaves partitioned tables whole.",
        why: "only a table's owner may publish it",
        fix: Fix::Same("use the owner or a superuser, or grant CREATE on the database"),
        judge: Judge::Database(publishable),
        ..CONTINUOUS
    },
    Check {
        id: "subscription-right",
        title: "Target's user may subscribe",
        what: "Whether the target's user may make subscriptions: superuser, pg_create_subscription (16), or by aiven_extras in the \
               target's database.",
        why: "the target follows by a subscription for each database",
        fix: Fix::On(Side::Target, |provider| match provider {
            Provider::Aiven => format!("{} in each database", fixes::create_extension("aiven_extras")),
            Provider::Supabase => "subscriptions can be made there from PostgreSQL 17 on".to_owned(),
            Provider::Heroku => "no subscriptions can be made on Heroku; move by a snapshot".to_owned(),
            _ => "use a superuser, or from 16 on give it pg_create_subscription".to_owned(),
        }),
        judge: Judge::Database(subscription_right),
        ..CONTINUOUS
    },
    Check {
        id: "unlogged",
        title: "Unlogged tables",
        what: "Unlogged tables and sequences: a copy moves their rows, replication does not.",
        why: "what is written to them after the start arrives only with a second copy at the end",
        fix: Fix::Same("make them logged, or live with the second copy"),
        judge: Judge::Database(unlogged),
        ..CONTINUOUS
    },
    Check {
        id: "large-objects",
        title: "Large objects",
        what: "Large objects, and columns of type oid or lo that may refer to some.",
        why: "they are copied, but replication does not carry them: they are copied again at the end",
        fix: Fix::Same("let nobody write to large objects while the connection is closed"),
        judge: Judge::Database(large_objects),
        ..CONTINUOUS
    },
    Check {
        id: "sequences",
        title: "Sequences",
        what: "Sequences, whose values replication does not carry.",
        why: "their values are set when the connection is closed",
        fix: Fix::Same("nothing; until pgpassage finish has run, do not write to the target"),
        judge: Judge::Database(sequences),
        ..CONTINUOUS
    },
    Check {
        id: "materialized-views",
        title: "Materialized views",
        what: "Materialized views. Those that hold rows are refreshed on the target, in the order of their dependencies.",
        why: "a stale view is fresh afterwards; one that was never filled stays empty",
        fix: Fix::Same("nothing"),
        judge: Judge::Database(views),
        ..PLAIN
    },
    Check {
        id: "generated",
        title: "Generated and identity columns",
        what: "Columns that are computed, and identity columns that take no values from outside.",
        why: "the target computes them itself, from its own version of the expression",
        fix: Fix::Same("nothing"),
        judge: Judge::Database(generated),
        ..PLAIN
    },
    Check {
        id: "partitions",
        title: "Partitions and inheritance",
        what: "Partitioned tables, and tables that inherit from others. From 13 on a partitioned table is published by its \
               root, before it each partition by itself.",
        why: "before 13 a partition that is made after the start does not follow",
        fix: Fix::Same("make no partitions on the source until the connection is closed"),
        judge: Judge::Database(partitions),
        ..PLAIN
    },
    Check {
        id: "constraints",
        title: "Constraints of special kinds",
        what: "Deferrable keys, exclusion constraints, and constraints that were never validated.",
        why: "a deferrable key cannot tell rows apart for replication; one that is not valid stays so",
        fix: Fix::Same("nothing, or validate them"),
        judge: Judge::Database(constraints),
        ..PLAIN
    },
    Check {
        id: "triggers",
        title: "Triggers that fire on replicas",
        what: "Triggers and rules that are ENABLE ALWAYS or ENABLE REPLICA.",
        why: "they fire on the target for each change that arrives, after they have fired on the source",
        fix: Fix::Same("let them fire as usual until the connection is closed"),
        judge: Judge::Database(triggers),
        ..CONTINUOUS
    },
    Check {
        id: "left-behind",
        title: "Rows left behind",
        what: "Which rows --with-table or --skip-table leaves behind, and the foreign keys from tables that are moved to \
               tables that are not: a key to rows that are not there cannot be made.",
        why: "a foreign key to a row that is not there is lost",
        fix: Fix::Same("move the tables that others refer to as well"),
        judge: Judge::Database(left_behind),
        ..PLAIN
    },
    Check {
        id: "foreign-tables",
        title: "Foreign tables",
        what: "Foreign tables: their definitions are moved, the rows stay on the server that they are on.",
        why: "the target must reach that server too",
        fix: Fix::Same("open the way from the target to those servers"),
        judge: Judge::Database(foreign_tables),
        ..PLAIN
    },
    Check {
        id: "large-tables",
        title: "Very large tables",
        what: "Tables above 50 GB, as VACUUM last counted them.",
        why: "they are copied in parts, and take the longest",
        fix: Fix::Same("nothing; --jobs sets how many parts are copied at a time"),
        judge: Judge::Database(large_tables),
        ..PLAIN
    },
    Check {
        id: "invalid-indexes",
        title: "Invalid indexes",
        what: "Indexes that a failed CREATE INDEX CONCURRENTLY has left behind. pg_dump leaves them out.",
        why: "they are not made on the target; what made them fail may be rows that contradict them",
        fix: Fix::Same("rebuild or drop them on the source"),
        judge: Judge::Database(invalid_indexes),
        ..PLAIN
    },
];

/// The same findings: replication does not carry what they are about.
fn not_carried(told: Vec<Finding>, number: usize) -> Vec<Finding> {
    told.into_iter().map(|finding| finding.not_carried(number)).collect()
}

fn tables(wanted: &Wanted) -> Result<&[PublishCandidate], String> {
    of(wanted.source()?.tables.as_ref())
}

fn selected(wanted: &Wanted, plan: &Plan, table: &PublishCandidate) -> bool {
    let names: Vec<TableName> = std::iter::once(table.name.clone()).chain(table.root.clone()).collect();
    plan.scope.tables.selects(wanted.name(), &names)
}

fn replica_identities(facts: &Facts, wanted: &Wanted, plan: &Plan) -> Judged {
    // Up to 12 a partitioned table itself is not published.
    let counts = |t: &PublishCandidate| t.kind != CandidateKind::Partitioned || facts.from().at_least(13);
    let without = tables(wanted)?.iter().filter(|t| {
        counts(t)
            && selected(wanted, plan, t)
            && !t.identity_is_usable()
            && t.identity != IdentitySetting::Full
    });
    let without: Vec<_> = without.collect();
    if without.is_empty() {
        return super::well();
    }
    let open: Vec<_> = without.iter().copied().filter(|t| is_open(wanted, plan, t)).collect();
    let changes: u64 = without.iter().map(|t| t.changes).sum();
    let seen = match changes {
        0 => "no UPDATE or DELETE on them was counted so far".to_owned(),
        n => format!("{} of their rows were updated or deleted so far", thousands(n)),
    };
    let objects = without.iter().map(|t| t.name.to_string());
    if open.is_empty() {
        let title = format!("{} without a replica identity", count_of(without.len() as u64, "table"));
        let why = format!("--replica-identity says what becomes of them; {seen}");
        return Ok(vec![info(title).because(why).objects(objects)]);
    }
    let title = format!(
        "nothing tells the rows of {} apart: published, their UPDATE and DELETE would fail on the source",
        count_of(open.len() as u64, "table")
    );
    let fix = statements(Side::Source, &open, |t| help(t));
    let fix = format!("{fix} — or choose --replica-identity index, full, inserts or skip");
    Ok(vec![blocker(title).because(seen).objects(open.iter().map(|t| t.name.to_string())).fix(fix)])
}

/// Whether what the operator chose for such a table does not settle it.
fn is_open(wanted: &Wanted, plan: &Plan, table: &PublishCandidate) -> bool {
    match plan.replication.identity_for(wanted.name(), &table.name) {
        IdentityPolicy::Refuse => true,
        IdentityPolicy::Index => table.candidate_index.is_none(),
        IdentityPolicy::Full => table.candidate_index.is_none() && !table.full_is_possible(),
        IdentityPolicy::Inserts | IdentityPolicy::Skip => false,
    }
}

fn identity_full(_: &Facts, wanted: &Wanted, plan: &Plan) -> Judged {
    let broken: Vec<_> = tables(wanted)?
        .iter()
        .filter(|t| t.identity == IdentitySetting::Full && !t.full_is_possible() && selected(wanted, plan, t))
        .collect();
    if broken.is_empty() {
        return super::well();
    }
    let title = format!(
        "{} with REPLICA IDENTITY FULL, whose rows cannot be compared",
        count_of(broken.len() as u64, "table")
    );
    let objects = broken.iter().map(|t| format!("{} ({})", t.name, t.full_obstacles.join(", ")));
    let open = broken.iter().any(|t| is_open(wanted, plan, t));
    let finding = if open { blocker(title) } else { info(title) };
    let indexed: Vec<_> = broken.iter().filter(|t| t.candidate_index.is_some()).collect();
    let finding = finding.objects(objects);
    Ok(vec![if indexed.is_empty() {
        finding
    } else {
        finding.fix(statements(Side::Source, &indexed, |t| help(t)))
    }])
}

fn publishable(facts: &Facts, wanted: &Wanted, plan: &Plan) -> Judged {
    let source = wanted.source()?;
    if let Some(Err(why)) = &source.publishes {
        return Ok(vec![blocker(format!("a publication cannot be made: {why}"))]);
    }
    let extension = of(source.extensions.as_ref())?.iter().any(|e| e.name == "aiven_extras");
    let user = facts.user(Side::Source);
    let mut found = Vec::new();
    if let (Some(Ok(false)), false) = (&source.creates, extension) {
        let title = "the source's user may not make publications in the database";
        let statement = fixes::grant_create(wanted.name(), user);
        let finding = blocker(title).because("a publication takes CREATE on its database");
        found.push(finding.fix(format!("on the source: {statement}")));
    }
    let theirs: Vec<_> = tables(wanted)?.iter().filter(|t| !t.owned && selected(wanted, plan, t)).collect();
    if !theirs.is_empty() && !extension {
        let title =
            format!("{} to others, and only their owners may publish them", belong(theirs.len() as u64));
        let owners: BTreeSet<_> = theirs.iter().map(|t| t.owner.as_str()).collect();
        let fix = as_their_owners(facts, &owners);
        found.push(blocker(title).objects(theirs.iter().map(|t| t.name.to_string())).fix(fix));
    }
    match &source.survey {
        Some(Err(missing)) => Err(missing.clone().into()),
        // What is said already is not said again.
        Some(Ok(Err(failure)))
            if found.is_empty()
                && replica_identities(facts, wanted, plan)?.is_empty()
                && identity_full(facts, wanted, plan)?.is_empty() =>
        {
            let advice = failure.advice.clone().unwrap_or_default();
            Ok(vec![blocker(failure.what.clone()).fix(advice)])
        }
        _ => Ok(found),
    }
}

/// Whoever is given a superuser's role is one: that is nothing to propose in passing.
fn as_their_owners(facts: &Facts, owners: &BTreeSet<&str>) -> String {
    let roles = facts.source.roles.as_deref().unwrap_or_default();
    let is_superuser = |owner: &&str| roles.iter().any(|role| role.superuser && role.name == **owner);
    let (superusers, others): (Vec<_>, Vec<_>) = owners.iter().copied().partition(is_superuser);
    let user = facts.user(Side::Source);
    let mut ways = Vec::new();
    if !others.is_empty() {
        ways.push(statements(Side::Source, &others, |owner| fixes::grant_role(owner, user)));
    }
    if !superusers.is_empty() {
        let names: Vec<_> = superusers.into_iter().map(readable).collect();
        let names = names.join(", ");
        ways.push(format!(
            "what belongs to {names} takes a superuser as the source's user, or another owner"
        ));
    }
    ways.join(" ")
}

fn subscription_right(facts: &Facts, wanted: &Wanted, _: &Plan) -> Judged {
    let Err(failure) = &wanted.subscribes else { return super::well() };
    let finding = blocker(failure.what.clone());
    let advice = failure.advice.clone().unwrap_or_default();
    Ok(vec![if facts.to().at_least(16) && facts.target.provider == Provider::SelfHosted {
        let statement = fixes::grant_role("pg_create_subscription", facts.user(Side::Target));
        finding.fix(format!("on the target: {statement}"))
    } else if facts.target.provider == Provider::SelfHosted {
        finding.fix(advice)
    } else {
        finding
    }])
}

fn belong(n: u64) -> String {
    if n == 1 { "1 table belongs".to_owned() } else { format!("{} tables belong", thousands(n)) }
}

fn unlogged(_: &Facts, wanted: &Wanted, _: &Plan) -> Judged {
    let found = wanted.remarks(Question::Relations, &["unlogged table", "unlogged partitioned table"])?;
    let plain: Vec<_> = found.iter().filter(|r| r.kind == "unlogged table").collect();
    let told =
        listed(Severity::Warning, &found, "unlogged table", |n| format!("{n}, whose changes do not follow"));
    let told = not_carried(told, found.len());
    Ok(super::fixed(told, || statements(Side::Source, &plain, |r| fixes::set_logged(&r.table()))))
}

fn large_objects(_: &Facts, wanted: &Wanted, _: &Plan) -> Judged {
    let there = wanted.remarks(Question::Surroundings, &["large objects"])?;
    let references = wanted.remarks(Question::Columns, &["large object reference"])?;
    let columns: Vec<_> = references.iter().map(ToString::to_string).collect();
    Ok(there
        .into_iter()
        .map(|r| {
            let n = r.name.parse().unwrap_or(0);
            warning(format!("{}, not carried by replication", count_of(n, "large object")))
                .objects(columns.clone())
                .not_carried(usize::try_from(n).unwrap_or(usize::MAX))
        })
        .collect())
}

fn sequences(_: &Facts, wanted: &Wanted, _: &Plan) -> Judged {
    let found = wanted.remarks(Question::Relations, &["sequence"])?;
    let told = listed(Severity::Info, &found, "sequence", |n| {
        format!("{n}, whose values are set when the connection is closed")
    });
    Ok(not_carried(told, found.len()))
}

fn views(_: &Facts, wanted: &Wanted, plan: &Plan) -> Judged {
    let filled = wanted.remarks(Question::Relations, &["materialized view"])?;
    let empty = wanted.remarks(Question::Relations, &["unpopulated view"])?;
    let when =
        if plan.method == MethodPolicy::Dump { "" } else { ", and again when the connection is closed" };
    let told = listed(Severity::Info, &filled, "materialized view", |n| {
        format!("{n}, refreshed on the target{when}")
    });
    let mut found = not_carried(told, filled.len());
    let told = listed(Severity::Info, &empty, "materialized view", |n| {
        format!("{n} without rows, as on the source")
    });
    found
        .extend(super::fixed(told, || statements(Side::Source, &empty, |r| fixes::refresh_view(&r.table()))));
    Ok(found)
}

fn generated(_: &Facts, wanted: &Wanted, _: &Plan) -> Judged {
    let computed = wanted.remarks(Question::Columns, &["generated"])?;
    let identity = wanted.remarks(Question::Columns, &["identity"])?;
    let told = listed(Severity::Info, &computed, "generated column", |n| {
        format!("{n}, computed anew on the target")
    });
    let mut found = not_carried(told, computed.len());
    found.extend(listed(Severity::Info, &identity, "identity column", |n| {
        format!("{n} GENERATED ALWAYS, filled with the source's values")
    }));
    Ok(found)
}

fn partitions(facts: &Facts, wanted: &Wanted, plan: &Plan) -> Judged {
    let partitioned = wanted.remarks(Question::Relations, &["partitioned table"])?;
    let children = wanted.remarks(Question::Relations, &["inheritance"])?;
    let late = plan.method != MethodPolicy::Dump && !facts.from().at_least(13);
    let severity = if late { Severity::Warning } else { Severity::Info };
    let told = listed(severity, &partitioned, "partitioned table", |n| {
        if late {
            format!("{n}: new partitions do not follow")
        } else {
            format!("{n}, moved partition by partition")
        }
    });
    let mut found = not_carried(told, partitioned.len());
    found.extend(listed(Severity::Info, &children, "table", |n| {
        format!("{n} by inheritance: columns come in the order in which INHERITS merges them")
    }));
    Ok(found)
}

fn constraints(_: &Facts, wanted: &Wanted, _: &Plan) -> Judged {
    let of_kind = |kind: &str| wanted.remarks(Question::Constraints, &[kind]);
    let deferrable = of_kind("deferrable key")?;
    let mut found =
        listed(Severity::Info, &deferrable, "deferrable key", |n| format!("{n}: none tells rows apart"));
    found.extend(listed(Severity::Info, &of_kind("exclusion")?, "exclusion constraint", |n| n));
    let not_valid = of_kind("not valid")?;
    let told = listed(Severity::Info, &not_valid, "constraint", |n| {
        format!("{n} not validated; they stay so on the target")
    });
    found.extend(super::fixed(told, || {
        let each = |r: &&crate::pg::facts::remarks::Remark| {
            fixes::validate_constraint(&r.table(), r.part.as_deref().unwrap_or_default())
        };
        statements(Side::Source, &not_valid, each)
    }));
    Ok(found)
}

fn triggers(_: &Facts, wanted: &Wanted, _: &Plan) -> Judged {
    let firing = wanted.remarks(Question::Constraints, &["trigger"])?;
    let told = listed(Severity::Warning, &firing, "trigger", |n| format!("{n} would fire on the target too"));
    let each = |r: &&crate::pg::facts::remarks::Remark| {
        fixes::fire_as_usual(&r.table(), r.part.as_deref().unwrap_or_default())
    };
    let mut found = super::fixed(told, || statements(Side::Source, &firing, each));
    let rules = wanted.remarks(Question::Constraints, &["rule"])?;
    found.extend(listed(Severity::Warning, &rules, "rule", |n| format!("{n} would act on the target too")));
    Ok(found)
}

fn left_behind(_: &Facts, wanted: &Wanted, plan: &Plan) -> Judged {
    if plan.scope.tables.patterns().is_empty() {
        return super::well();
    }
    let moved = |table: &TableName| plan.scope.tables.selects(wanted.name(), std::slice::from_ref(table));
    let source = wanted.source()?;
    let all = of(source.names.as_ref())?;
    let left: Vec<_> = all.iter().filter(|t| !moved(t)).map(ToString::to_string).collect();
    let mut found = Vec::new();
    // A database of which nothing is named was not meant.
    if !left.is_empty() && left.len() < all.len() {
        let title = format!("the rows of {} stay behind", count_of(left.len() as u64, "table"));
        let why = "as asked: their definitions are moved, their rows are not";
        found.push(info(title).because(why).objects(left));
    }
    let keys = of(source.foreign_keys.as_ref())?;
    let torn = keys.iter().filter(|key| moved(&key.table) && !moved(&key.referenced));
    let torn: Vec<_> =
        torn.map(|key| format!("{} on {} to {}", readable(&key.name), key.table, key.referenced)).collect();
    if !torn.is_empty() {
        let title =
            format!("{} to tables whose rows stay behind", count_of(torn.len() as u64, "foreign key"));
        found.push(warning(title).objects(torn));
    }
    Ok(found)
}

fn foreign_tables(_: &Facts, wanted: &Wanted, _: &Plan) -> Judged {
    let found = wanted.remarks(Question::Relations, &["foreign table"])?;
    Ok(listed(Severity::Info, &found, "foreign table", |n| format!("{n}, whose rows stay where they are")))
}

fn large_tables(_: &Facts, wanted: &Wanted, _: &Plan) -> Judged {
    let found = wanted.remarks(Question::Relations, &["large table"])?;
    if found.is_empty() {
        return super::well();
    }
    let size = |text: &Option<String>| text.as_deref().and_then(|t| t.parse().ok()).unwrap_or(0);
    let objects = found.iter().map(|r| format!("{r} ({})", human_bytes(size(&r.detail))));
    Ok(vec![info(format!("{} above 50 GB", count_of(found.len() as u64, "table"))).objects(objects)])
}

fn invalid_indexes(_: &Facts, wanted: &Wanted, _: &Plan) -> Judged {
    let found = wanted.remarks(Question::Relations, &["invalid index"])?;
    let told = listed(Severity::Warning, &found, "invalid index", |n| format!("{n}, not moved"));
    Ok(super::fixed(told, || statements(Side::Source, &found, |r| fixes::reindex(&r.table()))))
}
