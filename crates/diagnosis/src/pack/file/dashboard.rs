//! The dashboards of a pack.yaml.

use super::{read_query, read_unit};
use crate::pack::{
    Dashboard, Kpi, Panel, PanelQuery, PanelType, Parameter, QueryText, Row, Threshold,
};
use crate::reader::{Mistake, Reader};
use crate::yaml::Node;

/// What the panels of a pack may refer to.
pub(super) struct Defined<'a> {
    pub(super) kpis: &'a [Kpi],
    pub(super) variants: &'a [String],
    pub(super) parameters: &'a [Parameter],
}

pub(super) fn read_dashboard(
    reader: &mut Reader,
    node: &Node,
    defined: &Defined<'_>,
) -> Option<Dashboard> {
    let fields = reader.fields(node, "a dashboard", &["id", "title", "entity", "rows"])?;
    let mut rows = Vec::new();
    let mut panel_ids: Vec<String> = Vec::new();
    for node in reader.list(&fields, "rows") {
        let Some(fields) = reader.fields(node, "a row", &["title", "panels"]) else {
            continue;
        };
        let mut panels = Vec::new();
        for node in reader.list(&fields, "panels") {
            let Some(panel) = read_panel(reader, node, defined) else {
                continue;
            };
            if panel_ids.contains(&panel.id) {
                let name = panel.id.clone();
                reader.report(
                    node.line,
                    Mistake::Twice {
                        what: "the panel",
                        name,
                    },
                );
            }
            panel_ids.push(panel.id.clone());
            panels.push(panel);
        }
        rows.extend(
            reader
                .required_text(&fields, "title")
                .map(|title| Row { title, panels }),
        );
    }
    let id = reader.required_text(&fields, "id");
    let title = reader.required_text(&fields, "title");
    let entity = reader.required_text(&fields, "entity");
    Some(Dashboard {
        id: id?,
        title: title?,
        entity: entity?,
        rows,
    })
}

const PANEL_FIELDS: [&str; 10] = [
    "id",
    "title",
    "help",
    "type",
    "unit",
    "width",
    "stack",
    "from_zero",
    "thresholds",
    "queries",
];

/// Columns of a dashboard, as in Grafana.
const COLUMNS: usize = 24;

fn read_panel(reader: &mut Reader, node: &Node, defined: &Defined<'_>) -> Option<Panel> {
    let fields = reader.fields(node, "a panel", &PANEL_FIELDS)?;
    let queries: Vec<PanelQuery> = reader
        .list(&fields, "queries")
        .iter()
        .filter_map(|node| read_panel_query(reader, node, defined))
        .collect();
    if queries.is_empty() {
        let text = "a panel needs at least one query";
        reader.report(node.line, Mistake::Contradiction { text });
    }
    let thresholds = reader.list(&fields, "thresholds").iter();
    let thresholds = thresholds
        .filter_map(|node| read_threshold(reader, node, defined))
        .collect();
    let panel_type = |text: &str| PanelType::ALL.into_iter().find(|kind| kind.name() == text);
    let width = |text: &str| {
        text.parse()
            .ok()
            .filter(|width| (1..=COLUMNS).contains(width))
    };
    let unit = read_unit(reader, &fields);
    reader.required(&fields, "type");
    reader.required(&fields, "width");
    let panel_type = reader.parsed(&fields, "type", "timeseries, table or stat", panel_type);
    let width = reader.parsed(&fields, "width", "from 1 to 24 columns", width);
    let id = reader.required_text(&fields, "id");
    let title = reader.required_text(&fields, "title");
    let help = reader.required_text(&fields, "help");
    Some(Panel {
        id: id?,
        title: title?,
        help: help?,
        panel_type: panel_type?,
        unit: unit?,
        width: width?,
        stack: reader.flag(&fields, "stack").unwrap_or(false),
        from_zero: reader.flag(&fields, "from_zero").unwrap_or(false),
        thresholds,
        queries,
    })
}

/// `value` is a number or the name of a parameter, `$name`.
fn read_threshold(reader: &mut Reader, node: &Node, defined: &Defined<'_>) -> Option<Threshold> {
    let fields = reader.fields(node, "a threshold", &["value", "severity", "name"])?;
    let text = reader.required_text(&fields, "value")?;
    let parameter = text.strip_prefix('$');
    let value = match parameter {
        Some(name) => {
            let known = defined.parameters.iter().find(|p| p.name == name);
            if known.is_none() {
                let (what, name) = ("the parameter", name.to_owned());
                reader.report(node.line, Mistake::Undefined { what, name });
            }
            known?.default
        }
        None => reader.number(&fields, "value")?,
    };
    Some(Threshold {
        value,
        parameter: parameter.map(str::to_owned),
        severity: reader.required_text(&fields, "severity")?,
        name: reader.required_text(&fields, "name")?,
    })
}

fn read_panel_query(reader: &mut Reader, node: &Node, defined: &Defined<'_>) -> Option<PanelQuery> {
    let fields = reader.fields(node, "a query", &["expr", "kpi", "legend", "instant"])?;
    let legend = reader.text(&fields, "legend").unwrap_or_default();
    let instant = reader.flag(&fields, "instant").unwrap_or(false);
    let query = match (reader.text(&fields, "kpi"), fields.get("expr").is_some()) {
        (Some(name), false) => match defined.kpis.iter().find(|kpi| kpi.name == name) {
            Some(kpi) => kpi.query.clone(),
            None => {
                reader.report(
                    node.line,
                    Mistake::Undefined {
                        what: "the KPI",
                        name,
                    },
                );
                return None;
            }
        },
        (None, true) => read_query(reader, &fields, "expr", defined.variants)?,
        _ => {
            let text = "a query has either expr or kpi";
            reader.report(node.line, Mistake::Contradiction { text });
            return None;
        }
    };
    Some(PanelQuery {
        query,
        legend: QueryText::unchecked(legend),
        instant,
    })
}
