//! What happens upon a message: the state changes, and a list says what is to be done outside. Pure: no clock, no IO.

mod click;
mod common;
mod dialog;
pub mod fields;
mod overlay;
mod passwords;
mod rejoin;

pub use dialog::{Act, allowed, buttons, closing};
pub use overlay::EXPLAINED;

use super::keys::{Code, Key};
use super::message::{Effect, Msg};
use super::state::live::{Ending, Live, Wanted};
use super::state::passwords::Errand;
use super::state::{About, Dialog, Engine, Focus, Home, Overlay, Rights, Screen, State};
use super::steps::{close, configure, migration, start, validation};
use crate::model::event::DatabaseOutcome;
use crate::model::passwords::for_a_window;

/// How often the list of migrations is read anew, and what follows without a guard is asked about.
const LIST_MS: u64 = 5_000;
const ASK_MS: u64 = 10_000;

pub fn update(state: &mut State, msg: Msg) -> Vec<Effect> {
    let effects = effects(state, msg);
    close::update::ask_anew_when_behind(state);
    close::update::focus_on_what_is_there(state);
    if let (Some(errand), Some(live)) = (effects.iter().find_map(Effect::errand), &mut state.live) {
        live.trying = Some(errand);
    }
    if state.rights == Rights::Look && effects.iter().any(Effect::changes) {
        refuse_to_change(state);
        return effects.into_iter().filter(|effect| !effect.changes()).collect();
    }
    effects
}

/// What a window that only shows says to a key that would change something.
pub fn refuse_to_change(state: &mut State) {
    state.complain("This is a read-only window. Without --read-only, pgpassage attach may do that");
}

fn effects(state: &mut State, msg: Msg) -> Vec<Effect> {
    match msg {
        Msg::Key(key) => on_key(state, key),
        Msg::Click(hit) => click::click(state, hit),
        Msg::Paste(text) => {
            paste(state, &text);
            Vec::new()
        }
        Msg::Tick { now_ms } => tick(state, now_ms),
        Msg::Zone { utc_offset_s } => {
            state.utc_offset_s = utc_offset_s;
            Vec::new()
        }
        Msg::Known(known) => {
            start::update::known(state, known);
            Vec::new()
        }
        Msg::Unlisted(trouble) => {
            state.start.trouble = Some(trouble);
            Vec::new()
        }
        Msg::Named { taken, name } => {
            state.form.rename(taken, name);
            Vec::new()
        }
        Msg::Refused(errors) => {
            fields::refuse(state, errors);
            Vec::new()
        }
        Msg::Unanswered { id, what } => {
            start::update::unanswered(state, &id, &what);
            Vec::new()
        }
        Msg::CheckEntry(_) | Msg::CheckEnded(_) => validation::update::news(state, msg),
        Msg::Barred { id, errand, barred } if is_open(state, &id) => {
            passwords::ask(state, errand, barred);
            Vec::new()
        }
        Msg::Shut { id, failure } if is_open(state, &id) => {
            passwords::shut(state, &failure);
            Vec::new()
        }
        Msg::Replaced { id, seen } if state.awaits(&id, seen) => rejoin::replaced(state, &id),
        Msg::Rejoined { id, seen, engine, face, entries } if state.awaits(&id, seen) => {
            rejoin::rejoined(state, (engine, face), &entries);
            Vec::new()
        }
        Msg::LetIn { id, errand } if is_tried(state, &id, errand) => passwords::let_in(state, errand),
        other => on_news(state, other),
    }
}

fn is_open(state: &State, id: &str) -> bool {
    state.live.as_ref().is_some_and(|live| live.id == id)
}

/// Nobody has thought better of it meanwhile, or wants something else.
fn is_tried(state: &State, id: &str, errand: Errand) -> bool {
    is_open(state, id) && state.live.as_ref().is_some_and(|live| live.trying == Some(errand))
}

/// A later command tells the whole story again from its beginning.
fn opened(state: &mut State, mut fresh: Live) {
    state.start.opened = Some(fresh.id.clone());
    state.unanswered = None;
    match state.live.take().filter(|old| old.id == fresh.id) {
        Some(old) => {
            (fresh.wanted, fresh.wanted_after) = (old.wanted, old.wanted_after);
            fresh.verify = old.verify;
            fresh.samples = old.samples;
        }
        None => {
            state.screen = Screen::Live;
            state.focus = Focus::List;
            state.overlay = None;
        }
    }
    state.live = Some(fresh);
}

