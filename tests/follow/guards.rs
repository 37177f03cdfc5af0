//! What is chosen by itself, what is guarded, and what is found by the names of objects alone.

use crate::catalog::leftovers;
use crate::common::{Pair, Ran, cluster, eventually, server_binaries, wait};
use crate::engine::{later, make_slow, replicate};
use crate::pair;
use crate::traffic::Load;
use pgpassage::demo::cluster::{Cluster, ClusterOptions};
use std::io::{BufRead, BufReader};
use std::process::Child;
use std::time::{Duration, Instant};

const KEYLESS: &str = "CREATE TABLE keyless (a int); INSERT INTO keyless VALUES (1)";
const KEYED: &str = "CREATE TABLE keyed (a int PRIMARY KEY); INSERT INTO keyed VALUES (1)";

fn two_databases(pair: &Pair) {
    pair.source.psql("postgres", "CREATE DATABASE plain").unwrap();
    pair.source.psql("plain", KEYLESS).unwrap();
    pair.source.psql("postgres", KEYED).unwrap();
}

fn signal(child: &Child, signal: &str) {
    let sent = std::process::Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
}

#[test]
fn each_database_goes_the_way_that_it_can() {
    let pair = pair();
    two_databases(&pair);
    let ran = pair.migrate(&["--fallback", "dump", "--migration-id", "follow"]);
    assert_eq!(ran.code, 0, "{}\n{}", ran.stderr, ran.stdout);
    assert_eq!((ran.status("postgres"), ran.status("plain")), ("running", "done"));
    let method = |database: &str| ran.json["pg_databases"][database]["method"].clone();
    assert_eq!((method("postgres"), method("plain")), ("replication".into(), "dump".into()));
    let said = ran.findings("warning").join("\n");
    assert!(said.contains("moved by a one-time snapshot") && said.contains("public.keyless"), "{said}");
    assert_eq!(leftovers(&pair.source).len(), 2, "{:?}", leftovers(&pair.source));
    let status = later(&pair, "status", &[]);
    assert_eq!(
        (&status.json["migration"]["status"], &status.json["migration"]["method"]),
        (&"syncing".into(), &"".into()),
        "{}",
        status.stdout
    );
    pair.source.psql("postgres", "INSERT INTO keyed VALUES (2)").unwrap();
    later(&pair, "finish", &["--verify", "checksums"]).assert_done();
    assert_eq!(pair.compare(), Vec::new());
}

#[test]
fn what_cannot_follow_is_left_out_or_nothing_is_begun() {
    let pair = pair();
    two_databases(&pair);
    let refused = pair.migrate(&["--fallback", "fail"]);
    assert_eq!(refused.code, 1, "{}", refused.stdout);
    assert!(
        refused.error().contains("database plain: continuous migration is not possible"),
        "{}",
        refused.error()
    );
    assert_eq!((leftovers(&pair.source), leftovers(&pair.target)), (Vec::new(), Vec::new()));
    assert_eq!(pair.target.psql("postgres", "SELECT to_regclass('keyed') IS NULL").unwrap(), "t");
    let ran = pair.migrate(&["--fallback", "skip", "--migration-id", "follow"]);
    assert_eq!(ran.code, 3, "{}\n{}", ran.stderr, ran.stdout);
    assert_eq!((ran.status("postgres"), ran.status("plain")), ("running", "failed"));
    assert_eq!(
        pair.target.psql("postgres", "SELECT count(*) FROM pg_database WHERE datname = 'plain'").unwrap(),
        "0"
    );
}

/// What the whole server cannot, no database can; the snapshot needs none of it.
#[test]
fn without_wal_level_logical_the_snapshot_is_taken_and_said() {
    let options = ClusterOptions::new(server_binaries()).setting("wal_level", "replica");
    let pair = Pair::of(Cluster::start(options).unwrap(), cluster());
    pair.source.psql("postgres", KEYED).unwrap();
    let ran = pair.migrate(&["--fallback", "dump"]);
    ran.assert_done();
    let said = ran.findings("warning").join("\n");
    assert!(said.contains("wal_level is replica on the source"), "{said}");
}

