//! Properties that hold for any input.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod conninfo;
mod filter;
mod frames;
mod names;
#[path = "../common/shows.rs"]
mod shows;
