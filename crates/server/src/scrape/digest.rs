//! From a body to what the store gets: pure decisions, no clock, no network.
//!
//! A target shows the same series again and again, so the text of each line is looked up in the
//! cache of the last scrape and only a new one is split, relabelled and resolved. What was there
//! last time and is not there now gets a stale marker, so that a query sees it end.

use std::collections::{HashMap, HashSet};

use model::exposition::{Format, Line, Lines, Rejected, SampleLine, parse_series};
use model::{Labels, LabelsBuilder, METRIC_NAME, Timestamp, stale_marker};
use store::{SeriesId, StoreError};

use crate::config::ScrapeLimits;
use crate::metadata::{FAMILIES_MAX, FamilyMetadata, HELP_BYTES_MAX, Metadata, cut};
use crate::relabel::relabel;
use crate::targets::{REJECTED_SHOWN, RejectedLine, TargetSpec};

/// What one target exposed so far. One per target, owned by its loop.
#[derive(Debug, Default)]
pub(crate) struct ScrapeCache {
    /// By the text of the series as it stands in the body.
    entries: HashMap<Box<str>, Entry>,
    /// Series whose last sample had the scrape's own timestamp: these get a stale marker when
    /// they vanish. With the round of that sample.
    live: HashMap<SeriesId, u64>,
    /// `up` and its companions, in the order of [`REPORT_NAMES`].
    report: Vec<SeriesId>,
    round: u64,
}

#[derive(Debug)]
struct Entry {
    /// `None`: a rule drops it.
    series: Option<SeriesId>,
    /// The last round it was seen in.
    round: u64,
}

/// What a scrape adds to the store, and what it says about the target.
#[derive(Debug)]
pub(crate) struct Digest {
    /// All with the time of the scrape; no series twice.
    pub(crate) samples: Vec<(SeriesId, f64)>,
    /// With their own times.
    pub(crate) timed: Vec<(SeriesId, Timestamp, f64)>,
    /// Why the scrape counts as failed.
    pub(crate) error: Option<String>,
    /// The limit that cut the scrape, by its configuration name.
    pub(crate) limited: Option<String>,
    /// Samples in the body.
    pub(crate) scraped: usize,
    /// Samples after relabelling and limits.
    pub(crate) kept: usize,
    /// Series that were not in the last scrape.
    pub(crate) added: usize,
    pub(crate) rejected: Vec<RejectedLine>,
    pub(crate) rejected_total: usize,
    pub(crate) metadata: Metadata,
}

/// What every scrape says about itself, in this order.
const REPORT_NAMES: [&str; 5] = [
    "up",
    "scrape_duration_seconds",
    "scrape_samples_scraped",
    "scrape_samples_post_metric_relabeling",
    "scrape_series_added",
];

/// Gives the series of a label set.
pub(crate) type Resolve<'a> = &'a mut dyn FnMut(&Labels) -> Result<SeriesId, StoreError>;

/// A sample of this body before its series is resolved.
struct Found<'a> {
    line: SampleLine<'a>,
    series: Series,
}

enum Series {
    Known(SeriesId),
    New(Labels),
}

impl ScrapeCache {
    /// Takes in a body.
    pub(crate) fn body(
        &mut self,
        body: &[u8],
        format: Format,
        spec: &TargetSpec,
        resolve: Resolve<'_>,
    ) -> Digest {
        self.round += 1;
        let mut digest = Digest::empty();
        let found = self.read(body, format, spec, &mut digest);
        digest.kept = found.len();
        let limits = &spec.job.limits;
        let samples_max = usize::try_from(limits.samples_max).unwrap_or(usize::MAX);
        if found.len() > samples_max && limits.samples_refuse {
            digest.limited = Some("sample_limit".to_owned());
            digest.error = Some(format!(
                "sample_limit exceeded: {} samples, the limit is {samples_max}",
                found.len()
            ));
        } else if digest.scraped == 0 && digest.rejected_total > 0 {
            digest.error = Some(format!(
                "no line of the answer is a sample; is this the right path? Line {}: {}",
                digest.rejected[0].line, digest.rejected[0].reason
            ));
        }
        if digest.error.is_some() {
            self.end_all(&mut digest.samples);
            return digest;
        }
        if found.len() > samples_max {
            digest.limited = Some("sample_limit".to_owned());
            digest.kept = samples_max;
        }
        self.keep(
            found.into_iter().take(samples_max),
            spec,
            &mut digest,
            resolve,
        );
        let round = self.round;
        self.entries.retain(|_, entry| entry.round == round);
        self.live.retain(|&series, &mut seen| {
            if seen != round {
                digest.samples.push((series, stale_marker()));
            }
            seen == round
        });
        digest
    }

