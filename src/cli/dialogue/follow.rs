//! A migration in lines, and the last step's questions.

use super::failed::{admitted, offer};
use crate::cli::ask::{Gone, Preset, choose, yes};
use crate::cli::exit::Exit;
use crate::cli::lines::line;
use crate::cli::wizard::Rooms;
use crate::cli::{out, report};
use crate::link::Link;
use crate::model::event::{Event, RunOutcome};
use crate::model::failure::Failure;
use crate::model::run::Run;
use crate::model::task::{Finish, Loss, Task};
use crate::model::units::{human_bytes, printable, readable};
use crate::ui::drive::{Host, Opened, Prepared, Typed};
use crate::ui::format::percent;
use crate::ui::state::Engine;
use crate::ui::state::live::Live;
use crate::ui::state::passwords::Errand;
use crate::ui::steps::migration::failed;
use std::time::Duration;

/// How often a line says how far it is.
const SAY: Duration = Duration::from_secs(30);

pub(super) async fn start(rooms: &Rooms, prepared: Prepared) -> Exit {
    out::print("Ctrl-C closes this window.");
    show(rooms, rooms.start(prepared).await).await
}

pub(super) async fn open(rooms: &Rooms, id: String) -> Exit {
    show(rooms, rooms.open(id).await).await
}

/// Why nobody waits any more.
pub(super) enum Parting {
    Ended(Result<RunOutcome, Failure>),
    /// Everything follows, or what was asked of the guard has been answered.
    Enough(RunOutcome),
    Left,
}

async fn show(rooms: &Rooms, opened: Result<Opened, Failure>) -> Exit {
    let mut opened = opened;
    loop {
        let shown = match opened {
            Ok(opened) => told(rooms, opened).await,
            Err(failure) => {
                out::print(&format!("error: {failure}"));
                return Exit::Failed;
            }
        };
        match shown {
            Shown::Over(exit) => return exit,
            Shown::Another(begun) => opened = *begun,
        }
    }
}

/// What came of showing a migration.
enum Shown {
    Over(Exit),
    /// Another one was begun of what this one did not bring to its end.
    Another(Box<Result<Opened, Failure>>),
}

async fn told(rooms: &Rooms, opened: Opened) -> Shown {
    let id = opened.shown.id.clone();
    let mut run = Run::default();
    let outcome = match opened.link {
        None => {
            let mut live = Live::new(id.clone(), Engine::Gone, opened.shown.clone());
            opened.entries.iter().for_each(|entry| live.apply(entry));
            if failed(&live) {
                let exit = live.run.outcome.map_or(Exit::Failed, |outcome| Exit::of(outcome, &live.run));
                return match offer(rooms, live).await {
                    Ok(Some(begun)) => Shown::Another(Box::new(begun)),
                    Ok(None) | Err(Gone) => Shown::Over(exit),
                };
            }
            run = live.run;
            run.outcome.unwrap_or_else(|| run.judge())
        }
        Some(link) => match follow(link, &mut run, 0).await {
            Parting::Ended(Ok(outcome)) | Parting::Enough(outcome) => outcome,
            Parting::Ended(Err(failure)) => {
                out::print(&format!("error: {failure}"));
                return Shown::Over(Exit::Failed);
            }
            Parting::Left => return Shown::Over(left(&id)),
        },
    };
    out::print(&report::report(&run, outcome, &format!("{}/journal", opened.shown.home)).join("\n"));
    if outcome != RunOutcome::Following {
        return Shown::Over(Exit::of(outcome, &run));
    }
    Shown::Over(match close(rooms, (&id, run.seq)).await {
        Ok(exit) => exit,
        Err(Gone) => left(&id),
    })
}

fn left(id: &str) -> Exit {
    out::print(&format!("This window is closed; the migration goes on. Come back: pgpassage attach {id}"));
    Exit::Done
}

