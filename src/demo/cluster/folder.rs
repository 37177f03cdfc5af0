//! The folder of a cluster: where it is, whose it is, what initdb and the configuration put into it.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{ClusterError, ClusterOptions, ServerCertificate, run, server};

/// A unix socket's path has to fit into about 107 bytes, and `/.s.PGSQL.65535` comes on top.
const LONGEST_BASE_BYTES: usize = 50;
/// What makes a cluster quick and talkative; options may say otherwise.
const SETTINGS: &[(&str, &str)] = &[
    ("listen_addresses", "127.0.0.1"),
    ("fsync", "off"),
    ("full_page_writes", "off"),
    ("synchronous_commit", "off"),
    ("wal_level", "logical"),
    ("max_wal_size", "4GB"),
    ("max_connections", "200"),
    ("max_wal_senders", "40"),
    ("max_replication_slots", "40"),
    ("max_worker_processes", "40"),
    ("max_logical_replication_workers", "20"),
    ("max_sync_workers_per_subscription", "4"),
    ("wal_retrieve_retry_interval", "200ms"),
    ("shared_buffers", "128MB"),
    ("maintenance_work_mem", "128MB"),
    ("log_line_prefix", "%m [%p] %a %u@%d "),
    ("timezone", "UTC"),
    ("log_timezone", "UTC"),
    ("password_encryption", "scram-sha-256"),
];

/// The account that a server runs as when this program is root, which PostgreSQL refuses to be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Account {
    uid: u32,
    gid: u32,
}

impl Account {
    /// `postgres` or `nobody` for root; `None` for anybody else, who can run a server as himself.
    fn needed() -> Result<Option<Self>, ClusterError> {
        if !rustix::process::geteuid().is_root() {
            return Ok(None);
        }
        let passwd = fs::read_to_string("/etc/passwd").map_err(ClusterError::io("read /etc/passwd"))?;
        let found = ["postgres", "nobody"].iter().find_map(|name| Self::in_passwd(&passwd, name));
        found.map(Some).ok_or_else(|| {
            ClusterError::NoBinaries(
                "PostgreSQL does not run as root, and this machine has no account postgres or nobody"
                    .to_owned(),
            )
        })
    }

    /// The account's line in /etc/passwd.
    fn in_passwd(passwd: &str, name: &str) -> Option<Self> {
        let mut fields = passwd
            .lines()
            .map(|line| line.split(':'))
            .find_map(|mut fields| (fields.next() == Some(name)).then_some(fields))?;
        let uid = fields.nth(1)?.parse().ok()?;
        let gid = fields.next()?.parse().ok()?;
        Some(Self { uid, gid })
    }
}

/// A private temporary folder with a data directory, a log and a unix socket; removed when dropped.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    account: Option<Account>,
}

impl Folder {
    /// Makes an empty folder that only the server's account (and root) can enter.
    pub(super) fn create() -> Result<Self, ClusterError> {
        let account = Account::needed()?;
        let path = base_folder(account).join(format!("pgpassage-{}", random_hex()?));
        let what = || format!("create {}", path.display());
        // Fails if it exists: a name that somebody prepared is never taken over.
        DirBuilder::new().mode(0o700).create(&path).map_err(ClusterError::io(what()))?;
        let folder = Self { path, account };
        folder.give(&folder.path)?;
        Ok(folder)
    }

    /// The folder itself, which also holds the unix socket.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The data directory.
    pub(super) fn data(&self) -> PathBuf {
        self.path.join("data")
    }

    /// All that servers in this folder have logged.
    pub(super) fn log_text(&self) -> String {
        fs::read(self.log()).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
    }

    /// The log, opened for a server to append to.
    pub(super) fn open_log(&self) -> Result<File, ClusterError> {
        let log = OpenOptions::new().create(true).append(true).mode(0o600).open(self.log());
        let log = log.map_err(ClusterError::io(format!("open {}", self.log().display())))?;
        self.give(&self.log())?;
        Ok(log)
    }

    /// Lets a command run as the server's account, in this folder, with an environment of its own.
    pub(super) fn enter(&self, command: &mut Command) {
        server::clear_environment(command);
        command.current_dir(&self.path);
        if let Some(account) = self.account {
            command.uid(account.uid).gid(account.gid);
        }
    }

    /// Makes the data directory and its configuration.
    pub(super) fn initdb(&self, options: &ClusterOptions) -> Result<(), ClusterError> {
        let mut command = Command::new(options.bin.join("initdb"));
        command.args(["--no-sync", "--encoding=UTF8", "--locale=C", "--username", &options.superuser]);
        command.arg("--pgdata").arg(self.data());
        let password_file = self.path.join("password");
        match &options.password {
            Some(password) => {
                self.write_new(&password_file, password.as_bytes())?;
                command.arg("--auth=scram-sha-256").arg("--pwfile").arg(&password_file);
            }
            None => {
                command.arg("--auth=trust");
            }
        }
        command.args(&options.initdb_args);
        self.enter(&mut command);
        let made = run("initdb", &mut command);
        if options.password.is_some() {
            fs::remove_file(&password_file).map_err(ClusterError::io("remove initdb's password file"))?;
        }
        made?;
        self.configure(options)
    }

