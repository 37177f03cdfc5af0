//! Both sides held against each other, table by table, over the source's catalog of this moment.

use super::survey::Published;
use crate::engine::context::execute;
use crate::engine::database::Db;
use crate::engine::graph::{Graph, Ran};
use crate::model::check::Finding;
use crate::model::event::Event;
use crate::model::failure::Failure;
use crate::model::plan::ExtensionTables;
use crate::model::task::Verify;
use crate::model::units::{ServerVersion, TableName, count_of};
use crate::pg::connect::Session;
use crate::pg::facts::tables::{Belongs, TableFacts, gather, partly_foreign};
use crate::pg::statement::data::{Lot, ROUNDED_FLOATS, checksum_rows, count_rows};
use crate::pg::statement::replication::TableForm;
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// A table, and which of its rows count on each side.
#[derive(Debug, Clone)]
struct Compared {
    table: Published,
    /// What each server's own extension says of a configuration table's rows; empty for all rows.
    on_source: String,
    on_target: String,
    /// Where a tree has rows of other servers too: its own partitions, on each side.
    parts: Option<(Vec<TableName>, Vec<TableName>)>,
    /// The order in which columns are read, where both sides have them in another one; else empty.
    columns: Vec<String>,
}

impl Compared {
    fn whole(name: TableName, form: TableForm) -> Self {
        let (on_source, on_target) = Default::default();
        let table = Published { name, form };
        Self { table, on_source, on_target, parts: None, columns: Vec::new() }
    }

    fn lots(&self) -> (Lot<'_>, Lot<'_>) {
        match &self.parts {
            Some((here, there)) => (Lot::Partitions(here), Lot::Partitions(there)),
            None => (Lot::Table(self.table.named()), Lot::Table(self.table.named())),
        }
    }
}

/// The partitions of a tree that hold rows of this server.
fn parts_of(top: &TableName, all: &[TableFacts]) -> Vec<TableName> {
    all.iter().filter(|t| t.ancestors.last() == Some(top)).map(|t| t.name.clone()).collect()
}

/// Tables by inheritance: pg_dump has them made with the parents' columns first. Generated columns follow from the others.
fn order_of_columns(table: &TableFacts, theirs: &[TableFacts]) -> Vec<String> {
    let there = theirs.iter().find(|there| there.name == table.name);
    match there.filter(|there| there.columns != table.columns) {
        Some(there) if there.columns.iter().collect::<HashSet<_>>() == table.columns.iter().collect() => {
            table.columns.clone()
        }
        Some(_) | None => Vec::new(),
    }
}

pub(crate) async fn run(db: &Arc<Db>, how: Verify) -> Result<(), Failure> {
    let source = db.cx.source_session(&db.name).await?;
    let tables = db.guarded(source.canceller(), gather(&source)).await?;
    let target = db.cx.target_session(&db.name).await?;
    let theirs = db.guarded(target.canceller(), gather(&target)).await?;
    let mut foreign = db.guarded(source.canceller(), partly_foreign(&source)).await?;
    foreign.extend(db.guarded(target.canceller(), partly_foreign(&target)).await?);
    let plan = &db.cx.plan.scope;
    let wanted = |table: &TableFacts| match &table.belongs {
        Belongs::User => plan.tables.selects(&db.name, &table.names()),
        Belongs::Extension { name, .. } => {
            plan.extension_tables == ExtensionTables::Copy && !plan.excluded_extensions.contains(name)
        }
    };
    let mut graph = Graph::new();
    let mut seen = HashSet::new();
    for table in tables.iter().filter(|table| wanted(table)).cloned() {
        let rows = table.rows_estimate.max(1);
        // A tree as a whole: on the target a row may belong into another partition.
        match (table.ancestors.last(), table.belongs.clone()) {
            (Some(top), _) if seen.insert(top.clone()) => {
                let mut whole = Compared::whole(top.clone(), TableForm::Partitioned);
                if foreign.contains(top) {
                    whole.parts = Some((parts_of(top, &tables), parts_of(top, &theirs)));
                }
                graph.add(whole, rows, vec![]);
            }
            (Some(_), _) => {}
            (None, Belongs::User) => {
                let columns = order_of_columns(&table, &theirs);
                let whole = Compared::whole(table.name, TableForm::Plain);
                graph.add(Compared { columns, ..whole }, rows, vec![]);
            }
            (None, Belongs::Extension { condition, .. }) => {
                // The source's words are not for the target to execute.
                let there = theirs.iter().find(|t| t.name == table.name).map(|t| t.belongs.clone());
                let on_target = match there {
                    Some(Belongs::Extension { condition, .. }) => condition.unwrap_or_default(),
                    Some(Belongs::User) | None => String::new(),
                };
                let on_source = condition.unwrap_or_default();
                let whole = Compared::whole(table.name, TableForm::Plain);
                graph.add(Compared { on_source, on_target, ..whole }, rows, vec![]);
            }
        }
    }
    hold_against_each_other(db, graph, how).await
}