pub(super) async fn follow(mut link: Link, run: &mut Run, after_seq: u64) -> Parting {
    let mut say = tokio::time::interval(SAY);
    loop {
        tokio::select! {
            entry = link.next_entry() => {
                let Some(entry) = entry else { return Parting::Ended(link.outcome().await) };
                run.apply(&entry);
                if entry.seq <= after_seq {
                    continue;
                }
                if let Some(text) = line(run, &entry) {
                    out::print(&text);
                }
                match entry.event {
                    Event::Answered { outcome, .. } if after_seq > 0 && link.is_answered(&entry.event) => {
                        return Parting::Enough(outcome);
                    }
                    Event::Keeping if after_seq == 0 => return Parting::Enough(run.judge()),
                    _ => {}
                }
            }
            _ = say.tick() => {
                let gauges = link.gauges();
                let (done, total) = (gauges.bytes_done(), gauges.bytes_total());
                if total > 0 && done < total {
                    let percent = percent(done, total);
                    out::print(&format!("{percent} percent, {} of {}", human_bytes(done), human_bytes(total)));
                }
            }
            _ = tokio::signal::ctrl_c() => return Parting::Left,
        }
    }
}

/// The last step.
async fn close(rooms: &Rooms, (id, mut seq): (&str, u64)) -> Result<Exit, Gone> {
    out::print("Step 4 of 4, Close: the target follows the source (Syncing)");
    let mut typed = Typed::default();
    loop {
        let choices = [
            ("k", "Keep replicating, and leave".to_owned()),
            ("u", "Status update".to_owned()),
            ("c", "Close connection".to_owned()),
        ];
        match choose(&choices).await? {
            "k" => return Err(Gone),
            "u" => {
                admitted(rooms, (id, Errand::Status), &mut typed).await?;
                status(rooms, (id, typed.clone())).await;
            }
            _ => {
                out::print("First stop what writes to the source. Closing cannot be undone.");
                if !yes("Close connection", Preset::No).await? {
                    continue;
                }
                if let Some(exit) = finish(rooms, (id, &mut seq), &mut typed).await? {
                    return Ok(exit);
                }
            }
        }
    }
}

async fn status(rooms: &Rooms, (id, typed): (&str, Typed)) {
    match rooms.status(id.to_owned(), typed).await {
        Ok(databases) => databases.iter().for_each(|d| {
            let lag = d.lag_bytes.map_or_else(|| "unknown".to_owned(), human_bytes);
            let error = d.error.as_ref().map(|e| format!(", {}", printable(e))).unwrap_or_default();
            out::print(&format!("  {}: lag {lag}{error}", readable(&d.database)));
        }),
        Err(failure) => out::print(&format!("error: {failure}")),
    }
}

/// Nothing where it follows still.
async fn finish(rooms: &Rooms, (id, seq): (&str, &mut u64), typed: &mut Typed) -> Result<Option<Exit>, Gone> {
    let task = Task::Finish(Finish { loss: Loss::Refuse, ..Finish::default() });
    admitted(rooms, (id, Errand::Run(task)), typed).await?;
    let link = match rooms.task(id.to_owned(), typed.clone(), task).await {
        Ok(Opened { link: Some(link), .. }) => link,
        Ok(_) => {
            out::print("error: no engine took it");
            return Ok(None);
        }
        Err(failure) => {
            out::print(&format!("error: {failure}"));
            return Ok(None);
        }
    };
    let mut run = Run::default();
    let outcome = match follow(link, &mut run, *seq).await {
        Parting::Ended(Ok(outcome)) | Parting::Enough(outcome) => outcome,
        Parting::Ended(Err(failure)) => {
            out::print(&format!("error: {failure}"));
            return Ok(Some(Exit::Failed));
        }
        Parting::Left => return Err(Gone),
    };
    *seq = run.seq;
    out::print(&report::report(&run, outcome, id).join("\n"));
    Ok((outcome != RunOutcome::Following).then(|| Exit::of(outcome, &run)))
}
