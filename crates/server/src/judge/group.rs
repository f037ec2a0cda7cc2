//! One rule group: its schedule, one evaluation with what it writes, and what the API shows.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use diagnosis::rules::{
    Alert, GroupOptions, GroupState, Health, PostableAlert, RESTORE_OUTAGE_MAX, Rule, RuleGroup,
    RuleState, Transition, TransitionKind,
};
use model::{Labels, MatchOp, Matcher, Sample, Timestamp, is_stale};
use promql::{EvalOptions, Expr};
use store::{GroupId, SeriesId, Store, StoreError};
use tracing::{info, warn};

use super::load::LoadedGroup;
use crate::scrape::error_chain;
use crate::self_metrics::GroupGauges;

/// Samples of alerts read at a start: an hour of 3,000 alerts, evaluated every five seconds.
const RESTORE_SAMPLES_MAX: usize = 5_000_000;

/// A group that is judged.
#[derive(Debug)]
pub(crate) struct JudgedGroup {
    pub(crate) file: String,
    /// The pack that brought it.
    pub(crate) pack: Option<String>,
    pub(crate) interval: Duration,
    options: GroupOptions,
    group: RuleGroup,
    /// Whether there is anything to judge. A pack's group waits until the pack was detected and
    /// stays from then on, so that its alerts can end.
    armed: AtomicBool,
    /// Locked for a whole evaluation; the API reads `report`.
    evaluator: Mutex<Evaluator>,
    report: RwLock<Arc<GroupReport>>,
}

#[derive(Debug)]
struct Evaluator {
    state: GroupState,
    /// The store's names for what this group writes.
    series: HashMap<Labels, SeriesId>,
}

/// How the newest evaluation of a group went.
#[derive(Clone, Debug, Default)]
pub(crate) struct GroupReport {
    pub(crate) evaluated_at: Option<Timestamp>,
    pub(crate) took: Duration,
    /// Rules evaluated since the start, how many of them failed, and rounds that never began.
    pub(crate) evaluations: u64,
    pub(crate) failures: u64,
    pub(crate) missed: u64,
    /// As many as the group has rules.
    pub(crate) rules: Vec<RuleReport>,
}

/// How the newest evaluation of a rule went.
#[derive(Clone, Debug, Default)]
pub(crate) struct RuleReport {
    /// Prometheus's word: `ok`, `err`, `unknown`.
    pub(crate) health: &'static str,
    pub(crate) last_error: Option<String>,
    pub(crate) evaluated_at: Option<Timestamp>,
    pub(crate) took: Duration,
    /// `firing`, `pending` or `inactive`.
    pub(crate) worst: &'static str,
    pub(crate) alerts: Vec<Alert>,
}

impl JudgedGroup {
    pub(crate) fn new(loaded: LoadedGroup, options: GroupOptions) -> Self {
        let LoadedGroup { file, pack, group } = loaded;
        let state = GroupState::new(group.clone(), options.clone());
        Self {
            armed: AtomicBool::new(pack.is_none()),
            report: RwLock::new(Arc::new(GroupReport::of(&state))),
            evaluator: Mutex::new(Evaluator {
                state,
                series: HashMap::new(),
            }),
            file,
            pack,
            interval: group.interval.unwrap_or(options.interval),
            options,
            group,
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.group.name
    }

    pub(crate) fn limit(&self) -> Option<usize> {
        self.group.limit
    }

    /// Each rule with how it went last.
    pub(crate) fn rules<'a>(
        &'a self,
        report: &'a GroupReport,
    ) -> impl Iterator<Item = (&'a Rule, &'a RuleReport)> {
        self.group.rules.iter().zip(&report.rules)
    }

    pub(crate) fn all_rules(&self) -> &[Rule] {
        &self.group.rules
    }

    /// Whether a group that was read anew is this one.
    pub(crate) fn is(&self, loaded: &LoadedGroup, options: &GroupOptions) -> bool {
        self.file == loaded.file && self.group == loaded.group && self.options == *options
    }

