//! Rows, indexes, constraints and everything after them, as one graph: what is ready runs, whatever phase it is of.
//!
//! ```text
//! tables, large objects ──► data is in: read sequences, let go of the snapshot
//!      │
//!      └──► keys of a table ──► its other indexes ──► foreign keys ──► triggers, policies, rules, publications
//! ```
//! pg_dump's own dependencies come on top of this order.

use super::copy;
use super::entries::{Script, execute_entry, execute_in_order};
use super::large_objects;
use super::snapshot::Snapshot;
use crate::engine::database::Db;
use crate::engine::graph::{Graph, NodeId, Ran};
use crate::model::check::Finding;
use crate::model::event::{Event, PhaseOutcome};
use crate::model::failure::Failure;
use crate::model::phase::Phase;
use crate::model::units::TableName;
use crate::pg::archive::{Entry, Handling, Pass, Section};
use crate::pg::facts::objects::SequenceFacts;
use crate::pg::statement::data::read_sequences;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// `pg_class`'s own OID, which the archive names for relations.
const PG_CLASS: u32 = 1259;
/// Small pieces that unblock others go before rows of small tables, but never before a large table.
const WEIGHT_OF_STATEMENT: u64 = 64 << 20;
/// Sequences that are read in one round trip.
const SEQUENCE_BATCH: usize = 200;
/// Large objects that one worker takes on at a time.
const LARGE_OBJECT_BATCH: usize = 500;

/// A sequence and where it stood after the last row was read.
#[derive(Debug, Clone)]
pub(crate) struct SequenceValue {
    pub(crate) facts: SequenceFacts,
    pub(crate) last_value: i64,
    pub(crate) is_called: bool,
}

enum Work {
    /// Position in the snapshot's list of tables.
    Table(usize),
    /// A range of the snapshot's list of large objects.
    LargeObjects(std::ops::Range<usize>),
    /// All rows are read: read the sequences, end the snapshot.
    DataIsIn,
    /// Position in the archive.
    Entry(usize),
}

/// What the workers share.
struct Shared {
    db: Arc<Db>,
    snapshot: Arc<Snapshot>,
    script: Arc<Script>,
    sequences: Mutex<Vec<SequenceValue>>,
}

/// Runs the graph and returns the sequences' values.
pub(crate) async fn run(
    db: &Arc<Db>,
    snapshot: &Arc<Snapshot>,
    script: &Arc<Script>,
) -> Result<Vec<SequenceValue>, Failure> {
    for phase in [Phase::Copy, Phase::Indexes] {
        db.cx.emit.record(Event::PhaseBegan { phase, database: Some(db.name.clone()) });
    }
    db.cx.board.change(&db.name, |g| g.phase = Some(Phase::Copy));
    let graph = build(db, snapshot, script);
    let shared = Arc::new(Shared {
        db: Arc::clone(db),
        snapshot: Arc::clone(snapshot),
        script: Arc::clone(script),
        sequences: Mutex::new(Vec::new()),
    });
    let workers = Arc::clone(&shared);
    let ran = graph.run(&db.cx.slots, &db.cancel, move |work| perform(Arc::clone(&workers), work)).await;
    snapshot.release();
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
    result?;
    let sequences = shared.sequences.lock().unwrap_or_else(PoisonError::into_inner).clone();
    Ok(sequences)
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
    let titles = unready.iter().filter_map(|work| match work {
        Work::Entry(at) => {
            let entry = &script.archive.entries[*at];
            script.settle(entry);
            Some(entry.title())
        }
        _ => None,
    });
    let titles: Vec<_> = titles.collect();
    if !titles.is_empty() {
        db.finding(
            Finding::lost("not-executed", "entries that wait for each other were not executed")
                .objects(titles),
        );
    }
}

async fn perform(shared: Arc<Shared>, work: Work) {
    let Shared { db, snapshot, script, .. } = &*shared;
    let result = match work {
        Work::Table(at) => copy::run(db, snapshot, &snapshot.tables[at]).await,
        Work::LargeObjects(range) => large_objects::run(db, snapshot, &snapshot.large_objects[range]).await,
        Work::DataIsIn => data_is_in(&shared).await,
        Work::Entry(at) => perform_entry(db, script, &script.archive.entries[at]).await,
    };
    if let Err(failure) = result {
        db.abort(failure);
    }
}

