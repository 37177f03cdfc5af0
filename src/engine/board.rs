//! The gauges' owner: workers change values here, faces see a copy a few times a second.

use super::emit::now_ms;
use crate::model::gauges::{DatabaseGauge, Gauges, Running};
use crate::model::status::DatabaseStatus;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::watch;

/// How often faces get a new copy, in milliseconds.
pub(crate) const INTERVAL_MS: u64 = 200;

#[derive(Debug, Default)]
pub(crate) struct Board {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    databases: BTreeMap<String, DatabaseGauge>,
    running: BTreeMap<u64, Task>,
    following: BTreeMap<String, DatabaseStatus>,
    next_task: u64,
    finished_wire_bytes: u64,
}

#[derive(Debug)]
struct Task {
    database: String,
    what: String,
    since_ms: u64,
    /// Bytes on the wire, and the size on disk that they are scaled to.
    copy: Option<(Arc<AtomicU64>, u64)>,
}

/// Something is being done as long as this lives.
#[derive(Debug)]
pub(crate) struct Doing<'a> {
    board: &'a Board,
    key: u64,
    /// COPY payload so far; the relay counts here.
    pub(crate) wire_bytes: Arc<AtomicU64>,
}

impl Board {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn change(&self, database: &str, change: impl FnOnce(&mut DatabaseGauge)) {
        change(self.state().databases.entry(database.to_owned()).or_default());
    }

    /// How a database that follows stands now.
    pub(crate) fn follows(&self, database: &str, status: DatabaseStatus) {
        self.state().following.insert(database.to_owned(), status);
    }

    pub(crate) fn doing(
        &self,
        database: &str,
        what: impl Into<String>,
        copy_of_bytes: Option<u64>,
    ) -> Doing<'_> {
        let wire_bytes = Arc::new(AtomicU64::new(0));
        let mut state = self.state();
        let key = state.next_task;
        state.next_task += 1;
        let copy = copy_of_bytes.map(|total| (Arc::clone(&wire_bytes), total));
        let task = Task { database: database.to_owned(), what: what.into(), since_ms: now_ms(), copy };
        state.running.insert(key, task);
        Doing { board: self, key, wire_bytes }
    }

    fn snapshot(&self) -> Gauges {
        let state = self.state();
        let mut gauges = Gauges {
            at_ms: now_ms(),
            databases: state.databases.clone(),
            running: Vec::with_capacity(state.running.len()),
            following: state.following.clone(),
            wire_bytes: state.finished_wire_bytes,
        };
        for task in state.running.values() {
            let bytes = task.copy.as_ref().map(|(wire, total)| (wire.load(Ordering::Relaxed), *total));
            if let Some((wire, total)) = bytes {
                gauges.wire_bytes += wire;
                if let Some(database) = gauges.databases.get_mut(&task.database) {
                    // A table's rows may be more or fewer bytes on the wire than on disk: until it is whole, it
                    // counts as at most nearly whole.
                    database.bytes_done += wire.min(total - total / 50);
                }
            }
            let (database, what) = (task.database.clone(), task.what.clone());
            gauges.running.push(Running { database, what, since_ms: task.since_ms, bytes });
        }
        gauges
    }

    /// Publishes copies until the receivers are gone or the task is aborted.
    pub(crate) async fn publish(self: Arc<Self>, to: watch::Sender<Gauges>) {
        let mut tick = tokio::time::interval(std::time::Duration::from_millis(INTERVAL_MS));
        while to.send(self.snapshot()).is_ok() {
            tick.tick().await;
        }
    }
}

impl Drop for Doing<'_> {
    fn drop(&mut self) {
        let mut state = self.board.state();
        state.running.remove(&self.key);
        state.finished_wire_bytes += self.wire_bytes.load(Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_in_flight_never_counts_as_whole() {
        let board = Board::default();
        board.change("shop", |g| g.bytes_total = 1000);
        let doing = board.doing("shop", "copying t", Some(1000));
        doing.wire_bytes.store(5000, Ordering::Relaxed);
        let gauges = board.snapshot();
        assert_eq!(gauges.databases["shop"].bytes_done, 980);
        assert_eq!(gauges.wire_bytes, 5000);
        drop(doing);
        board.change("shop", |g| g.bytes_done += 1000);
        assert_eq!(board.snapshot().databases["shop"].bytes_done, 1000);
        assert_eq!(board.snapshot().wire_bytes, 5000);
    }
}
