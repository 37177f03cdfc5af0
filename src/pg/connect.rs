//! Opens sessions: walks through hosts and attempts, logs in with either client, and cancels what runs.
//!
//! Settings travel in the start-up packet, so that they hold from a session's first moment. The rules for several
//! hosts are libpq's (chapter 34.1.1.3 "Specifying Multiple Hosts").

use super::dial::{Attempt, Deadline, Dial, Dialed, Stream, attempts, shuffle};
use super::error::{Error, ErrorKind};
use super::tls::Tls;
use super::wire;
use crate::model::endpoint::{ChannelBinding, Endpoint, HostSpec, TargetSessionAttrs};
use crate::model::passwords::Passwords;
use crate::model::secret::Secret;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::OnceCell;
use tokio_postgres::tls::{TlsConnect, TlsStream};

#[path = "connect/session.rs"]
mod session;

pub use session::Session;

/// The most that a cancel request may take, connecting included.
const CANCEL_TIMEOUT: Duration = Duration::from_secs(5);

/// A server and the right to log in to it. Cheap to clone; certificates are read once for all clones.
#[derive(Clone)]
pub struct Server(Arc<Shared>);

struct Shared {
    endpoint: Endpoint,
    passwords: Passwords,
    application_name: String,
    tls: OnceCell<Tls>,
}

/// Everything that a log-in says to the server, for either client.
pub(crate) struct Login<'a> {
    pub(crate) user: &'a str,
    pub(crate) dbname: &'a str,
    pub(crate) password: Option<&'a Secret>,
    pub(crate) options: &'a str,
    pub(crate) application_name: &'a str,
    pub(crate) channel_binding: ChannelBinding,
    pub(crate) mode: Mode,
}

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Queries,
    /// Commands of logical replication, in one database (start-up parameter `replication=database`).
    Replication,
}

/// What both clients can do, so that one function walks through hosts for both.
trait Client: Sized + Send {
    /// Logs in over an open connection; `door` leads to the same server process for cancelling.
    fn log_in(
        stream: Stream,
        login: &Login<'_>,
        door: Door,
    ) -> impl Future<Output = Result<Self, Error>> + Send;

    /// The first column of the first row.
    fn value(&mut self, sql: &str) -> impl Future<Output = Result<Option<String>, Error>> + Send;
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Server({})", self.0.endpoint)
    }
}

impl Server {
    /// `application_name` shows up in pg_stat_activity and in the server's log.
    pub fn new(endpoint: Endpoint, passwords: Passwords, application_name: String) -> Self {
        Self(Arc::new(Shared { endpoint, passwords, application_name, tls: OnceCell::new() }))
    }

    pub fn endpoint(&self) -> &Endpoint {
        &self.0.endpoint
    }

    /// The password with which the first host is logged in to, for a child process that connects by itself.
    pub fn password_for(&self, dbname: &str) -> Option<&Secret> {
        let host = self.0.endpoint.hosts.first()?;
        self.0.passwords.find(host, dbname, &self.0.endpoint.user)
    }

    /// Opens a session for queries. `settings` hold from its first moment.
    ///
    /// # Errors
    /// Why no host could be used; with several hosts the last one's reason, the others' in `detail`.
    pub async fn connect(&self, dbname: &str, settings: &[(&str, &str)]) -> Result<Session, Error> {
        self.open(dbname, settings).await
    }

    /// Opens a connection for the fast path: COPY relayed from socket to socket.
    ///
    /// # Errors
    /// As [`Server::connect`].
    pub async fn connect_wire(
        &self,
        dbname: &str,
        settings: &[(&str, &str)],
    ) -> Result<wire::Connection, Error> {
        self.open(dbname, settings).await
    }

