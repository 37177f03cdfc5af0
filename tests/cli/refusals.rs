//! Bad input: one clear sentence, the right exit code, and nothing changed.

use super::{Holding, assert_document, assert_refused, inventory, made, skipped};
use crate::common::{Pair, cluster, server_binaries, wait};
use pgpassage::demo::cluster::{Cluster, ClusterOptions};
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// Asks for a password, and has no place for one role.
fn guarded_cluster() -> Cluster {
    let options = ClusterOptions::new(server_binaries()).password("right");
    Cluster::start(options.hba("host all unwanted 127.0.0.1/32 reject")).unwrap()
}

/// Address, sentence, what to do.
fn closed_doors(door: &Cluster) -> Vec<(String, String, &'static str)> {
    let user = |name: &str, password: Option<&str>| door.uri_for(name, password, "postgres");
    let peer = format!("127.0.0.1:{}", door.port());
    let allow = "allow this host, user and database in the server's pg_hba.conf, or in its allow list";
    vec![
        (
            user("postgres", Some("wr0ng-secret")),
            "password authentication failed for user \"postgres\"".to_owned(),
            "check the user name and the password",
        ),
        (
            user("postgres", None),
            format!("cannot connect to {peer}: the server wants a password and none was given"),
            "give a password in the address, in PGPASSWORD or in ~/.pgpass",
        ),
        (
            user("unwanted", Some("x")),
            "pg_hba.conf rejects connection for host \"127.0.0.1\", user \"unwanted\", database \"postgres\", \
             no encryption"
                .to_owned(),
            allow,
        ),
        (
            door.uri_for("postgres", Some("right"), "x"),
            "database \"x\" does not exist".to_owned(),
            "check the name of the database",
        ),
        (
            format!("{}?sslmode=require", user("postgres", Some("right"))),
            format!("cannot connect to {peer}: server does not support SSL, but SSL was required"),
            "switch TLS on at the server, or use sslmode=prefer if the network is trusted",
        ),
        (
            "postgres://postgres@127.0.0.1:1/postgres".to_owned(),
            "cannot connect to 127.0.0.1:1: connection refused".to_owned(),
            "check that the server runs, that the port is right, and that it listens on this address (127.0.0.1:1)",
        ),
    ]
}

#[test]
fn who_is_not_let_in_is_told_why() {
    let pair = Pair::of(guarded_cluster(), cluster());
    let open = pair.target.uri("postgres");
    let before = inventory(&pair.target);
    for (address, sentence, advice) in closed_doors(&pair.source) {
        for (source, target, side) in [(&address, &open, "source"), (&open, &address, "target")] {
            let ran = pair.program(&["migrate", "-s", source, "-t", target, "--json"]);
            assert_refused(&ran, 1, &format!("{side}: {sentence}"));
            assert!(ran.stderr.contains(advice), "{}", ran.stderr);
            assert!(!format!("{}{}{}", ran.stdout, ran.stderr, pair.state_text()).contains("wr0ng-secret"));
        }
    }
    let nowhere = "postgres://postgres@name.invalid/postgres";
    let ran = pair.program(&["migrate", "-s", nowhere, "-t", &open, "--json"]);
    let begin = "source: cannot connect to name.invalid:5432: the host name cannot be resolved";
    assert!(ran.error().starts_with(begin), "{}", ran.error());
    assert!(ran.stderr.contains("check the host name"), "{}", ran.stderr);
    assert_eq!(ran.code, 1);
    assert_eq!(inventory(&pair.target), before);
}

#[test]
fn a_refusal_in_words_is_one_sentence_and_its_advice_on_stderr() {
    let pair = Pair::new();
    let target = pair.target.uri("postgres");
    let refused = "pgpassage: source: cannot connect to 127.0.0.1:1: connection refused\n  check that the server runs, \
                   that the port is right, and that it listens on this address (127.0.0.1:1)\n";
    let arguments = ["migrate", "-s", "postgres://postgres@127.0.0.1:1/x", "-t", &target];
    let ran = pair.program(&arguments);
    assert_eq!((ran.code, ran.stderr.as_str()), (1, refused));
    let ran = pair.program(&[arguments.as_slice(), &["--quiet"]].concat());
    assert_eq!((ran.code, ran.stdout.as_str(), ran.stderr.as_str()), (1, "", refused));

    let log = pair.state.path().join("no/such/log");
    let ran = pair.migrate(&["--log-file", log.to_str().unwrap()]);
    let sentence = format!("cannot write the log {}: No such file or directory (os error 2)", log.display());
    assert_refused(&ran, 4, &sentence);
}

