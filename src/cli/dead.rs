//! What is said of a migration whose engine died: what it left behind, and how to go on.

use crate::link::Known;
use crate::model::event::{DatabaseOutcome, ObjectKind, ServerObject};
use crate::model::run::LedgerState;
use crate::model::units::{printable, readable};

/// Nothing, if its engine lives or has ended in good order.
pub(super) fn obituary(known: &Known) -> Vec<String> {
    if !known.is_dead() {
        return Vec::new();
    }
    let (id, run) = (&known.id, &known.run);
    let pid = if run.pid == 0 { String::new() } else { format!(" (pid {})", run.pid) };
    let mut lines = vec![if run.only_follows() {
        format!("The engine{pid} died. What follows goes on following by itself, and nobody watches over it.")
    } else {
        format!("The engine{pid} died in the middle of its work: killed, or the machine went down.")
    }];
    lines.extend(known.damage.as_ref().map(|why| format!("  its journal is damaged: {}", printable(why))));
    let left = left(known);
    if !left.is_empty() {
        let what = if run.only_follows() { "What serves that" } else { "What it made, and may have left" };
        lines.push(format!("{what} on the servers:"));
        lines.extend(left.iter().map(|line| format!("  {line}")));
    }
    let follows = run.databases.values().any(|d| d.outcome == Some(DatabaseOutcome::Following));
    if follows {
        lines.push(format!("  pgpassage status {id} --watch --detach   watch over what follows again"));
        lines.push(format!("  pgpassage finish {id}                    close the connection in good order"));
    }
    let space = if follows { "         " } else { "" };
    lines.push(format!(
        "  pgpassage clean {id}  {space}          remove what serves replication, and drop unfinished databases"
    ));
    lines
}

/// What the journal says may be there and is to be removed by somebody.
fn left(known: &Known) -> Vec<String> {
    let run = &known.run;
    let half_made = run.half_made();
    let ours = run.ledger.values().filter(|line| line.state != LedgerState::NotOurs);
    let left = ours.filter(|line| match line.object.kind {
        ObjectKind::Publication | ObjectKind::Slot | ObjectKind::Subscription | ObjectKind::Membership => {
            true
        }
        ObjectKind::Database => half_made.iter().any(|half| half.name == line.object.name),
        // Roles are meant to stay.
        ObjectKind::Role | ObjectKind::Unknown => false,
    });
    let mut lines: Vec<_> = left
        .map(|line| {
            let doubt = if line.state == LedgerState::Making { " (if it came to be made)" } else { "" };
            format!("{}{doubt}", object(&line.object))
        })
        .collect();
    for (database, state) in &run.databases {
        lines.extend(state.identities.keys().map(|table| {
            format!("changed replica identity of {table} in {} on the source", readable(database))
        }));
    }
    lines.iter().map(|line| printable(line)).collect()
}

fn object(object: &ServerObject) -> String {
    let word = match object.kind {
        ObjectKind::Publication => "publication",
        ObjectKind::Slot => "replication slot",
        ObjectKind::Subscription => "subscription",
        ObjectKind::Database => "unfinished database",
        ObjectKind::Membership => "our user's membership in role",
        ObjectKind::Role => "role",
        ObjectKind::Unknown => "object",
    };
    let keeps = if object.kind == ObjectKind::Slot { ": the source keeps its WAL for it" } else { "" };
    format!("{word} {} on the {}{keeps}", readable(&object.name), object.side)
}
