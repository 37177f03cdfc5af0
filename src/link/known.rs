//! The migrations that this machine knows, and which of them somebody works on.

use crate::model::failure::Failure;
use crate::model::plan::Plan;
use crate::model::run::Run;
use crate::store::{Folder, salvage_journal};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// One migration as its folder tells it. No server is asked.
#[derive(Debug, Clone, PartialEq)]
pub struct Known {
    pub id: String,
    pub home: PathBuf,
    /// Absent where plan.json cannot be read.
    pub plan: Option<Plan>,
    pub run: Run,
    pub engine: Engine,
    /// Why `run` is only what could still be read of the journal.
    pub damage: Option<String>,
}

/// Whether an engine works on a migration now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    Alive { pid: u32 },
    Gone,
}

impl Known {
    /// The migration in this folder, if one was begun there.
    pub fn read(home: &Path) -> Option<Known> {
        let folder = Folder::at(home);
        let id = home.file_name()?.to_str()?.to_owned();
        if !folder.has_journal() {
            return None;
        }
        // Before the journal: an engine that ends in between leaves a journal that says so.
        let engine = engine(&folder);
        let (entries, error) = salvage_journal(&folder.journal_path());
        let plan = folder.read_plan().ok();
        let (run, damage) = (Run::fold(&entries), error.map(|e| e.to_string()));
        Some(Known { id, home: home.to_owned(), plan, run, engine, damage })
    }

    /// It ended without saying so: killed, or the machine went down. Nobody watches over what it left on the servers.
    pub fn is_dead(&self) -> bool {
        self.engine == Engine::Gone && self.run.outcome.is_none()
    }
}

fn engine(folder: &Folder) -> Engine {
    match folder.holder() {
        Ok(Some(pid)) => Engine::Alive { pid },
        Ok(None) | Err(_) => Engine::Gone,
    }
}

/// All of them, the newest first.
///
/// # Errors
/// When the state directory cannot be read. That there is none means that there are none.
pub fn migrations(state_dir: &Path) -> Result<Vec<Known>, Failure> {
    let unreadable = |e: std::io::Error| Failure::local(format!("{}: {e}", state_dir.display()));
    let folders = match std::fs::read_dir(state_dir) {
        Ok(folders) => folders,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(unreadable(error)),
    };
    let mut all = Vec::new();
    for folder in folders {
        all.extend(Known::read(&folder.map_err(unreadable)?.path()));
    }
    all.sort_by(|a, b| (b.run.started_ms, &a.id).cmp(&(a.run.started_ms, &b.id)));
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::event::{Entry, Event, RunOutcome};
    use crate::store::Journal;

    #[test]
    fn the_living_the_dead_and_the_damaged_are_told_apart() {
        let state = tempfile::tempdir().unwrap();
        assert_eq!(migrations(&state.path().join("none")).unwrap(), Vec::new());
        let begin = |id: &str, at_ms: u64, end: Option<RunOutcome>| {
            let folder = Folder::create(state.path(), id).unwrap();
            let (mut journal, _) = Journal::open(&folder.journal_path()).unwrap();
            let started = Event::Started { version: "0".into(), pid: 7, id: id.into() };
            journal.append(&Entry { seq: 1, at_ms, event: started }).unwrap();
            if let Some(outcome) = end {
                journal.append(&Entry { seq: 2, at_ms, event: Event::Ended { outcome } }).unwrap();
            }
            folder
        };
        let _held = begin("alive", 1, None).lock().unwrap();
        drop(begin("dead", 4, None).lock().unwrap());
        begin("done", 3, Some(RunOutcome::Done));
        let torn = begin("torn", 2, Some(RunOutcome::Done)).journal_path();
        let text = std::fs::read_to_string(&torn).unwrap();
        std::fs::write(&torn, format!("{}no\n{}", text.lines().next().unwrap().to_owned() + "\n", text))
            .unwrap();
        Folder::create(state.path(), "empty").unwrap();
        let all = migrations(state.path()).unwrap();
        let short: Vec<_> =
            all.iter().map(|k| (k.id.as_str(), k.is_dead(), k.damage.is_some(), k.engine)).collect();
        let alive = Engine::Alive { pid: std::process::id() };
        assert_eq!(
            short,
            [
                ("dead", true, false, Engine::Gone),
                ("done", false, false, Engine::Gone),
                ("torn", true, true, Engine::Gone),
                ("alive", false, false, alive)
            ]
        );
    }
}
