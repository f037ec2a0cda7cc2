//! The researched library of alerts: every rule of it evaluates over what real exporters export.

use std::path::{Path, PathBuf};
use std::time::Duration;

use diagnosis::rules::{GroupOptions, GroupState, Health, parse_rule_file};
use model::{Labels, Timestamp, parse_float};
use promql::{EvalOptions, Expr, eval_instant};
use store::Store;

use crate::fixture::files_of;

fn shared() -> PathBuf {
    match std::env::var_os("PYROMETER_SHARED") {
        Some(shared) => PathBuf::from(shared),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"),
    }
}

/// Every fixture as the target of a job of its name, scraped every minute for ten minutes.
fn store_of_fixtures() -> Store {
    let store = Store::in_memory();
    let fixtures = files_of(&shared().join("fixtures"), |path| {
        path.extension().is_some_and(|ending| ending == "prom")
    });
    assert!(fixtures.len() > 30, "{fixtures:?}");
    for fixture in fixtures {
        let job = fixture.file_stem().unwrap().to_str().unwrap();
        let text = std::fs::read_to_string(&fixture).unwrap();
        let group = store.group(job);
        let target = [("job", job), ("instance", "h:1")];
        let mut series = vec![(Labels::new([("__name__", "up")]).unwrap(), 1.0)];
        series.extend(text.lines().filter_map(sample_of));
        let mut batch = Vec::new();
        for (labels, value) in series {
            let mut labels = labels.builder();
            for (name, value) in target {
                labels.set(name, value);
            }
            batch.push((store.resolve(group, &labels.build()).unwrap(), value));
        }
        for minute in 0..=10 {
            let at = Timestamp::from_millis(minute * 60_000);
            store.append(group, at, &batch).unwrap();
        }
    }
    store
}

/// A line of the text format; one that PromQL cannot name is left out.
fn sample_of(line: &str) -> Option<(Labels, f64)> {
    if line.starts_with('#') {
        return None;
    }
    let (series, value) = line.rsplit_once(' ')?;
    let expr = promql::parse(series).ok()?;
    let selector = expr.selectors().next()?;
    let pairs = selector
        .matchers
        .iter()
        .map(|m| (m.name().to_owned(), m.value().to_owned()));
    Some((Labels::new(pairs).ok()?, parse_float(value)?))
}

#[test]
fn every_rule_of_the_library_evaluates_over_real_exporters() {
    let file = shared().join("reference/library-alerts.yml");
    let Ok(text) = std::fs::read_to_string(&file) else {
        assert!(
            std::env::var("CI").is_err(),
            "{} is missing; name its folder with PYROMETER_SHARED",
            file.display()
        );
        println!("SKIPPED: {} is not there", file.display());
        return;
    };
    let store = store_of_fixtures();
    let snapshot = store.snapshot();
    let groups = parse_rule_file(&text).unwrap_or_else(|problems| panic!("{problems:#?}"));
    let now = Timestamp::from_millis(600_000);
    let (mut n_alerting, mut n_with_data) = (0, 0);
    for group in groups {
        let n_rules = group.rules.len();
        let options = GroupOptions {
            unwatched_max: Duration::from_secs(300),
            ..GroupOptions::default()
        };
        let mut state = GroupState::new(group, options);
        let mut query =
            |expr: &Expr, at: Timestamp| eval_instant(&snapshot, expr, at, &EvalOptions::default());
        for index in 0..n_rules {
            state.evaluate(index, now, &mut query);
        }
        for (rule, found) in state.rules() {
            n_alerting += usize::from(rule.alerting().is_some());
            n_with_data += usize::from(found.alerts().len() > 0);
            assert!(
                matches!(found.health, Health::Ok),
                "{}: {found:?}",
                rule.name()
            );
            assert!(
                found.template_errors.is_empty(),
                "{}: {found:?}",
                rule.name()
            );
        }
    }
    assert_eq!(n_alerting, 177);
    assert!(n_with_data > 0, "no rule has anything to say");
}
