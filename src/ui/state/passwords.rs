//! Passwords that are asked for because no engine is there to remember them, and what waits for them.

use crate::model::passwords::Barred;
use crate::model::task::Task;
use crate::model::units::Side;
use serde::{Deserialize, Serialize};

/// One field for each server that needs a password. What is typed stands with the form's others, which nothing stores.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ask {
    pub errand: Errand,
    pub fields: Vec<Asked>,
    /// The field that keys go to.
    pub on: usize,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    pub side: Side,
    /// What the server says; nothing where it was not asked.
    pub why: Option<String>,
}

/// What is done once both servers let us in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Errand {
    /// A later command, by an engine of its own.
    Run(Task),
    /// The engine that guards the rest is told to take back what is unfinished, so that it can be begun anew.
    TakeBack,
    /// A new migration of what the open one did not bring to its end.
    Again,
    /// The checks anew, where the open one had not got any further.
    Recheck,
    /// Both servers are asked how it stands.
    Status,
}

impl Errand {
    /// What it takes away comes back only if both servers are there.
    pub fn needs_both(self) -> bool {
        matches!(self, Errand::TakeBack | Errand::Run(Task::Clear))
    }
}

impl Ask {
    /// For both servers, before any of them was asked.
    pub fn both(errand: Errand) -> Self {
        let fields = [Side::Source, Side::Target].map(|side| Asked { side, why: None });
        Self { errand, fields: fields.into(), on: 0 }
    }

    /// For those that have not let us in.
    pub fn of(errand: Errand, barred: Vec<Barred>) -> Self {
        let fields = barred.into_iter().map(|b| Asked { side: b.side, why: Some(b.what) }).collect();
        Self { errand, fields, on: 0 }
    }
}
