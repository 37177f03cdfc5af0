//! Whoever leaves stops nothing: by a key, by a dead line, by kill -9.

use super::common::{Pair, Ran, eventually, wait};
use super::proxy::Proxy;
use super::tty::Tty;
use super::{following, pair, to_report, uris, wizard};
use std::time::{Duration, Instant};

/// Clock ticks that a process has used so far.
pub(super) fn cpu_ticks(pid: u32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let fields: Vec<_> = stat.rsplit(')').next()?.split_whitespace().map(str::to_owned).collect();
    Some(fields[11].parse::<u64>().ok()? + fields[12].parse::<u64>().ok()?)
}

/// Alive and not a corpse that nobody has fetched.
fn runs(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(')').next().is_some_and(|rest| !rest.trim().is_empty() && !rest.trim().starts_with('Z'))
}

/// In the middle of a copy that does not come to its end before the proxy lets it.
fn copying(pair: &Pair) -> (Tty, Proxy) {
    let proxy = Proxy::start(pair.source.port());
    let (_, target) = uris(pair);
    let source = format!("{}?sslmode=prefer", proxy.uri("postgres"));
    let mut tty = wizard(pair);
    to_report(&mut tty, (&source, &target));
    tty.tab_to("▐ Continue ▌");
    tty.send("\r");
    tty.tab_to("▐ Start migration ▌");
    proxy.delay(Duration::from_millis(150));
    tty.send("\r");
    tty.wait("▶ running");
    (tty, proxy)
}

pub(super) fn attach(pair: &Pair) -> Tty {
    Tty::spawn(pair, (100, 30), &["attach", "mine"], &[])
}

#[test]
fn left_in_the_copy_and_joined_again_and_again() {
    let pair = pair("logical");
    let (mut tty, proxy) = copying(&pair);
    tty.send("d");
    assert_eq!(tty.exit(), 0);
    tty.wait("pgpassage attach mine");
    // Two windows at once, of which one is killed.
    let mut first = attach(&pair);
    let mut second = attach(&pair);
    first.wait("▶ running");
    second.wait("▶ running");
    first.signal("-KILL");
    first.exit();
    proxy.delay(Duration::ZERO);
    second.wait("Replication mode active");
    // And while it follows.
    second.send("d");
    assert_eq!(second.exit(), 0);
    pair.source.psql("shop", "INSERT INTO orders VALUES (5001, 'late')").unwrap();
    eventually(&pair.target, "shop", "SELECT count(*) FROM orders", "5001");
    let mut list = wizard(&pair);
    list.wait("↻ Syncing");
    list.send("\r");
    list.wait("Replication mode active");
    list.send("q");
    assert_eq!(list.exit(), 0);
}

#[test]
fn a_read_only_window_shows_everything_and_changes_nothing() {
    let pair = pair("logical");
    let (mut tty, proxy) = copying(&pair);
    let mut window = Tty::spawn(&pair, (100, 30), &["attach", "mine", "--read-only"], &[]);
    window.wait("▶ running");
    window.wait("read-only");
    assert!(!window.text().contains("[ Stop migration ]"), "{}", window.text());
    window.send("s");
    window.wait("This is a read-only window");
    window.send("c");
    window.wait("pgpassage attach mine --read-only");
    window.send("\x1b");
    proxy.delay(Duration::ZERO);
    window.wait("Replication mode active");
    window.wait("[ Status update ]");
    assert!(!window.text().contains("[ Close connection ]"), "{}", window.text());
    window.send("s");
    window.wait("This is a read-only window");
    window.send("q");
    assert_eq!(window.exit(), 0);
    window.wait("the migration mine goes on");
    tty.wait("Replication mode active");
    tty.send("d");
    assert_eq!(tty.exit(), 0);
}

