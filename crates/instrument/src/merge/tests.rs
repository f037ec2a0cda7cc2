use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::symlink;

use proptest::prelude::*;

use crate::group::ProcessId;
use crate::process::tests::{Stage, counter, shared, spec};
use crate::record::{self, FamilyKey, RecordKind, USED_CHECK_WORD, USED_WORD, encode_texts};
use crate::{FamilyKind, GaugeMode, GroupReading, ReadLimits, Value, read_group};

fn total(reading: &GroupReading, name: &str) -> f64 {
    let family = reading.families.iter().find(|family| *family.name == *name);
    let totals = family.iter().flat_map(|family| &family.series);
    totals
        .map(|series| match series.value {
            Value::Counter { total, .. } => total,
            _ => f64::NAN,
        })
        .sum()
}

/// A group of two processes; the file of the second is to be maltreated.
fn two_processes() -> (Stage, std::path::PathBuf) {
    let stage = Stage::new();
    let (good, bad) = (stage.process(), stage.process());
    counter(&good, &["x"]).add(2.0);
    let family = shared(&bad, spec(FamilyKind::Counter, "d", &["a"]));
    for label in ["x", "y", "z"] {
        family.series([label], 1.0).add(1.0);
    }
    shared(&bad, spec(FamilyKind::Histogram, "h", &[]))
        .series([], 1.0)
        .histogram_observe(1.5);
    let path = stage.dir().join(&stage.segments()[1]);
    // What a process keeps open must not outlive the test's processes: a copy is read instead.
    let bytes = fs::read(&path).unwrap();
    fs::remove_file(&path).unwrap();
    write_private(&path, &bytes);
    (stage, path)
}

fn write_private(path: &std::path::Path, bytes: &[u8]) {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    options.open(path).unwrap().write_all(bytes).unwrap();
}

fn check_hostile(what: &str, expected: &str, make: impl FnOnce(&std::path::Path)) {
    let (stage, path) = two_processes();
    fs::remove_file(&path).unwrap();
    make(&path);
    let reading = read_group(&stage.dir(), &ReadLimits::default()).unwrap();
    assert_eq!(total(&reading, "c"), 2.0, "{what}");
    let said: Vec<&str> = reading.damaged.iter().map(|damage| &*damage.what).collect();
    assert!(
        said.iter().any(|said| said.contains(expected)),
        "{what}: {said:?}"
    );
}

#[test]
fn a_hostile_file_is_reported_and_costs_its_neighbours_nothing() {
    check_hostile("a link", "not a plain file", |path| {
        symlink("/etc/passwd", path).unwrap()
    });
    check_hostile("a fifo", "not a plain file", |path| {
        rustix::fs::mknodat(
            rustix::fs::CWD,
            path,
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::RUSR,
            0,
        )
        .unwrap();
    });
    check_hostile("a folder", "not a plain file", |path| {
        fs::create_dir(path).unwrap()
    });
    check_hostile("rubbish", "header is damaged", |path| {
        write_private(path, &[7; 4096])
    });
    check_hostile("nothing", "too short", |path| write_private(path, b""));
    check_hostile("open to others", "open to other users", |path| {
        fs::write(path, b"").unwrap();
    });
}

/// A file of another process, of records that are whole and say something wrong.
fn segment(records: &[(RecordKind, u32, Vec<u8>, &[f64])]) -> Vec<u8> {
    segment_of(ProcessId { pid: 7, start: 1 }, records)
}

fn segment_of(process: ProcessId, records: &[(RecordKind, u32, Vec<u8>, &[f64])]) -> Vec<u8> {
    let mut words = record::encode_header(process, 0, 1 << 20).to_vec();
    for (kind, family, key, cells) in records {
        let mut record = record::encode_record(*kind, *family, key, cells.len()).unwrap();
        let first = record.len() - cells.len();
        for (word, cell) in record[first..].iter_mut().zip(*cells) {
            *word = cell.to_bits();
        }
        words.extend(record);
    }
    words[USED_WORD] = words.len() as u64;
    words[USED_CHECK_WORD] = !(words.len() as u64);
    words.iter().flat_map(|word| word.to_ne_bytes()).collect()
}

