//! What several processes' values of a gauge become.

use super::Said;
use crate::record::{GaugeMode, MOVED};

/// The value of a gauge over processes, and when it was set.
pub(super) fn one_gauge(mode: GaugeMode, all: &[Said<'_>]) -> Option<(f64, f64)> {
    let is_live_mode = match mode {
        GaugeMode::LiveMin
        | GaugeMode::LiveMax
        | GaugeMode::LiveSum
        | GaugeMode::LiveMostRecent
        | GaugeMode::All
        | GaugeMode::LiveAll => true,
        GaugeMode::Auto
        | GaugeMode::Min
        | GaugeMode::Max
        | GaugeMode::Sum
        | GaugeMode::MostRecent => false,
    };
    let counted: Vec<&Said<'_>> = all
        .iter()
        .filter(|one| one.is_live || !is_live_mode)
        .collect();
    // A process that only has the gauge says nothing about its value, unless all of them do so.
    let touched: Vec<&Said<'_>> = counted
        .iter()
        .copied()
        .filter(|one| MOVED <= one.time)
        .collect();
    if touched.is_empty() {
        let is_there = counted
            .iter()
            .any(|one| one.is_live || mode != GaugeMode::Auto);
        return is_there.then_some((0.0, counted.first()?.time));
    }
    let values = touched.iter().map(|one| one.values[0]);
    let time = touched.iter().map(|one| one.time).fold(MOVED, f64::max);
    let value = match mode {
        GaugeMode::Min | GaugeMode::LiveMin => values.fold(f64::INFINITY, f64::min),
        GaugeMode::Max | GaugeMode::LiveMax => values.fold(f64::NEG_INFINITY, f64::max),
        GaugeMode::Sum | GaugeMode::LiveSum => values.sum(),
        GaugeMode::MostRecent | GaugeMode::LiveMostRecent | GaugeMode::All | GaugeMode::LiveAll => {
            latest(touched.iter().copied())?.values[0]
        }
        GaugeMode::Auto => return auto_gauge(&touched),
    };
    Some((value, time))
}

/// A gauge that counts up and down (requests in progress) adds up over the living; one that is
/// set (a temperature, a time of last success) is worth what was set last, by whomever.
fn auto_gauge(touched: &[&Said<'_>]) -> Option<(f64, f64)> {
    let live = touched.iter().filter(|one| one.is_live);
    if live.clone().any(|one| one.time == MOVED) {
        return Some((live.map(|one| one.values[0]).sum(), MOVED));
    }
    let set = touched.iter().copied().filter(|one| one.time != MOVED);
    let latest = latest(set)?;
    Some((latest.values[0], latest.time))
}

pub(super) fn latest<'a, 'b: 'a>(
    of: impl IntoIterator<Item = &'a Said<'b>>,
) -> Option<&'a Said<'b>> {
    of.into_iter().max_by(|a, b| a.time.total_cmp(&b.time))
}
