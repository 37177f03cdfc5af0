//! libpq's connection strings, taken apart: `postgres://` URIs and `keyword=value` lists.
//!
//! Pure and exact: what psql 18 accepts is accepted, with the same meaning. No error quotes a value, because any
//! value may be, or contain by mistake, a password.

use std::collections::BTreeMap;
use std::fmt;

/// Every keyword that libpq knows through PostgreSQL 18, with the environment variable that stands in for it.
const KEYWORDS: &[(&str, Option<&str>)] = &[
    ("service", Some("PGSERVICE")),
    ("user", Some("PGUSER")),
    ("password", Some("PGPASSWORD")),
    ("passfile", Some("PGPASSFILE")),
    ("channel_binding", Some("PGCHANNELBINDING")),
    ("connect_timeout", Some("PGCONNECT_TIMEOUT")),
    ("dbname", Some("PGDATABASE")),
    ("host", Some("PGHOST")),
    ("hostaddr", Some("PGHOSTADDR")),
    ("port", Some("PGPORT")),
    ("client_encoding", Some("PGCLIENTENCODING")),
    ("options", Some("PGOPTIONS")),
    ("application_name", Some("PGAPPNAME")),
    ("fallback_application_name", None),
    ("keepalives", None),
    ("keepalives_idle", None),
    ("keepalives_interval", None),
    ("keepalives_count", None),
    ("tcp_user_timeout", None),
    ("sslmode", Some("PGSSLMODE")),
    ("sslnegotiation", Some("PGSSLNEGOTIATION")),
    ("sslcompression", Some("PGSSLCOMPRESSION")),
    ("sslcert", Some("PGSSLCERT")),
    ("sslkey", Some("PGSSLKEY")),
    ("sslcertmode", Some("PGSSLCERTMODE")),
    ("sslpassword", None),
    ("sslrootcert", Some("PGSSLROOTCERT")),
    ("sslcrl", Some("PGSSLCRL")),
    ("sslcrldir", Some("PGSSLCRLDIR")),
    ("sslsni", Some("PGSSLSNI")),
    ("sslkeylogfile", None),
    ("requirepeer", Some("PGREQUIREPEER")),
    ("require_auth", Some("PGREQUIREAUTH")),
    ("min_protocol_version", Some("PGMINPROTOCOLVERSION")),
    ("max_protocol_version", Some("PGMAXPROTOCOLVERSION")),
    ("ssl_min_protocol_version", Some("PGSSLMINPROTOCOLVERSION")),
    ("ssl_max_protocol_version", Some("PGSSLMAXPROTOCOLVERSION")),
    ("gssencmode", Some("PGGSSENCMODE")),
    ("krbsrvname", Some("PGKRBSRVNAME")),
    ("gsslib", Some("PGGSSLIB")),
    ("gssdelegation", Some("PGGSSDELEGATION")),
    ("replication", None),
    ("target_session_attrs", Some("PGTARGETSESSIONATTRS")),
    ("load_balance_hosts", Some("PGLOADBALANCEHOSTS")),
    ("scram_client_key", None),
    ("scram_server_key", None),
    ("oauth_issuer", None),
    ("oauth_client_id", None),
    ("oauth_client_secret", None),
    ("oauth_scope", None),
];

const SECRETS: [&str; 5] =
    ["password", "sslpassword", "scram_client_key", "scram_server_key", "oauth_client_secret"];

/// Keywords that an environment variable can set, each with that variable.
pub fn variables() -> impl Iterator<Item = (&'static str, &'static str)> {
    KEYWORDS.iter().filter_map(|(keyword, variable)| Some((*keyword, (*variable)?)))
}

