//! The locks that make a snapshot hold, and who is in the way of them.

use super::{Attempt, Snapshot};
use crate::engine::context::execute;
use crate::engine::database::Db;
use crate::model::failure::{Failure, FailureKind};
use crate::model::units::{count_of, printable, readable};
use crate::pg::connect::Session;
use crate::pg::facts::tables::{self, TableFacts};
use crate::pg::statement::data::lock_access_share;
use crate::pg::tools::redact;

/// SQLSTATE out_of_memory: among others, no room for more locks (max_locks_per_transaction).
pub(in crate::engine::phases) const OUT_OF_MEMORY: &str = "53200";
/// SQLSTATE lock_not_available.
pub(crate) const LOCK_NOT_AVAILABLE: &str = "55P03";
/// How long a lock is waited for, in seconds, in each attempt.
pub(super) const LOCK_TIMEOUT_S: u32 = 20;
/// The same for the spare, which waits for somebody who waits for the holder, if at all.
const SPARE_LOCK_TIMEOUT_S: u32 = 1;
/// Tables in one LOCK statement.
const LOCK_BATCH: usize = 500;

pub(super) async fn lock(db: &Db, holder: &Session, tables: &[TableFacts]) -> Result<(), Attempt> {
    for batch in tables.chunks(LOCK_BATCH) {
        let names: Vec<_> = batch.iter().map(|t| &t.name).collect();
        let result = execute(&db.cancel, holder, &lock_access_share(&names)).await;
        let Err(failure) = result else { continue };
        return Err(match failure.sqlstate.as_deref() {
            // Dropped or renamed since the snapshot.
            Some("42P01" | "3F000") => {
                Attempt::Changed(failure.while_doing("the schema changed on the source"))
            }
            Some(LOCK_NOT_AVAILABLE) => Attempt::Blocked(blocked(db, batch, LOCK_TIMEOUT_S).await),
            Some(OUT_OF_MEMORY) => Attempt::Over(
                failure
                    .while_doing(format!("locking {} for reading", count_of(tables.len() as u64, "table")))
                    .advise("raise max_locks_per_transaction on the source and restart it"),
            ),
            _ => Attempt::Over(failure.while_doing("locking the tables for reading")),
        });
    }
    Ok(())
}

/// Opens the spare and gives it the holder's locks.
///
/// # Errors
/// With [`LOCK_NOT_AVAILABLE`] where somebody waits for the holder: then all must be let go of.
pub(crate) async fn open_spare(db: &Db, snapshot: &Snapshot) -> Result<(), Failure> {
    let mut reader = db.reader(&snapshot.id).await?;
    let canceller = reader.canceller();
    for batch in snapshot.tables.chunks(LOCK_BATCH) {
        let names: Vec<_> = batch.iter().map(|t| &t.name).collect();
        let sql = format!(
            "SET LOCAL lock_timeout = '{SPARE_LOCK_TIMEOUT_S}s'; {}; SET LOCAL lock_timeout = 0",
            lock_access_share(&names)
        );
        let Err(failure) = db.guarded(canceller.clone(), reader.command(&sql)).await else { continue };
        return match failure.sqlstate.as_deref() {
            Some(LOCK_NOT_AVAILABLE) => {
                let blocked = blocked(db, batch, SPARE_LOCK_TIMEOUT_S).await;
                Err(Failure { sqlstate: failure.sqlstate, ..blocked })
            }
            // The server's table of locks is too small for twice as many: without a spare, then.
            Some(OUT_OF_MEMORY) => Ok(()),
            _ => Err(failure.while_doing("locking the tables for reading")),
        };
    }
    *snapshot.spare.0.lock().await = Some(reader);
    Ok(())
}

/// Says who keeps us from reading. An empty batch means any table.
async fn blocked(db: &Db, batch: &[TableFacts], timeout_s: u32) -> Failure {
    let oids: Vec<_> = batch.iter().map(|t| t.oid).collect();
    let holders = match db.cx.source_session(&db.name).await {
        Ok(session) => db.guarded(session.canceller(), tables::lock_holders(&session, &oids)).await,
        Err(failure) => Err(failure),
    };
    let who = match holders {
        Ok(holders) if !holders.is_empty() => holders
            .iter()
            .map(|h| {
                // Somebody else's statement may hold a password.
                let query = printable(&redact(&h.query));
                format!(
                    "pid {} (user {}, application {:?}, {}): {query}",
                    h.pid,
                    readable(&h.user),
                    h.application,
                    printable(&h.state)
                )
            })
            .collect::<Vec<_>>()
            .join("; "),
        _ => "a session that is gone by now".to_owned(),
    };
    Failure::new(
        FailureKind::Server,
        format!(
            "tables on the source are locked exclusively, or about to be, for more than {timeout_s} s: {who}"
        ),
    )
}

/// Holds what the snapshot says of each table against what is true now that nobody can change it any more.
pub(super) async fn compare(db: &Db, holder: &Session, tables: &[TableFacts]) -> Result<(), Attempt> {
    let oids: Vec<_> = tables.iter().map(|t| t.oid).collect();
    let (then, now) =
        tokio::try_join!(db.guarded(holder.canceller(), tables::fingerprints(holder, &oids)), async {
            let session = db.cx.source_session(&db.name).await?;
            db.guarded(session.canceller(), tables::fingerprints(&session, &oids)).await
        })?;
    let changed: Vec<_> =
        tables.iter().filter(|t| then.get(&t.oid) != now.get(&t.oid)).map(|t| t.name.to_string()).collect();
    if changed.is_empty() {
        return Ok(());
    }
    let what = format!(
        "{} changed on the source between the snapshot and the lock: {}",
        count_of(changed.len() as u64, "table"),
        changed.iter().take(5).cloned().collect::<Vec<_>>().join(", ")
    );
    Err(Attempt::Changed(Failure::new(FailureKind::Server, what)))
}
