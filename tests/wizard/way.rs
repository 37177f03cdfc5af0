//! The whole way by keys alone.

use super::common::{Pair, eventually, server_binaries};
use super::tty::Tty;
use super::{following, pair, pair_with, start, to_report, uris, wizard};
use pgpassage::demo::cluster::{Cluster, ClusterOptions};

fn assert_moved(pair: &Pair) {
    let counts = "SELECT (SELECT count(*) FROM orders) || ' ' || (SELECT count(*) FROM items)";
    assert_eq!(pair.target.psql("shop", counts).unwrap().trim(), "5000 3000");
    let left = "SELECT count(*) FROM pg_replication_slots";
    eventually(&pair.source, "postgres", left, "0");
}

#[test]
fn continuously_from_an_empty_start_to_close_connection() {
    let pair = pair("logical");
    let mut tty = following(&pair);
    tty.wait("guards it, also without this window");
    pair.source.psql("shop", "INSERT INTO orders VALUES (5001, 'late')").unwrap();
    eventually(&pair.target, "shop", "SELECT count(*) FROM orders", "5001");
    pair.source.psql("shop", "DELETE FROM orders WHERE id = 5001").unwrap();
    // Status update asks afresh, and in the end nothing is on its way.
    tty.wait("2  Wait until lag is 0 B      ✔ now");
    tty.tab_to("▐ Status update ▌");
    tty.send("\r");
    tty.tab_to("▐ Close connection ▌");
    tty.send("\r");
    tty.wait_for("a dialog", |s| s.contains("Close the connection"));
    tty.send("\t");
    tty.wait_for("its second button", |s| s.contains("▐ Close connection ▌") || s.contains("then close ▌"));
    tty.send("\r");
    tty.wait("✔ Ready: everything that was asked for is on the target");
    assert_moved(&pair);
    tty.tab_to("▐ Close window ▌");
    tty.send("\r");
    tty.wait("migrations of this machine");
    tty.wait("✔ Ready");
    tty.send("q");
    assert_eq!(tty.exit(), 0);
}

#[test]
fn by_a_snapshot_where_replication_is_impossible() {
    let pair = pair("replica");
    let (source, target) = uris(&pair);
    let mut tty = wizard(&pair);
    to_report(&mut tty, (&source, &target));
    tty.wait("one-time snapshot (dump method)");
    tty.tab_to("▌ [ ] Start the migration using a one-time snapshot (dump method)");
    tty.send(" ");
    tty.wait("[✔] Start the migration using a one-time snapshot (dump method)");
    start(&mut tty);
    tty.wait("✔ Ready: everything that was asked for is on the target");
    assert_moved(&pair);
    tty.wait("▐ Close connection ▌");
    tty.send("\r");
    tty.wait("migrations of this machine");
    tty.send("q");
    assert_eq!(tty.exit(), 0);
}

/// Once more, and nothing is in the way any more; then it is left.
fn checks_well(tty: &mut Tty) {
    tty.tab_to("▐ Run check ▌");
    tty.send("\r");
    tty.wait("\n Report");
    tty.wait_for("nothing in the way", |s| !s.contains("FAIL"));
    tty.tab_to("▐ Continue ▌");
    tty.send("\x03");
    assert_eq!(tty.exit(), 0);
}

#[test]
fn a_wrong_password_and_then_the_right_one() {
    let pair =
        pair_with(ClusterOptions::new(server_binaries()).password("s3cret").setting("wal_level", "logical"));
    let (_, target) = uris(&pair);
    let host = format!("postgres://postgres:wrong@127.0.0.1:{}/postgres?sslmode=prefer", pair.source.port());
    let mut tty = wizard(&pair);
    to_report(&mut tty, (&host, &target));
    tty.wait("FAIL");
    tty.wait("password");
    // Back, and the right one.
    tty.send("\x1b");
    tty.wait("Migrate from");
    tty.tab_to("▌ Password");
    tty.send("\x15s3cret");
    tty.wait("••••••");
    assert!(!tty.text().contains("s3cret"));
    checks_well(&mut tty);
    let raw = String::from_utf8_lossy(&tty.raw()).into_owned();
    assert!(!raw.contains("s3cret") && !raw.contains("wrong@"), "a password was drawn");
}

/// What is to be typed anew for the target stands in the first step: the way back leads there.
#[test]
fn a_wrong_password_of_the_target_leads_back_to_its_field() {
    let options = || ClusterOptions::new(server_binaries());
    let source = Cluster::start(options().setting("wal_level", "logical")).unwrap();
    let pair = Pair::of(source, Cluster::start(options().password("s3cret")).unwrap());
    let (source, _) = uris(&pair);
    let host = format!("postgres://postgres:wrong@127.0.0.1:{}/postgres?sslmode=prefer", pair.target.port());
    let mut tty = wizard(&pair);
    to_report(&mut tty, (&source, &host));
    tty.wait("FAIL");
    tty.send("\x1b");
    tty.wait("Migrate to");
    tty.wait("▌ Password");
    tty.send("\x15s3cret");
    tty.wait("••••••");
    tty.tab_to("▐ Get started ▌");
    tty.send("\r");
    tty.wait("Migrate from");
    checks_well(&mut tty);
}

#[test]
fn stopped_and_started_over() {
    let pair = pair("logical");
    let proxy = super::proxy::Proxy::start(pair.source.port());
    let (_, target) = uris(&pair);
    let source = format!("{}?sslmode=prefer", proxy.uri("postgres"));
    let mut tty = wizard(&pair);
    to_report(&mut tty, (&source, &target));
    tty.tab_to("▐ Continue ▌");
    tty.send("\r");
    tty.tab_to("▐ Start migration ▌");
    proxy.delay(std::time::Duration::from_millis(120));
    tty.send("\r");
    tty.wait("▶ running");
    tty.send("s");
    tty.wait("Stop the migration?");
    tty.wait("▐ Go on ▌");
    tty.send("\t");
    tty.wait("▐ Stop migration ▌");
    tty.send("\r");
    tty.wait("■ Stopped at");
    proxy.delay(std::time::Duration::ZERO);
    eventually(&pair.source, "postgres", "SELECT count(*) FROM pg_replication_slots", "0");
    tty.tab_to("▐ Start over ▌");
    tty.send("\r");
    tty.wait("Start over?");
    tty.send("\t\r");
    tty.wait("1 Configure");
    tty.wait("mine is taken; this is free");
    // With Enter alone through all that is filled in, under a name that nobody has.
    tty.press_to("\r", "Migrate from");
    tty.press_to("\r", "▐ Run check ▌");
    tty.send("\r");
    tty.wait("▐ Continue ▌");
    tty.send("\r");
    tty.wait("▐ Start migration ▌");
    tty.send("\r");
    tty.wait("mine_2: Replication mode active");
    pair.source.psql("shop", "INSERT INTO orders VALUES (5001, 'late')").unwrap();
    eventually(&pair.target, "shop", "SELECT count(*) FROM orders", "5001");
    tty.send("\x03");
    assert_eq!(tty.exit(), 0);
}
