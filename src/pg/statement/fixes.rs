//! Statements that operators are told to run. Nothing here is executed by pgpassage itself.

use crate::model::units::TableName;
use crate::pg::quote::{Ident, Literal, Qualified};

/// For a setting of the server's configuration; many take a restart besides.
pub fn alter_system(setting: &str, value: &str) -> String {
    format!("ALTER SYSTEM SET {setting} = {};", Literal(value))
}

pub fn grant_connect(database: &str, user: &str) -> String {
    format!("GRANT CONNECT ON DATABASE {} TO {};", Ident(database), Ident(user))
}

pub fn grant_create(database: &str, user: &str) -> String {
    format!("GRANT CREATE ON DATABASE {} TO {};", Ident(database), Ident(user))
}

/// As it is for new databases from 15 on.
pub fn revoke_create_in_public() -> &'static str {
    "REVOKE CREATE ON SCHEMA public FROM PUBLIC;"
}

pub fn allow_connections(database: &str) -> String {
    format!("ALTER DATABASE {} WITH ALLOW_CONNECTIONS true;", Ident(database))
}

/// Gives a role to another one.
pub fn grant_role(role: &str, to: &str) -> String {
    format!("GRANT {} TO {};", Ident(role), Ident(to))
}

/// Each that there is in the database. Up to 18 no role reads them all.
pub fn grant_large_objects(to: &str) -> String {
    let body = format!(
        "DECLARE o oid; BEGIN FOR o IN SELECT m.oid FROM pg_catalog.pg_largeobject_metadata m LOOP EXECUTE \
         pg_catalog.format('GRANT SELECT ON LARGE OBJECT %s TO %I', o, {}); END LOOP; END",
        Literal(to)
    );
    format!("DO {};", Literal(&body))
}

/// How many sessions a role may have; -1 for any number.
pub fn connection_limit(role: &str, limit: i32) -> String {
    format!("ALTER ROLE {} CONNECTION LIMIT {limit};", Ident(role))
}

/// From 15. `parameter`: a name of ours; never from a server.
pub fn grant_set(parameter: &'static str, to: &str) -> String {
    format!("GRANT SET ON PARAMETER {parameter} TO {};", Ident(to))
}

/// From the role's next session on.
pub fn log_no_statements(role: &str) -> String {
    format!("ALTER ROLE {} SET log_statement = 'none';", Ident(role))
}

/// `attribute`: a word such as REPLICATION; never from a server.
pub fn role_attribute(role: &str, attribute: &'static str) -> String {
    format!("ALTER ROLE {} {attribute};", Ident(role))
}

/// What ALTER ROLE or ALTER DATABASE has set; without either name, for every role. An empty database stands for all.
pub fn reset(role: Option<&str>, database: &str, setting: &str) -> String {
    let setting = Ident(setting);
    match (role, database) {
        (Some(role), "") => format!("ALTER ROLE {} RESET {setting};", Ident(role)),
        (Some(role), database) => {
            format!("ALTER ROLE {} IN DATABASE {} RESET {setting};", Ident(role), Ident(database))
        }
        (None, "") => format!("ALTER ROLE ALL RESET {setting};"),
        (None, database) => format!("ALTER DATABASE {} RESET {setting};", Ident(database)),
    }
}

/// Without its arguments, which will do where there is one of the name. `kind`: FUNCTION, or from 11 on ROUTINE, which is
/// procedures too.
pub fn reset_in_routine(kind: &'static str, routine: &TableName, setting: &str) -> String {
    format!("ALTER {kind} {} RESET {};", Qualified(routine), Ident(setting))
}

pub fn role_valid_for_ever(role: &str) -> String {
    format!("ALTER ROLE {} VALID UNTIL 'infinity';", Ident(role))
}

/// Everything in a schema that a copy reads.
pub fn grant_reading(schema: &str, to: &str) -> String {
    let (schema, to) = (Ident(schema), Ident(to));
    format!(
        "GRANT USAGE ON SCHEMA {schema} TO {to}; GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO {to}; GRANT SELECT ON \
         ALL SEQUENCES IN SCHEMA {schema} TO {to};"
    )
}

