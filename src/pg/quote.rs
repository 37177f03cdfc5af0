//! The only ways into SQL text: identifiers and literals that cannot end early.

use crate::model::units::TableName;
use std::fmt;

/// An identifier, always written in double quotes (manual, "Identifiers and Key Words").
#[derive(Debug, Clone, Copy)]
pub struct Ident<'a>(pub &'a str);

impl fmt::Display for Ident<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0.replace('"', "\"\""))
    }
}

/// A string constant. With a backslash in it the `E''` form is used, which means the same whatever
/// `standard_conforming_strings` says.
#[derive(Debug, Clone, Copy)]
pub struct Literal<'a>(pub &'a str);

impl fmt::Display for Literal<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let quoted = self.0.replace('\'', "''");
        if quoted.contains('\\') {
            write!(f, " E'{}'", quoted.replace('\\', "\\\\"))
        } else {
            write!(f, "'{quoted}'")
        }
    }
}

/// A schema-qualified relation.
#[derive(Debug, Clone, Copy)]
pub struct Qualified<'a>(pub &'a TableName);

impl fmt::Display for Qualified<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", Ident(&self.0.schema), Ident(&self.0.name))
    }
}

/// A parenthesised list of columns, or nothing where there are none: `COPY t TO STDOUT` of a table without
/// columns sends one empty line a row, while `COPY t ()` is a syntax error.
pub fn column_list(columns: &[String]) -> String {
    if columns.is_empty() {
        return String::new();
    }
    let quoted: Vec<_> = columns.iter().map(|c| Ident(c).to_string()).collect();
    format!(" ({})", quoted.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_ends_early() {
        assert_eq!(Ident("a\"; drop table x; --").to_string(), "\"a\"\"; drop table x; --\"");
        assert_eq!(Literal("it's").to_string(), "'it''s'");
        assert_eq!(Literal("a\\'b").to_string(), " E'a\\\\''b'");
        assert_eq!(column_list(&[]), "");
        assert_eq!(column_list(&["a".into(), "B\"".into()]), " (\"a\", \"B\"\"\")");
    }
}
