//! Dashboards to and from the formats of others.
//!
//! A pack's YAML is the one source of its dashboards; what other tools read is made from it. What
//! they wrote is read into [`Imported`], with a list of what could not be taken over.

mod fill;
mod from_grafana;
mod grafana;
mod imported;
mod options;
mod perses;
mod report;
mod shelf;
mod view;

pub(crate) use fill::Values;
pub(crate) use from_grafana::{NoDashboard, read as read_grafana};
pub(crate) use grafana::dashboard as grafana_dashboard;
pub(crate) use imported::{ALL, Imported};
pub(crate) use options::{Resolved, resolve};
pub(crate) use perses::dashboard as perses_dashboard;
pub(crate) use report::ImportReport;
pub(crate) use shelf::{DASHBOARD_BYTES_MAX, Shelf, ShelfError};
pub(crate) use view::{View, view};

use diagnosis::pack::{Evidence, Pack, QueryText};

/// Columns of a row, in a pack as in Grafana and Perses.
const COLUMNS: usize = 24;
/// Rows of the grid that a panel takes; one is 30 pixels in Grafana.
const PANEL_HEIGHT: usize = 8;

/// A dashboard's name where it leaves home: unique among those of all packs.
pub(crate) fn uid(pack: &Pack, dashboard: &str) -> String {
    format!("pyrometer-{}-{dashboard}", pack.id)
}

/// A query's text as a dashboard of Grafana or Perses holds it: `$sel` follows the dashboard's
/// variable, `$w` is the tool's own window for rates, and a label whose name differs between
/// exporters is a variable that is called as in the pack.
fn exported(query: &QueryText) -> String {
    query.filled_by(|name| match name {
        "sel" => Some(r#"job=~"$job""#),
        "w" => Some("$__rate_interval"),
        _ => None,
    })
}

/// The series whose `job` values are what the dashboard can show.
fn evidence(pack: &Pack) -> String {
    let any = pack.detect.any.iter();
    let mut series: Vec<String> = any.chain(&pack.detect.all).map(selector).collect();
    series.dedup();
    match series.as_slice() {
        [one] => one.clone(),
        _ => {
            let any = pack.detect.any.iter().chain(&pack.detect.all);
            let names: Vec<&str> = any.map(|evidence| evidence.metric.as_str()).collect();
            format!(r#"{{__name__=~"{}"}}"#, names.join("|"))
        }
    }
}

fn selector(evidence: &Evidence) -> String {
    let mut selector = evidence.metric.clone();
    for (place, (name, value)) in evidence.labels.iter().enumerate() {
        let before = if place == 0 { '{' } else { ',' };
        selector.push_str(&format!("{before}{name}={value:?}"));
    }
    if !evidence.labels.is_empty() {
        selector.push('}');
    }
    selector
}

/// Panels from left to right, in lines of [`COLUMNS`].
struct Grid {
    x: usize,
    y: usize,
}

impl Grid {
    fn new(y: usize) -> Self {
        Self { x: 0, y }
    }

    /// Where the next panel goes.
    fn place(&mut self, width: usize) -> (usize, usize) {
        if COLUMNS < self.x + width {
            self.x = 0;
            self.y += PANEL_HEIGHT;
        }
        let place = (self.x, self.y);
        self.x += width;
        place
    }

    /// The first line below all panels.
    fn end(&self) -> usize {
        if self.x == 0 {
            self.y
        } else {
            self.y + PANEL_HEIGHT
        }
    }
}

#[cfg(test)]
mod tests;
