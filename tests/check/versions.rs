//! Checks of what newer versions see otherwise, on the oldest and the newest server that is at hand.

use super::covered::speaks;
use super::{Checked, check, check_as, obey, with};
use crate::common::Pair;
use pgpassage::demo::cluster::{Cluster, ClusterOptions};
use std::path::PathBuf;

pub(crate) fn version(major: u32, settings: &[(&str, &str)]) -> Option<Cluster> {
    let folder = std::env::var_os("PGPASSAGE_PG_VERSIONS").map(PathBuf::from)?;
    let bin = folder.join(major.to_string()).join("bin");
    if !bin.is_dir() {
        return None;
    }
    let mut options = ClusterOptions::new(bin);
    for (name, value) in settings {
        options = options.setting(*name, *value);
    }
    Some(Cluster::start(options).unwrap())
}

/// Where the pg_dump is that reads the newest servers: beside them.
pub(crate) fn tools(major: u32) -> Vec<String> {
    let folder = std::env::var_os("PGPASSAGE_PG_VERSIONS").map(PathBuf::from).unwrap_or_default();
    let bin = folder.join(major.to_string()).join("bin");
    if bin.join("pg_dump").is_file() { vec!["--pgbin".into(), bin.display().to_string()] } else { Vec::new() }
}

pub(crate) fn pair(from: u32, to: u32) -> Option<Pair> {
    let pair = version(from, &[("wal_level", "logical")]).zip(version(to, &[]));
    if pair.is_none() {
        println!("skipped: PGPASSAGE_PG_VERSIONS has not PostgreSQL {from} and {to}");
    }
    pair.map(|(source, target)| Pair::of(source, target))
}

pub(crate) fn unknown(ran: &Checked) -> usize {
    ran.json()["unknown"].as_array().unwrap().len()
}

#[test]
fn what_12_14_and_18_took_away_stops_and_the_fixes_help() {
    let Some(pair) = pair(10, 18) else { return };
    pair.source.psql("postgres", "CREATE DATABASE old").unwrap();
    let make = r#"CREATE TABLE "it's old" (i int PRIMARY KEY) WITH OIDS; CREATE TABLE "times;" (i int PRIMARY KEY, a abstime, r reltime, t tinterval, s information_schema.sql_identifier);
        CREATE AGGREGATE collected(anyelement) (SFUNC = array_append, STYPE = anyarray, INITCOND = '{}');
        CREATE FUNCTION half(int) RETURNS int LANGUAGE sql AS 'SELECT $1 / 2'; CREATE OPERATOR !!! (LEFTARG = int, PROCEDURE = half);
        CREATE TABLE parent (i int NOT NULL); CREATE TABLE "child;" () INHERITS (parent); ALTER TABLE "child;" ALTER i DROP NOT NULL;
        CREATE FUNCTION convert(int, int, cstring, internal, int) RETURNS void LANGUAGE c STRICT AS '$libdir/utf8_and_iso8859_1', 'utf8_to_iso8859_1';
        CREATE CONVERSION "mine; own" FOR 'UTF8' TO 'LATIN1' FROM convert; CREATE CONVERSION plain FOR 'UTF8' TO 'LATIN1' FROM utf8_to_iso8859_1;
        CREATE TABLE parts (i int) PARTITION BY RANGE (i)"#;
    pair.source.psql("old", make).unwrap();
    let ran = check(&pair, &["--database", "old"]);
    for id in ["oids", "removed-types", "array-functions", "postfix-operators", "not-null-inheritance"] {
        ran.says(id, Some("old"), "blocker");
    }
    ran.says("conversions", Some("old"), "warning");
    assert!(ran.of("partitions", Some("old")).iter().any(|f| f["severity"] == "warning"));
    assert_eq!((ran.0.code, ran.verdict("old"), unknown(&ran)), (1, "impossible", 0), "{:?}", ran.0);
    // The same stops a migration.
    assert_eq!(pair.migrate(&["--database", "old", "--foreground"]).code, 1);
    for id in ["oids", "removed-types", "not-null-inheritance"] {
        obey(&pair, ran.one(id, Some("old")), "old");
    }
    let drops =
        "DROP AGGREGATE collected(anyelement); DROP OPERATOR !!! (int, NONE); DROP CONVERSION \"mine; own\"";
    pair.source.psql("old", drops).unwrap();
    let after = check(&pair, &["--database", "old"]);
    after.is_silent("conversions", Some("old"));
    for id in ["oids", "removed-types", "array-functions", "postfix-operators", "not-null-inheritance"] {
        after.is_silent(id, Some("old"));
    }
    assert_eq!(after.0.code, 0, "{:?}", after.0);
    speaks("what_12_14_and_18_took_away_stops_and_the_fixes_help");
}

