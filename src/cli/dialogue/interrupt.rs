//! Questions while a migration is watched, after Ctrl-C and where it broke off: the harmless answer first, and nothing is
//! stopped that was not asked for twice.

use super::{say_consequences, waited, without_keys};
use crate::cli::ask::{Gone, Preset, choose, yes};
use crate::cli::out;
use crate::model::command::StopReason;
use crate::model::task::Task;
use crate::model::units::readable;
use crate::ui::drive::utc_offset_s;
use crate::ui::state::live::Live;
use crate::ui::state::{About, Button, Engine};
use crate::ui::steps::migration::failure::{cause, consequence, headline, sides};
use crate::ui::steps::migration::waits;
use crate::ui::view::dialog::{go_on, stop, title};
use std::time::Duration;
use tokio::time::timeout;

/// Whoever has not answered by then has gone away.
const WITHIN: Duration = Duration::from_secs(120);

/// What somebody wants who has pressed Ctrl-C.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meant {
    /// The migration goes on without this window.
    Leave,
    GoOn,
    Stop,
    /// The engine is in this process: whoever leaves at once stops it.
    StopAndLeave,
    /// What broke off goes on under the same snapshot.
    TryAgain,
    /// Nobody can answer, and the engine is in this process: it goes on until somebody says so again.
    Deaf,
    /// This window goes. An engine in this process is told to end first, and what follows goes on following.
    End(StopReason),
}

pub(super) async fn asked(live: &Live) -> Meant {
    out::print("");
    if waits(live) {
        return broke_off(live).await;
    }
    if live.engine == Engine::Here {
        return match of_here(live).await {
            Ok(meant) => meant,
            Err(Gone::Interrupted) => Meant::StopAndLeave,
            Err(Gone::Ended) => {
                out::print("Nobody answers, so it goes on. Ctrl-C again stops it.");
                Meant::Deaf
            }
        };
    }
    match timeout(WITHIN, of_apart(live)).await {
        Ok(Ok(meant)) => meant,
        Ok(Err(_)) | Err(_) => Meant::Leave,
    }
}

/// Something broke off for a reason that can pass, and is held open. Only ending it takes that away: whoever does not answer
/// leaves it as it is.
pub(super) async fn broke_off(live: &Live) -> Meant {
    let utc_offset_s = waited(utc_offset_s()).await.ok().flatten();
    out::print(headline(live).trim_end_matches(';'));
    let (what, advice) = cause(live);
    what.iter().chain(&advice).for_each(|line| out::print(&without_keys(line)));
    let sides = sides(live, utc_offset_s.unwrap_or(0));
    sides.iter().for_each(|(side, sentence)| out::print(&format!("  {side}: {sentence}")));
    let again = consequence(live, Button::TryAgain);
    let mut choices = vec![
        ("w", "wait, and watch on".to_owned()),
        ("t", format!("{}: {again}", Button::TryAgain.label())),
        ("s", Button::StopMigration.label().to_owned()),
    ];
    if live.engine != Engine::Here {
        choices.push(("l", "leave: it waits without this window".to_owned()));
    }
    match broken_off(live, &choices).await {
        Ok(meant) => meant,
        Err(Gone::Interrupted) if live.engine == Engine::Here => Meant::StopAndLeave,
        Err(Gone::Ended) if live.engine == Engine::Here => {
            out::print("Nobody answers, so it waits on. Ctrl-C again stops it.");
            Meant::Deaf
        }
        Err(_) => Meant::Leave,
    }
}

/// A later command's work in this process: nobody goes on with it after us, and a closing that was broken off unasked left
/// some databases closed and others not.
pub(super) async fn breaks_off(task: Task) -> Meant {
    out::print("");
    let what = named(task);
    out::print(&format!(
        "The {what} runs in this very process and is broken off by leaving. Ctrl-C again breaks it off."
    ));
    match yes("Break it off", Preset::No).await {
        Ok(false) => Meant::GoOn,
        Ok(true) | Err(_) => Meant::End(StopReason::Operator),
    }
}

/// What became of a later command's work that nobody waits for any more.
pub(super) fn say_parted(live: &Live, task: Task, works: Works) {
    let (what, id) = (named(task), readable(&live.id));
    if works == Works::Elsewhere {
        out::print(&format!("The {what} goes on in the guard, without this window."));
        return;
    }
    let (already, command) = match task {
        Task::Finish(_) => ("Some databases may be closed already.", format!("pgpassage finish {id}")),
        Task::Stop => ("Some databases may be discontinued already.", format!("pgpassage stop {id}")),
        Task::Clean(_) => ("Some of it may be removed already.", format!("pgpassage clean {id}")),
        Task::Clear => {
            ("Some of it may be removed already.", format!("pgpassage, {id} in its list, and Try again"))
        }
        Task::Watch => ("What follows goes on following.", format!("pgpassage status {id} --watch --detach")),
    };
    out::print(&format!("The {what} was broken off. {already} Finish it: {command}"));
}

/// Where a later command is worked on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Works {
    Here,
    Elsewhere,
}

fn named(task: Task) -> &'static str {
    match task {
        Task::Finish(_) => "closing",
        Task::Stop => "discontinuation",
        Task::Clean(_) | Task::Clear => "clean-up",
        Task::Watch => "guarding",
    }
}

async fn broken_off(live: &Live, choices: &[(&str, String)]) -> Result<Meant, Gone> {
    match choose(choices).await? {
        "t" => {
            say_consequences(&go_on(live));
            let again = yes(Button::TryAgain.label(), Preset::No).await?;
            Ok(if again { Meant::TryAgain } else { Meant::GoOn })
        }
        "s" => really(live).await,
        "l" => Ok(Meant::Leave),
        _ => Ok(Meant::GoOn),
    }
}

async fn of_apart(live: &Live) -> Result<Meant, Gone> {
    out::print("The migration goes on meanwhile. Ctrl-C again leaves at once.");
    let choices = [
        ("l", "leave: the migration goes on without this window".to_owned()),
        ("w", "go on watching".to_owned()),
        ("s", "Stop migration".to_owned()),
    ];
    match choose(&choices).await? {
        "w" => Ok(Meant::GoOn),
        "s" => really(live).await,
        _ => Ok(Meant::Leave),
    }
}

async fn of_here(live: &Live) -> Result<Meant, Gone> {
    out::print("The migration runs in this very process and cannot go on without it. Ctrl-C again stops it.");
    let choices = [("w", "go on watching".to_owned()), ("s", "Stop migration".to_owned())];
    match choose(&choices).await? {
        "s" => really(live).await,
        _ => Ok(Meant::GoOn),
    }
}

async fn really(live: &Live) -> Result<Meant, Gone> {
    out::print(title(About::Stop));
    say_consequences(&stop(live));
    Ok(if yes("Stop migration", Preset::No).await? { Meant::Stop } else { Meant::GoOn })
}
