//! Asserting: what is not as it should be with an entity, found again and again from the KPIs that
//! were written, from alerts that fire and from what the graph says of versions and instances
//! (docs/assertions.md).
//!
//! One loop, one round in 15 s. What is learned lives in memory and is learned anew from the store
//! at a start; what lasts is written as series. Nobody is told of an assertion here.

pub(crate) mod change;
mod facts;
mod series;

use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use diagnosis::assertion::{
    Assertion, AssertionOptions, AssertionTransition, Assertions, Category, EntityAlert,
    Thresholds, TransitionKind,
};
use diagnosis::kpi::KpiSeries;
use model::Timestamp;
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

pub(crate) use self::change::{TOLD_MAX, ToldChange, told_changes};
pub(crate) use self::series::{Lasted, kpi_labels, lasted};
use crate::app::App;
use crate::config::read_file;
use crate::relate::standing::of_alerts;
use crate::relate::write::SeriesWriter;
use crate::scrape::error_chain;

const INTERVAL: Duration = Duration::from_secs(15);

/// What bands and limits are learned from at a start: four weeks, one value in five minutes…
const LEARNED: Duration = Duration::from_secs(28 * 24 * 3600);
const LEARNED_STEP: Duration = Duration::from_secs(300);

/// …and the last hour as it was, so that what lasted goes on.
const LEARNED_WHOLE: Duration = Duration::from_secs(3600);

/// Without values for this long there is a round of alerts alone.
const KPIS_LATE: Duration = Duration::from_secs(45);

/// Assertions that are over and are kept with their sentences; older ones are in the store.
const OVER_MAX: usize = 1_000;

/// What is found, for the API.
#[derive(Debug, Default)]
pub(crate) struct Asserted {
    pub(crate) lasting: Vec<Assertion>,
    /// Newest last.
    pub(crate) over: VecDeque<Assertion>,
}

/// Shared by the loop and the API.
#[derive(Debug, Default)]
pub(crate) struct Asserter {
    newest: RwLock<Arc<Asserted>>,
    /// Changes that somebody told and the loop has not taken yet.
    told: Mutex<Vec<ToldChange>>,
}

/// What lasts from round to round.
#[derive(Debug)]
struct Memory {
    assertions: Assertions,
    thresholds: ReadThresholds,
    /// Up to when KPIs were taken; `None` before the history was learned.
    taken: Option<Timestamp>,
    over: VecDeque<Assertion>,
    lasting: SeriesWriter,
    changes: SeriesWriter,
}

/// The thresholds as they were read last.
#[derive(Debug, Default)]
struct ReadThresholds {
    text: String,
}

/// What is wrong with a file of thresholds.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ThresholdsProblem {
    #[error("cannot read {}: {source}", path.display())]
    Io {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("{}, {problem}", path.display())]
    Invalid {
        path: PathBuf,
        problem: diagnosis::Problem,
    },
}

/// Reads a file; what of it can be used, and what is wrong with the rest.
pub(crate) fn read_thresholds(path: &Path) -> (Thresholds, Vec<ThresholdsProblem>) {
    let path_buf = path.to_owned();
    let text = match read_file(path) {
        Ok(text) => text,
        Err(source) => {
            let path = path_buf;
            return (
                Thresholds::default(),
                vec![ThresholdsProblem::Io { path, source }],
            );
        }
    };
    let (thresholds, problems) = Thresholds::read(&text);
    let placed = problems
        .into_iter()
        .map(|problem| ThresholdsProblem::Invalid {
            path: path_buf.clone(),
            problem,
        });
    (thresholds, placed.collect())
}

