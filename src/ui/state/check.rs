//! The validation as the wizard knows it: what was judged, what was found, and what the operator decided upon it.

use super::live::Ending;
use crate::model::check::{Finding, Judgement, Possible, Severity, Verdict};
use crate::model::event::{Entry, Event, RunOutcome};
use crate::model::plan::{Fallback, IdentityPolicy, MethodPolicy, TargetPolicy};
use crate::model::run::Run;
use crate::model::units::{printable, readable};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

#[derive(Debug, Serialize, Deserialize)]
pub struct Check {
    pub began_ms: u64,
    pub run: Run,
    pub judgements: Vec<Judgement>,
    /// What both servers are asked first, and what of it they have answered, in the order of the answers.
    #[serde(default)]
    pub questions: Vec<String>,
    #[serde(default)]
    pub answered: Vec<String>,
    pub possible: Vec<Possible>,
    pub ended: Option<Ending>,
    pub selected: usize,
    pub passed: Passed,
    pub decisions: Decisions,
    /// Databases that were left out of it by name.
    pub left_out_before: Vec<String>,
    /// What becomes of tables without a replica identity, as it was judged.
    pub identity: IdentityPolicy,
    /// The same as the operator wants it now: another one has to be judged first.
    pub identity_wanted: IdentityPolicy,
    /// The same of databases on the target that hold something.
    pub not_empty: TargetPolicy,
    pub not_empty_wanted: TargetPolicy,
}

/// The checks that find tables of which nothing tells the rows apart.
const IDENTITY_CHECKS: [&str; 2] = ["replica-identity", "identity-full"];

/// Databases that a sentence names.
const NAMED: usize = 3;

/// Whether checks that found nothing are listed one by one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Passed {
    Counted,
    Listed,
}

/// What the operator decided about the method.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decisions {
    /// Everything by a one-time snapshot.
    pub snapshot: bool,
    /// For databases that cannot be replicated where others can.
    pub each: BTreeMap<String, Decision>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Decision {
    Snapshot,
    LeaveOut,
}

/// How a database will be moved, as decided so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Way {
    Continuous,
    Snapshot,
    LeftOut,
    /// It cannot be replicated, and nobody has said what is to become of it.
    Undecided,
    /// Neither way is open.
    Impossible,
}

/// Whether everything, some or nothing can be replicated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replicable {
    All,
    Some,
    None,
    NotJudged,
}

impl Check {
    pub fn new(began_ms: u64) -> Self {
        Self {
            began_ms,
            run: Run::default(),
            judgements: Vec::new(),
            questions: Vec::new(),
            answered: Vec::new(),
            possible: Vec::new(),
            ended: None,
            selected: 0,
            passed: Passed::Counted,
            decisions: Decisions::default(),
            left_out_before: Vec::new(),
            identity: IdentityPolicy::default(),
            identity_wanted: IdentityPolicy::default(),
            not_empty: TargetPolicy::Refuse,
            not_empty_wanted: TargetPolicy::Refuse,
        }
    }

    /// Tables that have no replica identity, as they are called in their findings; empty where there are none.
    pub fn without_identity(&self) -> Vec<String> {
        self.without_identity_in(|_| true)
    }

    /// The same of some databases.
    pub fn without_identity_in(&self, wanted: impl Fn(Option<&str>) -> bool) -> Vec<String> {
        let found = self.run.findings.iter().filter(|f| IDENTITY_CHECKS.contains(&f.id.as_str()));
        let found = found.filter(|f| wanted(f.database.as_deref()));
        let of = |f: &Finding| {
            let place = f.database.as_deref().map(|d| format!("{}: ", readable(d))).unwrap_or_default();
            f.objects.iter().map(|object| format!("{place}{}", printable(object))).collect::<Vec<_>>()
        };
        found.flat_map(of).collect()
    }

    pub fn apply(&mut self, entry: &Entry) {
        self.run.apply(entry);
        match &entry.event {
            Event::Gathering { questions } => self.questions.clone_from(questions),
            // Where nothing is to be followed a slot is neither announced nor tried.
            Event::Gathered { question } if self.questions.contains(question) => {
                self.answered.push(question.clone());
            }
            Event::Judged { judgement } => self.judgements.push(judgement.clone()),
            Event::DatabaseJudged { possible } => {
                self.possible.retain(|p| p.database != possible.database);
                self.possible.push(possible.clone());
            }
            _ => {}
        }
    }

