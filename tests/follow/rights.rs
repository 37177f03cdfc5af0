//! Continuous migration with what a user has: each case with a role that has just that.

use crate::catalog::leftovers;
use crate::common::{Pair, Ran, eventually};
use crate::{extras, pair};

/// Tables that belong to somebody else, in a database of that name on both servers; a plain role `mover` on both.
pub(crate) fn shops() -> Pair {
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

pub(crate) fn migrate(pair: &Pair, users: (&str, &str), further: &[&str]) -> Ran {
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
    assert!(!done.stdout.contains("ten seconds late"), "{}", done.stdout);
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

/// Tables of its own can be copied again by a user that may not hold triggers and foreign keys off.
#[test]
fn a_plain_user_replaces_rows_of_its_own_tables() {
    let pair = shops();
    extras::install(&pair.target, "shop", &["mover"]);
    // Whoever it is that copies must not meet them.
    let tables = "CREATE UNLOGGED TABLE child (a int PRIMARY KEY, f int NOT NULL);
        CREATE UNLOGGED TABLE fleeting (a int PRIMARY KEY, up int REFERENCES fleeting, b text);
        ALTER TABLE child ADD FOREIGN KEY (f) REFERENCES fleeting ON DELETE CASCADE;
        CREATE UNLOGGED TABLE part2 PARTITION OF parts FOR VALUES FROM (100) TO (200);
        INSERT INTO fleeting VALUES (1, 1, 'x'), (2, 1, 'y'); INSERT INTO child VALUES (1, 1), (2, 2);
        INSERT INTO parts VALUES (101);
        CREATE FUNCTION loud() RETURNS trigger LANGUAGE plpgsql AS $$
          BEGIN IF current_user = 'mover' THEN RAISE EXCEPTION 'it fired'; END IF; RETURN coalesce(NEW, OLD); END $$;
        CREATE TRIGGER plain BEFORE INSERT OR DELETE ON fleeting FOR EACH ROW EXECUTE FUNCTION loud();
        CREATE TRIGGER \"Always\" AFTER DELETE ON fleeting EXECUTE FUNCTION loud();
        CREATE TRIGGER off BEFORE INSERT ON fleeting FOR EACH ROW EXECUTE FUNCTION loud();
        CREATE TRIGGER replica AFTER INSERT ON fleeting FOR EACH ROW EXECUTE FUNCTION loud();
        CREATE TRIGGER other AFTER UPDATE ON fleeting FOR EACH ROW EXECUTE FUNCTION loud();
        CREATE TRIGGER whole AFTER INSERT ON parts FOR EACH ROW EXECUTE FUNCTION loud();
        ALTER TABLE fleeting ENABLE ALWAYS TRIGGER \"Always\", DISABLE TRIGGER off, ENABLE REPLICA TRIGGER replica";
    pair.source.psql("shop", tables).unwrap();
    let users = ("postgres", "mover");
    let ran = migrate(&pair, users, &["--force-method", "replication"]);
    assert_eq!((ran.code, ran.status("shop")), (0, "running"), "{}\n{}", ran.stderr, ran.stdout);
    assert!(!ran.stdout.contains("cannot close the connection"), "{}", ran.stdout);
    pair.source
        .psql(
            "shop",
            "DELETE FROM fleeting WHERE a = 2; INSERT INTO fleeting VALUES (3, 1, 'z'), (4, 3, 'w');
             UPDATE fleeting SET b = 'X' WHERE a = 1; INSERT INTO child VALUES (4, 4);
             INSERT INTO parts VALUES (3), (102); DELETE FROM parts WHERE a = 101",
        )
        .unwrap();
    let done = pair.program(&["finish", "follow", "--json", "--verify", "checksums"]);
    assert_eq!((done.code, done.status("shop")), (0, "done"), "{}\n{}", done.stderr, done.stdout);
    for question in [
        "SELECT string_agg(a::text || b, ' ' ORDER BY a) FROM fleeting",
        "SELECT string_agg(a::text || f, ' ' ORDER BY a) FROM child",
        "SELECT string_agg(a::text, ' ' ORDER BY a) FROM parts",
        "SELECT string_agg(tgname || tgenabled::text, ' ' ORDER BY tgrelid::regclass::text, tgname)
           FROM pg_trigger WHERE tgfoid = 'loud'::regproc",
    ] {
        let answer = pair.source.psql("shop", question).unwrap();
        assert_eq!(pair.target.psql("shop", question).unwrap(), answer, "{question}");
    }
    assert_eq!((leftovers(&pair.source), leftovers(&pair.target)), (Vec::new(), Vec::new()));
}

/// Triggers and rules that act even where rows are said to be copies, with a table in which they tell of it.
const ACTING: &str = "CREATE TABLE noted (n serial PRIMARY KEY, what text);
    CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN INSERT INTO public.noted (what) VALUES (TG_NAME || TG_OP); RETURN coalesce(NEW, OLD); END $$;
    CREATE UNLOGGED TABLE fleeting (a int PRIMARY KEY, b text); INSERT INTO fleeting VALUES (1, 'x'), (2, 'y');
    CREATE UNLOGGED TABLE ruled (a int PRIMARY KEY); INSERT INTO ruled VALUES (1), (2);
    CREATE TABLE tree (a int) PARTITION BY RANGE (a);
    CREATE UNLOGGED TABLE tree1 PARTITION OF tree FOR VALUES FROM (0) TO (100);
    CREATE UNLOGGED TABLE tree2 PARTITION OF tree FOR VALUES FROM (100) TO (200); INSERT INTO tree VALUES (1), (101);
    CREATE TRIGGER always AFTER INSERT OR DELETE ON fleeting FOR EACH ROW EXECUTE FUNCTION note();
    CREATE TRIGGER replica BEFORE INSERT ON fleeting FOR EACH ROW EXECUTE FUNCTION note();
    CREATE TRIGGER usual AFTER INSERT ON fleeting FOR EACH ROW EXECUTE FUNCTION note();
    CREATE TRIGGER off AFTER INSERT ON fleeting FOR EACH ROW EXECUTE FUNCTION note();
    CREATE TRIGGER tree AFTER INSERT OR DELETE ON tree FOR EACH ROW EXECUTE FUNCTION note();
    CREATE RULE stay AS ON DELETE TO ruled DO INSTEAD NOTHING;
    ALTER TABLE fleeting ENABLE ALWAYS TRIGGER always, ENABLE REPLICA TRIGGER replica, DISABLE TRIGGER off;
    ALTER TABLE tree1 ENABLE ALWAYS TRIGGER tree; ALTER TABLE tree2 ENABLE REPLICA TRIGGER tree;
    ALTER TABLE ruled ENABLE ALWAYS RULE stay";

/// Who may hold off triggers switches off those that act all the same, and leaves them as they were.
#[test]
fn what_acts_on_copies_too_does_not_act_on_rows_copied_again() {
    let pair = shops();
    pair.source.psql("shop", ACTING).unwrap();
    let ran = migrate(
        &pair,
        ("postgres", "postgres"),
        &["--force-method", "replication", "--replica-identity", "skip"],
    );
    assert_eq!((ran.code, ran.status("shop")), (0, "running"), "{}\n{}", ran.stderr, ran.stdout);
    assert!(!ran.stdout.contains("cannot close the connection"), "{}", ran.stdout);
    let writes = "DELETE FROM fleeting WHERE a = 2; INSERT INTO fleeting VALUES (3, 'z'), (4, 'w'); UPDATE fleeting SET b = 'X' WHERE a = 1;
                  INSERT INTO tree VALUES (2), (102); DELETE FROM tree WHERE a = 101; INSERT INTO ruled VALUES (3)";
    pair.source.psql("shop", writes).unwrap();
    let done = pair.program(&["finish", "follow", "--json", "--verify", "checksums"]);
    assert_eq!((done.code, done.status("shop")), (0, "done"), "{}\n{}", done.stderr, done.stdout);
    for question in [
        "SELECT string_agg(a::text || b, ' ' ORDER BY a) FROM fleeting",
        "SELECT string_agg(a::text, ' ' ORDER BY a) FROM tree",
        "SELECT string_agg(a::text, ' ' ORDER BY a) FROM ruled",
        "SELECT string_agg(what, ' ' ORDER BY n) FROM noted",
        "SELECT string_agg(tgrelid::regclass::text || tgname || tgenabled::text, ' ' ORDER BY tgrelid::regclass::text, tgname)
           FROM pg_trigger WHERE tgfoid = 'note'::regproc",
        "SELECT string_agg(ev_enabled::text, ' ') FROM pg_rewrite WHERE rulename = 'stay'",
    ] {
        let answer = pair.source.psql("shop", question).unwrap();
        assert_eq!(pair.target.psql("shop", question).unwrap(), answer, "{question}");
    }
    assert_eq!((leftovers(&pair.source), leftovers(&pair.target)), (Vec::new(), Vec::new()));
}

/// Who may set the role and does not own the table cannot switch off what acts all the same: it is said on the first day.
#[test]
fn what_acts_on_copies_too_and_cannot_be_switched_off_is_named() {
    let pair = shops();
    if pair.target.psql("postgres", "GRANT SET ON PARAMETER session_replication_role TO mover").is_err() {
        println!("skipped: before 15 only superusers set session_replication_role");
        return;
    }
    extras::install(&pair.target, "shop", &["mover"]);
    pair.source.psql("shop", ACTING).unwrap();
    let users = ("postgres", "mover");
    let words = ["--force-method", "replication", "--replica-identity", "skip"];
    let ran = migrate(&pair, users, &words);
    assert_eq!((ran.code, ran.status("shop")), (0, "running"), "{}\n{}", ran.stderr, ran.stdout);
    // Of its own tables nothing needs to be said.
    assert!(!ran.stdout.contains("cannot close the connection"), "{}", ran.stdout);
    pair.target.psql("shop", "ALTER TABLE fleeting OWNER TO postgres").unwrap();
    pair.target.psql("shop", "GRANT ALL ON fleeting TO mover").unwrap();
    pair.source.psql("shop", "INSERT INTO fleeting VALUES (3, 'z')").unwrap();
    let refused = pair.program(&["finish", "follow", "--json"]);
    assert_eq!((refused.code, refused.status("shop")), (3, "running"), "{}", refused.stdout);
    let said = refused.findings("lost").join("\n");
    let why = "trigger always on public.fleeting acts when rows are replaced, and only the table's owner may switch it off";
    assert!(
        said.contains("the rows of public.fleeting cannot be copied again") && said.contains(why),
        "{said}"
    );
    assert_eq!(pair.target.psql("shop", "SELECT count(*) FROM fleeting").unwrap(), "2");
    pair.target.psql("postgres", "ALTER ROLE mover SUPERUSER").unwrap();
    let done = pair.program(&["finish", "follow", "--json", "--verify", "checksums"]);
    assert_eq!((done.code, done.status("shop")), (0, "done"), "{}\n{}", done.stderr, done.stdout);
}

/// What the day of the switch would show is said on the first day, and nothing is lost by trying.
#[test]
fn a_user_that_cannot_copy_again_is_told_so_before() {
    let pair = shops();
    extras::install(&pair.target, "shop", &["mover"]);
    let tables = "CREATE TABLE keyless (a int UNIQUE, b text); INSERT INTO keyless VALUES (1, 'x');
                  CREATE TABLE refers (a int PRIMARY KEY REFERENCES keyless (a) ON DELETE CASCADE);
                  INSERT INTO refers VALUES (1)";
    pair.source.psql("shop", tables).unwrap();
    let words = ["--force-method", "replication", "--replica-identity", "skip"];
    let ran = migrate(&pair, ("postgres", "mover"), &words);
    assert_eq!((ran.code, ran.status("shop")), (0, "running"), "{}\n{}", ran.stderr, ran.stdout);
    let said = ran.findings("warning").join("\n");
    assert!(said.contains("cannot close the connection"), "{said}");
    let why = "public.refers refers to it by a foreign key and is not copied again with it";
    assert!(ran.stdout.contains(&format!("public.keyless: {why}")), "{}", ran.stdout);
    pair.source.psql("shop", "UPDATE keyless SET b = 'y'").unwrap();
    let refused = pair.program(&["finish", "follow", "--json"]);
    assert_eq!((refused.code, refused.status("shop")), (3, "running"), "{}", refused.stdout);
    let said = refused.findings("lost").join("\n");
    assert!(
        said.contains("the rows of public.keyless cannot be copied again") && said.contains(why),
        "{said}"
    );
    assert_eq!(pair.target.psql("shop", "SELECT count(*) FROM refers").unwrap(), "1");
    // Whoever may hold them off finishes.
    pair.target.psql("postgres", "ALTER ROLE mover SUPERUSER").unwrap();
    let done = pair.program(&["finish", "follow", "--json", "--verify", "checksums"]);
    assert_eq!((done.code, done.status("shop")), (0, "done"), "{}\n{}", done.stderr, done.stdout);
    assert_eq!(pair.target.psql("shop", "SELECT b FROM keyless").unwrap(), "y");
}

/// The owner of everything, who may not read the pages of large objects, finishes, and is told what nobody can be sure of.
#[test]
fn an_owner_is_told_that_large_objects_are_known_late() {
    let pair = pair();
    let roles = "CREATE ROLE mover LOGIN REPLICATION; CREATE DATABASE shop OWNER mover";
    pair.source.psql("postgres", roles).unwrap();
    pair.target.psql("postgres", "CREATE DATABASE shop").unwrap();
    let tables = "SET SESSION AUTHORIZATION mover; CREATE SCHEMA own; CREATE TABLE own.t (a int PRIMARY KEY);
                  INSERT INTO own.t VALUES (1); SELECT lo_from_bytea(4711, 'large')";
    pair.source.psql("shop", tables).unwrap();
    let ran = migrate(&pair, ("mover", "postgres"), &["--force-method", "replication"]);
    assert_eq!((ran.code, ran.status("shop")), (0, "running"), "{}\n{}", ran.stderr, ran.stdout);
    pair.source.psql("shop", "SELECT lo_put(4711, 0, 'LARGE')").unwrap();
    let done = pair.program(&["finish", "follow", "--json"]);
    assert_eq!((done.code, done.status("shop")), (0, "done"), "{}\n{}", done.stderr, done.stdout);
    let said = done.findings("warning").join("\n");
    assert!(said.contains("may be known ten seconds late"), "{said}");
    assert_eq!(pair.target.psql("shop", "SELECT encode(lo_get(4711), 'escape')").unwrap(), "LARGE");
    assert_eq!((leftovers(&pair.source), leftovers(&pair.target)), (Vec::new(), Vec::new()));
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
