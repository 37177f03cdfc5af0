//! A migration that did not get to its end, in lines: what is left of it, and how to go on.

use super::follow::{Parting, follow};
use crate::cli::ask::{Gone, Preset, choose, yes};
use crate::cli::passwords::{TRIES, ask};
use crate::cli::wizard::Rooms;
use crate::cli::{out, report};
use crate::model::failure::Failure;
use crate::model::run::Run;
use crate::model::task::{Task, Unfinished};
use crate::model::units::{Side, printable};
use crate::ui::drive::{Host, Opened, Typed};
use crate::ui::state::live::Live;
use crate::ui::state::passwords::Errand;
use crate::ui::state::{Button, Engine};
use crate::ui::steps::migration::failure::{cause, consequence, sides};
use crate::ui::steps::migration::{Of, dropped, leftovers, unfinished};
use crate::ui::view::dialog::{clean_up, try_again};
use std::io::IsTerminal;

/// Says what happened and offers what the wizard does. What was begun instead, where something was.
pub(super) async fn offer(rooms: &Rooms, mut live: Live) -> Result<Option<Result<Opened, Failure>>, Gone> {
    let mut typed = Typed::default();
    loop {
        tell(&live);
        let mut choices = vec![("q", "leave it as it is".to_owned())];
        if !unfinished(&live).is_empty() {
            choices.push(("t", format!("Try again: {}", consequence(&live, Button::TryAgain))));
        }
        if !leftovers(&live, Of::All).is_empty() || !dropped(&live, Unfinished::Drop).is_empty() {
            choices.push(("c", format!("Clean up: {}", consequence(&live, Button::CleanUp))));
        }
        let choice = choose(&choices).await?;
        let consequences = match choice {
            "t" => try_again(&live),
            "c" => clean_up(&live),
            _ => Vec::new(),
        };
        consequences.iter().for_each(|line| out::print(&format!("  {line}")));
        match choice {
            "t" if yes("Try again", Preset::No).await? => {
                if in_the_way(&live) && !work(rooms, (&mut live, &mut typed), Task::Clear).await? {
                    continue;
                }
                if in_the_way(&live) {
                    let why = live.run.refused.as_ref().map(|failure| format!("{failure}"));
                    let why = why.unwrap_or_else(|| "not everything could be taken back.".to_owned());
                    out::print(&printable(&format!("Not tried again: {why}")));
                    continue;
                }
                admitted(rooms, (&live.id, Errand::Again), &mut typed).await?;
                return Ok(Some(rooms.again(live.id, typed).await));
            }
            "c" if yes("Clean up", Preset::No).await? => {
                work(rooms, (&mut live, &mut typed), Task::Clean(Unfinished::Drop)).await?;
            }
            "t" | "c" => {}
            _ => return Ok(None),
        }
    }
}

fn tell(live: &Live) {
    match live.run.outcome {
        Some(outcome) => {
            let journal = format!("{}/journal", live.shown.home);
            out::print(&report::report(&live.run, outcome, &journal).join("\n"));
        }
        None => {
            out::print("The engine ended before its work was done.");
            let (what, advice) = cause(live);
            what.iter().chain(&advice).for_each(|line| out::print(line));
        }
    }
    // The operator's clock matters to what waits to go on alone, and that has an engine.
    sides(live, 0).iter().for_each(|(side, sentence)| out::print(&format!("  {side}: {sentence}")));
}

fn in_the_way(live: &Live) -> bool {
    !leftovers(live, Of::Unfinished).is_empty() || !dropped(live, Unfinished::DropIncomplete).is_empty()
}

/// By an engine of its own, to its end. False where it came to none.
async fn work(rooms: &Rooms, (live, typed): (&mut Live, &mut Typed), task: Task) -> Result<bool, Gone> {
    admitted(rooms, (&live.id, Errand::Run(task)), typed).await?;
    let ended = match rooms.task(live.id.clone(), typed.clone(), task).await {
        Ok(Opened { link: Some(link), .. }) => match follow(link, &mut Run::default(), live.run.seq).await {
            Parting::Left => return Err(Gone),
            Parting::Ended(Err(failure)) => Err(failure),
            Parting::Ended(Ok(_)) | Parting::Enough(_) => Ok(()),
        },
        Ok(_) => Err(Failure::local("no engine took it")),
        Err(failure) => Err(failure),
    };
    if let Err(failure) = ended {
        out::print(&format!("error: {failure}"));
        return Ok(false);
    }
    // The whole story again, as its journal tells it now.
    match rooms.open(live.id.clone()).await {
        // Somebody's engine guards what follows.
        Ok(opened) if opened.link.is_some() => Ok(false),
        Ok(opened) => {
            *live = Live::new(live.id.clone(), Engine::Gone, opened.shown);
            opened.entries.iter().for_each(|entry| live.apply(entry));
            Ok(true)
        }
        Err(failure) => {
            out::print(&format!("error: {failure}"));
            Ok(false)
        }
    }
}

/// Asks for the passwords without which a server does not let us in, where somebody is there to answer.
pub(super) async fn admitted(
    rooms: &Rooms,
    (id, errand): (&str, Errand),
    typed: &mut Typed,
) -> Result<(), Gone> {
    if !std::io::stdin().is_terminal() {
        return Ok(());
    }
    for _ in 0..TRIES {
        // Whoever goes on says what else is wrong with a server.
        let barred = rooms.barred(id.to_owned(), typed.clone(), errand).await.unwrap_or_default();
        if barred.is_empty() {
            break;
        }
        for one in barred {
            let Some(secret) = ask(&one, &rooms.address(id, one.side), out::prompt).await? else {
                return Ok(());
            };
            match one.side {
                Side::Source => typed.source = Some(secret),
                Side::Target => typed.target = Some(secret),
            }
        }
    }
    Ok(())
}
