//! The cleaner of last resort: a shell that outlives this program only to remove what it left.
//!
//! It reads from a pipe the process id of the server, or 0 while there is none. The pipe closes when this program ends,
//! however it ends; then the guardian kills the server it last heard of and removes the folder.

use std::fs::File;
use std::io::Write;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};

use super::{ClusterError, server};

/// QUIT is the immediate shutdown, after which the postmaster needs a moment to end its children.
const SCRIPT: &str = r#"
pid=0
while read -r next; do pid=$next; done
if [ "$pid" -gt 0 ] && kill -QUIT "$pid" 2>/dev/null; then
    for _ in 1 2 3 4 5 6 7 8 9 10; do kill -0 "$pid" 2>/dev/null || break; sleep 0.5; done
    kill -KILL "$pid" 2>/dev/null
fi
rm -rf -- "$1"
"#;

/// The guardian of one cluster's folder.
#[derive(Debug)]
pub(super) struct Guardian {
    child: Mutex<Child>,
    /// Taken when dropped, to close it.
    pipe: Mutex<Option<File>>,
}

impl Guardian {
    /// Starts watching; from here on the folder goes away with this program.
    pub(super) fn start(folder: &Path) -> Result<Self, ClusterError> {
        let mut command = Command::new("/bin/sh");
        command.arg("-c").arg(SCRIPT).arg("pgpassage-guardian").arg(folder);
        server::clear_environment(&mut command);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).current_dir("/");
        // A group of its own: Ctrl-C in the terminal must not end the cleaner before the mess is made.
        let mut child = command.process_group(0).spawn().map_err(ClusterError::io("run /bin/sh"))?;
        let pipe = child.stdin.take().map(|stdin| File::from(OwnedFd::from(stdin)));
        Ok(Self { child: Mutex::new(child), pipe: Mutex::new(pipe) })
    }

    /// Says which process is to be ended, if any.
    pub(super) fn watch(&self, pid: Option<u32>) {
        let mut pipe = self.pipe.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pipe) = pipe.as_mut() {
            // Without a guardian the cluster still works and is still removed when dropped.
            writeln!(pipe, "{}", pid.unwrap_or(0)).ok();
        }
    }
}

impl Drop for Guardian {
    fn drop(&mut self) {
        self.pipe.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        // Its own bound is about five seconds, and the server has ended before.
        self.child.get_mut().unwrap_or_else(PoisonError::into_inner).wait().ok();
    }
}
