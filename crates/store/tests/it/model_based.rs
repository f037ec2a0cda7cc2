//! Random work, compared with the naive store after every step that could lose something.

use std::time::Duration;

use model::{MatchOp, Matcher, Timestamp};
use proptest::prelude::*;
use store::{GroupId, SeriesId, Store, StoreOptions};

use crate::oracle::{Oracle, answer};
use crate::{at, options, series};

const GROUPS: [&str; 3] = ["a", "b", "c"];

#[derive(Clone, Debug)]
enum Step {
    /// Group, seconds after the last step, which series with which value.
    Append(usize, i64, Vec<(usize, f64)>),
    /// Group, then series, seconds from now (before or after), value.
    Samples(Vec<(usize, usize, i64, f64)>),
    Maintain,
    Sync,
    Reopen,
    /// First and last second from now, matcher.
    Select(i64, i64, usize),
}

fn value() -> impl Strategy<Value = f64> {
    prop_oneof![
        4 => (0..1000i64).prop_map(|value| value as f64),
        1 => (0..1000i64).prop_map(|value| value as f64 / 100.0),
        1 => any::<u64>().prop_map(f64::from_bits),
        1 => Just(model::stale_marker()),
        1 => Just(-0.0),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    // All series, in order, as a scrape does; or some, with gaps and doubles.
    let scrape = proptest::collection::vec(value(), 6)
        .prop_map(|values| values.into_iter().enumerate().collect::<Vec<_>>());
    let some = proptest::collection::vec((0..9usize, value()), 0..7);
    let batch = prop_oneof![4 => scrape, 1 => some];
    let gap = prop_oneof![8 => 1..60i64, 1 => Just(0i64), 1 => 600..4000i64];
    let samples =
        proptest::collection::vec((0..GROUPS.len(), 0..9usize, -100..100i64, value()), 0..5);
    prop_oneof![
        20 => (0..GROUPS.len(), gap, batch)
            .prop_map(|(group, gap, batch)| Step::Append(group, gap, batch)),
        3 => samples.prop_map(Step::Samples),
        2 => Just(Step::Maintain),
        1 => Just(Step::Sync),
        1 => Just(Step::Reopen),
        2 => (-9000..0i64, -9000..100i64, 0..4usize)
            .prop_map(|(from, to, matcher)| Step::Select(from, to, matcher)),
    ]
}

struct World {
    dir: tempfile::TempDir,
    store: Store,
    oracle: Oracle,
    /// Seconds since the start.
    now: i64,
}

impl World {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (store, _) = Store::open(dir.path(), small(), at(0)).unwrap();
        Self {
            dir,
            store,
            oracle: Oracle::default(),
            now: 0,
        }
    }

    fn resolve(&self, group: usize, number: usize) -> (GroupId, SeriesId) {
        let group = self.store.group(GROUPS[group]);
        (group, self.store.resolve(group, &series(number)).unwrap())
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Append(group, gap, batch) => {
                self.now += gap;
                let id = self.store.group(GROUPS[group]);
                let mut stored = 0;
                let mut samples = Vec::new();
                for &(number, value) in &batch {
                    samples.push((self.resolve(group, number).1, value));
                    stored += usize::from(self.oracle.append(
                        GROUPS[group],
                        &series(number),
                        at(self.now),
                        value,
                    ));
                }
                let appended = self.store.append(id, at(self.now), &samples).unwrap();
                assert_eq!(appended.stored, stored);
                assert_eq!(appended.out_of_order, batch.len() - stored);
            }
            Step::Samples(samples) => {
                let mut stored = 0;
                let mut batch = Vec::new();
                for (group, number, offset, value) in samples {
                    let time = at(self.now + offset);
                    batch.push((self.resolve(group, number).1, time, value));
                    let labels = series(number);
                    stored += usize::from(self.oracle.append(GROUPS[group], &labels, time, value));
                }
                let appended = self.store.append_samples(&batch).unwrap();
                assert_eq!(appended.stored, stored);
            }
            Step::Maintain => {
                self.store.maintain(at(self.now)).unwrap();
            }
            Step::Sync => self.store.sync().unwrap(),
            Step::Reopen => {
                self.store.close().unwrap();
                let (store, recovery) =
                    Store::open(self.dir.path(), small(), at(self.now)).unwrap();
                assert_eq!(recovery.damage, []);
                self.store = store;
                self.check(Timestamp::MIN, Timestamp::MAX, &[]);
            }
            Step::Select(from, to, matcher) => {
                let matchers = [
                    vec![],
                    vec![Matcher::equal("n", "3")],
                    vec![Matcher::new(MatchOp::NotEqual, "n", "1").unwrap()],
                    vec![Matcher::new(MatchOp::Matches, "n", "[0-4]").unwrap()],
                ];
                self.check(at(self.now + from), at(self.now + to), &matchers[matcher]);
            }
        }
    }

    fn check(&self, from: Timestamp, to: Timestamp, matchers: &[Matcher]) {
        let expected = self.oracle.select(matchers, from, to);
        let snapshot = self.store.snapshot();
        let columns = snapshot.select(matchers, from, to, usize::MAX).unwrap();
        let found = answer(columns);
        for (found, expected) in found.iter().zip(&expected) {
            assert_eq!(found.0, expected.0);
            assert_eq!(found.1, expected.1, "times of {}", found.0);
            assert_eq!(found.2, expected.2, "values of {}", found.0);
        }
        assert_eq!(found.len(), expected.len());
    }
}

/// Blocks of ten minutes and small segments, so that a short run has many of each.
fn small() -> StoreOptions {
    StoreOptions {
        block_duration: Duration::from_secs(600),
        wal_segment_bytes: 2000,
        ..options()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn the_store_answers_as_the_naive_one_does(
        steps in proptest::collection::vec(step(), 1..150)
    ) {
        let mut world = World::new();
        let before = world.store.snapshot();
        for step in steps {
            world.take(step);
        }
        world.check(Timestamp::MIN, Timestamp::MAX, &[]);
        let nothing = before.select(&[], Timestamp::MIN, Timestamp::MAX, usize::MAX).unwrap();
        prop_assert!(nothing.is_empty(), "a snapshot never changes");
        world.take(Step::Reopen);
    }
}
