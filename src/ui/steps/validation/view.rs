//! The source's form, and the report of the checks.

use super::report::{Row, Weight, rows as report_rows};
use super::update::fields;
use super::{decisions, detail};
use crate::model::check::{Severity, Verdict};
use crate::model::event::ServerSummary;
use crate::model::units::{count_of, human_ms, printable, readable};
use crate::ui::command;
use crate::ui::state::check::Check;
use crate::ui::state::{Button, Focus, State};
use crate::ui::steps::migration::view_parts::{button_line, rows};
use crate::ui::theme::Theme;
use crate::ui::widgets::form::form as draw_form;
use crate::ui::widgets::line::{Line, column};
use crate::ui::widgets::list::{first_shown, list};
use crate::ui::widgets::paint::Paint;
use crate::ui::widgets::wrap::wrap;
use ratatui::layout::Rect;
use ratatui::style::Style;

/// There, what is found is not explained below the list.
const LOW: u16 = 17;

pub fn form(p: &mut Paint<'_>, area: Rect, state: &State) {
    let text = command::line(state);
    let wrapped = wrap(&text, usize::from(area.width).saturating_sub(4));
    let shows_command = area.height >= 26 && wrapped.len() <= 5;
    let low = if shows_command { u16::try_from(wrapped.len()).unwrap_or(1) + 2 } else { 0 };
    let [top, below] = rows(area, [area.height - low, low]);
    let inner = p.panel(
        top,
        &Line::new("Migrate from", p.theme.title),
        &Line::new("the check leaves nothing behind", p.theme.dim),
    );
    let last = Rect { y: inner.bottom().saturating_sub(1), height: 1.min(inner.height), ..inner };
    draw_form(p, Rect { height: inner.height.saturating_sub(1), ..inner }, state, &fields());
    button_line(p, last, (state, &[Button::RunCheck, Button::Back]));
    if shows_command {
        let title = Line::new("The same on the command line", p.theme.title);
        let right = Line::new("passwords: ~/.pgpass or PGPASSWORD", p.theme.dim);
        let inner = p.panel(below, &title, &right);
        let style = p.theme.dim;
        p.lines(inner, &wrapped.into_iter().map(|line| Line::new(line, style)).collect::<Vec<_>>());
    }
}

pub fn report(p: &mut Paint<'_>, area: Rect, state: &State) {
    let Some(check) = &state.check else { return };
    if check.ended.is_none() {
        running(p, area, (state, check));
        return;
    }
    let method = decisions::lines(p.theme, state, (check, area));
    let listed = report_rows(check);
    // In a low window a short list leaves room for what is to be decided.
    let spare = area.height.saturating_sub(u16::try_from(listed.len()).unwrap_or(u16::MAX).clamp(1, 3) + 5);
    let most = if area.height < LOW { spare.max(area.height / 3) } else { area.height / 3 };
    let method_height = u16::try_from(method.len()).unwrap_or(0).min(most) + 2;
    let left = area.height.saturating_sub(method_height + 1);
    let detail_height = detail::height(left, area.width.saturating_sub(4), &listed);
    let [top, middle, below, buttons] = rows(area, [left - detail_height, detail_height, method_height, 1]);
    findings(p, top, (state, check));
    detail::draw(p, middle, check);
    decisions::draw(p, below, (state, check, &method));
    let all: &[Button] = if check.may_start().is_ok() {
        &[Button::RunCheck, Button::Continue, Button::Back]
    } else {
        &[Button::RunCheck, Button::Back]
    };
    button_line(p, buttons, (state, all));
}

/// While the checks run: what has been judged, in the order in which it comes.
fn running(p: &mut Paint<'_>, area: Rect, (state, check): (&State, &Check)) {
    let theme = p.theme;
    let took = human_ms(state.now_ms.saturating_sub(check.began_ms));
    let judged = check.overall().count() as u64;
    let done = match (judged, check.questions.len()) {
        (0, 0) => took,
        (0, all) => {
            format!("{} of {} answered, {took}", check.answered.len(), count_of(all as u64, "question"))
        }
        (judged, _) => format!("{}, {took}", count_of(judged, "check")),
    };
    let done = Line::new(done, theme.dim);
    let [top, last] = rows(area, [area.height - 1, 1]);
    let inner = p.panel(top, &Line::new("Checking", theme.title), &done);
    let mut lines: Vec<Line> = servers(theme, check, inner.width.into());
    for judgement in &check.judgements {
        let (weight, what) = match &judgement.verdict {
            Verdict::Ok => (Weight::Pass, ""),
            Verdict::Info => (Weight::Info, ""),
            Verdict::Warning => (Weight::Warn, ""),
            Verdict::Blocker => (Weight::Fail, ""),
            Verdict::Skipped(why) => (Weight::Skipped, why.as_str()),
            Verdict::Unknown(why) => (Weight::Unknown, why.as_str()),
        };
        let place = judgement.database.as_deref().map(|d| format!("{}: ", readable(d))).unwrap_or_default();
        let text = format!("{place}{}", printable(&judgement.title));
        let line = sign(theme, weight).and(text, theme.text);
        lines.push(with_reason(line, (printable(what), theme), inner.width.into()));
    }
    if check.judgements.is_empty() {
        let room = usize::from(inner.height).saturating_sub(lines.len());
        lines.extend(gathering(theme, (check, room)));
    }
    // The newest is at the bottom, once there are more than fit.
    let skip = lines.len().saturating_sub(inner.height.into());
    p.lines(inner, &lines[skip..]);
    button_line(p, last, (state, &[Button::Back]));
}

