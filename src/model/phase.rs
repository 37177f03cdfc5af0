//! The engine's phases and their order: the only place where that order is written down.

use serde::{Deserialize, Serialize};
use std::fmt;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Questions to both servers, and whether the answers allow a start.
    Checks,
    Roles,
    /// The database itself, and the policy for one that is not empty.
    Database,
    /// The source's snapshot, its locks, the archive, and the part of the schema that rows need.
    Schema,
    Copy,
    /// Indexes and constraints; they begin while the copy of other tables still runs.
    Indexes,
    /// What only makes sense with data: sequences, large objects, materialized views, statistics.
    Data,
    /// What would have been in the way: privileges, event triggers, settings, connection limits.
    Settings,
    #[serde(other)]
    Unknown,
}

impl Phase {
    pub const ORDER: [Phase; 8] = [
        Phase::Checks,
        Phase::Roles,
        Phase::Database,
        Phase::Schema,
        Phase::Copy,
        Phase::Indexes,
        Phase::Data,
        Phase::Settings,
    ];
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Phase::Checks => "checks",
            Phase::Roles => "roles",
            Phase::Database => "database",
            Phase::Schema => "schema",
            Phase::Copy => "copy",
            Phase::Indexes => "indexes and constraints",
            Phase::Data => "sequences, large objects, views, statistics",
            Phase::Settings => "privileges and settings",
            Phase::Unknown => "unknown",
        })
    }
}