    /// Opens a connection for commands of logical replication: it makes and drops slots.
    ///
    /// The server needs a free walsender (max_wal_senders) and a line in pg_hba.conf for this database; the line
    /// `replication` is for physical replication alone.
    ///
    /// # Errors
    /// As [`Server::connect`]; [`ErrorKind::InsufficientPrivilege`] where our role has not REPLICATION.
    pub async fn connect_replication(
        &self,
        dbname: &str,
        settings: &[(&str, &str)],
    ) -> Result<wire::Connection, Error> {
        let opened: Replicating = self.open(dbname, settings).await?;
        Ok(opened.0)
    }

    async fn open<C: Client>(&self, dbname: &str, settings: &[(&str, &str)]) -> Result<C, Error> {
        let options = startup_options(self.0.endpoint.options.as_deref(), settings);
        let wanted = self.0.endpoint.target_session_attrs;
        if wanted == TargetSessionAttrs::PreferStandby {
            if let Ok(standby) = self.open_any(dbname, &options, TargetSessionAttrs::Standby).await {
                return Ok(standby);
            }
            return self.open_any(dbname, &options, TargetSessionAttrs::Any).await;
        }
        self.open_any(dbname, &options, wanted).await
    }

    /// Tries the hosts in turn. A host that answers but rejects us ends the search, as in libpq.
    async fn open_any<C: Client>(
        &self,
        dbname: &str,
        options: &str,
        wanted: TargetSessionAttrs,
    ) -> Result<C, Error> {
        let mut hosts: Vec<&HostSpec> = self.0.endpoint.hosts.iter().collect();
        if self.0.endpoint.load_balance_hosts {
            shuffle(&mut hosts);
        }
        let mut failures: Vec<Error> = Vec::new();
        for host in hosts {
            match self.open_one(host, (dbname, options), wanted).await {
                Ok(client) => return Ok(client),
                Err(error) => {
                    let error = error.at(&host.to_string());
                    let try_next =
                        !error.is_from_server() || error.kind == ErrorKind::ServerStartingOrStopping;
                    failures.push(error);
                    if !try_next {
                        break;
                    }
                }
            }
        }
        let Some(last) = failures.pop() else {
            return Err(Error::new(ErrorKind::Internal, "the server's address names no host"));
        };
        if failures.is_empty() {
            return Err(last);
        }
        let others: Vec<String> = failures.iter().map(ToString::to_string).collect();
        Err(last.with_detail(format!("before that: {}", others.join("; "))))
    }

    /// Tries one host within its time, with and without TLS as sslmode says.
    async fn open_one<C: Client>(
        &self,
        host: &HostSpec,
        (dbname, options): (&str, &str),
        wanted: TargetSessionAttrs,
    ) -> Result<C, Error> {
        let endpoint = &self.0.endpoint;
        let login = Login {
            user: &endpoint.user,
            dbname,
            password: self.0.passwords.find(host, dbname, &endpoint.user),
            options,
            application_name: &self.0.application_name,
            channel_binding: endpoint.channel_binding,
            mode: Mode::Queries,
        };
        let deadline = Deadline::of(endpoint);
        let mut first: Option<Error> = None;
        for attempt in attempts(&host.host, endpoint) {
            let opened = self.attempt::<C>((host, *attempt), &login, deadline).await;
            let error = match opened {
                Ok(mut client) => {
                    deadline.bound("asking for its role", check_role(&mut client, wanted)).await?;
                    return Ok(client);
                }
                Err(error) => error,
            };
            match first.take() {
                None if calls_for_another(*attempt, &error) => first = Some(error),
                None => return Err(error),
                // The rejection says more than a second one, or than TLS that the server does not have.
                Some(before) if matches!(error.kind, ErrorKind::HbaRejected | ErrorKind::Tls) => {
                    return Err(before);
                }
                Some(_) => return Err(error),
            }
        }
        Err(first.unwrap_or_else(|| Error::new(ErrorKind::Internal, "no way to connect was tried")))
    }

