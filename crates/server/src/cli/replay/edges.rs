//! Who calls whom, from a CSV file.

use std::collections::HashMap;
use std::path::Path;

use diagnosis::graph::{EntityId, EntityKey, Graph, Relation, RelationKind, Traffic};
use diagnosis::kpi::KpiSeries;

use crate::config::read_file;

const EDGES_MAX: usize = 100_000;

/// First lines that are headers.
const HEADERS: [(&str, &str); 4] = [
    ("caller", "callee"),
    ("from", "to"),
    ("source", "target"),
    ("source", "destination"),
];

/// Adds the calls of a file to the graph. Names that no KPI speaks of become services without
/// numbers.
///
/// # Errors
/// What is wrong with the file, and on which line.
pub(super) fn read(
    path: &Path,
    kpis: &[KpiSeries],
    graph: &mut Graph,
) -> Result<Vec<String>, String> {
    let shown = path.display();
    let text = read_file(path).map_err(|error| format!("cannot read {shown}: {error}"))?;
    let edges = edges(&text).map_err(|reason| format!("{shown}: {reason}"))?;
    let by_name = by_name(kpis);
    let mut unknown = Vec::new();
    for (caller, callee) in edges {
        let mut end = |name: &str| {
            let known = by_name
                .get(name)
                .or_else(|| by_name.get(&name.to_lowercase()));
            let key = known
                .cloned()
                .unwrap_or_else(|| EntityKey::new("service", name));
            if known.is_none() && graph.id(&key).is_none() {
                unknown.push(name.to_owned());
            }
            graph.add(key)
        };
        let (from, to) = (end(&caller), end(&callee));
        relate(graph, from, to);
    }
    Ok(notes(&unknown, by_name.is_empty()))
}

fn relate(graph: &mut Graph, from: EntityId, to: EntityId) {
    graph.relate(Relation {
        kind: RelationKind::Calls,
        from,
        to,
        traffic: Traffic::default(),
    });
}

fn notes(unknown: &[String], nobody_known: bool) -> Vec<String> {
    if unknown.is_empty() || nobody_known {
        return Vec::new();
    }
    let shown: Vec<&str> = unknown.iter().map(String::as_str).take(5).collect();
    vec![format!(
        "{} names of the graph have no numbers in the recording: {}",
        unknown.len(),
        shown.join(", ")
    )]
}

/// The entities by name, as written and in lower case. Services come before their parts.
fn by_name(kpis: &[KpiSeries]) -> HashMap<String, EntityKey> {
    let mut by_name: HashMap<String, EntityKey> = HashMap::new();
    let mut put = |name: String, key: &EntityKey| {
        let known = by_name.entry(name).or_insert_with(|| key.clone());
        if known.kind.name() != "service" && key.kind.name() == "service" {
            *known = key.clone();
        }
    };
    for series in kpis {
        let key = &series.key.entity;
        put(key.name.to_string(), key);
        put(key.name.to_lowercase(), key);
    }
    by_name
}

/// The calls of a CSV text.
fn edges(text: &str) -> Result<Vec<(String, String)>, String> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .trim(csv::Trim::All)
        .comment(Some(b'#'))
        .from_reader(text.as_bytes());
    let mut edges = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|error| error.to_string())?;
        let line = record.position().map_or(0, csv::Position::line);
        let (Some(caller), Some(callee)) = (record.get(0), record.get(1)) else {
            return Err(format!("line {line}: expected caller,callee"));
        };
        let header = (caller.to_lowercase(), callee.to_lowercase());
        let is_header = HEADERS.contains(&(header.0.as_str(), header.1.as_str()));
        if edges.is_empty() && is_header {
            continue;
        }
        if caller.is_empty() || callee.is_empty() {
            return Err(format!("line {line}: a name is empty"));
        }
        if EDGES_MAX <= edges.len() {
            return Err(format!("line {line}: more than {EDGES_MAX} calls"));
        }
        edges.push((caller.to_owned(), callee.to_owned()));
    }
    Ok(edges)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Result<&str, &str>) {
        let found = edges(text).map(|edges| {
            let shown = edges.iter().map(|(from, to)| format!("{from}>{to}"));
            shown.collect::<Vec<_>>().join(" ")
        });
        match (found, expected) {
            (Ok(found), Ok(expected)) => assert_eq!(found, expected),
            (Err(found), Err(part)) => assert!(found.contains(part), "{found}"),
            (found, expected) => panic!("{found:?} is not {expected:?}"),
        }
    }

    #[test]
    fn a_header_may_be_there_and_names_may_hold_anything() {
        check(
            "caller,callee\na,b\n\"x, y\",https://z/1\n",
            Ok("a>b x, y>https://z/1"),
        );
        check("# by hand\na, b\r\nb,c,0.3\n", Ok("a>b b>c"));
        check("", Ok(""));
    }

    #[test]
    fn a_line_that_is_no_call_is_told_with_its_number() {
        check("a,b\nc\n", Err("line 2"));
        check("a,b\nc,\n", Err("line 2"));
    }
}
