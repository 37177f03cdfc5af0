//! `pgpassage status`: how migrations stand, asked of both servers afresh. Nothing is changed on either.

use super::args::{OutputArgs, ResumeArgs, StatusArgs};
use super::connection::Env;
use super::dead::obituary;
use super::exit::Exit;
use super::list::found;
use super::report::{follows, is_clean};
use super::resume::{is_known, known};
use super::{discovered, out, watch};
use crate::link::{Known, status};
use crate::model::event::DatabaseOutcome;
use crate::model::plan::{FORMAT, Method};
use crate::model::status::DatabaseStatus;
use crate::model::units::{human_bytes, human_ms, printable, readable};
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
    /// What is wrong with all of it.
    pub(super) error: Option<String>,
    pub(super) databases: Vec<DatabaseStatus>,
    /// What an engine that died has left, and what to do.
    pub(super) obituary: Vec<String>,
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
        (Some(id), _) if args.detach => Ok(Asked::Watched(watch::leave_guard(&of_known(id), env).await?)),
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
            for known in found(env)? {
                // Whatever became of the whole: what follows does so, and what is left keeps the source's WAL.
                if known.run.outcome.is_none() || follows(&known.run) || !is_clean(&known.run) {
                    all.push(one(&of_known(&known.id), env).await?);
                }
            }
            Ok(Asked::Of(all))
        }
    }
}

async fn one(args: &ResumeArgs, env: &Env) -> Result<Told> {
    let (plan, secrets) = known(args, env)?;
    let Some(known) = Known::read(&plan.home) else { bail!("the journal of {} is gone", plan.id) };
    if let Some(why) = &known.damage {
        bail!("{why}");
    }
    let mut databases = status(&plan, &secrets, &known.run).await;
    let obituary = obituary(&known);
    let died = || format!("its engine is gone; pgpassage clean {} removes what it left", plan.id);
    for database in databases.iter_mut().filter(|d| d.outcome.is_none() && known.is_dead()) {
        database.error = database.error.take().or_else(|| Some(died()));
    }
    // What followed goes on following without an engine.
    let remark = (known.is_dead() && known.run.only_follows()).then(|| "nobody watches over it".to_owned());
    let error = (known.is_dead() && !known.run.only_follows()).then(died);
    // What follows does not care that a later command was refused.
    let refused = known.run.refused.as_ref().filter(|_| !follows(&known.run));
    let error = error.or_else(|| refused.map(ToString::to_string));
    Ok(Told { id: plan.id, remark, error, databases, obituary })
}

fn told(migrations: &[Told], output: &OutputArgs) -> Exit {
    match (migrations, output.json) {
        ([one], true) => out::print(&document(one).to_string()),
        (several, true) => {
            let all: Vec<_> = several.iter().map(document).collect();
            out::print(&json!({ "format": FORMAT, "migrations": all }).to_string());
        }
        ([], false) => {
            out::print("No migration is under way; pgpassage list shows all that this machine knows.");
        }
        (several, false) => {
            for told in several {
                out::print(&lines(told).join("\n"));
                told.obituary.iter().for_each(|line| out::print(line));
            }
        }
    }
    // Also where only the asking failed: that is what this command is for.
    let bad = |d: &DatabaseStatus| d.unasked || word(d) == "failed";
    let failed = migrations.iter().any(|m| m.error.is_some() || m.databases.iter().any(bad));
    if failed { Exit::Failed } else { Exit::Done }
}

/// `failed`, `running`, `syncing` or `done`, as scripts know them.
fn word(database: &DatabaseStatus) -> &'static str {
    match database.outcome {
        // That asking failed says nothing about the migration.
        _ if database.error.is_some() && !database.unasked => "failed",
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

pub(super) fn document(told: &Told) -> Value {
    let databases = &told.databases;
    let detail: Vec<_> = databases
        .iter()
        .map(|d| {
            json!({
                "dbname": d.database, "error": d.error, "method": method(d.method), "status": word(d),
                "lag_bytes": d.lag_bytes, "lag_ms": d.lag_ms, "wal_kept_bytes": d.kept_bytes,
                "tables_ready": d.tables_ready, "tables_not_ready": d.tables_not_ready, "asking_failed": d.unasked,
                "asked_at_ms": (d.at_ms > 0).then_some(d.at_ms),
                "source_sessions": d.sessions.source, "target_sessions": d.sessions.target,
            })
        })
        .collect();
    let whole = ["failed", "running", "syncing", "done"];
    let of_databases = whole.into_iter().find(|w| databases.iter().any(|d| word(d) == *w));
    // Where there is no database yet, nothing is done.
    let status = if told.error.is_some() { "failed" } else { of_databases.unwrap_or("running") };
    let methods: Vec<_> = databases.iter().map(|d| method(d.method)).collect();
    let same = methods.windows(2).all(|pair| pair[0] == pair[1]);
    let error = told.error.clone().or_else(|| databases.iter().find_map(|d| d.error.clone()));
    json!({
        "format": FORMAT,
        "id": told.id,
        "migration": {
            "error": error,
            "method": if same { methods.first().copied().unwrap_or("") } else { "" },
            "status": status,
        },
        "migration_detail": detail,
    })
}

/// How late the target is in time, where it is late at all.
fn age(d: &DatabaseStatus) -> String {
    match (d.lag_bytes, d.lag_ms) {
        (_, Some(ms)) => format!(", {}", human_ms(ms)),
        (Some(1..), None) => ", for an unknown time".to_owned(),
        (_, None) => String::new(),
    }
}

pub(super) fn lines(told: &Told) -> Vec<String> {
    let remark = told.remark.as_ref().map(|r| format!(" ({r})")).unwrap_or_default();
    let error = told.error.as_ref().map(|e| format!(": {}", printable(e))).unwrap_or_default();
    let mut lines = vec![format!("migration {}{remark}{error}", told.id)];
    for d in &told.databases {
        let mut parts = vec![word(d).to_owned()];
        if d.outcome == Some(DatabaseOutcome::Following) {
            let lag = d.lag_bytes.map_or_else(|| "unknown".to_owned(), human_bytes);
            parts.push(format!("lag {lag}{}", age(d)));
            parts.extend(
                d.kept_bytes.map(|kept| format!("the source keeps {} of its WAL", human_bytes(kept))),
            );
            if d.tables_ready + d.tables_not_ready > 0 {
                let all = d.tables_ready + d.tables_not_ready;
                parts.push(format!("{}/{all} tables ready", d.tables_ready));
            }
        }
        let asking = if d.unasked { "asking failed, so this is what its journal says: " } else { "" };
        parts.extend(d.error.as_ref().map(|e| format!("{asking}{}", printable(e))));
        lines.push(format!("  {}: {}", readable(&d.database), parts.join(", ")));
    }
    lines
}
