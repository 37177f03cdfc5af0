//! The same through aiven_extras: functions of a superuser's for users that may not do it themselves.
//!
//! The extension's own schema is always called aiven_extras. Publications belong to the caller afterwards, so dropping
//! and altering them needs no function; subscriptions belong to the superuser.

use super::Published;
use crate::model::secret::Secret;
use crate::model::units::{ServerVersion, TableName};
use crate::pg::quote::{Ident, Literal, Qualified};

/// A publication of these tables, in one transaction. The function names tables without ONLY: the children of an
/// inheritance parent come along. Nor does it know publish_via_partition_root, which is set afterwards. All tables in one
/// call, because adding one later takes its owner.
pub fn create_publication(
    name: &str,
    tables: &[&TableName],
    published: Published,
    source: ServerVersion,
) -> Vec<String> {
    // Each is taken apart again with parse_ident, so it has to be quoted first as an identifier, then as a text.
    let tables: Vec<_> = tables.iter().map(|t| Literal(&Qualified(t).to_string()).to_string()).collect();
    let create = format!(
        "SELECT aiven_extras.pg_create_publication({}, {}, VARIADIC ARRAY[{}]::pg_catalog.text[])",
        Literal(name),
        Literal(published.list(source)),
        tables.join(", ")
    );
    std::iter::once(create).chain(through_root(name, source)).collect()
}

/// See [`super::create_publication`].
fn through_root(name: &str, source: ServerVersion) -> Option<String> {
    let set = || format!("ALTER PUBLICATION {} SET (publish_via_partition_root = true)", Ident(name));
    source.at_least(13).then(set)
}

/// A subscription on a slot that exists, enabled, without an initial copy. There is no way to say more: no streaming,
/// binary or disable_on_error. `origin` keeps its default: older versions of the extension do not
/// know the argument. It holds a password.
///
/// From PostgreSQL 16 on newer versions of the extension run this with the caller's own rights and point to
/// pg_create_subscription: try [`super::subscription`] first there.
pub fn create_subscription(name: &str, conninfo: &Secret, publication: &str, slot: &str) -> Secret {
    Secret::new(format!(
        "SELECT aiven_extras.pg_create_subscription({}, {}, {}, {}, false, false)",
        Literal(name),
        Literal(conninfo.expose()),
        Literal(publication),
        Literal(slot)
    ))
}

/// Disables the subscription and lets go of its slot first, which stays: the function would drop it through a connection
/// from the target.
pub fn drop_subscription(name: &str) -> String {
    format!("SELECT aiven_extras.pg_drop_subscription({}, false)", Literal(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_get_quoted_texts() {
        let table = TableName::new("S", "it's\"x");
        assert_eq!(
            create_publication("p", &[&table], Published::Everything, ServerVersion(150_000)),
            [
                "SELECT aiven_extras.pg_create_publication('p', 'insert, update, delete, truncate', \
                 VARIADIC ARRAY['\"S\".\"it''s\"\"x\"']::pg_catalog.text[])",
                "ALTER PUBLICATION \"p\" SET (publish_via_partition_root = true)"
            ]
        );
        assert_eq!(
            create_publication("p", &[], Published::Inserts, ServerVersion(120_000)),
            ["SELECT aiven_extras.pg_create_publication('p', 'insert', VARIADIC ARRAY[]::pg_catalog.text[])"]
        );
        assert_eq!(
            create_subscription("s", &Secret::new("host='h'"), "p", "sl").expose(),
            "SELECT aiven_extras.pg_create_subscription('s', 'host=''h''', 'p', 'sl', false, false)"
        );
        assert_eq!(drop_subscription("s"), "SELECT aiven_extras.pg_drop_subscription('s', false)");
    }
}
