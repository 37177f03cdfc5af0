//! Opens one socket to one host and negotiates TLS on it, for both clients and for cancel requests.
//!
//! Which attempts an sslmode asks for, and in which order, is [`attempts`]; the caller walks through them, because
//! `allow` and `prefer` depend on how the log-in ends.

use super::error::{Error, ErrorKind};
use super::tls::{Tls, TlsStream, server_end_point};
use crate::model::endpoint::{Endpoint, Host, HostSpec, SslMode, SslNegotiation};
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::{TcpSocket, TcpStream, UnixStream};
use tokio::time::Instant;
use tokio_postgres::tls::ChannelBinding;

/// Used when no `connect_timeout` is given: long enough for a lost SYN or two, short enough for a person.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(15);

/// `connect_timeout=0` asks for no limit; a kernel gives up on a silent host after about two minutes, and so do we
/// on one that is silent later.
const UNLIMITED_TIMEOUT: Duration = Duration::from_secs(150);

/// The code of SSLRequest, 1234 << 16 | 5679 (protocol chapter 55.2.10).
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];

/// An open connection to a server, encrypted or not, before or after the log-in.
pub(crate) enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
    Tls(Box<TlsStream>),
}

/// One way to try a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Attempt {
    /// Without TLS.
    Plain,
    /// With TLS if the server offers it, else without.
    TlsIfOffered,
    /// With TLS or not at all.
    Tls,
}

/// The attempts that an sslmode asks for, in order (libpq chapter 34.19.3, table "SSL Mode Descriptions").
pub(crate) fn attempts(host: &Host, endpoint: &Endpoint) -> &'static [Attempt] {
    if matches!(host, Host::Unix(_)) {
        return &[Attempt::Plain];
    }
    // Direct negotiation leaves no room for doing without.
    if endpoint.ssl.negotiation == SslNegotiation::Direct && endpoint.ssl.mode != SslMode::Disable {
        return &[Attempt::Tls];
    }
    match endpoint.ssl.mode {
        SslMode::Disable => &[Attempt::Plain],
        SslMode::Allow => &[Attempt::Plain, Attempt::Tls],
        SslMode::Prefer => &[Attempt::TlsIfOffered, Attempt::Plain],
        SslMode::Require | SslMode::VerifyCa | SslMode::VerifyFull => &[Attempt::Tls],
    }
}

/// The moment by which a whole connection attempt must have succeeded: name, socket, TLS and log-in together.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadline {
    at: Instant,
    limit: Duration,
}

impl Deadline {
    pub(crate) fn after(limit: Duration) -> Self {
        Self { at: Instant::now() + limit, limit }
    }

    /// The time that the operator gave, from now.
    pub(crate) fn of(endpoint: &Endpoint) -> Self {
        Self::after(match endpoint.connect_timeout_s {
            None => DEFAULT_TIMEOUT,
            Some(0) => UNLIMITED_TIMEOUT,
            Some(seconds) => Duration::from_secs(u64::from(seconds)),
        })
    }

    /// Runs one stage; `doing` completes "no answer within 15 s while …".
    pub(crate) async fn bound<T>(
        self,
        doing: &str,
        stage: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        match tokio::time::timeout_at(self.at, stage).await {
            Ok(result) => result,
            Err(_) => Err(self.missed(doing)),
        }
    }

    fn missed(self, doing: &str) -> Error {
        let text = format!("no answer within {} s while {doing}", self.limit.as_secs());
        Error::new(ErrorKind::Timeout, text)
    }

    /// A fair share of what is left, for one of `count` things that are tried in turn.
    fn share(self, count: usize) -> Duration {
        let left = self.at.saturating_duration_since(Instant::now());
        left / u32::try_from(count.max(1)).unwrap_or(u32::MAX)
    }
}

/// An open connection and the very address it leads to, which a cancel request must go to as well.
pub(crate) struct Dialed {
    pub(crate) stream: Stream,
    pub(crate) host: HostSpec,
}

/// What is needed to dial a host: its settings, and TLS where an attempt needs it.
pub(crate) struct Dial<'a> {
    pub(crate) host: &'a HostSpec,
    pub(crate) endpoint: &'a Endpoint,
    pub(crate) tls: Option<&'a Tls>,
    pub(crate) deadline: Deadline,
}

