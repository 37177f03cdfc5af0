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
/// Two whole screens: whoever presses single keys stays below it.
const MOST_BYTES: u64 = 8_000;

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
        let since_ms = now.saturating_duration_since(self.drawn).as_millis();
        let carried = u64::try_from(since_ms).unwrap_or(u64::MAX).saturating_mul(BYTES_PER_SECOND) / 1000;
        self.on_its_way = self.on_its_way.saturating_sub(carried).saturating_add(bytes as u64);
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
            now += Duration::from_millis(700);
            pace.drew(1_600, now);
            assert_eq!(pace.next() - now, FRAME, "{pace:?}");
        }
        for _ in 0..30 {
            now += FRAME;
            pace.drew(400, now);
        }
        assert_eq!(pace.next() - now, SPARING, "{pace:?}");
        now += Duration::from_secs(4);
        pace.drew(400, now);
        assert_eq!(pace.next() - now, FRAME);
    }
}