/// The same server as a standby that follows nobody.
fn demote(cluster: &Cluster) {
    cluster.stop().unwrap();
    std::fs::write(cluster.data_dir().join("standby.signal"), "").unwrap();
    cluster.restart().unwrap();
    crate::common::eventually(cluster, "postgres", "SELECT pg_is_in_recovery()", "t");
}

#[test]
fn a_standby_is_no_target_but_a_source() {
    let pair = Pair::new();
    made(&pair, "shop", "CREATE TABLE t (i int PRIMARY KEY); INSERT INTO t VALUES (1); CREATE SEQUENCE s");
    demote(&pair.target);
    let ran = pair.migrate(&[]);
    assert_refused(&ran, 1, "the target is a standby and takes no writes");
    assert!(ran.stderr.contains("connect to its primary"), "{}", ran.stderr);

    std::fs::remove_file(pair.target.data_dir().join("standby.signal")).unwrap();
    pair.target.restart().unwrap();
    demote(&pair.source);
    pair.migrate(&[]).assert_done();
    assert_eq!(pair.target.psql("shop", "SELECT i FROM t").unwrap(), "1");
}

#[test]
fn a_silent_host_fails_within_its_connect_timeout() {
    let pair = Pair::new();
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    let target = pair.target.uri("postgres");
    let plain = format!("host=127.0.0.1 port={port} user=postgres");
    let in_string = format!("{plain} connect_timeout=1");
    for (source, environment) in
        [(in_string.as_str(), [].as_slice()), (plain.as_str(), &[("PGCONNECT_TIMEOUT", "1")])]
    {
        let began = Instant::now();
        let ran = pair.program_with(&["migrate", "-s", source, "-t", &target, "--json"], environment);
        assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
        let sentence =
            format!("source: cannot connect to 127.0.0.1:{port}: no answer within 1 s while asking for TLS");
        assert_refused(&ran, 1, &sentence);
        assert!(ran.stderr.contains("connect_timeout sets the time"), "{}", ran.stderr);
    }
}

#[test]
fn mistakes_on_the_command_line_end_with_2_and_leave_nothing() {
    let pair = Pair::new();
    let (source, target) = (pair.source.uri("postgres"), pair.target.uri("postgres"));
    let file = pair.state.path().join("role-passwords");
    let shared = format!("--role-passwords={}", file.display());
    let only_continuous = |flag: &str| {
        format!(
            "{flag} is for continuous migration, and --force-method dump is a one-time snapshot: leave out one of them"
        )
    };
    let both = ["-s", source.as_str(), "-t", target.as_str()];
    let mut cases: Vec<(Vec<&str>, String)> = vec![
        (vec!["-t", &target], "no server given: use -s or set SOURCE_SERVICE_URI".to_owned()),
        (vec!["-s", &source], "no server given: use -t or set TARGET_SERVICE_URI".to_owned()),
    ];
    let flags: [(&[&str], String); 11] = [
        (&["--replica-identity", "full"], only_continuous("--replica-identity")),
        (&["--max-replication-lag", "5"], only_continuous("--max-replication-lag")),
        (&["-m"], only_continuous("--mangle")),
        (
            &["--stop-replication"],
            "Stopping replication requires also '--max-replication-lag' >= 0".to_owned(),
        ),
        (&["--stop-replication", "--max-replication-lag", "0"], only_continuous("--max-replication-lag")),
        (
            &[&shared],
            format!(
                "--role-passwords {0}: others on this machine may read it; chmod 0600 {0}",
                file.display()
            ),
        ),
        (
            &["--migration-id", "A b"],
            "\"A b\" cannot be a migration's id: use up to 20 of a-z, 0-9 and _, beginning with a letter or digit"
                .to_owned(),
        ),
        (
            &["--migration-id", "a_a_a_a_a_a_a_a_a_a_"],
            "\"a_a_a_a_a_a_a_a_a_a_\" cannot be a migration's id: in names on the servers an underscore is written twice, \
             which makes it 30 characters of which only 28 have room; use fewer underscores"
                .to_owned(),
        ),
        (&["--skip-table", "a..b"], "\"a..b\" is not a table name: a part of it is empty".to_owned()),
        (&["--with-table", "\"a"], "\"\"a\" is not a table name: a quoted part is not closed".to_owned()),
        (
            &["--with-table", "a.b.c.d"],
            "\"a.b.c.d\" has more than three parts; write table, schema.table or db.schema.table".to_owned(),
        ),
    ];
    cases.extend(flags.map(|(more, sentence)| ([both.as_slice(), more].concat(), sentence)));
    let before = inventory(&pair.target);
    for (arguments, sentence) in cases {
        std::fs::write(&file, "app:secret\n").unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
        let ran = pair.program(&[["migrate", "--json"].as_slice(), &arguments].concat());
        assert_refused(&ran, 2, &sentence);
        std::fs::remove_file(&file).unwrap();
        assert_eq!(pair.state_text(), "", "{arguments:?}");
    }
    assert_eq!(inventory(&pair.target), before);
}

