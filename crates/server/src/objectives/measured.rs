//! What the packs measure of a service or a route, as the queries of an indicator.
//!
//! A pack's KPI `errors` is a ratio: what it divides are the bad events, what it divides by all of
//! them. Its latency quantile names the histogram whose buckets are the limits that can be asked.

use std::collections::BTreeSet;
use std::time::Duration;

use diagnosis::graph::EntityKey;
use diagnosis::objective::{EventQuery, Indicator, Part};
use diagnosis::pack::{Detection, Pack, QueryScope};
use model::{Matcher, Timestamp};
use promql::Expr;
use store::{Snapshot, StoreError};

use crate::judge::Detections;

/// Stands for `$w` while a query is parsed; no pack writes such a window.
const PLACE: Duration = Duration::from_secs(97);

/// How far back the bounds of buckets are looked for.
const RECENT: Duration = Duration::from_secs(60 * 60);

/// Bounds of one histogram that are looked at.
const BOUNDS_MAX: usize = 500;

/// The KPI that is a share of bad events, and those that are read from buckets.
const ERROR_KPIS: [&str; 2] = ["errors", "error_ratio"];

/// What is measured of one entity.
#[derive(Clone, Debug, Default)]
pub(crate) struct Measured {
    /// Bad and all events, per second, with `$w`.
    pub(crate) availability: Option<(String, String)>,
    /// The buckets' selector without its bound: `m_bucket{job="a"}`, as matchers.
    pub(crate) buckets: Option<Vec<Matcher>>,
    /// The label by which requests fall into routes.
    pub(crate) route_label: Option<String>,
}

/// Bounds of a histogram's buckets: seconds and how the label spells them, ascending.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct LatencyBounds(pub(crate) Vec<(f64, String)>);

