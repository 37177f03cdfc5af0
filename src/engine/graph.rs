//! Work with dependencies: what is ready runs, as far as slots are free and what it locks is not locked by others; the
//! one that most work waits for goes first.

use super::board::Queued;
use super::slots::{Place, Slots};
use crate::model::gauges::Hurdle;
use std::collections::{BinaryHeap, HashMap};
use std::future::Future;
use std::sync::Arc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Number of a piece of work within its graph.
pub(crate) type NodeId = usize;

/// Something on a server that a piece of work locks while it runs: a table with all its partitions. Two that lock the same
/// do not run at the same time: on the server one of them would wait for the other, and keep a slot while it does.
pub(crate) type LockId = usize;

/// When a piece of work is begun, among those that are ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Urgency {
    /// By the cost of the longest chain of work that begins with it: then no long chain runs alone at the end.
    ByChain,
    First,
}

#[derive(Debug)]
pub(crate) struct Graph<T> {
    nodes: Vec<Node<T>>,
}

#[derive(Debug)]
struct Node<T> {
    /// Absent for a mere meeting point.
    work: Option<T>,
    cost: u64,
    urgency: Urgency,
    depends_on: Vec<NodeId>,
    locks: Vec<LockId>,
}

impl<T> Graph<T> {
    pub(crate) fn new() -> Self {
        Self { nodes: Vec::new() }
    }

    fn push(&mut self, work: Option<T>, cost: u64, depends_on: Vec<NodeId>) -> NodeId {
        self.nodes.push(Node { work, cost, urgency: Urgency::ByChain, depends_on, locks: Vec::new() });
        self.nodes.len() - 1
    }

    /// How many nodes there are.
    pub(crate) fn size(&self) -> usize {
        self.nodes.len()
    }

    /// `cost` is in any unit, as long as it is the same for all: here, bytes of rows that take as long to copy.
    pub(crate) fn add(&mut self, work: T, cost: u64, depends_on: Vec<NodeId>) -> NodeId {
        self.push(Some(work), cost, depends_on)
    }

    /// A node without work: others can wait for all that it waits for.
    pub(crate) fn meeting_point(&mut self, depends_on: Vec<NodeId>) -> NodeId {
        self.push(None, 0, depends_on)
    }

    pub(crate) fn urge(&mut self, node: NodeId) {
        self.nodes[node].urgency = Urgency::First;
    }

    pub(crate) fn depend(&mut self, node: NodeId, on: NodeId) {
        if node != on {
            self.nodes[node].depends_on.push(on);
        }
    }

    pub(crate) fn lock(&mut self, node: NodeId, lock: LockId) {
        let locks = &mut self.nodes[node].locks;
        if !locks.contains(&lock) {
            locks.push(lock);
        }
    }

    /// Puts nodes one after the other, the first after `from`; returns the last.
    pub(crate) fn chain(&mut self, from: NodeId, nodes: Vec<NodeId>) -> NodeId {
        nodes.into_iter().fold(from, |before, node| {
            self.depend(node, before);
            node
        })
    }

    pub(crate) fn total_cost(&self) -> u64 {
        self.nodes.iter().fold(0, |sum, node| sum.saturating_add(node.cost))
    }

    fn dependents(&self) -> Vec<Vec<NodeId>> {
        let mut dependents: Vec<Vec<NodeId>> = vec![Vec::new(); self.nodes.len()];
        for (id, node) in self.nodes.iter().enumerate() {
            for on in &node.depends_on {
                dependents[*on].push(id);
            }
        }
        dependents
    }

    /// For each node the cost of the longest chain that begins with it. In a cycle, what is known from outside of it.
    pub(crate) fn chains(&self) -> Vec<u64> {
        let mut chains: Vec<u64> = self.nodes.iter().map(|n| n.cost).collect();
        let mut waiting: Vec<usize> = self.dependents().iter().map(Vec::len).collect();
        let mut known: Vec<NodeId> = (0..self.nodes.len()).filter(|id| waiting[*id] == 0).collect();
        while let Some(id) = known.pop() {
            for on in &self.nodes[id].depends_on {
                chains[*on] = chains[*on].max(self.nodes[*on].cost.saturating_add(chains[id]));
                waiting[*on] -= 1;
                if waiting[*on] == 0 {
                    known.push(*on);
                }
            }
        }
        chains
    }
}

/// How a graph ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Ran<T> {
    /// Everything ran, apart from this: a cycle of dependencies kept it from ever being ready. It was not done, and
    /// must be reported.
    ToTheEnd(Vec<T>),
    /// Cancelled, or a piece of work died.
    Stopped,
}

