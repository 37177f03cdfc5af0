//! A migration in lines, and the last step's questions.

use super::ask::{Gone, Preset, choose, yes};
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
enum Parting {
    Ended(Result<RunOutcome, Failure>),
    /// Everything follows, or what was asked of the guard has been answered.
    Enough(RunOutcome),
    Left,
}

async fn show(rooms: &Rooms, opened: Result<Opened, Failure>) -> Exit {
    let opened = match opened {
        Ok(opened) => opened,
        Err(failure) => {
            out::print(&format!("error: {failure}"));
            return Exit::Failed;
        }
    };
    let id = opened.shown.id.clone();
    let mut run = Run::default();
    let outcome = match opened.link {
        None => {
            opened.entries.iter().for_each(|entry| run.apply(entry));
            run.outcome.unwrap_or_else(|| run.judge())
        }
        Some(link) => match follow(link, &mut run, 0).await {
            Parting::Ended(Ok(outcome)) | Parting::Enough(outcome) => outcome,
            Parting::Ended(Err(failure)) => {
                out::print(&format!("error: {failure}"));
                return Exit::Failed;
            }
            Parting::Left => return left(&id),
        },
    };
    out::print(&report::report(&run, outcome, &format!("{}/journal", opened.shown.home)).join("\n"));
    if outcome != RunOutcome::Following {
        return Exit::of(outcome, &run);
    }
    match close(rooms, (&id, run.seq)).await {
        Ok(exit) => exit,
        Err(Gone) => left(&id),
    }
}

fn left(id: &str) -> Exit {
    out::print(&format!("This window is closed; the migration goes on. Come back: pgpassage attach {id}"));
    Exit::Done
}

async fn follow(mut link: Link, run: &mut Run, after_seq: u64) -> Parting {
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
    loop {
        let choices = [
            ("k", "Keep replicating, and leave".to_owned()),
            ("u", "Status update".to_owned()),
            ("c", "Close connection".to_owned()),
        ];
        match choose(&choices).await? {
            "k" => return Err(Gone),
            "u" => match rooms.status(id.to_owned(), Typed::default()).await {
                Ok(databases) => databases.iter().for_each(|d| {
                    let lag = d.lag_bytes.map_or_else(|| "unknown".to_owned(), human_bytes);
                    let error = d.error.as_ref().map(|e| format!(", {}", printable(e))).unwrap_or_default();
                    out::print(&format!("  {}: lag {lag}{error}", readable(&d.database)));
                }),
                Err(failure) => out::print(&format!("error: {failure}")),
            },
            _ => {
                out::print("First stop what writes to the source. Closing cannot be undone.");
                if !yes("Close connection", Preset::No).await? {
                    continue;
                }
                let how = Finish { loss: Loss::Refuse, ..Finish::default() };
                match rooms.task(id.to_owned(), Typed::default(), Task::Finish(how)).await {
                    Ok(Opened { link: Some(link), .. }) => {
                        let mut run = Run::default();
                        let outcome = match follow(link, &mut run, seq).await {
                            Parting::Ended(Ok(outcome)) | Parting::Enough(outcome) => outcome,
                            Parting::Ended(Err(failure)) => {
                                out::print(&format!("error: {failure}"));
                                return Ok(Exit::Failed);
                            }
                            Parting::Left => return Err(Gone),
                        };
                        seq = run.seq;
                        out::print(&report::report(&run, outcome, id).join("\n"));
                        if outcome != RunOutcome::Following {
                            return Ok(Exit::of(outcome, &run));
                        }
                    }
                    Ok(_) => out::print("error: no engine took it"),
                    Err(failure) => out::print(&format!("error: {failure}")),
                }
            }
        }
    }
}
