//! The group's sum as Python objects and as text.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use instrument::{
    Escaping, FamilyKind, FamilyReading, GroupKey, GroupReading, OpenMetricsWriter, PlainSample,
    ProtobufWriter, ReadLimits, Registries, TextWriter, Value,
};
use pyo3::exceptions::{PyAttributeError, PyMemoryError, PyOSError, PyRuntimeError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PySet, PyString};
use rustix::process::{Resource, getrlimit};

use crate::cells::{lossy, to_float};
use crate::exemplars::{self, ExemplarTuple};
use crate::host::{guard, process};

/// The values of a process group at one moment.
#[pyclass(frozen, module = "pyrometer._core")]
pub(crate) struct Reading {
    reading: GroupReading,
    places: HashMap<(u16, String), usize>,
}

/// Suffix, labels, value and, of a native histogram, buckets.
type SampleTuple = (
    &'static str,
    Vec<(String, String)>,
    f64,
    Option<NativeTuple>,
);

/// Count, schema, zero threshold, zero count, positive and negative buckets.
pub(crate) type NativeTuple = (f64, i8, f64, f64, Vec<(i32, f64)>, Vec<(i32, f64)>);

/// Name, kind, help and unit of a metric.
type FamilyTuple = (String, &'static str, String, String);

/// Reads the group of this process; with a folder, the group that lies there, as a server does.
#[pyfunction]
#[pyo3(signature = (folder=None))]
pub(crate) fn read_group(py: Python<'_>, folder: Option<PathBuf>) -> PyResult<Reading> {
    require_room(folder.clone().or_else(|| process().group_dir()))?;
    let limits = ReadLimits::default();
    let reading = py.detach(|| match folder {
        None => Ok(guard(GroupReading::default(), || {
            process().read_group(&limits)
        })),
        Some(folder) => guard(Ok(GroupReading::default()), || {
            instrument::read_group(&folder, &limits)
        }),
    });
    let reading = reading.map_err(|error| PyOSError::new_err(error.to_string()))?;
    Ok(Reading::of(reading))
}

/// Reads all registries of this process's group as one, under number 0; of those outside only
/// `outside`. `groups` are other groups by their folders' names, which count for the same sum.
#[pyfunction]
pub(crate) fn read_joined(py: Python<'_>, outside: Option<u16>, groups: Vec<String>) -> Reading {
    let groups: Vec<GroupKey> = groups
        .iter()
        .filter_map(|name| GroupKey::parse(name))
        .collect();
    let reading = py.detach(|| {
        let registries = Registries::All { outside };
        let read = || process().read_groups(&ReadLimits::default(), registries, &groups);
        guard(GroupReading::default(), read)
    });
    Reading::of(reading)
}

/// What a reading and its text take at most, besides as many times the files' bytes.
const ROOM_BYTES: u64 = 1 << 20;
const ROOM_FACTOR: u64 = 12;
/// Of `st_blocks`: stat(3type).
const BLOCK_BYTES: u64 = 512;

/// Rust ends a program that runs out of memory. Where the host limits it (`ulimit -v`), whether
/// there is enough is asked before; what Python is short of afterwards, it raises itself.
fn require_room(folder: Option<PathBuf>) -> PyResult<()> {
    if getrlimit(Resource::As).current.is_none() {
        return Ok(());
    }
    let files = folder.and_then(|folder| std::fs::read_dir(folder).ok());
    let sizes = files.into_iter().flatten().flatten();
    // Not their lengths: what somebody made longer has no more in it.
    let sizes = sizes.filter_map(|file| Some(file.metadata().ok()?.blocks() * BLOCK_BYTES));
    let wanted = ROOM_BYTES.saturating_add(sizes.sum::<u64>().saturating_mul(ROOM_FACTOR));
    let mut room: Vec<u8> = Vec::new();
    usize::try_from(wanted)
        .ok()
        .and_then(|wanted| room.try_reserve_exact(wanted).ok())
        .ok_or_else(|| PyMemoryError::new_err("too little memory is left to read the metrics"))
}

fn places(reading: &GroupReading) -> HashMap<(u16, String), usize> {
    let place = |(place, family): (usize, &FamilyReading)| {
        ((family.registry, family.name.to_string()), place)
    };
    reading.families.iter().enumerate().map(place).collect()
}

#[pymethods]
impl Reading {
    fn has(&self, registry: u16, name: String) -> bool {
        self.places.contains_key(&(registry, name))
    }

    /// The numbers of the registries that have metrics, the default one first.
    fn registries(&self) -> Vec<u16> {
        let numbers = self.reading.families.iter().map(|family| family.registry);
        numbers.collect::<BTreeSet<u16>>().into_iter().collect()
    }

    /// All metrics of a registry.
    fn families(&self, registry: u16) -> Vec<FamilyTuple> {
        let of_registry = self.reading.families.iter();
        let of_registry = of_registry.filter(|family| family.registry == registry);
        let tuple = |family: &FamilyReading| {
            let (name, help) = (family.name.to_string(), family.help.to_string());
            (name, kind_text(family.kind), help, family.unit.to_string())
        };
        guard(Vec::new(), || of_registry.map(tuple).collect())
    }

    /// The samples of a metric; none when the group does not have it.
    fn samples(&self, registry: u16, name: String, with_created: bool) -> Option<Vec<SampleTuple>> {
        let family = self.family(registry, name)?;
        let mut samples = Vec::new();
        for series in &family.series {
            guard((), || {
                let labels: Vec<(String, String)> = family
                    .labels(series)
                    .into_iter()
                    .map(|(name, value)| (name.to_owned(), value.into_owned()))
                    .collect();
                push_samples(
                    &family.name,
                    &series.value,
                    labels,
                    with_created,
                    &mut samples,
                );
            });
        }
        Some(samples)
    }

    /// The exemplars of a metric's samples.
    fn exemplars(&self, registry: u16, name: String) -> Vec<ExemplarTuple> {
        let family = self.family(registry, name);
        family.map_or_else(Vec::new, exemplars::of_family)
    }

    /// What could not be read, as text.
    fn damaged(&self) -> Vec<String> {
        let text =
            |damage: &instrument::Damage| format!("{}: {}", damage.path.display(), damage.what);
        self.reading.damaged.iter().map(text).collect()
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        let reading = std::mem::take(&mut self.reading);
        // Giving back the memory of a hundred thousand series takes milliseconds. Without an
        // interpreter (it ends) nobody waits for it.
        Python::try_attach(|py| py.detach(|| drop(reading)));
    }
}

impl Reading {
    fn of(reading: GroupReading) -> Self {
        let places = places(&reading);
        Self { reading, places }
    }

    fn family(&self, registry: u16, name: String) -> Option<&FamilyReading> {
        let place = self.places.get(&(registry, name))?;
        self.reading.families.get(*place)
    }
}

fn push_samples(
    family: &str,
    value: &Value,
    labels: Vec<(String, String)>,
    with_created: bool,
    out: &mut Vec<SampleTuple>,
) {
    let with = |name: &str, value: String| {
        let mut labels = labels.clone();
        labels.push((name.to_owned(), value));
        labels
    };
    let mut push = |suffix, labels, value| out.push((suffix, labels, value, None));
    match value {
        Value::Counter { total, .. } => push("_total", labels.clone(), *total),
        Value::Gauge(value) => push("", labels.clone(), *value),
        Value::Summary { count, sum, .. } => {
            push("_count", labels.clone(), *count);
            push("_sum", labels.clone(), *sum);
        }
        Value::Histogram {
            buckets,
            sum,
            native,
            ..
        } => {
            let mut total = 0.0;
            for (bound, count) in buckets {
                total += count;
                let bound = instrument::format_value(*bound);
                push("_bucket", with("le", bound), total);
            }
            if let (Some(native), true) = (native, buckets.is_empty()) {
                total = native.count;
                push("_bucket", with("le", "+Inf".to_owned()), total);
            }
            push("_count", labels.clone(), total);
            if buckets.first().is_none_or(|(bound, _)| 0.0 <= *bound) {
                push("_sum", labels.clone(), *sum);
            }
            if let Some(native) = native {
                out.push(("", labels.clone(), *sum, Some(native_tuple(native))));
            }
        }
        Value::Info => push("_info", labels.clone(), 1.0),
        Value::StateSet(states) => {
            for (state, is_on) in states {
                let labels = with(family, state.to_string());
                push("", labels, f64::from(u8::from(*is_on)));
            }
        }
    }
    if let (Some(created), true) = (value.created(), with_created) {
        out.push(("_created", labels, created, None));
    }
}

pub(crate) fn native_tuple(native: &instrument::NativeReading) -> NativeTuple {
    (
        native.count,
        native.schema,
        native.zero_threshold,
        native.zero_count,
        native.positive.clone(),
        native.negative.clone(),
    )
}

fn kind_text(kind: FamilyKind) -> &'static str {
    match kind {
        FamilyKind::Counter => "counter",
        FamilyKind::Gauge => "gauge",
        FamilyKind::Summary => "summary",
        FamilyKind::Histogram => "histogram",
        FamilyKind::Info => "info",
        FamilyKind::StateSet => "stateset",
    }
}

