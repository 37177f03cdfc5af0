//! A server that speaks another language than English says the same.

use super::traps::ask;
use crate::common::{Pair, cluster, eventually, server_binaries};
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use pgpassage::demo::cluster::{Cluster, ClusterOptions};
use std::path::Path;
use std::process::Command;

const LOCALES: &str = "/usr/lib/locale";

/// Has the servers that are started from here on, and no others, know German. Says why not.
fn german(folder: &Path) -> Result<(), String> {
    let run = |program: &str, words: &[&str]| {
        let done = Command::new(program).args(words).output().map_err(|e| format!("{program}: {e}"))?;
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        if done.status.success() { Ok(()) } else { Err(format!("{program}: {said}")) }
    };
    let ours = folder.join("locale");
    let (ours, made) = (ours.to_str().unwrap(), ours.join("de_DE.utf8"));
    run("cp", &["-a", LOCALES, ours])?;
    run("localedef", &["--no-archive", "-i", "de_DE", "-f", "UTF-8", made.to_str().unwrap()])?;
    run("chmod", &["a+rX", "-R", folder.to_str().unwrap()])?;
    unshare(CloneFlags::CLONE_NEWNS).map_err(|e| format!("unshare: {e}"))?;
    let nothing = None::<&str>;
    let bound = mount(nothing, "/", nothing, MsFlags::MS_REC | MsFlags::MS_PRIVATE, nothing)
        .and_then(|()| mount(Some(ours), LOCALES, nothing, MsFlags::MS_BIND, nothing));
    bound.map_err(|e| format!("mount: {e}"))
}

/// Until somebody ends it.
const WANTED: &str = "DO $$ BEGIN LOOP \
    BEGIN LOCK TABLE t IN ACCESS EXCLUSIVE MODE; EXCEPTION WHEN lock_not_available THEN NULL; END; COMMIT; \
    END LOOP; END $$";

/// Somebody who wants a table for himself, again and again, keeps pg_dump waiting behind our own locks. It tells the reason in
/// the server's language, unless our user may choose another.
#[test]
fn pg_dump_that_is_kept_waiting_is_understood_in_german() {
    let folder = tempfile::tempdir().unwrap();
    if let Err(why) = german(folder.path()) {
        println!("skipped: no German for a server: {why}");
        return;
    }
    let options = ClusterOptions::new(server_binaries()).setting("lc_messages", "de_DE.UTF-8");
    let pair = Pair::of(Cluster::start(options).unwrap(), cluster());
    let refused = pair.source.psql("postgres", "SELECT 1/0").unwrap_err().to_string();
    if !refused.contains("Division durch Null") {
        println!("skipped: this server has no German: {refused}");
        return;
    }
    let make = "CREATE ROLE mover LOGIN IN ROLE pg_read_all_data; CREATE DATABASE shop";
    pair.source.psql("postgres", make).unwrap();
    pair.source.psql("shop", "CREATE TABLE t AS SELECT generate_series(1, 10) AS i").unwrap();
    for user in ["mover", "postgres"] {
        let (source, target) = (pair.source.uri_for(user, None, "shop"), pair.target.uri("postgres"));
        let words =
            ["migrate", "-s", &source, "-t", &target, "--database", "shop", "--migration-id", user, "--json"];
        let again = || pair.state_text().matches("snapshot taken again").count();
        let before = again();
        pair.source.psql("postgres", "ALTER DATABASE shop SET lock_timeout = '5s'").unwrap();
        let child = pair.start(&words, &[]);
        let ran = std::thread::scope(|scope| {
            let ran = scope.spawn(|| super::traps::finish(child));
            scope.spawn(|| pair.source.psql("shop", WANTED).ok());
            while again() == before && !ran.is_finished() {
                std::thread::sleep(std::time::Duration::from_millis(20));
            }
            let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'DO %'";
            ask(&pair.source, "postgres", end);
            ran.join().unwrap()
        });
        assert_eq!((ran.code, ran.status("shop")), (0, "done"), "{user}: {}\n{}", ran.stderr, ran.stdout);
        assert!(again() > before, "{user}: nobody was kept waiting");
        assert_eq!(ask(&pair.target, "shop", "SELECT count(*) FROM t"), "10");
        eventually(
            &pair.target,
            "postgres",
            "SELECT count(*) FROM pg_stat_activity WHERE datname = 'shop'",
            "0",
        );
        pair.target.psql("postgres", "DROP DATABASE shop").unwrap();
    }
}
