//! What comes in from engines and from questions that were asked, in one order, through one channel.

use crate::link::Link;
use crate::model::command::{Command, StopReason};
use crate::ui::message::Msg;
use crate::ui::state::live::Ending;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// How often gauges are looked at.
const GAUGES: Duration = Duration::from_millis(500);

/// Who said it: news of a link that was let go are of no interest any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum From {
    Anywhere,
    Check(u64),
    Live(u64),
}

#[derive(Debug)]
pub(super) struct News {
    pub(super) from: From,
    pub(super) what: What,
}

#[derive(Debug)]
pub(super) enum What {
    Msg(Msg),
    /// A migration to be shown from here on, or an engine to be heard again.
    Attached {
        link: Box<Link>,
        opened: Msg,
    },
}

/// A link that a task of its own reads from.
#[derive(Debug)]
pub(super) struct Attached {
    pub(super) generation: u64,
    pub(super) commands: mpsc::Sender<Command>,
    reading: JoinHandle<()>,
}

impl Drop for Attached {
    fn drop(&mut self) {
        self.reading.abort();
    }
}

impl Attached {
    pub(super) fn new(link: Link, from: From, to: mpsc::Sender<News>) -> Self {
        let generation = match from {
            From::Check(generation) | From::Live(generation) => generation,
            From::Anywhere => 0,
        };
        let commands = link.commands();
        Self { generation, commands, reading: tokio::spawn(read(link, from, to)) }
    }

    /// An engine that is gone, or busy with the same command, needs no telling.
    pub(super) fn stop(&self) {
        self.commands.try_send(Command::Stop { because: StopReason::Operator }).ok();
    }
}

async fn read(mut link: Link, from: From, to: mpsc::Sender<News>) {
    let is_check = matches!(from, From::Check(_));
    let mut look = tokio::time::interval(GAUGES);
    look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    let mut last_ms = 0;
    loop {
        let msg = tokio::select! {
            entry = link.next_entry() => match entry {
                Some(entry) if is_check => Msg::CheckEntry(entry),
                Some(entry) => Msg::Entry(entry),
                None => break,
            },
            _ = look.tick(), if !is_check => {
                let gauges = link.gauges();
                if gauges.at_ms == last_ms {
                    continue;
                }
                last_ms = gauges.at_ms;
                Msg::Gauges(gauges)
            }
        };
        if to.send(News { from, what: What::Msg(msg) }).await.is_err() {
            return;
        }
    }
    // The last values, so that nothing ends at 98 percent.
    let gauges = link.gauges();
    if !is_check && gauges.at_ms > 0 {
        to.send(News { from, what: What::Msg(Msg::Gauges(gauges)) }).await.ok();
    }
    let ending = match link.outcome().await {
        Ok(outcome) => Ending::Ended(outcome),
        Err(failure) => Ending::Broke(failure),
    };
    let msg = if is_check { Msg::CheckEnded(ending) } else { Msg::Ended(ending) };
    to.send(News { from, what: What::Msg(msg) }).await.ok();
}
