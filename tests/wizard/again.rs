//! Where one database failed, Try again copies it anew in one step, and leaves alone what is there.

use super::common::{Pair, eventually};
use super::tty::Tty;
use super::{pair, start, to_report, uris, wizard};
use pgpassage::demo::cluster::Cluster;
use pgpassage::model::event::{Event, ObjectKind};
use pgpassage::store::read_journal;
use std::sync::atomic::{AtomicBool, Ordering};

/// Beside the shop, a database whose sessions on the source are ended once it is there on the target, so that nothing is left
/// of what it is read from.
pub(super) fn while_hindered(pair: &Pair, work: impl FnOnce()) {
    let ends = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let made = "SELECT count(*) FROM pg_database WHERE datname = 'held'";
            let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'held'";
            while !ends.load(Ordering::Relaxed) {
                if pair.target.psql("postgres", made).unwrap().trim() == "1" {
                    pair.source.psql("postgres", end).unwrap();
                }
            }
        });
        // A test that fails in there must not wait for ever.
        let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
        ends.store(true, Ordering::Relaxed);
        if let Err(why) = done {
            std::panic::resume_unwind(why);
        }
    });
}

/// Takes its time on a server with a certain file.
pub(super) const SHUT: &str = "CREATE FUNCTION shut(i int) RETURNS bool LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN \
    WHILE (pg_catalog.pg_stat_file('shut', true)).size IS NOT NULL LOOP PERFORM pg_catalog.pg_sleep(0.02); END LOOP; \
    RETURN true; END $$";
/// Tables that are copied at once, one that is slow in that way, and an index that is.
const SLOW: &str = "CREATE TABLE quick (i int PRIMARY KEY); INSERT INTO quick SELECT generate_series(1, 3000); \
    CREATE UNLOGGED TABLE fleeting (i int PRIMARY KEY); INSERT INTO fleeting SELECT generate_series(1, 50); \
    CREATE TABLE parts (i int PRIMARY KEY) PARTITION BY RANGE (i); \
    CREATE TABLE part1 PARTITION OF parts FOR VALUES FROM (0) TO (500); \
    CREATE TABLE part2 PARTITION OF parts FOR VALUES FROM (500) TO (1000); \
    INSERT INTO parts SELECT generate_series(1, 900); SELECT lo_from_bytea(4711, 'large'); CREATE SEQUENCE seven; \
    SELECT setval('seven', 7)";
pub(super) const SLOW_ROWS: &str = "CREATE TABLE slow (i int PRIMARY KEY CHECK (public.shut(i)), filler text); \
    ALTER TABLE slow ALTER filler SET STORAGE EXTERNAL; \
    INSERT INTO slow SELECT i, repeat('x', 20000) FROM generate_series(1, 1000) i;";
const SLOW_INDEX: &str = "CREATE TABLE slow (i int PRIMARY KEY, filler text); \
    INSERT INTO slow SELECT i, repeat('x', 2000) FROM generate_series(1, 1000) i; CREATE INDEX late ON slow (public.shut(i));";

/// The window over a migration whose target has just died in the middle of that.
pub(super) fn broken_off(pair: &Pair, what: (&str, &str)) -> Tty {
    let tty = under_way(pair, what, &[]);
    // What is committed is flushed by then.
    pair.target.psql("postgres", "SELECT pg_switch_wal(); CHECKPOINT").unwrap();
    pair.target.kill_immediately().unwrap();
    tty.wait("✖ Broke off, and waits to go on");
    tty.wait("held open until ");
    tty
}

/// The window over a migration that has copied everything else, and is in the middle of that.
pub(super) fn under_way(pair: &Pair, (sql, statement): (&str, &str), args: &[&str]) -> Tty {
    let mut tty = reported(pair, sql, args);
    begun(&mut tty, pair, statement);
    tty
}

