//! The archive's entries after the rows: which go together, and what each waits for.

use super::super::entries::Script;
use super::super::snapshot::Snapshot;
use super::Work;
use super::cost::{Costs, PG_CLASS};
use super::order::{RowNodes, TOGETHER};
use crate::engine::graph::{Graph, LockId, NodeId};
use crate::model::units::TableName;
use crate::pg::archive::{Entry, Handling, Pass, Section};
use crate::pg::facts::tables::Belongs;
use std::collections::{BTreeMap, HashMap, HashSet};

/// At which point of the order an entry after the rows may run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Rank {
    /// Primary keys, unique and exclusion constraints: they lock their table exclusively, so a table's own are done one
    /// after the other and before its indexes.
    Key,
    /// Indexes, and statistics objects, which are to be there before their table is analyzed.
    Index,
    /// Indexes of partitions made part of their parent's: one after the other, for each looks at whether the parent is
    /// complete now, and two at a time may both find that it is not. Of a tree in several levels, pg_dump does not name
    /// all dependencies.
    Attach,
    /// They lock both of their tables against everything but reading.
    ForeignKey,
    /// What must not see rows being loaded, or watches over them. One after the other: the state of a partition's
    /// trigger refers to a trigger that came with its parent's, which pg_dump does not always name.
    Guard,
    /// Comments and labels: nothing waits for them.
    Remark,
    /// Only pg_dump's own dependencies.
    Other,
}

fn rank(entry: &Entry) -> Rank {
    match entry.desc.as_str() {
        "CONSTRAINT" | "CHECK CONSTRAINT" => Rank::Key,
        "INDEX" | "STATISTICS" => Rank::Index,
        "INDEX ATTACH" => Rank::Attach,
        "FK CONSTRAINT" => Rank::ForeignKey,
        "TRIGGER"
        | "POLICY"
        | "ROW SECURITY"
        | "PUBLICATION"
        | "PUBLICATION TABLE"
        | "PUBLICATION TABLES IN SCHEMA" => Rank::Guard,
        "COMMENT" | "SECURITY LABEL" => Rank::Remark,
        _ => Rank::Other,
    }
}

/// A node of entries.
struct Added {
    node: NodeId,
    positions: Vec<usize>,
    rank: Rank,
    /// OIDs of the tables that they are about.
    tables: Vec<i64>,
}

/// An entry that is to become part of the graph.
struct Candidate {
    at: usize,
    rank: Rank,
    tables: Vec<i64>,
}

/// The graph while the archive's entries are put into it.
pub(super) struct Drawing<'a> {
    pub(super) graph: Graph<Work>,
    snapshot: &'a Snapshot,
    entries: &'a [Entry],
    sections: Vec<Section>,
    rows: RowNodes,
    costs: Costs,
    /// By dump id.
    positions: HashMap<i32, usize>,
    /// By dump id, what has to be done before it is there.
    nodes: HashMap<i32, NodeId>,
    /// By table's OID, the top of its partition tree: what is locked together.
    roots: HashMap<i64, LockId>,
    /// For each root the point at which its rows, keys and indexes are there.
    complete: HashMap<LockId, NodeId>,
    added: Vec<Added>,
}

impl<'a> Drawing<'a> {
    pub(super) fn new(
        graph: Graph<Work>,
        snapshot: &'a Snapshot,
        script: &'a Script,
        rows: RowNodes,
    ) -> Self {
        let entries = &script.archive.entries;
        let mut nodes = HashMap::new();
        // A dependency on a table means its rows.
        for entry in entries.iter().filter(|e| e.catalog_oid == PG_CLASS) {
            if let Some(node) = rows.tables.get(&i64::from(entry.object_oid)) {
                nodes.insert(entry.dump_id, *node);
            }
        }
        Self {
            graph,
            snapshot,
            entries,
            sections: script.archive.sections(),
            rows,
            costs: Costs::of(snapshot),
            positions: entries.iter().enumerate().map(|(at, e)| (e.dump_id, at)).collect(),
            nodes,
            roots: roots(snapshot, entries),
            complete: HashMap::new(),
            added: Vec::new(),
        }
    }

    /// How many entries there are in it.
    pub(super) fn steps(&self) -> u64 {
        self.added.iter().map(|a| a.positions.len() as u64).sum()
    }

