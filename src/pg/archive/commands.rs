//! What `pg_restore` makes of an entry: the session it needs, its owner, its place in the order, its name for people.
//!
//! The rules are those of `pg_backup_archiver.c`: `_printTocEntry`, `_getObjectDescription`, `_selectTablespace`,
//! `_selectTableAccessMethod`, `_printTableAccessMethodNoStorage`, `_tocEntryRequired`, `_tocEntryRestorePass`,
//! `_doSetFixedOutputState`.

use super::{Archive, Entry};
use crate::model::units::{printable, readable};
use crate::pg::quote::Ident;

/// Kinds with an owner whose name is schema and tag. `pg_restore` before 16 has the same list in another order.
const OWNED_BY_NAME: [&str; 20] = [
    "COLLATION",
    "CONVERSION",
    "DATABASE",
    "DOMAIN",
    "EVENT TRIGGER",
    "FOREIGN DATA WRAPPER",
    "FOREIGN TABLE",
    "MATERIALIZED VIEW",
    "PROCEDURAL LANGUAGE",
    "PUBLICATION",
    "SCHEMA",
    "SEQUENCE",
    "SERVER",
    "STATISTICS",
    "SUBSCRIPTION",
    "TABLE",
    "TEXT SEARCH CONFIGURATION",
    "TEXT SEARCH DICTIONARY",
    "TYPE",
    "VIEW",
];

/// Kinds with an owner whose name needs arguments or an access method, which only the drop statement holds.
const OWNED_BY_DROP: [&str; 6] =
    ["AGGREGATE", "FUNCTION", "OPERATOR", "OPERATOR CLASS", "OPERATOR FAMILY", "PROCEDURE"];

/// Kinds without an owner of their own whose tag is a bare name.
const BARE: [&str; 12] = [
    "ACCESS METHOD",
    "EXTENSION",
    "INDEX",
    "INDEX ATTACH",
    "MATERIALIZED VIEW DATA",
    "ROW SECURITY",
    "SEQUENCE OWNED BY",
    "SEQUENCE SET",
    "TABLE ATTACH",
    "TABLE DATA",
    "TEXT SEARCH PARSER",
    "TEXT SEARCH TEMPLATE",
];

/// Kinds that say something about another object; their tag begins with that object's kind.
const ABOUT_OTHERS: [&str; 3] = ["ACL", "COMMENT", "SECURITY LABEL"];

/// What is to be done with an entry, if everything but rows is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Handling {
    /// The definition is sent as it stands.
    Execute,
    /// There is nothing to send: no definition at all, or only a comment (`SCHEMA public` from pg_dump 15 on). An owner
    /// may still be due.
    Nothing,
    /// A setting of the whole session (ENCODING, STDSTRINGS, SEARCHPATH), see [`Archive::settings`].
    Session,
    /// The database itself, its settings, comment, privileges and labels. `pg_restore` executes these under `--create`
    /// only; CREATE DATABASE and some settings refuse to run in a transaction block.
    Database,
    /// Rows, sequence values, large objects with what is said about them: what goes with data, not with the schema.
    Data,
    /// Contents of a materialized view: a REFRESH, to be done when all data and privileges are there.
    Refresh,
    /// Statistics of a table or index (pg_dump 18 with `--statistics`): calls of functions that servers before 18
    /// do not have.
    Statistics,
}

/// In which of its three passes over the archive `pg_restore` treats an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Pass {
    /// All that is not in the others.
    Main,
    /// Privileges: after everything else, so that they do not hinder the restore itself.
    Privileges,
    /// Event triggers, which would fire for the restore, and what reads tables (materialized views): after privileges.
    Last,
}

/// What the archive's statements take for granted in a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Encoding of the statements; `UTF8` if pg_dump was asked for that.
    pub client_encoding: Option<String>,
    /// How string constants in the statements are to be read: off where the source has it off.
    pub standard_conforming_strings: bool,
    /// The statement that sets the search path; None in archives of pg_dump before 10.3, which rely on the schema of
    /// each entry instead ([`Entry::namespace`] followed by `pg_catalog`).
    pub search_path: Option<String>,
}

