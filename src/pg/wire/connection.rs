//! A logged-in connection: whether it can be used, and sending and receiving whole frames.

use super::frame::{Frame, Reader};
use super::query::{CommandTag, text};
use crate::model::endpoint::HostSpec;
use crate::pg::connect::{Canceller, Door, Login};
use crate::pg::dial::Stream;
use crate::pg::error::{Error, ErrorKind};
use std::collections::BTreeMap;
use std::pin::Pin;
use std::task::{Context, Waker};
use std::time::Duration;
use tokio::io::{AsyncWrite, AsyncWriteExt};

/// How many parameters a server may report, and how long each may be. Real ones: some 15, all short.
const MAX_PARAMETERS: usize = 100;
const MAX_PARAMETER_BYTES: usize = 1024;

/// How long somebody who leaves is waited for.
const FAREWELL: Duration = Duration::from_secs(1);

/// Terminate.
const GOODBYE: &[u8] = b"X\0\0\0\x04";

/// Whether a connection waits for a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// The server has said ReadyForQuery, and nothing was sent since.
    Ready,
    /// Something was begun. It stays so if the work is dropped half way, or if the connection or the protocol
    /// broke: nobody knows then what the server will say next.
    Busy,
}

/// A connection for simple commands and COPY. It does one thing at a time and ends when dropped.
pub struct Connection {
    pub(super) stream: Stream,
    pub(super) reader: Reader,
    state: State,
    /// The status byte of the last ReadyForQuery: I idle, T in a transaction, E in a failed one.
    transaction: u8,
    parameters: BTreeMap<String, String>,
    canceller: Canceller,
    pid: Option<i32>,
    host: HostSpec,
    peer: String,
}

impl Connection {
    /// Logs in over a connection that was just opened (see `startup`).
    pub(crate) async fn start(stream: Stream, login: &Login<'_>, door: Door) -> Result<Self, Error> {
        let host = door.host.clone();
        let mut connection = Self {
            stream,
            reader: Reader::new(),
            state: State::Busy,
            transaction: b'I',
            parameters: BTreeMap::new(),
            canceller: Canceller::with_key(door.clone(), &[0; 8]),
            pid: None,
            peer: host.to_string(),
            host,
        };
        let started = connection.log_in(login).await;
        let key = started.map_err(|e| e.at(&connection.peer))?;
        connection.pid = key.first_chunk().map(|pid| i32::from_be_bytes(*pid)).filter(|pid| *pid != 0);
        connection.canceller = Canceller::with_key(door, &key);
        Ok(connection)
    }

    /// Whether a command can be sent. `false` while one runs, and for good once the connection is lost or some work
    /// on it was dropped half way: then drop the connection too (and cancel what it did, if that matters).
    pub fn is_usable(&self) -> bool {
        self.state == State::Ready
    }

    /// Whether a transaction is open (also a failed one, which only ROLLBACK ends).
    pub fn in_transaction(&self) -> bool {
        self.transaction != b'I'
    }

    /// Stops from outside what this connection is doing.
    pub fn canceller(&self) -> Canceller {
        self.canceller.clone()
    }

    /// The server's process that serves this connection, for questions about it from another one. Absent where somebody
    /// in between does not tell.
    pub fn server_pid(&self) -> Option<i32> {
        self.pid
    }

    /// The host that this connection leads to, with the address that was reached.
    pub fn host(&self) -> &HostSpec {
        &self.host
    }

