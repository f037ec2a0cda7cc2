//! What a number of a known sort measures.

use model::Matcher;

use super::entity::Named;
use super::family::Family;
use super::guess::{Guess, Meaning};
use super::slice::{Slice, Sort, max_of};
use super::words::{self, Statistic, has, statistic, words};
use crate::kpi::mapping::{AverageFrom, Measure, MetricType, RatioFrom, Source, ValueUnit};

/// Percent if the name says so or values go above 1.
fn share_unit(words: &[String], max: f64) -> ValueUnit {
    match words::says_percent(words) || max > 1.0 + 1e-6 {
        true => ValueUnit::Percent,
        false => ValueUnit::Ratio,
    }
}

pub(super) fn of_slice<'a>(
    family: &'a Family<'a>,
    named: &Named,
    slice: &Slice<'_>,
    sort: Sort,
) -> Option<Guess<'a>> {
    let w = slice.words.as_slice();
    let max = max_of(slice);
    let source = |unit| Source {
        metrics: vec![named.metric.clone()],
        metric_type: family.metric_type,
        unit,
        step: None,
    };
    let said = words::rate_unit(w);
    let (meaning, doubt, because) = match sort {
        Sort::Up => {
            let because = "it is 1 or 0 and named so".to_owned();
            (
                Meaning::Is(Measure::Up(source(ValueUnit::Ratio))),
                0,
                because,
            )
        }
        Sort::Availability => {
            let unit = share_unit(w, max);
            let because = format!("its name says availability and no value is above {max}");
            let from = RatioFrom::Ready(source(unit));
            (Meaning::Is(Measure::Availability(from)), 0, because)
        }
        Sort::Errors => return Some(errors(family, named, slice)),
        Sort::Time => time(slice, source)?,
        Sort::Requests | Sort::PerhapsRequests => {
            let unit = flow_unit(family, slice);
            let doubt = u8::from(sort == Sort::PerhapsRequests) * 2;
            let because = format!(
                "its name says requests, its values are {}",
                how(family, unit)
            );
            (
                Meaning::Is(Measure::RequestRate(source(unit))),
                doubt,
                because,
            )
        }
        Sort::Share => {
            let because = format!("its name says a share and no value is above {max}");
            let measure = Measure::Saturation {
                resource: resource_of(w, &family.name).into(),
                used: source(share_unit(w, max)),
                limit: None,
            };
            (Meaning::Is(measure), 1, because)
        }
        Sort::Amount => {
            let because = "it is compared with its own past only".to_owned();
            (Meaning::Is(amount(family, named, w)), 3, because)
        }
    };
    Some(Guess {
        family,
        named: named.clone(),
        filters: slice.filters.clone(),
        meaning,
        doubt,
        because,
        max,
        says_unit: said.is_some(),
    })
}

fn flow_unit(family: &Family<'_>, slice: &Slice<'_>) -> ValueUnit {
    if family.metric_type == MetricType::Counter {
        return ValueUnit::None;
    }
    let whole = slice.series.iter().all(|one| one.is_whole) && !has(&slice.words, &["rate"]);
    let guessed = if whole {
        ValueUnit::PerStep
    } else {
        ValueUnit::PerSecond
    };
    words::rate_unit(&slice.words).unwrap_or(guessed)
}

