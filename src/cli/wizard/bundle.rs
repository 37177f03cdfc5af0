//! What somebody who helps wants to see: how it stands, the plan, the log and the journal, in one text without secrets.

use crate::cli::dead::obituary;
use crate::cli::report;
use crate::link::{Engine as Lives, Known as Found};
use crate::store::Folder;
use std::fmt::Write;
use std::path::Path;

/// Everything that helps to understand what happened; none of it holds a secret.
pub(super) fn bundle(found: &Found) -> String {
    let folder = Folder::at(&found.home);
    let journal = folder.journal_path();
    let read =
        |path: &Path| std::fs::read_to_string(path).unwrap_or_else(|e| format!("{}: {e}\n", path.display()));
    let system = (std::env::consts::OS, std::env::consts::ARCH);
    let mut text = format!(
        "pgpassage {}, {} {}, migration {}\n",
        env!("CARGO_PKG_VERSION"),
        system.0,
        system.1,
        found.id
    );
    for (side, server) in [("source", &found.run.source), ("target", &found.run.target)] {
        let line = match server {
            Some(server) => format!("{}, PostgreSQL {}", server.address, server.version),
            None => "not reached so far, its version is not known".to_owned(),
        };
        // Writing to a String does not fail.
        writeln!(text, "{side}: {line}").ok();
    }
    let report = how_it_stands(found, &journal.display().to_string()).join("\n");
    for (title, part) in [
        ("report", report),
        ("plan", read(&found.home.join("plan.json"))),
        ("log", read(&folder.log_path())),
        ("journal", read(&journal)),
    ] {
        writeln!(text, "\n==== {title} ====\n{part}").ok();
    }
    text
}

/// The result; of what has not ended only what there is of it, and never that it has failed.
fn how_it_stands(found: &Found, journal: &str) -> Vec<String> {
    let run = &found.run;
    match run.outcome {
        Some(outcome) => report::report(run, outcome, journal),
        // One that died watches over nothing, whatever its journal says last.
        None if run.keeping && found.engine != Lives::Gone => report::report(run, run.judge(), journal),
        None => {
            let mut lines = report::so_far(run);
            if found.engine == Lives::Gone {
                lines.extend(obituary(found));
            } else {
                lines.push("It was at work when this was written.".to_owned());
            }
            lines
        }
    }
}
