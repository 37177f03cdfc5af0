//! One database from beginning to end: its phases in order, and what they amount to.

use super::board::Doing;
use super::context::{Cx, guarded};
use super::mark::take_off_or_tell;
use super::patience;
use super::phases::data::SequenceValue;
use super::phases::entries::Script;
use super::phases::load::Round;
use super::phases::load::progress::Progress;
use super::phases::snapshot::Snapshot;
use super::phases::{create, data, existing, load, schema, settings};
use super::replicate::again::Around;
use super::replicate::remove::{What, remove};
use super::replicate::{publish, subscribe};
use super::run::fell_back;
use super::sessions::Pools;
use crate::model::check::{Finding, Severity};
use crate::model::event::{DatabaseOutcome, Event, PhaseOutcome};
use crate::model::failure::{Failure, FailureKind};
use crate::model::phase::Phase;
use crate::model::plan::{Fallback, Method, MethodPolicy};
use crate::model::units::{Side, TableName};
use crate::pg::connect::{Canceller, Session};
use crate::pg::error::Error;
use crate::pg::facts::databases::DatabaseFacts;
use std::collections::{HashMap, HashSet};
use std::future::Future;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

/// A database that is to be moved, as the checks left it.
#[derive(Debug, Clone)]
pub(crate) struct Candidate {
    pub(crate) facts: DatabaseFacts,
    pub(crate) on_target: Option<DatabaseFacts>,
    /// The target's database holds something already, and the policy allows to go on with it.
    pub(crate) occupied: bool,
    /// What a session of the source's database gets by itself, see [`crate::pg::facts::databases::session_defaults`].
    pub(crate) defaults: Vec<(String, String)>,
    pub(crate) method: Method,
    /// Why it is moved by a snapshot although continuous migration was wanted.
    pub(crate) fell_back: Option<Failure>,
    /// Why it cannot be moved; the others are.
    pub(crate) blocked: Option<Failure>,
}

/// A database while it is being moved.
#[derive(Debug)]
pub(crate) struct Db {
    pub(crate) cx: Arc<Cx>,
    pub(crate) name: String,
    pub(crate) facts: DatabaseFacts,
    pub(crate) on_target: Option<DatabaseFacts>,
    pub(crate) occupied: bool,
    pub(crate) defaults: Vec<(String, String)>,
    /// How it was begun; see [`Db::method`].
    begun_by: Method,
    /// Continuous migration was not possible after all.
    fell_back: AtomicBool,
    /// Cancelled when the run is, and when this database cannot go on.
    pub(crate) cancel: CancellationToken,
    pub(crate) pools: Pools,
    triggers_held_off: AtomicBool,
    copies_again: AtomicBool,
    /// Statements around a table's rows that are copied again, where not all triggers are held off.
    around: Mutex<HashMap<TableName, Around>>,
    aborted: OnceLock<Failure>,
    /// While it waits to go on: whoever ends it nevertheless says so here.
    ends: Mutex<Option<oneshot::Sender<Failure>>>,
    pub(crate) progress: Arc<Progress>,
    /// Not by the work on it, but by the guard.
    given_up: OnceLock<Failure>,
    /// Tables that have their statistics.
    analyzed: Mutex<HashSet<TableName>>,
    lost: AtomicU64,
}

impl Db {
    pub(crate) fn new(cx: Arc<Cx>, candidate: Candidate) -> Self {
        Self {
            cancel: cx.cancel.child_token(),
            cx,
            name: candidate.facts.name.clone(),
            facts: candidate.facts,
            on_target: candidate.on_target,
            occupied: candidate.occupied,
            defaults: candidate.defaults,
            begun_by: candidate.method,
            fell_back: AtomicBool::new(false),
            pools: Pools::default(),
            triggers_held_off: AtomicBool::new(false),
            copies_again: AtomicBool::new(false),
            around: Mutex::default(),
            aborted: OnceLock::new(),
            ends: Mutex::default(),
            progress: Arc::default(),
            given_up: OnceLock::new(),
            analyzed: Mutex::default(),
            lost: AtomicU64::new(0),
        }
    }