    pub fn count(&self, severity: Severity) -> usize {
        let found = self.run.findings.iter().filter(|f| f.severity == severity).count();
        // A refusal is a blocker that has no finding of its own.
        let refused = severity == Severity::Blocker && self.refusal().is_some();
        found + usize::from(refused)
    }

    /// Why the checks ended early, unless a finding says the same.
    pub fn refusal(&self) -> Option<&crate::model::failure::Failure> {
        let failure = match &self.ended {
            Some(Ending::Broke(failure)) => failure,
            _ => self.run.refused.as_ref()?,
        };
        let said = |f: &Finding| {
            f.severity == Severity::Blocker && (f.title == failure.what || f.why == failure.what)
        };
        (!self.run.findings.iter().any(said)).then_some(failure)
    }

    pub fn passed_count(&self) -> usize {
        self.overall().filter(|j| j.verdict == Verdict::Ok).count()
    }

    /// The source's databases, as far as they have been told of, and those that were left out of the check by name.
    pub fn databases(&self) -> Vec<String> {
        let judged = self.possible.iter().map(|p| &p.database);
        let planned = self.run.databases.keys();
        judged
            .chain(planned)
            .chain(&self.left_out_before)
            .cloned()
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect()
    }

    /// One for each check, over all databases.
    pub fn overall(&self) -> impl Iterator<Item = &Judgement> {
        self.judgements.iter().filter(|j| j.database.is_none())
    }

    pub fn replicable(&self) -> Replicable {
        let cannot = self.possible.iter().filter(|p| p.not_continuous.is_some()).count();
        match (self.possible.len(), cannot) {
            (0, _) => Replicable::NotJudged,
            (_, 0) => Replicable::All,
            (all, cannot) if all == cannot => Replicable::None,
            _ => Replicable::Some,
        }
    }

    pub fn way(&self, possible: &Possible) -> Way {
        let by_snapshot = if possible.not_snapshot.is_none() { Way::Snapshot } else { Way::Impossible };
        let decision = self.decisions.each.get(&possible.database);
        match (decision, self.decisions.snapshot, &possible.not_continuous) {
            (Some(Decision::LeaveOut), _, _) => Way::LeftOut,
            (_, true, _) | (Some(Decision::Snapshot), _, Some(_)) => by_snapshot,
            (_, _, None) => Way::Continuous,
            (None, false, Some(_)) if by_snapshot == Way::Impossible => Way::Impossible,
            (None, false, Some(_)) => Way::Undecided,
        }
    }

    /// The databases that have to be decided one by one, where not the same is possible for all: these cannot go the way
    /// that others go.
    pub fn choices(&self) -> Vec<&Possible> {
        let open = |p: &Possible| (p.not_continuous.is_none(), p.not_snapshot.is_none());
        let differ = self.possible.windows(2).any(|pair| open(&pair[0]) != open(&pair[1]));
        let cannot = |p: &Possible| {
            let why = if self.decisions.snapshot { &p.not_snapshot } else { &p.not_continuous };
            why.is_some()
        };
        // What was left out can always come back.
        self.possible.iter().filter(|p| self.way(p) == Way::LeftOut || differ && cannot(p)).collect()
    }