    /// Names the port in a file of its own, which is rewritten when the port is taken.
    pub(super) fn write_port(&self, port: u16) -> Result<(), ClusterError> {
        let file = self.data().join("port.conf");
        fs::write(&file, format!("port = {port}\n"))
            .map_err(ClusterError::io(format!("write {}", file.display())))?;
        self.give(&file)
    }

    /// Writes settings, access rules and certificates.
    fn configure(&self, options: &ClusterOptions) -> Result<(), ClusterError> {
        let mut conf = String::from("\n");
        let mut set = |name: &str, value: &str| {
            conf.push_str(&format!("{name} = '{}'\n", value.replace('\\', "\\\\").replace('\'', "''")));
        };
        for (name, value) in SETTINGS {
            set(name, value);
        }
        set("unix_socket_directories", &self.path.to_string_lossy());
        if let Some(certificate) = &options.ssl {
            self.copy_certificate(certificate)?;
            set("ssl", "on");
            set("ssl_cert_file", "server.crt");
            set("ssl_key_file", "server.key");
            set("ssl_ca_file", if certificate.client_ca.is_some() { "root.crt" } else { "" });
        }
        for (name, value) in &options.settings {
            set(name, value);
        }
        conf.push_str("include_if_exists = 'port.conf'\n");
        self.edit("postgresql.conf", |text| text + &conf)?;
        let rules: String = options.hba.iter().map(|line| format!("{line}\n")).collect();
        self.edit("pg_hba.conf", |text| rules + &text)
    }

    /// Copies the certificate's files to where the server's account can read them and nobody else.
    fn copy_certificate(&self, certificate: &ServerCertificate) -> Result<(), ClusterError> {
        let files = [
            (Some(&certificate.cert), "server.crt"),
            (Some(&certificate.key), "server.key"),
            (certificate.client_ca.as_ref(), "root.crt"),
        ];
        for (from, name) in files {
            let Some(from) = from else { continue };
            let content = fs::read(from).map_err(ClusterError::io(format!("read {}", from.display())))?;
            self.write_new(&self.data().join(name), &content)?;
        }
        Ok(())
    }

    /// Rewrites a file of the data directory; owner and mode stay.
    fn edit(&self, name: &str, change: impl FnOnce(String) -> String) -> Result<(), ClusterError> {
        let file = self.data().join(name);
        let what = format!("edit {}", file.display());
        let text = fs::read_to_string(&file).map_err(ClusterError::io(what.clone()))?;
        fs::write(&file, change(text)).map_err(ClusterError::io(what))
    }

    /// Writes a file that only the server's account can read.
    fn write_new(&self, file: &Path, content: &[u8]) -> Result<(), ClusterError> {
        let what = format!("write {}", file.display());
        let opened = OpenOptions::new().write(true).create_new(true).mode(0o600).open(file);
        let mut opened = opened.map_err(ClusterError::io(what.clone()))?;
        opened.write_all(content).map_err(ClusterError::io(what))?;
        self.give(file)
    }

    /// Hands a file to the server's account.
    fn give(&self, file: &Path) -> Result<(), ClusterError> {
        let Some(account) = self.account else { return Ok(()) };
        chown(file, Some(account.uid), Some(account.gid))
            .map_err(ClusterError::io(format!("change the owner of {}", file.display())))
    }

    /// Where servers log to.
    fn log(&self) -> PathBuf {
        self.path.join("log")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // The guardian removes it too; nobody is left to tell if both fail.
        fs::remove_dir_all(&self.path).ok();
    }
}

/// The system's temporary folder, or /tmp where that is too long for a socket or closed to the server's account.
fn base_folder(account: Option<Account>) -> PathBuf {
    let base = std::env::temp_dir();
    let open = |folder: &Path| {
        fs::metadata(folder).is_ok_and(|found| {
            found.permissions().mode() & 0o001 != 0
                || account.is_some_and(|account| found.uid() == account.uid)
        })
    };
    let reachable = account.is_none() || base.ancestors().all(open);
    if base.is_absolute() && base.as_os_str().len() <= LONGEST_BASE_BYTES && reachable {
        base
    } else {
        PathBuf::from("/tmp")
    }
}

/// Eight random bytes in hexadecimal.
fn random_hex() -> Result<String, ClusterError> {
    let mut bytes = [0; 8];
    let read = File::open("/dev/urandom").and_then(|mut source| source.read_exact(&mut bytes));
    read.map_err(ClusterError::io("read /dev/urandom"))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
