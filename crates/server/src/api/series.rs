//! What is in the store: series, label names and values, and what targets say about metrics.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::extract::{Path, State};
use model::{Labels, Matcher, Timestamp};
use promql::ValueType;
use serde::Serialize;
use store::{Snapshot, StoreError};

use super::answer::{Answer, ApiError, TRUNCATED, success, success_with};
use super::params::Params;
use super::value::LabelsJson;
use crate::app::App;
use crate::metadata::FamilyMetadata;
use crate::query::QUERY_BYTES_MAX;

/// Which series a request is about: those of any of the selectors, in a range of time.
struct Selection {
    selectors: Vec<Vec<Matcher>>,
    from: Timestamp,
    to: Timestamp,
    limit: usize,
}

/// `GET|POST /api/v1/series`.
pub(super) async fn series(State(app): State<Arc<App>>, params: Params) -> Answer {
    if params.all("match[]").is_empty() {
        return Err(ApiError::bad_data("no match[] parameter provided"));
    }
    let selection = selection(&params)?;
    let (found, cut) = app
        .queries
        .lookup(move |snapshot| {
            collect(&selection, |matchers| {
                let listed =
                    snapshot.series(matchers, selection.from, selection.to, selection.limit)?;
                Ok((listed.items, listed.truncated))
            })
        })
        .await?;
    let shown: Vec<LabelsJson<'_>> = found.iter().map(LabelsJson).collect();
    success_with(&shown, &warnings(cut))
}

/// `GET|POST /api/v1/labels`.
pub(super) async fn labels(State(app): State<Arc<App>>, params: Params) -> Answer {
    let selection = selection(&params)?;
    let look = move |snapshot: &Snapshot| {
        collect(&selection, |matchers| {
            let listed =
                snapshot.label_names(matchers, selection.from, selection.to, selection.limit)?;
            Ok((listed.items, listed.truncated))
        })
    };
    let (found, cut) = app.queries.lookup(look).await?;
    success_with(&found, &warnings(cut))
}

/// `GET /api/v1/label/<name>/values`.
pub(super) async fn label_values(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    params: Params,
) -> Answer {
    let name = unescape_name(&name);
    let selection = selection(&params)?;
    let look = move |snapshot: &Snapshot| {
        collect(&selection, |matchers| {
            let (from, to) = (selection.from, selection.to);
            let listed = snapshot.label_values(&name, matchers, from, to, selection.limit)?;
            Ok((listed.items, listed.truncated))
        })
    };
    let (found, cut) = app.queries.lookup(look).await?;
    success_with(&found, &warnings(cut))
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
struct MetadataJson {
    #[serde(rename = "type")]
    kind: &'static str,
    help: String,
    unit: String,
}

/// `GET /api/v1/metadata`.
pub(super) async fn metadata(State(app): State<Arc<App>>, params: Params) -> Answer {
    let limit = params.limit("limit")?;
    let per_metric = params.limit("limit_per_metric")?;
    let wanted = params.get("metric").map(str::to_owned);
    let mut found: BTreeMap<String, BTreeSet<MetadataJson>> = BTreeMap::new();
    for target in app.targets.active().iter() {
        for (name, FamilyMetadata { kind, help, unit }) in target.metadata().iter() {
            if wanted.as_ref().is_some_and(|wanted| wanted != name) {
                continue;
            }
            let known = found.entry(name.clone()).or_default();
            if known.len() < per_metric {
                known.insert(MetadataJson {
                    kind,
                    help: help.clone(),
                    unit: unit.clone(),
                });
            }
        }
    }
    let shown: BTreeMap<_, _> = found.into_iter().take(limit).collect();
    success(&shown)
}

fn warnings(cut: bool) -> Vec<String> {
    if cut {
        vec![TRUNCATED.to_owned()]
    } else {
        Vec::new()
    }
}

/// The union over all selectors, sorted, at most `limit`; and whether it was cut.
fn collect<T: Ord>(
    selection: &Selection,
    look: impl Fn(&[Matcher]) -> Result<(Vec<T>, bool), StoreError>,
) -> Result<(Vec<T>, bool), StoreError> {
    let mut all = BTreeSet::new();
    let mut cut = false;
    let everything = [Vec::new()];
    let selectors = if selection.selectors.is_empty() {
        &everything[..]
    } else {
        &selection.selectors[..]
    };
    for matchers in selectors {
        let (found, truncated) = look(matchers)?;
        all.extend(found);
        cut |= truncated;
    }
    cut |= all.len() > selection.limit;
    Ok((all.into_iter().take(selection.limit).collect(), cut))
}

fn selection(params: &Params) -> Result<Selection, ApiError> {
    let from = params.time("start")?.unwrap_or(Timestamp::MIN);
    let to = params.time("end")?.unwrap_or(Timestamp::MAX);
    if to < from {
        return Err(ApiError::bad_data(
            "invalid parameter \"end\": end timestamp must not be before start time",
        ));
    }
    let selectors = params
        .all("match[]")
        .into_iter()
        .map(|text| {
            parse_selector(text).map_err(|reason| {
                ApiError::bad_data(format!("invalid parameter \"match[]\": {reason}"))
            })
        })
        .collect::<Result<_, _>>()?;
    Ok(Selection {
        selectors,
        from,
        to,
        limit: params.limit("limit")?,
    })
}

/// The matchers of a bare selector such as `up{job="a"}`.
fn parse_selector(text: &str) -> Result<Vec<Matcher>, String> {
    if text.len() > QUERY_BYTES_MAX {
        return Err(format!("it is longer than {QUERY_BYTES_MAX} bytes"));
    }
    let expr = promql::parse(text).map_err(|error| error.to_string())?;
    let trimmed = text.trim();
    let behind_name = trimmed
        .trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':')
        .trim_start();
    // A selector is a name, or braces, or both. Whatever else starts and ends like one
    // (`a{} + b{}`) holds two selectors.
    let bare =
        behind_name.is_empty() || (behind_name.starts_with('{') && behind_name.ends_with('}'));
    let mut selectors = expr.selectors();
    match (selectors.next(), selectors.next()) {
        (Some(selector), None) if bare && expr.value_type() == ValueType::Vector => {
            Ok(selector.matchers.to_vec())
        }
        _ => Err(format!(
            "{text:?} is not a series selector such as up{{job=\"api\"}}"
        )),
    }
}

