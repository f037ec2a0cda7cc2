//! All assertions of all entities: values and alerts in, transitions out.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use model::Timestamp;

use super::changes::{Change, ChangeWatch, Fact};
use super::limits::{Limits, Thresholds};
use super::watch::{Beside, Finding, Turn, Watch};
use super::{
    Assertion, AssertionKey, AssertionOptions, Band, BandOptions, Category, Compared, Expectation,
    Noise, Severity,
};
use crate::graph::EntityKey;
use crate::kpi::{KpiKey, KpiKind, KpiSeries};

/// KPIs that are watched; each takes up to 20 kB once it has weeks of history.
pub const KPIS_MAX: usize = 50_000;

/// Assertions that last are restored from history when they held at its end, not earlier than this.
const RESTORED: Duration = Duration::from_secs(3600);

/// A KPI that was not seen for longer is forgotten: a week knows weekends.
const FORGOTTEN: Duration = Duration::from_secs(8 * 24 * 3600);

/// An alert of a pack or of a user that fires, and what it is about.
#[derive(Clone, Debug, PartialEq)]
pub struct EntityAlert {
    pub entity: EntityKey,
    pub name: String,
    pub category: Category,
    pub severity: Severity,
    /// Since when its expression holds.
    pub active_at: Timestamp,
    pub value: Option<f64>,
    /// Its summary.
    pub sentence: String,
}

/// What became of an assertion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransitionKind {
    Began,
    /// Its severity is another.
    Changed,
    Ended,
}

#[derive(Clone, Debug, PartialEq)]
pub struct AssertionTransition {
    pub kind: TransitionKind,
    pub assertion: Assertion,
}

/// What is usual at one moment, for drawing; `None` where nobody can say.
pub type ReportPoint = (Timestamp, Option<Expectation>);

/// See the module.
#[derive(Debug, Default)]
pub struct Assertions {
    options: AssertionOptions,
    thresholds: Thresholds,
    watches: BTreeMap<KpiKey, Watch>,
    active: BTreeMap<AssertionKey, Assertion>,
    changes: ChangeWatch,
    now: Option<Timestamp>,
    /// KPIs that are not watched since there are too many.
    refused: u64,
}

impl Assertions {
    pub fn new(options: AssertionOptions) -> Self {
        Self {
            options,
            ..Self::default()
        }
    }

    /// Takes a user's thresholds in place of those before.
    pub fn set_thresholds(&mut self, thresholds: Thresholds) {
        for watch in self.watches.values_mut() {
            watch.limits = thresholds.limits(&watch.key.entity, &watch.key.kind);
        }
        self.thresholds = thresholds;
    }

    /// Takes history; nothing is told of it. What held at its end goes on. Request rates should
    /// come before what is judged beside them, as the order of [`KpiKey`] has it.
    pub fn learn(&mut self, series: &KpiSeries) {
        let Some(&(newest, _)) = series.samples.last() else {
            return;
        };
        for &(at, value) in &series.samples {
            let beside = self.beside(&series.key, at, None);
            let options = self.options.clone();
            let Some(watch) = self.watch(&series.key) else {
                return;
            };
            let findings = watch.observe(at, value, beside, &options);
            if newest.since(at) <= RESTORED {
                // History is not news.
                drop(self.take(&series.key, at, findings));
            }
        }
    }

    /// Takes what is known now: each KPI that has a value, and every alert that fires. A KPI
    /// without a value is one that nobody measured: what is known of it stays as it is.
    pub fn observe(
        &mut self,
        now: Timestamp,
        points: &[(KpiKey, f64)],
        alerts: &[EntityAlert],
    ) -> Vec<AssertionTransition> {
        if self.now.is_some_and(|before| now <= before) {
            return Vec::new();
        }
        self.now = Some(now);
        let rates: BTreeMap<&EntityKey, f64> = points
            .iter()
            .filter(|(key, rate)| key.kind == KpiKind::RequestRate && rate.is_finite())
            .map(|(key, rate)| (&key.entity, *rate))
            .collect();
        let mut transitions = Vec::new();
        let options = self.options.clone();
        for (key, value) in points {
            let rate = rates.get(&key.entity).copied();
            let beside = self.beside(key, now, rate);
            let Some(watch) = self.watch(key) else {
                self.refused += 1;
                continue;
            };
            let findings = watch.observe(now, *value, beside, &options);
            transitions.extend(self.take(key, now, findings));
        }
        transitions.extend(self.take_alerts(now, alerts));
        transitions.extend(self.sweep(now));
        transitions
    }

