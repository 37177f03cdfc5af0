//! On the source, before the snapshot: replica identities, then the publications.

use super::survey::{IdentityChange, Publisher, Survey, identity, survey};
use super::{names_for, object};
use crate::engine::context::execute;
use crate::engine::database::Db;
use crate::model::check::{Finding, IDENTITIES_CHANGED};
use crate::model::event::Event;
use crate::model::failure::Failure;
use crate::model::names::{ObjectKind, ObjectNames};
use crate::model::units::{TableName, count_of};
use crate::pg::connect::Session;
use crate::pg::facts::replication::objects::publications;
use crate::pg::facts::replication::tables::candidates;
use crate::pg::statement::replication::{
    Published, add_tables, aiven, create_publication, lock_timeout, replica_identity,
};
use std::collections::HashSet;
use std::time::Duration;

/// Changing an identity locks the table exclusively, and everybody queues behind us: not for long, but again.
const LOCK_WAIT_MS: u32 = 2_000;
const LOCK_TRIES: u32 = 10;

/// What is made for a database that is followed.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) names: ObjectNames,
    pub(crate) survey: Survey,
}

impl Link {
    /// Those that are there; a publication without tables is not made, but there is always one.
    pub(crate) fn publications(&self) -> Vec<String> {
        let mut names = vec![self.names.of(ObjectKind::Publication)];
        if !self.survey.inserts.is_empty() {
            names.push(self.names.of(ObjectKind::InsertPublication));
        }
        names
    }
}

/// Identities first, for a table without a usable one refuses UPDATE from the moment on at which it is published.
pub(crate) async fn prepare(db: &Db) -> Result<Link, Failure> {
    let cx = &db.cx;
    let names = names_for(&cx.plan, &db.name).ok_or_else(|| {
        Failure::refused("the migration's id is too long for the names of what is made on the servers")
    })?;
    let session = cx.source_session(&db.name).await?;
    let version = cx.source_facts.version;
    let asking = survey(&session, &cx.plan, &db.name, version);
    let survey = db.guarded(session.canceller(), asking).await??;
    for change in &survey.identities {
        change_identity(db, &session, change).await?;
    }
    publish(db, &session, &names, &survey).await?;
    tell(db, &survey);
    Ok(Link { names, survey })
}

/// Publishes what was made since the publication was, and returns how many tables that are. Their changes since then
/// are not in a slot that is there already.
///
/// # Errors
/// Where they cannot be published like the others.
pub(crate) async fn take_along(db: &Db, link: &Link) -> Result<usize, Failure> {
    let session = db.cx.source_session(&db.name).await?;
    let asking = survey(&session, &db.cx.plan, &db.name, db.cx.source_facts.version);
    let now = db.guarded(session.canceller(), asking).await??;
    let publication = link.names.of(ObjectKind::Publication);
    let all = db.guarded(session.canceller(), candidates(&session)).await?;
    let published: HashSet<&TableName> =
        all.iter().filter(|t| t.publications.contains(&publication)).map(|t| &t.name).collect();
    let new: Vec<_> = now.everything.iter().filter(|t| !published.contains(&t.name)).collect();
    let only_inserts = now.inserts.iter().find(|t| !link.survey.inserts.contains(t));
    if let Some(table) =
        only_inserts.or(new.first().copied().filter(|_| link.survey.publisher == Publisher::Extension))
    {
        let what = format!("table {} was made while the migration began, and is not followed", table.name);
        return Err(Failure::refused(what).advise("start again"));
    }
    if new.is_empty() {
        return Ok(0);
    }
    for change in now.identities.iter().filter(|c| new.iter().any(|t| t.name == c.table)) {
        change_identity(db, &session, change).await?;
    }
    let named: Vec<_> = new.iter().map(|t| t.named()).collect();
    execute(&db.cancel, &session, &add_tables(&publication, &named).join(";\n")).await?;
    Ok(new.len())
}

async fn change_identity(db: &Db, session: &Session, change: &IdentityChange) -> Result<(), Failure> {
    let (database, table, before) = (db.name.clone(), change.table.clone(), change.before.clone());
    db.cx.emit.record(Event::IdentityChanging { database, table, before });
    let sql = replica_identity(&change.table, identity(&change.after));
    let mut tries = 0;
    loop {
        let attempt = format!("BEGIN; {}; {sql}; COMMIT", lock_timeout(LOCK_WAIT_MS));
        let Err(failure) = execute(&db.cancel, session, &attempt).await else { return Ok(()) };
        if failure.is_interruption() {
            return Err(failure);
        }
        execute(&db.cancel, session, "ROLLBACK").await?;
        tries += 1;
        if failure.sqlstate.as_deref() != Some("55P03") || tries == LOCK_TRIES {
            return Err(failure.while_doing(format!("changing the replica identity of {}", change.table)));
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

async fn publish(db: &Db, session: &Session, names: &ObjectNames, survey: &Survey) -> Result<(), Failure> {
    let there = db.guarded(session.canceller(), publications(session, "pgpassage_")).await?;
    let both = [
        (ObjectKind::Publication, Published::Everything, &survey.everything),
        (ObjectKind::InsertPublication, Published::Inserts, &survey.inserts),
    ];
    for (kind, published, tables) in both {
        if kind == ObjectKind::InsertPublication && tables.is_empty() {
            continue;
        }
        let object = object(names, kind, &db.name);
        if there.iter().any(|p| p.name == object.name) {
            return Err(Failure::refused(format!("the source has a publication {} already", object.name))
                .advise("another migration of this name may be under way; choose another --migration-id"));
        }
        let version = db.cx.source_facts.version;
        let statements = match survey.publisher {
            Publisher::OurUser => {
                let named: Vec<_> = tables.iter().map(super::survey::Published::named).collect();
                create_publication(&object.name, &named, published, version)
            }
            Publisher::Extension => {
                let named: Vec<_> = tables.iter().map(|t| &t.name).collect();
                aiven::create_publication(&object.name, &named, published, version)
            }
        };
        db.cx.emit.record(Event::Making { object: object.clone() });
        let made = execute(&db.cancel, session, &statements.join(";\n")).await;
        match made {
            Ok(()) => db.cx.emit.record(Event::Made { object }),
            Err(failure) if failure.sqlstate.as_deref() == Some("42710") => {
                db.cx.emit.record(Event::NotOurs { object });
                return Err(failure);
            }
            Err(failure) => return Err(failure.while_doing("publishing the tables on the source")),
        }
    }
    Ok(())
}

/// What is not followed like everything else is said.
fn tell(db: &Db, survey: &Survey) {
    let changed: Vec<_> = survey.identities.iter().map(|c| c.table.to_string()).collect();
    if !changed.is_empty() {
        let title = format!(
            "the replica identity of {} is changed until the end",
            count_of(changed.len() as u64, "table")
        );
        db.finding(Finding::info(IDENTITIES_CHANGED, title).objects(changed));
    }
    let inserts: Vec<_> = survey.inserts.iter().map(|t| t.name.to_string()).collect();
    if !inserts.is_empty() {
        let title = format!("only new rows of {} follow", count_of(inserts.len() as u64, "table"));
        let why = "nothing tells their rows apart; they are copied again when the connection is closed";
        db.finding(Finding::warning("inserts-only", title).because(why).objects(inserts));
    }
    let skipped: Vec<_> = survey.skipped.iter().map(ToString::to_string).collect();
    if !skipped.is_empty() {
        let title = format!("{} not followed, as asked", count_of(skipped.len() as u64, "table"));
        let why = "they are copied again when the connection is closed";
        db.finding(Finding::warning("not-followed", title).because(why).objects(skipped));
    }
}
