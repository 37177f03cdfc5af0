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
mod closing;
mod engine;
mod guards;
mod kills;
mod load;
mod network;
mod refused;
mod rights;
mod several;
mod windows;

use common::{Pair, server_binaries};
use pgpassage::demo::cluster::{Cluster, ClusterOptions};
use std::path::PathBuf;

/// A source that can be followed, and a target whose workers do not wait five seconds for each other.
fn pair() -> Pair {
    let start =
        |name, value| Cluster::start(ClusterOptions::new(server_binaries()).setting(name, value)).unwrap();
    Pair::of(start("wal_level", "logical"), start("wal_retrieve_retry_interval", "200ms"))
}

/// The servers of other versions, from one on, in a folder (10/bin, 11/bin, …) that PGPASSAGE_PG_VERSIONS names.
fn versions(from: u32) -> Vec<(u32, ClusterOptions)> {
    let Some(folder) = std::env::var_os("PGPASSAGE_PG_VERSIONS").map(PathBuf::from) else {
        println!("skipped: PGPASSAGE_PG_VERSIONS names no folder with servers of other versions");
        return Vec::new();
    };
    let bin = |major: u32| folder.join(major.to_string()).join("bin");
    let (there, missing): (Vec<_>, Vec<_>) = (from..=19).partition(|major| bin(*major).is_dir());
    missing.iter().for_each(|major| println!("skipped: no PostgreSQL {major} in {}", folder.display()));
    there.into_iter().map(|major| (major, ClusterOptions::new(bin(major)))).collect()
}
