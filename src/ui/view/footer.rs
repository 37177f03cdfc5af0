//! The last line: the keys of this screen, the most needed first. None is cut: what has no room is in the help.

use crate::ui::state::form::{Field, Part};
use crate::ui::state::{Focus, Overlay, Rights, Screen, State};
use crate::ui::steps::close::trouble::{closes, notes};
use crate::ui::steps::migration::charts::offered;
use crate::ui::steps::migration::failed;
use crate::ui::steps::validation::report::rows;
use crate::ui::widgets::line::Line;
use crate::ui::widgets::paint::Paint;
use ratatui::layout::Rect;

type Keys = Vec<(&'static str, &'static str)>;

const CHART: (&str, &str) = ("x", "chart");

pub(super) fn view(p: &mut Paint<'_>, area: Rect, state: &State) {
    let mut keys = keys(state);
    // All charts may stand there side by side, and in a low window none does.
    keys.retain(|key| *key != CHART || p.next_chart.is_some());
    let always = 2.min(keys.len());
    let (most, last) = keys.split_at(keys.len() - always);
    let width = |(key, word): &(&str, &str)| Line::new(*key, p.theme.key).width() + word.len() + 4;
    // Behind the last one nothing needs a space.
    let mut room = usize::from(area.width + 2).saturating_sub(last.iter().map(width).sum::<usize>());
    let mut shown = Vec::new();
    for key in most {
        if width(key) > room {
            break;
        }
        room -= width(key);
        shown.push(*key);
    }
    shown.extend(last);
    let mut line = Line::default();
    for (key, word) in shown {
        line.push(if line.is_empty() { " " } else { "   " }, p.theme.dim);
        line.push(key, p.theme.key);
        line.push(format!(" {word}"), p.theme.dim);
    }
    p.line(area, 0, &line);
}

/// The keys that do something now; the last two are always shown.
pub fn keys(state: &State) -> Keys {
    if let Some(overlay) = &state.overlay {
        return match overlay {
            Overlay::Dialog(_) => vec![("Tab", "switch"), ("Enter", "choose"), ("Esc", "change nothing")],
            Overlay::Log { .. } => vec![("↑↓", "scroll"), ("y", "copy"), ("Esc", "close")],
            Overlay::Explain(_) => vec![("←→", "other numbers"), ("Esc", "close")],
            Overlay::Pick { .. } => vec![("↑↓", "move"), ("Space", "leave out or not"), ("Esc", "close")],
            Overlay::Passwords(ask) if ask.fields.len() < 2 => {
                vec![("Enter", "go on"), ("Esc", "change nothing")]
            }
            Overlay::Passwords(_) => {
                vec![("Tab", "switch"), ("Enter", "next, go on"), ("Esc", "change nothing")]
            }
            Overlay::Text { .. } => vec![("↑↓", "scroll"), ("y", "copy"), ("Esc", "close")],
            Overlay::Help { .. } => vec![("↑↓", "scroll"), ("Esc", "close")],
            _ => vec![("Esc", "close")],
        };
    }
    match state.screen {
        Screen::Start if state.start.filter.typing => vec![("Enter", "keep"), ("Esc", "clear")],
        Screen::Start => vec![
            ("↑↓", "move"),
            ("Enter", "open"),
            ("n", "new migration"),
            ("u", "Status update"),
            ("/", "filter"),
            ("x", "forget"),
            ("?", "help"),
            ("q", "quit"),
        ],
        Screen::Configure if state.focus == Focus::List => vec![
            ("Tab", "next"),
            ("↑↓", "guide"),
            ("←→", "provider"),
            ("y", "copy"),
            ("Enter", "press"),
            ("?", "help"),
            ("q", "quit"),
        ],
        Screen::Configure | Screen::Form => form(state),
        Screen::Report if state.check.as_ref().is_some_and(|check| check.ended.is_none()) => {
            vec![("?", "help"), ("Esc", "do not wait")]
        }
        Screen::Report => report(state),
        Screen::Plan => plan(state),
        Screen::Live | Screen::Close => running(state),
    }
}

/// The plan is scrolled from anywhere, with the arrows only where they do not go to another button or choose.
fn plan(state: &State) -> Keys {
    let mut keys = vec![("Tab", "next")];
    keys.extend(match state.focus {
        Focus::Button(_) => vec![("PgUp PgDn", "scroll"), ("Enter", "press")],
        Focus::List => vec![("↑↓", "scroll")],
        Focus::Field(Field::Jobs) => vec![("PgUp PgDn", "scroll"), ("F1", "help"), ("Esc", "report")],
        _ => vec![("←→", "choose"), ("PgUp PgDn", "scroll")],
    });
    if state.focus != Focus::Field(Field::Jobs) {
        keys.extend([("c", "command line"), ("?", "help"), ("Esc", "report")]);
    }
    keys
}

