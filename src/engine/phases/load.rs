//! Rows, indexes, constraints and everything after them, as one graph: what is ready runs, whatever phase it is of.
//! [`order`] says what waits for what.

mod again;
mod cost;
mod entries;
mod means;
mod order;
pub(crate) mod progress;

use super::copy;
use super::data::{self, SequenceValue};
use super::entries::{Script, execute_entry, execute_in_order};
use super::large_objects;
use super::parts::Split;
use super::snapshot::Snapshot;
use crate::engine::database::Db;
use crate::engine::graph::Ran;
use crate::engine::slots::Place;
use crate::model::check::Finding;
use crate::model::event::{Event, PhaseOutcome};
use crate::model::failure::Failure;
use crate::model::gauges::Hurdle;
use crate::model::phase::Phase;
use crate::model::units::{Side, TableName};
use crate::pg::archive::{Entry, Handling, Pass};
use crate::pg::facts::objects::SequenceFacts;
use crate::pg::statement::data::read_sequences;
use means::Means;
use std::sync::{Arc, Mutex, PoisonError};

/// Sequences that are read in one round trip.
const SEQUENCE_BATCH: usize = 200;

/// What there is to do. Numbers are positions in the snapshot's list of tables and in the archive.
enum Work {
    Table(usize),
    SmallTables(Vec<usize>),
    /// One of the table's parts.
    Part(Arc<Split>, usize),
    /// A range of the snapshot's list of large objects.
    LargeObjects(std::ops::Range<usize>),
    /// All rows are read: read the sequences, end the snapshot.
    DataIsIn,
    Entry(usize),
    /// Small ones, in the order given.
    Entries(Vec<usize>),
    /// Statistics of the tables.
    Analyze(Vec<usize>),
    /// Statistics of a partition tree, by its top.
    AnalyzeTree(TableName),
}

/// Whether anything was done before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Round {
    First,
    /// An earlier one broke off.
    Another,
}

/// What the workers share.
struct Shared {
    db: Arc<Db>,
    snapshot: Arc<Snapshot>,
    script: Arc<Script>,
    means: Means,
    sequences: Mutex<Vec<SequenceValue>>,
}

/// Runs the graph and returns the sequences' values. What an earlier round has done is not done again.
pub(crate) async fn run(
    db: &Arc<Db>,
    snapshot: &Arc<Snapshot>,
    script: &Arc<Script>,
    round: Round,
) -> Result<Vec<SequenceValue>, Failure> {
    for phase in [Phase::Copy, Phase::Indexes] {
        db.cx.emit.record(Event::PhaseBegan { phase, database: Some(db.name.clone()) });
    }
    db.cx.board.change(&db.name, |g| g.phase = Some(Phase::Copy));
    let begun = match round {
        Round::First => begin(db).await,
        Round::Another => again::prepare(db, snapshot).await,
    };
    if let Err(failure) = begun {
        end_phases(db, Some(&failure));
        return Err(failure);
    }
    let graph = order::build(db, snapshot, script);
    let shared = Arc::new(Shared {
        db: Arc::clone(db),
        snapshot: Arc::clone(snapshot),
        script: Arc::clone(script),
        means: Means::of(snapshot),
        sequences: Mutex::new(Vec::new()),
    });
    let workers = Arc::clone(&shared);
    let work = move |work, place| perform(Arc::clone(&workers), work, place);
    let tell = |work: &Work, priority| {
        let (what, hurdle) = hurdle(work, snapshot, script)?;
        Some(db.cx.board.queued((&db.name, what), hurdle, priority))
    };
    let ran = graph.run_telling(&db.cx.slots, &db.cancel, (tell, work)).await;
    let mut result = match ran {
        Ran::ToTheEnd(unready) => {
            report_unready(db, script, &unready);
            Ok(())
        }
        Ran::Stopped => Err(db.aborted().unwrap_or_else(Failure::interrupted)),
    };
    if result.is_ok() {
        result = privileges(db, script).await;
    }
    end_phases(db, result.as_ref().err());
    result.map(|()| db.progress.sequences().unwrap_or_default())
}

/// Where it may have to go on later, it is noted what server this is.
async fn begin(db: &Db) -> Result<(), Failure> {
    if !db.cx.go_on.awaited {
        return Ok(());
    }
    let session = db.target().await?;
    match again::same_server(db, &session).await {
        Err(failure) if crate::engine::retry::ends_the_database(&failure) => Err(failure),
        // A server that does not tell is told apart from another by its rows alone.
        _ => {
            db.put_target_back(session);
            Ok(())
        }
    }
}

