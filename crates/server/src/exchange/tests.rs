use std::path::Path;
use std::time::Duration;

use diagnosis::pack::{Pack, embedded};
use model::Timestamp;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::fill::{Chosen, fill};
use super::imported::{PanelKind, VariableKind};
use super::shelf::DASHBOARDS_MAX;
use super::*;

fn packs() -> Vec<Pack> {
    let load = |files: diagnosis::pack::PackFiles<'_>| Pack::load(&files).unwrap();
    embedded().into_iter().map(load).collect()
}

fn chosen(name: &str, values: &[&str], is_regex: bool) -> Chosen {
    Chosen {
        name: name.to_owned(),
        values: values.iter().map(|&value| value.to_owned()).collect(),
        is_regex,
        literal: None,
        is_all: false,
    }
}

fn values(chosen: Vec<Chosen>) -> Values {
    Values {
        chosen,
        interval: Duration::from_secs(15),
        rate_interval: Duration::from_secs(60),
        start: Timestamp::from_millis(1_000),
        end: Timestamp::from_millis(3_601_000),
    }
}

#[test]
fn what_is_exported_for_grafana_is_read_back_whole() {
    for pack in packs() {
        for dashboard in &pack.dashboards {
            let text = grafana_dashboard(&pack, dashboard).to_string();
            let imported = read_grafana(&text).unwrap();
            let report = ImportReport::of(&imported);
            assert_eq!(report.left_out, [], "{}", pack.id);
            assert_eq!(
                report.shown, report.panels,
                "{}: {:?}",
                pack.id, report.remarks
            );
            let panels = dashboard.rows.iter().flat_map(|row| &row.panels);
            let queries = |panel: &diagnosis::pack::Panel| {
                let texts = panel.queries.iter().map(|query| exported(&query.query));
                (panel.title.clone(), texts.collect::<Vec<_>>())
            };
            let expected: Vec<_> = panels.map(queries).collect();
            let found: Vec<_> = imported
                .panels()
                .map(|panel| {
                    let texts = panel.queries.iter().map(|query| query.expr.clone());
                    (panel.title.clone(), texts.collect::<Vec<_>>())
                })
                .collect();
            assert_eq!(found, expected, "{}", pack.id);
        }
    }
}

#[test]
fn an_exported_dashboard_asks_for_nothing_that_only_we_fill() {
    for pack in packs() {
        for dashboard in &pack.dashboards {
            for text in [
                grafana_dashboard(&pack, dashboard).to_string(),
                perses_dashboard(&pack, dashboard).to_string(),
            ] {
                assert!(!text.contains("$sel") && !text.contains("$w]"), "{text}");
                for variant in &pack.variants {
                    let used = text.contains(&format!("${}", variant.name));
                    let defined = text.contains(&format!("\"name\":\"{}\"", variant.name));
                    assert!(!used || defined, "{}: {}", pack.id, variant.name);
                }
            }
        }
    }
}

#[test]
fn panels_of_perses_stand_where_the_layout_says() {
    for pack in packs() {
        for dashboard in &pack.dashboards {
            let model = perses_dashboard(&pack, dashboard);
            let layouts = model["spec"]["layouts"].as_array().unwrap();
            let items = layouts
                .iter()
                .flat_map(|layout| layout["spec"]["items"].as_array().unwrap());
            let mut n_items = 0;
            for item in items {
                n_items += 1;
                let right = item["x"].as_u64().unwrap() + item["width"].as_u64().unwrap();
                assert!(right <= 24, "{item}");
                let pointer = item["content"]["$ref"].as_str().unwrap();
                let panel = model.pointer(pointer.trim_start_matches('#'));
                assert!(panel.is_some(), "{pointer}");
            }
            assert_eq!(n_items, model["spec"]["panels"].as_object().unwrap().len());
        }
    }
}

