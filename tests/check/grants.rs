//! Privileges that belong to no object: on parameters, on roles by whoever granted them.

use super::covered::speaks;
use super::versions::{pair as pair_of, version};
use super::{HOSTILE, check, check_as, obey, objects, pair, with};
use crate::common::Pair;

/// A user of the target who may make databases and roles, and is no superuser; with a name that ends statements early.
fn user_of(pair: &Pair) -> (&'static str, &'static str) {
    let name = HOSTILE.replace('"', "\"\"");
    pair.target.psql("postgres", &format!("CREATE ROLE \"{name}\" LOGIN CREATEDB CREATEROLE")).unwrap();
    ("postgres", HOSTILE)
}

#[test]
fn triggers_that_would_fire_refuse_a_database_and_the_grant_lets_it_in() {
    let pair = pair();
    let users = user_of(&pair);
    let name = HOSTILE.replace('"', "\"\"");
    let table = format!("CREATE TABLE \"{name}\" (i int PRIMARY KEY)");
    let trigger = format!(
        "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
         CREATE TRIGGER noted BEFORE INSERT ON \"{name}\" FOR EACH ROW EXECUTE FUNCTION f()"
    );
    for cluster in [&pair.source, &pair.target] {
        cluster.psql("postgres", "CREATE DATABASE shop; CREATE DATABASE quiet").unwrap();
        cluster.psql("shop", &format!("{table}; {trigger}")).unwrap();
        cluster.psql("quiet", &table).unwrap();
    }
    pair.source.psql("postgres", "CREATE DATABASE later").unwrap();
    pair.source.psql("later", "CREATE UNLOGGED TABLE u (i int PRIMARY KEY)").unwrap();
    let owner = format!("ALTER DATABASE shop OWNER TO \"{name}\"; ALTER DATABASE quiet OWNER TO \"{name}\"");
    pair.target.psql("postgres", &owner).unwrap();
    let append = ["--if-target-not-empty", "append", "--exclude-database", "postgres"];
    let ran = check_as(&pair, users, &append);
    let told = ran.says("hold-triggers", Some("shop"), "blocker");
    assert!(objects(told)[0].starts_with("noted on public.\"a"), "{told}");
    assert_eq!(objects(ran.says("hold-triggers", Some("later"), "warning")), ["public.u"]);
    ran.is_silent("hold-triggers", Some("quiet"));
    assert_eq!((ran.0.code, ran.verdict("shop")), (1, "impossible"), "{:?}", ran.0);
    // A migration is refused for it before it makes anything, and says what the check says.
    let (source, target) = (pair.source.uri("postgres"), pair.target.uri_for(HOSTILE, None, "postgres"));
    let arguments = ["migrate", "-s", &source, "-t", &target, "--json", "--foreground"];
    let refused = pair.program(&[arguments.as_slice(), &append].concat());
    let sentence = "database shop: 1 trigger would fire while rows are loaded, and the target's user may not hold them off";
    assert_eq!((refused.code, refused.error()), (1, sentence), "{refused:?}");
    assert!(refused.stderr.contains("--skip-check hold-triggers"), "{}", refused.stderr);
    assert_eq!(
        pair.target.psql("postgres", "SELECT count(*) FROM pg_database WHERE datname = 'later'").unwrap(),
        "0"
    );

    check(&pair, &append).is_silent("hold-triggers", Some("shop"));
    obey(&pair, told, "postgres");
    let after = check_as(&pair, users, &append);
    for database in ["shop", "later", "quiet"] {
        after.is_silent("hold-triggers", Some(database));
    }
    // What fires all the same is no matter of rights.
    pair.target.psql("shop", &format!("ALTER TABLE \"{name}\" ENABLE ALWAYS TRIGGER noted")).unwrap();
    check(&pair, &append).says("hold-triggers", Some("shop"), "blocker");
    let disable = format!("ALTER TABLE \"{name}\" DISABLE TRIGGER noted");
    pair.target.psql("shop", &disable).unwrap();
    check(&pair, &append).is_silent("hold-triggers", Some("shop"));
    speaks("triggers_that_would_fire_refuse_a_database_and_the_grant_lets_it_in");
}

