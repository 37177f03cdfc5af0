//! Later commands: given to the engine that lives, else done by one of their own.

use super::{Engine, Known, Link, attach, resume_local};
use crate::model::command::Command;
use crate::model::failure::Failure;
use crate::model::plan::Plan;
use crate::model::run::Run;
use crate::model::secrets::Secrets;
use crate::model::task::Task;

/// Does what a later command is for. Where an engine works on the migration it is told to, and the link is to that one.
///
/// # Errors
/// When the engine is at something that this would contradict, or cannot be reached; else as
/// [`start_local`](super::start_local).
pub async fn run_task(plan: Plan, secrets: Secrets, task: Task) -> Result<Link, Failure> {
    let Some(Known { run, engine: Engine::Alive { pid }, .. }) = Known::read(&plan.home) else {
        return resume_local(plan, secrets, task);
    };
    let command = command_for(task, &run).map_err(|what| {
        Failure::refused(format!("an engine (pid {pid}) works on this migration: {what}"))
            .advise(format!("watch it with pgpassage attach {}", plan.id))
    })?;
    let link = attach(&plan.home).await?;
    if let Some(command) = command {
        // One that ends meanwhile says so by the link.
        link.commands().send(command).await.ok();
    }
    Ok(link)
}

/// # Errors
/// Why not now.
fn command_for(task: Task, run: &Run) -> Result<Option<Command>, String> {
    match task {
        Task::Finish(how) if run.keeping => Ok(Some(Command::Finish(how))),
        Task::Finish(_) => Err("it is still at work; finish once every database follows".to_owned()),
        // Also of an engine that is still at work: some databases may follow already.
        Task::Stop => Ok(Some(Command::Discontinue)),
        // It does so already.
        Task::Watch => Ok(None),
        Task::Clear if run.keeping => Ok(Some(Command::Clear)),
        Task::Clear => Err("it is still at work; try again once that has ended".to_owned()),
        Task::Clean(_) => Err("it is not dead, there is nothing to clean; stop it first".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::task::{Finish, Unfinished};

    #[test]
    fn what_an_engine_is_told_depends_on_what_it_is_at() {
        let mut run = Run::default();
        let finish = Finish::default();
        assert!(command_for(Task::Finish(finish), &run).is_err());
        assert!(command_for(Task::Clear, &run).is_err());
        assert_eq!(command_for(Task::Stop, &run), Ok(Some(Command::Discontinue)));
        run.keeping = true;
        assert_eq!(command_for(Task::Finish(finish), &run), Ok(Some(Command::Finish(finish))));
        assert_eq!(command_for(Task::Stop, &run), Ok(Some(Command::Discontinue)));
        assert_eq!(command_for(Task::Clear, &run), Ok(Some(Command::Clear)));
        for unfinished in [Unfinished::Keep, Unfinished::Drop, Unfinished::DropIncomplete] {
            assert!(command_for(Task::Clean(unfinished), &run).unwrap_err().contains("not dead"));
        }
    }
}
