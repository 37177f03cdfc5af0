//! Several databases, some of which follow while others do not: what later commands do with each, and what is said of it.

use crate::catalog::leftovers;
use crate::common::{Pair, Ran, eventually, wait};
use crate::engine::{later, make_slow, replicate};
use crate::pair;
use pgpassage::demo::cluster::Cluster;
use rustix::process::{Pid, Signal, kill_process};
use std::process::Child;
use std::time::{Duration, Instant};

const KEYED: &str =
    "CREATE TABLE keyed (a int PRIMARY KEY); INSERT INTO keyed SELECT generate_series(1, 1000)";

fn of_database(cluster: &Cluster, database: &str) -> Vec<String> {
    let name = format!("_{database}_");
    leftovers(cluster).into_iter().filter(|object| object.contains(&name)).collect()
}

fn signal(child: &Child, signal: Signal) {
    kill_process(Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap(), signal).unwrap();
}

/// `other` follows, and the copy of `postgres` does not end.
fn one_follows_and_one_copies(pair: &Pair, further: &[&str]) -> Child {
    make_slow(pair);
    pair.source.psql("postgres", "CREATE DATABASE other").unwrap();
    pair.source.psql("other", KEYED).unwrap();
    let (source, target) = (pair.source.uri("postgres"), pair.target.uri("postgres"));
    let words = ["migrate", "-s", &source, "-t", &target, "--migration-id", "follow"];
    let method = ["--force-method", "replication"];
    let face = pair.start(&[words.as_slice(), &method, further].concat(), &[]);
    let copying =
        "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%COPY%slow%' AND wait_event = 'PgSleep'";
    eventually(&pair.target, "postgres", copying, "1");
    let began = Instant::now();
    while !pair.state_text().contains("\"kind\":\"following\",\"database\":\"other\"") {
        assert!(began.elapsed() < Duration::from_secs(60), "{}", pair.state_text());
        std::thread::sleep(Duration::from_millis(50));
    }
    face
}

/// The operator's word is for all of it: no slot is left, and what was copied is not called unfinished.
#[test]
fn stop_discontinues_what_follows_while_others_copy() {
    let pair = pair();
    let face = one_follows_and_one_copies(&pair, &[]);
    let stopped = pair.program(&["stop", "follow"]);
    assert_eq!(stopped.code, 130, "{}\n{}", stopped.stderr, stopped.stdout);
    assert!(stopped.stdout.contains("Nothing of ours is left on the source"), "{}", stopped.stdout);
    assert!(!stopped.stdout.contains("unfinished databases are left"), "{}", stopped.stdout);
    assert_eq!(Ran::from(wait(face)).code, 130);
    assert_eq!((leftovers(&pair.source), leftovers(&pair.target)), (Vec::new(), Vec::new()));
    assert_eq!(pair.target.psql("other", "SELECT count(*) FROM keyed").unwrap(), "1000");
}

/// A signal leaves what follows following, and that is said, with how to end it.
#[test]
fn an_interrupt_leaves_what_follows_and_says_so() {
    let pair = pair();
    let face = one_follows_and_one_copies(&pair, &[]);
    signal(&face, Signal::INT);
    let ran = Ran::from(wait(face));
    assert_eq!(ran.code, 130, "{}\n{}", ran.stderr, ran.stdout);
    assert!(ran.stdout.contains("nobody watches over it: other."), "{}", ran.stdout);
    assert!(ran.stdout.contains("pgpassage stop follow"), "{}", ran.stdout);
    assert!(!ran.stdout.contains("Nothing of ours is left"), "{}", ran.stdout);
    assert!(!ran.stdout.contains("unfinished databases are left"), "{}", ran.stdout);
    assert_eq!(of_database(&pair.source, "other").len(), 2, "{:?}", leftovers(&pair.source));
    assert_eq!(of_database(&pair.source, "postgres"), Vec::<String>::new());
    let (source, target) = (pair.source.uri("postgres"), pair.target.uri("postgres"));
    let stopped = pair.program(&["stop", "follow", "-s", &source, "-t", &target]);
    assert_eq!(stopped.code, 0, "{}\n{}", stopped.stderr, stopped.stdout);
    assert_eq!((leftovers(&pair.source), leftovers(&pair.target)), (Vec::new(), Vec::new()));
}

