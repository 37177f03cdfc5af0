//! The terminal itself: entered and left in good order, written to once a frame, watched for its end.

use super::fault::Faults;
use super::frame::{Picture, frame};
use crate::ui::state::Switch;
use crossterm::cursor::Show;
use crossterm::event::{
    DisableBracketedPaste, DisableMouseCapture, EnableBracketedPaste, EnableMouseCapture,
};
use crossterm::terminal::{EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode};
use crossterm::{execute, queue};
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::Signal;
use std::io;
use std::time::Duration;
use tokio::signal::unix::{Signal as Stream, SignalKind, signal};
use tokio::sync::mpsc;

/// The standard library's own stream cuts at every line and kilobyte.
fn write_all(mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match rustix::io::write(rustix::stdio::stdout(), bytes) {
            Ok(written) => bytes = &bytes[written..],
            Err(rustix::io::Errno::INTR) => {}
            Err(rustix::io::Errno::AGAIN) => std::thread::sleep(Duration::from_millis(5)),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

pub(super) struct Screen {
    area: Rect,
    /// What stands there; absent where that is not known.
    shown: Option<Picture>,
    inside: Switch,
    mouse: Switch,
    faults: Faults,
}

impl Screen {
    /// # Errors
    /// When this is no terminal.
    pub(super) fn enter() -> io::Result<Self> {
        let area = window()?;
        let (inside, mouse, faults) = (Switch::Off, Switch::Off, Faults::watch(put_back));
        let mut screen = Self { area, shown: None, inside, mouse, faults };
        screen.go_in()?;
        Ok(screen)
    }

    fn go_in(&mut self) -> io::Result<()> {
        enable_raw_mode()?;
        self.inside = Switch::On;
        execute!(io::stdout(), EnterAlternateScreen, EnableBracketedPaste)?;
        self.mouse(self.mouse)
    }

    /// As it was before, for good; returns where a panic was. More than once does no harm.
    pub(super) fn leave(&mut self) -> Option<String> {
        self.step_out();
        self.faults.end()
    }

    fn step_out(&mut self) {
        if self.inside.is_on() {
            self.inside = Switch::Off;
            put_back();
        }
    }

    /// One frame, in one write of so many bytes; none where nothing has changed.
    pub(super) fn draw(
        &mut self,
        view: impl FnOnce(Rect, &mut Buffer) -> Option<Position>,
    ) -> io::Result<usize> {
        if !self.inside.is_on() {
            return Ok(0);
        }
        let mut cells = Buffer::empty(self.area);
        let cursor = view(self.area, &mut cells);
        let wanted = Picture { cells, cursor };
        let bytes = frame(self.shown.as_ref(), &wanted);
        // What a write that failed left behind is not known.
        self.shown = None;
        write_all(&bytes)?;
        self.shown = Some(wanted);
        Ok(bytes.len())
    }

    /// Everything again with the next frame, also after the window's size has changed.
    pub(super) fn repaint(&mut self) -> io::Result<()> {
        self.area = window()?;
        self.shown = None;
        Ok(())
    }

    pub(super) fn copy(&mut self, text: &str) -> io::Result<()> {
        let mut sequence = Vec::new();
        queue!(sequence, crossterm::clipboard::CopyToClipboard::to_clipboard_from(text))?;
        let way = if std::env::var_os("STY").is_some() { through_screen(&sequence) } else { sequence };
        write_all(&way)
    }

    pub(super) fn mouse(&mut self, mouse: Switch) -> io::Result<()> {
        self.mouse = mouse;
        match mouse {
            Switch::On => execute!(io::stdout(), EnableMouseCapture),
            Switch::Off => execute!(io::stdout(), DisableMouseCapture),
        }
    }

    /// Gives the terminal back to the shell until it says go on. With everything that was started with it, or a script around
    /// it would wait for what is stopped. Where there is no shell to go on from, the system stops nothing.
    pub(super) fn suspend(&mut self) -> io::Result<()> {
        self.step_out();
        rustix::process::kill_current_process_group(Signal::TSTP)?;
        self.resume()
    }

    pub(super) fn resume(&mut self) -> io::Result<()> {
        if self.inside.is_on() {
            // Whoever had the terminal meanwhile has set it as shells do.
            disable_raw_mode()?;
            enable_raw_mode()?;
        } else {
            self.go_in()?;
        }
        self.repaint()
    }
}

/// Also where entering it failed half way.
impl Drop for Screen {
    fn drop(&mut self) {
        self.leave();
    }
}

/// No screen is larger; a line that says so of its own is not to fill the memory.
const LARGEST: (u16, u16) = (600, 250);
/// What a line is taken for that does not know, such as a serial one.
const USUAL: (u16, u16) = (80, 24);

fn window() -> io::Result<Rect> {
    let (width, height) = crossterm::terminal::size()?;
    let (width, height) = if width == 0 || height == 0 { USUAL } else { (width, height) };
    Ok(Rect::new(0, 0, width.min(LARGEST.0), height.min(LARGEST.1)))
}

/// GNU screen swallows what it does not know, unless that comes wrapped (DCS) and in pieces that its buffer
/// holds. What is wrapped may not hold the wrapping's end (ESC \): the clipboard's sequence ends with a BEL
/// as well.
fn through_screen(sequence: &[u8]) -> Vec<u8> {
    let ended = match sequence.strip_suffix(b"\x1b\\") {
        Some(begun) => [begun, b"\x07"].concat(),
        None => sequence.to_vec(),
    };
    ended.chunks(SCREEN_PIECE).flat_map(|piece| [b"\x1bP", piece, b"\x1b\\"].concat()).collect()
}

/// screen's own limit of a string is 768 bytes in old versions, of which some are taken.
const SCREEN_PIECE: usize = 400;

fn put_back() {
    let mut out = io::stdout();
    // A terminal that is gone needs nothing.
    execute!(out, DisableMouseCapture, DisableBracketedPaste, LeaveAlternateScreen, Show).ok();
    disable_raw_mode().ok();
}

/// The terminal's end. The library for keys spins for ever once its terminal is gone, and looks at nothing
/// else; a thread that sleeps in poll(2) for nothing but the end sees it, and makes an end if nobody else
/// does.
pub(super) struct Hangup(mpsc::Receiver<()>);

/// How long the process may take to end in good order after its terminal has gone.
const LAST_WORDS: Duration = Duration::from_secs(25);

impl Hangup {
    pub(super) fn watch() -> io::Result<Self> {
        let (tell, gone) = mpsc::channel(1);
        std::thread::Builder::new().name("hangup".to_owned()).spawn(move || watch(&tell))?;
        Ok(Self(gone))
    }

    pub(super) async fn gone(&mut self) {
        if self.0.recv().await.is_none() {
            std::future::pending::<()>().await;
        }
    }
}

fn watch(tell: &mpsc::Sender<()>) {
    let stdin = rustix::stdio::stdin();
    loop {
        let mut waiting = [PollFd::new(&stdin, PollFlags::empty())];
        let ended = PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL;
        if poll(&mut waiting, None).is_ok() && waiting[0].revents().intersects(ended) {
            // The window may have been left a moment ago.
            tell.try_send(()).ok();
            std::thread::sleep(LAST_WORDS);
            end();
        }
    }
}

#[expect(clippy::exit, reason = "nobody else ends a process whose key reader spins on a dead terminal")]
fn end() {
    std::process::exit(129);
}

/// What the system tells us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Heard {
    Terminate,
    Continue,
}

pub(super) struct Signals {
    terminate: Stream,
    /// Not by a key, which comes as one; it would end the process and leave the terminal as it is.
    interrupt: Stream,
    hang_up: Stream,
    go_on: Stream,
}

impl Signals {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
            go_on: signal(SignalKind::from_raw(Signal::CONT.as_raw()))?,
        })
    }

    pub(super) async fn next(&mut self) -> Heard {
        tokio::select! {
            _ = self.terminate.recv() => Heard::Terminate,
            _ = self.interrupt.recv() => Heard::Terminate,
            _ = self.hang_up.recv() => Heard::Terminate,
            _ = self.go_on.recv() => Heard::Continue,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn screen_gets_pieces_that_add_up() {
        let mut sequence = Vec::new();
        queue!(sequence, crossterm::clipboard::CopyToClipboard::to_clipboard_from("a".repeat(600))).unwrap();
        let wrapped = String::from_utf8(through_screen(&sequence)).unwrap();
        let pieces: Vec<_> = wrapped.split_terminator("\x1b\\").collect();
        assert_eq!(pieces.len(), 3);
        assert!(pieces.iter().all(|piece| piece.starts_with("\x1bP") && piece.len() <= SCREEN_PIECE + 2));
        // An escape begins the clipboard's sequence, and none comes after it: it would end what is wrapped.
        let whole: String = pieces.iter().map(|piece| &piece[2..]).collect();
        assert!(whole.starts_with("\x1b]52;c;") && whole.ends_with('\x07'));
        assert_eq!(whole.matches('\x1b').count(), 1);
    }
}
