//! Numbers and times for people, where the screen needs more than the plain lines do. Pure: the time comes in.

use super::state::live::{Live, Sample};
use crate::model::units::human_bytes;

/// No estimate is worth anything before so much has been seen.
const LEARNING_MS: u64 = 30_000;
const LEARNING_PER_MILLE: u64 = 20;
/// Without a byte for so long, the copy stands still.
const STALL_MS: u64 = 15_000;
/// What the estimate is made of: the last two minutes, in pieces of ten seconds.
const LOOK_BACK_MS: u64 = 120_000;
const PIECE_MS: u64 = 10_000;

/// `14:31:07` by the operator's clock.
pub fn clock(at_ms: u64, utc_offset_s: i32) -> String {
    let s = local_s(at_ms, utc_offset_s);
    format!("{:02}:{:02}:{:02}", s / 3600 % 24, s / 60 % 60, s % 60)
}

/// `14:31`
pub fn minute(at_ms: u64, utc_offset_s: i32) -> String {
    let s = local_s(at_ms, utc_offset_s);
    format!("{:02}:{:02}", s / 3600 % 24, s / 60 % 60)
}

/// `21 Nov 14:31`
pub fn day(at_ms: u64, utc_offset_s: i32) -> String {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let days = local_s(at_ms, utc_offset_s) / 86_400;
    // Civil date from days since 1970, with March as the first month of a year (Hinnant's algorithm).
    let z = days + 719_468;
    let day_of_era = z % 146_097;
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = usize::try_from((month_from_march + 2) % 12).unwrap_or(0);
    format!("{day} {} {}", MONTHS[month], minute(at_ms, utc_offset_s))
}

fn local_s(at_ms: u64, utc_offset_s: i32) -> u64 {
    (at_ms / 1000).saturating_add_signed(i64::from(utc_offset_s))
}

/// Never 100 before it is.
pub fn percent(done: u64, total: u64) -> u64 {
    if total == 0 {
        return 0;
    }
    if done >= total { 100 } else { (done.saturating_mul(100) / total).min(99) }
}

/// Of what is not at its end: rows alone are not all of it, so that neither the bar nor its number is full before.
pub fn under_way(done: u64, total: u64) -> (u64, u64) {
    (done.min(total - total.div_ceil(100).min(total)), percent(done, total).min(99))
}

pub fn rate(bytes_per_second: u64) -> String {
    format!("{}/s", human_bytes(bytes_per_second))
}

/// How long ago, in one whole number: `3 s`, `5 min`, `2 h`, `6 d`. What changes rarely is drawn rarely.
pub fn ago(ms: u64) -> String {
    match ms / 1000 {
        s @ 0..60 => format!("{s} s"),
        s @ 60..7_200 => format!("{} min", s / 60),
        s @ 7_200..172_800 => format!("{} h", s / 3_600),
        s => format!("{} d", s / 86_400),
    }
}

/// Bytes a second over the last seconds of the samples; unknown until there is a second of them.
pub fn speed(samples: &[Sample], over_ms: u64) -> Option<u64> {
    let last = samples.last()?;
    let first = samples.iter().find(|s| s.at_ms + over_ms >= last.at_ms)?;
    let ms = last.at_ms.saturating_sub(first.at_ms);
    (ms >= 1_000).then(|| last.bytes.saturating_sub(first.bytes).saturating_mul(1000) / ms)
}

pub fn rows_speed(samples: &[Sample], over_ms: u64) -> Option<u64> {
    let last = samples.last()?;
    let first = samples.iter().find(|s| s.at_ms + over_ms >= last.at_ms)?;
    let ms = last.at_ms.saturating_sub(first.at_ms);
    (ms >= 1_000).then(|| last.rows.saturating_sub(first.rows).saturating_mul(1000) / ms)
}

/// When the rows will be across.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Eta {
    /// Too little has been seen.
    Estimating,
    /// Nothing has come for so long.
    Stalled { ms: u64 },
    /// In so many milliseconds, at the speed of the fastest and of the slowest quarter of the last two minutes.
    Between { soonest_ms: u64, latest_ms: u64 },
    /// All rows are in.
    Over,
}

