//! The rules of the house, as a test: who may import whom, where SQL may stand, how long a file may be.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::path::{Path, PathBuf};

/// Rooms and the rooms that they may look into: arrows only ever point down.
const ARROWS: [(&str, &[&str]); 8] = [
    ("cli", &["ui", "link", "engine", "demo", "store", "pg", "model"]),
    ("ui", &["link", "model"]),
    ("link", &["engine", "store", "model"]),
    ("engine", &["pg", "store", "model"]),
    ("demo", &["pg", "model"]),
    ("store", &["model"]),
    ("pg", &["model"]),
    ("model", &[]),
];

/// Files beyond this many lines hold more than one thing.
const MOST_LINES: usize = 500;

struct Source {
    /// Relative to the project, with forward slashes.
    path: String,
    text: String,
}

impl Source {
    fn room(&self) -> Option<&str> {
        let mut parts = self.path.strip_prefix("src/")?.split('/');
        let room = parts.next()?;
        parts.next().map(|_| room)
    }

    /// Lines of code, without comments and without what stands in the file's tests module, which is last.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text
            .lines()
            .enumerate()
            .take_while(|(_, line)| !line.starts_with("#[cfg(test)]"))
            .filter(|(_, line)| !line.trim_start().starts_with("//"))
            .map(|(number, line)| (number + 1, line))
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn files(folder: &str, ending: &str) -> Vec<Source> {
    fn collect(folder: &Path, ending: &str, into: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                collect(&path, ending, into);
            } else if path.extension().is_some_and(|e| e == ending) {
                into.push(path);
            }
        }
    }
    let mut paths = Vec::new();
    collect(&root().join(folder), ending, &mut paths);
    paths.sort();
    assert!(!paths.is_empty(), "nothing found in {folder}");
    let read = |path: PathBuf| Source {
        text: fs::read_to_string(&path).unwrap(),
        path: path.strip_prefix(root()).unwrap().to_str().unwrap().replace('\\', "/"),
    };
    paths.into_iter().map(read).collect()
}

fn complain(wrong: &[String]) {
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

#[test]
fn imports_follow_the_arrows() {
    let mut wrong = Vec::new();
    for source in files("src", "rs") {
        let Some(room) = source.room() else { continue };
        let Some((_, allowed)) = ARROWS.iter().find(|(name, _)| *name == room) else {
            wrong.push(format!("{}: {room} is no room of the house; add it to the map", source.path));
            continue;
        };
        for (number, line) in source.code() {
            for piece in line.split("crate::").skip(1) {
                let other: String = piece.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                let known = ARROWS.iter().any(|(name, _)| *name == other);
                if known && other != room && !allowed.contains(&other.as_str()) {
                    wrong.push(format!("{}:{number}: {room} may not look into {other}", source.path));
                }
            }
        }
    }
    complain(&wrong);
}

#[test]
fn every_file_says_what_it_is_for() {
    let silent =
        files("src", "rs").into_iter().chain(files("tests", "rs")).filter(|s| !s.text.starts_with("//!"));
    complain(&silent.map(|s| format!("{}: does not open with //!", s.path)).collect::<Vec<_>>());
}

#[test]
fn files_are_short() {
    let long = files("src", "rs").into_iter().filter(|s| s.text.lines().count() > MOST_LINES);
    complain(&long.map(|s| format!("{}: more than {MOST_LINES} lines", s.path)).collect::<Vec<_>>());
}

/// Questions lie in assets/sql, other statements are built in pg/statement. Elsewhere in the servers' room SQL is what
/// a module is about: the archive's statements, the settings of a session. Outside of it only transaction control and
/// settings without a name or value from anywhere else in them may stand.
#[test]
fn sql_stands_where_it_belongs() {
    const HEADS: [&str; 13] = [
        "\"SELECT ",
        "\"INSERT ",
        "\"UPDATE ",
        "\"DELETE ",
        "\"CREATE ",
        "\"ALTER ",
        "\"DROP ",
        "\"GRANT ",
        "\"REVOKE ",
        "\"COPY ",
        "\"LOCK ",
        "\"TRUNCATE ",
        "\"REFRESH ",
    ];
    // With the reason: what these send is fixed text.
    const ALLOWED: [(&str, &str); 5] = [
        ("src/engine/phases/large_objects.rs", "functions for large objects, values as parameters"),
        (
            "src/engine/phases/snapshot.rs",
            "pg_export_snapshot, and an empty SELECT to keep the session alive",
        ),
        ("src/engine/phases/copy.rs", "an empty SELECT"),
        ("src/engine/phases/settings.rs", "a transaction that writes, to make what came before durable"),
        ("src/engine/phases/schema.rs", "words of pg_dump's that are looked for"),
    ];
    let mut wrong = Vec::new();
    for source in files("src", "rs") {
        let in_pg = source.path.starts_with("src/pg/");
        let told = source.path.starts_with("src/cli/") || source.path.starts_with("src/demo/");
        if in_pg || told || ALLOWED.iter().any(|(path, _)| *path == source.path) {
            continue;
        }
        for (number, line) in source.code() {
            if HEADS.iter().any(|head| line.contains(head)) {
                wrong.push(format!("{}:{number}: SQL outside of assets/sql and pg/statement", source.path));
            }
        }
    }
    complain(&wrong);
}

/// A session's encoding may be another than UTF-8 on the server's side: a query with an ellipsis in its comment has
/// failed in a LATIN1 database.
#[test]
fn queries_are_ascii_and_say_what_they_ask() {
    let mut wrong = Vec::new();
    for query in files("assets/sql", "sql") {
        if !query.text.is_ascii() {
            wrong.push(format!("{}: not ASCII", query.path));
        }
        if !query.text.starts_with("-- ") || !query.text.contains("From 1") {
            wrong.push(format!("{}: must begin with what it asks and from which version on", query.path));
        }
        let relations = ["FROM pg_", "JOIN pg_"];
        for (number, line) in query.text.lines().enumerate().filter(|(_, l)| !l.starts_with("--")) {
            if relations.iter().any(|r| line.replace("pg_catalog.", "catalog.").contains(r)) {
                wrong.push(format!("{}:{}: a catalog without pg_catalog", query.path, number + 1));
            }
        }
    }
    complain(&wrong);
}

/// Every question is asked somewhere.
#[test]
fn no_query_lies_about_unused() {
    let code: String = files("src", "rs").into_iter().map(|s| s.text).collect();
    let unused = files("assets/sql", "sql").into_iter().filter(|q| {
        let name = q.path.rsplit('/').next().unwrap();
        !code.contains(&format!("assets/sql/{name}"))
    });
    complain(&unused.map(|q| format!("{}: nobody asks this", q.path)).collect::<Vec<_>>());
}

/// The project speaks of itself alone.
#[test]
fn nothing_unfinished_is_left() {
    let words = ["todo!", "unimplemented!", "FIXME", "XXX"];
    let mut wrong = Vec::new();
    for source in files("src", "rs") {
        for (number, line) in source.code() {
            if words.iter().any(|word| line.contains(word)) {
                wrong.push(format!("{}:{number}: unfinished", source.path));
            }
        }
    }
    complain(&wrong);
}
