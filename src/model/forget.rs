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
    /// Such a one that was worked through, with losses, and still bears our mark.
    Marked(String),
}

impl NotForgotten {
    pub fn what(&self) -> String {
        match self {
            NotForgotten::Follows(name) => format!("{} follows its source", readable(name)),
            NotForgotten::Replication => "objects of ours may be left on the servers".to_owned(),
            NotForgotten::HalfMade(name) => {
                format!("the half copied database {} is on the target", readable(name))
            }
            NotForgotten::Marked(name) => {
                format!(
                    "the database {} on the target lacks something and is marked as unfinished",
                    readable(name)
                )
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
            // Roles and databases are the operator's; what a newer version made, nobody here knows.
            let is_his = matches!(line.object.kind, ObjectKind::Role | ObjectKind::Database);
            line.state != LedgerState::NotOurs && !is_his
        };
        if self.ledger.values().any(serves) || self.databases.values().any(|d| !d.identities.is_empty()) {
            return Some(NotForgotten::Replication);
        }
        // One that was worked through is the operator's, whatever it lacks, once a clean-up has taken our mark off it.
        let is_his = |outcome| outcome == Some(DatabaseOutcome::Incomplete) && self.cleaned;
        let half = self.half_made().into_iter().find(|half| !is_his(half.outcome))?;
        Some(match half.outcome {
            Some(DatabaseOutcome::Incomplete) => NotForgotten::Marked(half.name),
            _ => NotForgotten::HalfMade(half.name),
        })
    }
}
