//! What only makes sense with data: sequence values, materialized views, statistics.

use super::entries::{Script, patiently, record_time};
use crate::engine::context::execute;
use crate::engine::database::Db;
use crate::engine::graph::{Graph, NodeId, Ran};
use crate::engine::phases::schema::dump_from;
use crate::engine::phases::snapshot::Snapshot;
use crate::engine::retry::ends_the_database;
use crate::model::check::Finding;
use crate::model::failure::Failure;
use crate::model::plan::TargetPolicy;
use crate::model::units::{Side, TableName};
use crate::pg::archive::{Entry, Handling};
use crate::pg::connect::Session;
use crate::pg::facts::objects::{AnalyzeTarget, SequenceFacts, to_analyze, with_extended_statistics};
use crate::pg::statement::data::{IsCalled, analyze, read_sequences, refresh, set_sequence};
use crate::pg::tools::{Content, DumpOptions};
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

/// SQLSTATE object_not_in_prerequisite_state: among others, a materialized view that was never refreshed is read.
const NOT_YET: &str = "55000";
const UNDEFINED_TABLE: &str = "42P01";
/// Statements that travel together.
const BATCH: usize = 200;

pub(crate) async fn run(
    db: &Arc<Db>,
    snapshot: &Snapshot,
    script: &Arc<Script>,
    sequences: &[SequenceValue],
) -> Result<(), Failure> {
    let session = db.target().await?;
    set_sequences(db, &session, sequences).await?;
    if !snapshot.materialized_views.is_empty() {
        refresh_views(db, snapshot, script).await?;
    }
    if !import_statistics(db, &session).await? {
        statistics(db, &session).await?;
    }
    db.put_target_back(session);
    Ok(())
}

/// A sequence and where it stood after the last row was read.
#[derive(Debug, Clone)]
pub(crate) struct SequenceValue {
    pub(crate) facts: SequenceFacts,
    pub(crate) last_value: i64,
    pub(crate) is_called: bool,
}

pub(crate) async fn set_sequences(
    db: &Db,
    session: &Session,
    sequences: &[SequenceValue],
) -> Result<(), Failure> {
    for batch in sequences.chunks(BATCH) {
        let mut statements = Vec::with_capacity(batch.len());
        for sequence in batch {
            statements.push(statement_for(db, session, sequence).await?);
        }
        if execute(&db.cancel, session, &statements.join(";")).await.is_ok() {
            continue;
        }
        // One of them failed, so none was set: again, one by one, to name it.
        for (sequence, sql) in batch.iter().zip(&statements) {
            match execute(&db.cancel, session, sql).await {
                Ok(()) => {}
                Err(failure) if ends_the_database(&failure) => return Err(failure),
                Err(failure) => {
                    let name = sequence.facts.name.to_string();
                    db.finding(
                        Finding::lost("sequence", format!("sequence {name} could not be set"))
                            .because(failure.what)
                            .fix(format!("on the target: {sql};"))
                            .object(name),
                    );
                }
            }
        }
    }
    Ok(())
}

/// With rows appended to those that were there, a sequence must not fall behind either of the two.
async fn statement_for(db: &Db, session: &Session, sequence: &SequenceValue) -> Result<String, Failure> {
    let name = &sequence.facts.name;
    let called = |on: bool| if on { IsCalled::Yes } else { IsCalled::No };
    let theirs = set_sequence(name, sequence.last_value, called(sequence.is_called));
    if !(db.occupied && db.cx.plan.policies.target_not_empty == TargetPolicy::Append) {
        return Ok(theirs);
    }
    let ask = read_sequences(&[name]);
    let Ok(row) = db.guarded(session.canceller(), session.query_one(ask.as_str(), &[])).await else {
        return Ok(theirs);
    };
    let ours: i64 = row.try_get(1).map_err(crate::pg::error::Error::from)?;
    let further =
        if sequence.facts.increment < 0 { ours < sequence.last_value } else { ours > sequence.last_value };
    let our_called: bool = row.try_get(2).map_err(crate::pg::error::Error::from)?;
    Ok(if further { set_sequence(name, ours, called(our_called)) } else { theirs })
}

