//! Whole migrations between real servers.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test that cannot go on has failed; one that is skipped says so"
)]

#[path = "../common/mod.rs"]
mod common;

#[path = "../cli/mod.rs"]
mod cli;

mod archive;
mod blanks;
mod clean;
mod everything;
mod fast;
mod languages;
mod privileges;
mod questions;
mod replication;
mod secrets;
mod stops;
mod traps;
mod versions;
mod wire;
