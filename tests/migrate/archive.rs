//! The archive reader and the `pg_dump` runner against the real tools: whatever `pg_restore` lists and would execute for
//! the fixture database, we must list and execute, entry by entry.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use pgpassage::demo::cluster::{Cluster, ClusterOptions, find_server_binaries};
use pgpassage::model::secret::Secret;
use pgpassage::pg::archive::{Archive, Entry, Handling, Pass, parse};
use pgpassage::pg::tools::{
    DumpOptions, DumpRequest, LeaveOut, ToolError, ToolSearch, dump_schema, find_pg_dump,
};
use std::collections::HashMap;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

const DATABASE: &str = "everything";

/// A server with the fixture database.
fn fixture() -> Cluster {
    let options = ClusterOptions::new(find_server_binaries(None, None).unwrap());
    let cluster = Cluster::start(options.setting("wal_level", "logical")).unwrap();
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let tablespace = tablespace_folder(&cluster).display().to_string();
    let globals = std::fs::read_to_string(fixtures.join("globals.sql")).unwrap();
    cluster.psql_with("postgres", &globals, &[("tablespace_dir", &tablespace)]).unwrap();
    let mut files: Vec<PathBuf> =
        fixtures.join(DATABASE).read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    for file in files {
        let sql = std::fs::read_to_string(&file).unwrap();
        cluster.psql_with(DATABASE, &sql, &[("tablespace_dir", &tablespace)]).unwrap();
    }
    cluster
}

/// An empty folder that belongs to the server's user.
fn tablespace_folder(cluster: &Cluster) -> PathBuf {
    let folder = cluster.folder().join("tablespace");
    let owner = std::fs::metadata(cluster.data_dir()).unwrap();
    std::fs::create_dir(&folder).unwrap();
    std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o700)).unwrap();
    std::os::unix::fs::chown(&folder, Some(owner.uid()), Some(owner.gid())).unwrap();
    folder
}

fn request(cluster: &Cluster, private_folder: &Path, password: Option<&str>) -> DumpRequest {
    DumpRequest {
        tool: cluster.bin().join("pg_dump"),
        conninfo: format!(
            "host='{}' port='{}' user='{}' dbname='{DATABASE}'",
            cluster.socket_dir().display(),
            cluster.port(),
            cluster.superuser()
        ),
        password: password.map(Secret::new),
        snapshot: None,
        lock_timeout_ms: 10_000,
        connect_timeout_s: Some(10),
        session_options: None,
        time_limit: Duration::from_secs(120),
        private_folder: private_folder.into(),
        options: DumpOptions::default(),
    }
}

