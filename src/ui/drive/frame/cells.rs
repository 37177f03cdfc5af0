//! What stands on a terminal, place by place.

use super::pen::{Pen, Pens};
use ratatui::buffer::{Buffer, Cell, CellDiffOption, CellWidth};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spot<'a> {
    /// The terminal's own background, and nothing on it.
    Blank,
    Letter(Letter<'a>),
    /// A letter that is wider begins left of it.
    Rest,
    /// What is there is not known. Where it is wanted, whatever stands there stays.
    Unknown,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Letter<'a> {
    pub(super) text: &'a str,
    pub(super) width: usize,
    pub(super) pen: usize,
}

pub(super) fn spots<'a>(buffer: &'a Buffer, pens: &mut Pens) -> Vec<Spot<'a>> {
    let width = usize::from(buffer.area.width).max(1);
    let mut spots = Vec::with_capacity(buffer.content.len());
    for row in buffer.content.chunks(width) {
        let mut covered = 0;
        for (x, cell) in row.iter().enumerate() {
            if covered > 0 {
                covered -= 1;
                spots.push(Spot::Rest);
                continue;
            }
            let spot = spot(cell, width - x, pens);
            if let Spot::Letter(letter) = spot {
                covered = letter.width - 1;
            }
            spots.push(spot);
        }
    }
    spots
}

fn spot<'a>(cell: &'a Cell, room: usize, pens: &mut Pens) -> Spot<'a> {
    if cell.diff_option == CellDiffOption::Skip {
        return Spot::Unknown;
    }
    let width = usize::from(cell.cell_width());
    // What has no width would join the letter before it, and what is too wide would wrap.
    let text = if width == 0 || width > room { " " } else { cell.symbol() };
    let pen = Pen::of(cell);
    if text == " " && pen.leaves_blanks() {
        return Spot::Blank;
    }
    let width = if text == " " { 1 } else { width };
    Spot::Letter(Letter { text, width, pen: pens.number(pen) })
}

/// What is shown, and what is to be shown.
#[derive(Debug, Clone)]
pub(super) struct Canvas<'a> {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) shown: Vec<Spot<'a>>,
    pub(super) wanted: Vec<Spot<'a>>,
}

impl<'a> Canvas<'a> {
    /// On a terminal that shows nothing.
    pub(super) fn new(buffer: &'a Buffer, pens: &mut Pens) -> Self {
        let wanted = spots(buffer, pens);
        Self {
            width: usize::from(buffer.area.width),
            height: usize::from(buffer.area.height),
            shown: vec![Spot::Blank; wanted.len()],
            wanted,
        }
    }

    /// Nothing is to be written there.
    pub(super) fn stands(&self, place: usize, base: Base) -> bool {
        let shown = match base {
            Base::Shown => self.shown[place],
            Base::Nothing => Spot::Blank,
        };
        let wanted = self.wanted[place];
        // The rest of a letter comes with the letter.
        matches!(wanted, Spot::Unknown | Spot::Rest) || shown == wanted
    }

    /// How wide what is wanted there is.
    pub(super) fn columns(&self, place: usize) -> usize {
        match self.wanted[place] {
            Spot::Letter(letter) => letter.width,
            Spot::Blank | Spot::Rest | Spot::Unknown => 1,
        }
    }

    /// Terminals disagree about how wide some letters are: what is composed, and signs of pictures.
    pub(super) fn is_loose(&self, place: usize) -> bool {
        let Spot::Letter(letter) = self.wanted[place] else { return false };
        letter.width != 1 || letter.text.chars().nth(1).is_some()
    }

    /// How many blanks are wanted from there on in that row.
    pub(super) fn blanks(&self, place: usize) -> usize {
        let row_ends = place - place % self.width + self.width;
        self.wanted[place..row_ends].iter().take_while(|spot| **spot == Spot::Blank).count()
    }

    pub(super) fn write(&mut self, place: usize) {
        self.shown[place] = self.wanted[place];
        if let Spot::Letter(letter) = self.wanted[place] {
            self.shown[place + 1..place + letter.width].fill(Spot::Rest);
        }
    }
}

/// What a row's new content is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Base {
    Shown,
    /// All of it has been erased.
    Nothing,
}
