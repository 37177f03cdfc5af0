//! Which part of a long list is to be seen.

use super::line::Line;
use super::paint::Paint;
use crate::ui::message::Hit;
use ratatui::layout::Rect;

/// The first line to show so that the selected one is near the middle, and no room stays empty.
pub fn first_shown(selected: usize, len: usize, height: usize) -> usize {
    let last_start = len.saturating_sub(height);
    selected.saturating_sub(height / 2).min(last_start)
}

/// Draws lines of which one is selected; the rest can be reached by moving. Marks at the right show that there is more.
pub fn list(paint: &mut Paint<'_>, area: Rect, lines: &[Line], selected: Option<usize>) {
    long_list(paint, area, (lines.len(), selected), |at| lines[at].clone());
}

/// The same where lines are many: only those that are to be seen are made.
pub fn long_list(
    paint: &mut Paint<'_>,
    area: Rect,
    (len, selected): (usize, Option<usize>),
    line: impl Fn(usize) -> Line,
) {
    let height = usize::from(area.height);
    let first = first_shown(selected.unwrap_or(0), len, height);
    let text = Rect { width: area.width.saturating_sub(2), ..area };
    for (row, at) in (first..len).take(height).enumerate() {
        let chosen = selected == Some(at);
        let mut marked =
            if chosen { Line::new("▌ ", paint.theme.accent) } else { Line::new("  ", paint.theme.text) };
        marked.append(line(at));
        paint.line(text, row, &marked);
        paint.hit((text, row), (0, text.width.into()), Hit::Row(at));
        if chosen {
            let y = area.y.saturating_add(u16::try_from(row).unwrap_or(0));
            paint.cursor = Some((area.x, y).into());
        }
    }
    if first > 0 {
        paint.right(area, 0, &Line::new("↑", paint.theme.dim));
    }
    if first + height < len {
        paint.right(area, height.saturating_sub(1), &Line::new("↓", paint.theme.dim));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_selected_line_is_always_to_be_seen() {
        for len in 0..20 {
            for height in 1..10 {
                for selected in 0..len {
                    let first = first_shown(selected, len, height);
                    assert!((first..first + height).contains(&selected));
                    assert!(first == 0 || first + height <= len);
                }
            }
        }
    }
}
