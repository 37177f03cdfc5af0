//! An engine in a process of its own, in a session of its own: closing the window, a line that dies, or the death of the
//! face that started it are nothing to it.
//!
//! It is this same program, started with a verb that people do not see. The order comes by its standard input, whether it
//! has begun goes back by its standard output. Its environment is empty but for what names are looked up and
//! certificates are found with: what a face was given in variables stays with the face.

use super::face::{attach, replay};
use super::handover::{Logging, Order, decode, encode};
use super::local::reachable;
use super::{Engine, Known, Link};
use crate::engine;
use crate::model::failure::Failure;
use crate::model::plan::Plan;
use crate::model::secrets::Secrets;
use crate::model::task::{Stay, Task};
use crate::store::Folder;
use close_fds::set_fds_cloexec_threadsafe;
use rustix::process::{Resource, Rlimit, setrlimit, setsid};
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, Command};

/// The word with which the program is an engine.
pub const ENGINE_VERB: &str = "engine-process";

/// What an engine's process keeps of the environment.
const KEPT: [&str; 6] =
    ["SSL_CERT_FILE", "SSL_CERT_DIR", "OPENSSL_CONF", "RES_OPTIONS", "LOCALDOMAIN", "RUST_BACKTRACE"];
/// How long an engine may take to begin. It asks no server before.
const BEGINS: Duration = Duration::from_secs(30);
/// A report is one sentence.
const MOST_REPORT_BYTES: u64 = 64 << 10;
/// How often, and how many times, an engine that is just ending is knocked at.
const KNOCK: Duration = Duration::from_millis(10);
const KNOCKS: u32 = 100;

/// Starts an engine in its own process; returns when it holds the migration's lock and listens.
///
/// # Errors
/// When no process can be started, or it refuses, as [`start_local`](super::start_local) would.
pub async fn start_detached(plan: Plan, secrets: Secrets, stay: Stay) -> Result<Link, Failure> {
    start(Order { plan, secrets, task: None, stay, logging: Logging::default() }).await
}

/// As [`start_detached`], with a log as asked for.
///
/// # Errors
/// As [`start_detached`].
pub async fn start_detached_logging(plan: Plan, secrets: Secrets, logging: Logging) -> Result<Link, Failure> {
    start(Order { plan, secrets, task: None, stay: Stay::AsLongAsItFollows, logging }).await
}

/// As [`start_detached`], for a later command on a migration that no engine works on.
///
/// # Errors
/// As [`start_detached`].
pub async fn resume_detached(plan: Plan, secrets: Secrets, task: Task) -> Result<Link, Failure> {
    let stay = Stay::AsLongAsItFollows;
    start(Order { plan, secrets, task: Some(task), stay, logging: Logging::default() }).await
}

async fn start(order: Order) -> Result<Link, Failure> {
    let home = order.plan.home.clone();
    let mut child = spawn(&home)?;
    let begun = tokio::time::timeout(BEGINS, hand_over(&mut child, &order)).await;
    match begun {
        Ok(begun) => begun?,
        Err(_) => {
            // It is ours, and nobody else's: that it has not begun means that it does not work on anything.
            child.start_kill().ok();
            return Err(Failure::local("the engine's process does not begin").advise("use --foreground"));
        }
    }
    join(&home).await
}

fn spawn(home: &Path) -> Result<Child, Failure> {
    let program = program().map_err(|e| not_started(&e))?;
    let log = OpenOptions::new().append(true).create(true).mode(0o600).open(Folder::at(home).log_path());
    // What whoever started us has left open, such as a script's own lock, must not stay open as long as an engine lives.
    set_fds_cloexec_threadsafe(3, &[]);
    let kept = KEPT.into_iter().filter_map(|name| Some((name, std::env::var_os(name)?)));
    Command::new(program)
        .arg(ENGINE_VERB)
        .env_clear()
        .envs(kept)
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        // For what only a dying process says.
        .stderr(log.map_or_else(|_| Stdio::null(), Stdio::from))
        .spawn()
        .map_err(|e| not_started(&e))
}

fn not_started(error: &std::io::Error) -> Failure {
    Failure::local(format!("the engine's own process cannot be started: {error}"))
        .advise("use --foreground to keep everything in one process")
}

/// This very program, also where it was replaced by another version meanwhile.
fn program() -> std::io::Result<PathBuf> {
    let path = std::env::current_exe()?;
    Ok(if path.exists() { path } else { PathBuf::from("/proc/self/exe") })
}

/// # Errors
/// What the engine says, or that it says nothing.
async fn hand_over(child: &mut Child, order: &Order) -> Result<(), Failure> {
    let (Some(mut to), Some(from)) = (child.stdin.take(), child.stdout.take()) else {
        return Err(Failure::local("the engine's process has no pipes"));
    };
    let bytes = encode(order)?;
    // One that has gone already is told by what it reports, or does not.
    to.write_all(&bytes).await.ok();
    drop(to);
    let mut line = Vec::new();
    let mut report = BufReader::new(from.take(MOST_REPORT_BYTES));
    report.read_until(b'\n', &mut line).await.ok();
    match serde_json::from_slice(&line) {
        Ok(begun) => begun,
        Err(_) => {
            let how = match child.wait().await {
                Ok(status) => status.to_string(),
                Err(error) => error.to_string(),
            };
            Err(Failure::local(format!(
                "the engine's process ended before it began ({how}); its log says why"
            ))
            .advise("use --foreground to keep everything in one process"))
        }
    }
}

/// Joins an engine that has begun, be it only to hear how it ended.
async fn join(home: &Path) -> Result<Link, Failure> {
    for _ in 0..KNOCKS {
        match attach(home).await {
            Ok(link) => return Ok(link),
            Err(_) if Known::read(home).is_some_and(|known| known.engine == Engine::Gone) => {
                return Ok(replay(Folder::at(home)));
            }
            Err(_) => tokio::time::sleep(KNOCK).await,
        }
    }
    attach(home).await
}

/// What a process that is to be an engine does first: leaves the session of the one that started it, and takes its order.
///
/// # Errors
/// When there is none.
pub fn become_engine() -> Result<Order, Failure> {
    setsid().map_err(|e| Failure::local(format!("no session of its own: {e}")))?;
    // What it holds in memory shall not come to lie on a disk.
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) }).ok();
    // Not by way of the library's own buffer, which nobody wipes.
    let stdin = std::io::stdin().as_fd().try_clone_to_owned();
    let stdin = stdin.map_err(|e| Failure::local(format!("no order came: {e}")))?;
    decode(File::from(stdin))
}

/// Begins what was ordered.
///
/// # Errors
/// As [`start_local`](super::start_local), and when no face could join.
pub async fn begin(
    plan: Plan,
    secrets: Secrets,
    (task, stay): (Option<Task>, Stay),
) -> Result<Link, Failure> {
    let folder = Folder::at(&plan.home);
    let start = || match task {
        None => engine::start(plan, secrets, stay),
        Some(task) => engine::resume(plan, secrets, task),
    };
    reachable(folder, start).await
}

/// Tells the face that waits for it whether the engine has begun.
pub fn report(begun: Result<(), &Failure>) {
    let mut line = serde_json::to_vec(&begun).unwrap_or_default();
    line.push(b'\n');
    let mut to = std::io::stdout().lock();
    // A face that has gone meanwhile misses nothing that the journal does not say.
    drop(to.write_all(&line).and_then(|()| to.flush()));
}
