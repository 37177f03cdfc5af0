//! Takes frames out of the bytes of a server that may send anything.
//!
//! A frame is a type byte, a length of four bytes that counts itself but not the type, and a body. Two readers:
//! [`Reader`] hands out whole small frames and passes over COPY data; [`Scanner`] finds its way through COPY data
//! for the relay without moving a byte.

use super::padding::Padding;
use crate::pg::error::{Error, ErrorKind};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, ReadBuf};

/// Type byte and length.
pub(super) const HEADER_BYTES: usize = 5;

/// An error or a notice, which nobody needs longer. Real ones quote a value or a statement and stay far below.
const MAX_REPORT_BYTES: usize = 64 * 1024;

/// Any other frame but COPY data.
const MAX_FRAME_BYTES: usize = 1024 * 1024;

/// COPY data: PostgreSQL cannot make a longer one (MaxAllocSize in memutils.h).
const MAX_COPY_BYTES: usize = 1024 * 1024 * 1024;

/// Rows up to this size are waited for, where they lose their padding; longer ones pass as they come.
pub(super) const WHOLE_ROW_BYTES: usize = 64 * 1024;

/// What a reader starts with; it grows when a frame or the relay needs more.
const INITIAL_BYTES: usize = 16 * 1024;

/// The head of a frame whose length has been found acceptable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) tag: u8,
    /// Length of the body in bytes.
    pub(super) body: usize,
}

impl Header {
    /// Reads a header, or says `None` while it is incomplete.
    ///
    /// # Errors
    /// [`ErrorKind::Protocol`] for a type that no server sends and for a length out of bounds.
    pub(super) fn parse(bytes: &[u8]) -> Result<Option<Self>, Error> {
        let Some(&[tag, a, b, c, d]) = bytes.first_chunk::<HEADER_BYTES>() else { return Ok(None) };
        let limit = match tag {
            b'd' => MAX_COPY_BYTES,
            b'E' | b'N' | b'R' => MAX_REPORT_BYTES,
            b'A' | b'C' | b'D' | b'G' | b'H' | b'I' | b'K' | b'S' | b'T' | b'V' | b'W' | b'Z' | b'c'
            | b'n' | b's' | b't' | b'v' | b'1' | b'2' | b'3' => MAX_FRAME_BYTES,
            _ => return Err(Error::protocol(format!("a message of unknown type {tag:#04x}"))),
        };
        let length = i32::from_be_bytes([a, b, c, d]);
        match usize::try_from(length).ok().and_then(|n| n.checked_sub(4)) {
            Some(body) if body <= limit => Ok(Some(Self { tag, body })),
            _ => {
                let letter = char::from(tag);
                Err(Error::protocol(format!(
                    "a message of type {letter} with an impossible length of {length}"
                )))
            }
        }
    }
}

/// A whole frame. Of COPY data the body is left out.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) tag: u8,
    pub(super) body: Vec<u8>,
}

/// Bytes that have arrived and not been used yet: `bytes[start..end]`.
pub(super) struct Reader {
    pub(super) bytes: Vec<u8>,
    pub(super) start: usize,
    pub(super) end: usize,
    /// How many bytes of COPY data are still to be passed over before the next header.
    pub(super) skip: usize,
}

impl Reader {
    pub(super) fn new() -> Self {
        Self { bytes: vec![0; INITIAL_BYTES], start: 0, end: 0, skip: 0 }
    }

    /// Makes room for `size` bytes in all.
    pub(super) fn grow(&mut self, size: usize) {
        if self.bytes.len() < size {
            self.bytes.resize(size, 0);
        }
    }

    pub(super) fn unread(&self) -> &[u8] {
        self.bytes.get(self.start..self.end).unwrap_or_default()
    }

    /// Takes the next frame, or says `None` while it is incomplete.
    ///
    /// # Errors
    /// As [`Header::parse`].
    pub(super) fn take(&mut self) -> Result<Option<Frame>, Error> {
        let passed = self.skip.min(self.end - self.start);
        self.skip -= passed;
        self.start += passed;
        if self.skip > 0 {
            return Ok(None);
        }
        let Some(Header { tag, body }) = Header::parse(self.unread())? else { return Ok(None) };
        if tag == b'd' {
            self.start += HEADER_BYTES;
            self.skip = body;
            return Ok(Some(Frame { tag, body: Vec::new() }));
        }
        let size = HEADER_BYTES + body;
        let Some(whole) = self.unread().get(HEADER_BYTES..size) else {
            self.make_room(size);
            return Ok(None);
        };
        let body = whole.to_vec();
        self.start += size;
        Ok(Some(Frame { tag, body }))
    }

    /// Sees to it that a frame of `size` bytes fits behind `start`.
    fn make_room(&mut self, size: usize) {
        self.compact();
        self.grow(size);
    }

