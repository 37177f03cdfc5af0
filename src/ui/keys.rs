//! Keys as data: what the terminal's library reports, reduced to what the wizard knows.

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Code {
    Char(char),
    Enter,
    Tab,
    BackTab,
    Esc,
    Backspace,
    Delete,
    Left,
    Right,
    Up,
    Down,
    Home,
    End,
    PageUp,
    PageDown,
    F1,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Key {
    pub code: Code,
    #[serde(default)]
    pub ctrl: bool,
}

impl Key {
    pub fn plain(code: Code) -> Self {
        Self { code, ctrl: false }
    }

    pub fn char(c: char) -> Self {
        Self::plain(Code::Char(c))
    }

    pub fn ctrl(c: char) -> Self {
        Self { code: Code::Char(c), ctrl: true }
    }

    /// The letter, where it is one without Ctrl.
    pub fn letter(self) -> Option<char> {
        match self.code {
            Code::Char(c) if !self.ctrl => Some(c),
            _ => None,
        }
    }
}

/// How a list's selection moves: arrows, vi's letters, pages, both ends. `None` where the key does not move it.
pub fn moved(key: Key, selected: usize, len: usize, page: usize) -> Option<usize> {
    let last = len.saturating_sub(1);
    let to = match (key.code, key.ctrl) {
        (Code::Down | Code::Char('j'), false) => selected.saturating_add(1),
        (Code::Up | Code::Char('k'), false) => selected.saturating_sub(1),
        (Code::PageDown, _) => selected.saturating_add(page),
        (Code::PageUp, _) => selected.saturating_sub(page),
        (Code::Home | Code::Char('g'), false) => 0,
        (Code::End | Code::Char('G'), false) => last,
        _ => return None,
    };
    Some(to.min(last))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_selection_stays_in_its_list() {
        let down = Key::plain(Code::Down);
        assert_eq!(moved(down, 0, 0, 5), Some(0));
        assert_eq!(moved(down, 2, 3, 5), Some(2));
        assert_eq!(moved(Key::plain(Code::PageUp), 3, 9, 5), Some(0));
        assert_eq!(moved(Key::char('G'), 0, 9, 5), Some(8));
        assert_eq!(moved(Key::char('x'), 0, 9, 5), None);
        assert_eq!(moved(Key::ctrl('j'), 0, 9, 5), None);
    }
}
