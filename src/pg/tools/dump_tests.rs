//! Tests of running a child, with shell scripts in the place of `pg_dump`.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Instant;

use super::*;

/// A request for a script with this body.
fn request(folder: &Path, script: &str) -> DumpRequest {
    let tool = folder.join("pg_dump");
    std::fs::write(&tool, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(&tool, std::fs::Permissions::from_mode(0o755)).unwrap();
    DumpRequest {
        tool,
        conninfo: "host='h' dbname='d'".into(),
        password: Some(Secret::new(r"ti:g\er")),
        snapshot: Some("00000003-1B-1".into()),
        lock_timeout_ms: 1000,
        connect_timeout_s: Some(5),
        session_options: None,
        time_limit: Duration::from_secs(20),
        private_folder: folder.into(),
        options: DumpOptions::default(),
    }
}

#[tokio::test]
async fn argv_and_environment_hold_no_secret_and_the_file_holds_it() {
    let folder = tempfile::tempdir().unwrap();
    let script = r#"tr '\0' '\n' </proc/$$/environ; echo; printf '%s\n' "$@"; echo; cat "$PGPASSFILE""#;
    let mut request = request(folder.path(), script);
    request.options.exclude_schemas = vec!["a\"b*".into()];
    request.options.exclude_tables = vec![TableName::new("s", "T")];
    request.options.leave_out = vec![LeaveOut::Subscriptions];
    let dump = dump_schema(&request, CancellationToken::new()).await.unwrap();
    let text = String::from_utf8(dump.archive).unwrap();
    let (rest, secret) = text.rsplit_once("\n\n").unwrap();
    assert_eq!(secret, "*:*:*:*:ti\\:g\\\\er\n");
    assert!(!rest.contains("ti:") && !rest.contains("ti\\"), "{rest}");
    let (environment, argv) = rest.split_once("\n\n").unwrap();
    let mut names: Vec<&str> = environment.lines().filter_map(|line| Some(line.split_once('=')?.0)).collect();
    names.sort_unstable();
    assert_eq!(names, ["LC_ALL", "PATH", "PGCONNECT_TIMEOUT", "PGPASSFILE"]);
    for wanted in [
        "--schema-only",
        "--encoding=UTF8",
        "--snapshot=00000003-1B-1",
        "--lock-wait-timeout=1000",
        "--no-subscriptions",
        "--exclude-schema=\"a\"\"b*\"",
        "--exclude-table=\"s\".\"T\"",
    ] {
        assert!(argv.lines().any(|line| line == wanted), "{wanted} in {argv}");
    }
    assert_eq!(dump.stderr_lines, []);
}

#[tokio::test]
async fn a_failure_gives_its_first_error_redacted() {
    let folder = tempfile::tempdir().unwrap();
    let script = "printf 'PGDMP'; cat >&2 <<'X'\npg_dump: warning: odd\npg_dump: error: query failed: ERROR:  no\npg_dump: detail: Query was: ALTER ROLE a\n PASSWORD 'tiger'\nX\nexit 1";
    let error = dump_schema(&request(folder.path(), script), CancellationToken::new()).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "pg_dump failed: query failed: ERROR:  no\ndetail: Query was: ALTER ROLE a\n PASSWORD '***'"
    );
    let ToolError::Failed { stderr_lines, .. } = error else { panic!("{error:?}") };
    let levels: Vec<Level> = stderr_lines.iter().map(|line| line.level).collect();
    assert_eq!(levels, [Level::Warning, Level::Error, Level::Error, Level::Error]);

    let error = dump_schema(&request(folder.path(), "exit 3"), CancellationToken::new()).await.unwrap_err();
    assert_eq!(error.to_string(), "pg_dump failed: exit status: 3");
    let mut missing = request(folder.path(), "");
    missing.tool = folder.path().join("nothing");
    let error = dump_schema(&missing, CancellationToken::new()).await.unwrap_err();
    assert!(matches!(error, ToolError::Io { .. }), "{error}");
}

#[tokio::test]
async fn a_cancelled_or_late_child_is_ended() {
    let folder = tempfile::tempdir().unwrap();
    let pid_file = folder.path().join("pid");
    // Deaf to SIGTERM, so that SIGKILL is needed too.
    let script = format!("trap '' TERM; echo $$ >'{}'; while :; do sleep 0.05; done", pid_file.display());
    let mut request = request(folder.path(), &script);
    let cancel = CancellationToken::new();
    let begun = Instant::now();
    let run = tokio::spawn({
        let (request, cancel) = (request.clone(), cancel.clone());
        async move { dump_schema(&request, cancel).await }
    });
    while std::fs::read_to_string(&pid_file).unwrap_or_default().is_empty() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    cancel.cancel();
    assert!(matches!(run.await.unwrap(), Err(ToolError::Cancelled)));
    assert!(begun.elapsed() < Duration::from_secs(10));
    let pid = std::fs::read_to_string(&pid_file).unwrap();
    assert!(!Path::new("/proc").join(pid.trim()).exists(), "the child is reaped");

    request.tool = folder.path().join("slow");
    std::fs::write(&request.tool, "#!/bin/sh\nexec sleep 30\n").unwrap();
    std::fs::set_permissions(&request.tool, std::fs::Permissions::from_mode(0o755)).unwrap();
    request.time_limit = Duration::from_millis(100);
    let error = dump_schema(&request, CancellationToken::new()).await.unwrap_err();
    assert!(matches!(error, ToolError::TimedOut { .. }), "{error}");
}

#[tokio::test]
async fn output_is_bounded() {
    let (bytes, more) = read_bounded(Some(&b"12345"[..]), 4).await.unwrap();
    assert!(more && bytes.len() == 5);
    let (bytes, more) = read_bounded(Some(&b"1234"[..]), 4).await.unwrap();
    assert!(!more && bytes == b"1234");
}