    /// Takes in that there is no body.
    pub(crate) fn failed(&mut self, error: String, limited: Option<String>) -> Digest {
        let mut digest = Digest::empty();
        digest.error = Some(error);
        digest.limited = limited;
        self.end_all(&mut digest.samples);
        digest
    }

    /// The target is no more: everything it showed ends, `up` included.
    pub(crate) fn end(&mut self) -> Vec<(SeriesId, f64)> {
        let mut samples = Vec::new();
        self.end_all(&mut samples);
        samples.extend(self.report.drain(..).map(|series| (series, stale_marker())));
        samples
    }

    /// Forgets which text is which series, because the rules changed or the store dropped some;
    /// what is live stays known, so that it can still end.
    pub(crate) fn forget_texts(&mut self) {
        self.entries.clear();
        self.report.clear();
    }

    fn end_all(&mut self, samples: &mut Vec<(SeriesId, f64)>) {
        samples.extend(
            self.live
                .drain()
                .map(|(series, _)| (series, stale_marker())),
        );
    }

    /// Adds `up` and its companions. `seconds` is how long the scrape took.
    pub(crate) fn report(
        &mut self,
        digest: &mut Digest,
        seconds: f64,
        spec: &TargetSpec,
        resolve: Resolve<'_>,
    ) -> Result<(), StoreError> {
        self.resolve_report(spec, resolve)?;
        let up = if digest.error.is_none() { 1.0 } else { 0.0 };
        let values = [
            up,
            seconds,
            digest.scraped as f64,
            digest.kept as f64,
            digest.added as f64,
        ];
        digest
            .samples
            .extend(self.report.iter().copied().zip(values));
        Ok(())
    }

    fn resolve_report(
        &mut self,
        spec: &TargetSpec,
        resolve: Resolve<'_>,
    ) -> Result<(), StoreError> {
        if self.report.is_empty() {
            for name in REPORT_NAMES {
                let mut labels = spec.labels.builder();
                labels.set(METRIC_NAME, name);
                self.report.push(resolve(&labels.build())?);
            }
        }
        Ok(())
    }

    /// Walks the body: counts, remembers metadata, finds or builds labels. Resolves nothing yet,
    /// so that a body over its limit leaves no series behind.
    fn read<'a>(
        &mut self,
        body: &'a [u8],
        format: Format,
        spec: &TargetSpec,
        digest: &mut Digest,
    ) -> Vec<Found<'a>> {
        let mut found = Vec::new();
        for line in Lines::new(body, format) {
            match line {
                Line::Sample(line) => {
                    digest.scraped += 1;
                    if let Some(entry) = self.entries.get_mut(line.series) {
                        entry.round = self.round;
                        let known = entry.series.map(Series::Known);
                        found.extend(known.map(|series| Found { line, series }));
                        continue;
                    }
                    match series_labels(&line, spec) {
                        Ok(Some(labels)) => {
                            found.push(Found {
                                line,
                                series: Series::New(labels),
                            });
                        }
                        Ok(None) => {
                            let entry = Entry {
                                series: None,
                                round: self.round,
                            };
                            self.entries.insert(line.series.into(), entry);
                        }
                        Err(reason) => digest.reject_sample(&line, reason),
                    }
                }
                Line::Type { family, kind } => {
                    if let Some(family) = digest.family(&family) {
                        family.kind = kind.as_str();
                    }
                }
                Line::Help { family, help } => {
                    if let Some(family) = digest.family(&family) {
                        family.help = cut(&help, HELP_BYTES_MAX).to_owned();
                    }
                }
                Line::Unit { family, unit } => {
                    if let Some(family) = digest.family(&family) {
                        family.unit = cut(unit, HELP_BYTES_MAX).to_owned();
                    }
                }
                Line::Eof => {}
                Line::Rejected(rejected) => digest.reject(rejected),
            }
        }
        found
    }

    /// Resolves what is new and collects the samples; no series twice, none of the report's.
    fn keep<'a>(
        &mut self,
        found: impl Iterator<Item = Found<'a>>,
        spec: &TargetSpec,
        digest: &mut Digest,
        resolve: Resolve<'_>,
    ) {
        let reserved: HashSet<SeriesId> = match self.resolve_report(spec, resolve) {
            Ok(()) => self.report.iter().copied().collect(),
            Err(_) => HashSet::new(),
        };
        for Found { line, series } in found {
            let id = match series {
                Series::Known(id) => id,
                Series::New(labels) => match resolve(&labels) {
                    Ok(id) => {
                        let entry = Entry {
                            series: Some(id),
                            round: self.round,
                        };
                        self.entries.insert(line.series.into(), entry);
                        digest.added += 1;
                        id
                    }
                    Err(error) => {
                        digest.kept -= 1;
                        digest.limited.get_or_insert("series_max".to_owned());
                        digest.reject_sample(&line, error.to_string());
                        continue;
                    }
                },
            };
            if reserved.contains(&id) {
                digest.kept -= 1;
                digest.reject_sample(
                    &line,
                    "the name is reserved for the scrape itself".to_owned(),
                );
                continue;
            }
            match line.timestamp.filter(|_| spec.job.honor_timestamps) {
                Some(at) => digest.timed.push((id, at, line.value)),
                None if self.live.insert(id, self.round) == Some(self.round) => {
                    digest.kept -= 1;
                    digest.reject_sample(&line, "the series stands twice".to_owned());
                }
                None => digest.samples.push((id, line.value)),
            }
        }
    }
}

