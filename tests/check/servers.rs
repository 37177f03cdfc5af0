//! Checks of the servers as a whole, and of what replication takes of them.

use super::covered::speaks;
use super::{Checked, Open, check, check_as, obey, objects, pair, text, with};
use crate::common::{Pair, eventually};

#[test]
fn a_source_that_cannot_be_followed_is_told_all_of_it_at_once() {
    let source = with(&[
        ("wal_level", "replica"),
        ("max_replication_slots", "1"),
        ("max_wal_senders", "1"),
        ("wal_sender_timeout", "10s"),
    ]);
    let target = with(&[("max_logical_replication_workers", "0"), ("max_worker_processes", "1")]);
    let pair = Pair::of(source, target);
    pair.source.psql("postgres", "CREATE DATABASE shop").unwrap();
    pair.source
        .psql("postgres", "ALTER SYSTEM SET logical_decoding_work_mem = '64kB'; SELECT pg_reload_conf()")
        .unwrap();
    pair.source.psql("postgres", "SELECT pg_create_physical_replication_slot('theirs')").unwrap();
    let ran = check(&pair, &[]);
    assert_eq!(ran.0.code, 0, "{:?}", ran.0);
    for id in ["wal-level", "slots", "wal-senders", "sender-timeout"] {
        ran.says(id, None, "warning");
    }
    assert_eq!(ran.of("workers", None).len(), 2);
    ran.says("decoding", None, "info");
    assert_eq!(ran.verdict("shop"), "snapshot");
    assert_eq!(objects(ran.one("slots", None)), ["theirs (inactive)"]);
    let forced = check(&pair, &["--force-method", "replication"]);
    assert_eq!(forced.0.code, 1);
    forced.says("wal-level", None, "blocker");
    assert_eq!(
        forced.json()["error"],
        "continuous migration is not possible: wal_level is replica on the source, not logical"
    );
    assert_eq!(check(&pair, &["--fallback", "fail"]).0.code, 1);

    for id in ["wal-level", "slots", "wal-senders", "sender-timeout", "workers"] {
        for finding in ran.of(id, None) {
            obey(&pair, finding, "postgres");
        }
    }
    pair.source.stop().unwrap();
    pair.source.restart().unwrap();
    pair.target.stop().unwrap();
    pair.target.restart().unwrap();
    let after = check(&pair, &[]);
    for id in ["wal-level", "slots", "wal-senders", "slot", "sender-timeout", "workers", "replication"] {
        after.is_silent(id, None);
    }
    assert_eq!(after.verdict("shop"), "continuous", "{:?}", after.0);
    speaks("a_source_that_cannot_be_followed_is_told_all_of_it_at_once");
}

#[test]
fn what_a_slot_waits_for_is_told_within_seconds() {
    let source = with(&[("wal_level", "logical"), ("max_prepared_transactions", "2")]);
    let pair = Pair::of(source, with(&[]));
    let began = "BEGIN; CREATE TABLE t (i int); PREPARE TRANSACTION 'it''s; one'";
    pair.source.psql("postgres", began).unwrap();
    let ran = check(&pair, &[]);
    ran.says("slot", None, "warning");
    let prepared = ran.says("prepared-transactions", None, "warning");
    obey(&pair, prepared, "postgres");
    let slots = "SELECT count(*) FROM pg_replication_slots";
    eventually(&pair.source, "postgres", slots, "0");

    let open = Open::new(&pair, "BEGIN; CREATE TABLE t (i int)");
    let writing = "SELECT count(*) FROM pg_stat_activity WHERE backend_xid IS NOT NULL";
    eventually(&pair.source, "postgres", writing, "1");
    check(&pair, &["--only", "slot"]).says("slot", None, "warning");
    drop(open);
    eventually(&pair.source, "postgres", writing, "0");
    let after = check(&pair, &[]);
    after.is_silent("slot", None);
    after.is_silent("prepared-transactions", None);
    speaks("what_a_slot_waits_for_is_told_within_seconds");
}

#[test]
fn the_same_server_and_a_copy_are_told_apart() {
    let pair = pair();
    let uri = pair.source.uri("postgres");
    let ran = Checked::new(pair.program(&["check", "-s", &uri, "-t", &uri, "--json"]));
    assert_eq!(ran.0.code, 1);
    ran.says("same-server", None, "blocker");
    assert_eq!(ran.json()["error"], "Migrating to the same server is not supported");
    check(&pair, &["--only", "same-server,physical-copy"]).is_silent("same-server", None);
    speaks("the_same_server_and_a_copy_are_told_apart");
}

