//! Room for the buckets of native histograms in this process's segment.

use std::sync::atomic::{AtomicU64, Ordering};

use super::{Process, State, append};
use crate::native::Rings;
use crate::record::{FLAGS, RecordKind};
use crate::series::Series;

impl Process {
    /// Places a ring of a native histogram that has its series in this segment. `None`: no room.
    pub(crate) fn place_ring(
        &self,
        state: &mut State,
        series: &Series,
        is_negative: bool,
        cells: &[f64],
    ) -> Option<&'static [AtomicU64]> {
        let (number, _) = *state.families.get(&series.family().uid())?;
        let kind = RecordKind::of_ring(is_negative);
        let place = (kind, number, Box::from(series.key()));
        let Some(words) = state.removed.remove(&place) else {
            return append(state, kind, number, series.key(), cells);
        };
        for (word, cell) in words[FLAGS + 1..].iter().zip(cells) {
            word.store(cell.to_bits(), Ordering::Relaxed);
        }
        words[FLAGS].store(0, Ordering::Release);
        Some(words)
    }

    /// Takes a native histogram for which there is no more room out of shared memory: the sum
    /// must not show half of it.
    pub(crate) fn leave(&self, state: &mut State, series: &Series, rings: &mut Rings) {
        state.hide_rings(series, rings);
        if state.families.contains_key(&series.family().uid()) {
            state.hide_series(series);
            state.add_unshared(&series.me());
        }
    }
}

impl State {
    /// Takes the rings of a series out of the reading and keeps their records likewise.
    pub(crate) fn hide_rings(&mut self, series: &Series, rings: &mut Rings) {
        let number = self.families.get(&series.family().uid());
        let number = number.map(|(number, _)| *number);
        for (is_negative, words) in rings.detach() {
            if let Some(number) = number {
                let kind = RecordKind::of_ring(is_negative);
                let place = (kind, number, Box::from(series.key()));
                self.removed.insert(place, words);
            }
        }
    }
}
