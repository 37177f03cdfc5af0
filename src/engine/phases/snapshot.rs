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

mod locks;
mod report;

pub(crate) use locks::{LOCK_NOT_AVAILABLE, open_spare};
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
use crate::model::units::{Side, TableName, count_of};
use crate::pg::archive::Archive;
use crate::pg::connect::Session;
use crate::pg::error::{Error, ErrorKind};
use crate::pg::facts::objects::{self, LargeObjectFacts, SequenceFacts};
use crate::pg::facts::relations::{self, Reference};
use crate::pg::facts::replication::objects::publications;
use crate::pg::facts::replication::watch::schema_fingerprint;
use crate::pg::facts::tables::{self, Belongs, IndexFacts, TableFacts};
use crate::pg::statement::data::set_snapshot;
use crate::pg::tools::LeaveOut;
use crate::pg::wire::Connection;
use futures_util::FutureExt;
pub(super) use locks::OUT_OF_MEMORY;
use locks::{LOCK_TIMEOUT_S, compare, lock};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio_util::task::AbortOnDropHandle;

/// How often a change under our hands makes us start again before we give up.
const CHANGES: u32 = 20;
/// How often we wait for locks that we do not get.
const WAITS: u32 = 3;
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
    pub(crate) references: Vec<Reference>,
    /// Tables whose rows stay where they are, because the operator said so.
    pub(crate) left_out: Vec<TableName>,
    pub(crate) sequences: Vec<SequenceFacts>,
    pub(crate) materialized_views: Vec<(i64, TableName)>,
    pub(crate) large_objects: Vec<LargeObjectFacts>,
    beyond_dump: Vec<(String, String)>,
    /// What is left out of the definitions.
    pub(super) without: Vec<LeaveOut>,
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
        self.references = contents.references;
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
    let mut held = hold(db, Some((link, &slot.snapshot)), purpose).await;
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
async fn hold(db: &Arc<Db>, exported: Option<(&Link, &str)>, purpose: Purpose) -> Result<Snapshot, Attempt> {
    let holder = Arc::new(db.cx.source_session(&db.name).await?);
    let import = exported.map(|(_, id)| set_snapshot(id)).unwrap_or_default();
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
    let without = match exported {
        Some((link, _)) => without_our_publications(db, &holder, link).await?,
        None => Vec::new(),
    };
    let ahead = (purpose == Purpose::Everything).then(|| {
        let (db, id, without) = (Arc::clone(db), id.clone(), without.clone());
        AbortOnDropHandle::new(tokio::spawn(async move { read_archive(&db, &id, without).await }))
    });
    let (tables, left_out) = planned_tables(db, &holder).await?;
    let doing = db.cx.board.doing(&db.name, "locking the tables for reading", None);
    db.works(&doing, Side::Source, &holder).await?;
    match lock(db, &holder, &tables).await {
        Err(Attempt::Over(failure))
            if ahead.is_some() && failure.sqlstate.as_deref() == Some(OUT_OF_MEMORY) =>
        {
            return Err(Attempt::Crowded);
        }
        locked => locked?,
    }
    drop(doing);
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
        references: Vec::new(),
        left_out,
        sequences: Vec::new(),
        materialized_views: Vec::new(),
        large_objects: Vec::new(),
        beyond_dump: Vec::new(),
        without,
        ahead: std::sync::Mutex::new(ahead),
        holder,
        spare,
        watch,
    })
}

/// With 2,000 tables published pg_dump takes four times as long, only for us to leave that out.
async fn without_our_publications(db: &Db, holder: &Session, link: &Link) -> Result<Vec<LeaveOut>, Failure> {
    let there = db.guarded(holder.canceller(), publications(holder, "")).await?;
    let ours = link.publications();
    let all_ours = there.iter().all(|p| ours.contains(&p.name));
    Ok(if all_ours { vec![LeaveOut::Publications] } else { Vec::new() })
}

/// What there is beside the names of the tables. Asked while pg_dump reads the schema.
pub(crate) struct Contents {
    /// With their sizes, the largest first.
    tables: Vec<TableFacts>,
    indexes: Vec<IndexFacts>,
    references: Vec<Reference>,
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
            references: relations::references(&holder).await?,
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
