//! Checks of what a database holds.

use super::covered::speaks;
use super::{HOSTILE, check, obey, objects, pair, text};
use crate::common::Pair;

/// In a schema and on a table with hostile names, one thing of every kind that there is a check for.
fn loud() -> String {
    let name = HOSTILE.replace('"', "\"\"");
    format!(
        r#"CREATE SCHEMA "{name}"; SET search_path = "{name}";
        CREATE TABLE "{name} none" (i int); CREATE TABLE "{name} index" (i int NOT NULL, j int);
        CREATE UNIQUE INDEX "{name} u" ON "{name} index" (i);
        CREATE TABLE "{name} full" (j json); ALTER TABLE "{name} full" REPLICA IDENTITY FULL;
        CREATE TABLE "{name} both" (i int NOT NULL UNIQUE, j json); ALTER TABLE "{name} both" REPLICA IDENTITY FULL;
        CREATE UNLOGGED TABLE "{name} unlogged" (i int PRIMARY KEY);
        CREATE TABLE "{name} columns" (i int PRIMARY KEY GENERATED ALWAYS AS IDENTITY, g int GENERATED ALWAYS AS (1) STORED,
            o oid, r regclass, c text COLLATE "C.utf8");
        CREATE TABLE "{name} parts" (t text PRIMARY KEY) PARTITION BY RANGE (t);
        CREATE TABLE "{name} part" PARTITION OF "{name} parts" FOR VALUES FROM ('a') TO ('b');
        CREATE TABLE "{name} child" (PRIMARY KEY (i)) INHERITS ("{name} index");
        CREATE TABLE "{name} keys" (i int PRIMARY KEY, d int UNIQUE DEFERRABLE, EXCLUDE USING btree (d WITH =));
        ALTER TABLE "{name} keys" ADD CONSTRAINT "{name} check" CHECK (d > 0) NOT VALID;
        CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
        CREATE TRIGGER "{name} trigger" BEFORE INSERT ON "{name} keys" FOR EACH ROW EXECUTE FUNCTION f();
        ALTER TABLE "{name} keys" ENABLE ALWAYS TRIGGER "{name} trigger";
        CREATE RULE "{name} rule" AS ON DELETE TO "{name} keys" DO ALSO NOTHING;
        ALTER TABLE "{name} keys" ENABLE ALWAYS RULE "{name} rule";
        CREATE MATERIALIZED VIEW "{name} filled" AS SELECT 1; CREATE MATERIALIZED VIEW "{name} empty" AS SELECT 1 WITH NO DATA;
        CREATE FOREIGN DATA WRAPPER w; CREATE SERVER "{name} server" FOREIGN DATA WRAPPER w;
        CREATE USER MAPPING FOR PUBLIC SERVER "{name} server"; CREATE FOREIGN TABLE "{name} foreign" (i int) SERVER "{name} server";
        CREATE PUBLICATION "{name} publication"; CREATE SEQUENCE "{name} sequence";
        CREATE FUNCTION ev() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
        CREATE EVENT TRIGGER "{name} event" ON ddl_command_start EXECUTE FUNCTION ev();
        ALTER DEFAULT PRIVILEGES IN SCHEMA "{name}" GRANT SELECT ON TABLES TO PUBLIC;
        CREATE TYPE odd; CREATE FUNCTION odd_in(cstring) RETURNS odd LANGUAGE internal IMMUTABLE STRICT AS 'textin';
        CREATE FUNCTION odd_out(odd) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'textout';
        CREATE TYPE odd (INPUT = odd_in, OUTPUT = odd_out, LIKE = text);
        CREATE TABLE "{name} odd" (i int PRIMARY KEY, o odd);
        SELECT lo_create(4711);
        CREATE SUBSCRIPTION "{name} subscription" CONNECTION 'host=nowhere' PUBLICATION p WITH (connect = false, slot_name = NONE);
        INSERT INTO "{name} index" VALUES (1, 1), (2, 1);"#
    )
}

