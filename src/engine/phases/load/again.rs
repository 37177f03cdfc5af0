//! Before a load that broke off goes on: what is said to be done is held against the target, and what is half done is
//! emptied.
//!
//! A server that crashed has lost what it had not flushed, and rows of unlogged tables; of a COMMIT whose answer never came it
//! is not known whether it happened. So the rows of every table are counted: one that does not have what was counted while it
//! was copied is emptied and copied again, with all of its partition tree, for rows may have come into it by way of the top.

use super::super::large_objects;
use super::super::snapshot::Snapshot;
use super::order::LARGE_OBJECT_BATCH;
use super::progress::Where;
use crate::engine::clear::end_what_lingers;
use crate::engine::context::execute;
use crate::engine::database::Db;
use crate::engine::graph::{Graph, Ran};
use crate::engine::retry::ends_the_database;
use crate::model::event::Event;
use crate::model::failure::{Failure, FailureKind};
use crate::model::units::{BadLsn, TableName, thousands};
use crate::pg::connect::Session;
use crate::pg::error::Error;
use crate::pg::facts::tables::{Belongs, partly_foreign};
use crate::pg::statement::data::{Lot, TIMELINE, bytes_of, rows_of, truncate_only};
use crate::pg::statement::replication::{NamedTable, TableForm};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A table, or all tables of a partition tree.
struct Family {
    name: TableName,
    counted: Counted,
    /// Positions in the snapshot's list.
    tables: Vec<usize>,
}

/// How the rows are counted.
enum Counted {
    By(TableForm),
    /// One by one: the whole holds rows of other servers too.
    ByPartitions,
}

/// # Errors
/// When the target is not what it was, or cannot be asked.
pub(super) async fn prepare(db: &Arc<Db>, snapshot: &Arc<Snapshot>) -> Result<(), Failure> {
    let session = db.target().await?;
    same_server(db, &session).await?;
    end_what_lingers(&db.cx, &session, &db.name).await?;
    if !db.progress.has_all_rows() {
        remove_large_objects(db, &session, snapshot).await?;
    }
    db.put_target_back(session);
    count(db, snapshot).await?;
    db.cx.board.change(&db.name, |g| {
        g.tables_done = db.progress.tables();
        g.rows_done = db.progress.all_rows();
        g.bytes_done = db.progress.bytes(snapshot);
        g.steps_done = 0;
    });
    Ok(())
}

/// A standby that has taken over may lack what the other one had said to be done; so may the same server, on an older copy of
/// its disk. Notes how far it is now.
///
/// # Errors
/// When it is another one than the first time, or not as far as it was.
pub(super) async fn same_server(db: &Db, session: &Session) -> Result<(), Failure> {
    let row = db.guarded(session.canceller(), session.query_one(TIMELINE, &[])).await?;
    let timeline: String = row.try_get(0).map_err(Error::from)?;
    let flushed: String = row.try_get(1).map_err(Error::from)?;
    let flushed = flushed.parse().map_err(|e: BadLsn| Failure::new(FailureKind::Server, e.to_string()))?;
    let what = match db.progress.is_at(timeline, flushed) {
        Where::AsBefore => return Ok(()),
        Where::Elsewhere => {
            "another server has taken the target's place meanwhile, and may lack what was copied".to_owned()
        }
        Where::Behind(noted) => format!(
            "the target has gone back to an earlier state, before {noted} in its WAL (it is at {flushed} now), and lacks \
             what was made since"
        ),
    };
    Err(Failure::new(FailureKind::Server, what))
}

/// After something was done that nobody can count: where it may have to go on later, the target must not lie behind this.
///
/// # Errors
/// Only what ends the whole database.
pub(super) async fn note(db: &Db, session: &Session) -> Result<(), Failure> {
    if !db.cx.go_on.awaited || !db.progress.knows_timeline() {
        return Ok(());
    }
    match same_server(db, session).await {
        Err(failure) if ends_the_database(&failure) => Err(failure),
        _ => Ok(()),
    }
}

