//! The roles of a server: attributes, password hashes, memberships, settings, privileges on parameters.

use super::{get, rows};
use crate::model::secret::Secret;
use crate::pg::connect::Session;
use crate::pg::error::Error;
use std::collections::BTreeMap;

#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "a role's attributes are just that: a row of pg_roles")]
pub struct RoleFacts {
    pub name: String,
    /// The role that initdb made; every server has one, under whatever name.
    pub is_bootstrap: bool,
    pub superuser: bool,
    pub inherit: bool,
    pub create_role: bool,
    pub create_database: bool,
    pub login: bool,
    pub replication: bool,
    pub bypass_rls: bool,
    /// -1 is no limit.
    pub connection_limit: i32,
    pub valid_until: Option<String>,
    pub comment: Option<String>,
}

/// # Errors
/// When the server does not answer.
pub async fn gather(session: &Session) -> Result<Vec<RoleFacts>, Error> {
    rows(session, include_str!("../../../assets/sql/roles.sql"), &[], |r| {
        Ok(RoleFacts {
            name: get(r, "name")?,
            is_bootstrap: get(r, "is_bootstrap")?,
            superuser: get(r, "superuser")?,
            inherit: get(r, "inherit")?,
            create_role: get(r, "create_role")?,
            create_database: get(r, "create_database")?,
            login: get(r, "login")?,
            replication: get(r, "replication")?,
            bypass_rls: get(r, "bypass_rls")?,
            connection_limit: get(r, "connection_limit")?,
            valid_until: get(r, "valid_until")?,
            comment: get(r, "comment")?,
        })
    })
    .await
}

/// Role name to password hash.
///
/// # Errors
/// When `pg_authid` may not be read; ask [`super::server::ServerFacts::reads_passwords`] before.
pub async fn passwords(session: &Session) -> Result<BTreeMap<String, Secret>, Error> {
    let sql = include_str!("../../../assets/sql/role_passwords.sql");
    let found =
        rows(session, sql, &[], |r| Ok((get(r, "name")?, Secret::new(get::<String>(r, "hash")?)))).await?;
    Ok(found.into_iter().collect())
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Membership {
    pub role: String,
    pub member: String,
    pub grantor: Option<String>,
    pub admin: bool,
    /// From 16; absent before.
    pub inherit: Option<bool>,
    pub set: Option<bool>,
}

/// # Errors
/// When the server does not answer.
pub async fn memberships(session: &Session) -> Result<Vec<Membership>, Error> {
    rows(session, include_str!("../../../assets/sql/memberships.sql"), &[], |r| {
        Ok(Membership {
            role: get(r, "role")?,
            member: get(r, "member")?,
            grantor: get(r, "grantor")?,
            admin: get(r, "admin")?,
            inherit: get(r, "inherit")?,
            set: get(r, "set")?,
        })
    })
    .await
}

/// Role (absent: all of them) and settings as `name=value`.
///
/// # Errors
/// When the server does not answer.
pub async fn settings(session: &Session) -> Result<Vec<(Option<String>, Vec<String>)>, Error> {
    let sql = include_str!("../../../assets/sql/role_settings.sql");
    rows(session, sql, &[], |r| Ok((get(r, "role")?, get(r, "settings")?))).await
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParameterPrivilege {
    pub parameter: String,
    /// `SET` or `ALTER SYSTEM`.
    pub privilege: String,
    pub grantable: bool,
    /// Absent for PUBLIC.
    pub grantee: Option<String>,
}

/// From 15.
///
/// # Errors
/// When the server does not answer.
pub async fn parameter_privileges(session: &Session) -> Result<Vec<ParameterPrivilege>, Error> {
    rows(session, include_str!("../../../assets/sql/parameter_privileges.sql"), &[], |r| {
        Ok(ParameterPrivilege {
            parameter: get(r, "parameter")?,
            privilege: get(r, "privilege")?,
            grantable: get(r, "grantable")?,
            grantee: get(r, "grantee")?,
        })
    })
    .await
}
