//! KPIs and assertions as series of the store.

use std::collections::BTreeMap;
use std::time::Duration;

use diagnosis::assertion::Assertion;
use diagnosis::graph::{EntityKey, EntityKind};
use diagnosis::kpi::collect::KPI_METRIC;
use diagnosis::kpi::{KpiKey, KpiKind, KpiSeries};
use model::{Labels, METRIC_NAME, Matcher, Timestamp, is_stale};
use store::{Snapshot, StoreError};

pub(super) const ASSERTION: &str = "pyrometer:assertion";

/// Samples that are read at once: four weeks of a thousand KPIs, one in 15 s, are more; a start
/// then learns from what fits.
const SAMPLES_MAX: usize = 200_000_000;

/// Samples of an assertion further apart than this are two of them.
const APART: Duration = Duration::from_secs(5 * 60);

/// Labels of these series that are no scope.
const OURS: [&str; 8] = [
    METRIC_NAME,
    "entity",
    "entity_type",
    "kpi",
    "assertion",
    "category",
    "severity",
    "change",
];

/// An assertion of the past, as the store knows it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Lasted {
    pub(crate) entity: EntityKey,
    pub(crate) name: String,
    pub(crate) category: String,
    pub(crate) severity: String,
    pub(crate) kpi: Option<KpiKind>,
    pub(crate) since: Timestamp,
    /// `None` when its last sample is the newest there can be.
    pub(crate) end: Option<Timestamp>,
}

/// All KPIs of this time, both ends included, each in order.
pub(super) fn kpis(
    snapshot: &Snapshot,
    from: Timestamp,
    to: Timestamp,
) -> Result<Vec<KpiSeries>, StoreError> {
    let name = [Matcher::equal(METRIC_NAME, KPI_METRIC)];
    let mut kpis: BTreeMap<KpiKey, Vec<(Timestamp, f64)>> = BTreeMap::new();
    for column in snapshot.select(&name, from, to, SAMPLES_MAX)? {
        let Some(key) = KpiKey::of_labels(&column.labels) else {
            continue;
        };
        let samples = column.timestamps.iter().zip(column.values.iter());
        let samples = samples.filter(|(_, value)| !is_stale(**value));
        kpis.entry(key)
            .or_default()
            .extend(samples.map(|(at, value)| (*at, *value)));
    }
    let in_order = |(key, mut samples): (KpiKey, Vec<(Timestamp, f64)>)| {
        samples.sort_by_key(|(at, _)| *at);
        KpiSeries { key, samples }
    };
    Ok(kpis.into_iter().map(in_order).collect())
}

/// The series of a KPI, as a query and the store name it.
pub(crate) fn kpi_labels(entity: &EntityKey, kind: &KpiKind) -> Vec<(String, String)> {
    let mut labels = entity_labels(entity);
    labels.insert(0, ("kpi".to_owned(), kind.name()));
    labels
}

pub(super) fn entity_labels(entity: &EntityKey) -> Vec<(String, String)> {
    let own = [
        ("entity_type", entity.kind.name()),
        ("entity", &*entity.name),
    ];
    let all = own.into_iter().chain(entity.scope.iter());
    all.map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// As it is written while it lasts.
pub(super) fn sample(assertion: &Assertion) -> (Labels, f64) {
    let key = &assertion.key;
    let mut labels = entity_labels(&key.entity);
    labels.push((METRIC_NAME.to_owned(), ASSERTION.to_owned()));
    labels.push(("assertion".to_owned(), key.name.clone()));
    labels.push(("category".to_owned(), assertion.category.name().to_owned()));
    labels.push(("severity".to_owned(), assertion.severity.name().to_owned()));
    if let Some(kpi) = &key.kpi {
        labels.push(("kpi".to_owned(), kpi.name()));
    }
    (of_pairs(&labels), 1.0)
}

/// Where a scope has a label that is ours, the scope's gives way.
pub(super) fn of_pairs(pairs: &[(String, String)]) -> Labels {
    let mut builder = Labels::empty().builder();
    for (name, value) in pairs {
        builder.set(name.as_str(), value.as_str());
    }
    builder.build()
}

pub(super) fn entity(labels: &Labels) -> Option<EntityKey> {
    let scope = labels.iter().filter(|(name, _)| !OURS.contains(name));
    Some(EntityKey {
        kind: EntityKind::new(labels.get("entity_type")?),
        name: labels.get("entity")?.into(),
        scope: Labels::new(scope).ok()?,
    })
}

/// What the store knows of assertions in this time.
pub(crate) fn lasted(
    snapshot: &Snapshot,
    from: Timestamp,
    to: Timestamp,
) -> Result<Vec<Lasted>, StoreError> {
    let name = [Matcher::equal(METRIC_NAME, ASSERTION)];
    let mut all = Vec::new();
    for column in snapshot.select(&name, from, to, SAMPLES_MAX)? {
        let text = |name| column.labels.get(name).unwrap_or_default().to_owned();
        let Some(entity) = entity(&column.labels) else {
            continue;
        };
        let new = |since: Timestamp| Lasted {
            entity: entity.clone(),
            name: text("assertion"),
            category: text("category"),
            severity: text("severity"),
            kpi: column.labels.get("kpi").and_then(KpiKind::parse),
            since,
            end: None,
        };
        let mut open: Option<(Lasted, Timestamp)> = None;
        for (at, value) in column.timestamps.iter().zip(column.values.iter()) {
            if is_stale(*value) {
                if let Some((mut ended, _)) = open.take() {
                    ended.end = Some(*at);
                    all.push(ended);
                }
                continue;
            }
            match &mut open {
                Some((_, last)) if at.since(*last) <= APART => *last = *at,
                _ => {
                    if let Some((mut ended, last)) = open.replace((new(*at), *at)) {
                        ended.end = Some(last);
                        all.push(ended);
                    }
                }
            }
        }
        if let Some((mut newest, last)) = open {
            newest.end = (to.since(last) > APART).then_some(last);
            all.push(newest);
        }
    }
    Ok(all)
}
