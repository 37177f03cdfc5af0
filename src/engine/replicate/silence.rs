//! That nobody writes on the source while both sides are held against each other: by locks, or, where our user may not
//! lock the tables, by looking twice.

use super::slot;
use crate::engine::context::execute;
use crate::engine::database::Db;
use crate::engine::phases::snapshot;
use crate::model::check::Finding;
use crate::model::failure::Failure;
use crate::model::units::TableName;
use crate::pg::connect::Session;
use crate::pg::facts::replication::watch::{Other, rows_changed, waiting_behind, writers};
use crate::pg::facts::tables::{Belongs, gather};
use crate::pg::statement::replication::{NamedTable, OWN_PID, TableForm, lock_against_writes, lock_timeout};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::Instant;

/// Whoever writes now holds its lock for as long as its transaction takes.
const LOCK_WAIT_MS: u32 = 10_000;
/// What a server says to whom it does not allow a lock.
const NOT_PERMITTED: &str = "42501";
/// Between two looks: a session tells what it has changed up to ten seconds later.
const BETWEEN_LOOKS: Duration = Duration::from_secs(11);

/// How long nobody has written.
pub(super) enum Silence {
    /// This session keeps the source's tables from being written to, as long as it lives.
    Locked {
        session: Box<Session>,
        pid: i32,
    },
    Watched {
        changed: i64,
        since: Instant,
    },
}

impl Silence {
    /// # Errors
    /// Who writes.
    pub(super) async fn keep(db: &Db, source: &Session) -> Result<Silence, Failure> {
        let scope = &db.cx.plan.scope.tables;
        // The plain ones, unlogged ones among them, and the tops of partition trees, with which their partitions are
        // locked.
        let plain = db.guarded(source.canceller(), gather(source)).await?;
        let mut wanted: BTreeMap<TableName, TableForm> = BTreeMap::new();
        for table in
            plain.iter().filter(|t| t.belongs == Belongs::User && scope.selects(&db.name, &t.names()))
        {
            match table.ancestors.last() {
                Some(top) => wanted.insert(top.clone(), TableForm::Partitioned),
                None => wanted.insert(table.name.clone(), TableForm::Plain),
            };
        }
        let tables: Vec<_> = wanted.iter().map(|(name, form)| NamedTable { name, form: *form }).collect();
        let session = db.cx.source_session(&db.name).await?;
        let mut sql = vec!["BEGIN".to_owned(), lock_timeout(LOCK_WAIT_MS)];
        sql.extend(lock_against_writes(&tables));
        match execute(&db.cancel, &session, &sql.join(";\n")).await {
            Ok(()) => {
                let row = db.guarded(session.canceller(), session.query_one(OWN_PID, &[])).await?;
                let pid = row.try_get(0).map_err(crate::pg::error::Error::from)?;
                Ok(Silence::Locked { session: Box::new(session), pid })
            }
            Err(failure) if failure.is_interruption() => Err(failure),
            Err(failure) if failure.sqlstate.as_deref() == Some(NOT_PERMITTED) => {
                watched(db, source, &failure).await
            }
            Err(failure) if failure.sqlstate.as_deref() == Some(snapshot::LOCK_NOT_AVAILABLE) => Err(
                written_to(&db.guarded(source.canceller(), writers(source, &[])).await.unwrap_or_default()),
            ),
            Err(failure) => Err(failure.while_doing("locking the source's tables against writes")),
        }
    }

    /// # Errors
    /// Who has written since, or waits to.
    pub(super) async fn lasts(&self, db: &Db) -> Result<(), Failure> {
        let watcher = db.cx.source_session(&db.name).await?;
        match self {
            Silence::Locked { session, pid } => {
                // It must have lasted to here.
                execute(&db.cancel, session, "SELECT").await?;
                // Whoever waits for our locks would write on the source the moment they are gone, and lose it.
                let waiting = db.guarded(watcher.canceller(), waiting_behind(&watcher, *pid)).await?;
                if waiting.is_empty() { Ok(()) } else { Err(written_to(&waiting)) }
            }
            Silence::Watched { changed, since } => {
                tokio::select! {
                    () = db.cancel.cancelled() => return Err(Failure::interrupted()),
                    () = tokio::time::sleep_until(*since + BETWEEN_LOOKS) => {}
                }
                let now = db.guarded(watcher.canceller(), rows_changed(&watcher)).await?;
                let who = db.guarded(watcher.canceller(), writers(&watcher, &[])).await?;
                if now == *changed && who.is_empty() { Ok(()) } else { Err(written_to(&who)) }
            }
        }
    }
}

async fn watched(db: &Db, source: &Session, refused: &Failure) -> Result<Silence, Failure> {
    let title =
        "the source's tables cannot be locked by this user: whether they are written to is looked at twice";
    db.finding(Finding::info("not-locked", title).because(refused.what.clone()));
    let changed = db.guarded(source.canceller(), rows_changed(source)).await?;
    let who = db.guarded(source.canceller(), writers(source, &[])).await?;
    if !who.is_empty() {
        return Err(written_to(&who));
    }
    Ok(Silence::Watched { changed, since: Instant::now() })
}

fn written_to(by: &[Other]) -> Failure {
    Failure::refused(format!("the source is still written to: {}", slot::names(by)))
        .advise("stop the applications that write to the source, and finish again")
}
