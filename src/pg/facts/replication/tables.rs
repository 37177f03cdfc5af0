//! The tables of a database as candidates for a publication, and what no publication carries.

use super::{amount, get, rows};
use crate::model::units::TableName;
use crate::pg::connect::Session;
use crate::pg::error::{Error, ErrorKind};

/// What a table's `relreplident` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdentitySetting {
    /// The primary key.
    Default,
    Index,
    Full,
    Nothing,
}

/// A plain or partitioned table, neither unlogged nor temporary.
///
/// Of a partitioned table published by its root, both the root's identity and its partitions' count: the source asks
/// the partition whether an UPDATE can be sent, and tells the target the root's key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublishCandidate {
    pub oid: i64,
    pub name: TableName,
    pub kind: CandidateKind,
    /// The topmost partitioned table above it.
    pub root: Option<TableName>,
    /// The extension that it is part of.
    pub extension: Option<String>,
    pub owner: String,
    /// Publishing a listed table, or changing its identity, takes its owner or a member of that role.
    pub owned: bool,
    pub identity: IdentitySetting,
    /// The index that the setting leads to, where it is fit for the purpose.
    pub identity_index: Option<String>,
    /// Another index that REPLICA IDENTITY USING INDEX would accept.
    pub candidate_index: Option<String>,
    /// Columns (with their types) because of which REPLICA IDENTITY FULL does not work: whole rows cannot be compared,
    /// or from 18 on a generated column is in the way.
    pub full_obstacles: Vec<String>,
    /// The publications by which its changes travel already, others' too. One that publishes through the root counts for
    /// the root alone.
    pub publications: Vec<String>,
    /// Rows updated and deleted since the statistics were reset: whether an identity is needed at all.
    pub changes: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CandidateKind {
    /// A table with rows of its own that is no partition (it may have children by inheritance).
    Plain,
    /// A partition with rows of its own.
    Partition,
    /// A partitioned table, at any level.
    Partitioned,
}

impl PublishCandidate {
    /// UPDATE and DELETE can be published, and applied on the other side, as things are.
    pub fn identity_is_usable(&self) -> bool {
        match self.identity {
            IdentitySetting::Default | IdentitySetting::Index => self.identity_index.is_some(),
            IdentitySetting::Full => self.full_obstacles.is_empty(),
            IdentitySetting::Nothing => false,
        }
    }

    /// REPLICA IDENTITY FULL would do.
    pub fn full_is_possible(&self) -> bool {
        self.full_obstacles.is_empty()
    }
}

/// All candidates of the session's database, by age.
///
/// # Errors
/// When the server does not answer.
pub async fn candidates(session: &Session) -> Result<Vec<PublishCandidate>, Error> {
    let sql = include_str!("../../../../assets/sql/replication_tables.sql");
    rows(session, sql, &[], |r| {
        let root_schema: Option<String> = get(r, "root_schema")?;
        let root_name: Option<String> = get(r, "root_name")?;
        Ok(PublishCandidate {
            oid: get(r, "oid")?,
            name: TableName::new(get::<String>(r, "schema")?, get::<String>(r, "name")?),
            kind: match (get(r, "partitioned")?, get(r, "is_partition")?) {
                (true, _) => CandidateKind::Partitioned,
                (false, true) => CandidateKind::Partition,
                (false, false) => CandidateKind::Plain,
            },
            root: root_schema.zip(root_name).map(|(schema, name)| TableName { schema, name }),
            extension: get(r, "extension")?,
            owner: get(r, "owner")?,
            owned: get(r, "owned")?,
            identity: identity(&get::<String>(r, "identity")?)?,
            identity_index: get(r, "identity_index")?,
            candidate_index: get(r, "candidate_index")?,
            full_obstacles: get(r, "full_obstacles")?,
            publications: get(r, "publications")?,
            changes: amount(r, "changes")?.unwrap_or(0),
        })
    })
    .await
}

pub(crate) fn identity(letter: &str) -> Result<IdentitySetting, Error> {
    match letter {
        "d" => Ok(IdentitySetting::Default),
        "i" => Ok(IdentitySetting::Index),
        "f" => Ok(IdentitySetting::Full),
        "n" => Ok(IdentitySetting::Nothing),
        other => Err(Error::new(ErrorKind::Protocol, format!("an unknown replica identity {other}"))),
    }
}

/// A table that inherits from another one, and is no partition of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inherits {
    pub parent: TableName,
    pub child: TableName,
}

/// # Errors
/// When the server does not answer.
pub async fn inheritance(session: &Session) -> Result<Vec<Inherits>, Error> {
    let sql = include_str!("../../../../assets/sql/inheritance.sql");
    rows(session, sql, &[], |r| {
        Ok(Inherits {
            parent: TableName::new(get::<String>(r, "parent_schema")?, get::<String>(r, "parent_name")?),
            child: TableName::new(get::<String>(r, "schema")?, get::<String>(r, "name")?),
        })
    })
    .await
}

/// Something with rows that replication does not carry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LeftOut {
    Unlogged(TableName),
    MaterializedView(TableName),
    /// How many there are.
    LargeObjects(u64),
}

/// Sequences are not among them: there, every one is left out.
///
/// # Errors
/// When the server does not answer.
pub async fn left_out(session: &Session) -> Result<Vec<LeftOut>, Error> {
    let sql = include_str!("../../../../assets/sql/replication_left_out.sql");
    rows(session, sql, &[], |r| {
        let name = || -> Result<TableName, Error> {
            Ok(TableName::new(get::<String>(r, "schema")?, get::<String>(r, "name")?))
        };
        match get::<&str>(r, "kind")? {
            "unlogged table" => Ok(LeftOut::Unlogged(name()?)),
            "materialized view" => Ok(LeftOut::MaterializedView(name()?)),
            _ => Ok(LeftOut::LargeObjects(amount(r, "number")?.unwrap_or(0))),
        }
    })
    .await
}
