//! Everything that the wizard shows, as one value. It can be serialised whole; only passwords are left out.

pub mod chart;
pub mod check;
pub mod form;
pub mod live;
pub mod passwords;
pub mod row;
pub mod text;
pub mod wanted;

pub use crate::link::Rights;
use crate::link::Seen;
use crate::model::event::DatabaseOutcome;
use crate::model::run::Run;
use crate::model::status::DatabaseStatus;
use crate::model::units::{printable, readable};
use check::Check;
use form::{Field, Form};
use live::Live;
use passwords::Ask;
use serde::{Deserialize, Serialize};
use text::Text;

#[derive(Debug, Serialize, Deserialize)]
pub struct State {
    /// Unix milliseconds of the last tick.
    pub now_ms: u64,
    /// What the operator's clock adds to UTC.
    pub utc_offset_s: i32,
    pub look: Look,
    pub home: Home,
    /// A window that only looks shows one migration, and changes nothing on any server.
    pub rights: Rights,
    pub screen: Screen,
    pub focus: Focus,
    pub overlay: Option<Overlay>,
    pub toast: Option<Toast>,
    pub form: Form,
    pub start: Start,
    pub guide: GuideAt,
    pub check: Option<Check>,
    pub live: Option<Live>,
    /// Why both servers could not be asked about the open migration, where the last attempt failed.
    #[serde(default)]
    pub unanswered: Option<String>,
    pub pace: Pace,
    pub mouse: Switch,
}

impl State {
    pub fn new(form: Form, look: Look, home: Home) -> Self {
        Self {
            now_ms: 0,
            utc_offset_s: 0,
            look,
            home,
            rights: Rights::Command,
            screen: Screen::Start,
            focus: Focus::List,
            overlay: None,
            toast: None,
            form,
            start: Start::default(),
            guide: GuideAt::default(),
            check: None,
            live: None,
            unanswered: None,
            pace: Pace::default(),
            mouse: Switch::Off,
        }
    }

    /// Whether that is still what this window waits to hear of.
    pub fn awaits(&self, id: &str, seen: Seen) -> bool {
        self.live.as_ref().is_some_and(|live| live.id == id && live.is_left_alone() && live.seen() == seen)
    }

    /// They are wiped: what they were typed for is done, or is another migration's affair.
    pub fn forget_passwords(&mut self) {
        self.form.source.password.clear();
        self.form.target.password.clear();
    }

    pub fn say(&mut self, text: impl Into<String>) {
        self.toast =
            Some(Toast { text: text.into(), until_ms: self.now_ms + TOAST_MS, weight: Weight::News });
    }

    pub fn complain(&mut self, text: impl Into<String>) {
        let until_ms = self.now_ms + 3 * TOAST_MS;
        self.toast = Some(Toast { text: text.into(), until_ms, weight: Weight::Trouble });
    }
}

/// How long a remark stays, in milliseconds.
const TOAST_MS: u64 = 4_000;

/// The screens, in the order of the steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Screen {
    /// This machine's migrations.
    Start,
    Configure,
    /// Validation: the source's address.
    Form,
    /// Validation: what the checks say, while they run and afterwards.
    Report,
    /// Migration, before the start.
    Plan,
    /// Migration, while it runs and when it failed.
    Live,
    /// Close: what follows, and the result.
    Close,
}

impl Screen {
    /// The step of the console that it belongs to, from 1.
    pub fn step(self) -> Option<usize> {
        match self {
            Screen::Start => None,
            Screen::Configure => Some(1),
            Screen::Form | Screen::Report => Some(2),
            Screen::Plan | Screen::Live => Some(3),
            Screen::Close => Some(4),
        }
    }
}

pub const STEPS: [&str; 4] = ["Configure", "Validation", "Migration", "Close"];

/// What keys act on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Focus {
    List,
    Field(Field),
    /// A line of the list of decisions, one for each database.
    Choice(usize),
    Button(Button),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Button {
    GetStarted,
    RunCheck,
    Back,
    Continue,
    StartMigration,
    CloseWindow,
    StopMigration,
    TryAgain,
    StartOver,
    CleanUp,
    SaveBundle,
    KeepReplicating,
    CloseConnection,
    StatusUpdate,
    GuardAgain,
}

impl Button {
    pub fn label(self) -> &'static str {
        match self {
            Button::GetStarted => "Get started",
            Button::RunCheck => "Run check",
            Button::Back => "Back",
            Button::Continue => "Continue",
            Button::StartMigration => "Start migration",
            Button::CloseWindow => "Close window",
            Button::StopMigration => "Stop migration",
            Button::TryAgain => "Try again",
            Button::StartOver => "Start over",
            Button::CleanUp => "Clean up",
            Button::SaveBundle => "Save bundle",
            Button::KeepReplicating => "Keep replicating",
            Button::CloseConnection => "Close connection",
            Button::StatusUpdate => "Status update",
            Button::GuardAgain => "Guard again",
        }
    }
}

/// What lies over the screen.
#[derive(Debug, Serialize, Deserialize)]
pub enum Overlay {
    /// All keys, from this line on.
    Help {
        from: usize,
    },
    /// The whole log, and how many lines from its end are below the window.
    Log {
        from_end: usize,
    },
    /// The equal command line.
    Command,
    /// The number that is explained.
    Explain(usize),
    /// A text to read whole and to copy, from this line on.
    Text {
        title: String,
        /// What stands above it and is not copied with it.
        remark: Option<String>,
        text: String,
        from: usize,
    },
    Dialog(Dialog),
    /// The databases of the source, to be left out or not.
    Pick {
        on: usize,
    },
    /// Passwords for a migration whose engine is not there to remember them.
    Passwords(Ask),
}

