//! What happened: the entries of a migration's journal. Everything that a face shows is a fold of these.

use super::check::{Finding, Judgement, Possible};
use super::command::StopReason;
use super::failure::Failure;
use super::phase::Phase;
use super::plan::Method;
use super::units::{ServerVersion, Side, TableName};
use serde::{Deserialize, Serialize};

/// One line of the journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Counts from 1 without gaps.
    pub seq: u64,
    /// Unix milliseconds.
    pub at_ms: u64,
    pub event: Event,
}

/// What can happen. Variants and fields are only ever added; what an older reader does not know becomes
/// [`Event::Unknown`] and is passed over by it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Event {
    Started {
        version: String,
        pid: u32,
        id: String,
    },
    ServerSeen {
        side: Side,
        server: ServerSummary,
    },
    Finding {
        finding: Finding,
    },
    /// What findings of that id say of that database was seen to be so no more.
    Passed {
        finding: String,
        database: String,
    },
    /// What both servers are asked before the checks judge, each as a person would call it.
    Gathering {
        questions: Vec<String>,
    },
    /// One of these has been answered, or will not be.
    Gathered {
        question: String,
    },
    /// A check was run, in the order in which checks are shown.
    Judged {
        judgement: Judgement,
    },
    /// What the checks amount to for one database.
    DatabaseJudged {
        possible: Possible,
    },
    /// The migration does not start. Nothing was changed on either server.
    Refused {
        failure: Failure,
    },
    /// The databases that will be moved, in the order in which they are begun.
    Planned {
        databases: Vec<PlannedDatabase>,
    },
    /// How many tables or indexes are worked on at a time, and why so many.
    JobsChosen {
        jobs: u32,
        because: String,
    },
    PhaseBegan {
        phase: Phase,
        #[serde(default)]
        database: Option<String>,
    },
    PhaseEnded {
        phase: Phase,
        #[serde(default)]
        database: Option<String>,
        outcome: PhaseOutcome,
    },
    /// Proved absent, about to be made: from here on it may exist and is ours.
    Making {
        object: ServerObject,
    },
    Made {
        object: ServerObject,
    },
    /// The database that was just made on the target, by the number that the server gave it: another one of the same name
    /// is not ours.
    DatabaseNumbered {
        database: String,
        oid: u32,
    },
    /// It had been made by somebody else before we could: not ours, never to be removed by us.
    NotOurs {
        object: ServerObject,
    },
    /// It is not there any more, or never came to be.
    Removed {
        object: ServerObject,
    },
    RoleSettled {
        role: String,
        status: RoleStatus,
        message: String,
        password: RolePassword,
    },
    /// How a database is moved, and why so.
    MethodChosen {
        database: String,
        method: Method,
        because: String,
    },
    /// The replica identity of a table on the source is about to be changed; it has to become again what it was.
    IdentityChanging {
        database: String,
        table: TableName,
        before: TableIdentity,
    },
    /// It is again what it was.
    IdentityRestored {
        database: String,
        table: TableName,
    },
    /// What the source's definitions were under the snapshot, as one value.
    SchemaSeen {
        database: String,
        fingerprint: String,
    },
    /// The target follows the source: every table is ready, and changes arrive.
    Following {
        database: String,
    },
    /// A later command works on this migration.
    Resumed {
        verb: String,
        version: String,
        pid: u32,
    },
    /// Every database has come to its end or follows, and the engine stays to guard those that follow.
    Keeping,
    /// A command to the engine that guards is begun.
    Asked {
        verb: String,
        /// The number of the window that it came from, where that was noted.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        face: Option<u32>,
    },
    /// It was worked through, and this is how things are then.
    Answered {
        verb: String,
        outcome: RunOutcome,
        /// As in the command.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        face: Option<u32>,
    },
    /// The snapshot of a database is taken and its tables are locked against changes of their definition.
    SnapshotTaken {
        database: String,
        tables: u64,
        bytes: u64,
    },
    /// The archive of the schema: how many entries it has.
    ArchiveRead {
        database: String,
        entries: u64,
        tool: String,
    },
    TableCopied {
        database: String,
        table: TableName,
        rows: u64,
        bytes: u64,
        ms: u64,
    },
    TableFailed {
        database: String,
        table: TableName,
        failure: Failure,
    },
    /// It was copied, and is not on the target any more as it was: it is emptied, and copied again.
    TableForgotten {
        database: String,
        table: TableName,
        rows: u64,
        bytes: u64,
    },
    /// An index, a constraint, a view: a statement that took noticeable time.
    StatementTimed {
        database: String,
        title: String,
        ms: u64,
    },
    /// The work on a database broke off for a reason that can pass. What it reads from on the source stays open until then, for
    /// a word to go on.
    Waiting {
        database: String,
        failure: Failure,
        /// Unix milliseconds.
        until_ms: u64,
    },
    /// It goes on with what was not done yet, and reads from the same snapshot.
    GoesOn {
        database: String,
    },
    /// Both sides have been counted to close the connection: the rows that are on the target now.
    Counted {
        database: String,
        rows: u64,
    },
    DatabaseEnded {
        database: String,
        outcome: DatabaseOutcome,
        message: String,
    },
    Stopping {
        because: StopReason,
    },
    Ended {
        outcome: RunOutcome,
    },
    #[serde(other)]
    Unknown,
}

