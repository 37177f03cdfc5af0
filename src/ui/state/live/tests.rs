//! What a migration's picture amounts to: bars, lags, tables.

use super::*;
use crate::model::gauges::{DatabaseGauge, Running};
use crate::model::units::TableName;

fn live() -> Live {
    Live::new("abc".into(), Engine::Here, Shown::default())
}

fn gauges(at_ms: u64, bytes_done: u64) -> Gauges {
    let mut gauges = Gauges { at_ms, ..Gauges::default() };
    let gauge = DatabaseGauge { bytes_total: 1000, bytes_done, ..DatabaseGauge::default() };
    gauges.databases.insert("shop".into(), gauge);
    gauges
}

fn entry(seq: u64, event: Event) -> Entry {
    Entry { seq, at_ms: seq * 10, event }
}

#[test]
fn the_bar_never_goes_back() {
    let mut live = live();
    live.measure(gauges(1_000, 500), 1_000);
    live.measure(gauges(2_000, 400), 2_000);
    assert_eq!(live.best.bytes, 500);
    assert_eq!(live.moved_ms, 1_000);
    assert_eq!(live.samples.len(), 2);
    live.measure(gauges(2_200, 600), 2_200);
    assert_eq!(live.samples.len(), 2, "one sample a second");
}

/// A big table that is begun anew is below what the bar has reached for a long time: its bytes come all the same.
#[test]
fn what_is_copied_again_is_no_standstill() {
    let mut live = live();
    for (second, bytes) in [(1, 900), (2, 100), (3, 200), (4, 300)] {
        live.measure(gauges(second * 1_000, bytes), second * 1_000);
    }
    assert_eq!((live.best.bytes, live.moved_ms), (900, 4_000));
    live.measure(gauges(5_000, 300), 5_000);
    assert_eq!(live.moved_ms, 4_000);
}

/// Of gauges that come late only the copy that the news is about is gone, not the next one of the same table.
#[test]
fn a_table_that_is_copied_again_runs() {
    let mut live = live();
    let copied = |seq| {
        let (database, table) = ("shop".to_owned(), TableName::new("public", "orders"));
        entry(seq, Event::TableCopied { database, table, rows: 1, bytes: 1, ms: 1 })
    };
    let copying = |database: &str, since_ms| {
        let (database, what) = (database.to_owned(), "copying public.orders".to_owned());
        let running = Running { database, what, since_ms, bytes: Some((1, 2)), lock: None };
        Gauges { running: vec![running], ..gauges(since_ms, 1) }
    };
    live.apply(&copied(5));
    live.measure(copying("shop", 40), 40);
    assert!(live.gauges.running.is_empty(), "it came through at 50");
    live.measure(copying("other", 40), 40);
    assert_eq!(live.gauges.running.len(), 1, "another database's");
    live.measure(copying("shop", 60), 60);
    assert_eq!(live.gauges.running.len(), 1, "another attempt");
    live.apply(&copied(7));
    assert!(live.gauges.running.is_empty(), "it came through too");
}

/// Both phases have begun in the journal, and the rows are not across.
#[test]
fn rows_are_not_through_because_indexes_have_begun() {
    let mut live = live();
    for (seq, phase) in [(1, Phase::Copy), (2, Phase::Indexes)] {
        live.apply(&entry(seq, Event::PhaseBegan { phase, database: Some("shop".into()) }));
    }
    let mut gauges = gauges(1_000, 500);
    gauges.databases.get_mut("shop").unwrap().phase = Some(Phase::Copy);
    live.measure(gauges, 1_000);
    assert_eq!(live.phase(), Some(Phase::Copy));
}

#[test]
fn an_unknown_lag_is_unknown_for_the_whole() {
    let mut live = live();
    for (seq, name) in [(1, "a"), (2, "b")] {
        live.apply(&entry(seq, Event::Following { database: name.into() }));
    }
    assert_eq!((live.lag_bytes(), live.in_sync()), (None, None));
    let status = |name: &str, lag_bytes| DatabaseStatus {
        database: name.into(),
        outcome: Some(DatabaseOutcome::Following),
        lag_bytes,
        ..DatabaseStatus::default()
    };
    live.answered(vec![status("a", Some(0)), status("b", None)], 5);
    assert_eq!((live.lag_bytes(), live.in_sync()), (None, None));
    live.answered(vec![status("a", Some(0)), status("b", Some(7))], 6);
    assert_eq!((live.lag_bytes(), live.in_sync()), (Some(7), Some(false)));
    live.answered(vec![status("a", Some(0)), status("b", Some(0))], 7);
    assert_eq!((live.in_sync(), live.seen_ms()), (Some(true), Some(7)));
    // A guard that waits for its server's answer sends the same on and on.
    for at_ms in [10, 20] {
        let mut gauges = Gauges { at_ms, ..Gauges::default() };
        for name in ["a", "b"] {
            gauges.following.insert(name.into(), DatabaseStatus { at_ms: 9, ..status(name, Some(1)) });
        }
        live.measure(gauges, at_ms);
        assert_eq!((live.lag_bytes(), live.seen_ms()), (Some(1), Some(9)));
    }
    // What the guard saw before it was asked is no news.
    let earlier = |name| DatabaseStatus { at_ms: 8, ..status(name, Some(0)) };
    live.answered(vec![earlier("a"), earlier("b")], 30);
    assert_eq!((live.lag_bytes(), live.seen_ms()), (Some(1), Some(9)));
}

#[test]
fn tables_are_listed_the_latest_first_and_filtered() {
    let mut live = live();
    for (seq, name) in [(1, "orders"), (2, "items")] {
        let table = TableName::new("public", name);
        let database = "shop".to_owned();
        live.apply(&entry(seq, Event::TableCopied { database, table, rows: 1, bytes: seq, ms: 1 }));
    }
    let names = |live: &Live| live.rows().iter().map(|r| r.name().to_owned()).collect::<Vec<_>>();
    assert_eq!(names(&live), ["public.items", "public.orders"]);
    live.sort = Sort::Name;
    live.filter.text.set("ORD");
    assert_eq!(names(&live), ["public.orders"]);
    assert_eq!(live.log.len(), 2);
}
