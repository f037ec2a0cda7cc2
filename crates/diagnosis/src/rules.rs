//! Prometheus rule files and their evaluation.
//!
//! [`parse_rule_file`] reads groups of recording and alerting rules unchanged. [`GroupState`] holds
//! what a group knows between two evaluations; the caller brings the queries and writes the
//! samples. Semantics follow Prometheus (`rules/alerting.go`, `rules/group.go`).

mod alert;
mod alerting;
mod file;
mod group;
mod postable;
mod restore;
mod scope;
mod sight;

use std::time::Duration;

use promql::Expr;

pub use alert::{AlertState, OUTAGE_COUNTED_MAX, RESTORE_OUTAGE_MAX, step};
pub use file::parse_rule_file;
pub(crate) use file::parse_rule_file_with;
pub use group::{
    Alert, AlertKey, GroupOptions, GroupState, Health, Query, RuleError, RuleOutcome, RuleState,
    Transition, TransitionKind,
};
pub(crate) use postable::query_escaped;
pub use postable::{PostableAlert, RESEND_DELAY, RESOLVED_RETENTION, generator_url};
pub use scope::{Judged, Scope};

/// Rules that are evaluated one after the other at the same interval.
#[derive(Clone, Debug, PartialEq)]
pub struct RuleGroup {
    pub name: String,
    /// `None`: the server's evaluation interval.
    pub interval: Option<Duration>,
    /// How far in the past the rules look, for data that arrives late.
    pub query_offset: Duration,
    /// Most series or alerts that one rule may yield; `None` is no limit.
    pub limit: Option<usize>,
    pub rules: Vec<Rule>,
}

/// One rule of a group.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// Where it begins in its file, from 1.
    pub line: usize,
    pub kind: RuleKind,
    pub expr: Expr,
    /// As it stands in the file; in a pack with the names of its parameters.
    pub expr_text: String,
    pub judged: Judged,
    /// The group's labels and the rule's; an alert's values are templates.
    pub labels: Vec<(String, String)>,
}

/// What a rule does with the series that its expression yields.
#[derive(Clone, Debug, PartialEq)]
pub enum RuleKind {
    /// Writes them under a new name.
    Recording { record: String },
    /// Makes an alert of each.
    Alerting(Alerting),
}

/// What an alerting rule has beyond its expression.
#[derive(Clone, Debug, PartialEq)]
pub struct Alerting {
    pub name: String,
    /// `for`: how long the expression must hold before the alert fires.
    pub hold: Duration,
    /// How long the alert goes on firing after the expression stopped holding.
    pub keep_firing_for: Duration,
    /// Values are templates.
    pub annotations: Vec<(String, String)>,
}

impl Rule {
    /// The name of the recorded series or of the alert.
    pub fn name(&self) -> &str {
        match &self.kind {
            RuleKind::Recording { record } => record,
            RuleKind::Alerting(alerting) => &alerting.name,
        }
    }

    pub fn alerting(&self) -> Option<&Alerting> {
        match &self.kind {
            RuleKind::Recording { .. } => None,
            RuleKind::Alerting(alerting) => Some(alerting),
        }
    }

    /// The value of a label that the rule itself sets.
    pub fn label(&self, name: &str) -> Option<&str> {
        let label = self.labels.iter().find(|(candidate, _)| candidate == name);
        label.map(|(_, value)| value.as_str())
    }

    /// Why the rule cannot say anything now, given which metrics exist; `None` when it can.
    pub fn not_evaluable(&self, exists: &dyn Fn(&str) -> bool) -> Option<String> {
        match self.expr.missing_metrics(exists).as_slice() {
            [] => None,
            [name] => Some(format!("metric {name} is missing: no target exposes it")),
            names => Some(format!(
                "metrics {} are missing: no target exposes them",
                names.join(", ")
            )),
        }
    }

    /// The metrics that the expression names, each once.
    pub fn metrics(&self) -> Vec<&str> {
        let mut names = Vec::new();
        for name in self
            .expr
            .selectors()
            .filter_map(|selector| selector.metric_name)
        {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }
}

#[cfg(test)]
mod tests;
