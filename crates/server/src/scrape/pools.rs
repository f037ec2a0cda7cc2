//! Keeps one loop per target: looks who is there, starts what is new, ends what is gone.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use instrument::{FindLimits, Proc, ProcessGroup};
use model::{Labels, LabelsBuilder};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use super::target_loop::{Memory, Scraper, Stop, TargetLoop};
use crate::config::{Config, JobConfig};
use crate::discovery::{Announced, Built, Instance, TargetFiles, build_target, lowest_port};
use crate::targets::{AnnouncedFacts, Source, Target, TargetKind, TargetSpec, Targets};

/// How often local process groups are looked for.
const ANNOUNCED_EVERY: Duration = Duration::from_secs(2);

/// Every how many looks the target files are looked at too.
const FILES_EVERY_LOOKS: u32 = 2;

/// Every how many looks (a minute) the folders of ended groups are removed.
const SWEEP_EVERY_LOOKS: u32 = 30;

/// How long an ended group's folder stays: long enough for another server to read its end too.
const SWEEP_GRACE: Duration = Duration::from_secs(10 * 60);

/// Configurations waiting to be taken over; a reload waits when there are more.
pub(crate) const RELOADS_MAX: usize = 4;

/// Somebody came or went, for the terminal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Sighting {
    Found {
        service: String,
        instance: String,
        framework: Option<String>,
        processes: usize,
    },
    Gone {
        service: String,
        instance: String,
    },
}

/// Sightings waiting to be printed; when the terminal stands still, further ones are dropped.
pub(crate) const SIGHTINGS_MAX: usize = 64;

/// All running loops. Owned by one task; what happens to it comes through [`ScrapePools::run`].
#[derive(Debug)]
pub(crate) struct ScrapePools {
    pub(crate) scraper: Arc<Scraper>,
    pub(crate) targets: Arc<Targets>,
    pub(crate) runtime_dirs: Vec<PathBuf>,
    pub(crate) hostname: String,
    pub(crate) sightings: mpsc::Sender<Sighting>,
    pub(crate) config: Arc<Config>,
    /// How announced groups are scraped.
    pub(crate) announced_job: Arc<JobConfig>,
    pub(crate) state: PoolState,
}

/// What the task remembers.
#[derive(Debug, Default)]
pub(crate) struct PoolState {
    announced: Announced,
    files: TargetFiles,
    /// By the target's labels, which are unique.
    loops: HashMap<Labels, TargetLoop>,
    instances: Vec<Instance>,
    dropped: Vec<Labels>,
    /// Said once each, not at every look.
    warned: HashSet<String>,
}

/// Warnings remembered, so that a changing text cannot fill memory.
const WARNED_MAX: usize = 1000;

impl ScrapePools {
    /// Runs until `cancel`; then ends all loops.
    pub(crate) async fn run(
        mut self,
        mut reloads: mpsc::Receiver<Arc<Config>>,
        cancel: CancellationToken,
    ) {
        let mut looks = tokio::time::interval(ANNOUNCED_EVERY);
        let mut look: u32 = 0;
        loop {
            tokio::select! {
                biased;
                () = cancel.cancelled() => break,
                Some(config) = reloads.recv() => {
                    self.config = Arc::new(config.keeping_jobs_of(&self.config));
                    self.scraper.fetcher.reset();
                    self.refresh(true).await;
                }
                _ = looks.tick() => {
                    self.look_for_announced().await;
                    self.refresh(look.is_multiple_of(FILES_EVERY_LOOKS)).await;
                    if look.is_multiple_of(SWEEP_EVERY_LOOKS) {
                        self.sweep();
                    }
                    look = look.wrapping_add(1);
                }
            }
        }
        for (_, running) in self.state.loops.drain() {
            running.end(Stop::Shutdown).await;
        }
    }