fn how(family: &Family<'_>, unit: ValueUnit) -> &'static str {
    match (family.metric_type, unit) {
        (MetricType::Counter, _) => "a running total",
        (_, ValueUnit::PerStep) => "whole numbers, so counts since the sample before",
        (_, ValueUnit::PerMinute) => "per minute by its name",
        _ => "no whole numbers or named a rate, so per second",
    }
}

fn time(slice: &Slice<'_>, source: impl Fn(ValueUnit) -> Source) -> Option<(Meaning, u8, String)> {
    let median = slice
        .series
        .iter()
        .map(|one| one.median)
        .fold(0.0, f64::max);
    let said = words::time_unit(&slice.words);
    let unit = said.unwrap_or_else(|| unit_by_size(median));
    let because = match said {
        Some(unit) => format!("its name says a time in {}", unit.name()),
        None => format!(
            "its name says a time; values around {median} are {}",
            unit.name()
        ),
    };
    let measure = match slice.statistic {
        Some(Statistic::Quantile(quantile)) => Measure::LatencyQuantiles {
            source: source(unit),
            quantiles: vec![quantile],
        },
        None | Some(Statistic::Average) => {
            Measure::LatencyAverage(AverageFrom::Ready(source(unit)))
        }
        Some(Statistic::Sum | Statistic::Count | Statistic::Other) => return None,
    };
    Some((
        Meaning::Is(measure),
        u8::from(slice.statistic.is_none()),
        because,
    ))
}

/// Nobody waits 30 s for half of the requests, or 100 s where they are counted in milliseconds.
fn unit_by_size(median: f64) -> ValueUnit {
    match median {
        _ if median < 30.0 => ValueUnit::Seconds,
        _ if median < 1e5 => ValueUnit::Milliseconds,
        _ if median < 1e8 => ValueUnit::Microseconds,
        _ => ValueUnit::Nanoseconds,
    }
}

fn errors<'a>(family: &'a Family<'a>, named: &Named, slice: &Slice<'_>) -> Guess<'a> {
    let w = slice.words.as_slice();
    let max = max_of(slice);
    let is_counter = family.metric_type == MetricType::Counter;
    let is_whole = slice.series.iter().all(|one| one.is_whole);
    let of_client = has(w, words::CLIENT_ERRORS) && !has(w, &["5xx"]);
    let says_share = has(w, words::SHARES) && max <= 100.5;
    let like_share = match has(w, &["rate"]) {
        true => max <= 100.5,
        false => max <= 1.0 && !is_whole,
    };
    let (meaning, doubt, because) = if !is_counter && (says_share || like_share) {
        let unit = share_unit(w, max);
        let from = RatioFrom::Ready(Source {
            metrics: vec![named.metric.clone()],
            metric_type: family.metric_type,
            unit,
            step: None,
        });
        let because = format!(
            "its name says errors and no value is above {max}, so a {}",
            unit.name()
        );
        (
            Meaning::Is(Measure::Errors { of_client, from }),
            u8::from(!says_share),
            because,
        )
    } else {
        let source = Source {
            metrics: vec![named.metric.clone()],
            metric_type: family.metric_type,
            unit: flow_unit(family, slice),
            step: None,
        };
        let because = "its name says errors and it counts them".to_owned();
        (Meaning::Failed { source, of_client }, 1, because)
    };
    Guess {
        family,
        named: named.clone(),
        filters: slice.filters.clone(),
        meaning,
        doubt,
        because,
        max,
        says_unit: words::rate_unit(w).is_some(),
    }
}

pub(super) fn of_distribution<'a>(
    family: &'a Family<'a>,
    named: &Named,
    slice: &Slice<'_>,
    sort: Sort,
) -> Vec<Guess<'a>> {
    let source = |unit| Source {
        metrics: vec![named.metric.clone()],
        metric_type: family.metric_type,
        unit,
        step: None,
    };
    let guess = |measure, doubt, because: &str| Guess {
        family,
        named: named.clone(),
        filters: Vec::new(),
        meaning: Meaning::Is(measure),
        doubt,
        because: because.to_owned(),
        max: 0.0,
        says_unit: true,
    };
    if sort != Sort::Time {
        let count = Source {
            metrics: vec![named.metric.with_suffix("_count")],
            metric_type: MetricType::Counter,
            ..source(ValueUnit::None)
        };
        let resource = resource_of(&slice.words, &family.name).into();
        let measure = Measure::Resource {
            resource,
            amount: count,
        };
        return vec![guess(measure, 3, "it is compared with its own past only")];
    }
    let unit = words::time_unit(&slice.words).unwrap_or(ValueUnit::Seconds);
    let quantiles: Vec<f64> = match family.metric_type {
        MetricType::Histogram => vec![0.5, 0.95, 0.99],
        _ => {
            let said = family.labels.get("quantile");
            let said = said.into_iter().flatten().filter_map(|q| q.parse().ok());
            said.filter(|q| (0.0..=1.0).contains(q)).take(8).collect()
        }
    };
    let mut found = vec![
        guess(
            Measure::LatencyAverage(AverageFrom::Distribution(source(unit))),
            0,
            "it has a sum and a count of times",
        ),
        guess(
            Measure::RequestRate(source(unit)),
            1,
            "each time that it counts is a request",
        ),
    ];
    if !quantiles.is_empty() {
        let measure = Measure::LatencyQuantiles {
            source: source(unit),
            quantiles,
        };
        found.push(guess(measure, 0, "it tells how times are spread"));
    }
    found.extend(failed_by_outcome(family, named));
    found
}

