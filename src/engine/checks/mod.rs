//! The questions that come first, and whether the answers allow a start. Nothing is changed on either server here.

mod gather;
mod judge;

pub(crate) use gather::{Found, Reached, first_session, gather, reach};
