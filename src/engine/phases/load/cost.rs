//! What a piece of work will take, in bytes of rows that take as long to copy. Rough, and only used for the order of
//! things: measured on tables of a few million rows of mixed types.

use super::super::snapshot::Snapshot;
use crate::pg::archive::Entry;
use std::collections::HashMap;

/// `pg_class`'s own OID, which the archive names for relations.
pub(super) const PG_CLASS: u32 = 1259;
/// The same of `pg_constraint`.
const PG_CONSTRAINT: u32 = 2606;

/// What every statement costs, however small.
pub(super) const STATEMENT: u64 = 64 << 10;
/// ANALYZE reads a sample, of 30,000 rows by default.
const SAMPLE: u64 = 16 << 20;

/// By the catalog and OID that an archive's entry names, the cost of building an index.
#[derive(Debug)]
pub(super) struct Costs {
    indexes: HashMap<(u32, i64), u64>,
    tables: HashMap<i64, u64>,
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
        Self { indexes, tables }
    }

    /// `tables` are those that the entry is about.
    pub(super) fn entry(&self, entry: &Entry, tables: &[i64]) -> u64 {
        let cost = match entry.desc.as_str() {
            "INDEX" | "CONSTRAINT" => {
                self.indexes.get(&(entry.catalog_oid, i64::from(entry.object_oid))).copied().unwrap_or(0)
            }
            "FK CONSTRAINT" | "CHECK CONSTRAINT" => {
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
