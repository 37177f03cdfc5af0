//! Rows that are copied again when the connection is closed, although the target would refuse them: constraints that were
//! never validated, and publications that want deleted rows told apart.

use crate::catalog::leftovers;
use crate::common::Pair;
use crate::extras;
use crate::rights::{migrate, shops};

const REFUSING: &str = r#"CREATE TABLE "odd; one" (a int, b int); INSERT INTO "odd; one" VALUES (1, -1), (2, 5);
    ALTER TABLE "odd; one" ADD CONSTRAINT "it's; positive" CHECK (b > 0) NOT VALID;
    COMMENT ON CONSTRAINT "it's; positive" ON "odd; one" IS 'not for the rows of ''old''';
    ALTER TABLE "odd; one" ADD CONSTRAINT valid CHECK (a > 0), ADD CONSTRAINT own CHECK (b < 9) NO INHERIT NOT VALID;
    CREATE TABLE top (a int PRIMARY KEY); INSERT INTO top VALUES (1), (2), (3);
    ALTER TABLE "odd; one" ADD FOREIGN KEY (a) REFERENCES top DEFERRABLE INITIALLY DEFERRED;
    CREATE TABLE told (a int, b int); INSERT INTO told VALUES (1, 1), (2, 2);
    CREATE TABLE nothing (a int PRIMARY KEY); ALTER TABLE nothing REPLICA IDENTITY NOTHING; INSERT INTO nothing VALUES (1);
    CREATE TABLE tree (a int, b int) PARTITION BY LIST (a); CREATE TABLE leaf PARTITION OF tree FOR VALUES IN (1);
    INSERT INTO tree VALUES (1, 1);
    CREATE PUBLICATION elsewhere FOR TABLE told, nothing, tree;"#;

/// From 15 on.
const FILTERED: &str = "CREATE TABLE filtered (a int, b int); INSERT INTO filtered VALUES (1, 1), (2, -2);
    CREATE PUBLICATION some FOR TABLE filtered WHERE (b > 0)";

fn rows_come_again(pair: &Pair, users: (&str, &str)) {
    pair.source.psql("shop", REFUSING).unwrap();
    let filtered = pair.source.psql("shop", FILTERED).is_ok();
    let words = ["--force-method", "replication", "--replica-identity", "skip"];
    let ran = migrate(pair, users, &words);
    assert_eq!((ran.code, ran.status("shop")), (0, "running"), "{}\n{}", ran.stderr, ran.stdout);
    let writes = r#"INSERT INTO "odd; one" VALUES (3, 3); INSERT INTO told VALUES (3, 3); INSERT INTO nothing VALUES (2);
                    INSERT INTO tree VALUES (1, 2)"#;
    pair.source.psql("shop", writes).unwrap();
    let done = pair.program(&["finish", "follow", "--json", "--verify", "checksums"]);
    assert_eq!((done.code, done.status("shop")), (0, "done"), "{}\n{}", done.stderr, done.stdout);
    let mut tables = vec!["\"odd; one\"", "told", "nothing", "leaf"];
    tables.extend(filtered.then_some("filtered"));
    for table in tables {
        let rows = format!("SELECT string_agg(t::text, ' ' ORDER BY t::text) FROM {table} t");
        assert_eq!(pair.target.psql("shop", &rows).unwrap(), pair.source.psql("shop", &rows).unwrap());
    }
    for question in [
        "SELECT string_agg(conname || pg_get_constraintdef(oid) || convalidated || coalesce(obj_description(oid), ''), ' ' ORDER BY conname)
           FROM pg_constraint WHERE contype = 'c'",
        "SELECT string_agg(oid::regclass || relreplident::text, ' ' ORDER BY relname) FROM pg_class
          WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace",
    ] {
        let answer = pair.source.psql("shop", question).unwrap();
        assert_eq!(pair.target.psql("shop", question).unwrap(), answer, "{question}");
    }
    assert_eq!((leftovers(&pair.source), leftovers(&pair.target)), (Vec::new(), Vec::new()));
}

#[test]
fn a_superuser_copies_them() {
    rows_come_again(&shops(), ("postgres", "postgres"));
}

#[test]
fn their_owner_copies_them() {
    let pair = shops();
    extras::install(&pair.target, "shop", &["mover"]);
    rows_come_again(&pair, ("postgres", "mover"));
}
