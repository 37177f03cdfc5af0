//! A process that is an engine: it takes its order from the face that started it, keeps the log, and heeds signals.

use super::exit::Exit;
use super::lines::text;
use super::{log, out};
use crate::link::{Detail, Link, Order, become_engine, begin, report};
use crate::model::command::{Command, StopReason};
use crate::model::run::Run;
use crate::store::Folder;
use std::io::IsTerminal;
use std::path::Path;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::filter::LevelFilter;

pub(super) async fn run() -> Exit {
    if std::io::stdin().is_terminal() {
        out::complain("this is what pgpassage starts by itself; see pgpassage migrate");
        return Exit::Usage;
    }
    let Order { plan, secrets, task, stay, logging } = match become_engine() {
        Ok(order) => order,
        Err(failure) => {
            report(Err(&failure));
            return Exit::Usage;
        }
    };
    let log_path = Folder::at(&plan.home).log_path();
    let mut logs: Vec<&Path> = vec![&log_path];
    logs.extend(logging.further.as_deref());
    let level = if logging.detail == Detail::Debug { LevelFilter::DEBUG } else { LevelFilter::INFO };
    // The face has looked whether it can be written; without a log the work can still be done.
    let _log = log::start_in_files(&logs, level).ok();
    match begin(plan, secrets, (task, stay)).await {
        Ok(link) => {
            report(Ok(()));
            work(link).await
        }
        Err(failure) => {
            report(Err(&failure));
            Exit::Failed
        }
    }
}

/// Until the engine has ended. Its result is in the journal, and whoever waits for it has joined.
async fn work(mut link: Link) -> Exit {
    let mut run = Run::default();
    let commands = link.commands();
    let kinds = [SignalKind::terminate(), SignalKind::interrupt(), SignalKind::hangup()].map(signal);
    let [Ok(mut terminate), Ok(mut interrupt), Ok(mut hang_up)] = kinds else {
        // It can still be told by the socket.
        while link.next_entry().await.is_some() {}
        return Exit::Failed;
    };
    loop {
        let because = tokio::select! {
            entry = link.next_entry() => {
                let Some(entry) = entry else { break };
                run.apply(&entry);
                if let Some(text) = text(&run, &entry) {
                    tracing::info!("{text}");
                }
                continue;
            }
            _ = terminate.recv() => StopReason::Terminated,
            _ = interrupt.recv() => StopReason::Operator,
            // Whose terminal it may have been, it is not ours.
            _ = hang_up.recv() => continue,
        };
        commands.send(Command::Stop { because }).await.ok();
    }
    drop(commands);
    match link.outcome().await {
        Ok(outcome) => Exit::of(outcome, &run),
        Err(failure) => {
            tracing::error!("{failure}");
            Exit::Failed
        }
    }
}
