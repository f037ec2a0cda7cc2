//! An imported dashboard with its variables filled in: what is drawn.

use serde::Serialize;

use super::fill::{Chosen, Values, fill};
use super::imported::{Imported, Panel, Query};

/// Copies that one repeated panel may make.
const COPIES_MAX: usize = 24;

/// A row of panels.
#[derive(Debug, Serialize)]
pub(crate) struct View<'a> {
    title: String,
    collapsed: bool,
    panels: Vec<Filled<'a>>,
}

#[derive(Debug, Serialize)]
struct Filled<'a> {
    #[serde(flatten)]
    panel: &'a Panel,
    /// Which copy of a repeated panel it is, from 0.
    copy: usize,
    title: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    text: String,
    queries: Vec<Query>,
}

/// Fills every text of a dashboard; a panel that repeats stands once for each chosen value.
pub(crate) fn view<'a>(imported: &'a Imported, values: &Values) -> Vec<View<'a>> {
    let rows = imported.rows.iter();
    rows.map(|row| View {
        title: fill(&row.title, values),
        collapsed: row.collapsed,
        panels: row
            .panels
            .iter()
            .flat_map(|panel| copies(panel, values))
            .collect(),
    })
    .collect()
}

fn copies<'a>(panel: &'a Panel, values: &Values) -> Vec<Filled<'a>> {
    let repeated = panel.repeat.as_ref();
    let place = repeated.and_then(|name| values.chosen.iter().position(|one| one.name == *name));
    let Some(place) = place.filter(|place| values.chosen[*place].literal.is_none()) else {
        return vec![filled(panel, values, 0)];
    };
    let each = values.chosen[place].values.iter().take(COPIES_MAX);
    each.enumerate()
        .map(|(copy, value)| {
            let mut values = values.clone();
            values.chosen[place] = Chosen {
                values: vec![value.clone()],
                ..values.chosen[place].clone()
            };
            filled(panel, &values, copy)
        })
        .collect()
}

fn filled<'a>(panel: &'a Panel, values: &Values, copy: usize) -> Filled<'a> {
    let query = |query: &Query| Query {
        expr: fill(&query.expr, values),
        legend: fill(&query.legend, values),
        instant: query.instant,
    };
    Filled {
        panel,
        copy,
        title: fill(&panel.title, values),
        text: fill(&panel.text, values),
        queries: panel.queries.iter().map(query).collect(),
    }
}
