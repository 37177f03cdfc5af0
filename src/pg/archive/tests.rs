//! Tests on real archives (`testdata`, one of each pg_dump that writes another layout) and on made ones.

use proptest::prelude::*;

use super::*;

const REAL: [(&[u8], u8); 4] = [
    (include_bytes!("testdata/pg_dump_13.dump"), 14),
    (include_bytes!("testdata/pg_dump_16.dump"), 15),
    (include_bytes!("testdata/pg_dump_17.dump"), 16),
    (include_bytes!("testdata/pg_dump_18.dump"), 16),
];

/// An integer as `WriteInt` writes it.
fn int(value: i32) -> Vec<u8> {
    let mut bytes = vec![u8::from(value < 0)];
    bytes.extend(value.unsigned_abs().to_le_bytes());
    bytes
}

/// A string as `WriteStr` writes it.
fn text(value: Option<&str>) -> Vec<u8> {
    let Some(value) = value else { return int(-1) };
    let mut bytes = int(i32::try_from(value.len()).unwrap());
    bytes.extend(value.as_bytes());
    bytes
}

/// An archive of one table in the layout of a minor version.
fn made(minor: u8, tail: &[u8]) -> Vec<u8> {
    let mut bytes = b"PGDMP\x01".to_vec();
    bytes.extend([minor, 0, 4, 8, 1]);
    if minor >= 15 {
        bytes.push(1);
    } else {
        bytes.extend(int(-1));
    }
    bytes.extend([0; 7 * 5]);
    for head in ["shop", "12.1", "12.2"] {
        bytes.extend(text(Some(head)));
    }
    bytes.extend([int(1), int(7), int(0)].concat());
    for value in ["1259", "4711", "or\"ders", "TABLE"] {
        bytes.extend(text(Some(value)));
    }
    bytes.extend(int(2));
    for value in [Some("CREATE …"), Some("DROP …"), None, Some("app"), Some("")] {
        bytes.extend(text(value));
    }
    if minor >= 14 {
        bytes.extend(text(Some("heap")));
    }
    if minor >= 16 {
        bytes.extend(int(i32::from(b'p')));
    }
    for value in [Some("alice"), Some("false"), Some("3"), Some("4"), None] {
        bytes.extend(text(value));
    }
    bytes.push(3);
    bytes.extend([0; 8]);
    bytes.extend(tail);
    bytes
}

/// An entry with the fields that the tests of `commands` need.
fn entry(desc: &str, namespace: Option<&str>, tag: &str, drop_statement: &str) -> Entry {
    Entry {
        dump_id: 1,
        catalog_oid: 0,
        object_oid: 0,
        tag: tag.into(),
        desc: desc.into(),
        section: Section::PreData,
        definition: "CREATE …;".into(),
        drop_statement: drop_statement.into(),
        namespace: namespace.map(Into::into),
        tablespace: None,
        access_method: None,
        relkind: None,
        owner: Some("a\"b".into()),
        dependencies: Vec::new(),
        has_data: false,
    }
}

#[test]
fn real_archives_are_read() {
    for (bytes, minor) in REAL {
        let archive = parse(bytes).unwrap();
        assert_eq!(archive.format_version, (1, minor, 0));
        assert_eq!(archive.dbname, "sample");
        let find = |title: &str| archive.entries.iter().find(|entry| entry.title() == title).unwrap();
        let orders = find("TABLE app.\"Orders\"");
        assert_eq!(orders.owner.as_deref(), Some("alice"));
        assert_eq!(orders.tablespace.as_deref(), Some(""));
        assert_eq!(orders.access_method.as_deref(), Some("heap"));
        assert_eq!(orders.relkind, (minor >= 16).then_some('r'));
        assert_eq!(
            orders.prelude(),
            ["SET default_tablespace = ''", "SET default_table_access_method = \"heap\""]
        );
        assert_eq!(orders.owner_statement().unwrap(), "ALTER TABLE \"app\".\"Orders\" OWNER TO \"alice\";");
        let function = find("FUNCTION app.f(integer)");
        assert_eq!(
            function.owner_statement().unwrap(),
            "ALTER FUNCTION app.f(a integer) OWNER TO \"alice\";"
        );
        let key = find("FK CONSTRAINT app.items items_o_fkey");
        assert_eq!(key.section, Section::PostData);
        assert!(key.dependencies.contains(&orders.dump_id));
        assert_eq!(find("COMMENT on TABLE app.items").handling(), Handling::Execute);
        assert_eq!(find("ACL on TABLE app.items").pass(), Pass::Privileges);
        assert!(archive.sections().is_sorted_by_key(|section| *section as u8));
        let settings = archive.settings();
        assert_eq!(settings.client_encoding.as_deref(), Some("UTF8"));
        assert!(settings.standard_conforming_strings && settings.search_path.is_some());
        assert!(archive.entries.iter().any(|entry| entry.handling() == Handling::Database));
    }
}

