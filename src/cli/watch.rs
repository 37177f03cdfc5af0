//! `pgpassage status ID --watch`: guards a migration that follows, and tells how it stands, until Ctrl-C.

use super::args::{OutputArgs, ResumeArgs};
use super::connection::Env;
use super::exit::Exit;
use super::follow::{Hand, Until};
use super::lines::finding_line;
use super::outcome::Shown;
use super::progress::Screen;
use super::resume::known;
use super::signals::Signals;
use super::status::{Told, document, lines};
use super::{log, out, passwords};
use crate::link::{Engine, Known, Link, resume_detached, run_task, status};
use crate::model::command::Command;
use crate::model::event::{DatabaseOutcome, Event, RunOutcome};
use crate::model::failure::{Failure, FailureKind};
use crate::model::plan::Plan;
use crate::model::run::Run;
use crate::model::secrets::Secrets;
use crate::model::status::DatabaseStatus;
use crate::model::task::Task;
use crate::store::{Folder, read_journal};
use anyhow::Result;
use std::io::IsTerminal;
use std::path::Path;
use std::time::Duration;

/// How often it is told on a terminal, and elsewhere.
const DRAW: Duration = Duration::from_secs(1);
const PRINT: Duration = Duration::from_secs(5);

/// Where what is told goes.
struct Face {
    id: String,
    json: bool,
    screen: Option<Screen>,
}

impl Face {
    fn new(id: &str, output: &OutputArgs) -> Self {
        let screen = (!output.json && std::io::stdout().is_terminal()).then(Screen::default);
        Self { id: id.to_owned(), json: output.json, screen }
    }

    fn interval(&self) -> Duration {
        if self.screen.is_some() { DRAW } else { PRINT }
    }

    fn tell(&mut self, databases: &[DatabaseStatus], news: &mut Vec<String>) {
        let told = Told {
            id: self.id.clone(),
            remark: None,
            error: None,
            databases: databases.to_vec(),
            obituary: Vec::new(),
        };
        let now = lines(&told);
        match &mut self.screen {
            Some(screen) => screen.draw(news, &now),
            None if self.json => {
                news.iter().for_each(|line| out::note(line));
                out::print(&document(&told).to_string());
            }
            None => {
                news.iter().for_each(|line| out::note(line));
                out::print(&now.join("\n"));
            }
        }
        news.clear();
    }
}

/// # Errors
/// When this machine does not know the migration.
pub(super) async fn run(args: &ResumeArgs, env: &Env) -> Result<Exit> {
    let (plan, mut secrets) = known(args, env)?;
    if let Err(exit) = passwords::complete(&plan, &mut secrets).await {
        return Ok(exit);
    }
    let log_path = Folder::at(&plan.home).log_path();
    let logs: Vec<&Path> = vec![&log_path];
    let _log = log::start(&logs, &args.output).ok();
    let mut face = Face::new(&plan.id, &args.output);
    let signals = Signals::new()?;
    let known = Known::read(&plan.home);
    // One that is at work has a face of its own; how far it is, is asked of the servers.
    let at_work = known.as_ref().is_some_and(|k| k.engine != Engine::Gone && !k.run.keeping);
    let link = if at_work {
        Err(Failure::refused("an engine is at work on it"))
    } else {
        run_task(plan.clone(), secrets.clone(), Task::Watch).await
    };
    match link {
        Ok(link) => Ok(guard(link, known.map_or(0, |k| k.run.seq), &mut face, signals).await),
        // Another engine holds the migration: whatever it does, looking is allowed.
        Err(failure) if failure.kind == FailureKind::Refused => {
            out::note(&format!("pgpassage: {failure}; it is only looked at"));
            Ok(only_look((&plan, &secrets), &mut face, signals).await)
        }
        Err(failure) => {
            out::complain(&failure.to_string());
            Ok(Exit::Failed)
        }
    }
}

/// Leaves a guard in a process of its own, where there is none.
///
/// # Errors
/// When this machine does not know the migration.
pub(super) async fn leave_guard(args: &ResumeArgs, env: &Env) -> Result<Exit> {
    let (plan, mut secrets) = known(args, env)?;
    if let Err(exit) = passwords::complete(&plan, &mut secrets).await {
        return Ok(exit);
    }
    let after_seq = Known::read(&plan.home).map_or(0, |known| known.run.seq);
    let shown = Shown::of(&plan, &args.output);
    let link = resume_detached(plan, secrets, Task::Watch);
    let result = shown.result(link, Until::Guards { after_seq }, Hand::Holds).await;
    Ok(result.map_or_else(|exit| exit, |(run, outcome)| Exit::of(outcome, &run)))
}

/// Tells how things stand, and what happens after `known_seq`. The guard is an engine here, or one that was there.
async fn guard(mut link: Link, known_seq: u64, face: &mut Face, mut signals: Signals) -> Exit {
    let (mut run, mut news) = (Run::default(), Vec::new());
    let commands = link.commands();
    let mut tick = tokio::time::interval(face.interval());
    loop {
        tokio::select! {
            entry = link.next_entry() => match entry {
                Some(entry) => {
                    run.apply(&entry);
                    if let Event::Finding { finding } = &entry.event
                        && entry.seq > known_seq
                    {
                        news.extend(finding_line(finding));
                    }
                }
                None => break,
            },
            _ = signals.next() => {
                if !link.is_here() {
                    return Exit::Done;
                }
                commands.send(Command::Leave).await.ok();
                break;
            }
            _ = tick.tick() => {
                let following: Vec<_> = link.gauges().following.into_values().collect();
                if !following.is_empty() {
                    face.tell(&following, &mut news);
                }
            }
        }
    }
    loop {
        tokio::select! {
            entry = link.next_entry() => match entry {
                Some(entry) => run.apply(&entry),
                None => break,
            },
            // Who says it twice does not wait for a server that does not answer; what follows does not need us.
            _ = signals.next() => return Exit::Interrupted,
        }
    }
    drop(commands);
    news.iter().for_each(|line| out::note(line));
    ended(&run, link.outcome().await)
}

fn ended(run: &Run, outcome: Result<RunOutcome, Failure>) -> Exit {
    match outcome {
        Err(failure) => {
            out::complain(&failure.to_string());
            Exit::Failed
        }
        Ok(RunOutcome::Refused) => {
            let why = run.refused.as_ref().map_or_else(String::new, ToString::to_string);
            out::complain(&why);
            Exit::Blocked
        }
        Ok(_) if run.databases.values().any(|d| d.outcome == Some(DatabaseOutcome::Following)) => Exit::Done,
        Ok(outcome) => {
            out::note("Nothing follows any more.");
            for (name, database) in &run.databases {
                out::note(&format!("  {}: {}", crate::model::units::readable(name), database.message));
            }
            // Closed in good order by a command from elsewhere, or lost.
            if outcome == RunOutcome::Done { Exit::Done } else { Exit::Failed }
        }
    }
}

async fn only_look((plan, secrets): (&Plan, &Secrets), face: &mut Face, mut signals: Signals) -> Exit {
    let mut tick = tokio::time::interval(face.interval());
    loop {
        tokio::select! {
            // Also while a server does not answer.
            _ = signals.next() => return Exit::Done,
            looked = async {
                tick.tick().await;
                let entries = read_journal(&Folder::at(&plan.home).journal_path()).ok()?;
                Some(status(plan, secrets, &Run::fold(&entries)).await)
            } => {
                let Some(databases) = looked else { return Exit::Failed };
                face.tell(&databases, &mut Vec::new());
            }
        }
    }
}
