//! Passwords that no engine remembers: what the question for them does with keys, and what becomes of what is typed.

use super::scenes::{self, barred, press, send, type_text};
use super::styled::{draw, rows};
use pgpassage::model::failure::{Failure, FailureKind};
use pgpassage::model::passwords::Barrier;
use pgpassage::model::task::{Task, Unfinished};
use pgpassage::model::units::Side;
use pgpassage::ui::keys::{Code, Key};
use pgpassage::ui::message::{Effect, Msg};
use pgpassage::ui::state::live::Wanted;
use pgpassage::ui::state::passwords::Errand;
use pgpassage::ui::state::{Button, Focus, Overlay, Screen, State};
use pgpassage::ui::update::update;

fn scene(name: &str) -> State {
    scenes::all().into_iter().find(|scene| scene.name == name).unwrap().state
}

fn effects(state: &mut State, code: Code) -> Vec<Effect> {
    update(state, Msg::Key(Key::plain(code)))
}

fn typed(state: &State) -> [Option<String>; 2] {
    [Side::Source, Side::Target]
        .map(|side| state.form.server(side).password.secret().map(|s| s.expose().to_owned()))
}

#[track_caller]
fn assert_asked(state: &State, wanted: &[Side]) {
    let asked = match &state.overlay {
        Some(Overlay::Passwords(ask)) => ask.fields.iter().map(|field| field.side).collect(),
        _ => Vec::new(),
    };
    assert_eq!(asked, wanted);
}

#[test]
fn what_was_chosen_goes_on_once_they_are_typed() {
    let mut state = scene("passwords-missing");
    assert_asked(&state, &[Side::Source, Side::Target]);
    type_text(&mut state, "qs3cret");
    assert_eq!(effects(&mut state, Code::Enter), [], "the next field");
    send(&mut state, Msg::Paste("t4rget\n".into()));
    assert_eq!(typed(&state), [Some("qs3cret".to_owned()), Some("t4rget".to_owned())]);
    let shown = rows(&draw(&state, 80, 24)).join("\n");
    assert!(shown.contains("•••••••") && !shown.contains("s3cret") && !shown.contains("t4rget"));
    let stored = serde_json::to_string(&state).unwrap() + &format!("{state:?}");
    assert!(!stored.contains("s3cret") && !stored.contains("t4rget"));
    assert_eq!(effects(&mut state, Code::Enter), [Effect::Run(Task::Clear)]);
    assert!(state.overlay.is_none());
    // Whatever follows upon that needs them too.
    assert!(matches!(state.live.as_ref().unwrap().wanted, Some(Wanted::TryAgain)));
    assert!(typed(&state).iter().all(Option::is_some));
}

#[test]
fn what_is_wrong_is_wiped_and_asked_for_again() {
    let mut state = scene("passwords-missing");
    for text in ["right", "wrong"] {
        type_text(&mut state, text);
        effects(&mut state, Code::Enter);
    }
    let said = "password authentication failed for user \"avnadmin\"";
    barred(&mut state, vec![(Side::Target, Barrier::Wrong, said)]);
    assert_asked(&state, &[Side::Target]);
    assert_eq!(typed(&state), [Some("right".to_owned()), None]);
    let shown = rows(&draw(&state, 60, 16)).join("\n");
    assert!(shown.contains(said) && shown.contains("▌ Target"), "{shown}");
    type_text(&mut state, "better");
    assert_eq!(effects(&mut state, Code::Enter), [Effect::Run(Task::Clear)]);
}

#[test]
fn whoever_gives_up_has_changed_nothing() {
    let mut state = scene("passwords-missing");
    type_text(&mut state, "half");
    assert_eq!(effects(&mut state, Code::Esc), []);
    assert!(state.overlay.is_none() && state.live.as_ref().unwrap().wanted.is_none());
    assert_eq!((state.screen, typed(&state)), (Screen::Live, [None, None]));
    // And may choose something else.
    state.focus = Focus::Button(Button::CleanUp);
    for code in [Code::Enter, Code::Tab] {
        press(&mut state, code);
    }
    assert_eq!(effects(&mut state, Code::Enter), [Effect::Run(Task::Clean(Unfinished::Drop))]);
}

/// They reach the form's servers only where those are this migration's.
#[test]
fn what_is_typed_stays_with_its_servers() {
    let mut state = scene("passwords-missing");
    let other = "postgres://else@where.example.net:5/d?connect_timeout=3";
    state.form.source.fill(other).unwrap();
    for text in ["one", "two"] {
        type_text(&mut state, text);
        effects(&mut state, Code::Enter);
    }
    let live = state.live.as_mut().unwrap();
    live.run.ledger.clear();
    live.wanted = Some(Wanted::StartOver);
    let ending = pgpassage::ui::state::live::Ending::Ended(pgpassage::model::event::RunOutcome::Failed);
    send(&mut state, Msg::Ended(ending));
    assert_eq!(state.screen, Screen::Configure);
    assert_eq!(state.form.source.host.value(), "db1.example.net");
    assert!(state.form.source.more.is_empty());
    assert_eq!(typed(&state), [Some("one".to_owned()), Some("two".to_owned())]);
}

