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
use crate::pg::facts::replication::watch::{
    LargeObjects, Other, Writes, large_object_writers, large_objects, waiting_behind, writers, writes,
};
use crate::pg::facts::tables::{Belongs, TableFacts, gather};
use crate::pg::statement::replication::{NamedTable, OWN_PID, TableForm, lock_against_writes, lock_timeout};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::Instant;

/// Whoever writes now holds its lock for as long as its transaction takes.
const LOCK_WAIT_MS: u32 = 10_000;
/// What a server says to whom it does not allow a lock.
const NOT_PERMITTED: &str = "42501";
const STOP_THEM: &str = "stop the applications that write to the source, and finish again";
const LOOKS_FOR_WRITERS: u32 = 40;
/// Between two looks: a session tells what it has changed up to ten seconds later.
const BETWEEN_LOOKS: Duration = Duration::from_secs(11);

/// That nobody has written since it began.
pub(super) struct Silence {
    how: How,
    before: Writes,
    /// As they were copied.
    copied: Option<LargeObjects>,
    /// When it was looked at last.
    since: Instant,
}

enum How {
    /// This session keeps the source's tables from being written to, as long as it lives.
    Locked {
        session: Box<Session>,
        pid: i32,
    },
    Watched,
}

/// Why nobody can be said not to write.
pub(super) enum Broken {
    /// They wait for our locks, and write as soon as those are given back.
    Waiting(Failure),
    /// It has been written, or that it was not is not proved.
    Written(Failure),
}

impl Broken {
    pub(super) fn into_failure(self) -> Failure {
        match self {
            Broken::Waiting(failure) | Broken::Written(failure) => failure,
        }
    }
}

impl<E: Into<Failure>> From<E> for Broken {
    fn from(error: E) -> Self {
        Broken::Written(error.into())
    }
}

impl Silence {
    /// # Errors
    /// Who writes.
    pub(super) async fn keep(db: &Db, source: &Session) -> Result<Silence, Failure> {
        let tables = tables(db, source).await?;
        let tables: Vec<_> = tables.iter().map(|(name, form)| NamedTable { name, form: *form }).collect();
        let session = db.cx.source_session(&db.name).await?;
        let mut sql = vec!["BEGIN".to_owned(), lock_timeout(LOCK_WAIT_MS)];
        sql.extend(lock_against_writes(&tables));
        let how = match execute(&db.cancel, &session, &sql.join(";\n")).await {
            Ok(()) => {
                let row = db.guarded(session.canceller(), session.query_one(OWN_PID, &[])).await?;
                let pid = row.try_get(0).map_err(crate::pg::error::Error::from)?;
                How::Locked { session: Box::new(session), pid }
            }
            Err(failure) if failure.is_interruption() => return Err(failure),
            Err(failure) if failure.sqlstate.as_deref() == Some(NOT_PERMITTED) => {
                let title = "the source's tables cannot be locked by this user: whether they are written to is looked at \
                             before and after";
                db.finding(Finding::info("not-locked", title).because(failure.what));
                How::Watched
            }
            Err(failure) if failure.sqlstate.as_deref() == Some(snapshot::LOCK_NOT_AVAILABLE) => {
                return Err(written_to(&who_writes(db, source).await));
            }
            Err(failure) => return Err(failure.while_doing("locking the source's tables against writes")),
        };
        let before = db.guarded(source.canceller(), writes(source)).await?;
        let silence = Silence { how, before, copied: None, since: Instant::now() };
        if matches!(silence.how, How::Watched) {
            if !before.counted {
                let what = "whether the source is written to cannot be known: its tables cannot be locked, and it does \
                            not count (track_counts)";
                return Err(
                    Failure::refused(what).advise("finish with a user that owns the tables, or a superuser")
                );
            }
            nobody(&db.guarded(source.canceller(), writers(source, &[])).await?)?;
        }
        Ok(silence)
    }

