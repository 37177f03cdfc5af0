//! Watches over databases for which the source keeps its log, from the making of the slot on: how far the target is, how
//! much log is kept, whether the target still applies, whether definitions change. It tells; there is one thing alone that
//! it does by itself: a migration for which the source keeps more log than allowed is stopped, and its slot dropped.

mod lag;
mod look;
mod schema;

use super::context::{Cx, GivenUp};
use super::replicate::remove::{What, remove};
use crate::model::check::Finding;
use crate::model::event::{DatabaseOutcome, Event, ObjectKind};
use crate::model::failure::{Failure, FailureKind};
use crate::model::run::LedgerState;
use crate::model::status::DatabaseStatus;
use look::Watched;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// How often the source is asked how far the target is.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How often a slot that could not be dropped is tried again.
const DROP_EVERY: Duration = Duration::from_secs(60);

/// A watch that goes on until it is ended, or nothing is left to be watched.
#[derive(Debug)]
pub(crate) struct Watch {
    stop: CancellationToken,
    /// Cancelled when it has ended, by itself or not.
    over: CancellationToken,
    task: JoinHandle<()>,
}

impl Watch {
    /// Begins to watch every database that has a slot, or gets one.
    pub(crate) fn begin(cx: &Arc<Cx>, until: Until) -> Watch {
        let (stop, over) = (cx.cancel.child_token(), CancellationToken::new());
        let (watching, ends) = (watch(Arc::clone(cx), stop.clone(), until), over.clone().drop_guard());
        let task = tokio::spawn(async move {
            let _ends = ends;
            watching.await;
        });
        Watch { stop, over, task }
    }

    /// Whoever removes what is watched ends the watch first, or says that he is [at his last
    /// step](super::context::AtWork::last_step), so that nothing is taken for lost that was removed.
    pub(crate) async fn end(self) {
        self.stop.cancel();
        // Its own failure would be a mistake in the program; the migration does not depend on it.
        drop(self.task.await);
    }

    /// Until nothing is left to be watched.
    pub(crate) async fn ended(&self) {
        self.over.cancelled().await;
    }
}

/// When a watch ends by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Until {
    /// Not: slots are still being made.
    Told,
    NothingFollows,
}

async fn watch(cx: Arc<Cx>, stop: CancellationToken, until: Until) {
    let mut all: BTreeMap<String, Watched> = BTreeMap::new();
    let mut given_up: BTreeMap<String, Instant> = BTreeMap::new();
    let mut source = None;
    loop {
        let databases = databases_with_slots(&cx);
        if databases.is_empty() && until == Until::NothingFollows {
            return;
        }
        all.retain(|name, _| databases.contains(name));
        given_up.retain(|name, _| databases.contains(name));
        for name in databases {
            let watched = all.entry(name.clone()).or_default();
            let looked = tokio::select! {
                biased;
                () = stop.cancelled() => return,
                looked = watched.look(&cx, &name, &mut source) => looked,
            };
            if cx.at_work.is_at_last_step(&name) {
                // What was seen may be what has been removed.
                continue;
            }
            cx.board.follows(&name, looked.status.clone());
            tell(&cx, &name, (looked.findings, looked.passed));
            if let Some(failure) = too_much_kept(&cx, &looked.status) {
                match given_up.get(&name) {
                    None if give_up(&cx, &name, failure).await == GivenUp::TooLate => continue,
                    None => {}
                    // It has been said, and whoever works on the database removes what is his.
                    Some(at) if at.elapsed() < DROP_EVERY || cx.at_work.is_at_work(&name) => continue,
                    Some(_) => drop(remove(&cx, &name, What::All).await),
                }
                given_up.insert(name, Instant::now());
            }
        }
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
    }
}

/// What an earlier guard has said and nobody has taken back is not said again, and is taken back by whoever sees it pass.
fn tell(cx: &Cx, database: &str, (findings, passed): (Vec<Finding>, BTreeSet<&str>)) {
    for id in passed.into_iter().filter(|id| cx.emit.with_run(|run| run.is_open(id, database))) {
        cx.emit.record(Event::Passed { finding: id.to_owned(), database: database.to_owned() });
    }
    let findings = findings.into_iter().map(|finding| finding.in_database(database));
    let is_said = |finding: &Finding| {
        cx.emit.with_run(|run| run.findings.iter().any(|told| !told.has_passed() && told.says(finding)))
    };
    for finding in findings.filter(|finding| !is_said(finding)) {
        // Of what passes the latest is what is so: an earlier guard may have said it with other numbers.
        if finding.can_pass() && cx.emit.with_run(|run| run.is_open(&finding.id, database)) {
            cx.emit.record(Event::Passed { finding: finding.id.clone(), database: database.to_owned() });
        }
        cx.finding(finding);
    }
}

fn databases_with_slots(cx: &Cx) -> Vec<String> {
    cx.emit.with_run(|run| {
        let slots = run
            .ledger
            .values()
            .filter(|line| line.object.kind == ObjectKind::Slot && line.state == LedgerState::Made);
        let mut names: Vec<_> = slots.filter_map(|line| line.object.database.clone()).collect();
        names.sort();
        names
    })
}

fn too_much_kept(cx: &Cx, status: &DatabaseStatus) -> Option<Failure> {
    let (most, kept) = (cx.plan.replication.max_wal_kept_bytes?, status.kept_bytes?);
    (kept > most).then(|| {
        Failure::new(
            FailureKind::Server,
            format!("the source kept {kept} bytes of its log for it, and --max-wal-kept allows {most}"),
        )
        .advise("find out what keeps the target from applying, or allow more, and start over")
    })
}

/// Rather no migration than a source without room on its disk.
async fn give_up(cx: &Cx, database: &str, failure: Failure) -> GivenUp {
    let title = "stopped, and the replication slot is dropped: the source kept too much of its log";
    let advice = failure.advice.clone().unwrap_or_default();
    let finding = Finding::lost("wal-kept", title).in_database(database).because(failure.what.clone());
    let given_up = cx.at_work.give_up(database, &failure, || cx.finding(finding.fix(advice)));
    if given_up == GivenUp::ByCaller {
        remove(cx, database, What::All).await;
        let (database, message) = (database.to_owned(), failure.what);
        let ended =
            Event::DatabaseEnded { database: database.clone(), outcome: DatabaseOutcome::Failed, message };
        cx.emit.record(ended);
        cx.at_work.ends(&database);
    }
    given_up
}
