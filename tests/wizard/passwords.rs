//! The engine that knew the passwords was killed: whoever opens the migration again is asked for them, and goes on with what
//! was chosen.

use super::again::{SHUT, journals, try_again, while_hindered, with_held};
use super::common::{Pair, eventually, server_binaries};
use super::proxy::Proxy;
use super::tty::Tty;
use super::{start, wizard};
use pgpassage::demo::cluster::{Cluster, ClusterOptions};
use std::time::{Duration, Instant};

const SOURCE: &str = "s0urce-s3cret";
const TARGET: &str = "t4rget-s3cret";
const MISSING: &str = "the server wants a password and none was given";
const WRONG: &str = "password authentication failed for user";

/// Two servers that let nobody in by TCP without a password.
fn pair() -> Pair {
    let options = || ClusterOptions::new(server_binaries());
    let source = Cluster::start(options().password(SOURCE).setting("wal_level", "logical")).unwrap();
    let pair = Pair::of(source, Cluster::start(options().password(TARGET)).unwrap());
    pair.source.psql("postgres", "CREATE DATABASE shop").unwrap();
    let tables = "CREATE TABLE orders (id bigint PRIMARY KEY, note text); \
                  INSERT INTO orders SELECT n, repeat('x', 100) FROM generate_series(1, 20000) n; \
                  CREATE TABLE slow (i int PRIMARY KEY CHECK (public.shut(i))); INSERT INTO slow VALUES (1)";
    pair.source.psql("shop", &format!("{SHUT}; {tables}")).unwrap();
    for (cluster, password) in [(&pair.source, SOURCE), (&pair.target, TARGET)] {
        let user = format!("CREATE ROLE mover SUPERUSER LOGIN PASSWORD '{password}'");
        cluster.psql("postgres", &user).unwrap();
    }
    pair
}

fn address(port: u16) -> String {
    format!("postgres://mover@127.0.0.1:{port}/postgres?sslmode=prefer")
}

/// The first two steps, with passwords typed into their fields.
fn to_report(tty: &mut Tty, (source, target): (u16, u16)) {
    tty.wait("1 Configure");
    tty.send("\tmine\t");
    tty.paste(&address(target));
    tty.wait("Filled from the connection string");
    tty.tab_to("▌ Password");
    tty.send(TARGET);
    tty.tab_to("▐ Get started ▌");
    tty.send("\r");
    tty.wait("Migrate from");
    tty.paste(&address(source));
    tty.wait("Filled from the connection string");
    tty.tab_to("▌ Password");
    tty.send(SOURCE);
    // Else it would depend on who is faster what else is there when an engine is killed.
    tty.tab_to("▌ Exclude databases");
    tty.send("postgres");
    tty.tab_to("▐ Run check ▌");
    tty.send("\r");
    tty.wait("\n Report");
}

/// Killed in the middle of a copy, with something left on both servers; the window that it was begun in is on its failure.
fn killed(pair: &Pair, proxy: &Proxy) -> Tty {
    let mut tty = wizard(pair);
    to_report(&mut tty, (proxy.port(), pair.target.port()));
    tty.tab_to("▐ Continue ▌");
    tty.send("\r");
    tty.wait("What will happen");
    tty.tab_to("▐ Start migration ▌");
    let shut = pair.target.data_dir().join("shut");
    std::fs::write(&shut, "").unwrap();
    tty.send("\r");
    let copying =
        "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%COPY%slow%' AND wait_event = 'PgSleep'";
    eventually(&pair.target, "postgres", copying, "1");
    pair.kill_engines();
    std::fs::remove_file(shut).unwrap();
    tty.wait("The engine ended before its work was done");
    tty
}

/// The same, and a new window, which knows no password.
fn died(pair: &Pair, proxy: &Proxy) -> Tty {
    let mut tty = killed(pair, proxy);
    tty.send("q");
    assert_eq!(tty.exit(), 0);
    assert_nothing_leaked(pair, &tty);
    let mut again = wizard(pair);
    again.wait("Engine gone");
    again.send("\r");
    again.wait("The engine ended before its work was done");
    again
}

