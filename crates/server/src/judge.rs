//! Judging: rule groups evaluated on schedule, alerts and their states.
//!
//! The packs' rules are evaluated once their technology was detected, those of `rule_files`
//! always. Each group has its own task; at most [`EVALUATIONS_MAX`] evaluate at a time, on their
//! own permits, so that no user's query holds up an alert. What they find is written back as
//! series and published for the API.

mod detections;
mod group;
mod load;
mod packs;
mod schedule;
pub(crate) mod services;
#[cfg(test)]
pub(crate) mod world;

use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use diagnosis::pack::Pack;
use diagnosis::rules::{Alert, GroupOptions, PostableAlert, RESEND_DELAY};
use model::Timestamp;
use promql::EvalOptions;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

pub(crate) use self::detections::Detections;
pub(crate) use self::group::{GroupReport, JudgedGroup, RuleReport};
pub(crate) use self::load::LoadedGroup;
pub(crate) use self::packs::{LoadedPacks, PackSources, from_folder, load as load_packs};
use self::schedule::Schedule;
use crate::app::App;
use crate::self_metrics::RuleGauges;

/// Groups that are evaluated at once. Two keep one heavy group from holding up all others and
/// leave a core of a small machine to scrapes and queries.
const EVALUATIONS_MAX: usize = 2;

/// How often the jobs are looked at anew. An unknown service shows its dashboards this soon.
const DETECT_INTERVAL: Duration = Duration::from_secs(10);

/// An evaluation may take as long as its interval, but never less than this.
const DEADLINE_MIN: Duration = Duration::from_secs(10);

/// Alerts of evaluations that wait for whoever delivers them: a minute of a hundred groups that
/// are evaluated every 15 s.
const POSTABLE_MAX: usize = 512;

/// How long an alert stays as it was while none of its targets can be scraped: as long as the
/// engine looks back, so that a target that is scraped again never finds its alert ended.
const UNWATCHED_MAX: Duration = Duration::from_secs(5 * 60);

/// How long rules wait at most for the first scrapes after a start: two scrape intervals of a
/// minute, which is Prometheus's default.
const FIRST_SCRAPES_MAX: Duration = Duration::from_secs(120);

/// How long after a start the first target is found at the latest, if there is any.
const DISCOVERY_MAX: Duration = Duration::from_secs(5);

/// The state of all rules. Shared by the evaluating tasks and the API.
#[derive(Debug)]
pub(crate) struct Judge {
    packs: RwLock<Arc<Vec<Pack>>>,
    groups: RwLock<Vec<Arc<JudgedGroup>>>,
    detections: RwLock<Arc<Detections>>,
    /// Where alerts go; `None` until somebody listens.
    listener: RwLock<Option<mpsc::Sender<Vec<PostableAlert>>>>,
    /// The configuration was read anew.
    reloaded: Notify,
}

impl Judge {
    pub(crate) fn new() -> Self {
        Self {
            packs: RwLock::new(Arc::new(load_packs(&PackSources::default(), "").packs)),
            groups: RwLock::default(),
            detections: RwLock::default(),
            listener: RwLock::default(),
            reloaded: Notify::new(),
        }
    }