    async fn look_for_announced(&mut self) {
        let dirs = self.runtime_dirs.clone();
        let looked = tokio::task::spawn_blocking(move || {
            let mut groups: Vec<ProcessGroup> = Vec::new();
            let mut rejected = Vec::new();
            for dir in &dirs {
                let (found, refused) = instrument::find_groups(dir, &FindLimits::default());
                groups.extend(found);
                rejected.extend(refused);
            }
            let proc = Proc::default();
            let groups: Vec<(ProcessGroup, bool)> = groups
                .into_iter()
                .map(|group| {
                    // A master between two generations of workers is alive too.
                    let root = group.key.0;
                    let root_lives = root.start != 0 && proc.identify(root.pid) == root;
                    let alive = root_lives || !group.processes.is_empty();
                    (group, alive)
                })
                .collect();
            (groups, rejected)
        });
        let Ok((groups, rejected)) = looked.await else {
            return;
        };
        for refused in rejected {
            let reason = super::error_chain(&refused.reason);
            self.warn_once(format!("{}: {reason}", refused.path.display()));
        }
        let port_of = |group: &ProcessGroup| {
            let pids: Vec<u32> = group.processes.iter().map(|process| process.pid).collect();
            lowest_port(Path::new("/proc"), &pids)
        };
        let now = self.scraper.clock.now();
        let (announced, hostname) = (&mut self.state.announced, &self.hostname);
        // Looking for ports reads /proc.
        let update = || announced.update(groups, port_of, hostname, now);
        self.state.instances = tokio::task::block_in_place(update);
    }

    /// Removes the folders of groups that ended a while ago; their last values are in the store.
    fn sweep(&self) {
        let (dirs, now) = (self.runtime_dirs.clone(), self.scraper.clock.now());
        tokio::task::spawn_blocking(move || {
            for dir in &dirs {
                let swept = instrument::sweep_groups(dir, &FindLimits::default(), SWEEP_GRACE, now);
                debug!(dir = %dir.display(), ?swept, "swept ended process groups");
            }
        });
    }

    fn warn_once(&mut self, text: String) {
        if self.state.warned.len() >= WARNED_MAX {
            self.state.warned.clear();
        }
        if !self.state.warned.contains(&text) {
            warn!("{text}");
            self.state.warned.insert(text);
        }
    }

    /// Brings the running loops to what should run.
    async fn refresh(&mut self, with_files: bool) {
        let mut wanted: HashMap<Labels, TargetSpec> = HashMap::new();
        for spec in self.announced_specs() {
            wanted.insert(spec.labels.clone(), spec);
        }
        if with_files {
            // Target files are read on the way.
            tokio::task::block_in_place(|| self.add_configured(&mut wanted));
        } else {
            // Only announced targets were looked for; the others stay as they are.
            for running in self.state.loops.values() {
                let spec = &running.target.spec;
                if spec.kind != TargetKind::Announced {
                    wanted
                        .entry(spec.labels.clone())
                        .or_insert_with(|| spec.clone());
                }
            }
        }
        self.end_unwanted(&wanted).await;
        for (labels, spec) in wanted {
            self.start(labels, spec).await;
        }
        let active = self
            .state
            .loops
            .values()
            .map(|running| Arc::clone(&running.target));
        self.targets
            .replace(active.collect(), self.state.dropped.clone());
    }

    async fn end_unwanted(&mut self, wanted: &HashMap<Labels, TargetSpec>) {
        let unwanted: Vec<Labels> = self
            .state
            .loops
            .keys()
            .filter(|labels| !wanted.contains_key(*labels))
            .cloned()
            .collect();
        for labels in unwanted {
            if let Some(running) = self.state.loops.remove(&labels) {
                let target = Arc::clone(&running.target);
                if target.spec.kind == TargetKind::Announced
                    && !matches!(target.spec.source, Source::Gone)
                {
                    self.tell(Sighting::Gone {
                        service: target.service().to_owned(),
                        instance: target.instance().to_owned(),
                    });
                }
                running.end(Stop::Removed).await;
            }
        }
    }

    async fn start(&mut self, labels: Labels, spec: TargetSpec) {
        let mut memory = Memory::default();
        if let Some(running) = self.state.loops.get(&labels) {
            if same(&running.target.spec, &spec) {
                running.target.set_announced(spec.announced);
                return;
            }
            if let Some(running) = self.state.loops.remove(&labels) {
                self.tell_change(&running.target.spec, &spec);
                // Between the last scrape and the end may lie what explains the end.
                let stop = match (&running.target.spec.source, &spec.source) {
                    (Source::Segments { .. }, Source::Gone) => Stop::LastRead,
                    _ => Stop::HandOver,
                };
                memory = running.end(stop).await;
            }
        } else {
            self.tell_new(&spec);
        }
        let target = Arc::new(Target::new(spec));
        let running = TargetLoop::start(Arc::clone(&self.scraper), target, memory);
        self.state.loops.insert(labels, running);
    }

    fn tell_new(&self, spec: &TargetSpec) {
        if let Some(facts) = &spec.announced
            && !matches!(spec.source, Source::Gone)
        {
            self.tell(Sighting::Found {
                service: spec.labels.get("job").unwrap_or_default().to_owned(),
                instance: spec.labels.get("instance").unwrap_or_default().to_owned(),
                framework: facts.framework.clone(),
                processes: facts.processes,
            });
        }
    }

