//! An engine in this very process.

use super::Link;
use crate::engine;
use crate::model::failure::Failure;
use crate::model::plan::Plan;
use crate::model::secrets::Secrets;
use crate::model::task::{Stay, Task};

/// Starts an engine here for a later command on a migration that exists.
///
/// # Errors
/// As [`start_local`].
pub fn resume_local(plan: Plan, secrets: Secrets, task: Task) -> Result<Link, Failure> {
    Ok(link(engine::resume(plan, secrets, task)?))
}

fn link(handle: engine::Handle) -> Link {
    Link { entries: handle.entries, gauges: handle.gauges, commands: handle.commands, ended: handle.ended }
}

/// Starts an engine here. Must be called within a tokio runtime.
///
/// # Errors
/// When the migration's folder cannot be used, or another engine works on it.
pub fn start_local(plan: Plan, secrets: Secrets, stay: Stay) -> Result<Link, Failure> {
    Ok(link(engine::start(plan, secrets, stay)?))
}
