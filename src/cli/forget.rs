//! `pgpassage forget`: removes this machine's folder of a migration of which nothing is left on any server.

use super::args::ForgetArgs;
use super::confirm::confirm;
use super::connection::Env;
use super::exit::Exit;
use super::plan::state_dir;
use super::resume::is_known;
use super::{json, out};
use crate::link::{Known, forget};
use crate::model::failure::FailureKind;
use crate::model::plan::FORMAT;
use crate::model::units::printable;
use serde_json::json;

pub(super) async fn run(args: ForgetArgs) -> Exit {
    let env = Env::from_process();
    let home = state_dir(&env).ok().filter(|_| is_known(&args.id, &env)).map(|dir| dir.join(&args.id));
    let Some(home) = home else {
        let id = &args.id;
        let sentence =
            format!("this machine knows no migration {id}; pgpassage list shows those that it does");
        return refuse(&args, &sentence, Exit::Usage);
    };
    // Nobody is asked about what is not done anyway.
    let stays = Known::read(&home).is_some_and(|known| known.run.not_forgotten().is_some());
    if !stays && !args.yes && !args.json {
        let question =
            format!("Remove {} with its journal, log and plan?", printable(&home.display().to_string()));
        if let Err(exit) = confirm(&question).await {
            return exit;
        }
    }
    match forget(&home) {
        Ok(()) if args.json => {
            out::print(&json!({"format": FORMAT, "id": args.id, "forgotten": true}).to_string());
            Exit::Done
        }
        Ok(()) => {
            out::print(&format!("{} is forgotten: its name is free again.", args.id));
            Exit::Done
        }
        Err(failure) => {
            let exit = if failure.kind == FailureKind::Refused { Exit::Blocked } else { Exit::Failed };
            refuse(&args, &failure.to_string(), exit)
        }
    }
}

fn refuse(args: &ForgetArgs, sentence: &str, exit: Exit) -> Exit {
    if args.json {
        out::print(&json::refusal(Some(&args.id), sentence).to_string());
    }
    out::complain(&printable(sentence));
    exit
}
