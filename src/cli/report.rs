//! The result, for people: what came across, what did not, and what to do now.

use super::lines::{finding_line, outcome_word, passed};
use crate::model::check::{Finding, Severity};
use crate::model::event::{DatabaseOutcome, ObjectKind, RolePassword, RoleStatus, RunOutcome};
use crate::model::run::{DatabaseRun, LedgerState, Run};
use crate::model::task::Unfinished;
use crate::model::units::{count_of, human_bytes, human_ms, printable, readable, thousands};
use std::collections::BTreeMap;

/// Objects that a finding lists; the rest are counted.
const MOST_OBJECTS: usize = 5;
/// Findings of one kind that are listed; the rest are counted and are in the JSON and the journal.
const MOST_OF_A_KIND: usize = 20;

pub(super) fn report(run: &Run, outcome: RunOutcome, journal: &str) -> Vec<String> {
    let mut lines = Vec::new();
    if let (RunOutcome::Refused, Some(failure)) = (outcome, &run.refused) {
        lines.push(printable(&failure.what));
        lines.extend(failure.advice.as_ref().map(|advice| format!("  {}", printable(advice))));
        lines.extend(findings(run, &failure.what));
        return lines;
    }
    if outcome == RunOutcome::Checked {
        lines.extend(super::findings::report(run, super::findings::Detail::Enough));
    } else {
        lines.extend(table(run));
        lines.extend(roles(run));
        lines.extend(findings(run, ""));
    }
    lines.push(String::new());
    lines.push(sentence(run, outcome));
    if run.keeping {
        lines.push(guarded(run));
    }
    if matches!(outcome, RunOutcome::Partly | RunOutcome::Failed | RunOutcome::Stopped) {
        lines.extend(left_on_target(run));
        lines.push(format!("All that happened is in {journal}"));
    }
    lines
}

/// Of a migration that has not ended: what there is of it.
pub(super) fn so_far(run: &Run) -> Vec<String> {
    let mut lines = table(run);
    lines.extend(roles(run));
    lines.extend(findings(run, ""));
    lines.push(String::new());
    lines
}

pub(super) fn table(run: &Run) -> Vec<String> {
    let mut rows = vec![["database", "result", "tables", "rows", "copied", "time"].map(str::to_owned)];
    for (name, d) in &run.databases {
        let time = match (d.began_ms, d.ended_ms) {
            (Some(began), Some(ended)) => human_ms(ended.saturating_sub(began)),
            _ => String::new(),
        };
        rows.push([
            readable(name),
            d.outcome.map_or("not begun", outcome_word).to_owned(),
            format!("{}/{}", thousands(d.tables_copied), thousands(d.tables)),
            thousands(d.rows),
            human_bytes(d.bytes),
            time,
        ]);
    }
    let mut lines = align(&rows);
    for (name, d) in &run.databases {
        if !matches!(d.outcome, Some(DatabaseOutcome::Done) | None) {
            lines.push(format!("  {}: {}", readable(name), printable(&d.message)));
        }
    }
    lines
}

