//! An engine in this very process.

use super::Link;
use crate::engine;
use crate::model::failure::Failure;
use crate::model::plan::Plan;
use crate::model::secrets::Secrets;

/// Starts an engine here. Must be called within a tokio runtime.
///
/// # Errors
/// When the migration's folder cannot be used, or another engine works on it.
pub fn start_local(plan: Plan, secrets: Secrets) -> Result<Link, Failure> {
    let handle = engine::start(plan, secrets)?;
    Ok(Link {
        entries: handle.entries,
        gauges: handle.gauges,
        commands: handle.commands,
        ended: handle.ended,
    })
}
