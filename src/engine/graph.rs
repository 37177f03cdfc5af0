//! Work with dependencies: what is ready runs, as far as slots are free, the heaviest first.

use super::slots::Slots;
use std::future::Future;
use std::sync::Arc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Number of a piece of work within its graph.
pub(crate) type NodeId = usize;

#[derive(Debug)]
pub(crate) struct Graph<T> {
    nodes: Vec<Node<T>>,
}

#[derive(Debug)]
struct Node<T> {
    /// Absent for a mere meeting point.
    work: Option<T>,
    weight: u64,
    depends_on: Vec<NodeId>,
}

impl<T> Graph<T> {
    pub(crate) fn new() -> Self {
        Self { nodes: Vec::new() }
    }

    pub(crate) fn add(&mut self, work: T, weight: u64, depends_on: Vec<NodeId>) -> NodeId {
        self.nodes.push(Node { work: Some(work), weight, depends_on });
        self.nodes.len() - 1
    }

    /// A node without work: others can wait for all that it waits for.
    pub(crate) fn meeting_point(&mut self, depends_on: Vec<NodeId>) -> NodeId {
        self.nodes.push(Node { work: None, weight: 0, depends_on });
        self.nodes.len() - 1
    }

    pub(crate) fn depend(&mut self, node: NodeId, on: NodeId) {
        if node != on {
            self.nodes[node].depends_on.push(on);
        }
    }

    /// Puts nodes one after the other, the first after `from`; returns the last.
    pub(crate) fn chain(&mut self, from: NodeId, nodes: Vec<NodeId>) -> NodeId {
        nodes.into_iter().fold(from, |before, node| {
            self.depend(node, before);
            node
        })
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
    pub(crate) async fn run<F, Fut>(mut self, slots: &Slots, cancel: &CancellationToken, work: F) -> Ran<T>
    where
        F: Fn(T) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let work = Arc::new(work);
        let mut open: Vec<usize> = self.nodes.iter().map(|n| n.depends_on.len()).collect();
        let mut dependents: Vec<Vec<NodeId>> = vec![Vec::new(); self.nodes.len()];
        for (id, node) in self.nodes.iter().enumerate() {
            for on in &node.depends_on {
                dependents[*on].push(id);
            }
        }
        let mut ready: Vec<NodeId> = (0..self.nodes.len()).filter(|id| open[*id] == 0).collect();
        let mut running: JoinSet<Option<NodeId>> = JoinSet::new();
        let mut stopped = false;
        loop {
            while let Some(id) = ready.pop() {
                let node = &mut self.nodes[id];
                let Some(item) = node.work.take() else {
                    finish(id, &dependents, &mut open, &mut ready);
                    continue;
                };
                let (slots, work, weight, cancel) =
                    (slots.clone(), Arc::clone(&work), node.weight, cancel.clone());
                running.spawn(async move {
                    let slot = tokio::select! {
                        biased;
                        () = cancel.cancelled() => return None,
                        slot = slots.acquire(weight) => slot,
                    };
                    work(item).await;
                    drop(slot);
                    (!cancel.is_cancelled()).then_some(id)
                });
            }
            match running.join_next().await {
                Some(Ok(Some(id))) => finish(id, &dependents, &mut open, &mut ready),
                Some(Ok(None)) => stopped = true,
                Some(Err(_)) => {
                    stopped = true;
                    cancel.cancel();
                }
                None if stopped => return Ran::Stopped,
                None => return Ran::ToTheEnd(self.nodes.into_iter().filter_map(|n| n.work).collect()),
            }
        }
    }
}

fn finish(id: NodeId, dependents: &[Vec<NodeId>], open: &mut [usize], ready: &mut Vec<NodeId>) {
    for dependent in &dependents[id] {
        open[*dependent] -= 1;
        if open[*dependent] == 0 {
            ready.push(*dependent);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
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
            .run(&Slots::new(2), &CancellationToken::new(), move |item| {
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
            .run(&Slots::new(1), &cancel, move |item| {
                assert_eq!(item, 1);
                token.cancel();
                async {}
            })
            .await;
        assert_eq!(ran, Ran::Stopped);
    }
}
