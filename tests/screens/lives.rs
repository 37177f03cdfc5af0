//! The list, the last step and what they say once an engine has died: the words are what a key does, and what is true.

use super::scenes::events::{begun, database_ended, phase_ended};
use super::scenes::{self, NOW_MS, press, send};
use super::styled::shown as text;
use pgpassage::model::check::Finding;
use pgpassage::model::event::{DatabaseOutcome, Entry, Event, RolePassword, RoleStatus, RunOutcome};
use pgpassage::model::failure::Failure;
use pgpassage::model::gauges::Running;
use pgpassage::model::passwords::{Barred, Barrier};
use pgpassage::model::phase::Phase;
use pgpassage::model::run::RoleRun;
use pgpassage::model::status::DatabaseStatus;
use pgpassage::model::task::{Task, Verify};
use pgpassage::model::units::Side;
use pgpassage::ui::format::day;
use pgpassage::ui::keys::{Code, Key};
use pgpassage::ui::message::{Effect, Msg, Shown};
use pgpassage::ui::state::live::{Ending, Wanted};
use pgpassage::ui::state::passwords::Errand;
use pgpassage::ui::state::{
    About, Button, Dialog, Engine, Focus, Known, Lag, Overlay, Screen, State, Switch,
};
use pgpassage::ui::steps::start::Tag;
use pgpassage::ui::update::update;

fn scene(name: &str) -> State {
    scenes::all().into_iter().find(|scene| scene.name == name).unwrap().state
}

fn effects(state: &mut State, code: Code) -> Vec<Effect> {
    update(state, Msg::Key(Key::plain(code)))
}

