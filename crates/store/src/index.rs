//! Which series have which labels: postings by label name and value.
//!
//! Ids only grow, so postings are sorted lists that are appended to, and sets are merged.
//! A list costs four bytes a label of a series; a compressed bitmap would gain only where a label
//! value has some thousands of series (`docs/decisions/store-layout.md`).

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use model::{Labels, MatchOp, Matcher};

use crate::{GroupId, SeriesId};

#[derive(Debug, Default)]
pub(crate) struct Index {
    /// By id; `None` for an id whose series was dropped.
    series: Vec<Option<(GroupId, Labels)>>,
    all: Vec<u32>,
    /// Values are sorted, so that listings are.
    names: HashMap<Box<str>, BTreeMap<Box<str>, Vec<u32>>>,
    order: Mutex<Order>,
}

/// The order of all series by labels, kept up as it is asked for: sorting ten thousand label
/// sets takes longer than decoding a day of them.
#[derive(Debug, Default)]
struct Order {
    /// How many ids have been seen.
    covered: usize,
    sorted: Vec<u32>,
    /// Place in the order, by id.
    ranks: Arc<[u32]>,
}

impl Index {
    /// Adds the series with the next id.
    pub(crate) fn push(&mut self, group: GroupId, labels: &Labels) {
        let id = self.series.len() as u32;
        self.series.push(Some((group, labels.clone())));
        self.all.push(id);
        for (name, value) in labels.iter() {
            if !self.names.contains_key(name) {
                self.names.insert(name.into(), BTreeMap::new());
            }
            let values = self.names.get_mut(name).expect("it was put there");
            match values.get_mut(value) {
                Some(posting) => posting.push(id),
                None => {
                    values.insert(value.into(), vec![id]);
                }
            }
        }
    }

    /// An id without a series.
    pub(crate) fn push_none(&mut self) {
        self.series.push(None);
    }

    pub(crate) fn labels(&self, series: SeriesId) -> Option<&Labels> {
        let (_, labels) = self.series.get(series.0 as usize)?.as_ref()?;
        Some(labels)
    }

    /// The labels of all series, by id: a copy of pointers, so that nobody waits for a lock while
    /// a block is written.
    pub(crate) fn all_labels(&self) -> Vec<Option<Labels>> {
        let labels =
            |series: &Option<(GroupId, Labels)>| series.as_ref().map(|(_, labels)| labels.clone());
        self.series.iter().map(labels).collect()
    }

    pub(crate) fn group(&self, series: SeriesId) -> Option<GroupId> {
        let (group, _) = self.series.get(series.0 as usize)?.as_ref()?;
        Some(*group)
    }

    /// The ids of all series that pass all matchers, ascending.
    pub(crate) fn matching(&self, matchers: &[Matcher]) -> Vec<SeriesId> {
        let mut wanted: Vec<Vec<u32>> = Vec::new();
        let mut unwanted: Vec<Vec<u32>> = Vec::new();
        for matcher in matchers {
            // A matcher that lets an absent label pass can only take series away.
            if matcher.matches_empty() {
                unwanted.push(self.values_where(matcher, false));
            } else {
                wanted.push(self.values_where(matcher, true));
            }
        }
        wanted.sort_by_key(Vec::len);
        let mut wanted = wanted.into_iter();
        let mut ids = wanted.next().unwrap_or_else(|| self.all.clone());
        for posting in wanted {
            retain_sorted(&mut ids, &posting, true);
        }
        for posting in unwanted {
            retain_sorted(&mut ids, &posting, false);
        }
        ids.into_iter().map(SeriesId).collect()
    }

    /// The series that have the matcher's label with a value that passes (or does not).
    fn values_where(&self, matcher: &Matcher, passes: bool) -> Vec<u32> {
        let Some(values) = self.names.get(matcher.name()) else {
            return Vec::new();
        };
        if passes && matcher.op() == MatchOp::Equal {
            return values.get(matcher.value()).cloned().unwrap_or_default();
        }
        let mut postings = values
            .iter()
            .filter(|(value, _)| matcher.matches(value) == passes)
            .map(|(_, posting)| posting);
        let Some(first) = postings.next() else {
            return Vec::new();
        };
        let mut ids = first.clone();
        let n_first = ids.len();
        postings.for_each(|posting| ids.extend_from_slice(posting));
        if ids.len() > n_first {
            // One series has one value, so there are no doubles to remove.
            ids.sort_unstable();
        }
        ids
    }

