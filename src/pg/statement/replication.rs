//! Statements of logical replication: what is published, who subscribes, what tells rows apart.
//!
//! None of them says IF EXISTS: what exists is found out before, and what another one made is never dropped.

use crate::model::units::{ServerVersion, TableName};
use crate::pg::quote::{Ident, Literal, Qualified};

#[path = "replication/aiven.rs"]
pub mod aiven;
#[path = "replication/subscription.rs"]
pub mod subscription;

/// How many tables one statement names. Each is locked and looked up anyway; this only keeps a statement, and what the
/// server's log quotes of it, at a bearable length.
const TABLES_PER_STATEMENT: usize = 500;

/// What of a table's changes travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Published {
    /// All that this version can send.
    Everything,
    /// New rows only, for tables whose rows nothing tells apart: published in full, their UPDATE and DELETE would be
    /// refused on the source. No TRUNCATE either: it needs no key, but a table that only grows is what was promised.
    Inserts,
}

impl Published {
    /// The list for `publish`; TRUNCATE can be sent from 11 on.
    fn list(self, source: ServerVersion) -> &'static str {
        match self {
            Published::Inserts => "insert",
            Published::Everything if source.at_least(11) => "insert, update, delete, truncate",
            Published::Everything => "insert, update, delete",
        }
    }
}

/// What a table is, as far as naming it in a statement goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TableForm {
    /// With ONLY: without it the children of an inheritance parent would come along, also those that were not asked for.
    /// For a table without children it changes nothing.
    Plain,
    /// Without ONLY, so that a lock reaches the partitions, to which somebody may write directly. A publication makes no
    /// difference between the two here.
    Partitioned,
}

/// A table in a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NamedTable<'a> {
    pub name: &'a TableName,
    pub form: TableForm,
}

impl std::fmt::Display for NamedTable<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.form {
            TableForm::Plain => write!(f, "ONLY {}", Qualified(self.name)),
            TableForm::Partitioned => write!(f, "{}", Qualified(self.name)),
        }
    }
}

