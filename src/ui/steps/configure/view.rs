//! The guide above, the target's address below.

use super::update::fields;
use crate::ui::guide::{self, Item, Seen, seen};
use crate::ui::message::Hit;
use crate::ui::state::{Button, Focus, State};
use crate::ui::steps::migration::view_parts::{button_line, rows};
use crate::ui::theme::Theme;
use crate::ui::widgets::form::{form, height};
use crate::ui::widgets::line::Line;
use crate::ui::widgets::list::first_shown;
use crate::ui::widgets::paint::Paint;
use crate::ui::widgets::wrap::wrap;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use unicode_width::UnicodeWidthStr;

/// From this width on all providers are named whole.
const ROOMY: u16 = 100;
/// From here on there is room for what the guide is about beside their short names.
const NAMED: u16 = 70;
/// Lines that show most of the guide's items whole.
const GUIDE: u16 = 8;

pub fn view(p: &mut Paint<'_>, area: Rect, state: &State) {
    let needed = u16::try_from(height(state, &fields())).unwrap_or(8) + 3;
    let spare = area.height.saturating_sub(needed).max(area.height / 3).max(5);
    // In a low window the half that keys act on has the room: what the guide says is long.
    let low = area.height < needed + GUIDE && state.focus == Focus::List;
    let guide_height = if low { area.height.saturating_sub(5) } else { spare };
    let [top, below] = rows(area, [guide_height, area.height.saturating_sub(guide_height)]);
    draw_guide(p, top, state);
    let promise =
        if area.width < NAMED { "the target" } else { "the target; nothing is changed before step 3" };
    let inner = p.panel(below, &Line::new("Migrate to", p.theme.title), &Line::new(promise, p.theme.dim));
    let last = Rect { y: inner.bottom().saturating_sub(1), height: 1.min(inner.height), ..inner };
    form(p, Rect { height: inner.height.saturating_sub(1), ..inner }, state, &fields());
    button_line(p, last, (state, &[Button::GetStarted]));
    if state.overlay.is_none() && state.focus == Focus::Button(Button::GetStarted) {
        p.cursor = Some((last.x, last.y).into());
    }
}

/// A provider's first word says enough where its neighbours are named too.
fn brief(title: &'static str) -> &'static str {
    let title = title.split_once(',').map_or(title, |(first, _)| first);
    ["Google ", "Amazon "].iter().find_map(|firm| title.strip_prefix(firm)).unwrap_or(title)
}

fn look(p: &Paint<'_>, seen: Seen) -> (&'static str, Style) {
    match seen {
        Seen::Good => ("✔", p.theme.ok),
        Seen::Bad => ("✖", p.theme.error),
        Seen::Unknown => ("?", p.theme.warn),
        Seen::NotYet => ("·", p.theme.dim),
    }
}

fn draw_guide(p: &mut Paint<'_>, area: Rect, state: &State) {
    let theme = p.theme;
    let focused = state.focus == Focus::List && state.overlay.is_none();
    let roomy = area.width >= ROOMY;
    let all_named = area.width >= NAMED;
    let mut title = Line::new(if all_named { "Prepare the source  " } else { "Prepare  " }, theme.title);
    let mut tabs = Vec::new();
    for (number, name) in guide::titles().enumerate() {
        let name = if roomy { name } else { brief(name) };
        let chosen = number == state.guide.provider % guide::COUNT;
        let style = match (chosen, focused) {
            (true, true) => theme.focus,
            (true, false) => theme.accent.add_modifier(Modifier::BOLD),
            (false, _) => theme.dim,
        };
        // Also where no style is to be seen.
        let text = if chosen { format!("[{name}]") } else { format!(" {name} ") };
        let before = title.width();
        tabs.push((before, text.width(), number));
        title.push(text, style);
    }
    let inner = p.panel(area, &title, &Line::default());
    for (before, width, number) in tabs {
        // Where the title begins.
        p.hit((area, 0), (1 + before, width), Hit::Provider(number));
    }
    let guide = guide::chosen(state);
    let text_width = usize::from(inner.width).saturating_sub(6);
    // Each item with its explanation where it is the selected one.
    let mut lines = Vec::new();
    let (mut first, mut last) = (0, 0);
    let mut starts = Vec::new();
    for (number, item) in guide.items.iter().enumerate() {
        let chosen = number == state.guide.item;
        let seen = seen(state, item);
        let ((sign, style), word) = (look(p, seen), seen.word());
        let mark = if chosen && focused { "▌ " } else { "  " };
        let mut line = Line::new(mark, theme.accent).and(format!("{sign} "), style);
        line.push(item.title, if chosen { theme.title } else { theme.text });
        if !word.is_empty() {
            line.push(format!("  {word}"), style);
        }
        if chosen {
            first = lines.len();
        }
        starts.push(lines.len());
        lines.push(line);
        if chosen {
            lines.extend(explained(theme, item, text_width));
            last = lines.len() - 1;
        }
    }
    // All of what is selected is to be seen, its title above all.
    let room = usize::from(inner.height);
    let top = first_shown(last, lines.len(), room).min(first).max((last + 1).saturating_sub(room).min(first));
    for (row, line) in lines.iter().skip(top).take(room).enumerate() {
        p.line(inner, row, line);
        // The explanation belongs to the item above it.
        let item = starts.partition_point(|start| *start <= top + row).saturating_sub(1);
        p.hit((inner, row), (0, inner.width.into()), Hit::Row(item));
    }
    if focused {
        let y = inner.y.saturating_add(u16::try_from(first - top).unwrap_or(0));
        p.cursor = Some((inner.x, y.min(inner.bottom().saturating_sub(1))).into());
    }
    if top + room < lines.len() {
        let last = Rect { x: inner.x, width: inner.width, ..area };
        p.right(last, usize::from(area.height).saturating_sub(1), &Line::new("↓", theme.dim));
    }
}

/// Why it matters, and what to run.
fn explained(theme: Theme, item: &Item, width: usize) -> Vec<Line> {
    let why = if item.why.is_empty() { Vec::new() } else { wrap(&item.why, width) };
    let statements = item.statements.iter().flat_map(|statement| wrap(statement, width));
    let indented = |style| move |text: String| Line::new(format!("      {text}"), style);
    why.into_iter().map(indented(theme.dim)).chain(statements.map(indented(theme.info))).collect()
}