#[test]
fn what_does_not_parse_is_refused_without_a_server() {
    let pair = Pair::new();
    let target = pair.target.uri("postgres");
    for bad in ["postgres://[::1/x", "host=a nonsense", "postgres://h:port/x", "host='a", ""] {
        let ran = pair.program(&["migrate", "-s", bad, "-t", &target, "--json"]);
        assert_document(&ran);
        assert!(
            ran.error().starts_with("Invalid source or target connection string"),
            "{bad}: {}",
            ran.error()
        );
        assert_eq!(ran.code, 2);
    }
    let table = ["--with-table", "a", "--skip-table", "b", "--json"];
    for flags in [table.as_slice(), &["--if-target-not-empty", "maybe", "--json"], &["--jobs", "0", "--json"]]
    {
        let ran = pair.program(&[["migrate", "-s", &target, "-t", &target].as_slice(), flags].concat());
        assert_document(&ran);
        assert_eq!(ran.code, 2);
        let named = flags.iter().filter(|f| f.starts_with("--") && **f != "--json");
        assert!(named.clone().all(|flag| ran.error().contains(flag)), "{}", ran.error());
        assert!(named.clone().all(|flag| ran.stderr.contains(flag)), "{}", ran.stderr);
    }
}

#[test]
fn the_same_server_is_known_by_any_address() {
    let pair = Pair::new();
    made(&pair, "shop", "CREATE TABLE t ()");
    let before = inventory(&pair.source);
    let tcp = pair.source.uri("postgres");
    let socket = format!(
        "host={} port={} user=postgres dbname=shop",
        pair.source.socket_dir().display(),
        pair.source.port()
    );
    let name = format!("host=localhost port={} user=postgres", pair.source.port());
    for other in [&tcp, &socket, &name] {
        let ran = pair.program(&["migrate", "-s", &tcp, "-t", other, "--json"]);
        assert_refused(&ran, 1, "Migrating to the same server is not supported");
    }
    assert_eq!(inventory(&pair.source), before);
}

/// The server programs of an older version, where this machine has some.
fn older_binaries() -> Option<PathBuf> {
    let root = PathBuf::from(std::env::var_os("PGPASSAGE_PG_VERSIONS")?);
    let found = [14, 13, 12, 11].map(|major| root.join(format!("{major}/bin")));
    found.into_iter().find(|bin| bin.join("postgres").is_file() && bin.join("initdb").is_file())
}

#[test]
fn an_older_target_is_refused_unless_told_otherwise() {
    let Some(bin) = older_binaries() else {
        skipped("no server older than 15 below PGPASSAGE_PG_VERSIONS");
        return;
    };
    let pair = Pair::of(cluster(), Cluster::start(ClusterOptions::new(bin)).unwrap());
    made(&pair, "shop", "CREATE TABLE t (i int PRIMARY KEY); INSERT INTO t VALUES (1), (2)");
    let before = inventory(&pair.target);
    let ran = pair.migrate(&[]);
    assert_refused(&ran, 1, "Migrating to older major PostgreSQL server version is not supported");
    assert!(ran.stderr.contains("--skip-db-version-check"), "{}", ran.stderr);
    assert_eq!(inventory(&pair.target), before);

    let ran = pair.migrate(&["--skip-db-version-check"]);
    ran.assert_done();
    assert!(ran.findings("warning").iter().any(|f| f.starts_with("older-target: ")), "{ran:?}");
    assert_eq!(pair.target.psql("shop", "SELECT sum(i) FROM t").unwrap(), "3");
}

