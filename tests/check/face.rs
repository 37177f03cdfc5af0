//! The command itself: what it prints where, what it leaves behind, and how it explains.

use super::{check, pair, with};
use crate::common::Pair;
use pgpassage::demo::cluster::Cluster;

#[test]
fn only_what_was_chosen_is_judged() {
    let pair = pair();
    let ran = check(&pair, &["--only", "wal-rate,system-databases"]);
    assert_eq!(ran.json()["databases"], serde_json::json!({}));
    let ids: Vec<_> = ran.findings().iter().map(|f| f["id"].as_str().unwrap()).collect();
    assert!(ids.iter().all(|id| ["wal-rate", "system-databases"].contains(id)), "{ids:?}");
    let skipped = check(&pair, &["--only", "wal-level", "--skip-check", "wal-level"]);
    assert_eq!(skipped.json()["skipped"][0]["id"], "wal-level");
    let (source, target) = (pair.source.uri("postgres"), pair.target.uri("postgres"));
    let ran = pair.program(&["check", "-s", &source, "-t", &target, "--only", "wal-levle"]);
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("there is no such check"), "{}", ran.stderr);
    // What comes after relies on these.
    for id in ["target-empty", "same-server"] {
        let ran = pair.program(&["migrate", "-s", &source, "-t", &target, "--json", "--skip-check", id]);
        assert_eq!(ran.code, 2);
        assert!(
            ran.error().starts_with(&format!("--skip-check {id}: this check cannot be left out")),
            "{ran:?}"
        );
    }
}

