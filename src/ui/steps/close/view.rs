//! What follows, the switch-over with what is true of it now, and the result.

use super::switch::{self, CLOSES, DISCONTINUES, Now, STALE_MS, STEPS, STEPS_BRIEFLY, kept_of, lag_of};
use super::trouble::{NOT_CLOSED, Weight, answered_ms, asking_fails, closes, is_closing, notes};
use crate::model::check::{Finding, Severity};
use crate::model::event::DatabaseOutcome;
use crate::model::plan::Method;
use crate::model::run::DatabaseRun;
use crate::model::task::Task;
use crate::model::units::{count_of, human_bytes, human_ms, printable, readable, thousands};
use crate::ui::format::ago;
use crate::ui::state::live::Live;
use crate::ui::state::passwords::Errand;
use crate::ui::state::{Engine, Focus, Overlay, Rights, State};
use crate::ui::steps::migration::view_parts::{button_line, rows};
use crate::ui::steps::migration::{LOGGING_IN, Of, charts, leftovers};
use crate::ui::theme::Theme;
use crate::ui::widgets::line::{Line, column, column_right};
use crate::ui::widgets::list::list;
use crate::ui::widgets::paint::Paint;
use crate::ui::widgets::wrap::wrap;
use ratatui::layout::Rect;

/// When a number is old.
const OLD_MS: u64 = 5_000;
/// Databases whose numbers stand there before what else is to be said.
const NUMBERS: usize = 3;
/// Below that a finding's reason is left to `f` where it does not fit.
const NARROW: usize = 72;
/// Lines around the list of databases: its title, who guards it, heads, what was found, a blank one.
const AROUND: u16 = 5;
const HIGHEST_CHART: u16 = 6;
/// From so many rows on charts may be twice as high.
const HIGH: u16 = 44;
/// Columns of the switch-over's steps before what is true of them.
const SWITCH: usize = 30;
/// The same where their names are short.
const SWITCH_NARROW: usize = 19;

pub fn view(p: &mut Paint<'_>, area: Rect, state: &State) {
    let Some(live) = &state.live else { return };
    if live.is_following() {
        following(p, area, (state, live));
    } else {
        result(p, area, (state, live));
    }
}

fn following(p: &mut Paint<'_>, area: Rect, (state, live): (&State, &Live)) {
    // In the lowest windows the databases need the blank line, and what else could be done, more than the switch-over.
    let switch_height = if area.height < 17 { 7 } else { 9 };
    let news = u16::try_from(notes(state).len()).unwrap_or(u16::MAX);
    let chart_height = match area.height {
        // What is to be read is worth more than a picture.
        0..21 => 0,
        21..30 if news > 0 => 0,
        21..24 => 3,
        24..30 => 4,
        _ => 6,
    };
    let left = area.height.saturating_sub(chart_height + switch_height + 1);
    // Few databases leave rows blank, of which a picture makes something.
    let listed = u16::try_from(live.run.databases.len()).unwrap_or(u16::MAX);
    let spare = left.saturating_sub(listed.saturating_add(AROUND).saturating_add(news));
    let highest = if area.height < HIGH { HIGHEST_CHART } else { 2 * HIGHEST_CHART };
    let grows = match spare.min(highest.saturating_sub(chart_height)) {
        // A title, a line of the picture and a blank one.
        0..3 if chart_height == 0 => 0,
        _ if area.height < 21 => 0,
        grows => grows,
    };
    let (left, chart_height) = (left - grows, chart_height + grows);
    let [top, lag, switch, buttons] = rows(area, [left, chart_height, switch_height, 1]);
    databases(p, top, (state, live));
    charts::draw(p, lag, (state, live));
    switch_over(p, switch, (state, live));
    button_line(p, buttons, (state, &super::update::buttons(state)));
}

