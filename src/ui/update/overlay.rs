//! Keys while something lies over the screen.

use super::{dialog, passwords};
use crate::ui::keys::{Code, Key, moved};
use crate::ui::message::Effect;
use crate::ui::state::check::Check;
use crate::ui::state::form::Form;
use crate::ui::state::{Overlay, State};

/// Numbers that can be explained.
pub const EXPLAINED: usize = 6;
/// Lines of a page of the log.
const PAGE: usize = 15;
/// The help can be moved to any of its lines; the view lets no room stay empty.
const HELP_LINES: usize = 40;
const HELP_PAGE: usize = 8;
/// A sentence above a text takes no more, in the narrowest window.
const REMARK_LINES: usize = 4;

pub(super) fn key(state: &mut State, key: Key) -> Vec<Effect> {
    let Some(overlay) = &mut state.overlay else { return Vec::new() };
    match overlay {
        Overlay::Dialog(_) => return dialog::key(state, key),
        Overlay::Passwords(_) => return passwords::key(state, key),
        Overlay::Pick { on } => {
            let names = state.check.as_ref().map(Check::databases).unwrap_or_default();
            if let Some(to) = moved(key, *on, names.len(), PAGE) {
                *on = to;
                return Vec::new();
            }
            match (key.code, names.get(*on)) {
                (Code::Char(' ' | 'x'), Some(name)) => {
                    state.form.toggle_excluded(name);
                }
                _ => state.overlay = None,
            }
        }
        Overlay::Log { from_end } => {
            let len = state.live.as_ref().map_or(0, |live| live.log.len());
            match key.code {
                Code::Up | Code::Char('k') => *from_end = (*from_end + 1).min(len),
                Code::Down | Code::Char('j') => *from_end = from_end.saturating_sub(1),
                Code::PageUp => *from_end = (*from_end + PAGE).min(len),
                Code::PageDown => *from_end = from_end.saturating_sub(PAGE),
                Code::Home | Code::Char('g') => *from_end = len,
                Code::End | Code::Char('G') => *from_end = 0,
                Code::Char('y') => return copy_log(state),
                Code::Esc | Code::Enter | Code::Char('l' | 'q') => state.overlay = None,
                _ => {}
            }
        }
        Overlay::Explain(number) => match key.code {
            Code::Right | Code::Tab | Code::Down | Code::Char('i') => *number = (*number + 1) % EXPLAINED,
            Code::Left | Code::BackTab | Code::Up => *number = (*number + EXPLAINED - 1) % EXPLAINED,
            _ => state.overlay = None,
        },
        Overlay::Help { from } => match moved(key, *from, HELP_LINES, HELP_PAGE) {
            Some(to) => *from = to,
            None => state.overlay = None,
        },
        Overlay::Text { title, text, from, .. } => {
            // More lines than it has in the narrowest window; the view lets no room stay empty.
            let most = REMARK_LINES + text.lines().count() + text.len() / 30;
            match moved(key, *from, most, HELP_PAGE) {
                Some(to) => *from = to,
                None if key.code == Code::Char('y') => {
                    return vec![Effect::Copy { title: title.clone(), text: text.clone() }];
                }
                // It may stand where a dialog was a moment ago: a key that chose among its answers closes nothing.
                None if matches!(key.code, Code::Tab | Code::BackTab | Code::Left | Code::Right) => {}
                None => state.overlay = None,
            }
        }
        Overlay::Command => state.overlay = None,
    }
    Vec::new()
}

fn copy_log(state: &State) -> Vec<Effect> {
    let lines = state.live.iter().flat_map(|live| live.log.iter().map(|line| line.text.as_str()));
    let text = lines.collect::<Vec<_>>().join("\n");
    vec![Effect::Copy { title: "Log".to_owned(), text }]
}

pub(super) fn paste(overlay: &mut Overlay, form: &mut Form, text: &str) {
    match overlay {
        Overlay::Dialog(dialog) => dialog.typed.paste(text),
        Overlay::Passwords(ask) => {
            if let Some(field) = ask.fields.get(ask.on) {
                form.server_mut(field.side).password.paste(text);
            }
        }
        _ => {}
    }
}
