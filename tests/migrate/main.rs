//! Whole migrations between real servers.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "../common/mod.rs"]
mod common;

#[path = "../cli/mod.rs"]
mod cli;

mod archive;
mod everything;
mod privileges;
mod secrets;
mod stops;
mod traps;
mod versions;
mod wire;
