//! The states that are drawn: each came about by messages alone, and was serialised and read back before it is drawn.

mod close;
mod configure;
pub(crate) mod events;
mod film;
mod migration;
mod validation;

pub(crate) use film::{end, film};
pub(crate) use migration::{barred, opened};

use close::{close, close_behind, close_unknown, result};
use configure::{configure, filled_form, filtered, form_error, provider, start};
use events::{begun, entries, phase_began};
use migration::{
    APART, clean_up, died, failure, failure_guarded, failure_waiting, live, live_databases, live_stale,
    live_waits, passwords_missing, passwords_wrong, plan, plan_restrictions, plan_snapshot, read_only,
};
use pgpassage::model::event::Event;
use pgpassage::model::failure::Failure;
use pgpassage::model::phase::Phase;
use pgpassage::model::units::TableName;
use pgpassage::ui::keys::{Code, Key};
use pgpassage::ui::message::Msg;
use pgpassage::ui::state::form::{Encryption, Form};
use pgpassage::ui::state::{Colors, Engine, Home, Known, Lag, Letters, Look, State};
use pgpassage::ui::update::update;
use validation::{
    checking, checking_plain, pick, plan_identity, report, report_good, report_identity, report_refused,
    report_some,
};

pub(crate) const NOW_MS: u64 = 1_795_249_805_000;

pub(crate) struct Scene {
    pub(crate) name: &'static str,
    pub(crate) state: State,
}

pub(crate) fn look() -> Look {
    Look { colors: Colors::Ansi16, letters: Letters::Unicode }
}

fn form() -> Form {
    let mut form = Form::default();
    form.name.set("shop");
    form.source.fill("postgres://migrator@db1.example.net:5432/shop").unwrap();
    form.target.fill("postgres://avnadmin@pg-7f2c.example.com:21699/defaultdb?sslmode=require").unwrap();
    form.source.encryption = Encryption::On;
    form
}

fn state_with(form: Form) -> State {
    let mut state = State::new(form, look(), Home::Apart);
    send(&mut state, Msg::Tick { now_ms: NOW_MS });
    state
}

pub(crate) fn send(state: &mut State, msg: Msg) {
    drop(update(state, msg));
}

pub(crate) fn press(state: &mut State, code: Code) {
    send(state, Msg::Key(Key::plain(code)));
}

pub(crate) fn type_text(state: &mut State, text: &str) {
    text.chars().for_each(|c| press(state, Code::Char(c)));
}

/// As a file or another process would give it back. What is typed in secret does not survive that, and is typed again.
fn stored(state: State) -> State {
    let text = serde_json::to_string(&state).unwrap();
    assert!(!text.contains("s3cret"), "a password is in the serialised state");
    serde_json::from_str(&text).unwrap()
}

pub(crate) fn all() -> Vec<Scene> {
    let mut all = vec![
        ("start", start()),
        ("start-empty-filter", filtered()),
        ("configure", configure()),
        ("configure-provider", provider()),
        ("form", filled_form()),
        ("form-error", form_error()),
        ("checking", checking()),
        ("checking-plain", checking_plain()),
        ("report", report()),
        ("report-some", report_some()),
        ("report-good", report_good()),
        ("report-identity", report_identity()),
        ("plan-identity", plan_identity()),
        ("pick", pick()),
        ("report-refused", report_refused()),
        ("plan", plan()),
        ("plan-snapshot", plan_snapshot()),
        ("plan-restrictions", plan_restrictions()),
        ("live", live()),
        ("live-databases", live_databases()),
        ("live-stale", live_stale()),
        ("live-waits", live_waits()),
        ("live-read-only", read_only(live())),
        ("close-read-only", read_only(close())),
        ("stop", with_key(live(), 's')),
        ("explain", with_key(live(), 'i')),
        ("help", with_key(live(), '?')),
        ("log", with_key(live(), 'l')),
        ("command", with_key(plan(), 'c')),
        ("failure", failure()),
        ("try-again", with_code(failure(), Code::Enter)),
        ("clean-up", clean_up()),
        ("failure-guarded", failure_guarded()),
        ("failure-waiting", failure_waiting()),
        ("go-on", with_code(failure_waiting(), Code::Enter)),
        ("died", died()),
        ("close", close()),
        ("close-behind", close_behind()),
        ("close-unknown", close_unknown()),
        ("result", result()),
        ("passwords", with_key(close_unknown(), 'p')),
        ("passwords-missing", passwords_missing()),
        ("passwords-wrong", passwords_wrong()),
        ("ascii", ascii()),
        ("hostile", hostile()),
    ]
    .into_iter()
    .map(|(name, state)| Scene { name, state: stored(state) })
    .collect::<Vec<_>>();
    for scene in &mut all {
        if scene.name == "form" {
            type_text(&mut scene.state, "s3cretpassword");
        }
    }
    all
}

fn with_key(mut state: State, letter: char) -> State {
    press(&mut state, Code::Char(letter));
    state
}

fn with_code(mut state: State, code: Code) -> State {
    press(&mut state, code);
    state
}

pub(crate) fn known(id: &str, events: Vec<Event>, (engine, lag): (Engine, Option<u64>)) -> Known {
    let mut run = pgpassage::model::run::Run::default();
    for entry in entries(events) {
        run.apply(&entry);
    }
    Known {
        id: id.into(),
        source: format!("migrator@{id}-db.example.net:5432"),
        target: "avnadmin@pg-91aa.example.com:21699".into(),
        run,
        engine,
        lag: lag.map(|bytes| Lag { bytes: Some(bytes), asked_ms: NOW_MS - 4_000, trouble: None }),
        again: None,
    }
}

fn ascii() -> State {
    let mut state = live();
    state.look = Look { colors: Colors::None, letters: Letters::Ascii };
    state
}

/// Names and messages that try to be more than text.
fn hostile() -> State {
    let evil = "x\u{1b}[2J\u{1b}]52;c;ZXZpbA==\u{7}\u{202e}y\n日本語の表";
    let mut events = begun(&[evil]);
    events.push(phase_began(Phase::Copy, evil));
    let table = TableName::new(evil, "t\u{9b}31m");
    events.push(Event::TableCopied { database: evil.into(), table, rows: 1, bytes: 2, ms: 3 });
    events.push(Event::TableFailed {
        database: evil.into(),
        table: TableName::new("s", evil),
        failure: Failure::local(evil),
    });
    let mut state = opened(APART, events);
    send(&mut state, Msg::Trouble(Failure::local(evil)));
    state.start.known = None;
    state
}
