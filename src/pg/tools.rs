//! The client tools of PostgreSQL as children: which `pg_dump` to use, and how to run it.
//!
//! A child starts with an empty environment. Its password is in a file without a name (see `passfile`); neither
//! its argv nor its environment holds a secret. What it says on stderr is bounded, redacted and sorted into warnings
//! and errors before anybody sees it.

mod dump;
mod find;
mod passfile;
mod redact;

use std::fmt;
use std::path::PathBuf;

use thiserror::Error;

pub use dump::{Content, Dump, DumpOptions, DumpRequest, LeaveOut, Level, StderrLine, dump_schema};
pub use find::{Tool, ToolSearch, ToolVersion, find_pg_dump};
pub use redact::redact;

/// Why a client tool could not do its work.
#[derive(Debug, Error)]
pub enum ToolError {
    /// No installed `pg_dump` can read the source.
    #[error(
        "no pg_dump here can read a PostgreSQL {source_major} server ({found}); \
         install one that can: apt-get install postgresql-client-{wanted}"
    )]
    NoneFits {
        /// The source's major version.
        source_major: u32,
        /// What was found, in words.
        found: String,
        /// The major version to install.
        wanted: u32,
    },
    /// The child could not be started, or its output not be read.
    #[error("cannot run {program}: {cause}")]
    Io {
        /// The program that was to run.
        program: String,
        /// The system's reason.
        cause: std::io::Error,
    },
    /// The password cannot be handed to a child.
    #[error("the password {0}, which the password file of PostgreSQL's client tools cannot hold")]
    Password(&'static str),
    /// The child could not be given its password.
    #[error("cannot hand the password to {program}: {cause}")]
    PasswordFile {
        /// The program that was to run.
        program: String,
        /// The system's reason.
        cause: std::io::Error,
    },
    /// The child ended with an error.
    #[error("{program} failed: {reason}")]
    Failed {
        /// Its name.
        program: String,
        /// Its first error and what belongs to it, redacted.
        reason: String,
        /// All that it said, redacted.
        stderr_lines: Vec<StderrLine>,
    },
    /// The child took longer than it was allowed to, and was ended.
    #[error("{program} did not finish within {limit_s} seconds")]
    TimedOut {
        /// Its name.
        program: String,
        /// The time it had, in seconds.
        limit_s: u64,
    },
    /// The child wrote more than there is room for, and was ended.
    #[error("{program} wrote more than {limit_bytes} bytes")]
    TooMuchOutput {
        /// Its name.
        program: String,
        /// The room for its output, in bytes.
        limit_bytes: usize,
    },
    /// Somebody cancelled: a value, not a failure.
    #[error("cancelled")]
    Cancelled,
}

/// A path's last part for people.
fn name_of(path: &std::path::Path) -> String {
    path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned())
}

/// Candidates and versions in words.
struct Found<'a>(&'a [Tool], &'a [PathBuf]);

impl fmt::Display for Found<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() && self.1.is_empty() {
            return f.write_str("none is installed");
        }
        let usable = self.0.iter().map(|tool| format!("{} in {}", tool.version, tool.path.display()));
        let broken = self.1.iter().map(|path| format!("{} does not run", path.display()));
        write!(f, "found {}", usable.chain(broken).collect::<Vec<_>>().join(", "))
    }
}
