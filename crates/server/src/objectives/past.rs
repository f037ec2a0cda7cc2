//! What was recorded of an objective, read from the store.

use std::collections::HashMap;

use diagnosis::objective::{BAD_EVENTS_SERIES, EVENTS_SERIES, Ledger, Minute, Objective};
use model::{METRIC_NAME, MatchOp, Matcher, Timestamp};
use store::{Snapshot, StoreError};

/// Two series of 100 days of minutes, and as much again for what recorded more often.
const SAMPLES_MAX: usize = 1_000_000;

/// The minutes after `from`, up to `to`.
///
/// # Errors
/// As [`Snapshot::select`].
pub(crate) fn ledger(
    snapshot: &Snapshot,
    objective: &Objective,
    from: Timestamp,
    to: Timestamp,
) -> Result<Ledger, StoreError> {
    let names = format!("{EVENTS_SERIES}|{BAD_EVENTS_SERIES}");
    let matchers = [
        Matcher::new(MatchOp::Matches, METRIC_NAME, names).expect("two names"),
        Matcher::equal("objective", objective.id.as_str()),
        Matcher::equal("indicator", objective.indicator_hash()),
    ];
    let columns = snapshot.select(&matchers, from, to, SAMPLES_MAX)?;
    let mut bad: HashMap<Timestamp, f64> = HashMap::new();
    let mut minutes = Vec::new();
    for column in &columns {
        let samples = column
            .timestamps
            .iter()
            .copied()
            .zip(column.values.iter().copied());
        if column.labels.metric_name() == BAD_EVENTS_SERIES {
            bad.extend(samples);
        } else {
            minutes.extend(samples.map(|(at, total)| Minute {
                at,
                bad: 0.0,
                total,
            }));
        }
    }
    for minute in &mut minutes {
        minute.bad = bad.get(&minute.at).copied().unwrap_or_default();
    }
    Ok(Ledger::new(minutes))
}
