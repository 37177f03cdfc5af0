//! The ways in which a migration can lose rows or change values in silence, each as a promise that it does not.

use crate::common::{Pair, Ran, cluster, eventually, server_binaries, wait};
use pgpassage::demo::cluster::{Cluster, ClusterOptions};
use std::path::{Path, PathBuf};
use std::process::{Child, Output};
use std::time::{Duration, Instant};

/// Rows stop at `traps_gate` on this server as long as this lives: a way to be in mid-copy for as long as one likes.
pub(crate) struct Gate {
    file: PathBuf,
}

impl Gate {
    /// To be called on a column that is checked; on a server without a closed gate it does nothing.
    pub(crate) const SQL: &'static str = "CREATE FUNCTION traps_gate(int) RETURNS bool LANGUAGE plpgsql IMMUTABLE AS $$ \
        BEGIN WHILE (pg_catalog.pg_stat_file('gate', true)).size IS NOT NULL LOOP PERFORM pg_catalog.pg_sleep(0.02); \
        END LOOP; RETURN true; END $$;";

    pub(crate) fn close(cluster: &Cluster) -> Self {
        let file = cluster.data_dir().join("gate");
        std::fs::write(&file, "").unwrap();
        Self { file }
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        std::fs::remove_file(&self.file).ok();
    }
}

/// A database with a table whose rows stop at the gate, large enough that the source must wait too.
pub(crate) fn make_gated(cluster: &Cluster, database: &str) {
    cluster.psql("postgres", &format!("CREATE DATABASE {database}")).unwrap();
    cluster
        .psql(
            database,
            &format!(
                "{} CREATE TABLE gated (i int CHECK (public.traps_gate(i)), filler text); \
                 ALTER TABLE gated ALTER filler SET STORAGE EXTERNAL; \
                 INSERT INTO gated SELECT i, repeat('x', 20000) FROM generate_series(1, 1500) i;",
                Gate::SQL
            ),
        )
        .unwrap();
}

/// Until rows of the gated table wait at the gate.
pub(crate) fn wait_for_copy(target: &Cluster) {
    let asking = "SELECT count(*) > 0 FROM pg_stat_activity WHERE query LIKE '%COPY%gated%' AND state = 'active' \
                  AND wait_event = 'PgSleep'";
    eventually(target, "postgres", asking, "t");
}

pub(crate) fn start(pair: &Pair, arguments: &[&str]) -> Child {
    let (source, target) = (pair.source.uri("postgres"), pair.target.uri("postgres"));
    pair.start(&[&["migrate", "-s", &source, "-t", &target, "--json"], arguments].concat(), &[])
}

pub(crate) fn finish(child: Child) -> Ran {
    let output: Output = wait(child);
    Ran::from(output)
}

#[track_caller]
pub(crate) fn ask(cluster: &Cluster, database: &str, query: &str) -> String {
    cluster.psql(database, query).unwrap().trim().to_owned()
}

/// Every row of a query is the same on both ends, however each end would print it by itself.
#[track_caller]
fn assert_same(pair: &Pair, database: &str, query: &str) {
    let fixed = format!(
        "SET datestyle = 'ISO, YMD'; SET intervalstyle = 'iso_8601'; SET timezone = 'UTC'; SET extra_float_digits = 3; \
         SET bytea_output = 'hex'; {query}"
    );
    assert_eq!(ask(&pair.source, database, &fixed), ask(&pair.target, database, &fixed), "{query}");
}

/// The findings of this weight as one text.
pub(crate) fn found(ran: &Ran, severity: &str) -> String {
    ran.findings(severity).join("\n")
}

// ------------------------------------------------------------------------------------------------ changes under our hands

/// `a` and `b` always hold the same epoch and 3,000 rows each; only one moment's picture of both says so.
const TWO_TABLES: &str = "CREATE TABLE a (id int PRIMARY KEY, epoch int, v int); CREATE TABLE b (LIKE a INCLUDING ALL); \
    INSERT INTO a SELECT i, 0, i FROM generate_series(1, 3000) i; INSERT INTO b SELECT * FROM a;";

/// What keeps changing them: rewrites of all kinds.
fn changes(rounds: usize, pause_ms: usize) -> String {
    let mut script = String::new();
    for round in 0..rounds {
        let kind = ["bigint", "int"][round % 2];
        let pause = format!("SELECT pg_sleep({}.0 / 1000);", (round * 7) % pause_ms);
        script.push_str(&format!(
            "BEGIN; TRUNCATE a; INSERT INTO a SELECT i, {round}, i FROM generate_series(1, 3000) i; \
             UPDATE b SET epoch = {round}; COMMIT; {pause} \
             ALTER TABLE b ALTER v TYPE {kind}; {pause} \
             CLUSTER a USING a_pkey; {pause} \
             BEGIN; UPDATE a SET epoch = -{round}; CREATE TABLE fresh (LIKE b INCLUDING ALL); \
             INSERT INTO fresh SELECT id, -{round}, v FROM b; DROP TABLE b; ALTER TABLE fresh RENAME TO b; \
             ALTER INDEX fresh_pkey RENAME TO b_pkey; COMMIT; {pause} VACUUM FULL b;\n"
        ));
    }
    script
}

