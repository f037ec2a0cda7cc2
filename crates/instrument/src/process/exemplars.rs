//! Room for exemplars in this process's segment.

use super::{Process, State};
use crate::exemplar::{self, Exemplar};
use crate::record::RecordKind;
use crate::series::Series;

/// Exemplars take at most this part of a process's shared memory: counting comes first.
const EXEMPLARS_SHARE: usize = 4;

impl Process {
    /// Puts an exemplar beside a series of this process's segment, if there is room for it.
    pub(crate) fn place_exemplar(&self, state: &mut State, series: &Series, one: &Exemplar) {
        let (Some(&(number, _)), Some(words)) =
            (state.families.get(&series.family().uid()), one.encode())
        else {
            return;
        };
        let (key, cell) = (series.key(), one.cell);
        if state.exemplars.write(number, key, cell, &words) {
            return;
        }
        let n_cells = exemplar::n_cells(&words);
        let bytes = (state.exemplar_words + n_cells) * size_of::<u64>();
        if self.options.limits.bytes_max / EXEMPLARS_SHARE < bytes {
            state.note("there is no shared memory left for exemplars of more series".to_owned());
            return;
        }
        let Some(home) = state.home.as_mut() else {
            return;
        };
        let record_key = exemplar::record_key(cell, key);
        // No room for an exemplar is no reason to think that there is none for a series.
        let kind = RecordKind::Exemplar;
        if let Ok(row) =
            home.segment
                .append(&home.dir, kind, number, &record_key, &vec![0.0; n_cells])
        {
            state.exemplar_words += n_cells;
            state.exemplars.add(number, key, cell, row, &words);
        }
    }
}
