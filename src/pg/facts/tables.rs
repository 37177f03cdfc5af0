//! The tables that hold rows, and whether they are still what the snapshot saw.

use super::{get, rows};
use crate::model::units::TableName;
use crate::pg::connect::Session;
use crate::pg::error::Error;
use std::collections::BTreeMap;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableFacts {
    pub oid: i64,
    pub name: TableName,
    /// Heap, TOAST and maps on disk.
    pub size_bytes: u64,
    /// Columns that hold data: neither dropped nor generated.
    pub columns: Vec<String>,
    /// The binary form of every column means the same on another server.
    pub binary_is_safe: bool,
    /// The partitioned tables above this one, the nearest first.
    pub ancestors: Vec<TableName>,
    pub belongs: Belongs,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Belongs {
    User,
    /// A configuration table: rows under this condition are the user's (all rows where there is none).
    Extension {
        condition: Option<String>,
    },
}

impl TableFacts {
    /// The names by which a filter can mean this table.
    pub fn names(&self) -> Vec<TableName> {
        std::iter::once(self.name.clone()).chain(self.ancestors.iter().cloned()).collect()
    }
}

/// The tables as the session's transaction sees them, largest first.
///
/// # Errors
/// When the server does not answer.
pub async fn gather(session: &Session) -> Result<Vec<TableFacts>, Error> {
    rows(session, include_str!("../../../assets/sql/tables.sql"), &[], |r| {
        let schemas: Vec<String> = get(r, "ancestor_schemas")?;
        let names: Vec<String> = get(r, "ancestor_names")?;
        let condition = get(r, "condition")?;
        Ok(TableFacts {
            oid: get(r, "oid")?,
            name: TableName::new(get::<String>(r, "schema")?, get::<String>(r, "name")?),
            // NULL: dropped since the snapshot. The comparison after locking finds that out.
            size_bytes: get::<Option<i64>>(r, "size_bytes")?.and_then(|n| u64::try_from(n).ok()).unwrap_or(0),
            columns: get(r, "columns")?,
            binary_is_safe: get(r, "binary_is_safe")?,
            ancestors: schemas.into_iter().zip(names).map(|(s, n)| TableName::new(s, n)).collect(),
            belongs: if get(r, "of_extension")? { Belongs::Extension { condition } } else { Belongs::User },
        })
    })
    .await
}

/// How each of the given tables is stored and defined, as the session's transaction sees it.
///
/// # Errors
/// When the server does not answer.
pub async fn fingerprints(session: &Session, oids: &[i64]) -> Result<BTreeMap<i64, String>, Error> {
    let sql = include_str!("../../../assets/sql/fingerprints.sql");
    let found = rows(session, sql, &[&oids], |r| Ok((get(r, "oid")?, get(r, "fingerprint")?))).await?;
    Ok(found.into_iter().collect())
}

/// A session that keeps us from locking a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockHolder {
    pub pid: i32,
    pub user: String,
    pub application: String,
    pub state: String,
    /// The first 80 characters.
    pub query: String,
}

/// # Errors
/// When the server does not answer.
pub async fn lock_holders(session: &Session, oids: &[i64]) -> Result<Vec<LockHolder>, Error> {
    rows(session, include_str!("../../../assets/sql/lock_waits.sql"), &[&oids], |r| {
        Ok(LockHolder {
            pid: get::<Option<i32>>(r, "pid")?.unwrap_or_default(),
            user: get(r, "user_name")?,
            application: get(r, "application")?,
            state: get(r, "state")?,
            query: get(r, "query")?,
        })
    })
    .await
}
