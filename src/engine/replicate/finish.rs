//! Closing the connection: silence on the source, everything applied on the target, then what replication does not carry,
//! both sides held against each other, and what was made is removed. Until that last step nothing is lost by going back:
//! the database goes on following.

use super::again;
use super::remove::{What, remove};
use super::silence::{Broken, Silence};
use super::subscribe::readiness;
use super::{names_for, verify};
use crate::engine::context::{execute, guarded};
use crate::engine::database::Db;
use crate::engine::phases::{copy, data, large_objects, snapshot};
use crate::model::check::{Finding, SCHEMA_CHANGED};
use crate::model::failure::{Failure, FailureKind};
use crate::model::names::{ObjectKind, ObjectNames};
use crate::model::task::{Finish, Loss, Schema, Verify};
use crate::model::units::{Lsn, TableName, count_of, human_bytes};
use crate::pg::connect::Session;
use crate::pg::facts::objects::SequenceFacts;
use crate::pg::facts::replication::objects::{TableState, subscribed_tables};
use crate::pg::facts::replication::progress::{of_slot, position};
use crate::pg::facts::replication::tables::candidates;
use crate::pg::facts::replication::watch::{self, LargeObjects, schema_fingerprint};
use crate::pg::facts::tables::TableFacts;
use crate::pg::statement::data::read_sequences;
use crate::pg::statement::replication::EMIT_MARK;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

const ASK_EVERY: Duration = Duration::from_millis(200);
/// An operator who waits for the lag to go down stops waiting with Ctrl-C, and it goes on following.
const KEEP_UP: Duration = Duration::from_secs(30 * 24 * 3600);
/// Sequences that are read in one round trip.
const SEQUENCE_BATCH: usize = 200;

/// How a connection was closed: from the removal on there is no way back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Closed {
    Cleanly,
    /// Something of ours could not be removed, and was named.
    WithLeftovers,
    /// As the operator accepted.
    WithLoss,
}

/// # Errors
/// Why it is not closed: then the database goes on following.
pub(crate) async fn run(db: &Arc<Db>, how: Finish) -> Result<Closed, Failure> {
    let names =
        names_for(&db.cx.plan, &db.name).ok_or_else(|| Failure::local("this migration has no names"))?;
    let source = db.cx.source_session(&db.name).await?;
    let ready = during(db, "looking whether every table is ready", everything_is_ready(db, &source, &names));
    or_lose(db, how, ready.await)?;
    let locking = during(db, "locking the source's tables against writes", Silence::keep(db, &source));
    let mut silence = or_lose(db, how, locking.await)?;
    definitions_are_the_same(db, &source, how.schema).await?;
    let deadline = Instant::now() + Duration::from_secs(how.timeout_s);
    let waiting = "waiting until the target has confirmed every change";
    or_lose(db, how, during(db, waiting, in_sync(db, &names, Goal::Now, deadline)).await)?;
    let rest = "copying what replication does not carry, and sequences";
    let copied = during(db, rest, carry_the_rest(db, &names)).await?;
    if let Some(silence) = &mut silence {
        silence.large_objects_are(db, copied);
    }
    if how.verify != Verify::Nothing {
        verify::run(db, how.verify).await?;
    }
    // All of that may have taken hours: a table that was made meanwhile waits for no lock of ours.
    or_lose(db, how, everything_is_ready(db, &source, &names).await)?;
    definitions_are_the_same(db, &source, how.schema).await?;
    if let Some(silence) = &mut silence {
        or_lose(db, how, silence.lasts(db).await.map_err(Broken::into_failure))?;
    }
    if db.losses() > 0 && how.loss == Loss::Refuse {
        // Nothing is removed: once the cause is, the next attempt can succeed.
        return Err(Failure::new(FailureKind::Server, "both sides are not equal; see the findings"));
    }
    // Until here the guard may give it up, for the source's sake.
    db.cx.at_work.last_step(db)?;
    during(db, "removing subscription, slot and publication", remove(&db.cx, &db.name, What::Objects)).await;
    if let Some(silence) = &mut silence {
        still_silent(db, silence).await;
    }
    drop(silence);
    let clean = remove(&db.cx, &db.name, What::All).await;
    Ok(match (clean, db.losses()) {
        (_, 1..) => Closed::WithLoss,
        (true, 0) => Closed::Cleanly,
        (false, 0) => Closed::WithLeftovers,
    })
}

/// Shown as long as it takes: over a slow line each of these may take a minute.
async fn during<T>(db: &Db, what: &str, work: impl Future<Output = T>) -> T {
    let _doing = db.cx.board.doing(&db.name, what, None);
    work.await
}

