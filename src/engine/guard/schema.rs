//! What of the source's definitions has changed since the migration began.

use crate::engine::replicate::survey::help;
use crate::model::names::{ObjectKind, ObjectNames};
use crate::model::units::{TableName, count_of, printable, readable};
use crate::pg::facts::replication::tables::PublishCandidate;
use crate::pg::facts::replication::watch::SchemaObject;
use crate::pg::statement::replication::subscription::{CopyData, refresh};
use crate::pg::statement::replication::{NamedTable, TableForm, add_tables};
use std::collections::BTreeMap;

/// Changes that are named; the rest are counted.
const NAMED: usize = 20;

/// One definition that is not what it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Change {
    New(String, TableName),
    Gone(String, TableName),
    Other(String, TableName),
}

impl std::fmt::Display for Change {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Change::New(kind, name) => write!(f, "{kind} {} is new", named(kind, name)),
            Change::Gone(kind, name) => write!(f, "{kind} {} is gone", named(kind, name)),
            Change::Other(kind, name) => write!(f, "{kind} {} is defined otherwise", named(kind, name)),
        }
    }
}

/// A trigger's name says its table and a function's its arguments: no identifiers, that would be quoted.
fn named(kind: &str, name: &TableName) -> String {
    match kind {
        "trigger" | "policy" | "function" => format!("{}.{}", readable(&name.schema), printable(&name.name)),
        _ if name.schema.is_empty() => readable(&name.name),
        _ => name.to_string(),
    }
}

/// Object by object, by their identity on the server: what was renamed is defined otherwise, but for an index, which has
/// no other identity than its name.
pub(super) fn changes(before: &[SchemaObject], after: &[SchemaObject]) -> Vec<Change> {
    let key = |o: &SchemaObject| {
        let name = (o.oid == 0).then(|| o.name.clone());
        (o.oid, o.kind.clone(), name)
    };
    let old: BTreeMap<_, _> = before.iter().map(|o| (key(o), o)).collect();
    let new: BTreeMap<_, _> = after.iter().map(|o| (key(o), o)).collect();
    let mut found = Vec::new();
    for (key, object) in &new {
        match old.get(key) {
            None => found.push(Change::New(object.kind.clone(), object.name.clone())),
            Some(was) if was.hash != object.hash => {
                found.push(Change::Other(object.kind.clone(), object.name.clone()));
            }
            Some(_) => {}
        }
    }
    let gone = old.iter().filter(|(key, _)| !new.contains_key(*key));
    found.extend(gone.map(|(_, object)| Change::Gone(object.kind.clone(), object.name.clone())));
    found
}

/// By name, where it is not known what there was: the target has what the source had.
pub(super) fn unlike_target(source: &[SchemaObject], target: &[SchemaObject]) -> Vec<Change> {
    let names = |all: &[SchemaObject]| -> BTreeMap<(TableName, String), ()> {
        all.iter().map(|o| ((o.name.clone(), o.kind.clone()), ())).collect()
    };
    let (here, there) = (names(source), names(target));
    let new = here.keys().filter(|key| !there.contains_key(*key));
    let gone = there.keys().filter(|key| !here.contains_key(*key));
    let new = new.map(|(name, kind)| Change::New(kind.clone(), name.clone()));
    new.chain(gone.map(|(name, kind)| Change::Gone(kind.clone(), name.clone()))).collect()
}

/// One line for each, as far as they are named.
pub(super) fn lines(changes: &[Change]) -> Vec<String> {
    let mut lines: Vec<_> = changes.iter().take(NAMED).map(ToString::to_string).collect();
    if changes.len() > NAMED {
        lines.push(format!("{} more", count_of((changes.len() - NAMED) as u64, "change")));
    }
    lines
}

/// The new tables, as far as they are named.
fn new_tables(changes: &[Change]) -> Vec<&TableName> {
    let new = changes.iter().filter_map(|change| match change {
        Change::New(kind, name) if kind == "table" => Some(name),
        _ => None,
    });
    new.take(NAMED).collect()
}

/// What has to be done before the new tables are published: without that, the source would refuse every change of a row.
pub(super) fn before_publishing(changes: &[Change], candidates: &[PublishCandidate]) -> Vec<String> {
    let new = new_tables(changes);
    candidates.iter().filter(|t| new.contains(&&t.name) && !t.identity_is_usable()).map(help).collect()
}

/// What to do about it, with the statements where there are any.
pub(super) fn advice(changes: &[Change], first: &[String], names: &ObjectNames) -> String {
    let new = new_tables(changes);
    let accept = "then close the connection with finish --accept-schema-changes; or start over";
    if new.is_empty() {
        return format!("make the same change on the target, {accept}");
    }
    let tables: Vec<_> = new.iter().map(|name| NamedTable { name, form: TableForm::Plain }).collect();
    let publish = add_tables(&names.of(ObjectKind::Publication), &tables).join("; ");
    let refresh = refresh(&names.of(ObjectKind::Subscription), CopyData::Yes);
    let first = match first {
        [] => String::new(),
        some => format!(
            "on the source first, where nothing tells the rows of a new table apart and changes of them would be refused: {} ",
            some.join(" ")
        ),
    };
    format!(
        "{first}make the same on the target; for a new table that is no partition, then on the source: {publish}; and on the target: {refresh}; {accept}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(oid: i64, name: &str, hash: &str) -> SchemaObject {
        SchemaObject {
            oid,
            kind: "table".to_owned(),
            name: TableName::new("public".to_owned(), name.to_owned()),
            hash: hash.to_owned(),
        }
    }

    #[test]
    fn each_kind_of_change_is_told_apart() {
        let before = [object(1, "a", "x"), object(2, "b", "x"), object(3, "c", "x")];
        let after = [object(1, "a", "x"), object(2, "b", "y"), object(4, "d", "x")];
        let lines = lines(&changes(&before, &after));
        assert_eq!(
            lines,
            ["table public.b is defined otherwise", "table public.d is new", "table public.c is gone"]
        );
        let by_name: Vec<_> = unlike_target(&after, &before).iter().map(ToString::to_string).collect();
        assert_eq!(by_name, ["table public.d is new", "table public.c is gone"]);
    }

    #[test]
    fn a_new_table_comes_with_its_statements() {
        let names =
            crate::model::names::ObjectNames::new("x", "shop", crate::model::names::Mangle::WhereNeeded);
        let added =
            [Change::New("table".to_owned(), TableName::new("public".to_owned(), "d\"; --".to_owned()))];
        let first = ["add a primary key".to_owned()];
        let advice = advice(&added, &first, &names.unwrap());
        let (before, after) = (advice.find("add a primary key"), advice.find("ADD TABLE"));
        assert!(before.is_some() && before < after, "{advice}");
        assert!(advice.contains("ADD TABLE") && advice.contains("\"d\"\"; --\""), "{advice}");
        assert!(advice.contains("REFRESH PUBLICATION"), "{advice}");
    }
}
