//! A migration as the wizard knows it: the fold of its entries, the latest gauges, and what they were before.

use crate::link::Seen;
use crate::model::check::{Finding, Severity};
use crate::model::event::{DatabaseOutcome, Entry, Event, RunOutcome};
use crate::model::failure::Failure;
use crate::model::gauges::Gauges;
use crate::model::phase::Phase;
use crate::model::plan::Method;
use crate::model::run::{DatabaseRun, Run};
use crate::model::status::DatabaseStatus;
use crate::model::telling;
use crate::ui::message::Shown;
pub use crate::ui::state::chart::{Charted, Sample};
use crate::ui::state::passwords::Errand;
pub use crate::ui::state::row::{Row, Table};
pub use crate::ui::state::wanted::Wanted;
use crate::ui::state::{Engine, Filter, Switch};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};

/// Lines of the log that are kept; the rest is in the journal.
const MOST_LOG: usize = 5_000;
/// Tables that are kept one by one; the rest are counted.
const MOST_TABLES: usize = 20_000;
/// One sample a second, for ten minutes.
const MOST_SAMPLES: usize = 600;
/// How many of what waits stand above what is through.
const NEXT: usize = 3;
const SAMPLE_MS: u64 = 1_000;
/// As many tables as can have come through since the gauges were made.
const LATEST: usize = 64;

/// How an engine's work ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Ending {
    Ended(RunOutcome),
    /// It could not keep its journal, or died.
    Broke(Failure),
}

