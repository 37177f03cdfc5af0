//! On a terminal, before anything is begun: what is to become of databases that can only be moved by a snapshot or not at
//! all, and how much room the target has where it does not tell.

use super::args::{MigrateArgs, OutputArgs};
use super::check::judged;
use super::exit::Exit;
use super::out;
use super::plan::random;
use super::signals::Signals;
use crate::model::check::{Possible, Severity};
use crate::model::event::RunOutcome;
use crate::model::plan::{Fallback, MethodPolicy, Plan};
use crate::model::run::Run;
use crate::model::secrets::Secrets;
use crate::model::units::{count_of, printable, readable};
use crate::store::{Folder, new_id};
use std::io::{BufRead, IsTerminal};

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
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Choice {
    Snapshot,
    LeaveOut,
    #[default]
    Stop,
}

/// What may be done about databases that cannot be moved at all, by its number; the last begins nothing.
const WITHOUT: [Choice; 2] = [Choice::LeaveOut, Choice::Stop];
/// What may be done about databases that cannot be followed.
const BY_SNAPSHOT: [Choice; 3] = [Choice::Snapshot, Choice::LeaveOut, Choice::Stop];

/// Runs the checks, asks where some databases can only go by a snapshot or not at all, and puts the answers into the plan.
/// An exit where nothing is to be begun.
pub(super) async fn ask(plan: &mut Plan, secrets: &Secrets, output: &OutputArgs) -> Option<Exit> {
    // One for the checks and the questions: what is asked between them counts too. The migration says why there is none.
    let mut signals = Signals::new().ok()?;
    out::note("checking both servers");
    let run = match check(plan, secrets, output, &mut signals).await {
        Ok((_, RunOutcome::Stopped)) => return Some(interrupted()),
        // The migration meets the same, and says it.
        Err(()) => return None,
        Ok((run, _)) => run,
    };
    if let Some(finding) = run.findings.iter().find(|f| f.id == "disk" && f.severity == Severity::Info) {
        out::note(&printable(&finding.title));
        match read(&mut signals, || size(&mut std::io::stdin().lock())).await {
            Some(bytes) => plan.target_disk_bytes = bytes,
            None => return Some(interrupted()),
        }
    }
    if let Some((names, lines)) = impossible(&run) {
        match choose(&mut signals, lines, &WITHOUT).await {
            Ok(_) => plan.scope.excluded_databases.extend(names),
            Err(exit) => return Some(exit),
        }
    }
    match choose(&mut signals, question(&run)?, &BY_SNAPSHOT).await {
        Ok(Choice::LeaveOut) => plan.method = MethodPolicy::Auto(Fallback::Skip),
        Ok(_) => plan.method = MethodPolicy::Auto(Fallback::Dump),
        Err(exit) => return Some(exit),
    }
    None
}

/// Nobody is to look for a migration that goes on elsewhere.
fn interrupted() -> Exit {
    out::note("Interrupted before anything was begun: there is no migration, and nothing was changed.");
    Exit::Interrupted
}

/// What is to be done.
///
/// # Errors
/// The exit, where nothing is to be begun.
async fn choose(
    signals: &mut Signals,
    question: Vec<String>,
    offered: &'static [Choice],
) -> Result<Choice, Exit> {
    question.iter().for_each(|line| out::note(line));
    match read(signals, || answer(&mut std::io::stdin().lock(), offered)).await {
        None => Err(interrupted()),
        Some(Choice::Stop) => {
            out::note("Nothing was begun.");
            Err(Exit::Blocked)
        }
        Some(choice) => Ok(choice),
    }
}

/// What was typed, unless the operator leaves instead: our handling of signals has taken the default one's place.
async fn read<T: Default + Send + 'static>(
    signals: &mut Signals,
    reading: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    tokio::select! {
        typed = tokio::task::spawn_blocking(reading) => Some(typed.unwrap_or_default()),
        _ = signals.next() => None,
    }
}

/// How much room the target has; absent where the operator does not know either.
fn size(from: &mut impl BufRead) -> Option<u64> {
    for _ in 0..MOST_ANSWERS {
        out::prompt_aside("Free on the target, such as 80 GB [unknown]: ");
        let mut line = String::new();
        if from.read_line(&mut line).unwrap_or(0) == 0 || line.trim().is_empty() {
            return None;
        }
        if let Some(bytes) = bytes(line.trim()) {
            return Some(bytes);
        }
    }
    None
}

/// `80 GB`, `500M`, or bytes; in powers of 1024, as sizes are shown.
fn bytes(text: &str) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let unit = unit.trim().to_ascii_uppercase();
    let power = match unit.trim_end_matches("IB").trim_end_matches('B') {
        "" => 0,
        "K" => 1,
        "M" => 2,
        "G" => 3,
        "T" => 4,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(1024_u64.pow(power))
}

