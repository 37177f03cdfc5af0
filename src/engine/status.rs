//! How a migration stands, asked of both servers. Changes nothing on either.

use super::emit::now_ms;
use super::replicate::names_for;
use super::replicate::subscribe::readiness;
use super::sessions::settings;
use crate::model::event::DatabaseOutcome;
use crate::model::failure::Failure;
use crate::model::names::ObjectKind;
use crate::model::plan::{Method, Plan};
use crate::model::run::Run;
use crate::model::secrets::Secrets;
use crate::model::status::DatabaseStatus;
use crate::model::units::{ServerVersion, Side};
use crate::pg::connect::Server;
use crate::pg::facts::replication::progress::of_slot;
use crate::pg::facts::replication::watch::sessions_of_others;

/// Asks about every database of the migration that follows; of the others the journal tells.
pub async fn status(plan: &Plan, secrets: &Secrets, run: &Run) -> Vec<DatabaseStatus> {
    let name = format!("pgpassage/{} {}", env!("CARGO_PKG_VERSION"), plan.id);
    let source = Server::new(plan.source.clone(), secrets.source.clone(), name.clone());
    let target = Server::new(plan.target.clone(), secrets.target.clone(), name);
    let mut all = Vec::new();
    for (database, state) in &run.databases {
        let mut status = DatabaseStatus {
            database: database.clone(),
            method: state.method.unwrap_or(Method::Dump),
            outcome: state.outcome,
            message: state.message.clone(),
            ..DatabaseStatus::default()
        };
        if state.outcome == Some(DatabaseOutcome::Following)
            && let Err(failure) = ask(plan, (&source, &target), &mut status).await
        {
            // What is known already is worse than what could not be asked.
            status.unasked = status.error.is_none();
            status.error = Some(match status.error.take() {
                Some(known) => format!("{known} (asking further failed: {failure})"),
                None => failure.to_string(),
            });
        }
        all.push(status);
    }
    all
}

async fn ask(
    plan: &Plan,
    (source, target): (&Server, &Server),
    status: &mut DatabaseStatus,
) -> Result<(), Failure> {
    let names =
        names_for(plan, &status.database).ok_or_else(|| Failure::local("this migration has no names"))?;
    // Settings that every version knows: which one it is need not be asked first.
    let oldest = ServerVersion(100_000);
    let on_source = source.connect(&status.database, &settings(Side::Source, oldest)).await;
    let on_source = on_source.map_err(|e| Failure::from(e).while_doing("the source"))?;
    match of_slot(&on_source, &names.of(ObjectKind::Slot)).await? {
        None => status.error = Some("the replication slot is gone: changes are lost, start over".to_owned()),
        Some(progress) => {
            if progress.health.is_lost() {
                status.error = Some("the source has given up the replication slot: start over".to_owned());
            }
            status.at_ms = now_ms();
            status.lag_bytes = progress.lag_bytes;
            status.kept_bytes = progress.retained_bytes;
            status.safe_bytes = progress.health.safe_wal_bytes;
        }
    }
    status.sessions.source = sessions_of_others(&on_source, &status.database).await.unwrap_or_default();
    let on_target = target.connect(&status.database, &settings(Side::Target, oldest)).await;
    let on_target = on_target.map_err(|e| Failure::from(e).while_doing("the target"))?;
    let state = readiness(&on_target, &names.of(ObjectKind::Subscription)).await?;
    status.tables_ready = state.ready;
    status.tables_not_ready = state.not_ready;
    status.sessions.target = sessions_of_others(&on_target, &status.database).await.unwrap_or_default();
    if !state.is_sound() && status.error.is_none() {
        status.error = Some(state.what_is_missing());
    }
    Ok(())
}
