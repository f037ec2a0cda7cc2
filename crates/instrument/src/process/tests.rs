use std::sync::Barrier;

use super::*;
use crate::{FamilyKind, FamilySpec, GaugeMode, GroupReading, ReadLimits, render_text};

/// A group of played processes in a folder of its own. Their numbers are beyond what the kernel
/// gives, so that only their locks say whether they live.
pub(crate) struct Stage {
    _folder: tempfile::TempDir,
    runtime_dir: PathBuf,
    n_processes: std::cell::Cell<u32>,
}

pub(crate) const ROOT: ProcessId = ProcessId {
    pid: 50_000_000,
    start: 1,
};

impl Stage {
    pub(crate) fn new() -> Self {
        // In memory, where it really lies, if there is such a place: disks make it slow.
        let shm = Path::new("/dev/shm");
        let folder = match shm.is_dir() {
            true => tempfile::tempdir_in(shm),
            false => tempfile::tempdir(),
        };
        let folder = folder.unwrap();
        Self {
            runtime_dir: folder.path().join("runtime"),
            _folder: folder,
            n_processes: std::cell::Cell::new(0),
        }
    }

    pub(crate) fn process(&self) -> Arc<Process> {
        self.process_with(SegmentLimits::default())
    }

    pub(crate) fn process_with(&self, limits: SegmentLimits) -> Arc<Process> {
        self.play(limits, Proc::default())
    }

    pub(crate) fn process_in(&self, proc: Proc) -> Arc<Process> {
        self.play(SegmentLimits::default(), proc)
    }

    fn play(&self, limits: SegmentLimits, proc: Proc) -> Arc<Process> {
        let n = self.n_processes.get() + 1;
        self.n_processes.set(n);
        let id = ProcessId {
            pid: ROOT.pid + n,
            start: u64::from(n),
        };
        Process::new(ProcessOptions {
            runtime_dir: Some(self.runtime_dir.clone()),
            limits,
            proc,
            identity: Some((GroupKey(ROOT), id)),
            writers: Writers::Many,
        })
    }

    pub(crate) fn runtime_dir(&self) -> &Path {
        &self.runtime_dir
    }

    pub(crate) fn dir(&self) -> PathBuf {
        self.runtime_dir.join(GroupKey(ROOT).to_string())
    }

    pub(crate) fn segments(&self) -> Vec<String> {
        let names = std::fs::read_dir(self.dir()).unwrap();
        let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.filter(|name| name.ends_with(".seg")).collect();
        names.sort();
        names
    }

    /// The group as a server reads it: our own metrics of the processes left out.
    pub(crate) fn text(&self) -> String {
        text_of(&crate::read_group(&self.dir(), &ReadLimits::default()).unwrap())
    }

    fn check(&self, expected: &str) {
        assert_eq!(self.text(), expected);
    }
}

pub(crate) fn text_of(reading: &GroupReading) -> String {
    let text = render_text(reading);
    let is_theirs = |line: &&str| {
        !line.starts_with('#') && !line.starts_with("process_") && !line.starts_with("pyrometer_")
    };
    let lines: Vec<&str> = text.lines().filter(is_theirs).collect();
    lines.join("; ")
}

pub(crate) fn spec(kind: FamilyKind, name: &str, labels: &[&str]) -> FamilySpec {
    FamilySpec {
        kind,
        mode: GaugeMode::Auto,
        name: name.to_owned(),
        help: "help".to_owned(),
        unit: String::new(),
        label_names: labels.iter().map(|&label| label.to_owned()).collect(),
        bounds: match kind {
            FamilyKind::Histogram => vec![1.0, 2.0, f64::INFINITY],
            _ => Vec::new(),
        },
        states: Vec::new(),
        native: None,
    }
}

pub(crate) fn shared(process: &Arc<Process>, spec: FamilySpec) -> Arc<Family> {
    let family = Family::new(process, spec);
    family.share(0);
    family
}

pub(crate) fn counter(process: &Arc<Process>, labels: &[&str]) -> Arc<Series> {
    let names: &[&str] = &["a", "b"][..labels.len()];
    shared(process, spec(FamilyKind::Counter, "c", names)).series(labels.iter().copied(), 1.0)
}

impl Process {
    /// Lets go of the lock, as the kernel does at a process's end.
    pub(crate) fn die(&self) {
        self.inner().lock_file.close();
    }

