//! One entry of `scrape_configs`.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use diagnosis::yaml::{Node, Value};
use model::{Labels, format_duration};

use super::auth::{Auth, Tls, read_auth, read_tls};
use super::problem::Problems;
use super::relabel::read_rules;
use super::section::{Section, read_labels};
use super::{Defaults, unsupported};
use crate::relabel::RelabelRule;

/// A job that can run: its timeout fits its interval.
#[derive(Clone, Debug)]
pub(crate) struct JobConfig {
    pub(crate) name: String,
    /// The same for two jobs whose text says the same, secrets included: a job that did not
    /// change goes on undisturbed when the file is read anew.
    pub(super) fingerprint: u64,
    pub(crate) interval: Duration,
    pub(crate) timeout: Duration,
    pub(crate) metrics_path: String,
    /// In the order of the file.
    pub(crate) params: Vec<(String, Vec<String>)>,
    pub(crate) scheme: Scheme,
    pub(crate) honor_labels: bool,
    pub(crate) honor_timestamps: bool,
    pub(crate) follow_redirects: bool,
    pub(crate) compression: bool,
    pub(crate) auth: Option<Auth>,
    pub(crate) tls: Tls,
    pub(crate) limits: ScrapeLimits,
    pub(crate) static_groups: Vec<StaticGroup>,
    pub(crate) files: Vec<FileDiscovery>,
    pub(crate) relabel: Vec<RelabelRule>,
    pub(crate) metric_relabel: Vec<RelabelRule>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    Http,
    Https,
}

impl Scheme {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

/// What one scrape may bring. All are on by default: one target must not fill memory or disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ScrapeLimits {
    /// Unpacked. 64 MiB is ten times the largest body seen in the field (kube-state-metrics).
    pub(crate) body_bytes_max: u64,
    /// As sent. A quarter of the unpacked limit: real bodies shrink by 5 to 20.
    pub(crate) packed_bytes_max: u64,
    pub(crate) samples_max: u64,
    /// A limit the user set refuses the scrape, as in Prometheus; the default one keeps the first
    /// samples and says so.
    pub(crate) samples_refuse: bool,
    pub(crate) labels_max: u64,
    pub(crate) label_name_bytes_max: u64,
    pub(crate) label_value_bytes_max: u64,
}

impl Default for ScrapeLimits {
    fn default() -> Self {
        Self {
            body_bytes_max: 64 << 20,
            packed_bytes_max: 16 << 20,
            samples_max: 50_000,
            samples_refuse: false,
            labels_max: 64,
            label_name_bytes_max: 256,
            label_value_bytes_max: 4096,
        }
    }
}

/// Reading shared memory takes milliseconds; longer means that the machine has stopped.
const ANNOUNCED_TIMEOUT_MAX: Duration = Duration::from_secs(10);

/// Targets written in the file, with the labels they share.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct StaticGroup {
    pub(crate) targets: Vec<String>,
    pub(crate) labels: Labels,
}

/// Files that list targets.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct FileDiscovery {
    /// `*` may stand in the last part.
    pub(crate) patterns: Vec<PathBuf>,
}

impl JobConfig {
    /// How process groups that announce themselves are read. Each has its service's name as job.
    pub(crate) fn for_announced(interval: Duration) -> Self {
        Self {
            name: "announced".to_owned(),
            fingerprint: 0,
            interval,
            timeout: interval.min(ANNOUNCED_TIMEOUT_MAX),
            metrics_path: String::new(),
            params: Vec::new(),
            scheme: Scheme::Http,
            honor_labels: false,
            honor_timestamps: true,
            follow_redirects: false,
            compression: false,
            auth: None,
            tls: Tls::default(),
            limits: ScrapeLimits::default(),
            static_groups: Vec::new(),
            files: Vec::new(),
            relabel: Vec::new(),
            metric_relabel: Vec::new(),
        }
    }

