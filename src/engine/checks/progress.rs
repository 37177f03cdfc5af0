//! Tells while the facts are gathered which of them are there: the checks are judged all at once, when the last has come.

use crate::engine::emit::Emitter;
use crate::model::event::Event;
use crate::model::plan::{MethodPolicy, Plan};
use crate::model::units::readable;
use std::future::Future;

pub(super) const SOURCE: &str = "source: settings, roles, slots";
pub(super) const TARGET: &str = "target: settings, roles, extensions";
pub(super) const SIZES: &str = "source: sizes of the databases";
pub(super) const WAL_RATE: &str = "source: how much log it writes";
pub(super) const MEANS: &str = "both: what replication takes";
pub(super) const SLOT: &str = "source: a slot, made and dropped";

/// One database is asked about on both servers at once.
pub(super) fn of_database(name: &str) -> String {
    format!("both: database {}", readable(name))
}

/// Whom the answers are told to: where something is begun afterwards nobody waits for this.
pub(crate) struct Progress<'a> {
    emit: Option<&'a Emitter>,
}

impl<'a> Progress<'a> {
    /// Says what will be asked, in the order in which it is asked as far as there is one.
    pub(super) fn begin(plan: &Plan, emit: &'a Emitter, databases: &[String]) -> Self {
        if !plan.only_checks {
            return Self { emit: None };
        }
        let mut questions: Vec<String> = [SOURCE, TARGET, SIZES, WAL_RATE].map(str::to_owned).into();
        questions.extend(databases.iter().map(|name| of_database(name)));
        if plan.method != MethodPolicy::Dump {
            questions.extend([MEANS, SLOT].map(str::to_owned));
        }
        emit.record(Event::Gathering { questions });
        Self { emit: Some(emit) }
    }

    /// Asks, and says that the answer is there.
    pub(super) async fn of<T>(&self, question: &str, asking: impl Future<Output = T>) -> T {
        let answer = asking.await;
        if let Some(emit) = self.emit {
            emit.record(Event::Gathered { question: question.to_owned() });
        }
        answer
    }
}
