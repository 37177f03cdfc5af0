//! Checks of collations and encodings: what text means and how it sorts.

use super::{Check, Fix, Judge, Judged, PLAIN, info, listed, statements, warning};
use crate::engine::checks::facts::{Facts, Wanted};
use crate::model::check::Severity;
use crate::model::plan::Plan;
use crate::model::units::{Side, count_of, printable};
use crate::pg::facts::remarks::Question;
use crate::pg::statement::fixes;

pub(super) const CHECKS: [Check; 5] = [
    Check {
        id: "collations",
        title: "Collations of columns",
        what: "Whether the target has the collations that the source's columns name.",
        why: "a column with a collation that is not there cannot be made",
        fix: Fix::Same(
            "install the locale on the target's machine and import it, or change the columns' collation",
        ),
        judge: Judge::Database(collations),
        ..PLAIN
    },
    Check {
        id: "collation-versions",
        title: "Versions of collations",
        what: "Collations whose library on the source is another than when they were recorded.",
        why: "indexes on the source may be in a wrong order already; they are built anew on the target",
        fix: Fix::Same("rebuild the indexes that use them on the source, and record the new version"),
        judge: Judge::Database(collation_versions),
        ..PLAIN
    },
    Check {
        id: "order",
        title: "Order of text",
        what: "Range partitions over text under a locale of the operating system.",
        why: "where both machines sort otherwise, a row may belong to another partition than it lies in",
        fix: Fix::Same("compare the versions of the locale's library, or give the key COLLATE \"C\""),
        judge: Judge::Database(order),
        ..PLAIN
    },
    Check {
        id: "sql-ascii",
        title: "SQL_ASCII",
        what: "Databases in SQL_ASCII, which hold bytes of any encoding, and MULE_INTERNAL, which is not moved.",
        why: "nobody has looked whether the text in them is of one encoding",
        fix: Fix::Same(
            "keep the encoding on the target, as is done; convert the text before if it is to become UTF8",
        ),
        judge: Judge::Database(sql_ascii),
        ..PLAIN
    },
    Check {
        id: "binary",
        title: "Types without a binary form",
        what: "Columns of types that have no binary form: they travel as text.",
        why: "text is slower, and values above half a GB do not fit",
        fix: Fix::Same("nothing"),
        judge: Judge::Database(binary),
        ..PLAIN
    },
];

fn collations(facts: &Facts, wanted: &Wanted, _: &Plan) -> Judged {
    let there = facts.target.collations.as_ref().map_err(Clone::clone)?;
    let found = wanted.remarks(Question::Columns, &["collation"])?;
    let name = |detail: &Option<String>| {
        let text = detail.clone().unwrap_or_default();
        text.trim_start_matches("pg_catalog.").trim_matches('"').replace("\"\"", "\"")
    };
    let missing: Vec<_> = found.into_iter().filter(|r| !there.contains(&name(&r.detail))).collect();
    if missing.is_empty() {
        return super::well();
    }
    let title = format!(
        "{} with a collation that the target does not have",
        count_of(missing.len() as u64, "column")
    );
    let objects = missing.iter().map(|r| format!("{r} ({})", printable(&name(&r.detail))));
    Ok(vec![warning(title).objects(objects)])
}

fn collation_versions(_: &Facts, wanted: &Wanted, _: &Plan) -> Judged {
    let found = wanted.remarks(Question::Surroundings, &["collation version"])?;
    let told = listed(Severity::Warning, &found, "collation", |n| {
        format!("{n} of another version than recorded on the source")
    });
    Ok(super::fixed(told, || statements(Side::Source, &found, |r| fixes::refresh_collation(&r.name))))
}

fn order(_: &Facts, wanted: &Wanted, _: &Plan) -> Judged {
    let found = wanted.remarks(Question::Order, &[])?;
    Ok(listed(Severity::Info, &found, "partitioned table", |n| format!("{n} by ranges of text")))
}

fn sql_ascii(_: &Facts, wanted: &Wanted, _: &Plan) -> Judged {
    Ok(match wanted.candidate.facts.encoding.as_str() {
        "SQL_ASCII" => vec![warning("the database is in SQL_ASCII: its text may be of any encoding")],
        "MULE_INTERNAL" => {
            vec![super::blocker("the database is in MULE_INTERNAL, which cannot be read here")]
        }
        _ => Vec::new(),
    })
}

fn binary(_: &Facts, wanted: &Wanted, _: &Plan) -> Judged {
    let found = wanted.remarks(Question::Columns, &["no binary form"])?;
    if found.is_empty() {
        return super::well();
    }
    let objects = found.iter().map(|r| format!("{r} ({})", r.detail.as_deref().unwrap_or_default()));
    Ok(vec![info(format!("{} that travel as text", count_of(found.len() as u64, "column"))).objects(objects)])
}
