//! The schema: the archive that pg_dump makes of it under the snapshot, and the part of it that rows need.

use super::entries::{Script, execute_in_order};
use super::snapshot::{self, Purpose, Snapshot, report_beyond_dump, report_left_out};
use crate::engine::database::Db;
use crate::engine::graph::{Graph, NodeId, Ran};
use crate::engine::replicate::publish::Link;
use crate::engine::replicate::slot;
use crate::model::event::Event;
use crate::model::failure::{Failure, FailureKind};
use crate::model::plan::Method;
use crate::model::units::Side;
use crate::pg::archive::{self, Archive, Entry, Handling, Pass, Section};
use crate::pg::connect::Session;
use crate::pg::error::{Error, LOCKS_SETTING};
use crate::pg::facts::databases::tablespaces;
use crate::pg::statement::data::LANGUAGE;
use crate::pg::tools::{DumpOptions, DumpRequest, LeaveOut, Level, ToolError, dump_schema};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

/// No schema takes this long; a pg_dump that hangs must not hold the source's locks for ever.
const DUMP_TIME_LIMIT: Duration = Duration::from_secs(4 * 3600);
/// pg_dump's own wait for a lock, in milliseconds. We hold the same locks already, so it waits only for somebody who
/// waits for us.
const DUMP_LOCK_TIMEOUT_MS: u64 = 1_000;
/// How often all locks are let go of, so that such a one gets his turn.
const ATTEMPTS: u32 = 10;
/// pg_dump tells no SQLSTATE, only the server's text: in English, where our user may say so.
const IN_ENGLISH: &str = "-c lc_messages=C";
/// Written and read with the same locale for amounts of money and the same reading of backslashes, as the rows are: from 19 on
/// there is but one. And its questions are not worth compiling.
const SESSION_OPTIONS: &str = "-c lc_monetary=C -c standard_conforming_strings=on -c jit=off";
const SESSION_OPTIONS_BEFORE_11: &str = "-c lc_monetary=C -c standard_conforming_strings=on";

fn tool_failure(error: ToolError) -> Failure {
    // What pg_dump says of one error may take several lines.
    Failure::local(error.to_string().replace('\n', "; "))
}

/// Takes the snapshot and dumps the source's schema under it.
pub(crate) async fn under_snapshot(db: &Arc<Db>, link: Option<&Link>) -> Result<(Snapshot, Script), Failure> {
    let mut attempt = 1;
    let mut purpose = Purpose::Everything;
    loop {
        let followed = link.filter(|_| db.method() == Method::Replication);
        let mut snapshot = match (snapshot::take(db, followed, purpose).await, followed) {
            (Ok(snapshot), _) => snapshot,
            (Err(failure), Some(_)) => {
                // Without a slot nobody has to wait for anybody's transaction.
                db.fall_back(failure).await?;
                continue;
            }
            (Err(failure), None) => return Err(failure),
        };
        let read = tokio::try_join!(with_spare(db, &snapshot), snapshot::contents(db, &snapshot));
        let failure = match read {
            Ok((script, contents)) => {
                snapshot.fill(db, contents);
                report_left_out(db, &snapshot);
                report_beyond_dump(db, &snapshot);
                return Ok((snapshot, script));
            }
            Err(failure) => failure,
        };
        if !kept_waiting(db, &failure).await {
            let advice = "raise max_locks_per_transaction on the source and restart it";
            return Err(if out_of_locks(&failure) { failure.advise(advice) } else { failure });
        }
        if attempt == ATTEMPTS {
            let advice = "keep schema changes and maintenance away from the source while it is migrated, and start again";
            return Err(failure.advise(advice));
        }
        tracing::info!(database = db.name, attempt, "snapshot taken again: {failure}");
        attempt += 1;
        // Whatever keeps us waiting, pg_dump waits less long behind our own locks.
        purpose = Purpose::InTurn;
        if let Some(link) = followed {
            slot::discard(db, link).await?;
        }
    }
}

/// The spare first: the less time passes until it has its locks, the fewer can come in between. Where the server has no
/// room for pg_dump's locks beside them, it comes after pg_dump.
async fn with_spare(db: &Db, snapshot: &Snapshot) -> Result<Script, Failure> {
    snapshot::open_spare(db, snapshot).await?;
    let script = match script(db, snapshot).await {
        Err(failure) if out_of_locks(&failure) && snapshot.spare.0.lock().await.take().is_some() => {
            script(db, snapshot).await?
        }
        script => script?,
    };
    if snapshot.spare.0.lock().await.is_none() {
        snapshot::open_spare(db, snapshot).await?;
    }
    Ok(script)
}

