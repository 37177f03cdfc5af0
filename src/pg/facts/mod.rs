//! What is found on a server: one file per question, the row's type beside the SQL that asks for it.
//!
//! The SQL lies in assets/sql, runnable in psql. Every query names pg_catalog and works under an empty search_path.

pub mod databases;
pub mod extensions;
pub mod grants;
pub mod locks;
pub mod objects;
pub mod relations;
pub mod remarks;
pub mod replication;
pub mod roles;
pub mod server;
pub mod standing;
pub mod tables;

use super::connect::Session;
use super::error::{Error, ErrorKind};
use tokio_postgres::Row;
use tokio_postgres::types::{FromSql, ToSql};

/// Runs a query and reads each of its rows with `read`.
async fn rows<T>(
    session: &Session,
    sql: &str,
    params: &[&(dyn ToSql + Sync)],
    read: impl Fn(&Row) -> Result<T, Error>,
) -> Result<Vec<T>, Error> {
    session.query(sql, params).await?.iter().map(read).collect()
}

/// A column by name. A type that does not fit is an error to report, not a reason to die: the server may not be
/// what it says it is.
fn get<'a, T: FromSql<'a>>(row: &'a Row, column: &str) -> Result<T, Error> {
    row.try_get(column)
        .map_err(|e| Error::new(ErrorKind::Protocol, format!("catalog column {column} cannot be read: {e}")))
}
