//! Continuous migration from end to end: under a write load, finished, stopped, killed; nothing lost and nothing left.

use crate::catalog::{identities, leftovers};
use crate::common::{Pair, Ran, cluster, server_binaries, test_all};
use crate::pair;
use crate::traffic::{Load, Traffic};
use pgpassage::demo::cluster::{Cluster, ClusterOptions};

pub(crate) fn replicate(pair: &Pair, further: &[&str]) -> Ran {
    let arguments = ["--force-method", "replication", "--database", "postgres", "--migration-id", "follow"];
    pair.migrate(&[&arguments, further].concat())
}

pub(crate) fn later(pair: &Pair, verb: &str, further: &[&str]) -> Ran {
    let (source, target) = (pair.source.uri("postgres"), pair.target.uri("postgres"));
    pair.program(&[&[verb, "follow", "-s", &source, "-t", &target, "--json"], further].concat())
}

fn differences(pair: &Pair) -> Vec<String> {
    pair.compare_database("postgres").iter().map(ToString::to_string).collect()
}

#[test]
fn under_a_write_load_nothing_is_lost_and_nothing_is_left() {
    for _ in 0..if test_all() { 10 } else { 1 } {
        followed_under_a_write_load();
    }
}

fn followed_under_a_write_load() {
    let pair = pair();
    Traffic::prepare(&pair.source, "postgres");
    pair.source
        .psql(
            "postgres",
            "CREATE UNLOGGED TABLE scratch (a int); INSERT INTO scratch VALUES (1), (2);
             CREATE MATERIALIZED VIEW seen AS SELECT count(*) AS n FROM scratch;
             SELECT lo_from_bytea(4711, 'large');",
        )
        .unwrap();
    let before = identities(&pair.source, "postgres");
    let traffic = Traffic::start(&pair.source, "postgres");
    traffic.until(|report| report.committed > 20);
    let ran = replicate(&pair, &[]);
    assert_eq!(ran.code, 0, "{}\n{}", ran.stderr, ran.stdout);
    assert_eq!(
        (ran.status("postgres"), &ran.json["pg_databases"]["postgres"]["method"]),
        ("running", &"replication".into())
    );
    traffic.until(|report| report.kinds.len() == 18);
    let status = later(&pair, "status", &[]);
    assert_eq!(status.json["migration"]["status"], "syncing", "{}", status.stdout);
    assert!(status.json["migration_detail"][0]["lag_bytes"].is_u64(), "{}", status.stdout);
    let report = traffic.stop();
    assert!(report.of_kind("bulk") == 1 && report.deleted > 0 && report.truncated > 0, "{report:?}");
    pair.source
        .psql("postgres", "INSERT INTO scratch VALUES (3); SELECT lo_put(4711, 0, 'LARGE'); SELECT lo_from_bytea(4712, 'new')")
        .unwrap();
    // As fresh as it is on the target after the end.
    pair.source.psql("postgres", "REFRESH MATERIALIZED VIEW seen").unwrap();
    let done = later(&pair, "finish", &["--verify", "checksums"]);
    done.assert_done();
    assert_eq!(done.status("postgres"), "done");
    let differences = differences(&pair);
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    assert_eq!(leftovers(&pair.source), Vec::<String>::new());
    assert_eq!(leftovers(&pair.target), Vec::<String>::new());
    assert_eq!(identities(&pair.source, "postgres"), before);
    let again = later(&pair, "status", &[]);
    assert_eq!(again.json["migration"]["status"], "done", "{}", again.stdout);
}

/// Whoever writes on after the end would write for nothing: the connection is not closed over his head.
#[test]
fn finish_refuses_while_somebody_writes() {
    let pair = pair();
    let load = Load::default().bulk(0, 0);
    load.prepare(&pair.source, "postgres");
    assert_eq!(replicate(&pair, &[]).code, 0);
    let traffic = load.start(&pair.source, "postgres");
    traffic.until(|report| report.committed > 20);
    let refused = later(&pair, "finish", &[]);
    assert_eq!(refused.code, 4, "{}", refused.stdout);
    let said = refused.findings("warning").join("\n");
    assert!(said.contains("the source is still written to: pid "), "{said}");
    assert_eq!(refused.status("postgres"), "running");
    traffic.stop();
    later(&pair, "finish", &[]).assert_done();
    assert_eq!(differences(&pair), Vec::<String>::new());
}

