//! A migration in lines while it runs, and where its end leads to.

use super::failed::{After, Away, offer};
use super::interrupt::{self, Meant, Works};
use super::signals::{Asked, FOLLOWED, end, next};
use super::{Next, close, now_ms};
use crate::cli::exit::Exit;
use crate::cli::lines::line;
use crate::cli::out;
use crate::cli::signals::Signals;
use crate::cli::wizard::Rooms;
use crate::link::Link;
use crate::model::command::{Command, StopReason};
use crate::model::event::{Entry, Event, RunOutcome};
use crate::model::failure::Failure;
use crate::model::task::Task;
use crate::model::units::{human_bytes, readable};
use crate::ui::drive::Opened;
use crate::ui::format::percent;
use crate::ui::state::live::{Ending, Live, Wanted};
use crate::ui::state::{Engine, State};
use crate::ui::steps::migration::{failed, waits};
use std::future::Future;
use std::time::Duration;
use tokio::time::{sleep, timeout};

/// How often a line says how far it is.
const SAY: Duration = Duration::from_secs(30);
/// A story of before is told at once: what follows begins where nothing more comes for so long.
const SETTLED: Duration = Duration::from_millis(300);

/// Why nobody waits any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Parting {
    /// The engine is through or gone, as [`Live::ended`] says.
    Ended,
    /// Everything follows, or what was asked of the guard has been answered and the rest follows.
    Enough,
    /// Before that, with this as the exit.
    Left(Exit),
    /// So too, and the engine in this process was told to stop and has ended.
    StoppedAndLeft,
}

/// What is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Until {
    /// The end, or that the rest follows.
    Through,
    /// The answer to a later command; what was before it has been told.
    Answered { task: Task, after_seq: u64 },
}

/// What came of showing a migration.
enum Then {
    Over(Exit),
    /// Another one was begun of what this one did not bring to its end.
    Another(Box<Result<Opened, Failure>>),
    Questions,
}

pub(super) async fn show(rooms: &Rooms, state: &mut State, opened: Result<Opened, Failure>) -> Next {
    let mut opened = opened;
    loop {
        let then = match opened {
            Ok(opened) => told(rooms, state, opened).await,
            Err(failure) => {
                out::print(&format!("error: {failure}"));
                return Next::Over(Exit::Failed);
            }
        };
        match then {
            Then::Over(exit) => return Next::Over(exit),
            Then::Another(begun) => opened = *begun,
            Then::Questions => return Next::Questions,
        }
    }
}

async fn told(rooms: &Rooms, state: &mut State, opened: Opened) -> Then {
    state.start.opened = Some(opened.shown.id.clone());
    let mut live = Live::new(opened.shown.id.clone(), opened.engine, opened.shown);
    match opened.link {
        None => opened.entries.iter().for_each(|entry| live.apply(entry)),
        Some(link) => match follow(link, &mut live, Until::Through).await {
            Parting::Left(exit) => {
                left(&live);
                return Then::Over(exit);
            }
            Parting::StoppedAndLeft => {
                let outcome = live.run.outcome.unwrap_or_else(|| live.run.judge());
                report(&live, outcome);
                return Then::Over(Exit::of(outcome, &live.run));
            }
            Parting::Ended | Parting::Enough => {}
        },
    }
    if failed(&live) {
        return after_failure(rooms, state, live).await;
    }
    let outcome = live.run.outcome.unwrap_or_else(|| live.run.judge());
    report(&live, outcome);
    // Whatever is lost beside it: what follows is to be closed.
    if live.is_following() {
        return last_step(rooms, state, live).await;
    }
    Then::Over(Exit::of(outcome, &live.run))
}

async fn after_failure(rooms: &Rooms, state: &mut State, mut live: Live) -> Then {
    let exit = live.run.outcome.map_or(Exit::Failed, |outcome| Exit::of(outcome, &live.run));
    match offer(rooms, &mut live).await {
        Ok(After::Begun(begun)) => Then::Another(begun),
        Ok(After::StartOver(typed)) => {
            super::failed::fill(rooms, state, (&live, typed));
            Then::Questions
        }
        Ok(After::LastStep) => last_step(rooms, state, live).await,
        gone => {
            left(&live);
            Then::Over(if let Err(Away::Left(with)) = gone { with } else { exit })
        }
    }
}

async fn last_step(rooms: &Rooms, state: &mut State, live: Live) -> Then {
    state.live = Some(live);
    let closed = close::close(rooms, state).await;
    Then::Over(match (closed, &mut state.live) {
        (Ok(exit), _) => exit,
        (Err(_), Some(live)) => {
            // The words are about now: a guard may have died at the question.
            close::reread(live);
            left(live);
            if live.run.judge() == RunOutcome::Partly { Exit::Partly } else { Exit::Done }
        }
        (Err(_), None) => Exit::Done,
    })
}

