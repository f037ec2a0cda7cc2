//! A pack's dashboard as a Perses resource (`kind: Dashboard`), for `percli apply` or its UI.

use diagnosis::pack::{Dashboard, Pack, Panel, PanelQuery, PanelType, Threshold, Unit};
use serde_json::{Map, Value, json};

use super::{Grid, PANEL_HEIGHT, evidence, exported, uid};

/// The dashboard; the project is Perses' own `default` until the user moves it.
pub(crate) fn dashboard(pack: &Pack, dashboard: &Dashboard) -> Value {
    let mut panels = Map::new();
    let mut layouts = Vec::new();
    for row in &dashboard.rows {
        let mut grid = Grid::new(0);
        let mut items = Vec::new();
        for panel in &row.panels {
            let (x, y) = grid.place(panel.width);
            items.push(json!({
                "x": x,
                "y": y,
                "width": panel.width,
                "height": PANEL_HEIGHT,
                "content": {"$ref": format!("#/spec/panels/{}", panel.id)},
            }));
            panels.insert(panel.id.clone(), panel_json(panel));
        }
        layouts.push(json!({
            "kind": "Grid",
            "spec": {
                "display": {"title": row.title, "collapse": {"open": true}},
                "items": items,
            },
        }));
    }
    json!({
        "kind": "Dashboard",
        "metadata": {"name": uid(pack, &dashboard.id), "project": "default"},
        "spec": {
            "display": {"name": dashboard.title},
            "duration": "1h",
            "refreshInterval": "30s",
            "variables": variables(pack),
            "panels": panels,
            "layouts": layouts,
        },
    })
}

fn variables(pack: &Pack) -> Vec<Value> {
    let mut variables = vec![json!({
        "kind": "ListVariable",
        "spec": {
            "name": "job",
            "display": {"name": "Service"},
            "allowAllValue": true,
            "allowMultiple": true,
            "plugin": {
                "kind": "PrometheusLabelValuesVariable",
                "spec": {"labelName": "job", "matchers": [evidence(pack)]},
            },
        },
    })];
    variables.extend(pack.variants.iter().map(|variant| {
        json!({
            "kind": "ListVariable",
            "spec": {
                "name": variant.name,
                "display": {"name": variant.name.replace('_', " ")},
                "defaultValue": variant.first_of.first(),
                "allowAllValue": false,
                "allowMultiple": false,
                "plugin": {
                    "kind": "StaticListVariable",
                    "spec": {"values": variant.first_of},
                },
            },
        })
    }));
    variables
}

fn panel_json(panel: &Panel) -> Value {
    json!({
        "kind": "Panel",
        "spec": {
            "display": {"name": panel.title, "description": panel.help},
            "plugin": plugin(panel),
            "queries": panel.queries.iter().map(query_json).collect::<Vec<_>>(),
        },
    })
}

fn query_json(query: &PanelQuery) -> Value {
    json!({
        "kind": "TimeSeriesQuery",
        "spec": {
            "plugin": {
                "kind": "PrometheusTimeSeriesQuery",
                "spec": {
                    "query": exported(&query.query),
                    "seriesNameFormat": exported(&query.legend),
                },
            },
        },
    })
}

fn plugin(panel: &Panel) -> Value {
    let format = json!({"unit": unit(panel.unit)});
    match panel.panel_type {
        PanelType::Timeseries => {
            let mut axis = json!({"format": format});
            if panel.from_zero {
                axis["min"] = json!(0);
            }
            let mut spec = json!({
                "legend": {"position": "bottom", "mode": "list"},
                "yAxis": axis,
                "visual": {"areaOpacity": if panel.stack { 0.25 } else { 0.08 }},
            });
            if panel.stack {
                spec["visual"]["stack"] = json!("all");
            }
            if !panel.thresholds.is_empty() {
                spec["thresholds"] = thresholds(&panel.thresholds);
            }
            json!({"kind": "TimeSeriesChart", "spec": spec})
        }
        PanelType::Stat => {
            let mut spec = json!({"calculation": "last-number", "format": format});
            if !panel.thresholds.is_empty() {
                spec["thresholds"] = thresholds(&panel.thresholds);
            }
            json!({"kind": "StatChart", "spec": spec})
        }
        PanelType::Table => json!({"kind": "TimeSeriesTable", "spec": {}}),
    }
}

fn thresholds(thresholds: &[Threshold]) -> Value {
    let mut sorted: Vec<&Threshold> = thresholds.iter().collect();
    sorted.sort_by(|a, b| a.value.total_cmp(&b.value));
    let step = |threshold: &&Threshold| json!({"name": threshold.name, "value": threshold.value});
    json!({"mode": "absolute", "steps": sorted.iter().map(step).collect::<Vec<_>>()})
}

fn unit(unit: Unit) -> &'static str {
    match unit {
        Unit::RequestsPerSecond => "requests/sec",
        Unit::OperationsPerSecond => "ops/sec",
        Unit::Ratio => "percent-decimal",
        Unit::Seconds => "seconds",
        Unit::Bytes => "bytes",
        Unit::BytesPerSecond => "bytes/sec",
        Unit::Cores | Unit::Short => "decimal",
    }
}
