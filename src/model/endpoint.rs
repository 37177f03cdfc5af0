//! Where a server is and how to talk to it: what libpq lets its users say, except for secrets.

use crate::model::conninfo::quote;
use crate::model::units::ServerVersion;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

/// A path that exists on no machine. A child that is told it looks at no certificate in its home directory.
const NOWHERE: &str = "/dev/null/none";

/// A setting whose value is one of a few fixed words.
pub trait Words: Sized + Copy {
    /// Every word that libpq accepts, in the order of its manual.
    const WORDS: &'static [&'static str];
    /// The value that `word` stands for, spelled exactly as in [`Words::WORDS`].
    fn parse(word: &str) -> Option<Self>;
    /// libpq's spelling.
    fn word(self) -> &'static str;
}

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$note:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum $name { $($(#[$note])* #[serde(rename = $word)] $variant,)+ }

        impl Words for $name {
            const WORDS: &'static [&'static str] = &[$($word),+];
            fn parse(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$variant),)+ _ => None }
            }
            fn word(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }
        }
    };
}

words! {
    /// How far TLS is demanded, weakest first. Over a Unix socket there is no TLS, whatever is asked for.
    SslMode {
        Disable = "disable",
        /// TLS only if the server refuses to talk without it.
        Allow = "allow",
        /// TLS if the server has it.
        Prefer = "prefer",
        Require = "require",
        VerifyCa = "verify-ca",
        VerifyFull = "verify-full",
    }
}
words! {
    /// Whether TLS begins after a PostgreSQL request packet or with the first byte.
    SslNegotiation { Postgres = "postgres", Direct = "direct", }
}
words! {
    /// TLS protocol versions, oldest first.
    TlsVersion { Tls10 = "TLSv1", Tls11 = "TLSv1.1", Tls12 = "TLSv1.2", Tls13 = "TLSv1.3", }
}
words! {
    /// Whether SCRAM is tied to the TLS connection. `Require` also means that no weaker login is answered.
    ChannelBinding { Disable = "disable", Prefer = "prefer", Require = "require", }
}
words! {
    /// Which of several hosts will do.
    TargetSessionAttrs {
        Any = "any",
        ReadWrite = "read-write",
        ReadOnly = "read-only",
        Primary = "primary",
        Standby = "standby",
        PreferStandby = "prefer-standby",
    }
}

/// A server as the operator named it, complete and free of secrets: it may lie on disk and appear on screen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Endpoint {
    /// In the order in which they are tried; never empty.
    pub hosts: Vec<HostSpec>,
    pub user: String,
    /// None: see [`Endpoint::databases_to_try`].
    pub dbname: Option<String>,
    pub ssl: Ssl,
    pub channel_binding: ChannelBinding,
    /// For each host; None waits as long as the operating system does.
    pub connect_timeout_s: Option<u32>,
    /// Command-line options for the server's session process.
    pub options: Option<String>,
    pub application_name: Option<String>,
    pub target_session_attrs: TargetSessionAttrs,
    /// Try the hosts in random order.
    pub load_balance_hosts: bool,
    pub keepalives: Keepalives,
    pub tcp_user_timeout_ms: Option<u32>,
}

/// One address to try.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostSpec {
    pub host: Host,
    pub port: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Host {
    Tcp {
        /// What certificates and .pgpass are compared with. Empty where only an address was given.
        name: String,
        /// Where to connect instead of asking DNS for `name`.
        addr: Option<IpAddr>,
    },
    /// The directory that holds the socket `.s.PGSQL.<port>`.
    Unix(PathBuf),
}

/// The TLS settings. All paths are absolute, and were there when the endpoint was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ssl {
    pub mode: SslMode,
    /// Where one is named, the server's chain is verified in **every** mode with TLS, not only in `verify-*`.
    pub root_cert: Option<RootCert>,
    pub cert: Option<PathBuf>,
    pub key: Option<PathBuf>,
    pub crl: Option<PathBuf>,
    pub min_protocol: Option<TlsVersion>,
    pub max_protocol: Option<TlsVersion>,
    /// Send the host's name in the handshake, unless it is an IP address.
    pub sni: bool,
    pub negotiation: SslNegotiation,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RootCert {
    /// The authorities that the operating system trusts.
    System,
    File(PathBuf),
}