fn family(kind: FamilyKind, bounds: Vec<f64>) -> Vec<u8> {
    let key = FamilyKey {
        registry: 0,
        kind,
        mode: GaugeMode::Auto,
        name: "liar".into(),
        help: "".into(),
        unit: "".into(),
        label_names: vec!["a".into()],
        bounds,
        states: Vec::new(),
        native: None,
    };
    key.encode()
}

/// Puts a file into a group; the other process's count must stand, and quickly.
fn check_liar(name: &str, bytes: &[u8], expected: Option<&str>) {
    let (stage, _) = two_processes();
    write_private(&stage.dir().join(name), bytes);
    let limits = ReadLimits {
        bytes_max: 8 * 1024 * 1024,
        ..ReadLimits::default()
    };
    let began = std::time::Instant::now();
    let reading = read_group(&stage.dir(), &limits).unwrap();
    crate::render_text(&reading);
    assert_eq!(total(&reading, "c"), 2.0, "{name}");
    assert!(began.elapsed().as_secs() < 5, "{:?}", began.elapsed());
    let said: Vec<&str> = reading.damaged.iter().map(|damage| &*damage.what).collect();
    let is_said = |expected| said.iter().any(|said| said.contains(expected));
    assert!(expected.is_none_or(is_said), "{name}: {said:?}");
}

#[test]
fn a_metric_with_parts_of_another_kind_is_damage() {
    let lie = [
        (
            RecordKind::Family,
            1,
            family(FamilyKind::StateSet, vec![]),
            &[][..],
        ),
        (RecordKind::Series, 1, encode_texts(["x"]), &[1.0]),
        (
            RecordKind::Family,
            2,
            family(FamilyKind::StateSet, vec![1.0]),
            &[],
        ),
        (RecordKind::Series, 2, encode_texts(["x"]), &[1.0]),
    ];
    check_liar("7-1.0.seg", &segment(&lie), Some("description is damaged"));
}

#[test]
fn a_copy_under_another_name_counts_nothing() {
    check_liar("7-2.0.seg", &segment(&[]), Some("another file's"));
}

#[test]
fn an_archive_of_countless_processes_does_not_overflow() {
    let lie = [(RecordKind::Folded, 0, Vec::new(), &[1e300][..])];
    let archive = segment_of(ProcessId { pid: 0, start: 0 }, &lie);
    check_liar("archive.seg", &archive, None);
}

#[test]
fn made_up_heads_of_long_records_do_not_take_for_ever() {
    let mut words = record::encode_header(ProcessId { pid: 7, start: 1 }, 0, 1 << 20).to_vec();
    let key_words = 120_000_u64;
    for _ in 0..200_000 {
        let magic = u64::from(u32::from_le_bytes(*b"prec"));
        words.extend([magic, (key_words + 4) | 2 << 32, key_words * 8]);
    }
    words[USED_WORD] = words.len() as u64;
    words[USED_CHECK_WORD] = !(words.len() as u64);
    let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_ne_bytes()).collect();
    check_liar("7-1.0.seg", &bytes, Some("a record is damaged"));
}

#[test]
fn bounds_that_differ_do_not_multiply_without_end() {
    let many: Vec<f64> = (0..10_000).map(f64::from).collect();
    let mut lie = vec![(
        RecordKind::Family,
        1,
        family(FamilyKind::Histogram, vec![0.5]),
        &[][..],
    )];
    for n in 0..10_000 {
        let key = encode_texts([n.to_string().as_str()]);
        lie.push((RecordKind::Series, 1, key, &[0.0, 1.0, 1.0]));
    }
    lie.push((
        RecordKind::Family,
        2,
        family(FamilyKind::Histogram, many),
        &[],
    ));
    check_liar("7-1.0.seg", &segment(&lie), Some("beyond the limit"));
}

#[test]
fn a_file_of_a_later_version_is_left_alone() {
    let (stage, path) = two_processes();
    let mut header = record::encode_header(ProcessId { pid: 7, start: 9 }, 0, 64);
    header[1] += 1;
    let mut hasher = crc32fast::Hasher::new();
    for word in &header[..5] {
        hasher.update(&word.to_ne_bytes());
    }
    header[5] = u64::from(hasher.finalize());
    let bytes: Vec<u8> = header.iter().flat_map(|word| word.to_ne_bytes()).collect();
    write_private(&path, &bytes);
    let reading = read_group(&stage.dir(), &ReadLimits::default()).unwrap();
    assert!(
        reading.damaged[0].what.contains("later version"),
        "{:?}",
        reading.damaged
    );
    assert_eq!(total(&reading, "c"), 2.0);
}

