//! Whatever is killed or cut in the middle: what was made is found again and removed, and nothing is called done of which
//! a row is missing.

use crate::catalog::{identities, leftovers};
use crate::common::{Pair, Ran, eventually, test_all, wait};
use crate::engine::{later, make_slow, replicate};
use crate::pair;
use crate::proxy::Proxy;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use std::io::{PipeReader, Write};
use std::os::fd::AsRawFd;
use std::path::PathBuf;
use std::process::Child;
use std::time::{Duration, Instant};

const SHOP: &str = "CREATE TABLE keyed (a int PRIMARY KEY, b text); INSERT INTO keyed SELECT i, i FROM generate_series(1, 500) i; \
    CREATE TABLE indexed (a int NOT NULL UNIQUE); INSERT INTO indexed SELECT generate_series(1, 500); \
    CREATE UNLOGGED TABLE fleeting (a int); INSERT INTO fleeting VALUES (1); CREATE INDEX ON keyed (b); \
    CREATE TABLE parts (a int PRIMARY KEY) PARTITION BY RANGE (a); \
    CREATE TABLE part1 PARTITION OF parts FOR VALUES FROM (0) TO (1000); INSERT INTO parts SELECT generate_series(1, 500)";

/// A pair whose source has the database `shop`.
fn shop() -> Pair {
    let pair = pair();
    pair.source.psql("postgres", "CREATE ROLE app; CREATE DATABASE shop OWNER app").unwrap();
    pair.source.psql("shop", SHOP).unwrap();
    pair
}

fn arguments(pair: &Pair, id: &str) -> Vec<String> {
    let (source, target) = (pair.source.uri("postgres"), pair.target.uri("postgres"));
    let words =
        ["migrate", "-s", &source, "-t", &target, "--json", "--database", "shop", "--migration-id", id];
    // In one process: it is the engine that is to be killed.
    let more = ["--force-method", "replication", "--replica-identity", "index", "--foreground"];
    words.iter().chain(&more).map(|word| (*word).to_owned()).collect()
}

fn start(pair: &Pair, arguments: &[String]) -> Child {
    pair.start(&arguments.iter().map(String::as_str).collect::<Vec<_>>(), &[])
}

fn journal(pair: &Pair, id: &str) -> PathBuf {
    pair.state.path().join("pgpassage").join(id).join("journal")
}

