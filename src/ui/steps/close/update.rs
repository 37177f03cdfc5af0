//! Keys on the last step.

use super::trouble;
use crate::model::task::{Task, Verify};
use crate::ui::keys::{Code, Key, moved};
use crate::ui::message::Effect;
use crate::ui::state::live::Live;
use crate::ui::state::passwords::{Ask, Errand};
use crate::ui::state::{About, Button, Dialog, Engine, Focus, Home, Overlay, Rights, Screen, State, Switch};
use crate::ui::steps::migration::charts;
use crate::ui::steps::migration::update::live_order;
use crate::ui::update::{fields, leave, refuse_to_change};

pub fn order(state: &State) -> Vec<Focus> {
    buttons(state).into_iter().map(Focus::Button).chain([Focus::List]).collect()
}

pub fn buttons(state: &State) -> Vec<Button> {
    let Some(live) = &state.live else { return vec![Button::CloseConnection] };
    match (live.is_following(), state.rights) {
        // What is under way is to be waited for, and whoever does not want to can go.
        (true, Rights::Command) if trouble::is_closing(state) => vec![Button::CloseWindow],
        (true, Rights::Command) if live.engine == Engine::Gone && state.home != Home::Demo => {
            vec![Button::GuardAgain, Button::CloseConnection, Button::StatusUpdate]
        }
        (true, Rights::Command) => {
            vec![Button::KeepReplicating, Button::CloseConnection, Button::StatusUpdate]
        }
        (true, Rights::Look) => vec![Button::CloseWindow, Button::StatusUpdate],
        (false, Rights::Command) => vec![last_button(live)],
        (false, Rights::Look) => vec![Button::CloseWindow],
    }
}

/// Without replication the console's last word is Close connection; after it, there is nothing left to close.
fn last_button(live: &Live) -> Button {
    if live.replicates() { Button::CloseWindow } else { Button::CloseConnection }
}

/// Other buttons stand there once the engine is gone, while it closes, and once nothing follows any more.
pub fn focus_on_what_is_there(state: &mut State) {
    let order = match state.screen {
        Screen::Close => order(state),
        Screen::Live => live_order(state),
        _ => Vec::new(),
    };
    let is_button = |focus: &&Focus| matches!(focus, Focus::Button(_));
    if let (Focus::Button(_), Some(first)) = (state.focus, order.iter().find(is_button).or(order.first()))
        && !order.contains(&state.focus)
    {
        state.focus = *first;
    }
}

pub fn key(state: &mut State, key: Key) -> Option<Vec<Effect>> {
    // Here Space freezes the numbers, whatever has the focus: it must never close anything.
    if key.code == Code::Char(' ') {
        state.pace.frozen = state.pace.frozen.other();
        let now = if state.pace.frozen.is_on() { "frozen: Space goes on" } else { "not frozen any more" };
        state.say(format!("The numbers are {now}"));
        return Some(Vec::new());
    }
    if let Some(button) = fields::pressed(state, key) {
        return Some(press(state, button));
    }
    if fields::key(state, key, &order(state)) {
        return Some(Vec::new());
    }
    let live = state.live.as_mut()?;
    if state.focus == Focus::List
        && let Some(to) = moved(key, live.selected, live.run.databases.len(), 8)
    {
        live.selected = to;
        return Some(Vec::new());
    }
    match key.code {
        Code::Char('u' | 'r') if live.is_following() => return Some(by_hand(state)),
        Code::Char('p') if live.is_following() => {
            state.overlay = Some(Overlay::Passwords(Ask::both(Errand::Status)));
        }
        Code::Char('v' | 's') if live.is_following() && state.rights == Rights::Look => {
            refuse_to_change(state);
        }
        Code::Char('v') if live.is_following() => {
            live.verify = match live.verify {
                Verify::Counts => Verify::Checksums,
                Verify::Checksums => Verify::Nothing,
                Verify::Nothing => Verify::Counts,
            };
        }
        Code::Char('s') if live.is_following() => {
            state.overlay = Some(Overlay::Dialog(Dialog::new(About::Stop)));
        }
        Code::Char('x') if live.is_following() => charts::turn(Screen::Close, live),
        Code::Char('y') => {
            let text = live.shown.target_conninfo.clone();
            return Some(vec![Effect::Copy { title: "The target's address".to_owned(), text }]);
        }
        _ => return None,
    }
    Some(Vec::new())
}

/// As [`ask_with_passwords`], for somebody who waits for the answer.
fn by_hand(state: &mut State) -> Vec<Effect> {
    if let Some(live) = &mut state.live {
        live.by_hand = Switch::On;
    }
    ask_with_passwords(state)
}

/// As [`ask`], where whoever sits there can be asked for passwords that no engine remembers.
pub fn ask_with_passwords(state: &mut State) -> Vec<Effect> {
    match &state.live {
        Some(live) if live.trying.is_some() => Vec::new(),
        Some(live) if live.engine == Engine::Gone && !live.asking.is_on() => {
            vec![Effect::LogIn(Errand::Status)]
        }
        _ => ask(state),
    }
}

/// Asks both servers afresh.
pub fn ask(state: &mut State) -> Vec<Effect> {
    let Some(live) = &mut state.live else { return Vec::new() };
    if live.asking.is_on() {
        return Vec::new();
    }
    live.asking = Switch::On;
    vec![Effect::Status]
}

/// Whether changes would be lost by closing now.
pub fn close_how(live: &Live) -> About {
    if live.in_sync() == Some(true) { About::Close } else { About::CloseBehind }
}

/// A question that says that the target has everything does not stay where it falls behind meanwhile. The other way round
/// the stricter question is answered as it was read.
pub fn ask_anew_when_behind(state: &mut State) {
    let (Some(Overlay::Dialog(dialog)), Some(live)) = (&state.overlay, &state.live) else { return };
    if dialog.about == About::Close && live.is_following() && close_how(live) != About::Close {
        state.overlay = Some(Overlay::Dialog(Dialog::new(About::CloseBehind)));
    }
}

fn press(state: &mut State, button: Button) -> Vec<Effect> {
    if state.rights == Rights::Look && !buttons(state).contains(&button) {
        refuse_to_change(state);
        return Vec::new();
    }
    let Some(live) = &state.live else { return Vec::new() };
    match button {
        Button::StatusUpdate => return by_hand(state),
        Button::GuardAgain => return vec![Effect::Run(Task::Watch)],
        Button::CloseWindow if state.rights == Rights::Look || live.is_following() => return leave(state),
        Button::KeepReplicating => return keep(state),
        Button::CloseConnection if live.is_following() => {
            state.overlay = Some(Overlay::Dialog(Dialog::new(close_how(live))));
        }
        // Nothing is connected any more: this only says goodbye.
        Button::CloseConnection | Button::CloseWindow => {
            if state.home == Home::Demo {
                return vec![Effect::Leave];
            }
            state.live = None;
            state.forget_passwords();
            state.screen = Screen::Start;
            state.focus = Focus::List;
            return vec![Effect::LetGo, Effect::List];
        }
        _ => {}
    }
    Vec::new()
}

/// Back to the list, where it is tagged Syncing.
fn keep(state: &mut State) -> Vec<Effect> {
    let here = state.live.as_ref().is_some_and(|live| live.engine == Engine::Here);
    if state.home == Home::Demo || here {
        return crate::ui::update::leave(state);
    }
    state.live = None;
    state.forget_passwords();
    state.screen = Screen::Start;
    state.focus = Focus::List;
    state.say("It keeps replicating. Come back whenever you like");
    vec![Effect::LetGo, Effect::List]
}
