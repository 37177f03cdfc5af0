//! A database that broke off for a reason that can pass keeps what it reads from, for a while, for a word to go on.
//!
//! What it holds open on the source, a snapshot with its locks and where it is to follow a slot, costs the source: rows that
//! are deleted there cannot be cleared away, and the slot keeps its log. So the wait is bounded, and said aloud.

use super::database::Db;
use super::emit::now_ms;
use super::phases::snapshot::Snapshot;
use crate::model::event::Event;
use crate::model::failure::{Failure, FailureKind};
use crate::model::plan::Plan;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;

/// How long a database waits, each time that it breaks off.
fn patience(plan: &Plan) -> Duration {
    Duration::from_secs(plan.keep_snapshot_s.unwrap_or(Plan::KEEP_SNAPSHOT_S).min(LONGEST_S))
}

/// A clock counts no further than it can; a month is as good as for ever.
const LONGEST_S: u64 = 31 * 24 * 3600;

/// How a word to go on is heard, and whether anybody is there to say it.
#[derive(Debug, Clone, Default)]
pub(crate) struct GoOn {
    pub(crate) told: Arc<Notify>,
    pub(crate) awaited: bool,
}

/// The reason may pass, what it reads from is still there, and it can be told what is done.
fn is_worth_it(db: &Db, snapshot: &Snapshot, failure: &Failure) -> bool {
    let can_pass =
        matches!(failure.kind, FailureKind::Connection | FailureKind::ConnectionLost | FailureKind::DiskFull);
    // Rows that were there before are not told from those that were copied.
    let tellable = !db.occupied && db.progress.can_be_told(snapshot);
    // Sessions that linger in it are ended before it goes on, and those for other databases may be among them.
    let alone = db.name != db.cx.target_home;
    alone
        && db.progress.knows_timeline()
        && db.cx.go_on.awaited
        && !patience(&db.cx.plan).is_zero()
        && !db.cx.cancel.is_cancelled()
        && can_pass
        && tellable
}

/// Waits until somebody says that it goes on.
///
/// # Errors
/// The failure, where nobody does, or what is needed for it goes.
pub(crate) async fn wait(db: &Arc<Db>, snapshot: &Snapshot, failure: Failure) -> Result<(), Failure> {
    if !is_worth_it(db, snapshot, &failure) {
        return Err(failure);
    }
    let told = db.cx.go_on.told.notified();
    tokio::pin!(told);
    // From here on it is heard, and from here on whoever has to end this database can.
    told.as_mut().enable();
    let given_up = db.waits();
    if let Some(reason) = db.given_up() {
        return Err(reason);
    }
    if !db.progress.has_all_rows() && !snapshot.is_held() {
        return Err(failure);
    }
    let patience = patience(&db.cx.plan);
    let patience_ms = u64::try_from(patience.as_millis()).unwrap_or(u64::MAX);
    db.cx.emit.record(Event::Waiting {
        database: db.name.clone(),
        failure: failure.clone(),
        until_ms: now_ms().saturating_add(patience_ms),
    });
    tokio::select! {
        biased;
        () = db.cx.cancel.cancelled() => Err(Failure::interrupted()),
        reason = given_up => Err(reason),
        () = &mut told => {
            db.cx.emit.record(Event::GoesOn { database: db.name.clone() });
            Ok(())
        }
        () = tokio::time::sleep(patience) => {
            let what = format!("{}; nobody said in time that it goes on", failure.what);
            Err(Failure { what, ..failure })
        }
    }
}
