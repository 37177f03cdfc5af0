//! What the terminal and other processes ask of us by signals.

use crate::model::command::StopReason;
use crate::model::failure::Failure;
use std::fs::File;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// What a signal means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    Stop(StopReason),
    /// Leave, and let the engine work on.
    Leave(Leave),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Leave {
    /// Ctrl-\.
    Quit,
    /// The terminal is gone: a window was closed, a line died. Nobody has asked for anything.
    LineDied,
}

pub(super) struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hang_up: Signal,
    quit: Signal,
    had_terminal: bool,
}

impl Signals {
    /// From here on nothing that is asked is lost, and nothing ends this process by itself: to be had before a line on the
    /// screen invites to it. A Ctrl-\ between that line and this call once ended in a dumped core instead of a word.
    ///
    /// # Errors
    /// When this process may not have handlers.
    pub(super) fn new() -> Result<Self, Failure> {
        Self::of_kinds().map_err(|error| Failure::local(format!("signals cannot be handled: {error}")))
    }

    fn of_kinds() -> std::io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hang_up: signal(SignalKind::hangup())?,
            quit: signal(SignalKind::quit())?,
            had_terminal: has_terminal(),
        })
    }

    /// A Ctrl-C that was somebody else's is not heard here.
    pub(super) fn forget_interrupt(&mut self) {
        if let Ok(interrupt) = signal(SignalKind::interrupt()) {
            self.interrupt = interrupt;
        }
    }

    pub(super) async fn next(&mut self) -> Asked {
        tokio::select! {
            _ = self.interrupt.recv() => Asked::Stop(StopReason::Operator),
            _ = self.terminate.recv() => Asked::Stop(StopReason::Terminated),
            _ = self.quit.recv() => Asked::Leave(Leave::Quit),
            _ = self.hang_up.recv() => {
                // The signal alone may also be somebody's word.
                if self.had_terminal && !has_terminal() {
                    Asked::Leave(Leave::LineDied)
                } else {
                    Asked::Stop(StopReason::Terminated)
                }
            }
        }
    }
}

/// Whether this process's session has a terminal that is still there.
fn has_terminal() -> bool {
    File::open("/dev/tty").is_ok()
}