/// TCP keepalives; None leaves a value to the operating system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Keepalives {
    pub enabled: bool,
    pub idle_s: Option<u32>,
    pub interval_s: Option<u32>,
    pub count: Option<u32>,
}

impl Default for Keepalives {
    fn default() -> Self {
        Self { enabled: true, idle_s: None, interval_s: None, count: None }
    }
}

impl Default for Ssl {
    /// libpq's defaults on a machine without any certificate file.
    fn default() -> Self {
        Self {
            mode: SslMode::Prefer,
            root_cert: None,
            cert: None,
            key: None,
            crl: None,
            min_protocol: Some(TlsVersion::Tls12),
            max_protocol: None,
            sni: true,
            negotiation: SslNegotiation::Postgres,
        }
    }
}

impl Endpoint {
    /// libpq's defaults for `user` at `host`.
    pub fn new(host: Host, port: u16, user: impl Into<String>) -> Self {
        Self {
            hosts: vec![HostSpec { host, port }],
            user: user.into(),
            dbname: None,
            ssl: Ssl::default(),
            channel_binding: ChannelBinding::Prefer,
            connect_timeout_s: None,
            options: None,
            application_name: None,
            target_session_attrs: TargetSessionAttrs::Any,
            load_balance_hosts: false,
            keepalives: Keepalives::default(),
            tcp_user_timeout_ms: None,
        }
    }

    /// The databases to try in turn for a first session: the one that was named, or those likely to exist.
    pub fn databases_to_try(&self) -> Vec<String> {
        if let Some(dbname) = &self.dbname {
            return vec![dbname.clone()];
        }
        let mut names = vec![self.user.clone()];
        for name in ["postgres", "defaultdb", "template1"] {
            if name != self.user {
                names.push(name.to_owned());
            }
        }
        names
    }

    /// Whether the first host is this machine, by a name that means another one elsewhere.
    pub fn is_local(&self) -> bool {
        self.hosts.first().is_some_and(|spec| match &spec.host {
            Host::Unix(_) => true,
            Host::Tcp { name, addr } => addr.map_or(name == "localhost", |addr| addr.is_loopback()),
        })
    }

    fn address(&self, dbname: &str, spec: &HostSpec) -> Settings {
        let mut list = Settings::default();
        match &spec.host {
            Host::Unix(directory) => list.add("host", directory.display()),
            Host::Tcp { name, addr } => {
                list.add_some("host", Some(name).filter(|name| !name.is_empty()));
                list.add_some("hostaddr", addr.as_ref());
            }
        }
        list.add("port", spec.port);
        list.add("user", &self.user);
        list.add("dbname", dbname);
        list
    }

    /// Where it is and as whom, and nothing else: what passwords are looked up by.
    pub fn address_conninfo(&self, dbname: &str, spec: &HostSpec) -> String {
        self.address(dbname, spec).0
    }

    /// As an operator would write it, to fill a form with: its first host, and how it is encrypted. No secret.
    pub fn operators_conninfo(&self) -> String {
        let Some(spec) = self.hosts.first() else { return String::new() };
        let mut list = self.address(self.dbname.as_deref().unwrap_or_default(), spec);
        list.add("sslmode", self.ssl.mode.word());
        match &self.ssl.root_cert {
            Some(RootCert::System) => list.add("sslrootcert", "system"),
            Some(RootCert::File(path)) => list.add("sslrootcert", path.display()),
            None => {}
        }
        list.add_some("sslcert", self.ssl.cert.as_ref().map(|path| path.display()));
        list.add_some("sslkey", self.ssl.key.as_ref().map(|path| path.display()));
        list.0.replace("dbname='' ", "")
    }

