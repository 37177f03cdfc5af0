//! Dialogs: the harmless button comes first and has the focus; what cannot be undone wants the name typed.

use super::commandable;
use crate::model::command::Command;
use crate::model::task::{Finish, Loss, Task, Unfinished};
use crate::ui::keys::{Code, Key};
use crate::ui::message::Effect;
use crate::ui::state::live::{Live, Wanted};
use crate::ui::state::passwords::Errand;
use crate::ui::state::{About, Dialog, Engine, Focus, Overlay, Screen, State};
use crate::ui::steps::migration::{self, Of};

/// What a dialog's button does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    Nothing,
    Leave,
    Stop,
    StopAndLeave,
    /// Close once nothing is missing, and not otherwise.
    Finish,
    /// Close although changes are missing.
    FinishAnyway,
    CleanUp,
    StartOver,
    TryAgain,
    GoOn,
    Forget,
}

/// How long closing waits for the target, in seconds, where the operator wants to wait for as long as it takes.
const PATIENT_S: u64 = 24 * 3600;

/// Lines of a page, and more than a dialog has in the narrowest window: the view lets no room stay empty.
const PAGE: usize = 3;
const MOST_LINES: usize = 60;

pub fn buttons(about: About, live: Option<&Live>) -> Vec<(&'static str, Act)> {
    let apart = live.is_some_and(|live| matches!(live.engine, Engine::Apart { .. }));
    match about {
        About::Stop => {
            let mut all = vec![("Go on", Act::Nothing), ("Stop migration", Act::Stop)];
            if apart {
                all.push(("Close window", Act::Leave));
            }
            all
        }
        About::LeaveAndStop => vec![("Stay", Act::Nothing), ("Stop migration and leave", Act::StopAndLeave)],
        About::LeaveUnguarded => vec![("Stay", Act::Nothing), ("Leave", Act::Leave)],
        About::LeaveClosing => vec![("Stay", Act::Nothing), ("Break off and leave", Act::Leave)],
        About::Close => vec![("Keep replicating", Act::Nothing), ("Close connection", Act::Finish)],
        About::CloseBehind => vec![
            ("Keep replicating", Act::Nothing),
            ("Wait until in sync, then close", Act::Finish),
            ("Close anyway", Act::FinishAnyway),
        ],
        About::CleanUp => vec![("Leave it", Act::Nothing), ("Clean up", Act::CleanUp)],
        About::StartOver => vec![("Leave it", Act::Nothing), ("Start over", Act::StartOver)],
        About::TryAgain => vec![("Leave it", Act::Nothing), ("Try again", Act::TryAgain)],
        About::GoOn => vec![("Leave it", Act::Nothing), ("Try again", Act::GoOn)],
        About::Forget => vec![("Keep it", Act::Nothing), ("Forget", Act::Forget)],
    }
}

/// Whether the button works: losing changes wants the migration's name.
pub fn allowed(dialog: &Dialog, act: Act, live: Option<&Live>) -> bool {
    act != Act::FinishAnyway || live.is_some_and(|live| dialog.typed.trimmed() == live.id)
}

/// The last step has begun under a dialog. One whose question still stands is left alone. In the place of another stands why
/// it is gone: the next key answers that, and presses nothing behind it.
pub(super) fn outlive(state: &mut State) {
    let (Some(Overlay::Dialog(dialog)), Some(live)) = (&state.overlay, &state.live) else { return };
    let stands = match dialog.about {
        About::LeaveAndStop => live.engine == Engine::Here && live.ended.is_none(),
        About::Stop => live.is_following(),
        _ => false,
    };
    if stands {
        return;
    }
    let text = "The migration has come to its last step meanwhile, so there is nothing left to ask. Nothing was pressed, and \
                nothing was stopped."
        .to_owned();
    state.overlay =
        Some(Overlay::Text { title: "No question any more".to_owned(), remark: None, text, from: 0 });
}

pub(super) fn key(state: &mut State, key: Key) -> Vec<Effect> {
    let Some(Overlay::Dialog(dialog)) = &mut state.overlay else { return Vec::new() };
    let all = buttons(dialog.about, state.live.as_ref());
    match key.code {
        Code::Esc => state.overlay = None,
        Code::Tab | Code::Right | Code::Down => dialog.on = (dialog.on + 1) % all.len(),
        Code::BackTab | Code::Left | Code::Up => dialog.on = (dialog.on + all.len() - 1) % all.len(),
        Code::PageDown => dialog.from = (dialog.from + PAGE).min(MOST_LINES),
        Code::PageUp => dialog.from = dialog.from.saturating_sub(PAGE),
        Code::Enter => {
            let (_, act) = all[dialog.on.min(all.len() - 1)];
            if !allowed(dialog, act, state.live.as_ref()) {
                state.complain("Type the name of the migration first.");
                return Vec::new();
            }
            state.overlay = None;
            return perform(state, act);
        }
        _ if dialog.about == About::CloseBehind => {
            dialog.typed.key(key);
        }
        Code::Char('n' | 'q') => state.overlay = None,
        _ => {}
    }
    Vec::new()
}

