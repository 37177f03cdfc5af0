//! pgpassage moves a whole PostgreSQL server to another one, and says honestly what came across.
pub mod cli;
pub mod demo;
pub mod engine;
pub mod link;
pub mod model;
pub mod pg;
pub mod store;
