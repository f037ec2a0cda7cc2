//! What a client wants an objective to be, and the objective that it becomes.

use std::collections::BTreeMap;
use std::sync::Arc;

use diagnosis::graph::{EntityKey, EntityKind};
use diagnosis::objective::{
    Calendar, Comparison, Counting, EventQuery, Indicator, MINUTE_TARGET, Objective, ObjectiveId,
    Part, Target, ValueQuery, Window,
};
use diagnosis::pack::Pack;
use model::{Labels, Timestamp};
use serde::{Deserialize, Serialize};
use store::Snapshot;

use crate::api::answer::ApiError;
use crate::api::params::Params;
use crate::judge::Detections;
use crate::notify::zone;
use crate::objectives::{Measured, NoMeasure, measured};

/// The body of a POST or PUT. What is shown of an objective is one, too.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wish {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) title: Option<String>,
    #[serde(default)]
    pub(crate) description: String,
    pub(crate) entity: EntityJson,
    pub(crate) indicator: IndicatorJson,
    #[serde(default)]
    pub(crate) by: By,
    /// By minutes only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) minute_target: Option<f64>,
    pub(crate) target: f64,
    #[serde(default)]
    pub(crate) window: WindowJson,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) floor: Option<f64>,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EntityJson {
    pub(crate) r#type: String,
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) scope: BTreeMap<String, String>,
}

#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct IndicatorJson {
    /// `availability`, `latency`, `events`, `threshold`.
    pub(crate) kind: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) limit_seconds: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) bad: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) good: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) total: Option<String>,
    /// Whether queries without a window are counters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) counter: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) query: Option<String>,
    /// `<`, `<=`, `>`, `>=`: how a good value compares with `value`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) op: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) value: Option<f64>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum By {
    #[default]
    Requests,
    Minutes,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "lowercase", tag = "kind", deny_unknown_fields)]
pub(crate) enum WindowJson {
    Rolling {
        days: u32,
    },
    Calendar {
        /// `week`, `month`, `quarter`.
        unit: String,
        #[serde(default = "utc")]
        zone: String,
    },
}

impl Default for WindowJson {
    fn default() -> Self {
        Self::Rolling { days: 30 }
    }
}

fn utc() -> String {
    "UTC".to_owned()
}

/// What finds the queries of an objective that gives none.
pub(crate) struct Scope<'a> {
    pub(crate) packs: &'a [Pack],
    pub(crate) detections: &'a Detections,
    pub(crate) snapshot: &'a Snapshot,
    pub(crate) now: Timestamp,
    pub(crate) taken: &'a dyn Fn(&ObjectiveId) -> bool,
}

/// Of the parameters `type`, `name`, and of any other one as a scope.
pub(super) fn entity_of_params(params: &Params) -> Result<EntityKey, ApiError> {
    let name = params.get("name").unwrap_or_default().to_owned();
    let others = params
        .pairs()
        .filter(|(name, _)| !["type", "name"].contains(name));
    let scope = others.map(|(name, value)| (name.to_owned(), value.to_owned()));
    entity(&EntityJson {
        r#type: params.get("type").unwrap_or("service").to_owned(),
        name,
        scope: scope.collect(),
    })
}

fn entity(json: &EntityJson) -> Result<EntityKey, ApiError> {
    if json.name.is_empty() || json.r#type.is_empty() {
        return Err(ApiError::bad_data("an entity needs a type and a name"));
    }
    let is_label = |name: &String| {
        let legal = |c: char| c.is_ascii_alphanumeric() || c == '_';
        name.starts_with(|c: char| legal(c) && !c.is_ascii_digit()) && name.chars().all(legal)
    };
    if let Some(name) = json.scope.keys().find(|name| !is_label(name)) {
        return Err(ApiError::bad_data(format!(
            "{name:?} is no name of a label, so no scope"
        )));
    }
    let scope = Labels::new(json.scope.clone()).map_err(|error| bad(&error))?;
    Ok(EntityKey {
        kind: EntityKind::new(&json.r#type),
        name: Arc::from(json.name.as_str()),
        scope,
    })
}

fn bad(error: &dyn std::fmt::Display) -> ApiError {
    ApiError::bad_data(error.to_string())
}

