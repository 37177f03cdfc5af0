//! While it runs: phases, bytes, rows, rates, a time range, tables, charts, the log.

use super::failed;
use super::tables::{self, drawn, list_title};
use super::update::live_buttons;
use super::view_parts::{button_line, rows};
use crate::model::event::DatabaseOutcome;
use crate::model::phase::Phase;
use crate::model::run::DatabaseRun;
use crate::model::units::{count_of, human_bytes, human_ms, printable, readable, thousands};
use crate::ui::format::{Eta, ago, clock, eta, minute, quartiles, rate, rows_speed, speed, under_way};
use crate::ui::state::live::{Listed, Live, Wanted};
use crate::ui::state::{Engine, Focus, State};
use crate::ui::theme::Theme;
use crate::ui::widgets::line::{Line, column};
use crate::ui::widgets::list::list;
use crate::ui::widgets::paint::Paint;
use ratatui::layout::Rect;

/// Numbers older than this are said to be old.
const STALE_MS: u64 = 5_000;

pub fn view(p: &mut Paint<'_>, area: Rect, state: &State) {
    let Some(live) = &state.live else { return };
    if failed(live) {
        super::failure::view(p, area, (state, live));
        return;
    }
    let log_height = if area.height >= 26 { 4 } else { 0 };
    let chart_height = if area.height >= 30 { 6 } else { u16::from(area.height >= 19) * 4 };
    let list_height = area.height.saturating_sub(5 + chart_height + log_height + 1);
    let [top, tables, charts, log, buttons] = rows(area, [5, list_height, chart_height, log_height, 1]);
    progress(p, top, (state, live));
    match live.list {
        Listed::Tables => tables::draw(p, tables, (state, live)),
        Listed::Databases => draw_databases(p, tables, (state, live)),
    }
    super::charts::draw(p, charts, (state, live));
    draw_log(p, log, (state, live));
    button_line(p, buttons, (state, &live_buttons(state)));
}

/// What it is at, in a word.
fn headline(theme: Theme, (state, live): (&State, &Live)) -> Line {
    let stale_ms = state.now_ms.saturating_sub(live.gauges_ms);
    if live.trying.is_some() {
        return Line::new(super::LOGGING_IN, theme.accent);
    }
    if live.wanted == Some(Wanted::Stop) || live.run.stopping.is_some() {
        return Line::new("■ stopping", theme.warn);
    }
    if live.wanted.is_some() {
        return Line::new("↻ told to, working on it", theme.warn);
    }
    if state.pace.frozen.is_on() {
        return Line::new("frozen by you, Space goes on", theme.warn);
    }
    if live.engine == Engine::Gone {
        return Line::new("✖ engine not running", theme.error);
    }
    if live.gauges_ms > 0 && stale_ms > STALE_MS {
        return Line::new(format!("▲ numbers are {} old", ago(stale_ms)), theme.warn);
    }
    Line::new("▶ running", theme.ok)
}

fn progress(p: &mut Paint<'_>, area: Rect, (state, live): (&State, &Live)) {
    let theme = p.theme;
    if live.takes_back() {
        taking_back(p, area, (state, live));
        return;
    }
    let what = live.phase().map_or_else(|| "beginning".to_owned(), |phase| phase.to_string());
    let title = Line::new(format!("{}: {what}", live.id), theme.title);
    let inner = p.panel(area, &title, &headline(theme, (state, live)));
    p.line(inner, 0, &phases(theme, (live, inner.width.into())));
    let (done, total) = (live.best.bytes.min(live.bytes_total()), live.bytes_total());
    if total == 0 {
        p.line(inner, 1, &Line::new("the size is not known yet", theme.dim));
        p.line(inner, 2, &Line::new(running_for(state, live), theme.dim));
        return;
    }
    let (filled, share) = under_way(done, total);
    let numbers = format!("  {share:>3} %  {} of {}", human_bytes(done), human_bytes(total));
    let width = usize::from(inner.width).saturating_sub(numbers.chars().count());
    let drawn = drawn(theme, (filled, total, width));
    p.line(inner, 1, &Line::new(drawn, theme.accent).and(numbers, theme.text));
    p.line(inner, 2, &figures(theme, (state, live, inner.width.into())));
}

/// While it is cleaned up, or cleared for another attempt: phases and bytes would be those of what is taken back.
fn taking_back(p: &mut Paint<'_>, area: Rect, (state, live): (&State, &Live)) {
    let theme = p.theme;
    let title = Line::new(format!("{}: cleaning up", live.id), theme.title);
    let inner = p.panel(area, &title, &headline(theme, (state, live)));
    p.line(inner, 0, &Line::new("Nothing is copied: what this migration made is taken back.", theme.text));
    let left = super::leftovers_short(live, super::Of::All);
    let text = if left.is_empty() {
        "replication: nothing is left".to_owned()
    } else {
        format!("left so far: {left}")
    };
    p.line(inner, 1, &Line::new(text, theme.dim));
    let half: Vec<_> = live.run.half_made().iter().map(|half| readable(&half.name)).collect();
    if !half.is_empty() {
        p.line(inner, 2, &Line::new(format!("half copied on the target: {}", half.join(", ")), theme.dim));
    }
}

