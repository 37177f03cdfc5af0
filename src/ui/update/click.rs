//! What the mouse presses does what Enter or Space does there: it only saves the way. Nothing needs it.

use super::on_key;
use crate::model::units::Side;
use crate::ui::keys::{Code, Key};
use crate::ui::message::{Effect, Hit};
use crate::ui::state::form::{Field, Part};
use crate::ui::state::{Focus, GuideAt, Overlay, Screen, State};
use crate::ui::update::fields;

pub(super) fn click(state: &mut State, hit: Hit) -> Vec<Effect> {
    if state.overlay.is_some() {
        return over(state, hit);
    }
    match hit {
        Hit::Focus(focus) => {
            if !leave_field(state, focus) {
                return Vec::new();
            }
            state.focus = focus;
            match focus {
                Focus::Button(_) => on_key(state, Key::plain(Code::Enter)),
                Focus::Choice(_) => on_key(state, Key::char(' ')),
                Focus::Field(field) if is_switch(field) => on_key(state, Key::char(' ')),
                Focus::Field(_) | Focus::List => Vec::new(),
            }
        }
        Hit::Provider(number) => {
            if leave_field(state, Focus::List) {
                state.focus = Focus::List;
                state.guide = GuideAt { provider: number, item: 0 };
            }
            Vec::new()
        }
        Hit::Row(at) => row(state, at),
        Hit::Answer(_) => Vec::new(),
    }
}

/// On what lies over the screen.
fn over(state: &mut State, hit: Hit) -> Vec<Effect> {
    match (&mut state.overlay, hit) {
        (Some(Overlay::Dialog(dialog)), Hit::Answer(answer)) => {
            dialog.on = answer;
            on_key(state, Key::plain(Code::Enter))
        }
        (Some(Overlay::Pick { on }), Hit::Row(at)) => {
            *on = at;
            on_key(state, Key::char(' '))
        }
        (Some(Overlay::Passwords(ask)), Hit::Row(at)) => {
            ask.on = at;
            Vec::new()
        }
        _ => Vec::new(),
    }
}

fn is_switch(field: Field) -> bool {
    matches!(field, Field::NotEmpty | Field::Identity | Field::Source(Part::Ssl) | Field::Target(Part::Ssl))
}

/// A whole address that was typed into the host's field fills the form, as when Tab leaves it. False where it is none.
fn leave_field(state: &mut State, to: Focus) -> bool {
    for side in [Side::Source, Side::Target] {
        let host = Field::of(side, Part::Host);
        if state.focus == Focus::Field(host) && to != state.focus {
            fields::unfold(state, side);
            if state.form.error(host).is_some() {
                return false;
            }
        }
    }
    fields::hide_passwords(state);
    true
}

/// The first click chooses a line, the next one on the same line does what Enter does there.
fn row(state: &mut State, at: usize) -> Vec<Effect> {
    if !leave_field(state, Focus::List) {
        return Vec::new();
    }
    let again = std::mem::replace(&mut state.focus, Focus::List) == Focus::List;
    let selected = match state.screen {
        Screen::Start => Some(&mut state.start.selected),
        Screen::Configure => Some(&mut state.guide.item),
        Screen::Report => state.check.as_mut().map(|check| &mut check.selected),
        Screen::Live | Screen::Close => state.live.as_mut().map(|live| &mut live.selected),
        Screen::Form | Screen::Plan => None,
    };
    let Some(selected) = selected else { return Vec::new() };
    let before = std::mem::replace(selected, at);
    // Elsewhere Enter only goes on to the next field.
    if again && before == at && matches!(state.screen, Screen::Start | Screen::Report) {
        return on_key(state, Key::plain(Code::Enter));
    }
    Vec::new()
}