#[test]
fn servers_that_cannot_be_reached_are_both_named() {
    let pair = pair();
    let nowhere = "postgres://postgres@127.0.0.1:1/x";
    let ran = Checked::new(pair.program(&["check", "-s", nowhere, "-t", nowhere, "--json"]));
    assert_eq!((ran.0.code, ran.of("connect", None).len()), (1, 2), "{:?}", ran.0);
    let titles: Vec<_> = ran.of("connect", None).iter().map(|f| text(f, "title").to_owned()).collect();
    let refused = |side: &str| format!("{side}: cannot connect to 127.0.0.1:1: connection refused");
    assert_eq!(titles, [refused("source"), refused("target")]);
    assert_eq!(ran.json()["databases"], serde_json::json!({}));
    speaks("servers_that_cannot_be_reached_are_both_named");
}

#[test]
fn room_names_and_sizes_are_judged() {
    let pair = pair();
    pair.source.psql("postgres", "CREATE DATABASE shop").unwrap();
    let ran = check(
        &pair,
        &["--target-disk", "1000", "--dbs-max-total-size", "1000", "--no-createdb", "-f", "nowhere"],
    );
    for id in ["disk", "total-size", "create-databases"] {
        ran.says(id, None, "blocker");
    }
    ran.says("filter", None, "info");
    assert_eq!(ran.json()["error"], "Database 'shop' doesn't exist in target (not creating databases)");
    assert_eq!(ran.verdict("shop"), "impossible");
    let ran = check(&pair, &["--database", "Shop"]);
    ran.says("database-names", None, "blocker");
    let well = check(&pair, &[]);
    for id in [
        "disk",
        "total-size",
        "create-databases",
        "filter",
        "database-names",
        "pg-dump",
        "connections",
        "clock",
        "tls",
    ] {
        well.is_silent(id, None);
    }
    well.says("system-databases", None, "info");
    // On this machine the target's disk can be looked at.
    assert!(well.json()["databases"]["shop"]["size_bytes"].as_u64().unwrap() > 1_000_000);
    assert!(well.json()["databases"]["shop"]["estimate_s"].as_u64().unwrap() >= 1);
    speaks("room_names_and_sizes_are_judged");
}

#[test]
fn the_way_from_the_target_to_the_source_is_tried() {
    let pair = pair();
    let lost = "postgres://postgres@127.0.0.1:1/postgres";
    let ran = check(&pair, &["--source-for-target", lost]);
    let said = ran.says("replication", None, "warning");
    assert!(text(said, "title").starts_with("the target cannot connect to the source"), "{said}");
    assert_eq!(ran.verdict("postgres"), "snapshot");
    check(&pair, &[]).is_silent("replication", None);
    speaks("the_way_from_the_target_to_the_source_is_tried");
}

#[test]
fn what_earlier_migrations_left_is_found() {
    let pair = pair();
    pair.source
        .psql(
            "postgres",
            "SELECT pg_create_logical_replication_slot('pgpassage_x_postgres_slot', 'pgoutput')",
        )
        .unwrap();
    pair.source.psql("postgres", "CREATE PUBLICATION pgpassage_x_postgres_pub").unwrap();
    let make = "CREATE SUBSCRIPTION pgpassage_x_postgres_sub CONNECTION 'host=x' PUBLICATION p WITH (connect = false, slot_name = NONE)";
    pair.target.psql("postgres", make).unwrap();
    let ran = check(&pair, &["--only", "leftovers"]);
    let found = ran.of("leftovers", None);
    assert_eq!(found.len(), 3, "{found:?}");
    for finding in found.into_iter().filter(|f| text(f, "fix").contains("on the source: ")) {
        obey(&pair, finding, "postgres");
    }
    // What no statement is offered for, the command that is does.
    let (source, target) = (pair.source.uri("postgres"), pair.target.uri("postgres"));
    let listed = pair.program(&["clean", "-s", &source, "-t", &target]);
    assert!(listed.stdout.contains("migration x\n  subscription pgpassage_x_postgres_sub"), "{listed:?}");
    let removed = pair.program(&["clean", "x", "-s", &source, "-t", &target]);
    assert_eq!(removed.code, 0, "{removed:?}");
    check(&pair, &[]).is_silent("leftovers", None);
    speaks("what_earlier_migrations_left_is_found");
}

