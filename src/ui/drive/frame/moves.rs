//! The single things that a frame consists of, what each of them takes, and what they amount to.

use super::cells::{Canvas, Spot};
use super::pen::{NONE, Pens};
use super::way::{At, Plan};
use std::collections::HashMap;

/// A place is the number of a cell, row by row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Move {
    To {
        x: usize,
        y: usize,
    },
    /// To the first column, so many rows further down.
    Down(usize),
    Ahead(usize),
    Write(usize),
    Erase {
        place: usize,
        columns: usize,
    },
    EraseLine {
        place: usize,
    },
    EraseBelow {
        row: usize,
    },
}

impl Move {
    /// How many bytes, attributes apart.
    pub(super) fn takes(self, canvas: &Canvas<'_>) -> usize {
        match self {
            Move::To { x: 0, y: 0 } | Move::EraseLine { .. } | Move::EraseBelow { .. } => 3,
            Move::To { x: 0, y } => 3 + digits(y + 1),
            Move::To { x, y } => 4 + digits(y + 1) + digits(x + 1),
            Move::Down(rows) => 1 + rows,
            Move::Ahead(1) | Move::Erase { columns: 1, .. } => 3,
            Move::Ahead(columns) | Move::Erase { columns, .. } => 3 + digits(columns),
            Move::Write(place) => text(canvas, place).len(),
        }
    }

    fn write(self, canvas: &Canvas<'_>, out: &mut Vec<u8>) {
        let sequence = match self {
            Move::To { x, y } => to(x, y),
            Move::Down(rows) => format!("\r{}", "\n".repeat(rows)),
            Move::Ahead(columns) => format!("\x1b[{}C", counted(columns)),
            Move::Erase { columns, .. } => format!("\x1b[{}X", counted(columns)),
            Move::EraseLine { .. } => "\x1b[K".to_owned(),
            Move::EraseBelow { .. } => "\x1b[J".to_owned(),
            Move::Write(place) => text(canvas, place).to_owned(),
        };
        out.extend_from_slice(sequence.as_bytes());
    }

    /// With which attributes it may be done, where those are set now.
    pub(super) fn pen(self, now: usize, canvas: &Canvas<'_>, pens: &Pens) -> usize {
        let blank = if pens.leaves_blanks(now) { now } else { NONE };
        match self {
            Move::To { .. } | Move::Down(_) | Move::Ahead(_) => now,
            Move::Erase { .. } | Move::EraseLine { .. } | Move::EraseBelow { .. } => blank,
            Move::Write(place) => match canvas.wanted[place] {
                Spot::Letter(letter) => letter.pen,
                Spot::Blank | Spot::Rest | Spot::Unknown => blank,
            },
        }
    }
}

fn text<'a>(canvas: &Canvas<'a>, place: usize) -> &'a str {
    match canvas.wanted[place] {
        Spot::Letter(letter) => letter.text,
        Spot::Blank | Spot::Rest | Spot::Unknown => " ",
    }
}

pub(super) fn to(x: usize, y: usize) -> String {
    match (x, y) {
        (0, 0) => "\x1b[H".to_owned(),
        (0, y) => format!("\x1b[{}H", y + 1),
        (x, y) => format!("\x1b[{};{}H", y + 1, x + 1),
    }
}

fn digits(number: usize) -> usize {
    number.checked_ilog10().map_or(1, |log| log as usize + 1)
}

/// A one goes without saying.
fn counted(number: usize) -> String {
    if number == 1 { String::new() } else { number.to_string() }
}

/// A frame in the making, and what the terminal shows of it so far.
#[derive(Debug, Clone)]
pub(super) struct Draft<'a> {
    pub(super) canvas: Canvas<'a>,
    pub(super) at: At,
    pub(super) bytes: Vec<u8>,
    /// What it takes to come to attributes, or from them to none.
    spent: HashMap<usize, usize>,
}

impl<'a> Draft<'a> {
    pub(super) fn new(canvas: Canvas<'a>, at: At) -> Self {
        Self { canvas, at, bytes: Vec::new(), spent: HashMap::new() }
    }

    pub(super) fn take(&mut self, plan: &Plan, pens: &mut Pens) {
        for what in &plan.moves {
            self.set(what.pen(self.at.pen, &self.canvas, pens), pens);
            what.write(&self.canvas, &mut self.bytes);
            self.show(*what);
        }
        self.at.row = plan.row.or(self.at.row);
    }

    /// Attributes as they were.
    pub(super) fn end(&mut self, pens: &mut Pens) {
        self.set(NONE, pens);
    }

    fn set(&mut self, pen: usize, pens: &mut Pens) {
        let sequence = pens.change(self.at.pen, pen);
        if !sequence.is_empty() {
            let whose = if pen == NONE { self.at.pen } else { pen };
            *self.spent.entry(whose).or_default() += sequence.len();
            self.bytes.extend_from_slice(sequence.as_bytes());
            self.at.pen = pen;
        }
    }

    fn show(&mut self, what: Move) {
        let width = self.canvas.width;
        let line_end = |place: usize| place - place % width + width;
        match what {
            Move::To { .. } | Move::Down(_) | Move::Ahead(_) => {}
            Move::Write(place) => self.canvas.write(place),
            Move::Erase { place, columns } => self.canvas.shown[place..place + columns].fill(Spot::Blank),
            Move::EraseLine { place } => self.canvas.shown[place..line_end(place)].fill(Spot::Blank),
            Move::EraseBelow { row } => self.canvas.shown[row * width..].fill(Spot::Blank),
        }
    }

    /// The attributes that took the most, the dearest first.
    pub(super) fn dearest(&self, most: usize) -> Vec<usize> {
        let mut pens: Vec<_> = self.spent.iter().map(|(pen, spent)| (*spent, *pen)).collect();
        pens.sort_unstable_by(|a, b| b.cmp(a));
        pens.into_iter().take(most).map(|(_, pen)| pen).collect()
    }
}
