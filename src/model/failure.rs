//! One shape for everything that goes wrong: what kind it is, what happened to which object, and what to do now.

use serde::{Deserialize, Serialize};
use std::fmt;

/// What kind of thing went wrong; decides exit codes and whether trying again can help.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// A server cannot be reached, or refuses us.
    Connection,
    /// A session was lost in the middle of work.
    ConnectionLost,
    /// What was asked for contradicts what was found; nothing was touched.
    Refused,
    /// A privilege is missing.
    Privilege,
    /// A server has no room left.
    DiskFull,
    /// A server reported an error for a statement of ours.
    Server,
    /// Something on this machine: files, tools, memory.
    Local,
    /// What a database followed by is not there any more: it has to be copied anew.
    Gone,
    /// We were told to stop.
    Interrupted,
    /// Written by a newer version.
    #[serde(other)]
    Unknown,
}

/// Something that went wrong, in words for the operator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    pub kind: FailureKind,
    /// One sentence: what happened, to which object, why.
    pub what: String,
    /// What to do now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
    /// The server's SQLSTATE, where a server said it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sqlstate: Option<String>,
}

impl Failure {
    pub fn new(kind: FailureKind, what: impl Into<String>) -> Self {
        Self { kind, what: what.into(), advice: None, sqlstate: None }
    }

    pub fn refused(what: impl Into<String>) -> Self {
        Self::new(FailureKind::Refused, what)
    }

    pub fn local(what: impl Into<String>) -> Self {
        Self::new(FailureKind::Local, what)
    }

    pub fn interrupted() -> Self {
        Self::new(FailureKind::Interrupted, "stopped before it was finished")
    }

    #[must_use]
    pub fn advise(mut self, advice: impl Into<String>) -> Self {
        self.advice = Some(advice.into());
        self
    }

    /// Puts what we were doing in front: `copying public.orders: disk full`.
    #[must_use]
    pub fn while_doing(mut self, doing: impl fmt::Display) -> Self {
        self.what = format!("{doing}: {}", self.what);
        self
    }

    pub fn is_interruption(&self) -> bool {
        self.kind == FailureKind::Interrupted
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        match &self.advice {
            Some(advice) => write!(f, " ({advice})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Failure {}
