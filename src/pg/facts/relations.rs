//! What users have put into a database, and what watches over its rows.

use super::replication::tables::{IdentitySetting, identity};
use super::{get, rows};
use crate::model::units::TableName;
use crate::pg::connect::Session;
use crate::pg::error::Error;

/// Something of a user's, with its kind in words: `table`, `view`, `function`, …
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserObject {
    pub kind: String,
    pub name: TableName,
}

impl std::fmt::Display for UserObject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.kind, self.name)
    }
}

fn name(row: &tokio_postgres::Row) -> Result<TableName, Error> {
    Ok(TableName::new(get::<String>(row, "schema")?, get::<String>(row, "name")?))
}

/// # Errors
/// When the server does not answer.
pub async fn user_objects(session: &Session) -> Result<Vec<UserObject>, Error> {
    rows(session, include_str!("../../../assets/sql/user_relations.sql"), &[], |r| {
        Ok(UserObject { kind: get(r, "kind")?, name: name(r)? })
    })
    .await
}

/// Tables and partitioned tables: what a table filter can mean.
///
/// # Errors
/// When the server does not answer.
pub async fn table_names(session: &Session) -> Result<Vec<TableName>, Error> {
    rows(session, include_str!("../../../assets/sql/table_names.sql"), &[], name).await
}

/// A trigger that is not disabled; foreign keys are triggers too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActiveTrigger {
    pub table: TableName,
    pub trigger: String,
    /// Fires even where session_replication_role is `replica`.
    pub fires_as_replica: bool,
}

/// # Errors
/// When the server does not answer.
pub async fn active_triggers(session: &Session) -> Result<Vec<ActiveTrigger>, Error> {
    rows(session, include_str!("../../../assets/sql/active_triggers.sql"), &[], |r| {
        Ok(ActiveTrigger {
            table: name(r)?,
            trigger: get(r, "trigger_name")?,
            fires_as_replica: get(r, "fires_as_replica")?,
        })
    })
    .await
}

/// What acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ActKind {
    Trigger,
    Rule,
}

/// When it acts, as ALTER TABLE … ENABLE says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fires {
    /// Unless session_replication_role is `replica`.
    Origin,
    Always,
    /// Only where it is.
    Replica,
}

/// A trigger or a rule that acts when rows of a table are deleted or come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Act {
    pub table: TableName,
    pub name: String,
    pub kind: ActKind,
    pub fires: Fires,
    /// Not even the table's owner can switch it off.
    pub is_fixed: bool,
    /// Our user is the table's owner, or a member of that role.
    pub table_is_ours: bool,
}

/// # Errors
/// When the server does not answer.
pub async fn acts_on_rows(session: &Session) -> Result<Vec<Act>, Error> {
    rows(session, include_str!("../../../assets/sql/acts_on_rows.sql"), &[], |r| {
        Ok(Act {
            table: name(r)?,
            name: get(r, "act_name")?,
            kind: if get(r, "is_rule")? { ActKind::Rule } else { ActKind::Trigger },
            fires: match get::<String>(r, "fires")?.as_str() {
                "A" => Fires::Always,
                "R" => Fires::Replica,
                _ => Fires::Origin,
            },
            is_fixed: get(r, "fixed")?,
            table_is_ours: get(r, "owned")?,
        })
    })
    .await
}

/// What would refuse rows of a table that are deleted and come anew, although it lets them stay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    pub table: TableName,
    pub by: RefusedBy,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RefusedBy {
    /// A publication of the same database, which cannot tell the deleted ones apart by this replica identity.
    Identity(IdentitySetting, Option<String>),
    /// A constraint that was never validated.
    Constraint { name: String, definition: String, comment: Option<String> },
}

/// # Errors
/// When the server does not answer.
pub async fn refusals(session: &Session) -> Result<Vec<Refusal>, Error> {
    rows(session, include_str!("../../../assets/sql/refuses_rows.sql"), &[], |r| {
        let part: Option<String> = get(r, "part")?;
        let setting: String = get(r, "setting")?;
        let by = match get::<String>(r, "kind")?.as_str() {
            "identity" => RefusedBy::Identity(identity(&setting)?, part),
            _ => RefusedBy::Constraint {
                name: part.unwrap_or_default(),
                definition: setting,
                comment: get(r, "comment")?,
            },
        };
        Ok(Refusal { table: name(r)?, by })
    })
    .await
}

/// That a table refers to another one, or to itself, by a foreign key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// Of the constraint.
    pub oid: i64,
    pub table: TableName,
    pub referenced: TableName,
    /// A btree has the referring rows in the order of the key.
    pub in_order: bool,
}

/// By all foreign keys, also those that are not validated; those of partitions are part of their root's.
///
/// # Errors
/// When the server does not answer.
pub async fn references(session: &Session) -> Result<Vec<Reference>, Error> {
    rows(session, include_str!("../../../assets/sql/references.sql"), &[], |r| {
        let schema: String = get(r, "referenced_schema")?;
        Ok(Reference {
            oid: get(r, "oid")?,
            table: name(r)?,
            referenced: TableName::new(schema, get::<String>(r, "referenced_name")?),
            in_order: get(r, "in_order")?,
        })
    })
    .await
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeignKey {
    pub table: TableName,
    pub name: String,
    pub columns: Vec<String>,
    pub referenced: TableName,
    pub referenced_columns: Vec<String>,
    /// The operator that compares each pair of columns, referenced one first: schema and name.
    pub operators: Vec<(String, String)>,
}

/// The validated foreign keys; those of partitions are part of their root's.
///
/// # Errors
/// When the server does not answer.
pub async fn foreign_keys(session: &Session) -> Result<Vec<ForeignKey>, Error> {
    rows(session, include_str!("../../../assets/sql/foreign_keys.sql"), &[], |r| {
        Ok(ForeignKey {
            table: name(r)?,
            name: get(r, "constraint_name")?,
            columns: get(r, "columns")?,
            referenced: TableName::new(
                get::<String>(r, "referenced_schema")?,
                get::<String>(r, "referenced_name")?,
            ),
            referenced_columns: get(r, "referenced_columns")?,
            operators: std::iter::zip(
                get::<Vec<String>>(r, "operator_schemas")?,
                get::<Vec<String>>(r, "operators")?,
            )
            .collect(),
        })
    })
    .await
}
