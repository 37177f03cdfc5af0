//! The questions that come first, and whether the answers allow a start. Nothing is changed on either server here.
//!
//! Facts are gathered once ([`ask`], [`ask_database`], [`probe`]), each by itself, so that one that is not to be had ends
//! nothing; then the checks of the [`catalog`] judge them, without a server ([`tell`]).

mod ask;
mod ask_database;
mod catalog;
mod explain;
mod facts;
mod gather;
mod judge;
mod probe;
mod progress;
mod provider;
mod tell;
mod verdict;

pub use explain::{Explanation, explain, ids};
pub(crate) use gather::{Found, Reached, first_session, gather, reach};
