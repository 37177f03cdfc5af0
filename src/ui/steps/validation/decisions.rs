//! Below the report: which methods are possible, and what the operator decides upon it.

use super::update::{asks_about_content, asks_for_identities, offers_snapshot};
use crate::model::check::Possible;
use crate::model::units::{count_of, human_bytes, printable, readable};
use crate::ui::format::ago;
use crate::ui::message::Hit;
use crate::ui::state::check::{Check, Replicable, Way};
use crate::ui::state::form::Field;
use crate::ui::state::{Focus, State};
use crate::ui::theme::Theme;
use crate::ui::widgets::form::{identity, not_empty};
use crate::ui::widgets::line::{Line, column};
use crate::ui::widgets::list::first_shown;
use crate::ui::widgets::paint::Paint;
use crate::ui::widgets::wrap::wrap;
use ratatui::layout::Rect;

/// With so many lines there is room to spare: what a choice means is said before it is made.
pub(super) const ROOMY: u16 = 26;

/// Databases that a sentence names.
const NAMED: usize = 3;

/// Below that the checkbox of the snapshot has fewer words.
const NARROW: u16 = 72;

/// What the checkbox ends with, and what it means for whoever still writes.
const USING: &str = "using a one-time snapshot (dump method)";
pub const SNAPSHOT_MEANS: &str = "Rows written on the source after the start will not be on the target.";

/// A line, and what it decides where it decides something.
pub(super) type Decision = (Option<Focus>, Line);

/// What is known about the methods, in sentences.
pub(super) fn lines(theme: Theme, state: &State, (check, area): (&Check, Rect)) -> Vec<Decision> {
    let width = usize::from(area.width).saturating_sub(4);
    let all = said(theme, state, (check, area));
    all.into_iter().flat_map(|one| wrapped(one, width)).collect()
}

/// A sentence that is too wide goes on below, with its indentation; what can be chosen stays one line.
fn wrapped((focus, line): Decision, width: usize) -> Vec<Decision> {
    let mut pieces = line.pieces();
    let only = pieces.next().filter(|_| focus.is_none() && pieces.next().is_none());
    if let Some((text, style)) = only {
        return wrap(text, width).into_iter().map(|text| (None, Line::new(text, style))).collect();
    }
    drop(pieces);
    vec![(focus, line)]
}

fn said(theme: Theme, state: &State, (check, area): (&Check, Rect)) -> Vec<Decision> {
    let mut lines: Vec<Decision> = vec![(None, possible(theme, check))];
    // Above the choices: below them it was out of sight of whoever had just made one.
    let not_judged = check.not_judged();
    lines.extend(not_judged.map(|why| (None, Line::new(why, theme.error))));
    if asks_for_identities(state, check) {
        lines.extend(identities(theme, state, check));
    }
    if asks_about_content(state, check) {
        let (word, means) = not_empty(state.form.not_empty);
        let text = format!("{}{word}", column("Target not empty", 18));
        lines.push(choice(theme, (state, Focus::Field(Field::NotEmpty)), text));
        lines.push((None, Line::new(format!("      {means}"), theme.dim)));
    }
    if offers_snapshot(check) {
        lines.extend(snapshot(theme, state, (check, area)));
    }
    for (number, possible) in (1..).zip(check.choices()) {
        let way = match check.way(possible) {
            Way::Snapshot => "[one-time snapshot]",
            Way::LeftOut => "[left out]         ",
            Way::Impossible if possible.not_continuous.is_none() => "[no snapshot]      ",
            Way::Impossible => "[neither way]      ",
            Way::Continuous => "[follows]          ",
            _ => "[not decided]      ",
        };
        let cannot = match check.way(possible) {
            Way::Impossible => &possible.not_snapshot,
            _ => &possible.not_continuous.clone().or_else(|| possible.not_snapshot.clone()),
        };
        let why = printable(cannot.as_deref().unwrap_or_default());
        let name = readable(&possible.database);
        let text = format!("{way} {name}: {why}");
        // What has no room beside the decision stands below it.
        if text.chars().count() + 6 <= usize::from(area.width) {
            lines.push(choice(theme, (state, Focus::Choice(number)), text));
        } else {
            lines.push(choice(theme, (state, Focus::Choice(number)), format!("{way} {name}")));
            lines.push((None, Line::new(format!("      {why}"), theme.dim)));
        }
    }
    if let Err(why) = check.may_start() {
        if not_judged.is_none() {
            lines.push((None, Line::new(why, theme.error)));
        }
    } else if let Some(text) = expectation(check) {
        lines.push((None, Line::new(text, theme.dim)));
    }
    lines
}

