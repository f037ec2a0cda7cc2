//! Buckets of a process among those of all.

/// Moves bucket `i` to `places[i]` of `n` buckets; what stands before and behind them stays so.
pub(crate) fn widen_values(values: &[f64], places: &[usize], n: usize) -> Vec<f64> {
    let behind = &values[1 + places.len()..];
    let mut wide = vec![0.0; 1 + n];
    wide[0] = values[0];
    for (place, value) in places.iter().zip(&values[1..]) {
        wide[1 + place] += value;
    }
    wide.extend_from_slice(behind);
    wide
}

/// Where a histogram's cell goes when bucket `i` goes to `places[i]`: the sum stays the first.
pub(crate) fn widened_cell(cell: u16, places: &[usize]) -> Option<u16> {
    let Some(bucket) = cell.checked_sub(1) else {
        return Some(0);
    };
    let place = places.get(usize::from(bucket))?;
    u16::try_from(1 + place).ok()
}
