//! Screens say what is so: no phase that never was, no question that is void, no word that a narrow window swallows.

use super::scenes::{self, press, send};
use super::styled::{draw, rows, shown as text, words};
use pgpassage::model::event::{DatabaseOutcome, Entry, Event, RunOutcome};
use pgpassage::model::phase::Phase;
use pgpassage::model::plan::Method;
use pgpassage::ui::keys::{Code, Key};
use pgpassage::ui::message::Msg;
use pgpassage::ui::state::{About, Button, Dialog, Engine, Focus, Letters, Overlay, Screen, State};
use pgpassage::ui::update::update;

fn scene(name: &str) -> State {
    scenes::all().into_iter().find(|scene| scene.name == name).unwrap().state
}

fn tell(state: &mut State, events: Vec<Event>) {
    for event in events {
        let seq = state.live.as_ref().unwrap().run.seq + 1;
        send(state, Msg::Entry(Entry { seq, at_ms: state.now_ms, event }));
    }
}

fn all_end(outcome: DatabaseOutcome) -> Vec<Event> {
    ["shop", "analytics", "sessions"]
        .map(|name| Event::DatabaseEnded { database: name.into(), outcome, message: String::new() })
        .into()
}

fn asked(engine: Engine, about: About) -> State {
    let mut state = scene("live");
    state.live.as_mut().unwrap().engine = engine;
    state.overlay = Some(Overlay::Dialog(Dialog::new(about)));
    state
}

/// What was given up is not through the phases that it did not come to, and does not count as one at work.
#[test]
fn a_database_that_failed_is_not_shown_as_done_in_the_strip() {
    let mut state = scene("live");
    let strip = |state: &State| rows(&draw(state, 120, 40)).into_iter().find(|row| row.contains("Publish"));
    let before = strip(&state).unwrap();
    assert!(before.contains("▶ Rows 3/243") && before.contains("· Rest"), "{before}");
    let live = state.live.as_mut().unwrap();
    let working: Vec<_> = live.gauges.databases.keys().cloned().collect();
    assert!(working.len() > 1, "{working:?}");
    for name in working.iter().filter(|name| *name != "analytics") {
        live.run.databases.get_mut(name).unwrap().outcome = Some(DatabaseOutcome::Failed);
    }
    // One has not begun, one is at its schema: no rows come.
    live.gauges.databases.get_mut("analytics").unwrap().phase = Some(Phase::Schema);
    let during = strip(&state).unwrap();
    assert!(during.contains("▶ Schema") && during.contains("· Rows"), "{during}");
    assert!(!during.contains('✔'), "{during}");
    // The others come to their end: what one of them lacks is not ticked.
    for name in ["analytics", "sessions"] {
        let live = state.live.as_mut().unwrap();
        live.run.databases.get_mut(name).unwrap().outcome = Some(DatabaseOutcome::Done);
    }
    let after = strip(&state).unwrap();
    assert!(after.contains("▲ Rows") && after.contains("▲ Rest") && after.contains("✔ Publish"), "{after}");
}

/// One database leaves room in its list, and the chart below has it.
#[test]
fn rows_that_a_short_list_leaves_are_the_charts() {
    let height = |state: &State| {
        let rows = rows(&draw(state, 80, 24));
        let at = |title: &str| rows.iter().position(|row| row.starts_with(title)).unwrap();
        at(" Switch over") - at(" Lag")
    };
    let mut state = scene("close");
    let many = height(&state);
    state.live.as_mut().unwrap().run.databases.retain(|name, _| name == "shop");
    assert!(height(&state) > many && many >= 3, "{many}");
}

