//! This machine's migrations in lines: how each stands and what needs attention; which one is to be looked at, asked about or
//! forgotten.

use super::close::{asked_now, ready};
use super::{now_ms, say_consequences, waited};
use crate::cli::ask::{Gone, Preset, ask, pick, yes};
use crate::cli::out;
use crate::cli::wizard::Rooms;
use crate::model::event::DatabaseOutcome;
use crate::model::status::DatabaseStatus;
use crate::model::telling::outcome_word;
use crate::model::units::{printable, readable};
use crate::ui::drive::{Host, Typed};
use crate::ui::format::ago;
use crate::ui::state::{About, Button, Known, State};
use crate::ui::steps::close::switch::{kept_of, lag_of};
use crate::ui::steps::start::Tag;
use crate::ui::steps::start::update::{known as known_now, stays};
use crate::ui::steps::start::view::{attention, lag, progress};
use crate::ui::view::dialog::{text, title};
use futures_util::future::join_all;

/// The number of the first migration: 1 is a new one.
const FIRST: usize = 2;

/// What is to be looked at.
pub(super) enum Which {
    New,
    Known(String),
    Nothing,
}

pub(super) async fn which(rooms: &Rooms, state: &mut State) -> Result<Which, Gone> {
    read(rooms, state);
    if known(state).is_empty() {
        return Ok(Which::New);
    }
    loop {
        say(state);
        let choices = choices(state);
        let chosen = pick(&choices).await?;
        match choices[chosen].0.as_str() {
            "1" => return Ok(Which::New),
            "q" => return Ok(Which::Nothing),
            "u" => status_update(rooms, state).await?,
            "x" => forget(rooms, state).await?,
            _ => {
                // They stand behind the new one, in their order.
                let id = known(state).get(chosen - 1).map(|known| known.id.clone());
                return Ok(id.map_or(Which::Nothing, Which::Known));
            }
        }
        read(rooms, state);
    }
}

fn read(rooms: &Rooms, state: &mut State) {
    match tokio::task::block_in_place(|| rooms.known()) {
        Ok(known) => known_now(state, known),
        Err(failure) => out::print(&printable(&format!("The list cannot be read: {failure}"))),
    }
}

fn known(state: &State) -> &[Known] {
    state.start.known.as_deref().unwrap_or_default()
}

fn say(state: &State) {
    if known(state).is_empty() {
        out::print("This machine knows no migration any more.");
        return;
    }
    out::print("Migrations that this machine knows:");
    for one in attention(state) {
        out::print(&format!("needs attention: {}: {}", one.id, one.what));
    }
}

fn choices(state: &State) -> Vec<(String, String)> {
    let mut choices = vec![("1".to_owned(), "New migration".to_owned())];
    let all = known(state).iter().zip(FIRST..);
    choices.extend(all.map(|(one, number)| (number.to_string(), standing(one, now_ms()))));
    if known(state).iter().any(follows) {
        let what = format!("{}: asks the servers of what follows", Button::StatusUpdate.label());
        choices.push(("u".to_owned(), what));
    }
    if !known(state).is_empty() {
        choices.push(("x".to_owned(), "Forget one that is over, and free its name".to_owned()));
    }
    choices.push(("q".to_owned(), "quit".to_owned()));
    choices
}

fn standing(known: &Known, now_ms: u64) -> String {
    let mut said = format!("{}: {}, {}", known.id, Tag::of(known).word(), progress(known));
    if Tag::of(known) == Tag::Syncing {
        said.push_str(&format!(", lag {}", lag(known)));
        // A guard looks all the time.
        let old = known.lag.as_ref().filter(|_| !known.engine.is_there());
        if let Some(lag) = old {
            said.push_str(&format!(" (asked {} ago)", ago(now_ms.saturating_sub(lag.asked_ms))));
        }
        if !known.engine.is_there() {
            said.push_str(", nobody guards it");
        }
    }
    let servers = printable(&format!("{} to {}", known.source, known.target));
    format!("{said}; {servers}")
}

fn follows(known: &Known) -> bool {
    known.run.databases.values().any(|d| d.outcome == Some(DatabaseOutcome::Following))
}

