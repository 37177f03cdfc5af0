//! Keys on the first step.

use crate::model::units::Side;
use crate::ui::guide;
use crate::ui::keys::{Code, Key, moved};
use crate::ui::message::Effect;
use crate::ui::state::form::{Field, PARTS, Part};
use crate::ui::state::{Button, Focus, Screen, State};
use crate::ui::update::fields;

pub fn fields() -> Vec<Field> {
    let target = PARTS.iter().map(|part| Field::Target(*part));
    std::iter::once(Field::Name).chain(target).collect()
}

pub fn order() -> Vec<Focus> {
    let typed = fields().into_iter().map(Focus::Field);
    std::iter::once(Focus::List).chain(typed).chain([Focus::Button(Button::GetStarted)]).collect()
}

pub fn key(state: &mut State, key: Key) -> Option<Vec<Effect>> {
    if state.focus == Focus::Field(Field::Target(Part::Host)) && leaves(key) {
        fields::unfold(state, Side::Target);
        if state.form.error(Field::Target(Part::Host)).is_some() {
            return Some(Vec::new());
        }
    }
    if fields::pressed(state, key) == Some(Button::GetStarted) {
        get_started(state);
        return Some(Vec::new());
    }
    if fields::key(state, key, &order()) {
        return Some(Vec::new());
    }
    if state.focus != Focus::List {
        return None;
    }
    let items = guide::chosen(state).items;
    if let Some(to) = moved(key, state.guide.item, items.len(), 5) {
        state.guide.item = to;
        return Some(Vec::new());
    }
    match key.code {
        Code::Right => turn(state, 1),
        Code::Left => turn(state, guide::COUNT - 1),
        Code::Char('p') => turn(state, 1),
        Code::Enter => fields::step(state, &order(), crate::ui::state::form::Turn::Forward),
        Code::Char('y') => {
            let item = items.get(state.guide.item)?;
            if item.statements.is_empty() {
                state.say("There is no statement to copy here");
                return Some(Vec::new());
            }
            let text = item.statements.join("\n");
            return Some(vec![Effect::Copy { title: item.title.to_owned(), text }]);
        }
        _ => return None,
    }
    Some(Vec::new())
}

/// Whether the key leaves a field.
pub fn leaves(key: Key) -> bool {
    matches!(key.code, Code::Tab | Code::BackTab | Code::Enter | Code::Down | Code::Up)
}

fn turn(state: &mut State, by: usize) {
    state.guide.provider = (state.guide.provider + by) % guide::COUNT;
    state.guide.item = 0;
}

fn get_started(state: &mut State) {
    let errors = state.form.check(&fields());
    if !errors.is_empty() {
        fields::refuse(state, errors);
        return;
    }
    state.form.errors.clear();
    state.screen = Screen::Form;
    state.focus = Focus::Field(Field::Source(Part::Host));
}
