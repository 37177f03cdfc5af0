//! Entries and gauges that scenes are made of.

use super::NOW_MS;
use pgpassage::model::check::{Judgement, Possible, Verdict};
use pgpassage::model::event::{
    DatabaseOutcome, Entry, Event, ObjectKind, PhaseOutcome, PlannedDatabase, ServerObject, ServerSummary,
};
use pgpassage::model::gauges::{DatabaseGauge, Gauges, Holder, Hurdle, LockWait, Running, Waiting};
use pgpassage::model::phase::Phase;
use pgpassage::model::plan::Method;
use pgpassage::model::status::{DatabaseStatus, Sessions};
use pgpassage::model::units::{ServerVersion, Side};

/// One second apart, the last of them now.
pub(crate) fn entries(events: Vec<Event>) -> Vec<Entry> {
    let len = events.len() as u64;
    let entry = |(seq, event)| Entry { seq, at_ms: NOW_MS - (len - seq) * 1000, event };
    (1..).zip(events).map(entry).collect()
}

pub(crate) fn servers() -> Vec<Event> {
    let server = |address: &str, version, user: &str| ServerSummary {
        address: address.into(),
        version: ServerVersion(version),
        user: user.into(),
        superuser: false,
    };
    vec![
        Event::Started { version: "0.1.0".into(), pid: 4711, id: "shop".into() },
        Event::ServerSeen {
            side: Side::Source,
            server: server("migrator@db1.example.net:5432", 150_018, "migrator"),
        },
        Event::ServerSeen {
            side: Side::Target,
            server: server("avnadmin@pg-7f2c.example.com:21699", 170_007, "avnadmin"),
        },
    ]
}

/// Started, with these databases planned and moved continuously.
pub(crate) fn begun(names: &[&str]) -> Vec<Event> {
    let mut events = servers();
    let sizes = [52_000_000_000, 11_000_000_000, 2_700_000_000];
    let planned = names.iter().zip(sizes).map(|(name, size)| PlannedDatabase {
        name: (*name).into(),
        size_bytes: Some(size),
        exists_on_target: false,
    });
    events.push(Event::Planned { databases: planned.collect() });
    for name in names {
        events.push(Event::MethodChosen {
            database: (*name).into(),
            method: Method::Replication,
            because: "both sides can".into(),
        });
    }
    events
}

pub(crate) fn phase_began(phase: Phase, database: &str) -> Event {
    Event::PhaseBegan { phase, database: Some(database.into()) }
}

pub(crate) fn phase_ended(phase: Phase) -> Event {
    Event::PhaseEnded { phase, database: None, outcome: PhaseOutcome::Done }
}

pub(crate) fn database_ended(database: &str, outcome: DatabaseOutcome, message: &str) -> Event {
    Event::DatabaseEnded { database: database.into(), outcome, message: message.into() }
}

fn made(kind: ObjectKind, side: Side, name: String, database: &str) -> Event {
    Event::Made { object: ServerObject { side, kind, name, database: Some(database.into()) } }
}

pub(crate) fn making_slot(database: &str) -> Event {
    made(ObjectKind::Slot, Side::Source, format!("pgpassage_shop_{database}_slot"), database)
}

pub(crate) fn database_made(database: &str) -> Event {
    made(ObjectKind::Database, Side::Target, database.into(), database)
}

pub(crate) fn database_numbered(database: &str) -> Event {
    Event::DatabaseNumbered { database: database.into(), oid: 16_402 }
}

pub(crate) fn judged(check: &str, title: &str, database: Option<&str>, verdict: Verdict) -> Event {
    let judgement = Judgement {
        check: check.into(),
        title: title.into(),
        database: database.map(str::to_owned),
        verdict,
    };
    Event::Judged { judgement }
}

pub(crate) fn possible((database, continuous): (&str, bool)) -> Event {
    let possible = Possible {
        database: database.into(),
        not_continuous: (!continuous).then(|| "wal_level of the source is replica".into()),
        not_snapshot: None,
        size_bytes: Some(52_000_000_000),
        estimate_s: Some(540),
        wal_bytes: Some(3_000_000_000),
    };
    Event::DatabaseJudged { possible }
}