#[test]
fn stop_leaves_the_copy_and_nothing_else() {
    let pair = pair();
    pair.source
        .psql("postgres", "CREATE TABLE keyless (a int NOT NULL, b text); CREATE UNIQUE INDEX ON keyless (a); INSERT INTO keyless VALUES (1, 'x')")
        .unwrap();
    let before = identities(&pair.source, "postgres");
    let refused = replicate(&pair, &[]);
    assert_eq!(refused.code, 1, "{}", refused.stdout);
    assert!(
        refused.error().contains("nothing tells the rows of 1 table apart (public.keyless)"),
        "{}",
        refused.error()
    );
    assert_eq!(leftovers(&pair.source), Vec::<String>::new());
    let ran = pair.migrate(&[
        "--force-method",
        "replication",
        "--database",
        "postgres",
        "--migration-id",
        "second",
        "--replica-identity",
        "index",
    ]);
    assert_eq!(ran.code, 0, "{}\n{}", ran.stderr, ran.stdout);
    pair.source.psql("postgres", "UPDATE keyless SET b = 'y'").unwrap();
    crate::common::eventually(&pair.target, "postgres", "SELECT b FROM keyless", "y");
    assert_ne!(identities(&pair.source, "postgres"), before);
    assert!(!leftovers(&pair.source).is_empty() && !leftovers(&pair.target).is_empty());
    // The addresses are known.
    let status = pair.program(&["status", "second", "--json"]);
    assert_eq!(status.json["migration"]["status"], "syncing", "{}", status.stdout);
    assert_eq!(pair.program(&["list", "--json"]).json[0]["status"], "syncing");
    let stopped = pair.program(&["stop", "second", "--json"]);
    assert_eq!(stopped.code, 0, "{}\n{}", stopped.stderr, stopped.stdout);
    // It was told to: nothing has failed.
    assert_eq!(pair.program(&["list", "--json"]).json[0]["status"], "stopped");
    assert_eq!(leftovers(&pair.source), Vec::<String>::new());
    assert_eq!(leftovers(&pair.target), Vec::<String>::new());
    assert_eq!(identities(&pair.source, "postgres"), before);
    assert_eq!(pair.target.psql("postgres", "SELECT b FROM keyless").unwrap(), "y");
}

/// A table whose rows take their time on the target.
pub(crate) fn make_slow(pair: &Pair) {
    let sql = "CREATE FUNCTION wait(i int) RETURNS bool LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN \
               IF (pg_catalog.pg_stat_file('slow', true)).size IS NOT NULL THEN PERFORM pg_catalog.pg_sleep(0.05); END IF; \
               RETURN true; END $$; \
               CREATE TABLE slow (i int PRIMARY KEY CHECK (public.wait(i))); INSERT INTO slow SELECT generate_series(1, 200);";
    pair.source.psql("postgres", sql).unwrap();
    std::fs::write(pair.target.data_dir().join("slow"), "").unwrap();
}

/// Tables without a key: by an index, or copied again at the end, whatever refers to them or fires on them.
#[test]
fn tables_without_a_key_are_the_same_at_the_end() {
    let pair = pair();
    let schema = "CREATE TABLE parent (a int, b text); ALTER TABLE parent ADD UNIQUE (a); \
                  CREATE TABLE child (id int PRIMARY KEY, a int REFERENCES parent (a) ON DELETE CASCADE); \
                  CREATE TABLE audit (id serial PRIMARY KEY, what text); \
                  CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO public.audit (what) VALUES (TG_OP); RETURN NULL; END $$; \
                  CREATE TRIGGER noted AFTER DELETE ON parent FOR EACH ROW EXECUTE FUNCTION note(); \
                  CREATE TABLE big (a int, b text); \
                  INSERT INTO parent SELECT i, i FROM generate_series(1, 50) i; INSERT INTO child SELECT i, i FROM generate_series(1, 50) i; \
                  INSERT INTO big SELECT i, repeat('x', 500) FROM generate_series(1, 5000) i; \
                  CREATE TABLE indexed (a int NOT NULL UNIQUE, b text); INSERT INTO indexed VALUES (1, 'x');";
    pair.source.psql("postgres", schema).unwrap();
    let before = identities(&pair.source, "postgres");
    let ran = replicate(&pair, &["--replica-identity", "skip"]);
    assert_eq!(ran.code, 0, "{}\n{}", ran.stderr, ran.stdout);
    let change = "UPDATE parent SET b = 'changed' WHERE a > 10; DELETE FROM parent WHERE a < 5; DELETE FROM big WHERE a > 100; \
                  UPDATE indexed SET b = 'y'; INSERT INTO child VALUES (100, 20);";
    pair.source.psql("postgres", change).unwrap();
    later(&pair, "finish", &["--verify", "checksums"]).assert_done();
    assert_eq!(differences(&pair), Vec::<String>::new());
    assert_eq!(identities(&pair.source, "postgres"), before);
}

