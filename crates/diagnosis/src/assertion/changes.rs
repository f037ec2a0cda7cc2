//! What was changed: versions, configurations, numbers of replicas, restarts, deployments.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use model::Timestamp;

use crate::graph::EntityKey;

/// Facts that are kept; further ones are not watched.
const FACTS_MAX: usize = 100_000;

/// A value that was not seen for as long as the engine looks back is gone, if others are seen.
const GONE: Duration = Duration::from_secs(5 * 60);

/// A number of replicas must stay for this long: instances come and go one by one.
const SETTLED: Duration = Duration::from_secs(60);

/// Starts that differ by less are one: clocks and rounding.
const START_APART: f64 = 2.0;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ChangeKind {
    Version,
    Configuration,
    Replicas,
    Restart,
    /// Somebody told so.
    Deploy,
}

impl ChangeKind {
    pub const ALL: [Self; 5] = [
        Self::Version,
        Self::Configuration,
        Self::Replicas,
        Self::Restart,
        Self::Deploy,
    ];

    /// As series and the API spell it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Version => "version_change",
            Self::Configuration => "configuration_change",
            Self::Replicas => "replicas_change",
            Self::Restart => "restart",
            Self::Deploy => "deploy",
        }
    }
}

/// One thing that is so at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Fact {
    pub entity: EntityKey,
    pub value: FactValue,
}

#[derive(Clone, Debug, PartialEq)]
pub enum FactValue {
    /// Of an info metric; while a new one is rolled out there are several.
    Version(String),
    Configuration(String),
    Replicas(u32),
    /// When its process started, seconds since the epoch.
    Started(f64),
}

/// Something that was changed.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    pub entity: EntityKey,
    pub kind: ChangeKind,
    pub at: Timestamp,
    pub sentence: String,
}

/// What is known of each entity.
#[derive(Debug, Default)]
pub(super) struct ChangeWatch {
    /// Values and when each was seen last.
    texts: BTreeMap<(EntityKey, ChangeKind), BTreeMap<String, Timestamp>>,
    replicas: BTreeMap<EntityKey, Replicas>,
    starts: BTreeMap<EntityKey, f64>,
}

#[derive(Debug)]
struct Replicas {
    known: u32,
    /// Another number, and since when.
    other: Option<(u32, Timestamp)>,
}

impl ChangeWatch {
    pub(super) fn observe(&mut self, now: Timestamp, facts: &[Fact]) -> Vec<Change> {
        let mut changes = Vec::new();
        let mut texts: BTreeMap<(EntityKey, ChangeKind), BTreeSet<&str>> = BTreeMap::new();
        for fact in facts {
            let entity = &fact.entity;
            match &fact.value {
                FactValue::Version(version) => {
                    let key = (entity.clone(), ChangeKind::Version);
                    texts.entry(key).or_default().insert(version);
                }
                FactValue::Configuration(hash) => {
                    let key = (entity.clone(), ChangeKind::Configuration);
                    texts.entry(key).or_default().insert(hash);
                }
                FactValue::Replicas(n) => changes.extend(self.replicas(now, entity, *n)),
                FactValue::Started(started) => changes.extend(self.start(now, entity, *started)),
            }
        }
        for (key, values) in texts {
            changes.extend(self.texts(now, key, &values));
        }
        changes
    }

    fn texts(
        &mut self,
        now: Timestamp,
        key: (EntityKey, ChangeKind),
        values: &BTreeSet<&str>,
    ) -> Option<Change> {
        if self.texts.len() >= FACTS_MAX && !self.texts.contains_key(&key) {
            return None;
        }
        let (entity, kind) = key.clone();
        let known = self.texts.entry(key).or_default();
        let is_first = known.is_empty();
        let new = values
            .iter()
            .find(|value| !known.contains_key(**value))
            .copied();
        let before = known
            .iter()
            .max_by_key(|(_, seen)| **seen)
            .map(|(value, _)| value.clone());
        for value in values {
            known.insert((*value).to_owned(), now);
        }
        known.retain(|_, seen| now.since(*seen) <= GONE);
        let new = new.filter(|_| !is_first)?;
        let sentence = match (kind, before) {
            (ChangeKind::Version, Some(before)) => format!("Version {new}, before {before}"),
            (ChangeKind::Version, None) => format!("Version {new}"),
            _ => "Its configuration is another".to_owned(),
        };
        Some(Change {
            entity,
            kind,
            at: now,
            sentence,
        })
    }

    fn replicas(&mut self, now: Timestamp, entity: &EntityKey, n: u32) -> Option<Change> {
        if self.replicas.len() >= FACTS_MAX && !self.replicas.contains_key(entity) {
            return None;
        }
        let replicas = self.replicas.entry(entity.clone()).or_insert(Replicas {
            known: n,
            other: None,
        });
        if replicas.known == n {
            replicas.other = None;
            return None;
        }
        let since = match replicas.other {
            Some((other, since)) if other == n => since,
            _ => now,
        };
        replicas.other = Some((n, since));
        if now.since(since) < SETTLED {
            return None;
        }
        let before = std::mem::replace(&mut replicas.known, n);
        replicas.other = None;
        Some(Change {
            entity: entity.clone(),
            kind: ChangeKind::Replicas,
            at: since,
            sentence: format!("{n} instances, before {before}"),
        })
    }

    fn start(&mut self, now: Timestamp, entity: &EntityKey, started: f64) -> Option<Change> {
        let is_full = self.starts.len() >= FACTS_MAX && !self.starts.contains_key(entity);
        if !started.is_finite() || is_full {
            return None;
        }
        let before = self.starts.entry(entity.clone()).or_insert(started);
        if started <= *before + START_APART {
            return None;
        }
        *before = started;
        Some(Change {
            entity: entity.clone(),
            kind: ChangeKind::Restart,
            at: Timestamp::from_secs_f64(started).min(now),
            sentence: "It was started anew".to_owned(),
        })
    }
}
