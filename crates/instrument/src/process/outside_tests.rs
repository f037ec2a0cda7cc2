//! Metrics outside the default registry: prometheus_client's multi-process mode.

use super::tests::{Stage, counter, spec};
use super::*;
use crate::{
    FamilyKind, FamilySpec, GaugeMode, OUTSIDE_REGISTRIES, ReadLimits, Registries, render_text,
};

const OUTSIDE: u16 = OUTSIDE_REGISTRIES + 1;

fn outside(process: &Arc<Process>, spec: FamilySpec) -> Arc<Family> {
    let family = Family::new(process, spec);
    family.share(OUTSIDE);
    family
}

/// The samples of all registries as one, the process's own metrics left out.
fn joined(process: &Process, outside: Option<u16>, others: &[GroupKey]) -> Vec<String> {
    let registries = Registries::All { outside };
    let reading = process.read_groups(&ReadLimits::default(), registries, others);
    samples(&render_text(&reading))
}

fn samples(text: &str) -> Vec<String> {
    let ours = ["process_", "pyrometer_"];
    text.split(&['\n', ';'][..])
        .map(str::trim)
        .filter(|line| {
            !line.is_empty()
                && !line.starts_with('#')
                && !ours.iter().any(|name| line.starts_with(name))
        })
        .map(str::to_owned)
        .collect()
}

#[test]
fn what_is_outside_counts_only_where_all_is_asked_for() {
    let stage = Stage::new();
    let (one, two) = (stage.process(), stage.process());
    for (process, amount) in [(&one, 1.0), (&two, 2.0)] {
        let family = outside(process, spec(FamilyKind::Counter, "own", &[]));
        family.series([], 1.0).add(amount);
    }
    counter(&one, &[]).add(5.0);
    let apart = one.read_group(&ReadLimits::default());
    let of_default = apart.families.iter().filter(|one| one.registry == 0);
    assert!(of_default.clone().all(|family| *family.name != *"own"));
    assert_eq!(
        joined(&one, Some(OUTSIDE), &[]),
        ["own_total 3.0", "c_total 5.0"]
    );
    // Another folder's sum, and none.
    assert_eq!(joined(&one, Some(OUTSIDE + 1), &[]), ["c_total 5.0"]);
    assert_eq!(joined(&two, None, &[]), ["c_total 5.0"]);
    // A server shows it.
    assert_eq!(samples(&stage.text()), ["own_total 3.0", "c_total 5.0"]);
}

#[test]
fn a_name_in_both_is_shown_once_with_the_sum_of_both() {
    let stage = Stage::new();
    let process = stage.process();
    counter(&process, &[]).add(1.0);
    let family = outside(&process, spec(FamilyKind::Counter, "c", &[]));
    family.series([], 1.0).add(2.0);
    assert_eq!(joined(&process, Some(OUTSIDE), &[]), ["c_total 3.0"]);
    assert_eq!(samples(&stage.text()), ["c_total 3.0"]);
}

#[test]
fn a_metric_that_is_made_again_goes_on_in_the_same_place() {
    let stage = Stage::new();
    let process = stage.process();
    let mut n_bytes = 0;
    for round in 1..=100 {
        let family = outside(&process, spec(FamilyKind::Counter, "push", &["job"]));
        family.series(["a"], 1.0).add(1.0);
        let file = stage.dir().join(&stage.segments()[0]);
        let header = std::fs::read(file).unwrap()[48..56].to_vec();
        let used = u64::from_ne_bytes(header.try_into().unwrap());
        if round == 1 {
            n_bytes = used;
        }
        assert_eq!(used, n_bytes, "round {round} took more memory");
    }
    assert_eq!(
        joined(&process, Some(OUTSIDE), &[]),
        ["push_total{job=\"a\"} 100.0"]
    );
}

#[test]
fn a_series_that_is_removed_outside_begins_anew() {
    let stage = Stage::new();
    let process = stage.process();
    let family = outside(&process, spec(FamilyKind::Counter, "own", &["a"]));
    let series = family.series(["x"], 1.0);
    series.add(7.0);
    series.remove();
    assert_eq!(joined(&process, Some(OUTSIDE), &[]), [] as [&str; 0]);
    family.series(["x"], 1.0).add(1.0);
    assert_eq!(
        joined(&process, Some(OUTSIDE), &[]),
        ["own_total{a=\"x\"} 1.0"]
    );
}

#[test]
fn a_metric_moves_from_outside_into_a_registry_that_is_shared() {
    let stage = Stage::new();
    let process = stage.process();
    let family = outside(&process, spec(FamilyKind::Counter, "own", &[]));
    let series = family.series([], 1.0);
    series.add(2.0);
    family.unshare();
    family.share(1);
    series.share();
    series.add(1.0);
    assert_eq!(joined(&process, None, &[]), ["own_total 3.0"]);
}

