//! Reads what `pg_dump -Fc --schema-only` wrote, entry by entry.
//!
//! The engine executes every entry of an archive by itself, so that each one is accounted for with its
//! SQLSTATE. This module is the reading half: header and table of contents of a custom-format archive, exactly as
//! `pg_restore` reads them (`ReadHead`, `ReadToc`, `ReadInt`, `ReadStr` in `pg_backup_archiver.c`, `_ReadExtraToc`
//! in `pg_backup_custom.c`). What `pg_restore` would make of an entry is in `commands`:
//! [`Entry::prelude`], [`Entry::owner_statement`], [`Entry::access_method_statement`], [`Entry::handling`], [`Entry::pass`].
//!
//! Archive versions, by what wrote them: 1.12 pg_dump 9.0 … 10.2, 1.13 10.3 … 11, 1.14 12 … 15, 1.15 16, 1.16 17 and 18.
//!
//! The bytes come from a child process and, through it, from a server that we do not trust: every length is held
//! against what is left of the input before anything is allocated, and nothing here panics.

mod commands;
mod reader;
#[cfg(test)]
mod tests;

use std::collections::HashSet;

use thiserror::Error;

pub use commands::{Handling, Pass, Settings};
use reader::Reader;

/// The newest layout this module knows; a newer minor version is accepted only if it reads to the very end.
const NEWEST_MINOR: u8 = 16;

/// The oldest layout it knows (pg_dump 9.0). Our sources start at 10.
const OLDEST_MINOR: u8 = 12;

/// `archCustom` of `pg_backup.h`.
const FORMAT_CUSTOM: u8 = 1;

/// Why bytes could not be read as an archive.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ArchiveError {
    /// The magic `PGDMP` is missing: empty output, plain text, something else.
    #[error("this is not an archive of pg_dump's custom format")]
    NotAnArchive,
    /// An archive of pg_dump, but tar's or the directory format's.
    #[error("this archive has pg_dump's format number {0}, not the custom format")]
    OtherFormat(u8),
    /// A version before 1.12, or of another major.
    #[error("archive version {0}.{1} is not supported (1.12 to 1.16 are)")]
    UnsupportedVersion(u8, u8),
    /// A version after the newest known one whose layout is different.
    #[error(
        "archive version {major}.{minor} is newer than this program knows (1.{NEWEST_MINOR}), and reading it as \
         that fails: {cause}; use an older pg_dump that still fits the source"
    )]
    Newer {
        /// Major part of the archive version.
        major: u8,
        /// Minor part of the archive version.
        minor: u8,
        /// What went wrong when it was read as the newest known version.
        cause: Box<ArchiveError>,
    },
    /// The bytes end in the middle of something.
    #[error("the archive ends early: {what} is incomplete at byte {at}")]
    Truncated {
        /// Offset in bytes from the start of the archive.
        at: usize,
        /// What was being read.
        what: &'static str,
    },
    /// A value that no pg_dump writes.
    #[error("the archive is damaged: {what} at byte {at}")]
    Corrupt {
        /// Offset in bytes from the start of the archive.
        at: usize,
        /// What is wrong.
        what: &'static str,
    },
    /// Text in another encoding. We ask for UTF-8; a database in `SQL_ASCII` may hold anything.
    #[error("the archive holds text that is not UTF-8: {what} at byte {at}")]
    NotUtf8 {
        /// Offset in bytes from the start of the archive.
        at: usize,
        /// Which field.
        what: &'static str,
    },
}

/// In which part of a restore an entry belongs, `teSection` of `pg_backup.h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Section {
    /// Comments, privileges, security labels: goes with what stands before it, see [`Archive::sections`].
    None,
    /// What must be there before rows.
    PreData,
    /// Rows, sequence values, large objects.
    Data,
    /// Indexes, constraints, triggers, rules and so on.
    PostData,
}

/// One archive: its header and its table of contents in the order of the file, which is a valid order of execution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Archive {
    /// Layout version: major, minor, revision.
    pub format_version: (u8, u8, u8),
    /// The database that was dumped.
    pub dbname: String,
    /// The source server's version as it names itself, e.g. `15.4 (Debian 15.4-1)`.
    pub server_version: String,
    /// The version of the pg_dump that wrote it, e.g. `17.2`.
    pub dump_version: String,
    /// The entries, in the order of the file.
    pub entries: Vec<Entry>,
}

