//! What `Y` copies: the fixes as scripts for psql, one for each server.

use super::report::Weight;
use crate::model::check::Finding;
use crate::model::remedy::{Kind, Statement, Step, steps};
use crate::model::units::{Side, printable, readable};
use crate::ui::state::check::Check;
use std::collections::{BTreeMap, BTreeSet};

/// What one server is to be told, by the database that it takes; in none it may be run anywhere.
#[derive(Default)]
struct Part {
    places: BTreeMap<Option<String>, Vec<String>>,
    said: BTreeSet<(Option<String>, String)>,
}

/// All fixes: statements once each, words as comments.
pub fn script(check: &Check) -> String {
    let mut parts = [Part::default(), Part::default()];
    let mut words = Vec::new();
    let mut findings: Vec<_> = check.run.findings.iter().filter(|f| !is_nothing(&f.fix)).collect();
    findings.sort_by_key(|finding| weight(finding));
    for finding in findings {
        let all = steps(&finding.fix);
        let sides: BTreeSet<u8> = all.iter().filter_map(side_of).map(number).collect();
        if sides.is_empty() {
            words.extend(comment(&title(finding)));
            words.extend(all.iter().flat_map(|step| comment(&format!("  {}", text_of(step)))));
        }
        for side in sides {
            parts[usize::from(side)].add(finding, &all, side);
        }
    }
    let mut lines = vec![
        "-- The two parts belong to two servers: run each by itself, on the server that its head names."
            .to_owned(),
        "-- What drops or ends something, or is one way of several, is a comment: choose what you want."
            .to_owned(),
        String::new(),
    ];
    let [source, target] = parts;
    let both = !source.places.is_empty() && !target.places.is_empty();
    lines.extend(source.lines(Side::Source, check));
    if both {
        lines.push("\\echo what follows belongs to the target".to_owned());
        lines.push("\\quit".to_owned());
        lines.push(String::new());
    }
    lines.extend(target.lines(Side::Target, check));
    if !words.is_empty() {
        lines.push("-- Without a statement".to_owned());
        lines.extend(words);
        lines.push(String::new());
    }
    lines.join("\n")
}

impl Part {
    fn add(&mut self, finding: &Finding, all: &[Step], side: u8) {
        let mut lines: BTreeMap<Option<String>, Vec<String>> = BTreeMap::new();
        // Words follow the statement that they are said of.
        let mut place = all.iter().find_map(|step| match step {
            Step::Statement(one) if number(one.side) == side => Some(place_of(one, finding)),
            _ => None,
        });
        for step in all {
            match step {
                Step::Statement(one) if number(one.side) == side => {
                    let at = place_of(one, finding);
                    lines.entry(at.clone()).or_default().extend(self.statement(one, &at));
                    place = Some(at);
                }
                Step::Words { side: of, text } if of.is_none_or(|of| number(of) == side) => {
                    let at = place.clone().unwrap_or_default();
                    lines.entry(at).or_default().extend(comment(&format!("  {text}")));
                }
                _ => {}
            }
        }
        for (at, lines) in lines {
            let listed = self.places.entry(at).or_default();
            listed.extend(comment(&title(finding)));
            listed.extend(lines);
        }
    }

    fn statement(&mut self, one: &Statement, at: &Option<String>) -> Vec<String> {
        let mut lines = Vec::new();
        if !one.note.is_empty() {
            lines.extend(comment(&format!("  {}:", one.note)));
        }
        let shown = printable(&one.sql);
        if shown != one.sql {
            lines.extend(comment("  it names something with invisible characters, and is not to be copied:"));
            lines.extend(comment(&format!("  {shown}")));
        } else if one.kind == Kind::Choice {
            lines.extend(comment(&format!("  {shown}")));
        } else if self.said.insert((at.clone(), one.sql.clone())) {
            lines.push(shown);
        } else {
            lines.extend(comment("  as above"));
        }
        lines
    }

    fn lines(self, side: Side, check: &Check) -> Vec<String> {
        if self.places.is_empty() {
            return Vec::new();
        }
        let server = match side {
            Side::Source => &check.run.source,
            Side::Target => &check.run.target,
        };
        let place = server.as_ref().map(|s| format!(" ({})", printable(&s.address))).unwrap_or_default();
        let mut lines =
            comment(&format!("==== on the {side}{place}: psql -d postgres -f this-part.sql ===="));
        lines.push("\\set ON_ERROR_STOP on".to_owned());
        for (database, told) in self.places {
            // psql ends its command where such a name has a line's end, and takes what comes then for another one.
            if let Some(name) = database.as_deref().filter(|name| printable(name) != *name) {
                lines.extend(comment(&format!("in {}, whose name is not to be copied:", readable(name))));
                lines.extend(told.iter().flat_map(|line| comment(line)));
                continue;
            }
            lines.extend(database.as_deref().map(connect));
            lines.extend(told);
            lines.push(String::new());
        }
        lines
    }
}

