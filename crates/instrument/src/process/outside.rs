//! Metrics that count outside the default registry, and share their cells with their like.

use std::collections::HashMap;
use std::sync::atomic::AtomicU64;

use super::{State, append};
use crate::family::Family;
use crate::record::RecordKind;

/// What is counted outside the default registry. A metric that is made again (a registry for each
/// push, each test, each part of a program) takes the cells of the one before, whose count goes
/// on, as in a file of prometheus_client's.
#[derive(Debug, Default)]
pub(super) struct Outside {
    /// Number and record of each family, by its encoded key.
    families: HashMap<Vec<u8>, (u32, &'static [AtomicU64])>,
    pub(super) series: HashMap<(u32, Box<[u8]>), &'static [AtomicU64]>,
}

impl Outside {
    pub(super) fn forget(&mut self, number: u32) {
        self.families.retain(|_, (other, _)| *other != number);
        self.series.retain(|(other, _), _| *other != number);
    }
}

/// Whether a metric shares its cells. A native histogram's buckets move as they grow, which one
/// series alone can do; records of several metrics of one name add up all the same.
pub(super) fn joins_its_like(family: &Family) -> bool {
    family.is_outside() && family.key().native.is_none()
}

/// Gives a metric outside the default registry the number of the one that was made before it
/// with the same key, or one of its own.
pub(super) fn place_outside(state: &mut State, uid: u64, key: Vec<u8>) -> Option<u32> {
    let (number, words) = match state.outside.families.get(&key) {
        Some(known) => *known,
        None => {
            let number = state.home.as_mut()?.segment.next_family();
            let words = append(state, RecordKind::Family, number, &key, &[])?;
            state.outside.families.insert(key, (number, words));
            (number, words)
        }
    };
    state.families.insert(uid, (number, words));
    Some(number)
}