#[test]
fn a_partitioned_table_gets_its_access_method_afterwards() {
    let archive = parse(REAL[3].0).unwrap();
    let table = archive.entries.iter().find(|entry| entry.title() == "TABLE app.p").unwrap();
    assert_eq!(table.prelude(), ["SET default_tablespace = ''"]);
    assert_eq!(
        table.access_method_statement().unwrap(),
        "ALTER TABLE \"app\".\"p\" SET ACCESS METHOD \"heap\";"
    );
}

#[test]
fn every_layout_from_1_12_on_is_read() {
    for minor in 12..=19 {
        let archive = parse(&made(minor, &[])).unwrap();
        let [table] = archive.entries.as_slice() else { panic!("{archive:?}") };
        assert_eq!((table.dump_id, table.catalog_oid, table.object_oid), (7, 1259, 4711));
        assert_eq!(table.access_method.as_deref(), (minor >= 14).then_some("heap"));
        assert_eq!(table.relkind, (minor >= 16).then_some('p'));
        assert_eq!(table.dependencies, [3, 4]);
        assert_eq!(table.title(), "TABLE app.\"or\"\"ders\"");
    }
}

#[test]
fn what_is_no_archive_is_refused_clearly() {
    assert_eq!(parse(b""), Err(ArchiveError::NotAnArchive));
    assert_eq!(parse(b"-- PostgreSQL dump"), Err(ArchiveError::NotAnArchive));
    assert_eq!(parse(b"PGDMP\x01\x0b\0"), Err(ArchiveError::UnsupportedVersion(1, 11)));
    assert_eq!(parse(b"PGDMP\x02\x10\0"), Err(ArchiveError::UnsupportedVersion(2, 16)));
    assert_eq!(parse(b"PGDMP\x01\x10\0\x04\x08\x03"), Err(ArchiveError::OtherFormat(3)));
    assert!(matches!(parse(&made(16, b"x")), Err(ArchiveError::Corrupt { .. })));
    let error = parse(&made(17, b"x")).unwrap_err();
    assert!(matches!(error, ArchiveError::Newer { minor: 17, .. }), "{error}");
    let mut latin = made(16, &[]);
    let at = latin.windows(4).position(|bytes| bytes == b"shop").unwrap();
    latin[at] = 0xe4;
    assert_eq!(parse(&latin), Err(ArchiveError::NotUtf8 { at, what: "the database's name" }));
}

#[test]
fn no_truncation_panics_or_is_taken_for_the_whole() {
    for (bytes, _) in REAL {
        for end in 0..bytes.len() {
            assert!(parse(&bytes[..end]).is_err(), "cut at {end} of {}", bytes.len());
        }
    }
}

#[test]
fn a_claimed_length_allocates_nothing() {
    let mut bytes = made(16, &[]);
    let head = bytes.len() - made(16, &[]).iter().rev().count() + 12 + 35;
    bytes.splice(head..head + 5, int(i32::MAX));
    assert!(matches!(parse(&bytes), Err(ArchiveError::Truncated { .. })));
}