/// How fresh the numbers are, and what is under way.
fn freshness(theme: Theme, (state, live): (&State, &Live)) -> Line {
    // As long as a password is wanted for it nothing is begun.
    let asks = matches!(state.overlay, Some(Overlay::Passwords(_)));
    if let Some(errand) = live.trying.filter(|errand| *errand != Errand::Status) {
        let doing =
            if errand == Errand::Run(Task::Watch) { "↻ logging in to guard it" } else { LOGGING_IN };
        return Line::new(doing, theme.accent);
    }
    if is_closing(state) {
        return Line::new("↻ closing the connection", theme.warn);
    }
    if live.wanted.is_some() && !asks {
        return Line::new("↻ told to, working on it", theme.warn);
    }
    if state.pace.frozen.is_on() {
        return Line::new("frozen by you, Space goes on", theme.warn);
    }
    if live.asking.is_on() || live.trying.is_some() {
        return Line::new("↻ asking both servers", theme.accent);
    }
    let seen_ms = answered_ms(live);
    if asking_fails(state) {
        let since = seen_ms.map(|at| format!("for {}", ago(state.now_ms.saturating_sub(at))));
        return Line::new(format!("✖ no answer {}", since.as_deref().unwrap_or("yet")), theme.error);
    }
    let Some(seen_ms) = seen_ms else {
        return Line::new("▲ not asked yet", theme.warn);
    };
    let age_ms = state.now_ms.saturating_sub(seen_ms);
    match age_ms {
        // The guard looks every second: a number that goes up and down would be drawn for nothing.
        0..OLD_MS => Line::new("updated just now", theme.dim),
        OLD_MS..STALE_MS => Line::new(format!("updated {} ago", ago(age_ms)), theme.warn),
        _ => Line::new(format!("STALE, updated {} ago", ago(age_ms)), theme.error),
    }
}

/// Who keeps an eye on it, where somebody does.
fn guard(theme: Theme, live: &Live) -> Option<Line> {
    let text = match live.engine {
        Engine::Gone => return None,
        Engine::Here => "The engine in this window guards it.".to_owned(),
        Engine::Apart { pid } => format!("The engine (pid {pid}) guards it, also without this window."),
    };
    Some(Line::new(text, theme.dim))
}

/// What is to be read beside the numbers, as far as it has room; the rest is behind `f`.
fn said(theme: Theme, state: &State, (width, room): (usize, usize)) -> Vec<Line> {
    let mut lines = Vec::new();
    for note in notes(state) {
        let style = match note.weight {
            Weight::News => theme.accent,
            Weight::Warning => theme.warn,
            Weight::Bad => theme.error,
        };
        for (number, piece) in wrap(&note.text, width.saturating_sub(2)).into_iter().enumerate() {
            let head = if number == 0 { note.sign() } else { "  " };
            lines.push(Line::new(head, style).and(piece, if number == 0 { style } else { theme.text }));
        }
    }
    if lines.len() > room {
        lines.truncate(room.saturating_sub(1));
        if room > 0 {
            lines.push(Line::new("  … ", theme.dim).and("f", theme.key).and(" to look at", theme.dim));
        }
    }
    lines
}

fn databases(p: &mut Paint<'_>, area: Rect, (state, live): (&State, &Live)) {
    let theme = p.theme;
    let title = Line::new(format!("{}: ", live.id), theme.title).and("Replication mode active", theme.info);
    let inner = p.panel(area, &title, &freshness(theme, (state, live)));
    let (width, height) = (usize::from(inner.width), usize::from(inner.height));
    // The numbers come first: those of three databases stand there whatever else is to be said.
    let least = 1 + live.run.databases.len().min(NUMBERS);
    let mut above = said(theme, state, (width, height.saturating_sub(least)));
    let roomy = height > 3;
    if above.is_empty() && roomy {
        above.extend(guard(theme, live));
    }
    p.lines(inner, &above);
    let head = Line::new("  ", theme.dim).and(heading(width.saturating_sub(4)), theme.dim);
    p.line(inner, above.len(), &head);
    let top = above.len() + 1;
    let found = found(theme, live).filter(|_| roomy && height > top + least - 1);
    if let Some(line) = &found {
        p.line(inner, height - 1, line);
    }
    let names = live.run.databases.keys();
    let lines: Vec<_> = names.map(|name| database(theme, (live, name, width.saturating_sub(4)))).collect();
    let focused = state.focus == Focus::List && state.overlay.is_none();
    let top = u16::try_from(top).unwrap_or(2).min(inner.height);
    let left = inner.height.saturating_sub(top + u16::from(found.is_some()));
    let below = Rect { y: inner.y + top, height: left, ..inner };
    let before = p.cursor;
    list(p, below, &lines, focused.then_some(live.selected.min(lines.len().saturating_sub(1))));
    if !focused {
        p.cursor = before;
    }
}

