//! A session on tokio-postgres for ordinary queries, with errors that say why its connection ended.

use super::{Canceller, Client, Door, Login, PassThrough, Stream};
use crate::model::endpoint::{ChannelBinding, HostSpec};
use crate::pg::error::{Error, ErrorKind, clean};
use crate::pg::statement::BACKEND_PID;
use std::time::Duration;
use tokio::sync::{OnceCell, watch};
use tokio_postgres::types::ToSql;
use tokio_postgres::{AsyncMessage, Row, SimpleQueryMessage, ToStatement};
use tokio_util::sync::{CancellationToken, DropGuard};

/// How long a dropped session may take to say good-bye, before its socket is simply closed.
const GOODBYE: Duration = Duration::from_secs(2);

/// A logged-in session. Dropping it ends the connection; a statement that runs at that moment may go on at the
/// server until it notices, so cancel it first.
pub struct Session {
    client: tokio_postgres::Client,
    canceller: Canceller,
    pid: OnceCell<i32>,
    /// Why the connection ended, once it has.
    ended: watch::Receiver<Option<Error>>,
    /// After the client, so that the connection sees its end before it is hung up.
    _hang_up: DropGuard,
}

type Connection = tokio_postgres::Connection<Stream, Stream>;

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Session({})", self.host())
    }
}

impl Session {
    /// The bare client, for what this type does not offer (pipelining, prepared statements, portals).
    pub fn client(&self) -> &tokio_postgres::Client {
        &self.client
    }

    /// The host that this session lives on, with the address that was reached.
    pub fn host(&self) -> &HostSpec {
        &self.canceller.door.host
    }

    pub fn canceller(&self) -> Canceller {
        self.canceller.clone()
    }

    /// The server's process that serves this session, for questions about it from another one. Asked once.
    ///
    /// # Errors
    /// As [`Session::query`].
    pub async fn server_pid(&self) -> Result<i32, Error> {
        let ask = async { Ok::<i32, Error>(self.query_one(BACKEND_PID, &[]).await?.try_get(0)?) };
        self.pid.get_or_try_init(|| ask).await.copied()
    }

    /// Waits for the end of the connection, whoever ends it, and says why. If a statement was under way, it gets the
    /// server's words, and this says only that the connection was closed.
    pub async fn closed(&self) -> Error {
        let mut ended = self.ended.clone();
        match ended.wait_for(Option::is_some).await {
            Ok(reason) => reason.clone().unwrap_or_else(gone),
            Err(_) => gone(),
        }
    }

