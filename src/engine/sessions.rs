//! How our sessions are set up, so that no setting of a role, a database or a server changes what rows mean or ends a
//! session under our hands.

use super::context::{Cx, opened};
use super::database::Db;
use crate::model::failure::Failure;
use crate::model::units::{ServerVersion, Side};
use crate::pg::connect::Session;
use crate::pg::statement::SET_CONFIG;
use crate::pg::statement::data::import_snapshot;
use crate::pg::wire::Connection;
use std::sync::{Mutex, PoisonError};

type Setting<'a> = (&'a str, &'a str);

/// What every server from 10 knows. In the startup packet, because a role's or a database's own setting would otherwise
/// be in force until the first statement: an idle timeout of a second has ended sessions that way.
const BASE: [Setting<'static>; 18] = [
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
    ("default_transaction_isolation", "read committed"),
    // Off, the word NULL in an array's text would be a string.
    ("array_nulls", "on"),
    ("standard_conforming_strings", "on"),
    ("transform_null_equals", "off"),
    // On, a search_path that is set for a role or a database would be stored in quotes.
    ("quote_all_identifiers", "off"),
    ("gin_fuzzy_search_limit", "0"),
    ("statement_timeout", "0"),
    ("lock_timeout", "0"),
    ("idle_in_transaction_session_timeout", "0"),
];

/// For questions to catalogs. Statements of the archive and materialized views are the target's to compile, for they may
/// be about millions of rows. From 11.
const NOT_COMPILED: Setting<'static> = ("jit", "off");

pub(crate) fn base() -> Vec<Setting<'static>> {
    BASE.to_vec()
}

/// The settings for sessions on a server of that version.
pub(crate) fn settings(side: Side, version: ServerVersion) -> Vec<Setting<'static>> {
    let mut settings = base();
    if version.at_least(14) {
        settings.push(("idle_session_timeout", "0"));
    }
    if version.at_least(17) {
        settings.push(("transaction_timeout", "0"));
    }
    if side == Side::Source && version.at_least(11) {
        // Rows are only sent there, and a question of a tenth of a second about 2,000 tables was compiled for two.
        settings.push(NOT_COMPILED);
    }
    if side == Side::Target {
        settings.push(("default_transaction_read_only", "off"));
        settings.push(("client_min_messages", "warning"));
    }
    settings
}

/// What of [`settings`] does not change what a session of the database gets by itself and the checks and
/// [`crate::pg::facts::databases::session_defaults`] ask for.
pub(crate) fn settings_for_questions(side: Side, version: ServerVersion) -> Vec<Setting<'static>> {
    const ASKED_FOR: [&str; 9] = [
        "DateStyle",
        "IntervalStyle",
        "TimeZone",
        "extra_float_digits",
        "bytea_output",
        "lc_monetary",
        "xmloption",
        "array_nulls",
        // Our questions and quoted names have no backslash that could mean something else.
        "standard_conforming_strings",
    ];
    let mut settings = settings(side, version);
    settings.retain(|(name, _)| !ASKED_FOR.contains(name));
    if side == Side::Target && version.at_least(11) {
        settings.push(NOT_COMPILED);
    }
    settings
}

/// What pg_restore sets for the statements of an archive, beyond the above.
const FOR_SCHEMA: &str = "SET check_function_bodies = off";

/// What makes a server log statements or keep them otherwise, and what makes it not. A module that is not loaded makes no
/// difference: what is set for it is then set for nobody.
const LOGGING: [(&str, &str); 6] = [
    ("log_statement", "'none'"),
    ("log_min_duration_statement", "-1"),
    ("log_min_error_statement", "'panic'"),
    ("log_min_duration_sample", "-1"),
    // On by default, and it keeps a statement of this kind word for word.
    ("pg_stat_statements.track_utility", "off"),
    ("pgaudit.log", "'none'"),
];

/// Keeps hashes and passwords out of the server's log and statistics, where we may. Each is tried alone: each needs its own privilege.
pub(crate) async fn keep_out_of_log(session: &Session) {
    for (name, value) in LOGGING {
        drop(session.batch(&format!("SET {name} = {value}")).await);
    }
}

