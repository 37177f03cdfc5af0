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
    /// Continuous: replica identities and publications on the source.
    Publish,
    /// The source's snapshot, its locks, the archive, and the part of the schema that rows need.
    Schema,
    Copy,
    /// Indexes and constraints; they begin while the copy of other tables still runs.
    Indexes,
    /// Continuous: the subscription on the target.
    Subscribe,
    /// What only makes sense with data: sequences, large objects, materialized views, statistics.
    Data,
    /// What would have been in the way: privileges, event triggers, settings, connection limits.
    Settings,
    /// Continuous: until every table is ready and changes arrive.
    Follow,
    /// Continuous: the connection is closed.
    Close,
    #[serde(other)]
    Unknown,
}

impl Phase {
    pub const ORDER: [Phase; 12] = [
        Phase::Checks,
        Phase::Roles,
        Phase::Database,
        Phase::Publish,
        Phase::Schema,
        Phase::Copy,
        Phase::Indexes,
        Phase::Subscribe,
        Phase::Data,
        Phase::Settings,
        Phase::Follow,
        Phase::Close,
    ];
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Phase::Checks => "checks",
            Phase::Roles => "roles",
            Phase::Database => "database",
            Phase::Publish => "publications",
            Phase::Schema => "schema",
            Phase::Copy => "copy",
            Phase::Indexes => "indexes and constraints",
            Phase::Subscribe => "subscription",
            Phase::Follow => "waiting until the target follows",
            Phase::Close => "closing the connection",
            Phase::Data => "sequences, large objects, views, statistics",
            Phase::Settings => "privileges and settings",
            Phase::Unknown => "unknown",
        })
    }
}
