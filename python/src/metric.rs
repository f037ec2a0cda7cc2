//! What every metric class of the Python side is built on: the way from a call to its cell.
//!
//! The classes are Python's, so that they can be subclassed and looked into; the methods that
//! count are this class's, taken over under their public names (`inc = _core.Metric.counter_inc`).
//! So a call costs neither a Python frame nor an object for each metric and method.

use std::sync::OnceLock;

use pyo3::PyTraverseError;
use pyo3::call::PyCallArgs;
use pyo3::exceptions::{PyAttributeError, PyRuntimeError, PyValueError};
use pyo3::gc::PyVisit;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyTuple};

use crate::cells::Series;
use crate::clock;
use crate::timer::{Target, Timer};

/// A metric, or one label set of it.
#[pyclass(frozen, subclass, module = "pyrometer._core")]
pub(crate) struct Metric(OnceLock<Role>);

/// Said once, while the metric is made.
enum Role {
    /// It counts.
    Counts(Py<Series>),
    /// It has label names, and children that count.
    HasChildren {
        label_names: Py<PyTuple>,
        /// By label values, a tuple of plain strings.
        children: Py<PyDict>,
    },
}

#[pymethods]
impl Metric {
    /// Takes whatever the constructor of a subclass takes, and does nothing with it.
    #[new]
    #[pyo3(signature = (*_args, **_kwargs))]
    fn new(_args: &Bound<'_, PyTuple>, _kwargs: Option<&Bound<'_, PyDict>>) -> Self {
        Self(OnceLock::new())
    }

    /// Makes it one that counts here.
    fn _begin_series(&self, series: Py<Series>) -> PyResult<()> {
        self.begin(Role::Counts(series))
    }

    /// Makes it one that has these label names, and children in this dict.
    fn _begin_children(&self, label_names: Py<PyTuple>, children: Py<PyDict>) -> PyResult<()> {
        self.begin(Role::HasChildren {
            label_names,
            children,
        })
    }

    /// The cells it counts in.
    #[getter]
    fn _native_series(&self, py: Python<'_>) -> PyResult<Py<Series>> {
        match self.0.get() {
            Some(Role::Counts(series)) => Ok(series.clone_ref(py)),
            _ => Err(PyAttributeError::new_err("_native_series")),
        }
    }

    /// Its children, if it has label names.
    #[getter]
    fn _children_dict(&self, py: Python<'_>) -> Option<Py<PyDict>> {
        match self.0.get()? {
            Role::HasChildren { children, .. } => Some(children.clone_ref(py)),
            Role::Counts(_) => None,
        }
    }

    /// The child for these label values, by position or by name; made when it is new.
    ///
    /// A child may be kept: using it again costs nothing.
    #[pyo3(signature = (*labelvalues, **labelkwargs))]
    fn labels<'py>(
        slf: &Bound<'py, Self>,
        labelvalues: &Bound<'py, PyTuple>,
        labelkwargs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        if let Some(Role::HasChildren {
            label_names,
            children,
        }) = slf.get().0.get()
        {
            let children = children.bind(py);
            let found = match labelkwargs {
                None => find(children, labelvalues)?,
                Some(by_name) if labelvalues.is_empty() => {
                    match in_order(label_names.bind(py), by_name)? {
                        Some(values) => find(children, &values)?,
                        None => None,
                    }
                }
                Some(_) => None,
            };
            if let Some(child) = found {
                return Ok(child);
            }
        }
        let labelkwargs = labelkwargs.map_or_else(|| PyDict::new(py), Bound::clone);
        slf.call_method1(intern!(py, "_find_or_make"), (labelvalues, labelkwargs))
    }

    /// Adds; raises ``ValueError`` for a negative amount.
    #[pyo3(signature = (amount=1.0, exemplar=None))]
    fn counter_inc(
        slf: &Bound<'_, Self>,
        amount: f64,
        exemplar: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        match slf.get().counted() {
            Some(series) => series.counter_inc(slf.py(), amount, exemplar),
            None => count_elsewhere(slf, "counter_inc", (amount, exemplar)),
        }
    }

    /// Adds.
    #[pyo3(signature = (amount=1.0))]
    fn gauge_inc(slf: &Bound<'_, Self>, amount: f64) -> PyResult<()> {
        let Some(series) = slf.get().counted() else {
            return count_elsewhere(slf, "gauge_inc", (amount,));
        };
        series.gauge_inc(amount);
        Ok(())
    }

    /// Takes away.
    #[pyo3(signature = (amount=1.0))]
    fn gauge_dec(slf: &Bound<'_, Self>, amount: f64) -> PyResult<()> {
        let Some(series) = slf.get().counted() else {
            return count_elsewhere(slf, "gauge_dec", (amount,));
        };
        series.gauge_dec(amount);
        Ok(())
    }

    /// Sets.
    fn gauge_set(slf: &Bound<'_, Self>, value: &Bound<'_, PyAny>) -> PyResult<()> {
        match slf.get().counted() {
            Some(series) => series.gauge_set(value),
            None => count_elsewhere(slf, "gauge_set", (value,)),
        }
    }

    /// Records one event of this size.
    fn summary_observe(slf: &Bound<'_, Self>, amount: f64) -> PyResult<()> {
        let Some(series) = slf.get().counted() else {
            return count_elsewhere(slf, "summary_observe", (amount,));
        };
        series.summary_observe(amount);
        Ok(())
    }

    /// Records one event of this size. NaN is in no bucket.
    #[pyo3(signature = (amount, exemplar=None))]
    fn histogram_observe(
        slf: &Bound<'_, Self>,
        amount: f64,
        exemplar: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        match slf.get().counted() {
            Some(series) => series.histogram_observe(slf.py(), amount, exemplar),
            None => count_elsewhere(slf, "histogram_observe", (amount, exemplar)),
        }
    }

    /// Sets to the seconds since a moment of ``monotonic``.
    fn _gauge_set_since(slf: &Bound<'_, Self>, started: f64) {
        if let Some(series) = slf.get().counted() {
            series.gauge_set_to(clock::since(started));
        }
    }

    /// Records the seconds since a moment of ``monotonic``.
    fn _summary_observe_since(slf: &Bound<'_, Self>, started: f64) {
        if let Some(series) = slf.get().counted() {
            series.summary_observe(clock::since(started));
        }
    }

    /// Records the seconds since a moment of ``monotonic``.
    fn _histogram_observe_since(slf: &Bound<'_, Self>, started: f64) -> PyResult<()> {
        match slf.get().counted() {
            Some(series) => series.histogram_observe(slf.py(), clock::since(started), None),
            None => Ok(()),
        }
    }

    /// Observes the seconds that a ``with`` block or a decorated function took.
    fn histogram_time(slf: &Bound<'_, Self>) -> Timer {
        timer(slf, "observe", Target::Histogram)
    }

    /// Observes the seconds that a ``with`` block or a decorated function took.
    fn summary_time(slf: &Bound<'_, Self>) -> Timer {
        timer(slf, "observe", Target::Summary)
    }

    /// Sets to the seconds that a ``with`` block or a decorated function took.
    fn gauge_time(slf: &Bound<'_, Self>) -> Timer {
        timer(slf, "set", Target::Gauge)
    }

    // There is no `__clear__`: whatever leads back to the metric leads through the dict, which
    // the collector can empty.
    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        match self.0.get() {
            Some(Role::Counts(series)) => visit.call(series),
            Some(Role::HasChildren {
                label_names,
                children,
            }) => {
                visit.call(label_names)?;
                visit.call(children)
            }
            None => Ok(()),
        }
    }
}

