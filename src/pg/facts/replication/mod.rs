//! What logical replication needs to know of a server: its means, the tables, our objects on it, how far it is.

pub mod objects;
pub mod progress;
pub mod server;
pub mod tables;
pub mod watch;

use super::{get, rows};
use crate::model::units::Lsn;
use crate::pg::error::{Error, ErrorKind};
use tokio_postgres::Row;

/// A place in the log, which travels as text: the client knows no pg_lsn.
fn lsn(row: &Row, column: &str) -> Result<Option<Lsn>, Error> {
    let text: Option<String> = get(row, column)?;
    let bad = |_| Error::new(ErrorKind::Protocol, format!("catalog column {column} is no WAL position"));
    text.map(|t| t.parse().map_err(bad)).transpose()
}

/// A number of bytes, milliseconds and the like; what is below zero counts as zero.
fn amount(row: &Row, column: &str) -> Result<Option<u64>, Error> {
    let number: Option<i64> = get(row, column)?;
    Ok(number.map(|n| u64::try_from(n).unwrap_or(0)))
}
