//! Exit codes: what scripts read.

use crate::model::command::StopReason;
use crate::model::event::RunOutcome;
use crate::model::run::Run;
use std::process::ExitCode;

/// How the command ended, for the shell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    Done = 0,
    /// Checks found blockers; nothing was done.
    Blocked = 1,
    Usage = 2,
    /// Some databases are not done, or something was lost.
    Partly = 3,
    Failed = 4,
    /// Ctrl-C.
    Interrupted = 130,
    /// The operator left; the migration goes on.
    Left = 131,
    /// SIGTERM or SIGHUP.
    Terminated = 143,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit as u8)
    }
}

impl Exit {
    pub fn of(outcome: RunOutcome, run: &Run) -> Exit {
        match outcome {
            RunOutcome::Done | RunOutcome::Following => Exit::Done,
            RunOutcome::Partly => Exit::Partly,
            RunOutcome::Failed => Exit::Failed,
            RunOutcome::Refused => Exit::Blocked,
            RunOutcome::Checked
                if run.findings.iter().any(|f| f.severity == crate::model::check::Severity::Blocker) =>
            {
                Exit::Blocked
            }
            RunOutcome::Checked => Exit::Done,
            RunOutcome::Stopped => match run.stopping {
                Some(StopReason::Terminated) => Exit::Terminated,
                _ => Exit::Interrupted,
            },
        }
    }
}
