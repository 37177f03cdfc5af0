//! Who we are on a server, whose server it is, and how it is set up.

use super::{get, rows};
use crate::pg::connect::Session;
use crate::pg::error::{Error, ErrorKind};
use std::collections::BTreeMap;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Standing {
    pub bypass_rls: bool,
    /// -1 is no limit.
    pub connection_limit: i32,
    /// What our user has open now, this session included.
    pub connections: i32,
    /// Until when its password may be used; absent: for ever. Negative where that time is over.
    pub valid_for_s: Option<i64>,
    /// What version() says; builds of providers name themselves there.
    pub version_text: String,
    pub encrypted: bool,
    pub clock_ms: i64,
    pub pid: i32,
    /// Absent over a socket.
    pub address: Option<String>,
    /// Ways to compress values that it was built with; before 14 it does not say.
    pub compressions: Vec<String>,
    /// Roles that only servers of certain providers have.
    pub provider_roles: Vec<String>,
    /// Predefined and providers' roles whose rights are ours.
    pub member_of: Vec<String>,
}

/// # Errors
/// When the server does not answer.
pub async fn standing(session: &Session) -> Result<Standing, Error> {
    let mut found = rows(session, include_str!("../../../assets/sql/standing.sql"), &[], |r| {
        Ok(Standing {
            bypass_rls: get(r, "bypass_rls")?,
            connection_limit: get(r, "connection_limit")?,
            connections: get(r, "connections")?,
            valid_for_s: get(r, "valid_for_s")?,
            version_text: get(r, "version_text")?,
            encrypted: get(r, "encrypted")?,
            clock_ms: get(r, "clock_ms")?,
            pid: get(r, "pid")?,
            address: get(r, "address")?,
            compressions: get(r, "compressions")?,
            provider_roles: get(r, "provider_roles")?,
            member_of: get(r, "member_of")?,
        })
    })
    .await?;
    found.pop().ok_or_else(|| Error::new(ErrorKind::Protocol, "the server does not know our user"))
}

/// The process that serves this session: another one than before means that somebody stands in between.
///
/// # Errors
/// When the server does not answer.
pub async fn own_pid(session: &Session) -> Result<i32, Error> {
    get(&session.query_one(crate::pg::statement::replication::OWN_PID, &[]).await?, "pg_backend_pid")
}

/// Settings by name, in the units of the server. One that is absent does not exist, or is hidden from us.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings(BTreeMap<String, Setting>);

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Setting {
    value: String,
    unit: Option<String>,
    pending_restart: bool,
}

impl Settings {
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(|s| s.value.as_str())
    }

    pub fn number(&self, name: &str) -> Option<i64> {
        self.text(name)?.parse().ok()
    }

    /// A span of time. Negative stands for what the setting's own documentation says.
    pub fn ms(&self, name: &str) -> Option<i64> {
        let factor = match self.0.get(name)?.unit.as_deref() {
            Some("s") => 1000,
            Some("min") => 60_000,
            _ => 1,
        };
        self.number(name)?.checked_mul(factor)
    }

    pub fn bytes(&self, name: &str) -> Option<i64> {
        let factor = match self.0.get(name)?.unit.as_deref() {
            Some("kB") => 1024,
            Some("8kB") => 8192,
            Some("MB") => 1024 * 1024,
            _ => 1,
        };
        self.number(name)?.checked_mul(factor)
    }

    /// The items of a list as administrators write it.
    pub fn list(&self, name: &str) -> Option<Vec<String>> {
        let items = self.text(name)?.split(',').map(|item| item.trim().trim_matches('"').to_owned());
        Some(items.filter(|item| !item.is_empty()).collect())
    }

    /// Changed in the configuration, and in force only after a restart.
    pub fn waits_for_restart(&self, name: &str) -> bool {
        self.0.get(name).is_some_and(|s| s.pending_restart)
    }

    pub fn has_prefix(&self, prefix: &str) -> bool {
        self.0.range(prefix.to_owned()..).next().is_some_and(|(name, _)| name.starts_with(prefix))
    }

    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        let setting = Setting { value: value.to_owned(), ..Setting::default() };
        self.0.insert(name.to_owned(), setting);
        self
    }
}

