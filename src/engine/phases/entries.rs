//! One entry of the archive: executed exactly once, and what became of it.

use crate::engine::context::execute;
use crate::engine::database::Db;
use crate::engine::retry::TRIES;
use crate::engine::sessions::{keep_out_of_log, let_into_log};
use crate::model::check::{Finding, Severity};
use crate::model::event::Event;
use crate::model::failure::{Failure, FailureKind};
use crate::model::plan::Keep;
use crate::pg::archive::{Archive, Entry, Handling};
use crate::pg::connect::Session;
use crate::pg::facts::server::{Statements, keeps_statements};
use crate::pg::tools::redact;
use std::collections::{BTreeSet, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Kinds whose time is always journalled.
const TIMED: [&str; 3] = ["INDEX", "CONSTRAINT", "FK CONSTRAINT"];
/// SQLSTATEs of what is there already: a relation, an object, a function, a second primary key.
const THERE_ALREADY: [&str; 4] = ["42P07", "42710", "42723", "42P16"];
/// Other statements are journalled with their time when they took at least this long.
const NOTICEABLE: Duration = Duration::from_millis(100);

/// The archive while its entries are worked through: who has been dealt with, by dump id.
#[derive(Debug)]
pub(crate) struct Script {
    pub(crate) archive: Archive,
    /// Tablespaces that the target has; others are replaced by the default, and that is said.
    tablespaces: BTreeSet<String>,
    /// Dump ids.
    tables: HashSet<i32>,
    settled: Mutex<BTreeSet<i32>>,
    /// Those that broke off, so that it is not known whether they are done.
    doubtful: Mutex<BTreeSet<i32>>,
    /// That the target writes down what it should not has been said.
    is_told: AtomicBool,
}

impl Script {
    pub(crate) fn new(archive: Archive, tablespaces: Vec<String>) -> Self {
        let tables = archive.entries.iter().filter(|e| e.desc == "TABLE").map(|e| e.dump_id).collect();
        let tablespaces = tablespaces.into_iter().collect();
        let (settled, doubtful, is_told) = Default::default();
        Self { archive, tablespaces, tables, settled, doubtful, is_told }
    }

    /// String constants in it are to be read as everywhere.
    pub(crate) fn has_usual_strings(&self) -> bool {
        self.archive.settings().standard_conforming_strings
    }

    /// Whether a dump id is a table's.
    pub(crate) fn is_table(&self, dump_id: i32) -> bool {
        self.tables.contains(&dump_id)
    }

    /// Whether the entry's tablespace, if it names one, is there.
    fn knows_tablespace(&self, entry: &Entry) -> bool {
        entry.tablespace.as_ref().is_none_or(|name| name.is_empty() || self.tablespaces.contains(name))
    }

    /// Notes that this entry has been dealt with. False if it had been before.
    pub(crate) fn settle(&self, entry: &Entry) -> bool {
        self.settled.lock().unwrap_or_else(PoisonError::into_inner).insert(entry.dump_id)
    }

    fn is_settled(&self, entry: &Entry) -> bool {
        self.settled.lock().unwrap_or_else(PoisonError::into_inner).contains(&entry.dump_id)
    }

    /// It broke off: it is to be executed again, and may be there already.
    fn doubt(&self, entry: &Entry) {
        self.settled.lock().unwrap_or_else(PoisonError::into_inner).remove(&entry.dump_id);
        self.doubtful.lock().unwrap_or_else(PoisonError::into_inner).insert(entry.dump_id);
    }

    /// The server says that it is there, and nobody can have made it but an attempt that broke off.
    fn was_done_before(&self, entry: &Entry, failure: &Failure) -> bool {
        let doubtful = self.doubtful.lock().unwrap_or_else(PoisonError::into_inner);
        doubtful.contains(&entry.dump_id)
            && failure.sqlstate.as_deref().is_some_and(|code| THERE_ALREADY.contains(&code))
    }

    /// Every entry must have been dealt with by now; one that was forgotten is a loss, whoever's fault it is.
    pub(crate) fn report_forgotten(&self, db: &Db) {
        let settled = self.settled.lock().unwrap_or_else(PoisonError::into_inner);
        let forgotten: Vec<_> =
            self.archive.entries.iter().filter(|e| !settled.contains(&e.dump_id)).map(Entry::title).collect();
        if !forgotten.is_empty() {
            db.finding(
                Finding::lost("not-executed", "entries of the source's schema were not executed")
                    .because("this is a mistake in pgpassage; please report it")
                    .objects(forgotten),
            );
        }
    }
}

/// Why an entry is left out on purpose, if it is.
fn left_out(db: &Db, entry: &Entry) -> Option<Option<Finding>> {
    let plan = &db.cx.plan;
    let excluded = |name: &str| plan.scope.excluded_extensions.iter().any(|e| e == name);
    let (kind, name) = match entry.desc.as_str() {
        "COMMENT" | "SECURITY LABEL" | "ACL" => {
            let of = ["SUBSCRIPTION ", "EXTENSION ", "PUBLICATION "]
                .iter()
                .find_map(|kind| Some((kind.trim_end(), entry.tag.strip_prefix(kind)?)));
            of.unwrap_or(("", ""))
        }
        desc => (desc, entry.tag.as_str()),
    };
    let name = name.trim_matches('"');
    match kind {
        "SUBSCRIPTION" | "SUBSCRIPTION TABLE" => Some((entry.desc == "SUBSCRIPTION").then(|| {
            Finding::warning("subscription", "a subscription of the source was left out")
                .because("two servers that subscribe with the same slot take changes from each other")
                .fix("create it on the target when the source is retired")
                .object(name)
        })),
        "EXTENSION" if excluded(name) => Some((entry.desc == "EXTENSION").then(|| {
            Finding::info("excluded-extension", "an extension was left out, as asked").object(name)
        })),
        "PUBLICATION" | "PUBLICATION TABLE" | "PUBLICATION TABLES IN SCHEMA"
            if name.starts_with("pgpassage_") =>
        {
            let of_this = crate::model::names::parse(name).is_some_and(|known| known.id == plan.id);
            Some((entry.desc == "PUBLICATION" && !of_this).then(|| {
                Finding::info("publication", "a publication by a name of pgpassage's own was left out")
                    .object(name)
            }))
        }
        _ if ["ACL", "ACL LANGUAGE", "DEFAULT ACL"].contains(&entry.desc.as_str())
            && plan.policies.privileges == Keep::No =>
        {
            Some(None)
        }
        _ => None,
    }
}

/// Executes one entry, unless it is left out, and reports whatever went wrong with it.
///
/// # Errors
/// Only what ends the whole database: a lost connection, a full disk, an interruption.
pub(crate) async fn execute_entry(
    db: &Db,
    session: &Session,
    script: &Script,
    entry: &Entry,
) -> Result<(), Failure> {
    if !script.settle(entry) {
        return Ok(());
    }
    let result = execute_settled(db, session, script, entry).await;
    if result.is_err() {
        script.doubt(entry);
    }
    result
}

async fn execute_settled(db: &Db, session: &Session, script: &Script, entry: &Entry) -> Result<(), Failure> {
    if let Some(finding) = left_out(db, entry) {
        if let Some(finding) = finding {
            db.finding(finding);
        }
        return Ok(());
    }
    if entry.handling() == Handling::Execute {
        let sql = statement(db, script, entry, &entry.definition);
        let began = Instant::now();
        if let Err(failure) = discreetly(db, session, (script, entry), &sql).await {
            if crate::engine::retry::ends_the_database(&failure) {
                return Err(failure.while_doing(entry.title()));
            }
            if matches!(entry.desc.as_str(), "ACL" | "DEFAULT ACL") {
                return piece_by_piece(db, session, entry).await;
            }
            if !is_there_anyway(entry, &failure) && !script.was_done_before(entry, &failure) {
                report(db, entry, &failure);
                return Ok(());
            }
        }
        if TIMED.contains(&entry.desc.as_str()) {
            record(db, entry.title(), began);
        } else {
            record_time(db, entry.title(), began);
        }
    }
    afterwards(db, session, entry).await
}

/// A schema that is in template0 (public), or that the operator made before us: only its owner is still to be set.
fn is_there_anyway(entry: &Entry, failure: &Failure) -> bool {
    entry.desc == "SCHEMA" && failure.sqlstate.as_deref() == Some("42P06")
}

/// The statement that gives it to its owner, where owners are kept and it is not his already: what our user has just made
/// is our user's.
fn owner_to_set(db: &Db, entry: &Entry) -> Option<String> {
    let made_here = matches!(entry.desc.as_str(), "TABLE" | "SEQUENCE" | "VIEW" | "MATERIALIZED VIEW");
    let is_his = made_here && entry.owner.as_deref() == Some(db.cx.target_facts.user.as_str());
    (db.cx.plan.policies.owners == Keep::Yes && !is_his).then(|| entry.owner_statement()).flatten()
}

/// What follows a definition: the owner, where owners are kept, and what the definition could not say.
async fn afterwards(db: &Db, session: &Session, entry: &Entry) -> Result<(), Failure> {
    if let Some(sql) = owner_to_set(db, entry)
        && let Err(failure) = execute(&db.cancel, session, &sql).await
    {
        if crate::engine::retry::ends_the_database(&failure) {
            return Err(failure);
        }
        let owner = crate::model::units::readable(entry.owner.as_deref().unwrap_or_default());
        let finding =
            Finding::warning("ownership", format!("{} could not be given to {owner}", entry.title()));
        db.finding(finding.because(failure.what).object(entry.title()));
    }
    if let Some(sql) = entry.access_method_statement()
        && let Err(failure) = execute(&db.cancel, session, &sql).await
    {
        if crate::engine::retry::ends_the_database(&failure) {
            return Err(failure);
        }
        report(db, entry, &failure);
    }
    Ok(())
}

/// Privileges of a role that is not there must not take those of others along.
async fn piece_by_piece(db: &Db, session: &Session, entry: &Entry) -> Result<(), Failure> {
    let mut failed: Option<Failure> = None;
    for sql in statements(&entry.definition) {
        let Err(failure) = patiently(db, session, sql).await else { continue };
        if crate::engine::retry::ends_the_database(&failure) {
            return Err(failure.while_doing(entry.title()));
        }
        match &mut failed {
            None => failed = Some(failure),
            Some(first) if first.what.contains(&failure.what) => {}
            Some(first) => first.what = format!("{}; {}", first.what, failure.what),
        }
    }
    if let Some(failure) = &failed {
        report(db, entry, failure);
    }
    Ok(())
}

/// The statements of an ACL entry, which knows quoted names but no functions' bodies.
pub(crate) fn statements(sql: &str) -> Vec<&str> {
    let mut quote = None;
    let ends = |c: char| {
        match quote {
            Some(open) if open == c => quote = None,
            None if c == '"' || c == '\'' => quote = Some(c),
            _ => {}
        }
        quote.is_none() && c == ';'
    };
    sql.split(ends).map(str::trim).filter(|statement| !statement.is_empty()).collect()
}

/// Entries that travel together, and bytes of SQL that they may have together.
const BATCH_ENTRIES: usize = 100;
const BATCH_BYTES: usize = 256 << 10;

/// Executes many entries in their order with few round trips: a batch is one transaction, and where one of it fails,
/// all of it is done again one by one, so that what failed is known by its name.
///
/// # Errors
/// As [`execute_entry`].
pub(crate) async fn execute_in_order(
    db: &Db,
    session: &Session,
    script: &Script,
    entries: &[&Entry],
) -> Result<(), Failure> {
    let open: Vec<_> = entries.iter().filter(|entry| !script.is_settled(entry)).copied().collect();
    let mut rest = open.as_slice();
    while !rest.is_empty() {
        let (mut bytes, mut count) = (0, 0);
        while count < rest.len().min(BATCH_ENTRIES) && bytes < BATCH_BYTES {
            bytes += rest[count].definition.len();
            count += 1;
        }
        let (batch, others) = rest.split_at(count);
        rest = others;
        if !together(db, session, script, batch).await? {
            for entry in batch {
                execute_entry(db, session, script, entry).await?;
            }
        }
    }
    Ok(())
}

/// True if all of the batch is done; false if nothing of it is.
async fn together(db: &Db, session: &Session, script: &Script, batch: &[&Entry]) -> Result<bool, Failure> {
    let plain = |entry: &&&Entry| {
        left_out(db, entry).is_none() && script.knows_tablespace(entry) && !may_hold_passwords(entry)
    };
    let members: Vec<_> = batch.iter().filter(plain).copied().collect();
    if members.len() < batch.len().max(2) {
        return Ok(false);
    }
    let mut sql = String::new();
    let mut in_force = Vec::new();
    for entry in &members {
        if entry.handling() == Handling::Execute {
            // What the one before has set needs not be set again.
            let prelude = prelude(db, script, entry);
            if prelude != in_force {
                prelude.iter().for_each(|set| {
                    sql.push_str(set);
                    sql.push_str(";\n");
                });
                in_force = prelude;
            }
            sql.push_str(&entry.definition);
            // A definition may end in a comment.
            sql.push_str("\n;\n");
        }
        owner_to_set(db, entry).into_iter().chain(entry.access_method_statement()).for_each(|more| {
            sql.push_str(&more);
            sql.push_str(";\n");
        });
    }
    match execute(&db.cancel, session, &sql).await {
        Ok(()) => {
            members.iter().for_each(|entry| {
                script.settle(entry);
            });
            Ok(true)
        }
        Err(failure) if crate::engine::retry::ends_the_database(&failure) => {
            members.iter().for_each(|entry| script.doubt(entry));
            Err(failure)
        }
        Err(_) => Ok(false),
    }
}

/// Journals how long a statement took, if anybody could have noticed.
pub(crate) fn record_time(db: &Db, title: String, began: Instant) {
    if began.elapsed() >= NOTICEABLE {
        record(db, title, began);
    }
}

fn record(db: &Db, title: String, began: Instant) {
    let ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    db.cx.emit.record(Event::StatementTimed { database: db.name.clone(), title, ms });
}

/// The definition with the session state it needs.
pub(crate) fn statement(db: &Db, script: &Script, entry: &Entry, definition: &str) -> String {
    let mut statements = prelude(db, script, entry);
    statements.push(definition.to_owned());
    statements.join(";\n")
}

/// The session state that an entry needs. A tablespace that the target does not have is replaced.
fn prelude(db: &Db, script: &Script, entry: &Entry) -> Vec<String> {
    let mut prelude = entry.prelude();
    if let Some(name) =
        entry.tablespace.as_deref().filter(|n| !n.is_empty() && !script.tablespaces.contains(*n))
    {
        prelude.retain(|sql| !sql.starts_with("SET default_tablespace"));
        prelude.push("SET default_tablespace = ''".to_owned());
        db.finding(
            Finding::warning(
                "tablespace",
                format!("the target has no tablespace {name}; the default one is used"),
            )
            .object(entry.title()),
        );
    }
    prelude
}

fn may_hold_passwords(entry: &Entry) -> bool {
    matches!(entry.desc.as_str(), "USER MAPPING" | "SERVER" | "FOREIGN DATA WRAPPER")
}

/// Keeps passwords in options out of the server's log, into which it writes a statement that fails, if not any.
async fn discreetly(
    db: &Db,
    session: &Session,
    (script, entry): (&Script, &Entry),
    sql: &str,
) -> Result<(), Failure> {
    if !may_hold_passwords(entry) {
        return patiently(db, session, sql).await;
    }
    keep_out_of_log(session).await;
    let result = patiently(db, session, sql).await;
    let how = if result.is_ok() { Statements::Done } else { Statements::Failed };
    // Who does not answer any more fails what comes next.
    if entry.definition.contains("OPTIONS (")
        && let Ok(Some(place)) = db.guarded(session.canceller(), keeps_statements(session, how)).await
        && !script.is_told.swap(true, Ordering::Relaxed)
    {
        let title = format!(
            "the target writes options of user mappings and foreign servers, which may hold passwords, into {place}"
        );
        db.finding(
            Finding::warning("log", title)
                .because("it keeps statements, and the migration's user may not switch that off for itself")
                .fix("clean it, or change those passwords")
                .object(entry.title()),
        );
    }
    let_into_log(session).await;
    result
}

/// Executes; an error that says "somebody else was faster" is worth another try, for nothing has happened.
pub(crate) async fn patiently(db: &Db, session: &Session, sql: &str) -> Result<(), Failure> {
    let mut tries = 1;
    loop {
        let work = session.batch(sql);
        let result = tokio::select! {
            biased;
            () = db.cancel.cancelled() => {
                drop(session.canceller().cancel().await);
                return Err(Failure::interrupted());
            }
            result = work => result,
        };
        match result {
            Err(error) if crate::engine::retry::worth_another_try(&error) && tries < TRIES => {
                tries += 1;
                tokio::time::sleep(Duration::from_millis(100 * u64::from(tries))).await;
            }
            result => return result.map_err(Failure::from),
        }
    }
}

/// What a failed entry means: harmless where the thing is there anyway, a warning where only a privilege or a remark
/// could not be set, else a loss.
fn report(db: &Db, entry: &Entry, failure: &Failure) {
    let title = entry.title();
    let denied = failure.kind == FailureKind::Privilege;
    let (id, severity) = match entry.desc.as_str() {
        "ACL" | "DEFAULT ACL" => ("privileges", Severity::Warning),
        "COMMENT" if denied && entry.tag.starts_with("EXTENSION ") => ("comment", Severity::Warning),
        "COMMENT" => ("comment", Severity::Lost),
        _ => ("schema", Severity::Lost),
    };
    let what = match severity {
        Severity::Warning => format!("{title} could not be set"),
        _ => format!("{title} could not be made"),
    };
    let mut finding = Finding::new(id, severity, what).because(redact(&failure.what)).object(title);
    if let Some(advice) = &failure.advice {
        finding = finding.fix(redact(advice));
    }
    db.finding(finding);
}

#[cfg(test)]
mod tests {
    use super::statements;

    #[test]
    fn privileges_are_taken_apart_outside_of_quotes() {
        let sql = "REVOKE ALL ON t FROM PUBLIC;\nGRANT ALL ON t TO \"a;\"\"b'\";\n\nSET SESSION AUTHORIZATION 'x;''y';";
        let parts = [
            "REVOKE ALL ON t FROM PUBLIC",
            "GRANT ALL ON t TO \"a;\"\"b'\"",
            "SET SESSION AUTHORIZATION 'x;''y'",
        ];
        assert_eq!(statements(sql), parts);
    }
}
