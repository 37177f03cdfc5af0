//! The third step before the start: how many copies at once, what will happen on each side, and the question.

use super::{check, complain, configure, nothing};
use crate::cli::ask::{Gone, Preset, choose, yes};
use crate::cli::out;
use crate::cli::wizard::Rooms;
use crate::model::units::{printable, readable};
use crate::ui::command;
use crate::ui::drive::{Host, Prepared, Purpose};
use crate::ui::state::check::Check;
use crate::ui::state::form::Field;
use crate::ui::state::{Screen, State};
use crate::ui::steps::migration::plan::{Moved, SAME, moved, of_all, told};

/// What came of showing the plan.
pub(super) enum Begun {
    Start(Box<Prepared>),
    /// A choice was changed that the checks have to judge.
    Judge,
    Back,
    Leave,
}

pub(super) async fn asked(rooms: &Rooms, state: &mut State) -> Result<Begun, Gone> {
    out::print(&format!("Step 3 of 4, Migration: {} has been changed so far", nothing(state)));
    configure::fill(&mut state.form, Field::Jobs, ("Parallel copies", "by the servers' processors")).await?;
    if check::content(&mut state.form).await? {
        out::print("Another choice for targets that are not empty: the checks judge it.");
        return Ok(Begun::Judge);
    }
    let Some(check) = &state.check else { return Ok(Begun::Back) };
    let purpose = Purpose::Start { method: check.policy(), left_out: check.left_out() };
    state.screen = Screen::Plan;
    say(state, check);
    if !yes("Start migration", Preset::No).await? {
        let choices =
            [("q", format!("quit: {} was changed", nothing(state))), ("b", "back to the report".to_owned())];
        return Ok(if choose(&choices).await? == "b" { Begun::Back } else { Begun::Leave });
    }
    match rooms.prepare(&state.form, purpose) {
        Ok(prepared) => Ok(Begun::Start(Box::new(prepared))),
        Err(errors) => {
            complain(&errors);
            if errors.iter().any(|error| error.field == Field::Name) {
                configure::name(&mut state.form).await?;
            }
            Ok(Begun::Back)
        }
    }
}

fn say(state: &State, check: &Check) {
    out::print("What will happen:");
    if check.possible.is_empty() {
        out::print(&format!("  {}", of_all(check)));
    }
    for possible in &check.possible {
        let Moved { size, word, time } = moved(check, possible);
        out::print(&format!("  {}, {size}: {word}{time}", readable(&possible.database)));
    }
    for (head, sentence) in told(state, check) {
        if head.is_empty() {
            out::print(&format!("    {sentence}"));
        } else {
            out::print(&format!("  {head}: {sentence}"));
        }
    }
    let line = command::line(state);
    out::print(&format!("{SAME}: {line}"));
    if printable(&line) != line {
        out::print(
            "  A name in it holds characters that are not shown as they are: it cannot be copied from here.",
        );
    }
}
