//! Which packs fit which job, and why.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use model::Labels;

use super::{Evidence, Pack, Variant};

/// Series kept of each metric that a pack asks about. The series of one metric carry the same
/// label names nearly always, so a few tell; the bound keeps a job with a million series cheap.
pub const EVIDENCE_SERIES_MAX: usize = 64;

/// The series of all jobs, as far as detection needs them.
#[derive(Debug, Default)]
pub struct SeriesIndex {
    /// Metrics that some pack asks about.
    asked: BTreeSet<String>,
    jobs: BTreeMap<String, JobSeries>,
}

/// The series of one job, as far as detection needs them, by metric.
#[derive(Debug, Default)]
pub struct JobSeries(HashMap<String, Vec<Labels>>);

/// A pack that fits a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Detection {
    /// [`Pack::id`].
    pub pack: String,
    /// The series that showed it.
    pub why: String,
    /// The names of labels, by variant; one that could not be told yet is absent.
    pub variants: BTreeMap<String, String>,
}

impl SeriesIndex {
    pub fn new(packs: &[Pack]) -> Self {
        let evidence = packs
            .iter()
            .flat_map(|p| p.detect.any.iter().chain(&p.detect.all));
        let evidence = evidence.map(|evidence| evidence.metric.clone());
        let variants = packs.iter().flat_map(|pack| &pack.variants);
        Self {
            asked: evidence
                .chain(variants.map(|variant| variant.metric.clone()))
                .collect(),
            jobs: BTreeMap::new(),
        }
    }

    /// The metrics whose series tell something; others need not be added.
    pub fn asked(&self) -> &BTreeSet<String> {
        &self.asked
    }

    /// Takes in one series; one without a job belongs to nobody.
    pub fn add(&mut self, labels: &Labels) {
        let (Some(job), name) = (labels.get("job"), labels.metric_name()) else {
            return;
        };
        if !self.asked.contains(name) {
            return;
        }
        let series = self.jobs.entry(job.to_owned()).or_default();
        let kept = series.0.entry(name.to_owned()).or_default();
        if kept.len() < EVIDENCE_SERIES_MAX {
            kept.push(labels.clone());
        }
    }

    /// Each job with its series, by name.
    pub fn jobs(&self) -> impl Iterator<Item = (&str, &JobSeries)> {
        self.jobs.iter().map(|(job, series)| (job.as_str(), series))
    }
}

impl JobSeries {
    fn find(&self, evidence: &Evidence) -> Option<&Labels> {
        self.0.get(&evidence.metric)?.iter().find(|labels| {
            let has = |(name, value): &(String, String)| labels.get(name) == Some(value);
            evidence.labels.iter().all(has)
        })
    }
}

/// The packs that fit a job, the most specific first.
pub fn detect(packs: &[Pack], series: &JobSeries) -> Vec<Detection> {
    let mut found: Vec<(&Pack, &Labels)> = Vec::new();
    for pack in packs {
        let any = pack
            .detect
            .any
            .iter()
            .find_map(|evidence| series.find(evidence));
        let all: Option<Vec<_>> = pack.detect.all.iter().map(|e| series.find(e)).collect();
        let Some(all) = all.filter(|_| any.is_some() || pack.detect.any.is_empty()) else {
            continue;
        };
        // Loading a pack made sure that it asks for something.
        found.extend(
            any.or_else(|| all.first().copied())
                .map(|labels| (pack, labels)),
        );
    }
    found.sort_by_key(|(pack, _)| (pack.layer, pack.id.clone()));
    found
        .into_iter()
        .map(|(pack, labels)| Detection {
            pack: pack.id.clone(),
            why: labels.drop(&["job", "instance"]).to_string(),
            variants: pack
                .variants
                .iter()
                .filter_map(|variant| Some((variant.name.clone(), resolve(variant, series)?)))
                .collect(),
        })
        .collect()
}

fn resolve(variant: &Variant, series: &JobSeries) -> Option<String> {
    let series = series.0.get(&variant.metric)?;
    let names: BTreeSet<&str> = series
        .iter()
        .flat_map(Labels::iter)
        .map(|(name, _)| name)
        .collect();
    if let Some(name) = variant
        .first_of
        .iter()
        .find(|name| names.contains(name.as_str()))
    {
        return Some(name.clone());
    }
    let known = |name: &&&str| {
        **name != model::METRIC_NAME && !variant.besides.iter().any(|other| other == **name)
    };
    let mut left = names.iter().filter(known);
    // Two candidates say nothing: a wrong grouping would mislead more than a missing one.
    match (left.next(), left.next()) {
        (Some(name), None) if !variant.besides.is_empty() => Some((*name).to_owned()),
        _ => None,
    }
}
