//! This machine's migrations: how each stands, and what needs attention.

pub mod update;
pub mod view;

use crate::model::event::RunOutcome;
use crate::ui::state::Known;

/// A migration's state in one word of the console's, or of ours where the console has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tag {
    Failed,
    /// The engine is gone before its work was done.
    Dead,
    Copying,
    Syncing,
    Ready,
    Stopped,
    Checked,
    Refused,
}

impl Tag {
    pub fn of(known: &Known) -> Tag {
        let run = &known.run;
        match run.outcome {
            Some(RunOutcome::Done) => Tag::Ready,
            Some(RunOutcome::Following) => Tag::Syncing,
            Some(RunOutcome::Stopped) => Tag::Stopped,
            // It was there, followed, and was told to end.
            Some(RunOutcome::Failed) if run.is_discontinued() => Tag::Stopped,
            Some(RunOutcome::Partly | RunOutcome::Failed) => Tag::Failed,
            Some(RunOutcome::Checked) => Tag::Checked,
            Some(RunOutcome::Refused) => Tag::Refused,
            // Without an engine only what had nothing left to do: Enter shows the same.
            None if run.is_all_there() && (known.engine.is_there() || run.stands_alone()) => Tag::Syncing,
            None if !known.engine.is_there() => Tag::Dead,
            // Of what an engine still guards something else has failed: Enter shows that first.
            None if run.keeping => Tag::Failed,
            None => Tag::Copying,
        }
    }

    pub fn word(self) -> &'static str {
        match self {
            Tag::Failed => "Failed",
            Tag::Dead => "Engine gone",
            Tag::Copying => "Copying",
            Tag::Syncing => "Syncing",
            Tag::Ready => "Ready",
            Tag::Stopped => "Stopped",
            Tag::Checked => "Checked",
            Tag::Refused => "Refused",
        }
    }

    pub fn sign(self) -> &'static str {
        match self {
            Tag::Failed | Tag::Dead | Tag::Refused => "✖",
            Tag::Copying => "▶",
            Tag::Syncing => "↻",
            Tag::Ready | Tag::Checked => "✔",
            Tag::Stopped => "■",
        }
    }
}
