//! The files in `~/.postgresql` and the password file, under libpq's rules of who may read them.

use super::service::is_absent;
use super::settings::Settings;
use super::{ConnectionError, Env};
use crate::model::endpoint::{Host, HostSpec, RootCert, Ssl, SslMode, SslNegotiation, TlsVersion, Words};
use crate::model::passwords::{PassLine, parse_passfile};
use std::fs::{Metadata, metadata};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

/// Any access by others, and any by the group.
const GROUP_AND_OTHERS: u32 = 0o077;
/// A key that root owns may be readable by a group.
const GROUP_WRITES_AND_OTHERS: u32 = 0o037;

/// The TLS settings with the files that exist. Fails where libpq would, and for a named CRL that is missing.
pub(super) fn ssl(
    settings: &Settings,
    hosts: &[HostSpec],
    env: &Env,
    warnings: &mut Vec<String>,
) -> Result<Ssl, ConnectionError> {
    let mut ssl = Ssl { mode: mode(settings)?, ..protocol(settings)? };
    if ssl.negotiation == SslNegotiation::Direct && ssl.mode < SslMode::Require {
        return Err(settings
            .bad("sslnegotiation", "cannot be direct unless sslmode is require, verify-ca or verify-full"));
    }
    if hosts.iter().all(|spec| matches!(spec.host, Host::Unix(_))) {
        ssl.mode = SslMode::Disable;
    }
    if ssl.mode == SslMode::Disable {
        return Ok(ssl);
    }
    let nameless = |spec: &HostSpec| matches!(&spec.host, Host::Tcp { name, .. } if name.is_empty());
    if ssl.mode == SslMode::VerifyFull && hosts.iter().any(nameless) {
        return Err(settings.bad("host", "must be named for sslmode=verify-full, an address is not enough"));
    }
    ssl.root_cert = root_cert(settings, env, ssl.mode, warnings)?;
    ssl.crl = crl(settings, env)?;
    if settings.get("sslcertmode") != Some("disable") {
        ssl.cert = client_cert(settings, env, warnings)?;
    }
    if ssl.cert.is_some() {
        ssl.key = client_key(settings, env)?;
    }
    Ok(ssl)
}

fn mode(settings: &Settings) -> Result<SslMode, ConnectionError> {
    let mode = settings.word("sslmode")?;
    if settings.get("sslrootcert") != Some("system") {
        return Ok(mode.unwrap_or(SslMode::Prefer));
    }
    match mode.unwrap_or(SslMode::VerifyFull) {
        SslMode::VerifyFull => Ok(SslMode::VerifyFull),
        _ => Err(settings.bad("sslmode", "must be verify-full with sslrootcert=system")),
    }
}

fn protocol(settings: &Settings) -> Result<Ssl, ConnectionError> {
    let version = |keyword| {
        let Some(value) = settings.get(keyword) else { return Ok(None) };
        let known = TlsVersion::WORDS.iter().find(|word| word.eq_ignore_ascii_case(value));
        let what = || format!("must be one of: {}", TlsVersion::WORDS.join(", "));
        known.and_then(|word| TlsVersion::parse(word)).map(Some).ok_or_else(|| settings.bad(keyword, what()))
    };
    let (min, max) = ("ssl_min_protocol_version", "ssl_max_protocol_version");
    let mut ssl = Ssl { max_protocol: version(max)?, ..Ssl::default() };
    if settings.even_empty(min).is_some() {
        ssl.min_protocol = version(min)?;
    }
    if ssl.max_protocol.is_some_and(|highest| Some(highest) < ssl.min_protocol) {
        let what = "is below ssl_min_protocol_version, which is TLSv1.2 if not set";
        return Err(settings.bad(max, what));
    }
    if settings.get("sslsni").is_some() {
        ssl.sni = settings.one_of("sslsni", &["0", "1"])? == Some("1");
    }
    ssl.negotiation = settings.word("sslnegotiation")?.unwrap_or(SslNegotiation::Postgres);
    Ok(ssl)
}

/// The file that `keyword` names, or else the one in the home directory.
fn path(settings: &Settings, env: &Env, keyword: &str, default: &str) -> Option<PathBuf> {
    settings.get(keyword).map(|path| env.absolute(path)).or_else(|| env.in_home(default))
}