/// The latest of what wants a look, and how to see it whole.
fn found(theme: Theme, live: &Live) -> Option<Line> {
    let others = || live.worth_a_look().filter(|finding| finding.id != NOT_CLOSED);
    let last = others().next_back()?;
    let place = last.database.as_deref().map(|d| format!("{}: ", readable(d))).unwrap_or_default();
    let is_lost = |finding: &&Finding| finding.severity == Severity::Lost;
    let lost = others().filter(is_lost).count() as u64;
    let warnings = others().count() as u64 - lost;
    let mut counts = Vec::new();
    if lost > 0 {
        counts.push(format!("{} lost", count_of(lost, "thing")));
    }
    if warnings > 0 {
        counts.push(count_of(warnings, "warning"));
    }
    let (sign, style) = if lost > 0 { ("✖ ", theme.error) } else { ("▲ ", theme.warn) };
    let key = Line::new(sign, style).and(counts.join(", "), style).and(" (", theme.dim).and("f", theme.key);
    Some(key.and(" shows all): ", theme.dim).and(format!("{place}{}", printable(&last.title)), theme.text))
}

/// Of the state and of the name: narrower before numbers would be cut.
fn first_columns(width: usize) -> (usize, usize) {
    if width < 58 { (12, 12) } else { (14, 16) }
}

fn heading(width: usize) -> String {
    let (state, name) = first_columns(width);
    let mut text =
        format!("{}{}{}", column("STATE", state), column("DATABASE", name), column_right("LAG", 17));
    text.push_str(&column_right("WAL KEPT", 11));
    if width >= 72 {
        text.push_str(&column_right("TABLES", 14));
    }
    text
}

fn database(theme: Theme, (live, name, width): (&Live, &str, usize)) -> Line {
    let Some(database) = live.run.databases.get(name) else { return Line::default() };
    let status = live.status(name).map(|(status, _)| status);
    let follows = database.outcome == Some(DatabaseOutcome::Following);
    let unasked = status.is_some_and(|s| s.unasked);
    let is_bad = status.is_some_and(|s| s.error.is_some());
    let (sign, style) = match database.outcome {
        Some(DatabaseOutcome::Following) if unasked => ("▲ Syncing", theme.warn),
        Some(DatabaseOutcome::Following) if is_bad => ("✖ Syncing", theme.error),
        Some(DatabaseOutcome::Following) => ("↻ Syncing", theme.info),
        Some(DatabaseOutcome::Done) => ("✔ Ready", theme.ok),
        Some(DatabaseOutcome::Incomplete) => ("▲ NOT WHOLE", theme.error),
        Some(DatabaseOutcome::Failed) => ("✖ FAILED", theme.error),
        Some(DatabaseOutcome::Cancelled) => ("■ stopped", theme.warn),
        None => ("· not begun", theme.dim),
    };
    let (state, wide) = first_columns(width);
    let mut line = Line::new(column(sign, state), style).and(column(&readable(name), wide), theme.title);
    if !follows {
        let text = format!("  {}, {}", count_of(database.rows, "row"), human_bytes(database.bytes));
        line.push(text, theme.dim);
        return line;
    }
    let lag_bytes = status.and_then(|s| s.lag_bytes);
    let lag_style = if lag_bytes == Some(0) { theme.ok } else { theme.warn };
    line.push(column_right(&lag_of(status), 17), lag_style);
    line.push(column_right(&kept_of(status), 11), theme.text);
    if width >= 72 {
        line.push(column_right(&switch::tables_of(status), 14), theme.text);
    }
    line
}

fn switch_over(p: &mut Paint<'_>, area: Rect, (state, live): (&State, &Live)) {
    let theme = p.theme;
    let title = Line::new(switch::TITLE, theme.title);
    let inner = p.panel(area, &title, &Line::default());
    let width = usize::from(inner.width);
    let style = |now| match now {
        Now::Good => theme.ok,
        Now::NotYet => theme.dim,
        Now::Behind | Now::Doubtful | Now::Unknown => theme.warn,
    };
    let now = |(now, text): (Now, String)| Line::new(format!("{} {text}", now.sign()), style(now));
    let sign = |now: Now| Line::new(format!("{} ", now.sign()), style(now));
    let (other, last) = match state.rights {
        // What closes already is neither verified in another way nor discontinued.
        Rights::Command if closes(state) => ("", String::new()),
        Rights::Command => (" (v changes it)", format!("s discontinues: {DISCONTINUES}")),
        Rights::Look => ("", "This window is read-only: it closes and discontinues nothing.".to_owned()),
    };
    let (steps, first) = if width < 60 { (STEPS_BRIEFLY, SWITCH_NARROW) } else { (STEPS, SWITCH) };
    let room = width.saturating_sub(first);
    let (verified, verify) = switch::verified(live);
    let verify = sign(verified).and(verify, style(verified));
    let closable = sign(switch::closable(live));
    let all = [
        now(switch::writes(live, state.now_ms)).or(room, || now(switch::writes_briefly(live, state.now_ms))),
        now(switch::lag(live)),
        verify.clone().and(other, theme.dim).or(room, || verify),
        point_to(theme, live, room),
        closable.clone().and(CLOSES, theme.dim).or(room, || closable.and(switch::CLOSES_BRIEFLY, theme.dim)),
    ];
    for (row, (what, now)) in steps.into_iter().zip(all).enumerate() {
        let mut line =
            Line::new(format!("{}  ", row + 1), theme.key).and(column(what, first - 3), theme.text);
        line.append(now);
        p.line(inner, row, &line);
    }
    p.line(inner, 6, &Line::new(last, theme.dim));
}