/// What is asked for beside the settings of providers.
const NAMES: [&str; 37] = [
    "wal_level",
    "effective_wal_level",
    "max_replication_slots",
    "max_wal_senders",
    "max_worker_processes",
    "max_logical_replication_workers",
    "max_sync_workers_per_subscription",
    "max_active_replication_origins",
    "max_slot_wal_keep_size",
    "idle_replication_slot_timeout",
    "wal_sender_timeout",
    "logical_decoding_work_mem",
    "output_plugin_libraries",
    "max_prepared_transactions",
    "idle_in_transaction_session_timeout",
    "statement_timeout",
    "lock_timeout",
    "transaction_timeout",
    "max_connections",
    "superuser_reserved_connections",
    "password_encryption",
    "default_transaction_read_only",
    "session_replication_role",
    "shared_preload_libraries",
    "session_preload_libraries",
    "local_preload_libraries",
    "max_locks_per_transaction",
    "synchronous_standby_names",
    "sync_replication_slots",
    "synchronized_standby_slots",
    "hot_standby_feedback",
    "standard_conforming_strings",
    "server_encoding",
    "listen_addresses",
    "ssl",
    "TimeZone",
    "data_directory",
];

/// Some modules keep theirs out of the view.
const HIDDEN: [&str; 10] = [
    "aiven.pg_security_agent",
    "aiven.pg_security_agent_reserved_roles",
    "alloydb.logical_decoding",
    "azure.extensions",
    "cloudsql.logical_decoding",
    "extwlist.extensions",
    "neon.allowed_extensions",
    "rds.allowed_extensions",
    "rds.logical_replication",
    "supautils.privileged_extensions",
];

/// # Errors
/// When the server does not answer.
pub async fn settings(session: &Session) -> Result<Settings, Error> {
    let params: [&(dyn tokio_postgres::types::ToSql + Sync); 2] = [&NAMES.as_slice(), &HIDDEN.as_slice()];
    let found = rows(session, include_str!("../../../assets/sql/settings.sql"), &params, |r| {
        let value: Option<String> = get(r, "setting")?;
        let setting = Setting {
            value: value.unwrap_or_default(),
            unit: get(r, "unit")?,
            pending_restart: get(r, "pending_restart")?,
        };
        Ok((get::<String>(r, "name")?, setting))
    })
    .await?;
    Ok(Settings(found.into_iter().collect()))
}

/// Roles that log in, and how the server keeps their passwords: `md5`, `scram` or `none`.
///
/// # Errors
/// When `pg_authid` may not be read; ask [`super::server::ServerFacts::reads_passwords`] before.
pub async fn password_kinds(session: &Session) -> Result<Vec<(String, String)>, Error> {
    let sql = include_str!("../../../assets/sql/password_kinds.sql");
    rows(session, sql, &[], |r| Ok((get(r, "name")?, get(r, "kind")?))).await
}

/// Keeps our sessions' triggers and foreign keys from firing.
pub const REPLICATION_ROLE: &str = "session_replication_role";

/// What takes a superuser to be set, unless somebody was granted it.
const GUARDED: [&str; 4] =
    [REPLICATION_ROLE, "log_min_messages", "log_replication_commands", "log_statement"];

/// Of [`REPLICATION_ROLE`] and what keeps a replication connection or a password out of the log: what our user may set without being a
/// superuser. From 15.
///
/// # Errors
/// When the server does not answer.
pub async fn settable(session: &Session) -> Result<Vec<String>, Error> {
    let sql = include_str!("../../../assets/sql/settable_parameters.sql");
    rows(session, sql, &[&GUARDED.as_slice()], |r| get(r, "name")).await
}
