//! `pg_service.conf`: settings under a name.

use super::{ConnectionError, Env};
use crate::model::conninfo::Params;
use std::io::{Error, ErrorKind};
use std::path::{Path, PathBuf};

/// Where Debian's libpq looks for the system's service file.
const SYSTEM_DIRECTORY: &str = "/etc/postgresql-common";

/// The settings of the service `name`: from the user's file if it is there, else from the system's.
pub(super) fn look_up(name: &str, env: &Env) -> Result<Params, ConnectionError> {
    let named = env.variable("PGSERVICEFILE").filter(|path| !path.is_empty()).map(|path| env.absolute(path));
    let users = named.clone().or_else(|| env.in_home(".pg_service.conf"));
    let system =
        env.absolute(env.variable("PGSYSCONFDIR").unwrap_or(SYSTEM_DIRECTORY)).join("pg_service.conf");
    for path in users.into_iter().chain([system]) {
        let text = match std::fs::read(&path) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(problem) if is_absent(&problem) && named.as_ref() != Some(&path) => continue,
            Err(problem) => return Err(ConnectionError::ServiceFile { path, problem }),
        };
        if let Some(params) = section(&text, name, &path)? {
            return Ok(params);
        }
    }
    Err(ConnectionError::ServiceNotFound(name.to_owned()))
}

pub(super) fn is_absent(problem: &Error) -> bool {
    matches!(problem.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

/// The section `[name]`, None if there is none. Within it the first value of a keyword counts, and there are no
/// spaces around "=" and no quotes, as in libpq.
fn section(text: &str, name: &str, path: &Path) -> Result<Option<Params>, ConnectionError> {
    let mut found: Option<Params> = None;
    for (n, line) in text.lines().map(str::trim).enumerate() {
        let wrong = || ConnectionError::ServiceSyntax { path: PathBuf::from(path), line: n + 1 };
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(header) = line.strip_prefix('[') {
            if found.is_some() {
                break;
            }
            let here = header.strip_prefix(name).is_some_and(|rest| rest.starts_with(']'));
            found = here.then(Params::default);
        } else if let Some(params) = &mut found {
            let (keyword, value) = line.split_once('=').ok_or_else(wrong)?;
            if keyword == "service" || keyword == "requiressl" {
                return Err(wrong());
            }
            if params.get(keyword).is_none() {
                params.set(keyword, value).map_err(|_| wrong())?;
            }
        }
    }
    Ok(found)
}
