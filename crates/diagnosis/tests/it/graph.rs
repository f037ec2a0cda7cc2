//! What the model rules of each pack make of its own fixtures, and what deriving costs.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

use diagnosis::graph::{
    Answer, Graph, Limits, Locality, ModelRules, PackJobs, Question, RuleSource, SourcedRules,
    built_in_rules, derive, questions,
};
use diagnosis::pack::{Pack, SeriesIndex, detect};
use model::{Labels, Timestamp};
use promql::{EvalOptions, Value, eval_instant};
use store::Store;

use crate::fixture::{Fixture, Proven, packs};

const GOLDEN: &str = "tests/it/graphs.txt";

/// What the server itself writes of a target.
fn targets() -> Store {
    let store = Store::in_memory();
    let group = store.group("shop");
    let up = [("__name__", "up"), ("job", "shop"), ("instance", "h:1")];
    let up = store.resolve(group, &Labels::new(up).unwrap()).unwrap();
    let at = Timestamp::from_millis(600_000);
    store.append(group, at, &[(up, 1.0)]).unwrap();
    store
}

fn metrics(question: &Question) -> Vec<String> {
    let selectors = question.expr.iter().flat_map(|expr| expr.selectors());
    let names = selectors.filter_map(|selector| selector.metric_name);
    names.map(str::to_owned).collect()
}

fn answers(scraped: &Store, asked: &[Question]) -> Vec<Answer> {
    let (scraped, own) = (scraped.snapshot(), targets().snapshot());
    let at = Timestamp::from_millis(600_000);
    let answer = |question: &Question| -> Answer {
        let expr = question.expr.as_ref().ok_or("a variant is not told")?;
        let is_own = metrics(question) == ["up"];
        let snapshot = if is_own { &own } else { &scraped };
        match eval_instant(snapshot, expr, at, &EvalOptions::default()) {
            Ok(evaluated) => match evaluated.value {
                Value::Vector(rows) => Ok(rows
                    .into_iter()
                    .map(|row| (row.labels, row.sample.value))
                    .collect()),
                other => Err(format!("{other:?} is no vector")),
            },
            Err(error) => Err(error.to_string()),
        }
    };
    asked.iter().map(answer).collect()
}

fn sources(pack: &Pack) -> [SourcedRules; 2] {
    let built_in = (RuleSource::BuiltIn, built_in_rules());
    let own = (RuleSource::Pack(pack.id.clone()), pack.model.clone());
    [own, built_in].map(|(source, rules)| SourcedRules { source, rules })
}

fn jobs_of(pack: &Pack, fixture: &Fixture) -> PackJobs {
    let packs = std::slice::from_ref(pack);
    let mut index = SeriesIndex::new(packs);
    for (labels, ..) in &fixture.series {
        index.add(&labels.builder().set("job", "shop").clone().build());
    }
    let found = index.jobs().flat_map(|(_, series)| detect(packs, series));
    PackJobs {
        pack: pack.id.clone(),
        sel: "job=\"shop\"".to_owned(),
        jobs: vec!["shop".to_owned()],
        variants: found.last().map(|found| found.variants).unwrap_or_default(),
    }
}

/// A few of each kind of entity and relation; what they hang on is the same for all of a kind.
fn shown(graph: &Graph) -> Vec<String> {
    const EACH: usize = 3;
    let mut lines = Vec::new();
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let mut add = |kind: String, line: String| {
        let n = seen.entry(kind).or_default();
        *n += 1;
        if *n <= EACH {
            lines.push(line);
        }
    };
    for (_, entity) in graph.entities() {
        let mut line = entity.key.to_string();
        for (name, value) in &entity.properties {
            write!(line, " {name}={value:?}").unwrap();
        }
        add(entity.key.kind.name().to_owned(), line);
    }
    for relation in graph.relations() {
        let (from, to) = (graph.entity(relation.from), graph.entity(relation.to));
        let kind = relation.kind.name();
        let traffic = relation.traffic;
        let measured = [
            traffic.rate.map(|_| " rate"),
            traffic.error_ratio.map(|_| " errors"),
            traffic.latency.map(|_| " latency"),
        ];
        let measured: String = measured.into_iter().flatten().collect();
        let of = format!("{kind} {} {}", from.key.kind.name(), to.key.kind.name());
        add(of, format!("{} {kind} {}{measured}", from.key, to.key));
    }
    lines
}