impl Digest {
    fn empty() -> Self {
        Self {
            samples: Vec::new(),
            timed: Vec::new(),
            error: None,
            limited: None,
            scraped: 0,
            kept: 0,
            added: 0,
            rejected: Vec::new(),
            rejected_total: 0,
            metadata: Metadata::new(),
        }
    }

    fn family(&mut self, name: &str) -> Option<&mut FamilyMetadata> {
        if !self.metadata.contains_key(name) && self.metadata.len() >= FAMILIES_MAX {
            return None;
        }
        Some(
            self.metadata
                .entry(cut(name, HELP_BYTES_MAX).to_owned())
                .or_default(),
        )
    }

    /// Adds what a process group's files lost before they became lines.
    pub(crate) fn reject_damaged(&mut self, damaged: Vec<RejectedLine>) {
        self.rejected_total += damaged.len();
        let room = REJECTED_SHOWN.saturating_sub(self.rejected.len());
        self.rejected.extend(damaged.into_iter().take(room));
    }

    fn reject(&mut self, rejected: Rejected) {
        self.rejected_total += 1;
        if self.rejected.len() < REJECTED_SHOWN {
            self.rejected.push(RejectedLine {
                line: rejected.line,
                text: rejected.text,
                reason: rejected.reason.to_string(),
            });
        }
    }

    fn reject_sample(&mut self, line: &SampleLine<'_>, reason: String) {
        self.rejected_total += 1;
        if self.rejected.len() < REJECTED_SHOWN {
            self.rejected.push(RejectedLine {
                line: line.line,
                text: cut(line.series, model::exposition::REJECTED_TEXT_MAX).to_owned(),
                reason,
            });
        }
    }
}

/// The labels a new line is stored under; `None` when a rule drops it.
fn series_labels(line: &SampleLine<'_>, spec: &TargetSpec) -> Result<Option<Labels>, String> {
    let exposed = parse_series(line.series).map_err(|reason| reason.to_string())?;
    let mut labels = with_target_labels(&exposed, &spec.labels, spec.job.honor_labels);
    if !relabel(&mut labels, &spec.job.metric_relabel) {
        return Ok(None);
    }
    let labels = labels.build();
    if labels.metric_name().is_empty() {
        return Err("a rule removed the metric's name".to_owned());
    }
    check_limits(&labels, &spec.job.limits)?;
    Ok(Some(labels))
}

/// Adds the target's labels. On a clash the exposed label becomes `exported_…`, or wins with
/// `honor_labels`.
fn with_target_labels(exposed: &Labels, target: &Labels, honor_labels: bool) -> LabelsBuilder {
    let mut labels = exposed.builder();
    for (name, value) in target.iter() {
        let Some(own) = exposed.get(name) else {
            labels.set(name, value);
            continue;
        };
        if honor_labels {
            continue;
        }
        let mut exported = format!("exported_{name}");
        while labels.get(&exported).is_some() || target.get(&exported).is_some() {
            exported.insert_str(0, "exported_");
        }
        labels.set(exported, own);
        labels.set(name, value);
    }
    labels
}

fn check_limits(labels: &Labels, limits: &ScrapeLimits) -> Result<(), String> {
    if labels.len() as u64 > limits.labels_max {
        let (n, max) = (labels.len(), limits.labels_max);
        return Err(format!("the series has {n} labels, label_limit is {max}"));
    }
    for (name, value) in labels.iter() {
        let shown = cut(name, 64);
        if name.len() as u64 > limits.label_name_bytes_max {
            let (n, max) = (name.len(), limits.label_name_bytes_max);
            return Err(format!(
                "label name {shown:?}… has {n} bytes, label_name_length_limit is {max}"
            ));
        }
        if value.len() as u64 > limits.label_value_bytes_max {
            let (n, max) = (value.len(), limits.label_value_bytes_max);
            return Err(format!(
                "the value of label {shown:?} has {n} bytes, label_value_length_limit is {max}"
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