#[test]
fn what_moves_to_its_like_outside_is_added_there() {
    let stage = Stage::new();
    let process = stage.process();
    let like = outside(&process, spec(FamilyKind::Counter, "own", &[])).series([], 1.0);
    like.add(2.0);
    let family = Family::new(&process, spec(FamilyKind::Counter, "own", &[]));
    family.share(0);
    let series = family.series([], 1.0);
    series.add(3.0);
    family.unshare();
    series.add(1.0);
    family.share(OUTSIDE);
    series.share();
    like.add(1.0);
    assert_eq!(joined(&process, Some(OUTSIDE), &[]), ["own_total 7.0"]);
}

#[test]
fn a_fork_keeps_metrics_that_share_a_place_together() {
    let stage = Stage::new();
    let process = stage.process();
    let make = || outside(&process, spec(FamilyKind::Counter, "own", &[])).series([], 1.0);
    let (one, two) = (make(), make());
    one.add(1.0);
    two.add(1.0);
    process.play_fork();
    one.add(1.0);
    two.add(1.0);
    let reading = process.read_group(&ReadLimits::default());
    assert_eq!(samples(&render_text(&reading)), ["own_total 2.0"]);
}

#[test]
fn gauges_of_one_series_a_process_tell_which_one_also_when_it_is_alone() {
    let stage = Stage::new();
    let process = stage.process();
    let all = |process| {
        let mut spec = spec(FamilyKind::Gauge, "g", &[]);
        spec.mode = GaugeMode::All;
        outside(process, spec).series([], 1.0)
    };
    all(&process).gauge_set(1.0, 5.0);
    assert_eq!(
        joined(&process, Some(OUTSIDE), &[]),
        ["g{pid=\"50000001\"} 1.0"]
    );
    all(&process).gauge_set(2.0, 6.0);
    assert_eq!(
        joined(&process, Some(OUTSIDE), &[]),
        ["g{pid=\"50000001\"} 2.0"],
        "one process has one series, however often it made the gauge"
    );
}

#[test]
fn another_program_counts_for_the_same_sum_if_it_is_named() {
    let stage = Stage::new();
    let process = stage.process();
    outside(&process, spec(FamilyKind::Counter, "own", &[]))
        .series([], 1.0)
        .add(1.0);
    let key = |pid| GroupKey(ProcessId { pid, start: 1 });
    let id = ProcessId {
        pid: 60_000_001,
        start: 1,
    };
    let other = Process::new(ProcessOptions {
        runtime_dir: Some(stage.runtime_dir().to_owned()),
        limits: SegmentLimits::default(),
        proc: Proc::default(),
        identity: Some((key(60_000_000), id)),
        writers: Writers::Many,
    });
    outside(&other, spec(FamilyKind::Counter, "own", &[]))
        .series([], 1.0)
        .add(2.0);
    assert_eq!(joined(&process, Some(OUTSIDE), &[]), ["own_total 1.0"]);
    // One that is gone, and this process's own, cost nothing.
    let named = [key(60_000_000), key(70_000_000), key(50_000_000)];
    assert_eq!(joined(&process, Some(OUTSIDE), &named), ["own_total 3.0"]);
}

fn histogram(name: &str, bounds: &[f64]) -> FamilySpec {
    FamilySpec {
        bounds: bounds.to_vec(),
        ..spec(FamilyKind::Histogram, name, &["a"])
    }
}

#[test]
fn series_made_after_other_buckets_of_the_same_name_joined_are_counted_right() {
    let stage = Stage::new();
    let process = stage.process();
    let one = Family::new(&process, histogram("h", &[2.0, f64::INFINITY]));
    one.share(0);
    one.series(["x"], 1.0).histogram_observe(1.5);
    let two = outside(&process, histogram("h", &[1.0, 3.0, f64::INFINITY]));
    two.series(["x"], 1.0).histogram_observe(2.5);
    one.series(["y"], 1.0).histogram_observe(5.0);
    let is_bucket = |line: &String| line.contains("_bucket");
    let mut buckets = joined(&process, Some(OUTSIDE), &[]);
    buckets.retain(is_bucket);
    let line = |a, le, n| format!("h_bucket{{a=\"{a}\",le=\"{le}\"}} {n}.0");
    let bounds = ["1.0", "2.0", "3.0", "+Inf"];
    let of = |a, counts: [u8; 4]| std::iter::zip(bounds, counts).map(move |(le, n)| line(a, le, n));
    let expected: Vec<String> = of("x", [0, 1, 2, 2]).chain(of("y", [0, 0, 0, 1])).collect();
    assert_eq!(buckets, expected);
}

#[test]
fn native_histograms_of_one_name_outside_add_up() {
    let stage = Stage::new();
    let process = stage.process();
    let spec = || FamilySpec {
        native: crate::NativeSpec::new(2.0, 20, 0.0),
        ..histogram("h", &[])
    };
    let (one, two) = (outside(&process, spec()), outside(&process, spec()));
    let (one, two) = (one.series(["x"], 1.0), two.series(["x"], 1.0));
    for value in [0.5, 3.0, -3.0] {
        one.histogram_observe(value);
        two.histogram_observe(value);
    }
    assert_eq!(
        joined(&process, Some(OUTSIDE), &[]),
        [
            "h_bucket{a=\"x\",le=\"+Inf\"} 6.0",
            "h_count{a=\"x\"} 6.0",
            "h_sum{a=\"x\"} 1.0"
        ]
    );
}