/// As pg_dumpall writes it: the only way that takes every name.
fn connect(database: &str) -> String {
    let value = database.replace('\\', "\\\\").replace('\'', "\\'");
    format!("\\connect -reuse-previous=on \"dbname='{}'\"", value.replace('"', "\"\""))
}

/// What is the server's own may be said in any database: one that lets nobody in, or is not there yet, is no hindrance then.
fn place_of(one: &Statement, finding: &Finding) -> Option<String> {
    let words: Vec<_> = one.sql.split(' ').take(4).collect();
    let anywhere = match words.as_slice() {
        ["ALTER", what, ..] => ["SYSTEM", "ROLE", "DATABASE"].contains(what),
        ["GRANT", _, "ON", what] => ["DATABASE", "PARAMETER"].contains(what),
        // A role, to another one.
        ["GRANT", role, ..] => role.starts_with('"'),
        ["SELECT", ..] => true,
        _ => false,
    };
    finding.database.clone().filter(|_| !anywhere)
}

fn side_of(step: &Step) -> Option<Side> {
    match step {
        Step::Words { side, .. } => *side,
        Step::Statement(one) => Some(one.side),
    }
}

fn text_of(step: &Step) -> &str {
    match step {
        Step::Words { text, .. } => text,
        Step::Statement(one) => &one.sql,
    }
}

fn number(side: Side) -> u8 {
    match side {
        Side::Source => 0,
        Side::Target => 1,
    }
}

/// A check that asks for nothing says so; that is no line of a script.
fn is_nothing(fix: &str) -> bool {
    fix.is_empty() || fix == "nothing" || fix.starts_with("nothing;") || fix.starts_with("nothing,")
}

fn weight(finding: &Finding) -> Weight {
    super::report::of_finding(finding).weight
}

fn title(finding: &Finding) -> String {
    let place = finding.database.as_deref().map(|name| format!("{}: ", readable(name))).unwrap_or_default();
    format!("{place}{}", finding.title)
}

/// No name gets out of its comment: a line's end within it becomes letters.
fn comment(text: &str) -> Vec<String> {
    text.lines().map(|line| format!("-- {}", printable(line))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::check::Severity;

    fn said(findings: Vec<Finding>) -> String {
        let mut check = Check::new(0);
        check.run.findings = findings;
        script(&check)
    }

    #[test]
    fn each_server_has_its_own_part_and_each_statement_stands_once() {
        let fix = "on the target: GRANT CREATE ON DATABASE \"d\" TO \"u\";";
        let text = said(vec![
            Finding::info("a", "an idle note").fix("nothing; it is well"),
            Finding::warning("b", "words").fix("choose a newer target"),
            Finding::new("c", Severity::Blocker, "level")
                .fix("on the source: ALTER SYSTEM SET wal_level = 'logical'; then restart the server"),
            Finding::warning("d", "one").fix(fix),
            Finding::warning("e", "two").fix(fix),
            Finding::warning("f", "table")
                .in_database("it's \"odd\" \\")
                .fix("on the source: ALTER TABLE t SET LOGGED;"),
        ]);
        let run: Vec<_> = text.lines().filter(|l| !l.is_empty() && !l.starts_with("--")).collect();
        assert_eq!(
            run,
            [
                "\\set ON_ERROR_STOP on",
                "ALTER SYSTEM SET wal_level = 'logical';",
                "\\connect -reuse-previous=on \"dbname='it\\'s \"\"odd\"\" \\\\'\"",
                "ALTER TABLE t SET LOGGED;",
                "\\echo what follows belongs to the target",
                "\\quit",
                "\\set ON_ERROR_STOP on",
                "GRANT CREATE ON DATABASE \"d\" TO \"u\";",
            ]
        );
        assert!(text.contains("--   then restart the server") && text.contains("--   choose a newer target"));
        assert!(!text.contains("idle note"), "{text}");
        assert!(text.find("on the source:").unwrap() < text.find("on the target:").unwrap());
    }

    #[test]
    fn what_ends_something_is_never_run_unread() {
        let text = said(vec![
            Finding::warning("a", "old")
                .fix("on the source: SELECT pg_catalog.pg_terminate_backend(7); or wait"),
            Finding::warning("b", "line\nDROP TABLE t;").fix("a\nDROP TABLE u;"),
            Finding::warning("c", "odd")
                .in_database("x\n\\! touch y\n")
                .fix("on the source: ALTER TABLE t SET LOGGED;"),
        ]);
        let harmless =
            |line: &str| line.is_empty() || line.starts_with("--") || line == "\\set ON_ERROR_STOP on";
        assert!(text.lines().all(harmless), "{text}");
    }
}
