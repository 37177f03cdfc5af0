//! Keys on the third step.

use super::{
    Of, dropped, failed, fill_from, identities, identities_of_unfinished, is_all_there, leftovers,
    not_let_in, unfinished, waits, why_kept,
};
use crate::model::task::Unfinished;
use crate::model::units::{count_of, readable};
use crate::ui::keys::{Code, Key, moved};
use crate::ui::message::Effect;
use crate::ui::state::check::Check;
use crate::ui::state::form::Field;
use crate::ui::state::live::{Listed, Sort};
use crate::ui::state::passwords::Errand;
use crate::ui::state::{About, Button, Dialog, Filter, Focus, Overlay, Rights, Screen, State};
use crate::ui::steps::{close, validation};
use crate::ui::update::{commandable, fields, refuse_to_change};

/// Lines of a page.
const PAGE: usize = 8;

pub fn plan_order() -> Vec<Focus> {
    vec![
        Focus::List,
        Focus::Field(Field::Jobs),
        Focus::Field(Field::NotEmpty),
        Focus::Button(Button::StartMigration),
        Focus::Button(Button::Back),
    ]
}

pub fn plan_key(state: &mut State, key: Key) -> Option<Vec<Effect>> {
    match fields::pressed(state, key) {
        Some(Button::StartMigration) => return Some(start(state)),
        Some(Button::Back) => return None.or_else(|| back_to_report(state)),
        _ => {}
    }
    // The text is scrolled from wherever the focus is.
    let scrolls = matches!(key.code, Code::PageUp | Code::PageDown);
    if !scrolls && fields::key(state, key, &plan_order()) {
        return Some(Vec::new());
    }
    if scrolls || state.focus == Focus::List {
        let check = state.check.as_mut()?;
        // Further down is for the view to end: it knows how many lines there are.
        check.selected = moved(key, check.selected, 400, PAGE)?;
        return Some(Vec::new());
    }
    None
}

fn back_to_report(state: &mut State) -> Option<Vec<Effect>> {
    // The number that the text was scrolled by selects a line there.
    state.check.iter_mut().for_each(|check| check.selected = 0);
    state.screen = Screen::Report;
    state.focus = Focus::List;
    Some(Vec::new())
}

fn start(state: &mut State) -> Vec<Effect> {
    let errors = state.form.check(&[Field::Jobs]);
    if !errors.is_empty() {
        fields::refuse(state, errors);
        return Vec::new();
    }
    match state.check.as_ref().map(Check::may_start) {
        Some(Ok(())) => vec![Effect::Start],
        Some(Err(why)) => {
            state.complain(why);
            Vec::new()
        }
        None => Vec::new(),
    }
}

/// The buttons below a migration that runs, or that failed.
pub fn live_order(state: &State) -> Vec<Focus> {
    let mut order = vec![Focus::List];
    order.extend(live_buttons(state).into_iter().map(Focus::Button));
    order
}

pub fn live_buttons(state: &State) -> Vec<Button> {
    let Some(live) = &state.live else { return Vec::new() };
    let mut buttons = match (failed(live), state.rights) {
        // Every database is there, and what is missing beside them is not tried again by it.
        (true, Rights::Command) if is_all_there(live) => {
            vec![Button::CloseWindow, Button::StartOver, Button::CleanUp, Button::SaveBundle]
        }
        (true, Rights::Command) => {
            vec![Button::TryAgain, Button::StartOver, Button::CleanUp, Button::SaveBundle]
        }
        (true, Rights::Look) => vec![Button::CloseWindow, Button::SaveBundle],
        (false, Rights::Command) => vec![Button::CloseWindow, Button::StopMigration],
        (false, Rights::Look) => vec![Button::CloseWindow],
    };
    if failed(live) && live.is_following() {
        buttons.push(Button::Continue);
    }
    buttons
}

pub fn live_key(state: &mut State, key: Key) -> Option<Vec<Effect>> {
    let order = live_order(state);
    if let Some(button) = fields::pressed(state, key) {
        return Some(press(state, button));
    }
    if fields::key(state, key, &order) {
        return Some(Vec::new());
    }
    let over = state.live.as_ref().is_some_and(failed);
    let live = state.live.as_mut()?;
    if state.focus == Focus::List
        && let Some(to) = moved(key, live.selected, live.list_len(), PAGE)
    {
        live.selected = to;
        return Some(Vec::new());
    }
    match key.code {
        Code::Char('s') => return Some(press(state, Button::StopMigration)),
        Code::Char('/') => live.filter.typing = true,
        Code::Esc if !live.filter.text.value().is_empty() => live.filter = Filter::default(),
        Code::Char('o') => {
            live.sort = match live.sort {
                Sort::Recent => Sort::Size,
                Sort::Size => Sort::Name,
                Sort::Name => Sort::Recent,
            };
        }
        Code::Char('v') => {
            live.list = match live.list {
                Listed::Tables => Listed::Databases,
                Listed::Databases => Listed::Tables,
            };
            live.selected = 0;
        }
        Code::Char('x') => super::charts::turn(Screen::Live, live),
        Code::Char('y') => return Some(copy(state)),
        Code::Enter if over => fields::step(state, &order, crate::ui::state::form::Turn::Forward),
        _ => return None,
    }
    Some(Vec::new())
}

