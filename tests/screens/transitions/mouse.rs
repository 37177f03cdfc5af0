//! What is pressed with the mouse.

use super::scene;
use crate::scenes;
use crate::styled::{drawn, rows};
use pgpassage::model::command::Command;
use pgpassage::ui::message::{Effect, Hit, Msg};
use pgpassage::ui::state::form::{Field, Part};
use pgpassage::ui::state::{About, Focus, Screen, State};
use pgpassage::ui::update::update;

/// Where that text stands on the screen, in the middle of it.
fn place_of(state: &State, text: &str) -> ratatui::layout::Position {
    let (buffer, _) = drawn(state, 100, 30);
    let rows = rows(&buffer);
    let (y, row) = rows.iter().enumerate().find(|(_, row)| row.contains(text)).unwrap();
    let x = row[..row.find(text).unwrap()].chars().count() + text.chars().count() / 2;
    (u16::try_from(x).unwrap(), u16::try_from(y).unwrap()).into()
}

fn click(state: &mut State, text: &str) -> Vec<Effect> {
    let (_, drawn) = drawn(state, 100, 30);
    let hit = drawn.at(place_of(state, text));
    hit.map(|hit| update(state, Msg::Click(hit))).unwrap_or_default()
}

#[test]
fn the_mouse_does_what_enter_and_space_do() {
    let mut state = scene("form");
    click(&mut state, "Username");
    assert_eq!(state.focus, Focus::Field(Field::Source(Part::User)));
    let encrypts = state.form.source.encrypts();
    click(&mut state, "SSL encryption");
    assert_ne!(state.form.source.encrypts(), encrypts);
    assert_eq!(click(&mut state, "Run check"), [Effect::Check]);

    let mut state = scene("report");
    click(&mut state, "one-time snapshot (dump method)");
    assert!(state.check.as_ref().unwrap().decisions.snapshot);
    click(&mut state, "14 sequences are copied");
    assert_eq!(state.focus, Focus::List);
    assert!(state.check.as_ref().unwrap().selected > 0);
    click(&mut state, "Continue");
    assert_eq!(state.screen, Screen::Plan);

    let mut state = scene("live");
    click(&mut state, "Stop migration");
    // What lies under the dialog cannot be pressed through it.
    assert_eq!(click(&mut state, "Close window"), []);
    let buttons = pgpassage::ui::update::buttons(About::Stop, state.live.as_ref());
    assert_eq!(buttons[1].0, "Stop migration");
    let (_, drawn) = drawn(&state, 100, 30);
    let answers = drawn.hits().iter().filter(|(_, hit)| matches!(hit, Hit::Answer(_))).count();
    assert_eq!((answers, drawn.hits().len()), (buttons.len(), buttons.len()));
    let stop = update(&mut state, Msg::Click(Hit::Answer(1)));
    assert_eq!(stop, [Effect::Send(Command::Discontinue)]);
}

#[test]
fn a_line_is_chosen_by_one_click_and_opened_by_the_next() {
    let mut state = scene("start");
    assert_eq!(click(&mut state, "legacy"), []);
    let chosen = state.start.shown()[state.start.selected].id.clone();
    assert_eq!(chosen, "legacy");
    assert_eq!(click(&mut state, "Failed"), [Effect::Open { id: "legacy".into() }]);
    let mut state = scene("pick");
    click(&mut state, "[ ] ");
    assert_eq!(state.form.excluded().len(), 2);
}

/// Every button that is drawn can be pressed where it is drawn, at any size.
#[test]
fn every_button_and_field_has_its_place() {
    // Under a dialog nothing can be pressed.
    for scene in scenes::all().into_iter().filter(|scene| scene.state.overlay.is_none()) {
        for (width, height) in [(60, 16), (80, 24), (100, 30), (200, 50)] {
            let (buffer, drawn) = drawn(&scene.state, width, height);
            for (area, hit) in drawn.hits() {
                assert!(buffer.area.intersection(*area) == *area, "{}: {hit:?} {area:?}", scene.name);
            }
            for (y, row) in rows(&buffer).iter().enumerate() {
                for (at, _) in row.match_indices("[ ").chain(row.match_indices('▐')) {
                    let x = u16::try_from(row[..at].chars().count()).unwrap();
                    let place = (x, u16::try_from(y).unwrap()).into();
                    assert!(drawn.at(place).is_some(), "{} at {width}x{height}: {row}", scene.name);
                }
            }
        }
    }
}
