//! Pictures for the README, made from the real views: `UPDATE=1` writes them, otherwise they are compared.

mod film;
mod raster;
mod svg;

use super::scenes::{self, Scene};
use super::styled::draw;
use pgpassage::ui::state::Colors;
use ratatui::buffer::Buffer;
use ratatui::style::{Color, Modifier};
use std::path::PathBuf;

/// Which scenes are shown, in which window.
const SHOWN: [(&str, &str, (u16, u16)); 11] = [
    ("start", "0-migrations", (100, 30)),
    ("configure-provider", "1-configure", (100, 30)),
    ("form", "2-validation", (100, 30)),
    ("report-some", "2-report", (100, 30)),
    ("plan", "3-plan", (100, 30)),
    ("live", "3-migration", (100, 30)),
    ("stop", "3-stop", (100, 30)),
    ("failure", "3-failure", (100, 30)),
    ("close", "4-close", (100, 30)),
    ("result", "4-result", (100, 30)),
    ("live", "80x24", (80, 24)),
];

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("screenshots")
}

fn picture((name, window): (&str, (u16, u16))) -> Buffer {
    let Scene { mut state, .. } = scenes::all().into_iter().find(|scene| scene.name == name).unwrap();
    state.look.colors = Colors::Rgb;
    draw(&state, window.0, window.1)
}

/// PNG and GIF follow from the same buffers as the SVG: what the SVG says is compared, byte by byte.
#[test]
fn pictures_show_what_the_views_draw() {
    let update = std::env::var_os("UPDATE").is_some();
    let fonts = raster::Fonts::load();
    for (scene, name, window) in SHOWN {
        let buffer = picture((scene, window));
        let svg = svg::svg(&buffer);
        let path = folder().join(format!("{name}.svg"));
        if update {
            std::fs::write(&path, &svg).unwrap();
            let image = raster::draw(&fonts, &buffer, 2.0);
            std::fs::write(folder().join(format!("{name}.png")), image.png()).unwrap();
        } else {
            let there = std::fs::read_to_string(&path).unwrap_or_default();
            assert!(there == svg, "{name}.svg is out of date: UPDATE=1 draws it again");
            assert!(folder().join(format!("{name}.png")).exists(), "{name}.png is missing");
        }
    }
}

#[test]
fn the_film_is_there() {
    let path = folder().join("demo.gif");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, film::gif(&raster::Fonts::load())).unwrap();
    }
    let bytes = std::fs::read(&path).unwrap();
    let mut decoder = gif::DecodeOptions::new().read_info(bytes.as_slice()).unwrap();
    let mut frames = 0;
    while decoder.read_next_frame().unwrap().is_some() {
        frames += 1;
    }
    assert!(frames > 30, "{frames} frames");
}

/// A terminal's colours.
pub(crate) const BACK: [u8; 3] = [22, 24, 33];
const FRONT: [u8; 3] = [205, 210, 224];

fn rgb(color: Color, default: [u8; 3]) -> [u8; 3] {
    match color {
        Color::Rgb(r, g, b) => [r, g, b],
        Color::Red => [234, 92, 112],
        Color::Green => [118, 178, 80],
        Color::Yellow => [214, 150, 62],
        Color::Blue => [80, 176, 214],
        Color::Cyan => [108, 154, 240],
        _ => default,
    }
}

/// One cell, ready to be drawn.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Cell {
    pub(crate) letter: char,
    pub(crate) front: [u8; 3],
    pub(crate) back: [u8; 3],
    pub(crate) bold: bool,
    pub(crate) underlined: bool,
}

pub(crate) fn cell(buffer: &Buffer, x: u16, y: u16) -> Cell {
    let cell = &buffer[(x, y)];
    let (mut front, mut back) = (rgb(cell.fg, FRONT), rgb(cell.bg, BACK));
    if cell.modifier.contains(Modifier::DIM) {
        front = mix(front, back, 0.42);
    }
    if cell.modifier.contains(Modifier::REVERSED) {
        std::mem::swap(&mut front, &mut back);
    }
    Cell {
        letter: cell.symbol().chars().next().unwrap_or(' '),
        front,
        back,
        bold: cell.modifier.contains(Modifier::BOLD),
        underlined: cell.modifier.contains(Modifier::UNDERLINED),
    }
}

pub(crate) fn mix(from: [u8; 3], to: [u8; 3], share: f32) -> [u8; 3] {
    std::array::from_fn(|i| {
        let mixed = f32::from(from[i]) * (1.0 - share) + f32::from(to[i]) * share;
        mixed.round().clamp(0.0, 255.0) as u8
    })
}

/// What of a cell a block letter fills: left, top, right, bottom in shares.
pub(crate) fn block(letter: char) -> Option<[f32; 4]> {
    let lower = |eighths: f32| Some([0.0, 1.0 - eighths / 8.0, 1.0, 1.0]);
    let left = |eighths: f32| Some([0.0, 0.0, eighths / 8.0, 1.0]);
    match letter {
        '▁' => lower(1.0),
        '▂' => lower(2.0),
        '▃' => lower(3.0),
        '▄' => lower(4.0),
        '▅' => lower(5.0),
        '▆' => lower(6.0),
        '▇' => lower(7.0),
        '█' => lower(8.0),
        '▏' => left(1.0),
        '▎' => left(2.0),
        '▍' => left(3.0),
        '▌' => left(4.0),
        '▋' => left(5.0),
        '▊' => left(6.0),
        '▉' => left(7.0),
        '▐' => Some([0.5, 0.0, 1.0, 1.0]),
        _ => None,
    }
}

/// Where lines of a frame leave the middle of a cell: left, up, right, down.
pub(crate) fn strokes(letter: char) -> Option<[bool; 4]> {
    match letter {
        '─' => Some([true, false, true, false]),
        '│' => Some([false, true, false, true]),
        '╭' => Some([false, false, true, true]),
        '╮' => Some([true, false, false, true]),
        '╰' => Some([false, true, true, false]),
        '╯' => Some([true, true, false, false]),
        '┤' => Some([true, true, false, true]),
        _ => None,
    }
}
