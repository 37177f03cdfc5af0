//! The states that are drawn: each came about by messages alone, and was serialised and read back before it is drawn.

pub(crate) mod events;

use events::*;
use pgpassage::model::check::{Finding, Severity, Verdict};
use pgpassage::model::endpoint::SslMode;
use pgpassage::model::event::{DatabaseOutcome, Event, RunOutcome};
use pgpassage::model::failure::{Failure, FailureKind};
use pgpassage::model::passwords::{Barred, Barrier};
use pgpassage::model::phase::Phase;
use pgpassage::model::plan::IdentityPolicy;
use pgpassage::model::task::Task;
use pgpassage::model::units::{Side, TableName};
use pgpassage::ui::keys::{Code, Key};
use pgpassage::ui::message::{Msg, Shown};
use pgpassage::ui::state::form::{Encryption, Field, Form, Part};
use pgpassage::ui::state::live::Ending;
use pgpassage::ui::state::passwords::Errand;
use pgpassage::ui::state::{Colors, Engine, Focus, Home, Known, Lag, Letters, Look, Rights, Screen, State};
use pgpassage::ui::steps::close;
use pgpassage::ui::update::update;

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

fn start() -> State {
    let mut state = state_with(Form::default());
    let ended = |outcome| Event::Ended { outcome };
    let followed = |name: &str| {
        let mut events = begun(&[name]);
        events.push(Event::Following { database: name.into() });
        events
    };
    let mut done = begun(&["hr"]);
    done.extend([
        database_ended("hr", DatabaseOutcome::Done, "created and migrated database"),
        ended(RunOutcome::Done),
    ]);
    let mut failed = begun(&["legacy"]);
    failed.extend([
        making_slot("legacy"),
        database_ended("legacy", DatabaseOutcome::Failed, "copying public.blobs: No space left on device"),
        ended(RunOutcome::Failed),
    ]);
    let mut dead = begun(&["crm"]);
    dead.push(making_slot("crm"));
    send(
        &mut state,
        Msg::Known(vec![
            known("shop", begun(&["shop", "analytics", "sessions"]), (Engine::Apart { pid: 4711 }, None)),
            known("billing", followed("billing"), (Engine::Apart { pid: 812 }, Some(1_258_291))),
            known("crm", dead, (Engine::Gone, None)),
            known("legacy", failed, (Engine::Gone, None)),
            known("hr", done, (Engine::Gone, None)),
        ]),
    );
    press(&mut state, Code::Down);
    state
}

fn filtered() -> State {
    let mut state = start();
    type_text(&mut state, "/nosuch");
    state
}

fn configure() -> State {
    let mut state = state_with(Form::default());
    send(&mut state, Msg::Known(Vec::new()));
    assert_eq!(state.screen, Screen::Configure, "with no migrations the first step opens at once");
    state
}

fn provider() -> State {
    let mut state = state_with(form());
    state.screen = Screen::Configure;
    press(&mut state, Code::Right);
    for _ in 0..3 {
        press(&mut state, Code::Down);
    }
    state
}

fn filled_form() -> State {
    let mut state = state_with(form());
    state.form.exclude.set("scratch postgres_old");
    state.screen = Screen::Form;
    state.focus = Focus::Field(Field::Source(Part::Password));
    state
}

fn form_error() -> State {
    let mut state = filled_form();
    state.form.source.port.set("54320000");
    state.form.source.encryption = Encryption::Mode(SslMode::VerifyCa);
    state.focus = Focus::Button(pgpassage::ui::state::Button::RunCheck);
    press(&mut state, Code::Enter);
    assert_eq!(state.focus, Focus::Field(Field::Source(Part::Port)));
    state
}

fn checked(events: Vec<Event>, ending: Option<Ending>) -> State {
    let mut state = state_with(form());
    state.screen = Screen::Form;
    state.focus = Focus::Button(pgpassage::ui::state::Button::RunCheck);
    press(&mut state, Code::Enter);
    assert_eq!(state.screen, Screen::Report);
    for entry in entries(events) {
        send(&mut state, Msg::CheckEntry(entry));
    }
    send(&mut state, Msg::Tick { now_ms: NOW_MS + 2_400 });
    if let Some(ending) = ending {
        send(&mut state, Msg::CheckEnded(ending));
    }
    state
}