/// A publication of these tables, in several statements where they are many: run them in one transaction. From 13 on
/// partitioned tables are published by their root, so that the target may be partitioned in another way and a partition
/// made later comes along; before, the partitions themselves have to be listed.
pub fn create_publication(
    name: &str,
    tables: &[NamedTable<'_>],
    published: Published,
    source: ServerVersion,
) -> Vec<String> {
    let mut batches = tables.chunks(TABLES_PER_STATEMENT);
    let first = batches.next().map(|t| format!(" FOR TABLE {}", list(t))).unwrap_or_default();
    let root = if source.at_least(13) { ", publish_via_partition_root = true" } else { "" };
    let mut statements = vec![format!(
        "CREATE PUBLICATION {}{first} WITH (publish = {}{root})",
        Ident(name),
        Literal(published.list(source))
    )];
    statements.extend(batches.map(|t| add_batch(name, t)));
    statements
}

/// Adds tables to a publication, in several statements where they are many.
pub fn add_tables(name: &str, tables: &[NamedTable<'_>]) -> Vec<String> {
    tables.chunks(TABLES_PER_STATEMENT).map(|t| add_batch(name, t)).collect()
}

fn add_batch(name: &str, tables: &[NamedTable<'_>]) -> String {
    format!("ALTER PUBLICATION {} ADD TABLE {}", Ident(name), list(tables))
}

fn list(tables: &[NamedTable<'_>]) -> String {
    tables.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

pub fn drop_publication(name: &str) -> String {
    format!("DROP PUBLICATION {}", Ident(name))
}

/// What tells a table's rows apart for UPDATE and DELETE on the other side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReplicaIdentity<'a> {
    /// The primary key, where there is one.
    Default,
    /// The whole old row.
    Full,
    Nothing,
    /// An index of the table: unique, valid, immediate, without a condition, of columns that are NOT NULL.
    Index(&'a str),
}

/// Takes ACCESS EXCLUSIVE on the table: begin the transaction with [`lock_timeout`], everybody queues up behind it. A
/// partitioned table's setting does not pass on to its partitions, whose own counts; ONLY says so.
pub fn replica_identity(table: &TableName, identity: ReplicaIdentity<'_>) -> String {
    let table = Qualified(table);
    match identity {
        ReplicaIdentity::Default => format!("ALTER TABLE ONLY {table} REPLICA IDENTITY DEFAULT"),
        ReplicaIdentity::Full => format!("ALTER TABLE ONLY {table} REPLICA IDENTITY FULL"),
        ReplicaIdentity::Nothing => format!("ALTER TABLE ONLY {table} REPLICA IDENTITY NOTHING"),
        ReplicaIdentity::Index(index) => {
            format!("ALTER TABLE ONLY {table} REPLICA IDENTITY USING INDEX {}", Ident(index))
        }
    }
}

/// For the transaction that runs: a statement that does not get its lock in time fails instead of holding up others.
pub fn lock_timeout(wait_ms: u32) -> String {
    format!("SET LOCAL lock_timeout = {wait_ms}")
}

/// Keeps these tables from being written to until the transaction's end, while reading goes on. In several statements
/// where they are many.
pub fn lock_against_writes(tables: &[NamedTable<'_>]) -> Vec<String> {
    let statement = |t: &[NamedTable<'_>]| format!("LOCK TABLE {} IN SHARE MODE", list(t));
    tables.chunks(TABLES_PER_STATEMENT).map(statement).collect()
}

/// Drops a slot over an ordinary session: needs REPLICATION, and that nobody reads from the slot.
pub fn drop_slot(name: &str) -> String {
    format!("SELECT pg_catalog.pg_drop_replication_slot({})", Literal(name))
}

/// The session's own pid, as int4.
pub const OWN_PID: &str = "SELECT pg_catalog.pg_backend_pid()";

/// Writes a transaction without any change into the log, so that what follows it is delivered, and confirmed, at once.
pub const EMIT_MARK: &str = "SELECT pg_catalog.pg_logical_emit_message(true, 'pgpassage', '')";

/// Ends the walsender that reads from a slot, and no other: between finding its pid and this, the slot may have got
/// another reader, or the pid another process. One row, `ended`; no row where that walsender does not read (any more).
/// `$1`: the pid as int4, `$2`: the slot's name as text.
pub const END_WALSENDER: &str = "SELECT pg_catalog.pg_terminate_backend(s.active_pid) AS ended \
    FROM pg_catalog.pg_replication_slots s \
    WHERE s.active_pid = $1::int4 AND s.slot_name = $2::text::pg_catalog.name";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn publications_are_written_for_the_version() {
        let (plain, root) = (TableName::new("S", "a\"b"), TableName::new("public", "root"));
        let tables = [
            NamedTable { name: &plain, form: TableForm::Plain },
            NamedTable { name: &root, form: TableForm::Partitioned },
        ];
        let create = |published, version| {
            create_publication("p", &tables, published, ServerVersion(version)).join("; ")
        };
        let head = "CREATE PUBLICATION \"p\" FOR TABLE ONLY \"S\".\"a\"\"b\", \"public\".\"root\" WITH";
        assert_eq!(
            create(Published::Everything, 100_023),
            format!("{head} (publish = 'insert, update, delete')")
        );
        assert_eq!(
            create(Published::Everything, 120_000),
            format!("{head} (publish = 'insert, update, delete, truncate')")
        );
        assert_eq!(
            create(Published::Everything, 130_000),
            format!(
                "{head} (publish = 'insert, update, delete, truncate', publish_via_partition_root = true)"
            )
        );
        assert_eq!(
            create(Published::Inserts, 180_000),
            format!("{head} (publish = 'insert', publish_via_partition_root = true)")
        );
        assert_eq!(
            create_publication("p", &[], Published::Inserts, ServerVersion(100_000)),
            ["CREATE PUBLICATION \"p\" WITH (publish = 'insert')"]
        );
        assert_eq!(drop_publication("p"), "DROP PUBLICATION \"p\"");
    }

    #[test]
    fn many_tables_take_several_statements() {
        let names: Vec<_> = (0..1201).map(|i| TableName::new("s", format!("t{i}"))).collect();
        let tables: Vec<_> = names.iter().map(|name| NamedTable { name, form: TableForm::Plain }).collect();
        let statements = create_publication("p", &tables, Published::Everything, ServerVersion(150_000));
        assert_eq!(statements.len(), 3);
        assert!(statements[0].contains("\"t499\" WITH (") && !statements[0].contains("\"t500\""));
        assert!(
            statements[1].starts_with("ALTER PUBLICATION \"p\" ADD TABLE ONLY \"s\".\"t500\", ONLY \"s\".")
        );
        assert_eq!(statements[2].matches("ONLY").count(), 201);
        assert_eq!(add_tables("p", &tables[..1]), ["ALTER PUBLICATION \"p\" ADD TABLE ONLY \"s\".\"t0\""]);
        assert_eq!(lock_against_writes(&tables).len(), 3);
        assert_eq!(lock_against_writes(&tables[..1]), ["LOCK TABLE ONLY \"s\".\"t0\" IN SHARE MODE"]);
        assert!(lock_against_writes(&[]).is_empty());
    }

    #[test]
    fn identities_and_slots() {
        let table = TableName::new("s", "t");
        assert_eq!(
            replica_identity(&table, ReplicaIdentity::Index("i\"x")),
            "ALTER TABLE ONLY \"s\".\"t\" REPLICA IDENTITY USING INDEX \"i\"\"x\""
        );
        for (identity, word) in [
            (ReplicaIdentity::Default, "DEFAULT"),
            (ReplicaIdentity::Full, "FULL"),
            (ReplicaIdentity::Nothing, "NOTHING"),
        ] {
            assert_eq!(
                replica_identity(&table, identity),
                format!("ALTER TABLE ONLY \"s\".\"t\" REPLICA IDENTITY {word}")
            );
        }
        assert_eq!(lock_timeout(2000), "SET LOCAL lock_timeout = 2000");
        assert_eq!(drop_slot("it's"), "SELECT pg_catalog.pg_drop_replication_slot('it''s')");
    }
}
