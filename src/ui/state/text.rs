//! What is typed: a line of text with a cursor, and a password that nothing can print, store or copy.

use crate::model::secret::Secret;
use crate::ui::keys::{Code, Key};
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, Zeroizing};

/// Longer than any name, address or list that makes sense; a paste beyond it is cut.
const MOST_CHARS: usize = 4096;

/// A line of text and the place in it where the next letter goes, counted in characters.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Text {
    value: String,
    cursor: usize,
}

impl Text {
    pub fn new(value: impl Into<String>) -> Self {
        let value = value.into();
        let cursor = value.chars().count();
        Self { value, cursor }
    }

    pub fn value(&self) -> &str {
        &self.value
    }

    /// Without what stands around it by mistake.
    pub fn trimmed(&self) -> &str {
        self.value.trim()
    }

    pub fn cursor(&self) -> usize {
        self.cursor
    }

    pub fn set(&mut self, value: impl Into<String>) {
        *self = Self::new(value);
    }

    /// What a key does to it; false where the key is none of a text's.
    pub fn key(&mut self, key: Key) -> bool {
        edit(&mut self.value, &mut self.cursor, key)
    }

    pub fn paste(&mut self, text: &str) {
        insert(&mut self.value, &mut self.cursor, text);
    }
}

/// Typed in secret. It is wiped from memory when it goes, prints as nothing and is never serialised.
#[derive(Default)]
pub struct Password {
    buffer: Zeroizing<String>,
    cursor: usize,
    revealed: bool,
}

impl std::fmt::Debug for Password {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("<hidden>")
    }
}

impl Password {
    pub fn is_empty(&self) -> bool {
        self.buffer.is_empty()
    }

    pub fn len(&self) -> usize {
        self.buffer.chars().count()
    }

    pub fn cursor(&self) -> usize {
        self.cursor
    }

    /// The text, where the operator asked to see it.
    pub fn revealed(&self) -> Option<&str> {
        self.revealed.then_some(self.buffer.as_str())
    }

    pub fn toggle(&mut self) {
        self.revealed = !self.revealed;
    }

    pub fn hide(&mut self) {
        self.revealed = false;
    }

    /// For the connection and for nothing else; none where nothing was typed.
    pub fn secret(&self) -> Option<Secret> {
        (!self.buffer.is_empty()).then(|| Secret::new(self.buffer.as_str()))
    }

    pub fn set(&mut self, text: &str) {
        self.clear();
        self.paste(text);
    }

    pub fn clear(&mut self) {
        self.buffer.zeroize();
        self.cursor = 0;
    }

    pub fn key(&mut self, key: Key) -> bool {
        self.make_room(1);
        edit(&mut self.buffer, &mut self.cursor, key)
    }

    pub fn paste(&mut self, text: &str) {
        self.make_room(text.len());
        insert(&mut self.buffer, &mut self.cursor, text);
    }

    /// A string that grows leaves its old self behind in memory: this one moves by hand, and wipes what it leaves.
    fn make_room(&mut self, bytes: usize) {
        if self.buffer.capacity() - self.buffer.len() >= bytes.max(4) {
            return;
        }
        let mut roomy = Zeroizing::new(String::with_capacity(self.buffer.len() + bytes + 128));
        roomy.push_str(&self.buffer);
        self.buffer = roomy;
    }
}

fn at(value: &str, cursor: usize) -> usize {
    value.char_indices().nth(cursor).map_or(value.len(), |(at, _)| at)
}

fn insert(value: &mut String, cursor: &mut usize, text: &str) {
    let room = MOST_CHARS.saturating_sub(value.chars().count());
    for c in text.trim_end_matches(['\n', '\r']).chars().filter(|c| !c.is_control()).take(room) {
        value.insert(at(value, *cursor), c);
        *cursor += 1;
    }
}

fn edit(value: &mut String, cursor: &mut usize, key: Key) -> bool {
    let len = value.chars().count();
    match (key.code, key.ctrl) {
        (Code::Char(c), false) => insert(value, cursor, c.encode_utf8(&mut [0; 4])),
        (Code::Backspace, _) | (Code::Char('h'), true) => {
            if *cursor > 0 {
                *cursor -= 1;
                value.remove(at(value, *cursor));
            }
        }
        (Code::Delete, _) => {
            if *cursor < len {
                value.remove(at(value, *cursor));
            }
        }
        (Code::Left, false) => *cursor = cursor.saturating_sub(1),
        (Code::Right, false) => *cursor = (*cursor + 1).min(len),
        (Code::Home, _) | (Code::Char('a'), true) => *cursor = 0,
        (Code::End, _) | (Code::Char('e'), true) => *cursor = len,
        (Code::Char('u'), true) => {
            value.replace_range(..at(value, *cursor), "");
            *cursor = 0;
        }
        (Code::Char('k'), true) => value.truncate(at(value, *cursor)),
        (Code::Char('w'), true) => {
            let before = &value[..at(value, *cursor)];
            let stem = before.trim_end().rfind(' ').map_or(0, |space| space + 1);
            let kept = value[..stem].chars().count();
            value.replace_range(stem..at(value, *cursor), "");
            *cursor = kept;
        }
        _ => return false,
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_edited_by_characters_not_bytes() {
        let mut text = Text::new("gröse");
        for code in [Code::Left, Code::Left] {
            assert!(text.key(Key::plain(code)));
        }
        text.key(Key::plain(Code::Backspace));
        text.key(Key::char('ß'));
        assert_eq!(text.value(), "grßse");
        text.key(Key::plain(Code::Home));
        text.key(Key::plain(Code::Delete));
        assert_eq!(text.value().chars().next(), Some('r'));
        assert!(!text.key(Key::plain(Code::Tab)));
    }

    #[test]
    fn words_and_lines_are_removed_at_once() {
        let mut text = Text::new("one two three");
        text.key(Key::ctrl('w'));
        assert_eq!(text.value(), "one two ");
        text.key(Key::plain(Code::Home));
        text.key(Key::plain(Code::Right));
        text.key(Key::ctrl('k'));
        assert_eq!(text.value(), "o");
        text.key(Key::ctrl('u'));
        assert_eq!((text.value(), text.cursor()), ("", 0));
    }

    #[test]
    fn a_paste_brings_no_control_characters_and_has_an_end() {
        let mut text = Text::default();
        text.paste("a\x1b[31mb\n");
        assert_eq!(text.value(), "a[31mb");
        text.paste(&"x".repeat(10_000));
        assert_eq!(text.value().chars().count(), MOST_CHARS);
    }

    #[test]
    fn a_password_shows_itself_to_nobody() {
        let mut password = Password::default();
        assert!(password.secret().is_none());
        "s3cret".chars().for_each(|c| assert!(password.key(Key::char(c))));
        assert_eq!(format!("{password:?}"), "<hidden>");
        assert_eq!(password.revealed(), None);
        password.toggle();
        assert_eq!(password.revealed(), Some("s3cret"));
        assert_eq!(password.secret().unwrap().expose(), "s3cret");
        password.clear();
        assert!(password.is_empty());
    }
}