#[test]
fn identities_are_restored_by_finish() {
    let pair = pair();
    let schema = "CREATE TABLE indexed (a int NOT NULL UNIQUE, b text); INSERT INTO indexed VALUES (1, 'x'); \
                  CREATE TABLE whole (a int, b text); INSERT INTO whole VALUES (1, 'x'), (1, 'x')";
    pair.source.psql("postgres", schema).unwrap();
    let before = identities(&pair.source, "postgres");
    assert_eq!(replicate(&pair, &["--replica-identity", "full"]).code, 0);
    assert_ne!(identities(&pair.source, "postgres"), before);
    pair.source.psql("postgres", "UPDATE indexed SET b = 'y'; UPDATE whole SET b = 'z'").unwrap();
    later(&pair, "finish", &["--verify", "checksums"]).assert_done();
    assert_eq!(identities(&pair.source, "postgres"), before);
    assert_eq!((leftovers(&pair.source), leftovers(&pair.target)), (Vec::new(), Vec::new()));
}

/// A column that was added on the source is missing on the target, and no count says so.
#[test]
fn changed_definitions_are_noticed() {
    let pair = pair();
    pair.source.psql("postgres", "CREATE TABLE t (a int PRIMARY KEY); INSERT INTO t VALUES (1)").unwrap();
    assert_eq!(replicate(&pair, &[]).code, 0);
    pair.source.psql("postgres", "ALTER TABLE t ADD b int DEFAULT 7").unwrap();
    let refused = later(&pair, "finish", &[]);
    assert_eq!(refused.code, 4, "{}", refused.stdout);
    assert!(
        refused.findings("warning").join("\n").contains("definitions on the source are not what they were")
    );
    pair.target.psql("postgres", "ALTER TABLE t ADD b int DEFAULT 7").unwrap();
    let done = later(&pair, "finish", &["--accept-schema-changes", "--verify", "checksums"]);
    done.assert_done();
    assert_eq!(differences(&pair), Vec::<String>::new());
}

/// A function's body changes and a trigger comes: rows still arrive, and what the application does with them does not.
#[test]
fn changed_programs_are_noticed() {
    let pair = pair();
    let function = |body: u32| {
        format!(
            "CREATE OR REPLACE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS \
             'BEGIN PERFORM {body}; RETURN NEW; END'"
        )
    };
    pair.source.psql("postgres", &format!("CREATE TABLE t (a int PRIMARY KEY); {}", function(1))).unwrap();
    assert_eq!(replicate(&pair, &[]).code, 0);
    let trigger = "CREATE TRIGGER w BEFORE INSERT ON t FOR EACH ROW EXECUTE PROCEDURE f()";
    for (change, undo) in [(function(2), function(1)), (trigger.to_owned(), "DROP TRIGGER w ON t".to_owned())]
    {
        pair.source.psql("postgres", &change).unwrap();
        let refused = later(&pair, "finish", &[]);
        assert_eq!(refused.code, 4, "{change}: {}", refused.stdout);
        let said = refused.findings("warning").join("\n");
        assert!(said.contains("definitions on the source are not what they were"), "{change}: {said}");
        pair.source.psql("postgres", &undo).unwrap();
    }
    later(&pair, "finish", &["--verify", "checksums"]).assert_done();
}

/// A target that is gone does not keep the slot on the source, which would fill its disk.
#[test]
fn stop_cleans_the_source_when_the_target_is_gone() {
    let pair = pair();
    pair.source.psql("postgres", "CREATE TABLE t (a int PRIMARY KEY)").unwrap();
    assert_eq!(replicate(&pair, &[]).code, 0);
    pair.target.stop().unwrap();
    let stopped = later(&pair, "stop", &[]);
    assert_eq!(stopped.code, 3, "{}\n{}", stopped.stderr, stopped.stdout);
    assert!(
        stopped.stdout.contains("subscription pgpassage_follow_postgres_sub on the target"),
        "{}",
        stopped.stdout
    );
    assert_eq!(leftovers(&pair.source), Vec::<String>::new());
    let status = later(&pair, "status", &[]);
    assert_eq!(status.json["migration"]["status"], "failed", "{}", status.stdout);
}

