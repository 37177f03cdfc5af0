//! All keys, and how to come back.

use crate::ui::state::State;
use crate::ui::widgets::line::{Line, column};
use crate::ui::widgets::paint::Paint;
use ratatui::layout::Rect;

const KEYS: [(&str, &str); 17] = [
    ("Tab Shift+Tab", "next field or button, the one before"),
    ("Enter Space", "press, toggle"),
    ("↑↓ j k g G", "move in lists; PgUp, PgDn, Home, End"),
    ("← →", "turn a choice; the provider of the guide"),
    ("Esc", "one screen back, close, clear a filter"),
    ("q d Ctrl-C", "leave: a migration goes on without the window"),
    ("s", "stop the migration (asks first)"),
    ("/ o v", "filter; sort; tables or databases"),
    ("y Y", "copy this; copy all fixes as a script"),
    ("c", "the command line that does the same, copied"),
    ("l", "the log"),
    ("i", "explain a number"),
    ("u p", "Status update; passwords for it"),
    ("w", "save log, report and versions, without secrets"),
    ("+ - Space", "slower, faster; freeze the numbers"),
    ("m t A", "mouse; colours; ASCII"),
    ("Ctrl-L Ctrl-Z", "draw again; suspend (fg comes back)"),
];

pub(super) fn view(p: &mut Paint<'_>, area: Rect, state: &State) {
    let area = super::centered(area, 68, u16::try_from(KEYS.len()).unwrap_or(20) + 4);
    p.blank(area);
    let title = Line::new("Keys", p.theme.title);
    let inner = p.panel(area, &title, &Line::default());
    let mut lines: Vec<Line> = KEYS
        .iter()
        .map(|(key, what)| Line::new(column(key, 15), p.theme.key).and(*what, p.theme.text))
        .collect();
    if let Some(live) = &state.live {
        lines.push(
            Line::new("Come back:     ", p.theme.dim)
                .and(format!("pgpassage attach {}", live.id), p.theme.text),
        );
    }
    p.lines(inner, &lines);
}
