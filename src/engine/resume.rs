//! Later commands on a migration that exists: finish, stop, clean. Each works under the migration's lock, and writes on in
//! its journal.

use super::Handle;
use super::board::Board;
use super::checks::{Found, Reached, reach};
use super::clear::{clear, drop_half_made};
use super::close::close_all;
use super::context::Cx;
use super::database::Candidate;
use super::emit::Emitter;
use super::guard::{Until, Watch};
use super::keep::{Orders, keep};
use super::patience::GoOn;
use super::replicate::remove::{What, remove};
use super::run::{end, local};
use super::waits::Waits;
use crate::model::check::Finding;
use crate::model::event::{DatabaseOutcome, Entry, Event, ObjectKind, RunOutcome};
use crate::model::failure::Failure;
use crate::model::plan::{Method, Plan};
use crate::model::run::{LedgerLine, Run};
use crate::model::secrets::Secrets;
use crate::model::task::Task;
use crate::model::units::Side;
use crate::pg::connect::Server;
use crate::pg::facts::databases::session_defaults;
use crate::pg::tools::{Tool, ToolSearch, ToolVersion, find_pg_dump};
use crate::store::{Folder, Journal, Locked};
use std::collections::BTreeSet;
use std::sync::Arc;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

/// Databases that are discontinued at a time.
const SIDE_BY_SIDE: usize = 8;

pub(super) fn start(plan: Plan, secrets: Secrets, task: Task) -> Result<Handle, Failure> {
    let folder = Folder::at(&plan.home);
    let lock = folder.lock().map_err(local)?;
    let (journal, entries) = Journal::open(&folder.journal_path()).map_err(local)?;
    if entries.is_empty() {
        return Err(Failure::refused(format!("migration {} was never begun", plan.id)));
    }
    let run = Run::fold(&entries);
    let (entry_tx, entry_rx) = mpsc::unbounded_channel::<Entry>();
    // A face begins with what was there before.
    for entry in entries {
        drop(entry_tx.send(entry));
    }
    let (gauge_tx, gauge_rx) = watch::channel(crate::model::gauges::Gauges::default());
    let (command_tx, command_rx) = mpsc::channel(8);
    let cancel = CancellationToken::new();
    let emit = Arc::new(Emitter::new(journal, run, entry_tx, cancel.clone()));
    let board = Arc::new(Board::default());
    let (orders, listening) = Orders::listen(command_rx, Arc::clone(&emit), cancel.clone());
    let publishing = tokio::spawn(Arc::clone(&board).publish(gauge_tx));
    let ended = tokio::spawn(async move {
        let result = work((plan, secrets), task, (Arc::clone(&emit), board, cancel), orders).await;
        publishing.abort();
        listening.abort();
        end_later(&emit, &lock, result)
    });
    Ok(Handle { entries: entry_rx, gauges: gauge_rx, commands: command_tx, ended })
}

/// A command that is refused has done nothing: how the migration stands is what it was.
fn end_later(
    emit: &Emitter,
    lock: &Locked,
    result: Result<RunOutcome, Failure>,
) -> Result<RunOutcome, Failure> {
    match result {
        Err(failure) if !failure.is_interruption() && emit.with_run(|run| !run.databases.is_empty()) => {
            let outcome = emit.outcome();
            emit.record(Event::Refused { failure });
            emit.record(Event::Ended { outcome });
            emit.broken().map_or(Ok(RunOutcome::Refused), Err)
        }
        result => end(emit, lock, result),
    }
}

async fn work(
    (plan, secrets): (Plan, Secrets),
    task: Task,
    (emit, board, cancel): (Arc<Emitter>, Arc<Board>, CancellationToken),
    mut orders: Orders,
) -> Result<RunOutcome, Failure> {
    let version = env!("CARGO_PKG_VERSION").to_owned();
    emit.record(Event::Resumed { verb: task.verb().to_owned(), version, pid: std::process::id() });
    let (source, target) = tokio::select! {
        biased;
        () = stopped(&cancel, &orders) => return Err(Failure::interrupted()),
        () = orders.left(), if task == Task::Watch => return Ok(emit.outcome()),
        both = async {
            tokio::join!(
                reach(&plan, Side::Source, &plan.source, &secrets.source),
                reach(&plan, Side::Target, &plan.target, &secrets.target),
            )
        } => both,
    };
    let task = if orders.discontinues() { Task::Stop } else { task };
    let (source, target) = match task {
        Task::Finish(_) | Task::Watch => (source?, target?),
        // What is dropped now is copied anew right after that, for which both are needed.
        Task::Clear => (source.map_err(nothing_taken_back)?, target.map_err(nothing_taken_back)?),
        Task::Stop | Task::Clean(_) => whoever_is_there(&plan, &secrets, (source, target))?,
    };
    let search = ToolSearch {
        pgbin: plan.tools.pgbin.clone(),
        path_dirs: plan.tools.path_dirs.clone(),
        reads_target: false,
    };
    let tool = find_pg_dump(&search, source.facts.version.major(), target.facts.version.major()).await;
    // Nothing is dumped any more.
    let none = || Tool { path: std::path::PathBuf::new(), version: ToolVersion { major: 0, minor: 0 } };
    let tool = tool.unwrap_or_else(|_| none());
    let mut found = Found { source, target, tool, candidates: Vec::new() };
    let mut candidates = candidates(&found, &emit);
    if matches!(task, Task::Finish(_) | Task::Watch) {
        for candidate in &mut candidates {
            // Nothing is set in this session: it shows what sessions of this database get by themselves.
            let session = found.source.server.connect(&candidate.facts.name, &[]).await?;
            candidate.defaults = session_defaults(&session).await?;
        }
    }
    found.candidates = candidates;
    let (cx, candidates) = Cx::new((plan, secrets), found, (emit, board, cancel), GoOn::default());
    let _waits = Waits::begin(&cx);
    match task {
        Task::Finish(how) => {
            if !cx.emit.with_run(|run| run.settings_ended) {
                let title = "the first run ended before the settings of roles were set";
                let fix = "set them on the target as they are on the source";
                cx.finding(Finding::lost("role-settings", title).fix(fix));
            }
            let watch = Watch::begin(&cx, Until::Told);
            close_all(&cx, candidates, how).await;
            watch.end().await;
        }
        Task::Stop => discontinue(&cx).await,
        Task::Clean(unfinished) => {
            discontinue(&cx).await;
            drop_half_made(&cx, unfinished).await;
        }
        Task::Clear => clear(&cx).await,
        Task::Watch => keep(&cx, candidates, &mut orders).await,
    }
    if orders.discontinues() && task != Task::Stop {
        discontinue(&cx).await;
    }
    Ok(cx.emit.outcome())
}

