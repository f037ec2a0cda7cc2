//! A range query must agree with the instant queries at its steps, whatever the query.

use proptest::prelude::*;

use super::*;
// Proptest has a `Value` of its own.
use crate::Value;

/// Queries over `a`, `b` and `c` that hold together every part of the evaluator.
fn query() -> impl Strategy<Value = String> {
    let leaf = prop::sample::select(vec![
        "a",
        "b",
        "c{x=\"1\"}",
        "{__name__=~\"a|b\"}",
        "a offset 30s",
        "b @ 45",
        "c offset -15s",
        "vector(time())",
        "rate(a[1m])",
        "increase(b[45s] offset 15s)",
        "max_over_time(c[30s])",
        "predict_linear(a[1m], 60)",
        "last_over_time({__name__=~\"a|b\"}[1m] @ 60)",
        "quantile_over_time(scalar(c), a[1m])",
    ])
    .prop_map(str::to_owned);
    leaf.prop_recursive(3, 12, 2, |inner| {
        let one = prop::sample::select(vec![
            "abs(LHS)",
            "-(LHS)",
            "sum by (x) (LHS)",
            "sum(LHS)",
            "avg without (y) (LHS)",
            "topk(1, LHS)",
            "bottomk by (x) (1, LHS)",
            "(LHS) * 2 > 3",
            "2 - (LHS)",
            "(LHS) > bool 2",
            "label_replace(LHS, \"z\", \"$1\", \"x\", \"(.*)\")",
            "label_join(LHS, \"x\", \"-\", \"y\")",
            "sum_over_time((LHS)[1m:15s])",
            "last_over_time((LHS)[45s:30s] offset 15s)",
            "timestamp(LHS)",
            "absent(LHS)",
            "histogram_quantile(0.5, LHS)",
            "count_values(\"v\", LHS)",
            "quantile(0.3, LHS)",
            "clamp(LHS, 1, 3)",
            "stddev by (y) (LHS)",
            "sort(LHS)",
            "vector(scalar(LHS))",
            "minute(LHS)",
        ]);
        let two = prop::sample::select(vec![
            "(LHS) + (RHS)",
            "(LHS) or (RHS)",
            "(LHS) and (RHS)",
            "(LHS) unless on(x) (RHS)",
            "(LHS) * on(x) group_left() (RHS)",
            "(LHS) * on(x) group_left(y) (RHS)",
            "(LHS) / ignoring(y) (RHS)",
            "(LHS) > (RHS)",
            "(LHS) == bool ignoring(x) group_right() (RHS)",
        ]);
        prop_oneof![
            (one, inner.clone()).prop_map(|(shape, inner)| shape.replace("LHS", &inner)),
            (two, inner.clone(), inner)
                .prop_map(|(shape, lhs, rhs)| { shape.replace("LHS", &lhs).replace("RHS", &rhs) }),
        ]
    })
}

/// Gaps, stale markers, NaN, resets, an infinity.
fn odd_series() -> Snapshot {
    let (nan, inf, stale) = (f64::NAN, f64::INFINITY, model::stale_marker());
    let gap = |values: &[f64]| -> Vec<Option<f64>> {
        values
            .iter()
            .map(|&value| (value != -1.0).then_some(value))
            .collect()
    };
    snapshot(&[
        (
            "a{x=\"1\"}",
            &gap(&[1.0, 2.0, 4.0, 1.0, 3.0, 3.0, 7.0, 9.0]),
        ),
        (
            "a{x=\"2\"}",
            &gap(&[5.0, stale, -1.0, 2.0, 3.0, stale, -1.0, -1.0]),
        ),
        (
            "b{x=\"1\",y=\"p\"}",
            &gap(&[-1.0, -1.0, 3.0, nan, 2.0, 1.0, inf, 2.0]),
        ),
        (
            "b{x=\"1\",y=\"q\"}",
            &gap(&[2.0, 2.0, stale, -1.0, -1.0, 8.0, 8.5, 9.0]),
        ),
        (
            "c{x=\"1\",le=\"1\"}",
            &gap(&[0.5, 0.5, 0.2, 0.9, 0.1, 0.0, 1.0, 0.3]),
        ),
    ])
}

proptest! {
    #[test]
    fn a_range_query_is_its_instant_queries(text in query(), start in 0_i64..60, step in 7_i64..40) {
        let (snapshot, options) = (odd_series(), EvalOptions::default());
        let expr = parse(&text).unwrap();
        let whole = range(start, start + 4 * step, step);
        let Ok(evaluated) = eval_range(&snapshot, &expr, whole, &options) else {
            // One step's error is the whole query's; at that step both must fail.
            let fails = (0..=4).any(|i| {
                eval_instant(&snapshot, &expr, secs(start + i * step), &options).is_err()
            });
            prop_assert!(fails, "{} fails as a range only", text);
            return Ok(());
        };
        let Value::Matrix(matrix) = evaluated.value else {
            return Err(TestCaseError::fail("a range query gives a matrix"));
        };
        for at in (0..=4).map(|i| secs(start + i * step)) {
            let instant = eval_instant(&snapshot, &expr, at, &options);
            let Value::Vector(mut vector) = instant.unwrap().value else {
                return Err(TestCaseError::fail("these queries give vectors"));
            };
            vector.sort_by(|a, b| a.labels.cmp(&b.labels));
            let of_range: Vec<_> = matrix
                .iter()
                .filter_map(|series| {
                    let sample = series.samples.iter().find(|sample| sample.timestamp == at)?;
                    Some(format!("{} {:?}", series.labels, sample.value))
                })
                .collect();
            let of_instant: Vec<_> = vector
                .iter()
                .map(|series| format!("{} {:?}", series.labels, series.sample.value))
                .collect();
            prop_assert_eq!(of_range, of_instant, "{} at {}", text, at);
        }
    }

    #[test]
    fn any_moment_evaluates(text in query(), at in any::<i64>(), step in 1_u64..u64::MAX) {
        let (snapshot, options) = (odd_series(), EvalOptions::default());
        let expr = parse(&text).unwrap();
        for at in [Timestamp::MIN, Timestamp::MAX, Timestamp::from_millis(at)] {
            // Data that does not fit the query is an error; nothing may panic.
            let fault = eval_instant(&snapshot, &expr, at, &options).map_err(|e| e.fault());
            prop_assert!(matches!(fault, Ok(_) | Err(Fault::Query)), "{fault:?}");
        }
        let whole = Range {
            start: Timestamp::MIN,
            end: Timestamp::MAX,
            step: Duration::from_millis(step),
        };
        let limited = EvalOptions {
            limits: Limits { steps_max: 1000, ..Limits::default() },
            ..options
        };
        let fault = eval_range(&snapshot, &expr, whole, &limited).map_err(|error| error.fault());
        prop_assert!(!matches!(fault, Err(Fault::Cancelled)));
    }
}
