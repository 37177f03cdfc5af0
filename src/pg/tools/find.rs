//! Which `pg_dump` to use: the target's version if it can read the source, else the oldest one that can.

use std::collections::HashSet;
use std::fmt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::process::Command;

use super::{Found, ToolError};

/// How long `pg_dump --version` may take, in seconds. It does nothing but print.
const VERSION_LIMIT_S: u64 = 10;

/// Where distributions put versioned installations: Debian and its kin, then the PGDG packages for Red Hat's.
const VERSIONED_HOMES: [(&str, &str); 2] = [("/usr/lib/postgresql", ""), ("/usr", "pgsql-")];

/// A client tool's version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ToolVersion {
    /// 9 for all of 9.x, which are older than anything we read.
    pub major: u32,
    /// 0 for a development or beta version.
    pub minor: u32,
}

impl fmt::Display for ToolVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// A client tool that runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tool {
    /// Where it is.
    pub path: PathBuf,
    /// What it says that it is.
    pub version: ToolVersion,
}

/// Where to look for client tools. The engine reads no environment, so that PATH comes in from its caller.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ToolSearch {
    /// `--pgbin`: a folder with the tools, or one that holds folders `*/bin` with them. Where it is given, nothing else
    /// is looked at.
    pub pgbin: Option<PathBuf>,
    /// The folders of PATH.
    pub path_dirs: Vec<PathBuf>,
    /// What is on the target already is to be read as well.
    pub reads_target: bool,
}

/// The `pg_dump` for a migration.
///
/// A pg_dump reads servers up to its own major version (it refuses newer ones) and writes for servers of its own version
/// and later. So the target's version is best; the oldest that can read the source is next, because what it writes is
/// likeliest to be understood; where the target is to be read too, the oldest that can read both.
///
/// # Errors
///
/// [`ToolError::NoneFits`], which says what was found and what to install.
pub async fn find_pg_dump(
    search: &ToolSearch,
    source_major: u32,
    target_major: u32,
) -> Result<Tool, ToolError> {
    let paths = candidates(search, "pg_dump");
    let versions = join_all(paths.iter().map(|path| version_of(path))).await;
    let (mut tools, mut broken) = (Vec::new(), Vec::new());
    for (path, version) in paths.into_iter().zip(versions) {
        match version {
            Some(version) => tools.push(Tool { path, version }),
            None => broken.push(path),
        }
    }
    let least = if search.reads_target { source_major.max(target_major) } else { source_major };
    // Where there is none for both, the source's definitions at least can be read.
    let chosen = choose(&tools, least, target_major).or_else(|| choose(&tools, source_major, target_major));
    chosen.cloned().ok_or_else(|| ToolError::NoneFits {
        source_major,
        found: Found(&tools, &broken).to_string(),
        wanted: source_major.max(target_major),
    })
}

/// The target's major, else the smallest that is not older than the source; of one major the newest minor, and of equal
/// ones the first.
fn choose(tools: &[Tool], source_major: u32, target_major: u32) -> Option<&Tool> {
    let rank = |tool: &&Tool| {
        (tool.version.major != target_major, tool.version.major, u32::MAX - tool.version.minor)
    };
    tools.iter().filter(|tool| tool.version.major >= source_major).min_by_key(rank)
}

/// Every executable of that name where the search leads, each file once, in the order of preference.
fn candidates(search: &ToolSearch, name: &str) -> Vec<PathBuf> {
    let mut folders = Vec::new();
    match &search.pgbin {
        Some(pgbin) => {
            folders.extend([pgbin.clone(), pgbin.join("bin")]);
            folders.extend(versioned(pgbin, ""));
        }
        None => {
            for (home, prefix) in VERSIONED_HOMES {
                folders.extend(versioned(Path::new(home), prefix));
            }
            folders.extend(search.path_dirs.iter().cloned());
        }
    }
    let mut seen = HashSet::new();
    folders
        .into_iter()
        .filter(|folder| folder.is_absolute() || search.pgbin.is_some())
        .map(|folder| folder.join(name))
        .filter(|path| is_executable(path) && !is_wrapper(path))
        .filter(|path| seen.insert(path.canonicalize().unwrap_or_else(|_| path.clone())))
        .collect()
}

/// The folders `home/prefix*/bin`, sorted by name so that the outcome does not depend on the file system.
fn versioned(home: &Path, prefix: &str) -> Vec<PathBuf> {
    let Ok(entries) = home.read_dir() else { return Vec::new() };
    let mut folders: Vec<PathBuf> = entries
        .filter_map(Result::ok)
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(prefix))
        .map(|entry| entry.path().join("bin"))
        .filter(|folder| folder.is_dir())
        .collect();
    folders.sort();
    folders
}

