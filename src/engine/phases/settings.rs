//! What would have been in the way before: event triggers, the database's comment, settings, privileges and limits.
//! At last: the target made to keep what it was given.

use super::entries::{Script, execute_entry, statements};
use crate::engine::context::execute;
use crate::engine::database::Db;
use crate::engine::mark::keep_beside;
use crate::engine::retry::ends_the_database;
use crate::model::check::{Finding, Severity};
use crate::model::failure::Failure;
use crate::model::plan::Keep;
use crate::model::units::{printable, readable};
use crate::pg::archive::{Entry, Handling, Pass};
use crate::pg::connect::Session;
use crate::pg::facts::databases::extras;
use crate::pg::statement::database::{alter_setting, properties};
use crate::pg::tools::redact;

pub(crate) async fn run(db: &Db, script: &Script) -> Result<(), Failure> {
    let session = db.target().await?;
    if !db.occupied {
        for entry in script.archive.entries.iter().filter(|e| e.pass() == Pass::Last) {
            if matches!(entry.handling(), Handling::Execute | Handling::Nothing) {
                execute_entry(db, &session, script, entry).await?;
            }
        }
    }
    for entry in &script.archive.entries {
        match entry.handling() {
            // The refreshing has been done; statistics are an archive of their own.
            Handling::Refresh
            | Handling::Statistics
            | Handling::Session
            | Handling::Data
            | Handling::Database => {
                script.settle(entry);
            }
            // Held against what is there already, and found to be the same.
            Handling::Execute | Handling::Nothing if db.occupied => {
                script.settle(entry);
            }
            Handling::Execute | Handling::Nothing => {}
        }
    }
    durable(db, &session).await?;
    let own = database(db, &session, script).await?;
    script.report_forgotten(db);
    match own {
        Some(own) => comment(db, &session, &own).await,
        None => Ok(()),
    }
}

/// Behind the mark by which an unfinished database is ours, which is taken off once it is whole or follows.
async fn comment(db: &Db, session: &Session, own: &str) -> Result<(), Failure> {
    let set = keep_beside(&db.cx, session, (&db.name, own)).await;
    told(db, ("comment", Severity::Lost, "its comment"), set)
}

/// What belongs to the database as a whole, statement by statement, so that one that fails does not take others along.
/// Returns the source's comment, which is not set yet.
async fn database(db: &Db, session: &Session, script: &Script) -> Result<Option<String>, Failure> {
    let source = db.cx.source_session(&db.name).await?;
    let facts = db.guarded(source.canceller(), extras(&source)).await?;
    drop(source);
    let privileges = db.cx.plan.policies.privileges;
    for entry in script.archive.entries.iter().filter(|e| e.handling() == Handling::Database) {
        about_database(db, session, entry).await?;
    }
    // Each with a title of its own: a setting's value may be a secret, and no value leaves this function otherwise.
    let mut statements: Vec<(&str, Severity, String, String)> = Vec::new();
    let excluded = &db.cx.plan.scope.excluded_roles;
    let wanted = |role: &Option<String>| role.as_ref().is_none_or(|role| !excluded.contains(role));
    for (role, settings) in facts.settings.iter().filter(|(role, _)| wanted(role)) {
        let of = role.as_ref().map(|role| format!(" of role {}", readable(role))).unwrap_or_default();
        for setting in settings {
            let Some(sql) = alter_setting(&db.name, role.as_deref(), setting) else { continue };
            let title = format!("setting {}{of}", setting.split('=').next().unwrap_or_default());
            statements.push(("setting", Severity::Lost, title, sql));
        }
    }
    if privileges == Keep::Yes && !archive_has_privileges(script) {
        let all = facts.privilege_statements(&db.name);
        let with_title = |sql: String| ("privileges", Severity::Warning, printable(&sql), sql);
        statements.extend(all.into_iter().map(with_title));
    }
    // The limit and the template flag last of all.
    for sql in properties(&db.name, &facts) {
        statements.push(("setting", Severity::Lost, printable(&sql), sql));
    }
    for (id, severity, title, sql) in statements {
        set(db, session, (id, severity, &title), &sql).await?;
    }
    Ok(facts.comment)
}

fn archive_has_privileges(script: &Script) -> bool {
    script.archive.entries.iter().any(|e| e.desc == "ACL" && e.handling() == Handling::Database)
}

/// Privileges and labels of the database, where the archive has them.
async fn about_database(db: &Db, session: &Session, entry: &Entry) -> Result<(), Failure> {
    match entry.desc.as_str() {
        "ACL" if db.cx.plan.policies.privileges == Keep::Yes => {
            for sql in statements(&entry.definition) {
                set(db, session, ("privileges", Severity::Warning, &printable(sql)), sql).await?;
            }
            Ok(())
        }
        "SECURITY LABEL" => {
            set(db, session, ("label", Severity::Lost, "its security label"), &entry.definition).await
        }
        _ => Ok(()),
    }
}

async fn set(db: &Db, session: &Session, what: (&str, Severity, &str), sql: &str) -> Result<(), Failure> {
    told(db, what, execute(&db.cancel, session, sql).await)
}

fn told(
    db: &Db,
    (id, severity, title): (&str, Severity, &str),
    result: Result<(), Failure>,
) -> Result<(), Failure> {
    match result {
        Ok(()) => Ok(()),
        Err(failure) if ends_the_database(&failure) => Err(failure),
        Err(failure) => {
            let what = format!("a {} of the database could not be set", id.trim_end_matches('s'));
            let finding = Finding::new(id, severity, what).because(redact(&failure.what));
            db.finding(finding.object(title));
            Ok(())
        }
    }
}

/// Rows were written with synchronous_commit off. A transaction that writes and is committed with it on is on disk
/// together with all before it; an empty one flushes nothing. What this session does afterwards is durable by itself.
async fn durable(db: &Db, session: &Session) -> Result<(), Failure> {
    let message = "SET synchronous_commit = on; SELECT pg_catalog.pg_logical_emit_message(true, 'pgpassage', 'durable')";
    let temporary = "SET synchronous_commit = on; BEGIN; CREATE TEMPORARY TABLE pgpassage_durable (); \
                     DROP TABLE pg_temp.pgpassage_durable; COMMIT";
    let mut result = execute(&db.cancel, session, message).await;
    if result.as_ref().is_err_and(|f| !ends_the_database(f)) {
        result = execute(&db.cancel, session, temporary).await;
    }
    result.map_err(|f| f.while_doing("making sure that everything is on the target's disk"))
}
