//! Migrations that follow their source: here the instruments for them, each proved with plain replication by SQL.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test that cannot go on has failed; one that is skipped says so"
)]

#[expect(dead_code, reason = "the harness is shared with other tests, which use the rest of it")]
#[path = "../common/mod.rs"]
mod common;

#[path = "../common/catalog.rs"]
mod catalog;
#[path = "../common/extras.rs"]
mod extras;
#[path = "../common/proxy.rs"]
mod proxy;
#[path = "../common/traffic.rs"]
mod traffic;

mod aiven;
mod catalogs;
mod load;
mod network;

use common::{Pair, server_binaries};
use pgpassage::demo::cluster::{Cluster, ClusterOptions};

/// A source that can be followed, and a target whose workers do not wait five seconds for each other.
fn pair() -> Pair {
    let start =
        |name, value| Cluster::start(ClusterOptions::new(server_binaries()).setting(name, value)).unwrap();
    Pair::of(start("wal_level", "logical"), start("wal_retrieve_retry_interval", "200ms"))
}
