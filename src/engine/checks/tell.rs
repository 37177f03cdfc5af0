//! Runs the checks over the facts, in their order, and tells what each of them says.

use super::ask::Depth;
use super::catalog::{Check, Judge, Judged, Only, Unjudged, Weight, all};
use super::facts::{Facts, Wanted};
use crate::engine::emit::Emitter;
use crate::model::check::{Finding, Judgement, Severity, Verdict};
use crate::model::event::Event;
use crate::model::failure::Failure;
use crate::model::plan::{Fallback, MethodPolicy, Plan};
use std::collections::BTreeMap;

/// Objects that a finding keeps; the title says how many there are.
const MOST_OBJECTS: usize = 1000;

/// What the checks amount to.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// Why nothing is begun: the first blocker that is about the servers.
    pub(super) refusal: Option<Failure>,
    /// Why a database cannot be moved: its first blocker.
    pub(super) blocked: BTreeMap<String, Blocked>,
    /// Why nothing can be followed.
    pub(super) not_continuous: Vec<String>,
    /// Why a database cannot be followed.
    pub(super) not_followed: BTreeMap<String, Vec<String>>,
}

/// What is in the way of a database.
#[derive(Debug, Clone)]
pub(super) struct Blocked {
    pub(super) failure: Failure,
    /// The check that said so, where it may be left out.
    pub(super) skippable: Option<&'static str>,
}

pub(super) fn tell(facts: &Facts, plan: &Plan, emit: &Emitter) -> Told {
    let mut teller = Teller { facts, plan, emit, told: Told::default() };
    for check in all().filter(|check| is_asked(check, plan)) {
        teller.check(check);
    }
    teller.told
}

/// Nothing but that the servers cannot be reached is known.
pub(super) fn tell_unreachable(plan: &Plan, failures: &[Failure], emit: &Emitter) {
    for check in all().filter(|check| is_asked(check, plan)) {
        let verdict = if check.id == super::catalog::CONNECT {
            for failure in failures {
                let finding = Finding::new(check.id, Severity::Blocker, failure.what.clone());
                let finding = finding.fix(failure.advice.clone().unwrap_or_default());
                emit.record(Event::Finding { finding });
            }
            Verdict::Blocker
        } else {
            Verdict::Skipped("a server cannot be reached".to_owned())
        };
        judged(emit, check, None, verdict);
    }
}

/// What was not chosen is not spoken of, nor is what only tells, where nothing but a refusal matters.
fn is_asked(check: &Check, plan: &Plan) -> bool {
    let chosen = plan.selected_checks.is_empty() || plan.selected_checks.iter().any(|id| id == check.id);
    chosen && (Depth::of(plan) == Depth::Everything || check.weight != Weight::Tells)
}

struct Teller<'a> {
    facts: &'a Facts,
    plan: &'a Plan,
    emit: &'a Emitter,
    told: Told,
}

