//! KPIs: every 15 s all queries of detected packs and of users' mappings, once for all entities.
//!
//! What a round found is told to whoever listens in this process and written as `pyrometer:kpi`.

mod history;
mod write;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use diagnosis::kpi::KpiSeries;
use diagnosis::kpi::collect::{CollectScope, Collected, DetectedPacks, KpiQuery, queries};
use diagnosis::kpi::mapping::{Mapping, read_mapping_file};
use diagnosis::pack::Pack;
use model::Timestamp;
use promql::{EvalOptions, Limits, Value, eval_instant};
use store::Snapshot;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, warn};

pub(crate) use self::history::history;
use self::write::KpiWriter;
use crate::app::App;
use crate::config::read_file;
use crate::judge::Detections;
use crate::scrape::error_chain;

/// As often as rules are judged by default; assertions look at these points.
pub(crate) const KPI_INTERVAL: Duration = Duration::from_secs(15);

/// Samples that one query may touch: an hour of a thousand series that are scraped each second.
const SAMPLES_MAX: usize = 20_000_000;

/// A rate needs two samples in its window, also when one scrape fails: four intervals.
const SCRAPES_IN_WINDOW: u32 = 4;

/// Shorter windows jump with every request.
const WINDOW_MIN: Duration = Duration::from_secs(60);

/// What one round found.
#[derive(Debug, Default)]
pub(crate) struct KpiRound {
    /// `None` before the first round.
    pub(crate) at: Option<Timestamp>,
    /// One sample each, at `at`.
    pub(crate) kpis: Vec<KpiSeries>,
    /// Entities beyond the limit, which are not watched.
    pub(crate) refused: usize,
    pub(crate) took: Duration,
}

/// The newest round, for all who want it.
#[derive(Debug)]
pub(crate) struct Kpis {
    newest: watch::Sender<Arc<KpiRound>>,
    file: Option<PathBuf>,
    read: Mutex<ReadFile>,
    /// How this machine is called; hosts that are its loopback are this one.
    machine: String,
}

/// A file of mappings as it was read last.
#[derive(Debug, Default)]
struct ReadFile {
    text: String,
    mappings: Vec<Mapping>,
}

/// What queries are asked with.
#[derive(Clone, Debug)]
pub(crate) struct KpiSources {
    pub(crate) packs: Arc<Vec<Pack>>,
    pub(crate) detections: Arc<Detections>,
    pub(crate) mappings: Vec<Mapping>,
    pub(crate) window: Duration,
    pub(crate) step: Duration,
    pub(crate) machine: String,
}

impl Kpis {
    /// `file` holds users' mappings and is read again when it changes.
    pub(crate) fn new(file: Option<PathBuf>) -> Self {
        let name = rustix::system::uname();
        Self {
            newest: watch::Sender::new(Arc::default()),
            file,
            read: Mutex::default(),
            machine: name.nodename().to_string_lossy().into_owned(),
        }
    }

