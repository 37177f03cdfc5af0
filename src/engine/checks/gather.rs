//! Asks both servers what has to be known before anything is done.

use super::judge;
use crate::engine::context::guarded;
use crate::engine::database::Candidate;
use crate::engine::emit::Emitter;
use crate::engine::replicate::means;
use crate::engine::replicate::survey::survey;
use crate::engine::sessions::{base, settings};
use crate::model::endpoint::Endpoint;
use crate::model::event::{Event, ServerSummary};
use crate::model::failure::Failure;
use crate::model::passwords::Passwords;
use crate::model::plan::{MethodPolicy, Plan, TargetPolicy};
use crate::model::secrets::Secrets;
use crate::model::units::{Side, TableName, count_of};
use crate::pg::connect::{Server, Session};
use crate::pg::error::ErrorKind;
use crate::pg::facts::databases::{self, DatabaseFacts, session_defaults};
use crate::pg::facts::relations::{table_names, user_objects};
use crate::pg::facts::server::{self, ServerFacts};
use crate::pg::tools::{Tool, ToolSearch, find_pg_dump};
use std::collections::BTreeMap;
use tokio_util::sync::CancellationToken;

/// How many objects a refusal names.
const NAMED: usize = 5;

/// One server, reached.
#[derive(Debug)]
pub(crate) struct Reached {
    /// Bound to the one host that answered: a snapshot is only known there.
    pub(crate) server: Server,
    pub(crate) facts: ServerFacts,
    /// The database that questions about the whole server are asked in.
    pub(crate) home: String,
    pub(crate) databases: Vec<DatabaseFacts>,
}

/// Everything that the checks found.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) source: Reached,
    pub(crate) target: Reached,
    pub(crate) tool: Tool,
    /// Largest first.
    pub(crate) candidates: Vec<Candidate>,
}

/// # Errors
/// The one sentence for which the migration does not start.
pub(crate) async fn gather(
    plan: &Plan,
    secrets: &Secrets,
    emit: &Emitter,
    cancel: &CancellationToken,
) -> Result<Found, Failure> {
    let (source, target) = tokio::select! {
        biased;
        () = cancel.cancelled() => return Err(Failure::interrupted()),
        both = async {
            tokio::try_join!(
                reach(plan, Side::Source, &plan.source, &secrets.source),
                reach(plan, Side::Target, &plan.target, &secrets.target),
            )
        } => both?,
    };
    for (side, reached) in [(Side::Source, &source), (Side::Target, &target)] {
        emit.record(Event::ServerSeen { side, server: summary(reached) });
    }
    judge::servers(plan, &source, &target, emit)?;
    let mut candidates = judge::databases(plan, &source, &target, emit)?;
    let search = ToolSearch { pgbin: plan.tools.pgbin.clone(), path_dirs: plan.tools.path_dirs.clone() };
    let tool = find_pg_dump(&search, source.facts.version.major(), target.facts.version.major())
        .await
        .map_err(|e| Failure::refused(e.to_string()))?;
    let names = look_into_sources(&source, &mut candidates, plan, cancel).await?;
    judge::filters(plan, &names)?;
    look_into_targets(&target, &mut candidates, plan, cancel).await?;
    if plan.method != MethodPolicy::Dump {
        tokio::select! {
            () = cancel.cancelled() => return Err(Failure::interrupted()),
            judged = replicable(plan, (&source, &target), &mut candidates) => judged?,
        }
    }
    judge::all_blocked(&candidates)?;
    Ok(Found { source, target, tool, candidates })
}

fn summary(reached: &Reached) -> ServerSummary {
    ServerSummary {
        address: reached.server.endpoint().to_string(),
        version: reached.facts.version,
        user: reached.facts.user.clone(),
        superuser: reached.facts.superuser,
    }
}

pub(crate) async fn reach(
    plan: &Plan,
    side: Side,
    endpoint: &Endpoint,
    passwords: &Passwords,
) -> Result<Reached, Failure> {
    let name = format!("pgpassage/{} {}", env!("CARGO_PKG_VERSION"), plan.id);
    let server = Server::new(endpoint.clone(), passwords.clone(), name.clone());
    let (session, home) = first_session(&server).await.map_err(|f| f.while_doing(side))?;
    let facts = server::gather(&session).await.map_err(|e| Failure::from(e).while_doing(side))?;
    let databases = databases::gather(&session).await.map_err(|e| Failure::from(e).while_doing(side))?;
    let mut bound = endpoint.clone();
    bound.hosts = vec![session.host().clone()];
    Ok(Reached { server: Server::new(bound, passwords.clone(), name), facts, home, databases })
}

/// Connects to the database that was named, or to the first that is there of those that usually are.
pub(crate) async fn first_session(server: &Server) -> Result<(Session, String), Failure> {
    let mut first_error = None;
    for database in server.endpoint().databases_to_try() {
        match server.connect(&database, &base()).await {
            Ok(session) => return Ok((session, database)),
            Err(error) if error.kind == ErrorKind::NoDatabase => {
                first_error.get_or_insert(error);
            }
            Err(error) => return Err(error.into()),
        }
    }
    Err(first_error.map_or_else(|| Failure::refused("no database to connect to"), Failure::from))
}

