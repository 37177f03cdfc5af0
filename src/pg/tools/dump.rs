//! Runs `pg_dump` for the schema of one database and takes the archive into memory.

use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};
use tokio_util::sync::CancellationToken;

use super::passfile::PassFile;
use super::{ToolError, name_of, redact};
use crate::model::secret::Secret;
use crate::model::units::{TableName, printable};
use crate::pg::quote::{Ident, Qualified};

/// PATH of a child: it needs none, but a tool may be a shell script that does.
pub(super) const CHILD_PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// The most that is taken of an archive, in bytes.
const MAX_ARCHIVE_BYTES: usize = 2 << 30;

/// The most that is kept of what a child says, in bytes. What goes beyond is read and thrown away.
const MAX_STDERR_BYTES: usize = 1 << 20;

/// The most lines that a failure's reason holds.
const MAX_REASON_LINES: usize = 6;

/// How long a child may take to end after SIGTERM.
const TERM_GRACE: Duration = Duration::from_secs(3);

/// What an archive is to hold.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Content {
    /// Everything but rows, sequence values, large objects and statistics (`--schema-only`).
    #[default]
    Schema,
    /// The planner's statistics alone (`--statistics-only`, pg_dump 18 and later): for targets from 18 on, from sources of
    /// any version. pg_dump refuses to put them into an archive of `--schema-only`.
    Statistics,
}

/// A kind of object that can be left out of an archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LeaveOut {
    /// `--no-subscriptions`. They hold connection strings with passwords.
    Subscriptions,
    /// `--no-publications`.
    Publications,
    /// `--no-security-labels`.
    SecurityLabels,
    /// `--no-comments`.
    Comments,
    /// `--no-privileges`.
    Privileges,
}

impl LeaveOut {
    fn flag(self) -> &'static str {
        match self {
            Self::Subscriptions => "--no-subscriptions",
            Self::Publications => "--no-publications",
            Self::SecurityLabels => "--no-security-labels",
            Self::Comments => "--no-comments",
            Self::Privileges => "--no-privileges",
        }
    }
}

/// What to dump, beside the defaults.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DumpOptions {
    /// Schema, or statistics.
    pub content: Content,
    /// Schemas to leave out, by their exact names.
    pub exclude_schemas: Vec<String>,
    /// Tables to leave out, by their exact names.
    pub exclude_tables: Vec<TableName>,
    /// Extensions to leave out, by their exact names (pg_dump 17 and later).
    pub exclude_extensions: Vec<String>,
    /// Kinds of objects to leave out.
    pub leave_out: Vec<LeaveOut>,
}

/// One run of `pg_dump`.
#[derive(Debug, Clone)]
pub struct DumpRequest {
    /// The program.
    pub tool: PathBuf,
    /// Where to connect, as libpq's `key='value'` list and without a password.
    pub conninfo: String,
    /// The password, if the server wants one.
    pub password: Option<Secret>,
    /// The exported snapshot under which to read.
    pub snapshot: Option<String>,
    /// How long to wait for a lock on a table, in milliseconds.
    pub lock_timeout_ms: u64,
    /// How long to wait for a connection, in seconds, where the conninfo does not say.
    pub connect_timeout_s: Option<u32>,
    /// Settings of the session (PGOPTIONS), where the conninfo has no `options`.
    pub session_options: Option<String>,
    /// How long the whole run may take.
    pub time_limit: Duration,
    /// A folder of ours that nobody else can enter, for a password file where memory will not do.
    pub private_folder: PathBuf,
    /// What to dump.
    pub options: DumpOptions,
}

/// How bad a line on stderr is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Neither of the others.
    Note,
    /// The archive is there, but something is left out or peculiar.
    Warning,
    /// The run failed.
    Error,
}

/// A line that a child said, redacted and safe for a terminal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StderrLine {
    /// How bad it is; details and hints are as bad as what they explain.
    pub level: Level,
    /// The line, without the program's name and `error:`.
    pub text: String,
}

