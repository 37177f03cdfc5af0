//! The gauges' owner: workers change values here, faces see a copy a few times a second.

use super::emit::now_ms;
use crate::model::gauges::{DatabaseGauge, Gauges, Hurdle, LockWait, Running, Waiting};
use crate::model::status::DatabaseStatus;
use crate::model::units::Side;
use crate::pg::wire::Passing;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::watch;

/// How often faces get a new copy, in milliseconds.
pub(crate) const INTERVAL_MS: u64 = 200;
/// What has not begun is told of so many at most: there may be a hundred thousand.
const MOST_WAITING: usize = 20;
/// Without progress for so long, the servers are asked what it waits for.
const STALLS_AFTER_MS: u64 = 3_000;

#[derive(Debug, Default)]
pub(crate) struct Board {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    databases: BTreeMap<String, DatabaseGauge>,
    running: BTreeMap<u64, Task>,
    waiting: BTreeMap<Turn, (String, String)>,
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
    copy: Option<(Arc<Passing>, u64)>,
    /// The servers' processes that work on it.
    processes: Vec<(Side, i32)>,
    /// The bytes at which it was seen to stand, and since when.
    stands: (u64, u64),
    lock: Option<LockWait>,
}

/// In which order things are likely to begin: what only needs a job first, of these the most pressing, then who came first.
type Turn = (Hurdle, Reverse<u64>, u64);

/// A piece of work that makes no progress that could be seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stalled {
    pub(crate) key: u64,
    pub(crate) database: String,
    pub(crate) processes: Vec<(Side, i32)>,
}

/// Something has not begun as long as this lives.
#[derive(Debug)]
pub(crate) struct Queued {
    board: Arc<Board>,
    turn: Turn,
}

impl Queued {
    /// What it waits for has changed.
    pub(crate) fn now(&mut self, hurdle: Hurdle) {
        let mut state = self.board.state();
        let Some(what) = state.waiting.remove(&self.turn) else { return };
        self.turn.0 = hurdle;
        state.waiting.insert(self.turn, what);
    }
}

impl Drop for Queued {
    fn drop(&mut self) {
        self.board.state().waiting.remove(&self.turn);
    }
}

