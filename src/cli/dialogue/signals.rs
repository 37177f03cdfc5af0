//! Signals beside Ctrl-C while questions are asked: who follows an engine answers them, and everybody else only goes.

use crate::cli::exit::Exit;
use crate::cli::signals::{Asked, Leave, Signals};
use crate::model::command::StopReason;
use tokio::sync::Mutex;

/// Held while an engine is followed: one in this process is stopped in order before the process ends.
pub(super) static FOLLOWED: Mutex<()> = Mutex::const_new(());

/// Comes once this process is to end, and not with Ctrl-C, which is a question's.
pub(super) async fn end(signals: &mut Option<Signals>) -> StopReason {
    let Some(signals) = signals else { return std::future::pending().await };
    loop {
        match signals.next().await {
            Asked::Stop(StopReason::Operator) => {}
            Asked::Stop(because) => return because,
            Asked::Leave(Leave::LineDied) => return StopReason::Terminated,
            // Ctrl-\.
            Asked::Leave(Leave::Quit) => return StopReason::Operator,
        }
    }
}

/// The exit of whoever goes at a question.
pub(super) async fn gone() -> Exit {
    let mut signals = Signals::new().ok();
    let because = end(&mut signals).await;
    drop(FOLLOWED.lock().await);
    match because {
        StopReason::Terminated => Exit::Terminated,
        StopReason::Operator => Exit::Left,
    }
}