/// What `pg_restore` prints for an archive on disk.
fn pg_restore(cluster: &Cluster, archive: &Path, arguments: &[&str]) -> String {
    let output =
        Command::new(cluster.bin().join("pg_restore")).args(arguments).arg(archive).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The archive as `pg_restore --list --verbose` shows it, with dependencies.
fn listed(archive: &Archive) -> Vec<String> {
    let clean = |text: &str| text.replace(['\n', '\r'], " ");
    let mut lines = Vec::new();
    for entry in &archive.entries {
        let schema = entry.namespace.as_deref().map_or_else(|| "-".to_owned(), clean);
        let owner = entry.owner.as_deref().map(clean).unwrap_or_default();
        let Entry { dump_id, catalog_oid, object_oid, desc, .. } = entry;
        let tag = clean(&entry.tag);
        lines.push(format!("{dump_id}; {catalog_oid} {object_oid} {desc} {schema} {tag} {owner}"));
        if !entry.dependencies.is_empty() {
            let ids: Vec<String> = entry.dependencies.iter().map(ToString::to_string).collect();
            lines.push(format!(";\tdepends on: {}", ids.join(" ")));
        }
    }
    lines
}

/// The statements of `pg_restore --file=- --verbose`, by dump id and in its order. What it sets before an entry stands
/// before the entry's header, and so at the end of the entry before.
fn scripted(script: &str) -> Vec<(i32, String)> {
    let mut entries: Vec<(i32, String)> = Vec::new();
    let mut in_header = false;
    for line in script.lines() {
        if let Some(rest) = line.strip_prefix("-- TOC entry ") {
            let id = rest.split(' ').next().unwrap().parse().unwrap();
            if let Some((_, text)) = entries.last_mut() {
                // The header's first line.
                text.truncate(text.trim_end_matches("--\n").len());
            }
            entries.push((id, String::new()));
            in_header = true;
        } else if in_header {
            in_header = line != "--";
        } else if line.starts_with("-- Completed on ") {
            break;
        } else if let Some((_, text)) = entries.last_mut() {
            text.push_str(line);
            text.push('\n');
        }
    }
    entries
}

/// What we would send: by dump id, what goes before and what follows. Settings that are in force already are left out,
/// as `pg_restore` does.
fn sent(archive: &Archive) -> Vec<(i32, String, String)> {
    let mut in_force: HashMap<String, String> = HashMap::new();
    let mut sent = Vec::new();
    for pass in [Pass::Main, Pass::Privileges, Pass::Last] {
        for entry in archive.entries.iter().filter(|entry| entry.pass() == pass) {
            if !matches!(entry.handling(), Handling::Execute | Handling::Nothing)
                || entry.definition.is_empty()
            {
                continue;
            }
            let mut before = String::new();
            for setting in entry.prelude() {
                let (name, _) = setting.split_once(" = ").unwrap();
                if in_force.insert(name.to_owned(), setting.clone()).as_ref() != Some(&setting) {
                    before.push_str(&setting);
                    before.push_str(";\n");
                }
            }
            let mut after = vec![entry.definition.clone()];
            after.extend(entry.owner_statement().into_iter().chain(entry.access_method_statement()));
            sent.push((entry.dump_id, before, after.join("\n")));
        }
    }
    sent
}

/// Without differences that mean nothing: white space, quotes that need not be, and the ALTER TABLE of `pg_restore` before 16
/// for all that is like a table.
fn plain(text: &str) -> String {
    let mut plain = text.split_whitespace().collect::<Vec<_>>().join(" ");
    for kind in ["MATERIALIZED VIEW", "VIEW", "SEQUENCE"] {
        plain = plain.replace(&format!("ALTER {kind} "), "ALTER TABLE ");
    }
    plain.replace('"', "")
}

async fn dumped(request: &DumpRequest) -> Result<Vec<u8>, ToolError> {
    dump_schema(request, CancellationToken::new()).await.map(|dump| dump.archive)
}

#[tokio::test]
async fn we_read_and_would_send_what_pg_restore_does() {
    let cluster = tokio::task::spawn_blocking(fixture).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let bytes = dumped(&request(&cluster, folder.path(), None)).await.unwrap();
    let archive = parse(&bytes).unwrap();
    let file = folder.path().join("archive");
    std::fs::write(&file, &bytes).unwrap();

    let list = pg_restore(&cluster, &file, &["--list", "--verbose"]);
    let list: Vec<&str> =
        list.lines().filter(|line| !line.starts_with(';') || line.contains("depends on:")).collect();
    assert!(list.len() > 20, "the fixture is there");
    for (ours, theirs) in listed(&archive).iter().zip(&list) {
        assert_eq!(ours.trim_end(), theirs.trim_end());
    }
    assert_eq!(listed(&archive).len(), list.len());

    let theirs = scripted(&pg_restore(&cluster, &file, &["--file=-", "--verbose"]));
    let ours = sent(&archive);
    let ids = |entry: &(i32, String, String)| entry.0;
    assert_eq!(
        ours.iter().map(ids).collect::<Vec<_>>(),
        theirs.iter().map(|entry| entry.0).collect::<Vec<_>>()
    );
    for (at, (id, text)) in theirs.iter().enumerate() {
        let next = ours.get(at + 1).map(|entry| entry.1.clone()).unwrap_or_default();
        let title = archive.entries.iter().find(|entry| entry.dump_id == *id).map(Entry::title);
        assert_eq!(plain(&format!("{}\n{next}", ours[at].2)), plain(text), "{title:?}");
    }
}

#[tokio::test]
async fn passwords_reach_pg_dump_and_kinds_can_be_left_out() {
    let password = r"odd: \'pass word";
    let start = move || {
        let options = ClusterOptions::new(find_server_binaries(None, None).unwrap()).password(password);
        let cluster = Cluster::start(options).unwrap();
        cluster.psql("postgres", "CREATE DATABASE everything").unwrap();
        let sql = "CREATE PUBLICATION p; CREATE SCHEMA \"Out*\"; CREATE TABLE t (a int)";
        cluster.psql(DATABASE, sql).unwrap();
        cluster
    };
    let cluster = tokio::task::spawn_blocking(start).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let search = ToolSearch { pgbin: Some(cluster.bin().into()), path_dirs: Vec::new(), reads_target: false };
    let tool = find_pg_dump(&search, 10, 10).await.unwrap();

    let mut request = request(&cluster, folder.path(), Some(password));
    request.tool = tool.path;
    request.options.leave_out = vec![LeaveOut::Publications];
    request.options.exclude_schemas = vec!["Out*".into()];
    let archive = parse(&dumped(&request).await.unwrap()).unwrap();
    let titles: Vec<String> = archive.entries.iter().map(Entry::title).collect();
    assert!(titles.iter().any(|title| title == "TABLE public.t"), "{titles:?}");
    assert!(
        !titles.iter().any(|title| title.contains("PUBLICATION") || title.contains("Out*")),
        "{titles:?}"
    );

    request.password = Some(Secret::new("wrong"));
    let error = dumped(&request).await.unwrap_err().to_string();
    assert!(error.contains("password authentication failed") && !error.contains("/proc/"), "{error}");
    request.password = None;
    let error = dumped(&request).await.unwrap_err().to_string();
    assert!(error.contains("no password supplied"), "{error}");
}
