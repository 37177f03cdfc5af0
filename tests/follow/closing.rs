//! The closing of connections: of several databases at a time, guarded meanwhile, asked for by several windows, and of what
//! no lock keeps from being written to.

use crate::catalog::leftovers;
use crate::common::{Pair, Ran, eventually, server_binaries, wait};
use crate::engine::later;
use crate::pair;
use pgpassage::demo::cluster::Cluster;
use std::io::Write;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const TABLE: &str = "CREATE TABLE t (a int PRIMARY KEY); INSERT INTO t VALUES (1)";

/// A session that works through statements and then stays open; it ends when it is dropped.
struct Aside(Child);

impl Aside {
    fn of(cluster: &Cluster, database: &str, statements: &str) -> Aside {
        let mut psql = Command::new(server_binaries().join("psql"))
            .args(["-X", "-q", "-d", &cluster.uri(database)])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // Each is a transaction of its own, unless they say otherwise. The input stays open, and so does the session.
        psql.stdin.as_mut().unwrap().write_all(statements.as_bytes()).unwrap();
        Aside(psql)
    }
}

impl Drop for Aside {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// Nothing that was written is applied in this database, as long as this lives.
fn hold_up(pair: &Pair, database: &str) -> Aside {
    let aside = Aside::of(&pair.target, database, "BEGIN; LOCK TABLE t;\n");
    let locked = "SELECT count(*) FROM pg_locks WHERE relation = 't'::regclass AND mode = 'AccessExclusiveLock' AND granted";
    eventually(&pair.target, database, locked, "1");
    pair.source.psql(database, "INSERT INTO t SELECT max(a) + 1 FROM t").unwrap();
    aside
}

/// Databases of these names follow.
fn follow(pair: &Pair, databases: &[&str], further: &[&str]) {
    for database in databases {
        pair.source.psql("postgres", &format!("CREATE DATABASE {database}")).unwrap();
        pair.source.psql(database, TABLE).unwrap();
    }
    let mut words = vec!["--force-method", "replication", "--migration-id", "follow"];
    if !databases.is_empty() {
        words.extend(["--filtered-db", "postgres"]);
    }
    words.extend(further);
    let ran = pair.migrate(&words);
    assert_eq!(ran.code, 0, "{}\n{}", ran.stderr, ran.stdout);
    for database in databases {
        assert_eq!(ran.status(database), "running", "{}", ran.stdout);
        // It is nobody's to take back any more, and does not say that it were.
        let comment =
            "SELECT shobj_description(oid, 'pg_database') IS NULL FROM pg_database WHERE datname = ";
        assert_eq!(pair.target.psql("postgres", &format!("{comment}'{database}'")).unwrap().trim(), "t");
    }
}

/// Its closing has begun: nobody writes to it.
fn is_silent(pair: &Pair, database: &str) {
    let held =
        "SELECT count(*) > 0 FROM pg_locks WHERE relation = 't'::regclass AND mode = 'ShareLock' AND granted";
    eventually(&pair.source, database, held, "t");
}

fn of_database(cluster: &Cluster, database: &str) -> Vec<String> {
    let name = format!("_{database}_");
    leftovers(cluster).into_iter().filter(|object| object.contains(&name)).collect()
}

/// The source is kept from being written to for as long as the slowest one takes.
#[test]
fn several_are_closed_side_by_side() {
    let pair = pair();
    let databases = ["one", "two", "three"];
    follow(&pair, &databases, &["--foreground"]);
    let held_up: Vec<Aside> = databases.iter().map(|database| hold_up(&pair, database)).collect();
    let finish =
        pair.start(&["finish", "follow", "--json", "--verify", "checksums", "--timeout", "100"], &[]);
    databases.iter().for_each(|database| is_silent(&pair, database));
    // One after the other goes on, in any order.
    for (database, aside) in databases.iter().zip(held_up).rev() {
        drop(aside);
        let began = Instant::now();
        while !of_database(&pair.source, database).is_empty() {
            assert!(began.elapsed() < Duration::from_secs(60), "{:?}", leftovers(&pair.source));
            std::thread::sleep(Duration::from_millis(50));
        }
    }
    let ran = Ran::from(wait(finish));
    ran.assert_done();
    for database in databases {
        assert_eq!(ran.status(database), "done", "{}", ran.stdout);
        assert_eq!(pair.target.psql(database, "SELECT count(*) FROM t").unwrap(), "2");
    }
    assert_eq!((leftovers(&pair.source), leftovers(&pair.target)), (Vec::new(), Vec::new()));
}

/// The source's disk is guarded all the time: that of a database whose closing waits, and of one that was refused and goes
/// on following.
#[test]
fn the_guard_goes_on_while_connections_are_closed() {
    let pair = pair();
    follow(&pair, &["one", "two"], &["--max-wal-kept", "30000000"]);
    let _held_up = hold_up(&pair, "one");
    // Whoever writes to it for ten seconds more keeps it from being closed.
    let writer = Aside::of(&pair.source, "two", "BEGIN; LOCK TABLE t IN ROW EXCLUSIVE MODE;\n");
    let writes = "SELECT count(*) FROM pg_locks WHERE relation = 't'::regclass AND mode = 'RowExclusiveLock' AND granted";
    eventually(&pair.source, "two", writes, "1");
    let finish = pair.start(&["finish", "follow", "--json", "--timeout", "100"], &[]);
    is_silent(&pair, "one");
    let began = Instant::now();
    while !pair.state_text().contains("it goes on following: the source is still written to") {
        assert!(began.elapsed() < Duration::from_secs(60), "{}", pair.state_text());
        std::thread::sleep(Duration::from_millis(50));
    }
    drop(writer);
    let _held_up_too = hold_up(&pair, "two");
    // What is written elsewhere on the server is kept for both.
    let write = "CREATE TABLE much (t text); INSERT INTO much SELECT repeat(md5(i::text), 10) FROM generate_series(1, 150000) i";
    pair.source.psql("postgres", write).unwrap();
    let ran = Ran::from(wait(finish));
    assert_eq!(ran.status("one"), "failed", "{}", ran.stdout);
    // The guard, who has nothing to guard any more then, goes in good order.
    let began = Instant::now();
    while pair.program(&["list", "--json"]).json[0]["engine_pid"].is_u64() {
        assert!(began.elapsed() < Duration::from_secs(30));
        std::thread::sleep(Duration::from_millis(50));
    }
    let listed = pair.program(&["list", "--json"]);
    assert_eq!((&listed.json[0]["status"], &listed.json[0]["died"]), (&"failed".into(), &false.into()));
    let ran = pair.program(&["attach", "follow", "--json"]);
    assert_eq!(ran.code, 4, "{}\n{}", ran.stderr, ran.stdout);
    for database in ["one", "two"] {
        assert_eq!(ran.status(database), "failed", "{}", ran.stdout);
        assert!(ran.message(database).contains("--max-wal-kept allows 30000000"), "{}", ran.stdout);
    }
    let given_up = ran.findings("lost").iter().filter(|f| f.starts_with("wal-kept: ")).count();
    assert_eq!(given_up, 2, "{}", ran.stdout);
    assert_eq!((leftovers(&pair.source), leftovers(&pair.target)), (Vec::new(), Vec::new()));
}

/// Two windows ask the guard for the same; each hears what became of its own wish.
#[test]
fn each_window_gets_its_own_answer() {
    let pair = pair();
    follow(&pair, &["one"], &[]);
    let held_up = hold_up(&pair, "one");
    let impatient = pair.start(&["finish", "follow", "--json", "--timeout", "4"], &[]);
    is_silent(&pair, "one");
    let patient = pair.start(&["finish", "follow", "--json", "--timeout", "100"], &[]);
    let refused = Ran::from(wait(impatient));
    assert_eq!(
        (refused.code, refused.status("one")),
        (4, "running"),
        "{}\n{}",
        refused.stderr,
        refused.stdout
    );
    is_silent(&pair, "one");
    drop(held_up);
    let done = Ran::from(wait(patient));
    assert_eq!((done.code, done.status("one")), (0, "done"), "{}\n{}", done.stderr, done.stdout);
    assert_eq!((leftovers(&pair.source), leftovers(&pair.target)), (Vec::new(), Vec::new()));
}

/// No lock keeps large objects from being written to, and what servers count is known late: they are held against what was
/// copied.
#[test]
fn large_objects_that_are_written_while_it_is_closed_are_noticed_at_once() {
    let late = "SELECT count(*) FROM t; SELECT lo_put(4711, 0, 'COMMITTED'); SELECT pg_sleep(60);\n";
    let open = "BEGIN; SELECT lo_put(4711, 0, 'in the end'); SELECT pg_sleep(0);\n";
    for (statements, said) in [
        (late, "large objects of the source are still written to"),
        (open, "the source is still written to: pid "),
    ] {
        let pair = pair();
        pair.source
            .psql("postgres", &format!("{TABLE}; SELECT lo_from_bytea(4711, 'as it was before')"))
            .unwrap();
        follow(&pair, &[], &["--database", "postgres"]);
        // Large objects are copied, and the tables are not compared yet.
        let locked = Aside::of(&pair.target, "postgres", "BEGIN; LOCK TABLE t;\n");
        let lock = "SELECT count(*) FROM pg_locks WHERE relation = 't'::regclass AND mode = 'AccessExclusiveLock' AND granted";
        eventually(&pair.target, "postgres", lock, "1");
        let (source, target) = (pair.source.uri("postgres"), pair.target.uri("postgres"));
        let finish = pair.start(&["finish", "follow", "-s", &source, "-t", &target, "--json"], &[]);
        let compares = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%count(*)%'";
        eventually(&pair.target, "postgres", compares, "1");
        let writer = Aside::of(&pair.source, "postgres", statements);
        let written = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(%' AND pid <> pg_backend_pid()";
        eventually(&pair.source, "postgres", written, "1");
        drop(locked);
        let refused = Ran::from(wait(finish));
        assert_eq!((refused.code, refused.status("postgres")), (4, "running"), "{}", refused.stdout);
        assert!(refused.message("postgres").contains(said), "{}", refused.stdout);
        drop(writer);
        later(&pair, "finish", &["--verify", "checksums"]).assert_done();
        let content = "SELECT encode(lo_get(4711), 'escape')";
        let answer = pair.source.psql("postgres", content).unwrap();
        assert_eq!(pair.target.psql("postgres", content).unwrap(), answer);
    }
}

/// By inheritance the target has the parent's columns first. Rows are the same all the same, and others are not.
#[test]
fn columns_in_another_order_hold_the_same_rows() {
    let pair = pair();
    let tables = "CREATE TABLE parent (a int, \"b; c\" text);
        CREATE TABLE child (\"b; c\" text, a int PRIMARY KEY, g int GENERATED ALWAYS AS (a * 2) STORED);
        ALTER TABLE child INHERIT parent; INSERT INTO child VALUES ('x', 1), ('y', 2);
        CREATE TABLE t (t int PRIMARY KEY, v text); INSERT INTO t VALUES (1, 'v')";
    pair.source.psql("postgres", tables).unwrap();
    follow(&pair, &[], &["--replica-identity", "skip"]);
    let first = "SELECT attname FROM pg_attribute WHERE attrelid = 'child'::regclass AND attnum = 1";
    assert_eq!(
        (pair.source.psql("postgres", first).unwrap(), pair.target.psql("postgres", first).unwrap()),
        ("b; c".into(), "a".into())
    );
    pair.source.psql("postgres", "INSERT INTO child VALUES ('z', 3)").unwrap();
    eventually(&pair.target, "postgres", "SELECT count(*) FROM child", "3");
    pair.target.psql("postgres", "UPDATE child SET \"b; c\" = 'other' WHERE a = 1").unwrap();
    // By its name the whole row of t could be taken for a column.
    pair.target.psql("postgres", "UPDATE t SET v = 'other'").unwrap();
    let refused = later(&pair, "finish", &["--verify", "checksums"]);
    let lost = refused.findings("lost").join("\n");
    for table in ["child", "t"] {
        assert!(lost.contains(&format!("public.{table} is not the same on both sides")), "{lost}");
    }
    pair.target.psql("postgres", "UPDATE t SET v = 'v'").unwrap();
    pair.target.psql("postgres", "UPDATE child SET \"b; c\" = 'x' WHERE a = 1").unwrap();
    let done = later(&pair, "finish", &["--verify", "checksums"]);
    assert_eq!((done.code, done.status("postgres")), (0, "done"), "{}\n{}", done.stderr, done.stdout);
}