/// What is wrong with a connection string. No message contains a value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConninfoError {
    #[error("it is empty")]
    Empty,
    #[error("it is neither a postgres:// URI nor a list of keyword=value")]
    Unrecognised,
    #[error("it contains a zero byte")]
    ZeroByte,
    #[error("missing \"=\": settings are written keyword=value, a value with spaces in single quotes")]
    MissingEquals,
    #[error("unterminated quoted string")]
    UnterminatedQuote,
    #[error("invalid connection option \"{0}\"")]
    UnknownKeyword(String),
    /// For a keyword that may well be a piece of a password, and is not shown therefore.
    #[error("invalid connection option; a value with spaces is written in single quotes")]
    NotAKeyword,
    #[error("invalid percent-encoding: \"%\" is followed by two hexadecimal digits, a \"%\" itself is %25")]
    PercentEncoding,
    #[error("a space in a URI is written %20")]
    SpaceInUri,
    #[error("an IPv6 address in a URI ends with \"]\" and is followed by nothing but a port")]
    Ipv6Brackets,
    #[error("a host name in a URI contains \"@\"; an \"@\" in the user's name or password is written %40")]
    AtInHost,
    #[error("a parameter of the URI has not exactly one \"=\"; within a value it is written %3D")]
    QueryEquals,
    /// A value that is malformed, contradicts another one, or cannot be honoured. `what` does not quote it.
    #[error("{keyword} {what}")]
    Value { keyword: &'static str, what: String },
}

/// The settings of one connection string, as written: nothing is defaulted or checked yet.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Params(BTreeMap<&'static str, String>);

impl Params {
    pub fn get(&self, keyword: &str) -> Option<&str> {
        self.0.get(keyword).map(String::as_str)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.0.iter().map(|(keyword, value)| (*keyword, value.as_str()))
    }

    /// Sets a keyword; the last one wins. Fails for a keyword that libpq does not know.
    pub fn set(&mut self, keyword: &str, value: impl Into<String>) -> Result<(), ConninfoError> {
        let value = value.into();
        if keyword == "requiressl" {
            let mode = if value.starts_with('1') { "require" } else { "prefer" };
            return self.set("sslmode", mode);
        }
        let Some((known, _)) = KEYWORDS.iter().find(|(known, _)| *known == keyword) else {
            let plausible = keyword.len() <= 40 && keyword.starts_with(|c: char| c.is_ascii_alphabetic());
            let plain = keyword.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
            return Err(if plausible && plain {
                ConninfoError::UnknownKeyword(keyword.to_owned())
            } else {
                ConninfoError::NotAKeyword
            });
        };
        self.0.insert(known, value);
        Ok(())
    }

    fn names_secret(&self) -> bool {
        SECRETS.iter().any(|keyword| self.get(keyword).is_some())
    }

    /// Whether anything in here should not be seen by others.
    pub fn has_secret(&self) -> bool {
        SECRETS.iter().any(|keyword| self.get(keyword).is_some_and(|value| !value.is_empty()))
    }
}

impl fmt::Debug for Params {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown =
            self.iter().map(|(key, value)| (key, if SECRETS.contains(&key) { "<hidden>" } else { value }));
        f.debug_map().entries(shown).finish()
    }
}

/// Writes a value so that it can follow `keyword=`.
pub fn quote(value: &str) -> String {
    format!("'{}'", value.replace('\\', r"\\").replace('\'', r"\'"))
}

/// Takes a connection string apart. Fails if libpq would refuse it, and also if it is empty or a mere database
/// name, which for a migration is a mistake.
pub fn parse(text: &str) -> Result<Params, ConninfoError> {
    let text = text.trim_start_matches(is_space);
    if text.is_empty() {
        return Err(ConninfoError::Empty);
    }
    if text.contains('\0') {
        return Err(ConninfoError::ZeroByte);
    }
    if let Some(rest) = text.strip_prefix("postgresql://").or_else(|| text.strip_prefix("postgres://")) {
        return parse_uri(rest.trim_end_matches(is_space));
    }
    match text.split_once('=') {
        Some((keyword, _)) if !keyword.contains("://") => parse_list(text),
        _ => Err(ConninfoError::Unrecognised),
    }
}

/// C's isspace, which is what libpq goes by.
fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\x0b' | '\x0c' | '\r')
}

fn parse_list(mut rest: &str) -> Result<Params, ConninfoError> {
    let mut params = Params::default();
    while !rest.is_empty() {
        let end = rest.find(|c| c == '=' || is_space(c)).unwrap_or(rest.len());
        let (keyword, after) = rest.split_at(end);
        let after =
            after.trim_start_matches(is_space).strip_prefix('=').ok_or(ConninfoError::MissingEquals)?;
        let (value, after) = take_value(after.trim_start_matches(is_space))?;
        // After an unquoted password with a space in it, the next "keyword" is the rest of the password.
        params
            .set(keyword, value)
            .map_err(|e| if params.names_secret() { ConninfoError::NotAKeyword } else { e })?;
        rest = after.trim_start_matches(is_space);
    }
    Ok(params)
}