#[derive(Debug, Serialize, Deserialize)]
pub struct Live {
    pub id: String,
    pub engine: Engine,
    pub shown: Shown,
    pub run: Run,
    pub gauges: Gauges,
    /// Values that came since the last tick: they are shown with the next.
    pub waiting: Option<Gauges>,
    /// When the gauges came, by our clock; 0 for never.
    pub gauges_ms: u64,
    pub tables: Vec<Table>,
    pub tables_dropped: u64,
    pub samples: VecDeque<Sample>,
    pub log: VecDeque<LogLine>,
    pub ended: Option<Ending>,
    /// What both servers said when they were asked, and when.
    pub asked: Option<Asked>,
    pub asking: Switch,
    /// Somebody has asked by hand, and is to be told.
    #[serde(default)]
    pub by_hand: Switch,
    /// The furthest that the bar has been.
    pub best: Best,
    /// Since when no more bytes have come; 0 before there were any.
    pub moved_ms: u64,
    pub list: Listed,
    pub sort: Sort,
    /// The chart that stands first.
    pub chart: Charted,
    pub selected: usize,
    pub filter: Filter,
    /// What a stop, a close or a clean-up has been asked for, until it has happened.
    pub wanted: Option<Wanted>,
    /// What both servers are logged in to for; it is begun only once they have let us in.
    pub trying: Option<Errand>,
    /// The last entry before that was asked for: what is older answers something else.
    pub wanted_after: u64,
    /// What the engine calls this window in its answers; absent where it does not say.
    pub face: Option<u32>,
    /// The verb of the later command that works on it now.
    #[serde(default)]
    pub verb: Option<String>,
    pub verify: crate::model::task::Verify,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Asked {
    pub at_ms: u64,
    pub databases: Vec<DatabaseStatus>,
}

/// The furthest that bytes and steps have been: a bar never goes back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Best {
    pub bytes: u64,
    pub steps: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LogLine {
    pub at_ms: u64,
    pub text: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Listed {
    Tables,
    Databases,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Sort {
    /// What runs first, then what comes next, then what came last.
    Recent,
    Size,
    Name,
}

impl Live {
    pub fn new(id: String, engine: Engine, shown: Shown) -> Self {
        Self {
            id,
            engine,
            shown,
            run: Run::default(),
            gauges: Gauges::default(),
            waiting: None,
            gauges_ms: 0,
            tables: Vec::new(),
            tables_dropped: 0,
            samples: VecDeque::new(),
            log: VecDeque::new(),
            ended: None,
            asked: None,
            asking: Switch::Off,
            by_hand: Switch::Off,
            best: Best::default(),
            moved_ms: 0,
            list: Listed::Tables,
            sort: Sort::Recent,
            chart: Charted::default(),
            selected: 0,
            filter: Filter::default(),
            wanted: None,
            trying: None,
            wanted_after: 0,
            face: None,
            verb: None,
            verify: crate::model::task::Verify::Counts,
        }
    }

    pub fn apply(&mut self, entry: &Entry) {
        self.run.apply(entry);
        self.note_verb(&entry.event);
        match &entry.event {
            Event::TableCopied { database, table, rows, bytes, ms } => self.table(Table {
                database: database.clone(),
                name: table.to_string(),
                rows: *rows,
                bytes: *bytes,
                ms: *ms,
                ended_ms: entry.at_ms,
                failed: None,
            }),
            Event::TableFailed { database, table, failure } => self.table(Table {
                database: database.clone(),
                name: table.to_string(),
                rows: 0,
                bytes: 0,
                ms: 0,
                ended_ms: entry.at_ms,
                failed: Some(failure.what.clone()),
            }),
            Event::TableForgotten { database, table, .. } => {
                let name = table.to_string();
                self.tables.retain(|table| table.database != *database || table.name != name);
            }
            Event::Started { pid, .. } | Event::Resumed { pid, .. } => {
                self.ended = None;
                // The entries know better than whoever looked at the folder while it began.
                if let Engine::Apart { pid: known } = &mut self.engine {
                    *known = *pid;
                }
            }
            // Trying again goes on from there.
            Event::Answered { .. } if self.is_answered(entry) && self.wanted != Some(Wanted::TryAgain) => {
                self.wanted = None;
            }
            _ => {}
        }
        if let Some(text) = telling::text(&self.run, entry) {
            self.log.push_back(LogLine { at_ms: entry.at_ms, text });
            while self.log.len() > MOST_LOG {
                self.log.pop_front();
            }
        }
    }

    fn note_verb(&mut self, event: &Event) {
        match event {
            Event::Resumed { verb, .. } | Event::Asked { verb, .. } => self.verb = Some(verb.clone()),
            Event::Started { .. } | Event::Answered { .. } | Event::Ended { .. } => self.verb = None,
            _ => {}
        }
    }

    /// Whether what it made is taken back now: nothing is copied meanwhile.
    pub fn takes_back(&self) -> bool {
        let verbs = [Wanted::CleanUp, Wanted::TryAgain].map(Wanted::verb);
        !self.is_over() && self.verb.as_deref().is_some_and(|verb| verbs.contains(&verb))
    }

    /// The last that is known of it.
    pub fn seen(&self) -> Seen {
        Seen { seq: self.run.seq, at_ms: self.run.last_ms }
    }

    /// Whether this window knows of nobody who works on it and has nothing on its way itself.
    pub fn is_left_alone(&self) -> bool {
        self.engine == Engine::Gone && self.wanted.is_none() && self.trying.is_none()
    }

    pub fn want(&mut self, wanted: Wanted) {
        (self.wanted, self.wanted_after) = (Some(wanted), self.run.seq);
    }

    /// Whether an engine that guards has worked through what this window wants, and not what another one does.
    pub fn is_answered(&self, entry: &Entry) -> bool {
        let (Some(wanted), Event::Answered { verb, .. }) = (self.wanted, &entry.event) else { return false };
        *verb == wanted.verb() && entry.seq > self.wanted_after && entry.event.answers(self.face)
    }

    fn table(&mut self, table: Table) {
        // The gauges are older than this news, those that wait to be shown too: what is through does not run any more.
        for gauges in self.waiting.iter_mut().chain([&mut self.gauges]) {
            gauges.running.retain(|running| !table.is_copied_by(running));
        }
        if self.tables.len() < MOST_TABLES {
            self.tables.push(table);
        } else {
            self.tables_dropped += 1;
        }
    }

    /// The values that wait, if any do.
    pub fn catch_up(&mut self, now_ms: u64) {
        if let Some(gauges) = self.waiting.take() {
            self.measure(gauges, now_ms);
        }
    }

    pub fn measure(&mut self, mut gauges: Gauges, now_ms: u64) {
        // What has come through a moment ago may run in them still.
        let latest = &self.tables[self.tables.len().saturating_sub(LATEST)..];
        gauges.running.retain(|running| {
            !latest.iter().any(|table| table.failed.is_none() && table.is_copied_by(running))
        });
        let sample = Sample {
            at_ms: gauges.at_ms,
            bytes: gauges.bytes_done(),
            rows: gauges.rows_done(),
            lag_bytes: most(gauges.following.values().map(|d| d.lag_bytes)),
            kept_bytes: most(gauges.following.values().map(|d| d.kept_bytes)),
        };
        // A table that is begun anew takes its bytes back, and what comes of it from then on has come.
        if sample.bytes > self.gauges.bytes_done() {
            self.moved_ms = now_ms;
        }
        self.best.bytes = self.best.bytes.max(sample.bytes);
        let steps = gauges.databases.values().map(|d| d.steps_done).sum();
        self.best.steps = self.best.steps.max(steps);
        if self.samples.back().is_none_or(|last| last.at_ms + SAMPLE_MS <= sample.at_ms) {
            self.samples.push_back(sample);
            while self.samples.len() > MOST_SAMPLES {
                self.samples.pop_front();
            }
        }
        self.gauges = gauges;
        self.gauges_ms = now_ms;
    }

    pub fn answered(&mut self, databases: Vec<DatabaseStatus>, now_ms: u64) {
        let sample = Sample {
            at_ms: now_ms,
            bytes: self.best.bytes,
            rows: self.gauges.rows_done(),
            lag_bytes: most(databases.iter().filter(|d| follows(d)).map(|d| d.lag_bytes)),
            kept_bytes: most(databases.iter().filter(|d| follows(d)).map(|d| d.kept_bytes)),
        };
        self.samples.push_back(sample);
        self.asked = Some(Asked { at_ms: now_ms, databases });
        self.asking = Switch::Off;
    }

    /// What a database that follows was last seen at, and when: by its guard, or by a status update.
    pub fn status(&self, database: &str) -> Option<(&DatabaseStatus, u64)> {
        // The gauges come whether the guard gets an answer or not.
        let seen = |status: &DatabaseStatus| if status.at_ms > 0 { status.at_ms } else { self.gauges.at_ms };
        let guarded = self.gauges.following.get(database).map(|status| (status, seen(status)));
        let asked = self.asked.as_ref().and_then(|asked| {
            let status = asked.databases.iter().find(|d| d.database == database)?;
            // What a guard answers may be what it saw before the question; that asking failed is news in any case.
            let is_told = status.at_ms > 0 && !status.unasked;
            Some((status, if is_told { status.at_ms } else { asked.at_ms }))
        });
        match (guarded, asked) {
            (Some(one), Some(other)) => Some(if one.1 >= other.1 { one } else { other }),
            (one, other) => one.or(other),
        }
    }

    /// Whether the last question about any of them failed.
    pub fn is_unasked(&self) -> bool {
        self.following().any(|name| self.status(name).is_some_and(|(status, _)| status.unasked))
    }

    pub fn following(&self) -> impl Iterator<Item = &String> {
        let follows = |outcome| outcome == Some(DatabaseOutcome::Following);
        self.run.databases.iter().filter(move |(_, d)| follows(d.outcome)).map(|(name, _)| name)
    }

    /// The largest lag over all databases that follow; unknown if any of them is unknown.
    pub fn lag_bytes(&self) -> Option<u64> {
        let mut lags = self.following().map(|name| self.status(name).and_then(|(s, _)| s.lag_bytes));
        lags.try_fold(0, |most, lag| lag.map(|lag: u64| lag.max(most)))
    }

    /// When the numbers of what follows were taken; the oldest of them.
    pub fn seen_ms(&self) -> Option<u64> {
        let mut all = self.following().map(|name| self.status(name).map(|(_, at_ms)| at_ms));
        all.try_fold(u64::MAX, |oldest, at| at.map(|at| at.min(oldest))).filter(|at| *at != u64::MAX)
    }

    /// Every table of every database that follows is there, and nothing is on its way. `None` where that is not known.
    pub fn in_sync(&self) -> Option<bool> {
        let mut all = self.following().map(|name| {
            let (status, _) = self.status(name)?;
            let lag = status.lag_bytes?;
            Some(lag == 0 && status.tables_not_ready == 0 && status.error.is_none())
        });
        all.try_fold(true, |so_far, one| one.map(|one| so_far && one))
    }

    pub fn bytes_total(&self) -> u64 {
        // A database that has not been begun counts with what the server said of its size.
        let waiting = self.run.databases.iter().filter(|(name, d)| {
            d.outcome.is_none() && self.gauges.databases.get(*name).is_none_or(|g| g.bytes_total == 0)
        });
        self.gauges.bytes_total() + waiting.filter_map(|(_, d)| d.size_bytes).sum::<u64>()
    }

    pub fn is_over(&self) -> bool {
        self.ended.is_some() || self.run.outcome.is_some()
    }

    /// Whether any database goes the continuous way.
    pub fn replicates(&self) -> bool {
        self.run.databases.values().any(|d| d.method == Some(Method::Replication))
    }

    pub fn is_following(&self) -> bool {
        self.following().next().is_some()
    }

    /// Where the work is: the earliest phase of those databases that are not through.
    pub fn phase(&self) -> Option<Phase> {
        let at_work = self.run.databases.iter().filter(|(_, d)| d.outcome.is_none());
        at_work.filter_map(|(name, d)| self.phase_of(name, d)).min()
    }

    /// Where a database is. Rows and indexes begin together: only the gauges know which of them it is about.
    pub fn phase_of(&self, name: &str, database: &DatabaseRun) -> Option<Phase> {
        self.gauges.databases.get(name).and_then(|gauge| gauge.phase).or(database.phase)
    }

    /// What runs now, what waits and what is through, filtered and sorted.
    pub fn rows(&self) -> Vec<Row<'_>> {
        let mut rows: Vec<Row<'_>> = Vec::new();
        if !self.is_over() {
            rows.extend(self.gauges.running.iter().map(Row::Running));
            rows.extend(self.gauges.waiting.iter().map(Row::Waiting));
        }
        match self.sort {
            Sort::Recent => {
                // What comes next stands before what is through, and not all that waits.
                let next = (self.gauges.running.len() + NEXT).min(rows.len());
                let later = rows.split_off(next);
                rows.extend(self.tables.iter().rev().map(Row::Through));
                rows.extend(later);
            }
            Sort::Size => {
                rows.extend(self.tables.iter().map(Row::Through));
                rows.sort_by_key(|row| std::cmp::Reverse(row.bytes()));
            }
            Sort::Name => {
                rows.extend(self.tables.iter().map(Row::Through));
                rows.sort_by(|a, b| (a.database(), a.name()).cmp(&(b.database(), b.name())));
            }
        }
        rows.retain(|row| self.filter.admits(&[row.database(), row.name()]));
        rows
    }

    /// What was found and has not passed since.
    pub fn worth_a_look(&self) -> impl DoubleEndedIterator<Item = &Finding> {
        self.found().filter(|finding| !finding.has_passed())
    }

    /// The same with what has passed: nobody is to miss that it was so.
    pub fn found(&self) -> impl DoubleEndedIterator<Item = &Finding> {
        self.run.findings.iter().filter(|finding| finding.severity >= Severity::Warning)
    }

    pub fn list_len(&self) -> usize {
        match self.list {
            Listed::Tables => self.rows().len(),
            Listed::Databases => self.databases().len(),
        }
    }

    pub fn databases(&self) -> Vec<&String> {
        self.run.databases.keys().filter(|name| self.filter.admits(&[name])).collect()
    }

    /// How many tables wait, over the databases that have been begun.
    pub fn tables_waiting(&self) -> u64 {
        let all: BTreeMap<_, _> = self.run.databases.iter().filter(|(_, d)| d.outcome.is_none()).collect();
        let left = |(_, d): (&&String, &&crate::model::run::DatabaseRun)| {
            d.tables.saturating_sub(d.tables_copied + d.tables_failed)
        };
        let left: u64 = all.iter().map(left).sum();
        left.saturating_sub(self.copying())
    }

    /// How many copies run.
    pub fn copying(&self) -> u64 {
        self.gauges.running.iter().filter(|r| r.bytes.is_some()).count() as u64
    }
}

fn follows(status: &DatabaseStatus) -> bool {
    status.outcome == Some(DatabaseOutcome::Following)
}

/// The largest; unknown if one is, or if there is none.
fn most(values: impl Iterator<Item = Option<u64>>) -> Option<u64> {
    let mut any = false;
    let mut values = values.inspect(|_| any = true);
    let largest = values.try_fold(0, |most, value| value.map(|value| value.max(most)));
    drop(values);
    largest.filter(|_| any)
}

#[cfg(test)]
mod tests;