const CHECKED: Ending = Ending::Ended(RunOutcome::Checked);

fn checking() -> State {
    let mut events = servers();
    events.extend([
        judged("reachability", "Both servers can be reached", None, Verdict::Ok),
        judged("versions", "The target is not older than the source", None, Verdict::Ok),
        judged("wal-level", "wal_level is logical", None, Verdict::Blocker),
        judged("replication-slots", "There are free replication slots", None, Verdict::Ok),
        judged("primary-keys", "Every table has a primary key", Some("shop"), Verdict::Warning),
        judged(
            "disk",
            "There is room on the target",
            None,
            Verdict::Unknown("the target does not tell".into()),
        ),
        judged("extensions", "Extensions are on the target", Some("shop"), Verdict::Ok),
    ]);
    checked(events, None)
}

/// While both servers are asked: nothing can be judged yet.
fn checking_plain() -> State {
    let mut events = servers();
    let questions =
        ["source: settings, roles, slots", "target: settings, roles, extensions", "both: database shop"];
    events.push(Event::Gathering { questions: questions.map(str::to_owned).into() });
    events.push(Event::Gathered { question: questions[1].to_owned() });
    checked(events, None)
}

fn report_events(databases: &[(&str, bool)]) -> Vec<Event> {
    let mut events = servers();
    let finding = |finding| Event::Finding { finding };
    events.extend([
        judged("versions", "The target is not older than the source", None, Verdict::Ok),
        judged("wal-level", "wal_level is logical", None, Verdict::Blocker),
        finding(
            Finding::new("wal-level", Severity::Blocker, "wal_level is replica")
                .because("logical replication needs logical: what the log holds now cannot be decoded")
                .fix("on the source: ALTER SYSTEM SET wal_level = 'logical'; then restart the server"),
        ),
        judged("primary-keys", "Every table has a primary key", Some("shop"), Verdict::Warning),
        finding(
            Finding::warning("primary-keys", "2 of 212 tables have no primary key")
                .in_database("shop")
                .because("updates and deletes of their rows cannot be replicated")
                .fix(
                    "on the source: ALTER TABLE \"audit\".\"events\" REPLICA IDENTITY FULL; — or choose \
                     --replica-identity index, full, inserts or skip",
                )
                .objects(["audit.events".to_owned(), "tmp.load".to_owned()]),
        ),
        finding(
            Finding::info("sequences", "14 sequences are copied once more at the close").in_database("shop"),
        ),
        judged("extensions", "Extensions are on the target", Some("shop"), Verdict::Ok),
    ]);
    events.extend(databases.iter().map(|one| possible(*one)));
    events
}

fn report() -> State {
    checked(report_events(&[("shop", false), ("analytics", false)]), Some(CHECKED))
}

fn report_some() -> State {
    let mut state =
        checked(report_events(&[("shop", true), ("analytics", false), ("sessions", true)]), Some(CHECKED));
    press(&mut state, Code::Tab);
    press(&mut state, Code::Tab);
    press(&mut state, Code::Char(' '));
    state
}

/// Tables without a replica identity are what is in the way, and a choice for them is made.
fn report_identity() -> State {
    let mut events = servers();
    events.extend([
        judged("wal-level", "wal_level is logical", None, Verdict::Ok),
        judged("replica-identity", "Something tells rows apart", Some("shop"), Verdict::Blocker),
        Event::Finding {
            finding: Finding::warning("replica-identity", "nothing tells the rows of 2 tables apart")
                .in_database("shop")
                .because("no UPDATE or DELETE on them was counted so far")
                .fix("choose --replica-identity index, full, inserts or skip")
                .objects(["audit.events".to_owned(), "tmp.load".to_owned()]),
        },
        possible(("shop", false)),
        possible(("analytics", true)),
    ]);
    let mut state = checked(events, Some(CHECKED));
    press(&mut state, Code::Tab);
    press(&mut state, Code::Right);
    press(&mut state, Code::Right);
    assert_eq!(state.form.identity, IdentityPolicy::Inserts);
    state
}

