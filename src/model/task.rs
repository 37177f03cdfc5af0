//! What a later command does with a migration that exists.

use serde::{Deserialize, Serialize};

/// How both sides are held against each other at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verify {
    Nothing,
    /// The number of rows of every table.
    Counts,
    /// A checksum over all rows of every table.
    Checksums,
}

/// Whether definitions on the source may have changed since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Schema {
    MustBeTheSame,
    /// The operator has made the same changes on the target.
    MayDiffer,
}

/// Whether the connection may be closed although changes of the source are missing on the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Loss {
    Refuse,
    /// The operator knows; the result is not `done` then.
    Accept,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finish {
    /// How long to wait until the target is in sync, in seconds.
    pub timeout_s: u64,
    pub verify: Verify,
    pub schema: Schema,
    pub loss: Loss,
}

impl Default for Finish {
    fn default() -> Self {
        Self { timeout_s: 600, verify: Verify::Counts, schema: Schema::MustBeTheSame, loss: Loss::Refuse }
    }
}

/// What becomes of databases on the target that this migration made and did not bring to their end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unfinished {
    /// They stay as they are.
    Keep,
    /// They are dropped, unless somebody is in them.
    Drop,
    /// So are those that were worked through and lack something: they are to be begun anew.
    DropIncomplete,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// Close the connection in good order.
    Finish(Finish),
    /// Discontinue: what was copied stays.
    Stop,
    /// Remove what a run has left.
    Clean(Unfinished),
    /// Remove what is left of databases that did not get to their end, so that they can be begun anew. What follows goes on
    /// following.
    Clear,
    /// Guard what follows until told to end.
    Watch,
}

impl Task {
    /// The command's name.
    pub fn verb(self) -> &'static str {
        match self {
            Task::Finish(_) => "finish",
            Task::Stop => "stop",
            Task::Clean(_) => "clean",
            Task::Clear => "clear",
            Task::Watch => "watch",
        }
    }
}

/// How long an engine stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stay {
    /// Until every database has come to its end or follows; nobody guards those from then on.
    UntilItFollows,
    /// As long as a database follows: the engine is its guard.
    AsLongAsItFollows,
    /// So too; and a database that broke off for a reason that can pass waits for a while to be told to go on, for somebody is
    /// there who may say so.
    AndWaits,
}
