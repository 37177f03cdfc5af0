//! What goes on beside us on a server: who holds us up, who writes, whether definitions change.

use super::{amount, get, rows};
use crate::model::units::TableName;
use crate::pg::connect::Session;
use crate::pg::error::{Error, ErrorKind};
use tokio_postgres::Row;

/// Somebody's session or prepared transaction. Texts are empty where our user may not see them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Other {
    /// Absent for a prepared transaction.
    pub pid: Option<i32>,
    pub user: String,
    pub application: String,
    pub database: String,
    /// As in pg_stat_activity, or `prepared`.
    pub state: String,
    /// How long its transaction has been open.
    pub transaction_age_s: Option<u64>,
    /// The first 80 characters of its statement, or the name of a prepared transaction.
    pub query: String,
}

impl Other {
    fn read(row: &Row) -> Result<Self, Error> {
        Ok(Self {
            pid: get::<Option<i32>>(row, "pid")?.filter(|pid| *pid != 0),
            user: get(row, "user_name")?,
            application: get(row, "application")?,
            database: get(row, "database")?,
            state: get(row, "state")?,
            transaction_age_s: amount(row, "transaction_age_s")?,
            query: get(row, "query")?,
        })
    }
}

/// Whom a process waits for: the walsender that makes our slot, while it makes it.
///
/// # Errors
/// When the server does not answer.
pub async fn blockers(session: &Session, pid: i32) -> Result<Vec<Other>, Error> {
    rows(session, include_str!("../../../../assets/sql/slot_blockers.sql"), &[&pid], Other::read).await
}

/// Transactions of the whole server that have written and are open, the oldest first: a slot that is made now waits for
/// them all. At most 50.
///
/// # Errors
/// When the server does not answer.
pub async fn open_transactions(session: &Session) -> Result<Vec<Other>, Error> {
    rows(session, include_str!("../../../../assets/sql/open_transactions.sql"), &[], Other::read).await
}

/// How many sessions of others are in a database: none of ours, and nothing that serves replication.
///
/// # Errors
/// When the server does not answer.
pub async fn sessions_of_others(session: &Session, database: &str) -> Result<Option<u64>, Error> {
    let sql = include_str!("../../../../assets/sql/sessions_of_others.sql");
    Ok(rows(session, sql, &[&database], |r| amount(r, "sessions")).await?.pop().flatten())
}

/// Who changes rows of the session's database right now, but for our own session and the given ones. At most 50.
///
/// # Errors
/// When the server does not answer.
pub async fn writers(session: &Session, but: &[i32]) -> Result<Vec<Other>, Error> {
    rows(session, include_str!("../../../../assets/sql/writers.sql"), &[&but], Other::read).await
}

/// What tells whether anybody has written to the session's database: to be compared with itself at another time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Writes {
    /// Whether the server counts at all.
    pub counted: bool,
    /// Rows of users' tables, as far as sessions have told.
    pub rows: i64,
    /// Another value once a table has been truncated or rewritten.
    pub files: i64,
    /// Pages of large objects, as far as sessions have told.
    pub large_objects: i64,
}

/// # Errors
/// When the server does not answer.
pub async fn writes(session: &Session) -> Result<Writes, Error> {
    let sql = include_str!("../../../../assets/sql/rows_changed.sql");
    let mut found = rows(session, sql, &[], |r| {
        Ok(Writes {
            counted: get(r, "counted")?,
            rows: get(r, "rows")?,
            files: get(r, "files")?,
            large_objects: get(r, "large_objects")?,
        })
    })
    .await?;
    found.pop().ok_or_else(|| Error::new(ErrorKind::Protocol, "the server does not say what was written"))
}

/// What large objects there are, with what is in them where our user may read that: to be compared with itself at another
/// time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LargeObjects {
    pub count: u64,
    metadata: String,
    /// Absent where our user may not read the pages: that they are written to is then known from what the server counts.
    pages: Option<String>,
}

