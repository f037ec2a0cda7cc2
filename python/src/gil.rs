//! How long a thread waits for the interpreter lock, sampled by one that asks now and then.
//!
//! The thread runs no Python: it sleeps, asks for the lock, and lets it go at once. It must be
//! gone before the interpreter ends and before a fork (a fork of several threads is what newer
//! versions of Python warn of), so whoever starts it stops it there.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use instrument::{FamilyKind, FamilySpec, GaugeMode};
use pyo3::prelude::*;

use crate::clock;
use crate::host::{guard, process};

/// Twenty samples a second: enough to tell a quantile over a minute, and a thread that computes is
/// made to let go of the lock no more than that much oftener.
const INTERVAL: Duration = Duration::from_millis(50);

/// Upper bounds in seconds. A thread that computes lets go of the lock after 5 ms when asked; each
/// further thread that waits too may add as much.
const BOUNDS: [f64; 9] = [
    0.000_1,
    0.001,
    0.005,
    0.01,
    0.025,
    0.05,
    0.1,
    1.0,
    f64::INFINITY,
];

/// It needs no more than the frames of an attachment.
const STACK_BYTES: usize = 128 * 1024;

struct Sampler {
    /// A fork copies this and not the thread.
    pid: u32,
    is_stopping: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

/// Locked for moments only, and never while the interpreter lock is waited for.
static SAMPLER: Mutex<Option<Sampler>> = Mutex::new(None);

/// Starts the thread, if there is none in this process. False: there is no thread.
#[pyfunction]
pub(crate) fn start_gil_sampler() -> bool {
    guard(false, || {
        let Ok(mut sampler) = SAMPLER.try_lock() else {
            return false;
        };
        let pid = std::process::id();
        if sampler.as_ref().is_some_and(|sampler| sampler.pid == pid) {
            return true;
        }
        if let Some(lost) = sampler.take() {
            // The parent's: there is nothing here to be joined or detached.
            std::mem::forget(lost);
        }
        let is_stopping = Arc::new(AtomicBool::new(false));
        let waits = waits();
        let stop = Arc::clone(&is_stopping);
        let thread = thread::Builder::new()
            .name("pyrometer-gil".to_owned())
            .stack_size(STACK_BYTES)
            .spawn(move || guard((), || sample(&stop, &waits)));
        *sampler = thread.ok().map(|thread| Sampler {
            pid,
            is_stopping,
            thread,
        });
        sampler.is_some()
    })
}

/// Ends the thread and waits until it is gone, which takes as long as it waits for the
/// interpreter lock. True: there was one.
#[pyfunction]
pub(crate) fn stop_gil_sampler(py: Python<'_>) -> bool {
    guard(false, || {
        let taken = SAMPLER.try_lock().ok().and_then(|mut one| one.take());
        let Some(sampler) = taken else {
            return false;
        };
        if sampler.pid != std::process::id() {
            std::mem::forget(sampler);
            return false;
        }
        sampler.is_stopping.store(true, Ordering::Release);
        sampler.thread.thread().unpark();
        // It may be about to ask for the lock that this thread holds.
        let joined = py.detach(|| sampler.thread.join());
        joined.is_ok()
    })
}

fn sample(is_stopping: &AtomicBool, waits: &instrument::Series) {
    loop {
        // Woken early means stopped, or nothing: then the sample is just early.
        thread::park_timeout(INTERVAL);
        if is_stopping.load(Ordering::Acquire) {
            return;
        }
        let asked = clock::monotonic();
        let Some(got) = Python::try_attach(|_| clock::monotonic()) else {
            // The interpreter is ending.
            return;
        };
        waits.histogram_observe(got - asked);
    }
}

fn waits() -> Arc<instrument::Series> {
    let spec = FamilySpec {
        kind: FamilyKind::Histogram,
        mode: GaugeMode::Auto,
        name: "python_gil_wait_seconds".to_owned(),
        help: "Time that a thread waited for the interpreter lock, sampled".to_owned(),
        unit: String::new(),
        label_names: Vec::new(),
        bounds: BOUNDS.to_vec(),
        states: Vec::new(),
        native: None,
    };
    static WAITS: std::sync::OnceLock<Arc<instrument::Series>> = std::sync::OnceLock::new();
    let make = || {
        let family = instrument::Family::new(process(), spec);
        family.share(0);
        // No beginning, like the metrics of the garbage collector.
        family.series([], 0.0)
    };
    Arc::clone(WAITS.get_or_init(make))
}