fn plan_identity() -> State {
    let mut state = report_identity();
    assert!(state.check.as_ref().unwrap().may_start().is_err(), "the choice has not been judged");
    press(&mut state, Code::Char('r'));
    let mut events = good_events();
    let finding = Finding::info("replica-identity", "2 tables without a replica identity");
    let finding = finding.in_database("shop").objects(["audit.events".to_owned(), "tmp.load".to_owned()]);
    events.push(Event::Finding { finding });
    for entry in entries(events) {
        send(&mut state, Msg::CheckEntry(entry));
    }
    send(&mut state, Msg::CheckEnded(CHECKED));
    press(&mut state, Code::Enter);
    assert_eq!(state.screen, Screen::Plan, "{:?}", state.toast);
    state
}

fn good_events() -> Vec<Event> {
    let mut events = servers();
    events.extend([
        judged("versions", "The target is not older than the source", None, Verdict::Ok),
        judged("wal-level", "wal_level is logical", None, Verdict::Ok),
        judged("extensions", "Extensions are on the target", Some("shop"), Verdict::Ok),
        possible(("shop", true)),
        possible(("analytics", true)),
    ]);
    events
}

fn report_good() -> State {
    let state = checked(good_events(), Some(CHECKED));
    assert_eq!(state.focus, Focus::Button(pgpassage::ui::state::Button::Continue));
    state
}

fn pick() -> State {
    let mut state = report_good();
    press(&mut state, Code::Esc);
    state.focus = Focus::Field(Field::Exclude);
    press(&mut state, Code::Down);
    press(&mut state, Code::Down);
    press(&mut state, Code::Char(' '));
    assert_eq!(state.form.excluded(), ["shop"]);
    state
}

fn report_refused() -> State {
    let failure = Failure::new(
        FailureKind::Connection,
        "source: db1.example.net:5432: password authentication failed for user \"migrator\"",
    )
    .advise("check the user's name and password, and the lines of pg_hba.conf");
    let events = vec![Event::Refused { failure }, Event::Ended { outcome: RunOutcome::Refused }];
    checked(events, Some(Ending::Ended(RunOutcome::Refused)))
}

fn plan() -> State {
    let mut state = checked(good_events(), Some(CHECKED));
    press(&mut state, Code::Enter);
    assert_eq!(state.screen, Screen::Plan);
    state
}

/// What this source has of what replication does not carry; scrolled to where that is said.
fn plan_restrictions() -> State {
    let mut events = good_events();
    let found = [
        ("sequences", "shop", 14),
        ("sequences", "analytics", 3),
        ("materialized-views", "analytics", 1),
        ("large-objects", "shop", 21_400),
        ("partitions", "shop", 2),
    ];
    let finding = |(id, database, number): (&str, &str, usize)| {
        let finding = Finding::info(id, "found").in_database(database).not_carried(number);
        Event::Finding { finding }
    };
    events.extend(found.map(finding));
    let mut state = checked(events, Some(CHECKED));
    press(&mut state, Code::Enter);
    assert_eq!(state.screen, Screen::Plan);
    state.focus = Focus::List;
    press(&mut state, Code::End);
    state
}

fn plan_snapshot() -> State {
    let mut state = report();
    for _ in 0..1 {
        press(&mut state, Code::Tab);
    }
    press(&mut state, Code::Char(' '));
    press(&mut state, Code::Tab);
    press(&mut state, Code::Tab);
    press(&mut state, Code::Enter);
    assert_eq!(state.screen, Screen::Plan, "{:?}", state.toast);
    state
}

fn shown() -> Shown {
    Shown {
        id: "shop".into(),
        source: "migrator@db1.example.net:5432".into(),
        target: "avnadmin@pg-7f2c.example.com:21699".into(),
        source_conninfo: "host=db1.example.net port=5432 user=migrator sslmode=require".into(),
        target_conninfo: "host=pg-7f2c.example.com port=21699 user=avnadmin sslmode=require".into(),
        excluded: Vec::new(),
        home: "/home/dba/.local/state/pgpassage/shop".into(),
        ..Shown::default()
    }
}

