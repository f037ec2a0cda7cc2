//! How judging goes, in Prometheus's words: its `prometheus_rule_…` metrics with our prefix.

use std::time::Duration;

use model::Timestamp;

use super::Page;

/// What judging shows of itself at one moment.
#[derive(Debug, Default)]
pub(crate) struct RuleGauges {
    pub(crate) groups: Vec<GroupGauges>,
    pub(crate) alerts_pending: usize,
    pub(crate) alerts_firing: usize,
}

/// One group that is judged.
#[derive(Debug)]
pub(crate) struct GroupGauges {
    pub(crate) file: String,
    pub(crate) name: String,
    pub(crate) rules: usize,
    pub(crate) interval: Duration,
    /// Rules evaluated since the start, and how many of them failed.
    pub(crate) evaluations: u64,
    pub(crate) failures: u64,
    /// Rounds that were due and never began.
    pub(crate) missed: u64,
    /// `None` before the first round.
    pub(crate) evaluated_at: Option<Timestamp>,
    pub(crate) took: Duration,
}

pub(super) fn render_rules(page: &mut Page, rules: &RuleGauges) {
    let mut each = |name: &str, kind: &str, help: &str, value: &dyn Fn(&GroupGauges) -> f64| {
        let rows = rules
            .groups
            .iter()
            .map(|group| (group_label(group), value(group)));
        page.one(name, kind, help, &rows.collect::<Vec<_>>());
    };
    each(
        "pyrometer_rule_evaluations_total",
        "counter",
        "Rules evaluated.",
        &|group| group.evaluations as f64,
    );
    each(
        "pyrometer_rule_evaluation_failures_total",
        "counter",
        "Rules whose evaluation failed.",
        &|group| group.failures as f64,
    );
    each(
        "pyrometer_rule_group_iterations_missed_total",
        "counter",
        "Rounds left out because the one before took too long.",
        &|group| group.missed as f64,
    );
    each(
        "pyrometer_rule_group_last_evaluation_timestamp_seconds",
        "gauge",
        "When the group was evaluated last; 0 before the first time.",
        &|group| group.evaluated_at.map_or(0.0, Timestamp::as_secs_f64),
    );
    each(
        "pyrometer_rule_group_last_duration_seconds",
        "gauge",
        "How long the last round took.",
        &|group| group.took.as_secs_f64(),
    );
    each(
        "pyrometer_rule_group_interval_seconds",
        "gauge",
        "How often the group is due.",
        &|group| group.interval.as_secs_f64(),
    );
    each(
        "pyrometer_rule_group_rules",
        "gauge",
        "Rules of the group.",
        &|group| group.rules as f64,
    );
    page.one(
        "pyrometer_alerts",
        "gauge",
        "Alerts that are active, by state.",
        &[
            ("{state=\"firing\"}".to_owned(), rules.alerts_firing as f64),
            (
                "{state=\"pending\"}".to_owned(),
                rules.alerts_pending as f64,
            ),
        ],
    );
}

/// `file;name`, as Prometheus names groups. A file's name may hold anything.
fn group_label(group: &GroupGauges) -> String {
    let text = format!("{};{}", group.file, group.name);
    let escaped = text
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n");
    format!("{{rule_group=\"{escaped}\"}}")
}
