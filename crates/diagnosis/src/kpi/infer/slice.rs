//! The parts of a family that are numbers of their own, and what sort of number each is.

use std::collections::BTreeMap;

use model::Matcher;

use super::SeriesSummary;
use super::entity::is_recorder;
use super::family::Family;
use super::words::{self, Statistic, has, percent, statistic, words};
use crate::kpi::mapping::MetricType;

/// A part of a family that is a KPI of its own.
pub(super) struct Slice<'a> {
    pub(super) filters: Vec<Matcher>,
    pub(super) words: Vec<String>,
    pub(super) statistic: Option<Statistic>,
    pub(super) series: Vec<&'a SeriesSummary>,
}

/// What sort of number a name says.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Sort {
    Up,
    Availability,
    Errors,
    Time,
    Requests,
    PerhapsRequests,
    Share,
    Amount,
}

/// The parts of a family: by a label that names what is measured, then by one that names a
/// statistic. Those of one measure stand together.
pub(super) fn slices<'a>(
    family: &Family<'a>,
    named: &[String],
    entity: Option<&str>,
) -> Vec<Vec<Slice<'a>>> {
    let facet = family.labels.iter().find(|(label, values)| {
        let measures = values
            .iter()
            .filter(|v| words(v).iter().any(|w| words::is_measure(w)));
        words::FACETS.contains(label)
            && Some(**label) != entity
            && measures.count() * 2 >= values.len()
    });
    let facet = facet.map(|(label, _)| *label);
    let statistic_label = family.labels.iter().find(|(label, values)| {
        let is_free = Some(**label) != entity && Some(**label) != facet && !is_recorder(label);
        let says = |value: &&str| label_statistic(label, value).is_some();
        is_free && **label != model::METRIC_NAME && **label != "le" && values.iter().all(says)
    });
    let statistic_label = statistic_label.map(|(label, _)| *label);
    let mut parts: BTreeMap<(&str, &str), Vec<&'a SeriesSummary>> = BTreeMap::new();
    for one in &family.series {
        let value = |label: Option<&str>| label.and_then(|l| one.labels.get(l)).unwrap_or_default();
        parts
            .entry((value(facet), value(statistic_label)))
            .or_default()
            .push(one);
    }
    let by_name = in_name(named);
    let mut grouped: BTreeMap<&str, Vec<Slice<'a>>> = BTreeMap::new();
    for ((facet_value, statistic_value), series) in parts {
        let mut filters = Vec::new();
        let mut all_words = named.to_vec();
        if let Some(label) = facet {
            filters.push(Matcher::equal(label, facet_value));
            all_words.extend(words(facet_value));
        }
        let mut statistic = by_name.or_else(|| in_name(&words(facet_value)));
        if let Some(label) = statistic_label {
            filters.push(Matcher::equal(label, statistic_value));
            statistic = label_statistic(label, statistic_value);
        }
        grouped.entry(facet_value).or_default().push(Slice {
            filters,
            words: all_words,
            statistic,
            series,
        });
    }
    grouped.into_values().collect()
}

fn label_statistic(label: &str, value: &str) -> Option<Statistic> {
    let label_words = words(label);
    let is_quantile = has(
        &label_words,
        &["quantile", "percentile", "q", "p", "stat", "statistic"],
    );
    let number = || {
        percent(value)
            .filter(|_| is_quantile)
            .map(Statistic::Quantile)
    };
    statistic(value).or_else(number)
}

/// The statistic that a name holds: `p95`, or a number behind the word of a time.
fn in_name(words: &[String]) -> Option<Statistic> {
    let said = words.iter().rev().find_map(|word| match statistic(word) {
        // `requests_count` counts requests, `max_connections` is a limit.
        Some(Statistic::Sum | Statistic::Count | Statistic::Other) => None,
        said => said,
    });
    let time = words
        .iter()
        .position(|word| words::TIMES.contains(&word.as_str()));
    let number = || {
        let text = words.get(time? + 1..)?.join("_");
        percent(&text)
            .filter(|quantile| *quantile >= 0.5)
            .map(Statistic::Quantile)
    };
    let other = || {
        let is_time = time.is_some() && has(words, &["max", "min", "stddev", "std"]);
        is_time.then_some(Statistic::Other)
    };
    said.or_else(number).or_else(other)
}

pub(super) fn sort_of(family: &Family<'_>, slice: &Slice<'_>, kind: &str) -> Sort {
    let w = slice.words.as_slice();
    let max = max_of(slice);
    let is_counter = family.metric_type == MetricType::Counter;
    let is_whole = slice.series.iter().all(|one| one.is_whole);
    let last = w.last().map(String::as_str);
    if matches!(last, Some("up" | "healthy" | "alive")) && max <= 1.0 && is_whole && !is_counter {
        return Sort::Up;
    }
    // What a request passes through may stand in its name: a queue, a read.
    let passing = [
        "load", "read", "reads", "write", "writes", "queue", "receive", "received", "faults",
    ];
    let resource = w
        .iter()
        .any(|word| words::RESOURCES.contains(&word.as_str()) && !passing.contains(&word.as_str()));
    let is_size = has(w, &["bytes", "size", "length"]);
    let is_level = has(
        w,
        &[
            "active", "inflight", "flight", "pending", "queued", "waiting", "max", "limit",
        ],
    );
    let share_sized = max <= 100.5 && !is_counter;
    if has(w, words::AVAILABILITY) && share_sized && !resource && !is_size {
        return Sort::Availability;
    }
    if has(w, words::ERRORS) && !resource {
        return Sort::Errors;
    }
    let pairs = has(w, &["time"])
        && has(
            w,
            &["response", "request", "processing", "serving", "query"],
        );
    let timed =
        words::time_unit(w).is_some() && has(w, &["request", "requests", "response", "http"]);
    if (has(w, words::TIMES) || pairs || timed) && !resource && !is_counter {
        return Sort::Time;
    }
    if resource || is_size || is_level || kind == "host" {
        let is_share = has(w, words::SHARES) && share_sized;
        return if is_share { Sort::Share } else { Sort::Amount };
    }
    if has(w, words::REQUESTS) {
        return Sort::Requests;
    }
    let plain = w.iter().filter(|word| statistic(word).is_none());
    let mut plain = plain.filter(|word| !["total", "http", "service"].contains(&word.as_str()));
    if plain.clone().count() > 0
        && plain.all(|word| words::PERHAPS_REQUESTS.contains(&word.as_str()))
    {
        return Sort::PerhapsRequests;
    }
    match has(w, words::SHARES) && share_sized {
        true => Sort::Share,
        false => Sort::Amount,
    }
}

pub(super) fn max_of(slice: &Slice<'_>) -> f64 {
    slice.series.iter().map(|one| one.max).fold(0.0, f64::max)
}
