//! Writing to the two streams. A closed pipe is not an error: whoever closed it does not want to read on.

use std::io::Write;

pub(super) fn print(text: &str) {
    let mut out = std::io::stdout().lock();
    drop(writeln!(out, "{text}").and_then(|()| out.flush()));
}

pub(super) fn note(text: &str) {
    let mut out = std::io::stderr().lock();
    drop(writeln!(out, "{text}").and_then(|()| out.flush()));
}

pub(super) fn complain(text: &str) {
    note(&format!("pgpassage: {text}"));
}

/// A question: the answer comes on the same line.
pub(super) fn prompt(text: &str) {
    let mut out = std::io::stdout().lock();
    drop(write!(out, "{text}").and_then(|()| out.flush()));
}

/// The same where standard output is for the result.
pub(super) fn prompt_aside(text: &str) {
    let mut err = std::io::stderr().lock();
    drop(write!(err, "{text}").and_then(|()| err.flush()));
}
