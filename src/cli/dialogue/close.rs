//! The last step in lines: the switch-over with what is true of it now, and how the connection is given up.

use super::failed::{admitted, bundle};
use super::follow::{Parting, Until, follow, report};
use super::{now_ms, say_consequences, waited};
use crate::cli::ask::{Gone, Preset, ask, choose, yes};
use crate::cli::exit::Exit;
use crate::cli::out;
use crate::cli::wizard::Rooms;
use crate::model::event::{DatabaseOutcome, RunOutcome};
use crate::model::failure::Failure;
use crate::model::status::DatabaseStatus;
use crate::model::task::{Loss, Task, Verify};
use crate::model::telling::outcome_word;
use crate::model::units::{printable, readable};
use crate::ui::drive::{Host, Opened, Typed};
use crate::ui::state::live::{Ending, Live};
use crate::ui::state::passwords::Errand;
use crate::ui::state::{About, Button, Engine, State};
use crate::ui::steps::close::switch::{self, CLOSES, DISCONTINUES, STEPS, kept_of, lag_of};
use crate::ui::steps::close::trouble::{answered, notes};
use crate::ui::steps::close::update::close_how;
use crate::ui::update::closing;
use crate::ui::view::dialog::{text, title, type_its_name};
use std::time::Duration;
use tokio::time::sleep;

/// How long a newer answer of the guard's is waited for, and how often it is asked.
const PATIENT_MS: u64 = 4_000;
const ASK_AGAIN: Duration = Duration::from_millis(200);

pub(super) async fn close(rooms: &Rooms, state: &mut State) -> Result<Exit, Gone> {
    out::print("Step 4 of 4, Close: the target follows the source (Syncing)");
    let mut typed = Typed::default();
    look(rooms, state, &mut typed).await?;
    loop {
        let Some(live) = &mut state.live else { return Ok(Exit::Failed) };
        match choose(&choices(live)).await? {
            "k" => return Err(Gone::Ended),
            "u" => look(rooms, state, &mut typed).await?,
            "v" => live.verify = verify(live.verify).await?,
            "b" => bundle(rooms, &live.id),
            "g" => guard(rooms, live, &mut typed).await?,
            chosen => {
                look(rooms, state, &mut typed).await?;
                let task = if chosen == "s" { discontinue(state).await? } else { close_it(state).await? };
                let Some(task) = task else { continue };
                if let Some(exit) = run(rooms, (state, task), &mut typed).await? {
                    return Ok(exit);
                }
                say(state);
            }
        }
    }
}

fn choices(live: &Live) -> Vec<(&'static str, String)> {
    let mut choices = vec![("k", "Keep replicating, and leave".to_owned())];
    if live.engine == Engine::Gone {
        choices.push(("g", Button::GuardAgain.label().to_owned()));
    }
    choices.push(("u", Button::StatusUpdate.label().to_owned()));
    choices.push(("v", format!("{}: {}", STEPS[2], switch::verify(live.verify))));
    choices.push(("c", format!("{}: {CLOSES}", Button::CloseConnection.label())));
    choices.push(("s", format!("Discontinue: {DISCONTINUES}")));
    choices.push(("b", Button::SaveBundle.label().to_owned()));
    choices
}

/// Asks both servers how it stands, and says so.
async fn look(rooms: &Rooms, state: &mut State, typed: &mut Typed) -> Result<(), Gone> {
    let Some(live) = &mut state.live else { return Ok(()) };
    admitted(rooms, (&live.id, Errand::Status), typed).await?;
    out::print("Asking both servers.");
    match waited(asked_now(rooms, (&live.id, typed))).await? {
        Ok(databases) => {
            answered(live, databases, now_ms());
            state.unanswered = None;
        }
        Err(failure) => state.unanswered = Some(failure.to_string()),
    }
    say(state);
    Ok(())
}

/// The guard looks once in a second, and what it saw before the question is no answer to it: a target that had fallen behind
/// since was said to have everything.
async fn asked_now(rooms: &Rooms, (id, typed): (&str, &Typed)) -> Result<Vec<DatabaseStatus>, Failure> {
    let began_ms = now_ms();
    loop {
        let databases = rooms.status(id.to_owned(), typed.clone()).await?;
        let follows = |d: &&DatabaseStatus| d.outcome == Some(DatabaseOutcome::Following);
        // Who does not say when it was asked has asked for this.
        let is_old = |d: &DatabaseStatus| d.at_ms > 0 && d.at_ms < began_ms;
        if !databases.iter().filter(follows).any(is_old) || now_ms() > began_ms + PATIENT_MS {
            return Ok(databases);
        }
        sleep(ASK_AGAIN).await;
    }
}

