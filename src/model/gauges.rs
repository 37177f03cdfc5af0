//! The latest values: may be skipped, are never journalled, and are only ever shown.

use super::phase::Phase;
use super::status::DatabaseStatus;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How far the copying of one database is. Byte totals are sizes on the source's disk, so that both ends of the
/// scale are known before a byte moves; what has passed the wire is scaled to them table by table.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct DatabaseGauge {
    pub phase: Option<Phase>,
    pub tables_total: u64,
    pub tables_done: u64,
    pub bytes_total: u64,
    pub bytes_done: u64,
    pub rows_done: u64,
    /// What the source's statistics say; may be too low, or 0.
    #[serde(default)]
    pub rows_estimate: u64,
    /// Statements of the index and constraint phase.
    pub steps_total: u64,
    pub steps_done: u64,
}

/// Something that a worker is doing now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Running {
    pub database: String,
    pub what: String,
    pub since_ms: u64,
    /// Bytes on the wire so far and bytes expected; absent for statements without a measure.
    pub bytes: Option<(u64, u64)>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Gauges {
    /// Unix milliseconds when these values were taken.
    pub at_ms: u64,
    pub databases: BTreeMap<String, DatabaseGauge>,
    pub running: Vec<Running>,
    /// How databases that follow stand, as far as their guard has asked.
    #[serde(default)]
    pub following: BTreeMap<String, DatabaseStatus>,
    /// COPY payload that has passed through so far.
    pub wire_bytes: u64,
}

impl Gauges {
    pub fn bytes_total(&self) -> u64 {
        self.databases.values().map(|d| d.bytes_total).sum()
    }

    pub fn bytes_done(&self) -> u64 {
        self.databases.values().map(|d| d.bytes_done).sum()
    }

    pub fn rows_estimate(&self) -> u64 {
        self.databases.values().map(|d| d.rows_estimate).sum()
    }

    pub fn rows_done(&self) -> u64 {
        self.databases.values().map(|d| d.rows_done).sum()
    }
}
