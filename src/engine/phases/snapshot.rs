//! One exported snapshot for everything that is read from a database, and the locks that make it hold.
//!
//! An exported snapshot alone does not protect from a rewrite: after ALTER TABLE … TYPE, TRUNCATE or CLUSTER on the
//! source, a COPY under the older snapshot returns no rows or the wrong ones, and "rows out = rows in" still passes. So
//! the session that exports the snapshot also holds ACCESS SHARE on every planned table until the last COPY has ended;
//! and because a change may have slipped in between the snapshot and the lock, storage and definition of each table are
//! compared afterwards. A difference throws the snapshot away and starts again.
//!
//! Whoever asks for an exclusive lock meanwhile waits for that session, and everybody who comes after him waits for
//! him: a COPY of ours too, which would be for ever. So a second session, the *spare*, holds the same locks and can
//! read any table without waiting; a table that cannot be locked at once is read by it.

mod report;

pub(crate) use report::{report_beyond_dump, report_left_out};

use crate::engine::context::execute;
use crate::engine::database::Db;
use crate::engine::phases::schema::read_archive;
use crate::engine::replicate::publish::{Link, take_along};
use crate::engine::replicate::slot;
use crate::model::check::Finding;
use crate::model::event::Event;
use crate::model::failure::{Failure, FailureKind};
use crate::model::plan::ExtensionTables;
use crate::model::units::{TableName, count_of, printable, readable};
use crate::pg::archive::Archive;
use crate::pg::connect::Session;
use crate::pg::error::{Error, ErrorKind};
use crate::pg::facts::objects::{self, LargeObjectFacts, SequenceFacts};
use crate::pg::facts::replication::watch::schema_fingerprint;
use crate::pg::facts::tables::{self, Belongs, IndexFacts, TableFacts};
use crate::pg::statement::data::{lock_access_share, set_snapshot};
use crate::pg::tools::redact;
use crate::pg::wire::Connection;
use futures_util::FutureExt;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio_util::task::AbortOnDropHandle;

/// SQLSTATE out_of_memory: among others, no room for more locks (max_locks_per_transaction).
const OUT_OF_MEMORY: &str = "53200";
/// SQLSTATE lock_not_available.
pub(crate) const LOCK_NOT_AVAILABLE: &str = "55P03";
/// How often a change under our hands makes us start again before we give up.
const CHANGES: u32 = 20;
/// How often we wait for locks that we do not get.
const WAITS: u32 = 3;
/// How long a lock is waited for, in seconds, in each attempt.
const LOCK_TIMEOUT_S: u32 = 20;
/// The same for the spare, which waits for somebody who waits for the holder, if at all.
const SPARE_LOCK_TIMEOUT_S: u32 = 1;
/// Tables in one LOCK statement.
const LOCK_BATCH: usize = 500;
/// The holder is asked something this often, so that no firewall takes it for dead, and its death is noticed.
const KEEPALIVE: Duration = Duration::from_secs(20);

/// How long the answer may take.
const KEEPALIVE_ANSWER: Duration = Duration::from_secs(60);

/// What a database's migration reads, all of the same moment.
#[derive(Debug)]
pub(crate) struct Snapshot {
    /// The name that other sessions import it by.
    pub(crate) id: String,
    pub(crate) tables: Vec<TableFacts>,
    pub(crate) indexes: Vec<IndexFacts>,
    /// Tables whose rows stay where they are, because the operator said so.
    pub(crate) left_out: Vec<TableName>,
    pub(crate) sequences: Vec<SequenceFacts>,
    pub(crate) materialized_views: Vec<(i64, TableName)>,
    pub(crate) large_objects: Vec<LargeObjectFacts>,
    beyond_dump: Vec<(String, String)>,
    /// The definitions, on their way since before the locks.
    ahead: std::sync::Mutex<Option<Reading>>,
    holder: std::sync::Mutex<Option<Arc<Session>>>,
    /// Absent while a table is read by it.
    pub(crate) spare: Spare,
    watch: std::sync::Mutex<JoinHandle<()>>,
}

type Reading = AbortOnDropHandle<Result<Archive, Failure>>;

