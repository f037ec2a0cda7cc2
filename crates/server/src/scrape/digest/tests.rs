use std::path::Path;
use std::sync::Arc;

use model::is_stale;
use proptest::prelude::*;
use store::{GroupId, Store};

use super::*;
use crate::config::Config;
use crate::discovery::{Built, build_target};
use crate::targets::TargetKind;

fn spec(job: &str) -> TargetSpec {
    let text = format!("scrape_configs: [{{job_name: j, {job}}}]");
    let (config, problems) = Config::read(&text, Path::new("/"));
    let config = config.unwrap_or_else(|| panic!("{problems:?}"));
    let built = build_target(&config.jobs[0], "h:1", &Labels::empty(), TargetKind::Static);
    match built.unwrap() {
        Built::Target(spec) => *spec,
        Built::Dropped(labels) => panic!("{labels}"),
    }
}

/// Scrapes one target again and again and shows what each scrape adds.
struct Scrapes {
    spec: TargetSpec,
    store: Store,
    group: GroupId,
    cache: ScrapeCache,
    names: HashMap<SeriesId, Labels>,
}

impl Scrapes {
    fn new(job: &str) -> Self {
        let store = Store::in_memory();
        let group = store.group("g");
        Self {
            spec: spec(job),
            store,
            group,
            cache: ScrapeCache::default(),
            names: HashMap::new(),
        }
    }

    /// `None` is a scrape that failed.
    fn digest(&mut self, body: Option<&str>) -> Digest {
        let Self {
            spec,
            store,
            group,
            cache,
            names,
        } = self;
        let mut resolve = |labels: &Labels| {
            let id = store.resolve(*group, labels)?;
            names.insert(id, labels.clone());
            Ok(id)
        };
        let mut digest = match body {
            Some(body) => cache.body(body.as_bytes(), Format::Text, spec, &mut resolve),
            None => cache.failed("connection refused".to_owned(), None),
        };
        cache.report(&mut digest, 0.5, spec, &mut resolve).unwrap();
        digest
    }

    /// `a=1 b=stale up=1 …`, without the target's own labels, sorted.
    fn show(&self, digest: &Digest) -> String {
        let mut shown: Vec<String> = digest
            .samples
            .iter()
            .map(|(id, value)| {
                let labels = self.names[id].drop(&["job", "instance"]);
                if is_stale(*value) {
                    format!("{labels}=stale")
                } else {
                    format!("{labels}={value}")
                }
            })
            .filter(|text| !text.starts_with("scrape_"))
            .collect();
        shown.extend(digest.timed.iter().map(|(id, at, value)| {
            format!("{}={value}@{at}", self.names[id].drop(&["job", "instance"]))
        }));
        shown.sort();
        shown.join(" ")
    }
}

fn check(job: &str, steps: &[(Option<&str>, &str)]) {
    let mut scrapes = Scrapes::new(job);
    for (body, expected) in steps {
        let digest = scrapes.digest(*body);
        assert_eq!(scrapes.show(&digest), *expected, "{body:?}");
    }
}

#[test]
fn a_series_that_vanishes_gets_one_stale_marker() {
    check(
        "",
        &[
            (Some("a 1\nb 2\n"), "a=1 b=2 up=1"),
            (Some("a 2\n"), "a=2 b=stale up=1"),
            (Some("a 3\n"), "a=3 up=1"),
            (Some("a 4\nb 5\n"), "a=4 b=5 up=1"),
        ],
    );
}

#[test]
fn a_failed_scrape_ends_everything_but_up() {
    check(
        "",
        &[
            (Some("a 1\n"), "a=1 up=1"),
            (None, "a=stale up=0"),
            (None, "up=0"),
            (Some("a 2\n"), "a=2 up=1"),
        ],
    );
}

#[test]
fn a_removed_target_ends_up_too() {
    let mut scrapes = Scrapes::new("");
    scrapes.digest(Some("a 1\n"));
    let ended = scrapes.cache.end();
    assert_eq!(ended.len(), 6);
    assert!(ended.iter().all(|(_, value)| is_stale(*value)));
    assert!(scrapes.cache.end().is_empty());
}

#[test]
fn a_clash_with_the_target_becomes_exported() {
    check(
        "",
        &[(Some("a{job=\"x\"} 1\n"), "a{exported_job=\"x\"}=1 up=1")],
    );
    check(
        "",
        &[(
            Some("a{job=\"x\",exported_job=\"y\"} 1\n"),
            "a{exported_exported_job=\"x\", exported_job=\"y\"}=1 up=1",
        )],
    );
    // `show` hides the labels job and instance: the exposed one won.
    check(
        "honor_labels: true",
        &[(Some("a{job=\"x\"} 1\n"), "a=1 up=1")],
    );
}

#[test]
fn own_timestamps_are_honoured_or_not() {
    check(
        "",
        &[
            (Some("a 1 5000\n"), "a=1@5 up=1"),
            (Some("b 1\n"), "b=1 up=1"),
        ],
    );
    check(
        "honor_timestamps: false",
        &[
            (Some("a 1 5000\n"), "a=1 up=1"),
            (Some("b 1\n"), "a=stale b=1 up=1"),
        ],
    );
}

#[test]
fn rules_drop_and_rename_series() {
    check(
        "metric_relabel_configs: [{source_labels: [__name__], regex: 'go_.*', action: drop}, \
         {source_labels: [__name__], regex: 'old_(.*)', target_label: __name__, replacement: 'new_$1'}]",
        &[
            (Some("go_x 1\nold_a 2\n"), "new_a=2 up=1"),
            (Some("go_x 1\nold_a 3\n"), "new_a=3 up=1"),
        ],
    );
}

