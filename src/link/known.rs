//! The migrations that this machine knows, and which of them somebody works on.

use crate::model::event::Event;
use crate::model::failure::Failure;
use crate::model::plan::Plan;
use crate::model::run::Run;
use crate::store::{Folder, StoreError, salvage_journal};
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

/// Removes this machine's folder of a migration, and with it the only word on what that made. Where an engine works on it or
/// anything of it is left on a server, the folder stays.
///
/// # Errors
/// What is in the way, and what to do first.
pub fn forget(home: &Path) -> Result<(), Failure> {
    let folder = Folder::at(home);
    let id = home.file_name().unwrap_or_default().to_string_lossy().into_owned();
    // Nobody begins to work on it meanwhile.
    let _held = folder.lock().map_err(|error| match error {
        StoreError::Busy { pid } => Failure::refused(format!("an engine works on {id} (pid {pid})"))
            .advise(format!("pgpassage stop {id} ends it")),
        other => Failure::local(other.to_string()),
    })?;
    let (entries, damage) = salvage_journal(&folder.journal_path());
    if let Some(damage) = damage {
        let what =
            format!("the journal of {id} is damaged, so what is left on the servers is not known: {damage}");
        return Err(Failure::refused(what)
            .advise(format!("look with pgpassage status -s … -t …, then remove {}", home.display())));
    }
    if entries.iter().any(|entry| entry.event == Event::Unknown) {
        let what = format!(
            "a newer version of pgpassage has worked on {id}, and this one does not know what it made"
        );
        return Err(Failure::refused(what).advise("forget it with that version"));
    }
    if let Some(why) = Run::fold(&entries).not_forgotten() {
        return Err(Failure::refused(format!("{id} is not forgotten: {}", why.what())).advise(why.first(&id)));
    }
    std::fs::remove_dir_all(home).map_err(|e| Failure::local(format!("{}: {e}", home.display())))
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
    fn what_is_left_somewhere_is_not_forgotten() {
        use crate::model::event::{DatabaseOutcome, ObjectKind, ServerObject};
        use crate::model::units::Side;
        let state = tempfile::tempdir().unwrap();
        let begin = |id: &str, events: Vec<Event>| {
            let folder = Folder::create(state.path(), id).unwrap();
            let (mut journal, _) = Journal::open(&folder.journal_path()).unwrap();
            let started = Event::Started { version: "0".into(), pid: 7, id: id.into() };
            for (seq, event) in (1..).zip(std::iter::once(started).chain(events)) {
                journal.append(&Entry { seq, at_ms: seq, event }).unwrap();
            }
            folder
        };
        let object = |kind, side| ServerObject { side, kind, name: "x".into(), database: Some("x".into()) };
        let slot = || object(ObjectKind::Slot, Side::Source);
        let ended = |outcome| Event::DatabaseEnded { database: "x".into(), outcome, message: String::new() };
        let half = vec![
            Event::Making { object: object(ObjectKind::Database, Side::Target) },
            ended(DatabaseOutcome::Failed),
        ];
        let lacking = vec![
            Event::Making { object: object(ObjectKind::Database, Side::Target) },
            ended(DatabaseOutcome::Incomplete),
        ];
        let member = Event::Making { object: object(ObjectKind::Membership, Side::Target) };
        let cleaned = Event::Resumed { verb: "clean".into(), version: "0".into(), pid: 7 };
        for (id, events, words) in [
            ("slot", vec![Event::Making { object: slot() }], "pgpassage clean slot"),
            ("follows", vec![Event::Following { database: "x".into() }], "pgpassage finish follows"),
            ("half", half, "pgpassage clean half"),
            ("lacks", lacking.clone(), "pgpassage clean lacks"),
            ("member", vec![member], "pgpassage clean member"),
            (
                "odd",
                vec![Event::Making { object: object(ObjectKind::Unknown, Side::Target) }],
                "pgpassage clean odd",
            ),
            ("newer", vec![Event::Unknown], "forget it with that version"),
        ] {
            let folder = begin(id, events);
            let failure = forget(folder.path()).unwrap_err();
            assert!(failure.to_string().contains(words), "{failure}");
            assert!(folder.has_journal(), "{id}");
        }
        let held = begin("held", Vec::new());
        let lock = held.lock().unwrap();
        assert!(forget(held.path()).unwrap_err().what.contains("an engine works on held"));
        drop(lock);
        let torn = begin("torn", Vec::new());
        let text = std::fs::read_to_string(torn.journal_path()).unwrap();
        std::fs::write(torn.journal_path(), format!("no\n{text}")).unwrap();
        assert!(forget(torn.path()).unwrap_err().what.contains("damaged"));
        let removed = vec![Event::Making { object: slot() }, Event::Removed { object: slot() }];
        let mended = begin("mended", [lacking, vec![cleaned]].concat());
        for folder in
            [held, begin("gone", removed), begin("done", vec![ended(DatabaseOutcome::Done)]), mended]
        {
            forget(folder.path()).unwrap();
            assert!(!folder.path().exists());
        }
    }

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
