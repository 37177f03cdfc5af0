//! What was broken off, refused or failed, and how it is begun again.

use super::{effects, scene};
use crate::scenes::{NOW_MS, press, send};
use crate::styled::{draw, rows};
use pgpassage::model::command::Command;
use pgpassage::model::event::{Entry, Event, ObjectKind, RunOutcome, TableIdentity};
use pgpassage::model::task::{Task, Unfinished};
use pgpassage::model::units::TableName;
use pgpassage::ui::keys::Code;
use pgpassage::ui::message::{Effect, Msg};
use pgpassage::ui::state::form::Field;
use pgpassage::ui::state::live::Ending;
use pgpassage::ui::state::passwords::Errand;
use pgpassage::ui::state::{About, Button, Engine, Focus, Overlay, Screen, State};
use pgpassage::ui::update::update;

/// What is left goes first, and only when it is gone the rest is begun anew.
#[test]
fn trying_again_takes_back_what_is_left_and_begins_anew() {
    let ended = || Msg::Ended(Ending::Ended(RunOutcome::Partly));
    for kept in [None, Some(ObjectKind::Slot), Some(ObjectKind::Database)] {
        let mut state = scene("failure");
        assert_eq!(state.focus, Focus::Button(Button::TryAgain));
        press(&mut state, Code::Enter);
        assert!(
            matches!(&state.overlay, Some(Overlay::Dialog(d)) if d.about == About::TryAgain && d.on == 0)
        );
        press(&mut state, Code::Tab);
        assert_eq!(effects(&mut state, Code::Enter), [Effect::Run(Task::Clear)]);
        // Once it was said it is not said again.
        assert_eq!(effects(&mut state, Code::Enter), []);
        assert!(state.overlay.is_none());
        state.live.as_mut().unwrap().run.ledger.retain(|_, line| Some(line.object.kind) == kept);
        let next = update(&mut state, ended());
        assert_eq!(next, if kept.is_none() { vec![Effect::Again] } else { vec![] }, "{kept:?}");
        assert_eq!(state.screen, Screen::Live);
        assert_eq!(state.toast.as_ref().is_some_and(|t| t.text.contains("Not tried again")), kept.is_some());
    }
}

/// A replica identity that is still changed is set back first, or the next migration would take it for the table's own.
#[test]
fn trying_again_sets_replica_identities_back() {
    let mut state = scene("failure");
    let run = &mut state.live.as_mut().unwrap().run;
    run.ledger.clear();
    let table = TableName::new("public", "events");
    run.databases.get_mut("analytics").unwrap().identities.insert(table, TableIdentity::Default);
    press(&mut state, Code::Enter);
    press(&mut state, Code::Tab);
    assert_eq!(effects(&mut state, Code::Enter), [Effect::Run(Task::Clear)]);
    let ended = || Msg::Ended(Ending::Ended(RunOutcome::Partly));
    assert_eq!(update(&mut state, ended()), []);
    assert!(
        state.toast.as_ref().unwrap().text.contains("the replica identity of 1 table could not be set back")
    );
    let live = state.live.as_mut().unwrap();
    live.run.databases.get_mut("analytics").unwrap().identities.clear();
    press(&mut state, Code::Enter);
    press(&mut state, Code::Tab);
    assert_eq!(effects(&mut state, Code::Enter), [Effect::Again]);
}

