//! The last step in lines, and how the questions end, where something happens meanwhile that nobody has answered.

use super::common::{Pair, eventually, server_binaries};
use super::plain::{SLOTS, answer, dialogue, following, slow, to_report, to_start};
use super::proxy::Proxy;
use super::tty::Tty;
use super::{pair, uris};
use pgpassage::demo::cluster::{Cluster, ClusterOptions};
use pgpassage::link::{Engine, Known, migrations};
use pgpassage::model::event::RunOutcome;
use std::time::{Duration, Instant};

pub(super) fn known(pair: &Pair) -> Known {
    migrations(&pair.state.path().join("pgpassage")).unwrap().remove(0)
}

/// One side cannot take a role's setting, and everything follows: that can be closed, and a refused closing is no end.
#[test]
fn what_is_lost_beside_does_not_hide_the_last_step() {
    let source = ClusterOptions::new(server_binaries()).setting("wal_level", "logical");
    // There the prefix is the library's own.
    let target = ClusterOptions::new(server_binaries()).setting("session_preload_libraries", "plpgsql");
    let pair = Pair::of(Cluster::start(source).unwrap(), Cluster::start(target).unwrap());
    let role = "CREATE ROLE clerk; ALTER ROLE clerk SET \"plpgsql.of_nobody\" = 'x'";
    pair.source.psql("postgres", role).unwrap();
    pair.source.psql("postgres", "CREATE DATABASE shop").unwrap();
    pair.source.psql("shop", "CREATE TABLE orders (id int PRIMARY KEY)").unwrap();
    let (mut tty, mut seen) = following(&pair);
    assert!(tty.text().contains("plpgsql.of_nobody"), "{}", tty.text());
    // Not to be closed in good order any more.
    pair.source.psql("shop", "ALTER TABLE orders ADD COLUMN late int").unwrap();
    answer(&mut tty, (&mut seen, "c) Close connection"), "c");
    // Which of them depends upon what has been applied by then.
    let (waits, asks) = ("w) Wait until in sync, then close", "Close connection, yes or no [no]: ");
    tty.wait_for("the question", |screen| {
        let new = screen.get(seen..).unwrap_or_default();
        new.contains(waits) || new.contains(asks)
    });
    if tty.text()[seen..].contains(waits) {
        answer(&mut tty, (&mut seen, "Choice [k]"), "w");
    } else {
        answer(&mut tty, (&mut seen, asks), "yes");
    }
    tty.wait("is not closed: ");
    answer(&mut tty, (&mut seen, "k) Keep replicating"), "k");
    tty.wait("This window is closed; the migration mine goes on.");
    assert_eq!(tty.exit(), 3);
    // The other database was closed.
    eventually(&pair.source, "postgres", SLOTS, "1");
}

/// Without a guard the closing is this process's own: Ctrl-C asks before it breaks it off, and says what that was.
#[test]
fn a_closing_is_not_broken_off_unasked() {
    let pair = pair("logical");
    let (mut tty, mut seen) = following(&pair);
    pair.kill_engines();
    answer(&mut tty, (&mut seen, "u) Status update"), "u");
    tty.wait("No engine guards it: nobody looks at the WAL that the source keeps.");
    std::thread::scope(|scope| {
        scope.spawn(|| pair.target.psql("shop", "BEGIN; LOCK TABLE orders; SELECT pg_sleep(90)").ok());
        let held = "SELECT count(*) FROM pg_stat_activity WHERE datname = 'shop' AND wait_event = 'PgSleep'";
        eventually(&pair.target, "postgres", held, "1");
        pair.source.psql("shop", "INSERT INTO orders VALUES (5001, 'late')").unwrap();
        answer(&mut tty, (&mut seen, "g) Guard again"), "c");
        answer(&mut tty, (&mut seen, "w) Wait until in sync, then close"), "w");
        tty.wait("postgres: done: the connection is closed");
        tty.send("\x03");
        answer(
            &mut tty,
            (&mut seen, "The closing runs in this very process and is broken off by leaving."),
            "",
        );
        tty.wait("It is watched on.");
        tty.send("\x03");
        answer(&mut tty, (&mut seen, "Break it off, yes or no [no]"), "yes");
        tty.wait("The closing was broken off. Some databases may be closed already. Finish it: pgpassage finish mine");
        tty.wait("go on following, and nobody guards them");
        assert_eq!(tty.exit(), 130);
        let release = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'";
        pair.target.psql("postgres", release).unwrap();
    });
    assert_eq!(known(&pair).engine, Engine::Gone);
    eventually(&pair.source, "postgres", SLOTS, "1");
}