    /// Takes what is known of versions, replicas and starts; what is new becomes an assertion.
    pub fn observe_facts(&mut self, now: Timestamp, facts: &[Fact]) -> Vec<AssertionTransition> {
        let changes = self.changes.observe(now, facts);
        let marked = changes.into_iter().map(|change| self.mark(now, change));
        marked.flatten().collect()
    }

    /// Takes a change that somebody told: a deployment.
    pub fn mark(&mut self, now: Timestamp, change: Change) -> Option<AssertionTransition> {
        let limits = self.thresholds.limits(&change.entity, &KpiKind::Up);
        if limits.is_off("change") || now.since(change.at) > self.options.change_lasts {
            return None;
        }
        let assertion = Assertion {
            key: AssertionKey {
                entity: change.entity,
                name: change.kind.name().to_owned(),
                kpi: None,
            },
            category: Category::Amend,
            severity: Severity::Info,
            since: now.max(change.at),
            onset: change.at,
            end: None,
            compared: None,
            sentence: change.sentence,
        };
        self.active.insert(assertion.key.clone(), assertion.clone());
        Some(AssertionTransition {
            kind: TransitionKind::Began,
            assertion,
        })
    }

    /// Those that last, by entity and name.
    pub fn active(&self) -> impl ExactSizeIterator<Item = &Assertion> {
        self.active.values()
    }

    /// The limits that a KPI is held to.
    pub fn limits(&self, key: &KpiKey) -> Limits {
        self.thresholds.limits(&key.entity, &key.kind)
    }

    /// The newest moment at which a KPI was judged.
    pub fn last(&self, key: &KpiKey) -> Option<Timestamp> {
        self.watches.get(key)?.last
    }

    /// KPIs that came when as many as [`KPIS_MAX`] were watched, each time they came.
    pub fn refused(&self) -> u64 {
        self.refused
    }

    /// What was usual at each time of `series` from `from` on, learned anew from what is before.
    pub fn report(&self, series: &KpiSeries, from: Timestamp) -> Vec<ReportPoint> {
        let noise = match series.key.kind {
            KpiKind::RequestRate => Noise::Counted,
            _ => Noise::Relative,
        };
        let mut band = Band::new(BandOptions {
            noise,
            ..self.options.band
        });
        let mut report = Vec::new();
        for &(at, value) in &series.samples {
            if at >= from {
                report.push((at, band.expect(at).ok()));
            }
            band.observe(at, value);
        }
        report
    }

    fn watch(&mut self, key: &KpiKey) -> Option<&mut Watch> {
        if !self.watches.contains_key(key) {
            if self.watches.len() >= KPIS_MAX {
                return None;
            }
            let limits = self.thresholds.limits(&key.entity, &key.kind);
            let watch = Watch::new(key.clone(), limits, &self.options);
            self.watches.insert(key.clone(), watch);
        }
        self.watches.get_mut(key)
    }

    fn beside(&self, key: &KpiKey, at: Timestamp, rate: Option<f64>) -> Beside {
        let known = || {
            let key = KpiKey {
                entity: key.entity.clone(),
                kind: KpiKind::RequestRate,
            };
            self.watches.get(&key)?.tail.value_at(at)
        };
        Beside {
            rate: rate.or_else(known),
        }
    }