/// The value at the beginning of `text`, and what follows it.
fn take_value(text: &str) -> Result<(String, &str), ConninfoError> {
    let unquoted = text.strip_prefix('\'');
    let (quoted, body) = (unquoted.is_some(), unquoted.unwrap_or(text));
    let mut value = String::new();
    let mut chars = body.chars();
    loop {
        let rest = chars.as_str();
        match chars.next() {
            Some('\\') => value.extend(chars.next()),
            Some('\'') if quoted => return Ok((value, chars.as_str())),
            Some(c) if !quoted && is_space(c) => return Ok((value, rest)),
            Some(c) => value.push(c),
            None if quoted => return Err(ConninfoError::UnterminatedQuote),
            None => return Ok((value, rest)),
        }
    }
}

/// Parses what follows `postgres://`. As in libpq, hosts and ports become lists joined by commas.
fn parse_uri(text: &str) -> Result<Params, ConninfoError> {
    let mut params = Params::default();
    let mut set = |keyword: &str, token: &str| match token {
        "" => Ok(()),
        token => params.set(keyword, decode(token)?),
    };
    let mut rest = text;
    if let Some(at) = text.find(['@', '/']).filter(|at| text[*at..].starts_with('@')) {
        let (user, password) = text[..at].split_once(':').unwrap_or((&text[..at], ""));
        set("user", user)?;
        set("password", password)?;
        rest = &text[at + 1..];
    }
    let (authority, tail) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let places = authority.split(',').map(host_and_port).collect::<Result<Vec<_>, _>>()?;
    let (hosts, ports): (Vec<_>, Vec<_>) = places.into_iter().unzip();
    set("host", &hosts.join(","))?;
    set("port", &ports.join(","))?;
    let (path, query) = tail.split_once('?').unwrap_or((tail, ""));
    set("dbname", path.strip_prefix('/').unwrap_or(path))?;
    parse_query(query, &mut params)?;
    Ok(params)
}

fn host_and_port(text: &str) -> Result<(&str, &str), ConninfoError> {
    let Some(bracketed) = text.strip_prefix('[') else {
        let (host, port) = text.split_once(':').unwrap_or((text, ""));
        return if host.contains('@') { Err(ConninfoError::AtInHost) } else { Ok((host, port)) };
    };
    match bracketed.split_once(']') {
        Some((host, "")) if !host.is_empty() => Ok((host, "")),
        Some((host, after)) if !host.is_empty() => {
            Ok((host, after.strip_prefix(':').ok_or(ConninfoError::Ipv6Brackets)?))
        }
        _ => Err(ConninfoError::Ipv6Brackets),
    }
}

fn parse_query(query: &str, params: &mut Params) -> Result<(), ConninfoError> {
    let query = query.strip_suffix('&').unwrap_or(query);
    if query.is_empty() {
        return Ok(());
    }
    for pair in query.split('&') {
        let (keyword, value) = pair.split_once('=').ok_or(ConninfoError::QueryEquals)?;
        if value.contains('=') {
            return Err(ConninfoError::QueryEquals);
        }
        let (keyword, value) = (decode(keyword)?, decode(value)?);
        let stored = match (keyword.as_str(), value.as_str()) {
            // JDBC's way to say it.
            ("ssl", "true") => params.set("sslmode", "require"),
            _ => params.set(&keyword, value),
        };
        // A raw "@" here hints that "?" or "/" in a password ended the part of the URI where it belongs.
        stored.map_err(|e| if query.contains('@') { ConninfoError::NotAKeyword } else { e })?;
    }
    Ok(())
}

