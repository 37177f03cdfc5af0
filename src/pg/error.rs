//! The one error of everything that speaks to a server: what happened, in whose words, and what to do now.
//!
//! Whatever a server says is hostile data here: every text is bounded and its control characters are escaped before
//! anybody can print it. Nothing in this file ever sees a password.

use crate::model::passwords::ON_THE_COMMAND_LINE;
use crate::model::remedy::only_words;
use crate::model::units::turns_text;
use std::fmt::{self, Write as _};
use std::io;
use std::ops::Deref;

#[path = "error/kind.rs"]
mod kind;

pub use kind::ErrorKind;

/// The setting that limits locks. A server that has no room for more names it in its hint, in any language.
pub const LOCKS_SETTING: &str = "max_locks_per_transaction";

/// The most that is kept of one text from a server, in bytes.
const MAX_TEXT_BYTES: usize = 8 * 1024;

/// What is known about an error; reached through [`Error`]'s `Deref`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    pub kind: ErrorKind,
    /// The server's five-character code, where a server said it.
    pub sqlstate: Option<String>,
    /// The server's text as it is, or our own words.
    pub message: String,
    pub detail: Option<String>,
    pub hint: Option<String>,
    /// The server's `where`: for COPY it names the table, the line and often the column.
    pub context: Option<String>,
    pub schema: Option<String>,
    pub table: Option<String>,
    pub column: Option<String>,
    pub constraint: Option<String>,
    /// Whom we asked, as `host:port` or the path of a socket.
    pub peer: Option<String>,
}

/// An error of a server or of the connection to it. Boxed, because it travels in every `Result` of this room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error(Box<Report>);

impl Deref for Error {
    type Target = Report;

    fn deref(&self) -> &Report {
        &self.0
    }
}

impl std::error::Error for Error {}

impl Error {
    /// An error in our own words; `message` is cleaned all the same, as it may quote a server or a file.
    pub fn new(kind: ErrorKind, message: impl AsRef<str>) -> Self {
        Self(Box::new(Report {
            kind,
            sqlstate: None,
            message: clean(message.as_ref()),
            detail: None,
            hint: None,
            context: None,
            schema: None,
            table: None,
            column: None,
            constraint: None,
            peer: None,
        }))
    }

    /// Shorthand for a server that does not keep to the protocol.
    pub(crate) fn protocol(message: impl AsRef<str>) -> Self {
        Self::new(ErrorKind::Protocol, message)
    }

    /// An I/O error on an open connection, or while opening one.
    pub(crate) fn io(error: &io::Error) -> Self {
        let kind = match error.kind() {
            io::ErrorKind::ConnectionRefused => ErrorKind::Refused,
            io::ErrorKind::TimedOut => ErrorKind::Timeout,
            io::ErrorKind::HostUnreachable
            | io::ErrorKind::NetworkUnreachable
            | io::ErrorKind::NetworkDown
            | io::ErrorKind::AddrNotAvailable
            | io::ErrorKind::NotFound
            | io::ErrorKind::PermissionDenied => ErrorKind::Unreachable,
            _ => ErrorKind::ConnectionLost,
        };
        Self::new(kind, io_words(error))
    }

    /// The body of an ErrorResponse or NoticeResponse: a type byte and a zero-terminated text, repeated.
    ///
    /// Reads whatever it can: a missing field is empty, an unknown or broken one is passed over
    /// (protocol chapter 55.8, "Error and Notice Message Fields").
    pub(crate) fn from_response(body: &[u8]) -> Self {
        let mut error = Self::new(ErrorKind::Server, "");
        let mut routine = None;
        for field in body.split(|byte| *byte == 0) {
            let Some((&tag, value)) = field.split_first() else { break };
            let said = String::from_utf8_lossy(value);
            let value = clean(&said);
            let report = &mut *error.0;
            match tag {
                b'C' => report.sqlstate = Some(value),
                b'M' => report.message = value,
                b'D' => report.detail = Some(one_line(&said)),
                b'H' => report.hint = Some(value),
                b'W' => report.context = Some(one_line(&said)),
                b's' => report.schema = Some(value),
                b't' => report.table = Some(value),
                b'c' => report.column = Some(value),
                b'n' => report.constraint = Some(value),
                b'R' => routine = Some(value),
                _ => {}
            }
        }
        error.classify(routine.as_deref())
    }

