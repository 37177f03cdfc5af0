//! Questions while a migration is watched, after Ctrl-C and where it broke off: the harmless answer first, and nothing is
//! stopped that was not asked for twice.

use super::{say_consequences, waited, without_keys};
use crate::cli::ask::{Gone, Preset, choose, yes};
use crate::cli::out;
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
        Err(Gone::Ended) if live.engine == Engine::Here => Meant::Deaf,
        Err(_) => Meant::Leave,
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
