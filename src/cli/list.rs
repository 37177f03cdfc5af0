//! `pgpassage list`: the migrations that this machine knows.

use super::args::ListArgs;
use super::connection::Env;
use super::exit::Exit;
use super::out;
use super::plan::state_dir;
use crate::model::event::RunOutcome;
use crate::model::plan::FORMAT;
use crate::model::run::Run;
use crate::model::units::printable;
use crate::store::{Folder, read_journal};
use serde_json::{Value, json};

pub(super) fn show(args: &ListArgs) -> Exit {
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

/// Every migration that has a journal, as it stands by that.
pub(super) fn found(dir: &std::path::Path) -> anyhow::Result<Vec<(String, Run)>> {
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