/// How it stands, as a command would say it. An engine that is gone watches over nothing, whatever its journal says last.
pub(super) fn report(live: &Live, outcome: RunOutcome) {
    let mut run = live.run.clone();
    run.keeping &= live.engine.is_there();
    let journal = format!("{}/journal", live.shown.home);
    out::print(&crate::cli::report::report(&run, outcome, &journal).join("\n"));
}

/// What goes on without this window.
pub(super) fn left(live: &Live) {
    let id = readable(&live.id);
    let apart = matches!(live.engine, Engine::Apart { .. });
    if apart && live.wanted == Some(Wanted::Stop) {
        out::print(&format!("This window is closed; the migration {id} is still being stopped."));
        out::print(&format!("See how that ends, and what is left: pgpassage attach {id}"));
    } else if apart {
        out::print(&format!("This window is closed; the migration {id} goes on."));
        out::print(&format!("Come back: pgpassage attach {id}    Stop it: pgpassage stop {id}"));
    } else if live.is_following() {
        out::print(&format!(
            "This window is closed; the databases of {id} go on following, and nobody guards them."
        ));
        out::print(&format!(
            "Guard them: pgpassage status {id} --watch --detach    Come back: pgpassage attach {id}"
        ));
    } else {
        out::print(&format!("This window is closed. What is left: pgpassage status {id}"));
    }
}

/// Where watching has got to.
#[derive(Debug, Default)]
struct Watch {
    stage: Stage,
    /// The rest follows, and an engine looks after it.
    keeps: bool,
    /// What was asked about because it waits to go on, each until when.
    asked: Vec<u64>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Stage {
    #[default]
    Watching,
    /// Nobody can answer: Ctrl-C is an answer then.
    Deaf,
    Stopping,
    StoppingToLeave,
}

impl Watch {
    fn is_stopping(&self) -> bool {
        matches!(self.stage, Stage::Stopping | Stage::StoppingToLeave)
    }

    /// Something broke off that nobody has been asked about.
    fn is_asked_for(&self, live: &Live) -> bool {
        waits(live) && !self.is_stopping() && until(live) != self.asked
    }

    /// What Ctrl-C means now.
    async fn meant(&self, live: &Live, wanted: Until) -> Meant {
        match (self.stage, wanted) {
            (Stage::Watching, Until::Through) => interrupt::asked(live).await,
            (Stage::Watching, Until::Answered { task, .. }) if live.engine == Engine::Here => {
                interrupt::breaks_off(task).await
            }
            (Stage::Deaf, _) => Meant::StopAndLeave,
            _ => Meant::Leave,
        }
    }

    /// The engine has ended. What was through before it heard that it was to stop is told as that.
    fn parting(&self, live: &Live) -> Parting {
        let stopped = live.run.stopping.is_some() || live.wanted == Some(Wanted::Stop);
        let left = self.stage == Stage::StoppingToLeave && stopped;
        if left { Parting::StoppedAndLeft } else { Parting::Ended }
    }

