//! The host's clock, read where no caller can pass the time: a gauge that is set.

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
