//! Questions before something that matters, with what will happen on each side.

use crate::model::event::DatabaseOutcome;
use crate::model::run::DatabaseRun;
use crate::model::task::{Unfinished, Verify};
use crate::model::units::{Side, count_of, human_bytes, readable};
use crate::ui::format::ago;
use crate::ui::message::Hit;
use crate::ui::state::live::Live;
use crate::ui::state::{About, Dialog, Engine, Home, State};
use crate::ui::steps::close::trouble::answered_ms;
use crate::ui::steps::migration::{
    Of, dropped, finished, identities, in_few_words, left_on, leftovers, leftovers_short, unfinished,
    with_sizes,
};
use crate::ui::update::{Act, buttons};
use crate::ui::widgets::form::window;
use crate::ui::widgets::line::{Line, column};
use crate::ui::widgets::paint::Paint;
use crate::ui::widgets::wrap::wrap;
use ratatui::layout::Rect;
use unicode_width::UnicodeWidthStr;

const WIDTH: u16 = 74;

pub(super) fn view(p: &mut Paint<'_>, area: Rect, (state, dialog): (&State, &Dialog)) {
    let width = WIDTH.min(area.width.saturating_sub(2));
    let text_width = usize::from(width).saturating_sub(4);
    let mut lines: Vec<Line> = Vec::new();
    for sentence in text(state, dialog.about) {
        for line in wrap(&sentence, text_width) {
            lines.push(Line::new(line, p.theme.text));
        }
    }
    let name = Name::of(state, dialog, text_width);
    let all = buttons(dialog.about, state.live.as_ref());
    let rows = button_rows(p, (&all, dialog.on), text_width);
    let height = lines.len() + 1 + name.height + rows.len() + 2;
    let area = super::centered(area, width, u16::try_from(height).unwrap_or(u16::MAX));
    p.cover(area);
    let kept = usize::from(area.height.saturating_sub(2)).saturating_sub(rows.len() + 1 + name.height);
    let hidden = lines.len().saturating_sub(kept);
    let first = dialog.from.min(hidden);
    let more = match (first, hidden) {
        (_, 0) => Line::default(),
        (first, hidden) if first == hidden => Line::new("PgUp", p.theme.key).and(": more", p.theme.dim),
        _ => Line::new("PgDn", p.theme.key).and(": more", p.theme.dim),
    };
    let room = usize::from(area.width).saturating_sub(more.width() + 10);
    let style = p.theme.title;
    let title =
        Line::new(title(dialog.about), style).or(room, || Line::new(short_title(dialog.about), style));
    let inner = p.window(area, &title, &more);
    let lines = &lines[first..lines.len().min(first + kept)];
    p.lines(Rect { height: u16::try_from(kept).unwrap_or(0), ..inner }, lines);
    let mut row = kept.min(lines.len()) + 1;
    if name.height > 0 {
        typed(p, inner, (&name, dialog, row));
        row += name.height;
    }
    let mut answer = 0;
    for (number, buttons) in rows.iter().enumerate() {
        let mut line = Line::default();
        for button in buttons {
            if !line.is_empty() {
                line.push("   ", p.theme.text);
            }
            p.hit((inner, row + number), (line.width(), button.width()), Hit::Answer(answer));
            answer += 1;
            line.append(button.clone());
        }
        p.line(inner, row + number, &line);
    }
}

/// The field that the migration's name is typed into, where that is asked for.
struct Name {
    label: String,
    /// Lines that it takes, with a blank one below; none where nothing is asked for.
    height: usize,
}

impl Name {
    /// As long as a name may be, and the cursor behind it.
    const FIELD: usize = 21;

    fn of(state: &State, dialog: &Dialog, width: usize) -> Self {
        let name = state.live.as_ref().map(|live| live.id.clone()).unwrap_or_default();
        let label = format!("{}: ", type_its_name(&name));
        let beside = label.width() + Self::FIELD + 2 <= width;
        let height = match dialog.about {
            About::CloseBehind if beside => 2,
            About::CloseBehind => 3,
            _ => 0,
        };
        Self { label, height }
    }
}

/// Asked where changes are lost.
pub fn type_its_name(id: &str) -> String {
    format!("To close anyway, type its name, {id}")
}