/// Of one of our sessions, or in pg_dump's words.
fn out_of_locks(failure: &Failure) -> bool {
    failure.sqlstate.as_deref() == Some(snapshot::OUT_OF_MEMORY) || failure.what.contains(LOCKS_SETTING)
}

/// Somebody waits for the lock of our holder, and pg_dump or the spare for him.
async fn kept_waiting(db: &Db, failure: &Failure) -> bool {
    if failure.sqlstate.as_deref() == Some(snapshot::LOCK_NOT_AVAILABLE) {
        return true;
    }
    // pg_dump itself speaks English, and names the statement; why it failed is told in the server's language.
    let of_dump = failure.what.contains("LOCK TABLE") && !out_of_locks(failure);
    // To a superuser it speaks English, for pg_dump asks for that.
    of_dump
        && (failure.what.contains("timeout") || !db.cx.source_facts.superuser && !speaks_english(db).await)
}

/// Where the source does not, whatever hinders a lock is taken for somebody who waits: that costs a few attempts, and its
/// text is told in the end.
async fn speaks_english(db: &Db) -> bool {
    let asking = async {
        let session = db.cx.source_session(&db.name).await?;
        let row = db.guarded(session.canceller(), session.query_one(LANGUAGE, &[])).await?;
        row.try_get::<_, String>(0).map_err(|e| Failure::from(Error::from(e)))
    };
    let language = asking.await.unwrap_or_default();
    let language = language.split(['.', '_', '@']).next().unwrap_or_default().to_lowercase();
    ["", "c", "posix", "en", "english"].contains(&language.as_str())
}

async fn script(db: &Db, snapshot: &Snapshot) -> Result<Script, Failure> {
    let cx = &db.cx;
    let archive = async {
        match snapshot.read_ahead().await {
            Some(archive) => Ok(archive),
            None => read_archive(db, &snapshot.id, snapshot.without.clone()).await,
        }
    };
    let spaces = async {
        let home = cx.target_session(&cx.target_home).await?;
        db.guarded(home.canceller(), tablespaces(&home)).await
    };
    let (archive, spaces) = tokio::try_join!(archive, spaces)?;
    cx.emit.record(Event::ArchiveRead {
        database: db.name.clone(),
        entries: archive.entries.len() as u64,
        tool: format!("pg_dump {}", cx.tool.version),
    });
    Ok(Script::new(archive, spaces))
}

/// The source's definitions as the snapshot sees them.
pub(super) async fn read_archive(
    db: &Db,
    snapshot: &str,
    leave_out: Vec<LeaveOut>,
) -> Result<Archive, Failure> {
    let options = DumpOptions { leave_out, ..DumpOptions::default() };
    dump_from(db, Side::Source, Some(snapshot), options).await
}

