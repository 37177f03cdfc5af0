//! Migrations that two servers tell of, whichever machine began them.

use super::connection::{Env, resolve};
use super::out;
use super::resume::is_known;
use super::status::Told;
use crate::link::discover;
use crate::model::discovery::{Discovery, Place};
use crate::model::units::printable;
use anyhow::{Result, anyhow};

/// Source and target.
pub(super) struct Places {
    pub(super) source: Place,
    pub(super) target: Place,
}

/// Both servers, where both are named by flags or the environment.
///
/// # Errors
/// When what is given is no connection string.
pub(super) fn places(source: Option<&str>, target: Option<&str>, env: &Env) -> Result<Option<Places>> {
    let text = |flag: Option<&str>, variable: &str| {
        flag.map(str::to_owned).or_else(|| env.variables.get(variable).cloned())
    };
    let (Some(source), Some(target)) =
        (text(source, "SOURCE_SERVICE_URI"), text(target, "TARGET_SERVICE_URI"))
    else {
        return Ok(None);
    };
    let place = |text: &str| -> Result<Place> {
        let resolved = resolve(text, env).map_err(|e| anyhow!("{e}"))?;
        Ok(Place { endpoint: resolved.endpoint, passwords: resolved.passwords })
    };
    Ok(Some(Places { source: place(&source)?, target: place(&target)? }))
}

/// What is found; a server that does not answer is complained about, for there may be more.
pub(super) async fn look(places: &Places) -> Discovery {
    let found = discover(&places.source, &places.target).await;
    for (side, failure) in &found.unreachable {
        out::complain(&printable(&format!("the {side} cannot be asked: {failure}")));
    }
    found
}

/// How they stand.
pub(super) async fn told(places: &Places, env: &Env) -> Vec<Told> {
    let found = look(places).await;
    let remark = |id: &str| {
        let text = if is_known(id, env) { "known here" } else { "not begun on this machine" };
        Some(text.to_owned())
    };
    found
        .migrations
        .into_iter()
        .map(|(id, migration)| Told {
            remark: remark(&id),
            id,
            error: None,
            databases: migration.databases.into_values().collect(),
            obituary: Vec::new(),
        })
        .collect()
}
