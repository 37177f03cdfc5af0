//! A screen as pixels, with the font in assets/font.

use super::{BACK, Cell, block, cell, mix, strokes};
use fontdue::{Font, FontSettings};
use ratatui::buffer::Buffer;
use std::path::PathBuf;

const FONT_PX: f32 = 15.0;

pub(crate) struct Fonts {
    regular: Font,
    bold: Font,
}

impl Fonts {
    pub(crate) fn load() -> Self {
        let load = |name: &str| {
            let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("assets/font").join(name);
            Font::from_bytes(std::fs::read(path).unwrap(), FontSettings::default()).unwrap()
        };
        Self { regular: load("DejaVuSansMono.ttf"), bold: load("DejaVuSansMono-Bold.ttf") }
    }
}

pub(crate) struct Image {
    pub(crate) width: usize,
    pub(crate) height: usize,
    /// Three bytes a pixel.
    pub(crate) pixels: Vec<u8>,
}

impl Image {
    fn put(&mut self, x: usize, y: usize, color: [u8; 3]) {
        if x < self.width && y < self.height {
            let at = (y * self.width + x) * 3;
            self.pixels[at..at + 3].copy_from_slice(&color);
        }
    }

    fn fill(&mut self, (left, top, right, bottom): (usize, usize, usize, usize), color: [u8; 3]) {
        for y in top..bottom {
            for x in left..right {
                self.put(x, y, color);
            }
        }
    }

    pub(crate) fn png(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(
            &mut bytes,
            u32::try_from(self.width).unwrap(),
            u32::try_from(self.height).unwrap(),
        );
        encoder.set_color(png::ColorType::Rgb);
        encoder.set_compression(png::Compression::High);
        let mut writer = encoder.write_header().unwrap();
        writer.write_image_data(&self.pixels).unwrap();
        writer.finish().unwrap();
        bytes
    }
}

/// Pixels of a cell, of the margin and of a line.
struct Grid {
    width: usize,
    height: usize,
    pad: usize,
    thick: usize,
    font_px: f32,
    baseline: f32,
}

pub(crate) fn draw(fonts: &Fonts, buffer: &Buffer, scale: f32) -> Image {
    let font_px = FONT_PX * scale;
    let grid = Grid {
        width: (9.0 * scale).round() as usize,
        height: (19.0 * scale).round() as usize,
        pad: (14.0 * scale) as usize,
        thick: (1.1 * scale).round().max(1.0) as usize,
        font_px,
        baseline: 14.2 * scale,
    };
    let (cols, rows) = (usize::from(buffer.area.width), usize::from(buffer.area.height));
    let (width, height) = (cols * grid.width + 2 * grid.pad, rows * grid.height + 2 * grid.pad);
    let mut image = Image { width, height, pixels: BACK.repeat(width * height) };
    for y in 0..buffer.area.height {
        for x in 0..buffer.area.width {
            let place = (grid.pad + usize::from(x) * grid.width, grid.pad + usize::from(y) * grid.height);
            one(&mut image, fonts, &grid, (&cell(buffer, x, y), place));
        }
    }
    image
}

fn one(image: &mut Image, fonts: &Fonts, grid: &Grid, (cell, (left, top)): (&Cell, (usize, usize))) {
    if cell.back != BACK {
        image.fill((left, top, left + grid.width, top + grid.height), cell.back);
    }
    if cell.underlined {
        let y = top + grid.height - 2 * grid.thick;
        image.fill((left, y, left + grid.width, y + grid.thick.div_ceil(2)), cell.front);
    }
    if let Some([l, t, r, b]) = block(cell.letter) {
        let share = |of: usize, part: f32| (of as f32 * part).round() as usize;
        let edges = (
            left + share(grid.width, l),
            top + share(grid.height, t),
            left + share(grid.width, r),
            top + share(grid.height, b),
        );
        image.fill(edges, cell.front);
    } else if let Some([to_left, up, to_right, down]) = strokes(cell.letter) {
        let (x, y, thick) = (left + grid.width / 2, top + grid.height / 2, grid.thick);
        let lines = [
            (to_left, (left, y, x + thick, y + thick)),
            (up, (x, top, x + thick, y + thick)),
            (to_right, (x, y, left + grid.width, y + thick)),
            (down, (x, y, x + thick, top + grid.height)),
        ];
        lines.iter().filter(|(there, _)| *there).for_each(|(_, edges)| image.fill(*edges, cell.front));
    } else if cell.letter != ' ' {
        letter(image, fonts, grid, (cell, (left, top)));
    }
}

fn letter(image: &mut Image, fonts: &Fonts, grid: &Grid, (cell, (left, top)): (&Cell, (usize, usize))) {
    let wanted = if cell.bold { &fonts.bold } else { &fonts.regular };
    let font = if wanted.lookup_glyph_index(cell.letter) == 0 { &fonts.regular } else { wanted };
    assert!(font.lookup_glyph_index(cell.letter) != 0, "the font has no {:?}", cell.letter);
    let (metrics, coverage) = font.rasterize(cell.letter, grid.font_px);
    let x0 = left as i64 + i64::from(metrics.xmin);
    let y0 = top as i64 + grid.baseline as i64 - metrics.height as i64 - i64::from(metrics.ymin);
    for (number, share) in coverage.iter().enumerate().filter(|(_, share)| **share > 0) {
        let (x, y) = (x0 + (number % metrics.width) as i64, y0 + (number / metrics.width) as i64);
        if let (Ok(x), Ok(y)) = (usize::try_from(x), usize::try_from(y)) {
            image.put(x, y, mix(cell.back, cell.front, f32::from(*share) / 255.0));
        }
    }
}
