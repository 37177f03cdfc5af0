//! The latest values: may be skipped, are never journalled, and are only ever shown.

use super::phase::Phase;
use super::status::DatabaseStatus;
use super::units::{Side, human_ms, printable, readable};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

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
    /// The lock that keeps it from going on, as far as the server has been asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lock: Option<LockWait>,
}

/// A lock that one of our sessions waits for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockWait {
    pub side: Side,
    /// The kind as the server calls it, for example `AccessExclusiveLock`.
    pub mode: String,
    /// The table or index that is locked; absent for another kind of thing, such as a transaction.
    pub on: Option<String>,
    /// Who has it, or waits for it before us. Empty where that cannot be told.
    pub holders: Vec<Holder>,
}

/// Somebody whom a session of ours waits for. Texts are empty where our user may not see them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// Absent for a prepared transaction.
    pub pid: Option<i32>,
    pub user: String,
    pub application: String,
    /// As in pg_stat_activity.
    pub state: String,
    /// How long its transaction has been open.
    pub transaction_age_s: Option<u64>,
}

/// Whose turn it is matters more than anything else: it comes first, where a line may be cut.
impl fmt::Display for LockWait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const NAMED: usize = 3;
        match self.holders.as_slice() {
            [] => write!(f, "waits for a lock on the {}", self.side)?,
            [first, rest @ ..] => {
                write!(f, "waits for {first}")?;
                for holder in rest.iter().take(NAMED - 1) {
                    write!(f, " and {holder}")?;
                }
                if rest.len() >= NAMED {
                    write!(f, " and {} more", rest.len() + 1 - NAMED)?;
                }
                write!(f, " on the {}", self.side)?;
            }
        }
        let on = self.on.as_deref().map(|on| format!(" on {}", printable(on))).unwrap_or_default();
        write!(f, ": {}{on}", printable(&self.mode))
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.pid {
            Some(pid) => write!(f, "pid {pid}")?,
            None => f.write_str("a prepared transaction")?,
        }
        let mut about = Vec::new();
        if !self.user.is_empty() {
            about.push(format!("user {}", readable(&self.user)));
        }
        if !self.application.is_empty() {
            about.push(printable(&self.application));
        }
        if !self.state.is_empty() {
            about.push(printable(&self.state));
        }
        about.extend(self.transaction_age_s.map(|s| format!("for {}", human_ms(s * 1000))));
        if about.is_empty() { Ok(()) } else { write!(f, " ({})", about.join(", ")) }
    }
}

/// Something that has not begun yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiting {
    pub database: String,
    /// As it will be called when it runs.
    pub what: String,
    pub hurdle: Hurdle,
}

/// What has to happen before something can begin; the last first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Hurdle {
    /// Everything is there; as many run as may.
    Job,
    /// Something else of ours works on the same table, and the server would not let both.
    SameTable,
    Rows,
    BothTables,
    Others,
}

impl fmt::Display for Hurdle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Hurdle::Job => "waits for a free job",
            Hurdle::SameTable => "waits for other work on its table",
            Hurdle::Rows => "waits for its table's rows",
            Hurdle::BothTables => "waits for rows and keys of both tables",
            Hurdle::Others => "waits for what it depends on",
        })
    }
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Gauges {
    /// Unix milliseconds when these values were taken.
    pub at_ms: u64,
    pub databases: BTreeMap<String, DatabaseGauge>,
    pub running: Vec<Running>,
    /// The first of what has not begun, in the order in which it is likely to.
    #[serde(default)]
    pub waiting: Vec<Waiting>,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_told_with_who_has_it() {
        let holder = |pid| Holder {
            pid,
            user: "app".into(),
            application: "psql\u{1b}[2J".into(),
            state: "idle in transaction".into(),
            transaction_age_s: Some(42),
        };
        let mut wait = LockWait {
            side: Side::Source,
            mode: "AccessShareLock".into(),
            on: Some("public.orders".into()),
            holders: vec![holder(Some(4711))],
        };
        assert_eq!(
            wait.to_string(),
            "waits for pid 4711 (user app, psql\\u{1b}[2J, idle in transaction, for 42 s) on the source: \
             AccessShareLock on public.orders"
        );
        wait.holders.extend([holder(None), holder(Some(2)), holder(Some(3)), holder(Some(4))]);
        assert!(wait.to_string().contains("and 2 more on the source"), "{wait}");
        wait.holders.clear();
        assert_eq!(wait.to_string(), "waits for a lock on the source: AccessShareLock on public.orders");
    }
}
