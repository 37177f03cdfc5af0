//! The result as one JSON document, in the shape that the reference tool's users know.

use crate::model::check::Verdict;
use crate::model::event::{DatabaseOutcome, RolePassword, RoleStatus};
use crate::model::failure::Failure;
use crate::model::plan::{FORMAT, Method};
use crate::model::run::Run;
use crate::model::secrets::PlaceholderKey;
use serde_json::{Map, Value, json};

/// `broken`: why not even the journal could be kept. `show`: the key to show placeholder passwords with; without it they are `<hidden>`.
pub(super) fn document(
    run: &Run,
    id: &str,
    show: Option<&PlaceholderKey>,
    broken: Option<&Failure>,
) -> Value {
    let mut databases = Map::new();
    for (name, d) in &run.databases {
        let status = match d.outcome {
            Some(DatabaseOutcome::Done) => "done",
            Some(DatabaseOutcome::Following) => "running",
            Some(DatabaseOutcome::Incomplete | DatabaseOutcome::Failed) => "failed",
            Some(DatabaseOutcome::Cancelled) | None => "cancelled",
        };
        let message = if d.message.is_empty() { "not begun" } else { &d.message };
        databases.insert(
            name.clone(),
            json!({
                "dbname": name,
                "message": message,
                "method": d.began_ms.and(d.method.or(Some(Method::Dump))),
                "status": status,
                "tables": d.tables,
                "tables_copied": d.tables_copied,
                "tables_failed": d.tables_failed,
                "rows": d.rows,
                "bytes": d.bytes,
                "size_bytes": d.size_bytes,
            }),
        );
    }
    let mut roles = Map::new();
    for (name, role) in &run.roles {
        let password = match (role.password, show) {
            (RolePassword::Placeholder, Some(key)) => Some(key.password_for(name).expose().to_owned()),
            (RolePassword::Placeholder, None) => Some("<hidden>".to_owned()),
            _ => None,
        };
        let status = match role.status {
            RoleStatus::Created => "created",
            RoleStatus::Exists => "exists",
            RoleStatus::Failed => "failed",
        };
        roles.insert(
            name.clone(),
            json!({"rolname": name, "rolpassword": password, "status": status, "message": role.message}),
        );
    }
    json!({
        "format": FORMAT,
        "id": id,
        "pg_databases": databases,
        "pg_roles": roles,
        "error": broken.or(run.refused.as_ref()).map(|f| f.what.clone()),
        "findings": run.findings,
        "findings_dropped": run.findings_dropped,
        // The engine that goes on, if one does.
        "engine_pid": run.keeping.then_some(run.pid),
    })
}

/// What the checks found. `error`: why nothing would be begun.
pub(super) fn checked(run: &Run, error: Option<&str>) -> Value {
    let mut databases = Map::new();
    for (name, possible) in &run.possible {
        let verdict = match (&possible.not_snapshot, &possible.not_continuous) {
            (Some(_), _) => "impossible",
            (None, Some(_)) => "snapshot",
            (None, None) => "continuous",
        };
        databases.insert(
            name.clone(),
            json!({
                "verdict": verdict,
                "because": possible.not_snapshot.as_ref().or(possible.not_continuous.as_ref()),
                "size_bytes": possible.size_bytes,
                "estimate_s": possible.estimate_s,
                "wal_bytes": possible.wal_bytes,
            }),
        );
    }
    let told = |which: fn(&Verdict) -> Option<&String>| -> Vec<Value> {
        let told = run.judgements.iter().filter_map(|j| Some((j, which(&j.verdict)?)));
        told.map(|(j, why)| json!({"id": j.check, "database": j.database, "why": why})).collect()
    };
    json!({
        "format": FORMAT,
        "databases": databases,
        "findings": run.findings,
        "findings_dropped": run.findings_dropped,
        "skipped": told(|v| if let Verdict::Skipped(why) = v { Some(why) } else { None }),
        "unknown": told(|v| if let Verdict::Unknown(why) = v { Some(why) } else { None }),
        "error": error,
    })
}

/// As [`document`], of a migration that the face left at work.
pub(super) fn left(run: &Run, id: &str, show: Option<&PlaceholderKey>) -> Value {
    let mut document = document(run, id, show, None);
    document["left"] = true.into();
    document["engine_pid"] = run.pid.into();
    for (name, _) in run.databases.iter().filter(|(_, d)| d.outcome.is_none()) {
        document["pg_databases"][name]["status"] = "running".into();
        document["pg_databases"][name]["message"] = "at work".into();
    }
    document
}

/// Where not even an engine could be started.
pub(super) fn refusal(id: Option<&str>, sentence: &str) -> Value {
    json!({
        "format": FORMAT, "id": id, "pg_databases": {}, "pg_roles": {}, "error": sentence, "findings": [],
        "findings_dropped": 0,
    })
}
