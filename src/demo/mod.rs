//! Throw-away clusters and a sample shop: for the demo, and for every test.

pub mod cluster;
pub mod shop;
