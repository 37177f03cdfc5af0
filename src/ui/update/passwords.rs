//! Passwords that no engine remembers: asked for, typed, and offered to the servers once more.

use super::commandable;
use crate::model::command::Command;
use crate::model::failure::Failure;
use crate::model::passwords::{Barred, Barrier, for_a_window};
use crate::model::task::Task;
use crate::ui::keys::{Code, Key};
use crate::ui::message::Effect;
use crate::ui::state::passwords::{Ask, Errand};
use crate::ui::state::{Overlay, State, Switch};
use crate::ui::steps::{close, migration};

/// Some server does not let us in. What it did not accept is wiped; what the other one accepted stays.
pub(super) fn ask(state: &mut State, errand: Errand, barred: Vec<Barred>) {
    tried(state);
    for one in barred.iter().filter(|one| one.why == Barrier::Wrong) {
        state.form.server_mut(one.side).password.clear();
    }
    state.overlay = Some(Overlay::Passwords(Ask::of(errand, barred)));
}

fn tried(state: &mut State) {
    if let Some(live) = &mut state.live {
        live.trying = None;
    }
}

/// What would have been taken away could not have been brought back now.
pub(super) fn shut(state: &mut State, failure: &Failure) {
    tried(state);
    if let Some(live) = &mut state.live {
        (live.wanted, live.by_hand) = (None, Switch::Off);
    }
    let (title, remark) =
        ("Not tried again".to_owned(), Some("Nothing was touched on either server.".to_owned()));
    state.overlay = Some(Overlay::Text { title, remark, text: for_a_window(&failure.to_string()), from: 0 });
}

/// The engine that guards the rest, or one of its own where that has ended meanwhile.
fn take_back(state: &State) -> Vec<Effect> {
    match &state.live {
        Some(live) if commandable(live) => vec![Effect::Send(Command::Clear)],
        _ => vec![Effect::Run(Task::Clear)],
    }
}

/// Both servers let us in.
pub(super) fn let_in(state: &mut State, errand: Errand) -> Vec<Effect> {
    tried(state);
    match errand {
        Errand::Run(_) | Errand::Again => vec![Effect::Begin(errand)],
        Errand::TakeBack => take_back(state),
        Errand::Recheck => migration::update::recheck(state),
        Errand::Status => close::update::ask(state),
    }
}

pub(super) fn key(state: &mut State, key: Key) -> Vec<Effect> {
    let Some(Overlay::Passwords(ask)) = &mut state.overlay else { return Vec::new() };
    let len = ask.fields.len().max(1);
    match key.code {
        Code::Tab | Code::Down => ask.on = (ask.on + 1) % len,
        Code::BackTab | Code::Up => ask.on = (ask.on + len - 1) % len,
        Code::Esc => give_up(state),
        Code::Enter if ask.on + 1 < len => ask.on += 1,
        Code::Enter => return offer(state),
        _ => {
            if let Some(field) = ask.fields.get(ask.on) {
                state.form.server_mut(field.side).password.key(key);
            }
        }
    }
    Vec::new()
}

/// The same errand again: whoever performs it asks the servers first.
fn offer(state: &mut State) -> Vec<Effect> {
    let Some(Overlay::Passwords(ask)) = state.overlay.take() else { return Vec::new() };
    vec![match ask.errand {
        Errand::Run(task) => Effect::Run(task),
        Errand::Again => Effect::Again,
        errand @ (Errand::TakeBack | Errand::Recheck | Errand::Status) => Effect::LogIn(errand),
    }]
}

/// Nothing is done, and what was typed for it is wiped.
fn give_up(state: &mut State) {
    let Some(Overlay::Passwords(ask)) = state.overlay.take() else { return };
    for field in ask.fields.iter().filter(|field| field.why.is_some()) {
        state.form.server_mut(field.side).password.clear();
    }
    if let Some(live) = &mut state.live {
        live.by_hand = Switch::Off;
    }
    if ask.errand != Errand::Status {
        if let Some(live) = &mut state.live {
            live.wanted = None;
        }
        let said = match ask.errand {
            Errand::Again => "Nothing was begun anew",
            _ => "Nothing was done",
        };
        state.say(said);
    }
}
