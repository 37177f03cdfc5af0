//! Performs what [`super::update`] asks for, and brings in what happens: the only part of the wizard that waits.

mod clipboard;
mod fault;
pub mod frame;
mod host;
mod news;
mod pace;
mod perform;
mod terminal;

pub use host::{Host, Opened, Prepared, Purpose, Typed};

use super::keys::{Code, Key};
use super::message::{Effect, Msg};
use super::state::form::Form;
use super::state::passwords::Errand;
use super::state::{Button, Focus, Home, Look, Rights, Screen, State, Switch};
use super::update::update;
use super::view::{Drawn, view};
use crossterm::event::{
    Event, EventStream, KeyCode, KeyEvent, KeyEventKind, KeyModifiers, MouseButton, MouseEventKind,
};
use futures_util::{FutureExt, StreamExt};
use news::{From, News};
use pace::Pace;
use std::io;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use terminal::{Hangup, Screen as Terminal, Signals};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// News that may wait while the wizard draws.
const NEWS: usize = 1024;
/// How long a migration in this process gets to stop when the terminal goes away.
const STOP_WITHIN: Duration = Duration::from_secs(20);

/// How the wizard begins.
pub struct Opening {
    pub host: Arc<dyn Host>,
    pub form: Form,
    pub look: Look,
    pub home: Home,
    pub rights: Rights,
    pub at: At,
}

/// On which screen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum At {
    /// The list, or step 1 where there is none.
    Start,
    /// The first step, with everything filled in already.
    Filled,
    /// A migration that exists.
    Migration(String),
}

/// How the window was left.
#[derive(Debug, PartialEq, Eq)]
pub struct Left {
    /// The migration that was on the screen, where it can be come back to.
    pub id: Option<String>,
    /// It goes on without the window.
    pub goes_on: bool,
    /// What follows does so without the engine that guarded it, which ends with the window.
    pub follows: bool,
    /// Both servers were still being logged in to for something, which was not begun.
    pub untried: bool,
    pub why: Why,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    Asked,
    /// SIGTERM.
    Terminated,
    /// The terminal is gone.
    HungUp,
    /// By a fault of its own: there.
    Broke(String),
}

struct Drive {
    state: State,
    host: Arc<dyn Host>,
    news: mpsc::Sender<News>,
    check: Option<news::Attached>,
    live: Option<news::Attached>,
    generation: u64,
    /// Looks whether there is an engine again.
    looking: Option<JoinHandle<()>>,
    /// What was drawn last: the mouse presses what is to be seen.
    drawn: Drawn,
}

/// Opens the window and stays until it is left.
///
/// # Errors
/// When the terminal cannot be used.
pub async fn run(opening: Opening) -> io::Result<Left> {
    let (news, mut incoming) = mpsc::channel(NEWS);
    let (mut drive, effects) = Drive::new(opening, news);
    let mut terminal = Terminal::enter()?;
    let stayed = AssertUnwindSafe(drive.stay(&mut terminal, &mut incoming, effects)).catch_unwind().await;
    let fault = terminal.leave();
    let why = match stayed {
        Ok(why) => why?,
        Err(_) => Why::Broke(fault.unwrap_or_else(|| "an unknown place".to_owned())),
    };
    let left = drive.left(why);
    if drive.works_here() {
        drive.stop_here(&mut incoming).await;
    }
    Ok(left)
}

/// A terminal that takes nothing any more is gone, and what runs in this process is still to be ended in good order.
fn gone(result: io::Result<bool>, why: &mut Why) -> bool {
    result.unwrap_or_else(|_| {
        *why = Why::HungUp;
        true
    })
}

async fn next_key(keys: &mut Option<EventStream>) -> Option<io::Result<Event>> {
    match keys {
        Some(keys) => keys.next().await,
        None => std::future::pending().await,
    }
}

pub(super) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

impl Drive {
    /// Before anything is drawn, and what is to be done first.
    fn new(opening: Opening, news: mpsc::Sender<News>) -> (Self, Vec<Effect>) {
        let mut state = State::new(opening.form, opening.look, opening.home);
        state.now_ms = now_ms();
        state.rights = opening.rights;
        let effects = match opening.at {
            At::Start => vec![Effect::List],
            At::Filled => {
                state.screen = Screen::Configure;
                state.focus = Focus::Button(Button::GetStarted);
                Vec::new()
            }
            At::Migration(id) => vec![Effect::Open { id }],
        };
        let drive = Self {
            state,
            host: opening.host,
            news,
            check: None,
            live: None,
            generation: 0,
            looking: None,
            drawn: Drawn::default(),
        };
        (drive, effects)
    }

