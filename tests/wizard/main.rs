//! The program itself in a real pseudo-terminal, driven by keys, against real servers.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test that cannot go on has failed; one that is skipped says so"
)]

#[expect(dead_code, reason = "the harness is shared with other tests, which use the rest of it")]
#[path = "../common/mod.rs"]
mod common;

#[expect(dead_code, reason = "the harness is shared with other tests, which use the rest of it")]
#[path = "../common/proxy.rs"]
mod proxy;

mod again;
mod away;
mod broken_off;
mod bundle;
mod busy;
mod cleaning;
mod demo;
mod gathering;
mod identity;
mod leaving;
mod lines;
mod listed;
mod over;
mod panics;
mod parting;
mod passwords;
mod plain;
mod rejoined;
mod terminal;
mod tty;
mod waits;
mod way;

use common::{Pair, server_binaries};
use pgpassage::demo::cluster::{Cluster, ClusterOptions};
use tty::Tty;

/// A source with this wal_level and a shop with some rows, and an empty target.
fn pair(wal_level: &str) -> Pair {
    pair_with(ClusterOptions::new(server_binaries()).setting("wal_level", wal_level))
}

fn pair_with(source: ClusterOptions) -> Pair {
    let target = ClusterOptions::new(server_binaries()).setting("wal_retrieve_retry_interval", "200ms");
    let pair = Pair::of(Cluster::start(source).unwrap(), Cluster::start(target).unwrap());
    pair.source.psql("postgres", "CREATE DATABASE shop").unwrap();
    pair.source
        .psql(
            "shop",
            "CREATE TABLE orders (id bigint PRIMARY KEY, note text);
             INSERT INTO orders SELECT n, 'order ' || n FROM generate_series(1, 5000) n;
             CREATE TABLE items (id bigint PRIMARY KEY, name text);
             INSERT INTO items SELECT n, 'item ' || n FROM generate_series(1, 3000) n;",
        )
        .unwrap();
    pair
}

/// The program without arguments, in a window of 100 by 30.
fn wizard(pair: &Pair) -> Tty {
    Tty::spawn(pair, (100, 30), &[], &[])
}

/// From step 1 to the report of the checks, by keys and two pasted addresses.
fn to_report(tty: &mut Tty, addresses: (&str, &str)) {
    to_check(tty, addresses);
    tty.wait("\n Report");
}

/// The same up to where the checks have been begun.
fn to_check(tty: &mut Tty, (source, target): (&str, &str)) {
    tty.wait("1 Configure");
    // The guide has the focus; the name comes next, then the target's host.
    tty.send("\t");
    tty.send("mine");
    tty.send("\t");
    tty.paste(target);
    tty.wait("Filled from the connection string");
    let here = "▐ Get started ▌";
    tty.tab_to(here);
    tty.send("\r");
    tty.wait("Migrate from");
    tty.paste(source);
    tty.wait("Filled from the connection string");
    tty.tab_to("▐ Run check ▌");
    tty.send("\r");
}

fn uris(pair: &Pair) -> (String, String) {
    let without_tls = |cluster: &Cluster| format!("{}?sslmode=prefer", cluster.uri("postgres"));
    (without_tls(&pair.source), without_tls(&pair.target))
}

/// From an empty start to where the target follows.
fn following(pair: &Pair) -> Tty {
    let (source, target) = uris(pair);
    let mut tty = wizard(pair);
    to_report(&mut tty, (&source, &target));
    start(&mut tty);
    tty.wait("Replication mode active");
    tty
}

/// On to the migration, once nothing is in the way.
fn start(tty: &mut Tty) {
    tty.tab_to("▐ Continue ▌");
    tty.send("\r");
    tty.wait("What will happen");
    tty.tab_to("▐ Start migration ▌");
    tty.send("\r");
}
