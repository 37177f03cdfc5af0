//! `pgpassage clean`: removes what a migration has left on the servers, after showing what it found.

use super::args::{CleanArgs, ResumeArgs};
use super::confirm::confirm;
use super::connection::Env;
use super::discovered::{Places, look, places};
use super::exit::Exit;
use super::plan::state_dir;
use super::resume::{self, is_known};
use super::{json, out};
use crate::link::{Engine, Known, remove_discovered};
use crate::model::discovery::Discovered;
use crate::model::event::{DatabaseOutcome, ObjectKind, ServerObject};
use crate::model::half_made::HalfMade;
use crate::model::plan::FORMAT;
use crate::model::run::{LedgerState, Run};
use crate::model::task::Unfinished;
use crate::model::units::{printable, readable};
use crate::store::{Folder, read_journal};
use serde_json::json;

/// Databases that the question names.
const MOST_NAMED: usize = 5;

pub(super) async fn run(args: CleanArgs) -> Exit {
    let env = Env::from_process();
    match &args.id {
        Some(id) if is_known(id, &env) => {
            let unfinished = if args.keep_databases { Unfinished::Keep } else { Unfinished::Drop };
            known(&args, (id, unfinished), &env).await
        }
        Some(id) => match found_places(&args, &env) {
            Ok(places) => named(&args, &places, id).await,
            Err(exit) => exit,
        },
        None => match found_places(&args, &env) {
            Ok(places) => all(&args, &places, &env).await,
            Err(exit) => exit,
        },
    }
}

/// What the journal says may be there is shown first.
async fn known(args: &CleanArgs, (id, unfinished): (&str, Unfinished), env: &Env) -> Exit {
    let journal = state_dir(env).map(|dir| Folder::at(&dir.join(id)).journal_path());
    let entries = journal.ok().and_then(|path| read_journal(&path).ok()).unwrap_or_default();
    let run = Run::fold(&entries);
    let ours = run.ledger.values().filter(|line| line.state != LedgerState::NotOurs);
    let on_servers = ours.filter(|line| {
        matches!(line.object.kind, ObjectKind::Publication | ObjectKind::Slot | ObjectKind::Subscription)
    });
    let on_servers: Vec<_> = on_servers.collect();
    let following = run.databases.iter().filter(|(_, d)| d.outcome == Some(DatabaseOutcome::Following));
    let asks = !args.yes && !args.output.json;
    // Whoever is asked has to see what about.
    if asks || !args.output.quiet && !args.output.json {
        for line in &on_servers {
            let doubt = if line.state == LedgerState::Making { "may be there: " } else { "" };
            out::print(&format!("  {doubt}{}", object(&line.object)));
        }
        for half in run.half_made() {
            out::print(&printable(&half_made(&half, unfinished)));
        }
        for (name, _) in following {
            out::print(&printable(&format!("  {} does not follow the source any more then", readable(name))));
        }
    }
    let goes = |half: &HalfMade| half.oid.is_some() && unfinished.drops(half);
    let dropped: Vec<_> = run.half_made().into_iter().filter(goes).map(|half| readable(&half.name)).collect();
    if let Err(exit) = confirmed(args, question(&dropped, on_servers.len())).await {
        return exit;
    }
    resume::clean(&of_known(args, id), unfinished).await
}

/// What goes, as a question; none where nothing does.
fn question(dropped: &[String], objects: usize) -> Option<String> {
    let named = dropped.iter().take(MOST_NAMED).cloned().collect::<Vec<_>>().join(", ");
    let more = dropped.len().saturating_sub(MOST_NAMED);
    let named = if more > 0 { format!("{named} and {more} more") } else { named };
    match (dropped, objects) {
        ([], 0) => None,
        ([], _) => Some("Remove them?".to_owned()),
        (_, 0) => Some(printable(&format!("Drop {named} on the target?"))),
        _ => Some(printable(&format!("Drop {named} on the target, and remove the rest?"))),
    }
}

async fn confirmed(args: &CleanArgs, question: Option<String>) -> Result<(), Exit> {
    match question {
        Some(question) if !args.yes && !args.output.json => confirm(&question).await,
        _ => Ok(()),
    }
}

fn half_made(half: &HalfMade, unfinished: Unfinished) -> String {
    let name = readable(&half.name);
    let fate = match half.outcome {
        _ if half.oid.is_none() => "if it is there at all, it stays: whether it is ours is not known",
        _ if unfinished.drops(half) => "is dropped, unless somebody is in it",
        Some(DatabaseOutcome::Incomplete) => "stays: it was worked through, the result says what it lacks",
        _ => "stays",
    };
    format!("  unfinished database {name} on the target, {}: {fate}", half.copied())
}

fn of_known(args: &CleanArgs, id: &str) -> ResumeArgs {
    ResumeArgs {
        id: id.to_owned(),
        source: args.source.clone(),
        target: args.target.clone(),
        output: args.output.clone(),
    }
}