async fn perform_entry(db: &Db, script: &Script, entry: &Entry) -> Result<(), Failure> {
    let session = db.target().await?;
    let doing = db.cx.board.doing(&db.name, entry.title(), None);
    let result = execute_entry(db, &session, script, entry).await;
    drop(doing);
    if result.is_ok() {
        db.put_target_back(session);
        db.cx.board.change(&db.name, |g| g.steps_done += 1);
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

fn build(db: &Db, snapshot: &Snapshot, script: &Script) -> Graph<Work> {
    let mut graph = Graph::new();
    let mut tables: HashMap<i64, NodeId> = HashMap::new();
    for (at, table) in snapshot.tables.iter().enumerate() {
        tables.insert(table.oid, graph.add(Work::Table(at), table.size_bytes, vec![]));
    }
    let mut data: Vec<NodeId> = tables.values().copied().collect();
    let count = snapshot.large_objects.len();
    for start in (0..count).step_by(LARGE_OBJECT_BATCH) {
        let range = start..(start + LARGE_OBJECT_BATCH).min(count);
        data.push(graph.add(Work::LargeObjects(range), WEIGHT_OF_STATEMENT, vec![]));
    }
    graph.add(Work::DataIsIn, u64::MAX, data.clone());
    if !db.occupied {
        add_entries(db, &mut graph, script, &tables, &data);
    }
    graph
}

/// At which point of the order an entry after the rows may run.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    /// Primary keys, unique and exclusion constraints: they lock their table exclusively, so a table's own are done one
    /// after the other and before its indexes.
    Key,
    Index,
    /// Indexes of partitions made part of their parent's: one after the other, for each looks at whether the parent is
    /// complete now, and two at a time may both find that it is not. Of a tree in several levels, pg_dump does not name
    /// all dependencies.
    Attach,
    ForeignKey,
    /// What must not see rows being loaded, or watches over them. One after the other: the state of a partition's
    /// trigger refers to a trigger that came with its parent's, which pg_dump does not always name.
    Guard,
    /// Only pg_dump's own dependencies.
    Other,
}

fn rank(entry: &Entry) -> Rank {
    match entry.desc.as_str() {
        "CONSTRAINT" | "CHECK CONSTRAINT" => Rank::Key,
        "INDEX" => Rank::Index,
        "INDEX ATTACH" => Rank::Attach,
        "FK CONSTRAINT" => Rank::ForeignKey,
        "TRIGGER"
        | "POLICY"
        | "ROW SECURITY"
        | "PUBLICATION"
        | "PUBLICATION TABLE"
        | "PUBLICATION TABLES IN SCHEMA" => Rank::Guard,
        _ => Rank::Other,
    }
}

fn add_entries(
    db: &Db,
    graph: &mut Graph<Work>,
    script: &Script,
    tables: &HashMap<i64, NodeId>,
    data: &[NodeId],
) {
    let entries = &script.archive.entries;
    let sections = script.archive.sections();
    let mut nodes: HashMap<i32, NodeId> = HashMap::new();
    // A dependency on a table means its rows.
    for entry in entries.iter().filter(|e| e.catalog_oid == PG_CLASS) {
        if let Some(node) = tables.get(&i64::from(entry.object_oid)) {
            nodes.insert(entry.dump_id, *node);
        }
    }
    let mut added: Vec<(NodeId, usize, Rank)> = Vec::new();
    for (at, entry) in entries.iter().enumerate() {
        let ours = matches!(entry.handling(), Handling::Execute | Handling::Nothing)
            && entry.pass() == Pass::Main
            && sections[at] != Section::PreData;
        if ours {
            let node = graph.add(Work::Entry(at), WEIGHT_OF_STATEMENT, vec![]);
            nodes.insert(entry.dump_id, node);
            added.push((node, at, rank(entry)));
        }
    }
    db.cx.board.change(&db.name, |g| g.steps_total = added.len() as u64);
    for (node, at, _) in &added {
        for on in &entries[*at].dependencies {
            if let Some(on) = nodes.get(on) {
                graph.depend(*node, *on);
            }
        }
    }
    order_by_rank(graph, entries, &added, data);
}

fn order_by_rank(
    graph: &mut Graph<Work>,
    entries: &[Entry],
    added: &[(NodeId, usize, Rank)],
    data: &[NodeId],
) {
    // By table: the last key so far, for keys queue up and indexes wait for them.
    let table_of: HashMap<i32, u32> =
        entries.iter().filter(|e| e.desc == "TABLE").map(|e| (e.dump_id, e.object_oid)).collect();
    let own_table = |at: usize| entries[at].dependencies.iter().find_map(|d| table_of.get(d)).copied();
    let mut last_key: HashMap<u32, NodeId> = HashMap::new();
    let data_is_in = graph.meeting_point(data.to_vec());
    for (node, at, _) in added.iter().filter(|a| a.2 == Rank::Key) {
        if let Some(table) = own_table(*at)
            && let Some(before) = last_key.insert(table, *node)
        {
            graph.depend(*node, before);
        }
        // A check that is not valid reaches the children of its table, and a domain's any table: rows that break it
        // must be in before it comes.
        if entries[*at].reaches_children() {
            graph.depend(*node, data_is_in);
        }
    }
    for (node, at, _) in added.iter().filter(|a| a.2 == Rank::Index) {
        if let Some(key) = own_table(*at).and_then(|table| last_key.get(&table)) {
            graph.depend(*node, *key);
        }
    }
    let of_rank = |wanted: &[Rank]| -> Vec<NodeId> {
        added.iter().filter(|a| wanted.contains(&a.2)).map(|a| a.0).collect()
    };
    let mut before_attaching = of_rank(&[Rank::Key, Rank::Index]);
    before_attaching.push(data_is_in);
    let attach_may = graph.meeting_point(before_attaching);
    let attached = graph.chain(attach_may, of_rank(&[Rank::Attach]));
    let keys_may = graph.meeting_point(vec![attached]);
    let foreign_keys = of_rank(&[Rank::ForeignKey]);
    for node in &foreign_keys {
        graph.depend(*node, keys_may);
    }
    let mut before_guards = foreign_keys;
    before_guards.push(keys_may);
    let guards_may = graph.meeting_point(before_guards);
    graph.chain(guards_may, of_rank(&[Rank::Guard]));
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
