//! COPY OUT of one connection into COPY IN of another one, without decoding a value.
//!
//! The source sends a frame for each row. What has arrived is put into one frame and sent on: a server has more work
//! with a frame than with a short row, and the borders of frames mean nothing (protocol chapter 55.2.6). One task does it
//! all, in `Pump`: read much, take the headers out, write much; and listen to the target meanwhile, because a target that
//! has failed stops reading and would leave us writing for ever. Memory is two buffers per relay, however long a row is;
//! what the target does not take stays in the source's socket, which slows the source down. A frame that has been begun
//! is in memory to its end, so that whatever becomes of the source, the target can be told.

mod start;

use self::start::start;
use super::connection::{Connection, unexpected};
use super::frame::{HEADER_BYTES, Scanner, Stop, WHOLE_ROW_BYTES, closed};
use super::padding::Padding;
use crate::pg::error::{Error, ErrorKind};
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::io::AsyncWrite;

/// How much is read before it is written. Larger ones fall out of the processor's cache.
pub(super) const BUFFER_BYTES: usize = 256 * 1024;

/// A source sends 8 KB at a time. Where such pieces follow each other at once, the next ones are waited for: to be woken for
/// each of them took half of what the whole relay takes.
const PAUSE: Duration = Duration::from_micros(150);
/// Pieces further apart than this cost little, and a pause would only hold up others.
const CLOSE_TOGETHER: Duration = Duration::from_micros(400);
/// Nearly a piece of a server's, which may have come in two.
const PIECE_BYTES: usize = 4 * 1024;
/// So much at once is enough to go on with; and before so much has come, a table is small and its end near.
const ENOUGH_BYTES: usize = 64 * 1024;
const SMALL_TABLE_BYTES: u64 = 1024 * 1024;

/// The time that each side has to become usable again after an error.
const SETTLE_TIMEOUT: Duration = Duration::from_secs(10);

/// What a relay has done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CopyStats {
    /// Rows that the source says it sent.
    pub rows_out: u64,
    /// Rows that the target says it took: fewer if a trigger or a rule swallowed some.
    pub rows_in: u64,
    /// Bytes of the rows as the source sent them, without frame headers.
    pub bytes: u64,
}

/// What is relayed: two statements, each of which may be several (`BEGIN; TRUNCATE t; COPY …`) of which one is a COPY.
#[derive(Debug, Clone, Copy)]
pub struct Relayed<'a> {
    pub copy_out: &'a str,
    pub copy_in: &'a str,
    /// In the binary format, whether each column is `char(n)`, with the same n on both sides: the blanks at the end of
    /// such a value do not travel. Empty where no column is known to be.
    pub padded: &'a [bool],
}

impl<'a> Relayed<'a> {
    /// Rows that pass as they are.
    pub fn unchanged(copy_out: &'a str, copy_in: &'a str) -> Self {
        Self { copy_out, copy_in, padded: &[] }
    }
}