#[test]
fn rewrites_on_the_source_never_take_rows() {
    let pair = Pair::new();
    pair.source.psql("postgres", "CREATE DATABASE busy").unwrap();
    pair.source.psql("busy", TWO_TABLES).unwrap();
    let mut done = 0;
    let attempts = if crate::common::test_all() { 40 } else { 6 };
    for attempt in 0..attempts {
        std::thread::scope(|scope| {
            // It is ended from outside, so its end is an error.
            scope.spawn(|| pair.source.psql("busy", &changes(2000, 20 + attempt % 6 * 40)).ok());
            let changing =
                "SELECT count(*) > 0 FROM pg_stat_activity WHERE datname = 'busy' AND query LIKE '%epoch%'";
            eventually(&pair.source, "postgres", changing, "t");
            std::thread::sleep(Duration::from_millis(attempt as u64 * 17));
            let ran = pair.migrate(&["--database", "busy"]);
            ask(
                &pair.source,
                "postgres",
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'busy'",
            );
            if ran.code == 0 {
                done += 1;
                let whole = "SELECT (SELECT count(*) = 3000 AND count(DISTINCT id) = 3000 AND sum(v) = 4501500 FROM a) \
                    AND (SELECT count(*) = 3000 AND count(DISTINCT id) = 3000 AND sum(v) = 4501500 FROM b) \
                    AND (SELECT count(DISTINCT epoch) = 1 FROM (SELECT epoch FROM a UNION ALL SELECT epoch FROM b) x)";
                assert_eq!(ask(&pair.target, "busy", whole), "t", "attempt {attempt}: {}", ran.stdout);
                assert_eq!(ran.json["pg_databases"]["busy"]["rows"], 6000);
            } else {
                // Never to find a quiet moment is no shame; to pass over it is.
                assert_eq!((ran.code, ran.status("busy")), (4, "failed"), "{}", ran.stdout);
                let message = ran.message("busy");
                let reasons = ["changed on the source", "locked exclusively", "LOCK TABLE"];
                assert!(reasons.iter().any(|r| message.contains(r)), "{message}");
                assert!(message.contains("keep schema changes and maintenance away"), "{message}");
            }
        });
        pair.target.psql("postgres", "DROP DATABASE IF EXISTS busy").unwrap();
    }
    assert!(done >= attempts / 3, "only {done} of {attempts} attempts found a moment");
}

/// Somebody who wants an exclusive lock waits for us, and every later reader waits for him: the rest of our own COPYs too.
#[test]
fn a_change_that_waits_for_us_does_not_stop_us() {
    let pair = Pair::new();
    make_gated(&pair.source, "queue");
    pair.source
        .psql("queue", "CREATE TABLE t1 AS SELECT generate_series(1, 1000) AS i; CREATE TABLE t2 AS TABLE t1; CREATE TABLE t3 (i int CHECK (i < 5)); \
            INSERT INTO t3 VALUES (1), (2); CREATE TABLE t4 AS TABLE t1; CREATE TABLE t5 AS TABLE t1")
        .unwrap();
    let gate = Gate::close(&pair.target);
    let child = start(&pair, &["--database", "queue", "--jobs", "1"]);
    wait_for_copy(&pair.target);
    std::thread::scope(|scope| {
        let source = &pair.source;
        for change in ["ALTER TABLE t1 ALTER i TYPE bigint", "TRUNCATE t2", "DROP TABLE t3", "VACUUM FULL t4"]
        {
            scope.spawn(move || source.psql("queue", change).unwrap());
        }
        let waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND mode = 'AccessExclusiveLock'";
        eventually(source, "postgres", waiting, "4");
        drop(gate);
        finish(child).assert_done();
    });
    let counts = "SELECT (SELECT count(*) FROM t1), (SELECT count(*) FROM t2), (SELECT count(*) FROM t3), (SELECT count(*) FROM t4), (SELECT count(*) FROM t5)";
    assert_eq!(ask(&pair.target, "queue", counts), "1000|1000|2|1000|1000");
    // Who waited had his turn.
    assert_eq!(
        ask(&pair.source, "queue", "SELECT (SELECT count(*) FROM t2), to_regclass('t3') IS NULL"),
        "0|t"
    );
}

/// A server has room for so many locks and no more.
#[test]
fn a_small_table_of_locks_is_enough_or_said() {
    let options = ClusterOptions::new(server_binaries());
    let options = options.setting("max_locks_per_transaction", "10").setting("max_connections", "20");
    let pair = Pair::of(Cluster::start(options).unwrap(), cluster());
    for (database, tables) in [("fits", 250), ("tight", 700), ("too_many", 6000)] {
        pair.source.psql("postgres", &format!("CREATE DATABASE {database}")).unwrap();
        for start in (0..tables).step_by(50) {
            let make = |i| format!("CREATE TABLE t_{i} (i int); INSERT INTO t_{i} VALUES ({i});");
            pair.source.psql(database, &(start..start + 50).map(make).collect::<String>()).unwrap();
        }
        let ran = pair.migrate(&["--database", database, "--jobs", "2"]);
        if ran.code == 0 {
            assert_eq!(ran.json["pg_databases"][database]["rows"], tables);
        } else {
            assert_eq!((ran.code, ran.status(database)), (4, "failed"), "{}", ran.stdout);
            assert!(ran.message(database).contains("max_locks_per_transaction"), "{}", ran.message(database));
        }
        assert_eq!(ran.code == 0, database != "too_many", "{database}: {}", ran.stdout);
    }
}

