//! The checks as users see them who may not do everything: a reader, and a plain role.

use super::covered::speaks;
use super::{Checked, HOSTILE, check_as, obey, objects, text, with};
use crate::common::Pair;
use pgpassage::demo::cluster::Cluster;

/// Users of both servers, a database with tables of somebody else's, and others that do not let everybody in.
fn pair() -> Pair {
    let settings = [("wal_level", "logical"), ("max_connections", "40")];
    let pair = Pair::of(with(&settings), with(&[]));
    let name = HOSTILE.replace('"', "\"\"");
    let users = "CREATE ROLE reader LOGIN IN ROLE pg_read_all_data, pg_monitor; CREATE ROLE plain LOGIN";
    pair.source.psql("postgres", users).unwrap();
    pair.target.psql("postgres", users).unwrap();
    let make = format!(
        r#"CREATE ROLE owner; CREATE ROLE app LOGIN PASSWORD 'x'; SET password_encryption = md5; CREATE ROLE old LOGIN PASSWORD 'x' VALID UNTIL '2099-01-01';
        CREATE ROLE standby REPLICATION; CREATE ROLE rds_thing; ALTER ROLE app SET statement_timeout = '1s';
        ALTER ROLE plain VALID UNTIL '{until}'; CREATE DATABASE shop OWNER owner; CREATE DATABASE "{name}"; CREATE DATABASE shut;
        REVOKE CONNECT ON DATABASE "{name}" FROM PUBLIC; ALTER DATABASE shut ALLOW_CONNECTIONS false"#,
        until = tomorrow(&pair.source)
    );
    pair.source.psql("postgres", &make).unwrap();
    let tables = format!(
        r#"CREATE SCHEMA "{name}" CREATE TABLE "{name}" (i serial PRIMARY KEY); CREATE TABLE guarded (i int PRIMARY KEY);
        ALTER TABLE guarded ENABLE ROW LEVEL SECURITY; ALTER TABLE guarded OWNER TO owner; SELECT lo_create(1)"#
    );
    pair.source.psql("shop", &tables).unwrap();
    pair
}

fn tomorrow(cluster: &Cluster) -> String {
    cluster.psql("postgres", "SELECT now() + interval '20 hours'").unwrap()
}

