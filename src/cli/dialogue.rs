//! The wizard's questions and results in plain lines: for terminals without a full screen, for readers of screens, for pipes.

mod asking;
mod check;
mod close;
mod configure;
mod decide;
mod failed;
mod follow;
mod guide;
mod interrupt;
mod list;
mod plan;
mod signals;

use super::ask::Gone;
use super::exit::Exit;
use super::out;
use super::signals::Signals;
use super::wizard::Rooms;
use crate::model::units::{printable, readable};
use crate::ui::drive::{Host, Prepared};
use crate::ui::state::form::{FieldError, Form};
use crate::ui::state::{Colors, Letters, Look, State};
use check::Chosen;
use list::Which;
use plan::Begun;
use std::future::Future;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Nothing is drawn: what is asked of the window's state are its words.
const LOOK: Look = Look { colors: Colors::None, letters: Letters::Ascii };

/// What comes after something has come to its end.
enum Next {
    Over(Exit),
    /// The questions from the first on, with the form as it is filled.
    Questions,
}

pub(super) async fn run(rooms: Rooms) -> Exit {
    let mut state = State::new(Form::default(), LOOK, rooms.home());
    // Before the first line: the terminal may go as soon as that is there.
    let signals = Signals::new().ok();
    let talked = tokio::select! {
        // What was followed has its last word before anybody goes.
        biased;
        talked = talk(&rooms, &mut state) => talked,
        exit = signals::gone(signals) => {
            out::print("");
            goodbye(&state);
            return exit;
        }
    };
    match talked {
        Ok(exit) => exit,
        Err(Gone::Interrupted) => {
            goodbye(&state);
            Exit::Interrupted
        }
        // One that was begun before, and taken back to start over, has changed something.
        Err(Gone::Ended) if state.start.opened.is_some() => {
            out::print("Nothing was answered; no other migration was begun.");
            Exit::Usage
        }
        Err(Gone::Ended) => {
            out::print("Nothing was answered; nothing was changed on any server.");
            Exit::Usage
        }
    }
}

/// Said by whoever is sent away at a question.
fn goodbye(state: &State) {
    match (&state.live, &state.start.opened) {
        (Some(live), _) => follow::left(live),
        (None, Some(id)) => {
            out::print(&format!("This window is closed. What is left: pgpassage status {}", readable(id)));
        }
        (None, None) => out::print("This window is closed; nothing was changed on any server."),
    }
}

/// What has not been changed: whoever starts over has had something dropped before.
fn nothing(state: &State) -> &'static str {
    if state.start.opened.is_some() { "nothing else" } else { "nothing" }
}

async fn talk(rooms: &Rooms, state: &mut State) -> Result<Exit, Gone> {
    let mut next = match list::which(rooms, state).await? {
        Which::Known(id) => match waited(rooms.open(id)).await {
            Ok(opened) => follow::show(rooms, state, opened).await,
            Err(_) => {
                out::print("This window is closed; nothing was changed on any server.");
                Next::Over(Exit::Interrupted)
            }
        },
        Which::New => Next::Questions,
        Which::Nothing => Next::Over(Exit::Done),
    };
    loop {
        next = match next {
            Next::Over(exit) => return Ok(exit),
            Next::Questions => questions(rooms, state).await?,
        }
    }
}

/// The first three steps, up to the start.
async fn questions(rooms: &Rooms, state: &mut State) -> Result<Next, Gone> {
    configure::target(state).await?;
    configure::source(&mut state.form).await?;
    loop {
        check::judge(rooms, state).await?;
        loop {
            match check::chosen(state).await? {
                Chosen::Check => break,
                Chosen::Leave => {
                    let may = state.check.as_ref().is_some_and(|check| check.may_start().is_ok());
                    return Ok(Next::Over(if may { Exit::Done } else { Exit::Blocked }));
                }
                Chosen::GoOn => {}
            }
            let Some(check) = &mut state.check else { break };
            if !decide::decide(check).await? {
                continue;
            }
            match plan::asked(rooms, state).await? {
                Begun::Start(prepared) => {
                    out::print(if rooms.home() == crate::ui::state::Home::Apart {
                        "Ctrl-C asks what to do: leave it at work, or stop it."
                    } else {
                        "It runs in this process. Ctrl-C asks what to do."
                    });
                    return Ok(begin(rooms, state, *prepared).await);
                }
                Begun::Judge => break,
                Begun::Back => {}
                Begun::Leave => {
                    out::print(if state.start.opened.is_some() {
                        "Nothing else was changed."
                    } else {
                        "Nothing was changed."
                    });
                    return Ok(Next::Over(Exit::Done));
                }
            }
        }
    }
}

async fn begin(rooms: &Rooms, state: &mut State, prepared: Prepared) -> Next {
    let id = prepared.plan.id.clone();
    state.start.opened = Some(id.clone());
    if let Ok(opened) = waited(rooms.start(prepared)).await {
        return follow::show(rooms, state, opened).await;
    }
    // Its process may have been on its way.
    out::print(&format!("Not waited for. Whether {0} has begun: pgpassage status {0}", readable(&id)));
    Next::Over(Exit::Interrupted)
}

fn complain(errors: &[FieldError]) {
    for error in errors {
        out::print(&format!("error: {}: {}", error.field.label(), printable(&error.what)));
    }
}

/// A sentence of the window's without the keys that it names: there are none here.
fn without_keys(text: &str) -> String {
    const KEYS: [&str; 4] = [" (x on its line above)", " (s)", " (l)", "▲ "];
    KEYS.iter().fold(text.to_owned(), |text, key| text.replace(key, ""))
}

/// What something leads to, below the question about it. That one can also just leave is among its answers here.
fn say_consequences(lines: &[String]) {
    let said = lines.iter().filter(|line| !line.is_empty() && !line.starts_with("Only want to leave?"));
    said.for_each(|line| out::print(&format!("  {line}")));
}

/// What has come of it, unless somebody does not wait for that any more.
async fn waited<T>(work: impl Future<Output = T>) -> Result<T, Gone> {
    tokio::select! {
        done = work => Ok(done),
        _ = tokio::signal::ctrl_c() => {
            out::print("");
            Err(Gone::Interrupted)
        }
    }
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