/// A guard closes without us: whoever leaves breaks nothing off, and is told so.
#[test]
fn a_guard_goes_on_closing() {
    let pair = pair("logical");
    let (mut tty, mut seen) = following(&pair);
    std::thread::scope(|scope| {
        scope.spawn(|| pair.target.psql("shop", "BEGIN; LOCK TABLE orders; SELECT pg_sleep(90)").ok());
        let held = "SELECT count(*) FROM pg_stat_activity WHERE datname = 'shop' AND wait_event = 'PgSleep'";
        eventually(&pair.target, "postgres", held, "1");
        pair.source.psql("shop", "INSERT INTO orders VALUES (5001, 'late')").unwrap();
        while !tty.text().contains("Wait until lag is 0 B: behind by ") {
            answer(&mut tty, (&mut seen, "u) Status update"), "u");
        }
        answer(&mut tty, (&mut seen, "c) Close connection"), "c");
        answer(&mut tty, (&mut seen, "w) Wait until in sync, then close"), "w");
        tty.wait("postgres: done: the connection is closed");
        tty.send("\x03");
        tty.wait("The closing goes on in the guard, without this window.");
        tty.wait("the migration mine goes on");
        assert_eq!(tty.exit(), 0);
        let release = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'";
        pair.target.psql("postgres", release).unwrap();
    });
    eventually(&pair.source, "postgres", SLOTS, "0");
    eventually(&pair.target, "shop", "SELECT count(*) FROM orders", "5001");
}

