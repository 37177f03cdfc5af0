//! What the wizard may not look into itself: the disk, the environment, connection strings, engines.

#[cfg(test)]
mod tests;

use super::bundle::bundle;
use super::kept;
use crate::cli::args::{Cli, Verb, expand_short};
use crate::cli::connection::{Env, resolve};
use crate::cli::log;
use crate::cli::passwords::give;
use crate::cli::plan::{self, prepare, random, state_dir};
use crate::cli::resume;
use crate::link::{
    Engine as Lives, Known as Found, Link, Seen, Since, attach_as, barred, barred_or_shut, forget,
    migrations, resume_detached, run_task, since, start_detached, start_local, status,
};
use crate::model::event::{DatabaseOutcome, RunOutcome};
use crate::model::failure::Failure;
use crate::model::filter::parse_list;
use crate::model::gauges::Gauges;
use crate::model::passwords::Barred;
use crate::model::plan::{Method, Plan};
use crate::model::secrets::Secrets;
use crate::model::status::DatabaseStatus;
use crate::model::task::{Stay, Task};
use crate::model::units::Side;
use crate::store::{Folder, free_id, new_id, salvage_journal};
use crate::ui::command;
use crate::ui::drive::{Host, Opened, Prepared, Purpose, Typed};
use crate::ui::message::Shown;
use crate::ui::state::form::{Field, FieldError, Form, Part};
use crate::ui::state::passwords::Errand;
use crate::ui::state::{Engine, Home, Known, Lag, Rights};
use clap::Parser;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How long the list waits for the numbers of one migration that guards.
const GAUGES_WITHIN: Duration = Duration::from_millis(400);

/// Hands the wizard what it asks for.
pub(in crate::cli) struct Rooms {
    env: Env,
    home: Home,
    rights: Rights,
    /// Where PostgreSQL's tools are looked for, where that is said.
    pub(in crate::cli) pgbin: Option<PathBuf>,
    /// How long engines stay that are started here: a window can have them go on where they broke off.
    pub(in crate::cli) stay: Stay,
    pub(in crate::cli) keep_snapshot_s: Option<u64>,
    /// Folders of checks, which are nobody's migrations: they go with the next check, or with this.
    checks: Mutex<Vec<PathBuf>>,
    logs: Mutex<Vec<log::Guards>>,
}

impl Drop for Rooms {
    fn drop(&mut self) {
        self.sweep();
    }
}

impl Rooms {
    pub(in crate::cli) fn new(env: Env, home: Home) -> Self {
        let rights = Rights::Command;
        let (checks, logs) = (Mutex::default(), Mutex::default());
        let (pgbin, stay, keep_snapshot_s) = (None, Stay::AsLongAsItFollows, None);
        Self { env, home, rights, pgbin, stay, keep_snapshot_s, checks, logs }
    }

    /// For a window that may do no more than this.
    pub(in crate::cli) fn with(mut self, rights: Rights) -> Self {
        self.rights = rights;
        self
    }

    pub(in crate::cli) fn rights(&self) -> Rights {
        self.rights
    }

    pub(in crate::cli) fn home(&self) -> Home {
        self.home
    }

    fn sweep(&self) {
        for folder in self.checks.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            // A folder that stays holds no secret.
            drop(std::fs::remove_dir_all(folder));
        }
    }

    /// An environment in which plans lie in a folder that goes again.
    fn aside(&self) -> Result<Env, Failure> {
        self.sweep();
        let id = random().map_err(|e| Failure::local(format!("{e:#}")))?;
        let folder = std::env::temp_dir().join(format!("pgpassage-check-{}", new_id(id)));
        self.checks.lock().unwrap_or_else(PoisonError::into_inner).push(folder.clone());
        let mut env = self.env.clone();
        env.variables.insert("XDG_STATE_HOME".to_owned(), folder.display().to_string());
        Ok(env)
    }

    fn known_plan(&self, id: &str, typed: &Typed) -> Result<(Plan, Secrets), Failure> {
        let args = crate::cli::args::ResumeArgs::of(id);
        let (plan, mut secrets) =
            resume::known(&args, &self.env).map_err(|e| Failure::local(format!("{e:#}")))?;
        give(&mut secrets.source, typed.source.clone());
        give(&mut secrets.target, typed.target.clone());
        Ok((plan, secrets))
    }

    /// Of one of its servers.
    pub(in crate::cli) fn address(&self, id: &str, side: Side) -> String {
        let plan = self.found(id).ok().and_then(|found| found.plan);
        let endpoint = plan.map(|plan| if side == Side::Source { plan.source } else { plan.target });
        endpoint.map(|endpoint| endpoint.to_string()).unwrap_or_default()
    }

    fn found(&self, id: &str) -> Result<Found, Failure> {
        let dir = state_dir(&self.env).map_err(|e| Failure::local(format!("{e:#}")))?;
        let known = resume::is_known(id, &self.env).then(|| Found::read(&dir.join(id))).flatten();
        known.ok_or_else(|| Failure::local(format!("this machine knows no migration {id}")))
    }
}