#[test]
fn a_bad_line_costs_itself() {
    let mut scrapes = Scrapes::new("");
    let digest = scrapes.digest(Some("a 1\nb{ 2\nc x\nd 4\n"));
    assert_eq!(scrapes.show(&digest), "a=1 d=4 up=1");
    assert_eq!(digest.rejected_total, 2);
    assert_eq!(
        digest
            .rejected
            .iter()
            .map(|line| line.line)
            .collect::<Vec<_>>(),
        [2, 3]
    );
}

#[test]
fn only_the_first_bad_lines_are_kept() {
    let mut scrapes = Scrapes::new("");
    let digest = scrapes.digest(Some(&format!("a 1\n{}", "x\n".repeat(50))));
    assert_eq!((digest.rejected.len(), digest.rejected_total), (5, 50));
}

#[test]
fn a_page_without_any_sample_is_a_failed_scrape() {
    let mut scrapes = Scrapes::new("");
    scrapes.digest(Some("a 1\n"));
    let digest = scrapes.digest(Some("<html>\n<p>hello</p>\n</html>\n"));
    assert_eq!(scrapes.show(&digest), "a=stale up=0");
    assert!(digest.error.unwrap().contains("right path"));
    // An empty body is no mistake: the app has no metrics yet.
    let digest = scrapes.digest(Some(""));
    assert_eq!(scrapes.show(&digest), "up=1");
}

#[test]
fn a_series_twice_is_stored_once_also_in_another_spelling() {
    let mut scrapes = Scrapes::new("");
    let digest = scrapes.digest(Some("a{x=\"1\",y=\"2\"} 1\na{y=\"2\",x=\"1\"} 2\n"));
    assert_eq!(scrapes.show(&digest), "a{x=\"1\", y=\"2\"}=1 up=1");
    assert_eq!(digest.rejected[0].reason, "the series stands twice");
}

#[test]
fn a_target_cannot_speak_for_the_scrape() {
    let mut scrapes = Scrapes::new("");
    let digest = scrapes.digest(Some("up 7\na 1\n"));
    assert_eq!(scrapes.show(&digest), "a=1 up=1");
    assert!(digest.rejected[0].reason.contains("reserved"));
}

#[test]
fn a_sample_limit_of_the_user_refuses_the_scrape() {
    let mut scrapes = Scrapes::new("sample_limit: 2");
    assert_eq!(
        {
            let d = scrapes.digest(Some("a 1\nb 2\n"));
            scrapes.show(&d)
        },
        "a=1 b=2 up=1"
    );
    let digest = scrapes.digest(Some("a 1\nb 2\nc 3\n"));
    assert_eq!(scrapes.show(&digest), "a=stale b=stale up=0");
    assert_eq!(digest.limited.as_deref(), Some("sample_limit"));
    // Nothing of the refused body became a series.
    assert_eq!(
        scrapes
            .names
            .values()
            .filter(|labels| labels.metric_name() == "c")
            .count(),
        0
    );
}

#[test]
fn the_default_sample_limit_keeps_the_first_ones() {
    let mut scrapes = Scrapes::new("");
    let body: String = (0..50_010).map(|n| format!("m{{n=\"{n}\"}} 1\n")).collect();
    let digest = scrapes.digest(Some(&body));
    assert_eq!(
        (digest.kept, digest.scraped, digest.error),
        (50_000, 50_010, None)
    );
    assert_eq!(digest.limited.as_deref(), Some("sample_limit"));
}

#[test]
fn labels_over_a_limit_cost_their_line() {
    for (job, part) in [
        ("label_limit: 3", "label_limit is 3"),
        ("label_name_length_limit: 9", "label_name_length_limit is 9"),
        (
            "label_value_length_limit: 5",
            "label_value_length_limit is 5",
        ),
    ] {
        let mut scrapes = Scrapes::new(job);
        let digest = scrapes.digest(Some("a 1\nb{aa_long_name=\"longer\"} 1\n"));
        assert_eq!(scrapes.show(&digest), "a=1 up=1", "{job}");
        assert!(
            digest.rejected[0].reason.contains(part),
            "{:?}",
            digest.rejected
        );
    }
}

#[test]
fn type_help_and_unit_are_remembered() {
    let mut scrapes = Scrapes::new("");
    let digest = scrapes.digest(Some("# HELP a What it is.\n# TYPE a counter\na 1\n"));
    let family = &digest.metadata["a"];
    assert_eq!(
        (family.kind, family.help.as_str()),
        ("counter", "What it is.")
    );
}

#[test]
fn a_new_configuration_still_ends_what_was_live() {
    let mut scrapes = Scrapes::new("");
    scrapes.digest(Some("a 1\nb 1\n"));
    scrapes.cache.forget_texts();
    scrapes.spec = Arc::new(spec(
        "metric_relabel_configs: [{source_labels: [__name__], regex: b, action: drop}]",
    ))
    .as_ref()
    .clone();
    let digest = scrapes.digest(Some("a 2\nb 2\n"));
    assert_eq!(scrapes.show(&digest), "a=2 b=stale up=1");
}

proptest! {
    #[test]
    fn no_body_breaks_the_books(bodies in proptest::collection::vec("[ab{}\"=x ,#\n0-9]{0,80}", 1..6)) {
        let mut scrapes = Scrapes::new("");
        for body in &bodies {
            let digest = scrapes.digest(Some(body));
            let mut seen = HashSet::new();
            for (id, _) in &digest.samples {
                prop_assert!(seen.insert(*id), "a series twice in one batch");
            }
            let fresh = digest.samples.iter().filter(|(_, value)| !is_stale(*value)).count();
            if digest.error.is_none() {
                prop_assert_eq!(fresh + digest.timed.len(), digest.kept + REPORT_NAMES.len());
            }
        }
    }
}