    fn is_ours(&self, at: usize) -> bool {
        let entry = &self.entries[at];
        matches!(entry.handling(), Handling::Execute | Handling::Nothing)
            && entry.pass() == Pass::Main
            && self.sections[at] != Section::PreData
    }

    /// The tables that an entry names, or, if it names none, those of what it names (a partition's index).
    fn tables_of(&self, entry: &Entry) -> Vec<i64> {
        let named = |entry: &Entry| -> Vec<i64> {
            let all = entry.dependencies.iter().filter_map(|id| self.positions.get(id));
            let tables = all.map(|at| &self.entries[*at]).filter(|e| e.desc == "TABLE");
            tables.map(|e| i64::from(e.object_oid)).collect()
        };
        let mut tables = named(entry);
        if tables.is_empty() {
            let all = entry.dependencies.iter().filter_map(|id| self.positions.get(id));
            tables = all.flat_map(|at| named(&self.entries[*at])).collect();
        }
        tables.sort_unstable();
        tables.dedup();
        tables
    }

    /// Makes the nodes, and puts pg_dump's dependencies between them.
    pub(super) fn entries(&mut self) {
        let ours = (0..self.entries.len()).filter(|at| self.is_ours(*at));
        let candidates: Vec<_> = ours
            .map(|at| {
                let entry = &self.entries[at];
                Candidate { at, rank: rank(entry), tables: self.tables_of(entry) }
            })
            .collect();
        for (positions, rank, tables) in self.batches(candidates) {
            let cost = positions.iter().map(|at| self.costs.entry(&self.entries[*at], &tables)).sum();
            let work = match positions.as_slice() {
                [one] => Work::Entry(*one),
                all => Work::Entries(all.to_vec()),
            };
            let node = self.graph.add(work, cost, vec![]);
            for at in &positions {
                self.nodes.insert(self.entries[*at].dump_id, node);
            }
            self.added.push(Added { node, positions, rank, tables });
        }
        for added in &self.added {
            let all = added.positions.iter().flat_map(|at| &self.entries[*at].dependencies);
            for on in all.filter_map(|on| self.nodes.get(on)).collect::<HashSet<_>>() {
                self.graph.depend(added.node, *on);
            }
        }
    }

    /// Small ones are put together, as far as nothing else can come between them.
    fn batches(&self, candidates: Vec<Candidate>) -> Vec<(Vec<usize>, Rank, Vec<i64>)> {
        let mut batches: Vec<(Vec<usize>, Rank, Vec<i64>)> = Vec::new();
        // By the node of their rows, by root, and the one that is being filled of each rank.
        let mut of_rows: BTreeMap<NodeId, usize> = BTreeMap::new();
        let mut of_root: HashMap<Option<LockId>, usize> = HashMap::new();
        let mut open: HashMap<Rank, usize> = HashMap::new();
        for candidate in candidates {
            let Candidate { at, rank, tables } = candidate;
            let small = !tables.is_empty() && tables.iter().all(|oid| self.rows.small.contains(oid));
            let place = match rank {
                Rank::Key | Rank::Index if small && self.stays_within(at, &tables) => {
                    tables.first().and_then(|oid| self.rows.tables.get(oid)).map(|rows| {
                        let fresh = batches.len();
                        *of_rows.entry(*rows).or_insert(fresh)
                    })
                }
                Rank::Attach => {
                    let fresh = batches.len();
                    let root = tables.first().and_then(|oid| self.roots.get(oid)).copied();
                    Some(*of_root.entry(root).or_insert(fresh))
                }
                Rank::ForeignKey if small => Some(next_open(&batches, &mut open, rank)),
                Rank::Remark => Some(next_open(&batches, &mut open, rank)),
                // What waits for something else begins a new batch, so that this may wait for the batch before.
                Rank::Guard if self.waits_for_others(at) => {
                    open.remove(&rank);
                    Some(next_open(&batches, &mut open, rank))
                }
                Rank::Guard => Some(next_open(&batches, &mut open, rank)),
                _ => None,
            };
            match place.and_then(|place| batches.get_mut(place)) {
                Some((positions, _, all)) => {
                    positions.push(at);
                    all.extend(tables);
                }
                None => batches.push((vec![at], rank, tables)),
            }
        }
        for (positions, _, tables) in &mut batches {
            // Keys before indexes; else the archive's order.
            positions.sort_by_key(|at| (rank(&self.entries[*at]), *at));
            tables.sort_unstable();
            tables.dedup();
        }
        batches
    }

