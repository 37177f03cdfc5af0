//! Which password belongs to which login: the one that was given, or a line of a .pgpass file.

use crate::model::endpoint::{Host, HostSpec};
use crate::model::secret::Secret;
use crate::model::units::Side;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// What a server that wants a password is told with.
pub const ON_THE_COMMAND_LINE: &str = "give a password in the address, in PGPASSWORD or in ~/.pgpass";

/// The same advice where there is a field to type it into.
pub fn for_a_window(advice: &str) -> String {
    advice.replace(ON_THE_COMMAND_LINE, "type it into the field Password, or put it into ~/.pgpass")
}

/// The default socket directories of Debian's libpq and of PostgreSQL's own. For these a .pgpass says `localhost`.
const DEFAULT_SOCKET_DIRECTORIES: [&str; 2] = ["/var/run/postgresql", "/tmp"];

/// Every secret that may be needed to log in to one server.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Passwords {
    /// Given in the connection string, a service or PGPASSWORD; good for every host and database.
    pub explicit: Option<Secret>,
    /// A password file's, in its order.
    pub lines: Vec<PassLine>,
    /// What the client certificate's private key is encrypted with.
    pub ssl_key: Option<Secret>,
}

impl Passwords {
    /// The password for this login: an explicit one, else that of the first matching line. None if that is empty.
    pub fn find(&self, spec: &HostSpec, dbname: &str, user: &str) -> Option<&Secret> {
        let found = match &self.explicit {
            Some(secret) => Some(secret),
            None => {
                self.lines.iter().find(|line| line.matches(spec, dbname, user)).map(|line| &line.password)
            }
        };
        found.filter(|secret| !secret.expose().is_empty())
    }
}

/// A server that does not let us in because of the password.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Barred {
    pub side: Side,
    pub why: Barrier,
    /// What the server said, or that it asked in vain.
    pub what: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Barrier {
    /// It wants a password, and there is none.
    Missing,
    /// It does not accept the one that there is.
    Wrong,
}

/// One line of a password file: `host:port:database:user:password`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PassLine {
    pub host: Field,
    pub port: Field,
    pub dbname: Field,
    pub user: Field,
    pub password: Secret,
}

/// What a field of a password file's line asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Field {
    /// `*`
    Any,
    Exactly(String),
}

impl Field {
    fn accepts(&self, text: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Exactly(wanted) => wanted == text,
        }
    }

    fn escaped(&self) -> String {
        match self {
            Self::Any => "*".to_owned(),
            Self::Exactly(text) if text.starts_with(['#', '*']) => format!("\\{}", escape(text)),
            Self::Exactly(text) => escape(text),
        }
    }
}

impl PassLine {
    /// A line that offers `password` to every login: for a child process that logs in to one server only.
    pub fn for_any_login(password: Secret) -> Self {
        Self { host: Field::Any, port: Field::Any, dbname: Field::Any, user: Field::Any, password }
    }

    fn matches(&self, spec: &HostSpec, dbname: &str, user: &str) -> bool {
        self.matches_host(&spec.host)
            && self.port.accepts(&spec.port.to_string())
            && self.dbname.accepts(dbname)
            && self.user.accepts(user)
    }

    fn matches_host(&self, host: &Host) -> bool {
        match host {
            Host::Tcp { name, addr: Some(addr) } if name.is_empty() => self.host.accepts(&addr.to_string()),
            Host::Tcp { name, .. } => self.host.accepts(name),
            Host::Unix(directory) => {
                self.host.accepts(&directory.to_string_lossy())
                    || (is_default_directory(directory) && self.host.accepts("localhost"))
            }
        }
    }

    /// The line as it stands in a file, with the newline at its end. None if something in it contains a line
    /// break, which a password file cannot express.
    pub fn to_line(&self) -> Option<Secret> {
        let fields = [&self.host, &self.port, &self.dbname, &self.user].map(Field::escaped);
        let line = format!("{}:{}", fields.join(":"), escape(self.password.expose()));
        (!line.contains(['\n', '\r', '\0'])).then(|| Secret::new(line + "\n"))
    }
}

fn is_default_directory(directory: &Path) -> bool {
    DEFAULT_SOCKET_DIRECTORIES.iter().any(|default| directory == Path::new(default))
}

fn escape(text: &str) -> String {
    text.replace('\\', r"\\").replace(':', r"\:")
}

/// The lines of a password file that libpq would look at: no comments, nothing with fewer than five fields.
pub fn parse_passfile(text: &str) -> Vec<PassLine> {
    text.lines().filter(|line| !line.starts_with('#')).filter_map(parse_line).collect()
}

