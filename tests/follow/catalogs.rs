//! What is left of a migration is found, wherever it lies, and how tables identify their rows is told.

use crate::catalog::{identities, leftovers};
use crate::common::eventually;
use crate::{pair, traffic::Traffic};

#[test]
fn everything_of_ours_is_found() {
    let pair = pair();
    assert_eq!(leftovers(&pair.source), Vec::<String>::new());
    assert_eq!(leftovers(&pair.target), Vec::<String>::new());
    for cluster in [&pair.source, &pair.target] {
        let sql = "CREATE DATABASE shop; CREATE TABLE pgpassagex (n int); CREATE ROLE pgpassage;";
        cluster.psql("postgres", sql).unwrap();
        cluster.psql("shop", "CREATE TABLE t (n int PRIMARY KEY)").unwrap();
    }
    let publish = "CREATE PUBLICATION pgpassage_a_shop_pub FOR TABLE t; CREATE PUBLICATION mine FOR TABLE t";
    pair.source.psql("shop", publish).unwrap();
    let subscribe = format!(
        "CREATE SUBSCRIPTION pgpassage_a_shop_sub CONNECTION '{}' PUBLICATION pgpassage_a_shop_pub
         WITH (slot_name = pgpassage_a_shop_slot)",
        pair.source.uri("shop")
    );
    pair.target.psql("shop", &subscribe).unwrap();
    eventually(&pair.target, "shop", "SELECT count(*) FROM pg_subscription_rel WHERE srsubstate = 'r'", "1");
    let other = "CREATE ROLE pgpassage_r; CREATE DATABASE pgpassage_d; CREATE SCHEMA pgpassage_s;
        CREATE FUNCTION public.pgpassage_f() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
        CREATE EVENT TRIGGER pgpassage_e ON sql_drop EXECUTE FUNCTION public.pgpassage_f()";
    pair.source.psql("postgres", other).unwrap();
    let wanted = [
        "database pgpassage_d",
        "event trigger pgpassage_e in postgres",
        "function pgpassage_f() in postgres",
        "publication pgpassage_a_shop_pub in shop",
        "role pgpassage_r",
        "schema pgpassage_s in postgres",
        "slot pgpassage_a_shop_slot",
    ];
    assert_eq!(leftovers(&pair.source), wanted);
    let oid = pair.target.psql("shop", "SELECT oid FROM pg_subscription").unwrap();
    let wanted = [format!("origin pg_{oid}"), "subscription pgpassage_a_shop_sub in shop".to_owned()];
    assert_eq!(leftovers(&pair.target), wanted);
    // The origin of somebody else's subscription is none of ours.
    pair.target.psql("shop", "ALTER SUBSCRIPTION pgpassage_a_shop_sub RENAME TO theirs").unwrap();
    assert_eq!(leftovers(&pair.target), Vec::<String>::new());
    pair.target.psql("shop", "DROP SUBSCRIPTION theirs").unwrap();
    assert!(!leftovers(&pair.source).contains(&"slot pgpassage_a_shop_slot".to_owned()));
}

#[test]
fn changed_identities_are_seen() {
    let pair = pair();
    Traffic::prepare(&pair.source, "postgres");
    pair.source
        .psql("postgres", "CREATE TABLE nothing (n int); ALTER TABLE nothing REPLICA IDENTITY NOTHING")
        .unwrap();
    let before = identities(&pair.source, "postgres");
    for one in [
        "public.nothing: nothing",
        "traffic.event: default",
        "traffic.heap: full",
        "traffic.keyed: index traffic.keyed_identity",
    ] {
        assert!(before.iter().any(|b| b == one), "{one} in {before:?}");
    }
    pair.source.psql("postgres", "ALTER TABLE traffic.event_2025 REPLICA IDENTITY FULL").unwrap();
    let after = identities(&pair.source, "postgres");
    let changed: Vec<_> = after.iter().filter(|a| !before.contains(a)).collect();
    assert_eq!(changed, ["traffic.event_2025: full"]);
    pair.source.psql("postgres", "ALTER TABLE traffic.event_2025 REPLICA IDENTITY DEFAULT").unwrap();
    assert_eq!(identities(&pair.source, "postgres"), before);
    // An index that identified rows and was dropped.
    pair.source.psql("postgres", "DROP INDEX traffic.keyed_identity").unwrap();
    assert!(identities(&pair.source, "postgres").contains(&"traffic.keyed: index (gone)".to_owned()));
}
