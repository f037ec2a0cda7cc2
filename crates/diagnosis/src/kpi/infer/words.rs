//! What words in names of metrics and labels mean, as the field uses them.

use crate::kpi::mapping::ValueUnit;

/// The words of a name: split where it is no letter or digit, where a capital begins, lower case.
pub(super) fn words(name: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut before = ' ';
    for c in name.chars() {
        let begins = !before.is_alphanumeric() || (c.is_uppercase() && before.is_lowercase());
        if c.is_alphanumeric() {
            if begins {
                words.push(String::new());
            }
            if let Some(word) = words.last_mut() {
                word.extend(c.to_lowercase());
            }
        }
        before = c;
    }
    words
}

/// How the values of a metric were taken together.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Statistic {
    Average,
    Quantile(f64),
    Sum,
    Count,
    /// The least, the greatest, a deviation: told, but no KPI of its own.
    Other,
}

/// What a word says of how values were taken together: `p95`, `avg`, `0.99`.
pub(super) fn statistic(word: &str) -> Option<Statistic> {
    let word = word.to_lowercase();
    match word.as_str() {
        "avg" | "average" | "mean" => return Some(Statistic::Average),
        "median" => return Some(Statistic::Quantile(0.5)),
        "sum" => return Some(Statistic::Sum),
        "count" | "samplecount" | "n" => return Some(Statistic::Count),
        "max" | "maximum" | "min" | "minimum" | "std" | "stddev" | "stdev" | "variance" => {
            return Some(Statistic::Other);
        }
        _ => {}
    }
    // A mean without the outermost values.
    if word.strip_prefix("tm").is_some_and(is_digits) {
        return Some(Statistic::Average);
    }
    let starts = ["percentile", "pctl", "perc", "pct", "p", "q"];
    let ends = ["percentile", "pctl", "th"];
    let after = starts.iter().find_map(|start| word.strip_prefix(start));
    let before = ends.iter().find_map(|end| word.strip_suffix(end));
    percent(after.or(before)?).map(Statistic::Quantile)
}

