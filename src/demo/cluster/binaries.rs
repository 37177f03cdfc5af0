//! Where this machine keeps the programs of a PostgreSQL server.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::{ClusterError, search_path};

/// Where Debian and its kin put one folder per major version.
const DEBIAN_ROOT: &str = "/usr/lib/postgresql";
/// The version that is named when none was asked for.
const SUGGESTED_MAJOR: u32 = 15;

/// Finds the folder that holds `initdb` and `postgres`, of the given major version if there is one.
///
/// Looks where `pgbin` says and nowhere else; without it in `/usr/lib/postgresql/*/bin`, newest first, then along PATH.
pub fn find_server_binaries(pgbin: Option<&Path>, major: Option<u32>) -> Result<PathBuf, ClusterError> {
    if let Some(asked) = pgbin {
        return from_folder(asked, major);
    }
    let found = debian_folders(Path::new(DEBIAN_ROOT))
        .into_iter()
        .chain(std::env::split_paths(&search_path()).filter_map(|folder| server_folder(&folder)))
        .find(|folder| major.is_none_or(|wanted| major_of(folder) == Some(wanted)));
    found.ok_or_else(|| {
        let version = major.map(|number| format!(" {number}")).unwrap_or_default();
        let package = major.unwrap_or(SUGGESTED_MAJOR);
        ClusterError::NoBinaries(format!(
            "no PostgreSQL{version} server programs (initdb, postgres) on this machine: \
             apt-get install postgresql-{package}, or name their folder with --pgbin"
        ))
    })
}

/// The folder that the user named, if it holds what is needed.
fn from_folder(asked: &Path, major: Option<u32>) -> Result<PathBuf, ClusterError> {
    let folder = server_folder(asked).ok_or_else(|| {
        ClusterError::NoBinaries(format!(
            "{} does not hold initdb and postgres: apt-get install postgresql-{}, or name another --pgbin",
            asked.display(),
            major.unwrap_or(SUGGESTED_MAJOR)
        ))
    })?;
    match (major, major_of(&folder)) {
        (Some(wanted), Some(found)) if wanted != found => Err(ClusterError::NoBinaries(format!(
            "{} holds PostgreSQL {found}, not {wanted}: apt-get install postgresql-{wanted}",
            asked.display()
        ))),
        _ => Ok(folder),
    }
}

/// The server folders under Debian's root, newest version first.
fn debian_folders(root: &Path) -> Vec<PathBuf> {
    let mut versions: Vec<u32> = std::fs::read_dir(root)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect();
    versions.sort_unstable_by(|one, other| other.cmp(one));
    versions.iter().filter_map(|version| server_folder(&root.join(version.to_string()).join("bin"))).collect()
}

/// The folder where `postgres` really is, when `initdb` is there too.
///
/// Links are followed because initdb looks for `postgres`, and that for its libraries, beside itself.
fn server_folder(folder: &Path) -> Option<PathBuf> {
    let real = folder.join("postgres").canonicalize().ok()?;
    let home = real.parent()?;
    let complete = ["initdb", "postgres"].iter().all(|program| home.join(program).is_file());
    complete.then(|| home.to_owned())
}

/// The major version of the server in a folder, by its own word: a folder's name may lie.
fn major_of(folder: &Path) -> Option<u32> {
    let output = Command::new(folder.join("postgres")).arg("--version").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let version = text.split_whitespace().nth(2)?;
    let digits: String = version.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    //! What is found where, with empty files for programs.

    use super::{debian_folders, find_server_binaries, major_of};

    #[test]
    fn newest_first_and_only_complete_folders() {
        let root = tempfile::tempdir().unwrap();
        for (version, programs) in
            [("9", "initdb postgres"), ("15", "initdb postgres"), ("17", "psql"), ("16", "postgres initdb")]
        {
            let bin = root.path().join(version).join("bin");
            std::fs::create_dir_all(&bin).unwrap();
            for program in programs.split(' ') {
                std::fs::write(bin.join(program), "").unwrap();
            }
        }
        let real = root.path().canonicalize().unwrap();
        let expected = ["16", "15", "9"].map(|version| real.join(version).join("bin"));
        assert_eq!(debian_folders(root.path()), expected);
    }

    #[test]
    fn a_missing_version_is_named_with_its_package() {
        let error = find_server_binaries(None, Some(99)).unwrap_err().to_string();
        assert!(error.contains("apt-get install postgresql-99"), "{error}");
        assert!(!error.contains('\n'));
    }

    #[test]
    fn a_wrong_folder_is_named() {
        let empty = tempfile::tempdir().unwrap();
        let error = find_server_binaries(Some(empty.path()), None).unwrap_err().to_string();
        assert!(error.contains(&empty.path().display().to_string()), "{error}");
    }

    #[test]
    fn links_lead_home() {
        let real = find_server_binaries(None, None).unwrap();
        let links = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(real.join("postgres"), links.path().join("postgres")).unwrap();
        assert_eq!(find_server_binaries(Some(links.path()), major_of(&real)).unwrap(), real);
        assert!(find_server_binaries(Some(links.path()), Some(99)).is_err());
    }
}