impl<T: Send + 'static> Graph<T> {
    /// Runs everything. A piece of work reports its own failures; those that depend on it run all the same, because
    /// only the server knows whether they still can.
    ///
    /// Once `cancel` is cancelled nothing new is begun, and what runs is waited for: it sees the same token, and has
    /// statements on the servers to cancel before it ends.
    pub(crate) async fn run<F, Fut>(self, slots: &Slots, cancel: &CancellationToken, work: F) -> Ran<T>
    where
        F: Fn(T, Arc<Place>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        self.run_telling(slots, cancel, (|_: &T, _| None, work)).await
    }

    /// The same, where somebody is told what has not begun yet: `tell` gets each piece of work with its priority, and what
    /// it returns is kept until the work begins.
    pub(crate) async fn run_telling<N, F, Fut>(
        self,
        slots: &Slots,
        cancel: &CancellationToken,
        (tell, work): (N, F),
    ) -> Ran<T>
    where
        N: Fn(&T, u64) -> Option<Queued>,
        F: Fn(T, Arc<Place>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let work = Arc::new(work);
        let mut running: JoinSet<Option<NodeId>> = JoinSet::new();
        let mut stopped = false;
        let mut state = State::of(self, tell);
        loop {
            while let Some((id, item, priority)) = state.next() {
                let cost = state.nodes[id].cost;
                let told = state.told.remove(&id);
                let (work, cancel) = (Arc::clone(&work), cancel.clone());
                // Here, and not in the task: those do not begin in the order in which they are spawned.
                let place = slots.acquire(priority, cost);
                running.spawn(async move {
                    let place = tokio::select! {
                        biased;
                        () = cancel.cancelled() => return None,
                        place = place => Arc::new(place),
                    };
                    drop(told);
                    work(item, Arc::clone(&place)).await;
                    drop(place);
                    (!cancel.is_cancelled()).then_some(id)
                });
            }
            match running.join_next().await {
                Some(Ok(Some(id))) => state.finish(id),
                Some(Ok(None)) => stopped = true,
                Some(Err(_)) => {
                    stopped = true;
                    cancel.cancel();
                }
                None if stopped => return Ran::Stopped,
                None => return Ran::ToTheEnd(state.nodes.into_iter().filter_map(|n| n.work).collect()),
            }
        }
    }
}

/// A graph while it runs.
struct State<T> {
    nodes: Vec<Node<T>>,
    priorities: Vec<u64>,
    dependents: Vec<Vec<NodeId>>,
    /// Of each node, how many of those that it depends on are not done.
    open: Vec<usize>,
    ready: BinaryHeap<(u64, std::cmp::Reverse<NodeId>)>,
    /// The locks that are held, and who waits for them.
    held: HashMap<LockId, Vec<NodeId>>,
    /// Of what has not begun, that which somebody is told of.
    told: HashMap<NodeId, Queued>,
}

impl<T> State<T> {
    fn of(graph: Graph<T>, tell: impl Fn(&T, u64) -> Option<Queued>) -> Self {
        let dependents = graph.dependents();
        let mut priorities = graph.chains();
        for (priority, node) in priorities.iter_mut().zip(&graph.nodes) {
            if node.urgency == Urgency::First {
                *priority = u64::MAX;
            }
        }
        let open: Vec<usize> = graph.nodes.iter().map(|n| n.depends_on.len()).collect();
        let nodes = graph.nodes;
        let of = |id: NodeId| nodes[id].work.as_ref().and_then(|work| tell(work, priorities[id]));
        let told = (0..nodes.len()).filter_map(|id| Some((id, of(id)?))).collect();
        let (ready, held) = (BinaryHeap::new(), HashMap::new());
        let mut state = Self { nodes, priorities, dependents, open, ready, held, told };
        for id in 0..state.nodes.len() {
            if state.open[id] == 0 {
                state.make_ready(id);
            }
        }
        state
    }

    fn make_ready(&mut self, id: NodeId) {
        self.ready.push((self.priorities[id], std::cmp::Reverse(id)));
    }

    /// The next piece of work that may begin, with its locks taken.
    fn next(&mut self) -> Option<(NodeId, T, u64)> {
        while let Some((priority, std::cmp::Reverse(id))) = self.ready.pop() {
            if self.nodes[id].work.is_none() {
                self.finish(id);
                continue;
            }
            if self.take_locks(id)
                && let Some(item) = self.nodes[id].work.take()
            {
                return Some((id, item, priority));
            }
        }
        None
    }

    /// Takes all or none; without them the node waits for the first that is not to be had.
    fn take_locks(&mut self, id: NodeId) -> bool {
        let locks = &self.nodes[id].locks;
        let taken = locks.iter().find(|lock| self.held.contains_key(lock));
        if let Some(told) = self.told.get_mut(&id) {
            told.now(if taken.is_some() { Hurdle::SameTable } else { Hurdle::Job });
        }
        if let Some(taken) = taken {
            self.held.entry(*taken).or_default().push(id);
            return false;
        }
        for lock in locks {
            self.held.insert(*lock, Vec::new());
        }
        true
    }

