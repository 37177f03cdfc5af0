//! The sample shop: roles and two databases that have a little of everything a migration must carry.

use super::cluster::{Cluster, ClusterError};

/// The databases that [`load`] makes.
pub const DATABASES: [&str; 2] = ["shop", "warehouse"];
/// The role that the shop writes as, and its password.
pub const WRITER: (&str, &str) = ("app_rw", "writer-of-the-demo");
/// The scale of the demo, about 300 MB.
pub const DEMO_SCALE: f64 = 1.0;
/// A scale for tests: all kinds of objects, few rows.
pub const TEST_SCALE: f64 = 0.02;

/// Makes the roles, the databases and their rows on a fresh cluster; the same scale always makes the same rows.
///
/// Needs PostgreSQL 13, where `gen_random_uuid` came in.
pub fn load(cluster: &Cluster, scale: f64) -> Result<(), ClusterError> {
    let scale = format!("{scale:.4}");
    let variables = [("scale", scale.as_str())];
    let scripts =
        [include_str!("../../assets/demo/shop.sql"), include_str!("../../assets/demo/warehouse.sql")];
    cluster.psql("postgres", include_str!("../../assets/demo/roles.sql"))?;
    for (database, script) in DATABASES.into_iter().zip(scripts) {
        cluster.psql_with(database, script, &variables)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    //! The shop is complete, and the same every time.

    use super::{DATABASES, TEST_SCALE, WRITER, load};
    use crate::demo::cluster::{Cluster, ClusterOptions, find_server_binaries};

    /// One line per kind of thing, from the catalogs; counts do not depend on the server's version.
    const KINDS: &str = "
        select 'foreign keys', count(*) > 6 from pg_constraint where contype = 'f' and conparentid = 0;
        select 'partitions', count(*) from pg_inherits where inhparent = 'orders'::regclass;
        select 'large objects', count(*) from pg_largeobject_metadata;
        select 'matviews', count(*) from pg_matviews where ispopulated;
        select 'policies', count(*) from pg_policies;
        select 'invalid indexes', count(*) from pg_index where not indisvalid;";
    /// A fingerprint of rows that were drawn by chance.
    const ROWS: &str = "
        select md5(string_agg(item::text, '|' order by order_id, line)) from order_items as item;
        select md5(string_agg(review::text, '|' order by review_id)) from reviews as review;
        select md5(string_agg(product::text, '|' order by product_id)) from products as product;";

    #[test]
    fn it_has_everything_and_repeats_itself() {
        let fresh =
            || Cluster::start(ClusterOptions::new(find_server_binaries(None, None).unwrap())).unwrap();
        let (one, other) = (fresh(), fresh());
        for cluster in [&one, &other] {
            load(cluster, TEST_SCALE).unwrap();
        }
        let kinds = one.psql(DATABASES[0], KINDS).unwrap();
        let expected =
            "foreign keys|t\npartitions|13\nlarge objects|8\nmatviews|1\npolicies|2\ninvalid indexes|0";
        assert_eq!(kinds, expected);
        assert_eq!(one.psql(DATABASES[0], ROWS).unwrap(), other.psql(DATABASES[0], ROWS).unwrap());
        let stock = one.psql(DATABASES[1], "select count(*) from \"Stock\".movements").unwrap();
        assert_eq!(stock, "1800");

        let buy =
            format!("set role {}; insert into orders (customer_id) values (1) returning order_id", WRITER.0);
        assert_eq!(one.psql(DATABASES[0], &buy).unwrap(), "6001");
        assert!(load(&one, TEST_SCALE).is_err(), "a second shop on the same cluster");
    }
}