    /// Moves what is unread to the front.
    pub(super) fn compact(&mut self) {
        if self.start > 0 {
            self.bytes.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
    }

    /// Reads once into the free space, making some if there is none. The number of bytes; 0 is the end.
    pub(super) fn poll_fill<S: AsyncRead + Unpin>(
        &mut self,
        stream: &mut S,
        cx: &mut Context<'_>,
    ) -> Poll<Result<usize, Error>> {
        if self.start == self.end {
            self.start = 0;
            self.end = 0;
        } else if self.end == self.bytes.len() {
            self.compact();
        }
        let mut space = ReadBuf::new(self.bytes.get_mut(self.end..).unwrap_or_default());
        if space.remaining() == 0 {
            return Poll::Ready(Err(Error::new(ErrorKind::Internal, "no room to read into")));
        }
        match ready!(Pin::new(stream).poll_read(cx, &mut space)) {
            Ok(()) => {
                let read = space.filled().len();
                self.end += read;
                Poll::Ready(Ok(read))
            }
            Err(error) => Poll::Ready(Err(Error::io(&error).with_kind(ErrorKind::ConnectionLost))),
        }
    }

    /// Waits for the next frame.
    ///
    /// # Errors
    /// As [`Header::parse`]; [`ErrorKind::ConnectionLost`] at the end of the stream.
    pub(super) async fn next<S: AsyncRead + Unpin>(&mut self, stream: &mut S) -> Result<Frame, Error> {
        loop {
            if let Some(frame) = self.take()? {
                return Ok(frame);
            }
            if std::future::poll_fn(|cx| self.poll_fill(stream, cx)).await? == 0 {
                return Err(closed());
            }
        }
    }
}

/// The end of a stream where none was due.
pub(super) fn closed() -> Error {
    Error::new(ErrorKind::ConnectionLost, "the server closed the connection unexpectedly")
}

/// Finds its way through a stream of COPY data that arrives in arbitrary pieces.
#[derive(Debug, Default)]
pub(super) struct Scanner {
    /// How many bytes of the current frame's body are still to come.
    pub(super) rest: usize,
    /// Bytes of COPY data seen so far, headers not counted.
    pub(super) payload: u64,
    /// How many frames of COPY data have begun.
    pub(super) frames: u64,
    pub(super) padding: Padding,
}

/// Why a scan came to its end.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// Everything is used up, but for the first bytes of a header or of a row that loses its padding.
    More,
    /// A frame that is not COPY data begins here.
    Control(Header),
    /// No frame can begin like this.
    Bad(Error),
}