/// UTF-8 names in a path are escaped by some clients: `U__` and then `__` for `_` and `_1F600_`
/// for a character by its number.
fn unescape_name(name: &str) -> String {
    let Some(mut rest) = name.strip_prefix("U__") else {
        return name.to_owned();
    };
    let mut unescaped = String::new();
    while let Some(start) = rest.find('_') {
        unescaped.push_str(&rest[..start]);
        rest = &rest[start + 1..];
        if let Some(tail) = rest.strip_prefix('_') {
            unescaped.push('_');
            rest = tail;
            continue;
        }
        let decoded = rest.split_once('_').and_then(|(digits, tail)| {
            let number = u32::from_str_radix(digits, 16).ok()?;
            Some((char::from_u32(number)?, tail))
        });
        match decoded {
            Some((c, tail)) => {
                unescaped.push(c);
                rest = tail;
            }
            // Not an escaped name after all.
            None => return name.to_owned(),
        }
    }
    unescaped.push_str(rest);
    unescaped
}

/// Used by `status/tsdb` too.
pub(super) fn all_series(snapshot: &Snapshot, limit: usize) -> Result<Vec<Labels>, StoreError> {
    Ok(snapshot
        .series(&[], Timestamp::MIN, Timestamp::MAX, limit)?
        .items)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escaped_names_are_read() {
        for (name, expected) in [
            ("job", "job"),
            ("U__http_2e_status", "http.status"),
            ("U__a__b", "a_b"),
            ("U___1F600_", "😀"),
            ("U__a_zz_", "U__a_zz_"),
        ] {
            assert_eq!(unescape_name(name), expected);
        }
    }

    #[test]
    fn only_bare_selectors_are_selectors() {
        for (text, expected) in [
            ("up", true),
            ("up{job=\"a\"}", true),
            ("{__name__=~\"a.*\"}", true),
            ("sum(up)", false),
            ("up[5m]", false),
            ("up + up", false),
            ("-up", false),
            ("1", false),
            ("up{", false),
        ] {
            assert_eq!(parse_selector(text).is_ok(), expected, "{text}");
        }
    }
}