    async fn attempt<C: Client>(
        &self,
        (host, attempt): (&HostSpec, Attempt),
        login: &Login<'_>,
        deadline: Deadline,
    ) -> Result<C, Error> {
        let Dialed { stream, host } = self.dial(host, attempt, deadline).await?;
        let encrypted = stream.is_encrypted();
        if !encrypted && login.channel_binding == ChannelBinding::Require {
            return Err(Error::new(ErrorKind::Tls, "channel binding required, but SSL not in use"));
        }
        let door = Door { server: self.clone(), host, encrypted };
        deadline.bound("logging in", C::log_in(stream, login, door)).await
    }

    async fn dial(&self, host: &HostSpec, attempt: Attempt, deadline: Deadline) -> Result<Dialed, Error> {
        let tls = match attempt {
            Attempt::Plain => None,
            Attempt::TlsIfOffered | Attempt::Tls => Some(self.tls().await?),
        };
        Dial { host, endpoint: &self.0.endpoint, tls, deadline }.open(attempt).await
    }

    /// The TLS settings, read from their files at the first use.
    async fn tls(&self) -> Result<&Tls, Error> {
        let read = || async {
            let shared = Arc::clone(&self.0);
            let reading = move || Tls::read(&shared.endpoint.ssl, shared.passwords.ssl_key.as_ref());
            let read = tokio::task::spawn_blocking(reading).await;
            read.unwrap_or_else(|_| {
                Err(Error::new(ErrorKind::Internal, "reading the certificates was cut off"))
            })
        };
        self.0.tls.get_or_try_init(read).await
    }
}

/// Whether the next attempt may do better. As libpq, but a wrong password is not offered again without TLS.
fn calls_for_another(attempt: Attempt, error: &Error) -> bool {
    match attempt {
        Attempt::Plain => error.kind == ErrorKind::HbaRejected,
        Attempt::TlsIfOffered => matches!(error.kind, ErrorKind::HbaRejected | ErrorKind::Tls),
        Attempt::Tls => false,
    }
}

/// Makes sure that the session is of the kind that `target_session_attrs` asks for.
async fn check_role<C: Client>(client: &mut C, wanted: TargetSessionAttrs) -> Result<(), Error> {
    let (question, answer, is) = match wanted {
        TargetSessionAttrs::Any | TargetSessionAttrs::PreferStandby => return Ok(()),
        TargetSessionAttrs::ReadWrite => (READ_ONLY, "off", "session is read-only"),
        TargetSessionAttrs::ReadOnly => (READ_ONLY, "on", "session is not read-only"),
        TargetSessionAttrs::Primary => (RECOVERY, "false", "server is in hot standby mode"),
        TargetSessionAttrs::Standby => (RECOVERY, "true", "server is not in hot standby mode"),
    };
    match client.value(question).await? {
        Some(said) if said == answer => Ok(()),
        _ => Err(Error::new(ErrorKind::WrongSessionKind, is)),
    }
}

const READ_ONLY: &str = "SELECT pg_catalog.current_setting('transaction_read_only')";
const RECOVERY: &str = "SELECT pg_catalog.pg_is_in_recovery()::pg_catalog.text";

/// The `options` of the start-up packet: the operator's own first, so that ours win.
///
/// The server splits them at white space, and a backslash takes away the meaning of what follows it
/// (pg_split_opts in postinit.c).
fn startup_options(own: Option<&str>, settings: &[(&str, &str)]) -> String {
    let mut options = own.unwrap_or_default().trim_end().to_owned();
    for (name, value) in settings {
        if !options.is_empty() {
            options.push(' ');
        }
        options.push_str("-c ");
        options.push_str(name);
        options.push('=');
        for letter in value.chars() {
            if letter == '\\' || matches!(letter, ' ' | '\t' | '\n' | '\r' | '\x0b' | '\x0c') {
                options.push('\\');
            }
            options.push(letter);
        }
    }
    options
}

/// The way to the very host that a session lives on.
#[derive(Clone)]
pub(crate) struct Door {
    server: Server,
    pub(crate) host: HostSpec,
    encrypted: bool,
}

/// What tells the server which session is meant.
#[derive(Clone)]
enum Key {
    Token(tokio_postgres::CancelToken),
    /// A whole CancelRequest.
    Request(Arc<[u8]>),
}

