//! Before something goes for good: on a terminal, whether that is meant. Scripts are not asked.

use super::exit::Exit;
use super::out;
use std::io::{BufRead, IsTerminal, Write};

/// Answers that were not understood, after which none is waited for any more.
const MOST_ANSWERS: usize = 3;

/// # Errors
/// The exit, where it was not meant, or nobody answers any more.
pub(super) async fn confirm(question: &str) -> Result<(), Exit> {
    if !std::io::stdin().is_terminal() {
        return Ok(());
    }
    if !std::io::stderr().is_terminal() {
        out::complain(
            "nobody can be asked whether that is meant, for standard error is no terminal: say --yes",
        );
        return Err(Exit::Usage);
    }
    let question = format!("{question} yes or no [no]: ");
    let answer = tokio::select! {
        answer = tokio::task::spawn_blocking(move || ask(&question, &mut std::io::stdin().lock())) => answer.ok().flatten(),
        _ = tokio::signal::ctrl_c() => None,
    };
    match answer {
        Some(true) => Ok(()),
        Some(false) => {
            out::note("Nothing was removed.");
            Err(Exit::Blocked)
        }
        None => {
            out::note("");
            Err(Exit::Interrupted)
        }
    }
}

/// Absent at the end of the input.
fn ask(question: &str, from: &mut impl BufRead) -> Option<bool> {
    for _ in 0..MOST_ANSWERS {
        let mut err = std::io::stderr().lock();
        drop(write!(err, "{question}").and_then(|()| err.flush()));
        drop(err);
        let mut line = String::new();
        if from.read_line(&mut line).unwrap_or(0) == 0 {
            return None;
        }
        match line.trim().to_lowercase().as_str() {
            "yes" | "y" => return Some(true),
            "no" | "n" | "" => return Some(false),
            _ => {}
        }
    }
    Some(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_yes_is_yes() {
        let answer = |typed: &str| ask("", &mut typed.as_bytes());
        assert_eq!(
            (answer("y\n"), answer(" YES \n"), answer("\n"), answer("no\n")),
            (Some(true), Some(true), Some(false), Some(false))
        );
        assert_eq!(
            (answer("what\nyes\n"), answer("a\nb\nc\nyes\n"), answer("")),
            (Some(true), Some(false), None)
        );
    }
}
