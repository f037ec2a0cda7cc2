use std::fs;

use proptest::prelude::*;

use super::*;
use crate::process::tests::{Stage, shared, spec};
use crate::{Family, FamilyKind, FamilySpec, ReadLimits, Series, Value, read_group};

fn native_spec(factor: f64, n_buckets: u16) -> FamilySpec {
    FamilySpec {
        bounds: Vec::new(),
        native: NativeSpec::new(factor, n_buckets, 2_f64.powi(-128)),
        ..spec(FamilyKind::Histogram, "h", &["a"])
    }
}

fn read(stage: &Stage) -> NativeReading {
    let reading = read_group(&stage.dir(), &ReadLimits::default()).unwrap();
    assert_eq!(reading.damaged, []);
    let family = reading.families.iter().find(|family| &*family.name == "h");
    match &family.unwrap().series[..] {
        [series] => match &series.value {
            Value::Histogram {
                native: Some(native),
                ..
            } => (**native).clone(),
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    }
}

fn observe(series: &Series, values: &[f64]) {
    for value in values {
        series.histogram_observe(*value);
    }
}

/// What a map would have counted at the reading's resolution.
fn check_model(native: &NativeReading, observed: &[f64]) {
    let (mut positive, mut negative) = (BTreeMap::new(), BTreeMap::new());
    let mut zero = 0.0;
    for value in observed.iter().filter(|value| !value.is_nan()) {
        let buckets = match *value {
            value if value.abs() <= native.zero_threshold => {
                zero += 1.0;
                continue;
            }
            value if value < 0.0 => &mut negative,
            _ => &mut positive,
        };
        let bucket = bucket_of(value.abs(), native.schema);
        *buckets.entry(bucket).or_insert(0.0) += 1.0;
    }
    assert_eq!(native.count, observed.len() as f64);
    assert_eq!(native.zero_count, zero);
    assert_eq!(native.positive, positive.into_iter().collect::<Vec<_>>());
    assert_eq!(native.negative, negative.into_iter().collect::<Vec<_>>());
}

#[test]
fn the_schema_is_the_finest_whose_growth_is_not_above_the_factor() {
    for (factor, schema) in [
        (1.1, 3),
        (1.0905, 4),
        (2.0, 0),
        (3.9, 0),
        (4.0, -1),
        (1.0001, 8),
        (65536.0, -4),
        (1e300, -4),
    ] {
        let spec = NativeSpec::new(factor, 160, 0.0).unwrap();
        assert_eq!(spec.schema(), schema, "{factor}");
    }
    for factor in [1.0, 0.5, -1.0, f64::NAN, f64::INFINITY] {
        assert_eq!(NativeSpec::new(factor, 160, 0.0), None, "{factor}");
    }
    assert_eq!(NativeSpec::new(1.1, 0, 0.0), None);
    assert_eq!(NativeSpec::new(1.1, 160, f64::NAN), None);
    assert_eq!(NativeSpec::new(1.1, 160, -1.0), None);
}

#[test]
fn a_bound_is_in_the_bucket_that_it_ends() {
    for (value, schema, bucket) in [
        (1.0, 3, 0),
        (2.0, 3, 8),
        (2.000_001, 3, 9),
        (1.5, 0, 1),
        (0.5, 0, -1),
        (1.0, -4, 0),
        (65536.0, -4, 1),
        (65537.0, -4, 2),
        (f64::MAX, -4, 64),
        (f64::INFINITY, -4, 65),
        (5e-324, -4, -67),
        (f64::INFINITY, 8, 262_145),
    ] {
        assert_eq!(bucket_of(value, schema), bucket, "{value} {schema}");
    }
}

#[test]
fn numbers_that_are_none_are_counted_as_far_as_they_can_be() {
    let stage = Stage::new();
    let process = stage.process();
    let series = shared(&process, native_spec(1.1, 160)).series(["x"], 1.0);
    for value in [
        f64::NAN,
        f64::INFINITY,
        f64::NEG_INFINITY,
        0.0,
        -0.0,
        1e-300,
    ] {
        series.histogram_observe(value);
    }
    let native = read(&stage);
    assert_eq!((native.count, native.zero_count), (6.0, 3.0));
    assert_eq!((native.positive.len(), native.negative.len()), (1, 1));
}

#[test]
fn processes_at_different_resolutions_add_up_at_the_coarser_one() {
    let stage = Stage::new();
    let (one, two) = (stage.process(), stage.process());
    let fine = shared(&one, native_spec(1.1, 160)).series(["x"], 1.0);
    let wide = shared(&two, native_spec(1.1, 160)).series(["x"], 1.0);
    let (near, far) = ([1.0, 1.1, 1.2, 1.3], [1e-9, 1e-3, 1.0, 1e3, 1e9]);
    observe(&fine, &near);
    assert_eq!(read(&stage).schema, 3);
    observe(&wide, &far);
    let native = read(&stage);
    assert!(native.schema < 3, "{native:?}");
    let all = [&near[..], &far[..]].concat();
    check_model(&native, &all);
    // Gone, one after the other, and folded when a third one starts.
    one.die();
    shared(&stage.process(), native_spec(1.1, 160)).series(["x"], 1.0);
    check_model(&read(&stage), &all);
    two.die();
    shared(&stage.process(), native_spec(1.1, 160)).series(["x"], 1.0);
    check_model(&read(&stage), &all);
}

#[test]
fn a_removed_series_leaves_no_buckets_behind() {
    let stage = Stage::new();
    let process = stage.process();
    let family = shared(&process, native_spec(1.1, 4));
    let old = family.series(["x"], 1.0);
    observe(&old, &[1.0, 100.0, -1.0, -1e6]);
    old.remove();
    old.histogram_observe(1.0);
    let new = family.series(["x"], 1.0);
    assert_eq!(read(&stage).count, 0.0);
    observe(&new, &[1.0, 100.0, -1.0, -1e6]);
    check_model(&read(&stage), &[1.0, 100.0, -1.0, -1e6]);
    assert_eq!(old.native().unwrap().count, 5.0);
}

#[test]
fn a_private_series_brings_what_it_counted() {
    let stage = Stage::new();
    let process = stage.process();
    let family = Family::new(&process, native_spec(1.1, 160));
    let series = family.series(["x"], 1.0);
    let values = [1.0, -2.0, 1e9, 1e-9];
    observe(&series, &values);
    check_model(&series.native().unwrap(), &values);
    family.share(0);
    series.share();
    check_model(&read(&stage), &values);
}

#[test]
fn a_forked_child_begins_at_zero() {
    let stage = Stage::new();
    let process = stage.process();
    let series = shared(&process, native_spec(1.1, 160)).series(["x"], 1.0);
    series.histogram_observe(1.0);
    process.play_fork();
    series.histogram_observe(3.0);
    check_model(&series.native().unwrap(), &[3.0]);
}

#[test]
fn wider_zero_buckets_take_what_lies_in_them() {
    let mut sum = NativeSum::new(&NativeSpec::new(2.0, 160, 0.0).unwrap());
    let ring = Ring::on_heap(&vec![0.0; sum.spec.n_ring_cells()]);
    for value in [0.5, 1.0, 1.5, 9.0] {
        assert_eq!(ring.count(value, &sum.spec), None);
    }
    sum.add(false, &ring.cells()).unwrap();
    sum.join_spec(&NativeSpec::new(2.0, 160, 1.0).unwrap());
    let native = sum.finish(1.0, 0.0);
    assert_eq!((native.zero_count, native.count), (3.0, 5.0));
    assert_eq!(native.positive, [(1, 1.0), (4, 1.0)]);
}

#[test]
fn threads_lose_no_observation_while_the_resolution_halves() {
    let stage = Stage::new();
    let process = stage.process();
    let series = shared(&process, native_spec(1.01, 20)).series(["x"], 1.0);
    let values: Vec<f64> = (0..2000).map(|n| f64::from(n % 200 - 99).exp2()).collect();
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| observe(&series, &values));
        }
        // Whoever reads meanwhile sees a state that was: never less than before.
        let mut before = 0.0;
        for _ in 0..50 {
            let native = read(&stage);
            assert!(before <= native.count, "{before} {native:?}");
            before = native.count;
        }
    });
    check_model(&read(&stage), &[&values[..], &values, &values].concat());
}

