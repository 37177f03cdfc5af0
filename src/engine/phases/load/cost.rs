//! What a piece of work will take, in bytes of rows that take as long to copy. Rough, and only used for the order of
//! things: measured on tables of a few million rows of mixed types.

use super::super::snapshot::Snapshot;
use crate::model::units::TableName;
use crate::pg::archive::Entry;
use crate::pg::facts::relations::Reference;
use crate::pg::facts::tables::TableFacts;
use std::collections::HashMap;

/// `pg_class`'s own OID, which the archive names for relations.
pub(super) const PG_CLASS: u32 = 1259;
/// The same of `pg_constraint`.
pub(super) const PG_CONSTRAINT: u32 = 2606;

/// What every statement costs, however small.
pub(super) const STATEMENT: u64 = 64 << 10;
/// ANALYZE reads a sample, of 30,000 rows by default.
const SAMPLE: u64 = 16 << 20;

/// By the catalog and OID that an archive's entry names, the cost of building an index.
#[derive(Debug)]
pub(super) struct Costs {
    indexes: HashMap<(u32, i64), u64>,
    tables: HashMap<i64, u64>,
    /// By the foreign key's OID.
    references: HashMap<i64, u64>,
}

impl Costs {
    pub(super) fn of(snapshot: &Snapshot) -> Self {
        let tables: HashMap<_, _> = snapshot.tables.iter().map(|t| (t.oid, t.size_bytes)).collect();
        let mut indexes = HashMap::new();
        for index in &snapshot.indexes {
            let table = tables.get(&index.table_oid).copied().unwrap_or(0);
            let cost = match index.access_method.as_str() {
                "btree" => index.size_bytes.max(table / 20),
                "brin" | "hash" => table / 4,
                // One process sorts or descends for each of many values of a row.
                _ => table.saturating_mul(2).max(index.size_bytes.saturating_mul(2)),
            };
            indexes.insert((PG_CLASS, index.oid), cost);
            if let Some(constraint) = index.constraint_oid {
                indexes.insert((PG_CONSTRAINT, constraint), cost);
            }
        }
        Self { indexes, tables, references: references(snapshot) }
    }

    /// `tables` are those that the entry is about.
    pub(super) fn entry(&self, entry: &Entry, tables: &[i64]) -> u64 {
        let cost = match entry.desc.as_str() {
            "INDEX" | "CONSTRAINT" => {
                self.indexes.get(&(entry.catalog_oid, i64::from(entry.object_oid))).copied().unwrap_or(0)
            }
            "FK CONSTRAINT" => self.references.get(&i64::from(entry.object_oid)).copied().unwrap_or(0),
            "CHECK CONSTRAINT" => {
                tables.iter().map(|oid| self.tables.get(oid).copied().unwrap_or(0) / 8).sum()
            }
            _ => 0,
        };
        cost.saturating_add(STATEMENT)
    }

    pub(super) fn analyze(size_bytes: u64) -> u64 {
        size_bytes.min(SAMPLE) + STATEMENT
    }
}

/// The tables that hold the rows of a table of that name: itself, or all its partitions.
#[derive(Debug)]
pub(super) struct Leaves<'a>(HashMap<&'a TableName, Vec<&'a TableFacts>>);

impl<'a> Leaves<'a> {
    pub(super) fn of(snapshot: &'a Snapshot) -> Self {
        let mut leaves: HashMap<_, Vec<_>> = HashMap::new();
        for table in &snapshot.tables {
            for name in table.ancestors.iter().chain([&table.name]) {
                leaves.entry(name).or_default().push(table);
            }
        }
        Self(leaves)
    }

    pub(super) fn below(&self, name: &TableName) -> &[&'a TableFacts] {
        self.0.get(name).map_or(&[], Vec::as_slice)
    }
}

/// Each partition's rows are held against all that they may refer to, one partition after the other.
fn references(snapshot: &Snapshot) -> HashMap<i64, u64> {
    let leaves = Leaves::of(snapshot);
    let bytes = |tables: &[&TableFacts]| tables.iter().map(|table| table.size_bytes).sum::<u64>();
    let cost = |reference: &Reference| {
        let (referring, referenced) = (leaves.below(&reference.table), leaves.below(&reference.referenced));
        bytes(referring).saturating_add(bytes(referenced).saturating_mul(referring.len() as u64)) / 8
    };
    snapshot.references.iter().map(|reference| (reference.oid, cost(reference))).collect()
}
