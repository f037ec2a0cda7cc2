//! Targets that history would have met.

use super::{BAD_EVENTS_FLOOR, Sums};

/// Targets as people set them, the strictest first.
const LADDER: [f64; 7] = [0.9999, 0.9995, 0.999, 0.995, 0.99, 0.95, 0.9];

/// How much of the budget history may have spent: a target that was met by a hair is missed next
/// month.
const SPENT_MAX: f64 = 0.75;

/// Good shares that a limit of latency must reach to be worth a target, the best first.
const LATENCY_SHARES: [f64; 3] = [0.99, 0.95, 0.9];

/// A limit of latency and a target for it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LatencySuggestion {
    /// Seconds, the bound of a bucket.
    pub limit: f64,
    pub target: f64,
    pub good_ratio: f64,
}

/// The strictest target that would have been met with something to spare, that so few events as
/// there were could have missed, and whose budget allows enough bad events over `window_minutes`
/// that one of them is not all.
pub fn suggest_target(history: &Sums, window_minutes: f64) -> Option<f64> {
    let good = history.good_ratio()?;
    let expected = history.per_minute() * window_minutes;
    LADDER.into_iter().find(|target| {
        let budget = 1.0 - target;
        let could_be_missed = history.total * budget >= 1.0;
        could_be_missed && 1.0 - good <= budget * SPENT_MAX && expected * budget > BAD_EVENTS_FLOOR
    })
}

/// The smallest bound within which nearly all requests were answered, and a target for it.
///
/// `within` are the bounds of buckets, ascending, with the requests answered within each.
pub fn suggest_latency(
    within: &[(f64, f64)],
    history: &Sums,
    window_minutes: f64,
) -> Option<LatencySuggestion> {
    LATENCY_SHARES.into_iter().find_map(|share| {
        within.iter().find_map(|&(limit, good)| {
            let sums = Sums {
                bad: (history.total - good).max(0.0),
                ..*history
            };
            let good_ratio = sums.good_ratio().filter(|&ratio| ratio >= share)?;
            let target = suggest_target(&sums, window_minutes)?;
            Some(LatencySuggestion {
                limit,
                target,
                good_ratio,
            })
        })
    })
}