    /// What the operator wants is done. Why nobody waits any more, where that is so.
    async fn act(&mut self, meant: Meant, (link, live): (&mut Link, &mut Live)) -> Option<Parting> {
        match meant {
            // What was told to stop goes on stopping, and that is how it ended for whoever does not wait.
            Meant::Leave if self.is_stopping() => return Some(Parting::Left(Exit::Interrupted)),
            Meant::Leave => return Some(Parting::Left(Exit::Done)),
            Meant::End(because) if live.engine == Engine::Here && !self.is_stopping() => {
                // An engine that is gone needs no telling.
                link.commands().send(Command::Stop { because }).await.ok();
                out::print("Stopping. Ctrl-C leaves without waiting for that.");
                self.stage = Stage::StoppingToLeave;
            }
            // Nobody goes on with what this process was at.
            Meant::End(StopReason::Operator) if self.is_stopping() && live.engine == Engine::Here => {
                return Some(Parting::Left(Exit::Interrupted));
            }
            Meant::End(StopReason::Terminated) => return Some(Parting::Left(Exit::Terminated)),
            Meant::End(StopReason::Operator) => return Some(Parting::Left(Exit::Left)),
            Meant::GoOn => out::print("It is watched on. Ctrl-C asks again."),
            Meant::TryAgain => drop(link.commands().send(Command::GoOn).await),
            Meant::Deaf => self.stage = Stage::Deaf,
            Meant::Stop | Meant::StopAndLeave => {
                if !stop(link, live).await {
                    self.keeps = true;
                } else if meant == Meant::Stop {
                    self.stage = Stage::Stopping;
                } else {
                    self.stage = Stage::StoppingToLeave;
                }
            }
        }
        None
    }
}

fn until(live: &Live) -> Vec<u64> {
    live.run.waiting().map(|(_, waiting)| waiting.until_ms).collect()
}

/// Tells what happens until that has come, with `live` as the fold of it.
pub(super) async fn follow(link: Link, live: &mut Live, wanted: Until) -> Parting {
    let _followed = FOLLOWED.lock().await;
    live.engine = ours(live.engine);
    let works = if live.engine == Engine::Here { Works::Here } else { Works::Elsewhere };
    let parting = watched(link, live, wanted).await;
    if let (Until::Answered { task, .. }, Parting::Left(_) | Parting::StoppedAndLeft) = (wanted, parting) {
        interrupt::say_parted(live, task, works);
    }
    parting
}

/// A guard in this process is told by its socket, as if it were another one; yet it ends with us.
pub(super) fn ours(engine: Engine) -> Engine {
    match engine {
        Engine::Apart { pid } if pid == std::process::id() => Engine::Here,
        other => other,
    }
}

async fn watched(mut link: Link, live: &mut Live, wanted: Until) -> Parting {
    let mut say = tokio::time::interval(SAY);
    // From the first line on: between two handlers a Ctrl-C would be nobody's.
    let mut signals = Signals::new().ok();
    let mut watch = Watch::default();
    let through = wanted == Until::Through;
    live.face = link.face();
    loop {
        let broke_off = through && watch.is_asked_for(live);
        let settles = broke_off || watch.keeps && !watch.is_stopping();
        let meant = tokio::select! {
            entry = link.next_entry() => {
                let Some(entry) = entry else {
                    ended(link, live).await;
                    return watch.parting(live);
                };
                tell(live, &entry, wanted);
                watch.keeps |= through && entry.event == Event::Keeping;
                if let (Until::Answered { after_seq, .. }, true) = (wanted, link.is_answered(&entry.event))
                    && entry.seq > after_seq
                    // Where nothing follows any more the engine ends, and says so.
                    && live.is_following()
                {
                    return Parting::Enough;
                }
                continue;
            }
            () = sleep(SETTLED), if settles => {
                if !broke_off {
                    return Parting::Enough;
                }
                watch.asked = until(live);
                or_end(interrupt::broke_off(live), &mut signals).await
            }
            _ = say.tick(), if through => {
                progress(&link, live);
                continue;
            }
            asked = next(&mut signals) => match asked {
                Asked::CtrlC => {
                    live.measure(link.gauges(), now_ms());
                    or_end(watch.meant(live, wanted), &mut signals).await
                }
                Asked::End(because) => Meant::End(because),
            },
        };
        if let Some(parting) = watch.act(meant, (&mut link, live)).await {
            return parting;
        }
    }
}

/// What is answered, unless this process is to end meanwhile.
async fn or_end(question: impl Future<Output = Meant>, signals: &mut Option<Signals>) -> Meant {
    let meant = tokio::select! {
        meant = question => meant,
        because = end(signals) => Meant::End(because),
    };
    // What was pressed at the question has had its answer.
    if let Some(signals) = signals {
        signals.forget_interrupt();
    }
    meant
}

/// False where there is nothing to stop any more: it has come to its last step while that was asked.
async fn stop(link: &mut Link, live: &mut Live) -> bool {
    let kept = live.run.keeping;
    while let Ok(Some(entry)) = timeout(Duration::ZERO, link.next_entry()).await {
        tell(live, &entry, Until::Through);
    }
    if live.run.keeping && !kept {
        out::print("The migration has come to its last step meanwhile. Nothing was stopped.");
        return false;
    }
    live.want(Wanted::Stop);
    // An engine that is gone needs no telling.
    link.commands().send(Command::Discontinue).await.ok();
    out::print("Stopping. Ctrl-C leaves without waiting for that.");
    true
}

fn tell(live: &mut Live, entry: &Entry, until: Until) {
    live.apply(entry);
    let old = matches!(until, Until::Answered { after_seq, .. } if entry.seq <= after_seq);
    if let (false, Some(text)) = (old, line(&live.run, entry)) {
        out::print(&text);
    }
}

fn progress(link: &Link, live: &mut Live) {
    let gauges = link.gauges();
    let (done, total) = (gauges.bytes_done(), gauges.bytes_total());
    if total > 0 && done < total {
        let percent = percent(done, total);
        out::print(&format!("{percent} percent, {} of {}", human_bytes(done), human_bytes(total)));
    }
    live.measure(gauges, now_ms());
}

async fn ended(link: Link, live: &mut Live) {
    live.measure(link.gauges(), now_ms());
    live.ended = Some(match link.outcome().await {
        Ok(outcome) => Ending::Ended(outcome),
        Err(failure) => Ending::Broke(failure),
    });
    live.engine = Engine::Gone;
}
