//! From every version that a source may have to newer ones.
//!
//! The servers of other versions lie where PGPASSAGE_PG_VERSIONS says: a folder with 10/bin, 11/bin, …

use crate::common::Pair;
use pgpassage::demo::cluster::{Cluster, ClusterOptions};
use std::path::{Path, PathBuf};

fn cluster(folder: &Path, major: u32) -> Option<Cluster> {
    let bin = folder.join(major.to_string()).join("bin");
    if !bin.is_dir() {
        println!("skipped: no PostgreSQL {major} in {}", folder.display());
        return None;
    }
    Some(Cluster::start(ClusterOptions::new(bin)).unwrap())
}

fn moves(from: u32, to: u32) {
    let Some(folder) = std::env::var_os("PGPASSAGE_PG_VERSIONS").map(PathBuf::from) else {
        println!("skipped: PGPASSAGE_PG_VERSIONS names no folder with servers of other versions");
        return;
    };
    let (Some(source), Some(target)) = (cluster(&folder, from), cluster(&folder, to)) else { return };
    let pair = Pair::of(source, target);
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/portable.sql");
    pair.source.psql_file("postgres", &fixture).unwrap();
    // The tools of all versions lie side by side, as they do below /usr/lib/postgresql.
    let ran = pair.migrate(&["--pgbin", folder.to_str().unwrap()]);
    ran.assert_done();
    if from < 13 {
        assert_eq!(rows(&pair.source), rows(&pair.target));
        return;
    }
    let mut differences: Vec<_> = pair.compare().iter().map(ToString::to_string).collect();
    // From 18 on NOT NULL is a constraint with a name.
    differences.retain(|d| !(to >= 18 && d.contains("_not_null")));
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

/// The comparison of catalogs needs 13; for older sources the rows, the names of relations and constraints, sequences
/// and large objects have to do.
fn rows(cluster: &Cluster) -> String {
    let settings = "SET extra_float_digits = 3; SET TimeZone = 'UTC'; SET lc_monetary = 'C';";
    let mut sql = format!(
        "{settings} SELECT relkind, relname FROM pg_class WHERE relnamespace = 'app'::regnamespace ORDER BY 2;
         SELECT conname, convalidated FROM pg_constraint WHERE contype <> 'n' AND connamespace = 'app'::regnamespace ORDER BY 1;
         SELECT tgname FROM pg_trigger WHERE NOT tgisinternal ORDER BY 1;
         SELECT sequencename, last_value FROM pg_sequences ORDER BY 1;
         SELECT rolname, rolpassword FROM pg_authid WHERE rolname LIKE 'portable%' ORDER BY 1;
         SELECT md5(lo_get(4711)), obj_description(4711, 'pg_largeobject');"
    );
    for table in ["customer", "orders", "log_2020", "log_2021", "parent", "child", "by_day"] {
        sql.push_str(&format!(
            "SELECT '{table}', count(*), md5(string_agg(t::text, E'\\n' ORDER BY t::text)) FROM ONLY app.{table} t;"
        ));
    }
    cluster.psql("postgres", &sql).unwrap()
}

#[test]
fn from_10_to_15() {
    moves(10, 15);
}

#[test]
fn from_10_to_18() {
    moves(10, 18);
}

#[test]
fn from_13_to_17() {
    moves(13, 17);
}

#[test]
fn from_15_to_18() {
    moves(15, 18);
}

#[test]
fn from_18_to_18() {
    moves(18, 18);
}

#[test]
fn from_10_to_19() {
    moves(10, 19);
}

#[test]
fn from_18_to_19() {
    moves(18, 19);
}

#[test]
fn from_19_to_19() {
    moves(19, 19);
}