#[test]
fn an_archive_keeps_native_buckets_and_exemplars_together() {
    let stage = Stage::new();
    let process = stage.process();
    let histogram = FamilySpec {
        bounds: vec![1.0, f64::INFINITY],
        ..native_spec(2.0, 20)
    };
    let series = shared(&process, histogram).series(["x"], 1.0);
    observe(&series, &[0.0, 0.7, 3.0]);
    let exemplar = crate::Exemplar {
        cell: 2,
        labels: vec![("trace_id".into(), "t".into())],
        value: 3.0,
        time: Some(9.0),
    };
    series.set_exemplar(&exemplar);
    process.die();
    let next = stage.process();
    shared(&next, spec(FamilyKind::Counter, "c", &[]))
        .series([], 1.0)
        .add(1.0);
    assert_eq!(stage.segments(), ["50000002-2.0.seg", "archive.seg"]);
    check_model(&read(&stage), &[0.0, 0.7, 3.0]);
    let reading = read_group(&stage.dir(), &ReadLimits::default()).unwrap();
    let family = reading.families.iter().find(|family| &*family.name == "h");
    let series = &family.unwrap().series[0];
    assert_eq!(series.exemplars, [exemplar]);
    let Value::Histogram { buckets, sum, .. } = &series.value else {
        panic!("{:?}", series.value);
    };
    assert_eq!(
        (&buckets[..], *sum),
        (&[(1.0, 2.0), (f64::INFINITY, 1.0)][..], 3.7)
    );
}

