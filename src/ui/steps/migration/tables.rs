//! The list of tables and of everything else that is worked on: what runs, what waits and for what, what is through.

use crate::model::units::{human_bytes, human_ms, printable, readable, thousands};
use crate::ui::format::rate;
use crate::ui::state::live::{Listed, Live, Row, Sort};
use crate::ui::state::{Focus, State};
use crate::ui::theme::Theme;
use crate::ui::widgets::bar::{ascii_bar, bar};
use crate::ui::widgets::line::{Line, column, column_right};
use crate::ui::widgets::list::long_list;
use crate::ui::widgets::paint::Paint;
use crate::ui::widgets::wrap::wrap;
use ratatui::layout::Rect;

/// Where less of it has room, what is known of a lock is said in fewer words.
const WORTH_ITS_ROOM: usize = 44;

pub(super) fn list_title(theme: Theme, (live, name): (&Live, &str)) -> Line {
    let mut title = Line::new(name, theme.title);
    if live.filter.typing || !live.filter.text.value().is_empty() {
        title.push(format!("  filter: {}", printable(live.filter.text.value())), theme.accent);
    }
    if live.sort != Sort::Recent && live.list == Listed::Tables {
        title.push(if live.sort == Sort::Size { "  by size" } else { "  by name" }, theme.accent);
    }
    title
}

pub(super) fn draw(p: &mut Paint<'_>, area: Rect, (state, live): (&State, &Live)) {
    let theme = p.theme;
    let through = live.run.databases.values().map(|d| d.tables_copied).sum::<u64>();
    let failed = live.run.databases.values().map(|d| d.tables_failed).sum::<u64>();
    let mut right = Line::new(format!("{} copying", live.copying()), theme.accent)
        .and(format!("  {} waiting", thousands(live.tables_waiting())), theme.dim)
        .and(format!("  {} done", thousands(through)), theme.ok);
    if failed > 0 {
        right.push(format!("  {} failed", thousands(failed)), theme.error);
    }
    let inner = p.panel(area, &list_title(theme, (live, "Tables")), &right);
    let all = live.rows();
    if all.is_empty() {
        let text = if live.filter.text.value().is_empty() {
            "No table yet."
        } else {
            "None fits the filter. Esc clears it."
        };
        p.line(inner, 0, &Line::new(text, theme.dim));
        return;
    }
    let inner = headed(p, inner);
    let focused = state.focus == Focus::List && state.overlay.is_none();
    let before = p.cursor;
    let selected = focused.then_some(live.selected.min(all.len() - 1));
    let why = selected.and_then(|at| all[at].lock()).map(ToString::to_string);
    let inner = in_full(p, inner, why);
    let width = usize::from(inner.width).saturating_sub(4);
    long_list(p, inner, (all.len(), selected), |at| table(theme, (state, &all[at], width)));
    if !focused {
        p.cursor = before;
    }
}

/// A line is too short for all that is known of a lock: that of the selected one stands below the list, whole. Returns what
/// is left for the list.
fn in_full(p: &mut Paint<'_>, area: Rect, why: Option<String>) -> Rect {
    let lines = why.map(|why| wrap(&why, area.width.into())).unwrap_or_default();
    let height = u16::try_from(lines.len()).unwrap_or(0).min(area.height.saturating_sub(2));
    let left = area.height - height;
    let style = p.theme.warn;
    let lines: Vec<_> = lines.into_iter().map(|line| Line::new(line, style)).collect();
    p.lines(Rect { y: area.y + left, height, ..area }, &lines);
    Rect { height: left, ..area }
}

/// Columns leave in this order: rows, database; bars shrink.
struct Columns {
    rows: usize,
    database: usize,
    bar: usize,
    name: usize,
    time: usize,
}

impl Columns {
    fn of(width: usize) -> Self {
        let rows = usize::from(width >= 96) * 14;
        let database = usize::from(width >= 84) * 14;
        let (bar, time) = match width {
            110.. => (24, 12),
            61.. => (16, 12),
            _ => (9, 10),
        };
        let name = width.saturating_sub(9 + 10 + 2 + bar + time + rows + database).clamp(12, 60);
        Self { rows, database, bar, name, time }
    }
}

