//! What entries amount to.

use super::*;

fn entry(seq: u64, event: Event) -> Entry {
    Entry { seq, at_ms: seq * 10, event }
}

fn ended(name: &str, outcome: DatabaseOutcome) -> Event {
    Event::DatabaseEnded { database: name.into(), outcome, message: String::new() }
}

fn outcome_of(events: Vec<Event>) -> RunOutcome {
    let entries: Vec<_> = events.into_iter().zip(1..).map(|(e, i)| entry(i, e)).collect();
    Run::fold(&entries).judge()
}

#[test]
fn a_run_is_done_only_when_nothing_is_missing() {
    use DatabaseOutcome::{Done, Failed, Incomplete};
    assert_eq!(outcome_of(vec![ended("a", Done)]), RunOutcome::Done);
    assert_eq!(outcome_of(vec![ended("a", Done), ended("b", Failed)]), RunOutcome::Partly);
    assert_eq!(outcome_of(vec![ended("a", Incomplete)]), RunOutcome::Partly);
    assert_eq!(outcome_of(vec![ended("a", Failed)]), RunOutcome::Failed);
    let lost = Event::Finding { finding: Finding::lost("x", "gone") };
    assert_eq!(outcome_of(vec![lost, ended("a", Done)]), RunOutcome::Partly);
    let role = Event::RoleSettled {
        role: "r".into(),
        status: RoleStatus::Failed,
        message: String::new(),
        password: RolePassword::None,
    };
    assert_eq!(outcome_of(vec![role, ended("a", Done)]), RunOutcome::Partly);
}

#[test]
fn what_closing_does_not_make_good_stays_lost() {
    use DatabaseOutcome::{Done, Following};
    let lost = |id: &str| Event::Finding { finding: Finding::lost(id, "gone").in_database("a") };
    let close = || Event::PhaseBegan { phase: Phase::Close, database: Some("a".into()) };
    let follows = || ended("a", Following);
    assert_eq!(outcome_of(vec![lost("setting"), follows(), close(), ended("a", Done)]), RunOutcome::Partly);
    assert_eq!(outcome_of(vec![lost("sequence"), follows(), close(), ended("a", Done)]), RunOutcome::Done);
    // A first attempt finds a difference, and a second one does not.
    let twice = vec![follows(), close(), lost("verify"), follows(), close(), ended("a", Done)];
    assert_eq!(outcome_of(twice), RunOutcome::Done);
    // Nor does what the first one said stand beside what came of the second.
    let refused = Event::Finding { finding: Finding::warning("not-closed", "no").in_database("a") };
    let events = vec![follows(), close(), refused, follows(), close(), ended("a", Done)];
    let entries: Vec<_> = events.into_iter().zip(1..).map(|(e, i)| entry(i, e)).collect();
    assert_eq!(Run::fold(&entries).findings, []);
    let once = vec![follows(), close(), lost("verify"), ended("a", Done)];
    assert_eq!(outcome_of(once), RunOutcome::Partly);
}

#[test]
fn what_was_stopped_is_not_failed_by_cleaning_up() {
    let resumed = || Event::Resumed { verb: "clean".into(), version: "0".into(), pid: 1 };
    let end = |outcome| Event::Ended { outcome };
    let fold = |events: Vec<Event>| {
        let entries: Vec<_> = events.into_iter().zip(1..).map(|(e, i)| entry(i, e)).collect();
        Run::fold(&entries)
    };
    let cancelled = || ended("a", DatabaseOutcome::Cancelled);
    let after = |before| fold(vec![cancelled(), end(before), resumed(), end(RunOutcome::Failed)]);
    assert_eq!(after(RunOutcome::Stopped).outcome, Some(RunOutcome::Stopped));
    assert_eq!(after(RunOutcome::Failed).outcome, Some(RunOutcome::Failed));
    assert!(after(RunOutcome::Failed).cleaned);
}

#[test]
fn stopped_before_the_last_thing_is_stopped() {
    let stopping = || Event::Stopping { because: StopReason::Operator };
    let ends = |outcome| Event::PhaseEnded { phase: Phase::Settings, database: None, outcome };
    let with = |last| outcome_of(vec![stopping(), ended("a", DatabaseOutcome::Done), last]);
    assert_eq!(with(ends(PhaseOutcome::Interrupted)), RunOutcome::Stopped);
    assert_eq!(with(ends(PhaseOutcome::Done)), RunOutcome::Done);
}

