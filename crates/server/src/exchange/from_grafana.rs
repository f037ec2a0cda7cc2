//! Grafana's classic JSON model, of any age, to [`Imported`].
//!
//! A dashboard is somebody's text: a field of the wrong type is as good as none, and only what is
//! no dashboard at all is refused.

mod panel;
mod variable;

use serde_json::Value;

use super::imported::{Imported, LeftOut, Panel, Row};

/// Panels and variables of one dashboard; the largest ones in use have a few hundred.
const PANELS_MAX: usize = 2_000;
const VARIABLES_MAX: usize = 200;

/// Why a text is no dashboard.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoDashboard {
    #[error("this is no JSON")]
    Json(#[from] serde_json::Error),
    #[error("the JSON holds {found}, a dashboard is an object with `panels` or `rows`")]
    Shape { found: &'static str },
    #[error(
        "this is Grafana's V2 model (`elements` and `layout`); export it once more with \
         \"Classic\" as the model"
    )]
    V2,
    #[error("the dashboard has {found} {what}, more than {max}")]
    TooMany {
        found: usize,
        what: &'static str,
        max: usize,
    },
}

/// Reads a dashboard: the bare model, what Grafana's API answers (`{"dashboard": …}`), or a
/// resource (`{"spec": …}`).
///
/// # Errors
/// When the text is no classic dashboard. Whatever else cannot be shown is in the answer.
pub(crate) fn read(text: &str) -> Result<Imported, NoDashboard> {
    let root: Value = serde_json::from_str(text)?;
    let model = ["dashboard", "spec"]
        .iter()
        .find_map(|wrapping| root.get(wrapping).filter(|inner| inner.is_object()))
        .unwrap_or(&root);
    if model.get("elements").is_some() && model.get("layout").is_some() {
        return Err(NoDashboard::V2);
    }
    if list(model, "panels").is_none() && list(model, "rows").is_none() {
        let found = kind_of(model);
        return Err(NoDashboard::Shape { found });
    }
    let title = text_of(model, "title").unwrap_or("Untitled").to_owned();
    let mut imported = Imported {
        uid: uid(model, &title),
        help: text_of(model, "description").unwrap_or_default().to_owned(),
        tags: texts(model, "tags"),
        title,
        ..Imported::default()
    };
    variables(model, &mut imported)?;
    rows(model, &mut imported)?;
    Ok(imported)
}

/// Its own, or one made of the title; letters, digits, `-` and `_`, as Grafana wants them.
fn uid(model: &Value, title: &str) -> String {
    let wanted = text_of(model, "uid").filter(|uid| !uid.is_empty());
    let clean: String = wanted
        .unwrap_or(title)
        .chars()
        .map(|c| match c {
            c if c.is_ascii_alphanumeric() || c == '_' => c,
            _ => '-',
        })
        .take(UID_CHARS_MAX)
        .collect();
    match clean.trim_matches('-') {
        "" => "dashboard".to_owned(),
        clean => clean.to_owned(),
    }
}

/// Grafana's own limit is 40; titles are longer.
const UID_CHARS_MAX: usize = 64;

fn variables(model: &Value, imported: &mut Imported) -> Result<(), NoDashboard> {
    let templating = model.get("templating").unwrap_or(&Value::Null);
    let found = list(templating, "list").unwrap_or_default();
    check_count(found.len(), "variables", VARIABLES_MAX)?;
    for value in found {
        match variable::read(value) {
            Ok(Some(variable)) => imported.variables.push(variable),
            // A data source: there is one here.
            Ok(None) => {}
            Err(reason) => imported.left_out.push(LeftOut {
                what: "variable",
                name: text_of(value, "name").unwrap_or("?").to_owned(),
                reason,
            }),
        }
    }
    Ok(())
}