/// The way from the target to the source is only found to be closed when everything is copied: what is copied is good.
#[test]
fn a_copy_that_cannot_follow_after_all_is_a_snapshot() {
    let pair = pair();
    pair.source.psql("postgres", KEYED).unwrap();
    // A name that the migration's subscription would have, made while it copies.
    make_slow(&pair);
    let (source, target) = (pair.source.uri("postgres"), pair.target.uri("postgres"));
    let child = pair.start(
        &[
            "migrate",
            "-s",
            &source,
            "-t",
            &target,
            "--json",
            "--fallback",
            "dump",
            "--migration-id",
            "follow",
        ],
        &[],
    );
    copies(&pair);
    let theirs = "CREATE SUBSCRIPTION pgpassage_follow_postgres_sub CONNECTION 'host=/nowhere' PUBLICATION p \
                  WITH (connect = false)";
    pair.target.psql("postgres", theirs).unwrap();
    let ran = Ran::from(wait(child));
    ran.assert_done();
    assert_eq!(ran.json["pg_databases"]["postgres"]["method"], "dump");
    let said = ran.findings("warning").join("\n");
    assert!(said.contains("has a subscription pgpassage_follow_postgres_sub already"), "{said}");
    assert_eq!(leftovers(&pair.source), Vec::<String>::new());
    // It is not ours, and so stays, with its origin.
    assert_eq!(leftovers(&pair.target).len(), 2, "{:?}", leftovers(&pair.target));
    assert_eq!(pair.target.psql("postgres", "SELECT count(*) FROM slow").unwrap(), "200");
}

/// From here on this is a machine that has never heard of any migration.
fn forget(pair: &Pair) {
    pair.kill_engines();
    std::fs::remove_dir_all(pair.state.path().join("pgpassage")).unwrap();
}

fn copies(pair: &Pair) {
    let copying =
        "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%COPY%slow%' AND wait_event = 'PgSleep'";
    eventually(&pair.target, "postgres", copying, "1");
}

/// Rather no migration than a full disk.
#[test]
fn a_source_that_keeps_too_much_log_is_let_go() {
    let pair = pair();
    make_slow(&pair);
    let (source, target) = (pair.source.uri("postgres"), pair.target.uri("postgres"));
    let limit = ["--max-wal-kept", "3000000", "--force-method", "replication", "--migration-id", "follow"];
    let child =
        pair.start(&[&["migrate", "-s", &source, "-t", &target, "--json"], limit.as_slice()].concat(), &[]);
    copies(&pair);
    let write = "CREATE TABLE IF NOT EXISTS much (t text); INSERT INTO much SELECT md5(i::text) FROM generate_series(1, 200000) i";
    pair.source.psql("postgres", write).unwrap();
    let ran = Ran::from(wait(child));
    assert_eq!(ran.code, 4, "{}\n{}", ran.stderr, ran.stdout);
    assert!(ran.message("postgres").contains("--max-wal-kept allows 3000000"), "{}", ran.stdout);
    assert_eq!((leftovers(&pair.source), leftovers(&pair.target)), (Vec::new(), Vec::new()));
}

/// Reads lines until one satisfies, and gives up after a while.
fn line_with(
    lines: &mut impl Iterator<Item = String>,
    within_s: u64,
    wanted: impl Fn(&str) -> bool,
) -> String {
    let began = Instant::now();
    let mut seen = Vec::new();
    for line in lines {
        if wanted(&line) {
            return line;
        }
        seen.push(line);
        assert!(began.elapsed() < Duration::from_secs(within_s), "not seen: {seen:#?}");
    }
    panic!("ended before: {seen:#?}");
}

