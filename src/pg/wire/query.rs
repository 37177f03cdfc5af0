//! Plain commands on a [`Connection`], by the simple query protocol.

use super::connection::{Connection, unexpected};
use super::frame::Frame;
use crate::pg::error::{Error, ErrorKind, clean};
use bytes::BytesMut;
use postgres_protocol::message::frontend;

/// More columns than any command answers with.
const MAX_COLUMNS: usize = 64;

/// What a server says when a statement is done, such as `COPY 42` or `BEGIN`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CommandTag(String);

impl CommandTag {
    pub(super) fn new(text: &str) -> Self {
        Self(clean(text))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The number at its end: rows copied, inserted, deleted …
    pub fn rows(&self) -> Option<u64> {
        self.0.rsplit(' ').next()?.parse().ok()
    }

    pub(super) fn is_copy(&self) -> bool {
        self.0.starts_with("COPY ")
    }
}

impl Connection {
    /// Runs one or several statements (several without BEGIN are one transaction); rows are passed over.
    ///
    /// Returns the last statement's tag. After an error of the server the connection stays usable.
    ///
    /// # Errors
    /// The server's own with its SQLSTATE, or why the connection cannot go on.
    pub async fn command(&mut self, sql: &str) -> Result<CommandTag, Error> {
        let done = async {
            self.ask(sql).await?;
            self.finish(None).await
        };
        done.await.map_err(|e| self.explain(e))
    }

    /// Runs a query and returns the first column of its first row, NULL and no row both as `None`.
    ///
    /// # Errors
    /// As [`Connection::command`].
    pub async fn value(&mut self, sql: &str) -> Result<Option<String>, Error> {
        let row = self.first_row(sql).await?.unwrap_or_default();
        Ok(row.into_iter().next().flatten())
    }

    /// Runs a query and returns the columns of its first row, NULL as `None`; `None` without a row. Bounded by the
    /// frame, a megabyte, and by [`MAX_COLUMNS`].
    ///
    /// # Errors
    /// As [`Connection::command`].
    pub(super) async fn first_row(&mut self, sql: &str) -> Result<Option<Vec<Option<String>>>, Error> {
        let found = async {
            self.ask(sql).await?;
            let mut first = None;
            let mut failed = None;
            loop {
                let frame = self.receive().await?;
                match frame.tag {
                    b'D' if first.is_none() => first = Some(columns(&frame)?),
                    b'E' => failed = Some(Error::from_response(&frame.body)),
                    b'Z' => {
                        self.ready(&frame)?;
                        return failed.map_or(Ok(first), Err);
                    }
                    b'T' | b'C' | b'D' | b'I' => {}
                    other => return Err(unexpected(other)),
                }
            }
        };
        found.await.map_err(|e| self.explain(e))
    }

    /// Sends a query.
    pub(super) async fn ask(&mut self, sql: &str) -> Result<(), Error> {
        let mut message = BytesMut::new();
        frontend::query(sql, &mut message).map_err(|e| Error::new(ErrorKind::Internal, e.to_string()))?;
        self.begin()?;
        self.send(&message).await
    }
}

/// The columns of a DataRow: their number, then length and bytes of each; length -1 is NULL.
fn columns(row: &Frame) -> Result<Vec<Option<String>>, Error> {
    let broken = || Error::protocol("a row that does not hold what it announces");
    let (count, mut rest) = row.body.split_first_chunk::<2>().ok_or_else(broken)?;
    let count = usize::from(u16::from_be_bytes(*count));
    if count > MAX_COLUMNS {
        return Err(Error::protocol(format!("a row of {count} columns where a few were asked for")));
    }
    let mut columns = Vec::with_capacity(count);
    for _ in 0..count {
        let (length, after) = rest.split_first_chunk::<4>().ok_or_else(broken)?;
        rest = after;
        let length = i32::from_be_bytes(*length);
        if length == -1 {
            columns.push(None);
            continue;
        }
        let length = usize::try_from(length).map_err(|_| broken())?;
        let (bytes, after) = rest.split_at_checked(length).ok_or_else(broken)?;
        rest = after;
        columns.push(Some(String::from_utf8_lossy(bytes).into_owned()));
    }
    Ok(columns)
}

/// A zero-terminated text at the beginning of a body.
pub(super) fn text(body: &[u8]) -> &str {
    let end = body.iter().position(|byte| *byte == 0).unwrap_or(body.len());
    std::str::from_utf8(body.get(..end).unwrap_or_default()).unwrap_or_default()
}

/// CopyFail with a reason, which turns up in the server's error message.
pub(super) fn copy_fail(reason: &str) -> BytesMut {
    let mut message = BytesMut::new();
    // It can fail for a zero byte only, and `clean` leaves none.
    frontend::copy_fail(&clean(reason), &mut message).ok();
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_count_rows() {
        assert_eq!(CommandTag::new("COPY 42").rows(), Some(42));
        assert_eq!(CommandTag::new("INSERT 0 7").rows(), Some(7));
        assert_eq!(CommandTag::new("BEGIN").rows(), None);
        assert_eq!(CommandTag::new("COPY -1").rows(), None);
    }

    #[test]
    fn a_row_is_not_believed() {
        let row = |body: &[u8]| columns(&Frame { tag: b'D', body: body.to_vec() });
        assert_eq!(row(b"\0\x01\0\0\0\x02ab").unwrap(), [Some("ab".to_owned())]);
        let two = row(b"\0\x02\xff\xff\xff\xff\0\0\0\0").unwrap();
        assert_eq!(two, [None, Some(String::new())]);
        assert_eq!(row(b"\0\0").unwrap(), []);
        for body in [
            &b""[..],
            b"\0",
            b"\0\x01",
            b"\0\x01\0\0\0\x09ab",
            b"\0\x01\x7f\xff\xff\xff",
            b"\0\x01\x80\0\0\0",
            b"\0\x02\0\0\0\x01a",
            b"\xff\xff\0\0\0\0",
        ] {
            assert!(row(body).is_err(), "{body:?}");
        }
    }
}
