//! What a server was built with, and what lies beside it on its machine.

use super::covered::speaks;
use super::versions::{tools, version};
use super::{Checked, HOSTILE, check, obey, objects, pair, with};
use crate::common::Pair;

/// From the server that is always there to the newest one that is at hand.
fn to_the_newest() -> Option<Pair> {
    let target = version(18, &[]);
    if target.is_none() {
        println!("skipped: PGPASSAGE_PG_VERSIONS has no PostgreSQL 18");
    }
    Some(Pair::of(with(&[]), target?))
}

/// As a name in a statement.
fn quoted() -> String {
    format!("\"{}\"", HOSTILE.replace('"', "\"\""))
}

/// The finding, which stops a migration as well, is gone once its statements are executed.
fn stops_until_it_is_obeyed(pair: &Pair, id: &str) {
    let newest = tools(18);
    let mut words: Vec<&str> = vec!["--database", "shop"];
    words.extend(newest.iter().map(String::as_str));
    let ran: Checked = check(pair, &words);
    let found = ran.says(id, Some("shop"), "blocker");
    assert_eq!((ran.0.code, ran.verdict("shop")), (1, "impossible"), "{:?}", ran.0);
    words.push("--foreground");
    assert_eq!(pair.migrate(&words).code, 1);
    obey(pair, found, "shop");
    words.pop();
    let after = check(pair, &words);
    after.is_silent(id, Some("shop"));
    let ran = pair.migrate(&words);
    assert_eq!(ran.status("shop"), "done", "{}\n{}", ran.stderr, ran.stdout);
}

#[test]
fn functions_in_c_name_their_libraries() {
    let pair = pair();
    pair.source.psql("postgres", "CREATE DATABASE shop").unwrap();
    let silent = check(&pair, &["--database", "shop"]);
    silent.is_silent("libraries", Some("shop"));
    let hostile = quoted();
    let make = format!(
        "CREATE FUNCTION {hostile}(int, int, cstring, internal, int, bool) RETURNS int LANGUAGE c STRICT
            AS '$libdir/utf8_and_iso8859_1', 'utf8_to_iso8859_1';
         CREATE FUNCTION back(int, int, cstring, internal, int, bool) RETURNS int LANGUAGE c STRICT
            AS '$libdir/utf8_and_iso8859_1', 'iso8859_1_to_utf8'"
    );
    pair.source.psql("shop", &make).unwrap();
    let ran = check(&pair, &["--database", "shop"]);
    let found = ran.says("libraries", Some("shop"), "warning");
    assert_eq!(objects(found), ["$libdir/utf8_and_iso8859_1"]);
    assert!(found["title"].as_str().unwrap().starts_with("2 functions in C"), "{found}");
    speaks("functions_in_c_name_their_libraries");
}

#[test]
fn columns_compressed_with_lz4_stop_where_the_target_lacks_it() {
    let Some(pair) = to_the_newest() else { return };
    let with_lz4 = "SELECT count(*) FROM pg_settings WHERE name = 'default_toast_compression' AND 'lz4' = ANY (enumvals)";
    let has =
        |cluster: &pgpassage::demo::cluster::Cluster| cluster.psql("postgres", with_lz4).unwrap() == "1";
    if !has(&pair.source) || has(&pair.target) {
        println!("skipped: it takes a source with lz4 and a target without");
        return;
    }
    pair.source.psql("postgres", "CREATE DATABASE shop").unwrap();
    let hostile = quoted();
    let make = format!(
        "CREATE TABLE {hostile} (i int PRIMARY KEY, {hostile} text COMPRESSION lz4);
         INSERT INTO {hostile} SELECT g, repeat('long ', 2000) FROM generate_series(1, 10) g;
         CREATE TABLE parts (i int, t text COMPRESSION lz4) PARTITION BY RANGE (i);
         CREATE TABLE part PARTITION OF parts DEFAULT;
         CREATE MATERIALIZED VIEW seen AS SELECT * FROM {hostile};
         ALTER MATERIALIZED VIEW seen ALTER {hostile} SET COMPRESSION lz4"
    );
    pair.source.psql("shop", &make).unwrap();
    stops_until_it_is_obeyed(&pair, "compression");
    speaks("columns_compressed_with_lz4_stop_where_the_target_lacks_it");
}

#[test]
fn a_childs_generated_column_stops_from_16_on() {
    let Some(pair) = to_the_newest() else { return };
    pair.source.psql("postgres", "CREATE DATABASE shop").unwrap();
    let hostile = quoted();
    let make = format!(
        "CREATE TABLE parent (i int, {hostile} int);
         CREATE TABLE {hostile} (i int, {hostile} int GENERATED ALWAYS AS (i * 2) STORED) INHERITS (parent);
         INSERT INTO {hostile} (i) VALUES (1), (2);
         CREATE TABLE plain (i int, j int GENERATED ALWAYS AS (i * 2) STORED); CREATE TABLE child () INHERITS (plain)"
    );
    if pair.source.psql("shop", &make).is_err() {
        println!("skipped: the source does not know it either");
        return;
    }
    stops_until_it_is_obeyed(&pair, "generated-inheritance");
    speaks("a_childs_generated_column_stops_from_16_on");
}