/// Facts that a role may not have are told as such, and end nothing.
fn unknown(ran: &Checked) -> Vec<String> {
    let all = ran.json()["unknown"].as_array().unwrap();
    all.iter().map(|u| u["id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_plain_role_is_told_what_it_lacks_and_the_fixes_give_it() {
    let pair = pair();
    let users = ("plain", "plain");
    let ran = check_as(&pair, users, &[]);
    assert_eq!(ran.0.code, 1, "{:?}", ran.0);
    ran.says("source-databases", Some(HOSTILE), "blocker");
    ran.says("source-databases", Some("shut"), "blocker");
    let readable = ran.says("readable", Some("shop"), "blocker");
    assert!(objects(readable).iter().any(|o| o.contains("DROP TABLE") && o.contains("_i_seq")), "{readable}");
    ran.says("create-databases", None, "blocker");
    ran.says("create-roles", None, "warning");
    ran.says("user-expiry", None, "warning");
    ran.says("passwords", None, "warning");
    ran.says("role-attributes", None, "warning");
    ran.says("reserved-roles", None, "warning");
    ran.says("expired-roles", None, "info");
    ran.says("role-settings", None, "info");
    ran.says("replication-right", None, "warning");
    ran.says("large-objects-readable", Some("shop"), "warning");
    assert_eq!(ran.verdict("shop"), "impossible");
    // The names in statements are whole: nothing was dropped, and everything was given.
    for (id, database) in [
        ("source-databases", Some(HOSTILE)),
        ("source-databases", Some("shut")),
        ("create-databases", None),
        ("create-roles", None),
        ("user-expiry", None),
        ("replication-right", None),
    ] {
        obey(&pair, ran.one(id, database), "postgres");
    }
    obey(&pair, readable, "shop");
    obey(&pair, ran.one("large-objects-readable", Some("shop")), "shop");
    let after = check_as(&pair, users, &[]);
    for id in ["create-databases", "create-roles", "user-expiry", "replication-right"] {
        after.is_silent(id, None);
    }
    after.is_silent("source-databases", Some(HOSTILE));
    after.is_silent("readable", Some("shop"));
    after.is_silent("large-objects-readable", Some("shop"));
    // From 14 on the fix gave pg_read_all_data too; policies still apply.
    let security = after.says("row-security", Some("shop"), "blocker");
    obey(&pair, security, "shop");
    let last = check_as(&pair, users, &[]);
    last.is_silent("row-security", Some("shop"));
    assert_eq!(last.verdict("shop"), "snapshot", "{:?}", last.0);
    let publishable = last.of("publishable", Some("shop"));
    assert!(!publishable.is_empty());
    for finding in publishable {
        // A superuser's role would make a superuser of whoever is given it.
        assert!(!text(finding, "fix").contains("GRANT \"postgres\""), "{finding}");
        obey(&pair, finding, "postgres");
    }
    let titles: Vec<_> = check_as(&pair, users, &[])
        .of("publishable", Some("shop"))
        .iter()
        .map(|f| text(f, "title").to_owned())
        .collect();
    // What belongs to the superuser cannot be given; what belongs to the owner was.
    assert!(titles.iter().all(|t| !t.contains("may not make publications")), "{titles:?}");
    obey_subscription(&pair, &last);
    speaks("a_plain_role_is_told_what_it_lacks_and_the_fixes_give_it");
}

fn obey_subscription(pair: &Pair, ran: &Checked) {
    // Before 16 nobody but a superuser may subscribe, which no statement gives.
    let found = ran.of("subscription-right", Some("shop"));
    assert_eq!(found.len(), 1);
    assert!(text(found[0], "fix").contains("superuser"), "{}", found[0]);
    assert_eq!(pair.target.psql("postgres", "SELECT count(*) FROM pg_subscription").unwrap(), "0");
}

#[test]
fn a_reader_is_told_less() {
    let pair = pair();
    let ran = check_as(&pair, ("reader", "postgres"), &["--database", "shop"]);
    ran.is_silent("readable", Some("shop"));
    ran.says("row-security", Some("shop"), "blocker");
    ran.says("large-objects-readable", Some("shop"), "warning");
    // The hashes can be read, and one of them is MD5.
    assert_eq!(objects(ran.says("passwords", None, "warning")), ["old"]);
    assert_eq!(unknown(&ran), Vec::<String>::new(), "{:?}", ran.0);
    let super_ran = check_as(&pair, ("postgres", "postgres"), &["--database", "shop"]);
    super_ran.is_silent("row-security", Some("shop"));
    assert_eq!(unknown(&super_ran), Vec::<String>::new(), "{:?}", super_ran.0);
    assert_eq!(super_ran.verdict("shop"), "continuous", "{:?}", super_ran.0);
}

#[test]
fn what_may_not_be_asked_is_one_unknown_and_ends_nothing() {
    let pair = pair();
    pair.source.psql("shop", "REVOKE SELECT ON pg_catalog.pg_event_trigger FROM PUBLIC").unwrap();
    pair.source.psql("postgres", "REVOKE SELECT ON pg_catalog.pg_replication_slots FROM PUBLIC").unwrap();
    pair.source.psql("shop", "GRANT SELECT ON ALL TABLES IN SCHEMA public TO plain").unwrap();
    let ran = check_as(&pair, ("plain", "postgres"), &["--database", "shop"]);
    let missing = unknown(&ran);
    assert!(missing.iter().any(|id| id == "event-triggers"), "{missing:?}");
    assert!(missing.iter().any(|id| id == "slots"), "{missing:?}");
    let why = ran.json()["unknown"].as_array().unwrap().iter().find(|u| u["id"] == "event-triggers").unwrap();
    assert!(why["why"].as_str().unwrap().contains("permission denied for table pg_event_trigger"), "{why}");
    // Everything else was judged all the same.
    ran.says("readable", Some("shop"), "blocker");
    assert!(ran.json()["databases"]["shop"]["size_bytes"].is_u64());
}

#[test]
fn migrate_refuses_what_the_checks_found_and_skips_what_it_is_told_to() {
    let pair = pair();
    let (from, to) = (pair.source.uri_for("plain", None, "postgres"), pair.target.uri("postgres"));
    let migrate = [
        "migrate",
        "-s",
        &from,
        "-t",
        &to,
        "--json",
        "--foreground",
        "--database",
        "shop",
        "--force-method",
        "dump",
    ];
    let ran = pair.program(&migrate);
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.error().starts_with("database shop: the source's user may not read"), "{}", ran.error());
    let skipping =
        [migrate.as_slice(), &["--skip-check", "readable,row-security", "--migration-id", "skipping"]]
            .concat();
    let ran = pair.program(&skipping);
    assert_ne!(ran.code, 1, "{ran:?}");
    let told: Vec<_> =
        ran.findings("info").into_iter().filter(|f| f.starts_with("skipped-check: ")).collect();
    assert_eq!(told.len(), 2, "{ran:?}");
    assert!(pair.state_text().contains("left out, as asked"));
    let ran = pair.program(&[migrate.as_slice(), &["--skip-check", "readble"]].concat());
    assert_eq!(
        (ran.code, ran.error()),
        (2, "--skip-check readble: there is no such check; pgpassage explain lists them")
    );
}
