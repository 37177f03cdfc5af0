//! `pgpassage status` and `list`: how migrations stand. Nothing is changed anywhere.

use super::args::{ListArgs, ResumeArgs};
use super::connection::Env;
use super::exit::Exit;
use super::out;
use super::plan::state_dir;
use super::resume::known;
use crate::link::status;
use crate::model::event::{DatabaseOutcome, RunOutcome};
use crate::model::plan::{FORMAT, Method};
use crate::model::run::Run;
use crate::model::status::DatabaseStatus;
use crate::model::units::{human_bytes, human_ms, printable, readable};
use crate::store::{Folder, read_journal};
use serde_json::{Value, json};

pub(super) async fn show(args: ResumeArgs) -> Exit {
    let env = Env::from_process();
    let read = known(&args, &env).and_then(|(plan, secrets)| {
        let run = Run::fold(&read_journal(&Folder::at(&plan.home).journal_path())?);
        Ok((plan, secrets, run))
    });
    let (plan, secrets, run) = match read {
        Ok(read) => read,
        Err(error) => {
            out::complain(&format!("{error:#}"));
            return Exit::Usage;
        }
    };
    let databases = status(&plan, &secrets, &run).await;
    if args.output.json {
        out::print(&document(&databases).to_string());
    } else {
        out::print(&lines(&plan.id, &databases).join("\n"));
    }
    if databases.iter().any(|d| word(d) == "failed") { Exit::Failed } else { Exit::Done }
}

/// `failed`, `running`, `syncing` or `done`, as scripts know them.
fn word(database: &DatabaseStatus) -> &'static str {
    match database.outcome {
        _ if database.error.is_some() => "failed",
        Some(DatabaseOutcome::Following) => "syncing",
        Some(DatabaseOutcome::Done) => "done",
        Some(_) => "failed",
        None => "running",
    }
}

fn method(method: Method) -> &'static str {
    match method {
        Method::Dump => "pg_dump",
        Method::Replication => "replication",
    }
}

fn document(databases: &[DatabaseStatus]) -> Value {
    let detail: Vec<_> = databases
        .iter()
        .map(|d| {
            json!({
                "dbname": d.database, "error": d.error, "method": method(d.method), "status": word(d),
                "lag_bytes": d.lag_bytes, "lag_ms": d.lag_ms, "wal_kept_bytes": d.kept_bytes,
                "tables_ready": d.tables_ready, "tables_not_ready": d.tables_not_ready,
            })
        })
        .collect();
    let whole = ["failed", "running", "syncing", "done"];
    let status = whole.into_iter().find(|w| databases.iter().any(|d| word(d) == *w)).unwrap_or("done");
    let methods: Vec<_> = databases.iter().map(|d| method(d.method)).collect();
    let same = methods.windows(2).all(|pair| pair[0] == pair[1]);
    let error = databases.iter().find_map(|d| d.error.clone());
    json!({
        "format": FORMAT,
        "migration": {
            "error": error,
            "method": if same { methods.first().copied().unwrap_or("") } else { "" },
            "status": status,
        },
        "migration_detail": detail,
    })
}

fn lines(id: &str, databases: &[DatabaseStatus]) -> Vec<String> {
    let mut lines = vec![format!("migration {id}")];
    for d in databases {
        let mut parts = vec![word(d).to_owned()];
        if d.outcome == Some(DatabaseOutcome::Following) {
            let lag = d.lag_bytes.map_or_else(|| "unknown".to_owned(), human_bytes);
            let age = d.lag_ms.map(|ms| format!(", {}", human_ms(ms))).unwrap_or_default();
            parts.push(format!("lag {lag}{age}"));
            parts.extend(
                d.kept_bytes.map(|kept| format!("the source keeps {} of its log", human_bytes(kept))),
            );
            parts.push(format!("{}/{} tables ready", d.tables_ready, d.tables_ready + d.tables_not_ready));
        }
        parts.extend(d.error.as_ref().map(|e| printable(e)));
        lines.push(format!("  {}: {}", readable(&d.database), parts.join(", ")));
    }
    lines
}

pub(super) fn list(args: &ListArgs) -> Exit {
    let env = Env::from_process();
    let mut all = match state_dir(&env).and_then(|dir| found(&dir)) {
        Ok(all) => all,
        Err(error) => {
            out::complain(&format!("{error:#}"));
            return Exit::Failed;
        }
    };
    all.sort_by_key(|(_, run)| std::cmp::Reverse(run.started_ms));
    if args.json {
        let list: Vec<_> = all.iter().map(|(id, run)| entry(id, run)).collect();
        out::print(&Value::Array(list).to_string());
    } else if all.is_empty() {
        out::print("This machine knows no migration.");
    } else {
        for (id, run) in &all {
            let address = |server: &Option<crate::model::event::ServerSummary>| {
                server.as_ref().map_or_else(|| "?".to_owned(), |s| s.address.clone())
            };
            out::print(&printable(&format!(
                "{id}  {}  {} -> {}",
                state(run),
                address(&run.source),
                address(&run.target)
            )));
        }
    }
    Exit::Done
}

fn found(dir: &std::path::Path) -> anyhow::Result<Vec<(String, Run)>> {
    let mut all = Vec::new();
    let Ok(folders) = std::fs::read_dir(dir) else { return Ok(all) };
    for folder in folders {
        let folder = Folder::at(&folder?.path());
        if folder.has_journal()
            && let Some(id) = folder.path().file_name().and_then(|n| n.to_str())
        {
            all.push((id.to_owned(), Run::fold(&read_journal(&folder.journal_path())?)));
        }
    }
    Ok(all)
}

fn state(run: &Run) -> &'static str {
    match run.outcome {
        Some(RunOutcome::Done) => "done",
        Some(RunOutcome::Following) => "syncing",
        Some(RunOutcome::Checked) => "checked",
        Some(RunOutcome::Stopped) => "stopped",
        Some(RunOutcome::Refused) => "refused",
        Some(RunOutcome::Partly | RunOutcome::Failed) => "failed",
        None => "running or dead",
    }
}

fn entry(id: &str, run: &Run) -> Value {
    json!({
        "format": FORMAT, "id": id, "name": id, "status": state(run),
        "source": run.source.as_ref().map(|s| s.address.clone()),
        "target": run.target.as_ref().map(|s| s.address.clone()),
        "started": run.started_ms,
    })
}
