//! One line of the list of tables, whether it runs, waits or is through.

use crate::model::gauges::{LockWait, Running, Waiting};
use crate::model::units::readable;
use serde::{Deserialize, Serialize};

/// A table that is through.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Table {
    pub database: String,
    pub name: String,
    pub rows: u64,
    pub bytes: u64,
    pub ms: u64,
    /// When that was journalled, by the engine's clock in Unix milliseconds.
    pub ended_ms: u64,
    /// Why it failed; absent for one that is copied.
    pub failed: Option<String>,
}

impl Table {
    /// Gauges that are older than the news of its end say so. What began after that is another copy of it: a later
    /// attempt, or a table that is read once more when the connection is closed.
    pub fn is_copied_by(&self, running: &Running) -> bool {
        let copied = running.what.strip_prefix("copying ");
        let copied = copied.map(|what| what.strip_prefix("a part of ").unwrap_or(what));
        let same = running.database == self.database && copied == Some(self.name.as_str());
        same && running.since_ms <= self.ended_ms
    }
}

/// One line of the list of tables.
#[derive(Debug)]
pub enum Row<'a> {
    Running(&'a Running),
    Waiting(&'a Waiting),
    Through(&'a Table),
}

impl Row<'_> {
    pub fn database(&self) -> &str {
        match self {
            Row::Running(running) => &running.database,
            Row::Waiting(waiting) => &waiting.database,
            Row::Through(table) => &table.database,
        }
    }

    pub fn name(&self) -> &str {
        match self {
            Row::Running(running) => bare(&running.what),
            Row::Waiting(waiting) => bare(&waiting.what),
            Row::Through(table) => &table.name,
        }
    }

    pub fn bytes(&self) -> u64 {
        match self {
            Row::Running(running) => running.bytes.map_or(0, |(_, total)| total),
            Row::Waiting(_) => 0,
            Row::Through(table) => table.bytes,
        }
    }

    /// The lock that it waits for.
    pub fn lock(&self) -> Option<&LockWait> {
        match self {
            Row::Running(running) => running.lock.as_ref(),
            Row::Waiting(_) | Row::Through(_) => None,
        }
    }

    /// Since when it is worked on, in Unix milliseconds.
    pub fn since_ms(&self) -> Option<u64> {
        match self {
            Row::Running(running) => Some(running.since_ms),
            Row::Waiting(_) | Row::Through(_) => None,
        }
    }

    /// What it waits for: a lock, or its turn.
    pub fn waits(&self) -> Option<String> {
        match self {
            Row::Running(running) => running.lock.as_ref().map(ToString::to_string),
            Row::Waiting(waiting) => Some(waiting.hurdle.to_string()),
            Row::Through(_) => None,
        }
    }

    pub fn line(&self) -> String {
        let waits = self.waits().map(|why| format!(": {why}")).unwrap_or_default();
        format!("{}: {}{waits}", readable(self.database()), self.name())
    }
}

/// The board words it for lines; in a column of tables the verb stands elsewhere.
fn bare(what: &str) -> &str {
    what.strip_prefix("copying ").unwrap_or(what)
}
