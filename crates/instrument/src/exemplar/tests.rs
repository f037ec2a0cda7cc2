use std::sync::Arc;

use crate::process::tests::{Stage, shared, spec};
use crate::record::{Record, RecordKind};
use crate::segment::SegmentLimits;
use crate::{
    Exemplar, FamilyKind, GroupReading, Process, ReadLimits, Registries, Series, Value, read_group,
};

fn exemplar(cell: u16, trace: &str, time: f64) -> Exemplar {
    Exemplar {
        cell,
        labels: vec![("trace_id".into(), trace.into())],
        value: 0.5,
        time: Some(time),
    }
}

fn counter(process: &Arc<Process>) -> Arc<Series> {
    shared(process, spec(FamilyKind::Counter, "c", &["a"])).series(["x"], 1.0)
}

/// `family cell trace` of each exemplar.
fn traces(reading: &GroupReading) -> Vec<String> {
    let mut found = Vec::new();
    for family in &reading.families {
        for one in family.series.iter().flat_map(|series| &series.exemplars) {
            found.push(format!("{} {} {}", family.name, one.cell, one.labels[0].1));
        }
    }
    found
}

fn total(reading: &GroupReading) -> f64 {
    let series = &reading.families[0].series[0];
    match series.value {
        Value::Counter { total, .. } => total,
        _ => f64::NAN,
    }
}

fn read(stage: &Stage) -> GroupReading {
    read_group(&stage.dir(), &ReadLimits::default()).unwrap()
}

#[test]
fn the_latest_exemplar_of_all_processes_is_shown() {
    let stage = Stage::new();
    let (one, two) = (stage.process(), stage.process());
    counter(&one).set_exemplar(&exemplar(0, "later", 9.0));
    counter(&two).set_exemplar(&exemplar(0, "earlier", 8.0));
    assert_eq!(traces(&read(&stage)), ["c 0 later"]);
    let reading = two.read_group(&ReadLimits::default());
    assert_eq!(traces(&reading), ["c 0 later"]);
    let shown = &reading.families[0].series[0].exemplars[0];
    assert_eq!(*shown, exemplar(0, "later", 9.0));
}

#[test]
fn each_bucket_has_its_own_wherever_another_process_has_other_buckets() {
    let stage = Stage::new();
    let (one, two) = (stage.process(), stage.process());
    let narrow = shared(&one, spec(FamilyKind::Histogram, "h", &[])).series([], 1.0);
    narrow.set_exemplar(&exemplar(2, "below two", 1.0));
    narrow.set_exemplar(&exemplar(3, "above two", 1.0));
    let mut wide = spec(FamilyKind::Histogram, "h", &[]);
    wide.bounds = vec![0.5, 1.0, 2.0, 4.0, f64::INFINITY];
    let wide = shared(&two, wide).series([], 1.0);
    wide.set_exemplar(&exemplar(1, "below a half", 1.0));
    // The buckets are those of the second process: 0.5, 1, 2, 4 and more.
    assert_eq!(
        traces(&read(&stage)),
        ["h 3 below two", "h 5 above two", "h 1 below a half"]
    );
}

#[test]
fn a_longer_exemplar_takes_the_place_of_a_shorter_one_and_back() {
    let stage = Stage::new();
    let series = counter(&stage.process());
    let long = "l".repeat(120);
    for (time, trace) in [(1.0, "short"), (2.0, &long), (3.0, "again")] {
        series.set_exemplar(&exemplar(0, trace, time));
        assert_eq!(traces(&read(&stage)), [format!("c 0 {trace}")]);
    }
    assert_eq!(total(&read(&stage)), 0.0);
}

#[test]
fn what_openmetrics_does_not_allow_is_not_kept() {
    let stage = Stage::new();
    let series = counter(&stage.process());
    series.set_exemplar(&exemplar(0, &"l".repeat(2000), 1.0));
    assert_eq!(traces(&read(&stage)), [] as [&str; 0]);
}

#[test]
fn a_removed_series_takes_its_exemplars_along() {
    let stage = Stage::new();
    let process = stage.process();
    let family = shared(&process, spec(FamilyKind::Counter, "c", &["a"]));
    let series = family.series(["x"], 1.0);
    series.set_exemplar(&exemplar(0, "old", 1.0));
    series.remove();
    series.set_exemplar(&exemplar(0, "of nobody", 2.0));
    let anew = family.series(["x"], 1.0);
    assert_eq!(traces(&read(&stage)), [] as [&str; 0]);
    anew.set_exemplar(&exemplar(0, "new", 3.0));
    assert_eq!(traces(&read(&stage)), ["c 0 new"]);
}