pub fn create_extension(name: &str) -> String {
    format!("CREATE EXTENSION {} CASCADE;", Ident(name))
}

pub fn update_extension(name: &str, version: &str) -> String {
    format!("ALTER EXTENSION {} UPDATE TO {};", Ident(name), Literal(version))
}

pub fn drop_slot(name: &str) -> String {
    format!("SELECT pg_catalog.pg_drop_replication_slot({});", Literal(name))
}

pub fn drop_publication(name: &str) -> String {
    format!("DROP PUBLICATION {};", Ident(name))
}

pub fn end_session(pid: i32) -> String {
    format!("SELECT pg_catalog.pg_terminate_backend({pid});")
}

/// In the database that the transaction was prepared in.
pub fn roll_back_prepared(name: &str) -> String {
    format!("ROLLBACK PREPARED {};", Literal(name))
}

pub fn set_logged(table: &TableName) -> String {
    format!("ALTER TABLE {} SET LOGGED;", Qualified(table))
}

pub fn without_oids(table: &TableName) -> String {
    format!("ALTER TABLE {} SET WITHOUT OIDS;", Qualified(table))
}

pub fn set_not_null(table: &TableName, column: &str) -> String {
    format!("ALTER TABLE {} ALTER COLUMN {} SET NOT NULL;", Qualified(table), Ident(column))
}

/// From 13 on. Values that are there stay. `parents` have the column too, and would keep it as it is.
pub fn drop_expression(child: &TableName, column: &str, parents: &[TableName]) -> String {
    let child = Qualified(child);
    let each = |what: &str| -> String {
        parents.iter().map(|parent| format!("ALTER TABLE {child} {what} {}; ", Qualified(parent))).collect()
    };
    let drop = format!("ALTER TABLE {child} ALTER COLUMN {} DROP EXPRESSION; ", Ident(column));
    [each("NO INHERIT"), drop, each("INHERIT")].concat().trim_end().to_owned()
}

/// From 14 on. Values that are there stay as they are.
pub fn compress_with_pglz(table: &TableName, column: &str) -> String {
    format!("ALTER TABLE ONLY {} ALTER COLUMN {} SET COMPRESSION pglz;", Qualified(table), Ident(column))
}

/// `to`: a type's name of ours; never from a server.
pub fn change_type(table: &TableName, column: &str, to: &'static str) -> String {
    let column = Ident(column);
    format!("ALTER TABLE {} ALTER COLUMN {column} TYPE {to} USING {column}::text::{to};", Qualified(table))
}

pub fn validate_constraint(table: &TableName, constraint: &str) -> String {
    format!("ALTER TABLE {} VALIDATE CONSTRAINT {};", Qualified(table), Ident(constraint))
}

pub fn fire_as_usual(table: &TableName, trigger: &str) -> String {
    format!("ALTER TABLE {} ENABLE TRIGGER {};", Qualified(table), Ident(trigger))
}

pub fn reindex(index: &TableName) -> String {
    format!("REINDEX INDEX {};", Qualified(index))
}

pub fn refresh_view(view: &TableName) -> String {
    format!("REFRESH MATERIALIZED VIEW {};", Qualified(view))
}

pub fn refresh_collation(name: &str) -> String {
    format!("ALTER COLLATION pg_catalog.{} REFRESH VERSION;", Ident(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_others_end_nothing_early() {
        let table = TableName::new("a\"; b", "it's");
        assert_eq!(grant_connect("d\"; x", "u"), "GRANT CONNECT ON DATABASE \"d\"\"; x\" TO \"u\";");
        assert_eq!(set_logged(&table), "ALTER TABLE \"a\"\"; b\".\"it's\" SET LOGGED;");
        assert_eq!(roll_back_prepared("it's"), "ROLLBACK PREPARED 'it''s';");
        assert_eq!(alter_system("wal_level", "logical"), "ALTER SYSTEM SET wal_level = 'logical';");
        assert_eq!(
            change_type(&table, "c\"", "timestamptz"),
            "ALTER TABLE \"a\"\"; b\".\"it's\" ALTER COLUMN \"c\"\"\" TYPE timestamptz USING \"c\"\"\"::text::timestamptz;"
        );
    }
}