#[test]
fn what_contradicts_the_servers_is_refused_before_anything_is_made() {
    let pair = Pair::new();
    made(&pair, "shop", "CREATE ROLE app; CREATE TABLE t (i int)");
    let before = inventory(&pair.target);
    let empty = tempfile::tempdir().unwrap();
    let pgbin = empty.path().to_str().unwrap();
    let major =
        pair.source.psql("postgres", "SELECT current_setting('server_version_num')::int / 10000").unwrap();
    let cases: [(&[&str], String, &str); 8] = [
        (
            &["--no-createdb"],
            "Database 'shop' doesn't exist in target (not creating databases)".to_owned(),
            "create it there, or leave out --no-createdb",
        ),
        (
            &["--dbs-max-total-size", "1000"],
            "Databases do not fit to the required maximum size".to_owned(),
            "--dbs-max-total-size allows",
        ),
        (&["--with-table", "Nowhere"], "no table is named nowhere on the source".to_owned(), "--with-table"),
        (
            &["--skip-table", "t,shop.public.\"T\""],
            "no table is named shop.public.\"T\" on the source".to_owned(),
            "names in capitals need double quotes",
        ),
        (
            &["--with-table", "postgres.public.t"],
            "no table is named postgres.public.t on the source".to_owned(),
            "",
        ),
        (
            &["--database", "shop", "--database", "Shop"],
            "database \"Shop\" does not exist on the source".to_owned(),
            "check the names given with --database",
        ),
        (
            &["-f", "shop,postgres"],
            "there is no database to migrate".to_owned(),
            "check --database, --exclude-database and --filtered-db",
        ),
        (
            &["--pgbin", pgbin],
            format!(
                "no pg_dump here can read a PostgreSQL {major} server (none is installed); install one that can: \
                 apt-get install postgresql-client-{major}"
            ),
            "",
        ),
    ];
    for (flags, sentence, advice) in cases {
        let ran = pair.migrate(flags);
        assert_refused(&ran, 1, &sentence);
        assert!(ran.stderr.contains(advice), "{}", ran.stderr);
        // The checks say the same and change nothing either.
        assert_refused(&pair.migrate(&[flags, &["--validate"]].concat()), 1, &sentence);
    }
    assert_eq!(inventory(&pair.target), before);
    let sessions = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'pgpassage%'";
    crate::common::eventually(&pair.source, "postgres", sessions, "0");
}

/// Name, sentence, what to do.
fn closed_databases() -> [(&'static str, String, &'static str); 5] {
    let cannot = "the source's database cannot be reached: ";
    [
        (
            "closed",
            "the source's user has no CONNECT privilege on the database".to_owned(),
            "on the source: GRANT CONNECT ON DATABASE \"closed\" TO \"mover\"; or leave it out with --exclude-database",
        ),
        (
            "shut",
            "the source's database does not accept connections".to_owned(),
            "on the source: ALTER DATABASE \"shut\" WITH ALLOW_CONNECTIONS true; or leave it out with --exclude-database",
        ),
        (
            "guarded",
            format!(
                "{cannot}pg_hba.conf rejects connection for host \"127.0.0.1\", user \"mover\", database \"guarded\", \
                 no encryption"
            ),
            "allow this host, user and database in the server's pg_hba.conf, or in its allow list",
        ),
        (
            "full",
            format!("{cannot}too many connections for database \"full\""),
            "lower --jobs, close idle sessions, or raise max_connections or the limit of the role or database",
        ),
        (
            "barred",
            "the target's database cannot be reached: database \"barred\" is not currently accepting connections".to_owned(),
            "on the target: ALTER DATABASE \"barred\" WITH ALLOW_CONNECTIONS true;",
        ),
    ]
}

