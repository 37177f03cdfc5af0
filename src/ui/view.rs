//! From the state to a buffer. Pure: the same state draws the same screen.

pub mod dialog;
mod explain;
pub mod footer;
mod help;
mod overlay;
mod passwords;

use super::message::Hit;
use super::state::{Rights, STEPS, Screen, State, Weight};
use super::steps::{close, configure, migration, start, validation};
use super::theme::Theme;
use super::widgets::line::Line;
use super::widgets::paint::Paint;
use super::widgets::wrap::wrap;
use crate::model::units::readable;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::Modifier;

/// Below this nothing can be shown whole.
const LEAST: (u16, u16) = (60, 16);
/// Lines that may be said for a moment; what is longer is cut.
const TOAST: usize = 3;
/// From this width on the steps are named in the header.
const ROOMY: usize = 96;

/// What is known of a screen beside its letters.
#[derive(Debug, Default)]
pub struct Drawn {
    /// Where the terminal's cursor belongs.
    pub cursor: Option<Position>,
    /// What the mouse can press, and where.
    hits: Vec<(Rect, Hit)>,
    /// What lies over the screen.
    pub covered: Option<Rect>,
}

impl Drawn {
    /// What is pressed there, if anything is.
    pub fn at(&self, place: Position) -> Option<Hit> {
        self.hits.iter().rev().find(|(area, _)| area.contains(place)).map(|(_, hit)| *hit)
    }

    pub fn hits(&self) -> &[(Rect, Hit)] {
        &self.hits
    }
}

/// Draws everything.
pub fn view(state: &State, area: Rect, buffer: &mut Buffer) -> Drawn {
    let theme = Theme::new(state.look);
    let mut paint = Paint { buffer, theme, cursor: None, hits: Vec::new(), covered: None, next_chart: None };
    let p = &mut paint;
    p.blank(area);
    if area.width < LEAST.0 || area.height < LEAST.1 {
        too_small(p, area);
        return Drawn::default();
    }
    let row = |y: u16| Rect { y: area.y + y, height: 1, ..area };
    header(p, row(0), state);
    let said = toast(theme, state, area.width);
    // What is long is said above the last line whole: the screen gives way, and hides no button for it.
    let foot = u16::try_from(said.len()).unwrap_or(1).max(1) + 1;
    let body = Rect { y: area.y + 1, height: area.height - 1 - foot, ..area };
    match state.screen {
        Screen::Start => start::view::view(p, body, state),
        Screen::Configure => configure::view::view(p, body, state),
        Screen::Form => validation::view::form(p, body, state),
        Screen::Report => validation::view::report(p, body, state),
        Screen::Plan => migration::plan::view(p, body, state),
        Screen::Live => migration::live::view(p, body, state),
        Screen::Close => close::view::view(p, body, state),
    }
    if state.overlay.is_some() {
        p.hits.clear();
    }
    overlay::view(p, body, state);
    p.lines(Rect { y: area.bottom() - foot, height: foot - 1, ..area }, &said);
    footer::view(p, row(area.height - 1), state);
    Drawn { cursor: paint.cursor, hits: paint.hits, covered: paint.covered }
}

fn too_small(p: &mut Paint<'_>, area: Rect) {
    let text = format!(
        "The window is {} x {}; {} x {} are needed. Whatever runs goes on. Enlarge the window, or use pgpassage list.",
        area.width, area.height, LEAST.0, LEAST.1
    );
    let style = p.theme.warn;
    let lines: Vec<_> = super::widgets::wrap::wrap(&text, usize::from(area.width))
        .into_iter()
        .map(|line| Line::new(line, style))
        .collect();
    p.lines(area, &lines);
}

fn header(p: &mut Paint<'_>, area: Rect, state: &State) {
    let theme = p.theme;
    let mut line = Line::new(" pgpassage ", theme.title);
    match state.screen.step() {
        None => line.push(" migrations of this machine", theme.text),
        Some(now) if usize::from(area.width) >= ROOMY => {
            for (number, name) in (1..).zip(STEPS) {
                let (sign, style) = match number.cmp(&now) {
                    std::cmp::Ordering::Less => ("✔", theme.ok),
                    std::cmp::Ordering::Equal => ("●", theme.accent.add_modifier(Modifier::BOLD)),
                    std::cmp::Ordering::Greater => ("○", theme.dim),
                };
                line.push(format!(" {sign} {number} {name} "), style);
                if number < STEPS.len() {
                    line.push("──", theme.dim);
                }
            }
        }
        Some(now) => {
            line.push(format!(" {now}/4 {}", STEPS[now - 1]), theme.accent.add_modifier(Modifier::BOLD));
        }
    }
    if state.rights == Rights::Look {
        line.push("  read-only", theme.warn);
    }
    let room = usize::from(area.width).saturating_sub(line.width() + 3);
    let whole = Line::new(subject(state), theme.dim);
    // Better the name alone than half of the hosts.
    let name = match &state.live {
        Some(live) => live.id.clone(),
        None if state.form.name.trimmed().is_empty() => String::new(),
        None => readable(state.form.name.trimmed()),
    };
    let about = if whole.width() > room && !name.is_empty() { Line::new(name, theme.dim) } else { whole };
    let about = about.fitted(room);
    p.line(area, 0, &line);
    if room > 8 {
        p.right(Rect { width: area.width - 1, ..area }, 0, &about);
    }
}

/// Which migration this is about.
fn subject(state: &State) -> String {
    if let Some(live) = &state.live {
        let host = |address: &str| {
            let host = address.rsplit('@').next().unwrap_or(address);
            host.rsplit_once(':').map_or(host, |(host, _)| host).to_owned()
        };
        return format!("{}: {} → {}", live.id, host(&live.shown.source), host(&live.shown.target));
    }
    if state.screen == Screen::Start {
        return String::new();
    }
    let name = state.form.name.trimmed();
    let name = if name.is_empty() { String::new() } else { format!("{}: ", readable(name)) };
    match (state.form.source.short(), state.form.target.short()) {
        (Some(source), Some(target)) => format!("{name}{source} → {target}"),
        (None, Some(target)) => format!("{name}→ {target}"),
        _ => "new migration".to_owned(),
    }
}

/// What is said for a moment, in as many lines as it may have.
fn toast(theme: Theme, state: &State, width: u16) -> Vec<Line> {
    let Some(toast) = &state.toast else { return Vec::new() };
    let (sign, style) = match toast.weight {
        Weight::News => (" ● ", theme.accent),
        Weight::Trouble => (" ✖ ", theme.error),
    };
    let text = toast.text.replace('\n', " ");
    let mut said = wrap(&text, usize::from(width).saturating_sub(3));
    // Under a dialog nothing moves.
    if said.len() > TOAST || state.overlay.is_some() {
        said = vec![text];
    }
    let line =
        |(row, text): (usize, String)| Line::new(if row == 0 { sign } else { "   " }, style).and(text, style);
    said.into_iter().enumerate().map(line).collect()
}

/// A smaller area in the middle, not larger than what is there.
pub(super) fn centered(area: Rect, width: u16, height: u16) -> Rect {
    let (width, height) = (width.min(area.width), height.min(area.height));
    Rect { x: area.x + (area.width - width) / 2, y: area.y + (area.height - height) / 2, width, height }
}
