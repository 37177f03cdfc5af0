//! What comes in, and what is to be done outside: the only two ways between the wizard's state and the world.

use super::keys::Key;
use super::state::form::FieldError;
use super::state::live::Ending;
use super::state::passwords::Errand;
use super::state::{Engine, Focus, Known};
use crate::link::Seen;
use crate::model::command::Command;
use crate::model::event::Entry;
use crate::model::failure::Failure;
use crate::model::gauges::Gauges;
use crate::model::passwords::Barred;
use crate::model::plan::{IdentityPolicy, TargetPolicy};
use crate::model::status::DatabaseStatus;
use crate::model::task::Task;
use serde::{Deserialize, Serialize};

/// Something on the screen that the mouse can press.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Hit {
    /// A field, a choice or a button of the screen.
    Focus(Focus),
    /// A provider of the guide.
    Provider(usize),
    /// A line of the screen's list, or of what lies over the screen.
    Row(usize),
    /// A button of a dialog.
    Answer(usize),
}

/// Something has happened.
#[derive(Debug, Serialize, Deserialize)]
pub enum Msg {
    Key(Key),
    /// The mouse has pressed something.
    Click(Hit),
    Paste(String),
    Tick {
        now_ms: u64,
    },
    Zone {
        utc_offset_s: i32,
    },
    Known(Vec<Known>),
    /// The journal of one without an engine has been read to its end.
    Told {
        id: String,
    },
    /// The list could not be read.
    Unlisted(String),
    /// This name is free, after one that was taken; empty where none could be found.
    Named {
        taken: String,
        name: String,
    },
    /// The form does not make a plan.
    Refused(Vec<FieldError>),
    CheckEntry(Entry),
    CheckEnded(Ending),
    /// A migration is on the screen from here on: started, or opened.
    Opened {
        id: String,
        engine: Engine,
        /// What the engine calls this window in its answers; absent where it does not say.
        face: Option<u32>,
        plan: Shown,
    },
    /// Another migration has the name of the one that is open.
    Replaced {
        id: String,
        seen: Seen,
    },
    /// What has come of the open migration after what was seen, for a window whose engine is gone.
    Rejoined {
        id: String,
        seen: Seen,
        engine: Engine,
        face: Option<u32>,
        /// Where no engine is there to tell them.
        entries: Vec<Entry>,
    },
    Entry(Entry),
    Gauges(Gauges),
    /// The engine's process is gone, or was done.
    Ended(Ending),
    /// What both servers say now.
    Status(Vec<DatabaseStatus>),
    /// Neither the servers nor an engine could be asked how this one of the list stands.
    Unanswered {
        id: String,
        what: String,
    },
    /// These servers want another password before that can be done.
    Barred {
        id: String,
        errand: Errand,
        barred: Vec<Barred>,
    },
    /// A server cannot be used, and not for its password: nothing was begun.
    Shut {
        id: String,
        failure: Failure,
    },
    /// Both servers let us in.
    LetIn {
        id: String,
        errand: Errand,
    },
    /// Something that was to be done was not done.
    Trouble(Failure),
    Said(String),
    /// The text reached no clipboard that we know of.
    NotCopied {
        title: String,
        text: String,
        why: Uncopied,
    },
}

/// Why a text is in no clipboard, and where it is instead.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Uncopied {
    NoClipboard,
    /// For the terminal: it is in that file.
    TooLong {
        path: String,
    },
    /// The same, and no file could be written.
    NotEvenKept {
        why: String,
    },
}

impl Uncopied {
    pub fn sentence(&self) -> String {
        match self {
            Uncopied::NoClipboard => "No clipboard could be reached. Here it is:".to_owned(),
            Uncopied::TooLong { path } => {
                format!(
                    "It is too long for the terminal's clipboard, and is written to {path} instead. Here it is:"
                )
            }
            Uncopied::NotEvenKept { why } => format!(
                "It is too long for the terminal's clipboard, and no file could be written ({why}). Here it is:"
            ),
        }
    }
}

/// What a migration's plan says that the wizard shows.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shown {
    pub id: String,
    /// `user@host:port`
    pub source: String,
    pub target: String,
    /// Connection strings without secrets, to fill a form with.
    pub source_conninfo: String,
    pub target_conninfo: String,
    pub excluded: Vec<String>,
    pub skipped_tables: Vec<String>,
    pub jobs: Option<u32>,
    pub identity: IdentityPolicy,
    pub not_empty: TargetPolicy,
    /// The folder with the journal and the log.
    pub home: String,
}

impl Effect {
    /// Whether it may change something on a server.
    pub fn changes(&self) -> bool {
        match self {
            Effect::Check
            | Effect::Start
            | Effect::Again
            | Effect::Send(_)
            | Effect::Run(_)
            | Effect::Begin(_) => true,
            Effect::Leave
            | Effect::Suspend
            | Effect::Redraw
            | Effect::Mouse
            | Effect::List
            | Effect::Open { .. }
            | Effect::LeaveCheck
            | Effect::Status
            | Effect::StatusOf { .. }
            | Effect::LogIn(_)
            | Effect::LookAgain
            | Effect::LetGo
            | Effect::NameAfter { .. }
            | Effect::Forget { .. }
            | Effect::Copy { .. }
            | Effect::SaveBundle => false,
        }
    }

    /// What both servers are to be logged in to for, where that comes first.
    pub fn errand(&self) -> Option<Errand> {
        match self {
            Effect::Run(task) => Some(Errand::Run(*task)),
            Effect::Again => Some(Errand::Again),
            Effect::LogIn(errand) => Some(*errand),
            _ => None,
        }
    }
}

/// Something is to be done outside.
#[derive(Debug, PartialEq)]
pub enum Effect {
    Leave,
    Suspend,
    /// Draw every cell again.
    Redraw,
    /// Take the mouse, or give it back to the terminal.
    Mouse,
    List,
    Open {
        id: String,
    },
    /// Make a plan of the form and judge it.
    Check,
    /// Nobody waits for the judgement any more.
    LeaveCheck,
    /// Make a plan of the form and begin.
    Start,
    /// To the engine of the open migration.
    Send(Command),
    /// A later command on the open migration, by the engine that lives or by a new one. Where a server does not let us in
    /// it is not begun, and the passwords are asked for; so with `Again`.
    Run(Task),
    /// Begin a new migration of what the open one did not bring to its end, with the same choices.
    Again,
    /// See whether both servers let us in, and say so.
    LogIn(Errand),
    /// They do: what waited for that is begun.
    Begin(Errand),
    /// Ask both servers about the open migration.
    Status,
    /// Ask both servers about this one, for the list.
    StatusOf {
        id: String,
    },
    /// See whether an engine works on the open migration again, or has worked on it since.
    LookAgain,
    /// Nobody looks at the open migration any more.
    LetGo,
    /// Remove what this machine has of it.
    Forget {
        id: String,
    },
    /// Find a name for the form: this one is a migration's already, and its folder keeps it.
    NameAfter {
        taken: String,
    },
    Copy {
        title: String,
        text: String,
    },
    /// Log, report and versions into one file.
    SaveBundle,
}
