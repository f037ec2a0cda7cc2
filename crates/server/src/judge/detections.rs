//! Which packs fit which jobs, read from the store's own list of series.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use diagnosis::pack::{Detection, Pack, SeriesIndex, detect};
use model::{METRIC_NAME, Matcher, Timestamp};
use store::Snapshot;
use tracing::warn;

use super::JudgedGroup;
use crate::scrape::error_chain;

/// Series of one metric that detection looks at: a thousand targets with twenty routes each.
const SERIES_MAX: usize = 20_000;

/// How far back a series counts as there: the lookback of a query.
const PRESENT: Duration = Duration::from_secs(5 * 60);

/// Beyond this no rule of a pack looks back: a week, and an hour around it.
const HISTORY: Duration = Duration::from_secs(8 * 24 * 3600);

/// Nobody waits for an alert by the minute that needs hours of data.
const HISTORY_PRECISION: Duration = Duration::from_secs(5 * 60);

/// What was found at the last look.
#[derive(Clone, Debug, Default)]
pub(crate) struct Detections {
    jobs: BTreeMap<String, Vec<Detection>>,
    /// Of the metrics that packs and rules name, those that exist.
    metrics: BTreeSet<String>,
    /// When the evidence of each pack began.
    since: BTreeMap<String, Timestamp>,
    /// By pack, one metric that showed it.
    evidence: BTreeMap<String, String>,
    /// When this look was.
    at: Timestamp,
}

impl Detections {
    /// Looks at the series of the last minutes. Only metrics that a pack or a rule names are
    /// listed, so the cost does not grow with what else is stored.
    pub(crate) fn find(
        packs: &[Pack],
        groups: &[Arc<JudgedGroup>],
        snapshot: &Snapshot,
        now: Timestamp,
    ) -> Self {
        let mut index = SeriesIndex::new(packs);
        let asked = index.asked().clone();
        let rules = groups.iter().flat_map(|group| group.all_rules());
        let mut names: BTreeSet<String> = rules
            .flat_map(|rule| rule.metrics())
            .map(str::to_owned)
            .collect();
        names.extend(asked.iter().cloned());
        let mut metrics = BTreeSet::new();
        for name in names {
            let matchers = [Matcher::equal(METRIC_NAME, name.as_str())];
            let limit = if asked.contains(&name) { SERIES_MAX } else { 1 };
            match snapshot.series(&matchers, now.minus(PRESENT), now, limit) {
                Ok(found) => {
                    found.items.iter().for_each(|labels| index.add(labels));
                    if !found.items.is_empty() {
                        metrics.insert(name);
                    }
                }
                Err(error) => {
                    warn!(metric = name, error = %error_chain(&error), "series cannot be listed");
                }
            }
        }
        let jobs = index
            .jobs()
            .map(|(job, series)| (job.to_owned(), detect(packs, series)));
        Self {
            jobs: jobs.collect(),
            metrics,
            since: BTreeMap::new(),
            evidence: BTreeMap::new(),
            at: now,
        }
        .with_evidence(packs)
    }

    /// Finds out since when each pack's evidence is stored, where `before` does not know.
    pub(crate) fn with_history(mut self, before: &Self, snapshot: &Snapshot) -> Self {
        for (pack, metric) in std::mem::take(&mut self.evidence) {
            let known = before.since.get(&pack).copied();
            let since = known.unwrap_or_else(|| first_seen(snapshot, &metric, self.at));
            self.since.insert(pack, since);
        }
        self
    }

    /// When the series began that showed a pack, to the precision of a chunk.
    pub(crate) fn pack_since(&self, pack: &str) -> Option<Timestamp> {
        self.since.get(pack).copied()
    }

    pub(crate) fn looked_at(&self) -> Timestamp {
        self.at
    }

    fn with_evidence(self, packs: &[Pack]) -> Self {
        let found = packs.iter().filter(|pack| self.has_pack(&pack.id));
        let evidence = found.filter_map(|pack| {
            let mut evidence = pack.detect.any.iter().chain(&pack.detect.all);
            let seen = evidence.find(|evidence| self.metrics.contains(&evidence.metric))?;
            Some((pack.id.clone(), seen.metric.clone()))
        });
        Self {
            evidence: evidence.collect(),
            ..self
        }
    }

    /// Each job with the packs that fit it, the most specific first.
    pub(crate) fn jobs(&self) -> impl Iterator<Item = (&str, &[Detection])> {
        self.jobs
            .iter()
            .map(|(job, found)| (job.as_str(), found.as_slice()))
    }

    /// The packs that fit a job, the most specific first.
    pub(crate) fn of(&self, job: &str) -> &[Detection] {
        self.jobs.get(job).map_or(&[], Vec::as_slice)
    }

    /// Every job that has series.
    pub(crate) fn job_names(&self) -> impl Iterator<Item = &str> {
        self.jobs.keys().map(String::as_str)
    }

    /// The jobs that a pack fits.
    pub(crate) fn jobs_with(&self, pack: &str) -> Vec<&str> {
        let fits = |found: &[Detection]| found.iter().any(|detection| detection.pack == pack);
        let jobs = self.jobs.iter().filter(|(_, found)| fits(found));
        jobs.map(|(job, _)| job.as_str()).collect()
    }

    pub(crate) fn has_pack(&self, pack: &str) -> bool {
        !self.jobs_with(pack).is_empty()
    }

    pub(crate) fn has_metric(&self, name: &str) -> bool {
        self.metrics.contains(name)
    }
}

/// When a metric was first stored, found by halving the past; at most [`HISTORY`] ago.
fn first_seen(snapshot: &Snapshot, metric: &str, now: Timestamp) -> Timestamp {
    let matchers = [Matcher::equal(METRIC_NAME, metric)];
    let stored = |from, to| {
        let found = snapshot.series(&matchers, from, to, 1);
        found.is_ok_and(|found| !found.items.is_empty())
    };
    let oldest = now.minus(HISTORY);
    let (mut early, mut late) = (oldest, now);
    while late.since(early) > HISTORY_PRECISION {
        let middle = early.plus(late.since(early) / 2);
        if stored(oldest, middle) {
            late = middle;
        } else {
            early = middle;
        }
    }
    late
}