#[derive(Debug, Serialize, Deserialize)]
pub struct Dialog {
    pub about: About,
    /// The button that Enter presses; 0 is always the harmless one.
    pub on: usize,
    /// The migration's name, typed to prove that it is meant.
    pub typed: Text,
    /// Lines that it is scrolled down by, in a window too low for all of them.
    #[serde(default)]
    pub from: usize,
}

impl Dialog {
    pub fn new(about: About) -> Self {
        Self { about, on: 0, typed: Text::default(), from: 0 }
    }
}

/// What a dialog asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum About {
    Stop,
    /// Leaving would end the engine, which runs in this process.
    LeaveAndStop,
    /// The same where everything follows by itself: only the guarding ends.
    LeaveUnguarded,
    /// The same in the middle of closing the connection.
    LeaveClosing,
    Close,
    CloseBehind,
    CleanUp,
    StartOver,
    TryAgain,
    /// Databases wait to go on where they broke off.
    GoOn,
    /// The one of the list that is named in its state.
    Forget,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct Toast {
    pub text: String,
    pub until_ms: u64,
    pub weight: Weight,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Weight {
    News,
    Trouble,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Switch {
    On,
    #[default]
    Off,
}

impl Switch {
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Switch::On => Switch::Off,
            Switch::Off => Switch::On,
        }
    }

    pub fn is_on(self) -> bool {
        self == Switch::On
    }
}

/// How screens are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Look {
    pub colors: Colors,
    pub letters: Letters,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Colors {
    None,
    /// The terminal's own sixteen, so that the operator's palette stands.
    Ansi16,
    Rgb,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Letters {
    Unicode,
    Ascii,
}

/// Where the engine of a migration that is started here runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Home {
    /// In a process of its own: a window that closes changes nothing.
    Apart,
    /// In this process, which ends with the window.
    Here,
    /// In this process, between two servers that end with the window as well.
    Demo,
}

/// This machine's migrations.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Start {
    /// Absent until they have been read.
    pub known: Option<Vec<Known>>,
    pub selected: usize,
    /// The migration that was opened last: whoever comes back finds it selected.
    #[serde(default)]
    pub opened: Option<String>,
    pub filter: Filter,
    pub trouble: Option<String>,
    /// The migration that a dialog asks about: the list may change under it.
    #[serde(default)]
    pub forgetting: Option<String>,
}

impl Start {
    pub fn shown(&self) -> Vec<&Known> {
        let fits = |k: &&Known| self.filter.admits(&[&k.id, &k.source, &k.target]);
        self.known.iter().flatten().filter(fits).collect()
    }
}

/// Letters that a line must contain to be shown.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Filter {
    pub text: Text,
    /// Keys go into it.
    pub typing: bool,
}

impl Filter {
    pub fn admits(&self, texts: &[&str]) -> bool {
        let wanted = self.text.trimmed().to_lowercase();
        wanted.is_empty() || texts.iter().any(|text| text.to_lowercase().contains(&wanted))
    }
}

/// A migration that this machine knows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Known {
    pub id: String,
    pub source: String,
    pub target: String,
    pub run: Run,
    pub engine: Engine,
    /// The largest lag of what follows, as far as somebody has asked.
    pub lag: Option<Lag>,
    /// The migration whose unfinished databases it has begun anew.
    #[serde(default)]
    pub again: Option<String>,
}

impl Known {
    /// What both servers say of it now.
    pub fn answered(&mut self, databases: &[DatabaseStatus], now_ms: u64) {
        let follows = |d: &&DatabaseStatus| d.outcome == Some(DatabaseOutcome::Following);
        self.lag = Some(Lag::of(databases.iter().filter(follows), now_ms));
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lag {
    pub bytes: Option<u64>,
    pub asked_ms: u64,
    /// What a database that follows complains of.
    #[serde(default)]
    pub trouble: Option<String>,
}

impl Lag {
    /// Of what follows; unknown where it is for one of them.
    pub fn of<'a>(following: impl Iterator<Item = &'a DatabaseStatus> + Clone, asked_ms: u64) -> Self {
        let complaint = |d: &DatabaseStatus| {
            let error = d.error.as_ref()?;
            Some(format!("{}: {}", readable(&d.database), printable(error)))
        };
        let trouble = following.clone().find_map(complaint);
        let mut lags = following.map(|d| d.lag_bytes);
        let bytes = lags.try_fold(0, |most, lag| lag.map(|lag: u64| lag.max(most)));
        Self { bytes, asked_ms, trouble }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Engine {
    /// In this process.
    Here,
    /// In a process of its own.
    Apart {
        pid: u32,
    },
    Gone,
}

impl Engine {
    pub fn is_there(self) -> bool {
        self != Engine::Gone
    }
}

/// Which guide is open, and where in it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GuideAt {
    pub provider: usize,
    pub item: usize,
}

/// How often numbers are drawn anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pace {
    pub every_ms: u64,
    pub frozen: Switch,
}

impl Default for Pace {
    fn default() -> Self {
        Self { every_ms: 1_000, frozen: Switch::Off }
    }
}