/// Undoes percent-encoding. Spaces around a token do not count, as since PostgreSQL 18.
fn decode(token: &str) -> Result<String, ConninfoError> {
    let token = token.trim_matches(is_space);
    if token.contains(is_space) {
        return Err(ConninfoError::SpaceInUri);
    }
    let mut parts = token.split('%');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let digits = part.get(..2).filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()));
        let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()).filter(|byte| *byte != 0);
        bytes.push(byte.ok_or(ConninfoError::PercentEncoding)?);
        bytes.extend_from_slice(&part.as_bytes()[2..]);
    }
    String::from_utf8(bytes).map_err(|_| ConninfoError::PercentEncoding)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        let params = parse(text).unwrap();
        params.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join("|")
    }

    fn error(text: &str) -> String {
        parse(text).unwrap_err().to_string()
    }

    #[test]
    fn uris() {
        for (uri, wanted) in [
            ("postgres://", ""),
            ("postgresql:///shop", "dbname=shop"),
            ("postgres://u@", "user=u"),
            (
                "postgres://u:p@h:1/d?sslmode=require",
                "dbname=d|host=h|password=p|port=1|sslmode=require|user=u",
            ),
            ("postgres://:p@h", "host=h|password=p"),
            ("postgres://u%40x:p%3a%2F%25@h/%20d", "dbname= d|host=h|password=p:/%|user=u@x"),
            ("postgres://a:1,b,[::1]:3/d", "dbname=d|host=a,b,::1|port=1,,3"),
            ("postgres://a,b", "host=a,b|port=,"),
            ("postgres://[::1]?user=x&password=y%3Dz&", "host=::1|password=y=z|user=x"),
            ("postgres://u:a:b@h", "host=h|password=a:b|user=u"),
            ("postgres://u:a?b@h", "host=h|password=a?b|user=u"),
            ("postgres://%2Fvar%2Frun:5433/d", "dbname=d|host=/var/run|port=5433"),
            ("postgres:///d?host=/tmp&port=5433", "dbname=d|host=/tmp|port=5433"),
            ("  postgres://h/d?ssl=true\n", "dbname=d|host=h|sslmode=require"),
            ("postgres://h/?application_name=a+b@c", "application_name=a+b@c|host=h"),
            ("postgres://h?host=i", "host=i"),
        ] {
            assert_eq!(shown(uri), wanted, "{uri}");
        }
    }

    #[test]
    fn lists() {
        for (text, wanted) in [
            ("host=h port = 1", "host=h|port=1"),
            ("dbname='a b' user='o\\'b' password=x\\ y", "dbname=a b|password=x y|user=o'b"),
            ("host=''port=1", "host=|port=1"),
            ("host= port=1", "host=port=1"),
            ("\thost\n=\nh host=i ", "host=i"),
            ("host=h\\", "host=h"),
            ("requiressl=1", "sslmode=require"),
            ("requiressl=0", "sslmode=prefer"),
            ("options='-c a=b'", "options=-c a=b"),
            ("user=ünï", "user=ünï"),
        ] {
            assert_eq!(shown(text), wanted, "{text}");
        }
    }

    #[test]
    fn mistakes() {
        for (text, wanted) in [
            (" ", "it is empty"),
            ("shop", "it is neither"),
            ("mysql://u:p@h/d?x=y", "it is neither"),
            ("host=h\0", "it contains a zero byte"),
            ("host=h port", "missing \"=\""),
            ("host='h", "unterminated quoted string"),
            ("hots=h", "invalid connection option \"hots\""),
            ("password=my secret=1", "invalid connection option; "),
            ("=h", "invalid connection option; "),
            ("postgres://h?foo=1", "invalid connection option \"foo\""),
            ("postgres://h?foo", "a parameter of the URI"),
            ("postgres://h?user=a=b", "a parameter of the URI"),
            ("postgres://h/%zz", "invalid percent-encoding"),
            ("postgres://h/%00", "invalid percent-encoding"),
            ("postgres://h/%ff", "invalid percent-encoding"),
            ("postgres://h/%2é", "invalid percent-encoding"),
            ("postgres://u:a b@h", "a space in a URI"),
            ("postgres://[::1", "an IPv6 address"),
            ("postgres://[]", "an IPv6 address"),
            ("postgres://[::1]x", "an IPv6 address"),
            ("postgres://u:p@q@h", "a host name in a URI"),
            ("postgres://u:1/p?secret=@h", "invalid connection option; "),
        ] {
            assert!(error(text).starts_with(wanted), "{text:?}: {}", error(text));
        }
    }

    #[test]
    fn debug_hides_secrets() {
        let params = parse("user=u password=tiger sslpassword=lion").unwrap();
        let shown = format!("{params:?}");
        assert!(shown.contains("\"u\"") && !shown.contains("tiger") && !shown.contains("lion"), "{shown}");
        assert!(params.has_secret());
    }
}
