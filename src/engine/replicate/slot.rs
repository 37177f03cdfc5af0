//! The slot: made on a replication connection, with a snapshot of the very moment from which on it delivers.

use super::object;
use super::publish::Link;
use crate::engine::context::{execute, opened};
use crate::engine::database::Db;
use crate::engine::sessions::settings;
use crate::model::check::Finding;
use crate::model::event::Event;
use crate::model::failure::{Failure, FailureKind};
use crate::model::names::ObjectKind;
use crate::model::units::{Side, printable, readable};
use crate::pg::facts::replication::objects::slots;
use crate::pg::facts::replication::watch::{Other, blockers};
use crate::pg::statement::replication::drop_slot;
use crate::pg::tools::redact;
use crate::pg::wire::{Connection, SlotLife, SlotSnapshot};
use std::time::Duration;
use tokio::time::Instant;

/// A slot is made once every transaction that was open before has ended. After this long we say for whom we wait.
const PATIENCE: Duration = Duration::from_secs(3);
const ASK_EVERY: Duration = Duration::from_secs(5);
/// After this long we give up.
const TIME_LIMIT: Duration = Duration::from_secs(600);

/// The slot's snapshot lives as long as this connection is open and idle.
pub(crate) struct NewSlot {
    pub(crate) snapshot: String,
    pub(crate) _exporting: Connection,
}

pub(crate) async fn make(db: &Db, link: &Link) -> Result<NewSlot, Failure> {
    let cx = &db.cx;
    let object = object(&link.names, ObjectKind::Slot, &db.name);
    let session = cx.source_session(&db.name).await?;
    let there = db.guarded(session.canceller(), slots(&session, &object.name)).await?;
    if there.iter().any(|slot| slot.name == object.name) {
        return Err(Failure::refused(format!("the source has a replication slot {} already", object.name))
            .advise("another migration of this name may be under way; choose another --migration-id"));
    }
    let version = cx.source_facts.version;
    let from = settings(Side::Source, version);
    let connecting = cx.source.connect_replication(&db.name, &from);
    let mut exporting = opened(&db.cancel, connecting).await?;
    let (pid, canceller) = (exporting.server_pid(), exporting.canceller());
    cx.emit.record(Event::Making { object: object.clone() });
    let doing = cx.board.doing(&db.name, "making the replication slot", None);
    doing.by(Side::Source, pid);
    let made = {
        let making =
            exporting.create_logical_slot(&object.name, SlotLife::Permanent, SlotSnapshot::Exported, version);
        tokio::pin!(making);
        let deadline = Instant::now() + TIME_LIMIT;
        let mut next_look = PATIENCE;
        let mut said = false;
        loop {
            tokio::select! {
                biased;
                () = db.cancel.cancelled() => {
                    drop(canceller.cancel().await);
                    return Err(Failure::interrupted());
                }
                made = &mut making => break made,
                () = tokio::time::sleep(next_look) => {
                    next_look = ASK_EVERY;
                    let asking = blockers(&session, pid.unwrap_or_default());
                    let who = db.guarded(session.canceller(), asking).await.unwrap_or_default();
                    if Instant::now() > deadline {
                        drop(canceller.cancel().await);
                        return Err(Failure::new(FailureKind::Server, format!(
                            "the replication slot waited {} minutes for transactions on the source: {}",
                            TIME_LIMIT.as_secs() / 60, names(&who)
                        )).advise("end those transactions, and start again"));
                    }
                    if !said && !who.is_empty() {
                        said = true;
                        let title = "the replication slot waits for transactions on the source that were open before";
                        db.finding(Finding::warning("waiting", title).because(names(&who)));
                    }
                }
            }
        }
    };
    drop(doing);
    match made {
        Ok(slot) => {
            cx.emit.record(Event::Made { object });
            let snapshot = slot
                .snapshot
                .ok_or_else(|| Failure::new(FailureKind::Server, "the slot came without a snapshot"))?;
            Ok(NewSlot { snapshot, _exporting: exporting })
        }
        Err(error) if error.sqlstate.as_deref() == Some("42710") => {
            cx.emit.record(Event::NotOurs { object });
            Err(Failure::from(error))
        }
        Err(error) => Err(Failure::from(error).while_doing("making the replication slot on the source")),
    }
}

/// Lets go of it again, because its snapshot is not what is to be copied.
pub(crate) async fn discard(db: &Db, link: &Link) -> Result<(), Failure> {
    let object = object(&link.names, ObjectKind::Slot, &db.name);
    let session = db.cx.source_session(&db.name).await?;
    let there = db.guarded(session.canceller(), slots(&session, &object.name)).await?;
    if there.iter().any(|slot| slot.name == object.name) {
        execute(&db.cancel, &session, &drop_slot(&object.name)).await?;
    }
    db.cx.emit.record(Event::Removed { object });
    Ok(())
}

/// Who others are, so that the operator can do something about them.
pub(crate) fn names(others: &[Other]) -> String {
    if others.is_empty() {
        return "nobody that we can see".to_owned();
    }
    let one = |o: &Other| {
        let age = o.transaction_age_s.map(|s| format!(", for {s} s")).unwrap_or_default();
        format!(
            "pid {} (user {}, application {:?}, {}{age}): {}",
            o.pid.map_or_else(|| "?".to_owned(), |pid| pid.to_string()),
            readable(&o.user),
            o.application,
            printable(&o.state),
            printable(&redact(&o.query))
        )
    };
    others.iter().take(5).map(one).collect::<Vec<_>>().join("; ")
}
