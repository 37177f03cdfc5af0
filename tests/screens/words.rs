//! Words that were misread once: what is half known is not called nothing, and nothing that was asked for goes unmentioned.

use super::scenes::{self, NOW_MS, press, send};
use super::styled::{draw, rows, shown as text, words};
use pgpassage::model::event::{DatabaseOutcome, Entry, Event, RunOutcome, TableIdentity};
use pgpassage::model::gauges::Gauges;
use pgpassage::model::run::DatabaseRun;
use pgpassage::model::units::TableName;
use pgpassage::ui::keys::{Code, Key};
use pgpassage::ui::message::{Effect, Msg};
use pgpassage::ui::state::form::{Encryption, Field, Part};
use pgpassage::ui::state::live::{Live, Wanted};
use pgpassage::ui::state::{About, Dialog, Engine, Focus, Overlay, Screen, State};
use pgpassage::ui::steps::migration::failure::sides;
use pgpassage::ui::update::update;

fn scene(name: &str) -> State {
    scenes::all().into_iter().find(|scene| scene.name == name).unwrap().state
}

fn live(state: &mut State) -> &mut Live {
    state.live.as_mut().unwrap()
}

fn asked(state: &mut State, about: About) -> String {
    state.overlay = Some(Overlay::Dialog(Dialog::new(about)));
    words(state, (120, 40))
}

/// An engine that was killed in the middle of a table of 1.3 GB had not copied 0 B.
#[test]
fn what_is_half_copied_is_not_called_empty() {
    let mut state = scene("died");
    for about in [About::StartOver, About::CleanUp] {
        assert!(asked(&mut state, about).contains("shop (at least 5.0 GB copied)"));
    }
    live(&mut state).run.databases.get_mut("shop").unwrap().bytes = 0;
    for about in [About::StartOver, About::CleanUp] {
        let said = asked(&mut state, about);
        assert!(said.contains("shop (half copied)") && !said.contains("0 B"), "{said}");
    }
}

/// Also what was there before, what followed, and what nobody came to.
#[test]
fn each_database_is_accounted_for_where_it_failed() {
    let mut state = scene("failure");
    let target = |state: &State| sides(state.live.as_ref().unwrap(), 0)[1].1.clone();
    let all = &mut live(&mut state).run.databases;
    let database = |outcome| DatabaseRun { outcome: Some(outcome), ..DatabaseRun::default() };
    let existed = |outcome, tables| DatabaseRun { existed: true, tables, ..database(outcome) };
    all.insert("filled".into(), existed(DatabaseOutcome::Failed, 3));
    all.insert("legacy".into(), existed(DatabaseOutcome::Failed, 0));
    let ended = database(DatabaseOutcome::Cancelled);
    all.insert("tail".into(), DatabaseRun { followed: true, ..ended.clone() });
    let said = target(&state);
    for part in [
        "shop whole",
        "analytics half copied",
        "filled there before, perhaps partly copied",
        "legacy there before",
        "sessions not begun",
        "tail copied, but no longer following",
    ] {
        assert!(said.split("; ").any(|one| one == part), "{part}: {said}");
    }
    // However many they are.
    let all = &mut live(&mut state).run.databases;
    all.extend((1..=6).map(|number| (format!("n{number}"), ended.clone())));
    let said = target(&state);
    assert!(said.contains("n1, n2, n3, n4 and 3 more not begun"), "{said}");
    // Where nothing came to be that is said of all of them at once.
    let live = live(&mut state);
    live.run.ledger.clear();
    live.run.databases.retain(|name, _| name == "sessions" || name == "n1");
    assert_eq!(target(&state), "no database of this migration");
}

#[test]
fn what_is_copied_from_the_failure_has_a_name() {
    let mut state = scene("failure");
    let effects = update(&mut state, Msg::Key(Key::plain(Code::Char('y'))));
    let [Effect::Copy { title, .. }] = effects.as_slice() else { panic!("{effects:?}") };
    assert_eq!(title, "What went wrong");
}

/// What followed does not follow *yet* no more.
#[test]
fn a_closed_migration_is_not_about_to_follow() {
    let mut state = scene("close");
    let end = |name: &str| Event::DatabaseEnded {
        database: name.into(),
        outcome: DatabaseOutcome::Done,
        message: String::new(),
    };
    let mut events: Vec<_> = ["shop", "analytics", "sessions"].map(end).into();
    events.push(Event::Ended { outcome: RunOutcome::Done });
    for event in events {
        let seq = live(&mut state).run.seq + 1;
        send(&mut state, Msg::Entry(Entry { seq, at_ms: NOW_MS, event }));
    }
    for number in [3, 4, 5] {
        state.overlay = Some(Overlay::Explain(number));
        let said = words(&state, (100, 30));
        assert!(said.contains("No database follows any more.") && !said.contains("yet"), "{said}");
    }
}

#[test]
fn hints_of_the_form_say_what_is_so() {
    let mut state = scene("configure");
    state.form.target.encryption = Encryption::Mode(pgpassage::model::endpoint::SslMode::Disable);
    for size in [(120, 40), (60, 16)] {
        state.focus = Focus::Field(Field::Target(Part::Ssl));
        let said = words(&state, size);
        assert!(said.contains("goes in clear") && !said.contains("may go"), "{said}");
    }
    // Where the check did not come to the databases there is none to pick.
    let mut state = scene("report-refused");
    (state.screen, state.focus) = (Screen::Form, Focus::Field(Field::Exclude));
    let said = words(&state, (120, 40));
    assert!(said.contains("names with spaces between them") && !said.contains("picks"), "{said}");
    let mut state = scene("report-good");
    (state.screen, state.focus) = (Screen::Form, Focus::Field(Field::Exclude));
    assert!(words(&state, (120, 40)).contains("↓ picks"));
}

