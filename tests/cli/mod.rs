//! The command line as its users meet it: refusals, exit codes, what is printed where.

mod existing;
mod flags;
mod output;
mod refusals;

use crate::common::{Pair, Ran};
use pgpassage::demo::cluster::Cluster;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};

/// What a refusal must leave as it was: databases, roles, and the relations of database `postgres`.
pub(crate) fn inventory(cluster: &Cluster) -> String {
    let sql = "SELECT 'database', datname::text FROM pg_database
               UNION ALL SELECT 'role', rolname::text FROM pg_roles
               UNION ALL SELECT 'relation', oid::regclass::text FROM pg_class WHERE oid >= 16384
               ORDER BY 1, 2";
    cluster.psql("postgres", sql).unwrap()
}

/// One document with every key that the contracts name, and nothing else on standard output.
#[track_caller]
pub(crate) fn assert_document(ran: &Ran) {
    let json = &ran.json;
    assert!(json["format"].is_u64(), "{ran:?}");
    assert!(json["pg_databases"].is_object() && json["pg_roles"].is_object(), "{ran:?}");
    assert!(json["findings"].is_array(), "{ran:?}");
    assert!(json.get("id").is_some() && json.get("error").is_some(), "{ran:?}");
}

/// Refused with exactly this sentence, in the document and on standard error, and nothing is called done.
#[track_caller]
pub(crate) fn assert_refused(ran: &Ran, code: i32, sentence: &str) {
    assert_document(ran);
    assert_eq!(ran.error(), sentence, "{}", ran.stderr);
    assert_eq!(ran.code, code, "{ran:?}");
    assert!(ran.stderr.contains(sentence), "{}", ran.stderr);
    assert!(!ran.stdout.contains("\"done\""), "{}", ran.stdout);
}

/// A database on the source.
#[track_caller]
pub(crate) fn made(pair: &Pair, database: &str, sql: &str) {
    pair.source.psql("postgres", &format!("CREATE DATABASE \"{database}\"")).unwrap();
    pair.source.psql(database, sql).unwrap();
}

/// The same database with the same objects on both sides.
#[track_caller]
pub(crate) fn made_on_both(pair: &Pair, database: &str, sql: &str) {
    for cluster in [&pair.source, &pair.target] {
        cluster.psql("postgres", &format!("CREATE DATABASE \"{database}\"")).unwrap();
        cluster.psql(database, sql).unwrap();
    }
}

/// Why a test could not show anything here.
#[expect(clippy::print_stdout, reason = "whoever reads the tests' output has to know what was not tested")]
pub(crate) fn skipped(why: &str) {
    println!("skipped: {why}");
}

/// A session that did something and goes on holding it until it is dropped.
pub(crate) struct Holding(Child);

impl Holding {
    /// Runs the statements in a transaction and returns once they are through.
    pub(crate) fn new(cluster: &Cluster, database: &str, sql: &str) -> Self {
        let mut child = Command::new(cluster.bin().join("psql"))
            .args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-U", cluster.superuser()])
            .args(["-p", &cluster.port().to_string(), "-d", database, "-h"])
            .arg(cluster.socket_dir())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let stdin = child.stdin.as_mut().unwrap();
        writeln!(stdin, "BEGIN; {sql};\n\\echo ready").unwrap();
        let answers = BufReader::new(child.stdout.take().unwrap()).lines();
        assert!(answers.map_while(Result::ok).any(|line| line == "ready"), "{sql}");
        Self(child)
    }
}

impl Drop for Holding {
    fn drop(&mut self) {
        // It may have been ended from outside.
        self.0.kill().ok();
        self.0.wait().ok();
    }
}
