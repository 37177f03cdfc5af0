//! A window whose engine is gone finds the next one, or what that has done, and nothing in it moves by that.

use super::{effects, scene};
use crate::scenes::{NOW_MS, press, send};
use crate::styled::shown as text;
use pgpassage::link::Seen;
use pgpassage::model::event::{DatabaseOutcome, Entry, Event, RunOutcome};
use pgpassage::model::failure::Failure;
use pgpassage::model::task::{Task, Verify};
use pgpassage::ui::keys::Code;
use pgpassage::ui::message::{Effect, Msg};
use pgpassage::ui::state::live::Ending;
use pgpassage::ui::state::passwords::Errand;
use pgpassage::ui::state::{Button, Engine, Focus, Screen, State};
use pgpassage::ui::update::update;

const NEXT: Engine = Engine::Apart { pid: 4712 };

/// The last step, whose engine was killed.
fn alone() -> State {
    let mut state = scene("close");
    send(&mut state, Msg::Ended(Ending::Broke(Failure::local("the engine died"))));
    state
}

fn seen(state: &State) -> Seen {
    state.live.as_ref().unwrap().seen()
}

fn rejoined(seen: Seen, engine: Engine, entries: Vec<Entry>) -> Msg {
    let id = "shop".to_owned();
    Msg::Rejoined { id, seen, engine, face: engine.is_there().then_some(3), entries }
}

fn looks(state: &mut State) -> bool {
    let later = (state.now_ms / 3_000 + 1) * 3_000;
    update(state, Msg::Tick { now_ms: later }).contains(&Effect::LookAgain)
}

#[test]
fn it_is_looked_for_only_where_nobody_is_known() {
    let mut state = scene("close");
    assert!(!looks(&mut state), "its engine lives");
    let mut state = alone();
    assert!(looks(&mut state));
    let now_ms = state.now_ms + 1;
    assert_eq!(update(&mut state, Msg::Tick { now_ms }), [], "not at every tick");
    // What this window has on its way brings an engine of its own.
    state.live.as_mut().unwrap().trying = Some(Errand::Run(Task::Watch));
    assert!(!looks(&mut state));
    let at = seen(&state);
    send(&mut state, rejoined(at, NEXT, Vec::new()));
    assert_eq!(state.live.as_ref().unwrap().engine, Engine::Gone);
}

#[test]
fn the_next_engine_is_joined_and_nothing_moves() {
    let mut state = alone();
    press(&mut state, Code::Char('v'));
    let live = state.live.as_mut().unwrap();
    (live.selected, live.samples.back_mut().unwrap().lag_bytes) = (1, Some(77));
    state.focus = Focus::Button(Button::CloseConnection);
    state.unanswered = Some("the source is away".into());
    assert!(text(&state, (100, 30)).contains("No engine guards it"));
    let at = seen(&state);
    // What is about another moment, or another migration, comes too late.
    send(&mut state, rejoined(Seen { seq: at.seq + 1, ..at }, NEXT, Vec::new()));
    let other = Msg::Rejoined { id: "other".into(), seen: at, engine: NEXT, face: None, entries: Vec::new() };
    send(&mut state, other);
    assert!(text(&state, (100, 30)).contains("No engine guards it"));

    assert_eq!(update(&mut state, rejoined(at, NEXT, Vec::new())), []);
    let screen = text(&state, (100, 30));
    assert!(screen.contains("The engine (pid 4712) guards it"), "{screen}");
    assert!(!screen.contains("No engine") && !screen.contains("the source is away"), "{screen}");
    let live = state.live.as_ref().unwrap();
    assert_eq!((live.selected, live.verify, live.face), (1, Verify::Checksums, Some(3)));
    assert_eq!(live.samples.back().unwrap().lag_bytes, Some(77));
    assert_eq!(state.focus, Focus::Button(Button::CloseConnection));
    // It can be asked, without a password.
    assert_eq!(effects(&mut state, Code::Char('u')), [Effect::Status]);
    assert!(!looks(&mut state));
}

#[test]
fn what_was_closed_meanwhile_is_shown_at_once() {
    let mut state = alone();
    let at = seen(&state);
    let names: Vec<_> = state.live.as_ref().unwrap().run.databases.keys().cloned().collect();
    let ended =
        |database| Event::DatabaseEnded { database, outcome: DatabaseOutcome::Done, message: String::new() };
    let resumed = Event::Resumed { verb: "finish".into(), version: "0".into(), pid: 4713 };
    let events = std::iter::once(resumed).chain(names.into_iter().map(ended));
    let events = events.chain([Event::Ended { outcome: RunOutcome::Done }]);
    let entries: Vec<_> =
        (at.seq + 1..).zip(events).map(|(seq, event)| Entry { seq, at_ms: NOW_MS, event }).collect();
    assert_eq!(update(&mut state, rejoined(at, Engine::Gone, entries)), [], "no password is asked for");
    assert_eq!(state.screen, Screen::Close);
    let screen = text(&state, (100, 30));
    assert!(screen.contains("✔ Ready") && !screen.contains("Replication mode active"), "{screen}");
    assert!(state.overlay.is_none());
}

/// What is asked on the screen is about the migration that was there: the next Enter must not be for another one of its name.
#[test]
fn another_one_of_that_name_is_not_taken_for_this_one() {
    let mut state = alone();
    let (id, old) = ("shop".to_owned(), seen(&state));
    press(&mut state, Code::Char('s'));
    assert!(state.overlay.is_some());
    let later = Seen { seq: old.seq + 1, at_ms: old.at_ms };
    assert_eq!(update(&mut state, Msg::Replaced { id: id.clone(), seen: later }), []);
    assert!(state.live.is_some(), "an answer about something else");
    let next = update(&mut state, Msg::Replaced { id, seen: old });
    assert_eq!(next, [Effect::LetGo, Effect::List]);
    assert_eq!((state.screen, state.live.is_none(), state.overlay.is_none()), (Screen::Start, true, true));
    assert!(text(&state, (100, 30)).contains("another migration has its name now"));
}
