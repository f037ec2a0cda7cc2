//! The one clock. Everything else gets the time as an argument.

use std::time::{SystemTime, UNIX_EPOCH};

use model::Timestamp;

/// The wall clock of this machine.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Clock;

impl Clock {
    /// The time now; the epoch on a machine whose clock stands before it.
    pub(crate) fn now(self) -> Timestamp {
        #[allow(clippy::disallowed_methods, reason = "this is the one clock")]
        let since_epoch = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Timestamp::from_millis(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
    }
}
