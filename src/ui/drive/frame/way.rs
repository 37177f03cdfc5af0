//! The cheapest way over the screen, from the top to the bottom and from left to right.
//!
//! At each column, for each set of attributes that may be set there, the cheapest way to it is known; from it
//! one goes on by writing, by moving ahead over what stands already, or by erasing. Below a row everything
//! may be erased at once.

use super::cells::{Base, Canvas, Spot};
use super::moves::Move;
use super::pen::{NONE, Pens};

/// Where the terminal is between two plans: its attributes, and in which row, if that is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct At {
    pub(super) pen: usize,
    pub(super) row: Option<usize>,
}

#[derive(Debug)]
pub(super) struct Plan {
    pub(super) moves: Vec<Move>,
    pub(super) row: Option<usize>,
}

impl Plan {
    /// What is erased below a row, and nothing else: what stands above that row is written then.
    pub(super) fn erasing_first(&self) -> Plan {
        let erased = self.moves.iter().find_map(|what| match what {
            Move::EraseBelow { row } => Some(*row),
            _ => None,
        });
        let moves = |row| vec![Move::To { x: 0, y: row }, Move::EraseBelow { row }];
        Plan { moves: erased.map_or_else(Vec::new, moves), row: erased }
    }
}

/// What is to be written: everything, or of everything only what has these attributes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Whole,
    Of(usize),
}

pub(super) fn plan(canvas: &Canvas<'_>, pens: &mut Pens, at: At, part: Part) -> Plan {
    let mut planner = Planner { canvas, pens, part, steps: Vec::new() };
    let best = planner.best(at);
    Plan { moves: planner.moves(best.step), row: best.row }
}

#[derive(Debug, Clone, Copy)]
struct Way {
    pen: usize,
    cost: usize,
    row: Option<usize>,
    /// The last step of it; absent at the beginning.
    step: Option<usize>,
}

struct Planner<'c, 'a> {
    canvas: &'c Canvas<'a>,
    pens: &'c mut Pens,
    part: Part,
    steps: Vec<(Option<usize>, Move)>,
}

/// A row on the way.
struct Row {
    y: usize,
    first: usize,
    /// Everything that is to be written lies before it.
    end: usize,
    /// As it stands, and as it is once everything from some column to the end was erased.
    sheets: [Sheet; 2],
    done: Vec<Way>,
}

const AS_IT_STANDS: usize = 0;
const ERASED: usize = 1;

struct Sheet {
    /// For each column, the next one from it on where something is to be written; the width where nothing is.
    next: Vec<usize>,
    /// The ways to each column.
    at: Vec<Vec<Way>>,
}

impl Sheet {
    fn new(width: usize, needed: impl Fn(usize) -> bool) -> Self {
        let mut next = vec![width; width + 1];
        for x in (0..width).rev() {
            next[x] = if needed(x) { x } else { next[x + 1] };
        }
        Self { next, at: vec![Vec::new(); width] }
    }
}

fn offer(ways: &mut Vec<Way>, way: Way) {
    match ways.iter_mut().find(|other| other.pen == way.pen) {
        Some(other) if other.cost <= way.cost => {}
        Some(other) => *other = way,
        None => ways.push(way),
    }
}

impl Row {
    fn offer(&mut self, sheet: usize, x: usize, way: Way) {
        let Sheet { next, at } = &mut self.sheets[sheet];
        offer(if next[x] == at.len() { &mut self.done } else { &mut at[x] }, way);
    }
}