#[test]
fn privileges_on_parameters_are_told_where_they_cannot_be_given() {
    let pair = pair();
    let users = user_of(&pair);
    let grant = "CREATE ROLE \"app; it's\"; GRANT SET ON PARAMETER log_statement TO \"app; it's\"; GRANT ALTER SYSTEM ON PARAMETER work_mem TO \"app; it's\" WITH GRANT OPTION";
    pair.source.psql("postgres", grant).unwrap();
    let only = ["--only", "parameter-privileges"];
    check(&pair, &only).is_silent("parameter-privileges", None);
    let ran = check_as(&pair, users, &only);
    let told = ran.says("parameter-privileges", None, "warning");
    assert_eq!(
        objects(told),
        ["SET on log_statement to \"app; it's\"", "ALTER SYSTEM on work_mem to \"app; it's\""]
    );
    // Then the roles are there.
    pair.target.psql("postgres", "CREATE ROLE \"app; it's\"").unwrap();
    obey(&pair, told, "postgres");
    let holds = "SELECT has_parameter_privilege('app; it''s', 'log_statement', 'SET'),
                        has_parameter_privilege('app; it''s', 'work_mem', 'ALTER SYSTEM WITH GRANT OPTION')";
    assert_eq!(pair.target.psql("postgres", holds).unwrap(), "t|t");
    check_as(&pair, users, &only).is_silent("parameter-privileges", None);
    speaks("privileges_on_parameters_are_told_where_they_cannot_be_given");
}

#[test]
fn a_target_that_knows_no_privileges_on_parameters_loses_them_by_name() {
    let Some(target) = version(14, &[]) else {
        println!("skipped: no PostgreSQL 14");
        return;
    };
    let pair = Pair::of(with(&[("wal_level", "logical")]), target);
    pair.source.psql("postgres", "CREATE ROLE app; GRANT SET ON PARAMETER log_statement TO app").unwrap();
    let ran = check(&pair, &["--skip-db-version-check"]);
    ran.says("parameter-privileges", None, "warning");
    let ran = pair.migrate(&["--skip-db-version-check", "--foreground"]);
    let lost = "privileges: a privilege on parameter log_statement could not be granted: the target knows none before 15";
    assert!(ran.findings("warning").iter().any(|f| f == lost), "{ran:?}");
}

#[test]
fn who_granted_a_membership_is_told_where_it_does_not_come_along() {
    let Some(pair) = pair_of(18, 18) else { return };
    let users = user_of(&pair);
    let make = "CREATE ROLE \"staff; x\"; CREATE ROLE head LOGIN; CREATE ROLE app; GRANT \"staff; x\" TO head WITH ADMIN OPTION;
                SET ROLE head; GRANT \"staff; x\" TO app WITH INHERIT FALSE";
    pair.source.psql("postgres", make).unwrap();
    let only = ["--only", "membership-grantors"];
    check(&pair, &only).is_silent("membership-grantors", None);
    let ran = check_as(&pair, users, &only);
    let told = ran.says("membership-grantors", None, "info");
    assert_eq!(objects(told), ["app in \"staff; x\" (by head)"]);
    let excluded = check(&pair, &[only.as_slice(), &["--excluded-roles", "head"]].concat());
    excluded.says("membership-grantors", None, "info");
    let moved = "CREATE ROLE \"staff; x\"; CREATE ROLE head; CREATE ROLE app; GRANT \"staff; x\" TO head WITH ADMIN OPTION";
    pair.target.psql("postgres", moved).unwrap();
    obey(&pair, told, "postgres");
    let granted =
        "SELECT grantor::regrole, inherit_option FROM pg_auth_members WHERE member = 'app'::regrole";
    assert_eq!(pair.target.psql("postgres", granted).unwrap(), "head|f");
    check_as(&pair, users, &only).is_silent("membership-grantors", None);
    speaks("who_granted_a_membership_is_told_where_it_does_not_come_along");
}
