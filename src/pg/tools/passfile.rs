//! How a child gets its password: PGPASSFILE names a file without a name in any folder.
//!
//! The file is a memfd of ours, reached through `/proc/<our pid>/fd/<n>`. libpq demands that it is a regular file
//! with no rights for others, and so it is. Nothing is inherited, nothing lies on a disk, and it is gone with our
//! descriptor. The kernel lets only processes with our user and our rights follow that path. Where that cannot be had
//! (no memfd, no /proc), a 0600 file in a private folder stands in and is removed when the child has ended.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::fs::{MemfdFlags, Mode, fchmod, memfd_create};

use super::ToolError;
use crate::model::secret::Secret;

/// Makes the names of the fallback's files differ within this process.
static COUNTER: AtomicU32 = AtomicU32::new(0);

/// A password file that exists as long as this value.
#[derive(Debug)]
pub(super) struct PassFile {
    path: PathBuf,
    /// Holds the memfd open; None for the fallback, whose file is removed on drop.
    memfd: Option<File>,
}

impl PassFile {
    /// A file with one line that fits every server. Without a password it is empty, so that libpq does not look into
    /// the home directory for one.
    ///
    /// # Errors
    ///
    /// [`ToolError::Password`] for a password that the file's format cannot hold, [`ToolError::PasswordFile`] if
    /// neither way works.
    pub(super) fn new(password: Option<&Secret>, folder: &Path, program: &str) -> Result<Self, ToolError> {
        let line = password.map(line_for).transpose()?.unwrap_or_default();
        Self::in_memory(&line)
            .or_else(|_| Self::on_disk(&line, folder))
            .map_err(|cause| ToolError::PasswordFile { program: program.to_owned(), cause })
    }

    /// What PGPASSFILE is to say.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    fn in_memory(line: &str) -> io::Result<Self> {
        let mode = Mode::RUSR | Mode::WUSR;
        let descriptor = memfd_create("pgpassfile", MemfdFlags::CLOEXEC)?;
        // Before the password is in it: a memfd starts with all rights for all.
        fchmod(&descriptor, mode)?;
        let mut file = File::from(descriptor);
        file.write_all(line.as_bytes())?;
        let path = PathBuf::from(format!("/proc/{}/fd/{}", std::process::id(), file.as_raw_fd()));
        // As libpq will look at it. In a PID namespace with a foreign /proc the path leads nowhere or elsewhere.
        let (seen, own) = (std::fs::metadata(&path)?, file.metadata()?);
        let same = seen.is_file() && seen.ino() == own.ino() && seen.dev() == own.dev();
        if same { Ok(Self { path, memfd: Some(file) }) } else { Err(io::ErrorKind::NotFound.into()) }
    }

    fn on_disk(line: &str, folder: &Path) -> io::Result<Self> {
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        let path = folder.join(format!(".pgpass-{}-{number}", std::process::id()));
        // Never one that exists: somebody else might have made it, with wider rights.
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        let made = Self { path, memfd: None };
        file.write_all(line.as_bytes())?;
        Ok(made)
    }
}

impl Drop for PassFile {
    fn drop(&mut self) {
        if self.memfd.is_none() {
            // Nothing can be done about a failure here, and the folder is private.
            drop(std::fs::remove_file(&self.path));
        }
    }
}

/// `*:*:*:*:password`, with backslash and colon escaped (manual, "The Password File").
fn line_for(password: &Secret) -> Result<String, ToolError> {
    let password = password.expose();
    if password.contains(['\n', '\0']) || password.ends_with('\r') {
        return Err(ToolError::Password("contains a line break or a zero byte"));
    }
    Ok(format!("*:*:*:*:{}\n", password.replace('\\', "\\\\").replace(':', "\\:")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_is_escaped_and_the_file_is_private() {
        let folder = tempfile::tempdir().unwrap();
        let secret = Secret::new(r"a:b\c'd");
        let line = line_for(&secret).unwrap();
        assert_eq!(line, "*:*:*:*:a\\:b\\\\c'd\n");
        for file in [PassFile::in_memory(&line).unwrap(), PassFile::on_disk(&line, folder.path()).unwrap()] {
            let meta = std::fs::metadata(file.path()).unwrap();
            assert!(meta.is_file());
            assert_eq!(meta.mode() & 0o777, 0o600);
            assert_eq!(std::fs::read_to_string(file.path()).unwrap(), line);
        }
        assert_eq!(folder.path().read_dir().unwrap().count(), 0, "the file on disk is gone");
        assert!(line_for(&Secret::new("a\nb")).is_err());
    }
}
