//! What a pack draws.

use super::{QueryText, Unit};

#[derive(Clone, Debug)]
pub struct Dashboard {
    /// Unique inside the pack.
    pub id: String,
    pub title: String,
    /// The kind of entity that it shows.
    pub entity: String,
    pub rows: Vec<Row>,
}

#[derive(Clone, Debug)]
pub struct Row {
    pub title: String,
    pub panels: Vec<Panel>,
}

#[derive(Clone, Debug)]
pub struct Panel {
    /// Unique inside the dashboard.
    pub id: String,
    pub title: String,
    /// One or two sentences: what the panel shows and what to look for.
    pub help: String,
    pub panel_type: PanelType,
    pub unit: Unit,
    /// Columns of 24.
    pub width: usize,
    /// Series stand on each other.
    pub stack: bool,
    /// The axis begins at zero.
    pub from_zero: bool,
    pub thresholds: Vec<Threshold>,
    pub queries: Vec<PanelQuery>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PanelType {
    Timeseries,
    Table,
    Stat,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Threshold {
    /// Where users changed the parameter, [`super::Pack::threshold`] knows.
    pub value: f64,
    /// The name of the parameter that the value comes from.
    pub parameter: Option<String>,
    pub severity: String,
    /// What the line is called.
    pub name: String,
}

#[derive(Clone, Debug)]
pub struct PanelQuery {
    pub query: QueryText,
    /// `{{label}}` stands for a label's value; `$variant` for a label's name.
    pub legend: QueryText,
    /// The value now instead of a series.
    pub instant: bool,
}

impl PanelType {
    pub const ALL: [Self; 3] = [Self::Timeseries, Self::Table, Self::Stat];

    pub fn name(self) -> &'static str {
        match self {
            Self::Timeseries => "timeseries",
            Self::Table => "table",
            Self::Stat => "stat",
        }
    }
}
