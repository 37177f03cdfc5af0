//! One question, one line of an answer. No cursor moves, and a password is not echoed.

use super::out;
use crate::model::secret::Secret;
use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
use std::io::{BufRead, IsTerminal};
use std::time::Duration;
use tokio::time::sleep;
use zeroize::Zeroizing;

/// Whoever died says so by a signal within that: his end of the line comes first.
const LAST_WORD: Duration = Duration::from_secs(2);

/// Nobody answers any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gone {
    /// The input is at its end, or the operator has said that it is enough.
    Ended,
    /// Ctrl-C.
    Interrupted,
}

/// What was answered, without what surrounds it; the default where that is nothing.
pub(super) async fn ask(question: &str, default: &str) -> Result<String, Gone> {
    let hint = if default.is_empty() { String::new() } else { format!(" [{default}]") };
    out::prompt(&format!("{question}{hint}: "));
    let answer = line().await?;
    let answer = answer.trim();
    Ok(if answer.is_empty() { default.to_owned() } else { answer.to_owned() })
}

/// What was answered, and not shown. The question goes to wherever `tell` writes.
pub(super) async fn ask_in_secret(question: &str, tell: fn(&str)) -> Result<Secret, Gone> {
    tell(&format!("{question}: "));
    let silent = Silent::begin();
    let answer = line().await;
    drop(silent);
    if std::io::stdin().is_terminal() {
        // The operator's own is not shown either.
        tell("\n");
    }
    answer.map(|text| Secret::new(text.trim_end_matches(['\n', '\r'])))
}

pub(super) async fn yes(question: &str, preset: Preset) -> Result<bool, Gone> {
    let word = if preset == Preset::Yes { "yes" } else { "no" };
    loop {
        match ask(&format!("{question}, yes or no"), word).await?.to_lowercase().as_str() {
            "yes" | "y" => return Ok(true),
            "no" | "n" => return Ok(false),
            _ => out::print("Please answer yes or no."),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Preset {
    Yes,
    No,
}

/// The key of the choice that was made; the first is the default.
pub(super) async fn choose<'a>(choices: &[(&'a str, String)]) -> Result<&'a str, Gone> {
    Ok(choices[pick(choices).await?].0)
}

/// The place of the choice that was made, among one or more; the first is the default.
pub(super) async fn pick<K: AsRef<str>>(choices: &[(K, String)]) -> Result<usize, Gone> {
    for (key, what) in choices {
        out::print(&format!("  {}) {what}", key.as_ref()));
    }
    let first = choices.first().map(|(key, _)| key.as_ref()).unwrap_or_default();
    loop {
        let answer = ask("Choice", first).await?;
        if let Some(at) = choices.iter().position(|(key, _)| key.as_ref() == answer) {
            return Ok(at);
        }
        out::print("That is none of the choices.");
    }
}

async fn line() -> Result<Zeroizing<String>, Gone> {
    let on_terminal = std::io::stdin().is_terminal();
    let reading = tokio::task::spawn_blocking(|| {
        let mut text = Zeroizing::new(String::new());
        let read = std::io::stdin().lock().read_line(&mut text);
        read.map(|bytes| (bytes > 0).then_some(text))
    });
    let read = tokio::select! {
        read = reading => read.unwrap_or(Ok(None)),
        _ = tokio::signal::ctrl_c() => {
            out::print("");
            return Err(Gone::Interrupted);
        }
    };
    if let Ok(Some(text)) = read {
        return Ok(text);
    }
    if on_terminal && (read.is_err() || !std::io::stdin().is_terminal()) {
        // Who is asked has not gone by himself, and whoever heeds signals has another word for that.
        sleep(LAST_WORD).await;
    }
    Err(Gone::Ended)
}

/// As long as this lives, what is typed is not shown.
struct Silent(Option<rustix::termios::Termios>);

impl Silent {
    fn begin() -> Self {
        let stdin = rustix::stdio::stdin();
        let Ok(before) = tcgetattr(stdin) else { return Self(None) };
        let mut without = before.clone();
        without.local_modes.remove(LocalModes::ECHO);
        let done = tcsetattr(stdin, OptionalActions::Drain, &without);
        Self(done.is_ok().then_some(before))
    }
}

impl Drop for Silent {
    fn drop(&mut self) {
        if let Some(before) = &self.0 {
            // A terminal that is gone shows nothing anyway.
            tcsetattr(rustix::stdio::stdin(), OptionalActions::Drain, before).ok();
        }
    }
}