pub(crate) fn opened(engine: Engine, events: Vec<Event>) -> State {
    let mut state = state_with(form());
    send(&mut state, Msg::Opened { id: "shop".into(), engine, face: Some(1), plan: shown() });
    for entry in entries(events) {
        send(&mut state, Msg::Entry(entry));
    }
    state
}

const APART: Engine = Engine::Apart { pid: 4711 };

pub(crate) fn copying_events() -> Vec<Event> {
    let mut events = begun(&["shop", "analytics", "sessions"]);
    events.extend([
        phase_began(Phase::Schema, "shop"),
        Event::SnapshotTaken { database: "shop".into(), tables: 212, bytes: 48_000_000_000 },
        phase_began(Phase::Copy, "shop"),
        phase_began(Phase::Copy, "analytics"),
    ]);
    for (name, rows, bytes, ms) in [
        ("customers", 8_112_430, 4_402_341_478, 48_000),
        ("products", 211_904, 966_367_641, 11_000),
        ("countries", 249, 81_920, 12),
    ] {
        let table = TableName::new("public", name);
        events.push(Event::TableCopied { database: "shop".into(), table, rows, bytes, ms });
    }
    events
}

fn live() -> State {
    let mut state = opened(APART, copying_events());
    for second in 0..150u64 {
        let now_ms = NOW_MS + second * 1000;
        send(&mut state, Msg::Tick { now_ms: now_ms - 1 });
        send(&mut state, Msg::Gauges(copying_gauges(now_ms, second)));
        send(&mut state, Msg::Tick { now_ms });
    }
    press(&mut state, Code::Down);
    state
}

fn live_databases() -> State {
    with_key(live(), 'v')
}

fn live_stale() -> State {
    let mut state = live();
    send(&mut state, Msg::Tick { now_ms: NOW_MS + 200_000 });
    state
}

/// A copy and an index wait for locks, others for their turn.
fn live_waits() -> State {
    let mut state = live();
    send(&mut state, Msg::Gauges(waiting_gauges(NOW_MS + 150_000)));
    send(&mut state, Msg::Tick { now_ms: NOW_MS + 150_000 });
    state
}

fn read_only(mut state: State) -> State {
    state.rights = Rights::Look;
    if let Some(first) = close::update::order(&state).first().filter(|_| state.screen == Screen::Close) {
        state.focus = *first;
    }
    state
}

fn failure() -> State {
    let mut events = copying_events();
    events.extend([
        making_slot("analytics"),
        database_made("analytics"),
        database_numbered("analytics"),
        database_ended("shop", DatabaseOutcome::Done, "created and migrated database"),
        Event::Finding {
            finding: Finding::lost("table-copy", "copying events.page_views: No space left on device")
                .in_database("analytics")
                .because("could not extend file \"base/16402/24601\"; reported by the target, SQLSTATE 53100")
                .fix("make room on the target's disk"),
        },
        database_ended(
            "analytics",
            DatabaseOutcome::Failed,
            "copying events.page_views: No space left on device",
        ),
        database_ended("sessions", DatabaseOutcome::Cancelled, "not begun"),
        Event::Ended { outcome: RunOutcome::Partly },
    ]);
    let mut state = opened(Engine::Gone, events);
    send(&mut state, Msg::Ended(Ending::Ended(RunOutcome::Partly)));
    press(&mut state, Code::Enter);
    state
}

fn clean_up() -> State {
    let mut state = failure();
    for code in [Code::Tab, Code::Tab, Code::Enter] {
        press(&mut state, code);
    }
    state
}

/// One follows, and its engine with it; another failed.
fn failure_guarded() -> State {
    let mut events = copying_events();
    events.extend([
        making_slot("shop"),
        Event::Following { database: "shop".into() },
        database_made("analytics"),
        database_numbered("analytics"),
        database_ended("analytics", DatabaseOutcome::Failed, "the target closed the connection"),
        database_ended("sessions", DatabaseOutcome::Done, "created and migrated database"),
        phase_ended(Phase::Settings),
        Event::Keeping,
    ]);
    let mut state = opened(APART, events);
    press(&mut state, Code::Enter);
    state
}

