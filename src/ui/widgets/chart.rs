//! Columns over time, with the scale at the left.

use super::line::{Line, column_right};
use super::paint::Paint;
use ratatui::layout::Rect;

/// Values from old to new, of which the newest stands at the right; those that are not known leave a gap.
pub fn chart(paint: &mut Paint<'_>, area: Rect, values: &[Option<u64>], word: fn(u64) -> String) {
    let rows = usize::from(area.height);
    let largest = values.iter().flatten().copied().max().unwrap_or(0);
    // Where nothing was ever more than nothing, one label says so.
    let top = if largest == 0 && rows > 1 { String::new() } else { word(largest) };
    let scale = top.chars().count().max(word(0).chars().count());
    let width = usize::from(area.width).saturating_sub(scale + 1);
    if rows == 0 || width < 4 {
        return;
    }
    let shown = &values[values.len().saturating_sub(width)..];
    let pad = width - shown.len();
    for row in 0..rows {
        let label = match row {
            0 => top.clone(),
            r if r + 1 == rows && rows > 1 => word(0),
            _ => String::new(),
        };
        let mut line = Line::new(column_right(&label, scale), paint.theme.dim).and("┤", paint.theme.dim);
        let columns: String =
            shown.iter().map(|value| piece(*value, largest, rows, rows - 1 - row)).collect();
        line.push(" ".repeat(pad) + &columns, paint.theme.info);
        paint.line(area, row, &line);
    }
}

/// What is drawn of a column in the row that has `below` rows under it.
fn piece(value: Option<u64>, largest: u64, rows: usize, below: usize) -> char {
    const PARTS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let Some(value) = value else { return ' ' };
    let eighths = if largest == 0 {
        0
    } else {
        let height = u128::from(value) * (rows * 8) as u128 / u128::from(largest);
        usize::try_from(height).unwrap_or(0)
    };
    // Known and small is more than unknown: it stands on the floor.
    let eighths = eighths.max(1);
    PARTS[eighths.saturating_sub(below * 8).min(8)]
}

/// Puts values into as many groups as there are columns, each by its largest; a group without a known value has none.
pub fn squeeze(values: &[Option<u64>], columns: usize) -> Vec<Option<u64>> {
    if values.len() <= columns || columns == 0 {
        return values.to_vec();
    }
    let size = values.len().div_ceil(columns);
    values.chunks(size).map(|chunk| chunk.iter().flatten().copied().max()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_is_a_gap_and_nothing_a_line() {
        assert_eq!(piece(None, 10, 2, 0), ' ');
        assert_eq!(piece(Some(0), 10, 2, 0), '▁');
        assert_eq!(piece(Some(0), 10, 2, 1), ' ');
        assert_eq!(piece(Some(10), 10, 2, 1), '█');
        assert_eq!(piece(Some(5), 10, 2, 1), ' ');
        assert_eq!(piece(Some(5), 10, 2, 0), '█');
        assert_eq!(piece(Some(0), 0, 1, 0), '▁');
    }

    #[test]
    fn many_values_keep_their_peaks() {
        let values: Vec<_> = (0..100u64).map(|n| Some(n % 10)).collect();
        let few = squeeze(&values, 10);
        assert_eq!(few.len(), 10);
        assert!(few.iter().all(|v| *v == Some(9)));
        assert_eq!(squeeze(&[None, None, Some(1)], 1), [Some(1)]);
    }
}
