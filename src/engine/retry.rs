//! The one table that says which errors are worth another try, and which end a whole database.

use crate::model::failure::{Failure, FailureKind};
use crate::pg::error::{Error, ErrorKind};

/// How often a statement that lost against somebody else's locks is tried in all.
pub(crate) const TRIES: u32 = 5;

/// Another try of the same statement may succeed, because nothing of it happened.
pub(crate) fn worth_another_try(error: &Error) -> bool {
    matches!(error.kind, ErrorKind::Deadlock | ErrorKind::SerializationFailure | ErrorKind::LockTimeout)
}

/// Nothing else in this database can succeed after that: going on would only repeat the same sentence.
pub(crate) fn ends_the_database(failure: &Failure) -> bool {
    matches!(
        failure.kind,
        FailureKind::Connection
            | FailureKind::ConnectionLost
            | FailureKind::DiskFull
            | FailureKind::Interrupted
    )
}

/// From a server's error to what the operator reads. Detail and context come along: for COPY they name the line and
/// the column.
impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        // A statement may fail because the server could not connect to a third one (a foreign table): our own session
        // lives on.
        let of_others =
            error.sqlstate.as_deref().is_some_and(|code| code.starts_with("08") && code != "08P01");
        let kind = match error.kind {
            _ if of_others => FailureKind::Server,
            ErrorKind::ConnectionLost | ErrorKind::Protocol => FailureKind::ConnectionLost,
            kind if kind.is_connecting() => FailureKind::Connection,
            ErrorKind::DiskFull => FailureKind::DiskFull,
            ErrorKind::InsufficientPrivilege => FailureKind::Privilege,
            _ => FailureKind::Server,
        };
        let mut what = error.to_string();
        for text in [&error.detail, &error.context].into_iter().flatten() {
            if !text.is_empty() && !what.contains(text) {
                what.push_str("; ");
                what.push_str(text);
            }
        }
        Failure { kind, what, advice: error.advice(), sqlstate: error.sqlstate.clone() }
    }
}
