//! What is tried because no question answers it, and undone at once: a temporary slot, the source's rate of writing.

use super::ask::known;
use super::facts::{Known, SlotProbe};
use super::gather::Reached;
use crate::engine::sessions::settings;
use crate::model::endpoint::Endpoint;
use crate::model::failure::Failure;
use crate::model::plan::Plan;
use crate::model::units::Side;
use crate::pg::facts::replication::progress::position;
use crate::pg::facts::replication::server::{ReplicationFacts, gather};
use crate::pg::statement::fixes;
use crate::pg::wire::{SlotLife, SlotSnapshot};
use std::path::Path;
use std::time::Duration;

/// A slot that takes longer waits for somebody, and that is what has to be known.
const SLOT_PATIENCE: Duration = Duration::from_secs(3);
/// How long the source's log is watched.
const WATCHED: Duration = Duration::from_secs(1);

/// What keeps a slot that was made out of the server's log; the first does it alone.
const QUIET: [(&str, &str); 2] = [("log_min_messages", "panic"), ("log_replication_commands", "off")];

/// Tries a temporary slot. Where it is known beforehand that none can be made, the source's log is spared the error.
/// `settable`: what our user may set although it is no superuser.
pub(super) async fn slot(plan: &Plan, source: &Reached, settable: &[String]) -> SlotProbe {
    let not = |why: &str| SlotProbe::NotTried(why.to_owned());
    let settings = settings(Side::Source, source.facts.version);
    let facts = match source.server.connect(&source.home, &settings).await {
        Ok(session) => known(&session, gather(&session)).await,
        Err(error) => Err(error.message.clone()),
    };
    match facts {
        Err(why) => return not(&why),
        // The whole server would notice.
        Ok(facts) if facts.decodes() && facts.wal_level != "logical" => {
            return not("the first slot raises wal_level from 19 on");
        }
        Ok(facts) if !could(&facts) => return not("the source is not set up for it yet"),
        Ok(_) if source.facts.in_recovery => return not("the source is a standby"),
        Ok(_) => {}
    }
    let may_set = |name: &str| source.facts.superuser || settable.iter().any(|s| s == name);
    if !may_set(QUIET[0].0) {
        return SlotProbe::WouldStay(would_stay(source));
    }
    let mut quiet = settings;
    quiet.extend(QUIET.into_iter().filter(|(name, _)| may_set(name)));
    let mut connection = match source.server.connect_replication(&source.home, &quiet).await {
        Ok(connection) => connection,
        Err(error) => return SlotProbe::Failed(Failure::from(error)),
    };
    let canceller = connection.canceller();
    let name = format!("pgpassage_{}_probe", plan.id);
    let making = connection.create_logical_slot(
        &name,
        SlotLife::Temporary,
        SlotSnapshot::Omitted,
        source.facts.version,
    );
    match tokio::time::timeout(SLOT_PATIENCE, making).await {
        Ok(Ok(_)) => SlotProbe::Made,
        Ok(Err(error)) => SlotProbe::Failed(Failure::from(error)),
        Err(_) => {
            drop(canceller.cancel().await);
            SlotProbe::Waited
        }
    }
}

fn would_stay(source: &Reached) -> String {
    let grant = match source.facts.version.at_least(15) {
        true => format!(": {}", fixes::grant_set(QUIET[0].0, &source.facts.user)),
        false => ", and before 15 only a superuser may keep it out".to_owned(),
    };
    format!("a slot that is tried leaves a message in the source's log{grant}")
}

fn could(facts: &ReplicationFacts) -> bool {
    let may = facts.rights.superuser || facts.rights.replication;
    may && facts.wal_level == "logical" && facts.slots.free() > 0 && facts.senders.free() > 0
}

/// How much log the source writes in a second, by looking twice.
pub(super) async fn wal_bytes_per_s(source: &Reached) -> Known<u64> {
    let settings = settings(Side::Source, source.facts.version);
    let session =
        source.server.connect(&source.home, &settings).await.map_err(|error| error.message.clone())?;
    let before = known(&session, position(&session)).await?;
    let began = tokio::time::Instant::now();
    tokio::time::sleep(WATCHED).await;
    let after = known(&session, position(&session)).await?;
    let ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX).max(1);
    Ok(after.bytes_since(before).saturating_mul(1000) / ms)
}

/// Free space where a server keeps its data, if it is on this machine: `pid` is that of the process that serves an open
/// session of ours. An address alone would not do: behind a local port there may be a tunnel.
pub(super) fn free_bytes(endpoint: &Endpoint, pid: i32, data: &str) -> Option<u64> {
    let serves = || std::fs::read_to_string(format!("/proc/{pid}/comm")).ok();
    if !endpoint.is_local() || !serves()?.starts_with("postgres") {
        return None;
    }
    let disk = rustix::fs::statvfs(Path::new(data)).ok()?;
    disk.f_bavail.checked_mul(disk.f_frsize)
}
