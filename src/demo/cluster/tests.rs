//! Real servers: started, asked, crashed, restarted, gone.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::{Cluster, ClusterError, ClusterOptions, find_server_binaries, percent_encode};

fn options() -> ClusterOptions {
    ClusterOptions::new(find_server_binaries(None, None).unwrap())
}

fn alive(pid: u32) -> bool {
    Path::new("/proc").join(pid.to_string()).join("stat").exists()
}

#[test]
fn lives_restarts_and_leaves_nothing() {
    let cluster = Cluster::start(options().setting("work_mem", "7MB")).unwrap();
    assert_eq!(cluster.psql("postgres", "show work_mem; show wal_level;").unwrap(), "7MB\nlogical");
    assert!(cluster.socket_dir().as_os_str().len() < 80);
    assert!(cluster.log_text().contains("ready to accept connections"));
    assert_eq!(std::fs::metadata(cluster.folder()).unwrap().mode() & 0o777, 0o700);

    cluster.psql("postgres", "create table kept (n int); insert into kept values (1)").unwrap();
    let (first, port) = (cluster.pid().unwrap(), cluster.port());
    cluster.restart().unwrap();
    assert_ne!(cluster.pid(), Some(first));
    assert_eq!(cluster.port(), port);
    cluster.kill_immediately().unwrap();
    assert_eq!(cluster.pid(), None);
    cluster.restart().unwrap();
    assert_eq!(cluster.psql("postgres", "select n from kept").unwrap(), "1");
    cluster.stop().unwrap();
    cluster.stop().unwrap();
    assert!(matches!(cluster.psql("postgres", "select 1"), Err(ClusterError::Psql { .. })));
    cluster.restart().unwrap();

    let (folder, pid) = (cluster.folder().to_owned(), cluster.pid().unwrap());
    drop(cluster);
    assert!(!folder.exists());
    assert!(!alive(pid));
}

#[test]
fn a_password_is_asked_for() {
    let start = options().superuser("Boss: 1").password("p@ss/'word").hba("host all nosy 127.0.0.1/32 trust");
    let cluster = Cluster::start(start).unwrap();
    cluster.psql("postgres", "create role nosy login; create database \"a b\"").unwrap();
    assert_eq!(cluster.psql("a b", "select current_user").unwrap(), "Boss: 1");
    let uri = cluster.uri("a b");
    assert_eq!(uri, format!("postgres://Boss%3A%201:p%40ss%2F%27word@127.0.0.1:{}/a%20b", cluster.port()));
    let ask = |uri: &str| {
        let mut command = std::process::Command::new(cluster.bin().join("psql"));
        command.args(["-XAtwc", "select current_user", uri]).output().unwrap()
    };
    assert_eq!(ask(&uri).stdout, b"Boss: 1\n");
    assert_eq!(ask(&cluster.uri_for("nosy", None, "postgres")).stdout, b"nosy\n");
    assert!(!ask(&cluster.uri_for(cluster.superuser(), None, "postgres")).status.success());
    assert!(!cluster.folder().join("password").exists());
}

#[test]
fn errors_say_what_happened() {
    let error = Cluster::start(options().setting("no_such_setting", "1")).unwrap_err().to_string();
    assert!(error.contains("ended while starting") && error.contains("no_such_setting"), "{error}");
    let error = Cluster::start(options().initdb_arg("--no-such-argument")).unwrap_err().to_string();
    assert!(error.contains("initdb failed") && error.contains("no-such-argument"), "{error}");

    let cluster = Cluster::start(options()).unwrap();
    let error = cluster.psql("postgres", "select 1;\nselect nonsense;\nselect 2").unwrap_err().to_string();
    assert!(error.contains(":2:") && error.contains("nonsense"), "{error}");
}

#[test]
fn a_long_answer_and_a_long_question_do_not_block() {
    let cluster = Cluster::start(options()).unwrap();
    let question = "select repeat('x', 100000);\n".repeat(20) + &format!("/* {} */", "y".repeat(300_000));
    assert_eq!(cluster.psql("postgres", &question).unwrap().len(), 20 * 100_001 - 1);
    assert_eq!(cluster.psql_with("postgres", "select :n + 1", &[("n", "41")]).unwrap(), "42");
}

#[test]
fn uris_are_encoded() {
    assert_eq!(percent_encode("aZ09-._~"), "aZ09-._~");
    assert_eq!(percent_encode("ö%/?"), "%C3%B6%25%2F%3F");
}
