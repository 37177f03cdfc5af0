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
#[path = "../common/proxy.rs"]
mod proxy;
#[path = "../common/traffic.rs"]
mod traffic;

mod load;
mod network;
