//! `pgpassage migrate`: moves a server, and reports.

use super::args::{MigrateArgs, OutputArgs};
use super::connection::Env;
use super::exit::Exit;
use super::follow::follow;
use super::plan::{Prepared, prepare};
use super::{json, log, out, report};
use crate::link::start_local;
use crate::model::event::RunOutcome;
use crate::model::failure::FailureKind;
use crate::model::plan::Plan;
use crate::model::secrets::Secrets;
use crate::model::task::Stay;
use crate::store::Folder;
use std::path::Path;

pub(super) async fn run(args: MigrateArgs) -> Exit {
    let env = Env::from_process();
    let Prepared { plan, secrets, warnings } = match prepare(&args, &env) {
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
    let folder = Folder::at(&plan.home);
    let log_path = folder.log_path();
    let mut logs: Vec<&Path> = vec![&log_path];
    logs.extend(args.log_file.as_deref());
    let _log = match log::start(&logs, &args.output) {
        Ok(guards) => guards,
        Err(error) => {
            let sentence = format!("{error:#}");
            if args.output.json {
                out::print(&json::refusal(Some(&plan.id), &sentence).to_string());
            }
            out::complain(&sentence);
            return Exit::Failed;
        }
    };
    if !args.output.quiet {
        warnings.iter().for_each(|warning| out::note(&format!("warning: {warning}")));
    }
    migrate(plan, secrets, &Shown { output: &args.output, show_passwords: args.show_passwords }).await
}

/// How the result is shown.
pub(super) struct Shown<'a> {
    pub(super) output: &'a OutputArgs,
    pub(super) show_passwords: bool,
}

/// Runs the engine to its end and prints the result.
pub(super) async fn migrate(plan: Plan, secrets: Secrets, shown: &Shown<'_>) -> Exit {
    let id = plan.id.clone();
    let journal = Folder::at(&plan.home).journal_path().display().to_string();
    let key = secrets.placeholder_key.clone();
    let link = match start_local(plan, secrets, Stay::UntilItFollows) {
        Ok(link) => link,
        Err(failure) => {
            if shown.output.json {
                out::print(&json::refusal(Some(&id), &failure.what).to_string());
            }
            out::complain(&failure.to_string());
            return if failure.kind == FailureKind::Refused { Exit::Blocked } else { Exit::Failed };
        }
    };
    let (state, ended) = follow(link, shown.output).await;
    if shown.output.json {
        let show = shown.show_passwords.then_some(&key);
        out::print(&json::document(&state, &id, show, ended.as_ref().err()).to_string());
    }
    let outcome = match ended {
        Ok(outcome) => outcome,
        Err(failure) => {
            out::complain(&failure.to_string());
            return Exit::Failed;
        }
    };
    if !shown.output.json {
        let lines = report::report(&state, outcome, &journal);
        if outcome == RunOutcome::Refused {
            out::complain(&lines.join("\n"));
        } else {
            out::print(&lines.join("\n"));
            if shown.show_passwords {
                print_placeholders(&state, &key);
            }
        }
    }
    Exit::of(outcome, &state)
}

fn print_placeholders(state: &crate::model::run::Run, key: &crate::model::secrets::PlaceholderKey) {
    use crate::model::event::RolePassword;
    for (name, _) in state.roles.iter().filter(|r| r.1.password == RolePassword::Placeholder) {
        out::print(&format!("{name}\t{}", key.password_for(name).expose()));
    }
}