/// Writes one of the formats.
#[pyclass(frozen, module = "pyrometer._core")]
pub(crate) struct ExpositionWriter(Mutex<Option<Format>>);

enum Format {
    Text(TextWriter),
    OpenMetrics(OpenMetricsWriter),
    Protobuf(ProtobufWriter),
}

#[pymethods]
impl ExpositionWriter {
    /// The format is `text` (0.0.4), `openmetrics-1`, `openmetrics-2` or `protobuf`.
    #[new]
    fn new(format: &str, escaping: &str, with_created: bool) -> PyResult<Self> {
        let escaping = match escaping {
            "underscores" => Escaping::Underscores,
            "allow-utf-8" => Escaping::AllowUtf8,
            "dots" => Escaping::Dots,
            "values" => Escaping::Values,
            other => {
                return Err(PyValueError::new_err(format!(
                    "no escaping scheme: {other}"
                )));
            }
        };
        let openmetrics = |with_native| {
            let writer = OpenMetricsWriter::new(escaping, with_created, with_native);
            Format::OpenMetrics(writer)
        };
        let writer = match format {
            "text" => Format::Text(TextWriter::new(escaping, with_created)),
            "openmetrics-1" => openmetrics(false),
            "openmetrics-2" => openmetrics(true),
            "protobuf" => Format::Protobuf(ProtobufWriter::new(escaping, with_created)),
            other => return Err(PyValueError::new_err(format!("no format: {other}"))),
        };
        Ok(Self(Mutex::new(Some(writer))))
    }

