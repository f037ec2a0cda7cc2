//! Relating: the entity graph, derived from the store again and again (docs/graph.md).
//!
//! One loop asks the queries of all model rules over one snapshot, one after the other on one
//! thread, so a heavy rule holds up the graph and neither alerts nor users' queries. What it
//! derives is published for the API and written as series, from which any past graph is read.

mod ask;
mod past;
pub(crate) mod rules;
pub(crate) mod standing;
pub(crate) mod write;

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use diagnosis::graph::{
    Derivation, EntityId, Graph, Kept, Limits, Locality, Lookup, Note, RuleReport, RuleSource,
    derive, to_samples,
};
use model::{Labels, Timestamp};
use promql::Cancel;
use store::Snapshot;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

pub(crate) use self::past::graph_at;
use self::rules::Rules;
pub(crate) use self::rules::{ModelProblem, read_model_file};
use self::write::SeriesWriter;
use crate::app::App;
use crate::judge::Detections;
use crate::scrape::error_chain;

/// How often the graph is derived anew.
const INTERVAL: Duration = Duration::from_secs(15);

/// While there is no graph: whoever has just started wants to see something.
const INTERVAL_EMPTY: Duration = Duration::from_secs(3);

/// How long what is not seen any more stays in the graph: as long as the engine looks back, so
/// that a target that misses some scrapes never leaves.
const KEEP: Duration = Duration::from_secs(5 * 60);

/// What all queries of one round may take together.
const DEADLINE: Duration = Duration::from_secs(12);

/// A graph and how it came about.
#[derive(Debug, Default)]
pub(crate) struct Related {
    /// `None` before the first round.
    pub(crate) at: Option<Timestamp>,
    pub(crate) graph: Graph,
    pub(crate) notes: Vec<Note>,
    pub(crate) reports: Vec<RuleReport>,
    pub(crate) why: HashMap<EntityId, Vec<(String, Labels)>>,
    pub(crate) sources: Vec<RuleSource>,
    /// Which entity an alert or a series speaks of.
    pub(crate) lookup: Arc<Lookup>,
}

/// The newest graph. Shared by the loop that derives it and the API.
#[derive(Debug, Default)]
pub(crate) struct Relator {
    newest: RwLock<Arc<Related>>,
    reloaded: Notify,
}

/// What a round is made of.
pub(crate) struct Round<'a> {
    pub(crate) snapshot: &'a Snapshot,
    pub(crate) detections: &'a Detections,
    pub(crate) now: Timestamp,
    /// For `rate` and its like.
    pub(crate) window: Duration,
    pub(crate) locality: &'a Locality,
    pub(crate) cancel: &'a Cancel,
}

/// What lasts from round to round.
#[derive(Debug, Default)]
struct Memory {
    rules: Rules,
    kept: Kept,
    writer: SeriesWriter,
    /// Whether the graph of before a start was looked for.
    is_restored: bool,
}

impl Relator {
    pub(crate) fn newest(&self) -> Arc<Related> {
        Arc::clone(&self.newest.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Has the loop read the model files anew.
    pub(crate) fn reload(&self) {
        self.reloaded.notify_one();
    }

    fn publish(&self, related: Related) {
        *self.newest.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(related);
    }

    /// Derives graphs until `cancel`.
    pub(crate) async fn run(app: Arc<App>, hostname: String, cancel: CancellationToken) {
        let locality = Arc::new(Locality { hostname });
        let mut memory = Memory::default();
        loop {
            let pause = if app.relator.newest().graph.is_empty() {
                INTERVAL_EMPTY
            } else {
                INTERVAL
            };
            let is_reload = tokio::select! {
                () = cancel.cancelled() => return,
                () = app.relator.reloaded.notified() => true,
                () = tokio::time::sleep(pause) => false,
            };
            memory.rules.forget_files(is_reload);
            let (stop, relating, place) = (Cancel::new(), Arc::clone(&app), Arc::clone(&locality));
            let guard = stop.clone();
            let mut work = tokio::task::spawn_blocking(move || {
                round(&relating, &mut memory, &place, &stop);
                memory
            });
            let ended = match tokio::time::timeout(DEADLINE, &mut work).await {
                Ok(ended) => ended,
                Err(_) => {
                    warn!("the queries of the model rules took too long and are stopped");
                    guard.cancel();
                    work.await
                }
            };
            memory = match ended {
                Ok(memory) => memory,
                Err(panicked) => {
                    error!(%panicked, "deriving the graph ended");
                    Memory::default()
                }
            };
        }
    }
}

/// One round: asks, derives, writes, publishes. Blocks.
fn round(app: &App, memory: &mut Memory, locality: &Locality, cancel: &Cancel) {
    let (started, now) = (Instant::now(), app.clock.now());
    memory.rules.refresh(app);
    let snapshot = app.store.snapshot();
    if !memory.is_restored {
        memory.is_restored = true;
        restore(memory, &snapshot, now);
    }
    let window = window_of(app);
    let detections = app.judge.detections();
    let round = Round {
        snapshot: &snapshot,
        detections: &detections,
        now,
        window,
        locality,
        cancel,
    };
    let known = app.relator.newest();
    let mut derived = relate(&mut memory.rules, &round, &known.graph);
    if cancel.is_cancelled() {
        // Half a graph would look as if the other half had gone.
        return;
    }
    memory.kept.complete(&mut derived.graph, now, KEEP);
    let samples = to_samples(&derived.graph);
    if let Err(error) = memory.writer.write(&app.store, now, &samples) {
        warn!(error = %error_chain(&error), "the graph is not stored");
    }
    let took = started.elapsed();
    app.metrics
        .related(derived.graph.len(), derived.graph.relations().len(), took);
    app.relator
        .publish(Related::new(derived, &memory.rules, now));
}

/// What was there before a start is there until it was not seen for a while.
fn restore(memory: &mut Memory, snapshot: &Snapshot, now: Timestamp) {
    match past::series_at(snapshot, now) {
        Ok(series) => {
            let read = series.iter().map(|(labels, value)| (labels, *value));
            memory.kept = Kept::from_graph(&diagnosis::graph::from_series(read), now);
            memory
                .writer
                .wrote(series.iter().map(|(labels, _)| labels.clone()));
        }
        Err(error) => warn!(error = %error_chain(&error), "the graph begins anew"),
    }
}

impl Related {
    pub(crate) fn new(derived: Derivation, rules: &Rules, now: Timestamp) -> Self {
        Self {
            at: Some(now),
            graph: derived.graph,
            notes: derived.notes,
            reports: derived.reports,
            why: derived.why,
            sources: rules.sources().iter().map(|s| s.source.clone()).collect(),
            lookup: rules.lookup(),
        }
    }
}

/// Derives the graph of one moment. Pure but for the snapshot that it reads.
pub(crate) fn relate(rules: &mut Rules, round: &Round<'_>, known: &Graph) -> Derivation {
    let asked = rules.questions(round.detections, round.window);
    let answers = ask::all(&asked, round);
    derive(
        rules.sources(),
        &asked,
        &answers,
        known,
        round.locality,
        Limits::default(),
    )
}

/// Four scrapes of whoever is scraped most seldom, so that every rate has its samples; within
/// what a rate of now may look back.
fn window_of(app: &App) -> Duration {
    const WINDOW_MIN: Duration = Duration::from_secs(60);
    const WINDOW_MAX: Duration = Duration::from_secs(5 * 60);
    let targets = app.targets.active();
    let longest = targets.iter().map(|target| target.spec.interval).max();
    (longest.unwrap_or_default() * 4).clamp(WINDOW_MIN, WINDOW_MAX)
}
