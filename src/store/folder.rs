//! One migration's folder, and the lock that lets only one engine work on it.

use super::StoreError;
use crate::model::names::{check_id, later_ids};
use crate::model::plan::Plan;
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How often a lock that is taken is tried again, and after how long.
const LOOKS: u32 = 4;
const LOOK: Duration = Duration::from_millis(5);

#[derive(Debug, Clone)]
pub struct Folder {
    path: PathBuf,
}

/// Held as long as an engine works on the migration; the kernel releases it when the process dies, however it dies.
#[derive(Debug)]
pub struct Locked {
    _file: File,
}

impl Folder {
    /// The folder of `id` below the state directory (`$XDG_STATE_HOME/pgpassage`); made private when it is new.
    ///
    /// # Errors
    /// When the id is not one, or the folder cannot be made.
    pub fn create(state_dir: &Path, id: &str) -> Result<Folder, StoreError> {
        check_id(id).map_err(|why| StoreError::BadId { id: id.to_owned(), why })?;
        let path = state_dir.join(id);
        DirBuilder::new().recursive(true).mode(0o700).create(&path).map_err(StoreError::io(&path))?;
        Ok(Folder { path })
    }

    pub fn at(path: &Path) -> Folder {
        Folder { path: path.to_owned() }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn journal_path(&self) -> PathBuf {
        self.path.join("journal")
    }

    pub fn log_path(&self) -> PathBuf {
        self.path.join("log")
    }

    /// Where the engine that works on this migration listens.
    pub fn socket_path(&self) -> PathBuf {
        self.path.join("socket")
    }

    /// The pid of the engine that holds the lock, if one does; 0 while it has not written it down yet.
    ///
    /// # Errors
    /// When the lock file cannot be read.
    pub fn holder(&self) -> Result<Option<u32>, StoreError> {
        let path = self.path.join("lock");
        let mut file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(StoreError::Io { path, error }),
        };
        // Shared, so that those who look do not take one another for an engine; given back at once.
        match file.try_lock_shared() {
            Ok(()) => Ok(None),
            Err(TryLockError::WouldBlock) => {
                let mut pid = String::new();
                file.read_to_string(&mut pid).map_err(StoreError::io(&path))?;
                Ok(Some(pid.trim().parse().unwrap_or(0)))
            }
            Err(TryLockError::Error(error)) => Err(StoreError::Io { path, error }),
        }
    }

    /// Takes the lock, or says who has it.
    ///
    /// # Errors
    /// [`StoreError::Busy`] with the other engine's pid.
    pub fn lock(&self) -> Result<Locked, StoreError> {
        // Somebody who only looks (see `holder`) has it for a moment.
        for _ in 0..LOOKS {
            match self.try_lock() {
                Err(StoreError::Busy { .. }) => std::thread::sleep(LOOK),
                other => return other,
            }
        }
        self.try_lock()
    }

    fn try_lock(&self) -> Result<Locked, StoreError> {
        let path = self.path.join("lock");
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(StoreError::io(&path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut pid = String::new();
                file.read_to_string(&mut pid).map_err(StoreError::io(&path))?;
                return Err(StoreError::Busy { pid: pid.trim().to_owned() });
            }
            Err(TryLockError::Error(error)) => return Err(StoreError::Io { path, error }),
        }
        file.set_len(0).map_err(StoreError::io(&path))?;
        file.write_all(std::process::id().to_string().as_bytes()).map_err(StoreError::io(&path))?;
        Ok(Locked { _file: file })
    }

    /// Writes plan.json: to a new file first, so that a crash leaves the old one or the new one, never half of one.
    ///
    /// # Errors
    /// When the disk will not take it.
    pub fn write_plan(&self, plan: &Plan) -> Result<(), StoreError> {
        let path = self.path.join("plan.json");
        let fresh = self.path.join("plan.json.new");
        let text = serde_json::to_vec_pretty(plan)
            .map_err(|e| StoreError::Io { path: path.clone(), error: e.into() })?;
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&fresh)
            .map_err(StoreError::io(&fresh))?;
        file.write_all(&text).and_then(|()| file.sync_all()).map_err(StoreError::io(&fresh))?;
        fs::rename(&fresh, &path).map_err(StoreError::io(&path))
    }

    /// # Errors
    /// When there is none, or it is not one of ours.
    pub fn read_plan(&self) -> Result<Plan, StoreError> {
        let path = self.path.join("plan.json");
        let text = fs::read(&path).map_err(StoreError::io(&path))?;
        serde_json::from_slice(&text).map_err(|e| StoreError::Io { path, error: e.into() })
    }

    pub fn has_journal(&self) -> bool {
        fs::metadata(self.journal_path()).is_ok_and(|m| m.len() > 0)
    }
}

/// Six letters and digits from the given random bytes, without those that are easily mistaken for one another.
pub fn new_id(random: [u8; 6]) -> String {
    const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    random.iter().map(|b| char::from(ALPHABET[usize::from(b % 32)])).collect()
}

/// The next id after this one of which there is no folder, whatever that would hold; none where no id can follow it.
pub fn free_id(state_dir: &Path, taken: &str) -> Option<String> {
    later_ids(taken).find(|id| fs::symlink_metadata(state_dir.join(id)).is_err())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_engine_is_told_who_works() {
        let state = tempfile::tempdir().unwrap();
        let folder = Folder::create(state.path(), "abc").unwrap();
        let held = folder.lock().unwrap();
        match folder.lock() {
            Err(StoreError::Busy { pid }) => assert_eq!(pid, std::process::id().to_string()),
            other => panic!("expected Busy, got {other:?}"),
        }
        assert_eq!(folder.holder().unwrap(), Some(std::process::id()));
        drop(held);
        assert_eq!(folder.holder().unwrap(), None);
        folder.lock().unwrap();
    }

    #[test]
    fn who_only_looks_is_in_nobodys_way() {
        let state = tempfile::tempdir().unwrap();
        let folder = Folder::create(state.path(), "abc").unwrap();
        assert_eq!(folder.holder().unwrap(), None);
        let stop = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                        folder.holder().unwrap();
                        std::thread::sleep(Duration::from_micros(100));
                    }
                });
            }
            let taken = (0..50).map(|_| folder.lock().map(drop)).collect::<Result<Vec<_>, _>>();
            stop.store(true, std::sync::atomic::Ordering::Relaxed);
            taken.unwrap();
        });
    }

    #[test]
    fn ids_are_checked_before_they_become_paths() {
        let state = tempfile::tempdir().unwrap();
        for bad in ["", "../x", "A", "a b", "_x", "a-b", &"x".repeat(21), &"x_".repeat(10)] {
            assert!(matches!(Folder::create(state.path(), bad), Err(StoreError::BadId { .. })), "{bad:?}");
        }
        assert_eq!(new_id([0, 1, 31, 32, 255, 7]).len(), 6);
    }
}