    /// Writes a metric of the group; false when the group does not have it. With `asked` only
    /// the samples of these names.
    #[pyo3(signature = (reading, registry, name, asked=None))]
    fn family(
        &self,
        py: Python<'_>,
        reading: &Reading,
        registry: u16,
        name: String,
        asked: Option<Bound<'_, PySet>>,
    ) -> bool {
        let Some(family) = reading.family(registry, name) else {
            return false;
        };
        // A name that is no UTF-8 is nobody's.
        let asked: Option<HashSet<String>> = asked.map(|names| {
            names
                .iter()
                .filter_map(|name| name.extract().ok())
                .collect()
        });
        let asked = asked.as_ref();
        py.detach(|| {
            self.with((), |format| {
                guard((), || match format {
                    Format::Text(writer) => writer.family(family, asked),
                    Format::OpenMetrics(writer) => writer.family(family, asked),
                    Format::Protobuf(writer) => writer.family(family, asked),
                });
            });
        });
        true
    }

    /// Writes a `Metric`; false in a format for which only Python can.
    fn metric(&self, metric: &Bound<'_, PyAny>) -> PyResult<bool> {
        if !self.with(false, |format| matches!(format, Format::Text(_))) {
            return Ok(false);
        }
        let py = metric.py();
        let text = |name| -> PyResult<String> { Ok(lossy(&metric.getattr(name)?.str()?)) };
        let name = text(intern!(py, "name"))?;
        let help = text(intern!(py, "documentation"))?;
        let kind = text(intern!(py, "type"))?;
        let mut samples = Vec::new();
        for sample in metric.getattr(intern!(py, "samples"))?.try_iter()? {
            let sample = sample?;
            // This format has no native histograms; their count and sum are samples of their own.
            if !is_native(&sample)? {
                samples.push(plain_sample(&sample)?);
            }
        }
        self.with((), |format| {
            if let Format::Text(writer) = format {
                guard((), || writer.plain_family(&name, &help, &kind, &samples));
            }
        });
        Ok(true)
    }