/// The checkbox that has everything copied once: what it says, and what that means for whoever still writes. Where some
/// databases could follow it is not about the others alone, and says so: it was taken for what becomes of those that cannot.
pub fn checkbox(check: &Check) -> (String, String) {
    let all = copied_once(check);
    if !is_for_all(check, &all) {
        return (format!("Start the migration {USING}"), SNAPSHOT_MEANS.to_owned());
    }
    let could: Vec<_> = all.iter().filter(|p| p.not_continuous.is_none()).collect();
    let named: Vec<_> = could.iter().take(NAMED).map(|p| readable(&p.database)).collect();
    let more = could.len().saturating_sub(NAMED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let also = match named.as_slice() {
        [] => String::new(),
        named => format!("Also {}{more}, which could follow. ", named.join(", ")),
    };
    (format!("Start all {} databases {USING}", all.len()), format!("{also}{SNAPSHOT_MEANS}"))
}

/// The databases that the checkbox is about.
fn copied_once(check: &Check) -> Vec<&Possible> {
    let goes = |p: &&Possible| check.way(p) != Way::LeftOut && p.not_snapshot.is_none();
    check.possible.iter().filter(goes).collect()
}

fn is_for_all(check: &Check, all: &[&Possible]) -> bool {
    check.replicable() == Replicable::Some && all.len() > 1
}

fn snapshot(theme: Theme, state: &State, (check, area): (&Check, Rect)) -> Vec<Decision> {
    let tick = if check.decisions.snapshot { "[✔]" } else { "[ ]" };
    let (whole, means) = checkbox(check);
    let all = copied_once(check);
    let what = match area.width {
        NARROW.. => whole,
        _ if is_for_all(check, &all) => format!("All {} {USING}", all.len()),
        _ => format!("Start {USING}"),
    };
    let mut lines = vec![choice(theme, (state, Focus::Choice(0)), format!("{tick} {what}"))];
    let asked = check.decisions.snapshot || state.focus == Focus::Choice(0);
    if asked || area.height >= ROOMY {
        let style = if check.decisions.snapshot { theme.warn } else { theme.dim };
        lines.push((None, Line::new(format!("      {means}"), style)));
    }
    lines
}

fn possible(theme: Theme, check: &Check) -> Line {
    let text = how_many(check);
    match check.replicable() {
        Replicable::All => Line::new(text, theme.ok),
        Replicable::None => Line::new(text, theme.warn),
        Replicable::Some => Line::new(format!("{text} Space decides for the others:"), theme.warn),
        Replicable::NotJudged => Line::new(text, theme.dim),
    }
}

/// For how many databases replication is possible.
pub fn how_many(check: &Check) -> String {
    let all = count_of(check.possible.len() as u64, "database");
    match check.replicable() {
        Replicable::All => format!("Possible for {all}: the target follows until you close."),
        Replicable::None => why_not(check),
        Replicable::Some => {
            let can = check.possible.iter().filter(|p| p.not_continuous.is_none()).count();
            format!("Possible for {can} of {all}.")
        }
        Replicable::NotJudged if check.may_start().is_ok() => {
            "Which method is possible is judged at the start.".to_owned()
        }
        Replicable::NotJudged => "Which method is possible is not known.".to_owned(),
    }
}

/// What the decisions stand under.
pub fn title(check: &Check) -> &'static str {
    match check.replicable() {
        Replicable::None => "Replication is not possible",
        Replicable::Some => "Replication is not possible for every database",
        Replicable::All | Replicable::NotJudged => "Replication",
    }
}

