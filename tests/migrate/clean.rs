//! `clean` takes back what a migration made on the target and did not bring to its end, and nothing else.

use super::traps::{Gate, ask, finish, make_gated, start, wait_for_copy};
use crate::common::{Pair, Ran, eventually};
use rustix::process::{Pid, Signal, kill_process};
use std::time::{Duration, Instant};

/// Whether the database is on the target.
fn is_there(pair: &Pair, database: &str) -> bool {
    ask(&pair.target, "postgres", &format!("SELECT count(*) FROM pg_database WHERE datname = '{database}'"))
        == "1"
}

fn ended(pair: &Pair, database: &str) -> bool {
    let ended = format!("\"kind\":\"database_ended\",\"database\":\"{database}\"");
    pair.state_text().contains(&ended)
}

/// An engine that is killed in the middle of the copy of `held`; `whole` is whole by then.
fn killed(pair: &Pair) {
    make_gated(&pair.source, "held");
    pair.source.psql("postgres", "CREATE ROLE app; CREATE DATABASE whole OWNER app").unwrap();
    pair.source.psql("whole", "CREATE TABLE t AS SELECT generate_series(1, 10) AS i").unwrap();
    let gate = Gate::close(&pair.target);
    let arguments = [
        "--database",
        "held",
        "--database",
        "whole",
        "--migration-id",
        "mine",
        "--jobs",
        "2",
        "--foreground",
    ];
    let child = start(pair, &arguments);
    wait_for_copy(&pair.target);
    let began = Instant::now();
    while !ended(pair, "whole") {
        assert!(began.elapsed() < Duration::from_secs(60), "{}", pair.state_text());
        std::thread::sleep(Duration::from_millis(20));
    }
    kill_process(Pid::from_child(&child), Signal::KILL).unwrap();
    assert_eq!(finish(child).code, 137);
    drop(gate);
}

fn clean(pair: &Pair, further: &[&str]) -> Ran {
    pair.program(&[&["clean", "mine"], further].concat())
}

#[test]
fn what_is_half_made_goes_and_what_is_whole_stays() {
    let pair = Pair::new();
    killed(&pair);
    let list = pair.program(&["list"]);
    assert!(list.stdout.contains("unfinished database held on the target"), "{}", list.stdout);
    let kept = clean(&pair, &["--keep-databases"]);
    assert_eq!(kept.code, 0, "{}\n{}", kept.stderr, kept.stdout);
    assert!(
        kept.stdout.contains("unfinished database held on the target, half copied: stays"),
        "{}",
        kept.stdout
    );
    assert!(kept.stdout.contains("Nothing had to be removed."), "{}", kept.stdout);
    assert!(
        kept.stdout.contains("unfinished databases are left: held; pgpassage clean mine"),
        "{}",
        kept.stdout
    );
    assert!(is_there(&pair, "held"));
    let cleaned = clean(&pair, &[]);
    assert_eq!(cleaned.code, 0, "{}\n{}", cleaned.stderr, cleaned.stdout);
    assert!(cleaned.stdout.contains("is dropped, unless somebody is in it"), "{}", cleaned.stdout);
    assert!(!is_there(&pair, "held"));
    // The last word is about the cleaning, not about the migration, and what was told before is not told again.
    for text in ["Gone now: database held on the target.", "The migration itself: 1 of 2 databases moved."] {
        assert!(cleaned.stdout.contains(text), "{}", cleaned.stdout);
    }
    for text in ["Failed after", "NOT everything", "are left"] {
        assert!(!cleaned.stdout.contains(text), "{}", cleaned.stdout);
    }
    let copied = |ran: &Ran| ran.stdout.matches(": copied ").count();
    assert_eq!((copied(&kept), copied(&cleaned)), (0, 0), "{}", cleaned.stdout);
    assert_eq!(ask(&pair.target, "whole", "SELECT count(*) FROM t"), "10");
    assert_eq!(ask(&pair.target, "postgres", "SELECT count(*) FROM pg_roles WHERE rolname = 'app'"), "1");
    // A second time there is nothing to do, and the way is free.
    assert_eq!(clean(&pair, &[]).code, 0);
    pair.migrate(&["--database", "held"]).assert_done();
    assert_eq!(clean(&pair, &[]).code, 0);
    assert_eq!(ask(&pair.target, "held", "SELECT count(*) FROM gated"), "1500");
}