/// In a folder of its own, which is gone afterwards: the migration's begins with the migration.
async fn check(
    plan: &Plan,
    secrets: &Secrets,
    output: &OutputArgs,
    signals: &mut Signals,
) -> Result<(Run, RunOutcome), ()> {
    let state = plan.home.parent().ok_or(())?;
    let id = new_id(random().map_err(drop)?);
    let folder = Folder::create(state, &id).map_err(drop)?;
    let home = folder.path().to_owned();
    let only = Plan { id, home, only_checks: true, ..plan.clone() };
    let judged = judged(only, secrets.clone(), output, signals).await;
    drop(std::fs::remove_dir_all(folder.path()));
    judged.map_err(drop)
}

/// The databases that neither method can move, and the question about them; absent where there are none, or no others:
/// then the migration is refused.
fn impossible(run: &Run) -> Option<(Vec<String>, Vec<String>)> {
    let stuck: Vec<_> = run.possible.values().filter(|p| p.not_snapshot.is_some()).collect();
    if stuck.is_empty() || stuck.len() == run.possible.len() {
        return None;
    }
    let all = count_of(run.possible.len() as u64, "database");
    let mut lines = vec![format!("{} of {all} cannot be moved at all:", stuck.len())];
    lines.extend(named(&stuck, |p| p.not_snapshot.as_deref()));
    lines.push("pgpassage check with the same arguments tells what would help.".to_owned());
    lines.push("  1) leave them out, and move the others   2) stop and fix it".to_owned());
    Some((stuck.into_iter().map(|p| p.database.clone()).collect(), lines))
}

fn named(databases: &[&Possible], because: impl Fn(&Possible) -> Option<&str>) -> Vec<String> {
    let line =
        |p: &&Possible| format!("  {}: {}", readable(&p.database), printable(because(p).unwrap_or_default()));
    let mut lines: Vec<_> = databases.iter().take(MOST_NAMED).map(line).collect();
    if databases.len() > MOST_NAMED {
        lines.push(format!("  and {} more", databases.len() - MOST_NAMED));
    }
    lines
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
    lines.extend(named(&only, |p| p.not_continuous.as_deref()));
    lines.push(
        "What is written to them after the start is not moved: stop the applications first.".to_owned(),
    );
    lines.push("pgpassage check with the same arguments tells what would help.".to_owned());
    lines.push("  1) use the snapshot for them   2) leave them out   3) stop and fix it".to_owned());
    Some(lines)
}

/// By its number; silence, an empty line and nonsense begin nothing.
fn answer(from: &mut impl BufRead, offered: &[Choice]) -> Choice {
    for _ in 0..MOST_ANSWERS {
        out::prompt_aside(&format!("Choice [{}]: ", offered.len()));
        let mut line = String::new();
        if from.read_line(&mut line).unwrap_or(0) == 0 || line.trim().is_empty() {
            return Choice::Stop;
        }
        let number = line.trim().parse::<usize>().ok().and_then(|number| number.checked_sub(1));
        if let Some(choice) = number.and_then(|at| offered.get(at)) {
            return *choice;
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
    fn what_cannot_be_moved_at_all_is_asked_about_where_there_are_others() {
        let mut run = Run::default();
        let stuck = possible("b", Some("x"), Some("no CONNECT"));
        run.possible.insert("b".into(), stuck);
        assert_eq!(impossible(&run), None);
        run.possible.insert("a".into(), possible("a", None, None));
        let (names, lines) = impossible(&run).unwrap();
        assert_eq!(names, ["b"]);
        assert_eq!(lines[..2], ["1 of 2 databases cannot be moved at all:", "  b: no CONNECT"]);
    }

    #[test]
    fn sizes_are_read_as_they_are_shown() {
        assert_eq!(bytes("80 GB"), Some(80 << 30));
        assert_eq!(bytes("500m"), Some(500 << 20));
        assert_eq!(bytes("12"), Some(12));
        assert_eq!(bytes("1 TiB"), Some(1 << 40));
        assert_eq!([bytes("much"), bytes("1 XB"), bytes(""), bytes("99999999999 TB")], [None; 4]);
        assert_eq!(size(&mut "?\n2K\n".as_bytes()), Some(2048));
        assert_eq!(size(&mut "\n".as_bytes()), None);
    }

    #[test]
    fn silence_and_nonsense_begin_nothing() {
        let said = |text: &str| answer(&mut text.as_bytes(), &BY_SNAPSHOT);
        assert_eq!(said("1\n"), Choice::Snapshot);
        assert_eq!(said("what\n2\n"), Choice::LeaveOut);
        for text in ["", "\n", "3\n", "a\nb\nc\n1\n", "0\n4\n-1\n"] {
            assert_eq!(said(text), Choice::Stop, "{text:?}");
        }
        assert_eq!(answer(&mut "1\n".as_bytes(), &WITHOUT), Choice::LeaveOut);
        assert_eq!(answer(&mut "2\n".as_bytes(), &WITHOUT), Choice::Stop);
    }
}