#[test]
fn news_of_another_migration_ask_nothing_here() {
    let mut state = scene("died");
    let msg = Msg::Barred { id: "other".into(), errand: Errand::Again, barred: Vec::new() };
    send(&mut state, msg);
    assert!(state.overlay.is_none());
    let msg = Msg::LetIn { id: "other".into(), errand: Errand::Recheck };
    assert_eq!(update(&mut state, msg), []);
}

/// A server that is away has the last word: nothing was taken back that it is needed for.
#[test]
fn nothing_is_taken_back_without_both_servers() {
    let mut state = scene("failure-guarded");
    for code in [Code::Enter, Code::Tab] {
        press(&mut state, code);
    }
    assert_eq!(effects(&mut state, Code::Enter), [Effect::LogIn(Errand::TakeBack)]);
    let id = state.live.as_ref().unwrap().id.clone();
    let failure = Failure::new(FailureKind::Connection, "source: no answer").advise("see to it");
    assert_eq!(update(&mut state, Msg::Shut { id, failure }), []);
    let shown = rows(&draw(&state, 80, 24)).join("\n");
    for text in ["Not tried again", "Nothing was touched on either server.", "source: no answer (see to it)"]
    {
        assert!(shown.contains(text), "{shown}");
    }
    press(&mut state, Code::Esc);
    assert!(state.live.as_ref().unwrap().wanted.is_none(), "it can be tried again");
}

/// By `p` on the last step: both are asked for, and offered before anything is asked with them.
#[test]
fn a_status_update_takes_them_too() {
    let mut state = scene("passwords");
    assert_asked(&state, &[Side::Source, Side::Target]);
    press(&mut state, Code::BackTab);
    assert_eq!(effects(&mut state, Code::Enter), [Effect::LogIn(Errand::Status)]);
    state.live.as_mut().unwrap().asking = pgpassage::ui::state::Switch::Off;
    let id = state.live.as_ref().unwrap().id.clone();
    let let_in = Msg::LetIn { id, errand: Errand::Status };
    assert_eq!(update(&mut state, let_in), [Effect::Status]);
}

/// What waits for a password is not said to be under way.
#[test]
fn nothing_is_begun_before_both_servers_let_us_in() {
    let mut state = scene("close-unknown");
    press(&mut state, Code::Tab);
    for code in [Code::Enter, Code::Tab] {
        press(&mut state, code);
    }
    let [Effect::Run(task @ Task::Finish(_))] = effects(&mut state, Code::Enter)[..] else { panic!() };
    let shows = |state: &State, what: &str| rows(&draw(state, 120, 40)).join("\n").contains(what);
    let closing = |state: &State| shows(state, "closing the connection");
    assert!(!closing(&state) && shows(&state, "logging in, nothing begun yet"));
    let mut let_in = scene("close-unknown");
    let (id, errand) = (state.live.as_ref().unwrap().id.clone(), Errand::Run(task));
    // Somebody else's answer, or one that nobody waits for any more.
    assert_eq!(update(&mut let_in, Msg::LetIn { id: id.clone(), errand }), []);
    let live = let_in.live.as_mut().unwrap();
    (live.trying, live.wanted) = (Some(errand), Some(Wanted::Close));
    assert_eq!(update(&mut let_in, Msg::LetIn { id, errand }), [Effect::Begin(errand)]);
    assert!(closing(&let_in));
    barred(&mut state, vec![(Side::Source, Barrier::Missing, "the server wants a password")]);
    assert!(!closing(&state));
    assert_eq!(effects(&mut state, Code::Esc), []);
    assert!(!closing(&state));
}

/// In the smallest window: both fields, and what both servers say.
#[test]
fn the_question_fits_the_smallest_window() {
    let mut state = scene("passwords-missing");
    let long = "authentication failed for reasons that take a server more than a line to tell ".repeat(4);
    for what in ["the server wants a password and none was given", &long] {
        let all =
            [Side::Source, Side::Target].map(|side| (side, Barrier::Missing, what)).into_iter().collect();
        barred(&mut state, all);
        let shown = rows(&draw(&state, 60, 16)).join("\n");
        let wanted = ["▌ Source", "  Target", "migrator@db1", "avnadmin@pg-7f2c", &what[..30]];
        assert!(wanted.iter().all(|text| shown.contains(text)), "{shown}");
    }
}
