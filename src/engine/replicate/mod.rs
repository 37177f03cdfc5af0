//! Continuous migration of one database: what it takes, what is made for it on both servers, and how that is removed.
//!
//! ```text
//! survey: which tables, and what tells their rows apart
//!    └─► prepare: replica identities ─► publications ─► slot, whose snapshot the copy reads
//!           └─► (schema, copy, indexes under that snapshot) ─► subscribe ─► wait until it follows
//!                   └─► finish: silence ─► in sync ─► what replication does not carry ─► verify ─► remove
//! ```
//! Whatever ends a run before the database follows, removes what was made: [`remove`] works from the journal's ledger.

pub(crate) mod again;
pub(crate) mod finish;
pub(crate) mod means;
pub(crate) mod publish;
pub(crate) mod remove;
mod silence;
pub(crate) mod slot;
pub(crate) mod subscribe;
pub(crate) mod survey;
pub(crate) mod verify;

use crate::model::event::{ObjectKind, ServerObject};
use crate::model::names::{self, Mangle, ObjectNames};
use crate::model::plan::Plan;
use crate::model::units::Side;

/// The names of what we make for a database.
///
/// `None` where the migration's name is too long for it.
pub(crate) fn names_for(plan: &Plan, database: &str) -> Option<ObjectNames> {
    let mangle = if plan.replication.mangle { Mangle::Always } else { Mangle::WhereNeeded };
    ObjectNames::new(&plan.id, database, mangle)
}

/// An object as the ledger knows it.
pub(crate) fn object(names: &ObjectNames, kind: names::ObjectKind, database: &str) -> ServerObject {
    let (side, of_ledger) = match kind {
        names::ObjectKind::Publication | names::ObjectKind::InsertPublication => {
            (Side::Source, ObjectKind::Publication)
        }
        names::ObjectKind::Slot => (Side::Source, ObjectKind::Slot),
        names::ObjectKind::Subscription => (Side::Target, ObjectKind::Subscription),
    };
    ServerObject { side, kind: of_ledger, name: names.of(kind), database: Some(database.to_owned()) }
}