/// Which side failed. The other side's COPY has been undone by then.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RelayError {
    #[error("{0}")]
    Source(#[source] Error),
    #[error("{0}")]
    Target(#[source] Error),
}

impl RelayError {
    pub fn error(&self) -> &Error {
        match self {
            Self::Source(error) | Self::Target(error) => error,
        }
    }

    pub fn into_error(self) -> Error {
        match self {
            Self::Source(error) | Self::Target(error) => error,
        }
    }
}

/// Relays `COPY … TO STDOUT` of one connection into `COPY … FROM STDIN` of another one; rows are passed on
/// while they arrive. `progress` grows with the rows passed on.
///
/// After an error both connections are usable again, where that is possible within some seconds:
/// [`Connection::is_usable`]. Dropping the future half way leaves both unusable.
///
/// # Errors
/// The side that failed first, with the server's SQLSTATE and context (table, line, column).
pub async fn relay(
    source: &mut Connection,
    target: &mut Connection,
    what: Relayed<'_>,
    progress: &Passing,
) -> Result<CopyStats, RelayError> {
    for (connection, side) in
        [(&*source, RelayError::Source as fn(Error) -> _), (&*target, RelayError::Target)]
    {
        connection.check().map_err(|e| side(connection.explain(e)))?;
    }
    start(source, target, what).await?;
    source.reader.grow(BUFFER_BYTES);
    let scanner = Scanner { padding: Padding::new(what.padded), ..Scanner::default() };
    let mut pump = Pump {
        source,
        target,
        progress,
        scanner,
        frame: Outgoing::default(),
        last_read: None,
        pause: Pause::Due,
    };
    let end = std::future::poll_fn(|cx| pump.poll(cx)).await;
    pump.settle(end).await
}

/// What has passed so far, for whoever wants to know meanwhile.
#[derive(Debug, Default)]
pub struct Passing {
    pub bytes: AtomicU64,
    /// As far as a message is a row, which it is with PostgreSQL's servers but for the end of what is binary; how many rows it
    /// was is known at the end ([`CopyStats`]).
    pub rows: AtomicU64,
}

impl Passing {
    /// What the scanner has seen beyond these bytes and frames.
    pub(super) fn add(&self, scanner: &Scanner, (bytes, frames): (u64, u64)) {
        self.bytes.fetch_add(scanner.payload - bytes, Ordering::Relaxed);
        self.rows.fetch_add(scanner.frames - frames, Ordering::Relaxed);
    }
}

/// How the flow of data came to its end.
enum End {
    /// The source has sent everything and the target has taken it.
    Done,
    /// The source reports an error.
    SourceFailed(Error),
    /// The source is gone or talks nonsense.
    SourceLost(Error),
    /// The target reports an error, between two messages of its own.
    TargetFailed(Error),
    TargetLost(Error),
}

/// The flow of data from one socket to the other.
struct Pump<'a> {
    source: &'a mut Connection,
    target: &'a mut Connection,
    progress: &'a Passing,
    scanner: Scanner,
    frame: Outgoing,
    /// When the source's socket was emptied last.
    last_read: Option<Instant>,
    pause: Pause,
}

/// The frame that is on its way to the target; empty between two of them.
#[derive(Default)]
struct Outgoing {
    bytes: Vec<u8>,
    written: usize,
}

impl Outgoing {
    fn unwritten(&self) -> &[u8] {
        self.bytes.get(self.written..).unwrap_or_default()
    }

    /// Room for a header, and behind it for rows.
    fn begin(&mut self) -> &mut Vec<u8> {
        self.written = 0;
        self.bytes.clear();
        self.bytes.extend_from_slice(b"d\0\0\0\0");
        &mut self.bytes
    }

    /// Writes the length into the header; a frame without rows is none. True if there is something to send.
    fn close(&mut self) -> bool {
        // The length counts itself, but not the tag.
        let length = u32::try_from(self.bytes.len() - 1).unwrap_or(u32::MAX).to_be_bytes();
        if self.bytes.len() == HEADER_BYTES {
            self.bytes.clear();
            return false;
        }
        if let Some(place) = self.bytes.get_mut(1..HEADER_BYTES) {
            place.copy_from_slice(&length);
        }
        true
    }
}

/// At most one in a turn of the runtime, in which others may be waiting for theirs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pause {
    Due,
    Made,
}

/// What a turn of the pump came to.
enum Turn {
    /// Something moved; go on.
    Moved,
    /// Nothing can move until a socket wakes us.
    Blocked,
    Over(End),
}