impl Archive {
    /// The settings that every statement of this archive is written for. Beside them `pg_restore` sets
    /// `check_function_bodies = false`, `xmloption = content`, `row_security = off`,
    /// `client_min_messages = warning` and all timeouts to 0.
    #[must_use]
    pub fn settings(&self) -> Settings {
        let definition = |desc: &str| {
            self.entries.iter().rev().find(|entry| entry.desc == desc).map(|entry| entry.definition.as_str())
        };
        let quoted = |text: &str| text.split('\'').nth(1).map(str::to_owned);
        Settings {
            client_encoding: definition("ENCODING").and_then(quoted),
            // Absent: what pg_restore begins with.
            standard_conforming_strings: definition("STDSTRINGS").and_then(quoted).as_deref() == Some("on"),
            search_path: definition("SEARCHPATH").map(str::to_owned),
        }
    }
}

impl Entry {
    /// What is to be done with this entry (`_tocEntryRequired`).
    #[must_use]
    pub fn handling(&self) -> Handling {
        let about = ABOUT_OTHERS.contains(&self.desc.as_str());
        match self.desc.as_str() {
            "ENCODING" | "STDSTRINGS" | "SEARCHPATH" => Handling::Session,
            "DATABASE" | "DATABASE PROPERTIES" => Handling::Database,
            _ if about && self.tag.starts_with("DATABASE ") => Handling::Database,
            // One tag is for one large object (LARGE OBJECT 1), from 17 on also for many (LARGE OBJECTS 1..9).
            _ if about && self.tag.starts_with("LARGE OBJECT") => Handling::Data,
            "TABLE DATA" | "SEQUENCE SET" | "BLOB" | "BLOBS" | "BLOB METADATA" | "BLOB COMMENTS" => {
                Handling::Data
            }
            "MATERIALIZED VIEW DATA" => Handling::Refresh,
            "STATISTICS DATA" => Handling::Statistics,
            _ if only_comments(&self.definition) => Handling::Nothing,
            _ => Handling::Execute,
        }
    }

    /// The pass in which `pg_restore` executes this entry (`_tocEntryRestorePass`).
    #[must_use]
    pub fn pass(&self) -> Pass {
        match self.desc.as_str() {
            "ACL" | "ACL LANGUAGE" | "DEFAULT ACL" => Pass::Privileges,
            "EVENT TRIGGER" | "MATERIALIZED VIEW DATA" => Pass::Last,
            "COMMENT" | "SECURITY LABEL" if self.tag.starts_with("EVENT TRIGGER ") => Pass::Last,
            "STATISTICS DATA" if self.section == super::Section::PostData => Pass::Last,
            _ => Pass::Main,
        }
    }

    /// What the session must have set before the definition is sent, as statements; they stay in force for what
    /// follows in the session. `pg_restore` leaves out those that change nothing; here they are complete for each
    /// entry, because entries run on several sessions.
    #[must_use]
    pub fn prelude(&self) -> Vec<String> {
        let mut statements = Vec::new();
        match self.tablespace.as_deref() {
            None => {}
            Some("") => statements.push("SET default_tablespace = ''".to_owned()),
            Some(name) => statements.push(format!("SET default_tablespace = {}", Ident(name))),
        }
        if let Some(name) = &self.access_method
            && !self.is_partitioned_table()
        {
            statements.push(format!("SET default_table_access_method = {}", Ident(name)));
        }
        statements
    }

    /// Whether a constraint's definition may touch other tables than the one that it names: pg_dump writes ONLY for those
    /// that do not. A check that is not valid is written without it, and so is everything about a domain.
    #[must_use]
    pub fn reaches_children(&self) -> bool {
        !self.definition.trim_start().starts_with("ALTER TABLE ONLY ")
    }

    /// What follows the definition of a partitioned table: it has no storage and cannot be created with an access method
    /// (servers from 17, relkind `p`).
    #[must_use]
    pub fn access_method_statement(&self) -> Option<String> {
        let name = self.access_method.as_ref().filter(|_| self.is_partitioned_table())?;
        Some(format!("ALTER TABLE {} SET ACCESS METHOD {};", self.qualified_name(), Ident(name)))
    }

