//! Which services have the metrics that a pack's rules read, and so what the rules can say there.

use std::collections::{BTreeMap, BTreeSet};

use diagnosis::pack::{Pack, Readiness};
use diagnosis::rules::{Alerting, Rule};
use model::{Labels, METRIC_NAME, Matcher, Timestamp};
use store::{Snapshot, StoreError};

use crate::judge::Detections;

/// Services of one metric; beyond, the others count as without it.
const JOBS_MAX: usize = 10_000;

/// By metric, the jobs that have it.
#[derive(Debug, Default)]
pub(crate) struct Coverage(BTreeMap<String, BTreeSet<String>>);

/// An alert with the rules that judge it: one, or several where users tuned it for some series.
#[derive(Clone, Debug)]
pub(super) struct PackAlert<'a> {
    pub(super) alerting: &'a Alerting,
    pub(super) rules: Vec<&'a Rule>,
}

/// How an alert stands for one service.
#[derive(Debug, PartialEq)]
pub(crate) enum Standing {
    Armed,
    /// The past is too short before this time that it compares with.
    NeedsData(Timestamp),
    /// What is missing.
    NotEvaluable(String),
    /// A user switched it off for this service.
    Off,
}

/// The alerts of a pack, each once, in the order of its file.
pub(super) fn alerts_of(pack: &Pack) -> Vec<PackAlert<'_>> {
    let mut alerts: Vec<PackAlert<'_>> = Vec::new();
    for rule in pack.groups.iter().flat_map(|group| &group.rules) {
        let Some(alerting) = rule.alerting() else {
            continue;
        };
        let known = alerts.iter_mut().find(|a| a.alerting.name == alerting.name);
        match known {
            Some(alert) => alert.rules.push(rule),
            None => alerts.push(PackAlert {
                alerting,
                rules: vec![rule],
            }),
        }
    }
    alerts
}

impl<'a> PackAlert<'a> {
    /// The rule that says what the alert is like in general.
    pub(super) fn rule(&self) -> &'a Rule {
        self.rules[0]
    }

    /// The rule that judges a job as a whole; `None` where it is switched off.
    fn rule_for(&self, job: &str) -> Option<&'a Rule> {
        let labels = Labels::new([("job", job)]).expect("one label");
        self.rules
            .iter()
            .copied()
            .find(|rule| rule.judged.has(&labels))
    }
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

    pub(super) fn standing(
        &self,
        detections: &Detections,
        pack: &Pack,
        alert: &PackAlert<'_>,
        job: &str,
    ) -> Standing {
        let Some(rule) = alert.rule_for(job) else {
            return Standing::Off;
        };
        let exists = |metric: &str| self.0.get(metric).is_some_and(|jobs| jobs.contains(job));
        let (since, now) = (detections.pack_since(&pack.id), detections.looked_at());
        match pack.readiness(rule, &exists, since, now) {
            Readiness::Armed => Standing::Armed,
            Readiness::NeedsData { until } => Standing::NeedsData(until),
            Readiness::NotEvaluable(reason) => Standing::NotEvaluable(reason),
        }
    }
}
