//! Checks of the target: what is there already, extensions, languages, guards.

use super::covered::speaks;
use super::{HOSTILE, check, check_as, obey, objects, pair, text, with};
use crate::common::Pair;

#[test]
fn databases_that_are_there_are_judged() {
    let pair = pair();
    let name = HOSTILE.replace('"', "\"\"");
    for cluster in [&pair.source, &pair.target] {
        cluster.psql("postgres", &format!("CREATE DATABASE shop; CREATE DATABASE \"{name}\"")).unwrap();
    }
    pair.source
        .psql(
            "postgres",
            "CREATE DATABASE latin TEMPLATE template0 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'",
        )
        .unwrap();
    pair.target
        .psql("postgres", "CREATE DATABASE latin TEMPLATE template0 LC_COLLATE 'C.UTF-8' LC_CTYPE 'C.UTF-8'")
        .unwrap();
    pair.target.psql("shop", &format!("CREATE TABLE \"{name}\" ()")).unwrap();
    pair.target.psql("postgres", &format!("ALTER DATABASE \"{name}\" ALLOW_CONNECTIONS false")).unwrap();
    pair.target.psql("postgres", "ALTER DATABASE latin SET default_transaction_read_only = on").unwrap();
    let ran = check(&pair, &[]);
    assert_eq!(ran.0.code, 1);
    let full = ran.says("target-empty", Some("shop"), "blocker");
    assert!(objects(full)[0].contains("DROP TABLE"), "{full}");
    let shut = ran.says("target-databases", Some(HOSTILE), "blocker");
    ran.says("encoding", Some("latin"), "warning");
    ran.says("locale", Some("latin"), "warning");
    ran.says("target-read-only", None, "warning");
    let verdicts = [ran.verdict("shop"), ran.verdict(HOSTILE), ran.verdict("latin"), ran.verdict("postgres")];
    assert_eq!(verdicts, ["impossible", "impossible", "continuous", "continuous"]);
    obey(&pair, shut, "postgres");
    let after = check(&pair, &["--if-target-not-empty", "append"]);
    assert_eq!(after.0.code, 0, "{:?}", after.0);
    after.is_silent("target-databases", Some(HOSTILE));
    after.says("target-empty", Some("shop"), "warning");
    // What is there could collide with changes.
    assert_eq!(after.verdict("shop"), "snapshot");
    speaks("databases_that_are_there_are_judged");
}

#[test]
fn extensions_and_languages_are_held_against_the_target() {
    let pair = pair();
    pair.target.psql("postgres", "CREATE ROLE plain LOGIN CREATEDB CREATEROLE").unwrap();
    pair.source.psql("postgres", "CREATE DATABASE shop").unwrap();
    let make =
        "CREATE EXTENSION hstore; CREATE EXTENSION dblink; CREATE EXTENSION citext; CREATE EXTENSION pg_trgm;
        CREATE LANGUAGE foo HANDLER plpgsql_call_handler; CREATE LANGUAGE bar HANDLER plpgsql_call_handler;
        UPDATE pg_extension SET extname = 'it''s; not there' WHERE extname = 'citext';
        UPDATE pg_extension SET extversion = '99.1' WHERE extname = 'pg_trgm'";
    pair.source.psql("shop", make).unwrap();
    let users = ("postgres", "plain");
    let ran = check_as(&pair, users, &["--database", "shop"]);
    assert_eq!(ran.0.code, 1);
    let title = |id: &str| text(ran.says(id, Some("shop"), "blocker"), "title").to_owned();
    assert_eq!(title("languages"), "Languages not installed in target: bar, foo");
    let absent = "Extension 'it's; not there' is not available for installation in target";
    assert_eq!(title("extensions-available"), absent);
    assert_eq!(title("extensions-installable"), "Installing extension 'dblink' in target requires superuser");
    ran.says("extension-versions", Some("shop"), "warning");
    // Whoever leaves them out hears nothing of them.
    let without = ["--database", "shop", "--excluded-extensions", "dblink,it's; not there,pg_trgm"];
    let left = check_as(&pair, users, &without);
    for id in ["extensions-available", "extensions-installable", "extension-versions"] {
        left.is_silent(id, Some("shop"));
    }
    // A superuser may make all but what has no files.
    let super_ran = check(&pair, &["--database", "shop"]);
    super_ran.is_silent("languages", Some("shop"));
    super_ran.is_silent("extensions-installable", Some("shop"));
    super_ran.says("extensions-available", Some("shop"), "blocker");
    let migrate = pair.migrate(&["--database", "shop", "--foreground"]);
    assert_eq!((migrate.code, migrate.error()), (1, format!("database shop: {absent}").as_str()));
    // The fix: the extension, made there by somebody who may.
    pair.target.psql("postgres", "CREATE DATABASE shop OWNER plain").unwrap();
    obey(
        &pair,
        &serde_json::json!({"fix": format!("on the target: {}", statement(text(ran.one("extensions-installable", Some("shop")), "fix")))}),
        "shop",
    );
    check_as(&pair, users, &["--database", "shop"]).is_silent("extensions-installable", Some("shop"));
    speaks("extensions_and_languages_are_held_against_the_target");
}