/// Something is being done as long as this lives.
#[derive(Debug)]
pub(crate) struct Doing<'a> {
    board: &'a Board,
    key: u64,
    /// COPY payload so far; the relay counts here.
    pub(crate) passing: Arc<Passing>,
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
        let passing = Arc::new(Passing::default());
        let mut state = self.state();
        let key = state.next_task;
        state.next_task += 1;
        let copy = copy_of_bytes.map(|total| (Arc::clone(&passing), total));
        let since_ms = now_ms();
        let task = Task {
            database: database.to_owned(),
            what: what.into(),
            since_ms,
            copy,
            processes: Vec::new(),
            stands: (0, since_ms),
            lock: None,
        };
        state.running.insert(key, task);
        Doing { board: self, key, passing }
    }

    /// Something is to be done once what it waits for has happened. The larger the priority, the sooner.
    pub(crate) fn queued(
        self: &Arc<Self>,
        (database, what): (&str, String),
        hurdle: Hurdle,
        priority: u64,
    ) -> Queued {
        let mut state = self.state();
        let turn = (hurdle, Reverse(priority), state.next_task);
        state.next_task += 1;
        state.waiting.insert(turn, (database.to_owned(), what));
        Queued { board: Arc::clone(self), turn }
    }

    /// What makes no progress, of that whose processes are known. To be asked again and again: progress is what has
    /// changed since the last time.
    pub(crate) fn stalled(&self, now_ms: u64) -> Vec<Stalled> {
        let mut state = self.state();
        let mut all = Vec::new();
        for (key, task) in &mut state.running {
            let bytes = task.copy.as_ref().map_or(0, |(passing, _)| passing.bytes.load(Ordering::Relaxed));
            if bytes != task.stands.0 {
                task.stands = (bytes, now_ms);
                task.lock = None;
            }
            if now_ms.saturating_sub(task.stands.1) >= STALLS_AFTER_MS && !task.processes.is_empty() {
                let (database, processes) = (task.database.clone(), task.processes.clone());
                all.push(Stalled { key: *key, database, processes });
            }
        }
        all
    }

    /// The lock that a piece of work waits for, or that it waits for none.
    pub(crate) fn waits_for(&self, key: u64, lock: Option<LockWait>) {
        if let Some(task) = self.state().running.get_mut(&key) {
            task.lock = lock;
        }
    }

    #[cfg(test)]
    pub(crate) fn waiting(&self) -> Vec<Waiting> {
        self.snapshot().waiting
    }

    fn snapshot(&self) -> Gauges {
        let state = self.state();
        let mut gauges = Gauges {
            at_ms: now_ms(),
            databases: state.databases.clone(),
            running: Vec::with_capacity(state.running.len()),
            waiting: state.waiting.iter().take(MOST_WAITING).map(waiting).collect(),
            following: state.following.clone(),
            wire_bytes: state.finished_wire_bytes,
        };
        for task in state.running.values() {
            let now =
                |(passing, total): &(Arc<Passing>, u64)| (passing.bytes.load(Ordering::Relaxed), *total);
            let bytes = task.copy.as_ref().map(now);
            if let (Some((wire, total)), Some((passing, _))) = (bytes, &task.copy) {
                gauges.wire_bytes += wire;
                if let Some(database) = gauges.databases.get_mut(&task.database) {
                    // A table's rows may be more or fewer bytes on the wire than on disk: until it is whole, it
                    // counts as at most nearly whole.
                    database.bytes_done += wire.min(total - total / 50);
                    database.rows_done += passing.rows.load(Ordering::Relaxed);
                }
            }
            let (database, what) = (task.database.clone(), task.what.clone());
            let (since_ms, lock) = (task.since_ms, task.lock.clone());
            gauges.running.push(Running { database, what, since_ms, bytes, lock });
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

fn waiting((turn, (database, what)): (&Turn, &(String, String))) -> Waiting {
    Waiting { database: database.clone(), what: what.clone(), hurdle: turn.0 }
}

impl Doing<'_> {
    /// A server's process that works on it, where it is known.
    pub(crate) fn by(&self, side: Side, pid: Option<i32>) {
        if let (Some(pid), Some(task)) = (pid, self.board.state().running.get_mut(&self.key)) {
            task.processes.push((side, pid));
        }
    }
}

impl Drop for Doing<'_> {
    fn drop(&mut self) {
        let mut state = self.board.state();
        state.running.remove(&self.key);
        state.finished_wire_bytes += self.passing.bytes.load(Ordering::Relaxed);
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
        doing.passing.bytes.store(5000, Ordering::Relaxed);
        doing.passing.rows.store(7, Ordering::Relaxed);
        let gauges = board.snapshot();
        assert_eq!((gauges.databases["shop"].bytes_done, gauges.rows_done()), (980, 7));
        assert_eq!(gauges.wire_bytes, 5000);
        drop(doing);
        board.change("shop", |g| g.bytes_done += 1000);
        assert_eq!(board.snapshot().databases["shop"].bytes_done, 1000);
        assert_eq!(board.snapshot().wire_bytes, 5000);
    }

    #[test]
    fn what_moves_is_not_stalled() {
        let board = Board::default();
        let doing = board.doing("shop", "copying t", Some(1000));
        let index = board.doing("shop", "INDEX i", None);
        let began_ms = now_ms();
        let keys = |at_ms| board.stalled(at_ms).iter().map(|s| s.key).collect::<Vec<_>>();
        assert!(keys(began_ms + 60_000).is_empty(), "nobody knows which processes to ask about");
        doing.by(Side::Source, Some(1));
        doing.by(Side::Target, None);
        index.by(Side::Target, Some(2));
        doing.passing.bytes.store(1, Ordering::Relaxed);
        assert_eq!(keys(began_ms + 60_000), [index.key]);
        assert_eq!(keys(began_ms + 60_000 + STALLS_AFTER_MS), [doing.key, index.key]);
        let lock = LockWait { side: Side::Source, mode: "m".into(), on: None, holders: Vec::new() };
        board.waits_for(doing.key, Some(lock.clone()));
        assert_eq!(board.snapshot().running[0].lock, Some(lock));
        doing.passing.bytes.store(2, Ordering::Relaxed);
        assert_eq!(keys(began_ms + 70_000), [index.key]);
        assert_eq!(board.snapshot().running[0].lock, None, "it goes on");
    }

    #[test]
    fn what_waits_is_told_in_the_order_in_which_it_will_begin() {
        let board = Arc::new(Board::default());
        let queue = |what: &str, hurdle, priority| board.queued(("shop", what.to_owned()), hurdle, priority);
        let mut index = queue("index", Hurdle::Rows, 90);
        let small = queue("small", Hurdle::Job, 1);
        let _large = queue("large", Hurdle::Job, 9);
        let told = || board.snapshot().waiting.into_iter().map(|w| w.what).collect::<Vec<_>>();
        assert_eq!(told(), ["large", "small", "index"]);
        index.now(Hurdle::Job);
        drop(small);
        assert_eq!(told(), ["index", "large"]);
        let many: Vec<_> = (0..50).map(|n| queue("more", Hurdle::Others, n)).collect();
        assert_eq!(told().len(), MOST_WAITING);
        drop(many);
    }
}