impl Metric {
    fn begin(&self, role: Role) -> PyResult<()> {
        let again = || PyRuntimeError::new_err("the metric has begun already");
        self.0.set(role).map_err(|_| again())
    }

    /// What it counts in, if it counts.
    #[inline]
    pub(crate) fn counted(&self) -> Option<&Series> {
        match self.0.get()? {
            Role::Counts(series) => Some(series.get()),
            Role::HasChildren { .. } => None,
        }
    }
}

/// Counts in the `ValueClass` that somebody chose, if this metric has one.
#[cold]
fn count_elsewhere<'py>(
    metric: &Bound<'py, Metric>,
    method: &str,
    arguments: impl PyCallArgs<'py>,
) -> PyResult<()> {
    let py = metric.py();
    let chosen = metric.getattr(intern!(py, "_value_series"))?;
    if !chosen.is_none() {
        chosen.call_method1(method, arguments)?;
        return Ok(());
    }
    let kind = metric.getattr(intern!(py, "_type"))?.str()?;
    Err(PyValueError::new_err(format!(
        "{kind} metric is missing label values"
    )))
}

/// Without a series yet, the labels may be chosen within the block.
#[inline]
fn timer(metric: &Bound<'_, Metric>, method: &str, target: fn(Py<Metric>) -> Target) -> Timer {
    let own = metric.clone().unbind();
    Timer::of(match metric.get().counted() {
        Some(_) => target(own),
        None => Target::Method {
            metric: own.into_any(),
            name: PyString::intern(metric.py(), method).unbind(),
        },
    })
}

/// The child with these label values, if they are all plain strings and it is there.
///
/// Anything else must go the long way: a subclass of `str` may be equal to one text and print
/// as another (`enum.StrEnum`'s elder brother `class E(str, Enum)` does).
fn find<'py>(
    children: &Bound<'py, PyDict>,
    label_values: &Bound<'py, PyTuple>,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    let mut values = label_values.iter_borrowed();
    if values.all(|value| value.is_exact_instance_of::<PyString>()) {
        children.get_item(label_values)
    } else {
        Ok(None)
    }
}

/// The values in the order of the names, if exactly these names have one.
fn in_order<'py>(
    label_names: &Bound<'py, PyTuple>,
    by_name: &Bound<'py, PyDict>,
) -> PyResult<Option<Bound<'py, PyTuple>>> {
    if label_names.len() != by_name.len() {
        return Ok(None);
    }
    let mut values = Vec::with_capacity(label_names.len());
    for name in label_names.iter_borrowed() {
        match by_name.get_item(name)? {
            Some(value) => values.push(value),
            None => return Ok(None),
        }
    }
    Ok(Some(PyTuple::new(label_names.py(), values)?))
}
