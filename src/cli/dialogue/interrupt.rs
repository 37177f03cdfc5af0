//! Ctrl-C while a migration is watched: what it may mean, the harmless first. Nothing is stopped that was not asked for twice.

use super::say_consequences;
use crate::cli::ask::{Gone, Preset, choose, yes};
use crate::cli::out;
use crate::ui::state::live::Live;
use crate::ui::state::{About, Engine};
use crate::ui::view::dialog::{stop, title};
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
    /// Nobody can answer, and the engine is in this process: it goes on until somebody says so again.
    Deaf,
}

pub(super) async fn asked(live: &Live) -> Meant {
    out::print("");
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
