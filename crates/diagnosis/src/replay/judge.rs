//! Assertions over recorded KPIs: each series against its own past.

use std::collections::HashMap;

use super::ReplayOptions;
use crate::assertion::Assertion;
use crate::graph::EntityKey;
use crate::incident::{Shift, Usual, Watch, assertion, shifts};
use crate::kpi::{KpiKind, KpiSeries};

pub(super) fn judge(kpis: &[KpiSeries], options: &ReplayOptions) -> Vec<Assertion> {
    let rates = rates(kpis);
    let judged = kpis.iter().flat_map(|series| {
        let rate = rates.get(&series.key.entity).copied();
        let rate = rate.filter(|_| is_ratio(&series.key.kind));
        let (found, events) = match options.normal_until {
            Some(_) => against_normal(series, rate, options),
            None => against_past(series, rate, options),
        };
        found
            .into_iter()
            .filter_map(move |shift| assertion(&series.key, &shift, events, options.step))
    });
    judged.collect()
}

fn is_ratio(kind: &KpiKind) -> bool {
    matches!(kind, KpiKind::ErrorRatio | KpiKind::ClientErrorRatio)
}

fn rates(kpis: &[KpiSeries]) -> HashMap<&EntityKey, &KpiSeries> {
    kpis.iter()
        .filter(|series| series.key.kind == KpiKind::RequestRate)
        .map(|series| (&series.key.entity, series))
        .collect()
}

/// The shifts, and how many requests stand behind a sample.
type Found = (Vec<Shift>, Option<f64>);

fn against_normal(series: &KpiSeries, rate: Option<&KpiSeries>, options: &ReplayOptions) -> Found {
    let last = series.samples.partition_point(|&(at, _)| at <= options.to);
    let samples = &series.samples[..last];
    let until = options.normal_until.unwrap_or(options.from);
    let events = rate.and_then(|rate| {
        let usual = Usual::of(&rate.key.kind, &rate.samples, until, None)?;
        Some(usual.median * options.window.as_secs_f64())
    });
    let after = until.max(options.from);
    let usual = Usual::of(&series.key.kind, samples, until, events);
    let found = usual.map(|usual| shifts(samples, &usual, after, options.step));
    (found.unwrap_or_default(), events)
}

fn against_past(series: &KpiSeries, rate: Option<&KpiSeries>, options: &ReplayOptions) -> Found {
    let mut watch = Watch::new(series.key.kind.clone());
    let mut found: Vec<Shift> = Vec::new();
    let mut newest_rate = rate.map(|rate| rate.samples.iter().peekable());
    let mut events = None;
    for &(at, value) in &series.samples {
        if options.to < at {
            break;
        }
        if let Some(rates) = &mut newest_rate {
            while let Some(&&(_, rate)) = rates.peek().filter(|(then, _)| *then <= at) {
                events = Some(rate * options.window.as_secs_f64());
                rates.next();
            }
        }
        watch.observe(at, value, events, options.step);
        if let Some(shift) = watch.shift().filter(|shift| options.from <= shift.onset) {
            match found.last_mut().filter(|last| last.onset == shift.onset) {
                Some(last) => *last = *shift,
                None => found.push(*shift),
            }
        }
    }
    (found, events)
}
