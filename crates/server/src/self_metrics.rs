//! What the server counts of itself, shown at `/metrics`.

mod graph;
mod notify;
mod rules;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use model::{Timestamp, format_float};
use store::{Appended, Stats};

pub(crate) use self::rules::{GroupGauges, RuleGauges};
use crate::notify::NotifyGauges;
use crate::scrape::Digest;

/// Counters of the whole process. Relaxed everywhere: each number stands for itself.
#[derive(Debug, Default)]
pub(crate) struct SelfMetrics {
    scrapes: AtomicU64,
    scrapes_failed: AtomicU64,
    lines_rejected: AtomicU64,
    samples_stored: AtomicU64,
    samples_out_of_order: AtomicU64,
    samples_out_of_bounds: AtomicU64,
    samples_unknown: AtomicU64,
    appends_failed: AtomicU64,
    syncs_failed: AtomicU64,
    scrape_seconds: Histogram,
    query_seconds: Histogram,
    rule_seconds: Histogram,
    graph: graph::GraphMetrics,
    /// 1 or 0; 1 also where there is no file.
    config_good: AtomicI64,
    config_read_ms: AtomicI64,
    /// By route and status.
    requests: Mutex<BTreeMap<(String, u16), u64>>,
}

/// Upper bounds in seconds, from a local read to a query at its deadline.
const BOUNDS: [f64; 10] = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 30.0];

#[derive(Debug, Default)]
struct Histogram {
    /// Not cumulative; the last one is above all bounds.
    buckets: [AtomicU64; BOUNDS.len() + 1],
    sum_micros: AtomicU64,
}

/// What is asked of others at the moment of `/metrics`.
#[derive(Debug)]
pub(crate) struct Gauges {
    pub(crate) store: Stats,
    pub(crate) targets_up: usize,
    pub(crate) targets: usize,
    pub(crate) queries_running: usize,
    pub(crate) rules: RuleGauges,
    pub(crate) notify: NotifyGauges,
    pub(crate) started: Timestamp,
}

impl SelfMetrics {
    pub(crate) fn scraped(&self, digest: &Digest, appended: &Appended, duration: Duration) {
        add(&self.scrapes, 1);
        add(&self.scrapes_failed, usize::from(digest.error.is_some()));
        add(&self.lines_rejected, digest.rejected_total);
        add(&self.samples_stored, appended.stored);
        add(&self.samples_out_of_order, appended.out_of_order);
        add(&self.samples_out_of_bounds, appended.out_of_bounds);
        add(&self.samples_unknown, appended.unknown);
        self.scrape_seconds.observe(duration);
    }

    pub(crate) fn append_failed(&self) {
        add(&self.appends_failed, 1);
    }

    pub(crate) fn sync_failed(&self) {
        add(&self.syncs_failed, 1);
    }

    pub(crate) fn queried(&self, duration: Duration) {
        self.query_seconds.observe(duration);
    }

    pub(crate) fn rule_evaluated(&self, duration: Duration) {
        self.rule_seconds.observe(duration);
    }

    /// A graph was derived.
    pub(crate) fn related(&self, entities: usize, relations: usize, took: Duration) {
        self.graph.derived(entities, relations, took);
    }

    pub(crate) fn config_read(&self, good: bool, now: Timestamp) {
        self.config_good.store(i64::from(good), Ordering::Relaxed);
        if good {
            self.config_read_ms
                .store(now.as_millis(), Ordering::Relaxed);
        }
    }

    pub(crate) fn config_is_good(&self) -> bool {
        self.config_good.load(Ordering::Relaxed) == 1
    }

    /// When the configuration in force was read.
    pub(crate) fn config_time(&self) -> Timestamp {
        Timestamp::from_millis(self.config_read_ms.load(Ordering::Relaxed))
    }

    /// `route` is one of the router's patterns, so the number of entries is bounded.
    pub(crate) fn answered(&self, route: &str, status: u16) {
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        *requests.entry((route.to_owned(), status)).or_default() += 1;
    }

    /// All as Prometheus text 0.0.4.
    pub(crate) fn render(&self, gauges: &Gauges) -> String {
        let mut page = Page::default();
        page.one(
            "pyrometer_build_info",
            "gauge",
            "The version that runs.",
            &[(
                format!("{{version=\"{}\"}}", env!("CARGO_PKG_VERSION")),
                1.0,
            )],
        );
        self.render_scrapes(&mut page);
        render_store(&mut page, &gauges.store);
        self.render_config(&mut page, gauges);
        self.render_queries(&mut page, gauges);
        rules::render_rules(&mut page, &gauges.rules);
        page.histogram(
            "pyrometer_rule_evaluation_duration_seconds",
            "How long the evaluation of a rule took.",
            &self.rule_seconds,
        );
        self.graph.render(&mut page);
        notify::render_notify(&mut page, &gauges.notify);
        render_process(&mut page, gauges.started);
        page.text
    }

