//! Statements about a database as a whole.

use super::roles::setting_value;
use crate::model::units::ServerVersion;
use crate::pg::facts::databases::{DatabaseExtras, DatabaseFacts, LocaleProvider};
use crate::pg::quote::{Ident, Literal};

/// `CREATE DATABASE` as the source has it, from template0 so that nothing of the target's template1 comes along.
/// A limit on connections, settings and privileges come later, when they can no longer lock us out.
pub fn create(database: &DatabaseFacts, target: ServerVersion, owner: Option<&str>) -> String {
    let mut sql = format!(
        "CREATE DATABASE {} WITH TEMPLATE template0 ENCODING {}",
        Ident(&database.name),
        Literal(&database.encoding)
    );
    sql.push_str(&format!(
        " LC_COLLATE {} LC_CTYPE {}",
        Literal(&database.collate),
        Literal(&database.ctype)
    ));
    let locale = database.locale.as_deref();
    match (database.provider, locale) {
        (LocaleProvider::Icu, Some(locale)) => {
            sql.push_str(&format!(" LOCALE_PROVIDER icu ICU_LOCALE {}", Literal(locale)));
            if let Some(rules) = &database.icu_rules {
                sql.push_str(&format!(" ICU_RULES {}", Literal(rules)));
            }
        }
        (LocaleProvider::Builtin, Some(locale)) => {
            sql.push_str(&format!(" LOCALE_PROVIDER builtin BUILTIN_LOCALE {}", Literal(locale)));
        }
        // Said aloud where it can be said: the target's template0 may have another default.
        _ if target.at_least(15) => sql.push_str(" LOCALE_PROVIDER libc"),
        _ => {}
    }
    if let Some(tablespace) = database.tablespace.as_ref().filter(|name| *name != "pg_default") {
        sql.push_str(&format!(" TABLESPACE {}", Ident(tablespace)));
    }
    if let Some(owner) = owner {
        sql.push_str(&format!(" OWNER {}", Ident(owner)));
    }
    sql
}

/// Says in the database itself that a migration has made it and may take it back. Gone as soon as it has come to its end,
/// or another migration uses it: a number alone may be that of a database of a server made anew, or of one that somebody
/// has filled since. A comment, because only a superuser may set a parameter that the server does not know.
///
/// `own`: the source's comment, on the lines after it, where the database got so far and is not whole.
pub fn mark(database: &str, migration: &str, own: Option<&str>) -> String {
    let mut text = format!("pgpassage {migration}: not finished");
    if let Some(own) = own {
        text.push('\n');
        text.push_str(own);
    }
    comment(database, Some(&text))
}

/// The database's own comment, or none. One that had our mark is nobody's to take back any more.
pub fn comment(database: &str, own: Option<&str>) -> String {
    match own {
        Some(own) => format!("COMMENT ON DATABASE {} IS {}", Ident(database), Literal(own)),
        None => format!("COMMENT ON DATABASE {} IS NULL", Ident(database)),
    }
}

/// Without FORCE: whoever is in it is in the way of it, and that is as it should be.
pub fn drop(database: &str) -> String {
    format!("DROP DATABASE {}", Ident(database))
}

/// Ends a session, and no other: the pid may have become another's. `$1`: its pid as int4, `$2`: its application's name.
pub const END_SESSION: &str = "SELECT pg_catalog.pg_terminate_backend(a.pid) FROM pg_catalog.pg_stat_activity a \
    WHERE a.pid = $1::int4 AND a.application_name = $2::text";

/// `ALTER DATABASE … SET`, or `ALTER ROLE … IN DATABASE … SET`, from one `name=value`.
pub fn alter_setting(database: &str, role: Option<&str>, setting: &str) -> Option<String> {
    let (name, value) = setting.split_once('=')?;
    let what = match role {
        Some(role) => format!("ALTER ROLE {} IN DATABASE {}", Ident(role), Ident(database)),
        None => format!("ALTER DATABASE {}", Ident(database)),
    };
    Some(format!("{what} SET {} TO {}", Ident(name), setting_value(name, value)))
}

/// The template flag and the limit on connections, in this order.
pub fn properties(database: &str, extras: &DatabaseExtras) -> Vec<String> {
    let name = Ident(database);
    let mut statements = Vec::new();
    if extras.is_template {
        statements.push(format!("ALTER DATABASE {name} IS_TEMPLATE = true"));
    }
    if extras.connection_limit != -1 {
        statements.push(format!("ALTER DATABASE {name} CONNECTION LIMIT {}", extras.connection_limit));
    }
    statements
}

impl DatabaseExtras {
    pub fn privilege_statements(&self, database: &str) -> Vec<String> {
        let Some(privileges) = &self.privileges else { return Vec::new() };
        super::data::grants(&format!("DATABASE {}", Ident(database)), &self.owner, privileges)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locales_are_written_for_the_provider() {
        let mut database = DatabaseFacts {
            name: "a\"b".into(),
            allows_connections: true,
            is_template: false,
            may_connect: true,
            encoding: "UTF8".into(),
            collate: "C".into(),
            ctype: "en_US.utf8".into(),
            provider: LocaleProvider::Libc,
            locale: None,
            icu_rules: None,
            owner: "o".into(),
            tablespace: Some("pg_default".into()),
            size_bytes: None,
        };
        assert_eq!(drop("a\"b"), "DROP DATABASE \"a\"\"b\"");
        let head = "CREATE DATABASE \"a\"\"b\" WITH TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'en_US.utf8'";
        assert_eq!(create(&database, ServerVersion(140000), None), head);
        assert_eq!(
            create(&database, ServerVersion(150000), Some("o")),
            format!("{head} LOCALE_PROVIDER libc OWNER \"o\"")
        );
        database.provider = LocaleProvider::Icu;
        database.locale = Some("de-DE".into());
        assert_eq!(
            create(&database, ServerVersion(150000), None),
            format!("{head} LOCALE_PROVIDER icu ICU_LOCALE 'de-DE'")
        );
    }
}
