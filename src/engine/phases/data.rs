//! What only makes sense with data: sequence values, materialized views, statistics.

use super::entries::{Script, patiently, record_time};
use super::load::SequenceValue;
use crate::engine::context::execute;
use crate::engine::database::Db;
use crate::engine::graph::{Graph, Ran};
use crate::engine::phases::schema::dump_from;
use crate::engine::phases::snapshot::Snapshot;
use crate::engine::retry::ends_the_database;
use crate::model::check::Finding;
use crate::model::failure::Failure;
use crate::model::plan::TargetPolicy;
use crate::model::units::TableName;
use crate::pg::archive::Handling;
use crate::pg::connect::Session;
use crate::pg::facts::objects::{AnalyzeTarget, to_analyze, with_extended_statistics};
use crate::pg::statement::data::{IsCalled, analyze, read_sequences, refresh, set_sequence};
use crate::pg::tools::Content;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Instant;

/// Statements that travel together.
const BATCH: usize = 200;

pub(crate) async fn run(
    db: &Arc<Db>,
    snapshot: &Snapshot,
    script: &Script,
    sequences: &[SequenceValue],
) -> Result<(), Failure> {
    let session = db.target().await?;
    set_sequences(db, &session, sequences).await?;
    if !snapshot.materialized_views.is_empty() {
        let at_home = db.target_as_at_home().await?;
        refresh_views(db, &at_home, snapshot, script).await?;
    }
    if !import_statistics(db, &session).await? {
        statistics(db, &session).await?;
    }
    db.put_target_back(session);
    Ok(())
}

async fn set_sequences(db: &Db, session: &Session, sequences: &[SequenceValue]) -> Result<(), Failure> {
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

/// In the archive's order, which is pg_dump's order of dependencies: a view that reads another one comes after it.
async fn refresh_views(
    db: &Db,
    session: &Session,
    snapshot: &Snapshot,
    script: &Script,
) -> Result<(), Failure> {
    let populated: HashSet<i64> = snapshot.materialized_views.iter().map(|v| v.0).collect();
    let wanted = |desc: &str, oid: u32| desc == "MATERIALIZED VIEW" && populated.contains(&i64::from(oid));
    for entry in script.archive.entries.iter().filter(|e| wanted(&e.desc, e.object_oid)) {
        let name = TableName::new(entry.namespace.clone().unwrap_or_default(), entry.tag.clone());
        let doing = db.cx.board.doing(&db.name, format!("refreshing {name}"), None);
        let began = Instant::now();
        let result = patiently(db, session, &refresh(&name)).await;
        drop(doing);
        match result {
            Ok(()) => record_time(db, format!("refresh of {name}"), began),
            Err(failure) if ends_the_database(&failure) => return Err(failure),
            Err(failure) => {
                let title = format!("materialized view {name} could not be refreshed and is empty");
                db.finding(
                    Finding::lost("materialized-view", title).because(failure.what).object(name.to_string()),
                );
            }
        }
    }
    Ok(())
}

/// Where both ends are 18 or later the source's statistics travel. True if they did.
async fn import_statistics(db: &Db, session: &Session) -> Result<bool, Failure> {
    let cx = &db.cx;
    let both = cx.source_facts.version.at_least(18) && cx.target_facts.version.at_least(18);
    if !both || cx.tool.version.major < 18 || !cx.plan.scope.tables.patterns().is_empty() || db.occupied {
        return Ok(false);
    }
    let archive = match dump_from(db, &cx.source, None, Content::Statistics).await {
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
    for target in targets {
        let weight = target.size_bytes;
        graph.add(target, weight, vec![]);
    }
    let worker = Arc::clone(db);
    let ran = graph
        .run(&db.cx.slots, &db.cancel, move |target: AnalyzeTarget| {
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

async fn analyze_in_own_session(db: &Db, name: &TableName) -> Result<(), Failure> {
    let session = db.target().await?;
    let doing = db.cx.board.doing(&db.name, format!("analyzing {name}"), None);
    let result = analyze_one(db, &session, name).await;
    drop(doing);
    db.put_target_back(session);
    result
}

async fn analyze_one(db: &Db, session: &Session, name: &TableName) -> Result<(), Failure> {
    match patiently(db, session, &analyze(name)).await {
        Ok(()) => Ok(()),
        Err(failure) if ends_the_database(&failure) => Err(failure),
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