/// The target went away in the middle of a copy, and what is read from is held open.
fn failure_waiting() -> State {
    let mut events = copying_events();
    let failure =
        Failure::new(FailureKind::ConnectionLost, "copying public.orders: the target closed the connection");
    events.extend([
        making_slot("shop"),
        database_made("shop"),
        database_numbered("shop"),
        Event::Waiting { database: "shop".into(), failure, until_ms: NOW_MS + 900_000 },
    ]);
    let mut state = opened(APART, events);
    press(&mut state, Code::Enter);
    state
}

fn died() -> State {
    let mut events = copying_events();
    events.extend([making_slot("shop"), database_made("shop"), database_numbered("shop")]);
    opened(Engine::Gone, events)
}

/// Its engine was killed, and with it went the passwords: Try again asks for those that are missing.
fn passwords_missing() -> State {
    let mut state = died();
    for code in [Code::Enter, Code::Enter, Code::Tab, Code::Enter] {
        press(&mut state, code);
    }
    let missing = |side| (side, Barrier::Missing, "the server wants a password and none was given");
    barred(&mut state, vec![missing(Side::Source), missing(Side::Target)]);
    state
}

fn passwords_wrong() -> State {
    let mut state = passwords_missing();
    for code in [Code::Enter, Code::Enter] {
        press(&mut state, code);
    }
    let said = "password authentication failed for user \"avnadmin\"";
    barred(&mut state, vec![(Side::Target, Barrier::Wrong, said)]);
    state
}

pub(crate) fn barred(state: &mut State, all: Vec<(Side, Barrier, &str)>) {
    let all = all.into_iter().map(|(side, why, what)| Barred { side, why, what: what.to_owned() });
    let (id, errand) = (state.live.as_ref().unwrap().id.clone(), Errand::Run(Task::Clear));
    send(state, Msg::Barred { id, errand, barred: all.collect() });
}

fn followed() -> Vec<Event> {
    let mut events = copying_events();
    for name in ["shop", "analytics", "sessions"] {
        events.push(making_slot(name));
        events.push(Event::Following { database: name.into() });
    }
    events.push(phase_ended(Phase::Settings));
    events.push(Event::Keeping);
    events
}

fn close_with(lags: [Option<u64>; 3]) -> State {
    let mut state = opened(APART, followed());
    assert_eq!(state.screen, Screen::Close, "the last step begins by itself");
    for second in 0..90u64 {
        let now_ms = NOW_MS + second * 1000;
        send(&mut state, Msg::Tick { now_ms });
        let busy = second < 40;
        let lags = if busy { [Some(second * 31_337 % 900_000), Some(0), Some(0)] } else { lags };
        send(&mut state, Msg::Gauges(following_gauges(now_ms, lags)));
        send(&mut state, Msg::Tick { now_ms });
    }
    state
}

fn close() -> State {
    close_with([Some(0), Some(0), Some(0)])
}

fn close_behind() -> State {
    let mut state = close_with([Some(1_258_291), Some(0), Some(0)]);
    press(&mut state, Code::Tab);
    press(&mut state, Code::Enter);
    type_text(&mut state, "sho");
    state
}

fn close_unknown() -> State {
    let mut state = opened(Engine::Gone, followed());
    let live = state.live.as_mut().unwrap();
    assert_eq!(live.trying, Some(Errand::Status), "what nobody guards is asked about at once");
    (live.trying, live.asking) = (None, pgpassage::ui::state::Switch::On);
    send(&mut state, Msg::Tick { now_ms: NOW_MS + 500 });
    let failure = Failure::new(FailureKind::Connection, "source: db1.example.net:5432: a password is needed");
    send(&mut state, Msg::Trouble(failure.advise("p enters it, or put it into ~/.pgpass")));
    state
}

