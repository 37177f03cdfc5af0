//! Continuous migration with what a user has: each case with a role that has just that.

use crate::catalog::leftovers;
use crate::common::{Pair, Ran, eventually};
use crate::{extras, pair};

/// Tables that belong to somebody else, in a database of that name on both servers; a plain role `mover` on both.
fn shops() -> Pair {
    let pair = pair();
    let source = "CREATE ROLE mover LOGIN REPLICATION; GRANT pg_read_all_data TO mover; CREATE DATABASE shop";
    pair.source.psql("postgres", source).unwrap();
    pair.target.psql("postgres", "CREATE ROLE mover LOGIN; CREATE DATABASE shop OWNER mover").unwrap();
    let tables = "CREATE TABLE t (a serial PRIMARY KEY, b text); INSERT INTO t (b) VALUES ('x'), ('y'); \
                  CREATE TABLE parts (a int PRIMARY KEY) PARTITION BY RANGE (a); \
                  CREATE TABLE part1 PARTITION OF parts FOR VALUES FROM (0) TO (100); INSERT INTO parts VALUES (1)";
    pair.source.psql("shop", tables).unwrap();
    pair
}

fn migrate(pair: &Pair, users: (&str, &str), further: &[&str]) -> Ran {
    let (source, target) =
        (pair.source.uri_for(users.0, None, "shop"), pair.target.uri_for(users.1, None, "shop"));
    let arguments = ["migrate", "-s", &source, "-t", &target, "--json", "--database", "shop", "--no-owner"];
    let rest = [
        "--migration-id",
        "follow",
        "--excluded-roles",
        "postgres,mover",
        "--excluded-extensions",
        "aiven_extras,dblink",
    ];
    pair.program(&[arguments.as_slice(), &rest, further].concat())
}

fn follows_and_is_closed(pair: &Pair, users: (&str, &str)) {
    let ran = migrate(pair, users, &["--force-method", "replication"]);
    assert_eq!((ran.code, ran.status("shop")), (0, "running"), "{}\n{}", ran.stderr, ran.stdout);
    pair.source
        .psql(
            "shop",
            "INSERT INTO t (b) VALUES ('z'); UPDATE t SET b = 'X' WHERE a = 1; INSERT INTO parts VALUES (2)",
        )
        .unwrap();
    eventually(&pair.target, "shop", "SELECT string_agg(b, ' ' ORDER BY a) FROM t", "X y z");
    eventually(&pair.target, "shop", "SELECT count(*) FROM part1", "2");
    let (source, target) =
        (pair.source.uri_for(users.0, None, "shop"), pair.target.uri_for(users.1, None, "shop"));
    let status = pair.program(&["status", "follow", "-s", &source, "-t", &target, "--json"]);
    assert_eq!(status.json["migration"]["status"], "syncing", "{}", status.stdout);
    let done =
        pair.program(&["finish", "follow", "-s", &source, "-t", &target, "--json", "--verify", "checksums"]);
    assert_eq!((done.code, done.status("shop")), (0, "done"), "{}\n{}", done.stderr, done.stdout);
    assert_eq!((leftovers(&pair.source), leftovers(&pair.target)), (Vec::new(), Vec::new()));
    assert_eq!(pair.target.psql("shop", "INSERT INTO t (b) VALUES ('after') RETURNING a").unwrap(), "4");
}

#[test]
fn with_aiven_extras_on_both() {
    let pair = shops();
    extras::install(&pair.source, "shop", &["mover"]);
    extras::install(&pair.target, "shop", &["mover"]);
    follows_and_is_closed(&pair, ("mover", "mover"));
}

#[test]
fn with_aiven_extras_on_the_source_only() {
    let pair = shops();
    extras::install(&pair.source, "shop", &["mover"]);
    follows_and_is_closed(&pair, ("mover", "postgres"));
}

#[test]
fn with_aiven_extras_on_the_target_only() {
    let pair = shops();
    extras::install(&pair.target, "shop", &["mover"]);
    follows_and_is_closed(&pair, ("postgres", "mover"));
}