/// Whole lines of a journal that is being written.
fn entries(pair: &Pair, id: &str) -> Vec<serde_json::Value> {
    let text = std::fs::read_to_string(journal(pair, id)).unwrap_or_default();
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

fn kind(entry: &serde_json::Value) -> String {
    entry["event"]["kind"].as_str().unwrap_or_default().to_owned()
}

/// A migration that cannot come to its end: it prints its result into a pipe that is full, and waits there for whoever kills
/// it. However slow this machine is, the one that looks at its journal comes in time.
struct Held {
    child: Child,
    _result: PipeReader,
}

fn start_held(pair: &Pair, arguments: &[String]) -> Held {
    let (result, mut into) = std::io::pipe().unwrap();
    let pipe = into.as_raw_fd();
    fcntl(pipe, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).unwrap();
    while into.write(b" ").is_ok() {}
    fcntl(pipe, FcntlArg::F_SETFL(OFlag::empty())).unwrap();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    Held { child: pair.start_into(&words, &[], into.into()), _result: result }
}

/// Kills the program once its journal has an entry that is meant, not counting the first `skip`, or says that it has ended.
/// Returns whether it was killed upon the entry, and before its end.
fn kill_upon(
    pair: &Pair,
    id: &str,
    mut child: Child,
    skip: usize,
    meant: impl Fn(&serde_json::Value) -> bool,
) -> bool {
    let began = Instant::now();
    loop {
        let entries = entries(pair, id);
        let mut news = entries.iter().skip(skip);
        let came = news.clone().any(&meant);
        if came || news.any(|entry| kind(entry) == "ended") {
            child.kill().unwrap();
            return came && child.wait().unwrap().code().is_none();
        }
        if child.try_wait().unwrap().is_some() {
            return false;
        }
        assert!(began.elapsed() < Duration::from_secs(120), "the entry does not come");
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn of_migration(pair: &Pair, verb: &str, id: &str, further: &[&str]) -> Ran {
    let (source, target) = (pair.source.uri("postgres"), pair.target.uri("postgres"));
    pair.program(&[&[verb, id, "-s", &source, "-t", &target, "--json"], further].concat())
}

fn follows(pair: &Pair, id: &str) -> bool {
    let ended = |e: &serde_json::Value| {
        kind(e) == "following" || (kind(e) == "database_ended" && e["event"]["outcome"] == "following")
    };
    entries(pair, id).iter().any(ended)
}

/// Each kind of entry once, in the order in which they come, up to the end of a run that nobody kills. Without those that
/// come only where a statement takes its time.
fn kinds_of_a_whole_run(pair: &Pair) -> Vec<String> {
    let ran = Ran::from(wait(start(pair, &arguments(pair, "whole"))));
    assert_eq!(ran.code, 0, "{}\n{}", ran.stderr, ran.stdout);
    let mut kinds = Vec::new();
    for entry in entries(pair, "whole") {
        let kind = kind(&entry);
        if kind != "statement_timed" && !kinds.contains(&kind) {
            kinds.push(kind);
        }
    }
    kinds
}

fn clear(pair: &Pair, id: &str, before: &[String]) {
    assert_eq!((leftovers(&pair.source), leftovers(&pair.target)), (Vec::new(), Vec::new()), "{id}");
    assert_eq!(identities(&pair.source, "shop"), before, "{id}");
    pair.target.psql("postgres", "DROP DATABASE IF EXISTS shop").unwrap();
}

/// After every kind of entry of the journal, from the first to the last.
#[test]
fn the_engine_is_killed_after_every_kind_of_entry() {
    let pair = shop();
    let before = identities(&pair.source, "shop");
    let kinds = kinds_of_a_whole_run(&pair);
    for wanted in
        ["making", "made", "identity_changing", "snapshot_taken", "table_copied", "following", "ended"]
    {
        assert!(kinds.iter().any(|kind| kind == wanted), "{kinds:?}");
    }
    assert_eq!(of_migration(&pair, "stop", "whole", &[]).code, 0);
    clear(&pair, "whole", &before);
    for (at, wanted) in kinds.iter().enumerate() {
        let id = format!("k{at}");
        let held = start_held(&pair, &arguments(&pair, &id));
        let killed = kill_upon(&pair, &id, held.child, 0, |entry| kind(entry) == *wanted);
        assert!(killed, "not killed upon {wanted}: {:?}", entries(&pair, &id));
        let status = of_migration(&pair, "status", &id, &[]);
        assert_ne!(status.json["migration"]["status"], "done", "after {wanted}: {}", status.stdout);
        let verb = if follows(&pair, &id) { "stop" } else { "clean" };
        let cleaned = of_migration(&pair, verb, &id, &[]);
        assert_eq!(cleaned.code, 0, "after {wanted}: {}\n{}", cleaned.stderr, cleaned.stdout);
        clear(&pair, wanted, &before);
    }
}

/// `make test-all`: after every single entry.
#[test]
fn the_engine_is_killed_after_every_entry() {
    if !test_all() {
        println!("skipped: make test-all kills the engine after every entry of the journal");
        return;
    }
    let pair = shop();
    let before = identities(&pair.source, "shop");
    kinds_of_a_whole_run(&pair);
    let whole = entries(&pair, "whole").len();
    assert_eq!(of_migration(&pair, "stop", "whole", &[]).code, 0);
    clear(&pair, "whole", &before);
    for at in 1..=whole {
        let id = format!("e{at}");
        let held = start_held(&pair, &arguments(&pair, &id));
        kill_upon(&pair, &id, held.child, at - 1, |_| true);
        let verb = if follows(&pair, &id) { "stop" } else { "clean" };
        let cleaned = of_migration(&pair, verb, &id, &[]);
        assert_eq!(cleaned.code, 0, "after entry {at}: {}\n{}", cleaned.stderr, cleaned.stdout);
        clear(&pair, &id, &before);
    }
}

/// Closing the connection is killed in the middle: done again, or what is left is removed; the rows are there.
#[test]
fn closing_is_killed_after_every_kind_of_entry() {
    let pair = shop();
    let before = identities(&pair.source, "shop");
    let close = ["resumed", "phase_began", "table_copied", "removed", "identity_restored", "database_ended"];
    for wanted in close {
        let id = format!("c_{}", wanted.split('_').next().unwrap());
        let ran = Ran::from(wait(start(&pair, &arguments(&pair, &id))));
        assert_eq!(ran.code, 0, "{}\n{}", ran.stderr, ran.stdout);
        pair.source.psql("shop", "UPDATE keyed SET b = b || 'x' WHERE a < 100").unwrap();
        let skip = entries(&pair, &id).len();
        let (source, target) = (pair.source.uri("postgres"), pair.target.uri("postgres"));
        let child = pair.start(&["finish", &id, "-s", &source, "-t", &target, "--json"], &[]);
        kill_upon(&pair, &id, child, skip, |entry| kind(entry) == wanted);
        let again = of_migration(&pair, "finish", &id, &[]);
        if again.status("shop") != "done" {
            assert_ne!(again.code, 0, "after {wanted}: {}", again.stdout);
            let cleaned = of_migration(&pair, "stop", &id, &[]);
            assert_eq!(cleaned.code, 0, "after {wanted}: {}\n{}", cleaned.stderr, cleaned.stdout);
        }
        let differences = pair.compare_database("shop");
        assert!(differences.is_empty(), "after {wanted}: {differences:?}");
        clear(&pair, wanted, &before);
    }
}

fn slow_copy(pair: &Pair, source: &str, target: &str, further: &[&str]) -> Child {
    let words = ["migrate", "-s", source, "-t", target, "--json", "--migration-id", "follow"];
    let child = pair.start(&[&words, ["--force-method", "replication"].as_slice(), further].concat(), &[]);
    let copying =
        "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%COPY%slow%' AND wait_event = 'PgSleep'";
    eventually(&pair.target, "postgres", copying, "1");
    child
}

fn failed(ran: &Ran) {
    assert!([3, 4].contains(&ran.code), "{}\n{}", ran.stderr, ran.stdout);
    assert_eq!(ran.status("postgres"), "failed", "{}", ran.stdout);
}

#[test]
fn the_target_dies_in_the_copy() {
    let pair = pair();
    make_slow(&pair);
    let child = slow_copy(&pair, &pair.source.uri("postgres"), &pair.target.uri("postgres"), &[]);
    pair.target.kill_immediately().unwrap();
    failed(&Ran::from(wait(child)));
    assert_eq!(leftovers(&pair.source), Vec::<String>::new());
    pair.target.restart().unwrap();
    assert_eq!(leftovers(&pair.target), Vec::<String>::new());
}

#[test]
fn the_source_dies_in_the_copy() {
    let pair = pair();
    make_slow(&pair);
    let child = slow_copy(&pair, &pair.source.uri("postgres"), &pair.target.uri("postgres"), &[]);
    pair.source.kill_immediately().unwrap();
    let ran = Ran::from(wait(child));
    failed(&ran);
    // It cannot be asked any more: named, with the command for later.
    assert!(
        ran.stdout.contains("replication slot pgpassage_follow_postgres_slot on the source"),
        "{}",
        ran.stdout
    );
    assert!(ran.stdout.contains("pgpassage clean follow"), "{}", ran.stdout);
    pair.source.restart().unwrap();
    assert_ne!(leftovers(&pair.source), Vec::<String>::new());
    assert_eq!(later(&pair, "clean", &[]).code, 0);
    assert_eq!((leftovers(&pair.source), leftovers(&pair.target)), (Vec::new(), Vec::new()));
}

/// The network between us and each server, cut for a moment in the copy.
#[test]
fn the_network_is_cut_in_the_copy() {
    for cut_source in [true, false] {
        let pair = pair();
        make_slow(&pair);
        let proxy = Proxy::start(if cut_source { pair.source.port() } else { pair.target.port() });
        let (mut source, mut target) = (pair.source.uri("postgres"), pair.target.uri("postgres"));
        if cut_source {
            source = proxy.uri("postgres");
        } else {
            target = proxy.uri("postgres");
        }
        let direct = pair.source.uri("postgres");
        let child = slow_copy(&pair, &source, &target, &["--source-for-target", &direct]);
        proxy.cut();
        failed(&Ran::from(wait(child)));
        assert_eq!((leftovers(&pair.source), leftovers(&pair.target)), (Vec::new(), Vec::new()));
    }
}

/// A server that does not answer any more is not waited for for long; the other one is cleaned, and what is left is named.
#[test]
fn stop_does_not_wait_for_a_server_that_is_gone() {
    for source_is_gone in [true, false] {
        let pair = pair();
        make_slow(&pair);
        let proxy = Proxy::start(if source_is_gone { pair.source.port() } else { pair.target.port() });
        let (mut source, mut target) = (pair.source.uri("postgres"), pair.target.uri("postgres"));
        if source_is_gone {
            source = proxy.uri("postgres");
        } else {
            target = proxy.uri("postgres");
        }
        let direct = pair.source.uri("postgres");
        let child = slow_copy(&pair, &source, &target, &["--source-for-target", &direct]);
        proxy.stall();
        let began = Instant::now();
        let stopped = pair.program(&["stop", "follow", "--json"]);
        assert!(began.elapsed() < Duration::from_secs(45), "{:?}", began.elapsed());
        assert_eq!(stopped.code, 130, "{}\n{}", stopped.stderr, stopped.stdout);
        assert_eq!(Ran::from(wait(child)).code, 130);
        assert_eq!(leftovers(&pair.target), Vec::<String>::new());
        proxy.resume();
        if source_is_gone {
            let named = "replication slot pgpassage_follow_postgres_slot on the source";
            assert!(stopped.stdout.contains(named), "{}", stopped.stdout);
            assert!(stopped.stdout.contains("pgpassage clean follow"), "{}", stopped.stdout);
            assert_eq!(pair.program(&["clean", "follow", "--json"]).code, 0);
        }
        assert_eq!(leftovers(&pair.source), Vec::<String>::new());
    }
}

/// While it follows, servers and the way between them may go and come back: not a row is missing in the end.
#[test]
fn following_outlives_servers_and_the_network() {
    let pair = pair();
    pair.source.psql("postgres", "CREATE TABLE t (a int PRIMARY KEY); INSERT INTO t VALUES (1)").unwrap();
    let proxy = Proxy::start(pair.source.port());
    assert_eq!(replicate(&pair, &["--source-for-target", &proxy.uri("postgres")]).code, 0);
    let arrives = |rows: u32| {
        pair.source.psql("postgres", &format!("INSERT INTO t VALUES ({rows})")).unwrap();
        eventually(&pair.target, "postgres", "SELECT count(*) FROM t", &rows.to_string());
    };
    arrives(2);
    proxy.refuse();
    proxy.cut();
    pair.source.psql("postgres", "INSERT INTO t VALUES (3)").unwrap();
    eventually(&pair.source, "postgres", "SELECT count(*) FROM pg_replication_slots WHERE active", "0");
    let status = later(&pair, "status", &[]);
    assert_eq!(status.json["migration"]["status"], "failed", "{}", status.stdout);
    assert!(status.json["migration_detail"][0]["lag_bytes"].as_u64().unwrap() > 0, "{}", status.stdout);
    let refused = later(&pair, "finish", &["--timeout", "5"]);
    assert_eq!(refused.code, 4, "{}", refused.stdout);
    proxy.accept();
    arrives(4);
    pair.target.kill_immediately().unwrap();
    pair.target.restart().unwrap();
    arrives(5);
    pair.source.kill_immediately().unwrap();
    pair.source.restart().unwrap();
    arrives(6);
    later(&pair, "finish", &["--verify", "checksums"]).assert_done();
    assert_eq!(pair.target.psql("postgres", "SELECT count(*), sum(a) FROM t").unwrap(), "6|21");
    assert_eq!((leftovers(&pair.source), leftovers(&pair.target)), (Vec::new(), Vec::new()));
}
