//! A migration that did not get to its end, in lines: what is left of it, and how to go on.

use super::follow::{Parting, Until, follow, report};
use super::{say_consequences, waited, without_keys};
use crate::cli::ask::{Gone, Preset, choose, yes};
use crate::cli::exit::Exit;
use crate::cli::out;
use crate::cli::passwords::{TRIES, ask};
use crate::cli::wizard::Rooms;
use crate::model::event::RunOutcome;
use crate::model::failure::Failure;
use crate::model::task::{Task, Unfinished};
use crate::model::units::{Side, printable};
use crate::ui::drive::{Host, Opened, Typed};
use crate::ui::state::live::{Ending, Live};
use crate::ui::state::passwords::Errand;
use crate::ui::state::{Button, Engine, State};
use crate::ui::steps::migration::failure::{cause, consequence, sides};
use crate::ui::steps::migration::{
    Of, dropped, fill_from, identities, identities_of_unfinished, leftovers, unfinished,
};
use crate::ui::update::commandable;
use crate::ui::view::dialog::{clean_up, start_over, try_again};
use std::io::IsTerminal;

/// What comes before the questions come again.
const CLEAN: Task = Task::Clean(Unfinished::DropIncomplete);

/// How it goes on.
pub(super) enum After {
    Leave,
    /// Another migration was begun of what this one did not bring to its end.
    Begun(Box<Result<Opened, Failure>>),
    /// Nothing of it is left; with the passwords that were typed for its servers.
    StartOver(Typed),
    /// What follows is looked after.
    LastStep,
}

/// Nobody is there any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Away {
    /// Gone at a question, or while an answer was waited for.
    Asked,
    /// What ran was left, with this as the exit.
    Left(Exit),
}

impl From<Gone> for Away {
    fn from(_: Gone) -> Self {
        Away::Asked
    }
}

/// Says what happened and offers what the wizard does.
pub(super) async fn offer(rooms: &Rooms, live: &mut Live) -> Result<After, Away> {
    let mut typed = Typed::default();
    tell(live);
    loop {
        let choice = choose(&choices(live)).await?;
        let consequences = match choice {
            "t" => try_again(live),
            "o" => start_over(live),
            "c" => clean_up(live),
            _ => Vec::new(),
        };
        say_consequences(&consequences);
        match choice {
            "t" if yes(Button::TryAgain.label(), Preset::No).await?
                && taken_back(rooms, (live, &mut typed), (Task::Clear, Of::Unfinished)).await? =>
            {
                admitted(rooms, (&live.id, Errand::Again), &mut typed).await?;
                let Ok(begun) = waited(rooms.again(live.id.clone(), typed)).await else {
                    out::print("Not waited for. Whether another migration has begun: pgpassage list");
                    return Err(Away::Asked);
                };
                return Ok(After::Begun(Box::new(begun)));
            }
            "o" if yes(Button::StartOver.label(), Preset::No).await?
                && taken_back(rooms, (live, &mut typed), (CLEAN, Of::All)).await? =>
            {
                return Ok(After::StartOver(typed));
            }
            "c" if yes(Button::CleanUp.label(), Preset::No).await? => {
                work(rooms, (live, &mut typed), Task::Clean(Unfinished::Drop)).await?;
                tell(live);
            }
            "b" => bundle(rooms, &live.id),
            "n" => return Ok(After::LastStep),
            "q" => return Ok(After::Leave),
            _ => {}
        }
    }
}

fn choices(live: &Live) -> Vec<(&'static str, String)> {
    let mut choices = vec![("q", "leave it as it is".to_owned())];
    let mut add = |key, button: Button| {
        choices.push((key, format!("{}: {}", button.label(), consequence(live, button))));
    };
    // What an engine guards is not taken from under it: the last step can discontinue it.
    let guarded = live.run.keeping && commandable(live);
    if !unfinished(live).is_empty() {
        add("t", Button::TryAgain);
    }
    if !guarded {
        add("o", Button::StartOver);
    }
    let left = !leftovers(live, Of::All).is_empty()
        || identities(live) > 0
        || !dropped(live, Unfinished::Drop).is_empty();
    if left && !guarded {
        add("c", Button::CleanUp);
    }
    add("b", Button::SaveBundle);
    if live.is_following() {
        add("n", Button::Continue);
    }
    choices
}

