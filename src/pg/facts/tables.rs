//! The tables that hold rows, and whether they are still what the snapshot saw.

use super::{get, rows};
use crate::model::units::TableName;
use crate::pg::connect::Session;
use crate::pg::error::Error;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableFacts {
    pub oid: i64,
    pub name: TableName,
    /// Heap and TOAST on disk; 0 until [`measure`] has been asked.
    pub size_bytes: u64,
    /// Blocks of the rows alone, where they are kept in a heap; absent elsewhere, and until [`measure`] has been asked.
    pub heap_blocks: Option<u64>,
    /// What the source's statistics say; 0 where it has none.
    pub rows_estimate: u64,
    /// Columns that hold data: neither dropped nor generated.
    pub columns: Vec<String>,
    /// Whether each of them is `char(n)`.
    pub padded: Vec<bool>,
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
        name: String,
        condition: Option<String>,
    },
}

impl TableFacts {
    /// The names by which a filter can mean this table.
    pub fn names(&self) -> Vec<TableName> {
        std::iter::once(self.name.clone()).chain(self.ancestors.iter().cloned()).collect()
    }
}

/// Fills in the sizes and puts the largest first. The tables must be locked already: the question would wait for whoever
/// holds one of them exclusively.
///
/// # Errors
/// When the server does not answer.
pub async fn measure(session: &Session, tables: &mut [TableFacts]) -> Result<(), Error> {
    let oids: Vec<_> = tables.iter().map(|t| t.oid).collect();
    let sql = include_str!("../../../assets/sql/table_sizes.sql");
    let read = |r: &tokio_postgres::Row| {
        let count = |n: Option<i64>| n.and_then(|n| u64::try_from(n).ok());
        Ok((get::<i64>(r, "oid")?, (count(get(r, "size_bytes")?), count(get(r, "heap_blocks")?))))
    };
    let sizes: BTreeMap<_, _> = rows(session, sql, &[&oids], read).await?.into_iter().collect();
    for table in &mut *tables {
        let (size, blocks) = sizes.get(&table.oid).copied().unwrap_or_default();
        table.size_bytes = size.unwrap_or(0);
        table.heap_blocks = blocks;
    }
    tables.sort_by_key(|t| (std::cmp::Reverse(t.size_bytes), t.oid));
    Ok(())
}

/// An index of a table, as far as it tells how long building it will take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexFacts {
    pub oid: i64,
    pub table_oid: i64,
    /// The key or exclusion constraint that it stands behind.
    pub constraint_oid: Option<i64>,
    pub size_bytes: u64,
    pub access_method: String,
}

/// # Errors
/// When the server does not answer.
pub async fn indexes(session: &Session, tables: &[TableFacts]) -> Result<Vec<IndexFacts>, Error> {
    let oids: Vec<_> = tables.iter().map(|t| t.oid).collect();
    rows(session, include_str!("../../../assets/sql/index_sizes.sql"), &[&oids], |r| {
        Ok(IndexFacts {
            oid: get(r, "oid")?,
            table_oid: get(r, "table_oid")?,
            constraint_oid: get(r, "constraint_oid")?,
            size_bytes: u64::try_from(get::<i64>(r, "size_bytes")?).unwrap_or(0),
            access_method: get(r, "access_method")?,
        })
    })
    .await
}

/// The tables as the session's transaction sees them.
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
            size_bytes: 0,
            heap_blocks: None,
            rows_estimate: u64::try_from(get::<i64>(r, "rows_estimate")?).unwrap_or(0),
            columns: get(r, "columns")?,
            padded: get(r, "padded")?,
            binary_is_safe: get(r, "binary_is_safe")?,
            ancestors: schemas.into_iter().zip(names).map(|(s, n)| TableName::new(s, n)).collect(),
            belongs: match get::<Option<String>>(r, "extension")? {
                Some(name) => Belongs::Extension { name, condition },
                None => Belongs::User,
            },
        })
    })
    .await
}

/// The tops of partition trees that have rows of other servers too.
///
/// # Errors
/// When the server does not answer.
pub async fn partly_foreign(session: &Session) -> Result<BTreeSet<TableName>, Error> {
    let sql = include_str!("../../../assets/sql/foreign_partitions.sql");
    let name =
        |r: &tokio_postgres::Row| Ok(TableName::new(get::<String>(r, "schema")?, get::<String>(r, "name")?));
    Ok(rows(session, sql, &[], name).await?.into_iter().collect())
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
