//! The words of the switch-over, with what is true of each step now, and of one database's numbers: for window and lines.

use crate::model::check::{Finding, Severity};
use crate::model::status::{DatabaseStatus, Sessions};
use crate::model::task::Verify;
use crate::model::units::{human_bytes, human_ms, thousands};
use crate::ui::format::ago;
use crate::ui::state::live::Live;

pub const TITLE: &str = "Switch over when you are ready";
/// The five steps, from the first.
pub const STEPS: [&str; 5] = [
    "Stop writes on the source",
    "Wait until lag is 0 B",
    "Verify, when closing",
    "Point the application to",
    "Close connection",
];
/// The same for a narrow window.
pub const STEPS_BRIEFLY: [&str; 5] = ["Stop writes", "Wait for lag 0", "Verify", "Point to", "Close"];
/// What the last one does.
pub const CLOSES: &str = "copies sequences, cleans up both sides";
/// The same for a narrow window.
pub const CLOSES_BRIEFLY: &str = "sequences, then clean-up";
pub const DISCONTINUES: &str = "what was copied stays, nothing of ours is left";

/// What an attempt calls rows that are not the same.
const DIFFERS: &str = "verify";
/// Without a change on its way for so long, writes seem to have stopped.
const QUIET_MS: u64 = 30_000;
/// Between looks further apart anything may have happened: two status updates that found nothing, five minutes apart, were
/// taken for five minutes without writes.
const LOOK_AWAY_MS: u64 = 5_000;
/// When a number must not be trusted any more.
pub const STALE_MS: u64 = 30_000;

/// How far one of the steps is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Now {
    Good,
    NotYet,
    Behind,
    Doubtful,
    Unknown,
}

impl Now {
    pub fn sign(self) -> &'static str {
        match self {
            Now::Good => "✔",
            Now::NotYet => "·",
            Now::Behind => "↻",
            Now::Doubtful => "▲",
            Now::Unknown => "?",
        }
    }
}

/// Whether the source's writes seem to have stopped.
pub fn writes(live: &Live, now_ms: u64) -> (Now, String) {
    match quiet_for(live, now_ms) {
        Some(ms) if ms >= QUIET_MS => (Now::Good, format!("no change on its way for {}", ago(ms))),
        Some(_) => (Now::NotYet, "no change on its way just now".to_owned()),
        None => not_quiet(live, now_ms),
    }
}

/// The same for a narrow window.
pub fn writes_briefly(live: &Live, now_ms: u64) -> (Now, String) {
    match quiet_for(live, now_ms) {
        Some(ms) if ms >= QUIET_MS => (Now::Good, format!("no change for {}", ago(ms))),
        Some(_) => (Now::NotYet, "no change just now".to_owned()),
        None => not_quiet(live, now_ms),
    }
}

fn not_quiet(live: &Live, now_ms: u64) -> (Now, String) {
    match last_lag(live, now_ms) {
        Some(1..) => (Now::Doubtful, "a change is on its way".to_owned()),
        _ => (Now::Unknown, "lag not known".to_owned()),
    }
}

/// Whether the target has everything.
pub fn lag(live: &Live) -> (Now, String) {
    match live.in_sync() {
        Some(true) => (Now::Good, "now".to_owned()),
        Some(false) => match live.lag_bytes() {
            Some(by @ 1..) => (Now::Behind, format!("behind by {}", human_bytes(by))),
            _ => (Now::Behind, "a table is not ready, or a database complains".to_owned()),
        },
        None => (Now::Unknown, "not known".to_owned()),
    }
}

/// Whether both sides have been held against each other: that is done when closing, and an attempt may have been.
pub fn verified(live: &Live) -> (Now, &'static str) {
    let differs = |f: &Finding| f.of_attempt && f.id == DIFFERS && f.severity == Severity::Lost;
    let now = if live.run.findings.iter().any(differs) || live.verify == Verify::Nothing {
        Now::Doubtful
    } else {
        Now::NotYet
    };
    (now, verify(live.verify))
}

/// Whether the application works on the target: who is in the databases that follow, on either side.
pub fn pointed(live: &Live) -> (Now, Option<Sessions>) {
    let sum = |of: fn(&Sessions) -> Option<u64>| {
        let mut all = live.following().map(|name| live.status(name).and_then(|(s, _)| of(&s.sessions)));
        all.try_fold(0, |sum: u64, one| one.map(|one| sum + one))
    };
    let (source, target) = (sum(|s| s.source), sum(|s| s.target));
    let now = match (source, target) {
        (Some(0), Some(1..)) => Now::Good,
        (Some(_), Some(_)) => Now::NotYet,
        _ => Now::Unknown,
    };
    (now, (now != Now::Unknown).then_some(Sessions { source, target }))
}