fn assert_nothing_leaked(pair: &Pair, tty: &Tty) {
    let raw = String::from_utf8_lossy(&tty.raw()).into_owned();
    let state = pair.state_text();
    for secret in [SOURCE, TARGET, "wr0ng"] {
        assert!(!raw.contains(secret), "{secret} was drawn");
        assert!(!state.contains(secret), "{secret} is on the disk");
    }
}

/// Both are wanted; the target's is wrong at first.
fn answer(tty: &mut Tty, title: &str) {
    tty.wait(title);
    tty.wait_for("both", |screen| screen.matches(MISSING).count() == 2);
    tty.wait("▌ Source");
    tty.send(SOURCE);
    tty.send("\r");
    tty.wait("▌ Target");
    tty.send("wr0ng");
    tty.wait("•••••");
    tty.send("\r");
    tty.wait(WRONG);
    tty.wait_for("the target's alone", |screen| !screen.contains(MISSING) && screen.contains("▌ Target"));
    tty.send(TARGET);
    tty.send("\r");
}

fn choose(tty: &mut Tty, button: &str) {
    tty.tab_to(&format!("▐ {button} ▌"));
    tty.send("\r");
    tty.wait("▐ Leave it ▌");
    tty.send("\t");
    tty.wait(&format!("▐ {button} ▌"));
    tty.send("\r");
}

fn slots(pair: &Pair, wanted: &str) {
    eventually(&pair.source, "postgres", "SELECT count(*) FROM pg_replication_slots", wanted);
}

#[test]
fn to_try_again() {
    let pair = pair();
    let proxy = Proxy::start(pair.source.port());
    let mut tty = died(&pair, &proxy);
    choose(&mut tty, "Try again");
    answer(&mut tty, "Passwords, to try again");
    tty.wait("Replication mode active");
    pair.source.psql("shop", "INSERT INTO orders VALUES (20001, 'late')").unwrap();
    eventually(&pair.target, "shop", "SELECT count(*) FROM orders", "20001");
    tty.send("d");
    assert_eq!(tty.exit(), 0);
    assert_nothing_leaked(&pair, &tty);
}

const NEW: &str = "n3w-s3cret";
const CHANGED: &str = "ALTER ROLE mover PASSWORD 'n3w-s3cret'";

/// The database on the target, by what changes when it is made anew.
fn made(pair: &Pair, database: &str) -> String {
    let sql = format!("SELECT oid FROM pg_database WHERE datname = '{database}'");
    let oid = pair.target.psql("postgres", &sql).unwrap();
    assert_ne!(oid.trim(), "", "{database} is gone");
    oid
}

/// What is there is not dropped before it is known that it can be made anew.
#[test]
fn a_password_that_was_changed_meanwhile() {
    let pair = pair();
    let proxy = Proxy::start(pair.source.port());
    let mut tty = killed(&pair, &proxy);
    let before = made(&pair, "shop");
    pair.target.psql("postgres", CHANGED).unwrap();
    choose(&mut tty, "Try again");
    tty.wait("Passwords, to try again");
    tty.wait(WRONG);
    tty.wait_for("the target's alone", |screen| screen.contains("▌ Target") && !screen.contains("▌ Source"));
    assert_eq!(made(&pair, "shop"), before);
    slots(&pair, "1");
    tty.send(NEW);
    tty.send("\r");
    tty.wait("Replication mode active");
    assert_ne!(made(&pair, "shop"), before);
    tty.send("d");
    assert_eq!(tty.exit(), 0);
    assert_nothing_leaked(&pair, &tty);
}

