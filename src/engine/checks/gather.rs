//! Asks both servers what has to be known before anything is done.

use super::ask::{Depth, known, side};
use super::ask_database::Asking;
use super::facts::{Facts, Known, Probes, SlotProbe, Wanted};
use super::progress::{self, Progress};
use super::tell::{Blocked, Told, tell, tell_unreachable};
use super::{judge, probe, verdict};
use crate::engine::database::Candidate;
use crate::engine::emit::Emitter;
use crate::engine::replicate::means::{self, Subscriber};
use crate::engine::sessions::{base, settings_for_questions};
use crate::model::endpoint::Endpoint;
use crate::model::event::{Event, ServerSummary};
use crate::model::failure::{Failure, FailureKind};
use crate::model::passwords::Passwords;
use crate::model::plan::{MethodPolicy, Plan, TargetPolicy};
use crate::model::secrets::Secrets;
use crate::model::units::Side;
use crate::pg::connect::{Server, Session};
use crate::pg::error::ErrorKind;
use crate::pg::facts::databases::{self, DatabaseFacts};
use crate::pg::facts::server::{self, ServerFacts};
use crate::pg::tools::{Tool, ToolSearch, find_pg_dump};
use std::cmp::Reverse;
use std::collections::BTreeMap;
use tokio_util::sync::CancellationToken;

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

/// Everything that a migration needs of what the checks found.
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
    tokio::select! {
        biased;
        () = cancel.cancelled() => Err(Failure::interrupted()),
        // On the heap, as the questions below: together they are more than a thread's stack holds.
        found = Box::pin(look(plan, secrets, emit)) => found,
    }
}

async fn look(plan: &Plan, secrets: &Secrets, emit: &Emitter) -> Result<Found, Failure> {
    let (source, target) = reach_both(plan, secrets, emit).await?;
    for (side, reached) in [(Side::Source, &source), (Side::Target, &target)] {
        emit.record(Event::ServerSeen { side, server: summary(reached) });
    }
    let mut facts = ask_all(plan, emit, (&source, &target)).await?;
    let mut told = tell(&facts, plan, emit);
    block(&mut facts.databases, &told);
    if plan.only_checks && plan.selected_checks.is_empty() {
        verdict::tell(&facts, plan, &told, emit);
    }
    if let Some(refusal) = told.refusal {
        return Err(refusal);
    }
    let (means, mut wanted) = (facts.probes.means, facts.databases);
    if plan.method != MethodPolicy::Dump && plan.selected_checks.is_empty() {
        told.blocked.extend(replicable(plan, means, &mut wanted)?);
    }
    let candidates: Vec<_> = wanted.into_iter().map(|w| w.candidate).collect();
    if !plan.only_checks {
        judge::none_impossible(plan, &candidates, &told.blocked)?;
    }
    judge::all_blocked(&candidates)?;
    let tool = facts.tool.map_err(Failure::refused)?;
    Ok(Found { source, target, tool, candidates })
}

async fn reach_both(plan: &Plan, secrets: &Secrets, emit: &Emitter) -> Result<(Reached, Reached), Failure> {
    let from = reach(plan, Side::Source, &plan.source, &secrets.source);
    let to = reach(plan, Side::Target, &plan.target, &secrets.target);
    if !plan.only_checks {
        return tokio::try_join!(from, to);
    }
    match tokio::join!(from, to) {
        (Ok(source), Ok(target)) => Ok((source, target)),
        (source, target) => {
            // The one that let us in is seen, whatever the other one says.
            for (side, reached) in [(Side::Source, &source), (Side::Target, &target)] {
                if let Ok(reached) = reached {
                    emit.record(Event::ServerSeen { side, server: summary(reached) });
                }
            }
            let failures: Vec<_> = [source.err(), target.err()].into_iter().flatten().collect();
            tell_unreachable(plan, &failures, emit);
            Err(failures.into_iter().next().unwrap_or_else(Failure::interrupted))
        }
    }
}

/// Everything that is to be judged, at the same time as far as it goes.
async fn ask_all(
    plan: &Plan,
    emit: &Emitter,
    (source, target): (&Reached, &Reached),
) -> Result<Facts, Failure> {
    let depth = Depth::of(plan);
    let (candidates, left_out) = judge::candidates(plan, source, target);
    let names: Vec<_> = candidates.iter().map(|c| c.facts.name.clone()).collect();
    let continuous = plan.method != MethodPolicy::Dump;
    let progress = Progress::begin(plan, emit, &names);
    let asking = Asking { plan, source, target, depth, progress: &progress };
    let search = ToolSearch {
        pgbin: plan.tools.pgbin.clone(),
        path_dirs: plan.tools.path_dirs.clone(),
        reads_target: plan.policies.target_not_empty != TargetPolicy::Refuse,
    };
    let (sides, mut databases, sizes, tool, wal_bytes_per_s) = tokio::join!(
        async {
            let from = progress.of(progress::SOURCE, side(source, Side::Source, depth));
            let to = progress.of(progress::TARGET, side(target, Side::Target, depth));
            tokio::try_join!(Box::pin(from), Box::pin(to))
        },
        Box::pin(asking.databases(candidates)),
        Box::pin(progress.of(progress::SIZES, sizes(source, &names))),
        Box::pin(find_pg_dump(&search, source.facts.version.major(), target.facts.version.major())),
        progress.of(progress::WAL_RATE, wal_rate(plan, source)),
    );
    let (from, to) = sides?;
    measured(&mut databases, &sizes);
    let mut facts = Facts {
        source: from,
        target: to,
        tool: tool.map_err(|e| e.to_string()),
        databases,
        left_out,
        probes: Probes {
            slot: SlotProbe::NotTried(String::new()),
            means: Ok(Subscriber::OurUser),
            wal_bytes_per_s,
        },
    };
    if continuous {
        let wanted = u32::try_from(facts.count()).unwrap_or(u32::MAX);
        facts.probes.means = progress.of(progress::MEANS, means::judge(plan, source, target, wanted)).await;
        if matches!(facts.probes.means, Ok(Subscriber::Extension)) {
            by_extension(target, &mut facts.databases).await;
        }
    }
    let settable = facts.source.settable.clone().unwrap_or_default();
    facts.probes.slot = progress.of(progress::SLOT, try_slot(plan, source, &settable)).await;
    Ok(facts)
}

