//! Rows of labels and fields, with what is wrong below the field that it is about.

use super::line::{Line, column, tail};
use super::paint::Paint;
use crate::model::endpoint::{SslMode, Words};
use crate::model::plan::{IdentityPolicy, TargetPolicy};
use crate::model::units::readable;
use crate::ui::message::Hit;
use crate::ui::state::form::{Field, Part, Server};
use crate::ui::state::{Focus, State};
use ratatui::layout::Rect;
use unicode_width::UnicodeWidthStr;

/// As wide as the longest label and its mark.
const LABEL: usize = 20;
/// Fields are as wide as hints beside them allow.
const WIDEST: usize = 40;
const NARROW: usize = 34;
/// The longest name and the cursor behind it.
const NAME: usize = 21;
const ROOMY: u16 = 90;

/// How many lines the rows need without blank ones between them.
pub fn height(state: &State, fields: &[Field]) -> usize {
    fields.len() + fields.iter().filter(|field| state.form.error(**field).is_some()).count()
}

/// Draws the fields; with room to spare there is a blank line between them, and with too little the one with the focus
/// is among those that are shown. Returns how many lines were used.
pub fn form(paint: &mut Paint<'_>, area: Rect, state: &State, fields: &[Field]) -> usize {
    let room = usize::from(area.height);
    let airy = room >= height(state, fields) + fields.len();
    let focused = fields.iter().position(|field| state.focus == Focus::Field(*field)).unwrap_or(0);
    // From which field on: as few as possible are left out above.
    let mut first = 0;
    let needed = |first: usize| height(state, &fields[first..=focused.max(first)]);
    while first < focused && needed(first) > room {
        first += 1;
    }
    let mut row = 0;
    for field in &fields[first..] {
        if row >= room {
            break;
        }
        one(paint, area, row, (state, *field));
        row += 1;
        if let Some(what) = state.form.error(*field) {
            // Below the field, and further to the left where the words need the room.
            let indent = usize::from(area.width).saturating_sub(what.width() + 2).clamp(2, LABEL + 1);
            let text = format!("{}✖ {what}", " ".repeat(indent));
            paint.line(area, row, &Line::new(text, paint.theme.error));
            row += 1;
        }
        row += usize::from(airy);
    }
    row
}

fn one(paint: &mut Paint<'_>, area: Rect, row: usize, (state, field): (&State, Field)) {
    let theme = paint.theme;
    let focused = state.overlay.is_none() && state.focus == Focus::Field(field);
    let mark = if focused { "▌ " } else { "  " };
    let label = column(&format!("{mark}{}", field.label()), LABEL);
    let style = if focused { theme.accent.patch(theme.title) } else { theme.text };
    let mut line = Line::new(label, style);
    let widest = if area.width < ROOMY { NARROW } else { WIDEST };
    // A name is short, and why it is another one than before is said beside it in every window.
    let widest = if field == Field::Name { widest.min(NAME) } else { widest };
    let width = usize::from(area.width).saturating_sub(LABEL + 3).min(widest);
    let (shown, cursor) = content(state, field, width);
    let is_choice = matches!(
        field,
        Field::NotEmpty | Field::Identity | Field::Source(Part::Ssl) | Field::Target(Part::Ssl)
    );
    if is_choice {
        line.push(shown, if focused { theme.focus } else { theme.text });
    } else {
        line.push("[", theme.dim);
        line.push(column(&shown, width), if focused { theme.field.patch(theme.title) } else { theme.field });
        line.push("]", theme.dim);
    }
    let room = usize::from(area.width).saturating_sub(line.width() + 3);
    let fits = |hint: &String| !hint.is_empty() && hint.width() <= room;
    if let Some(hint) = hints(state, field).into_iter().find(fits) {
        line.push(format!("   {hint}"), theme.dim);
    }
    paint.line(area, row, &line);
    paint.hit((area, row), (0, line.width()), Hit::Focus(Focus::Field(field)));
    if focused {
        let offset = LABEL + if is_choice { 0 } else { 1 + cursor };
        let x = area.x.saturating_add(u16::try_from(offset).unwrap_or(0)).min(area.right().saturating_sub(1));
        paint.cursor = Some((x, area.y.saturating_add(u16::try_from(row).unwrap_or(0))).into());
    }
}

/// What stands in the field, and at which column of it the cursor is.
fn content(state: &State, field: Field, width: usize) -> (String, usize) {
    match field {
        Field::NotEmpty => (not_empty(state.form.not_empty).0.to_owned(), 0),
        Field::Identity => (format!("← {} →", identity(state.form.identity).0), 0),
        Field::Source(part) | Field::Target(part) => {
            let side = match field {
                Field::Source(_) => crate::model::units::Side::Source,
                _ => crate::model::units::Side::Target,
            };
            let server = state.form.server(side);
            match part {
                Part::Ssl => {
                    let tick = if server.encrypts() { "[✔]" } else { "[ ]" };
                    (format!("{tick} {}", server.ssl_mode().word()), 0)
                }
                Part::Password => {
                    let shown = server
                        .password
                        .revealed()
                        .map_or_else(|| "•".repeat(server.password.len()), str::to_owned);
                    window(&shown, server.password.cursor(), width)
                }
                _ => window(
                    server.text(part).map_or("", |t| t.value()),
                    server.text(part).map_or(0, |t| t.cursor()),
                    width,
                ),
            }
        }
        _ => {
            let text = state.form.text(field);
            window(text.map_or("", |t| t.value()), text.map_or(0, |t| t.cursor()), width)
        }
    }
}

