//! The only writer of history: on disk first, then to whoever listens.

use crate::model::event::{Entry, Event, RunOutcome};
use crate::model::failure::Failure;
use crate::model::run::Run;
use crate::store::Journal;
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::sync::mpsc::UnboundedSender;
use tokio_util::sync::CancellationToken;

#[derive(Debug)]
pub(crate) struct Emitter {
    inner: Mutex<Inner>,
    /// Cancelled when the journal cannot be written: what is not journalled did not happen, so nothing may go on.
    cancel: CancellationToken,
}

#[derive(Debug)]
struct Inner {
    journal: Journal,
    listeners: UnboundedSender<Entry>,
    /// The fold of all entries so far: what the run's end is judged by.
    run: Run,
    broken: Option<Failure>,
}

impl Emitter {
    pub(crate) fn new(
        journal: Journal,
        run: Run,
        listeners: UnboundedSender<Entry>,
        cancel: CancellationToken,
    ) -> Self {
        let inner = Inner { journal, listeners, run, broken: None };
        Self { inner: Mutex::new(inner), cancel }
    }

    /// Writes one entry. When the disk refuses, the whole run is cancelled; see [`Emitter::broken`].
    pub(crate) fn record(&self, event: Event) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        if inner.broken.is_some() {
            return;
        }
        tracing::debug!(?event, "entry");
        let entry = Entry { seq: inner.run.seq + 1, at_ms: now_ms(), event };
        match inner.journal.append(&entry) {
            Ok(()) => {
                inner.run.apply(&entry);
                // Nobody listening is no reason to stop: the journal has it.
                drop(inner.listeners.send(entry));
            }
            Err(error) => {
                inner.broken = Some(
                    Failure::local(format!("the journal cannot be written: {error}"))
                        .advise("make room on this machine's disk and start again"),
                );
                self.cancel.cancel();
            }
        }
    }

    /// Looks at the fold of all entries so far.
    pub(crate) fn with_run<T>(&self, look: impl FnOnce(&Run) -> T) -> T {
        look(&self.inner.lock().unwrap_or_else(PoisonError::into_inner).run)
    }

    /// What has happened so far amounts to this.
    pub(crate) fn outcome(&self) -> RunOutcome {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).run.judge()
    }

    /// Why no more history is written, if so.
    pub(crate) fn broken(&self) -> Option<Failure> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).broken.clone()
    }
}

/// Unix milliseconds. The one place where the engine asks for the time of day.
pub(crate) fn now_ms() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |d| u64::try_from(d.as_millis()).unwrap_or(u64::MAX))
}