/// `status --watch` guards where nobody does, notices a new table within half a minute with the statements for it, and
/// following them works; `finish` goes to who guards; Ctrl-C ends the watch, and leaves everything following.
#[test]
fn a_new_table_is_noticed_and_taken_along() {
    let pair = pair();
    pair.source.psql("postgres", KEYED).unwrap();
    assert_eq!(replicate(&pair, &["--foreground"]).code, 0);
    let mut watch = pair.start(&["status", "follow", "--watch", "--json"], &[]);
    let mut told = BufReader::new(watch.stdout.take().unwrap()).lines().map(Result::unwrap);
    let mut news = BufReader::new(watch.stderr.take().unwrap()).lines().map(Result::unwrap);
    line_with(&mut told, 30, |line| line.contains("\"status\":\"syncing\"") && line.contains("\"lag_ms\":0"));
    assert_eq!(pair.program(&["list", "--json"]).json[0]["engine_pid"], watch.id());
    let table = "CREATE TABLE late (a int PRIMARY KEY); INSERT INTO late VALUES (1); \
                 CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'; \
                 CREATE TRIGGER w BEFORE INSERT ON keyed FOR EACH ROW EXECUTE PROCEDURE f()";
    pair.source.psql("postgres", table).unwrap();
    let changed = Instant::now();
    line_with(&mut news, 60, |line| line.contains("definitions on the source have changed"));
    assert!(changed.elapsed() < Duration::from_secs(30), "{:?}", changed.elapsed());
    let journal = pair.state_text();
    for new in ["table public.late is new", "function public.f() is new", "trigger public.w on keyed is new"]
    {
        assert!(journal.contains(new), "{new}: {journal}");
    }
    // By way of the engine that guards, which goes on.
    let refused = later(&pair, "finish", &[]);
    assert_eq!(refused.code, 4, "{}", refused.stdout);
    let without_rows = table.replace("INSERT INTO late VALUES (1);", "");
    pair.target.psql("postgres", &without_rows).unwrap();
    pair.source
        .psql("postgres", "ALTER PUBLICATION pgpassage_follow_postgres_pub ADD TABLE ONLY public.late")
        .unwrap();
    pair.target
        .psql("postgres", "ALTER SUBSCRIPTION pgpassage_follow_postgres_sub REFRESH PUBLICATION")
        .unwrap();
    eventually(&pair.target, "postgres", "SELECT count(*) FROM late", "1");
    let unready = "SELECT count(*) FROM pg_subscription_rel WHERE srsubstate <> 'r'";
    eventually(&pair.target, "postgres", unready, "0");
    signal(&watch, "-INT");
    assert_eq!(watch.wait().unwrap().code(), Some(0));
    assert_eq!(later(&pair, "status", &[]).json["migration"]["status"], "syncing");
    later(&pair, "finish", &["--accept-schema-changes", "--verify", "checksums"]).assert_done();
    assert_eq!(pair.compare_database("postgres"), Vec::new());
    assert_eq!((leftovers(&pair.source), leftovers(&pair.target)), (Vec::new(), Vec::new()));
}

/// A change that the target cannot apply keeps it from following: said, with the lag in bytes and in time.
#[test]
fn a_target_that_cannot_apply_is_told_of() {
    let pair = pair();
    pair.source.psql("postgres", KEYED).unwrap();
    assert_eq!(replicate(&pair, &[]).code, 0);
    pair.target.psql("postgres", "INSERT INTO keyed VALUES (2)").unwrap();
    let mut watch = pair.start(&["status", "follow", "--watch", "--json"], &[]);
    let mut told = BufReader::new(watch.stdout.take().unwrap()).lines().map(Result::unwrap);
    line_with(&mut told, 30, |line| line.contains("\"status\":\"syncing\""));
    pair.source.psql("postgres", "INSERT INTO keyed VALUES (2)").unwrap();
    let written = Instant::now();
    let line = line_with(&mut told, 60, |line| line.contains("fails to apply a change"));
    let now: serde_json::Value = serde_json::from_str(&line).unwrap();
    let lag_ms = now["migration_detail"][0]["lag_ms"].as_u64().unwrap();
    let truth_ms = u64::try_from(written.elapsed().as_millis()).unwrap();
    assert!(lag_ms.abs_diff(truth_ms) < 6_000 && lag_ms > 1_000, "{lag_ms} of {truth_ms}");
    pair.target.psql("postgres", "DELETE FROM keyed WHERE a = 2").unwrap();
    line_with(&mut told, 60, |line| line.contains("\"status\":\"syncing\"") && line.contains("\"lag_ms\":0"));
    // What is over is not said to be so for ever.
    let passed = r#"{"kind":"passed","finding":"apply","database":"postgres"}"#;
    line_with(&mut told, 60, |_| pair.state_text().contains(passed));
    signal(&watch, "-INT");
    assert_eq!(watch.wait().unwrap().code(), Some(0));
}

