//! The loop: checks, roles, databases side by side, what must come last, and the end.

use super::Handle;
use super::board::Board;
use super::checks;
use super::close::close_all;
use super::context::Cx;
use super::database;
use super::emit::Emitter;
use super::guard::{Until, Watch};
use super::keep::{Orders, keep};
use super::patience::GoOn;
use super::phases::roles;
use super::replicate::finish;
use super::replicate::remove::{What, remove};
use super::resume::discontinue;
use super::waits::Waits;
use crate::model::check::Finding;
use crate::model::event::{DatabaseOutcome, Entry, Event, PhaseOutcome, PlannedDatabase, RunOutcome};
use crate::model::failure::{Failure, FailureKind};
use crate::model::phase::Phase;
use crate::model::plan::{Method, MethodPolicy, Plan};
use crate::model::run::Run;
use crate::model::secrets::Secrets;
use crate::model::task::{Finish, Stay};
use crate::store::{Folder, Journal, Locked, StoreError};
use std::collections::BTreeSet;
use std::sync::Arc;
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

pub(super) fn start(plan: Plan, secrets: Secrets, stay: Stay) -> Result<Handle, Failure> {
    let folder = Folder::at(&plan.home);
    let lock = folder.lock().map_err(local)?;
    let (mut journal, entries) = Journal::open(&folder.journal_path()).map_err(local)?;
    if !entries.is_empty() {
        let before = Run::fold(&entries);
        let changed_nothing = matches!(before.outcome, Some(RunOutcome::Refused | RunOutcome::Checked));
        if !changed_nothing || !before.ledger.is_empty() {
            // A snapshot does not outlive its engine: a migration of that method starts over, under a new id.
            return Err(local(StoreError::Exists(plan.home.clone())));
        }
        journal.restart().map_err(local)?;
    }
    folder.write_plan(&plan).map_err(local)?;

    let (entry_tx, entry_rx) = mpsc::unbounded_channel::<Entry>();
    let (gauge_tx, gauge_rx) = watch::channel(crate::model::gauges::Gauges::default());
    let (command_tx, command_rx) = mpsc::channel(8);
    let cancel = CancellationToken::new();
    let emit = Arc::new(Emitter::new(journal, Run::default(), entry_tx, cancel.clone()));
    let board = Arc::new(Board::default());
    let (orders, listening) = Orders::listen(command_rx, Arc::clone(&emit), cancel.clone());
    let publishing = tokio::spawn(Arc::clone(&board).publish(gauge_tx));
    let ended = tokio::spawn(async move {
        let shared = (Arc::clone(&emit), board, cancel);
        let result = work((plan, secrets), shared, (stay, orders)).await;
        publishing.abort();
        // It holds an emitter, and faces take the end of the entries for the end of the run.
        listening.abort();
        end(&emit, &lock, result)
    });
    Ok(Handle { entries: entry_rx, gauges: gauge_rx, commands: command_tx, ended })
}

pub(super) fn local(error: StoreError) -> Failure {
    let failure = Failure::local(error.to_string());
    match error {
        StoreError::Busy { .. } | StoreError::Exists(_) => {
            Failure { kind: crate::model::failure::FailureKind::Refused, ..failure }
        }
        _ => failure,
    }
}

pub(super) fn end(
    emit: &Emitter,
    _lock: &Locked,
    result: Result<RunOutcome, Failure>,
) -> Result<RunOutcome, Failure> {
    let outcome = match result {
        Ok(outcome) => outcome,
        Err(failure) if failure.is_interruption() => RunOutcome::Stopped,
        Err(failure) => {
            emit.record(Event::Refused { failure });
            RunOutcome::Refused
        }
    };
    emit.record(Event::Ended { outcome });
    match emit.broken() {
        Some(failure) => Err(failure),
        None => Ok(outcome),
    }
}

/// # Errors
/// Refusals: nothing was done. Whatever goes wrong later is journalled where it happens.
async fn work(
    (plan, secrets): (Plan, Secrets),
    (emit, board, cancel): (Arc<Emitter>, Arc<Board>, CancellationToken),
    (stay, mut orders): (Stay, Orders),
) -> Result<RunOutcome, Failure> {
    let (version, id) = (env!("CARGO_PKG_VERSION").to_owned(), plan.id.clone());
    emit.record(Event::Started { version, pid: std::process::id(), id });
    emit.record(Event::PhaseBegan { phase: Phase::Checks, database: None });
    let found = checks::gather(&plan, &secrets, &emit, &cancel).await?;
    emit.record(Event::PhaseEnded { phase: Phase::Checks, database: None, outcome: PhaseOutcome::Done });
    if plan.only_checks {
        return Ok(RunOutcome::Checked);
    }
    let planned = found.candidates.iter().map(|c| PlannedDatabase {
        name: c.facts.name.clone(),
        size_bytes: c.facts.size_bytes,
        exists_on_target: c.on_target.is_some(),
    });
    emit.record(Event::Planned { databases: planned.collect() });
    for candidate in found.candidates.iter().filter(|c| c.blocked.is_none()) {
        tell_method(&emit, &plan, candidate);
    }
    let go_on = GoOn { told: orders.told(), awaited: stay == Stay::AndWaits };
    let (cx, candidates) = Cx::new((plan, secrets), found, (emit, board, cancel), go_on);
    let _waits = Waits::begin(&cx);
    move_all(&cx, candidates.clone()).await;
    if stay != Stay::UntilItFollows {
        keep(&cx, candidates, &mut orders).await;
    }
    if orders.discontinues() {
        discontinue(&cx).await;
    }
    Ok(cx.emit.outcome())
}