#[test]
fn whoever_is_in_it_keeps_it_and_is_named() {
    let pair = Pair::new();
    killed(&pair);
    std::thread::scope(|scope| {
        scope.spawn(|| pair.target.psql("held", "SELECT pg_sleep(100)").ok());
        let inside = "SELECT count(*) FROM pg_stat_activity WHERE datname = 'held' AND wait_event = 'PgSleep' \
                      AND application_name NOT LIKE 'pgpassage%'";
        eventually(&pair.target, "postgres", inside, "1");
        let refused = clean(&pair, &["--json"]);
        assert_eq!(refused.code, 3, "{}\n{}", refused.stderr, refused.stdout);
        let said = refused.findings("warning").join("\n");
        assert!(
            said.contains("not-dropped: ") && said.contains("1 session of others is in it: pid "),
            "{said}"
        );
        assert!(is_there(&pair, "held"));
        let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'";
        ask(&pair.target, "postgres", end);
    });
    assert_eq!(clean(&pair, &[]).code, 0);
    assert!(!is_there(&pair, "held"));
}

/// Somebody has dropped ours, and made his own of the same name.
#[test]
fn another_database_of_the_same_name_is_not_ours() {
    let pair = Pair::new();
    killed(&pair);
    eventually(&pair.target, "postgres", "SELECT count(*) FROM pg_stat_activity WHERE datname = 'held'", "0");
    ask(&pair.target, "postgres", "DROP DATABASE held");
    ask(&pair.target, "postgres", "CREATE DATABASE held");
    for _ in 0..2 {
        let cleaned = clean(&pair, &["--json"]);
        assert_eq!(cleaned.code, 0, "{}\n{}", cleaned.stderr, cleaned.stdout);
        let said = cleaned.findings("warning").join("\n");
        assert!(said.contains("not-ours: a database of this name is not ours any more"), "{said}");
        assert!(is_there(&pair, "held"));
    }
}

/// Another migration has brought to its end what the first one left half done: it is no longer the first one's.
#[test]
fn what_another_migration_has_used_since_is_not_ours() {
    let pair = Pair::new();
    killed(&pair);
    eventually(&pair.target, "postgres", "SELECT count(*) FROM pg_stat_activity WHERE datname = 'held'", "0");
    let comment = "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = 'held'";
    assert_eq!(ask(&pair.target, "postgres", comment), "pgpassage mine: not finished");
    let more = ["--migration-id", "second", "--if-target-not-empty", "truncate"];
    let second = pair.migrate(&[&["--database", "held"], &more[..]].concat());
    assert_eq!((second.code, second.status("held")), (0, "done"), "{}\n{}", second.stderr, second.stdout);
    assert_eq!(ask(&pair.target, "postgres", comment), "");
    let cleaned = clean(&pair, &["--json"]);
    assert!(
        cleaned.findings("warning").join("\n").contains("not-ours: a database of this name"),
        "{}",
        cleaned.stdout
    );
    assert!(is_there(&pair, "held"));
    // What came to its end says nothing of us.
    let whole = comment.replace("held", "whole");
    assert_eq!(ask(&pair.target, "postgres", &whole), "");
}

/// What lacks something and is kept is the operator's, with the source's comment and without ours.
#[test]
fn what_is_kept_keeps_the_sources_comment() {
    let pair = Pair::new();
    pair.source.psql("postgres", "CREATE ROLE mover LOGIN; CREATE DATABASE held").unwrap();
    let sql = "COMMENT ON DATABASE held IS 'kept for the judge'; SELECT lo_from_bytea(4711, 'secret')";
    pair.source.psql("held", sql).unwrap();
    let (source, target) = (pair.source.uri_for("mover", None, "postgres"), pair.target.uri("postgres"));
    let servers = ["-s", source.as_str(), "-t", target.as_str()];
    let more = ["--database", "held", "--migration-id", "mine", "--json", "--skip-check", "readable"];
    let ran = pair.program(&[&["migrate"], servers.as_slice(), more.as_slice()].concat());
    assert_eq!(ran.code, 3, "{}\n{}", ran.stderr, ran.stdout);
    let comment = "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = 'held'";
    assert_eq!(ask(&pair.target, "postgres", comment), "pgpassage mine: not finished\nkept for the judge");
    let cleaned = pair.program(&[&["clean", "mine"], servers.as_slice()].concat());
    assert_eq!(cleaned.code, 0, "{}\n{}", cleaned.stderr, cleaned.stdout);
    assert_eq!(ask(&pair.target, "postgres", comment), "kept for the judge");
}

