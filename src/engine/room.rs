//! How much is done at a time, within what both servers have.

use super::checks::{Found, Reached};
use super::emit::Emitter;
use crate::model::check::Finding;
use crate::model::event::Event;
use crate::model::plan::Plan;
use crate::model::units::count_of;

/// How many databases are worked on side by side at most. Each keeps a snapshot and its locks on the source.
const MOST_DATABASES: u32 = 8;
/// Connections that are left for others on each server.
const SPARE_CONNECTIONS: u32 = 3;
/// Sessions of one database beside those of its workers: the snapshot's holder, pg_dump, one for questions.
const OVERHEAD: u32 = 3;
/// Sessions of a closing on each server beside those of the workers: the locks, the snapshot's holder and spare, and those
/// for questions.
const CLOSING_SESSIONS: u32 = 8;
/// How many connections are closed side by side at most.
const MOST_CLOSING: u32 = 16;
/// Workers where no server tells how many processors it has.
const JOBS_UNKNOWN: u32 = 4;
/// More are only taken when the operator says so: both servers are in use, or will be.
const JOBS: std::ops::RangeInclusive<u32> = 2..=16;

/// How much is done at a time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Room {
    /// Pieces of work, over all databases.
    pub(crate) jobs: u32,
    pub(crate) databases: u32,
    /// Databases whose connections are closed side by side.
    pub(crate) closing: u32,
    /// Processors of the target; where it does not tell, one for each worker.
    pub(crate) target_cores: u32,
}

impl Room {
    /// As many as asked for, or as the servers' processors are good for, but no more than they have connections for:
    /// taking the last one of a server that is in use would be an outage.
    pub(super) fn within(plan: &Plan, found: &Found, emit: &Emitter) -> Room {
        let (source, target) = (cores(&found.source), cores(&found.target));
        let (wanted, mut because) = match plan.jobs {
            Some(jobs) => (jobs, "as asked".to_owned()),
            None => choose(source, target),
        };
        let free = found.source.facts.free_connections.min(found.target.facts.free_connections);
        let free = u32::try_from(free).unwrap_or(0).saturating_sub(SPARE_CONNECTIONS);
        // A worker may leave a pair for COPY and a session for statements behind it, for the next one to use.
        let jobs = wanted.min((free.saturating_sub(OVERHEAD) / 2).max(1));
        if jobs < wanted {
            because = format!("the servers have few connections left, or it would be {wanted}");
            let title = format!("{jobs} at a time instead of {wanted}");
            let why = "the servers have few connections left";
            emit.record(Event::Finding { finding: Finding::info("jobs", title).because(why) });
        }
        emit.record(Event::JobsChosen { jobs, because });
        let databases = (free / (2 * jobs + OVERHEAD)).clamp(1, MOST_DATABASES.min(jobs.max(2)));
        let closing = (free.saturating_sub(2 * jobs) / CLOSING_SESSIONS).clamp(1, MOST_CLOSING);
        Room { jobs, databases, closing, target_cores: target.unwrap_or(jobs) }
    }
}

/// The target does most of the work: it parses, writes and builds indexes. A worker keeps less than half a processor of
/// the source busy.
fn choose(source: Option<u32>, target: Option<u32>) -> (u32, String) {
    let of_source = source.map(|cores| cores.saturating_mul(2));
    let jobs = target.into_iter().chain(of_source).min().unwrap_or(JOBS_UNKNOWN);
    let processors = |cores: u32| count_of(u64::from(cores), "processor");
    let because = match (source, target) {
        (None, None) => "neither server tells how many processors it has".to_owned(),
        (Some(cores), None) => format!("the source has {}, the target does not tell", processors(cores)),
        (None, Some(cores)) => format!("the target has {}, the source does not tell", processors(cores)),
        (Some(of_source), Some(of_target)) => {
            format!("the source has {}, the target {of_target}", processors(of_source))
        }
    };
    (jobs.clamp(*JOBS.start(), *JOBS.end()), because)
}

/// How many workers a migration would have, as far as processors go.
pub(super) fn workers(plan: &Plan, source: Option<u32>, target: Option<u32>) -> u32 {
    plan.jobs.unwrap_or_else(|| choose(source, target).0)
}

/// What the server says, or what this machine has if the server is on it.
fn cores(reached: &Reached) -> Option<u32> {
    let here = || std::thread::available_parallelism().ok().and_then(|n| u32::try_from(n.get()).ok());
    reached.facts.cores.or_else(|| reached.server.endpoint().is_local().then(here).flatten())
}

#[cfg(test)]
mod tests {
    use super::choose;

    #[test]
    fn the_weaker_server_decides() {
        assert_eq!(choose(Some(2), Some(8)).0, 4);
        assert_eq!(choose(Some(16), Some(8)).0, 8);
        assert_eq!(choose(None, Some(1)).0, 2);
        assert_eq!(choose(Some(96), Some(96)).0, 16);
        assert_eq!(choose(None, None).0, 4);
    }
}