    /// Sets the kind from the code, and words where the server had none.
    fn classify(mut self, routine: Option<&str>) -> Self {
        self.0.kind = ErrorKind::of(self.0.sqlstate.as_deref().unwrap_or_default(), routine);
        if self.0.message.is_empty() {
            self.0.message = "the server reported an error without a text".to_owned();
        }
        self
    }

    /// Says whom we asked, unless that is known already.
    #[must_use]
    pub fn at(mut self, peer: &str) -> Self {
        self.0.peer.get_or_insert_with(|| clean(peer));
        self
    }

    /// Adds a hint of our own, unless the server gave one.
    #[must_use]
    pub(crate) fn with_hint(mut self, hint: impl AsRef<str>) -> Self {
        self.0.hint.get_or_insert_with(|| clean(hint.as_ref()));
        self
    }

    /// Adds a detail of our own, unless the server gave one.
    #[must_use]
    pub(crate) fn with_detail(mut self, detail: impl AsRef<str>) -> Self {
        self.0.detail.get_or_insert_with(|| clean(detail.as_ref()));
        self
    }

    /// The same error with another meaning, where the place it happened at says more than its code.
    #[must_use]
    pub(crate) fn with_kind(mut self, kind: ErrorKind) -> Self {
        self.0.kind = kind;
        self
    }

    /// Whether a server said it (as opposed to the network, the operating system or us).
    pub fn is_from_server(&self) -> bool {
        self.sqlstate.is_some()
    }

    /// Detail, hint and context in one line each, for a log.
    pub fn more(&self) -> Vec<String> {
        let named = [("detail", &self.detail), ("hint", &self.hint), ("context", &self.context)];
        named.into_iter().filter_map(|(name, text)| text.as_ref().map(|t| format!("{name}: {t}"))).collect()
    }

    /// What the operator can do now, where we know anything better than the server's own hint.
    pub fn advice(&self) -> Option<String> {
        let peer = self.peer.as_deref().unwrap_or("the server");
        let advice = match self.kind {
            ErrorKind::NameNotFound => "check the host name, and that this machine can resolve it",
            ErrorKind::Refused => {
                return Some(format!(
                    "check that the server runs, that the port is right, and that it listens on this address ({peer})"
                ));
            }
            ErrorKind::Timeout => {
                "check the address and the firewalls (allow lists) in between; connect_timeout sets the time"
            }
            ErrorKind::Unreachable => {
                "check the address (or the socket's folder and its rights) and the network"
            }
            ErrorKind::Tls => {
                return self
                    .hint
                    .as_deref()
                    .map(only_words)
                    .or_else(|| Some("check sslmode and sslrootcert".to_owned()));
            }
            ErrorKind::HbaRejected => {
                "allow this host, user and database in the server's pg_hba.conf, or in its allow list"
            }
            ErrorKind::WrongPassword => "check the user name and the password",
            ErrorKind::PasswordMissing => ON_THE_COMMAND_LINE,
            ErrorKind::NoDatabase => "check the name of the database",
            ErrorKind::NoRole => "check the user name",
            ErrorKind::TooManyConnections => {
                "lower --jobs, close idle sessions, or raise max_connections or the limit of the role or database"
            }
            ErrorKind::ServerStartingOrStopping => "wait until the server is ready and try again",
            ErrorKind::WrongSessionKind => {
                "check target_session_attrs against the roles that the hosts have now"
            }
            ErrorKind::ConnectionLost => "see the server's log for why the connection ended, then try again",
            ErrorKind::LockTimeout => {
                "find the session that holds the lock (pg_locks, pg_blocking_pids) and try again"
            }
            ErrorKind::Deadlock | ErrorKind::SerializationFailure => "try again",
            ErrorKind::DiskFull => "make room on the server's disk and try again",
            ErrorKind::OutOfMemory
                if self.hint.as_deref().is_some_and(|hint| hint.contains(LOCKS_SETTING)) =>
            {
                "raise max_locks_per_transaction on that server and restart it, or lower --jobs"
            }
            ErrorKind::OutOfMemory => "raise the limit that the message names, or lower --jobs",
            ErrorKind::InsufficientPrivilege => "grant the privilege, or connect as a role that has it",
            ErrorKind::ReadOnly => "connect to the primary, or unset default_transaction_read_only",
            ErrorKind::DataCorrupted => {
                "the server's own files are damaged: restore it from a backup before anything else"
            }
            ErrorKind::Protocol if self.message.contains("unsupported startup parameter") => {
                "this is a connection pooler: give the address of the server itself"
            }
            ErrorKind::Protocol => {
                "check that this is a PostgreSQL server and that nothing in between alters its answers"
            }
            _ => return self.hint.as_deref().map(only_words),
        };
        Some(advice.to_owned())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.peer {
            Some(peer) if !self.is_from_server() => match self.kind {
                ErrorKind::ConnectionLost => write!(f, "lost the connection to {peer}: {}", self.message),
                ErrorKind::Protocol => write!(f, "unexpected answer from {peer}: {}", self.message),
                kind if kind.is_connecting() => write!(f, "cannot connect to {peer}: {}", self.message),
                _ => f.write_str(&self.message),
            },
            _ => f.write_str(&self.message),
        }
    }
}

