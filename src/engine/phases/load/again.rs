//! Before a load that broke off goes on: what is said to be done is held against the target, and what is half done is
//! emptied.
//!
//! A server that crashed has lost what it had not flushed, and rows of unlogged tables; of a COMMIT whose answer never came it
//! is not known whether it happened. So the rows of every table are counted: one that does not have what was counted while it
//! was copied is emptied and copied again, with all of its partition tree, for rows may have come into it by way of the top.

use super::super::large_objects;
use super::super::snapshot::Snapshot;
use super::order::LARGE_OBJECT_BATCH;
use crate::engine::clear::end_what_lingers;
use crate::engine::context::execute;
use crate::engine::database::Db;
use crate::engine::graph::{Graph, Ran};
use crate::model::event::Event;
use crate::model::failure::{Failure, FailureKind};
use crate::model::units::{TableName, thousands};
use crate::pg::connect::Session;
use crate::pg::error::Error;
use crate::pg::facts::tables::Belongs;
use crate::pg::statement::data::{TIMELINE, rows_of, truncate_only};
use crate::pg::statement::replication::{NamedTable, TableForm};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A table, or all tables of a partition tree.
struct Family {
    /// What is counted.
    name: TableName,
    form: TableForm,
    /// Positions in the snapshot's list.
    tables: Vec<usize>,
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

/// A standby that has taken over may lack what the other one had said to be done.
///
/// # Errors
/// When it is another one than the first time.
pub(super) async fn same_server(db: &Db, session: &Session) -> Result<(), Failure> {
    let row = db.guarded(session.canceller(), session.query_one(TIMELINE, &[])).await?;
    let timeline: String = row.try_get(0).map_err(Error::from)?;
    if db.progress.is_timeline(timeline) {
        return Ok(());
    }
    let what = "another server has taken the target's place meanwhile, and may lack what was copied";
    Err(Failure::new(FailureKind::Server, what))
}

fn families(snapshot: &Snapshot) -> Vec<Family> {
    let mut trees: BTreeMap<&TableName, Vec<usize>> = BTreeMap::new();
    let mut all = Vec::new();
    // An extension's are emptied in the transaction that copies them.
    for (at, table) in snapshot.tables.iter().enumerate().filter(|(_, t)| t.belongs == Belongs::User) {
        match table.ancestors.last() {
            Some(top) => trees.entry(top).or_default().push(at),
            None => {
                all.push(Family { name: table.name.clone(), form: TableForm::Plain, tables: vec![at] });
            }
        }
    }
    let of_tree = |(top, tables): (&TableName, Vec<usize>)| Family {
        name: top.clone(),
        form: TableForm::Partitioned,
        tables,
    };
    all.extend(trees.into_iter().map(of_tree));
    all
}

async fn count(db: &Arc<Db>, snapshot: &Arc<Snapshot>) -> Result<(), Failure> {
    let mut graph = Graph::new();
    for family in families(snapshot) {
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
    let sql = rows_of(NamedTable { name: &family.name, form: family.form });
    let row = db.guarded(session.canceller(), session.query_one(sql.as_str(), &[])).await?;
    drop(doing);
    let found: i64 = row.try_get(0).map_err(Error::from)?;
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
        let names: Vec<_> = family.tables.iter().map(|at| &snapshot.tables[*at].name).collect();
        execute(&db.cancel, &session, &truncate_only(&names)).await?;
        for table in family.tables.iter().map(|at| &snapshot.tables[*at]) {
            if let Some(stats) = db.progress.forget(table.oid) {
                let (database, table) = (db.name.clone(), table.name.clone());
                let (rows, bytes) = (stats.rows_in, stats.bytes);
                db.cx.emit.record(Event::TableForgotten { database, table, rows, bytes });
            }
        }
    }
    db.put_target_back(session);
    Ok(())
}

async fn remove_large_objects(db: &Db, session: &Session, snapshot: &Snapshot) -> Result<(), Failure> {
    for (number, range) in snapshot.large_objects.chunks(LARGE_OBJECT_BATCH).enumerate() {
        if !db.progress.has_large_objects(number * LARGE_OBJECT_BATCH) {
            large_objects::remove(db, session, range).await?;
        }
    }
    Ok(())
}
