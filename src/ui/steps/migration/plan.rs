//! Before the start: what will happen on each side, what to know, and the equal command line.

use super::restrictions::restrictions;
use super::view_parts::{button_line, rows};
use crate::model::check::Possible;
use crate::model::names::{Mangle, ObjectKind, ObjectNames};
use crate::model::plan::TargetPolicy;
use crate::model::units::{count_of, human_bytes, readable};
use crate::ui::command;
use crate::ui::format::ago;
use crate::ui::state::check::{Check, Way};
use crate::ui::state::form::Field;
use crate::ui::state::{Button, Focus, State};
use crate::ui::theme::Theme;
use crate::ui::widgets::form::form;
use crate::ui::widgets::line::{Line, column, column_right};
use crate::ui::widgets::paint::Paint;
use crate::ui::widgets::wrap::wrap;
use ratatui::layout::Rect;

pub fn view(p: &mut Paint<'_>, area: Rect, state: &State) {
    let Some(check) = &state.check else { return };
    let fields = [Field::Jobs, Field::NotEmpty];
    let needed = u16::try_from(crate::ui::widgets::form::height(state, &fields)).unwrap_or(2);
    let [top, form_area, buttons] = rows(area, [area.height.saturating_sub(needed + 2), needed + 1, 1]);
    let title = Line::new("What will happen", p.theme.title);
    let right = Line::new("nothing has been changed so far", p.theme.dim);
    let inner = p.panel(top, &title, &right);
    let lines = text(p.theme, state, (check, usize::from(inner.width).saturating_sub(2)));
    let room = usize::from(inner.height);
    let first = check.selected.min(lines.len().saturating_sub(room));
    for (row, line) in lines.iter().skip(first).take(room).enumerate() {
        p.line(inner, row, line);
    }
    if first > 0 {
        p.right(inner, 0, &Line::new("↑", p.theme.dim));
    }
    if first + room < lines.len() {
        p.right(inner, room.saturating_sub(1), &Line::new("↓", p.theme.dim));
    }
    if state.focus == Focus::List && state.overlay.is_none() {
        p.tint(Rect { height: 1.min(top.height), ..top }, p.theme.accent);
        p.cursor = Some((inner.x, inner.y).into());
    }
    form(p, Rect { height: needed, ..form_area }, state, &fields);
    button_line(p, buttons, (state, &[Button::StartMigration, Button::Back]));
}

/// Above the equal command line.
pub const SAME: &str = "The same on the command line";

/// What will happen and what there is to know of it: heads, where a new one begins, and sentences.
pub fn told(state: &State, check: &Check) -> Vec<(&'static str, String)> {
    let mut all = what_happens(state, check);
    all.extend(to_know(state, check));
    all
}

fn text(theme: Theme, state: &State, (check, width): (&Check, usize)) -> Vec<Line> {
    let mut lines = databases(theme, (check, width));
    lines.push(Line::default());
    for (head, sentence) in told(state, check) {
        let indent = 12;
        for (number, piece) in wrap(&sentence, width.saturating_sub(indent)).into_iter().enumerate() {
            let head = if number == 0 { head } else { "" };
            lines.push(Line::new(column(head, indent), theme.title).and(piece, theme.text));
        }
    }
    lines.push(Line::default());
    let same = format!("{SAME} (c copies it; passwords: ~/.pgpass or PGPASSWORD)");
    lines.extend(wrap(&same, width).into_iter().map(|line| Line::new(line, theme.dim)));
    lines.extend(wrap(&command::line(state), width).into_iter().map(|line| Line::new(line, theme.info)));
    lines
}

fn databases(theme: Theme, (check, width): (&Check, usize)) -> Vec<Line> {
    if check.possible.is_empty() {
        return wrap(of_all(check), width).into_iter().map(|line| Line::new(line, theme.title)).collect();
    }
    // In a narrow window names give way: what is done is said whole.
    let wide = match width {
        ..70 => 14,
        70..80 => 20,
        _ => 24,
    };
    let head = format!("{} {} {}", column("DATABASE", wide), column_right("SIZE", 9), "  METHOD");
    let mut lines = vec![Line::new(head, theme.dim)];
    for possible in &check.possible {
        let (way, Moved { size, word, time }) = (check.way(possible), moved(check, possible));
        let style = match way {
            Way::Continuous => theme.ok,
            Way::Snapshot => theme.warn,
            Way::LeftOut => theme.dim,
            Way::Undecided | Way::Impossible => theme.error,
        };
        let line = Line::new(column(&readable(&possible.database), wide), theme.text)
            .and(format!(" {}", column_right(&size, 9)), theme.text)
            .and(format!("   {word}"), style);
        let has_room = line.width() + time.chars().count() <= width;
        lines.push(if has_room { line.and(time, theme.dim) } else { line });
    }
    lines
}

/// Where databases were not judged one by one.
pub fn of_all(check: &Check) -> &'static str {
    if check.decisions.snapshot {
        "Every database by a one-time snapshot."
    } else {
        "Every database continuously; where that is not possible, nothing is begun."
    }
}

/// How one database is moved, in words.
pub struct Moved {
    pub size: String,
    pub word: &'static str,
    /// Behind a comma, where it can be told.
    pub time: String,
}