    pub(super) fn read(
        node: &Node,
        defaults: &Defaults,
        folder: &Path,
        problems: &mut Problems,
    ) -> Option<Self> {
        let mut job = Section::open(node, "a job", unsupported::JOB, problems)?;
        let name = job.text("job_name", problems).unwrap_or_default();
        if name.is_empty() {
            problems.error(job.line(), "a job has no job_name; every job needs one");
        }
        job.rename(format!("job {name:?}"));
        let interval_given = interval(&mut job, "scrape_interval", problems);
        let interval_used = interval_given.unwrap_or(defaults.interval);
        let timeout = read_timeout(&mut job, interval_used, defaults, problems);
        let relabel = read_rules(
            job.list("relabel_configs", problems),
            &format!("relabel_configs of {}", job.what()),
            problems,
        );
        let is_relabelled = !relabel.is_empty();
        let config = Self {
            fingerprint: fingerprint(node, defaults),
            interval: interval_used,
            timeout,
            metrics_path: job
                .text("metrics_path", problems)
                .unwrap_or("/metrics".to_owned()),
            params: read_params(&mut job, problems),
            scheme: job
                .parsed("scheme", problems, |text| match text {
                    "http" => Ok(Scheme::Http),
                    "https" => Ok(Scheme::Https),
                    _ => Err(format!("{text:?} is neither http nor https")),
                })
                .unwrap_or(Scheme::Http),
            honor_labels: job.flag("honor_labels", problems).unwrap_or(false),
            honor_timestamps: job.flag("honor_timestamps", problems).unwrap_or(true),
            follow_redirects: job.flag("follow_redirects", problems).unwrap_or(true),
            compression: job.flag("enable_compression", problems).unwrap_or(true),
            auth: read_auth(&mut job, folder, problems),
            tls: read_tls(&mut job, folder, problems),
            limits: read_limits(&mut job, &defaults.limits, problems),
            static_groups: read_static(&mut job, !is_relabelled, problems),
            files: read_files(&mut job, folder, problems),
            relabel,
            metric_relabel: read_rules(
                job.list("metric_relabel_configs", problems),
                &format!("metric_relabel_configs of {}", job.what()),
                problems,
            ),
            name,
        };
        job.finish(problems);
        Some(config)
    }
}

fn fingerprint(node: &Node, defaults: &Defaults) -> u64 {
    let mut hasher = DefaultHasher::new();
    node.hash(&mut hasher);
    (defaults.interval, defaults.timeout).hash(&mut hasher);
    format!("{:?}", defaults.limits).hash(&mut hasher);
    hasher.finish()
}

/// A duration above zero.
pub(super) fn interval(
    section: &mut Section<'_>,
    name: &'static str,
    problems: &mut Problems,
) -> Option<Duration> {
    let span = section.duration(name, problems)?;
    if span.is_zero() {
        let what = format!("{name} of {} must be longer than 0s", section.what());
        problems.error(section.line_of(name), what);
        return None;
    }
    Some(span)
}

pub(super) fn timeout_too_long(timeout: Duration, interval: Duration, what: &str) -> String {
    format!(
        "scrape_timeout {} is longer than scrape_interval {} of {what}; make it shorter",
        format_duration(timeout),
        format_duration(interval),
    )
}

/// As in Prometheus: a timeout taken over from `global` shrinks to a shorter interval, one that
/// stands in the job must fit.
fn read_timeout(
    job: &mut Section<'_>,
    interval_used: Duration,
    defaults: &Defaults,
    problems: &mut Problems,
) -> Duration {
    let timeout = interval(job, "scrape_timeout", problems);
    if let Some(timeout) = timeout.filter(|&timeout| timeout > interval_used) {
        problems.error(
            job.line_of("scrape_timeout"),
            timeout_too_long(timeout, interval_used, job.what()),
        );
    }
    timeout.unwrap_or(defaults.timeout).min(interval_used)
}

fn read_params(job: &mut Section<'_>, problems: &mut Problems) -> Vec<(String, Vec<String>)> {
    let Some(node) = job.take("params") else {
        return Vec::new();
    };
    let Some(fields) = node.fields() else {
        problems.error(
            node.line,
            format!("params of {} must be a map of lists", job.what()),
        );
        return Vec::new();
    };
    let mut params = Vec::new();
    for field in fields {
        let items = match &field.value.value {
            Value::List(items) => items.as_slice(),
            Value::Null => &[],
            Value::Scalar(_) | Value::Map(_) => std::slice::from_ref(&field.value),
        };
        let mut values = Vec::new();
        for item in items {
            match &item.value {
                Value::Scalar(text) => values.push(text.clone()),
                Value::Null | Value::List(_) | Value::Map(_) => problems.error(
                    item.line,
                    format!("params of {}: {:?} must hold texts", job.what(), field.name),
                ),
            }
        }
        params.push((field.name.clone(), values));
    }
    params
}