#[test]
fn nothing_is_left_on_this_machine_and_no_secret_is_told() {
    let pair = pair();
    let source = pair.source.uri_for("postgres", Some("s3cret"), "postgres");
    let target = pair.target.uri("postgres");
    let ran = pair.program(&["check", "-s", &source, "-t", &target, "-d"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(!format!("{}{}", ran.stdout, ran.stderr).contains("s3cret"));
    assert_eq!(pair.state_text(), "");
    // A migration of that name is none of its business.
    pair.program(&["migrate", "-s", &source, "-t", &target, "--migration-id", "mine", "--validate"]);
    let before = pair.state_text();
    assert_ne!(before, "");
    pair.program(&["check", "-s", &source, "-t", &target, "--migration-id", "mine"]);
    assert_eq!(pair.state_text(), before);
}

#[test]
fn every_check_is_explained() {
    let pair = Pair::of(with(&[]), with(&[]));
    let list = pair.program(&["explain"]);
    let ids: Vec<_> = list.stdout.lines().map(|l| l.split_whitespace().next().unwrap().to_owned()).collect();
    assert!(ids.len() > 90, "{ids:?}");
    for id in &ids {
        let ran = pair.program(&["explain", id]);
        assert_eq!(ran.code, 0);
        let lines: Vec<_> = ran.stdout.lines().collect();
        assert!(lines[0].starts_with(&format!("{id}: ")), "{}", ran.stdout);
        for word in ["  what   ", "  when   ", "  fix    "] {
            assert!(lines.iter().any(|l| l.starts_with(word)), "{}", ran.stdout);
        }
    }
    let wal = pair.program(&["explain", "wal-level"]).stdout;
    for provider in ["Amazon RDS", "Cloud SQL", "AlloyDB", "Azure", "Aiven", "Supabase", "Neon", "Heroku"] {
        assert!(wal.contains(provider), "{wal}");
    }
    let unknown = pair.program(&["explain", "slot-nonsense"]);
    assert_eq!(unknown.code, 2);
    assert!(unknown.stderr.contains("there is slots, slot, idle-slots"), "{}", unknown.stderr);
}

/// Everything that a check could have changed, as text.
fn catalogs(pair: &Pair) -> String {
    catalogs_of(pair, "shop")
}

fn catalogs_of(pair: &Pair, database: &str) -> String {
    let sql = "SELECT 'database', datname::text, datacl::text FROM pg_database UNION ALL SELECT 'role', rolname::text, rolconfig::text FROM pg_roles
        UNION ALL SELECT 'class', oid::regclass::text, relacl::text FROM pg_class UNION ALL SELECT 'slot', slot_name::text, '' FROM pg_replication_slots
        UNION ALL SELECT 'publication', pubname::text, '' FROM pg_publication UNION ALL SELECT 'subscription', subname::text, '' FROM pg_subscription
        UNION ALL SELECT 'setting', setdatabase::text, setconfig::text FROM pg_db_role_setting ORDER BY 1, 2, 3";
    [&pair.source, &pair.target].map(|cluster| cluster.psql(database, sql).unwrap()).concat()
}

/// What the servers have logged, but for connections.
fn logs(pair: &Pair) -> Vec<String> {
    [&pair.source, &pair.target].map(log_of).concat()
}

fn log_of(cluster: &Cluster) -> Vec<String> {
    let text = cluster.log_text();
    let of_connections = [
        "connection received",
        "connection authorized",
        "connection authenticated",
        "disconnection",
        "checkpoint",
    ];
    text.lines().filter(|l| !of_connections.iter().any(|c| l.contains(c))).map(str::to_owned).collect()
}

#[test]
fn both_servers_are_as_they_were() {
    let settings = [
        ("wal_level", "logical"),
        ("log_connections", "on"),
        ("log_min_messages", "info"),
        ("log_replication_commands", "on"),
    ];
    let pair = Pair::of(with(&settings), with(&settings[1..3]));
    for cluster in [&pair.source, &pair.target] {
        cluster.psql("postgres", "CREATE DATABASE shop; CREATE ROLE plain LOGIN").unwrap();
        cluster.psql("shop", "CREATE TABLE t (i int); CREATE EXTENSION hstore").unwrap();
    }
    let (tables, log) = (catalogs(&pair), logs(&pair));
    check(&pair, &[]);
    assert_eq!(catalogs(&pair), tables);
    assert_eq!(logs(&pair), log);
    // Who may not keep errors out of a log makes none there.
    super::check_as(&pair, ("plain", "plain"), &[]);
    assert_eq!(catalogs(&pair), tables);
    assert_eq!(logs(&pair), log);
}

/// A slot that was made stands in the source's log; whoever may not keep it out does not try one, and is told what is missing.
#[test]
fn a_slot_is_only_tried_where_that_stays_out_of_the_log() {
    let pair = pair();
    let make =
        "CREATE ROLE \"re; plica\" LOGIN REPLICATION; GRANT CREATE ON DATABASE postgres TO \"re; plica\"";
    pair.source.psql("postgres", make).unwrap();
    let (tables, log) = (catalogs_of(&pair, "postgres"), log_of(&pair.source));
    let users = ("re; plica", "postgres");
    let ran = super::check_as(&pair, users, &[]);
    assert_eq!(catalogs_of(&pair, "postgres"), tables);
    assert_eq!(log_of(&pair.source), log);
    let unknown = ran.json()["unknown"].to_string();
    let grant = "GRANT SET ON PARAMETER log_min_messages TO \"re; plica\";";
    let version: u32 =
        pair.source.psql("postgres", "SHOW server_version_num").unwrap().trim().parse().unwrap();
    if version < 150_000 {
        assert!(unknown.contains("before 15 only a superuser may keep it out"), "{unknown}");
        return;
    }
    assert!(unknown.replace("\\\"", "\"").contains(grant), "{unknown}");
    pair.source.psql("postgres", grant).unwrap();
    let log = log_of(&pair.source);
    super::check_as(&pair, users, &[]).is_silent("slot", None);
    assert_eq!(log_of(&pair.source), log);
}

/// What nothing was found about on good servers, for each check by itself: it was asked, and it has nothing to say.
#[test]
fn on_good_servers_every_check_is_silent() {
    let newest = [19, 18].into_iter().find_map(|major| Some((super::versions::pair(major, major)?, major)));
    let tools = newest.as_ref().map_or_else(Vec::new, |(_, major)| super::versions::tools(*major));
    let pair = newest.map_or_else(pair, |(pair, _)| pair);
    let mut arguments = vec!["--database", "postgres"];
    arguments.extend(tools.iter().map(String::as_str));
    let make = "CREATE TABLE t (i int PRIMARY KEY, t text); INSERT INTO t VALUES (1, 'x'); CREATE INDEX ON t (t);
                CREATE VIEW v AS SELECT * FROM t; CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'; CREATE ROLE app";
    pair.source.psql("postgres", make).unwrap();
    let ran = check(&pair, &arguments);
    // What the source's server writes of its own accord is looked at in a test of that check.
    let found: Vec<_> = ran.findings().iter().filter(|f| f["id"] != "wal-rate").collect();
    assert_eq!(found, Vec::<&serde_json::Value>::new(), "{:?}", ran.0);
    assert_eq!(ran.json()["unknown"], serde_json::json!([]));
    let major =
        pair.source.psql("postgres", "SELECT current_setting('server_version_num')::int / 10000").unwrap();
    let skipped = ran.json()["skipped"].as_array().unwrap();
    assert!(skipped.is_empty() || major.parse::<u32>().unwrap() < 18, "{skipped:?}");
}