/// The checkbox of the snapshot is about every database, also those that could follow.
#[test]
fn the_snapshot_says_for_which_databases_it_is() {
    let mut state = scene("report-some");
    for (width, label) in [
        (60, "All 3 using a one-time snapshot (dump method)"),
        (80, "Start all 3 databases using a one-time"),
    ] {
        let text = rows(&draw(&state, width, 24)).join("\n");
        assert!(text.contains(&format!("[ ] {label}")), "{text}");
    }
    state.focus = Focus::Choice(0);
    press(&mut state, Code::Char(' '));
    for (width, height) in [(80, 24), (120, 40)] {
        let text = rows(&draw(&state, width, height)).join("\n");
        assert!(text.contains("Also shop, sessions, which could follow."), "{text}");
    }
    // Where nothing could follow there is nothing to add.
    let mut state = scene("report");
    state.focus = Focus::Choice(0);
    let text = rows(&draw(&state, 80, 24)).join("\n");
    assert!(text.contains("[ ] Start the migration using a one-time") && !text.contains("Also"), "{text}");
}

/// A database that cannot be copied takes the snapshot from none of the others, and is left out or not by itself.
#[test]
fn one_that_cannot_be_copied_hides_no_snapshot() {
    let mut state = scene("report-some");
    let check = state.check.as_mut().unwrap();
    for possible in &mut check.possible {
        possible.not_continuous = Some("wal_level is replica".into());
    }
    let name = check.possible[0].database.clone();
    check.possible[0].not_snapshot = Some("SELECT is denied on public.secret".into());
    assert!(text(&state, (100, 30)).contains("[ ] Start the migration using a one-time"));
    assert!(
        words(&state, (100, 30))
            .contains(&format!("[neither way] {name}: SELECT is denied on public.secret"))
    );
    state.focus = Focus::Choice(0);
    press(&mut state, Code::Char(' '));
    let before = words(&state, (100, 30));
    assert!(before.contains(&format!("Neither method is possible for {name}")), "{before}");
    press(&mut state, Code::Tab);
    press(&mut state, Code::Char(' '));
    let after = words(&state, (100, 30));
    assert!(after.contains(&format!("[left out] {name}")) && after.contains("Continue"), "{after}");
    assert_eq!(state.check.as_ref().unwrap().may_start(), Ok(()));
}

/// The last step begins under a dialog: what is pressed next was meant for the dialog.
#[test]
fn a_dialog_that_goes_leaves_no_key_to_what_is_behind_it() {
    let mut state = asked(Engine::Here, About::Stop);
    let mut events = all_end(DatabaseOutcome::Done);
    events.push(Event::Ended { outcome: RunOutcome::Done });
    tell(&mut state, events);
    assert_eq!(state.screen, Screen::Close);
    assert!(matches!(state.overlay, Some(Overlay::Text { .. })), "{:?}", state.overlay);
    assert!(words(&state, (80, 24)).contains("nothing left to ask"));
    for code in [Code::Tab, Code::Enter] {
        assert_eq!(update(&mut state, Msg::Key(Key::plain(code))), []);
    }
    assert!(
        !matches!(state.overlay, Some(Overlay::Dialog(_))) && state.live.as_ref().unwrap().wanted.is_none()
    );
}

/// Whoever leaves still ends what runs in this window: the question stays as it was, with the answer that was being chosen.
#[test]
fn a_dialog_whose_question_stands_stays() {
    let mut state = asked(Engine::Here, About::LeaveAndStop);
    press(&mut state, Code::Tab);
    let mut events = all_end(DatabaseOutcome::Following);
    events.push(Event::Keeping);
    tell(&mut state, events);
    assert_eq!(state.screen, Screen::Close);
    assert!(
        matches!(&state.overlay, Some(Overlay::Dialog(d)) if d.about == About::LeaveAndStop && d.on == 1)
    );
}

#[test]
fn the_plan_is_scrolled_from_its_buttons_and_begins_at_its_top() {
    let mut state = scene("report-good");
    state.check.as_mut().unwrap().selected = 5;
    state.focus = Focus::Button(Button::Continue);
    press(&mut state, Code::Enter);
    assert_eq!((state.screen, state.focus), (Screen::Plan, Focus::Button(Button::StartMigration)));
    assert!(text(&state, (80, 24)).contains("DATABASE"));
    press(&mut state, Code::PageDown);
    assert_eq!(state.focus, Focus::Button(Button::StartMigration));
    let moved = text(&state, (80, 24));
    assert!(!moved.contains("DATABASE") && moved.contains("PgUp PgDn scroll"), "{moved}");
    press(&mut state, Code::PageUp);
    assert!(text(&state, (80, 24)).contains("DATABASE"));
}

