//! What a process group has measured so far: the sum over its processes.

use std::borrow::Cow;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use crate::exemplar::Exemplar;
use crate::find::LiveProcess;
use crate::private_fs::Untrusted;
use crate::record::{self, FamilyKey};

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
    /// None for an info, whose keys hold names and values in turn.
    pub(crate) label_names: Vec<Arc<str>>,
    /// The label values of all series, as records hold them: a box for each would cost more than
    /// all the rest of a reading.
    keys: Vec<u8>,
}

/// One label set of a family, and its value.
#[derive(Clone, Debug, PartialEq)]
pub struct SeriesReading {
    pub(crate) key: Range<usize>,
    /// The process it belongs to, for gauges that have a series a process.
    pub(crate) pid: Option<u32>,
    pub value: Value,
    /// The latest of each cell that has one.
    pub exemplars: Vec<Exemplar>,
}

impl FamilyReading {
    pub(crate) fn of_keys(key: &FamilyKey, keys: Vec<u8>, series: Vec<SeriesReading>) -> Self {
        Self {
            registry: key.registry,
            name: Arc::clone(&key.name),
            kind: key.kind,
            help: Arc::clone(&key.help),
            unit: Arc::clone(&key.unit),
            series,
            label_names: key.label_names.clone(),
            keys,
        }
    }

    /// A metric that comes from elsewhere than from cells. Each row has as many label values as
    /// there are label names.
    pub(crate) fn of_rows<'a>(
        (kind, name, help): (FamilyKind, &str, &str),
        label_names: &[&str],
        rows: impl IntoIterator<Item = (Vec<&'a str>, Value)>,
    ) -> Self {
        let mut keys = Vec::new();
        let mut series = Vec::new();
        for (texts, value) in rows {
            let start = keys.len();
            keys.extend(record::encode_texts(texts));
            series.push(SeriesReading::new(start..keys.len(), None, value));
        }
        Self {
            registry: 0,
            name: name.into(),
            kind,
            help: help.into(),
            unit: "".into(),
            series,
            label_names: label_names.iter().map(|name| Arc::from(*name)).collect(),
            keys,
        }
    }

    /// The label values of a series, in the order in which the family declares the labels; of an
    /// info names and values in turn. Without the `pid` of a gauge that has one.
    pub(crate) fn texts<'a>(&'a self, series: &SeriesReading, texts: &mut Vec<&'a str>) {
        texts.clear();
        // Only keys that are whole get into a reading.
        record::push_texts(&self.keys[series.key.clone()], texts);
    }

    /// Name and value of each label of a series, in the order in which the family declares them.
    pub fn labels<'a>(&'a self, series: &SeriesReading) -> Vec<(&'a str, Cow<'a, str>)> {
        let mut texts = Vec::new();
        self.texts(series, &mut texts);
        let mut labels: Vec<(&str, Cow<'_, str>)> = if self.kind == FamilyKind::Info {
            let (pairs, _) = texts.as_chunks::<2>();
            pairs
                .iter()
                .map(|[name, value]| (*name, Cow::Borrowed(*value)))
                .collect()
        } else {
            let names = self.label_names.iter().map(|name| &**name);
            names.zip(texts.into_iter().map(Cow::Borrowed)).collect()
        };
        if let Some(pid) = series.pid {
            labels.push(("pid", Cow::Owned(pid.to_string())));
        }
        labels
    }
}

impl SeriesReading {
    pub(crate) fn new(key: Range<usize>, pid: Option<u32>, value: Value) -> Self {
        Self {
            key,
            pid,
            value,
            exemplars: Vec::new(),
        }
    }
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
        /// Present when the histogram is native, too or only.
        native: Option<Box<NativeReading>>,
    },
    Info,
    /// Each state and whether it is the current one.
    StateSet(Vec<(Arc<str>, bool)>),
}

/// The buckets of a native histogram: bucket `k` ends at `2^(k / 2^schema)`.
#[derive(Clone, Debug, PartialEq)]
pub struct NativeReading {
    pub schema: i8,
    pub zero_threshold: f64,
    pub zero_count: f64,
    /// All observations; more than in buckets where some were NaN.
    pub count: f64,
    /// Number and count of each bucket that is not empty, ascending.
    pub positive: Vec<(i32, f64)>,
    /// The same of negative observations, by their size without the sign.
    pub negative: Vec<(i32, f64)>,
}

impl Value {
    /// When it began, in seconds since the epoch.
    pub fn created(&self) -> Option<f64> {
        match self {
            Self::Counter { created, .. }
            | Self::Summary { created, .. }
            | Self::Histogram { created, .. } => *created,
            Self::Gauge(_) | Self::Info | Self::StateSet(_) => None,
        }
    }
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
