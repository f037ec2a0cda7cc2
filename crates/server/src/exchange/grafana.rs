//! A pack's dashboard in Grafana's classic JSON model, which every Grafana since 10 imports.

use diagnosis::pack::{Dashboard, Pack, Panel, PanelQuery, PanelType, Threshold, Unit};
use serde_json::{Value, json};

use super::{COLUMNS, Grid, PANEL_HEIGHT, evidence, exported, uid};

/// Of Grafana 10.4, the oldest that is still looked after.
const SCHEMA_VERSION: u32 = 39;

/// The dashboard; its data source, job and variants are variables of it.
pub(crate) fn dashboard(pack: &Pack, dashboard: &Dashboard) -> Value {
    json!({
        "uid": uid(pack, &dashboard.id),
        "title": dashboard.title,
        "tags": ["pyrometer", pack.id],
        "schemaVersion": SCHEMA_VERSION,
        "version": 1,
        "editable": true,
        "graphTooltip": 1,
        "timezone": "browser",
        "refresh": "30s",
        "time": {"from": "now-1h", "to": "now"},
        "annotations": {"list": []},
        "templating": {"list": variables(pack)},
        "panels": panels(dashboard),
    })
}

fn data_source() -> Value {
    json!({"type": "prometheus", "uid": "${datasource}"})
}

fn variables(pack: &Pack) -> Vec<Value> {
    let mut variables = vec![
        json!({
            "name": "datasource",
            "label": "Data source",
            "type": "datasource",
            "query": "prometheus",
            "hide": 0,
        }),
        json!({
            "name": "job",
            "label": "Service",
            "type": "query",
            "datasource": data_source(),
            "query": {"query": format!("label_values({}, job)", evidence(pack)), "refId": "job"},
            "refresh": 2,
            "sort": 1,
            "includeAll": true,
            "multi": true,
            "hide": 0,
        }),
    ];
    variables.extend(pack.variants.iter().map(|variant| {
        let chosen = variant.first_of.first().map_or("", String::as_str);
        let option =
            |name: &String| json!({"text": name, "value": name, "selected": name == chosen});
        json!({
            "name": variant.name,
            "label": variant.name.replace('_', " "),
            "type": "custom",
            "query": variant.first_of.join(","),
            "options": variant.first_of.iter().map(option).collect::<Vec<_>>(),
            "current": {"text": chosen, "value": chosen, "selected": true},
            "includeAll": false,
            "multi": false,
            "hide": 0,
        })
    }));
    variables
}

fn panels(dashboard: &Dashboard) -> Vec<Value> {
    let mut panels = Vec::new();
    let mut y = 0;
    for row in &dashboard.rows {
        panels.push(json!({
            "id": panels.len() + 1,
            "type": "row",
            "title": row.title,
            "collapsed": false,
            "gridPos": {"x": 0, "y": y, "w": COLUMNS, "h": 1},
            "panels": [],
        }));
        let mut grid = Grid::new(y + 1);
        for panel in &row.panels {
            let (x, y) = grid.place(panel.width);
            let place = json!({"x": x, "y": y, "w": panel.width, "h": PANEL_HEIGHT});
            panels.push(panel_json(panel, panels.len() + 1, &place));
        }
        y = grid.end();
    }
    panels
}

fn panel_json(panel: &Panel, id: usize, place: &Value) -> Value {
    let targets = panel.queries.iter().zip('A'..='Z');
    let targets = targets.map(|(query, ref_id)| target(panel, query, ref_id));
    json!({
        "id": id,
        "type": panel.panel_type.name(),
        "title": panel.title,
        "description": panel.help,
        "datasource": data_source(),
        "gridPos": place,
        "fieldConfig": {"defaults": field_defaults(panel), "overrides": []},
        "options": options(panel),
        "targets": targets.collect::<Vec<_>>(),
    })
}

fn target(panel: &Panel, query: &PanelQuery, ref_id: char) -> Value {
    let format = match panel.panel_type {
        PanelType::Table => "table",
        PanelType::Timeseries | PanelType::Stat => "time_series",
    };
    json!({
        "refId": ref_id,
        "datasource": data_source(),
        "expr": exported(&query.query),
        "legendFormat": exported(&query.legend),
        "format": format,
        "instant": query.instant,
        "range": !query.instant,
    })
}

fn field_defaults(panel: &Panel) -> Value {
    let mut defaults = json!({
        "unit": unit(panel.unit),
        "thresholds": {"mode": "absolute", "steps": steps(&panel.thresholds)},
    });
    if panel.from_zero {
        defaults["min"] = json!(0);
    }
    if panel.panel_type == PanelType::Timeseries {
        let stacking = if panel.stack { "normal" } else { "none" };
        let lines = if panel.thresholds.is_empty() {
            "off"
        } else {
            "line"
        };
        defaults["custom"] = json!({
            "drawStyle": "line",
            "fillOpacity": if panel.stack { 25 } else { 8 },
            "showPoints": "never",
            "stacking": {"mode": stacking, "group": "A"},
            "thresholdsStyle": {"mode": lines},
        });
    }
    defaults
}

/// Grafana wants them from the lowest, the first without a bound.
fn steps(thresholds: &[Threshold]) -> Vec<Value> {
    let mut sorted: Vec<&Threshold> = thresholds.iter().collect();
    sorted.sort_by(|a, b| a.value.total_cmp(&b.value));
    let colour = |severity: &str| match severity {
        "critical" => "red",
        "warning" => "orange",
        _ => "blue",
    };
    let base = json!({"color": "green", "value": null});
    let rest = sorted
        .iter()
        .map(|threshold| json!({"color": colour(&threshold.severity), "value": threshold.value}));
    std::iter::once(base).chain(rest).collect()
}

fn options(panel: &Panel) -> Value {
    match panel.panel_type {
        PanelType::Timeseries => json!({
            "legend": {"displayMode": "list", "placement": "bottom", "showLegend": true},
            "tooltip": {"mode": "multi", "sort": "desc"},
        }),
        PanelType::Stat => json!({
            "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": false},
            "colorMode": "value",
            "graphMode": "area",
        }),
        PanelType::Table => json!({"showHeader": true, "cellHeight": "sm"}),
    }
}

fn unit(unit: Unit) -> &'static str {
    match unit {
        // Grafana has no unit for it, but takes any word behind the number.
        Unit::Cores => "suffix: cores",
        known => known.name(),
    }
}
