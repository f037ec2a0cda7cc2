//! The one process that a Python program is, and what it is told by the program.

use std::env;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use instrument::{
    Announcement, FindLimits, Proc, Process, ProcessOptions, SegmentLimits, ServiceSource, Writers,
    runtime_dir, sweep_groups,
};
use model::Timestamp;
use pyo3::prelude::*;

use crate::clock;

/// Set (to anything but `0` or nothing) it keeps every cell on the heap and nothing on disk.
const DISABLED_VARIABLE: &str = "PYROMETER_DISABLED";

/// The process; made at first use, when the environment is what it will be.
pub(crate) fn process() -> &'static Arc<Process> {
    static PROCESS: OnceLock<Arc<Process>> = OnceLock::new();
    PROCESS.get_or_init(|| {
        let disabled = env::var_os(DISABLED_VARIABLE);
        let is_disabled = disabled.is_some_and(|value| !value.is_empty() && value != "0");
        Process::new(ProcessOptions {
            runtime_dir: (!is_disabled).then(runtime_dir),
            limits: SegmentLimits::default(),
            proc: Proc::default(),
            identity: None,
            // The interpreter lock is held wherever something is counted; a build for an
            // interpreter without it must not rely on that.
            writers: if cfg!(Py_GIL_DISABLED) {
                Writers::Many
            } else {
                Writers::OneAtATime
            },
        })
    })
}

/// Runs what must not panic into Python: PyO3 would raise a `BaseException`, which no
/// application expects from a counter.
#[inline]
pub(crate) fn guard<T>(otherwise: T, work: impl FnOnce() -> T) -> T {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(value) => value,
        Err(_) => {
            process().note_panic();
            otherwise
        }
    }
}

/// To be called in a forked child before it does anything else.
#[pyfunction]
pub(crate) fn after_fork() {
    guard((), || process().after_fork());
}

#[pyfunction]
pub(crate) fn is_enabled() -> bool {
    guard(false, || process().is_enabled())
}

/// The folder of this process's group, once something was shared.
#[pyfunction]
pub(crate) fn group_dir() -> Option<String> {
    guard(None, || {
        let dir = process().group_dir()?;
        Some(dir.to_string_lossy().into_owned())
    })
}

/// The folder that holds the groups of this user.
#[pyfunction]
#[pyo3(name = "runtime_dir")]
pub(crate) fn runtime_dir_text() -> String {
    runtime_dir().to_string_lossy().into_owned()
}

/// Seconds since this process began (a forked one: since its fork); none where nobody knows.
#[pyfunction]
pub(crate) fn process_age() -> Option<f64> {
    guard(None, || {
        let started = Proc::default().identify(std::process::id()).start;
        let ticks = rustix::param::clock_ticks_per_second();
        // Both count from the boot of the machine, sleep included.
        let age = clock::since_boot()? - started as f64 / ticks as f64;
        (started != 0).then_some(age.max(0.0))
    })
}

/// What is to be logged, once.
#[pyfunction]
pub(crate) fn take_notice() -> Option<String> {
    guard(None, || process().take_notice())
}

/// How long the last values of a dead service can be read: a server that was restarted meanwhile
/// has had time to come back.
const GRACE: Duration = Duration::from_secs(300);

/// What is left of other services of this user is looked at by each that starts; a start must
/// stay quick, so not at all of it.
const SWEPT_GROUPS_MAX: usize = 64;

/// Removes what services left that are long gone. `now` is in seconds since the epoch.
#[pyfunction]
pub(crate) fn sweep(py: Python<'_>, now: f64) {
    py.detach(|| {
        guard((), || {
            let limits = FindLimits {
                entries_max: 4096,
                groups_max: SWEPT_GROUPS_MAX,
                ..FindLimits::default()
            };
            sweep_groups(
                &runtime_dir(),
                &limits,
                GRACE,
                Timestamp::from_secs_f64(now),
            );
        });
    });
}

/// Says who this service is. `service_from` is `program`, `app` or `environment`.
#[pyfunction]
#[expect(clippy::too_many_arguments, reason = "Python passes them by name")]
#[pyo3(signature = (*, service, service_from, python_version, package_version, started,
    framework=None, version=None))]
pub(crate) fn announce(
    py: Python<'_>,
    service: String,
    service_from: &str,
    python_version: String,
    package_version: String,
    started: f64,
    framework: Option<String>,
    version: Option<String>,
) {
    let announcement = Announcement {
        service,
        service_from: match service_from {
            "environment" => ServiceSource::Environment,
            "app" => ServiceSource::App,
            _ => ServiceSource::Program,
        },
        framework,
        python_version,
        package_version,
        version,
        started: Timestamp::from_secs_f64(started),
    };
    py.detach(|| guard((), || process().announce(&announcement)));
}

/// For tests of the border: panics behind it.
#[pyfunction]
pub(crate) fn panic_on_purpose() {
    guard((), || panic!("on purpose, to test that the border holds"));
}