    fn render_config(&self, page: &mut Page, gauges: &Gauges) {
        page.plain(
            "pyrometer_targets",
            "gauge",
            "Targets now.",
            gauges.targets as f64,
        );
        page.plain(
            "pyrometer_targets_up",
            "gauge",
            "Targets that are up.",
            gauges.targets_up as f64,
        );
        page.plain(
            "pyrometer_config_last_reload_successful",
            "gauge",
            "Whether the last attempt to read the configuration succeeded.",
            self.config_good.load(Ordering::Relaxed) as f64,
        );
        page.plain(
            "pyrometer_config_last_reload_success_timestamp_seconds",
            "gauge",
            "When the configuration was last read with success.",
            self.config_read_ms.load(Ordering::Relaxed) as f64 / 1000.0,
        );
    }

    fn render_queries(&self, page: &mut Page, gauges: &Gauges) {
        let requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        let rows: Vec<(String, f64)> = requests
            .iter()
            .map(|((route, status), count)| {
                (
                    format!("{{handler=\"{route}\",code=\"{status}\"}}"),
                    *count as f64,
                )
            })
            .collect();
        page.one(
            "pyrometer_http_requests_total",
            "counter",
            "Requests answered.",
            &rows,
        );
        let running = gauges.queries_running as f64;
        page.plain(
            "pyrometer_queries_running",
            "gauge",
            "Queries evaluated now.",
            running,
        );
        page.histogram(
            "pyrometer_query_duration_seconds",
            "How long queries took, waiting for a free slot included.",
            &self.query_seconds,
        );
    }

    fn render_scrapes(&self, page: &mut Page) {
        for (name, help, counter) in [
            ("pyrometer_scrapes_total", "Scrapes done.", &self.scrapes),
            (
                "pyrometer_scrapes_failed_total",
                "Scrapes that failed.",
                &self.scrapes_failed,
            ),
            (
                "pyrometer_scrape_lines_rejected_total",
                "Lines of scrape bodies that were left out.",
                &self.lines_rejected,
            ),
            (
                "pyrometer_samples_stored_total",
                "Samples appended.",
                &self.samples_stored,
            ),
            (
                "pyrometer_store_append_failures_total",
                "Scrapes the store refused as a whole.",
                &self.appends_failed,
            ),
            (
                "pyrometer_store_sync_failures_total",
                "Times the write-ahead log could not be made safe.",
                &self.syncs_failed,
            ),
        ] {
            page.plain(name, "counter", help, count(counter));
        }
        page.one(
            "pyrometer_samples_refused_total",
            "counter",
            "Samples the store refused, by reason.",
            &[
                (
                    "{reason=\"out_of_bounds\"}".to_owned(),
                    count(&self.samples_out_of_bounds),
                ),
                (
                    "{reason=\"out_of_order\"}".to_owned(),
                    count(&self.samples_out_of_order),
                ),
                (
                    "{reason=\"unknown_series\"}".to_owned(),
                    count(&self.samples_unknown),
                ),
            ],
        );
        page.histogram(
            "pyrometer_scrape_duration_seconds",
            "How long scrapes took.",
            &self.scrape_seconds,
        );
    }
}

fn add(counter: &AtomicU64, n: usize) {
    counter.fetch_add(n as u64, Ordering::Relaxed);
}

fn count(counter: &AtomicU64) -> f64 {
    counter.load(Ordering::Relaxed) as f64
}

impl Histogram {
    fn observe(&self, duration: Duration) {
        let seconds = duration.as_secs_f64();
        let bucket = BOUNDS.partition_point(|&bound| bound < seconds);
        add(&self.buckets[bucket], 1);
        let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        self.sum_micros.fetch_add(micros, Ordering::Relaxed);
    }
}

fn render_store(page: &mut Page, store: &Stats) {
    for (name, help, value) in [
        (
            "pyrometer_store_series",
            "Series in the store.",
            store.series as f64,
        ),
        (
            "pyrometer_store_head_samples",
            "Samples that are in no block yet.",
            store.head_samples as f64,
        ),
        (
            "pyrometer_store_head_bytes",
            "Memory of the samples that are in no block yet.",
            store.head_bytes as f64,
        ),
        (
            "pyrometer_store_blocks",
            "Blocks on disk.",
            store.blocks as f64,
        ),
        (
            "pyrometer_store_block_samples",
            "Samples in blocks.",
            store.block_samples as f64,
        ),
        (
            "pyrometer_store_block_bytes",
            "Size of all blocks.",
            store.block_bytes as f64,
        ),
        (
            "pyrometer_store_wal_bytes",
            "Size of the write-ahead log.",
            store.wal_bytes as f64,
        ),
        (
            "pyrometer_store_damaged_parts",
            "Damaged parts of files met since the start.",
            store.damaged as f64,
        ),
    ] {
        page.plain(name, "gauge", help, value);
    }
}

