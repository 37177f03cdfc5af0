//! Removes what was made for a database on both servers, as the journal's ledger knows it. Works with sessions of its own
//! and is not stopped by the run's end: it is what follows upon that.

use super::survey::identity;
use crate::engine::context::Cx;
use crate::engine::sessions::settings;
use crate::model::check::Finding;
use crate::model::event::{Event, ObjectKind, ServerObject, TableIdentity};
use crate::model::failure::Failure;
use crate::model::run::{LedgerState, Run};
use crate::model::units::{Side, TableName};
use crate::pg::connect::{Server, Session};
use crate::pg::error::{Error, ErrorKind};
use crate::pg::facts::replication::objects::{
    SlotFacts, SubscriptionFacts, publications, slots, subscriptions,
};
use crate::pg::facts::replication::server::aiven_extras;
use crate::pg::statement::replication::aiven;
use crate::pg::statement::replication::subscription::{disable, drop as drop_subscription, forget_slot};
use crate::pg::statement::replication::{
    END_WALSENDER, drop_publication, drop_slot, lock_timeout, replica_identity,
};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::{Instant, timeout};

/// All of it together may take this long; a server that does not answer must not keep us from ending.
const TIME_LIMIT: Duration = Duration::from_secs(60);
/// A server that is gone must keep neither the other one from being cleaned nor us from ending.
const REACH: Duration = Duration::from_secs(10);
/// How long a walsender may take to notice that its subscription is gone, before it is ended.
const WALSENDER: Duration = Duration::from_secs(5);
const LOCK_WAIT_MS: u32 = 2_000;
const LOCK_TRIES: u32 = 5;

/// What is to be removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    All,
    /// All but the changes of replica identities, which no lock of ours may be in the way of.
    Objects,
}

/// Removes everything of ours that belongs to this database, and names what is left.
///
/// Returns whether nothing is left.
pub(crate) async fn remove(cx: &Cx, database: &str, what: What) -> bool {
    let changed = |run: &Run| match what {
        What::All => run.databases.get(database).map(|d| d.identities.clone()).unwrap_or_default(),
        What::Objects => BTreeMap::new(),
    };
    let (objects, identities) = cx.emit.with_run(|run| {
        let of_database = |o: &ServerObject| o.database.as_deref() == Some(database);
        let lines = run.ledger.values().filter(|l| l.state != LedgerState::NotOurs && of_database(&l.object));
        let objects: Vec<_> = lines.map(|l| l.object.clone()).collect();
        (objects, changed(run))
    });
    if objects.is_empty() && identities.is_empty() {
        return true;
    }
    // The reader before what it reads from.
    let target = timeout(TIME_LIMIT, on_target(cx, database, &objects, &identities)).await;
    report(cx, database, Side::Target, &target.unwrap_or_else(|_| Err(too_slow())));
    let source = timeout(TIME_LIMIT, on_source(cx, database, &objects, &identities)).await;
    report(cx, database, Side::Source, &source.unwrap_or_else(|_| Err(too_slow())));
    let left = cx.emit.with_run(|run| {
        let of_database = |o: &ServerObject| o.database.as_deref() == Some(database);
        let mine = run.ledger.values().filter(|l| l.state != LedgerState::NotOurs && of_database(&l.object));
        let mut left: Vec<_> = mine
            .map(|l| format!("{} {} on the {}", word(l.object.kind), l.object.name, l.object.side))
            .collect();
        left.extend(
            changed(run).keys().map(|table| format!("the changed replica identity of {table} on the source")),
        );
        left
    });
    if !left.is_empty() {
        let title = "objects of ours could not be removed, and a replication slot keeps the source's WAL from being cleared";
        let fix = format!("pgpassage clean {}, once both servers can be reached", cx.plan.id);
        cx.finding(
            Finding::warning("left-behind", title).in_database(database).fix(fix).objects(left.clone()),
        );
    }
    left.is_empty()
}

fn too_slow() -> Failure {
    Failure::local(format!("the server did not answer within {} s", TIME_LIMIT.as_secs()))
}

fn report(cx: &Cx, database: &str, side: Side, result: &Result<(), Failure>) {
    if let Err(failure) = result {
        tracing::warn!(database, %side, "removing what was made: {failure}");
        let title = format!("what was made on the {side} could not all be removed");
        cx.finding(Finding::warning("removal", title).in_database(database).because(failure.what.clone()));
    }
}

pub(crate) fn word(kind: ObjectKind) -> &'static str {
    match kind {
        ObjectKind::Publication => "publication",
        ObjectKind::Slot => "replication slot",
        ObjectKind::Subscription => "subscription",
        ObjectKind::Role => "role",
        ObjectKind::Database => "database",
        ObjectKind::Membership => "membership",
        ObjectKind::Unknown => "object",
    }
}

