//! The checks between real servers: each made to speak and to be silent, and every statement that they offer, executed.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test that cannot go on has failed; one that is skipped says so"
)]

#[expect(dead_code, reason = "the harness is shared with other tests, which use the rest of it")]
#[path = "../common/mod.rs"]
mod common;

mod asking;
mod builds;
mod covered;
mod databases;
mod face;
mod grants;
mod report;
mod rights;
mod scale;
mod script;
mod servers;
mod states;
mod target;
mod users;
mod versions;

use common::{Pair, Ran, server_binaries};
use pgpassage::demo::cluster::{Cluster, ClusterOptions};
use serde_json::Value;
use std::io::Write;
use std::process::{Child, Command, Stdio};

/// In every name that gets into a statement.
const HOSTILE: &str = "a\"; DROP TABLE x; -- 'é";

fn with(settings: &[(&str, &str)]) -> Cluster {
    let mut options = ClusterOptions::new(server_binaries());
    for (name, value) in settings {
        options = options.setting(*name, *value);
    }
    Cluster::start(options).unwrap()
}

/// A source that can be followed, and a target that can follow.
fn pair() -> Pair {
    Pair::of(with(&[("wal_level", "logical")]), with(&[]))
}

/// `check --json` as superusers.
fn check(pair: &Pair, arguments: &[&str]) -> Checked {
    check_as(pair, ("postgres", "postgres"), arguments)
}

fn check_as(pair: &Pair, (source, target): (&str, &str), arguments: &[&str]) -> Checked {
    let from = pair.source.uri_for(source, None, "postgres");
    let to = pair.target.uri_for(target, None, "postgres");
    check_between(pair, (&from, &to), arguments)
}

/// Between these addresses.
fn check_between(pair: &Pair, (from, to): (&str, &str), arguments: &[&str]) -> Checked {
    let ran = pair.program(&[&["check", "-s", from, "-t", to, "--json"], arguments].concat());
    assert!(ran.json["databases"].is_object() && ran.json["findings"].is_array(), "{ran:?}");
    Checked::new(ran)
}

/// What the checks said.
struct Checked(Ran);

impl Checked {
    fn new(ran: Ran) -> Self {
        let found = ran.json["findings"].as_array().unwrap();
        covered::note(found.iter().map(|finding| text(finding, "id")));
        Self(ran)
    }

    fn json(&self) -> &Value {
        &self.0.json
    }

    fn findings(&self) -> &Vec<Value> {
        self.json()["findings"].as_array().unwrap()
    }

    /// Of this check and database.
    fn of(&self, id: &str, database: Option<&str>) -> Vec<&Value> {
        let database = database.map_or(Value::Null, Value::from);
        self.findings().iter().filter(|f| f["id"] == id && f["database"] == database).collect()
    }

    #[track_caller]
    fn one(&self, id: &str, database: Option<&str>) -> &Value {
        let found = self.of(id, database);
        assert_eq!(found.len(), 1, "{id}: {:?}", self.0);
        found[0]
    }

    /// Speaks, and with this weight.
    #[track_caller]
    fn says(&self, id: &str, database: Option<&str>, severity: &str) -> &Value {
        let finding = self.one(id, database);
        assert_eq!(finding["severity"], severity, "{finding}");
        finding
    }

    #[track_caller]
    fn is_silent(&self, id: &str, database: Option<&str>) {
        assert_eq!(self.of(id, database), Vec::<&Value>::new(), "{id}");
        let unknown = self.json()["unknown"].as_array().unwrap();
        assert!(!unknown.iter().any(|u| u["id"] == id), "{unknown:?}");
    }

    fn verdict(&self, database: &str) -> &str {
        self.json()["databases"][database]["verdict"].as_str().unwrap_or("absent")
    }
}

fn text<'a>(finding: &'a Value, key: &str) -> &'a str {
    finding[key].as_str().unwrap()
}

fn objects(finding: &Value) -> Vec<&str> {
    finding["objects"].as_array().unwrap().iter().map(|o| o.as_str().unwrap()).collect()
}

/// Does what the fix says, word for word: each statement that it offers on either side, in that database.
#[track_caller]
fn obey(pair: &Pair, finding: &Value, database: &str) {
    let fix = text(finding, "fix");
    let mut done = 0;
    for (side, cluster) in [("on the source", &pair.source), ("on the target", &pair.target)] {
        for piece in fix.split(side).skip(1) {
            let piece = piece.split("on the source").next().unwrap().split("on the target").next().unwrap();
            let from = piece.find(": ").unwrap() + 2;
            let Some(to) = piece.rfind(';') else { continue };
            cluster.psql(database, &piece[from..=to]).unwrap_or_else(|e| panic!("{fix}: {e}"));
            done += 1;
        }
    }
    assert!(done > 0, "no statement in {fix:?}");
}

/// A session on the source that was told something, until it is dropped.
struct Open(Child);

impl Open {
    fn new(pair: &Pair, sql: &str) -> Self {
        let source = &pair.source;
        let mut child = Command::new(source.bin().join("psql"))
            .args(["-X", "-q", "-U", "postgres", "-d", "postgres", "-p", &source.port().to_string(), "-h"])
            .arg(source.socket_dir())
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        writeln!(child.stdin.as_mut().unwrap(), "{sql};").unwrap();
        Self(child)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}
