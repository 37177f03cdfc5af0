//! What a face may ask of a running engine.

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "command")]
pub enum Command {
    /// Stop at once: cancel what runs on both servers, say what was done, leave nothing behind on the source.
    Stop { because: StopReason },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopReason {
    /// Ctrl-C, or the operator's word.
    Operator,
    /// SIGTERM or SIGHUP.
    Terminated,
}