/// The engine that guards the rest takes back what failed, and goes on guarding.
#[test]
fn trying_again_beside_what_follows() {
    let mut state = scene("failure-guarded");
    assert_eq!((state.screen, state.focus), (Screen::Live, Focus::Button(Button::TryAgain)));
    for code in [Code::Enter, Code::Tab] {
        press(&mut state, code);
    }
    // The passwords are tried before anything is dropped.
    let errand = Errand::TakeBack;
    assert_eq!(effects(&mut state, Code::Enter), [Effect::LogIn(errand)]);
    let id = state.live.as_ref().unwrap().id.clone();
    assert_eq!(update(&mut state, Msg::LetIn { id, errand }), [Effect::Send(Command::Clear)]);
    let live = state.live.as_mut().unwrap();
    live.run.ledger.retain(|_, line| line.object.kind != ObjectKind::Database);
    let answered = |seq| {
        let event =
            Event::Answered { verb: Task::Clear.verb().to_owned(), outcome: RunOutcome::Partly, face: None };
        Msg::Entry(Entry { seq, at_ms: NOW_MS, event })
    };
    let seq = live.run.seq;
    assert_eq!(update(&mut state, answered(seq)), [], "an answer to somebody before");
    assert_eq!(update(&mut state, answered(seq + 1)), [Effect::Again]);
    // And to the last step for those that follow.
    let mut state = scene("failure-guarded");
    press(&mut state, Code::BackTab);
    press(&mut state, Code::BackTab);
    assert_eq!(state.focus, Focus::Button(Button::Continue));
    press(&mut state, Code::Enter);
    assert_eq!(state.screen, Screen::Close);
}

/// Two windows have given orders to one engine: each waits for the answer to its own.
#[test]
fn another_windows_answer_moves_nothing() {
    let mut state = scene("close");
    press(&mut state, Code::Tab);
    for code in [Code::Enter, Code::Tab, Code::Enter] {
        press(&mut state, code);
    }
    let seq = state.live.as_ref().unwrap().run.seq;
    let answered = |seq, verb: &str, face| {
        let event = Event::Answered { verb: verb.to_owned(), outcome: RunOutcome::Following, face };
        Msg::Entry(Entry { seq, at_ms: NOW_MS, event })
    };
    let closing = |state: &State| rows(&draw(state, 80, 24)).join("\n").contains("closing the connection");
    for other in [answered(seq, "finish", Some(1)), answered(seq + 1, "finish", Some(2))] {
        send(&mut state, other);
        assert!(closing(&state));
    }
    send(&mut state, answered(seq + 2, "clear", Some(1)));
    assert!(closing(&state), "an answer to something else");
    send(&mut state, answered(seq + 3, "finish", Some(1)));
    assert!(!closing(&state) && state.live.as_ref().unwrap().wanted.is_none());
}

/// What waits goes on by a word to its engine; what it holds open is not cleaned up under it.
#[test]
fn what_waits_goes_on() {
    let mut state = scene("failure-waiting");
    assert_eq!((state.screen, state.focus), (Screen::Live, Focus::Button(Button::TryAgain)));
    for button in [Button::StartOver, Button::CleanUp] {
        state.focus = Focus::Button(button);
        assert_eq!(effects(&mut state, Code::Enter), []);
        assert!(state.overlay.is_none(), "{button:?}");
    }
    state.focus = Focus::Button(Button::TryAgain);
    press(&mut state, Code::Enter);
    assert!(matches!(&state.overlay, Some(Overlay::Dialog(d)) if d.about == About::GoOn && d.on == 0));
    press(&mut state, Code::Tab);
    assert_eq!(effects(&mut state, Code::Enter), [Effect::Send(Command::GoOn)]);
    // An engine that dies takes the snapshot along: then it is begun anew.
    let mut state = scene("failure-waiting");
    state.live.as_mut().unwrap().engine = Engine::Gone;
    let text = rows(&draw(&state, 80, 24)).join("\n");
    assert!(!text.contains("held open") && !text.contains("waits to go on"), "{text}");
    press(&mut state, Code::Enter);
    assert!(matches!(&state.overlay, Some(Overlay::Dialog(d)) if d.about == About::TryAgain));
    press(&mut state, Code::Esc);
    state.focus = Focus::Button(Button::CleanUp);
    press(&mut state, Code::Enter);
    assert!(matches!(&state.overlay, Some(Overlay::Dialog(d)) if d.about == About::CleanUp));
}

