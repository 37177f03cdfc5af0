//! In lines: Ctrl-C at questions, work that is broken off, and lines that die.

use super::common::{Pair, eventually};
use super::lines::known;
use super::plain::{SLOTS, answer, dialogue, following, slow, slow_at, to_report, to_start};
use super::proxy::Proxy;
use super::tty::Tty;
use super::{pair, uris};
use pgpassage::link::Engine;
use pgpassage::model::event::RunOutcome;

const SHOPS: &str = "SELECT count(*) FROM pg_database WHERE datname = 'shop'";

/// Whatever changes that catalog of the target waits, until what is done meanwhile is through.
fn while_locked(pair: &Pair, catalog: &str, work: impl FnOnce()) {
    std::thread::scope(|scope| {
        let lock = format!("BEGIN; LOCK TABLE {catalog} IN SHARE ROW EXCLUSIVE MODE; SELECT pg_sleep(90)");
        let ours = "FROM pg_stat_activity WHERE query LIKE '%pg_sleep(90)%' AND wait_event = 'PgSleep'";
        scope.spawn(move || pair.target.psql("postgres", &lock).ok());
        eventually(&pair.target, "postgres", &format!("SELECT count(*) {ours}"), "1");
        // A test that fails in there must not wait for ever.
        let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
        pair.target.psql("postgres", &format!("SELECT pg_terminate_backend(pid) {ours}")).unwrap();
        if let Err(why) = done {
            std::panic::resume_unwind(why);
        }
    });
}

const WAITS: &str = "SELECT count(*) > 0 FROM pg_stat_activity WHERE wait_event_type = 'Lock'";

/// Asked for twice, and not before.
fn break_off(tty: &mut Tty, seen: &mut usize, what: &str) {
    tty.send("\x03");
    let why = format!("The {what} runs in this very process and is broken off by leaving.");
    answer(tty, (seen, &why), "");
    tty.wait("It is watched on.");
    tty.send("\x03");
    answer(tty, (seen, "Break it off, yes or no [no]"), "yes");
    tty.wait("Stopping. Ctrl-C leaves without waiting for that.");
}

