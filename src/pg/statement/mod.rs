//! Pure builders of statements: nothing here talks to a server. Names and values go in through [`super::quote`] only.

pub mod data;
pub mod database;
pub mod fixes;
pub mod replication;
pub mod roles;

/// Sets `$1` to `$2` for the session: names and values that only a server knew travel as parameters.
pub const SET_CONFIG: &str = "SELECT pg_catalog.set_config($1, $2, false)";

/// The server's process that serves the session.
pub const BACKEND_PID: &str = "SELECT pg_catalog.pg_backend_pid()";