impl From<tokio_postgres::Error> for Error {
    fn from(error: tokio_postgres::Error) -> Self {
        if let Some(db) = error.as_db_error() {
            return Self::from_db(db);
        }
        if error.is_closed() {
            return Self::new(ErrorKind::ConnectionLost, "the server closed the connection unexpectedly");
        }
        let source = std::error::Error::source(&error);
        if let Some(io) = source.and_then(|s| s.downcast_ref::<io::Error>())
            && error.to_string() == "error communicating with the server"
        {
            return Self::io(io).with_kind(ErrorKind::ConnectionLost);
        }
        let cause = source.map(ToString::to_string).unwrap_or_default();
        // Its kind is private and its words are all there is (tokio-postgres 0.7, src/error/mod.rs).
        let kind = match (error.to_string().as_str(), cause.as_str()) {
            ("invalid configuration", "password missing") => {
                return Self::new(
                    ErrorKind::PasswordMissing,
                    "the server wants a password and none was given",
                );
            }
            ("authentication error", cause) if cause.starts_with("unsupported") => ErrorKind::Unsupported,
            ("authentication error", "server did not use channel binding") => ErrorKind::Tls,
            (
                "unexpected message from server"
                | "error parsing response from server"
                | "authentication error",
                _,
            ) => ErrorKind::Protocol,
            ("timeout waiting for server", _) => ErrorKind::Timeout,
            _ => ErrorKind::Internal,
        };
        Self::new(kind, if cause.is_empty() { error.to_string() } else { format!("{error}: {cause}") })
    }
}

impl Error {
    fn from_db(db: &tokio_postgres::error::DbError) -> Self {
        let keep = |text: Option<&str>| text.map(clean);
        Self(Box::new(Report {
            kind: ErrorKind::Server,
            sqlstate: Some(clean(db.code().code())),
            message: clean(db.message()),
            detail: db.detail().map(one_line),
            hint: keep(db.hint()),
            context: db.where_().map(one_line),
            schema: keep(db.schema()),
            table: keep(db.table()),
            column: keep(db.column()),
            constraint: keep(db.constraint()),
            peer: None,
        }))
        .classify(db.routine())
    }
}

/// The operating system's reason in lower case and without its number, as other tools say it.
fn io_words(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "connection refused".to_owned(),
        io::ErrorKind::TimedOut => "no answer in time".to_owned(),
        io::ErrorKind::UnexpectedEof => "the server closed the connection unexpectedly".to_owned(),
        io::ErrorKind::ConnectionReset => "connection reset".to_owned(),
        io::ErrorKind::BrokenPipe => "broken pipe".to_owned(),
        _ => {
            let text = error.to_string();
            let plain = text.split(" (os error").next().unwrap_or_default();
            let mut letters = plain.chars();
            letters.next().map(|c| c.to_lowercase().chain(letters).collect()).unwrap_or_default()
        }
    }
}

/// Text that is safe to print in one line: control and direction characters escaped, at most [`MAX_TEXT_BYTES`] long.
pub(crate) fn clean(text: &str) -> String {
    let mut safe = String::with_capacity(text.len().min(MAX_TEXT_BYTES));
    for letter in text.chars() {
        if safe.len() + letter.len_utf8() > MAX_TEXT_BYTES {
            safe.push('…');
            break;
        }
        match letter {
            '\n' => safe.push_str("\\n"),
            '\t' => safe.push_str("\\t"),
            '\r' => safe.push_str("\\r"),
            c if c.is_control() || turns_text(c) => {
                // Writing to a String cannot fail.
                write!(safe, "\\u{{{:x}}}", u32::from(c)).ok();
            }
            c => safe.push(c),
        }
    }
    safe
}

