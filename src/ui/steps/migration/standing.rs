//! What became of each database on the target where it did not go well: none of the migration's goes without a word.

use super::{finished, why_kept};
use crate::model::event::{DatabaseOutcome, ObjectKind};
use crate::model::half_made::HalfMade;
use crate::model::run::{DatabaseRun, LedgerState};
use crate::model::units::{Side, readable};
use crate::ui::state::live::Live;
use crate::ui::update::commandable;
use std::collections::BTreeSet;

/// Of these there is nothing on the target.
const NOT_BEGUN: &str = "not begun";
const NOT_THERE: &str = "not there";

/// Of every database; those of which the same is to be said are named together.
pub fn all(live: &Live) -> Vec<String> {
    let groups = grouped(live, &[]);
    if groups.iter().all(|(what, _)| [NOT_BEGUN, NOT_THERE].contains(&what.as_str())) {
        return vec!["no database of this migration".to_owned()];
    }
    said(&groups)
}

/// The same without those of which something else is said.
pub fn but(live: &Live, others: &[&str]) -> Vec<String> {
    said(&grouped(live, others))
}

fn said(groups: &[(String, Vec<String>)]) -> Vec<String> {
    let one = |(what, all): &(String, Vec<String>)| {
        let all: Vec<_> = all.iter().map(String::as_str).collect();
        format!("{} {what}", names(&all))
    };
    groups.iter().map(one).collect()
}

/// By name, and those beyond the fourth counted.
pub fn names(all: &[&str]) -> String {
    const MOST: usize = 4;
    let shown: Vec<_> = all.iter().take(MOST).map(|name| readable(name)).collect();
    let more = all.len().saturating_sub(MOST);
    let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{rest}", shown.join(", "))
}

/// What is there comes first, and then the rest by their names.
fn grouped(live: &Live, others: &[&str]) -> Vec<(String, Vec<String>)> {
    let half = live.run.half_made();
    let there = finished(live).into_iter().chain(half.iter().map(|half| half.name.as_str()));
    let all = there.chain(live.run.databases.keys().map(String::as_str));
    let mut seen: BTreeSet<_> = others.iter().copied().collect();
    let mut groups: Vec<(String, Vec<String>)> = Vec::new();
    for name in all.filter(|name| seen.insert(*name)) {
        let what = standing(live, name, &half);
        match groups.iter_mut().find(|(of, _)| *of == what) {
            Some((_, all)) => all.push(name.to_owned()),
            None => groups.push((what, vec![name.to_owned()])),
        }
    }
    groups
}

fn standing(live: &Live, name: &str, half: &[HalfMade]) -> String {
    let unknown = DatabaseRun::default();
    let database = live.run.databases.get(name).unwrap_or(&unknown);
    let half = half.iter().find(|half| half.name == name);
    match (database.outcome, half) {
        (Some(DatabaseOutcome::Done | DatabaseOutcome::Following), _) => "whole",
        (None, _) if database.began_ms.is_some() && commandable(live) => "at work",
        (_, Some(half)) => return of_ours(live, half),
        _ if database.followed => "copied, but no longer following",
        _ if is_somebody_elses(live, name) => "made by somebody else meanwhile",
        // Before there is a snapshot nothing is put into what was there.
        _ if database.existed && database.tables > 0 => "there before, perhaps partly copied",
        _ if database.existed => "there before",
        _ if database.began_ms.is_none() => NOT_BEGUN,
        _ => NOT_THERE,
    }
    .to_owned()
}

/// Made by this migration, and not brought to its end.
fn of_ours(live: &Live, half: &HalfMade) -> String {
    match (half.oid, half.outcome, why_kept(live, half)) {
        (None, ..) => "perhaps begun".to_owned(),
        (_, _, Some(why)) => format!("not whole, still there: {why}"),
        (_, Some(DatabaseOutcome::Incomplete), _) => "worked through, not whole".to_owned(),
        _ => "half copied".to_owned(),
    }
}

fn is_somebody_elses(live: &Live, name: &str) -> bool {
    live.run.ledger.values().any(|line| {
        line.state == LedgerState::NotOurs
            && line.object.kind == ObjectKind::Database
            && line.object.side == Side::Target
            && line.object.name == name
    })
}
