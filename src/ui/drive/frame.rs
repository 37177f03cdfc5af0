//! A frame: the fewest bytes that turn what a terminal shows into what it is to show, for lines that are
//! slow.
//!
//! Only what every terminal and multiplexer in use understands: to a place, ahead, carriage return and line
//! feed, erasing to the line's end, the screen's end or so many columns (GNU screen, the Linux console and
//! mosh have that as well), and attributes. No repeating, no line-drawing letters, no scrolling, no
//! tabulators. Every frame begins and ends with no attributes set, and takes nothing for granted of where the
//! terminal's cursor is.

mod cells;
mod moves;
mod pen;
mod way;

use cells::{Canvas, Spot};
use moves::Draft;
use pen::Pens;
use ratatui::buffer::{Buffer, CellDiffOption};
use ratatui::layout::Position;
use way::{At, Part, plan};

/// A terminal that knows them shows all of a frame at once; the others know nothing of it.
const BEGIN: &[u8] = b"\x1b[?2026h";
const END: &[u8] = b"\x1b[?2026l";
const HIDE: &[u8] = b"\x1b[?25l";
const SHOW: &[u8] = b"\x1b[?25h";
/// No attributes, and nothing anywhere.
const AFRESH: &[u8] = b"\x1b[m\x1b[H\x1b[J";
/// A frame below that is one packet in any case, and nothing more is worth the time to think about it.
const SMALL: usize = 1_000;
/// So many styles are tried as ones that are written ahead of everything else.
const TRIED: usize = 4;

/// What a terminal shows, and where its cursor is to be seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    pub cells: Buffer,
    pub cursor: Option<Position>,
}

/// The bytes from one picture to the next; none where nothing changes. What is shown is absent where nobody
/// knows it.
pub fn frame(shown: Option<&Picture>, wanted: &Picture) -> Vec<u8> {
    let known = shown.filter(|shown| shown.cells.area == wanted.cells.area);
    let mut out = BEGIN.to_vec();
    if wanted.cursor.is_none() && known.is_none_or(|known| known.cursor.is_some()) {
        out.extend_from_slice(HIDE);
    }
    let drawn = cells(known, wanted);
    out.extend_from_slice(&drawn);
    let moved = !drawn.is_empty() || known.is_none_or(|known| known.cursor != wanted.cursor);
    if let Some(Position { x, y }) = wanted.cursor
        && moved
    {
        out.extend_from_slice(moves::to(usize::from(x), usize::from(y)).as_bytes());
        if known.is_none_or(|known| known.cursor.is_none()) {
            out.extend_from_slice(SHOW);
        }
    }
    if out.len() == BEGIN.len() {
        return Vec::new();
    }
    out.extend_from_slice(END);
    out
}

fn cells(known: Option<&Picture>, wanted: &Picture) -> Vec<u8> {
    let mut pens = Pens::default();
    let mut canvas = Canvas::new(&wanted.cells, &mut pens);
    let Some(known) = known else {
        let at = At { row: Some(0), ..At::default() };
        return [AFRESH, &smallest(&canvas, &mut pens, at)].concat();
    };
    canvas.shown = cells::spots(&known.cells, &mut pens);
    for (spot, cell) in canvas.shown.iter_mut().zip(&wanted.cells.content) {
        if cell.diff_option == CellDiffOption::AlwaysUpdate {
            *spot = Spot::Unknown;
        }
    }
    smallest(&canvas, &mut pens, At::default())
}