    pub(crate) fn arm(&self) {
        self.armed.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_armed(&self) -> bool {
        self.armed.load(Ordering::Relaxed)
    }

    pub(crate) fn report(&self) -> Arc<GroupReport> {
        Arc::clone(&self.report.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn due_after(&self, now: Timestamp) -> Timestamp {
        super::schedule::due_after(now, self.interval, self.key().fingerprint().0)
    }

    /// What tells this group from others, in every process and version.
    pub(crate) fn key(&self) -> Labels {
        let pairs = [("file", self.file.as_str()), ("name", self.name())];
        Labels::new(pairs).expect("two names that differ")
    }

    /// Takes over the alerts of before a restart.
    pub(crate) fn restore(&self, store: &Store, now: Timestamp, options: &EvalOptions) {
        let alerts = self
            .group
            .rules
            .iter()
            .filter(|rule| rule.alerting().is_some());
        let names: Vec<String> = alerts.map(|rule| regex::escape(rule.name())).collect();
        let matchers = [
            Matcher::new(MatchOp::Matches, "__name__", "ALERTS|ALERTS_FOR_STATE"),
            Matcher::new(MatchOp::Matches, "alertname", names.join("|")),
        ];
        let matchers: Result<Vec<Matcher>, _> = matchers.into_iter().collect();
        let Ok(matchers) = matchers else {
            return; // A regex of escaped names beyond the engine's size; alerts start anew.
        };
        let from = now.minus(RESTORE_OUTAGE_MAX);
        let columns = match store
            .snapshot()
            .select(&matchers, from, now, RESTORE_SAMPLES_MAX)
        {
            Ok(columns) => columns,
            Err(error) => {
                warn!(group = self.name(), error = %error_chain(&error), "alerts start anew");
                return;
            }
        };
        let newest = columns.into_iter().filter_map(|column| {
            let sample = Sample {
                timestamp: *column.timestamps.last()?,
                value: *column.values.last()?,
            };
            Some((column.labels, sample)).filter(|_| !is_stale(sample.value))
        });
        let newest: Vec<(Labels, Sample)> = newest.collect();
        let mut evaluator = self
            .evaluator
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let snapshot = store.snapshot();
        let mut query =
            |expr: &Expr, at: Timestamp| promql::eval_instant(&snapshot, expr, at, options);
        evaluator.state.restore(&newest, now, &mut query);
    }

    /// The wall clock jumped.
    pub(crate) fn clock_moved(&self, by_ms: i64) {
        let mut evaluator = self
            .evaluator
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        evaluator.state.clock_moved(by_ms);
    }

    /// Evaluates all rules at `now`, writes what they yield and publishes how it went. The answer
    /// is what a notifier must hear now. Blocks.
    pub(crate) fn evaluate(
        &self,
        store: &Store,
        now: Timestamp,
        options: &EvalOptions,
    ) -> Vec<PostableAlert> {
        let started = Instant::now();
        let mut evaluator = self
            .evaluator
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let Evaluator { state, series } = &mut *evaluator;
        let group = store.group(&format!("rules/{};{}", self.file, self.name()));
        let mut writer = Writer {
            store,
            group,
            series,
        };
        let mut postable = Vec::new();
        for index in 0..self.group.rules.len() {
            let started = Instant::now();
            // A rule sees what the rules before it wrote.
            let snapshot = store.snapshot();
            let mut query =
                |expr: &Expr, at: Timestamp| promql::eval_instant(&snapshot, expr, at, options);
            let outcome = state.evaluate(index, now, &mut query);
            outcome.transitions.iter().for_each(log);
            self.write(&mut writer, outcome.at, &outcome.samples);
            state.set_took(index, started.elapsed());
            postable.extend(outcome.postable);
        }
        let ended = state.end_round();
        self.write(&mut writer, now.minus(self.group.query_offset), &ended);
        let before = self.report();
        let mut report = GroupReport::of(state);
        let failed = report.rules.iter().filter(|rule| rule.health == "err");
        report.failures = before.failures + failed.count() as u64;
        report.evaluations = before.evaluations + report.rules.len() as u64;
        report.missed = before.missed + self.missed_between(before.evaluated_at, now);
        report.evaluated_at = Some(now);
        report.took = started.elapsed();
        *self.report.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(report);
        postable
    }

    /// Rounds that were due after `last` and before `now`.
    fn missed_between(&self, last: Option<Timestamp>, now: Timestamp) -> u64 {
        let waited = last.map_or(Duration::ZERO, |last| now.since(last));
        let rounds = waited.as_millis() / self.interval.as_millis().max(1);
        u64::try_from(rounds).unwrap_or(u64::MAX).saturating_sub(1)
    }

    /// What the server shows of this group at its own `/metrics`.
    pub(crate) fn gauges(&self) -> GroupGauges {
        let report = self.report();
        GroupGauges {
            file: self.file.clone(),
            name: self.name().to_owned(),
            rules: self.group.rules.len(),
            interval: self.interval,
            evaluations: report.evaluations,
            failures: report.failures,
            missed: report.missed,
            evaluated_at: report.evaluated_at,
            took: report.took,
        }
    }

    fn write(&self, writer: &mut Writer<'_>, at: Timestamp, samples: &[(Labels, f64)]) {
        if let Err(error) = writer.write(at, samples) {
            warn!(group = self.name(), error = %error_chain(&error), "rule results are not stored");
        }
    }
}

/// Appends one group's samples.
struct Writer<'a> {
    store: &'a Store,
    group: GroupId,
    series: &'a mut HashMap<Labels, SeriesId>,
}

impl Writer<'_> {
    fn write(&mut self, at: Timestamp, samples: &[(Labels, f64)]) -> Result<(), StoreError> {
        if samples.is_empty() {
            return Ok(());
        }
        let batch = self.resolve(samples)?;
        let appended = self.store.append(self.group, at, &batch)?;
        if appended.unknown > 0 {
            // The store forgot series that were silent for all of retention.
            self.series.clear();
            let batch = self.resolve(samples)?;
            self.store.append(self.group, at, &batch)?;
        }
        for (labels, _) in samples.iter().filter(|(_, value)| is_stale(*value)) {
            self.series.remove(labels);
        }
        Ok(())
    }

    fn resolve(&mut self, samples: &[(Labels, f64)]) -> Result<Vec<(SeriesId, f64)>, StoreError> {
        let mut batch = Vec::with_capacity(samples.len());
        for (labels, value) in samples {
            let id = match self.series.get(labels) {
                Some(id) => *id,
                None => {
                    let id = self.store.resolve(self.group, labels)?;
                    self.series.insert(labels.clone(), id);
                    id
                }
            };
            batch.push((id, *value));
        }
        Ok(batch)
    }
}

fn log(transition: &Transition) {
    let alert = &transition.alert;
    let summary = alert.annotations.iter().find(|(name, _)| name == "summary");
    let summary = summary.map_or("", |(_, text)| text.as_str());
    match transition.kind {
        TransitionKind::Firing => warn!(alert = %alert.labels, summary, "alert fires"),
        TransitionKind::Resolved => info!(alert = %alert.labels, summary, "alert is over"),
        TransitionKind::Pending | TransitionKind::Cleared => {}
    }
}

impl GroupReport {
    fn of(state: &GroupState) -> Self {
        let rules = state.rules().map(|(_, rule)| RuleReport::of(rule));
        Self {
            rules: rules.collect(),
            ..Self::default()
        }
    }
}

impl RuleReport {
    fn of(state: &RuleState) -> Self {
        let (health, last_error) = match &state.health {
            Health::Unknown => ("unknown", None),
            Health::Ok => ("ok", None),
            Health::Failed(error) => ("err", Some(error_chain(error))),
        };
        Self {
            health,
            last_error,
            evaluated_at: state.evaluated_at,
            took: state.took,
            worst: state.worst(),
            alerts: state.alerts().cloned().collect(),
        }
    }
}