/// What a server says in several lines, safe to print in one: a line is a thing of its own, unless it is the next one of
/// a quoted statement.
fn one_line(text: &str) -> String {
    let mut joined = String::with_capacity(text.len());
    let mut is_quoted = false;
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        if !joined.is_empty() {
            joined.push_str(if is_quoted { " " } else { "; " });
        }
        joined.push_str(line);
        is_quoted ^= line.matches('"').count() % 2 == 1;
    }
    clean(&joined)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(fields: &[(u8, &str)]) -> Vec<u8> {
        let mut body = Vec::new();
        for (tag, value) in fields {
            body.push(*tag);
            body.extend_from_slice(value.as_bytes());
            body.push(0);
        }
        body.push(0);
        body
    }

    #[test]
    fn a_response_is_taken_apart() {
        let body = response(&[
            (b'S', "ERROR"),
            (b'C', "23505"),
            (b'M', "duplicate key value violates unique constraint \"t_pkey\""),
            (b'D', "Key (id)=(1) already exists."),
            (b'W', "COPY t, line 3"),
            (b's', "public"),
            (b't', "t"),
            (b'n', "t_pkey"),
        ]);
        let error = Error::from_response(&body).at("db:5432");
        assert_eq!(error.kind, ErrorKind::UniqueViolation);
        assert_eq!(error.sqlstate.as_deref(), Some("23505"));
        assert_eq!(error.context.as_deref(), Some("COPY t, line 3"));
        assert_eq!(error.constraint.as_deref(), Some("t_pkey"));
        assert_eq!(error.to_string(), "duplicate key value violates unique constraint \"t_pkey\"");
        assert_eq!(error.more().len(), 2);
    }

    /// No escape of a line's end is read by anybody, and a statement is not broken into several.
    #[test]
    fn what_is_said_in_several_lines_is_one() {
        let context = "SQL function \"okay\" during inlining\nCOPY chk, line 1";
        let detail = "view v depends on table t\nview w depends on table t";
        let error = Error::from_response(&response(&[
            (b'C', "42883"),
            (b'M', "no such function"),
            (b'D', detail),
            (b'W', context),
        ]));
        let said = "SQL function \"okay\" during inlining; COPY chk, line 1";
        assert_eq!(error.context.as_deref(), Some(said));
        let said = "view v depends on table t; view w depends on table t";
        assert_eq!(error.detail.as_deref(), Some(said));
        let statement = "SQL statement \"SELECT a\n  FROM t\"\r\nPL/pgSQL function f() line 3\n";
        assert_eq!(one_line(statement), "SQL statement \"SELECT a FROM t\"; PL/pgSQL function f() line 3");
        assert_eq!(one_line("a\u{1b}[2J\n\nb"), "a\\u{1b}[2J; b");
    }

    #[test]
    fn a_login_says_what_28000_means() {
        let kind = |routine| {
            let body = response(&[(b'C', "28000"), (b'M', "no"), (b'R', routine)]);
            Error::from_response(&body).kind
        };
        assert_eq!(kind("ClientAuthentication"), ErrorKind::HbaRejected);
        assert_eq!(kind("InitializeSessionUserId"), ErrorKind::NoRole);
    }

    #[test]
    fn hostile_text_is_escaped_and_bounded() {
        assert_eq!(clean("a\u{1b}[2J\nb\u{202e}c\0"), "a\\u{1b}[2J\\nb\\u{202e}c\\u{0}");
        let long = clean(&"é".repeat(60_000));
        assert!(long.len() <= MAX_TEXT_BYTES + '…'.len_utf8() && long.ends_with('…'));
        for body in [&b""[..], b"\0\0\0", b"M", b"C\0", &[0xff; 300], b"Mno end"] {
            assert!(!Error::from_response(body).message.is_empty());
        }
    }

    #[test]
    fn sentences_name_the_peer() {
        let refused = Error::io(&io::Error::from_raw_os_error(111)).at("db.example.com:5432");
        assert_eq!(refused.to_string(), "cannot connect to db.example.com:5432: connection refused");
        assert!(refused.advice().is_some_and(|a| a.contains("db.example.com:5432")));
        let lost = Error::io(&io::Error::from_raw_os_error(104)).at("db:1").at("other:2");
        assert_eq!(lost.to_string(), "lost the connection to db:1: connection reset");
    }

    #[test]
    fn every_connecting_kind_has_advice() {
        for code in ["28000", "28P01", "3D000", "53300", "57P03", "53100", "42501", "08P01", "57P01"] {
            let body = response(&[(b'C', code), (b'M', "text")]);
            assert!(Error::from_response(&body).advice().is_some(), "{code}");
        }
        assert_eq!(Error::from_response(&response(&[(b'C', "22P02")])).advice(), None);
    }
}
