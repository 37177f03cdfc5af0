//! The stand-in for aiven_extras: a plain role replicates with it, and it drops what it is told to and nothing else.

use crate::common::{Pair, eventually};
use crate::{extras, pair, versions};
use pgpassage::demo::cluster::{Cluster, ClusterError};
use std::time::{Duration, Instant};

const EVERYTHING: &str = "insert,update,delete,truncate";

/// Two servers with tables, on both a role `mover` that is no superuser and may use the functions.
fn movers() -> Pair {
    let pair = pair();
    for (cluster, attributes) in [(&pair.source, "LOGIN REPLICATION"), (&pair.target, "LOGIN")] {
        let sql = format!(
            "CREATE ROLE mover {attributes}; CREATE ROLE stranger LOGIN;
             CREATE TABLE one (n int PRIMARY KEY); CREATE TABLE \"Odd one\" (n int PRIMARY KEY);
             GRANT SELECT ON one, \"Odd one\" TO mover"
        );
        cluster.psql("postgres", &sql).unwrap();
        extras::install(cluster, "postgres", &["mover"]);
    }
    pair
}

fn as_role(cluster: &Cluster, role: &str, sql: &str) -> Result<String, ClusterError> {
    cluster.psql("postgres", &format!("SET SESSION AUTHORIZATION {role}; {sql}"))
}

fn mover(cluster: &Cluster, sql: &str) -> String {
    as_role(cluster, "mover", sql).unwrap()
}

/// Publishes a table and subscribes to it, all under one name, as the role `mover`.
fn subscribe(pair: &Pair, name: &str, table: &str) {
    let publication =
        format!("SELECT aiven_extras.pg_create_publication('{name}', '{EVERYTHING}', '{table}')");
    mover(&pair.source, &publication);
    let from = pair.source.uri_for("mover", None, "postgres");
    let subscription = format!(
        "SELECT aiven_extras.pg_create_subscription('{name}', '{from}', '{name}', '{name}', true, true)"
    );
    mover(&pair.target, &subscription);
}

