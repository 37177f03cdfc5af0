//! The servers: everything that speaks PostgreSQL. Knows no phases.

pub mod archive;
pub mod connect;
mod dial;
pub mod error;
pub mod facts;
pub mod quote;
pub mod statement;
mod tls;
pub mod tools;
pub mod wire;
