//! The list of migrations, the selected one in words, and what needs attention.

use super::Tag;
use crate::model::check::Severity;
use crate::model::event::{DatabaseOutcome, RoleStatus};
use crate::model::units::{count_of, human_bytes, printable, readable};
use crate::ui::format::{ago, day};
use crate::ui::state::{Engine, Known, State};
use crate::ui::steps::migration::view_parts::rows;
use crate::ui::theme::Theme;
use crate::ui::widgets::line::{Line, column, column_right};
use crate::ui::widgets::list::list;
use crate::ui::widgets::paint::Paint;
use crate::ui::widgets::wrap::wrap;
use ratatui::layout::Rect;
use ratatui::style::Style;

/// Three migrations, their title, heads and a blank line.
const LEAST_LIST: u16 = 5;

pub fn view(p: &mut Paint<'_>, area: Rect, state: &State) {
    let attention = attention(state);
    let told = u16::try_from(attention.len()).unwrap_or(0).min(4);
    // In the lowest windows a line of the list is worth more than a blank one.
    let words = if area.height < 17 { 5 } else { 6 };
    // The list comes first; what has no room below it is counted.
    let room = area.height.saturating_sub(words + LEAST_LIST);
    let low = if told == 0 || room < 3 { 0 } else { (told + 2).min(room) };
    let [top, middle, bottom] = rows(area, [area.height.saturating_sub(words + low), words, low]);
    migrations(p, top, state);
    detail(p, middle, state);
    if low > 0 {
        let more = attention.len().saturating_sub(usize::from(low) - 2);
        let right = if more > 0 { format!("+{more}") } else { String::new() };
        let right = Line::new(right, p.theme.warn);
        let inner = p.panel(bottom, &Line::new("Needs attention", p.theme.title), &right);
        let shown = attention.iter().take(inner.height.into());
        let (theme, width) = (p.theme, usize::from(inner.width));
        let line = |a: &Attention| a.line(theme, &a.what).or(width, || a.line(theme, &a.briefly));
        p.lines(inner, &shown.map(line).collect::<Vec<_>>());
    }
}

fn style(theme: Theme, tag: Tag) -> Style {
    match tag {
        Tag::Failed | Tag::Dead | Tag::Refused => theme.error,
        Tag::Copying => theme.accent,
        Tag::Syncing => theme.info,
        Tag::Ready | Tag::Checked => theme.ok,
        Tag::Stopped => theme.dim,
    }
}

fn migrations(p: &mut Paint<'_>, area: Rect, state: &State) {
    let theme = p.theme;
    let all = state.start.known.as_ref().map_or(0, Vec::len);
    let title = Line::new("Migrations", theme.title);
    let filter = &state.start.filter;
    let right = if filter.typing || !filter.text.value().is_empty() {
        Line::new(format!("filter: {}", printable(filter.text.value())), theme.accent)
    } else {
        Line::new(count_of(all as u64, "migration"), theme.dim)
    };
    let inner = p.panel(area, &title, &right);
    if let Some(trouble) = &state.start.trouble {
        let lines: Vec<_> =
            wrap(&format!("The list cannot be read: {}", printable(trouble)), inner.width.into())
                .into_iter()
                .map(|line| Line::new(line, theme.error))
                .collect();
        p.lines(inner, &lines);
        return;
    }
    let Some(_) = &state.start.known else {
        p.line(inner, 0, &Line::new("Reading …", theme.dim));
        return;
    };
    let shown = state.start.shown();
    if shown.is_empty() {
        let text = if all == 0 {
            "This machine knows no migration. n begins one."
        } else {
            "None fits the filter. Esc clears it."
        };
        p.line(inner, 0, &Line::new(text, theme.dim));
        return;
    }
    let width = usize::from(inner.width).saturating_sub(4);
    let head = Line::new("  ", theme.dim).and(heading(width), theme.dim);
    let headed = u16::from(inner.height > 3);
    if headed > 0 {
        p.line(inner, 0, &head);
    }
    let lines: Vec<_> = shown.iter().map(|known| line(theme, state, (known, width))).collect();
    let selected = state.start.selected.min(shown.len() - 1);
    let below = Rect { y: inner.y + headed, height: inner.height.saturating_sub(headed), ..inner };
    list(p, below, &lines, Some(selected));
}

/// Columns that always stand there, and those that need room.
fn columns(width: usize) -> (usize, usize) {
    let rest = width.saturating_sub(13 + 1 + 12 + 1 + 22 + 1 + 9 + 13 + 3);
    let address = (rest / 2).min(36);
    (address, usize::from(width >= 71) * 13)
}

/// Where it has no room, the selected one's stands below the list.
fn shows_lag(width: usize) -> bool {
    width >= 59
}

