//! Metrics and their cells.

use std::sync::Arc;

use instrument::{FamilyKind, FamilySpec, GaugeMode, NativeSpec};
use pyo3::exceptions::PyValueError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyString;

use crate::clock;
use crate::exemplars::Exemplars;
use crate::exposition::{NativeTuple, native_tuple};
use crate::host::{guard, process};

/// A metric of this process.
#[pyclass(frozen, module = "pyrometer._core")]
pub(crate) struct Family(Arc<instrument::Family>);

/// One label set of a metric.
#[pyclass(frozen, module = "pyrometer._core")]
pub(crate) struct Series {
    series: Arc<instrument::Series>,
    exemplars: Exemplars,
}

/// One value cell, for code that looks inside a metric (`counter._value.get()`).
#[pyclass(frozen, module = "pyrometer._core")]
pub(crate) struct Cell {
    series: Py<Series>,
    index: usize,
}

#[pymethods]
impl Family {
    #[new]
    #[expect(clippy::too_many_arguments, reason = "Python passes them by name")]
    #[pyo3(signature = (kind, name, help, unit="", label_names=Vec::new(), bounds=Vec::new(),
        states=Vec::new(), mode="auto", registry=None, native=None))]
    fn new(
        kind: &str,
        name: &Bound<'_, PyString>,
        help: &Bound<'_, PyAny>,
        unit: &str,
        label_names: Vec<Bound<'_, PyString>>,
        bounds: Vec<f64>,
        states: Vec<Bound<'_, PyString>>,
        mode: &str,
        registry: Option<u16>,
        native: Option<(f64, u16, f64)>,
    ) -> PyResult<Self> {
        let kind = match kind {
            "counter" => FamilyKind::Counter,
            "gauge" => FamilyKind::Gauge,
            "summary" => FamilyKind::Summary,
            "histogram" => FamilyKind::Histogram,
            "info" => FamilyKind::Info,
            "stateset" => FamilyKind::StateSet,
            other => return Err(PyValueError::new_err(format!("no kind of metric: {other}"))),
        };
        let known = GaugeMode::EVERY.into_iter().find(|(text, _)| *text == mode);
        let Some((_, mode)) = known else {
            return Err(PyValueError::new_err(format!(
                "Invalid multiprocess mode: {mode}"
            )));
        };
        let texts = |texts: &[Bound<'_, PyString>]| texts.iter().map(lossy).collect();
        let spec = FamilySpec {
            kind,
            mode,
            name: lossy(name),
            help: lossy(&help.str()?),
            unit: unit.to_owned(),
            label_names: texts(&label_names),
            bounds,
            states: texts(&states),
            native: native.map(native_spec).transpose()?,
        };
        let family = instrument::Family::new(process(), spec);
        if let Some(registry) = registry {
            family.share(registry);
        }
        Ok(Self(family))
    }

    /// The number of the registry it is shared under, if it is.
    #[getter]
    fn registry(&self) -> Option<u16> {
        self.0.registry()
    }

    fn share(&self, registry: u16) {
        guard((), || self.0.share(registry));
    }

    fn unshare(&self) {
        guard((), || self.0.unshare());
    }

    /// Makes the series with these label values. For an info: names and values in turn.
    fn series(&self, label_values: Vec<Bound<'_, PyString>>, now: f64) -> Series {
        let texts: Vec<String> = label_values.iter().map(lossy).collect();
        let texts = || texts.iter().map(String::as_str);
        let made = guard(None, || Some(self.0.series(texts(), now)));
        Series {
            series: made.unwrap_or_else(|| self.0.series_apart(texts(), now)),
            exemplars: Exemplars::default(),
        }
    }
}

#[pymethods]
impl Series {
    /// `Counter.inc`.
    #[pyo3(signature = (amount=1.0, exemplar=None))]
    pub(crate) fn counter_inc(
        &self,
        py: Python<'_>,
        amount: f64,
        exemplar: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        if amount < 0.0 {
            return Err(PyValueError::new_err(
                "Counters can only be incremented by non-negative amounts.",
            ));
        }
        guard((), || self.series.add(amount));
        match exemplar {
            Some(exemplar) => self.keep_exemplar(py, 0, exemplar, amount),
            None => Ok(()),
        }
    }

    /// `Gauge.inc`.
    #[pyo3(signature = (amount=1.0))]
    pub(crate) fn gauge_inc(&self, amount: f64) {
        guard((), || self.series.gauge_add(amount));
    }

    /// `Gauge.dec`.
    #[pyo3(signature = (amount=1.0))]
    pub(crate) fn gauge_dec(&self, amount: f64) {
        guard((), || self.series.gauge_add(-amount));
    }

