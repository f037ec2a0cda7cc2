//! Inhibition: a consequence stays quiet while its cause fires.

use std::collections::{HashMap, HashSet};

use model::{Fingerprint, Labels, Matcher};

use super::Alert;
use super::matcher::matches_all;

/// One rule of `inhibit_rules`.
#[derive(Clone, Debug, PartialEq)]
pub struct Inhibition {
    /// The cause.
    pub source: Vec<Matcher>,
    /// The consequence.
    pub target: Vec<Matcher>,
    /// Labels whose values must be the same in both; an absent one counts as empty.
    pub equal: Vec<String>,
}

/// The causes that fire at one moment, by rule and by the values of `equal`.
#[derive(Debug)]
pub(super) struct Causes<'a> {
    rules: &'a [Inhibition],
    by_rule: Vec<HashMap<Labels, Sources>>,
}

#[derive(Debug, Default)]
struct Sources {
    /// A source that is no target of the same rule.
    one_sided: Option<Fingerprint>,
    /// One that is: it inhibits only targets that are not sources themselves, so that two alerts
    /// never keep each other quiet.
    two_sided: Option<Fingerprint>,
}

impl<'a> Causes<'a> {
    pub(super) fn of<'b>(rules: &'a [Inhibition], firing: impl Iterator<Item = &'b Alert>) -> Self {
        let mut by_rule: Vec<HashMap<Labels, Sources>> = Vec::new();
        by_rule.resize_with(rules.len(), HashMap::new);
        if rules.is_empty() {
            return Self { rules, by_rule };
        }
        for alert in firing {
            for (rule, sources) in rules.iter().zip(&mut by_rule) {
                if !matches_all(&rule.source, &alert.labels) {
                    continue;
                }
                let found = sources.entry(alert.labels.keep(&rule.equal)).or_default();
                let slot = if matches_all(&rule.target, &alert.labels) {
                    &mut found.two_sided
                } else {
                    &mut found.one_sided
                };
                slot.get_or_insert(alert.labels.fingerprint());
            }
        }
        Self { rules, by_rule }
    }

    /// The alerts that keep this one quiet, at most one a rule.
    pub(super) fn inhibiting(&self, labels: &Labels) -> Vec<Fingerprint> {
        let mut found = HashSet::new();
        for (rule, sources) in self.rules.iter().zip(&self.by_rule) {
            if sources.is_empty() || !matches_all(&rule.target, labels) {
                continue;
            }
            let Some(sources) = sources.get(&labels.keep(&rule.equal)) else {
                continue;
            };
            let is_source = matches_all(&rule.source, labels);
            let two_sided = sources.two_sided.filter(|_| !is_source);
            found.extend(sources.one_sided.or(two_sided));
        }
        let mut found: Vec<Fingerprint> = found.into_iter().collect();
        found.sort();
        found
    }
}

#[cfg(test)]
mod tests {
    use model::Timestamp;

    use super::*;
    use crate::notify::parse_matchers;

    fn labels(text: &str) -> Labels {
        Labels::new(text.split(',').filter_map(|pair| pair.split_once('='))).unwrap()
    }

    fn alert(text: &str) -> Alert {
        Alert {
            labels: labels(text),
            annotations: Vec::new(),
            starts_at: Timestamp::from_millis(0),
            ends_at: Timestamp::MAX,
            updated_at: Timestamp::from_millis(0),
            is_timeout: true,
            generator_url: String::new(),
        }
    }

    fn check(rule: (&str, &str, &str), firing: &[&str], target: &str, inhibited: bool) {
        let rules = [Inhibition {
            source: parse_matchers(rule.0).unwrap(),
            target: parse_matchers(rule.1).unwrap(),
            equal: rule
                .2
                .split(',')
                .filter(|n| !n.is_empty())
                .map(str::to_owned)
                .collect(),
        }];
        let firing: Vec<Alert> = firing.iter().map(|text| alert(text)).collect();
        let found = Causes::of(&rules, firing.iter()).inhibiting(&labels(target));
        assert_eq!(!found.is_empty(), inhibited, "{rule:?} {target}");
    }

    #[test]
    fn a_cause_keeps_its_consequence_quiet() {
        let rule = ("severity=critical", "severity=warning", "job");
        check(
            rule,
            &["severity=critical,job=a"],
            "severity=warning,job=a",
            true,
        );
        check(
            rule,
            &["severity=critical,job=a"],
            "severity=warning,job=b",
            false,
        );
        check(
            rule,
            &["severity=critical,job=a"],
            "severity=info,job=a",
            false,
        );
        check(rule, &[], "severity=warning,job=a", false);
    }

    #[test]
    fn a_label_that_both_lack_is_equal() {
        let rule = ("severity=critical", "severity=warning", "job,zone");
        check(
            rule,
            &["severity=critical,job=a"],
            "severity=warning,job=a",
            true,
        );
        check(
            rule,
            &["severity=critical,job=a,zone=x"],
            "severity=warning,job=a",
            false,
        );
    }

    #[test]
    fn an_alert_never_keeps_itself_or_its_like_quiet() {
        let rule = ("team=a", "team=a", "");
        check(rule, &["team=a,n=1"], "team=a,n=1", false);
        check(rule, &["team=a,n=1"], "team=a,n=2", false);
        let overlapping = ("kind=~\"x|y\"", "kind=~\"y|z\"", "");
        check(overlapping, &["kind=y"], "kind=z", true);
        check(overlapping, &["kind=y"], "kind=y,n=2", false);
        check(overlapping, &["kind=x"], "kind=y", true);
    }
}