#[test]
fn exemplars_of_processes_that_are_gone_stay_while_none_is_later() {
    let stage = Stage::new();
    let one = stage.process();
    let series = counter(&one);
    series.add(2.0);
    series.set_exemplar(&exemplar(0, "of the dead", 1.0));
    one.die();
    assert_eq!(traces(&read(&stage)), ["c 0 of the dead"]);
    // The next process that starts folds what the first one left.
    let two = stage.process();
    let series = counter(&two);
    assert_eq!(stage.segments().len(), 2, "an archive and one process");
    assert_eq!(traces(&read(&stage)), ["c 0 of the dead"]);
    assert_eq!(total(&read(&stage)), 2.0);
    series.set_exemplar(&exemplar(0, "of the living", 2.0));
    assert_eq!(traces(&read(&stage)), ["c 0 of the living"]);
}

#[test]
fn a_forked_child_starts_without_exemplars() {
    let stage = Stage::new();
    let process = stage.process();
    let series = counter(&process);
    series.set_exemplar(&exemplar(0, "of the parent", 1.0));
    let era = series.era();
    process.play_fork();
    assert_ne!(series.era(), era);
}

#[test]
fn a_damaged_exemplar_costs_itself_and_no_count() {
    let stage = Stage::new();
    let process = stage.process();
    let series = counter(&process);
    series.add(3.0);
    series.set_exemplar(&exemplar(0, "trace", 1.0));
    let other = shared(&process, spec(FamilyKind::Counter, "d", &[])).series([], 1.0);
    other.set_exemplar(&exemplar(0, "sound", 1.0));
    let path = stage.dir().join(&stage.segments()[0]);
    let bytes = std::fs::read(&path).unwrap();
    let at = bytes.windows(5).position(|text| text == b"trace").unwrap();
    let word = at / 8 * 8;
    for (from, to) in [(word - 24, word), (word, word + 8)] {
        // The checksum, the value and the time, then the labels.
        let mut damaged = bytes.clone();
        for byte in &mut damaged[from..to] {
            *byte ^= 0x55;
        }
        std::fs::write(&path, &damaged).unwrap();
        let reading = read(&stage);
        assert_eq!(traces(&reading), ["d 0 sound"]);
        assert_eq!(total(&reading), 3.0);
        assert_eq!(reading.damaged, []);
    }
}

#[test]
fn a_record_of_rubbish_is_no_exemplar() {
    let whole = exemplar(0, "trace", 1.0).encode().unwrap();
    let lies = |len: u64| {
        let mut words = whole.clone();
        words[0] = words[0] & 0xffff_ffff | len << 32;
        words
    };
    for (key, words) in [
        (vec![], whole.clone()),
        (vec![0, 0], vec![]),
        (vec![0, 0], vec![0; 11]),
        (vec![0, 0], lies(u64::from(u32::MAX))),
        (vec![0, 0], lies(3)),
        (vec![0, 0], whole[..3].to_vec()),
    ] {
        let record = Record {
            head: &[],
            kind: RecordKind::Exemplar,
            family: 1,
            key: &key,
            flags: 0,
            cells: &words,
        };
        assert_eq!(Exemplar::decode(&record), None);
    }
}

#[test]
fn exemplars_leave_the_memory_to_counting() {
    let stage = Stage::new();
    let process = stage.process_with(SegmentLimits {
        first_file_bytes: 4096,
        bytes_max: 64 * 1024,
    });
    let family = shared(&process, spec(FamilyKind::Counter, "c", &["a"]));
    for number in 0..200 {
        let series = family.series([&*number.to_string()], 1.0);
        series.add(1.0);
        series.set_exemplar(&exemplar(0, "trace", 1.0));
    }
    let reading = read(&stage);
    assert_eq!(reading.families[0].series.len(), 200);
    let n_traces = traces(&reading).len();
    assert!((100..200).contains(&n_traces), "{n_traces} exemplars");
    assert!(process.take_notice().unwrap().contains("exemplars"));
}

#[test]
fn joined_registries_share_their_exemplars() {
    let stage = Stage::new();
    let process = stage.process();
    counter(&process).set_exemplar(&exemplar(0, "default", 1.0));
    let outside = crate::Family::new(&process, spec(FamilyKind::Counter, "c", &["a"]));
    outside.share(crate::OUTSIDE_REGISTRIES + 7);
    let series = outside.series(["x"], 1.0);
    series.set_exemplar(&exemplar(0, "outside", 2.0));
    let limits = ReadLimits::default();
    assert_eq!(
        traces(&process.read_group(&limits)),
        ["c 0 default", "c 0 outside"]
    );
    let registries = Registries::All {
        outside: Some(crate::OUTSIDE_REGISTRIES + 7),
    };
    let joined = process.read_groups(&limits, registries, &[]);
    assert_eq!(traces(&joined), ["c 0 outside"]);
}