/// The window over the report on a database with that in it.
pub(super) fn reported(pair: &Pair, sql: &str, args: &[&str]) -> Tty {
    pair.source.psql("shop", &format!("{SHUT}; {SLOW}; {sql}")).unwrap();
    std::fs::write(pair.target.data_dir().join("shut"), "").unwrap();
    let (source, target) = uris(pair);
    let mut tty = Tty::spawn(pair, (100, 30), args, &[]);
    to_report(&mut tty, (&source, &target));
    tty
}

/// From there to where only that statement goes on.
pub(super) fn begun(tty: &mut Tty, pair: &Pair, statement: &str) {
    start(tty);
    let waits = format!(
        "SELECT count(*) > 0 FROM pg_stat_activity WHERE query LIKE '%{statement}%' AND wait_event = 'PgSleep'"
    );
    eventually(&pair.target, "postgres", &waits, "t");
    for table in ["quick", "part1", "part2", "fleeting", "orders", "items"] {
        eventually_copied(pair, table);
    }
}

#[track_caller]
pub(super) fn eventually_copied(pair: &Pair, table: &str) {
    eventually_told(pair, table, |e| matches!(e, Event::TableCopied { table: t, .. } if t.name == table));
}

/// The database has come to its end.
#[track_caller]
pub(super) fn eventually_over(pair: &Pair, name: &str) {
    let ended = |e: &Event| matches!(e, Event::DatabaseEnded { database, .. } if database == name);
    eventually_told(pair, name, ended);
}