#[test]
fn a_file_that_was_cut_off_keeps_what_is_left() {
    let (stage, path) = two_processes();
    let bytes = fs::read(&path).unwrap();
    // The header, the family and the first of its series.
    write_private(&path, &bytes[..(16 + 9 + 7 + 3) * 8]);
    let reading = read_group(&stage.dir(), &ReadLimits::default()).unwrap();
    assert_eq!(total(&reading, "d"), 1.0);
    assert!(
        reading
            .damaged
            .iter()
            .any(|damage| damage.what.contains("cut off"))
    );
}

#[test]
fn a_huge_file_stops_at_the_limit() {
    let (stage, path) = two_processes();
    let process = ProcessId::parse("50000002-2").unwrap();
    let mut header = record::encode_header(process, 0, 1 << 40);
    header[USED_WORD] = 1 << 40;
    header[USED_CHECK_WORD] = !(1 << 40);
    let bytes: Vec<u8> = header.iter().flat_map(|word| word.to_ne_bytes()).collect();
    write_private(&path, &bytes);
    fs::OpenOptions::new()
        .write(true)
        .open(&path)
        .unwrap()
        .set_len(1 << 43)
        .unwrap();
    let limits = ReadLimits {
        bytes_max: 1 << 20,
        ..ReadLimits::default()
    };
    let reading = read_group(&stage.dir(), &limits).unwrap();
    assert_eq!(total(&reading, "c"), 2.0);
    assert!(
        reading
            .damaged
            .iter()
            .any(|damage| damage.what.contains("limit"))
    );
}

#[test]
fn series_beyond_the_limit_are_left_out_and_reported_once() {
    let (stage, _path) = two_processes();
    let limits = ReadLimits {
        series_max: 2,
        ..ReadLimits::default()
    };
    let reading = read_group(&stage.dir(), &limits).unwrap();
    assert_eq!(reading.damaged.len(), 1, "{:?}", reading.damaged);
}

#[test]
fn processes_that_disagree_keep_the_first_meaning_of_a_name() {
    let stage = Stage::new();
    let (one, two, three) = (stage.process(), stage.process(), stage.process());
    shared(&one, spec(FamilyKind::Counter, "c", &["a", "b"]))
        .series(["1", "2"], 1.0)
        .add(1.0);
    shared(&two, spec(FamilyKind::Counter, "c", &["b", "a"]))
        .series(["2", "1"], 1.0)
        .add(2.0);
    shared(&three, spec(FamilyKind::Gauge, "c", &["a", "b"])).series(["1", "2"], 1.0);
    let reading = read_group(&stage.dir(), &ReadLimits::default()).unwrap();
    assert_eq!(reading.families[0].series.len(), 1);
    assert_eq!(total(&reading, "c"), 3.0);
    assert!(
        reading.damaged[0].what.contains("different kinds"),
        "{:?}",
        reading.damaged
    );
}

/// The lines of the two metrics that the processes below have.
fn lines(reading: &GroupReading) -> HashMap<String, String> {
    let text = crate::render_text(reading);
    let samples = text.lines().filter_map(|line| line.rsplit_once(' '));
    let samples =
        samples.filter(|(series, _)| series.starts_with("d_") || series.starts_with("h_"));
    samples
        .map(|(series, value)| (series.to_owned(), value.to_owned()))
        .collect()
}

