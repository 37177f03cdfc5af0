//! What a copy that broke off goes on upon, and what not: a disk that is full, another server in the target's place, the
//! target as it was before, and too late a word.

use super::again::{
    SLOW_ROWS, assert_all_there, begun, broken_off, copies, eventually_copied, eventually_over,
    eventually_waiting, go_on, journals, reported, under_way,
};
use super::common::{Pair, eventually, server_binaries};
use super::tty::Tty;
use super::{pair, start, to_report, uris};
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use pgpassage::demo::cluster::{Cluster, ClusterOptions};
use pgpassage::model::event::{DatabaseOutcome, Event};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// How the shop's migration ended, once it has.
#[track_caller]
fn eventually_ended(pair: &Pair) -> (DatabaseOutcome, String) {
    let began = std::time::Instant::now();
    loop {
        let ended = journals(pair).into_iter().flatten().find_map(|event| match event {
            Event::DatabaseEnded { database, outcome, message } if database == "shop" => {
                Some((outcome, message))
            }
            _ => None,
        });
        if let Some(ended) = ended {
            return ended;
        }
        assert!(began.elapsed() < std::time::Duration::from_secs(40), "it does not end");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}

const LEFT: &str = "SELECT (SELECT count(*) FROM pg_replication_slots WHERE database = 'shop') \
                    + (SELECT count(*) FROM pg_publication)";

#[track_caller]
fn assert_given_up(pair: &Pair, why: &str) {
    let (outcome, message) = eventually_ended(pair);
    assert_eq!(outcome, DatabaseOutcome::Failed);
    assert!(message.contains(why), "{message}");
    eventually(&pair.source, "shop", LEFT, "0");
}

fn leave(mut tty: Tty) {
    tty.send("\x03");
    assert_eq!(tty.exit(), 0);
}

/// The source does not hold anything open longer than was said.
#[test]
fn nobody_says_in_time_that_it_goes_on() {
    let pair = pair("logical");
    let tty = under_way(&pair, (SLOW_ROWS, "COPY%slow"), &["--keep-snapshot", "2"]);
    pair.target.kill_immediately().unwrap();
    eventually_waiting(&pair, 1);
    assert_given_up(&pair, "nobody said in time that it goes on");
    leave(tty);
}

#[test]
fn told_not_to_wait_it_does_not() {
    let pair = pair("logical");
    let tty = under_way(&pair, (SLOW_ROWS, "COPY%slow"), &["--keep-snapshot", "0"]);
    pair.target.kill_immediately().unwrap();
    assert_eq!(eventually_ended(&pair).0, DatabaseOutcome::Failed);
    let waited = journals(&pair).into_iter().flatten().any(|e| matches!(e, Event::Waiting { .. }));
    assert!(!waited, "it waited");
    eventually(&pair.source, "shop", LEFT, "0");
    leave(tty);
}

/// As a backup of the first one would be: with everything that counting can find.
#[test]
fn another_server_in_the_targets_place_is_not_the_target() {
    let pair = pair("logical");
    let mut tty = broken_off(&pair, (SLOW_ROWS, "COPY%slow"));
    let other = Cluster::start(ClusterOptions::new(server_binaries())).unwrap();
    other.psql("postgres", "CREATE DATABASE shop").unwrap();
    let tables = "CREATE TABLE quick (i int PRIMARY KEY); INSERT INTO quick SELECT generate_series(1, 3000)";
    other.psql("shop", tables).unwrap();
    other.psql("postgres", &format!("ALTER SYSTEM SET port = {}", pair.target.port())).unwrap();
    other.restart().unwrap();
    go_on(&mut tty);
    assert_given_up(&pair, "another server has taken the target's place");
    leave(tty);
}

/// Runs a command as whoever owns the folder.
#[track_caller]
fn copy_folder(from: &Path, to: &Path) {
    let copied = Command::new("cp").arg("-a").args([from, to]).status().unwrap();
    assert!(copied.success());
}

/// The disk of yesterday: the same server with the same log, of which the end is missing. Every row that had come by then is
/// there, so that counting finds nothing.
#[test]
fn a_target_that_went_back_is_not_gone_on_with() {
    let pair = pair("logical");
    let mut tty = broken_off(&pair, (SLOW_ROWS, "COPY%slow"));
    let (data, before) = (pair.target.data_dir(), pair.target.folder().join("before"));
    copy_folder(&data, &before);
    pair.target.restart().unwrap();
    pair.target.psql("postgres", "CREATE TABLE t AS SELECT 1; SELECT pg_switch_wal(); CHECKPOINT").unwrap();
    go_on(&mut tty);
    let again =
        "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%COPY%slow%' AND wait_event = 'PgSleep'";
    eventually(&pair.target, "postgres", again, "1");
    // What the window shows below is to be the second time.
    tty.wait("▶ running");
    pair.target.kill_immediately().unwrap();
    eventually_waiting(&pair, 2);
    tty.wait("✖ Broke off, and waits to go on");
    std::fs::rename(&data, pair.target.folder().join("after")).unwrap();
    std::fs::rename(&before, &data).unwrap();
    pair.target.restart().unwrap();
    go_on(&mut tty);
    assert_given_up(&pair, "has gone back to an earlier state");
    leave(tty);
}

/// A room of its own for the server's tables, as large as is said; it goes with the last process that sees it.
struct SmallDisk(PathBuf);

impl SmallDisk {
    /// Before the servers are started. Says why not.
    fn allowed() -> Result<(), nix::Error> {
        unshare(CloneFlags::CLONE_NEWNS)?;
        let nothing = None::<&str>;
        mount(nothing, "/", nothing, MsFlags::MS_REC | MsFlags::MS_PRIVATE, nothing)
    }

    /// Moves the tables of a stopped server there, and leaves so much room.
    fn of(cluster: &Cluster, free_bytes: u64) -> SmallDisk {
        let (base, disk) = (cluster.data_dir().join("base"), cluster.folder().join("disk"));
        std::fs::create_dir(&disk).unwrap();
        let owner = std::fs::metadata(&base).unwrap();
        let owned = format!("size=1g,mode=700,uid={},gid={}", owner.uid(), owner.gid());
        mount(Some("tmpfs"), &disk, Some("tmpfs"), MsFlags::empty(), Some(owned.as_str())).unwrap();
        copy_folder(&base, &disk);
        std::fs::rename(&base, cluster.data_dir().join("base-before")).unwrap();
        std::os::unix::fs::symlink(disk.join("base"), &base).unwrap();
        let used = Command::new("du").args(["-sB1", disk.to_str().unwrap()]).output().unwrap().stdout;
        let used: u64 = String::from_utf8_lossy(&used).split_whitespace().next().unwrap().parse().unwrap();
        let disk = SmallDisk(disk);
        disk.resize(used + free_bytes);
        disk
    }

    fn resize(&self, bytes: u64) {
        let (nothing, size) = (None::<&str>, format!("size={bytes}"));
        mount(nothing, &self.0, nothing, MsFlags::MS_REMOUNT, Some(size.as_str())).unwrap();
    }
}

/// Room is made, and what was copied stays.
#[test]
fn a_full_disk_is_waited_out() {
    if let Err(why) = SmallDisk::allowed() {
        println!("skipped: this account may not mount a small disk: {why}");
        return;
    }
    let pair = pair("logical");
    // Not in the source's way, for it has the room.
    let large = "CREATE TABLE slow (i int PRIMARY KEY, filler text); ALTER TABLE slow ALTER filler SET STORAGE EXTERNAL; \
                 INSERT INTO slow SELECT i, repeat('x', 20000) FROM generate_series(1, 3000) i;";
    pair.source.psql("shop", large).unwrap();
    pair.target.stop().unwrap();
    let disk = SmallDisk::of(&pair.target, 40 << 20);
    pair.target.restart().unwrap();
    let (source, target) = uris(&pair);
    let mut tty = Tty::spawn(&pair, (100, 30), &[], &[]);
    to_report(&mut tty, (&source, &target));
    start(&mut tty);
    tty.wait("✖ Broke off, and waits to go on");
    tty.wait("make room on the server's disk");
    // Too early.
    go_on(&mut tty);
    eventually_waiting(&pair, 2);
    tty.wait("✖ Broke off, and waits to go on");
    disk.resize(1 << 30);
    go_on(&mut tty);
    tty.wait("Replication mode active");
    let copies = copies(&pair);
    assert_eq!((copies["orders"], copies["slow"]), ((1, 0), (1, 0)), "{copies:?}");
    let rows = "SELECT count(*), sum(length(filler)) FROM slow";
    assert_eq!(pair.target.psql("shop", rows).unwrap().trim(), "3000|60000000");
    leave(tty);
}

/// Rows of a foreign partition are another server's: the tree is whole without them.
#[test]
fn a_tree_with_a_foreign_partition_is_not_copied_again() {
    let pair = pair("logical");
    pair.source.psql("postgres", "CREATE TABLE remote AS SELECT generate_series(100, 120) AS i").unwrap();
    let mixed = format!(
        "CREATE EXTENSION postgres_fdw; CREATE SERVER far FOREIGN DATA WRAPPER postgres_fdw \
           OPTIONS (host '127.0.0.1', port '{}', dbname 'postgres'); \
         CREATE USER MAPPING FOR postgres SERVER far OPTIONS (user 'postgres'); \
         CREATE TABLE mixed (i int) PARTITION BY RANGE (i); \
         CREATE TABLE near PARTITION OF mixed (PRIMARY KEY (i)) FOR VALUES FROM (0) TO (100); \
         CREATE FOREIGN TABLE remote PARTITION OF mixed FOR VALUES FROM (100) TO (200) SERVER far; \
         INSERT INTO near SELECT generate_series(1, 30); {SLOW_ROWS}",
        pair.source.port()
    );
    let mut tty = reported(&pair, &mixed, &[]);
    // Such a tree has no key.
    tty.tab_to("▌ [ ] Start the migration using a one-time snapshot (dump method)");
    tty.send(" ");
    begun(&mut tty, &pair, "COPY%slow");
    eventually_copied(&pair, "near");
    eventually_over(&pair, "postgres");
    // What is not on the disk yet would be copied again rightly.
    pair.target.psql("postgres", "CHECKPOINT").unwrap();
    pair.target.kill_immediately().unwrap();
    eventually_waiting(&pair, 1);
    tty.wait("✖ Broke off, and waits to go on");
    std::fs::remove_file(pair.target.data_dir().join("shut")).unwrap();
    pair.target.restart().unwrap();
    go_on(&mut tty);
    tty.wait("✔ Ready: everything that was asked for is on the target");
    assert_eq!(copies(&pair)["near"], (1, 0));
    let sql = "SELECT (SELECT count(*) FROM near), (SELECT count(*) FROM mixed)";
    assert_eq!(pair.target.psql("shop", sql).unwrap().trim(), "30|51");
    assert_all_there(&pair);
    leave(tty);
}