pub fn eta(live: &Live, now_ms: u64) -> Eta {
    let (done, total) = (live.best.bytes, live.bytes_total());
    if total > 0 && done >= total {
        return Eta::Over;
    }
    let samples: Vec<_> = live.samples.iter().copied().filter(|s| s.bytes > 0).collect();
    let seen_ms = samples.last().zip(samples.first()).map_or(0, |(l, f)| l.at_ms.saturating_sub(f.at_ms));
    if total == 0 || seen_ms < LEARNING_MS || done.saturating_mul(1000) / total < LEARNING_PER_MILLE {
        return Eta::Estimating;
    }
    let still_ms = now_ms.saturating_sub(live.moved_ms);
    if still_ms > STALL_MS {
        return Eta::Stalled { ms: still_ms };
    }
    let Some((slow, fast)) = quartiles(&samples) else { return Eta::Estimating };
    // What was taken back has to come again, though the bar does not go back.
    let here = if live.gauges_ms > 0 { live.gauges.bytes_done().min(done) } else { done };
    let left = total - here;
    let in_ms = |speed: u64| left.saturating_mul(1000) / speed.max(1);
    if slow == 0 {
        return Eta::Estimating;
    }
    Eta::Between { soonest_ms: in_ms(fast), latest_ms: in_ms(slow) }
}

/// The speeds that a quarter of the recent pieces were slower than, and faster than.
pub fn quartiles(samples: &[Sample]) -> Option<(u64, u64)> {
    let last = samples.last()?.at_ms;
    let recent: Vec<_> = samples.iter().filter(|s| s.at_ms + LOOK_BACK_MS >= last).collect();
    let mut speeds = Vec::new();
    let mut from = *recent.first()?;
    for sample in &recent {
        let ms = sample.at_ms.saturating_sub(from.at_ms);
        if ms >= PIECE_MS {
            speeds.push(sample.bytes.saturating_sub(from.bytes).saturating_mul(1000) / ms);
            from = sample;
        }
    }
    if speeds.len() < 2 {
        return None;
    }
    speeds.sort_unstable();
    let quarter = speeds.len() / 4;
    Some((speeds[quarter], speeds[speeds.len() - 1 - quarter]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::gauges::{DatabaseGauge, Gauges};
    use crate::ui::message::Shown;
    use crate::ui::state::Engine;

    #[test]
    fn clocks_follow_the_operators_zone() {
        // 21 November 2026, 08:30:05 UTC.
        let at_ms = 1_795_249_805_000;
        assert_eq!(clock(at_ms, 0), "08:30:05");
        assert_eq!(clock(at_ms, -9 * 3600), "23:30:05");
        assert_eq!(day(at_ms, 0), "21 Nov 08:30");
        assert_eq!(day(at_ms, -9 * 3600), "20 Nov 23:30");
        assert_eq!(day(951_782_400_000, 0), "29 Feb 00:00");
    }

    #[test]
    fn nothing_is_whole_before_it_is() {
        assert_eq!(percent(999, 1000), 99);
        assert_eq!(percent(1000, 1000), 100);
        assert_eq!(percent(0, 0), 0);
    }

    fn live_at(speeds: &[u64]) -> Live {
        let mut live = Live::new("x".into(), Engine::Here, Shown::default());
        let mut bytes = 0;
        for (second, speed) in (1..).zip(speeds) {
            bytes += speed;
            let mut gauges = Gauges { at_ms: second * 1000, ..Gauges::default() };
            let gauge = DatabaseGauge { bytes_total: 100_000, bytes_done: bytes, ..DatabaseGauge::default() };
            gauges.databases.insert("a".into(), gauge);
            live.measure(gauges, second * 1000);
        }
        live
    }

    #[test]
    fn an_estimate_is_a_range_or_not_there() {
        assert_eq!(eta(&live_at(&[100; 20]), 20_000), Eta::Estimating);
        let steady = live_at(&[1000; 40]);
        assert_eq!(eta(&steady, 40_000), Eta::Between { soonest_ms: 60_000, latest_ms: 60_000 });
        assert_eq!(eta(&steady, 70_000), Eta::Stalled { ms: 30_000 });
        let uneven: Vec<u64> = (0..60).map(|s| if s % 20 < 10 { 500 } else { 1000 }).collect();
        match eta(&live_at(&uneven), 60_000) {
            Eta::Between { soonest_ms, latest_ms } => assert!(soonest_ms < latest_ms),
            other => panic!("{other:?}"),
        }
        assert_eq!(eta(&live_at(&[50_000; 2]), 2_000), Eta::Over);
    }

    #[test]
    fn spans_have_one_number() {
        for (ms, text) in
            [(400, "0 s"), (59_999, "59 s"), (61_000, "1 min"), (600_000, "10 min"), (7_200_000, "2 h")]
        {
            assert_eq!(ago(ms), text);
        }
        assert_eq!(ago(6 * 86_400_000), "6 d");
    }
}
