//! What two servers tell of migrations by the names of objects on them.

use super::endpoint::Endpoint;
use super::event::ServerObject;
use super::failure::Failure;
use super::passwords::Passwords;
use super::status::DatabaseStatus;
use super::units::Side;
use std::collections::BTreeMap;

/// A server, and what is needed to connect to it.
#[derive(Debug, Clone)]
pub struct Place {
    pub endpoint: Endpoint,
    pub passwords: Passwords,
}

/// A migration of which nothing is known but what it made.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Discovered {
    pub objects: Vec<ServerObject>,
    pub databases: BTreeMap<String, DatabaseStatus>,
    /// Somebody reads from one of its slots, or applies what comes: it is alive.
    pub active: bool,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Discovery {
    /// By their ids.
    pub migrations: BTreeMap<String, Discovered>,
    /// Servers that could not be asked: there may be more.
    pub unreachable: Vec<(Side, Failure)>,
}