#[test]
fn whoever_locks_a_table_is_named() {
    let pair = Pair::new();
    for database in ["locked", "queued", "open"] {
        pair.source.psql("postgres", &format!("CREATE DATABASE {database}")).unwrap();
        pair.source.psql(database, "CREATE TABLE t (id int); INSERT INTO t VALUES (1)").unwrap();
    }
    std::thread::scope(|scope| {
        let source = &pair.source;
        scope.spawn(|| source.psql("locked", "BEGIN; LOCK TABLE t; SELECT pg_sleep(300)").ok());
        // A long query of somebody's, and behind it a change of the table: we stand behind that one.
        scope.spawn(|| {
            source.psql("queued", "BEGIN; SELECT * FROM t; SELECT 'long report', pg_sleep(300)").ok()
        });
        let count = |like: &str| {
            format!(
                "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '{like}' AND pid <> pg_backend_pid()"
            )
        };
        eventually(source, "postgres", &count("%pg_sleep(300)%"), "2");
        scope.spawn(|| source.psql("queued", "ALTER TABLE t ADD extra int").ok());
        eventually(source, "postgres", &count("ALTER TABLE t%"), "1");
        let ran = pair.migrate(&[]);
        let blocker = ask(source, "postgres", "SELECT pid FROM pg_stat_activity WHERE datname = 'locked'");
        let queued = ask(
            source,
            "postgres",
            "SELECT pid FROM pg_stat_activity WHERE datname = 'queued' AND query LIKE 'ALTER%'",
        );
        ask(
            source,
            "postgres",
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname IN ('locked', 'queued')",
        );
        assert_eq!(
            (ran.code, ran.status("locked"), ran.status("open")),
            (3, "failed", "done"),
            "{}",
            ran.stdout
        );
        let message = ran.message("locked");
        for part in [&format!("pid {blocker} (user postgres"), "pg_sleep(300)"] {
            assert!(message.contains(part), "{part} is not in {message}");
        }
        let message = ran.message("queued");
        assert_eq!(ran.status("queued"), "failed");
        for part in [&format!("pid {queued} "), "ALTER TABLE t ADD extra int", "long report"] {
            assert!(message.contains(part), "{part} is not in {message}");
        }
    });
}

// --------------------------------------------------------------------------------------------------- settings and timeouts

const STYLED: &str = "CREATE TABLE styled (d date, ts timestamp, tz timestamptz, i interval, b bytea, f float8, r float4, \
      m money, dr daterange, da date[], ta text[], x xml); \
    SET datestyle = 'ISO, YMD'; SET intervalstyle = 'postgres'; SET timezone = 'UTC'; \
    INSERT INTO styled VALUES ('2024-03-04', '2024-03-04 05:06:07.000001', '2024-07-04 05:06:07+02', '-1 year 2 mons -3 days 04:05:06', \
      '\\x005c27ff', 0.1::float8 + 0.2, 1.1::float4 / 3, 1234.56, '[2024-03-04,2024-05-06)', '{2024-03-04,infinity}', '{NULL,\"NULL\",a}', '<a/>'), \
      ('infinity', '-infinity', 'infinity', '-178000000 years', '', 'NaN', '-Infinity', -0.01, 'empty', '{}', NULL, NULL), \
      ('4713-01-01 BC', '0044-03-15 01:02:03 BC', '1883-11-18 17:00:00+00', '1 mon -1 sec', 'a\\\\b', 1e-320, 1e-44, \
      92233720368547758.07, '(,)', NULL, '{}', 'text only');";

#[test]
fn settings_of_databases_and_roles_change_no_value() {
    let pair = Pair::new();
    let settings = [
        "datestyle = 'SQL, DMY'",
        "intervalstyle = 'sql_standard'",
        "bytea_output = 'escape'",
        "timezone = 'Asia/Kathmandu'",
        "extra_float_digits = 0",
        "xmloption = 'document'",
        "search_path = nowhere",
        "default_transaction_isolation = serializable",
        "standard_conforming_strings = off",
        "quote_all_identifiers = on",
        "row_security = off",
        "lc_monetary = 'C.utf8'",
        "client_encoding = 'LATIN1'",
        "check_function_bodies = on",
        "transform_null_equals = on",
        "backslash_quote = off",
        "array_nulls = off",
        "default_transaction_deferrable = on",
        "session_replication_role = replica",
        "gin_fuzzy_search_limit = 1",
        "synchronize_seqscans = off",
        "enable_seqscan = off",
        "default_table_access_method = heap",
        "default_tablespace = ''",
    ];
    for database in ["styled", "postgres_target"] {
        pair.source.psql("postgres", &format!("CREATE DATABASE {database}")).unwrap();
    }
    pair.source.psql("styled", STYLED).unwrap();
    for (cluster, target) in [(&pair.source, false), (&pair.target, true)] {
        for setting in settings {
            if !target {
                cluster.psql("postgres", &format!("ALTER DATABASE styled SET {setting}")).unwrap();
            }
            // What the migrating roles have set for themselves, on both ends.
            cluster.psql("postgres", &format!("ALTER ROLE postgres SET {setting}")).unwrap();
        }
    }
    let ran = pair.migrate(&[]);
    ran.assert_done();
    assert_same(&pair, "styled", "SELECT * FROM public.styled ORDER BY md5(styled::text)");
    assert_same(&pair, "styled", "SELECT count(*), sum(hashtext(styled::text)) FROM public.styled");
    assert_eq!(
        ask(
            &pair.target,
            "styled",
            "SET datestyle = 'ISO'; SELECT min(d) FILTER (WHERE d > '2000-01-01') FROM public.styled"
        ),
        "2024-03-04"
    );
    let differences = pair.compare_database("styled");
    assert!(differences.is_empty(), "{differences:#?}");
}