#[test]
fn databases_that_cannot_be_reached_are_all_named_and_can_be_left_out() {
    let refusing = ClusterOptions::new(server_binaries()).hba("host guarded mover 127.0.0.1/32 reject");
    let pair = Pair::of(Cluster::start(refusing).unwrap(), cluster());
    for database in ["open", "closed", "shut", "guarded", "full", "barred"] {
        made(&pair, database, "CREATE TABLE t (i int); INSERT INTO t VALUES (1)");
    }
    let setup = "CREATE ROLE mover LOGIN; GRANT pg_read_all_data TO mover; REVOKE CONNECT ON DATABASE closed FROM PUBLIC;
                 ALTER DATABASE shut ALLOW_CONNECTIONS false; ALTER DATABASE \"full\" CONNECTION LIMIT 0";
    pair.source.psql("postgres", setup).unwrap();
    pair.target.psql("postgres", "CREATE DATABASE barred; ").unwrap();
    pair.target.psql("postgres", "ALTER DATABASE barred ALLOW_CONNECTIONS false").unwrap();
    let (source, target) = (pair.source.uri_for("mover", None, "postgres"), pair.target.uri("postgres"));
    let (sources, targets) = (inventory(&pair.source), inventory(&pair.target));
    let migrate = ["migrate", "-s", &source, "-t", &target, "--json"];
    let ran = pair.program(&migrate);
    assert_document(&ran);
    assert_eq!((ran.code, &ran.json["pg_databases"]), (1, &serde_json::json!({})), "{ran:?}");
    // Nothing was made on either server, for the sake of the others neither.
    assert_eq!((inventory(&pair.source), inventory(&pair.target)), (sources, targets));
    let reasons = closed_databases();
    for (name, sentence, fix) in &reasons {
        assert!(ran.error().contains(&format!("database {name}: {sentence}")), "{}", ran.error());
        let found = ran.json["findings"].as_array().unwrap();
        let told = found.iter().find(|f| f["database"] == *name && f["severity"] == "blocker").unwrap();
        assert_eq!((&told["title"], &told["fix"]), (&sentence.as_str().into(), &(*fix).into()));
    }
    let ways = "pgpassage check with the same arguments says what helps each of them; or leave them out with \
                --exclude-database; or take the risk with --skip-check source-databases,target-databases";
    assert!(ran.stderr.contains(ways), "{}", ran.stderr);

    let one = pair.program(&[migrate.as_slice(), &["--database", "shut"]].concat());
    assert_refused(&one, 1, "database shut: the source's database does not accept connections");
    // Left out by name, or met on the way as asked: the others are moved.
    let names: Vec<_> = reasons.iter().flat_map(|(name, ..)| ["--exclude-database", name]).collect();
    let without = [migrate.as_slice(), &names].concat();
    let risked = [
        migrate.as_slice(),
        &["--database", "open", "--database", "shut", "--skip-check", "source-databases"],
    ];
    pair.program(&without).assert_done();
    let there = "SELECT string_agg(datname, ' ' ORDER BY datname) FROM pg_database WHERE oid > 16383";
    assert_eq!(pair.target.psql("postgres", there).unwrap(), "barred open");
    assert_eq!(pair.target.psql("open", "SELECT i FROM t").unwrap(), "1");
    pair.target.psql("postgres", "DROP DATABASE open").unwrap();
    let ran = pair.program(&risked.concat());
    assert_eq!((ran.code, ran.status("open"), ran.status("shut")), (3, "done", "failed"), "{ran:?}");
    assert!(ran.message("shut").contains("does not accept connections"), "{ran:?}");
}

#[test]
fn a_second_engine_is_told_the_firsts_pid() {
    let pair = Pair::new();
    made(&pair, "shop", "CREATE TABLE t (i int); INSERT INTO t VALUES (1)");
    let lock = Holding::new(&pair.source, "shop", "LOCK TABLE t IN ACCESS EXCLUSIVE MODE");
    let (source, target) = (pair.source.uri("postgres"), pair.target.uri("postgres"));
    let arguments = ["migrate", "-s", &source, "-t", &target, "--migration-id", "mine", "--json"];
    let first = pair.start(&arguments, &[]);
    let waits = "SELECT count(*) FROM pg_locks WHERE NOT granted";
    crate::common::eventually(&pair.source, "shop", waits, "1");

    let ran = pair.program(&arguments);
    let pid = pair.program(&["list", "--json"]).json[0]["engine_pid"].as_u64().unwrap();
    assert_ne!(pid, u64::from(first.id()));
    let sentence =
        format!("another engine works on this migration (pid {pid}); wait for it or stop it first");
    assert_refused(&ran, 1, &sentence);
    assert_eq!(ran.json["id"], "mine");

    drop(lock);
    crate::common::Ran::from(wait(first)).assert_done();
    let ran = pair.program(&arguments);
    let folder = pair.state.path().join("pgpassage/mine");
    let sentence = format!(
        "{} belongs to a migration that was started before; choose another --migration-id",
        folder.display()
    );
    assert_refused(&ran, 1, &sentence);
}

