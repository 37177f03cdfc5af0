//! The attributes that a terminal has set, and the shortest way from some to others.

use ratatui::buffer::Cell;
use ratatui::style::{Color, Modifier};
use std::collections::HashMap;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(super) struct Pen {
    front: Color,
    back: Color,
    marks: Modifier,
}

/// What is to be seen where no letter stands.
const SEEN_ON_BLANKS: Modifier = Modifier::REVERSED
    .union(Modifier::UNDERLINED)
    .union(Modifier::CROSSED_OUT)
    .union(Modifier::SLOW_BLINK)
    .union(Modifier::RAPID_BLINK);

/// Marks that are taken back together, and how.
const GROUPS: [(Modifier, &str); 7] = [
    (Modifier::BOLD.union(Modifier::DIM), "22"),
    (Modifier::ITALIC, "23"),
    (Modifier::UNDERLINED, "24"),
    (Modifier::SLOW_BLINK.union(Modifier::RAPID_BLINK), "25"),
    (Modifier::REVERSED, "27"),
    (Modifier::HIDDEN, "28"),
    (Modifier::CROSSED_OUT, "29"),
];

const MARKS: [(Modifier, &str); 9] = [
    (Modifier::BOLD, "1"),
    (Modifier::DIM, "2"),
    (Modifier::ITALIC, "3"),
    (Modifier::UNDERLINED, "4"),
    (Modifier::SLOW_BLINK, "5"),
    (Modifier::RAPID_BLINK, "6"),
    (Modifier::REVERSED, "7"),
    (Modifier::HIDDEN, "8"),
    (Modifier::CROSSED_OUT, "9"),
];

impl Pen {
    pub(super) fn of(cell: &Cell) -> Self {
        Self { front: cell.fg, back: cell.bg, marks: cell.modifier }
    }

    /// A blank that is written or erased with it has the terminal's own background and nothing on it. Some
    /// terminals erase with the background that is set, others with their own: only where both are the same
    /// may be erased.
    pub(super) fn leaves_blanks(self) -> bool {
        self.back == Color::Reset && !self.marks.intersects(SEEN_ON_BLANKS)
    }

    /// The sequence from these attributes to those: what differs, or everything from none, whichever is
    /// shorter.
    fn change(self, to: Self) -> String {
        if self == to {
            return String::new();
        }
        let (mut differs, mut afresh) = (Vec::new(), vec![String::new()]);
        let mut left = self.marks;
        for (group, end) in GROUPS {
            if self.marks.intersects(group.difference(to.marks)) {
                differs.push(end.to_owned());
                left.remove(group);
            }
        }
        for (mark, begin) in MARKS {
            if to.marks.contains(mark) {
                afresh.push(begin.to_owned());
                if !left.contains(mark) {
                    differs.push(begin.to_owned());
                }
            }
        }
        for (from, to, plane) in [(self.front, to.front, FRONT), (self.back, to.back, BACK)] {
            if from != to {
                differs.push(color(to, plane));
            }
            if to != Color::Reset {
                afresh.push(color(to, plane));
            }
        }
        let (differs, afresh) = (differs.join(";"), afresh.join(";"));
        let shorter = if afresh.len() <= differs.len() { afresh } else { differs };
        format!("\x1b[{shorter}m")
    }
}

/// Where the numbers of letters' colours begin, and those of what is behind them.
const FRONT: u8 = 30;
const BACK: u8 = 40;
/// From the eight colours to the eight bright ones.
const BRIGHT: u8 = 60;

fn color(color: Color, plane: u8) -> String {
    let number = match color {
        Color::Reset => plane + 9,
        Color::Black => plane,
        Color::Red => plane + 1,
        Color::Green => plane + 2,
        Color::Yellow => plane + 3,
        Color::Blue => plane + 4,
        Color::Magenta => plane + 5,
        Color::Cyan => plane + 6,
        Color::Gray => plane + 7,
        Color::DarkGray => plane + BRIGHT,
        Color::LightRed => plane + BRIGHT + 1,
        Color::LightGreen => plane + BRIGHT + 2,
        Color::LightYellow => plane + BRIGHT + 3,
        Color::LightBlue => plane + BRIGHT + 4,
        Color::LightMagenta => plane + BRIGHT + 5,
        Color::LightCyan => plane + BRIGHT + 6,
        Color::White => plane + BRIGHT + 7,
        Color::Indexed(index) => return format!("{};5;{index}", plane + 8),
        Color::Rgb(red, green, blue) => return format!("{};2;{red};{green};{blue}", plane + 8),
    };
    number.to_string()
}

/// The attributes that occur, as numbers: 0 is none at all.
#[derive(Debug)]
pub(super) struct Pens {
    known: Vec<Pen>,
    numbers: HashMap<Pen, usize>,
    changes: HashMap<(usize, usize), String>,
}

impl Default for Pens {
    fn default() -> Self {
        let none = Pen::default();
        Self { known: vec![none], numbers: HashMap::from([(none, NONE)]), changes: HashMap::new() }
    }
}

/// No attributes.
pub(super) const NONE: usize = 0;

impl Pens {
    pub(super) fn number(&mut self, pen: Pen) -> usize {
        *self.numbers.entry(pen).or_insert_with(|| {
            self.known.push(pen);
            self.known.len() - 1
        })
    }

    pub(super) fn leaves_blanks(&self, pen: usize) -> bool {
        self.known[pen].leaves_blanks()
    }

    pub(super) fn change(&mut self, from: usize, to: usize) -> &str {
        let known = &self.known;
        self.changes.entry((from, to)).or_insert_with(|| known[from].change(known[to]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_changes_is_said_and_never_longer_than_from_none() {
        let none = Pen::default();
        let pen = |front, marks| Pen { front, marks, ..none };
        let (bold, dim) = (pen(Color::Reset, Modifier::BOLD), pen(Color::Reset, Modifier::DIM));
        let title = pen(Color::Cyan, Modifier::BOLD);
        let cases = [
            (none, none, ""),
            (none, bold, "\x1b[1m"),
            (bold, none, "\x1b[m"),
            (bold, dim, "\x1b[;2m"),
            (bold, title, "\x1b[36m"),
            (title, bold, "\x1b[;1m"),
            (title, pen(Color::LightRed, Modifier::BOLD), "\x1b[91m"),
            (bold, pen(Color::Reset, Modifier::BOLD | Modifier::UNDERLINED), "\x1b[4m"),
            (none, pen(Color::Indexed(200), Modifier::empty()), "\x1b[38;5;200m"),
            (none, Pen { back: Color::Rgb(1, 2, 3), ..none }, "\x1b[48;2;1;2;3m"),
        ];
        for (from, to, sequence) in cases {
            assert_eq!(from.change(to), sequence, "from {from:?} to {to:?}");
        }
        let long = pen(Color::Rgb(108, 154, 240), Modifier::BOLD | Modifier::DIM);
        let less = Pen { marks: Modifier::BOLD, ..long };
        assert_eq!(long.change(less), "\x1b[22;1m", "the colour is not said again");
    }

    #[test]
    fn nothing_is_erased_where_it_would_be_seen() {
        let none = Pen::default();
        assert!(Pen { front: Color::Red, marks: Modifier::BOLD | Modifier::DIM, ..none }.leaves_blanks());
        for marks in [Modifier::REVERSED, Modifier::UNDERLINED, Modifier::CROSSED_OUT] {
            assert!(!Pen { marks, ..none }.leaves_blanks());
        }
        assert!(!Pen { back: Color::Blue, ..none }.leaves_blanks());
    }
}