impl Event {
    /// Whether it is an answer, and may be one to a command of this face. Old journals, and old engines, do not say whose.
    pub fn answers(&self, to: Option<u32>) -> bool {
        match self {
            Event::Answered { face, .. } => face.is_none() || to.is_none() || *face == to,
            _ => false,
        }
    }

    /// Whether this entry must be on disk before work goes on: objects on servers and the ends of phases.
    pub fn must_be_durable(&self) -> bool {
        matches!(
            self,
            Event::Started { .. }
                | Event::Refused { .. }
                | Event::Planned { .. }
                | Event::PhaseEnded { .. }
                | Event::Making { .. }
                | Event::Made { .. }
                | Event::DatabaseNumbered { .. }
                | Event::NotOurs { .. }
                | Event::Removed { .. }
                | Event::IdentityChanging { .. }
                | Event::IdentityRestored { .. }
                | Event::Following { .. }
                | Event::Resumed { .. }
                | Event::Asked { .. }
                | Event::Waiting { .. }
                | Event::DatabaseEnded { .. }
                | Event::Ended { .. }
        )
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerSummary {
    /// `user@host:port`
    pub address: String,
    pub version: ServerVersion,
    pub user: String,
    pub superuser: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedDatabase {
    pub name: String,
    /// Bytes on the source's disk; absent where the server would not tell.
    #[serde(default)]
    pub size_bytes: Option<u64>,
    pub exists_on_target: bool,
}

/// Something that we make on a server and may have to remove again.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ServerObject {
    pub side: Side,
    pub kind: ObjectKind,
    pub name: String,
    /// Where it is in, for what belongs to a database.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub database: Option<String>,
}

/// What tells a table's rows apart (`REPLICA IDENTITY`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TableIdentity {
    Default,
    Full,
    Nothing,
    Index(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ObjectKind {
    Role,
    Database,
    /// Our own user's membership in the role of that name.
    Membership,
    Publication,
    Slot,
    Subscription,
    #[serde(other)]
    Unknown,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PhaseOutcome {
    Done,
    /// Went to its end, but there are findings.
    Warned,
    Skipped {
        because: String,
    },
    Failed {
        failure: Failure,
    },
    Interrupted,
    #[serde(other)]
    Unknown,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RoleStatus {
    Created,
    Exists,
    Failed,
}

/// Where a role's password on the target came from. Never the password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RolePassword {
    /// It has none, or was left alone.
    None,
    /// The hash travelled as it is: the password that applications use goes on working.
    Kept,
    /// The operator's file named it.
    Given,
    Placeholder,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DatabaseOutcome {
    /// Everything that was asked for is on the target.
    Done,
    /// Everything is there, and changes keep arriving.
    Following,
    /// It was worked through, and something that was asked for is missing; the findings say what.
    Incomplete,
    /// Ended before it was worked through.
    Failed,
    Cancelled,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunOutcome {
    Done,
    /// Nothing is missing, and some databases keep following the source.
    Following,
    /// Some databases are done and others are not, or something was lost on the way.
    Partly,
    Failed,
    Refused,
    Stopped,
    /// `--validate`: judged, nothing done.
    Checked,
}
