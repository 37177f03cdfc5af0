//! What a server is and what our user may do on it.

use super::{get, rows};
use crate::model::units::ServerVersion;
use crate::pg::connect::Session;
use crate::pg::error::{Error, ErrorKind};
use tokio_postgres::Row;

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
    /// Processors that the server may use. Absent where it does not tell.
    pub cores: Option<u32>,
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
        let reads_files: bool = get(r, "reads_files")?;
        let facts = ServerFacts {
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
            cores: None,
            identity: None,
        };
        Ok((facts, reads_files))
    })
    .await?;
    let (mut facts, reads_files) =
        facts.pop().ok_or_else(|| Error::new(ErrorKind::Protocol, "the server does not know our user"))?;
    let identity = rows(session, include_str!("../../../assets/sql/identity.sql"), &[], |r| {
        Ok(Identity { system_identifier: get(r, "system_identifier")?, started: get(r, "started")? })
    })
    .await;
    // Some providers keep pg_control_system() to themselves: then this is simply not known.
    facts.identity = identity.ok().and_then(|mut rows| rows.pop());
    // Asked by somebody who may not, it would be an error in the server's log.
    facts.cores = if reads_files { cores(session, facts.version).await } else { None };
    Ok(facts)
}

/// What the server's machine says of its processors: most users may not ask, and not every machine answers.
async fn cores(session: &Session, version: ServerVersion) -> Option<u32> {
    if !version.at_least(11) {
        // It read no file outside of its own folder.
        return None;
    }
    let asked = rows(session, include_str!("../../../assets/sql/cores.sql"), &[], |r| {
        Ok((get::<Option<String>>(r, "online")?, get::<Option<String>>(r, "allowed")?))
    })
    .await;
    let (online, allowed) = asked.ok()?.pop()?;
    let online = count_of_list(online?.trim())?;
    Some(allowed.and_then(|text| quota(text.trim())).map_or(online, |quota| online.min(quota)))
}

/// A list of processors as in `0-3,8` (Documentation/admin-guide/cputopology.rst of Linux).
fn count_of_list(list: &str) -> Option<u32> {
    list.split(',').try_fold(0u32, |sum, range| {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let count = last.parse::<u32>().ok()?.checked_sub(first.parse().ok()?)?.checked_add(1)?;
        sum.checked_add(count)
    })
}

/// A control group's share as in `200000 100000`: microseconds of processor time in each period of so many. Rounded up;
/// absent where there is no limit (Documentation/admin-guide/cgroup-v2.rst of Linux, "cpu.max").
fn quota(text: &str) -> Option<u32> {
    let (used, period) = text.split_once(' ')?;
    let (used, period): (u64, u64) = (used.parse().ok()?, period.parse().ok()?);
    (period > 0).then(|| u32::try_from(used.div_ceil(period).max(1)).unwrap_or(u32::MAX))
}

/// Where the server keeps this session's statements, in words: absent where it keeps them nowhere.
///
/// # Errors
/// When the server does not answer.
pub async fn keeps_statements(session: &Session, of: Statements) -> Result<Option<&'static str>, Error> {
    let sql = include_str!("../../../assets/sql/logs_statements.sql");
    let read = |r: &Row| {
        let fails = of == Statements::Failed && get(r, "logs_failed")?;
        Ok::<(bool, bool), Error>((get::<bool>(r, "logs")? || fails, get(r, "counts")?))
    };
    Ok(match rows(session, sql, &[], read).await?.pop().unwrap_or_default() {
        (true, true) => Some("its log and pg_stat_statements"),
        (true, false) => Some("its log"),
        (false, true) => Some("pg_stat_statements"),
        (false, false) => None,
    })
}

/// How a statement went that is to remain nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Statements {
    Done,
    /// By default a server logs what fails.
    Failed,
}

#[cfg(test)]
mod tests {
    use super::{count_of_list, quota};

    #[test]
    fn processors_are_counted() {
        assert_eq!(count_of_list("0-3,8,10-11"), Some(7));
        assert_eq!(count_of_list("0"), Some(1));
        for broken in ["", "3-1", "a", "0-4294967295,1"] {
            assert_eq!(count_of_list(broken), None, "{broken}");
        }
        assert_eq!(quota("150000 100000"), Some(2));
        assert_eq!(quota("max 100000"), None);
        assert_eq!(quota("5 0"), None);
    }
}
