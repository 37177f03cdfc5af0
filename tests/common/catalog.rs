//! What the catalogs of a cluster say before and after a migration: what is left of ours, and what identifies rows.

use pgpassage::demo::cluster::Cluster;

/// Every name of ours begins so.
const OURS: &str = r"pgpassage\_%";

/// Everything of ours on a cluster, over all its databases, as `kind name` or `kind name in database`, sorted.
///
/// Replication origins carry no name of ours but `pg_` and the number of their subscription. They count unless that one is
/// there and not ours: the origin of a subscription that is gone would never be recognised otherwise.
pub(crate) fn leftovers(cluster: &Cluster) -> Vec<String> {
    let shared = format!(
        "SELECT 'subscription ' || s.subname || ' in ' || d.datname
           FROM pg_subscription s JOIN pg_database d ON d.oid = s.subdbid WHERE s.subname LIKE '{OURS}'
         UNION ALL SELECT 'slot ' || slot_name FROM pg_replication_slots WHERE slot_name LIKE '{OURS}'
         UNION ALL SELECT 'origin ' || roname FROM pg_replication_origin o WHERE roname ~ '^pg_[0-9]+'
             AND NOT EXISTS (SELECT FROM pg_subscription s WHERE s.oid = split_part(o.roname, '_', 2)::oid
                             AND s.subname NOT LIKE '{OURS}')
         UNION ALL SELECT 'role ' || rolname FROM pg_roles WHERE rolname LIKE '{OURS}'
         UNION ALL SELECT 'database ' || datname FROM pg_database WHERE datname LIKE '{OURS}'"
    );
    let mut found = lines(cluster, "postgres", &shared);
    for database in databases(cluster) {
        let own = format!(
            "SELECT 'publication ' || pubname FROM pg_publication WHERE pubname LIKE '{OURS}'
             UNION ALL SELECT 'schema ' || nspname FROM pg_namespace WHERE nspname LIKE '{OURS}'
             UNION ALL SELECT 'relation ' || oid::regclass FROM pg_class WHERE relname LIKE '{OURS}'
             UNION ALL SELECT 'function ' || oid::regprocedure FROM pg_proc WHERE proname LIKE '{OURS}'
             UNION ALL SELECT 'event trigger ' || evtname FROM pg_event_trigger WHERE evtname LIKE '{OURS}'"
        );
        found.extend(lines(cluster, &database, &own).into_iter().map(|one| format!("{one} in {database}")));
    }
    found.sort();
    found
}

/// How each table of a database identifies its rows, as `schema.table: default`, `… nothing`, `… full` or
/// `… index NAME`, sorted.
pub(crate) fn identities(cluster: &Cluster, database: &str) -> Vec<String> {
    let sql = "SET search_path = '';
        SELECT c.oid::regclass || ': ' || CASE c.relreplident WHEN 'd' THEN 'default' WHEN 'n' THEN 'nothing'
            WHEN 'f' THEN 'full' ELSE 'index ' || coalesce((SELECT i.indexrelid::regclass::text
                FROM pg_index i WHERE i.indrelid = c.oid AND i.indisreplident), '(gone)') END
        FROM pg_class c WHERE c.relkind IN ('r', 'p') AND c.oid >= 16384 ORDER BY 1";
    let mut found = lines(cluster, database, sql);
    found.sort();
    found
}

fn databases(cluster: &Cluster) -> Vec<String> {
    lines(cluster, "postgres", "SELECT datname FROM pg_database WHERE datallowconn ORDER BY 1")
}

fn lines(cluster: &Cluster, database: &str, sql: &str) -> Vec<String> {
    cluster.psql(database, sql).unwrap().lines().map(str::to_owned).collect()
}
