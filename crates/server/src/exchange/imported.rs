//! A dashboard that another tool wrote, as far as it can be shown here.

use serde::Serialize;

/// What was read of it. Everything that is not in here is named in [`Self::left_out`] or in the
/// remarks of a panel.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Imported {
    pub(crate) uid: String,
    pub(crate) title: String,
    pub(crate) help: String,
    pub(crate) tags: Vec<String>,
    pub(crate) variables: Vec<Variable>,
    pub(crate) rows: Vec<Row>,
    /// Panels and variables that cannot be shown.
    pub(crate) left_out: Vec<LeftOut>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Row {
    /// Empty for panels that stand above the first row.
    pub(crate) title: String,
    pub(crate) collapsed: bool,
    pub(crate) panels: Vec<Panel>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Panel {
    /// Unique inside the dashboard.
    pub(crate) id: u64,
    #[serde(skip)]
    pub(crate) title: String,
    pub(crate) help: String,
    #[serde(rename = "type")]
    pub(crate) kind: PanelKind,
    /// The other tool's name of it; empty when none was set.
    pub(crate) unit: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) decimals: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) min: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) max: Option<f64>,
    pub(crate) stack: bool,
    pub(crate) thresholds: Vec<Threshold>,
    #[serde(skip)]
    pub(crate) queries: Vec<Query>,
    /// Of a text panel: Markdown.
    #[serde(skip)]
    pub(crate) text: String,
    /// The variable for each of whose values the panel stands once.
    #[serde(skip)]
    pub(crate) repeat: Option<String>,
    pub(crate) place: Place,
    /// What is shown more simply than in the other tool.
    pub(crate) remarks: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum PanelKind {
    Timeseries,
    Stat,
    Gauge,
    /// One bar a series.
    Bar,
    Table,
    Heatmap,
    /// Coloured spans over time.
    States,
    Text,
}

/// Columns of 24 and lines of 30 pixels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Place {
    pub(crate) x: u64,
    pub(crate) y: u64,
    pub(crate) width: u64,
    pub(crate) height: u64,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Threshold {
    pub(crate) value: f64,
    /// As written: a name or `#rrggbb`.
    pub(crate) colour: String,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Query {
    /// With the other tool's variables in it.
    pub(crate) expr: String,
    pub(crate) legend: String,
    /// The value now instead of a series.
    pub(crate) instant: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Variable {
    pub(crate) name: String,
    pub(crate) label: String,
    pub(crate) kind: VariableKind,
    /// What is chosen until somebody chooses; [`ALL`] for all.
    pub(crate) current: Vec<String>,
    pub(crate) multi: bool,
    pub(crate) include_all: bool,
    /// What "all" stands for, if not for all values.
    pub(crate) all_value: Option<String>,
    /// What a value must match, and which part of it is taken.
    pub(crate) regex: String,
    pub(crate) hidden: bool,
}

/// Where a variable's values come from.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum VariableKind {
    /// Values of a label, of the series that match, or of all.
    LabelValues {
        label: String,
        selector: Option<String>,
    },
    /// Names of labels.
    LabelNames,
    /// Metric names that match.
    Metrics { regex: String },
    /// A fixed list: what is shown and what is put into the query.
    Options { options: Vec<(String, String)> },
    /// Whatever is typed.
    Text,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct LeftOut {
    /// "panel" or "variable".
    pub(crate) what: &'static str,
    pub(crate) name: String,
    pub(crate) reason: String,
}

/// Grafana's word for all values of a variable.
pub(crate) const ALL: &str = "$__all";

impl Variable {
    /// Whether anything may be typed.
    pub(crate) fn is_free(&self) -> bool {
        self.kind == VariableKind::Text
    }
}

impl Imported {
    pub(crate) fn panels(&self) -> impl Iterator<Item = &Panel> {
        self.rows.iter().flat_map(|row| &row.panels)
    }

    /// How many panels the other tool's dashboard had.
    pub(crate) fn n_panels(&self) -> usize {
        let lost = self.left_out.iter().filter(|one| one.what == "panel");
        self.panels().count() + lost.count()
    }
}
