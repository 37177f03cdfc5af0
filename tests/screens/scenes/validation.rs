//! The second step: what the checks found.

use super::events::{entries, judged, possible, servers};
use super::{NOW_MS, form, press, send, state_with};
use pgpassage::model::check::{Finding, Severity, Verdict};
use pgpassage::model::event::{Event, RunOutcome};
use pgpassage::model::failure::{Failure, FailureKind};
use pgpassage::model::plan::IdentityPolicy;
use pgpassage::ui::keys::Code;
use pgpassage::ui::message::Msg;
use pgpassage::ui::state::form::Field;
use pgpassage::ui::state::live::Ending;
use pgpassage::ui::state::{Focus, Screen, State};

pub(super) fn checked(events: Vec<Event>, ending: Option<Ending>) -> State {
    let mut state = state_with(form());
    state.screen = Screen::Form;
    state.focus = Focus::Button(pgpassage::ui::state::Button::RunCheck);
    press(&mut state, Code::Enter);
    assert_eq!(state.screen, Screen::Report);
    for entry in entries(events) {
        send(&mut state, Msg::CheckEntry(entry));
    }
    send(&mut state, Msg::Tick { now_ms: NOW_MS + 2_400 });
    if let Some(ending) = ending {
        send(&mut state, Msg::CheckEnded(ending));
    }
    state
}

pub(super) const CHECKED: Ending = Ending::Ended(RunOutcome::Checked);

pub(super) fn checking() -> State {
    let mut events = servers();
    events.extend([
        judged("reachability", "Both servers can be reached", None, Verdict::Ok),
        judged("versions", "The target is not older than the source", None, Verdict::Ok),
        judged("wal-level", "wal_level is logical", None, Verdict::Blocker),
        judged("replication-slots", "There are free replication slots", None, Verdict::Ok),
        judged("primary-keys", "Every table has a primary key", Some("shop"), Verdict::Warning),
        judged(
            "disk",
            "There is room on the target",
            None,
            Verdict::Unknown("the target does not tell".into()),
        ),
        judged("extensions", "Extensions are on the target", Some("shop"), Verdict::Ok),
    ]);
    checked(events, None)
}

/// While both servers are asked: nothing can be judged yet.
pub(super) fn checking_plain() -> State {
    let mut events = servers();
    let questions =
        ["source: settings, roles, slots", "target: settings, roles, extensions", "both: database shop"];
    events.push(Event::Gathering { questions: questions.map(str::to_owned).into() });
    events.push(Event::Gathered { question: questions[1].to_owned() });
    checked(events, None)
}

fn report_events(databases: &[(&str, bool)]) -> Vec<Event> {
    let mut events = servers();
    let finding = |finding| Event::Finding { finding };
    events.extend([
        judged("versions", "The target is not older than the source", None, Verdict::Ok),
        judged("wal-level", "wal_level is logical", None, Verdict::Blocker),
        finding(
            Finding::new("wal-level", Severity::Blocker, "wal_level is replica")
                .because("logical replication needs logical: what the log holds now cannot be decoded")
                .fix("on the source: ALTER SYSTEM SET wal_level = 'logical'; then restart the server"),
        ),
        judged("primary-keys", "Every table has a primary key", Some("shop"), Verdict::Warning),
        finding(
            Finding::warning("primary-keys", "2 of 212 tables have no primary key")
                .in_database("shop")
                .because("updates and deletes of their rows cannot be replicated")
                .fix(
                    "on the source: ALTER TABLE \"audit\".\"events\" REPLICA IDENTITY FULL; — or choose \
                     --replica-identity index, full, inserts or skip",
                )
                .objects(["audit.events".to_owned(), "tmp.load".to_owned()]),
        ),
        finding(
            Finding::info("sequences", "14 sequences are copied once more at the close").in_database("shop"),
        ),
        judged("extensions", "Extensions are on the target", Some("shop"), Verdict::Ok),
    ]);
    events.extend(databases.iter().map(|one| possible(*one)));
    events
}

pub(super) fn report() -> State {
    checked(report_events(&[("shop", false), ("analytics", false)]), Some(CHECKED))
}

pub(super) fn report_some() -> State {
    let mut state =
        checked(report_events(&[("shop", true), ("analytics", false), ("sessions", true)]), Some(CHECKED));
    press(&mut state, Code::Tab);
    press(&mut state, Code::Tab);
    press(&mut state, Code::Char(' '));
    state
}

/// Tables without a replica identity are what is in the way, and a choice for them is made.
pub(super) fn report_identity() -> State {
    let mut events = servers();
    events.extend([
        judged("wal-level", "wal_level is logical", None, Verdict::Ok),
        judged("replica-identity", "Something tells rows apart", Some("shop"), Verdict::Blocker),
        Event::Finding {
            finding: Finding::warning("replica-identity", "nothing tells the rows of 2 tables apart")
                .in_database("shop")
                .because("no UPDATE or DELETE on them was counted so far")
                .fix("choose --replica-identity index, full, inserts or skip")
                .objects(["audit.events".to_owned(), "tmp.load".to_owned()]),
        },
        possible(("shop", false)),
        possible(("analytics", true)),
    ]);
    let mut state = checked(events, Some(CHECKED));
    press(&mut state, Code::Tab);
    press(&mut state, Code::Right);
    press(&mut state, Code::Right);
    assert_eq!(state.form.identity, IdentityPolicy::Inserts);
    state
}

pub(super) fn plan_identity() -> State {
    let mut state = report_identity();
    assert!(state.check.as_ref().unwrap().may_start().is_err(), "the choice has not been judged");
    press(&mut state, Code::Char('r'));
    let mut events = good_events();
    let finding = Finding::info("replica-identity", "2 tables without a replica identity");
    let finding = finding.in_database("shop").objects(["audit.events".to_owned(), "tmp.load".to_owned()]);
    events.push(Event::Finding { finding });
    for entry in entries(events) {
        send(&mut state, Msg::CheckEntry(entry));
    }
    send(&mut state, Msg::CheckEnded(CHECKED));
    press(&mut state, Code::Enter);
    assert_eq!(state.screen, Screen::Plan, "{:?}", state.toast);
    state
}

pub(super) fn good_events() -> Vec<Event> {
    let mut events = servers();
    events.extend([
        judged("versions", "The target is not older than the source", None, Verdict::Ok),
        judged("wal-level", "wal_level is logical", None, Verdict::Ok),
        judged("extensions", "Extensions are on the target", Some("shop"), Verdict::Ok),
        possible(("shop", true)),
        possible(("analytics", true)),
    ]);
    events
}

pub(super) fn report_good() -> State {
    let state = checked(good_events(), Some(CHECKED));
    assert_eq!(state.focus, Focus::Button(pgpassage::ui::state::Button::Continue));
    state
}

pub(super) fn pick() -> State {
    let mut state = report_good();
    press(&mut state, Code::Esc);
    state.focus = Focus::Field(Field::Exclude);
    press(&mut state, Code::Down);
    press(&mut state, Code::Down);
    press(&mut state, Code::Char(' '));
    assert_eq!(state.form.excluded(), ["shop"]);
    state
}

pub(super) fn report_refused() -> State {
    let failure = Failure::new(
        FailureKind::Connection,
        "source: db1.example.net:5432: password authentication failed for user \"migrator\"",
    )
    .advise("check the user's name and password, and the lines of pg_hba.conf");
    let events = vec![Event::Refused { failure }, Event::Ended { outcome: RunOutcome::Refused }];
    checked(events, Some(Ending::Ended(RunOutcome::Refused)))
}
