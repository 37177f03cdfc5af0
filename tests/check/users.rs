//! Three kinds of users on the oldest and the newest servers: nobody is spared what concerns a database.

use super::versions::{pair as pair_of, tools, unknown};
use super::{Checked, check_as};
use crate::common::Pair;
use std::collections::BTreeSet;

/// One thing of each kind that every version from 10 on has.
const HOLDS: &str = r#"
    CREATE TABLE "no; key" (i int); CREATE TABLE "full" (j json); ALTER TABLE "full" REPLICA IDENTITY FULL;
    CREATE UNLOGGED TABLE "un'logged" (i int PRIMARY KEY); CREATE TABLE columns (i int PRIMARY KEY GENERATED ALWAYS AS IDENTITY, r regclass);
    CREATE TABLE parts (t text) PARTITION BY RANGE (t); CREATE TABLE part PARTITION OF parts (PRIMARY KEY (t)) FOR VALUES FROM ('a') TO ('b');
    CREATE TABLE child (PRIMARY KEY (i)) INHERITS (columns); CREATE TABLE keys (i int PRIMARY KEY, d int UNIQUE DEFERRABLE, EXCLUDE USING btree (d WITH =));
    ALTER TABLE keys ADD CONSTRAINT "not; yet" CHECK (d > 0) NOT VALID;
    CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
    CREATE TRIGGER always BEFORE INSERT ON keys FOR EACH ROW EXECUTE PROCEDURE f(); ALTER TABLE keys ENABLE ALWAYS TRIGGER always;
    CREATE MATERIALIZED VIEW filled AS SELECT 1; CREATE SEQUENCE own;
    CREATE FOREIGN DATA WRAPPER w; CREATE SERVER far FOREIGN DATA WRAPPER w; CREATE FOREIGN TABLE abroad (i int) SERVER far;
    CREATE USER MAPPING FOR PUBLIC SERVER far; CREATE PUBLICATION theirs;
    CREATE FUNCTION ev() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'; CREATE EVENT TRIGGER ev ON ddl_command_start EXECUTE PROCEDURE ev();
    ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC; SELECT lo_create(1);
    GRANT CREATE ON SCHEMA public TO PUBLIC"#;

fn made(from: u32, to: u32) -> Option<Pair> {
    let pair = pair_of(from, to)?;
    pair.source.psql("postgres", "CREATE DATABASE shop; CREATE DATABASE quiet").unwrap();
    pair.source.psql("shop", HOLDS).unwrap();
    pair.source
        .psql("quiet", "CREATE TABLE t (i int PRIMARY KEY); REVOKE CREATE ON SCHEMA public FROM PUBLIC")
        .unwrap();
    let reads = if from >= 14 { "pg_read_all_data, pg_monitor" } else { "pg_monitor" };
    let users = format!("CREATE ROLE plain LOGIN; CREATE ROLE reader LOGIN IN ROLE {reads}");
    pair.source.psql("postgres", &users).unwrap();
    for database in ["shop", "quiet"] {
        // Before 14 there was no role that reads everything.
        let grant = "GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader; GRANT SELECT ON ALL SEQUENCES IN SCHEMA public TO reader";
        pair.source.psql(database, grant).unwrap();
    }
    pair.target
        .psql("postgres", "CREATE ROLE plain LOGIN; CREATE ROLE reader LOGIN IN ROLE pg_monitor")
        .unwrap();
    Some(pair)
}

fn ids(ran: &Checked, database: Option<&str>) -> BTreeSet<String> {
    let wanted = database.map_or(serde_json::Value::Null, Into::into);
    let found = ran.findings().iter().filter(|f| f["database"] == wanted);
    found.map(|f| f["id"].as_str().unwrap().to_owned()).collect()
}

/// As each of the three, on both sides.
fn judged(pair: &Pair, to: u32) -> [Checked; 3] {
    let tools = tools(to);
    let mut arguments = vec!["--exclude-database", "postgres"];
    arguments.extend(tools.iter().map(String::as_str));
    ["postgres", "reader", "plain"].map(|user| check_as(pair, (user, user), &arguments))
}

#[track_caller]
fn nobody_is_spared(from: u32, to: u32) {
    let Some(pair) = made(from, to) else { return };
    let [superuser, reader, plain] = judged(&pair, to);
    assert_eq!(unknown(&superuser), 0, "{:?}", superuser.0);
    let told = ids(&superuser, Some("shop"));
    assert!(told.len() >= 17, "{told:?}");
    for (who, ran) in [("reader", &reader), ("plain", &plain)] {
        assert_eq!(unknown(ran), 0, "{who}: {:?}", ran.0);
        let missing: Vec<_> = told.difference(&ids(ran, Some("shop"))).cloned().collect();
        assert_eq!(missing, Vec::<String>::new(), "{who} from {from} to {to}: {:?}", ran.0);
    }
    // What only lesser users are told, each of a right that he lacks.
    assert!(ids(&plain, Some("shop")).contains("readable"), "{:?}", plain.0);
    assert!(ids(&plain, Some("quiet")).contains("readable"), "{:?}", plain.0);
    assert!(!ids(&reader, Some("quiet")).contains("readable"), "{:?}", reader.0);
    // From 19 on pg_read_all_data reads large objects too.
    for (ran, reads_objects) in [(&reader, from >= 19), (&plain, false)] {
        assert!(ids(ran, None).contains("replication-right"), "{:?}", ran.0);
        let told = ids(ran, Some("shop")).contains("large-objects-readable");
        assert_eq!(told, !reads_objects, "{:?}", ran.0);
        assert!(ids(ran, None).contains("create-databases"), "{:?}", ran.0);
    }
    assert_eq!(ids(&superuser, Some("quiet")), BTreeSet::new(), "{:?}", superuser.0);
    assert_eq!((superuser.0.code, superuser.verdict("quiet")), (0, "continuous"), "{:?}", superuser.0);
}

#[test]
fn from_the_oldest_to_the_newest() {
    nobody_is_spared(10, 18);
}

#[test]
fn between_the_newest() {
    nobody_is_spared(18, 18);
}

#[test]
fn between_the_oldest() {
    nobody_is_spared(10, 10);
}

#[test]
fn from_the_oldest_to_19() {
    nobody_is_spared(10, 19);
}

#[test]
fn between_19_and_19() {
    nobody_is_spared(19, 19);
}
