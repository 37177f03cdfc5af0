//! Every kind of object that PostgreSQL 15 has, moved and held against its original.

use crate::common::Pair;
use std::path::Path;

fn fixtures() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

#[test]
fn nothing_is_missing() {
    let pair = Pair::new();
    load(&pair);
    let ran = pair.migrate(&[]);
    println!("{}", ran.stderr);
    let differences: Vec<String> = pair
        .compare()
        .into_iter()
        .filter(|d| d.kind != "subscription")
        .map(|d| d.to_string())
        .collect();
    for finding in ["lost", "warning"] {
        println!("{finding}: {:#?}", ran.findings(finding));
    }
    for difference in &differences {
        println!("DIFF {difference}");
    }
    assert!(differences.is_empty());
    ran.assert_done();
}

fn load(pair: &Pair) {
    let source = &pair.source;
    source.psql_file("postgres", &fixtures().join("globals.sql")).unwrap();
    let mut files: Vec<_> =
        std::fs::read_dir(fixtures().join("everything")).unwrap().map(|e| e.unwrap().path()).collect();
    files.sort();
    for file in files {
        source.psql_file("everything", &file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
    }
    for (database, file) in
        [("Odd \"db\" 'n.ame", "odd-database.sql"), ("latin1", "latin1.sql"), ("sqlascii", "sqlascii.sql")]
    {
        source.psql_file(database, &fixtures().join(file)).unwrap();
    }
}
