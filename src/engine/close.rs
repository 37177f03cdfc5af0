//! Closes the connections of several databases side by side: the applications that write to the source wait meanwhile, and
//! are to wait for the slowest one, not for one after the other. The guard goes on looking at all of them.

use super::context::Cx;
use super::database::{Candidate, Db};
use super::replicate::finish::{self, Closed};
use super::replicate::remove::{What, remove};
use super::resume::still_follows;
use crate::model::check::Finding;
use crate::model::event::{DatabaseOutcome, Event, PhaseOutcome};
use crate::model::failure::{Failure, FailureKind};
use crate::model::phase::Phase;
use crate::model::run::Run;
use crate::model::task::Finish;
use std::sync::Arc;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// Closes the connection of every database that follows. Each stands for itself: one that cannot be closed goes on
/// following.
pub(super) async fn close_all(cx: &Arc<Cx>, candidates: Vec<Candidate>, how: Finish) {
    let gate = Arc::new(Semaphore::new(cx.room.closing as usize));
    let mut running = JoinSet::new();
    for candidate in candidates {
        let (cx, gate) = (Arc::clone(cx), Arc::clone(&gate));
        // Before it is begun: nobody who writes to it waits for us until then.
        let permit = gate.acquire_owned().await;
        running.spawn(async move {
            let name = candidate.facts.name.clone();
            if tokio::spawn(close(Arc::clone(&cx), candidate, how)).await.is_err() {
                broke_off(&cx, name);
            }
            drop(permit);
        });
    }
    while running.join_next().await.is_some() {}
}

/// What it amounts to in the journal.
type End = (DatabaseOutcome, PhaseOutcome, String);

async fn close(cx: Arc<Cx>, candidate: Candidate, how: Finish) {
    let db = Arc::new(Db::new(cx, candidate));
    let (cx, database) = (&db.cx, Some(db.name.clone()));
    // The guard may just be giving it up.
    if !cx.at_work.begins(&db) {
        return;
    }
    let follows = |run: &Run| {
        run.databases.get(&db.name).is_some_and(|d| d.outcome == Some(DatabaseOutcome::Following))
    };
    if cx.emit.with_run(follows) {
        cx.emit.record(Event::PhaseBegan { phase: Phase::Close, database: database.clone() });
        let result = finish::run(&db, how).await;
        db.pools.clear();
        let (outcome, phase, message) = match (result, cx.at_work.last_step(&db)) {
            (Err(_), Err(failure)) => {
                remove(cx, &db.name, What::All).await;
                let message = failure.what.clone();
                (DatabaseOutcome::Failed, PhaseOutcome::Failed { failure }, message)
            }
            (Ok(closed), _) => closed_like(&db, closed),
            (Err(failure), Ok(())) => not_closed(&db, failure),
        };
        cx.emit.record(Event::PhaseEnded { phase: Phase::Close, database, outcome: phase });
        cx.emit.record(Event::DatabaseEnded { database: db.name.clone(), outcome, message });
    }
    cx.at_work.ends(&db.name);
}

fn closed_like(db: &Db, closed: Closed) -> End {
    let lost_before = closed == Closed::Cleanly && db.cx.emit.with_run(|run| run.has_lost(&db.name));
    let message = match closed {
        Closed::Cleanly if lost_before => {
            "the connection is closed; something was lost before, see the findings"
        }
        Closed::Cleanly => "the connection is closed",
        Closed::WithLeftovers => "the connection is closed, and something of ours is left; see the findings",
        Closed::WithLoss => "the connection is closed, with a loss that was accepted; see the findings",
    };
    let (outcome, phase) = match closed {
        Closed::Cleanly if !lost_before => (DatabaseOutcome::Done, PhaseOutcome::Done),
        _ => (DatabaseOutcome::Incomplete, PhaseOutcome::Warned),
    };
    (outcome, phase, message.to_owned())
}

fn not_closed(db: &Db, failure: Failure) -> End {
    let (finding, outcome, message) = if failure.kind == FailureKind::Gone {
        let fix = "stop this migration, which removes what is left of it, and start over";
        let finding = Finding::lost("gone", "the target has stopped following, and cannot go on").fix(fix);
        (finding, DatabaseOutcome::Failed, format!("does not follow any more: {}", failure.what))
    } else {
        let advice = failure.advice.clone().unwrap_or_default();
        let finding = Finding::warning("not-closed", "the connection is not closed").fix(advice);
        let message = format!("not closed, it goes on following: {}", failure.what);
        (finding, DatabaseOutcome::Following, message)
    };
    db.cx.finding(finding.in_database(&db.name).because(failure.what.clone()));
    (outcome, PhaseOutcome::Failed { failure }, message)
}

/// A mistake in the program, be it before anything was removed or in the middle of that.
fn broke_off(cx: &Cx, database: String) {
    let message = "pgpassage failed while it closed the connection; please report it".to_owned();
    let outcome = match still_follows(cx, &database) {
        true => DatabaseOutcome::Following,
        false => DatabaseOutcome::Failed,
    };
    cx.at_work.ends(&database);
    let failure = Failure::local(message.clone());
    let (phase, of_phase) = (Phase::Close, Some(database.clone()));
    cx.emit.record(Event::PhaseEnded {
        phase,
        database: of_phase,
        outcome: PhaseOutcome::Failed { failure },
    });
    cx.emit.record(Event::DatabaseEnded { database, outcome, message });
}
