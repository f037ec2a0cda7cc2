//! One measured value at one moment, and the marker that says "this series ended here".

use crate::Timestamp;

/// A value of a series at a moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample {
    pub timestamp: Timestamp,
    pub value: f64,
}

/// The bits of the NaN that marks a series as ended. Prometheus's own value
/// (`model/value/value.go`), so that exchanged data keeps its meaning.
pub const STALE_MARKER_BITS: u64 = 0x7ff0_0000_0000_0002;

/// The stale marker as a value. Compare with [`is_stale`]: it is a NaN.
pub fn stale_marker() -> f64 {
    f64::from_bits(STALE_MARKER_BITS)
}

/// True for the stale marker, false for every other value and every other NaN.
pub fn is_stale(value: f64) -> bool {
    value.to_bits() == STALE_MARKER_BITS
}
