//! The pool that all databases share: so many pieces of work at a time, the heaviest that waits goes first.

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
}

#[derive(Debug)]
struct Waiter {
    weight: u64,
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
        self.weight.cmp(&other.weight).then(other.ticket.cmp(&self.ticket))
    }
}

/// Held while working; given on to the next one when dropped.
#[derive(Debug)]
pub(crate) struct Slot {
    slots: Slots,
}

impl Slots {
    pub(crate) fn new(size: u32) -> Self {
        let inner = Inner { free: size.max(1), waiting: BinaryHeap::new(), next_ticket: 0 };
        Self { inner: Arc::new(Mutex::new(inner)) }
    }

    /// Waits for a slot. Dropping the future gives up the place in the queue.
    pub(crate) async fn acquire(&self, weight: u64) -> Slot {
        let waiting = {
            let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
            if inner.free > 0 {
                inner.free -= 1;
                None
            } else {
                let (wake, woken) = oneshot::channel();
                let ticket = inner.next_ticket;
                inner.next_ticket += 1;
                inner.waiting.push(Waiter { weight, ticket, wake });
                Some(woken)
            }
        };
        match waiting {
            None => self.slot(),
            // The sender lives in the queue and is only ever dropped after sending.
            Some(woken) => woken.await.unwrap_or_else(|_| self.slot()),
        }
    }

    fn slot(&self) -> Slot {
        Slot { slots: self.clone() }
    }

    fn release(&self) {
        let mut next = {
            let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
            let next = inner.waiting.pop();
            if next.is_none() {
                inner.free += 1;
            }
            next
        };
        // Sent outside the lock: a waiter that has gone away gives its slot back by dropping it, which comes here.
        if let Some(waiter) = next.take() {
            drop(waiter.wake.send(self.slot()));
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.slots.release();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_heaviest_goes_first_and_those_who_left_are_passed_over() {
        let slots = Slots::new(1);
        let held = slots.acquire(0).await;
        let order = Arc::new(Mutex::new(Vec::new()));
        let mut tasks = Vec::new();
        for weight in [1u64, 5, 3] {
            let (slots, order) = (slots.clone(), Arc::clone(&order));
            tasks.push(tokio::spawn(async move {
                let _slot = slots.acquire(weight).await;
                order.lock().unwrap().push(weight);
            }));
            tokio::task::yield_now().await;
        }
        let gone = tokio::spawn({
            let slots = slots.clone();
            async move { slots.acquire(99).await }
        });
        tokio::task::yield_now().await;
        gone.abort();
        assert!(gone.await.is_err());
        drop(held);
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(*order.lock().unwrap(), [5, 3, 1]);
        assert_eq!(slots.inner.lock().unwrap().free, 1);
    }
}
