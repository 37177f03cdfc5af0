//! The third step: what will happen, what goes on, what failed.

use super::events::{
    begun, copying_gauges, database_ended, database_made, database_numbered, entries, making_slot,
    phase_began, phase_ended, waiting_gauges,
};
use super::validation::{CHECKED, checked, good_events, report};
use super::{NOW_MS, form, press, send, state_with, with_key};
use pgpassage::model::check::Finding;
use pgpassage::model::event::{DatabaseOutcome, Event, RunOutcome};
use pgpassage::model::failure::{Failure, FailureKind};
use pgpassage::model::passwords::{Barred, Barrier};
use pgpassage::model::phase::Phase;
use pgpassage::model::task::Task;
use pgpassage::model::units::{Side, TableName};
use pgpassage::ui::keys::Code;
use pgpassage::ui::message::{Msg, Shown};
use pgpassage::ui::state::live::Ending;
use pgpassage::ui::state::passwords::Errand;
use pgpassage::ui::state::{Engine, Focus, Rights, Screen, State};
use pgpassage::ui::steps::close;

pub(super) fn plan() -> State {
    let mut state = checked(good_events(), Some(CHECKED));
    press(&mut state, Code::Enter);
    assert_eq!(state.screen, Screen::Plan);
    state
}

/// What this source has of what replication does not carry; scrolled to where that is said.
pub(super) fn plan_restrictions() -> State {
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

pub(super) fn plan_snapshot() -> State {
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

pub(super) fn shown() -> Shown {
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
    if engine == Engine::Gone {
        send(&mut state, Msg::Told { id: "shop".into() });
    }
    state
}

pub(super) const APART: Engine = Engine::Apart { pid: 4711 };

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

pub(super) fn live() -> State {
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

pub(super) fn live_databases() -> State {
    with_key(live(), 'v')
}

pub(super) fn live_stale() -> State {
    let mut state = live();
    send(&mut state, Msg::Tick { now_ms: NOW_MS + 200_000 });
    state
}

/// A copy and an index wait for locks, others for their turn.
pub(super) fn live_waits() -> State {
    let mut state = live();
    send(&mut state, Msg::Gauges(waiting_gauges(NOW_MS + 150_000)));
    send(&mut state, Msg::Tick { now_ms: NOW_MS + 150_000 });
    state
}

pub(super) fn read_only(mut state: State) -> State {
    state.rights = Rights::Look;
    if let Some(first) = close::update::order(&state).first().filter(|_| state.screen == Screen::Close) {
        state.focus = *first;
    }
    state
}

pub(super) fn failure() -> State {
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

pub(super) fn clean_up() -> State {
    let mut state = failure();
    for code in [Code::Tab, Code::Tab, Code::Enter] {
        press(&mut state, code);
    }
    state
}

/// One follows, and its engine with it; another failed.
pub(super) fn failure_guarded() -> State {
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
pub(super) fn failure_waiting() -> State {
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

pub(super) fn died() -> State {
    let mut events = copying_events();
    events.extend([making_slot("shop"), database_made("shop"), database_numbered("shop")]);
    opened(Engine::Gone, events)
}

/// Its engine was killed, and with it went the passwords: Try again asks for those that are missing.
pub(super) fn passwords_missing() -> State {
    let mut state = died();
    for code in [Code::Enter, Code::Enter, Code::Tab, Code::Enter] {
        press(&mut state, code);
    }
    let missing = |side| (side, Barrier::Missing, "the server wants a password and none was given");
    barred(&mut state, vec![missing(Side::Source), missing(Side::Target)]);
    state
}

pub(super) fn passwords_wrong() -> State {
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
