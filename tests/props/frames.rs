//! Whatever stands on a terminal, a frame makes of it what it is to show.

use super::shows::{differences, used_terminal};
use pgpassage::ui::drive::frame::{Picture, frame};
use proptest::prelude::*;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::{Color, Modifier, Style};

/// A narrow one, one of three bytes, wide ones, a composed one, and many blanks.
const LETTERS: [&str; 9] = ["a", "Z", "─", "│", "世", "한", "e\u{301}", " ", " "];
const FRONTS: [Color; 6] = [
    Color::Reset,
    Color::Reset,
    Color::Red,
    Color::LightBlue,
    Color::Indexed(200),
    Color::Rgb(108, 154, 240),
];
const BACKS: [Color; 5] = [Color::Reset, Color::Reset, Color::Reset, Color::Blue, Color::Rgb(1, 22, 133)];
const MARKS: [Modifier; 10] = [
    Modifier::empty(),
    Modifier::empty(),
    Modifier::empty(),
    Modifier::BOLD,
    Modifier::DIM,
    Modifier::ITALIC,
    Modifier::UNDERLINED,
    Modifier::REVERSED,
    Modifier::CROSSED_OUT,
    Modifier::DIM.union(Modifier::UNDERLINED).union(Modifier::REVERSED),
];

#[derive(Debug, Clone)]
struct Run {
    at: (u16, u16),
    letter: &'static str,
    length: u16,
    style: Style,
}

fn run(width: u16, height: u16) -> impl Strategy<Value = Run> {
    let style = (0..FRONTS.len(), 0..BACKS.len(), 0..MARKS.len()).prop_map(|(front, back, mark)| {
        Style::new().fg(FRONTS[front]).bg(BACKS[back]).add_modifier(MARKS[mark])
    });
    ((0..width, 0..height), 0..LETTERS.len(), 1..width + 1, style)
        .prop_map(|(at, letter, length, style)| Run { at, letter: LETTERS[letter], length, style })
}

/// Written over what stands there, as widgets do it.
fn write(cells: &mut Buffer, run: &Run) {
    let (x, y) = run.at;
    for x in x..x.saturating_add(run.length).min(cells.area.width) {
        cells[(x, y)].reset();
    }
    let text = run.letter.repeat(usize::from(run.length));
    let room = usize::from(run.length.min(cells.area.width - x));
    cells.set_stringn(x, y, text, room, run.style);
}

/// Of each picture, the runs that it has more than the one before, and its cursor.
type Story = (Rect, Vec<(Vec<Run>, Option<(u16, u16)>)>);

fn story() -> impl Strategy<Value = Story> {
    (2..70_u16, 1..16_u16).prop_flat_map(|(width, height)| {
        let runs = prop::collection::vec(run(width, height), 0..60);
        let cursor = prop::option::of((0..width, 0..height));
        (Just(Rect::new(0, 0, width, height)), prop::collection::vec((runs, cursor), 3))
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, ..ProptestConfig::default() })]

    #[test]
    fn a_terminal_shows_each_picture_of_a_story((area, story) in story()) {
        let mut cells = Buffer::empty(area);
        let mut terminal = used_terminal(&cells);
        let mut shown: Option<Picture> = None;
        for (runs, cursor) in story {
            runs.iter().for_each(|run| write(&mut cells, run));
            let cursor = cursor.map(|(x, y)| Position { x, y });
            let wanted = Picture { cells: cells.clone(), cursor };
            let bytes = frame(shown.as_ref(), &wanted);
            terminal.process(&bytes);
            let wrong = differences(terminal.screen(), &wanted);
            prop_assert!(wrong.is_empty(), "{wrong:?} after {:?}", String::from_utf8_lossy(&bytes));
            // What is shown already takes nothing.
            prop_assert!(frame(Some(&wanted), &wanted).is_empty());
            shown = Some(wanted);
        }
    }
}