/// What becomes of tables without a replica identity: the choice, and what it means.
fn identities(theme: Theme, state: &State, check: &Check) -> [Decision; 2] {
    let (word, means) = identity(state.form.identity);
    let without = count_of(check.without_identity().len() as u64, "table");
    let text = format!("{}← {word} →   {without} without one", column("Replica identity", 18));
    let focus = Focus::Field(Field::Identity);
    [choice(theme, (state, focus), text), (None, Line::new(format!("      {means}"), theme.dim))]
}

fn choice(theme: Theme, (state, focus): (&State, Focus), text: String) -> Decision {
    let focused = state.overlay.is_none() && state.focus == focus;
    let mark = if focused { "▌ " } else { "  " };
    let style = if focused { theme.focus } else { theme.text };
    (Some(focus), Line::new(mark, theme.accent).and(text, style))
}

/// From where on the focused decision is to be seen with what it means, which stands below it: the last line of a window
/// that does not hold all is for the sign that there is more.
fn first_line(focused: usize, lines: &[Decision], height: usize) -> usize {
    let means = lines.iter().skip(focused + 1).take_while(|(focus, _)| focus.is_none()).count();
    let last = (focused + means + 1).min(lines.len());
    let sign = usize::from(last < lines.len());
    let least = (last + sign).saturating_sub(height).min(focused);
    first_shown(focused, lines.len(), height).max(least)
}

fn why_not(check: &Check) -> String {
    let mut reasons: Vec<&str> = check.possible.iter().filter_map(|p| p.not_continuous.as_deref()).collect();
    reasons.dedup();
    let first = reasons.first().map(|why| printable(why)).unwrap_or_default();
    let more =
        if reasons.len() > 1 { format!(" (and {} more reasons)", reasons.len() - 1) } else { String::new() };
    format!("Not possible: {first}{more}")
}

/// What the checks expect of size and time, where they do.
pub fn expectation(check: &Check) -> Option<String> {
    let moved = |p: &&Possible| check.way(p) != Way::LeftOut;
    let all: Vec<_> = check.possible.iter().filter(moved).collect();
    let bytes: u64 = all.iter().filter_map(|p| p.size_bytes).sum();
    let seconds: u64 = all.iter().filter_map(|p| p.estimate_s).sum();
    if bytes == 0 {
        return None;
    }
    let time = if seconds > 0 { format!(", roughly {}", ago(seconds * 1000)) } else { String::new() };
    Some(format!("{}, {}{time}.", count_of(all.len() as u64, "database"), human_bytes(bytes)))
}

pub(super) fn draw(p: &mut Paint<'_>, area: Rect, (state, check, lines): (&State, &Check, &[Decision])) {
    let inner = p.panel(area, &Line::new(title(check), p.theme.title), &Line::default());
    // The decision that keys act on is always to be seen.
    let focused = lines.iter().position(|(focus, _)| *focus == Some(state.focus));
    let first = first_line(focused.unwrap_or(0), lines, inner.height.into());
    let shown = &lines[first.min(lines.len())..];
    let drawn: Vec<_> = shown.iter().map(|(_, line)| line.clone()).collect();
    p.lines_or_key(inner, &drawn, ("Tab", "goes on to the rest"));
    for (row, (focus, line)) in shown.iter().enumerate() {
        if let Some(focus) = focus {
            p.hit((inner, row), (0, line.width()), Hit::Focus(*focus));
        }
    }
    if let (Some(focused), None) = (focused, &state.overlay) {
        let y = inner.y.saturating_add(u16::try_from(focused - first).unwrap_or(0));
        p.cursor = Some((inner.x, y).into());
    }
}
