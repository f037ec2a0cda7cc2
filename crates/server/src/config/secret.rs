//! Texts that must not be shown.

use std::fmt;

/// A password or token. Neither `Debug` nor `Display` shows it; [`Secret::reveal`] is the only way
/// out, and only the request writer may go it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(String);

/// What stands in place of a secret, as in Prometheus.
pub(crate) const MASK: &str = "<secret>";

impl Secret {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}