fn rows(model: &Value, imported: &mut Imported) -> Result<(), NoDashboard> {
    let mut reader = Rows::default();
    // Before schema version 16 panels stood in rows, with a width of twelve.
    for row in list(model, "rows").unwrap_or_default() {
        let shows = row.get("showTitle").and_then(Value::as_bool) == Some(true);
        let title = text_of(row, "title").filter(|_| shows).unwrap_or_default();
        reader.begin(title, is_true(row, "collapse"));
        reader.y += 1;
        let mut x = 0;
        for value in list(row, "panels").unwrap_or_default() {
            let span = value.get("span").and_then(Value::as_f64).unwrap_or(12.0);
            let width = ((span * 2.0) as u64).clamp(1, 24);
            if 24 < x + width {
                x = 0;
                reader.y += LEGACY_HEIGHT;
            }
            let place = (x, reader.y, width, LEGACY_HEIGHT);
            reader.add(value, Some(place), imported)?;
            x += width;
        }
        reader.y += LEGACY_HEIGHT;
    }
    let mut panels: Vec<&Value> = list(model, "panels").unwrap_or_default().iter().collect();
    // The order of the list is that of making; the grid says what is where.
    panels.sort_by_key(|value| (coordinate(value, "y"), coordinate(value, "x")));
    for value in panels {
        if text_of(value, "type") == Some("row") {
            let title = text_of(value, "title").unwrap_or_default();
            reader.begin(title, is_true(value, "collapsed"));
            for inner in list(value, "panels").unwrap_or_default() {
                reader.add(inner, None, imported)?;
            }
        } else {
            reader.add(value, None, imported)?;
        }
    }
    imported.rows = reader.rows;
    imported.rows.retain(|row| !row.panels.is_empty());
    Ok(())
}

const LEGACY_HEIGHT: u64 = 8;

#[derive(Default)]
struct Rows {
    rows: Vec<Row>,
    /// Where the next legacy row begins.
    y: u64,
    n_panels: usize,
}

type LegacyPlace = (u64, u64, u64, u64);

impl Rows {
    fn begin(&mut self, title: &str, collapsed: bool) {
        self.rows.push(Row {
            title: title.to_owned(),
            collapsed,
            panels: Vec::new(),
        });
    }

    fn add(
        &mut self,
        value: &Value,
        place: Option<LegacyPlace>,
        imported: &mut Imported,
    ) -> Result<(), NoDashboard> {
        self.n_panels += 1;
        check_count(self.n_panels, "panels", PANELS_MAX)?;
        match panel::read(value, self.n_panels as u64, place) {
            Ok(panel) => self.last().push(panel),
            Err(reason) => imported.left_out.push(LeftOut {
                what: "panel",
                name: panel::title(value),
                reason,
            }),
        }
        Ok(())
    }

    fn last(&mut self) -> &mut Vec<Panel> {
        if self.rows.is_empty() {
            self.begin("", false);
        }
        let last = self.rows.last_mut().expect("a row was just begun");
        &mut last.panels
    }
}

fn check_count(found: usize, what: &'static str, max: usize) -> Result<(), NoDashboard> {
    match found {
        found if max < found => Err(NoDashboard::TooMany { found, what, max }),
        _ => Ok(()),
    }
}

fn coordinate(panel: &Value, axis: &str) -> u64 {
    let place = panel.get("gridPos").and_then(|place| place.get(axis));
    place.and_then(Value::as_u64).unwrap_or_default()
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Object(_) => "an object without either",
        Value::Array(_) => "a list",
        Value::Null => "null",
        Value::Bool(_) | Value::Number(_) | Value::String(_) => "a single value",
    }
}

fn list<'a>(value: &'a Value, field: &str) -> Option<&'a [Value]> {
    value.get(field)?.as_array().map(Vec::as_slice)
}

fn text_of<'a>(value: &'a Value, field: &str) -> Option<&'a str> {
    value.get(field)?.as_str()
}

fn texts(value: &Value, field: &str) -> Vec<String> {
    let found = list(value, field).unwrap_or_default().iter();
    found
        .filter_map(|text| text.as_str().map(str::to_owned))
        .collect()
}

fn is_true(value: &Value, field: &str) -> bool {
    value.get(field).and_then(Value::as_bool) == Some(true)
}

/// A number, also where one was written as text, as old versions did.
fn number_of(value: &Value) -> Option<f64> {
    let number = match value {
        Value::String(text) => text.trim().parse().ok(),
        other => other.as_f64(),
    };
    number.filter(|number: &f64| number.is_finite())
}