/// With the form as that migration had it, for the questions from the first on.
pub(super) fn fill(rooms: &Rooms, state: &mut State, (live, typed): (&Live, Typed)) {
    let form = &mut state.form;
    fill_from(form, live);
    for (server, secret) in [(&mut form.source, typed.source), (&mut form.target, typed.target)] {
        if let Some(secret) = secret {
            server.password.set(secret.expose());
        }
    }
    form.name.set(rooms.free_name(&live.id).unwrap_or_default());
    state.check = None;
    out::print(
        "Nothing unfinished of the last attempt is left; servers and left-out databases are filled in.",
    );
}

pub(super) fn bundle(rooms: &Rooms, id: &str) {
    match rooms.bundle(id) {
        Ok(path) => out::print(&format!("Saved as {}", printable(&path))),
        Err(failure) => out::print(&format!("error: {failure}")),
    }
}

fn tell(live: &Live) {
    // Where the rest follows it has not ended, and how it stands is known.
    match live.run.outcome.or_else(|| live.run.keeping.then(|| live.run.judge())) {
        Some(outcome) => report(live, outcome),
        None => {
            out::print("The engine ended before its work was done.");
            let (what, advice) = cause(live);
            what.iter().chain(&advice).for_each(|line| out::print(&without_keys(line)));
        }
    }
    // The operator's clock matters to what waits to go on alone, and that has an engine.
    sides(live, 0).iter().for_each(|(side, sentence)| out::print(&format!("  {side}: {sentence}")));
}

/// Whether nothing is in the way of beginning anew, after what was has been removed.
async fn taken_back(
    rooms: &Rooms,
    (live, typed): (&mut Live, &mut Typed),
    (task, of): (Task, Of),
) -> Result<bool, Away> {
    let in_the_way = |live: &Live| {
        !leftovers(live, of).is_empty()
            || identities_of_unfinished(live) > 0
            || (of == Of::All && identities(live) > 0)
            || !dropped(live, Unfinished::DropIncomplete).is_empty()
    };
    if in_the_way(live) && !work(rooms, (live, typed), task).await? {
        return Ok(false);
    }
    if !in_the_way(live) {
        return Ok(true);
    }
    let why = live.run.refused.as_ref().map(|failure| format!("{failure}"));
    let why = why.unwrap_or_else(|| "not everything could be taken back.".to_owned());
    let not = if of == Of::All { "Not started over" } else { "Not tried again" };
    out::print(&printable(&format!("{not}: {why}")));
    tell(live);
    Ok(false)
}

/// By an engine of its own or the one that guards, to its end. False where it came to none.
async fn work(rooms: &Rooms, (live, typed): (&mut Live, &mut Typed), task: Task) -> Result<bool, Away> {
    admitted(rooms, (&live.id, Errand::Run(task)), typed).await?;
    let ended = match waited(rooms.task(live.id.clone(), typed.clone(), task)).await? {
        Ok(Opened { link: Some(link), engine, shown, .. }) => {
            let until = Until::Answered { task, after_seq: live.run.seq };
            let mut fresh = Live::new(live.id.clone(), engine, shown);
            match follow(link, &mut fresh, until).await {
                Parting::Left(exit) => return Err(Away::Left(exit)),
                Parting::StoppedAndLeft => {
                    return Err(Away::Left(Exit::of(RunOutcome::Stopped, &fresh.run)));
                }
                Parting::Enough => {
                    // Told whole by the engine that guards the rest.
                    *live = fresh;
                    return Ok(true);
                }
                Parting::Ended => match fresh.ended {
                    Some(Ending::Broke(failure)) => Err(failure),
                    _ => Ok(()),
                },
            }
        }
        Ok(_) => Err(Failure::local("no engine took it")),
        Err(failure) => Err(failure),
    };
    if let Err(failure) = ended {
        out::print(&format!("error: {failure}"));
        return Ok(false);
    }
    Ok(reread(rooms, live).await?)
}

/// The whole story again, as its journal tells it now.
async fn reread(rooms: &Rooms, live: &mut Live) -> Result<bool, Gone> {
    match waited(rooms.open(live.id.clone())).await? {
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
        let barred = waited(rooms.barred(id.to_owned(), typed.clone(), errand)).await?.unwrap_or_default();
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
