//! One life of a server process: from its start until it has ended.

use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::folder::Folder;
use super::{ClusterError, search_path};

/// How long a server may take to accept connections, crash recovery included.
const START_BOUND: Duration = Duration::from_secs(30);
/// How long a clean shutdown may take; with a subscriber that lags it would wait for that.
const STOP_BOUND: Duration = Duration::from_secs(15);
/// How long an immediate shutdown may take; the postmaster itself kills its children after 5 s.
const KILL_BOUND: Duration = Duration::from_secs(8);
/// How long the system may take to bury a killed process.
const BURY_BOUND: Duration = Duration::from_secs(5);
/// The pause between two looks.
const LOOK_INTERVAL: Duration = Duration::from_millis(20);
/// How many lines of the log an error shows.
const LOG_TAIL_LINES: usize = 15;
/// Below the range from which systems take the ports of outgoing connections, which could steal one.
const PORTS: std::ops::Range<u16> = 20_000..32_000;

/// A running server; killed when dropped.
#[derive(Debug)]
pub(super) struct Server {
    postmaster: Child,
}

impl Server {
    /// Starts a postmaster and waits until it accepts connections.
    pub(super) fn start(bin: &Path, folder: &Folder, port: u16) -> Result<Self, ClusterError> {
        let log = folder.open_log()?;
        let log_before_bytes = folder.log_text().len();
        let same_log = log.try_clone().map_err(ClusterError::io("open the server's log twice"))?;
        let mut command = Command::new(bin.join("postgres"));
        command.arg("-D").arg(folder.data());
        folder.enter(&mut command);
        command.stdin(Stdio::null()).stdout(log).stderr(same_log).process_group(0);
        let postmaster = command.spawn().map_err(ClusterError::io("run postgres"))?;
        let mut server = Self { postmaster };
        server.wait_ready(folder).map_err(|why| {
            // What an earlier server logged is no part of this one's failure.
            let log = folder.log_text().get(log_before_bytes..).map(tail).unwrap_or_default();
            ClusterError::NotReady { port, why, log }
        })?;
        Ok(server)
    }

    /// The postmaster's process id.
    pub(super) fn pid(&self) -> u32 {
        self.postmaster.id()
    }

    /// Ends the server cleanly, or by force after a bound.
    pub(super) fn stop(&mut self) -> Result<(), ClusterError> {
        if self.ends(Signal::INT, STOP_BOUND) { Ok(()) } else { self.kill() }
    }

    /// Ends the server without a checkpoint, as a crash would.
    pub(super) fn kill(&mut self) -> Result<(), ClusterError> {
        if self.ends(Signal::QUIT, KILL_BOUND) {
            return Ok(());
        }
        // Each child of a postmaster leads a process group of its own, so they are looked up one by one.
        for child in children_of(self.pid()) {
            kill_process(child, Signal::KILL).ok();
        }
        if self.ends(Signal::KILL, BURY_BOUND) { Ok(()) } else { Err(ClusterError::Immortal(self.pid())) }
    }

    /// Sends a signal, and says whether the postmaster ended within the bound.
    fn ends(&mut self, signal: Signal, bound: Duration) -> bool {
        let deadline = Instant::now() + bound;
        // A child that was not waited for keeps its number, so this cannot hit a stranger.
        if !self.has_ended() {
            kill_process(Pid::from_child(&self.postmaster), signal).ok();
        }
        while !self.has_ended() {
            if Instant::now() > deadline {
                return false;
            }
            sleep(LOOK_INTERVAL);
        }
        true
    }

    /// Whether the postmaster is gone.
    fn has_ended(&mut self) -> bool {
        matches!(self.postmaster.try_wait(), Ok(Some(_)))
    }

    /// Waits for the word `ready` that the postmaster writes into its pid file once it accepts connections.
    ///
    /// Unlike a connection, that file cannot be another server's on the same port.
    fn wait_ready(&mut self, folder: &Folder) -> Result<(), &'static str> {
        let deadline = Instant::now() + START_BOUND;
        let file = folder.data().join("postmaster.pid");
        let own_pid = self.pid().to_string();
        loop {
            let text = std::fs::read_to_string(&file).unwrap_or_default();
            let mut lines = text.lines();
            // After a crash the file is the dead server's until this one rewrites it.
            if lines.next() == Some(own_pid.as_str()) && lines.nth(6).map(str::trim) == Some("ready") {
                return Ok(());
            }
            if self.has_ended() {
                return Err("ended while starting");
            }
            if Instant::now() > deadline {
                return Err("is not ready after 30 s");
            }
            sleep(LOOK_INTERVAL);
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Nobody is left to tell; the guardian tries again.
        self.kill().ok();
    }
}

/// Leaves a child only what it needs: `PG*` variables of the caller must not change what these programs do.
pub(super) fn clear_environment(command: &mut Command) {
    command.env_clear().env("PATH", search_path()).env("LC_ALL", "C");
    if let Some(libraries) = std::env::var_os("LD_LIBRARY_PATH") {
        command.env("LD_LIBRARY_PATH", libraries);
    }
}

/// A port that nobody listens on at this moment.
pub(super) fn free_port() -> Result<u16, ClusterError> {
    let mut last_error = std::io::Error::from(std::io::ErrorKind::AddrInUse);
    for _ in 0..100 {
        let port = random_port()?;
        match TcpListener::bind(("127.0.0.1", port)) {
            Ok(_) => return Ok(port),
            Err(error) => last_error = error,
        }
    }
    Err(ClusterError::Io { what: "find a free port".to_owned(), source: last_error })
}

/// Whether a server failed to start because its port was taken in the meantime.
pub(super) fn port_was_taken(error: &ClusterError) -> bool {
    matches!(error, ClusterError::NotReady { log, .. } if log.contains("could not create any TCP/IP sockets"))
}

/// Any port of the range, different in processes that start at the same moment.
fn random_port() -> Result<u16, ClusterError> {
    let mut bytes = [0; 2];
    let source = std::fs::File::open("/dev/urandom");
    let read = source.and_then(|mut source| std::io::Read::read_exact(&mut source, &mut bytes));
    read.map_err(ClusterError::io("read /dev/urandom"))?;
    Ok(PORTS.start + u16::from_ne_bytes(bytes) % (PORTS.end - PORTS.start))
}

/// The processes whose parent is `pid`; none where the system does not say.
fn children_of(pid: u32) -> Vec<Pid> {
    let list = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    list.split_whitespace().filter_map(|number| Pid::from_raw(number.parse().ok()?)).collect()
}

/// The last lines of a text.
fn tail(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(LOG_TAIL_LINES)..].join("\n")
}