    /// Goes on as a child that was just forked and told so.
    pub(crate) fn play_fork(&self) {
        // What the kernel does to the word.
        self.epoch.store(0, Ordering::Release);
        self.after_fork();
    }
}

#[test]
fn counters_of_two_processes_add_up() {
    let stage = Stage::new();
    let (one, two) = (stage.process(), stage.process());
    counter(&one, &["x"]).add(1.0);
    counter(&two, &["x"]).add(2.5);
    counter(&two, &["y"]).add(1.0);
    // The second `c` of the second process is made anew, and replaces the first.
    stage.check(r#"c_total{a="x"} 1.0; c_total{a="y"} 1.0"#);
    let family = shared(&two, spec(FamilyKind::Counter, "d", &["a"]));
    family.series(["x"], 1.0).add(2.0);
    family.series(["y"], 1.0).add(3.0);
    stage
        .check(r#"c_total{a="x"} 1.0; c_total{a="y"} 1.0; d_total{a="x"} 2.0; d_total{a="y"} 3.0"#);
    assert_eq!(text_of(&one.read_group(&ReadLimits::default())), {
        // From inside, others come first; the sums are the same.
        r#"c_total{a="y"} 1.0; c_total{a="x"} 1.0; d_total{a="x"} 2.0; d_total{a="y"} 3.0"#
    });
}

#[test]
fn summaries_and_histograms_of_two_processes_add_up() {
    let stage = Stage::new();
    for amount in [0.5, 1.5] {
        let process = stage.process();
        shared(&process, spec(FamilyKind::Summary, "s", &[]))
            .series([], 1.0)
            .summary_observe(amount);
        let histogram = shared(&process, spec(FamilyKind::Histogram, "h", &[])).series([], 1.0);
        assert!(histogram.histogram_observe(amount).is_some());
        assert!(histogram.histogram_observe(f64::NAN).is_none());
        histogram.set_cell(0, amount);
    }
    stage.check(
        "s_count 2.0; s_sum 2.0; \
         h_bucket{le=\"1.0\"} 1.0; h_bucket{le=\"2.0\"} 2.0; h_bucket{le=\"+Inf\"} 2.0; \
         h_count 2.0; h_sum 2.0",
    );
}

#[test]
fn histograms_with_other_bounds_keep_each_others_buckets() {
    let stage = Stage::new();
    for bounds in [[1.0, 4.0, f64::INFINITY], [2.0, 4.0, f64::INFINITY]] {
        let process = stage.process();
        let mut spec = spec(FamilyKind::Histogram, "h", &[]);
        spec.bounds = bounds.to_vec();
        shared(&process, spec)
            .series([], 1.0)
            .histogram_observe(1.5);
    }
    stage.check(
        "h_bucket{le=\"1.0\"} 0.0; h_bucket{le=\"2.0\"} 1.0; h_bucket{le=\"4.0\"} 2.0; \
         h_bucket{le=\"+Inf\"} 2.0; h_count 2.0; h_sum 3.0",
    );
}

/// What a gauge shows while processes 1 and 2 live, after 2 died, and after both died.
fn check_gauge(mode: GaugeMode, play: fn(&[Arc<Series>]), expected: [&str; 3]) {
    let stage = Stage::new();
    let processes = [stage.process(), stage.process()];
    let gauges: Vec<Arc<Series>> = processes
        .iter()
        .map(|process| {
            let mut spec = spec(FamilyKind::Gauge, "g", &[]);
            spec.mode = mode;
            shared(process, spec).series([], 1.0)
        })
        .collect();
    play(&gauges);
    let both = stage.text();
    processes[1].die();
    let one = stage.text();
    processes[0].die();
    let none = stage.text();
    assert_eq!([both, one, none], expected.map(str::to_owned), "{mode:?}");
    // Folding changes nothing that counts.
    counter(&stage.process(), &[]).add(1.0);
    assert_eq!(stage.segments().len(), 2, "{:?}", stage.segments());
    let folded = stage.text().replace("c_total 1.0", "");
    assert_eq!(
        folded.trim_matches([' ', ';']),
        expected[2],
        "{mode:?} folded"
    );
}

fn set(gauges: &[Arc<Series>]) {
    gauges[0].gauge_set(5.0, 100.0);
    gauges[1].gauge_set(7.0, 101.0);
}

fn moved(gauges: &[Arc<Series>]) {
    gauges[0].gauge_set(0.0, 100.0);
    gauges[0].gauge_add(2.0);
    gauges[1].gauge_add(3.0);
}

fn one_set(gauges: &[Arc<Series>]) {
    gauges[1].gauge_set(7.0, 101.0);
}

#[test]
fn a_gauge_without_a_mode_that_is_set_shows_what_was_set_last() {
    check_gauge(GaugeMode::Auto, set, ["g 7.0", "g 7.0", "g 7.0"]);
    check_gauge(GaugeMode::Auto, one_set, ["g 7.0", "g 7.0", "g 7.0"]);
}

#[test]
fn a_gauge_without_a_mode_that_moves_adds_up_over_the_living() {
    check_gauge(GaugeMode::Auto, moved, ["g 5.0", "g 2.0", ""]);
}

#[test]
fn a_gauge_that_nobody_touched_is_zero_while_somebody_lives() {
    check_gauge(GaugeMode::Auto, |_| {}, ["g 0.0", "g 0.0", ""]);
}

#[test]
fn modes_keep_or_drop_the_dead() {
    check_gauge(GaugeMode::Sum, set, ["g 12.0", "g 12.0", "g 12.0"]);
    check_gauge(GaugeMode::LiveSum, set, ["g 12.0", "g 5.0", ""]);
    check_gauge(GaugeMode::Min, set, ["g 5.0", "g 5.0", "g 5.0"]);
    check_gauge(GaugeMode::LiveMin, set, ["g 5.0", "g 5.0", ""]);
    check_gauge(GaugeMode::Max, set, ["g 7.0", "g 7.0", "g 7.0"]);
    check_gauge(GaugeMode::LiveMax, set, ["g 7.0", "g 5.0", ""]);
    check_gauge(GaugeMode::MostRecent, set, ["g 7.0", "g 7.0", "g 7.0"]);
    check_gauge(GaugeMode::LiveMostRecent, set, ["g 7.0", "g 5.0", ""]);
}

#[test]
fn a_series_for_each_process_has_its_number() {
    let (one, two) = ("g{pid=\"50000001\"} 5.0", "g{pid=\"50000002\"} 7.0");
    check_gauge(GaugeMode::All, set, [&format!("{one}; {two}"), one, ""]);
}

#[test]
fn counters_of_the_dead_stay_and_are_folded_once() {
    let stage = Stage::new();
    for n in 1..=5 {
        let process = stage.process();
        counter(&process, &["x"]).add(2.0);
        stage.check(&format!("c_total{{a=\"x\"}} {}.0", 2 * n));
        process.die();
        stage.check(&format!("c_total{{a=\"x\"}} {}.0", 2 * n));
    }
    // The archive, and the last one, which nobody has folded yet.
    assert_eq!(stage.segments().len(), 2, "{:?}", stage.segments());
    let reading = crate::read_group(&stage.dir(), &ReadLimits::default()).unwrap();
    let text = render_text(&reading);
    assert!(
        text.contains("pyrometer_process_starts_total 5.0"),
        "{text}"
    );
}

#[test]
fn a_crash_between_folding_and_removing_counts_nothing_twice() {
    let stage = Stage::new();
    let first = stage.process();
    counter(&first, &[]).add(2.0);
    let name = stage.segments().remove(0);
    let kept = std::fs::read(stage.dir().join(&name)).unwrap();
    first.die();
    let second = stage.process();
    counter(&second, &[]).add(1.0);
    stage.check("c_total 3.0");
    let dir = PrivateDir::open(&stage.dir()).unwrap();
    std::io::Write::write_all(&mut dir.create_file(&name).unwrap(), &kept).unwrap();
    stage.check("c_total 3.0");
    second.die();
    counter(&stage.process(), &[]).add(1.0);
    stage.check("c_total 4.0");
    assert_eq!(stage.segments().len(), 2, "{:?}", stage.segments());
}

#[test]
fn a_program_that_calls_exec_begins_anew() {
    let stage = Stage::new();
    let first = stage.process();
    counter(&first, &[]).add(2.0);
    first.die();
    stage.n_processes.set(0);
    counter(&stage.process(), &[]).add(1.0);
    stage.check("c_total 1.0");
}

#[test]
fn a_program_that_calls_exec_leaves_no_later_file_either() {
    let stage = Stage::new();
    // The kernel's number of a process that runs, as it does after an exec.
    let id = Proc::default().identify(std::process::id());
    let process = || {
        Process::new(ProcessOptions {
            runtime_dir: Some(stage.runtime_dir.clone()),
            limits: SegmentLimits::default(),
            proc: Proc::default(),
            identity: Some((GroupKey(ROOT), id)),
            writers: Writers::Many,
        })
    };
    let first = process();
    let family = shared(&first, spec(FamilyKind::Counter, "old", &["a"]));
    for n in 0..2_000 {
        family.series([n.to_string().as_str()], 1.0).add(1.0);
    }
    assert_eq!(stage.segments().len(), 2);
    first.die();
    let second = process();
    shared(&second, spec(FamilyKind::Counter, "new", &["a"]))
        .series(["x"], 1.0)
        .add(1.0);
    stage.check(r#"new_total{a="x"} 1.0"#);
}

/// uWSGI forks from C, where Python's hooks do not run.
#[test]
fn threads_that_notice_a_fork_at_once_agree() {
    for _ in 0..50 {
        let stage = Stage::new();
        let process = stage.process();
        let family = shared(&process, spec(FamilyKind::Counter, "c", &["a"]));
        let series = ["x", "y", "z"].map(|label| family.series([label], 1.0));
        // A child finds the parent's number and a wiped word.
        let inner = Inner {
            pid: 0,
            ..Inner::new(7)
        };
        process.inner.replace(inner);
        process.epoch.store(0, Ordering::Release);
        let barrier = Barrier::new(series.len());
        std::thread::scope(|scope| {
            for one in &series {
                scope.spawn(|| {
                    barrier.wait();
                    for _ in 0..100 {
                        one.add(1.0);
                    }
                });
            }
        });
        assert_eq!(process.epoch(), 8);
        let text = stage.text();
        let mut lines: Vec<&str> = text.split("; ").collect();
        lines.sort_unstable();
        let expected = ["x", "y", "z"].map(|label| format!(r#"c_total{{a="{label}"}} 100.0"#));
        assert_eq!(lines, expected);
        assert!(process.inner().lock_file.is_held());
    }
}

#[test]
fn a_child_does_not_tell_its_parents_errors_again() {
    let stage = Stage::new();
    let process = stage.process();
    process.note_panic();
    process.play_fork();
    process.note_panic();
    assert_eq!(process.inner().panics.load(Ordering::Relaxed), 1);
}

#[test]
fn ten_thousand_series_go_to_further_files() {
    let stage = Stage::new();
    let process = stage.process();
    let family = shared(&process, spec(FamilyKind::Counter, "c", &["a"]));
    for n in 0..10_000 {
        family
            .series([n.to_string().as_str()], 1.0)
            .add(f64::from(n));
    }
    assert!(3 < stage.segments().len(), "{:?}", stage.segments());
    let reading = crate::read_group(&stage.dir(), &ReadLimits::default()).unwrap();
    assert_eq!(reading.families[0].series.len(), 10_000);
    assert!(reading.damaged.is_empty(), "{:?}", reading.damaged);
    process.die();
    counter(&stage.process(), &["x"]).add(1.0);
    assert_eq!(stage.segments().len(), 2);
    let reading = crate::read_group(&stage.dir(), &ReadLimits::default()).unwrap();
    assert_eq!(reading.families[0].series.len(), 10_001);
}

#[test]
fn beyond_the_limit_series_count_in_their_process_and_it_is_said_once() {
    let stage = Stage::new();
    let limits = SegmentLimits {
        first_file_bytes: 4096,
        bytes_max: 4096,
    };
    let process = stage.process_with(limits);
    let family = shared(&process, spec(FamilyKind::Counter, "c", &["a"]));
    let series: Vec<Arc<Series>> = (0..100)
        .map(|n| family.series([n.to_string().as_str()], 1.0))
        .collect();
    for series in &series {
        series.add(1.0);
    }
    let inside = process.read_group(&ReadLimits::default());
    assert_eq!(inside.families[0].series.len(), 100);
    let outside = crate::read_group(&stage.dir(), &ReadLimits::default()).unwrap();
    let n_shared = outside.families[0].series.len();
    assert!((10..90).contains(&n_shared), "{n_shared}");
    let expected = format!("pyrometer_unshared_series {}.0", 100 - n_shared);
    assert!(
        render_text(&outside).contains(&expected),
        "{}",
        render_text(&outside)
    );
    let notice = process.take_notice().unwrap();
    assert!(notice.contains("4096 bytes of shared memory"), "{notice}");
    assert_eq!(process.take_notice(), None);
}

#[test]
fn a_label_value_that_is_too_long_costs_its_series_only() {
    let stage = Stage::new();
    let process = stage.process();
    let family = shared(&process, spec(FamilyKind::Counter, "c", &["a"]));
    family
        .series(["x".repeat(2_000_000).as_str()], 1.0)
        .add(1.0);
    family.series(["y"], 1.0).add(1.0);
    stage.check(r#"c_total{a="y"} 1.0"#);
    assert_eq!(
        process.read_group(&ReadLimits::default()).families[0]
            .series
            .len(),
        2
    );
}

#[test]
fn where_nothing_can_be_made_everything_counts_on_the_heap() {
    for (name, break_it) in [
        (
            "a file",
            (|path| std::fs::write(path, "").unwrap()) as fn(&Path),
        ),
        ("a link", |path| {
            std::os::unix::fs::symlink("/tmp", path).unwrap()
        }),
        ("open to others", |path| {
            use std::os::unix::fs::PermissionsExt as _;
            std::fs::create_dir(path).unwrap();
            let mode = std::fs::Permissions::from_mode(0o755);
            std::fs::set_permissions(path, mode).unwrap();
        }),
    ] {
        let stage = Stage::new();
        break_it(stage.runtime_dir());
        let process = stage.process();
        let series = counter(&process, &[]);
        series.add(2.0);
        assert_eq!(series.cell(0), 2.0, "{name}");
        assert_eq!(
            text_of(&process.read_group(&ReadLimits::default())),
            "c_total 2.0"
        );
        assert!(process.take_notice().is_some(), "{name}");
    }
}

#[test]
fn a_removed_series_is_gone_and_can_come_back_at_zero() {
    let stage = Stage::new();
    let process = stage.process();
    let family = shared(&process, spec(FamilyKind::Counter, "c", &["a"]));
    let old = family.series(["x"], 1.0);
    old.add(5.0);
    let n_words = || crate::read_group(&stage.dir(), &ReadLimits::default()).unwrap();
    old.remove();
    stage.check("");
    // Whoever still holds the old one counts for himself.
    old.add(1.0);
    assert_eq!(old.cell(0), 6.0);
    for _ in 0..1000 {
        let new = family.series(["x"], 1.0);
        new.add(1.0);
        stage_check_one(&n_words());
        new.remove();
    }
    stage.check("");
    // A thousand times the same labels took the place of one.
    assert_eq!(stage.segments().len(), 1);
}

fn stage_check_one(reading: &GroupReading) {
    assert_eq!(text_of(reading), r#"c_total{a="x"} 1.0"#);
}

#[test]
fn a_private_metric_is_seen_once_it_is_shared_with_what_it_counted() {
    let stage = Stage::new();
    let process = stage.process();
    let family = Family::new(&process, spec(FamilyKind::Counter, "c", &[]));
    let series = family.series([], 1.0);
    series.add(2.0);
    assert!(!stage.runtime_dir().exists());
    family.share(0);
    series.share();
    series.add(1.0);
    stage.check("c_total 3.0");
    family.unshare();
    series.add(1.0);
    stage.check("");
    family.share(0);
    series.share();
    stage.check("c_total 4.0");
}

#[test]
fn after_a_fork_what_was_counted_before_counts_once() {
    let stage = Stage::new();
    let process = stage.process();
    let series = counter(&process, &[]);
    series.add(2.0);
    stage.check("c_total 2.0");
    // The child's view of it: another identity cannot be played here, so the parent's file is
    // put aside under another name as the parent would keep it.
    let name = stage.segments().remove(0);
    let other = name.replace("50000001-1", "50000077-1");
    let path = stage.dir().join(&other);
    std::fs::rename(stage.dir().join(&name), &path).unwrap();
    let id = ProcessId {
        pid: ROOT.pid + 77,
        start: 1,
    };
    assert_eq!(other, format!("{id}.0.seg"));
    let n_words = std::fs::metadata(&path).unwrap().len() as usize / 8;
    let header = crate::record::encode_header(id, 0, n_words);
    let bytes: Vec<u8> = header[..6]
        .iter()
        .flat_map(|word| word.to_ne_bytes())
        .collect();
    let file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&file, &bytes, 0).unwrap();
    process.play_fork();
    assert_eq!(series.cell(0), 0.0);
    series.add(1.0);
    assert_eq!(series.cell(0), 1.0);
    stage.check("c_total 3.0");
}

#[test]
fn a_child_that_counts_before_it_is_told_of_the_fork_keeps_what_dead_ones_counted() {
    let stage = Stage::new();
    let dead = stage.process();
    counter(&dead, &[]).add(2.0);
    dead.die();
    let process = stage.process();
    let series = counter(&process, &[]);
    series.add(1.0);
    process.after_fork();
    series.add(4.0);
    stage.check("c_total 7.0");
}

#[test]
fn private_cells_are_copied_by_a_fork() {
    let stage = Stage::new();
    let process = stage.process();
    let series = Family::new(&process, spec(FamilyKind::Counter, "c", &[])).series([], 1.0);
    series.add(2.0);
    process.play_fork();
    assert_eq!(series.cell(0), 2.0);
}

#[test]
fn a_disabled_process_leaves_no_trace() {
    let process = Process::new(ProcessOptions {
        runtime_dir: None,
        limits: SegmentLimits::default(),
        proc: Proc::default(),
        identity: None,
        writers: Writers::Many,
    });
    let series = counter(&process, &[]);
    series.add(1.0);
    assert_eq!((series.cell(0), process.group_dir()), (1.0, None));
    assert_eq!(process.take_notice(), None);
}

#[test]
fn threads_lose_no_count() {
    let stage = Stage::new();
    let process = stage.process();
    let series = counter(&process, &[]);
    let barrier = Barrier::new(5);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                barrier.wait();
                for _ in 0..10_000 {
                    series.add(1.0);
                }
            });
        }
        barrier.wait();
        let mut last = 0.0;
        while last < 40_000.0 {
            let reading = crate::read_group(&stage.dir(), &ReadLimits::default()).unwrap();
            let crate::Value::Counter { total, .. } = reading.families[0].series[0].value else {
                panic!("{reading:?}");
            };
            assert!(last <= total, "{last} {total}");
            last = total;
        }
    });
    stage.check("c_total 40000.0");
}

/// Processes die and are replaced, and each new one folds the dead, while a reader reads.
#[test]
fn no_reader_sees_the_sum_fall_while_the_dead_are_folded() {
    let stage = Stage::new();
    counter(&stage.process(), &[]).add(1.0);
    let dir = stage.dir();
    let is_done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut last = 0.0;
            while !is_done.load(Ordering::Relaxed) {
                let reading = crate::read_group(&dir, &ReadLimits::default()).unwrap();
                let total = match reading
                    .families
                    .first()
                    .map(|family| &family.series[0].value)
                {
                    Some(crate::Value::Counter { total, .. }) => *total,
                    other => panic!("{other:?}"),
                };
                assert!(last <= total, "{last} {total}");
                last = total;
            }
        });
        for _ in 0..300 {
            let process = stage.process();
            counter(&process, &[]).add(1.0);
            process.die();
        }
        is_done.store(true, Ordering::Relaxed);
        reader.join().unwrap();
    });
    // The first one still lives.
    stage.check("c_total 301.0");
}

#[test]
fn the_better_name_of_a_service_stays() {
    use crate::{FindLimits, ServiceSource, find_groups};
    use model::Timestamp;

    let stage = Stage::new();
    let process = stage.process();
    let announce = |service: &str, service_from, started| {
        process.announce(&Announcement {
            service: service.to_owned(),
            service_from,
            framework: None,
            python_version: "3.11".to_owned(),
            package_version: "1".to_owned(),
            version: None,
            started: Timestamp::from_millis(started),
        });
        let (groups, rejected) = find_groups(stage.runtime_dir(), &FindLimits::default());
        assert!(rejected.is_empty(), "{rejected:?}");
        let announcement = &groups[0].announcement;
        (
            announcement.service.clone(),
            announcement.started.as_millis(),
        )
    };
    let expect = |service: &str, started| (service.to_owned(), started);
    assert_eq!(announce("p", ServiceSource::Program, 5), expect("p", 5));
    assert_eq!(announce("a", ServiceSource::App, 7), expect("a", 5));
    assert_eq!(announce("p", ServiceSource::Program, 8), expect("a", 5));
    assert_eq!(announce("e", ServiceSource::Environment, 9), expect("e", 5));
}