    /// Each new round; a slow listener sees the newest only.
    #[allow(
        dead_code,
        reason = "for what judges KPIs, which is not in this module"
    )]
    pub(crate) fn listen(&self) -> watch::Receiver<Arc<KpiRound>> {
        self.newest.subscribe()
    }

    pub(crate) fn newest(&self) -> Arc<KpiRound> {
        Arc::clone(&self.newest.borrow())
    }

    /// The mappings of the file. Blocks.
    pub(crate) fn file_mappings(&self) -> Vec<Mapping> {
        let Some(path) = &self.file else {
            return Vec::new();
        };
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        match read_file(path) {
            Ok(text) if text != read.text => {
                let (mappings, problems) = read_mapping_file(&text);
                for problem in &problems {
                    error!(file = %path.display(), %problem, "a mapping cannot be used");
                }
                *read = ReadFile { text, mappings };
            }
            Ok(_) => {}
            // A file that is being replaced is there again in a moment.
            Err(error) => warn!(file = %path.display(), %error, "mappings stay as they were"),
        }
        read.mappings.clone()
    }

    /// Looks every [`KPI_INTERVAL`] until `cancel`.
    pub(crate) async fn run(app: Arc<App>, cancel: CancellationToken) {
        let mut writer = KpiWriter::new(&app.store);
        loop {
            let now = app.clock.now();
            let looking = Arc::clone(&app);
            let looked = tokio::task::spawn_blocking(move || {
                let round = round(&sources(&looking), &looking.store.snapshot(), now);
                if let Err(error) = writer.write(&looking.store, now, &round.kpis) {
                    warn!(error = %error_chain(&error), "KPIs are not stored");
                }
                (round, writer)
            });
            match looked.await {
                Ok((round, back)) => {
                    if round.refused > 0 {
                        warn!(
                            entities = round.refused,
                            "too many entities, these are not watched"
                        );
                    }
                    app.kpis.newest.send_replace(Arc::new(round));
                    writer = back;
                }
                Err(panicked) => {
                    error!(%panicked, "a round of KPIs ended");
                    writer = KpiWriter::new(&app.store);
                }
            }
            let waited = app.clock.now().since(now);
            tokio::select! {
                () = cancel.cancelled() => return,
                () = tokio::time::sleep(KPI_INTERVAL.saturating_sub(waited)) => {}
            }
        }
    }
}

/// What there is to ask now. Blocks on the file of mappings.
pub(crate) fn sources(app: &App) -> KpiSources {
    let mut mappings = app.kpis.file_mappings();
    let names: Vec<String> = mappings
        .iter()
        .map(|mapping| mapping.name.clone())
        .collect();
    // What the file says wins over what was made in the UI.
    let made = app.edits.all().mappings();
    mappings.extend(
        made.into_iter()
            .filter(|mapping| !names.contains(&mapping.name)),
    );
    let config = app.config();
    let intervals = config.jobs.iter().map(|job| job.interval);
    let step = intervals.max().unwrap_or(app.settings.scrape_interval);
    let step = step.max(app.settings.scrape_interval);
    KpiSources {
        packs: app.judge.packs(),
        detections: app.judge.detections(),
        mappings,
        window: (step * SCRAPES_IN_WINDOW).max(WINDOW_MIN),
        step,
        machine: app.kpis.machine.clone(),
    }
}

impl KpiSources {
    /// Every query there is.
    pub(crate) fn queries(&self) -> Vec<KpiQuery> {
        let packs: DetectedPacks<'_> = self
            .detections
            .jobs()
            .map(|(job, found)| {
                let found = found.iter().filter_map(|detection| {
                    let pack = self.packs.iter().find(|pack| pack.id == detection.pack);
                    Some((pack?, detection))
                });
                (job.to_owned(), found.collect())
            })
            .collect();
        queries(&CollectScope {
            packs: &packs,
            mappings: &self.mappings,
            window: self.window,
            step: self.step,
        })
    }
}

fn options() -> EvalOptions {
    EvalOptions {
        limits: Limits {
            samples_max: SAMPLES_MAX,
            ..Limits::default()
        },
        ..EvalOptions::default()
    }
}

/// All KPIs at one moment. A query that fails costs itself only.
pub(crate) fn round(sources: &KpiSources, snapshot: &Snapshot, now: Timestamp) -> KpiRound {
    let started = Instant::now();
    let mut collected = Collected::default();
    for query in sources.queries() {
        match eval_instant(snapshot, &query.expr, now, &options()).map(|found| found.value) {
            Ok(Value::Vector(series)) => {
                for found in series {
                    let sample = [(now, found.sample.value)];
                    collected.add(&query, &found.labels, sample, &sources.machine);
                }
            }
            Ok(Value::Scalar(_) | Value::String { .. } | Value::Matrix(_)) => {}
            Err(error) => debug!(query = query.origin, %error, "a KPI has no answer"),
        }
    }
    let refused = collected.refused.len();
    KpiRound {
        at: Some(now),
        kpis: collected.finish(),
        refused,
        took: started.elapsed(),
    }
}

#[cfg(test)]
mod tests;
