//! A deterministic set of samples that looks like scrapes of Python services.
//!
//! Each target has 100 series under the labels `instance` and `job`:
//!
//! | series | how many | values |
//! |---|---|---|
//! | `http_requests_total` | 28 | counters; 0.2 to 40 requests a scrape, Poisson |
//! | `http_requests_total`, other routes | 10 | counters that never move |
//! | `http_request_duration_seconds_*` | 3 × 14 | 12 buckets, count; sum with a full mantissa |
//! | `process_threads` and the like | 5 | gauges that never change |
//! | `queue_length` | 5 | gauges of whole numbers that walk |
//! | `cpu_ratio` | 3 | gauges in hundredths |
//! | `resident_memory_bytes` | 2 | multiples of a page that walk |
//! | `latency_ewma_seconds` | 5 | gauges with a full mantissa |
//!
//! So 8 of 100 series have full mantissas and 15 never change. A scrape comes every 15 s; one in
//! five is late or early by up to 3 ms. Seeds are fixed: the same scale gives the same samples
//! on every machine, which is what lets another store be fed with exactly them.

use std::io::{self, Write};

use model::{Labels, Timestamp};

pub(crate) const SERIES_PER_TARGET: usize = 100;

/// The first scrape: the start of a block of two hours.
pub(crate) const START_MS: i64 = 1_700_006_400_000;

pub(crate) const INTERVAL_MS: i64 = 15_000;

/// Mean requests a scrape of the busy routes, by turns.
const RATES: [f64; 7] = [0.2, 0.5, 1.0, 2.0, 5.0, 15.0, 40.0];

const ROUTES: usize = 28;
const IDLE_ROUTES: usize = 10;
const HISTOGRAMS: usize = 3;
const BUCKETS: [&str; 12] = [
    "0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1", "2.5", "5", "10", "+Inf",
];

/// Steele and others' splitmix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// In 0..1.
    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    /// Knuth's method: multiply until below e^-mean.
    fn poisson(&mut self, mean: f64) -> u64 {
        let floor = (-mean).exp();
        let mut product = self.unit();
        let mut n = 0;
        while product > floor {
            product *= self.unit();
            n += 1;
        }
        n
    }
}

/// One target, moving from scrape to scrape.
pub(crate) struct Target {
    random: Random,
    pub(crate) labels: Vec<Labels>,
    pub(crate) values: Vec<f64>,
    pub(crate) at: Timestamp,
    scrape: i64,
}

impl Target {
    pub(crate) fn new(number: usize) -> Self {
        Self {
            random: Random(number as u64 + 1),
            labels: labels(number),
            values: initial_values(number),
            at: Timestamp::default(),
            scrape: 0,
        }
    }

    /// The next scrape: sets `at` and `values`.
    pub(crate) fn scrape(&mut self, number: usize) {
        let random = &mut self.random;
        let jitter = match random.below(5) {
            0 => random.below(7) as i64 - 3,
            _ => 0,
        };
        // Targets are spread over the interval, as a scraper spreads them.
        let offset = (number as i64 * 149) % (INTERVAL_MS - 10) + 5;
        self.at = Timestamp::from_millis(START_MS + self.scrape * INTERVAL_MS + offset + jitter);
        self.scrape += 1;
        let (routes, rest) = self.values.split_at_mut(ROUTES + IDLE_ROUTES);
        for (route, value) in routes[..ROUTES].iter_mut().enumerate() {
            *value += random.poisson(RATES[route % RATES.len()]) as f64;
        }
        let (histograms, gauges) = rest.split_at_mut(HISTOGRAMS * (BUCKETS.len() + 2));
        for (kind, values) in histograms.chunks_mut(BUCKETS.len() + 2).enumerate() {
            for _ in 0..random.poisson([2.0, 8.0, 25.0][kind]) {
                observe(random, values);
            }
        }
        for value in &mut gauges[5..10] {
            *value = (*value + random.below(7) as f64 - 3.0).max(0.0);
        }
        for value in &mut gauges[10..13] {
            *value = random.below(100) as f64 / 100.0;
        }
        for value in &mut gauges[13..15] {
            *value += 4096.0 * (random.below(33) as f64 - 16.0);
        }
        for value in &mut gauges[15..20] {
            *value = *value * 0.9 + random.unit() * 0.1;
        }
    }
}