/// Requests with a label that says how they ended.
pub(super) fn failed_by_outcome<'a>(family: &'a Family<'a>, named: &Named) -> Option<Guess<'a>> {
    let fails = |value: &str| {
        let lower = value.to_lowercase();
        let is_status = lower.len() == 3 && lower.starts_with('5');
        let is_word = words(&lower)
            .iter()
            .any(|word| words::ERRORS.contains(&word.as_str()));
        is_status || is_word
    };
    let succeeds = |value: &str| {
        let lower = value.to_lowercase();
        (lower.len() == 3 && lower.starts_with('2'))
            || ["ok", "success", "succeeded"].contains(&&*lower)
    };
    let labels = family.labels.iter();
    let mut labels = labels.filter(|(label, _)| words::OUTCOMES.contains(label));
    let (label, values) =
        labels.find(|(_, values)| values.iter().any(|v| fails(v) || succeeds(v)))?;
    let is_status = values
        .iter()
        .all(|v| v.len() == 3 && v.starts_with(|c: char| c.is_ascii_digit()));
    let bad: Vec<String> = values
        .iter()
        .filter(|v| fails(v))
        .map(|v| regex::escape(v))
        .collect();
    let pattern = match is_status {
        true => "5..".to_owned(),
        false if bad.is_empty() => return None,
        false => bad.join("|"),
    };
    let part = Matcher::new(model::MatchOp::Matches, *label, pattern.as_str()).ok()?;
    let unit = ValueUnit::None;
    let all = Source {
        metrics: vec![named.metric.clone()],
        metric_type: family.metric_type,
        unit: match family.metric_type {
            MetricType::Gauge => ValueUnit::PerSecond,
            _ => unit,
        },
        step: None,
    };
    let from = RatioFrom::Condition { all, part };
    let of_client = false;
    Some(Guess {
        family,
        named: named.clone(),
        filters: Vec::new(),
        meaning: Meaning::Is(Measure::Errors { of_client, from }),
        doubt: 0,
        because: format!("its label {label} says how requests ended"),
        max: 0.0,
        says_unit: true,
    })
}

/// What an amount is called: its words without those of units and of how it was counted.
fn resource_of(words: &[String], name: &str) -> String {
    let idle = [
        "total",
        "bytes",
        "seconds",
        "ms",
        "percent",
        "percentage",
        "pct",
        "ratio",
        "usage",
        "used",
        "utilization",
        "utilisation",
        "util",
        "per",
        "second",
        "current",
        "container",
        "node",
        "process",
        "value",
        "metric",
    ];
    let telling = words.iter().filter(|word| {
        !idle.contains(&word.as_str()) && !matches!(statistic(word), Some(Statistic::Average))
    });
    let telling: Vec<&str> = telling.map(String::as_str).collect();
    if telling.is_empty() {
        name.to_owned()
    } else {
        telling.join("_")
    }
}

fn amount(family: &Family<'_>, named: &Named, words: &[String]) -> Measure {
    let is_counter = family.metric_type == MetricType::Counter;
    let unit = match () {
        () if has(words, &["bytes"]) => ValueUnit::Bytes,
        () if !is_counter && has(words, words::SHARES) => ValueUnit::Percent,
        () if !is_counter => words::time_unit(words).unwrap_or(ValueUnit::None),
        () => ValueUnit::None,
    };
    Measure::Resource {
        resource: resource_of(words, &family.name).into(),
        amount: Source {
            metrics: vec![named.metric.clone()],
            metric_type: family.metric_type,
            unit,
            step: None,
        },
    }
}
