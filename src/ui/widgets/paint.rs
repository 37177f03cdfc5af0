//! The only hand that writes into the buffer: it escapes, cuts with an ellipsis, and draws panels and windows.

use super::line::Line;
use crate::model::units::turns_text;
use crate::ui::message::Hit;
use crate::ui::state::chart::Charted;
use crate::ui::theme::Theme;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::Style;
use unicode_width::UnicodeWidthStr;

/// Whether keys act on something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    Focused,
    Apart,
}

impl From<bool> for Reach {
    fn from(focused: bool) -> Self {
        if focused { Reach::Focused } else { Reach::Apart }
    }
}

#[derive(Debug)]
pub struct Paint<'a> {
    pub buffer: &'a mut Buffer,
    pub theme: Theme,
    /// Where the terminal's own cursor belongs: screen readers follow it.
    pub cursor: Option<Position>,
    /// What the mouse can press, and where; the last one that covers a place has it.
    pub hits: Vec<(Rect, Hit)>,
    /// What lies over the screen.
    pub covered: Option<Rect>,
    /// The chart that a key would bring, where not all of them stand there.
    pub next_chart: Option<Charted>,
}

impl Paint<'_> {
    /// A line at `row` of the area, cut at the area's edge.
    pub fn line(&mut self, area: Rect, row: usize, line: &Line) {
        let Ok(row) = u16::try_from(row) else { return };
        if row >= area.height || area.width == 0 {
            return;
        }
        let mut x = area.x;
        for (text, style) in line.fitted(usize::from(area.width)).pieces() {
            x = self.put(x, area.y + row, area.right(), (text, style));
        }
    }

    /// Columns from `x` on, so many, in that row of the area can be pressed.
    pub fn hit(&mut self, (area, row): (Rect, usize), (x, width): (usize, usize), hit: Hit) {
        let size = |n: usize| u16::try_from(n).unwrap_or(u16::MAX);
        let place = Rect {
            x: area.x.saturating_add(size(x)),
            y: area.y.saturating_add(size(row)),
            width: size(width),
            height: 1,
        };
        let place = place.intersection(area);
        if !place.is_empty() {
            self.hits.push((place, hit));
        }
    }

    pub fn right(&mut self, area: Rect, row: usize, line: &Line) {
        let width = u16::try_from(line.width()).unwrap_or(u16::MAX).min(area.width);
        let area = Rect { x: area.right() - width, width, ..area };
        self.line(area, row, line);
    }

    /// As many of the lines as there is room for; where they are too many, the last one that fits says so.
    pub fn lines(&mut self, area: Rect, lines: &[Line]) {
        let room = usize::from(area.height);
        for (row, line) in lines.iter().take(room).enumerate() {
            self.line(area, row, line);
        }
        if lines.len() > room && room > 0 {
            let more = Line::new("…", self.theme.dim);
            self.blank(Rect { y: area.bottom() - 1, height: 1, ..area });
            self.line(area, room - 1, &more);
        }
    }

    /// The same where a key leads to the rest: then the last line that fits names it, and what it does.
    pub fn lines_or_key(&mut self, area: Rect, lines: &[Line], (key, does): (&str, &str)) {
        let room = usize::from(area.height);
        self.lines(area, lines);
        if lines.len() > room && room > 0 {
            let more = Line::new("… ", self.theme.dim).and(key, self.theme.key);
            self.line(area, room - 1, &more.and(format!(" {does}"), self.theme.dim));
        }
    }

    /// Returns where the text ends.
    fn put(&mut self, x: u16, y: u16, end: u16, (text, style): (&str, Style)) -> u16 {
        let room = usize::from(end.saturating_sub(x));
        let harmless: String = text.chars().map(|c| self.letter(c)).collect();
        let area = self.buffer.area;
        if !area.contains(Position { x, y }) || room == 0 {
            return x;
        }
        // What stood there, a border for example, leaves nothing of its style behind.
        let width = u16::try_from(harmless.width()).unwrap_or(u16::MAX).min(end - x);
        self.blank(Rect { x, y, width, height: 1 });
        self.buffer.set_stringn(x, y, harmless, room, style).0
    }

    /// No control character of a server's reaches the terminal, and without Unicode everything has a stand-in.
    fn letter(&self, c: char) -> char {
        if c.is_control() || turns_text(c) {
            return '?';
        }
        if !self.theme.ascii || c.is_ascii() {
            return c;
        }
        match c {
            '✔' => '+',
            '●' | '•' | '▐' | '▌' => '*',
            '○' | '─' | '▁' => '-',
            '✖' => 'X',
            '▲' => '!',
            '┤' | '│' => '|',
            '↻' => '@',
            '…' => '~',
            '■' | '█' | '▇' | '▆' => '#',
            '▅' | '▄' => '=',
            '▶' | '→' => '>',
            '·' | '▃' | '▂' => '.',
            '←' => '<',
            '↑' => '^',
            '↓' => 'v',
            '╭' | '╮' | '╰' | '╯' => '+',
            '–' => '-',
            _ => '?',
        }
    }

    /// Clears a place for something that lies over the screen.
    pub fn cover(&mut self, area: Rect) {
        self.blank(area);
        self.covered = Some(area);
    }

    pub fn blank(&mut self, area: Rect) {
        let area = area.intersection(self.buffer.area);
        for position in area.positions() {
            if let Some(cell) = self.buffer.cell_mut(position) {
                cell.reset();
            }
        }
    }

    /// Gives cells that are there another style.
    pub fn tint(&mut self, area: Rect, style: Style) {
        self.buffer.set_style(area.intersection(self.buffer.area), style);
    }

    /// What a step shows: a title, something short at its right, and indented below it what belongs to it, up to a blank line
    /// at the end. No lines around it: over a slow line they were half of a screen's bytes.
    pub fn panel(&mut self, area: Rect, title: &Line, right: &Line) -> Rect {
        let head =
            Rect { x: area.x.saturating_add(1), width: area.width.saturating_sub(2), height: 1, ..area };
        self.head(head.intersection(area), title, right);
        Rect { x: area.x.saturating_add(3), ..inside(area) }
    }

    /// What lies over a screen, with a box around it.
    pub fn window(&mut self, area: Rect, title: &Line, right: &Line) -> Rect {
        self.frame(area, self.theme.border);
        let spaced = |line: &Line| {
            let mut spaced = Line::new(" ", self.theme.border);
            spaced.append(line.clone());
            spaced.push(" ", self.theme.border);
            if line.is_empty() { Line::default() } else { spaced }
        };
        let head =
            Rect { x: area.x.saturating_add(2), width: area.width.saturating_sub(4), height: 1, ..area };
        self.head(head.intersection(area), &spaced(title), &spaced(right));
        inside(area)
    }

    fn head(&mut self, head: Rect, title: &Line, right: &Line) {
        let room = usize::from(head.width);
        let shows_right = !right.is_empty() && room >= right.width() + title.width().min(14) + 2;
        let left_room = if shows_right { room - right.width() - 2 } else { room };
        self.line(head, 0, &title.fitted(left_room));
        if shows_right {
            self.right(head, 0, right);
        }
    }

    fn frame(&mut self, area: Rect, style: Style) {
        if area.width < 2 || area.height < 2 {
            return;
        }
        let across = usize::from(area.width) - 2;
        let edge = |left: &str, right: &str| format!("{left}{}{right}", "─".repeat(across));
        let (top, bottom) = (edge("╭", "╮"), edge("╰", "╯"));
        let last = usize::from(area.height) - 1;
        self.line(area, 0, &Line::new(top, style));
        self.line(area, last, &Line::new(bottom, style));
        for row in 1..last {
            self.line(area, row, &Line::new("│", style));
            self.right(area, row, &Line::new("│", style));
        }
    }

    /// A button; the one that keys act on is reversed and marked.
    pub fn button(&self, label: &str, reach: Reach) -> Line {
        if reach == Reach::Focused {
            // Half a letter of the same colour at each end: whole without colours too.
            Line::new("▐", self.theme.text)
                .and(format!(" {label} "), self.theme.focus)
                .and("▌", self.theme.text)
        } else {
            Line::new(format!("[ {label} ]"), self.theme.text)
        }
    }
}

/// Of a panel or a window.
fn inside(area: Rect) -> Rect {
    Rect {
        x: area.x.saturating_add(2),
        y: area.y.saturating_add(1),
        width: area.width.saturating_sub(4),
        height: area.height.saturating_sub(2),
    }
}
