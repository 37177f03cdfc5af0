//! The work: commands in, entries and gauges out.
//!
//! [`start`] takes a plan and its secrets and returns a handle; the engine then runs on its own until it is done or told
//! to stop. It reads no arguments, no environment, no terminal, and handles no signal. Everything that matters is
//! journalled before it is told to anybody (see [`emit`]); what a face shows is a fold of that.
//!
//! A database is one pipeline (see [`database`]); databases run side by side and share one pool of slots, in which the
//! largest piece of work that is ready goes first.

mod board;
mod checks;
mod clear;
mod close;
mod context;
mod database;
mod discover;
mod emit;
mod graph;
mod guard;
mod keep;
mod login;
mod mark;
mod patience;
mod phases;
mod replicate;
mod resume;
mod retry;
mod room;
mod run;
mod sessions;
mod slots;
mod status;
mod waits;

pub use checks::{Explanation, explain, ids as check_ids};
pub use discover::{discover, remove_discovered};
pub use login::{barred, barred_or_shut};
pub use status::status;

use crate::model::command::Request;
use crate::model::event::{Entry, RunOutcome};
use crate::model::failure::Failure;
use crate::model::gauges::Gauges;
use crate::model::plan::Plan;
use crate::model::secrets::Secrets;
use crate::model::task::{Stay, Task};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

/// A running engine, seen from a face.
#[derive(Debug)]
pub struct Handle {
    /// Every entry of this run in order; ends when the engine has ended.
    pub entries: mpsc::UnboundedReceiver<Entry>,
    /// The latest values only.
    pub gauges: watch::Receiver<Gauges>,
    pub commands: mpsc::Sender<Request>,
    /// How it ended; an error where not even the journal could be kept.
    pub ended: JoinHandle<Result<RunOutcome, Failure>>,
}

/// Starts the engine for `plan` in this process. Must be called within a tokio runtime.
///
/// # Errors
/// When the migration's folder cannot be used, or another engine works on it.
pub fn start(plan: Plan, secrets: Secrets, stay: Stay) -> Result<Handle, Failure> {
    run::start(plan, secrets, stay)
}

/// Starts the engine for a later command on a migration that exists.
///
/// # Errors
/// As [`start`].
pub fn resume(plan: Plan, secrets: Secrets, task: Task) -> Result<Handle, Failure> {
    resume::start(plan, secrets, task)
}
