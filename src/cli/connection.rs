//! From what the operator typed to an endpoint: as in libpq, the string wins over the service file, that over the
//! environment, and that over defaults and the files in `~/.postgresql`.

mod demands;
mod files;
mod hosts;
mod service;
mod settings;
#[cfg(test)]
mod tests;

use crate::model::conninfo::{self, ConninfoError};
use crate::model::endpoint::{ChannelBinding, Endpoint, Keepalives, Ssl, TargetSessionAttrs};
use crate::model::passwords::Passwords;
use crate::model::secret::Secret;
use settings::Settings;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What the process knows about its surroundings, as plain data. No Debug: PGPASSWORD is in here.
#[derive(Clone, Default)]
pub struct Env {
    pub variables: HashMap<String, String>,
    pub home: Option<PathBuf>,
    /// The operating system's user name, libpq's default for `user`.
    pub user: Option<String>,
    /// What relative paths are relative to.
    pub directory: PathBuf,
    /// Where the server's socket is sought if no host is named.
    pub socket_directory: PathBuf,
}

impl Env {
    /// Reads the environment of this process; asks `id` for the user's name if the environment has none.
    pub fn from_process() -> Self {
        let variables: HashMap<_, _> = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        let named = |name: &str| variables.get(name).filter(|value| !value.is_empty()).cloned();
        let home = named("HOME").map(PathBuf::from);
        let user = named("USER").or_else(|| named("LOGNAME")).or_else(user_name);
        let debian = Path::new("/var/run/postgresql");
        let socket_directory = if debian.is_dir() { debian } else { Path::new("/tmp") }.to_owned();
        let directory = std::env::current_dir().unwrap_or_else(|_| PathBuf::from("/"));
        Self { variables, home, user, directory, socket_directory }
    }

    fn variable(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str)
    }

    fn absolute(&self, path: impl AsRef<Path>) -> PathBuf {
        self.directory.join(path)
    }

    fn in_home(&self, path: &str) -> Option<PathBuf> {
        Some(self.absolute(self.home.as_ref()?).join(path))
    }
}

fn user_name() -> Option<String> {
    let output = Command::new("id").arg("-un").output().ok().filter(|output| output.status.success())?;
    let name = String::from_utf8(output.stdout).ok()?;
    Some(name.trim().to_owned()).filter(|name| !name.is_empty())
}

/// Where to connect and with which secrets.
#[derive(Debug, Clone)]
pub struct Resolved {
    pub endpoint: Endpoint,
    pub passwords: Passwords,
    /// The string itself holds a password or passphrase: on a command line, others can see it.
    pub password_in_text: bool,
    /// Sentences for the operator, without secrets.
    pub warnings: Vec<String>,
}

/// Why no endpoint came of it. No message contains a secret.
#[derive(Debug, thiserror::Error)]
pub enum ConnectionError {
    #[error("Invalid source or target connection string: {0}")]
    Text(#[from] ConninfoError),
    #[error("environment variable {name}: {problem}")]
    Variable { name: &'static str, problem: ConninfoError },
    #[error("service \"{name}\": {problem}")]
    Service { name: String, problem: ConninfoError },
    #[error("definition of service \"{0}\" not found")]
    ServiceNotFound(String),
    #[error("service file \"{}\" cannot be read: {problem}", path.display())]
    ServiceFile { path: PathBuf, problem: std::io::Error },
    #[error("syntax error in service file \"{}\", line {line}", path.display())]
    ServiceSyntax { path: PathBuf, line: usize },
    /// Something about a certificate or key; names the path.
    #[error("{0}")]
    File(String),
    #[error("no user name is given, and the operating system knows none either")]
    NoUser,
}

/// Completes the connection string `text` as libpq would, reading service, password and certificate files.
///
/// Deviations, all on the safe side: an empty string is refused; so is every security demand that cannot be kept;
/// a named certificate file that is missing gives a warning; `connect_timeout=1` means one second.
pub fn resolve(text: &str, env: &Env) -> Result<Resolved, ConnectionError> {
    let params = conninfo::parse(text)?;
    let settings = Settings::gather(&params, env)?;
    let mut warnings = Vec::new();
    let hosts = hosts::hosts(&settings, env)?;
    let channel_binding = settings.word("channel_binding")?.unwrap_or(ChannelBinding::Prefer);
    demands::refuse_what_cannot_be_kept(&settings, &hosts, channel_binding)?;
    demands::mention_what_is_ignored(&settings, &mut warnings);
    let ssl = files::ssl(&settings, &hosts, env, &mut warnings)?;
    let passwords = passwords(&settings, env, &ssl, &mut warnings);
    let user = settings.get("user").or(env.user.as_deref()).ok_or(ConnectionError::NoUser)?.to_owned();
    let owned = |keyword| settings.get(keyword).map(str::to_owned);
    let endpoint = Endpoint {
        hosts,
        user,
        dbname: owned("dbname"),
        ssl,
        channel_binding,
        connect_timeout_s: settings.positive("connect_timeout")?,
        options: owned("options"),
        application_name: owned("application_name"),
        target_session_attrs: settings.word("target_session_attrs")?.unwrap_or(TargetSessionAttrs::Any),
        load_balance_hosts: settings.one_of("load_balance_hosts", &["disable", "random"])? == Some("random"),
        keepalives: Keepalives {
            enabled: settings.number("keepalives")? != Some(0),
            idle_s: settings.positive("keepalives_idle")?,
            interval_s: settings.positive("keepalives_interval")?,
            count: settings.positive("keepalives_count")?,
        },
        tcp_user_timeout_ms: settings.positive("tcp_user_timeout")?,
    };
    Ok(Resolved { endpoint, passwords, password_in_text: params.has_secret(), warnings })
}

fn passwords(settings: &Settings, env: &Env, ssl: &Ssl, warnings: &mut Vec<String>) -> Passwords {
    let explicit = settings.get("password").map(Secret::new);
    let lines = if explicit.is_some() { Vec::new() } else { files::passfile(settings, env, warnings) };
    let ssl_key = settings.get("sslpassword").filter(|_| ssl.key.is_some()).map(Secret::new);
    Passwords { explicit, lines, ssl_key }
}
