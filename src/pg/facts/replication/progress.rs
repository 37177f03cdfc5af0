//! How far replication is, seen from the source.

use super::objects::SlotHealth;
use super::{amount, get, lsn, rows};
use crate::model::units::Lsn;
use crate::pg::connect::Session;
use crate::pg::error::{Error, ErrorKind};

/// What the source knows of whoever reads from a slot. What is not known is absent, never zero.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// Up to where the source has written.
    pub position: Lsn,
    /// Everything before this has arrived and is safe on the target.
    pub confirmed_flush_lsn: Option<Lsn>,
    pub lag_bytes: Option<u64>,
    /// Log that the source keeps for the slot.
    pub retained_bytes: Option<u64>,
    pub active: bool,
    pub active_pid: Option<i32>,
    pub health: SlotHealth,
    /// Absent where nobody reads, and where our user may not see it.
    pub sender: Option<SenderFacts>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SenderFacts {
    /// `startup`, `catchup` or `streaming`.
    pub state: String,
    pub sent_lsn: Option<Lsn>,
    pub replay_lsn: Option<Lsn>,
    /// How late the target was with what it last confirmed as written, flushed, replayed; absent while nothing happens.
    pub write_lag_ms: Option<u64>,
    pub flush_lag_ms: Option<u64>,
    pub replay_lag_ms: Option<u64>,
}

/// `None` where the slot is gone.
///
/// # Errors
/// When the server does not answer.
pub async fn of_slot(session: &Session, slot: &str) -> Result<Option<Progress>, Error> {
    let sql = include_str!("../../../../assets/sql/replication_progress.sql");
    let mut found = rows(session, sql, &[&slot], |r| {
        let sender = match get::<Option<String>>(r, "sender_state")? {
            None => None,
            Some(state) => Some(SenderFacts {
                state,
                sent_lsn: lsn(r, "sent_lsn")?,
                replay_lsn: lsn(r, "replay_lsn")?,
                write_lag_ms: amount(r, "write_lag_ms")?,
                flush_lag_ms: amount(r, "flush_lag_ms")?,
                replay_lag_ms: amount(r, "replay_lag_ms")?,
            }),
        };
        Ok(Progress {
            position: lsn(r, "position")?.ok_or_else(nowhere)?,
            confirmed_flush_lsn: lsn(r, "confirmed_flush_lsn")?,
            lag_bytes: amount(r, "lag_bytes")?,
            retained_bytes: amount(r, "retained_bytes")?,
            active: get(r, "active")?,
            active_pid: get(r, "active_pid")?,
            health: SlotHealth::read(r)?,
            sender,
        })
    })
    .await?;
    Ok(found.pop())
}

/// Up to where the server has written its log (a standby: replayed it). What was committed before this was asked lies
/// before it, also where the commit did not wait for the disk.
///
/// # Errors
/// When the server does not answer.
pub async fn position(session: &Session) -> Result<Lsn, Error> {
    let sql = include_str!("../../../../assets/sql/wal_position.sql");
    rows(session, sql, &[], |r| lsn(r, "position")).await?.pop().flatten().ok_or_else(nowhere)
}

fn nowhere() -> Error {
    Error::new(ErrorKind::Protocol, "the server does not say where its log ends")
}
