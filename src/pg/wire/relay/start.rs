//! The beginning of both COPYs, and their end where they are not wanted any more.

use super::{RelayError, Relayed, SETTLE_TIMEOUT};
use crate::pg::connect::Canceller;
use crate::pg::error::{Error, ErrorKind};
use crate::pg::wire::connection::{Connection, unexpected};
use crate::pg::wire::query::copy_fail;
use futures_util::future::{Either, select};
use std::future::Future;
use std::pin::{Pin, pin};
use std::time::Duration;
use tokio::time::Instant;

/// How long a COPY may take to begin, once it is not wanted any more, before it is cancelled.
const START_PATIENCE: Duration = Duration::from_millis(200);

/// Begins both COPYs at the same time: on small tables the round trips are what costs.
pub(super) async fn start(
    source: &mut Connection,
    target: &mut Connection,
    what: Relayed<'_>,
) -> Result<(), RelayError> {
    let (cancel_out, cancel_in) = (source.canceller(), target.canceller());
    let (out, into) = {
        let out = pin!(source.start_copy(what.copy_out, Direction::Out));
        let into = pin!(target.start_copy(what.copy_in, Direction::In));
        match select(out, into).await {
            Either::Left((Ok(()), into)) => (Ok(()), into.await),
            Either::Right((Ok(()), out)) => (out.await, Ok(())),
            // The other one may be waiting for a lock: no reason to wait with it.
            Either::Left((failed, into)) => (failed, give_up(into, &cancel_in).await),
            Either::Right((failed, out)) => (give_up(out, &cancel_out).await, failed),
        }
    };
    match (out, into) {
        (Ok(()), Ok(())) => Ok(()),
        (Err(error), Ok(())) => {
            target.refuse_copy_in(&error).await;
            Err(RelayError::Source(error))
        }
        (Ok(()), Err(error)) => {
            source.stop_copy_out().await;
            Err(RelayError::Target(error))
        }
        // One of them was cancelled because of the other one.
        (Err(out), Err(into)) if out.kind == ErrorKind::Cancelled => Err(RelayError::Target(into)),
        (Err(out), Err(_)) => Err(RelayError::Source(out)),
    }
}

/// Ends a COPY that has not begun yet and shall not. Most begin at once; one that does not is cancelled, and again
/// if need be: a server ignores a cancel request that overtakes the statement.
async fn give_up(
    mut starting: Pin<&mut impl Future<Output = Result<(), Error>>>,
    canceller: &Canceller,
) -> Result<(), Error> {
    let deadline = Instant::now() + SETTLE_TIMEOUT;
    while Instant::now() < deadline {
        if let Ok(result) = tokio::time::timeout(START_PATIENCE, starting.as_mut()).await {
            return result;
        }
        // Without success the next turn tries again.
        canceller.cancel().await.ok();
    }
    Err(Error::new(ErrorKind::Cancelled, "the COPY does not begin and cannot be cancelled"))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Direction {
    Out,
    In,
}

impl Connection {
    /// Sends a COPY and waits until the server is ready for the data or about to send it.
    async fn start_copy(&mut self, sql: &str, direction: Direction) -> Result<(), Error> {
        let starting = async {
            self.ask(sql).await?;
            loop {
                let frame = self.receive().await?;
                match (frame.tag, direction) {
                    (b'H', Direction::Out) | (b'G', Direction::In) => return Ok(()),
                    (b'E', _) => {
                        let error = Error::from_response(&frame.body);
                        return self.finish(Some(error)).await.map(|_| ());
                    }
                    (b'Z', _) => {
                        self.ready(&frame)?;
                        return Err(not_a_copy());
                    }
                    (b'G', Direction::Out) => {
                        self.send(&copy_fail("this is not the COPY that was asked for")).await?;
                        self.finish(None).await.ok();
                        return Err(not_a_copy());
                    }
                    (b'H', Direction::In) => {
                        self.finish(None).await.ok();
                        return Err(not_a_copy());
                    }
                    // Statements before the COPY.
                    (b'C' | b'T' | b'D' | b'I', _) => {}
                    (other, _) => return Err(unexpected(other)),
                }
            }
        };
        starting.await.map_err(|e| self.explain(e))
    }

    /// Ends a COPY IN that shall not happen. Best effort: `is_usable` tells how it went.
    pub(super) async fn refuse_copy_in(&mut self, because: &Error) {
        let reason = format!("pgpassage: the source failed: {because}");
        let refusing = async {
            self.send(&copy_fail(&reason)).await?;
            self.finish(None).await
        };
        // Its error is the one that we asked for.
        tokio::time::timeout(SETTLE_TIMEOUT, refusing).await.ok();
    }

    /// Stops a COPY OUT whose data nobody wants and passes over what is on its way. Best effort, as above.
    pub(super) async fn stop_copy_out(&mut self) {
        // Without success the data still ends one day; the time for that is bounded below.
        self.canceller().cancel().await.ok();
        tokio::time::timeout(SETTLE_TIMEOUT, self.finish(None)).await.ok();
    }
}

fn not_a_copy() -> Error {
    Error::new(ErrorKind::Internal, "the statement is not the COPY that was expected")
}