    fn finish(&mut self, id: NodeId) {
        for lock in std::mem::take(&mut self.nodes[id].locks) {
            let waiting = self.held.remove(&lock).unwrap_or_default();
            waiting.into_iter().for_each(|id| self.make_ready(id));
        }
        for dependent in std::mem::take(&mut self.dependents[id]) {
            self.open[dependent] -= 1;
            if self.open[dependent] == 0 {
                self.make_ready(dependent);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::board::Board;
    use std::sync::Mutex;

    #[tokio::test]
    async fn order_is_kept_and_cycles_are_returned() {
        let mut graph = Graph::new();
        let a = graph.add("a", 1, vec![]);
        let b = graph.add("b", 9, vec![a]);
        let meet = graph.meeting_point(vec![a, b]);
        graph.add("c", 5, vec![meet]);
        let x = graph.add("x", 1, vec![]);
        let y = graph.add("y", 1, vec![x]);
        graph.depend(x, y);
        let seen = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&seen);
        let left = graph
            .run(&Slots::new(2), &CancellationToken::new(), move |item, _| {
                log.lock().unwrap().push(item);
                async {}
            })
            .await;
        assert_eq!(*seen.lock().unwrap(), ["a", "b", "c"]);
        assert_eq!(left, Ran::ToTheEnd(vec!["x", "y"]));
    }

    #[tokio::test]
    async fn nothing_new_begins_after_a_cancel() {
        let mut graph = Graph::new();
        let a = graph.add(1, 1, vec![]);
        graph.add(2, 1, vec![a]);
        let cancel = CancellationToken::new();
        let token = cancel.clone();
        let ran = graph
            .run(&Slots::new(1), &cancel, move |item, _| {
                assert_eq!(item, 1);
                token.cancel();
                async {}
            })
            .await;
        assert_eq!(ran, Ran::Stopped);
    }

    #[test]
    fn a_chain_counts_all_that_waits_for_it() {
        let mut graph = Graph::new();
        let a = graph.add((), 1, vec![]);
        let b = graph.add((), 5, vec![a]);
        graph.add((), 2, vec![a]);
        let c = graph.add((), 7, vec![]);
        graph.depend(b, c);
        assert_eq!(graph.chains(), [6, 5, 2, 12]);
    }

    #[tokio::test]
    async fn those_that_lock_the_same_do_not_run_at_the_same_time() {
        let mut graph = Graph::new();
        for (cost, locks) in [(9, vec![1]), (8, vec![2]), (7, vec![1, 2]), (6, vec![2, 1])] {
            let node = graph.add(locks.clone(), cost, vec![]);
            locks.into_iter().for_each(|lock| graph.lock(node, lock));
        }
        let running: Arc<Mutex<Vec<usize>>> = Arc::default();
        let most = Arc::new(Mutex::new(0));
        let (now, seen) = (Arc::clone(&running), Arc::clone(&most));
        let left = graph
            .run(&Slots::new(4), &CancellationToken::new(), move |locks, _| {
                let (now, seen) = (Arc::clone(&now), Arc::clone(&seen));
                async move {
                    {
                        let mut now = now.lock().unwrap();
                        assert!(locks.iter().all(|lock| !now.contains(lock)));
                        now.extend(&locks);
                        let mut seen = seen.lock().unwrap();
                        *seen = now.len().max(*seen);
                    }
                    tokio::time::sleep(std::time::Duration::from_millis(5)).await;
                    now.lock().unwrap().retain(|lock| !locks.contains(lock));
                }
            })
            .await;
        assert_eq!((left, *most.lock().unwrap()), (Ran::ToTheEnd(vec![]), 2));
    }

    #[tokio::test]
    async fn what_has_not_begun_is_told_with_what_it_waits_for() {
        let board = Arc::new(Board::default());
        let (mut graph, cancel) = (Graph::new(), CancellationToken::new());
        let first = graph.add("first", 1, vec![]);
        let second = graph.add("second", 1, vec![]);
        graph.add("after", 1, vec![first]);
        graph.lock(first, 1);
        graph.lock(second, 1);
        let (telling, seen) = (Arc::clone(&board), Arc::new(Mutex::new(Vec::new())));
        let tell = move |name: &&str, priority| {
            Some(telling.queued(("shop", (*name).to_owned()), Hurdle::Rows, priority))
        };
        let (log, waiting) = (Arc::clone(&seen), Arc::clone(&board));
        let work = move |name: &'static str, _: Arc<Place>| {
            let told: Vec<_> = waiting.waiting().into_iter().map(|w| (w.what, w.hurdle)).collect();
            log.lock().unwrap().push((name, told));
            async {}
        };
        graph.run_telling(&Slots::new(1), &cancel, (tell, work)).await;
        let told =
            |all: &[(&str, Hurdle)]| all.iter().map(|(w, h)| ((*w).to_owned(), *h)).collect::<Vec<_>>();
        let seen = seen.lock().unwrap();
        assert_eq!(seen[0], ("first", told(&[("second", Hurdle::SameTable), ("after", Hurdle::Rows)])));
        assert_eq!(seen.len(), 3);
        assert_eq!(seen[2].1, told(&[]));
        assert!(board.waiting().is_empty());
    }
}
