//! A screen as SVG: letters each at their place, frames and blocks as shapes, so that lines join in every font.

use super::{BACK, Cell, block, cell, strokes};
use ratatui::buffer::Buffer;
use std::fmt::Write;

const WIDTH: f32 = 9.0;
const HEIGHT: f32 = 19.0;
const PAD: f32 = 14.0;

fn hex(color: [u8; 3]) -> String {
    format!("#{:02x}{:02x}{:02x}", color[0], color[1], color[2])
}

fn escaped(letter: char) -> String {
    match letter {
        '<' => "&lt;".to_owned(),
        '>' => "&gt;".to_owned(),
        '&' => "&amp;".to_owned(),
        c => c.to_string(),
    }
}

pub(crate) fn svg(buffer: &Buffer) -> String {
    let (cols, rows) = (buffer.area.width, buffer.area.height);
    let (width, height) = (f32::from(cols) * WIDTH + 2.0 * PAD, f32::from(rows) * HEIGHT + 2.0 * PAD);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" \
         font-family=\"DejaVu Sans Mono, Menlo, Consolas, monospace\" font-size=\"14.5\">\n\
         <rect width=\"{width}\" height=\"{height}\" rx=\"8\" fill=\"{}\"/>\n",
        hex(BACK)
    );
    for y in 0..rows {
        let cells: Vec<Cell> = (0..cols).map(|x| cell(buffer, x, y)).collect();
        let top = PAD + f32::from(y) * HEIGHT;
        row(&mut out, &cells, top);
    }
    out.push_str("</svg>\n");
    out
}

fn row(out: &mut String, cells: &[Cell], top: f32) {
    let mut at = 0;
    while at < cells.len() {
        let same = |c: &&Cell| {
            c.front == cells[at].front
                && c.back == cells[at].back
                && c.bold == cells[at].bold
                && c.underlined == cells[at].underlined
        };
        let len = cells[at..].iter().take_while(same).count();
        run(out, &cells[at..at + len], (PAD + at as f32 * WIDTH, top));
        at += len;
    }
}

fn run(out: &mut String, cells: &[Cell], (left, top): (f32, f32)) {
    let first = &cells[0];
    let width = cells.len() as f32 * WIDTH;
    if first.back != BACK {
        let fill = hex(first.back);
        writeln!(
            out,
            "<rect x=\"{left}\" y=\"{top}\" width=\"{width}\" height=\"{HEIGHT}\" fill=\"{fill}\"/>"
        )
        .unwrap();
    }
    let fill = hex(first.front);
    if first.underlined {
        let y = top + HEIGHT - 2.5;
        writeln!(out, "<rect x=\"{left}\" y=\"{y}\" width=\"{width}\" height=\"1\" fill=\"{fill}\"/>")
            .unwrap();
    }
    let (mut places, mut letters) = (Vec::new(), String::new());
    let mut path = String::new();
    for (number, cell) in cells.iter().enumerate() {
        let x = left + number as f32 * WIDTH;
        if let Some([l, t, r, b]) = block(cell.letter) {
            let (x, y) = (x + l * WIDTH, top + t * HEIGHT);
            write!(path, "M{x} {y}h{}v{}h-{}z", (r - l) * WIDTH, (b - t) * HEIGHT, (r - l) * WIDTH).unwrap();
        } else if let Some(sides) = strokes(cell.letter) {
            stroke(out, (sides, &fill), (x, top));
        } else if cell.letter != ' ' {
            places.push(format!("{x}"));
            letters.push_str(&escaped(cell.letter));
        }
    }
    if !path.is_empty() {
        writeln!(out, "<path d=\"{path}\" fill=\"{fill}\"/>").unwrap();
    }
    if !letters.is_empty() {
        let weight = if first.bold { " font-weight=\"bold\"" } else { "" };
        let (x, y) = (places.join(" "), top + 14.0);
        writeln!(out, "<text x=\"{x}\" y=\"{y}\" fill=\"{fill}\"{weight}>{letters}</text>").unwrap();
    }
}

fn stroke(out: &mut String, (sides, fill): ([bool; 4], &str), (x, y): (f32, f32)) {
    let (middle_x, middle_y) = (x + WIDTH / 2.0, y + HEIGHT / 2.0);
    let ends = [(x, middle_y), (middle_x, y), (x + WIDTH, middle_y), (middle_x, y + HEIGHT)];
    let mut path = String::new();
    for (_, (to_x, to_y)) in sides.iter().zip(ends).filter(|(there, _)| **there) {
        write!(path, "M{middle_x} {middle_y}L{to_x} {to_y}").unwrap();
    }
    writeln!(out, "<path d=\"{path}\" stroke=\"{fill}\" stroke-linecap=\"square\"/>").unwrap();
}
