//! Many databases, in seconds.

use super::{check, with};
use crate::common::Pair;
use std::time::{Duration, Instant};

const DATABASES: usize = 200;
const TABLES: usize = 100;

#[test]
fn two_hundred_databases_take_seconds() {
    if std::env::var_os("PGPASSAGE_TEST_ALL").is_none() {
        println!("skipped: PGPASSAGE_TEST_ALL is not set, and making the databases takes a minute");
        return;
    }
    let pair = Pair::of(
        with(&[
            ("wal_level", "logical"),
            ("max_replication_slots", "210"),
            ("max_wal_senders", "210"),
            ("max_connections", "300"),
        ]),
        with(&[]),
    );
    pair.source.psql("postgres", "CREATE DATABASE t0").unwrap();
    let tables: String = (0..TABLES)
        .map(|i| format!("CREATE TABLE t{i} (i int PRIMARY KEY, a text, b numeric, c timestamptz);"))
        .collect();
    pair.source.psql("t0", &tables).unwrap();
    let databases: String =
        (1..DATABASES).map(|i| format!("CREATE DATABASE t{i} TEMPLATE t0 STRATEGY file_copy;\n")).collect();
    pair.source.psql("postgres", &databases).unwrap();
    let began = Instant::now();
    let ran = check(&pair, &[]);
    let took = began.elapsed();
    println!("{took:?}");
    assert_eq!(ran.json()["databases"].as_object().unwrap().len(), DATABASES + 1);
    assert_eq!(ran.json()["unknown"], serde_json::json!([]));
    assert!(took < Duration::from_secs(15), "{took:?}");
}
