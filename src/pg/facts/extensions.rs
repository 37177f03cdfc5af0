//! Extensions and languages: what a database has, and what a server could install.

use super::{get, rows};
use crate::pg::connect::Session;
use crate::pg::error::Error;
use std::collections::BTreeMap;

/// An extension of a database.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Extension {
    pub name: String,
    pub version: String,
    pub schema: String,
    /// Tables of it whose rows are the user's, as SQL writes their names.
    pub configuration: Vec<String>,
}

/// # Errors
/// When the server does not answer.
pub async fn installed(session: &Session) -> Result<Vec<Extension>, Error> {
    rows(session, include_str!("../../../assets/sql/extensions.sql"), &[], |r| {
        Ok(Extension {
            name: get(r, "name")?,
            version: get(r, "version")?,
            schema: get(r, "schema")?,
            configuration: get(r, "configuration")?,
        })
    })
    .await
}

/// An extension that a server has the files of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Available {
    pub default_version: Option<String>,
    pub versions: Vec<String>,
    /// Takes a superuser, or somebody who may create things in the database where it is trusted too.
    pub superuser: bool,
    pub trusted: bool,
    pub requires: Vec<String>,
}

/// By name. What is said of privileges is said of the default version.
///
/// # Errors
/// When the server does not answer.
pub async fn available(session: &Session) -> Result<BTreeMap<String, Available>, Error> {
    let sql = include_str!("../../../assets/sql/available_extensions.sql");
    let mut found: BTreeMap<String, Available> = BTreeMap::new();
    for row in session.query(sql, &[]).await? {
        let version: String = get(&row, "version")?;
        let extension = found.entry(get(&row, "name")?).or_default();
        extension.default_version = get(&row, "default_version")?;
        if extension.versions.is_empty() || extension.default_version.as_ref() == Some(&version) {
            extension.superuser = get(&row, "superuser")?;
            extension.trusted = get(&row, "trusted")?;
            extension.requires = get(&row, "requires")?;
        }
        extension.versions.push(version);
    }
    Ok(found)
}

/// A language beyond those that every database has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Language {
    pub name: String,
    pub trusted: bool,
    /// What it came with.
    pub extension: Option<String>,
}

/// # Errors
/// When the server does not answer.
pub async fn languages(session: &Session) -> Result<Vec<Language>, Error> {
    rows(session, include_str!("../../../assets/sql/languages.sql"), &[], |r| {
        Ok(Language { name: get(r, "name")?, trusted: get(r, "trusted")?, extension: get(r, "extension")? })
    })
    .await
}