impl Scanner {
    /// Looks at bytes that nobody has scanned yet: puts the COPY data in them behind `data`, without its headers;
    /// returns how many bytes are used up by that, and why it stopped there.
    pub(super) fn unpack(&mut self, bytes: &[u8], data: &mut Vec<u8>) -> (usize, Stop) {
        let mut at = 0;
        loop {
            let piece = self.rest.min(bytes.len() - at);
            data.extend_from_slice(bytes.get(at..at + piece).unwrap_or_default());
            at += piece;
            self.payload += piece as u64;
            self.rest -= piece;
            if self.rest > 0 {
                return (at, Stop::More);
            }
            match Header::parse(bytes.get(at..).unwrap_or_default()) {
                Ok(None) => return (at, Stop::More),
                Ok(Some(Header { tag: b'd', body })) if self.padding.is_none() || body > WHOLE_ROW_BYTES => {
                    at += HEADER_BYTES;
                    self.rest = body;
                    self.frames += 1;
                }
                Ok(Some(Header { tag: b'd', body })) => {
                    let Some(row) = bytes.get(at + HEADER_BYTES..at + HEADER_BYTES + body) else {
                        return (at, Stop::More);
                    };
                    self.padding.push(row, data);
                    self.payload += body as u64;
                    self.frames += 1;
                    at += HEADER_BYTES + body;
                }
                Ok(Some(header)) => return (at, Stop::Control(header)),
                Err(error) => return (at, Stop::Bad(error)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::{any, prop};
    use proptest::{prop_assert, prop_assert_eq, proptest};

    fn frame(tag: u8, body: &[u8]) -> Vec<u8> {
        let mut bytes = vec![tag];
        bytes.extend_from_slice(&u32::try_from(body.len() + 4).unwrap().to_be_bytes());
        bytes.extend_from_slice(body);
        bytes
    }

    fn feed(reader: &mut Reader, bytes: &[u8]) {
        reader.compact();
        let end = reader.end + bytes.len();
        reader.grow(end);
        reader.bytes[reader.end..end].copy_from_slice(bytes);
        reader.end = end;
    }

    #[test]
    fn impossible_lengths_are_refused() {
        for length in [-1, i32::MIN, 0, 3, 1024 * 1024 + 5, i32::MAX] {
            let mut bytes = vec![b'C'];
            bytes.extend_from_slice(&length.to_be_bytes());
            assert_eq!(Header::parse(&bytes).unwrap_err().kind, ErrorKind::Protocol, "{length}");
        }
        assert!(Header::parse(b"E\0\x01\0\x05").is_err(), "an error of more than 64 KB");
        assert!(Header::parse(b"d\x40\0\0\x04").is_ok(), "a gigabyte of COPY data");
        assert!(Header::parse(b"d\x40\0\0\x05").is_err());
        assert!(Header::parse(b"HTTP/1.1 400").is_err());
        assert!(Header::parse(b"\0\0\0\0\0").is_err());
        assert_eq!(Header::parse(b"Z\0\0\0").unwrap(), None);
    }

    #[test]
    fn frames_are_taken_whole_and_copy_data_is_passed_over() {
        let mut stream = frame(b'd', &[7; 40_000]);
        stream.extend(frame(b'd', b""));
        stream.extend(frame(b'C', &[b'x'; 30_000]));
        stream.extend(frame(b'Z', b"I"));
        let mut reader = Reader::new();
        let mut seen = Vec::new();
        for piece in stream.chunks(700) {
            feed(&mut reader, piece);
            while let Some(frame) = reader.take().unwrap() {
                seen.push((frame.tag, frame.body.len()));
            }
            assert!(reader.end - reader.start <= 31_000);
        }
        assert_eq!(seen, [(b'd', 0), (b'd', 0), (b'C', 30_000), (b'Z', 1)]);
    }

    #[tokio::test]
    async fn a_stream_that_ends_early_is_an_error() {
        let whole = frame(b'C', b"COPY 1\0");
        for cut in 0..whole.len() {
            let error = Reader::new().next(&mut &whole[..cut]).await.unwrap_err();
            assert_eq!(error.kind, ErrorKind::ConnectionLost);
        }
        assert_eq!(Reader::new().next(&mut &whole[..]).await.unwrap().body, b"COPY 1\0");
    }

    proptest! {
        #[test]
        fn random_bytes_never_panic_nor_grow_memory(bytes in prop::collection::vec(any::<u8>(), 0..3000)) {
            let mut reader = Reader::new();
            feed(&mut reader, &bytes);
            while let Ok(Some(_)) = reader.take() {}
            prop_assert!(reader.bytes.len() <= MAX_FRAME_BYTES + HEADER_BYTES);
            prop_assert!(reader.start <= reader.end);
            let mut data = Vec::new();
            let (used, _) = Scanner::default().unpack(&bytes, &mut data);
            prop_assert!(data.len() <= used && used <= bytes.len());
        }

        /// Frames that are right except where they are not: random types, lengths that lie.
        #[test]
        fn lying_frames_never_panic_nor_grow_memory(
            frames in prop::collection::vec((any::<u8>(), 0..8_u8, any::<i32>(), 0..400_usize), 1..30),
            piece in 1..500_usize,
        ) {
            let mut stream = Vec::new();
            for (noise, choice, lie, size) in frames {
                let tag = *b"dECZNSRd".get(usize::from(choice)).unwrap_or(&noise);
                let tag = if noise < 10 { noise } else { tag };
                let mut one = frame(tag, &vec![noise; size]);
                if noise > 230 { one[1..5].copy_from_slice(&lie.to_be_bytes()); }
                stream.extend(one);
            }
            let mut reader = Reader::new();
            let mut scanner = Scanner::default();
            'all: for piece in stream.chunks(piece) {
                let before = scanner.rest;
                let mut data = Vec::new();
                let (used, _) = scanner.unpack(piece, &mut data);
                prop_assert!(used <= piece.len() && (before <= piece.len() || used == piece.len()));
                prop_assert!(data.len() <= used);
                feed(&mut reader, piece);
                loop {
                    match reader.take() {
                        Ok(Some(frame)) => prop_assert!(frame.body.len() <= stream.len()),
                        Ok(None) => break,
                        Err(_) => break 'all,
                    }
                }
            }
            prop_assert!(reader.bytes.len() <= MAX_FRAME_BYTES + HEADER_BYTES);
        }

        /// However the bytes are cut, the same go through, and it stops at the same place.
        #[test]
        fn scanning_does_not_depend_on_the_pieces(
            bodies in prop::collection::vec(0..300_usize, 0..20),
            cuts in prop::collection::vec(1..90_usize, 1..50),
        ) {
            let mut stream: Vec<u8> = bodies.iter().flat_map(|n| frame(b'd', &vec![b'x'; *n])).collect();
            stream.extend(frame(b'c', b""));
            let mut scanner = Scanner::default();
            let (mut data, mut held, mut at) = (Vec::new(), Vec::new(), 0);
            let mut stop = Stop::More;
            for cut in cuts.iter().cycle() {
                if at == stream.len() { break; }
                let next = (at + cut).min(stream.len());
                held.extend_from_slice(&stream[at..next]);
                at = next;
                let (used, why) = scanner.unpack(&held, &mut data);
                held.drain(..used);
                stop = why;
            }
            prop_assert_eq!(data.len(), bodies.iter().sum::<usize>());
            prop_assert!(data.iter().all(|byte| *byte == b'x'));
            prop_assert_eq!(stop, Stop::Control(Header { tag: b'c', body: 0 }));
            prop_assert_eq!(scanner.payload, bodies.iter().sum::<usize>() as u64);
        }
    }
}
