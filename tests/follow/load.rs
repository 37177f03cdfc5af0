//! The write load: it does what it says, again and again the same, and plain replication carries all of it.

use crate::common::{Pair, cluster, conn, server_binaries};
use crate::proxy::Proxy;
use crate::traffic::{Load, Traffic, TrafficReport, WhenCutOff};
use crate::{pair, versions};
use pgpassage::demo::cluster::{Cluster, ClusterOptions};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::Command;
use std::time::{Duration, Instant};

/// Text of pg_dump with these arguments; of the current version, whatever the server's.
fn dump(cluster: &Cluster, database: &str, arguments: &[&str]) -> String {
    let output = Command::new(conn(cluster).bin.join("pg_dump"))
        .args(["-h", cluster.socket_dir().to_str().unwrap(), "-p", &cluster.port().to_string()])
        .args(["-U", cluster.superuser(), "-d", database, "-w"])
        .args(arguments)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Everything of a source's database, found at this address, goes to the target's, by the server's own means.
fn follow(pair: &Pair, source: &str) {
    let schema = dump(&pair.source, "postgres", &["--schema-only"]);
    pair.target.psql("postgres", &schema).unwrap();
    let publication = "CREATE PUBLICATION everything FOR ALL TABLES WITH (publish_via_partition_root = true)";
    pair.source.psql("postgres", publication).unwrap();
    let subscription = format!("CREATE SUBSCRIPTION follower CONNECTION '{source}' PUBLICATION everything");
    pair.target.psql("postgres", &subscription).unwrap();
}

/// Until the target has all that is on the source.
///
/// A table that was copied is ready only once the worker has heard of a later place in the log. A source that rests says
/// nothing for half of its wal_sender_timeout, so it is made to write: on its own this has taken more than a minute.
fn in_sync(pair: &Pair) {
    let pending = "SELECT count(*) FROM pg_subscription_rel WHERE srsubstate <> 'r'";
    let nudged_until = |cluster: &Cluster, query: &str, wanted: &str| {
        let began = Instant::now();
        while cluster.psql("postgres", query).unwrap() != wanted {
            assert!(began.elapsed() < Duration::from_secs(60), "{query}\n{}", pair.target.log_text());
            pair.source.psql("postgres", "SELECT pg_logical_emit_message(false, 'test', '')").unwrap();
            std::thread::sleep(Duration::from_millis(50));
        }
    };
    nudged_until(&pair.target, pending, "0");
    let end = pair.source.psql("postgres", "SELECT pg_current_wal_insert_lsn()").unwrap();
    let arrived = format!(
        "SELECT confirmed_flush_lsn >= '{end}' FROM pg_replication_slots WHERE slot_name = 'follower'"
    );
    nudged_until(&pair.source, &arrived, "t");
}

fn rows_that_differ(pair: &Pair) -> Vec<String> {
    let found = pair.compare_database("postgres");
    found.iter().filter(|d| d.kind == "rows" || d.kind == "error").map(ToString::to_string).collect()
}

fn all_kinds(report: &TrafficReport) -> bool {
    report.kinds.len() == 18 && report.rolled_back > 0
}

#[test]
fn plain_replication_carries_all_of_it() {
    let pair = pair();
    let other = Load::default().schema("other").seed(2).bulk(0, 0);
    Traffic::prepare(&pair.source, "postgres");
    other.prepare(&pair.source, "postgres");
    follow(&pair, &pair.source.uri("postgres"));
    // The servers' own copy does not bear a TRUNCATE of two tables of which one is not ready: its worker then asks for the one
    // alone, which a foreign key of the other forbids, and never gets further.
    in_sync(&pair);
    let first = Traffic::start(&pair.source, "postgres");
    let second = Load::default().seed(3).bulk(0, 0).start(&pair.source, "postgres");
    let third = other.start(&pair.source, "postgres");
    first.until(all_kinds);
    let (first, second, third) = (first.stop(), second.stop(), third.stop());
    assert_eq!(first.of_kind("bulk"), 1);
    assert!(first.truncated > 0 && first.deleted > 0 && first.updated > 0, "{first:?}");
    assert!(second.committed > 50 && third.committed > 50, "{second:?} {third:?}");
    in_sync(&pair);
    assert_eq!(rows_that_differ(&pair), Vec::<String>::new());
    let seen = "SELECT count(*) FROM traffic.orders WHERE note LIKE '%must not be seen%'";
    assert_eq!(pair.target.psql("postgres", seen).unwrap(), "0");
    // What replication does not carry: the instrument has to show it.
    let sequences = pair.compare_database("postgres");
    assert!(sequences.iter().any(|d| d.kind == "sequence position" && d.object.contains("ticket")));
}

#[test]
fn a_newer_version_takes_all_of_it() {
    let mut found = versions(13);
    let (Some((newest, target)), Some((oldest, source))) =
        (found.pop(), (!found.is_empty()).then(|| found.remove(0)))
    else {
        return;
    };
    let start = |options: ClusterOptions, name, value| Cluster::start(options.setting(name, value)).unwrap();
    let source = start(source, "wal_level", "logical");
    let pair = Pair::of(source, start(target, "wal_retrieve_retry_interval", "200ms"));
    let load = Load::default().bulk(1_000_000, 20);
    load.prepare(&pair.source, "postgres");
    follow(&pair, &pair.source.uri("postgres"));
    in_sync(&pair);
    let traffic = load.start(&pair.source, "postgres");
    traffic.until(all_kinds);
    traffic.stop();
    in_sync(&pair);
    assert_eq!(rows_that_differ(&pair), Vec::<String>::new(), "from {oldest} to {newest}");
}

#[test]
fn a_change_that_did_not_arrive_is_seen() {
    let pair = pair();
    let load = Load::default().bulk(0, 0).per_second(1000).at_most(50);
    load.prepare(&pair.source, "postgres");
    follow(&pair, &pair.source.uri("postgres"));
    load.start(&pair.source, "postgres").wait();
    in_sync(&pair);
    assert_eq!(rows_that_differ(&pair), Vec::<String>::new());
    let lose = "DELETE FROM traffic.event WHERE id = (SELECT max(id) FROM traffic.event)";
    pair.target.psql("postgres", lose).unwrap();
    let differences = rows_that_differ(&pair);
    assert!(!differences.is_empty(), "the lost row is not seen");
    assert!(differences.iter().all(|d| d.contains("traffic.event_")), "{differences:?}");
}

#[test]
fn replication_outlives_a_network_that_fails() {
    let pair = pair();
    let proxy = Proxy::start(pair.source.port());
    let load = Load::default().bulk(0, 0);
    load.prepare(&pair.source, "postgres");
    follow(&pair, &proxy.uri("postgres"));
    // A worker whose connection is cut while it drops the slot of its copy looks for that slot for ever (seen on 15), so
    // the copies come first.
    in_sync(&pair);
    let traffic = load.start(&pair.source, "postgres");
    let more = |by| {
        let before = traffic.report().committed;
        traffic.until(|report| report.committed >= before + by);
    };
    more(20);
    proxy.stall();
    let before = proxy.to_client();
    more(20);
    assert_eq!(proxy.to_client(), before);
    proxy.resume();
    more(20);
    proxy.refuse();
    proxy.cut();
    more(20);
    let through = proxy.accepted();
    proxy.accept();
    proxy.delay(Duration::from_millis(2));
    more(20);
    traffic.stop();
    in_sync(&pair);
    assert!(proxy.accepted() > through);
    assert_eq!(rows_that_differ(&pair), Vec::<String>::new());
}

#[test]
fn the_same_seed_does_the_same() {
    let cluster = cluster();
    let mut contents = Vec::new();
    for (database, seed) in [("one", 7), ("two", 7), ("three", 8)] {
        cluster.psql("postgres", &format!("CREATE DATABASE {database}")).unwrap();
        let load = Load::default().seed(seed).bulk(1_000_000, 5).per_second(100_000).at_most(400);
        load.prepare(&cluster, database);
        let report = load.start(&cluster, database).wait();
        assert_eq!(report.committed + report.rolled_back, 400);
        assert!(all_kinds(&report), "{report:?}");
        let text = dump(&cluster, database, &["--data-only"]);
        // Newer ones write a random word around their text.
        let mut lines: Vec<String> =
            text.lines().filter(|line| !line.contains("restrict")).map(str::to_owned).collect();
        lines.sort();
        contents.push(lines);
    }
    assert!(contents[0] == contents[1]);
    assert!(contents[0] != contents[2]);
}

#[test]
fn a_statement_that_fails_is_told() {
    let cluster =
        Cluster::start(ClusterOptions::new(server_binaries()).setting("wal_level", "logical")).unwrap();
    let load = Load::default().bulk(0, 0).per_second(1000).at_most(500);
    load.prepare(&cluster, "postgres");
    cluster
        .psql(
            "postgres",
            "ALTER TABLE traffic.page REPLICA IDENTITY NOTHING; CREATE PUBLICATION p FOR TABLE traffic.page",
        )
        .unwrap();
    let traffic = load.start(&cluster, "postgres");
    let told = catch_unwind(AssertUnwindSafe(|| traffic.wait())).unwrap_err();
    let told = told.downcast_ref::<String>().unwrap();
    assert!(told.contains("\"page\" because it does not have a replica identity"), "{told}");
}

#[test]
fn a_load_lives_through_cuts_and_crashes_if_it_is_told_to() {
    let cluster = cluster();
    let proxy = Proxy::start(cluster.port());
    let load = Load::default().bulk(0, 0).per_second(1000).when_cut_off(WhenCutOff::ConnectAgain);
    load.prepare(&cluster, "postgres");
    let direct = load.clone().seed(2).start(&cluster, "postgres");
    let traffic = load.start_at(&proxy.uri("postgres"));
    traffic.until(|report| report.committed > 20);
    proxy.cut();
    traffic.until(|report| report.broken_off + report.in_doubt == 1);
    let again = traffic.report().committed;
    traffic.until(|report| report.committed > again);
    let before = direct.report();
    assert_eq!(before.broken_off + before.in_doubt, 0);
    cluster.kill_immediately().unwrap();
    cluster.restart().unwrap();
    let after = traffic.report().committed;
    traffic.until(|report| report.committed > after + 20);
    direct.until(|report| report.committed > before.committed + 20);
    let (traffic, direct) = (traffic.stop(), direct.stop());
    assert_eq!(traffic.broken_off + traffic.in_doubt, 2, "{traffic:?}");
    assert_eq!(direct.broken_off + direct.in_doubt, 1, "{direct:?}");
    // Without being told to it fails.
    let traffic = load.when_cut_off(WhenCutOff::Fail).start_at(&proxy.uri("postgres"));
    traffic.until(|report| report.committed > 5);
    proxy.cut();
    assert!(catch_unwind(AssertUnwindSafe(|| traffic.wait())).is_err());
}

#[test]
fn every_version_takes_it() {
    for (major, options) in versions(10) {
        let cluster = Cluster::start(options).unwrap();
        let load = Load::default().bulk(1_000_000, 5).per_second(100_000).at_most(400);
        load.prepare(&cluster, "postgres");
        let report = load.start(&cluster, "postgres").wait();
        assert_eq!(report.kinds.len(), if major >= 11 { 18 } else { 15 }, "{major}: {report:?}");
    }
}
