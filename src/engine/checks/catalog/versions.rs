//! Checks of what newer versions of PostgreSQL took away or see otherwise.

use super::{Check, Fix, Judge, Judged, PLAIN, Weight, blocker, info, listed, statements, warning};
use crate::engine::checks::facts::{Facts, Wanted};
use crate::model::check::{Finding, Severity};
use crate::model::plan::Plan;
use crate::model::units::{Side, TableName, count_of, readable};
use crate::pg::facts::remarks::{Question, Remark};
use crate::pg::statement::fixes;

const STOPS: Check = Check { weight: Weight::Stops, ..PLAIN };

pub(super) const CHECKS: [Check; 13] = [
    Check {
        id: "removed-types",
        title: "Types that are gone",
        what: "Columns of type abstime, reltime or tinterval (gone in 12), unknown, or information_schema.sql_identifier, \
               directly or inside of other types.",
        why: "the target does not have such a type, and its table cannot be made",
        fix: Fix::Same("change the columns to timestamptz, interval or text"),
        judge: Judge::Database(removed_types),
        ..STOPS
    },
    Check {
        id: "oids",
        title: "Tables WITH OIDS",
        what: "Tables with the hidden column oid, which is gone in 12.",
        why: "the values of that column are lost, and whatever refers to them with it",
        fix: Fix::Same("take it away on the source, or turn it into a column of its own"),
        judge: Judge::Database(oids),
        ..STOPS
    },
    Check {
        id: "array-functions",
        title: "Aggregates over arrays",
        what: "Aggregates and operators of users on array_append and its kin, whose argument types changed in 14.",
        why: "they cannot be made on a target from 14 on",
        fix: Fix::Same("drop them on the source, and make them on the target with anycompatiblearray"),
        judge: Judge::Database(array_functions),
        ..STOPS
    },
    Check {
        id: "postfix-operators",
        title: "Postfix operators",
        what: "Operators that stand behind their operand, which are gone in 14.",
        why: "they cannot be made on a target from 14 on",
        fix: Fix::Same("drop them; call the function instead"),
        judge: Judge::Database(postfix_operators),
        ..STOPS
    },
    Check {
        id: "conversions",
        title: "Conversions",
        what: "Conversions of users between encodings, whose functions take another argument from 14 on.",
        why: "they fail on a target from 14 on",
        fix: Fix::Same("make them anew on the target"),
        judge: Judge::Database(conversions),
        ..PLAIN
    },
    Check {
        id: "not-null-inheritance",
        title: "NOT NULL in children",
        what: "Columns of child tables and partitions that may be NULL while the parent's may not; from 18 on that is refused.",
        why: "the child cannot be made on a target from 18 on",
        fix: Fix::Same("set the children's columns NOT NULL too"),
        judge: Judge::Database(not_null),
        ..STOPS
    },
    Check {
        id: "generated-inheritance",
        title: "Generated columns of children",
        what: "Generated columns of child tables that are ordinary ones in the parent; from 16 on that is refused.",
        why: "the child cannot be made on a target from 16 on",
        fix: Fix::Same("make the child's column an ordinary one, or the child a table of its own"),
        judge: Judge::Database(generated_in_children),
        since: 12,
        ..STOPS
    },
    Check {
        id: "mixed-collations",
        title: "Foreign keys over collations",
        what: "Foreign keys between columns of different collations of which one is not deterministic; refused from 18 on.",
        why: "the foreign key cannot be made on a target from 18 on",
        fix: Fix::Same("give both columns the same collation"),
        judge: Judge::Database(mixed_collations),
        ..STOPS
    },
    Check {
        id: "unlogged-partitioned",
        title: "Unlogged partitioned tables",
        what: "Partitioned tables that are UNLOGGED, which has had no effect and is refused from 18 on.",
        why: "the table cannot be made on a target from 18 on",
        fix: Fix::Same("make it anew without UNLOGGED on the source"),
        judge: Judge::Database(unlogged_partitioned),
        ..STOPS
    },
    Check {
        id: "newer-versions",
        title: "What 19 sees otherwise",
        what: "For a target from 19 on: databases with a line break in the name, and indexes of btree_gist over inet and cidr, \
               which are made with inet_ops there.",
        why: "19 makes no database of such a name",
        fix: Fix::Same("rename it on the source, or leave it out with --exclude-database"),
        judge: Judge::Database(newest),
        ..STOPS
    },
    Check {
        id: "removed-settings",
        title: "Settings that are gone",
        what: "Functions with a SET of their own for a setting that the target does not have, such as escape_string_warning \
               (gone in 19), or for a value that it refuses. Those of roles and databases: see role-settings.",
        why: "such a function cannot be made on the target",
        fix: Fix::Same("take the setting away: ALTER FUNCTION … RESET, on the source"),
        judge: Judge::Database(removed_settings),
        ..STOPS
    },
    Check {
        id: "string-literals",
        title: "Backslashes in strings",
        what: "Whether standard_conforming_strings is off on the source, which a target from 19 on cannot have.",
        why: "functions and applications that escape by a backslash in plain quotes mean something else on the target",
        fix: Fix::Same("write E'…' where a backslash is meant to escape, in functions and in applications"),
        judge: Judge::Servers(string_literals),
        ..PLAIN
    },
    Check {
        id: "reg-types",
        title: "Columns that hold object numbers",
        what: "Columns of type regclass, regproc and the like, and of aclitem: they name objects of this very database.",
        why: "they travel as names, and a name that means nothing on the target fails its table",
        fix: Fix::Same("nothing, if what they name is moved too"),
        judge: Judge::Database(reg_types),
        ..PLAIN
    },
];

