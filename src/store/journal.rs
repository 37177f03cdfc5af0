//! The journal: entries as lines of JSON, appended, never changed.
//!
//! A crash may tear the last line. A torn tail was never acknowledged to anybody, so it is cut off when the journal
//! is opened for writing and passed over when it is read; a broken line anywhere else is damage, and is said.

use super::StoreError;
use crate::model::event::Entry;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// How much of a journal is read to find its last entry.
const END: u64 = 64 << 10;

/// The writer. Only the engine that holds the folder's lock has one.
#[derive(Debug)]
pub struct Journal {
    file: File,
    path: PathBuf,
}

impl Journal {
    /// Opens for appending and returns what is already there.
    ///
    /// # Errors
    /// When the file cannot be opened, or is damaged before its last line.
    pub fn open(path: &Path) -> Result<(Journal, Vec<Entry>), StoreError> {
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path)
            .map_err(StoreError::io(path))?;
        let mut entries = Vec::new();
        let good_bytes = read(&file, path, &mut entries)?;
        file.set_len(good_bytes).map_err(StoreError::io(path))?;
        file.seek(SeekFrom::End(0)).map_err(StoreError::io(path))?;
        Ok((Journal { file, path: path.to_owned() }, entries))
    }

    /// Begins anew: for a run that was refused or only judged, and so has left nothing anywhere.
    ///
    /// # Errors
    /// When the disk will not take it.
    pub fn restart(&mut self) -> Result<(), StoreError> {
        self.file.set_len(0).map_err(StoreError::io(&self.path))?;
        self.file.seek(SeekFrom::Start(0)).map_err(StoreError::io(&self.path))?;
        Ok(())
    }

    /// Appends one entry as a single write.
    ///
    /// # Errors
    /// When the disk will not take it: the caller must stop working, for what is not journalled did not happen.
    pub fn append(&mut self, entry: &Entry) -> Result<(), StoreError> {
        let mut line = serde_json::to_vec(entry)
            .map_err(|e| StoreError::Io { path: self.path.clone(), error: e.into() })?;
        line.push(b'\n');
        self.file.write_all(&line).map_err(StoreError::io(&self.path))?;
        if entry.event.must_be_durable() {
            self.file.sync_data().map_err(StoreError::io(&self.path))?;
        }
        Ok(())
    }
}

/// Reads a journal without touching it.
///
/// # Errors
/// When it cannot be read, or is damaged before its last line.
pub fn read_journal(path: &Path) -> Result<Vec<Entry>, StoreError> {
    match salvage_journal(path) {
        (entries, None) => Ok(entries),
        (_, Some(error)) => Err(error),
    }
}

/// The entries up to where a journal can be read, and why not beyond that.
pub fn salvage_journal(path: &Path) -> (Vec<Entry>, Option<StoreError>) {
    let mut entries = Vec::new();
    let file = File::open(path).map_err(StoreError::io(path));
    let error = file.and_then(|file| read(&file, path, &mut entries)).err();
    (entries, error)
}

/// The last entry, where it is short enough to be found at once; a torn tail is passed over.
pub fn last_entry(path: &Path) -> Option<Entry> {
    let mut file = File::open(path).ok()?;
    let length = file.metadata().ok()?.len();
    let mut end = Vec::new();
    file.seek(SeekFrom::Start(length.saturating_sub(END))).ok()?;
    file.take(END).read_to_end(&mut end).ok()?;
    let whole = &end[..end.iter().rposition(|byte| *byte == b'\n')?];
    let line = whole.rsplit(|byte| *byte == b'\n').next()?;
    serde_json::from_slice(line).ok()
}

/// Collects the entries and returns the length of the part of the file that they make up.
fn read(file: &File, path: &Path, entries: &mut Vec<Entry>) -> Result<u64, StoreError> {
    let mut reader = BufReader::new(file);
    let mut good_bytes = 0;
    let mut line = Vec::new();
    loop {
        line.clear();
        let length = reader.read_until(b'\n', &mut line).map_err(StoreError::io(path))?;
        if length == 0 || line.last() != Some(&b'\n') {
            return Ok(good_bytes);
        }
        match serde_json::from_slice::<Entry>(&line) {
            Ok(entry) => entries.push(entry),
            Err(error) => {
                // Blocks of one write may reach the disk in any order: a broken last line can end in a newline.
                let mut rest = Vec::new();
                if reader.read_until(b'\n', &mut rest).map_err(StoreError::io(path))? == 0 {
                    return Ok(good_bytes);
                }
                let line = entries.len() as u64 + 1;
                return Err(StoreError::Damaged { path: path.to_owned(), line, why: error.to_string() });
            }
        }
        good_bytes += length as u64;
    }
}