/// What is made is named before it is made, each on its side.
#[test]
fn the_plan_names_what_it_makes() {
    let text = words(&scene("plan"), (120, 60));
    let source = text.find("pgpassage_shop_shop_pub and pgpassage_shop_shop_slot").unwrap();
    let target = text.find("pgpassage_shop_shop_sub").unwrap();
    assert!(source < target, "{text}");
}

#[test]
fn a_dialog_that_is_too_long_is_scrolled() {
    let state = scene("stop");
    let last = "Only want to leave?";
    let (mut low, mut seen) = (state, String::new());
    for _ in 0..6 {
        seen.push_str(&words(&low, (60, 16)));
        press(&mut low, Code::PageDown);
    }
    assert!(seen.contains(last) && seen.contains("without it."), "{seen}");
    assert!(
        matches!(&low.overlay, Some(Overlay::Dialog(d)) if d.on == 0),
        "the answer stays the harmless one"
    );
}

/// Nothing that is on the source only is said of both sides.
#[test]
fn stopping_tells_each_side_by_itself() {
    let text = words(&scene("stop"), (100, 40));
    assert!(!text.contains("On both sides"), "{text}");
}

/// No phase of what is taken back is ticked, and no speed of nothing is told.
#[test]
fn cleaning_up_is_shown_as_such() {
    let mut state = scene("failure");
    let resumed = Event::Resumed { verb: "clean".into(), version: "0.1.0".into(), pid: 4712 };
    {
        let live = state.live.as_mut().unwrap();
        (live.engine, live.ended) = (Engine::Apart { pid: 4712 }, None);
    }
    tell(&mut state, vec![resumed]);
    let text = text(&state, (100, 30));
    assert!(text.contains("cleaning up") && text.contains("Nothing is copied"), "{text}");
    assert!(!text.contains("Rows") && !text.contains("running for"), "{text}");
}

/// 0 bytes behind would be the best that there is, where nothing follows at all.
#[test]
fn a_snapshot_is_not_behind_by_nothing() {
    let mut state = scene("live");
    let live = state.live.as_mut().unwrap();
    live.run.databases.values_mut().for_each(|d| d.method = Some(Method::Dump));
    state.overlay = Some(Overlay::Explain(3));
    let text = words(&state, (100, 30));
    assert!(text.contains("Nothing follows in this migration") && !text.contains("(0 bytes)"), "{text}");
}

/// With letters alone a state must not differ from its opposite by a capital, nor from the frame by nothing.
#[test]
fn signs_without_unicode_are_told_apart() {
    let mut state = scene("report");
    state.look.letters = Letters::Ascii;
    let text = text(&state, (100, 30));
    assert!(text.contains("X FAIL") && text.contains("! warn") && text.contains("+ pass"), "{text}");
}

/// The report's fix can be read where the line is selected, in the usual windows.
#[test]
fn what_to_do_is_to_be_seen_without_a_key() {
    for size in [(80, 24), (100, 30), (120, 40)] {
        let text = text(&scene("report"), size);
        assert!(text.contains("on the source: ALTER SYSTEM SET wal_level"), "{text}");
    }
}

/// What the snapshot means stands below its box wherever that has the focus.
#[test]
fn the_box_of_the_snapshot_says_what_it_means() {
    for size in [(60, 16), (80, 24), (100, 30)] {
        let mut state = scene("report-some");
        state.focus = Focus::Choice(0);
        let text = words(&state, size);
        if text.contains("snapshot (dump method)") {
            assert!(text.contains("will not be on the target."), "{size:?}\n{text}");
        }
    }
}
