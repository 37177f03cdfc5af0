//! Roles that may not do everything: what they can move is moved, what they cannot is said.

use super::traps::{ask, found};
use crate::common::{Pair, Ran};

const SHOP: &str = "CREATE ROLE owner NOLOGIN; CREATE ROLE app LOGIN PASSWORD 'S3cr3t-app'; CREATE ROLE mover LOGIN; CREATE DATABASE shop OWNER owner;";
const TABLES: &str = "SET ROLE owner; CREATE SCHEMA s; CREATE TABLE s.orders (id serial PRIMARY KEY, v text); INSERT INTO s.orders (v) SELECT i FROM generate_series(1, 500) i; \
    CREATE TABLE plain AS SELECT generate_series(1, 10) AS i; CREATE VIEW s.v AS SELECT count(*) FROM s.orders; CREATE MATERIALIZED VIEW s.m AS SELECT max(id) FROM s.orders; \
    GRANT SELECT ON s.orders TO app; CREATE FUNCTION s.f() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1'; REVOKE ALL ON FUNCTION s.f() FROM PUBLIC; GRANT USAGE ON SCHEMA s TO app;";

fn prepare(pair: &Pair) {
    pair.source.psql("postgres", SHOP).unwrap();
    pair.source.psql("shop", TABLES).unwrap();
}

fn migrate_as(pair: &Pair, source: &str, target: &str) -> Ran {
    let (source, target) =
        (pair.source.uri_for(source, None, "postgres"), pair.target.uri_for(target, None, "postgres"));
    pair.program(&["migrate", "-s", &source, "-t", &target, "--json", "--database", "shop"])
}

const ROWS: &str = "SELECT (SELECT count(*) FROM s.orders), (SELECT count(*) FROM plain), (SELECT last_value FROM s.orders_id_seq), (SELECT max FROM s.m)";

#[test]
fn select_on_everything_is_enough_to_read() {
    let pair = Pair::new();
    prepare(&pair);
    pair.source
        .psql("shop", "GRANT USAGE ON SCHEMA s TO mover; GRANT SELECT ON ALL TABLES IN SCHEMA s, public TO mover; GRANT SELECT ON ALL SEQUENCES IN SCHEMA s TO mover")
        .unwrap();
    let ran = migrate_as(&pair, "mover", "postgres");
    ran.assert_done();
    assert_eq!(ask(&pair.target, "shop", ROWS), "500|10|500|500");
    assert_eq!(ran.json["pg_roles"]["app"]["rolpassword"], "<hidden>");
    assert_eq!(ran.json["pg_roles"]["owner"]["rolpassword"], serde_json::Value::Null);
    let differences = pair.compare_database("shop");
    assert!(differences.is_empty(), "{differences:#?}");
}

#[test]
fn pg_read_all_data_is_enough_and_keeps_no_hashes_from_us() {
    let pair = Pair::new();
    prepare(&pair);
    pair.source.psql("postgres", "GRANT pg_read_all_data TO mover").unwrap();
    migrate_as(&pair, "mover", "postgres").assert_done();
    assert_eq!(ask(&pair.target, "shop", ROWS), "500|10|500|500");
    let hash = "SELECT rolpassword FROM pg_authid WHERE rolname = 'app'";
    assert_eq!(ask(&pair.source, "postgres", hash), ask(&pair.target, "postgres", hash));
}