    /// Large objects cannot be locked: from now on they are to be as they were when they were copied.
    pub(super) fn large_objects_are(&mut self, db: &Db, copied: LargeObjects) {
        if !copied.tells_contents() {
            let title = "whether large objects of the source are written to while the connection is closed may be known ten \
                         seconds late";
            let why = "their pages cannot be read by this user, and sessions tell what they count only now and then";
            let fix = "make sure that nobody writes to them, or finish with a superuser or, from 14 on, a member of \
                       pg_read_all_data on the source";
            db.finding(Finding::warning("large-objects", title).because(why).fix(fix));
        }
        self.copied = Some(copied);
    }

    /// What is not open any more has been committed, and makes a difference: in this order.
    async fn large_objects_last(&self, db: &Db, watcher: &Session) -> Result<(), Broken> {
        let Some(copied) = &self.copied else { return Ok(()) };
        let writing = db.guarded(watcher.canceller(), large_object_writers(watcher)).await?;
        nobody(&writing).map_err(Broken::Waiting)?;
        let now = db.guarded(watcher.canceller(), large_objects(watcher)).await?;
        if now == *copied { Ok(()) } else { Err(large_objects_written().into()) }
    }

    /// # Errors
    /// Who has written since, or waits to.
    pub(super) async fn lasts(&mut self, db: &Db) -> Result<(), Broken> {
        let watcher = db.cx.source_session(&db.name).await?;
        match &self.how {
            How::Locked { session, pid } => {
                // It must have lasted to here.
                execute(&db.cancel, session, "SELECT").await?;
                self.large_objects_last(db, &watcher).await?;
                let counted = self.copied.as_ref().is_none_or(|copied| !copied.tells_contents());
                let now = db.guarded(watcher.canceller(), writes(&watcher)).await?;
                if counted && now.large_objects != self.before.large_objects {
                    return Err(large_objects_written().into());
                }
                // Whoever waits for our locks would write on the source the moment they are gone, and lose it.
                let waiting = db.guarded(watcher.canceller(), waiting_behind(&watcher, *pid)).await?;
                nobody(&waiting).map_err(Broken::Waiting)
            }
            How::Watched => {
                tokio::select! {
                    () = db.cancel.cancelled() => return Err(Failure::interrupted().into()),
                    () = tokio::time::sleep_until(self.since + BETWEEN_LOOKS) => {}
                }
                self.large_objects_last(db, &watcher).await?;
                let now = db.guarded(watcher.canceller(), writes(&watcher)).await?;
                self.since = Instant::now();
                let who = db.guarded(watcher.canceller(), writers(&watcher, &[])).await?;
                if now == self.before { Ok(nobody(&who)?) } else { Err(written_to(&who).into()) }
            }
        }
    }
}

/// The plain ones, unlogged ones among them, and the tops of partition trees, with which their partitions are locked; and
/// extensions' configuration tables where our user may lock everything.
async fn tables(db: &Db, source: &Session) -> Result<BTreeMap<TableName, TableForm>, Failure> {
    let scope = &db.cx.plan.scope.tables;
    let wanted = |table: &TableFacts| match table.belongs {
        Belongs::User => scope.selects(&db.name, &table.names()),
        Belongs::Extension { .. } => db.cx.source_facts.superuser,
    };
    let all = db.guarded(source.canceller(), gather(source)).await?;
    let named = all.into_iter().filter(wanted).map(|table| match table.ancestors.last() {
        Some(top) => (top.clone(), TableForm::Partitioned),
        None => (table.name, TableForm::Plain),
    });
    Ok(named.collect())
}

/// Short transactions are seen only now and then.
async fn who_writes(db: &Db, source: &Session) -> Vec<Other> {
    for _ in 0..LOOKS_FOR_WRITERS {
        match db.guarded(source.canceller(), writers(source, &[])).await {
            Ok(who) if who.is_empty() => tokio::time::sleep(Duration::from_millis(50)).await,
            Ok(who) => return who,
            Err(_) => break,
        }
    }
    Vec::new()
}

fn large_objects_written() -> Failure {
    Failure::refused("large objects of the source are still written to").advise(STOP_THEM)
}

fn nobody(who: &[Other]) -> Result<(), Failure> {
    if who.is_empty() { Ok(()) } else { Err(written_to(who)) }
}

fn written_to(by: &[Other]) -> Failure {
    Failure::refused(format!("the source is still written to: {}", slot::names(by))).advise(STOP_THEM)
}
