//! Which tables are meant: names as `--with-table` and `--skip-table` take them.

use super::units::TableName;
use serde::{Deserialize, Serialize};
use std::fmt;

/// `table`, `schema.table` or `db.schema.table`. Parts are read as PostgreSQL's `parse_ident` reads them:
/// unquoted ones are folded to lower case, quoted ones are taken as they are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TablePattern {
    #[serde(default)]
    pub database: Option<String>,
    #[serde(default)]
    pub schema: Option<String>,
    pub table: String,
}

impl TablePattern {
    /// Whether this table of that database is meant.
    pub fn matches(&self, database: &str, table: &TableName) -> bool {
        self.applies_to(database)
            && self.schema.as_ref().is_none_or(|s| *s == table.schema)
            && self.table == table.name
    }

    /// As it can be typed again.
    fn typed(&self) -> String {
        let bare = |c: char| c.is_ascii_lowercase() || c == '_';
        let part = |part: &String| match part.strip_prefix(bare) {
            Some(rest) if rest.chars().all(|c| bare(c) || c.is_ascii_digit()) => part.clone(),
            _ => format!("\"{}\"", part.replace('"', "\"\"")),
        };
        let parts = [self.database.as_ref(), self.schema.as_ref(), Some(&self.table)];
        parts.into_iter().flatten().map(part).collect::<Vec<_>>().join(".")
    }

    /// Whether this pattern says anything about that database.
    pub fn applies_to(&self, database: &str) -> bool {
        self.database.as_ref().is_none_or(|d| d == database)
    }
}

impl fmt::Display for TablePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in [&self.database, &self.schema].into_iter().flatten() {
            write!(f, "{}.", super::units::readable(part))?;
        }
        f.write_str(&super::units::readable(&self.table))
    }
}

/// Which tables' rows are moved. The definitions of all tables are moved in any case.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TableScope {
    #[default]
    All,
    Only(Vec<TablePattern>),
    Except(Vec<TablePattern>),
}

impl TableScope {
    /// `names` are the table's own name and those of the partitioned tables above it: naming a partitioned table
    /// means all of its partitions.
    pub fn selects(&self, database: &str, names: &[TableName]) -> bool {
        let any =
            |patterns: &[TablePattern]| patterns.iter().any(|p| names.iter().any(|n| p.matches(database, n)));
        match self {
            TableScope::All => true,
            TableScope::Only(patterns) => any(patterns),
            TableScope::Except(patterns) => !any(patterns),
        }
    }

    /// The tables whose rows are left out, as [`parse_list`] reads them.
    pub fn skipped(&self) -> Vec<String> {
        match self {
            TableScope::Except(patterns) => patterns.iter().map(TablePattern::typed).collect(),
            TableScope::All | TableScope::Only(_) => Vec::new(),
        }
    }

    pub fn patterns(&self) -> &[TablePattern] {
        match self {
            TableScope::All => &[],
            TableScope::Only(p) | TableScope::Except(p) => p,
        }
    }
}

/// What is wrong with a table name, with the text as it was given.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FilterError {
    #[error("\"{0}\" is not a table name: a quoted part is not closed")]
    Unclosed(String),
    #[error("\"{0}\" is not a table name: a part of it is empty")]
    EmptyPart(String),
    #[error("\"{0}\" is not a table name: unexpected character after a part; quote names that need it")]
    Trailing(String),
    #[error("\"{0}\" has more than three parts; write table, schema.table or db.schema.table")]
    TooManyParts(String),
}

/// Reads a comma separated list of table names.
///
/// # Errors
/// Names the part of the list that is not a table name.
pub fn parse_list(text: &str) -> Result<Vec<TablePattern>, FilterError> {
    split_unquoted(text).into_iter().map(parse_one).collect()
}

