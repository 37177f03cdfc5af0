//! The last step in lines: the switch-over with what is true of it now, and how the connection is given up.

use super::failed::{admitted, bundle};
use super::follow::{Parting, Until, follow, left, ours, report};
use super::{now_ms, say_consequences, waited};
use crate::cli::ask::{Gone, Preset, ask, choose, yes};
use crate::cli::exit::Exit;
use crate::cli::out;
use crate::cli::wizard::Rooms;
use crate::link::{Engine as Lives, Known};
use crate::model::event::{DatabaseOutcome, RunOutcome};
use crate::model::failure::Failure;
use crate::model::status::DatabaseStatus;
use crate::model::task::{Loss, Task, Verify};
use crate::model::telling::outcome_word;
use crate::model::units::{count_of, printable, readable};
use crate::ui::drive::{Host, Opened, Typed};
use crate::ui::format::ago;
use crate::ui::state::live::{Ending, Live};
use crate::ui::state::passwords::Errand;
use crate::ui::state::{About, Button, Engine, State};
use crate::ui::steps::close::switch::{self, CLOSES, DISCONTINUES, Now, STEPS, kept_of, lag_of};
use crate::ui::steps::close::trouble::{answered, answered_for, answered_ms, asking_fails, notes};
use crate::ui::steps::close::update::close_how;
use crate::ui::update::closing;
use crate::ui::view::dialog::{text, title, type_its_name};
use std::path::Path;
use std::time::Duration;
use tokio::time::sleep;

/// How long a newer answer of the guard's is waited for, and how often it is asked.
const PATIENT_MS: u64 = 4_000;
const ASK_AGAIN: Duration = Duration::from_millis(200);

/// What is asked with, and since when an answer is one to the last question.
#[derive(Debug, Default)]
struct Asking {
    typed: Typed,
    since_ms: u64,
}

