//! Several databases, some of which follow while others do not: what later commands do with each, and what is said of it.

use crate::catalog::leftovers;
use crate::common::{Pair, Ran, eventually, wait};
use crate::engine::make_slow;
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
    assert!(!stopped.stdout.contains("DROP DATABASE \"other\""), "{}", stopped.stdout);
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
    assert!(!ran.stdout.contains("DROP DATABASE \"other\""), "{}", ran.stdout);
    assert_eq!(of_database(&pair.source, "other").len(), 2, "{:?}", leftovers(&pair.source));
    assert_eq!(of_database(&pair.source, "postgres"), Vec::<String>::new());
    let (source, target) = (pair.source.uri("postgres"), pair.target.uri("postgres"));
    let stopped = pair.program(&["stop", "follow", "-s", &source, "-t", &target]);
    assert_eq!(stopped.code, 0, "{}\n{}", stopped.stderr, stopped.stdout);
    assert_eq!((leftovers(&pair.source), leftovers(&pair.target)), (Vec::new(), Vec::new()));
}
