//! Statements that make a role and what belongs to it.

use crate::model::secret::Secret;
use crate::model::units::ServerVersion;
use crate::pg::facts::roles::{Membership, ParameterPrivilege, RoleFacts};
use crate::pg::quote::{Ident, Literal};

/// `CREATE ROLE` with every attribute written out. `verifier` is a hash as `pg_authid` holds it, never a password in
/// clear: statements end up in server logs.
pub fn create(role: &RoleFacts, verifier: Option<&Secret>) -> Secret {
    let mut sql = format!("CREATE ROLE {} WITH", Ident(&role.name));
    for (on, word) in [
        (role.superuser, "SUPERUSER"),
        (role.inherit, "INHERIT"),
        (role.create_role, "CREATEROLE"),
        (role.create_database, "CREATEDB"),
        (role.login, "LOGIN"),
        (role.replication, "REPLICATION"),
        (role.bypass_rls, "BYPASSRLS"),
    ] {
        sql.push_str(if on { " " } else { " NO" });
        sql.push_str(word);
    }
    if role.connection_limit != -1 {
        sql.push_str(&format!(" CONNECTION LIMIT {}", role.connection_limit));
    }
    if let Some(verifier) = verifier {
        sql.push_str(&format!(" PASSWORD {}", Literal(verifier.expose())));
    }
    if let Some(until) = &role.valid_until {
        sql.push_str(&format!(" VALID UNTIL {}", Literal(until)));
    }
    Secret::new(sql)
}

/// A SCRAM verifier for a password in clear (RFC 5803), computed here so that the password itself is never sent.
pub fn verifier_for(password: &Secret) -> Secret {
    Secret::new(postgres_protocol::password::scram_sha_256(password.expose().as_bytes()))
}

pub fn comment(role: &str, comment: &str) -> String {
    format!("COMMENT ON ROLE {} IS {}", Ident(role), Literal(comment))
}

/// Whether a GRANT names who granted: another grantor than us must be able to grant already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grantor {
    Named,
    Ourselves,
}

pub fn grant_membership(membership: &Membership, target: ServerVersion, grantor: Grantor) -> String {
    let mut sql = format!("GRANT {} TO {}", Ident(&membership.role), Ident(&membership.member));
    let mut options = Vec::new();
    if target.at_least(16) {
        options.push(format!("ADMIN {}", membership.admin));
        // Before 16 a membership had no INHERIT of its own: the member's attribute stood for it, and does again when
        // the option is left out.
        options.extend(membership.inherit.map(|on| format!("INHERIT {on}")));
        options.extend(membership.set.map(|on| format!("SET {on}")));
    } else if membership.admin {
        options.push("ADMIN OPTION".to_owned());
    }
    if !options.is_empty() {
        sql.push_str(&format!(" WITH {}", options.join(", ")));
    }
    if let (Grantor::Named, Some(grantor)) = (grantor, &membership.grantor) {
        sql.push_str(&format!(" GRANTED BY {}", Ident(grantor)));
    }
    sql
}

/// Makes the session's user a member of the role.
pub fn join(role: &str) -> String {
    format!("GRANT {} TO CURRENT_USER", Ident(role))
}

/// Takes [`join`] back.
pub fn leave(role: &str) -> String {
    format!("REVOKE {} FROM CURRENT_USER", Ident(role))
}

pub fn grant_parameter(privilege: &ParameterPrivilege) -> String {
    let grantee = privilege.grantee.as_ref().map_or("PUBLIC".to_owned(), |g| Ident(g).to_string());
    let with = if privilege.grantable { " WITH GRANT OPTION" } else { "" };
    // A parameter may be `extension.name`: each part is an identifier of its own here.
    let parameter: Vec<_> = privilege.parameter.split('.').map(|p| Ident(p).to_string()).collect();
    let word = if privilege.privilege == "ALTER SYSTEM" { "ALTER SYSTEM" } else { "SET" };
    format!("GRANT {word} ON PARAMETER {} TO {grantee}{with}", parameter.join("."))
}

