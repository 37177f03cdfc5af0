//! The stand-in for aiven_extras (`tests/fixtures/aiven_extras.sql`), put into databases of test servers.

use pgpassage::demo::cluster::Cluster;
use std::path::Path;

/// Makes it in a database as the real one is found there: owned by the superuser, open to these roles.
pub(crate) fn install(cluster: &Cluster, database: &str, roles: &[&str]) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/aiven_extras.sql");
    cluster.psql_file(database, &file).unwrap();
    for role in roles {
        let sql = "GRANT USAGE ON SCHEMA aiven_extras TO :\"role\";
                   GRANT SELECT ON aiven_extras.pg_stat_replication TO :\"role\"";
        cluster.psql_with(database, sql, &[("role", role)]).unwrap();
    }
}

/// Takes it out again, with its schema and dblink.
pub(crate) fn remove(cluster: &Cluster, database: &str) {
    cluster
        .psql(database, "DROP EXTENSION aiven_extras; DROP SCHEMA aiven_extras; DROP EXTENSION dblink")
        .unwrap();
}