pub fn moved(check: &Check, possible: &Possible) -> Moved {
    let word = match check.way(possible) {
        Way::Continuous => "replication",
        Way::Snapshot => "one-time snapshot (dump)",
        Way::LeftOut => "left out",
        Way::Undecided | Way::Impossible => "not decided",
    };
    let size = possible.size_bytes.map_or_else(|| "unknown".to_owned(), human_bytes);
    let time = possible.estimate_s.map(|s| format!(", roughly {}", ago(s * 1000))).unwrap_or_default();
    Moved { size, word, time }
}

pub fn replicates(check: &Check) -> bool {
    if check.possible.is_empty() {
        return !check.decisions.snapshot;
    }
    check.possible.iter().any(|p| check.way(p) == Way::Continuous)
}

/// Databases whose objects are named one by one; those of others are called likewise.
const NAMED: usize = 3;

/// What these are called for each database, as far as that is known before the start.
fn names(state: &State, check: &Check, kinds: &[ObjectKind]) -> String {
    let id = state.form.name.trimmed();
    let moved: Vec<_> = check.possible.iter().filter(|p| check.way(p) == Way::Continuous).collect();
    let named = |possible: &&Possible| {
        let names = ObjectNames::new(id, &possible.database, Mangle::WhereNeeded)?;
        Some(kinds.iter().map(|kind| names.of(*kind)).collect::<Vec<_>>().join(" and "))
    };
    let all: Option<Vec<_>> = moved.iter().take(NAMED).map(named).collect();
    // Without a name one is made up at the start.
    let Some(all) = all.filter(|all| !all.is_empty()) else {
        let of = |kind: &ObjectKind| {
            let names = ObjectNames::new("x", "y", Mangle::WhereNeeded)?.of(*kind);
            Some(names.replace("_x_y_", "_NAME_DATABASE_"))
        };
        return kinds.iter().filter_map(of).collect::<Vec<_>>().join(" and ");
    };
    let more = moved.len().saturating_sub(NAMED) as u64;
    let rest = if more > 0 {
        format!(", and likewise for {} more", count_of(more, "database"))
    } else {
        String::new()
    };
    format!("{}{rest}", all.join(", "))
}

/// The objects that are made, side by side.
fn what_happens(state: &State, check: &Check) -> Vec<(&'static str, String)> {
    let continuous = check.possible.iter().filter(|p| check.way(p) == Way::Continuous).count() as u64;
    let each = match continuous {
        0 => "each database gets".to_owned(),
        1 => "1 database gets".to_owned(),
        _ => format!("each of {} gets", count_of(continuous, "database")),
    };
    let mut all = Vec::new();
    if replicates(check) {
        all.push((
            "Source",
            format!(
                "{each} one publication and one logical replication slot: {}; every table is read once, under a lock \
                 that only stops changes of definitions (ACCESS SHARE)",
                names(state, check, &[ObjectKind::Publication, ObjectKind::Slot])
            ),
        ));
    } else {
        all.push((
            "Source",
            "nothing is made; every table is read once, under a lock that only stops changes of definitions (ACCESS SHARE)"
                .to_owned(),
        ));
    }
    let mut target =
        "roles, databases, their schema, rows, then indexes, keys, privileges and settings".to_owned();
    if replicates(check) {
        let names = names(state, check, &[ObjectKind::Subscription]);
        let (own, follow) = if continuous == 1 { ("", "it follows") } else { (" each", "they follow") };
        target.push_str(&format!(
            "; then a subscription{own}: {names}, and {follow} the source until you close"
        ));
    }
    all.push(("Target", target));
    let followed = check.possible.iter().filter(|p| check.way(p) == Way::Continuous);
    let wal: u64 = followed.filter_map(|p| p.wal_bytes).sum();
    if wal > 0 && replicates(check) {
        all.push(("WAL kept", format!("up to about {} on the source meanwhile", human_bytes(wal))));
    }
    all.push((
        "Undo",
        if replicates(check) {
            "Stop migration removes slots and publications; the source is then as it was".to_owned()
        } else {
            "Stop migration leaves nothing on the source".to_owned()
        },
    ));
    all
}

fn to_know(state: &State, check: &Check) -> Vec<(&'static str, String)> {
    let mut all = vec![("Know", policy(state.form.not_empty).to_owned())];
    if check.possible.iter().any(|p| check.way(p) == Way::Snapshot) || check.decisions.snapshot {
        all.push((
            "",
            "A snapshot is what the source was at the start: rows that are written there later will not be on the target."
                .to_owned(),
        ));
    }
    all.push((
        "",
        "While it runs, do not write to tables that are being migrated on the target, do not change wal_level, do not \
         lower max_replication_slots, do not change listen addresses or firewalls."
            .to_owned(),
    ));
    all.push(("", "A stopped migration cannot be continued, only started over.".to_owned()));
    if replicates(check) {
        all.extend(restrictions(check, state.form.identity).into_iter().map(|sentence| ("", sentence)));
    }
    all
}

fn policy(policy: TargetPolicy) -> &'static str {
    match policy {
        TargetPolicy::Refuse => {
            "Migrate into an empty target: a database that holds something is left alone and named. (Aiven's console would \
             leave rows whose keys collide, and append to tables without a primary key.)"
        }
        TargetPolicy::Append => {
            "Rows are added to what the target holds. A table with a primary key that collides ends with an error; a table \
             without one gets its rows twice."
        }
        TargetPolicy::Truncate => "Tables of the target that are copied are EMPTIED first.",
    }
}
