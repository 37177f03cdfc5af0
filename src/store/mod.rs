//! The disk: one private folder per migration with its plan, its journal and its lock.
//!
//! `<state>/pgpassage/<id>/` (0700): `plan.json` (no secrets), `journal` (one entry a line), `log`, `lock`,
//! and while an engine listens its `socket`.

mod folder;
mod journal;
mod tail;

pub use folder::{Folder, Locked, free_id, new_id};
pub use journal::{Journal, last_entry, read_journal, salvage_journal};
pub use tail::Tail;

use crate::model::names::IdError;
use std::io;
use std::path::PathBuf;

/// What can go wrong on this machine's disk.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("another engine works on this migration (pid {pid}); wait for it or stop it first")]
    Busy { pid: String },
    #[error("{path}: {error}", path = path.display())]
    Io { path: PathBuf, error: io::Error },
    #[error("{path}, line {line}: not a journal entry: {why}", path = path.display())]
    Damaged { path: PathBuf, line: u64, why: String },
    #[error("{id:?} cannot be a migration's id: {why}")]
    BadId { id: String, why: IdError },
    #[error("{path} belongs to a migration that was started before; choose another --migration-id", path = .0.display())]
    Exists(PathBuf),
}

impl StoreError {
    fn io(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> StoreError {
        let path = path.into();
        move |error| StoreError::Io { path, error }
    }
}