fn typed(p: &mut Paint<'_>, inner: Rect, (name, dialog, row): (&Name, &Dialog, usize)) {
    let (shown, cursor) = window(dialog.typed.value(), dialog.typed.cursor(), Name::FIELD);
    let mut line = Line::new(name.label.clone(), p.theme.text);
    let mut row = row;
    if name.height > 2 {
        p.line(inner, row, &line);
        line = Line::default();
        row += 1;
    }
    let x = line.width() + 1 + cursor;
    line.push("[", p.theme.dim);
    line.push(column(&shown, Name::FIELD), p.theme.field);
    line.push("]", p.theme.dim);
    p.line(inner, row, &line);
    let (x, y) = (u16::try_from(x).unwrap_or(0), u16::try_from(row).unwrap_or(0));
    p.cursor = Some((inner.x.saturating_add(x).min(inner.right().saturating_sub(1)), inner.y + y).into());
}

/// As many buttons on a line as fit.
fn button_rows(p: &Paint<'_>, (all, on): (&[(&'static str, Act)], usize), width: usize) -> Vec<Vec<Line>> {
    let mut rows: Vec<Vec<Line>> = Vec::new();
    let wide = |row: &[Line]| row.iter().map(|button| button.width() + 3).sum::<usize>();
    for (number, (label, _)) in all.iter().enumerate() {
        let button = p.button(label, (number == on).into());
        match rows.last_mut().filter(|row| wide(row) + button.width() <= width) {
            Some(row) => row.push(button),
            None => rows.push(vec![button]),
        }
    }
    rows
}

pub fn title(about: About) -> &'static str {
    match about {
        About::Stop => "Stop the migration?",
        About::LeaveAndStop => "Leaving stops the migration",
        About::LeaveUnguarded => "Leave? The databases go on following",
        About::LeaveClosing => "Leaving breaks the closing off",
        About::Close => "Close the connection?",
        About::CloseBehind => "Close the connection while the target is behind?",
        About::CleanUp => "Clean up?",
        About::StartOver => "Start over?",
        About::TryAgain | About::GoOn => "Try again?",
        About::Forget => "Forget this migration?",
    }
}

fn short_title(about: About) -> &'static str {
    match about {
        About::CloseBehind => "Close while the target is behind?",
        About::LeaveUnguarded => "Leave? They go on following",
        other => title(other),
    }
}

/// What a question says before its buttons.
pub fn text(state: &State, about: About) -> Vec<String> {
    if about == About::Forget {
        return forget(state.start.forgetting.as_deref().unwrap_or_default());
    }
    let Some(live) = &state.live else { return Vec::new() };
    match about {
        About::Stop => stop(live),
        About::LeaveAndStop if state.home == Home::Demo => {
            vec!["The demo's two servers run in this window, and end with it.".to_owned()]
        }
        About::LeaveAndStop => {
            let first = "This migration runs in this very window and cannot go on without it.".to_owned();
            [vec![first, String::new()], stop(live)].concat()
        }
        About::LeaveUnguarded => unguarded(live),
        About::LeaveClosing => closing_breaks_off(live),
        About::Close => vec![
            format!(
                "The target has everything that the source has. Sequences are copied, {}, then subscription, slot and \
                 publication are removed.",
                compared(live.verify)
            ),
            String::new(),
            "Closing cannot be undone: to follow the source again everything is copied again. From now on nothing may \
             write to the source, or it is missing on the target."
                .to_owned(),
        ],
        About::CloseBehind => behind(live, state.now_ms),
        About::CleanUp => clean_up(live),
        About::StartOver => start_over(live),
        About::TryAgain => try_again(live),
        About::GoOn => go_on(live),
        About::Forget => Vec::new(),
    }
}

/// What follows does so in both servers, and not in this window.
fn unguarded(live: &Live) -> Vec<String> {
    let id = &live.id;
    vec![
        "Stops nothing: the target's own subscriptions follow the source, with or without this window. Only the guarding \
         ends, which runs in this window: nobody looks then at the WAL that the source keeps."
            .to_owned(),
        String::new(),
        format!("Come back: pgpassage attach {id}. Leave a guard: pgpassage status {id} --watch --detach."),
    ]
}