/// `UPDATE_GOLDEN=1` writes the file anew.
#[test]
fn every_pack_makes_of_its_fixtures_what_was_reviewed() {
    let mut text = String::new();
    for Proven { pack, fixtures, .. } in packs() {
        let sources = sources(pack);
        for fixture in fixtures {
            let asked = questions(&sources, &[jobs_of(pack, fixture)], Duration::from_secs(60));
            let answers = answers(fixture.store(), &asked);
            let (known, limits) = (Graph::default(), Limits::default());
            let out = derive(
                &sources,
                &asked,
                &answers,
                &known,
                &Locality::default(),
                limits,
            );
            let name = fixture.path.file_name().unwrap().to_string_lossy();
            writeln!(text, "== {} {name}", pack.id).unwrap();
            for line in shown(&out.graph) {
                writeln!(text, "{line}").unwrap();
            }
            for note in &out.notes {
                writeln!(text, "note: {note}").unwrap();
            }
            for report in &out.reports {
                assert_eq!(report.error, None, "{}", report.query);
                for (lacking, rows) in &report.lacking {
                    writeln!(text, "{rows} rows lack {lacking}: {}", report.place).unwrap();
                }
            }
        }
    }
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(GOLDEN);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_default();
    for (ours, golden) in text.lines().zip(golden.lines()) {
        assert_eq!(ours, golden, "see {GOLDEN}; UPDATE_GOLDEN=1 writes it");
    }
    assert_eq!(text.lines().count(), golden.lines().count());
}

#[test]
fn every_metric_of_a_model_rule_is_in_a_fixture_or_the_pack_says_why() {
    for Proven { pack, fixtures, .. } in packs() {
        let jobs: Vec<PackJobs> = fixtures.iter().map(|f| jobs_of(pack, f)).collect();
        for question in questions(&sources(pack)[..1], &jobs, Duration::from_secs(60)) {
            for metric in metrics(&question) {
                let is_there = metric == "up"
                    || pack.absence_reason(&metric).is_some()
                    || fixtures.iter().any(|fixture| fixture.has(&metric));
                assert!(is_there, "{} of {} is nowhere", metric, question.place);
            }
        }
    }
}

/// 950 services with an instance each on a hundred hosts, and 4,100 calls among them, a third of
/// them of one service that everybody calls.
fn large() -> Vec<(&'static str, Vec<(Labels, f64)>)> {
    let label = |pairs: &[(&str, String)]| {
        let pairs = pairs.iter().map(|(name, value)| (*name, value.as_str()));
        Labels::new(pairs).unwrap()
    };
    let instance = |n: usize| format!("10.0.{}.{}:80{:02}", n / 250, n % 250, n % 100);
    let up = (0..950).map(|n| {
        let pairs = [("job", format!("service-{n}")), ("instance", instance(n))];
        let node = ("node", format!("node-{}", n % 100));
        (label(&[pairs[0].clone(), pairs[1].clone(), node]), 1.0)
    });
    let jobs = (0..950).map(|n| (label(&[("job", format!("service-{n}"))]), 1.0));
    let calls = (0..4100).map(|n| {
        let to = if n % 3 == 0 {
            0
        } else {
            (n * 7 + 1 + n / 950) % 950
        };
        let pairs = [
            ("client", format!("service-{}", n % 950)),
            ("server", format!("service-{to}")),
        ];
        (label(&pairs), 1.5)
    });
    vec![
        ("count by (job) (up", jobs.collect()),
        ("up{", up.collect()),
        ("traces_service_graph_request_total{client", calls.collect()),
    ]
}

#[test]
fn a_large_graph_is_derived_in_a_moment() {
    let rules: ModelRules = built_in_rules();
    let sources = [SourcedRules {
        source: RuleSource::BuiltIn,
        rules,
    }];
    let asked = questions(&sources, &[], Duration::from_secs(60));
    let rows = large();
    let answers: Vec<Answer> = asked
        .iter()
        .map(|question| {
            let is_it = |part: &str| {
                let total = "traces_service_graph_request_total{client";
                question.text.starts_with(part)
                    || (part == total
                        && question.text.contains(part)
                        && question.text.contains("connection_type!~"))
            };
            let found = rows.iter().find(|(part, _)| is_it(part));
            Ok(found.map(|(_, rows)| rows.clone()).unwrap_or_default())
        })
        .collect();
    let mut best = Duration::MAX;
    let mut known = Graph::default();
    for _ in 0..5 {
        let started = Instant::now();
        let out = derive(
            &sources,
            &asked,
            &answers,
            &known,
            &Locality::default(),
            Limits::default(),
        );
        best = best.min(started.elapsed());
        known = out.graph;
    }
    eprintln!(
        "{} entities and {} relations derived in {best:?}",
        known.len(),
        known.relations().len()
    );
    assert_eq!(known.len(), 2000);
    assert!(
        known.relations().len() > 5000,
        "{}",
        known.relations().len()
    );
}