/// Who still works on the source, and who already does on the target: what serves replication is none of them.
#[test]
fn sessions_of_others_are_counted() {
    let pair = pair();
    pair.source.psql("postgres", KEYED).unwrap();
    assert_eq!(replicate(&pair, &[]).code, 0);
    let sleeps = |cluster: &Cluster| {
        let sleeper = std::process::Command::new(server_binaries().join("psql"))
            .args(["-q", "-d", &cluster.uri("postgres"), "-c", "SELECT pg_sleep(60)"])
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        let there = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'";
        eventually(cluster, "postgres", there, "1");
        sleeper
    };
    let seen = || {
        let status = later(&pair, "status", &[]);
        let detail = &status.json["migration_detail"][0];
        (detail["source_sessions"].as_u64(), detail["target_sessions"].as_u64())
    };
    assert_eq!(seen(), (Some(0), Some(0)));
    let mut on_source = sleeps(&pair.source);
    assert_eq!(seen(), (Some(1), Some(0)));
    let mut on_target = sleeps(&pair.target);
    assert_eq!(seen(), (Some(1), Some(1)));
    for (cluster, psql) in [(&pair.source, &mut on_source), (&pair.target, &mut on_target)] {
        let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'";
        cluster.psql("postgres", end).unwrap();
        psql.wait().unwrap();
    }
    later(&pair, "finish", &[]).assert_done();
}