#[test]
fn what_may_not_be_read_is_named() {
    let pair = Pair::new();
    prepare(&pair);
    pair.source
        .psql(
            "shop",
            "GRANT USAGE ON SCHEMA s TO mover; GRANT SELECT ON ALL TABLES IN SCHEMA s, public TO mover",
        )
        .unwrap();
    // It is said before anything is begun; whoever leaves that check out meets it on the way.
    let ran = migrate_as(&pair, "mover", "postgres");
    let refused =
        "database shop: the source's user may not read 1 object, sequence s.orders_id_seq among them";
    assert_eq!((ran.code, ran.error()), (1, refused));
    let migrate_as = |pair: &Pair, source: &str, target: &str| {
        let (source, target) =
            (pair.source.uri_for(source, None, "postgres"), pair.target.uri_for(target, None, "postgres"));
        let skip = ["--database", "shop", "--skip-check", "readable"];
        pair.program(&[&["migrate", "-s", &source, "-t", &target, "--json"], skip.as_slice()].concat())
    };
    // A sequence: its value is lost, the rest is moved.
    let ran = migrate_as(&pair, "mover", "postgres");
    assert_ne!((ran.code, ran.status("shop")), (0, "done"), "{}", ran.stdout);
    assert!(
        format!("{}{}", found(&ran, "lost"), ran.message("shop")).contains("orders_id_seq"),
        "{}",
        ran.stdout
    );
    // A table.
    pair.target.psql("postgres", "DROP DATABASE IF EXISTS shop").unwrap();
    pair.source
        .psql(
            "shop",
            "GRANT SELECT ON ALL SEQUENCES IN SCHEMA s TO mover; CREATE TABLE s.salaries AS SELECT 1 AS v",
        )
        .unwrap();
    let ran = migrate_as(&pair, "mover", "postgres");
    assert_ne!((ran.code, ran.status("shop")), (0, "done"), "{}", ran.stdout);
    assert!(format!("{}{}", found(&ran, "lost"), ran.message("shop")).contains("salaries"), "{}", ran.stdout);
    // A large object.
    pair.target.psql("postgres", "DROP DATABASE IF EXISTS shop").unwrap();
    pair.source.psql("shop", "DROP TABLE s.salaries; SELECT lo_from_bytea(777001, 'secret'); SELECT lo_from_bytea(777002, 'open'); GRANT SELECT ON LARGE OBJECT 777002 TO mover").unwrap();
    let ran = migrate_as(&pair, "mover", "postgres");
    assert_eq!((ran.code, ran.status("shop")), (3, "failed"), "{}", ran.stdout);
    assert!(found(&ran, "lost").contains("777001"), "{}", ran.stdout);
    assert!(!found(&ran, "lost").contains("777002"), "{}", ran.stdout);
    assert_eq!(ask(&pair.target, "shop", ROWS), "500|10|500|500");
}

#[test]
fn a_plain_target_role_makes_what_it_may_and_names_the_rest() {
    let pair = Pair::new();
    prepare(&pair);
    pair.source
        .psql("postgres", "CREATE ROLE boss SUPERUSER LOGIN; CREATE ROLE team; GRANT team TO app WITH ADMIN OPTION; ALTER ROLE app SET work_mem = '8MB'; \
            ALTER DATABASE shop SET statement_timeout = '1min'; ALTER DATABASE shop CONNECTION LIMIT 50; COMMENT ON DATABASE shop IS 'the shop'; GRANT CONNECT ON DATABASE shop TO app; ALTER ROLE app SET log_min_messages = 'debug1'")
        .unwrap();
    pair.target.psql("postgres", "CREATE ROLE admin LOGIN CREATEDB CREATEROLE").unwrap();
    let ran = migrate_as(&pair, "postgres", "admin");
    // The rows are there, whoever owns them.
    assert_eq!(ask(&pair.target, "shop", ROWS), "500|10|500|500");
    // A superuser cannot be made by somebody who is none, nor may he set what only superusers set.
    assert_eq!((ran.code, ran.status("shop")), (3, "done"), "{}", ran.stdout);
    assert_eq!(ran.json["pg_roles"]["boss"]["status"], "failed");
    assert!(found(&ran, "lost").contains("log_min_messages of role app"), "{}", ran.stdout);
    // Whatever belongs to somebody else than before is named, and nothing but that is different.
    let warnings = found(&ran, "warning");
    let differences = pair.compare_database("shop");
    let owned =
        differences.iter().filter(|d| d.source.contains("owner=owner") && !d.kind.contains("pg_type"));
    for difference in owned {
        let name = difference.object.rsplit('.').next().unwrap();
        let named = difference.kind == "pg_database" || name.ends_with("_pkey") || warnings.contains(name);
        assert!(named, "{difference} is not in {warnings}");
    }
    let others: Vec<_> = differences
        .iter()
        .filter(|d| d.kind != "pg_dump" && !d.source.contains("owner") && !d.target.contains("admin"))
        .collect();
    assert!(others.is_empty(), "{others:#?}");
    let grants = "SELECT has_table_privilege('app', 's.orders', 'SELECT'), has_table_privilege('app', 'plain', 'SELECT'), \
        has_function_privilege('app', 's.f()', 'EXECUTE'), pg_has_role('app', 'team', 'MEMBER')";
    assert_eq!(ask(&pair.target, "shop", grants), ask(&pair.source, "shop", grants));
}
