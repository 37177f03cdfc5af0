//! The same through aiven_extras: functions of a superuser's for users that may not do it themselves.
//!
//! The extension's own schema is always called aiven_extras. Publications belong to the caller afterwards, so dropping
//! and altering them needs no function; subscriptions belong to the superuser.

use super::Published;
use super::subscription::CopyData;
use crate::model::secret::Secret;
use crate::model::units::{ServerVersion, TableName};
use crate::pg::quote::{Ident, Literal, Qualified};

/// Whether a function that drops a subscription drops the source's slot as well (through dblink from the target).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WithSlot {
    Drop,
    Keep,
}

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

/// A publication of all tables there are and will be, for a user that does not own them all. Extensions' tables too, and
/// a table without a key that is made later has its UPDATE refused: a list is better.
pub fn create_publication_for_all(name: &str, published: Published, source: ServerVersion) -> Vec<String> {
    let create = format!(
        "SELECT aiven_extras.pg_create_publication_for_all_tables({}, {})",
        Literal(name),
        Literal(published.list(source))
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

pub fn enable_subscription(name: &str) -> String {
    format!("SELECT aiven_extras.pg_alter_subscription_enable({})", Literal(name))
}

pub fn disable_subscription(name: &str) -> String {
    format!("SELECT aiven_extras.pg_alter_subscription_disable({})", Literal(name))
}

/// May fail for reasons of its own: it dials libpq's default socket folder.
pub fn refresh_subscription(name: &str, copy: CopyData) -> String {
    let copy = matches!(copy, CopyData::Yes);
    format!("SELECT aiven_extras.pg_alter_subscription_refresh_publication({}, {copy})", Literal(name))
}

/// Disables the subscription and lets go of its slot first.
pub fn drop_subscription(name: &str, slot: WithSlot) -> String {
    let drop_slot = matches!(slot, WithSlot::Drop);
    format!("SELECT aiven_extras.pg_drop_subscription({}, {drop_slot})", Literal(name))
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
            create_publication_for_all("p", Published::Everything, ServerVersion(100_000)),
            ["SELECT aiven_extras.pg_create_publication_for_all_tables('p', 'insert, update, delete')"]
        );
        assert_eq!(
            create_subscription("s", &Secret::new("host='h'"), "p", "sl").expose(),
            "SELECT aiven_extras.pg_create_subscription('s', 'host=''h''', 'p', 'sl', false, false)"
        );
        assert_eq!(enable_subscription("s"), "SELECT aiven_extras.pg_alter_subscription_enable('s')");
        assert_eq!(disable_subscription("s"), "SELECT aiven_extras.pg_alter_subscription_disable('s')");
        assert_eq!(
            refresh_subscription("s", CopyData::No),
            "SELECT aiven_extras.pg_alter_subscription_refresh_publication('s', false)"
        );
        assert_eq!(
            drop_subscription("s", WithSlot::Keep),
            "SELECT aiven_extras.pg_drop_subscription('s', false)"
        );
    }
}