    /// Whether all that it waits for after the rows is about the same table.
    fn stays_within(&self, at: usize, tables: &[i64]) -> bool {
        let all = self.entries[at].dependencies.iter().filter_map(|id| self.positions.get(id));
        all.filter(|at| self.is_ours(**at)).all(|at| {
            let entry = &self.entries[*at];
            rank(entry) <= Rank::Index && self.tables_of(entry) == tables
        })
    }

    fn waits_for_others(&self, at: usize) -> bool {
        let mut all = self.entries[at].dependencies.iter().filter_map(|id| self.positions.get(id));
        all.any(|at| self.is_ours(*at) && matches!(rank(&self.entries[*at]), Rank::Other | Rank::Guard))
    }

    fn of_rank(&self, wanted: &[Rank]) -> Vec<NodeId> {
        self.added.iter().filter(|a| wanted.contains(&a.rank)).map(|a| a.node).collect()
    }

    /// Puts our own order on top of pg_dump's.
    pub(super) fn order(&mut self) {
        let data = self.graph.meeting_point(self.rows.all.clone());
        self.keys_before_indexes(data);
        // What cannot be told apart by its table waits for all.
        let mut everything = self.of_rank(&[Rank::Key, Rank::Index]);
        everything.push(data);
        let everything = self.graph.meeting_point(everything);
        self.complete_roots(everything);
        let attached = self.graph.meeting_point([vec![everything], self.of_rank(&[Rank::Attach])].concat());
        for added in self.added.iter().filter(|a| a.rank == Rank::ForeignKey) {
            if added.tables.is_empty() {
                self.graph.depend(added.node, attached);
            }
            for root in added.tables.iter().filter_map(|oid| self.roots.get(oid)).collect::<HashSet<_>>() {
                let complete = self.complete.get(root).copied().unwrap_or(attached);
                self.graph.depend(added.node, complete);
                self.graph.lock(added.node, *root);
            }
        }
        let before_guards = [vec![attached], self.of_rank(&[Rank::ForeignKey])].concat();
        let guards_may = self.graph.meeting_point(before_guards);
        self.graph.chain(guards_may, self.of_rank(&[Rank::Guard]));
    }

    fn keys_before_indexes(&mut self, data: NodeId) {
        // By table: the last key so far, for keys queue up and indexes wait for them.
        let mut last_key: HashMap<i64, NodeId> = HashMap::new();
        for added in self.added.iter().filter(|a| a.rank == Rank::Key) {
            for table in &added.tables {
                if let Some(before) = last_key.insert(*table, added.node) {
                    self.graph.depend(added.node, before);
                }
            }
            // A check that is not valid reaches the children of its table, and a domain's any table: rows that break it
            // must be in before it comes.
            if added.positions.iter().any(|at| self.entries[*at].reaches_children()) {
                self.graph.depend(added.node, data);
            }
        }
        for added in self.added.iter().filter(|a| a.rank == Rank::Index) {
            for key in added.tables.iter().filter_map(|table| last_key.get(table)) {
                self.graph.depend(added.node, *key);
            }
        }
    }

    /// For each root the point at which nothing is missing but foreign keys and what watches.
    fn complete_roots(&mut self, everything: NodeId) {
        let mut waits: BTreeMap<LockId, Vec<NodeId>> = BTreeMap::new();
        for (oid, root) in &self.roots {
            waits.entry(*root).or_default().extend(self.rows.tables.get(oid));
        }
        for added in self.added.iter().filter(|a| a.rank <= Rank::Index) {
            for root in added.tables.iter().filter_map(|oid| self.roots.get(oid)) {
                waits.entry(*root).or_default().push(added.node);
            }
        }
        for (root, mut nodes) in waits {
            nodes.sort_unstable();
            nodes.dedup();
            self.complete.insert(root, self.graph.meeting_point(nodes));
        }
        for added in self.added.iter().filter(|a| a.rank == Rank::Attach) {
            let root = added.tables.first().and_then(|oid| self.roots.get(oid));
            let may = root.and_then(|root| self.complete.get(root)).copied();
            self.graph.depend(added.node, may.unwrap_or(everything));
            if let Some(root) = root {
                self.complete.insert(*root, added.node);
            }
        }
    }

