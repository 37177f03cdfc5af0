//! One look at one database: what both servers say of it now, and what of that is news.

use super::lag::Positions;
use super::schema::{Change, advice, before_publishing, changes, lines, unlike_target};
use crate::engine::context::Cx;
use crate::engine::emit::now_ms;
use crate::engine::replicate::names_for;
use crate::engine::replicate::subscribe::readiness;
use crate::engine::sessions::settings;
use crate::model::check::{Finding, SCHEMA_CHANGED};
use crate::model::event::DatabaseOutcome;
use crate::model::failure::Failure;
use crate::model::names::{ObjectKind, ObjectNames};
use crate::model::plan::Method;
use crate::model::status::{DatabaseStatus, Sessions};
use crate::model::units::{Lsn, Side, human_bytes};
use crate::pg::connect::Session;
use crate::pg::error::Error;
use crate::pg::facts::replication::objects::subscription_errors;
use crate::pg::facts::replication::progress::{Progress, of_slot};
use crate::pg::facts::replication::tables::candidates;
use crate::pg::facts::replication::watch::{
    SchemaObject, fingerprint_of, schema_objects, sessions_of_others,
};
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::time::{Instant, timeout};

const TARGET_EVERY: Duration = Duration::from_secs(3);
/// A change of definitions is to be noticed within half a minute.
const SCHEMA_EVERY: Duration = Duration::from_secs(15);
/// A server that does not answer keeps the others waiting for no longer than this.
const ANSWER: Duration = Duration::from_secs(10);
/// A subscription's worker that is started again and again is missing for a moment each time.
const WORKER_MISSING: Duration = Duration::from_secs(30);

/// What was found, and what of it has not been said before.
pub(super) struct Looked {
    pub(super) status: DatabaseStatus,
    pub(super) findings: Vec<Finding>,
    /// Findings, by their ids, of which it was seen now that they are not so.
    pub(super) passed: BTreeSet<&'static str>,
}

impl Looked {
    fn of(status: DatabaseStatus) -> Self {
        Self { status, findings: Vec::new(), passed: BTreeSet::new() }
    }
}

/// What is remembered of a database between looks.
#[derive(Debug, Default)]
pub(super) struct Watched {
    positions: Positions,
    target_at: Option<Instant>,
    sessions_at: Option<Instant>,
    /// Who was in it, when that was asked last.
    sessions: Sessions,
    schema_at: Option<Instant>,
    /// The last that was known of the target.
    target: OnTarget,
    not_ready_since: Option<Instant>,
    gone_looks: u32,
    /// When the source last answered, in Unix milliseconds.
    answered_ms: u64,
    /// Where the target is, as the source has it.
    confirmed: Option<Lsn>,
    attempts: Attempts,
    /// Definitions as they were when the migration began, where that has been seen.
    baseline: Option<Vec<SchemaObject>>,
    schema_told: Option<String>,
    /// What has been said and still is so.
    told: BTreeSet<&'static str>,
}

/// How often the target has failed to apply what comes next. A connection that was lost counts as a failure too, and is
/// none: the next attempt goes on from there.
#[derive(Debug, Default)]
struct Attempts {
    errors: Option<u64>,
    at: Option<Lsn>,
    failed: u64,
}

impl Attempts {
    /// Whether it has tried the same in vain again. What is not known changes nothing.
    fn in_vain(&mut self, errors: Option<u64>, at: Option<Lsn>) -> bool {
        if at.is_some() && at != self.at {
            (self.at, self.failed) = (at, 0);
        } else if let (Some(before), Some(now)) = (self.errors, errors) {
            self.failed += now.saturating_sub(before);
        }
        self.errors = errors.or(self.errors);
        self.failed > 1
    }
}

#[derive(Debug, Clone, Default)]
struct OnTarget {
    ready: u64,
    not_ready: u64,
    error: Option<String>,
    unasked: bool,
    /// The error is not what a source that is away explains.
    broken: bool,
}

