//! What a later command does with a migration that exists.

/// How both sides are held against each other at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verify {
    Nothing,
    /// The number of rows of every table.
    Counts,
    /// A checksum over all rows of every table.
    Checksums,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Finish {
    /// How long to wait until the target is in sync, in seconds.
    pub timeout_s: u64,
    pub verify: Verify,
}

impl Default for Finish {
    fn default() -> Self {
        Self { timeout_s: 600, verify: Verify::Counts }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Task {
    /// Close the connection in good order.
    Finish(Finish),
    /// Discontinue: what was copied stays.
    Stop,
    /// Remove what a dead run has left.
    Clean,
}

impl Task {
    /// The command's name.
    pub fn verb(self) -> &'static str {
        match self {
            Task::Finish(_) => "finish",
            Task::Stop => "stop",
            Task::Clean => "clean",
        }
    }
}
