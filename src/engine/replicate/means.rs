//! Whether two servers can replicate at all, before anything about a database's tables.

use super::subscribe::conninfo;
use crate::engine::checks::Reached;
use crate::engine::sessions::{keep_out_of_log, settings};
use crate::model::failure::Failure;
use crate::model::plan::Plan;
use crate::model::units::Side;
use crate::pg::facts::replication::server::{ReplicationFacts, aiven_extras, gather};
use crate::pg::statement::fixes;
use crate::pg::statement::replication::subscription::probe;

/// Who makes subscriptions on the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Subscriber {
    OurUser,
    /// aiven_extras, where the target's database has it.
    Extension,
}

/// Why these two servers cannot replicate so many databases, if they cannot.
///
/// # Errors
/// The reason, and what to do about it.
pub(crate) async fn judge(
    plan: &Plan,
    source: &Reached,
    target: &Reached,
    wanted: u32,
) -> Result<Subscriber, Failure> {
    let from = ask(source, Side::Source).await?;
    let to = ask(target, Side::Target).await?;
    judge_source(source, &from, wanted)?;
    judge_target(&to, wanted)?;
    if to.rights.superuser {
        reach(plan, source, target).await?;
    } else {
        // A statement that fails goes into the target's log, and this one holds the source's password: who may not keep it
        // out of there does not try.
        conninfo(plan, (&source.server, &target.server), &source.home, target.facts.version)?;
    }
    let itself = to.rights.superuser || to.rights.create_subscription;
    Ok(if itself { Subscriber::OurUser } else { Subscriber::Extension })
}

/// Whether the extension can subscribe in the target's database of this name.
///
/// # Errors
/// Outside: the target cannot be asked. Inside: why not.
pub(crate) async fn extension_subscribes(
    target: &Reached,
    database: &str,
) -> Result<Result<(), Failure>, Failure> {
    let refused = || {
        let way = if target.facts.version.at_least(16) {
            format!(
                "on the target: {} or install aiven_extras in the database",
                fixes::grant_role("pg_create_subscription", &target.facts.user)
            )
        } else {
            "install aiven_extras in the target's database; without it only a superuser may subscribe before 16".to_owned()
        };
        Failure::refused(format!("{} may not subscribe on the target", target.facts.user)).advise(way)
    };
    if !target.databases.iter().any(|d| d.name == database) {
        return Ok(Err(refused()));
    }
    let session = target.server.connect(database, &settings(Side::Target, target.facts.version)).await?;
    Ok(match aiven_extras(&session).await? {
        Some(extras) if extras.subscribes() => Ok(()),
        _ => Err(refused()),
    })
}

async fn ask(reached: &Reached, side: Side) -> Result<ReplicationFacts, Failure> {
    let session = reached.server.connect(&reached.home, &settings(side, reached.facts.version)).await?;
    Ok(gather(&session).await?)
}

fn judge_source(source: &Reached, facts: &ReplicationFacts, wanted: u32) -> Result<(), Failure> {
    let wanted = i32::try_from(wanted).unwrap_or(i32::MAX);
    if !facts.decodes() {
        return Err(Failure::refused(format!("wal_level is {} on the source, not logical", facts.wal_level))
            .advise(format!(
                "on the source: {} then restart it",
                fixes::alter_system("wal_level", "logical")
            )));
    }
    if source.facts.in_recovery {
        return Err(Failure::refused("the source is a standby").advise("name its primary as the source"));
    }
    if !facts.rights.superuser && !facts.rights.replication {
        return Err(Failure::refused(format!("{} has no REPLICATION on the source", source.facts.user))
            .advise(format!("on the source: {}", fixes::role_attribute(&source.facts.user, "REPLICATION"))));
    }
    for (what, supply) in [("max_replication_slots", facts.slots), ("max_wal_senders", facts.senders)] {
        if supply.free() < wanted {
            return Err(Failure::refused(format!(
                "{wanted} more are needed and {} are free of {what} ({}) on the source",
                supply.free().max(0),
                supply.max
            ))
            .advise(format!(
                "raise {what} on the source and restart it, or migrate fewer databases at once"
            )));
        }
    }
    Ok(())
}

fn judge_target(facts: &ReplicationFacts, wanted: u32) -> Result<(), Failure> {
    let wanted = i32::try_from(wanted).unwrap_or(i32::MAX);
    let supplies =
        [("max_logical_replication_workers", facts.logical_workers), ("replication origins", facts.origins)];
    for (what, supply) in supplies {
        if supply.free() < wanted {
            return Err(Failure::refused(format!(
                "{wanted} more are needed and {} are free of {what} ({}) on the target",
                supply.free().max(0),
                supply.max
            ))
            .advise("raise max_logical_replication_workers and max_replication_slots on the target and restart it"));
        }
    }
    Ok(())
}

/// The target really connects to the source, in a transaction that is rolled back.
async fn reach(plan: &Plan, source: &Reached, target: &Reached) -> Result<(), Failure> {
    let conninfo = conninfo(plan, (&source.server, &target.server), &source.home, target.facts.version)?;
    let session = target.server.connect(&target.home, &settings(Side::Target, target.facts.version)).await?;
    keep_out_of_log(&session).await;
    // That the source has no such publication is no news for the target's log.
    session.batch("SET log_min_messages = panic; BEGIN").await?;
    let dialled = session.batch(probe(&conninfo.text).expose()).await;
    session.batch("ROLLBACK").await?;
    dialled.map_err(|error| {
        Failure::refused(format!("the target cannot connect to the source: {}", error.message)).advise(
            "open the way from the target to the source, or name the address that it must use with --source-for-target",
        )
    })
}
