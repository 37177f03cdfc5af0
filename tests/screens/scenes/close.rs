//! The last step, and what came of it.

use super::events::{database_ended, following_gauges, making_slot, phase_ended};
use super::migration::{APART, copying_events, opened};
use super::{NOW_MS, press, send, type_text};
use pgpassage::model::check::Finding;
use pgpassage::model::event::{DatabaseOutcome, Event, RunOutcome};
use pgpassage::model::failure::{Failure, FailureKind};
use pgpassage::model::phase::Phase;
use pgpassage::ui::keys::Code;
use pgpassage::ui::message::Msg;
use pgpassage::ui::state::live::Ending;
use pgpassage::ui::state::passwords::Errand;
use pgpassage::ui::state::{Engine, Screen, State};

pub(super) fn followed() -> Vec<Event> {
    let mut events = copying_events();
    for name in ["shop", "analytics", "sessions"] {
        events.push(making_slot(name));
        events.push(Event::Following { database: name.into() });
    }
    events.push(phase_ended(Phase::Settings));
    events.push(Event::Keeping);
    events
}

fn close_with(lags: [Option<u64>; 3]) -> State {
    let mut state = opened(APART, followed());
    assert_eq!(state.screen, Screen::Close, "the last step begins by itself");
    for second in 0..90u64 {
        let now_ms = NOW_MS + second * 1000;
        send(&mut state, Msg::Tick { now_ms });
        let busy = second < 40;
        let lags = if busy { [Some(second * 31_337 % 900_000), Some(0), Some(0)] } else { lags };
        send(&mut state, Msg::Gauges(following_gauges(now_ms, lags)));
        send(&mut state, Msg::Tick { now_ms });
    }
    state
}

pub(super) fn close() -> State {
    close_with([Some(0), Some(0), Some(0)])
}

pub(super) fn close_behind() -> State {
    let mut state = close_with([Some(1_258_291), Some(0), Some(0)]);
    press(&mut state, Code::Tab);
    press(&mut state, Code::Enter);
    type_text(&mut state, "sho");
    state
}

pub(super) fn close_unknown() -> State {
    let mut state = opened(Engine::Gone, followed());
    let live = state.live.as_mut().unwrap();
    assert_eq!(live.trying, Some(Errand::Status), "what nobody guards is asked about at once");
    (live.trying, live.asking) = (None, pgpassage::ui::state::Switch::On);
    send(&mut state, Msg::Tick { now_ms: NOW_MS + 500 });
    let failure = Failure::new(FailureKind::Connection, "source: db1.example.net:5432: a password is needed");
    send(&mut state, Msg::Trouble(failure.advise("p enters it, or put it into ~/.pgpass")));
    state
}

pub(super) fn result() -> State {
    let mut events = copying_events();
    for name in ["shop", "analytics", "sessions"] {
        events.push(database_ended(name, DatabaseOutcome::Done, "created and migrated database"));
    }
    events.push(Event::Finding {
        finding: Finding::warning("collation", "the order of text may change")
            .because("libc 2.31 there, 2.36 here"),
    });
    events.push(phase_ended(Phase::Settings));
    events.push(Event::Ended { outcome: RunOutcome::Done });
    let mut state = opened(APART, events);
    send(&mut state, Msg::Ended(Ending::Ended(RunOutcome::Done)));
    assert_eq!(state.screen, Screen::Close);
    state
}
