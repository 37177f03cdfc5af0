//! The live picture on a terminal: what each database is at, how far, how fast, what is running.
//!
//! [`picture`] is a pure function of state; [`Screen`] only knows how to draw lines over the ones before.

use super::lines::outcome_word;
use crate::model::event::DatabaseOutcome;
use crate::model::gauges::{DatabaseGauge, Gauges};
use crate::model::phase::Phase;
use crate::model::run::{DatabaseRun, Run};
use crate::model::units::{count_of, human_bytes, human_ms, printable, readable, thousands};
use std::collections::VecDeque;
use std::io::Write;

/// Databases and running pieces of work that are listed at most.
const MOST_DATABASES: usize = 12;
const MOST_RUNNING: usize = 6;
const BAR: usize = 20;
/// The rate is that of the last so many milliseconds.
const RATE_WINDOW_MS: u64 = 10_000;

/// Remembers how many bytes were done when.
#[derive(Debug, Default)]
pub(super) struct Rate {
    samples: VecDeque<(u64, u64)>,
}

impl Rate {
    pub(super) fn add(&mut self, at_ms: u64, bytes: u64) {
        if self.samples.back().is_some_and(|last| last.0 >= at_ms) {
            return;
        }
        self.samples.push_back((at_ms, bytes));
        while self.samples.len() > 2 && self.samples.front().is_some_and(|s| s.0 + RATE_WINDOW_MS < at_ms) {
            self.samples.pop_front();
        }
    }

    /// Unknown until there is a second of history.
    pub(super) fn bytes_per_second(&self) -> Option<u64> {
        let (first, last) = (self.samples.front()?, self.samples.back()?);
        let ms = last.0 - first.0;
        (ms >= 1000).then(|| last.1.saturating_sub(first.1) * 1000 / ms)
    }
}

/// The lines of the picture, none longer than `width` characters.
pub(super) fn picture(run: &Run, gauges: &Gauges, rate: Option<u64>, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let name_width =
        run.databases.keys().map(|n| readable(n).chars().count()).max().unwrap_or(0).clamp(4, 24);
    let idle = DatabaseGauge::default();
    // Those that are at work first, then those that wait, then those that are through.
    let mut databases: Vec<_> = run.databases.iter().collect();
    databases.sort_by_key(|(name, d)| (d.outcome.is_some(), d.phase.is_none(), (*name).clone()));
    for (name, database) in databases.iter().take(MOST_DATABASES) {
        let gauge = gauges.databases.get(*name).unwrap_or(&idle);
        let name = clip(&readable(name), name_width);
        lines.push(format!("  {name:<name_width$}  {}", database_line(database, gauge)));
    }
    if databases.len() > MOST_DATABASES {
        lines.push(format!("  and {} more", databases.len() - MOST_DATABASES));
    }
    if let Some(line) = total_line(run, gauges, rate) {
        lines.push(format!("  {:<name_width$}  {line}", "all"));
    }
    let mut running: Vec<_> = gauges.running.iter().collect();
    running.sort_by_key(|r| r.since_ms);
    for task in running.iter().take(MOST_RUNNING) {
        let for_ms = gauges.at_ms.saturating_sub(task.since_ms);
        let bytes = task.bytes.map(|(wire, _)| format!(", {}", human_bytes(wire))).unwrap_or_default();
        let lock = task.lock.as_ref().map(|lock| format!(", {lock}")).unwrap_or_default();
        let what = format!(
            "{}: {}{bytes}, {}{lock}",
            readable(&task.database),
            printable(&task.what),
            human_ms(for_ms)
        );
        lines.push(format!("    {what}"));
    }
    if running.len() > MOST_RUNNING {
        lines.push(format!("    and {} more", running.len() - MOST_RUNNING));
    }
    lines.iter().map(|line| clip(line, width)).collect()
}

fn database_line(database: &DatabaseRun, gauge: &DatabaseGauge) -> String {
    if let Some(outcome) = database.outcome {
        let took = database.ended_ms.unwrap_or(0).saturating_sub(database.began_ms.unwrap_or(0));
        let what = match outcome {
            DatabaseOutcome::Done => format!("{}, {}", count_of(database.rows, "row"), human_ms(took)),
            _ => printable(&database.message),
        };
        return format!("{} {what}", outcome_word(outcome));
    }
    match gauge.phase.or(database.phase) {
        None => "waiting".to_owned(),
        Some(Phase::Copy | Phase::Indexes) => {
            let percent = percent(gauge.bytes_done, gauge.bytes_total);
            format!(
                "{} {percent:>3} %  {} of {}, {}/{} tables, {}/{} indexes and keys",
                bar(percent),
                human_bytes(gauge.bytes_done),
                human_bytes(gauge.bytes_total),
                gauge.tables_done,
                gauge.tables_total,
                gauge.steps_done,
                gauge.steps_total,
            )
        }
        Some(phase) => phase.to_string(),
    }
}

