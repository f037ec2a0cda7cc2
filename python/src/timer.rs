//! Seconds that a block or a function took, told to a metric.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use pyo3::exceptions::PyAttributeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyString, PyTuple};

use crate::clock;
use crate::metric::Metric;

/// Tells a metric how many seconds the block took; ``duration`` has them afterwards.
///
/// Frozen, with cells that need no turn: borrowing for each of the three calls is a tenth of it.
#[pyclass(frozen, subclass, module = "pyrometer.context_managers")]
pub(crate) struct Timer {
    target: Target,
    /// The method that was chosen within the block; it takes the place of `target`.
    chosen: OnceLock<Target>,
    /// By `clock::monotonic`.
    started: Seconds,
    duration: Seconds,
}

/// Seconds, or none yet.
struct Seconds(AtomicU64);

/// A NaN that no calculation gives.
const NONE: u64 = u64::MAX;

impl Seconds {
    fn none() -> Self {
        Self(AtomicU64::new(NONE))
    }

    fn get(&self) -> Option<f64> {
        let bits = self.0.load(Ordering::Relaxed);
        (bits != NONE).then(|| f64::from_bits(bits))
    }

    fn set(&self, seconds: Option<f64>) {
        self.0
            .store(seconds.map_or(NONE, f64::to_bits), Ordering::Relaxed);
    }
}

/// Who is told.
pub(crate) enum Target {
    Gauge(Py<Metric>),
    Histogram(Py<Metric>),
    Summary(Py<Metric>),
    /// A method by its name, looked up when the time is there.
    Method {
        metric: Py<PyAny>,
        name: Py<PyString>,
    },
}

#[pymethods]
impl Timer {
    #[new]
    fn new(metric: Py<PyAny>, callback_name: Py<PyString>) -> Self {
        Self::of(Target::Method {
            metric,
            name: callback_name,
        })
    }

    #[getter]
    fn _metric(&self, py: Python<'_>) -> Py<PyAny> {
        match self.target() {
            Target::Gauge(metric) | Target::Histogram(metric) | Target::Summary(metric) => {
                metric.clone_ref(py).into_any()
            }
            Target::Method { metric, .. } => metric.clone_ref(py),
        }
    }

    #[getter]
    fn _callback_name(&self, py: Python<'_>) -> Py<PyString> {
        match self.target() {
            Target::Gauge(_) => intern!(py, "set").clone().unbind(),
            Target::Histogram(_) | Target::Summary(_) => intern!(py, "observe").clone().unbind(),
            Target::Method { name, .. } => name.clone_ref(py),
        }
    }

    /// What takes the moment of the beginning, by `monotonic`, if it is a method that counts.
    fn _observer(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        let (metric, method) = match self.target() {
            Target::Gauge(metric) => (metric, intern!(py, "_gauge_set_since")),
            Target::Histogram(metric) => (metric, intern!(py, "_histogram_observe_since")),
            Target::Summary(metric) => (metric, intern!(py, "_summary_observe_since")),
            Target::Method { .. } => return Ok(None),
        };
        metric.getattr(py, method).map(Some)
    }

    #[getter]
    fn duration(&self) -> Option<f64> {
        self.duration.get()
    }

    #[setter]
    fn set_duration(&self, seconds: Option<f64>) {
        self.duration.set(seconds);
    }

    fn _new_timer<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let timer = slf.get();
        let (metric, name) = (timer._metric(slf.py()), timer._callback_name(slf.py()));
        slf.get_type().call1((metric, name))
    }

    fn __enter__<'py>(slf: &Bound<'py, Self>) -> Bound<'py, Self> {
        slf.get().started.set(Some(clock::monotonic()));
        slf.clone()
    }

    fn __exit__(
        slf: &Bound<'_, Self>,
        _typ: &Bound<'_, PyAny>,
        _value: &Bound<'_, PyAny>,
        _traceback: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        let py = slf.py();
        let timer = slf.get();
        let Some(started) = timer.started.get() else {
            return Err(PyAttributeError::new_err("the timer was not started"));
        };
        let seconds = clock::since(started);
        timer.duration.set(Some(seconds));
        match timer.target() {
            Target::Gauge(metric) => {
                if let Some(series) = metric.get().counted() {
                    series.gauge_set_to(seconds);
                }
            }
            Target::Histogram(metric) => {
                if let Some(series) = metric.get().counted() {
                    series.histogram_observe(py, seconds, None)?;
                }
            }
            Target::Summary(metric) => {
                if let Some(series) = metric.get().counted() {
                    series.summary_observe(seconds);
                }
            }
            Target::Method { metric, name } => {
                metric.call_method1(py, name, (seconds,))?;
            }
        }
        Ok(())
    }

    /// Chooses the labels from within the block.
    #[pyo3(signature = (*args, **kw))]
    fn labels(
        slf: &Bound<'_, Self>,
        args: &Bound<'_, PyTuple>,
        kw: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<()> {
        let py = slf.py();
        let timer = slf.get();
        let (metric, name) = (timer._metric(py), timer._callback_name(py));
        let child = metric
            .bind(py)
            .call_method(intern!(py, "labels"), args, kw)?;
        let metric = child.unbind();
        // A child has no labels to choose, so a second choice has failed before.
        drop(timer.chosen.set(Target::Method { metric, name }));
        Ok(())
    }

    /// A function that does the same, timed. Calls may overlap.
    fn __call__<'py>(slf: &Bound<'py, Self>, f: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        static DECORATE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        let decorate = DECORATE.import(slf.py(), "pyrometer.context_managers", "_timed")?;
        decorate.call1((slf, f))
    }
}

impl Timer {
    pub(crate) fn of(target: Target) -> Self {
        Self {
            target,
            chosen: OnceLock::new(),
            started: Seconds::none(),
            duration: Seconds::none(),
        }
    }

    fn target(&self) -> &Target {
        self.chosen.get().unwrap_or(&self.target)
    }
}
