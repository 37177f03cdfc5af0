//! The second step's report in lines, and what can be chosen upon it.

use super::{asking, complain, configure, guide};
use crate::cli::ask::{Gone, ask, choose};
use crate::cli::out;
use crate::cli::wizard::Rooms;
use crate::model::check::Severity;
use crate::model::event::RunOutcome;
use crate::model::plan::{IdentityPolicy, TargetPolicy};
use crate::model::units::{Side, count_of, printable, readable};
use crate::ui::drive::{Host, Purpose};
use crate::ui::state::State;
use crate::ui::state::check::{Check, Passed};
use crate::ui::state::form::{Field, Form};
use crate::ui::state::live::Ending;
use crate::ui::steps::validation::report::{Row, Weight, rows};
use crate::ui::steps::validation::script::script;
use crate::ui::steps::validation::update::{asks_about_content, asks_for_identities, run_check};
use crate::ui::update::fields::{IDENTITIES, NOT_EMPTY};
use crate::ui::widgets::form::{identity, not_empty};

/// Objects of one line that are named; the rest are counted.
const NAMED: usize = 5;

/// What is to be done with the report.
pub(super) enum Chosen {
    GoOn,
    /// The form is another one, or the servers may be.
    Check,
    Leave,
}

/// Runs the checks and prints what they say; asks again for what does not make a plan.
pub(super) async fn judge(rooms: &Rooms, state: &mut State) -> Result<(), Gone> {
    while !run(rooms, state).await? {
        let errors = std::mem::take(&mut state.form.errors);
        complain(&errors);
        let form = &mut state.form;
        match errors.first().map(|error| error.field) {
            Some(Field::Target(_)) => configure::server(form, Side::Target).await?,
            Some(Field::Name) => configure::name(form).await?,
            Some(Field::SkipTables) => configure::skipped(form).await?,
            _ => configure::source(form).await?,
        }
    }
    report(state);
    Ok(())
}

/// False where the form makes no plan; the form then says why.
async fn run(rooms: &Rooms, state: &mut State) -> Result<bool, Gone> {
    if run_check(state).is_empty() {
        return Ok(false);
    }
    let prepared = match rooms.prepare(&state.form, Purpose::Check) {
        Ok(prepared) => prepared,
        Err(errors) => {
            state.form.errors = errors;
            return Ok(false);
        }
    };
    out::print("Checking both servers. Nothing is changed by that.");
    let Some(check) = &mut state.check else { return Ok(false) };
    let ending = match rooms.check(prepared) {
        Ok(mut link) => {
            asking::answers(&mut link, check).await?;
            match link.outcome().await {
                Ok(outcome) => Ending::Ended(outcome),
                Err(failure) => Ending::Broke(failure),
            }
        }
        Err(failure) => Ending::Broke(failure),
    };
    check.ended = Some(ending);
    rooms.check_ended();
    Ok(true)
}

fn report(state: &State) {
    let Some(check) = &state.check else { return };
    rows(check).iter().for_each(line);
    let blocking = check.count(Severity::Blocker) as u64;
    out::print(&format!(
        "{blocking} blocking, {}, {} passed.",
        count_of(check.count(Severity::Warning) as u64, "warning"),
        check.passed_count()
    ));
    if let Some(seen) = guide::ticked_off(state) {
        out::print(&format!("Of the guide to prepare the source: {seen}."));
    }
}

fn line(row: &Row) {
    let place = row.place.as_ref().map(|place| format!("{place}: ")).unwrap_or_default();
    let what = if row.what.is_empty() { String::new() } else { format!(": {}", row.what) };
    out::print(&format!("{:<8} {place}{}{what}", row.weight.word(), row.title));
    if row.weight > Weight::Warn {
        return;
    }
    if !row.objects.is_empty() {
        let more = row.objects.len().saturating_sub(NAMED);
        let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
        let named = row.objects.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
        out::print(&format!("         which: {named}{rest}"));
    }
    row.fix.lines().for_each(|line| out::print(&format!("         to do: {line}")));
}

/// Asks until it is clear how to go on.
pub(super) async fn chosen(state: &mut State) -> Result<Chosen, Gone> {
    loop {
        let choices = choices(state);
        match choose(&choices).await? {
            "s" => return Ok(Chosen::GoOn),
            "r" => return Ok(Chosen::Check),
            "e" => {
                configure::source(&mut state.form).await?;
                return Ok(Chosen::Check);
            }
            "t" => {
                configure::server(&mut state.form, Side::Target).await?;
                configure::name(&mut state.form).await?;
                return Ok(Chosen::Check);
            }
            "x" => {
                if left_out(state).await? {
                    return Ok(Chosen::Check);
                }
            }
            "l" => {
                let before = state.form.skip_tables.trimmed().to_owned();
                configure::skipped(&mut state.form).await?;
                if state.form.skip_tables.trimmed() != before {
                    return Ok(Chosen::Check);
                }
            }
            "i" => {
                let before = state.form.identity;
                state.form.identity = identities(before).await?;
                if state.form.identity != before {
                    return Ok(Chosen::Check);
                }
            }
            "n" => {
                if content(&mut state.form).await? {
                    return Ok(Chosen::Check);
                }
            }
            "g" => guide::offer(state).await?,
            "f" => state.check.iter().for_each(|check| out::print(&script(check))),
            "p" => passed(state),
            _ => return Ok(Chosen::Leave),
        }
    }
}