/// Leaving does not wait for a server that does not answer, and nothing is begun behind the back of whoever left.
#[test]
fn left_while_they_are_tried() {
    let pair = pair();
    let proxy = Proxy::start(pair.source.port());
    let mut tty = killed(&pair, &proxy);
    let (before, told) = (made(&pair, "shop"), journals(&pair));
    for key in ["q", "d", "\x03"] {
        proxy.stall();
        choose(&mut tty, "Try again");
        tty.wait("logging in, nothing begun yet");
        let began = Instant::now();
        tty.send(key);
        assert_eq!(tty.exit(), 0);
        assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
        tty.wait("nothing was begun, and nothing is changed");
        proxy.resume();
        assert_eq!((made(&pair, "shop"), journals(&pair)), (before.clone(), told.clone()));
        tty = wizard(&pair);
        tty.wait("Engine gone");
        tty.send("\r");
        tty.wait("The engine ended before its work was done");
    }
}

/// Nor while the server is away that it would be copied from.
#[test]
fn a_server_that_is_away() {
    let pair = pair();
    let proxy = Proxy::start(pair.source.port());
    let mut tty = killed(&pair, &proxy);
    let before = made(&pair, "shop");
    proxy.refuse();
    choose(&mut tty, "Try again");
    tty.wait("Not tried again");
    tty.wait("Nothing was touched on either server.");
    assert_eq!(made(&pair, "shop"), before);
    tty.send("\x1b");
    tty.wait("▐ Try again ▌");
    proxy.accept();
    choose(&mut tty, "Try again");
    tty.wait("Replication mode active");
    tty.send("d");
    assert_eq!(tty.exit(), 0);
}

/// The engine that guards the rest has been let in long ago, and cannot be told another password.
#[test]
fn one_that_was_changed_while_the_rest_follows() {
    let pair = pair();
    with_held(&pair);
    let mut tty = wizard(&pair);
    to_report(&mut tty, (pair.source.port(), pair.target.port()));
    while_hindered(&pair, || {
        start(&mut tty);
        tty.wait("✖ Not everything came across, the rest follows");
    });
    let before = made(&pair, "held");
    pair.target.psql("postgres", CHANGED).unwrap();
    try_again(&mut tty);
    tty.wait("Passwords, to try again");
    tty.wait("▌ Target");
    assert_eq!(made(&pair, "held"), before);
    tty.send(NEW);
    tty.send("\r");
    tty.wait("Not tried again: nothing was taken back");
    tty.send("f");
    tty.wait("this engine knows the old one");
    tty.send("\x1b");
    assert_eq!(made(&pair, "held"), before);
    // As it was told to be ended there.
    let pid = pair.program(&["list", "--json"]).json[0]["engine_pid"].as_u64().unwrap().to_string();
    assert!(std::process::Command::new("kill").arg(pid).status().unwrap().success());
    tty.wait("■ Stopped at");
    try_again(&mut tty);
    tty.wait("Replication mode active");
    eventually(&pair.target, "held", "SELECT count(*) FROM t", "20000");
    tty.send("\x03");
    assert_eq!(tty.exit(), 0);
}

#[test]
fn to_clean_up() {
    let pair = pair();
    let proxy = Proxy::start(pair.source.port());
    let mut tty = died(&pair, &proxy);
    // Whoever thinks better of it has changed nothing.
    choose(&mut tty, "Clean up");
    tty.wait("Passwords, to clean up");
    tty.send("half of one\x1b");
    tty.wait("Nothing was done");
    assert_ne!(
        pair.source.psql("postgres", "SELECT count(*) FROM pg_replication_slots").unwrap().trim(),
        "0"
    );
    choose(&mut tty, "Clean up");
    answer(&mut tty, "Passwords, to clean up");
    slots(&pair, "0");
    let left = "SELECT count(*) FROM pg_database WHERE datname = 'shop'";
    eventually(&pair.target, "postgres", left, "0");
    tty.wait("nothing of ours is left");
    tty.send("q");
    assert_eq!(tty.exit(), 0);
    assert_nothing_leaked(&pair, &tty);
}

