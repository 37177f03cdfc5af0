//! The lines of the report: what was found, worst first, then what passed.

use crate::model::check::{Finding, Judgement, Severity, Verdict};
use crate::model::passwords::for_a_window;
use crate::model::remedy::statements;
use crate::model::units::{printable, printable_lines, readable};
use crate::ui::state::check::{Check, Passed};

/// One line of the report.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    pub weight: Weight,
    pub title: String,
    pub place: Option<String>,
    /// One sentence beside the title.
    pub what: String,
    pub fix: String,
    pub objects: Vec<String>,
    /// For `pgpassage explain`.
    pub id: String,
}

/// What a line weighs, the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    Fail,
    Warn,
    Unknown,
    Info,
    Pass,
    Skipped,
}

impl Weight {
    pub fn word(self) -> &'static str {
        match self {
            Weight::Fail => "FAIL",
            Weight::Warn => "warn",
            Weight::Unknown => "unknown",
            Weight::Info => "note",
            Weight::Pass => "pass",
            Weight::Skipped => "skipped",
        }
    }

    pub fn sign(self) -> &'static str {
        match self {
            Weight::Fail => "✖",
            Weight::Warn => "▲",
            Weight::Unknown => "?",
            Weight::Info => "i",
            Weight::Pass => "✔",
            Weight::Skipped => "–",
        }
    }
}

/// What is listed: while the checks run in their order, afterwards the worst first.
pub fn rows(check: &Check) -> Vec<Row> {
    let mut rows: Vec<Row> = check.run.findings.iter().map(of_finding).collect();
    if let Some(failure) = check.refusal() {
        rows.push(Row {
            weight: Weight::Fail,
            title: printable(&failure.what),
            place: None,
            what: String::new(),
            fix: failure.advice.as_deref().map(|advice| printable(&for_a_window(advice))).unwrap_or_default(),
            objects: Vec::new(),
            id: String::new(),
        });
    }
    let listed = check.passed == Passed::Listed;
    for judgement in &check.judgements {
        // What is said of single databases need not be said of all of them.
        let said = |j: &Judgement| j.check == judgement.check && j.database.is_some();
        if judgement.database.is_none() && check.judgements.iter().any(said) {
            continue;
        }
        let place = judgement.database.as_deref().map(readable);
        let (weight, what) = match &judgement.verdict {
            Verdict::Ok if listed => (Weight::Pass, String::new()),
            Verdict::Skipped(why) if listed => (Weight::Skipped, printable(why)),
            Verdict::Unknown(why) => (Weight::Unknown, printable(why)),
            _ => continue,
        };
        let title = printable(&judgement.title);
        let id = judgement.check.clone();
        rows.push(Row { weight, title, place, what, fix: String::new(), objects: Vec::new(), id });
    }
    rows.sort_by(|a, b| (a.weight, &a.place).cmp(&(b.weight, &b.place)));
    rows
}

/// All that is known of a line, as text to read.
pub fn whole(row: &Row) -> String {
    let place = row.place.as_ref().map(|place| format!("{place}: ")).unwrap_or_default();
    let mut text = format!("{place}{}", row.title);
    if !row.what.is_empty() {
        text.push_str(&format!("\n{}", row.what));
    }
    if !row.objects.is_empty() {
        text.push_str(&format!("\n{}", row.objects.join(", ")));
    }
    if !row.fix.is_empty() {
        text.push_str(&format!("\nWhat to do:\n{}", row.fix));
    }
    if !row.id.is_empty() {
        text.push_str(&format!("\nMore: pgpassage explain {}", printable(&row.id)));
    }
    text
}

pub fn of_finding(finding: &Finding) -> Row {
    Row {
        weight: match finding.severity {
            Severity::Blocker => Weight::Fail,
            Severity::Lost | Severity::Warning => Weight::Warn,
            Severity::Info => Weight::Info,
        },
        title: printable(&finding.title),
        place: finding.database.as_deref().map(readable),
        what: printable(&finding.why),
        // A fix may be a script of several lines; each of them is made harmless.
        fix: printable_lines(&for_a_window(&finding.fix)),
        objects: finding.objects.iter().map(|object| printable(object)).collect(),
        id: finding.id.clone(),
    }
}

/// What `y` copies of a line: its statements, or its words where there is nothing to run.
pub fn to_copy(row: &Row) -> String {
    let statements = statements(&row.fix);
    if !statements.is_empty() {
        return statements.join("\n");
    }
    if row.fix.is_empty() { format!("{}: {}", row.title, row.what) } else { row.fix.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::failure::Failure;
    use crate::ui::state::live::Ending;

    fn check() -> Check {
        let mut check = Check::new(0);
        check.run.findings.push(Finding::info("a", "a note"));
        check.run.findings.push(Finding::warning("b", "a warning").fix("read this\nDO IT;"));
        check.run.findings.push(Finding::new("c", Severity::Blocker, "a blocker"));
        let verdict = |verdict| Judgement { check: "d".into(), title: "d".into(), database: None, verdict };
        check.judgements.push(verdict(Verdict::Ok));
        check.judgements.push(verdict(Verdict::Unknown("no right to ask".into())));
        check
    }

    #[test]
    fn the_worst_stands_first_and_unknown_is_not_passed() {
        let mut check = check();
        let weights = |check: &Check| rows(check).iter().map(|row| row.weight).collect::<Vec<_>>();
        assert_eq!(weights(&check), [Weight::Fail, Weight::Warn, Weight::Unknown, Weight::Info]);
        check.passed = Passed::Listed;
        assert_eq!(weights(&check).last(), Some(&Weight::Pass));
        assert_eq!(check.passed_count(), 1);
    }

    #[test]
    fn an_end_without_a_finding_is_a_line_of_its_own() {
        let mut check = check();
        check.ended = Some(Ending::Broke(Failure::local("disk full")));
        assert!(rows(&check).iter().any(|row| row.title == "disk full"));
        check.ended = Some(Ending::Broke(Failure::local("a blocker")));
        assert_eq!(rows(&check).iter().filter(|row| row.weight == Weight::Fail).count(), 1);
    }

    #[test]
    fn the_statement_alone_is_copied_where_there_is_one() {
        let copied = |fix: &str| to_copy(&of_finding(&Finding::warning("a", "b").fix(fix)));
        assert_eq!(
            copied("on the source: ALTER ROLE \"a\" REPLICATION; or ask"),
            "ALTER ROLE \"a\" REPLICATION;"
        );
        assert_eq!(copied("read this\nand that"), "read this\nand that");
        assert_eq!(copied(""), "b: ");
    }
}