fn heading(width: usize) -> String {
    let (address, since) = columns(width);
    let mut text = format!("{} {} {}", column("STATE", 13), column("NAME", 12), column("PROGRESS", 22));
    if shows_lag(width) {
        text.push_str(&format!(" {}", column_right("LAG", 9)));
    }
    if since > 0 {
        text.push_str(&column_right("SINCE", since));
    }
    if address > 9 && width > 100 {
        text.push_str(&format!("  {} {}", column("SOURCE", address), column("TARGET", address)));
    }
    text
}

fn line(theme: Theme, state: &State, (known, width): (&Known, usize)) -> Line {
    let (address, since) = columns(width);
    let tag = Tag::of(known);
    let mut line = Line::new(column(&format!("{} {}", tag.sign(), tag.word()), 13), style(theme, tag))
        .and(" ", theme.text)
        .and(column(&known.id, 12), theme.title)
        .and(" ", theme.text)
        .and(column(&progress(known), 22), theme.text);
    if shows_lag(width) {
        line.push(format!(" {}", column_right(&lag(known), 9)), theme.text);
    }
    if since > 0 {
        line.push(column_right(&day(known.run.started_ms, state.utc_offset_s), since), theme.dim);
    }
    if address > 9 && width > 100 {
        let text = format!(
            "  {} {}",
            column(&printable(&known.source), address),
            column(&printable(&known.target), address)
        );
        line.push(text, theme.dim);
    }
    line
}

pub fn progress(known: &Known) -> String {
    let all = known.run.databases.len();
    let through = |o| matches!(o, Some(DatabaseOutcome::Done | DatabaseOutcome::Following));
    let done = known.run.databases.values().filter(|d| through(d.outcome)).count();
    match all {
        0 => "-".to_owned(),
        1 => {
            let tables: (u64, u64) = known
                .run
                .databases
                .values()
                .fold((0, 0), |sum, d| (sum.0 + d.tables_copied, sum.1 + d.tables));
            if done == 1 {
                "1 database".to_owned()
            } else if tables.1 == 0 {
                "not copying yet".to_owned()
            } else {
                format!("{} of {}", tables.0, count_of(tables.1, "table"))
            }
        }
        _ if done == all => count_of(all as u64, "database"),
        _ => format!("{done} of {all} databases"),
    }
}

pub fn lag(known: &Known) -> String {
    if Tag::of(known) != Tag::Syncing {
        return "-".to_owned();
    }
    known.lag.as_ref().and_then(|lag| lag.bytes).map_or_else(|| "unknown".to_owned(), human_bytes)
}

fn detail(p: &mut Paint<'_>, area: Rect, state: &State) {
    let shown = state.start.shown();
    let Some(known) = shown.get(state.start.selected.min(shown.len().saturating_sub(1))) else {
        return;
    };
    let engine = match known.engine {
        Engine::Apart { pid } => Line::new(format!("engine: running, pid {pid}"), p.theme.ok),
        Engine::Here => Line::new("engine: in this window", p.theme.ok),
        Engine::Gone => Line::new("engine: not running", p.theme.dim),
    };
    let inner = p.panel(area, &Line::new(known.id.clone(), p.theme.title), &engine);
    let mut sentences = vec![format!("{} → {}", printable(&known.source), printable(&known.target))];
    sentences.push(standing(known, state.now_ms));
    sentences.push(match begun_anew(state, known) {
        Some(other) => format!("Next: {} has begun anew what is not there.", other.id),
        None => next(known).to_owned(),
    });
    let wrapped: Vec<_> = sentences.iter().flat_map(|sentence| wrap(sentence, inner.width.into())).collect();
    // Where not all of it has room the beginning of each is worth more than the whole of the first.
    let lines = if wrapped.len() > usize::from(inner.height) { sentences } else { wrapped };
    let lines: Vec<_> = lines.into_iter().map(|line| Line::new(line, p.theme.text)).collect();
    p.lines(inner, &lines);
}

fn standing(known: &Known, now_ms: u64) -> String {
    let run = &known.run;
    let tables: u64 = run.databases.values().map(|d| d.tables_copied).sum();
    let bytes: u64 = run.databases.values().map(|d| d.bytes).sum();
    let copied = format!("{} copied, {}", count_of(tables, "table"), human_bytes(bytes));
    match (Tag::of(known), &known.lag) {
        (Tag::Syncing, Some(lag)) => {
            let bytes = lag.bytes.map_or_else(|| "not known".to_owned(), human_bytes);
            format!("{copied}. Lag {bytes}, asked {} ago.", ago(now_ms.saturating_sub(lag.asked_ms)))
        }
        (Tag::Syncing, None) => format!("{copied}. Lag not asked yet: u asks both servers."),
        (Tag::Refused, _) => run.refused.as_ref().map(|failure| printable(&failure.what)).unwrap_or_default(),
        _ => format!("{copied}."),
    }
}