/// The versions of source and target have this one between them.
fn crosses(facts: &Facts, major: u32) -> bool {
    !facts.from().at_least(major) && facts.to().at_least(major)
}

fn column(remark: &Remark) -> String {
    let kind = remark.detail.as_deref().unwrap_or(&remark.kind);
    format!("{remark} ({kind})")
}

fn removed_types(facts: &Facts, wanted: &Wanted, _: &Plan) -> Judged {
    const GONE: [&str; 5] = ["abstime", "reltime", "tinterval", "unknown", "sql_identifier"];
    if !crosses(facts, 12) {
        return super::well();
    }
    let found = wanted.remarks(Question::Types, &GONE)?;
    if found.is_empty() {
        return super::well();
    }
    let title = format!("{} of a type that the target does not have", count_of(found.len() as u64, "column"));
    let finding = blocker(title).objects(found.iter().map(|r| column(r)));
    let is_direct = |r: &Remark| {
        let shown = r.detail.as_deref().unwrap_or_default();
        shown.strip_prefix("information_schema.").unwrap_or(shown) == r.kind
    };
    let direct: Vec<_> = found.iter().filter(|r| is_direct(r)).collect();
    let fix = statements(Side::Source, &direct, |r| {
        let to = match r.kind.as_str() {
            "abstime" => "timestamptz",
            "reltime" => "interval",
            _ => "text",
        };
        fixes::change_type(&r.table(), r.part.as_deref().unwrap_or_default(), to)
    });
    Ok(vec![if direct.is_empty() { finding } else { finding.fix(fix) }])
}

fn oids(facts: &Facts, wanted: &Wanted, _: &Plan) -> Judged {
    if !crosses(facts, 12) {
        return super::well();
    }
    let found = wanted.remarks(Question::WithOids, &[])?;
    let told = listed(Severity::Blocker, &found, "table", |n| format!("{n} WITH OIDS"));
    Ok(super::fixed(told, || statements(Side::Source, &found, |r| fixes::without_oids(&r.table()))))
}

fn array_functions(facts: &Facts, wanted: &Wanted, _: &Plan) -> Judged {
    if !crosses(facts, 14) {
        return super::well();
    }
    let found = wanted.remarks(Question::Programs, &["array aggregate", "array operator"])?;
    Ok(listed(Severity::Blocker, &found, "aggregate or operator", |_| {
        "aggregates or operators over arrays, whose functions changed in 14".to_owned()
    }))
}

fn postfix_operators(facts: &Facts, wanted: &Wanted, _: &Plan) -> Judged {
    if !crosses(facts, 14) {
        return super::well();
    }
    let found = wanted.remarks(Question::Programs, &["postfix operator"])?;
    Ok(listed(Severity::Blocker, &found, "postfix operator", |n| n))
}

fn conversions(facts: &Facts, wanted: &Wanted, _: &Plan) -> Judged {
    if !crosses(facts, 14) {
        return super::well();
    }
    let found = wanted.remarks(Question::Programs, &["conversion"])?;
    Ok(listed(Severity::Warning, &found, "conversion", |n| format!("{n} of the form before 14")))
}

fn not_null(facts: &Facts, wanted: &Wanted, _: &Plan) -> Judged {
    if !crosses(facts, 18) {
        return super::well();
    }
    let found = wanted.remarks(Question::Columns, &["child without not null"])?;
    let told = listed(Severity::Blocker, &found, "column", |n| {
        format!("{n} of children that may be NULL where the parent's may not")
    });
    let each = |r: &&Remark| fixes::set_not_null(&r.table(), r.part.as_deref().unwrap_or_default());
    Ok(super::fixed(told, || statements(Side::Source, &found, each)))
}

fn generated_in_children(facts: &Facts, wanted: &Wanted, _: &Plan) -> Judged {
    if !crosses(facts, 16) {
        return super::well();
    }
    let found = wanted.remarks(Question::Columns, &["generated in the child only"])?;
    let told = listed(Severity::Blocker, &found, "generated column", |n| {
        format!("{n} of children whose parent's is an ordinary one")
    });
    if !facts.from().at_least(13) {
        return Ok(told);
    }
    let each = |r: &&Remark| {
        let parents: Vec<(String, String)> =
            r.detail.as_deref().and_then(|pairs| serde_json::from_str(pairs).ok()).unwrap_or_default();
        let parents: Vec<_> =
            parents.into_iter().map(|(schema, name)| TableName::new(schema, name)).collect();
        fixes::drop_expression(&r.table(), r.part.as_deref().unwrap_or_default(), &parents)
    };
    Ok(super::fixed(told, || statements(Side::Source, &found, each)))
}

