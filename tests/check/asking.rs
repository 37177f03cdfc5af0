//! On a terminal: what becomes of databases that can only go by a snapshot.

use super::with;
use crate::common::{Pair, Ran, wait};
use std::io::Write;
use std::process::{Command, Stdio};

/// The program on a terminal of its own, with this typed into it.
fn on_terminal(pair: &Pair, typed: &str, arguments: &str) -> Ran {
    let (source, target) = (pair.source.uri("postgres"), pair.target.uri("postgres"));
    let program = env!("CARGO_BIN_EXE_pgpassage");
    let line = format!("{program} migrate -s '{source}' -t '{target}' --foreground {arguments}");
    let mut child = Command::new("script")
        .args(["-q", "-e", "-c", &line, "/dev/null"])
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap())
        .env("HOME", pair.state.path())
        .env("TERM", "dumb")
        .env("SHELL", "/bin/sh")
        .env("XDG_STATE_HOME", pair.state.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(typed.as_bytes()).unwrap();
    // What is typed stays open until the program has ended.
    let ran = Ran::from(wait(child));
    drop(stdin);
    ran
}

#[test]
fn what_cannot_be_moved_at_all_is_left_out_by_whoever_says_so() {
    let pair = pair();
    let shut = "CREATE DATABASE \"it's shut\"; ALTER DATABASE \"it's shut\" ALLOW_CONNECTIONS false";
    pair.source.psql("postgres", shut).unwrap();
    let stopped = on_terminal(&pair, "2\n", "");
    assert_eq!(stopped.code, 1, "{stopped:?}");
    for said in
        ["1 of 3 databases cannot be moved at all:", "does not accept connections", "Nothing was begun."]
    {
        assert!(stopped.stdout.contains(said), "{}", stopped.stdout);
    }
    assert!(!stopped.stdout.contains("one-time snapshot"), "{}", stopped.stdout);
    assert_eq!(databases(&pair), "postgres");
    // Then the others, as ever.
    let moved = on_terminal(&pair, "1\n1\n", "");
    assert_eq!(moved.code, 0, "{moved:?}");
    assert_eq!(databases(&pair), "postgres shop");
}

fn pair() -> Pair {
    let pair = Pair::of(with(&[("wal_level", "replica")]), with(&[]));
    pair.source.psql("postgres", "CREATE DATABASE shop").unwrap();
    pair.source.psql("shop", "CREATE TABLE t (i int PRIMARY KEY); INSERT INTO t VALUES (1)").unwrap();
    pair
}

fn databases(pair: &Pair) -> String {
    let sql = "SELECT string_agg(datname, ' ' ORDER BY datname) FROM pg_database WHERE NOT datistemplate";
    pair.target.psql("postgres", sql).unwrap()
}

#[test]
fn nothing_begins_before_the_answer() {
    let pair = pair();
    let stopped = on_terminal(&pair, "3\n", "");
    assert_eq!(stopped.code, 1, "{stopped:?}");
    for said in [
        "2 of 2 databases can only be moved by a one-time snapshot:",
        "shop: wal_level is replica on the source, not logical",
        "stop the applications first",
        "Nothing was begun.",
    ] {
        assert!(stopped.stdout.contains(said), "{}", stopped.stdout);
    }
    assert_eq!(databases(&pair), "postgres");
    let moved = on_terminal(&pair, "1\n", "");
    assert_eq!(moved.code, 0, "{moved:?}");
    assert_eq!(pair.target.psql("shop", "SELECT i FROM t").unwrap(), "1");
}

#[test]
fn databases_are_left_out_when_told_so_and_nobody_is_asked_twice() {
    let pair = pair();
    let left = on_terminal(&pair, "2\n", "");
    assert_ne!(left.code, 0, "{left:?}");
    assert_eq!(databases(&pair), "postgres");
    let said = on_terminal(&pair, "3\n", "--fallback dump");
    assert_eq!(said.code, 0, "{said:?}");
    assert!(!said.stdout.contains("Choice"), "{}", said.stdout);
    assert_eq!(databases(&pair), "postgres shop");
}