/// Which way a database goes, and why: never silently the lesser one.
fn tell_method(emit: &Emitter, plan: &Plan, candidate: &database::Candidate) {
    let (database, method) = (candidate.facts.name.clone(), candidate.method);
    let because = match (&candidate.fell_back, plan.method) {
        (Some(failure), _) => failure.what.clone(),
        (None, MethodPolicy::Auto(_)) => "both servers can".to_owned(),
        (None, MethodPolicy::Dump | MethodPolicy::Replication) => "as asked".to_owned(),
    };
    if let Some(failure) = &candidate.fell_back {
        emit.record(Event::Finding { finding: fell_back(&database, failure) });
    }
    emit.record(Event::MethodChosen { database, method, because });
}

/// What an operator who expected the source to stay in use has to know.
pub(super) fn fell_back(database: &str, failure: &Failure) -> Finding {
    let title = "moved by a one-time snapshot: what is written on the source from now on is not moved";
    let advice = failure.advice.clone().unwrap_or_default();
    let why = format!("continuous migration is not possible: {}", failure.what);
    Finding::warning("snapshot", title).in_database(database).because(why).fix(advice)
}

async fn move_all(cx: &Arc<Cx>, candidates: Vec<database::Candidate>) {
    match roles::run(cx).await {
        Ok(made) => {
            let continuously = candidates.iter().any(|c| c.method == Method::Replication);
            let watch = continuously.then(|| Watch::begin(cx, Until::Told));
            databases(cx, candidates.clone()).await;
            settings(cx, &made).await;
            let in_sync = keep_up(cx, candidates).await;
            if cx.plan.replication.finish && !cx.cancel.is_cancelled() {
                close_all(cx, in_sync, Finish::default()).await;
            }
            if let Some(watch) = watch {
                watch.end().await;
            }
        }
        Err(failure) => {
            // Without the roles nothing has an owner; no database is begun.
            let outcome =
                if failure.is_interruption() { DatabaseOutcome::Cancelled } else { DatabaseOutcome::Failed };
            for candidate in candidates {
                let message = format!("not begun: {}", failure.what);
                cx.emit.record(Event::DatabaseEnded { database: candidate.facts.name, outcome, message });
            }
        }
    }
}

/// `--max-replication-lag`: those that get there. The others go on following.
async fn keep_up(cx: &Arc<Cx>, candidates: Vec<database::Candidate>) -> Vec<database::Candidate> {
    let Some(within_bytes) = cx.plan.replication.max_lag_bytes else { return Vec::new() };
    let follows = |name: &str| {
        cx.emit.with_run(|run| {
            run.databases.get(name).is_some_and(|d| d.outcome == Some(DatabaseOutcome::Following))
        })
    };
    let mut in_sync = Vec::new();
    for candidate in candidates.into_iter().filter(|c| follows(&c.facts.name)) {
        let db = database::Db::new(Arc::clone(cx), candidate.clone());
        let mut waited = finish::keep_up(&db, within_bytes).await;
        if waited.as_ref().is_err_and(|failure| failure.kind == FailureKind::ConnectionLost) {
            // It may wait for days, in a single session. Others open their own, and would not notice.
            waited = finish::keep_up(&db, within_bytes).await;
        }
        match waited {
            Ok(()) => in_sync.push(candidate),
            Err(failure) => {
                let title = "the target is not in sync; it goes on following";
                db.finding(Finding::warning("lag", title).because(failure.what));
            }
        }
    }
    in_sync
}

async fn databases(cx: &Arc<Cx>, candidates: Vec<database::Candidate>) {
    let gate = Arc::new(Semaphore::new(cx.room.databases as usize));
    let mut running = JoinSet::new();
    for candidate in candidates {
        let (cx, gate) = (Arc::clone(cx), Arc::clone(&gate));
        // In this order: the semaphore is fair, and the largest database comes first.
        let permit = gate.acquire_owned().await;
        let name = candidate.facts.name.clone();
        running.spawn(async move {
            let task = tokio::spawn(database::run(Arc::clone(&cx), candidate));
            if task.await.is_err() {
                let message = "pgpassage failed in the middle of this database; please report it".to_owned();
                let outcome = DatabaseOutcome::Failed;
                remove(&cx, &name, What::All).await;
                cx.emit.record(Event::DatabaseEnded { database: name.clone(), outcome, message });
                cx.at_work.ends(&name);
            }
            drop(permit);
        });
    }
    while running.join_next().await.is_some() {}
}

async fn settings(cx: &Cx, made: &BTreeSet<String>) {
    cx.emit.record(Event::PhaseBegan { phase: Phase::Settings, database: None });
    let result = if cx.cancel.is_cancelled() {
        Err(Failure::interrupted())
    } else {
        match roles::role_settings(cx, made).await {
            Ok(()) => roles::leave(cx, made).await,
            failed => failed,
        }
    };
    let outcome = match result {
        Ok(()) => PhaseOutcome::Done,
        Err(failure) if failure.is_interruption() => PhaseOutcome::Interrupted,
        Err(failure) => PhaseOutcome::Failed { failure },
    };
    cx.emit.record(Event::PhaseEnded { phase: Phase::Settings, database: None, outcome });
}