/// Which method is possible is not left to a start that cannot be.
#[test]
fn a_check_that_was_not_let_in_promises_no_judgement() {
    for size in [(80, 24), (120, 40)] {
        let said = words(&scene("report-refused"), size);
        assert!(
            said.contains("is possible is not known.") && !said.contains("judged at the start"),
            "{said}"
        );
    }
}

/// Either a change is on its way or nobody knows: one of both.
#[test]
fn whether_writes_have_stopped_is_one_thing_or_the_other() {
    let line = |name: &str, size| {
        let said = words(&scene(name), size);
        said[said.find("1 Stop writes").unwrap()..said.find("2 Wait").unwrap()].trim().to_owned()
    };
    assert!(line("close-unknown", (120, 40)).ends_with("? lag not known"));
    assert!(line("close-unknown", (60, 20)).ends_with("? lag not known"));
    let mut behind = scene("close-behind");
    behind.overlay = None;
    let said = words(&behind, (80, 24));
    assert!(said.contains("▲ a change is on its way") && !said.contains("not known"), "{said}");
}

/// A database without tables has none, and that was asked.
#[test]
fn a_database_without_tables_has_none_to_be_ready() {
    let mut state = scene("close");
    let mut gauges: Gauges = live(&mut state).gauges.clone();
    gauges.at_ms += 1_000;
    let shop = gauges.following.get_mut("shop").unwrap();
    (shop.tables_ready, shop.tables_not_ready, shop.at_ms) = (0, 0, NOW_MS);
    send(&mut state, Msg::Gauges(gauges.clone()));
    send(&mut state, Msg::Tick { now_ms: NOW_MS + 91_000 });
    let row = |state: &State| {
        let all = rows(&draw(state, 120, 40));
        all.into_iter().find(|row| row.contains("Syncing") && row.contains("shop")).unwrap()
    };
    assert!(row(&state).trim_end().ends_with("none"), "{}", row(&state));
    let shop = gauges.following.get_mut("shop").unwrap();
    (shop.error, shop.unasked) = (Some("no answer".into()), true);
    gauges.at_ms += 1_000;
    send(&mut state, Msg::Gauges(gauges));
    send(&mut state, Msg::Tick { now_ms: NOW_MS + 92_000 });
    assert!(row(&state).trim_end().ends_with("unknown"), "{}", row(&state));
}

/// What closes already is neither verified in another way nor discontinued.
#[test]
fn a_closing_offers_nothing_that_is_settled() {
    let mut state = scene("close");
    let before = words(&state, (120, 40));
    assert!(before.contains("v how to verify") && before.contains("s discontinues"), "{before}");
    live(&mut state).wanted = Some(Wanted::Close);
    let during = words(&state, (120, 40));
    let settled = ["v how to verify", "v changes it", "s discontinue"];
    assert!(settled.iter().all(|what| !during.contains(what)), "{during}");
}

/// The choice is to be seen on a terminal without styles too.
#[test]
fn the_chosen_provider_has_a_sign() {
    let mut state = scene("configure");
    assert!(text(&state, (80, 24)).contains("[Self-hosted]"));
    state.focus = Focus::List;
    press(&mut state, Code::Right);
    let said = text(&state, (80, 24));
    assert!(said.contains("[Aiven]") && !said.contains("[Self-hosted]"), "{said}");
}

/// What was changed on the source for a migration is set back when it is given up, and the question says so.
#[test]
fn whoever_gives_up_is_told_what_becomes_of_replica_identities() {
    let back = "sets the replica identity of 2 tables back";
    for (name, about) in [("live", About::Stop), ("failure", About::StartOver), ("failure", About::CleanUp)] {
        let mut state = scene(name);
        assert!(!asked(&mut state, about).contains("replica identity"));
        let shop = live(&mut state).run.databases.get_mut("shop").unwrap();
        for table in ["events", "load"] {
            shop.identities.insert(TableName::new("audit", table), TableIdentity::Default);
        }
        let said = asked(&mut state, about);
        assert!(said.contains(back), "{said}");
        assert!(!said.contains("nothing changes"), "{said}");
    }
}

/// Also where nothing else is left they are set back first.
#[test]
fn identities_alone_are_reason_enough_to_clean_up() {
    let mut state = scene("failure");
    let live = live(&mut state);
    live.engine = Engine::Gone;
    live.run.ledger.clear();
    let shop = live.run.databases.get_mut("shop").unwrap();
    shop.identities.insert(TableName::new("audit", "events"), TableIdentity::Default);
    let said = words(&state, (120, 40));
    assert!(
        said.contains("replica identity of 1 table is still changed") && !said.contains("unchanged"),
        "{said}"
    );
    assert!(said.contains("sets replica identities back on the source"), "{said}");
    for code in [Code::Tab, Code::Enter, Code::Tab] {
        press(&mut state, code);
    }
    let effects = update(&mut state, Msg::Key(Key::plain(Code::Enter)));
    assert!(matches!(effects.as_slice(), [Effect::Run(_)]), "{effects:?}");
}

/// Nobody guards it because its engine is gone, and not because it needs no guard.
#[test]
fn the_list_says_why_nobody_guards() {
    let mut state = scene("start");
    let mut known = scenes::known("tail", Vec::new(), (Engine::Gone, None));
    known.run = live(&mut scene("close-unknown")).run.clone();
    state.start.known = Some(vec![known]);
    assert!(
        words(&state, (120, 40)).contains("its engine is gone: nobody guards what the source keeps for it")
    );
}