    /// What was chosen since, and what judges that.
    pub fn not_judged(&self) -> Option<&'static str> {
        // A snapshot needs no identity.
        if self.identity_wanted != self.identity && !self.decisions.snapshot {
            return Some("Another choice for replica identities: Run check judges it.");
        }
        let other = self.not_empty_wanted != self.not_empty;
        other.then_some("Another choice for targets that are not empty: Run check judges it.")
    }

    /// Nothing is in the way of a start, or the sentence that says what is.
    ///
    /// # Errors
    /// What has to be done first.
    pub fn may_start(&self) -> Result<(), String> {
        match &self.ended {
            None => return Err("The checks still run.".to_owned()),
            Some(Ending::Ended(RunOutcome::Checked)) => {}
            Some(_) => return Err("The checks did not get to their end: see above.".to_owned()),
        }
        if let Some(why) = self.not_judged() {
            return Err(why.to_owned());
        }
        if self.possible.is_empty() {
            return match self.count(Severity::Blocker) {
                0 => Ok(()),
                n => Err(format!("{n} blocking: fix what is named, then Run check again.")),
            };
        }
        let ways: Vec<_> = self.possible.iter().map(|p| self.way(p)).collect();
        let count = |way| ways.iter().filter(|w| **w == way).count();
        if count(Way::Impossible) > 0 {
            return Err(self.impossible());
        }
        if count(Way::Undecided) == ways.len() {
            return Err("Replication is not possible: fix it, or choose the snapshot.".to_owned());
        }
        if count(Way::Undecided) > 0 {
            return Err("Decide for each database that cannot be replicated.".to_owned());
        }
        if count(Way::LeftOut) == ways.len() {
            return Err("Every database is left out.".to_owned());
        }
        Ok(())
    }

    /// What to do about databases that cannot be moved as was decided.
    fn impossible(&self) -> String {
        let all: Vec<_> = self.possible.iter().filter(|p| self.way(p) == Way::Impossible).collect();
        let mut names: Vec<_> = all.iter().map(|p| readable(&p.database)).collect();
        let more = names.len().saturating_sub(NAMED);
        names.truncate(NAMED);
        let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
        let method = match all.iter().all(|p| p.not_continuous.is_none()) {
            true => "The snapshot is not",
            false => "Neither method is",
        };
        let names = names.join(", ");
        format!("{method} possible for {names}{rest}: fix it, or leave it out (x on its line above).")
    }

    /// What the plan says of the method.
    pub fn policy(&self) -> MethodPolicy {
        if self.decisions.snapshot {
            return MethodPolicy::Dump;
        }
        // What was not judged must not turn into a snapshot that nobody chose.
        // What was chosen for a database that can follow by now is no choice any more.
        let chosen = self.possible.iter().any(|p| self.way(p) == Way::Snapshot);
        MethodPolicy::Auto(if chosen { Fallback::Dump } else { Fallback::Fail })
    }

    pub fn left_out(&self) -> Vec<String> {
        let all = self.decisions.each.iter().filter(|(_, d)| **d == Decision::LeaveOut);
        all.map(|(name, _)| name.clone()).collect()
    }

    /// From undecided to the snapshot, to left out, and back to the snapshot. One that could follow is left out or not.
    pub fn turn_choice(&mut self, database: &str) {
        let Some(possible) = self.possible.iter().find(|p| p.database == database) else { return };
        let can_snapshot = possible.not_snapshot.is_none();
        let left_out = self.decisions.each.get(database) == Some(&Decision::LeaveOut);
        if left_out && possible.not_continuous.is_none() {
            self.decisions.each.remove(database);
            return;
        }
        let next = match self.decisions.each.get(database) {
            Some(Decision::LeaveOut) | None if can_snapshot => Decision::Snapshot,
            _ => Decision::LeaveOut,
        };
        self.decisions.each.insert(database.to_owned(), next);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn possible((database, continuous, snapshot): (&str, bool, bool)) -> Possible {
        Possible {
            database: database.to_owned(),
            not_continuous: (!continuous).then(|| "wal_level is replica".to_owned()),
            not_snapshot: (!snapshot).then(|| "no CONNECT".to_owned()),
            size_bytes: None,
            estimate_s: None,
            wal_bytes: None,
        }
    }

    fn check(all: Vec<Possible>) -> Check {
        let mut check = Check::new(0);
        check.possible = all;
        check.ended = Some(Ending::Ended(RunOutcome::Checked));
        check
    }

    #[test]
    fn nothing_becomes_a_snapshot_unless_somebody_says_so() {
        let mut check = check(vec![possible(("a", true, true)), possible(("b", false, true))]);
        assert_eq!(check.policy(), MethodPolicy::Auto(Fallback::Fail));
        assert!(check.may_start().is_err());
        check.turn_choice("b");
        assert_eq!(check.policy(), MethodPolicy::Auto(Fallback::Dump));
        assert_eq!(check.may_start(), Ok(()));
        check.turn_choice("b");
        assert_eq!(check.left_out(), ["b"]);
        assert_eq!(check.policy(), MethodPolicy::Auto(Fallback::Fail));
        assert_eq!(check.may_start(), Ok(()));
    }

    #[test]
    fn without_replication_the_whole_is_one_decision() {
        let mut check = check(vec![possible(("a", false, true)), possible(("b", false, true))]);
        assert_eq!(check.replicable(), Replicable::None);
        assert!(check.choices().is_empty() && check.may_start().is_err());
        check.decisions.snapshot = true;
        assert_eq!((check.policy(), check.may_start()), (MethodPolicy::Dump, Ok(())));
    }

    #[test]
    fn what_is_impossible_both_ways_can_only_be_left_out() {
        let mut check = check(vec![possible(("a", true, true)), possible(("b", false, false))]);
        assert_eq!(check.way(&check.possible[1]), Way::Impossible);
        check.turn_choice("b");
        assert_eq!(check.way(&check.possible[1]), Way::LeftOut);
        assert_eq!(check.may_start(), Ok(()));
        check.decisions.each.clear();
        check.decisions.snapshot = true;
        assert!(check.may_start().is_err());
        assert_eq!(check.choices().len(), 1, "b can still be left out");
    }

    /// What was decided about a database that has been mended since decides nothing unseen.
    #[test]
    fn a_decision_does_not_outlive_its_reason() {
        let mut check = check(vec![possible(("a", true, true)), possible(("b", false, true))]);
        check.turn_choice("b");
        assert_eq!(check.policy(), MethodPolicy::Auto(Fallback::Dump));
        check.possible[1].not_continuous = None;
        assert_eq!(check.policy(), MethodPolicy::Auto(Fallback::Fail));
        check.decisions.each.insert("b".to_owned(), Decision::LeaveOut);
        let names: Vec<_> = check.choices().iter().map(|p| p.database.clone()).collect();
        assert_eq!((names, check.left_out()), (vec!["b".to_owned()], vec!["b".to_owned()]));
        check.turn_choice("b");
        assert!(check.choices().is_empty() && check.left_out().is_empty());
    }

    /// One that cannot be copied takes the snapshot from nobody else, and each has a choice of its own.
    #[test]
    fn where_nothing_follows_each_is_decided_if_they_differ() {
        let mut check = check(vec![possible(("a", false, true)), possible(("b", false, false))]);
        let names = |check: &Check| check.choices().iter().map(|p| p.database.clone()).collect::<Vec<_>>();
        assert_eq!(names(&check), ["a", "b"]);
        check.decisions.snapshot = true;
        assert_eq!(names(&check), ["b"]);
        assert!(check.may_start().unwrap_err().starts_with("Neither method is possible for b"));
        check.turn_choice("b");
        assert_eq!((check.left_out(), check.may_start()), (vec!["b".to_owned()], Ok(())));
        check.possible = vec![possible(("a", true, true)), possible(("b", true, false))];
        check.decisions.each.clear();
        assert!(check.may_start().unwrap_err().starts_with("The snapshot is not possible for b"));
        check.decisions.snapshot = false;
        assert_eq!((names(&check), check.may_start()), (Vec::new(), Ok(())));
        check.decisions.snapshot = true;
        check.turn_choice("b");
        check.decisions.snapshot = false;
        assert_eq!((check.left_out(), names(&check)), (vec!["b".to_owned()], vec!["b".to_owned()]));
        check.turn_choice("b");
        assert_eq!(check.way(&check.possible[1]), Way::Continuous);
    }

    #[test]
    fn another_choice_for_identities_is_judged_first() {
        let mut check = check(vec![possible(("a", true, true))]);
        assert!(check.without_identity().is_empty());
        let finding = Finding::warning("replica-identity", "nothing tells the rows of 1 table apart");
        check.run.findings.push(finding.in_database("a").object("public.t"));
        assert_eq!(check.without_identity(), ["a: public.t"]);
        check.identity_wanted = IdentityPolicy::Inserts;
        assert!(check.may_start().unwrap_err().contains("Run check"));
        check.decisions.snapshot = true;
        assert_eq!(check.may_start(), Ok(()));
        check.decisions.snapshot = false;
        check.identity = IdentityPolicy::Inserts;
        assert_eq!(check.may_start(), Ok(()));
    }

    #[test]
    fn blockers_stop_where_databases_were_not_judged() {
        let mut check = check(Vec::new());
        assert_eq!(check.may_start(), Ok(()));
        check.run.findings.push(Finding::new("x", Severity::Blocker, "in the way"));
        assert!(check.may_start().unwrap_err().starts_with("1 blocking"));
        check.ended = None;
        assert!(check.may_start().is_err());
    }
}