fn choices(state: &State) -> Vec<(&'static str, String)> {
    let mut choices = Vec::new();
    let Some(check) = &state.check else { return choices };
    let judged = check.ended == Some(Ending::Ended(RunOutcome::Checked));
    let open = check.possible.iter().any(|p| p.not_continuous.is_none() || p.not_snapshot.is_none());
    if judged && (open || check.may_start().is_ok()) {
        choices.push(("s", "go on to the migration".to_owned()));
    }
    choices.push(("r", "Run check again".to_owned()));
    choices.push(("e", "change the source".to_owned()));
    choices.push(("t", "change the target".to_owned()));
    let all = check.databases().len() as u64;
    if all > 0 {
        let out = state.form.excluded().len();
        choices.push(("x", format!("databases to leave out, now {out} of {}", count_of(all, "database"))));
    }
    let skipped = Some(state.form.skip_tables.trimmed()).filter(|tables| !tables.is_empty());
    choices.push(("l", format!("rows of tables to leave out, now {}", printable(skipped.unwrap_or("none")))));
    if judged && asks_for_identities(state, check) {
        let (now, without) = (identity(state.form.identity).0, check.without_identity().len() as u64);
        choices.push(("i", format!("{} without a replica identity, now {now}", count_of(without, "table"))));
    }
    if judged && asks_about_content(state, check) {
        choices
            .push(("n", format!("targets that are not empty, now {}", content_word(state.form.not_empty))));
    }
    choices.push(("g", "how to prepare the source, and what of it was seen".to_owned()));
    if check.run.findings.iter().any(|finding| !finding.fix.is_empty()) {
        choices.push(("f", "all fixes as scripts for psql".to_owned()));
    }
    choices.push(("p", "what passed or was skipped, one by one".to_owned()));
    choices.push(("q", "quit".to_owned()));
    choices
}

fn passed(state: &mut State) {
    let Some(check) = &mut state.check else { return };
    check.passed = Passed::Listed;
    rows(check).iter().filter(|row| row.weight > Weight::Info).for_each(line);
    check.passed = Passed::Counted;
}

/// Databases of the source, by the names that the check has found. True where others are left out than before.
async fn left_out(state: &mut State) -> Result<bool, Gone> {
    let found = state.check.as_ref().map(Check::databases).unwrap_or_default();
    let before = state.form.excluded();
    out::print("The source's databases:");
    for name in &found {
        let mark = if before.contains(name) { ", left out" } else { "" };
        out::print(&format!("  {}{mark}", readable(name)));
    }
    let old = state.form.exclude.value().to_owned();
    loop {
        let question = "Exclude databases, names with spaces between them";
        configure::fill(&mut state.form, Field::Exclude, (question, "none")).await?;
        let names = state.form.excluded();
        let Some(unknown) = names.iter().find(|name| !found.contains(name)) else {
            return Ok(names != before);
        };
        out::print(&format!("error: the source has no database {}", readable(unknown)));
        state.form.exclude.set(old.clone());
    }
}

/// What becomes of tables of which nothing tells the rows apart. What is set now is the first choice.
async fn identities(now: IdentityPolicy) -> Result<IdentityPolicy, Gone> {
    let mut all = IDENTITIES;
    all.sort_by_key(|policy| *policy != now);
    let choices = all.map(|policy| {
        let (word, means) = identity(policy);
        (word, means.to_owned())
    });
    let chosen = choose(&choices).await?;
    Ok(all.into_iter().find(|policy| identity(*policy).0 == chosen).unwrap_or(now))
}

/// The policy's word without the arrows of the window's field.
fn content_word(policy: TargetPolicy) -> &'static str {
    not_empty(policy).0.trim_matches(|c: char| !c.is_ascii_alphabetic())
}

/// What becomes of databases on the target that hold something. True where that is another choice than before.
pub(super) async fn content(form: &mut Form) -> Result<bool, Gone> {
    let now = content_word(form.not_empty);
    for policy in NOT_EMPTY {
        out::print(&format!("  {}: {}", content_word(policy), not_empty(policy).1));
    }
    loop {
        let answer = ask("Databases on the target that are not empty", now).await?;
        if let Some(policy) = NOT_EMPTY.into_iter().find(|policy| content_word(*policy) == answer) {
            let other = policy != form.not_empty;
            form.not_empty = policy;
            return Ok(other);
        }
        out::print("Please answer refuse, append or truncate.");
    }
}