    /// The same database in another attempt: what was done and found so far stays.
    fn again(&self) -> Self {
        let analyzed = self.analyzed.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Self {
            cancel: self.cx.cancel.child_token(),
            cx: Arc::clone(&self.cx),
            name: self.name.clone(),
            facts: self.facts.clone(),
            on_target: self.on_target.clone(),
            occupied: self.occupied,
            defaults: self.defaults.clone(),
            begun_by: self.begun_by,
            fell_back: AtomicBool::new(self.fell_back.load(Ordering::Relaxed)),
            pools: Pools::default(),
            triggers_held_off: AtomicBool::new(self.holds_triggers_off()),
            copies_again: AtomicBool::new(self.copies_again()),
            around: Mutex::new(self.around.lock().unwrap_or_else(PoisonError::into_inner).clone()),
            aborted: OnceLock::new(),
            ends: Mutex::default(),
            progress: Arc::clone(&self.progress),
            given_up: OnceLock::new(),
            analyzed: Mutex::new(analyzed),
            lost: AtomicU64::new(self.losses()),
        }
    }

    /// From here on [`Db::abort`] ends its waiting, by what this gives.
    pub(crate) fn waits(&self) -> impl Future<Output = Failure> + use<> {
        let (ends, ended) = oneshot::channel();
        *self.ends.lock().unwrap_or_else(PoisonError::into_inner) = Some(ends);
        async move { ended.await.unwrap_or_else(|_| Failure::interrupted()) }
    }

    /// How it is moved, as far as is known by now.
    pub(crate) fn method(&self) -> Method {
        if self.fell_back.load(Ordering::Relaxed) { Method::Dump } else { self.begun_by }
    }

    /// Continuous migration turns out not to be possible: where the plan allows it, what was made for it is removed, and
    /// the snapshot has to do. What is copied already was read under one snapshot, so that it stays good.
    ///
    /// # Errors
    /// The failure itself, where the plan does not allow it.
    pub(crate) async fn fall_back(&self, failure: Failure) -> Result<(), Failure> {
        let allowed = self.cx.plan.method == MethodPolicy::Auto(Fallback::Dump);
        if !allowed || failure.is_interruption() || self.cancel.is_cancelled() {
            return Err(failure);
        }
        // Identities wait until our own locks are gone, see `run`.
        remove(&self.cx, &self.name, What::Objects).await;
        self.fell_back.store(true, Ordering::Relaxed);
        self.finding(fell_back(&self.name, &failure));
        let (database, because) = (self.name.clone(), failure.what);
        self.record(Event::MethodChosen { database, method: Method::Dump, because });
        Ok(())
    }