/// The same in words, as far as it is known.
pub fn sessions(sessions: Sessions) -> String {
    let of = |n: Option<u64>| thousands(n.unwrap_or_default());
    format!("sessions: source {}, target {}", of(sessions.source), of(sessions.target))
}

/// Whether closing would be all there is to it: nothing is behind.
pub fn closable(live: &Live) -> Now {
    match live.in_sync() {
        Some(true) => Now::Good,
        Some(false) => Now::NotYet,
        None => Now::Unknown,
    }
}

pub fn verify(verify: Verify) -> &'static str {
    match verify {
        Verify::Nothing => "not at all",
        Verify::Counts => "row counts of every table",
        Verify::Checksums => "checksums over all rows",
    }
}

/// For how long nothing has been on its way; unknown where the last answer is not that.
fn quiet_for(live: &Live, now_ms: u64) -> Option<u64> {
    let last = live.samples.back().filter(|_| last_lag(live, now_ms) == Some(0))?;
    let mut since = last.at_ms;
    for sample in live.samples.iter().rev() {
        if sample.lag_bytes != Some(0) || since.saturating_sub(sample.at_ms) > LOOK_AWAY_MS {
            break;
        }
        since = sample.at_ms;
    }
    Some(last.at_ms.saturating_sub(since))
}

/// How much is on its way, as far as the last answer tells and is not old.
fn last_lag(live: &Live, now_ms: u64) -> Option<u64> {
    let last = live.samples.back().filter(|last| now_ms.saturating_sub(last.at_ms) <= STALE_MS)?;
    last.lag_bytes
}

/// How much one database misses, and for how long.
pub fn lag_of(status: Option<&DatabaseStatus>) -> String {
    let lag_bytes = status.and_then(|s| s.lag_bytes);
    let age = match (lag_bytes, status.and_then(|s| s.lag_ms)) {
        (_, Some(ms)) => format!(", {}", human_ms(ms)),
        // Since when is known only to an engine that has watched.
        (Some(1..), None) => ", since ?".to_owned(),
        (_, None) => String::new(),
    };
    format!("{}{age}", bytes(lag_bytes))
}

/// How much of its WAL the source keeps for it.
pub fn kept_of(status: Option<&DatabaseStatus>) -> String {
    bytes(status.and_then(|s| s.kept_bytes))
}

/// How many of its tables are ready. Some database has none, and that is no number that nobody knows.
pub fn tables_of(status: Option<&DatabaseStatus>) -> String {
    let Some(status) = status else { return "unknown".to_owned() };
    match status.tables_ready + status.tables_not_ready {
        0 if status.at_ms > 0 && status.error.is_none() => "none".to_owned(),
        0 => "unknown".to_owned(),
        all => format!("{}/{} ready", thousands(status.tables_ready), thousands(all)),
    }
}

fn bytes(value: Option<u64>) -> String {
    value.map_or_else(|| "unknown".to_owned(), human_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::message::Shown;
    use crate::ui::state::Engine;
    use crate::ui::state::chart::Sample;

    #[test]
    fn quiet_is_what_was_looked_at_all_the_time() {
        let mut live = Live::new("x".into(), Engine::Gone, Shown::default());
        let looks = |live: &mut Live, all: &[(u64, Option<u64>)]| {
            let sample = |(at_ms, lag_bytes): &(u64, Option<u64>)| Sample {
                at_ms: *at_ms,
                bytes: 0,
                rows: 0,
                lag_bytes: *lag_bytes,
                kept_bytes: None,
            };
            live.samples = all.iter().map(sample).collect();
        };
        for (all, quiet) in [
            (&[(1_000, Some(0)), (301_000, Some(0))][..], Some(0)),
            (&[(1_000, Some(0)), (5_000, Some(0)), (9_000, Some(0))], Some(8_000)),
            (&[(1_000, Some(0)), (5_000, Some(7)), (9_000, Some(0))], Some(0)),
            (&[(1_000, Some(0)), (5_000, None)], None),
            (&[], None),
        ] {
            looks(&mut live, all);
            assert_eq!(quiet_for(&live, 302_000.min(all.last().map_or(0, |s| s.0))), quiet, "{all:?}");
        }
        looks(&mut live, &[(1_000, Some(0))]);
        assert_eq!(quiet_for(&live, 40_000), None, "old");
    }
}
