//! Long sentences over several lines.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Breaks at spaces; a word that is wider than a line is broken where the line ends. Line breaks in the text stay, and so
/// does the indentation of a line.
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    let width = width.max(1);
    let mut lines = Vec::new();
    for paragraph in text.split('\n') {
        let indent: String = paragraph
            .chars()
            .take_while(|c| *c == ' ')
            .take((width / 2).min(width.saturating_sub(2)))
            .collect();
        let mut line = indent.clone();
        // How wide it is, counted along: to measure it anew for each letter took seconds for a command of 70 kB.
        let mut used = indent.len();
        let mut empty = true;
        for word in paragraph.split(' ').filter(|word| !word.is_empty()) {
            let wide = word.width();
            if !empty && used + 1 + wide > width {
                lines.push(std::mem::replace(&mut line, indent.clone()));
                (used, empty) = (indent.len(), true);
            }
            if !empty {
                line.push(' ');
                used += 1;
            }
            if used + wide <= width {
                line.push_str(word);
                used += wide;
            } else {
                for c in word.chars() {
                    let wide = c.width().unwrap_or(0);
                    if used + wide > width && used > indent.len() {
                        lines.push(std::mem::replace(&mut line, indent.clone()));
                        used = indent.len();
                    }
                    line.push(c);
                    used += wide;
                }
            }
            empty = false;
        }
        lines.push(line);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_break_between_words() {
        assert_eq!(wrap("one two three", 8), ["one two", "three"]);
        assert_eq!(wrap("one\n  two three", 9), ["one", "  two", "  three"]);
        assert_eq!(wrap("abcdefgh", 3), ["abc", "def", "gh"]);
        assert_eq!(wrap("", 3), [""]);
        assert_eq!(wrap("a b", 0), ["a", "b"]);
    }

    #[test]
    fn no_line_is_wider_than_asked() {
        for width in 2..40 {
            let text = "  a sentence with averyveryverylongword and 日本語 in it\nand more";
            assert!(wrap(text, width).iter().all(|line| line.width() <= width), "{width}");
        }
    }
}
