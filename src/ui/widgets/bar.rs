//! A bar that grows by eighths of a letter.

/// `width` letters wide; filled by done/total, and whole only when it is.
pub fn bar(done: u64, total: u64, width: usize) -> String {
    const PARTS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let eighths_all = width * 8;
    let eighths = if total == 0 {
        0
    } else if done >= total {
        eighths_all
    } else {
        let share = u128::from(done) * eighths_all as u128 / u128::from(total);
        usize::try_from(share).unwrap_or(eighths_all).min(eighths_all.saturating_sub(1))
    };
    let (full, part) = (eighths / 8, eighths % 8);
    let used = full + usize::from(part > 0);
    format!("{}{}{}", "█".repeat(full), PARTS[part], " ".repeat(width.saturating_sub(used)))
}

/// The same where only ASCII is drawn.
pub fn ascii_bar(done: u64, total: u64, width: usize) -> String {
    let full = bar(done, total, width).chars().filter(|c| *c == '█').count();
    format!("{}{}", "#".repeat(full), ".".repeat(width - full))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_whole_only_when_it_is() {
        assert_eq!(bar(0, 0, 4), "    ");
        assert_eq!(bar(1, 2, 4), "██  ");
        assert_eq!(bar(999_999, 1_000_000, 4), "███▉");
        assert_eq!(bar(5, 5, 4), "████");
        assert_eq!(bar(9, 5, 4), "████");
        assert_eq!(ascii_bar(1, 2, 4), "##..");
        for width in 0..20 {
            assert_eq!(bar(u64::MAX / 3, u64::MAX, width).chars().count(), width);
        }
    }
}
