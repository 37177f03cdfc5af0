//! Migrations that are known by nothing but the names of their objects: another machine began them, or this one has lost
//! its folder. Looking changes nothing on either server.

use super::checks::first_session;
use super::replicate::remove::drop_theirs_or_ours;
use super::replicate::subscribe::readiness;
use super::sessions::settings;
use crate::model::discovery::{Discovered, Discovery, Place};
use crate::model::event::{DatabaseOutcome, ObjectKind, ServerObject};
use crate::model::failure::Failure;
use crate::model::names::{self, parse};
use crate::model::plan::Method;
use crate::model::units::{ServerVersion, Side};
use crate::pg::connect::{Server, Session};
use crate::pg::error::Error;
use crate::pg::facts::databases;
use crate::pg::facts::replication::objects::{publications, slots, subscriptions};
use crate::pg::facts::replication::progress::of_slot;
use crate::pg::statement::replication::{drop_publication, drop_slot};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::timeout;

/// What names of ours begin with.
const OURS: &str = "pgpassage_";
/// For all of one server.
const TIME_LIMIT: Duration = Duration::from_secs(60);
/// Settings that every version knows: which one it is need not be asked first.
const OLDEST: ServerVersion = ServerVersion(100_000);

type Found = BTreeMap<String, Discovered>;

/// Looks at both servers; one that does not answer is named in the result.
pub async fn discover(source: &Place, target: &Place) -> Discovery {
    let (mut migrations, mut unreachable) = (Found::new(), Vec::new());
    let (from, to) = (server(source), server(target));
    let looked = timeout(TIME_LIMIT, on_source(&from, &mut migrations)).await;
    if let Err(failure) = looked.unwrap_or_else(|_| Err(too_slow())) {
        unreachable.push((Side::Source, failure));
    }
    let looked = timeout(TIME_LIMIT, on_target(&to, &mut migrations)).await;
    if let Err(failure) = looked.unwrap_or_else(|_| Err(too_slow())) {
        unreachable.push((Side::Target, failure));
    }
    if unreachable.is_empty() {
        migrations.values_mut().for_each(halves);
    }
    Discovery { migrations, unreachable }
}

/// Changes go from a slot to a subscription: a database that has only one of them does not follow.
fn halves(found: &mut Discovered) {
    for (database, status) in &mut found.databases {
        let has = |kind| {
            found.objects.iter().any(|o| o.kind == kind && o.database.as_deref() == Some(database.as_str()))
        };
        let missing = match (has(ObjectKind::Slot), has(ObjectKind::Subscription)) {
            (true, true) => continue,
            (true, false) => "the subscription is missing: a leftover, unless it is still being copied",
            (false, true) => "the replication slot is missing: changes are lost, and this is a leftover",
            (false, false) => "the replication slot and the subscription are missing: a leftover",
        };
        status.error.get_or_insert_with(|| missing.to_owned());
    }
}

/// Removes what a migration has left of which there is no journal here. An object that somebody reads from stays.
///
/// Returns what is left, and why.
pub async fn remove_discovered(
    source: &Place,
    target: &Place,
    found: &Discovered,
) -> Vec<(ServerObject, Failure)> {
    let (from, to) = (server(source), server(target));
    let mut left = Vec::new();
    // The reader before what it reads from.
    let order = [ObjectKind::Subscription, ObjectKind::Slot, ObjectKind::Publication];
    for kind in order {
        for object in found.objects.iter().filter(|o| o.kind == kind) {
            let server = if object.side == Side::Source { &from } else { &to };
            let removed =
                timeout(TIME_LIMIT, remove(server, object)).await.unwrap_or_else(|_| Err(too_slow()));
            if let Err(failure) = removed {
                left.push((object.clone(), failure));
            }
        }
    }
    left
}

fn server(place: &Place) -> Server {
    let name = format!("pgpassage/{}", env!("CARGO_PKG_VERSION"));
    Server::new(place.endpoint.clone(), place.passwords.clone(), name)
}

fn too_slow() -> Failure {
    Failure::local(format!("the server did not answer within {} s", TIME_LIMIT.as_secs()))
}

