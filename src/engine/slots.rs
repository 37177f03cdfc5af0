//! The pool that all databases share: so many pieces of work at a time, the most pressing that waits goes first.

use std::collections::BinaryHeap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::oneshot;

/// Hands out slots. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Slots {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug)]
struct Inner {
    free: u32,
    waiting: BinaryHeap<Waiter>,
    next_ticket: u64,
    /// The cost of all that waits or runs.
    load: u64,
}

#[derive(Debug)]
struct Waiter {
    priority: u64,
    /// Lower came first; among equals it goes first.
    ticket: u64,
    wake: oneshot::Sender<Slot>,
}

impl PartialEq for Waiter {
    fn eq(&self, other: &Self) -> bool {
        self.ticket == other.ticket
    }
}
impl Eq for Waiter {}
impl PartialOrd for Waiter {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Waiter {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.priority.cmp(&other.priority).then(other.ticket.cmp(&self.ticket))
    }
}

/// A place in the queue or at work: its cost is part of the load until it is dropped.
#[derive(Debug)]
struct Burden {
    slots: Slots,
    cost: u64,
}

impl Drop for Burden {
    fn drop(&mut self) {
        let mut inner = self.slots.lock();
        inner.load = inner.load.saturating_sub(self.cost);
    }
}

/// Held while working; given on to the next one when dropped.
#[derive(Debug)]
pub(crate) struct Slot {
    /// Absent once it has been given on.
    slots: Option<Slots>,
}

/// A slot together with what its work weighs.
#[derive(Debug)]
pub(crate) struct Place {
    burden: Burden,
    _slot: Slot,
}

impl Place {
    /// The part of a number of cores that this work has a claim on: its share of all that waits or runs now.
    pub(crate) fn share_of(&self, cores: u32) -> u32 {
        let load = u128::from(self.burden.slots.lock().load.max(1));
        // To the nearest: a large index beside a few statements of no weight has a claim on all cores, not on all but one.
        let share = (u128::from(cores) * u128::from(self.burden.cost) + load / 2) / load;
        u32::try_from(share).unwrap_or(cores).min(cores)
    }
}

impl Slots {
    pub(crate) fn new(size: u32) -> Self {
        let inner = Inner { free: size.max(1), waiting: BinaryHeap::new(), next_ticket: 0, load: 0 };
        Self { inner: Arc::new(Mutex::new(inner)) }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a slot. Who asks first has his place first, also if others come to wait for theirs before. Dropping the
    /// future gives up the place in the queue.
    pub(crate) fn acquire(&self, priority: u64, cost: u64) -> impl Future<Output = Place> + use<> {
        let burden = Burden { slots: self.clone(), cost };
        let granted = {
            let mut inner = self.lock();
            inner.load = inner.load.saturating_add(cost);
            if inner.free > 0 {
                inner.free -= 1;
                Ok(self.slot())
            } else {
                let (wake, woken) = oneshot::channel();
                let ticket = inner.next_ticket;
                inner.next_ticket += 1;
                inner.waiting.push(Waiter { priority, ticket, wake });
                Err(woken)
            }
        };
        let slots = self.clone();
        async move {
            let slot = match granted {
                Ok(slot) => slot,
                // The sender lives in the queue and is only ever dropped after sending.
                Err(woken) => woken.await.unwrap_or_else(|_| slots.slot()),
            };
            Place { burden, _slot: slot }
        }
    }

    fn slot(&self) -> Slot {
        Slot { slots: Some(self.clone()) }
    }

    /// Gives a slot to the next one who still waits. In a loop: after a cancel thousands of waiters may have gone.
    fn release(&self) {
        loop {
            let next = {
                let mut inner = self.lock();
                let next = inner.waiting.pop();
                if next.is_none() {
                    inner.free += 1;
                }
                next
            };
            let Some(waiter) = next else { return };
            // Sent outside the lock. One that has gone away sends it back, and must not release it once more.
            match waiter.wake.send(self.slot()) {
                Ok(()) => return,
                Err(mut slot) => drop(slot.slots.take()),
            }
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        if let Some(slots) = self.slots.take() {
            slots.release();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_most_pressing_goes_first_and_those_who_left_are_passed_over() {
        let slots = Slots::new(1);
        let held = slots.acquire(0, 0).await;
        let order = Arc::new(Mutex::new(Vec::new()));
        let mut tasks = Vec::new();
        for priority in [1u64, 5, 3] {
            let (slots, order) = (slots.clone(), Arc::clone(&order));
            tasks.push(tokio::spawn(async move {
                let _slot = slots.acquire(priority, 1).await;
                order.lock().unwrap().push(priority);
            }));
            tokio::task::yield_now().await;
        }
        let gone = tokio::spawn({
            let slots = slots.clone();
            async move { slots.acquire(99, 1).await }
        });
        tokio::task::yield_now().await;
        gone.abort();
        assert!(gone.await.is_err());
        drop(held);
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(*order.lock().unwrap(), [5, 3, 1]);
        assert_eq!(slots.lock().free, 1);
        assert_eq!(slots.lock().load, 0);
    }

    #[tokio::test]
    async fn cores_are_shared_by_cost() {
        let slots = Slots::new(2);
        let large = slots.acquire(1, 30).await;
        assert_eq!(large.share_of(8), 8);
        let small = slots.acquire(1, 10).await;
        assert_eq!((large.share_of(8), small.share_of(8)), (6, 2));
        drop(small);
        let tiny = slots.acquire(1, 1).await;
        assert_eq!((large.share_of(2), tiny.share_of(2)), (2, 0));
        drop(tiny);
        assert_eq!(large.share_of(8), 8);
    }
}