fn closing_breaks_off(live: &Live) -> Vec<String> {
    let names: Vec<_> = live.following().map(|name| readable(name)).collect();
    vec![
        "This window closes the connection itself, and it is not through.".to_owned(),
        format!(
            "Nothing is lost by leaving: what is not closed by then goes on following, with what serves replication still in \
             place on both sides, and nobody guards it: {}. What is closed by then stays closed.",
            names.join(", ")
        ),
        format!("Close it later: pgpassage finish {}, or attach to it.", live.id),
    ]
}

/// What **Stop migration** does.
pub fn stop(live: &Live) -> Vec<String> {
    let mut all = Vec::new();
    let copied = live.best.bytes;
    let at_work = live.run.databases.values().any(|d| d.outcome.is_none());
    if copied > 0 && at_work && !live.is_over() {
        all.push(format!(
            "{} are copied. A stopped migration cannot be continued: a new start copies them again.",
            human_bytes(copied)
        ));
        all.push(String::new());
    }
    for side in [Side::Source, Side::Target] {
        let made = left_on(live, (side, Of::All));
        let mut what = Vec::new();
        if !made.is_empty() {
            what.push(format!("removes {}", in_few_words(&made)));
        }
        if side == Side::Source {
            what.extend(set_back(live));
        }
        if !what.is_empty() {
            all.push(format!("On the {side}: {}.", what.join("; ")));
        } else if side == Side::Source {
            all.push("On the source: nothing of ours is there; nothing changes.".to_owned());
        }
    }
    let half = live.run.half_made();
    all.push(if half.is_empty() {
        "On the target: what was copied stays as it is.".to_owned()
    } else {
        let names: Vec<_> = half.iter().map(|half| readable(&half.name)).collect();
        format!(
            "On the target: half copied databases stay until they are cleaned up or begun anew: {}.",
            names.join(", ")
        )
    });
    let done = live.run.databases.values().filter(|d| d.outcome == Some(DatabaseOutcome::Done)).count();
    if done > 0 {
        all.push(format!("What is done stays: {}.", count_of(done as u64, "database")));
    }
    if matches!(live.engine, Engine::Apart { .. }) {
        all.push(String::new());
        all.push("Only want to leave? Close window: the migration goes on without it.".to_owned());
    }
    all
}

/// Where replica identities were changed for it.
fn set_back(live: &Live) -> Option<String> {
    let changed = identities(live);
    (changed > 0).then(|| format!("sets the replica identity of {} back", count_of(changed, "table")))
}

fn behind(live: &Live, now_ms: u64) -> Vec<String> {
    let seen = answered_ms(live).map(|at| format!(" {} ago", ago(now_ms.saturating_sub(at))));
    let missing = match live.lag_bytes() {
        Some(0) => {
            "No change is on its way, but not every table is ready or a database complains.".to_owned()
        }
        Some(bytes) => format!(
            "The target misses {} of the source's WAL{} (asked{}). Closed now, these changes are lost on the target.",
            human_bytes(bytes),
            at_most(live, bytes),
            seen.unwrap_or_default()
        ),
        None => {
            "How much the target misses is not known. Whatever it is would be lost on the target.".to_owned()
        }
    };
    vec![
        missing,
        String::new(),
        "Better: stop what writes to the source, and close once nothing is missing.".to_owned(),
        "Closing cannot be undone: to follow the source again everything is copied again.".to_owned(),
    ]
}

/// What a transaction wrote counts from where it ended: one of 70 MB that waited for a lock was 112 kB of lag.
fn at_most(live: &Live, lag_bytes: u64) -> String {
    let kept = live.following().filter_map(|name| live.status(name)?.0.kept_bytes).max();
    let more = kept.filter(|kept| *kept > lag_bytes);
    more.map(|kept| format!(", up to {} with what began earlier", human_bytes(kept))).unwrap_or_default()
}

/// The databases that go, where any do, and what keeps one of them.
fn drops(live: &Live, which: Unfinished) -> Vec<String> {
    let all = dropped(live, which);
    if all.is_empty() {
        return Vec::new();
    }
    vec![
        format!("Drops on the target: {}.", with_sizes(&all)),
        "One that somebody else is connected to stays, and is named. Roles stay, too.".to_owned(),
    ]
}

