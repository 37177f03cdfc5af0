//! Publications, slots and subscriptions that exist: ours by the beginning of their names, or all of them.

use super::{amount, get, lsn, rows};
use crate::model::units::{Lsn, TableName};
use crate::pg::connect::Session;
use crate::pg::error::Error;
use std::collections::BTreeMap;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicationFacts {
    pub name: String,
    pub database: String,
    pub owner: String,
    /// We may drop it.
    pub owned: bool,
    pub all_tables: bool,
    /// How many tables it lists by name.
    pub tables: u64,
}

/// Publications of the session's database. `prefix`: what their names begin with; empty for all.
///
/// # Errors
/// When the server does not answer.
pub async fn publications(session: &Session, prefix: &str) -> Result<Vec<PublicationFacts>, Error> {
    let sql = include_str!("../../../../assets/sql/replication_publications.sql");
    rows(session, sql, &[&prefix], |r| {
        Ok(PublicationFacts {
            name: get(r, "name")?,
            database: get(r, "database")?,
            owner: get(r, "owner")?,
            owned: get(r, "owned")?,
            all_tables: get(r, "all_tables")?,
            tables: amount(r, "tables")?.unwrap_or(0),
        })
    })
    .await
}

/// A replication slot. Slots have no owner: whoever has REPLICATION may drop them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlotFacts {
    pub name: String,
    /// Absent for physical replication.
    pub database: Option<String>,
    pub plugin: Option<String>,
    pub temporary: bool,
    pub active: bool,
    /// The walsender that reads from it.
    pub active_pid: Option<i32>,
    pub restart_lsn: Option<Lsn>,
    pub confirmed_flush_lsn: Option<Lsn>,
    pub health: SlotHealth,
    /// Log that the server keeps for it; absent where it keeps nothing (any more).
    pub retained_bytes: Option<u64>,
}

/// Whether a slot can still deliver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlotHealth {
    /// `reserved`, `extended`, `unreserved` or `lost`; absent before 13.
    pub wal_status: Option<String>,
    /// What may still be written before log is taken away; absent without a limit, and before 13.
    pub safe_wal_bytes: Option<u64>,
    /// From 17 on, where the server has given it up: `wal_removed`, `rows_removed`, `wal_level_insufficient`,
    /// `idle_timeout`.
    pub invalidation_reason: Option<String>,
}

impl SlotHealth {
    pub(super) fn read(row: &tokio_postgres::Row) -> Result<Self, Error> {
        Ok(Self {
            wal_status: get(row, "wal_status")?,
            safe_wal_bytes: amount(row, "safe_wal_bytes")?,
            invalidation_reason: get(row, "invalidation_reason")?,
        })
    }

    /// It will never deliver again: everything has to be copied anew.
    pub fn is_lost(&self) -> bool {
        self.wal_status.as_deref() == Some("lost") || self.invalidation_reason.is_some()
    }
}