/// What somebody else closes meanwhile is over here, too.
#[test]
fn what_was_closed_elsewhere_is_over() {
    let pair = pair("logical");
    let (mut tty, mut seen) = following(&pair);
    let ran = pair.program(&["finish", "mine"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    answer(&mut tty, (&mut seen, "u) Status update"), "u");
    tty.wait("Nothing follows any more: that was ended elsewhere.");
    assert_eq!(tty.exit(), 0);
}

/// A source that does not answer: what was seen before is said to be that, and is no ground to close upon.
#[test]
fn old_numbers_are_no_answer() {
    let pair = pair("logical");
    let proxy = Proxy::start(pair.source.port());
    let (_, target) = uris(&pair);
    let source = format!("{}?sslmode=prefer", proxy.uri("postgres"));
    let mut tty = dialogue(&pair);
    let mut seen = to_report(&mut tty, (&source, &target));
    to_start(&mut tty, &mut seen, "no");
    answer(&mut tty, (&mut seen, "Start migration, yes or no"), "yes");
    tty.wait("Step 4 of 4, Close");
    tty.wait("Choice [k]:");
    seen = tty.text().rfind("Step 4 of 4").unwrap();
    while !tty.text().get(seen..).is_some_and(|new| new.contains("2. Wait until lag is 0 B: now")) {
        answer(&mut tty, (&mut seen, "Choice [k]:"), "u");
    }
    proxy.stall();
    answer(&mut tty, (&mut seen, "Choice [k]:"), "c");
    tty.wait("2. Wait until lag is 0 B: not known now; it was 0 B, asked ");
    tty.wait("Whether the target has everything is not known.");
    answer(&mut tty, (&mut seen, "a) Close anyway"), "k");
    answer(&mut tty, (&mut seen, "k) Keep replicating"), "k");
    assert_eq!(tty.exit(), 0);
}

/// Whoever ends this process ends an engine in it in order; at a question there is nothing to end.
#[test]
fn sigterm_stops_in_order() {
    let pair = pair("replica");
    let mut tty = dialogue(&pair);
    tty.wait("Choice [n]");
    tty.signal("-TERM");
    tty.wait("This window is closed; nothing was changed on any server.");
    assert_eq!(tty.exit(), 143);
    let tty = Tty::spawn(&pair, (120, 400), &["--foreground"], &[("TERM", "dumb")]);
    let (mut tty, _) = slow(&pair, tty);
    tty.signal("-TERM");
    assert_eq!(tty.exit(), 143, "{}", tty.text());
    assert_eq!(known(&pair).run.outcome, Some(RunOutcome::Stopped));
}

/// Nobody can answer, and it waits in this process: what Ctrl-C does then is said before it is pressed.
#[test]
fn without_answers_ctrl_c_stops_what_broke_off() {
    let pair = pair("replica");
    let tty = Tty::spawn(&pair, (120, 400), &["--foreground"], &[("TERM", "dumb")]);
    let (mut tty, mut seen) = slow(&pair, tty);
    pair.target.kill_immediately().unwrap();
    answer(&mut tty, (&mut seen, "w) wait, and watch on"), "w");
    tty.wait("It is watched on.");
    tty.send("\x03");
    tty.wait_for("the question again", |screen| screen.matches("w) wait, and watch on").count() == 2);
    tty.send("\x04");
    tty.wait("Nobody answers, so it waits on. Ctrl-C again stops it.");
    tty.send("\x03");
    tty.wait("Stopping. Ctrl-C leaves without waiting for that.");
    tty.exit();
    assert_eq!(known(&pair).engine, Engine::Gone);
}

/// An engine that does not answer the door: whoever does not want to wait for it leaves.
#[test]
fn ctrl_c_does_not_wait_for_an_engine() {
    let pair = pair("replica");
    let (mut tty, _) = slow(&pair, dialogue(&pair));
    tty.send("\x03");
    tty.wait("Choice [l]");
    tty.send("\x03");
    assert_eq!(tty.exit(), 0);
    let Engine::Alive { pid } = known(&pair).engine else { panic!("no engine") };
    let signal = |name: &str| std::process::Command::new("kill").args([name, &pid.to_string()]).status();
    assert!(signal("-STOP").unwrap().success());
    let mut tty = dialogue(&pair);
    answer(&mut tty, (&mut 0, "2) mine: "), "2");
    // Its answer would be waited for longer. One that is pressed before anything waits is nobody's.
    let began = Instant::now();
    tty.press_to("\x03", "This window is closed; nothing was changed on any server.");
    assert_eq!(tty.exit(), 130);
    assert!(began.elapsed() < Duration::from_secs(6));
    assert!(signal("-CONT").unwrap().success());
    pair.kill_engines();
}

/// Enter moves nothing by a way that loses rows.
#[test]
fn enter_decides_for_no_snapshot() {
    let pair = pair("logical");
    pair.source.psql("shop", "CREATE TABLE notes (day int, note text)").unwrap();
    let (source, target) = uris(&pair);
    let mut tty = dialogue(&pair);
    let mut seen = to_report(&mut tty, (&source, &target));
    answer(&mut tty, (&mut seen, "go on to the migration"), "s");
    answer(&mut tty, (&mut seen, "yes or no [no]"), "");
    tty.wait("shop cannot be replicated: ");
    tty.wait("By a one-time snapshot: Rows written on the source after the start will not be on the target.");
    answer(&mut tty, (&mut seen, "m) move shop by a one-time snapshot"), "");
    tty.wait("Decide for each database that cannot be replicated.");
    answer(&mut tty, (&mut seen, "go on to the migration"), "s");
    answer(&mut tty, (&mut seen, "yes or no [no]"), "");
    answer(&mut tty, (&mut seen, "m) move shop by a one-time snapshot"), "m");
    answer(&mut tty, (&mut seen, "Parallel copies"), "\x04");
    tty.send("\x04");
    assert_eq!(tty.exit(), 2);
}