    /// The `ALTER … OWNER TO …;` that `pg_restore` emits for this entry. None for kinds without an owner of their own,
    /// for entries without an owner, a definition or a drop statement (`pg_restore` takes the last for not separately
    /// ownable). One statement, except for BLOB METADATA, where it is one for each large object.
    #[must_use]
    pub fn owner_statement(&self) -> Option<String> {
        let owner = Ident(self.owner.as_deref()?);
        if self.definition.is_empty() || self.drop_statement.is_empty() {
            return None;
        }
        let desc = self.desc.as_str();
        if OWNED_BY_NAME.contains(&desc) {
            return Some(format!("ALTER {desc} {} OWNER TO {owner};", self.qualified_name()));
        }
        if OWNED_BY_DROP.contains(&desc) {
            let name = self.drop_statement.strip_prefix("DROP ")?.trim_end_matches(['\n', ';']);
            return Some(format!("ALTER {name} OWNER TO {owner};"));
        }
        let alter = |oid: u32| format!("ALTER LARGE OBJECT {oid} OWNER TO {owner};");
        match desc {
            "BLOB" => self.tag.parse().ok().map(alter),
            "BLOB METADATA" => {
                let lines: Vec<String> = self.large_objects().into_iter().map(alter).collect();
                (!lines.is_empty()).then(|| lines.join("\n"))
            }
            _ => None,
        }
    }

    /// The OIDs of the large objects of a BLOB METADATA entry (from 17 on): its definition is a list of them, one on each
    /// line, not a statement.
    #[must_use]
    pub fn large_objects(&self) -> Vec<u32> {
        if self.desc != "BLOB METADATA" {
            return Vec::new();
        }
        self.definition.lines().filter_map(|line| line.trim().parse().ok()).collect()
    }

    /// A name for people, on one line: `TABLE public.orders`, `COMMENT on TABLE public.orders`.
    #[must_use]
    pub fn title(&self) -> String {
        let schema = self.namespace.as_deref().map(readable).map(|schema| schema + ".").unwrap_or_default();
        if let Some((kind, name)) = self.about() {
            // What sits on a table or a domain is named first, and what it sits on last: TRIGGER a ON b.
            let (first, last) = match name.rsplit_once(" ON ") {
                Some((first, last)) => (format!("{first} ON "), last),
                None => (String::new(), name),
            };
            let domain = if last.starts_with("DOMAIN ") { "DOMAIN " } else { "" };
            let last = last.strip_prefix(domain).unwrap_or(last);
            return format!(
                "{} on {kind} {}{domain}{schema}{}",
                self.desc,
                printable(&first),
                printable(last)
            );
        }
        let desc = self.desc.as_str();
        if OWNED_BY_NAME.contains(&desc) || BARE.contains(&desc) {
            return format!("{desc} {schema}{}", readable(&self.tag));
        }
        // CAST (a AS b), USER MAPPING x SERVER y: the tag begins with the kind.
        let tag = self.tag.strip_prefix(desc).map_or(self.tag.as_str(), str::trim_start);
        format!("{} {schema}{}", printable(desc), printable(tag))
    }

    /// For a comment, privileges or a label: the kind and the name of the object that it is about.
    fn about(&self) -> Option<(&str, &str)> {
        if !ABOUT_OTHERS.contains(&self.desc.as_str()) {
            return None;
        }
        // The kind is the leading words in capitals. A bare name in capitals would be quoted, except in old archives.
        let end = self
            .tag
            .split_inclusive(' ')
            .take_while(|word| word.trim_end().chars().all(|c| c.is_ascii_uppercase()))
            .map(str::len)
            .sum::<usize>();
        let (kind, name) = (self.tag.get(..end)?.trim_end(), self.tag.get(end..)?);
        (!kind.is_empty() && !name.is_empty()).then_some((kind, name))
    }

    /// Schema and tag as identifiers.
    fn qualified_name(&self) -> String {
        match &self.namespace {
            Some(schema) => format!("{}.{}", Ident(schema), Ident(&self.tag)),
            None => Ident(&self.tag).to_string(),
        }
    }

    fn is_partitioned_table(&self) -> bool {
        self.relkind == Some('p')
    }
}

/// Whether there is nothing in a definition but white space and `--` comments.
fn only_comments(definition: &str) -> bool {
    definition.lines().map(str::trim).all(|line| line.is_empty() || line.starts_with("--"))
}