/// In one go from the top to the bottom; or, where that saves something, with all letters of a style ahead of
/// the rest, as one that is long to say is then said once.
fn smallest(canvas: &Canvas<'_>, pens: &mut Pens, at: At) -> Vec<u8> {
    let whole = plan(canvas, pens, at, Part::Whole);
    let mut best = Draft::new(canvas.clone(), at);
    best.take(&whole, pens);
    best.end(pens);
    if best.bytes.len() < SMALL {
        return best.bytes;
    }
    let mut begun = Draft::new(canvas.clone(), at);
    begun.take(&whole.erasing_first(), pens);
    let mut ahead: Vec<Part> = Vec::new();
    for pen in best.dearest(TRIED) {
        let tried = [&ahead[..], &[Part::Of(pen)]].concat();
        let mut draft = begun.clone();
        for part in tried.iter().copied().chain([Part::Whole]) {
            let planned = plan(&draft.canvas, pens, draft.at, part);
            draft.take(&planned, pens);
        }
        draft.end(pens);
        if draft.bytes.len() < best.bytes.len() {
            best = draft;
            ahead = tried;
        }
    }
    best.bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use ratatui::layout::Rect;
    use ratatui::style::{Color, Modifier, Style};

    fn picture(lines: &[&str]) -> Picture {
        Picture { cells: Buffer::with_lines(lines.iter().copied()), cursor: None }
    }

    /// What lies between the marks.
    fn inner(shown: &Picture, wanted: &Picture) -> String {
        let bytes = frame(Some(shown), wanted);
        let inner = bytes.strip_prefix(BEGIN).unwrap().strip_suffix(END).unwrap();
        String::from_utf8(inner.to_vec()).unwrap()
    }

    #[test]
    fn nothing_changed_is_nothing() {
        let one = picture(&["one", "two"]);
        assert!(frame(Some(&one), &one).is_empty());
        let mut same = one.clone();
        same.cells.set_style(Rect::new(0, 0, 3, 1), Style::new());
        assert!(frame(Some(&one), &same).is_empty());
        let mut unseen = picture(&["   "]);
        let blank = unseen.clone();
        unseen
            .cells
            .set_style(Rect::new(0, 0, 3, 1), Style::new().fg(Color::Red).add_modifier(Modifier::BOLD));
        assert!(frame(Some(&blank), &unseen).is_empty(), "nobody sees the colour of a blank");
    }

    #[test]
    fn the_cursor_is_said_when_it_changes_or_was_moved() {
        let hidden = picture(&["one", "two"]);
        let seen = |lines: &[&str], x, y| Picture { cursor: Some(Position { x, y }), ..picture(lines) };
        let at = seen(&["one", "two"], 2, 1);
        assert_eq!(inner(&hidden, &at), "\x1b[2;3H\x1b[?25h");
        assert_eq!(inner(&at, &seen(&["one", "two"], 0, 0)), "\x1b[H");
        assert_eq!(inner(&at, &seen(&["one", "twO"], 2, 1)), "\x1b[2;3HO\x1b[2;3H");
        assert_eq!(inner(&at, &hidden), "\x1b[?25l");
        assert!(frame(Some(&at), &at).is_empty());
    }

    #[test]
    fn what_nobody_knows_is_written_afresh() {
        let wanted = picture(&["one", "   "]);
        let afresh = [BEGIN, HIDE, AFRESH, b"\rone", END].concat();
        assert_eq!(frame(None, &wanted), afresh);
        assert_eq!(frame(Some(&picture(&["one   "])), &wanted), afresh, "the window was of another size");
    }

    #[test]
    fn the_shortest_of_several_ways_is_taken() {
        let cases = [
            // A letter is said again where moving over it would take more.
            (["abcdefgh", "        "], ["Xbcdefgh", "        "], "\x1b[HX"),
            (["abcdefgh", "        "], ["XbXdefgX", "        "], "\x1b[HXbX\x1b[4CX"),
            // The end of a line is erased and not overwritten, and a gap in it neither.
            (["abcdefgh", "        "], ["X       ", "        "], "\x1b[H\x1b[KX"),
            (["abcdefgh", "ijklmnop"], ["X       ", "       Y"], "\x1b[H\x1b[JX\x1b[2;8HY"),
            // The next line is nearer than a place.
            (["abcdefgh", "ijklmnop"], ["Xbcdefgh", "Xjklmnop"], "\x1b[HX\r\nX"),
        ];
        for (shown, wanted, sequence) in cases {
            assert_eq!(inner(&picture(&shown), &picture(&wanted)), sequence, "{wanted:?}");
        }
        let shown = picture(&["│ one two three four five six │"]);
        let wanted = picture(&["│ one                         │"]);
        assert_eq!(inner(&shown, &wanted), "\x1b[1;7H\x1b[23X", "the border stays");
    }

    #[test]
    fn nothing_is_erased_while_that_would_be_seen() {
        let shown = picture(&["abcdefghijkl"]);
        let mut wanted = picture(&["X           "]);
        wanted.cells[(0, 0)].set_style(Style::new().add_modifier(Modifier::REVERSED));
        assert_eq!(inner(&shown, &wanted), "\x1b[H\x1b[K\x1b[7mX\x1b[m");
        // What is marked is written, blanks as well.
        let marked = Style::new().add_modifier(Modifier::UNDERLINED);
        wanted = picture(&["            "]);
        wanted.cells.set_style(Rect::new(0, 0, 12, 1), marked);
        assert_eq!(inner(&shown, &wanted), "\x1b[H\x1b[4m            \x1b[m");
    }

    #[test]
    fn what_follows_a_letter_of_doubtful_width_stands_where_it_should() {
        let shown = picture(&["          "]);
        let sequence = inner(&shown, &picture(&["a👩\u{200d}🚀b      "]));
        assert_eq!(sequence, "\x1b[Ha👩\u{200d}🚀\r\x1b[3Cb");
        // Half of a wide letter is nothing that may stay.
        let sequence = inner(&picture(&["a世b"]), &picture(&["ax b"]));
        assert_eq!(sequence, "\x1b[Hax ");
    }

    #[test]
    fn cells_may_ask_to_be_left_alone_or_always_written() {
        let shown = picture(&["abcd"]);
        let mut wanted = picture(&["wxyz"]);
        wanted.cells[(1, 0)].set_diff_option(CellDiffOption::Skip);
        assert_eq!(inner(&shown, &wanted), "\x1b[Hw\x1b[Cyz");
        let mut empty = picture(&["    "]);
        empty.cells[(1, 0)].set_diff_option(CellDiffOption::Skip);
        assert_eq!(inner(&shown, &empty), "\x1b[H \x1b[C  ", "nor erased");
        let mut again = picture(&["abcd"]);
        again.cells[(2, 0)].set_diff_option(CellDiffOption::AlwaysUpdate);
        assert_eq!(inner(&shown, &again), "\x1b[Habc");
        let mut forced = picture(&["a  b"]);
        forced.cells[(0, 0)]
            .set_diff_option(CellDiffOption::ForcedWidth(std::num::NonZeroU16::MIN.saturating_add(1)));
        assert_eq!(inner(&picture(&["xxxx"]), &forced), "\x1b[Ha\r\x1b[2C b");
    }
}