/// The `process_…` metrics every Prometheus client has, from `/proc/self`; absent elsewhere.
fn render_process(page: &mut Page, started: Timestamp) {
    page.plain(
        "process_start_time_seconds",
        "gauge",
        "Start time of the process.",
        started.as_secs_f64(),
    );
    let Ok(stat) = std::fs::read_to_string("/proc/self/stat") else {
        return;
    };
    // The name in brackets may hold spaces; fields are counted from behind it.
    let fields: Vec<&str> = stat
        .rsplit_once(')')
        .map(|(_, rest)| rest.split_ascii_whitespace().collect())
        .unwrap_or_default();
    let field = |index: usize| fields.get(index).and_then(|text| text.parse::<f64>().ok());
    let ticks = rustix::param::clock_ticks_per_second() as f64;
    if let (Some(user), Some(system)) = (field(11), field(12)) {
        page.plain(
            "process_cpu_seconds_total",
            "counter",
            "Processor time of the process.",
            (user + system) / ticks,
        );
    }
    if let (Some(virt), Some(pages)) = (field(20), field(21)) {
        let resident = pages * rustix::param::page_size() as f64;
        page.plain(
            "process_virtual_memory_bytes",
            "gauge",
            "Virtual memory.",
            virt,
        );
        page.plain(
            "process_resident_memory_bytes",
            "gauge",
            "Resident memory.",
            resident,
        );
    }
    if let Ok(descriptors) = std::fs::read_dir("/proc/self/fd") {
        page.plain(
            "process_open_fds",
            "gauge",
            "Open descriptors.",
            descriptors.count() as f64,
        );
    }
}

#[derive(Default)]
struct Page {
    text: String,
}

impl Page {
    fn plain(&mut self, name: &str, kind: &str, help: &str, value: f64) {
        self.one(name, kind, help, &[(String::new(), value)]);
    }

    fn one(&mut self, name: &str, kind: &str, help: &str, rows: &[(String, f64)]) {
        self.head(name, kind, help);
        for (labels, value) in rows {
            self.row(name, labels, *value);
        }
    }

    fn head(&mut self, name: &str, kind: &str, help: &str) {
        writeln!(self.text, "# HELP {name} {help}\n# TYPE {name} {kind}")
            .expect("writing to a String does not fail");
    }

    fn row(&mut self, name: &str, labels: &str, value: f64) {
        writeln!(self.text, "{name}{labels} {}", format_float(value))
            .expect("writing to a String does not fail");
    }

    fn histogram(&mut self, name: &str, help: &str, histogram: &Histogram) {
        self.head(name, "histogram", help);
        let mut sum = 0.0;
        for (index, bucket) in histogram.buckets.iter().enumerate() {
            sum += count(bucket);
            let bound = BOUNDS.get(index).copied().unwrap_or(f64::INFINITY);
            let labels = format!("{{le=\"{}\"}}", format_float(bound));
            self.row(&format!("{name}_bucket"), &labels, sum);
        }
        let micros = histogram.sum_micros.load(Ordering::Relaxed) as f64;
        self.row(&format!("{name}_sum"), "", micros / 1e6);
        self.row(&format!("{name}_count"), "", sum);
    }
}

#[cfg(test)]
mod tests {
    use model::exposition::{Format, parse};

    use super::*;

    #[test]
    fn the_page_is_valid_and_adds_up() {
        let metrics = SelfMetrics::default();
        metrics.answered("/api/v1/query", 200);
        metrics.queried(Duration::from_millis(7));
        metrics.queried(Duration::from_secs(100));
        let gauges = Gauges {
            notify: NotifyGauges::default(),
            store: Stats::default(),
            targets_up: 1,
            targets: 2,
            queries_running: 0,
            rules: RuleGauges {
                groups: vec![GroupGauges {
                    file: "a \"quoted\" \\file".to_owned(),
                    name: "g".to_owned(),
                    rules: 2,
                    interval: Duration::from_secs(15),
                    evaluations: 6,
                    failures: 1,
                    missed: 0,
                    evaluated_at: Some(Timestamp::from_millis(7500)),
                    took: Duration::from_millis(20),
                }],
                alerts_pending: 1,
                alerts_firing: 0,
            },
            started: Timestamp::from_millis(5000),
        };
        let exposition = parse(metrics.render(&gauges).as_bytes(), Format::Text);
        assert_eq!(exposition.rejected, []);
        let value = |text: &str| {
            let found = exposition
                .samples
                .iter()
                .find(|(labels, ..)| labels.to_string() == text);
            found.unwrap_or_else(|| panic!("{text}")).1
        };
        assert_eq!(value("process_start_time_seconds"), 5.0);
        let group = r#"{rule_group="a \"quoted\" \\file;g"}"#;
        for (metric, expected) in [
            ("rule_evaluations_total", 6.0),
            ("rule_evaluation_failures_total", 1.0),
            ("rule_group_last_evaluation_timestamp_seconds", 7.5),
            ("rule_group_last_duration_seconds", 0.02),
        ] {
            assert_eq!(value(&format!("pyrometer_{metric}{group}")), expected);
        }
        assert_eq!(value("pyrometer_alerts{state=\"pending\"}"), 1.0);
        assert_eq!(
            value("pyrometer_query_duration_seconds_bucket{le=\"0.01\"}"),
            1.0
        );
        assert_eq!(
            value("pyrometer_query_duration_seconds_bucket{le=\"+Inf\"}"),
            2.0
        );
        assert_eq!(
            value("pyrometer_http_requests_total{code=\"200\", handler=\"/api/v1/query\"}"),
            1.0
        );
    }
}
