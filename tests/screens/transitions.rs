//! What keys and news do to the state: pure transitions.

use super::scenes::{self, NOW_MS, press, send, type_text};
use super::styled::{draw, drawn, rows};
use pgpassage::model::command::Command;
use pgpassage::model::event::{Entry, Event, ObjectKind, RunOutcome};
use pgpassage::model::plan::IdentityPolicy;
use pgpassage::model::task::{Loss, Task, Unfinished};
use pgpassage::ui::keys::{Code, Key};
use pgpassage::ui::message::{Effect, Hit, Msg, Uncopied};
use pgpassage::ui::state::form::{Field, Part};
use pgpassage::ui::state::live::{Ending, Wanted};
use pgpassage::ui::state::passwords::Errand;
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
    for (size, why) in [((60, 16), "name taken"), ((80, 24), "shop is taken; this is free")] {
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

/// Where that text stands on the screen, in the middle of it.
fn place_of(state: &State, text: &str) -> ratatui::layout::Position {
    let (buffer, _) = drawn(state, 100, 30);
    let rows = rows(&buffer);
    let (y, row) = rows.iter().enumerate().find(|(_, row)| row.contains(text)).unwrap();
    let x = row[..row.find(text).unwrap()].chars().count() + text.chars().count() / 2;
    (u16::try_from(x).unwrap(), u16::try_from(y).unwrap()).into()
}

fn click(state: &mut State, text: &str) -> Vec<Effect> {
    let (_, drawn) = drawn(state, 100, 30);
    let hit = drawn.at(place_of(state, text));
    hit.map(|hit| update(state, Msg::Click(hit))).unwrap_or_default()
}

#[test]
fn the_mouse_does_what_enter_and_space_do() {
    let mut state = scene("form");
    click(&mut state, "Username");
    assert_eq!(state.focus, Focus::Field(Field::Source(Part::User)));
    let encrypts = state.form.source.encrypts();
    click(&mut state, "SSL encryption");
    assert_ne!(state.form.source.encrypts(), encrypts);
    assert_eq!(click(&mut state, "Run check"), [Effect::Check]);

    let mut state = scene("report");
    click(&mut state, "one-time snapshot (dump method)");
    assert!(state.check.as_ref().unwrap().decisions.snapshot);
    click(&mut state, "14 sequences are copied");
    assert_eq!(state.focus, Focus::List);
    assert!(state.check.as_ref().unwrap().selected > 0);
    click(&mut state, "Continue");
    assert_eq!(state.screen, Screen::Plan);

    let mut state = scene("live");
    click(&mut state, "Stop migration");
    // What lies under the dialog cannot be pressed through it.
    assert_eq!(click(&mut state, "Close window"), []);
    let buttons = pgpassage::ui::update::buttons(About::Stop, state.live.as_ref());
    assert_eq!(buttons[1].0, "Stop migration");
    let (_, drawn) = drawn(&state, 100, 30);
    let answers = drawn.hits().iter().filter(|(_, hit)| matches!(hit, Hit::Answer(_))).count();
    assert_eq!((answers, drawn.hits().len()), (buttons.len(), buttons.len()));
    let stop = update(&mut state, Msg::Click(Hit::Answer(1)));
    assert_eq!(stop, [Effect::Send(Command::Discontinue)]);
}

#[test]
fn a_line_is_chosen_by_one_click_and_opened_by_the_next() {
    let mut state = scene("start");
    assert_eq!(click(&mut state, "legacy"), []);
    let chosen = state.start.shown()[state.start.selected].id.clone();
    assert_eq!(chosen, "legacy");
    assert_eq!(click(&mut state, "Failed"), [Effect::Open { id: "legacy".into() }]);
    let mut state = scene("pick");
    click(&mut state, "[ ] ");
    assert_eq!(state.form.excluded().len(), 2);
}

/// Every button that is drawn can be pressed where it is drawn, at any size.
#[test]
fn every_button_and_field_has_its_place() {
    // Under a dialog nothing can be pressed.
    for scene in scenes::all().into_iter().filter(|scene| scene.state.overlay.is_none()) {
        for (width, height) in [(60, 16), (80, 24), (100, 30), (200, 50)] {
            let (buffer, drawn) = drawn(&scene.state, width, height);
            for (area, hit) in drawn.hits() {
                assert!(buffer.area.intersection(*area) == *area, "{}: {hit:?} {area:?}", scene.name);
            }
            for (y, row) in rows(&buffer).iter().enumerate() {
                for (at, _) in row.match_indices("[ ").chain(row.match_indices('▐')) {
                    let x = u16::try_from(row[..at].chars().count()).unwrap();
                    let place = (x, u16::try_from(y).unwrap()).into();
                    assert!(drawn.at(place).is_some(), "{} at {width}x{height}: {row}", scene.name);
                }
            }
        }
    }
}
