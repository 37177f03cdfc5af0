//! A migration as it stands: the fold of its journal. The one place where entries become state.

use super::check::{Finding, IDENTITIES_CHANGED, Judgement, OF_FOLLOWING, Possible, Severity};
use super::command::StopReason;
use super::event::{
    DatabaseOutcome, Entry, Event, PhaseOutcome, RolePassword, RoleStatus, RunOutcome, ServerObject,
    ServerSummary, TableIdentity,
};
use super::failure::Failure;
use super::phase::Phase;
use super::plan::Method;
use super::task::{Task, Unfinished};
use super::units::{Side, TableName};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Findings of one kind beyond this many are counted, not kept: a hostile or broken source must not be able to
/// fill memory with them.
const MAX_FINDINGS: usize = 10_000;

/// Losses that closing the connection makes good: it sets, refreshes and copies these again.
const DONE_AGAIN: [&str; 3] = ["sequence", "materialized-view", "large-object"];

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Run {
    pub id: String,
    pub pid: u32,
    /// The last entry that is part of this state.
    pub seq: u64,
    pub started_ms: u64,
    pub last_ms: u64,
    /// When the work itself was heard of last: what is taken back or guarded later is none of it.
    #[serde(default)]
    pub worked_ms: u64,
    #[serde(default)]
    pub doing: Doing,
    pub source: Option<ServerSummary>,
    pub target: Option<ServerSummary>,
    pub databases: BTreeMap<String, DatabaseRun>,
    pub roles: BTreeMap<String, RoleRun>,
    pub findings: Vec<Finding>,
    /// Findings that were not kept because there were too many, and how many of those were losses.
    pub findings_dropped: u64,
    pub losses_dropped: u64,
    /// What the checks said, in their order.
    pub judgements: Vec<Judgement>,
    /// What they amount to for each database.
    pub possible: BTreeMap<String, Possible>,
    pub refused: Option<Failure>,
    pub stopping: Option<StopReason>,
    pub outcome: Option<RunOutcome>,
    /// How it had ended before a later command worked on it; that the operator stopped it is kept.
    #[serde(default)]
    pub ended_before: Option<RunOutcome>,
    /// The last that worked on it was a clean-up.
    #[serde(default)]
    pub cleaned: bool,
    /// What comes after the last database, roles' settings, was worked through.
    pub settings_ended: bool,
    /// The engine has nothing to do any more but to guard what follows.
    pub keeping: bool,
    pub ledger: BTreeMap<String, LedgerLine>,
    /// The databases whose connections are being closed.
    pub closing: BTreeSet<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct DatabaseRun {
    pub size_bytes: Option<u64>,
    pub existed: bool,
    pub phase: Option<Phase>,
    pub began_ms: Option<u64>,
    pub ended_ms: Option<u64>,
    pub tables: u64,
    pub tables_copied: u64,
    pub tables_failed: u64,
    pub rows: u64,
    pub bytes: u64,
    /// Rows on the target when the connection was closed, where they were counted: `rows` are those of the first copy.
    #[serde(default)]
    pub counted_rows: Option<u64>,
    pub outcome: Option<DatabaseOutcome>,
    /// It was all there once, and followed.
    #[serde(default)]
    pub followed: bool,
    pub message: String,
    pub method: Option<Method>,
    /// It broke off, and waits to be told to go on.
    #[serde(default)]
    pub waiting: Option<Waiting>,
    /// The number that the target gave the database when this migration made it.
    #[serde(default)]
    pub oid: Option<u32>,
    /// What the source's definitions were under the snapshot, as one value.
    pub schema: Option<String>,
    /// Tables whose replica identity on the source is not what it was, and what it was.
    #[serde(with = "pairs")]
    pub identities: BTreeMap<TableName, TableIdentity>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiting {
    pub because: Failure,
    /// Unix milliseconds.
    pub until_ms: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RoleRun {
    pub status: RoleStatus,
    pub message: String,
    pub password: RolePassword,
}

/// Whether entries tell of the work.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Doing {
    #[default]
    Work,
    /// It is guarded, or taken back.
    Else,
}

/// What is known of an object that we were about to make.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LedgerLine {
    pub object: ServerObject,
    pub state: LedgerState,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum LedgerState {
    /// The engine may have died before or after the deed: it may exist.
    Making,
    Made,
    NotOurs,
}

impl Run {
    pub fn fold<'a>(entries: impl IntoIterator<Item = &'a Entry>) -> Run {
        let mut run = Run::default();
        for entry in entries {
            run.apply(entry);
        }
        run
    }

    /// How long the work took.
    pub fn took_ms(&self) -> u64 {
        self.worked_ms.saturating_sub(self.started_ms)
    }

    fn note_work(&mut self, entry: &Entry) {
        if let Event::Resumed { verb, .. } | Event::Asked { verb, .. } = &entry.event {
            let others = [Task::Clean(Unfinished::Drop), Task::Clear, Task::Watch].map(Task::verb);
            self.doing = if others.contains(&verb.as_str()) { Doing::Else } else { Doing::Work };
        }
        if self.doing == Doing::Work {
            self.worked_ms = entry.at_ms;
        }
        // From here on it is guarded.
        if matches!(entry.event, Event::Keeping | Event::Answered { .. }) {
            self.doing = Doing::Else;
        }
    }

    pub fn apply(&mut self, entry: &Entry) {
        self.seq = entry.seq;
        self.last_ms = entry.at_ms;
        self.note_work(entry);
        match &entry.event {
            Event::Resumed { verb, pid, .. } => {
                self.pid = *pid;
                self.keeping = false;
                self.cleaned = verb == Task::Clean(Unfinished::Drop).verb();
                // Whatever else works on it comes to an end of its own.
                let takes_back =
                    self.cleaned || [Task::Clear, Task::Stop].map(Task::verb).contains(&verb.as_str());
                let stopped = Some(RunOutcome::Stopped);
                let before = if self.ended_before == stopped { stopped } else { self.outcome };
                self.ended_before = before.filter(|_| takes_back);
                self.outcome = None;
                self.stopping = None;
                self.refused = None;
                // It died with the engine that held it open.
                self.databases.values_mut().for_each(|d| d.waiting = None);
            }
            Event::Started { pid, id, .. } => {
                self.id.clone_from(id);
                self.pid = *pid;
                self.started_ms = entry.at_ms;
            }
            Event::ServerSeen { side: Side::Source, server } => self.source = Some(server.clone()),
            Event::ServerSeen { side: Side::Target, server } => self.target = Some(server.clone()),
            Event::Finding { finding } => self.keep(finding, entry.at_ms),
            Event::Passed { finding, database } => self.pass(&[finding], database, entry.at_ms),
            Event::Judged { judgement } if self.judgements.len() < MAX_FINDINGS => {
                self.judgements.push(judgement.clone());
            }
            Event::DatabaseJudged { possible } => {
                self.possible.insert(possible.database.clone(), possible.clone());
            }
            Event::Refused { failure } => self.refused = Some(failure.clone()),
            Event::Making { object } => self.ledger(object, LedgerState::Making),
            Event::Made { object } => self.ledger(object, LedgerState::Made),
            Event::NotOurs { object } => self.ledger(object, LedgerState::NotOurs),
            Event::Removed { object } => {
                self.ledger.remove(&ledger_key(object));
            }
            Event::RoleSettled { role, status, message, password } => {
                let settled = RoleRun { status: *status, message: message.clone(), password: *password };
                self.roles.insert(role.clone(), settled);
            }
            Event::Stopping { because } => self.stopping = Some(*because),
            Event::Keeping => self.keeping = true,
            Event::Ended { outcome } => {
                self.keeping = false;
                // Cleaning up after the operator's own stop does not make a failure of it.
                let fails = matches!(outcome, RunOutcome::Partly | RunOutcome::Failed);
                let stopped = self.ended_before.filter(|before| fails && *before == RunOutcome::Stopped);
                self.outcome = Some(stopped.unwrap_or(*outcome));
            }
            event => self.apply_to_database(entry.at_ms, event),
        }
    }

    fn apply_to_database(&mut self, at_ms: u64, event: &Event) {
        match event {
            Event::Planned { databases } => {
                for planned in databases {
                    let database = self.database(&planned.name);
                    database.size_bytes = planned.size_bytes;
                    database.existed = planned.exists_on_target;
                }
            }
            Event::Following { database } => {
                let database = self.database(database);
                database.outcome = Some(DatabaseOutcome::Following);
                database.followed = true;
            }
            Event::SchemaSeen { database, fingerprint } => {
                self.database(database).schema = Some(fingerprint.clone());
            }
            Event::PhaseBegan { phase, database: Some(name) } => {
                if *phase == Phase::Close {
                    // Looked at anew: what an earlier attempt missed or complained of may be there now, and some things
                    // are always done again. What else was lost on the way stays lost.
                    let redone =
                        |f: &Finding| f.severity == Severity::Lost && DONE_AGAIN.contains(&f.id.as_str());
                    let again = |f: &Finding| f.of_attempt || redone(f);
                    self.findings.retain(|f| f.database.as_ref() != Some(name) || !again(f));
                    self.closing.insert(name.clone());
                }
                let database = self.database(name);
                if *phase == Phase::Close {
                    database.counted_rows = None;
                }
                database.began_ms.get_or_insert(at_ms);
                // Copy and indexes overlap: what is shown never moves backwards.
                database.phase = database.phase.max(Some(*phase));
            }
            Event::MethodChosen { database, method, .. } => self.database(database).method = Some(*method),
            Event::IdentityChanging { database, table, before } => {
                let before = before.clone();
                self.database(database).identities.entry(table.clone()).or_insert(before);
            }
            Event::IdentityRestored { database, table } => {
                self.database(database).identities.remove(table);
                if self.database(database).identities.is_empty() {
                    self.pass(&[IDENTITIES_CHANGED], database, at_ms);
                }
            }
            Event::PhaseEnded { phase, database: None, outcome } => {
                if let PhaseOutcome::Failed { failure } = outcome {
                    let finding = Finding::lost("phase", format!("{phase}: {failure}"));
                    self.keep(&finding, at_ms);
                }
                if *phase == Phase::Settings && *outcome != PhaseOutcome::Interrupted {
                    self.settings_ended = true;
                }
            }
            Event::DatabaseEnded { database, outcome, message } => {
                self.closing.remove(database);
                if *outcome != DatabaseOutcome::Following {
                    self.pass(&OF_FOLLOWING, database, at_ms);
                }
                let database = self.database(database);
                database.outcome = Some(*outcome);
                if *outcome == DatabaseOutcome::Following {
                    // Not closed after all: rows go on coming.
                    database.counted_rows = None;
                }
                database.waiting = None;
                database.message.clone_from(message);
                database.ended_ms = Some(at_ms);
            }
            _ => self.apply_to_copy(event),
        }
    }

    /// What is news of what is made and copied of a database.
    fn apply_to_copy(&mut self, event: &Event) {
        match event {
            Event::Waiting { database, failure, until_ms } => {
                self.database(database).waiting =
                    Some(Waiting { because: failure.clone(), until_ms: *until_ms });
            }
            Event::Counted { database, rows } => self.database(database).counted_rows = Some(*rows),
            Event::GoesOn { database } => self.database(database).waiting = None,
            Event::DatabaseNumbered { database, oid } => self.database(database).oid = Some(*oid),
            Event::SnapshotTaken { database, tables, .. } => self.database(database).tables = *tables,
            // What is copied again at the end has been counted.
            Event::TableCopied { database, .. } if self.database(database).phase == Some(Phase::Close) => {}
            Event::TableCopied { database, rows, bytes, .. } => {
                let database = self.database(database);
                database.tables_copied += 1;
                database.rows += rows;
                database.bytes += bytes;
            }
            Event::TableForgotten { database, rows, bytes, .. } => {
                let database = self.database(database);
                database.tables_copied = database.tables_copied.saturating_sub(1);
                database.rows = database.rows.saturating_sub(*rows);
                database.bytes = database.bytes.saturating_sub(*bytes);
            }
            Event::TableFailed { database, .. } => self.database(database).tables_failed += 1,
            _ => {}
        }
    }

    fn database(&mut self, name: &str) -> &mut DatabaseRun {
        self.databases.entry(name.to_owned()).or_default()
    }

    /// Whether something of this database is lost.
    pub fn has_lost(&self, database: &str) -> bool {
        let of_it = |f: &&Finding| f.severity == Severity::Lost && f.database.as_deref() == Some(database);
        self.losses_dropped > 0 || self.findings.iter().any(|f| of_it(&f))
    }

    /// Whether something that was found of a database is so still, as far as is known.
    pub fn is_open(&self, id: &str, database: &str) -> bool {
        self.findings.iter().any(|f| f.id == id && f.database.as_deref() == Some(database) && !f.has_passed())
    }

    fn pass(&mut self, ids: &[impl AsRef<str>], database: &str, at_ms: u64) {
        let is_meant = |f: &&mut Finding| {
            !f.has_passed()
                && f.database.as_deref() == Some(database)
                && ids.iter().any(|id| id.as_ref() == f.id)
        };
        self.findings.iter_mut().filter(is_meant).for_each(|finding| finding.passed_ms = at_ms);
    }

    fn keep(&mut self, finding: &Finding, at_ms: u64) {
        if self.findings.len() < MAX_FINDINGS {
            let of_attempt = finding.database.as_ref().is_some_and(|name| self.closing.contains(name));
            self.findings.push(Finding { of_attempt, at_ms, ..finding.clone() });
        } else {
            self.findings_dropped += 1;
            self.losses_dropped += u64::from(finding.severity >= Severity::Lost);
        }
    }

    fn ledger(&mut self, object: &ServerObject, state: LedgerState) {
        self.ledger.insert(ledger_key(object), LedgerLine { object: object.clone(), state });
    }

    /// Databases that broke off and wait to be told to go on.
    pub fn waiting(&self) -> impl Iterator<Item = (&str, &Waiting)> {
        self.databases.iter().filter_map(|(name, d)| Some((name.as_str(), d.waiting.as_ref()?)))
    }

    /// Every database was worked through, and some follow: these do so by themselves, whether an engine lives or not.
    pub fn only_follows(&self) -> bool {
        let mut ends = self.databases.values().map(|d| d.outcome);
        self.settings_ended
            && ends.clone().all(|end| end.is_some())
            && ends.any(|end| end == Some(DatabaseOutcome::Following))
    }

    /// Nothing of what was asked for is missing, and some of it follows.
    pub fn is_all_there(&self) -> bool {
        let is_there = |end| matches!(end, Some(DatabaseOutcome::Done | DatabaseOutcome::Following));
        let mut ends = self.databases.values().map(|d| d.outcome);
        ends.clone().all(is_there) && ends.any(|end| end == Some(DatabaseOutcome::Following))
    }

    /// The same, with no work left for an engine: one that dies then leaves nothing half done.
    pub fn stands_alone(&self) -> bool {
        self.is_all_there() && (self.keeping || self.only_follows())
    }

    /// All that followed was given up by the operator: that is no failure, and no success either.
    pub fn is_discontinued(&self) -> bool {
        let given_up = |d: &DatabaseRun| d.followed && d.outcome == Some(DatabaseOutcome::Cancelled);
        !self.databases.is_empty() && self.databases.values().all(given_up)
    }

    /// What the databases' ends and the findings amount to.
    pub fn judge(&self) -> RunOutcome {
        if self.refused.is_some() {
            return RunOutcome::Refused;
        }
        let is_there = |end| matches!(end, Some(DatabaseOutcome::Done | DatabaseOutcome::Following));
        let open = |d: &DatabaseRun| !is_there(d.outcome);
        if self.stopping.is_some() && (!self.settings_ended || self.databases.values().any(open)) {
            return RunOutcome::Stopped;
        }
        let lost = self.losses_dropped > 0
            || self.findings.iter().any(|f| f.severity == Severity::Lost)
            || self.roles.values().any(|r| r.status == RoleStatus::Failed);
        let mut ends = self.databases.values().map(|d| d.outcome);
        let follows = ends.clone().any(|end| end == Some(DatabaseOutcome::Following));
        let all_done = ends.clone().all(is_there);
        let none_moved =
            ends.all(|end| matches!(end, None | Some(DatabaseOutcome::Failed | DatabaseOutcome::Cancelled)));
        match (all_done, lost) {
            (true, false) if follows => RunOutcome::Following,
            (true, false) => RunOutcome::Done,
            (false, _) if none_moved => RunOutcome::Failed,
            _ => RunOutcome::Partly,
        }
    }
}

/// JSON knows no keys but texts.
mod pairs {
    use super::{BTreeMap, TableIdentity, TableName};
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(
        map: &BTreeMap<TableName, TableIdentity>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        map.iter().collect::<Vec<_>>().serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<BTreeMap<TableName, TableIdentity>, D::Error> {
        Ok(Vec::<(TableName, TableIdentity)>::deserialize(from)?.into_iter().collect())
    }
}

fn ledger_key(object: &ServerObject) -> String {
    format!("{} {:?} {}", object.side, object.kind, object.name)
}

#[cfg(test)]
mod tests;