/// A target that is down looks like one that is gone: what follows, and what ended, is removed by its name alone.
#[test]
fn clean_without_a_name_leaves_what_follows() {
    let pair = pair();
    pair.source.psql("postgres", KEYED).unwrap();
    assert_eq!(replicate(&pair, &["--foreground"]).code, 0);
    let before = leftovers(&pair.source);
    let clean = || {
        let (source, target) = (pair.source.uri("postgres"), pair.target.uri("postgres"));
        pair.program(&["clean", "-s", &source, "-t", &target])
    };
    let subscription = "ALTER SUBSCRIPTION pgpassage_follow_postgres_sub";
    pair.target.psql("postgres", &format!("{subscription} DISABLE")).unwrap();
    let active = "SELECT count(*) FROM pg_replication_slots WHERE active";
    eventually(&pair.source, "postgres", active, "0");
    let shown = clean();
    assert_eq!(shown.code, 0, "{}\n{}", shown.stdout, shown.stderr);
    assert!(shown.stderr.contains("it follows its source"), "{}", shown.stderr);
    assert!(shown.stderr.contains("pgpassage clean follow removes it"), "{}", shown.stderr);
    assert_eq!(leftovers(&pair.source), before);
    pair.target.stop().unwrap();
    let shown = clean();
    assert_eq!(shown.code, 3, "{}\n{}", shown.stdout, shown.stderr);
    assert!(shown.stderr.contains("not all could be asked about it: left alone"), "{}", shown.stderr);
    assert_eq!(leftovers(&pair.source), before);
}

/// What was to be closed and is not is not what was asked for, and a script hears of it.
#[test]
fn what_was_to_be_closed_and_is_not_is_no_success() {
    let pair = pair();
    pair.source.psql("postgres", KEYED).unwrap();
    // Nobody may be kept from writing: the silence on the source cannot be had.
    let source = pair.source.uri("postgres");
    let ran = std::thread::scope(|scope| {
        let hold = "BEGIN; LOCK TABLE keyed IN ROW EXCLUSIVE MODE; SELECT pg_sleep(60)";
        scope.spawn(|| pair.source.psql("postgres", hold).ok());
        let sleeps = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'";
        eventually(&pair.source, "postgres", sleeps, "1");
        let ran = replicate(&pair, &["--max-replication-lag", "0", "--stop-replication"]);
        let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'";
        pair.source.psql("postgres", end).unwrap();
        ran
    });
    assert_eq!(ran.code, 3, "{}\n{}", ran.stderr, ran.stdout);
    assert_eq!(ran.status("postgres"), "running", "{}", ran.stdout);
    assert!(ran.stderr.contains("the connection of postgres was to be closed, and is not"), "{}", ran.stderr);
    let stopped = pair.program(&["stop", "follow", "-s", &source, "-t", &pair.target.uri("postgres")]);
    assert_eq!(stopped.code, 0, "{}\n{}", stopped.stdout, stopped.stderr);
}

/// One database that failed, or a command that was refused, does not hide that another follows.
#[test]
fn what_follows_is_shown_whatever_became_of_others() {
    let pair = pair();
    pair.source.psql("postgres", KEYED).unwrap();
    pair.source.psql("postgres", "CREATE DATABASE other").unwrap();
    pair.source.psql("other", "CREATE TABLE keyless (a int); INSERT INTO keyless VALUES (1)").unwrap();
    let ran = pair.migrate(&["--fallback", "skip", "--migration-id", "follow", "--foreground"]);
    assert_eq!(ran.code, 3, "{}\n{}", ran.stderr, ran.stdout);
    let (source, target) = (pair.source.uri("postgres"), pair.target.uri("postgres"));
    let is_shown = || {
        let list = pair.program(&["list"]).stdout;
        assert!(list.contains("follow  syncing (some failed) (nobody watches over it)"), "{list}");
        let status = pair.program(&["status"]);
        assert!(status.stdout.contains("postgres: syncing"), "{}\n{}", status.stdout, status.stderr);
    };
    is_shown();
    pair.target.stop().unwrap();
    let refused = pair.program(&["finish", "follow", "-s", &source, "-t", &target, "--json"]);
    assert_eq!(refused.code, 1, "{}\n{}", refused.stdout, refused.stderr);
    pair.target.restart().unwrap();
    is_shown();
    assert_eq!(pair.program(&["stop", "follow", "-s", &source, "-t", &target]).code, 0);
    let nothing = pair.program(&["status"]).stdout;
    assert!(nothing.contains("No migration is under way"), "{nothing}");
}

