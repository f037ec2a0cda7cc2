//! What targets say about their metrics: type, help, unit.

use std::collections::BTreeMap;

use model::exposition::MetricType;

/// Families of one target's last scrape, by name.
pub(crate) type Metadata = BTreeMap<String, FamilyMetadata>;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct FamilyMetadata {
    /// As the API writes it: `counter`, `unknown`, …
    pub(crate) kind: &'static str,
    pub(crate) help: String,
    pub(crate) unit: String,
}

impl Default for FamilyMetadata {
    fn default() -> Self {
        Self {
            kind: MetricType::Unknown.as_str(),
            help: String::new(),
            unit: String::new(),
        }
    }
}

/// Families remembered of one target; the rest is told nowhere but stored all the same.
pub(crate) const FAMILIES_MAX: usize = 10_000;

/// Longest help kept; Prometheus's own longest is below 300 bytes.
pub(crate) const HELP_BYTES_MAX: usize = 2048;

/// Cuts a text at a character's border.
pub(crate) fn cut(text: &str, bytes_max: usize) -> &str {
    let mut end = text.len().min(bytes_max);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}
