//! Where one database failed, Try again copies it anew in one step, and leaves alone what is there.

use super::common::{Pair, eventually};
use super::tty::Tty;
use super::{pair, start, to_report, uris, wizard};
use pgpassage::demo::cluster::Cluster;
use pgpassage::model::event::{Event, ObjectKind};
use pgpassage::store::read_journal;
use std::sync::atomic::{AtomicBool, Ordering};

/// Beside the shop, a database whose sessions on the target are ended as long as this runs.
fn while_hindered(pair: &Pair, work: impl FnOnce()) {
    let ends = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let sql = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'held' \
                       AND backend_type = 'client backend'";
            while !ends.load(Ordering::Relaxed) {
                pair.target.psql("postgres", sql).unwrap();
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

fn with_held(pair: &Pair) {
    pair.source.psql("postgres", "CREATE DATABASE held").unwrap();
    let sql = "CREATE TABLE t (i int PRIMARY KEY, filler text); \
               INSERT INTO t SELECT i, repeat('x', 1000) FROM generate_series(1, 20000) i";
    pair.source.psql("held", sql).unwrap();
}

/// By the dialog, which says what goes and what stays.
fn try_again(tty: &mut Tty) {
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
fn journals(pair: &Pair) -> Vec<Vec<Event>> {
    let folders = std::fs::read_dir(pair.state.path().join("pgpassage")).unwrap();
    let mut all: Vec<_> = folders
        .filter_map(|folder| read_journal(&folder.unwrap().path().join("journal")).ok())
        .filter(|entries| !entries.is_empty())
        .collect();
    all.sort_by_key(|entries| entries[0].at_ms);
    all.into_iter().map(|entries| entries.into_iter().map(|entry| entry.event).collect()).collect()
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
    assert_eq!(rows(&pair.target)[0], "5000");
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
    tty.wait("Replication mode active");
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