/// In a session of its own: the server looks at every file of a database, and others need not wait for that.
async fn sizes(source: &Reached, names: &[String]) -> BTreeMap<String, u64> {
    let settings = settings_for_questions(Side::Source, source.facts.version);
    let Ok(session) = source.server.connect(&source.home, &settings).await else { return BTreeMap::new() };
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    known(&session, databases::sizes(&session, &names)).await.unwrap_or_default()
}

/// The largest first: what takes longest begins first.
fn measured(databases: &mut [Wanted], sizes: &BTreeMap<String, u64>) {
    for wanted in &mut *databases {
        let facts = &mut wanted.candidate.facts;
        facts.size_bytes = sizes.get(&facts.name).copied();
    }
    let key = |w: &Wanted| (Reverse(w.candidate.facts.size_bytes), w.name().to_owned());
    databases.sort_by_cached_key(key);
}

/// Whether aiven_extras can subscribe, which each database has to have for itself.
async fn by_extension(target: &Reached, databases: &mut [Wanted]) {
    for wanted in databases.iter_mut().filter(|w| w.source.is_ok()) {
        let asked = means::extension_subscribes(target, &wanted.candidate.facts.name).await;
        let survey =
            wanted.source.as_ref().ok().and_then(|s| s.survey.as_ref()?.as_ref().ok()?.as_ref().ok());
        wanted.subscribes = match asked {
            Ok(Ok(())) if survey.is_some_and(|survey| !survey.inserts.is_empty()) => Err(Failure::refused(
                "tables of which only new rows are published need a second publication, and aiven_extras subscribes to one",
            )
            .advise("choose --replica-identity skip for them")),
            Ok(judged) => judged,
            Err(failure) => Err(failure),
        };
    }
}

/// In the end: the sender and the slot that this takes would count as used by others before.
async fn try_slot(plan: &Plan, source: &Reached, settable: &[String]) -> SlotProbe {
    if Depth::of(plan) == Depth::Blockers || plan.method == MethodPolicy::Dump {
        return SlotProbe::NotTried("not asked".to_owned());
    }
    probe::slot(plan, source, settable).await
}

async fn wal_rate(plan: &Plan, source: &Reached) -> Known<u64> {
    match Depth::of(plan) {
        Depth::Blockers => Err("not asked".to_owned()),
        Depth::Everything => probe::wal_bytes_per_s(source).await,
    }
}

/// What the checks found against single databases.
fn block(databases: &mut [Wanted], told: &Told) {
    for wanted in databases {
        if let Some(Ok(there)) = &wanted.target {
            wanted.candidate.occupied =
                there.objects.as_ref().is_some_and(|o| o.as_ref().is_ok_and(|o| !o.is_empty()));
        }
        if let Some(blocked) = told.blocked.get(wanted.name()) {
            wanted.candidate.blocked = Some(blocked.failure.clone());
        }
    }
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

/// Whether the databases can be replicated; what becomes of those that cannot is the plan's to say. Those are returned for
/// which there is no other way.
///
/// # Errors
/// Where the migration is not to start then.
fn replicable(
    plan: &Plan,
    means: Result<Subscriber, Failure>,
    databases: &mut [Wanted],
) -> Result<Vec<(String, Blocked)>, Failure> {
    if let (MethodPolicy::Replication, Err(failure)) = (plan.method, &means) {
        return Err(failure.clone().while_doing(judge::NOT_CONTINUOUS));
    }
    let mut impossible = Vec::new();
    for wanted in databases.iter_mut().filter(|w| w.candidate.blocked.is_none()) {
        let Err(failure) = means.clone().and_then(|_| followable(wanted)) else { continue };
        judge::not_continuous(plan, &mut wanted.candidate, failure)?;
        if let Some(failure) = wanted.candidate.blocked.clone() {
            impossible.push((wanted.name().to_owned(), Blocked { failure, skippable: None }));
        }
    }
    Ok(impossible)
}

/// # Errors
/// Why this database cannot be replicated.
pub(super) fn followable(wanted: &Wanted) -> Result<(), Failure> {
    if wanted.candidate.occupied {
        let what = "the target's database holds something already, which changes could collide with";
        return Err(Failure::refused(what).advise("migrate into an empty database"));
    }
    let survey = wanted.source.as_ref().map_err(Clone::clone)?.survey.as_ref();
    match survey {
        Some(Ok(Ok(_))) | None => wanted.subscribes.clone(),
        Some(Ok(Err(failure))) => Err(failure.clone()),
        Some(Err(missing)) => Err(Failure::new(FailureKind::Server, missing.clone())),
    }
}
