//! Below the list of the report: why the selected line matters, and what to do about it.

use super::report::{Row, rows};
use super::update::WHOLE;
use crate::model::units::printable;
use crate::ui::state::check::Check;
use crate::ui::widgets::line::{Line, column};
use crate::ui::widgets::paint::Paint;
use crate::ui::widgets::wrap::wrap;
use ratatui::layout::Rect;

/// Objects that are named; Enter shows them all.
const NAMED: usize = 8;
/// Lines of the list that are measured for the height: of thousands the first, which are the worst, will do.
const MEASURED: usize = 200;
/// Lines of the list that stay whatever there is to explain.
const LEAST_OF_LIST: u16 = 4;

/// What a fix ends in that has no room.
const MORE: &str = " Enter shows all";

/// What is said, each wrapped.
struct Texts {
    title: Vec<String>,
    why: Vec<String>,
    objects: Vec<String>,
    fix: Vec<String>,
}

impl Texts {
    fn of(row: &Row, width: usize) -> Self {
        let some = |text: &str| if text.is_empty() { Vec::new() } else { wrap(text, width) };
        let place = row.place.as_ref().map(|place| format!("{place}: ")).unwrap_or_default();
        let shown: Vec<_> = row.objects.iter().take(NAMED).cloned().collect();
        let more = row.objects.len().saturating_sub(shown.len());
        let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
        Self {
            title: wrap(&format!("{place}{}", row.title), width),
            why: some(&row.what),
            objects: some(&format!("{}{rest}", shown.join(", "))),
            fix: row.fix.lines().flat_map(|line| wrap(&format!("  {line}"), width)).collect(),
        }
    }

    fn count(&self) -> usize {
        let label = usize::from(!self.fix.is_empty());
        self.title.len() + self.why.len() + self.objects.len() + self.fix.len() + label
    }

    /// What to do comes before why, and why before what is concerned: the title above the list says it already.
    fn fit(&mut self, room: usize) {
        let mut over = self.count().saturating_sub(room);
        for (part, least) in [(&mut self.objects, 1), (&mut self.why, 1), (&mut self.title, 1)] {
            over -= shorten(part, least, over);
        }
        for part in [&mut self.objects, &mut self.why] {
            over -= shorten(part, 0, over);
        }
        // What has no fix has nothing else to say.
        let least = usize::from(self.fix.is_empty());
        over -= shorten(&mut self.title, least, over);
        if shorten(&mut self.fix, 1, over) > 0
            && let Some(last) = self.fix.last_mut()
        {
            last.push_str(MORE);
        }
    }
}

/// Takes away up to so many lines; returns how many.
fn shorten(part: &mut Vec<String>, least: usize, by: usize) -> usize {
    let taken = by.min(part.len().saturating_sub(least));
    part.truncate(part.len() - taken);
    if let (true, Some(last)) = (taken > 0, part.last_mut()) {
        last.push_str(" …");
    }
    taken
}

/// As high as the longest explanation needs, the same for each line of the list: nothing jumps when another is selected.
pub(super) fn height(left: u16, width: u16, listed: &[Row]) -> u16 {
    let whole =
        listed.iter().take(MEASURED).map(|row| Texts::of(row, width.into()).count()).max().unwrap_or(1);
    let wanted = u16::try_from(whole).unwrap_or(u16::MAX).saturating_add(2).max(5);
    let list = u16::try_from(listed.len()).unwrap_or(u16::MAX).min(LEAST_OF_LIST.max(left / 3)).max(1) + 2;
    let height = wanted.min(left.saturating_sub(list));
    // A title with nothing below it helps nobody: Enter shows it whole.
    if height < 4 { 0 } else { height }
}

pub(super) fn draw(p: &mut Paint<'_>, area: Rect, check: &Check) {
    let theme = p.theme;
    let listed = rows(check);
    let title = Line::new(WHOLE, theme.title);
    let Some(row) = listed.get(check.selected.min(listed.len().saturating_sub(1))) else {
        let inner = p.panel(area, &title, &Line::default());
        p.line(inner, 0, &Line::new("Nothing to do.", theme.dim));
        return;
    };
    let right = if row.id.is_empty() {
        Line::default()
    } else {
        Line::new(format!("pgpassage explain {}", printable(&row.id)), theme.dim)
    };
    let inner = p.panel(area, &title, &right);
    let width = usize::from(inner.width);
    let mut texts = Texts::of(row, width);
    texts.fit(inner.height.into());
    let mut lines = Vec::new();
    let mut say = |part: Vec<String>, style| {
        lines.extend(part.into_iter().map(|text| Line::new(cut(text, width), style)));
    };
    say(texts.title, theme.title);
    say(texts.why, theme.text);
    say(texts.objects, theme.dim);
    if !texts.fix.is_empty() {
        say(vec!["What to do (y copies it):".to_owned()], theme.dim);
        say(texts.fix, theme.info);
    }
    p.lines(inner, &lines);
}

/// A line that was ended early keeps its sign of it: words before it go.
fn cut(text: String, width: usize) -> String {
    use unicode_width::UnicodeWidthStr;
    let more = if text.ends_with(MORE) { MORE } else { "" };
    let Some(said) = text.strip_suffix(more).and_then(|text| text.strip_suffix(" …")) else { return text };
    let room = width.saturating_sub(more.width() + 2);
    let mut said = said;
    while said.width() > room {
        let Some((before, _)) = said.rsplit_once(' ') else { return column(said, width) };
        said = before;
    }
    format!("{said} …{more}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::check::Finding;

    #[test]
    fn what_to_do_is_the_last_to_go() {
        let finding = Finding::warning("a", "title ".repeat(9))
            .because("why ".repeat(30))
            .objects((0..9).map(|n| format!("object_{n}")))
            .fix("on the source: ALTER TABLE a.b SET LOGGED;");
        let row = super::super::report::of_finding(&finding);
        for room in 3..30 {
            let mut texts = Texts::of(&row, 30);
            texts.fit(room);
            assert!(texts.count() <= room || room < 3, "{room}: {}", texts.count());
            assert!(texts.fix[0].starts_with("  on the source: ALTER TABLE"), "{room}");
        }
        let mut whole = Texts::of(&row, 30);
        let lines = whole.count();
        whole.fit(lines);
        assert!(!whole.why.concat().contains('…') && whole.count() == lines);
    }
}