    /// A libpq `keyword='value'` string for another *server* that is to connect to this one as a client: no file of this
    /// machine in it, and no secret. `client`: that server's version. Also what of our TLS settings it cannot keep, in words.
    ///
    /// Row-level security that would hide rows ends replication instead (manual, logical replication, "Security").
    pub fn conninfo_for_server(
        &self,
        dbname: &str,
        spec: &HostSpec,
        client: ServerVersion,
    ) -> (String, Option<String>) {
        let mut list = self.address(dbname, spec);
        let verifies = self.ssl.mode >= SslMode::VerifyCa;
        // sslrootcert=system is libpq's from 16 on.
        let roots = client.at_least(16) && self.ssl.root_cert == Some(RootCert::System);
        let mut lost = None;
        if verifies && !roots {
            list.add("sslmode", SslMode::Require.word());
            lost = Some(format!(
                "sslmode {} becomes require between the servers: the target does not have the certificates of this machine",
                self.ssl.mode.word()
            ));
        } else {
            list.add("sslmode", self.ssl.mode.word());
            if roots {
                list.add("sslrootcert", "system");
            }
        }
        if self.channel_binding != ChannelBinding::Prefer {
            list.add("channel_binding", self.channel_binding.word());
        }
        list.add("connect_timeout", self.connect_timeout_s.unwrap_or(10));
        let options = self.options.iter().map(String::as_str).chain(["-c row_security=off"]);
        list.add("options", options.collect::<Vec<_>>().join(" "));
        (list.0, lost)
    }

    /// A libpq `keyword='value'` string for a child such as `pg_dump`: exactly this one host, the same TLS, no
    /// secret. Settings younger than PostgreSQL 13 appear only where they differ from libpq's default, because
    /// an older client refuses a keyword that it does not know.
    pub fn children_conninfo(&self, dbname: &str, spec: &HostSpec) -> String {
        let mut list = self.address(dbname, spec);
        self.ssl.list(&mut list);
        // We never encrypt by GSS, and the child shall not differ.
        list.add("gssencmode", "disable");
        if self.channel_binding != ChannelBinding::Prefer {
            list.add("channel_binding", self.channel_binding.word());
        }
        list.add_some("connect_timeout", self.connect_timeout_s);
        list.add_some("options", self.options.as_ref());
        list.add_some("application_name", self.application_name.as_ref());
        list.add_some("keepalives", (!self.keepalives.enabled).then_some(0));
        list.add_some("keepalives_idle", self.keepalives.idle_s);
        list.add_some("keepalives_interval", self.keepalives.interval_s);
        list.add_some("keepalives_count", self.keepalives.count);
        list.add_some("tcp_user_timeout", self.tcp_user_timeout_ms);
        list.0
    }
}

impl Ssl {
    fn list(&self, list: &mut Settings) {
        list.add("sslmode", self.mode.word());
        if self.mode == SslMode::Disable {
            return;
        }
        // A file that we do not use is named as NOWHERE: a child must not find one in a home directory of its own.
        let file =
            |path: &Option<PathBuf>| path.as_deref().unwrap_or(Path::new(NOWHERE)).display().to_string();
        match &self.root_cert {
            Some(RootCert::System) => list.add("sslrootcert", "system"),
            Some(RootCert::File(path)) => list.add("sslrootcert", path.display()),
            None => list.add("sslrootcert", NOWHERE),
        }
        list.add("sslcert", file(&self.cert));
        list.add("sslcrl", file(&self.crl));
        list.add_some("sslkey", self.key.as_ref().map(|path| path.display()));
        if self.min_protocol != Some(TlsVersion::Tls12) {
            list.add("ssl_min_protocol_version", self.min_protocol.map_or("", Words::word));
        }
        list.add_some("ssl_max_protocol_version", self.max_protocol.map(Words::word));
        list.add_some("sslsni", (!self.sni).then_some(0));
        if self.negotiation != SslNegotiation::Postgres {
            list.add("sslnegotiation", self.negotiation.word());
        }
    }
}

/// A growing key=value string.
#[derive(Default)]
struct Settings(String);

impl Settings {
    fn add(&mut self, keyword: &str, value: impl fmt::Display) {
        let space = if self.0.is_empty() { "" } else { " " };
        self.0.push_str(&format!("{space}{keyword}={}", quote(&value.to_string())));
    }

    fn add_some(&mut self, keyword: &str, value: Option<impl fmt::Display>) {
        if let Some(value) = value {
            self.add(keyword, value);
        }
    }
}

/// `user@host:port`, several hosts with commas between them.
impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@", self.user)?;
        for (n, spec) in self.hosts.iter().enumerate() {
            write!(f, "{}{spec}", if n > 0 { "," } else { "" })?;
        }
        Ok(())
    }
}

