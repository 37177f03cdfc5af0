//! What was asked: the two servers, what is to be moved, and how. No secrets, so it may lie on disk.

use super::endpoint::Endpoint;
use super::filter::{TablePattern, TableScope};
use super::units::TableName;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// The format of plan.json and of the journal.
pub const FORMAT: u32 = 1;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    pub format: u32,
    /// Short, lower case, unique on this machine; part of the names of objects that we make.
    pub id: String,
    /// The migration's own folder, absolute.
    pub home: PathBuf,
    pub source: Endpoint,
    pub target: Endpoint,
    pub scope: Scope,
    pub method: MethodPolicy,
    #[serde(default)]
    pub replication: ReplicationPlan,
    pub policies: Policies,
    /// How many tables and indexes are worked on at a time, over all databases; where it is not said, what both servers'
    /// processors are good for.
    #[serde(default)]
    pub jobs: Option<u32>,
    /// Tables from this size on are copied in parts, in bytes; where it is not said, large ones that the rest would wait
    /// for.
    #[serde(default)]
    pub split_from_bytes: Option<u64>,
    /// Refuse when the databases to move are larger than this in all.
    #[serde(default)]
    pub max_total_bytes: Option<u64>,
    /// Where pg_dump is looked for.
    pub tools: ToolPlaces,
    /// Only judge, change nothing.
    #[serde(default)]
    pub only_checks: bool,
    /// Checks that are left out, by their ids.
    #[serde(default)]
    pub skipped_checks: Vec<String>,
    /// Only these checks, by their ids; empty means all.
    #[serde(default)]
    pub selected_checks: Vec<String>,
    /// Free space on the target's disk, in bytes, as the operator says: most servers cannot tell.
    #[serde(default)]
    pub target_disk_bytes: Option<u64>,
    /// How long what a database is read from is held open after it broke off, for a word to go on, in seconds; 0 is not at
    /// all. Where it is not said, as long as [`Plan::KEEP_SNAPSHOT_S`].
    #[serde(default)]
    pub keep_snapshot_s: Option<u64>,
    /// The migration whose unfinished databases this one begins anew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub again: Option<String>,
}

impl Plan {
    /// A quarter of an hour: time to make room on a disk, and not enough for the source to suffer much.
    pub const KEEP_SNAPSHOT_S: u64 = 15 * 60;
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ToolPlaces {
    /// `--pgbin`: where this is given, nothing else is looked at.
    pub pgbin: Option<PathBuf>,
    pub path_dirs: Vec<PathBuf>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Scope {
    /// Only these databases; empty means all.
    pub databases: Vec<String>,
    pub excluded_databases: Vec<String>,
    pub tables: TableScope,
    pub excluded_roles: Vec<String>,
    pub excluded_extensions: Vec<String>,
    pub extension_tables: ExtensionTables,
}

impl Scope {
    pub fn wants_database(&self, name: &str) -> bool {
        (self.databases.is_empty() || self.databases.iter().any(|d| d == name))
            && !self.excluded_databases.iter().any(|d| d == name)
    }
}

/// Whether rows that users put into configuration tables of extensions are moved.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExtensionTables {
    #[default]
    Copy,
    Leave,
}

/// How databases are to be moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MethodPolicy {
    /// Continuously where that is possible.
    Auto(Fallback),
    /// A one-time snapshot.
    Dump,
    /// Continuously; where that is not possible for a database, the migration does not start.
    Replication,
}

/// What becomes of a database that cannot be moved continuously.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fallback {
    /// It is moved by a one-time snapshot.
    #[default]
    Dump,
    /// It is left out, and with it whatever cannot be moved at all.
    Skip,
    /// The migration does not start.
    Fail,
}

/// How one database is moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    Dump,
    Replication,
}

/// What is done about tables of which nothing tells the rows apart: published in full, the source would refuse to update
/// or delete their rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IdentityPolicy {
    /// The database is not replicated.
    #[default]
    Refuse,
    /// By a unique index that would do; where there is none, refuse.
    Index,
    /// By the whole row; where a type cannot be compared, refuse.
    Full,
    /// Only new rows travel.
    Inserts,
    /// Not at all: they are copied again when the connection is closed.
    Skip,
}

/// What only matters for continuous migration.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ReplicationPlan {
    pub identity: IdentityPolicy,
    /// The same for tables by name; of several that mean a table the last one counts.
    #[serde(default)]
    pub identity_by_table: Vec<(TablePattern, IdentityPolicy)>,
    /// The source as the target reaches it, where that is another address than ours. No secrets.
    #[serde(default)]
    pub source_for_target: Option<Endpoint>,
    /// Wait until no database lags behind by more than this, in bytes.
    #[serde(default)]
    pub max_lag_bytes: Option<u64>,
    /// Close the connection once that is so.
    #[serde(default)]
    pub finish: bool,
    /// The migration is stopped, and its slot dropped, when the source keeps more log for it than this, in bytes.
    #[serde(default)]
    pub max_wal_kept_bytes: Option<u64>,
    /// Databases' names do not appear in the names of our objects.
    #[serde(default)]
    pub mangle: bool,
}

impl ReplicationPlan {
    /// What is done about this table, where nothing tells its rows apart.
    pub fn identity_for(&self, database: &str, table: &TableName) -> IdentityPolicy {
        let named = self.identity_by_table.iter().rev().find(|(pattern, _)| pattern.matches(database, table));
        named.map_or(self.identity, |(_, policy)| *policy)
    }
}

/// What to do where the target holds something already.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TargetPolicy {
    #[default]
    Refuse,
    Append,
    Truncate,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Keep {
    #[default]
    Yes,
    No,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policies {
    pub target_not_empty: TargetPolicy,
    pub owners: Keep,
    pub privileges: Keep,
    /// `--no-createdb` says no: every database must exist on the target.
    pub create_databases: Keep,
    /// `--skip-db-version-check` says no.
    pub version_check: Keep,
}