/// Where the application belongs, and who is there; as much of it as there is room for.
fn point_to(theme: Theme, live: &Live, room: usize) -> Line {
    let (now, who) = switch::pointed(live);
    let style = if now == Now::Good { theme.ok } else { theme.info };
    let target = Line::new(format!("{} {}", now.sign(), live.shown.target), style);
    let briefly = who.and_then(|who| who.source).map(|n| format!(" (source: {})", count_of(n, "session")));
    let texts = [
        who.map(|who| format!(" ({}; y copies it)", switch::sessions(who))),
        who.map(|who| format!(" ({})", switch::sessions(who))),
        briefly,
        Some(" (y copies it)".to_owned()).filter(|_| who.is_none()),
    ];
    let with = |text: &String| target.width() + text.chars().count() <= room;
    match texts.into_iter().flatten().find(with) {
        Some(text) => target.and(text, theme.dim),
        None => target,
    }
}

fn result(p: &mut Paint<'_>, area: Rect, (state, live): (&State, &Live)) {
    let theme = p.theme;
    let findings = findings(theme, live, usize::from(area.width).saturating_sub(4));
    let low = u16::try_from(findings.len()).unwrap_or(0).min(area.height / 3);
    let low = if low == 0 { 0 } else { low + 2 };
    let [top, below, buttons] = rows(area, [area.height.saturating_sub(low + 1), low, 1]);
    let took = human_ms(live.run.took_ms());
    let took = Line::new(format!("took {took}"), theme.dim);
    let (title, advice) = verdict(theme, live, usize::from(top.width).saturating_sub(took.width() + 4));
    let inner = p.panel(top, &title, &took);
    let width = usize::from(inner.width);
    let name = name_column(width.saturating_sub(4));
    let mut head = format!(
        "  {}{}{}",
        column("RESULT", 12),
        column("DATABASE", name),
        column_right(rows_head(live), 15)
    );
    head.push_str(&column_right("COPIED", 10));
    if width >= 74 {
        head.push_str(&column_right("TIME", 13));
    }
    p.line(inner, 0, &Line::new(head, theme.dim));
    let lines: Vec<_> = live
        .run
        .databases
        .iter()
        .map(|(name, d)| outcome(theme, (name, d, width.saturating_sub(4))))
        .collect();
    let focused = state.focus == Focus::List && state.overlay.is_none();
    let list_area =
        Rect { y: inner.y + 1.min(inner.height), height: inner.height.saturating_sub(4), ..inner };
    let before = p.cursor;
    list(p, list_area, &lines, focused.then_some(live.selected.min(lines.len().saturating_sub(1))));
    if !focused {
        p.cursor = before;
    }
    let rest = usize::from(inner.height);
    let mut advice = advice;
    if !live.run.is_discontinued() && advice.width() + 15 <= width {
        advice.push(" (y copies it)", theme.dim);
    }
    p.line(inner, rest.saturating_sub(2), &advice);
    let left = leftovers(live, Of::All);
    let last = if left.is_empty() && !is_verified(live) {
        Line::new(
            "Closed without counting: rows are those of the first copy. Nothing of replication is left.",
            theme.warn,
        )
        .or(width, || Line::new("Closed without counting rows.", theme.warn))
    } else if left.is_empty() {
        Line::new("Nothing that served replication is left on either server.", theme.dim)
            .or(width, || Line::new("Nothing of replication is left on either server.", theme.dim))
    } else {
        let briefly =
            || Line::new(format!("▲ left behind: {}", count_of(left.len() as u64, "object")), theme.error);
        Line::new(format!("▲ left behind: {}", left.join(", ")), theme.error).or(width, briefly)
    };
    p.line(inner, rest.saturating_sub(1), &last);
    if low > 0 {
        let inner = p.panel(below, &Line::new("To look at", theme.title), &Line::default());
        p.lines(inner, &findings);
    }
    button_line(p, buttons, (state, &super::update::buttons(state)));
}