/// Limits of a job or of `global`; 0 is "no limit of mine" and leaves the default, since without
/// any limit one target could fill the memory.
pub(super) fn read_limits(
    section: &mut Section<'_>,
    defaults: &ScrapeLimits,
    problems: &mut Problems,
) -> ScrapeLimits {
    let mut limits = defaults.clone();
    if let Some(bytes) = section
        .bytes("body_size_limit", problems)
        .filter(|&bytes| bytes > 0)
    {
        limits.body_bytes_max = bytes;
        limits.packed_bytes_max = limits.packed_bytes_max.min(bytes);
    }
    if let Some(samples) = section
        .count("sample_limit", problems)
        .filter(|&samples| samples > 0)
    {
        limits.samples_max = samples;
        limits.samples_refuse = true;
    }
    for (name, limit) in [
        ("label_limit", &mut limits.labels_max),
        ("label_name_length_limit", &mut limits.label_name_bytes_max),
        (
            "label_value_length_limit",
            &mut limits.label_value_bytes_max,
        ),
    ] {
        if let Some(given) = section.count(name, problems).filter(|&given| given > 0) {
            *limit = given;
        }
    }
    limits
}

fn read_static(
    job: &mut Section<'_>,
    as_addresses: bool,
    problems: &mut Problems,
) -> Vec<StaticGroup> {
    job.list("static_configs", problems)
        .iter()
        .filter_map(|node| read_target_group(node, job.what(), as_addresses, problems))
        .collect()
}

/// `targets` and `labels`, as in `static_configs` and in a target file.
///
/// Unless they are used `as_addresses` as they stand, targets may be anything: relabelling makes
/// addresses of them, and a probe's target is often a URL.
pub(crate) fn read_target_group(
    node: &Node,
    what: &str,
    as_addresses: bool,
    problems: &mut Problems,
) -> Option<StaticGroup> {
    let mut group = Section::open(node, format!("a target group of {what}"), &[], problems)?;
    let mut targets = Vec::new();
    for (line, target) in group.texts("targets", problems) {
        match check_address(&target) {
            Ok(()) => targets.push(target),
            Err(_) if !as_addresses => targets.push(target),
            Err(reason) => problems.error(line, format!("target {target:?} of {what} {reason}")),
        }
    }
    let labels = match group.take("labels") {
        Some(node) => read_labels(
            node,
            &format!("labels of a target group of {what}"),
            problems,
        ),
        None => Labels::empty(),
    };
    group.finish(problems);
    Some(StaticGroup { targets, labels })
}

/// An address is a host and a port; a scheme or a path would end up inside the host name.
pub(crate) fn check_address(address: &str) -> Result<(), &'static str> {
    if address.is_empty() {
        return Err("is empty; write host:port");
    }
    if address.contains("://") {
        return Err("must not hold a scheme; write host:port and set scheme in the job");
    }
    if address.contains('/') {
        return Err("must not hold a path; write host:port and set metrics_path in the job");
    }
    if address.contains('@') || address.contains(char::is_whitespace) {
        return Err("is no host:port");
    }
    Ok(())
}

fn read_files(job: &mut Section<'_>, folder: &Path, problems: &mut Problems) -> Vec<FileDiscovery> {
    let mut found = Vec::new();
    for node in job.list("file_sd_configs", problems) {
        let what = format!("file_sd_configs of {}", job.what());
        let Some(mut section) = Section::open(node, what, &[], problems) else {
            continue;
        };
        let mut patterns = Vec::new();
        for (line, pattern) in section.texts("files", problems) {
            let known = [".json", ".yml", ".yaml"]
                .iter()
                .any(|end| pattern.ends_with(end));
            if known {
                patterns.push(folder.join(pattern));
            } else {
                problems.error(
                    line,
                    format!("file {pattern:?} must end in .json, .yml or .yaml"),
                );
            }
        }
        if patterns.is_empty() && !section.has("files") {
            problems.error(section.line(), format!("{} names no files", section.what()));
        }
        // Files are looked at every few seconds whatever this says.
        section.duration("refresh_interval", problems);
        section.finish(problems);
        found.push(FileDiscovery { patterns });
    }
    found
}
