//! What the fast path promises: large tables in parts, small ones together, foreign keys beside other work, and nothing
//! lost by any of it.

use crate::common::Pair;
use crate::traps::{Gate, ask, finish, start, wait_for_copy};

/// Tables of every shape that can be cut, and some that cannot.
const SHAPES: &str = "
    CREATE TABLE plain (id int PRIMARY KEY, v text);
    INSERT INTO plain SELECT i, repeat('v', i % 50) FROM generate_series(1, 30000) i;
    DELETE FROM plain WHERE id BETWEEN 5000 AND 20000;
    CREATE TABLE toasted (id int, v text);
    ALTER TABLE toasted ALTER v SET STORAGE EXTERNAL;
    INSERT INTO toasted SELECT i, repeat(i::text, 3000) FROM generate_series(1, 200) i;
    CREATE TABLE generated (a int, b int GENERATED ALWAYS AS (a * 2) STORED, \"C\" text DEFAULT 'c');
    INSERT INTO generated (a) SELECT generate_series(1, 5000);
    CREATE TABLE dropped (a int, b int, c int); INSERT INTO dropped SELECT i, i, i FROM generate_series(1, 5000) i;
    ALTER TABLE dropped DROP b;
    CREATE TABLE one_block (a int); INSERT INTO one_block VALUES (1), (2);
    CREATE TABLE nothing (a int);
    CREATE TABLE no_columns (); INSERT INTO no_columns DEFAULT VALUES; INSERT INTO no_columns DEFAULT VALUES;
    CREATE TABLE parent (a int); INSERT INTO parent SELECT generate_series(1, 3000);
    CREATE TABLE child (b int) INHERITS (parent); INSERT INTO child SELECT i, i FROM generate_series(1, 4000) i;
    CREATE TYPE colour AS ENUM ('red', 'green', 'blue');
    CREATE TABLE hashed (c colour, a int) PARTITION BY HASH (c);
    CREATE TABLE hashed_0 PARTITION OF hashed FOR VALUES WITH (MODULUS 3, REMAINDER 0);
    CREATE TABLE hashed_1 PARTITION OF hashed FOR VALUES WITH (MODULUS 3, REMAINDER 1);
    CREATE TABLE hashed_2 PARTITION OF hashed FOR VALUES WITH (MODULUS 3, REMAINDER 2);
    INSERT INTO hashed SELECT (ARRAY['red', 'green', 'blue'])[1 + i % 3]::colour, i FROM generate_series(1, 9000) i;
    CREATE UNLOGGED TABLE unlogged (a int); INSERT INTO unlogged SELECT generate_series(1, 3000);";

#[test]
fn tables_in_parts_arrive_whole() {
    let pair = Pair::new();
    pair.source.psql("postgres", SHAPES).unwrap();
    // The types of the target get other OIDs, so that enums hash otherwise.
    pair.target.psql("postgres", "CREATE TYPE x AS ENUM ('x'); DROP TYPE x").unwrap();
    pair.source.psql("postgres", "ALTER SYSTEM SET log_statement = 'all'; SELECT pg_reload_conf()").unwrap();
    let ran = pair.migrate(&["--split-tables-larger-than", "1", "--jobs", "3"]);
    ran.assert_done();
    for table in ["plain", "hashed_0", "parent", "toasted"] {
        let part = format!("ONLY \"public\".\"{table}\" WHERE ctid >=");
        assert!(pair.source.log_text().matches(&part).count() > 1, "{table} was not copied in parts");
    }
    let differences: Vec<_> = pair.compare_database("postgres").iter().map(ToString::to_string).collect();
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    let logged = pair.state_text();
    assert!(logged.contains("\"name\":\"plain\"},\"rows\":14999,"), "the rows of all parts are counted");
}

#[test]
fn parts_do_not_see_what_comes_later() {
    let pair = Pair::new();
    crate::traps::make_gated(&pair.source, "gated");
    let gate = Gate::close(&pair.target);
    let child = start(&pair, &["--database", "gated", "--split-tables-larger-than", "1", "--jobs", "2"]);
    wait_for_copy(&pair.target);
    // New blocks behind the last part, rows taken away from the first one, and rows that move into the space.
    pair.source
        .psql(
            "gated",
            "INSERT INTO gated SELECT i, repeat('y', 20000) FROM generate_series(2000, 2300) i; \
             DELETE FROM gated WHERE i < 300; UPDATE gated SET filler = 'short' WHERE i BETWEEN 400 AND 500;",
        )
        .unwrap();
    drop(gate);
    finish(child).assert_done();
    let expected = "1500|30000000|1|1500";
    let sum = "SELECT count(*), sum(length(filler)), min(i), max(i) FROM gated";
    assert_eq!(ask(&pair.target, "gated", sum), expected);
}

#[test]
fn a_table_of_which_a_part_fails_is_lost_and_empty() {
    let pair = Pair::new();
    // The check holds for no row of the last part, which only the target's own function finds out.
    let function = "CREATE FUNCTION judge(i int) RETURNS bool LANGUAGE plpgsql AS $$ BEGIN RETURN i < 20000 OR \
                    current_setting('cluster_name') <> 'strict'; END $$;";
    let table = "CREATE TABLE judged (i int CHECK (judge(i)), v text DEFAULT repeat('x', 200)); \
                 INSERT INTO judged SELECT generate_series(1, 20000); CREATE TABLE fine AS SELECT 1 AS a;";
    pair.source.psql("postgres", &format!("{function} {table}")).unwrap();
    pair.target.psql("postgres", "ALTER SYSTEM SET cluster_name = 'strict'").unwrap();
    pair.target.restart().unwrap();
    let ran = pair.migrate(&["--split-tables-larger-than", "1", "--jobs", "2"]);
    assert_eq!(ran.code, 3, "{}", ran.stdout);
    assert_eq!(ran.status("postgres"), "failed");
    let lost = ran.findings("lost");
    assert_eq!(lost.len(), 1, "{lost:?}");
    assert!(
        lost[0].starts_with("table: the rows of public.judged could not be copied: the target says"),
        "{lost:?}"
    );
    assert_eq!(ask(&pair.target, "postgres", "SELECT count(*) FROM judged"), "0");
    assert_eq!(ask(&pair.target, "postgres", "SELECT count(*) FROM fine"), "1");
}

/// Where it happened a server says in several lines; nobody reads the escaped end of one.
#[test]
fn where_a_row_was_refused_is_said_in_one_line() {
    let pair = Pair::new();
    let function = "CREATE FUNCTION judge(i int) RETURNS bool LANGUAGE plpgsql AS $$ BEGIN \
                    IF current_setting('cluster_name') = 'strict' THEN RAISE 'not here'; END IF; RETURN true; END $$;";
    let table = "CREATE TABLE judged (i int CHECK (judge(i))); INSERT INTO judged VALUES (1);";
    pair.source.psql("postgres", &format!("{function} {table}")).unwrap();
    pair.target.psql("postgres", "ALTER SYSTEM SET cluster_name = 'strict'").unwrap();
    pair.target.restart().unwrap();
    let ran = pair.migrate(&[]);
    assert_eq!(ran.code, 3, "{}", ran.stdout);
    let lost = ran.findings("lost");
    assert!(lost.iter().any(|l| l.contains("at RAISE; COPY judged, line 1")), "{lost:?}");
    assert!(lost.iter().all(|l| !l.contains("\\n")), "{lost:?}");
}

#[test]
fn among_small_tables_one_that_fails_is_named_and_the_others_arrive() {
    let pair = Pair::new();
    let function = "CREATE FUNCTION judge(i int) RETURNS bool LANGUAGE plpgsql AS $$ BEGIN RETURN i < 20 OR \
                    current_setting('cluster_name') <> 'strict'; END $$;";
    let tables = "DO $$ BEGIN FOR t IN 1..120 LOOP \
                    EXECUTE format('CREATE TABLE t_%s (id int PRIMARY KEY, next int, v text)', t); \
                    EXECUTE format('INSERT INTO t_%s SELECT i, i, i FROM generate_series(1, 20) i', t); \
                    EXECUTE format('CREATE INDEX ON t_%s (v)', t); \
                    EXECUTE format('COMMENT ON INDEX t_%s_v_idx IS ''of %s''', t, t); \
                  END LOOP; \
                  FOR t IN 1..120 LOOP \
                    EXECUTE format('ALTER TABLE t_%s ADD FOREIGN KEY (next) REFERENCES t_%s', t, t % 120 + 1); \
                  END LOOP; END $$; \
                  ALTER TABLE t_77 ADD CHECK (judge(id));";
    pair.source.psql("postgres", &format!("{function} {tables}")).unwrap();
    pair.target.psql("postgres", "ALTER SYSTEM SET cluster_name = 'strict'").unwrap();
    pair.target.restart().unwrap();
    let ran = pair.migrate(&["--jobs", "2"]);
    assert_eq!(ran.code, 3, "{}", ran.stdout);
    let lost = ran.findings("lost");
    // Without its rows, those that refer to them cannot be tied to them.
    assert_eq!(lost.len(), 2, "{lost:?}");
    assert!(lost.iter().any(|l| l.contains("the rows of public.t_77 could not be copied")), "{lost:?}");
    assert!(lost.iter().any(|l| l.contains("t_76_next_fkey")), "{lost:?}");
    let rows = "SELECT sum((xpath('/row/c/text()', query_to_xml(format('SELECT count(*) AS c FROM %I', relname), \
                false, true, '')))[1]::text::int) FROM pg_class WHERE relname ~ '^t_[0-9]+$'";
    assert_eq!(ask(&pair.target, "postgres", rows), (119 * 20).to_string());
    let there = "SELECT count(*) FILTER (WHERE contype = 'p'), count(*) FILTER (WHERE contype = 'f') FROM pg_constraint \
                 WHERE connamespace = 'public'::regnamespace";
    assert_eq!(ask(&pair.target, "postgres", there), "120|119");
    let indexes = "SELECT count(*), count(obj_description(indexrelid, 'pg_class')) FROM pg_index WHERE indexrelid::regclass::text LIKE 't_%_v_idx'";
    assert_eq!(ask(&pair.target, "postgres", indexes), "120|120");
    assert_eq!(
        ask(
            &pair.target,
            "postgres",
            "SELECT count(DISTINCT tablename) FROM pg_stats WHERE tablename LIKE 't\\_%'"
        ),
        "119"
    );
}

/// Materialized views that read each other in ways that pg_dump sees, and in one that it does not.
#[test]
fn materialized_views_come_after_those_that_they_read() {
    let pair = Pair::new();
    pair.source
        .psql(
            "postgres",
            "CREATE TABLE t AS SELECT generate_series(1, 100) AS i;
             CREATE MATERIALIZED VIEW z AS SELECT i FROM t;
             CREATE VIEW y AS SELECT i FROM z;
             CREATE MATERIALIZED VIEW x AS SELECT i FROM y;
             CREATE FUNCTION hidden() RETURNS bigint LANGUAGE plpgsql AS 'BEGIN RETURN (SELECT count(*) FROM public.x); END';
             CREATE MATERIALIZED VIEW a AS SELECT hidden() AS n;
             CREATE MATERIALIZED VIEW empty AS SELECT 1 AS n WITH NO DATA;",
        )
        .unwrap();
    pair.migrate(&["--jobs", "4"]).assert_done();
    assert_eq!(ask(&pair.target, "postgres", "SELECT n, (SELECT count(*) FROM x) FROM a"), "100|100");
}

#[test]
fn the_number_of_workers_is_said_and_why() {
    let pair = Pair::new();
    let (source, target) = (pair.source.uri("postgres"), pair.target.uri("postgres"));
    let ran = pair.program(&["migrate", "-s", &source, "-t", &target]);
    ran.assert_done();
    let said = format!("{}{}", ran.stdout, ran.stderr);
    assert!(said.contains(" tables or indexes at a time: the source has "), "{said}");
}

/// Of foreign keys whose rows can be read in order on both sides, and of trees, whose statistics do not wait for the end.
#[test]
fn foreign_keys_are_checked_in_the_order_of_their_index() {
    let pair = Pair::new();
    let tables = "
        CREATE TABLE parent (id int PRIMARY KEY, v text); INSERT INTO parent SELECT i, repeat('v', 90) FROM generate_series(1, 20000) i;
        CREATE TABLE ordered (id int, parent int); INSERT INTO ordered SELECT i, 1 + i % 20000 FROM generate_series(1, 60000) i;
        CREATE INDEX ON ordered (parent, id);
        ALTER TABLE ordered ADD CONSTRAINT in_order FOREIGN KEY (parent) REFERENCES parent;
        CREATE TABLE heaped (id int, parent int); INSERT INTO heaped SELECT * FROM ordered;
        CREATE INDEX ON heaped (id, parent); CREATE INDEX ON heaped (parent) WHERE id > 5;
        ALTER TABLE heaped ADD CONSTRAINT no_order FOREIGN KEY (parent) REFERENCES parent;
        CREATE TABLE tree (id int, parent int) PARTITION BY RANGE (id);
        CREATE TABLE tree_1 PARTITION OF tree FOR VALUES FROM (0) TO (100);
        CREATE TABLE tree_2 PARTITION OF tree FOR VALUES FROM (100) TO (1000);
        INSERT INTO tree SELECT i, i FROM generate_series(1, 999) i; CREATE INDEX ON tree (parent);
        ALTER TABLE tree ADD CONSTRAINT of_tree FOREIGN KEY (parent) REFERENCES parent;";
    pair.source.psql("postgres", tables).unwrap();
    pair.target.psql("postgres", "ALTER SYSTEM SET log_statement = 'all'; SELECT pg_reload_conf()").unwrap();
    pair.migrate(&["--jobs", "1"]).assert_done();
    let log = pair.target.log_text();
    let joins = log.lines().filter_map(|line| {
        ["enable_hashjoin", "CONSTRAINT in_order", "CONSTRAINT no_order", "CONSTRAINT of_tree"]
            .into_iter()
            .find(|word| line.contains(word))
            .map(|word| if line.contains("RESET") { "reset" } else { word })
    });
    let said = joins.collect::<Vec<_>>().join(" ");
    for key in ["in_order", "of_tree"] {
        assert!(said.contains(&format!("enable_hashjoin CONSTRAINT {key} reset")), "{said}");
    }
    assert!(said.contains("CONSTRAINT no_order"), "{said}");
    assert!(!said.contains("enable_hashjoin CONSTRAINT no_order"), "{said}");
    assert_eq!(log.matches("ANALYZE \"public\".\"tree\"").count(), 1);
    let known = "SELECT count(DISTINCT tablename) FROM pg_stats WHERE schemaname = 'public'";
    assert_eq!(ask(&pair.target, "postgres", known), "6");
    let keys = "SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND convalidated AND conparentid = 0";
    assert_eq!(ask(&pair.target, "postgres", keys), "3");
}