    /// What one KPI's findings make of its assertions.
    fn take(
        &mut self,
        kpi: &KpiKey,
        at: Timestamp,
        findings: Vec<Finding>,
    ) -> Vec<AssertionTransition> {
        let mut transitions = Vec::new();
        for finding in findings {
            let key = AssertionKey {
                entity: kpi.entity.clone(),
                name: finding.name.to_owned(),
                kpi: Some(kpi.kind.clone()),
            };
            if !finding.is_active {
                transitions.extend(self.end(&key, at));
                continue;
            }
            let onset = match finding.turn {
                Turn::At(onset) => onset.min(at),
                Turn::Rise | Turn::Fall => {
                    let rises = finding.turn == Turn::Rise;
                    let watch = self.watches.get(kpi);
                    watch.map_or(at, |watch| watch.tail.onset(at, rises))
                }
            };
            transitions.extend(self.put(Assertion {
                key,
                category: finding.category,
                severity: finding.severity,
                since: at,
                onset,
                end: None,
                compared: Some(finding.compared),
                sentence: finding.sentence,
            }));
        }
        transitions
    }

    fn take_alerts(&mut self, now: Timestamp, alerts: &[EntityAlert]) -> Vec<AssertionTransition> {
        let mut transitions = Vec::new();
        let mut firing = BTreeSet::new();
        for alert in alerts {
            let key = AssertionKey {
                entity: alert.entity.clone(),
                name: alert.name.clone(),
                kpi: None,
            };
            let limits = self.thresholds.limits(&alert.entity, &KpiKind::Up);
            if limits.is_off("all") {
                continue;
            }
            firing.insert(key.clone());
            let compared = alert.value.filter(|value| value.is_finite());
            transitions.extend(self.put(Assertion {
                key,
                category: alert.category,
                severity: alert.severity,
                since: now,
                onset: alert.active_at.min(now),
                end: None,
                compared: compared.map(|value| Compared {
                    value,
                    usual: None,
                    limit: None,
                    deviation: 0.0,
                }),
                sentence: alert.sentence.clone(),
            }));
        }
        let is_over = |assertion: &&Assertion| {
            let key = &assertion.key;
            key.kpi.is_none() && assertion.category != Category::Amend && !firing.contains(key)
        };
        let over = self.active.values().filter(is_over);
        let over: Vec<AssertionKey> = over.map(|assertion| assertion.key.clone()).collect();
        transitions.extend(over.iter().filter_map(|key| self.end(key, now)));
        transitions
    }

    /// Changes end by themselves, and so does what nobody measures any more.
    fn sweep(&mut self, now: Timestamp) -> Vec<AssertionTransition> {
        let is_over = |assertion: &Assertion| match &assertion.key.kpi {
            None if assertion.category == Category::Amend => {
                now.since(assertion.onset) > self.options.change_lasts
            }
            None => false,
            Some(kind) => {
                let key = KpiKey {
                    entity: assertion.key.entity.clone(),
                    kind: kind.clone(),
                };
                let last = self.watches.get(&key).and_then(|watch| watch.last);
                last.is_none_or(|last| now.since(last) > self.options.unseen_max)
            }
        };
        let over = self.active.values().filter(|assertion| is_over(assertion));
        let over: Vec<AssertionKey> = over.map(|assertion| assertion.key.clone()).collect();
        self.watches
            .retain(|_, watch| watch.last.is_none_or(|last| now.since(last) <= FORGOTTEN));
        over.iter().filter_map(|key| self.end(key, now)).collect()
    }

    /// Begins it, or brings what is known of it up to date.
    fn put(&mut self, assertion: Assertion) -> Option<AssertionTransition> {
        let kind = match self.active.get_mut(&assertion.key) {
            None => TransitionKind::Began,
            Some(known) => {
                let is_changed = known.severity != assertion.severity;
                *known = Assertion {
                    since: known.since,
                    onset: known.onset,
                    ..assertion.clone()
                };
                let changed = AssertionTransition {
                    kind: TransitionKind::Changed,
                    assertion: known.clone(),
                };
                return is_changed.then_some(changed);
            }
        };
        self.active.insert(assertion.key.clone(), assertion.clone());
        Some(AssertionTransition { kind, assertion })
    }

    fn end(&mut self, key: &AssertionKey, now: Timestamp) -> Option<AssertionTransition> {
        let mut assertion = self.active.remove(key)?;
        assertion.end = Some(now);
        Some(AssertionTransition {
            kind: TransitionKind::Ended,
            assertion,
        })
    }
}
