//! The whole way as an animated picture: the same state, moved by the same messages as in life.

use super::cell;
use super::raster::{Fonts, Image, draw as raster};
use crate::scenes;
use crate::styled::draw;
use pgpassage::ui::state::Colors;
use ratatui::buffer::Buffer;
use std::collections::HashMap;

const WINDOW: (u16, u16) = (100, 30);

pub(crate) fn gif(fonts: &Fonts) -> Vec<u8> {
    let mut frames: Vec<(Buffer, u16)> = Vec::new();
    scenes::film(|state, hundredths| {
        state.look.colors = Colors::Rgb;
        let buffer = draw(state, WINDOW.0, WINDOW.1);
        match frames.last_mut() {
            Some((last, shown)) if *last == buffer => *shown += hundredths,
            _ => frames.push((buffer, hundredths)),
        }
    });
    let images: Vec<_> = frames.iter().map(|(buffer, _)| raster(fonts, buffer, 1.0)).collect();
    let palette = Palette::of(&images, &inks(&frames));
    let (width, height) = (images[0].width, images[0].height);
    let mut bytes = Vec::new();
    let size = |n: usize| u16::try_from(n).unwrap();
    let mut encoder = gif::Encoder::new(&mut bytes, size(width), size(height), &palette.bytes).unwrap();
    encoder.set_repeat(gif::Repeat::Infinite).unwrap();
    let mut before: Option<Vec<u8>> = None;
    for (image, (_, hundredths)) in images.iter().zip(&frames) {
        let now: Vec<u8> = image.pixels.chunks(3).map(|p| palette.index([p[0], p[1], p[2]])).collect();
        let (left, top, right, bottom) = changed(before.as_deref(), &now, (width, height));
        let part: Vec<u8> =
            (top..bottom).flat_map(|y| now[y * width + left..y * width + right].to_vec()).collect();
        let mut frame = gif::Frame {
            left: size(left),
            top: size(top),
            width: size(right - left),
            height: size(bottom - top),
            delay: *hundredths,
            dispose: gif::DisposalMethod::Keep,
            buffer: part.into(),
            ..gif::Frame::default()
        };
        frame.transparent = None;
        encoder.write_frame(&frame).unwrap();
        before = Some(now);
    }
    drop(encoder);
    bytes
}

/// The colours that the theme gives, as against those of the letters' edges.
fn inks(frames: &[(Buffer, u16)]) -> Vec<[u8; 3]> {
    let mut inks = Vec::new();
    for (buffer, _) in frames {
        for y in 0..WINDOW.1 {
            for x in 0..WINDOW.0 {
                let cell = cell(buffer, x, y);
                for color in [cell.front, cell.back] {
                    if !inks.contains(&color) {
                        inks.push(color);
                    }
                }
            }
        }
    }
    inks
}

/// The smallest rectangle in which the two differ.
fn changed(
    before: Option<&[u8]>,
    now: &[u8],
    (width, height): (usize, usize),
) -> (usize, usize, usize, usize) {
    let Some(before) = before else { return (0, 0, width, height) };
    let differs = |x: usize, y: usize| before[y * width + x] != now[y * width + x];
    let rows: Vec<_> = (0..height).filter(|y| (0..width).any(|x| differs(x, *y))).collect();
    let (Some(top), Some(bottom)) = (rows.first(), rows.last()) else { return (0, 0, 1, 1) };
    let columns: Vec<_> = (0..width).filter(|x| rows.iter().any(|y| differs(*x, *y))).collect();
    (columns[0], *top, columns[columns.len() - 1] + 1, bottom + 1)
}

/// At most 256 colours: those that are used most, and for the rest the nearest.
struct Palette {
    bytes: Vec<u8>,
    nearest: HashMap<[u8; 3], u8>,
}

impl Palette {
    fn of(images: &[Image], inks: &[[u8; 3]]) -> Self {
        let mut counts: HashMap<[u8; 3], usize> = HashMap::new();
        for image in images {
            for p in image.pixels.chunks(3) {
                *counts.entry([p[0], p[1], p[2]]).or_default() += 1;
            }
        }
        let mut colors: Vec<_> = counts.into_iter().collect();
        // A colour that says something stays what it is, however rarely it says it.
        colors.sort_by_key(|(color, count)| (!inks.contains(color), std::cmp::Reverse(*count), *color));
        let kept: Vec<[u8; 3]> = colors.iter().take(256).map(|(color, _)| *color).collect();
        let far = |a: [u8; 3], b: [u8; 3]| {
            a.iter().zip(b).map(|(a, b)| (i32::from(*a) - i32::from(b)).pow(2)).sum::<i32>()
        };
        let nearest = colors
            .iter()
            .map(|(color, _)| {
                let best = (0..kept.len()).min_by_key(|at| far(*color, kept[*at])).unwrap();
                (*color, u8::try_from(best).unwrap())
            })
            .collect();
        Self { bytes: kept.concat(), nearest }
    }

    fn index(&self, color: [u8; 3]) -> u8 {
        self.nearest[&color]
    }
}
