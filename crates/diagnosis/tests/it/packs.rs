//! Every metric that a pack names is exported by the real thing, and every panel shows data.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use diagnosis::kpi::KpiKind;
use diagnosis::pack::{Pack, QueryScope, SeriesIndex, Unit, detect};
use diagnosis::rules::RuleKind;
use diagnosis::template::{Template, TemplateData};
use model::{Labels, METRIC_NAME, Timestamp};
use promql::{EvalOptions, Expr, InstantSeries, Value, eval_instant};
use store::Store;

use crate::fixture::{Fixture, Proven, packs};

/// The queries of a pack's panels, KPIs and facts, with a name for the failure.
fn queries(pack: &Pack, variants: &BTreeMap<String, String>, sel: &str) -> Vec<(String, Expr)> {
    let scope = QueryScope {
        sel,
        window: Duration::from_secs(60),
        variants,
    };
    let kpis = pack.kpis.iter().chain(&pack.entity_kpis);
    let kpis = kpis.map(|kpi| (kpi.name.clone(), &kpi.query));
    let facts = pack
        .facts
        .iter()
        .map(|fact| (fact.name.clone(), &fact.query));
    let rows = pack.dashboards.iter().flat_map(|dashboard| &dashboard.rows);
    let panels = rows.flat_map(|row| &row.panels).flat_map(|panel| {
        panel
            .queries
            .iter()
            .map(|query| (format!("panel {}", panel.id), &query.query))
    });
    kpis.chain(facts)
        .chain(panels)
        .map(|(name, query)| (format!("{}: {name}", pack.id), query.expr(&scope).unwrap()))
        .collect()
}

fn metrics(expr: &Expr) -> Vec<String> {
    expr.selectors()
        .map(|selector| selector.metric_name.unwrap().to_owned())
        .collect()
}

fn variants_of(pack: &Pack, fixture: &Fixture) -> BTreeMap<String, String> {
    let packs = std::slice::from_ref(pack);
    let mut index = SeriesIndex::new(packs);
    for (labels, ..) in &fixture.series {
        index.add(&labels.builder().set("job", "shop").clone().build());
    }
    let (_, series) = index.jobs().next().unwrap();
    let detection = detect(packs, series).pop();
    let detection = detection.unwrap_or_else(|| panic!("{} is not found in its fixture", pack.id));
    assert_eq!(
        detection.variants.len(),
        pack.variants.len(),
        "{detection:?}"
    );
    detection.variants
}

/// The value of an instant query at the end of [`Fixture::store`].
fn eval(store: &Store, expr: &Expr, what: &str) -> Vec<InstantSeries> {
    let at = Timestamp::from_millis(600_000);
    let evaluated = eval_instant(&store.snapshot(), expr, at, &EvalOptions::default());
    let Value::Vector(series) = evaluated.unwrap().value else {
        panic!("{what} is no vector")
    };
    series
}

/// Whether only requests that failed are asked for.
fn asks_for_failures(expr: &Expr) -> bool {
    expr.selectors().all(|selector| {
        let mut matchers = selector.matchers.iter();
        matchers.any(|matcher| matcher.name() == "status" && matcher.value() == "5..")
    })
}

#[test]
fn every_metric_is_in_a_fixture_and_where_it_is_not_the_pack_says_why() {
    for Proven { pack, fixtures, .. } in packs() {
        let rules = pack.groups.iter().flat_map(|group| &group.rules);
        let mut named: Vec<_> = rules
            .map(|rule| (rule.name().to_owned(), rule.expr.clone()))
            .collect();
        for fixture in fixtures {
            let variants = variants_of(pack, fixture);
            named.extend(queries(pack, &variants, "job=\"shop\""));
        }
        for (name, expr) in named {
            for metric in metrics(&expr) {
                let has = |fixture: &Fixture| fixture.has(&metric);
                let excused = pack.absence_reason(&metric).is_some() || records(pack, &metric);
                let missing = fixtures.iter().find(|fixture| !has(fixture) && !excused);
                let missing = missing.map(|fixture| &fixture.path);
                assert_eq!(missing, None, "{name} names {metric}, which is not there");
            }
        }
    }
}

/// Whether a recording rule of the pack writes the metric.
fn records(pack: &Pack, metric: &str) -> bool {
    let mut rules = pack.groups.iter().flat_map(|group| &group.rules);
    rules.any(|rule| matches!(&rule.kind, RuleKind::Recording { record } if record == metric))
}

#[test]
fn every_query_returns_data_for_every_job() {
    for Proven { pack, fixtures, .. } in packs() {
        let mut shown = BTreeMap::new();
        for fixture in fixtures {
            let store = fixture.store();
            let variants = variants_of(pack, fixture);
            for (name, expr) in queries(pack, &variants, "job=~\"shop|blog\"") {
                let waits = |metric: &String| pack.absence_reason(metric).is_some();
                let seen = shown.entry(name.clone()).or_insert(false);
                // What no fixture shows, for the reason that the pack gives.
                *seen |= metrics(&expr).iter().any(waits);
                if metrics(&expr).iter().any(|metric| !fixture.has(metric)) {
                    continue; // The test above made sure that its absence has a reason.
                }
                if !fixture.failing && asks_for_failures(&expr) {
                    continue; // There are none where all is well.
                }
                *seen = true;
                let numbers = eval(store, &expr, &name)
                    .into_iter()
                    .filter(|series| series.sample.value.is_finite());
                let path = fixture.path.display();
                assert!(numbers.count() > 0, "{name} has no data in {path}: {expr}");
            }
        }
        let never: Vec<_> = shown.iter().filter(|(_, seen)| !**seen).collect();
        assert!(never.is_empty(), "no fixture shows {never:?}");
    }
}