/// Each after those that it reads, by pg_dump's dependencies; otherwise side by side.
async fn refresh_views(db: &Arc<Db>, snapshot: &Snapshot, script: &Arc<Script>) -> Result<(), Failure> {
    let populated: HashSet<i64> = snapshot.materialized_views.iter().map(|v| v.0).collect();
    let entries = &script.archive.entries;
    let wanted = |e: &Entry| e.desc == "MATERIALIZED VIEW" && populated.contains(&i64::from(e.object_oid));
    let mut graph = Graph::new();
    // Nodes without work stand for all other entries: a view may read another one by way of a plain view.
    let mut nodes: HashMap<i32, NodeId> = HashMap::new();
    for (at, entry) in entries.iter().enumerate() {
        let node = if wanted(entry) { graph.add(at, 1, vec![]) } else { graph.meeting_point(vec![]) };
        nodes.insert(entry.dump_id, node);
    }
    for entry in entries {
        let Some(node) = nodes.get(&entry.dump_id) else { continue };
        for on in entry.dependencies.iter().filter_map(|on| nodes.get(on)) {
            graph.depend(*node, *on);
        }
    }
    let too_early: Arc<Mutex<Vec<usize>>> = Arc::default();
    let (worker, archive, later) = (Arc::clone(db), Arc::clone(script), Arc::clone(&too_early));
    let work = move |at: usize, _| {
        let (db, script, later) = (Arc::clone(&worker), Arc::clone(&archive), Arc::clone(&later));
        async move {
            let name = view_name(&script.archive.entries[at]);
            match refresh_view(&db, &name).await {
                Err(failure) if failure.sqlstate.as_deref() == Some(NOT_YET) => {
                    later.lock().unwrap_or_else(PoisonError::into_inner).push(at);
                }
                result => settle_view(&db, &name, result),
            }
        }
    };
    match graph.run(&db.cx.slots, &db.cancel, work).await {
        Ran::ToTheEnd(unready) => {
            let mut rest = std::mem::take(&mut *too_early.lock().unwrap_or_else(PoisonError::into_inner));
            rest.extend(unready);
            rest.sort_unstable();
            refresh_all(db, rest.iter().map(|at| view_name(&entries[*at])).collect()).await;
        }
        Ran::Stopped => {}
    }
    if db.cancel.is_cancelled() { Err(db.aborted().unwrap_or_else(Failure::interrupted)) } else { Ok(()) }
}

/// One after the other; as long as one of them succeeds, others that read it may, too. Also for those that read another one
/// in a way that pg_dump does not see (inside of a function).
pub(crate) async fn refresh_all(db: &Db, mut rest: Vec<TableName>) {
    loop {
        let before = rest.len();
        let mut failed = Vec::new();
        for name in rest {
            if let Err(failure) = refresh_view(db, &name).await {
                failed.push((name, failure));
            }
        }
        if failed.len() == before || db.cancel.is_cancelled() {
            failed.into_iter().for_each(|(name, failure)| settle_view(db, &name, Err(failure)));
            return;
        }
        rest = failed.into_iter().map(|(name, _)| name).collect();
    }
}

fn view_name(entry: &Entry) -> TableName {
    TableName::new(entry.namespace.clone().unwrap_or_default(), entry.tag.clone())
}

async fn refresh_view(db: &Db, name: &TableName) -> Result<(), Failure> {
    let session = db.target_as_at_home().await?;
    let doing = db.cx.board.doing(&db.name, format!("refreshing {name}"), None);
    db.works(&doing, Side::Target, &session).await?;
    let began = Instant::now();
    patiently(db, &session, &refresh(name)).await?;
    drop(doing);
    record_time(db, format!("refresh of {name}"), began);
    Ok(())
}

fn settle_view(db: &Db, name: &TableName, result: Result<(), Failure>) {
    match result {
        Ok(()) => {}
        Err(failure) if ends_the_database(&failure) => db.abort(failure),
        Err(failure) => {
            let title = format!("materialized view {name} could not be refreshed and is empty");
            let finding = Finding::lost("materialized-view", title).because(failure.what);
            db.finding(finding.object(name.to_string()));
        }
    }
}

/// Where both ends are 18 or later the source's statistics travel.
pub(super) fn imports_statistics(db: &Db) -> bool {
    let cx = &db.cx;
    let both = cx.source_facts.version.at_least(18) && cx.target_facts.version.at_least(18);
    both && cx.tool.version.major >= 18 && cx.plan.scope.tables.patterns().is_empty() && !db.occupied
}