#[test]
fn owners_are_named_as_pg_restore_names_them() {
    let cases = [
        (
            entry("MATERIALIZED VIEW", Some("s"), "m", "DROP …"),
            "ALTER MATERIALIZED VIEW \"s\".\"m\" OWNER TO \"a\"\"b\";",
        ),
        (
            entry("PROCEDURAL LANGUAGE", None, "l", "DROP …"),
            "ALTER PROCEDURAL LANGUAGE \"l\" OWNER TO \"a\"\"b\";",
        ),
        (
            entry("OPERATOR CLASS", Some("s"), "o", "DROP OPERATOR CLASS s.o USING btree;\n"),
            "ALTER OPERATOR CLASS s.o USING btree OWNER TO \"a\"\"b\";",
        ),
        (entry("BLOB", None, "12", "SELECT …"), "ALTER LARGE OBJECT 12 OWNER TO \"a\"\"b\";"),
    ];
    for (entry, wanted) in cases {
        assert_eq!(entry.owner_statement().as_deref(), Some(wanted));
    }
    let mut many = entry("BLOB METADATA", None, "12..13", "SELECT …");
    many.definition = "12\n13\n".into();
    assert_eq!(many.large_objects(), [12, 13]);
    assert_eq!(many.owner_statement().unwrap().lines().count(), 2);
    for none in [
        entry("INDEX", Some("s"), "i", "DROP …"),
        entry("USER MAPPING", None, "USER MAPPING a SERVER b", "DROP …"),
        entry("TABLE ATTACH", Some("s"), "t", ""),
        entry("FUNCTION", Some("s"), "f()", "-- nothing"),
        Entry { owner: None, ..entry("TABLE", Some("s"), "t", "DROP …") },
    ] {
        assert_eq!(none.owner_statement(), None, "{none:?}");
    }
}

#[test]
fn what_is_not_to_be_sent_is_told_apart() {
    let handling = |desc: &str, tag: &str, definition: &str| {
        Entry { definition: definition.into(), ..entry(desc, None, tag, "") }.handling()
    };
    assert_eq!(
        handling("SCHEMA", "public", "-- *not* creating schema, since initdb creates it\n"),
        Handling::Nothing
    );
    assert_eq!(handling("ACL", "DATABASE shop", "GRANT …"), Handling::Database);
    assert_eq!(handling("COMMENT", "LARGE OBJECT 12", "COMMENT …"), Handling::Data);
    assert_eq!(handling("SEQUENCE SET", "s", "SELECT …"), Handling::Data);
    assert_eq!(handling("ENCODING", "ENCODING", "SET …"), Handling::Session);
    assert_eq!(handling("MATERIALIZED VIEW DATA", "m", "REFRESH …"), Handling::Refresh);
    assert_eq!(handling("TABLE", "t", "-- For binary upgrade\nCREATE TABLE"), Handling::Execute);
}

#[test]
fn titles_are_for_people() {
    let title = |desc: &str, tag: &str| entry(desc, Some("app"), tag, "").title();
    assert_eq!(title("COMMENT", "TRIGGER a ON t"), "COMMENT on TRIGGER a ON app.t");
    assert_eq!(title("COMMENT", "CONSTRAINT c ON DOMAIN d"), "COMMENT on CONSTRAINT c ON DOMAIN app.d");
    assert_eq!(title("TABLE", "a\nb"), "TABLE app.\"a\\nb\"");
    assert_eq!(title("TRIGGER", "t trg"), "TRIGGER app.t trg");
    assert_eq!(entry("USER MAPPING", None, "USER MAPPING a SERVER b", "").title(), "USER MAPPING a SERVER b");
    assert_eq!(entry("COMMENT", None, "CAST (a AS b)", "").title(), "COMMENT on CAST (a AS b)");
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400), minor in 10_u8..20) {
        let _ = parse(&bytes);
        let mut head = b"PGDMP\x01".to_vec();
        head.extend([minor, 0, 4, 8, 1]);
        head.extend(&bytes);
        let _ = parse(&head);
    }

    #[test]
    fn no_damage_panics(at in 0_usize..6000, byte in any::<u8>(), which in 0_usize..4) {
        let mut bytes = REAL[which].0.to_vec();
        let at = at % bytes.len();
        bytes[at] = byte;
        if let Ok(archive) = parse(&bytes) {
            for entry in &archive.entries {
                let _ = (entry.title(), entry.prelude(), entry.access_method_statement(), entry.handling(), entry.pass());
            }
        }
    }
}