    /// The values of a label that a series in `ids` has, sorted.
    pub(crate) fn values<'a>(
        &'a self,
        name: &str,
        ids: &'a [bool],
    ) -> impl Iterator<Item = &'a str> + use<'a> {
        self.names
            .get(name)
            .into_iter()
            .flatten()
            .filter(|(_, posting)| posting.iter().any(|&id| ids[id as usize]))
            .map(|(value, _)| &**value)
    }

    /// The names of the labels that series in `ids` have, sorted.
    pub(crate) fn names(&self, ids: &[bool]) -> Vec<&str> {
        let mut names: Vec<&str> = self
            .names
            .iter()
            .filter(|(_, values)| values.values().flatten().any(|&id| ids[id as usize]))
            .map(|(name, _)| &**name)
            .collect();
        names.sort_unstable();
        names
    }

    /// How many ids there are, dropped ones included.
    pub(crate) fn len(&self) -> usize {
        self.series.len()
    }

    /// The place of every series in the order of labels, by id. Equal labels of two groups have
    /// the same place.
    pub(crate) fn ranks(&self) -> Arc<[u32]> {
        let mut order = self.order.lock().unwrap_or_else(PoisonError::into_inner);
        if order.covered < self.series.len() {
            let covered = order.covered;
            let mut fresh: Vec<u32> = (covered..self.series.len())
                .filter(|&id| self.series[id].is_some())
                .map(|id| id as u32)
                .collect();
            fresh.sort_by(|&a, &b| self.by_labels(a, b));
            order.sorted = self.merge(&order.sorted, &fresh);
            order.covered = self.series.len();
            let mut ranks = vec![0; self.series.len()];
            let mut rank = 0;
            for (place, &id) in order.sorted.iter().enumerate() {
                let is_new = place > 0 && !self.are_equal(order.sorted[place - 1], id);
                rank += u32::from(is_new);
                ranks[id as usize] = rank;
            }
            order.ranks = ranks.into();
        }
        Arc::clone(&order.ranks)
    }

    fn are_equal(&self, a: u32, b: u32) -> bool {
        self.labels(SeriesId(a)) == self.labels(SeriesId(b))
    }

    fn by_labels(&self, a: u32, b: u32) -> std::cmp::Ordering {
        let labels = |id| self.labels(SeriesId(id));
        labels(a).cmp(&labels(b)).then(a.cmp(&b))
    }

    /// `fresh` is mostly short, so its places are searched instead of comparing every pair.
    fn merge(&self, sorted: &[u32], fresh: &[u32]) -> Vec<u32> {
        let mut merged = Vec::with_capacity(sorted.len() + fresh.len());
        let mut rest = sorted;
        for &id in fresh {
            let place = rest.partition_point(|&other| self.by_labels(other, id).is_lt());
            merged.extend_from_slice(&rest[..place]);
            merged.push(id);
            rest = &rest[place..];
        }
        merged.extend_from_slice(rest);
        merged
    }
}

/// Keeps the ids that stand in `posting` (or do not). Both ascend.
fn retain_sorted(ids: &mut Vec<u32>, posting: &[u32], inside: bool) {
    let mut rest = posting;
    ids.retain(|id| {
        // Gallop: the lists may differ in length a thousandfold.
        let mut step = 1;
        while step < rest.len() && rest[step] < *id {
            step *= 2;
        }
        let window = &rest[..rest.len().min(step + 1)];
        rest = &rest[window.partition_point(|other| other < id)..];
        (rest.first() == Some(id)) == inside
    });
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn index() -> Index {
        let mut index = Index::default();
        for id in 0..60u32 {
            let mut builder = model::LabelsBuilder::new();
            builder
                .set("__name__", if id % 2 == 0 { "up" } else { "down" })
                .set("zone", ["", "a", "b"][id as usize % 3])
                .set("n", (id % 7).to_string());
            index.push(GroupId(0), &builder.build());
        }
        index
    }

    proptest! {
        #[test]
        fn matching_is_what_a_scan_finds(
            picks in proptest::collection::vec((0..4usize, 0..4usize, 0..8usize), 0..4)
        ) {
            let index = index();
            let ops = [MatchOp::Equal, MatchOp::NotEqual, MatchOp::Matches, MatchOp::NotMatches];
            let names = ["__name__", "zone", "n", "absent"];
            let values = ["", "up", "a", "a|b", ".*", ".+", "[0-3]", "5"];
            let matchers: Vec<Matcher> = picks
                .iter()
                .map(|&(op, name, value)| {
                    Matcher::new(ops[op], names[name], values[value]).unwrap()
                })
                .collect();
            let scan: Vec<SeriesId> = (0..60)
                .map(SeriesId)
                .filter(|&id| {
                    let labels = index.labels(id).unwrap();
                    matchers.iter().all(|matcher| matcher.matches_labels(labels))
                })
                .collect();
            prop_assert_eq!(index.matching(&matchers), scan);
        }

        #[test]
        fn sorted_sets_cut_and_subtract(
            a in proptest::collection::btree_set(0..300u32, 0..100),
            b in proptest::collection::btree_set(0..300u32, 0..100),
        ) {
            let posting: Vec<u32> = b.iter().copied().collect();
            let mut both: Vec<u32> = a.iter().copied().collect();
            let mut rest = both.clone();
            retain_sorted(&mut both, &posting, true);
            retain_sorted(&mut rest, &posting, false);
            prop_assert_eq!(both, a.intersection(&b).copied().collect::<Vec<_>>());
            prop_assert_eq!(rest, a.difference(&b).copied().collect::<Vec<_>>());
        }
    }

    #[test]
    fn ranks_follow_the_labels_as_series_come() {
        let mut index = Index::default();
        for round in 0..5u32 {
            for id in 0..10u32 {
                let value = (id * 7919 + round * 104_729) % 1000;
                let labels = Labels::new([("v", value.to_string())]).unwrap();
                index.push(GroupId(0), &labels);
            }
            let ranks = index.ranks();
            let mut by_rank: Vec<u32> = (0..ranks.len() as u32).collect();
            by_rank.sort_by_key(|&id| ranks[id as usize]);
            assert!(by_rank.is_sorted_by_key(|&id| index.labels(SeriesId(id)).unwrap()));
        }
    }
}