/// The wizard's plan is that of the command line that it shows: made by the same parser from the same words.
fn plan_of(form: &Form, purpose: &Purpose, rooms: (&Env, Option<&Path>)) -> Result<Prepared, FieldError> {
    let (env, pgbin) = rooms;
    for side in [Side::Source, Side::Target] {
        if let Err(error) = resolve(&form.server(side).conninfo(), env) {
            let what = error.to_string();
            return Err(FieldError::new(Field::of(side, part_of(&what)), what));
        }
    }
    if let (false, Err(error)) =
        (form.skip_tables.trimmed().is_empty(), parse_list(form.skip_tables.trimmed()))
    {
        return Err(FieldError::new(Field::SkipTables, error.to_string()));
    }
    let general = |what: String| FieldError::new(Field::Name, what);
    if let (Purpose::Start { .. }, Ok(dir)) = (purpose, state_dir(env))
        && let Some(found) = Found::read(&dir.join(form.name.trimmed()))
        && !matches!(found.run.outcome, Some(RunOutcome::Refused | RunOutcome::Checked))
    {
        return Err(general("another migration of this machine has that name".to_owned()));
    }
    let words = command::migrate(form, purpose).into_iter().map(std::ffi::OsString::from);
    let cli = Cli::try_parse_from(expand_short(words)).map_err(|e| general(crate::cli::sentence(&e)))?;
    let Some(Verb::Migrate(mut args)) = cli.verb else {
        return Err(general("the form makes no migration".to_owned()));
    };
    args.pgbin = pgbin.map(Path::to_owned);
    let plan::Prepared { plan, mut secrets, warnings } =
        prepare(&args, env).map_err(|e| general(format!("{e:#}")))?;
    give(&mut secrets.source, form.source.password.secret());
    give(&mut secrets.target, form.target.password.secret());
    Ok(Prepared { plan, secrets, warnings })
}

/// The field that an error of a connection string is about.
fn part_of(what: &str) -> Part {
    let about = |words: &[&str]| words.iter().any(|word| what.contains(word));
    if about(&["sslrootcert", "root certificate", "certificate"]) {
        Part::Ca
    } else if about(&["sslmode", "ssl"]) {
        Part::Ssl
    } else if about(&["port"]) {
        Part::Port
    } else if about(&["user name", "user "]) {
        Part::User
    } else {
        Part::Host
    }
}

fn shown(plan: &Plan) -> Shown {
    Shown {
        id: plan.id.clone(),
        source: plan.source.to_string(),
        target: plan.target.to_string(),
        source_conninfo: plan.source.operators_conninfo(),
        target_conninfo: plan.target.operators_conninfo(),
        excluded: plan.scope.excluded_databases.clone(),
        skipped_tables: plan.scope.tables.skipped(),
        jobs: plan.jobs,
        identity: plan.replication.identity,
        not_empty: plan.policies.target_not_empty,
        home: plan.home.display().to_string(),
    }
}

fn engine_of(link: &Link, plan: &Plan) -> Engine {
    if link.is_here() {
        return Engine::Here;
    }
    match Found::read(&plan.home).map(|found| found.engine) {
        Some(Lives::Alive { pid }) => Engine::Apart { pid },
        // It has just begun, or just ended: its entries will say so.
        _ => Engine::Apart { pid: 0 },
    }
}

fn opened(plan: &Plan, link: Link) -> Opened {
    Opened { engine: engine_of(&link, plan), shown: shown(plan), link: Some(link), entries: Vec::new() }
}

impl Host for Rooms {
    fn prepare(&self, form: &Form, purpose: Purpose) -> Result<Prepared, Vec<FieldError>> {
        let env = match purpose {
            Purpose::Check => {
                self.aside().map_err(|f| vec![FieldError::new(Field::Source(Part::Host), f.to_string())])?
            }
            Purpose::Start { .. } => self.env.clone(),
        };
        plan_of(form, &purpose, (&env, self.pgbin.as_deref())).map_err(|error| vec![error])
    }