impl Planner<'_, '_> {
    fn best(&mut self, at: At) -> Way {
        let start = Way { pen: at.pen, cost: 0, row: at.row, step: None };
        let (mut shown, mut erased) = (vec![start], Vec::new());
        let wipes = self.part == Part::Whole;
        for y in 0..self.canvas.height {
            if wipes && self.may_erase_below(y) {
                for way in shown.clone() {
                    let way = self.enter(way, y, 0);
                    offer(&mut erased, self.go(way, Move::EraseBelow { row: y }));
                }
            }
            shown = self.row(y, Base::Shown, shown);
            erased = self.row(y, Base::Nothing, erased);
        }
        let mut best = start;
        let mut least = usize::MAX;
        for way in shown.into_iter().chain(erased) {
            let ends = if wipes { self.pens.change(way.pen, NONE).len() } else { 0 };
            if way.cost + ends < least {
                (best, least) = (way, way.cost + ends);
            }
        }
        best
    }

    fn may_erase_below(&self, y: usize) -> bool {
        let rows = y * self.canvas.width..;
        let (shown, wanted) = (&self.canvas.shown[rows.clone()], &self.canvas.wanted[rows]);
        shown.iter().any(|spot| *spot != Spot::Blank) && !wanted.contains(&Spot::Unknown)
    }

    /// What is to be written of a row; absent where that is nothing.
    fn look(&self, y: usize, base: Base) -> Option<Row> {
        let width = self.canvas.width;
        let wanted = &self.canvas.wanted[y * width..(y + 1) * width];
        let needed = |x: usize| {
            let ours = match (self.part, wanted[x]) {
                (Part::Whole, _) => true,
                (Part::Of(pen), Spot::Letter(letter)) => letter.pen == pen,
                (Part::Of(_), _) => false,
            };
            ours && !self.canvas.stands(y * width + x, base)
        };
        let stands = Sheet::new(width, needed);
        let first = stands.next[0];
        let last = (first..width).rev().find(|x| stands.next[*x] == *x)?;
        let mut end = last + self.canvas.columns(y * width + last);
        if wanted[end..].iter().all(|spot| *spot == Spot::Blank) {
            end = width;
        }
        let erased = Sheet::new(width, |x| x < end && matches!(wanted[x], Spot::Letter(_)));
        Some(Row { y, first, end, sheets: [stands, erased], done: Vec::new() })
    }

    fn row(&mut self, y: usize, base: Base, ways: Vec<Way>) -> Vec<Way> {
        let Some(mut row) = self.look(y, base) else { return ways };
        for way in ways {
            let begun = self.enter(way, y, 0);
            row.offer(AS_IT_STANDS, 0, begun);
            let begun = self.enter(way, y, row.first);
            row.offer(AS_IT_STANDS, row.first, begun);
        }
        for x in 0..row.end {
            for way in std::mem::take(&mut row.sheets[AS_IT_STANDS].at[x]) {
                self.onward(&mut row, (AS_IT_STANDS, x), way);
                if self.part == Part::Whole && base == Base::Shown {
                    self.erase(&mut row, x, way);
                }
            }
            for way in std::mem::take(&mut row.sheets[ERASED].at[x]) {
                self.onward(&mut row, (ERASED, x), way);
            }
        }
        row.done
    }

    fn enter(&mut self, way: Way, y: usize, x: usize) -> Way {
        let before = way.step.map(|step| self.steps[step].1);
        if x == 0 && before == Some(Move::EraseBelow { row: y }) {
            return way;
        }
        let to = Move::To { x, y };
        let what = match way.row.and_then(|row| y.checked_sub(row)).map(Move::Down) {
            Some(down) if x == 0 && down.takes(self.canvas) <= to.takes(self.canvas) => down,
            _ => to,
        };
        Way { row: Some(y), ..self.go(way, what) }
    }

    fn onward(&mut self, row: &mut Row, (sheet, x): (usize, usize), way: Way) {
        let place = row.y * self.canvas.width + x;
        let next = row.sheets[sheet].next[x];
        if next > x {
            let over = self.go(way, Move::Ahead(next - x));
            row.offer(sheet, next, over);
        }
        if matches!(self.canvas.wanted[place], Spot::Rest | Spot::Unknown) {
            return;
        }
        let mut written = self.go(way, Move::Write(place));
        let x = x + self.canvas.columns(place);
        // Whatever the terminal thinks of a letter's width, what follows stands where it should.
        if self.canvas.is_loose(place) && row.sheets[sheet].next[x] < self.canvas.width {
            written = self.go(written, Move::Down(0));
            written = self.go(written, Move::Ahead(x));
        }
        row.offer(sheet, x, written);
    }

