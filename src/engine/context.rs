//! What every phase is given first: the plan, the servers, and the ways to tell and to stop.

use super::board::Board;
use super::checks::Found;
use super::database::{Candidate, Db};
use super::emit::Emitter;
use super::patience::GoOn;
use super::room::Room;
use super::slots::Slots;
use crate::model::check::Finding;
use crate::model::event::Event;
use crate::model::failure::Failure;
use crate::model::plan::Plan;
use crate::model::secrets::Secrets;
use crate::pg::connect::{Canceller, Server, Session};
use crate::pg::error::Error;
use crate::pg::facts::server::ServerFacts;
use crate::pg::tools::Tool;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use tokio_util::sync::CancellationToken;

#[derive(Debug)]
pub(crate) struct Cx {
    pub(crate) plan: Plan,
    pub(crate) secrets: Secrets,
    pub(crate) source: Server,
    pub(crate) target: Server,
    pub(crate) source_facts: ServerFacts,
    pub(crate) target_facts: ServerFacts,
    /// The database of each server that questions about the whole server are asked in.
    pub(crate) source_home: String,
    pub(crate) target_home: String,
    /// The pg_dump that fits both servers.
    pub(crate) tool: Tool,
    pub(crate) emit: Arc<Emitter>,
    pub(crate) board: Arc<Board>,
    pub(crate) room: Room,
    pub(crate) slots: Slots,
    pub(crate) at_work: AtWork,
    pub(crate) go_on: GoOn,
    pub(crate) cancel: CancellationToken,
}

impl Cx {
    /// With as much room as both servers have; what was chosen is journalled.
    pub(crate) fn new(
        (plan, secrets): (Plan, Secrets),
        found: Found,
        (emit, board, cancel): (Arc<Emitter>, Arc<Board>, CancellationToken),
        go_on: GoOn,
    ) -> (Arc<Self>, Vec<Candidate>) {
        let room = Room::within(&plan, &found, &emit);
        let cx = Self {
            tool: found.tool,
            plan,
            secrets,
            source: found.source.server,
            target: found.target.server,
            source_facts: found.source.facts,
            target_facts: found.target.facts,
            source_home: found.source.home,
            target_home: found.target.home,
            emit,
            board,
            room,
            slots: Slots::new(room.jobs),
            at_work: AtWork::default(),
            go_on,
            cancel,
        };
        (Arc::new(cx), found.candidates)
    }

    pub(crate) fn finding(&self, finding: Finding) {
        self.emit.record(Event::Finding { finding });
    }
}

/// The databases that somebody works on, for whoever has to stop one of them: its phases, its closing, or the guard that
/// gives it up. What was made for a database is removed by one of them alone, who also has the last word on it.
#[derive(Debug, Default)]
pub(crate) struct AtWork(Mutex<BTreeMap<String, Work>>);

#[derive(Debug)]
enum Work {
    /// It can be stopped.
    Going(Weak<Db>),
    /// What was made for it is being removed, or its end is being told.
    LastStep,
}

/// What became of the wish that a database be stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum GivenUp {
    /// Whoever works on it ends, and removes what was made for it.
    ByItsWorker,
    /// Nobody works on it: it is the caller's to remove what was made, and to say when that has [ended](AtWork::ends).
    ByCaller,
    /// It has come to its end already.
    TooLate,
}

impl AtWork {
    fn all(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Work>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// False where somebody works on it already.
    pub(crate) fn begins(&self, db: &Arc<Db>) -> bool {
        match self.all().entry(db.name.clone()) {
            Entry::Occupied(_) => false,
            Entry::Vacant(place) => {
                place.insert(Work::Going(Arc::downgrade(db)));
                true
            }
        }
    }

    /// Another attempt at it by the same worker.
    pub(crate) fn goes_on(&self, db: &Arc<Db>) {
        self.all().insert(db.name.clone(), Work::Going(Arc::downgrade(db)));
    }

    pub(crate) fn ends(&self, database: &str) {
        self.all().remove(database);
    }

    pub(crate) fn is_at_work(&self, database: &str) -> bool {
        self.all().contains_key(database)
    }

    /// Nobody else touches it any more, or has anything to say of it.
    pub(crate) fn is_at_last_step(&self, database: &str) -> bool {
        matches!(self.all().get(database), Some(Work::LastStep))
    }

    /// From now on the database is not given up any more.
    ///
    /// # Errors
    /// Why it was given up before.
    pub(crate) fn last_step(&self, db: &Db) -> Result<(), Failure> {
        self.all().insert(db.name.clone(), Work::LastStep);
        db.given_up().map_or(Ok(()), Err)
    }

    /// Gives a database up, unless it is too late for that. `first` comes before everything that follows from it.
    pub(crate) fn give_up(&self, database: &str, failure: &Failure, first: impl FnOnce()) -> GivenUp {
        let mut all = self.all();
        match all.get(database) {
            Some(Work::LastStep) => return GivenUp::TooLate,
            Some(Work::Going(db)) => {
                if let Some(db) = db.upgrade() {
                    first();
                    db.give_up(failure.clone());
                    return GivenUp::ByItsWorker;
                }
            }
            None => {}
        }
        all.insert(database.to_owned(), Work::LastStep);
        drop(all);
        first();
        GivenUp::ByCaller
    }
}

/// Waits for work on a server, but no longer than until `cancel`; then the server's work is cancelled too.
pub(crate) async fn guarded<T>(
    cancel: &CancellationToken,
    canceller: Canceller,
    work: impl Future<Output = Result<T, Error>>,
) -> Result<T, Failure> {
    tokio::select! {
        biased;
        () = cancel.cancelled() => {
            // When the request does not get through, closing the session has to do.
            drop(canceller.cancel().await);
            Err(Failure::interrupted())
        }
        result = work => result.map_err(Failure::from),
    }
}

/// Waits for a session, but no longer than until `cancel`: a host that does not answer takes its time.
pub(crate) async fn opened<T>(
    cancel: &CancellationToken,
    opening: impl Future<Output = Result<T, Error>>,
) -> Result<T, Failure> {
    tokio::select! {
        biased;
        () = cancel.cancelled() => Err(Failure::interrupted()),
        session = opening => session.map_err(Failure::from),
    }
}

/// One statement (or several) whose rows do not matter.
pub(crate) async fn execute(cancel: &CancellationToken, session: &Session, sql: &str) -> Result<(), Failure> {
    guarded(cancel, session.canceller(), session.batch(sql)).await
}
