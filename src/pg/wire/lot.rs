//! Many small COPYs behind one another, with a single question to each server.
//!
//! Of a table with twenty rows the round trips are most of the work: two of the target and one of the source, each of
//! which wakes three processes. In one question the source sends table after table, and what it sends goes on before the
//! target has said that it is ready for it: a server reads in its own time, and what it does not want it passes over
//! (protocol chapter 55.2.6). Whatever goes wrong ends both connections: the caller copies one by one then.
//!
//! While the target takes nothing, the source is not heard: one that fails meanwhile is noticed once the target goes on, or
//! when the work is cancelled.

use super::connection::{Connection, unexpected};
use super::frame::{Frame, HEADER_BYTES, Scanner, Stop, closed};
use super::padding::Padding;
use super::query::{CommandTag, text};
use super::relay::{BUFFER_BYTES, CopyStats, Passing, RelayError, lost};
use crate::pg::error::Error;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Instant;
use tokio::io::AsyncWrite;

/// CopyDone.
const DONE: &[u8] = b"c\0\0\0\x04";

/// What is relayed: statements for each side, among them as many COPYs, in the same order.
#[derive(Debug, Clone, Copy)]
pub struct Lot<'a> {
    pub copies_out: &'a str,
    pub copies_in: &'a str,
    /// For each COPY what [`super::Relayed::padded`] says.
    pub padded: &'a [&'a [bool]],
}

/// Relays all of them. For each when it began, and what it came to. `progress` grows with the rows passed on.
///
/// # Errors
/// The side that failed first; neither connection can be used any more then. Dropping the future half way leaves both
/// unusable as well.
pub async fn relay_lot(
    source: &mut Connection,
    target: &mut Connection,
    lot: Lot<'_>,
    progress: &Passing,
) -> Result<Vec<(Instant, CopyStats)>, RelayError> {
    for (connection, side) in
        [(&*source, RelayError::Source as fn(Error) -> _), (&*target, RelayError::Target)]
    {
        connection.check().map_err(|e| side(connection.explain(e)))?;
    }
    let relayed = async {
        source.ask(lot.copies_out).await.map_err(RelayError::Source)?;
        target.ask(lot.copies_in).await.map_err(RelayError::Target)?;
        source.reader.grow(BUFFER_BYTES);
        let mut flow = Flow {
            source: &mut *source,
            target: &mut *target,
            lot,
            progress,
            scanner: Scanner::default(),
            bytes: Vec::new(),
            written: 0,
            sent: Vec::new(),
            taken: Vec::new(),
            over: Over::default(),
        };
        std::future::poll_fn(|cx| flow.poll(cx)).await?;
        flow.result()
    };
    match relayed.await {
        Ok(done) => Ok(done),
        Err(error) => {
            let error = match error {
                RelayError::Source(error) => {
                    let error = source.last_words(error).await;
                    RelayError::Source(source.explain(error))
                }
                RelayError::Target(error) => {
                    let error = target.last_words(error).await;
                    RelayError::Target(target.explain(error))
                }
            };
            // The other one may be waiting for a lock, and would not notice that nobody is there any more.
            let (out, into) = (source.canceller(), target.canceller());
            let (a, b) = tokio::join!(out.cancel(), into.cancel());
            drop((a, b));
            tokio::join!(source.hang_up(), target.hang_up());
            Err(error)
        }
    }
}

/// A COPY of the source.
#[derive(Debug)]
struct Sent {
    began: Instant,
    /// Bytes of all COPYs before it, and with it once it is over.
    from: u64,
    until: Option<u64>,
    rows: Option<u64>,
}

/// Who has said ReadyForQuery.
#[derive(Debug, Default)]
struct Over {
    source: bool,
    target: bool,
}

struct Flow<'a> {
    source: &'a mut Connection,
    target: &'a mut Connection,
    lot: Lot<'a>,
    progress: &'a Passing,
    scanner: Scanner,
    /// Whole frames on their way to the target, and how much of them has gone.
    bytes: Vec<u8>,
    written: usize,
    sent: Vec<Sent>,
    /// Rows that the target took, COPY by COPY.
    taken: Vec<u64>,
    over: Over,
}

