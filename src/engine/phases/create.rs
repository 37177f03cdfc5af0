//! The database itself: made with the source's encoding, locale, provider and owner, unless it is there.

use crate::engine::database::Db;
use crate::engine::mark::{Whose, take_off};
use crate::model::check::Finding;
use crate::model::event::{Event, ObjectKind, ServerObject};
use crate::model::failure::{Failure, FailureKind};
use crate::model::plan::Keep;
use crate::model::units::{Side, readable};
use crate::pg::connect::Session;
use crate::pg::facts::databases::{DatabaseFacts, standing, tablespaces};
use crate::pg::statement::database;
use std::time::Duration;
use tokio::time::timeout;

/// How long the server's word on a database that is being made is waited for after an interruption.
const WORD: Duration = Duration::from_secs(10);
/// SQLSTATE duplicate_database.
const DUPLICATE_DATABASE: &str = "42P04";

pub(crate) async fn run(db: &Db) -> Result<(), Failure> {
    if let Some(existing) = &db.on_target {
        tell_differences(db, existing);
        // What an earlier migration made and left half done is ours from here on: that one must not take it back any more.
        return take_off(&db.cx, &db.name, Whose::Anybodys).await;
    }
    let object = ServerObject {
        side: Side::Target,
        kind: ObjectKind::Database,
        name: db.name.clone(),
        database: None,
    };
    let session = db.cx.target_session(&db.cx.target_home).await?;
    let facts = with_tablespace(db, &session).await?;
    db.cx.emit.record(Event::Making { object: object.clone() });
    let owner = (db.cx.plan.policies.owners == Keep::Yes).then_some(db.facts.owner.as_str());
    let version = db.cx.target_facts.version;
    let mut made = create(db, &session, &database::create(&facts, version, owner)).await;
    if let (Err(failure), Some(owner)) = (&made, owner)
        && matches!(failure.sqlstate.as_deref(), Some("42501" | "42704"))
    {
        // We may not give it to that role, or the role is not there: the rows matter more than the owner.
        let finding =
            Finding::warning("ownership", format!("the database could not be given to its owner {owner}"))
                .because(failure.what.clone());
        let second = create(db, &session, &database::create(&facts, version, None)).await;
        if second.is_ok() {
            db.finding(finding);
        }
        made = second;
    }
    match made {
        Ok(()) => {
            // Whatever is to be taken back later is told by this from another of the same name.
            number(db, &session).await?;
            db.cx.emit.record(Event::Made { object });
            Ok(())
        }
        Err(failure) if failure.sqlstate.as_deref() == Some(DUPLICATE_DATABASE) => {
            db.cx.emit.record(Event::NotOurs { object });
            Err(Failure::refused("somebody else has made this database on the target in the meantime")
                .advise("start again; it then counts as an existing database"))
        }
        Err(failure) => {
            // The server has said no: who makes it by hand now makes his own. Where nothing was said, it may be there.
            let unheard = [FailureKind::Connection, FailureKind::ConnectionLost, FailureKind::Interrupted];
            if !unheard.contains(&failure.kind) {
                db.cx.emit.record(Event::Removed { object });
            }
            Err(failure.while_doing("creating the database on the target"))
        }
    }
}

/// What has come to be in spite of an interruption must be known: the server's word is waited for, for a while.
async fn create(db: &Db, session: &Session, sql: &str) -> Result<(), Failure> {
    let canceller = session.canceller();
    let creating = session.batch(sql);
    tokio::pin!(creating);
    tokio::select! {
        biased;
        () = db.cancel.cancelled() => {
            drop(canceller.cancel().await);
            match timeout(WORD, creating).await {
                Ok(Ok(())) => Ok(()),
                _ => Err(Failure::interrupted()),
            }
        }
        created = &mut creating => Ok(created?),
    }
}

/// Of a database that was there before.
fn tell_differences(db: &Db, existing: &DatabaseFacts) {
    if existing.encoding != db.facts.encoding {
        let text = format!(
            "the target's database has encoding {}, the source's {}",
            existing.encoding, db.facts.encoding
        );
        db.finding(
            Finding::warning("encoding", text)
                .because("rows are converted on the way; one that cannot be converted fails its table"),
        );
    }
    if (&existing.collate, &existing.ctype) != (&db.facts.collate, &db.facts.ctype) {
        let text = format!(
            "the target's database has locale {}/{}, the source's {}/{}",
            existing.collate, existing.ctype, db.facts.collate, db.facts.ctype
        );
        db.finding(Finding::warning("locale", text).because("text may sort in another order than it did"));
    }
}

/// Marks the database as ours and journals its number, even if there is no time for anything else. Without the mark it is
/// never taken back.
async fn number(db: &Db, session: &Session) -> Result<(), Failure> {
    let marking = async {
        let marked = session.batch(&database::mark(&db.name, &db.cx.plan.id, None)).await;
        if let Err(failure) = marked {
            tracing::info!(database = db.name, "not marked as ours, it will not be taken back: {failure}");
            return Ok(());
        }
        if let Some(there) = standing(session, &db.name).await? {
            let (database, oid) = (db.name.clone(), there.oid);
            db.cx.emit.record(Event::DatabaseNumbered { database, oid });
        }
        Ok(())
    };
    tokio::pin!(marking);
    tokio::select! {
        marked = &mut marking => marked,
        () = db.cancel.cancelled() => {
            timeout(WORD, marking).await.unwrap_or_else(|_| Err(Failure::interrupted()))
        }
    }
}

/// The facts as they can be on the target: with the default tablespace where it lacks the source's.
async fn with_tablespace(db: &Db, session: &Session) -> Result<DatabaseFacts, Failure> {
    let mut facts = db.facts.clone();
    let there = db.guarded(session.canceller(), tablespaces(session)).await?;
    if let Some(missing) = facts.tablespace.take_if(|name| !there.contains(name)) {
        let title = format!("the target has no tablespace {}; the default one is used", readable(&missing));
        db.finding(Finding::warning("tablespace", title).object("the database itself"));
    }
    Ok(facts)
}
