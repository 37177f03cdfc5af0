//! `pgpassage finish`, `stop` and `clean`: later commands on a migration that this machine knows.

use super::args::{FinishArgs, OutputArgs, ResumeArgs, Verify as VerifyFlag};
use super::connection::{Env, resolve};
use super::exit::Exit;
use super::follow::{Hand, Until};
use super::outcome::Shown;
use super::plan::{random, state_dir};
use super::{json, log, out, passwords, report};
use crate::link::{Known, run_task};
use crate::model::endpoint::Endpoint;
use crate::model::event::RunOutcome;
use crate::model::passwords::Passwords;
use crate::model::plan::Plan;
use crate::model::run::Run;
use crate::model::secrets::{PlaceholderKey, Secrets};
use crate::model::task::{Finish, Loss, Schema, Task, Unfinished, Verify};
use crate::model::units::printable;
use crate::store::Folder;
use anyhow::{Context, Result, anyhow};
use std::collections::BTreeMap;
use std::path::Path;

pub(super) async fn finish(args: FinishArgs) -> Exit {
    let verify = match args.verify {
        VerifyFlag::None => Verify::Nothing,
        VerifyFlag::Counts => Verify::Counts,
        VerifyFlag::Checksums => Verify::Checksums,
    };
    let schema = if args.accept_schema_changes { Schema::MayDiffer } else { Schema::MustBeTheSame };
    let loss = if args.accept_loss { Loss::Accept } else { Loss::Refuse };
    let how = Finish { timeout_s: args.timeout, verify, schema, loss };
    run(&args.of, Task::Finish(how)).await
}

pub(super) async fn stop(args: ResumeArgs) -> Exit {
    run(&args, Task::Stop).await
}

/// Removes what a migration of this machine has left.
pub(super) async fn clean(args: &ResumeArgs, unfinished: Unfinished) -> Exit {
    run(args, Task::Clean(unfinished)).await
}

/// The plan of a migration, and its secrets from where they came from the first time.
///
/// # Errors
/// When this machine does not know it.
pub(super) fn known(args: &ResumeArgs, env: &Env) -> Result<(Plan, Secrets)> {
    let folder = Folder::at(&state_dir(env)?.join(&args.id));
    if !is_known(&args.id, env) {
        return Err(anyhow!(
            "this machine knows no migration {}; pgpassage list shows those that it does",
            args.id
        ));
    }
    let plan = folder.read_plan().with_context(|| format!("migration {}", args.id))?;
    let secrets = Secrets {
        source: passwords_of(args.source.as_deref(), "SOURCE_SERVICE_URI", &plan.source, env)?,
        target: passwords_of(args.target.as_deref(), "TARGET_SERVICE_URI", &plan.target, env)?,
        role_passwords: BTreeMap::new(),
        placeholder_key: PlaceholderKey(random()?),
    };
    Ok((plan, secrets))
}

/// Whether this machine has a journal of it.
pub(super) fn is_known(id: &str, env: &Env) -> bool {
    // What is no id could be a path to anywhere.
    let legal = id.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    legal && !id.is_empty() && state_dir(env).is_ok_and(|dir| Folder::at(&dir.join(id)).has_journal())
}

/// From the flag, the environment, or, by the address that is known, from .pgpass and its kin.
fn passwords_of(flag: Option<&str>, variable: &str, endpoint: &Endpoint, env: &Env) -> Result<Passwords> {
    let from = if flag.is_some() { "the command line" } else { variable };
    let given = flag.map(str::to_owned).or_else(|| env.variables.get(variable).cloned());
    let Some(text) = given else {
        let host = endpoint.hosts.first().ok_or_else(|| anyhow!("the server has no address"))?;
        let text = endpoint.address_conninfo(endpoint.dbname.as_deref().unwrap_or("postgres"), host);
        return Ok(resolve(&text, env).map_err(|e| anyhow!("{e}"))?.passwords);
    };
    let given = resolve(&text, env).map_err(|e| anyhow!("{e}"))?;
    // Another migration's password is not for this one's server.
    if given.endpoint.hosts != endpoint.hosts || given.endpoint.user != endpoint.user {
        let (theirs, ours) = (printable(&given.endpoint.to_string()), printable(&endpoint.to_string()));
        return Err(anyhow!(
            "{from} names {theirs}, and this migration's server is {ours}: nothing was sent to either. \
             Name that one, or none, and have its password in .pgpass or PGPASSWORD"
        ));
    }
    Ok(given.passwords)
}

async fn run(args: &ResumeArgs, task: Task) -> Exit {
    let env = Env::from_process();
    let (plan, mut secrets) = match known(args, &env) {
        Ok(known) => known,
        Err(error) => {
            let sentence = format!("{error:#}");
            if args.output.json {
                out::print(&json::refusal(Some(&args.id), &sentence).to_string());
            }
            out::complain(&sentence);
            return Exit::Usage;
        }
    };
    if let Err(exit) = passwords::complete(&plan, &mut secrets).await {
        return exit;
    }
    let folder = Folder::at(&plan.home);
    let log_path = folder.log_path();
    let logs: Vec<&Path> = vec![&log_path];
    let _log = log::start(&logs, &args.output).ok();
    work(plan, secrets, task, &args.output).await
}

async fn work(plan: Plan, secrets: Secrets, task: Task, output: &OutputArgs) -> Exit {
    let mut shown = Shown::of(&plan, output);
    let before = Known::read(&plan.home).map(|known| known.run).unwrap_or_default();
    // Where an engine guards, its answer to this command comes after what the journal holds now.
    let after_seq = before.seq;
    shown.before = matches!(task, Task::Stop | Task::Clean(_)).then_some(before);
    let until = Until::Answered { verb: task.verb(), after_seq };
    let link = run_task(plan, secrets, task);
    let (state, outcome) = match shown.result(link, until, Hand::Holds).await {
        Ok(result) => result,
        Err(exit) => return exit,
    };
    match (task, outcome) {
        // It was to be closed, and is not.
        (Task::Finish(_), RunOutcome::Following) => Exit::Failed,
        (Task::Finish(_) | Task::Watch, outcome) => Exit::of(outcome, &state),
        (_, RunOutcome::Refused | RunOutcome::Stopped) => Exit::of(outcome, &state),
        (task, _) if report::is_clean(&state) && all_dropped(&state, task) => Exit::Done,
        _ => Exit::Partly,
    }
}

/// Of the databases that were to go, none is known to be ours and still there.
fn all_dropped(run: &Run, task: Task) -> bool {
    let which = match task {
        Task::Clean(which) => which,
        Task::Clear => Unfinished::DropIncomplete,
        Task::Finish(_) | Task::Watch | Task::Stop => Unfinished::Keep,
    };
    !run.half_made().iter().any(|half| which.drops(half) && half.oid.is_some())
}