/// Taking everything back does not spare what follows.
fn ends_following(live: &Live) -> Vec<String> {
    let names: Vec<_> = live.following().map(|name| readable(name)).collect();
    if names.is_empty() {
        return Vec::new();
    }
    vec![format!("What follows does not follow any more then; what was copied stays: {}.", names.join(", "))]
}

/// What **Clean up** does.
pub fn clean_up(live: &Live) -> Vec<String> {
    let mut all = ends_following(live);
    let made = leftovers(live, Of::All);
    if !made.is_empty() {
        all.push("Removes what this migration made for replication:".to_owned());
        all.extend(made.iter().map(|what| format!("  {what}")));
        all.push(String::new());
    }
    all.extend(set_back(live).map(|what| format!("On the source it {what}.")));
    all.extend(drops(live, Unfinished::Drop));
    let mut stays: Vec<_> = finished(live).into_iter().map(readable).collect();
    let incomplete =
        live.run.databases.iter().filter(|(_, d)| d.outcome == Some(DatabaseOutcome::Incomplete));
    stays.extend(incomplete.map(|(name, _)| format!("{} (not whole)", readable(name))));
    if !stays.is_empty() {
        all.push(format!("Stays as it is: {}.", stays.join(", ")));
    }
    all
}

/// What **Start over** does.
pub fn start_over(live: &Live) -> Vec<String> {
    let mut all = ends_following(live);
    if leftovers(live, Of::All).is_empty() {
        all.push("Nothing that serves replication is left on either server.".to_owned());
    } else {
        all.push(format!("First removes {}.", leftovers_short(live, Of::All)));
    }
    all.extend(set_back(live).map(|what| format!("On the source it {what}.")));
    all.extend(drops(live, Unfinished::DropIncomplete));
    all.push(String::new());
    all.push(
        "Then goes to step 1, with servers and left-out databases filled in; look at the other choices."
            .to_owned(),
    );
    all
}

/// What **Try again** does where databases wait to go on.
pub fn go_on(live: &Live) -> Vec<String> {
    let names: Vec<_> = live.run.waiting().map(|(name, _)| readable(name)).collect();
    vec![
        format!("Goes on where it broke off, and reads from the same snapshot: {}.", names.join(", ")),
        "First counts the rows of every table that is there. Tables that are half copied, or that the target has lost, are \
         emptied and copied again."
            .to_owned(),
    ]
}

fn compared(verify: Verify) -> &'static str {
    match verify {
        Verify::Nothing => "nothing is compared (v changes that)",
        Verify::Counts => "both sides' rows are counted",
        Verify::Checksums => "both sides' rows are compared",
    }
}

fn forget(id: &str) -> Vec<String> {
    vec![
        format!("Removes what this machine has of {id}: plan, journal, log and saved bundles."),
        "Nothing of it is left on either server that its journal knows of, and neither is touched. Its name is free again."
            .to_owned(),
    ]
}

/// What **Try again** does.
pub fn try_again(live: &Live) -> Vec<String> {
    let mut all = Vec::new();
    if !leftovers(live, Of::Unfinished).is_empty() {
        all.push(format!("First removes {}.", leftovers_short(live, Of::Unfinished)));
    }
    all.extend(drops(live, Unfinished::DropIncomplete));
    if !all.is_empty() {
        all.push(String::new());
    }
    let begun: Vec<_> = unfinished(live).into_iter().map(readable).collect();
    all.push(format!(
        "Then begins a new migration, {} with the next free number, with the same choices, from the checks on: {}.",
        live.id,
        begun.join(", ")
    ));
    let there: Vec<_> = finished(live).into_iter().map(readable).collect();
    if !there.is_empty() {
        all.push(format!("Is not touched: {}.", there.join(", ")));
    }
    let whole =
        |d: &DatabaseRun| matches!(d.outcome, Some(DatabaseOutcome::Done | DatabaseOutcome::Following));
    let begun_in = |d: &DatabaseRun| d.followed || (d.existed && d.tables > 0);
    let in_the_way = live.run.databases.iter().filter(|(_, d)| !whole(d) && begun_in(d));
    let names: Vec<_> = in_the_way.map(|(name, _)| readable(name)).collect();
    if !names.is_empty() {
        all.push(format!(
            "Was there before, or has followed, so that it is not dropped: {}. What is in it may be in the way.",
            names.join(", ")
        ));
    }
    all
}
