//! What waits for what.
//!
//! ```text
//! tables (large ones in parts, small ones together), large objects ──► data is in: read sequences, let go of the snapshot
//!      │
//!      └──► keys of a table ──► its other indexes ──► its statistics
//!                                     └── of both tables ──► foreign keys ──► triggers, policies, rules, publications
//! ```
//! pg_dump's own dependencies come on top of this order.

use super::super::copy::{self, FROZEN_FROM_BYTES};
use super::super::data;
use super::super::entries::Script;
use super::super::parts::Split;
use super::super::snapshot::Snapshot;
use super::Work;
use super::cost::STATEMENT;
use super::entries::Drawing;
use crate::engine::database::Db;
use crate::engine::graph::{Graph, NodeId};
use crate::pg::facts::tables::{Belongs, TableFacts};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// Large objects that one worker takes on at a time.
pub(super) const LARGE_OBJECT_BATCH: usize = 500;
/// Small tables, and statements about them, that travel together.
pub(super) const TOGETHER: usize = 50;
/// With fewer small tables for each worker than this, each goes alone.
const MANY: usize = 8;
/// Tables are copied in parts from this size on, unless the operator says otherwise, in bytes. Below it starting a part
/// takes more than it brings.
const SPLIT_FROM_BYTES: u64 = 256 << 20;
/// A table whose rows can be written frozen loses that in parts, and then costs the target half as much again (10 million
/// short rows: 9.0 s of its processors instead of 5.6). Fewer workers than this do not make up for it.
const SPLIT_FROZEN_FROM_JOBS: u64 = 4;
/// TID range scans are from 14; before, each part would read the whole table.
const SPLIT_FROM_VERSION: u32 = 14;
/// Parts for each worker, so that all end at about the same time.
const PARTS_PER_JOB: u64 = 4;

pub(super) fn build(db: &Db, snapshot: &Snapshot, script: &Script) -> Graph<Work> {
    let (graph, whole) = draw(db, snapshot, script, &HashMap::new());
    let parts = in_parts(db, snapshot, (&graph, &whole));
    if parts.is_empty() { graph } else { draw(db, snapshot, script, &parts).0 }
}

/// Which tables are worth to be copied in parts, and in how many: those whose chain of work is longer than everything
/// divided by the workers, so that the whole would wait for them.
fn in_parts(
    db: &Db,
    snapshot: &Snapshot,
    drawn: (&Graph<Work>, &HashMap<usize, NodeId>),
) -> HashMap<usize, u64> {
    let (graph, nodes) = drawn;
    let jobs = u64::from(db.cx.room.jobs);
    if db.occupied || jobs < 2 || !db.cx.source_facts.version.at_least(SPLIT_FROM_VERSION) {
        return HashMap::new();
    }
    let asked = db.cx.plan.split_from_bytes;
    let least = asked.unwrap_or(SPLIT_FROM_BYTES).max(1);
    let chains = graph.chains();
    let fair = graph.total_cost() / jobs;
    let mut parts = HashMap::new();
    for (at, table) in snapshot.tables.iter().enumerate() {
        let long = nodes.get(&at).is_some_and(|node| chains[*node] > fair)
            && (jobs >= SPLIT_FROZEN_FROM_JOBS || !copy::may_freeze(db, table));
        let (Belongs::User, Some(_)) = (&table.belongs, table.heap_blocks) else { continue };
        if table.size_bytes >= least && !table.columns.is_empty() && (asked.is_some() || long) {
            let size = (fair / PARTS_PER_JOB).max(least / 4).max(1);
            parts.insert(at, table.size_bytes.div_ceil(size).clamp(2, jobs * PARTS_PER_JOB));
        }
    }
    parts
}

/// The graph, and the node of each table that is copied whole.
fn draw(
    db: &Db,
    snapshot: &Snapshot,
    script: &Script,
    in_parts: &HashMap<usize, u64>,
) -> (Graph<Work>, HashMap<usize, NodeId>) {
    let mut graph = Graph::new();
    let rows = add_rows(db, snapshot, &mut graph, in_parts);
    let whole = rows.whole.clone();
    let data_is_in = graph.add(Work::DataIsIn, STATEMENT, rows.all.clone());
    graph.urge(data_is_in);
    if !db.occupied {
        let mut drawing = Drawing::new(graph, snapshot, script, rows);
        drawing.entries();
        drawing.order();
        if !data::imports_statistics(db) {
            drawing.statistics();
        }
        let steps = drawing.steps();
        db.cx.board.change(&db.name, |g| g.steps_total = steps);
        graph = drawing.graph;
    }
    (graph, whole)
}

/// Where the rows come in.
pub(super) struct RowNodes {
    /// By table's OID, the node after which its rows are in.
    pub(super) tables: HashMap<i64, NodeId>,
    /// By position, the node of a table that is copied alone.
    whole: HashMap<usize, NodeId>,
    /// OIDs of tables that are copied together with others.
    pub(super) small: HashSet<i64>,
    pub(super) all: Vec<NodeId>,
}

fn add_rows(
    db: &Db,
    snapshot: &Snapshot,
    graph: &mut Graph<Work>,
    in_parts: &HashMap<usize, u64>,
) -> RowNodes {
    let mut rows =
        RowNodes { tables: HashMap::new(), whole: HashMap::new(), small: HashSet::new(), all: Vec::new() };
    let is_small = |table: &TableFacts| {
        !db.occupied
            && table.size_bytes < FROZEN_FROM_BYTES
            && table.ancestors.is_empty()
            && table.belongs == Belongs::User
    };
    let mut small: Vec<usize> =
        (0..snapshot.tables.len()).filter(|at| is_small(&snapshot.tables[*at])).collect();
    if small.len() < MANY * db.cx.room.jobs as usize {
        small.clear();
    }
    for batch in small.chunks(TOGETHER) {
        let cost = batch.iter().map(|at| snapshot.tables[*at].size_bytes + STATEMENT).sum();
        let node = graph.add(Work::SmallTables(batch.to_vec()), cost, vec![]);
        let oids: Vec<_> = batch.iter().map(|at| snapshot.tables[*at].oid).collect();
        rows.tables.extend(oids.iter().map(|oid| (*oid, node)));
        rows.small.extend(oids);
        rows.all.push(node);
    }
    for (at, table) in snapshot.tables.iter().enumerate().filter(|(_, t)| !rows.small.contains(&t.oid)) {
        let node = match (in_parts.get(&at), table.heap_blocks) {
            (Some(parts), Some(blocks)) => add_parts(graph, Split::new(at, blocks, *parts), table),
            _ => graph.add(Work::Table(at), table.size_bytes + STATEMENT, vec![]),
        };
        rows.whole.insert(at, node);
        rows.tables.insert(table.oid, node);
        rows.all.push(node);
    }
    let count = snapshot.large_objects.len();
    for start in (0..count).step_by(LARGE_OBJECT_BATCH) {
        let range = start..(start + LARGE_OBJECT_BATCH).min(count);
        let cost = range.len() as u64 * STATEMENT;
        rows.all.push(graph.add(Work::LargeObjects(range), cost, vec![]));
    }
    rows
}

/// The parts of a table, and the point at which all of them are in.
fn add_parts(graph: &mut Graph<Work>, split: Split, table: &TableFacts) -> NodeId {
    let split = Arc::new(split);
    let count = split.parts.len();
    let cost = table.size_bytes / count as u64 + STATEMENT;
    let nodes: Vec<_> =
        (0..count).map(|part| graph.add(Work::Part(Arc::clone(&split), part), cost, vec![])).collect();
    graph.meeting_point(nodes)
}
