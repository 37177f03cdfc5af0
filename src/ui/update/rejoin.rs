//! A window whose engine is gone: another window may have begun one, and that may even be through already.

use super::settle;
use crate::model::event::Entry;
use crate::ui::state::{Engine, Screen, State};

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