/// A session inside of the snapshot that has all tables locked.
#[derive(Clone, Default)]
pub(crate) struct Spare(pub(crate) Arc<tokio::sync::Mutex<Option<Connection>>>);

impl std::fmt::Debug for Spare {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Spare")
    }
}

impl Drop for Snapshot {
    fn drop(&mut self) {
        self.unwatch();
    }
}

impl Snapshot {
    /// Ends the snapshot and lets go of the locks. To be called once everything has been read.
    pub(crate) fn release(&self) {
        self.unwatch();
        drop(self.holder.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take());
        // All rows are read or given up: nobody works with it.
        if let Ok(mut spare) = self.spare.0.try_lock() {
            drop(spare.take());
        }
    }

    fn unwatch(&self) {
        self.watch.lock().unwrap_or_else(std::sync::PoisonError::into_inner).abort();
    }

    /// Its death is from here on told to another attempt at the same database.
    pub(crate) fn watched_by(&self, db: &Arc<Db>) {
        let Ok(holder) = self.holder() else { return };
        let fresh = tokio::spawn(watch(Arc::clone(db), holder, self.spare.clone()));
        let mut watch = self.watch.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        std::mem::replace(&mut *watch, fresh).abort();
    }

    /// Whether the session that holds it is there.
    pub(crate) fn is_held(&self) -> bool {
        self.holder().is_ok_and(|holder| holder.closed().now_or_never().is_none())
    }

    /// Takes in what is in it, and says how much that is.
    pub(crate) fn fill(&mut self, db: &Db, contents: Contents) {
        let bytes = contents.tables.iter().map(|t| t.size_bytes).sum();
        let rows_estimate = contents.tables.iter().map(|t| t.rows_estimate).sum();
        let count = contents.tables.len() as u64;
        db.cx.emit.record(Event::SnapshotTaken { database: db.name.clone(), tables: count, bytes });
        db.cx.board.change(&db.name, |g| {
            g.tables_total = count;
            g.bytes_total = bytes;
            g.rows_estimate = rows_estimate;
        });
        self.tables = contents.tables;
        self.indexes = contents.indexes;
        self.sequences = contents.sequences;
        self.materialized_views = contents.materialized_views;
        self.large_objects = contents.large_objects;
        self.beyond_dump = contents.beyond_dump;
    }

    /// pg_dump's archive, if it was begun with the snapshot and went well: what went wrong may have been for want of
    /// the locks that are there now.
    pub(crate) async fn read_ahead(&self) -> Option<Archive> {
        let ahead = self.ahead.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        match ahead?.await.ok()? {
            Ok(archive) => Some(archive),
            Err(failure) => {
                tracing::info!("pg_dump is run again: {failure}");
                None
            }
        }
    }

    /// The session that holds the snapshot, for questions under it.
    pub(crate) fn holder(&self) -> Result<Arc<Session>, Failure> {
        let holder = self.holder.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        holder
            .clone()
            .ok_or_else(|| Failure::new(FailureKind::ConnectionLost, "the snapshot was released already"))
    }
}

/// What is read under a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Everything, with pg_dump begun ahead of our own locks: it takes its own.
    Everything,
    /// The same, one after the other, where the server has no room for both.
    InTurn,
    /// The definitions are there already.
    Rows,
}

