//! Throw-away PostgreSQL clusters: made in a temporary folder, gone when dropped.
//!
//! The demo runs between two of them and the tests use them as real servers. The API blocks; call it from
//! `spawn_blocking` inside an async program. The server runs in a process group of its own, so that Ctrl-C in
//! the terminal reaches this program alone, which then drops the cluster in its own time. A guardian process
//! (see `cluster/guardian.rs`) cleans up if this program dies without dropping anything.

#[path = "cluster/binaries.rs"]
mod binaries;
#[path = "cluster/folder.rs"]
mod folder;
#[path = "cluster/guardian.rs"]
mod guardian;
#[path = "cluster/server.rs"]
mod server;
#[cfg(test)]
#[path = "cluster/tests.rs"]
mod tests;

use std::ffi::OsStr;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};

pub use binaries::find_server_binaries;
use folder::Folder;
use guardian::Guardian;
use server::Server;

/// How often another port is tried when somebody took the chosen one first.
const PORT_ATTEMPTS: usize = 8;

/// What can go wrong with a throw-away cluster.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// No PostgreSQL server programs on this machine; the text says what to install.
    #[error("{0}")]
    NoBinaries(String),
    /// A file, folder or process could not be handled.
    #[error("cannot {what}: {source}")]
    Io {
        /// What was tried, such as "create /tmp/x".
        what: String,
        /// The system's reason.
        source: io::Error,
    },
    /// A program such as initdb ended with an error.
    #[error("{program} failed: {output}")]
    Program {
        /// Its name.
        program: &'static str,
        /// What it said.
        output: String,
    },
    /// The server ended, or was not ready in time.
    #[error("the server on port {port} {why}; the end of its log:\n{log}")]
    NotReady {
        /// The TCP port it was to listen on.
        port: u16,
        /// What happened instead.
        why: &'static str,
        /// The last lines of its log.
        log: String,
    },
    /// A process outlived every signal that was sent to it.
    #[error("process {0} does not end")]
    Immortal(u32),
    /// psql reported an error.
    #[error("psql in database {database}: {stderr}")]
    Psql {
        /// The database that it was connected to.
        database: String,
        /// What it said.
        stderr: String,
    },
}

impl ClusterError {
    /// For `map_err`: says what was tried when the system refused.
    fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }
}

/// The certificate that the server shows, and the authority by which it judges those of clients.
#[derive(Debug, Clone)]
pub struct ServerCertificate {
    /// PEM file; copied into the cluster.
    pub cert: PathBuf,
    /// PEM file; copied into the cluster.
    pub key: PathBuf,
    /// PEM file for client certificates (`clientcert=…` in [`ClusterOptions::hba`]).
    pub client_ca: Option<PathBuf>,
}

/// How a cluster is to be made.
#[derive(Debug, Clone)]
pub struct ClusterOptions {
    /// The folder that holds initdb, postgres and psql.
    pub bin: PathBuf,
    /// Server settings; they win over the defaults, and a later one over an earlier one.
    pub settings: Vec<(String, String)>,
    /// Lines for pg_hba.conf, put before the default ones.
    pub hba: Vec<String>,
    /// More arguments for initdb, such as `--locale=en_US.UTF-8` or `--data-checksums`.
    pub initdb_args: Vec<String>,
    /// The name of the bootstrap superuser.
    pub superuser: String,
    /// The superuser's password. With one, every connection must authenticate by SCRAM; without, all are trusted.
    pub password: Option<String>,
    /// With a certificate the server offers TLS.
    pub ssl: Option<ServerCertificate>,
}

impl ClusterOptions {
    /// A cluster with the programs in `bin`, superuser `postgres`, no password, no TLS.
    pub fn new(bin: impl Into<PathBuf>) -> Self {
        Self {
            bin: bin.into(),
            settings: Vec::new(),
            hba: Vec::new(),
            initdb_args: Vec::new(),
            superuser: "postgres".to_owned(),
            password: None,
            ssl: None,
        }
    }

    /// Adds a server setting.
    #[must_use]
    pub fn setting(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.settings.push((name.into(), value.into()));
        self
    }

    /// Adds a line of pg_hba.conf.
    #[must_use]
    pub fn hba(mut self, line: impl Into<String>) -> Self {
        self.hba.push(line.into());
        self
    }