    /// The blanks that follow; or everything that follows, of which some is written then.
    fn erase(&mut self, row: &mut Row, x: usize, way: Way) {
        let place = row.y * self.canvas.width + x;
        let blanks = self.canvas.blanks(place);
        let over = x + blanks;
        if blanks > 1 && over < row.end {
            let erased = self.go(way, Move::Erase { place, columns: blanks });
            let next = row.sheets[AS_IT_STANDS].next[over];
            for to in [over, next] {
                let ahead = self.go(erased, Move::Ahead(to - x));
                row.offer(AS_IT_STANDS, to, ahead);
            }
        }
        let columns = row.end - x;
        if x < row.first || self.canvas.wanted[place..place + columns].contains(&Spot::Unknown) {
            return;
        }
        let whole_line = row.end == self.canvas.width;
        let what = if whole_line { Move::EraseLine { place } } else { Move::Erase { place, columns } };
        let erased = self.go(way, what);
        row.offer(ERASED, x, erased);
    }

    fn go(&mut self, way: Way, what: Move) -> Way {
        let pen = what.pen(way.pen, self.canvas, self.pens);
        let cost = way.cost + self.pens.change(way.pen, pen).len() + what.takes(self.canvas);
        self.steps.push((way.step, what));
        Way { pen, cost, step: Some(self.steps.len() - 1), ..way }
    }

    fn moves(&self, last: Option<usize>) -> Vec<Move> {
        let mut moves = Vec::new();
        let mut step = last;
        while let Some((before, what)) = step.map(|step| self.steps[step]) {
            moves.push(what);
            step = before;
        }
        moves.reverse();
        moves
    }
}

#[cfg(test)]
mod tests {
    use super::super::cells::spots;
    use super::super::moves::Draft;
    use super::*;
    use ratatui::buffer::Buffer;
    use ratatui::layout::Rect;
    use ratatui::style::{Color, Modifier, Style};

    /// What is thought to be the cheapest is only if it takes what it was thought to take.
    #[test]
    fn a_way_takes_the_bytes_that_it_was_thought_to() {
        let shown = Buffer::with_lines([
            "│ one two three │",
            "│ four          │",
            "                 ",
            "x│               │",
        ]);
        let mut wanted =
            Buffer::with_lines(["│ ten    eleven │", "  世 five", "a", "x│     e\u{301}e       │"]);
        let styles = [
            (Rect::new(2, 0, 3, 1), Style::new().fg(Color::Rgb(1, 20, 255))),
            (Rect::new(8, 0, 9, 2), Style::new().add_modifier(Modifier::BOLD).fg(Color::Indexed(7))),
            (Rect::new(4, 1, 2, 3), Style::new().add_modifier(Modifier::REVERSED)),
        ];
        for (area, style) in styles {
            wanted.set_style(area, style);
        }
        let mut pens = Pens::default();
        let mut canvas = Canvas::new(&wanted, &mut pens);
        for known in [None, Some(&shown)] {
            if let Some(known) = known {
                canvas.shown = spots(known, &mut pens);
            }
            let mut planner =
                Planner { canvas: &canvas, pens: &mut pens, part: Part::Whole, steps: Vec::new() };
            let best = planner.best(At::default());
            let plan = Plan { moves: planner.moves(best.step), row: best.row };
            let mut draft = Draft::new(canvas.clone(), At::default());
            draft.take(&plan, &mut pens);
            assert_eq!(draft.bytes.len(), best.cost, "{:?}", String::from_utf8_lossy(&draft.bytes));
            assert!(best.cost > 0);
        }
    }
}
