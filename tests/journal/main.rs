//! The journal: whatever is cut off, the rest still loads.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use pgpassage::model::check::Finding;
use pgpassage::model::command::StopReason;
use pgpassage::model::event::{
    DatabaseOutcome, Entry, Event, ObjectKind, PhaseOutcome, PlannedDatabase, RolePassword, RoleStatus,
    RunOutcome, ServerObject, ServerSummary,
};
use pgpassage::model::failure::{Failure, FailureKind};
use pgpassage::model::phase::Phase;
use pgpassage::model::run::Run;
use pgpassage::model::units::{ServerVersion, Side, TableName};
use pgpassage::store::{Journal, StoreError, read_journal};
use std::io::Write;
use std::path::Path;

/// One entry of every kind, in an order that a migration could have.
fn entries() -> Vec<Entry> {
    let database = || "shop".to_owned();
    let object = |kind| ServerObject { side: Side::Target, kind, name: "shop".into(), database: None };
    let failure = Failure::new(FailureKind::DiskFull, "no room").advise("make room");
    let server = ServerSummary {
        address: "postgres@127.0.0.1:5432".into(),
        version: ServerVersion(150018),
        user: "postgres".into(),
        superuser: true,
    };
    let events = vec![
        Event::Started { version: "0.1.0".into(), pid: 7, id: "abc".into() },
        Event::PhaseBegan { phase: Phase::Checks, database: None },
        Event::ServerSeen { side: Side::Source, server: server.clone() },
        Event::ServerSeen { side: Side::Target, server },
        Event::Finding { finding: Finding::warning("locale", "differs").in_database("shop").object("a") },
        Event::PhaseEnded { phase: Phase::Checks, database: None, outcome: PhaseOutcome::Done },
        Event::Planned {
            databases: vec![PlannedDatabase {
                name: database(),
                size_bytes: Some(5),
                exists_on_target: false,
            }],
        },
        Event::Making { object: object(ObjectKind::Role) },
        Event::NotOurs { object: object(ObjectKind::Role) },
        Event::RoleSettled {
            role: "app".into(),
            status: RoleStatus::Created,
            message: "role created".into(),
            password: RolePassword::Placeholder,
        },
        Event::Making { object: object(ObjectKind::Database) },
        Event::Made { object: object(ObjectKind::Database) },
        Event::SnapshotTaken { database: database(), tables: 2, bytes: 9 },
        Event::ArchiveRead { database: database(), entries: 12, tool: "pg_dump 15.18".into() },
        Event::TableCopied {
            database: database(),
            table: TableName::new("s", "t"),
            rows: 3,
            bytes: 4,
            ms: 5,
        },
        Event::TableFailed {
            database: database(),
            table: TableName::new("s", "u"),
            failure: failure.clone(),
        },
        Event::StatementTimed { database: database(), title: "INDEX i".into(), ms: 200 },
        Event::PhaseEnded {
            phase: Phase::Copy,
            database: Some(database()),
            outcome: PhaseOutcome::Failed { failure },
        },
        Event::Stopping { because: StopReason::Operator },
        Event::DatabaseEnded {
            database: database(),
            outcome: DatabaseOutcome::Failed,
            message: "no room".into(),
        },
        Event::Refused { failure: Failure::refused("no") },
        Event::Ended { outcome: RunOutcome::Failed },
    ];
    events
        .into_iter()
        .zip(1..)
        .map(|(event, seq)| Entry { seq, at_ms: 1_700_000_000_000 + seq, event })
        .collect()
}

fn write(path: &Path, entries: &[Entry]) {
    let (mut journal, before) = Journal::open(path).unwrap();
    assert!(before.is_empty());
    entries.iter().for_each(|e| journal.append(e).unwrap());
}

#[test]
fn cut_after_any_byte_it_still_loads() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal");
    let entries = entries();
    write(&path, &entries);
    let whole = std::fs::read(&path).unwrap();
    let cut_path = folder.path().join("cut");
    for length in 0..=whole.len() {
        std::fs::write(&cut_path, &whole[..length]).unwrap();
        let lines = whole[..length].iter().filter(|b| **b == b'\n').count();
        let read = read_journal(&cut_path).unwrap();
        assert_eq!(read, entries[..lines], "cut after {length} bytes");
        // What is left is a state, and the next writer goes on from there.
        assert_eq!(Run::fold(&read).seq, lines as u64);
    }
    std::fs::write(&cut_path, &whole[..whole.len() - 3]).unwrap();
    let (mut journal, read) = Journal::open(&cut_path).unwrap();
    journal.append(entries.last().unwrap()).unwrap();
    assert_eq!(read.len(), entries.len() - 1);
    assert_eq!(read_journal(&cut_path).unwrap(), entries);
}

#[test]
fn damage_in_the_middle_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal");
    write(&path, &entries());
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..middle + 40].fill(b'#');
    std::fs::write(&path, bytes).unwrap();
    assert!(matches!(read_journal(&path), Err(StoreError::Damaged { .. })));
}

/// Written by the first version; must load for ever. When this fails, change the code, not the file.
#[test]
fn the_oldest_journal_loads() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/journal/format-1.journal");
    assert_eq!(read_journal(&path).unwrap(), entries());
    let run = Run::fold(&read_journal(&path).unwrap());
    assert_eq!((run.id.as_str(), run.databases["shop"].rows), ("abc", 3));
}

#[test]
fn what_a_newer_version_wrote_is_passed_over() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal");
    let mut file = std::fs::File::create(&path).unwrap();
    writeln!(file, r#"{{"seq":1,"at_ms":5,"event":{{"kind":"teleported","to":{{"x":1}}}},"mood":"good"}}"#)
        .unwrap();
    writeln!(
        file,
        r#"{{"seq":2,"at_ms":6,"event":{{"kind":"phase_began","phase":"hover","database":null}}}}"#
    )
    .unwrap();
    let read = read_journal(&path).unwrap();
    assert_eq!(read[0].event, Event::Unknown);
    assert_eq!(read[1].event, Event::PhaseBegan { phase: Phase::Unknown, database: None });
}