    /// Findings of losses so far.
    pub(crate) fn losses(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    pub(crate) fn finding(&self, finding: Finding) {
        if finding.severity >= Severity::Lost {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
        self.cx.finding(finding.in_database(&self.name));
    }

    /// Ends the work on this database; the first reason is the one that is told.
    pub(crate) fn abort(&self, failure: Failure) {
        if let Some(ends) = self.ends.lock().unwrap_or_else(PoisonError::into_inner).take() {
            // It is told once, and does not wait any more.
            return drop(ends.send(failure));
        }
        // A second failure is the echo of the first one.
        drop(self.aborted.set(failure));
        self.cancel.cancel();
    }

    pub(crate) fn aborted(&self) -> Option<Failure> {
        self.aborted.get().cloned()
    }

    /// Ends the work on this database for a reason that lies outside of it: what was made for it is to be removed.
    pub(crate) fn give_up(&self, failure: Failure) {
        drop(self.given_up.set(failure.clone()));
        self.abort(failure);
    }

    pub(crate) fn given_up(&self) -> Option<Failure> {
        self.given_up.get().cloned()
    }

    /// ISO, with the source's order for dates that are not: a CHECK may read text as a date.
    pub(crate) fn date_style(&self) -> String {
        let own = self.defaults.iter().find(|(name, _)| name == "DateStyle");
        let order = own.and_then(|(_, value)| value.rsplit(", ").next()).unwrap_or("MDY");
        format!("ISO, {order}")
    }

    /// Waits for work on a server, but no longer than until this database is cancelled.
    pub(crate) async fn guarded<T>(
        &self,
        canceller: Canceller,
        work: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Failure> {
        guarded(&self.cancel, canceller, work).await
    }

    /// Notes which of the server's processes it is that does something.
    pub(crate) async fn works(
        &self,
        doing: &Doing<'_>,
        side: Side,
        session: &Session,
    ) -> Result<(), Failure> {
        let pid = self.guarded(session.canceller(), session.server_pid()).await?;
        doing.by(side, Some(pid));
        Ok(())
    }

    /// Rows go into tables that were there before, and their triggers and foreign keys are held off meanwhile.
    pub(crate) fn holds_triggers_off(&self) -> bool {
        self.triggers_held_off.load(Ordering::Relaxed)
    }

    /// Tables hold rows of an earlier copy of ours, which the new ones replace.
    pub(crate) fn copies_again(&self) -> bool {
        self.copies_again.load(Ordering::Relaxed)
    }

    /// From now on. No trigger and no foreign key may act on it: see [`crate::engine::replicate::again`].
    pub(crate) fn copy_again(&self) {
        self.copies_again.store(true, Ordering::Relaxed);
    }

    pub(crate) fn surround(&self, table: &TableName, with: Around) {
        self.around.lock().unwrap_or_else(PoisonError::into_inner).insert(table.clone(), with);
    }

    /// What stands around the table's rows, in their transaction on the target.
    pub(crate) fn around(&self, table: &TableName) -> Around {
        let around = self.around.lock().unwrap_or_else(PoisonError::into_inner);
        around.get(table).cloned().unwrap_or_default()
    }

    pub(crate) fn note_analyzed(&self, tables: &[&TableName]) {
        let mut analyzed = self.analyzed.lock().unwrap_or_else(PoisonError::into_inner);
        analyzed.extend(tables.iter().map(|t| (*t).clone()));
    }

    pub(crate) fn is_analyzed(&self, table: &TableName) -> bool {
        self.analyzed.lock().unwrap_or_else(PoisonError::into_inner).contains(table)
    }

    pub(crate) fn hold_triggers_off(&self) {
        self.triggers_held_off.store(true, Ordering::Relaxed);
    }

    fn record(&self, event: Event) {
        self.cx.emit.record(event);
    }

    /// Runs one phase and journals its beginning and its end.
    async fn phase<T>(
        &self,
        phase: Phase,
        work: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        let database = Some(self.name.clone());
        self.record(Event::PhaseBegan { phase, database: database.clone() });
        self.cx.board.change(&self.name, |g| g.phase = Some(phase));
        let lost_before = self.lost.load(Ordering::Relaxed);
        let result = match work.await {
            // A failure elsewhere may have cancelled this phase: then that failure is the one to tell.
            Err(failure) if failure.is_interruption() => Err(self.aborted().unwrap_or(failure)),
            result => result,
        };
        let outcome = match &result {
            Ok(_) if self.lost.load(Ordering::Relaxed) > lost_before => PhaseOutcome::Warned,
            Ok(_) => PhaseOutcome::Done,
            Err(failure) if failure.is_interruption() => PhaseOutcome::Interrupted,
            Err(failure) => PhaseOutcome::Failed { failure: failure.clone() },
        };
        self.record(Event::PhaseEnded { phase, database, outcome });
        result
    }
}

/// Moves one database and journals how it ended.
pub(crate) async fn run(cx: Arc<Cx>, candidate: Candidate) {
    let blocked = candidate.blocked.clone();
    let mut db = Arc::new(Db::new(cx, candidate));
    // Nobody else can be at it: there is nothing of it yet.
    db.cx.at_work.begins(&db);
    let result = match blocked {
        Some(failure) => Err(failure),
        None => pipeline(&mut db).await,
    };
    let result = result.and(db.cx.at_work.last_step(&db));
    db.pools.clear();
    if db.begun_by == Method::Replication && (result.is_err() || db.method() == Method::Dump) {
        // Nobody would read from the slot, and the source would keep its log for ever.
        remove(&db.cx, &db.name, What::All).await;
    }
    let (outcome, message) = match result {
        Ok(()) if db.method() == Method::Replication => {
            (DatabaseOutcome::Following, "the target follows the source".to_owned())
        }
        Ok(()) => match db.lost.load(Ordering::Relaxed) {
            0 if db.on_target.is_some() => {
                (DatabaseOutcome::Done, "migrated to existing database".to_owned())
            }
            0 => (DatabaseOutcome::Done, "created and migrated database".to_owned()),
            n => {
                let things = crate::model::units::count_of(n, "thing");
                (DatabaseOutcome::Incomplete, format!("{things} could not be moved, see the findings"))
            }
        },
        Err(failure) if failure.is_interruption() => (DatabaseOutcome::Cancelled, failure.what),
        Err(failure) => (DatabaseOutcome::Failed, failure.to_string()),
    };
    db.record(Event::DatabaseEnded { database: db.name.clone(), outcome, message });
    db.cx.at_work.ends(&db.name);
}

/// `db` becomes another one where the load breaks off and goes on.
async fn pipeline(db: &mut Arc<Db>) -> Result<(), Failure> {
    if db.cancel.is_cancelled() {
        return Err(Failure::interrupted());
    }
    let (link, snapshot, archive) = begin(&Arc::clone(db)).await?;
    let loaded = load(db, &snapshot, &archive).await;
    snapshot.release();
    let (db, sequences) = (&*db, loaded?);
    if db.occupied {
        existing::verify(db, &snapshot).await?;
    }
    // As early as possible: until then the source keeps its log for us.
    if let Some(link) = link.as_ref().filter(|_| db.method() == Method::Replication)
        && let Err(failure) = subscribe(db, link).await
    {
        db.fall_back(failure).await?;
    }
    db.phase(Phase::Data, data::run(db, &snapshot, &archive, &sequences)).await?;
    db.phase(Phase::Settings, settings::run(db, &archive)).await?;
    match link.as_ref().filter(|_| db.method() == Method::Replication) {
        Some(link) => return db.phase(Phase::Follow, subscribe::wait_until_it_follows(db, link)).await,
        None if db.losses() == 0 => take_off_or_tell(&db.cx, &db.name).await,
        None => {}
    }
    Ok(())
}

/// What is read from, and everything of the database that rows need.
type Begun = (Option<publish::Link>, Arc<Snapshot>, Arc<Script>);

async fn begin(db: &Arc<Db>) -> Result<Begun, Failure> {
    // The database is made on the target while the source is read: the one server's work is not the other's.
    let (is_made, made) = oneshot::channel();
    let making = async {
        let result = db.phase(Phase::Database, create::run(db)).await;
        match &result {
            Ok(()) => {
                // Whoever waits for it may have failed meanwhile.
                let _ = is_made.send(());
                db.open_targets().await;
            }
            Err(failure) => db.abort(failure.clone()),
        }
        result
    };
    let (making, schema) = tokio::join!(making, schema(db, made));
    making.and(schema)
}

/// Rows and everything after them, in as many attempts as it is told to make.
async fn load(
    db: &mut Arc<Db>,
    snapshot: &Arc<Snapshot>,
    script: &Arc<Script>,
) -> Result<Vec<SequenceValue>, Failure> {
    let mut round = Round::First;
    loop {
        let failure = match load::run(db, snapshot, script, round).await {
            Ok(sequences) => return Ok(sequences),
            Err(failure) => failure,
        };
        db.pools.clear();
        patience::wait(db, snapshot, failure).await?;
        let again = Arc::new(db.again());
        again.cx.at_work.goes_on(&again);
        // From here on it is the other one that is given up.
        if let Some(failure) = db.given_up() {
            return Err(failure);
        }
        snapshot.watched_by(&again);
        *db = again;
        round = Round::Another;
    }
}

/// What is to be followed, the snapshot and the definitions; and of those, on the target, what rows need.
async fn schema(db: &Arc<Db>, made: oneshot::Receiver<()>) -> Result<Begun, Failure> {
    let link = match db.method() {
        Method::Replication => publish_or_fall_back(db).await?,
        Method::Dump => None,
    };
    let work = async {
        let (snapshot, script) = schema::under_snapshot(db, link.as_ref()).await?;
        let (snapshot, script) = (Arc::new(snapshot), Arc::new(script));
        // Where it could not be made, the whole database is aborted.
        made.await.map_err(|_| Failure::interrupted())?;
        if db.occupied {
            existing::prepare(db, &snapshot, &script).await?;
        } else {
            schema::before_data(db, &script).await?;
        }
        Ok((snapshot, script))
    };
    let (snapshot, script) = db.phase(Phase::Schema, work).await?;
    Ok((link, snapshot, script))
}

async fn publish_or_fall_back(db: &Db) -> Result<Option<publish::Link>, Failure> {
    match db.phase(Phase::Publish, publish::prepare(db)).await {
        Ok(link) => Ok(Some(link)),
        Err(failure) => db.fall_back(failure).await.map(|()| None),
    }
}

async fn subscribe(db: &Db, link: &publish::Link) -> Result<(), Failure> {
    if db.losses() > 0 {
        let what =
            "rows or definitions are missing on the target, so that it cannot follow; see the findings";
        return Err(Failure::new(FailureKind::Server, what));
    }
    db.phase(Phase::Subscribe, subscribe::subscribe(db, link)).await
}