impl fmt::Display for HostSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            Host::Unix(directory) => write!(f, "{}", directory.display())?,
            Host::Tcp { name, addr: Some(IpAddr::V6(addr)) } if name.is_empty() => write!(f, "[{addr}]")?,
            Host::Tcp { name, addr: Some(addr) } if name.is_empty() => write!(f, "{addr}")?,
            Host::Tcp { name, .. } if name.contains(':') => write!(f, "[{name}]")?,
            Host::Tcp { name, .. } => f.write_str(name)?,
        }
        write!(f, ":{}", self.port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::conninfo;

    fn tcp(name: &str, addr: Option<&str>) -> Host {
        Host::Tcp { name: name.to_owned(), addr: addr.map(|addr| addr.parse().unwrap()) }
    }

    #[test]
    fn displays_every_kind_of_host() {
        let mut endpoint = Endpoint::new(tcp("db.example", Some("10.0.0.1")), 5432, "app");
        assert_eq!(endpoint.to_string(), "app@db.example:5432");
        for (host, port) in
            [(tcp("::1", None), 1), (tcp("", Some("fe80::1")), 2), (tcp("", Some("10.0.0.1")), 3)]
        {
            endpoint.hosts.push(HostSpec { host, port });
        }
        endpoint.hosts.push(HostSpec { host: Host::Unix("/run/pg".into()), port: 4 });
        assert_eq!(endpoint.to_string(), "app@db.example:5432,[::1]:1,[fe80::1]:2,10.0.0.1:3,/run/pg:4");
    }

    #[test]
    fn tries_databases_without_repeating_one() {
        let mut endpoint = Endpoint::new(tcp("h", None), 5432, "postgres");
        assert_eq!(endpoint.databases_to_try(), ["postgres", "defaultdb", "template1"]);
        endpoint.user = "avnadmin".to_owned();
        assert_eq!(endpoint.databases_to_try(), ["avnadmin", "postgres", "defaultdb", "template1"]);
        endpoint.dbname = Some("shop".to_owned());
        assert_eq!(endpoint.databases_to_try(), ["shop"]);
    }

    #[test]
    fn children_get_one_host_and_the_same_tls() {
        let mut endpoint = Endpoint::new(tcp("a", Some("10.0.0.1")), 6432, "o'brien");
        endpoint.hosts.push(HostSpec { host: tcp("b", None), port: 1 });
        endpoint.target_session_attrs = TargetSessionAttrs::Primary;
        endpoint.ssl.mode = SslMode::VerifyFull;
        endpoint.ssl.root_cert = Some(RootCert::File("/my certs/ca.pem".into()));
        endpoint.ssl.min_protocol = None;
        endpoint.keepalives.enabled = false;
        let text = endpoint.children_conninfo(r"back\slash", &endpoint.hosts[0]);
        assert_eq!(
            text,
            r"host='a' hostaddr='10.0.0.1' port='6432' user='o\'brien' dbname='back\\slash' sslmode='verify-full' sslrootcert='/my certs/ca.pem' sslcert='/dev/null/none' sslcrl='/dev/null/none' ssl_min_protocol_version='' gssencmode='disable' keepalives='0'"
        );
        assert_eq!(conninfo::parse(&text).unwrap().get("dbname"), Some(r"back\slash"));
    }

    #[test]
    fn children_on_a_socket_hear_nothing_of_tls() {
        let mut endpoint = Endpoint::new(Host::Unix("/run/pg".into()), 5432, "app");
        endpoint.ssl.mode = SslMode::Disable;
        let text = endpoint.children_conninfo("shop", &endpoint.hosts[0]);
        assert_eq!(
            text,
            "host='/run/pg' port='5432' user='app' dbname='shop' sslmode='disable' gssencmode='disable'"
        );
    }

    #[test]
    fn modes_grow_stricter_and_words_match() {
        assert!(SslMode::Disable < SslMode::Prefer && SslMode::Require < SslMode::VerifyCa);
        for word in SslMode::WORDS.iter().chain(TlsVersion::WORDS).chain(TargetSessionAttrs::WORDS) {
            let back = SslMode::parse(word).map(Words::word);
            let back = back.or(TlsVersion::parse(word).map(Words::word));
            assert_eq!(back.or(TargetSessionAttrs::parse(word).map(Words::word)), Some(*word));
        }
    }
}
