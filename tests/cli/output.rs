//! What is printed where, what is kept hidden, and where servers and passwords may come from.

use super::{assert_document, assert_refused, inventory, made};
use crate::common::{Pair, cluster, eventually, server_binaries};
use pgpassage::demo::cluster::{Cluster, ClusterOptions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

fn private_file(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

#[track_caller]
fn target(pair: &Pair, database: &str, query: &str) -> String {
    pair.target.psql(database, query).unwrap()
}

/// Whether a role can log in over TCP with this password.
fn can_log_in(cluster: &Cluster, user: &str, password: &str) -> bool {
    let mut psql = Command::new(cluster.bin().join("psql"));
    psql.args([
        "-X",
        "-w",
        "-h",
        "127.0.0.1",
        "-p",
        &cluster.port().to_string(),
        "-U",
        user,
        "-d",
        "postgres",
    ]);
    psql.args(["-c", "SELECT 1"]).env("PGPASSWORD", password).output().unwrap().status.success()
}

/// A cluster that asks for passwords.
fn asking() -> Cluster {
    Cluster::start(ClusterOptions::new(server_binaries()).password("admin-pw")).unwrap()
}

#[test]
fn password_hashes_travel_as_they_are() {
    let pair = Pair::of(asking(), asking());
    let roles = "CREATE ROLE scram LOGIN PASSWORD 'scram-pw'; CREATE ROLE plain LOGIN; CREATE ROLE nobody;
                 SET password_encryption = md5; CREATE ROLE \"Old\" LOGIN PASSWORD 'md5-pw' VALID UNTIL '2040-01-01'";
    pair.source.psql("postgres", roles).unwrap();
    let file = pair.state.path().join("role-passwords");
    private_file(&file, "scram:other-pw\n");
    let ran = pair.migrate(&["--show-passwords", "--role-passwords", file.to_str().unwrap()]);
    ran.assert_done();
    let hashes = "SELECT rolname, rolpassword, rolvaliduntil FROM pg_authid WHERE oid > 16383 ORDER BY 1";
    assert_eq!(target(&pair, "postgres", hashes), pair.source.psql("postgres", hashes).unwrap());
    assert!(can_log_in(&pair.target, "scram", "scram-pw"));
    assert!(!can_log_in(&pair.target, "scram", "other-pw"));
    for name in ["scram", "plain", "nobody", "Old", "postgres"] {
        let role = &ran.json["pg_roles"][name];
        assert_eq!((&role["rolname"], &role["rolpassword"]), (&name.into(), &serde_json::Value::Null));
        let (status, message) =
            if name == "postgres" { ("exists", "role already exists") } else { ("created", "role created") };
        assert_eq!((&role["status"], &role["message"]), (&status.into(), &message.into()));
    }
    let everything = format!("{}{}{}{}", ran.stdout, ran.stderr, pair.state_text(), pair.target.log_text());
    for secret in ["SCRAM-SHA-256$", "scram-pw", "other-pw", "admin-pw", "md5-pw"] {
        assert!(!everything.replace("scram:other-pw", "").contains(secret), "{secret}");
    }
}

#[test]
fn hashes_that_cannot_be_read_become_placeholders_or_what_the_file_says() {
    let pair = Pair::of(cluster(), asking());
    let roles =
        "CREATE ROLE mover LOGIN; CREATE ROLE app LOGIN PASSWORD 'unreadable'; CREATE ROLE \"a:b\" LOGIN;
                 CREATE ROLE team";
    pair.source.psql("postgres", roles).unwrap();
    let file = pair.state.path().join("role-passwords");
    private_file(&file, "# ours\na\\:b:given:pw\n");
    let (source, to) = (pair.source.uri_for("mover", None, "postgres"), pair.target.uri("postgres"));
    let common = ["migrate", "-s", &source, "-t", &to, "--role-passwords", file.to_str().unwrap()];

    let ran = pair.program(&[common.as_slice(), &["--json", "--show-passwords", "-xr", "mover"]].concat());
    ran.assert_done();
    let placeholder = ran.json["pg_roles"]["app"]["rolpassword"].as_str().unwrap();
    let letters = placeholder.strip_prefix("placeholder_").unwrap();
    assert!(letters.len() == 16 && letters.chars().all(|c| c.is_ascii_lowercase()), "{placeholder}");
    assert!(can_log_in(&pair.target, "app", placeholder));
    assert!(can_log_in(&pair.target, "a:b", "given:pw"));
    assert!(!can_log_in(&pair.target, "app", "unreadable"));
    for name in ["a:b", "team"] {
        assert_eq!(ran.json["pg_roles"][name]["rolpassword"], serde_json::Value::Null, "{name}");
    }
    let scram = "SELECT rolname FROM pg_authid WHERE rolpassword LIKE 'SCRAM-SHA-256$4096:%' AND oid > 16383 ORDER BY 1";
    assert_eq!(target(&pair, "postgres", scram), "a:b\napp");
    std::fs::remove_file(&file).unwrap();
    for secret in [placeholder, "given:pw"] {
        assert!(!format!("{}{}{}", ran.stderr, pair.state_text(), pair.target.log_text()).contains(secret));
    }

    // Without the flag it is hidden; in lines it is named with what to do.
    private_file(&file, "");
    target(&pair, "postgres", "DROP ROLE app");
    let ran = pair.program(&[common.as_slice(), &["--json"]].concat());
    ran.assert_done();
    assert_eq!(ran.json["pg_roles"]["app"]["rolpassword"], "<hidden>");
    assert_eq!(ran.json["pg_roles"]["a:b"]["rolpassword"], serde_json::Value::Null);
    target(&pair, "postgres", "DROP ROLE app");
    let ran = pair.program(&[common.as_slice(), &["--show-passwords", "--quiet"]].concat());
    assert_eq!(ran.code, 0, "{ran:?}");
    let shown = ran.stdout.lines().find_map(|line| line.strip_prefix("app\t")).unwrap();
    assert!(can_log_in(&pair.target, "app", shown));
    assert!(ran.stdout.contains("1 role got a placeholder password"), "{}", ran.stdout);
}

#[test]
fn the_result_is_on_stdout_and_logs_are_not() {
    let pair = Pair::new();
    made(&pair, "shop", "CREATE TABLE t (i int); INSERT INTO t VALUES (1)");
    let (source, to) = (pair.source.uri("postgres"), pair.target.uri("postgres"));
    let common = ["migrate", "-s", &source, "-t", &to];
    let again = |flags: &[&str]| {
        target(&pair, "postgres", "DROP DATABASE IF EXISTS shop");
        pair.program(&[common.as_slice(), flags].concat())
    };

    let log = pair.state.path().join("extra.log");
    let ran = again(&["--json", "-v", "--log-file", log.to_str().unwrap()]);
    ran.assert_done();
    assert_document(&ran);
    let database = &ran.json["pg_databases"]["shop"];
    let wanted = serde_json::json!({
        "dbname": "shop", "message": "created and migrated database", "method": "dump", "status": "done",
        "tables": 1, "tables_copied": 1, "tables_failed": 0, "rows": 1,
        "bytes": database["bytes"], "size_bytes": database["size_bytes"],
    });
    assert_eq!(database, &wanted);
    assert_eq!(ran.json["error"], serde_json::Value::Null);
    for text in [ran.stderr.clone(), std::fs::read_to_string(&log).unwrap()] {
        assert!(
            text.contains(" INFO ") && text.matches("shop: copied public.t, 1 row").count() == 1,
            "{text}"
        );
    }
    assert!(pair.state_text().contains(" INFO "));
    assert_eq!(std::fs::metadata(&log).unwrap().permissions().mode() & 0o777, 0o600);

    let ran = again(&["--json", "-d"]);
    ran.assert_done();
    assert!(ran.stderr.contains(" DEBUG "), "{}", ran.stderr);

    let ran = again(&["-v"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.stderr.contains(" INFO ") && !ran.stdout.contains(" INFO "), "{ran:?}");
    assert!(ran.stdout.contains("shop: copied public.t, 1 row"), "{}", ran.stdout);

    let ran = again(&["--json", "--quiet"]);
    ran.assert_done();
    assert_eq!(ran.stderr, "");

    let ran = again(&[]);
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    let lines: Vec<_> = ran.stdout.lines().collect();
    assert!(lines[0].starts_with('[') && lines[0].contains("migration "), "{}", ran.stdout);
    assert!(
        lines.iter().any(|l| l.starts_with('[') && l.contains("shop: copied public.t, 1 row")),
        "{lines:?}"
    );
    assert!(lines.last().unwrap().starts_with("Done in "), "{lines:?}");
    assert!(!ran.stdout.contains('\u{1b}') && !ran.stdout.contains('\r'));

    let ran = again(&["--quiet"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    let first = ran.stdout.lines().next().unwrap();
    let columns: Vec<_> = first.split_whitespace().collect();
    assert_eq!(columns, ["database", "result", "tables", "rows", "copied", "time"]);
    let row = ran.stdout.lines().find(|line| line.starts_with("shop ")).unwrap();
    assert!(row.contains(" done ") && row.contains(" 1/1 "), "{row}");
    assert!(!ran.stdout.contains('['), "{}", ran.stdout);
}

#[test]
fn validate_judges_and_changes_nothing() {
    let pair = Pair::new();
    made(&pair, "held", "CREATE ROLE app; CREATE TABLE t (i int); INSERT INTO t VALUES (1)");
    made(&pair, "free", "CREATE TABLE t (i int)");
    target(&pair, "postgres", "CREATE DATABASE held");
    let before = inventory(&pair.target);
    let ran = pair.migrate(&["--validate"]);
    assert_document(&ran);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(ran.error(), "no error");

    target(&pair, "held", "CREATE TABLE theirs ()");
    let ran = pair.migrate(&["--validate"]);
    assert_document(&ran);
    assert_eq!(ran.code, 1, "{ran:?}");
    let blockers = ran.findings("blocker");
    let title = "the target's database is not empty: it holds 1 object (table public.theirs)";
    let why = "rows would mix with what is there, or be there twice";
    assert_eq!(blockers, [format!("target-empty: {title}: {why}")]);
    let ran = pair.migrate(&["--validate", "--database", "held"]);
    assert_refused(&ran, 1, &format!("database held: {title}"));
    let ran = pair.migrate(&["--validate", "--if-target-not-empty", "append"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(inventory(&pair.target), before);
    assert_eq!(target(&pair, "held", "SELECT count(*) FROM pg_class WHERE oid > 16383"), "1");
    let left = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'pgpassage%'";
    eventually(&pair.source, "postgres", left, "0");
}

#[test]
fn the_migration_id_names_its_private_folder() {
    let pair = Pair::new();
    let ran = pair.migrate(&["--migration-id", "my_run1"]);
    ran.assert_done();
    assert_eq!(ran.json["id"], "my_run1");
    let folder = pair.state.path().join("pgpassage/my_run1");
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&folder), 0o700);
    for name in ["plan.json", "journal", "log", "lock"] {
        assert_eq!(mode(&folder.join(name)), 0o600, "{name}");
    }
    let ran = pair.migrate(&[]);
    let id = ran.json["id"].as_str().unwrap().to_owned();
    assert!(id.len() == 6 && pair.state.path().join("pgpassage").join(&id).is_dir(), "{id}");
}

#[test]
fn servers_and_passwords_come_from_the_environment_too() {
    let pair = Pair::of(asking(), asking());
    made(&pair, "shop", "CREATE TABLE t (i int); INSERT INTO t VALUES (1)");
    let bare = |cluster: &Cluster| cluster.uri_for("postgres", None, "postgres");
    let (source, to) = (bare(&pair.source), bare(&pair.target));
    let home = pair.state.path();
    let again = |arguments: &[&str], environment: &[(&str, &str)]| {
        pair.target.psql("postgres", "DROP DATABASE IF EXISTS shop").unwrap();
        let ran = pair.program_with(&[&["migrate", "--json"], arguments].concat(), environment);
        ran.assert_done();
        assert_eq!(target(&pair, "shop", "SELECT i FROM t"), "1");
        assert!(!ran.stderr.contains("can be seen by"), "{}", ran.stderr);
    };
    let wrong = "postgres://127.0.0.1:1/x";
    let servers = [("SOURCE_SERVICE_URI", source.as_str()), ("TARGET_SERVICE_URI", to.as_str())];
    again(&[], &[servers[0], servers[1], ("PGPASSWORD", "admin-pw")]);
    again(&["-s", &source], &[("SOURCE_SERVICE_URI", wrong), servers[1], ("PGPASSWORD", "admin-pw")]);

    let line = |cluster: &Cluster| format!("127.0.0.1:{}:*:postgres:admin-pw\n", cluster.port());
    let lines = format!("{}{}", line(&pair.source), line(&pair.target));
    private_file(&home.join("elsewhere"), &lines);
    again(&["-s", &source, "-t", &to], &[("PGPASSFILE", home.join("elsewhere").to_str().unwrap())]);
    private_file(&home.join(".pgpass"), &lines);
    again(&["-s", &source, "-t", &to], &[]);

    let service =
        format!("[src]\nhost=127.0.0.1\nport={}\nuser=postgres\ndbname=postgres\n", pair.source.port());
    std::fs::write(home.join(".pg_service.conf"), service).unwrap();
    again(&["-s", "service=src", "-t", &to], &[]);
    again(&["-s", "postgres:///postgres", "-t", &to], &[("PGSERVICE", "src")]);
}

/// A folder goes only where nothing is left on a server that it alone knows of; then its name is free.
#[test]
fn a_migration_is_forgotten_once_nothing_of_it_is_left() {
    let pair = Pair::new();
    made(&pair, "a", "CREATE TABLE t (i int PRIMARY KEY)");
    let ids = |pair: &Pair| {
        let ran = pair.program(&["list", "--json"]);
        let all: Vec<_> = ran.json.as_array().unwrap().iter().map(|one| one["id"].clone()).collect();
        all.iter().map(|id| id.as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    pair.migrate(&["--database", "a", "--migration-id", "first"]).assert_done();
    assert_eq!(ids(&pair), ["first"]);
    let unknown = pair.program(&["forget", "second"]);
    assert_eq!(unknown.code, 2, "{unknown:?}");
    assert!(unknown.stderr.contains("knows no migration second"), "{}", unknown.stderr);
    assert_eq!(pair.program(&["forget", "../first", "--json"]).code, 2);

    // Its journal says that something is there.
    let journal = pair.state.path().join("pgpassage/first/journal");
    let whole = std::fs::read_to_string(&journal).unwrap();
    let last: serde_json::Value = serde_json::from_str(whole.lines().last().unwrap()).unwrap();
    let object = serde_json::json!({"side": "source", "kind": "slot", "name": "s", "database": "a"});
    let seq = last["seq"].as_u64().unwrap() + 1;
    let made = serde_json::json!({"seq": seq, "at_ms": last["at_ms"], "event": {"kind": "making", "object": object}});
    std::fs::write(&journal, format!("{whole}{made}\n")).unwrap();
    let refused = pair.program(&["forget", "first", "--json"]);
    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(refused.error().contains("first pgpassage clean first"), "{refused:?}");
    assert_eq!(ids(&pair), ["first"]);

    std::fs::write(&journal, whole).unwrap();
    let forgotten = pair.program(&["forget", "first", "--json"]);
    assert_eq!((forgotten.code, &forgotten.json["forgotten"]), (0, &true.into()), "{forgotten:?}");
    assert_eq!(ids(&pair), Vec::<String>::new());
    assert!(!journal.parent().unwrap().exists());
}