impl Watched {
    /// Never fails: what cannot be asked is said in the status, and is not known.
    pub(super) async fn look(&mut self, cx: &Cx, name: &str, source: &mut Option<Session>) -> Looked {
        let outcome = cx.emit.with_run(|run| run.databases.get(name).and_then(|d| d.outcome));
        let mut status = DatabaseStatus {
            database: name.to_owned(),
            method: Method::Replication,
            outcome,
            ..DatabaseStatus::default()
        };
        let Some(names) = names_for(&cx.plan, name) else { return Looked::of(status) };
        let mut looked = match self.ask_source(cx, (name, &names), source).await {
            Ok(progress) => self.judge_source(progress, Looked::of(status)),
            Err(failure) => {
                *source = None;
                self.sessions.source = None;
                status.error = Some(format!("the source: {failure}"));
                status.unasked = true;
                status.at_ms = self.answered_ms;
                Looked::of(status)
            }
        };
        if outcome == Some(DatabaseOutcome::Following) {
            self.look_at_target(cx, name, &names, &mut looked).await;
            let status = &mut looked.status;
            status.tables_ready = self.target.ready;
            status.tables_not_ready = self.target.not_ready;
            status.sessions = self.sessions;
            self.complain_of_both(status);
            // Whoever closes a connection looks at the definitions himself, and knows what was accepted.
            if !cx.at_work.is_at_work(name) && is_due(&mut self.schema_at, SCHEMA_EVERY) {
                match timeout(ANSWER, self.look_at_schema(cx, name, &names, &mut looked)).await {
                    Ok(Ok(())) => {}
                    Ok(Err(failure)) => tracing::warn!(database = name, "definitions: {failure}"),
                    Err(_) => tracing::warn!(database = name, "definitions: the source does not answer"),
                }
            }
        }
        looked
    }

    /// A source that is away is named first: what the target misses then may be nothing but that.
    fn complain_of_both(&self, status: &mut DatabaseStatus) {
        let Some(target) = &self.target.error else { return };
        match status.error.take() {
            None => (status.error, status.unasked) = (Some(target.clone()), self.target.unasked),
            Some(source) if status.unasked => {
                let whose = if target.starts_with("the target") { "" } else { "the target: " };
                status.error = Some(format!("{source}; {whose}{target}"));
                // Of a source that has never answered nothing is known.
                status.unasked = !self.target.broken || self.answered_ms == 0;
            }
            known => status.error = known,
        }
    }

    async fn ask_source(
        &mut self,
        cx: &Cx,
        (name, names): (&str, &ObjectNames),
        source: &mut Option<Session>,
    ) -> Result<Option<Progress>, Failure> {
        let asks_who = is_due(&mut self.sessions_at, TARGET_EVERY);
        let asking = async {
            let session = match source.take() {
                Some(session) => session,
                None => {
                    cx.source
                        .connect(&cx.source_home, &settings(Side::Source, cx.source_facts.version))
                        .await?
                }
            };
            let progress = of_slot(&session, &names.of(ObjectKind::Slot)).await?;
            let sessions = match asks_who {
                // Beside the point: where it is denied the rest is known all the same.
                true => Some(sessions_of_others(&session, name).await.unwrap_or_default()),
                false => None,
            };
            Ok::<_, Error>((session, progress, sessions))
        };
        let (session, progress, sessions) =
            timeout(ANSWER, asking).await.map_err(|_| does_not_answer())??;
        *source = Some(session);
        self.sessions.source = sessions.unwrap_or(self.sessions.source);
        Ok(progress)
    }