/// 95, 99.9, 999 and 99_9 in hundredths of the whole; 0.95 as it is.
pub(super) fn percent(text: &str) -> Option<f64> {
    let text = text.trim_matches(['_', '-', ' ', '%']).replace('_', ".");
    if let Some((whole, part)) = text.split_once('.') {
        let is_number = is_digits(whole) && is_digits(part);
        let number: f64 = text.parse().ok().filter(|_| is_number)?;
        let quantile = if number <= 1.0 {
            number
        } else {
            (number * 1e4).round() / 1e6
        };
        return (quantile <= 1.0).then_some(quantile);
    }
    if !is_digits(&text) {
        return None;
    }
    match text.as_str() {
        "100" => Some(1.0),
        _ if text.len() == 1 => text.parse::<f64>().ok().map(|percent| percent / 100.0),
        _ if text.len() <= 5 => format!("0.{text}").parse().ok(),
        _ => None,
    }
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

pub(super) const AVAILABILITY: &[&str] = &["availability", "available", "success", "successes"];

pub(super) const ERRORS: &[&str] = &[
    "error",
    "errors",
    "err",
    "errs",
    "fail",
    "failed",
    "failure",
    "failures",
    "fault",
    "faults",
    "exception",
    "exceptions",
    "5xx",
    "aborted",
    "timeouts",
];

pub(super) const CLIENT_ERRORS: &[&str] = &["4xx", "client"];

pub(super) const TIMES: &[&str] = &[
    "latency",
    "latencies",
    "duration",
    "durations",
    "elapsed",
    "rt",
    "mrt",
    "delay",
    "ttfb",
    "responsetime",
    "took",
    "rtt",
];

pub(super) const REQUESTS: &[&str] = &[
    "request",
    "requests",
    "req",
    "reqs",
    "rps",
    "qps",
    "tps",
    "rpm",
    "throughput",
    "workload",
    "hits",
    "calls",
    "traffic",
    "operations",
    "ops",
    "transactions",
    "queries",
    "invocations",
    "commands",
];

/// Words that alone say a rate of requests, but stand in names of other things too.
pub(super) const PERHAPS_REQUESTS: &[&str] = &["load", "messages", "count", "rate", "volume"];

pub(super) const RESOURCES: &[&str] = &[
    "cpu",
    "mem",
    "memory",
    "rss",
    "heap",
    "gc",
    "disk",
    "diskio",
    "fs",
    "filesystem",
    "storage",
    "inode",
    "inodes",
    "io",
    "iops",
    "read",
    "reads",
    "write",
    "writes",
    "socket",
    "sockets",
    "network",
    "net",
    "rx",
    "tx",
    "receive",
    "received",
    "transmit",
    "transmitted",
    "bandwidth",
    "connections",
    "connection",
    "conn",
    "conns",
    "queue",
    "backlog",
    "thread",
    "threads",
    "pool",
    "fd",
    "fds",
    "files",
    "lag",
    "swap",
    "load",
    "load1",
    "load5",
    "load15",
    "processes",
    "goroutines",
    "workers",
    "replicas",
    "restarts",
    "temperature",
    "throttled",
    "pages",
    "faults",
    "usage",
    "utilization",
    "utilisation",
    "saturation",
];

pub(super) const SHARES: &[&str] = &[
    "ratio",
    "percent",
    "percentage",
    "pct",
    "perc",
    "utilization",
    "utilisation",
    "util",
];

const PERCENTS: &[&str] = &["percent", "percentage", "pct", "perc"];

/// Whether any of a name's words is among these.
pub(super) fn has(words: &[String], among: &[&str]) -> bool {
    words.iter().any(|word| among.contains(&word.as_str()))
}

/// Whether the name says percent.
pub(super) fn says_percent(words: &[String]) -> bool {
    has(words, PERCENTS)
}

/// Whether a word says what a number measures.
pub(super) fn is_measure(word: &str) -> bool {
    let all = [
        AVAILABILITY,
        ERRORS,
        TIMES,
        REQUESTS,
        PERHAPS_REQUESTS,
        RESOURCES,
        SHARES,
        PERCENTS,
    ];
    all.iter().any(|among| among.contains(&word)) || word == "response" || word == "http"
}

/// The unit of time that a name ends with or contains.
pub(super) fn time_unit(words: &[String]) -> Option<ValueUnit> {
    words.iter().rev().find_map(|word| match word.as_str() {
        "seconds" | "second" | "sec" | "secs" | "s" => Some(ValueUnit::Seconds),
        "milliseconds" | "millisecond" | "millis" | "msec" | "ms" => Some(ValueUnit::Milliseconds),
        "microseconds" | "microsecond" | "micros" | "usec" | "us" => Some(ValueUnit::Microseconds),
        "nanoseconds" | "nanosecond" | "nanos" | "nsec" | "ns" => Some(ValueUnit::Nanoseconds),
        _ => None,
    })
}

/// The unit of a rate that a name says.
pub(super) fn rate_unit(words: &[String]) -> Option<ValueUnit> {
    let per = words.iter().position(|word| word == "per");
    let unit = per.and_then(|place| words.get(place + 1));
    match unit.map(String::as_str) {
        Some("second" | "sec" | "s" | "seconds") => return Some(ValueUnit::PerSecond),
        Some("minute" | "min" | "m" | "minutes") => return Some(ValueUnit::PerMinute),
        _ => {}
    }
    if has(words, &["rpm"]) {
        return Some(ValueUnit::PerMinute);
    }
    has(words, &["rps", "qps", "tps", "iops"]).then_some(ValueUnit::PerSecond)
}

/// Labels that name an entity, the likeliest first, and what it is.
pub(super) const ENTITY_LABELS: &[(&str, &str)] = &[
    ("service", "service"),
    ("service_name", "service"),
    ("microservice", "service"),
    ("destination_workload", "service"),
    ("workload", "service"),
    ("app", "service"),
    ("application", "service"),
    ("component", "service"),
    ("entity", "service"),
    ("deployment", "service"),
    ("container", "service"),
    ("container_name", "service"),
    ("job", "service"),
    ("pod", "pod"),
    ("pod_name", "pod"),
    ("node", "host"),
    ("host", "host"),
    ("hostname", "host"),
    ("machine", "host"),
    ("vm", "host"),
    ("instance", "instance"),
    ("instance_id", "instance"),
    ("name", "service"),
    ("id", "service"),
];

/// Labels that tell kinds of one entity's series apart.
pub(super) const DIMENSIONS: &[&str] = &[
    "le",
    "quantile",
    "method",
    "code",
    "status",
    "status_code",
    "path",
    "route",
    "endpoint",
    "handler",
    "url",
    "uri",
    "operation",
    "version",
    "namespace",
    "env",
    "environment",
    "region",
    "zone",
    "cluster",
    "unit",
    "type",
    "kind",
    "direction",
    "device",
    "mode",
    "state",
    "interface",
    "mountpoint",
    "fstype",
    "stat",
    "statistic",
    "agg",
    "aggregation",
    "percentile",
    "source",
    "reporter",
    "protocol",
    "result",
    "outcome",
    "error",
    "error_type",
    "reason",
];

/// Labels whose values name what is measured, where one metric holds many.
pub(super) const FACETS: &[&str] = &[
    "metric",
    "metric_name",
    "kpi",
    "kpi_name",
    "measure",
    "signal",
];

/// Labels that say how a request ended.
pub(super) const OUTCOMES: &[&str] = &[
    "status",
    "status_code",
    "code",
    "http_status",
    "http_status_code",
    "response_code",
    "http_response_status_code",
    "outcome",
    "result",
];