/// Told to end before anything was done. Who was told to discontinue what follows needs the servers for that.
async fn stopped(cancel: &CancellationToken, orders: &Orders) {
    cancel.cancelled().await;
    if orders.discontinues() {
        std::future::pending::<()>().await;
    }
}

fn nothing_taken_back(failure: Failure) -> Failure {
    failure.while_doing("nothing was taken back to begin anew, for that needs both servers")
}

/// One server that is gone must not keep us from cleaning up on the other. What is left there is named when it cannot be
/// reached again.
fn whoever_is_there(
    plan: &Plan,
    secrets: &Secrets,
    reached: (Result<Reached, Failure>, Result<Reached, Failure>),
) -> Result<(Reached, Reached), Failure> {
    let name = format!("pgpassage/{} {}", env!("CARGO_PKG_VERSION"), plan.id);
    let stand_in = |other: &Reached, server: Server| Reached {
        server,
        facts: other.facts.clone(),
        home: other.home.clone(),
        databases: Vec::new(),
    };
    match reached {
        (Ok(source), Ok(target)) => Ok((source, target)),
        (Ok(source), Err(_)) => {
            let server = Server::new(plan.target.clone(), secrets.target.clone(), name);
            let target = stand_in(&source, server);
            Ok((source, target))
        }
        (Err(_), Ok(target)) => {
            let server = Server::new(plan.source.clone(), secrets.source.clone(), name);
            Ok((stand_in(&target, server), target))
        }
        (Err(failure), Err(_)) => Err(failure),
    }
}

/// The databases that follow, as both servers know them now.
fn candidates(found: &Found, emit: &Emitter) -> Vec<Candidate> {
    let follows: BTreeSet<String> = emit.with_run(|run| {
        let all = run.databases.iter().filter(|(_, d)| d.outcome == Some(DatabaseOutcome::Following));
        all.map(|(name, _)| name.clone()).collect()
    });
    let of = |name: &str| found.target.databases.iter().find(|d| d.name == name).cloned();
    let all = found.source.databases.iter().filter(|d| follows.contains(&d.name));
    all.map(|facts| Candidate {
        facts: facts.clone(),
        on_target: of(&facts.name),
        occupied: false,
        defaults: Vec::new(),
        method: Method::Replication,
        fell_back: None,
        blocked: None,
    })
    .collect()
}

pub(super) async fn discontinue(cx: &Arc<Cx>) {
    let databases: BTreeSet<String> = cx.emit.with_run(|run| {
        let of_objects = run.ledger.values().filter_map(|line| line.object.database.clone());
        let of_identities = run.databases.iter().filter(|(_, d)| !d.identities.is_empty());
        of_objects.chain(of_identities.map(|(name, _)| name.clone())).collect()
    });
    let databases: Vec<_> = databases.into_iter().collect();
    // Side by side: a server that is gone is waited for by each of them.
    for some in databases.chunks(SIDE_BY_SIDE) {
        futures_util::future::join_all(some.iter().map(|name| discontinue_one(cx, name))).await;
    }
    end_unended(cx);
}

/// What a dead engine was at has come to its end by that.
pub(super) fn end_unended(cx: &Cx) {
    let unended: Vec<_> = cx.emit.with_run(|run| {
        run.databases.iter().filter(|(_, d)| d.outcome.is_none()).map(|(name, _)| name.clone()).collect()
    });
    for database in unended {
        let message = "ended before it was worked through".to_owned();
        cx.emit.record(Event::DatabaseEnded { database, outcome: DatabaseOutcome::Cancelled, message });
    }
}

async fn discontinue_one(cx: &Cx, database: &str) {
    let followed = cx.emit.with_run(|run| {
        run.databases.get(database).is_some_and(|d| d.outcome == Some(DatabaseOutcome::Following))
    });
    let clean = remove(cx, database, What::All).await;
    if !followed {
        return;
    }
    let message = if clean {
        "discontinued; what was copied stays"
    } else if still_follows(cx, database) {
        return;
    } else {
        "discontinued; what was copied stays, and something of ours is left, see the findings"
    };
    let (outcome, message) = (DatabaseOutcome::Cancelled, message.to_owned());
    cx.emit.record(Event::DatabaseEnded { database: database.to_owned(), outcome, message });
}

/// Both ends are still there, so that changes still arrive.
pub(super) fn still_follows(cx: &Cx, database: &str) -> bool {
    let has = |run: &Run, kind: ObjectKind| {
        let mine = |line: &&LedgerLine| {
            line.object.kind == kind && line.object.database.as_deref() == Some(database)
        };
        run.ledger.values().any(|line| mine(&line))
    };
    cx.emit.with_run(|run| has(run, ObjectKind::Slot) && has(run, ObjectKind::Subscription))
}