impl Wish {
    /// `id` is that of the one that is replaced.
    pub(super) fn objective(
        self,
        scope: &Scope<'_>,
        id: Option<ObjectiveId>,
    ) -> Result<Objective, ApiError> {
        let entity = entity(&self.entity)?;
        let indicator = self.indicator.indicator(scope, &entity)?;
        let is_threshold = matches!(indicator, Indicator::Threshold { .. });
        let counting = match (self.by, self.minute_target) {
            (By::Requests, _) if !is_threshold => Counting::Requests,
            (_, good_from) => Counting::Minutes {
                good_from: good_from.unwrap_or(MINUTE_TARGET),
            },
        };
        let title = self.title.filter(|title| !title.trim().is_empty());
        let title = title.unwrap_or_else(|| format!("{} {}", entity.name, indicator.name()));
        let id = match (id, self.id.filter(|id| !id.is_empty())) {
            (Some(id), _) => id,
            (None, Some(id)) => ObjectiveId::new(&id).map_err(|error| bad(&error))?,
            (None, None) => free_id(
                &format!("{} {}", entity.name, indicator.name()),
                scope.taken,
            ),
        };
        let objective = Objective {
            id,
            title,
            description: self.description,
            entity,
            indicator,
            counting,
            target: Target::new(self.target).map_err(|error| bad(&error))?,
            window: self.window.window()?,
            floor: self.floor.unwrap_or_else(|| counting.default_floor()),
        };
        let problems = objective.problems();
        if problems.is_empty() {
            return Ok(objective);
        }
        let texts: Vec<String> = problems.iter().map(ToString::to_string).collect();
        Err(ApiError::bad_data(texts.join("; ")))
    }
}

fn free_id(words: &str, taken: &dyn Fn(&ObjectiveId) -> bool) -> ObjectiveId {
    let first = ObjectiveId::from_words(words);
    if !taken(&first) {
        return first;
    }
    let numbered = (2..).map(|number| first.numbered(number));
    let mut free = numbered.filter(|id| !taken(id));
    free.next()
        .expect("there are fewer objectives than numbers")
}

impl WindowJson {
    fn window(&self) -> Result<Window, ApiError> {
        match self {
            Self::Rolling { days } => Window::rolling(*days).map_err(|error| bad(&error)),
            Self::Calendar {
                unit,
                zone: zone_name,
            } => {
                let found = Calendar::ALL.into_iter().find(|one| one.name() == unit);
                let unit = found.ok_or_else(|| {
                    let text = format!(
                        "a window of a {unit:?} is not known; take week, month or \
                        quarter"
                    );
                    ApiError::bad_data(text)
                })?;
                Ok(Window::Calendar {
                    unit,
                    zone: zone(zone_name).map_err(ApiError::bad_data)?,
                    zone_name: zone_name.clone(),
                })
            }
        }
    }

    pub(crate) fn of(window: &Window) -> Self {
        match window {
            Window::Rolling { days } => Self::Rolling { days: *days },
            Window::Calendar {
                unit, zone_name, ..
            } => Self::Calendar {
                unit: unit.name().to_owned(),
                zone: zone_name.clone(),
            },
        }
    }
}

impl IndicatorJson {
    fn indicator(&self, scope: &Scope<'_>, entity: &EntityKey) -> Result<Indicator, ApiError> {
        let events = self.events()?;
        match (self.kind.as_str(), events) {
            ("availability", Some((part, total))) => Ok(Indicator::Availability { part, total }),
            ("availability", None) => Ok(found(scope, entity, "failures")?.availability(entity)?),
            ("latency", events) => {
                let limit = self.limit_seconds.filter(|limit| *limit > 0.0);
                let limit = limit.ok_or_else(|| {
                    ApiError::bad_data("latency needs limit_seconds, a number above 0")
                })?;
                if let Some((part, total)) = events {
                    return Ok(Indicator::Latency { limit, part, total });
                }
                let found = found(scope, entity, "latency")?;
                let bounds = found.bounds(scope.snapshot, scope.now);
                let bounds = bounds.map_err(NoMeasure::from)?;
                Ok(found.latency(entity, limit, &bounds)?)
            }
            ("events", Some((part, total))) => Ok(Indicator::Events { part, total }),
            ("events", None) => Err(ApiError::bad_data(
                "events need the queries bad or good, and total",
            )),
            ("threshold", _) => self.threshold(),
            (other, _) => Err(ApiError::bad_data(format!(
                "there is no indicator {other:?}; take availability, latency, events or threshold"
            ))),
        }
    }