/// Back in step 1 the form is filled, with what was typed, and the check lets itself be run.
#[test]
fn to_start_over() {
    let pair = pair();
    let proxy = Proxy::start(pair.source.port());
    let mut tty = died(&pair, &proxy);
    choose(&mut tty, "Start over");
    answer(&mut tty, "Passwords, to start over");
    tty.wait("1 Configure");
    tty.wait("servers and left-out databases are filled in");
    slots(&pair, "0");
    tty.tab_to("▐ Get started ▌");
    tty.send("\r");
    tty.wait("Migrate from");
    tty.wait("••••");
    tty.tab_to("▐ Run check ▌");
    tty.send("\r");
    tty.wait("\n Report");
    tty.wait_for("nothing in the way", |screen| !screen.contains("FAIL"));
    tty.send("\x03");
    assert_eq!(tty.exit(), 0);
    assert_nothing_leaked(&pair, &tty);
}

/// What follows goes on without an engine; to close it somebody has to log in.
#[test]
fn to_close_the_connection() {
    let pair = pair();
    let mut tty = wizard(&pair);
    to_report(&mut tty, (pair.source.port(), pair.target.port()));
    start(&mut tty);
    tty.wait("Replication mode active");
    pair.kill_engines();
    tty.send("q");
    assert_eq!(tty.exit(), 0);
    let mut tty = wizard(&pair);
    tty.wait("↻ Syncing");
    tty.send("\r");
    tty.wait("Replication mode active");
    // How it stands is asked at once. Whoever does not want to answer that may close it all the same.
    tty.wait("Passwords, to ask how it stands");
    tty.send("\x1b");
    // A key that comes right behind Esc would be taken for one with Alt.
    tty.wait_for("the question to go", |text| !text.contains("Passwords, to ask"));
    tty.wait("No engine guards it");
    tty.tab_to("▐ Close connection ▌");
    tty.send("\r");
    tty.wait("▐ Keep replicating ▌");
    tty.send("\t");
    tty.wait("then close ▌");
    tty.send("\r");
    answer(&mut tty, "Passwords, to close the connection");
    tty.wait("✔ Ready: everything that was asked for is on the target");
    slots(&pair, "0");
    eventually(&pair.target, "shop", "SELECT count(*) FROM orders", "20000");
    tty.send("q");
    assert_eq!(tty.exit(), 0);
    assert_nothing_leaked(&pair, &tty);
}

/// Where nobody guards it any more the window offers to; how it stands is known by then.
#[test]
fn to_guard_it_again() {
    let pair = pair();
    let mut tty = wizard(&pair);
    to_report(&mut tty, (pair.source.port(), pair.target.port()));
    start(&mut tty);
    tty.wait("Replication mode active");
    tty.send("q");
    assert_eq!(tty.exit(), 0);
    // The list asks the engine, which knows the passwords.
    let mut tty = wizard(&pair);
    tty.wait("↻ Syncing");
    tty.send("u");
    tty.wait("both servers were asked");
    pair.kill_engines();
    tty.wait("engine: not running");
    tty.send("u");
    tty.wait("Enter opens mine, and asks for passwords");
    tty.wait("asking failed");
    tty.send("\x1b");
    tty.wait_for("the list", |screen| !screen.contains("Enter opens mine"));
    tty.send("\r");
    answer(&mut tty, "Passwords, to ask how it stands");
    tty.wait("✔ now");
    tty.tab_to("▐ Guard again ▌");
    tty.send("\r");
    tty.wait("guards it, also without this window");
    tty.send("q");
    assert_eq!(tty.exit(), 0);
    // It outlives the window.
    let mut tty = wizard(&pair);
    tty.wait("engine: running");
    tty.send("\r");
    tty.wait("guards it, also without this window");
    tty.send("q");
    assert_eq!(tty.exit(), 0);
    assert_nothing_leaked(&pair, &tty);
}

