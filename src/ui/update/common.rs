//! Keys that mean the same on every screen.

use crate::model::check::{Finding, Severity};
use crate::ui::command;
use crate::ui::format::day;
use crate::ui::keys::{Code, Key};
use crate::ui::message::Effect;
use crate::ui::state::check::Check;
use crate::ui::state::form::{Field, Part};
use crate::ui::state::{Colors, Focus, Letters, Overlay, Rights, Screen, State};
use crate::ui::steps::close::trouble;
use crate::ui::steps::migration::{failed, failure};
use crate::ui::steps::validation::report::{Row, of_finding, whole};

/// Paces that + and - step through, in milliseconds.
const PACES: [u64; 6] = [500, 1_000, 2_000, 3_000, 5_000, 10_000];

pub(super) fn key(state: &mut State, key: Key) -> Vec<Effect> {
    let Some(letter) = key.letter() else {
        return match key.code {
            Code::Esc => back(state),
            _ => Vec::new(),
        };
    };
    match letter {
        '?' => state.overlay = Some(Overlay::Help { from: 0 }),
        'c' => {
            state.overlay = Some(Overlay::Command);
            return vec![Effect::Copy { title: "Command line".to_owned(), text: command::line(state) }];
        }
        'f' if matches!(state.screen, Screen::Live | Screen::Close) => found(state),
        'l' if state.live.is_some() => state.overlay = Some(Overlay::Log { from_end: 0 }),
        'i' if matches!(state.screen, Screen::Live | Screen::Close) => {
            // On the last step the lag is what is asked about.
            let first = if state.screen == Screen::Close { 3 } else { 0 };
            state.overlay = Some(Overlay::Explain(first));
        }
        'm' => {
            state.mouse = state.mouse.other();
            let now = if state.mouse.is_on() { "on" } else { "off: your terminal selects text" };
            state.say(format!("mouse {now}"));
            return vec![Effect::Mouse];
        }
        't' => {
            state.look.colors = match state.look.colors {
                Colors::None => Colors::Ansi16,
                Colors::Ansi16 => Colors::Rgb,
                Colors::Rgb => Colors::None,
            };
            return vec![Effect::Redraw];
        }
        'A' => {
            state.look.letters = match state.look.letters {
                Letters::Unicode => Letters::Ascii,
                Letters::Ascii => Letters::Unicode,
            };
            return vec![Effect::Redraw];
        }
        '+' | '-' if state.screen == Screen::Live || state.screen == Screen::Close => pace(state, letter),
        ' ' if state.screen == Screen::Live && state.focus == Focus::List => {
            state.pace.frozen = state.pace.frozen.other();
        }
        'w' if state.live.is_some() => return vec![Effect::SaveBundle],
        'q' | 'd' => return super::leave(state),
        _ => {}
    }
    Vec::new()
}

/// What was found while it ran and is worth a look, the last one first: a panel has room for a line of it.
fn found(state: &mut State) {
    let Some(live) = &state.live else { return };
    let utc_offset_s = state.utc_offset_s;
    // What is found while it runs has a name of its own kind, which is no check's.
    let text = |finding: &Finding| {
        let weight = if finding.severity == Severity::Lost { "LOST" } else { "warning" };
        let text = whole(&Row { id: String::new(), ..of_finding(finding) });
        format!("{weight}{}: {text}", when(finding, utc_offset_s))
    };
    let notes = trouble::notes(state).into_iter().map(|note| note.text);
    // A refused closing is among the notes already.
    let others = live.found().filter(|finding| finding.id != trouble::NOT_CLOSED || !live.is_following());
    // What stands on the screen of a failure is the first of it, and names the worst already.
    let failure =
        (state.screen == Screen::Live && failed(live)).then(|| failure::whole(live, state.utc_offset_s));
    let said = if failure.is_some() { failure::NAMED } else { 0 };
    let mut lost = 0;
    let others = others.filter(|finding| {
        lost += usize::from(finding.severity >= Severity::Lost);
        finding.severity < Severity::Lost || lost > said
    });
    let others: Vec<_> = others.map(text).collect();
    let texts: Vec<_> = failure.into_iter().chain(notes).chain(others.into_iter().rev()).collect();
    if texts.is_empty() {
        state.say("Nothing was found that wants a look");
        return;
    }
    let text = texts.join("\n\n");
    state.overlay = Some(Overlay::Text { title: "To look at".to_owned(), remark: None, text, from: 0 });
}

/// What has passed was so for a time; of the rest it is known since when.
fn when(finding: &Finding, utc_offset_s: i32) -> String {
    let at = |ms| day(ms, utc_offset_s);
    match (finding.at_ms, finding.passed_ms) {
        (0, _) => String::new(),
        (since, 0) => format!(" since {}", at(since)),
        (since, until) => format!(", from {} to {}, no longer so", at(since), at(until)),
    }
}

fn pace(state: &mut State, letter: char) {
    let now = PACES.iter().position(|pace| *pace >= state.pace.every_ms).unwrap_or(1);
    let next = if letter == '+' { (now + 1).min(PACES.len() - 1) } else { now.saturating_sub(1) };
    state.pace.every_ms = PACES[next];
    state.say(format!("numbers are drawn every {} s", PACES[next] as f64 / 1000.0));
}

/// The source has let us in and the target has not: what is to be typed anew stands in the first step.
fn only_target_is_closed(check: &Check) -> bool {
    check.ended.is_some() && check.run.source.is_some() && check.run.target.is_none()
}

/// One screen back, where that loses nothing.
pub(super) fn back(state: &mut State) -> Vec<Effect> {
    if state.rights == Rights::Look {
        // Behind it lies the list, from which everything can be begun.
        state.say("This window shows this migration only. q closes it");
        return Vec::new();
    }
    let (screen, focus) = match state.screen {
        Screen::Start => return Vec::new(),
        Screen::Form => (Screen::Configure, Focus::List),
        Screen::Report if state.check.as_ref().is_some_and(only_target_is_closed) => {
            (Screen::Configure, Focus::Field(Field::Target(Part::Password)))
        }
        Screen::Report => {
            let running = state.check.as_ref().is_some_and(|check| check.ended.is_none());
            state.screen = Screen::Form;
            state.focus = Focus::Button(crate::ui::state::Button::RunCheck);
            if running {
                state.check = None;
                return vec![Effect::LeaveCheck];
            }
            return Vec::new();
        }
        Screen::Plan => (Screen::Report, Focus::List),
        // A migration goes on without being looked at, unless it runs in here.
        Screen::Live | Screen::Close => {
            let here = state
                .live
                .as_ref()
                .is_some_and(|live| live.engine == crate::ui::state::Engine::Here && live.ended.is_none());
            if here {
                return super::leave(state);
            }
            state.live = None;
            state.forget_passwords();
            state.screen = Screen::Start;
            state.focus = Focus::List;
            return vec![Effect::LetGo, Effect::List];
        }
        Screen::Configure => {
            if state.start.known.as_ref().is_none_or(Vec::is_empty) {
                return Vec::new();
            }
            state.screen = Screen::Start;
            state.focus = Focus::List;
            return vec![Effect::List];
        }
    };
    state.screen = screen;
    state.focus = focus;
    Vec::new()
}
