//! The schema: the archive that pg_dump makes of it under the snapshot, and the part of it that rows need.

use super::entries::{Script, execute_in_order};
use super::snapshot::{self, Snapshot, report_beyond_dump, report_left_out};
use crate::engine::database::Db;
use crate::model::event::Event;
use crate::model::failure::{Failure, FailureKind};
use crate::pg::archive::{self, Archive, Entry, Handling, Pass, Section};
use crate::pg::connect::{Server, Session};
use crate::pg::facts::databases::tablespaces;
use crate::pg::tools::{Content, DumpOptions, DumpRequest, Level, ToolError, dump_schema};
use std::sync::Arc;
use std::time::Duration;

/// No schema takes this long; a pg_dump that hangs must not hold the source's locks for ever.
const DUMP_TIME_LIMIT: Duration = Duration::from_secs(4 * 3600);
/// pg_dump's own wait for a lock, in milliseconds. We hold the same locks already, so it waits only for somebody who
/// waits for us.
const DUMP_LOCK_TIMEOUT_MS: u64 = 1_000;
/// How often all locks are let go of, so that such a one gets his turn.
const ATTEMPTS: u32 = 10;
/// What a server says that has no room for more locks.
const OUT_OF_LOCKS: &str = "out of shared memory";
/// Written and read with the same locale for amounts of money, as the rows are.
const SESSION_OPTIONS: &str = "-c lc_monetary=C";

fn tool_failure(error: ToolError) -> Failure {
    Failure::local(error.to_string())
}

/// Takes the snapshot and dumps the source's schema under it.
pub(crate) async fn under_snapshot(db: &Arc<Db>) -> Result<(Snapshot, Script), Failure> {
    let mut attempt = 1;
    loop {
        let snapshot = snapshot::take(db).await?;
        match with_spare(db, &snapshot).await {
            Ok(script) => {
                report_left_out(db, &snapshot);
                report_beyond_dump(db, &snapshot);
                return Ok((snapshot, script));
            }
            Err(failure) if kept_waiting(&failure) && attempt < ATTEMPTS => {
                tracing::info!(database = db.name, attempt, "snapshot taken again: {failure}");
                attempt += 1;
            }
            Err(failure) if kept_waiting(&failure) => {
                let advice = "keep schema changes and maintenance away from the source while it is migrated, and start again";
                return Err(failure.advise(advice));
            }
            Err(failure) if failure.what.contains(OUT_OF_LOCKS) => {
                return Err(failure.advise("raise max_locks_per_transaction on the source and restart it"));
            }
            Err(failure) => return Err(failure),
        }
    }
}

/// The spare first: the less time passes until it has its locks, the fewer can come in between. Where the server has no
/// room for pg_dump's locks beside them, it comes after pg_dump.
async fn with_spare(db: &Db, snapshot: &Snapshot) -> Result<Script, Failure> {
    snapshot::open_spare(db, snapshot).await?;
    match dump(db, snapshot).await {
        Err(failure)
            if failure.what.contains(OUT_OF_LOCKS) && snapshot.spare.0.lock().await.take().is_some() =>
        {
            let script = dump(db, snapshot).await?;
            snapshot::open_spare(db, snapshot).await?;
            Ok(script)
        }
        result => result,
    }
}

/// Somebody waits for the lock of our holder, and pg_dump or the spare for him.
fn kept_waiting(failure: &Failure) -> bool {
    let of_dump = failure.what.contains("LOCK TABLE") && failure.what.contains("timeout");
    of_dump || failure.sqlstate.as_deref() == Some(snapshot::LOCK_NOT_AVAILABLE)
}

async fn dump(db: &Db, snapshot: &Snapshot) -> Result<Script, Failure> {
    let cx = &db.cx;
    let archive = dump_from(db, &cx.source, Some(&snapshot.id), Content::Schema).await?;
    let home = cx.target_session(&cx.target_home).await?;
    let spaces = db.guarded(home.canceller(), tablespaces(&home)).await?;
    cx.emit.record(Event::ArchiveRead {
        database: db.name.clone(),
        entries: archive.entries.len() as u64,
        tool: format!("pg_dump {}", cx.tool.version),
    });
    Ok(Script::new(archive, spaces))
}

/// Runs pg_dump against one of the servers and reads what it wrote.
pub(crate) async fn dump_from(
    db: &Db,
    server: &Server,
    snapshot: Option<&str>,
    content: Content,
) -> Result<Archive, Failure> {
    let cx = &db.cx;
    let mut endpoint = server.endpoint().clone();
    let host = endpoint.hosts.first().cloned().ok_or_else(|| Failure::local("the server has no address"))?;
    endpoint.options = Some(match &endpoint.options {
        Some(options) => format!("{options} {SESSION_OPTIONS}"),
        None => SESSION_OPTIONS.to_owned(),
    });
    endpoint.application_name = Some(format!("pgpassage/{} {}", env!("CARGO_PKG_VERSION"), cx.plan.id));
    let request = DumpRequest {
        tool: cx.tool.path.clone(),
        conninfo: endpoint.children_conninfo(&db.name, &host),
        password: server.password_for(&db.name).cloned(),
        snapshot: snapshot.map(str::to_owned),
        lock_timeout_ms: DUMP_LOCK_TIMEOUT_MS,
        connect_timeout_s: endpoint.connect_timeout_s,
        session_options: None,
        time_limit: DUMP_TIME_LIMIT,
        private_folder: cx.plan.home.clone(),
        options: DumpOptions { content, ..DumpOptions::default() },
    };
    let dump = match dump_schema(&request, db.cancel.clone()).await {
        Ok(dump) => dump,
        Err(_) if db.cancel.is_cancelled() => return Err(Failure::interrupted()),
        Err(error) => return Err(tool_failure(error).while_doing("reading the schema")),
    };
    for line in dump.stderr_lines.iter().filter(|l| l.level != Level::Note) {
        // Circular foreign keys among them: harmless here, for foreign keys come after all rows.
        tracing::info!(database = db.name, "pg_dump: {}", line.text);
    }
    archive::parse(&dump.archive)
        .map_err(|e| Failure::new(FailureKind::Local, e.to_string()).while_doing("reading pg_dump's archive"))
}

/// Executes what must be there before rows, in the archive's order.
pub(crate) async fn before_data(db: &Db, script: &Script) -> Result<(), Failure> {
    let session = db.target().await?;
    use_settings_of(db, &session, script).await?;
    let sections = script.archive.sections();
    let mut entries = Vec::new();
    for (entry, section) in script.archive.entries.iter().zip(&sections) {
        match entry.handling() {
            Handling::Session | Handling::Data => {
                script.settle(entry);
            }
            Handling::Execute | Handling::Nothing if is_before_data(entry, *section) => entries.push(entry),
            _ => {}
        }
    }
    execute_in_order(db, &session, script, &entries).await?;
    db.put_target_back(session);
    Ok(())
}

fn is_before_data(entry: &Entry, section: Section) -> bool {
    entry.pass() == Pass::Main && section == Section::PreData
}

/// How string constants of this archive are to be read; nearly always as everywhere.
async fn use_settings_of(db: &Db, session: &Session, script: &Script) -> Result<(), Failure> {
    if script.archive.settings().standard_conforming_strings {
        return Ok(());
    }
    db.guarded(session.canceller(), session.batch("SET standard_conforming_strings = off")).await
}