/// Two of three databases in the copy, `second` seconds after it began.
pub(crate) fn copying_gauges(at_ms: u64, second: u64) -> Gauges {
    let mut gauges = Gauges { at_ms, ..Gauges::default() };
    let wave = [88u64, 92, 96, 91, 61, 70, 84, 90];
    let moved: u64 = (0..second).map(|s| wave[usize::try_from(s / 5).unwrap() % wave.len()]).sum();
    let done = 5_368_791_039 + moved * 1_048_576;
    gauges.databases.insert(
        "shop".into(),
        DatabaseGauge {
            phase: Some(Phase::Copy),
            tables_total: 212,
            tables_done: 3,
            bytes_total: 48_000_000_000,
            bytes_done: done,
            rows_done: 8_324_583 + second * 214_000,
            rows_estimate: 226_000_000,
            steps_total: 488,
            steps_done: second / 10,
        },
    );
    gauges.databases.insert(
        "analytics".into(),
        DatabaseGauge {
            phase: Some(Phase::Copy),
            tables_total: 31,
            bytes_total: 10_400_000_000,
            bytes_done: moved * 300_000,
            ..DatabaseGauge::default()
        },
    );
    let running = |database: &str, what: &str, bytes| Running {
        database: database.into(),
        what: what.into(),
        since_ms: NOW_MS,
        bytes,
        lock: None,
    };
    gauges.running = vec![
        running("shop", "copying public.order_items", Some((moved * 600_000, 24_600_000_000))),
        running("shop", "copying public.orders", Some((moved * 440_000, 19_500_000_000))),
        running("analytics", "copying events.page_views", Some((moved * 300_000, 10_400_000_000))),
        running("shop", "index customers_email_idx", None),
    ];
    gauges.wire_bytes = done;
    gauges
}

/// As if two of them had met locks, with others behind them.
pub(crate) fn waiting_gauges(at_ms: u64) -> Gauges {
    let mut gauges = copying_gauges(at_ms, 150);
    let holder = |pid, user: &str, application: &str, state: &str, age| Holder {
        pid,
        user: user.into(),
        application: application.into(),
        state: state.into(),
        transaction_age_s: age,
    };
    gauges.running[1].lock = Some(LockWait {
        side: Side::Target,
        mode: "RowExclusiveLock".into(),
        on: Some("public.orders".into()),
        holders: vec![holder(Some(4711), "report", "psql", "idle in transaction", Some(754))],
    });
    gauges.running[3].lock = Some(LockWait {
        side: Side::Target,
        mode: "ShareLock".into(),
        on: Some("public.customers".into()),
        holders: vec![holder(Some(812), "postgres", "", "active", Some(20)), holder(None, "", "", "", None)],
    });
    let waiting =
        |database: &str, what: &str, hurdle| Waiting { database: database.into(), what: what.into(), hurdle };
    gauges.waiting = vec![
        waiting("shop", "copying public.sessions", Hurdle::Job),
        waiting("shop", "copying 50 small tables", Hurdle::Job),
        waiting("shop", "INDEX public.customers_name_idx", Hurdle::SameTable),
        waiting("shop", "CONSTRAINT public.orders orders_pkey", Hurdle::Rows),
        waiting("shop", "FK CONSTRAINT public.order_items order_items_order_fk", Hurdle::BothTables),
    ];
    gauges
}

pub(crate) fn following_gauges(at_ms: u64, lags: [Option<u64>; 3]) -> Gauges {
    let mut gauges = Gauges { at_ms, ..Gauges::default() };
    for (name, lag_bytes) in ["shop", "analytics", "sessions"].into_iter().zip(lags) {
        let status = DatabaseStatus {
            database: name.into(),
            method: Method::Replication,
            outcome: Some(DatabaseOutcome::Following),
            lag_bytes,
            lag_ms: lag_bytes.filter(|lag| *lag > 0).map(|lag| lag / 200),
            kept_bytes: lag_bytes.map(|lag| lag + 16_777_216),
            tables_ready: 71,
            sessions: Sessions { source: lag_bytes.map(|_| 1), target: lag_bytes.map(|_| 0) },
            ..DatabaseStatus::default()
        };
        gauges.following.insert(name.into(), status);
    }
    gauges
}