    /// Until it is left, and why.
    async fn stay(
        &mut self,
        terminal: &mut Terminal,
        incoming: &mut mpsc::Receiver<News>,
        effects: Vec<Effect>,
    ) -> io::Result<Why> {
        let mut hangup = Hangup::watch()?;
        let mut signals = Signals::new()?;
        let mut pace = Pace::new(Instant::now());
        pace.drew(self.draw(terminal)?, Instant::now());
        self.zone();
        let mut keys = Some(EventStream::new());
        let mut leaves = self.perform_all(effects, terminal)?;
        let mut tick = Instant::now() + Duration::from_secs(1);
        let mut dirty = false;
        let mut why = Why::Asked;
        while !leaves {
            let next_frame = pace.next();
            let mut shows = true;
            tokio::select! {
                event = next_key(&mut keys) => match event {
                    Some(Ok(event)) => leaves = gone(self.on_event(event, terminal), &mut why),
                    // The input is at its end; the watcher says the rest.
                    Some(Err(_)) | None => keys = None,
                },
                Some(piece) = incoming.recv() => {
                    shows = !self.waits_for_tick(&piece);
                    leaves = gone(self.on_news(piece, terminal), &mut why);
                }
                () = tokio::time::sleep_until(tick) => {
                    tick = Instant::now() + Duration::from_millis(self.state.pace.every_ms);
                    leaves = gone(self.take(Msg::Tick { now_ms: now_ms() }, terminal), &mut why);
                }
                () = tokio::time::sleep_until(next_frame), if dirty => {}
                signal = signals.next() => match signal {
                    terminal::Heard::Terminate => (leaves, why) = (true, Why::Terminated),
                    terminal::Heard::Continue => leaves = gone(terminal.resume().map(|()| false), &mut why),
                },
                () = hangup.gone() => (leaves, why) = (true, Why::HungUp),
            }
            dirty |= shows;
            if dirty && Instant::now() >= next_frame && why == Why::Asked {
                let drawn = self.draw(terminal).map(|bytes| pace.drew(bytes, Instant::now()));
                leaves |= gone(drawn.map(|()| false), &mut why);
                dirty = false;
            }
        }
        Ok(why)
    }

    /// Returns how many bytes it took.
    fn draw(&mut self, terminal: &mut Terminal) -> io::Result<usize> {
        let state = &self.state;
        let mut drawn = Drawn::default();
        let bytes = terminal.draw(|area, buffer| {
            drawn = view(state, area, buffer);
            drawn.cursor
        })?;
        self.drawn = drawn;
        Ok(bytes)
    }

    fn take(&mut self, msg: Msg, terminal: &mut Terminal) -> io::Result<bool> {
        let effects = update(&mut self.state, msg);
        self.perform_all(effects, terminal)
    }

