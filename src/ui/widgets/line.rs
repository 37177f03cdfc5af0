//! A line of text in several styles, and how it is cut where there is too little room.

use ratatui::style::Style;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Line {
    pieces: Vec<(String, Style)>,
}

impl Line {
    pub fn new(text: impl Into<String>, style: Style) -> Self {
        Self { pieces: vec![(text.into(), style)] }
    }

    #[must_use]
    pub fn and(mut self, text: impl Into<String>, style: Style) -> Self {
        self.push(text, style);
        self
    }

    pub fn push(&mut self, text: impl Into<String>, style: Style) {
        self.pieces.push((text.into(), style));
    }

    pub fn append(&mut self, other: Line) {
        self.pieces.extend(other.pieces);
    }

    pub fn pieces(&self) -> impl Iterator<Item = (&str, Style)> {
        self.pieces.iter().map(|(text, style)| (text.as_str(), *style))
    }

    pub fn is_empty(&self) -> bool {
        self.pieces.iter().all(|(text, _)| text.is_empty())
    }

    /// Itself where that fits, else in other words, which are cut if they must be.
    #[must_use]
    pub fn or(self, width: usize, shorter: impl FnOnce() -> Line) -> Line {
        if self.width() <= width { self } else { shorter() }
    }

    pub fn width(&self) -> usize {
        self.pieces.iter().map(|(text, _)| text.width()).sum()
    }

    /// Not wider than `width`; what is left out is replaced by an ellipsis.
    #[must_use]
    pub fn fitted(&self, width: usize) -> Line {
        if self.width() <= width {
            return self.clone();
        }
        let mut room = width.saturating_sub(1);
        let mut fitted = Line::default();
        for (text, style) in &self.pieces {
            let taken = take(text, room);
            room -= taken.width();
            let whole = taken.len() == text.len();
            fitted.push(taken, *style);
            if !whole {
                if width > 0 {
                    fitted.push("…", *style);
                }
                break;
            }
        }
        fitted
    }
}

/// The longest beginning that is not wider than `width`.
fn take(text: &str, width: usize) -> &str {
    let mut used = 0;
    for (at, c) in text.char_indices() {
        used += c.width().unwrap_or(0);
        if used > width {
            return &text[..at];
        }
    }
    text
}

/// A text of one style, not wider than `width`.
pub fn clip(text: &str, width: usize) -> String {
    let fitted = Line::new(text, Style::default()).fitted(width);
    fitted.pieces().map(|(text, _)| text).collect()
}

/// Its end rather than its beginning: for what is being typed.
pub fn tail(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    if width == 0 {
        return String::new();
    }
    let mut used = 1;
    let mut from = text.len();
    for (at, c) in text.char_indices().rev() {
        used += c.width().unwrap_or(0);
        if used > width {
            break;
        }
        from = at;
    }
    format!("…{}", &text[from..])
}

/// Filled up with spaces to `width`, or cut to it.
pub fn column(text: &str, width: usize) -> String {
    let clipped = clip(text, width);
    let spaces = width.saturating_sub(clipped.width());
    clipped + &" ".repeat(spaces)
}

/// The same, to the right.
pub fn column_right(text: &str, width: usize) -> String {
    let clipped = clip(text, width);
    let spaces = width.saturating_sub(clipped.width());
    " ".repeat(spaces) + &clipped
}

#[cfg(test)]
mod tests {
    use super::*;
    use ratatui::style::Color;

    #[test]
    fn what_is_cut_says_so() {
        assert_eq!(clip("public.orders", 13), "public.orders");
        assert_eq!(clip("public.orders", 8), "public.…");
        assert_eq!(clip("ab", 1), "…");
        assert_eq!(clip("ab", 0), "");
        assert_eq!(clip("日本語", 4), "日…");
        assert_eq!(tail("0123456789", 4), "…789");
        assert_eq!(tail("01", 4), "01");
        assert_eq!(column("a", 3), "a  ");
        assert_eq!(column_right("abcd", 3), "ab…");
    }

    #[test]
    fn styles_stay_with_their_text() {
        let red = Style::default().fg(Color::Red);
        let line = Line::new("abc", Style::default()).and("def", red).fitted(5);
        assert_eq!(line.pieces().collect::<Vec<_>>(), [("abc", Style::default()), ("d", red), ("…", red)]);
        assert_eq!(line.width(), 5);
    }
}
