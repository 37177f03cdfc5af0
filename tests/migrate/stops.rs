//! Ends in mid-copy, wished for or not: what they leave behind, and what is said.

use super::traps::{Gate, ask, finish, make_gated, start, wait_for_copy};
use crate::common::{Pair, Ran, eventually};
use pgpassage::demo::cluster::Cluster;
use rustix::process::{Pid, Signal, kill_process};
use std::process::Child;
use std::time::{Duration, Instant};

/// Statements of ours, or sessions.
const OURS: &str = "application_name LIKE 'pgpassage%'";

fn signal(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).unwrap();
}

/// Nothing of ours lives on a server: sessions, locks, slots.
#[track_caller]
fn assert_left_alone(cluster: &Cluster, within: Duration) {
    let query = format!(
        "SELECT (SELECT count(*) FROM pg_stat_activity WHERE {OURS}) + (SELECT count(*) FROM pg_replication_slots) \
         + (SELECT count(*) FROM pg_locks l WHERE l.locktype = 'relation' AND l.pid <> pg_backend_pid() \
              AND EXISTS (SELECT FROM pg_stat_activity a WHERE a.pid = l.pid AND a.backend_type = 'client backend'))"
    );
    let began = Instant::now();
    loop {
        let left = ask(cluster, "postgres", &query);
        if left == "0" {
            return;
        }
        let who =
            format!("SELECT application_name, state, wait_event, query FROM pg_stat_activity WHERE {OURS}");
        assert!(began.elapsed() < within, "{left} left: {}", ask(cluster, "postgres", &who));
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// A migration of the database `held` that waits in its COPY.
fn in_mid_copy(pair: &Pair) -> (Gate, Child) {
    in_mid_copy_with(pair, &[])
}

fn in_mid_copy_with(pair: &Pair, further: &[&str]) -> (Gate, Child) {
    let there = ask(&pair.source, "postgres", "SELECT count(*) FROM pg_database WHERE datname = 'held'");
    if there == "0" {
        make_gated(&pair.source, "held");
    }
    ask(&pair.target, "postgres", "DROP DATABASE IF EXISTS held");
    let gate = Gate::close(&pair.target);
    let child = start(pair, &[&["--database", "held"], further].concat());
    wait_for_copy(&pair.target);
    (gate, child)
}

/// The end of a run and how long it took from here.
fn timed(child: Child) -> (Ran, Duration) {
    let began = Instant::now();
    let ran = finish(child);
    (ran, began.elapsed())
}

/// It failed, as a whole, with a sentence for people.
#[track_caller]
fn assert_failed(ran: &Ran, words: &[&str]) {
    assert_eq!((ran.code, ran.status("held")), (4, "failed"), "{}\n{}", ran.stderr, ran.stdout);
    let message = ran.message("held");
    for word in words {
        assert!(message.contains(word), "{word:?} is not in {message}");
    }
}

#[test]
fn signals_stop_at_once_and_leave_nothing() {
    let pair = Pair::new();
    for (with, code) in [(Signal::INT, 130), (Signal::TERM, 143), (Signal::HUP, 143)] {
        let (gate, child) = in_mid_copy(&pair);
        signal(&child, with);
        let (ran, took) = timed(child);
        assert_eq!((ran.code, ran.status("held")), (code, "cancelled"), "{}\n{}", ran.stderr, ran.stdout);
        assert!(took < Duration::from_secs(3), "{took:?}");
        assert_left_alone(&pair.source, Duration::from_secs(2));
        // While the gate is still closed: cancelled, not merely deserted.
        assert_left_alone(&pair.target, Duration::from_secs(5));
        drop(gate);
    }
    // The next one does it all.
    ask(&pair.target, "postgres", "DROP DATABASE held");
    pair.migrate(&["--database", "held"]).assert_done();
}

#[test]
fn a_stop_is_heard_while_the_schema_is_read_and_while_indexes_are_built() {
    let pair = Pair::new();
    pair.source.psql("postgres", "CREATE DATABASE held").unwrap();
    let sql = format!(
        "{} CREATE TABLE gated (i int); INSERT INTO gated SELECT generate_series(1, 100); \
         CREATE FUNCTION shut(int) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT public.traps_gate($1)'; \
         CREATE INDEX ON gated (public.shut(i)); CREATE TABLE never (i int)",
        Gate::SQL
    );
    pair.source.psql("held", &sql).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            pair.source.psql("held", "BEGIN; LOCK TABLE pg_catalog.pg_transform; SELECT pg_sleep(100)").ok()
        });
        eventually(
            &pair.source,
            "postgres",
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'",
            "1",
        );
        let child = start(&pair, &["--database", "held"]);
        let dumping = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%pg_transform%'";
        eventually(&pair.source, "postgres", dumping, "1");
        signal(&child, Signal::INT);
        let (ran, took) = timed(child);
        ask(
            &pair.source,
            "postgres",
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'",
        );
        assert_eq!((ran.code, ran.status("held")), (130, "cancelled"), "{}", ran.stdout);
        assert!(took < Duration::from_secs(3), "{took:?}");
    });
    assert_left_alone(&pair.source, Duration::from_secs(3));
    assert_left_alone(&pair.target, Duration::from_secs(3));

    ask(&pair.target, "postgres", "DROP DATABASE IF EXISTS held");
    let gate = Gate::close(&pair.target);
    let child = start(&pair, &["--database", "held"]);
    eventually(
        &pair.target,
        "postgres",
        "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%CREATE INDEX%' AND wait_event = 'PgSleep'",
        "1",
    );
    signal(&child, Signal::INT);
    let (ran, took) = timed(child);
    assert_eq!((ran.code, ran.status("held")), (130, "cancelled"), "{}", ran.stdout);
    assert!(took < Duration::from_secs(3), "{took:?}");
    assert_left_alone(&pair.source, Duration::from_secs(2));
    assert_left_alone(&pair.target, Duration::from_secs(5));
    drop(gate);
}