#[test]
fn a_slot_of_others_that_was_given_up_is_dropped_as_told() {
    let source = with(&[("wal_level", "logical"), ("max_slot_wal_keep_size", "1MB")]);
    let pair = Pair::of(source, with(&[]));
    pair.source.psql("postgres", "SELECT pg_create_physical_replication_slot('theirs', true)").unwrap();
    for _ in 0..4 {
        let write = "SELECT pg_logical_emit_message(false, 'x', repeat('x', 1000000)); SELECT pg_switch_wal(); CHECKPOINT";
        pair.source.psql("postgres", write).unwrap();
    }
    let lost = "SELECT wal_status FROM pg_replication_slots";
    eventually(&pair.source, "postgres", lost, "lost");
    let ran = check(&pair, &["--only", "wal-kept"]);
    obey(&pair, ran.says("wal-kept", None, "warning"), "postgres");
    check(&pair, &["--only", "wal-kept"]).is_silent("wal-kept", None);
    speaks("a_slot_of_others_that_was_given_up_is_dropped_as_told");
}

#[test]
fn old_transactions_are_named_and_ended_as_told() {
    if std::env::var_os("PGPASSAGE_TEST_ALL").is_none() {
        println!("skipped: PGPASSAGE_TEST_ALL is not set, and a transaction has to grow old first");
        return;
    }
    let pair = pair();
    let _open = Open::new(&pair, "BEGIN; CREATE TABLE t (i int)");
    std::thread::sleep(std::time::Duration::from_secs(32));
    let ran = check(&pair, &["--only", "open-transactions"]);
    obey(&pair, ran.says("open-transactions", None, "warning"), "postgres");
    let writing = "SELECT count(*) FROM pg_stat_activity WHERE backend_xid IS NOT NULL";
    eventually(&pair.source, "postgres", writing, "0");
    check(&pair, &["--only", "open-transactions"]).is_silent("open-transactions", None);
    speaks("old_transactions_are_named_and_ended_as_told");
}

#[test]
fn what_is_in_template1_is_told_before_and_in_the_result() {
    let pair = pair();
    pair.source.psql("postgres", "CREATE DATABASE shop").unwrap();
    check(&pair, &["--only", "template1"]).is_silent("template1", None);
    let make = "CREATE EXTENSION hstore; CREATE TABLE house (i int); CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'";
    pair.source.psql("template1", make).unwrap();
    let ran = check(&pair, &[]);
    let told = ran.says("template1", None, "warning");
    assert_eq!(objects(told), ["extension hstore", "function public.f", "table public.house"]);
    assert_eq!(ran.0.code, 0, "{:?}", ran.0);
    let moved = pair.migrate(&["--database", "shop"]);
    assert_eq!(moved.code, 0, "{moved:?}");
    let said = moved.findings("warning").join("\n");
    assert!(said.contains("template1: template1 holds 3 things, not moved with the databases"), "{said}");
    // Whoever wants it moved has it moved.
    check(&pair, &["--database", "template1"]).is_silent("template1", None);
    speaks("what_is_in_template1_is_told_before_and_in_the_result");
}

/// By a user who cannot keep statements out of the log, whose server keeps them.
#[test]
fn passwords_of_mappings_that_stay_in_a_log_are_told() {
    let pair = pair();
    let mapping = "CREATE FOREIGN DATA WRAPPER w; CREATE SERVER far FOREIGN DATA WRAPPER w;
                   CREATE USER MAPPING FOR PUBLIC SERVER far OPTIONS (password 'x')";
    pair.source.psql("postgres", mapping).unwrap();
    pair.target.psql("postgres", "CREATE ROLE mover LOGIN CREATEDB").unwrap();
    let kept = |users| {
        let ran = check_as(&pair, users, &["--only", "foreign-servers"]);
        let found = ran.of("foreign-servers", Some("postgres"));
        found.into_iter().find(|f| text(f, "title").contains("writes into its log")).cloned()
    };
    let plain = ("postgres", "mover");
    assert_eq!(kept(plain), None);
    pair.target.psql("postgres", "ALTER SYSTEM SET log_statement = 'ddl'; SELECT pg_reload_conf()").unwrap();
    eventually(&pair.target, "postgres", "SHOW log_statement", "ddl");
    let told = kept(plain).unwrap();
    assert_eq!(told["severity"], "warning");
    assert_eq!(kept(("postgres", "postgres")), None);
    obey(&pair, &told, "postgres");
    assert_eq!(kept(plain), None);
}
