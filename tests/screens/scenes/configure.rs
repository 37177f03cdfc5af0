//! The first step: the list, the guide, the form.

use super::events::{begun, database_ended, making_slot};
use super::{form, known, press, send, state_with, type_text};
use pgpassage::model::endpoint::SslMode;
use pgpassage::model::event::{DatabaseOutcome, Event, RunOutcome};
use pgpassage::ui::keys::Code;
use pgpassage::ui::message::Msg;
use pgpassage::ui::state::form::{Encryption, Field, Form, Part};
use pgpassage::ui::state::{Engine, Focus, Screen, State};

pub(super) fn start() -> State {
    let mut state = state_with(Form::default());
    let ended = |outcome| Event::Ended { outcome };
    let followed = |name: &str| {
        let mut events = begun(&[name]);
        events.push(Event::Following { database: name.into() });
        events
    };
    let mut done = begun(&["hr"]);
    done.extend([
        database_ended("hr", DatabaseOutcome::Done, "created and migrated database"),
        ended(RunOutcome::Done),
    ]);
    let mut failed = begun(&["legacy"]);
    failed.extend([
        making_slot("legacy"),
        database_ended("legacy", DatabaseOutcome::Failed, "copying public.blobs: No space left on device"),
        ended(RunOutcome::Failed),
    ]);
    let mut dead = begun(&["crm"]);
    dead.push(making_slot("crm"));
    send(
        &mut state,
        Msg::Known(vec![
            known("shop", begun(&["shop", "analytics", "sessions"]), (Engine::Apart { pid: 4711 }, None)),
            known("billing", followed("billing"), (Engine::Apart { pid: 812 }, Some(1_258_291))),
            known("crm", dead, (Engine::Gone, None)),
            known("legacy", failed, (Engine::Gone, None)),
            known("hr", done, (Engine::Gone, None)),
        ]),
    );
    press(&mut state, Code::Down);
    state
}

pub(super) fn filtered() -> State {
    let mut state = start();
    type_text(&mut state, "/nosuch");
    state
}

pub(super) fn configure() -> State {
    let mut state = state_with(Form::default());
    send(&mut state, Msg::Known(Vec::new()));
    assert_eq!(state.screen, Screen::Configure, "with no migrations the first step opens at once");
    state
}

pub(super) fn provider() -> State {
    let mut state = state_with(form());
    state.screen = Screen::Configure;
    press(&mut state, Code::Right);
    for _ in 0..3 {
        press(&mut state, Code::Down);
    }
    state
}

pub(super) fn filled_form() -> State {
    let mut state = state_with(form());
    state.form.exclude.set("scratch postgres_old");
    state.screen = Screen::Form;
    state.focus = Focus::Field(Field::Source(Part::Password));
    state
}

pub(super) fn form_error() -> State {
    let mut state = filled_form();
    state.form.source.port.set("54320000");
    state.form.source.encryption = Encryption::Mode(SslMode::VerifyCa);
    state.focus = Focus::Button(pgpassage::ui::state::Button::RunCheck);
    press(&mut state, Code::Enter);
    assert_eq!(state.focus, Focus::Field(Field::Source(Part::Port)));
    state
}