/// Stops what a session is doing, from outside it. A clone may be kept anywhere, also after the session's end.
#[derive(Clone)]
pub struct Canceller {
    door: Door,
    key: Key,
}

impl Canceller {
    fn with_token(door: Door, token: tokio_postgres::CancelToken) -> Self {
        Self { door, key: Key::Token(token) }
    }

    /// `key` is the body of BackendKeyData: process id and a secret of 4 bytes (up to 256 from protocol 3.2 on).
    pub(crate) fn with_key(door: Door, key: &[u8]) -> Self {
        let mut request = Vec::with_capacity(8 + key.len());
        // Length and code 1234 << 16 | 5678 (protocol chapter 55.2.8); a key is bounded by its frame.
        request.extend_from_slice(&u32::try_from(8 + key.len()).unwrap_or(0).to_be_bytes());
        request.extend_from_slice(&[4, 210, 22, 46]);
        request.extend_from_slice(key);
        Self { door, key: Key::Request(request.into()) }
    }

    /// Asks the server to stop the running statement; returns when it has taken note, within 5 s.
    ///
    /// The statement then ends with [`ErrorKind::Cancelled`], unless it was over before.
    ///
    /// # Errors
    /// The server cannot be reached again. The request may have come too late even without an error.
    pub async fn cancel(&self) -> Result<(), Error> {
        let deadline = Deadline::after(CANCEL_TIMEOUT);
        let attempt = if self.door.encrypted { Attempt::Tls } else { Attempt::Plain };
        let asking = async {
            let mut stream = self.door.server.dial(&self.door.host, attempt, deadline).await?.stream;
            match &self.key {
                Key::Token(token) => token.cancel_query_raw(&mut stream, PassThrough).await?,
                Key::Request(request) => {
                    stream.write_all(request).await.map_err(|e| Error::io(&e))?;
                    stream.flush().await.map_err(|e| Error::io(&e))?;
                }
            }
            // The server closes once the signal is sent. Until then a cancel could hit the next statement.
            let mut end = [0; 64];
            while stream.read(&mut end).await.is_ok_and(|n| n > 0) {}
            Ok(())
        };
        let asked: Result<(), Error> = deadline.bound("cancelling", asking).await;
        asked.map_err(|e| e.at(&self.door.host.to_string()))
    }
}

/// Hands tokio-postgres the connection that has been negotiated already, as if it were the result of its own TLS.
struct PassThrough;

impl<S: TlsStream + Unpin> TlsConnect<S> for PassThrough {
    type Stream = S;
    type Error = std::convert::Infallible;
    type Future = std::future::Ready<Result<S, Self::Error>>;

    fn connect(self, stream: S) -> Self::Future {
        std::future::ready(Ok(stream))
    }
}

impl Client for wire::Connection {
    async fn log_in(stream: Stream, login: &Login<'_>, door: Door) -> Result<Self, Error> {
        Self::start(stream, login, door).await
    }

    async fn value(&mut self, sql: &str) -> Result<Option<String>, Error> {
        Self::value(self, sql).await
    }
}

/// A wire connection that logs in for replication.
struct Replicating(wire::Connection);

impl Client for Replicating {
    async fn log_in(stream: Stream, login: &Login<'_>, door: Door) -> Result<Self, Error> {
        let login = Login { mode: Mode::Replication, ..*login };
        Ok(Self(wire::Connection::start(stream, &login, door).await?))
    }

    /// From 10 on such a connection takes simple queries too.
    async fn value(&mut self, sql: &str) -> Result<Option<String>, Error> {
        self.0.value(sql).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_survive_the_servers_splitting() {
        let settings = [("search_path", ""), ("TimeZone", r"a b\c"), ("x.y", "1\t2")];
        assert_eq!(
            startup_options(Some("-c jit=off "), &settings),
            "-c jit=off -c search_path= -c TimeZone=a\\ b\\\\c -c x.y=1\\\t2"
        );
        assert_eq!(startup_options(None, &[]), "");
    }
}