/// The extension publishes a table with its children: one without a key, left out on purpose, could then not be changed
/// on the source any more.
#[test]
fn with_aiven_extras_no_child_is_published_that_was_not_chosen() {
    let pair = shops();
    extras::install(&pair.source, "shop", &["mover"]);
    let children = "CREATE TABLE child (PRIMARY KEY (a)) INHERITS (t); INSERT INTO child VALUES (10, 'c'); \
                    CREATE TABLE grandchild () INHERITS (child); INSERT INTO grandchild VALUES (20, 'g')";
    pair.source.psql("shop", children).unwrap();
    let users = ("mover", "postgres");
    let skip = ["--replica-identity", "skip"];
    let refused = migrate(&pair, users, &[["--force-method", "replication"], skip].concat());
    assert_eq!(refused.code, 1, "{}", refused.stdout);
    let said = "public.grandchild inherits from public.child without being chosen to follow like it";
    assert!(refused.error().contains(said), "{}", refused.error());
    assert_eq!((leftovers(&pair.source), leftovers(&pair.target)), (Vec::new(), Vec::new()));

    // With a key of its own it follows like the others.
    pair.source.psql("shop", "ALTER TABLE grandchild ADD PRIMARY KEY (a)").unwrap();
    let ran = migrate(&pair, users, &[["--force-method", "replication"], skip].concat());
    assert_eq!((ran.code, ran.status("shop")), (0, "running"), "{}\n{}", ran.stderr, ran.stdout);
    pair.source.psql("shop", "UPDATE t SET b = b || '!'; DELETE FROM t WHERE a = 1").unwrap();
    let rows = "SELECT string_agg(b, ' ' ORDER BY a) FROM t";
    eventually(&pair.target, "shop", rows, "y! c! g!");
    assert_eq!(pair.target.psql("shop", "SELECT b FROM ONLY grandchild").unwrap(), "g!");
    assert_eq!(pair.program(&["stop", "follow", "--json"]).code, 0);
}

/// What the day of the switch would show is said on the first day.
#[test]
fn a_user_that_cannot_copy_again_is_told_so_before() {
    let pair = shops();
    extras::install(&pair.target, "shop", &["mover"]);
    pair.source.psql("shop", "CREATE UNLOGGED TABLE fleeting (a int)").unwrap();
    let ran = migrate(&pair, ("postgres", "mover"), &["--force-method", "replication"]);
    assert_eq!((ran.code, ran.status("shop")), (0, "running"), "{}\n{}", ran.stderr, ran.stdout);
    let said = ran.findings("warning").join("\n");
    assert!(said.contains("cannot close the connection"), "{said}");
    assert!(ran.stdout.contains("public.fleeting"), "{}", ran.stdout);
    assert_eq!(pair.program(&["stop", "follow", "--json"]).code, 0);
}

/// Nothing: the reason is the one that can be done something about, and the snapshot needs none of it.
#[test]
fn with_nothing_it_is_a_snapshot_and_the_reason_is_said() {
    let pair = shops();
    let refused = migrate(&pair, ("mover", "mover"), &["--force-method", "replication"]);
    assert_eq!(refused.code, 1, "{}", refused.stdout);
    assert!(refused.error().contains("and only its owner may publish it"), "{}", refused.error());
    // What was refused has done nothing: its name is free.
    let ran = migrate(&pair, ("mover", "mover"), &["--fallback", "dump"]);
    assert_eq!((ran.code, ran.status("shop")), (0, "done"), "{}\n{}", ran.stderr, ran.stdout);
    let said = ran.findings("warning").join("\n");
    assert!(said.contains("only its owner may publish it"), "{said}");
    assert_eq!((leftovers(&pair.source), leftovers(&pair.target)), (Vec::new(), Vec::new()));

    let pair = shops();
    let ran = migrate(&pair, ("postgres", "mover"), &["--fallback", "dump"]);
    assert_eq!((ran.code, ran.status("shop")), (0, "done"), "{}\n{}", ran.stderr, ran.stdout);
    let said = ran.findings("warning").join("\n");
    assert!(said.contains("mover may not subscribe on the target"), "{said}");
}