/// Asks for the number of a migration, or the word; none for the word.
async fn number(state: &State, question: &str, word: &str) -> Result<Option<usize>, Gone> {
    loop {
        let answer = ask(question, word).await?;
        if answer == word {
            return Ok(None);
        }
        let at = answer.parse::<usize>().ok().and_then(|number| number.checked_sub(FIRST));
        match at.filter(|at| *at < known(state).len()) {
            Some(at) => return Ok(Some(at)),
            None => out::print(&format!("Please answer a migration's number from above, or {word}.")),
        }
    }
}

/// What both servers of one say now, or of all that follow.
async fn status_update(rooms: &Rooms, state: &mut State) -> Result<(), Gone> {
    let following: Vec<_> = (0..).zip(known(state)).filter(|(_, k)| follows(k)).map(|(at, _)| at).collect();
    let wanted = match following.as_slice() {
        [only] => vec![*only],
        all => match number(state, "Of which one, by its number", "all").await? {
            Some(at) => vec![at],
            None => all.to_vec(),
        },
    };
    let ids: Vec<_> = wanted.iter().filter_map(|at| known(state).get(*at)).map(|k| k.id.clone()).collect();
    let whose = if ids.len() == 1 { "both servers of".to_owned() } else { "the servers of".to_owned() };
    out::print(&format!("Asking {whose} {}.", ids.join(", ")));
    let (typed, began_ms) = (Typed::default(), now_ms());
    let asking = join_all(ids.iter().map(|id| asked_now(rooms, (id, &typed), began_ms)));
    let Ok(answers) = waited(asking).await else {
        out::print("Not waited for.");
        return Ok(());
    };
    let known = state.start.known.as_deref_mut().unwrap_or_default();
    for ((at, id), answer) in wanted.into_iter().zip(&ids).zip(answers) {
        let failed = match &answer {
            Ok(databases) => {
                databases.iter().for_each(|d| out::print(&format!("  {id}: {}", told(d))));
                known[at].answered(databases, now_ms());
                databases.iter().any(|d| d.unasked)
            }
            Err(failure) => {
                out::print(&printable(&format!("  {id}: asking failed: {failure}")));
                true
            }
        };
        if failed {
            let number = at + FIRST;
            out::print(&format!("  {number} opens {id}, and asks for passwords where a server wants one."));
        }
    }
    Ok(())
}

fn told(database: &DatabaseStatus) -> String {
    let name = readable(&database.database);
    match (database.outcome, &database.error) {
        (Some(DatabaseOutcome::Following), Some(error)) if database.unasked => {
            format!("{name}: asking failed: {}", printable(error))
        }
        (Some(DatabaseOutcome::Following), error) => {
            let (lag, kept) = (lag_of(Some(database)), kept_of(Some(database)));
            let tables = ready(Some(database));
            let error = error.as_ref().map(|error| format!("; {}", printable(error))).unwrap_or_default();
            format!("{name}: lag {lag}, WAL kept on the source {kept}{tables}{error}")
        }
        (Some(outcome), _) => format!("{name}: {}", outcome_word(outcome)),
        (None, _) => format!("{name}: not through"),
    }
}

/// Asks first; where something of it is left says what is in the way.
async fn forget(rooms: &Rooms, state: &mut State) -> Result<(), Gone> {
    let Some(at) = number(state, "Forget which one, by its number", "none").await? else { return Ok(()) };
    let one = &known(state)[at];
    let id = one.id.clone();
    if let Some(why) = stays(one) {
        out::print(&format!("{id} is not forgotten: {why}. {} opens it, and leads on.", at + FIRST));
        return Ok(());
    }
    state.start.forgetting = Some(id.clone());
    out::print(title(About::Forget));
    say_consequences(&text(state, About::Forget));
    if !yes("Forget", Preset::No).await? {
        return Ok(());
    }
    match tokio::task::block_in_place(|| rooms.forget(&id)) {
        Ok(()) => out::print(&format!("{id} is forgotten: its name is free again.")),
        Err(failure) => out::print(&printable(&format!("error: {failure}"))),
    }
    Ok(())
}