/// News of the migration that is open.
fn on_news(state: &mut State, msg: Msg) -> Vec<Effect> {
    let now_ms = state.now_ms;
    match (msg, &mut state.live) {
        (Msg::Opened { id, engine, face, plan }, _) => {
            let mut fresh = Live::new(id, engine, plan);
            fresh.face = face;
            opened(state, fresh);
        }
        (Msg::Entry(entry), Some(live)) => {
            let answered = live.is_answered(&entry);
            live.apply(&entry);
            if answered && live.wanted == Some(Wanted::TryAgain) {
                return migration::update::go_on_trying(state);
            }
            settle(state);
        }
        // Before its end a journal may tell of what follows and is closed since: whom would one ask about that?
        (Msg::Told { id }, Some(live)) if live.id == id => return ask_where_nobody_guards(state),
        (Msg::Gauges(gauges), Some(live)) => {
            live.waiting = Some(gauges);
            // The first ones at once; after that as often as there are ticks.
            if live.gauges_ms == 0 {
                live.catch_up(now_ms);
            }
        }
        (Msg::Ended(ending), Some(live)) => {
            live.catch_up(now_ms);
            live.ended = Some(ending);
            live.engine = Engine::Gone;
            match live.wanted {
                Some(Wanted::TryAgain) => return migration::update::go_on_trying(state),
                Some(Wanted::StartOver) => return dialog::go_on_starting_over(state),
                _ => live.wanted = None,
            }
            let before = state.screen;
            settle(state);
            return if state.screen == before { Vec::new() } else { ask_where_nobody_guards(state) };
        }
        (Msg::Status(databases), Some(live)) => {
            close::trouble::answered(live, databases, now_ms);
            state.unanswered = None;
            close::trouble::tell(state);
        }
        (Msg::Trouble(failure), live) => {
            if let Some(live) = live {
                if live.asking.is_on() {
                    state.unanswered = Some(failure.to_string());
                }
                (live.asking, live.by_hand) = (super::state::Switch::Off, super::state::Switch::Off);
                (live.wanted, live.trying) = (None, None);
            }
            state.complain(for_a_window(&failure.to_string()));
        }
        (Msg::Said(text), _) => state.say(text),
        (Msg::NotCopied { title, text, why }, _) => {
            let remark = Some(why.sentence());
            state.overlay = Some(Overlay::Text { title, remark, text, from: 0 });
        }
        _ => {}
    }
    Vec::new()
}

/// Once everything that was asked for is there, the last step begins by itself.
fn settle(state: &mut State) {
    let Some(live) = &state.live else { return };
    let through = |outcome| matches!(outcome, Some(DatabaseOutcome::Done | DatabaseOutcome::Following));
    let all = !live.run.databases.is_empty() && live.run.databases.values().all(|d| through(d.outcome))
        || live.run.is_discontinued();
    let stands_alone = live.engine == Engine::Gone && live.run.stands_alone();
    let ended_well = live.run.outcome.is_some() || live.run.keeping || stands_alone;
    if state.screen == Screen::Live && all && ended_well && !migration::failed(live) {
        state.screen = Screen::Close;
        state.focus = close::update::order(state).first().copied().unwrap_or(Focus::List);
        dialog::outlive(state);
    }
}

/// Nobody looks at it all the time: how it stands is asked about at once.
fn ask_where_nobody_guards(state: &mut State) -> Vec<Effect> {
    let unguarded = |live: &Live| live.is_following() && live.engine == Engine::Gone;
    match &state.live {
        Some(live) if state.screen == Screen::Close && unguarded(live) => {
            close::update::ask_with_passwords(state)
        }
        _ => Vec::new(),
    }
}