/// Whether each source database can be reached; with table filters also which names there are to mean.
async fn look_into_sources(
    source: &Reached,
    candidates: &mut [Candidate],
    plan: &Plan,
    cancel: &CancellationToken,
) -> Result<BTreeMap<String, Vec<TableName>>, Failure> {
    let mut names = BTreeMap::new();
    for candidate in candidates.iter_mut().filter(|c| c.blocked.is_none()) {
        // Nothing is set in this session: it shows what sessions of this database get by themselves.
        let session = tokio::select! {
            () = cancel.cancelled() => return Err(Failure::interrupted()),
            connected = source.server.connect(&candidate.facts.name, &[]) => match connected {
                Ok(session) => session,
                Err(error) => {
                    let failure = Failure::from(error).while_doing("the source's database cannot be reached");
                    candidate.blocked = Some(failure);
                    continue;
                }
            },
        };
        candidate.defaults = guarded(cancel, session.canceller(), session_defaults(&session)).await?;
        if !plan.scope.tables.patterns().is_empty() {
            let found = guarded(cancel, session.canceller(), table_names(&session)).await?;
            names.insert(candidate.facts.name.clone(), found);
        }
    }
    Ok(names)
}

/// Whether the databases can be replicated; what becomes of those that cannot is the plan's to say.
///
/// # Errors
/// Where the migration is not to start then.
async fn replicable(
    plan: &Plan,
    (source, target): (&Reached, &Reached),
    candidates: &mut [Candidate],
) -> Result<(), Failure> {
    let wanted = candidates.iter().filter(|c| c.blocked.is_none()).count();
    let wanted = u32::try_from(wanted).unwrap_or(u32::MAX);
    let at_all = means::judge(plan, source, target, wanted).await;
    if let (MethodPolicy::Replication, Err(failure)) = (plan.method, &at_all) {
        return Err(failure.clone().while_doing(judge::NOT_CONTINUOUS));
    }
    for candidate in candidates.iter_mut().filter(|c| c.blocked.is_none()) {
        let judged = match &at_all {
            Ok(()) => one_replicable(plan, source, candidate).await?,
            Err(failure) => Err(failure.clone()),
        };
        if let Err(failure) = judged {
            judge::not_continuous(plan, candidate, failure)?;
        }
    }
    Ok(())
}

/// # Errors
/// Outside: the source cannot be asked. Inside: why this database cannot be replicated.
async fn one_replicable(
    plan: &Plan,
    source: &Reached,
    candidate: &Candidate,
) -> Result<Result<(), Failure>, Failure> {
    if candidate.occupied {
        let what = "the target's database holds something already, which changes could collide with";
        return Ok(Err(Failure::refused(what).advise("migrate into an empty database")));
    }
    let (name, version) = (&candidate.facts.name, source.facts.version);
    let session = source.server.connect(name, &settings(Side::Source, version)).await?;
    Ok(survey(&session, plan, name, version).await?.map(drop))
}

/// What the target's databases hold already.
async fn look_into_targets(
    target: &Reached,
    candidates: &mut [Candidate],
    plan: &Plan,
    cancel: &CancellationToken,
) -> Result<(), Failure> {
    let version = target.facts.version;
    for candidate in candidates.iter_mut().filter(|c| c.blocked.is_none() && c.on_target.is_some()) {
        let session_settings = settings(Side::Target, version);
        let connected = tokio::select! {
            () = cancel.cancelled() => return Err(Failure::interrupted()),
            connected = target.server.connect(&candidate.facts.name, &session_settings) => connected,
        };
        let session = match connected {
            Ok(session) => session,
            Err(error) => {
                candidate.blocked =
                    Some(Failure::from(error).while_doing("the target's database cannot be reached"));
                continue;
            }
        };
        let there = guarded(cancel, session.canceller(), user_objects(&session)).await?;
        candidate.occupied = !there.is_empty();
        if candidate.occupied && plan.policies.target_not_empty == TargetPolicy::Refuse {
            let tables: Vec<_> =
                there.iter().filter(|o| o.kind == "table").map(ToString::to_string).collect();
            let all: Vec<_> = there.iter().map(ToString::to_string).collect();
            let named = if tables.is_empty() { &all } else { &tables };
            let list = named.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
            let more = if named.len() > NAMED {
                format!(" and {} more", named.len() - NAMED)
            } else {
                String::new()
            };
            candidate.blocked = Some(
                Failure::refused(format!(
                    "the target's database is not empty: it holds {} ({list}{more})",
                    count_of(all.len() as u64, "object")
                ))
                .advise("migrate into an empty database, or choose --if-target-not-empty append or truncate"),
            );
        }
    }
    Ok(())
}