pub(super) async fn close(rooms: &Rooms, state: &mut State) -> Result<Exit, Gone> {
    out::print("Step 4 of 4, Close: the target follows the source (Syncing)");
    let mut asking = Asking::default();
    look(rooms, state, &mut asking).await?;
    loop {
        let Some(live) = &mut state.live else { return Ok(Exit::Failed) };
        if !live.is_following() {
            return Ok(over(live));
        }
        match choose(&choices(live)).await? {
            "k" => return Err(Gone::Ended),
            "u" => look(rooms, state, &mut asking).await?,
            "v" => live.verify = verify(live.verify).await?,
            "b" => bundle(rooms, &live.id),
            "g" => guard(rooms, live, &mut asking.typed).await?,
            chosen => {
                look(rooms, state, &mut asking).await?;
                if !state.live.as_ref().is_some_and(Live::is_following) {
                    continue;
                }
                let task = match chosen {
                    "s" => discontinue(state).await?,
                    _ => close_it(state, asking.since_ms).await?,
                };
                let Some(task) = task else { continue };
                if let Some(exit) = run(rooms, (state, task), &mut asking.typed).await? {
                    return Ok(exit);
                }
                look(rooms, state, &mut asking).await?;
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

/// What somebody else has done with it meanwhile, and whether its guard still lives: the journal knows.
pub(super) fn reread(live: &mut Live) {
    let home = Path::new(&live.shown.home);
    let Some(known) = tokio::task::block_in_place(|| Known::read(home)) else { return };
    live.engine = match known.engine {
        Lives::Alive { pid } => ours(Engine::Apart { pid }),
        Lives::Gone => Engine::Gone,
    };
    if live.engine.is_there() {
        live.ended = None;
    }
    // Of one that is damaged only a part can be read, and what was seen of it before is more.
    if known.damage.is_none() {
        live.run = known.run;
    }
}

/// Closed or discontinued elsewhere while somebody looked at the last step.
fn over(live: &Live) -> Exit {
    out::print("Nothing follows any more: that was ended elsewhere.");
    let outcome = live.run.outcome.unwrap_or_else(|| live.run.judge());
    report(live, outcome);
    if live.run.is_discontinued() { Exit::Done } else { Exit::of(outcome, &live.run) }
}

/// Asks both servers how it stands, and says so.
async fn look(rooms: &Rooms, state: &mut State, asking: &mut Asking) -> Result<(), Gone> {
    let Some(live) = &mut state.live else { return Ok(()) };
    reread(live);
    if !live.is_following() {
        return Ok(());
    }
    admitted(rooms, (&live.id, Errand::Status), &mut asking.typed).await?;
    out::print("Asking both servers.");
    asking.since_ms = now_ms();
    match waited(asked_now(rooms, (&live.id, &asking.typed), asking.since_ms)).await? {
        Ok(databases) => {
            answered(live, databases, now_ms());
            state.unanswered = None;
        }
        Err(failure) => state.unanswered = Some(failure.to_string()),
    }
    say(state, asking.since_ms);
    Ok(())
}

/// The guard looks once in a second, and what it saw before the question is no answer to it: a target that had fallen behind
/// since was said to have everything.
pub(super) async fn asked_now(
    rooms: &Rooms,
    (id, typed): (&str, &Typed),
    began_ms: u64,
) -> Result<Vec<DatabaseStatus>, Failure> {
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

/// Whether everything that follows has been seen since. Only then are its numbers an answer to the last question.
fn is_answered(state: &State, since_ms: u64) -> bool {
    let newest = state.live.as_ref().and_then(answered_ms);
    !asking_fails(state) && newest.is_some_and(|at_ms| at_ms >= since_ms)
}

/// When that was, for numbers that are older than the question.
fn when(seen_ms: Option<u64>) -> String {
    seen_ms.map_or_else(
        || "not asked yet".to_owned(),
        |at_ms| format!("asked {} ago", ago(now_ms().saturating_sub(at_ms))),
    )
}

fn say(state: &mut State, since_ms: u64) {
    state.now_ms = now_ms();
    let answered = is_answered(state, since_ms);
    let Some(live) = &state.live else { return };
    for (name, database) in &live.run.databases {
        let shown = readable(name);
        match database.outcome {
            Some(DatabaseOutcome::Following) => {
                let status = live.status(name).map(|(status, _)| status);
                let (lag, kept) = (lag_of(status), kept_of(status));
                let seen = answered_for(live, name);
                let is_new = answered || seen.is_some_and(|at_ms| at_ms >= since_ms);
                let old = if is_new { String::new() } else { format!(", {}", when(seen)) };
                out::print(&format!(
                    "  {shown}: lag {lag}, WAL kept on the source {kept}{}{old}",
                    ready(status)
                ));
            }
            Some(outcome) => out::print(&format!("  {shown}: {}", outcome_word(outcome))),
            None => out::print(&format!("  {shown}: not begun")),
        }
    }
    notes(state).iter().for_each(|note| out::print(&format!("  {}", note.text)));
    out::print(&format!("{}:", switch::TITLE));
    let (writes, lag) = if answered {
        (switch::writes(live, state.now_ms).1, switch::lag(live).1)
    } else {
        ("not known now".to_owned(), lag_before(live))
    };
    let now = [
        writes,
        lag,
        verified(live),
        point_to(live, answered.then_some(live)),
        closable(answered.then_some(live)),
    ];
    for (number, (what, now)) in (1..).zip(STEPS.into_iter().zip(now)) {
        out::print(&format!("  {number}. {what}: {now}"));
    }
}

fn verified(live: &Live) -> String {
    let how = switch::verify(live.verify);
    match switch::verified(live).0 {
        Now::Doubtful if live.verify != Verify::Nothing => {
            format!("{how}; they differed at the last attempt")
        }
        _ => how.to_owned(),
    }
}

/// `asked`: where what is known of it is from now.
fn point_to(live: &Live, asked: Option<&Live>) -> String {
    let target = printable(&live.shown.target);
    match asked.and_then(|live| switch::pointed(live).1) {
        Some(who) => format!("{target} ({})", switch::sessions(who)),
        None => target,
    }
}

fn closable(asked: Option<&Live>) -> String {
    match asked.map(switch::closable) {
        Some(Now::Good) => format!("nothing is behind; {CLOSES}"),
        Some(Now::NotYet) => format!("not yet; {CLOSES}"),
        _ => CLOSES.to_owned(),
    }
}

/// How it was before the question, without a word on how it is.
fn lag_before(live: &Live) -> String {
    match live.in_sync() {
        None => "not known now".to_owned(),
        Some(true) => format!("not known now; it was 0 B, {}", when(answered_ms(live))),
        Some(false) => format!("not known now; {}, {}", switch::lag(live).1, when(answered_ms(live))),
    }
}

/// How many tables follow already, where any are known.
pub(super) fn ready(status: Option<&DatabaseStatus>) -> String {
    let known = status.map(|s| (s.tables_ready, s.tables_ready + s.tables_not_ready));
    let known = known.filter(|(_, all)| *all > 0);
    known.map(|(ready, all)| format!(", {ready} of {} ready", count_of(all, "table"))).unwrap_or_default()
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

/// It had everything, and nobody knows whether it still has.
fn consequences_of_old(state: &State, live: &Live) {
    out::print("Close the connection? Whether the target has everything is not known.");
    let last = when(answered_ms(live));
    let first = format!(
        "The target had everything ({last}), and there is no newer answer. Whatever it misses by now is lost on the target."
    );
    let rest = text(state, About::CloseBehind).into_iter().skip(1);
    say_consequences(&[vec![first], rest.collect()].concat());
}

async fn discontinue(state: &State) -> Result<Option<Task>, Gone> {
    out::print("Discontinue?");
    say_consequences(&text(state, About::Stop));
    Ok(yes("Discontinue", Preset::No).await?.then_some(Task::Stop))
}

/// While it is behind, or that is not known, closing at once wants the migration's name.
async fn close_it(state: &State, since_ms: u64) -> Result<Option<Task>, Gone> {
    let Some(live) = &state.live else { return Ok(None) };
    let about = match close_how(live) {
        About::Close if !is_answered(state, since_ms) => About::CloseBehind,
        about => about,
    };
    if about == close_how(live) {
        consequences(state, about);
    } else {
        consequences_of_old(state, live);
    }
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
    let until = Until::Answered { task, after_seq: live.run.seq };
    let parting = follow(link, &mut fresh, until).await;
    let before = std::mem::replace(live, fresh);
    live.asked = before.asked;
    live.samples = before.samples;
    match parting {
        Parting::Left(exit) => {
            left(live);
            return Ok(Some(exit));
        }
        Parting::StoppedAndLeft => {
            left(live);
            return Ok(Some(Exit::of(RunOutcome::Stopped, &live.run)));
        }
        Parting::Ended | Parting::Enough => {}
    }
    if let Some(Ending::Broke(failure)) = &live.ended {
        out::print(&format!("error: {failure}"));
        return Ok((!live.is_following()).then_some(Exit::Failed));
    }
    let outcome = live.run.outcome.unwrap_or_else(|| live.run.judge());
    report(live, outcome);
    if live.run.is_discontinued() {
        return Ok(Some(Exit::Done));
    }
    // Refused, or lossy beside what follows: that can be closed still.
    Ok((!live.is_following()).then(|| Exit::of(outcome, &live.run)))
}

/// A new engine looks at the WAL that the source keeps, with or without this window.
async fn guard(rooms: &Rooms, live: &mut Live, typed: &mut Typed) -> Result<(), Gone> {
    admitted(rooms, (&live.id, Errand::Run(Task::Watch)), typed).await?;
    match waited(rooms.task(live.id.clone(), typed.clone(), Task::Watch)).await? {
        Ok(opened) => {
            (live.engine, live.ended) = (ours(opened.engine), None);
            out::print(if live.engine == Engine::Here {
                "It is guarded again, as long as this window is open."
            } else {
                "It is guarded again, with or without this window."
            });
        }
        Err(failure) => out::print(&format!("error: {failure}")),
    }
    Ok(())
}