#[test]
fn folding_in_two_halves_is_folding_at_once() {
    let entries: Vec<_> = [
        Event::Started { version: "0".into(), pid: 1, id: "x".into() },
        Event::Finding { finding: Finding::warning("w", "t") },
        ended("a", DatabaseOutcome::Done),
        Event::Unknown,
        Event::Ended { outcome: RunOutcome::Done },
    ]
    .into_iter()
    .zip(1..)
    .map(|(e, i)| entry(i, e))
    .collect();
    for cut in 0..=entries.len() {
        let mut halves = Run::fold(&entries[..cut]);
        entries[cut..].iter().for_each(|e| halves.apply(e));
        assert_eq!(halves, Run::fold(&entries));
    }
}

/// A clean-up the next morning, or a guard that looks on, does not make a copy of four seconds one of a night.
#[test]
fn the_work_takes_until_its_end() {
    let resumed = |verb: &str| Event::Resumed { verb: verb.to_owned(), version: "0".into(), pid: 7 };
    let asked = |verb: &str| Event::Asked { verb: verb.to_owned(), face: None };
    let answered = |verb: &str| {
        let outcome = RunOutcome::Following;
        Event::Answered { verb: verb.to_owned(), outcome, face: None }
    };
    let took = |events: Vec<Event>| {
        let first = Event::Started { version: "0".into(), pid: 1, id: "a".into() };
        let all = std::iter::once(first).chain(events).zip(1..).map(|(e, seq)| entry(seq, e));
        Run::fold(&all.collect::<Vec<_>>()).took_ms()
    };
    let end = || Event::Ended { outcome: RunOutcome::Partly };
    let found = || Event::Finding { finding: Finding::warning("a", "b") };
    assert_eq!(took(vec![found(), end()]), 20);
    for verb in ["clean", "clear", "watch"] {
        assert_eq!(took(vec![found(), end(), resumed(verb), found(), end()]), 20, "{verb}");
    }
    assert_eq!(took(vec![found(), end(), resumed("clean"), end(), resumed("clean"), found(), end()]), 20);
    // One that died is heard of last where it was.
    assert_eq!(took(vec![found(), resumed("clean"), end()]), 10);
    assert_eq!(took(vec![Event::Keeping, found()]), 10);
    assert_eq!(took(vec![Event::Keeping, asked("clear"), found(), answered("clear"), found()]), 10);
    // Closing is work.
    assert_eq!(took(vec![Event::Keeping, found(), asked("finish"), found(), end()]), 50);
    assert_eq!(took(vec![Event::Keeping, found(), resumed("finish"), found(), end()]), 50);
    assert_eq!(took(vec![Event::Keeping, asked("finish"), answered("finish"), found(), found()]), 30);
}

/// What is said of following is over by itself when nothing follows any more, and what a guard sees pass is over at once.
#[test]
fn what_passes_is_kept_with_its_time() {
    let found = |id: &str| Event::Finding { finding: Finding::warning(id, "t").in_database("a") };
    let passed = |id: &str, database: &str| Event::Passed { finding: id.into(), database: database.into() };
    let fold = |events: Vec<Event>| {
        let entries: Vec<_> = events.into_iter().zip(1..).map(|(e, i)| entry(i, e)).collect();
        Run::fold(&entries)
    };
    let open = |events: Vec<Event>| {
        fold(events).findings.into_iter().filter(|f| !f.has_passed()).map(|f| f.id).collect::<Vec<_>>()
    };
    let both = || vec![found("follow"), found("schema-changed")];
    assert_eq!(open([both(), vec![passed("follow", "b")]].concat()), ["follow", "schema-changed"]);
    assert_eq!(open([both(), vec![passed("follow", "a")]].concat()), ["schema-changed"]);
    assert_eq!(
        open([both(), vec![passed("follow", "a"), found("follow")]].concat()),
        ["schema-changed", "follow"]
    );
    assert_eq!(
        open([both(), vec![ended("a", DatabaseOutcome::Following)]].concat()),
        ["follow", "schema-changed"]
    );
    assert_eq!(open([both(), vec![ended("a", DatabaseOutcome::Done)]].concat()), ["schema-changed"]);
    let run = fold([both(), vec![passed("follow", "a")]].concat());
    assert_eq!((run.findings[0].at_ms, run.findings[0].passed_ms), (10, 30));
    assert!(!run.is_open("follow", "a") && run.is_open("schema-changed", "a"));
}
