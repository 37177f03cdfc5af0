//! A target database that holds something already: rows are only put into it where its schema is the source's.

use super::entries::Script;
use super::schema::dump_from;
use super::snapshot::Snapshot;
use crate::engine::context::execute;
use crate::engine::database::Db;
use crate::engine::retry::ends_the_database;
use crate::model::check::Finding;
use crate::model::failure::Failure;
use crate::model::plan::TargetPolicy;
use crate::model::units::{Side, TableName, count_of, printable, readable};
use crate::pg::archive::{Archive, Entry, Handling};
use crate::pg::connect::Session;
use crate::pg::facts::relations::{active_triggers, foreign_keys};
use crate::pg::facts::tables::{Belongs, TableFacts};
use crate::pg::statement::data::{delete_only, orphans, truncate_only};
use crate::pg::tools::DumpOptions;
use std::collections::{HashMap, HashSet};

/// How many objects a refusal names.
const NAMED: usize = 5;

/// Makes sure that the schema is there and matches, that nothing fires while rows arrive, and makes room where the
/// operator said so.
pub(crate) async fn prepare(db: &Db, snapshot: &Snapshot, script: &Script) -> Result<(), Failure> {
    let theirs = dump_from(db, Side::Target, None, DumpOptions::default()).await?;
    compare(db, &script.archive, &theirs)?;
    // With the partitioned tables above them: their triggers are their partitions'.
    let tables: HashSet<TableName> = snapshot.tables.iter().flat_map(TableFacts::names).collect();
    let session = db.cx.target_session(&db.name).await?;
    hold_off(db, &session, &tables).await?;
    if db.cx.plan.policies.target_not_empty == TargetPolicy::Truncate {
        make_room(db, &session, snapshot).await?;
    }
    Ok(())
}

/// Kinds whose definition decides which rows fit: it must be the same to the letter.
const EXACT: [&str; 9] = [
    "TABLE",
    "CONSTRAINT",
    "CHECK CONSTRAINT",
    "FK CONSTRAINT",
    "INDEX",
    "TYPE",
    "DOMAIN",
    "DEFAULT",
    "SEQUENCE",
];

fn key(entry: &Entry) -> (&str, &str, &str) {
    (entry.desc.as_str(), entry.namespace.as_deref().unwrap_or_default(), entry.tag.as_str())
}

/// Whether an entry is part of the schema, as opposed to remarks, privileges and what is never moved.
fn counts(entry: &Entry) -> bool {
    let aside =
        ["ACL", "DEFAULT ACL", "COMMENT", "SECURITY LABEL", "SUBSCRIPTION", "EVENT TRIGGER", "EXTENSION"];
    entry.handling() == Handling::Execute && !aside.contains(&entry.desc.as_str())
}

fn compare(db: &Db, ours: &Archive, theirs: &Archive) -> Result<(), Failure> {
    let there: HashMap<_, _> = theirs.entries.iter().map(|e| (key(e), e)).collect();
    let (mut wrong, mut different) = (Vec::new(), Vec::new());
    for entry in ours.entries.iter().filter(|e| counts(e)) {
        match there.get(&key(entry)) {
            None => wrong.push(format!("{} is missing", entry.title())),
            Some(other) if other.definition == entry.definition => {}
            Some(_) if EXACT.contains(&entry.desc.as_str()) => {
                wrong.push(format!("{} differs", entry.title()));
            }
            Some(_) => different.push(entry.title()),
        }
    }
    if !wrong.is_empty() {
        let total = wrong.len() as u64;
        wrong.truncate(NAMED);
        return Err(Failure::refused(format!(
            "the target's database is not empty and its schema is not the source's ({} in all): {}",
            count_of(total, "difference"),
            wrong.join(", ")
        ))
        .advise("drop the database on the target to have it made anew, or make the schemas equal"));
    }
    if !different.is_empty() {
        db.finding(
            Finding::warning(
                "different",
                "objects on the target are there, but defined otherwise; they were left alone",
            )
            .objects(different),
        );
    }
    Ok(())
}

