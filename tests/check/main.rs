//! The checks between real servers: each made to speak and to be silent, and every statement that they offer, executed.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test that cannot go on has failed; one that is skipped says so"
)]

#[expect(dead_code, reason = "the harness is shared with other tests, which use the rest of it")]
#[path = "../common/mod.rs"]
mod common;