fn mixed_collations(facts: &Facts, wanted: &Wanted, _: &Plan) -> Judged {
    if !crosses(facts, 18) {
        return super::well();
    }
    let found = wanted.remarks(Question::Constraints, &["mixed collations"])?;
    Ok(listed(Severity::Blocker, &found, "foreign key", |n| format!("{n} between different collations")))
}

fn unlogged_partitioned(facts: &Facts, wanted: &Wanted, _: &Plan) -> Judged {
    if !crosses(facts, 18) {
        return super::well();
    }
    let found = wanted.remarks(Question::Relations, &["unlogged partitioned table"])?;
    Ok(listed(Severity::Blocker, &found, "unlogged partitioned table", |n| n))
}

fn newest(facts: &Facts, wanted: &Wanted, _: &Plan) -> Judged {
    if !crosses(facts, 19) {
        return super::well();
    }
    let mut found: Vec<Finding> = Vec::new();
    if has_line_break(wanted.name()) {
        found.push(blocker("the database has a line break in its name"));
    }
    let indexes = wanted.remarks(Question::Relations, &["inet index"])?;
    let told = listed(Severity::Info, &indexes, "index", |n| {
        format!("{n} of btree_gist over inet or cidr, to be made with inet_ops")
    });
    found.extend(told.into_iter().map(|finding| {
        finding.because("those of btree_gist could miss rows; the target's do not").fix("nothing")
    }));
    Ok(found)
}

/// From 19 on a name of a database or of a role may not have one.
pub(super) fn has_line_break(name: &str) -> bool {
    name.contains(['\n', '\r'])
}

/// Settings that sessions could set, the value from which on they are refused (all, if none is given), and the version that
/// took them away. The questions about settings name them too.
const REMOVED: [(&str, Option<bool>, u32); 6] = [
    ("replacement_sort_tuples", None, 11),
    ("default_with_oids", Some(true), 12),
    ("operator_precedence_warning", None, 14),
    ("vacuum_cleanup_index_scale_factor", None, 14),
    ("escape_string_warning", None, 19),
    ("standard_conforming_strings", Some(false), 19),
];

/// The target does not have this setting any more, or not with this value.
pub(super) fn is_removed(facts: &Facts, name: &str, value: &str) -> bool {
    let is_on = !["off", "false", "no", "0"].iter().any(|off| off.starts_with(&value.to_lowercase()));
    REMOVED.iter().any(|(gone, refused, major)| {
        *gone == name && crosses(facts, *major) && refused.is_none_or(|refused| refused == is_on)
    })
}

fn removed_settings(facts: &Facts, wanted: &Wanted, _: &Plan) -> Judged {
    let all = wanted.remarks(Question::FunctionSettings, &[])?;
    let value = |r: &Remark| r.detail.clone().unwrap_or_default();
    let gone = |r: &&&Remark| is_removed(facts, r.part.as_deref().unwrap_or_default(), &value(r));
    let found: Vec<_> = all.iter().filter(gone).collect();
    if found.is_empty() {
        return super::well();
    }
    let title =
        format!("{} with a setting that the target refuses", count_of(found.len() as u64, "function"));
    let objects = found.iter().map(|r| {
        let function = Remark { part: None, ..(**r).clone() };
        format!("{function} ({} = {})", readable(r.part.as_deref().unwrap_or_default()), readable(&value(r)))
    });
    let kind = if facts.from().at_least(11) { "ROUTINE" } else { "FUNCTION" };
    let fix = statements(Side::Source, &found, |r| {
        fixes::reset_in_routine(kind, &r.table(), r.part.as_deref().unwrap_or_default())
    });
    Ok(vec![blocker(title).objects(objects).fix(fix)])
}

fn string_literals(facts: &Facts, _: &Plan) -> Judged {
    if !crosses(facts, 19) {
        return super::well();
    }
    let settings = facts.source.settings.as_ref().map_err(Clone::clone)?;
    let off = settings.text("standard_conforming_strings") == Some("off");
    Ok(off.then(|| warning("standard_conforming_strings is off on the source")).into_iter().collect())
}

fn reg_types(_: &Facts, wanted: &Wanted, _: &Plan) -> Judged {
    let all = wanted.source()?.remarks(Question::Types)?;
    let found: Vec<_> = all.iter().filter(|r| r.kind.starts_with("reg") || r.kind == "aclitem").collect();
    if found.is_empty() {
        return super::well();
    }
    let title = format!("{} that hold names of objects", count_of(found.len() as u64, "column"));
    Ok(vec![info(title).objects(found.iter().map(|r| column(r)))])
}