    fn check(&self, prepared: Prepared) -> Result<Link, Failure> {
        let mut plan = prepared.plan;
        plan.only_checks = true;
        start_local(plan, prepared.secrets, Stay::UntilItFollows)
    }

    fn check_ended(&self) {
        self.sweep();
    }

    fn start(&self, prepared: Prepared) -> BoxFuture<'static, Result<Opened, Failure>> {
        let (Prepared { mut plan, secrets, .. }, stay) = (prepared, self.stay);
        // Another migration's choices come with its plan.
        plan.keep_snapshot_s = self.keep_snapshot_s.or(plan.keep_snapshot_s);
        if self.home == Home::Apart {
            return async move { Ok(opened(&plan, start_detached(plan.clone(), secrets, stay).await?)) }
                .boxed();
        }
        // In this process nobody else keeps the log.
        let path = Folder::at(&plan.home).log_path();
        if let Ok(guards) = log::start_in_files(&[&path], tracing_subscriber::filter::LevelFilter::INFO) {
            self.logs.lock().unwrap_or_else(PoisonError::into_inner).push(guards);
        }
        let link = start_local(plan.clone(), secrets, stay);
        async move { Ok(opened(&plan, link?)) }.boxed()
    }

    fn known(&self) -> Result<Vec<Known>, Failure> {
        let dir = state_dir(&self.env).map_err(|e| Failure::local(format!("{e:#}")))?;
        let all = migrations(&dir)?;
        let runtime = tokio::runtime::Handle::current();
        Ok(all.into_iter().map(|found| known(found, &runtime)).collect())
    }

    fn open(&self, id: String) -> BoxFuture<'static, Result<Opened, Failure>> {
        let (found, rights) = (self.found(&id), self.rights);
        async move {
            let found = found?;
            let plan =
                found.plan.ok_or_else(|| Failure::local(format!("{id}: its plan.json cannot be read")))?;
            if found.engine != Lives::Gone
                && let Ok(link) = attach_as(&plan.home, 0, rights).await
            {
                return Ok(opened(&plan, link));
            }
            let (entries, damage) = salvage_journal(&Folder::at(&plan.home).journal_path());
            if entries.is_empty()
                && let Some(error) = damage
            {
                return Err(Failure::local(error.to_string()));
            }
            Ok(Opened { engine: Engine::Gone, shown: shown(&plan), link: None, entries })
        }
        .boxed()
    }

    fn since(&self, id: &str, seen: Seen) -> BoxFuture<'static, Since> {
        let (dir, rights) = (state_dir(&self.env), self.rights);
        let home = dir.ok().filter(|_| resume::is_known(id, &self.env)).map(|dir| dir.join(id));
        async move {
            match home {
                Some(home) => since(&home, seen, rights).await,
                None => Since::Nothing,
            }
        }
        .boxed()
    }

    fn barred(
        &self,
        id: String,
        typed: Typed,
        errand: Errand,
    ) -> BoxFuture<'static, Result<Vec<Barred>, Failure>> {
        let known = self.known_plan(&id, &typed);
        let lives = self.found(&id).is_ok_and(|found| found.engine != Lives::Gone);
        let goes = lives && matches!(errand, Errand::Run(_) | Errand::Status);
        async move {
            match known {
                Ok((plan, secrets)) if !goes && errand.needs_both() => barred_or_shut(&plan, &secrets).await,
                Ok((plan, secrets)) if !goes => Ok(barred(&plan, &secrets).await),
                // Whoever goes on the errand says what is wrong.
                _ => Ok(Vec::new()),
            }
        }
        .boxed()
    }

    fn task(&self, id: String, typed: Typed, task: Task) -> BoxFuture<'static, Result<Opened, Failure>> {
        let (known, home) = (self.known_plan(&id, &typed), self.home);
        let lives = self.found(&id).is_ok_and(|found| found.engine != Lives::Gone);
        async move {
            let (plan, secrets) = known?;
            let link = match (task, home) {
                // A guard is to outlive the window.
                (Task::Watch, Home::Apart) if !lives => {
                    resume_detached(plan.clone(), secrets, Task::Watch).await?
                }
                _ => run_task(plan.clone(), secrets, task).await?,
            };
            Ok(opened(&plan, link))
        }
        .boxed()
    }

    fn again(&self, id: String, typed: Typed) -> BoxFuture<'static, Result<Opened, Failure>> {
        let begun = self.known_plan(&id, &typed).and_then(|(plan, secrets)| {
            let found = self.found(&id)?;
            let plan = plan::again(plan, &found.run, &self.env)?;
            Ok(Prepared { plan, secrets, warnings: Vec::new() })
        });
        match begun {
            Ok(prepared) => self.start(prepared),
            Err(failure) => async move { Err(failure) }.boxed(),
        }
    }

    fn status(&self, id: String, typed: Typed) -> BoxFuture<'static, Result<Vec<DatabaseStatus>, Failure>> {
        let (known, found) = (self.known_plan(&id, &typed), self.found(&id));
        async move {
            let ((plan, secrets), found) = (known?, found?);
            // An engine that guards has asked a moment ago, and knows the passwords.
            match guarded(&found).await {
                Some(databases) => Ok(databases),
                None => Ok(status(&plan, &secrets, &found.run).await),
            }
        }
        .boxed()
    }

    fn free_name(&self, taken: &str) -> Option<String> {
        free_id(&state_dir(&self.env).ok()?, taken)
    }

    fn keep(&self, id: Option<&str>, text: &str) -> Result<String, Failure> {
        let dir = state_dir(&self.env).map_err(|e| Failure::local(format!("{e:#}")))?;
        let dir = id.map_or_else(|| dir.clone(), |id| dir.join(id));
        kept::write(&dir, &format!("copied-{}.txt", stamp()), text)
    }

    fn forget(&self, id: &str) -> Result<(), Failure> {
        forget(&self.found(id)?.home)
    }

    fn bundle(&self, id: &str) -> Result<String, Failure> {
        let found = self.found(id)?;
        kept::write(&found.home, &format!("bundle-{}.txt", stamp()), &bundle(&found))
    }
}

