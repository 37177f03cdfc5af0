//! All keys, and how to come back.

use crate::ui::state::{Rights, Screen, State};
use crate::ui::widgets::line::{Line, column};
use crate::ui::widgets::paint::Paint;
use crate::ui::widgets::wrap::wrap;
use ratatui::layout::Rect;
use ratatui::style::Style;

const KEYS: [(&str, &str); 18] = [
    ("Tab Shift+Tab", "next field or button, the one before"),
    ("Enter Space", "press, toggle; on the last step Enter alone"),
    ("↑↓ j k g G", "move in lists; PgUp, PgDn, Home, End"),
    ("← →", "turn a choice; the provider of the guide"),
    ("Esc", "one screen back, close, clear a filter"),
    ("q d Ctrl-C", "leave: a migration goes on without the window"),
    ("s", "stop the migration (asks first)"),
    ("n a r x", "new; all checks; Run check; leave out or forget"),
    LISTS,
    ("y Y", "copy this; copy all fixes as a script"),
    ("c", "the command line that does the same, copied"),
    ("l", "the log"),
    ("i f", "explain a number; what was found, whole"),
    ("u p", "Status update; passwords for it"),
    ("w", "save log, report and versions, without secrets"),
    ("+ - Space", "slower, faster; freeze the numbers"),
    ("m t A", "mouse: clicks and scrolls; colours; ASCII"),
    ("Ctrl-L Ctrl-Z", "draw again; suspend (fg comes back)"),
];

const LISTS: (&str, &str) = ("/ o v x", "filter; sort; tables or databases; another chart");
/// The same where no chart is out of sight.
const LISTS_ALONE: (&str, &str) = ("/ o v", "filter; sort; tables or databases");

/// Columns of the keys' names.
const HEAD: usize = 15;

pub(super) fn view(p: &mut Paint<'_>, area: Rect, (state, from): (&State, usize)) {
    let width = 68.min(area.width);
    let lines = lines(p, state, usize::from(width).saturating_sub(4));
    super::overlay::scrolled(p, (area, width), ("Keys", &lines, from));
}

fn lines(p: &Paint<'_>, state: &State, width: usize) -> Vec<Line> {
    let theme = p.theme;
    let charted = matches!(state.screen, Screen::Live | Screen::Close);
    let here = |key| if key == LISTS && charted && p.next_chart.is_none() { LISTS_ALONE } else { key };
    let keys = KEYS.into_iter().map(here);
    let mut all: Vec<(&str, Style, String)> =
        keys.map(|(key, what)| (key, theme.key, what.to_owned())).collect();
    if state.rights == Rights::Look {
        let what = "what would change something is refused and says so".to_owned();
        all.push(("read-only", theme.warn, what));
    }
    if let Some(live) = &state.live {
        all.push(("Come back", theme.dim, format!("pgpassage attach {}", live.id)));
    }
    let mut lines = Vec::new();
    for (key, style, what) in all {
        for (number, piece) in wrap(&what, width.saturating_sub(HEAD)).into_iter().enumerate() {
            let head = if number == 0 { key } else { "" };
            lines.push(Line::new(column(head, HEAD), style).and(piece, theme.text));
        }
    }
    lines
}
