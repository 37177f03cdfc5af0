//! A reader that keeps up with a journal while it is written.

use super::StoreError;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

/// Where somebody is in a journal. Reads what is said to be there and never beyond: a line whose writing failed is in
/// the file, and did not happen.
#[derive(Debug)]
pub struct Tail {
    reader: BufReader<File>,
    path: PathBuf,
    /// The last entry that was read. Entries count from 1 without gaps, one a line.
    seq: u64,
}

impl Tail {
    /// # Errors
    /// When the journal cannot be opened.
    pub fn open(path: &Path) -> Result<Tail, StoreError> {
        let file = File::open(path).map_err(StoreError::io(path))?;
        Ok(Tail { reader: BufReader::with_capacity(64 << 10, file), path: path.to_owned(), seq: 0 })
    }

    /// The last entry that was read or passed over.
    pub fn seq(&self) -> u64 {
        self.seq
    }

    /// Reads the next line into `line`, without its end. It must have been announced.
    ///
    /// # Errors
    /// When it cannot be read, or is not there as a whole.
    pub fn next(&mut self, line: &mut Vec<u8>) -> Result<(), StoreError> {
        line.clear();
        self.reader.read_until(b'\n', line).map_err(StoreError::io(&self.path))?;
        if line.pop() != Some(b'\n') {
            let why = "the line is not whole".to_owned();
            return Err(StoreError::Damaged { path: self.path.clone(), line: self.seq + 1, why });
        }
        self.seq += 1;
        Ok(())
    }
}
