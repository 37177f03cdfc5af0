//! Both sides held against each other, table by table, over the source's catalog of this moment.

use super::survey::Published;
use crate::engine::context::execute;
use crate::engine::database::Db;
use crate::engine::graph::{Graph, Ran};
use crate::model::check::Finding;
use crate::model::failure::Failure;
use crate::model::task::Verify;
use crate::model::units::ServerVersion;
use crate::pg::connect::Session;
use crate::pg::facts::tables::{Belongs, gather};
use crate::pg::statement::data::{ROUNDED_FLOATS, checksum_rows, count_rows};
use crate::pg::statement::replication::TableForm;
use std::collections::HashSet;
use std::sync::Arc;

pub(crate) async fn run(db: &Arc<Db>, how: Verify) -> Result<(), Failure> {
    let source = db.cx.source_session(&db.name).await?;
    let tables = db.guarded(source.canceller(), gather(&source)).await?;
    let scope = &db.cx.plan.scope.tables;
    let mut graph = Graph::new();
    let mut seen = HashSet::new();
    for table in tables {
        if table.belongs != Belongs::User || !scope.selects(&db.name, &table.names()) {
            continue;
        }
        // A tree as a whole: on the target a row may belong into another partition.
        match table.ancestors.last() {
            Some(top) if seen.insert(top.clone()) => {
                let top = Published { name: top.clone(), form: TableForm::Partitioned };
                graph.add(top, table.rows_estimate.max(1), vec![]);
            }
            Some(_) => {}
            None => {
                let rows = table.rows_estimate.max(1);
                graph.add(Published { name: table.name, form: TableForm::Plain }, rows, vec![]);
            }
        }
    }
    let worker = Arc::clone(db);
    let work = move |table: Published, _| {
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

async fn compare(db: &Db, table: &Published, how: Verify) -> Result<(), Failure> {
    let (name, named) = (&table.name, table.named());
    let doing = db.cx.board.doing(&db.name, format!("comparing {name}"), None);
    let sql = match how {
        Verify::Checksums => checksum_rows(named),
        Verify::Counts | Verify::Nothing => count_rows(named),
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
        let title = format!("{name} is not the same on both sides");
        let why = format!("source: {}; target: {}", text(&ours), text(&theirs));
        db.finding(Finding::lost("verify", title).because(why).object(name.to_string()));
    }
    Ok(())
}

async fn ask(db: &Db, session: &Session, sql: &str) -> Result<String, Failure> {
    let row = db.guarded(session.canceller(), session.query_one(sql, &[])).await?;
    Ok(row.try_get(0).map_err(crate::pg::error::Error::from)?)
}