#[test]
fn a_refused_start_is_judged_again() {
    let mut state = scene("failure");
    state.live.as_mut().unwrap().run.databases.clear();
    assert_eq!(effects(&mut state, Code::Enter), [Effect::LogIn(Errand::Recheck)]);
    let id = state.live.as_ref().unwrap().id.clone();
    let let_in = Msg::LetIn { id, errand: Errand::Recheck };
    let name = Effect::NameAfter { taken: "shop".into() };
    assert_eq!(update(&mut state, let_in), [Effect::LetGo, name, Effect::Check]);
    assert_eq!(state.screen, Screen::Report);
}

#[test]
fn starting_over_cleans_up_first() {
    let mut state = scene("failure");
    press(&mut state, Code::Tab);
    press(&mut state, Code::Enter);
    press(&mut state, Code::Tab);
    assert_eq!(effects(&mut state, Code::Enter), [Effect::Run(Task::Clean(Unfinished::DropIncomplete))]);
    state.live.as_mut().unwrap().run.ledger.clear();
    let ended = Msg::Ended(Ending::Ended(RunOutcome::Partly));
    let name = Effect::NameAfter { taken: "shop".into() };
    assert_eq!(update(&mut state, ended), [Effect::LetGo, Effect::List, name]);
    assert_eq!(state.screen, Screen::Configure);
    assert_eq!(state.form.source.host.value(), "db1.example.net");
    // The old one's folder keeps its name: the next stands there, and why, in every window.
    send(&mut state, Msg::Named { taken: "shop".into(), name: "shop_2".into() });
    state.focus = Focus::Field(Field::Name);
    for (size, why) in [((60, 16), "shop taken"), ((80, 24), "shop is taken; this is free")] {
        let text = rows(&draw(&state, size.0, size.1)).join("\n");
        let row = text.lines().find(|row| row.contains("▌ Name")).unwrap();
        assert!(row.contains("[shop_2") && row.contains(why), "{text}");
    }
    press(&mut state, Code::Char('b'));
    assert_eq!(state.form.name.value(), "shop_2b");
    assert!(!rows(&draw(&state, 80, 24)).join("\n").contains("taken"), "it is not the one that was proposed");
}

/// What is left somewhere keeps its journal; the rest goes once that is meant.
#[test]
fn a_migration_of_the_list_is_forgotten_after_a_question() {
    let mut state = scene("start");
    let pick = |state: &mut State, id: &str| {
        state.start.selected = state.start.shown().iter().position(|known| known.id == id).unwrap();
    };
    for (id, why) in [
        ("shop", "an engine works on it"),
        ("billing", "billing follows its source"),
        ("crm", "objects of ours may be left"),
        ("legacy", "objects of ours may be left"),
    ] {
        pick(&mut state, id);
        assert_eq!(effects(&mut state, Code::Char('x')), []);
        assert!(state.overlay.is_none(), "{id}");
        let text = rows(&draw(&state, 80, 24)).join("\n");
        assert!(text.contains(&format!("{id} is not forgotten: {why}")), "{text}");
    }
    pick(&mut state, "hr");
    for answers in [&[Code::Enter][..], &[Code::Esc], &[Code::Char('n')]] {
        assert_eq!(effects(&mut state, Code::Char('x')), []);
        assert!(matches!(&state.overlay, Some(Overlay::Dialog(d)) if d.about == About::Forget && d.on == 0));
        assert!(rows(&draw(&state, 60, 16)).join("\n").contains("Removes what this machine has of hr"));
        answers.iter().for_each(|code| assert_eq!(effects(&mut state, *code), []));
        assert!(state.overlay.is_none());
    }
    press(&mut state, Code::Char('x'));
    // Another one is selected meanwhile: it is not the one that was asked about.
    pick(&mut state, "shop");
    press(&mut state, Code::Tab);
    assert_eq!(effects(&mut state, Code::Enter), [Effect::Forget { id: "hr".into() }]);
}

#[test]
fn a_check_that_was_left_says_nothing_any_more() {
    let mut state = scene("checking");
    assert_eq!(effects(&mut state, Code::Esc), [Effect::LeaveCheck]);
    assert_eq!(state.screen, Screen::Form);
    let ended = Msg::CheckEnded(Ending::Ended(RunOutcome::Checked));
    send(&mut state, ended);
    assert!(state.check.is_none());
}
