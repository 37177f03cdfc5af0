//! `pgpassage migrate`: moves a server, and reports.

use super::args::MigrateArgs;
use super::connection::Env;
use super::exit::Exit;
use super::follow::{Hand, Until};
use super::outcome::Shown;
use super::plan::{Prepared, prepare};
use super::{fallback, json, log, out, passwords};
use crate::link::{Detail, Logging, start_detached_logging, start_local};
use crate::model::event::{DatabaseOutcome, RunOutcome};
use crate::model::plan::Plan;
use crate::model::run::{DatabaseRun, Run};
use crate::model::secrets::Secrets;
use crate::model::task::Stay;
use crate::model::units::{printable, readable};
use crate::store::Folder;
use anyhow::Result;
use std::path::Path;

pub(super) async fn run(args: MigrateArgs) -> Exit {
    let env = Env::from_process();
    let Prepared { mut plan, mut secrets, warnings } = match prepare(&args, &env) {
        Ok(prepared) => prepared,
        Err(error) => {
            let sentence = format!("{error:#}");
            if args.output.json {
                out::print(&json::refusal(None, &sentence).to_string());
            }
            out::complain(&sentence);
            return Exit::Usage;
        }
    };
    if !args.output.quiet {
        warnings.iter().for_each(|warning| out::note(&format!("warning: {warning}")));
    }
    if let Err(exit) = passwords::complete(&plan, &mut secrets).await {
        return exit;
    }
    if fallback::is_to_be_asked(&args)
        && let Some(exit) = fallback::ask(&mut plan, &secrets, &args.output).await
    {
        return exit;
    }
    let (id, apart) = (plan.id.clone(), !args.foreground && !args.validate);
    let started =
        if apart { start_apart(plan, secrets, &args).await } else { start_here(plan, secrets, &args).await };
    started.unwrap_or_else(|error| {
        let sentence = format!("{error:#}");
        if args.output.json {
            out::print(&json::refusal(Some(&id), &sentence).to_string());
        }
        out::complain(&sentence);
        Exit::Failed
    })
}

/// # Errors
/// When the log cannot be written.
async fn start_here(plan: Plan, secrets: Secrets, args: &MigrateArgs) -> Result<Exit> {
    let log_path = Folder::at(&plan.home).log_path();
    let mut logs: Vec<&Path> = vec![&log_path];
    logs.extend(args.log_file.as_deref());
    let _log = log::start(&logs, &args.output)?;
    let mut shown = Shown::of(&plan, &args.output);
    shown.key = args.show_passwords.then(|| secrets.placeholder_key.clone());
    Ok(here(plan, secrets, &shown).await)
}

/// In a process of its own, which keeps the log; what is shown of it here goes to standard error.
///
/// # Errors
/// When the log cannot be written.
async fn start_apart(plan: Plan, secrets: Secrets, args: &MigrateArgs) -> Result<Exit> {
    let further = args.log_file.as_deref().map(std::path::absolute).transpose()?;
    args.log_file.as_deref().map(log::try_file).transpose()?;
    let _log = log::start(&[], &args.output)?;
    let mut shown = Shown::of(&plan, &args.output);
    shown.key = args.show_passwords.then(|| secrets.placeholder_key.clone());
    let detail = if args.output.debug { Detail::Debug } else { Detail::Info };
    let asked = Asked::of(&plan);
    let link = start_detached_logging(plan, secrets, Logging { further, detail });
    let until = if args.detach { Until::Begun } else { Until::Guards { after_seq: 0 } };
    let result = shown.result(link, until, Hand::Holds).await;
    Ok(result.map_or_else(|exit| exit, |(run, outcome)| exit(asked, outcome, &run)))
}

/// What was to be closed and follows still is not what was asked for, although nothing is missing.
fn exit(asked: Asked, outcome: RunOutcome, run: &Run) -> Exit {
    let follows = |d: &DatabaseRun| d.outcome == Some(DatabaseOutcome::Following);
    let open: Vec<_> = run.databases.iter().filter(|(_, d)| follows(d)).collect();
    if asked == Asked::ToFollow || open.is_empty() {
        return Exit::of(outcome, run);
    }
    for (name, database) in open {
        let name = readable(name);
        let why = printable(&database.message);
        out::complain(&format!("the connection of {name} was to be closed, and is not ({why})"));
    }
    if outcome == RunOutcome::Following { Exit::Partly } else { Exit::of(outcome, run) }
}

/// What is to become of databases that follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    ToFollow,
    ToClose,
}

impl Asked {
    fn of(plan: &Plan) -> Self {
        if plan.replication.finish { Asked::ToClose } else { Asked::ToFollow }
    }
}

/// Runs the engine in this process to its end and prints the result.
pub(super) async fn here(plan: Plan, secrets: Secrets, shown: &Shown<'_>) -> Exit {
    let asked = Asked::of(&plan);
    let link = async { start_local(plan, secrets, Stay::UntilItFollows) };
    let result = shown.result(link, Until::Ended, Hand::Holds).await;
    result.map_or_else(|exit| exit, |(run, outcome)| exit(asked, outcome, &run))
}
