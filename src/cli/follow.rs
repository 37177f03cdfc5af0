//! Follows a running engine to its end: draws or prints what it tells, and passes signals on to it.

use super::args::OutputArgs;
use super::lines::{finding_line, line, text};
use super::out;
use super::progress::{Rate, Screen, picture};
use crate::link::Link;
use crate::model::command::{Command, StopReason};
use crate::model::event::{Entry, Event, RunOutcome};
use crate::model::failure::Failure;
use crate::model::run::Run;
use std::io::IsTerminal;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};

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

pub(super) struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hang_up: Signal,
}

impl Signals {
    pub(super) fn new() -> std::io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    pub(super) async fn next(&mut self) -> StopReason {
        tokio::select! {
            _ = self.interrupt.recv() => StopReason::Operator,
            _ = self.terminate.recv() => StopReason::Terminated,
            _ = self.hang_up.recv() => StopReason::Terminated,
        }
    }
}

/// Returns the state at the end and how it ended.
pub(super) async fn follow(mut link: Link, output: &OutputArgs) -> (Run, Result<RunOutcome, Failure>) {
    let mut run = Run::default();
    let mut face = Face::new(output);
    let commands = link.commands();
    let mut signals = match Signals::new() {
        Ok(signals) => signals,
        Err(error) => return (run, Err(Failure::local(format!("signals cannot be handled: {error}")))),
    };
    let mut asked_to_stop = None;
    let mut draw = tokio::time::interval(DRAW);
    draw.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    loop {
        tokio::select! {
            entry = link.next_entry() => match entry {
                Some(entry) => {
                    run.apply(&entry);
                    if let Some(text) = text(&run, &entry) {
                        tracing::info!("{text}");
                    }
                    face.entry(&run, &entry);
                }
                None => break,
            },
            because = signals.next() => {
                if asked_to_stop.is_some() {
                    // The second time somebody means it: the servers roll back by themselves.
                    face.end();
                    run.stopping.get_or_insert(because);
                    return (run, Ok(RunOutcome::Stopped));
                }
                asked_to_stop = Some(because);
                // An engine that is gone needs no telling.
                commands.send(Command::Stop { because }).await.ok();
            }
            _ = draw.tick() => face.draw(&run, &link),
        }
    }
    face.end();
    drop(commands);
    (run, link.outcome().await)
}
