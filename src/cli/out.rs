//! Writing to the two streams. A closed pipe is not an error: whoever closed it does not want to read on.

use crate::model::units::printable_but;
use std::borrow::Cow;
use std::io::{IsTerminal, Write};

pub(super) fn print(text: &str) {
    let mut out = std::io::stdout().lock();
    let text = harmless(text, &out);
    drop(writeln!(out, "{text}").and_then(|()| out.flush()));
}

pub(super) fn note(text: &str) {
    let mut out = std::io::stderr().lock();
    let text = harmless(text, &out);
    drop(writeln!(out, "{text}").and_then(|()| out.flush()));
}

/// Nothing that a server says commands a terminal, wherever a text came from: the name of a database once put something into
/// the clipboard by way of a command line that was shown. What is read by programs stays as it is.
fn harmless<'a>(text: &'a str, to: &impl IsTerminal) -> Cow<'a, str> {
    if to.is_terminal() { Cow::Owned(without_commands(text)) } else { Cow::Borrowed(text) }
}

/// Lines and the tabs between their columns are ours.
fn without_commands(text: &str) -> String {
    printable_but(text, &['\n', '\t'])
}

pub(super) fn complain(text: &str) {
    note(&format!("pgpassage: {text}"));
}

/// A question: the answer comes on the same line.
pub(super) fn prompt(text: &str) {
    let mut out = std::io::stdout().lock();
    let text = harmless(text, &out);
    drop(write!(out, "{text}").and_then(|()| out.flush()));
}

/// The same where standard output is for the result.
pub(super) fn prompt_aside(text: &str) {
    let mut err = std::io::stderr().lock();
    let text = harmless(text, &err);
    drop(write!(err, "{text}").and_then(|()| err.flush()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_commands_a_terminal() {
        assert_eq!(without_commands("a\tc\nb ä ✔"), "a\tc\nb ä ✔");
        assert_eq!(
            without_commands("x\x1b]52;c;eA==\x07\r\u{9b}2J\u{202e}"),
            "x\\u{1b}]52;c;eA==\\u{7}\\u{d}\\u{9b}2J\\u{202e}"
        );
    }
}