/// Killed in the middle of the copy, a slot stays behind; `clean` finds it by the journal.
#[test]
fn clean_removes_what_a_killed_run_left() {
    let pair = pair();
    make_slow(&pair);
    let (source, target) = (pair.source.uri("postgres"), pair.target.uri("postgres"));
    let arguments = [
        "migrate",
        "-s",
        &source,
        "-t",
        &target,
        "--force-method",
        "replication",
        "--migration-id",
        "follow",
        "--json",
        "--foreground",
    ];
    let mut child = pair.start(&arguments, &[]);
    let copying =
        "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%COPY%slow%' AND wait_event = 'PgSleep'";
    crate::common::eventually(&pair.target, "postgres", copying, "1");
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(
        leftovers(&pair.source).iter().any(|left| left.starts_with("slot ")),
        "{:?}",
        leftovers(&pair.source)
    );
    let cleaned = later(&pair, "clean", &[]);
    assert_eq!(cleaned.code, 0, "{}\n{}", cleaned.stderr, cleaned.stdout);
    assert_eq!(leftovers(&pair.source), Vec::<String>::new());
}

/// An interrupted run cleans up by itself.
#[test]
fn ctrl_c_before_it_follows_leaves_nothing() {
    let pair = pair();
    make_slow(&pair);
    let (source, target) = (pair.source.uri("postgres"), pair.target.uri("postgres"));
    let arguments = [
        "migrate",
        "-s",
        &source,
        "-t",
        &target,
        "--force-method",
        "replication",
        "--migration-id",
        "follow",
        "--json",
    ];
    let child = pair.start(&arguments, &[]);
    let copying =
        "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%COPY%slow%' AND wait_event = 'PgSleep'";
    crate::common::eventually(&pair.target, "postgres", copying, "1");
    std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    let ran = Ran::from(crate::common::wait(child));
    assert_eq!(ran.code, 130, "{}", ran.stdout);
    assert_eq!(leftovers(&pair.source), Vec::<String>::new());
    assert_eq!(leftovers(&pair.target), Vec::<String>::new());
}

/// The reference tool's flags, with which it reports `done` of empty tables when the copy takes long.
#[test]
fn in_sync_and_closed_by_one_command() {
    let pair = pair();
    Traffic::prepare(&pair.source, "postgres");
    let load = Load::default().bulk(5_000_000, 10).at_most(300);
    load.start(&pair.source, "postgres").wait();
    make_slow(&pair);
    let ran = replicate(&pair, &["--max-replication-lag", "0", "--stop-replication"]);
    ran.assert_done();
    assert_eq!(ran.status("postgres"), "done");
    let differences = differences(&pair);
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    assert_eq!((leftovers(&pair.source), leftovers(&pair.target)), (Vec::new(), Vec::new()));
}

/// From and to every version that a source may have. Checksums of every table are compared on both sides by `finish`.
fn follows_from_to(from: u32, to: u32) {
    let find = |major| crate::versions(10).into_iter().find(|(m, _)| *m == major).map(|(_, options)| options);
    let (Some(source), Some(target)) = (find(from), find(to)) else { return };
    let start = |options: ClusterOptions| Cluster::start(options.setting("wal_level", "logical")).unwrap();
    let pair = Pair::of(start(source), start(target));
    let folder = std::env::var("PGPASSAGE_PG_VERSIONS").unwrap();
    let load = Load::default().bulk(1_000_000, 10);
    load.prepare(&pair.source, "postgres");
    let traffic = load.start(&pair.source, "postgres");
    traffic.until(|report| report.committed > 20);
    let ran = replicate(&pair, &["--pgbin", &folder]);
    assert_eq!(ran.code, 0, "{}\n{}", ran.stderr, ran.stdout);
    traffic.until(|report| report.of_kind("bulk") == 1 && report.committed > 200);
    traffic.stop();
    let done = later(&pair, "finish", &["--verify", "checksums"]);
    done.assert_done();
    assert_eq!((leftovers(&pair.source), leftovers(&pair.target)), (Vec::new(), Vec::new()));
}

#[test]
fn follows_from_10_to_15() {
    follows_from_to(10, 15);
}

#[test]
fn follows_from_12_to_16() {
    follows_from_to(12, 16);
}

#[test]
fn follows_from_15_to_18() {
    follows_from_to(15, 18);
}

#[test]
fn follows_from_10_to_19() {
    follows_from_to(10, 19);
}

#[test]
fn follows_from_18_to_19() {
    follows_from_to(18, 19);
}