/// Check and weight, where no database is quiet about it.
const SPEAKING: [(&str, &str); 22] = [
    ("replica-identity", "warning"),
    ("identity-full", "warning"),
    ("unlogged", "warning"),
    ("large-objects", "warning"),
    ("sequences", "info"),
    ("generated", "info"),
    ("partitions", "info"),
    ("constraints", "info"),
    ("triggers", "warning"),
    ("materialized-views", "info"),
    ("foreign-tables", "info"),
    ("invalid-indexes", "warning"),
    ("event-triggers", "info"),
    ("foreign-servers", "info"),
    ("publications", "info"),
    ("labels", "info"),
    ("reg-types", "info"),
    ("order", "info"),
    ("binary", "info"),
    ("sql-ascii", "warning"),
    ("public-schema", "info"),
    ("extension-rows", "info"),
];

fn made() -> Pair {
    let pair = pair();
    let make = "CREATE DATABASE loud TEMPLATE template0 ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C';
                CREATE DATABASE quiet";
    pair.source.psql("postgres", make).unwrap();
    pair.source.psql("loud", &loud().replace(" COLLATE \"C.utf8\"", "")).unwrap();
    let name = HOSTILE.replace('"', "\"\"");
    let index = format!(r#"CREATE UNIQUE INDEX CONCURRENTLY "{name} bad" ON "{name}"."{name} index" (j)"#);
    pair.source.psql("loud", &index).unwrap_err();
    let rest = "GRANT CREATE ON SCHEMA public TO PUBLIC; CREATE TABLE conf (i int PRIMARY KEY);
                UPDATE pg_extension SET extconfig = ARRAY['conf'::regclass::oid] WHERE extname = 'plpgsql'";
    pair.source.psql("loud", rest).unwrap();
    let well = "CREATE TABLE t (i int PRIMARY KEY, t text); INSERT INTO t VALUES (1, 'x'); CREATE VIEW v AS SELECT * FROM t;
                CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'; CREATE TYPE e AS ENUM ('a')";
    pair.source.psql("quiet", well).unwrap();
    pair
}

#[test]
fn what_a_database_holds_is_told_and_every_fix_works() {
    let pair = made();
    let ran = check(&pair, &[]);
    assert_eq!(ran.0.code, 0, "{:?}", ran.0);
    let silent = |id: &str| ran.of(id, Some("quiet")).is_empty();
    for (id, severity) in SPEAKING.into_iter().filter(|(id, _)| *id != "extension-rows") {
        let found = ran.of(id, Some("loud"));
        assert!(found.iter().any(|f| f["severity"] == severity), "{id}: {found:?}");
        assert!(silent(id), "{id}");
    }
    assert_eq!(ran.json()["databases"]["quiet"]["verdict"], "continuous", "{:?}", ran.0);
    assert_eq!(ran.verdict("loud"), "snapshot");
    // Names are shown as people write them, and in full.
    let identities = ran.one("replica-identity", Some("loud"));
    assert_eq!(objects(identities).len(), 2, "{identities}");
    assert!(objects(identities)[0].contains("DROP TABLE"), "{identities}");
    assert_eq!(ran.of("subscriptions", None).len(), 1);

    // The statements, one after the other, as they were written.
    for id in [
        "replica-identity",
        "identity-full",
        "unlogged",
        "triggers",
        "constraints",
        "materialized-views",
        "public-schema",
    ] {
        let offered: Vec<_> = ran
            .of(id, Some("loud"))
            .into_iter()
            .filter(|f| text(f, "fix").contains("on the source: "))
            .collect();
        assert!(!offered.is_empty(), "{id}: {:?}", ran.of(id, Some("loud")));
        offered.into_iter().for_each(|finding| obey(&pair, finding, "loud"));
    }
    let after = check(&pair, &["--database", "loud"]);
    // No statement gives the other one a key.
    let full = after.one("identity-full", Some("loud"));
    assert!(objects(full).len() == 1 && objects(full)[0].contains(" full\""), "{full}");
    for id in ["replica-identity", "unlogged", "public-schema"] {
        after.is_silent(id, Some("loud"));
    }
    let titles = |id: &str| -> Vec<String> {
        after.of(id, Some("loud")).iter().map(|f| text(f, "title").to_owned()).collect()
    };
    assert!(
        titles("constraints").iter().all(|t| !t.contains("not validated")),
        "{:?}",
        titles("constraints")
    );
    assert!(titles("materialized-views").iter().all(|t| !t.contains("without rows")));
    assert!(titles("triggers").iter().all(|t| t.contains("rule")), "{:?}", titles("triggers"));
    speaks("what_a_database_holds_is_told_and_every_fix_works");
}

#[test]
fn an_index_that_was_broken_is_rebuilt_as_told() {
    let pair = made();
    let name = HOSTILE.replace('"', "\"\"");
    pair.source.psql("loud", &format!(r#"DELETE FROM "{name}"."{name} index" WHERE i = 2"#)).unwrap();
    let ran = check(&pair, &["--only", "invalid-indexes"]);
    obey(&pair, ran.says("invalid-indexes", Some("loud"), "warning"), "loud");
    check(&pair, &["--only", "invalid-indexes"]).is_silent("invalid-indexes", Some("loud"));
}

#[test]
fn what_replicas_need_is_not_asked_for_a_snapshot() {
    let pair = made();
    let ran = check(&pair, &["--force-method", "dump"]);
    for id in
        ["replica-identity", "identity-full", "unlogged", "triggers", "wal-level", "slot", "replication"]
    {
        assert!(ran.of(id, Some("loud")).is_empty() && ran.of(id, None).is_empty(), "{id}");
        let skipped = ran.json()["skipped"].as_array().unwrap();
        let why = &skipped.iter().find(|s| s["id"] == id).unwrap()["why"];
        assert_eq!(why, "only a continuous migration needs it", "{id}");
    }
    assert_eq!((ran.verdict("loud"), ran.verdict("quiet")), ("snapshot", "snapshot"));
    let forced = check(&pair, &["--force-method", "replication"]);
    assert_eq!(forced.0.code, 1);
    forced.says("replica-identity", Some("loud"), "blocker");
}

#[test]
fn a_choice_of_tables_is_judged() {
    let pair = made();
    let ran = check(&pair, &["--with-table", "t", "--only", "left-behind,table-filter"]);
    assert_eq!(ran.of("left-behind", None).len(), 0);
    ran.is_silent("table-filter", None);
    let ran = check(&pair, &["--with-table", "nowhere", "--only", "table-filter"]);
    ran.says("table-filter", None, "blocker");
    assert_eq!(ran.0.code, 1);
    let skip = check(&pair, &["--skip-table", "conf", "--database", "loud", "--only", "left-behind"]);
    assert_eq!(objects(skip.says("left-behind", Some("loud"), "info")), ["public.conf"]);
    let keys = "CREATE TABLE customers (i int PRIMARY KEY); CREATE TABLE orders (c int CONSTRAINT \"of;\" REFERENCES customers)";
    pair.source.psql("quiet", keys).unwrap();
    let torn = check(&pair, &["--skip-table", "customers", "--database", "quiet", "--only", "left-behind"]);
    let found = torn.of("left-behind", Some("quiet"));
    assert_eq!(objects(found[1]), ["\"of;\" on public.orders to public.customers"], "{found:?}");
    speaks("a_choice_of_tables_is_judged");
}

#[test]
fn a_collation_of_another_version_is_recorded_as_told() {
    let pair = pair();
    let make = "CREATE TABLE t (i int PRIMARY KEY, t text COLLATE \"en-x-icu\")";
    if pair.source.psql("postgres", make).is_err() {
        println!("skipped: this server was built without ICU");
        return;
    }
    pair.source
        .psql("postgres", "UPDATE pg_collation SET collversion = '0' WHERE collname = 'en-x-icu'")
        .unwrap();
    let ran = check(&pair, &["--only", "collation-versions,collations"]);
    ran.is_silent("collations", Some("postgres"));
    obey(&pair, ran.says("collation-versions", Some("postgres"), "warning"), "postgres");
    check(&pair, &["--only", "collation-versions"]).is_silent("collation-versions", Some("postgres"));
    speaks("a_collation_of_another_version_is_recorded_as_told");
}
