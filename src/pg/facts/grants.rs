//! Privileges as the queries write them: `CREATE t rname` for a role, `SELECT f p` for PUBLIC.

/// One privilege that somebody was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    pub privilege: String,
    pub grantable: bool,
    /// Absent for PUBLIC.
    pub grantee: Option<String>,
}

impl Grant {
    /// `None` for a grantee that is no role any more.
    pub fn read(text: &str) -> Option<Grant> {
        let mut parts = text.splitn(3, ' ');
        let privilege = parts.next()?.replace('_', " ");
        let grantable = parts.next()? == "t";
        let grantee = match parts.next()?.split_at_checked(1)? {
            ("p", _) => None,
            ("r", name) if !name.is_empty() => Some(name.to_owned()),
            _ => return None,
        };
        Some(Grant { privilege, grantable, grantee })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_role_names_survive() {
        let grant = Grant::read("SELECT t rodd name").unwrap();
        assert_eq!((grant.grantee.as_deref(), grant.grantable), (Some("odd name"), true));
        assert_eq!(Grant::read("CONNECT f p").unwrap().grantee, None);
        assert!(Grant::read("CONNECT f r").is_none());
    }
}
