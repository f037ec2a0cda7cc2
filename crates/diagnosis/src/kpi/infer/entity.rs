//! Which label names the entity, or which part of a metric's name does.

use std::collections::{BTreeMap, BTreeSet};

use super::family::Family;
use super::words::{DIMENSIONS, ENTITY_LABELS, FACETS, is_measure, words};
use crate::graph::EntityKind;
use crate::kpi::mapping::{EntityFrom, MetricName, NameFrom};

/// Labels of the process that recorded, not of what it tells of.
const RECORDER_LABELS: [&str; 2] = ["job", "instance"];

/// What is known of the names of all entities of a recording.
#[derive(Debug)]
pub(super) struct Naming {
    /// By label: how many values it has in all metrics, and in how many metrics it stands.
    labels: BTreeMap<String, (usize, usize)>,
    n_families: usize,
    /// Metrics whose name begins with an entity's, and the rest of it.
    pub(super) rests: BTreeMap<String, String>,
}

/// Whose a metric is.
#[derive(Clone, Debug)]
pub(super) struct Named {
    pub(super) entity: EntityFrom,
    pub(super) metric: MetricName,
    /// The words that tell what is measured.
    pub(super) words: Vec<String>,
    pub(super) why: String,
}

impl Naming {
    pub(super) fn of(families: &[Family<'_>]) -> Self {
        let mut values: BTreeMap<&str, (BTreeSet<&str>, usize)> = BTreeMap::new();
        for family in families {
            for (label, some) in &family.labels {
                let entry = values.entry(label).or_default();
                entry.0.extend(some);
                entry.1 += 1;
            }
        }
        let mut naming = Self {
            labels: values
                .into_iter()
                .map(|(label, (values, n))| (label.to_owned(), (values.len(), n)))
                .collect(),
            n_families: families.len(),
            rests: BTreeMap::new(),
        };
        let unnamed = families.iter();
        let unnamed: Vec<&str> = unnamed
            .filter(|family| {
                naming
                    .label_of(family)
                    .is_none_or(|label| naming.is_single(label))
            })
            .map(|family| family.name.as_str())
            .collect();
        naming.rests = rests_of(&unnamed);
        naming
    }

    fn is_single(&self, label: &str) -> bool {
        self.labels
            .get(label)
            .is_none_or(|(n_values, _)| *n_values < 2)
    }

    /// The label that names a metric's entity.
    fn label_of<'f>(&self, family: &'f Family<'_>) -> Option<&'f str> {
        let own = |label: &str| family.labels.get_key_value(label).map(|(label, _)| *label);
        let known = || ENTITY_LABELS.iter().filter_map(|(label, _)| own(label));
        let several = |label: &&str| !self.is_single(label);
        // A label with one value tells nothing apart, whatever it is called.
        let telling = known().find(several);
        telling
            .or_else(|| self.shared_label(family))
            .or_else(|| known().next())
    }

    /// A label of no known name that has several values and stands in most metrics.
    fn shared_label<'f>(&self, family: &'f Family<'_>) -> Option<&'f str> {
        let candidates = family.labels.keys().copied().filter(|label| {
            let (n_values, n_metrics) = self.labels.get(*label).copied().unwrap_or_default();
            let is_other = *label == model::METRIC_NAME
                || DIMENSIONS.contains(label)
                || FACETS.contains(label);
            !is_other && n_values >= 2 && n_metrics * 2 > self.n_families
        });
        candidates.max_by_key(|label| self.labels.get(*label).copied())
    }

    pub(super) fn name(&self, family: &Family<'_>) -> Named {
        let name = family.name.as_str();
        if let Some(rest) = &family.rest {
            return Named {
                entity: EntityFrom {
                    kind: EntityKind::new("service"),
                    name: NameFrom::Metric,
                    scope: Vec::new(),
                },
                metric: MetricName::new(&format!("{{entity}}{rest}")),
                words: words(rest),
                why: format!(
                    "several metrics end in {rest}, so what stands before names the entity"
                ),
            };
        }
        let label = self.label_of(family);
        let kind = |label: &str| {
            let known = ENTITY_LABELS.iter().find(|(name, _)| *name == label);
            known.map_or("service", |(_, kind)| kind)
        };
        let (kind, name_from, why) = match label {
            Some(label) => {
                let n_values = family.labels.get(label).map_or(0, BTreeSet::len);
                let noun = if n_values == 1 { "value" } else { "values" };
                let why = format!("the label {label} names the entity ({n_values} {noun})");
                (kind(label), NameFrom::Labels(vec![label.to_owned()]), why)
            }
            None => {
                let why = "no label names an entity, so all is one".to_owned();
                ("service", NameFrom::Fixed("recording".to_owned()), why)
            }
        };
        Named {
            entity: EntityFrom {
                kind: EntityKind::new(kind),
                name: name_from,
                scope: Vec::new(),
            },
            // A name from outside may hold what a pattern means something by.
            metric: MetricName::literal(name),
            words: words(name),
            why,
        }
    }
}

/// Whether the label tells of the process that recorded.
pub(super) fn is_recorder(label: &str) -> bool {
    RECORDER_LABELS.contains(&label)
}

/// For names that begin with an entity's, the rest: `_latency_p90` of `cart_latency_p90`. Only
/// where several entities share several rests; a lone prefix is a namespace.
fn rests_of(names: &[&str]) -> BTreeMap<String, String> {
    let splits: Vec<(&str, Vec<usize>)> = names.iter().map(|name| (*name, places(name))).collect();
    let mut with_rest: BTreeMap<&str, usize> = BTreeMap::new();
    for (name, places) in &splits {
        for place in places {
            *with_rest.entry(&name[*place..]).or_default() += 1;
        }
    }
    let shared = |rest: &str| with_rest.get(rest).copied().unwrap_or_default() >= 2;
    let mut chosen: BTreeMap<&str, usize> = BTreeMap::new();
    for (name, places) in &splits {
        let begins = |place: &&usize| {
            let first = words(&name[**place..]).into_iter().next();
            first.is_some_and(|word| is_measure(&word)) && shared(&name[**place..])
        };
        if let Some(place) = places.iter().find(begins) {
            chosen.insert(name, *place);
        }
    }
    // Entities that are known from these are found before any other word, too.
    let known: BTreeSet<&str> = chosen.iter().map(|(name, place)| &name[..*place]).collect();
    for (name, places) in &splits {
        if !chosen.contains_key(name)
            && let Some(place) = places.iter().rev().find(|p| known.contains(&name[..**p]))
        {
            chosen.insert(name, *place);
        }
    }
    let mut rests: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (name, place) in &chosen {
        rests
            .entry(&name[..*place])
            .or_default()
            .insert(&name[*place..]);
    }
    let rich = rests.values().filter(|rests| rests.len() >= 2).count();
    if rich < 2 || chosen.len() * 2 < names.len() {
        return BTreeMap::new();
    }
    let split = chosen.iter();
    split
        .map(|(name, place)| ((*name).to_owned(), name[*place..].to_owned()))
        .collect()
}

/// Where a name may be cut: before each separator but the first letters.
fn places(name: &str) -> Vec<usize> {
    let separators = name.char_indices().filter(|(_, c)| !c.is_alphanumeric());
    separators
        .map(|(place, _)| place)
        .filter(|place| *place > 0 && name[..*place].contains(char::is_alphanumeric))
        .collect()
}
