//! What each flag promises: which part is moved, and what is printed where.

use super::{assert_document, assert_refused, inventory, made};
use crate::common::{Pair, Ran, cluster, eventually, server_binaries};
use pgpassage::demo::cluster::{Cluster, ClusterOptions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

fn private_file(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

/// Names in one of the document's objects.
fn names(ran: &Ran, of: &str) -> Vec<String> {
    ran.json[of].as_object().unwrap().keys().cloned().collect()
}

#[track_caller]
fn target(pair: &Pair, database: &str, query: &str) -> String {
    pair.target.psql(database, query).unwrap()
}

/// The objects of the one finding of this kind.
#[track_caller]
fn objects(ran: &Ran, id: &str) -> Vec<String> {
    let all = ran.json["findings"].as_array().unwrap();
    let found: Vec<_> = all.iter().filter(|f| f["id"] == id).collect();
    assert_eq!(found.len(), 1, "{ran:?}");
    let mut objects: Vec<_> =
        found[0]["objects"].as_array().unwrap().iter().map(|o| o.as_str().unwrap().to_owned()).collect();
    objects.sort();
    objects
}

#[test]
fn databases_are_included_and_left_out_by_name() {
    let pair = Pair::new();
    for name in ["a", "b", "Odd, name", "d"] {
        made(&pair, name, "CREATE TABLE t (i int); INSERT INTO t VALUES (1)");
    }
    let ran =
        pair.migrate(&["-f", "a,nowhere", "--exclude-database", "Odd, name", "--exclude-database", "d"]);
    ran.assert_done();
    assert_eq!(names(&ran, "pg_databases"), ["b", "postgres"]);
    let note = "filter: database nowhere, which is to be left out, is not on the source: ";
    assert_eq!(ran.findings("info"), [note]);

    let ran = pair.migrate(&["--database", "a", "--database", "Odd, name", "--filtered-db=a", "--jobs", "1"]);
    ran.assert_done();
    assert_eq!(names(&ran, "pg_databases"), ["Odd, name"]);
    let there =
        "SELECT string_agg(datname, '|' ORDER BY datname COLLATE \"C\") FROM pg_database WHERE oid > 16383";
    assert_eq!(target(&pair, "postgres", there), "Odd, name|b");
    assert_eq!(target(&pair, "Odd, name", "SELECT i FROM t"), "1");
}

#[test]
fn roles_and_extensions_are_left_out_by_their_two_letter_flags() {
    let pair = Pair::new();
    let globals = "CREATE ROLE one LOGIN; CREATE ROLE two; CREATE ROLE kept; GRANT two TO kept; GRANT kept TO one;
                   CREATE DATABASE shop; GRANT CREATE ON DATABASE shop TO one, kept; ALTER ROLE one SET work_mem = '1MB';
                   ALTER ROLE one IN DATABASE shop SET work_mem = '2MB'; ALTER ROLE kept IN DATABASE shop SET work_mem = '3MB'";
    pair.source.psql("postgres", globals).unwrap();
    let schema =
        "CREATE EXTENSION hstore; CREATE EXTENSION citext; CREATE TABLE t (i int); INSERT INTO t VALUES (1);
                  COMMENT ON EXTENSION hstore IS 'gone'; ALTER TABLE t OWNER TO one;
                  GRANT SELECT ON t TO kept, one, two";
    pair.source.psql("shop", schema).unwrap();
    let ran = pair.migrate(&["-xr", "one,two", "-xe=hstore"]);
    ran.assert_done();
    assert_eq!(names(&ran, "pg_roles"), ["kept", "postgres"]);
    let roles = "SELECT string_agg(rolname, ' ' ORDER BY rolname) FROM pg_roles WHERE oid > 16383";
    assert_eq!(target(&pair, "postgres", roles), "kept");
    let acl = "ACL on TABLE public.t could not be set";
    let told = ran.findings("warning");
    assert!(
        told.iter().any(|f| f.contains(acl) && f.contains("\"two\"") && f.contains("\"one\"")),
        "{told:?}"
    );
    assert!(target(&pair, "postgres", "SELECT has_database_privilege('kept', 'shop', 'CREATE')") == "t");
    let extensions = "SELECT string_agg(extname, ' ' ORDER BY extname) FROM pg_extension";
    assert_eq!(target(&pair, "shop", extensions), "citext plpgsql");
    assert_eq!(target(&pair, "shop", "SELECT i FROM t"), "1");
    assert_eq!(objects(&ran, "excluded-extension"), ["hstore"]);
    // What belonged to a role that stays behind is told; what others may do is theirs all the same.
    assert_eq!(objects(&ran, "ownership"), ["TABLE public.t"]);
    assert_eq!(target(&pair, "shop", "SELECT has_table_privilege('kept', 't', 'SELECT')"), "t");
    let settings = "SELECT setrole::regrole, setconfig FROM pg_db_role_setting";
    assert_eq!(target(&pair, "shop", settings), "kept|{work_mem=3MB}");
}

const TABLES: &str = "
    CREATE SCHEMA app; CREATE SCHEMA \"My App\";
    CREATE TABLE plain (i int); CREATE TABLE app.plain (i int); CREATE TABLE app.other (i int);
    CREATE TABLE \"Odd, \"\"Name\"\".x\" (i int); CREATE TABLE \"My App\".\"T\" (i int);
    CREATE TABLE events (i int) PARTITION BY RANGE (i);
    CREATE TABLE events_1 PARTITION OF events FOR VALUES FROM (0) TO (10) PARTITION BY RANGE (i);
    CREATE TABLE app.events_1a PARTITION OF events_1 FOR VALUES FROM (0) TO (5);
    CREATE TABLE events_2 PARTITION OF events DEFAULT;
    CREATE VIEW counts AS
        SELECT 'plain' AS name, count(*) FROM plain UNION ALL SELECT 'app.plain', count(*) FROM app.plain
        UNION ALL SELECT 'app.other', count(*) FROM app.other UNION ALL SELECT 'odd', count(*) FROM \"Odd, \"\"Name\"\".x\"
        UNION ALL SELECT 'T', count(*) FROM \"My App\".\"T\" UNION ALL SELECT 'events_1a', count(*) FROM app.events_1a
        UNION ALL SELECT 'events_2', count(*) FROM events_2;
    INSERT INTO plain VALUES (1); INSERT INTO app.plain VALUES (1); INSERT INTO app.other VALUES (1);
    INSERT INTO \"Odd, \"\"Name\"\".x\" VALUES (1); INSERT INTO \"My App\".\"T\" VALUES (1);
    INSERT INTO events VALUES (1), (100);";

/// The tables that hold rows.
fn filled(pair: &Pair, database: &str) -> String {
    target(
        pair,
        database,
        "SELECT string_agg(name, ' ' ORDER BY name COLLATE \"C\") FROM counts WHERE count > 0",
    )
}

#[test]
fn skipped_tables_are_made_without_rows_and_told() {
    let pair = Pair::new();
    made(&pair, "shop", TABLES);
    made(&pair, "Other", TABLES);
    let odd = "\"Odd, \"\"Name\"\".x\", Events_1";
    let ran =
        pair.migrate(&["--skip-table", odd, "--skip-table", "shop.APP.plain,\"Other\".\"My App\".\"T\""]);
    ran.assert_done();
    assert_eq!(filled(&pair, "shop"), "T app.other events_2 plain");
    assert_eq!(filled(&pair, "Other"), "app.other app.plain events_2 plain");
    let all = ran.json["findings"].as_array().unwrap();
    let of_shop = all.iter().find(|f| f["id"] == "left-out" && f["database"] == "shop").unwrap();
    assert_eq!(
        (&of_shop["severity"], &of_shop["title"]),
        (&"info".into(), &"3 tables made without rows, as asked".into())
    );
    let mut named: Vec<_> =
        of_shop["objects"].as_array().unwrap().iter().map(|o| o.as_str().unwrap()).collect();
    named.sort_unstable();
    assert_eq!(named, ["app.events_1a", "app.plain", "public.\"Odd, \"\"Name\"\".x\""]);
    assert_eq!(ran.json["pg_databases"]["shop"]["tables"], 4);
}

#[test]
fn named_tables_are_moved_and_no_others() {
    let pair = Pair::new();
    made(&pair, "shop", TABLES);
    made(&pair, "other", TABLES);
    let ran = pair.migrate(&["--with-table", "events, app.plain", "--with-table", "shop.\"My App\".\"T\""]);
    ran.assert_done();
    assert_eq!(filled(&pair, "shop"), "T app.plain events_1a events_2");
    assert_eq!(filled(&pair, "other"), "app.plain events_1a events_2");
    let made = "SELECT count(*) FROM pg_class WHERE relkind IN ('r', 'p', 'v') AND oid > 16383";
    assert_eq!(target(&pair, "shop", made), pair.source.psql("shop", made).unwrap());
}

#[test]
fn a_foreign_key_to_a_skipped_table_is_lost_by_name() {
    let pair = Pair::new();
    let schema =
        "CREATE TABLE customers (id int PRIMARY KEY); CREATE TABLE orders (c int REFERENCES customers);
                  CREATE TABLE empty (c int REFERENCES customers);
                  INSERT INTO customers VALUES (1); INSERT INTO orders VALUES (1)";
    made(&pair, "shop", schema);
    let ran = pair.migrate(&["--skip-table", "customers"]);
    assert_document(&ran);
    assert_eq!((ran.code, ran.status("shop"), ran.status("postgres")), (3, "failed", "done"), "{ran:?}");
    let lost = ran.findings("lost");
    assert_eq!(lost.len(), 1, "{lost:?}");
    assert!(
        lost[0].contains("orders_c_fkey") && lost[0].contains("violates foreign key constraint"),
        "{lost:?}"
    );
    assert_eq!(target(&pair, "shop", "SELECT c FROM orders"), "1");
    assert_eq!(target(&pair, "shop", "SELECT count(*) FROM customers"), "0");
    assert_eq!(
        target(&pair, "shop", "SELECT conname FROM pg_constraint WHERE contype = 'f'"),
        "empty_c_fkey"
    );
}

#[test]
fn no_owner_and_no_privileges_leave_everything_to_the_targets_user() {
    let pair = Pair::new();
    let globals = "CREATE ROLE app; CREATE ROLE reader; CREATE DATABASE shop OWNER app; GRANT CONNECT ON DATABASE shop TO reader";
    pair.source.psql("postgres", globals).unwrap();
    let schema = "SET ROLE app; CREATE SCHEMA s; CREATE TABLE s.t (i int, j int); INSERT INTO s.t VALUES (1, 2);
                  CREATE TYPE s.e AS ENUM ('x'); CREATE DOMAIN s.d AS int; CREATE SEQUENCE s.q;
                  CREATE VIEW s.v AS SELECT 1; CREATE MATERIALIZED VIEW s.m AS SELECT 1;
                  CREATE FUNCTION s.f() RETURNS int LANGUAGE sql AS 'SELECT 1'; CREATE COLLATION s.c (LOCALE = 'C');
                  CREATE STATISTICS s.st ON i, j FROM s.t; SELECT lo_create(4711);
                  GRANT USAGE ON SCHEMA s TO reader; GRANT SELECT ON s.t TO reader; GRANT UPDATE (j) ON s.t TO reader;
                  GRANT SELECT ON LARGE OBJECT 4711 TO reader; REVOKE EXECUTE ON FUNCTION s.f() FROM PUBLIC;
                  ALTER DEFAULT PRIVILEGES IN SCHEMA s GRANT SELECT ON TABLES TO reader";
    pair.source.psql("shop", schema).unwrap();
    let owned = "SELECT refobjid::regrole, deptype, count(*) FROM pg_shdepend
                  WHERE dbid IN (0, (SELECT oid FROM pg_database WHERE datname = 'shop')) AND deptype IN ('o', 'a')
                    AND refobjid IN ('app'::regrole, 'reader'::regrole) GROUP BY 1, 2 ORDER BY 1, 2";
    assert_ne!(pair.source.psql("shop", owned).unwrap(), "");
    let ran = pair.migrate(&["--no-owner", "--no-privileges"]);
    ran.assert_done();
    assert_eq!(ran.findings("warning"), Vec::<String>::new());
    assert_eq!(target(&pair, "shop", owned), "");
    let database = "SELECT datdba::regrole, datacl FROM pg_database WHERE datname = 'shop'";
    assert_eq!(target(&pair, "shop", database), "postgres|");
    assert_eq!(
        target(&pair, "shop", "SELECT nspowner::regrole, nspacl FROM pg_namespace WHERE nspname = 's'"),
        "postgres|"
    );
    assert_eq!(target(&pair, "shop", "SELECT i FROM s.t"), "1");

    // Each alone keeps the other.
    target(&pair, "postgres", "DROP DATABASE shop");
    pair.migrate(&["--no-owner"]).assert_done();
    let of_table = "SELECT relowner::regrole, has_table_privilege('reader', oid, 'SELECT') FROM pg_class WHERE relname = 't'";
    assert_eq!(target(&pair, "shop", of_table), "postgres|t");
    target(&pair, "postgres", "DROP DATABASE shop");
    pair.migrate(&["--no-privileges"]).assert_done();
    assert_eq!(target(&pair, "shop", of_table), "app|f");
    assert_eq!(target(&pair, "shop", database), "app|");
}

#[test]
fn no_createdb_fills_databases_that_exist() {
    let pair = Pair::new();
    made(&pair, "shop", "CREATE TABLE t (i int); INSERT INTO t VALUES (1)");
    target(&pair, "postgres", "CREATE DATABASE shop");
    let ran = pair.migrate(&["--no-createdb"]);
    ran.assert_done();
    assert_eq!(ran.message("shop"), "migrated to existing database");
    assert_eq!(target(&pair, "shop", "SELECT i FROM t"), "1");
}

/// The files of an extension with a configuration table, in the servers' own folder until this is dropped.
struct TinyExtension {
    files: Vec<PathBuf>,
    name: String,
}

impl TinyExtension {
    /// None where the servers' folder may not be written to.
    fn install() -> Option<Self> {
        let config = Command::new(server_binaries().join("pg_config")).arg("--sharedir").output().ok()?;
        let folder = PathBuf::from(String::from_utf8(config.stdout).ok()?.trim()).join("extension");
        let name = format!("pgpassage_test_{}", std::process::id());
        let sql = "CREATE TABLE settings (name text PRIMARY KEY, value text, ours bool DEFAULT false);
                   INSERT INTO settings VALUES ('builtin', 'v', true);
                   SELECT pg_extension_config_dump('settings', 'WHERE NOT ours');
                   CREATE TABLE internal (i int); INSERT INTO internal VALUES (1);";
        let control = "default_version = '1.0'\nrelocatable = false\nschema = public\n".to_owned();
        let mut this = Self { files: Vec::new(), name: name.clone() };
        for (file, text) in
            [(format!("{name}.control"), control), (format!("{name}--1.0.sql"), sql.to_owned())]
        {
            let path = folder.join(file);
            std::fs::write(&path, text).ok()?;
            this.files.push(path);
        }
        Some(this)
    }
}

impl Drop for TinyExtension {
    fn drop(&mut self) {
        for file in &self.files {
            std::fs::remove_file(file).ok();
        }
    }
}

#[test]
fn configuration_tables_of_extensions_travel_unless_switched_off() {
    let Some(extension) = TinyExtension::install() else {
        println!("skipped: the servers' extension folder cannot be written to");
        return;
    };
    let pair = Pair::new();
    let sql = format!(
        "CREATE EXTENSION {}; INSERT INTO settings VALUES ('mine', 'x'); INSERT INTO internal VALUES (2)",
        extension.name
    );
    made(&pair, "shop", &sql);
    let rows =
        "SELECT (SELECT string_agg(name, ' ' ORDER BY name) FROM settings), (SELECT count(*) FROM internal)";
    for (flags, wanted) in [
        (["--no-replicate-extension-tables"].as_slice(), "builtin|1"),
        (&["--replicate-extension-tables"], "builtin mine|1"),
        (&[], "builtin mine|1"),
        (&["--no-replicate-extension-tables", "--replicate-extension-tables"], "builtin mine|1"),
    ] {
        pair.migrate(&[flags, &["--database", "shop"]].concat()).assert_done();
        assert_eq!(target(&pair, "shop", rows), wanted, "{flags:?}");
        target(&pair, "postgres", "DROP DATABASE shop");
    }
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
    assert_eq!(blockers, [format!("database: {title}: ")]);
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
