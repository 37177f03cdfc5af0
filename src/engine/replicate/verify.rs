//! Both sides held against each other, table by table, over the source's catalog of this moment.

use crate::engine::context::execute;
use crate::engine::database::Db;
use crate::engine::graph::{Graph, Ran};
use crate::model::check::Finding;
use crate::model::failure::Failure;
use crate::model::task::Verify;
use crate::model::units::{ServerVersion, TableName};
use crate::pg::connect::Session;
use crate::pg::facts::tables::{Belongs, gather};
use crate::pg::statement::data::{ROUNDED_FLOATS, checksum_rows, count_rows};
use std::sync::Arc;

pub(crate) async fn run(db: &Arc<Db>, how: Verify) -> Result<(), Failure> {
    let source = db.cx.source_session(&db.name).await?;
    let tables = db.guarded(source.canceller(), gather(&source)).await?;
    let scope = &db.cx.plan.scope.tables;
    let mut graph = Graph::new();
    for table in tables {
        if table.belongs == Belongs::User && scope.selects(&db.name, &table.names()) {
            graph.add(table.name, table.rows_estimate.max(1), vec![]);
        }
    }
    let worker = Arc::clone(db);
    let work = move |table: TableName, _| {
        let db = Arc::clone(&worker);
        async move {
            if let Err(failure) = compare(&db, &table, how).await {
                db.abort(failure);
            }
        }
    };
    match graph.run(&db.cx.slots, &db.cancel, work).await {
        Ran::ToTheEnd(_) => Ok(()),
        Ran::Stopped => Err(db.aborted().unwrap_or_else(Failure::interrupted)),
    }
}

async fn compare(db: &Db, table: &TableName, how: Verify) -> Result<(), Failure> {
    let doing = db.cx.board.doing(&db.name, format!("comparing {table}"), None);
    let sql = match how {
        Verify::Checksums => checksum_rows(table),
        Verify::Counts | Verify::Nothing => count_rows(table),
    };
    let (source, target) = tokio::try_join!(db.cx.source_session(&db.name), db.cx.target_session(&db.name))?;
    let writes_otherwise = |version: ServerVersion| !version.at_least(12);
    if writes_otherwise(db.cx.source_facts.version) != writes_otherwise(db.cx.target_facts.version) {
        for session in [&source, &target] {
            execute(&db.cancel, session, ROUNDED_FLOATS).await?;
        }
    }
    let (ours, theirs) = tokio::join!(ask(db, &source, &sql), ask(db, &target, &sql));
    drop(doing);
    let text = |answer: &Result<String, Failure>| match answer {
        Ok(answer) => answer.clone(),
        Err(failure) => failure.what.clone(),
    };
    for answer in [&ours, &theirs] {
        if let Err(failure) = answer
            && crate::engine::retry::ends_the_database(failure)
        {
            return Err(failure.clone());
        }
    }
    if ours.is_err() || theirs.is_err() || ours.as_ref().ok() != theirs.as_ref().ok() {
        let title = format!("{table} is not the same on both sides");
        let why = format!("source: {}; target: {}", text(&ours), text(&theirs));
        db.finding(Finding::lost("verify", title).because(why).object(table.to_string()));
    }
    Ok(())
}

async fn ask(db: &Db, session: &Session, sql: &str) -> Result<String, Failure> {
    let row = db.guarded(session.canceller(), session.query_one(sql, &[])).await?;
    Ok(row.try_get(0).map_err(crate::pg::error::Error::from)?)
}
