//! An engine that stays when everything follows: it guards, and obeys.

use super::clear::clear_if_let_in;
use super::close::close_all;
use super::context::Cx;
use super::database::Candidate;
use super::emit::Emitter;
use super::guard::{Until, Watch};
use super::resume::discontinue;
use crate::model::check::Finding;
use crate::model::command::{Command, Request, StopReason};
use crate::model::event::{DatabaseOutcome, Event};
use crate::model::task::Task;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;

/// Commands that wait: more at a time than there are operators.
const WAITING: usize = 8;

/// What an engine is told while it guards.
#[derive(Debug)]
pub(super) struct Orders {
    commands: mpsc::Receiver<Request>,
    /// Before, a command that is for a guard is answered by a finding.
    guards: Arc<AtomicBool>,
    /// What follows is to be discontinued as soon as the work, which is cancelled, has ended.
    discontinue: Arc<AtomicBool>,
    /// Whoever wanted a guard has left again.
    leave: CancellationToken,
    /// For databases that wait to go on.
    told: Arc<Notify>,
}

impl Orders {
    /// Takes commands from faces, and passes on those that are for a guard.
    pub(super) fn listen(
        mut commands: mpsc::Receiver<Request>,
        emit: Arc<Emitter>,
        cancel: CancellationToken,
    ) -> (Orders, tokio::task::JoinHandle<()>) {
        let (guards, discontinue) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let (to, from) = mpsc::channel(WAITING);
        let (leave, told) = (CancellationToken::new(), Arc::new(Notify::new()));
        let orders = Orders {
            commands: from,
            guards: Arc::clone(&guards),
            discontinue: Arc::clone(&discontinue),
            leave: leave.clone(),
            told: Arc::clone(&told),
        };
        let listening = tokio::spawn(async move {
            while let Some(request) = commands.recv().await {
                let guards = guards.load(Ordering::Relaxed);
                match request.command {
                    Command::Stop { because } => stop(&emit, &cancel, because),
                    // Some may follow already while others are still at work.
                    Command::Discontinue if !guards => {
                        discontinue.store(true, Ordering::Relaxed);
                        stop(&emit, &cancel, StopReason::Operator);
                    }
                    Command::Finish(_) if !guards => unanswered(&emit, request, too_early()),
                    // Where none waits any more there is nothing to be said.
                    Command::GoOn => told.notify_waiters(),
                    Command::Clear if !guards => unanswered(&emit, request, at_work()),
                    Command::Leave if !guards => leave.cancel(),
                    // Never waited for: whoever says stop after this is to be heard.
                    _ => match to.try_send(request) {
                        Ok(()) => {}
                        Err(TrySendError::Full(request)) => unanswered(&emit, request, busy()),
                        Err(TrySendError::Closed(_)) => return,
                    },
                }
            }
        });
        (orders, listening)
    }

    /// Until somebody has said, before anybody guarded, that nobody has to.
    pub(super) async fn left(&self) {
        self.leave.cancelled().await;
    }

    /// What databases that wait to go on listen to.
    pub(super) fn told(&self) -> Arc<Notify> {
        Arc::clone(&self.told)
    }

    /// Whether what follows is still to be discontinued, because that was asked for before anybody guarded.
    pub(super) fn discontinues(&self) -> bool {
        self.discontinue.load(Ordering::Relaxed)
    }
}

fn stop(emit: &Emitter, cancel: &CancellationToken, because: StopReason) {
    if !cancel.is_cancelled() {
        emit.record(Event::Stopping { because });
        cancel.cancel();
    }
}

/// Whoever gave the command is not to wait for more.
fn unanswered(emit: &Emitter, request: Request, why: Finding) {
    emit.record(Event::Finding { finding: why });
    if let Some(verb) = verb(request.command) {
        answer(emit, verb, request.face);
    }
}

fn answer(emit: &Emitter, verb: &str, face: u32) {
    let (outcome, face) = (emit.outcome(), Some(face));
    emit.record(Event::Answered { verb: verb.to_owned(), outcome, face });
}

/// What a command to a guard is called where it is answered.
fn verb(command: Command) -> Option<&'static str> {
    match command {
        Command::Finish(how) => Some(Task::Finish(how).verb()),
        Command::Discontinue => Some(Task::Stop.verb()),
        Command::Clear => Some(Task::Clear.verb()),
        Command::Stop { .. } | Command::Leave | Command::GoOn => None,
    }
}

fn busy() -> Finding {
    let title = "a command is not obeyed: too many wait already";
    Finding::warning("busy", title).fix("say it again once those before it are answered")
}

fn too_early() -> Finding {
    let title = "the connection cannot be closed yet: the engine is still at work";
    Finding::warning("too-early", title).fix("finish again once every database follows")
}

fn at_work() -> Finding {
    let title = "nothing is taken back: the engine is still at work";
    Finding::warning("at-work", title).fix("say it again once every database follows or has ended")
}

/// Guards what follows until nothing does any more, or until told to end.
pub(super) async fn keep(cx: &Arc<Cx>, candidates: Vec<Candidate>, orders: &mut Orders) {
    let following = |cx: &Cx| -> Vec<Candidate> {
        let follows = |c: &&Candidate| {
            cx.emit.with_run(|run| {
                let database = run.databases.get(&c.facts.name);
                database.is_some_and(|d| d.outcome == Some(DatabaseOutcome::Following))
            })
        };
        candidates.iter().filter(follows).cloned().collect()
    };
    if following(cx).is_empty() || cx.cancel.is_cancelled() || orders.leave.is_cancelled() {
        return;
    }
    orders.guards.store(true, Ordering::Relaxed);
    cx.emit.record(Event::Keeping);
    let mut watch = Watch::begin(cx, Until::NothingFollows);
    while !following(cx).is_empty() && !cx.cancel.is_cancelled() {
        let request = tokio::select! {
            biased;
            () = cx.cancel.cancelled() => None,
            request = orders.commands.recv() => request,
            () = watch.ended() => None,
        };
        let Some(Request { command, face }) = request else { break };
        let Some(verb) = verb(command) else { break };
        cx.emit.record(Event::Asked { verb: verb.to_owned(), face: Some(face) });
        match command {
            // The source keeps its log for all of them meanwhile.
            Command::Finish(how) => close_all(cx, following(cx), how).await,
            order => {
                watch.end().await;
                match order {
                    Command::Clear => clear_if_let_in(cx).await,
                    _ => discontinue(cx).await,
                }
                watch = Watch::begin(cx, Until::NothingFollows);
            }
        }
        answer(&cx.emit, verb, face);
    }
    watch.end().await;
}