impl LargeObjects {
    /// Whether a change of their contents makes a difference here.
    pub fn tells_contents(&self) -> bool {
        self.count == 0 || self.pages.is_some()
    }
}

/// # Errors
/// When the server does not answer.
pub async fn large_objects(session: &Session) -> Result<LargeObjects, Error> {
    let none = || Error::new(ErrorKind::Protocol, "the server does not say what large objects there are");
    let marks = include_str!("../../../../assets/sql/large_objects_marks.sql");
    let mut found = rows(session, marks, &[], |r| {
        let readable: bool = get(r, "readable")?;
        Ok((amount(r, "objects")?.unwrap_or(0), get(r, "metadata")?, readable))
    })
    .await?;
    let (count, metadata, readable) = found.pop().ok_or_else(none)?;
    let pages = match readable && count > 0 {
        true => {
            let sql = include_str!("../../../../assets/sql/large_objects_pages.sql");
            rows(session, sql, &[], |r| get(r, "pages")).await?.pop()
        }
        false => None,
    };
    Ok(LargeObjects { count, metadata, pages })
}

/// Who may be writing large objects of the session's database in a transaction that is still open. At most 50. One that
/// has only made an empty one is not seen before its end.
///
/// # Errors
/// When the server does not answer.
pub async fn large_object_writers(session: &Session) -> Result<Vec<Other>, Error> {
    rows(session, include_str!("../../../../assets/sql/large_objects_writers.sql"), &[], Other::read).await
}

/// Sessions that wait for a lock of the session with this pid.
///
/// # Errors
/// When the server does not answer.
pub async fn waiting_behind(session: &Session, pid: i32) -> Result<Vec<Other>, Error> {
    rows(session, include_str!("../../../../assets/sql/waiting_behind.sql"), &[&pid], Other::read).await
}

/// All definitions of a database in one value. Comparable with those of the same database only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemaFingerprint {
    pub hash: String,
    pub objects: u64,
}

/// # Errors
/// When the server does not answer.
pub async fn schema_fingerprint(session: &Session) -> Result<SchemaFingerprint, Error> {
    Ok(fingerprint_of(&schema_objects(session).await?))
}

/// In whatever order they come.
pub fn fingerprint_of(objects: &[SchemaObject]) -> SchemaFingerprint {
    let mut all: Vec<&SchemaObject> = objects.iter().collect();
    all.sort_by(|a, b| (a.oid, &a.kind, &a.name).cmp(&(b.oid, &b.kind, &b.name)));
    let mut sum = openssl::sha::Sha256::new();
    for object in &all {
        // Each is of one length: an md5.
        sum.update(&object.oid.to_be_bytes());
        sum.update(object.hash.as_bytes());
    }
    let hash = sum.finish().iter().map(|byte| format!("{byte:02x}")).collect();
    SchemaFingerprint { hash, objects: all.len() as u64 }
}

/// One object's definition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemaObject {
    /// 0 for an index, which goes by its name.
    pub oid: i64,
    /// `table`, `index`, `view`, `materialized view`, `sequence`, `foreign table`, `type`, `function`, `trigger`, `policy`,
    /// `schema`, `extension` or `event trigger`.
    pub kind: String,
    /// A trigger's says its table too, a function's its arguments. The schema is empty for what lies in none.
    pub name: TableName,
    pub hash: String,
}

/// What the fingerprint is made of, to be compared one by one.
///
/// # Errors
/// When the server does not answer.
pub async fn schema_objects(session: &Session) -> Result<Vec<SchemaObject>, Error> {
    let sql = include_str!("../../../../assets/sql/schema_objects.sql");
    rows(session, sql, &[], |r| {
        Ok(SchemaObject {
            oid: get(r, "oid")?,
            kind: get(r, "kind")?,
            name: TableName::new(get::<String>(r, "schema")?, get::<String>(r, "name")?),
            hash: get(r, "hash")?,
        })
    })
    .await
}
