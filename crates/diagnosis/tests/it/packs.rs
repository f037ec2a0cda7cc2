//! Every metric that a pack names is exported by the real thing, and every panel shows data.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use diagnosis::pack::{Pack, PackFiles, QueryScope, SeriesIndex, detect, embedded};
use diagnosis::template::{Template, TemplateData};
use model::{Labels, METRIC_NAME, Timestamp};
use promql::{EvalOptions, Expr, InstantSeries, Value, eval_instant};
use store::Store;

pub(crate) fn packs_dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../packs")
}

/// The entries of a folder that pass, sorted; none when there is no folder.
pub(crate) fn files_of(folder: &Path, passes: impl Fn(&Path) -> bool) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| passes(path));
    paths.sort();
    paths
}

pub(crate) fn load(folder: &Path) -> Pack {
    let id = folder.file_name().unwrap().to_str().unwrap();
    let files = embedded().into_iter().find(|files| files.id == id);
    let files: PackFiles<'_> = files.unwrap_or_else(|| panic!("{id} is not embedded"));
    Pack::load(&files).unwrap_or_else(|problems| panic!("{problems:#?}"))
}

fn packs() -> Vec<(Pack, Vec<Fixture>)> {
    let folders = files_of(&packs_dir(), |path| path.is_dir());
    let packs: Vec<_> = folders
        .iter()
        .map(|folder| (load(folder), fixtures(folder)))
        .collect();
    assert!(packs.len() >= 3, "{folders:?}");
    packs
}

/// Every pack is proven with at least one target that is well.
fn fixtures(pack: &Path) -> Vec<Fixture> {
    let paths = files_of(&pack.join("fixtures"), |_| true);
    let fixtures: Vec<_> = paths.iter().map(|path| Fixture::read(path)).collect();
    assert!(fixtures.iter().any(|fixture| !fixture.failing), "{paths:?}");
    fixtures
}

/// What one real target exposed.
struct Fixture {
    path: PathBuf,
    /// Taken while the service failed on purpose: its name ends in `.failing.prom`.
    failing: bool,
    /// Labels, value, whether the value counts up.
    series: Vec<(Labels, f64, bool)>,
}

impl Fixture {
    fn read(path: &Path) -> Self {
        let text = std::fs::read_to_string(path).unwrap();
        let (mut series, mut cumulative) = (Vec::new(), Vec::new());
        for line in text.lines() {
            if let Some(family) = line.strip_prefix("# TYPE ") {
                let (name, kind) = family.split_once(' ').unwrap();
                if kind == "counter" {
                    cumulative.push(name.to_owned());
                } else if kind == "histogram" {
                    cumulative.extend(["_bucket", "_sum", "_count"].map(|s| format!("{name}{s}")));
                }
            }
            if line.starts_with('#') || line.is_empty() {
                continue;
            }
            let (selector, value) = line.rsplit_once(' ').unwrap();
            let labels = labels_of(selector);
            let counts = cumulative.iter().any(|name| name == labels.metric_name());
            series.push((labels, value.parse().unwrap(), counts));
        }
        assert!(!series.is_empty(), "{} is empty", path.display());
        Self {
            path: path.to_owned(),
            failing: path.to_string_lossy().ends_with(".failing.prom"),
            series,
        }
    }

    fn has(&self, metric: &str) -> bool {
        self.series
            .iter()
            .any(|(labels, ..)| labels.metric_name() == metric)
    }

    /// Two jobs with these series, scraped every 5 s from 0 to 10 min; counters go on about as
    /// fast as they did: a hundredth of what they counted with every scrape. Events stay whole.
    fn store(&self) -> Store {
        let store = Store::in_memory();
        for job in ["shop", "blog"] {
            let group = store.group(job);
            let resolve = |(labels, value, counts): &(Labels, f64, bool)| {
                let labels = labels
                    .builder()
                    .set("job", job)
                    .set("instance", "h:1")
                    .clone()
                    .build();
                (store.resolve(group, &labels).unwrap(), *value, *counts)
            };
            let series: Vec<_> = self.series.iter().map(resolve).collect();
            for round in 0..=120_i32 {
                let grown = |value: f64, counts: bool| {
                    let grown = value + f64::from(round) * value / 100.0;
                    match (counts, value.fract() == 0.0) {
                        (true, true) => grown.floor(),
                        (true, false) => grown,
                        (false, _) => value,
                    }
                };
                let samples: Vec<_> = series
                    .iter()
                    .map(|&(id, value, counts)| (id, grown(value, counts)))
                    .collect();
                let at = Timestamp::from_millis(i64::from(round) * 5000);
                store.append(group, at, &samples).unwrap();
            }
        }
        store
    }
}