pub(crate) async fn let_into_log(session: &Session) {
    for (name, _) in LOGGING {
        drop(session.batch(&format!("RESET {name}")).await);
    }
}

/// The most that one session may ask for, in kB.
const MOST_MEMORY_KB: i64 = 1 << 20;

impl Cx {
    /// Memory to build an index in. All workers together take what the target's administrator gave to shared buffers,
    /// which is the one thing that is known of how much memory there is; never less than the target's own setting.
    pub(crate) fn maintenance_work_mem_kb(&self) -> i64 {
        let facts = &self.target_facts;
        let share_kb = facts.shared_buffers_kb / i64::from(self.room.jobs.max(1));
        share_kb.min(MOST_MEMORY_KB).max(facts.maintenance_work_mem_kb)
    }

    pub(crate) async fn source_session(&self, database: &str) -> Result<Session, Failure> {
        let settings = settings(Side::Source, self.source_facts.version);
        opened(&self.cancel, self.source.connect(database, &settings)).await
    }

    pub(crate) async fn target_session(&self, database: &str) -> Result<Session, Failure> {
        let mut settings = settings(Side::Target, self.target_facts.version);
        if self.target_facts.version.at_least(11) {
            settings.push(NOT_COMPILED);
        }
        opened(&self.cancel, self.target.connect(database, &settings)).await
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
        let mut source = opened(&self.cancel, cx.source.connect_wire(&self.name, &from)).await?;
        let canceller = source.canceller();
        self.guarded(canceller, source.command(&import_snapshot(snapshot))).await?;
        Ok(source)
    }

    pub(crate) async fn pair_with(&self, source: Connection) -> Result<Pair, Failure> {
        let cx = &self.cx;
        let date_style = self.date_style();
        let mut to: Vec<Setting<'_>> = settings(Side::Target, cx.target_facts.version);
        to.extend([("synchronous_commit", "off"), ("DateStyle", &date_style)]);
        let mut target = opened(&self.cancel, cx.target.connect_wire(&self.name, &to)).await?;
        if self.holds_triggers_off() {
            let canceller = target.canceller();
            self.guarded(canceller, target.command("SET session_replication_role = replica")).await?;
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
        let memory = format!("{}kB", self.cx.maintenance_work_mem_kb());
        let date_style = self.date_style();
        let mut to: Vec<Setting<'_>> = settings(Side::Target, self.cx.target_facts.version);
        to.extend([("DateStyle", date_style.as_str()), ("maintenance_work_mem", &memory)]);
        if self.cx.go_on.awaited {
            // What is noted as done is still there when the server comes back from a crash.
            to.push(("synchronous_commit", "local"));
        }
        let session = opened(&self.cancel, self.cx.target.connect(&self.name, &to)).await?;
        self.guarded(session.canceller(), session.batch(FOR_SCHEMA)).await?;
        Ok(session)
    }

    /// One session on the target for each worker, while the source is still being read. What cannot be opened is found
    /// out by whoever needs it.
    pub(crate) async fn open_targets(&self) {
        let opening = (0..self.cx.room.jobs).map(|_| self.target());
        futures_util::future::join_all(opening)
            .await
            .into_iter()
            .flatten()
            .for_each(|s| self.put_target_back(s));
    }

    /// A session on the target in which expressions mean what they mean in a session of the source's database: what a
    /// materialized view holds may depend on the time zone, for one.
    pub(crate) async fn target_as_at_home(&self) -> Result<Session, Failure> {
        let mut to: Vec<Setting<'_>> = settings(Side::Target, self.cx.target_facts.version);
        let own = |name: &str| self.defaults.iter().any(|(n, _)| n.eq_ignore_ascii_case(name));
        to.retain(|(name, _)| !own(name));
        let session = opened(&self.cancel, self.cx.target.connect(&self.name, &to)).await?;
        for (name, value) in &self.defaults {
            // What the target does not know or have (a locale) stays as it is there.
            drop(self.guarded(session.canceller(), session.execute(SET_CONFIG, &[name, value])).await);
        }
        Ok(session)
    }

    pub(crate) fn put_target_back(&self, session: Session) {
        push(&self.pools.targets, session);
    }
}