    /// Adds an argument for initdb.
    #[must_use]
    pub fn initdb_arg(mut self, argument: impl Into<String>) -> Self {
        self.initdb_args.push(argument.into());
        self
    }

    /// Names the bootstrap superuser.
    #[must_use]
    pub fn superuser(mut self, name: impl Into<String>) -> Self {
        self.superuser = name.into();
        self
    }

    /// Asks for password authentication.
    #[must_use]
    pub fn password(mut self, password: impl Into<String>) -> Self {
        self.password = Some(password.into());
        self
    }

    /// Offers TLS.
    #[must_use]
    pub fn ssl(mut self, certificate: ServerCertificate) -> Self {
        self.ssl = Some(certificate);
        self
    }
}

/// A running (or stopped) throw-away server. Dropping it ends the server and removes its folder.
///
/// All methods take `&self`, so one thread may crash a server that another one is talking to.
#[derive(Debug)]
pub struct Cluster {
    options: ClusterOptions,
    port: u16,
    /// `None` while stopped. Also serialises start and stop.
    server: Mutex<Option<Server>>,
    guardian: Guardian,
    /// Last, so that it is removed after everything that lives in it.
    folder: Folder,
}

impl Cluster {
    /// Makes a cluster and returns once it accepts connections.
    pub fn start(options: ClusterOptions) -> Result<Self, ClusterError> {
        let folder = Folder::create()?;
        let guardian = Guardian::start(folder.path())?;
        folder.initdb(&options)?;
        let mut attempt = 0;
        loop {
            attempt += 1;
            let port = server::free_port()?;
            folder.write_port(port)?;
            match Server::start(&options.bin, &folder, port) {
                Ok(server) => {
                    guardian.watch(Some(server.pid()));
                    return Ok(Self { options, port, server: Mutex::new(Some(server)), guardian, folder });
                }
                Err(error) if attempt < PORT_ATTEMPTS && server::port_was_taken(&error) => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// The TCP port on 127.0.0.1; it stays the same over a restart.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The folder of the unix socket, usable as libpq's `host`.
    pub fn socket_dir(&self) -> &Path {
        self.folder.path()
    }

    /// The name of the bootstrap superuser.
    pub fn superuser(&self) -> &str {
        &self.options.superuser
    }

    /// The folder that holds initdb, postgres, psql, pg_dump and the other programs of this version.
    pub fn bin(&self) -> &Path {
        &self.options.bin
    }

    /// The folder that holds everything of this cluster.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The server's data directory.
    pub fn data_dir(&self) -> PathBuf {
        self.folder.data()
    }

    /// The superuser's address of a database over TCP.
    pub fn uri(&self, dbname: &str) -> String {
        self.uri_for(&self.options.superuser, self.options.password.as_deref(), dbname)
    }

    /// Another role's address of a database over TCP.
    pub fn uri_for(&self, user: &str, password: Option<&str>, dbname: &str) -> String {
        let user = percent_encode(user);
        let password = password.map(|text| format!(":{}", percent_encode(text))).unwrap_or_default();
        format!("postgres://{user}{password}@127.0.0.1:{}/{}", self.port, percent_encode(dbname))
    }

    /// All that the server has logged so far, over restarts too; empty when it cannot be read.
    pub fn log_text(&self) -> String {
        self.folder.log_text()
    }

    /// The postmaster's process id, or `None` while stopped.
    pub fn pid(&self) -> Option<u32> {
        self.server().as_ref().map(Server::pid)
    }

    /// Ends the server cleanly (fast mode), by force if that takes too long. A stopped server stays stopped.
    pub fn stop(&self) -> Result<(), ClusterError> {
        let mut server = self.server();
        self.end(&mut server, Server::stop)
    }

    /// Crashes the server: no checkpoint, all sessions cut off. The next start recovers from the log.
    pub fn kill_immediately(&self) -> Result<(), ClusterError> {
        let mut server = self.server();
        self.end(&mut server, Server::kill)
    }

    /// Stops the server if it runs, and starts it on the same port and data.
    pub fn restart(&self) -> Result<(), ClusterError> {
        let mut server = self.server();
        self.end(&mut server, Server::stop)?;
        let started = Server::start(&self.options.bin, &self.folder, self.port)?;
        self.guardian.watch(Some(started.pid()));
        *server = Some(started);
        Ok(())
    }

    /// Runs SQL as superuser through psql and returns its rows: `|` between columns, no header, no final newline.
    ///
    /// Stops at the first error. psql's own commands such as `\connect` work.
    pub fn psql(&self, db: &str, sql: &str) -> Result<String, ClusterError> {
        self.psql_with(db, sql, &[])
    }

    /// Like [`Cluster::psql`], with the text of a file.
    pub fn psql_file(&self, db: &str, file: &Path) -> Result<String, ClusterError> {
        let sql =
            std::fs::read_to_string(file).map_err(ClusterError::io(format!("read {}", file.display())))?;
        self.psql_with(db, &sql, &[])
    }

    /// Like [`Cluster::psql`], with psql variables (`:name` in the script).
    pub fn psql_with(&self, db: &str, sql: &str, variables: &[(&str, &str)]) -> Result<String, ClusterError> {
        let mut command = Command::new(self.psql_program());
        // -w: a missing password must be an error, not a question on the terminal.
        command.args(["-X", "-A", "-t", "-q", "-w", "-v", "ON_ERROR_STOP=1", "-f", "-"]);
        for (name, value) in variables {
            command.arg("-v").arg(format!("{name}={value}"));
        }
        command.arg("-h").arg(self.socket_dir()).arg("-p").arg(self.port.to_string());
        command.args(["-U", &self.options.superuser, "-d", db]);
        server::clear_environment(&mut command);
        command.env("PGOPTIONS", "-c statement_timeout=10min").env("PGCONNECT_TIMEOUT", "20");
        if let Some(password) = &self.options.password {
            command.env("PGPASSWORD", password);
        }
        let output = run_with_input(&mut command, sql).map_err(ClusterError::io("run psql"))?;
        if !output.status.success() {
            let stderr = String::from_utf8_lossy(&output.stderr).trim_end().to_owned();
            return Err(ClusterError::Psql { database: db.to_owned(), stderr });
        }
        let mut rows = String::from_utf8_lossy(&output.stdout).into_owned();
        if rows.ends_with('\n') {
            rows.pop();
        }
        Ok(rows)
    }

    /// The server's own psql, or the one of PATH: some builds of a server come without.
    fn psql_program(&self) -> PathBuf {
        let own = self.options.bin.join("psql");
        if own.is_file() { own } else { PathBuf::from("psql") }
    }

    /// Ends the running server, if any, in the given way.
    fn end(
        &self,
        server: &mut Option<Server>,
        how: fn(&mut Server) -> Result<(), ClusterError>,
    ) -> Result<(), ClusterError> {
        if let Some(running) = server.as_mut() {
            how(running)?;
        }
        *server = None;
        self.guardian.watch(None);
        Ok(())
    }

    /// The lock's content; a test that panicked while holding it must not hide its own failure behind another.
    fn server(&self) -> MutexGuard<'_, Option<Server>> {
        self.server.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // Immediate mode: what is thrown away needs no checkpoint. If it fails, the guardian still knows the process.
        self.kill_immediately().ok();
    }
}

/// Runs a child to its end with `input` on its stdin, without blocking when it answers before it has read all.
fn run_with_input(command: &mut Command, input: &str) -> io::Result<std::process::Output> {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let stdin = child.stdin.take();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            if let Some(mut stdin) = stdin {
                // A script that fails half way closes its stdin; its exit code tells, not this.
                stdin.write_all(input.as_bytes()).ok();
            }
        });
        child.wait_with_output()
    })
}

/// Runs a child to its end and turns a bad exit into an error with what it said.
fn run(program: &'static str, command: &mut Command) -> Result<(), ClusterError> {
    let output = command.stdin(Stdio::null()).output().map_err(ClusterError::io(format!("run {program}")))?;
    if output.status.success() {
        return Ok(());
    }
    let mut said = String::from_utf8_lossy(&output.stdout).into_owned();
    said.push_str(&String::from_utf8_lossy(&output.stderr));
    Err(ClusterError::Program { program, output: said.trim().to_owned() })
}

/// Text as it may stand in any part of a URI.
fn percent_encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

/// The value of PATH, or what a system has by default.
fn search_path() -> std::ffi::OsString {
    std::env::var_os("PATH").unwrap_or_else(|| OsStr::new("/usr/local/bin:/usr/bin:/bin").to_owned())
}
