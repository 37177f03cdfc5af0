//! Why nothing moves: of work that makes no progress the servers are asked whether it waits for a lock, and for whose.
//!
//! It only ever tells. A session of its own asks, and only while there is something to ask about: where none is to be had,
//! or a server does not answer, the reason stays unknown, and the migration goes on as it would without.

use super::board::Stalled;
use super::context::{Cx, guarded};
use super::emit::now_ms;
use crate::model::failure::Failure;
use crate::model::gauges::{Holder, LockWait};
use crate::model::units::Side;
use crate::pg::connect::Session;
use crate::pg::facts::locks::{Waiter, waiters};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;

/// How often work is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// How long a server may take to answer. One that is too busy for this has other troubles than a lock.
const ANSWER: Duration = Duration::from_secs(5);

/// Asks for as long as this lives.
#[derive(Debug)]
pub(super) struct Waits(JoinHandle<()>);

impl Drop for Waits {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Waits {
    pub(super) fn begin(cx: &Arc<Cx>) -> Self {
        Self(tokio::spawn(watch(Arc::clone(cx))))
    }
}

/// A server and one of its databases: only there its tables have names.
type Place = (Side, String);

async fn watch(cx: Arc<Cx>) {
    let mut sessions: HashMap<Place, Session> = HashMap::new();
    loop {
        tokio::select! {
            () = cx.cancel.cancelled() => return,
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
        let stalled = cx.board.stalled(now_ms());
        let mut places: HashMap<Place, Vec<i32>> = HashMap::new();
        for work in &stalled {
            for (side, pid) in &work.processes {
                places.entry((*side, work.database.clone())).or_default().push(*pid);
            }
        }
        sessions.retain(|place, _| places.contains_key(place));
        let mut waiting: HashMap<(Side, i32), LockWait> = HashMap::new();
        for (place, pids) in places {
            let asked = tokio::time::timeout(ANSWER, ask(&cx, &place, &pids, sessions.remove(&place)));
            match asked.await {
                Ok(Ok((session, found))) => {
                    waiting.extend(locks(place.0, found));
                    sessions.insert(place, session);
                }
                Ok(Err(failure)) => tracing::debug!("what work waits for on the {}: {failure}", place.0),
                Err(_) => tracing::debug!("what work waits for: the {} does not answer", place.0),
            }
        }
        for work in stalled {
            cx.board.waits_for(work.key, first(&work, &waiting));
        }
    }
}

async fn ask(
    cx: &Cx,
    (side, database): &Place,
    pids: &[i32],
    session: Option<Session>,
) -> Result<(Session, Vec<Waiter>), Failure> {
    let session = match (session, side) {
        (Some(session), _) => session,
        (None, Side::Source) => cx.source_session(database).await?,
        (None, Side::Target) => cx.target_session(database).await?,
    };
    let found = guarded(&cx.cancel, session.canceller(), waiters(&session, pids)).await?;
    Ok((session, found))
}

/// By process, everybody whom it waits for.
fn locks(side: Side, found: Vec<Waiter>) -> HashMap<(Side, i32), LockWait> {
    let mut all: HashMap<(Side, i32), LockWait> = HashMap::new();
    for waiter in found {
        let wait = all.entry((side, waiter.waiting)).or_insert_with(|| LockWait {
            side,
            mode: waiter.mode,
            on: waiter.on.map(|name| name.to_string()),
            holders: Vec::new(),
        });
        wait.holders.push(Holder {
            pid: waiter.pid,
            user: waiter.user,
            application: waiter.application,
            state: waiter.state,
            transaction_age_s: waiter.transaction_age_s,
        });
    }
    all
}

fn first(work: &Stalled, waiting: &HashMap<(Side, i32), LockWait>) -> Option<LockWait> {
    work.processes.iter().find_map(|process| waiting.get(process).cloned())
}