    fn judge_source(&mut self, progress: Option<Progress>, mut looked: Looked) -> Looked {
        let Looked { status, findings, passed } = &mut looked;
        let Some(progress) = progress else {
            // Once may be our own removal, which is journalled a moment after the deed.
            self.gone_looks += 1;
            if self.gone_looks > 1 {
                let title = "the replication slot is gone from the source, and with it changes that were not delivered";
                status.error = Some(title.to_owned());
                let fix = "start over: stop this migration, then migrate into an empty database";
                findings.extend(self.news("slot-gone", || Finding::lost("slot", title).fix(fix)));
            }
            return looked;
        };
        self.gone_looks = 0;
        let now = now_ms();
        self.positions.note(now, progress.position);
        (status.at_ms, self.answered_ms) = (now, now);
        status.lag_bytes = progress.lag_bytes;
        self.confirmed = progress.confirmed_flush_lsn;
        // What the source says itself (replay_lag) stands still while nothing is applied.
        status.lag_ms = progress.confirmed_flush_lsn.and_then(|at| self.positions.lag_ms(now, at));
        status.kept_bytes = progress.retained_bytes;
        status.safe_bytes = progress.health.safe_wal_bytes;
        if progress.health.is_lost() {
            let title =
                "the source has given up the replication slot: changes that were not delivered are lost";
            status.error = Some(title.to_owned());
            let fix = "start over, and raise max_slot_wal_keep_size on the source before";
            findings.extend(self.news("slot-lost", || Finding::lost("slot", title).fix(fix)));
        }
        let (kept, safe) = (progress.retained_bytes.unwrap_or(0), progress.health.safe_wal_bytes);
        match safe.filter(|safe| *safe < (kept + safe) / 4) {
            Some(safe) => findings.extend(self.news("wal-short", || {
                let title = "the source will soon give up the replication slot";
                let why = format!(
                    "it keeps {} of its log for it, and after {} more it stops doing so (max_slot_wal_keep_size)",
                    human_bytes(kept),
                    human_bytes(safe)
                );
                Finding::warning("wal-short", title)
                    .because(why)
                    .fix("raise max_slot_wal_keep_size on the source, or find out what keeps the target from applying")
            })),
            // Of a slot that is lost nothing is kept any more.
            None if progress.health.is_lost() => {}
            None => {
                self.told.remove("wal-short");
                passed.insert("wal-short");
            }
        }
        looked
    }

    async fn look_at_target(&mut self, cx: &Cx, name: &str, names: &ObjectNames, looked: &mut Looked) {
        if !is_due(&mut self.target_at, TARGET_EVERY) {
            return;
        }
        let subscription = names.of(ObjectKind::Subscription);
        let version = cx.target_facts.version;
        let asking = async {
            let session = cx.target.connect(name, &settings(Side::Target, version)).await?;
            let state = readiness(&session, &subscription).await?;
            let errors = match version.at_least(15) {
                true => subscription_errors(&session, &subscription).await?,
                false => None,
            };
            let sessions = sessions_of_others(&session, name).await.unwrap_or_default();
            Ok::<_, Error>((state, errors, sessions))
        };
        let answer = timeout(ANSWER, asking).await.map_err(|_| does_not_answer());
        let (state, errors, sessions) = match answer.and_then(|answer| answer.map_err(Failure::from)) {
            Ok(answer) => answer,
            Err(failure) => {
                self.target.error = Some(format!("the target: {failure}"));
                (self.target.unasked, self.target.broken) = (true, false);
                self.sessions.target = None;
                return;
            }
        };
        self.sessions.target = sessions;
        self.target = OnTarget { ready: state.ready, not_ready: state.not_ready, ..OnTarget::default() };
        if self.attempts.in_vain(errors.map(|e| e.apply), self.confirmed) {
            let title = "the target fails to apply a change, and tries it again and again";
            self.target.error = Some(title.to_owned());
            self.target.broken = true;
            let fix = "the target's log says which and why; remove the cause there";
            looked.findings.extend(self.news("apply-errors", || Finding::warning("apply", title).fix(fix)));
        } else if self.told.remove("apply-errors") || looked.status.lag_bytes == Some(0) {
            // A guard that has come anew has seen no attempt fail, and knows nothing by that.
            looked.passed.insert("apply");
        }
        if state.is_sound() {
            self.not_ready_since = None;
            self.told.remove("not-ready");
            looked.passed.insert("follow");
            return;
        }
        let missing = state.what_is_missing();
        let since = *self.not_ready_since.get_or_insert_with(Instant::now);
        if since.elapsed() > WORKER_MISSING {
            let (why, fix) = match looked.status.error.as_ref().filter(|_| looked.status.unasked) {
                Some(source) => (
                    format!("{source}; the target: {missing}"),
                    "see that the source answers: the target goes on by itself then, or its log says why",
                ),
                None => (missing.clone(), "the target's log says why; the source keeps its log meanwhile"),
            };
            looked.findings.extend(self.news("not-ready", || {
                Finding::warning("follow", "the target does not follow").because(why).fix(fix)
            }));
        }
        self.target.broken |= !(state.exists && state.enabled);
        self.target.error = self.target.error.take().or(Some(missing));
    }

