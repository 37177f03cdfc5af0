//! Keys on the second step, and the news of its checks.

use super::report::{Weight, rows, to_copy, whole};
use super::script::script;
use crate::model::plan::{IdentityPolicy, TargetPolicy};
use crate::model::units::{Side, readable};
use crate::ui::keys::{Code, Key, moved};
use crate::ui::message::{Effect, Msg};
use crate::ui::state::check::{Check, Passed, Replicable};
use crate::ui::state::form::{Field, PARTS, Part};
use crate::ui::state::{Button, Focus, Overlay, Screen, State};
use crate::ui::steps::configure::update::leaves;
use crate::ui::update::fields;

/// Over the text of a line of the report.
pub const WHOLE: &str = "Why, and what to do";

pub fn fields() -> Vec<Field> {
    let source = PARTS.iter().map(|part| Field::Source(*part));
    source.chain([Field::Exclude, Field::SkipTables]).collect()
}

pub fn form_order() -> Vec<Focus> {
    let typed = fields().into_iter().map(Focus::Field);
    typed.chain([Focus::Button(Button::RunCheck), Focus::Button(Button::Back)]).collect()
}

pub fn form_key(state: &mut State, key: Key) -> Option<Vec<Effect>> {
    if state.focus == Focus::Field(Field::Source(Part::Host)) && leaves(key) {
        fields::unfold(state, Side::Source);
        if state.form.error(Field::Source(Part::Host)).is_some() {
            return Some(Vec::new());
        }
    }
    match fields::pressed(state, key) {
        Some(Button::RunCheck) => return Some(run_check(state)),
        Some(Button::Back) => return Some(to(state, Screen::Configure)),
        _ => {}
    }
    // Once a check has told which there are, they can be picked.
    let told = state.check.as_ref().is_some_and(|check| !check.databases().is_empty());
    if state.focus == Focus::Field(Field::Exclude) && key.code == Code::Down && told {
        state.overlay = Some(Overlay::Pick { on: 0 });
        return Some(Vec::new());
    }
    fields::key(state, key, &form_order()).then(Vec::new)
}

fn to(state: &mut State, screen: Screen) -> Vec<Effect> {
    state.screen = screen;
    state.focus = match screen {
        Screen::Form => Focus::Field(Field::Source(Part::Host)),
        _ => Focus::List,
    };
    Vec::new()
}

/// Judges the form; the report opens at once and fills up.
pub fn run_check(state: &mut State) -> Vec<Effect> {
    let target = crate::ui::steps::configure::update::fields();
    let errors = state.form.check(&[target, fields()].concat());
    if !errors.is_empty() {
        fields::refuse(state, errors);
        return Vec::new();
    }
    state.form.errors.clear();
    let decisions = state.check.take().map(|check| check.decisions).unwrap_or_default();
    let mut check = Check::new(state.now_ms);
    check.decisions = decisions;
    check.left_out_before = state.form.excluded();
    check.identity = state.form.identity;
    check.identity_wanted = state.form.identity;
    check.not_empty = state.form.not_empty;
    check.not_empty_wanted = state.form.not_empty;
    state.check = Some(check);
    state.screen = Screen::Report;
    state.focus = Focus::List;
    vec![Effect::Check]
}

pub fn news(state: &mut State, msg: Msg) -> Vec<Effect> {
    // What an abandoned check still says is of no interest.
    let Some(check) = &mut state.check else { return Vec::new() };
    match msg {
        Msg::CheckEntry(entry) => check.apply(&entry),
        Msg::CheckEnded(ending) => {
            check.ended = Some(ending);
            check.selected = 0;
            let may = check.may_start().is_ok();
            let quiet = rows(check).iter().all(|row| row.weight >= Weight::Info);
            if state.screen == Screen::Report && may && quiet {
                state.focus = Focus::Button(Button::Continue);
            }
        }
        _ => {}
    }
    Vec::new()
}

/// List, decisions, buttons, as far as there are any yet.
pub fn report_order(state: &State) -> Vec<Focus> {
    let Some(check) = &state.check else { return vec![Focus::List] };
    let mut order = vec![Focus::List];
    if check.ended.is_some() {
        if asks_for_identities(state, check) {
            order.push(Focus::Field(Field::Identity));
        }
        if asks_about_content(state, check) {
            order.push(Focus::Field(Field::NotEmpty));
        }
        if offers_snapshot(check) {
            order.push(Focus::Choice(0));
        }
        order.extend((1..=check.choices().len()).map(Focus::Choice));
        order.push(Focus::Button(Button::RunCheck));
        if check.may_start().is_ok() {
            order.push(Focus::Button(Button::Continue));
        }
    }
    order.push(Focus::Button(Button::Back));
    order
}