/// What a piece of work is called and what it has to wait for, where somebody may want to know.
fn hurdle(work: &Work, snapshot: &Snapshot, script: &Script) -> Option<(String, Hurdle)> {
    let of = |at: usize| {
        let entry = &script.archive.entries[at];
        let hurdle = match entry.desc.as_str() {
            "INDEX" | "CONSTRAINT" => Hurdle::Rows,
            "FK CONSTRAINT" => Hurdle::BothTables,
            _ => Hurdle::Others,
        };
        (entry.title(), hurdle)
    };
    match work {
        Work::Table(at) => Some((format!("copying {}", snapshot.tables[*at].name), Hurdle::Job)),
        Work::SmallTables(all) => Some((format!("copying {} small tables", all.len()), Hurdle::Job)),
        // One stands for all: they are the same table.
        Work::Part(split, 0) => {
            Some((format!("copying {} in parts", snapshot.tables[split.table].name), Hurdle::Job))
        }
        Work::LargeObjects(_) => Some(("copying large objects".to_owned(), Hurdle::Job)),
        Work::Entry(at) => Some(of(*at)),
        Work::Entries(all) => {
            let (title, hurdle) = of(*all.first()?);
            Some((titled(title, all.len()), hurdle))
        }
        Work::Part(..) | Work::DataIsIn | Work::Analyze(_) | Work::AnalyzeTree(_) => None,
    }
}

fn titled(first: String, all: usize) -> String {
    if all > 1 { format!("{first} and {} more", all - 1) } else { first }
}

fn end_phases(db: &Db, failure: Option<&Failure>) {
    for phase in [Phase::Copy, Phase::Indexes] {
        let outcome = match failure {
            None => PhaseOutcome::Done,
            Some(f) if f.is_interruption() => PhaseOutcome::Interrupted,
            Some(f) => PhaseOutcome::Failed { failure: f.clone() },
        };
        db.cx.emit.record(Event::PhaseEnded { phase, database: Some(db.name.clone()), outcome });
    }
}

/// A cycle in pg_dump's own order: does not happen, and must not be silent if it does.
fn report_unready(db: &Db, script: &Script, unready: &[Work]) {
    let positions = unready.iter().flat_map(|work| match work {
        Work::Entry(at) => vec![*at],
        Work::Entries(all) => all.clone(),
        _ => Vec::new(),
    });
    let entries = positions.map(|at| &script.archive.entries[at]);
    let titles: Vec<_> = entries.filter(|entry| script.settle(entry)).map(Entry::title).collect();
    if !titles.is_empty() {
        db.finding(
            Finding::lost("not-executed", "entries that wait for each other were not executed")
                .objects(titles),
        );
    }
}

async fn perform(shared: Arc<Shared>, work: Work, place: Arc<Place>) {
    let Shared { db, snapshot, script, .. } = &*shared;
    let result = match work {
        Work::Table(at) if db.progress.has(snapshot.tables[at].oid) => Ok(()),
        Work::Table(at) => copy::run(db, snapshot, &snapshot.tables[at]).await,
        Work::SmallTables(all) => {
            let tables = all.iter().map(|at| &snapshot.tables[*at]);
            let open: Vec<_> = tables.filter(|table| !db.progress.has(table.oid)).collect();
            if open.is_empty() { Ok(()) } else { copy::run_together(db, snapshot, &open).await }
        }
        Work::Part(split, _) if db.progress.has(snapshot.tables[split.table].oid) => Ok(()),
        Work::Part(split, part) => split.run(db, snapshot, part).await,
        Work::LargeObjects(range) if db.progress.has_large_objects(range.start) => Ok(()),
        Work::LargeObjects(range) => large_objects(db, snapshot, range).await,
        Work::DataIsIn if db.progress.has_all_rows() => Ok(()),
        Work::DataIsIn => data_is_in(&shared).await,
        Work::Entry(at) => perform_entry(&shared, &script.archive.entries[at], &place).await,
        Work::Entries(all) => {
            let entries: Vec<_> = all.iter().map(|at| &script.archive.entries[*at]).collect();
            perform_entries(db, script, &entries).await
        }
        Work::Analyze(all) => {
            let names = all.iter().map(|at| &snapshot.tables[*at].name);
            let open: Vec<_> = names.filter(|name| !db.is_analyzed(name)).collect();
            if open.is_empty() { Ok(()) } else { data::analyze_early(db, &open).await }
        }
        Work::AnalyzeTree(top) if db.is_analyzed(&top) => Ok(()),
        Work::AnalyzeTree(top) => data::analyze_early(db, &[&top]).await,
    };
    if let Err(failure) = result {
        db.abort(failure);
    }
}

async fn large_objects(db: &Db, snapshot: &Snapshot, range: std::ops::Range<usize>) -> Result<(), Failure> {
    large_objects::run(db, snapshot, &snapshot.large_objects[range.clone()]).await?;
    let session = db.target().await?;
    again::note(db, &session).await?;
    db.put_target_back(session);
    db.progress.note_large_objects(range.start);
    Ok(())
}

