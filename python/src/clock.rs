//! The host's clocks, read where no caller can pass the time: a gauge that is set, a pause.

use pyo3::prelude::*;
use rustix::time::{ClockId, clock_gettime};

/// Seconds since the epoch, some milliseconds coarse: it orders sets of one gauge in different
/// processes, and costs a fifth of the exact clock.
pub(crate) fn now() -> f64 {
    #[cfg(target_os = "linux")]
    const CLOCK: ClockId = ClockId::RealtimeCoarse;
    #[cfg(not(target_os = "linux"))]
    const CLOCK: ClockId = ClockId::Realtime;
    let time = clock_gettime(CLOCK);
    time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
}

/// Seconds since some moment, which never go back.
#[pyfunction]
pub(crate) fn monotonic() -> f64 {
    let time = clock_gettime(ClockId::Monotonic);
    time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
}

/// Seconds since a moment of `monotonic`.
pub(crate) fn since(started: f64) -> f64 {
    (monotonic() - started).max(0.0)
}

/// Seconds since the machine was started, none where no clock says so.
pub(crate) fn since_boot() -> Option<f64> {
    #[cfg(target_os = "linux")]
    {
        let time = clock_gettime(ClockId::Boottime);
        Some(time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9)
    }
    #[cfg(not(target_os = "linux"))]
    None
}
