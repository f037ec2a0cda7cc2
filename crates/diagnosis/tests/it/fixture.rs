//! Packs with the scrapes that prove them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{LazyLock, OnceLock};

use diagnosis::pack::{Pack, PackFiles, Verified, embedded};
use model::{Labels, Timestamp};
use store::Store;

/// A pack and what proves it.
pub(crate) struct Proven {
    pub(crate) folder: PathBuf,
    pub(crate) pack: Pack,
    pub(crate) fixtures: Vec<Fixture>,
}

/// What one real target exposed, as far as the pack speaks of it.
pub(crate) struct Fixture {
    pub(crate) path: PathBuf,
    /// Taken while the service failed on purpose: its name ends in `.failing.prom`.
    pub(crate) failing: bool,
    /// Labels, value, whether the value counts up.
    pub(crate) series: Vec<(Labels, f64, bool)>,
    store: OnceLock<Store>,
}

static PACKS: LazyLock<Vec<Proven>> = LazyLock::new(|| {
    let folders = files_of(&packs_dir(), |path| path.is_dir());
    assert!(folders.len() >= 3, "{folders:?}");
    folders.into_iter().map(Proven::read).collect()
});

pub(crate) fn packs() -> &'static [Proven] {
    &PACKS
}

fn packs_dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../packs")
}

/// The entries of a folder that pass, sorted; none when there is no folder.
pub(crate) fn files_of(folder: &Path, passes: impl Fn(&Path) -> bool) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| passes(path));
    paths.sort();
    paths
}

impl Proven {
    fn read(folder: PathBuf) -> Self {
        let id = folder.file_name().unwrap().to_str().unwrap().to_owned();
        let files = embedded().into_iter().find(|files| files.id == id);
        let files: PackFiles<'_> = files.unwrap_or_else(|| panic!("{id} is not embedded"));
        let pack = Pack::load(&files).unwrap_or_else(|problems| {
            let told = problems.iter().map(|problem| format!("{problem}\n"));
            panic!("{}", told.collect::<String>())
        });
        let source: String = files.files.iter().map(|(_, text)| *text).collect();
        let paths = files_of(&folder.join("fixtures"), |_| true);
        let fixtures = paths.iter().map(|path| Fixture::read(path, &source));
        let fixtures: Vec<Fixture> = fixtures.collect();
        assert!(
            fixtures.iter().any(|fixture| !fixture.failing),
            "{id} needs a scrape of a target that is well"
        );
        let is_real = |f: &Fixture| !f.path.to_string_lossy().ends_with(".reference.prom");
        let real = fixtures.iter().any(is_real);
        assert_eq!(
            real,
            pack.verified == Verified::Real,
            "{id}: `verified` is not true"
        );
        Self {
            folder,
            pack,
            fixtures,
        }
    }
}

impl Fixture {
    /// `source`: the texts of the pack; series of metrics that it does not name are left out.
    fn read(path: &Path, source: &str) -> Self {
        let text = std::fs::read_to_string(path).unwrap();
        let words: BTreeSet<&str> = source.split(|c: char| !is_word(c)).collect();
        let (mut series, mut cumulative) = (Vec::new(), counted(source));
        for line in text.lines() {
            if let Some(family) = line.strip_prefix("# TYPE ") {
                let (name, kind) = family.split_once(' ').unwrap();
                if kind == "counter" {
                    cumulative.insert(name.to_owned());
                } else if kind == "histogram" {
                    cumulative.extend(["_bucket", "_sum", "_count"].map(|s| format!("{name}{s}")));
                }
            }
            if line.starts_with('#') || line.is_empty() {
                continue;
            }
            let (selector, value) = line.rsplit_once(' ').unwrap();
            let end = selector
                .find(|c: char| !is_word(c))
                .unwrap_or(selector.len());
            if !words.contains(&selector[..end]) {
                continue;
            }
            let labels = labels_of(selector);
            let counts = cumulative.contains(labels.metric_name());
            series.push((labels, value.parse().unwrap(), counts));
        }
        assert!(
            !series.is_empty(),
            "{} has nothing of its pack",
            path.display()
        );
        Self {
            path: path.to_owned(),
            failing: path.to_string_lossy().ends_with(".failing.prom"),
            series,
            store: OnceLock::new(),
        }
    }

    pub(crate) fn has(&self, metric: &str) -> bool {
        let mut names = self.series.iter().map(|(labels, ..)| labels.metric_name());
        names.any(|name| name == metric)
    }

    /// Two jobs with these series, scraped every 5 s from 0 to 10 min; counters go on about as
    /// fast as they did: a hundredth of what they counted with every scrape. Events stay whole.
    pub(crate) fn store(&self) -> &Store {
        self.store.get_or_init(|| {
            let store = Store::in_memory();
            ["shop", "blog"]
                .iter()
                .for_each(|job| self.fill(&store, job));
            store
        })
    }

    fn fill(&self, store: &Store, job: &str) {
        let group = store.group(job);
        let resolve = |(labels, value, counts): &(Labels, f64, bool)| {
            let mut labels = labels.builder();
            labels.set("job", job).set("instance", "h:1");
            (
                store.resolve(group, &labels.build()).unwrap(),
                *value,
                *counts,
            )
        };
        let series: Vec<_> = self.series.iter().map(resolve).collect();
        for round in 0..=120_i32 {
            let grown = |value: f64, counts: bool| {
                let grown = value + f64::from(round) * value / 100.0;
                match (counts, value.fract() == 0.0) {
                    (true, true) => grown.floor(),
                    (true, false) => grown,
                    (false, _) => value,
                }
            };
            let samples = series
                .iter()
                .map(|&(id, value, counts)| (id, grown(value, counts)));
            let at = Timestamp::from_millis(i64::from(round) * 5000);
            store
                .append(group, at, &samples.collect::<Vec<_>>())
                .unwrap();
        }
    }
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == ':'
}

/// Metrics whose growth the pack asks for. Some exporters call their counters untyped.
fn counted(source: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for function in ["rate(", "increase("] {
        for rest in source.split(function).skip(1) {
            let end = rest.find(|c: char| !is_word(c)).unwrap_or(rest.len());
            names.insert(rest[..end].to_owned());
        }
    }
    names
}

/// A line of the text format names a series as PromQL does.
pub(crate) fn labels_of(selector: &str) -> Labels {
    let expr = promql::parse(selector).unwrap_or_else(|error| panic!("{selector}: {error}"));
    let matchers = expr.selectors().next().unwrap().matchers.iter();
    Labels::new(matchers.map(|matcher| (matcher.name(), matcher.value()))).unwrap()
}
