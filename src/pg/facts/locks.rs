//! Whom processes of ours wait for.

use super::{get, rows};
use crate::model::units::TableName;
use crate::pg::connect::Session;
use crate::pg::error::Error;

/// A process that waits for a lock, and one of those whom it waits for. Texts are empty where our user may not see them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiter {
    pub waiting: i32,
    /// Of the lock, as the server calls it.
    pub mode: String,
    /// What is locked, where that is a relation of the session's database.
    pub on: Option<TableName>,
    /// Absent for a prepared transaction.
    pub pid: Option<i32>,
    pub user: String,
    pub application: String,
    pub state: String,
    /// How long its transaction has been open.
    pub transaction_age_s: Option<u64>,
}

/// Which of the processes wait for a lock; those that do not are left out.
///
/// # Errors
/// When the server does not answer.
pub async fn waiters(session: &Session, pids: &[i32]) -> Result<Vec<Waiter>, Error> {
    rows(session, include_str!("../../../assets/sql/lock_waiters.sql"), &[&pids], |r| {
        let name: Option<String> = get(r, "name")?;
        let schema: Option<String> = get(r, "schema")?;
        Ok(Waiter {
            waiting: get(r, "waiting")?,
            mode: get(r, "mode")?,
            on: schema.zip(name).map(|(schema, name)| TableName::new(schema, name)),
            pid: get::<Option<i32>>(r, "pid")?.filter(|pid| *pid != 0),
            user: get(r, "user_name")?,
            application: get(r, "application")?,
            state: get(r, "state")?,
            transaction_age_s: get::<Option<i64>>(r, "transaction_age_s")?
                .and_then(|s| u64::try_from(s).ok()),
        })
    })
    .await
}
