//! Who is scraped, and how it went: the one list that discovery writes and the API reads.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use model::{Labels, Timestamp};

use crate::config::JobConfig;
use crate::metadata::Metadata;

/// One thing to scrape, as discovery found it.
#[derive(Clone, Debug)]
pub(crate) struct TargetSpec {
    /// How to scrape it; shared by the targets of a job.
    pub(crate) job: Arc<JobConfig>,
    /// What every series of this target carries. Unique among all targets.
    pub(crate) labels: Labels,
    /// Before relabelling, `__address__` and `__meta_…` included.
    pub(crate) discovered: Labels,
    pub(crate) source: Source,
    pub(crate) kind: TargetKind,
    pub(crate) interval: Duration,
    pub(crate) timeout: Duration,
    /// Facts from an announcement when the target was found; [`Target::announced`] has the
    /// newest.
    pub(crate) announced: Option<AnnouncedFacts>,
}

/// Where the samples come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// Asked over HTTP.
    Http { url: String },
    /// A process group's segments, read from its folder.
    Segments { dir: PathBuf },
    /// A process group that is gone and was expected to live.
    Gone,
}

/// How a target was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TargetKind {
    Announced,
    Static,
    File,
}

/// What an announced process group says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AnnouncedFacts {
    pub(crate) framework: Option<String>,
    /// `python 3.12.1`.
    pub(crate) runtime: String,
    pub(crate) version: Option<String>,
    pub(crate) started: Timestamp,
    /// Live processes of the group.
    pub(crate) processes: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Health {
    /// Not scraped yet.
    Unknown,
    Up,
    Down,
}

/// A target and how its last scrape went.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) spec: TargetSpec,
    status: Mutex<TargetStatus>,
    metadata: Mutex<Arc<Metadata>>,
    /// Workers come and go without the target becoming another one.
    announced: Mutex<Option<AnnouncedFacts>>,
}

/// The last scrape of one target.
#[derive(Clone, Debug)]
pub(crate) struct TargetStatus {
    pub(crate) health: Health,
    pub(crate) last_scrape: Option<Timestamp>,
    pub(crate) duration: Duration,
    /// Why it is down, or which limit cut it.
    pub(crate) error: Option<String>,
    /// Samples kept, after relabelling.
    pub(crate) samples: usize,
    /// The limit that cut the scrape, by its configuration name.
    pub(crate) limited: Option<String>,
    /// The first bad lines; at most [`REJECTED_SHOWN`].
    pub(crate) rejected: Vec<RejectedLine>,
    pub(crate) rejected_total: usize,
}

/// A line of a body that was left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RejectedLine {
    /// From 1.
    pub(crate) line: usize,
    /// Its beginning.
    pub(crate) text: String,
    pub(crate) reason: String,
}

/// Enough to see what is wrong with a body.
pub(crate) const REJECTED_SHOWN: usize = 5;

/// Dropped targets kept for the targets page.
const DROPPED_MAX: usize = 1000;

impl Target {
    pub(crate) fn new(spec: TargetSpec) -> Self {
        Self {
            status: Mutex::new(TargetStatus::unknown()),
            metadata: Mutex::default(),
            announced: Mutex::new(spec.announced.clone()),
            spec,
        }
    }

    /// The value of the `job` label: the service this target belongs to.
    pub(crate) fn service(&self) -> &str {
        self.spec.labels.get("job").unwrap_or_default()
    }

    pub(crate) fn instance(&self) -> &str {
        self.spec.labels.get("instance").unwrap_or_default()
    }

    pub(crate) fn status(&self) -> TargetStatus {
        self.status
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(crate) fn set_status(&self, status: TargetStatus) {
        *self.status.lock().unwrap_or_else(PoisonError::into_inner) = status;
    }

    pub(crate) fn announced(&self) -> Option<AnnouncedFacts> {
        self.announced
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(crate) fn set_announced(&self, facts: Option<AnnouncedFacts>) {
        *self
            .announced
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = facts;
    }

    pub(crate) fn metadata(&self) -> Arc<Metadata> {
        Arc::clone(&self.metadata.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn set_metadata(&self, metadata: Metadata) {
        *self.metadata.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(metadata);
    }
}

impl TargetStatus {
    pub(crate) fn unknown() -> Self {
        Self {
            health: Health::Unknown,
            last_scrape: None,
            duration: Duration::ZERO,
            error: None,
            samples: 0,
            limited: None,
            rejected: Vec::new(),
            rejected_total: 0,
        }
    }
}

impl Health {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Up => "up",
            Self::Down => "down",
        }
    }
}

impl TargetKind {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Announced => "announced",
            Self::Static => "static",
            Self::File => "file",
        }
    }
}

/// All targets. Readers get a list that does not change under them.
#[derive(Debug, Default)]
pub(crate) struct Targets {
    list: RwLock<TargetList>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct TargetList {
    /// Sorted by job, then labels.
    pub(crate) active: Arc<Vec<Arc<Target>>>,
    /// Labels before relabelling of what a rule dropped; at most a thousand.
    pub(crate) dropped: Arc<Vec<Labels>>,
}

impl Targets {
    pub(crate) fn list(&self) -> TargetList {
        self.list
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(crate) fn active(&self) -> Arc<Vec<Arc<Target>>> {
        self.list().active
    }

    /// Whether everybody who is scraped was at least once.
    pub(crate) fn all_scraped(&self) -> bool {
        let active = self.active();
        let mut scraped = active
            .iter()
            .map(|target| target.status().last_scrape.is_some());
        scraped.all(|scraped| scraped)
    }

    pub(crate) fn replace(&self, mut active: Vec<Arc<Target>>, mut dropped: Vec<Labels>) {
        active.sort_by(|a, b| (a.service(), &a.spec.labels).cmp(&(b.service(), &b.spec.labels)));
        dropped.truncate(DROPPED_MAX);
        *self.list.write().unwrap_or_else(PoisonError::into_inner) = TargetList {
            active: Arc::new(active),
            dropped: Arc::new(dropped),
        };
    }
}
