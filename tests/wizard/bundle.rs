//! What is saved for somebody who helps: how it stands, versions, plan, log and journal, and no secret.

use super::common::Pair;
use super::proxy::Proxy;
use super::tty::Tty;
use super::{pair_with, start, to_report, uris, wizard};
use pgpassage::demo::cluster::ClusterOptions;
use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::Duration;

const PASSWORD: &str = "s3cret-of-the-source";

fn bundles(pair: &Pair) -> BTreeSet<PathBuf> {
    let files = std::fs::read_dir(pair.state.path().join("pgpassage/mine")).unwrap();
    let all = files.map(|file| file.unwrap().path());
    all.filter(|path| path.file_name().unwrap().to_string_lossy().starts_with("bundle-")).collect()
}

/// What `w` writes.
fn saved(tty: &mut Tty, pair: &Pair) -> String {
    let before = bundles(pair);
    tty.send("w");
    let end = "\n==== journal ====\n";
    let written = || {
        let path = bundles(pair).difference(&before).next().cloned()?;
        let text = std::fs::read_to_string(&path).ok().filter(|text| text.contains(end))?;
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        Some(text)
    };
    tty.wait_for("a file", |_| written().is_some());
    tty.wait("Saved as");
    written().unwrap()
}

/// The part about how it stands; the others are there, and a password is nowhere.
fn report_of(text: &str) -> String {
    assert!(text.starts_with(&format!("pgpassage {}, linux", env!("CARGO_PKG_VERSION"))), "{text}");
    for side in ["source", "target"] {
        let server = text.lines().find(|line| line.starts_with(&format!("{side}: "))).unwrap();
        assert!(server.contains(", PostgreSQL ") || server.contains("not reached so far"), "{server}");
    }
    for (title, part) in [("plan", "\"source\""), ("log", "INFO"), ("journal", "\"kind\":\"started\"")] {
        let (_, rest) = text.split_once(&format!("\n==== {title} ====\n")).unwrap();
        assert!(rest.split("\n==== ").next().unwrap().contains(part), "{title}: {text}");
    }
    for secret in [PASSWORD, "SCRAM-SHA-256$", "s3cret"] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
    let (_, report) = text.split_once("\n==== report ====\n").unwrap();
    report.split("\n==== ").next().unwrap().to_owned()
}

#[test]
fn a_bundle_says_how_it_stands_and_no_password() {
    let pair = pair_with(
        ClusterOptions::new(super::server_binaries()).password(PASSWORD).setting("wal_level", "logical"),
    );
    // A role with a password of its own, whose hash travels.
    pair.source.psql("postgres", "CREATE ROLE app LOGIN PASSWORD 's3cret-too'").unwrap();
    let proxy = Proxy::start(pair.source.port());
    let (_, target) = uris(&pair);
    let source = format!("postgres://postgres:{PASSWORD}@127.0.0.1:{}/postgres?sslmode=prefer", proxy.port());
    let mut tty = wizard(&pair);
    to_report(&mut tty, (&source, &target));
    tty.tab_to("▐ Continue ▌");
    proxy.delay(Duration::from_millis(150));
    start(&mut tty);
    tty.wait("▶ running");
    let report = report_of(&saved(&mut tty, &pair));
    assert!(report.contains("It was at work when this was written."), "{report}");
    assert!(!report.contains("Failed"), "{report}");
    proxy.delay(Duration::ZERO);
    tty.wait("Replication mode active");
    let text = saved(&mut tty, &pair);
    let head = text.split("====").next().unwrap();
    assert_eq!(head.matches(", PostgreSQL ").count(), 2, "{head}");
    let report = report_of(&text);
    assert!(report.contains("following") && report.contains("the target follows the source"), "{report}");
    assert!(!report.contains("Failed") && !report.contains("no database was moved"), "{report}");
    // An engine that dies is said to be dead, and what it has left is named.
    pair.kill_engines();
    tty.wait("No engine guards it");
    let report = report_of(&saved(&mut tty, &pair));
    assert!(report.contains("nobody watches over it"), "{report}");
    assert!(!report.contains("stays and watches over what follows:"), "{report}");
    tty.send("\x03");
    assert_eq!(tty.exit(), 0);
}