/// Columns: text to the left, numbers (from the third on) to the right.
fn align(rows: &[[String; 6]]) -> Vec<String> {
    let width = |column: usize| rows.iter().map(|r| r[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<_> = (0..6).map(width).collect();
    let cell = |(column, text): (usize, &String)| {
        let width = widths[column];
        if column < 2 { format!("{text:<width$}") } else { format!("{text:>width$}") }
    };
    rows.iter().map(|row| row.iter().enumerate().map(cell).collect::<Vec<_>>().join("  ")).collect()
}

fn roles(run: &Run) -> Vec<String> {
    if run.roles.is_empty() {
        return Vec::new();
    }
    let with = |status| run.roles.values().filter(|r| r.status == status).count() as u64;
    let mut lines = vec![
        String::new(),
        format!(
            "{} created, {} left as they were, {} failed",
            count_of(with(RoleStatus::Created), "role"),
            with(RoleStatus::Exists),
            with(RoleStatus::Failed)
        ),
    ];
    for (name, role) in run.roles.iter().filter(|r| r.1.status == RoleStatus::Failed) {
        lines.push(format!("  {}: {}", readable(name), printable(&role.message)));
    }
    let placeholders: Vec<_> = run
        .roles
        .iter()
        .filter(|r| r.1.password == RolePassword::Placeholder)
        .map(|r| readable(r.0))
        .collect();
    if !placeholders.is_empty() {
        lines.push(format!(
            "  {} got a placeholder password, because the source does not show hashes to this user: {}",
            count_of(placeholders.len() as u64, "role"),
            placeholders.join(", ")
        ));
        lines.push(
            "  set them with ALTER ROLE … PASSWORD, or name them beforehand with --role-passwords".to_owned(),
        );
    }
    lines
}

/// `refusal`: what is told already, with what to do.
fn findings(run: &Run, refusal: &str) -> Vec<String> {
    let told = |f: &&Finding| f.severity == Severity::Blocker && refusal.contains(&f.title);
    let mut lines = listed(run.findings.iter().filter(|f| !told(f)).collect());
    if run.findings_dropped > 0 {
        lines.extend(lines.is_empty().then(String::new));
        lines.push(format!("and {} that are only in the journal", count_of(run.findings_dropped, "finding")));
    }
    lines
}

/// The weightiest first, below an empty line; those of one kind up to a number.
pub(super) fn listed(mut sorted: Vec<&Finding>) -> Vec<String> {
    sorted.sort_by(|a, b| (b.severity, &a.database, &a.id).cmp(&(a.severity, &b.database, &b.id)));
    let mut lines = Vec::new();
    let mut seen: BTreeMap<(&str, Severity), usize> = BTreeMap::new();
    for finding in sorted {
        let count = seen.entry((finding.id.as_str(), finding.severity)).or_default();
        *count += 1;
        if *count > MOST_OF_A_KIND {
            continue;
        }
        lines.push(one_finding(finding));
        lines.extend(details(finding));
    }
    for ((id, _), count) in seen.iter().filter(|s| *s.1 > MOST_OF_A_KIND) {
        lines.push(format!("and {} more findings of kind {id}", count - MOST_OF_A_KIND));
    }
    if !lines.is_empty() {
        lines.insert(0, String::new());
    }
    lines
}

fn one_finding(finding: &Finding) -> String {
    finding_line(finding).unwrap_or_else(|| {
        let place = finding.database.as_ref().map(|d| format!("{}: ", readable(d))).unwrap_or_default();
        let over = if finding.has_passed() { format!(" ({})", passed(finding)) } else { String::new() };
        format!("note: {place}{}{over}", printable(&finding.title))
    })
}

fn details(finding: &Finding) -> Vec<String> {
    let mut lines = Vec::new();
    // A single object is usually in the title already.
    if finding.objects.len() > 1
        || finding.objects.first().is_some_and(|o| !finding.title.contains(o.as_str()))
    {
        let named: Vec<_> = finding.objects.iter().take(MOST_OBJECTS).map(|o| printable(o)).collect();
        let more = finding.objects.len().saturating_sub(MOST_OBJECTS);
        let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
        lines.push(format!("    {}{rest}", named.join(", ")));
    }
    if !finding.fix.is_empty() {
        lines.push(format!("    to do: {}", printable(&finding.fix)));
    }
    lines
}

fn sentence(run: &Run, outcome: RunOutcome) -> String {
    let took = human_ms(run.took_ms());
    match outcome {
        RunOutcome::Done => format!("Done in {took}: everything that was asked for is on the target."),
        RunOutcome::Following if run.keeping => {
            format!("Everything is there after {took}, and the target follows the source.")
        }
        RunOutcome::Following => format!(
            "Everything is there after {took}, and the target follows the source. Nobody watches over that until you do:\n  \
             pgpassage status {id}   how far it is; the source keeps its WAL until the target has it\n  \
             pgpassage finish {id}   close the connection, once nothing writes to the source any more\n  \
             pgpassage stop {id}     discontinue; what was copied stays\n  \
             pgpassage status {id} --watch --detach   leave a guard at work",
            id = run.id
        ),
        RunOutcome::Partly => {
            format!("NOT everything came across (after {took}): see above what is missing.")
        }
        RunOutcome::Failed if run.is_discontinued() => {
            "Discontinued: the target follows the source no longer. What was copied until then stays there."
                .to_owned()
        }
        RunOutcome::Failed => format!("Failed after {took}: no database was moved."),
        RunOutcome::Stopped => format!("Stopped after {took}. {}", left_on_source(run)),
        RunOutcome::Checked => {
            let blockers = run.findings.iter().filter(|f| f.severity == Severity::Blocker).count() as u64;
            match blockers {
                0 => "Checked: nothing is in the way. Nothing was changed.".to_owned(),
                n => format!("Checked: {} in the way. Nothing was changed.", count_of(n, "blocker")),
            }
        }
        RunOutcome::Refused => "Refused. Nothing was changed.".to_owned(),
    }
}

/// An engine stays with what follows.
fn guarded(run: &Run) -> String {
    format!(
        "The engine (pid {pid}) stays and watches over what follows:\n  \
         pgpassage attach {id}   what it has to say\n  \
         pgpassage status {id}   how far it is; the source keeps its WAL until the target has it\n  \
         pgpassage finish {id}   close the connection, once nothing writes to the source any more\n  \
         pgpassage stop {id}     discontinue; what was copied stays",
        pid = run.pid,
        id = run.id
    )
}

/// For whoever leaves while the engine is at work.
pub(super) fn goes_on(run: &Run, id: &str) -> Vec<String> {
    if run.keeping {
        return vec![guarded(run)];
    }
    let pid = if run.pid == 0 { String::new() } else { format!(" (its engine is process {})", run.pid) };
    if run.stopping.is_some() {
        return vec![
            format!("Migration {id} is still being stopped{pid}:"),
            format!("  pgpassage attach {id}   see how that ends, and what is left"),
        ];
    }
    vec![
        format!("Migration {id} goes on without this window{pid}:"),
        format!("  pgpassage attach {id}   watch it again"),
        format!("  pgpassage list{space}     how all migrations stand", space = " ".repeat(id.len())),
        format!("  pgpassage stop {id}     stop it, and leave nothing of it on the source"),
    ]
}

/// Databases that follow, as the journal knows them; they do so whatever became of others, and of later commands.
pub(super) fn follows(run: &Run) -> bool {
    run.databases.values().any(|d| d.outcome == Some(DatabaseOutcome::Following))
}

/// Nothing of ours is left that serves replication.
pub(super) fn is_clean(run: &Run) -> bool {
    let of_replication =
        |kind| matches!(kind, ObjectKind::Publication | ObjectKind::Slot | ObjectKind::Subscription);
    let left =
        |l: &&crate::model::run::LedgerLine| l.state != LedgerState::NotOurs && of_replication(l.object.kind);
    !run.ledger.values().any(|line| left(&line)) && run.databases.values().all(|d| d.identities.is_empty())
}

/// What a stopped run leaves for its databases to follow, said only as far as it is true.
fn left_on_source(run: &Run) -> String {
    let follows = |d: &&DatabaseRun| d.outcome == Some(DatabaseOutcome::Following);
    let follow: Vec<_> =
        run.databases.iter().filter(|(_, d)| follows(d)).map(|(name, _)| readable(name)).collect();
    let id = &run.id;
    if !follow.is_empty() {
        return format!(
            "What follows goes on following, and nobody watches over it: {}.\n  \
             pgpassage stop {id}     discontinue that too, for the source keeps its WAL for it\n  \
             pgpassage finish {id}   close the connection, once nothing writes to the source any more\n  \
             pgpassage status {id} --watch --detach   leave a guard at work",
            follow.join(", ")
        );
    }
    if is_clean(run) {
        return "Nothing of ours is left on the source.".to_owned();
    }
    format!("NOT everything of ours could be removed; once both servers can be reached: pgpassage clean {id}")
}

/// What a run that did not get to its end leaves behind: only what it made itself is named.
pub(super) fn left_on_target(run: &Run) -> Vec<String> {
    let half_made = run.half_made();
    let dropped = half_made.iter().filter(|half| Unfinished::Drop.drops(half));
    let names: Vec<_> = dropped.map(|half| readable(&half.name)).collect();
    if names.is_empty() {
        return Vec::new();
    }
    let (names, id) = (names.join(", "), &run.id);
    vec![format!("On the target unfinished databases are left: {names}; pgpassage clean {id} drops them")]
}