    fn events(&self) -> Result<Option<(Part, EventQuery)>, ApiError> {
        let counter = self.counter.unwrap_or(true);
        let query = |name: &str, text: &str| {
            EventQuery::new(text, counter)
                .map_err(|error| ApiError::bad_data(format!("{name}: {error}")))
        };
        let part = match (&self.bad, &self.good) {
            (Some(bad), None) => Part::Bad(query("bad", bad)?),
            (None, Some(good)) => Part::Good(query("good", good)?),
            (None, None) if self.total.is_none() => return Ok(None),
            (None, None) => return Err(ApiError::bad_data("give bad or good beside total")),
            (Some(_), Some(_)) => return Err(ApiError::bad_data("give either bad or good")),
        };
        let total = self.total.as_ref();
        let total = total.ok_or_else(|| ApiError::bad_data("give total beside bad or good"))?;
        Ok(Some((part, query("total", total)?)))
    }

    fn threshold(&self) -> Result<Indicator, ApiError> {
        let good = Comparison::ALL
            .into_iter()
            .find(|one| Some(one.symbol()) == self.op.as_deref());
        let (Some(text), Some(good), Some(limit)) = (&self.query, good, self.value) else {
            return Err(ApiError::bad_data(
                "a threshold needs query, op (<, <=, > or >=: what is good) and value",
            ));
        };
        let query = ValueQuery::new(text).map_err(|error| bad(&error))?;
        Ok(Indicator::Threshold { query, good, limit })
    }

    pub(crate) fn of(indicator: &Indicator) -> Self {
        let mut json = Self {
            kind: indicator.name().to_owned(),
            ..Self::default()
        };
        match indicator {
            Indicator::Latency { limit, .. } => json.limit_seconds = Some(*limit),
            Indicator::Threshold { query, good, limit } => {
                json.query = Some(query.text().to_owned());
                json.op = Some(good.symbol().to_owned());
                json.value = Some(*limit);
            }
            Indicator::Availability { .. } | Indicator::Events { .. } => {}
        }
        if let Some((part, total)) = indicator.events() {
            let text = part.query().text().to_owned();
            match part {
                Part::Bad(_) => json.bad = Some(text),
                Part::Good(_) => json.good = Some(text),
            }
            json.total = Some(total.text().to_owned());
            json.counter = Some(part.query().is_counter() || total.is_counter());
        }
        json
    }
}

fn found(scope: &Scope<'_>, entity: &EntityKey, what: &'static str) -> Result<Measured, NoMeasure> {
    let nothing = || NoMeasure::Nothing {
        what,
        entity: entity.to_string(),
    };
    measured(scope.packs, scope.detections, entity).ok_or_else(nothing)
}

impl EntityJson {
    pub(crate) fn of(entity: &EntityKey) -> Self {
        let scope = entity.scope.iter();
        Self {
            r#type: entity.kind.name().to_owned(),
            name: entity.name.to_string(),
            scope: scope.map(|(n, v)| (n.to_owned(), v.to_owned())).collect(),
        }
    }
}

impl From<&Objective> for Wish {
    fn from(objective: &Objective) -> Self {
        let (by, minute_target) = match objective.counting {
            Counting::Requests => (By::Requests, None),
            Counting::Minutes { good_from } => (By::Minutes, Some(good_from)),
        };
        Self {
            id: Some(objective.id.to_string()),
            title: Some(objective.title.clone()),
            description: objective.description.clone(),
            entity: EntityJson::of(&objective.entity),
            indicator: IndicatorJson::of(&objective.indicator),
            by,
            minute_target,
            target: objective.target.ratio(),
            window: WindowJson::of(&objective.window),
            floor: Some(objective.floor),
        }
    }
}