fn parse_line(line: &str) -> Option<PassLine> {
    let (host, rest) = take_field(line)?;
    let (port, rest) = take_field(rest)?;
    let (dbname, rest) = take_field(rest)?;
    let (user, rest) = take_field(rest)?;
    let (password, _) = unescape(rest);
    Some(PassLine { host, port, dbname, user, password: Secret::new(password) })
}

/// The field up to the next unescaped colon, and what follows that; None if there is no colon.
fn take_field(text: &str) -> Option<(Field, &str)> {
    if let Some(rest) = text.strip_prefix("*:") {
        return Some((Field::Any, rest));
    }
    let (field, rest) = unescape(text);
    Some((Field::Exactly(field), rest?))
}

/// Reads up to an unescaped colon: what stands before it, and what follows if there is one.
fn unescape(text: &str) -> (String, Option<&str>) {
    let mut plain = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            ':' => return (plain, Some(chars.as_str())),
            // A backslash at the very end stands for itself, as in libpq.
            '\\' => plain.push(chars.next().unwrap_or('\\')),
            c => plain.push(c),
        }
    }
    (plain, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tcp(name: &str, addr: Option<&str>) -> HostSpec {
        let addr = addr.map(|addr| addr.parse().unwrap());
        HostSpec { host: Host::Tcp { name: name.to_owned(), addr }, port: 5432 }
    }

    fn unix(directory: &str) -> HostSpec {
        HostSpec { host: Host::Unix(directory.into()), port: 5432 }
    }

    fn find(file: &str, spec: &HostSpec) -> Option<String> {
        let passwords = Passwords { lines: parse_passfile(file), ..Passwords::default() };
        passwords.find(spec, "shop", "app").map(|secret| secret.expose().to_owned())
    }

    #[test]
    fn the_first_matching_line_wins() {
        let file = "# db:5432:shop:app:comment\n\nbroken\ndb:5433:*:*:port\ndb:5432:shop:other:user\r\n\
                    db:*:shop:app:right\r\n*:*:*:*:late\n";
        assert_eq!(find(file, &tcp("db", None)).as_deref(), Some("right"));
        assert_eq!(find(file, &tcp("db2", None)).as_deref(), Some("late"));
        assert_eq!(
            find("db:*:*:*:\n*:*:*:*:late", &tcp("db", None)),
            None,
            "an empty password ends the search"
        );
    }

    #[test]
    fn hosts_match_as_in_libpq() {
        assert_eq!(find("10.0.0.1:*:*:*:x", &tcp("db", Some("10.0.0.1"))), None);
        assert!(find("10.0.0.1:*:*:*:x", &tcp("", Some("10.0.0.1"))).is_some());
        assert!(find(r"\:\:1:*:*:*:x", &tcp("::1", None)).is_some());
        assert!(find("localhost:*:*:*:x", &unix("/var/run/postgresql")).is_some());
        assert!(find("localhost:*:*:*:x", &unix("/srv/socket")).is_none());
        assert!(find("/srv/socket:*:*:*:x", &unix("/srv/socket")).is_some());
        assert!(find("**:*:*:*:x", &tcp("db", None)).is_none());
    }

    #[test]
    fn escapes_are_undone_and_a_colon_ends_the_password() {
        assert_eq!(find(r"*:*:*:*:a\:b\\c:comment", &tcp("db", None)).as_deref(), Some(r"a:b\c"));
        assert_eq!(find(r"*:*:*:*:a\", &tcp("db", None)).as_deref(), Some(r"a\"));
    }

    #[test]
    fn an_explicit_password_wins() {
        let mut passwords = Passwords { lines: parse_passfile("*:*:*:*:file"), ..Passwords::default() };
        passwords.explicit = Some(Secret::new("given"));
        let found = passwords.find(&tcp("db", None), "shop", "app").unwrap();
        assert_eq!(found.expose(), "given");
        let shown = format!("{passwords:?}");
        assert!(!shown.contains("given") && !shown.contains("file"), "{shown}");
    }

    #[test]
    fn a_line_for_a_child_escapes_the_password() {
        let line = PassLine::for_any_login(Secret::new(r"a:b\c")).to_line().unwrap();
        assert_eq!(line.expose(), "*:*:*:*:a\\:b\\\\c\n");
        assert_eq!(PassLine::for_any_login(Secret::new("a\nb")).to_line(), None);
    }
}
