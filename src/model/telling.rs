//! What happened, one line each: for pipes, files, `--verbose` and the log on the full screen.

use super::check::{Finding, Severity};
use super::command::StopReason;
use super::event::{DatabaseOutcome, Entry, Event, ObjectKind, RoleStatus, ServerSummary};
use super::phase::Phase;
use super::plan::Method;
use super::run::{Doing, Run};
use super::units::{Side, count_of, human_bytes, human_ms, printable, readable};

/// Statements that took less have no line of their own, in milliseconds.
const NOTICEABLE_MS: u64 = 100;

/// The line for an entry; most small steps have none. `run` is the state after the entry.
pub fn line(run: &Run, entry: &Entry) -> Option<String> {
    let text = text(run, entry)?;
    Some(format!("[{:>9}] {text}", human_ms(entry.at_ms.saturating_sub(run.started_ms))))
}

/// The same without the time, for the log, which has its own.
pub fn text(run: &Run, entry: &Entry) -> Option<String> {
    let text = match &entry.event {
        Event::Started { version, id, .. } => format!("pgpassage {version}, migration {id}"),
        Event::ServerSeen { side, server } => server_line(*side, server),
        Event::Finding { finding } => finding_line(finding)?,
        Event::Passed { finding, database } => {
            let of_it = |f: &&Finding| {
                f.passed_ms == entry.at_ms && f.id == *finding && f.database.as_ref() == Some(database)
            };
            let found = run.findings.iter().rfind(of_it)?;
            format!("{}: no longer so: {}", readable(database), printable(&found.title))
        }
        Event::Refused { failure } => format!("refused: {failure}"),
        Event::Planned { databases } => {
            let bytes: u64 = databases.iter().filter_map(|d| d.size_bytes).sum();
            format!("{} to move, {}", count_of(databases.len() as u64, "database"), human_bytes(bytes))
        }
        // Nothing is copied by what guards, or takes back.
        Event::JobsChosen { .. } if run.doing == Doing::Else => return None,
        Event::JobsChosen { jobs, because } => format!("{jobs} tables or indexes at a time: {because}"),
        Event::MethodChosen { database, method: Method::Replication, because } => {
            format!("{}: continuously, {because}", readable(database))
        }
        Event::Following { database } => format!("{}: follows the source", readable(database)),
        Event::Keeping => "the engine stays, and watches over what follows".to_owned(),
        Event::Asked { verb, .. } => format!("asked to {verb}"),
        Event::Resumed { verb, version, .. } => format!("pgpassage {version}, {verb}"),
        Event::RoleSettled { role, status: RoleStatus::Failed, message, .. } => {
            format!("role {} could not be made: {message}", readable(role))
        }
        Event::PhaseEnded { phase: Phase::Roles, .. } => roles_line(run),
        Event::SnapshotTaken { database, tables, bytes } => {
            format!(
                "{}: snapshot taken, {}, {}",
                readable(database),
                count_of(*tables, "table"),
                human_bytes(*bytes)
            )
        }
        Event::TableCopied { database, table, rows, bytes, ms } => format!(
            "{}: copied {table}, {} ({}) in {}",
            readable(database),
            count_of(*rows, "row"),
            human_bytes(*bytes),
            human_ms(*ms)
        ),
        Event::Waiting { database, failure, .. } => format!(
            "{}: broke off, and waits for a word to go on; its snapshot is held open on the source: {}",
            readable(database),
            failure.what
        ),
        Event::TableForgotten { database, table, .. } => {
            format!("{}: {table} is not as it was copied any more, and is copied again", readable(database))
        }
        Event::GoesOn { database } => format!("{}: goes on where it broke off", readable(database)),
        Event::Removed { object } if object.kind == ObjectKind::Database => {
            format!("{}: the unfinished database is dropped on the {}", readable(&object.name), object.side)
        }
        Event::StatementTimed { database, title, ms } if *ms >= NOTICEABLE_MS => {
            format!("{}: {} in {}", readable(database), printable(title), human_ms(*ms))
        }
        Event::DatabaseEnded { database, outcome, message } => {
            format!("{}: {}: {message}", readable(database), outcome_word(*outcome))
        }
        Event::Stopping { because } => match because {
            StopReason::Operator => "stopping".to_owned(),
            StopReason::Terminated => "told to end; stopping".to_owned(),
        },
        _ => return None,
    };
    Some(printable(&text))
}

fn server_line(side: Side, server: &ServerSummary) -> String {
    let rights = if server.superuser { ", superuser" } else { "" };
    format!("{side}: {}, PostgreSQL {}{rights}", server.address, server.version)
}

fn roles_line(run: &Run) -> String {
    let with = |status| run.roles.values().filter(|r| r.status == status).count();
    let mut parts = vec![format!("{} created", with(RoleStatus::Created))];
    for (status, word) in [(RoleStatus::Exists, "left as they were"), (RoleStatus::Failed, "failed")] {
        if with(status) > 0 {
            parts.push(format!("{} {word}", with(status)));
        }
    }
    format!("roles: {}", parts.join(", "))
}

/// A finding on one line, worst word first.
pub fn finding_line(finding: &Finding) -> Option<String> {
    let word = match finding.severity {
        Severity::Info => return None,
        Severity::Warning => "warning",
        Severity::Lost => "LOST",
        Severity::Blocker => "blocker",
    };
    let place = finding.database.as_ref().map(|d| format!("{}: ", readable(d))).unwrap_or_default();
    let why = if finding.why.is_empty() { String::new() } else { format!(": {}", finding.why) };
    let over = if finding.has_passed() { format!(" ({})", passed(finding)) } else { String::new() };
    Some(format!("{word}: {place}{}{}{over}", printable(&finding.title), printable(&why)))
}

/// For how long it was so, of what is no more.
pub fn passed(finding: &Finding) -> String {
    format!("no longer so, after {}", human_ms(finding.passed_ms.saturating_sub(finding.at_ms)))
}

pub fn outcome_word(outcome: DatabaseOutcome) -> &'static str {
    match outcome {
        DatabaseOutcome::Done => "done",
        DatabaseOutcome::Following => "following",
        DatabaseOutcome::Incomplete => "NOT WHOLE",
        DatabaseOutcome::Failed => "FAILED",
        DatabaseOutcome::Cancelled => "stopped",
    }
}