/// Whether there are tables without a replica identity, or were before something was chosen for them.
pub fn asks_for_identities(state: &State, check: &Check) -> bool {
    let chosen = state.form.identity != IdentityPolicy::Refuse;
    check.ended.is_some() && (chosen || !check.without_identity().is_empty())
}

/// Whether databases on the target hold something, or did before something was chosen for that.
pub fn asks_about_content(state: &State, check: &Check) -> bool {
    let chosen = state.form.not_empty != TargetPolicy::Refuse;
    check.ended.is_some() && (chosen || check.run.findings.iter().any(|finding| finding.id == "target-empty"))
}

/// The checkbox stands wherever the snapshot is possible for any of them; where replication is not, it is what is left.
pub fn offers_snapshot(check: &Check) -> bool {
    check.ended.is_some()
        && match check.replicable() {
            Replicable::NotJudged => check.may_start().is_ok(),
            _ => check.possible.iter().any(|p| p.not_snapshot.is_none()),
        }
}

pub fn report_key(state: &mut State, key: Key) -> Option<Vec<Effect>> {
    match fields::pressed(state, key) {
        Some(Button::RunCheck) => return Some(run_check(state)),
        Some(Button::Back) => return None,
        Some(Button::Continue) => return Some(go_on(state)),
        _ => {}
    }
    if let (Focus::Choice(at), Code::Char(' ' | 'x') | Code::Enter) = (state.focus, key.code) {
        choose(state, at);
        return Some(Vec::new());
    }
    let order = report_order(state);
    let handled = fields::key(state, key, &order);
    let check = state.check.as_mut()?;
    check.identity_wanted = state.form.identity;
    check.not_empty_wanted = state.form.not_empty;
    if handled {
        return Some(Vec::new());
    }
    let rows = rows(check);
    if state.focus == Focus::List
        && let Some(to) = moved(key, check.selected, rows.len(), 8)
    {
        check.selected = to;
        return Some(Vec::new());
    }
    let chosen = rows.get(check.selected);
    match key.code {
        Code::Char('r') if check.ended.is_some() => return Some(run_check(state)),
        Code::Char('a') => {
            check.passed = match check.passed {
                Passed::Counted => Passed::Listed,
                Passed::Listed => Passed::Counted,
            };
        }
        Code::Char('y') => {
            let row = chosen?;
            return Some(vec![Effect::Copy { title: row.title.clone(), text: to_copy(row) }]);
        }
        Code::Char('Y') => {
            return Some(vec![Effect::Copy { title: "All fixes".to_owned(), text: script(check) }]);
        }
        Code::Char('x') => leave_out(state),
        Code::Enter if state.focus == Focus::List => {
            let row = chosen?;
            let (title, text) = (WHOLE.to_owned(), whole(row));
            state.overlay = Some(Overlay::Text { title, remark: None, text, from: 0 });
        }
        _ => return None,
    }
    Some(Vec::new())
}

fn choose(state: &mut State, at: usize) {
    let Some(check) = &mut state.check else { return };
    if at == 0 {
        check.decisions.snapshot = !check.decisions.snapshot;
        return;
    }
    let database = check.choices().get(at - 1).map(|possible| possible.database.clone());
    if let Some(database) = database {
        check.turn_choice(&database);
    }
    // One that follows again has no line any more.
    if !report_order(state).contains(&state.focus) {
        state.focus = Focus::Choice(0);
    }
}

/// The database that the selected line is about joins those that are left out, or comes back.
fn leave_out(state: &mut State) {
    let Some(check) = &state.check else { return };
    let Some(database) = check.run.findings.iter().find_map(|finding| {
        let row = rows(check).into_iter().nth(check.selected)?;
        (row.id == finding.id && row.title == crate::model::units::printable(&finding.title))
            .then(|| finding.database.clone())
            .flatten()
    }) else {
        state.say("That line is not about a database");
        return;
    };
    let word = if state.form.toggle_excluded(&database) { "left out" } else { "moved again" };
    state.say(format!("{} is {word}; run the check again", readable(&database)));
}

fn go_on(state: &mut State) -> Vec<Effect> {
    let may = state.check.as_ref().map(Check::may_start);
    match may {
        Some(Ok(())) => {
            // The plan is read from its top, whatever line of the report was selected.
            state.check.iter_mut().for_each(|check| check.selected = 0);
            state.screen = Screen::Plan;
            state.focus = Focus::Button(Button::StartMigration);
        }
        Some(Err(why)) => state.complain(why),
        None => {}
    }
    Vec::new()
}
