//! What must be known and may appear nowhere: passwords, hashes, placeholders.

use super::traps::{ask, finish, found};
use crate::common::{Pair, Ran, eventually, server_binaries};
use pgpassage::demo::cluster::{Cluster, ClusterOptions};
use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Child;

const SOURCE_PASSWORD: &str = "S3cr3t-source 'p%w\\";
const TARGET_PASSWORD: &str = "S3cr3t-target:p@w/";
const MAPPING: &str = "S3cr3t-user-mapping";

fn guarded_pair() -> Pair {
    let cluster = |password: &str| {
        let options = ClusterOptions::new(server_binaries()).password(password);
        Cluster::start(options.setting("log_statement", "all").setting("log_min_duration_statement", "0"))
            .unwrap()
    };
    let pair = Pair::of(cluster(SOURCE_PASSWORD), cluster(TARGET_PASSWORD));
    // The target's password comes from ~/.pgpass, where colons and backslashes are escaped.
    let escaped = TARGET_PASSWORD.replace('\\', "\\\\").replace(':', "\\:");
    let file = pair.state.path().join(".pgpass");
    std::fs::write(&file, format!("127.0.0.1:{}:*:postgres:{escaped}\n", pair.target.port())).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    pair
}

/// A run whose passwords are given in ways that nobody can see.
fn start(pair: &Pair, arguments: &[&str]) -> Child {
    let target = pair.target.uri_for("postgres", None, "postgres");
    let source = pair.source.uri("postgres");
    let environment = [("SOURCE_SERVICE_URI", source.as_str()), ("TARGET_SERVICE_URI", target.as_str())];
    pair.start(&[&["migrate", "--json"], arguments].concat(), &environment)
}

/// The state folder without what we put there ourselves.
fn written(pair: &Pair) -> String {
    std::fs::remove_file(pair.state.path().join(".pgpass")).ok();
    pair.state_text()
}

#[track_caller]
fn assert_nowhere(secrets: &[&str], places: &[(&str, &str)]) {
    for secret in secrets {
        for (place, text) in places {
            let at = text.find(secret);
            let around = at.map(|at| {
                text[..at].chars().rev().take(120).collect::<String>().chars().rev().collect::<String>()
            });
            assert_eq!(around, None, "{secret} is in {place}, after this");
        }
    }
}

/// The command lines and environments of all descendants, and the command line of the process itself.
fn seen_by_others(root: u32) -> Vec<(String, String)> {
    let read = |pid: u32, what: &str| {
        let bytes = std::fs::read(format!("/proc/{pid}/{what}")).unwrap_or_default();
        String::from_utf8_lossy(&bytes).replace('\0', "\n")
    };
    let mut family = BTreeSet::from([root]);
    let mut seen = vec![("our argv".to_owned(), read(root, "cmdline"))];
    let mut processes: Vec<u32> = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        processes.extend(entry.file_name().to_string_lossy().parse::<u32>());
    }
    processes.sort_unstable();
    for pid in processes {
        let parent = read(pid, "stat")
            .rsplit(')')
            .next()
            .and_then(|s| s.split_whitespace().nth(1)?.parse::<u32>().ok());
        if parent.is_some_and(|p| family.contains(&p)) {
            family.insert(pid);
            seen.push((format!("argv of {}", read(pid, "comm").trim()), read(pid, "cmdline")));
            seen.push((format!("environment of {}", read(pid, "comm").trim()), read(pid, "environ")));
        }
    }
    seen
}

