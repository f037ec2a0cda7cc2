//! What every part of the running server shares.

use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use model::Timestamp;
use store::Store;
use tokio::sync::mpsc;

use crate::assertions::Asserter;
use crate::clock::Clock;
use crate::config::Config;
use crate::edits::Edits;
use crate::incidents::IncidentKeeper;
use crate::judge::{Judge, PackSources};
use crate::kpis::Kpis;
use crate::notify::Notifier;
use crate::objectives::Objectives;
use crate::query::QueryEngine;
use crate::relate::Relator;
use crate::self_metrics::SelfMetrics;
use crate::targets::Targets;

/// The running server. Handlers and tasks hold it in an `Arc`.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) store: Store,
    pub(crate) targets: Arc<Targets>,
    pub(crate) queries: QueryEngine,
    pub(crate) judge: Judge,
    pub(crate) relator: Relator,
    pub(crate) asserter: Asserter,
    pub(crate) kpis: Kpis,
    /// What people changed by the API.
    pub(crate) edits: Edits,
    pub(crate) notifier: Arc<Notifier>,
    pub(crate) objectives: Objectives,
    pub(crate) incidents: IncidentKeeper,
    pub(crate) clock: Clock,
    pub(crate) metrics: Arc<SelfMetrics>,
    pub(crate) settings: Settings,
    pub(crate) started: Timestamp,
    /// Requests to read the configuration anew; each is answered by what came of it.
    pub(crate) reloads: mpsc::Sender<ReloadRequest>,
    config: RwLock<Arc<Config>>,
}

/// What the command line decided.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) data_dir: PathBuf,
    pub(crate) retention: Duration,
    /// Where people reach this server; links in alerts begin with it.
    pub(crate) external_url: String,
    /// Of announced process groups.
    pub(crate) scrape_interval: Duration,
    /// Whether the curated packs are judged.
    pub(crate) packs: bool,
    pub(crate) pack_sources: PackSources,
    /// What users say of limits.
    pub(crate) thresholds: Option<PathBuf>,
    /// Model rules of the user.
    pub(crate) model_files: Vec<PathBuf>,
    /// Files and folders with objectives that only their files change.
    pub(crate) objective_files: Vec<PathBuf>,
    /// A file with mappings of metrics.
    pub(crate) mappings: Option<PathBuf>,
    /// For `status/flags`: name without dashes, value as given or the default.
    pub(crate) flags: Vec<(&'static str, String)>,
}

/// Asks for a reload; the answer is the error's text when the old configuration stays.
pub(crate) type ReloadRequest = tokio::sync::oneshot::Sender<Result<(), String>>;

/// Requests for a reload that may wait; further ones are refused.
pub(crate) const RELOAD_REQUESTS_MAX: usize = 4;

impl App {
    #[allow(
        clippy::too_many_arguments,
        reason = "each is one part, set once at the start"
    )]
    pub(crate) fn new(
        store: Store,
        targets: Arc<Targets>,
        config: Arc<Config>,
        notifier: Notifier,
        edits: Edits,
        clock: Clock,
        metrics: Arc<SelfMetrics>,
        settings: Settings,
        reloads: mpsc::Sender<ReloadRequest>,
    ) -> Self {
        Self {
            queries: QueryEngine::new(store.clone(), Arc::clone(&metrics)),
            store,
            targets,
            judge: Judge::new(),
            relator: Relator::default(),
            asserter: Asserter::default(),
            kpis: Kpis::new(settings.mappings.clone()),
            edits,
            notifier: Arc::new(notifier),
            objectives: Objectives::new(&settings.data_dir, settings.objective_files.clone()),
            incidents: IncidentKeeper::new(&settings.data_dir),
            clock,
            metrics,
            settings,
            started: clock.now(),
            reloads,
            config: RwLock::new(config),
        }
    }

    /// The configuration in force.
    pub(crate) fn config(&self) -> Arc<Config> {
        Arc::clone(&self.config.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn set_config(&self, config: Arc<Config>) {
        *self.config.write().unwrap_or_else(PoisonError::into_inner) = config;
    }
}