/// One request of 1 ms to 4 s, mostly short.
fn observe(random: &mut Random, values: &mut [f64]) {
    let seconds = 0.001 * (random.unit() * 8.3).exp();
    for (bucket, bound) in BUCKETS.iter().enumerate() {
        if bound.parse().is_ok_and(|bound: f64| seconds <= bound) {
            values[bucket] += 1.0;
        }
    }
    values[BUCKETS.len()] += seconds;
    values[BUCKETS.len() + 1] += 1.0;
}

fn labels(target: usize) -> Vec<Labels> {
    let instance = format!("10.0.{}.{}:8000", target / 250, target % 250);
    let job = format!("service-{}", target % 10);
    let series = |name: &str, more: &[(&str, &str)]| {
        let mut pairs = vec![
            ("__name__", name),
            ("instance", instance.as_str()),
            ("job", job.as_str()),
        ];
        pairs.extend_from_slice(more);
        Labels::new(pairs).expect("each name stands once")
    };
    let mut all = Vec::with_capacity(SERIES_PER_TARGET);
    for route in 0..ROUTES + IDLE_ROUTES {
        let path = format!("/api/v1/resource-{}", route / 2);
        let status = if route % 2 == 0 { "200" } else { "500" };
        let more = [("method", "GET"), ("path", &path), ("status", status)];
        all.push(series("http_requests_total", &more));
    }
    for histogram in 0..HISTOGRAMS {
        let path = format!("/api/v1/resource-{histogram}");
        for bound in BUCKETS {
            let more = [("le", bound), ("path", &path)];
            all.push(series("http_request_duration_seconds_bucket", &more));
        }
        for part in ["sum", "count"] {
            let name = format!("http_request_duration_seconds_{part}");
            all.push(series(&name, &[("path", &path)]));
        }
    }
    for (name, n) in [
        ("process_limit", 5),
        ("queue_length", 5),
        ("cpu_ratio", 3),
        ("resident_memory_bytes", 2),
        ("latency_ewma_seconds", 5),
    ] {
        for worker in 0..n {
            all.push(series(name, &[("worker", &worker.to_string())]));
        }
    }
    assert_eq!(all.len(), SERIES_PER_TARGET);
    all
}

fn initial_values(target: usize) -> Vec<f64> {
    let mut values = vec![0.0; SERIES_PER_TARGET];
    let gauges = &mut values[SERIES_PER_TARGET - 20..];
    for (limit, value) in gauges[..5].iter_mut().enumerate() {
        *value = (1024 * (limit + 1)) as f64;
    }
    gauges[13..15].fill(4096.0 * (20_000 + target) as f64);
    gauges[15..20].fill(0.5);
    values
}

/// Writes the same samples as OpenMetrics text with timestamps, the way
/// `promtool tsdb create-blocks-from openmetrics` reads it: all samples of a metric together.
pub(crate) fn write_openmetrics(
    out: &mut impl Write,
    n_targets: usize,
    n_scrapes: usize,
) -> io::Result<()> {
    let mut targets: Vec<Target> = (0..n_targets).map(Target::new).collect();
    let mut lines: Vec<String> = Vec::new();
    let mut names: Vec<String> = Vec::new();
    for _ in 0..n_scrapes {
        for (number, target) in targets.iter_mut().enumerate() {
            target.scrape(number);
            for (labels, value) in target.labels.iter().zip(&target.values) {
                let name = labels.metric_name();
                let place = match names.iter().position(|known| known == name) {
                    Some(place) => place,
                    None => {
                        names.push(name.to_owned());
                        lines.push(String::new());
                        names.len() - 1
                    }
                };
                // OpenMetrics has no space between labels; no value here has a comma. The
                // time is written in seconds, as it wants it.
                let series = labels.to_string().replace(", ", ",");
                lines[place].push_str(&format!("{series} {value:?} {}\n", target.at));
            }
        }
    }
    for (name, lines) in names.iter().zip(&lines) {
        // No type: `unknown` takes any name, so that sums and buckets need no family.
        write!(out, "# TYPE {name} unknown\n{lines}")?;
    }
    writeln!(out, "# EOF")
}
