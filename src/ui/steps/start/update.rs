//! Keys on the list of migrations.

use crate::model::forget::NotForgotten;
use crate::model::units::printable_lines;
use crate::ui::keys::{Code, Key, moved};
use crate::ui::message::Effect;
use crate::ui::state::{About, Dialog, Focus, Known, Overlay, Screen, State};

/// Lines of a page.
const PAGE: usize = 10;

pub fn known(state: &mut State, known: Vec<Known>) {
    let first = state.start.known.is_none();
    let chosen = state.start.shown().get(state.start.selected).map(|known| known.id.clone());
    state.start.trouble = None;
    // A lag that somebody asked for stays until it is asked again.
    let lags: Vec<_> = state.start.known.iter().flatten().map(|k| (k.id.clone(), k.lag.clone())).collect();
    let kept = |mut fresh: Known| {
        fresh.lag = fresh
            .lag
            .or_else(|| lags.iter().find(|(id, _)| *id == fresh.id).and_then(|(_, lag)| lag.clone()));
        fresh
    };
    let nothing = known.is_empty();
    state.start.known = Some(known.into_iter().map(kept).collect());
    // The same line stays selected, wherever it is now; or the one that somebody comes back from.
    let is_shown = |id: &String| state.start.shown().iter().any(|known| known.id == *id);
    let chosen =
        if state.start.opened.as_ref().is_some_and(is_shown) { state.start.opened.take() } else { chosen };
    let at = chosen.and_then(|id| state.start.shown().iter().position(|k| k.id == id));
    state.start.selected = at.unwrap_or(0);
    // With nothing on this machine no name is taken.
    if first && nothing && state.screen == Screen::Start {
        drop(new(state));
    }
}

/// Why one of the list could not be asked, whole, and where it can be.
pub fn unanswered(state: &mut State, id: &str, what: &str) {
    let what = printable_lines(what);
    if state.screen != Screen::Start || state.overlay.is_some() {
        state.complain(format!("{id}: {what}"));
        return;
    }
    state.toast = None;
    let next = format!("Enter opens {id}, and asks for passwords where a server wants one.");
    let title = format!("Status update of {id}");
    state.overlay = Some(Overlay::Text { title, remark: Some(next), text: what, from: 0 });
}

pub fn new(state: &mut State) -> Vec<Effect> {
    state.screen = Screen::Configure;
    state.focus = Focus::List;
    state.check = None;
    let name = state.form.name.trimmed();
    let is_taken = state.start.known.iter().flatten().any(|known| known.id == name);
    if is_taken { vec![Effect::NameAfter { taken: name.to_owned() }] } else { Vec::new() }
}

/// Why it is not to be forgotten now; none where nothing is in the way.
pub fn stays(known: &Known) -> Option<String> {
    let why = known.run.not_forgotten();
    let follows = matches!(why, Some(NotForgotten::Follows(_)));
    if known.engine.is_there() && !follows {
        return Some("an engine works on it".to_owned());
    }
    why.map(|why| why.what())
}

/// Asks first; where something of it is left says what to do before that.
fn forget(state: &mut State, id: String) {
    let Some(known) = state.start.known.iter().flatten().find(|known| known.id == id) else { return };
    if let Some(why) = stays(known) {
        state.complain(format!("{id} is not forgotten: {why}. Enter opens it, and leads on"));
        return;
    }
    state.start.forgetting = Some(id);
    state.overlay = Some(Overlay::Dialog(Dialog::new(About::Forget)));
}

pub fn key(state: &mut State, key: Key) -> Option<Vec<Effect>> {
    let shown = state.start.shown();
    let selected = state.start.selected.min(shown.len().saturating_sub(1));
    let chosen = shown.get(selected).map(|known| known.id.clone());
    if let Some(to) = moved(key, selected, shown.len(), PAGE) {
        (state.start.selected, state.start.opened) = (to, None);
        return Some(Vec::new());
    }
    match (key.code, chosen) {
        (Code::Enter, Some(id)) => {
            // What was typed for one migration's servers is not for those of another.
            state.forget_passwords();
            return Some(vec![Effect::Open { id }]);
        }
        (Code::Char('n'), _) => return Some(new(state)),
        (Code::Char('u'), Some(id)) => {
            state.say("Asking both servers …");
            return Some(vec![Effect::StatusOf { id }]);
        }
        (Code::Char('x'), Some(id)) => forget(state, id),
        (Code::Char('r'), _) => return Some(vec![Effect::List]),
        (Code::Char('/'), _) => state.start.filter.typing = true,
        (Code::Esc, _) => state.start.filter = crate::ui::state::Filter::default(),
        (Code::Char('y'), Some(id)) => {
            let text = format!("pgpassage attach {id}");
            return Some(vec![Effect::Copy { title: "Command".to_owned(), text }]);
        }
        _ => return None,
    }
    Some(Vec::new())
}