async fn remove(server: &Server, object: &ServerObject) -> Result<(), Failure> {
    let database = object.database.clone().unwrap_or_default();
    let session = server.connect(&database, &settings(object.side, OLDEST)).await?;
    let statements = match object.kind {
        ObjectKind::Subscription => {
            let all = subscriptions(&session, &object.name).await?;
            let Some(found) = all.iter().find(|s| s.name == object.name && s.database == database) else {
                return Ok(());
            };
            return Ok(drop_theirs_or_ours(&session, found).await?);
        }
        // An active one is refused by the server, and rightly: somebody reads from it.
        ObjectKind::Slot => vec![drop_slot(&object.name)],
        ObjectKind::Publication => vec![drop_publication(&object.name)],
        ObjectKind::Role | ObjectKind::Database | ObjectKind::Membership | ObjectKind::Unknown => Vec::new(),
    };
    for sql in statements {
        session.batch(&sql).await?;
    }
    Ok(())
}

fn note(migrations: &mut Found, object: ServerObject) -> Option<&mut Discovered> {
    let migration = parse(&object.name)?.id;
    let found = migrations.entry(migration).or_default();
    if let Some(database) = &object.database {
        let status = found.databases.entry(database.clone()).or_default();
        status.database.clone_from(database);
        status.method = Method::Replication;
        status.outcome = Some(DatabaseOutcome::Following);
    }
    found.objects.push(object);
    Some(found)
}

async fn on_source(server: &Server, migrations: &mut Found) -> Result<(), Failure> {
    let (session, _) = first_session(server).await?;
    for slot in slots(&session, OURS).await? {
        let Some(database) = slot.database.clone() else { continue };
        let object = ServerObject {
            side: Side::Source,
            kind: ObjectKind::Slot,
            name: slot.name.clone(),
            database: Some(database.clone()),
        };
        let progress = of_slot(&session, &slot.name).await?;
        let Some(found) = note(migrations, object) else { continue };
        found.active |= slot.active;
        if let (Some(status), Some(progress)) = (found.databases.get_mut(&database), progress) {
            status.lag_bytes = progress.lag_bytes;
            status.kept_bytes = progress.retained_bytes;
            status.safe_bytes = progress.health.safe_wal_bytes;
            if progress.health.is_lost() {
                status.error = Some("the source has given up the replication slot".to_owned());
            }
        }
    }
    for database in databases::gather(&session).await? {
        if !database.allows_connections || !database.may_connect {
            continue;
        }
        let session = server.connect(&database.name, &settings(Side::Source, OLDEST)).await?;
        for publication in publications(&session, OURS).await? {
            note(
                migrations,
                ServerObject {
                    side: Side::Source,
                    kind: ObjectKind::Publication,
                    name: publication.name,
                    database: Some(database.name.clone()),
                },
            );
        }
    }
    Ok(())
}

async fn on_target(server: &Server, migrations: &mut Found) -> Result<(), Failure> {
    let (session, _) = first_session(server).await?;
    let all = subscriptions(&session, OURS).await?;
    for subscription in all {
        if parse(&subscription.name).is_none_or(|n| n.kind != names::ObjectKind::Subscription) {
            continue;
        }
        let object = ServerObject {
            side: Side::Target,
            kind: ObjectKind::Subscription,
            name: subscription.name.clone(),
            database: Some(subscription.database.clone()),
        };
        let state = state(server, &subscription.database, &subscription.name).await;
        let Some(found) = note(migrations, object) else { continue };
        found.active |= subscription.worker.is_some();
        let Some(status) = found.databases.get_mut(&subscription.database) else { continue };
        match state {
            Ok(state) => {
                status.tables_ready = state.ready;
                status.tables_not_ready = state.not_ready;
                if !state.is_sound() {
                    status.error = status.error.take().or(Some(state.what_is_missing()));
                }
            }
            Err(error) => status.error = Some(error.to_string()),
        }
    }
    Ok(())
}

async fn state(
    server: &Server,
    database: &str,
    subscription: &str,
) -> Result<super::replicate::subscribe::Readiness, Error> {
    let session: Session = server.connect(database, &settings(Side::Target, OLDEST)).await?;
    readiness(&session, subscription).await
}
