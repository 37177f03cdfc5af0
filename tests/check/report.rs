//! The report, word for word.

use super::{pair, with};
use crate::common::{Pair, Ran};

/// Without what is another one each time: ports, sizes, the rate of writing.
fn steady(ran: &Ran, pair: &Pair) -> String {
    let mut lines = Vec::new();
    for line in ran.stdout.lines() {
        let mut line =
            line.replace(&pair.source.port().to_string(), "1").replace(&pair.target.port().to_string(), "2");
        if line.contains("(wal-rate)") {
            continue;
        }
        if line.starts_with("  = ")
            && let Some((verdict, _)) = line.split_once(';')
        {
            line = verdict.to_owned();
        }
        if let Some(at) = line.find(", PostgreSQL ") {
            line.truncate(at);
        }
        if let Some((_, rest)) = line.split_once(" checks: ") {
            line = format!("N checks: {}", rest.split(", ").take(2).collect::<Vec<_>>().join(", "));
        }
        lines.push(line);
    }
    // Nothing but the rate may have stood there.
    lines.join("\n").replace("\nBoth servers\n\n", "\n")
}

fn run(pair: &Pair, arguments: &[&str]) -> Ran {
    let (source, target) = (pair.source.uri("postgres"), pair.target.uri("postgres"));
    pair.program(&[&["check", "-s", &source, "-t", &target], arguments].concat())
}

#[test]
fn the_report_reads_like_this() {
    let pair = Pair::of(with(&[("wal_level", "replica")]), with(&[]));
    pair.source.psql("postgres", "CREATE DATABASE \"Shop\"; CREATE DATABASE plain").unwrap();
    let seven: String = (1..8).map(|i| format!("CREATE TABLE t{i} (i int);")).collect();
    pair.source.psql("Shop", &seven).unwrap();
    pair.target.psql("postgres", "CREATE DATABASE plain").unwrap();
    pair.target.psql("plain", "CREATE TABLE theirs ()").unwrap();
    let ran = run(&pair, &["--exclude-database", "postgres"]);
    assert_eq!(ran.code, 1);
    let fixes: String =
        (1..6).map(|i| format!("ALTER TABLE ONLY \"public\".\"t{i}\" REPLICA IDENTITY FULL; ")).collect();
    let wanted = format!(
        "source: postgres@127.0.0.1:1
target: postgres@127.0.0.1:2

Both servers
  warning      wal_level is replica on the source, not logical (wal-level)
               why: with less than logical, changes cannot be read from the log
               fix: on the source: ALTER SYSTEM SET wal_level = 'logical'; then restart the server
  note         databases of the system stay where they are (system-databases)

Database \"Shop\"
  warning      nothing tells the rows of 7 tables apart: published, their UPDATE and DELETE would fail on the source (replica-identity)
               public.t1, public.t2, public.t3, public.t4, public.t5 and 2 more (--all)
               why: no UPDATE or DELETE on them was counted so far
               fix: on the source: {fixes}and so on for 2 more — or choose --replica-identity index, full, inserts or skip
  = snapshot only, because wal_level is replica on the source, not logical

Database plain
  BLOCKER      the target's database is not empty: it holds 1 object (table public.theirs) (target-empty)
               table public.theirs
               why: rows would mix with what is there, or be there twice
               fix: migrate into an empty database, or choose --if-target-not-empty append or truncate
  = not possible, because the target's database is not empty: it holds 1 object (table public.theirs)

skipped, because something else is in its way already: replication
skipped, because the source is not set up for it yet: slot
skipped, because the source is older than PostgreSQL 16: membership-grantors
skipped, because the source is older than PostgreSQL 18: idle-slots

N checks: 1 blocker, 2 warnings"
    );
    assert_eq!(steady(&ran, &pair), wanted, "{}", ran.stdout);
    let all = run(&pair, &["--exclude-database", "postgres", "--all"]);
    assert!(all.stdout.contains("public.t6, public.t7\n"), "{}", all.stdout);
    assert!(!all.stdout.contains("(--all)"), "{}", all.stdout);
}

#[test]
fn a_good_pair_has_a_short_report() {
    let pair = pair();
    let ran = run(&pair, &["--database", "postgres"]);
    assert_eq!(ran.code, 0);
    let wanted = "source: postgres@127.0.0.1:1
target: postgres@127.0.0.1:2

Database postgres
  = continuous

skipped, because the source is older than PostgreSQL 16: membership-grantors
skipped, because the source is older than PostgreSQL 18: idle-slots

N checks: 0 blockers, 0 warnings";
    assert_eq!(steady(&ran, &pair), wanted, "{}", ran.stdout);
}