#[test]
fn follows_from_19_to_19() {
    follows_from_to(19, 19);
}

/// Nobody is a superuser: REPLICATION and ownership on the source, pg_create_subscription on the target.
#[test]
fn plain_roles_with_the_named_rights_will_do() {
    let find = |major| crate::versions(16).into_iter().find(|(m, _)| *m == major).map(|(_, options)| options);
    let (Some(source), Some(target)) = (find(16), find(17)) else { return };
    let start = |options: ClusterOptions| {
        Cluster::start(options.password("secret").setting("wal_level", "logical")).unwrap()
    };
    let pair = Pair::of(start(source), start(target));
    let folder = std::env::var("PGPASSAGE_PG_VERSIONS").unwrap();
    pair.source
        .psql(
            "postgres",
            "CREATE ROLE mover LOGIN REPLICATION PASSWORD 'moving'; CREATE DATABASE shop OWNER mover",
        )
        .unwrap();
    pair.source
        .psql("shop", "SET ROLE mover; CREATE TABLE t (a serial PRIMARY KEY, b text); INSERT INTO t (b) VALUES ('x'), ('y')")
        .unwrap();
    pair.target
        .psql(
            "postgres",
            "CREATE ROLE mover LOGIN CREATEDB PASSWORD 'moving'; GRANT pg_create_subscription TO mover",
        )
        .unwrap();
    let (source, target) = (
        pair.source.uri_for("mover", Some("moving"), "shop"),
        pair.target.uri_for("mover", Some("moving"), "postgres"),
    );
    let arguments = [
        "migrate",
        "-s",
        &source,
        "-t",
        &target,
        "--json",
        "--pgbin",
        &folder,
        "--database",
        "shop",
        "--migration-id",
        "follow",
    ];
    let ran = pair.program(
        &[arguments.as_slice(), &["--force-method", "replication", "--excluded-roles", "postgres"]].concat(),
    );
    assert_eq!(ran.status("shop"), "running", "{}\n{}", ran.stderr, ran.stdout);
    pair.source
        .psql("shop", "INSERT INTO t (b) VALUES ('z'); UPDATE t SET b = 'changed' WHERE a = 1")
        .unwrap();
    crate::common::eventually(
        &pair.target,
        "shop",
        "SELECT string_agg(b, ' ' ORDER BY a) FROM t",
        "changed y z",
    );
    let done =
        pair.program(&["finish", "follow", "-s", &source, "-t", &target, "--json", "--verify", "checksums"]);
    assert_eq!(done.status("shop"), "done", "{}\n{}", done.stderr, done.stdout);
    assert_eq!((leftovers(&pair.source), leftovers(&pair.target)), (Vec::new(), Vec::new()));
    for text in [pair.state_text(), pair.target.log_text(), pair.source.log_text()] {
        assert!(
            !text.contains("moving'") && !text.contains("password=moving"),
            "a password was written down"
        );
    }
}

/// A table that is made while the target follows is on neither list, and the lag says nothing about it.
#[test]
fn a_table_made_meanwhile_is_not_forgotten() {
    let pair = pair();
    pair.source.psql("postgres", "CREATE TABLE t (a int PRIMARY KEY); INSERT INTO t VALUES (1)").unwrap();
    assert_eq!(replicate(&pair, &[]).code, 0);
    pair.source
        .psql("postgres", "CREATE TABLE late (a int PRIMARY KEY); INSERT INTO late VALUES (1)")
        .unwrap();
    let refused = later(&pair, "finish", &[]);
    assert_eq!(refused.code, 4, "{}", refused.stdout);
    assert!(refused.findings("warning").join("\n").contains("public.late among them"), "{}", refused.stdout);
    pair.source.psql("postgres", "DROP TABLE late").unwrap();
    later(&pair, "finish", &[]).assert_done();
}

#[test]
fn without_wal_level_logical_it_is_refused_in_words() {
    let options = ClusterOptions::new(server_binaries()).setting("wal_level", "replica");
    let pair = Pair::of(Cluster::start(options).unwrap(), cluster());
    pair.source.psql("postgres", "CREATE TABLE t (a int PRIMARY KEY)").unwrap();
    let refused = replicate(&pair, &[]);
    assert_eq!(refused.code, 1, "{}", refused.stdout);
    assert_eq!(
        refused.error(),
        "continuous migration is not possible: wal_level is replica on the source, not logical"
    );
    assert_eq!(leftovers(&pair.source), Vec::<String>::new());
}
