//! One target's loop: wait, ask, digest, append; again until somebody says stop.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use instrument::{HighWater, ReadLimits};
use model::Timestamp;
use model::exposition::Format;
use store::{GroupId, Store, StoreError};
use tokio::sync::oneshot;
use tokio::time::MissedTickBehavior;
use tracing::{debug, warn};

use super::digest::{Digest, ScrapeCache};
use super::fetch::{Fetched, Fetcher};
use super::schedule::{offset, stamp};
use crate::clock::Clock;
use crate::self_metrics::SelfMetrics;
use crate::targets::{Health, RejectedLine, Source, Target, TargetStatus};

/// What every loop needs.
#[derive(Debug)]
pub(crate) struct Scraper {
    pub(crate) store: Store,
    pub(crate) fetcher: Fetcher,
    pub(crate) clock: Clock,
    pub(crate) metrics: Arc<SelfMetrics>,
}

/// Why a loop ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// Another loop takes the same series over.
    HandOver,
    /// The same, once the last values were read.
    LastRead,
    /// The target is no more: its series end.
    Removed,
    /// The server ends; its series go on after the restart.
    Shutdown,
}

/// A running loop. Dropping it stops the loop as a shutdown does.
#[derive(Debug)]
pub(crate) struct TargetLoop {
    pub(crate) target: Arc<Target>,
    stop: oneshot::Sender<Stop>,
    ended: tokio::task::JoinHandle<Memory>,
}

/// What a loop hands to its successor.
#[derive(Clone, Debug, Default)]
pub(crate) struct Memory {
    /// Locked for one digest at a time, by the thread that does it.
    cache: Arc<Mutex<ScrapeCache>>,
    last: Option<Timestamp>,
}

impl TargetLoop {
    /// Starts scraping; `memory` is what an earlier loop of the same series knew.
    pub(crate) fn start(scraper: Arc<Scraper>, target: Arc<Target>, memory: Memory) -> Self {
        memory.lock().forget_texts();
        let (stop, stopped) = oneshot::channel();
        let group = scraper.store.group(&group_name(&target));
        let running = Running {
            scraper,
            target: Arc::clone(&target),
            group,
            memory,
            high_water: Arc::default(),
        };
        Self {
            target,
            stop,
            ended: tokio::spawn(running.run(stopped)),
        }
    }

    /// Ends the loop and waits until it wrote its last.
    pub(crate) async fn end(self, reason: Stop) -> Memory {
        if self.stop.send(reason).is_err() {
            debug!(target = %self.target.spec.labels, "the loop had already ended");
        }
        self.ended.await.unwrap_or_default()
    }
}

/// The same for the same series over restarts, since the store groups by it.
fn group_name(target: &Target) -> String {
    format!("scrape {}", target.spec.labels)
}

impl Memory {
    fn lock(&self) -> std::sync::MutexGuard<'_, ScrapeCache> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Running {
    scraper: Arc<Scraper>,
    target: Arc<Target>,
    group: GroupId,
    memory: Memory,
    /// Of the processes behind this target, which another loop of the same series need not have.
    high_water: Arc<HighWater>,
}

/// An answer, or why there is none.
type Asked = Result<Fetched, Failure>;

struct Failure {
    error: String,
    limited: Option<String>,
}

/// Local targets are cheap to read and a person waits for the first point.
const LOCAL_OFFSET_MAX: Duration = Duration::from_millis(250);

impl Running {
    async fn run(mut self, mut stopped: oneshot::Receiver<Stop>) -> Memory {
        let spec = &self.target.spec;
        let window = match spec.source {
            Source::Http { .. } => spec.interval,
            Source::Segments { .. } | Source::Gone => spec.interval.min(LOCAL_OFFSET_MAX),
        };
        let first = tokio::time::Instant::now() + offset(&spec.labels, window);
        let mut ticks = tokio::time::interval_at(first, spec.interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let reason = loop {
            tokio::select! {
                biased;
                reason = &mut stopped => break reason,
                _ = ticks.tick() => {}
            }
            tokio::select! {
                biased;
                reason = &mut stopped => break reason,
                () = self.scrape() => {}
            }
        };
        match reason {
            Ok(Stop::Removed) => self.finish().await,
            Ok(Stop::LastRead) => self.scrape().await,
            // A sender that is gone means that the server is going.
            Ok(Stop::HandOver | Stop::Shutdown) | Err(_) => {}
        }
        self.memory
    }

    async fn scrape(&mut self) {
        let started = Instant::now();
        let now = self.scraper.clock.now();
        let asked = self.ask().await;
        let at = stamp(self.memory.last, self.target.spec.interval, now);
        self.memory.last = Some(at);
        self.take_in(asked, at, started.elapsed()).await;
    }

    /// The last values of processes that ended, then the end of every series.
    async fn finish(&mut self) {
        if matches!(self.target.spec.source, Source::Segments { .. }) {
            self.scrape().await;
        }
        let at = stamp(
            self.memory.last,
            Duration::from_millis(1),
            self.scraper.clock.now(),
        );
        let (scraper, memory, group) = (Arc::clone(&self.scraper), self.memory.clone(), self.group);
        let ended = tokio::task::spawn_blocking(move || {
            let samples = memory.lock().end();
            scraper.store.append(group, at, &samples)
        });
        if let Ok(Err(error)) = ended.await {
            self.tell_store_error(&error);
        }
    }

    async fn ask(&self) -> Asked {
        let spec = &self.target.spec;
        let answer = async {
            match &spec.source {
                Source::Http { url } => self
                    .scraper
                    .fetcher
                    .fetch(url, &spec.job, spec.timeout)
                    .await
                    .map_err(|error| Failure {
                        limited: error.limit().map(str::to_owned),
                        error: error_chain(&error),
                    }),
                Source::Segments { dir } => {
                    let (dir, high_water) = (dir.clone(), Arc::clone(&self.high_water));
                    tokio::task::spawn_blocking(move || read_segments(&dir, &high_water))
                        .await
                        .unwrap_or_else(|panicked| Err(Failure::new(panicked.to_string())))
                }
                Source::Gone => Err(Failure::new(
                    "all processes of the service have ended".to_owned(),
                )),
            }
        };
        match tokio::time::timeout(spec.timeout, answer).await {
            Ok(asked) => asked,
            Err(_) => Err(Failure {
                error: format!(
                    "no whole answer within {} (scrape_timeout)",
                    model::format_duration(spec.timeout)
                ),
                limited: Some("scrape_timeout".to_owned()),
            }),
        }
    }

    async fn take_in(&self, asked: Asked, at: Timestamp, duration: Duration) {
        let scraper = Arc::clone(&self.scraper);
        let target = Arc::clone(&self.target);
        let (memory, group) = (self.memory.clone(), self.group);
        let digested = tokio::task::spawn_blocking(move || {
            digest_and_append(&scraper, &target, group, &memory, asked, at, duration)
        });
        match digested.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => self.tell_store_error(&error),
            Err(panicked) => warn!(target = %self.target.spec.labels, %panicked, "scrape failed"),
        }
    }

