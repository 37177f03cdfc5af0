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
}

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
        }
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
}
