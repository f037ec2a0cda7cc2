use proptest::prelude::*;

use super::*;

fn round_trip(rows: &[Option<f64>]) -> usize {
    let present: Vec<bool> = rows.iter().map(Option::is_some).collect();
    let values: Vec<f64> = rows.iter().copied().flatten().collect();
    let mut bytes = Vec::new();
    put_sparse_column(&present, &values, &mut bytes);
    let column = ColumnReader::new(&bytes, rows.len()).unwrap();
    assert_eq!(column.presence.count(0, rows.len()), values.len());
    let mut read = Vec::new();
    let presence = column.read(&mut Vec::new(), &mut read).unwrap();
    assert_eq!(bits(&read), bits(&values));
    for (row, &present) in present.iter().enumerate() {
        assert_eq!(presence.count(row, row + 1) == 1, present, "row {row}");
    }
    bytes.len()
}

fn bits(values: &[f64]) -> Vec<u64> {
    values.iter().map(|value| value.to_bits()).collect()
}

/// The column comes back and takes at most so many bytes.
fn check(bytes_max: usize, value: impl Fn(usize) -> f64) {
    let rows: Vec<_> = (0..120).map(|row| Some(value(row))).collect();
    let len = round_trip(&rows);
    assert!(len <= bytes_max, "{len} bytes");
}

#[test]
fn what_never_changes_costs_two_bytes() {
    check(2, |_| 1.0);
    check(9, |_| f64::NAN);
    check(9, |_| 0.1);
}

#[test]
fn a_steady_counter_costs_next_to_nothing() {
    check(8, |row| 1e6 + 50.0 * row as f64);
}

#[test]
fn a_jittering_counter_costs_the_bits_of_its_jitter() {
    check(120 * 3 / 8 + 10, |row| (row * 40 + row * row % 7) as f64);
}

#[test]
fn decimals_cost_as_little_as_whole_numbers() {
    check(120 * 7 / 8 + 10, |row| (row * 37 % 100) as f64 / 100.0);
}

#[test]
fn multiples_of_a_page_cost_no_bits_for_the_page() {
    check(120 * 5 / 8 + 10, |row| {
        4096.0 * (1000 + row * 13 % 32) as f64
    });
}

#[test]
fn a_stale_marker_does_not_spoil_its_column() {
    check(30, |row| match row {
        119 => model::stale_marker(),
        _ => row as f64,
    });
}

#[test]
fn a_full_mantissa_costs_no_more_than_itself() {
    check(120 * 8 + 20, |row| ((row * row) as f64).sin());
}

#[test]
fn a_series_that_begins_late_costs_two_bytes_more() {
    let rows: Vec<_> = (0..120).map(|row| (row >= 50).then_some(7.0)).collect();
    assert!(round_trip(&rows) <= 6);
    assert!(round_trip(&[None; 120]) <= 5);
}

#[test]
fn a_timestamp_with_a_millisecond_of_jitter_costs_two_or_three_bits() {
    let times: Vec<_> = (0..120)
        .map(|row| Timestamp::from_millis(1_700_000_000_000 + row * 15_000 + row * row % 3 - 1))
        .collect();
    let mut bytes = Vec::new();
    put_times(&times, &mut bytes);
    assert_eq!(read_times(&bytes, 120).unwrap(), times);
    assert!(bytes.len() < 120 * 3 / 8 + 16, "{} bytes", bytes.len());
}

#[test]
fn times_that_do_not_ascend_are_corrupt() {
    let mut bytes = Vec::new();
    pack::pack(&[5, 5], &mut bytes);
    assert_eq!(read_times(&bytes, 2), Err(Corrupt));
}

/// Values as they come: any bits, the special ones, counters, decimals.
fn any_value() -> impl Strategy<Value = f64> {
    prop_oneof![
        any::<u64>().prop_map(f64::from_bits),
        prop_oneof![
            Just(f64::NAN),
            Just(model::stale_marker()),
            Just(f64::INFINITY),
            Just(f64::NEG_INFINITY),
            Just(-0.0),
            Just(f64::MIN_POSITIVE),
            Just(9_007_199_254_740_993.0),
            Just(-9_007_199_254_740_992.0),
        ],
        (0..2000i64).prop_map(|value| value as f64),
        (0..2000i64).prop_map(|value| value as f64 / 1000.0),
        any::<i64>().prop_map(|value| value as f64),
    ]
}

fn any_rows() -> impl Strategy<Value = Vec<Option<f64>>> {
    let mixed = proptest::collection::vec(proptest::option::weighted(0.8, any_value()), 1..600);
    let counter = proptest::collection::vec(
        proptest::option::weighted(0.99, (0..50i64).prop_map(|value| value as f64)),
        1..600,
    );
    prop_oneof![mixed, counter]
}

proptest! {
    #[test]
    fn every_column_comes_back_bit_by_bit(rows in any_rows()) {
        round_trip(&rows);
    }

    #[test]
    fn every_stream_comes_back(values in proptest::collection::vec(any::<i64>(), 0..400)) {
        let mut bytes = Vec::new();
        pack::pack(&values, &mut bytes);
        let mut read = Vec::new();
        pack::unpack(&mut Reader::new(&bytes), values.len(), &mut read).unwrap();
        prop_assert_eq!(read, values);
    }

    #[test]
    fn hostile_bytes_are_an_error_or_a_column(
        bytes in proptest::collection::vec(any::<u8>(), 0..200),
        rows in 0..2000usize,
    ) {
        if let Ok(column) = ColumnReader::new(&bytes, rows) {
            let mut values = Vec::new();
            if let Ok(presence) = column.read(&mut Vec::new(), &mut values) {
                prop_assert_eq!(presence.count(0, rows), values.len());
                prop_assert!(values.len() <= rows);
            }
        }
        if let Ok(times) = read_times(&bytes, rows) {
            prop_assert_eq!(times.len(), rows);
        }
    }

    #[test]
    fn a_damaged_column_is_an_error_or_another_column(
        rows in any_rows(), at: proptest::sample::Index, flip in 1u8..,
    ) {
        let mut bytes = Vec::new();
        let values: Vec<f64> = rows.iter().copied().flatten().collect();
        let present: Vec<bool> = rows.iter().map(Option::is_some).collect();
        put_sparse_column(&present, &values, &mut bytes);
        let at = at.index(bytes.len());
        bytes[at] ^= flip;
        if let Ok(column) = ColumnReader::new(&bytes, rows.len()) {
            let mut read = Vec::new();
            if column.read(&mut Vec::new(), &mut read).is_ok() {
                prop_assert!(read.len() <= rows.len());
            }
        }
    }
}
