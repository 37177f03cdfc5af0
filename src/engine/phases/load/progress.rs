//! What of a load is done, kept beyond a round that broke off, so that the next one goes on from there.

use super::super::data::SequenceValue;
use super::super::snapshot::Snapshot;
use crate::model::units::Lsn;
use crate::pg::facts::tables::Belongs;
use crate::pg::wire::CopyStats;
use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

#[derive(Debug, Default)]
pub(crate) struct Progress(Mutex<Done>);

#[derive(Debug, Default)]
struct Done {
    /// By OID on the source, what there is of tables that are whole on the target.
    tables: HashMap<i64, CopyStats>,
    /// OIDs of those of them whose rows were written frozen.
    frozen: HashSet<i64>,
    /// A table failed by itself; a finding says so, and what is on the target of it is not known.
    lost: bool,
    /// Beginnings of those ranges of large objects that are there.
    large_objects: HashSet<usize>,
    /// Once all rows are in: nothing is read from the source after that.
    sequences: Option<Vec<SequenceValue>>,
    /// Of the target's log. A server that was put in its place has another.
    timeline: Option<String>,
    /// How far that log was on its disk.
    flushed: Option<Lsn>,
}

/// The target's log, held against what was noted of it before.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Where {
    AsBefore,
    /// It is another one.
    Elsewhere,
    /// It does not reach as far as it did, which was here.
    Behind(Lsn),
}

impl Progress {
    fn done(&self) -> MutexGuard<'_, Done> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(in crate::engine::phases) fn copied(&self, oid: i64, stats: CopyStats) {
        self.done().tables.insert(oid, stats);
    }

    pub(in crate::engine::phases) fn written_frozen(&self, oid: i64) {
        self.done().frozen.insert(oid);
    }

    pub(super) fn is_frozen(&self, oid: i64) -> bool {
        self.done().frozen.contains(&oid)
    }

    pub(in crate::engine::phases) fn lose(&self) {
        self.done().lost = true;
    }

    /// Otherwise it could not be told whether the same server is back.
    pub(crate) fn knows_timeline(&self) -> bool {
        self.done().timeline.is_some()
    }

    /// The rows of a table that is whole.
    pub(super) fn rows(&self, oid: i64) -> Option<u64> {
        self.done().tables.get(&oid).map(|stats| stats.rows_in)
    }

    pub(super) fn has(&self, oid: i64) -> bool {
        self.done().tables.contains_key(&oid)
    }

    /// It is not whole after all; what there was of it, if it was.
    pub(super) fn forget(&self, oid: i64) -> Option<CopyStats> {
        self.done().tables.remove(&oid)
    }

    pub(super) fn note_large_objects(&self, start: usize) {
        self.done().large_objects.insert(start);
    }

    pub(super) fn has_large_objects(&self, start: usize) -> bool {
        self.done().large_objects.contains(&start)
    }

    pub(super) fn data_is_in(&self, sequences: Vec<SequenceValue>) {
        self.done().sequences = Some(sequences);
    }

    /// The sequences' values, once all rows are in.
    pub(super) fn sequences(&self) -> Option<Vec<SequenceValue>> {
        self.done().sequences.clone()
    }

    /// Whether all rows are in, so that the source is not needed any more.
    pub(crate) fn has_all_rows(&self) -> bool {
        self.done().sequences.is_some()
    }

    /// Notes it, the first time and as long as it stays the same and goes on.
    pub(super) fn is_at(&self, timeline: String, flushed: Lsn) -> Where {
        let mut done = self.done();
        if *done.timeline.get_or_insert_with(|| timeline.clone()) != timeline {
            return Where::Elsewhere;
        }
        if let Some(noted) = done.flushed.filter(|noted| flushed < *noted) {
            return Where::Behind(noted);
        }
        done.flushed = Some(flushed);
        Where::AsBefore
    }

    /// Whether it can be told what is there: of a table that failed by itself it cannot, nor of an extension's, which holds
    /// rows of its own, unless it may be copied again.
    pub(crate) fn can_be_told(&self, snapshot: &Snapshot) -> bool {
        let done = self.done();
        let of_extension = || snapshot.tables.iter().any(|t| t.belongs != Belongs::User);
        !(done.lost || done.sequences.is_some() && of_extension())
    }

    /// Bytes on the source's disk of what is whole.
    pub(super) fn bytes(&self, snapshot: &Snapshot) -> u64 {
        let done = self.done();
        snapshot.tables.iter().filter(|t| done.tables.contains_key(&t.oid)).map(|t| t.size_bytes).sum()
    }

    pub(super) fn tables(&self) -> u64 {
        self.done().tables.len() as u64
    }

    pub(super) fn all_rows(&self) -> u64 {
        self.done().tables.values().map(|stats| stats.rows_in).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_that_went_back_is_told_from_one_that_went_on() {
        let progress = Progress::default();
        assert!(!progress.knows_timeline());
        let at = |timeline: &str, lsn| progress.is_at(timeline.to_owned(), Lsn(lsn));
        assert_eq!(
            (at("7 1", 50), at("7 1", 50), at("7 1", 60)),
            (Where::AsBefore, Where::AsBefore, Where::AsBefore)
        );
        assert_eq!(at("7 1", 55), Where::Behind(Lsn(60)));
        // What was asked earlier may be answered later.
        assert_eq!(at("7 1", 60), Where::AsBefore);
        assert_eq!(at("7 2", 70), Where::Elsewhere);
    }
}