fn perform(state: &mut State, act: Act) -> Vec<Effect> {
    match act {
        Act::Nothing => Vec::new(),
        Act::Leave => vec![Effect::Leave],
        Act::Stop => stop(state),
        Act::StopAndLeave => {
            let mut effects = stop(state);
            effects.push(Effect::Leave);
            effects
        }
        Act::Finish => finish(state, Loss::Refuse),
        Act::FinishAnyway => finish(state, Loss::Accept),
        Act::CleanUp => later(state, (Wanted::CleanUp, Task::Clean(Unfinished::Drop))),
        Act::StartOver => start_over(state),
        Act::TryAgain => try_again(state),
        Act::GoOn => vec![Effect::Send(Command::GoOn)],
        Act::Forget => state.start.forgetting.take().map(|id| Effect::Forget { id }).into_iter().collect(),
    }
}

/// Ends the copy; what follows already is discontinued.
fn stop(state: &mut State) -> Vec<Effect> {
    let Some(live) = &mut state.live else { return Vec::new() };
    live.want(Wanted::Stop);
    if commandable(live) { vec![Effect::Send(Command::Discontinue)] } else { vec![Effect::Run(Task::Stop)] }
}

/// How the connection is closed: with as much patience as what was chosen wants.
pub fn closing(live: &Live, loss: Loss) -> Finish {
    let patient = loss == Loss::Refuse && live.in_sync() != Some(true);
    let mut how = Finish { verify: live.verify, loss, ..Finish::default() };
    if patient {
        how.timeout_s = PATIENT_S;
    }
    if loss == Loss::Accept {
        how.timeout_s = 0;
    }
    how
}

fn finish(state: &mut State, loss: Loss) -> Vec<Effect> {
    let Some(live) = &mut state.live else { return Vec::new() };
    let how = closing(live, loss);
    live.want(Wanted::Close);
    if commandable(live) {
        vec![Effect::Send(Command::Finish(how))]
    } else {
        vec![Effect::Run(Task::Finish(how))]
    }
}

fn later(state: &mut State, (wanted, task): (Wanted, Task)) -> Vec<Effect> {
    let Some(live) = &mut state.live else { return Vec::new() };
    live.want(wanted);
    vec![Effect::Run(task)]
}

/// Back to the first step with everything filled in; what was made is removed before.
fn start_over(state: &mut State) -> Vec<Effect> {
    let Some(live) = &mut state.live else { return Vec::new() };
    let nothing = migration::leftovers(live, Of::All).is_empty()
        && migration::identities(live) == 0
        && migration::dropped(live, Unfinished::DropIncomplete).is_empty();
    if !nothing {
        live.want(Wanted::StartOver);
        return vec![Effect::Run(Task::Clean(Unfinished::DropIncomplete))];
    }
    begin_anew(state)
}

/// Databases that somebody is in stay, and are said on the screen where they can be seen to.
pub(super) fn go_on_starting_over(state: &mut State) -> Vec<Effect> {
    let Some(live) = &mut state.live else { return Vec::new() };
    live.wanted = None;
    let kept = migration::dropped(live, Unfinished::DropIncomplete);
    if migration::leftovers(live, Of::All).is_empty() && migration::identities(live) == 0 && kept.is_empty() {
        return begin_anew(state);
    }
    state.complain("Not everything could be taken back: see above what stays, and why.");
    Vec::new()
}

/// What is left of unfinished databases goes first; what follows is not touched.
fn try_again(state: &mut State) -> Vec<Effect> {
    let Some(live) = &mut state.live else { return Vec::new() };
    live.want(Wanted::TryAgain);
    // A replica identity that is still changed would be taken for the table's own by the next one.
    let nothing = migration::leftovers(live, Of::Unfinished).is_empty()
        && migration::identities_of_unfinished(live) == 0
        && migration::dropped(live, Unfinished::DropIncomplete).is_empty();
    if nothing {
        return vec![Effect::Again];
    }
    // The engine that guards has been let in, and who begins anew may not be.
    if commandable(live) { vec![Effect::LogIn(Errand::TakeBack)] } else { vec![Effect::Run(Task::Clear)] }
}

fn begin_anew(state: &mut State) -> Vec<Effect> {
    let Some(live) = state.live.take() else { return Vec::new() };
    migration::fill_from(&mut state.form, &live);
    state.check = None;
    state.screen = Screen::Configure;
    state.focus = Focus::List;
    state.say("Nothing unfinished is left; servers and left-out databases are filled in");
    // The first of this machine's migrations may have been begun here: Esc leads to the list with it.
    vec![Effect::LetGo, Effect::List, Effect::NameAfter { taken: live.id }]
}
