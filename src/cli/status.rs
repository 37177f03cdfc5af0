//! `pgpassage status`: how migrations stand, asked of both servers afresh. Nothing is changed on either.

use super::args::{OutputArgs, ResumeArgs, StatusArgs};
use super::connection::Env;
use super::exit::Exit;
use super::list::found;
use super::plan::state_dir;
use super::resume::{is_known, known};
use super::{discovered, out, watch};
use crate::link::status;
use crate::model::event::{DatabaseOutcome, RunOutcome};
use crate::model::plan::{FORMAT, Method};
use crate::model::run::Run;
use crate::model::status::DatabaseStatus;
use crate::model::units::{human_bytes, human_ms, printable, readable};
use crate::store::{Folder, read_journal};
use anyhow::{Result, bail};
use serde_json::{Value, json};

pub(super) async fn show(args: StatusArgs) -> Exit {
    let env = Env::from_process();
    match statuses(&args, &env).await {
        Ok(Asked::Watched(exit)) => exit,
        Ok(Asked::Of(migrations)) => told(&migrations, &args.output),
        Err(error) => {
            out::complain(&format!("{error:#}"));
            Exit::Usage
        }
    }
}

/// A migration, and how its databases stand.
pub(super) struct Told {
    pub(super) id: String,
    /// Where it is from, if not from here.
    pub(super) remark: Option<String>,
    pub(super) databases: Vec<DatabaseStatus>,
}

enum Asked {
    Of(Vec<Told>),
    Watched(Exit),
}

async fn statuses(args: &StatusArgs, env: &Env) -> Result<Asked> {
    let of_known = |id: &str| ResumeArgs {
        id: id.to_owned(),
        source: args.source.clone(),
        target: args.target.clone(),
        output: args.output.clone(),
    };
    let places = discovered::places(args.source.as_deref(), args.target.as_deref(), env)?;
    match (&args.id, places) {
        (Some(id), _) if args.watch => Ok(Asked::Watched(watch::run(&of_known(id), env).await?)),
        (Some(id), Some(places)) if !is_known(id, env) => {
            let mut found = discovered::told(&places, env).await;
            found.retain(|told| told.id == *id);
            if found.is_empty() {
                bail!("neither this machine nor the servers know a migration {id}");
            }
            Ok(Asked::Of(found))
        }
        (Some(id), _) => Ok(Asked::Of(vec![one(&of_known(id), env).await?])),
        (None, Some(places)) => Ok(Asked::Of(discovered::told(&places, env).await)),
        (None, None) => {
            let mut all = Vec::new();
            for (id, run) in found(&state_dir(env)?)? {
                if matches!(run.outcome, None | Some(RunOutcome::Following)) {
                    all.push(one(&of_known(&id), env).await?);
                }
            }
            Ok(Asked::Of(all))
        }
    }
}

async fn one(args: &ResumeArgs, env: &Env) -> Result<Told> {
    let (plan, secrets) = known(args, env)?;
    let run = Run::fold(&read_journal(&Folder::at(&plan.home).journal_path())?);
    let databases = status(&plan, &secrets, &run).await;
    Ok(Told { id: plan.id, remark: None, databases })
}

fn told(migrations: &[Told], output: &OutputArgs) -> Exit {
    match (migrations, output.json) {
        ([one], true) => out::print(&document(&one.id, &one.databases).to_string()),
        (several, true) => {
            let all: Vec<_> = several.iter().map(|m| document(&m.id, &m.databases)).collect();
            out::print(&json!({ "format": FORMAT, "migrations": all }).to_string());
        }
        ([], false) => {
            out::print("No migration is under way; pgpassage list shows all that this machine knows.");
        }
        (several, false) => {
            for told in several {
                out::print(&lines(&told.id, told.remark.as_deref(), &told.databases).join("\n"));
            }
        }
    }
    let failed = migrations.iter().flat_map(|m| &m.databases).any(|d| word(d) == "failed");
    if failed { Exit::Failed } else { Exit::Done }
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

pub(super) fn document(id: &str, databases: &[DatabaseStatus]) -> Value {
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
        "id": id,
        "migration": {
            "error": error,
            "method": if same { methods.first().copied().unwrap_or("") } else { "" },
            "status": status,
        },
        "migration_detail": detail,
    })
}

pub(super) fn lines(id: &str, remark: Option<&str>, databases: &[DatabaseStatus]) -> Vec<String> {
    let remark = remark.map(|r| format!(" ({r})")).unwrap_or_default();
    let mut lines = vec![format!("migration {id}{remark}")];
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