#[test]
fn a_password_in_the_arguments_is_warned_about_once() {
    let pair = Pair::new();
    let with = |cluster: &Cluster| cluster.uri_for("postgres", Some("s3cret-word"), "postgres");
    let (source, target) = (with(&pair.source), with(&pair.target));
    let times = |ran: &crate::common::Ran| ran.stderr.matches("can be seen by everybody").count();
    let check = ["migrate", "--validate", "--json"];
    let ran = pair.program(&[check.as_slice(), &["-s", &source, "-t", &target]].concat());
    assert_eq!((ran.code, times(&ran)), (0, 1), "{}", ran.stderr);
    let ran =
        pair.program_with(&[check.as_slice(), &["-t", &target]].concat(), &[("SOURCE_SERVICE_URI", &source)]);
    assert_eq!((ran.code, times(&ran)), (0, 1), "{}", ran.stderr);
    assert!(ran.stderr.contains("TARGET_SERVICE_URI"), "{}", ran.stderr);
    let environment = [("SOURCE_SERVICE_URI", source.as_str()), ("TARGET_SERVICE_URI", target.as_str())];
    let ran = pair.program_with(&check, &environment);
    assert_eq!((ran.code, times(&ran)), (0, 0), "{}", ran.stderr);
    assert!(!pair.state_text().contains("s3cret-word"));
}

/// A file system of a few MB in memory; gone when this is dropped.
struct SmallDisk(PathBuf);

impl SmallDisk {
    /// Owned by whoever owns the file `like`. None where mounting is not permitted.
    fn mount(path: &Path, megabytes: u32, like: &Path) -> Option<Self> {
        let owner = std::fs::metadata(like).unwrap();
        std::fs::create_dir(path).unwrap();
        let options = format!("size={megabytes}m,mode=0700,uid={},gid={}", owner.uid(), owner.gid());
        let mount = Command::new("mount").args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(path).output();
        let mounted = mount.is_ok_and(|output| output.status.success());
        mounted.then(|| Self(path.to_owned()))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: the server still has files open there.
        Command::new("umount").arg("-l").arg(&self.0).status().ok();
    }
}

#[test]
fn a_full_disk_on_the_target_fails_its_database_and_says_so() {
    let pair = Pair::new();
    let place = pair.target.folder().join("small");
    let Some(_disk) = SmallDisk::mount(&place, 24, &pair.target.data_dir()) else {
        skipped("mounting a file system is not permitted here");
        return;
    };
    let rows =
        "CREATE TABLE t AS SELECT i, repeat(md5(i::text), 10) AS text FROM generate_series(1, 100000) i";
    made(&pair, "large", &format!("{rows}; CREATE TABLE u (i int); INSERT INTO u VALUES (1)"));
    made(&pair, "fits", "CREATE TABLE t (i int); INSERT INTO t VALUES (1)");
    let space = format!("CREATE TABLESPACE small LOCATION '{}'", place.display());
    pair.target.psql("postgres", &space).unwrap();
    pair.target.psql("postgres", "CREATE DATABASE large TABLESPACE small").unwrap();
    let ran = pair.migrate(&[]);
    assert_document(&ran);
    assert_eq!((ran.code, ran.status("fits"), ran.status("large")), (3, "done", "failed"), "{ran:?}");
    let message = ran.message("large");
    assert!(message.starts_with("copying public.t: the target says: could not extend file"), "{message}");
    assert!(message.contains("No space left on device"), "{message}");
    assert!(message.contains("make room on the server's disk and try again"), "{message}");
    let left = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'pgpassage%'";
    for cluster in [&pair.source, &pair.target] {
        crate::common::eventually(cluster, "postgres", left, "0");
    }

    pair.target.psql("postgres", "DROP DATABASE large").unwrap();
    pair.target.psql("postgres", "CREATE DATABASE large TABLESPACE small").unwrap();
    let ran = pair.migrate(&["--database", "large"]);
    assert_eq!((ran.code, ran.status("large")), (4, "failed"), "{ran:?}");
}
