//! Seconds that a block or a function took, told to a metric.

use std::time::Instant;

use pyo3::exceptions::PyAttributeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyString, PyTuple};

use crate::metric::Metric;

/// Tells a metric how many seconds the block took; ``duration`` has them afterwards.
#[pyclass(subclass, module = "pyrometer.context_managers")]
pub(crate) struct Timer {
    target: Target,
    started: Option<Instant>,
    #[pyo3(get, set)]
    duration: Option<f64>,
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
        match &self.target {
            Target::Gauge(metric) | Target::Histogram(metric) | Target::Summary(metric) => {
                metric.clone_ref(py).into_any()
            }
            Target::Method { metric, .. } => metric.clone_ref(py),
        }
    }

    #[getter]
    fn _callback_name(&self, py: Python<'_>) -> Py<PyString> {
        match &self.target {
            Target::Gauge(_) => intern!(py, "set").clone().unbind(),
            Target::Histogram(_) | Target::Summary(_) => intern!(py, "observe").clone().unbind(),
            Target::Method { name, .. } => name.clone_ref(py),
        }
    }

    /// What takes the seconds, if it is one of the methods that count.
    fn _observer(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        let (metric, method) = match &self.target {
            Target::Gauge(metric) => (metric, intern!(py, "gauge_set")),
            Target::Histogram(metric) => (metric, intern!(py, "histogram_observe")),
            Target::Summary(metric) => (metric, intern!(py, "summary_observe")),
            Target::Method { .. } => return Ok(None),
        };
        metric.getattr(py, method).map(Some)
    }

    fn _new_timer<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let timer = slf.borrow();
        let (metric, name) = (timer._metric(slf.py()), timer._callback_name(slf.py()));
        drop(timer);
        slf.get_type().call1((metric, name))
    }

    fn __enter__(mut slf: PyRefMut<'_, Self>) -> PyRefMut<'_, Self> {
        slf.started = Some(Instant::now());
        slf
    }

    fn __exit__(
        slf: &Bound<'_, Self>,
        _typ: &Bound<'_, PyAny>,
        _value: &Bound<'_, PyAny>,
        _traceback: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        let py = slf.py();
        let mut timer = slf.borrow_mut();
        let Some(started) = timer.started else {
            return Err(PyAttributeError::new_err("the timer was not started"));
        };
        let seconds = started.elapsed().as_secs_f64();
        timer.duration = Some(seconds);
        match &timer.target {
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
                let (metric, name) = (metric.clone_ref(py), name.clone_ref(py));
                // What is called may look at the timer.
                drop(timer);
                metric.call_method1(py, &name, (seconds,))?;
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
        let timer = slf.borrow();
        let (metric, name) = (timer._metric(py), timer._callback_name(py));
        drop(timer);
        let child = metric
            .bind(py)
            .call_method(intern!(py, "labels"), args, kw)?;
        slf.borrow_mut().target = Target::Method {
            metric: child.unbind(),
            name,
        };
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
            started: None,
            duration: None,
        }
    }
}
