//! A server's means for logical replication, and what our user may do with them.

use super::{amount, get, rows};
use crate::pg::connect::Session;
use crate::pg::error::{Error, ErrorKind};

/// What there is of one thing, and how much of it is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Supply {
    pub max: i32,
    pub used: i32,
}

impl Supply {
    /// Negative where more is taken than there should be.
    pub fn free(self) -> i32 {
        self.max.saturating_sub(self.used)
    }
}

/// The same question for both sides; the names say which side a number matters on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplicationFacts {
    /// From 19 on the effective one.
    pub wal_level: String,
    /// From 19 on `replica` becomes `logical` with the first logical slot, and what it was with the last one's end.
    pub raises_wal_level: bool,
    /// Of a source.
    pub slots: Supply,
    /// Of a source: one for each subscription and for each connection that makes slots.
    pub senders: Supply,
    /// Of a target: one for each subscription, and for tables being copied and parallel helpers.
    pub logical_workers: Supply,
    /// Of a target: one for each subscription. What is used is what exists, whether active or not.
    pub origins: Supply,
    /// Of a target: logical workers come out of it, as parallel queries and extensions do.
    pub max_worker_processes: i32,
    pub max_sync_workers: i32,
    /// Absent before 16.
    pub max_parallel_workers: Option<i32>,
    /// The source takes a slot's log away beyond this; absent: never.
    pub max_slot_wal_keep_bytes: Option<u64>,
    /// 0: never.
    pub wal_sender_timeout_ms: Option<u64>,
    /// The source gives up a slot that nobody has read from for this long (from 18); absent: never.
    pub idle_slot_timeout_ms: Option<u64>,
    pub rights: Rights,
}

impl ReplicationFacts {
    /// A source can be followed, or can once it has a slot.
    pub fn decodes(&self) -> bool {
        self.wal_level == "logical" || (self.raises_wal_level && self.wal_level == "replica")
    }
}

/// What our user may do, in the session's database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is one answer of the server")]
pub struct Rights {
    pub superuser: bool,
    /// May open replication connections and make slots.
    pub replication: bool,
    /// May make subscriptions: pg_create_subscription from 16 on, superusers before.
    pub create_subscription: bool,
    /// CREATE on the database: for publications, and from 16 on for subscriptions.
    pub create_in_database: bool,
}

/// # Errors
/// When the server does not answer.
pub async fn gather(session: &Session) -> Result<ReplicationFacts, Error> {
    let sql = include_str!("../../../../assets/sql/replication_server.sql");
    let mut found = rows(session, sql, &[], |r| {
        let supply = |max: &str, used: &str| -> Result<Supply, Error> {
            Ok(Supply { max: get(r, max)?, used: get(r, used)? })
        };
        // -1 says that there is no limit.
        let keep_mb: i64 = get(r, "max_slot_wal_keep_mb")?;
        Ok(ReplicationFacts {
            wal_level: get(r, "wal_level")?,
            raises_wal_level: get(r, "raises_wal_level")?,
            slots: supply("max_slots", "used_slots")?,
            senders: supply("max_senders", "used_senders")?,
            logical_workers: supply("max_logical_workers", "used_logical_workers")?,
            origins: supply("max_origins", "used_origins")?,
            max_worker_processes: get(r, "max_worker_processes")?,
            max_sync_workers: get(r, "max_sync_workers")?,
            max_parallel_workers: get(r, "max_parallel_workers")?,
            max_slot_wal_keep_bytes: u64::try_from(keep_mb).ok().map(|mb| mb.saturating_mul(1024 * 1024)),
            wal_sender_timeout_ms: amount(r, "wal_sender_timeout_ms")?,
            idle_slot_timeout_ms: amount(r, "idle_slot_timeout_ms")?.filter(|ms| *ms > 0),
            rights: Rights {
                superuser: get(r, "superuser")?,
                replication: get(r, "replication")?,
                create_subscription: get(r, "create_subscription")?,
                create_in_database: get(r, "create_in_database")?,
            },
        })
    })
    .await?;
    found.pop().ok_or_else(|| Error::new(ErrorKind::Protocol, "the server does not know our user"))
}

/// The extension through which users that are no superusers publish and subscribe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AivenExtras {
    pub schema: String,
    pub version: String,
    /// USAGE on its schema, which CREATE EXTENSION does not grant.
    pub schema_usable: bool,
    /// Names of its functions that we may execute.
    pub functions: Vec<String>,
}

impl AivenExtras {
    /// Whether publications can be made through it.
    pub fn publishes(&self) -> bool {
        self.can("pg_create_publication")
    }

    /// Whether subscriptions can be made, switched and dropped through it. From 16 on newer versions of it lend no
    /// rights for making them, so this says yes to a user who needs pg_create_subscription all the same.
    pub fn subscribes(&self) -> bool {
        ["create", "drop"].iter().all(|verb| self.can(&format!("pg_{verb}_subscription")))
            && ["enable", "disable"].iter().all(|verb| self.can(&format!("pg_alter_subscription_{verb}")))
    }

    fn can(&self, function: &str) -> bool {
        self.schema_usable && self.schema == "aiven_extras" && self.functions.iter().any(|f| f == function)
    }
}

/// aiven_extras in the session's database; `None` where it is not installed.
///
/// # Errors
/// When the server does not answer.
pub async fn aiven_extras(session: &Session) -> Result<Option<AivenExtras>, Error> {
    let sql = include_str!("../../../../assets/sql/replication_aiven.sql");
    let mut found = rows(session, sql, &[], |r| {
        Ok(AivenExtras {
            schema: get(r, "schema")?,
            version: get(r, "version")?,
            schema_usable: get(r, "schema_usable")?,
            functions: get(r, "functions")?,
        })
    })
    .await?;
    Ok(found.pop())
}