/// Runs pg_dump against one of the servers and reads what it wrote.
pub(crate) async fn dump_from(
    db: &Db,
    side: Side,
    snapshot: Option<&str>,
    options: DumpOptions,
) -> Result<Archive, Failure> {
    let cx = &db.cx;
    let (server, superuser) = match side {
        Side::Source => (&cx.source, cx.source_facts.superuser),
        Side::Target => (&cx.target, cx.target_facts.superuser),
    };
    let mut endpoint = server.endpoint().clone();
    let host = endpoint.hosts.first().cloned().ok_or_else(|| Failure::local("the server has no address"))?;
    let ours = if cx.source_facts.version.at_least(11) && cx.target_facts.version.at_least(11) {
        SESSION_OPTIONS
    } else {
        SESSION_OPTIONS_BEFORE_11
    };
    let said = [endpoint.options.as_deref(), Some(ours), superuser.then_some(IN_ENGLISH)];
    endpoint.options = Some(said.into_iter().flatten().collect::<Vec<_>>().join(" "));
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
        options,
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

/// Executes what must be there before rows, in the archive's order; where thousands of tables follow each other, several
/// at a time.
pub(crate) async fn before_data(db: &Arc<Db>, script: &Arc<Script>) -> Result<(), Failure> {
    let session = db.target().await?;
    use_settings_of(db, &session, script).await?;
    let sections = script.archive.sections();
    let mut positions = Vec::new();
    for (at, (entry, section)) in script.archive.entries.iter().zip(&sections).enumerate() {
        match entry.handling() {
            Handling::Session | Handling::Data => {
                script.settle(entry);
            }
            Handling::Execute | Handling::Nothing if is_before_data(entry, *section) => positions.push(at),
            _ => {}
        }
    }
    for segment in segments(script, &positions) {
        match segment {
            Segment::InOrder(positions) => {
                let entries: Vec<_> = positions.iter().map(|at| &script.archive.entries[*at]).collect();
                execute_in_order(db, &session, script, &entries).await?;
            }
            Segment::SideBySide(batches) => side_by_side(db, script, batches).await?,
        }
    }
    db.put_target_back(session);
    Ok(())
}

/// Entries that follow each other in the archive.
#[derive(Debug, PartialEq, Eq)]
enum Segment {
    InOrder(Vec<usize>),
    /// In batches, of which each waits only for those that it depends on.
    SideBySide(Vec<Vec<usize>>),
}

/// Entries of one batch.
const BATCH: usize = 100;
/// So many in a row are worth several sessions.
const MANY: usize = 2 * BATCH;

fn segments(script: &Script, positions: &[usize]) -> Vec<Segment> {
    let entries = &script.archive.entries;
    let alone = |at: &usize| stands_alone(&entries[*at], script);
    positions
        .chunk_by(|a, b| alone(a) == alone(b))
        .map(|run| match run {
            [first, ..] if run.len() >= MANY && alone(first) && script.has_usual_strings() => {
                Segment::SideBySide(run.chunks(BATCH).map(<[usize]>::to_vec).collect())
            }
            run => Segment::InOrder(run.to_vec()),
        })
        .collect()
}

/// Touches nothing but itself and what it names as its dependency. A table that inherits locks its parent.
fn stands_alone(entry: &Entry, script: &Script) -> bool {
    match entry.desc.as_str() {
        "TABLE" => !entry.dependencies.iter().any(|id| script.is_table(*id)),
        "SEQUENCE" | "SEQUENCE OWNED BY" | "DEFAULT" | "COMMENT" => true,
        _ => false,
    }
}

async fn side_by_side(db: &Arc<Db>, script: &Arc<Script>, batches: Vec<Vec<usize>>) -> Result<(), Failure> {
    let entries = &script.archive.entries;
    let mut graph = Graph::new();
    let mut nodes: HashMap<i32, NodeId> = HashMap::new();
    for batch in batches {
        let on = batch.iter().flat_map(|at| &entries[*at].dependencies).filter_map(|id| nodes.get(id));
        let on: HashSet<NodeId> = on.copied().collect();
        let ids: Vec<_> = batch.iter().map(|at| entries[*at].dump_id).collect();
        let node = graph.add(batch, 1, on.into_iter().collect());
        nodes.extend(ids.into_iter().map(|id| (id, node)));
    }
    let (worker, archive) = (Arc::clone(db), Arc::clone(script));
    let work = move |batch: Vec<usize>, _| {
        let (db, script) = (Arc::clone(&worker), Arc::clone(&archive));
        async move {
            let entries: Vec<_> = batch.iter().map(|at| &script.archive.entries[*at]).collect();
            if let Err(failure) = in_own_session(&db, &script, &entries).await {
                db.abort(failure);
            }
        }
    };
    match graph.run(&db.cx.slots, &db.cancel, work).await {
        // A batch only waits for earlier ones, so that none is left.
        Ran::ToTheEnd(_) => Ok(()),
        Ran::Stopped => Err(db.aborted().unwrap_or_else(Failure::interrupted)),
    }
}

async fn in_own_session(db: &Db, script: &Script, entries: &[&Entry]) -> Result<(), Failure> {
    let session = db.target().await?;
    execute_in_order(db, &session, script, entries).await?;
    db.put_target_back(session);
    Ok(())
}

fn is_before_data(entry: &Entry, section: Section) -> bool {
    entry.pass() == Pass::Main && section == Section::PreData
}

/// How string constants of this archive are to be read; nearly always as everywhere.
async fn use_settings_of(db: &Db, session: &Session, script: &Script) -> Result<(), Failure> {
    if script.has_usual_strings() {
        return Ok(());
    }
    db.guarded(session.canceller(), session.batch("SET standard_conforming_strings = off")).await
}