    async fn look_at_schema(
        &mut self,
        cx: &Cx,
        name: &str,
        names: &ObjectNames,
        looked: &mut Looked,
    ) -> Result<(), Failure> {
        let then = cx.emit.with_run(|run| run.databases.get(name).and_then(|d| d.schema.clone()));
        let Some(then) = then else { return Ok(()) };
        let source = cx.source.connect(name, &settings(Side::Source, cx.source_facts.version)).await?;
        let now = schema_objects(&source).await?;
        let hash = fingerprint_of(&now).hash;
        if hash == then {
            self.baseline = Some(now);
            self.schema_told = None;
            looked.passed.insert(SCHEMA_CHANGED);
            return Ok(());
        }
        if self.schema_told.as_ref() == Some(&hash) {
            return Ok(());
        }
        let found: Vec<Change> = match &self.baseline {
            Some(before) => changes(before, &now),
            None => {
                let target =
                    cx.target.connect(name, &settings(Side::Target, cx.target_facts.version)).await?;
                unlike_target(&now, &schema_objects(&target).await?)
            }
        };
        let first = before_publishing(&found, &candidates(&source).await?);
        if self.schema_told.replace(hash).is_some() {
            // Said of what they were since; what they are now is said anew.
            looked.passed.insert(SCHEMA_CHANGED);
        }
        let title =
            "definitions on the source have changed since the migration began, and they do not travel";
        let mut finding = Finding::warning(SCHEMA_CHANGED, title).fix(advice(&found, &first, names));
        if found.is_empty() {
            finding = finding
                .because("both sides have objects of the same names: one of them is defined otherwise");
        }
        looked.findings.push(finding.objects(lines(&found)));
        Ok(())
    }

    /// Only once, until it has been otherwise in between.
    fn news(&mut self, what: &'static str, finding: impl FnOnce() -> Finding) -> Option<Finding> {
        self.told.insert(what).then(finding)
    }
}

fn does_not_answer() -> Failure {
    Failure::local(format!("no answer within {} s", ANSWER.as_secs()))
}

fn is_due(last: &mut Option<Instant>, every: Duration) -> bool {
    let due = last.is_none_or(|at| at.elapsed() >= every);
    if due {
        *last = Some(Instant::now());
    }
    due
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lost_connection_is_no_change_that_cannot_be_applied() {
        let mut attempts = Attempts::default();
        let mut look = |errors, at| attempts.in_vain(Some(errors), at);
        assert!(!look(7, Some(Lsn(1))), "what was counted before is not ours");
        assert!(!look(8, Some(Lsn(1))), "a restart of the source");
        assert!(!look(8, Some(Lsn(2))));
        assert!(!look(9, Some(Lsn(2))), "another one, and it went on in between");
        assert!(look(10, Some(Lsn(2))));
        assert!(look(10, None), "still so while the source does not answer");
        assert!(!look(10, Some(Lsn(3))));
    }

    #[test]
    fn a_source_that_is_away_is_named_first() {
        let source = "the source: cannot connect";
        let said = |target: OnTarget, answered_ms| {
            let mut status =
                DatabaseStatus { error: Some(source.into()), unasked: true, ..DatabaseStatus::default() };
            Watched { target, answered_ms, ..Watched::default() }.complain_of_both(&mut status);
            (status.error.unwrap_or_default(), status.unasked)
        };
        let of = |error: &str, broken| OnTarget { error: Some(error.into()), broken, ..OnTarget::default() };
        assert_eq!(said(OnTarget::default(), 7), (source.to_owned(), true));
        let missing = format!("{source}; the target: the subscription has no worker");
        assert_eq!(said(of("the subscription has no worker", false), 7), (missing, true));
        let fails = format!("{source}; the target fails to apply");
        assert_eq!(said(of("the target fails to apply", true), 7), (fails.clone(), false));
        assert_eq!(said(of("the target fails to apply", true), 0), (fails, true), "it has never answered");
    }
}
