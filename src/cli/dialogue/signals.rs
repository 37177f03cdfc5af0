//! Signals beside Ctrl-C while questions are asked: who follows an engine answers them, and everybody else only goes.

use crate::cli::exit::Exit;
use crate::cli::signals::{Asked as Signal, Leave, Signals};
use crate::model::command::StopReason;
use tokio::sync::Mutex;

/// Held while an engine is followed: one in this process is stopped in order before the process ends.
pub(super) static FOLLOWED: Mutex<()> = Mutex::const_new(());

/// What this process is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    /// A question, or a question's.
    CtrlC,
    End(StopReason),
}

pub(super) async fn next(signals: &mut Option<Signals>) -> Asked {
    let Some(signals) = signals else { return std::future::pending().await };
    match signals.next().await {
        Signal::Stop(StopReason::Operator) => Asked::CtrlC,
        Signal::Stop(because) => Asked::End(because),
        Signal::Leave(Leave::LineDied) => Asked::End(StopReason::Terminated),
        // Ctrl-\.
        Signal::Leave(Leave::Quit) => Asked::End(StopReason::Operator),
    }
}

/// Comes once this process is to end, and not with Ctrl-C.
pub(super) async fn end(signals: &mut Option<Signals>) -> StopReason {
    loop {
        if let Asked::End(because) = next(signals).await {
            return because;
        }
    }
}

/// The exit of whoever goes at a question.
pub(super) async fn gone(mut signals: Option<Signals>) -> Exit {
    let because = end(&mut signals).await;
    drop(FOLLOWED.lock().await);
    match because {
        StopReason::Terminated => Exit::Terminated,
        StopReason::Operator => Exit::Left,
    }
}