/// What came of it in a line, and what to do with the target. Only what is whole is for applications.
fn verdict(theme: Theme, live: &Live, room: usize) -> (Line, Line) {
    let is_ready = |d: &&DatabaseRun| d.outcome == Some(DatabaseOutcome::Done);
    let (ready, all) = (live.run.databases.values().filter(is_ready).count(), live.run.databases.len());
    if ready == all {
        let title = Line::new("✔ Ready: ", theme.ok)
            .and("everything that was asked for is on the target", theme.title)
            .or(room, || Line::new("✔ Ready: ", theme.ok).and("all of it is on the target", theme.title));
        let to = Line::new("Point your applications to  ", theme.text);
        return (title, to.and(live.shown.target.clone(), theme.info));
    }
    if live.run.is_discontinued() {
        let title = Line::new("■ Discontinued: ", theme.warn)
            .and("the target follows the source no longer", theme.title)
            .or(room, || {
                Line::new("■ Discontinued: ", theme.warn).and("the target follows no longer", theme.title)
            });
        let stays = "What was copied stays on the target, and grows old.";
        return (title, Line::new(stays, theme.warn));
    }
    let title = Line::new("▲ Not whole: ", theme.error)
        .and(format!("{ready} of {} came across", count_of(all as u64, "database")), theme.title);
    let to = Line::new("Only what is Ready is for applications: ", theme.warn);
    (title, to.and(live.shown.target.clone(), theme.info))
}

/// Narrower before numbers would be cut.
fn name_column(width: usize) -> usize {
    if width < 57 { 14 } else { 20 }
}

/// What followed has other rows by now than were copied; how many is known only where they were counted.
fn rows_head(live: &Live) -> &'static str {
    if is_counted(live) { "ROWS" } else { "ROWS AT FIRST" }
}

/// The rows of everything that followed were counted when it was closed.
fn is_counted(live: &Live) -> bool {
    live.run.databases.values().all(|d| !d.followed || d.counted_rows.is_some())
}

fn is_verified(live: &Live) -> bool {
    let closed = |d: &DatabaseRun| d.followed && d.outcome == Some(DatabaseOutcome::Done);
    is_counted(live) || live.run.is_discontinued() || !live.run.databases.values().any(closed)
}

fn outcome(theme: Theme, (name, d, width): (&str, &DatabaseRun, usize)) -> Line {
    let (sign, style) = match d.outcome {
        Some(DatabaseOutcome::Done) => ("✔ Ready", theme.ok),
        Some(DatabaseOutcome::Incomplete) => ("▲ NOT WHOLE", theme.error),
        Some(DatabaseOutcome::Cancelled) => ("■ stopped", theme.warn),
        _ => ("✖ FAILED", theme.error),
    };
    let mut line = Line::new(column(sign, 12), style)
        .and(column(&readable(name), name_column(width)), theme.title)
        .and(column_right(&thousands(d.counted_rows.unwrap_or(d.rows)), 15), theme.text)
        .and(column_right(&human_bytes(d.bytes), 10), theme.text);
    if width >= 70 {
        let ms = d.ended_ms.zip(d.began_ms).map_or(0, |(end, begin)| end.saturating_sub(begin));
        line.push(column_right(&human_ms(ms), 13), theme.dim);
    }
    let method = match (d.method, d.outcome) {
        (Some(Method::Replication), Some(DatabaseOutcome::Done)) => "  replicated, closed",
        (Some(Method::Replication), _) => "  replicated",
        _ => "  snapshot",
    };
    if line.width() + method.len() <= width {
        line.push(method, theme.dim);
    }
    line
}

fn findings(theme: Theme, live: &Live, width: usize) -> Vec<Line> {
    live.worth_a_look()
        .map(|finding| {
            let place = finding.database.as_deref().map(|d| format!("{}: ", readable(d))).unwrap_or_default();
            let why =
                if finding.why.is_empty() { String::new() } else { format!("  {}", printable(&finding.why)) };
            let title = || {
                Line::new("▲ ", theme.warn).and(format!("{place}{}", printable(&finding.title)), theme.text)
            };
            // A narrow window has no room for half of a reason, and `f` shows all of it.
            if width < NARROW {
                title().and(why, theme.dim).or(width, title)
            } else {
                title().and(why, theme.dim)
            }
        })
        .collect()
}