/// A key more does not wait for the server, and has broken it off all the same.
#[test]
fn a_clean_up_is_broken_off_by_asking_twice() {
    let pair = pair("replica");
    let (mut tty, mut seen) = slow(&pair, dialogue(&pair));
    pair.kill_engines();
    std::fs::remove_file(pair.target.data_dir().join("shut")).unwrap();
    while_locked(&pair, "pg_database", || {
        for key in ["\x1c", "\x03"] {
            answer(&mut tty, (&mut seen, "c) Clean up: "), "c");
            answer(&mut tty, (&mut seen, "Clean up, yes or no [no]"), "yes");
            // What the one before was at goes on waiting on the server.
            tty.wait(&format!("pgpassage {}, clean", env!("CARGO_PKG_VERSION")));
            eventually(&pair.target, "postgres", WAITS, "t");
            break_off(&mut tty, &mut seen, "clean-up");
            tty.send(key);
            tty.wait("The clean-up was broken off. Some of it may be removed already. Finish it: pgpassage clean mine");
            assert_eq!(tty.exit(), 130);
            (tty, seen) = (dialogue(&pair), 0);
            answer(&mut tty, (&mut seen, "2) mine: "), "2");
        }
        eventually(&pair.target, "postgres", SHOPS, "1");
    });
    drop(tty);
    let ran = pair.program(&["clean", "mine"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    eventually(&pair.target, "postgres", SHOPS, "0");
}

/// What the servers are at is not torn: it is waited for, and the rest is left.
#[test]
fn a_discontinuation_is_broken_off_by_asking_twice() {
    let pair = pair("logical");
    let (mut tty, mut seen) = following(&pair);
    pair.kill_engines();
    while_locked(&pair, "pg_subscription", || {
        answer(&mut tty, (&mut seen, "s) Discontinue"), "s");
        answer(&mut tty, (&mut seen, "Discontinue, yes or no [no]"), "yes");
        eventually(&pair.target, "postgres", WAITS, "t");
        break_off(&mut tty, &mut seen, "discontinuation");
        eventually(&pair.source, "postgres", SLOTS, "2");
    });
    tty.wait("The discontinuation was broken off. Some databases may be discontinued already. Finish it: pgpassage stop mine");
    assert_eq!(tty.exit(), 130);
    pair.program(&["stop", "mine"]);
    eventually(&pair.source, "postgres", SLOTS, "0");
}

/// A network that says nothing any more: whoever does not wait for the end of a stop has stopped it all the same.
#[test]
fn whoever_does_not_wait_for_a_stop_has_stopped() {
    let pair = pair("replica");
    let proxy = Proxy::start(pair.target.port());
    let (source, _) = uris(&pair);
    let target = format!("{}?sslmode=prefer", proxy.uri("postgres"));
    let (mut tty, mut seen) = slow_at(&pair, dialogue(&pair), (&source, &target));
    proxy.stall();
    tty.send("\x03");
    answer(&mut tty, (&mut seen, "Choice [l]"), "s");
    answer(&mut tty, (&mut seen, "Stop migration, yes or no [no]"), "yes");
    tty.wait("Stopping. Ctrl-C leaves without waiting for that.");
    tty.send("\x03");
    tty.wait("This window is closed; the migration mine is still being stopped.");
    assert_eq!(tty.exit(), 130);
    assert_ne!(known(&pair).engine, Engine::Gone);
    pair.kill_engines();
}

/// Up to the start nothing is changed, at whichever question; Ctrl-C while the checks wait for an answer is no other one.
#[test]
fn ctrl_c_before_the_start_changes_nothing() {
    let pair = pair("logical");
    let (source, target) = uris(&pair);
    let gone = |mut tty: Tty| {
        tty.send("\x03");
        tty.wait("This window is closed; nothing was changed on any server.");
        assert_eq!(tty.exit(), 130, "{}", tty.text());
    };
    let tty = dialogue(&pair);
    tty.wait("Choice [n]");
    gone(tty);
    let mut tty = dialogue(&pair);
    to_report(&mut tty, (&source, &target));
    tty.wait("go on to the migration");
    tty.wait("Choice [s]");
    gone(tty);
    let mut tty = dialogue(&pair);
    let mut seen = to_report(&mut tty, (&source, &target));
    to_start(&mut tty, &mut seen, "no");
    tty.wait("Start migration, yes or no [no]");
    gone(tty);
    let proxy = Proxy::start(pair.source.port());
    proxy.stall();
    let mut tty = dialogue(&pair);
    to_report(&mut tty, (&format!("{}?sslmode=prefer", proxy.uri("postgres")), &target));
    tty.wait("  still logging in to both servers");
    gone(tty);
    eventually(&pair.source, "postgres", SLOTS, "0");
    eventually(&pair.target, "postgres", SHOPS, "0");
}

/// What has failed stays as it is, and can be looked at again.
#[test]
fn ctrl_c_at_a_failure_leaves_it_as_it_is() {
    let pair = pair("replica");
    let (mut tty, _) = slow(&pair, dialogue(&pair));
    pair.kill_engines();
    std::fs::remove_file(pair.target.data_dir().join("shut")).unwrap();
    for (key, question) in [("t", "Try again"), ("c", "Clean up")] {
        tty.wait("Clean up: ");
        tty.wait("Choice [q]");
        tty.send(&format!("{key}\r"));
        // An earlier question may still stand there.
        tty.wait(&format!("{question}, yes or no [no]"));
        tty.send("\x03");
        tty.wait("This window is closed. What is left: pgpassage status mine");
        assert_eq!(tty.exit(), 4);
        tty = dialogue(&pair);
        answer(&mut tty, (&mut 0, "2) mine: Engine gone"), "2");
    }
    tty.wait("Choice [q]");
    tty.send("\x03");
    assert_eq!(tty.exit(), 4);
    eventually(&pair.target, "postgres", SHOPS, "1");
    assert_eq!(known(&pair).run.outcome, None);
}

/// The terminal itself goes away at a question: that is no answer, and not the end of an input.
#[test]
fn a_dead_line_is_no_answer() {
    let home = tempfile::tempdir().unwrap();
    // Two pieces of news come at once then: which is the first is a matter of luck.
    for _ in 0..30 {
        let mut tty = Tty::spawn_in(home.path(), (80, 24), &[], &[("TERM", "dumb")]);
        tty.wait("Choice [n]");
        tty.hang_up();
        assert_eq!(tty.exit(), 143);
    }
}

/// The migration goes on, whether somebody was just asked about it or not.
#[test]
fn a_dead_line_ends_the_lines_and_not_the_migration() {
    let pair = pair("replica");
    let (mut tty, _) = slow(&pair, dialogue(&pair));
    tty.hang_up();
    assert_eq!(tty.exit(), 143);
    let mut tty = dialogue(&pair);
    answer(&mut tty, (&mut 0, "2) mine: Copying, "), "2");
    tty.wait("shop: copied public.orders");
    tty.send("\x03");
    tty.wait("Choice [l]");
    tty.hang_up();
    assert_eq!(tty.exit(), 143);
    assert_ne!(known(&pair).engine, Engine::Gone);
    std::fs::remove_file(pair.target.data_dir().join("shut")).unwrap();
    eventually(&pair.target, "shop", "SELECT count(*) FROM slow", "1000");
}

/// An engine in this process cannot go on without it, and is stopped in order.
#[test]
fn a_dead_line_stops_an_engine_in_this_process_in_order() {
    let pair = pair("replica");
    let tty = Tty::spawn(&pair, (120, 400), &["--foreground"], &[("TERM", "dumb")]);
    let (mut tty, _) = slow(&pair, tty);
    tty.hang_up();
    assert_eq!(tty.exit(), 143);
    assert_eq!(known(&pair).run.outcome, Some(RunOutcome::Stopped));
}
