//! What a process group has measured so far: the sum over its processes.

use std::path::PathBuf;
use std::sync::Arc;

use crate::exemplar::Exemplar;
use crate::find::LiveProcess;
use crate::private_fs::Untrusted;

/// What a metric is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FamilyKind {
    Counter,
    Gauge,
    Summary,
    Histogram,
    Info,
    StateSet,
}

/// The values of a whole process group.
#[derive(Clone, Debug, Default)]
pub struct GroupReading {
    /// In the order in which they were first used, the group's oldest process first.
    pub families: Vec<FamilyReading>,
    pub processes: Vec<LiveProcess>,
    /// What could not be read. The rest of the reading stands.
    pub damaged: Vec<Damage>,
}

/// A metric with all its series.
#[derive(Clone, Debug, PartialEq)]
pub struct FamilyReading {
    /// Which registry of the process it belongs to; 0 is the default one.
    pub registry: u16,
    /// Without `_total` and the like, as OpenMetrics has it.
    pub name: Arc<str>,
    pub kind: FamilyKind,
    pub help: Arc<str>,
    pub unit: Arc<str>,
    pub series: Vec<SeriesReading>,
}

/// One label set of a family, and its value.
#[derive(Clone, Debug, PartialEq)]
pub struct SeriesReading {
    /// In the order in which the family declares them.
    pub labels: Vec<(Arc<str>, Arc<str>)>,
    pub value: Value,
    /// The latest of each cell that has one.
    pub exemplars: Vec<Exemplar>,
}

/// A value, summed over the group.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// `created` is in seconds since the epoch, here and below: when the first process began;
    /// none where nobody knows.
    Counter {
        total: f64,
        created: Option<f64>,
    },
    Gauge(f64),
    Summary {
        count: f64,
        sum: f64,
        created: Option<f64>,
    },
    Histogram {
        /// Upper bound and number of observations of each bucket alone (not cumulative).
        buckets: Vec<(f64, f64)>,
        sum: f64,
        created: Option<f64>,
    },
    Info,
    /// Each state and whether it is the current one.
    StateSet(Vec<(Arc<str>, bool)>),
}

/// Something in a group's folder that could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    pub path: PathBuf,
    /// Byte in the file, where it is known.
    pub offset: Option<u64>,
    pub what: String,
}

/// Which registries are read as one. Metrics of one name in registries that are joined add up
/// as those of several processes do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Registries {
    /// Each by itself.
    Apart,
    /// Those outside ([`crate::OUTSIDE_REGISTRIES`]) with the default one.
    OutsideWithDefault,
    /// All with the default one; of those outside only this one. Gauges of one series a process
    /// then always tell which process it is.
    All { outside: Option<u16> },
}

impl Registries {
    /// The number that a registry is read under; none when it is left out.
    pub(crate) fn number(self, registry: u16) -> Option<u16> {
        let is_outside = crate::OUTSIDE_REGISTRIES <= registry;
        match self {
            Self::Apart => Some(registry),
            Self::OutsideWithDefault => Some(if is_outside { 0 } else { registry }),
            Self::All { outside } => (!is_outside || outside == Some(registry)).then_some(0),
        }
    }
}

/// What one reading may cost.
#[derive(Clone, Copy, Debug)]
pub struct ReadLimits {
    /// Names read from the folder.
    pub files_max: usize,
    /// Bytes read from all files together: 64 workers of 4 MiB.
    pub bytes_max: u64,
    /// Series in the sum. At 200 bytes each this is 200 MB.
    pub series_max: usize,
    /// Damages reported; the rest is only not read.
    pub damaged_max: usize,
}

impl Default for ReadLimits {
    fn default() -> Self {
        Self {
            files_max: 65_536,
            bytes_max: 256 * 1024 * 1024,
            series_max: 1_000_000,
            damaged_max: 100,
        }
    }
}

/// Why a group could not be read at all.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error("the process group is gone")]
    Gone,
    #[error(transparent)]
    Untrusted(Untrusted),
}

impl From<Untrusted> for ReadError {
    fn from(error: Untrusted) -> Self {
        if error.is_absent() {
            Self::Gone
        } else {
            Self::Untrusted(error)
        }
    }
}