#[test]
fn nothing_secret_is_seen_or_written() {
    let pair = guarded_pair();
    pair.source
        .psql(
            "postgres",
            &format!(
                "CREATE ROLE app LOGIN PASSWORD 'S3cr3t-app-role'; CREATE ROLE mapped LOGIN; CREATE DATABASE shop; \
                 SET password_encryption = 'md5'; CREATE ROLE old LOGIN PASSWORD 'S3cr3t-old-role'; \
                 \\c shop \n CREATE EXTENSION postgres_fdw; CREATE SERVER far FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host 'h'); \
                 CREATE USER MAPPING FOR app SERVER far OPTIONS (user 'u', password '{MAPPING}-1'); \
                 CREATE USER MAPPING FOR mapped SERVER far OPTIONS (user 'u', password '{MAPPING}-2'); \
                 CREATE SUBSCRIPTION sub CONNECTION 'host=h password=S3cr3t-subscription' PUBLICATION p WITH (connect = false); \
                 CREATE TABLE t AS SELECT generate_series(1, 100) AS i"
            ),
        )
        .unwrap();
    let hashes = ask(
        &pair.source,
        "postgres",
        "SELECT string_agg(rolpassword, ' ') FROM pg_authid WHERE rolpassword IS NOT NULL",
    );
    let log_file = pair.state.path().join("extra.log");
    let (ran, seen) = std::thread::scope(|scope| {
        // pg_dump stops at this catalog, so that there is time to look at it.
        scope.spawn(|| {
            pair.source.psql("shop", "BEGIN; LOCK TABLE pg_catalog.pg_transform; SELECT pg_sleep(100)").ok()
        });
        eventually(
            &pair.source,
            "postgres",
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'",
            "1",
        );
        // One mapping fails, because its role is not there.
        let child =
            start(&pair, &["-d", "--excluded-roles", "mapped", "--log-file", log_file.to_str().unwrap()]);
        let dumping = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%pg_transform%'";
        eventually(&pair.source, "postgres", dumping, "1");
        let seen = seen_by_others(child.id());
        ask(
            &pair.source,
            "postgres",
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'",
        );
        (finish(child), seen)
    });
    assert!(seen.iter().any(|(place, _)| place == "environment of pg_dump"), "{seen:?}");
    // The mapping is lost, and said so.
    assert_eq!((ran.code, ran.status("shop")), (3, "failed"), "{}\n{}", ran.stderr, ran.stdout);
    assert!(found(&ran, "lost").contains("USER MAPPING"), "{}", ran.stdout);
    assert_eq!(ran.json["pg_roles"]["app"]["status"], "created");
    let carried = "SELECT string_agg(rolpassword, ' ') FROM pg_authid WHERE rolname IN ('app', 'old')";
    assert_eq!(ask(&pair.source, "postgres", carried), ask(&pair.target, "postgres", carried));

    let state = written(&pair);
    assert!(state.contains("user_mapping") || state.contains("USER MAPPING"));
    let target_log = pair.target.log_text();
    let mut secrets =
        vec![SOURCE_PASSWORD, TARGET_PASSWORD, MAPPING, "S3cr3t", "placeholder_", "SCRAM-SHA-256$"];
    secrets.extend(hashes.split(' '));
    let encoded = pair.source.uri("postgres");
    let encoded = encoded.split(':').nth(2).unwrap().split('@').next().unwrap();
    secrets.push(encoded);
    let mut places =
        vec![("the state folder", state.as_str()), ("stdout", &ran.stdout), ("stderr", &ran.stderr)];
    places.extend(seen.iter().map(|(place, text)| (place.as_str(), text.as_str())));
    assert_nowhere(&secrets, &places);
    // Of the target's own log: what we log in with, and hashes.
    assert!(target_log.contains("CREATE TABLE"), "log_statement is not on");
    assert_nowhere(
        &["SCRAM-SHA-256$", "PASSWORD 'md5", "S3cr3t-source", "S3cr3t-target", MAPPING],
        &[("the target's log", &target_log)],
    );
    assert_private(&pair.state.path().join("pgpassage"));
}

/// By a user who may not keep statements out of the target's log: where the password went is said.
#[test]
fn a_mapping_that_stays_in_the_targets_log_is_told() {
    let cluster =
        || Cluster::start(ClusterOptions::new(server_binaries()).setting("log_statement", "ddl")).unwrap();
    let pair = Pair::of(cluster(), cluster());
    let mapping = format!(
        "CREATE FOREIGN DATA WRAPPER w; CREATE SERVER far FOREIGN DATA WRAPPER w;
         CREATE USER MAPPING FOR PUBLIC SERVER far OPTIONS (password '{MAPPING}')"
    );
    pair.source.psql("postgres", "CREATE DATABASE shop").unwrap();
    pair.source.psql("shop", &mapping).unwrap();
    pair.target.psql("postgres", "CREATE ROLE mover LOGIN CREATEDB CREATEROLE").unwrap();
    let migrate = |user: &str, id: &str| {
        let (source, target) = (pair.source.uri("postgres"), pair.target.uri_for(user, None, "postgres"));
        let more =
            ["--database", "shop", "--migration-id", id, "--skip-check", "superuser-objects", "--json"];
        pair.program(&[["migrate", "-s", &source, "-t", &target].as_slice(), more.as_slice()].concat())
    };
    let ran = migrate("mover", "plain");
    let said = ran.findings("warning").join("\n");
    let told = "log: the target writes options of user mappings and foreign servers, which may hold passwords, into its log";
    assert!(said.contains(told) && pair.target.log_text().contains(MAPPING), "{said}\n{}", ran.stdout);
    assert_nowhere(
        &[MAPPING],
        &[("stdout", &ran.stdout), ("stderr", &ran.stderr), ("the state folder", &pair.state_text())],
    );

    pair.target.psql("postgres", "DROP DATABASE shop").unwrap();
    let before = pair.target.log_text().matches(MAPPING).count();
    let ran = migrate("postgres", "super");
    assert_eq!(ran.code, 0, "{}", ran.stdout);
    assert!(!ran.findings("warning").join("\n").contains("log: "), "{}", ran.stdout);
    assert_eq!(pair.target.log_text().matches(MAPPING).count(), before);
}