/// Two faces want the connection closed: the answer to the one that came first does not end the other's wait.
#[test]
fn a_window_waits_for_the_answer_to_its_own_order() {
    let pair = pair("logical");
    let mut tty = following(&pair);
    std::thread::scope(|scope| {
        // Nothing can be applied meanwhile, so that neither gets what it wants.
        scope.spawn(|| pair.target.psql("shop", "BEGIN; LOCK TABLE orders; SELECT pg_sleep(90)").ok());
        let held = "SELECT count(*) FROM pg_stat_activity WHERE datname = 'shop' AND wait_event = 'PgSleep'";
        eventually(&pair.target, "postgres", held, "1");
        pair.source.psql("shop", "INSERT INTO orders VALUES (5001, 'late')").unwrap();
        let first = pair.start(&["finish", "mine", "--timeout", "12"], &[]);
        tty.send("l");
        tty.wait_for("the first order", |screen| screen.matches("asked to finish").count() == 1);
        tty.send("\x1b");
        tty.wait("Keep replicating");
        // What the window asks depends upon what it knows.
        tty.wait("↻ behind by");
        tty.tab_to("▐ Close connection ▌");
        tty.send("\r");
        tty.wait("▐ Keep replicating ▌");
        tty.send("\t");
        tty.wait("▐ Wait until in sync, then close ▌");
        tty.send("\r");
        tty.wait("↻ closing the connection");
        let Ran { code, .. } = Ran::from(wait(first));
        assert_eq!(code, 4);
        tty.send("l");
        tty.wait_for("the second order", |screen| screen.matches("asked to finish").count() == 2);
        tty.send("\x1b");
        // It is to be waited for, or left: no other button would do anything.
        tty.wait("▐ Close window ▌");
        tty.wait("↻ closing the connection");
        let release = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'";
        pair.target.psql("postgres", release).unwrap();
    });
    tty.wait("✔ Ready: everything that was asked for is on the target");
    eventually(&pair.target, "shop", "SELECT count(*) FROM orders", "5001");
    tty.send("q");
    assert_eq!(tty.exit(), 0);
}

/// The terminal itself goes away, not only a signal comes: the face must end and must not spin, the engine must not.
#[test]
fn a_dead_line_ends_the_window_and_not_the_migration() {
    let pair = pair("logical");
    let (mut tty, proxy) = copying(&pair);
    let pid = tty.pid();
    tty.hang_up();
    let began = Instant::now();
    while runs(pid) && began.elapsed() < Duration::from_secs(10) {
        if let Some(ticks) = cpu_ticks(pid) {
            // A hundred ticks are a second.
            assert!(ticks < 300, "it spins: {ticks} ticks");
        }
        tty.child.try_wait().unwrap();
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(!runs(pid), "the window outlives its terminal");
    proxy.delay(Duration::ZERO);
    let again = attach(&pair);
    again.wait("Replication mode active");
}

#[test]
fn a_dead_line_ends_a_form_at_once() {
    let home = tempfile::tempdir().unwrap();
    let mut tty = Tty::spawn_in(home.path(), (80, 24), &[], &[]);
    tty.wait("1/4 Configure");
    tty.hang_up();
    let began = Instant::now();
    assert_eq!(tty.exit(), 143);
    assert!(began.elapsed() < Duration::from_secs(2));
}

#[test]
fn an_engine_that_is_killed_is_said_to_be() {
    let pair = pair("logical");
    let (mut tty, proxy) = copying(&pair);
    pair.kill_engines();
    drop(proxy);
    tty.wait("The engine ended before its work was done");
    tty.wait("Try again");
    tty.send("q");
    assert_eq!(tty.exit(), 0);
    let mut list = wizard(&pair);
    list.wait("Engine gone");
    list.wait("Needs attention");
    list.send("\r");
    list.wait("The engine ended before its work was done");
    list.send("\x03");
    assert_eq!(list.exit(), 0);
}

/// Nothing waits for the one who looks: while it follows, an idle window takes next to no time.
#[test]
fn an_idle_window_is_idle() {
    let pair = pair("logical");
    let mut tty = following(&pair);
    std::thread::sleep(Duration::from_secs(1));
    let before = cpu_ticks(tty.pid()).unwrap();
    std::thread::sleep(Duration::from_secs(4));
    let used = cpu_ticks(tty.pid()).unwrap() - before;
    assert!(used < 40, "{used} ticks in four seconds");
    tty.send("q");
    assert_eq!(tty.exit(), 0);
}
