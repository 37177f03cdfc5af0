//! What only makes sense with data: sequences, materialized views, large objects, what to analyze.

use super::grants::Grant;
use super::{get, rows};
use crate::model::units::TableName;
use crate::pg::connect::Session;
use crate::pg::error::Error;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SequenceFacts {
    pub name: TableName,
    pub increment: i64,
}

/// # Errors
/// When the server does not answer.
pub async fn sequences(session: &Session) -> Result<Vec<SequenceFacts>, Error> {
    rows(session, include_str!("../../../assets/sql/sequences.sql"), &[], |r| {
        let name = TableName::new(get::<String>(r, "schema")?, get::<String>(r, "name")?);
        Ok(SequenceFacts { name, increment: get(r, "increment")? })
    })
    .await
}

/// The OIDs and names of the materialized views that hold rows.
///
/// # Errors
/// When the server does not answer.
pub async fn materialized_views(session: &Session) -> Result<Vec<(i64, TableName)>, Error> {
    rows(session, include_str!("../../../assets/sql/materialized_views.sql"), &[], |r| {
        Ok((get(r, "oid")?, TableName::new(get::<String>(r, "schema")?, get::<String>(r, "name")?)))
    })
    .await
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LargeObjectFacts {
    pub oid: i64,
    pub owner: String,
    /// Absent: the default, nothing was ever granted or revoked.
    pub privileges: Option<Vec<Grant>>,
    pub comment: Option<String>,
    /// Provider and label.
    pub labels: Vec<(String, String)>,
}

/// # Errors
/// When the server does not answer.
pub async fn large_objects(session: &Session) -> Result<Vec<LargeObjectFacts>, Error> {
    rows(session, include_str!("../../../assets/sql/large_objects.sql"), &[], |r| {
        let privileges: Vec<String> = get(r, "privileges")?;
        let labels: Vec<String> = get(r, "labels")?;
        let has_privileges: bool = get(r, "has_privileges")?;
        Ok(LargeObjectFacts {
            oid: get(r, "oid")?,
            owner: get(r, "owner")?,
            privileges: has_privileges.then(|| privileges.iter().filter_map(|p| Grant::read(p)).collect()),
            comment: get(r, "comment")?,
            labels: labels
                .iter()
                .filter_map(|l| l.split_once(' '))
                .map(|(p, l)| (p.into(), l.into()))
                .collect(),
        })
    })
    .await
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnalyzeTarget {
    pub name: TableName,
    pub size_bytes: u64,
    /// We may. Where not, ANALYZE would do nothing and only warn.
    pub allowed: bool,
}

/// Everything that ANALYZE has to be told to visit, largest first.
///
/// # Errors
/// When the server does not answer.
pub async fn to_analyze(session: &Session) -> Result<Vec<AnalyzeTarget>, Error> {
    rows(session, include_str!("../../../assets/sql/analyze_roots.sql"), &[], |r| {
        let name = TableName::new(get::<String>(r, "schema")?, get::<String>(r, "name")?);
        Ok(AnalyzeTarget {
            name,
            size_bytes: u64::try_from(get::<i64>(r, "size_bytes")?).unwrap_or(0),
            allowed: get(r, "allowed")?,
        })
    })
    .await
}

/// The tables that have statistics objects.
///
/// # Errors
/// When the server does not answer.
pub async fn with_extended_statistics(session: &Session) -> Result<Vec<TableName>, Error> {
    let sql = include_str!("../../../assets/sql/extended_statistics.sql");
    rows(session, sql, &[], |r| Ok(TableName::new(get::<String>(r, "schema")?, get::<String>(r, "name")?)))
        .await
}

/// What pg_dump leaves behind without a word, as kind and object.
///
/// # Errors
/// When the server does not answer.
pub async fn beyond_dump(session: &Session) -> Result<Vec<(String, String)>, Error> {
    let sql = include_str!("../../../assets/sql/beyond_dump.sql");
    rows(session, sql, &[], |r| Ok((get(r, "kind")?, get(r, "object")?))).await
}