/// True if statistics were imported.
async fn import_statistics(db: &Db, session: &Session) -> Result<bool, Failure> {
    if !imports_statistics(db) {
        return Ok(false);
    }
    let options = DumpOptions { content: Content::Statistics, ..DumpOptions::default() };
    let archive = match dump_from(db, Side::Source, None, options).await {
        Ok(archive) => archive,
        Err(failure) if failure.is_interruption() => return Err(failure),
        Err(failure) => {
            tracing::info!(database = db.name, "statistics are not imported: {failure}");
            return Ok(false);
        }
    };
    for entry in archive.entries.iter().filter(|e| e.handling() == Handling::Statistics) {
        if let Err(failure) = execute(&db.cancel, session, &entry.definition).await {
            if ends_the_database(&failure) {
                return Err(failure);
            }
            tracing::info!(database = db.name, "{}: {failure}; ANALYZE instead", entry.title());
            return Ok(false);
        }
    }
    extended_statistics(db, session).await?;
    Ok(true)
}

/// Statistics objects do not travel with the others (manual, pg_dump, "--statistics"): their tables are analyzed.
async fn extended_statistics(db: &Db, session: &Session) -> Result<(), Failure> {
    for name in db.guarded(session.canceller(), with_extended_statistics(session)).await? {
        analyze_one(db, session, &name).await?;
    }
    Ok(())
}

/// ANALYZE of everything, largest first, on all workers: a target without statistics is slow the moment it is used.
async fn statistics(db: &Arc<Db>, session: &Session) -> Result<(), Failure> {
    let targets = db.guarded(session.canceller(), to_analyze(session)).await?;
    let mut graph = Graph::new();
    let (targets, denied): (Vec<_>, Vec<_>) = targets.into_iter().partition(|target| target.allowed);
    if !denied.is_empty() {
        db.finding(
            Finding::warning(
                "statistics",
                "tables could not be analyzed: they belong to others on the target",
            )
            .fix("run ANALYZE on the target as their owner")
            .objects(denied.iter().map(|target| target.name.to_string())),
        );
    }
    for target in targets.into_iter().filter(|target| !db.is_analyzed(&target.name)) {
        let cost = target.size_bytes;
        graph.add(target, cost, vec![]);
    }
    let worker = Arc::clone(db);
    let ran = graph
        .run(&db.cx.slots, &db.cancel, move |target: AnalyzeTarget, _| {
            let db = Arc::clone(&worker);
            async move {
                if let Err(failure) = analyze_in_own_session(&db, &target.name).await {
                    db.abort(failure);
                }
            }
        })
        .await;
    match ran {
        Ran::ToTheEnd(_) => Ok(()),
        Ran::Stopped => Err(db.aborted().unwrap_or_else(Failure::interrupted)),
    }
}

/// Tables that have their rows and indexes already, while others do not. Those of others are only passed over by the
/// server; that is found out, and said, at the end.
pub(super) async fn analyze_early(db: &Db, names: &[&TableName]) -> Result<(), Failure> {
    let session = db.target().await?;
    let title = match names {
        [one] => format!("analyzing {one}"),
        all => format!("analyzing {} small tables", all.len()),
    };
    let doing = db.cx.board.doing(&db.name, title, None);
    db.works(&doing, Side::Target, &session).await?;
    // Several in one statement: from 11.
    let together = names.len() == 1 || db.cx.target_facts.version.at_least(11);
    if !together || patiently(db, &session, &analyze(names)).await.is_err() {
        for name in names {
            analyze_one(db, &session, name).await?;
        }
    }
    drop(doing);
    db.note_analyzed(names);
    db.put_target_back(session);
    Ok(())
}

async fn analyze_in_own_session(db: &Db, name: &TableName) -> Result<(), Failure> {
    let session = db.target().await?;
    let doing = db.cx.board.doing(&db.name, format!("analyzing {name}"), None);
    db.works(&doing, Side::Target, &session).await?;
    let result = analyze_one(db, &session, name).await;
    drop(doing);
    db.put_target_back(session);
    result
}

async fn analyze_one(db: &Db, session: &Session, name: &TableName) -> Result<(), Failure> {
    match patiently(db, session, &analyze(&[name])).await {
        Ok(()) => Ok(()),
        Err(failure) if ends_the_database(&failure) => Err(failure),
        // A table that could not be made has been named as lost.
        Err(failure) if failure.sqlstate.as_deref() == Some(UNDEFINED_TABLE) => Ok(()),
        Err(failure) => {
            // Autovacuum will come by; nothing is missing, it may only be slow until then.
            let finding = Finding::warning("statistics", format!("{name} could not be analyzed"));
            db.finding(
                finding.because(failure.what).fix("run ANALYZE on the target").object(name.to_string()),
            );
            Ok(())
        }
    }
}
