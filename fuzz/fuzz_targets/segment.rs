#![no_main]

//! Damages the files of a process group. Reading must end without a panic, must not show a series
//! that nobody has, and a counter must be what was counted or not be there.

use std::ffi::OsString;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use instrument::{
    Family, FamilyKind, FamilySpec, GaugeMode, GroupKey, Proc, Process, ProcessId, ProcessOptions,
    ReadLimits, SegmentLimits, Writers, read_group, render_text,
};
use libfuzzer_sys::fuzz_target;

const SERIES: u32 = 5;
const ROOT: ProcessId = ProcessId { pid: 50_000_000, start: 1 };

/// Names and bytes of a sound group's files. Made once: what a process maps it keeps for ever.
static SOUND: LazyLock<Vec<(OsString, Vec<u8>)>> = LazyLock::new(|| {
    let dir = tempfile::tempdir().expect("a temporary folder can be made");
    let group = fill(dir.path());
    let entries = fs::read_dir(&group).expect("the group has a folder");
    let segments = entries.flatten().filter(|entry| {
        let path = entry.path();
        path.extension().is_some_and(|extension| extension == "seg")
    });
    let read = |entry: fs::DirEntry| {
        (entry.file_name(), fs::read(entry.path()).expect("a segment can be read"))
    };
    segments.map(read).collect()
});

fuzz_target!(|damage: &[u8]| {
    let dir = tempfile::tempdir().expect("a temporary folder can be made");
    let group = dir.path().join(GroupKey(ROOT).to_string());
    fs::DirBuilder::new().mode(0o700).create(&group).expect("a folder can be made");
    for (name, bytes) in SOUND.iter() {
        let mut bytes = bytes.clone();
        spoil(&mut bytes, damage);
        let mut options = fs::OpenOptions::new();
        let file = options.write(true).create_new(true).mode(0o600).open(group.join(name));
        file.and_then(|mut file| file.write_all(&bytes)).expect("a segment can be written");
    }
    let Ok(reading) = read_group(&group, &ReadLimits::default()) else {
        return;
    };
    let text = render_text(&reading);
    let n_series = text.lines().filter(|line| line.starts_with("fuzzed_total{")).count();
    // Shorter than one order: nothing was damaged.
    assert!(5 <= damage.len() || n_series == SERIES as usize, "{n_series} series of a sound group");
    for line in text.lines().filter(|line| line.starts_with("fuzzed_total{")) {
        // Cells have no checksum: a flipped bit there is a number like any other. Names have one.
        let (labels, _value) = line.split_once("} ").expect("a sample has labels and a value");
        let series = labels.strip_prefix("fuzzed_total{series=\"").expect("its one label");
        let series: u32 = series.trim_end_matches('"').parse().expect("only what was made");
        assert!(series < SERIES, "series {series} never was");
    }
});

fn fill(runtime_dir: &Path) -> PathBuf {
    let runtime_dir = runtime_dir.join("runtime");
    let process = Process::new(ProcessOptions {
        runtime_dir: Some(runtime_dir.clone()),
        limits: SegmentLimits::default(),
        proc: Proc::default(),
        identity: Some((GroupKey(ROOT), ProcessId { pid: 50_000_001, start: 1 })),
        writers: Writers::Many,
    });
    let counters = shared(&process, FamilyKind::Counter, "fuzzed");
    for series in 0..SERIES {
        counters.series([series.to_string().as_str()], 1.0).add(f64::from(series));
    }
    let histograms = shared(&process, FamilyKind::Histogram, "sizes");
    histograms.series(["0"], 1.0).histogram_observe(1.5);
    runtime_dir.join(GroupKey(ROOT).to_string())
}

fn shared(process: &Arc<Process>, kind: FamilyKind, name: &str) -> Arc<Family> {
    let family = Family::new(
        process,
        FamilySpec {
            kind,
            mode: GaugeMode::Auto,
            name: name.to_owned(),
            help: "help".to_owned(),
            unit: String::new(),
            label_names: vec!["series".to_owned()],
            bounds: match kind {
                FamilyKind::Histogram => vec![1.0, 2.0, f64::INFINITY],
                _ => Vec::new(),
            },
            states: Vec::new(),
            native: None,
        },
    );
    family.share(0);
    family
}

/// Reads the input as orders of five bytes: where (three bytes), how (flip, cut, zero), with what.
fn spoil(bytes: &mut Vec<u8>, damage: &[u8]) {
    for order in damage.chunks_exact(5) {
        if bytes.is_empty() {
            return;
        }
        let at = u32::from_le_bytes([order[0], order[1], order[2], 0]) as usize % bytes.len();
        match order[3] % 8 {
            0 => bytes.truncate(at),
            1 => bytes[at..].fill(0),
            // Where the records are, and most often.
            2..=5 => {
                let at = at % bytes.len().min(1024);
                bytes[at] ^= order[4].max(1);
            }
            _ => bytes[at] ^= order[4].max(1),
        }
    }
}