/// Takes the snapshot, locks the tables and makes sure that they are what the snapshot saw.
///
/// With a link, it is the one of a new slot, which delivers everything since.
pub(crate) async fn take(
    db: &Arc<Db>,
    link: Option<&Link>,
    mut purpose: Purpose,
) -> Result<Snapshot, Failure> {
    let mut attempts = [0; 2];
    loop {
        let (failure, kind, most) = match attempt_once(db, link, purpose).await {
            Ok(snapshot) => return Ok(snapshot),
            Err(Attempt::Crowded) => {
                purpose = Purpose::InTurn;
                continue;
            }
            Err(Attempt::Over(failure)) => return Err(failure),
            Err(Attempt::Changed(failure)) => (failure, 0, CHANGES),
            Err(Attempt::Blocked(failure)) => (failure, 1, WAITS),
        };
        attempts[kind] += 1;
        tracing::info!(database = db.name, ?attempts, "snapshot taken again: {failure}");
        if kind == 1 && attempts[kind] == 1 {
            // Said while it lasts: the operator can do something about it.
            let finding = Finding::warning("blocked", "waiting for locks on the source's tables");
            db.finding(finding.because(failure.what.clone()));
        }
        if attempts[kind] >= most {
            return Err(failure.advise(
                "keep schema changes and maintenance away from the source while it is migrated, and start again",
            ));
        }
        // Out of step with whoever changes tables again and again.
        let pause = Duration::from_millis(u64::from(attempts[kind]) * 37);
        tokio::select! {
            () = db.cancel.cancelled() => return Err(Failure::interrupted()),
            () = tokio::time::sleep(pause) => {}
        }
    }
}

enum Attempt {
    /// Under our hands, which costs next to nothing.
    Changed(Failure),
    /// For as long as we wait for a lock, others wait behind us.
    Blocked(Failure),
    /// The server has no room for the locks of pg_dump beside ours.
    Crowded,
    Over(Failure),
}

impl<E: Into<Failure>> From<E> for Attempt {
    fn from(error: E) -> Self {
        Attempt::Over(error.into())
    }
}

async fn attempt_once(db: &Arc<Db>, link: Option<&Link>, purpose: Purpose) -> Result<Snapshot, Attempt> {
    let Some(link) = link else { return hold(db, None, purpose).await };
    let slot = slot::make(db, link).await?;
    let mut held = hold(db, Some(&slot.snapshot), purpose).await;
    drop(slot);
    if held.is_ok() {
        // The slot may have waited for the very transaction that made a table: the snapshot has it, the list has not.
        let new = take_along(db, link).await?;
        if new > 0 {
            let what = format!("{} came while the replication slot was made", count_of(new as u64, "table"));
            held = Err(Attempt::Changed(Failure::refused(what)));
        }
    }
    // Where it is taken again the slot has to begin with that one.
    if let Err(Attempt::Changed(_) | Attempt::Blocked(_) | Attempt::Crowded) = &held {
        slot::discard(db, link).await?;
    }
    held
}

/// A snapshot of this moment with what it holds, for what is copied again.
pub(crate) async fn hold_for_copy(db: &Arc<Db>) -> Result<Snapshot, Failure> {
    let mut snapshot = take(db, None, Purpose::Rows).await?;
    let contents = contents(db, &snapshot).await?;
    snapshot.fill(db, contents);
    Ok(snapshot)
}

/// Locks the tables as a snapshot sees them: its own, or one that was exported.
async fn hold(db: &Arc<Db>, exported: Option<&str>, purpose: Purpose) -> Result<Snapshot, Attempt> {
    let holder = Arc::new(db.cx.source_session(&db.name).await?);
    let import = exported.map(set_snapshot).unwrap_or_default();
    execute(
        &db.cancel,
        &holder,
        &format!(
            "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY; {import} SET LOCAL lock_timeout = '{LOCK_TIMEOUT_S}s'"
        ),
    )
    .await?;
    let ask = "SELECT pg_catalog.pg_export_snapshot()::text";
    let row = db.guarded(holder.canceller(), holder.query_one(ask, &[])).await?;
    let id: String = row.try_get(0).map_err(crate::pg::error::Error::from)?;
    let ahead = (purpose == Purpose::Everything).then(|| {
        let (db, id) = (Arc::clone(db), id.clone());
        AbortOnDropHandle::new(tokio::spawn(async move { read_archive(&db, &id).await }))
    });
    let (tables, left_out) = planned_tables(db, &holder).await?;
    match lock(db, &holder, &tables).await {
        Err(Attempt::Over(failure))
            if ahead.is_some() && failure.sqlstate.as_deref() == Some(OUT_OF_MEMORY) =>
        {
            return Err(Attempt::Crowded);
        }
        locked => locked?,
    }
    compare(db, &holder, &tables).await?;
    execute(&db.cancel, &holder, "SET LOCAL lock_timeout = 0").await?;
    if exported.is_some() {
        let seen = db.guarded(holder.canceller(), schema_fingerprint(&holder)).await?;
        db.cx.emit.record(Event::SchemaSeen { database: db.name.clone(), fingerprint: seen.hash });
    }
    let spare = Spare::default();
    let watch = tokio::spawn(watch(Arc::clone(db), Arc::clone(&holder), spare.clone()));
    let watch = std::sync::Mutex::new(watch);
    let holder = std::sync::Mutex::new(Some(holder));
    Ok(Snapshot {
        id,
        tables,
        indexes: Vec::new(),
        left_out,
        sequences: Vec::new(),
        materialized_views: Vec::new(),
        large_objects: Vec::new(),
        beyond_dump: Vec::new(),
        ahead: std::sync::Mutex::new(ahead),
        holder,
        spare,
        watch,
    })
}