    fn tell_change(&self, from: &TargetSpec, to: &TargetSpec) {
        let was_gone = matches!(from.source, Source::Gone);
        let is_gone = matches!(to.source, Source::Gone);
        if is_gone && !was_gone {
            self.tell(Sighting::Gone {
                service: to.labels.get("job").unwrap_or_default().to_owned(),
                instance: to.labels.get("instance").unwrap_or_default().to_owned(),
            });
        } else if was_gone && !is_gone {
            self.tell_new(to);
        }
    }

    fn tell(&self, sighting: Sighting) {
        info!(?sighting, "local processes changed");
        // A terminal that stands still must not stop discovery.
        drop(self.sightings.try_send(sighting));
    }

    fn announced_specs(&self) -> Vec<TargetSpec> {
        let job = &self.announced_job;
        let spec_of = |instance: &Instance| announced_spec(job, instance);
        self.state.instances.iter().map(spec_of).collect()
    }

    fn add_configured(&mut self, wanted: &mut HashMap<Labels, TargetSpec>) {
        self.state.dropped.clear();
        let config = Arc::clone(&self.config);
        for job in &config.jobs {
            for group in &job.static_groups {
                for address in &group.targets {
                    self.add(job, address, &group.labels, TargetKind::Static, wanted);
                }
            }
            for (path, group) in self.state.files.look(&job.files) {
                let mut labels = group.labels.builder();
                labels.set("__meta_filepath", path.to_string_lossy());
                let labels = labels.build();
                for address in &group.targets {
                    self.add(job, address, &labels, TargetKind::File, wanted);
                }
            }
        }
    }

    fn add(
        &mut self,
        job: &Arc<JobConfig>,
        address: &str,
        found: &Labels,
        kind: TargetKind,
        wanted: &mut HashMap<Labels, TargetSpec>,
    ) {
        match build_target(job, address, found, kind) {
            Ok(Built::Target(spec)) => {
                if let Some(other) = wanted.get(&spec.labels) {
                    let text = format!(
                        "target {address:?} of job {:?} has the same labels as {:?} of job {:?} \
                         and is left out; give one of them another label",
                        job.name,
                        other.discovered.get("__address__").unwrap_or_default(),
                        other.job.name
                    );
                    if other.source != spec.source {
                        self.warn_once(text);
                    }
                    return;
                }
                wanted.insert(spec.labels.clone(), *spec);
            }
            Ok(Built::Dropped(labels)) => self.state.dropped.push(labels),
            Err(error) => self.warn_once(format!("job {:?}: {error}", job.name)),
        }
    }
}

/// Whether a running loop already does what is wanted.
fn same(running: &TargetSpec, wanted: &TargetSpec) -> bool {
    Arc::ptr_eq(&running.job, &wanted.job)
        && running.source == wanted.source
        && running.discovered == wanted.discovered
}

fn announced_spec(job: &Arc<JobConfig>, instance: &Instance) -> TargetSpec {
    let group = &instance.group;
    let announcement = &group.announcement;
    let mut labels = LabelsBuilder::new();
    labels.set("job", announcement.service.clone());
    labels.set("instance", instance.name.clone());
    let labels = labels.build();
    let mut discovered = labels.builder();
    discovered.set("__address__", group.dir.to_string_lossy());
    discovered.set("__meta_pyrometer_pid", group.key.0.pid.to_string());
    discovered.set(
        "__meta_pyrometer_python_version",
        announcement.python_version.clone(),
    );
    discovered.set(
        "__meta_pyrometer_package_version",
        announcement.package_version.clone(),
    );
    if let Some(framework) = &announcement.framework {
        discovered.set("__meta_pyrometer_framework", framework.clone());
    }
    let source = match instance.gone_since {
        Some(_) => Source::Gone,
        None => Source::Segments {
            dir: group.dir.clone(),
        },
    };
    TargetSpec {
        job: Arc::clone(job),
        labels,
        discovered: discovered.build(),
        source,
        kind: TargetKind::Announced,
        interval: job.interval,
        timeout: job.timeout,
        announced: Some(AnnouncedFacts {
            framework: announcement.framework.clone(),
            runtime: format!("python {}", announcement.python_version),
            version: announcement.version.clone(),
            started: announcement.started,
            processes: group.processes.len(),
        }),
    }
}
