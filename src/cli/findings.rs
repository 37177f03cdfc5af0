//! What the checks found, for people: by database, the worst first, with what to do about it.

use crate::model::check::{Finding, Judgement, Possible, Severity, Verdict};
use crate::model::run::Run;
use crate::model::units::{Side, count_of, human_bytes, human_ms, printable, readable};
use crate::ui::widgets::wrap::wrap;
use std::collections::{BTreeMap, BTreeSet};

/// How much is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Detail {
    /// Five objects of each finding; notes by their titles.
    Enough,
    All,
}

/// Checks that are named where they are skipped for one reason.
const MOST_IDS: usize = 40;
/// Objects that a finding lists.
const MOST_OBJECTS: usize = 5;

pub(super) fn report(run: &Run, detail: Detail) -> Vec<String> {
    let mut lines = Vec::new();
    for (side, server) in [(Side::Source, &run.source), (Side::Target, &run.target)] {
        if let Some(server) = server {
            let rights = if server.superuser { ", superuser" } else { "" };
            lines.push(format!(
                "{side}: {}, PostgreSQL {}{rights}",
                printable(&server.address),
                server.version
            ));
        }
    }
    let places: BTreeSet<Option<&str>> = run
        .findings
        .iter()
        .map(|f| f.database.as_deref())
        .chain(run.possible.keys().map(|name| Some(name.as_str())))
        .chain(run.judgements.iter().map(|j| j.database.as_deref()))
        .collect();
    for place in places {
        let section = section(run, place, detail);
        if section.is_empty() {
            continue;
        }
        lines.push(String::new());
        lines.push(match place {
            None => "Both servers".to_owned(),
            Some(name) => format!("Database {}", readable(name)),
        });
        lines.extend(section);
    }
    lines.extend(skipped(run));
    lines.push(String::new());
    lines.push(summary(run));
    lines
}

/// Where the text of a finding begins, and what else is told of it.
const TEXT_AT: usize = 15;

/// For a terminal of that width: sentences go on below where they began. A line with a statement stays whole, for the
/// terminal to break: what is copied from there must be what was meant.
pub(super) fn folded(lines: Vec<String>, width: usize) -> Vec<String> {
    let fold = |line: String| {
        let is_statement = line.trim_start().starts_with("fix: ") && line.contains(';');
        let text_at = match &line {
            line if line.starts_with("  = ") => 4,
            line if line.starts_with("  ") => TEXT_AT,
            _ => 0,
        };
        let Some((head, text)) = line.split_at_checked(text_at).filter(|_| !is_statement) else {
            return vec![line];
        };
        let rest = " ".repeat(text_at);
        let parts = wrap(text, width.saturating_sub(text_at).max(TEXT_AT));
        let heads = std::iter::once(head).chain(std::iter::repeat(rest.as_str()));
        heads.zip(parts).map(|(head, part)| format!("{head}{part}")).collect()
    };
    lines.into_iter().flat_map(fold).collect()
}

fn section(run: &Run, place: Option<&str>, detail: Detail) -> Vec<String> {
    let mut found: Vec<&Finding> = run.findings.iter().filter(|f| f.database.as_deref() == place).collect();
    // Stable: checks of one weight stay in their order.
    found.sort_by_key(|f| std::cmp::Reverse(f.severity));
    let mut lines: Vec<String> = found.into_iter().flat_map(|f| finding(f, detail)).collect();
    for judgement in run.judgements.iter().filter(|j| j.database.as_deref() == place) {
        if let (Verdict::Unknown(missing), true) = (&judgement.verdict, told_here(run, judgement)) {
            lines.push(format!(
                "  not checked  {}: {} ({})",
                judgement.title,
                printable(missing),
                judgement.check
            ));
        }
    }
    lines.extend(place.and_then(|name| run.possible.get(name)).map(verdict));
    lines
}

/// What is not known of single databases is told there, and not once more for all.
fn told_here(run: &Run, judgement: &Judgement) -> bool {
    judgement.database.is_some()
        || !run.judgements.iter().any(|j| j.database.is_some() && j.check == judgement.check)
}