impl Pump<'_> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<End> {
        self.pause = Pause::Due;
        loop {
            if let Some(end) = self.listen_to_target(cx) {
                return Poll::Ready(end);
            }
            // With TLS a write that was refused must be repeated with the same bytes, so nothing is read before.
            let turn = if self.frame.unwritten().is_empty() { self.read(cx) } else { self.write(cx) };
            match turn {
                Turn::Moved => {}
                Turn::Blocked => return Poll::Pending,
                Turn::Over(end) => return Poll::Ready(end),
            }
        }
    }

    /// Hears whether the target has anything to say. During COPY IN that can only be an error, or small talk.
    fn listen_to_target(&mut self, cx: &mut Context<'_>) -> Option<End> {
        loop {
            match self.target.reader.take() {
                Ok(Some(frame)) => match self.target.absorb(frame) {
                    Some(frame) if frame.tag == b'E' => {
                        return Some(End::TargetFailed(Error::from_response(&frame.body)));
                    }
                    Some(frame) => return Some(End::TargetLost(unexpected(frame.tag))),
                    None => continue,
                },
                Ok(None) => {}
                Err(error) => return Some(End::TargetLost(error)),
            }
            match self.target.reader.poll_fill(&mut self.target.stream, cx) {
                Poll::Pending => return None,
                Poll::Ready(Ok(0)) => return Some(End::TargetLost(closed())),
                Poll::Ready(Ok(_)) => {}
                Poll::Ready(Err(error)) => return Some(End::TargetLost(error)),
            }
        }
    }

    fn write(&mut self, cx: &mut Context<'_>) -> Turn {
        match Pin::new(&mut self.target.stream).poll_write(cx, self.frame.unwritten()) {
            Poll::Pending => Turn::Blocked,
            Poll::Ready(Ok(0)) => Turn::Over(End::TargetLost(lost(&io::ErrorKind::WriteZero.into()))),
            Poll::Ready(Ok(written)) => {
                self.frame.written += written;
                Turn::Moved
            }
            Poll::Ready(Err(error)) => Turn::Over(End::TargetLost(lost(&error))),
        }
    }

    /// Reads all that is there, or until the buffer is full, then looks at it.
    fn read(&mut self, cx: &mut Context<'_>) -> Turn {
        self.source.reader.compact();
        let before = self.source.reader.end;
        let mut ended = self.fill(cx);
        let moved = self.source.reader.end > before;
        if ended.is_none() && self.comes_in_small_pieces(self.source.reader.end - before) {
            // Of the thread: asleep in the runtime, it would be woken by every piece that comes. Others are held up by it
            // no longer than by a buffer that is looked through.
            std::thread::sleep(PAUSE);
            self.pause = Pause::Made;
            ended = self.fill(cx);
        }
        if moved {
            self.last_read = Some(Instant::now());
        }
        match self.scan() {
            Turn::Blocked => match ended {
                Some(error) => Turn::Over(End::SourceLost(error)),
                None if moved => Turn::Moved,
                None => Turn::Blocked,
            },
            turn => turn,
        }
    }

    /// Takes what has come, as far as there is room. Why nothing will come any more, if that is so.
    fn fill(&mut self, cx: &mut Context<'_>) -> Option<Error> {
        while self.source.reader.end < self.source.reader.bytes.len() {
            match self.source.reader.poll_fill(&mut self.source.stream, cx) {
                Poll::Pending => break,
                Poll::Ready(Ok(0)) => return Some(closed()),
                Poll::Ready(Ok(_)) => {}
                Poll::Ready(Err(error)) => return Some(error),
            }
        }
        None
    }

    /// `came` is how much was read just now: of less than a server's piece it is the line that is slow.
    fn comes_in_small_pieces(&self, came: usize) -> bool {
        self.pause == Pause::Due
            && came >= PIECE_BYTES
            && self.source.reader.unread().len() < ENOUGH_BYTES
            && self.scanner.payload > SMALL_TABLE_BYTES
            && self.last_read.is_some_and(|last| last.elapsed() < CLOSE_TOGETHER)
    }

    /// Finds out what may be written, or deals with a frame that is not COPY data.
    fn scan(&mut self) -> Turn {
        let seen = (self.scanner.payload, self.scanner.frames);
        let (used, stop) = self.scanner.unpack(self.source.reader.unread(), self.frame.begin());
        self.source.reader.start += used;
        self.progress.add(&self.scanner, seen);
        if self.frame.close() {
            // Whatever stopped the scan will stop it again once this has been written.
            return Turn::Moved;
        }
        match stop {
            Stop::More => Turn::Blocked,
            Stop::Bad(error) => Turn::Over(End::SourceLost(error)),
            Stop::Control(_) => match self.source.reader.take() {
                Ok(None) => Turn::Blocked,
                Ok(Some(frame)) => match self.source.absorb(frame) {
                    None => Turn::Moved,
                    Some(frame) if frame.tag == b'c' => Turn::Over(End::Done),
                    Some(frame) if frame.tag == b'E' => {
                        Turn::Over(End::SourceFailed(Error::from_response(&frame.body)))
                    }
                    Some(frame) => Turn::Over(End::SourceLost(unexpected(frame.tag))),
                },
                Err(error) => Turn::Over(End::SourceLost(error)),
            },
        }
    }

    /// Brings both connections to rest and says how it went.
    async fn settle(self, end: End) -> Result<CopyStats, RelayError> {
        match end {
            End::Done => self.complete().await,
            End::SourceFailed(error) => {
                let stopping = self.source.finish(Some(error.clone()));
                tokio::time::timeout(SETTLE_TIMEOUT, stopping).await.ok();
                Err(self.source_is_out(error).await)
            }
            End::SourceLost(error) => {
                self.source.hang_up().await;
                Err(self.source_is_out(error).await)
            }
            End::TargetFailed(error) => Err(self.target_is_out(error).await),
            End::TargetLost(error) => {
                let error = self.target.last_words(error).await;
                self.target.hang_up().await;
                let error = self.target.explain(error);
                self.stop_source().await;
                Err(RelayError::Target(error))
            }
        }
    }

    /// The source's last word comes first: should it take everything back, the target must not keep it.
    async fn complete(self) -> Result<CopyStats, RelayError> {
        let out = match self.source.finish(None).await {
            Ok(tag) => tag,
            Err(error) => return Err(self.source_is_out(error).await),
        };
        let taking = async {
            self.target.send(b"c\0\0\0\x04").await?;
            self.target.finish(None).await
        };
        let into = taking.await.map_err(|e| RelayError::Target(self.target.explain(e)))?;
        let unsaid = || Error::protocol("the server does not say how many rows it copied");
        let rows_out = out.rows().ok_or_else(|| RelayError::Source(self.source.explain(unsaid())))?;
        let rows_in = into.rows().ok_or_else(|| RelayError::Target(self.target.explain(unsaid())))?;
        Ok(CopyStats { rows_out, rows_in, bytes: self.scanner.payload })
    }

    /// Makes the target forget the rows of a source that failed.
    async fn source_is_out(mut self, error: Error) -> RelayError {
        let error = self.source.explain(error);
        if self.end_frame().await {
            self.target.refuse_copy_in(&error).await;
        } else {
            self.target.hang_up().await;
        }
        RelayError::Source(error)
    }

    /// After its error the server ignores COPY data, but must get the frame that was begun to its end.
    async fn target_is_out(mut self, error: Error) -> RelayError {
        let error = self.target.explain(error);
        if self.end_frame().await {
            let ending = self.target.finish(Some(error.clone()));
            tokio::time::timeout(SETTLE_TIMEOUT, ending).await.ok();
        } else {
            self.target.hang_up().await;
        }
        self.stop_source().await;
        RelayError::Target(error)
    }

    /// Writes the rest of the frame that was begun. False if the target does not take it.
    async fn end_frame(&mut self) -> bool {
        let rest = self.target.send(self.frame.unwritten());
        matches!(tokio::time::timeout(SETTLE_TIMEOUT, rest).await, Ok(Ok(())))
    }

    /// Stops the source, which may be anywhere in its data.
    async fn stop_source(self) {
        self.source.reader.skip = self.scanner.rest;
        self.source.stop_copy_out().await;
    }
}

/// A write that failed.
pub(super) fn lost(error: &io::Error) -> Error {
    Error::new(ErrorKind::ConnectionLost, Error::io(error).message.clone())
}

/// A header always fits, whatever else lies in the buffer, and a row that is waited for as well.
const _: () = assert!(BUFFER_BYTES > HEADER_BYTES + WHOLE_ROW_BYTES);
