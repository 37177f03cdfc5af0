//! The subscription on the target, and the way from there to the source.

use super::again;
use super::object;
use super::publish::Link;
use crate::engine::context::execute;
use crate::engine::database::Db;
use crate::engine::mark::take_off_or_tell;
use crate::engine::sessions::keep_out_of_log;
use crate::model::check::Finding;
use crate::model::conninfo::quote;
use crate::model::event::Event;
use crate::model::failure::{Failure, FailureKind};
use crate::model::names::ObjectKind;
use crate::model::plan::Plan;
use crate::model::secret::Secret;
use crate::model::units::{ServerVersion, TableName, count_of};
use crate::pg::connect::{Server, Session};
use crate::pg::error::Error;
use crate::pg::facts::replication::objects::{TableState, subscriptions, table_states};
use crate::pg::facts::replication::server;
use crate::pg::facts::replication::tables::{LeftOut, left_out};
use crate::pg::facts::server::{Statements, keeps_statements};
use crate::pg::facts::tables::gather;
use crate::pg::statement::replication::aiven;
use crate::pg::statement::replication::subscription::{
    ApplyAs, Begins, NewSubscription, OnError, SynchronousCommit, Values,
};
use std::collections::HashSet;
use std::time::Duration;
use tokio::time::Instant;

/// The worker starts within seconds; a target that has none free is found out here.
const TIME_LIMIT: Duration = Duration::from_secs(120);
/// Tables whose reason is told.
const NAMED: usize = 5;
const ASK_EVERY: Duration = Duration::from_millis(200);

/// How the target reaches the source.
pub(crate) struct ForTarget {
    pub(crate) text: Secret,
    /// What of the TLS settings could not be kept.
    pub(crate) downgrade: Option<String>,
}

/// # Errors
/// Where the source is only known by a name that means another thing on the target.
pub(crate) fn conninfo(
    plan: &Plan,
    (source, target): (&Server, &Server),
    database: &str,
    target_version: ServerVersion,
) -> Result<ForTarget, Failure> {
    let own = source.endpoint();
    let endpoint = plan.replication.source_for_target.as_ref().unwrap_or(own);
    if plan.replication.source_for_target.is_none() && own.is_local() && !target.endpoint().is_local() {
        return Err(Failure::refused(
            "the source's address only means something on this machine, and the target is another one",
        )
        .advise("name the address by which the target reaches the source with --source-for-target"));
    }
    let host = endpoint.hosts.first().ok_or_else(|| Failure::local("the source has no address"))?;
    let (mut text, downgrade) = endpoint.conninfo_for_server(database, host, target_version);
    if let Some(password) = source.password_for(database) {
        text.push_str(" password=");
        text.push_str(&quote(password.expose()));
    }
    Ok(ForTarget { text: Secret::new(text), downgrade })
}

/// Makes the subscription on the slot, which then delivers everything since the snapshot.
pub(crate) async fn subscribe(db: &Db, link: &Link) -> Result<(), Failure> {
    let cx = &db.cx;
    let version = cx.target_facts.version;
    let way = conninfo(&cx.plan, (&cx.source, &cx.target), &db.name, version)?;
    if let Some(lost) = way.downgrade {
        db.finding(Finding::warning("tls", lost));
    }
    let object = object(&link.names, ObjectKind::Subscription, &db.name);
    let session = cx.target_session(&db.name).await?;
    let there = db.guarded(session.canceller(), subscriptions(&session, &object.name)).await?;
    if there.iter().any(|s| s.name == object.name && s.database == db.name) {
        return Err(Failure::refused(format!("the target has a subscription {} already", object.name)));
    }
    keep_out_of_log(&session).await;
    if let Some(place) = db.guarded(session.canceller(), keeps_statements(&session, Statements::Done)).await?
        && cx.source.password_for(&db.name).is_some()
    {
        let title = format!(
            "the target writes statements into {place}, and the subscription's holds the source's password"
        );
        let fix = "change that password when the migration is over";
        db.finding(Finding::warning("password-in-log", title).fix(fix));
    }
    let publications = link.publications();
    let names: Vec<_> = publications.iter().map(String::as_str).collect();
    let slot = link.names.of(ObjectKind::Slot);
    let subscription = NewSubscription {
        name: &object.name,
        conninfo: &way.text,
        publications: &names,
        slot: &slot,
        begins: Begins::Enabled,
        values: Values::Text,
        // A lost connection would switch it off for good.
        on_error: OnError::Retry,
        apply_as: ApplyAs::TableOwner,
        synchronous_commit: SynchronousCommit::Off,
        source: cx.source_facts.version,
        target: version,
    };
    let asking = server::gather(&session);
    let rights = db.guarded(session.canceller(), asking).await?.rights;
    let statement = if rights.superuser || rights.create_subscription {
        subscription.create()
    } else {
        aiven::create_subscription(&object.name, &way.text, names.first().copied().unwrap_or_default(), &slot)
    };
    cx.emit.record(Event::Making { object: object.clone() });
    match execute(&db.cancel, &session, statement.expose()).await {
        Ok(()) => {
            cx.emit.record(Event::Made { object });
            warn_of_the_end(db, link, &session).await
        }
        Err(failure) if failure.sqlstate.as_deref() == Some("42710") => {
            cx.emit.record(Event::NotOurs { object });
            Err(failure)
        }
        Err(failure) => {
            if !cx.target_facts.superuser && cx.source.password_for(&db.name).is_some() {
                let title = "the target's log may hold the statement that failed, with the source's password";
                db.finding(Finding::warning("password-in-log", title).fix("change that password"));
            }
            Err(failure.while_doing("subscribing on the target"))
        }
    }
}