    /// `Gauge.set`. Whatever `float()` takes is taken.
    pub(crate) fn gauge_set(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        self.gauge_set_to(to_float(value)?);
        Ok(())
    }

    /// `Summary.observe`.
    pub(crate) fn summary_observe(&self, amount: f64) {
        guard((), || self.series.summary_observe(amount));
    }

    /// `Histogram.observe`.
    #[pyo3(signature = (amount, exemplar=None))]
    pub(crate) fn histogram_observe(
        &self,
        py: Python<'_>,
        amount: f64,
        exemplar: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let bucket = guard(None, || self.series.histogram_observe(amount));
        match (exemplar, bucket) {
            (Some(exemplar), Some(bucket)) => self.keep_exemplar(py, 1 + bucket, exemplar, amount),
            _ => Ok(()),
        }
    }

    /// `Enum.state`, by the state's place.
    fn set_state(&self, state: usize) {
        guard((), || self.series.set_state(state, clock::now()));
    }

    /// A value of this process alone; `Cell` says which is which.
    fn get(&self, index: usize) -> f64 {
        guard(0.0, || self.series.cell(index))
    }

    /// The buckets of a native histogram, of this process alone.
    fn native(&self) -> Option<NativeTuple> {
        let native = guard(None, || self.series.native())?;
        Some(native_tuple(&native))
    }

    #[getter]
    fn created(&self) -> f64 {
        self.series.created()
    }

    fn reset(&self, now: f64) {
        guard((), || self.series.reset(now));
    }

    /// Moves what was counted into shared memory, after the family was shared.
    fn share(&self) {
        guard((), || self.series.share());
    }

    /// Takes it out of the sum.
    fn remove(&self) {
        guard((), || self.series.remove());
    }

    fn get_exemplar(&self, py: Python<'_>, index: usize) -> Option<Py<PyAny>> {
        self.exemplars.get(py, &self.series, index)
    }

    fn set_exemplar(&self, index: usize, exemplar: &Bound<'_, PyAny>) {
        self.exemplars.set(&self.series, index, exemplar);
    }
}

impl Series {
    /// Sets a gauge to a number.
    pub(crate) fn gauge_set_to(&self, value: f64) {
        guard((), || self.series.gauge_set(value, clock::now()));
    }

    #[cold]
    fn keep_exemplar(
        &self,
        py: Python<'_>,
        index: usize,
        labels: &Bound<'_, PyAny>,
        amount: f64,
    ) -> PyResult<()> {
        static MAKE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        if !labels.is_truthy()? {
            return Ok(());
        }
        let make = MAKE.import(py, "pyrometer.wrapper", "_make_exemplar")?;
        let exemplar = make.call1((labels, amount))?;
        self.set_exemplar(index, &exemplar);
        Ok(())
    }
}

#[pymethods]
impl Cell {
    #[new]
    fn new(series: Py<Series>, index: usize) -> Self {
        Self { series, index }
    }

    fn get(&self) -> f64 {
        self.series.get().get(self.index)
    }

    fn inc(&self, amount: f64) {
        let series = &self.series.get().series;
        guard((), || series.add_to_cell(self.index, amount));
    }

    #[pyo3(signature = (value, timestamp=None))]
    fn set(&self, value: f64, timestamp: Option<&Bound<'_, PyAny>>) {
        // prometheus_client's gauges pass a time; ours is taken where it is needed.
        _ = timestamp;
        let series = &self.series.get().series;
        guard((), || series.set_cell(self.index, value));
    }

    fn get_exemplar(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        self.series.get().get_exemplar(py, self.index)
    }

    fn set_exemplar(&self, exemplar: &Bound<'_, PyAny>) {
        self.series.get().set_exemplar(self.index, exemplar);
    }
}

/// Factor, most buckets of a sign, and zero threshold.
fn native_spec((factor, n_buckets, zero_threshold): (f64, u16, f64)) -> PyResult<NativeSpec> {
    NativeSpec::new(factor, n_buckets, zero_threshold).ok_or_else(|| {
        PyValueError::new_err(
            "a native histogram needs a bucket factor above 1, a bucket number from 1 to 4096 and \
             a zero threshold from 0 on",
        )
    })
}

/// A Python string may hold lone surrogates, which no text format can; they are replaced.
pub(crate) fn lossy(text: &Bound<'_, PyString>) -> String {
    text.to_string_lossy().into_owned()
}

/// What `float()` makes of it.
pub(crate) fn to_float(value: &Bound<'_, PyAny>) -> PyResult<f64> {
    if let Ok(value) = value.extract() {
        return Ok(value);
    }
    let py = value.py();
    let builtins = py.import(intern!(py, "builtins"))?;
    builtins
        .getattr(intern!(py, "float"))?
        .call1((value,))?
        .extract()
}