/// Nobody else reads anything below.
#[track_caller]
fn assert_private(folder: &Path) {
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(folder), 0o700, "{}", folder.display());
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            assert_private(&path);
        } else {
            assert_eq!(mode(&path), 0o600, "{}", path.display());
        }
    }
}

#[test]
fn wrong_passwords_are_not_repeated() {
    let pair = guarded_pair();
    let wrong = "S3cr3t-wrong";
    let source = pair.source.uri_for("postgres", Some(wrong), "postgres");
    let (right, target) = (pair.source.uri("postgres"), pair.target.uri_for("postgres", None, "postgres"));
    let runs: Vec<Ran> = vec![
        pair.program(&["migrate", "-d", "-s", &source, "-t", &target, "--json"]),
        pair.program_with(
            &["migrate", "-d", "-s", &right, "-t", &target, "--json"],
            &[("PGPASSWORD", wrong)],
        ),
        pair.program(&[
            "migrate",
            "-d",
            "-s",
            &source.replace("postgres://", "postgres//"),
            "-t",
            &target,
            "--json",
        ]),
        pair.program(&[
            "migrate",
            "-d",
            "-s",
            &format!("host=127.0.0.1 port=1 password='{wrong}"),
            "-t",
            &target,
        ]),
        pair.program(&[
            "migrate",
            "-d",
            "-s",
            &format!("host=127.0.0.1 port=1 passwort='{wrong}'"),
            "-t",
            &target,
        ]),
    ];
    for ran in &runs {
        assert_ne!(ran.code, 0);
        assert_nowhere(&["S3cr3t"], &[("stdout", &ran.stdout), ("stderr", &ran.stderr)]);
    }
    assert!(runs[0].error().contains("password"), "{}", runs[0].error());
    assert!(runs[1].error().contains("password"), "{}", runs[1].error());
    assert_nowhere(&["S3cr3t"], &[("the state folder", &written(&pair))]);
}

#[test]
fn placeholders_are_shown_only_to_who_asks() {
    let pair = Pair::new();
    pair.source
        .psql("postgres", "CREATE ROLE reader LOGIN; CREATE ROLE app LOGIN PASSWORD 'S3cr3t-app'")
        .unwrap();
    let (source, target) = (pair.source.uri_for("reader", None, "postgres"), pair.target.uri("postgres"));
    let ran = pair.program(&["migrate", "-d", "-s", &source, "-t", &target, "--json"]);
    assert_eq!(ran.json["pg_roles"]["app"]["rolpassword"], "<hidden>", "{}", ran.stdout);
    assert_nowhere(
        &["placeholder_", "S3cr3t", "SCRAM-SHA"],
        &[("stdout", &ran.stdout), ("stderr", &ran.stderr), ("the state folder", &pair.state_text())],
    );
    for role in ["app", "reader"] {
        pair.target.psql("postgres", &format!("DROP ROLE {role}")).unwrap();
    }
    let ran = pair.program(&["migrate", "-d", "-s", &source, "-t", &target, "--json", "--show-passwords"]);
    let shown = ran.json["pg_roles"]["app"]["rolpassword"].as_str().unwrap();
    assert!(shown.starts_with("placeholder_") && shown.len() == 28, "{shown}");
    assert_nowhere(
        &[shown, "SCRAM-SHA"],
        &[("stderr", &ran.stderr), ("the state folder", &pair.state_text())],
    );
}