async fn perform_entry(shared: &Shared, entry: &Entry, place: &Place) -> Result<(), Failure> {
    let Shared { db, script, means, .. } = shared;
    let session = db.target().await?;
    let doing = db.cx.board.doing(&db.name, entry.title(), None);
    db.works(&doing, Side::Target, &session).await?;
    let executing = async || execute_entry(db, &session, script, entry).await;
    let mut result = means.around(db, (&session, entry, place), executing).await;
    drop(doing);
    if result.is_ok() {
        result = again::note(db, &session).await;
    }
    if result.is_ok() {
        db.put_target_back(session);
        db.cx.board.change(&db.name, |g| g.steps_done += 1);
    }
    result
}

async fn perform_entries(db: &Db, script: &Script, entries: &[&Entry]) -> Result<(), Failure> {
    let session = db.target().await?;
    let Some(first) = entries.first() else { return Ok(()) };
    let doing = db.cx.board.doing(&db.name, titled(first.title(), entries.len()), None);
    db.works(&doing, Side::Target, &session).await?;
    let mut result = execute_in_order(db, &session, script, entries).await;
    drop(doing);
    if result.is_ok() {
        result = again::note(db, &session).await;
    }
    if result.is_ok() {
        db.put_target_back(session);
        db.cx.board.change(&db.name, |g| g.steps_done += entries.len() as u64);
    }
    result
}

/// Sequences do not obey snapshots: read after the last row, they are never behind what the rows hold.
async fn data_is_in(shared: &Shared) -> Result<(), Failure> {
    let db = &shared.db;
    let holder = shared.snapshot.holder()?;
    for batch in shared.snapshot.sequences.chunks(SEQUENCE_BATCH) {
        let names: Vec<_> = batch.iter().map(|s| &s.name).collect();
        match read_values(db, &holder, &names).await {
            Ok(values) => remember(shared, batch, &values),
            Err(failure) if crate::engine::retry::ends_the_database(&failure) => return Err(failure),
            // One that may not be read must not take the others along: again, one by one, in a session of its own,
            // because the holder's transaction is over now. It is not needed any more: all rows are read.
            Err(_) => one_by_one(shared, batch).await?,
        }
    }
    let sequences = shared.sequences.lock().unwrap_or_else(PoisonError::into_inner).clone();
    db.progress.data_is_in(sequences);
    shared.snapshot.release();
    db.pools.clear_pairs();
    db.cx.board.change(&db.name, |g| g.phase = g.phase.max(Some(Phase::Indexes)));
    Ok(())
}

async fn one_by_one(shared: &Shared, batch: &[SequenceFacts]) -> Result<(), Failure> {
    let db = &shared.db;
    let session = db.cx.source_session(&db.name).await?;
    for sequence in batch {
        match read_values(db, &session, &[&sequence.name]).await {
            Ok(values) => remember(shared, std::slice::from_ref(sequence), &values),
            Err(failure) if crate::engine::retry::ends_the_database(&failure) => return Err(failure),
            Err(failure) => {
                let title = format!("the value of sequence {} could not be read", sequence.name);
                let finding = Finding::lost("sequence", title).because(failure.what);
                db.finding(finding.fix("grant SELECT on it on the source").object(sequence.name.to_string()));
            }
        }
    }
    Ok(())
}

async fn read_values(
    db: &Db,
    session: &crate::pg::connect::Session,
    names: &[&TableName],
) -> Result<Vec<(i32, i64, bool)>, Failure> {
    let sql = read_sequences(names);
    let rows = db.guarded(session.canceller(), session.query(sql.as_str(), &[])).await?;
    rows.iter().map(|row| read_value(row).map_err(|e| crate::pg::error::Error::from(e).into())).collect()
}

fn read_value(row: &tokio_postgres::Row) -> Result<(i32, i64, bool), tokio_postgres::Error> {
    Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?))
}

fn remember(shared: &Shared, batch: &[SequenceFacts], values: &[(i32, i64, bool)]) {
    let mut all = shared.sequences.lock().unwrap_or_else(PoisonError::into_inner);
    for (at, last_value, is_called) in values {
        let facts = usize::try_from(*at).ok().and_then(|at| batch.get(at));
        if let Some(facts) = facts.cloned() {
            all.push(SequenceValue { facts, last_value: *last_value, is_called: *is_called });
        }
    }
}

/// Privileges come after everything that they could have hindered, in the archive's order: column privileges follow
/// those of their table.
async fn privileges(db: &Db, script: &Script) -> Result<(), Failure> {
    if db.occupied {
        return Ok(());
    }
    let session = db.target().await?;
    let sent = |e: &&Entry| matches!(e.handling(), Handling::Execute | Handling::Nothing);
    let all = script.archive.entries.iter().filter(|e| e.pass() == Pass::Privileges);
    let entries: Vec<_> = all.filter(sent).collect();
    execute_in_order(db, &session, script, &entries).await?;
    db.put_target_back(session);
    Ok(())
}