/// A line of the text format names a series as PromQL does.
fn labels_of(selector: &str) -> Labels {
    let expr = promql::parse(selector).unwrap();
    let matchers = expr.selectors().next().unwrap().matchers.iter();
    Labels::new(matchers.map(|matcher| (matcher.name(), matcher.value()))).unwrap()
}

/// The queries of a pack's panels, KPIs and facts, with a name for the failure.
fn queries(pack: &Pack, variants: &BTreeMap<String, String>, sel: &str) -> Vec<(String, Expr)> {
    let scope = QueryScope {
        sel,
        window: Duration::from_secs(60),
        variants,
    };
    let kpis = pack.kpis.iter().map(|kpi| (kpi.name.clone(), &kpi.query));
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
    for (pack, fixtures) in packs() {
        let rules = pack.groups.iter().flat_map(|group| &group.rules);
        let mut named: Vec<_> = rules
            .map(|rule| (rule.name().to_owned(), rule.expr.clone()))
            .collect();
        for fixture in &fixtures {
            let variants = variants_of(&pack, fixture);
            named.extend(queries(&pack, &variants, "job=\"shop\""));
        }
        for (name, expr) in named {
            for metric in metrics(&expr) {
                let has = |fixture: &Fixture| fixture.has(&metric);
                let exported = fixtures.iter().any(has);
                assert!(exported, "{name} names {metric}, which nothing exports");
                let excused = pack.absence_reason(&metric).is_some();
                let missing = fixtures.iter().find(|fixture| !has(fixture) && !excused);
                let missing = missing.map(|fixture| &fixture.path);
                assert_eq!(missing, None, "{name} names {metric}, which is not there");
            }
        }
    }
}

#[test]
fn every_query_returns_data_for_every_job() {
    for (pack, fixtures) in packs() {
        let mut shown = BTreeMap::new();
        for fixture in fixtures {
            let store = fixture.store();
            let variants = variants_of(&pack, &fixture);
            for (name, expr) in queries(&pack, &variants, "job=~\"shop|blog\"") {
                let seen = shown.entry(name.clone()).or_insert(false);
                if metrics(&expr).iter().any(|metric| !fixture.has(metric)) {
                    continue; // The test above made sure that its absence has a reason.
                }
                if !fixture.failing && asks_for_failures(&expr) {
                    continue; // There are none where all is well.
                }
                *seen = true;
                let numbers = eval(&store, &expr, &name)
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
    for (pack, fixtures) in packs() {
        let scope = QueryScope {
            sel: "job!=\"\"",
            window: Duration::from_secs(60),
            variants: &BTreeMap::new(),
        };
        let kpis = pack.kpis.iter().map(|kpi| (&kpi.name, &kpi.query));
        let facts = pack.facts.iter().map(|fact| (&fact.name, &fact.query));
        for (name, query) in kpis.chain(facts) {
            let expr = query.expr(&scope).unwrap();
            for fixture in &fixtures {
                if metrics(&expr).iter().any(|metric| !fixture.has(metric)) {
                    continue; // The pack says why; see above.
                }
                let series = eval(&fixture.store(), &expr, name);
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

/// The alerts of a pack that have something to say about a fixture, their `for` left out.
fn alerts_about(pack: &Pack, fixture: &Fixture) -> Vec<String> {
    let store = fixture.store();
    let rules = pack.groups.iter().flat_map(|group| &group.rules);
    rules
        .filter(|rule| !eval(&store, &rule.expr, rule.name()).is_empty())
        .map(|rule| rule.name().to_owned())
        .collect()
}

#[test]
fn a_healthy_target_has_no_alert_of_any_pack() {
    for (pack, fixtures) in packs() {
        for fixture in fixtures.iter().filter(|fixture| !fixture.failing) {
            let alerts = alerts_about(&pack, fixture);
            assert!(alerts.is_empty(), "{alerts:?}: {}", fixture.path.display());
        }
    }
}

#[test]
fn a_failing_target_has_an_alert_of_its_pack() {
    for (pack, fixtures) in packs() {
        for fixture in fixtures.iter().filter(|fixture| fixture.failing) {
            let alerts = alerts_about(&pack, fixture);
            assert!(!alerts.is_empty(), "{}", fixture.path.display());
        }
    }
}

#[test]
fn no_rule_fires_for_what_is_absent_and_every_text_expands() {
    let empty = Labels::empty();
    for (pack, _) in packs() {
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