fn statement(fix: &str) -> &str {
    &fix[fix.find("CREATE").unwrap()..]
}

#[test]
fn what_only_a_superuser_makes_is_told_to_everybody_else() {
    let pair = pair();
    pair.target.psql("postgres", "CREATE ROLE plain LOGIN CREATEDB CREATEROLE").unwrap();
    pair.source.psql("postgres", "CREATE DATABASE shop").unwrap();
    let make = "CREATE FUNCTION c(text) RETURNS text LANGUAGE internal AS 'textin'; CREATE DOMAIN d AS text;
        CREATE FUNCTION sure(int) RETURNS int LANGUAGE sql LEAKPROOF AS 'SELECT 1'; CREATE TYPE pair AS (a int);
        CREATE OPERATOR FAMILY f USING btree; CREATE TEXT SEARCH TEMPLATE tmpl (LEXIZE = dsimple_lexize);
        CREATE FUNCTION definer() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1'";
    pair.source.psql("shop", make).unwrap();
    let ran = check_as(&pair, ("postgres", "plain"), &["--database", "shop"]);
    let told = ran.says("superuser-objects", Some("shop"), "blocker");
    for kind in ["C function public.c", "leakproof function public.sure", "text search template public.tmpl"]
    {
        assert!(objects(told).contains(&kind), "{told}");
    }
    let owners = ran.says("owners", Some("shop"), "warning");
    assert!(objects(owners).iter().any(|o| o.contains("security definer")), "{owners}");
    let super_ran = check(&pair, &["--database", "shop"]);
    super_ran.is_silent("superuser-objects", Some("shop"));
    super_ran.is_silent("owners", Some("shop"));
    speaks("what_only_a_superuser_makes_is_told_to_everybody_else");
}

#[test]
fn aivens_security_agent_decides_about_superusers() {
    let target = with(&[("aiven.pg_security_agent_reserved_roles", "postgres,avnadmin")]);
    let pair = Pair::of(with(&[]), target);
    pair.source
        .psql("postgres", "CREATE ROLE \"Big boss\" SUPERUSER; CREATE ROLE avnadmin SUPERUSER")
        .unwrap();
    let ran = check(&pair, &[]);
    let told = ran.says("superuser-roles", None, "blocker");
    let sentence =
        "Some superuser roles from source database (\"Big boss\") are not allowed in target database.";
    assert!(text(told, "title").starts_with(sentence), "{told}");
    let migrate = pair.migrate(&["--foreground"]);
    assert_eq!(migrate.code, 1);
    assert!(migrate.error().starts_with(sentence), "{}", migrate.error());
    check(&pair, &["--excluded-roles", "Big boss"]).is_silent("superuser-roles", None);
    speaks("aivens_security_agent_decides_about_superusers");
}

#[test]
fn fixes_speak_the_providers_words() {
    for (setting, words) in [
        ("azure.extensions", "set the server parameter wal_level = logical"),
        ("rds.logical_replication", "set rds.logical_replication = 1 in the parameter group"),
        ("cloudsql.logical_decoding", "set the flag cloudsql.logical_decoding = on"),
        ("alloydb.logical_decoding", "set the flag alloydb.logical_decoding = on"),
        ("neon.allowed_extensions", "in the project's settings"),
        ("supautils.privileged_extensions", "supabase postgres-config update --config wal_level=logical"),
    ] {
        let pair = Pair::of(with(&[("wal_level", "replica"), (setting, "hstore")]), with(&[]));
        let ran = check(&pair, &["--only", "wal-level,provider"]);
        let fix = text(ran.one("wal-level", None), "fix");
        assert!(fix.contains(words), "{setting}: {fix}");
        ran.says("provider", None, "info");
    }
    speaks("fixes_speak_the_providers_words");
}

#[test]
fn an_older_extension_is_updated_as_told() {
    let pair = pair();
    for cluster in [&pair.source, &pair.target] {
        cluster.psql("postgres", "CREATE DATABASE shop").unwrap();
    }
    let newest = "SELECT default_version FROM pg_available_extensions WHERE name = 'hstore'";
    assert_ne!(pair.source.psql("postgres", newest).unwrap(), "1.4");
    pair.source.psql("shop", "CREATE EXTENSION hstore").unwrap();
    pair.target.psql("shop", "CREATE EXTENSION hstore VERSION '1.4'").unwrap();
    let ran = check(&pair, &["--only", "extension-versions"]);
    obey(&pair, ran.says("extension-versions", Some("shop"), "warning"), "shop");
    check(&pair, &["--only", "extension-versions"]).is_silent("extension-versions", Some("shop"));
}