/// Without frames and ends of lines.
fn flat(text: &str) -> String {
    text.replace(['│', '─', '╭', '╮', '╰', '╯'], " ").split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Wherever its lines are broken.
#[track_caller]
fn shows(state: &State, size: (u16, u16), what: &str) {
    let text = text(state, size);
    let words = flat(&text);
    assert!(text.contains(what) || words.contains(what), "no {what:?} in\n{text}");
}

/// Three databases of which one was done by dump; the others follow.
fn mixed() -> Vec<Event> {
    let mut events = begun(&["shop", "analytics", "sessions"]);
    events.push(database_ended("sessions", DatabaseOutcome::Done, "created and migrated database"));
    for name in ["shop", "analytics"] {
        events.push(Event::Following { database: name.into() });
    }
    events.push(phase_ended(Phase::Settings));
    events
}

#[test]
fn the_list_says_what_enter_shows() {
    let keeping = || [mixed(), vec![Event::Keeping]].concat();
    // A later command was at work when its engine died.
    let resumed = || {
        let verb = "finish".to_owned();
        [keeping(), vec![Event::Resumed { verb, version: "0".into(), pid: 7 }]].concat()
    };
    let apart = Engine::Apart { pid: 4711 };
    for (events, engine) in [(keeping(), apart), (keeping(), Engine::Gone), (resumed(), Engine::Gone)] {
        let known = scenes::known("shop", events.clone(), (engine, None));
        assert_eq!(Tag::of(&known), Tag::Syncing, "{engine:?}");
        let state = scenes::opened(engine, events);
        assert_eq!(state.screen, Screen::Close, "{engine:?}");
    }
    // What is not all there is no Syncing.
    let dead = scenes::known("shop", begun(&["shop"]), (Engine::Gone, None));
    assert_eq!(Tag::of(&dead), Tag::Dead);
}

/// A question that failed changes no moment, and is read whole in every window.
#[test]
fn a_failed_question_is_no_update() {
    let mut state = scene("close");
    let live = state.live.as_mut().unwrap();
    live.engine = Engine::Gone;
    live.ended = Some(Ending::Broke(Failure::local("the engine died")));
    let last_ms = live.gauges.at_ms;
    let why = "cannot connect to db1.example.net:5432: the server wants a password and none was given";
    let status = |name: &String| DatabaseStatus {
        database: name.clone(),
        outcome: Some(DatabaseOutcome::Following),
        error: Some(why.to_owned()),
        unasked: true,
        ..DatabaseStatus::default()
    };
    let all: Vec<_> = live.run.databases.keys().map(status).collect();
    for later in [10_000, 20_000] {
        send(&mut state, Msg::Tick { now_ms: last_ms + later });
        state.live.as_mut().unwrap().asking = Switch::On;
        send(&mut state, Msg::Status(all.clone()));
    }
    for size in [(60, 16), (80, 24), (100, 30), (120, 40)] {
        shows(&state, size, "no answer for 20 s");
        shows(&state, size, "f to look at");
    }
    for size in [(100, 30), (120, 40)] {
        for words in ["No engine guards it", "asking failed", "and none was given"] {
            shows(&state, size, words);
        }
    }
    press(&mut state, Code::Char('f'));
    let whole = flat(&text(&state, (60, 16)));
    for words in [why, "No engine guards it", "asks again"] {
        assert!(whole.contains(words), "no {words:?} in {whole}");
    }
    // The next answer is one.
    press(&mut state, Code::Esc);
    let good = all.into_iter().map(|d| DatabaseStatus {
        error: None,
        unasked: false,
        lag_bytes: Some(6_500_000),
        at_ms: last_ms + 21_000,
        ..d
    });
    send(&mut state, Msg::Tick { now_ms: last_ms + 22_000 });
    send(&mut state, Msg::Status(good.collect()));
    shows(&state, (80, 24), "updated just now");
    shows(&state, (80, 24), "6.2 MB, since ?");
}

/// On the way to its end a journal tells of what followed: nobody is asked about that any more.
#[test]
fn what_is_closed_is_not_asked_about_when_it_is_opened_again() {
    let mut events = mixed();
    for name in ["shop", "analytics"] {
        events.push(database_ended(name, DatabaseOutcome::Done, "the connection is closed"));
    }
    events.push(Event::Ended { outcome: RunOutcome::Done });
    let state = scenes::opened(Engine::Gone, events);
    assert_eq!((state.screen, state.live.as_ref().unwrap().trying), (Screen::Close, None));
    let follows = scenes::opened(Engine::Gone, [mixed(), vec![Event::Keeping]].concat());
    assert_eq!(follows.live.as_ref().unwrap().trying, Some(Errand::Status));
}

/// Whoever asks is told, and nobody else.
#[test]
fn a_question_by_hand_is_answered() {
    let mut state = scene("close");
    let answer = |state: &State, error: Option<&str>| {
        let status = |name: &String| DatabaseStatus {
            database: name.clone(),
            outcome: Some(DatabaseOutcome::Following),
            error: error.map(str::to_owned),
            unasked: error.is_some(),
            lag_bytes: Some(0),
            at_ms: NOW_MS,
            ..DatabaseStatus::default()
        };
        Msg::Status(state.live.as_ref().unwrap().run.databases.keys().map(status).collect())
    };
    let away = "the source: cannot connect to db1.example.net:5432";
    for (error, told) in [(None, "Asked: both servers answer"), (Some(away), away)] {
        let now_ms = state.now_ms + 1_000;
        send(&mut state, Msg::Tick { now_ms });
        assert_eq!(effects(&mut state, Code::Char('u')), [Effect::Status]);
        let msg = answer(&state, error);
        send(&mut state, msg);
        let toast = state.toast.take().unwrap();
        assert!(toast.text.contains(told), "{}", toast.text);
        let msg = answer(&state, error);
        send(&mut state, msg);
        assert!(state.toast.is_none(), "nobody has asked by hand");
    }
}

#[test]
fn whoever_asks_without_an_engine_is_asked_for_passwords() {
    let mut state = scene("close-unknown");
    for code in [Code::Char('u'), Code::Char('r')] {
        assert_eq!(effects(&mut state, code), [Effect::LogIn(Errand::Status)]);
        assert_eq!(effects(&mut state, code), [], "once is enough");
        state.live.as_mut().unwrap().trying = None;
    }
    let barred = |errand| Msg::Barred {
        id: "shop".into(),
        errand,
        barred: vec![Barred { side: Side::Source, why: Barrier::Missing, what: "a password".into() }],
    };
    send(&mut state, barred(Errand::Status));
    shows(&state, (60, 16), "Passwords, to ask how it stands");
    press(&mut state, Code::Esc);
    // A guard is left anew, and is asked for the same way.
    for size in [(60, 16), (80, 24)] {
        shows(&state, size, "Guard again");
    }
    state.focus = Focus::Button(Button::GuardAgain);
    let guard = Errand::Run(Task::Watch);
    assert_eq!(effects(&mut state, Code::Enter), [Effect::Run(Task::Watch)]);
    assert_eq!(update(&mut state, Msg::LetIn { id: "shop".into(), errand: guard }), [Effect::Begin(guard)]);
    // Beside an engine there is nothing to be guarded again.
    assert!(!text(&scene("close"), (80, 24)).contains("Guard again"));
}

#[test]
fn the_list_says_whole_why_it_could_not_ask() {
    let mut state = scene("start");
    let what = "billing: asking failed: the source: the server wants a password and none was given";
    send(&mut state, Msg::Unanswered { id: "billing".into(), what: what.into() });
    for words in ["a password and none", "was given", "Enter opens billing", "asks for passwords"] {
        shows(&state, (80, 24), words);
    }
}

/// What runs in this window, once everything follows: leaving stops nothing.
#[test]
fn what_follows_is_left_without_stopping_it() {
    let mut state = scene("close");
    state.live.as_mut().unwrap().engine = Engine::Here;
    for code in [Code::Char('d'), Code::Char('q'), Code::Enter] {
        assert_eq!(effects(&mut state, code), []);
        shows(&state, (80, 24), "The databases go on following");
        shows(&state, (60, 16), "--watch --detach");
        press(&mut state, Code::Esc);
    }
    press(&mut state, Code::Char('d'));
    press(&mut state, Code::Tab);
    assert_eq!(effects(&mut state, Code::Enter), [Effect::Leave]);
    // In the middle of closing that is another question.
    let mut state = closing();
    state.live.as_mut().unwrap().engine = Engine::Here;
    press(&mut state, Code::Enter);
    shows(&state, (80, 24), "Leaving breaks the closing off");
    press(&mut state, Code::Tab);
    assert_eq!(effects(&mut state, Code::Enter), [Effect::Leave]);
}

fn closing() -> State {
    let mut state = scene("close");
    for code in [Code::Tab, Code::Enter, Code::Tab, Code::Enter] {
        press(&mut state, code);
    }
    assert_eq!(state.live.as_ref().unwrap().wanted, Some(Wanted::Close));
    let seq = state.live.as_ref().unwrap().run.seq + 1;
    let event = Event::PhaseBegan { phase: Phase::Close, database: Some("shop".into()) };
    send(&mut state, Msg::Entry(Entry { seq, at_ms: NOW_MS, event }));
    state
}

#[test]
fn closing_says_what_it_is_at() {
    let mut state = closing();
    let live = state.live.as_mut().unwrap();
    live.gauges.running = vec![Running {
        database: "shop".into(),
        what: "comparing public.orders, 12 of 300 tables done".into(),
        since_ms: NOW_MS,
        bytes: None,
        lock: None,
    }];
    for size in [(80, 24), (120, 40)] {
        shows(&state, size, "shop: comparing public.orders, 12 of 300 tables done");
    }
    assert_eq!(state.focus, Focus::Button(Button::CloseWindow));
    let text = text(&state, (80, 24));
    assert!(!text.contains("[ Close connection ]") && !text.contains("[ Status update ]"), "{text}");
}

#[test]
fn a_refused_closing_says_why_on_the_screen() {
    let mut state = closing();
    let seq = state.live.as_ref().unwrap().run.seq + 1;
    let why =
        "a transaction that writes is open on the source: pid 4242 (psql of report, idle in transaction)";
    let finding = Finding::warning("not-closed", "the connection is not closed").in_database("shop");
    for (event, seq) in [
        Event::Finding { finding: finding.because(why).fix("end what writes, and close again") },
        database_ended("shop", DatabaseOutcome::Following, "not closed, it goes on following"),
        Event::Answered { verb: "finish".into(), outcome: RunOutcome::Following, face: Some(1) },
    ]
    .into_iter()
    .zip(seq..)
    {
        send(&mut state, Msg::Entry(Entry { seq, at_ms: NOW_MS, event }));
    }
    for words in ["shop is not closed", "pid 4242", "end what writes"] {
        shows(&state, (80, 24), words);
        shows(&state, (100, 30), words);
    }
    press(&mut state, Code::Char('f'));
    shows(&state, (60, 16), "pid 4242");
    // Once there, and once behind it.
    let shown = text(&state, (120, 40));
    assert_eq!(shown.matches("shop is not closed").count(), 2, "{shown}");
}

#[test]
fn space_closes_nothing() {
    let mut state = scene("close");
    press(&mut state, Code::Tab);
    assert_eq!(effects(&mut state, Code::Char(' ')), []);
    assert!(state.overlay.is_none() && state.pace.frozen.is_on());
    shows(&state, (80, 24), "frozen by you");
    press(&mut state, Code::Char(' '));
    assert!(!state.pace.frozen.is_on());
}

#[test]
fn the_list_stays_in_the_lowest_window() {
    let mut state = scene("start");
    let dead = [begun(&["a"]), vec![scenes::events::making_slot("a")]].concat();
    let all = |number: u32| scenes::known(&format!("dead{number}"), dead.clone(), (Engine::Gone, None));
    send(&mut state, Msg::Known((0..5).map(all).collect()));
    let shown = text(&state, (60, 16));
    assert!(shown.matches("Engine gone").count() >= 3, "{shown}");
    for size in [(60, 16), (80, 24)] {
        shows(&state, size, "its engine is gone");
    }
    shows(&state, (60, 16), "+4");
    shows(&state, (80, 24), "+1");
}

#[test]
fn whoever_comes_back_finds_his_migration() {
    let mut state = scene("start");
    let known = state.start.known.clone().unwrap();
    send(
        &mut state,
        Msg::Opened { id: "new".into(), engine: Engine::Gone, face: None, plan: Shown::default() },
    );
    press(&mut state, Code::Esc);
    let fresh = scenes::known("new", mixed(), (Engine::Gone, None));
    // Not before it is among them.
    send(&mut state, Msg::Known(known.clone()));
    send(&mut state, Msg::Known([vec![fresh], known].concat()));
    assert_eq!(state.start.shown()[state.start.selected].id, "new");
}

/// What was cleaned up wants no attention any more.
#[test]
fn what_is_cleaned_up_is_done_with() {
    let end = || Event::Ended { outcome: RunOutcome::Failed };
    let failed = || vec![database_ended("legacy", DatabaseOutcome::Failed, "No space left on device"), end()];
    let resumed = Event::Resumed { verb: "clean".into(), version: "0".into(), pid: 7 };
    let before = [begun(&["legacy"]), failed()].concat();
    let after = [before.clone(), vec![resumed, end()]].concat();
    let mut state = scene("start");
    for (events, wanted) in [(before, 1), (after, 0)] {
        send(&mut state, Msg::Known(vec![scenes::known("legacy", events, (Engine::Gone, None))]));
        assert_eq!(pgpassage::ui::steps::start::view::attention(&state).len(), wanted);
    }
}

/// What another one has begun anew is that one's to tell of; that an engine died on the way is still said.
#[test]
fn what_is_begun_anew_is_done_with() {
    let resumed = Event::Resumed { verb: "clear".into(), version: "0".into(), pid: 7 };
    let message = "ended before it was worked through";
    let end = Event::Ended { outcome: RunOutcome::Failed };
    let events = vec![resumed, database_ended("shop", DatabaseOutcome::Cancelled, message), end];
    let events = [begun(&["shop"]), events].concat();
    let old = scenes::known("shop", events.clone(), (Engine::Gone, None));
    let mut new = scenes::known("shop_2", mixed(), (Engine::Gone, None));
    new.run.started_ms = old.run.started_ms + 1;
    let mut state = scene("start");
    let mut attention = |all: Vec<Known>| {
        send(&mut state, Msg::Known(all));
        let all = pgpassage::ui::steps::start::view::attention(&state);
        (all.into_iter().map(|a| a.id).collect::<Vec<_>>(), text(&state, (100, 30)))
    };
    assert_eq!(attention(vec![old.clone(), new.clone()]).0, ["shop", "shop_2"]);
    new.again = Some("shop".into());
    // One that was refused has the word about nothing.
    let refused = Event::Ended { outcome: RunOutcome::Refused };
    let mut none = scenes::known("shop_2", vec![refused], (Engine::Gone, None));
    (none.again, none.run.started_ms) = (Some("shop".into()), new.run.started_ms);
    assert_eq!(attention(vec![old.clone(), none]).0, ["shop"]);
    // One that is older meant another migration of that name.
    let mut older = new.clone();
    older.run.started_ms = old.run.started_ms - 1;
    assert_eq!(attention(vec![old.clone(), older]).0, ["shop", "shop_2"]);
    let (ids, screen) = attention(vec![old, new]);
    assert_eq!(ids, ["shop_2"]);
    assert!(screen.contains("Next: shop_2 has begun anew what is not there."), "{screen}");
    shows(&scenes::opened(Engine::Gone, events), (100, 30), &format!("shop: {message}"));
}

/// Rows that were counted at the end are what is there; those of the first copy are called that.
#[test]
fn the_result_shows_what_is_there() {
    let closed = |counted: Option<u64>| {
        let mut events = mixed();
        for name in ["shop", "analytics"] {
            events.push(Event::PhaseBegan { phase: Phase::Close, database: Some(name.into()) });
            events.extend(counted.map(|rows| Event::Counted { database: name.into(), rows }));
            events.push(database_ended(name, DatabaseOutcome::Done, "the connection is closed"));
        }
        events.push(Event::Ended { outcome: RunOutcome::Done });
        scenes::opened(Engine::Gone, events)
    };
    shows(&closed(Some(550_321)), (80, 24), "550,321");
    assert!(!text(&closed(Some(550_321)), (80, 24)).contains("AT FIRST"));
    shows(&closed(None), (80, 24), "ROWS AT FIRST");
}

#[test]
fn a_role_that_is_not_there_is_named_and_nothing_is_offered_that_does_nothing() {
    let mut state = scene("failure");
    assert!(text(&state, (100, 30)).contains("Try again"));
    let run = &mut state.live.as_mut().unwrap().run;
    run.findings.clear();
    for database in run.databases.values_mut() {
        database.outcome = Some(DatabaseOutcome::Done);
    }
    run.outcome = Some(RunOutcome::Partly);
    let message = "could not be made a member of pg_read_all_data".to_owned();
    let role = RoleRun { status: RoleStatus::Failed, message, password: RolePassword::None };
    run.roles.insert("dumper".to_owned(), role);
    for size in [(80, 24), (100, 30)] {
        shows(&state, size, "Every database is there, not everything beside them");
        shows(&state, size, "role dumper: could not be made a member");
        assert!(!text(&state, size).contains("Try again"));
    }
}

/// Somebody guards it, and sees that the target does not follow.
#[test]
fn what_follows_badly_wants_attention() {
    let mut state = scene("start");
    let status = |error: Option<&str>| DatabaseStatus {
        database: "shop".into(),
        lag_bytes: Some(33 << 20),
        error: error.map(str::to_owned),
        ..DatabaseStatus::default()
    };
    let apart = Engine::Apart { pid: 4711 };
    for (error, wanted) in [(None, 0), (Some("the subscription is disabled\u{1b}[2J"), 1)] {
        let mut known = scenes::known("shop", [mixed(), vec![Event::Keeping]].concat(), (apart, None));
        known.lag = Some(Lag::of([&status(error)].into_iter(), 1));
        send(&mut state, Msg::Known(vec![known]));
        let attention = pgpassage::ui::steps::start::view::attention(&state);
        assert_eq!(attention.len(), wanted);
        assert!(attention.iter().all(|a| a.urgent && a.what.starts_with("shop: the subscription")));
        assert_eq!(text(&state, (100, 30)).contains("Next: Enter shows what is wrong"), wanted > 0);
    }
}

/// Rows are not all of it: until it ends nothing says 100 %.
#[test]
fn nothing_is_full_before_its_end() {
    let mut state = scene("live");
    let live = state.live.as_mut().unwrap();
    for gauge in live.gauges.databases.values_mut() {
        gauge.bytes_done = gauge.bytes_total;
    }
    live.best.bytes = live.bytes_total();
    for screen in [text(&state, (120, 40)), {
        press(&mut state, Code::Char('v'));
        text(&state, (120, 40))
    }] {
        assert!(screen.contains("99 %") && !screen.contains("100 %"), "{screen}");
    }
}

/// What is said before closing is what was chosen.
#[test]
fn the_dialog_says_how_it_is_verified() {
    let mut state = scene("close");
    for (verify, words, flag) in [
        (Verify::Counts, "both sides' rows are counted", ""),
        (Verify::Checksums, "both sides' rows are compared", " --verify=checksums"),
        (Verify::Nothing, "nothing is compared", " --verify=none"),
    ] {
        state.live.as_mut().unwrap().verify = verify;
        state.overlay = None;
        assert_eq!(pgpassage::ui::command::line(&state), format!("pgpassage finish shop{flag}"));
        state.overlay = Some(Overlay::Dialog(Dialog::new(About::Close)));
        assert!(flat(&text(&state, (100, 30))).contains(words), "{}", text(&state, (100, 30)));
    }
}

/// A target that follows again is not said to be one that does not; that it was is to be read, with its time.
#[test]
fn what_has_passed_is_told_with_its_time() {
    let mut state = scene("close");
    let mut tell = |after_ms: u64, event: Event| {
        let seq = state.live.as_ref().unwrap().run.seq + 1;
        send(&mut state, Msg::Entry(Entry { seq, at_ms: NOW_MS + after_ms, event }));
        text(&state, (100, 30))
    };
    let title = "the target does not follow";
    let finding = Finding::warning("follow", title).in_database("shop");
    assert!(tell(0, Event::Finding { finding }).contains(title));
    let passed = Event::Passed { finding: "follow".into(), database: "shop".into() };
    let after = tell(300_000, passed);
    assert!(!after.contains(title) && after.contains("f to look at"), "{after}");
    let live = state.live.as_mut().unwrap();
    assert!(live.log.back().unwrap().text.ends_with("shop: no longer so: the target does not follow"));
    press(&mut state, Code::Char('f'));
    let found = flat(&text(&state, (100, 30)));
    let (from, to) = (day(NOW_MS, 0), day(NOW_MS + 300_000, 0));
    let words = format!("warning, from {from} to {to}, no longer so: shop: {title}");
    assert!(found.contains(&words), "{found}");
}