fn result() -> State {
    let mut events = copying_events();
    for name in ["shop", "analytics", "sessions"] {
        events.push(database_ended(name, DatabaseOutcome::Done, "created and migrated database"));
    }
    events.push(Event::Finding {
        finding: Finding::warning("collation", "the order of text may change")
            .because("libc 2.31 there, 2.36 here"),
    });
    events.push(phase_ended(Phase::Settings));
    events.push(Event::Ended { outcome: RunOutcome::Done });
    let mut state = opened(APART, events);
    send(&mut state, Msg::Ended(Ending::Ended(RunOutcome::Done)));
    assert_eq!(state.screen, Screen::Close);
    state
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

/// The connection of one of the databases is closed.
pub(crate) fn end(state: &mut State, database: &str) {
    let ended = database_ended(database, DatabaseOutcome::Done, "the connection is closed");
    send(state, Msg::Entry(entries(vec![ended]).remove(0)));
}

/// The whole way, in a minute: each picture and for how many hundredths of a second it stands.
pub(crate) fn film(mut show: impl FnMut(&mut State, u16)) {
    let mut form = form();
    form.source = Default::default();
    let mut state = state_with(form);
    state.screen = Screen::Configure;
    state.focus = Focus::Button(pgpassage::ui::state::Button::GetStarted);
    show(&mut state, 220);
    press(&mut state, Code::Enter);
    for c in "db1.example.net\t\tshop\tmigrator\ts3cret".chars() {
        press(&mut state, if c == '\t' { Code::Tab } else { Code::Char(c) });
        show(&mut state, 8);
    }
    for _ in 0..5 {
        press(&mut state, Code::Tab);
        show(&mut state, 15);
    }
    show(&mut state, 60);
    press(&mut state, Code::Enter);
    let mut events = good_events();
    let titles =
        ["Roles can be made", "Schemas can be read", "There is room on the target", "There are free slots"];
    for (at, title) in titles.iter().enumerate() {
        events.insert(4 + at, judged("x", title, None, Verdict::Ok));
    }
    for (number, entry) in (0..).zip(entries(events)) {
        send(&mut state, Msg::CheckEntry(entry));
        send(&mut state, Msg::Tick { now_ms: NOW_MS + number * 150 });
        show(&mut state, 15);
    }
    send(&mut state, Msg::CheckEnded(CHECKED));
    show(&mut state, 220);
    press(&mut state, Code::Enter);
    show(&mut state, 260);
    film_of_the_copy(&mut state, &mut show);
    film_of_the_close(&mut state, &mut show);
}

fn film_of_the_copy(state: &mut State, show: &mut impl FnMut(&mut State, u16)) {
    send(state, Msg::Opened { id: "shop".into(), engine: APART, face: Some(1), plan: shown() });
    for entry in entries(copying_events()) {
        send(state, Msg::Entry(entry));
    }
    for second in 0..720u64 {
        let now_ms = NOW_MS + second * 1000;
        send(state, Msg::Tick { now_ms: now_ms - 1 });
        send(state, Msg::Gauges(copying_gauges(now_ms, second)));
        send(state, Msg::Tick { now_ms });
        if second % 18 == 0 {
            show(state, 12);
        }
    }
    show(state, 100);
}

fn film_of_the_close(state: &mut State, show: &mut impl FnMut(&mut State, u16)) {
    for entry in entries(followed()) {
        send(state, Msg::Entry(entry));
    }
    for second in 720..800u64 {
        let now_ms = NOW_MS + second * 1000;
        let lag = if second < 760 { (760 - second) * 31_337 } else { 0 };
        send(state, Msg::Tick { now_ms: now_ms - 1 });
        send(state, Msg::Gauges(following_gauges(now_ms, [Some(lag), Some(0), Some(0)])));
        send(state, Msg::Tick { now_ms });
        if second % 4 == 0 {
            show(state, 12);
        }
    }
    press(state, Code::Tab);
    show(state, 120);
    press(state, Code::Enter);
    show(state, 220);
    press(state, Code::Tab);
    show(state, 60);
    press(state, Code::Enter);
    show(state, 60);
    for name in ["shop", "analytics", "sessions"] {
        end(state, name);
        show(state, 30);
    }
    send(state, Msg::Ended(Ending::Ended(RunOutcome::Done)));
    show(state, 400);
}