fn root_cert(
    settings: &Settings,
    env: &Env,
    mode: SslMode,
    warnings: &mut Vec<String>,
) -> Result<Option<RootCert>, ConnectionError> {
    if settings.get("sslrootcert") == Some("system") {
        return Ok(Some(RootCert::System));
    }
    let path = path(settings, env, "sslrootcert", ".postgresql/root.crt");
    if let Some(path) = path.as_ref().filter(|path| path.exists()) {
        return Ok(Some(RootCert::File(path.clone())));
    }
    let shown = path.map_or("~/.postgresql/root.crt".to_owned(), |path| path.display().to_string());
    if mode >= SslMode::VerifyCa {
        return Err(ConnectionError::File(format!(
            "root certificate file \"{shown}\" does not exist, and sslmode={} needs it: provide the file, or use \
             the system's trusted roots by sslrootcert=system",
            mode.word()
        )));
    }
    if settings.get("sslrootcert").is_some() {
        warnings.push(format!(
            "root certificate file \"{shown}\" does not exist: the server's certificate is not verified"
        ));
    }
    Ok(None)
}

fn crl(settings: &Settings, env: &Env) -> Result<Option<PathBuf>, ConnectionError> {
    let path = path(settings, env, "sslcrl", ".postgresql/root.crl");
    match path {
        Some(path) if path.exists() => Ok(Some(path)),
        // libpq goes on without it; but who names revoked certificates does not want to trust them.
        Some(path) if settings.get("sslcrl").is_some() => Err(ConnectionError::File(format!(
            "certificate revocation list \"{}\" does not exist",
            path.display()
        ))),
        _ => Ok(None),
    }
}

/// The client certificate. As in libpq a missing one is no error: the server may do without it.
fn client_cert(
    settings: &Settings,
    env: &Env,
    warnings: &mut Vec<String>,
) -> Result<Option<PathBuf>, ConnectionError> {
    let Some(path) = path(settings, env, "sslcert", ".postgresql/postgresql.crt") else { return Ok(None) };
    match metadata(&path) {
        Ok(_) => Ok(Some(path)),
        Err(problem) if is_absent(&problem) => {
            if settings.get("sslcert").is_some() {
                let shown = path.display();
                warnings.push(format!("certificate file \"{shown}\" does not exist: connecting without it"));
            }
            Ok(None)
        }
        Err(problem) => Err(ConnectionError::File(format!(
            "could not open certificate file \"{}\": {problem}",
            path.display()
        ))),
    }
}

/// The key for a certificate that is there.
fn client_key(settings: &Settings, env: &Env) -> Result<Option<PathBuf>, ConnectionError> {
    let Some(path) = path(settings, env, "sslkey", ".postgresql/postgresql.key") else { return Ok(None) };
    let shown = path.display();
    let problem = match metadata(&path) {
        Err(problem) if is_absent(&problem) => {
            format!("certificate present, but not private key file \"{shown}\"")
        }
        Err(problem) => format!("could not stat private key file \"{shown}\": {problem}"),
        Ok(file) if !file.is_file() => format!("private key file \"{shown}\" is not a regular file"),
        Ok(file) if is_exposed(&file) => format!(
            "private key file \"{shown}\" has group or world access; file must have permissions u=rw (0600) or \
             less if owned by the current user, or permissions u=rw,g=r (0640) or less if owned by root"
        ),
        Ok(_) => return Ok(Some(path)),
    };
    Err(ConnectionError::File(problem))
}

fn is_exposed(key: &Metadata) -> bool {
    let forbidden = if key.uid() == 0 { GROUP_WRITES_AND_OTHERS } else { GROUP_AND_OTHERS };
    key.mode() & forbidden != 0
}

/// The lines of the password file. One that others can read is left alone, with a warning.
pub(super) fn passfile(settings: &Settings, env: &Env, warnings: &mut Vec<String>) -> Vec<PassLine> {
    let Some(path) = path(settings, env, "passfile", ".pgpass") else { return Vec::new() };
    let Ok(file) = metadata(&path) else { return Vec::new() };
    let shown = path.display();
    if !file.is_file() {
        warnings.push(format!("password file \"{shown}\" is not a plain file"));
    } else if file.mode() & GROUP_AND_OTHERS != 0 {
        warnings.push(format!(
            "password file \"{shown}\" has group or world access; permissions should be u=rw (0600) or less: it \
             is ignored"
        ));
    } else {
        match std::fs::read(&path) {
            Ok(bytes) => return parse_passfile(&String::from_utf8_lossy(&bytes)),
            Err(problem) => warnings.push(format!("password file \"{shown}\" cannot be read: {problem}")),
        }
    }
    Vec::new()
}