#[test]
fn a_second_ctrl_c_does_not_wait_for_a_server_that_hangs() {
    let pair = Pair::new();
    let (gate, child) = in_mid_copy(&pair);
    // The target does not even take a request to cancel now.
    let postmaster = Pid::from_raw(i32::try_from(pair.target.pid().unwrap()).unwrap()).unwrap();
    kill_process(postmaster, Signal::STOP).unwrap();
    let began = Instant::now();
    signal(&child, Signal::INT);
    std::thread::sleep(Duration::from_millis(300));
    signal(&child, Signal::INT);
    let (ran, took) = timed(child);
    assert_eq!(ran.code, 130, "{}\n{}", ran.stderr, ran.stdout);
    assert!(began.elapsed() < Duration::from_secs(2), "{took:?}");
    // It goes on stopping, and nothing else is claimed.
    assert_eq!((&ran.json["left"], ran.status("held")), (&true.into(), "running"), "{}", ran.stdout);
    kill_process(postmaster, Signal::CONT).unwrap();
    drop(gate);
    assert_left_alone(&pair.source, Duration::from_secs(5));
    assert_left_alone(&pair.target, Duration::from_secs(5));

    // Once is enough too, only not as fast.
    let (gate, child) = in_mid_copy(&pair);
    kill_process(postmaster, Signal::STOP).unwrap();
    signal(&child, Signal::INT);
    let (ran, took) = timed(child);
    kill_process(postmaster, Signal::CONT).unwrap();
    assert_eq!((ran.code, ran.status("held")), (130, "cancelled"), "{}\n{}", ran.stderr, ran.stdout);
    assert!(took < Duration::from_secs(8), "{took:?}");
    drop(gate);
}

#[test]
fn kill_minus_nine_leaves_no_session_and_a_journal_that_loads() {
    let pair = Pair::new();
    let (gate, child) = in_mid_copy_with(&pair, &["--foreground"]);
    signal(&child, Signal::KILL);
    assert_eq!(finish(child).code, 137);
    assert_left_alone(&pair.source, Duration::from_secs(5));
    drop(gate);
    assert_left_alone(&pair.target, Duration::from_secs(5));
    let folders: Vec<_> =
        std::fs::read_dir(pair.state.path().join("pgpassage")).unwrap().map(|e| e.unwrap().path()).collect();
    assert_eq!(folders.len(), 1);
    let entries = pgpassage::store::read_journal(&folders[0].join("journal")).unwrap();
    let run = pgpassage::model::run::Run::fold(&entries);
    assert!(run.outcome.is_none());
    assert_eq!(run.databases["held"].outcome, None);
    // What is there is not taken for whole.
    let ran = pair.migrate(&["--database", "held"]);
    assert_ne!((ran.code, ran.status("held")), (0, "done"), "{}", ran.stdout);
    ask(&pair.target, "postgres", "DROP DATABASE held");
    pair.migrate(&["--database", "held"]).assert_done();
    assert_eq!(ask(&pair.target, "held", "SELECT count(*), sum(length(filler)) FROM gated"), "1500|30000000");
}

#[test]
fn a_source_that_crashes_is_said_and_nothing_is_done() {
    let pair = Pair::new();
    let (gate, child) = in_mid_copy(&pair);
    pair.source.kill_immediately().unwrap();
    let (ran, took) = timed(child);
    assert_failed(&ran, &["source"]);
    assert!(took < Duration::from_secs(20), "{took:?}");
    drop(gate);
    assert_left_alone(&pair.target, Duration::from_secs(5));
}

#[test]
fn a_target_that_crashes_is_said_and_nothing_is_done() {
    let pair = Pair::new();
    let (gate, child) = in_mid_copy(&pair);
    pair.target.kill_immediately().unwrap();
    let (ran, took) = timed(child);
    assert_failed(&ran, &["target"]);
    assert!(took < Duration::from_secs(20), "{took:?}");
    drop(gate);
    assert_left_alone(&pair.source, Duration::from_secs(3));
}

#[test]
fn a_session_that_is_terminated_ends_its_database_with_a_sentence() {
    let pair = Pair::new();
    let kill = |cluster: &Cluster, which: &str| {
        let sql =
            format!("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE {OURS} AND {which}");
        assert_eq!(ask(cluster, "postgres", &sql), "1", "{which}");
    };
    // The one that holds the snapshot is the oldest of those that wait in a transaction.
    let holder = "pid = (SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'pgpassage%' AND state = 'idle in transaction' \
                  AND datname = 'held' ORDER BY backend_start LIMIT 1)";
    let (gate, child) = in_mid_copy(&pair);
    kill(&pair.source, holder);
    let (ran, took) = timed(child);
    assert_failed(&ran, &["snapshot", "source", "terminat"]);
    assert!(took < Duration::from_secs(5), "{took:?}");
    drop(gate);

    let (gate, child) = in_mid_copy(&pair);
    kill(&pair.source, "query LIKE '%COPY%' AND state = 'active'");
    drop(gate);
    // In the middle of a row a server cannot say why it goes.
    assert_failed(&finish(child), &["gated", "source", "connection"]);

    let (gate, child) = in_mid_copy(&pair);
    kill(&pair.target, "query LIKE '%COPY%' AND state = 'active'");
    drop(gate);
    assert_failed(&finish(child), &["gated", "target", "terminat"]);
    assert_left_alone(&pair.source, Duration::from_secs(3));
    assert_left_alone(&pair.target, Duration::from_secs(3));
}