/// Past the point of no return: what is written on the source now does not arrive any more.
async fn still_silent(db: &Db, silence: &mut Silence) {
    let Err(broken) = silence.lasts(db).await else { return };
    let finding = match &broken {
        Broken::Waiting(_) => {
            let title =
                "somebody waits to write on the source: what he writes there does not arrive any more";
            Finding::warning("late-writer", title)
        }
        Broken::Written(_) => {
            let title = "it is not proved that nobody wrote on the source while the connection was closed";
            Finding::lost("late-writer", title).fix("hold both sides against each other, or start over")
        }
    };
    db.finding(finding.because(broken.into_failure().what));
}

/// What speaks against closing the connection, unless the operator has accepted that something is lost: then it is said,
/// and the database is not `done`.
fn or_lose<T>(db: &Db, how: Finish, result: Result<T, Failure>) -> Result<Option<T>, Failure> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(failure) if how.loss == Loss::Accept && !failure.is_interruption() => {
            let title = "closed nevertheless, as the operator accepted: changes of the source may be missing";
            db.finding(Finding::lost("accepted-loss", title).because(failure.what));
            Ok(None)
        }
        Err(failure) => Err(failure),
    }
}

/// Waits, for as long as it takes, until the target lags behind by no more than this.
pub(crate) async fn keep_up(db: &Db, within_bytes: u64) -> Result<(), Failure> {
    let names =
        names_for(&db.cx.plan, &db.name).ok_or_else(|| Failure::local("this migration has no names"))?;
    let doing = db.cx.board.doing(&db.name, "waiting until the target is in sync", None);
    let source = db.cx.source_session(&db.name).await?;
    everything_is_ready(db, &source, &names).await?;
    in_sync(db, &names, Goal::Within(within_bytes), Instant::now() + KEEP_UP).await?;
    drop(doing);
    Ok(())
}

/// Every table that is to be moved is in the publication and in the subscription, and is ready: a table that was made
/// meanwhile is in neither, and a lag of nothing would say nothing about it.
async fn everything_is_ready(db: &Db, source: &Session, names: &ObjectNames) -> Result<(), Failure> {
    let target = db.cx.target_session(&db.name).await?;
    let subscription = names.of(ObjectKind::Subscription);
    let state = db.guarded(target.canceller(), readiness(&target, &subscription)).await?;
    if !state.is_ready() {
        let kind = if state.exists { FailureKind::Refused } else { FailureKind::Gone };
        let what = format!("the target does not follow: {}", state.what_is_missing());
        return Err(
            Failure::new(kind, what).advise("see the target's log; pgpassage status tells how it stands")
        );
    }
    let ready: HashSet<TableName> = db
        .guarded(target.canceller(), subscribed_tables(&target, &subscription))
        .await?
        .into_iter()
        .filter(|(_, state)| *state == TableState::Ready)
        .map(|(name, _)| name)
        .collect();
    let version = db.cx.source_facts.version;
    let asking = super::survey::survey(source, &db.cx.plan, &db.name, version);
    let now = db.guarded(source.canceller(), asking).await??;
    let missing: Vec<_> =
        now.everything.iter().chain(&now.inserts).filter(|t| !ready.contains(&t.name)).collect();
    if let Some(first) = missing.first() {
        return Err(Failure::refused(format!(
            "{} on the source, {} among them, came after the start and did not follow",
            count_of(missing.len() as u64, "table"),
            first.name
        ))
        .advise("drop them, or start over: what was made after the start is not on the target"));
    }
    Ok(())
}

/// A definition that was changed on the source did not travel, and rows that were never changed since look the same.
async fn definitions_are_the_same(db: &Db, source: &Session, schema: Schema) -> Result<(), Failure> {
    let then = db.cx.emit.with_run(|run| run.databases.get(&db.name).and_then(|d| d.schema.clone()));
    let now = db.guarded(source.canceller(), schema_fingerprint(source)).await?;
    let Some(_) = then.filter(|then| *then != now.hash) else { return Ok(()) };
    let what =
        "definitions on the source are not what they were when the migration began, and they do not travel";
    match schema {
        Schema::MustBeTheSame => Err(Failure::refused(what).advise(
            "make the same changes on the target and finish with --accept-schema-changes, or start over",
        )),
        Schema::MayDiffer => {
            db.finding(Finding::warning(SCHEMA_CHANGED, what).because("accepted by the operator"));
            Ok(())
        }
    }
}

/// What the target has to have confirmed.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Goal {
    /// Everything up to the moment of asking.
    Now,
    /// Everything but so many bytes, at some moment.
    Within(u64),
}

