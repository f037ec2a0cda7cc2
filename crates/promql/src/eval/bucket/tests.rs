use proptest::prelude::*;

use super::*;

/// Buckets as `bound:count`.
fn buckets(text: &str) -> Buckets {
    Buckets::new(text.split(' ').map(|bucket| {
        let (upper, count) = bucket.split_once(':').unwrap();
        Bucket {
            upper: upper.parse().unwrap(),
            count: count.parse().unwrap(),
        }
    }))
    .unwrap()
}

fn check(text: &str, quantile: f64, expected: f64) {
    let (found, _) = buckets(text).quantile(quantile);
    let same = found == expected
        || (found.is_nan() && expected.is_nan())
        || (found - expected).abs() < 1e-12;
    assert!(same, "{quantile} of {text}: {found}, expected {expected}");
}

#[test]
fn a_quantile_is_linear_inside_its_bucket() {
    check("0.1:5 0.2:7 1:11 inf:12", 0.5, 0.15);
    check("0.1:5 0.2:7 1:11 inf:12", 0.25, 0.06);
    check("1:0 2:10 inf:10", 0.5, 1.5);
}

#[test]
fn the_lowest_bucket_starts_at_zero_unless_it_ends_below() {
    check("2:4 inf:4", 0.5, 1.0);
    check("-2:4 1:4 inf:4", 0.5, -2.0);
    check("0:4 1:4 inf:4", 0.5, 0.0);
}

#[test]
fn the_highest_bucket_has_no_end() {
    check("1:1 2:2 inf:10", 0.99, 2.0);
    check("inf:10", 0.5, f64::NAN);
    check("1:1 2:2", 0.5, f64::NAN);
}

#[test]
fn without_observations_or_a_sensible_quantile_there_is_no_value() {
    check("1:0 inf:0", 0.5, f64::NAN);
    check("1:1 inf:1", f64::NAN, f64::NAN);
    check("1:1 inf:1", -0.1, f64::NEG_INFINITY);
    check("1:1 inf:1", 1.1, f64::INFINITY);
}

#[test]
fn counts_that_fall_are_raised_and_rounding_is_not_told() {
    for (text, forced) in [
        ("1:1 2:2 inf:3", false),
        ("1:10 2:9 inf:12", true),
        ("1:10 2:9.99999999999999 inf:12", false),
    ] {
        assert_eq!(buckets(text).quantile(0.5).1, forced, "{text}");
    }
    // Upstream's case: 10 observations up to 1 stay 10 up to 2.
    check("1:10 2:9 inf:10", 1.0, 1.0);
}

#[test]
fn equal_bounds_are_one_bucket() {
    check("0.1:1 0.2:1 0.2:1 inf:4", 0.5, 0.2);
}

#[test]
fn a_fraction_counts_what_is_between() {
    for (text, lower, upper, expected) in [
        ("1:1 2:3 3:6 inf:100", 0.0, 1.5, 0.02),
        ("-3:10 -2:12 -1:15 inf:100", -4.0, -2.0, 0.02),
        ("1:1 2:3 inf:100", f64::NEG_INFINITY, f64::INFINITY, 1.0),
        ("1:1 2:3 inf:100", 4.0, 5.0, 0.0),
        ("1:1 2:3 inf:100", 2.0, 2.0, 0.0),
        ("1:1 inf:2", 3.0, f64::INFINITY, 0.5),
    ] {
        let found = buckets(text).fraction(lower, upper);
        assert!((found - expected).abs() < 1e-12, "{text}: {found}");
    }
    assert!(buckets("1:0 inf:0").fraction(0.0, 1.0).is_nan());
    assert!(buckets("1:1 2:2").fraction(0.0, 1.0).is_nan());
}

proptest! {
    #[test]
    fn a_higher_quantile_is_not_lower_and_stays_within_the_bounds(
        counts in prop::collection::vec(0.0..1e6_f64, 2..8),
        quantiles in prop::collection::vec(0.0..=1.0_f64, 2..6),
    ) {
        let last = counts.len() - 1;
        let all = counts.iter().enumerate().map(|(index, &count)| Bucket {
            upper: if index == last { f64::INFINITY } else { (index + 1) as f64 },
            count,
        });
        let buckets = Buckets::new(all).unwrap();
        let mut quantiles = quantiles;
        quantiles.sort_by(f64::total_cmp);
        let values: Vec<f64> = quantiles.iter().map(|&q| buckets.clone().quantile(q).0).collect();
        for pair in values.windows(2) {
            prop_assert!(pair[0] <= pair[1] || pair[0].is_nan(), "{values:?} of {buckets:?}");
        }
        for value in values {
            prop_assert!(value.is_nan() || (0.0..=last as f64).contains(&value), "{value}");
        }
    }
}
