//! A threshold that could be another number, or a comparison that could be turned round, without a
//! test to notice is one that nobody has tested.
//!
//! `mutants-ratchet.txt` lists those that still live; it may only shrink,
//! and `UPDATE_GOLDEN=1` writes it anew.

use std::path::Path;
use std::time::Duration;

use diagnosis::rules::{Rule, RuleGroup, RuleKind};

use crate::fixture::packs;
use crate::promtool::test_files;
use crate::scenario::Scenario;

#[test]
fn every_test_holds_here_and_no_mutant_of_an_alert_lives() {
    let (mut wrong, mut survivors, mut n_mutants) = (Vec::new(), Vec::new(), 0);
    for proven in packs() {
        let groups = proven.pack.groups.iter();
        let (records, alerts): (Vec<&RuleGroup>, Vec<&RuleGroup>) =
            groups.partition(|group| group.rules.iter().all(|rule| rule.alerting().is_none()));
        let records: Vec<RuleGroup> = records.into_iter().cloned().collect();
        let files = test_files(proven);
        let texts = files
            .iter()
            .map(|path| std::fs::read_to_string(path).unwrap());
        let scenarios: Vec<Scenario> = texts.flat_map(|t| Scenario::read(&t, &records)).collect();
        for rule in alerts.into_iter().flat_map(|group| &group.rules) {
            let about = scenarios.iter().filter(|s| s.is_about(rule.name()));
            let about: Vec<&Scenario> = about.collect();
            let failed = |rule: &Rule| {
                let mut failures = about
                    .iter()
                    .filter_map(|s| Some((&s.name, s.failure(rule)?)));
                failures
                    .next()
                    .map(|(name, failure)| format!("{name}: {failure}"))
            };
            wrong.extend(failed(rule));
            for (what, mutant) in mutants(rule) {
                n_mutants += 1;
                if failed(&mutant).is_none() {
                    survivors.push(format!("{}: {what}", rule.name()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/mutants-ratchet.txt");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(
            &path,
            survivors
                .iter()
                .map(|s| format!("{s}\n"))
                .collect::<String>(),
        )
        .unwrap();
    }
    let known = std::fs::read_to_string(&path).unwrap();
    let known: Vec<&str> = known.lines().collect();
    let new = survivors.iter().filter(|s| !known.contains(&s.as_str()));
    let new: Vec<&str> = new.map(String::as_str).collect();
    assert!(
        new.is_empty(),
        "{} of {n_mutants} mutants live and no test of the pack notices:\n{}",
        new.len(),
        new.join("\n")
    );
    let dead = known
        .iter()
        .filter(|line| survivors.iter().all(|s| s != *line));
    let dead: Vec<&str> = dead.copied().collect();
    assert!(
        dead.is_empty(),
        "no longer alive, take them out of mutants-ratchet.txt:\n{}",
        dead.join("\n")
    );
}

/// A rule with one thing changed, and what.
fn mutants(rule: &Rule) -> Vec<(String, Rule)> {
    let mut mutants = Vec::new();
    let text = rule.expr.to_string();
    for (start, end, replacement) in changes(&text) {
        let changed = format!("{}{replacement}{}", &text[..start], &text[end..]);
        let expr = promql::parse(&changed).unwrap_or_else(|e| panic!("{changed}: {e}"));
        let what = format!(
            "{} at {start} became {replacement} in {text}",
            &text[start..end]
        );
        mutants.push((
            what,
            Rule {
                expr,
                ..rule.clone()
            },
        ));
    }
    let RuleKind::Alerting(alerting) = &rule.kind else {
        return mutants;
    };
    for hold in [Duration::ZERO, alerting.hold * 2] {
        if hold != alerting.hold {
            let mut mutant = rule.clone();
            mutant.kind = RuleKind::Alerting(diagnosis::rules::Alerting {
                hold,
                ..alerting.clone()
            });
            mutants.push((format!("for became {hold:?}"), mutant));
        }
    }
    mutants
}

/// Where a comparison or a threshold stands and what is put there instead. Arguments of functions
/// (a quantile, a precision, a horizon) are no thresholds, nor is `0 *`.
fn changes(text: &str) -> Vec<(usize, usize, String)> {
    let bytes = text.as_bytes();
    let mut changes = Vec::new();
    // Of each open parenthesis, whether a comma was seen in it.
    let mut commas: Vec<bool> = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let rest = &text[at..];
        let until = |closing: char| rest[1..].find(closing).map_or(rest.len(), |end| end + 2);
        let n_read = match bytes[at] {
            b'"' => until('"'),
            b'{' => until('}'),
            b'[' => until(']'),
            b'(' => {
                commas.push(false);
                1
            }
            b')' => {
                commas.pop();
                1
            }
            b',' => {
                commas
                    .iter_mut()
                    .last()
                    .into_iter()
                    .for_each(|comma| *comma = true);
                1
            }
            b'=' | b'!' | b'<' | b'>' => {
                let n_read = 1 + usize::from(rest[1..].starts_with('='));
                changes.push((at, at + n_read, turned(&rest[..n_read]).to_owned()));
                n_read
            }
            b'0'..=b'9' => {
                let is_part = |c: char| c.is_ascii_alphanumeric() || c == '.';
                let n_read = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
                let next = rest[n_read..].trim_start();
                let is_argument = commas.last() == Some(&true) || next.starts_with(',');
                let value = rest[..n_read].parse::<f64>().ok();
                let scale = value == Some(0.0) && next.starts_with('*');
                for moved in value
                    .filter(|_| !is_argument && !scale)
                    .map(moved)
                    .into_iter()
                    .flatten()
                {
                    changes.push((at, at + n_read, moved.to_string()));
                }
                n_read
            }
            byte if byte.is_ascii_alphabetic() || byte == b'_' => {
                let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
                rest.find(|c| !is_part(c)).unwrap_or(rest.len())
            }
            _ => 1,
        };
        at += n_read;
    }
    changes
}

fn turned(comparison: &str) -> &'static str {
    match comparison {
        ">" => "<",
        "<" => ">",
        ">=" => "<=",
        "<=" => ">=",
        "==" => "!=",
        "!=" => "==",
        other => panic!("{other} is no comparison"),
    }
}

fn moved(value: f64) -> [f64; 2] {
    if value == 0.0 {
        return [-1.0, 1.0];
    }
    [value / 2.0, value * 2.0]
}

#[test]
fn comparisons_and_thresholds_are_changed_and_nothing_else() {
    let check = |expr: &str, expected: &[&str]| {
        let found: Vec<String> = changes(expr)
            .into_iter()
            .map(|(start, end, new)| format!("{} {new}", &expr[start..end]))
            .collect();
        assert_eq!(found, expected, "{expr}");
    };
    check("up == 0", &["== !=", "0 -1", "0 1"]);
    check(
        "sum by (a) (rate(x{b=~\"5..\"}[5m] offset 1d)) > 0.05 * 2",
        &["> <", "0.05 0.025", "0.05 0.1", "2 1", "2 4"],
    );
    check(
        "histogram_quantile(0.95, x1) >= clamp_min(y, 1)",
        &[">= <="],
    );
    check("round(0 * a, 0.001) < 3", &["< >", "3 1.5", "3 6"]);
}
