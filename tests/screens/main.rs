//! Every screen in every state, drawn from serialised states without a terminal, a clock or a server.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod expected;
mod frames;
mod lives;
mod passwords;
mod pictures;
mod reach;
mod scenes;
#[path = "../common/shows.rs"]
mod shows;
mod sizes;
mod styled;
mod transitions;
mod truth;
mod words;
