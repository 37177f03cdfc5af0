//! Whether a terminal shows what a buffer says, as far as the parser knows what a terminal shows.

use pgpassage::ui::drive::frame::Picture;
use ratatui::buffer::{Buffer, Cell, CellWidth};
use ratatui::style::{Color, Modifier};
use std::num::NonZeroU16;

/// A terminal that somebody else has written into, with attributes left on.
pub(crate) fn used_terminal(buffer: &Buffer) -> vt100::Parser {
    let size = |n| NonZeroU16::new(n).unwrap();
    let (width, height) = (buffer.area.width, buffer.area.height);
    let mut parser = vt100::Parser::new(size(height), size(width), 0);
    let cells = usize::from(width) * usize::from(height);
    parser.process(format!("\x1b[31;44;1;4;7m{}", "x".repeat(cells)).as_bytes());
    parser
}

/// What is not as it should be, with its place; nothing where all is.
pub(crate) fn differences(screen: &vt100::Screen, picture: &Picture) -> Vec<String> {
    let mut wrong = Vec::new();
    let area = picture.cells.area;
    for y in 0..area.height {
        let mut x = 0;
        while x < area.width {
            let cell = &picture.cells[(x, y)];
            let (is, should) = (shown(screen, x, y), wanted(cell));
            if is != should {
                wrong.push(format!("{x},{y}: {is:?} and not {should:?}"));
            }
            x += cell.cell_width().max(1);
        }
    }
    let hidden = picture.cursor.is_none();
    if screen.hide_cursor() != hidden {
        wrong.push(format!("the cursor is hidden: {}", !hidden));
    }
    if let Some(cursor) = picture.cursor
        && screen.cursor_position() != (cursor.y, cursor.x)
    {
        wrong.push(format!("the cursor is at {:?} and not {cursor:?}", screen.cursor_position()));
    }
    wrong
}

/// What is to be seen at a place: a letter and its attributes.
#[derive(Debug, PartialEq)]
struct Seen {
    text: String,
    front: vt100::Color,
    back: vt100::Color,
    marks: Modifier,
}

impl Seen {
    /// Of a blank nobody sees how its letter would look, unless something marks the whole place.
    fn seen(self) -> Self {
        let marked = self.marks.intersects(Modifier::REVERSED | Modifier::UNDERLINED);
        if self.text != " " || marked {
            return self;
        }
        Self { front: vt100::Color::Default, marks: Modifier::empty(), ..self }
    }
}

/// The parser knows no others.
const KNOWN: Modifier = Modifier::BOLD
    .union(Modifier::DIM)
    .union(Modifier::ITALIC)
    .union(Modifier::UNDERLINED)
    .union(Modifier::REVERSED);

fn shown(screen: &vt100::Screen, x: u16, y: u16) -> Seen {
    let cell = screen.cell(y, x).unwrap();
    let marks = [
        (cell.bold(), Modifier::BOLD),
        (cell.dim(), Modifier::DIM),
        (cell.italic(), Modifier::ITALIC),
        (cell.underline(), Modifier::UNDERLINED),
        (cell.inverse(), Modifier::REVERSED),
    ];
    let marks = marks.into_iter().filter(|(set, _)| *set).map(|(_, mark)| mark).collect();
    let text = if cell.contents().is_empty() { " " } else { cell.contents() };
    Seen { text: text.to_owned(), front: cell.fgcolor(), back: cell.bgcolor(), marks }.seen()
}

fn wanted(cell: &Cell) -> Seen {
    Seen {
        text: cell.symbol().to_owned(),
        front: color(cell.fg),
        back: color(cell.bg),
        marks: cell.modifier.intersection(KNOWN),
    }
    .seen()
}

fn color(color: Color) -> vt100::Color {
    let named = [
        Color::Black,
        Color::Red,
        Color::Green,
        Color::Yellow,
        Color::Blue,
        Color::Magenta,
        Color::Cyan,
        Color::Gray,
        Color::DarkGray,
        Color::LightRed,
        Color::LightGreen,
        Color::LightYellow,
        Color::LightBlue,
        Color::LightMagenta,
        Color::LightCyan,
        Color::White,
    ];
    match color {
        Color::Reset => vt100::Color::Default,
        Color::Indexed(index) => vt100::Color::Idx(index),
        Color::Rgb(red, green, blue) => vt100::Color::Rgb(red, green, blue),
        named_color => {
            let index = named.iter().position(|known| *known == named_color).unwrap();
            vt100::Color::Idx(u8::try_from(index).unwrap())
        }
    }
}