/// What is copied again when the connection is closed takes the place of older rows with triggers and foreign keys held
/// off, and not every user may do that: better known now than on the day of the switch.
async fn warn_of_the_end(db: &Db, link: &Link, target: &Session) -> Result<(), Failure> {
    let source = db.cx.source_session(&db.name).await?;
    let mut again: HashSet<TableName> = db
        .guarded(source.canceller(), left_out(&source))
        .await?
        .into_iter()
        .filter_map(|what| match what {
            LeftOut::Unlogged(table) => Some(table),
            LeftOut::MaterializedView(_) | LeftOut::LargeObjects(_) => None,
        })
        .collect();
    again.extend(link.survey.inserts.iter().map(|t| t.name.clone()));
    again.extend(link.survey.skipped.iter().cloned());
    if again.is_empty() {
        return Ok(());
    }
    let mut all = db.guarded(source.canceller(), gather(&source)).await?;
    all.retain(|table| db.cx.plan.scope.tables.selects(&db.name, &table.names()));
    let again: Vec<_> = all.iter().filter(|t| t.names().iter().any(|name| again.contains(name))).collect();
    let found = again::impossible(db, target, &again, &all).await?;
    if found.is_empty() {
        return Ok(());
    }
    let title = "the target's user cannot close the connection: it cannot replace the rows of tables that do not follow";
    let reasons: Vec<_> = found.iter().take(NAMED).map(|(table, why)| format!("{table}: {why}")).collect();
    let finding = Finding::warning("copied-again", title).because(reasons.join("; ")).fix(again::HELP);
    db.finding(finding.objects(found.keys().map(ToString::to_string)));
    Ok(())
}

/// Until the subscription's worker runs and every table is ready.
pub(crate) async fn wait_until_it_follows(db: &Db, link: &Link) -> Result<(), Failure> {
    let name = link.names.of(ObjectKind::Subscription);
    let session = db.cx.target_session(&db.name).await?;
    let deadline = Instant::now() + TIME_LIMIT;
    loop {
        let readiness = db.guarded(session.canceller(), readiness(&session, &name)).await?;
        if readiness.is_ready() {
            // Also of one that lacks something: it is in use from here on.
            take_off_or_tell(&db.cx, &db.name).await;
            db.cx.emit.record(Event::Following { database: db.name.clone() });
            return Ok(());
        }
        if Instant::now() > deadline {
            return Err(Failure::new(FailureKind::Server, format!("the target does not follow: {}", readiness.what_is_missing()))
                .advise("see the target's log; max_logical_replication_workers and max_worker_processes must leave room"));
        }
        tokio::select! {
            () = db.cancel.cancelled() => return Err(Failure::interrupted()),
            () = tokio::time::sleep(ASK_EVERY) => {}
        }
    }
}

/// What a subscription is at.
#[derive(Debug, Clone, Default)]
pub(crate) struct Readiness {
    pub(crate) exists: bool,
    pub(crate) enabled: bool,
    pub(crate) works: bool,
    pub(crate) ready: u64,
    pub(crate) not_ready: u64,
}

impl Readiness {
    pub(crate) fn is_ready(&self) -> bool {
        self.exists && self.enabled && self.works && self.not_ready == 0
    }

    /// Nothing is wrong with it; a table that was added may still be copied.
    pub(crate) fn is_sound(&self) -> bool {
        self.exists && self.enabled && self.works
    }

    pub(crate) fn what_is_missing(&self) -> String {
        match self {
            r if !r.exists => "the subscription is gone".to_owned(),
            r if !r.enabled => "the subscription is switched off".to_owned(),
            r if !r.works => "the subscription has no worker".to_owned(),
            r => format!("{} not ready yet", count_of(r.not_ready, "table")),
        }
    }
}

pub(crate) async fn readiness(session: &Session, name: &str) -> Result<Readiness, Error> {
    let Some(facts) = subscriptions(session, name).await?.into_iter().find(|s| s.name == name) else {
        return Ok(Readiness::default());
    };
    let states = table_states(session, name).await?;
    let ready = states.get(&TableState::Ready).copied().unwrap_or(0);
    let all: u64 = states.values().sum();
    let works = facts.worker.is_some_and(|w| w.received_lsn.is_some());
    Ok(Readiness { exists: true, enabled: facts.enabled, works, ready, not_ready: all - ready })
}
