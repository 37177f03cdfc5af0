//! What a judgement says: a finding about one or more objects, and how much it weighs.

use serde::{Deserialize, Serialize};

/// How much a finding weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    Info,
    /// Moved otherwise than it was, or something to look at; nothing of the data is missing.
    Warning,
    /// Something that was asked for is not on the target: the database is not `done`.
    Lost,
    /// The migration does not start.
    Blocker,
}

/// What one check says of one server or one database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    Ok,
    Info,
    Warning,
    Blocker,
    /// It was not asked, and why.
    Skipped(String),
    /// It could not be asked, and which privilege is missing.
    Unknown(String),
}

/// A check that was run. What it found is told by findings that bear its id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Judgement {
    /// The check's stable short name.
    pub check: String,
    pub title: String,
    /// The database that it is about; absent where it is about the servers.
    #[serde(default)]
    pub database: Option<String>,
    pub verdict: Verdict,
}

/// What the checks amount to for one database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Possible {
    pub database: String,
    /// Why it cannot be moved continuously; absent where it can.
    #[serde(default)]
    pub not_continuous: Option<String>,
    /// Why it cannot be moved by a snapshot; absent where it can.
    #[serde(default)]
    pub not_snapshot: Option<String>,
    #[serde(default)]
    pub size_bytes: Option<u64>,
    /// How long the copy may take, roughly.
    #[serde(default)]
    pub estimate_s: Option<u64>,
    /// How much log the source may have to keep meanwhile, roughly.
    #[serde(default)]
    pub wal_bytes: Option<u64>,
}

/// Something the operator should know about, with the objects that it concerns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// A stable short name, for scripts: `table-copy`, `ownership`, …
    pub id: String,
    pub severity: Severity,
    #[serde(default)]
    pub database: Option<String>,
    pub title: String,
    #[serde(default)]
    pub why: String,
    #[serde(default)]
    pub fix: String,
    #[serde(default)]
    pub objects: Vec<String>,
    /// How many of what it is about do not follow, or not by themselves: replication does not carry them as they are.
    #[serde(default, skip_serializing_if = "is_none")]
    pub not_carried: u64,
    /// Found by an attempt to close the connection: the next attempt looks anew.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub of_attempt: bool,
    /// When it was found, in Unix milliseconds, where an entry tells of it.
    #[serde(default, skip_serializing_if = "is_none")]
    pub at_ms: u64,
    /// When it was seen to be so no more; 0 as long as it may be.
    #[serde(default, skip_serializing_if = "is_none")]
    pub passed_ms: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
fn is_none(number: &u64) -> bool {
    *number == 0
}

/// What is said of how a database follows: it is so no more once nothing follows.
pub const OF_FOLLOWING: [&str; 3] = ["follow", "apply", "wal-short"];
/// What is said of definitions that are not what they were when the migration began.
pub const SCHEMA_CHANGED: &str = "schema-changed";
/// What a migration says of replica identities that it has changed, until they are again what they were.
pub const IDENTITIES_CHANGED: &str = "identities-changed";

impl Finding {
    pub fn new(id: &str, severity: Severity, title: impl Into<String>) -> Self {
        Self {
            id: id.to_owned(),
            severity,
            database: None,
            title: title.into(),
            why: String::new(),
            fix: String::new(),
            objects: Vec::new(),
            not_carried: 0,
            of_attempt: false,
            at_ms: 0,
            passed_ms: 0,
        }
    }

    /// The same of the same, whenever it was found.
    pub fn says(&self, other: &Finding) -> bool {
        let said = |f: &Finding| (f.id.clone(), f.severity, f.database.clone(), f.title.clone());
        said(self) == said(other) && (&self.why, &self.objects) == (&other.why, &other.objects)
    }

    /// A guard sees whether it is still so: the latest of its kind is what is so.
    pub fn can_pass(&self) -> bool {
        self.id == SCHEMA_CHANGED || OF_FOLLOWING.contains(&self.id.as_str())
    }

    /// It was so, and is not any more.
    pub fn has_passed(&self) -> bool {
        self.passed_ms > 0
    }

    pub fn info(id: &str, title: impl Into<String>) -> Self {
        Self::new(id, Severity::Info, title)
    }

    pub fn warning(id: &str, title: impl Into<String>) -> Self {
        Self::new(id, Severity::Warning, title)
    }

    pub fn lost(id: &str, title: impl Into<String>) -> Self {
        Self::new(id, Severity::Lost, title)
    }

    #[must_use]
    pub fn in_database(mut self, database: &str) -> Self {
        self.database = Some(database.to_owned());
        self
    }

    #[must_use]
    pub fn because(mut self, why: impl Into<String>) -> Self {
        self.why = why.into();
        self
    }

    #[must_use]
    pub fn fix(mut self, fix: impl Into<String>) -> Self {
        self.fix = fix.into();
        self
    }

    #[must_use]
    pub fn object(mut self, object: impl Into<String>) -> Self {
        self.objects.push(object.into());
        self
    }

    #[must_use]
    pub fn objects(mut self, objects: impl IntoIterator<Item = String>) -> Self {
        self.objects.extend(objects);
        self
    }

    #[must_use]
    pub fn not_carried(mut self, number: usize) -> Self {
        self.not_carried = number as u64;
        self
    }
}