fn total_line(run: &Run, gauges: &Gauges, rate: Option<u64>) -> Option<String> {
    // A database that has not been begun counts with what the server said of its size.
    let waiting: u64 = run
        .databases
        .iter()
        .filter(|(name, d)| {
            d.outcome.is_none() && gauges.databases.get(*name).is_none_or(|g| g.bytes_total == 0)
        })
        .filter_map(|(_, d)| d.size_bytes)
        .sum();
    let (done, total) = (gauges.bytes_done(), gauges.bytes_total() + waiting);
    if total == 0 {
        return None;
    }
    let percent = percent(done, total);
    // Once all rows are in there is no speed to speak of.
    let rate = rate.filter(|rate| *rate > 0 && done < total);
    let speed = rate.map(|r| format!(", {}/s", human_bytes(r))).unwrap_or_default();
    let left_ms = rate.map_or(0, |rate| (total - done) / rate * 1000);
    let left =
        if left_ms > 0 { format!(", about {} left for the rows", human_ms(left_ms)) } else { String::new() };
    let (rows, estimate) = (gauges.rows_done(), gauges.rows_estimate());
    let of = if rows < estimate { format!(" of about {}", thousands(estimate)) } else { String::new() };
    let rows = if of.is_empty() { count_of(rows, "row") } else { format!("{}{of} rows", thousands(rows)) };
    Some(format!("{} {percent:>3} %  {rows}{speed}{left}", bar(percent)))
}

/// Never 100 before it is.
fn percent(done: u64, total: u64) -> u64 {
    if total == 0 || done >= total { 100 } else { (done.saturating_mul(100) / total).min(99) }
}

fn bar(percent: u64) -> String {
    let full = usize::try_from(percent).unwrap_or(0).min(100) * BAR / 100;
    format!("[{}{}]", "#".repeat(full), "-".repeat(BAR - full))
}

fn clip(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let mut clipped: String = text.chars().take(width.saturating_sub(1)).collect();
    clipped.push('…');
    clipped
}

/// Draws over what it drew before, on standard error.
#[derive(Debug, Default)]
pub(super) struct Screen {
    drawn: u16,
}

impl Screen {
    pub(super) fn width() -> usize {
        crossterm::terminal::size().map_or(80, |(width, _)| usize::from(width).max(20)) - 1
    }

    fn height() -> usize {
        crossterm::terminal::size().map_or(24, |(_, height)| usize::from(height).max(4)) - 1
    }

    /// Puts lines that stay above the picture, and the picture below them.
    pub(super) fn draw(&mut self, stay: &[String], picture: &[String]) {
        use crossterm::{cursor::MoveToPreviousLine, queue, terminal::Clear, terminal::ClearType};
        let mut out = std::io::stderr().lock();
        let mut write = || -> std::io::Result<()> {
            if self.drawn > 0 {
                queue!(out, MoveToPreviousLine(self.drawn))?;
            }
            queue!(out, Clear(ClearType::FromCursorDown))?;
            for line in stay {
                writeln!(out, "{line}")?;
            }
            self.drawn = 0;
            for line in picture.iter().take(Self::height()) {
                writeln!(out, "{line}")?;
                self.drawn += 1;
            }
            out.flush()
        };
        // A terminal that is gone cannot be drawn on; the migration goes on without it.
        drop(write());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_that_of_the_last_seconds() {
        let mut rate = Rate::default();
        rate.add(0, 0);
        assert_eq!(rate.bytes_per_second(), None);
        for s in 1..=30u64 {
            rate.add(s * 1000, if s <= 15 { s * 100 } else { 1500 + (s - 15) * 1000 });
        }
        assert_eq!(rate.bytes_per_second(), Some(1000));
    }

    #[test]
    fn nothing_is_whole_before_it_is_and_no_line_is_too_long() {
        assert_eq!(percent(999, 1000), 99);
        assert_eq!(percent(1000, 1000), 100);
        let mut run = Run::default();
        run.databases
            .insert("shop".into(), DatabaseRun { size_bytes: Some(10 << 20), ..DatabaseRun::default() });
        let mut gauges = Gauges::default();
        let gauge = DatabaseGauge {
            phase: Some(Phase::Copy),
            bytes_total: 100 << 20,
            bytes_done: 50 << 20,
            ..DatabaseGauge::default()
        };
        gauges.databases.insert("shop".into(), gauge);
        for width in [10, 40, 80, 120] {
            assert!(picture(&run, &gauges, Some(1 << 20), width).iter().all(|l| l.chars().count() <= width));
        }
        let text = picture(&run, &gauges, Some(10 << 20), 120).join("\n");
        assert!(text.contains(" 50 %") && text.contains("about 5.0 s left"), "{text}");
    }
}