/// One entry of the table of contents: one object, or one thing said about an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Number within this archive, above 0 and unique.
    pub dump_id: i32,
    /// OID of the catalog that holds the object, e.g. 1259 for `pg_class`; 0 where there is none.
    pub catalog_oid: u32,
    /// OID of the object on the source; 0 where there is none.
    pub object_oid: u32,
    /// The object's name as pg_dump puts it: bare for most, `f(integer)` for routines, `table name` for what sits on
    /// a table, `TABLE name` for comments and privileges.
    pub tag: String,
    /// The kind of entry, e.g. `TABLE`, `FK CONSTRAINT`.
    pub desc: String,
    /// Where in a restore it belongs.
    pub section: Section,
    /// What makes it: one or several statements, a comment, or nothing.
    pub definition: String,
    /// What removes it, or nothing. Also the source of a routine's signature for its owner.
    pub drop_statement: String,
    /// The schema, if it is in one.
    pub namespace: Option<String>,
    /// None: not a thing with a tablespace. Empty: the database's default. Else a tablespace's name.
    pub tablespace: Option<String>,
    /// The table access method, for tables and materialized views (archives from 1.14).
    pub access_method: Option<String>,
    /// `pg_class.relkind` for tables and the like (archives from 1.16).
    pub relkind: Option<char>,
    /// The owner; None also where pg_dump wrote an empty name (extensions, casts).
    pub owner: Option<String>,
    /// Dump ids of what must be there first. They may name entries that this archive does not hold.
    pub dependencies: Vec<i32>,
    /// Whether the archive has data for this entry (never with `--schema-only`).
    pub has_data: bool,
}

impl Archive {
    /// For each entry, by position, the section in which `pg_restore` treats it: its own, and for [`Section::None`] the
    /// one of the nearest entry before it that has one, [`Section::PreData`] at the start
    /// (`ProcessArchiveRestoreOptions`).
    #[must_use]
    pub fn sections(&self) -> Vec<Section> {
        let mut current = Section::PreData;
        let follow = |entry: &Entry| {
            if entry.section != Section::None {
                current = entry.section;
            }
            current
        };
        self.entries.iter().map(follow).collect()
    }
}

/// Reads an archive that lies in memory.
///
/// # Errors
///
/// [`ArchiveError`], whatever the bytes are; never panics, and allocates no more than a small multiple of the input.
pub fn parse(bytes: &[u8]) -> Result<Archive, ArchiveError> {
    let mut reader = Reader::new(bytes);
    let version = read_version(&mut reader)?;
    let read = read_archive(&mut reader, version);
    if version.1 > NEWEST_MINOR {
        // An unknown layout may read as nonsense without an error, so that nothing is believed in halves.
        return read.map_err(|cause| ArchiveError::Newer {
            major: version.0,
            minor: version.1,
            cause: Box::new(cause),
        });
    }
    read
}

/// Magic and version: the part whose layout has been the same since 1.1.
fn read_version(reader: &mut Reader<'_>) -> Result<(u8, u8, u8), ArchiveError> {
    let magic = reader.take(5, "the magic").map_err(|_| ArchiveError::NotAnArchive)?;
    if magic != b"PGDMP" {
        return Err(ArchiveError::NotAnArchive);
    }
    let version = (reader.byte("the version")?, reader.byte("the version")?, reader.byte("the version")?);
    if version.0 != 1 || version.1 < OLDEST_MINOR {
        return Err(ArchiveError::UnsupportedVersion(version.0, version.1));
    }
    Ok(version)
}

/// Everything after the version.
fn read_archive(reader: &mut Reader<'_>, version: (u8, u8, u8)) -> Result<Archive, ArchiveError> {
    reader.set_int_size()?;
    reader.set_offset_size()?;
    let format = reader.byte("the format")?;
    if format != FORMAT_CUSTOM {
        return Err(ArchiveError::OtherFormat(format));
    }
    // The way of compression concerns table data only, which we never have; before 1.15 it is a level.
    if version.1 >= 15 {
        reader.byte("the compression")?;
    } else {
        reader.int("the compression")?;
    }
    // Seconds to tm_isdst of the moment of the dump, in the dumping machine's local time: of no use.
    for _ in 0..7 {
        reader.int("the date")?;
    }
    let dbname = reader.text("the database's name")?.unwrap_or_default();
    let server_version = reader.text("the server's version")?.unwrap_or_default();
    let dump_version = reader.text("pg_dump's version")?.unwrap_or_default();
    let entries = read_toc(reader, version.1)?;
    // Written to a pipe, an archive without data ends here. (To a file, pg_dump 16 and 17 append the whole table a second
    // time, by an oversight of theirs.)
    let any_data = entries.iter().any(|entry| entry.has_data);
    if reader.left() > 0 && (!any_data || version.1 > NEWEST_MINOR) {
        return Err(reader.corrupt("bytes after the last entry"));
    }
    Ok(Archive { format_version: version, dbname, server_version, dump_version, entries })
}