#[track_caller]
fn eventually_told(pair: &Pair, of: &str, wanted: impl Fn(&Event) -> bool) {
    let began = std::time::Instant::now();
    while !journals(pair).iter().flatten().any(&wanted) {
        assert!(began.elapsed() < std::time::Duration::from_secs(40), "the journal does not say it of {of}");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}

/// Broken off so many times by now.
#[track_caller]
pub(super) fn eventually_waiting(pair: &Pair, times: usize) {
    let began = std::time::Instant::now();
    let waits = || journals(pair).iter().flatten().filter(|e| matches!(e, Event::Waiting { .. })).count();
    while waits() < times {
        assert!(began.elapsed() < std::time::Duration::from_secs(40), "it does not break off");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}

pub(super) fn go_on(tty: &mut Tty) {
    tty.tab_to("▐ Try again ▌");
    tty.send("\r");
    tty.wait("Goes on where it broke off");
    tty.wait("▐ Leave it ▌");
    tty.send("\t");
    tty.wait("▐ Try again ▌");
    tty.send("\r");
}

/// How often each table was copied to its end, and forgotten again, by one migration under one snapshot.
pub(super) fn copies(pair: &Pair) -> std::collections::BTreeMap<String, (u32, u32)> {
    let all = journals(pair);
    assert_eq!(all.len(), 1);
    let of_shop = |name: &str| name == "shop";
    let snapshots =
        all[0].iter().filter(|e| matches!(e, Event::SnapshotTaken { database, .. } if of_shop(database)));
    assert_eq!(snapshots.count(), 1);
    let mut copies = std::collections::BTreeMap::<_, (u32, u32)>::new();
    for event in &all[0] {
        match event {
            Event::TableCopied { database, table, .. } if of_shop(database) => {
                copies.entry(table.name.clone()).or_default().0 += 1;
            }
            Event::TableForgotten { table, .. } => copies.entry(table.name.clone()).or_default().1 += 1,
            _ => {}
        }
    }
    copies
}

pub(super) fn assert_all_there(pair: &Pair) {
    let sql = "SELECT (SELECT count(*) FROM quick), (SELECT count(*) FROM fleeting), (SELECT count(*) FROM part1), \
               (SELECT count(*) FROM part2), (SELECT sum(i) FROM slow), (SELECT count(*) FROM orders), \
               (SELECT nextval('seven')), (SELECT lo_get(4711))";
    let large = "\\x6c61726765";
    let rows = pair.target.psql("shop", sql).unwrap();
    assert_eq!(rows.trim(), format!("3000|50|499|401|500500|5000|8|{large}"));
    let differences = pair.compare_database("shop");
    // What has been asked of the sequence, and what serves replication.
    let apart = |d: &super::common::compare::Difference| {
        let text = d.to_string();
        text.contains("seven") || text.contains("pgpassage_")
    };
    assert!(differences.iter().all(apart), "{differences:?}");
}

#[test]
fn a_copy_goes_on_under_the_same_snapshot() {
    let pair = pair("logical");
    let mut tty = broken_off(&pair, (SLOW_ROWS, "COPY%slow"));
    // Not of this snapshot, and yet not lost.
    pair.source.psql("shop", "INSERT INTO items VALUES (3001, 'meanwhile')").unwrap();
    // Too early: it breaks off once more, and waits on.
    go_on(&mut tty);
    eventually_waiting(&pair, 2);
    tty.wait("✖ Broke off, and waits to go on");
    std::fs::remove_file(pair.target.data_dir().join("shut")).unwrap();
    pair.target.restart().unwrap();
    go_on(&mut tty);
    tty.wait("Replication mode active");
    let copies = copies(&pair);
    for table in ["quick", "part1", "part2", "orders", "items", "slow"] {
        assert_eq!(copies[table], (1, 0), "{table}: {copies:?}");
    }
    // The crash has emptied it.
    assert_eq!(copies["fleeting"], (2, 1));
    eventually(&pair.target, "shop", "SELECT count(*) FROM items", "3001");
    assert_all_there(&pair);
    tty.send("\x03");
    assert_eq!(tty.exit(), 0);
}

/// All rows were in, and the snapshot had been let go of.
#[test]
fn indexes_go_on() {
    let pair = pair("logical");
    // What a crash empties could not be copied again now.
    let sql = format!(
        "DROP TABLE fleeting; CREATE TABLE fleeting (i int PRIMARY KEY); INSERT INTO fleeting SELECT generate_series(1, 50); {SLOW_INDEX}"
    );
    let mut tty = broken_off(&pair, (&sql, "CREATE INDEX%late"));
    std::fs::remove_file(pair.target.data_dir().join("shut")).unwrap();
    pair.target.restart().unwrap();
    go_on(&mut tty);
    tty.wait("Replication mode active");
    assert!(copies(&pair).values().all(|count| *count == (1, 0)), "{:?}", copies(&pair));
    let index = "SELECT count(*) FROM pg_indexes WHERE indexname = 'late'";
    assert_eq!(pair.target.psql("shop", index).unwrap().trim(), "1");
    assert_all_there(&pair);
    tty.send("\x03");
    assert_eq!(tty.exit(), 0);
}

/// Told to stop, or without what it reads from, it does not wait any more, and leaves nothing on the source.
#[test]
fn waiting_ends() {
    let left = "SELECT (SELECT count(*) FROM pg_replication_slots WHERE database = 'shop') + (SELECT count(*) FROM pg_publication)";
    for stopped in [true, false] {
        let pair = pair("logical");
        let mut tty = broken_off(&pair, (SLOW_ROWS, "COPY%slow"));
        if stopped {
            tty.send("s");
            tty.wait("Stop the migration?");
            tty.send("\t\r");
            tty.wait("■ Stopped at");
        } else {
            let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'shop'";
            pair.source.psql("postgres", end).unwrap();
            tty.wait("the session that holds the snapshot on the source was lost");
        }
        eventually(&pair.source, "shop", left, "0");
        tty.send("\x03");
        assert_eq!(tty.exit(), 0);
    }
}

pub(super) fn with_held(pair: &Pair) {
    pair.source.psql("postgres", "CREATE DATABASE held").unwrap();
    let sql = "CREATE TABLE t (i int PRIMARY KEY, filler text); \
               INSERT INTO t SELECT i, repeat('x', 1000) FROM generate_series(1, 20000) i";
    pair.source.psql("held", sql).unwrap();
}

/// By the dialog, which says what goes and what stays.
pub(super) fn try_again(tty: &mut Tty) {
    tty.tab_to("▐ Try again ▌");
    tty.send("\r");
    tty.wait("Try again?");
    tty.wait("Drops on the target: held");
    tty.wait("Is not touched: ");
    tty.wait("▐ Leave it ▌");
    tty.send("\t");
    tty.wait("▐ Try again ▌");
    tty.send("\r");
}

fn rows(cluster: &Cluster) -> [String; 2] {
    ["shop", "held"].map(|database| {
        let table = if database == "shop" { "orders" } else { "t" };
        cluster.psql(database, &format!("SELECT count(*) FROM {table}")).unwrap().trim().to_owned()
    })
}

/// What each migration of this machine was to move, the first first.
pub(super) fn journals(pair: &Pair) -> Vec<Vec<Event>> {
    let folders = std::fs::read_dir(pair.state.path().join("pgpassage")).unwrap();
    let mut all: Vec<_> = folders
        .filter_map(|folder| read_journal(&folder.unwrap().path().join("journal")).ok())
        .filter(|entries| !entries.is_empty())
        .collect();
    all.sort_by_key(|entries| entries[0].at_ms);
    all.into_iter().map(|entries| entries.into_iter().map(|entry| entry.event).collect()).collect()
}

fn names(pair: &Pair) -> Vec<String> {
    let folders = std::fs::read_dir(pair.state.path().join("pgpassage")).unwrap();
    let mut all: Vec<_> = folders.map(|folder| folder.unwrap().file_name().into_string().unwrap()).collect();
    all.sort();
    all
}

fn planned(events: &[Event]) -> Vec<String> {
    let databases = events.iter().find_map(|event| match event {
        Event::Planned { databases } => Some(databases.iter().map(|d| d.name.clone()).collect::<Vec<_>>()),
        _ => None,
    });
    let mut databases = databases.unwrap();
    databases.sort();
    databases
}

fn assert_only_held_again(pair: &Pair) {
    let all = journals(pair);
    assert_eq!(all.len(), 2);
    // Under the next name that nothing on this machine has.
    assert_eq!(names(pair), ["mine", "mine_2"]);
    assert_eq!((planned(&all[0]).len(), planned(&all[1])), (3, vec!["held".to_owned()]));
    let dropped = all[0].iter().filter_map(|event| match event {
        Event::Removed { object } if object.kind == ObjectKind::Database => Some(object.name.as_str()),
        _ => None,
    });
    assert_eq!(dropped.collect::<Vec<_>>(), ["held"]);
}

#[test]
fn by_a_snapshot() {
    let pair = pair("replica");
    with_held(&pair);
    let (source, target) = uris(&pair);
    let mut tty = wizard(&pair);
    to_report(&mut tty, (&source, &target));
    tty.tab_to("▌ [ ] Start the migration using a one-time snapshot (dump method)");
    tty.send(" ");
    while_hindered(&pair, || {
        start(&mut tty);
        tty.wait("✖ Not everything came across");
    });
    assert_eq!(pair.target.psql("shop", "SELECT count(*) FROM orders").unwrap().trim(), "5000");
    let before = pair.target.psql("postgres", "SELECT oid FROM pg_database WHERE datname = 'shop'").unwrap();
    try_again(&mut tty);
    tty.wait("✔ Ready: everything that was asked for is on the target");
    assert_eq!(rows(&pair.target), ["5000", "20000"]);
    let after = pair.target.psql("postgres", "SELECT oid FROM pg_database WHERE datname = 'shop'").unwrap();
    assert_eq!(before, after, "the shop was made anew");
    assert_only_held_again(&pair);
    tty.send("\x03");
    assert_eq!(tty.exit(), 0);
}

#[test]
fn beside_what_follows() {
    let pair = pair("logical");
    with_held(&pair);
    let (source, target) = uris(&pair);
    let mut tty = wizard(&pair);
    to_report(&mut tty, (&source, &target));
    while_hindered(&pair, || {
        start(&mut tty);
        tty.wait("✖ Not everything came across, the rest follows");
    });
    try_again(&mut tty);
    tty.wait("mine_2: Replication mode active");
    assert_only_held_again(&pair);
    // Both follow, each guarded by its own engine.
    pair.source.psql("shop", "INSERT INTO orders VALUES (5001, 'late')").unwrap();
    pair.source.psql("held", "INSERT INTO t VALUES (20001, 'late')").unwrap();
    eventually(&pair.target, "shop", "SELECT count(*) FROM orders", "5001");
    eventually(&pair.target, "held", "SELECT count(*) FROM t", "20001");
    tty.send("\x03");
    assert_eq!(tty.exit(), 0);
}

/// Whoever is in a half copied database keeps it, and is named.
#[test]
fn not_over_somebodys_head() {
    let pair = pair("replica");
    with_held(&pair);
    let (source, target) = uris(&pair);
    let mut tty = wizard(&pair);
    to_report(&mut tty, (&source, &target));
    tty.tab_to("▌ [ ] Start the migration using a one-time snapshot (dump method)");
    tty.send(" ");
    while_hindered(&pair, || {
        start(&mut tty);
        tty.wait("✖ Not everything came across");
    });
    std::thread::scope(|scope| {
        scope.spawn(|| pair.target.psql("held", "SELECT pg_sleep(100)").ok());
        let inside =
            "SELECT count(*) FROM pg_stat_activity WHERE datname = 'held' AND wait_event = 'PgSleep'";
        eventually(&pair.target, "postgres", inside, "1");
        try_again(&mut tty);
        tty.wait("Not tried again: held could not be dropped");
        tty.wait("1 session of others is in it: pid ");
        let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'";
        pair.target.psql("postgres", end).unwrap();
    });
    assert_eq!(journals(&pair).len(), 1);
    try_again(&mut tty);
    tty.wait("✔ Ready: everything that was asked for is on the target");
    assert_eq!(rows(&pair.target), ["5000", "20000"]);
    tty.send("\x03");
    assert_eq!(tty.exit(), 0);
}

/// What lacks something is ours to take back, whatever the source's own comment says.
#[test]
fn what_is_not_whole_and_has_a_comment_is_made_anew() {
    let pair = pair("replica");
    let barred = "CREATE FUNCTION barred(i int) RETURNS bool LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN \
        RETURN (pg_catalog.pg_stat_file('shut', true)).size IS NULL; END $$; \
        CREATE TABLE barred (i int PRIMARY KEY CHECK (public.barred(i))); INSERT INTO barred VALUES (1); \
        COMMENT ON DATABASE shop IS 'the shop''s own\nin two lines'";
    pair.source.psql("shop", barred).unwrap();
    let shut = pair.target.data_dir().join("shut");
    std::fs::write(&shut, "").unwrap();
    let (source, target) = uris(&pair);
    let mut tty = wizard(&pair);
    to_report(&mut tty, (&source, &target));
    tty.tab_to("▌ [ ] Start the migration using a one-time snapshot (dump method)");
    tty.send(" ");
    start(&mut tty);
    tty.wait("✖ Not everything came across");
    let comment = "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = 'shop'";
    let said = pair.target.psql("postgres", comment).unwrap();
    assert_eq!(said, "pgpassage mine: not finished\nthe shop's own\nin two lines");
    std::fs::remove_file(shut).unwrap();
    tty.tab_to("▐ Try again ▌");
    tty.send("\r");
    tty.wait("Drops on the target: shop");
    tty.send("\t");
    tty.wait("▐ Try again ▌");
    tty.send("\r");
    tty.wait("✔ Ready: everything that was asked for is on the target");
    assert_eq!(pair.target.psql("postgres", comment).unwrap(), "the shop's own\nin two lines");
    assert_eq!(pair.target.psql("shop", "SELECT count(*) FROM barred").unwrap(), "1");
    tty.send("\x03");
    assert_eq!(tty.exit(), 0);
}