fn running_for(state: &State, live: &Live) -> String {
    format!("running for {}", human_ms(state.now_ms.saturating_sub(live.run.started_ms)))
}

/// Speed, range, end, duration; as many as fit, the most wanted first.
fn figures(theme: Theme, (state, live, width): (&State, &Live, usize)) -> Line {
    let samples: Vec<_> = live.samples.iter().copied().collect();
    let copying = live.best.bytes < live.bytes_total();
    let mut parts = Vec::new();
    if copying {
        parts.push(speed(&samples, 10_000).map_or_else(|| "speed not known yet".to_owned(), rate));
    }
    parts.push(match eta(live, state.now_ms) {
        Eta::Estimating => "end: estimating".to_owned(),
        Eta::Stalled { ms } => match live.gauges.running.iter().filter(|r| r.lock.is_some()).count() {
            0 => format!("nothing has come for {}", human_ms(ms)),
            1 => format!("nothing has come for {}: one waits for a lock", human_ms(ms)),
            locked => format!("nothing has come for {}: {locked} wait for locks", human_ms(ms)),
        },
        Eta::Over => "all rows are in".to_owned(),
        Eta::Between { soonest_ms, latest_ms } => {
            let at = |ms| minute(state.now_ms + ms, state.utc_offset_s);
            let (soonest, latest) = (at(soonest_ms), at(latest_ms));
            if soonest == latest {
                format!("rows end at {soonest}")
            } else {
                format!("rows end {soonest} to {latest}")
            }
        }
    });
    parts.push(running_for(state, live));
    let done = live.gauges.rows_done();
    let estimate = live.gauges.rows_estimate();
    parts.push(if done < estimate {
        format!("{} of about {} rows", thousands(done), thousands(estimate))
    } else {
        count_of(done, "row")
    });
    if copying {
        parts.extend(rows_speed(&samples, 10_000).map(|rows| format!("{} rows/s", thousands(rows))));
        parts.extend(quartiles(&samples).map(|(slow, fast)| format!("{} to {}", rate(slow), rate(fast))));
    }
    let mut line = Line::default();
    for part in parts {
        let room = width.saturating_sub(line.width());
        if part.chars().count() + 3 <= room || line.is_empty() {
            line.push(part, theme.text);
            line.push("   ", theme.text);
        }
    }
    line
}

/// How far a phase is over all databases.
enum Standing {
    Waits,
    Runs,
    Over,
    /// Over for those that go on; another one was given up before or in it.
    Lacking,
}

/// What was given up has been through no phase that it did not come out of, and holds none up either.
fn standing(live: &Live, phases: &[Phase]) -> Standing {
    let (mut any, mut all_over, mut lacking) = (false, !live.run.databases.is_empty(), false);
    for (name, database) in &live.run.databases {
        let phase = live.phase_of(name, database);
        let passed = phase.is_some_and(|p| phases.iter().all(|f| p > *f));
        if given_up(database) && !passed {
            lacking = true;
            continue;
        }
        let over = passed || database.outcome.is_some();
        all_over &= over;
        any |= over || phase.is_some_and(|p| phases.contains(&p) || phases.iter().any(|f| p > *f));
    }
    match (all_over, any) {
        (true, _) if lacking => Standing::Lacking,
        (true, _) => Standing::Over,
        (false, true) => Standing::Runs,
        (false, false) => Standing::Waits,
    }
}

fn given_up(database: &DatabaseRun) -> bool {
    matches!(database.outcome, Some(DatabaseOutcome::Failed | DatabaseOutcome::Cancelled))
}

fn phases(theme: Theme, (live, width): (&Live, usize)) -> Line {
    // What was given up is not counted: its tables do not come any more.
    let goes_on = |name: &String| !live.run.databases.get(name).is_some_and(given_up);
    let gauges = || live.gauges.databases.iter().filter(|(name, _)| goes_on(name)).map(|(_, gauge)| gauge);
    let tables = gauges().fold((0, 0), |sum, d| (sum.0 + d.tables_done, sum.1 + d.tables_total));
    let steps = gauges().fold((0, 0), |sum, d| (sum.0 + d.steps_done, sum.1 + d.steps_total));
    let of = |(done, all): (u64, u64)| {
        if all > 0 { format!(" {}/{}", thousands(done), thousands(all)) } else { String::new() }
    };
    let counted = strip(theme, (live, width), [of(tables), of(steps)]);
    if counted.width() <= width {
        return counted;
    }
    // In the narrowest windows each phase is named, and none is counted.
    strip(theme, (live, width), [String::new(), String::new()])
}

