//! Follows a running engine to its end, or until the face leaves: draws or prints what it tells, and passes signals on.

use super::args::OutputArgs;
use super::lines::{finding_line, line, text};
use super::out;
use super::progress::{Rate, Screen, picture};
use super::signals::{Asked, Leave, Signals};
use crate::link::Link;
use crate::model::command::{Command, StopReason};
use crate::model::event::{DatabaseOutcome, Entry, Event, RunOutcome};
use crate::model::failure::Failure;
use crate::model::run::Run;
use std::io::IsTerminal;
use std::time::Duration;

/// How often the picture is drawn anew.
const DRAW: Duration = Duration::from_millis(200);

/// How what happens is shown.
#[derive(Debug)]
enum Face {
    /// A picture that is drawn over; lines that matter stay above it.
    Picture {
        screen: Screen,
        rate: Rate,
        stay: Vec<String>,
    },
    /// One line each, on standard output, or on standard error where that is for JSON.
    Lines(fn(&str)),
    Silent,
}

impl Face {
    fn new(output: &OutputArgs) -> Self {
        let logs = output.verbose || output.debug;
        let on_terminal = std::io::stderr().is_terminal() && (output.json || std::io::stdout().is_terminal());
        if output.quiet || (logs && (output.json || on_terminal)) {
            // What is logged to the same place says the same.
            Face::Silent
        } else if on_terminal {
            Face::Picture { screen: Screen::default(), rate: Rate::default(), stay: Vec::new() }
        } else if output.json {
            Face::Lines(out::note)
        } else {
            Face::Lines(out::print)
        }
    }

    fn entry(&mut self, run: &Run, entry: &Entry) {
        match self {
            Face::Picture { stay, .. } => match &entry.event {
                Event::Started { .. }
                | Event::ServerSeen { .. }
                | Event::Stopping { .. }
                | Event::Keeping
                | Event::Planned { .. } => {
                    stay.extend(line(run, entry));
                }
                Event::Finding { finding } => stay.extend(finding_line(finding)),
                _ => {}
            },
            Face::Lines(print) => {
                if let Some(line) = line(run, entry) {
                    print(&line);
                }
            }
            Face::Silent => {}
        }
    }

    fn draw(&mut self, run: &Run, link: &Link) {
        let Face::Picture { screen, rate, stay } = self else { return };
        let gauges = link.gauges();
        rate.add(gauges.at_ms, gauges.bytes_done());
        let lines = picture(run, &gauges, rate.bytes_per_second(), Screen::width());
        screen.draw(stay, &lines);
        stay.clear();
    }

    fn end(&mut self) {
        if let Face::Picture { screen, stay, .. } = self {
            screen.draw(stay, &[]);
        }
    }
}

/// When a face goes although the engine works on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Until {
    /// Not before the engine has ended.
    Ended,
    /// When the checks are through and the work is begun.
    Begun,
    /// When the engine only guards what follows any more, as it says after this entry.
    Guards { after_seq: u64 },
    /// When the engine has answered our command of this name, given after this entry, and guards on.
    Answered { verb: &'static str, after_seq: u64 },
}

/// How face and engine part.
#[derive(Debug)]
pub(super) enum Parting {
    /// The engine has ended, like this.
    Ended(Result<RunOutcome, Failure>),
    /// What was waited for has come; the engine works on.
    Enough,
    /// The operator left, or his terminal did; the engine works on.
    Left(Leave),
    /// The operator does not wait for an engine elsewhere that was told to stop, and goes on stopping.
    Hurried,
}

/// What signals mean to the migration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hand {
    /// Whoever interrupts this face stops the migration.
    Holds,
    /// It only watches: whoever interrupts it leaves.
    Watches,
}

/// Follows until the engine has ended, or one of them leaves. Returns the state by then.
pub(super) async fn follow(
    mut link: Link,
    output: &OutputArgs,
    until: Until,
    hand: Hand,
    signals: &mut Signals,
) -> (Run, Parting) {
    let mut run = Run::default();
    let mut face = Face::new(output);
    let commands = link.commands();
    let mut asked_to_stop = None;
    let mut draw = tokio::time::interval(DRAW);
    draw.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    loop {
        tokio::select! {
            entry = link.next_entry() => match entry {
                Some(entry) => {
                    run.apply(&entry);
                    if until.is_news(&entry) {
                        if let Some(text) = text(&run, &entry) {
                            tracing::info!("{text}");
                        }
                        face.entry(&run, &entry);
                    }
                    if until.has_come(&run, &entry, &link) {
                        face.end();
                        return (run, Parting::Enough);
                    }
                }
                None => break,
            },
            asked = signals.next() => match meant(asked, hand, &link) {
                Asked::Leave(leave) => {
                    face.end();
                    return (run, Parting::Left(leave));
                }
                Asked::Stop(because) if asked_to_stop.is_some() => {
                    // The second time somebody means it: the servers roll back by themselves.
                    face.end();
                    run.stopping.get_or_insert(because);
                    let here = link.is_here().then_some(Ok(RunOutcome::Stopped));
                    return (run, here.map_or(Parting::Hurried, Parting::Ended));
                }
                Asked::Stop(because) => {
                    asked_to_stop = Some(because);
                    // An engine that is gone needs no telling.
                    commands.send(Command::Stop { because }).await.ok();
                }
            },
            _ = draw.tick() => face.draw(&run, &link),
        }
    }
    face.end();
    drop(commands);
    (run, Parting::Ended(link.outcome().await))
}

impl Until {
    /// What happened before a later command was told by the face of its time, and stands in the log: a clean of a
    /// migration with a thousand tables would name each of them again.
    fn is_news(self, entry: &Entry) -> bool {
        match self {
            Until::Answered { after_seq, .. } => entry.seq > after_seq,
            Until::Ended | Until::Begun | Until::Guards { .. } => true,
        }
    }

    fn has_come(self, run: &Run, entry: &Entry, link: &Link) -> bool {
        let follows = || run.databases.values().any(|d| d.outcome == Some(DatabaseOutcome::Following));
        match (self, &entry.event) {
            (Until::Begun, Event::Planned { .. }) => true,
            (Until::Guards { after_seq }, Event::Keeping) => entry.seq > after_seq,
            // Where nothing follows any more, and where it was told to stop, the engine ends.
            (Until::Answered { verb, after_seq }, Event::Answered { verb: answered, .. }) => {
                let ours = entry.seq > after_seq && answered == verb && link.is_answered(&entry.event);
                ours && run.stopping.is_none() && follows()
            }
            _ => false,
        }
    }
}

/// An engine in this process ends with it, so that leaving it is stopping it; one that is only watched is not stopped.
fn meant(asked: Asked, hand: Hand, link: &Link) -> Asked {
    match (asked, hand) {
        (Asked::Leave(Leave::Quit), _) if link.is_here() => Asked::Stop(StopReason::Operator),
        (Asked::Leave(Leave::LineDied), _) if link.is_here() => Asked::Stop(StopReason::Terminated),
        (Asked::Stop(StopReason::Operator), Hand::Watches) => Asked::Leave(Leave::Quit),
        (Asked::Stop(StopReason::Terminated), Hand::Watches) => Asked::Leave(Leave::LineDied),
        (asked, _) => asked,
    }
}