/// Somebody has one table locked: its replica identity cannot be set back, and that of the next one is all the same.
#[test]
fn one_identity_that_cannot_be_set_back_keeps_no_other() {
    let pair = pair();
    pair.source.psql("postgres", "CREATE TABLE a (n int); CREATE TABLE b (n int)").unwrap();
    let ran = replicate(&pair, &["--replica-identity", "full"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let identities = "SELECT string_agg(relreplident::text, '' ORDER BY relname) FROM pg_class WHERE relname IN ('a', 'b')";
    assert_eq!(pair.source.psql("postgres", identities).unwrap().trim(), "ff");
    let mut holder = std::process::Command::new(server_binaries().join("psql"))
        .args([
            "-q",
            "-d",
            &pair.source.uri("postgres"),
            "-c",
            "BEGIN; LOCK a IN SHARE MODE; SELECT pg_sleep(120)",
        ])
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let sleeps = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'";
    eventually(&pair.source, "postgres", sleeps, "1");
    later(&pair, "stop", &[]);
    assert_eq!(pair.source.psql("postgres", identities).unwrap().trim(), "fd");
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'";
    pair.source.psql("postgres", end).unwrap();
    holder.wait().unwrap();
    later(&pair, "clean", &[]);
    assert_eq!(pair.source.psql("postgres", identities).unwrap().trim(), "dd");
}

/// Who is in the databases is beside the point: a server that does not tell is asked for the rest all the same.
#[test]
fn sessions_that_are_not_told_of_blind_nobody() {
    let pair = pair();
    pair.source.psql("postgres", KEYED).unwrap();
    assert_eq!(replicate(&pair, &[]).code, 0);
    let hide =
        "SET allow_system_table_mods = on; ALTER VIEW pg_catalog.pg_stat_subscription RENAME TO hidden";
    pair.source.psql("postgres", hide).unwrap();
    pair.source.psql("postgres", "INSERT INTO keyed VALUES (2)").unwrap();
    eventually(&pair.target, "postgres", "SELECT count(*) FROM keyed", "2");
    let status = later(&pair, "status", &[]);
    let detail = &status.json["migration_detail"][0];
    let sessions = (&detail["source_sessions"], &detail["target_sessions"]);
    assert_eq!(sessions, (&serde_json::Value::Null, &0.into()), "{detail}");
    assert!(detail["lag_bytes"].is_u64() && detail["asking_failed"] == false, "{detail}");
}

/// Whoever checks another migration beside one that follows is not told to drop what that lives by.
#[test]
fn what_is_at_work_is_no_leftover() {
    let pair = pair();
    pair.source.psql("postgres", KEYED).unwrap();
    assert_eq!(replicate(&pair, &[]).code, 0);
    let (source, target) = (pair.source.uri("postgres"), pair.target.uri("postgres"));
    let ran = pair.program(&["check", "-s", &source, "-t", &target, "--only", "leftovers", "--json"]);
    let findings: Vec<_> = ran.json["findings"].as_array().unwrap().iter().collect();
    assert_eq!(findings.len(), 1, "{findings:?}");
    assert_eq!(
        (&findings[0]["severity"], &findings[0]["fix"]),
        (&"info".into(), &"pgpassage status follow".into())
    );
    later(&pair, "finish", &[]).assert_done();
}

/// Under a steady load the lag that is shown is the truth to a second, and it drains.
#[test]
fn the_lag_that_is_shown_is_true_and_drains() {
    let pair = pair();
    let load = Load::default().bulk(0, 0).per_second(50);
    load.prepare(&pair.source, "postgres");
    assert_eq!(replicate(&pair, &[]).code, 0);
    let traffic = load.start(&pair.source, "postgres");
    let mut watch = pair.start(&["status", "follow", "--watch", "--json"], &[]);
    let mut told = BufReader::new(watch.stdout.take().unwrap()).lines().map(Result::unwrap);
    let lag = |line: &str| {
        let now: serde_json::Value = serde_json::from_str(line).unwrap();
        let detail = &now["migration_detail"][0];
        (detail["asked_at_ms"].as_u64().unwrap(), detail["lag_ms"].as_u64())
    };
    line_with(&mut told, 30, |line| lag(line).1.is_some_and(|ms| ms <= 1_000));
    let subscription = |what: &str| {
        let sql = format!("ALTER SUBSCRIPTION pgpassage_follow_postgres_sub {what}");
        pair.target.psql("postgres", &sql).unwrap();
    };
    subscription("DISABLE");
    eventually(&pair.source, "postgres", "SELECT count(*) FROM pg_replication_slots WHERE active", "0");
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let since_ms = u64::try_from(since.as_millis()).unwrap();
    let line = line_with(&mut told, 60, |line| lag(line).0 > since_ms + 3_000);
    let (asked_at_ms, shown) = lag(&line);
    let truth = asked_at_ms - since_ms;
    assert!(shown.is_some_and(|ms| ms.abs_diff(truth) <= 1_500), "{shown:?} instead of {truth}: {line}");
    subscription("ENABLE");
    line_with(&mut told, 60, |line| lag(line).1.is_some_and(|ms| ms <= 1_000));
    traffic.stop();
    line_with(&mut told, 60, |line| lag(line).1 == Some(0));
    signal(&watch, "-INT");
    assert_eq!(watch.wait().unwrap().code(), Some(0));
}

/// The slot waits for a transaction that makes a table: the table is copied, and its changes must follow too.
#[test]
fn a_table_that_the_slot_waited_for_follows() {
    let pair = pair();
    pair.source.psql("postgres", KEYED).unwrap();
    let making = "BEGIN; CREATE TABLE late (a int PRIMARY KEY); INSERT INTO late VALUES (1); SELECT pg_sleep(4); COMMIT";
    let mut psql = std::process::Command::new(server_binaries().join("psql"))
        .args(["-q", "-d", &pair.source.uri("postgres"), "-c", making])
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let sleeps = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'";
    eventually(&pair.source, "postgres", sleeps, "1");
    let ran = replicate(&pair, &[]);
    assert!(psql.wait().unwrap().success());
    assert_eq!((ran.code, ran.status("postgres")), (0, "running"), "{}\n{}", ran.stderr, ran.stdout);
    pair.source.psql("postgres", "INSERT INTO late VALUES (2)").unwrap();
    eventually(&pair.target, "postgres", "SELECT count(*) FROM late", "2");
    later(&pair, "finish", &["--verify", "checksums"]).assert_done();
    assert_eq!(pair.compare_database("postgres"), Vec::new());
}

/// What another machine began is known by its names: looked at, and while it is alive never touched.
#[test]
fn another_machines_migration_is_found_by_its_names() {
    let pair = pair();
    pair.source.psql("postgres", KEYED).unwrap();
    assert_eq!(replicate(&pair, &["--mangle"]).code, 0);
    forget(&pair);
    let (source, target) = (pair.source.uri("postgres"), pair.target.uri("postgres"));
    let servers = ["-s", source.as_str(), "-t", target.as_str()];
    let status = pair.program(&[&["status", "--json"], servers.as_slice()].concat());
    assert_eq!((status.code, &status.json["id"]), (0, &"follow".into()), "{}", status.stdout);
    let detail = &status.json["migration_detail"][0];
    assert_eq!((&detail["dbname"], &detail["status"]), (&"postgres".into(), &"syncing".into()), "{detail}");
    assert!(detail["lag_bytes"].is_u64() && detail["tables_ready"] == 1, "{detail}");
    let alive = pair.program(&[&["clean", "follow"], servers.as_slice()].concat());
    assert_eq!(alive.code, 1, "{}\n{}", alive.stdout, alive.stderr);
    assert!(alive.stderr.contains("migration follow is alive"), "{}", alive.stderr);
    // The target is switched off, and somebody tidies up on the source.
    let disable = "DO $$ DECLARE s text; BEGIN FOR s IN SELECT subname FROM pg_subscription LOOP \
                   EXECUTE format('ALTER SUBSCRIPTION %I DISABLE', s); END LOOP; END $$";
    pair.target.psql("postgres", disable).unwrap();
    eventually(&pair.source, "postgres", "SELECT count(*) FROM pg_replication_slots WHERE active", "0");
    let shown = pair.program(&[&["clean"], servers.as_slice()].concat());
    assert_eq!(shown.code, 0, "{}\n{}", shown.stdout, shown.stderr);
    assert!(shown.stderr.contains("not begun on this machine: left alone"), "{}", shown.stderr);
    assert_eq!(leftovers(&pair.source).len(), 2);
    let cleaned = pair.program(&[&["clean", "follow"], servers.as_slice()].concat());
    assert_eq!(cleaned.code, 0, "{}\n{}", cleaned.stdout, cleaned.stderr);
    assert_eq!((leftovers(&pair.source), leftovers(&pair.target)), (Vec::new(), Vec::new()));
}

/// Two operators, the same servers: each has its own, and ending one leaves the other.
#[test]
fn two_migrations_of_the_same_servers_do_not_touch_each_other() {
    let pair = pair();
    pair.source.psql("postgres", KEYED).unwrap();
    pair.source.psql("postgres", "CREATE DATABASE other").unwrap();
    pair.source.psql("other", KEYED).unwrap();
    let begin = |id: &str, database: &str| {
        let ran =
            pair.migrate(&["--force-method", "replication", "--database", database, "--migration-id", id]);
        assert_eq!(ran.code, 0, "{}\n{}", ran.stderr, ran.stdout);
    };
    begin("one", "postgres");
    begin("two", "other");
    let before: Vec<_> = leftovers(&pair.source).into_iter().filter(|o| o.contains("_two_")).collect();
    assert_eq!(pair.program(&["stop", "one", "--json"]).code, 0);
    assert_eq!(leftovers(&pair.source), before);
    pair.source.psql("other", "INSERT INTO keyed VALUES (2)").unwrap();
    eventually(&pair.target, "other", "SELECT count(*) FROM keyed", "2");
    // The same name once more, from a machine that does not know of it: refused, and nothing of the first is touched.
    forget(&pair);
    pair.target.psql("postgres", "DROP TABLE keyed").unwrap();
    pair.source.psql("other", "CREATE TABLE more ()").unwrap();
    let again =
        pair.migrate(&["--force-method", "replication", "--database", "other", "--migration-id", "two"]);
    assert_eq!(again.code, 1, "{}", again.stdout);
    assert_eq!(leftovers(&pair.source), before);
}

/// The operator's word against the source's writers: closed, but not called done.
#[test]
fn an_accepted_loss_is_not_done() {
    let pair = pair();
    let load = Load::default().bulk(0, 0);
    load.prepare(&pair.source, "postgres");
    assert_eq!(replicate(&pair, &[]).code, 0);
    let traffic = load.start(&pair.source, "postgres");
    traffic.until(|report| report.committed > 20);
    let ran = later(&pair, "finish", &["--accept-loss", "--timeout", "5"]);
    traffic.stop();
    assert_eq!(ran.code, 3, "{}\n{}", ran.stderr, ran.stdout);
    assert_ne!(ran.status("postgres"), "done");
    assert!(ran.findings("lost").join("\n").contains("as the operator accepted"), "{}", ran.stdout);
    assert_eq!((leftovers(&pair.source), leftovers(&pair.target)), (Vec::new(), Vec::new()));
}
