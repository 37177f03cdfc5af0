//! What a face may ask of a running engine.

use super::task::Finish;
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "command")]
pub enum Command {
    /// Stop at once: cancel what runs on both servers, say what was done, leave nothing behind on the source of what was
    /// not through. What follows already goes on following, and nobody guards it then.
    Stop { because: StopReason },
    /// Close the connection of what follows, in good order.
    Finish(Finish),
    /// Discontinue what follows, and stop what is at work: what was copied stays, nothing of ours is left on the servers.
    Discontinue,
    /// Remove what is left of databases that did not get to their end; what follows goes on following.
    Clear,
    /// Have databases go on that broke off and wait for this.
    GoOn,
    /// End the engine and leave what follows as it is; nobody guards it then.
    Leave,
}

/// A command, and who gave it: faces of one engine are numbered, so that each knows the answer to its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Request {
    pub command: Command,
    pub face: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopReason {
    /// Ctrl-C, or the operator's word.
    Operator,
    /// SIGTERM or SIGHUP.
    Terminated,
}
