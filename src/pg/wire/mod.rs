//! A small client for what tokio-postgres cannot do: COPY relayed from the source's socket to the target's, and the
//! commands of replication.
//!
//! - [`frame`]: takes frames out of whatever bytes a server sends, bounded and without trust
//! - `connection`: a logged-in connection: its state, and sending and receiving whole frames
//! - `startup`: the start-up packet and authentication
//! - `query`: plain commands, for BEGIN, SET TRANSACTION SNAPSHOT, TRUNCATE, COMMIT and the like
//! - `replication`: slots, with a snapshot of the moment from which they deliver
//! - `padding`: rows without the blanks that the target makes again
//! - `relay`: COPY OUT of one connection into COPY IN of another one
//! - `lot`: many small COPYs behind one another, with a single question to each server
//!
//! Ordinary queries belong to [`super::connect::Session`]. The frames are described in chapter 55.7 of the PostgreSQL
//! documentation, "Message Formats".

mod connection;
mod frame;
mod lot;
mod padding;
mod query;
mod relay;
mod replication;
mod startup;

pub use connection::Connection;
pub use lot::{Lot, relay_lot};
pub use query::CommandTag;
pub use relay::{CopyStats, Passing, RelayError, Relayed, relay};
pub use replication::{CreatedSlot, SlotLife, SlotSnapshot};
