//! Pure builders of statements: nothing here talks to a server. Names and values go in through [`super::quote`] only.

pub mod data;
pub mod database;
pub mod roles;