fn families(snapshot: &Snapshot, partly_foreign: &BTreeSet<TableName>) -> Vec<Family> {
    let mut trees: BTreeMap<&TableName, Vec<usize>> = BTreeMap::new();
    let mut all = Vec::new();
    // An extension's are emptied in the transaction that copies them.
    for (at, table) in snapshot.tables.iter().enumerate().filter(|(_, t)| t.belongs == Belongs::User) {
        match table.ancestors.last() {
            Some(top) => trees.entry(top).or_default().push(at),
            None => {
                let counted = Counted::By(TableForm::Plain);
                all.push(Family { name: table.name.clone(), counted, tables: vec![at] });
            }
        }
    }
    let of_tree = |(top, tables): (&TableName, Vec<usize>)| Family {
        name: top.clone(),
        counted: match partly_foreign.contains(top) {
            true => Counted::ByPartitions,
            false => Counted::By(TableForm::Partitioned),
        },
        tables,
    };
    all.extend(trees.into_iter().map(of_tree));
    all
}

async fn count(db: &Arc<Db>, snapshot: &Arc<Snapshot>) -> Result<(), Failure> {
    let session = db.target().await?;
    let foreign = db.guarded(session.canceller(), partly_foreign(&session)).await?;
    db.put_target_back(session);
    let mut graph = Graph::new();
    for family in families(snapshot, &foreign) {
        graph.add(family, 1, vec![]);
    }
    let (worker, seen) = (Arc::clone(db), Arc::clone(snapshot));
    let work = move |family: Family, _| {
        let (db, snapshot) = (Arc::clone(&worker), Arc::clone(&seen));
        async move {
            if let Err(failure) = hold_against(&db, &snapshot, &family).await {
                db.abort(failure);
            }
        }
    };
    match graph.run(&db.cx.slots, &db.cancel, work).await {
        Ran::ToTheEnd(_) => Ok(()),
        Ran::Stopped => Err(db.aborted().unwrap_or_else(Failure::interrupted)),
    }
}

async fn hold_against(db: &Db, snapshot: &Snapshot, family: &Family) -> Result<(), Failure> {
    let oids: Vec<_> = family.tables.iter().map(|at| snapshot.tables[*at].oid).collect();
    let wanted: u64 = oids.iter().filter_map(|oid| db.progress.rows(*oid)).sum();
    let session = db.target().await?;
    let doing = db.cx.board.doing(&db.name, format!("counting {}", family.name), None);
    let names: Vec<_> = family.tables.iter().map(|at| snapshot.tables[*at].name.clone()).collect();
    let sql = rows_of(match family.counted {
        Counted::By(form) => Lot::Table(NamedTable { name: &family.name, form }),
        Counted::ByPartitions => Lot::Partitions(&names),
    });
    let row = db.guarded(session.canceller(), session.query_one(sql.as_str(), &[])).await?;
    drop(doing);
    let found: i64 = row.try_get(0).map_err(Error::from)?;
    let tables: Vec<_> = names.iter().collect();
    if u64::try_from(found) != Ok(wanted) {
        let what = format!(
            "{} has {} rows on the target, and {} were copied",
            family.name,
            found,
            thousands(wanted)
        );
        if db.progress.has_all_rows() {
            return Err(Failure::new(FailureKind::Server, what));
        }
        tracing::info!(database = db.name, "{what}: emptied, to be copied again");
        execute(&db.cancel, &session, &truncate_only(&tables)).await?;
        for table in family.tables.iter().map(|at| &snapshot.tables[*at]) {
            if let Some(stats) = db.progress.forget(table.oid) {
                let (database, table) = (db.name.clone(), table.name.clone());
                let (rows, bytes) = (stats.rows_in, stats.bytes);
                db.cx.emit.record(Event::TableForgotten { database, table, rows, bytes });
            }
        }
    } else if oids.iter().all(|oid| !db.progress.has(*oid)) {
        give_room_back(db, &session, &tables).await?;
    }
    db.put_target_back(session);
    Ok(())
}

/// Rows of a COPY that broke off are nobody's, and take their room nevertheless, which may be what is wanting.
async fn give_room_back(db: &Db, session: &Session, tables: &[&TableName]) -> Result<(), Failure> {
    let row = db.guarded(session.canceller(), session.query_one(bytes_of(tables).as_str(), &[])).await?;
    let bytes: i64 = row.try_get(0).map_err(Error::from)?;
    if bytes > 0 { execute(&db.cancel, session, &truncate_only(tables)).await } else { Ok(()) }
}

async fn remove_large_objects(db: &Db, session: &Session, snapshot: &Snapshot) -> Result<(), Failure> {
    for (number, range) in snapshot.large_objects.chunks(LARGE_OBJECT_BATCH).enumerate() {
        if !db.progress.has_large_objects(number * LARGE_OBJECT_BATCH) {
            large_objects::remove(db, session, range).await?;
        }
    }
    Ok(())
}
