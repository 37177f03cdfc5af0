//! What becomes of databases that cannot be replicated, and whether all of it is to be a one-time snapshot.

use super::without_keys;
use crate::cli::ask::{Gone, Preset, choose, yes};
use crate::cli::out;
use crate::model::units::{printable, readable};
use crate::ui::state::check::{Check, Decision, Way};
use crate::ui::steps::validation::decisions::{SNAPSHOT_MEANS, checkbox, expectation, how_many, title};
use crate::ui::steps::validation::update::offers_snapshot;

/// False where something is still in the way.
pub(super) async fn decide(check: &mut Check) -> Result<bool, Gone> {
    check.decisions.each.clear();
    out::print(&format!("{}: {}", title(check), how_many(check)));
    check.decisions.snapshot = false;
    if offers_snapshot(check) {
        let (what, means) = checkbox(check);
        out::print(&format!("With a one-time snapshot: {means}"));
        check.decisions.snapshot = yes(&what, Preset::No).await?;
    }
    one_by_one(check).await?;
    stuck(check).await?;
    match check.may_start() {
        Ok(()) => {
            expectation(check).iter().for_each(|text| out::print(text));
            Ok(true)
        }
        Err(why) => {
            out::print(&without_keys(&why));
            Ok(false)
        }
    }
}

/// Where some can be replicated, the others have a choice each.
async fn one_by_one(check: &mut Check) -> Result<(), Gone> {
    let choices: Vec<_> = check.choices().into_iter().filter(|p| p.not_snapshot.is_none()).cloned().collect();
    for possible in choices {
        let why = possible.not_continuous.as_deref().unwrap_or_default();
        let name = readable(&possible.database);
        out::print(&format!("{name} cannot be replicated: {}", printable(why)));
        out::print(&format!("By a one-time snapshot: {SNAPSHOT_MEANS}"));
        // What loses rows is not chosen by Enter.
        let decision = match choose(&ways(&name)).await? {
            "m" => Decision::Snapshot,
            "l" => Decision::LeaveOut,
            _ => continue,
        };
        check.decisions.each.insert(possible.database, decision);
    }
    Ok(())
}

fn ways(name: &str) -> [(&'static str, String); 3] {
    [
        ("n", "not decided: nothing can be started, back to the report".to_owned()),
        ("m", format!("move {name} by a one-time snapshot")),
        ("l", format!("leave {name} out")),
    ]
}

async fn stuck(check: &mut Check) -> Result<(), Gone> {
    let stuck: Vec<_> = check.possible.iter().filter(|p| check.way(p) == Way::Impossible).cloned().collect();
    for possible in stuck {
        let why = possible.not_snapshot.as_deref().unwrap_or_default();
        let name = readable(&possible.database);
        out::print(&format!("{name} cannot be moved at all: {}", printable(why)));
        if yes(&format!("Leave {name} out"), Preset::No).await? {
            check.decisions.each.insert(possible.database, Decision::LeaveOut);
        }
    }
    Ok(())
}
