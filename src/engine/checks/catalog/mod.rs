//! The checks: what each is about, in the order in which they are shown. A new one is an item in its family's file.

mod capacity;
mod connection;
mod definitions;
mod extensions;
mod grants;
mod locale;
mod replication;
mod rights;
mod roles;
mod servers;
mod tables;
mod target;
#[cfg(test)]
mod tests;
mod versions;

use super::facts::{Facts, Wanted};
use super::provider::Provider;
use crate::model::check::{Finding, Severity};
use crate::model::plan::Plan;
use crate::model::units::{Side, count_of};
use crate::pg::facts::remarks::Remark;

/// The families, in order.
const FAMILIES: [&[Check]; 13] = [
    &connection::CHECKS,
    &servers::CHECKS,
    &capacity::CHECKS,
    &rights::CHECKS,
    &target::CHECKS,
    &extensions::CHECKS,
    &replication::CHECKS,
    &tables::CHECKS,
    &definitions::CHECKS,
    &versions::CHECKS,
    &locale::CHECKS,
    &roles::CHECKS,
    &grants::CHECKS,
];

/// The check that is about reaching both servers at all.
pub(crate) const CONNECT: &str = "connect";

pub(crate) fn all() -> impl Iterator<Item = &'static Check> {
    FAMILIES.into_iter().flatten()
}

/// What a judgement is: findings (none is well), or why there is none.
pub(crate) type Judged = Result<Vec<Finding>, Unjudged>;

/// Why a check says nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Unjudged {
    /// A fact is not known, and what is missing for it.
    Unknown(String),
    /// It would say nothing new.
    Moot(String),
}

/// A fact that is not known makes the judgement unknown.
impl From<String> for Unjudged {
    fn from(missing: String) -> Self {
        Unjudged::Unknown(missing)
    }
}

/// A question about two servers that answers itself from facts.
#[derive(Debug)]
pub(crate) struct Check {
    /// Stable, for scripts.
    pub(crate) id: &'static str,
    pub(crate) title: &'static str,
    pub(crate) only: Only,
    pub(crate) weight: Weight,
    /// The source's version from which on there is something to judge.
    pub(crate) since: u32,
    /// Judges a database that cannot be reached too.
    pub(crate) reads_nothing: bool,
    /// What is looked at, for `explain`.
    pub(crate) what: &'static str,
    /// Why it matters, in one line.
    pub(crate) why: &'static str,
    pub(crate) fix: Fix,
    pub(crate) judge: Judge,
}

/// Which methods depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Only {
    Always,
    Continuous,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Weight {
    /// As [`Weight::Stops`], and nobody may leave it out: what comes after relies on it.
    Firm,
    /// A migration asks it too, and may be refused for it.
    Stops,
    Tells,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Judge {
    Servers(fn(&Facts, &Plan) -> Judged),
    Database(fn(&Facts, &Wanted, &Plan) -> Judged),
}

/// What to do about it, where a finding does not say so itself.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Fix {
    Same(&'static str),
    /// On that side, in the words of its provider.
    On(Side, fn(Provider) -> String),
}

impl Fix {
    pub(crate) fn side(&self) -> Side {
        match self {
            Fix::Same(_) => Side::Source,
            Fix::On(side, _) => *side,
        }
    }

    pub(crate) fn text(&self, provider: Provider) -> String {
        match self {
            Fix::Same(text) => (*text).to_owned(),
            Fix::On(side, words) => format!("on the {side}: {}", words(provider)),
        }
    }
}

/// What most checks are like; each says where it differs.
const PLAIN: Check = Check {
    id: "",
    title: "",
    only: Only::Always,
    weight: Weight::Tells,
    since: 0,
    reads_nothing: false,
    what: "",
    why: "",
    fix: Fix::Same(""),
    judge: Judge::Servers(nothing),
};

fn nothing(_: &Facts, _: &Plan) -> Judged {
    Ok(Vec::new())
}

fn well() -> Judged {
    Ok(Vec::new())
}

fn blocker(title: impl Into<String>) -> Finding {
    Finding::new("", Severity::Blocker, title)
}

fn warning(title: impl Into<String>) -> Finding {
    Finding::warning("", title)
}

fn info(title: impl Into<String>) -> Finding {
    Finding::info("", title)
}

/// Statements that a finding names; the operator sees from them how the others look.
const MOST_STATEMENTS: usize = 5;

/// One finding over all of these, or none where there are none. `noun`: what they are, one of them.
fn listed(
    severity: Severity,
    found: &[&Remark],
    noun: &str,
    title: impl Fn(String) -> String,
) -> Vec<Finding> {
    if found.is_empty() {
        return Vec::new();
    }
    let objects = found.iter().map(ToString::to_string);
    vec![Finding::new("", severity, title(count_of(found.len() as u64, noun))).objects(objects)]
}

/// The first statements, for the operator to run on that side.
fn statements<T>(side: Side, of: &[T], write: impl Fn(&T) -> String) -> String {
    let written: Vec<_> = of.iter().take(MOST_STATEMENTS).map(write).collect();
    let more = of.len().saturating_sub(MOST_STATEMENTS);
    let rest = if more > 0 { format!(" and so on for {more} more") } else { String::new() };
    format!("on the {side}: {}{rest}", written.join(" "))
}

/// The same fix for each of the findings.
fn fixed(found: Vec<Finding>, fix: impl Fn() -> String) -> Vec<Finding> {
    found.into_iter().map(|finding| finding.fix(fix())).collect()
}
