//! By what means a statement is executed: how many processes and how much memory an index is built with, and how a foreign
//! key's rows are held against those that they refer to.

use super::super::snapshot::Snapshot;
use super::cost::{Leaves, PG_CLASS, PG_CONSTRAINT};
use crate::engine::context::execute;
use crate::engine::database::Db;
use crate::engine::slots::Place;
use crate::model::failure::Failure;
use crate::pg::archive::Entry;
use crate::pg::connect::Session;
use crate::pg::statement::data::{JOIN_BY_ANY_MEANS, JOIN_IN_ORDER, building};
use std::collections::HashMap;

/// What is sorted in this much stays in the processor's caches, and several such runs are merged faster than one large
/// one is sorted: 8 million keys in 2.0 s with 64 MB, in 2.4 s with the 512 MB that hold all of them.
const SORT_KB: i64 = 64 << 10;
/// What a sort needs of memory for each run that it merges at a time (tuplesort.c, MERGE_BUFFER_SIZE).
const MERGE_BUFFER_BYTES: u64 = 272 << 10;
/// Without so much for each process the server lets fewer of them help (plan_create_index_workers).
const HELPER_KB: i64 = 32 << 10;
/// A sorted entry takes so much more memory than its place in the index.
const SORTED_PER_STORED: u64 = 3;
/// A table of this part of the target's shared buffers has a place there while it is read.
const SHARE_OF_BUFFERS: u64 = 16;
/// COPY FREEZE marks its pages visible from here on, so that an index alone answers.
const VISIBLE_FROM_VERSION: u32 = 14;

/// What is known of the archive's entries beforehand.
#[derive(Debug, Default)]
pub(super) struct Means {
    /// By the catalog and OID that an entry names, the size of an index that is built by sorting.
    sorted: HashMap<(u32, i64), u64>,
    /// By OID of the foreign key, where the rows of both sides can be read in its order.
    in_order: HashMap<i64, Vec<Side>>,
}

/// A table that rows of a foreign key are read of.
#[derive(Debug, Clone, Copy)]
struct Side {
    oid: i64,
    size_bytes: u64,
}

/// What has to be undone after a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Set {
    Nothing,
    Joins,
}

impl Means {
    pub(super) fn of(snapshot: &Snapshot) -> Self {
        let btrees = snapshot.indexes.iter().filter(|index| index.access_method == "btree");
        let keys = btrees.flat_map(|index| {
            let constraint = index.constraint_oid.map(|oid| ((PG_CONSTRAINT, oid), index.size_bytes));
            std::iter::once(((PG_CLASS, index.oid), index.size_bytes)).chain(constraint)
        });
        let leaves = Leaves::of(snapshot);
        let in_order = snapshot.references.iter().filter(|reference| reference.in_order).map(|reference| {
            let both = [leaves.below(&reference.table), leaves.below(&reference.referenced)].concat();
            let sides = both.iter().map(|table| Side { oid: table.oid, size_bytes: table.size_bytes });
            (reference.oid, sides.collect())
        });
        Self { sorted: keys.collect(), in_order: in_order.collect() }
    }

    /// Does the work with the means that are right for this entry. A session whose work has failed is not used again.
    pub(super) async fn around(
        &self,
        db: &Db,
        (session, entry, place): (&Session, &Entry, &Place),
        work: impl AsyncFnOnce() -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let set = match entry.desc.as_str() {
            "INDEX" | "CONSTRAINT" => {
                self.build(db, (session, entry, place)).await?;
                Set::Nothing
            }
            "FK CONSTRAINT" => self.check(db, session, entry).await?,
            _ => Set::Nothing,
        };
        work().await?;
        if set == Set::Joins {
            execute(&db.cancel, session, JOIN_BY_ANY_MEANS).await?;
        }
        Ok(())
    }

    /// An index is built by as many processes as its share of the target's processors allows: with other work waiting,
    /// those would only take each other's time.
    async fn build(
        &self,
        db: &Db,
        (session, entry, place): (&Session, &Entry, &Place),
    ) -> Result<(), Failure> {
        let cores = db.cx.room.target_cores;
        // Alone, its own process mostly waits for the helpers.
        let helpers = match place.share_of(cores) {
            all if all == cores => cores,
            share => share.saturating_sub(1),
        };
        let most_kb = db.cx.maintenance_work_mem_kb();
        let memory_kb = match self.sorted.get(&(entry.catalog_oid, i64::from(entry.object_oid))) {
            Some(size_bytes) => sort_memory_kb(*size_bytes, helpers)
                .min(most_kb)
                .max(db.cx.target_facts.maintenance_work_mem_kb),
            None => most_kb,
        };
        // Before 11 there were no helpers.
        let helpers = db.cx.target_facts.version.at_least(11).then_some(helpers);
        execute(&db.cancel, session, &building(memory_kb, helpers)).await
    }

    /// A hash table gets as much memory as there is, whatever the session has done before.
    async fn check(&self, db: &Db, session: &Session, entry: &Entry) -> Result<Set, Failure> {
        let memory = building(db.cx.maintenance_work_mem_kb(), None);
        if self.is_checked_in_order(db, entry) {
            execute(&db.cancel, session, &format!("{memory}; {JOIN_IN_ORDER}")).await?;
            return Ok(Set::Joins);
        }
        execute(&db.cancel, session, &memory).await?;
        Ok(Set::Nothing)
    }

    /// The server takes a hash table for cheaper than it is, whose places are all over the memory: 3 million rows are held
    /// against half a million in 1.5 s by one, and in 0.6 s by reading the indexes of both sides in order. That is so where
    /// the index alone answers, or where the rows, which are read all over the place then, are sure to be in memory.
    fn is_checked_in_order(&self, db: &Db, entry: &Entry) -> bool {
        let target = &db.cx.target_facts;
        let in_memory = u64::try_from(target.shared_buffers_kb).unwrap_or(0) * 1024 / SHARE_OF_BUFFERS;
        let visible = |side: &Side| {
            let frozen = target.version.at_least(VISIBLE_FROM_VERSION) && db.progress.is_frozen(side.oid);
            frozen || side.size_bytes <= in_memory
        };
        let sides = self.in_order.get(&i64::from(entry.object_oid));
        sides.is_some_and(|sides| sides.iter().all(visible))
    }
}

/// What the helpers share. Enough to merge all runs at once, also where an index is huge: the square root, for twice the
/// memory makes half as many runs and merges twice as many.
fn sort_memory_kb(size_bytes: u64, helpers: u32) -> i64 {
    let processes = u64::from(helpers) + 1;
    let needed = size_bytes.saturating_mul(SORTED_PER_STORED).saturating_mul(MERGE_BUFFER_BYTES);
    let kb = needed.saturating_mul(processes).isqrt() >> 10;
    i64::try_from(kb).unwrap_or(i64::MAX).max(SORT_KB).max(HELPER_KB * (i64::from(helpers) + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_for_a_sort_grows_with_the_square_root_of_its_size() {
        assert_eq!(sort_memory_kb(0, 0), SORT_KB);
        assert_eq!(sort_memory_kb(1 << 30, 1), SORT_KB);
        assert_eq!(sort_memory_kb(1 << 30, 3), 4 * HELPER_KB);
        let huge = sort_memory_kb(100 << 30, 0);
        assert!((280 << 10..300 << 10).contains(&huge), "{huge}");
        assert!((huge * 2 - 2..=huge * 2 + 2).contains(&sort_memory_kb(400 << 30, 0)));
        assert!(sort_memory_kb(u64::MAX, 9) > 0);
    }
}