impl Dial<'_> {
    /// Opens the socket and negotiates TLS as the attempt says.
    ///
    /// # Errors
    /// Kinds that say why no session can be opened; the peer is not filled in.
    pub(crate) async fn open(&self, attempt: Attempt) -> Result<Dialed, Error> {
        let name = match &self.host.host {
            Host::Unix(folder) => {
                let stream = self.open_unix(folder).await?;
                return Ok(Dialed { stream, host: self.host.clone() });
            }
            Host::Tcp { name, .. } => name.clone(),
        };
        let socket = self.open_tcp().await?;
        let addr = socket.peer_addr().ok().map(|address| address.ip());
        let stream = match (attempt, self.tls) {
            (Attempt::Plain, _) | (Attempt::TlsIfOffered, None) => Stream::Tcp(socket),
            (Attempt::Tls, None) => return Err(Error::new(ErrorKind::Tls, "TLS is not set up")),
            (_, Some(tls)) => self.negotiate(socket, attempt, tls).await?,
        };
        Ok(Dialed { stream, host: HostSpec { host: Host::Tcp { name, addr }, port: self.host.port } })
    }

    async fn open_unix(&self, folder: &Path) -> Result<Stream, Error> {
        let path = folder.join(format!(".s.PGSQL.{}", self.host.port));
        let opening = async { UnixStream::connect(&path).await.map_err(|e| Error::io(&e)) };
        self.deadline.bound("opening the socket", opening).await.map(Stream::Unix)
    }

    /// Tries every address of the name in turn; each gets its share of the time that is left.
    async fn open_tcp(&self) -> Result<TcpStream, Error> {
        let addresses = self.deadline.bound("looking up the host name", self.addresses()).await?;
        let mut failure = Error::new(ErrorKind::NameNotFound, "the host name has no address");
        for (done, address) in addresses.iter().enumerate() {
            let share = self.deadline.share(addresses.len() - done);
            let opening = connect_tcp(*address, self.endpoint);
            failure = match tokio::time::timeout(share, opening).await {
                Ok(Ok(socket)) => return Ok(socket),
                Ok(Err(error)) => Error::io(&error),
                Err(_) => self.deadline.missed("opening the connection"),
            };
        }
        if addresses.len() > 1 {
            let all: Vec<String> = addresses.iter().map(|a| a.ip().to_string()).collect();
            failure = Error::new(failure.kind, format!("{} (tried {})", failure.message, all.join(", ")));
        }
        Err(failure)
    }

    async fn addresses(&self) -> Result<Vec<SocketAddr>, Error> {
        let Host::Tcp { name, addr } = &self.host.host else { return Ok(Vec::new()) };
        if let Some(addr) = addr {
            return Ok(vec![SocketAddr::new(*addr, self.host.port)]);
        }
        let found = tokio::net::lookup_host((name.as_str(), self.host.port)).await;
        let mut addresses: Vec<SocketAddr> = found
            .map_err(|e| {
                let text = e.to_string();
                let why = text.strip_prefix("failed to lookup address information: ").unwrap_or(&text);
                Error::new(ErrorKind::NameNotFound, format!("the host name cannot be resolved: {why}"))
            })?
            .collect();
        if self.endpoint.load_balance_hosts {
            shuffle(&mut addresses);
        }
        Ok(addresses)
    }

    async fn negotiate(&self, mut socket: TcpStream, attempt: Attempt, tls: &Tls) -> Result<Stream, Error> {
        if self.endpoint.ssl.negotiation == SslNegotiation::Postgres {
            match self.deadline.bound("asking for TLS", ask_for_tls(&mut socket)).await? {
                Answer::Yes => {}
                Answer::No if attempt == Attempt::TlsIfOffered => return Ok(Stream::Tcp(socket)),
                Answer::No => {
                    let text = "server does not support SSL, but SSL was required";
                    let hint = "switch TLS on at the server, or use sslmode=prefer if the network is trusted";
                    return Err(Error::new(ErrorKind::Tls, text).with_hint(hint));
                }
            }
        }
        let stream = self.deadline.bound("negotiating TLS", tls.handshake(socket, &self.name())).await?;
        Ok(Stream::Tls(Box::new(stream)))
    }

    /// The name that the certificate must be made out to.
    fn name(&self) -> String {
        match &self.host.host {
            Host::Tcp { name, addr: Some(addr) } if name.is_empty() => addr.to_string(),
            Host::Tcp { name, .. } => name.clone(),
            Host::Unix(folder) => folder.display().to_string(),
        }
    }
}

/// What the server says to SSLRequest.
#[derive(Debug, PartialEq, Eq)]
enum Answer {
    Yes,
    No,
}

