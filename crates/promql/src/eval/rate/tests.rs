use std::sync::Arc;

use model::{Labels, Timestamp};

use super::*;

/// Samples as `seconds:value`, and one window that ends at `end`.
fn check(samples: &str, range: i64, end: i64, [rate, increase, delta]: [f64; 3]) {
    let (timestamps, values): (Vec<_>, Vec<f64>) = samples
        .split(' ')
        .map(|sample| {
            let (at, value) = sample.split_once(':').unwrap();
            let at = Timestamp::from_secs_f64(at.parse().unwrap());
            (at, value.parse::<f64>().unwrap())
        })
        .unzip();
    let series = WindowSeries {
        labels: Labels::empty(),
        drop_name: false,
        timestamps: Arc::from(timestamps),
        values: Arc::from(values),
    };
    let looks = Steps::one(Timestamp::from_millis(end * 1000));
    for (counter, per_second, expected) in [
        (true, true, rate),
        (true, false, increase),
        (false, false, delta),
    ] {
        let increase = Increase {
            counter,
            per_second,
            looks,
            range_ms: range * 1000,
        };
        let all = std::iter::once(0..series.values.len()).collect::<Vec<_>>();
        let found = increase.over(&series, &all)[0];
        assert!(
            (found - expected).abs() < 1e-9,
            "{samples} in {range} s to {end}: {found}, expected {expected}"
        );
    }
}

#[test]
fn samples_near_both_edges_stretch_to_the_window() {
    check(
        "0:100 15:115 30:130 45:145 60:160",
        60,
        60,
        [1.0, 60.0, 60.0],
    );
    // 10 s to the start and 5 s to the end, both below 1.1 × 15 s: 45 × 60 / 45.
    check("10:100 25:115 40:130 55:145", 60, 60, [1.0, 60.0, 60.0]);
}

#[test]
fn samples_far_from_an_edge_stretch_by_half_their_distance() {
    // 30 s to the start is beyond 16.5 s: 7.5 s are added there, nothing at the end.
    check("30:100 45:115 60:130", 60, 60, [37.5 / 60.0, 37.5, 37.5]);
    // The same at the end.
    check("0:100 15:115 30:130", 60, 60, [37.5 / 60.0, 37.5, 37.5]);
}

#[test]
fn near_is_within_one_and_a_tenth_of_the_distance() {
    // The samples are 15 s apart, so 16.5 s decide: to the start, then to the end.
    check("16.4:100 31.4:115 46.4:130", 60, 60, [1.0, 60.0, 60.0]);
    check(
        "16.6:100 31.6:115 46.6:130",
        60,
        60,
        [50.9 / 60.0, 50.9, 50.9],
    );
    check("13.6:100 28.6:115 43.6:130", 60, 60, [1.0, 60.0, 60.0]);
    check(
        "13.4:100 28.4:115 43.4:130",
        60,
        60,
        [50.9 / 60.0, 50.9, 50.9],
    );
}

#[test]
fn a_counter_is_not_stretched_below_zero() {
    // It would be zero 5 s before its first sample, so 5 s are added, not 10. A gauge gets all 10.
    check("10:5 25:20 40:35 60:55", 60, 60, [55.0 / 60.0, 55.0, 60.0]);
    check("10:0 60:50", 60, 60, [50.0 / 60.0, 50.0, 60.0]);
}

#[test]
fn a_fall_of_a_counter_is_a_reset_to_zero() {
    check("0:10 20:30 40:5 60:25", 60, 60, [45.0 / 60.0, 45.0, 15.0]);
    // 3, then 2, 1 and 0 after one reset each: 3 in all.
    check("0:3 20:2 40:1 60:0", 60, 60, [3.0 / 60.0, 3.0, -3.0]);
}

#[test]
fn two_samples_are_needed() {
    let window = Window {
        timestamps: &[Timestamp::from_millis(0)],
        values: &[1.0],
    };
    assert!(model::is_stale(irate(window)));
    assert!(model::is_stale(idelta(window)));
}

#[test]
fn resets_count_only_where_both_samples_are_inside() {
    let values = [10.0, 2.0, 3.0, 1.0, 4.0];
    let series = WindowSeries {
        labels: Labels::empty(),
        drop_name: false,
        timestamps: (0..5).map(|i| Timestamp::from_millis(i * 1000)).collect(),
        values: Arc::from(values),
    };
    let increase = Increase {
        counter: true,
        per_second: false,
        looks: Steps {
            start: 1000,
            step: 1000,
            count: 4,
        },
        range_ms: 1001,
    };
    // Windows of two: 10→2 resets, 2→3, 3→1 resets, 1→4.
    let found = increase.over(&series, &[0..2, 1..3, 2..4, 3..5]);
    let rounded: Vec<f64> = found.iter().map(|value| value.round()).collect();
    assert_eq!(rounded, [2.0, 1.0, 1.0, 3.0]);
}
