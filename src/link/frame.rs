//! What is said on the socket: one JSON document a line, and no line longer than its reader allows.

use crate::model::command::Command;
use crate::model::event::{Entry, RunOutcome};
use crate::model::failure::Failure;
use crate::model::gauges::Gauges;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};

/// Changes when a face and an engine of different versions would misunderstand each other.
pub(super) const FORMAT: u32 = 1;
/// A face says little. What is longer is not from a face.
pub(super) const MOST_FROM_FACE: usize = 64 << 10;
/// The plan of a server with very many databases is one entry.
pub(super) const MOST_FROM_ENGINE: usize = 64 << 20;

/// What a face says: `Hello` first, then commands.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum FromFace {
    Hello {
        format: u32,
        /// The last entry that the face has seen; 0 to see all.
        since_seq: u64,
        rights: Rights,
    },
    Command(Command),
}

/// What a face may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rights {
    Command,
    /// It sees everything and commands nothing.
    Look,
}

/// What an engine says: `Hello` or `Refused` first, `Ended` last.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum FromEngine {
    Hello {
        format: u32,
        version: String,
        pid: u32,
        /// What the engine calls this face in its answers, where it does.
        #[serde(default)]
        face: Option<u32>,
    },
    /// Written as [`entry_line`].
    Entry(Entry),
    Gauges(Gauges),
    /// Nothing more will happen.
    Ended(Result<RunOutcome, Failure>),
    /// This face is not listened to any more.
    Refused(Failure),
}

/// A document as a line. What we say can always be written; an empty line, which nobody could read, is for the type.
pub(super) fn line(document: &impl Serialize) -> Vec<u8> {
    let mut line = serde_json::to_vec(document).unwrap_or_default();
    line.push(b'\n');
    line
}

/// A journal's line becomes [`FromEngine::Entry`] as it is: it need not be understood to be passed on.
pub(super) fn entry_line(journal_line: &[u8], into: &mut Vec<u8>) {
    into.extend_from_slice(b"{\"entry\":");
    into.extend_from_slice(journal_line);
    into.extend_from_slice(b"}\n");
}

/// Lines from a socket, none longer than a bound.
#[derive(Debug)]
pub(super) struct Lines<R> {
    from: BufReader<R>,
    line: Vec<u8>,
    most: usize,
}

#[derive(Debug, thiserror::Error)]
pub(super) enum LineError {
    #[error("{0}")]
    Io(#[from] std::io::Error),
    #[error("a line of more than {0} bytes")]
    TooLong(usize),
}

impl<R: AsyncRead + Unpin> Lines<R> {
    pub(super) fn new(from: R, most: usize) -> Self {
        Self { from: BufReader::with_capacity(64 << 10, from), line: Vec::new(), most }
    }

    /// The next line without its end; `None` at the end, where half a line is nothing. Nothing is lost when the future
    /// is dropped: what was read stays here.
    ///
    /// # Errors
    /// When the line cannot be read or is too long.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<u8>>, LineError> {
        loop {
            let there = self.from.fill_buf().await?;
            if there.is_empty() {
                return Ok(None);
            }
            let end = there.iter().position(|byte| *byte == b'\n');
            let piece = &there[..end.unwrap_or(there.len())];
            if self.line.len() + piece.len() > self.most {
                return Err(LineError::TooLong(self.most));
            }
            self.line.extend_from_slice(piece);
            let used = piece.len() + usize::from(end.is_some());
            self.from.consume(used);
            if end.is_some() {
                return Ok(Some(std::mem::take(&mut self.line)));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::event::Event;
    use tokio::io::AsyncWriteExt;

    #[tokio::test]
    async fn lines_are_whole_bounded_and_survive_a_dropped_future() {
        let (mut to, from) = tokio::io::duplex(8);
        let mut lines = Lines::new(from, 10);
        to.write_all(b"ab").await.unwrap();
        for _ in 0..3 {
            tokio::select! {
                biased;
                _ = lines.next() => panic!("half a line"),
                () = tokio::task::yield_now() => {}
            }
        }
        to.write_all(b"c\n\nx\n").await.unwrap();
        for wanted in ["abc", "", "x"] {
            assert_eq!(lines.next().await.unwrap().unwrap(), wanted.as_bytes());
        }
        to.write_all(b"half").await.unwrap();
        drop(to);
        assert!(lines.next().await.unwrap().is_none());

        let mut lines = Lines::new(&b"0123456789\n0123456789a\n"[..], 10);
        assert!(lines.next().await.unwrap().is_some());
        assert!(matches!(lines.next().await, Err(LineError::TooLong(10))));
        // Without an end it is not collected beyond the bound either.
        assert!(matches!(Lines::new(tokio::io::repeat(b'x'), 1000).next().await, Err(LineError::TooLong(_))));
    }

    #[test]
    fn a_line_of_the_journal_is_an_entry_on_the_wire() {
        let entry = Entry { seq: 7, at_ms: 1, event: Event::Following { database: "a\n\"b".into() } };
        let mut wire = Vec::new();
        entry_line(&serde_json::to_vec(&entry).unwrap(), &mut wire);
        assert_eq!(wire.iter().filter(|byte| **byte == b'\n').count(), 1);
        match serde_json::from_slice(&wire).unwrap() {
            FromEngine::Entry(back) => assert_eq!(back, entry),
            other => panic!("{other:?}"),
        }
        let command = Command::Finish(crate::model::task::Finish::default());
        match serde_json::from_slice(&line(&FromFace::Command(command))).unwrap() {
            FromFace::Command(back) => assert_eq!(back, command),
            other => panic!("{other:?}"),
        }
    }
}