/// Reads the answer, which must be one byte: whoever pushes more in before TLS begins wants it taken for the
/// server's encrypted word (CVE-2021-23222).
async fn ask_for_tls(socket: &mut TcpStream) -> Result<Answer, Error> {
    let lost = |e: io::Error| Error::new(ErrorKind::ConnectionLost, Error::io(&e).message.clone());
    socket.write_all(&SSL_REQUEST).await.map_err(lost)?;
    let mut answer = [0; 2];
    match (socket.read(&mut answer).await.map_err(lost)?, answer[0]) {
        (0, _) => Err(Error::new(ErrorKind::ConnectionLost, "the server closed the connection unexpectedly")),
        (1, b'S') => Ok(Answer::Yes),
        (1, b'N') => Ok(Answer::No),
        // Its text is not shown: it came over a line that nobody has vouched for (CVE-2024-10977).
        (_, b'E') => Err(Error::new(ErrorKind::Tls, "the server answered the request for TLS with an error")),
        (1, _) => {
            Err(Error::protocol("the answer to the request for TLS is not that of a PostgreSQL server"))
        }
        _ => Err(Error::protocol("received unencrypted data after the answer to the request for TLS")),
    }
}

/// Keepalives where the endpoint names none: the kernel would ask after two hours for the first time, and a session that
/// waits for a long statement would wait for a dead host as long.
const KEEPALIVE_IDLE_S: u32 = 60;
const KEEPALIVE_INTERVAL_S: u32 = 15;
const KEEPALIVE_COUNT: u32 = 4;

async fn connect_tcp(address: SocketAddr, endpoint: &Endpoint) -> io::Result<TcpStream> {
    use rustix::net::sockopt;
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    let keepalives = &endpoint.keepalives;
    let seconds = |s: u32| Duration::from_secs(u64::from(s));
    socket.set_nodelay(true)?;
    socket.set_keepalive(keepalives.enabled)?;
    if keepalives.enabled {
        let named = |value: Option<u32>, otherwise| value.filter(|v| *v > 0).unwrap_or(otherwise);
        sockopt::set_tcp_keepidle(&socket, seconds(named(keepalives.idle_s, KEEPALIVE_IDLE_S)))?;
        sockopt::set_tcp_keepintvl(&socket, seconds(named(keepalives.interval_s, KEEPALIVE_INTERVAL_S)))?;
        sockopt::set_tcp_keepcnt(&socket, named(keepalives.count, KEEPALIVE_COUNT))?;
    }
    if let Some(timeout_ms) = endpoint.tcp_user_timeout_ms.filter(|t| *t > 0) {
        sockopt::set_tcp_user_timeout(&socket, timeout_ms)?;
    }
    socket.connect(address).await
}

/// Puts items in random order, for `load_balance_hosts`. Leaves them alone if there is no randomness to be had.
pub(crate) fn shuffle<T>(items: &mut [T]) {
    for last in (1..items.len()).rev() {
        let mut random = [0; 8];
        if openssl::rand::rand_bytes(&mut random).is_ok() {
            let pick = u64::from_ne_bytes(random) % (last as u64 + 1);
            items.swap(last, usize::try_from(pick).unwrap_or(0));
        }
    }
}

impl Stream {
    pub(crate) fn is_encrypted(&self) -> bool {
        matches!(self, Self::Tls(_))
    }

    /// The data for SCRAM channel binding, where there is TLS and its certificate allows it.
    pub(crate) fn server_end_point(&self) -> Option<Vec<u8>> {
        match self {
            Self::Tls(stream) => server_end_point(stream.ssl()),
            Self::Tcp(_) | Self::Unix(_) => None,
        }
    }

    fn inner(self: Pin<&mut Self>) -> Pin<&mut dyn Duplex> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream),
            Self::Unix(stream) => Pin::new(stream),
            Self::Tls(stream) => Pin::new(&mut **stream),
        }
    }
}

/// Both directions in one trait object.
trait Duplex: AsyncRead + AsyncWrite + Unpin {}
impl<T: AsyncRead + AsyncWrite + Unpin> Duplex for T {}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.inner().poll_read(cx, buf)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.inner().poll_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.inner().poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.inner().poll_shutdown(cx)
    }
}

impl tokio_postgres::tls::TlsStream for Stream {
    fn channel_binding(&self) -> ChannelBinding {
        self.server_end_point().map_or_else(ChannelBinding::none, ChannelBinding::tls_server_end_point)
    }
}

/// A cancel request borrows its stream, so that the server's end of it can be awaited afterwards.
impl tokio_postgres::tls::TlsStream for &mut Stream {
    fn channel_binding(&self) -> ChannelBinding {
        (**self).channel_binding()
    }
}