/// What a key does depends on the field that it goes to.
fn form(state: &State) -> Keys {
    let mut keys = vec![("Tab", "next"), ("Shift+Tab", "back")];
    match state.focus {
        Focus::Button(_) | Focus::Choice(_) | Focus::List => {
            keys.extend([("Enter", "press"), ("c", "command line"), ("?", "help")]);
        }
        Focus::Field(Field::Source(Part::Ssl) | Field::Target(Part::Ssl)) => {
            keys.extend([("Space", "on or off"), ("←→", "mode"), ("F1", "help")]);
        }
        Focus::Field(Field::Source(Part::Password) | Field::Target(Part::Password)) => {
            keys.extend([("Ctrl-R", "show"), ("F1", "help")]);
        }
        Focus::Field(_) => keys.extend([("Enter", "next"), ("F1", "help")]),
    }
    let first = state.screen == Screen::Configure && state.start.known.as_ref().is_none_or(Vec::is_empty);
    // Before the first screen there is nothing where no migration is known.
    keys.push(if first { ("Ctrl-C", "quit") } else { ("Esc", "one screen back") });
    keys
}

fn report(state: &State) -> Keys {
    let listed = state.check.as_ref().is_some_and(|check| !rows(check).is_empty());
    let mut keys = match state.focus {
        Focus::List if listed => vec![("↑↓", "move"), ("Enter", "all of it"), ("Tab", "next")],
        Focus::List => vec![("Tab", "next")],
        Focus::Field(_) => vec![("←→", "choose"), ("Tab", "next")],
        Focus::Choice(_) => vec![("Space", "decide"), ("Tab", "next")],
        Focus::Button(_) => vec![("Tab", "next"), ("Enter", "press")],
    };
    if listed {
        keys.extend([("y", "copy fix"), ("Y", "all fixes")]);
    }
    keys.extend([("a", "all checks"), ("r", "Run check")]);
    if listed && state.focus == Focus::List {
        keys.push(("x", "leave out"));
    }
    keys.extend([("?", "help"), ("Esc", "edit")]);
    keys
}

/// What a window that only shows does not do, and what is no question any more while it closes.
const CHANGES: [&str; 3] = ["stop", "discontinue", "how to verify"];

fn running(state: &State) -> Keys {
    let mut keys = all_running(state);
    let closes = state.screen == Screen::Close && closes(state);
    if state.rights == Rights::Look || closes {
        keys.retain(|(_, word)| !CHANGES.contains(word));
    }
    keys
}

fn all_running(state: &State) -> Keys {
    let mut keys = of_running(state);
    let charts = state.live.as_ref().map_or(0, |live| offered(state.screen, live).len());
    keys.retain(|key| *key != CHART || charts > 1);
    let found = state.live.as_ref().is_some_and(|live| live.found().next().is_some())
        || (state.screen == Screen::Close && !notes(state).is_empty())
        || (state.screen == Screen::Live && state.live.as_ref().is_some_and(failed));
    if found && !state.live.as_ref().is_some_and(|live| live.filter.typing) {
        keys.insert(2, ("f", "to look at"));
    }
    keys
}

fn of_running(state: &State) -> Keys {
    let Some(live) = &state.live else { return vec![("?", "help"), ("q", "quit")] };
    if live.filter.typing {
        return vec![("Enter", "keep"), ("Esc", "clear")];
    }
    if state.screen == Screen::Close && !live.is_following() {
        return vec![
            ("Tab", "next"),
            ("Enter", "press"),
            ("y", "copy address"),
            ("l", "log"),
            ("w", "save bundle"),
            ("?", "help"),
            ("q", "leave"),
        ];
    }
    if state.screen == Screen::Close {
        return vec![
            ("Tab", "next"),
            ("Enter", "press"),
            ("u", "Status update"),
            CHART,
            ("v", "how to verify"),
            ("s", "discontinue"),
            ("p", "passwords"),
            ("l", "log"),
            ("i", "explain"),
            ("?", "help"),
            ("d", "leave"),
        ];
    }
    if failed(live) {
        return vec![
            ("Tab", "choose"),
            ("Enter", "press"),
            ("y", "copy error"),
            ("l", "log"),
            ("w", "save bundle"),
            ("?", "help"),
            ("q", "leave"),
        ];
    }
    vec![
        ("s", "stop"),
        ("↑↓", "move"),
        ("v", "view"),
        ("/", "filter"),
        ("o", "sort"),
        CHART,
        ("l", "log"),
        ("i", "explain"),
        ("c", "command"),
        ("?", "help"),
        ("d", "Close window"),
    ]
}