#[test]
fn what_was_there_before_is_never_dropped() {
    let pair = Pair::new();
    ask(&pair.target, "postgres", "CREATE DATABASE held");
    killed(&pair);
    let cleaned = clean(&pair, &[]);
    assert_eq!(cleaned.code, 0, "{}\n{}", cleaned.stderr, cleaned.stdout);
    assert!(!cleaned.stdout.contains("unfinished database"), "{}", cleaned.stdout);
    assert!(is_there(&pair, "held"));
}

/// A server that says no has made nothing, and whoever makes it by hand then makes his own.
#[test]
fn what_could_not_be_made_is_not_ours() {
    let pair = Pair::new();
    pair.source.psql("postgres", "CREATE DATABASE held").unwrap();
    ask(&pair.target, "postgres", "CREATE ROLE mover LOGIN CREATEROLE");
    let (source, target) = (pair.source.uri("postgres"), pair.target.uri_for("mover", None, "postgres"));
    let servers = ["-s", source.as_str(), "-t", target.as_str()];
    let skip = ["--database", "held", "--migration-id", "mine", "--json", "--skip-check", "create-databases"];
    let ran = pair.program(&[&["migrate"], servers.as_slice(), skip.as_slice()].concat());
    assert!(ran.message("held").contains("creating the database on the target"), "{}", ran.stdout);
    ask(&pair.target, "postgres", "CREATE DATABASE held OWNER mover");
    pair.program(&["clean", "mine"]);
    assert!(is_there(&pair, "held"));
}

/// Before 16, who may make roles is no member of them when a run has ended, and may drop nothing of theirs as he is.
#[test]
fn a_plain_user_drops_what_it_gave_away() {
    let pair = Pair::new();
    pair.source.psql("postgres", "CREATE ROLE app; CREATE DATABASE held OWNER app").unwrap();
    let sql = "CREATE TABLE t (i int PRIMARY KEY, filler text); \
               INSERT INTO t SELECT i, repeat('x', 1000) FROM generate_series(1, 100000) i";
    pair.source.psql("held", sql).unwrap();
    ask(&pair.target, "postgres", "CREATE ROLE mover LOGIN CREATEDB CREATEROLE");
    let (source, target) = (pair.source.uri("postgres"), pair.target.uri_for("mover", None, "postgres"));
    let servers = ["-s", source.as_str(), "-t", target.as_str()];
    let more = ["--database", "held", "--migration-id", "mine", "--json"];
    let mut child = pair.start(&[&["migrate"], servers.as_slice(), more.as_slice()].concat(), &[]);
    while child.try_wait().unwrap().is_none() {
        let sql = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'held'";
        ask(&pair.target, "postgres", sql);
    }
    let ran = finish(child);
    assert_eq!(ran.status("held"), "failed", "{}\n{}", ran.stderr, ran.stdout);
    let owner = "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = 'held'";
    assert_eq!(ask(&pair.target, "postgres", owner), "app");
    let member = "SELECT count(*) FROM pg_auth_members WHERE roleid = 'app'::regrole";
    let before = ask(&pair.target, "postgres", member);
    let version: u32 = ask(&pair.target, "postgres", "SHOW server_version_num").parse().unwrap();
    assert!(version >= 160_000 || before == "0", "{before}");
    let cleaned = pair.program(&[&["clean", "mine", "--json"], servers.as_slice()].concat());
    assert_eq!(cleaned.code, 0, "{}\n{}", cleaned.stderr, cleaned.stdout);
    assert!(!is_there(&pair, "held"), "{}\n{}", cleaned.stderr, cleaned.stdout);
    assert_eq!(ask(&pair.target, "postgres", member), before);
}
