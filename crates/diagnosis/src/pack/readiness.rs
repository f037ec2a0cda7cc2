//! Whether a rule can say anything yet, and what it waits for.

use std::time::Duration;

use model::Timestamp;

use super::Pack;
use crate::rules::Rule;

/// Rules that look back less than this count as armed at once: their windows fill before somebody
/// could ask. The largest window of the quick rules is half an hour.
const LOOK_BACK_MIN: Duration = Duration::from_secs(30 * 60);

/// What a rule can do now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Readiness {
    Armed,
    /// It compares with the past, and the past is not long enough before this time.
    NeedsData {
        until: Timestamp,
    },
    /// A sentence: the metric that is missing, and why where the pack knows it.
    NotEvaluable(String),
}

impl Pack {
    /// Why a metric of this pack may be absent though all is well.
    pub fn absence_reason(&self, metric: &str) -> Option<&str> {
        let entry = self.conditional.iter().find(|(name, _)| name == metric);
        entry.map(|(_, reason)| reason.as_str())
    }

    /// Why a rule of this pack cannot say anything now, given which metrics exist; `None` when it
    /// can. A rule lives with the absence of conditional metrics as long as it has another one.
    pub fn not_evaluable(&self, rule: &Rule, exists: &dyn Fn(&str) -> bool) -> Option<String> {
        let metrics = rule.metrics();
        let missing: Vec<&str> = metrics
            .iter()
            .copied()
            .filter(|name| !exists(name))
            .collect();
        let reason = |name: &str| self.absence_reason(name);
        let needed = missing.iter().find(|name| reason(name).is_none());
        let needed = needed.or_else(|| missing.first().filter(|_| missing.len() == metrics.len()));
        needed.map(|name| match reason(name) {
            Some(reason) => format!("waits for {name}: {reason}"),
            None => format!("no target exposes {name}"),
        })
    }

    /// What a rule of this pack can do at `now`; `since` is the oldest sample of what it judges.
    pub fn readiness(
        &self,
        rule: &Rule,
        exists: &dyn Fn(&str) -> bool,
        since: Option<Timestamp>,
        now: Timestamp,
    ) -> Readiness {
        if let Some(reason) = self.not_evaluable(rule, exists) {
            return Readiness::NotEvaluable(reason);
        }
        let needed = rule.expr.look_back();
        let until = since.unwrap_or(now).plus(needed);
        if needed > LOOK_BACK_MIN && until > now {
            return Readiness::NeedsData { until };
        }
        Readiness::Armed
    }
}