    pub(crate) fn packs(&self) -> Arc<Vec<Pack>> {
        Arc::clone(&self.packs.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// From now on, what each evaluation of a group tells of its alerts, those that fire and those
    /// that were over a moment ago. Nothing is told of evaluations that have nothing to say.
    ///
    /// When the listener is slow the evaluation does not wait: its alerts are dropped and come
    /// again after the resend delay. A second listener takes the place of the first.
    pub(crate) fn listen(&self) -> mpsc::Receiver<Vec<PostableAlert>> {
        let (sender, receiver) = mpsc::channel(POSTABLE_MAX);
        *self
            .listener
            .write()
            .unwrap_or_else(PoisonError::into_inner) = Some(sender);
        receiver
    }

    fn tell(&self, group: &JudgedGroup, alerts: Vec<PostableAlert>) {
        self.tell_of(group.name(), alerts);
    }

    /// Tells whoever listens of alerts that do not come from a rule.
    pub(crate) fn tell_of(&self, group: &str, alerts: Vec<PostableAlert>) {
        let listener = self.listener.read().unwrap_or_else(PoisonError::into_inner);
        let Some(listener) = listener.as_ref().filter(|_| !alerts.is_empty()) else {
            return;
        };
        if listener.try_send(alerts).is_err() {
            warn!(
                group,
                "too many alerts wait to be sent, those of this evaluation come again later"
            );
        }
    }

    /// The groups that are judged: those of packs only once they were detected.
    pub(crate) fn groups(&self) -> Vec<Arc<JudgedGroup>> {
        let groups = self.groups.read().unwrap_or_else(PoisonError::into_inner);
        groups
            .iter()
            .filter(|group| group.is_armed())
            .cloned()
            .collect()
    }

    pub(crate) fn detections(&self) -> Arc<Detections> {
        Arc::clone(
            &self
                .detections
                .read()
                .unwrap_or_else(PoisonError::into_inner),
        )
    }

    /// Every alert that is pending or firing.
    pub(crate) fn alerts(&self) -> Vec<Alert> {
        let mut alerts = Vec::new();
        for group in self.groups() {
            alerts.extend(
                group
                    .report()
                    .rules
                    .iter()
                    .flat_map(|rule| rule.alerts.clone()),
            );
        }
        alerts
    }

    /// What the server shows of judging at its own `/metrics`.
    pub(crate) fn gauges(&self) -> RuleGauges {
        let alerts = self.alerts();
        let in_state = |name: &str| {
            let in_state = alerts.iter().filter(|alert| alert.state.name() == name);
            in_state.count()
        };
        RuleGauges {
            groups: self.groups().iter().map(|group| group.gauges()).collect(),
            alerts_pending: in_state("pending"),
            alerts_firing: in_state("firing"),
        }
    }

    /// Evaluates until `cancel`.
    pub(crate) async fn run(app: Arc<App>, cancel: CancellationToken) {
        let slots = Arc::new(Semaphore::new(EVALUATIONS_MAX));
        while !cancel.is_cancelled() {
            let loading = Arc::clone(&app);
            let loaded = tokio::task::spawn_blocking(move || loading.judge.load(&loading)).await;
            if let Err(panicked) = loaded {
                error!(%panicked, "loading the rules ended");
            }
            let round = cancel.child_token();
            let mut tasks = JoinSet::new();
            tasks.spawn(detect_loop(Arc::clone(&app), round.clone()));
            let groups = app
                .judge
                .groups
                .read()
                .unwrap_or_else(PoisonError::into_inner)
                .clone();
            for group in groups {
                let slots = Arc::clone(&slots);
                tasks.spawn(group_loop(Arc::clone(&app), group, slots, round.clone()));
            }
            tokio::select! {
                () = cancel.cancelled() => {}
                () = app.judge.reloaded.notified() => {}
            }
            round.cancel();
            while let Some(ended) = tasks.join_next().await {
                if let Err(panicked) = ended {
                    error!(%panicked, "a rule group's task ended");
                }
            }
        }
    }

    /// Has the task of [`Self::run`] take over a configuration that was read anew.
    pub(crate) fn reload(&self) {
        self.reloaded.notify_one();
    }

    /// Reads the rules of the configuration in force. Groups that did not change keep their
    /// state; a rule file with a problem keeps the groups that it had. Blocks on files.
    fn load(&self, app: &App) {
        let config = app.config();
        let mut loaded = load::rule_files(&config.rule_files);
        for problem in &loaded.problems {
            error!(file = %problem.file.display(), %problem.reason, "rule file cannot be used");
        }
        loaded.groups.extend(app.objectives.groups(app));
        let mut inhibitions = app.objectives.inhibitions();
        if app.settings.packs {
            let edited = app.edits.all().overrides_text();
            let LoadedPacks { packs, problems } = load_packs(&app.settings.pack_sources, &edited);
            for problem in &problems {
                error!(%problem, "a pack or an override cannot be used");
            }
            loaded.groups.extend(load::pack_groups(&packs));
            inhibitions.extend(packs.iter().flat_map(|pack| pack.inhibitions.clone()));
            *self.packs.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(packs);
        }
        app.notifier
            .set_pack_inhibitions(inhibitions, app.clock.now());
        let mut groups = self.groups.write().unwrap_or_else(PoisonError::into_inner);
        let mut next: Vec<Arc<JudgedGroup>> = Vec::with_capacity(loaded.groups.len());
        let options = GroupOptions {
            interval: config.evaluation_interval,
            resend_delay: RESEND_DELAY,
            unwatched_max: UNWATCHED_MAX,
            external_labels: config.external_labels.clone(),
            external_url: app.settings.external_url.clone(),
        };
        for found in loaded.groups {
            let same = groups.iter().find(|group| group.is(&found, &options));
            next.push(match same {
                Some(group) => Arc::clone(group),
                None => {
                    let group = JudgedGroup::new(found, options.clone());
                    group.restore(&app.store, app.clock.now(), &eval_options(app));
                    Arc::new(group)
                }
            });
        }
        let is_bad = |group: &JudgedGroup| loaded.problems.iter().any(|p| p.is_of(&group.file));
        next.extend(groups.iter().filter(|group| is_bad(group)).cloned());
        *groups = next;
    }
}

/// Finds out again and again which packs fit which jobs.
async fn detect_loop(app: Arc<App>, cancel: CancellationToken) {
    loop {
        let judge = Arc::clone(&app);
        let found = tokio::task::spawn_blocking(move || {
            let groups = judge
                .judge
                .groups
                .read()
                .unwrap_or_else(PoisonError::into_inner)
                .clone();
            let now = judge.clock.now();
            let before = judge.judge.detections();
            let snapshot = judge.store.snapshot();
            Detections::find(&judge.judge.packs(), &groups, &snapshot, now)
                .with_history(&before, &snapshot)
        });
        match found.await {
            Ok(found) => app.judge.take(found),
            Err(panicked) => error!(%panicked, "detection ended"),
        }
        tokio::select! {
            () = cancel.cancelled() => return,
            () = tokio::time::sleep(DETECT_INTERVAL) => {}
        }
    }
}

impl Judge {
    fn take(&self, found: Detections) {
        for group in self
            .groups
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .iter()
        {
            if group
                .pack
                .as_deref()
                .is_some_and(|pack| found.has_pack(pack))
            {
                group.arm();
            }
        }
        *self
            .detections
            .write()
            .unwrap_or_else(PoisonError::into_inner) = Arc::new(found);
    }
}

fn eval_options(app: &App) -> EvalOptions {
    EvalOptions {
        lookback: app.queries.lookback,
        ..EvalOptions::default()
    }
}

async fn group_loop(
    app: Arc<App>,
    group: Arc<JudgedGroup>,
    slots: Arc<Semaphore>,
    cancel: CancellationToken,
) {
    let mut schedule = Schedule::new(app.clock.now(), Instant::now());
    let mut blind_since = None;
    let mut is_checked = false;
    loop {
        let now = app.clock.now();
        let due = group.due_after(now);
        tokio::select! {
            () = cancel.cancelled() => return,
            () = tokio::time::sleep(due.since(now)) => {}
        }
        let Some(round) = schedule.woke(due, app.clock.now(), Instant::now()) else {
            warn!(
                group = group.name(),
                "the clock jumped, alerts keep their time"
            );
            is_checked = false;
            continue;
        };
        if !group.is_armed() {
            continue;
        }
        if !is_checked || round.gap > app.queries.lookback {
            is_checked = true;
            blind_since = is_blind(&app, round.at).await.then_some(due);
        }
        // Nothing of before the gap is in sight: rules wait until everybody was scraped, or they
        // would judge by a part of what there is.
        if let Some(since) = blind_since {
            if is_too_early(&app, due.since(since)) {
                continue;
            }
            blind_since = None;
        }
        // The semaphore is never closed.
        let Ok(permit) = Arc::clone(&slots).acquire_owned().await else {
            return;
        };
        if round.shift_ms != 0 {
            group.clock_moved(round.shift_ms);
        }
        schedule.evaluated(&round);
        evaluate_once(&app, &group, round.at, permit).await;
    }
}

/// Whether targets may still be found, or scraped for the first time.
fn is_too_early(app: &App, waited: Duration) -> bool {
    if app.targets.active().is_empty() {
        return waited < DISCOVERY_MAX;
    }
    waited < FIRST_SCRAPES_MAX && !app.targets.all_scraped()
}

/// Whether no scrape of before a start or a gap is in sight any more.
async fn is_blind(app: &Arc<App>, at: Timestamp) -> bool {
    let (snapshot, options) = (app.store.snapshot(), eval_options(app));
    let found = tokio::task::spawn_blocking(move || {
        let up = promql::parse("up").ok()?;
        promql::eval_instant(&snapshot, &up, at, &options).ok()
    });
    let value = found.await.ok().flatten().map(|evaluated| evaluated.value);
    value.is_some_and(|value| value == promql::Value::Vector(Vec::new()))
}

async fn evaluate_once(
    app: &Arc<App>,
    group: &Arc<JudgedGroup>,
    due: Timestamp,
    permit: OwnedSemaphorePermit,
) {
    let options = eval_options(app);
    let stop = options.cancel.clone();
    let (store, judged) = (app.store.clone(), Arc::clone(group));
    let mut work = tokio::task::spawn_blocking(move || {
        let _permit = permit;
        judged.evaluate(&store, due, &options)
    });
    let deadline = group.interval.max(DEADLINE_MIN);
    let ended = match tokio::time::timeout(deadline, &mut work).await {
        Ok(ended) => ended,
        Err(_) => {
            warn!(
                group = group.name(),
                "evaluation took too long and is stopped"
            );
            stop.cancel();
            work.await
        }
    };
    match ended {
        Ok(postable) => {
            app.judge.tell(group, postable);
            for rule in &group.report().rules {
                app.metrics.rule_evaluated(rule.took);
            }
        }
        Err(panicked) => error!(group = group.name(), %panicked, "evaluation ended"),
    }
}

#[cfg(test)]
mod tests;