/// Slots of the whole server. `prefix`: what their names begin with; empty for all.
///
/// # Errors
/// When the server does not answer.
pub async fn slots(session: &Session, prefix: &str) -> Result<Vec<SlotFacts>, Error> {
    let sql = include_str!("../../../../assets/sql/replication_slots.sql");
    rows(session, sql, &[&prefix], |r| {
        Ok(SlotFacts {
            name: get(r, "name")?,
            database: get(r, "database")?,
            plugin: get(r, "plugin")?,
            temporary: get(r, "temporary")?,
            active: get(r, "active")?,
            active_pid: get(r, "active_pid")?,
            restart_lsn: lsn(r, "restart_lsn")?,
            confirmed_flush_lsn: lsn(r, "confirmed_flush_lsn")?,
            health: SlotHealth::read(r)?,
            retained_bytes: amount(r, "retained_bytes")?,
        })
    })
    .await
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubscriptionFacts {
    pub name: String,
    pub database: String,
    pub owner: String,
    /// We may alter and drop it, from a session in its database.
    pub owned: bool,
    pub enabled: bool,
    /// Absent where it has let go of its slot: dropping it leaves the source alone then.
    pub slot: Option<String>,
    pub publications: Vec<String>,
    /// The process that applies changes, where one runs.
    pub worker: Option<ApplyWorker>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ApplyWorker {
    pub pid: i32,
    /// Places in the *source's* log. Absent while the worker has received nothing.
    pub received_lsn: Option<Lsn>,
    /// Up to where it has told the source that everything is safe.
    pub latest_end_lsn: Option<Lsn>,
    /// How long ago that was said.
    pub latest_end_age_ms: Option<u64>,
}

/// Subscriptions of the whole server. `prefix`: what their names begin with; empty for all.
///
/// # Errors
/// When the server does not answer.
pub async fn subscriptions(session: &Session, prefix: &str) -> Result<Vec<SubscriptionFacts>, Error> {
    let sql = include_str!("../../../../assets/sql/replication_subscriptions.sql");
    rows(session, sql, &[&prefix], |r| {
        let worker = match get::<Option<i32>>(r, "worker_pid")? {
            None => None,
            Some(pid) => Some(ApplyWorker {
                pid,
                received_lsn: lsn(r, "received_lsn")?,
                latest_end_lsn: lsn(r, "latest_end_lsn")?,
                latest_end_age_ms: amount(r, "latest_end_age_ms")?,
            }),
        };
        Ok(SubscriptionFacts {
            name: get(r, "name")?,
            database: get(r, "database")?,
            owner: get(r, "owner")?,
            owned: get(r, "owned")?,
            enabled: get(r, "enabled")?,
            slot: get(r, "slot")?,
            publications: get(r, "publications")?,
            worker,
        })
    })
    .await
}

/// How a table stands in a subscription.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TableState {
    ToCopy,
    Copying,
    Copied,
    CatchingUp,
    Ready,
    /// A state that we do not know: not ready.
    Unknown,
}

impl TableState {
    fn read(letter: &str) -> Self {
        match letter {
            "i" => TableState::ToCopy,
            "d" => TableState::Copying,
            "f" => TableState::Copied,
            "s" => TableState::CatchingUp,
            "r" => TableState::Ready,
            _ => TableState::Unknown,
        }
    }
}

/// How many tables of a subscription of the session's database are in which state; empty where there is none.
///
/// # Errors
/// When the server does not answer.
pub async fn table_states(session: &Session, subscription: &str) -> Result<BTreeMap<TableState, u64>, Error> {
    let sql = include_str!("../../../../assets/sql/subscription_states.sql");
    let found = rows(session, sql, &[&subscription], |r| {
        Ok((TableState::read(get(r, "state")?), amount(r, "tables")?.unwrap_or(0)))
    })
    .await?;
    let mut states = BTreeMap::new();
    for (state, tables) in found {
        *states.entry(state).or_insert(0) += tables;
    }
    Ok(states)
}

/// The same table by table.
///
/// # Errors
/// When the server does not answer.
pub async fn subscribed_tables(
    session: &Session,
    subscription: &str,
) -> Result<Vec<(TableName, TableState)>, Error> {
    let sql = include_str!("../../../../assets/sql/subscription_tables.sql");
    rows(session, sql, &[&subscription], |r| {
        let name = TableName::new(get::<String>(r, "schema")?, get::<String>(r, "name")?);
        Ok((name, TableState::read(get(r, "state")?)))
    })
    .await
}

/// How often a subscription has failed: at a change, or because the connection to the source was lost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SubscriptionErrors {
    pub apply: u64,
    pub sync: u64,
}

/// `None` where the subscription has no statistics. Only from 15 on: older servers refuse the question.
///
/// # Errors
/// When the server does not answer.
pub async fn subscription_errors(
    session: &Session,
    subscription: &str,
) -> Result<Option<SubscriptionErrors>, Error> {
    let sql = include_str!("../../../../assets/sql/subscription_errors.sql");
    let mut found = rows(session, sql, &[&subscription], |r| {
        let count = |column| Ok::<_, Error>(amount(r, column)?.unwrap_or(0));
        Ok(SubscriptionErrors { apply: count("apply_errors")?, sync: count("sync_errors")? })
    })
    .await?;
    Ok(found.pop())
}
