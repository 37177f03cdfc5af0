//! What a migration has made on the target and not brought to its end.

use super::event::{DatabaseOutcome, ObjectKind};
use super::run::{DatabaseRun, LedgerLine, LedgerState, Run};
use super::task::Unfinished;
use super::units::human_bytes;

/// A database on the target that this migration made and did not bring to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HalfMade {
    pub name: String,
    /// Absent where the engine died before it knew whether the database had come to be: it may be somebody else's.
    pub oid: Option<u32>,
    pub outcome: Option<DatabaseOutcome>,
    /// What the tables have that were copied to their ends; what the others have is not known any more.
    pub bytes: u64,
}

impl HalfMade {
    /// What is in it, as far as that is known.
    pub fn copied(&self) -> String {
        match (self.bytes, self.outcome) {
            (0, Some(DatabaseOutcome::Incomplete)) => "worked through, not whole".to_owned(),
            (0, _) => "half copied".to_owned(),
            (bytes, _) => format!("at least {} copied", human_bytes(bytes)),
        }
    }
}

impl Unfinished {
    /// Whether a clean-up of this kind drops it.
    pub fn drops(self, half: &HalfMade) -> bool {
        match self {
            Unfinished::Keep => false,
            Unfinished::Drop => half.outcome != Some(DatabaseOutcome::Incomplete),
            Unfinished::DropIncomplete => true,
        }
    }
}

impl Run {
    /// Databases on the target that this migration made and that are neither whole nor ever followed. What was there before
    /// is not among them.
    pub fn half_made(&self) -> Vec<HalfMade> {
        let whole = |d: &DatabaseRun| {
            d.followed || matches!(d.outcome, Some(DatabaseOutcome::Done | DatabaseOutcome::Following))
        };
        let made = self.ledger.values().filter(|line| line.state != LedgerState::NotOurs);
        let databases = made.filter(|line| line.object.kind == ObjectKind::Database);
        let half = |line: &LedgerLine| {
            let name = line.object.name.clone();
            match self.databases.get(&name) {
                Some(database) if whole(database) => None,
                Some(DatabaseRun { oid, outcome, bytes, .. }) => {
                    Some(HalfMade { name, oid: *oid, outcome: *outcome, bytes: *bytes })
                }
                None => Some(HalfMade { name, oid: None, outcome: None, bytes: 0 }),
            }
        };
        databases.filter_map(half).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::event::{Entry, Event, ServerObject};
    use crate::model::units::Side;

    #[test]
    fn half_made_is_what_we_made_and_neither_finished_nor_ever_followed() {
        use DatabaseOutcome::{Cancelled, Done, Failed, Following, Incomplete};
        let ended = |name: &str, outcome| Event::DatabaseEnded {
            database: name.into(),
            outcome,
            message: String::new(),
        };
        let object = |name: &str| ServerObject {
            side: Side::Target,
            kind: ObjectKind::Database,
            name: name.into(),
            database: None,
        };
        let mut events = Vec::new();
        let all = [("a", Failed), ("b", Done), ("c", Incomplete), ("d", Following), ("theirs", Failed)];
        for (name, outcome) in all {
            events.push(Event::Making { object: object(name) });
            events.push(match name {
                "theirs" => Event::NotOurs { object: object(name) },
                _ => Event::DatabaseNumbered { database: name.into(), oid: 7 },
            });
            if outcome == Following {
                events.push(Event::Following { database: name.into() });
            }
            events.push(ended(name, outcome));
        }
        // What was copied before it was discontinued stays.
        events.push(ended("d", Cancelled));
        // It was there before.
        events.push(ended("before", Failed));
        // The engine died before it knew.
        events.push(Event::Making { object: object("e") });
        let entries: Vec<_> =
            events.into_iter().zip(1..).map(|(event, seq)| Entry { seq, at_ms: seq, event }).collect();
        let half = Run::fold(&entries).half_made();
        let names = |which: Unfinished| -> Vec<_> {
            half.iter().filter(|h| which.drops(h)).map(|h| (h.name.as_str(), h.oid)).collect()
        };
        assert_eq!(names(Unfinished::Keep), []);
        assert_eq!(names(Unfinished::Drop), [("a", Some(7)), ("e", None)]);
        assert_eq!(names(Unfinished::DropIncomplete), [("a", Some(7)), ("c", Some(7)), ("e", None)]);
    }
}