fn tick(state: &mut State, now_ms: u64) -> Vec<Effect> {
    let before_ms = std::mem::replace(&mut state.now_ms, now_ms);
    if state.toast.as_ref().is_some_and(|toast| toast.until_ms <= now_ms) {
        state.toast = None;
    }
    if let Some(live) = state.live.as_mut().filter(|_| !state.pace.frozen.is_on()) {
        live.catch_up(now_ms);
    }
    let is_time = |every_ms: u64| now_ms / every_ms != before_ms / every_ms;
    let mut effects = Vec::new();
    if state.screen == Screen::Start && is_time(LIST_MS) {
        effects.push(Effect::List);
    }
    let unguarded = |live: &Live| live.is_following() && live.engine == Engine::Gone && !live.asking.is_on();
    if state.screen == Screen::Close && is_time(ASK_MS) && state.live.as_ref().is_some_and(unguarded) {
        effects.extend(close::update::ask(state));
    }
    if rejoin::looks(state) && is_time(rejoin::LOOK_MS) {
        effects.push(Effect::LookAgain);
    }
    effects
}

fn on_key(state: &mut State, key: Key) -> Vec<Effect> {
    match (key.code, key.ctrl) {
        (Code::Char('c'), true) => return leave(state),
        (Code::Char('z'), true) => return suspend(state),
        (Code::Char('l'), true) => return vec![Effect::Redraw],
        (Code::F1, _) => {
            let open = matches!(state.overlay, Some(Overlay::Help { .. }));
            state.overlay = (!open).then_some(Overlay::Help { from: 0 });
            return Vec::new();
        }
        _ => {}
    }
    if state.overlay.is_some() {
        return overlay::key(state, key);
    }
    if let Some(filter) = fields::filter(state).filter(|filter| filter.typing) {
        match key.code {
            Code::Enter => filter.typing = false,
            Code::Esc => *filter = super::state::Filter::default(),
            _ => {
                filter.text.key(key);
            }
        }
        return Vec::new();
    }
    let handled = match state.screen {
        // It has not been opened yet, or cannot be: from these screens everything could be begun.
        screen if state.rights == Rights::Look && !matches!(screen, Screen::Live | Screen::Close) => None,
        Screen::Start => start::update::key(state, key),
        Screen::Configure => configure::update::key(state, key),
        Screen::Form => validation::update::form_key(state, key),
        Screen::Report => validation::update::report_key(state, key),
        Screen::Plan => migration::update::plan_key(state, key),
        Screen::Live => migration::update::live_key(state, key),
        Screen::Close => close::update::key(state, key),
    };
    handled.unwrap_or_else(|| common::key(state, key))
}

fn paste(state: &mut State, text: &str) {
    if let Some(overlay) = &mut state.overlay {
        overlay::paste(overlay, &mut state.form, text);
        return;
    }
    if let Some(filter) = fields::filter(state).filter(|filter| filter.typing) {
        filter.text.paste(text);
        return;
    }
    fields::paste(state, text);
}

/// A process that sleeps does no work: one that is an engine as well stays awake.
fn suspend(state: &mut State) -> Vec<Effect> {
    let works = |live: &Live| live.engine == Engine::Here && live.ended.is_none();
    if state.live.as_ref().is_some_and(works) {
        state.complain("The migration runs in this window: suspended, it would stand still");
        return Vec::new();
    }
    vec![Effect::Suspend]
}

/// The window goes; what runs in another process goes on.
pub fn leave(state: &mut State) -> Vec<Effect> {
    let runs_here =
        state.live.as_ref().is_some_and(|live| live.engine == Engine::Here && live.ended.is_none());
    let told = state.live.as_ref().is_some_and(|live| live.wanted == Some(Wanted::Stop));
    if runs_here && !told {
        state.overlay = Some(Overlay::Dialog(Dialog::new(leave_how(state))));
        return Vec::new();
    }
    vec![Effect::Leave]
}

/// What leaving means for what runs in this process.
fn leave_how(state: &State) -> About {
    let Some(live) = state.live.as_ref().filter(|_| state.home != Home::Demo) else {
        return About::LeaveAndStop;
    };
    match live.wanted {
        Some(Wanted::Close) if live.is_following() => About::LeaveClosing,
        None if live.run.stands_alone() => About::LeaveUnguarded,
        _ => About::LeaveAndStop,
    }
}

/// Whether the engine listens.
pub fn commandable(live: &Live) -> bool {
    live.engine.is_there() && live.ended.is_none()
}

/// The engine died before its work was done.
pub fn died(live: &Live) -> bool {
    let told = live.run.outcome.is_some() || matches!(live.ended, Some(Ending::Ended(_)));
    // One that only guarded has left nothing half done: what follows goes on following.
    live.engine == Engine::Gone && !told && !live.run.keeping && !live.run.stands_alone()
}
