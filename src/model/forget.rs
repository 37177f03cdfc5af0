//! Whether this machine may forget a migration: its journal is the only word on what that made.

use super::event::{DatabaseOutcome, ObjectKind};
use super::run::{LedgerLine, LedgerState, Run};
use super::units::readable;

/// What is in the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotForgotten {
    Follows(String),
    /// Objects of replication, or replica identities that were changed.
    Replication,
    /// A database on the target that is ours and not whole.
    HalfMade(String),
}

impl NotForgotten {
    pub fn what(&self) -> String {
        match self {
            NotForgotten::Follows(name) => format!("{} follows its source", readable(name)),
            NotForgotten::Replication => "objects of ours may be left on the servers".to_owned(),
            NotForgotten::HalfMade(name) => {
                format!("the half copied database {} is on the target", readable(name))
            }
        }
    }

    /// What to do first.
    pub fn first(&self, id: &str) -> String {
        match self {
            NotForgotten::Follows(_) => format!("first pgpassage finish {id}, or pgpassage stop {id}"),
            _ => format!("first pgpassage clean {id}"),
        }
    }
}

impl Run {
    /// Why it is not to be forgotten; none where nothing of it is left anywhere, as its ledger knows it.
    pub fn not_forgotten(&self) -> Option<NotForgotten> {
        let follows = self.databases.iter().find(|(_, d)| d.outcome == Some(DatabaseOutcome::Following));
        if let Some((name, _)) = follows {
            return Some(NotForgotten::Follows(name.clone()));
        }
        let serves = |line: &LedgerLine| {
            let kinds = [ObjectKind::Publication, ObjectKind::Slot, ObjectKind::Subscription];
            line.state != LedgerState::NotOurs && kinds.contains(&line.object.kind)
        };
        if self.ledger.values().any(serves) || self.databases.values().any(|d| !d.identities.is_empty()) {
            return Some(NotForgotten::Replication);
        }
        // One that was worked through is the operator's by now, whatever it lacks.
        let half =
            self.half_made().into_iter().find(|half| half.outcome != Some(DatabaseOutcome::Incomplete));
        half.map(|half| NotForgotten::HalfMade(half.name))
    }
}