    /// Runs a statement and returns all its rows.
    ///
    /// # Errors
    /// The server's own, or why the connection ended.
    pub async fn query<T>(&self, statement: &T, params: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>, Error>
    where
        T: ?Sized + ToStatement + Sync,
    {
        self.explain(self.client.query(statement, params).await)
    }

    /// Runs a statement that returns exactly one row.
    ///
    /// # Errors
    /// As [`Session::query`]; [`ErrorKind::Internal`] when there are more rows or none.
    pub async fn query_one<T>(&self, statement: &T, params: &[&(dyn ToSql + Sync)]) -> Result<Row, Error>
    where
        T: ?Sized + ToStatement + Sync,
    {
        self.explain(self.client.query_one(statement, params).await)
    }

    /// Runs a statement that returns one row or none.
    ///
    /// # Errors
    /// As [`Session::query`]; [`ErrorKind::Internal`] when there are more rows.
    pub async fn query_opt<T>(
        &self,
        statement: &T,
        params: &[&(dyn ToSql + Sync)],
    ) -> Result<Option<Row>, Error>
    where
        T: ?Sized + ToStatement + Sync,
    {
        self.explain(self.client.query_opt(statement, params).await)
    }

    /// Runs a statement and returns the number of rows it touched.
    ///
    /// # Errors
    /// As [`Session::query`].
    pub async fn execute<T>(&self, statement: &T, params: &[&(dyn ToSql + Sync)]) -> Result<u64, Error>
    where
        T: ?Sized + ToStatement + Sync,
    {
        self.explain(self.client.execute(statement, params).await)
    }

    /// Runs statements separated by semicolons; one round trip, rows are thrown away. Several statements without
    /// BEGIN are one transaction.
    ///
    /// # Errors
    /// As [`Session::query`].
    pub async fn batch(&self, sql: &str) -> Result<(), Error> {
        self.explain(self.client.batch_execute(sql).await)
    }

    /// Words for an error: where only "closed" is known, why it was closed.
    fn explain<T>(&self, result: Result<T, tokio_postgres::Error>) -> Result<T, Error> {
        result.map_err(|error| {
            let error = Error::from(error);
            let reason = self.ended.borrow().clone();
            match reason {
                Some(reason) if error.kind == ErrorKind::ConnectionLost && !error.is_from_server() => reason,
                _ => error.at(&self.host().to_string()),
            }
        })
    }
}

impl Client for Session {
    async fn log_in(stream: Stream, login: &Login<'_>, door: Door) -> Result<Self, Error> {
        let mut config = tokio_postgres::Config::new();
        config
            .user(login.user)
            .dbname(login.dbname)
            .options(login.options)
            .application_name(login.application_name)
            // TLS has been settled; this makes the client take the stream as its own TLS made it.
            .ssl_mode(tokio_postgres::config::SslMode::Require)
            .ssl_negotiation(tokio_postgres::config::SslNegotiation::Direct)
            .channel_binding(match login.channel_binding {
                ChannelBinding::Disable => tokio_postgres::config::ChannelBinding::Disable,
                ChannelBinding::Prefer => tokio_postgres::config::ChannelBinding::Prefer,
                ChannelBinding::Require => tokio_postgres::config::ChannelBinding::Require,
            });
        if let Some(password) = login.password {
            config.password(password.expose());
        }
        let (client, connection) = config.connect_raw(stream, PassThrough).await?;
        let canceller = Canceller::with_token(door, client.cancel_token());
        let hang_up = CancellationToken::new();
        let (tell, ended) = watch::channel(None);
        let driver = drive(connection, hang_up.clone(), canceller.door.host.to_string(), tell);
        // It ends by itself when the session is dropped.
        tokio::spawn(driver);
        Ok(Self { client, canceller, pid: OnceCell::new(), ended, _hang_up: hang_up.drop_guard() })
    }

    async fn value(&mut self, sql: &str) -> Result<Option<String>, Error> {
        let messages = self.explain(self.client.simple_query(sql).await)?;
        Ok(messages.iter().find_map(|message| match message {
            SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
            _ => None,
        }))
    }
}

/// Moves the connection's messages until it ends, or until the session has been dropped and its time is over.
async fn drive(
    mut connection: Connection,
    hang_up: CancellationToken,
    peer: String,
    tell: watch::Sender<Option<Error>>,
) {
    let good_bye = async {
        hang_up.cancelled().await;
        tokio::time::sleep(GOODBYE).await;
    };
    let moving = async {
        loop {
            match std::future::poll_fn(|cx| connection.poll_message(cx)).await {
                Some(Ok(AsyncMessage::Notice(notice))) => {
                    tracing::debug!(peer, "{}: {}", clean(notice.severity()), clean(notice.message()));
                }
                Some(Ok(_)) => {}
                Some(Err(error)) => return Error::from(error),
                None => return gone(),
            }
        }
    };
    let reason = tokio::select! {
        reason = moving => reason,
        () = good_bye => gone(),
    };
    // A server's farewell (57P01 and the like) counts as a lost connection and keeps its words.
    let reason = if reason.is_from_server() { reason.with_kind(ErrorKind::ConnectionLost) } else { reason };
    tell.send_replace(Some(reason.at(&peer)));
}

fn gone() -> Error {
    Error::new(ErrorKind::ConnectionLost, "the connection was closed")
}
