//! The nouns: plain serialisable data that every other room speaks in. No IO, no clock, no servers.

pub mod check;
pub mod command;
pub mod conninfo;
pub mod discovery;
pub mod endpoint;
pub mod event;
pub mod failure;
pub mod filter;
pub mod forget;
pub mod gauges;
pub mod half_made;
pub mod names;
pub mod passwords;
pub mod phase;
pub mod plan;
pub mod remedy;
pub mod run;
pub mod secret;
pub mod secrets;
pub mod status;
pub mod task;
pub mod telling;
pub mod units;
