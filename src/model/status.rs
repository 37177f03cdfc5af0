//! How a database stands, as both servers say now.

use super::event::DatabaseOutcome;
use super::plan::Method;
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatabaseStatus {
    pub database: String,
    pub method: Method,
    /// What the journal says.
    pub outcome: Option<DatabaseOutcome>,
    pub message: String,
    /// What keeps it from following, or why it could not be asked.
    pub error: Option<String>,
    /// `error` only says that asking failed: how it stands is not known, and need not be bad.
    #[serde(default)]
    pub unasked: bool,
    /// Written on the source and not confirmed by the target. Absent where it is not known, which is not nothing.
    pub lag_bytes: Option<u64>,
    /// How long ago the source wrote what the target has applied last; absent where nobody has watched for long enough.
    pub lag_ms: Option<u64>,
    /// Log that the source keeps for it.
    pub kept_bytes: Option<u64>,
    /// What the source may still write before it gives the slot up; absent without a limit.
    pub safe_bytes: Option<u64>,
    pub tables_ready: u64,
    pub tables_not_ready: u64,
    /// When the source last answered, in Unix milliseconds; 0 where it has not.
    #[serde(default)]
    pub at_ms: u64,
    /// Sessions of others in it, on either side; absent where that is not known.
    #[serde(default)]
    pub sessions: Sessions,
}

/// Sessions of others in a database: who still works on the source, and who already does on the target.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sessions {
    pub source: Option<u64>,
    pub target: Option<u64>,
}

impl Default for DatabaseStatus {
    fn default() -> Self {
        Self {
            database: String::new(),
            method: Method::Dump,
            outcome: None,
            message: String::new(),
            error: None,
            unasked: false,
            lag_bytes: None,
            lag_ms: None,
            kept_bytes: None,
            safe_bytes: None,
            tables_ready: 0,
            tables_not_ready: 0,
            at_ms: 0,
            sessions: Sessions::default(),
        }
    }
}
