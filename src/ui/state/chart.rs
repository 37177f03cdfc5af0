//! What charts are drawn from, and which of them stands where there is room for one.

use serde::{Deserialize, Serialize};

/// One look at the gauges.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sample {
    pub at_ms: u64,
    pub bytes: u64,
    pub rows: u64,
    /// Unknown is not nothing.
    pub lag_bytes: Option<u64>,
    pub kept_bytes: Option<u64>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Charted {
    #[default]
    Speed,
    /// The WAL that the slots keep on the source.
    Kept,
    Lag,
}

impl Charted {
    pub fn title(self) -> &'static str {
        match self {
            Charted::Speed => "Speed, last 10 min",
            Charted::Kept => "WAL kept by the slots",
            Charted::Lag => "Lag",
        }
    }

    /// In a hint.
    pub fn word(self) -> &'static str {
        match self {
            Charted::Speed => "speed",
            Charted::Kept => "WAL kept",
            Charted::Lag => "lag",
        }
    }
}