async fn hold_against_each_other(db: &Arc<Db>, graph: Graph<Compared>, how: Verify) -> Result<(), Failure> {
    let tally = Arc::new(Tally { tables: graph.size() as u64, ..Tally::default() });
    let (worker, counting) = (Arc::clone(db), Arc::clone(&tally));
    let work = move |table: Compared, _| {
        let (db, tally) = (Arc::clone(&worker), Arc::clone(&counting));
        async move {
            if let Err(failure) = compare(&db, &table, (how, &tally)).await {
                db.abort(failure);
            }
        }
    };
    match graph.run(&db.cx.slots, &db.cancel, work).await {
        Ran::ToTheEnd(_) => {
            if let Some(rows) = tally.rows() {
                db.cx.emit.record(Event::Counted { database: db.name.clone(), rows });
            }
            Ok(())
        }
        Ran::Stopped => Err(db.aborted().unwrap_or_else(Failure::interrupted)),
    }
}

/// How far the comparison is, and what was counted on the target.
#[derive(Debug, Default)]
struct Tally {
    tables: u64,
    done: AtomicU64,
    rows: AtomicU64,
    /// Some table's rows could not be counted.
    unknown: AtomicBool,
}

impl Tally {
    fn place(&self) -> String {
        format!("{} of {} done", self.done.load(Ordering::Relaxed), count_of(self.tables, "table"))
    }

    fn add(&self, on_target: &Result<String, Failure>) {
        self.done.fetch_add(1, Ordering::Relaxed);
        // Whatever else it says, it begins with that.
        let rows = on_target.as_ref().ok().and_then(|text| text.split(' ').next()?.parse().ok());
        match rows {
            Some(rows) => drop(self.rows.fetch_add(rows, Ordering::Relaxed)),
            None => self.unknown.store(true, Ordering::Relaxed),
        }
    }

    fn rows(&self) -> Option<u64> {
        (!self.unknown.load(Ordering::Relaxed)).then(|| self.rows.load(Ordering::Relaxed))
    }
}

async fn compare(db: &Db, compared: &Compared, (how, tally): (Verify, &Tally)) -> Result<(), Failure> {
    let name = &compared.table.name;
    let doing = db.cx.board.doing(&db.name, format!("comparing {name}, {}", tally.place()), None);
    let sql = |lot: Lot<'_>, condition: &str| match how {
        Verify::Checksums => checksum_rows(lot, condition, &compared.columns),
        Verify::Counts | Verify::Nothing => count_rows(lot, condition),
    };
    let (here, there) = compared.lots();
    let (on_source, on_target) = (sql(here, &compared.on_source), sql(there, &compared.on_target));
    let (source, target) = tokio::try_join!(db.cx.source_session(&db.name), db.cx.target_session(&db.name))?;
    let writes_otherwise = |version: ServerVersion| !version.at_least(12);
    if writes_otherwise(db.cx.source_facts.version) != writes_otherwise(db.cx.target_facts.version) {
        for session in [&source, &target] {
            execute(&db.cancel, session, ROUNDED_FLOATS).await?;
        }
    }
    let (ours, theirs) = tokio::join!(ask(db, &source, &on_source), ask(db, &target, &on_target));
    drop(doing);
    tally.add(&theirs);
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