    fn on_event(&mut self, event: Event, terminal: &mut Terminal) -> io::Result<bool> {
        match event {
            Event::Key(key) if key.kind != KeyEventKind::Release => {
                for key in keys_of(key) {
                    if self.take(Msg::Key(key), terminal)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Event::Paste(text) => self.take(Msg::Paste(text), terminal),
            Event::Resize(..) => terminal.repaint().map(|()| false),
            Event::Mouse(mouse) => {
                let msg = match mouse.kind {
                    MouseEventKind::ScrollUp => Some(Msg::Key(Key::plain(Code::Up))),
                    MouseEventKind::ScrollDown => Some(Msg::Key(Key::plain(Code::Down))),
                    MouseEventKind::Down(MouseButton::Left) => {
                        self.drawn.at((mouse.column, mouse.row).into()).map(Msg::Click)
                    }
                    _ => None,
                };
                msg.map_or(Ok(false), |msg| self.take(msg, terminal))
            }
            _ => Ok(false),
        }
    }

    /// Numbers come more often than they are shown: all but the first are put aside until then.
    fn waits_for_tick(&self, piece: &News) -> bool {
        let shown = self.state.live.as_ref().is_some_and(|live| live.gauges_ms > 0);
        shown && matches!(piece.what, news::What::Msg(Msg::Gauges(_)))
    }

    fn on_news(&mut self, piece: News, terminal: &mut Terminal) -> io::Result<bool> {
        let current = match piece.from {
            From::Anywhere => true,
            From::Check(generation) => self.check.as_ref().is_some_and(|a| a.generation == generation),
            From::Live(generation) => self.live.as_ref().is_some_and(|a| a.generation == generation),
        };
        if !current {
            return Ok(false);
        }
        match piece.what {
            news::What::Msg(msg) => {
                if matches!(msg, Msg::CheckEnded(_)) {
                    self.check = None;
                    self.host.check_ended();
                }
                self.take(msg, terminal)
            }
            news::What::Attached { opened: Msg::Rejoined { id, seen, .. }, .. }
                if !self.state.awaits(&id, seen) =>
            {
                Ok(false)
            }
            news::What::Attached { link, opened } => {
                self.attach(*link);
                self.take(opened, terminal)
            }
        }
    }

    fn left(&self, why: Why) -> Left {
        let live = self.state.live.as_ref();
        let apart =
            live.is_some_and(|l| matches!(l.engine, super::state::Engine::Apart { .. }) && l.ended.is_none());
        let asks_only = |errand: Errand| matches!(errand, Errand::Status | Errand::Recheck);
        let untried = live.and_then(|l| l.trying).is_some_and(|errand| !asks_only(errand));
        let follows = self.works_here() && live.is_some_and(|l| l.run.stands_alone());
        // Nothing of a demo is there any more.
        let lasts = self.state.home != Home::Demo;
        let id = live.filter(|_| lasts).map(|l| l.id.clone());
        Left { id, goes_on: apart, follows: follows && lasts, untried, why }
    }

    fn works_here(&self) -> bool {
        let live = self.state.live.as_ref();
        live.is_some_and(|l| l.engine == super::state::Engine::Here && l.ended.is_none())
    }

    /// A migration in this process is not left to die with it: it is told to stop, and gets time to clean up.
    async fn stop_here(&mut self, incoming: &mut mpsc::Receiver<News>) {
        let Some(attached) = self.live.take() else { return };
        attached.stop();
        let ended = async {
            while let Some(piece) = incoming.recv().await {
                if piece.from == From::Live(attached.generation)
                    && matches!(piece.what, news::What::Msg(Msg::Ended(_)))
                {
                    break;
                }
            }
        };
        // However long it takes beyond that, what is left can be cleaned up later.
        tokio::time::timeout(STOP_WITHIN, ended).await.ok();
    }

    fn zone(&self) {
        let news = self.news.clone();
        tokio::spawn(async move {
            if let Some(utc_offset_s) = utc_offset_s().await {
                let piece = News { from: From::Anywhere, what: news::What::Msg(Msg::Zone { utc_offset_s }) };
                // A window that is closed does not care.
                news.send(piece).await.ok();
            }
        });
    }

    fn mouse(&self) -> Switch {
        self.state.mouse
    }
}

/// Asks the operating system what the operator's clock shows.
pub async fn utc_offset_s() -> Option<i32> {
    let asked = tokio::process::Command::new("date").arg("+%z").kill_on_drop(true).output();
    let output = tokio::time::timeout(Duration::from_secs(2), asked).await.ok()?.ok()?;
    offset(&String::from_utf8_lossy(&output.stdout))
}

/// `+0130` in seconds.
fn offset(text: &str) -> Option<i32> {
    let text = text.trim();
    let sign = if text.starts_with('-') { -1 } else { 1 };
    let digits = text.trim_start_matches(['+', '-']);
    if digits.len() != 4 {
        return None;
    }
    let (hours, minutes) = digits.split_at(2);
    Some(sign * (hours.parse::<i32>().ok()? * 3600 + minutes.parse::<i32>().ok()? * 60))
}

/// What the terminal's library says a key is. Alt with a letter is Esc and the letter, which is how terminals send it.
fn keys_of(event: KeyEvent) -> Vec<Key> {
    let ctrl = event.modifiers.contains(KeyModifiers::CONTROL);
    let alt = event.modifiers.contains(KeyModifiers::ALT);
    let code = match event.code {
        KeyCode::Char(c) => Code::Char(if ctrl { c.to_ascii_lowercase() } else { c }),
        KeyCode::Enter => Code::Enter,
        KeyCode::Tab if event.modifiers.contains(KeyModifiers::SHIFT) => Code::BackTab,
        KeyCode::Tab => Code::Tab,
        KeyCode::BackTab => Code::BackTab,
        KeyCode::Esc => Code::Esc,
        KeyCode::Backspace => Code::Backspace,
        KeyCode::Delete => Code::Delete,
        KeyCode::Left => Code::Left,
        KeyCode::Right => Code::Right,
        KeyCode::Up => Code::Up,
        KeyCode::Down => Code::Down,
        KeyCode::Home => Code::Home,
        KeyCode::End => Code::End,
        KeyCode::PageUp => Code::PageUp,
        KeyCode::PageDown => Code::PageDown,
        KeyCode::F(1) => Code::F1,
        _ => return Vec::new(),
    };
    let key = Key { code, ctrl };
    if alt && matches!(code, Code::Char(_)) { vec![Key::plain(Code::Esc), key] } else { vec![key] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_are_seconds() {
        assert_eq!(offset("+0130\n"), Some(5400));
        assert_eq!(offset("-0900"), Some(-32_400));
        assert_eq!(offset("UTC"), None);
    }

    #[test]
    fn alt_is_escape_and_the_letter() {
        let event = |code, modifiers| KeyEvent::new(code, modifiers);
        let keys = keys_of(event(KeyCode::Char('x'), KeyModifiers::ALT));
        assert_eq!(keys, [Key::plain(Code::Esc), Key::char('x')]);
        assert_eq!(keys_of(event(KeyCode::Char('C'), KeyModifiers::CONTROL)), [Key::ctrl('c')]);
        assert!(keys_of(event(KeyCode::F(5), KeyModifiers::NONE)).is_empty());
    }
}
