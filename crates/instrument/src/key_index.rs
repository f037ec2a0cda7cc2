//! Finds a series by its key among those of a family.
//!
//! A table of places and parts of hashes; the keys lie with the series. A hundred thousand series
//! take two megabytes, and looking for one touches the series only where the hashes agree.
//! Hashes are keyed at random, since label values may come from strangers.

use std::hash::{BuildHasher as _, RandomState};

#[derive(Debug, Default)]
pub(crate) struct KeyIndex {
    hasher: RandomState,
    /// The place plus one (low half) and the hash (high half), 0 for none. A power of two long,
    /// and at most half full.
    slots: Vec<u64>,
    len: u32,
}

impl KeyIndex {
    pub(crate) fn hash(&self, key: &[u8]) -> u32 {
        self.hasher.hash_one(key) as u32
    }

    /// The place with this hash for which `is_it` holds.
    pub(crate) fn find(&self, hash: u32, is_it: impl Fn(usize) -> bool) -> Option<usize> {
        if self.slots.is_empty() {
            return None;
        }
        let mask = self.slots.len() - 1;
        let mut slot = hash as usize & mask;
        while self.slots[slot] != 0 {
            let place = (self.slots[slot] as u32 - 1) as usize;
            if (self.slots[slot] >> 32) as u32 == hash && is_it(place) {
                return Some(place);
            }
            slot = (slot + 1) & mask;
        }
        None
    }

    /// Adds the next place.
    pub(crate) fn push(&mut self, hash: u32) {
        self.len += 1;
        if self.slots.len() < 2 * self.len as usize {
            self.grow((self.slots.len() * 4).max(16));
        }
        self.put(u64::from(self.len) | u64::from(hash) << 32);
    }

    /// Makes room for more places.
    pub(crate) fn reserve(&mut self, n_more: usize) {
        let n_slots = 2 * (self.len as usize).saturating_add(n_more);
        let n_slots = n_slots.next_power_of_two();
        if self.slots.len() < n_slots {
            self.grow(n_slots);
        }
    }

    fn grow(&mut self, n_slots: usize) {
        for entry in std::mem::replace(&mut self.slots, vec![0; n_slots]) {
            if entry != 0 {
                self.put(entry);
            }
        }
    }

    fn put(&mut self, entry: u64) {
        let mask = self.slots.len() - 1;
        let mut slot = (entry >> 32) as usize & mask;
        while self.slots[slot] != 0 {
            slot = (slot + 1) & mask;
        }
        self.slots[slot] = entry;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_of_many_keys_is_found_where_it_was_put_though_hashes_collide() {
        let mut index = KeyIndex::default();
        let keys: Vec<u32> = (0..5000).collect();
        for key in &keys {
            assert_eq!(index.find(key % 97, |place| keys[place] == *key), None);
            index.push(key % 97);
        }
        for key in &keys {
            let found = index.find(key % 97, |place| keys[place] == *key);
            assert_eq!(found, Some(*key as usize));
        }
    }
}
