//! `pgpassage list`: the migrations that this machine knows, and which of them somebody works on.

use super::args::ListArgs;
use super::connection::Env;
use super::dead::obituary;
use super::exit::Exit;
use super::out;
use super::plan::state_dir;
use super::report::{follows, is_clean};
use crate::link::{Engine, Known, migrations};
use crate::model::event::{DatabaseOutcome, RunOutcome};
use crate::model::plan::FORMAT;
use crate::model::units::printable;
use anyhow::{Result, anyhow};
use serde_json::{Value, json};

pub(super) fn show(args: &ListArgs) -> Exit {
    let all = match found(&Env::from_process()) {
        Ok(all) => all,
        Err(error) => {
            out::complain(&format!("{error:#}"));
            return Exit::Failed;
        }
    };
    if args.json {
        out::print(&Value::Array(all.iter().map(entry).collect()).to_string());
    } else if all.is_empty() {
        out::print("This machine knows no migration.");
    } else {
        for known in &all {
            let address = |server: &Option<crate::model::event::ServerSummary>| {
                server.as_ref().map_or_else(|| "?".to_owned(), |s| s.address.clone())
            };
            let (source, target) = (address(&known.run.source), address(&known.run.target));
            let line = format!("{}  {}{}  {source} -> {target}", known.id, state(known), remarks(known));
            out::print(&printable(&line));
            obituary(known).iter().for_each(|line| out::print(&format!("    {line}")));
        }
    }
    Exit::Done
}

/// Every migration that has a journal, as it stands by that; the newest first.
///
/// # Errors
/// When the state directory cannot be read.
pub(super) fn found(env: &Env) -> Result<Vec<Known>> {
    migrations(&state_dir(env)?).map_err(|e| anyhow!("{e}"))
}

/// How it stands, in the words of [`status`](super::status) as far as they go.
fn state(known: &Known) -> &'static str {
    match known.run.outcome {
        Some(_) if follows(&known.run) => "syncing",
        Some(RunOutcome::Done) => "done",
        Some(RunOutcome::Following) => "syncing",
        Some(RunOutcome::Checked) => "checked",
        Some(RunOutcome::Stopped) => "stopped",
        Some(RunOutcome::Refused) => "refused",
        // All of it was there and followed, until the operator gave that up: no error.
        Some(RunOutcome::Failed) if known.run.is_discontinued() => "stopped",
        Some(RunOutcome::Partly | RunOutcome::Failed) => "failed",
        None if known.run.keeping || (known.is_dead() && known.run.only_follows()) => "syncing",
        None if known.engine == Engine::Gone => "dead",
        None => "running",
    }
}

/// Whether somebody is there, where that makes a difference, and what the word for the whole does not say.
fn remarks(known: &Known) -> String {
    let mut remarks = String::new();
    if state(known) == "syncing" && some_failed(known) {
        remarks.push_str(" (some failed)");
    }
    match known.engine {
        Engine::Alive { pid } => remarks.push_str(&format!(" (pid {pid})")),
        Engine::Gone if state(known) == "syncing" => remarks.push_str(" (nobody watches over it)"),
        Engine::Gone if !known.is_dead() && !is_clean(&known.run) => {
            remarks.push_str(&format!(" (objects of ours are left: pgpassage clean {})", known.id));
        }
        Engine::Gone => {}
    }
    remarks
}

fn some_failed(known: &Known) -> bool {
    let is_there = |end| matches!(end, Some(DatabaseOutcome::Done | DatabaseOutcome::Following));
    known.run.databases.values().any(|d| !is_there(d.outcome))
}

fn entry(known: &Known) -> Value {
    let run = &known.run;
    let pid = match known.engine {
        Engine::Alive { pid } => Some(pid),
        Engine::Gone => None,
    };
    json!({
        "format": FORMAT, "id": known.id, "name": known.id, "status": state(known),
        "source": run.source.as_ref().map(|s| s.address.clone()),
        "target": run.target.as_ref().map(|s| s.address.clone()),
        "started": run.started_ms,
        "engine_pid": pid,
        "died": known.is_dead(),
        "some_failed": state(known) == "syncing" && some_failed(known),
        "damage": known.damage,
    })
}