impl Teller<'_> {
    fn check(&mut self, check: &Check) {
        if let Some(why) = self.left_out(check) {
            judged(self.emit, check, None, Verdict::Skipped(why));
            return;
        }
        match check.judge {
            Judge::Servers(judge) => {
                let verdict = self.findings(check, None, judge(self.facts, self.plan));
                judged(self.emit, check, None, verdict);
            }
            Judge::Database(judge) => self.databases(check, judge),
        }
    }

    fn left_out(&self, check: &Check) -> Option<String> {
        if check.weight != Weight::Firm && self.plan.skipped_checks.iter().any(|id| id == check.id) {
            let title = format!("check {} was left out, as asked", check.id);
            let why = "whatever it would have found is met on the way";
            self.emit.record(Event::Finding { finding: Finding::info("skipped-check", title).because(why) });
            return Some("left out, as asked".to_owned());
        }
        if check.only == Only::Continuous && self.plan.method == MethodPolicy::Dump {
            return Some("only a continuous migration needs it".to_owned());
        }
        (!self.facts.from().at_least(check.since))
            .then(|| format!("the source is older than PostgreSQL {}", check.since))
    }

    /// One verdict over all databases, which a face shows in its place, and one for each database that is not simply fine.
    fn databases(&mut self, check: &Check, judge: fn(&Facts, &Wanted, &Plan) -> Judged) {
        let facts = self.facts;
        let mut each = Vec::new();
        for wanted in &facts.databases {
            let name = wanted.name();
            let verdict = if wanted.source.is_ok() || check.reads_nothing {
                self.findings(check, Some(name), judge(facts, wanted, self.plan))
            } else {
                Verdict::Skipped("the database cannot be reached".to_owned())
            };
            each.push((name, verdict));
        }
        let worst = each.iter().map(|(_, verdict)| verdict).max_by_key(|v| rank(v)).cloned();
        judged(self.emit, check, None, worst.unwrap_or(Verdict::Ok));
        for (name, verdict) in each.into_iter().filter(|(_, verdict)| *verdict != Verdict::Ok) {
            judged(self.emit, check, Some(name), verdict);
        }
    }

    fn findings(&mut self, check: &Check, database: Option<&str>, said: Judged) -> Verdict {
        let found = match said {
            Ok(found) => found,
            Err(Unjudged::Unknown(missing)) => return Verdict::Unknown(missing),
            Err(Unjudged::Moot(why)) => return Verdict::Skipped(why),
        };
        let mut worst = None;
        for finding in found {
            let mut finding = self.finish(check, database, finding);
            if finding.severity == Severity::Blocker {
                self.block(check, &mut finding);
            }
            worst = worst.max(Some(finding.severity));
            self.record(finding);
        }
        match worst {
            None => Verdict::Ok,
            Some(Severity::Info) => Verdict::Info,
            Some(Severity::Warning | Severity::Lost) => Verdict::Warning,
            Some(Severity::Blocker) => Verdict::Blocker,
        }
    }

    fn finish(&self, check: &Check, database: Option<&str>, mut finding: Finding) -> Finding {
        check.id.clone_into(&mut finding.id);
        finding.database = database.map(str::to_owned);
        if finding.why.is_empty() {
            check.why.clone_into(&mut finding.why);
        }
        if finding.fix.is_empty() {
            finding.fix = check.fix.text(self.facts.side(check.fix.side()).provider);
        }
        finding.objects.truncate(MOST_OBJECTS);
        finding
    }

    /// What is in the way of following only stops a migration that must follow.
    fn block(&mut self, check: &Check, finding: &mut Finding) {
        if check.only == Only::Continuous {
            let title = finding.title.clone();
            match &finding.database {
                Some(name) => self.told.not_followed.entry(name.clone()).or_default().push(title),
                None => self.told.not_continuous.push(title),
            }
            if matches!(self.plan.method, MethodPolicy::Auto(Fallback::Dump | Fallback::Skip)) {
                finding.severity = Severity::Warning;
            }
            return;
        }
        let refused = Failure::refused(finding.title.clone());
        let failure = if finding.fix.is_empty() { refused } else { refused.advise(finding.fix.clone()) };
        match &finding.database {
            Some(name) => {
                let skippable = (check.weight != Weight::Firm).then_some(check.id);
                self.told.blocked.entry(name.clone()).or_insert(Blocked { failure, skippable });
            }
            None if self.told.refusal.is_none() => self.told.refusal = Some(failure),
            None => {}
        }
    }

    /// A migration tells its refusal, and with each database that it leaves out what is in its way; the checks alone tell
    /// all.
    fn record(&self, finding: Finding) {
        let told = match &finding.database {
            Some(_) => self.plan.method == MethodPolicy::Auto(Fallback::Skip),
            None => self.told.refusal.as_ref().is_some_and(|f| f.what == finding.title),
        };
        let told_otherwise =
            told && finding.severity == Severity::Blocker && Depth::of(self.plan) == Depth::Blockers;
        if !told_otherwise {
            self.emit.record(Event::Finding { finding });
        }
    }
}

fn rank(verdict: &Verdict) -> u8 {
    match verdict {
        Verdict::Skipped(_) => 0,
        Verdict::Ok => 1,
        Verdict::Info => 2,
        Verdict::Unknown(_) => 3,
        Verdict::Warning => 4,
        Verdict::Blocker => 5,
    }
}

fn judged(emit: &Emitter, check: &Check, database: Option<&str>, verdict: Verdict) {
    let judgement = Judgement {
        check: check.id.to_owned(),
        title: check.title.to_owned(),
        database: database.map(str::to_owned),
        verdict,
    };
    emit.record(Event::Judged { judgement });
}