fn say(state: &mut State) {
    state.now_ms = now_ms();
    let Some(live) = &state.live else { return };
    for (name, database) in &live.run.databases {
        let shown = readable(name);
        match database.outcome {
            Some(DatabaseOutcome::Following) => {
                let status = live.status(name).map(|(status, _)| status);
                let (lag, kept) = (lag_of(status), kept_of(status));
                out::print(&format!(
                    "  {shown}: lag {lag}, log kept on the source {kept}{}",
                    ready(live, name)
                ));
            }
            Some(outcome) => out::print(&format!("  {shown}: {}", outcome_word(outcome))),
            None => out::print(&format!("  {shown}: not begun")),
        }
    }
    notes(state).iter().for_each(|note| out::print(&format!("  {}", note.text)));
    out::print(&format!("{}:", switch::TITLE));
    let now = [
        switch::writes(live, state.now_ms).1,
        switch::lag(live).1,
        switch::verify(live.verify).to_owned(),
        printable(&live.shown.target),
        CLOSES.to_owned(),
    ];
    for (number, (what, now)) in (1..).zip(STEPS.into_iter().zip(now)) {
        out::print(&format!("  {number}. {what}: {now}"));
    }
}

fn ready(live: &Live, name: &str) -> String {
    let status = live.status(name).map(|(status, _)| status);
    let known = status.filter(|s| s.tables_ready + s.tables_not_ready > 0);
    let all = known.map(|s| (s.tables_ready, s.tables_ready + s.tables_not_ready));
    all.map(|(ready, all)| format!(", {ready} of {all} tables ready")).unwrap_or_default()
}

/// How both sides are held against each other; what is set now is the first choice.
async fn verify(now: Verify) -> Result<Verify, Gone> {
    let all = [("r", Verify::Counts), ("c", Verify::Checksums), ("n", Verify::Nothing)];
    let mut choices = all.map(|(key, how)| (key, switch::verify(how).to_owned()));
    choices.sort_by_key(|(key, _)| !all.contains(&(*key, now)));
    let chosen = choose(&choices).await?;
    Ok(all.into_iter().find(|(key, _)| *key == chosen).map_or(now, |(_, how)| how))
}

fn consequences(state: &State, about: About) {
    out::print(title(about));
    say_consequences(&text(state, about));
}

async fn discontinue(state: &State) -> Result<Option<Task>, Gone> {
    consequences(state, About::Stop);
    Ok(yes("Discontinue", Preset::No).await?.then_some(Task::Stop))
}

/// While it is behind, closing at once wants the migration's name.
async fn close_it(state: &State) -> Result<Option<Task>, Gone> {
    let Some(live) = &state.live else { return Ok(None) };
    let about = close_how(live);
    consequences(state, about);
    let finish = |loss| Some(Task::Finish(closing(live, loss)));
    if about == About::Close {
        let yes = yes(Button::CloseConnection.label(), Preset::No).await?;
        return Ok(finish(Loss::Refuse).filter(|_| yes));
    }
    let choices = [
        ("k", "Keep replicating".to_owned()),
        ("w", "Wait until in sync, then close".to_owned()),
        ("a", "Close anyway".to_owned()),
    ];
    match choose(&choices).await? {
        "w" => Ok(finish(Loss::Refuse)),
        "a" if ask(&type_its_name(&live.id), "").await? == live.id => Ok(finish(Loss::Accept)),
        "a" => {
            out::print("That is not its name. Nothing was closed.");
            Ok(None)
        }
        _ => Ok(None),
    }
}

/// Nothing where it follows still.
async fn run(
    rooms: &Rooms,
    (state, task): (&mut State, Task),
    typed: &mut Typed,
) -> Result<Option<Exit>, Gone> {
    let Some(live) = &mut state.live else { return Ok(Some(Exit::Failed)) };
    admitted(rooms, (&live.id, Errand::Run(task)), typed).await?;
    let opened = match waited(rooms.task(live.id.clone(), typed.clone(), task)).await? {
        Ok(opened) => opened,
        Err(failure) => {
            out::print(&format!("error: {failure}"));
            return Ok(None);
        }
    };
    let Opened { link: Some(link), engine, shown, .. } = opened else {
        out::print("error: no engine took it");
        return Ok(None);
    };
    let mut fresh = Live::new(live.id.clone(), engine, shown);
    fresh.verify = live.verify;
    let parting = follow(link, &mut fresh, Until::Answered { after_seq: live.run.seq }).await;
    let before = std::mem::replace(live, fresh);
    live.asked = before.asked;
    live.samples = before.samples;
    if parting == Parting::Left {
        return Err(Gone::Interrupted);
    }
    if let Some(Ending::Broke(failure)) = &live.ended {
        out::print(&format!("error: {failure}"));
        return Ok(Some(Exit::Failed));
    }
    let outcome = live.run.outcome.unwrap_or_else(|| live.run.judge());
    report(live, outcome);
    if live.run.is_discontinued() {
        return Ok(Some(Exit::Done));
    }
    Ok((outcome != RunOutcome::Following).then(|| Exit::of(outcome, &live.run)))
}

/// A new engine looks at the log that the source keeps, with or without this window.
async fn guard(rooms: &Rooms, live: &mut Live, typed: &mut Typed) -> Result<(), Gone> {
    admitted(rooms, (&live.id, Errand::Run(Task::Watch)), typed).await?;
    match waited(rooms.task(live.id.clone(), typed.clone(), Task::Watch)).await? {
        Ok(opened) => {
            (live.engine, live.ended) = (opened.engine, None);
            out::print("It is guarded again, with or without this window.");
        }
        Err(failure) => out::print(&format!("error: {failure}")),
    }
    Ok(())
}