    fn tell_store_error(&self, error: &StoreError) {
        self.scraper.metrics.append_failed();
        let error = error_chain(error);
        warn!(target = %self.target.spec.labels, %error, "cannot store a scrape");
        let mut status = self.target.status();
        status.error = Some(format!("cannot store the scrape: {error}"));
        self.target.set_status(status);
    }
}

impl Failure {
    fn new(error: String) -> Self {
        Self {
            error,
            limited: None,
        }
    }
}

fn read_segments(dir: &std::path::Path, high_water: &HighWater) -> Asked {
    let reading = instrument::read_group_above(dir, &ReadLimits::default(), high_water)
        .map_err(|error| Failure::new(error_chain(&error)))?;
    let damaged = reading.damaged.iter().map(|damage| RejectedLine {
        line: 0,
        text: match damage.offset {
            Some(offset) => format!("{} at byte {offset}", damage.path.display()),
            None => damage.path.display().to_string(),
        },
        reason: damage.what.clone(),
    });
    Ok(Fetched {
        body: instrument::render_text(&reading).into_bytes(),
        format: Format::Text,
        damaged: damaged.collect(),
    })
}

fn digest_and_append(
    scraper: &Scraper,
    target: &Target,
    group: GroupId,
    memory: &Memory,
    asked: Asked,
    at: Timestamp,
    duration: Duration,
) -> Result<(), StoreError> {
    let mut cache = memory.lock();
    let spec = &target.spec;
    let resolve = &mut |labels: &model::Labels| scraper.store.resolve(group, labels);
    let mut digest = match asked {
        Ok(fetched) => {
            let mut digest = cache.body(&fetched.body, fetched.format, spec, resolve);
            digest.reject_damaged(fetched.damaged);
            digest
        }
        Err(Failure { error, limited }) => cache.failed(error, limited),
    };
    cache.report(&mut digest, duration.as_secs_f64(), spec, resolve)?;
    let mut appended = scraper.store.append(group, at, &digest.samples)?;
    if !digest.timed.is_empty() {
        let timed = scraper.store.append_samples(&digest.timed)?;
        appended.stored += timed.stored;
        appended.out_of_order += timed.out_of_order;
        appended.out_of_bounds += timed.out_of_bounds;
        appended.unknown += timed.unknown;
    }
    if appended.unknown > 0 {
        // The store dropped series that had no sample for the whole retention.
        cache.forget_texts();
    }
    scraper.metrics.scraped(&digest, &appended, duration);
    set_status(target, digest, at, duration);
    Ok(())
}

fn set_status(target: &Target, digest: Digest, at: Timestamp, duration: Duration) {
    let health = match &digest.error {
        Some(error) => {
            debug!(target = %target.spec.labels, %error, "scrape failed");
            Health::Down
        }
        None => {
            target.set_metadata(digest.metadata);
            Health::Up
        }
    };
    let error = digest.error.or_else(|| {
        let limit = digest.limited.as_ref()?;
        Some(format!(
            "{limit} cut the scrape: {} of {} samples kept",
            digest.kept, digest.scraped
        ))
    });
    target.set_status(TargetStatus {
        health,
        last_scrape: Some(at),
        duration,
        error,
        samples: digest.kept,
        limited: digest.limited,
        rejected: digest.rejected,
        rejected_total: digest.rejected_total,
    });
}

/// An error and its causes in one line.
pub(crate) fn error_chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(source) = cause {
        let source_text = source.to_string();
        if !text.ends_with(&source_text) {
            text.push_str(": ");
            text.push_str(&source_text);
        }
        cause = source.source();
    }
    text
}