/// A line of column heads where there is room for one, and what is left below it.
fn headed(p: &mut Paint<'_>, area: Rect) -> Rect {
    if area.height < 7 {
        return area;
    }
    let c = Columns::of(usize::from(area.width).saturating_sub(4));
    let mut text = format!("  {}", column("STATE", 9));
    if c.database > 0 {
        text.push_str(&column("DATABASE", c.database));
    }
    text.push_str(&column("TABLE", c.name));
    if c.rows > 0 {
        text.push_str(&column_right("ROWS", c.rows));
    }
    text.push_str(&format!(
        "{}  {}{}",
        column_right("SIZE", 10),
        column("DONE", c.bar),
        column_right("TIME", c.time)
    ));
    p.line(area, 0, &Line::new(text, p.theme.dim));
    Rect { y: area.y + 1, height: area.height - 1, ..area }
}

fn table(theme: Theme, (state, row, width): (&State, &Row<'_>, usize)) -> Line {
    let Columns { rows, database, bar: bar_width, name: name_width, time } = Columns::of(width);
    let (shows_rows, shows_database) = (rows > 0, database > 0);
    let (sign, style) = match row {
        Row::Running(running) if running.lock.is_some() => ("▲ waits", theme.warn),
        Row::Waiting(_) => ("· waits", theme.dim),
        Row::Running(running) if running.bytes.is_some() => ("▶ copy", theme.accent),
        Row::Running(_) => ("▶ works", theme.accent),
        Row::Through(table) if table.failed.is_some() => ("✖ FAILED", theme.error),
        Row::Through(_) => ("✔ done", theme.ok),
    };
    let mut line = Line::new(column(sign, 9), style);
    if shows_database {
        line.push(column(&readable(row.database()), 13) + " ", theme.dim);
    }
    line.push(column(&printable(row.name()), name_width), theme.text);
    if let Some(why) = row.waits() {
        let for_ms = row.since_ms().map(|since_ms| state.now_ms.saturating_sub(since_ms));
        let time = for_ms.map(|ms| format!("{}, ", human_ms(ms))).unwrap_or_default();
        let room = width.saturating_sub(line.width());
        let whole = Line::new(format!("  {time}{why}"), style);
        // All of it stands below the list for the line that is selected.
        let enough = room >= WORTH_ITS_ROOM || whole.width() <= room;
        let short = || Line::new(format!("  {}", short_wait(row, &time)), style);
        line.append(if enough { whole } else { short() });
        return line;
    }
    let size = |bytes: u64| column_right(&human_bytes(bytes), 10);
    match row {
        Row::Waiting(_) => {}
        Row::Through(table) => {
            if let Some(why) = &table.failed {
                line.push(format!("  {}", printable(why)), theme.error);
                return line;
            }
            if shows_rows {
                line.push(column_right(&thousands(table.rows), 14), theme.text);
            }
            line.push(size(table.bytes) + "  ", theme.text);
            let per_second =
                table.bytes.saturating_mul(1000).checked_div(table.ms).filter(|_| table.ms > 500);
            line.push(column(&per_second.map(rate).unwrap_or_default(), bar_width), theme.dim);
            line.push(column_right(&human_ms(table.ms), time), theme.dim);
        }
        Row::Running(running) => {
            let for_ms = state.now_ms.saturating_sub(running.since_ms);
            if shows_rows {
                line.push(" ".repeat(14), theme.text);
            }
            if let Some((wire, total)) = running.bytes {
                // What is on the wire may be more than it was on disk: it is not whole before it is.
                let done = wire.min(total.saturating_sub(total / 50));
                line.push(size(total) + "  ", theme.text);
                line.push(drawn(theme, (done, total, bar_width)), theme.accent);
                line.push(column_right(&human_ms(for_ms), time), theme.text);
            } else {
                let blank = " ".repeat(12 + bar_width);
                line.push(blank + &column_right(&human_ms(for_ms), time), theme.text);
            }
        }
    }
    line
}

fn short_wait(row: &Row<'_>, time: &str) -> String {
    match row.lock().map(|lock| lock.holders.as_slice()) {
        Some([holder]) => match holder.pid {
            Some(pid) => format!("{time}pid {pid}"),
            None => format!("{time}a lock"),
        },
        Some([_, _, ..]) => format!("{time}locks"),
        Some([]) => format!("{time}a lock"),
        None => row.waits().unwrap_or_default(),
    }
}

pub(super) fn drawn(theme: Theme, (done, total, width): (u64, u64, usize)) -> String {
    if theme.ascii { ascii_bar(done, total, width) } else { bar(done, total, width) }
}