/// `ALTER ROLE … SET` (without a role: `ALTER ROLE ALL SET`) from one `name=value` of `pg_db_role_setting`; `None` where there is no `=` in it.
pub fn alter_setting(role: Option<&str>, setting: &str) -> Option<String> {
    let (name, value) = setting.split_once('=')?;
    let role = role.map_or("ALL".to_owned(), |role| Ident(role).to_string());
    Some(format!("ALTER ROLE {role} SET {} TO {}", Ident(name), setting_value(name, value)))
}

/// Settings that hold a list of identifiers are stored as such a list, and would become a single, nonsensical
/// identifier if they were quoted as one string (`variable_is_guc_list_quote` in pg_dump's dumputils.c).
pub(super) fn setting_value(name: &str, value: &str) -> String {
    const LISTS: [&str; 6] = [
        "local_preload_libraries",
        "search_path",
        "session_preload_libraries",
        "shared_preload_libraries",
        "temp_tablespaces",
        "unix_socket_directories",
    ];
    if !LISTS.contains(&name.to_ascii_lowercase().as_str()) {
        return Literal(value).to_string();
    }
    let items: Vec<_> = split_list(value).iter().map(|item| Literal(item).to_string()).collect();
    if items.is_empty() { "''".to_owned() } else { items.join(", ") }
}

/// Splits `"$user", public` into its items without quotes (SplitGUCList in dumputils.c).
fn split_list(text: &str) -> Vec<String> {
    let mut items = Vec::new();
    let mut chars = text.chars().peekable();
    loop {
        while chars.peek().is_some_and(|c| c.is_whitespace() || *c == ',') {
            chars.next();
        }
        let Some(first) = chars.peek().copied() else { return items };
        let mut item = String::new();
        if first == '"' {
            chars.next();
            while let Some(c) = chars.next() {
                if c == '"' && chars.peek() != Some(&'"') {
                    break;
                }
                if c == '"' {
                    chars.next();
                }
                item.push(c);
            }
        } else {
            while let Some(c) = chars.next_if(|c| *c != ',') {
                item.push(c);
            }
            item.truncate(item.trim_end().len());
        }
        items.push(item);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_stay_lists() {
        assert_eq!(
            setting_value("search_path", "\"$user\", public, \"a, \"\"b\""),
            "'$user', 'public', 'a, \"b'"
        );
        assert_eq!(setting_value("search_path", ""), "''");
        assert_eq!(setting_value("DateStyle", "ISO, DMY"), "'ISO, DMY'");
        assert_eq!(
            alter_setting(Some("r\"x"), "work_mem=1MB").as_deref(),
            Some("ALTER ROLE \"r\"\"x\" SET \"work_mem\" TO '1MB'")
        );
    }

    #[test]
    fn memberships_are_written_for_the_target() {
        let m = Membership {
            role: "a".into(),
            member: "b".into(),
            grantor: Some("g".into()),
            admin: true,
            inherit: Some(false),
            set: None,
        };
        let old = grant_membership(&m, ServerVersion(150000), Grantor::Named);
        assert_eq!(old, "GRANT \"a\" TO \"b\" WITH ADMIN OPTION GRANTED BY \"g\"");
        let new = grant_membership(&m, ServerVersion(160000), Grantor::Ourselves);
        assert_eq!(new, "GRANT \"a\" TO \"b\" WITH ADMIN true, INHERIT false");
    }

    #[test]
    fn a_role_has_every_attribute_written_out() {
        let role = RoleFacts {
            name: "app".into(),
            is_bootstrap: false,
            superuser: false,
            inherit: true,
            create_role: false,
            create_database: true,
            login: true,
            replication: false,
            bypass_rls: false,
            connection_limit: 3,
            valid_until: Some("infinity".into()),
            comment: None,
        };
        assert_eq!(
            create(&role, Some(&Secret::new("md5x"))).expose(),
            "CREATE ROLE \"app\" WITH NOSUPERUSER INHERIT NOCREATEROLE CREATEDB LOGIN NOREPLICATION NOBYPASSRLS \
             CONNECTION LIMIT 3 PASSWORD 'md5x' VALID UNTIL 'infinity'"
        );
    }
}
