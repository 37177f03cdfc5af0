//! An engine in this very process.

use super::Link;
use super::place::Socket;
use super::serve::host;
use crate::engine::{self, Handle};
use crate::model::command::{Command, StopReason};
use crate::model::failure::Failure;
use crate::model::plan::Plan;
use crate::model::secrets::Secrets;
use crate::model::task::{Stay, Task};
use crate::store::Folder;

/// Starts an engine here. Must be called within a tokio runtime.
///
/// # Errors
/// When the migration's folder cannot be used, or another engine works on it.
pub fn start_local(plan: Plan, secrets: Secrets, stay: Stay) -> Result<Link, Failure> {
    let folder = Folder::at(&plan.home);
    hosted(folder, || engine::start(plan, secrets, stay))
}

/// Starts an engine here for a later command on a migration that exists.
///
/// # Errors
/// As [`start_local`].
pub fn resume_local(plan: Plan, secrets: Secrets, task: Task) -> Result<Link, Failure> {
    let folder = Folder::at(&plan.home);
    hosted(folder, || engine::resume(plan, secrets, task))
}

/// Other faces may join; where the disk takes no socket, this one is enough.
fn hosted(folder: Folder, start: impl FnOnce() -> Result<Handle, Failure>) -> Result<Link, Failure> {
    let socket = Socket::bind(&folder);
    let handle = start()?;
    let published = socket.and_then(|mut socket| socket.publish().map(|()| socket));
    if let Err(error) = &published {
        tracing::warn!("no other window can join: {}: {error}", folder.socket_path().display());
    }
    Ok(host(handle, folder, published.ok()))
}

/// What `start` starts, for an engine that nobody could watch or stop without a socket.
///
/// # Errors
/// As [`start_local`], and where the disk takes no socket.
pub(super) async fn reachable(
    folder: Folder,
    start: impl FnOnce() -> Result<Handle, Failure>,
) -> Result<Link, Failure> {
    let refused = |error: std::io::Error| {
        Failure::local(format!("no window could join: {}: {error}", folder.socket_path().display()))
            .advise("put the state folder (XDG_STATE_HOME) on a local disk, or use --foreground")
    };
    let mut socket = Socket::bind(&folder).map_err(refused)?;
    let handle = start()?;
    // Only who holds the lock may do this; the folder has taken this very file under another name.
    if let Err(error) = socket.publish() {
        let mut link = host(handle, folder.clone(), None);
        link.commands().send(Command::Stop { because: StopReason::Terminated }).await.ok();
        while link.next_entry().await.is_some() {}
        return Err(refused(error));
    }
    Ok(host(handle, folder, Some(socket)))
}
