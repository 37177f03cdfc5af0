//! Roles, never colours, are what widgets ask for. Every role differs from its neighbours without colour too.

use super::state::{Colors, Letters, Look};
use ratatui::style::{Color, Modifier, Style};

#[derive(Debug, Clone, Copy)]
pub struct Theme {
    pub text: Style,
    pub accent: Style,
    pub ok: Style,
    pub warn: Style,
    pub error: Style,
    pub info: Style,
    pub dim: Style,
    pub title: Style,
    pub key: Style,
    /// Where something can be typed.
    pub field: Style,
    /// What keys act on.
    pub focus: Style,
    /// The box around a window.
    pub border: Style,
    pub ascii: bool,
}

impl Theme {
    pub fn new(look: Look) -> Self {
        let ascii = look.letters == Letters::Ascii;
        let plain = Style::default();
        let bold = plain.add_modifier(Modifier::BOLD);
        let dim = plain.add_modifier(Modifier::DIM);
        let reverse = plain.add_modifier(Modifier::REVERSED);
        let underline = plain.add_modifier(Modifier::UNDERLINED);
        match look.colors {
            Colors::None => Self {
                text: plain,
                accent: bold,
                ok: plain,
                warn: bold,
                error: bold.add_modifier(Modifier::UNDERLINED),
                info: plain,
                dim,
                title: bold,
                key: bold,
                field: underline,
                focus: reverse,
                border: dim,
                ascii,
            },
            // Never black or white in front, and no grey: on one of the two kinds of terminals they cannot be read.
            Colors::Ansi16 => Self {
                text: plain,
                accent: plain.fg(Color::Cyan),
                ok: plain.fg(Color::Green),
                warn: plain.fg(Color::Yellow),
                error: bold.fg(Color::Red),
                info: plain.fg(Color::Blue),
                dim,
                title: bold,
                key: bold.fg(Color::Cyan),
                field: underline,
                focus: reverse,
                border: dim,
                ascii,
            },
            Colors::Rgb => {
                let fg = |r, g, b| plain.fg(Color::Rgb(r, g, b));
                Self {
                    text: plain,
                    accent: fg(108, 154, 240),
                    ok: fg(118, 178, 80),
                    warn: fg(214, 150, 62),
                    error: fg(234, 92, 112).add_modifier(Modifier::BOLD),
                    info: fg(80, 176, 214),
                    dim,
                    title: bold,
                    key: fg(108, 154, 240).add_modifier(Modifier::BOLD),
                    field: underline,
                    focus: reverse,
                    border: fg(112, 122, 150),
                    ascii,
                }
            }
        }
    }
}
