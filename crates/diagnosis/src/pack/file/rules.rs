//! What a pack asks of its rule files beyond what Prometheus asks.

use std::collections::BTreeMap;

use crate::pack::{KPI_ANNOTATION, Kpi};
use crate::reader::{Mistake, Problem, Reader};
use crate::rules::{Rule, RuleGroup};

pub(super) fn check_alerts(
    id: &str,
    groups: &[RuleGroup],
    runbooks: &BTreeMap<String, String>,
    kpis: Option<&[Kpi]>,
) -> Vec<Problem> {
    let mut reader = Reader::default();
    let mut names: Vec<&str> = Vec::new();
    for rule in groups.iter().flat_map(|group| &group.rules) {
        if names.contains(&rule.name()) {
            // Overrides, runbooks and inhibitions know an alert by its name.
            let (what, name) = ("the alert", rule.name().to_owned());
            reader.report(rule.line, Mistake::Twice { what, name });
        }
        names.push(rule.name());
        check_alert(&mut reader, id, rule, kpis);
        if rule.alerting().is_some() && !runbooks.contains_key(rule.name()) {
            let (what, name) = ("the runbook", rule.name().to_owned());
            reader.report(1, Mistake::Undefined { what, name });
        }
    }
    reader.problems
}

fn check_alert(reader: &mut Reader, id: &str, rule: &Rule, kpis: Option<&[Kpi]>) {
    let Some(alerting) = rule.alerting() else {
        let text = "recording rules stand in records.yml";
        reader.report(rule.line, Mistake::Contradiction { text });
        return;
    };
    let mut bad = |field: &str, found: &str, expected: &str| {
        let mistake = Mistake::BadValue {
            field: format!("{} of {}", field, alerting.name),
            found: found.to_owned(),
            expected: expected.to_owned(),
        };
        reader.report(rule.line, mistake);
    };
    if rule.label("pack") != Some(id) {
        bad("pack", rule.label("pack").unwrap_or_default(), id);
    }
    for (label, allowed) in [
        ("severity", &["critical", "warning", "info"][..]),
        ("kind", &["symptom", "cause", "capacity", "hygiene"]),
    ] {
        let found = rule.label(label).unwrap_or_default();
        if !allowed.contains(&found) {
            bad(label, found, &format!("one of {}", allowed.join(", ")));
        }
    }
    let annotation = |name: &str| {
        let found = alerting.annotations.iter().find(|(known, _)| known == name);
        found.map(|(_, text)| text.as_str())
    };
    for name in ["summary", "sentence"] {
        if annotation(name).is_none() {
            bad(name, "", "a sentence");
        }
    }
    if let Some(kpi) = annotation(KPI_ANNOTATION)
        && kpis.is_some_and(|kpis| kpis.iter().all(|known| known.name != *kpi))
    {
        bad(KPI_ANNOTATION, kpi, "a KPI of the pack");
    }
    let runbook = format!("runbooks/{}.md", alerting.name);
    if annotation("runbook") != Some(&runbook) {
        let found = annotation("runbook").unwrap_or_default();
        bad("runbook", found, &runbook);
    }
}

pub(super) fn check_records(groups: &[RuleGroup]) -> Vec<Problem> {
    let mut reader = Reader::default();
    let rules = groups.iter().flat_map(|group| &group.rules);
    for rule in rules.filter(|rule| rule.alerting().is_some()) {
        let text = "alerts stand in alerts.yml";
        reader.report(rule.line, Mistake::Contradiction { text });
    }
    reader.problems
}