/// The part of a text around its cursor.
pub fn window(text: &str, cursor: usize, width: usize) -> (String, usize) {
    let before: String = text.chars().take(cursor).collect();
    // The cursor itself needs a column where it stands behind the text.
    let room = width.saturating_sub(1);
    if text.width() <= room {
        return (text.to_owned(), before.width());
    }
    let head = tail(&before, room);
    let at = head.width();
    let rest: String = text.chars().skip(cursor).collect();
    (super::line::clip(&format!("{head}{rest}"), width), at)
}

/// How the policy stands in a field, and what it means.
pub fn not_empty(policy: TargetPolicy) -> (&'static str, &'static str) {
    match policy {
        TargetPolicy::Refuse => ("← refuse →", "leave such a database alone and say what is in it"),
        TargetPolicy::Append => ("← append →", "add rows where tables are defined alike"),
        TargetPolicy::Truncate => ("← truncate →", "empty the tables that are copied, then copy"),
    }
}

/// The policy as the command line calls it, and what it means.
pub fn identity(policy: IdentityPolicy) -> (&'static str, &'static str) {
    match policy {
        IdentityPolicy::Refuse => ("refuse", "a database that has such tables is not replicated"),
        IdentityPolicy::Skip => ("skip", "they do not follow, and are copied again when you close"),
        IdentityPolicy::Inserts => ("inserts", "only new rows follow; copied again when you close"),
        IdentityPolicy::Index => ("index", "a unique index tells their rows apart; without one, refuse"),
        IdentityPolicy::Full => ("full", "a unique index, or else the whole row: slow for large tables"),
    }
}

fn server(state: &State, field: Field) -> &Server {
    match field {
        Field::Target(_) => &state.form.target,
        _ => &state.form.source,
    }
}

fn encrypts(state: &State, field: Field) -> bool {
    server(state, field).encrypts()
}

fn goes_in_clear(state: &State, field: Field) -> bool {
    server(state, field).ssl_mode() == SslMode::Disable
}

/// A check that did not come to the databases knows of none.
fn can_pick(state: &State) -> bool {
    state.check.as_ref().is_some_and(|check| !check.databases().is_empty())
}

/// In full, and for narrow windows.
fn hints(state: &State, field: Field) -> Vec<String> {
    let (long, short) = match field {
        Field::Name => {
            if let Some(taken) = state.form.renamed_from() {
                let taken = readable(taken);
                let long = format!("{taken} is taken; this is free");
                return vec![long, format!("{taken} taken"), "renamed".to_owned()];
            }
            ("a-z, 0-9 and _; empty: random", "a-z, 0-9, _")
        }
        Field::Exclude if can_pick(state) => ("names with spaces between; ↓ picks", "↓ picks them"),
        Field::Exclude => ("names with spaces between them", "spaces between them"),
        Field::SkipTables => ("table, schema.table or db.schema.table, commas", "commas between them"),
        Field::Jobs => ("empty: by the servers' processors", "empty: automatic"),
        Field::NotEmpty => {
            let short = match state.form.not_empty {
                TargetPolicy::Refuse => "leave it alone, say so",
                TargetPolicy::Append => "add rows to it",
                TargetPolicy::Truncate => "empty its tables first",
            };
            (not_empty(state.form.not_empty).1, short)
        }
        Field::Identity => (identity(state.form.identity).1, ""),
        Field::Source(part) | Field::Target(part) => match part {
            Part::Host => ("a name, an address, or paste a postgres:// URI", "or paste a URI"),
            Part::Database => ("to connect to; empty: the usual ones", "to connect to"),
            Part::Password => ("Ctrl-R shows it; empty: ~/.pgpass, PGPASSWORD", "empty: ~/.pgpass"),
            Part::Ssl if encrypts(state, field) => {
                ("(recommended)  Space, or ← → for another mode", "(recommended)  ← → modes")
            }
            Part::Ssl if goes_in_clear(state, field) => {
                ("goes in clear: Space encrypts, ← → for another mode", "goes in clear")
            }
            Part::Ssl => ("may go in clear: Space encrypts, ← → for another mode", "may go in clear"),
            Part::Ca => ("path, or system; compares the name too", "path, or system"),
            Part::Port | Part::User => ("", ""),
        },
    };
    vec![long.to_owned(), short.to_owned()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cursor_is_always_in_the_window() {
        let text = "a-long-host-name.example.net";
        for cursor in 0..=text.len() {
            for width in 1..40 {
                let (shown, at) = window(text, cursor, width);
                assert!(shown.width() <= width && at < width.max(1), "{cursor} {width}: {shown:?} {at}");
            }
        }
        assert_eq!(window("abc", 1, 10), ("abc".to_owned(), 1));
    }
}