fn copy(state: &State) -> Vec<Effect> {
    let Some(live) = &state.live else { return Vec::new() };
    let (title, text) = match live.list {
        _ if failed(live) => ("What went wrong", super::failure::cause(live).0.join("\n")),
        Listed::Tables => {
            let row = live.rows().get(live.selected).map(super::super::super::state::live::Row::line);
            ("The selected line", row.unwrap_or_default())
        }
        Listed::Databases => {
            let name = live.databases().get(live.selected).map(|name| (*name).clone());
            ("The database's name", name.unwrap_or_default())
        }
    };
    if text.is_empty() {
        return Vec::new();
    }
    vec![Effect::Copy { title: title.to_owned(), text }]
}

fn press(state: &mut State, button: Button) -> Vec<Effect> {
    if state.rights == Rights::Look && !live_buttons(state).contains(&button) {
        refuse_to_change(state);
        return Vec::new();
    }
    let Some(live) = &state.live else { return Vec::new() };
    let takes_back = matches!(button, Button::TryAgain | Button::StartOver | Button::CleanUp);
    if takes_back && live.wanted.is_some() {
        state.complain("It was told to, and is at it.");
        return Vec::new();
    }
    if matches!(button, Button::StartOver | Button::CleanUp) && waits(live) {
        state.complain("It waits to go on, and holds things open for that: stop it first (s).");
        return Vec::new();
    }
    if matches!(button, Button::StartOver | Button::CleanUp) && live.run.keeping && commandable(live) {
        state.complain("The rest follows: Try again for what failed, or stop it all first (s).");
        return Vec::new();
    }
    let dialog = |about| Some(Overlay::Dialog(Dialog::new(about)));
    match button {
        Button::CloseWindow => return crate::ui::update::leave(state),
        Button::StopMigration if commandable(live) || live.is_following() => {
            state.overlay = dialog(About::Stop);
        }
        Button::StopMigration => state.complain("There is nothing left to stop."),
        Button::TryAgain => return try_again(state),
        Button::StartOver => state.overlay = dialog(About::StartOver),
        Button::CleanUp
            if leftovers(live, Of::All).is_empty()
                && identities(live) == 0
                && dropped(live, Unfinished::Drop).is_empty() =>
        {
            state.say("Nothing that this migration would have to take back is left on either server");
        }
        Button::CleanUp => state.overlay = dialog(About::CleanUp),
        Button::SaveBundle => return vec![Effect::SaveBundle],
        Button::Continue => {
            state.screen = Screen::Close;
            state.focus = close::update::order(state).first().copied().unwrap_or(Focus::List);
        }
        _ => {}
    }
    Vec::new()
}

/// Where nothing was begun, the form is judged anew; else a new migration of what is not there yet begins.
fn try_again(state: &mut State) -> Vec<Effect> {
    let Some(live) = &state.live else { return Vec::new() };
    if waits(live) {
        state.overlay = Some(Overlay::Dialog(Dialog::new(About::GoOn)));
        return Vec::new();
    }
    if live.run.databases.is_empty() {
        return vec![Effect::LogIn(Errand::Recheck)];
    }
    if unfinished(live).is_empty() {
        state.complain("Every database is there: what is missing is named above, and is not copied again.");
        return Vec::new();
    }
    state.overlay = Some(Overlay::Dialog(Dialog::new(About::TryAgain)));
    Vec::new()
}

/// From the checks on, with the form as it was filled.
pub fn recheck(state: &mut State) -> Vec<Effect> {
    let Some(live) = state.live.take() else { return Vec::new() };
    fill_from(&mut state.form, &live);
    let mut effects = vec![Effect::LetGo, Effect::NameAfter { taken: live.id }];
    effects.extend(validation::update::run_check(state));
    effects
}

/// What is in the way of beginning them anew has been taken back, as far as it could be.
pub fn go_on_trying(state: &mut State) -> Vec<Effect> {
    let Some(live) = &mut state.live else { return Vec::new() };
    let (kept, left) = (dropped(live, Unfinished::DropIncomplete), leftovers(live, Of::Unfinished));
    let identities = identities_of_unfinished(live);
    if kept.is_empty() && left.is_empty() && identities == 0 {
        return vec![Effect::Again];
    }
    let why = match kept.first() {
        // A server went away meanwhile. What the engine says of that stands on the screen, whole.
        _ if live.run.refused.is_some() => "nothing was taken back: see above why".to_owned(),
        _ if not_let_in(live) => "nothing was taken back: f says why".to_owned(),
        Some(half) => {
            let why = why_kept(live, half).unwrap_or_default();
            format!("{} could not be dropped on the target: {why}", readable(&half.name))
        }
        None if left.is_empty() => {
            format!("the replica identity of {} could not be set back", count_of(identities, "table"))
        }
        None => format!("{} could not be removed", left.join(", ")),
    };
    live.wanted = None;
    state.complain(format!("Not tried again: {why}"));
    Vec::new()
}
