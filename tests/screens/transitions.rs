//! What keys and news do to the state: pure transitions.

mod again;
mod mouse;
mod rejoined;

use super::scenes::{self, NOW_MS, press, send, type_text};
use super::styled::{draw, rows};
use pgpassage::model::command::Command;
use pgpassage::model::plan::IdentityPolicy;
use pgpassage::model::task::{Loss, Task};
use pgpassage::ui::keys::{Code, Key};
use pgpassage::ui::message::{Effect, Msg, Uncopied};
use pgpassage::ui::state::form::{Field, Part};
use pgpassage::ui::state::live::Wanted;
use pgpassage::ui::state::{About, Button, Engine, Focus, Overlay, Rights, Screen, State};
use pgpassage::ui::update::update;

fn scene(name: &str) -> State {
    scenes::all().into_iter().find(|scene| scene.name == name).unwrap().state
}

fn effects(state: &mut State, code: Code) -> Vec<Effect> {
    update(state, Msg::Key(Key::plain(code)))
}

fn ctrl(state: &mut State, c: char) -> Vec<Effect> {
    update(state, Msg::Key(Key::ctrl(c)))
}

/// On every screen and under every overlay the ways out lead out, and never stop anything.
#[test]
fn leaving_never_stops_a_migration() {
    for scene in scenes::all() {
        let mut state = scene.state;
        assert_eq!(ctrl(&mut state, 'c'), [Effect::Leave], "{}", scene.name);
    }
    for letter in ['q', 'd'] {
        for name in ["live", "close", "failure", "start"] {
            let mut state = scene(name);
            assert_eq!(effects(&mut state, Code::Char(letter)), [Effect::Leave], "{name}");
        }
    }
}

#[test]
fn a_migration_in_this_window_asks_before_it_ends() {
    let mut state = scene("live");
    state.live.as_mut().unwrap().engine = Engine::Here;
    assert_eq!(ctrl(&mut state, 'c'), []);
    assert!(
        matches!(&state.overlay, Some(Overlay::Dialog(d)) if d.about == About::LeaveAndStop && d.on == 0)
    );
    // The harmless button is the first.
    assert_eq!(effects(&mut state, Code::Enter), []);
    assert!(state.overlay.is_none());
    ctrl(&mut state, 'c');
    press(&mut state, Code::Tab);
    let stop = Effect::Send(Command::Discontinue);
    assert_eq!(effects(&mut state, Code::Enter), [stop, Effect::Leave]);
    // Once it stops, the window may go.
    assert_eq!(ctrl(&mut state, 'c'), [Effect::Leave]);
}

#[test]
fn only_the_second_button_stops() {
    for way_out in [Code::Enter, Code::Esc, Code::Char('n')] {
        let mut state = scene("stop");
        assert_eq!(effects(&mut state, way_out), []);
        assert!(state.overlay.is_none() && state.live.as_ref().unwrap().wanted.is_none());
    }
    let mut state = scene("stop");
    press(&mut state, Code::Tab);
    let stop = Effect::Send(Command::Discontinue);
    assert_eq!(effects(&mut state, Code::Enter), [stop]);
    assert_eq!(state.live.as_ref().unwrap().wanted, Some(Wanted::Stop));
}

#[test]
fn closing_while_behind_wants_the_name() {
    let mut state = scene("close-behind");
    press(&mut state, Code::BackTab);
    assert_eq!(effects(&mut state, Code::Enter), [], "only half of the name is typed");
    assert!(state.overlay.is_some());
    type_text(&mut state, "p");
    let [Effect::Send(Command::Finish(how))] = effects(&mut state, Code::Enter)[..] else { panic!() };
    assert_eq!((how.loss, how.timeout_s), (Loss::Accept, 0));
}

#[test]
fn closing_in_sync_loses_nothing() {
    let mut state = scene("close");
    press(&mut state, Code::Tab);
    assert_eq!(state.focus, Focus::Button(Button::CloseConnection));
    press(&mut state, Code::Enter);
    assert!(matches!(&state.overlay, Some(Overlay::Dialog(d)) if d.about == About::Close));
    press(&mut state, Code::Tab);
    let [Effect::Send(Command::Finish(how))] = effects(&mut state, Code::Enter)[..] else { panic!() };
    assert_eq!(how.loss, Loss::Refuse);
}

/// What was true when the question was asked may not be any more: the harmless answer stands first then.
#[test]
fn a_target_that_falls_behind_while_it_is_asked_about_changes_the_question() {
    let mut state = scene("close");
    press(&mut state, Code::Tab);
    press(&mut state, Code::Enter);
    press(&mut state, Code::Tab);
    let mut gauges = state.live.as_ref().unwrap().gauges.clone();
    gauges.following.values_mut().for_each(|database| database.lag_bytes = Some(736));
    let now_ms = state.now_ms;
    update(&mut state, Msg::Gauges(gauges));
    update(&mut state, Msg::Tick { now_ms: now_ms + 1000 });
    let Some(Overlay::Dialog(dialog)) = &state.overlay else { panic!() };
    assert_eq!((dialog.about, dialog.on), (About::CloseBehind, 0));
    assert_eq!(effects(&mut state, Code::Enter), []);
    assert!(state.overlay.is_none());
}