#[test]
fn a_private_native_histogram_outlives_a_fork_and_a_removal() {
    let stage = Stage::new();
    let process = stage.process();
    let series = Family::new(&process, native_spec(2.0, 20)).series(["x"], 1.0);
    observe(&series, &[0.7, 3.0]);
    process.play_fork();
    series.remove();
    observe(&series, &[-1.0]);
    check_model(&series.native().unwrap(), &[0.7, 3.0, -1.0]);
}

#[test]
fn a_damaged_ring_costs_its_buckets_alone() {
    let stage = Stage::new();
    let process = stage.process();
    let family = shared(&process, native_spec(1.1, 160));
    family.series(["x"], 1.0).histogram_observe(1.0);
    family.series(["y"], 1.0).histogram_observe(1.0);
    let path = stage.dir().join(&stage.segments()[0]);
    let mut bytes = fs::read(&path).unwrap();
    let window = Window {
        schema: 3,
        first: 0,
        last: 0,
    };
    let window = window.pack().to_ne_bytes();
    let at = bytes.windows(8).position(|eight| *eight == window).unwrap();
    bytes[at..at + 8].copy_from_slice(&f64::NAN.to_ne_bytes());
    fs::write(&path, bytes).unwrap();
    let reading = read_group(&stage.dir(), &ReadLimits::default()).unwrap();
    let text = crate::render_text(&reading);
    assert!(text.contains("h_count{a=\"x\"} 0.0\n"), "{text}");
    assert!(text.contains("h_count{a=\"y\"} 1.0\n"), "{text}");
    assert!(reading.damaged[0].what.contains("buckets are damaged"));
}

fn any_value() -> impl Strategy<Value = f64> {
    prop_oneof![
        8 => (-40.0_f64..40.0).prop_map(f64::exp2),
        2 => (-40.0_f64..40.0).prop_map(|power| -power.exp2()),
        1 => any::<f64>(),
        1 => Just(0.0),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// The sum over processes, some dead and folded, is what a map would have counted.
    #[test]
    fn a_group_counts_as_a_map_would(
        processes in proptest::collection::vec(
            (proptest::collection::vec(any_value(), 1..80), any::<bool>()), 1..4),
        factor in prop_oneof![Just(1.1), Just(1.002), Just(2.0), Just(70_000.0)],
        n_buckets in 1_u16..200,
    ) {
        let stage = Stage::new();
        let mut observed = Vec::new();
        let mut living = Vec::new();
        for (values, dies) in processes {
            let process = stage.process();
            let series = shared(&process, native_spec(factor, n_buckets)).series(["x"], 1.0);
            observe(&series, &values);
            observed.extend(values);
            if dies {
                process.die();
            } else {
                living.push((process, series));
            }
        }
        let native = read(&stage);
        check_model(&native, &observed);
        prop_assert!(
            native.schema == SCHEMA_MIN
                || native.positive.len().max(native.negative.len()) <= usize::from(n_buckets)
        );
    }

    /// A number lies between the bounds of its bucket, at every resolution.
    #[test]
    fn a_bucket_holds_its_numbers(value in f64::MIN_POSITIVE..f64::MAX, schema in -4_i8..=8) {
        let bucket = bucket_of(value, schema);
        // A bound is a rounded number.
        let (low, high) = (upper_bound(bucket - 1, schema), upper_bound(bucket, schema));
        prop_assert!(low * (1.0 - 1e-12) <= value && value <= high * (1.0 + 1e-12));
        if SCHEMA_MIN < schema {
            prop_assert_eq!(halved(bucket), bucket_of(value, schema - 1));
        }
    }

    #[test]
    fn any_cells_are_a_ring_or_refused(
        window in any::<f64>(),
        counts in proptest::collection::vec(any::<f64>(), 0..20),
    ) {
        let mut sum = NativeSum::new(&NativeSpec::new(1.1, 160, 0.0).unwrap());
        let cells = [&[window][..], &counts].concat();
        if sum.add(false, &cells).is_ok() {
            sum.finish(0.0, 0.0);
        }
    }
}
