//! `pgpassage attach`: joins a migration that is under way. Whoever leaves it again stops nothing.

use super::args::AttachArgs;
use super::connection::Env;
use super::dead::obituary;
use super::exit::Exit;
use super::follow::{Hand, Until};
use super::outcome::Shown;
use super::plan::state_dir;
use super::resume::is_known;
use super::{json, log, out, wizard};
use crate::link::{Engine, Known, attach, look, migrations};
use crate::model::event::RunOutcome;
use crate::store::Folder;
use crate::ui::state::Rights;
use anyhow::{Result, anyhow, bail};

pub(super) async fn run(args: AttachArgs) -> Exit {
    let env = Env::from_process();
    let known = match sought(args.id.as_deref(), &env) {
        Ok(known) => known,
        Err(error) => {
            let sentence = format!("{error:#}");
            if args.output.json {
                out::print(&json::refusal(args.id.as_deref(), &sentence).to_string());
            }
            out::complain(&sentence);
            return Exit::Usage;
        }
    };
    let lines = args.output.json || args.output.quiet || args.output.verbose || args.output.debug;
    if !lines && wizard::has_screen(&args.window) {
        let rights = if args.read_only { Rights::Look } else { Rights::Command };
        return wizard::join(&args.window, &known.id, rights).await;
    }
    let _log = log::start(&[], &args.output).ok();
    let journal = Folder::at(&known.home).journal_path().display().to_string();
    let shown = Shown { id: known.id.clone(), journal, output: &args.output, key: None, before: None };
    if known.engine == Engine::Gone {
        return gone(&known, &shown);
    }
    let link = if args.read_only { look(&known.home).await } else { attach(&known.home).await };
    // One that has just ended is no failure.
    if let (Err(_), Some(now)) = (&link, Known::read(&known.home))
        && now.engine == Engine::Gone
    {
        return gone(&now, &shown);
    }
    let result = shown.result(std::future::ready(link), Until::Ended, Hand::Watches).await;
    result.map_or_else(|exit| exit, |(run, outcome)| Exit::of(outcome, &run))
}

/// # Errors
/// When it cannot be said which migration is meant.
fn sought(id: Option<&str>, env: &Env) -> Result<Known> {
    let state_dir = state_dir(env)?;
    if let Some(id) = id {
        let known = is_known(id, env).then(|| Known::read(&state_dir.join(id))).flatten();
        return known.ok_or_else(|| {
            anyhow!("this machine knows no migration {id}; pgpassage list shows those that it does")
        });
    }
    let all = migrations(&state_dir).map_err(|e| anyhow!("{e}"))?;
    let (mut alive, others): (Vec<_>, Vec<_>) = all.into_iter().partition(|k| k.engine != Engine::Gone);
    if alive.is_empty() {
        // One that died wants to be heard of.
        alive = others.into_iter().filter(Known::is_dead).collect();
    }
    match (alive.pop(), alive.len()) {
        (None, _) => bail!("no migration is under way; pgpassage list shows those that this machine knows"),
        (Some(only), 0) => Ok(only),
        (Some(one), _) => {
            let ids: Vec<_> = alive.iter().chain([&one]).map(|known| known.id.as_str()).collect();
            bail!("there are several, say which: {}", ids.join(", "))
        }
    }
}

/// Nobody is there to be joined; what the journal tells is told.
fn gone(known: &Known, shown: &Shown<'_>) -> Exit {
    let dead = obituary(known);
    if let (Some(outcome), true) = (known.run.outcome, dead.is_empty()) {
        if !shown.output.json {
            out::note(&format!("Migration {} has ended.", known.id));
        }
        shown.told(&known.run, outcome);
        return Exit::of(outcome, &known.run);
    }
    if shown.output.json {
        shown.told(&known.run, known.run.outcome.unwrap_or(RunOutcome::Failed));
        dead.iter().for_each(|line| out::note(line));
    } else {
        out::print(&dead.join("\n"));
    }
    Exit::Failed
}
