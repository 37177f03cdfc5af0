//! What each flag promises: which part is moved, and how.

use super::{assert_document, made, skipped};
use crate::common::{Pair, Ran, server_binaries};
use std::path::PathBuf;
use std::process::Command;

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
    assert!(told.iter().any(|f| f.contains(acl) && f.contains("\"two\"")), "{told:?}");
    let acl = "a privilege of the database could not be set";
    assert!(told.iter().any(|f| f.contains(acl) && f.contains("\"one\"")), "{told:?}");
    assert_eq!(target(&pair, "postgres", "SELECT has_database_privilege('kept', 'shop', 'CREATE')"), "t");
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
        skipped("the servers' extension folder cannot be written to");
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
    let left_out = format!("-xe={}", extension.name);
    let ran = pair.migrate(&["--database", "shop", &left_out]);
    ran.assert_done();
    assert_eq!(ran.json["pg_databases"]["shop"]["tables"], 0);

    // Beside other things the target's own rows stay, or make room.
    let theirs = format!(
        "CREATE EXTENSION {}; CREATE TABLE t (); INSERT INTO settings VALUES ('theirs', 'y')",
        extension.name
    );
    pair.source.psql("shop", "CREATE TABLE t ()").unwrap();
    for (policy, wanted) in [("append", "builtin mine theirs|1"), ("truncate", "builtin mine|1")] {
        target(&pair, "postgres", "DROP DATABASE shop");
        target(&pair, "postgres", "CREATE DATABASE shop");
        target(&pair, "shop", &theirs);
        pair.migrate(&["--database", "shop", "--if-target-not-empty", policy]).assert_done();
        assert_eq!(target(&pair, "shop", rows), wanted, "{policy}");
    }
}