/// Until the target has confirmed enough.
async fn in_sync(db: &Db, names: &ObjectNames, goal: Goal, deadline: Instant) -> Result<(), Failure> {
    let session = db.cx.source_session(&db.name).await?;
    let slot = names.of(ObjectKind::Slot);
    // On a source that rests the target would confirm it only much later: a transaction of ours, without any change.
    execute(&db.cancel, &session, EMIT_MARK).await?;
    let now: Lsn = guarded(&db.cancel, session.canceller(), position(&session)).await?;
    loop {
        let progress = db.guarded(session.canceller(), of_slot(&session, &slot)).await?;
        let Some(progress) = progress.filter(|p| !p.health.is_lost()) else {
            return Err(Failure::new(
                FailureKind::Gone,
                "the replication slot is gone, and with it changes that were not delivered",
            )
            .advise("start over: pgpassage stop, then migrate into an empty database"));
        };
        let (lag, most) = match goal {
            Goal::Now => (progress.confirmed_flush_lsn.map(|confirmed| now.bytes_since(confirmed)), 0),
            Goal::Within(bytes) => (progress.lag_bytes, bytes),
        };
        if lag.is_some_and(|lag| lag <= most) {
            return Ok(());
        }
        if matches!(goal, Goal::Within(_)) {
            // Where nobody writes, what the server itself writes now and then would stay unconfirmed for long.
            execute(&db.cancel, &session, EMIT_MARK).await?;
        }
        if Instant::now() > deadline {
            let lag = lag
                .map_or_else(|| "by an unknown amount".to_owned(), |lag| format!("by {}", human_bytes(lag)));
            return Err(Failure::refused(format!("the target still lags behind {lag}")).advise(
                "wait, and try again with a longer --timeout; pgpassage status shows whether it catches up",
            ));
        }
        tokio::select! {
            () = db.cancel.cancelled() => return Err(Failure::interrupted()),
            () = tokio::time::sleep(ASK_EVERY) => {}
        }
    }
}

/// Sequences, unlogged tables, tables of which only new rows or none came, large objects, materialized views.
///
/// Returns what large objects there were at the moment of which they are copied.
async fn carry_the_rest(db: &Arc<Db>, names: &ObjectNames) -> Result<LargeObjects, Failure> {
    let held = snapshot::hold_for_copy(db).await?;
    let holder = held.holder()?;
    let at_that_moment = db.guarded(holder.canceller(), watch::large_objects(&holder)).await?;
    drop(holder);
    let (followed, logged) = followed_in_full(db, names).await?;
    let rest: Vec<&TableFacts> = held
        .tables
        .iter()
        .filter(|t| !t.names().iter().any(|name| followed.contains(name)) || !logged.contains(&t.name))
        .collect();
    db.copy_again();
    let target = db.target().await?;
    for table in again::make_room(db, &target, rest, &held.tables).await? {
        copy::run(db, &held, table).await?;
    }
    large_objects::run(db, &held, &held.large_objects).await?;
    large_objects::remove_others(db, &target, &held.large_objects).await?;
    let mut values = Vec::new();
    for batch in held.sequences.chunks(SEQUENCE_BATCH) {
        values.extend(read(db, batch).await?);
    }
    data::set_sequences(db, &target, &values).await?;
    db.put_target_back(target);
    data::refresh_all(db, held.materialized_views.iter().map(|(_, name)| name.clone()).collect()).await;
    held.release();
    Ok(at_that_moment)
}

/// Those whose every change has arrived, by the name that is published; and all that can be published at all, for of an
/// unlogged partition nothing arrives.
async fn followed_in_full(
    db: &Db,
    names: &ObjectNames,
) -> Result<(HashSet<TableName>, HashSet<TableName>), Failure> {
    let source = db.cx.source_session(&db.name).await?;
    let publication = names.of(ObjectKind::Publication);
    let all = db.guarded(source.canceller(), candidates(&source)).await?;
    let followed = all.iter().filter(|t| t.publications.contains(&publication)).map(|t| t.name.clone());
    Ok((followed.collect(), all.iter().map(|t| t.name.clone()).collect()))
}

async fn read(db: &Db, batch: &[SequenceFacts]) -> Result<Vec<data::SequenceValue>, Failure> {
    let session = db.cx.source_session(&db.name).await?;
    let names: Vec<_> = batch.iter().map(|s| &s.name).collect();
    let sql = read_sequences(&names);
    let rows = db.guarded(session.canceller(), session.query(sql.as_str(), &[])).await?;
    let mut values = Vec::with_capacity(batch.len());
    for row in &rows {
        let get = |e: tokio_postgres::Error| Failure::from(crate::pg::error::Error::from(e));
        let at: i32 = row.try_get(0).map_err(get)?;
        let (last_value, is_called) = (row.try_get(1).map_err(get)?, row.try_get(2).map_err(get)?);
        if let Some(facts) = usize::try_from(at).ok().and_then(|at| batch.get(at)).cloned() {
            values.push(data::SequenceValue { facts, last_value, is_called });
        }
    }
    if values.len() < batch.len() {
        db.finding(Finding::lost("sequence", "the values of some sequences could not be read"));
    }
    Ok(values)
}