#[test]
fn variables_are_put_in_as_grafana_does() {
    let values = values(vec![
        chosen("job", &["a.b"], false),
        chosen("many", &["a.b", "c"], true),
        chosen("one", &["a.b"], true),
        Chosen {
            literal: Some(".+".to_owned()),
            ..chosen("all", &[], true)
        },
        chosen("quote", &["a\"b\\c"], false),
        chosen("label", &["instance"], false),
    ]);
    for (text, expected) in [
        ("up{job=\"$job\"}", "up{job=\"a.b\"}"),
        ("up{job=\"${job}\"}", "up{job=\"a.b\"}"),
        ("up{job=\"[[job]]\"}", "up{job=\"a.b\"}"),
        ("up{job=~\"$many\"}", r#"up{job=~"(a\\.b|c)"}"#),
        ("up{job=~\"$one\"}", r#"up{job=~"a\\.b"}"#),
        ("up{job=~\"$all\"}", "up{job=~\".+\"}"),
        ("up{job=~\"${many:pipe}\"}", "up{job=~\"a.b|c\"}"),
        ("up{job=~\"${many:regex}\"}", r#"up{job=~"a\.b|c"}"#),
        ("up{job=\"$quote\"}", r#"up{job="a\"b\\c"}"#),
        ("sum by ($label) (up[1m])", "sum by (instance) (up[1m])"),
        ("rate(a[$__rate_interval])", "rate(a[1m])"),
        ("rate(a[$__interval])", "rate(a[15s])"),
        ("increase(a[$__range])", "increase(a[1h])"),
        ("a * $__range_s + $__interval_ms", "a * 3600 + 15000"),
        ("a[$__auto_interval_every]", "a[15s]"),
        // What nobody knows stays, and so does what is no variable at all.
        ("up{job=\"$other\"}", "up{job=\"$other\"}"),
        ("{{job}} costs 5$ [a] ${", "{{job}} costs 5$ [a] ${"),
        ("größer $job", "größer a.b"),
    ] {
        assert_eq!(fill(text, &values), expected, "{text}");
    }
}

/// A dashboard with one panel.
fn with_panel(panel: &Value) -> String {
    json!({"title": "t", "panels": [panel]}).to_string()
}

#[test]
fn panels_are_read_in_every_age_of_the_model() {
    for (panel, kind, unit, thresholds) in [
        (
            json!({"type": "timeseries", "title": "a", "targets": [{"expr": "up"}],
                "fieldConfig": {"defaults": {"unit": "s", "thresholds": {"steps": [
                    {"color": "green", "value": null}, {"color": "red", "value": 80}]}}}}),
            PanelKind::Timeseries,
            "s",
            vec![80.0],
        ),
        (
            json!({"type": "graph", "targets": [{"expr": "up"}], "stack": true,
                "yaxes": [{"format": "bytes", "min": "0"}],
                "thresholds": [{"value": 3, "colorMode": "critical"}]}),
            PanelKind::Timeseries,
            "bytes",
            vec![3.0],
        ),
        (
            json!({"type": "singlestat", "targets": [{"expr": "up"}], "format": "percent",
                "thresholds": "50, 80", "colors": ["green", "orange", "red"]}),
            PanelKind::Stat,
            "percent",
            vec![50.0, 80.0],
        ),
        (
            json!({"type": "text", "options": {"content": "# Read me"}}),
            PanelKind::Text,
            "",
            vec![],
        ),
    ] {
        let imported = read_grafana(&with_panel(&panel)).unwrap();
        assert_eq!(imported.left_out, [], "{panel}");
        let found = imported.panels().next().unwrap();
        let bounds: Vec<f64> = found.thresholds.iter().map(|one| one.value).collect();
        assert_eq!(
            (found.kind, found.unit.as_str(), bounds),
            (kind, unit, thresholds)
        );
    }
}

#[test]
fn what_cannot_be_shown_is_named_with_its_reason() {
    for (panel, reason) in [
        (json!({"type": "stat", "title": "x"}), "it has no query"),
        (
            json!({"type": "logs", "title": "x", "targets": [{"expr": "{a=\"b\"}"}]}),
            "it shows logs, which are not kept here",
        ),
        (
            json!({"type": "timeseries", "title": "x", "targets": [
                {"expr": "{a=\"b\"}", "datasource": {"type": "loki", "uid": "l"}}]}),
            "it asks loki, not Prometheus",
        ),
        (
            json!({"type": "timeseries", "title": "x", "libraryPanel": {"uid": "u"}}),
            "it is a library panel: its queries are in Grafana, not in this file",
        ),
        (
            json!({"type": "my-panel", "title": "x", "targets": [{"expr": "up"}]}),
            "panels of the type \"my-panel\" are not known here",
        ),
        (json!({"title": "x"}), "it has no type"),
        (json!(17), "it has no type"),
    ] {
        let imported = read_grafana(&with_panel(&panel)).unwrap();
        let reasons: Vec<&str> = imported
            .left_out
            .iter()
            .map(|one| one.reason.as_str())
            .collect();
        assert_eq!(reasons, [reason], "{panel}");
        assert_eq!(ImportReport::of(&imported).panels, 1);
    }
}

#[test]
fn a_query_that_is_not_understood_is_no_shown_panel() {
    let panel = json!({"type": "stat", "title": "x", "targets": [{"expr": "sum(up"}]});
    let report = ImportReport::of(&read_grafana(&with_panel(&panel)).unwrap());
    assert_eq!((report.panels, report.shown), (1, 0));
    assert!(
        report.remarks[0].text.contains("sum(up"),
        "{:?}",
        report.remarks
    );
}

#[test]
fn rows_of_the_old_model_and_collapsed_rows_hold_their_panels() {
    let panel = |title: &str, x: u64, y: u64| {
        json!({"type": "stat", "title": title, "targets": [{"expr": "up"}],
            "gridPos": {"x": x, "y": y, "w": 12, "h": 4}})
    };
    let new = json!({"title": "t", "panels": [
        panel("second", 12, 1),
        panel("first", 0, 1),
        {"type": "row", "title": "More", "collapsed": true, "gridPos": {"y": 5},
            "panels": [panel("third", 0, 6)]},
    ]});
    let old = json!({"title": "t", "rows": [
        {"title": "hidden title", "panels": [
            {"type": "graph", "title": "first", "span": 6, "targets": [{"expr": "up"}]},
            {"type": "graph", "title": "second", "span": 6, "targets": [{"expr": "up"}]}]},
        {"title": "More", "showTitle": true, "collapse": true, "panels": [
            {"type": "graph", "title": "third", "span": 12, "targets": [{"expr": "up"}]}]},
    ]});
    for model in [new, old] {
        let imported = read_grafana(&model.to_string()).unwrap();
        let rows: Vec<(&str, bool, Vec<&str>)> = imported
            .rows
            .iter()
            .map(|row| {
                let titles = row.panels.iter().map(|panel| panel.title.as_str());
                (row.title.as_str(), row.collapsed, titles.collect())
            })
            .collect();
        assert_eq!(
            rows,
            [
                ("", false, vec!["first", "second"]),
                ("More", true, vec!["third"])
            ]
        );
    }
}

#[test]
fn variables_are_read_or_refused_with_a_reason() {
    let labels = |label: &str, selector: Option<&str>| {
        Ok(VariableKind::LabelValues {
            label: label.to_owned(),
            selector: selector.map(str::to_owned),
        })
    };
    let options = |options: &[(&str, &str)]| {
        let owned = |&(text, value): &(&str, &str)| (text.to_owned(), value.to_owned());
        Ok(VariableKind::Options {
            options: options.iter().map(owned).collect(),
        })
    };
    for (variable, expected) in [
        (
            json!({"type": "query", "query": "label_values(job)"}),
            labels("job", None),
        ),
        (
            json!({"type": "query", "query": {"query": "label_values(up{a=\"1,2\"}, job)"}}),
            labels("job", Some("up{a=\"1,2\"}")),
        ),
        (
            json!({"type": "query", "definition": "label_names()"}),
            Ok(VariableKind::LabelNames),
        ),
        (
            json!({"type": "query", "query": "query_result(up)"}),
            Err("values that an expression yields are not known here"),
        ),
        (
            json!({"type": "custom", "query": r"a, Shown : b, c\,d"}),
            options(&[("a", "a"), ("Shown", "b"), ("c,d", "c,d")]),
        ),
        (
            json!({"type": "constant", "query": "x"}),
            options(&[("x", "x")]),
        ),
        (json!({"type": "textbox"}), Ok(VariableKind::Text)),
        (
            json!({"type": "adhoc"}),
            Err("filters that are added to every query are not known here"),
        ),
        (
            json!({"type": 3}),
            Err("variables of the type \"\" are not known here"),
        ),
    ] {
        let mut named = variable.clone();
        named["name"] = json!("v");
        let text = json!({"panels": [], "templating": {"list": [named]}}).to_string();
        let imported = read_grafana(&text).unwrap();
        let found = match imported.variables.first() {
            Some(variable) => Ok(variable.kind.clone()),
            None => Err(imported.left_out[0].reason.as_str()),
        };
        assert_eq!(found, expected, "{variable}");
    }
}

#[test]
fn what_is_no_dashboard_is_refused_in_words() {
    let many = json!({"panels": vec![json!({"type": "text"}); 2_001]}).to_string();
    for (text, expected) in [
        ("{", "this is no JSON"),
        ("[1]", "the JSON holds a list"),
        (
            "{\"title\": \"x\"}",
            "the JSON holds an object without either",
        ),
        (
            "{\"spec\": {\"elements\": {}, \"layout\": {}}}",
            "this is Grafana's V2 model",
        ),
        (
            many.as_str(),
            "the dashboard has 2001 panels, more than 2000",
        ),
    ] {
        let error = read_grafana(text).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{error}");
    }
}

#[test]
fn wrapped_models_are_found() {
    for text in [
        json!({"dashboard": {"title": "t", "uid": "u/../v", "panels": []}, "meta": {}}),
        json!({"apiVersion": "v1", "spec": {"title": "t", "uid": "u/../v", "panels": []}}),
    ] {
        let imported = read_grafana(&text.to_string()).unwrap();
        assert_eq!(
            (imported.title.as_str(), imported.uid.as_str()),
            ("t", "u----v")
        );
    }
}

#[test]
fn the_shelf_keeps_texts_and_lets_no_name_lead_out() {
    let folder = tempfile::tempdir().unwrap();
    let shelf = Shelf::new(folder.path());
    assert_eq!(shelf.uids().unwrap(), [""; 0]);
    shelf.write("a-1", "{}").unwrap();
    shelf.write("a-1", "{\"panels\": []}").unwrap();
    assert_eq!(shelf.uids().unwrap(), ["a-1"]);
    assert_eq!(
        shelf.read("a-1").unwrap().as_deref(),
        Some("{\"panels\": []}")
    );
    for name in ["", ".", "..", "a/b", "../a", "a.b", "ä", &"x".repeat(65)] {
        assert!(
            matches!(shelf.read(name), Err(ShelfError::Name(_))),
            "{name}"
        );
        assert!(
            matches!(shelf.write(name, "{}"), Err(ShelfError::Name(_))),
            "{name}"
        );
    }
    assert!(shelf.remove("a-1").unwrap());
    assert!(!shelf.remove("a-1").unwrap());
}

#[test]
fn a_full_shelf_takes_only_what_it_has() {
    let folder = tempfile::tempdir().unwrap();
    let dashboards = folder.path().join("dashboards");
    std::fs::create_dir(&dashboards).unwrap();
    for n in 0..DASHBOARDS_MAX {
        std::fs::write(dashboards.join(format!("{n}.json")), "{}").unwrap();
    }
    let shelf = Shelf::new(folder.path());
    assert!(matches!(shelf.write("new", "{}"), Err(ShelfError::Full)));
    shelf.write("7", "{\"panels\": []}").unwrap();
}

/// Dashboards that ship with the operating system: none of ours, and of several ages.
const CORPUS: &str = "/etc/grafana/dashboards/ceph-dashboard";

#[test]
fn nine_of_ten_panels_of_strangers_are_shown_with_the_same_queries() {
    let Ok(entries) = std::fs::read_dir(Path::new(CORPUS)) else {
        assert!(
            std::env::var_os("CI").is_none(),
            "{CORPUS} is missing; install Debian's package ceph-grafana-dashboards"
        );
        println!("SKIPPED: {CORPUS} is missing (apt-get install ceph-grafana-dashboards)");
        return;
    };
    let (mut panels, mut shown) = (0, 0);
    for entry in entries {
        let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        let report = ImportReport::of(&read_grafana(&text).unwrap());
        panels += report.panels;
        shown += report.shown;
    }
    assert!(80 < panels, "{panels}");
    assert!(panels * 9 <= shown * 10, "{shown} of {panels}");
}

/// Any JSON, with the field names of dashboards in it.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(|number| json!(number)),
        ".{0,12}".prop_map(Value::from),
        prop::sample::select(vec![
            "row",
            "graph",
            "query",
            "custom",
            "$__all",
            "label_values(a, b)"
        ])
        .prop_map(Value::from),
    ];
    let name = prop::sample::select(vec![
        "panels",
        "rows",
        "type",
        "title",
        "uid",
        "templating",
        "list",
        "targets",
        "expr",
        "query",
        "gridPos",
        "x",
        "y",
        "w",
        "h",
        "span",
        "thresholds",
        "fieldConfig",
        "defaults",
        "steps",
        "value",
        "current",
        "options",
        "name",
        "datasource",
        "spec",
        "dashboard",
        "repeat",
    ]);
    leaf.prop_recursive(6, 64, 8, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Value::from),
            prop::collection::hash_map(name.clone(), inner, 0..8).prop_map(|fields| {
                let fields = fields.into_iter();
                Value::Object(
                    fields
                        .map(|(name, value)| (name.to_owned(), value))
                        .collect(),
                )
            }),
        ]
    })
}

proptest! {
    #[test]
    fn any_json_is_read_or_refused(model in any_json(), text in ".{0,60}") {
        drop(read_grafana(&text));
        let dashboard = json!({"panels": [model.clone()], "rows": [model.clone()],
            "templating": {"list": [model.clone()]}});
        for model in [model, dashboard] {
            if let Ok(imported) = read_grafana(&model.to_string()) {
                let report = ImportReport::of(&imported);
                prop_assert!(report.shown <= report.panels);
                prop_assert!(imported.uid.len() <= 64);
                let shown = view(&imported, &values(Vec::new()));
                prop_assert_eq!(shown.len(), imported.rows.len());
            }
        }
    }

    #[test]
    fn any_text_is_filled(text in "[$\\[\\]{}:a-c_ä ]{0,40}") {
        let values = values(vec![chosen("a", &["x", "y"], true), chosen("b", &[], false)]);
        let filled = fill(&text, &values);
        prop_assert!(text.contains(['$', '[']) || filled == text);
    }
}