impl Asserter {
    pub(crate) fn newest(&self) -> Arc<Asserted> {
        Arc::clone(&self.newest.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes a change for the next round; `false` when too many wait.
    pub(crate) fn tell(&self, change: ToldChange) -> bool {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let has_place = told.len() < TOLD_MAX;
        if has_place {
            told.push(change);
        }
        has_place
    }

    fn told(&self) -> Vec<ToldChange> {
        std::mem::take(&mut self.told.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn publish(&self, asserted: Asserted) {
        *self.newest.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(asserted);
    }

    /// Looks every 15 s until `cancel`.
    pub(crate) async fn run(app: Arc<App>, cancel: CancellationToken) {
        let mut memory = Memory::new();
        let mut ticks = tokio::time::interval(INTERVAL);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = cancel.cancelled() => return,
                _ = ticks.tick() => {}
            }
            let asserting = Arc::clone(&app);
            let work = tokio::task::spawn_blocking(move || {
                memory.round(&asserting, asserting.clock.now());
                memory
            });
            memory = match work.await {
                Ok(memory) => memory,
                Err(panicked) => {
                    error!(%panicked, "judging KPIs ended, it begins anew");
                    Memory::new()
                }
            };
        }
    }
}

impl Memory {
    fn new() -> Self {
        Self {
            assertions: Assertions::new(AssertionOptions::default()),
            thresholds: ReadThresholds::default(),
            taken: None,
            over: VecDeque::new(),
            lasting: SeriesWriter::of("assertions"),
            changes: SeriesWriter::of("changes"),
        }
    }

    /// One round: learns at first, judges, writes, publishes. Blocks.
    fn round(&mut self, app: &App, now: Timestamp) {
        self.read_thresholds(app.settings.thresholds.as_deref());
        let snapshot = app.store.snapshot();
        let taken = match self.taken {
            Some(taken) => taken,
            None => {
                let sources = crate::kpis::sources(app);
                let history = |from: Timestamp, to: Timestamp, step: Duration| {
                    crate::kpis::history(&sources, &snapshot, from, to, step)
                };
                self.learn(now, &history)
            }
        };
        let alerts = alerts(app);
        let mut rounds: BTreeMap<Timestamp, Vec<_>> = BTreeMap::new();
        match series::kpis(&snapshot, taken.plus_millis(1), now) {
            Ok(kpis) => {
                for kpi in kpis {
                    for (at, value) in kpi.samples {
                        rounds.entry(at).or_default().push((kpi.key.clone(), value));
                    }
                }
            }
            Err(error) => warn!(error = %error_chain(&error), "KPIs cannot be read"),
        }
        if rounds.is_empty() && now.since(taken) >= KPIS_LATE {
            // KPIs of a moment are written a little after it: leave them their place.
            rounds.insert(now.minus(INTERVAL), Vec::new());
        }
        let mut transitions = Vec::new();
        for (at, points) in rounds {
            transitions.extend(self.assertions.observe(at, &points, &alerts));
            self.taken = Some(at);
        }
        let facts = facts::facts(app, &snapshot, now);
        transitions.extend(self.assertions.observe_facts(now, &facts));
        let told = app.asserter.told();
        let marks = told.iter().map(|told| told.change(now));
        for mark in marks {
            transitions.extend(self.assertions.mark(now, mark));
        }
        self.write(app, now, &transitions, &told);
        self.finish(transitions);
        app.asserter.publish(Asserted {
            lasting: self.assertions.active().cloned().collect(),
            over: self.over.clone(),
        });
    }

    /// Learns what KPIs usually are; up to when. `history` gives them from one moment to another,
    /// one in a step, also of before they were written.
    fn learn(
        &mut self,
        now: Timestamp,
        history: &dyn Fn(Timestamp, Timestamp, Duration) -> Vec<KpiSeries>,
    ) -> Timestamp {
        let recent = now.minus(LEARNED_WHOLE);
        for (from, to, step) in [
            (now.minus(LEARNED), recent, LEARNED_STEP),
            (recent.plus_millis(1), now, INTERVAL),
        ] {
            let mut kpis = history(from, to, step);
            // The order of the keys: rates come before what is judged beside them.
            kpis.sort_by(|a, b| a.key.cmp(&b.key));
            for kpi in &kpis {
                self.assertions.learn(kpi);
            }
        }
        self.taken = Some(now);
        now
    }

    /// Blocks on the file. A file that cannot be read changes nothing.
    fn read_thresholds(&mut self, path: Option<&Path>) {
        let Some(text) = path.and_then(|path| read_file(path).ok()) else {
            return;
        };
        if text == self.thresholds.text {
            return;
        }
        let (thresholds, problems) = Thresholds::read(&text);
        for problem in &problems {
            error!(%problem, "a threshold cannot be used");
        }
        self.assertions.set_thresholds(thresholds);
        self.thresholds.text = text;
    }

    fn write(
        &mut self,
        app: &App,
        now: Timestamp,
        transitions: &[AssertionTransition],
        told: &[ToldChange],
    ) {
        let lasting: Vec<_> = self.assertions.active().map(series::sample).collect();
        if let Err(error) = self.lasting.write(&app.store, now, &lasting) {
            warn!(error = %error_chain(&error), "assertions are not stored");
        }
        let began = transitions.iter().filter(|transition| {
            let is_change = transition.assertion.category == Category::Amend;
            is_change && transition.kind == TransitionKind::Began
        });
        let deploy = diagnosis::assertion::ChangeKind::Deploy.name();
        let found = began
            .map(|transition| &transition.assertion)
            .filter(|assertion| assertion.key.name != deploy)
            .map(change::found);
        let changes: Vec<_> = found.chain(told.iter().map(ToldChange::sample)).collect();
        if let Err(error) = self.changes.write(&app.store, now, &changes) {
            warn!(error = %error_chain(&error), "changes are not stored");
        }
    }

    fn finish(&mut self, transitions: Vec<AssertionTransition>) {
        for transition in transitions {
            if transition.kind == TransitionKind::Ended {
                if self.over.len() >= OVER_MAX {
                    self.over.pop_front();
                }
                self.over.push_back(transition.assertion);
            }
        }
    }
}

/// Every alert that fires and speaks of an entity.
fn alerts(app: &App) -> Vec<EntityAlert> {
    let related = app.relator.newest();
    let firing = of_alerts(&related.graph, &related.lookup, &app.judge.alerts());
    let alert = |assertion: Assertion| EntityAlert {
        entity: assertion.key.entity,
        name: assertion.key.name,
        category: assertion.category,
        severity: assertion.severity,
        active_at: assertion.onset,
        value: None,
        sentence: assertion.sentence,
    };
    firing.into_iter().map(alert).collect()
}

#[cfg(test)]
mod tests;