/// Splits at commas that are not inside double quotes.
fn split_unquoted(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut start, mut quoted) = (0, false);
    for (i, c) in text.char_indices() {
        match c {
            '"' => quoted = !quoted,
            ',' if !quoted => {
                parts.push(&text[start..i]);
                start = i + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

fn parse_one(text: &str) -> Result<TablePattern, FilterError> {
    let mut parts = parse_ident(text)?;
    let table = parts.pop().ok_or_else(|| FilterError::EmptyPart(text.to_owned()))?;
    let schema = parts.pop();
    let database = parts.pop();
    if parts.is_empty() {
        Ok(TablePattern { database, schema, table })
    } else {
        Err(FilterError::TooManyParts(text.to_owned()))
    }
}

/// The rules of `parse_ident(text, strict)` (manual, "String Functions"): white space around parts is ignored,
/// unquoted parts start with a letter or underscore (bytes beyond ASCII count as letters) and are down-cased.
fn parse_ident(text: &str) -> Result<Vec<String>, FilterError> {
    let mut parts = Vec::new();
    let mut rest = text.trim_start();
    loop {
        let (part, after) = if let Some(quoted) = rest.strip_prefix('"') {
            quoted_part(text, quoted)?
        } else {
            bare_part(text, rest)?
        };
        parts.push(part);
        rest = after.trim_start();
        match rest.strip_prefix('.') {
            Some(more) => rest = more.trim_start(),
            None if rest.is_empty() => return Ok(parts),
            None => return Err(FilterError::Trailing(text.to_owned())),
        }
    }
}

fn quoted_part<'a>(whole: &str, text: &'a str) -> Result<(String, &'a str), FilterError> {
    let mut part = String::new();
    let mut chars = text.char_indices().peekable();
    while let Some((i, c)) = chars.next() {
        match c {
            '"' if chars.peek().is_some_and(|(_, next)| *next == '"') => {
                chars.next();
                part.push('"');
            }
            '"' if part.is_empty() => return Err(FilterError::EmptyPart(whole.to_owned())),
            '"' => return Ok((part, &text[i + 1..])),
            c => part.push(c),
        }
    }
    Err(FilterError::Unclosed(whole.to_owned()))
}

fn bare_part<'a>(whole: &str, text: &'a str) -> Result<(String, &'a str), FilterError> {
    let is_start = |c: char| c.is_ascii_alphabetic() || c == '_' || !c.is_ascii();
    let is_more = |c: char| is_start(c) || c.is_ascii_digit() || c == '$';
    match text.chars().next() {
        Some(c) if is_start(c) => {}
        Some(c) if c != '.' => return Err(FilterError::Trailing(whole.to_owned())),
        _ => return Err(FilterError::EmptyPart(whole.to_owned())),
    }
    let end = text.find(|c| !is_more(c)).unwrap_or(text.len());
    Ok((text[..end].to_ascii_lowercase(), &text[end..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str) -> TablePattern {
        parse_list(text).unwrap().remove(0)
    }

    #[test]
    fn what_is_skipped_can_be_typed_again() {
        let typed = r#"a, s.t2, "D b"."S".t, "x""y", "1", "a.b""#;
        let patterns = parse_list(typed).unwrap();
        let scope = TableScope::Except(patterns.clone());
        assert_eq!(scope.skipped().join(", "), typed);
        assert_eq!(parse_list(&scope.skipped().join(", ")).unwrap(), patterns);
        assert!(TableScope::Only(patterns).skipped().is_empty());
    }

    #[test]
    fn reads_what_parse_ident_reads() {
        assert_eq!(one("Orders").table, "orders");
        assert_eq!(one(" \"Odd, Name\" . \"a\"\"b\" ").table, "a\"b");
        assert_eq!(one("db.s.t").database.as_deref(), Some("db"));
        assert_eq!(parse_list("a,\"b,c\",d.e").unwrap().len(), 3);
        for bad in ["", "a..b", "a.", ".a", "\"open", "a b", "1a", "a.b.c.d", "a,", "\"\""] {
            assert!(parse_list(bad).is_err(), "{bad:?} should be refused");
        }
    }

    #[test]
    fn a_partitioned_tables_name_means_its_partitions() {
        let scope = TableScope::Except(parse_list("orders").unwrap());
        let names = [TableName::new("public", "orders_2024"), TableName::new("public", "orders")];
        assert!(!scope.selects("shop", &names));
        assert!(scope.selects("shop", &names[..1]));
        let other = TableScope::Only(parse_list("elsewhere.public.orders").unwrap());
        assert!(!other.selects("shop", &names));
    }
}