/// Before anything can be judged: all questions in their own order, answered or still asked. No line moves while somebody
/// reads it; where there are too many, those around the first that is open are shown.
fn gathering(theme: Theme, (check, room): (&Check, usize)) -> Vec<Line> {
    let waits = |text: String| Line::new("  · ", theme.dim).and(text, theme.dim);
    if check.questions.is_empty() {
        return vec![waits("logging in to both servers …".to_owned())];
    }
    let is_open = |question: &String| !check.answered.contains(question);
    let Some(first_open) = check.questions.iter().position(is_open) else {
        return vec![
            Line::new("  ✔ ", theme.ok).and("all questions are answered", theme.dim),
            waits("judging what was answered …".to_owned()),
        ];
    };
    let room = room.max(2);
    let all = check.questions.len();
    let shown = if all > room { room - 1 } else { all };
    let skip = first_open.saturating_sub(shown / 2).min(all - shown);
    let mut lines: Vec<_> = check
        .questions
        .iter()
        .skip(skip)
        .take(shown)
        .map(|question| {
            let text = printable(question);
            if is_open(question) {
                Line::new("  · ", theme.dim).and(format!("is asked   {text}"), theme.text)
            } else {
                Line::new("  ✔ ", theme.ok).and(format!("answered   {text}"), theme.dim)
            }
        })
        .collect();
    if all > shown {
        lines.push(waits(format!("and {} more", count_of((all - shown) as u64, "question"))));
    }
    lines
}

/// Part of a reason says little where less than this of it has room; the report has all of it.
const WORTH_ITS_ROOM: usize = 24;

fn with_reason(line: Line, (what, theme): (String, Theme), width: usize) -> Line {
    let reason = Line::new(format!("  {what}"), theme.dim);
    let room = width.saturating_sub(line.width());
    if what.is_empty() || reason.width() > room && room < WORTH_ITS_ROOM {
        return line;
    }
    let mut line = line;
    line.append(reason);
    line
}

fn servers(theme: Theme, check: &Check, width: usize) -> Vec<Line> {
    let line = |(name, server): (&str, &Option<ServerSummary>)| {
        let server = server.as_ref()?;
        let rights = if server.superuser { ", superuser" } else { "" };
        let (address, version) = (printable(&server.address), &server.version);
        let mut line = Line::new("  ", theme.text);
        line.append(sign(theme, Weight::Pass));
        let line = line.and(column(name, 8), theme.text);
        let room = width.saturating_sub(line.width());
        let whole = Line::new(format!("{address}, PostgreSQL {version}{rights}"), theme.dim);
        // Its name is the least of the news: it was typed in.
        let text =
            whole.or(room, || Line::new(format!("PostgreSQL {version}{rights}, {address}"), theme.dim));
        let mut line = line;
        line.append(text);
        Some(line)
    };
    [("Source", &check.run.source), ("Target", &check.run.target)].into_iter().filter_map(line).collect()
}

fn style(theme: Theme, weight: Weight) -> Style {
    match weight {
        Weight::Fail => theme.error,
        Weight::Warn | Weight::Unknown => theme.warn,
        Weight::Info => theme.info,
        Weight::Pass => theme.ok,
        Weight::Skipped => theme.dim,
    }
}

fn sign(theme: Theme, weight: Weight) -> Line {
    Line::new(column(&format!("{} {}", weight.sign(), weight.word()), 10), style(theme, weight))
}

fn findings(p: &mut Paint<'_>, area: Rect, (state, check): (&State, &Check)) {
    let theme = p.theme;
    let listed = report_rows(check);
    let mut right = Line::default();
    let blocking = check.count(Severity::Blocker);
    if blocking > 0 {
        right.push(format!("{blocking} blocking  "), theme.error);
    }
    let warnings = check.count(Severity::Warning);
    right.push(count_of(warnings as u64, "warning"), if warnings > 0 { theme.warn } else { theme.dim });
    if !check.judgements.is_empty() {
        right.push(format!("  {} passed", check.passed_count()), theme.ok);
    }
    let inner = p.panel(area, &Line::new("Report", theme.title), &right);
    let servers = servers(theme, check, inner.width.into());
    let shown = if inner.height > 6 { servers.len() } else { 0 };
    let low = u16::try_from(shown).unwrap_or(0);
    // What is worst stands first: that both servers were reached is the least of the news.
    let [below, last] = rows(inner, [inner.height.saturating_sub(low), low]);
    p.lines(last, &servers[..shown]);
    if listed.is_empty() {
        p.line(below, 0, &Line::new("  Nothing was found that stands in the way.", theme.ok));
        return;
    }
    // The list's marks take four columns.
    let width = usize::from(inner.width).saturating_sub(4);
    let lines: Vec<_> = listed.iter().map(|row| finding(theme, row, width)).collect();
    let focused = state.focus == Focus::List && state.overlay.is_none();
    let before = p.cursor;
    let selected = check.selected.min(lines.len() - 1);
    list(p, below, &lines, Some(selected));
    if !focused {
        p.cursor = before;
        // What is explained below stays marked; the full mark is where keys act.
        let row = selected - first_shown(selected, lines.len(), below.height.into());
        p.line(Rect { width: 1, ..below }, row, &Line::new("│", theme.dim));
    }
}

fn finding(theme: Theme, row: &Row, width: usize) -> Line {
    let mut line = sign(theme, row.weight);
    if let Some(place) = &row.place {
        line.push(format!("{place}: "), theme.title);
    }
    line.push(row.title.clone(), theme.text);
    with_reason(line, (row.what.clone(), theme), width)
}