/// What a successful run gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dump {
    /// The archive, for [`crate::pg::archive::parse`].
    pub archive: Vec<u8>,
    /// What the child said: warnings at most.
    pub stderr_lines: Vec<StderrLine>,
}

/// Runs `pg_dump` and takes its archive. The child is ended when the token is cancelled, when it takes too long or
/// writes too much, and (at once) when this future is dropped.
///
/// # Errors
///
/// [`ToolError`]; nothing of a failed run's output is returned.
pub async fn dump_schema(request: &DumpRequest, cancel: CancellationToken) -> Result<Dump, ToolError> {
    let program = name_of(&request.tool);
    let passfile = PassFile::new(request.password.as_ref(), &request.private_folder, &program)?;
    let failed_to_run = |cause| ToolError::Io { program: program.clone(), cause };
    let mut child = command(request, &passfile).spawn().map_err(failed_to_run)?;
    let outcome = tokio::select! {
        biased;
        () = cancel.cancelled() => Err(ToolError::Cancelled),
        () = tokio::time::sleep(request.time_limit) =>
            Err(ToolError::TimedOut { program: program.clone(), limit_s: request.time_limit.as_secs() }),
        output = collect(&mut child) => output.map_err(failed_to_run),
    };
    let output = match outcome {
        Ok(output) if !output.too_much => output,
        Ok(_) => {
            end(&mut child).await;
            return Err(ToolError::TooMuchOutput { program, limit_bytes: MAX_ARCHIVE_BYTES });
        }
        Err(error) => {
            end(&mut child).await;
            return Err(error);
        }
    };
    let stderr_lines = classify(&redact(&output.stderr), &program);
    if output.status.success() {
        return Ok(Dump { archive: output.stdout, stderr_lines });
    }
    Err(ToolError::Failed { reason: reason(&stderr_lines, output.status), program, stderr_lines })
}

/// The command with its whole argv and environment. Neither holds a secret.
fn command(request: &DumpRequest, passfile: &PassFile) -> Command {
    let mut command = Command::new(&request.tool);
    command.arg("--format=custom").args(["--no-password", "--encoding=UTF8"]);
    command.arg(match request.options.content {
        Content::Schema => "--schema-only",
        Content::Statistics => "--statistics-only",
    });
    command.arg(format!("--lock-wait-timeout={}", request.lock_timeout_ms));
    if let Some(snapshot) = &request.snapshot {
        command.arg(format!("--snapshot={snapshot}"));
    }
    let options = &request.options;
    command.args(options.leave_out.iter().map(|kind| kind.flag()));
    // pg_dump takes patterns; in double quotes nothing is special (manual, "Patterns" of psql).
    command.args(options.exclude_schemas.iter().map(|name| format!("--exclude-schema={}", Ident(name))));
    command.args(options.exclude_tables.iter().map(|name| format!("--exclude-table={}", Qualified(name))));
    command
        .args(options.exclude_extensions.iter().map(|name| format!("--exclude-extension={}", Ident(name))));
    command.arg("--dbname").arg(&request.conninfo);
    command.env_clear().env("LC_ALL", "C").env("PATH", CHILD_PATH).env("PGPASSFILE", passfile.path());
    if let Some(timeout_s) = request.connect_timeout_s {
        command.env("PGCONNECT_TIMEOUT", timeout_s.to_string());
    }
    if let Some(settings) = &request.session_options {
        command.env("PGOPTIONS", settings);
    }
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    // A group of its own: Ctrl-C in the terminal is for us to answer.
    command.process_group(0).kill_on_drop(true);
    command
}

/// All that a child wrote, and how it ended.
struct Output {
    stdout: Vec<u8>,
    stderr: String,
    status: ExitStatus,
    /// The archive did not fit; then the child may still run.
    too_much: bool,
}

/// Reads both streams to their ends and waits for the child.
async fn collect(child: &mut Child) -> std::io::Result<Output> {
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let archive = read_bounded(stdout, MAX_ARCHIVE_BYTES);
    let said = read_and_drain(stderr);
    let (archive, said) = tokio::try_join!(archive, said)?;
    let (stdout, too_much) = archive;
    if too_much {
        return Ok(Output { stdout: Vec::new(), stderr: said, status: ExitStatus::default(), too_much });
    }
    let status = child.wait().await?;
    Ok(Output { stdout, stderr: said, status, too_much })
}

