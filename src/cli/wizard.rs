//! `pgpassage` without a command: the full-screen face, or its questions in plain lines where there is no screen.

mod bundle;
mod host;
mod kept;

pub(super) use host::Rooms;

use super::args::{Color, WindowArgs};
use super::connection::Env;
use super::exit::Exit;
use super::out;
use super::plan::state_dir;
use crate::model::task::Stay;
use crate::model::units::readable;
use crate::ui::drive::{At, Left, Why};
use crate::ui::state::form::Form;
use crate::ui::state::{Colors, Home, Letters, Look, Rights};
use crate::ui::{Opening, run as open};
use std::io::IsTerminal;
use std::sync::Arc;

/// What the environment says about the terminal.
#[derive(Debug, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is something that the environment says or does not say"
)]
struct Setting {
    terminal: bool,
    term: String,
    no_color: bool,
    truecolor: bool,
    utf8: bool,
    accessible: bool,
}

impl Setting {
    fn of(env: &Env) -> Self {
        let named = |name: &str| env.variables.get(name).filter(|v| !v.is_empty()).map(String::as_str);
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(named).unwrap_or_default();
        let locale = locale.to_ascii_uppercase();
        Self {
            terminal: std::io::stdin().is_terminal() && std::io::stdout().is_terminal(),
            term: named("TERM").unwrap_or_default().to_owned(),
            no_color: named("NO_COLOR").is_some(),
            truecolor: named("COLORTERM").is_some_and(|v| v.contains("truecolor") || v.contains("24bit")),
            utf8: locale.contains("UTF-8") || locale.contains("UTF8"),
            accessible: named("ACCESSIBLE").is_some(),
        }
    }

    fn full_screen(&self, args: &WindowArgs) -> bool {
        let dumb = self.term.is_empty() || self.term == "dumb";
        self.terminal && !dumb && !args.plain && !self.accessible
    }

    fn look(&self, args: &WindowArgs) -> Look {
        let colors = match args.color {
            Color::None => Colors::None,
            Color::Sixteen => Colors::Ansi16,
            Color::Rgb => Colors::Rgb,
            Color::Auto if self.no_color => Colors::None,
            Color::Auto if self.truecolor => Colors::Rgb,
            Color::Auto => Colors::Ansi16,
        };
        // The console of Linux has 256 letters, and those of boxes are not among them.
        let ascii = args.ascii || !self.utf8 || self.term == "linux";
        Look { colors, letters: if ascii { Letters::Ascii } else { Letters::Unicode } }
    }
}

/// Whether a full screen can be opened here.
pub(super) fn has_screen(args: &WindowArgs) -> bool {
    Setting::of(&Env::from_process()).full_screen(args)
}

/// `keep_snapshot_s`: see [`crate::model::plan::Plan::keep_snapshot_s`].
pub(super) async fn run(args: &WindowArgs, home: Home, keep_snapshot_s: Option<u64>) -> Exit {
    let env = Env::from_process();
    if let Err(error) = state_dir(&env) {
        out::complain(&format!("{error:#}"));
        return Exit::Failed;
    }
    let mut rooms = Rooms::new(env, home);
    rooms.keep_snapshot_s = keep_snapshot_s;
    if !has_screen(args) {
        if std::io::stdin().is_terminal() {
            rooms.stay = Stay::AndWaits;
        }
        return super::dialogue::run(rooms).await;
    }
    window(args, rooms, (Form::default(), At::Start)).await
}

/// Joins one migration in the full screen.
pub(super) async fn join(args: &WindowArgs, id: &str, rights: Rights) -> Exit {
    let rooms = Rooms::new(Env::from_process(), Home::Apart).with(rights);
    window(args, rooms, (Form::default(), At::Migration(id.to_owned()))).await
}

/// Opens the window and says afterwards what goes on without it.
pub(super) async fn window(args: &WindowArgs, mut rooms: Rooms, (form, at): (Form, At)) -> Exit {
    rooms.stay = Stay::AndWaits;
    let look = Setting::of(&Env::from_process()).look(args);
    let (home, rights) = (rooms.home(), rooms.rights());
    show(Opening { host: Arc::new(rooms), form, look, home, rights, at }).await
}

/// Until the window is left; what is to be known then is said where the window was.
pub async fn show(opening: Opening) -> Exit {
    match open(opening).await {
        Ok(left) => farewell(&left),
        Err(error) => {
            out::complain(&format!("the terminal cannot be used: {error}"));
            Exit::Failed
        }
    }
}

fn farewell(left: &Left) -> Exit {
    let exit = match &left.why {
        Why::Asked => Exit::Done,
        Why::Terminated => Exit::Terminated,
        Why::Broke(fault) => {
            let itself = "by a fault of pgpassage itself";
            out::complain(&format!("this window broke down, {itself}, in {fault}; please report this line"));
            Exit::Failed
        }
        // Nobody is there to be told.
        Why::HungUp => return Exit::Terminated,
    };
    words(left).iter().for_each(|line| out::print(line));
    exit
}

fn words(left: &Left) -> Vec<String> {
    let mut lines = Vec::new();
    if left.untried {
        let nothing = "The servers were still being logged in to: nothing was begun, and nothing is changed.";
        lines.push(nothing.to_owned());
    }
    let Some(id) = left.id.as_deref().map(readable) else { return lines };
    if left.goes_on {
        lines.push(format!("This window is closed; the migration {id} goes on."));
        lines.push(format!("Come back: pgpassage attach {id}    Stop it: pgpassage stop {id}"));
    } else if left.follows {
        lines.push(format!(
            "This window is closed; the databases of {id} go on following, and nobody guards them."
        ));
        lines.push(format!(
            "Guard them: pgpassage status {id} --watch --detach    Come back: pgpassage attach {id}"
        ));
    } else if matches!(left.why, Why::Broke(_)) {
        lines.push(format!("See how {id} stands: pgpassage attach {id}"));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(color: Color) -> WindowArgs {
        WindowArgs { plain: false, ascii: false, color }
    }

    #[test]
    fn colours_and_letters_follow_the_terminal() {
        let rich = Setting {
            terminal: true,
            term: "xterm".into(),
            truecolor: true,
            utf8: true,
            ..Setting::default()
        };
        assert_eq!(rich.look(&args(Color::Auto)), Look { colors: Colors::Rgb, letters: Letters::Unicode });
        assert_eq!(rich.look(&args(Color::Sixteen)).colors, Colors::Ansi16);
        let poor = Setting { no_color: true, utf8: false, ..rich };
        assert_eq!(poor.look(&args(Color::Auto)), Look { colors: Colors::None, letters: Letters::Ascii });
        assert_eq!(poor.look(&args(Color::Rgb)).colors, Colors::Rgb);
    }

    #[test]
    fn a_dumb_terminal_gets_lines() {
        let screen = |term: &str, terminal| {
            let setting = Setting { terminal, term: term.into(), ..Setting::default() };
            setting.full_screen(&args(Color::Auto))
        };
        assert!(screen("xterm-256color", true));
        assert!(!screen("dumb", true) && !screen("", true) && !screen("xterm", false));
    }
}