    /// Appends what Python wrote of a metric.
    fn append(&self, written: &[u8]) {
        self.with((), |format| {
            guard((), || match format {
                Format::Text(writer) => writer.append(&String::from_utf8_lossy(written)),
                Format::OpenMetrics(writer) => writer.append(&String::from_utf8_lossy(written)),
                Format::Protobuf(writer) => writer.append(written),
            });
        });
    }

    fn finish<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let mut writer = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let writer = writer.take();
        let writer = writer.ok_or_else(|| PyRuntimeError::new_err("finished already"))?;
        let bytes = guard(Vec::new(), || match writer {
            Format::Text(writer) => writer.finish().into_bytes(),
            Format::OpenMetrics(writer) => writer.finish().into_bytes(),
            Format::Protobuf(writer) => writer.finish(),
        });
        Ok(PyBytes::new(py, &bytes))
    }
}

impl ExpositionWriter {
    fn with<T>(&self, otherwise: T, work: impl FnOnce(&mut Format) -> T) -> T {
        let mut writer = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        writer.as_mut().map_or(otherwise, work)
    }
}

fn is_native(sample: &Bound<'_, PyAny>) -> PyResult<bool> {
    let native = sample.getattr_opt(intern!(sample.py(), "native_histogram"))?;
    Ok(native.is_some_and(|native| !native.is_none()))
}

fn plain_sample(sample: &Bound<'_, PyAny>) -> PyResult<PlainSample> {
    let py = sample.py();
    let labels = sample.getattr(intern!(py, "labels"))?;
    let mut pairs = Vec::new();
    for (name, value) in labels.cast::<PyDict>()?.iter() {
        let Ok(value) = value.cast::<PyString>() else {
            // As prometheus_client does; a bucket of "None" is worse than an error that tells.
            let message = format!("the value of label {name} is no text: {value}");
            return Err(PyAttributeError::new_err(message));
        };
        pairs.push((lossy(&name.str()?), lossy(value)));
    }
    let name = sample.getattr(intern!(py, "name"))?;
    let timestamp = sample.getattr(intern!(py, "timestamp"))?;
    let timestamp_ms = if timestamp.is_none() {
        None
    } else {
        // A Timestamp is no float, but has one; cut to milliseconds as prometheus_client does.
        Some((to_float(&timestamp)? * 1000.0) as i64)
    };
    Ok(PlainSample {
        name: lossy(name.cast::<PyString>()?),
        labels: pairs,
        value: to_float(&sample.getattr(intern!(py, "value"))?)?,
        timestamp_ms,
    })
}

/// A number as the text format writes it (prometheus_client's `floatToGoString`).
#[pyfunction]
pub(crate) fn format_value(value: f64) -> String {
    guard(String::new(), || instrument::format_value(value))
}
