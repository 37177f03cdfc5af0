//! Parts that several screens are made of: rows of areas, lines of buttons.

use crate::ui::message::Hit;
use crate::ui::state::{Button, Focus, State};
use crate::ui::widgets::line::Line;
use crate::ui::widgets::paint::Paint;
use ratatui::layout::Rect;
use unicode_width::UnicodeWidthStr;

/// Areas below one another. What there is no room for gets less, from the last one on.
pub fn rows<const N: usize>(area: Rect, heights: [u16; N]) -> [Rect; N] {
    let mut y = area.y;
    heights.map(|height| {
        let height = height.min(area.bottom().saturating_sub(y));
        let row = Rect { y, height, ..area };
        y += height;
        row
    })
}

/// Buttons side by side, in the middle.
pub fn button_line(p: &mut Paint<'_>, area: Rect, (state, buttons): (&State, &[Button])) {
    let mut line = Line::default();
    let mut at = None;
    let mut places = Vec::new();
    // Closer together before one of them would be cut.
    let whole: usize = buttons.iter().map(|button| button.label().width() + 4).sum();
    let gap = if whole + 3 * buttons.len() > usize::from(area.width) { " " } else { "   " };
    for button in buttons {
        let focused = state.overlay.is_none() && state.focus == Focus::Button(*button);
        if !line.is_empty() {
            line.push(gap, p.theme.text);
        }
        if focused {
            at = Some(line.width());
        }
        let drawn = p.button(button.label(), focused.into());
        places.push((line.width(), drawn.width(), *button));
        line.append(drawn);
    }
    let width = line.width();
    let pad = usize::from(area.width).saturating_sub(width) / 2;
    let mut padded = Line::new(" ".repeat(pad), p.theme.text);
    padded.append(line);
    p.line(area, 0, &padded);
    for (x, width, button) in places {
        p.hit((area, 0), (pad + x, width), Hit::Focus(Focus::Button(button)));
    }
    if let Some(at) = at
        && area.height > 0
    {
        let x = area.x.saturating_add(u16::try_from(pad + at).unwrap_or(0));
        p.cursor = Some((x.min(area.right().saturating_sub(1)), area.y).into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_never_leave_their_area() {
        for height in 0..40 {
            let area = Rect { x: 3, y: 2, width: 10, height };
            let all = rows(area, [10, 6, 20]);
            assert!(all.iter().all(|row| row.bottom() <= area.bottom() && row.y >= area.y));
        }
    }
}