fn finding(finding: &Finding, detail: Detail) -> Vec<String> {
    let (word, is_note) = match finding.severity {
        Severity::Info => ("note", true),
        Severity::Warning | Severity::Lost => ("warning", false),
        Severity::Blocker => ("BLOCKER", false),
    };
    let mut lines = vec![format!("  {word:<11}  {} ({})", printable(&finding.title), finding.id)];
    if is_note && detail == Detail::Enough {
        return lines;
    }
    let indent = " ".repeat(TEXT_AT);
    if !finding.objects.is_empty() {
        let most = if detail == Detail::All { usize::MAX } else { MOST_OBJECTS };
        let named: Vec<_> = finding.objects.iter().take(most).map(|o| printable(o)).collect();
        let rest = match finding.objects.len().saturating_sub(most) {
            0 => String::new(),
            more => format!(" and {more} more (--all)"),
        };
        lines.push(format!("{indent}{}{rest}", named.join(", ")));
    }
    for (word, text) in [("why", &finding.why), ("fix", &finding.fix)] {
        if !text.trim().is_empty() {
            lines.push(format!("{indent}{word}: {}", printable(text)));
        }
    }
    lines
}

fn verdict(possible: &Possible) -> String {
    let how = match (&possible.not_snapshot, &possible.not_continuous) {
        (Some(because), _) => format!("not possible, because {}", printable(because)),
        (None, Some(because)) => format!("snapshot only, because {}", printable(because)),
        (None, None) => "continuous".to_owned(),
    };
    let mut parts = Vec::new();
    parts.extend(possible.size_bytes.map(human_bytes));
    if possible.not_snapshot.is_none() {
        let took = possible.estimate_s.map(|s| human_ms(s.saturating_mul(1000)));
        parts.extend(took.map(|took| format!("roughly {took}")));
        parts.extend(possible.wal_bytes.map(|b| format!("{} of WAL meanwhile", human_bytes(b))));
    }
    let figures = if parts.is_empty() { String::new() } else { format!("; {}", parts.join(", ")) };
    format!("  = {how}{figures}")
}

/// By the reason, because one reason usually leaves out many.
fn skipped(run: &Run) -> Vec<String> {
    let mut by_reason: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for judgement in run.judgements.iter().filter(|j| j.database.is_none()) {
        if let Verdict::Skipped(why) = &judgement.verdict {
            by_reason.entry(why).or_default().push(&judgement.check);
        }
    }
    let mut lines: Vec<_> = by_reason
        .into_iter()
        .map(|(why, ids)| match ids.len() {
            1..=MOST_IDS => format!("skipped, because {why}: {}", ids.join(", ")),
            n => format!("skipped, because {why}: {n} checks"),
        })
        .collect();
    if !lines.is_empty() {
        lines.insert(0, String::new());
    }
    lines
}

fn summary(run: &Run) -> String {
    let with = |severity| run.findings.iter().filter(|f| f.severity == severity).count() as u64;
    let checks: Vec<_> = run.judgements.iter().filter(|j| j.database.is_none()).collect();
    let (mut unknown, mut passed) = (0, 0);
    for judgement in &checks {
        match judgement.verdict {
            Verdict::Unknown(_) => unknown += 1,
            Verdict::Ok => passed += 1,
            _ => {}
        }
    }
    let mut parts = vec![
        count_of(with(Severity::Blocker), "blocker"),
        count_of(with(Severity::Warning), "warning"),
        count_of(with(Severity::Info), "note"),
    ];
    if unknown > 0 {
        parts.push(format!("{unknown} not checked"));
    }
    parts.push(format!("{passed} passed"));
    format!("{}: {}. Nothing was changed.", count_of(checks.len() as u64, "check"), parts.join(", "))
}

#[cfg(test)]
mod tests {
    use super::folded;

    #[test]
    fn sentences_are_folded_and_statements_are_not() {
        let lines = [
            "source: postgres@127.0.0.1:5432, PostgreSQL 15",
            "  warning      two words and more of them (id)",
            "               fix: on the source: ALTER TABLE \"one two three\" SET LOGGED;",
            "  = snapshot only, because of what stands above",
        ];
        let folded = folded(lines.map(str::to_owned).to_vec(), 34);
        let wanted = [
            "source: postgres@127.0.0.1:5432,",
            "PostgreSQL 15",
            "  warning      two words and more",
            "               of them (id)",
            lines[2],
            "  = snapshot only, because of what",
            "    stands above",
        ];
        assert_eq!(folded, wanted);
    }
}
