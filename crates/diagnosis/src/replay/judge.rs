//! Assertions over recorded KPIs: each series against its own past.

use std::time::Duration;

use model::Timestamp;

use super::ReplayOptions;
use crate::assertion::{Assertion, AssertionKey, Category, Compared, Severity};
use crate::incident::{Shift, Usual, shifts, words};
use crate::kpi::{KpiKind, KpiSeries};

/// Samples that are judged by the same past before it is learned anew.
const LEARN_EVERY: usize = 30;

/// Samples that are learned from before the first is judged.
const LEARN_FIRST: usize = 20;

/// A latency that rose by less than this share hurts nobody.
const LATENCY_RISE_MIN: f64 = 0.3;
/// Unless it rose this far out of its usual range.
const LATENCY_DEVIATION: f64 = 8.0;
const ERROR_RATIO_RISE_MIN: f64 = 0.01;
const ERROR_RATIO_CRITICAL: f64 = 0.1;
const TRAFFIC_LOST: f64 = 0.9;
const TRAFFIC_CHANGE_MIN: f64 = 0.3;
const SATURATION_WARNING: f64 = 0.8;
const SATURATION_CRITICAL: f64 = 0.95;

pub(super) fn judge(kpis: &[KpiSeries], options: &ReplayOptions) -> Vec<Assertion> {
    let judged = kpis.iter().flat_map(|series| {
        let found = match options.normal_until {
            Some(until) => against_normal(kpis, series, until, options),
            None => against_past(kpis, series, options),
        };
        found
            .into_iter()
            .filter_map(|shift| assertion(series, &shift, options.step))
    });
    judged.collect()
}

/// Requests behind one sample of a ratio of the same entity.
fn events(kpis: &[KpiSeries], series: &KpiSeries, until: Timestamp, step: Duration) -> Option<f64> {
    if !matches!(
        series.key.kind,
        KpiKind::ErrorRatio | KpiKind::ClientErrorRatio
    ) {
        return None;
    }
    let rate = kpis.iter().find(|other| {
        other.key.entity == series.key.entity && other.key.kind == KpiKind::RequestRate
    })?;
    let usual = Usual::of(&rate.key.kind, &rate.samples, until, None)?;
    Some(usual.median * step.as_secs_f64())
}

fn within<'a>(series: &'a KpiSeries, options: &ReplayOptions) -> &'a [(Timestamp, f64)] {
    let until = series.samples.partition_point(|&(at, _)| at <= options.to);
    &series.samples[..until]
}

fn against_normal(
    kpis: &[KpiSeries],
    series: &KpiSeries,
    until: Timestamp,
    options: &ReplayOptions,
) -> Vec<Shift> {
    let samples = within(series, options);
    let events = events(kpis, series, until, options.step);
    let usual = Usual::of(&series.key.kind, samples, until, events);
    let after = until.max(options.from);
    usual.map_or_else(Vec::new, |usual| {
        shifts(samples, &usual, after, options.step)
    })
}

/// Learns again and again on the way, but not while something is out of range.
fn against_past(kpis: &[KpiSeries], series: &KpiSeries, options: &ReplayOptions) -> Vec<Shift> {
    let samples = within(series, options);
    let mut found = Vec::new();
    let first = samples.partition_point(|&(at, _)| at < options.from);
    let mut next = first.max(LEARN_FIRST);
    while next < samples.len() {
        let at = samples[next].0;
        let last = samples.len().min(next + LEARN_EVERY);
        let events = events(kpis, series, at, options.step);
        let usual = Usual::of(&series.key.kind, samples, at, events);
        let Some(usual) = usual else {
            next = last;
            continue;
        };
        let shift = shifts(samples, &usual, at, options.step)
            .into_iter()
            .find(|shift| shift.onset <= samples[last - 1].0);
        match shift {
            None => next = last,
            Some(shift) => {
                found.push(shift);
                let Some(end) = shift.end else { break };
                next = samples.partition_point(|&(at, _)| at < end).max(next + 1);
            }
        }
    }
    found
}

/// What a shift means, if it matters.
fn assertion(series: &KpiSeries, shift: &Shift, step: Duration) -> Option<Assertion> {
    let (name, category, severity) = meaning(&series.key.kind, shift)?;
    let patience = Duration::from_secs(30).max(step * 2);
    Some(Assertion {
        key: AssertionKey {
            entity: series.key.entity.clone(),
            name: name.to_owned(),
            kpi: Some(series.key.kind.clone()),
        },
        category,
        severity,
        since: shift.onset.plus(patience),
        onset: shift.onset,
        end: shift
            .end
            .map(|end| end.max(shift.onset.plus(patience + step))),
        compared: Some(Compared {
            value: shift.value,
            usual: Some(shift.usual),
            limit: None,
            deviation: shift.deviation,
        }),
        sentence: words::compared(&series.key.kind, shift.value, shift.usual),
    })
}

fn meaning(kind: &KpiKind, shift: &Shift) -> Option<(&'static str, Category, Severity)> {
    let change = shift.value - shift.usual;
    let relative = change / shift.usual.abs().max(1e-9);
    Some(match kind {
        KpiKind::ErrorRatio if ERROR_RATIO_RISE_MIN <= change => {
            let severity = if ERROR_RATIO_CRITICAL <= shift.value {
                Severity::Critical
            } else {
                Severity::Warning
            };
            ("error_ratio_breach", Category::Error, severity)
        }
        KpiKind::LatencyAverage | KpiKind::LatencyQuantile(_)
            if LATENCY_RISE_MIN <= relative
                || LATENCY_DEVIATION <= shift.deviation && 0.0 < relative =>
        {
            ("latency_breach", Category::Error, Severity::Warning)
        }
        KpiKind::RequestRate if relative <= -TRAFFIC_LOST => {
            ("traffic_lost", Category::Error, Severity::Critical)
        }
        KpiKind::RequestRate if TRAFFIC_CHANGE_MIN <= relative.abs() => {
            ("request_rate_anomaly", Category::Anomaly, Severity::Warning)
        }
        KpiKind::Saturation(_) if 0.0 < change => {
            if SATURATION_CRITICAL <= shift.value {
                ("saturation", Category::Saturation, Severity::Critical)
            } else if SATURATION_WARNING <= shift.value {
                ("saturation", Category::Saturation, Severity::Warning)
            } else {
                ("saturation_anomaly", Category::Anomaly, Severity::Warning)
            }
        }
        KpiKind::Resource(_) if TRAFFIC_CHANGE_MIN <= relative.abs() => {
            ("resource_anomaly", Category::Anomaly, Severity::Warning)
        }
        KpiKind::Up if change < 0.0 => ("down", Category::Failure, Severity::Critical),
        KpiKind::ClientErrorRatio if ERROR_RATIO_RISE_MIN <= change => {
            ("client_error_anomaly", Category::Anomaly, Severity::Warning)
        }
        KpiKind::ErrorRatio
        | KpiKind::LatencyAverage
        | KpiKind::LatencyQuantile(_)
        | KpiKind::RequestRate
        | KpiKind::Saturation(_)
        | KpiKind::Resource(_)
        | KpiKind::Up
        | KpiKind::ClientErrorRatio => return None,
    })
}