    /// Statistics of tables, as soon as their indexes are there. Not of partitions and of those that others inherit from:
    /// the top's statistics are about all of their rows.
    pub(super) fn statistics(&mut self) {
        let oid_of = |e: &Entry| (e.desc == "TABLE").then_some(i64::from(e.object_oid));
        let tables = || self.entries.iter().filter(|e| e.desc == "TABLE");
        let parents: HashSet<i64> = tables()
            .flat_map(|e| &e.dependencies)
            .filter_map(|id| oid_of(&self.entries[*self.positions.get(id)?]))
            .collect();
        let alone = |table: &crate::pg::facts::tables::TableFacts| {
            table.ancestors.is_empty() && table.belongs == Belongs::User && !parents.contains(&table.oid)
        };
        let mut together: BTreeMap<NodeId, Vec<usize>> = BTreeMap::new();
        for (at, table) in self.snapshot.tables.iter().enumerate().filter(|(_, t)| alone(t)) {
            let node = self.rows.tables.get(&table.oid).copied().unwrap_or(usize::MAX - at);
            together.entry(node).or_default().push(at);
        }
        for batch in together
            .into_values()
            .flat_map(|all| all.chunks(TOGETHER).map(<[usize]>::to_vec).collect::<Vec<_>>())
        {
            let cost = batch.iter().map(|at| Costs::analyze(self.snapshot.tables[*at].size_bytes)).sum();
            let roots: Vec<_> = batch
                .iter()
                .filter_map(|at| self.roots.get(&self.snapshot.tables[*at].oid))
                .copied()
                .collect();
            let rows = batch.iter().filter_map(|at| self.rows.tables.get(&self.snapshot.tables[*at].oid));
            let waits =
                roots.iter().filter_map(|root| self.complete.get(root)).chain(rows).copied().collect();
            let node = self.graph.add(Work::Analyze(batch), cost, waits);
            roots.into_iter().for_each(|root| self.graph.lock(node, root));
        }
        self.statistics_of_trees();
    }

    /// Of partitions together with the top of their tree, which is the longest of all that is analyzed.
    fn statistics_of_trees(&mut self) {
        let mut trees: BTreeMap<&TableName, (LockId, u64)> = BTreeMap::new();
        for table in self.snapshot.tables.iter().filter(|table| table.belongs == Belongs::User) {
            if let (Some(top), Some(root)) = (table.ancestors.last(), self.roots.get(&table.oid)) {
                trees.entry(top).or_insert((*root, 0)).1 += 2 * Costs::analyze(table.size_bytes);
            }
        }
        for (top, (root, cost)) in trees {
            let Some(complete) = self.complete.get(&root) else { continue };
            let node = self.graph.add(Work::AnalyzeTree(top.clone()), cost, vec![*complete]);
            self.graph.lock(node, root);
        }
    }
}

/// The batch of this rank that has room, or the next one.
fn next_open(batches: &[(Vec<usize>, Rank, Vec<i64>)], open: &mut HashMap<Rank, usize>, rank: Rank) -> usize {
    let has_room = |place: &usize| batches.get(*place).is_some_and(|b| b.0.len() < TOGETHER);
    match open.get(&rank).filter(|place| has_room(place)) {
        Some(place) => *place,
        None => {
            open.insert(rank, batches.len());
            batches.len()
        }
    }
}

/// Tables by OID, and the number of the top of their partition tree.
fn roots(snapshot: &Snapshot, entries: &[Entry]) -> HashMap<i64, LockId> {
    let mut tops: HashMap<&TableName, &TableName> = HashMap::new();
    for table in &snapshot.tables {
        if let Some(top) = table.ancestors.last() {
            tops.extend(table.ancestors.iter().chain([&table.name]).map(|name| (name, top)));
        }
    }
    let mut numbers: HashMap<TableName, LockId> = HashMap::new();
    let mut roots = HashMap::new();
    for entry in entries.iter().filter(|e| e.desc == "TABLE") {
        let name = TableName::new(entry.namespace.clone().unwrap_or_default(), entry.tag.clone());
        let top = tops.get(&name).map_or(name, |top| (*top).clone());
        let fresh = numbers.len();
        roots.insert(i64::from(entry.object_oid), *numbers.entry(top).or_insert(fresh));
    }
    roots
}
