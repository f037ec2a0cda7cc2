//! What was found damaged since the store was opened.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use crate::Damage;

/// Places that are remembered one by one; more are only counted.
const PLACES_MAX: usize = 100;

#[derive(Debug, Default)]
pub(crate) struct DamageLog {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    count: u64,
    places: VecDeque<Damage>,
}

impl DamageLog {
    /// A place that is met again, as every query does, counts once.
    pub(crate) fn add(&self, damage: Damage) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        if inner.places.contains(&damage) {
            return;
        }
        inner.count += 1;
        inner.places.push_back(damage);
        if inner.places.len() > PLACES_MAX {
            inner.places.pop_front();
        }
    }

    pub(crate) fn count(&self) -> u64 {
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.count
    }

    pub(crate) fn places(&self) -> Vec<Damage> {
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.places.iter().cloned().collect()
    }
}