/// The same in lines: what is left is said, and what is chosen asks for what it needs.
#[test]
fn to_try_again_in_lines() {
    let pair = pair();
    let proxy = Proxy::start(pair.source.port());
    drop(died(&pair, &proxy));
    let mut tty = Tty::spawn(&pair, (100, 60), &[], &[("TERM", "dumb")]);
    tty.wait("2) mine: Engine gone");
    tty.send("2\r");
    tty.wait("The engine ended before its work was done");
    tty.wait("slot pgpassage_mine_shop_slot");
    tty.wait("t) Try again: copies all of it anew");
    let before = made(&pair, "shop");
    proxy.refuse();
    tty.send("t\r");
    tty.wait("Try again, yes or no [no]:");
    tty.send("yes\r");
    tty.wait("Not tried again: nothing was taken back");
    assert_eq!(made(&pair, "shop"), before);
    proxy.accept();
    tty.wait_for("the choice again", |screen| screen.matches("t) Try again: copies all").count() == 2);
    tty.send("t\r");
    tty.wait_for("the question", |screen| screen.matches("Try again, yes or no [no]:").count() == 2);
    tty.send("yes\r");
    tty.wait("Password for the source, mover@127.0.0.1");
    tty.send(&format!("{SOURCE}\r"));
    tty.wait("Password for the target, mover@127.0.0.1");
    tty.send("wr0ng\r");
    tty.wait(WRONG);
    tty.wait_for("the second try", |screen| screen.matches("Password for the target").count() == 2);
    tty.send(&format!("{TARGET}\r"));
    tty.wait("Step 4 of 4, Close");
    eventually(&pair.target, "shop", "SELECT count(*) FROM orders", "20000");
    tty.send("c\r");
    tty.wait("Close connection, yes or no");
    tty.send("yes\r");
    tty.wait_for("the end", |screen| screen.matches("everything that was asked for").count() > 0);
    assert_eq!(tty.exit(), 0);
    slots(&pair, "0");
    assert_nothing_leaked(&pair, &tty);
}

/// And for the commands: on a terminal they ask, without one they say what is missing.
#[test]
fn to_clean_up_by_a_command() {
    let pair = pair();
    let proxy = Proxy::start(pair.source.port());
    drop(died(&pair, &proxy));
    let ran = pair.program(&["clean", "mine"]);
    assert_ne!(ran.code, 0);
    assert!(ran.stderr.contains(MISSING) || ran.stdout.contains(MISSING), "{ran:?}");
    assert!(!ran.stderr.contains("Password for"), "{ran:?}");
    let mut tty = Tty::spawn(&pair, (100, 60), &["clean", "mine"], &[]);
    tty.wait("yes or no");
    tty.send("yes\r");
    tty.wait("Password for the source, mover@127.0.0.1");
    tty.send(&format!("{SOURCE}\r"));
    tty.wait("Password for the target, mover@127.0.0.1");
    tty.send(&format!("{TARGET}\r"));
    assert_eq!(tty.exit(), 0);
    slots(&pair, "0");
    assert_nothing_leaked(&pair, &tty);
}

#[test]
fn to_migrate_by_a_command() {
    let pair = pair();
    let (source, target) = (address(pair.source.port()), address(pair.target.port()));
    let arguments = ["migrate", "-s", &source, "-t", &target, "--force-method", "dump"];
    let ran = pair.program(&arguments);
    assert_ne!(ran.code, 0);
    assert!(ran.stderr.contains(MISSING) && !ran.stderr.contains("Password for"), "{ran:?}");
    let mut tty = Tty::spawn(&pair, (100, 60), &arguments, &[]);
    tty.wait("Password for the source");
    tty.send("wr0ng\r");
    tty.wait("Password for the target");
    tty.send(&format!("{TARGET}\r"));
    tty.wait(WRONG);
    tty.wait_for("the second try", |screen| screen.matches("Password for the source").count() == 2);
    tty.send(&format!("{SOURCE}\r"));
    assert_eq!(tty.exit(), 0, "{}", tty.text());
    eventually(&pair.target, "shop", "SELECT count(*) FROM orders", "20000");
    assert_nothing_leaked(&pair, &tty);
}