/// Why nothing can be measured.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoMeasure {
    #[error(
        "no pack measures {what} of {entity}; give the queries of the indicator yourself (bad or \
         good, and total)"
    )]
    Nothing { what: &'static str, entity: String },
    #[error("{limit} s is no bound of a bucket of {metric}; {next}")]
    NoBucket {
        limit: f64,
        metric: String,
        next: String,
    },
    #[error("{metric} has no buckets now, so no limit can be asked")]
    NoBounds { metric: String },
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What the packs say of an entity: a service by its name, a route by its service and its name.
pub(crate) fn measured(
    packs: &[Pack],
    detections: &Detections,
    entity: &EntityKey,
) -> Option<Measured> {
    let service = match entity.kind.name() {
        "service" => &*entity.name,
        "route" => entity.scope.get("service")?,
        _ => return None,
    };
    let mut found: Option<Measured> = None;
    for detection in detections.of(service) {
        let Some(pack) = packs.iter().find(|pack| pack.id == detection.pack) else {
            continue;
        };
        let route_label = route_label(pack, detection);
        let mut sel = Matcher::equal("job", service).to_string();
        if entity.kind.name() == "route" {
            let Some(label) = &route_label else { continue };
            sel = format!("{sel},{}", Matcher::equal(label.as_str(), &*entity.name));
        }
        let more = Measured {
            availability: availability(pack, detection, &sel),
            buckets: buckets(pack, detection, &sel),
            route_label,
        };
        let known = found.get_or_insert_default();
        known.availability = known.availability.take().or(more.availability);
        known.buckets = known.buckets.take().or(more.buckets);
        known.route_label = known.route_label.take().or(more.route_label);
    }
    found
}

fn filled(query: &diagnosis::pack::QueryText, detection: &Detection, sel: &str) -> Option<Expr> {
    let scope = QueryScope {
        sel,
        window: PLACE,
        variants: &detection.variants,
    };
    query.expr(&scope).ok()
}

fn with_place(text: &str) -> String {
    text.replace(&format!("[{}]", model::format_duration(PLACE)), "[$w]")
}

fn availability(pack: &Pack, detection: &Detection, sel: &str) -> Option<(String, String)> {
    let kpi = ERROR_KPIS.iter().find_map(|name| pack.kpi(name))?;
    let expr = filled(&kpi.query, detection, sel)?;
    let (bad, total) = expr.division()?;
    Some((with_place(bad), with_place(total)))
}

fn buckets(pack: &Pack, detection: &Detection, sel: &str) -> Option<Vec<Matcher>> {
    let latencies = pack
        .kpis
        .iter()
        .filter_map(|kpi| filled(&kpi.query, detection, sel));
    for expr in latencies {
        for selector in expr.selectors() {
            if selector
                .metric_name
                .is_some_and(|name| name.ends_with("_seconds_bucket"))
            {
                return Some(selector.matchers.to_vec());
            }
        }
    }
    None
}

/// The label of the pack's endpoint beside the job.
fn route_label(pack: &Pack, detection: &Detection) -> Option<String> {
    let is_route = |kind: &str| matches!(kind.to_lowercase().as_str(), "endpoint" | "route");
    let mut entities = pack.model.entities.iter();
    let entity = entities.find(|entity| is_route(entity.kind.name()))?;
    let label = entity.name.0.first()?;
    match label.strip_prefix('$') {
        Some(variant) => detection.variants.get(variant).cloned(),
        None => Some(label.clone()),
    }
}

impl Measured {
    pub(crate) fn availability(&self, entity: &EntityKey) -> Result<Indicator, NoMeasure> {
        let nothing = || NoMeasure::Nothing {
            what: "failures",
            entity: entity.to_string(),
        };
        let (bad, total) = self.availability.as_ref().ok_or_else(nothing)?;
        let query = |text| EventQuery::new(text, false).map_err(|_| nothing());
        Ok(Indicator::Availability {
            part: Part::Bad(query(bad)?),
            total: query(total)?,
        })
    }

    /// The bounds that can be asked now.
    pub(crate) fn bounds(
        &self,
        snapshot: &Snapshot,
        now: Timestamp,
    ) -> Result<LatencyBounds, StoreError> {
        let Some(matchers) = &self.buckets else {
            return Ok(LatencyBounds(Vec::new()));
        };
        let listed = snapshot.label_values("le", matchers, now.minus(RECENT), now, BOUNDS_MAX)?;
        let mut seen = BTreeSet::new();
        let mut bounds: Vec<(f64, String)> = listed
            .items
            .into_iter()
            .filter_map(|text| Some((text.parse::<f64>().ok()?, text.to_string())))
            .filter(|(bound, _)| bound.is_finite() && *bound > 0.0)
            .filter(|(bound, _)| seen.insert(bound.to_bits()))
            .collect();
        bounds.sort_by(|a, b| a.0.total_cmp(&b.0));
        Ok(LatencyBounds(bounds))
    }

    /// Requests within `limit` seconds of all.
    pub(crate) fn latency(
        &self,
        entity: &EntityKey,
        limit: f64,
        bounds: &LatencyBounds,
    ) -> Result<Indicator, NoMeasure> {
        let nothing = || NoMeasure::Nothing {
            what: "latency",
            entity: entity.to_string(),
        };
        let matchers = self.buckets.as_ref().ok_or_else(nothing)?;
        let metric = matchers
            .iter()
            .find(|matcher| matcher.name() == model::METRIC_NAME);
        let metric = metric.map(Matcher::value).ok_or_else(nothing)?;
        let Some((_, spelled)) = bounds.0.iter().find(|(bound, _)| *bound == limit) else {
            let metric = metric.to_owned();
            return Err(match bounds.next_to(limit) {
                Some(next) => NoMeasure::NoBucket {
                    limit,
                    metric,
                    next,
                },
                None => NoMeasure::NoBounds { metric },
            });
        };
        let rest: Vec<String> = matchers
            .iter()
            .filter(|matcher| ![model::METRIC_NAME, "le"].contains(&matcher.name()))
            .map(ToString::to_string)
            .collect();
        let within = |bound: &str| {
            let rest = rest.join(",");
            let comma = if rest.is_empty() { "" } else { "," };
            let text = format!("sum(rate({metric}{{{rest}{comma}le={bound:?}}}[$w]))");
            EventQuery::new(&text, false).map_err(|_| nothing())
        };
        Ok(Indicator::Latency {
            limit,
            part: Part::Good(within(spelled)?),
            total: within("+Inf")?,
        })
    }
}

impl LatencyBounds {
    /// Which bounds lie next to a limit, in words.
    fn next_to(&self, limit: f64) -> Option<String> {
        let below = self.0.iter().rev().find(|(bound, _)| *bound < limit);
        let above = self.0.iter().find(|(bound, _)| *bound > limit);
        match (below, above) {
            (Some((below, _)), Some((above, _))) => {
                Some(format!("the next ones are {below} s and {above} s"))
            }
            (Some((bound, _)), None) => Some(format!("the largest one is {bound} s")),
            (None, Some((bound, _))) => Some(format!("the smallest one is {bound} s")),
            (None, None) => None,
        }
    }
}
