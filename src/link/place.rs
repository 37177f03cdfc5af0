//! Where an engine's socket lies: in the migration's folder, for nobody but its owner.

use crate::store::Folder;
use std::fs::{self, File, Permissions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use tokio::net::{UnixListener, UnixStream};

/// The kernel takes addresses of up to 108 bytes.
const LONGEST_ADDRESS: usize = 100;

/// A socket that listens, under a name that nobody looks for until it is published.
#[derive(Debug)]
pub(super) struct Socket {
    listener: UnixListener,
    /// Until it is published.
    hidden: Option<PathBuf>,
    path: PathBuf,
}

impl Socket {
    /// # Errors
    /// When the folder's file system takes no socket.
    pub(super) fn bind(folder: &Folder) -> io::Result<Self> {
        let hidden = folder.path().join(format!("socket.{}", std::process::id()));
        // Left by a process of the same number that died in between.
        fs::remove_file(&hidden).ok();
        let listener = at(&hidden, |address| UnixListener::bind(address))?;
        let socket = Self { listener, hidden: Some(hidden.clone()), path: folder.socket_path() };
        fs::set_permissions(&hidden, Permissions::from_mode(0o600))?;
        Ok(socket)
    }

    /// Takes the place of whatever socket a dead engine has left. Only for who holds the migration's lock.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub(super) fn publish(&mut self) -> io::Result<()> {
        if let Some(hidden) = &self.hidden {
            fs::rename(hidden, &self.path)?;
        }
        self.hidden = None;
        Ok(())
    }

    pub(super) async fn accept(&self) -> io::Result<UnixStream> {
        self.listener.accept().await.map(|(stream, _)| stream)
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        // The published one is removed under the lock, and another of this process may be about to be.
        if let Some(hidden) = &self.hidden {
            fs::remove_file(hidden).ok();
        }
    }
}

/// Knocks at an engine's door.
///
/// # Errors
/// When nobody listens there.
pub(super) async fn connect(folder: &Folder) -> io::Result<UnixStream> {
    let path = folder.socket_path();
    match short(&path)? {
        Short::Itself => UnixStream::connect(&path).await,
        Short::Under(_folder, address) => UnixStream::connect(address).await,
    }
}

fn at<T>(path: &Path, with: impl FnOnce(&Path) -> io::Result<T>) -> io::Result<T> {
    match short(path)? {
        Short::Itself => with(path),
        Short::Under(_folder, address) => with(&address),
    }
}

enum Short {
    Itself,
    /// By way of the open folder, which has to stay open meanwhile.
    Under(File, PathBuf),
}

/// A path that fits into an address. The same socket is reached whatever the environment says and from every login.
fn short(path: &Path) -> io::Result<Short> {
    if path.as_os_str().len() <= LONGEST_ADDRESS {
        return Ok(Short::Itself);
    }
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    let folder = File::open(folder)?;
    let address = PathBuf::from(format!("/proc/self/fd/{}", folder.as_raw_fd())).join(name);
    Ok(Short::Under(folder, address))
}

/// Only processes of the same user are spoken to, whatever the permissions of files say.
pub(super) fn is_ours(stream: &UnixStream) -> bool {
    stream.peer_cred().is_ok_and(|peer| peer.uid() == rustix::process::geteuid().as_raw())
}