#[test]
fn kpis_and_facts_are_one_number_a_job() {
    for Proven { pack, fixtures, .. } in packs() {
        let scope = QueryScope {
            sel: "job!=\"\"",
            window: Duration::from_secs(60),
            variants: &BTreeMap::new(),
        };
        let kpis = pack.kpis.iter().map(|kpi| (&kpi.name, &kpi.query));
        let facts = pack.facts.iter().map(|fact| (&fact.name, &fact.query));
        for (name, query) in kpis.chain(facts) {
            let expr = query.expr(&scope).unwrap();
            for fixture in fixtures {
                if metrics(&expr).iter().any(|metric| !fixture.has(metric)) {
                    continue; // The pack says why; see above.
                }
                let series = eval(fixture.store(), &expr, name);
                let jobs: Vec<_> = series
                    .iter()
                    .map(|series| series.labels.to_string())
                    .collect();
                let expected = ["{job=\"blog\"}", "{job=\"shop\"}"];
                assert_eq!(jobs, expected, "{name} in {}", fixture.path.display());
            }
        }
    }
}

#[test]
fn every_kpi_names_its_entity_and_its_kind() {
    for Proven { pack, fixtures, .. } in packs() {
        for kpi in pack.kpis.iter().chain(&pack.entity_kpis) {
            let unit = kpi.kind.as_ref().map_or(kpi.unit, KpiKind::unit);
            let counts = [Unit::RequestsPerSecond, Unit::OperationsPerSecond];
            let fits = unit == kpi.unit
                || unit == Unit::Short
                || (counts.contains(&unit) && counts.contains(&kpi.unit));
            assert!(fits, "{}: {} is in {:?}", pack.id, kpi.name, kpi.unit);
            for fixture in fixtures {
                let variants = variants_of(pack, fixture);
                let scope = QueryScope {
                    sel: "job=~\"shop|blog\"",
                    window: Duration::from_secs(60),
                    variants: &variants,
                };
                let expr = kpi.query.expr(&scope).unwrap();
                if metrics(&expr).iter().any(|metric| !fixture.has(metric)) {
                    continue; // The pack says why; see above.
                }
                let series = eval(fixture.store(), &expr, &kpi.name);
                // Exporters that add up all queues or pools by default name none.
                if let Some(of) = &kpi.of
                    && !series
                        .iter()
                        .any(|series| of.is_named(&series.labels, &variants))
                {
                    continue;
                }
                let mut keys = BTreeSet::new();
                for series in &series {
                    let (name, labels) = (&kpi.name, &series.labels);
                    let Some(key) = kpi.entity_of(labels, &variants, "box") else {
                        continue; // What has no name, such as a route that nobody declared.
                    };
                    assert!(keys.insert(key), "{}: {name} twice for {labels}", pack.id);
                }
                assert!(!keys.is_empty(), "{}: {} names nothing", pack.id, kpi.name);
            }
        }
    }
}

/// The alerts of a pack that have something to say about a fixture, their `for` left out.
fn alerts_about(pack: &Pack, fixture: &Fixture) -> Vec<String> {
    let store = fixture.store();
    let rules = pack.groups.iter().flat_map(|group| &group.rules);
    rules
        .filter(|rule| rule.alerting().is_some())
        .filter(|rule| !eval(store, &rule.expr, rule.name()).is_empty())
        .map(|rule| rule.name().to_owned())
        .collect()
}

#[test]
fn a_healthy_target_has_no_alert_of_any_pack() {
    for Proven { pack, fixtures, .. } in packs() {
        for fixture in fixtures.iter().filter(|fixture| !fixture.failing) {
            let alerts = alerts_about(pack, fixture);
            assert!(alerts.is_empty(), "{alerts:?}: {}", fixture.path.display());
        }
    }
}

#[test]
fn a_failing_target_has_an_alert_of_its_pack() {
    for Proven { pack, fixtures, .. } in packs() {
        for fixture in fixtures.iter().filter(|fixture| fixture.failing) {
            let alerts = alerts_about(pack, fixture);
            assert!(!alerts.is_empty(), "{}", fixture.path.display());
        }
    }
}

#[test]
fn no_rule_fires_for_what_is_absent_and_every_text_expands() {
    let empty = Labels::empty();
    for Proven { pack, .. } in packs() {
        for rule in pack.groups.iter().flat_map(|group| &group.rules) {
            let evaluated = eval_instant(
                &Store::in_memory().snapshot(),
                &rule.expr,
                Timestamp::from_millis(600_000),
                &EvalOptions::default(),
            );
            assert_eq!(
                evaluated.unwrap().value,
                Value::Vector(Vec::new()),
                "{}",
                rule.name()
            );
            let data = TemplateData::new(&empty, &empty, 0.5);
            for (name, text) in rule
                .alerting()
                .iter()
                .flat_map(|alerting| &alerting.annotations)
            {
                let expanded = Template::parse(text).and_then(|template| template.expand(&data));
                assert!(expanded.is_ok(), "{name} of {}: {expanded:?}", rule.name());
            }
            for selector in rule.expr.selectors() {
                let named = selector.matchers.iter().filter(|m| m.name() != METRIC_NAME);
                let scoped = named.filter(|matcher| ["job", "instance"].contains(&matcher.name()));
                assert_eq!(scoped.count(), 0, "{} names a job", rule.name());
            }
        }
    }
}
