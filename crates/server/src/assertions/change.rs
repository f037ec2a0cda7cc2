//! Changes: those that somebody tells, and those that are found.

use diagnosis::assertion::{Assertion, Change, ChangeKind};
use diagnosis::graph::EntityKey;
use model::{Labels, METRIC_NAME, Matcher, Timestamp, is_stale};
use store::{Snapshot, StoreError};

use super::series::{entity, entity_labels, of_pairs};

const CHANGE: &str = "pyrometer:change";

/// Told changes that wait for the next round, 15 s at most.
pub(crate) const TOLD_MAX: usize = 1_000;

/// Samples that are read for a list.
const SAMPLES_MAX: usize = 1_000_000;

/// A change of a service that somebody told: `pyrometer deploy`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ToldChange {
    pub(crate) service: String,
    pub(crate) version: Option<String>,
    pub(crate) title: String,
    pub(crate) link: Option<String>,
    pub(crate) at: Timestamp,
}

/// A change of the past, as the store knows it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct KnownChange {
    pub(crate) entity: EntityKey,
    pub(crate) kind: String,
    pub(crate) version: Option<String>,
    pub(crate) title: String,
    pub(crate) link: Option<String>,
    pub(crate) at: Timestamp,
}

impl ToldChange {
    fn entity(&self) -> EntityKey {
        EntityKey::new("service", &self.service)
    }

    pub(super) fn change(&self, now: Timestamp) -> Change {
        Change {
            entity: self.entity(),
            kind: ChangeKind::Deploy,
            at: self.at.min(now),
            sentence: self.title.clone(),
        }
    }

    /// The value is when it was, in seconds.
    pub(crate) fn sample(&self) -> (Labels, f64) {
        let optional = [("version", &self.version), ("link", &self.link)];
        let optional = optional
            .into_iter()
            .filter_map(|(name, text)| Some((name, text.as_deref()?)));
        sample(
            &self.entity(),
            ChangeKind::Deploy.name(),
            &self.title,
            optional,
            self.at,
        )
    }
}

/// One that was found.
pub(super) fn found(assertion: &Assertion) -> (Labels, f64) {
    let key = &assertion.key;
    let title = &assertion.sentence;
    sample(&key.entity, &key.name, title, [], assertion.onset)
}

fn sample<'a>(
    entity: &EntityKey,
    kind: &str,
    title: &str,
    more: impl IntoIterator<Item = (&'a str, &'a str)>,
    at: Timestamp,
) -> (Labels, f64) {
    let mut labels = entity_labels(entity);
    let own = [(METRIC_NAME, CHANGE), ("change", kind), ("title", title)];
    let prefixed = more
        .into_iter()
        .map(|(name, value)| (format!("change_{name}"), value.to_owned()));
    labels.extend(own.map(|(name, value)| (name.to_owned(), value.to_owned())));
    labels.extend(prefixed);
    (of_pairs(&labels), at.as_secs_f64())
}

/// Changes that were written in this time, the newest first.
pub(crate) fn told_changes(
    snapshot: &Snapshot,
    from: Timestamp,
    to: Timestamp,
) -> Result<Vec<KnownChange>, StoreError> {
    let name = [Matcher::equal(METRIC_NAME, CHANGE)];
    let mut changes = Vec::new();
    for column in snapshot.select(&name, from, to, SAMPLES_MAX)? {
        let text = |name| column.labels.get(name).map(str::to_owned);
        let ours = ["title", "change_version", "change_link"];
        let Some(entity) = entity(&column.labels.drop(&ours)) else {
            continue;
        };
        for value in column.values.iter().filter(|value| !is_stale(**value)) {
            changes.push(KnownChange {
                entity: entity.clone(),
                kind: text("change").unwrap_or_default(),
                version: text("change_version"),
                title: text("title").unwrap_or_default(),
                link: text("change_link"),
                at: Timestamp::from_secs_f64(*value),
            });
        }
    }
    changes.sort_by_key(|change| std::cmp::Reverse(change.at));
    Ok(changes)
}