fn strip(theme: Theme, (live, width): (&Live, usize), [tables, steps]: [String; 2]) -> Line {
    let made: u64 = live.gauges.databases.values().map(|d| d.steps_done).sum();
    let mut strip = vec![
        ("Schema", &[Phase::Schema][..], String::new()),
        ("Rows", &[Phase::Copy], tables),
        (if width < 90 { "Indexes" } else { "Indexes and keys" }, &[Phase::Indexes], steps),
        ("Rest", &[Phase::Data, Phase::Settings], String::new()),
    ];
    if live.replicates() {
        if width >= 90 {
            strip.insert(0, ("Publish", &[Phase::Publish], String::new()));
        }
        strip.push(("Follow", &[Phase::Follow], String::new()));
    }
    let mut line = Line::default();
    for (number, (name, phases, count)) in strip.into_iter().enumerate() {
        let begun = phases.contains(&Phase::Indexes) && made > 0;
        let (sign, style) = match standing(live, phases) {
            // Indexes are made while other tables are still copied.
            Standing::Waits if begun => ("▶", theme.accent),
            Standing::Over => ("✔", theme.ok),
            Standing::Lacking => ("▲", theme.warn),
            Standing::Runs => ("▶", theme.accent),
            Standing::Waits => ("·", theme.dim),
        };
        if number > 0 {
            line.push(if width >= 90 { " ── " } else { "  " }, theme.dim);
        }
        line.push(format!("{sign} {name}{count}"), style);
    }
    line
}

fn draw_databases(p: &mut Paint<'_>, area: Rect, (state, live): (&State, &Live)) {
    let theme = p.theme;
    let all = live.databases();
    let right = Line::new(count_of(all.len() as u64, "database"), theme.dim);
    let inner = p.panel(area, &list_title(theme, (live, "Databases")), &right);
    let lines: Vec<_> =
        all.iter().map(|name| database(theme, (live, name, usize::from(inner.width)))).collect();
    let focused = state.focus == Focus::List && state.overlay.is_none();
    let before = p.cursor;
    list(p, inner, &lines, focused.then_some(live.selected.min(lines.len().saturating_sub(1))));
    if !focused {
        p.cursor = before;
    }
}

fn database(theme: Theme, (live, name, width): (&Live, &str, usize)) -> Line {
    let Some(database) = live.run.databases.get(name) else { return Line::default() };
    let (sign, style) = match database.outcome {
        None if database.phase.is_none() => ("· waits", theme.dim),
        None => ("▶ works", theme.accent),
        Some(DatabaseOutcome::Done) => ("✔ done", theme.ok),
        Some(DatabaseOutcome::Following) => ("↻ Syncing", theme.info),
        Some(DatabaseOutcome::Incomplete) => ("▲ NOT WHOLE", theme.error),
        Some(DatabaseOutcome::Failed) => ("✖ FAILED", theme.error),
        Some(DatabaseOutcome::Cancelled) => ("■ stopped", theme.warn),
    };
    let mut line =
        Line::new(column(sign, 12), style).and(column(&readable(name), 20), theme.text).and("  ", theme.text);
    let gauge = live.gauges.databases.get(name);
    match (database.outcome, gauge) {
        (None, Some(gauge)) if gauge.bytes_total > 0 => {
            let bar_width = if width < 90 { 8 } else { 16 };
            let (done, total) = (gauge.bytes_done, gauge.bytes_total);
            let (filled, share) = under_way(done, total);
            line.push(drawn(theme, (filled, total, bar_width)), theme.accent);
            let parts = [
                format!(" {share:>3} %"),
                format!("  {} of {}", human_bytes(done), human_bytes(total)),
                format!("  tables {}/{}", thousands(gauge.tables_done), thousands(gauge.tables_total)),
                format!("  indexes {}/{}", thousands(gauge.steps_done), thousands(gauge.steps_total)),
            ];
            for part in parts {
                // Whole or not at all; the list's marks take four columns.
                if line.width() + part.chars().count() + 4 > width {
                    break;
                }
                line.push(part, theme.text);
            }
        }
        (None, _) => {
            let phase = database.phase.map(|phase| phase.to_string()).unwrap_or_default();
            let size = database.size_bytes.map(human_bytes).unwrap_or_default();
            line.push(format!("{size}  {phase}"), theme.dim);
        }
        (Some(_), _) => line.push(printable(&database.message), theme.dim),
    }
    line
}

fn draw_log(p: &mut Paint<'_>, area: Rect, (state, live): (&State, &Live)) {
    if area.height < 3 {
        return;
    }
    let right = Line::new("l: full screen", p.theme.dim);
    let inner = p.panel(area, &Line::new("Log", p.theme.title), &right);
    let skip = live.log.len().saturating_sub(inner.height.into());
    let lines: Vec<_> = live
        .log
        .iter()
        .skip(skip)
        .map(|entry| {
            let time = clock(entry.at_ms, state.utc_offset_s);
            Line::new(format!("{time}  "), p.theme.dim).and(entry.text.clone(), p.theme.text)
        })
        .collect();
    p.lines(inner, &lines);
}