/// A server that does not answer does not hold the window.
#[test]
fn a_watch_is_left_although_a_server_does_not_answer() {
    let pair = pair();
    pair.source.psql("postgres", KEYED).unwrap();
    assert_eq!(replicate(&pair, &["--foreground"]).code, 0);
    let file = std::fs::read_to_string(pair.source.data_dir().join("postmaster.pid")).unwrap();
    let postmaster = Pid::from_raw(file.lines().next().unwrap().parse().unwrap()).unwrap();
    kill_process(postmaster, Signal::STOP).unwrap();
    let watch = pair.start(&["status", "follow", "--watch"], &[]);
    std::thread::sleep(Duration::from_secs(2));
    let began = Instant::now();
    signal(&watch, Signal::INT);
    let ran = Ran::from(wait(watch));
    kill_process(postmaster, Signal::CONT).unwrap();
    assert_eq!(ran.code, 0, "{}\n{}", ran.stderr, ran.stdout);
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
    let (source, target) = (pair.source.uri("postgres"), pair.target.uri("postgres"));
    assert_eq!(pair.program(&["stop", "follow", "-s", &source, "-t", &target]).code, 0);
}

/// A password that another migration has left in the environment is not sent to this one's servers.
#[test]
fn a_password_for_another_server_is_refused() {
    let pair = pair();
    pair.source.psql("postgres", KEYED).unwrap();
    assert_eq!(replicate(&pair, &["--foreground"]).code, 0);
    let theirs = "postgres://somebody:S3cr3t@other.example:6543/db";
    let refused = pair.start(&["stop", "follow"], &[("SOURCE_SERVICE_URI", theirs)]);
    let refused = Ran::from(wait(refused));
    assert_eq!(refused.code, 2, "{}\n{}", refused.stdout, refused.stderr);
    assert!(
        refused.stderr.contains("SOURCE_SERVICE_URI names somebody@other.example:6543"),
        "{}",
        refused.stderr
    );
    assert!(!refused.stderr.contains("S3cr3t"), "{}", refused.stderr);
    assert_eq!(leftovers(&pair.source).len(), 2);
    assert_eq!(pair.program(&["stop", "follow"]).code, 0);
    let (source, target) = (pair.source.uri("postgres"), pair.target.uri("postgres"));
    let for_target = ["--source-for-target", theirs, "--force-method", "replication"];
    let refused = pair.program(&[&["migrate", "-s", &source, "-t", &target], for_target.as_slice()].concat());
    assert_eq!(refused.code, 2, "{}\n{}", refused.stdout, refused.stderr);
    assert!(refused.stderr.contains("--source-for-target holds another password"), "{}", refused.stderr);
}

/// One half of a connection, found by its name alone, is a leftover, and not called syncing.
#[test]
fn a_slot_without_its_subscription_is_a_leftover() {
    let pair = pair();
    pair.source.psql("postgres", KEYED).unwrap();
    assert_eq!(replicate(&pair, &["--foreground"]).code, 0);
    std::fs::remove_dir_all(pair.state.path().join("pgpassage")).unwrap();
    let (source, target) = (pair.source.uri("postgres"), pair.target.uri("postgres"));
    let status = || pair.program(&["status", "--json", "-s", &source, "-t", &target]);
    assert_eq!(status().json["migration"]["status"], "syncing", "{}", status().stdout);
    let subscription = "ALTER SUBSCRIPTION pgpassage_follow_postgres_sub";
    for sql in [
        format!("{subscription} DISABLE"),
        format!("{subscription} SET (slot_name = NONE)"),
        "DROP SUBSCRIPTION pgpassage_follow_postgres_sub".to_owned(),
    ] {
        pair.target.psql("postgres", &sql).unwrap();
    }
    let left = status();
    assert_eq!((left.code, &left.json["migration"]["status"]), (4, &"failed".into()), "{}", left.stdout);
    assert!(left.stdout.contains("the subscription is missing: a leftover"), "{}", left.stdout);
}

/// That a server cannot be asked is an error of the question, and says nothing about the migration.
#[test]
fn a_question_that_fails_is_no_failure_of_the_migration() {
    let pair = pair();
    pair.source.psql("postgres", KEYED).unwrap();
    assert_eq!(replicate(&pair, &["--foreground"]).code, 0);
    pair.source.stop().unwrap();
    let status = later(&pair, "status", &[]);
    let database = &status.json["migration_detail"][0];
    assert_eq!(
        (status.code, &status.json["migration"]["status"]),
        (4, &"syncing".into()),
        "{}",
        status.stdout
    );
    assert!(database["asking_failed"] == true && database["lag_bytes"].is_null(), "{}", status.stdout);
    let (source, target) = (pair.source.uri("postgres"), pair.target.uri("postgres"));
    let lines = pair.program(&["status", "follow", "-s", &source, "-t", &target]);
    assert!(lines.stdout.contains("syncing, lag unknown, asking failed"), "{}", lines.stdout);
}