/// A process is compared with the one before it, and must not be believed for its looks.
#[test]
fn a_file_that_follows_its_like_is_judged_as_if_it_were_alone() {
    let stage = Stage::new();
    let make = |value: f64| {
        let process = stage.process();
        let family = shared(&process, spec(FamilyKind::Counter, "d", &["a"]));
        for label in ["x", "longer", "12345678"] {
            family.series([label], 1.0).add(value);
        }
        let family = shared(&process, spec(FamilyKind::Histogram, "h", &["a"]));
        for label in ["x", "y"] {
            family.series([label], 1.0).histogram_observe(value);
        }
        process
    };
    // The first one counts nothing, so that the sum is what the second one says.
    let (_first, second) = (make(0.0), make(3.0));
    let [first_path, path] = [0, 1].map(|place| stage.dir().join(&stage.segments()[place]));
    let sound = fs::read(&path).unwrap();
    let mut first = fs::read(&first_path).unwrap();
    for at in 0..first.len() - 8 {
        // The observations of nothing are nothing as well.
        if first[at..at + 8] == 1_f64.to_ne_bytes() && at % 8 == 0 {
            first[at..at + 8].fill(0);
        }
    }
    drop(second);
    let read = |first: Option<&[u8]>, bytes: &[u8]| {
        for path in [&first_path, &path] {
            if path.exists() {
                fs::remove_file(path).unwrap();
            }
        }
        if let Some(first) = first {
            write_private(&first_path, first);
        }
        write_private(&path, bytes);
        read_group(&stage.dir(), &ReadLimits::default()).unwrap()
    };
    let used = u64::from_ne_bytes(sound[USED_WORD * 8..][..8].try_into().unwrap()) as usize * 8;
    let mut n_damaged = 0;
    for at in record::HEADER_WORDS * 8..used {
        let mut bytes = sound.clone();
        bytes[at] ^= 0x41;
        let (alone, after) = (read(None, &bytes), read(Some(&first), &bytes));
        assert_eq!(after.damaged, alone.damaged, "byte {at}");
        n_damaged += alone.damaged.len();
        let (alone, after) = (lines(&alone), lines(&after));
        assert!(
            alone.keys().all(|series| after.contains_key(series)),
            "byte {at}"
        );
        for (series, value) in after {
            let expected = alone.get(&series).map_or("0.0", String::as_str);
            assert_eq!(value, expected, "byte {at}, {series}");
        }
    }
    assert!(300 < n_damaged, "{n_damaged}");
}

#[test]
fn processes_may_make_their_metrics_and_series_in_any_order() {
    let stage = Stage::new();
    let labels = ["a", "b", "c", "d", "e"];
    let mut processes = Vec::new();
    for turn in 0..8_usize {
        let process = stage.process();
        let mut names = ["c", "d"];
        names.rotate_left(turn % 2);
        let families = names.map(|name| shared(&process, spec(FamilyKind::Counter, name, &["a"])));
        for place in 0..labels.len() {
            for family in &families {
                // Each process lacks one of the labels.
                let label = labels[(place * (1 + turn % 3) + turn) % labels.len()];
                if label != labels[turn % 4] {
                    family.series([label], 1.0).add(f64::from(1 << turn));
                }
            }
        }
        processes.push(process);
    }
    let reading = read_group(&stage.dir(), &ReadLimits::default()).unwrap();
    assert_eq!(reading.damaged, []);
    for family in reading.families.iter().take(2) {
        for series in &family.series {
            let (_, label) = family.labels(series).remove(0);
            let has = |turn: &usize| label != labels[turn % 4];
            let expected: usize = (0..8).filter(has).map(|turn| 1 << turn).sum();
            let created = Some(1.0);
            let total = expected as f64;
            assert_eq!(series.value, Value::Counter { total, created }, "{label}");
        }
        assert_eq!(family.series.len(), labels.len());
    }
}

#[test]
fn a_group_that_is_gone_says_so() {
    let stage = Stage::new();
    let error = read_group(&stage.dir(), &ReadLimits::default()).unwrap_err();
    assert!(matches!(error, crate::ReadError::Gone), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Whatever happens to a file, the reading succeeds and the other process is untouched.
    #[test]
    fn no_damage_costs_another_process(
        flips in proptest::collection::vec((0_usize..1024, any::<u8>()), 1..20),
        len in 0_usize..2048,
    ) {
        let (stage, path) = two_processes();
        let mut bytes = fs::read(&path).unwrap();
        for (at, byte) in flips {
            bytes[at] = byte;
        }
        bytes.truncate(len.max(512));
        write_private(&path, &bytes);
        let reading = read_group(&stage.dir(), &ReadLimits::default()).unwrap();
        prop_assert_eq!(total(&reading, "c"), 2.0);
        crate::render_text(&reading);
    }
}
