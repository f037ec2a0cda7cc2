//! Which services have the metrics that a pack's rules read, and so what the rules can say there.

use std::collections::{BTreeMap, BTreeSet};

use diagnosis::pack::Pack;
use diagnosis::rules::Rule;
use model::{METRIC_NAME, Matcher, Timestamp};
use store::{Snapshot, StoreError};

use crate::judge::Detections;

/// Services of one metric; beyond, the others count as without it.
const JOBS_MAX: usize = 10_000;

/// By metric, the jobs that have it.
#[derive(Debug, Default)]
pub(crate) struct Coverage(BTreeMap<String, BTreeSet<String>>);

/// How an alert stands for one service.
#[derive(Debug, PartialEq)]
pub(crate) enum Standing {
    Armed,
    /// What is missing.
    NotEvaluable(String),
}

impl Coverage {
    /// Looks for the metrics of all rules of the packs that were found anywhere: one look-up a
    /// metric, whatever the number of services.
    pub(crate) fn find<'a>(
        packs: impl Iterator<Item = &'a Pack>,
        detections: &Detections,
        snapshot: &Snapshot,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Self, StoreError> {
        let mut jobs = BTreeMap::new();
        for pack in packs.filter(|pack| detections.has_pack(&pack.id)) {
            let rules = pack.groups.iter().flat_map(|group| &group.rules);
            for metric in rules.flat_map(Rule::metrics) {
                if jobs.contains_key(metric) {
                    continue;
                }
                let matchers = [Matcher::equal(METRIC_NAME, metric)];
                let found = snapshot.label_values("job", &matchers, from, to, JOBS_MAX)?;
                jobs.insert(metric.to_owned(), found.items.into_iter().collect());
            }
        }
        Ok(Self(jobs))
    }

    pub(super) fn standing(&self, pack: &Pack, rule: &Rule, job: &str) -> Standing {
        let exists = |metric: &str| self.0.get(metric).is_some_and(|jobs| jobs.contains(job));
        match pack.not_evaluable(rule, &exists) {
            None => Standing::Armed,
            Some(reason) => Standing::NotEvaluable(reason),
        }
    }
}