#[test]
fn the_focus_is_on_a_button_that_is_there() {
    let mut state = scene("close");
    press(&mut state, Code::Tab);
    assert_eq!(state.focus, Focus::Button(Button::CloseConnection));
    for name in ["shop", "analytics", "sessions"] {
        scenes::end(&mut state, name);
    }
    assert_eq!(state.focus, Focus::Button(Button::CloseWindow));
    press(&mut state, Code::Enter);
    assert_eq!(state.screen, Screen::Start);
}

/// An unknown lag is not zero: it is closed as if it were behind.
#[test]
fn an_unknown_lag_closes_nothing_by_itself() {
    let mut state = scene("close-unknown");
    press(&mut state, Code::Tab);
    press(&mut state, Code::Enter);
    assert!(matches!(&state.overlay, Some(Overlay::Dialog(d)) if d.about == About::CloseBehind));
    press(&mut state, Code::Tab);
    // No engine is there to be told: one is started for it.
    assert!(
        matches!(effects(&mut state, Code::Enter)[..], [Effect::Run(Task::Finish(how))] if how.loss == Loss::Refuse)
    );
}

#[test]
fn letters_are_typed_where_there_is_a_field() {
    let mut state = scene("form");
    state.focus = Focus::Field(Field::Source(Part::User));
    type_text(&mut state, "qdcls?/");
    assert_eq!(state.form.source.user.value(), "migratorqdcls?/");
    assert!(state.overlay.is_none());
}

#[test]
fn every_field_and_button_is_reached_by_tab_alone() {
    for (name, wanted) in [
        ("configure", 10),
        ("form", 11),
        ("plan", 5),
        ("report-some", 6),
        ("report-identity", 6),
        ("close", 4),
        ("failure", 5),
        ("close-read-only", 3),
    ] {
        let mut state = scene(name);
        let begin = state.focus;
        let mut seen = Vec::new();
        for _ in 0..40 {
            press(&mut state, Code::Tab);
            if !seen.contains(&state.focus) {
                seen.push(state.focus);
            }
        }
        assert_eq!(seen.len(), wanted, "{name}: {seen:?}");
        assert!(seen.contains(&begin), "{name}");
    }
}

#[test]
fn the_first_wrong_field_gets_the_focus_and_values_stay() {
    let mut state = scene("configure");
    state.focus = Focus::Button(Button::GetStarted);
    press(&mut state, Code::Enter);
    assert_eq!((state.screen, state.focus), (Screen::Configure, Focus::Field(Field::Target(Part::Host))));
    assert!(state.form.error(Field::Target(Part::Host)).is_some());
    send(&mut state, Msg::Paste("postgres://u:s3cret@h:1/d".into()));
    assert!(state.form.errors.is_empty());
    state.focus = Focus::Button(Button::GetStarted);
    press(&mut state, Code::Enter);
    assert_eq!(state.screen, Screen::Form);
    assert_eq!(state.form.target.password.secret().unwrap().expose(), "s3cret");
}

/// What was typed for one server must not be offered to another.
#[test]
fn passwords_do_not_travel_to_other_migrations() {
    let mut state = scene("start");
    state.form.source.password.set("s3cret");
    state.form.target.password.set("s3cret");
    assert!(matches!(effects(&mut state, Code::Enter)[..], [Effect::Open { .. }]));
    assert!(state.form.source.password.is_empty() && state.form.target.password.is_empty());
}

/// Once a migration is left or done, they are gone.
#[test]
fn passwords_are_wiped_when_done() {
    for (name, code) in [("close", Code::Enter), ("result", Code::Enter), ("live", Code::Esc)] {
        let mut state = scene(name);
        state.form.source.password.set("s3cret");
        press(&mut state, code);
        assert_eq!(state.screen, Screen::Start, "{name}");
        assert!(state.form.source.password.is_empty(), "{name}");
    }
}

#[test]
fn unguarded_databases_are_asked_about_now_and_then() {
    let mut state = scene("close-unknown");
    let mut asked = 0;
    for second in 1..=30u64 {
        let all = update(&mut state, Msg::Tick { now_ms: NOW_MS + second * 1000 });
        asked += all.iter().filter(|e| **e == Effect::Status).count();
        if !all.is_empty() {
            send(&mut state, Msg::Status(Vec::new()));
        }
    }
    assert_eq!(asked, 3);
}

