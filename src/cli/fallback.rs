//! On a terminal: what is to become of databases that can only be moved by a snapshot, asked before anything is begun.

use super::args::{MigrateArgs, OutputArgs};
use super::check::judged;
use super::exit::Exit;
use super::out;
use super::plan::random;
use crate::model::check::Possible;
use crate::model::event::RunOutcome;
use crate::model::plan::{Fallback, MethodPolicy, Plan};
use crate::model::run::Run;
use crate::model::secrets::Secrets;
use crate::model::units::{count_of, printable, readable};
use crate::store::{Folder, new_id};
use std::io::{BufRead, IsTerminal, Write};

/// Databases that the question names.
const MOST_NAMED: usize = 10;
/// Answers that were not understood, after which none is waited for any more.
const MOST_ANSWERS: usize = 3;

/// Only a person can be asked, and only where nothing was said yet.
pub(super) fn is_to_be_asked(args: &MigrateArgs) -> bool {
    let said = args.force_method.is_some() || args.fallback.is_some() || args.validate;
    let silent = args.output.json || args.output.quiet;
    !said && !silent && std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}

/// What the operator wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Choice {
    Snapshot,
    LeaveOut,
    Stop,
}

/// Runs the checks, asks where some databases can only go by a snapshot, and puts the answer into the plan. An exit
/// where nothing is to be begun.
pub(super) async fn ask(plan: &mut Plan, secrets: &Secrets, output: &OutputArgs) -> Option<Exit> {
    out::note("checking both servers");
    let run = match check(plan, secrets, output).await {
        Ok((_, RunOutcome::Stopped)) => return Some(Exit::Interrupted),
        // The migration meets the same, and says it.
        Err(()) => return None,
        Ok((run, _)) => run,
    };
    let question = question(&run)?;
    question.iter().for_each(|line| out::note(line));
    let choice = tokio::select! {
        choice = tokio::task::spawn_blocking(|| answer(&mut std::io::stdin().lock())) => choice.unwrap_or(Choice::Stop),
        // The checks' own handling of signals has taken the default one's place.
        _ = tokio::signal::ctrl_c() => return Some(Exit::Interrupted),
    };
    match choice {
        Choice::Snapshot => plan.method = MethodPolicy::Auto(Fallback::Dump),
        Choice::LeaveOut => plan.method = MethodPolicy::Auto(Fallback::Skip),
        Choice::Stop => {
            out::note("Nothing was begun.");
            return Some(Exit::Blocked);
        }
    }
    None
}

/// In a folder of its own, which is gone afterwards: the migration's begins with the migration.
async fn check(plan: &Plan, secrets: &Secrets, output: &OutputArgs) -> Result<(Run, RunOutcome), ()> {
    let state = plan.home.parent().ok_or(())?;
    let id = new_id(random().map_err(drop)?);
    let folder = Folder::create(state, &id).map_err(drop)?;
    let home = folder.path().to_owned();
    let only = Plan { id, home, only_checks: true, ..plan.clone() };
    let judged = judged(only, secrets.clone(), output).await;
    drop(std::fs::remove_dir_all(folder.path()));
    judged.map_err(drop)
}

/// Absent where there is nothing to decide.
fn question(run: &Run) -> Option<Vec<String>> {
    let by_snapshot = |p: &&Possible| p.not_snapshot.is_none() && p.not_continuous.is_some();
    let only: Vec<_> = run.possible.values().filter(by_snapshot).collect();
    if only.is_empty() {
        return None;
    }
    let all = count_of(run.possible.len() as u64, "database");
    let mut lines = vec![format!("{} of {all} can only be moved by a one-time snapshot:", only.len())];
    for possible in only.iter().take(MOST_NAMED) {
        let because = possible.not_continuous.as_deref().unwrap_or_default();
        lines.push(format!("  {}: {}", readable(&possible.database), printable(because)));
    }
    if only.len() > MOST_NAMED {
        lines.push(format!("  and {} more", only.len() - MOST_NAMED));
    }
    lines.push(
        "What is written to them after the start is not moved: stop the applications first.".to_owned(),
    );
    lines.push("pgpassage check with the same arguments tells what would help.".to_owned());
    lines.push("  1) use the snapshot for them   2) leave them out   3) stop and fix it".to_owned());
    Some(lines)
}

fn answer(from: &mut impl BufRead) -> Choice {
    for _ in 0..MOST_ANSWERS {
        let mut err = std::io::stderr().lock();
        drop(write!(err, "Choice [3]: ").and_then(|()| err.flush()));
        drop(err);
        let mut line = String::new();
        match (from.read_line(&mut line), line.trim()) {
            (Ok(1..), "1") => return Choice::Snapshot,
            (Ok(1..), "2") => return Choice::LeaveOut,
            (Ok(0) | Err(_), _) | (_, "" | "3") => return Choice::Stop,
            _ => {}
        }
    }
    Choice::Stop
}

#[cfg(test)]
mod tests {
    use super::*;

    fn possible(name: &str, continuous: Option<&str>, snapshot: Option<&str>) -> Possible {
        Possible {
            database: name.to_owned(),
            not_continuous: continuous.map(str::to_owned),
            not_snapshot: snapshot.map(str::to_owned),
            size_bytes: None,
            estimate_s: None,
            wal_bytes: None,
        }
    }

    #[test]
    fn only_what_can_go_by_a_snapshot_alone_is_asked_about() {
        let mut run = Run::default();
        for p in [possible("a", None, None), possible("b", Some("x"), Some("y"))] {
            run.possible.insert(p.database.clone(), p);
        }
        assert_eq!(question(&run), None);
        run.possible.insert("c".into(), possible("C\x1b", Some("no key"), None));
        let lines = question(&run).unwrap();
        assert_eq!(lines[0], "1 of 3 databases can only be moved by a one-time snapshot:");
        assert_eq!(lines[1], "  \"C\\u{1b}\": no key");
    }

    #[test]
    fn silence_and_nonsense_begin_nothing() {
        let said = |text: &str| answer(&mut text.as_bytes());
        assert_eq!(said("1\n"), Choice::Snapshot);
        assert_eq!(said("what\n2\n"), Choice::LeaveOut);
        for text in ["", "\n", "3\n", "a\nb\nc\n1\n"] {
            assert_eq!(said(text), Choice::Stop, "{text:?}");
        }
    }
}
