//! The databases of a server.

use super::grants::Grant;
use super::{get, rows};
use crate::pg::connect::Session;
use crate::pg::error::{Error, ErrorKind};
use std::collections::{BTreeMap, BTreeSet};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatabaseFacts {
    pub name: String,
    pub allows_connections: bool,
    pub is_template: bool,
    pub may_connect: bool,
    pub encoding: String,
    pub collate: String,
    pub ctype: String,
    pub provider: LocaleProvider,
    /// The ICU or built-in locale; absent with libc.
    pub locale: Option<String>,
    pub icu_rules: Option<String>,
    pub owner: String,
    /// Where what names no tablespace lies.
    pub tablespace: Option<String>,
    /// Absent until it is asked for, see [`sizes`], and where we may not connect, for then the server does not tell.
    pub size_bytes: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LocaleProvider {
    Libc,
    Icu,
    Builtin,
}

/// # Errors
/// When the server does not answer.
pub async fn gather(session: &Session) -> Result<Vec<DatabaseFacts>, Error> {
    rows(session, include_str!("../../../assets/sql/databases.sql"), &[], |r| {
        Ok(DatabaseFacts {
            name: get(r, "name")?,
            allows_connections: get(r, "allows_connections")?,
            is_template: get(r, "is_template")?,
            may_connect: get(r, "may_connect")?,
            encoding: get(r, "encoding")?,
            collate: get(r, "collate")?,
            ctype: get(r, "ctype")?,
            provider: match get::<String>(r, "provider")?.as_str() {
                "i" => LocaleProvider::Icu,
                "b" => LocaleProvider::Builtin,
                _ => LocaleProvider::Libc,
            },
            locale: get(r, "locale")?,
            icu_rules: get(r, "icu_rules")?,
            owner: get(r, "owner")?,
            tablespace: get(r, "tablespace")?,
            size_bytes: None,
        })
    })
    .await
}

/// A database that is to be dropped, and who is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Another one of the same name has another.
    pub oid: u32,
    pub owner: String,
    /// The migration that made it and has not brought it to its end, see [`crate::pg::statement::database::mark`].
    pub made_by: Option<String>,
    /// Without what says that.
    pub comment: Option<String>,
    pub sessions: Vec<Visitor>,
}

/// A session in a database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Visitor {
    pub pid: i32,
    pub user: String,
    pub application: String,
}

/// The database of that name, if there is one. To be asked in another.
///
/// # Errors
/// When the server does not answer.
pub async fn standing(session: &Session, name: &str) -> Result<Option<Standing>, Error> {
    let sql = include_str!("../../../assets/sql/database_users.sql");
    let found = rows(session, sql, &[&name], |r| {
        let pid: Option<i32> = get(r, "pid")?;
        let (user, application) = (get(r, "user_name")?, get(r, "application")?);
        let oid = u32::try_from(get::<i64>(r, "oid")?).unwrap_or_default();
        let visitor = pid.map(|pid| Visitor { pid, user, application });
        let said = (get::<Option<String>>(r, "made_by")?, get::<Option<String>>(r, "comment")?);
        let database = (oid, get::<String>(r, "owner")?, said);
        Ok((database, visitor))
    })
    .await?;
    let first = found.first().map(|(database, _)| database.clone());
    let sessions = found.into_iter().filter_map(|(_, visitor)| visitor).collect();
    Ok(first.map(|(oid, owner, (made_by, comment))| Standing { oid, owner, made_by, comment, sessions }))
}

/// What databases take on disk, by name, in bytes; without those that we may not connect to.
///
/// # Errors
/// When the server does not answer.
pub async fn sizes(session: &Session, names: &[&str]) -> Result<BTreeMap<String, u64>, Error> {
    let sql = include_str!("../../../assets/sql/database_sizes.sql");
    let sizes = rows(session, sql, &[&names], |r| {
        Ok((get::<String>(r, "name")?, u64::try_from(get::<i64>(r, "size_bytes")?).unwrap_or(0)))
    })
    .await?;
    Ok(sizes.into_iter().collect())
}

/// The names of the tablespaces that a server has.
///
/// # Errors
/// When the server does not answer.
pub async fn tablespaces(session: &Session) -> Result<Vec<String>, Error> {
    rows(session, include_str!("../../../assets/sql/tablespaces.sql"), &[], |r| get(r, "name")).await
}

/// What belongs to one database as a whole and is neither schema nor rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatabaseExtras {
    pub owner: String,
    /// -1 is no limit.
    pub connection_limit: i32,
    pub is_template: bool,
    pub comment: Option<String>,
    /// Absent: the default, nothing was ever granted or revoked.
    pub privileges: Option<Vec<Grant>>,
    /// Role (absent: the database's own) and settings as `name=value`.
    pub settings: Vec<(Option<String>, Vec<String>)>,
}

/// Of the database that the session is in.
///
/// # Errors
/// When the server does not answer.
pub async fn extras(session: &Session) -> Result<DatabaseExtras, Error> {
    let sql = include_str!("../../../assets/sql/database_settings.sql");
    let settings = rows(session, sql, &[], |r| Ok((get(r, "role")?, get(r, "settings")?))).await?;
    let mut found = rows(session, include_str!("../../../assets/sql/database_extras.sql"), &[], |r| {
        let privileges: Vec<String> = get(r, "privileges")?;
        let has_privileges: bool = get(r, "has_privileges")?;
        Ok(DatabaseExtras {
            owner: get(r, "owner")?,
            connection_limit: get(r, "connection_limit")?,
            is_template: get(r, "is_template")?,
            comment: get(r, "comment")?,
            privileges: has_privileges.then(|| privileges.iter().filter_map(|p| Grant::read(p)).collect()),
            settings: settings.clone(),
        })
    })
    .await?;
    found.pop().ok_or_else(|| Error::new(ErrorKind::NoDatabase, "the database is gone"))
}

/// What a session gets by itself that changes what expressions mean, as name and value; to be asked in a session that
/// sets nothing.
///
/// # Errors
/// When the server does not answer.
pub async fn session_defaults(session: &Session) -> Result<Vec<(String, String)>, Error> {
    let sql = include_str!("../../../assets/sql/session_defaults.sql");
    rows(session, sql, &[], |r| Ok((get(r, "name")?, get(r, "setting")?))).await
}

/// What may be made in the session's database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct May {
    /// Our user may create schemas, publications and trusted extensions.
    pub create: bool,
    /// A publication made here and now would come without a warning.
    pub publish: bool,
}

/// # Errors
/// When the server does not answer.
pub async fn may_create(session: &Session) -> Result<May, Error> {
    let sql = include_str!("../../../assets/sql/may_create.sql");
    let found = rows(session, sql, &[], |r| {
        let create = get(r, "creates")?;
        Ok(May { create, publish: create && get(r, "publishes")? })
    })
    .await?;
    Ok(found.into_iter().next().unwrap_or(May { create: false, publish: false }))
}

/// The names of the collations that came with the server.
///
/// # Errors
/// When the server does not answer.
pub async fn collations(session: &Session) -> Result<BTreeSet<String>, Error> {
    let sql = include_str!("../../../assets/sql/collations.sql");
    Ok(rows(session, sql, &[], |r| get(r, "name")).await?.into_iter().collect())
}
