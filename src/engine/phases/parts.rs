//! One large table in several parts: ranges of blocks of its heap, each copied by itself.
//!
//! Parts are ranges of blocks under one snapshot, so that no row is in two of them or in none, as long as nobody rewrites
//! the table; the snapshot's holder locks it against that.

use super::copy;
use super::snapshot::Snapshot;
use crate::engine::context::execute;
use crate::engine::database::Db;
use crate::model::failure::Failure;
use crate::pg::facts::tables::TableFacts;
use crate::pg::statement::data::{Rows, truncate_only};
use crate::pg::wire::CopyStats;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// A table that is copied in parts, and how far it is.
#[derive(Debug)]
pub(super) struct Split {
    /// Position in the snapshot's list of tables.
    pub(super) table: usize,
    pub(super) parts: Vec<Rows>,
    progress: Mutex<Progress>,
}

#[derive(Debug, Default)]
struct Progress {
    began: Option<Instant>,
    ended: usize,
    stats: CopyStats,
    failure: Option<Failure>,
}

impl Split {
    /// So many parts of as many blocks each. The last one has no end: the table may have grown since it was measured.
    pub(super) fn new(table: usize, blocks: u64, parts: u64) -> Self {
        let parts = parts.clamp(1, blocks.max(1));
        let border = |at: u64| {
            let border = u128::from(blocks) * u128::from(at) / u128::from(parts);
            u64::try_from(border).unwrap_or(blocks)
        };
        let parts = (0..parts)
            .map(|at| Rows::Blocks { from: border(at), to: (at + 1 < parts).then(|| border(at + 1)) })
            .collect();
        Self { table, parts, progress: Mutex::default() }
    }

    fn progress(&self) -> std::sync::MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Copies one part; the one that ends last journals what became of the table.
    ///
    /// # Errors
    /// Only what ends the whole database.
    pub(super) async fn run(&self, db: &Db, snapshot: &Snapshot, part: usize) -> Result<(), Failure> {
        let table = &snapshot.tables[self.table];
        let began = *self.progress().began.get_or_insert_with(Instant::now);
        let lost_already = self.progress().failure.is_some();
        // What one part cannot, the whole table cannot any more: the others need not try.
        let result = match lost_already {
            true => Ok(CopyStats::default()),
            false => copy::copy(db, snapshot, table, self.parts[part]).await,
        };
        match &result {
            Err(failure) if crate::engine::retry::ends_the_database(failure) => {
                return copy::settle(db, table, began, result);
            }
            _ => {}
        }
        let share = table.size_bytes / self.parts.len() as u64;
        let rows = result.as_ref().map_or(0, |stats| stats.rows_in);
        db.cx.board.change(&db.name, |g| {
            g.bytes_done += share;
            g.rows_done += rows;
        });
        let Some(whole) = self.count(result) else { return Ok(()) };
        match whole {
            Ok(stats) => copy::settle(db, table, began, Ok(stats)),
            Err(failure) => {
                let came = self.progress().stats.rows_in;
                db.cx.board.change(&db.name, |g| g.rows_done = g.rows_done.saturating_sub(came));
                copy::settle(db, table, began, Err(self.take_back(db, table, failure).await))
            }
        }
    }

    /// Counts a part that has ended. The last one gets the table's result.
    fn count(&self, result: Result<CopyStats, Failure>) -> Option<Result<CopyStats, Failure>> {
        let mut progress = self.progress();
        progress.ended += 1;
        match result {
            Ok(stats) => {
                progress.stats.rows_in += stats.rows_in;
                progress.stats.rows_out += stats.rows_out;
                progress.stats.bytes += stats.bytes;
            }
            Err(failure) => progress.failure = progress.failure.take().or(Some(failure)),
        }
        let last = progress.ended == self.parts.len();
        last.then(|| progress.failure.take().map_or(Ok(progress.stats), Err))
    }

    /// Nobody shall take a part of a table for the table. A partition stays as it is: rows of others may have come into it
    /// by way of the top of their tree.
    async fn take_back(&self, db: &Db, table: &TableFacts, failure: Failure) -> Failure {
        if table.ancestors.is_empty()
            && let Ok(session) = db.target().await
            && execute(&db.cancel, &session, &truncate_only(&[&table.name])).await.is_ok()
        {
            return failure;
        }
        let what = format!("{}; a part of its rows is on the target", failure.what);
        Failure { what, ..failure }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_cover_every_block_once_and_the_last_has_no_end() {
        for (blocks, parts) in [(10, 3), (7, 7), (3, 8), (0, 4), (1_000_001, 64)] {
            let split = Split::new(0, blocks, parts);
            let mut next = 0;
            for (at, rows) in split.parts.iter().enumerate() {
                let Rows::Blocks { from, to } = *rows else { panic!("a part is a range of blocks") };
                assert_eq!(from, next);
                assert_eq!(to.is_none(), at + 1 == split.parts.len());
                assert!(to.is_none_or(|to| to > from));
                next = to.unwrap_or(blocks);
            }
        }
    }

    #[test]
    fn one_part_that_fails_is_the_table_that_fails() {
        let split = Split::new(0, 100, 3);
        let stats = CopyStats { rows_out: 2, rows_in: 2, bytes: 9 };
        assert!(split.count(Ok(stats)).is_none());
        assert!(split.count(Err(Failure::local("no"))).is_none());
        assert_eq!(split.count(Ok(stats)).unwrap().unwrap_err().what, "no");
        let whole = Split::new(0, 100, 2);
        assert!(whole.count(Ok(stats)).is_none());
        assert_eq!(whole.count(Ok(stats)).unwrap().unwrap().rows_in, 4);
    }
}
