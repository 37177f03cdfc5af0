//! Fields of forms: moving between them, typing, choosing, pasting whole addresses.

use crate::model::plan::{IdentityPolicy, TargetPolicy};
use crate::model::units::Side;
use crate::ui::keys::{Code, Key};
use crate::ui::state::form::{Field, FieldError, Part, Turn};
use crate::ui::state::{Button, Filter, Focus, Screen, State};

/// Moves along `order`, or gives the key to the field. False where the key is none of theirs; a button's Enter is not.
pub fn key(state: &mut State, key: Key, order: &[Focus]) -> bool {
    match key.code {
        Code::Tab => step(state, order, Turn::Forward),
        Code::BackTab => step(state, order, Turn::Back),
        _ => match state.focus {
            Focus::Field(field) => return in_field(state, key, (field, order)),
            Focus::Button(_) | Focus::Choice(_) => return on_button(state, key, order),
            Focus::List => return false,
        },
    }
    true
}

fn in_field(state: &mut State, key: Key, (field, order): (Field, &[Focus])) -> bool {
    match (key.code, key.ctrl) {
        (Code::Down | Code::Enter, _) => step(state, order, Turn::Forward),
        (Code::Up, _) => step(state, order, Turn::Back),
        (Code::Esc, _) => return false,
        _ => {
            let changed = match field {
                Field::Source(Part::Ssl) => ssl(state, Side::Source, key),
                Field::Target(Part::Ssl) => ssl(state, Side::Target, key),
                Field::NotEmpty => turned(key, &NOT_EMPTY, &mut state.form.not_empty),
                Field::Identity => turned(key, &IDENTITIES, &mut state.form.identity),
                _ => typed(state, field, key),
            };
            if !changed {
                return false;
            }
            state.form.errors.retain(|error| error.field != field);
        }
    }
    true
}

fn typed(state: &mut State, field: Field, key: Key) -> bool {
    if let Some(password) = state.form.password_mut(field) {
        if key == Key::ctrl('r') {
            password.toggle();
            return true;
        }
        return password.key(key);
    }
    state.form.text_mut(field).is_some_and(|text| text.key(key))
}

fn ssl(state: &mut State, side: Side, key: Key) -> bool {
    let server = state.form.server_mut(side);
    match key.code {
        Code::Char(' ' | 'x') => server.toggle_encryption(),
        Code::Right => server.turn_mode(Turn::Forward),
        Code::Left => server.turn_mode(Turn::Back),
        _ => return false,
    }
    true
}

pub const NOT_EMPTY: [TargetPolicy; 3] = [TargetPolicy::Refuse, TargetPolicy::Append, TargetPolicy::Truncate];
/// From what leaves everything as it is to what changes most.
pub const IDENTITIES: [IdentityPolicy; 5] = [
    IdentityPolicy::Refuse,
    IdentityPolicy::Skip,
    IdentityPolicy::Inserts,
    IdentityPolicy::Index,
    IdentityPolicy::Full,
];

/// To the next of all, or the one before.
fn turned<T: Copy + PartialEq>(key: Key, all: &[T], now: &mut T) -> bool {
    let step = match key.code {
        Code::Right | Code::Char(' ') => 1,
        Code::Left => all.len() - 1,
        _ => return false,
    };
    let at = all.iter().position(|one| one == now).unwrap_or(0);
    *now = all[(at + step) % all.len()];
    true
}

/// Arrows move among buttons as Tab does.
fn on_button(state: &mut State, key: Key, order: &[Focus]) -> bool {
    match key.code {
        Code::Right | Code::Down => step(state, order, Turn::Forward),
        Code::Left | Code::Up => step(state, order, Turn::Back),
        _ => return false,
    }
    true
}

pub fn step(state: &mut State, order: &[Focus], turn: Turn) {
    hide_passwords(state);
    let Some(len) = std::num::NonZeroUsize::new(order.len()) else { return };
    let now = order.iter().position(|focus| *focus == state.focus);
    let next = match (now, turn) {
        (Some(now), Turn::Forward) => (now + 1) % len,
        (Some(now), Turn::Back) => (now + len.get() - 1) % len,
        (None, Turn::Forward) => 0,
        (None, Turn::Back) => len.get() - 1,
    };
    state.focus = order[next];
}

/// A password that was shown is hidden again as soon as one goes on.
pub(super) fn hide_passwords(state: &mut State) {
    state.form.source.password.hide();
    state.form.target.password.hide();
}

/// The button that has the focus, when the key presses it.
pub fn pressed(state: &State, key: Key) -> Option<Button> {
    match (state.focus, key.code) {
        (Focus::Button(button), Code::Enter | Code::Char(' ')) => Some(button),
        _ => None,
    }
}

/// The errors stand at their fields, and the first of them on this screen gets the focus.
pub fn refuse(state: &mut State, errors: Vec<FieldError>) {
    let Some(first) = errors.first() else { return };
    let field = first.field;
    state.screen = match field {
        Field::Name | Field::Target(_) => Screen::Configure,
        Field::Source(_) | Field::Exclude | Field::SkipTables => Screen::Form,
        Field::Identity => Screen::Report,
        Field::Jobs | Field::NotEmpty => Screen::Plan,
    };
    state.focus = Focus::Field(field);
    state.form.errors = errors;
    if !matches!(state.screen, Screen::Plan | Screen::Report) {
        state.check = None;
    }
}

pub fn paste(state: &mut State, text: &str) {
    let Focus::Field(field) = state.focus else { return };
    if let Field::Source(Part::Host) | Field::Target(Part::Host) = field {
        let side = if field == Field::Source(Part::Host) { Side::Source } else { Side::Target };
        match state.form.server_mut(side).fill(text) {
            Ok(true) => {
                state.form.errors.clear();
                state.say("Filled from the connection string");
                return;
            }
            Ok(false) => {}
            Err(what) => {
                state.form.errors = vec![FieldError::new(field, what)];
                return;
            }
        }
    }
    if let Some(password) = state.form.password_mut(field) {
        password.paste(text);
    } else if let Some(typed) = state.form.text_mut(field) {
        typed.paste(text);
    }
    state.form.errors.retain(|error| error.field != field);
}

/// A whole address that was typed, not pasted, fills the form when one leaves the field.
pub fn unfold(state: &mut State, side: Side) {
    let server = state.form.server_mut(side);
    let typed = server.host.trimmed().to_owned();
    if !typed.contains("://") && !typed.contains('=') {
        return;
    }
    match server.fill(&typed) {
        Ok(true) => state.say("Filled from the connection string"),
        Ok(false) => {}
        Err(what) => state.form.errors = vec![FieldError::new(Field::of(side, Part::Host), what)],
    }
}

/// The filter of the list on this screen.
pub fn filter(state: &mut State) -> Option<&mut Filter> {
    match state.screen {
        Screen::Start => Some(&mut state.start.filter),
        Screen::Live => state.live.as_mut().map(|live| &mut live.filter),
        _ => None,
    }
}
