//! The same questions in lines, without a single escape sequence.

use super::common::eventually;
use super::proxy::Proxy;
use super::tty::Tty;
use super::{pair, uris};

/// The questions of the first two steps, up to the report.
fn answer(tty: &mut Tty, (source, target): (&str, &str)) {
    tty.wait("Hostname, or a postgres:// URI:");
    tty.send(&format!("{target}\r"));
    tty.wait("Password, not shown");
    tty.send("\r");
    tty.wait("Name of this migration");
    tty.send("mine\r");
    tty.wait("Step 2 of 4, Validation");
    tty.send(&format!("{source}\r"));
    tty.wait_for("the second password", |s| s.matches("Password, not shown").count() == 2);
    tty.send("\r");
    tty.wait("Exclude databases");
    tty.send("\r");
    tty.wait("Leave out the rows");
    tty.send("\r");
    tty.wait("go on to the migration");
    tty.send("s\r");
}

#[test]
fn the_whole_way_in_lines() {
    let pair = pair("replica");
    let (source, target) = uris(&pair);
    let mut tty = Tty::spawn(&pair, (100, 60), &[], &[("TERM", "dumb")]);
    tty.wait("Step 1 of 4, Configure");
    answer(&mut tty, (&source, &target));
    tty.wait_for("what comes next", |s| {
        s.contains("one-time snapshot (dump method), yes or no") || s.contains("Step 3 of 4")
    });
    if !tty.text().contains("Step 3 of 4") {
        tty.send("yes\r");
    }
    tty.wait("Start migration, yes or no");
    tty.send("yes\r");
    tty.wait("everything that was asked for is on the target");
    assert_eq!(tty.exit(), 0);
    assert!(!tty.raw().contains(&0x1b), "{}", tty.text());
    eventually(&pair.target, "shop", "SELECT count(*) FROM orders", "5000");
}

#[test]
fn without_answers_nothing_happens() {
    let pair = pair("replica");
    let ran = pair.program(&[]);
    assert_eq!(ran.code, 2, "{ran:?}");
    assert!(ran.stdout.contains("Step 1 of 4") && ran.stdout.contains("nothing was changed"), "{ran:?}");
}

/// A database that cannot be moved at all is left out by whoever says so, and by nobody else.
#[test]
fn what_cannot_be_moved_is_asked_about_in_lines() {
    let pair = pair("replica");
    let shut = "CREATE DATABASE shut; ALTER DATABASE shut ALLOW_CONNECTIONS false";
    pair.source.psql("postgres", shut).unwrap();
    let (source, target) = uris(&pair);
    let mut tty = Tty::spawn(&pair, (100, 60), &[], &[("TERM", "dumb")]);
    answer(&mut tty, (&source, &target));
    tty.wait("one-time snapshot (dump method), yes or no");
    tty.send("yes\r");
    tty.wait("shut cannot be moved at all: the source's database does not accept connections");
    tty.wait("Leave shut out, yes or no");
    tty.send("yes\r");
    tty.wait("--exclude-database shut");
    tty.wait("Start migration, yes or no");
    tty.send("yes\r");
    tty.wait("everything that was asked for is on the target");
    assert_eq!(tty.exit(), 0);
    eventually(&pair.target, "postgres", "SELECT count(*) FROM pg_database WHERE datname = 'shut'", "0");
}

/// Whoever goes away while both servers are judged is told that there is nothing to come back to.
#[test]
fn left_before_anything_is_begun() {
    let pair = pair("replica");
    let proxy = Proxy::start(pair.source.port());
    let (_, target) = uris(&pair);
    let source = format!("{}?sslmode=prefer", proxy.uri("postgres"));
    proxy.stall();
    let mut tty = Tty::spawn(&pair, (100, 30), &["migrate", "-s", &source, "-t", &target], &[]);
    tty.wait("checking both servers");
    tty.send("\x1c");
    tty.wait("there is no migration, and nothing was changed");
    assert_eq!(tty.exit(), 130);
}
