//! A buffer as text: what stands there, and below it a letter for each style. Small, and to be read in a diff.

use pgpassage::ui::state::State;
use pgpassage::ui::view::{Drawn, view};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use std::fmt::Write;

pub(crate) fn draw(state: &State, width: u16, height: u16) -> Buffer {
    drawn(state, width, height).0
}

/// With what the mouse can press.
pub(crate) fn drawn(state: &State, width: u16, height: u16) -> (Buffer, Drawn) {
    let area = Rect::new(0, 0, width, height);
    let mut buffer = Buffer::empty(area);
    let drawn = view(state, area, &mut buffer);
    (buffer, drawn)
}

/// The rows of a buffer. A wide letter takes two cells, of which the second is empty.
pub(crate) fn rows(buffer: &Buffer) -> Vec<String> {
    let row = |y| (0..buffer.area.width).map(|x| buffer[(x, y)].symbol()).collect::<String>();
    (0..buffer.area.height).map(row).collect()
}

pub(crate) fn style_of(buffer: &Buffer, x: u16, y: u16) -> Style {
    let cell = &buffer[(x, y)];
    Style { fg: Some(cell.fg), bg: Some(cell.bg), add_modifier: cell.modifier, ..Style::default() }
}

/// What stands there, line by line.
pub(crate) fn text(buffer: &Buffer) -> String {
    let mut legend: Vec<Style> = vec![Style {
        fg: Some(ratatui::style::Color::Reset),
        bg: Some(ratatui::style::Color::Reset),
        ..Style::default()
    }];
    let mut map = String::new();
    for y in 0..buffer.area.height {
        let mut line = String::new();
        for x in 0..buffer.area.width {
            let style = style_of(buffer, x, y);
            let at = legend.iter().position(|known| *known == style).unwrap_or_else(|| {
                legend.push(style);
                legend.len() - 1
            });
            line.push(if at == 0 { '.' } else { char::from(b'a' + u8::try_from(at - 1).unwrap()) });
        }
        writeln!(map, "{}", line.trim_end_matches('.')).unwrap();
    }
    let mut out = String::new();
    for row in rows(buffer) {
        writeln!(out, "{}", row.trim_end()).unwrap();
    }
    out.push_str("\n== styles ==\n");
    out.push_str(&map);
    for (at, style) in legend.iter().enumerate().skip(1) {
        let letter = char::from(b'a' + u8::try_from(at - 1).unwrap());
        writeln!(out, "{letter} {:?} on {:?} {:?}", style.fg.unwrap(), style.bg.unwrap(), style.add_modifier)
            .unwrap();
    }
    out
}

/// What stands there, line by line.
pub(crate) fn shown(state: &State, (width, height): (u16, u16)) -> String {
    rows(&draw(state, width, height)).join("\n")
}

/// The text with its frames and breaks gone.
pub(crate) fn words(state: &State, size: (u16, u16)) -> String {
    shown(state, size).replace(['│', '\n'], " ").split_whitespace().collect::<Vec<_>>().join(" ")
}