/// What there is beside the names of the tables. Asked while pg_dump reads the schema.
pub(crate) struct Contents {
    /// With their sizes, the largest first.
    tables: Vec<TableFacts>,
    indexes: Vec<IndexFacts>,
    sequences: Vec<SequenceFacts>,
    materialized_views: Vec<(i64, TableName)>,
    large_objects: Vec<LargeObjectFacts>,
    beyond_dump: Vec<(String, String)>,
}

pub(crate) async fn contents(db: &Db, snapshot: &Snapshot) -> Result<Contents, Failure> {
    let holder = snapshot.holder()?;
    let mut tables = snapshot.tables.clone();
    let asking = async {
        tables::measure(&holder, &mut tables).await?;
        Ok(Contents {
            indexes: tables::indexes(&holder, &tables).await?,
            sequences: objects::sequences(&holder).await?,
            materialized_views: objects::materialized_views(&holder).await?,
            large_objects: objects::large_objects(&holder).await?,
            beyond_dump: objects::beyond_dump(&holder).await?,
            tables,
        })
    };
    db.guarded(holder.canceller(), asking).await
}

async fn planned_tables(db: &Db, holder: &Session) -> Result<(Vec<TableFacts>, Vec<TableName>), Failure> {
    let scope = &db.cx.plan.scope;
    let mut left_out = Vec::new();
    let mut tables = db.guarded(holder.canceller(), tables::gather(holder)).await?;
    tables.retain(|table| {
        if let Belongs::Extension { name, .. } = &table.belongs
            && (scope.extension_tables == ExtensionTables::Leave || scope.excluded_extensions.contains(name))
        {
            return false;
        }
        let selected = scope.tables.selects(&db.name, &table.names());
        if !selected {
            left_out.push(table.name.clone());
        }
        selected
    });
    Ok((tables, left_out))
}

async fn lock(db: &Db, holder: &Session, tables: &[TableFacts]) -> Result<(), Attempt> {
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
async fn compare(db: &Db, holder: &Session, tables: &[TableFacts]) -> Result<(), Attempt> {
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

/// Keeps the holder alive; when it dies all the same, nothing that is read from then on is of the same moment.
async fn watch(db: Arc<Db>, holder: Arc<Session>, spare: Spare) {
    let lost = loop {
        tokio::select! {
            error = holder.closed() => break error,
            () = tokio::time::sleep(KEEPALIVE) => {
                match tokio::time::timeout(KEEPALIVE_ANSWER, holder.batch("SELECT")).await {
                    Ok(Ok(())) => {}
                    Ok(Err(error)) => break error,
                    Err(_) => break Error::new(ErrorKind::ConnectionLost, "the source does not answer any more"),
                }
                // While it is busy it needs no keeping alive; whether it lives is found out by whoever needs it.
                if let Ok(mut spare) = spare.0.try_lock() && let Some(reader) = spare.as_mut() {
                    drop(reader.command("SELECT").await);
                }
            }
        }
    };
    let failure = Failure::from(lost)
        .while_doing("the session that holds the snapshot on the source was lost")
        .advise("see the source's log for the reason; what was copied so far is not whole, start this database again");
    db.abort(Failure { kind: FailureKind::ConnectionLost, ..failure });
}
