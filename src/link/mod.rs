//! The wire between a face and an engine. Every face talks to the engine through a [`Link`], wherever it runs.

mod local;

pub use crate::engine::{discover, remove_discovered, status};
pub use local::{resume_local, start_local};

use crate::model::command::Command;
use crate::model::event::{Entry, RunOutcome};
use crate::model::failure::Failure;
use crate::model::gauges::Gauges;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

/// A face's end of the wire.
#[derive(Debug)]
pub struct Link {
    entries: mpsc::UnboundedReceiver<Entry>,
    gauges: watch::Receiver<Gauges>,
    commands: mpsc::Sender<Command>,
    ended: JoinHandle<Result<RunOutcome, Failure>>,
}

impl Link {
    /// The next entry; `None` once the engine has ended and everything has been read.
    pub async fn next_entry(&mut self) -> Option<Entry> {
        self.entries.recv().await
    }

    /// The latest values. Cheap; may be asked at any time.
    pub fn gauges(&self) -> Gauges {
        self.gauges.borrow().clone()
    }

    /// Where commands go; a face may hold it apart from the link.
    pub fn commands(&self) -> mpsc::Sender<Command> {
        self.commands.clone()
    }

    /// How the engine ended. To be asked after the entries have ended.
    ///
    /// # Errors
    /// When the engine could not keep its journal, or died.
    pub async fn outcome(self) -> Result<RunOutcome, Failure> {
        drop(self.commands);
        match self.ended.await {
            Ok(outcome) => outcome,
            Err(_) => Err(Failure::local("the engine died; its log says where")),
        }
    }
}