async fn session(cx: &Cx, server: &Server, side: Side, database: &str) -> Result<Session, Error> {
    let facts = match side {
        Side::Source => &cx.source_facts,
        Side::Target => &cx.target_facts,
    };
    let reached = timeout(REACH, server.connect(database, &settings(side, facts.version))).await;
    reached.unwrap_or_else(|_| {
        Err(Error::new(ErrorKind::Timeout, format!("it could not be reached within {} s", REACH.as_secs())))
    })
}

/// Without the slot's help: the subscription lets go of it first, so that the source need not be reached from there.
async fn on_target(
    cx: &Cx,
    database: &str,
    objects: &[ServerObject],
    identities: &BTreeMap<TableName, TableIdentity>,
) -> Result<(), Failure> {
    let mine: Vec<_> = objects.iter().filter(|o| o.kind == ObjectKind::Subscription).collect();
    if mine.is_empty() && identities.is_empty() {
        return Ok(());
    }
    let session = match session(cx, &cx.target, Side::Target, database).await {
        // It was not made yet, or is gone: so is what was in it.
        Err(error) if error.kind == ErrorKind::NoDatabase => {
            mine.into_iter().for_each(|object| cx.emit.record(Event::Removed { object: object.clone() }));
            return Ok(());
        }
        session => session?,
    };
    for object in mine {
        let there = subscriptions(&session, &object.name).await?;
        if let Some(found) = there.iter().find(|s| s.name == object.name && s.database == database) {
            drop_theirs_or_ours(&session, found).await?;
        }
        cx.emit.record(Event::Removed { object: object.clone() });
    }
    // The schema was read while they were changed, and a table of the target looks them up by what it was given then.
    for (table, before) in identities {
        restore(&session, table, before).await?;
    }
    Ok(())
}

/// A subscription that aiven_extras made is a superuser's, and dropped through it.
pub(crate) async fn drop_theirs_or_ours(session: &Session, found: &SubscriptionFacts) -> Result<(), Error> {
    let name = &found.name;
    if !found.owned && aiven_extras(session).await?.is_some_and(|extras| extras.subscribes()) {
        return session.batch(&aiven::drop_subscription(name)).await;
    }
    for sql in [disable(name), forget_slot(name), drop_subscription(name)] {
        session.batch(&sql).await?;
    }
    Ok(())
}

async fn on_source(
    cx: &Cx,
    database: &str,
    objects: &[ServerObject],
    identities: &BTreeMap<TableName, TableIdentity>,
) -> Result<(), Failure> {
    let mine = |kind| objects.iter().filter(move |o| o.kind == kind);
    if mine(ObjectKind::Slot).next().is_none()
        && mine(ObjectKind::Publication).next().is_none()
        && identities.is_empty()
    {
        return Ok(());
    }
    let session = session(cx, &cx.source, Side::Source, database).await?;
    for object in mine(ObjectKind::Slot) {
        remove_slot(&session, &object.name).await?;
        cx.emit.record(Event::Removed { object: object.clone() });
    }
    for object in mine(ObjectKind::Publication) {
        let there = publications(&session, &object.name).await?;
        if there.iter().any(|p| p.name == object.name) {
            session.batch(&drop_publication(&object.name)).await?;
        }
        cx.emit.record(Event::Removed { object: object.clone() });
    }
    // One that cannot be set back keeps no other from it.
    let mut first = None;
    for (table, before) in identities {
        match restore(&session, table, before).await {
            Ok(()) => {
                let (database, table) = (database.to_owned(), table.clone());
                cx.emit.record(Event::IdentityRestored { database, table });
            }
            Err(error) => {
                first.get_or_insert(error);
            }
        }
    }
    first.map_or(Ok(()), |error| Err(error.into()))
}

/// A slot that is read from cannot be dropped; whoever reads from ours is the subscription's walsender.
async fn remove_slot(session: &Session, name: &str) -> Result<(), Error> {
    let began = Instant::now();
    loop {
        let Some(slot) = slots(session, name).await?.into_iter().find(|s| s.name == name) else {
            return Ok(());
        };
        if !slot.active {
            return session.batch(&drop_slot(name)).await;
        }
        if began.elapsed() > WALSENDER {
            end_reader(session, &slot).await?;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

async fn end_reader(session: &Session, slot: &SlotFacts) -> Result<(), Error> {
    if let Some(pid) = slot.active_pid {
        session.query(END_WALSENDER, &[&pid, &slot.name]).await?;
    }
    Ok(())
}

async fn restore(session: &Session, table: &TableName, before: &TableIdentity) -> Result<(), Error> {
    let sql = format!(
        "BEGIN; {}; {}; COMMIT",
        lock_timeout(LOCK_WAIT_MS),
        replica_identity(table, identity(before))
    );
    let mut tries = 0;
    loop {
        let Err(error) = session.batch(&sql).await else { return Ok(()) };
        session.batch("ROLLBACK").await?;
        tries += 1;
        match error.sqlstate.as_deref() {
            // The table is gone, and its identity with it.
            Some("42P01" | "3F000") => return Ok(()),
            Some("55P03") if tries < LOCK_TRIES => tokio::time::sleep(Duration::from_millis(500)).await,
            _ => return Err(error),
        }
    }
}