/// What could not be copied is offered once more, and not the sentence that says so.
#[test]
fn what_is_not_copied_is_offered_itself() {
    let mut state = scene("close");
    let [Effect::Copy { title, text }] = &effects(&mut state, Code::Char('y'))[..] else { panic!() };
    let (title, text) = (title.clone(), text.clone());
    for _ in 0..2 {
        let why = Uncopied::NoClipboard;
        send(&mut state, Msg::NotCopied { title: title.clone(), text: text.clone(), why });
        let shown = rows(&draw(&state, 80, 24)).join("\n");
        assert!(shown.contains("No clipboard could be reached") && shown.contains(&text), "{shown}");
        let again = effects(&mut state, Code::Char('y'));
        assert_eq!(again, [Effect::Copy { title: title.clone(), text: text.clone() }]);
    }
}

#[test]
fn remarks_go_away() {
    let mut state = scene("live");
    send(&mut state, Msg::Said("something".into()));
    let until_ms = state.toast.as_ref().unwrap().until_ms;
    send(&mut state, Msg::Tick { now_ms: until_ms });
    assert!(state.toast.is_none());
}

/// What the last line names does something, on every screen.
#[test]
fn no_key_of_the_footer_does_nothing() {
    for scene in scenes::all() {
        for (key, word) in pgpassage::ui::view::footer::keys(&scene.state) {
            let codes: &[Code] = match key {
                "Tab" => &[Code::Tab],
                "Shift+Tab" => &[Code::BackTab],
                "Enter" => &[Code::Enter],
                "Esc" => &[Code::Esc],
                "F1" => &[Code::F1],
                "PgUp PgDn" => &[Code::PageDown, Code::PageUp],
                "↑↓" => &[Code::Down, Code::Up],
                "←→" => &[Code::Right],
                // What is typed in secret is not stored, and the way out has a test of its own.
                "Space" | "Ctrl-R" | "Ctrl-C" => continue,
                letter => &[Code::Char(letter.chars().next().unwrap())],
            };
            let before = serde_json::to_string(&scene.state).unwrap();
            let changes = codes.iter().any(|code| {
                let mut state: State = serde_json::from_str(&before).unwrap();
                let effects = effects(&mut state, *code);
                !effects.is_empty() || serde_json::to_string(&state).unwrap() != before
            });
            // A list of one line has nowhere to move, and a button's Enter needs the button.
            let idle =
                (key == "↑↓" || key == "Enter" || key == "n") || (key == "Esc" && scene.name == "configure");
            assert!(changes || idle, "{}: {key} {word}", scene.name);
        }
    }
}

/// Whatever is pressed in a read-only window, nothing is asked of an engine or a server that would change anything.
#[test]
fn a_read_only_window_changes_nothing() {
    let keys: Vec<Code> = (' '..='~').map(Code::Char).chain([Code::Enter, Code::Esc, Code::Tab]).collect();
    for scene in scenes::all().into_iter().filter(|scene| scene.state.live.is_some()) {
        let mut before = scene.state;
        before.rights = Rights::Look;
        // What lies over the screen does not come about in such a window; there it begins without.
        before.overlay = None;
        for tabs in 0..6 {
            let stored = serde_json::to_string(&before).unwrap();
            for key in &keys {
                let mut state: State = serde_json::from_str(&stored).unwrap();
                let mut all = effects(&mut state, *key);
                assert!(!matches!(state.overlay, Some(Overlay::Dialog(_))), "{} {tabs} {key:?}", scene.name);
                assert!(
                    matches!(state.screen, Screen::Live | Screen::Close),
                    "{} {tabs} {key:?}",
                    scene.name
                );
                all.extend(effects(&mut state, Code::Enter));
                assert!(!all.iter().any(Effect::changes), "{} {tabs} {key:?}: {all:?}", scene.name);
            }
            press(&mut before, Code::Tab);
        }
    }
}

#[test]
fn a_read_only_window_says_why_it_does_not_stop() {
    for name in ["live", "close"] {
        let mut state = scene(name);
        state.rights = Rights::Look;
        assert_eq!(effects(&mut state, Code::Char('s')), []);
        assert!(state.toast.as_ref().unwrap().text.contains("read-only window"), "{name}");
        assert_eq!(effects(&mut state, Code::Char('d')), [Effect::Leave]);
    }
}

#[test]
fn another_choice_for_identities_wants_another_check() {
    let mut state = scene("report-identity");
    assert_eq!(state.focus, Focus::Field(Field::Identity));
    assert!(state.check.as_ref().unwrap().may_start().unwrap_err().contains("Run check"));
    assert_eq!(effects(&mut state, Code::Char('r')), [Effect::Check]);
    let check = state.check.as_ref().unwrap();
    assert_eq!((check.identity, check.identity_wanted), (IdentityPolicy::Inserts, IdentityPolicy::Inserts));
    let state = scene("plan-identity");
    let line = pgpassage::ui::command::line(&state);
    assert!(line.contains("--replica-identity inserts"), "{line}");
    // Of a snapshot it would be refused.
    let mut state = scene("plan-identity");
    state.check.as_mut().unwrap().decisions.snapshot = true;
    let line = pgpassage::ui::command::line(&state);
    assert!(!line.contains("--replica-identity") && line.contains("--force-method=dump"), "{line}");
}
