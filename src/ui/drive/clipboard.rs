//! Copying through SSH: by tmux where that is around us, else by OSC 52, which terminals may or may not obey.

use super::terminal::Screen;
use std::io::Write;
use std::process::{Command, Stdio};

/// Terminals drop sequences that are longer than about 100,000 bytes, and base64 makes four of three.
const MOST_BYTES: usize = 74_000;

/// Why a text went nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NotCopied {
    NoClipboard,
    TooLong,
}

/// Says which way it went; fails where there is none.
pub(super) fn copy(text: &str, screen: &mut Screen) -> Result<&'static str, NotCopied> {
    if std::env::var_os("TMUX").is_some() {
        return by_tmux(text).then_some("copied, by tmux").ok_or(NotCopied::NoClipboard);
    }
    if text.len() > MOST_BYTES {
        return Err(NotCopied::TooLong);
    }
    let sent = screen.copy(text).map(|()| "sent to your terminal's clipboard (OSC 52)");
    sent.map_err(|_| NotCopied::NoClipboard)
}

/// Of all ways into tmux's clipboard the only one that works with its default settings.
fn by_tmux(text: &str) -> bool {
    let child = Command::new("tmux")
        .args(["load-buffer", "-w", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let Ok(mut child) = child else { return false };
    let written = child.stdin.take().is_some_and(|mut stdin| stdin.write_all(text.as_bytes()).is_ok());
    written && child.wait().is_ok_and(|status| status.success())
}