/// Reads up to `limit_bytes`; whether there was more.
async fn read_bounded(
    stream: Option<impl AsyncRead + Unpin>,
    limit_bytes: usize,
) -> std::io::Result<(Vec<u8>, bool)> {
    let mut bytes = Vec::new();
    if let Some(stream) = stream {
        let limit = u64::try_from(limit_bytes).unwrap_or(u64::MAX).saturating_add(1);
        // The reader is dropped here: a child that goes on writing gets EPIPE, not a full pipe to wait on.
        stream.take(limit).read_to_end(&mut bytes).await?;
    }
    let too_much = bytes.len() > limit_bytes;
    Ok((bytes, too_much))
}

/// Reads to the end and keeps the beginning, where the first error stands.
async fn read_and_drain(stream: Option<impl AsyncRead + Unpin>) -> std::io::Result<String> {
    let mut kept = Vec::new();
    if let Some(mut stream) = stream {
        let mut buffer = vec![0; 8192];
        loop {
            let count = stream.read(&mut buffer).await?;
            if count == 0 {
                break;
            }
            let room = MAX_STDERR_BYTES.saturating_sub(kept.len()).min(count);
            kept.extend(buffer.iter().take(room));
        }
    }
    Ok(String::from_utf8_lossy(&kept).into_owned())
}

/// Ends a child: SIGTERM, a while later SIGKILL, and in any case reaped.
async fn end(child: &mut Child) {
    // No id means that it is reaped already, so that the number may be somebody else's.
    let pid = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
    if let Some(pid) = pid {
        let asked = kill_process(pid, Signal::TERM);
        if asked.is_err() || tokio::time::timeout(TERM_GRACE, child.wait()).await.is_err() {
            // Fails only for a child that has ended.
            drop(child.kill().await);
        }
    }
}

/// Sorts redacted stderr into lines. The forms are pg_dump's since 12 (`pg_dump: error: …`); the server's own messages
/// stand within these, and details, hints and the lines of a query follow what they belong to.
fn classify(text: &str, program: &str) -> Vec<StderrLine> {
    let prefix = format!("{program}: ");
    let mut level = Level::Note;
    let mut lines = Vec::new();
    // libpq names the password file when a server refuses what stands in it; ours is nobody's business.
    let idle = |line: &str| line.trim().is_empty() || line.starts_with("password retrieved from file ");
    for line in text.lines().filter(|line| !idle(line)) {
        let mut rest = line;
        if let Some(said) = line.strip_prefix(&prefix) {
            rest = said;
            let levels =
                [("error: ", Level::Error), ("fatal: ", Level::Error), ("warning: ", Level::Warning)];
            let known = levels.iter().find(|(word, _)| said.starts_with(word));
            if let Some((word, found)) = known {
                level = *found;
                rest = said.get(word.len()..).unwrap_or(said);
            } else if !said.starts_with("detail: ") && !said.starts_with("hint: ") {
                level = Level::Note;
            }
        }
        lines.push(StderrLine { level, text: printable(rest) });
    }
    lines
}

/// The first error with what belongs to it, for people; without one, how the child ended.
fn reason(lines: &[StderrLine], status: ExitStatus) -> String {
    let errors = lines.iter().skip_while(|line| line.level != Level::Error);
    let errors: Vec<&str> =
        errors.take_while(|line| line.level == Level::Error).map(|line| line.text.as_str()).collect();
    match errors.get(..MAX_REASON_LINES.min(errors.len())) {
        None | Some([]) => {
            let last = lines.last().map(|line| format!(": {}", line.text)).unwrap_or_default();
            format!("{status}{last}")
        }
        Some(first) => first.join("\n"),
    }
}

#[cfg(test)]
#[path = "dump_tests.rs"]
mod tests;
