//! `pgpassage check`: judges whether and how every database can be moved, and changes nothing.

use super::args::{CheckArgs, OutputArgs};
use super::connection::Env;
use super::exit::Exit;
use super::findings::{Detail, folded, report};
use super::follow::{Hand, Parting, Until, follow};
use super::plan::{Prepared, checks, prepare};
use super::progress::Screen;
use super::signals::Signals;
use super::{json, log, out, passwords};
use crate::link::start_local;
use crate::model::event::RunOutcome;
use crate::model::failure::Failure;
use crate::model::plan::Plan;
use crate::model::run::Run;
use crate::model::secrets::Secrets;
use crate::model::task::Stay;
use crate::store::Folder;
use anyhow::Result;
use std::io::IsTerminal;

pub(super) async fn run(mut args: CheckArgs) -> Exit {
    // The folder goes at the end: it must be nobody's but ours.
    args.of.migration_id = None;
    let env = Env::from_process();
    let output = &args.of.output;
    let prepared = checks(&args.only, "--only").and_then(|only| Ok((only, prepare(&args.of, &env)?)));
    let (only, Prepared { mut plan, mut secrets, warnings }) = match prepared {
        Ok(prepared) => prepared,
        Err(error) => {
            let sentence = format!("{error:#}");
            if output.json {
                out::print(&json::checked(&Run::default(), Some(&sentence)).to_string());
            }
            out::complain(&sentence);
            return Exit::Usage;
        }
    };
    plan.only_checks = true;
    plan.selected_checks = only;
    if !output.quiet {
        warnings.iter().for_each(|warning| out::note(&format!("warning: {warning}")));
    }
    let folder = Folder::at(&plan.home);
    if let Err(exit) = passwords::complete(&plan, &mut secrets).await {
        drop(std::fs::remove_dir_all(folder.path()));
        return exit;
    }
    let logging = log::start(&[&folder.log_path()], output);
    let judged = match Signals::new() {
        Ok(mut signals) => judged(plan, secrets, output, &mut signals).await,
        Err(failure) => Err(failure),
    };
    drop(logging);
    // Nothing was made anywhere, so there is nothing to come back to.
    drop(std::fs::remove_dir_all(folder.path()));
    match judged {
        Ok((run, outcome)) => tell(&run, outcome, &args),
        Err(failure) => {
            out::complain(&failure.to_string());
            Exit::Failed
        }
    }
}

/// Runs the checks alone.
///
/// # Errors
/// When not even a journal can be kept.
pub(super) async fn judged(
    plan: Plan,
    secrets: Secrets,
    output: &OutputArgs,
    signals: &mut Signals,
) -> Result<(Run, RunOutcome), Failure> {
    let link = start_local(plan, secrets, Stay::UntilItFollows)?;
    let silent = OutputArgs { quiet: true, ..output.clone() };
    let (run, parting) = follow(link, &silent, Until::Ended, Hand::Holds, signals).await;
    match parting {
        Parting::Ended(ended) => ended.map(|outcome| (run, outcome)),
        Parting::Enough | Parting::Left(_) | Parting::Hurried => Ok((run, RunOutcome::Stopped)),
    }
}

fn tell(run: &Run, outcome: RunOutcome, args: &CheckArgs) -> Exit {
    let exit = Exit::of(outcome, run);
    if args.of.output.json {
        let error = run.refused.as_ref().map(|failure| failure.what.as_str());
        out::print(&json::checked(run, error).to_string());
    } else {
        let detail = if args.all { Detail::All } else { Detail::Enough };
        let lines = report(run, detail);
        let on_terminal = std::io::stdout().is_terminal();
        out::print(&if on_terminal { folded(lines, Screen::width()) } else { lines }.join("\n"));
    }
    exit
}
