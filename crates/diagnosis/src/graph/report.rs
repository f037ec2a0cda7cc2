//! What became of each rule's rows, so that a missing entity can be explained.

use std::collections::BTreeMap;

/// What one query found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RuleReport {
    /// `packs/flask/pack.yaml line 12`.
    pub place: String,
    /// What the rule makes: `route`, `calls`, …
    pub makes: String,
    /// The query as it was asked.
    pub query: String,
    /// The jobs that it was asked for; empty for all.
    pub jobs: Vec<String>,
    pub rows: usize,
    /// Rows that became, or enriched, an entity or a relation.
    pub used: usize,
    /// Rows that lack what the rule needs: what it looked for, how many rows.
    pub lacking: BTreeMap<String, usize>,
    /// Jobs of the rows that were used, where rows tell theirs.
    pub used_jobs: std::collections::BTreeSet<String>,
    pub error: Option<String>,
}

impl RuleReport {
    pub(super) fn lacks(&mut self, what: String) {
        *self.lacking.entry(what).or_default() += 1;
    }
}
