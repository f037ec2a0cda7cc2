//! The Python binding of `instrument`: thin, and it cannot hurt its host.
//!
//! Nothing here raises but what prometheus_client raises too, nothing waits for anything but a
//! short lock, and a panic is caught, counted and answered with nothing.

mod cells;
mod clock;
mod compression;
mod exemplars;
mod exposition;
mod gc;
mod gil;
mod host;
mod metric;
mod timer;

use pyo3::exceptions::PyImportError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

/// What is static here belongs to the interpreter that came first: another one of this process
/// would count in its cells, and use its types after its end.
fn refuse_another_interpreter(py: Python<'_>) -> PyResult<()> {
    // Each interpreter has a module of its own. Kept, so that none gets its address again.
    static FIRST: PyOnceLock<Py<PyModule>> = PyOnceLock::new();
    let own = PyModule::import(py, "builtins")?;
    let first = FIRST.get_or_init(py, || own.clone().unbind());
    if first.as_ptr() == own.as_ptr() {
        return Ok(());
    }
    Err(PyImportError::new_err(
        "pyrometer measures another interpreter of this process already, and cannot measure two; \
         with mod_wsgi, use WSGIApplicationGroup %{GLOBAL}",
    ))
}

#[pymodule(gil_used = false)]
fn _core(module: &Bound<'_, PyModule>) -> PyResult<()> {
    refuse_another_interpreter(module.py())?;
    // "0.1.0-dev.0" as Python writes it.
    let version = env!("CARGO_PKG_VERSION").replacen("-dev.", ".dev", 1);
    module.add("__version__", version)?;
    module.add_class::<cells::Family>()?;
    module.add_class::<cells::Series>()?;
    module.add_class::<cells::Cell>()?;
    module.add_class::<metric::Metric>()?;
    module.add_class::<timer::Timer>()?;
    module.add_class::<exposition::Reading>()?;
    module.add_class::<exposition::ExpositionWriter>()?;
    module.add_class::<gc::GcCounters>()?;
    module.add_function(wrap_pyfunction!(compression::compress, module)?)?;
    module.add_function(wrap_pyfunction!(exposition::read_group, module)?)?;
    module.add_function(wrap_pyfunction!(exposition::read_joined, module)?)?;
    module.add_function(wrap_pyfunction!(exposition::format_value, module)?)?;
    module.add_function(wrap_pyfunction!(gil::start_gil_sampler, module)?)?;
    module.add_function(wrap_pyfunction!(gil::stop_gil_sampler, module)?)?;
    module.add_function(wrap_pyfunction!(host::after_fork, module)?)?;
    module.add_function(wrap_pyfunction!(host::announce, module)?)?;
    module.add_function(wrap_pyfunction!(host::group_dir, module)?)?;
    module.add_function(wrap_pyfunction!(host::is_enabled, module)?)?;
    module.add_function(wrap_pyfunction!(host::process_age, module)?)?;
    module.add_function(wrap_pyfunction!(clock::monotonic, module)?)?;
    module.add_function(wrap_pyfunction!(host::runtime_dir_text, module)?)?;
    module.add_function(wrap_pyfunction!(host::sweep, module)?)?;
    module.add_function(wrap_pyfunction!(host::take_notice, module)?)?;
    module.add_function(wrap_pyfunction!(host::panic_on_purpose, module)?)?;
    Ok(())
}