    /// What the server has reported of itself, such as `server_version`.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.get(name).map(String::as_str)
    }

    /// Adds the peer to an error.
    pub(super) fn explain(&self, error: Error) -> Error {
        error.at(&self.peer)
    }

    /// Says whether something can be begun.
    ///
    /// # Errors
    /// [`ErrorKind::ConnectionLost`] if something else was begun and never ended.
    pub(super) fn check(&self) -> Result<(), Error> {
        if self.is_usable() {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::ConnectionLost,
            "the connection is closed, or was left in the middle of its work",
        ))
    }

    /// Marks the beginning of something that ends with ReadyForQuery.
    ///
    /// # Errors
    /// As [`Connection::check`].
    pub(super) fn begin(&mut self) -> Result<(), Error> {
        self.check()?;
        self.state = State::Busy;
        Ok(())
    }

    /// Sends bytes, and sees that they leave this program.
    pub(super) async fn send(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let sending = async {
            self.stream.write_all(bytes).await?;
            self.stream.flush().await
        };
        let lost = |e: std::io::Error| Error::new(ErrorKind::ConnectionLost, Error::io(&e).message.clone());
        sending.await.map_err(lost)
    }

    /// Waits for the next frame that has to do with the work in hand.
    ///
    /// # Errors
    /// The connection is lost, or the server breaks the protocol.
    pub(super) async fn receive(&mut self) -> Result<Frame, Error> {
        loop {
            let frame = self.reader.next(&mut self.stream).await?;
            if let Some(frame) = self.absorb(frame) {
                return Ok(frame);
            }
        }
    }

    /// Deals with what a server may say at any time; returns everything else.
    pub(super) fn absorb(&mut self, frame: Frame) -> Option<Frame> {
        match frame.tag {
            b'N' => {
                let notice = Error::from_response(&frame.body);
                tracing::debug!(peer = self.peer, "{}", notice.message);
            }
            b'S' => self.note_parameter(&frame.body),
            b'A' => {}
            _ => return Some(frame),
        }
        None
    }

    /// Takes what ReadyForQuery says.
    pub(super) fn ready(&mut self, frame: &Frame) -> Result<(), Error> {
        match frame.body.as_slice() {
            [status @ (b'I' | b'T' | b'E')] => {
                self.transaction = *status;
                self.state = State::Ready;
                Ok(())
            }
            _ => Err(Error::protocol("an unknown transaction status")),
        }
    }

    /// Reads up to ReadyForQuery, after which the connection is usable again.
    ///
    /// Returns the tag of the last COPY, or of the last statement where none was a COPY.
    ///
    /// # Errors
    /// The server's, or `before` if there was one already; and whatever breaks the connection.
    pub(super) async fn finish(&mut self, before: Option<Error>) -> Result<CommandTag, Error> {
        let mut failed = before;
        let mut tag = CommandTag::default();
        loop {
            let frame = match self.receive().await {
                Ok(frame) => frame,
                // A FATAL error is the last thing a server says; it tells more than the end of the stream.
                Err(error) => return Err(failed.unwrap_or(error)),
            };
            match frame.tag {
                b'Z' => {
                    self.ready(&frame)?;
                    return failed.map_or(Ok(tag), Err);
                }
                b'E' => {
                    failed.get_or_insert(Error::from_response(&frame.body));
                }
                b'C' => {
                    let next = CommandTag::new(text(&frame.body));
                    if !tag.is_copy() || next.is_copy() {
                        tag = next;
                    }
                }
                // Nobody gives it data here, so it must not wait for any.
                b'G' => self.send(&super::query::copy_fail("no data for this COPY")).await?,
                b'T' | b'D' | b'I' | b'H' | b'd' | b'c' => {}
                other => return Err(unexpected(other)),
            }
        }
    }

    /// A server that closes says why just before, and a failed write may overtake that.
    pub(super) async fn last_words(&mut self, error: Error) -> Error {
        if error.kind != ErrorKind::ConnectionLost {
            return error;
        }
        let hearing = async {
            loop {
                match self.receive().await {
                    Ok(frame) if frame.tag == b'E' => return Some(Error::from_response(&frame.body)),
                    Ok(_) => {}
                    Err(_) => return None,
                }
            }
        };
        tokio::time::timeout(FAREWELL, hearing).await.ok().flatten().unwrap_or(error)
    }

    /// Ends the connection at once, for the server to notice and roll back.
    pub(super) async fn hang_up(&mut self) {
        self.state = State::Busy;
        // Whether it worked does not matter: the socket closes when this is dropped. With TLS it waits for room in the socket.
        tokio::time::timeout(FAREWELL, self.stream.shutdown()).await.ok();
    }

    fn note_parameter(&mut self, body: &[u8]) {
        let mut parts = body.split(|byte| *byte == 0).map(String::from_utf8_lossy);
        let (Some(name), Some(value)) = (parts.next(), parts.next()) else { return };
        let known = self.parameters.contains_key(&*name);
        if name.len() + value.len() <= MAX_PARAMETER_BYTES
            && (known || self.parameters.len() < MAX_PARAMETERS)
        {
            self.parameters.insert(name.into_owned(), value.into_owned());
        }
    }
}

/// A frame that has no place here.
pub(super) fn unexpected(tag: u8) -> Error {
    Error::protocol(format!("a message of type {} that does not belong here", char::from(tag)))
}

impl Drop for Connection {
    fn drop(&mut self) {
        if self.is_usable() {
            // A word of farewell if the socket takes it at once; without it the server may log a broken client.
            let mut cx = Context::from_waker(Waker::noop());
            // Either outcome is fine: closing says the same.
            drop(Pin::new(&mut self.stream).poll_write(&mut cx, GOODBYE));
        }
    }
}
