//! Every kind of object that PostgreSQL 15 has, moved and held against its original, entry by entry and row by row.

use crate::common::Pair;
use std::path::{Path, PathBuf};

/// What the archive itself cannot say, each with its reason. Nothing else may differ.
const KNOWN: [(&str, &str); 7] = [
    ("subscription ", "left out on purpose, with a finding"),
    ("idx.left_invalid", "pg_dump leaves invalid indexes out; a finding names it"),
    ("fk.key_disabled", "pg_dump does not know disabled foreign keys; a finding names it"),
    ("rows app.stale", "a stale materialized view is refreshed"),
    ("column order app.", "columns of inheritance children come in the order in which INHERITS merges them"),
    ("pg_dump attached_child; Type: TABLE", "the same"),
    ("pg_attribute app.grandchild.n", "a NOT NULL of the parent's comes along when INHERITS merges columns"),
];

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

/// Loads roles, the large database and three small ones with odd names and encodings.
fn load(pair: &Pair) {
    let source = &pair.source;
    source.psql_file("postgres", &fixtures().join("globals.sql")).unwrap();
    let folder = std::fs::read_dir(fixtures().join("everything")).unwrap();
    let mut files: Vec<_> = folder.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    for file in files {
        source.psql_file("everything", &file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
    }
    for (database, file) in [("latin1", "latin1.sql"), ("sqlascii", "sqlascii.sql")] {
        source.psql_file(database, &fixtures().join(file)).unwrap();
    }
    // Its own settings make it read-only and change how strings are read: none of that may reach our sessions.
    let odd = std::fs::read_to_string(fixtures().join("odd-database.sql")).unwrap();
    source.psql_with("Odd \"db\" 'n.ame", &odd, &[("hostile_settings", "1")]).unwrap();
}

#[test]
fn nothing_is_missing() {
    let pair = Pair::new();
    load(&pair);
    let ran = pair.migrate(&[]);
    let is_known = |text: &String| KNOWN.iter().any(|(known, _)| text.contains(known));
    let differences: Vec<_> =
        pair.compare().iter().map(ToString::to_string).filter(|d| !is_known(d)).collect();
    assert!(differences.is_empty(), "{}\n{:#?}", differences.join("\n"), ran.findings("lost"));
    ran.assert_done();
    let warnings = ran.json["findings"].to_string();
    for named in ["idx.left_invalid", "fk.key_disabled", "subscription"] {
        assert!(warnings.contains(named), "no finding names {named}");
    }
    for database in ["everything", "Odd \"db\" 'n.ame", "latin1", "sqlascii"] {
        assert_eq!(ran.status(database), "done");
        assert_eq!(ran.message(database), "created and migrated database");
    }
    assert_eq!(ran.message("postgres"), "migrated to existing database");
    assert!(!pair.state_text().contains("S3cr3t"), "a secret of the fixture is in the state folder");
    assert!(!ran.stdout.contains("S3cr3t") && !ran.stderr.contains("S3cr3t"));
}