impl Flow<'_> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), RelayError>> {
        loop {
            self.listen_to_target(cx).map_err(RelayError::Target)?;
            if self.written < self.bytes.len() {
                ready!(self.write(cx)).map_err(RelayError::Target)?;
            } else if !self.over.source {
                ready!(self.read(cx)).map_err(RelayError::Source)?;
            } else if self.over.target {
                return Poll::Ready(Ok(()));
            } else {
                return Poll::Pending;
            }
        }
    }

    fn listen_to_target(&mut self, cx: &mut Context<'_>) -> Result<(), Error> {
        while !self.over.target {
            if let Some(frame) = self.target.reader.take()? {
                if let Some(frame) = self.target.absorb(frame) {
                    self.said_by_target(&frame)?;
                }
                continue;
            }
            match self.target.reader.poll_fill(&mut self.target.stream, cx) {
                Poll::Pending => return Ok(()),
                Poll::Ready(Ok(0)) => return Err(closed()),
                Poll::Ready(done) => drop(done?),
            }
        }
        Ok(())
    }

    fn said_by_target(&mut self, frame: &Frame) -> Result<(), Error> {
        match frame.tag {
            b'E' => Err(Error::from_response(&frame.body)),
            // Ready for the next one; it has been on its way for some time.
            b'G' => Ok(()),
            b'C' => {
                let tag = CommandTag::new(text(&frame.body));
                if tag.is_copy() {
                    // Nobody can be done with rows that have not been sent.
                    if self.taken.len() >= self.sent.iter().filter(|sent| sent.until.is_some()).count() {
                        return Err(unsaid());
                    }
                    self.taken.push(tag.rows().ok_or_else(unsaid)?);
                }
                Ok(())
            }
            // It may overtake the source's own last word, which has nothing to say any more.
            b'Z' if self.taken.len() == self.lot.padded.len() && self.written == self.bytes.len() => {
                self.over.target = true;
                self.target.ready(frame)
            }
            other => Err(unexpected(other)),
        }
    }

    fn write(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let rest = self.bytes.get(self.written..).unwrap_or_default();
        match ready!(Pin::new(&mut self.target.stream).poll_write(cx, rest)) {
            Ok(0) => Poll::Ready(Err(lost(&io::ErrorKind::WriteZero.into()))),
            Ok(written) => {
                self.written += written;
                Poll::Ready(Ok(()))
            }
            Err(error) => Poll::Ready(Err(lost(&error))),
        }
    }

    /// Reads once, and makes frames for the target of what has come.
    fn read(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.source.reader.compact();
        let read = ready!(self.source.reader.poll_fill(&mut self.source.stream, cx))?;
        if read == 0 {
            return Poll::Ready(Err(closed()));
        }
        self.bytes.clear();
        self.written = 0;
        while !self.over.source {
            match self.unpack()? {
                Stop::More => break,
                Stop::Bad(error) => return Poll::Ready(Err(error)),
                Stop::Control(_) => match self.source.reader.take()? {
                    None => break,
                    Some(frame) => {
                        if let Some(frame) = self.source.absorb(frame) {
                            self.said_by_source(&frame)?;
                        }
                    }
                },
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Rows, up to what is none.
    fn unpack(&mut self) -> Result<Stop, Error> {
        let seen = (self.scanner.payload, self.scanner.frames);
        let head = self.bytes.len();
        self.bytes.extend_from_slice(b"d\0\0\0\0");
        let (used, stop) = self.scanner.unpack(self.source.reader.unread(), &mut self.bytes);
        self.source.reader.start += used;
        self.progress.add(&self.scanner, seen);
        let length = self.bytes.len() - head;
        if length == HEADER_BYTES {
            self.bytes.truncate(head);
        } else if !self.sends() {
            return Err(Error::protocol("rows outside of a COPY"));
        } else if let Some(place) = self.bytes.get_mut(head + 1..head + HEADER_BYTES) {
            // The length counts itself, but not the tag.
            place.copy_from_slice(&u32::try_from(length - 1).unwrap_or(u32::MAX).to_be_bytes());
        }
        Ok(stop)
    }

    /// The source is in the middle of a COPY.
    fn sends(&self) -> bool {
        self.sent.last().is_some_and(|last| last.until.is_none())
    }

    fn said_by_source(&mut self, frame: &Frame) -> Result<(), Error> {
        let payload = self.scanner.payload;
        match frame.tag {
            b'E' => Err(Error::from_response(&frame.body)),
            b'H' if !self.sends() && self.sent.len() < self.lot.padded.len() => {
                let padded = self.lot.padded.get(self.sent.len()).copied().unwrap_or_default();
                self.scanner.padding = Padding::new(padded);
                self.sent.push(Sent { began: Instant::now(), from: payload, until: None, rows: None });
                Ok(())
            }
            b'c' if self.sends() => {
                if let Some(last) = self.sent.last_mut() {
                    last.until = Some(payload);
                }
                self.bytes.extend_from_slice(DONE);
                Ok(())
            }
            b'C' => {
                let tag = CommandTag::new(text(&frame.body));
                if tag.is_copy() {
                    let counted = |sent: &&mut Sent| sent.until.is_some() && sent.rows.is_none();
                    let last = self.sent.last_mut().filter(counted).ok_or_else(unsaid)?;
                    last.rows = Some(tag.rows().ok_or_else(unsaid)?);
                }
                Ok(())
            }
            // Sooner, the target would wait for the rest for ever.
            b'Z' if self.sent.len() == self.lot.padded.len()
                && self.sent.iter().all(|sent| sent.rows.is_some()) =>
            {
                self.over.source = true;
                self.source.ready(frame)
            }
            b'Z' => Err(unsaid()),
            other => Err(unexpected(other)),
        }
    }

    fn result(self) -> Result<Vec<(Instant, CopyStats)>, RelayError> {
        let all = self.lot.padded.len();
        if self.taken.len() != all {
            return Err(RelayError::Target(unsaid()));
        }
        let stats = |(sent, rows_in): (&Sent, &u64)| {
            let bytes = sent.until?.saturating_sub(sent.from);
            Some((sent.began, CopyStats { rows_out: sent.rows?, rows_in: *rows_in, bytes }))
        };
        let done: Option<Vec<_>> = self.sent.iter().zip(&self.taken).map(stats).collect();
        done.filter(|done| done.len() == all).ok_or_else(|| RelayError::Source(unsaid()))
    }
}

fn unsaid() -> Error {
    Error::protocol("the server does not say of every COPY how many rows it copied")
}
