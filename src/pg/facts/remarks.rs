//! What of a server or of a database needs a word before it is moved: one row for each such thing.

use super::{get, rows};
use crate::model::units::{TableName, readable};
use crate::pg::connect::Session;
use crate::pg::error::Error;
use std::fmt;

/// One thing, with its kind in words; the questions say which kinds there are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Remark {
    pub kind: String,
    /// Empty for what is in no schema.
    pub schema: String,
    pub name: String,
    /// A column, a constraint or a trigger of it.
    pub part: Option<String>,
    pub detail: Option<String>,
}

impl Remark {
    pub fn table(&self) -> TableName {
        TableName::new(self.schema.clone(), self.name.clone())
    }
}

impl fmt::Display for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.schema.is_empty() {
            write!(f, "{}.", readable(&self.schema))?;
        }
        f.write_str(&readable(&self.name))?;
        match &self.part {
            Some(part) => write!(f, ".{}", readable(part)),
            None => Ok(()),
        }
    }
}

/// What can be asked. Each is a file in assets/sql, which says what it finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Question {
    Unreadable,
    RowSecurity,
    Relations,
    WithOids,
    Constraints,
    Columns,
    Types,
    Programs,
    FunctionSettings,
    Surroundings,
    Owners,
    SearchPath,
    Order,
    PublicSchema,
    /// Of the server as a whole, from any of its databases.
    Server,
}

impl Question {
    fn sql(self) -> &'static str {
        match self {
            Question::Unreadable => include_str!("../../../assets/sql/check_unreadable.sql"),
            Question::RowSecurity => include_str!("../../../assets/sql/check_row_security.sql"),
            Question::Relations => include_str!("../../../assets/sql/check_relations.sql"),
            Question::WithOids => include_str!("../../../assets/sql/check_with_oids.sql"),
            Question::Constraints => include_str!("../../../assets/sql/check_constraints.sql"),
            Question::Columns => include_str!("../../../assets/sql/check_columns.sql"),
            Question::Types => include_str!("../../../assets/sql/check_types.sql"),
            Question::Programs => include_str!("../../../assets/sql/check_programs.sql"),
            Question::FunctionSettings => include_str!("../../../assets/sql/check_function_settings.sql"),
            Question::Surroundings => include_str!("../../../assets/sql/check_surroundings.sql"),
            Question::Owners => include_str!("../../../assets/sql/check_owners.sql"),
            Question::SearchPath => include_str!("../../../assets/sql/check_search_path.sql"),
            Question::Order => include_str!("../../../assets/sql/check_order.sql"),
            Question::PublicSchema => include_str!("../../../assets/sql/public_schema.sql"),
            Question::Server => include_str!("../../../assets/sql/server_remarks.sql"),
        }
    }
}

/// # Errors
/// When the server does not answer, or not to us.
pub async fn ask(session: &Session, question: Question) -> Result<Vec<Remark>, Error> {
    rows(session, question.sql(), &[], |r| {
        Ok(Remark {
            kind: get(r, "kind")?,
            schema: get(r, "schema")?,
            name: get(r, "name")?,
            part: get(r, "part")?,
            detail: get(r, "detail")?,
        })
    })
    .await
}