/// The table of contents.
fn read_toc(reader: &mut Reader<'_>, minor: u8) -> Result<Vec<Entry>, ArchiveError> {
    let count = reader.int("the number of entries")?;
    if count < 0 {
        return Err(reader.corrupt("a negative number of entries"));
    }
    // Not reserved in advance: the count is only a claim.
    let mut entries = Vec::new();
    let mut seen = HashSet::new();
    for _ in 0..count {
        let entry = read_entry(reader, minor)?;
        if !seen.insert(entry.dump_id) {
            return Err(reader.corrupt("an entry's number that was there before"));
        }
        entries.push(entry);
    }
    Ok(entries)
}

/// One entry. The order of the fields is the file's.
fn read_entry(reader: &mut Reader<'_>, minor: u8) -> Result<Entry, ArchiveError> {
    let dump_id = reader.int("an entry's number")?;
    if dump_id <= 0 {
        return Err(reader.corrupt("an entry's number that is not above 0"));
    }
    let has_data = reader.int("an entry's data flag")? != 0;
    let catalog_oid = reader.number("a catalog's OID")?;
    let object_oid = reader.number("an object's OID")?;
    let tag = reader.needed_text("an entry's tag")?;
    let desc = reader.needed_text("an entry's kind")?;
    let section = read_section(reader)?;
    let definition = reader.text("an entry's definition")?.unwrap_or_default();
    let drop_statement = reader.text("an entry's drop statement")?.unwrap_or_default();
    reader.text("an entry's copy statement")?;
    let namespace = reader.text("an entry's schema")?.filter(|name| !name.is_empty());
    let tablespace = reader.text("an entry's tablespace")?;
    let access_method = if minor >= 14 { reader.text("an entry's access method")? } else { None };
    let relkind = if minor >= 16 { read_relkind(reader)? } else { None };
    let owner = reader.text("an entry's owner")?.filter(|name| !name.is_empty());
    // "WITH OIDS": tables of servers before 12. No server that we restore to can have them, and pg_dump from 12 on
    // always writes "false"; pg_restore, too, only reads it.
    reader.text("an entry's OIDs flag")?;
    let dependencies = read_dependencies(reader)?;
    reader.offset()?;
    Ok(Entry {
        dump_id,
        catalog_oid,
        object_oid,
        tag,
        desc,
        section,
        definition,
        drop_statement,
        namespace,
        tablespace,
        access_method: access_method.filter(|name| !name.is_empty()),
        relkind,
        owner,
        dependencies,
        has_data,
    })
}

/// `teSection`, which counts from 1.
fn read_section(reader: &mut Reader<'_>) -> Result<Section, ArchiveError> {
    match reader.int("an entry's section")? {
        1 => Ok(Section::None),
        2 => Ok(Section::PreData),
        3 => Ok(Section::Data),
        4 => Ok(Section::PostData),
        _ => Err(reader.corrupt("a section that does not exist")),
    }
}

/// A character's code as an integer, 0 for none.
fn read_relkind(reader: &mut Reader<'_>) -> Result<Option<char>, ArchiveError> {
    match u8::try_from(reader.int("an entry's relkind")?) {
        Ok(0) => Ok(None),
        Ok(code) if code.is_ascii_alphabetic() => Ok(Some(char::from(code))),
        _ => Err(reader.corrupt("a relkind that does not exist")),
    }
}

/// Decimal numbers as strings, ended by an absent string.
fn read_dependencies(reader: &mut Reader<'_>) -> Result<Vec<i32>, ArchiveError> {
    let mut dependencies = Vec::new();
    while let Some(id) = reader.optional_number("an entry's dependency")? {
        dependencies.push(id);
    }
    Ok(dependencies)
}
