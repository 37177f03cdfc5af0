//! How soon the next frame may follow. A line that is slow takes everything and says nothing: sshd and the kernel hold tens
//! of kilobytes, and a key that is held down would fill them with frames that the next key then waits behind.

use std::time::Duration;
use tokio::time::Instant;

/// No faster than eyes: what comes in between is drawn together.
const FRAME: Duration = Duration::from_millis(40);
/// While more may be on its way than a slow line carries in a moment.
const SPARING: Duration = Duration::from_millis(200);
/// The slowest line that is thought of.
const BYTES_PER_SECOND: u64 = 2_400;
/// More than a whole screen.
const MOST_BYTES: u64 = 6_000;
/// Whoever presses single keys has looked at what came of the one before: that is no flood, whatever it took.
const LOOKED: Duration = Duration::from_millis(300);

#[derive(Debug)]
pub(super) struct Pace {
    /// What a slow line would not have carried yet.
    on_its_way: u64,
    drawn: Instant,
}

impl Pace {
    pub(super) fn new(now: Instant) -> Self {
        Self { on_its_way: 0, drawn: now }
    }

    pub(super) fn drew(&mut self, bytes: usize, now: Instant) {
        let since = now.saturating_duration_since(self.drawn);
        let since_ms = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
        let carried = since_ms.saturating_mul(BYTES_PER_SECOND) / 1000;
        let before = if since > LOOKED { 0 } else { self.on_its_way.saturating_sub(carried) };
        self.on_its_way = before.saturating_add(bytes as u64);
        self.drawn = now;
    }

    pub(super) fn next(&self) -> Instant {
        self.drawn + if self.on_its_way > MOST_BYTES { SPARING } else { FRAME }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn single_keys_are_answered_at_once_and_a_flood_is_thinned_out() {
        let mut now = Instant::now();
        let mut pace = Pace::new(now);
        pace.drew(5_000, now);
        assert_eq!(pace.next() - now, FRAME);
        for _ in 0..20 {
            now += Duration::from_millis(310);
            pace.drew(3_000, now);
            assert_eq!(pace.next() - now, FRAME, "{pace:?}");
        }
        for _ in 0..30 {
            now += FRAME;
            pace.drew(400, now);
        }
        assert_eq!(pace.next() - now, SPARING, "{pace:?}");
        now += SPARING;
        pace.drew(400, now);
        assert_eq!(pace.next() - now, SPARING, "not after one of them");
        now += Duration::from_secs(4);
        pace.drew(400, now);
        assert_eq!(pace.next() - now, FRAME);
    }
}
