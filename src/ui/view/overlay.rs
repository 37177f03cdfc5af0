//! What lies over the screen.

use super::{dialog, explain, help, passwords};
use crate::model::units::readable;
use crate::ui::command;
use crate::ui::format::clock;
use crate::ui::state::check::Check;
use crate::ui::state::{Overlay, State};
use crate::ui::widgets::line::Line;
use crate::ui::widgets::list::list;
use crate::ui::widgets::paint::Paint;
use crate::ui::widgets::wrap::wrap;
use ratatui::layout::Rect;

pub(super) fn view(p: &mut Paint<'_>, area: Rect, state: &State) {
    match &state.overlay {
        None => {}
        Some(Overlay::Help { from }) => help::view(p, area, (state, *from)),
        Some(Overlay::Log { from_end }) => log(p, area, (state, *from_end)),
        Some(Overlay::Command) => command_line(p, area, state),
        Some(Overlay::Explain(number)) => explain::view(p, area, (state, *number)),
        Some(Overlay::Text { title, remark, text, from }) => {
            let above = remark.as_ref().map(|remark| format!("{remark}\n\n")).unwrap_or_default();
            whole_text(p, area, (title, &format!("{above}{text}"), *from));
        }
        Some(Overlay::Dialog(dialog)) => dialog::view(p, area, (state, dialog)),
        Some(Overlay::Pick { on }) => pick(p, area, (state, *on)),
        Some(Overlay::Passwords(ask)) => passwords::view(p, area, (state, ask)),
    }
}

fn log(p: &mut Paint<'_>, area: Rect, (state, from_end): (&State, usize)) {
    let Some(live) = &state.live else { return };
    p.cover(area);
    let title = Line::new("Log", p.theme.title);
    let right = if from_end == 0 {
        Line::new("the end", p.theme.dim)
    } else {
        Line::new(format!("{from_end} lines further up"), p.theme.warn)
    };
    let inner = p.panel(area, &title, &right);
    let width = usize::from(inner.width).saturating_sub(10);
    let height = usize::from(inner.height);
    let upto = live.log.len().saturating_sub(from_end);
    // From the end up, until the window is full: long lines take more than one.
    let mut lines: Vec<Line> = Vec::new();
    for entry in live.log.iter().take(upto).rev() {
        let pieces = wrap(&entry.text, width);
        let time = clock(entry.at_ms, state.utc_offset_s);
        for (number, piece) in pieces.into_iter().enumerate().rev() {
            let head = if number == 0 { format!("{time}  ") } else { " ".repeat(10) };
            lines.push(Line::new(head, p.theme.dim).and(piece, p.theme.text));
        }
        if lines.len() >= height {
            break;
        }
    }
    lines.truncate(height);
    lines.reverse();
    p.lines(inner, &lines);
}

fn command_line(p: &mut Paint<'_>, area: Rect, state: &State) {
    let text = command::line(state);
    let mut lines = vec![text];
    if command::needs_passwords(state) {
        lines.push(String::new());
        lines.push(
            "Passwords come from ~/.pgpass or PGPASSWORD; they never stand on a command line.".to_owned(),
        );
    }
    boxed(p, area, ("The same on the command line", &lines.join("\n")));
}

fn whole_text(p: &mut Paint<'_>, area: Rect, (title, text, from): (&str, &str, usize)) {
    let width = area.width.saturating_sub(4).min(100);
    let lines: Vec<_> = wrap(text, usize::from(width).saturating_sub(4))
        .into_iter()
        .map(|line| Line::new(line, p.theme.text))
        .collect();
    scrolled(p, (area, width), (title, &lines, from));
}

/// In a box in the middle, or on a page of its own where the box would cover most of the screen; where there are more lines
/// than fit, it says in which direction.
pub(super) fn scrolled(
    p: &mut Paint<'_>,
    (area, width): (Rect, u16),
    (title, lines, from): (&str, &[Line], usize),
) {
    let boxed =
        super::centered(area, width, u16::try_from(lines.len()).unwrap_or(u16::MAX).saturating_add(2));
    let is_page = boxed.area() * 2 > area.area();
    let area = if is_page { area } else { boxed };
    p.cover(area);
    let room = usize::from(area.height.saturating_sub(2));
    let hidden = lines.len().saturating_sub(room);
    let first = from.min(hidden);
    let more = match (first, hidden) {
        (_, 0) => "",
        (0, _) => "↓ more",
        (first, hidden) if first == hidden => "↑ more",
        _ => "↑↓ more",
    };
    let title = Line::new(title, p.theme.title);
    let right = if more.is_empty() { Line::default() } else { Line::new(more, p.theme.key) };
    let inner = if is_page { p.panel(area, &title, &right) } else { p.window(area, &title, &right) };
    p.lines(inner, &lines[first..lines.len().min(first + room)]);
}

fn boxed(p: &mut Paint<'_>, area: Rect, (title, text): (&str, &str)) {
    let width = area.width.saturating_sub(4).min(100);
    let lines: Vec<_> = wrap(text, usize::from(width).saturating_sub(4))
        .into_iter()
        .map(|line| Line::new(line, p.theme.text))
        .collect();
    let height = u16::try_from(lines.len()).unwrap_or(u16::MAX).saturating_add(2);
    let area = super::centered(area, width, height);
    p.cover(area);
    let inner = p.window(area, &Line::new(title, p.theme.title), &Line::default());
    p.lines(inner, &lines);
}

fn pick(p: &mut Paint<'_>, area: Rect, (state, on): (&State, usize)) {
    let names = state.check.as_ref().map(Check::databases).unwrap_or_default();
    let excluded = state.form.excluded();
    let height = u16::try_from(names.len()).unwrap_or(u16::MAX).saturating_add(2);
    let area = super::centered(area, 50, height);
    p.cover(area);
    let title = Line::new("Exclude databases", p.theme.title);
    let inner = p.window(area, &title, &Line::new("Space", p.theme.key));
    let lines: Vec<_> = names
        .iter()
        .map(|name| {
            let tick = if excluded.contains(name) { "[✔] " } else { "[ ] " };
            Line::new(tick, p.theme.text).and(readable(name), p.theme.text)
        })
        .collect();
    list(p, inner, &lines, Some(on.min(lines.len().saturating_sub(1))));
}
