//! The face in lines.

pub mod connection;