fn is_executable(path: &Path) -> bool {
    path.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

/// Debian's `/usr/bin/pg_dump` leads to a Perl script that chooses a version by clusters and user settings. What it
/// could choose is in `/usr/lib/postgresql` anyway.
fn is_wrapper(path: &Path) -> bool {
    path.canonicalize().is_ok_and(|real| real.file_name().is_some_and(|name| name == "pg_wrapper"))
}

/// What the tool calls itself, or None if it does not run, takes too long or says something else.
async fn version_of(path: &Path) -> Option<ToolVersion> {
    let mut command = Command::new(path);
    command.arg("--version").env_clear().env("LC_ALL", "C").env("PATH", super::dump::CHILD_PATH);
    command.stdin(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    let output = tokio::time::timeout(Duration::from_secs(VERSION_LIMIT_S), command.output()).await;
    let output = output.ok()?.ok()?;
    if !output.status.success() {
        return None;
    }
    parse_version(&String::from_utf8_lossy(&output.stdout))
}

/// Reads `pg_dump (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)`, also `18beta1` and `19devel`.
fn parse_version(text: &str) -> Option<ToolVersion> {
    let (_, rest) = text.split_once("(PostgreSQL) ")?;
    let word = rest.split_whitespace().next()?;
    let (major, minor) = word.split_once('.').unwrap_or((word, "0"));
    let number = |text: &str| {
        let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        text.get(..end).and_then(|digits| digits.parse().ok())
    };
    Some(ToolVersion { major: number(major)?, minor: number(minor).unwrap_or(0) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tool(major: u32, minor: u32, path: &str) -> Tool {
        Tool { path: path.into(), version: ToolVersion { major, minor } }
    }

    #[test]
    fn versions_are_read() {
        let read = |text: &str| parse_version(text).map(|version| version.to_string());
        assert_eq!(read("pg_dump (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n").as_deref(), Some("15.18"));
        assert_eq!(read("pg_dump (PostgreSQL) 18beta2").as_deref(), Some("18.0"));
        assert_eq!(read("pg_dump (PostgreSQL) 9.6.24\n").as_deref(), Some("9.6"));
        assert_eq!(read("pg_dump (EnterpriseDB) 15"), None);
        assert_eq!(read("pg_dump (PostgreSQL) x"), None);
    }

    #[test]
    fn the_targets_version_is_best_then_the_oldest_that_fits() {
        let tools =
            [tool(13, 1, "a"), tool(18, 1, "b"), tool(16, 3, "c"), tool(16, 9, "d"), tool(17, 0, "e")];
        let path =
            |source, target| choose(&tools, source, target).map(|tool| tool.path.display().to_string());
        assert_eq!(path(13, 17).as_deref(), Some("e"));
        assert_eq!(path(14, 15).as_deref(), Some("d"));
        assert_eq!(path(17, 16).as_deref(), Some("e"));
        assert_eq!(path(19, 19), None);
    }

    #[tokio::test]
    async fn a_missing_tool_is_one_clear_sentence() {
        let folder = tempfile::tempdir().unwrap();
        let search =
            ToolSearch { pgbin: Some(folder.path().into()), path_dirs: Vec::new(), reads_target: false };
        let error = find_pg_dump(&search, 15, 16).await.unwrap_err().to_string();
        assert!(error.contains("none is installed") && error.contains("postgresql-client-16"), "{error}");

        let put = |name: &str, text: &str| {
            let path = folder.path().join(name).join("bin");
            std::fs::create_dir_all(&path).unwrap();
            std::fs::write(path.join("pg_dump"), format!("#!/bin/sh\n{text}\n")).unwrap();
            std::fs::set_permissions(path.join("pg_dump"), std::fs::Permissions::from_mode(0o755)).unwrap();
        };
        put("12", "echo 'pg_dump (PostgreSQL) 12.5'");
        put("11", "exit 1");
        let error = find_pg_dump(&search, 15, 16).await.unwrap_err().to_string();
        assert!(error.contains("12.5 in ") && error.contains("does not run"), "{error}");
        let (old, new) = (ToolVersion { major: 12, minor: 5 }, ToolVersion { major: 17, minor: 1 });
        assert_eq!(find_pg_dump(&search, 10, 16).await.unwrap().version, old);
        let both = ToolSearch { reads_target: true, ..search.clone() };
        assert_eq!(find_pg_dump(&both, 10, 16).await.unwrap().version, old, "there is no other");
        put("17", "echo 'pg_dump (PostgreSQL) 17.1'");
        assert_eq!(find_pg_dump(&search, 10, 16).await.unwrap().version, old);
        assert_eq!(find_pg_dump(&both, 10, 16).await.unwrap().version, new);
    }

    #[test]
    fn the_wrapper_of_debian_is_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let wrapper = folder.path().join("pg_wrapper");
        std::fs::write(&wrapper, "").unwrap();
        std::fs::set_permissions(&wrapper, std::fs::Permissions::from_mode(0o755)).unwrap();
        std::os::unix::fs::symlink(&wrapper, folder.path().join("pg_dump")).unwrap();
        let search =
            ToolSearch { pgbin: Some(folder.path().into()), path_dirs: Vec::new(), reads_target: false };
        assert!(candidates(&search, "pg_dump").is_empty());
    }
}
