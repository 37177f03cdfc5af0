//! The wire between a face and an engine. Every face talks to the engine through a [`Link`], wherever it runs.
//!
//! An engine lives in this process ([`start_local`]) or in one of its own ([`start_detached`]), and either way listens on a socket in the
//! migration's folder, so that other faces can join ([`attach`], [`look`]).

mod detach;
mod face;
mod frame;
mod handover;
mod known;
mod local;
mod place;
mod serve;
mod since;
mod task;
#[cfg(test)]
mod tests;

pub use crate::engine::{barred, barred_or_shut, discover, remove_discovered, status};
pub use detach::{
    ENGINE_VERB, become_engine, begin, report, resume_detached, start_detached, start_detached_logging,
};
pub use face::{attach, attach_as, look};
pub use frame::Rights;
pub use handover::{Detail, Logging, Order};
pub use known::{Engine, Known, forget, migrations};
pub use local::{resume_local, start_local};
pub use since::{Seen, Since, since};
pub use task::run_task;

use crate::model::command::Command;
use crate::model::event::{Entry, Event, RunOutcome};
use crate::model::failure::Failure;
use crate::model::gauges::Gauges;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

/// A face's end of the wire. Dropping it leaves an engine that lives elsewhere as it is.
#[derive(Debug)]
pub struct Link {
    entries: Entries,
    gauges: watch::Receiver<Gauges>,
    commands: mpsc::Sender<Command>,
    /// What the engine calls us in its answers; absent with one of a version that does not say.
    face: Option<u32>,
    ended: JoinHandle<Result<RunOutcome, Failure>>,
}

#[derive(Debug)]
enum Entries {
    /// From an engine in this process, which never waits.
    Here(mpsc::UnboundedReceiver<Entry>),
    /// By the socket; what is not read waits in the journal.
    There(mpsc::Receiver<Entry>),
}

impl Link {
    /// The next entry; `None` once the engine has ended and everything has been read. May be dropped and asked again.
    pub async fn next_entry(&mut self) -> Option<Entry> {
        match &mut self.entries {
            Entries::Here(entries) => entries.recv().await,
            Entries::There(entries) => entries.recv().await,
        }
    }

    /// Whether the engine is in this process, and ends with it.
    pub fn is_here(&self) -> bool {
        matches!(self.entries, Entries::Here(_))
    }

    /// The latest values. Cheap; may be asked at any time.
    pub fn gauges(&self) -> Gauges {
        self.gauges.borrow().clone()
    }

    /// Where commands go; a face may hold it apart from the link. Of a face that only looks, it is closed.
    pub fn commands(&self) -> mpsc::Sender<Command> {
        self.commands.clone()
    }

    /// What the engine calls this face in its answers; absent where it does not say.
    pub fn face(&self) -> Option<u32> {
        self.face
    }

    /// Whether this is the engine's answer to a command of ours, and not to another window's.
    pub fn is_answered(&self, event: &Event) -> bool {
        event.answers(self.face)
    }

    /// How the engine ended. To be asked after the entries have ended.
    ///
    /// # Errors
    /// When the engine could not keep its journal, or died.
    pub async fn outcome(self) -> Result<RunOutcome, Failure> {
        drop(self.commands);
        self.ended.await.unwrap_or_else(|_| Err(died()))
    }
}

fn died() -> Failure {
    Failure::local("the engine died; its log says where")
}
