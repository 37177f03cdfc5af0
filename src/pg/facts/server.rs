//! What a server is and what our user may do on it.

use super::{get, rows};
use crate::model::units::ServerVersion;
use crate::pg::connect::Session;
use crate::pg::error::{Error, ErrorKind};

#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is one answer of the server")]
pub struct ServerFacts {
    pub version: ServerVersion,
    pub user: String,
    pub superuser: bool,
    pub may_create_roles: bool,
    pub may_create_databases: bool,
    /// `pg_authid` can be read, so password hashes can travel.
    pub reads_passwords: bool,
    pub in_recovery: bool,
    pub maintenance_work_mem_kb: i64,
    pub shared_buffers_kb: i64,
    /// Connections that are free for everybody now; negative when even reserved ones are taken.
    pub free_connections: i32,
    /// Absent where the server does not tell.
    pub identity: Option<Identity>,
}

/// Tells one running server from another, whatever their addresses say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    pub system_identifier: String,
    pub started: String,
}

/// # Errors
/// When the server does not answer, or is older than 10.
pub async fn gather(session: &Session) -> Result<ServerFacts, Error> {
    let mut facts = rows(session, include_str!("../../../assets/sql/server.sql"), &[], |r| {
        Ok(ServerFacts {
            version: ServerVersion(u32::try_from(get::<i32>(r, "version_num")?).unwrap_or_default()),
            user: get(r, "user_name")?,
            superuser: get(r, "superuser")?,
            may_create_roles: get(r, "create_role")?,
            may_create_databases: get(r, "create_database")?,
            reads_passwords: get(r, "reads_passwords")?,
            in_recovery: get(r, "in_recovery")?,
            maintenance_work_mem_kb: get(r, "maintenance_work_mem_kb")?,
            shared_buffers_kb: get(r, "shared_buffers_kb")?,
            free_connections: get(r, "free_connections")?,
            identity: None,
        })
    })
    .await?;
    let mut facts =
        facts.pop().ok_or_else(|| Error::new(ErrorKind::Protocol, "the server does not know our user"))?;
    let identity = rows(session, include_str!("../../../assets/sql/identity.sql"), &[], |r| {
        Ok(Identity { system_identifier: get(r, "system_identifier")?, started: get(r, "started")? })
    })
    .await;
    // Some providers keep pg_control_system() to themselves: then this is simply not known.
    facts.identity = identity.ok().and_then(|mut rows| rows.pop());
    Ok(facts)
}

/// Whether the server writes this session's statements into its log.
///
/// # Errors
/// When the server does not answer.
pub async fn logs_statements(session: &Session) -> Result<bool, Error> {
    let sql = include_str!("../../../assets/sql/logs_statements.sql");
    Ok(rows(session, sql, &[], |r| get(r, "logs")).await?.pop().unwrap_or(false))
}
