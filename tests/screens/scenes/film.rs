//! The whole way in pictures that follow one another.

use super::close::followed;
use super::events::{copying_gauges, database_ended, entries, following_gauges, judged};
use super::migration::{APART, copying_events, shown};
use super::validation::{CHECKED, good_events};
use super::{NOW_MS, form, press, send, state_with};
use pgpassage::model::check::Verdict;
use pgpassage::model::event::{DatabaseOutcome, RunOutcome};
use pgpassage::ui::keys::Code;
use pgpassage::ui::message::Msg;
use pgpassage::ui::state::live::Ending;
use pgpassage::ui::state::{Focus, Screen, State};

/// The connection of one of the databases is closed.
pub(crate) fn end(state: &mut State, database: &str) {
    let ended = database_ended(database, DatabaseOutcome::Done, "the connection is closed");
    send(state, Msg::Entry(entries(vec![ended]).remove(0)));
}

/// The whole way, in a minute: each picture and for how many hundredths of a second it stands.
pub(crate) fn film(mut show: impl FnMut(&mut State, u16)) {
    let mut form = form();
    form.source = Default::default();
    let mut state = state_with(form);
    state.screen = Screen::Configure;
    state.focus = Focus::Button(pgpassage::ui::state::Button::GetStarted);
    show(&mut state, 220);
    press(&mut state, Code::Enter);
    for c in "db1.example.net\t\tshop\tmigrator\ts3cret".chars() {
        press(&mut state, if c == '\t' { Code::Tab } else { Code::Char(c) });
        show(&mut state, 8);
    }
    for _ in 0..5 {
        press(&mut state, Code::Tab);
        show(&mut state, 15);
    }
    show(&mut state, 60);
    press(&mut state, Code::Enter);
    let mut events = good_events();
    let titles =
        ["Roles can be made", "Schemas can be read", "There is room on the target", "There are free slots"];
    for (at, title) in titles.iter().enumerate() {
        events.insert(4 + at, judged("x", title, None, Verdict::Ok));
    }
    for (number, entry) in (0..).zip(entries(events)) {
        send(&mut state, Msg::CheckEntry(entry));
        send(&mut state, Msg::Tick { now_ms: NOW_MS + number * 150 });
        show(&mut state, 15);
    }
    send(&mut state, Msg::CheckEnded(CHECKED));
    show(&mut state, 220);
    press(&mut state, Code::Enter);
    show(&mut state, 260);
    film_of_the_copy(&mut state, &mut show);
    film_of_the_close(&mut state, &mut show);
}

fn film_of_the_copy(state: &mut State, show: &mut impl FnMut(&mut State, u16)) {
    send(state, Msg::Opened { id: "shop".into(), engine: APART, face: Some(1), plan: shown() });
    for entry in entries(copying_events()) {
        send(state, Msg::Entry(entry));
    }
    for second in 0..720u64 {
        let now_ms = NOW_MS + second * 1000;
        send(state, Msg::Tick { now_ms: now_ms - 1 });
        send(state, Msg::Gauges(copying_gauges(now_ms, second)));
        send(state, Msg::Tick { now_ms });
        if second % 18 == 0 {
            show(state, 12);
        }
    }
    show(state, 100);
}

fn film_of_the_close(state: &mut State, show: &mut impl FnMut(&mut State, u16)) {
    for entry in entries(followed()) {
        send(state, Msg::Entry(entry));
    }
    for second in 720..800u64 {
        let now_ms = NOW_MS + second * 1000;
        let lag = if second < 760 { (760 - second) * 31_337 } else { 0 };
        send(state, Msg::Tick { now_ms: now_ms - 1 });
        send(state, Msg::Gauges(following_gauges(now_ms, [Some(lag), Some(0), Some(0)])));
        send(state, Msg::Tick { now_ms });
        if second % 4 == 0 {
            show(state, 12);
        }
    }
    press(state, Code::Tab);
    show(state, 120);
    press(state, Code::Enter);
    show(state, 220);
    press(state, Code::Tab);
    show(state, 60);
    press(state, Code::Enter);
    show(state, 60);
    for name in ["shop", "analytics", "sessions"] {
        end(state, name);
        show(state, 30);
    }
    send(state, Msg::Ended(Ending::Ended(RunOutcome::Done)));
    show(state, 400);
}