#[test]
fn timeouts_and_read_only_of_the_migrating_roles_end_nothing() {
    let pair = Pair::new();
    let limits = [
        "idle_in_transaction_session_timeout = 200",
        "statement_timeout = 200",
        "lock_timeout = 200",
        "idle_session_timeout = 200",
    ];
    for cluster in [&pair.source, &pair.target] {
        cluster
            .psql(
                "postgres",
                "CREATE ROLE mover LOGIN CREATEDB CREATEROLE; GRANT pg_read_all_data TO mover; \
            GRANT SET ON PARAMETER session_replication_role TO mover",
            )
            .unwrap();
        for limit in limits {
            cluster.psql("postgres", &format!("ALTER ROLE mover SET {limit}")).unwrap();
        }
    }
    pair.target.psql("postgres", "ALTER ROLE mover SET default_transaction_read_only = on").unwrap();
    pair.source.psql("postgres", "CREATE DATABASE slow OWNER mover").unwrap();
    // 60 rows take 1.2 s at the target, in each of three tables and an index.
    pair.source.psql("slow", "SET SESSION AUTHORIZATION mover; \
        CREATE FUNCTION slowly(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM pg_catalog.pg_sleep(0.02); RETURN $1; END $$;
        CREATE TABLE one (i int CHECK (public.slowly(i) > 0)); CREATE TABLE two (LIKE one INCLUDING ALL); CREATE TABLE three (i serial);
        INSERT INTO one SELECT generate_series(1, 60); INSERT INTO two SELECT generate_series(1, 60); INSERT INTO three SELECT generate_series(1, 60);
        CREATE INDEX ON three (public.slowly(i)); CREATE MATERIALIZED VIEW four AS SELECT slowly(i) FROM three;").unwrap();
    for limit in limits {
        pair.source.psql("postgres", &format!("ALTER DATABASE slow SET {limit}")).unwrap();
    }
    let (source, target) =
        (pair.source.uri_for("mover", None, "postgres"), pair.target.uri_for("mover", None, "postgres"));
    let ran = pair.program(&[
        "migrate",
        "-s",
        &source,
        "-t",
        &target,
        "--json",
        "--database",
        "slow",
        "--jobs",
        "4",
    ]);
    ran.assert_done();
    assert_eq!(ran.json["pg_databases"]["slow"]["rows"], 180);
    assert_same(
        &pair,
        "slow",
        "SELECT count(*), (SELECT count(*) FROM four), (SELECT last_value FROM three_i_seq) FROM three",
    );
}

#[test]
fn connection_limits_and_template_flags_come_last() {
    let pair = Pair::new();
    pair.source.psql("postgres", "CREATE ROLE single LOGIN CONNECTION LIMIT 1; CREATE DATABASE narrow OWNER single CONNECTION LIMIT 1;
        CREATE DATABASE shut CONNECTION LIMIT 0; CREATE DATABASE pattern IS_TEMPLATE true; CREATE DATABASE closed ALLOW_CONNECTIONS false;
        REVOKE ALL ON DATABASE narrow FROM PUBLIC").unwrap();
    for database in ["narrow", "shut", "pattern"] {
        pair.source.psql(database, "CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t SELECT generate_series(1, 100); CREATE TABLE u AS SELECT * FROM t").unwrap();
    }
    // One that cannot be read is named, and nothing is begun without it unasked.
    let refused = pair.migrate(&["--jobs", "4"]);
    let sentence = "database closed: the source's database does not accept connections";
    assert_eq!((refused.code, refused.error()), (1, sentence));
    let ran = pair.migrate(&["--jobs", "4", "--exclude-database", "closed"]);
    ran.assert_done();
    for database in ["narrow", "shut", "pattern"] {
        assert_eq!(ran.status(database), "done");
        assert_same(&pair, database, "SELECT count(*) FROM t");
    }
    let facts = "SELECT datname, datconnlimit, datistemplate, datacl FROM pg_database WHERE datname IN ('narrow', 'shut') ORDER BY 1";
    assert_same(&pair, "postgres", facts);
    assert_same(&pair, "postgres", "SELECT rolname, rolconnlimit FROM pg_roles WHERE rolname = 'single'");
}

#[test]
fn a_plain_role_under_a_connection_limit_gets_a_sentence() {
    let pair = Pair::new();
    pair.source.psql("postgres", "CREATE ROLE single LOGIN CONNECTION LIMIT 1; CREATE DATABASE narrow OWNER single; CREATE DATABASE limited OWNER single CONNECTION LIMIT 1").unwrap();
    for database in ["narrow", "limited"] {
        pair.source
            .psql(
                database,
                "SET SESSION AUTHORIZATION single; CREATE TABLE t (id int); INSERT INTO t VALUES (1)",
            )
            .unwrap();
    }
    let source = pair.source.uri_for("single", None, "postgres");
    let target = pair.target.uri("postgres");
    let ran = pair.program(&["migrate", "-s", &source, "-t", &target, "--json"]);
    let text = format!("{}{}{}", ran.error(), ran.message("narrow"), ran.message("limited"));
    assert!(text.contains("too many connections"), "{text}");
    assert_ne!(ran.code, 0);
    // With room for the role, a database's own limit is in the way.
    pair.source.psql("postgres", "ALTER ROLE single CONNECTION LIMIT -1").unwrap();
    pair.target.psql("postgres", "DROP DATABASE IF EXISTS narrow").unwrap();
    pair.target.psql("postgres", "DROP DATABASE IF EXISTS limited").unwrap();
    let ran = pair.program(&["migrate", "-s", &source, "-t", &target, "--json"]);
    assert_eq!((ran.status("narrow"), ran.status("limited")), ("done", "failed"), "{}", ran.stdout);
    assert!(ran.message("limited").contains("too many connections"), "{}", ran.message("limited"));
}

// ----------------------------------------------------------------------------------------------------------- kinds of tables

const REG: &str = "CREATE SCHEMA \"S x\"; CREATE TABLE \"S x\".\"T y\" (i int); CREATE FUNCTION \"S x\".f(int) RETURNS int LANGUAGE sql AS 'SELECT 1'; \
    CREATE TYPE \"S x\".e AS ENUM ('a'); CREATE ROLE reg_role; CREATE TEXT SEARCH CONFIGURATION conf (COPY = simple); CREATE TEXT SEARCH DICTIONARY dict (TEMPLATE = simple); \
    CREATE OPERATOR === (LEFTARG = int, RIGHTARG = int, PROCEDURE = int4eq); \
    CREATE DOMAIN reg_domain AS regclass; CREATE TYPE reg_pair AS (c regclass, n int); CREATE DOMAIN reg_array AS regclass[]; \
    CREATE TABLE reg (c regclass, ca regclass[], p regproc, pp regprocedure, t regtype, ta regtype[], r regrole, n regnamespace, tc regconfig, td regdictionary, \
      o regoperator, d reg_domain, da reg_array, pr reg_pair, prs reg_pair[], da2 reg_domain[]); \
    INSERT INTO reg SELECT c, ARRAY[c, NULL, 'pg_class'], '\"S x\".f', '\"S x\".f(int)', '\"S x\".e', '{\"\\\"S x\\\".e\",int4}', 'reg_role', '\"S x\"', 'conf', 'dict', \
      '===(int4,int4)', c, ARRAY[c], ROW(c, 1)::reg_pair, ARRAY[ROW(c, 2)::reg_pair], ARRAY[c]::reg_domain[] FROM (SELECT '\"S x\".\"T y\"'::regclass) x(c); \
    INSERT INTO reg (c, t) VALUES (NULL, NULL), (0, 0);";

#[test]
fn values_that_name_objects_name_the_same_objects() {
    let pair = Pair::new();
    // Its numbers are others than the source's from here on.
    pair.target.psql("postgres", "DO $$ BEGIN FOR i IN 1..300 LOOP EXECUTE format('CREATE TABLE burnt_%s (i int)', i); EXECUTE format('DROP TABLE burnt_%s', i); END LOOP; END $$").unwrap();
    pair.source.psql("postgres", "CREATE DATABASE reg").unwrap();
    pair.source.psql("reg", REG).unwrap();
    pair.migrate(&[]).assert_done();
    assert_same(&pair, "reg", "SELECT reg::text FROM reg ORDER BY 1");
    let oid = "SELECT '\"S x\".\"T y\"'::regclass::oid";
    assert_ne!(ask(&pair.source, "reg", oid), ask(&pair.target, "reg", oid));
    // By number and not by luck of printing.
    let joins = "SELECT count(*) FROM reg JOIN pg_class k ON k.oid = reg.c AND k.oid = reg.d AND k.oid = reg.ca[1] AND k.oid = (reg.pr).c AND k.oid = (reg.prs)[1].c AND k.oid = reg.da[1] WHERE k.relname = 'T y'";
    assert_eq!(ask(&pair.target, "reg", joins), "1");
    assert!(pair.compare_database("reg").is_empty());
}

const SHAPES: &str = "
    CREATE TABLE parent (id int, v text); CREATE TABLE child (extra int) INHERITS (parent); CREATE TABLE grandchild () INHERITS (child);
    INSERT INTO parent SELECT i, 'p' FROM generate_series(1, 10) i; INSERT INTO child SELECT i, 'c', i FROM generate_series(11, 30) i; INSERT INTO grandchild VALUES (31, 'g', 1);
    CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy'); ALTER TYPE mood ADD VALUE 'grim' BEFORE 'sad';
    CREATE TABLE moods (m mood, i int) PARTITION BY HASH (m);
    CREATE TABLE moods_0 PARTITION OF moods FOR VALUES WITH (MODULUS 3, REMAINDER 0); CREATE TABLE moods_1 PARTITION OF moods FOR VALUES WITH (MODULUS 3, REMAINDER 1);
    CREATE TABLE moods_2 PARTITION OF moods FOR VALUES WITH (MODULUS 3, REMAINDER 2) PARTITION BY HASH (m);
    CREATE TABLE moods_2_0 PARTITION OF moods_2 FOR VALUES WITH (MODULUS 2, REMAINDER 0); CREATE TABLE moods_2_1 PARTITION OF moods_2 FOR VALUES WITH (MODULUS 2, REMAINDER 1);
    INSERT INTO moods SELECT (enum_range(NULL::mood))[1 + i % 4], i FROM generate_series(1, 1000) i;
    CREATE TABLE columns (gone1 int, id int GENERATED ALWAYS AS IDENTITY (START 5 INCREMENT -3 MINVALUE -1000 MAXVALUE 5), \"Twice \"\"x\" int GENERATED ALWAYS AS (v * 2) STORED, v int, gone2 text, def text DEFAULT 'd');
    ALTER TABLE columns DROP gone1; INSERT INTO columns (v, gone2) SELECT i, 'g' FROM generate_series(1, 7) i; ALTER TABLE columns DROP gone2; INSERT INTO columns (v, def) VALUES (8, NULL);
    CREATE TABLE nothing (); INSERT INTO nothing SELECT FROM generate_series(1, 9); CREATE TABLE all_gone (a int); INSERT INTO all_gone SELECT generate_series(1, 4); ALTER TABLE all_gone DROP a;
    CREATE UNLOGGED TABLE unlogged (i int); INSERT INTO unlogged SELECT generate_series(1, 50);
    CREATE SEQUENCE never_called START 42; CREATE SEQUENCE called; SELECT nextval('called'); CREATE SEQUENCE down INCREMENT -5 START 100 MINVALUE -100 MAXVALUE 100; SELECT nextval('down'), nextval('down');
    CREATE SEQUENCE set_uncalled; SELECT setval('set_uncalled', 77, false); CREATE SEQUENCE cycling MAXVALUE 3 CYCLE CACHE 10; SELECT nextval('cycling') FROM generate_series(1, 4); CREATE UNLOGGED TABLE has_serial (i serial); INSERT INTO has_serial DEFAULT VALUES;
    CREATE SEQUENCE small AS smallint MAXVALUE 32767; SELECT setval('small', 32767);
    CREATE MATERIALIZED VIEW z_first AS SELECT count(*) AS n FROM parent; CREATE MATERIALIZED VIEW a_second AS SELECT n + 1 AS n FROM z_first; CREATE VIEW between_them AS SELECT n FROM a_second;
    CREATE MATERIALIZED VIEW b_third AS SELECT n FROM between_them; CREATE UNIQUE INDEX ON b_third (n); CREATE MATERIALIZED VIEW unpopulated AS SELECT n FROM b_third WITH NO DATA; CREATE INDEX ON unpopulated (n);
    CREATE TABLE \"Wierd \"\"t\" (\"select\" int, \"a\\b\" text, \"tab\there\" int); INSERT INTO \"Wierd \"\"t\" VALUES (1, E'\\\\N', 2), (NULL, E'\\\\.', 3), (2, E'a\\tb\\nc\\rd\\\\e', NULL), (3, '', 4);
    CREATE TABLE swallowed (i int); CREATE RULE away AS ON INSERT TO swallowed WHERE NEW.i > 5 DO INSTEAD NOTHING; INSERT INTO swallowed SELECT generate_series(1, 9);
    CREATE FUNCTION skip() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$; CREATE TABLE skipped (i int); INSERT INTO skipped SELECT generate_series(1, 9); CREATE TRIGGER skip BEFORE INSERT ON skipped FOR EACH ROW EXECUTE FUNCTION skip(); ALTER TABLE skipped ENABLE ALWAYS TRIGGER skip;
    SELECT lo_from_bytea(5001, ''); SELECT lo_from_bytea(5002, decode(repeat('00ff5c27', 800000), 'hex')); SELECT lo_create(5003); SELECT lo_put(5003, 5000000, '\\x01'); SELECT lo_put(5003, 9000000, '\\x02'); SELECT lo_create(4294967295);
    SELECT lo_from_bytea(5004, decode(repeat('ab', 1048576), 'hex')); SELECT lo_from_bytea(5005, decode(repeat('ab', 1048575), 'hex')); SELECT lo_from_bytea(5006, decode(repeat('ab', 2097152), 'hex')); COMMENT ON LARGE OBJECT 5002 IS 'three megabytes';";

#[test]
fn every_shape_of_table_keeps_its_rows() {
    let pair = Pair::new();
    pair.target.psql("postgres", "DO $$ BEGIN FOR i IN 1..100 LOOP EXECUTE format('CREATE TYPE burnt_%s AS ENUM (''a'', ''b'')', i); EXECUTE format('DROP TYPE burnt_%s', i); END LOOP; END $$").unwrap();
    pair.source.psql("postgres", "CREATE DATABASE shapes").unwrap();
    pair.source.psql("shapes", SHAPES).unwrap();
    pair.migrate(&[]).assert_done();
    let differences: Vec<_> =
        pair.compare_database("shapes").into_iter().filter(|d| !d.object.contains("moods_")).collect();
    assert!(differences.is_empty(), "{differences:#?}");
    for (query, wanted) in [
        ("SELECT count(*), count(DISTINCT id) FROM parent", "31|31"),
        ("SELECT count(*) FROM ONLY parent", "10"),
        (
            "SELECT count(*), count(DISTINCT i), count(*) FILTER (WHERE m = 'grim') FROM moods",
            "1000|1000|250",
        ),
        // Found by its value: it lies where the target's own hash looks for it.
        ("SET enable_partition_pruning = on; SELECT count(*) FROM moods WHERE m = 'happy'", "250"),
        ("SELECT count(*), min(id), sum(\"Twice \"\"x\"), count(def) FROM columns", "8|-16|72|7"),
        ("INSERT INTO columns (v) VALUES (0) RETURNING id", "-19"),
        (
            "SELECT (SELECT count(*) FROM nothing), (SELECT count(*) FROM all_gone), (SELECT count(*) FROM unlogged)",
            "9|4|50",
        ),
        (
            "SELECT nextval('never_called'), nextval('called'), nextval('down'), nextval('set_uncalled')",
            "42|2|90|77",
        ),
        ("SELECT last_value, is_called FROM small", "32767|t"),
        ("SELECT n FROM b_third", "32"),
        ("SELECT relispopulated FROM pg_class WHERE relname = 'unpopulated'", "f"),
        (
            "SELECT length(lo_get(5001)), length(lo_get(5002)), md5(lo_get(5002)) = md5(decode(repeat('00ff5c27', 800000), 'hex')), length(lo_get(5003)), length(lo_get(4294967295))",
            "0|3200000|t|9000001|0",
        ),
        (
            "SELECT length(lo_get(5004)), length(lo_get(5005)), length(lo_get(5006))",
            "1048576|1048575|2097152",
        ),
        ("SELECT (SELECT count(*) FROM swallowed), (SELECT count(*) FROM skipped)", "5|9"),
    ] {
        assert_eq!(ask(&pair.target, "shapes", query), wanted, "{query}");
    }
}

#[test]
fn rows_that_row_security_hides_are_an_error() {
    let pair = Pair::new();
    pair.source.psql("postgres", "CREATE ROLE tenant LOGIN; CREATE DATABASE tenants OWNER tenant").unwrap();
    pair.source.psql("tenants", "SET SESSION AUTHORIZATION tenant; CREATE TABLE forced (id int, who text); INSERT INTO forced SELECT i, i % 2 FROM generate_series(1, 100) i;
        ALTER TABLE forced ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY; CREATE POLICY half ON forced USING (who = '1');
        CREATE TABLE owned (id int); INSERT INTO owned SELECT generate_series(1, 10); ALTER TABLE owned ENABLE ROW LEVEL SECURITY; CREATE POLICY none ON owned USING (false);
        CREATE TABLE plain (id int); INSERT INTO plain SELECT generate_series(1, 10);").unwrap();
    let (source, target) = (pair.source.uri_for("tenant", None, "postgres"), pair.target.uri("postgres"));
    let arguments = ["migrate", "-s", &source, "-t", &target, "--json", "--database", "tenants"];
    let refused = pair.program(&arguments);
    assert_eq!(refused.code, 1, "{}", refused.stdout);
    assert!(refused.error().contains("row-level security hides rows of 1 table"), "{}", refused.error());
    // Whoever does not believe it meets it on the way.
    let ran = pair.program(&[arguments.as_slice(), &["--skip-check", "row-security"]].concat());
    assert_eq!((ran.code, ran.status("tenants")), (3, "failed"), "{}", ran.stdout);
    assert!(found(&ran, "lost").contains("forced"), "{}", ran.stdout);
    assert!(found(&ran, "lost").contains("row-level security"), "{}", ran.stdout);
    assert_eq!(
        ask(
            &pair.target,
            "tenants",
            "SELECT (SELECT count(*) FROM forced), (SELECT count(*) FROM owned), (SELECT count(*) FROM plain)"
        ),
        "0|10|10"
    );
}

// --------------------------------------------------------------------------------------------------- what cannot come across

#[test]
fn what_cannot_be_made_again_is_lost_by_name_and_the_rest_is_moved() {
    let pair = Pair::new();
    pair.source.psql("postgres", "CREATE DATABASE broken; CREATE DATABASE sound").unwrap();
    pair.source.psql("sound", "CREATE TABLE t AS SELECT generate_series(1, 10) AS i").unwrap();
    pair.source.psql("broken", "CREATE FUNCTION ceiling_of() RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 100';
        CREATE TABLE breaks_its_check (v int CONSTRAINT below CHECK (v < public.ceiling_of())); INSERT INTO breaks_its_check VALUES (5), (50);
        CREATE OR REPLACE FUNCTION ceiling_of() RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 10';
        CREATE FUNCTION bare(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT ceiling_of() + $1';
        CREATE TABLE indexed (v int); INSERT INTO indexed VALUES (1); CREATE INDEX by_bare ON indexed (bare(v));
        CREATE MATERIALIZED VIEW stale AS SELECT bare(v) FROM indexed;
        CREATE TABLE fine (i int PRIMARY KEY); INSERT INTO fine SELECT generate_series(1, 100);").unwrap();
    let ran = pair.migrate(&[]);
    assert_eq!(
        (ran.code, ran.status("broken"), ran.status("sound")),
        (3, "failed", "done"),
        "{}",
        ran.stdout
    );
    let lost = found(&ran, "lost");
    for name in ["breaks_its_check", "below", "by_bare", "stale", "ceiling_of()"] {
        assert!(lost.contains(name), "{name} is not in {lost}");
    }
    assert_eq!(
        ask(
            &pair.target,
            "broken",
            "SELECT (SELECT count(*) FROM fine), (SELECT count(*) FROM indexed), (SELECT count(*) FROM breaks_its_check)"
        ),
        "100|1|0"
    );
    assert_eq!(ran.json["pg_databases"]["broken"]["tables_failed"], 1);
    assert_same(&pair, "sound", "SELECT count(*) FROM t");
}

/// Everything in the fixture that no dump has, or that cannot be made on the target.
const BEYOND: [&str; 13] = [
    "beyond_language",
    "in_beyond_language",
    "cyclic",
    "names_overloaded",
    "names_index",
    "breaks_its_check",
    "counted",
    "by_unqualified",
    "matview_unqualified",
    "sql_features",
    "commented",
    "plpgsql",
    "left_invalid",
];

#[test]
fn what_no_dump_can_bring_over_is_named() {
    let pair = Pair::new();
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    pair.source.psql("postgres", "CREATE ROLE fx_reader; CREATE DATABASE beyond").unwrap();
    pair.source.psql_file("beyond", &fixtures.join("beyond-pg-dump.sql")).unwrap();
    let ran = pair.migrate(&[]);
    assert_eq!((ran.code, ran.status("beyond")), (3, "failed"), "{}", ran.stdout);
    let named = serde_json::to_string(&ran.json["findings"]).unwrap();
    for name in BEYOND {
        assert!(named.contains(name), "{name} is missing on the target, and no finding says so: {named}");
    }
    // Nothing else is missing. (The rows of one table cannot be read by the comparison itself.)
    let silent: Vec<String> = pair
        .compare_database("beyond")
        .iter()
        .filter(|d| d.kind != "error" && !BEYOND.iter().any(|name| d.object.contains(name)))
        .map(ToString::to_string)
        .filter(|d| !d.contains("rows beyond.indexed_unqualified: source absent"))
        // It says so itself.
        .filter(|d| !(d.contains("pgpassage ") && d.contains(": not finished")))
        .collect();
    assert!(silent.is_empty(), "{silent:#?}");
}

// ------------------------------------------------------------------------------------------------------- encodings and numbers

#[test]
fn databases_of_other_encodings_keep_every_byte() {
    let pair = Pair::new();
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    pair.source.psql("postgres", "CREATE ROLE fx_app; CREATE DATABASE latin1 ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0; CREATE DATABASE sqlascii ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0").unwrap();
    for database in ["latin1", "sqlascii"] {
        pair.source.psql_file(database, &fixtures.join(format!("{database}.sql"))).unwrap();
    }
    pair.migrate(&[]).assert_done();
    for database in ["latin1", "sqlascii"] {
        let differences = pair.compare_database(database);
        assert!(differences.is_empty(), "{differences:#?}");
    }
    let bytes = "SELECT md5(string_agg(convert_to(v, 'SQL_ASCII'), '' ORDER BY id)) FROM bytes";
    assert_same(&pair, "sqlascii", bytes);
}

#[test]
fn a_thousand_tables_and_twenty_databases_go_through() {
    let pair = Pair::new();
    for i in 0..20 {
        pair.source.psql("postgres", &format!("CREATE DATABASE many_{i}")).unwrap();
        pair.source.psql(&format!("many_{i}"), "CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t SELECT i, i FROM generate_series(1, 50) i").unwrap();
    }
    pair.source.psql("many_0", "DO $$ BEGIN FOR i IN 1..1000 LOOP EXECUTE format('CREATE TABLE t_%s (id int PRIMARY KEY, v text)', i); \
        EXECUTE format('INSERT INTO t_%s VALUES (%s, 1), (0, 2)', i, i); EXECUTE format('CREATE INDEX ON t_%s (v)', i); END LOOP; END $$").unwrap();
    let began = Instant::now();
    let ran = pair.migrate(&["--jobs", "8"]);
    let took = began.elapsed();
    ran.assert_done();
    assert!(took < Duration::from_secs(60), "{took:?}");
    let databases = ran.json["pg_databases"].as_object().unwrap();
    assert_eq!(
        databases.iter().filter(|(name, d)| name.starts_with("many_") && d["status"] == "done").count(),
        20
    );
    assert_eq!((&databases["many_0"]["tables"], &databases["many_0"]["rows"]), (&1001.into(), &2050.into()));
    assert_same(&pair, "many_0", "SELECT count(*) FROM pg_index WHERE indrelid >= 16384");
    assert_same(&pair, "many_19", "SELECT count(*), sum(hashtext(t::text)) FROM t");
}
