//! The phases, one file each. Every one is given its database (or the context of the whole run) first.

pub(crate) mod copy;
pub(crate) mod create;
pub(crate) mod data;
pub(crate) mod entries;
pub(crate) mod existing;
pub(crate) mod large_objects;
pub(crate) mod load;
mod parts;
pub(crate) mod roles;
pub(crate) mod schema;
pub(crate) mod settings;
pub(crate) mod snapshot;
