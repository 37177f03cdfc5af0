//! How late a target is, in time: from where the source was when.

use crate::model::units::Lsn;
use std::collections::VecDeque;

/// Places that are remembered: with one a second, four hours. Older ones are thinned out.
const MOST: usize = 14_400;

/// Where the source's log ended at which moment.
#[derive(Debug, Default)]
pub(super) struct Positions {
    /// Unix milliseconds and place, oldest first; of equal places only the latest.
    seen: VecDeque<(u64, Lsn)>,
}

impl Positions {
    pub(super) fn note(&mut self, at_ms: u64, position: Lsn) {
        match self.seen.back_mut() {
            Some(last) if last.1 == position => last.0 = at_ms,
            _ => self.seen.push_back((at_ms, position)),
        }
        if self.seen.len() > MOST {
            let mut index = 0;
            // Half as dense is still good to two seconds in what is hours old.
            self.seen.retain(|_| {
                index += 1;
                index % 2 == 0 || index > MOST / 2
            });
        }
    }

    /// How long ago the source was where the target is now, in milliseconds; absent where that was before we looked.
    ///
    /// What has been confirmed is forgotten.
    pub(super) fn lag_ms(&mut self, now_ms: u64, confirmed: Lsn) -> Option<u64> {
        while self.seen.len() > 1 && self.seen[1].1 <= confirmed {
            self.seen.pop_front();
        }
        let (at_ms, position) = *self.seen.front()?;
        if position > confirmed {
            return None;
        }
        let Some((next_ms, next)) = self.seen.get(1).copied() else {
            // It has all that there is.
            return Some(0);
        };
        // Between two looks the source has written evenly, as far as anybody knows.
        let share = u128::from(confirmed.bytes_since(position)) * u128::from(next_ms.saturating_sub(at_ms));
        let into_ms = share / u128::from(next.bytes_since(position).max(1));
        let then_ms = at_ms + u64::try_from(into_ms).unwrap_or(0);
        Some(now_ms.saturating_sub(then_ms))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_as_late_as_the_oldest_change_that_is_missing() {
        let mut positions = Positions::default();
        assert_eq!(positions.lag_ms(1_000, Lsn(5)), None);
        for (at_ms, place) in [(1_000, 10), (2_000, 10), (3_000, 20), (4_000, 30)] {
            positions.note(at_ms, Lsn(place));
        }
        assert_eq!(positions.lag_ms(4_000, Lsn(9)), None, "it was there before we looked");
        assert_eq!(positions.lag_ms(4_000, Lsn(10)), Some(2_000));
        assert_eq!(positions.lag_ms(4_500, Lsn(25)), Some(1_000), "half way between two looks");
        assert_eq!(positions.lag_ms(5_000, Lsn(30)), Some(0));
        assert_eq!(positions.lag_ms(9_000, Lsn(30)), Some(0));
    }

    #[test]
    fn memory_is_bounded() {
        let mut positions = Positions::default();
        for at in 0..100_000_u64 {
            positions.note(at * 1_000, Lsn(at));
        }
        assert!(positions.seen.len() <= MOST);
        let lag = positions.lag_ms(100_000_000, Lsn(99_990)).unwrap();
        assert!((9_000..=12_000).contains(&lag), "{lag}");
    }
}