/// The slot cannot be dropped before the source has seen that its reader is gone.
fn drop_subscription(cluster: &Cluster, name: &str) {
    let began = Instant::now();
    while let Err(error) =
        as_role(cluster, "mover", &format!("SELECT aiven_extras.pg_drop_subscription('{name}')"))
    {
        assert!(error.to_string().contains("is active"), "{error}");
        assert!(began.elapsed() < Duration::from_secs(60), "{error}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_plain_role_replicates_with_it() {
    let pair = movers();
    pair.source.psql("postgres", "INSERT INTO one VALUES (1); INSERT INTO \"Odd one\" VALUES (1)").unwrap();
    subscribe(&pair, "first", "public.one");
    subscribe(&pair, "second", "public.\"Odd one\"");
    pair.source.psql("postgres", "INSERT INTO one VALUES (2); INSERT INTO \"Odd one\" VALUES (2)").unwrap();
    for table in ["one", "\"Odd one\""] {
        eventually(&pair.target, "postgres", &format!("SELECT count(*) FROM {table}"), "2");
    }
    let owners = "SELECT string_agg(DISTINCT pg_get_userbyid(pubowner), ',') FROM pg_publication";
    assert_eq!(pair.source.psql("postgres", owners).unwrap(), "mover");
    let owners = "SELECT string_agg(DISTINCT pg_get_userbyid(subowner), ',') FROM pg_subscription";
    assert_eq!(pair.target.psql("postgres", owners).unwrap(), "postgres");
    // What a plain role cannot see elsewhere.
    let listed =
        "SELECT subname, subenabled, subslotname FROM aiven_extras.pg_list_all_subscriptions() ORDER BY 1";
    assert_eq!(mover(&pair.target, listed), "first|t|first\nsecond|t|second");
    let seen = "SELECT count(*) FROM aiven_extras.pg_stat_replication WHERE state = 'streaming' AND sent_lsn IS NOT NULL";
    assert_eq!(mover(&pair.source, seen), "2");
    mover(&pair.target, "SELECT aiven_extras.pg_alter_subscription_disable('first')");
    assert_eq!(mover(&pair.target, listed), "first|f|first\nsecond|t|second");
    mover(&pair.target, "SELECT aiven_extras.pg_alter_subscription_enable('first')");
    assert_eq!(mover(&pair.target, listed), "first|t|first\nsecond|t|second");

    drop_subscription(&pair.target, "first");
    assert_eq!(mover(&pair.target, listed), "second|t|second");
    let slots = "SELECT string_agg(slot_name, ',') FROM pg_replication_slots";
    assert_eq!(pair.source.psql("postgres", slots).unwrap(), "second");
    mover(&pair.target, "SELECT aiven_extras.pg_drop_subscription('second', false)");
    assert_eq!(mover(&pair.target, listed), "");
    assert_eq!(pair.source.psql("postgres", slots).unwrap(), "second");
    mover(&pair.source, "DROP PUBLICATION first, second");
}

#[test]
fn it_refuses_what_the_real_one_refuses() {
    let pair = movers();
    let refused = |cluster, role, sql: &str| as_role(cluster, role, sql).unwrap_err().to_string();
    let list = "SELECT aiven_extras.pg_list_all_subscriptions()";
    assert!(refused(&pair.target, "stranger", list).contains("permission denied for schema aiven_extras"));
    let drop = "SELECT aiven_extras.pg_drop_subscription('nothing')";
    assert!(refused(&pair.target, "mover", drop).contains("No subscription found for name: nothing"));
    let subscription =
        "SELECT aiven_extras.pg_create_subscription('s', 'port=1', 'p', 's', arg_origin => 'none')";
    assert!(refused(&pair.target, "mover", subscription).contains("needs PostgreSQL 16"));
    // pg_catalog alone is searched.
    let publication = "SELECT aiven_extras.pg_create_publication('p', 'insert', 'one')";
    assert!(refused(&pair.source, "mover", publication).contains("\"one\" does not exist"));
    subscribe(&pair, "first", "public.one");
    let refresh = "SELECT aiven_extras.pg_alter_subscription_refresh_publication('first', false)";
    assert!(refused(&pair.target, "mover", refresh).contains("could not establish connection"));
    // Another database's subscription of that name is not this one's.
    pair.target.psql("postgres", "CREATE DATABASE other").unwrap();
    extras::install(&pair.target, "other", &["mover"]);
    let drop = "SET SESSION AUTHORIZATION mover; SELECT aiven_extras.pg_drop_subscription('first')";
    assert!(pair.target.psql("other", drop).unwrap_err().to_string().contains("No subscription found"));
    assert_eq!(pair.target.psql("postgres", "SELECT subenabled FROM pg_subscription").unwrap(), "t");
}

#[test]
fn it_looks_like_an_extension_and_goes_as_one() {
    let pair = movers();
    let known =
        "SELECT extversion, extnamespace::regnamespace FROM pg_extension WHERE extname = 'aiven_extras'";
    assert_eq!(pair.target.psql("postgres", known).unwrap(), "1.1.18|aiven_extras");
    let publication =
        format!("SELECT aiven_extras.pg_create_publication_for_all_tables('p', '{EVERYTHING}')");
    mover(&pair.source, &publication);
    let made = "SELECT pg_get_userbyid(pubowner), puballtables, pubtruncate FROM pg_publication";
    assert_eq!(pair.source.psql("postgres", made).unwrap(), "mover|t|t");
    for cluster in [&pair.source, &pair.target] {
        extras::remove(cluster, "postgres");
        let left = "SELECT count(*) FROM pg_proc WHERE proname LIKE 'pg_create_publication%' OR proname LIKE 'dblink%'";
        assert_eq!(cluster.psql("postgres", left).unwrap(), "0");
    }
}

#[test]
fn every_version_takes_it() {
    for (major, options) in versions(12) {
        let cluster = Cluster::start(options.setting("wal_level", "logical")).unwrap();
        cluster.psql("postgres", "CREATE ROLE mover LOGIN; CREATE TABLE one (n int)").unwrap();
        extras::install(&cluster, "postgres", &["mover"]);
        mover(&cluster, "SELECT aiven_extras.pg_create_publication('p', 'insert,delete', 'public.one')");
        let itself = cluster.uri("postgres");
        let origin = if major >= 16 { "none" } else { "any" };
        let subscription = format!(
            "SELECT aiven_extras.pg_create_subscription('s', '{itself}', 'p', 's', true, false, '{origin}')"
        );
        mover(&cluster, &subscription);
        assert_eq!(
            mover(&cluster, "SELECT subname FROM aiven_extras.pg_list_all_subscriptions()"),
            "s",
            "{major}"
        );
        drop_subscription(&cluster, "s");
        assert_eq!(
            cluster.psql("postgres", "SELECT count(*) FROM pg_replication_slots").unwrap(),
            "0",
            "{major}"
        );
        extras::remove(&cluster, "postgres");
    }
}
