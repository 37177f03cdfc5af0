//! A window whose engine is gone: another window may have begun one, and that may even be through already.

use super::settle;
use crate::model::event::Entry;
use crate::ui::message::Effect;
use crate::ui::state::{Engine, Focus, Rights, Screen, State};

/// How often that is looked for.
pub(super) const LOOK_MS: u64 = 3_000;

pub(super) fn looks(state: &State) -> bool {
    matches!(state.screen, Screen::Live | Screen::Close)
        && state.live.as_ref().is_some_and(|live| live.is_left_alone())
}

/// The story goes on from where this window was: nothing that is shown, chosen or typed begins anew.
pub(super) fn rejoined(state: &mut State, (engine, face): (Engine, Option<u32>), entries: &[Entry]) {
    let Some(live) = &mut state.live else { return };
    (live.engine, live.face, live.ended) = (engine, face, None);
    entries.iter().for_each(|entry| live.apply(entry));
    if engine.is_there() {
        state.unanswered = None;
    }
    // Nobody has asked for anything: what would ask for passwords waits until somebody does.
    settle(state);
}

/// What is asked on the screen, and everything that was typed, was about the other one.
pub(super) fn replaced(state: &mut State, id: &str) -> Vec<Effect> {
    if state.rights == Rights::Look {
        // A window that only shows has no list to go back to.
        return Vec::new();
    }
    (state.live, state.overlay) = (None, None);
    state.forget_passwords();
    state.screen = Screen::Start;
    state.focus = Focus::List;
    state.complain(format!("{id} was forgotten meanwhile, and another migration has its name now"));
    vec![Effect::LetGo, Effect::List]
}