fn known(found: Found, runtime: &tokio::runtime::Handle) -> Known {
    let engine = match found.engine {
        Lives::Alive { pid } => Engine::Apart { pid },
        Lives::Gone => Engine::Gone,
    };
    let address = |side: Side| {
        let summary = if side == Side::Source { &found.run.source } else { &found.run.target };
        let endpoint = found.plan.as_ref().map(|p| if side == Side::Source { &p.source } else { &p.target });
        summary
            .as_ref()
            .map(|s| s.address.clone())
            .or_else(|| endpoint.map(ToString::to_string))
            .unwrap_or_default()
    };
    let lag = if found.run.keeping && engine != Engine::Gone { runtime.block_on(lag(&found)) } else { None };
    Known {
        id: found.id.clone(),
        source: address(Side::Source),
        target: address(Side::Target),
        engine,
        lag,
        again: found.plan.and_then(|plan| plan.again),
        run: found.run,
    }
}

/// The guard's last answer.
async fn lag(found: &Found) -> Option<Lag> {
    let gauges = gauges(found).await?;
    let asked_ms = gauges.following.values().map(|status| status.at_ms).min()?;
    let asked_ms = if asked_ms > 0 { asked_ms } else { gauges.at_ms };
    Some(Lag::of(gauges.following.values(), asked_ms))
}

async fn gauges(found: &Found) -> Option<Gauges> {
    let link = attach_as(&found.home, found.run.seq, Rights::Look).await.ok()?;
    let began = tokio::time::Instant::now();
    while began.elapsed() < GAUGES_WITHIN {
        let gauges = link.gauges();
        if gauges.at_ms > 0 {
            return Some(gauges);
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    None
}

/// How every database stands, as the engine knows that guards it. Absent where none does, or where it has not looked yet.
async fn guarded(found: &Found) -> Option<Vec<DatabaseStatus>> {
    if found.engine == Lives::Gone || !found.run.keeping {
        return None;
    }
    let gauges = gauges(found).await?;
    let mut all = Vec::new();
    for (name, state) in &found.run.databases {
        let told = gauges.following.get(name).filter(|_| state.outcome == Some(DatabaseOutcome::Following));
        all.push(match told {
            Some(status) => status.clone(),
            None if state.outcome == Some(DatabaseOutcome::Following) => return None,
            None => DatabaseStatus {
                database: name.clone(),
                method: state.method.unwrap_or(Method::Dump),
                outcome: state.outcome,
                message: state.message.clone(),
                ..DatabaseStatus::default()
            },
        });
    }
    Some(all)
}

fn stamp() -> u128 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis()
}