fn found_places(args: &CleanArgs, env: &Env) -> Result<Places, Exit> {
    let refuse = |sentence: String| {
        if args.output.json {
            out::print(&json::refusal(args.id.as_deref(), &sentence).to_string());
        }
        out::complain(&sentence);
        Exit::Usage
    };
    match places(args.source.as_deref(), args.target.as_deref(), env) {
        Ok(Some(places)) => Ok(places),
        Ok(None) => {
            let id = args.id.clone().unwrap_or_default();
            Err(refuse(format!(
                "this machine knows no migration {id}; to look for it on the servers, name both with -s and -t"
            )))
        }
        Err(error) => Err(refuse(format!("{error:#}"))),
    }
}

/// What this machine does not know, and the operator does.
async fn named(args: &CleanArgs, places: &Places, id: &str) -> Exit {
    let found = look(places).await;
    let Some(migration) = found.migrations.get(id) else {
        out::complain(&format!("the servers hold nothing of a migration {id}"));
        return if found.unreachable.is_empty() { Exit::Usage } else { Exit::Failed };
    };
    if !args.output.quiet && !args.output.json {
        out::print(&shown(id, migration).join("\n"));
    }
    if migration.active {
        let sentence = format!(
            "migration {id} is alive: its changes are read and applied, and this machine did not begin it; stop it where it was begun"
        );
        if args.output.json {
            out::print(&json::refusal(Some(id), &sentence).to_string());
        }
        out::complain(&sentence);
        return Exit::Blocked;
    }
    if let Err(exit) = confirmed(args, question(&[], migration.objects.len())).await {
        return exit;
    }
    let left = remove_discovered(&places.source, &places.target, migration).await;
    if args.output.json {
        let names = |objects: &[ServerObject]| objects.iter().map(object).collect::<Vec<_>>();
        let stays: Vec<_> =
            left.iter().map(|(o, failure)| json!({"object": object(o), "error": failure.what})).collect();
        let document = json!({"format": FORMAT, "id": id, "found": names(&migration.objects), "left": stays});
        out::print(&document.to_string());
    }
    for (stays, failure) in &left {
        out::complain(&printable(&format!("{} stays: {failure}", object(stays))));
    }
    if left.is_empty() && found.unreachable.is_empty() {
        if !args.output.json {
            out::print("Removed. Replica identities that it may have changed are not known to this machine.");
        }
        Exit::Done
    } else {
        Exit::Partly
    }
}

/// What is known here and dead is removed, where both servers answer and nothing of it follows; the rest is shown, and
/// removed by its name alone: a target that is down for an hour looks like one that is gone.
async fn all(args: &CleanArgs, places: &Places, env: &Env) -> Exit {
    let found = look(places).await;
    let mut exit = if found.unreachable.is_empty() { Exit::Done } else { Exit::Partly };
    if found.migrations.is_empty() && !args.output.json {
        out::print("The servers hold nothing of any migration.");
    }
    for (id, migration) in &found.migrations {
        if !args.output.quiet && !args.output.json {
            out::print(&shown(id, migration).join("\n"));
        }
        if migration.active {
            out::note(&format!("  it is alive: left alone; pgpassage stop {id} ends it"));
        } else if !found.unreachable.is_empty() {
            out::note(
                "  not all could be asked about it: left alone; try again once both servers can be reached",
            );
        } else if is_known(id, env) {
            if let Some(why) = not_unnamed(id, env) {
                out::note(&format!("  {why}: left alone; pgpassage clean {id} removes it"));
                continue;
            }
            // What is dropped is named by whoever wants that.
            match known(args, (id, Unfinished::Keep), env).await {
                Exit::Done => {}
                other => exit = other,
            }
        } else {
            out::note(&format!(
                "  not begun on this machine: left alone; pgpassage clean {id} -s … -t … removes it"
            ));
        }
    }
    exit
}

/// Why a migration that this machine knows is not removed unless it is named.
fn not_unnamed(id: &str, env: &Env) -> Option<&'static str> {
    let known = state_dir(env).ok().and_then(|dir| Known::read(&dir.join(id)));
    let Some(known) = known else { return Some("its journal cannot be read") };
    let follows = known.run.databases.values().any(|d| d.outcome == Some(DatabaseOutcome::Following));
    match known.engine {
        Engine::Alive { .. } => Some("an engine works on it"),
        Engine::Gone if follows => Some("it follows its source, as this machine knows it"),
        Engine::Gone if known.damage.is_some() => Some("its journal is damaged"),
        Engine::Gone if !known.is_dead() => Some("it has not died: it ended, and left this"),
        Engine::Gone => None,
    }
}

fn shown(id: &str, migration: &Discovered) -> Vec<String> {
    let mut lines = vec![format!("migration {id}")];
    lines.extend(migration.objects.iter().map(|o| format!("  {}", object(o))));
    lines
}

fn object(object: &ServerObject) -> String {
    let kind = match object.kind {
        ObjectKind::Publication => "publication",
        ObjectKind::Slot => "replication slot",
        ObjectKind::Subscription => "subscription",
        _ => "object",
    };
    let database =
        object.database.as_ref().map(|d| format!(", database {}", readable(d))).unwrap_or_default();
    format!("{kind} {} on the {}{database}", readable(&object.name), object.side)
}