#[test]
fn what_17_and_18_see_otherwise_is_told() {
    let Some(pair) = pair(14, 18) else { return };
    pair.source.psql("postgres", "CREATE DATABASE old").unwrap();
    let make = "CREATE COLLATION loose (provider = icu, locale = 'und', deterministic = false);
        CREATE TABLE a (t text COLLATE loose PRIMARY KEY); CREATE TABLE b (t text REFERENCES a);
        CREATE UNLOGGED TABLE parts (i int) PARTITION BY RANGE (i);
        CREATE FUNCTION f(int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT $1'; CREATE TABLE c (i int PRIMARY KEY); CREATE INDEX ON c (f(i))";
    if pair.source.psql("old", make).is_err() {
        println!("skipped: that server was built without ICU");
        return;
    }
    let ran = check(&pair, &["--database", "old"]);
    ran.says("mixed-collations", Some("old"), "blocker");
    ran.says("unlogged-partitioned", Some("old"), "blocker");
    ran.says("search-path", Some("old"), "warning");
    speaks("what_17_and_18_see_otherwise_is_told");
}

#[test]
fn nothing_is_unknown_between_any_two_versions() {
    for (from, to) in [(10, 10), (11, 12), (13, 16), (18, 18), (10, 19), (19, 19)] {
        let Some(pair) = pair(from, to) else { continue };
        let ran = check(&pair, &[]);
        assert_eq!(unknown(&ran), 0, "{from} to {to}: {:?}", ran.0);
        let blockers: Vec<_> = ran.findings().iter().filter(|f| f["severity"] == "blocker").collect();
        // Whether a pg_dump is at hand that reads the newest servers is not what this is about.
        if blockers.iter().any(|f| f["id"] == "pg-dump") {
            assert_eq!(blockers.len(), 1, "{blockers:?}");
            continue;
        }
        assert_eq!((ran.0.code, ran.verdict("postgres")), (0, "continuous"), "{from} to {to}: {:?}", ran.0);
    }
}

#[test]
fn slots_that_may_not_rest_are_told_from_18_on() {
    let settings = [("wal_level", "logical"), ("idle_replication_slot_timeout", "60s")];
    let Some(source) = version(18, &settings) else {
        println!("skipped: no PostgreSQL 18");
        return;
    };
    let Some(target) = version(18, &[("max_active_replication_origins", "0")]) else { return };
    let pair = Pair::of(source, target);
    let ran = check(&pair, &[]);
    obey(&pair, ran.says("idle-slots", None, "warning"), "postgres");
    obey(&pair, ran.says("workers", None, "warning"), "postgres");
    for cluster in [&pair.source, &pair.target] {
        cluster.stop().unwrap();
        cluster.restart().unwrap();
    }
    let after = check(&pair, &[]);
    after.is_silent("idle-slots", None);
    after.is_silent("workers", None);
    speaks("slots_that_may_not_rest_are_told_from_18_on");
}

#[test]
fn what_19_took_away_stops_and_the_fixes_help() {
    let Some(pair) = pair(18, 19) else { return };
    let name = "old; \"19\"";
    pair.source
        .psql("postgres", "CREATE DATABASE \"old; \"\"19\"\"\"; CREATE DATABASE \"two\nlines\"")
        .unwrap();
    let make = [
        "ALTER SYSTEM SET standard_conforming_strings = off",
        "ALTER DATABASE \"old; \"\"19\"\"\" SET standard_conforming_strings = off",
        "CREATE ROLE \"who's\"; CREATE ROLE \"line\nbreak\"; ALTER ROLE \"who's\" SET escape_string_warning = off",
        "ALTER ROLE \"who's\" IN DATABASE \"old; \"\"19\"\"\" SET standard_conforming_strings = off",
        "ALTER ROLE ALL SET escape_string_warning = on",
        // 19 takes this one.
        "CREATE ROLE as_usual; ALTER ROLE as_usual SET standard_conforming_strings = on",
    ];
    for statement in make {
        pair.source.psql("postgres", statement).unwrap();
    }
    let make = "CREATE EXTENSION btree_gist; CREATE TABLE nets (n inet PRIMARY KEY, c cidr); INSERT INTO nets VALUES ('10.0.0.1', '10.0.0.0/8');
        CREATE INDEX ON nets USING gist (n); CREATE INDEX ON nets USING gist (c);
        CREATE FUNCTION \"f;\"(text) RETURNS text LANGUAGE sql SET standard_conforming_strings = off AS 'SELECT $1'";
    pair.source.psql(name, make).unwrap();
    pair.source.psql("postgres", "SELECT pg_reload_conf()").unwrap();
    let tools = tools(19);
    let tools: Vec<&str> = tools.iter().map(String::as_str).collect();
    let ran = check(&pair, &tools);
    ran.says("newer-versions", Some("two\nlines"), "blocker");
    ran.says("newer-versions", Some(name), "info");
    ran.says("role-names", None, "blocker");
    ran.says("string-literals", None, "warning");
    ran.says("removed-settings", Some(name), "blocker");
    let gone = ran.of("role-settings", None);
    assert_eq!(gone.len(), 1, "{gone:?}");
    obey(&pair, gone[0], "postgres");
    obey(&pair, ran.one("removed-settings", Some(name)), name);
    pair.source.psql("postgres", "DROP ROLE \"line\nbreak\"").unwrap();
    pair.source.psql("postgres", "ALTER SYSTEM RESET standard_conforming_strings").unwrap();
    pair.source.psql("postgres", "SELECT pg_reload_conf()").unwrap();
    let leave = ["--exclude-database", "two\nlines"];
    let after = check(&pair, &[&tools[..], &leave].concat());
    for id in ["role-names", "string-literals", "role-settings"] {
        after.is_silent(id, None);
    }
    after.is_silent("removed-settings", Some(name));
    assert_eq!(after.0.code, 0, "{:?}", after.0);
    // And then nothing is lost, whatever the source reads into a backslash, and whichever pg_dump writes it down.
    let strings =
        "SET escape_string_warning = off; CREATE TABLE strings (t text PRIMARY KEY DEFAULT 'a\\\\b')";
    pair.source.psql("postgres", "ALTER SYSTEM SET standard_conforming_strings = off").unwrap();
    pair.source.psql("postgres", "SELECT pg_reload_conf()").unwrap();
    pair.source.psql(name, &format!("SET standard_conforming_strings = off; {strings}")).unwrap();
    let older = self::tools(18);
    let older = if older.is_empty() { tools } else { older.iter().map(String::as_str).collect() };
    pair.migrate(&[&older[..], &leave, &["--foreground"]].concat()).assert_done();
    let default = "INSERT INTO strings DEFAULT VALUES RETURNING t";
    assert_eq!(pair.target.psql(name, default).unwrap(), "a\\b");
    let found = "SET enable_seqscan = off; SELECT n FROM nets WHERE n = '10.0.0.1'";
    assert_eq!(pair.target.psql(name, found).unwrap(), "10.0.0.1");
    speaks("what_19_took_away_stops_and_the_fixes_help");
}

/// In 19, and in minor versions of older ones that are newer than those at hand.
#[test]
fn a_source_that_does_not_allow_our_output_plugin_is_told() {
    let settings = [("wal_level", "replica"), ("output_plugin_libraries", "test_decoding")];
    let Some(pair) = version(19, &settings).zip(version(19, &[])) else {
        println!("skipped: no PostgreSQL 19");
        return;
    };
    let pair = Pair::of(pair.0, pair.1);
    let tools = tools(19);
    let tools: Vec<&str> = tools.iter().map(String::as_str).collect();
    let told = check(&pair, &tools);
    // From 19 on the first slot makes it logical.
    told.is_silent("wal-level", None);
    obey(&pair, told.says("output-plugins", None, "warning"), "postgres");
    pair.source.psql("postgres", "SELECT pg_reload_conf()").unwrap();
    let after = check(&pair, &tools);
    after.is_silent("output-plugins", None);
    assert_eq!(after.verdict("postgres"), "continuous", "{:?}", after.0);
    // What was tried has changed nothing.
    assert_eq!(pair.source.psql("postgres", "SHOW effective_wal_level").unwrap(), "replica");
    speaks("a_source_that_does_not_allow_our_output_plugin_is_told");
}

#[test]
fn an_older_target_is_refused_or_warned_about() {
    let Some(target) = version(13, &[]) else {
        println!("skipped: no PostgreSQL 13");
        return;
    };
    let pair = Pair::of(with(&[("wal_level", "logical")]), target);
    let ran = check(&pair, &[]);
    ran.says("versions", None, "blocker");
    ran.is_silent("older-target", None);
    let taken = check(&pair, &["--skip-db-version-check"]);
    taken.is_silent("versions", None);
    taken.says("older-target", None, "warning");
    speaks("an_older_target_is_refused_or_warned_about");
}

#[test]
fn from_16_on_a_plain_user_is_let_subscribe_as_told() {
    let Some(target) = version(16, &[]) else {
        println!("skipped: no PostgreSQL 16");
        return;
    };
    let pair = Pair::of(with(&[("wal_level", "logical")]), target);
    pair.target.psql("postgres", "CREATE ROLE \"plain; user\" LOGIN CREATEDB CREATEROLE").unwrap();
    let users = ("postgres", "plain; user");
    let ran = check_as(&pair, users, &[]);
    let told = ran.says("subscription-right", Some("postgres"), "warning");
    // Nor may it make anything in a database that is there already.
    obey(&pair, ran.says("target-rights", Some("postgres"), "blocker"), "postgres");
    obey(&pair, told, "postgres");
    let after = check_as(&pair, users, &[]);
    after.is_silent("subscription-right", Some("postgres"));
    assert_eq!(after.verdict("postgres"), "continuous", "{:?}", after.0);
    speaks("from_16_on_a_plain_user_is_let_subscribe_as_told");
}
