//! How our sessions are set up, so that no setting of a role, a database or a server changes what rows mean or ends a
//! session under our hands.

use super::context::Cx;
use super::database::Db;
use crate::model::failure::Failure;
use crate::model::units::{ServerVersion, Side};
use crate::pg::connect::Session;
use crate::pg::wire::Connection;
use std::sync::{Mutex, PoisonError};

type Setting = (&'static str, &'static str);

/// What every server from 10 knows. In the startup packet, because a role's or a database's own setting would otherwise
/// be in force until the first statement: an idle timeout of a second has ended sessions that way.
const BASE: [Setting; 12] = [
    ("DateStyle", "ISO"),
    ("IntervalStyle", "postgres"),
    ("TimeZone", "UTC"),
    ("extra_float_digits", "3"),
    ("bytea_output", "hex"),
    // Any locale does, as long as both ends use the same; C is the one that every server has.
    ("lc_monetary", "C"),
    ("search_path", ""),
    ("row_security", "off"),
    // `document` refuses xml values that are no document.
    ("xmloption", "content"),
    ("statement_timeout", "0"),
    ("lock_timeout", "0"),
    ("idle_in_transaction_session_timeout", "0"),
];

pub(crate) fn base() -> Vec<Setting> {
    BASE.to_vec()
}

/// The settings for sessions on a server of that version.
pub(crate) fn settings(side: Side, version: ServerVersion) -> Vec<Setting> {
    let mut settings = base();
    if version.at_least(14) {
        settings.push(("idle_session_timeout", "0"));
    }
    if version.at_least(17) {
        settings.push(("transaction_timeout", "0"));
    }
    if side == Side::Target {
        settings.push(("default_transaction_read_only", "off"));
        settings.push(("client_min_messages", "warning"));
    }
    settings
}

/// What pg_restore sets for the statements of an archive, beyond the above.
pub(crate) const FOR_SCHEMA: &str = "SET check_function_bodies = off; SET xmloption = content; \
                                     SET standard_conforming_strings = on";

impl Cx {
    pub(crate) async fn source_session(&self, database: &str) -> Result<Session, Failure> {
        let settings = settings(Side::Source, self.source_facts.version);
        Ok(self.source.connect(database, &settings).await?)
    }

    pub(crate) async fn target_session(&self, database: &str) -> Result<Session, Failure> {
        let settings = settings(Side::Target, self.target_facts.version);
        Ok(self.target.connect(database, &settings).await?)
    }
}

/// A pair of sessions for COPY: the source's inside the database's snapshot, the target's idle.
pub(crate) struct Pair {
    pub(crate) source: Connection,
    pub(crate) target: Connection,
}

/// Sessions of one database that wait for work. A session that failed is dropped, not put back.
#[derive(Default)]
pub(crate) struct Pools {
    pairs: Mutex<Vec<Pair>>,
    targets: Mutex<Vec<Session>>,
}

impl std::fmt::Debug for Pools {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pools").finish_non_exhaustive()
    }
}

fn pop<T>(from: &Mutex<Vec<T>>) -> Option<T> {
    from.lock().unwrap_or_else(PoisonError::into_inner).pop()
}

fn push<T>(to: &Mutex<Vec<T>>, session: T) {
    to.lock().unwrap_or_else(PoisonError::into_inner).push(session);
}

impl Pools {
    /// Closes what waits; called when a database ends.
    pub(crate) fn clear(&self) {
        self.pairs.lock().unwrap_or_else(PoisonError::into_inner).clear();
        self.targets.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Closes the pairs, which keep the snapshot alive on the source.
    pub(crate) fn clear_pairs(&self) {
        self.pairs.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

impl Db {
    pub(crate) async fn pair(&self, snapshot: &str) -> Result<Pair, Failure> {
        if let Some(pair) = pop(&self.pools.pairs) {
            return Ok(pair);
        }
        let source = self.reader(snapshot).await?;
        self.pair_with(source).await
    }

    /// A session on the source inside of the snapshot.
    pub(crate) async fn reader(&self, snapshot: &str) -> Result<Connection, Failure> {
        let cx = &self.cx;
        let from = settings(Side::Source, cx.source_facts.version);
        let mut source = cx.source.connect_wire(&self.name, &from).await?;
        source
            .command(&format!(
                "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY; SET TRANSACTION SNAPSHOT {}",
                crate::pg::quote::Literal(snapshot)
            ))
            .await?;
        Ok(source)
    }

    pub(crate) async fn pair_with(&self, source: Connection) -> Result<Pair, Failure> {
        let cx = &self.cx;
        let mut to = settings(Side::Target, cx.target_facts.version);
        to.push(("synchronous_commit", "off"));
        let mut target = cx.target.connect_wire(&self.name, &to).await?;
        if self.holds_triggers_off() {
            target.command("SET session_replication_role = replica").await?;
        }
        Ok(Pair { source, target })
    }

    pub(crate) fn put_pair_back(&self, pair: Pair) {
        if pair.source.is_usable() && pair.target.is_usable() {
            push(&self.pools.pairs, pair);
        }
    }

    /// A session on the target for statements of the archive.
    pub(crate) async fn target(&self) -> Result<Session, Failure> {
        if let Some(session) = pop(&self.pools.targets) {
            return Ok(session);
        }
        let session = self.cx.target_session(&self.name).await?;
        session.batch(FOR_SCHEMA).await?;
        Ok(session)
    }

    pub(crate) fn put_target_back(&self, session: Session) {
        push(&self.pools.targets, session);
    }
}
