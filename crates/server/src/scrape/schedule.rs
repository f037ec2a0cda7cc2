//! When a target is scraped and which time its samples get. Pure.

use std::time::Duration;

use model::{Labels, Timestamp};

/// How far a scrape may be off its planned time and still be stamped with it: 1 % of the interval
/// but at most 2 ms. Evenly spaced times cost nothing in the store, and Prometheus does the same.
const TOLERANCE_MAX: Duration = Duration::from_millis(2);

/// How long the first scrape of a target waits, below `window`. It depends on the labels only, so
/// targets spread over the window and stay where they are after a restart.
pub(crate) fn offset(labels: &Labels, window: Duration) -> Duration {
    let window_ms = u64::try_from(window.as_millis()).unwrap_or(u64::MAX).max(1);
    Duration::from_millis(labels.fingerprint().0 % window_ms)
}

/// The time a scrape's samples get: the planned one when the scrape came close to it, else `now`;
/// always after the last one, also when the clock stepped back.
pub(crate) fn stamp(last: Option<Timestamp>, interval: Duration, now: Timestamp) -> Timestamp {
    let Some(last) = last else {
        return now;
    };
    if now <= last {
        return last.plus_millis(1);
    }
    let interval_ms = u64::try_from(interval.as_millis())
        .unwrap_or(u64::MAX)
        .max(1);
    let gone_ms = u64::try_from(now.since(last).as_millis()).unwrap_or(u64::MAX);
    let rounds = gone_ms.saturating_add(interval_ms / 2) / interval_ms;
    let planned_ms = rounds.saturating_mul(interval_ms);
    let tolerance = (interval / 100).min(TOLERANCE_MAX);
    if rounds > 0 && Duration::from_millis(planned_ms.abs_diff(gone_ms)) <= tolerance {
        return last.plus(Duration::from_millis(planned_ms));
    }
    now
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(last_ms: i64, interval_ms: u64, now_ms: i64, expected_ms: i64) {
        let stamped = stamp(
            Some(Timestamp::from_millis(last_ms)),
            Duration::from_millis(interval_ms),
            Timestamp::from_millis(now_ms),
        );
        assert_eq!(
            stamped.as_millis(),
            expected_ms,
            "{last_ms} +{interval_ms} at {now_ms}"
        );
    }

    #[test]
    fn a_scrape_close_to_its_plan_gets_the_planned_time() {
        check(1000, 5000, 6001, 6000);
        check(1000, 5000, 5998, 6000);
        check(1000, 5000, 11_002, 11_000);
        check(1000, 5000, 6003, 6003);
        // 1 % of a tenth of a second is the tolerance, not 2 ms.
        check(1000, 100, 1102, 1102);
    }

    #[test]
    fn time_never_goes_back() {
        check(1000, 5000, 900, 1001);
        check(1000, 5000, 1000, 1001);
    }

    #[test]
    fn targets_spread_over_the_window() {
        let offset_of = |name: &str| {
            let labels = Labels::new([("instance", name)]).unwrap();
            offset(&labels, Duration::from_secs(10))
        };
        assert_ne!(offset_of("a"), offset_of("b"));
        assert_eq!(offset_of("a"), offset_of("a"));
        assert!(offset_of("a") < Duration::from_secs(10));
    }
}