fn next(known: &Known) -> &'static str {
    match Tag::of(known) {
        Tag::Copying => "Next: nothing to do. Enter shows how far it is.",
        Tag::Syncing if trouble(known).is_some() => "Next: Enter shows what is wrong.",
        Tag::Syncing => "Next: switch over when you are ready. Enter shows how.",
        Tag::Ready => "Next: nothing to do.",
        Tag::Dead => "Next: Enter says what is left, and what can be done.",
        Tag::Failed | Tag::Stopped | Tag::Refused => "Next: Enter says what happened, and what can be done.",
        Tag::Checked => "Next: nothing was changed by it. n begins a migration.",
    }
}

/// What somebody who follows complained of when he was asked last.
fn trouble(known: &Known) -> Option<&str> {
    known.lag.as_ref()?.trouble.as_deref()
}

/// Something that should not wait.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attention {
    pub id: String,
    pub what: String,
    /// For narrow windows.
    pub briefly: String,
    pub urgent: bool,
}

impl Attention {
    fn line(&self, theme: Theme, what: &str) -> Line {
        let (sign, style) = if self.urgent { ("✖ ", theme.error) } else { ("▲ ", theme.warn) };
        Line::new(sign, style).and(format!("{}: ", self.id), theme.title).and(what, theme.text)
    }
}

pub fn attention(state: &State) -> Vec<Attention> {
    let mut all = Vec::new();
    for known in state.start.known.iter().flatten() {
        let of =
            |what: String, briefly: String, urgent| Attention { id: known.id.clone(), what, briefly, urgent };
        let slots = slots_left(known);
        let slot = count_of(slots, "slot");
        match Tag::of(known) {
            Tag::Dead if slots > 0 => {
                let what = format!("its engine is gone and {slot} may fill the source's disk");
                all.push(of(what, format!("its engine is gone, {slot} left"), true));
            }
            Tag::Dead => {
                let what = "its engine is gone before the work was done".to_owned();
                all.push(of(what, "its engine is gone".to_owned(), true));
            }
            Tag::Failed | Tag::Stopped if slots > 0 => {
                all.push(of(
                    format!("{slot} left on the source: clean up"),
                    format!("{slot} left: clean up"),
                    true,
                ));
            }
            // Nothing is left to be done about it.
            Tag::Failed if known.run.cleaned && known.run.half_made().is_empty() => {}
            // Another one has the word about its databases.
            Tag::Failed if begun_anew(state, known).is_some() => {}
            Tag::Failed => all.push(of(worst(known), worst(known), false)),
            Tag::Syncing if !known.engine.is_there() => {
                let what = "its engine is gone: nobody guards what the source keeps for it".to_owned();
                all.push(of(what, "nobody guards it".to_owned(), false));
            }
            // Meanwhile the source keeps its WAL. The beginning names what is wrong, and where.
            Tag::Syncing if trouble(known).is_some() => {
                let what = trouble(known).unwrap_or_default().to_owned();
                all.push(of(what.clone(), what, true));
            }
            _ => {}
        }
    }
    all.sort_by_key(|a| !a.urgent);
    all
}

/// The migration that has begun its unfinished databases anew, where one has, and nothing is left of this one: it has the word
/// about them then, whatever became of it. One that was refused or stopped has begun nothing that lasts, and an older one meant
/// another migration of that name.
fn begun_anew<'a>(state: &'a State, known: &Known) -> Option<&'a Known> {
    let is_left = slots_left(known) > 0 || !known.run.half_made().is_empty();
    let speaks = |other: &&Known| {
        other.again.as_ref() == Some(&known.id)
            && other.run.started_ms >= known.run.started_ms
            && !matches!(Tag::of(other), Tag::Refused | Tag::Stopped | Tag::Checked)
    };
    let all = state.start.known.iter().flatten();
    if Tag::of(known) == Tag::Failed && !is_left { all.into_iter().find(speaks) } else { None }
}

fn slots_left(known: &Known) -> u64 {
    let left = known.run.ledger.values().filter(|l| {
        l.object.kind == crate::model::event::ObjectKind::Slot
            && l.state != crate::model::run::LedgerState::NotOurs
    });
    left.count() as u64
}

fn worst(known: &Known) -> String {
    let lost = known.run.findings.iter().find(|f| f.severity == Severity::Lost);
    let role = known.run.roles.iter().find(|(_, role)| role.status == RoleStatus::Failed);
    let failed = known.run.databases.iter().find(|(_, d)| d.outcome == Some(DatabaseOutcome::Failed));
    match (lost, failed) {
        (_, Some((name, d))) => format!("{}: {}", readable(name), printable(&d.message)),
        (Some(finding), None) => printable(&finding.title),
        (None, None) if role.is_some() => {
            let (name, role) =
                role.map(|(name, role)| (readable(name), printable(&role.message))).unwrap_or_default();
            format!("role {name}: {role}")
        }
        (None, None) => "not everything came across".to_owned(),
    }
}