/// Triggers and foreign keys must not fire for rows that are already consistent among themselves.
async fn hold_off(db: &Db, session: &Session, tables: &HashSet<TableName>) -> Result<(), Failure> {
    let mut active = db.guarded(session.canceller(), active_triggers(session)).await?;
    active.retain(|t| tables.contains(&t.table));
    let allowed = execute(&db.cancel, session, "SET session_replication_role = replica").await.is_ok();
    active.retain(|t| t.fires_as_replica || !allowed);
    if allowed {
        db.hold_triggers_off();
    }
    if active.is_empty() {
        return Ok(());
    }
    let total = active.len() as u64;
    let named: Vec<_> =
        active.iter().take(NAMED).map(|t| format!("{} on {}", printable(&t.trigger), t.table)).collect();
    let (why, advice) = if allowed {
        ("being ENABLE ALWAYS or ENABLE REPLICA", "disable them for the time of the migration")
    } else {
        (
            "and the target's user may not hold them off",
            "grant SET ON PARAMETER session_replication_role (15 and later), connect as a superuser, or disable them",
        )
    };
    Err(Failure::refused(format!(
        "{} would fire while rows are loaded, {why}: {}",
        count_of(total, "trigger"),
        named.join(", ")
    ))
    .advise(advice))
}

async fn make_room(db: &Db, session: &Session, snapshot: &Snapshot) -> Result<(), Failure> {
    let tables: Vec<_> =
        snapshot.tables.iter().filter(|t| t.belongs == Belongs::User).map(|t| &t.name).collect();
    if tables.is_empty() {
        return Ok(());
    }
    match execute(&db.cancel, session, &truncate_only(&tables)).await {
        // A table outside of the set refers to one inside, or a partitioned one does, which TRUNCATE ONLY cannot name.
        Err(failure) if failure.sqlstate.as_deref() == Some("0A000") && db.holds_triggers_off() => {}
        result => return result.map_err(|f| f.while_doing("emptying the target's tables")),
    }
    let outside = foreign_keys_from_outside(db, session, snapshot).await?;
    if !outside.is_empty() {
        return Err(Failure::refused(format!(
            "tables that are not migrated refer to tables that would be emptied: {}",
            outside.join(", ")
        ))
        .advise("migrate them too, or drop those foreign keys"));
    }
    let statements: Vec<_> = tables.iter().map(|t| delete_only(t)).collect();
    let sql = format!("BEGIN; {}; COMMIT", statements.join("; "));
    execute(&db.cancel, session, &sql).await.map_err(|f| f.while_doing("emptying the target's tables"))
}

async fn foreign_keys_from_outside(
    db: &Db,
    session: &Session,
    snapshot: &Snapshot,
) -> Result<Vec<String>, Failure> {
    // A partitioned table is inside when its partitions are.
    let inside: HashSet<TableName> = snapshot.tables.iter().flat_map(|t| t.names()).collect();
    let keys = db.guarded(session.canceller(), foreign_keys(session)).await?;
    let outside = keys.into_iter().filter(|k| inside.contains(&k.referenced) && !inside.contains(&k.table));
    Ok(outside.take(NAMED).map(|k| format!("{} on {}", readable(&k.name), k.table)).collect())
}

/// After the rows: no foreign key was watching, so each that has to do with the migrated tables is held against what is
/// there now.
pub(crate) async fn verify(db: &Db, snapshot: &Snapshot) -> Result<(), Failure> {
    let ours: HashSet<TableName> = snapshot.tables.iter().flat_map(TableFacts::names).collect();
    let session = db.cx.target_session(&db.name).await?;
    let mut keys = db.guarded(session.canceller(), foreign_keys(&session)).await?;
    keys.retain(|key| ours.contains(&key.table) || ours.contains(&key.referenced));
    for key in keys {
        let sql = orphans(&key);
        let object = format!("{} on {}", readable(&key.name), key.table);
        match db.guarded(session.canceller(), session.query_opt(sql.as_str(), &[])).await {
            Ok(None) => {}
            Ok(Some(_)) => db.finding(
                Finding::lost(
                    "foreign-key",
                    format!("rows of {} point to nothing in {}", key.table, key.referenced),
                )
                .because("a table that they refer to was not copied, or lacked those rows before")
                .object(object),
            ),
            Err(failure) if ends_the_database(&failure) => return Err(failure),
            Err(failure) => db.finding(
                Finding::warning(
                    "foreign-key",
                    format!("whether foreign key {object} holds could not be checked"),
                )
                .because(failure.what)
                .fix("drop it and add it again on the target")
                .object(object),
            ),
        }
    }
    Ok(())
}
