//! One entry of `scrape_configs`.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use model::{Labels, format_duration};

use super::problem::Problems;
use super::relabel::read_rules;
use super::section::{Section, read_labels};
use super::yaml::{Node, Value};
use super::{Defaults, Secret};
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

/// How a scrape proves who it is. Files are read anew at each scrape, since they rotate.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Auth {
    Basic { username: String, password: Given },
    Header { scheme: String, credentials: Given },
}

/// A secret in the file itself, or where it stands.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Given {
    Here(Secret),
    File(PathBuf),
}

/// How a target's certificate is checked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Tls {
    /// Authorities to trust instead of the machine's.
    pub(crate) ca_file: Option<PathBuf>,
    pub(crate) insecure_skip_verify: bool,
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
        let mut job = Section::open(node, "a job", UNSUPPORTED, problems)?;
        let name = job.text("job_name", problems).unwrap_or_default();
        if name.is_empty() {
            problems.error(job.line(), "a job has no job_name; every job needs one");
        }
        job.rename(format!("job {name:?}"));
        let interval_given = interval(&mut job, "scrape_interval", problems);
        let interval_used = interval_given.unwrap_or(defaults.interval);
        let timeout = read_timeout(&mut job, interval_used, defaults, problems);
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
            static_groups: read_static(&mut job, problems),
            files: read_files(&mut job, folder, problems),
            relabel: read_rules(
                job.list("relabel_configs", problems),
                &format!("relabel_configs of {}", job.what()),
                problems,
            ),
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

fn read_static(job: &mut Section<'_>, problems: &mut Problems) -> Vec<StaticGroup> {
    job.list("static_configs", problems)
        .iter()
        .filter_map(|node| read_target_group(node, job.what(), problems))
        .collect()
}

/// `targets` and `labels`, as in `static_configs` and in a target file.
pub(crate) fn read_target_group(
    node: &Node,
    what: &str,
    problems: &mut Problems,
) -> Option<StaticGroup> {
    let mut group = Section::open(node, format!("a target group of {what}"), &[], problems)?;
    let mut targets = Vec::new();
    for (line, target) in group.texts("targets", problems) {
        match check_address(&target) {
            Ok(()) => targets.push(target),
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

fn read_auth(job: &mut Section<'_>, folder: &Path, problems: &mut Problems) -> Option<Auth> {
    let mut found: Vec<Auth> = Vec::new();
    if let Some(node) = job.take("basic_auth")
        && let Some(mut basic) = Section::open(
            node,
            format!("basic_auth of {}", job.what()),
            &[("username_file", "set username")],
            problems,
        )
    {
        let username = basic.text("username", problems).unwrap_or_default();
        let password = read_given(&mut basic, "password", "password_file", folder, problems);
        found.push(Auth::Basic {
            username,
            password: password.unwrap_or(Given::Here(Secret::new(""))),
        });
        basic.finish(problems);
    }
    if let Some(node) = job.take("authorization")
        && let Some(mut header) = Section::open(
            node,
            format!("authorization of {}", job.what()),
            &[("credentials_ref", "set credentials_file")],
            problems,
        )
    {
        let scheme = header.text("type", problems).unwrap_or("Bearer".to_owned());
        let credentials = read_given(
            &mut header,
            "credentials",
            "credentials_file",
            folder,
            problems,
        );
        if let Some(credentials) = credentials {
            found.push(Auth::Header {
                scheme,
                credentials,
            });
        }
        header.finish(problems);
    }
    if let Some(token) = read_given(job, "bearer_token", "bearer_token_file", folder, problems) {
        found.push(Auth::Header {
            scheme: "Bearer".to_owned(),
            credentials: token,
        });
    }
    if found.len() > 1 {
        problems.error(
            job.line(),
            format!(
                "{} has more than one of basic_auth, authorization and bearer_token; keep one",
                job.what()
            ),
        );
    }
    found.into_iter().next()
}

/// A secret that stands in `here` or in the file named by `file`.
fn read_given(
    section: &mut Section<'_>,
    here: &'static str,
    file: &'static str,
    folder: &Path,
    problems: &mut Problems,
) -> Option<Given> {
    let secret = section
        .text(here, problems)
        .map(|text| Given::Here(Secret::new(text)));
    let path = section
        .text(file, problems)
        .map(|path| Given::File(folder.join(path)));
    if secret.is_some() && path.is_some() {
        let text = format!("{} has both {here} and {file}; keep one", section.what());
        problems.error(section.line_of(file), text);
    }
    secret.or(path)
}

fn read_tls(job: &mut Section<'_>, folder: &Path, problems: &mut Problems) -> Tls {
    let Some(node) = job.take("tls_config") else {
        return Tls::default();
    };
    let what = format!("tls_config of {}", job.what());
    let Some(mut section) = Section::open(node, what, UNSUPPORTED_TLS, problems) else {
        return Tls::default();
    };
    let tls = Tls {
        ca_file: section
            .text("ca_file", problems)
            .map(|path| folder.join(path)),
        insecure_skip_verify: section
            .flag("insecure_skip_verify", problems)
            .unwrap_or(false),
    };
    section.finish(problems);
    tls
}

const UNSUPPORTED_TLS: &[(&str, &str)] = &[
    ("cert_file", "scrapes send no client certificate"),
    ("key_file", "scrapes send no client certificate"),
    ("ca", "use ca_file"),
    ("cert", "scrapes send no client certificate"),
    ("key", "scrapes send no client certificate"),
    (
        "server_name",
        "the certificate is checked against the address",
    ),
    ("min_version", "TLS 1.2 is the lowest"),
    ("max_version", "TLS 1.3 is the highest"),
];

const NO_DISCOVERY: &str = "targets are found by static_configs, file_sd_configs and \
    announcements of local processes only";

/// Fields of a job Prometheus knows and we do not.
const UNSUPPORTED: &[(&str, &str)] = &[
    ("azure_sd_configs", NO_DISCOVERY),
    ("consul_sd_configs", NO_DISCOVERY),
    ("digitalocean_sd_configs", NO_DISCOVERY),
    ("dns_sd_configs", NO_DISCOVERY),
    ("docker_sd_configs", NO_DISCOVERY),
    ("dockerswarm_sd_configs", NO_DISCOVERY),
    ("ec2_sd_configs", NO_DISCOVERY),
    ("eureka_sd_configs", NO_DISCOVERY),
    ("gce_sd_configs", NO_DISCOVERY),
    ("hetzner_sd_configs", NO_DISCOVERY),
    ("http_sd_configs", NO_DISCOVERY),
    ("ionos_sd_configs", NO_DISCOVERY),
    ("kubernetes_sd_configs", NO_DISCOVERY),
    ("kuma_sd_configs", NO_DISCOVERY),
    ("lightsail_sd_configs", NO_DISCOVERY),
    ("linode_sd_configs", NO_DISCOVERY),
    ("marathon_sd_configs", NO_DISCOVERY),
    ("nerve_sd_configs", NO_DISCOVERY),
    ("nomad_sd_configs", NO_DISCOVERY),
    ("openstack_sd_configs", NO_DISCOVERY),
    ("ovhcloud_sd_configs", NO_DISCOVERY),
    ("puppetdb_sd_configs", NO_DISCOVERY),
    ("scaleway_sd_configs", NO_DISCOVERY),
    ("serverset_sd_configs", NO_DISCOVERY),
    ("stackit_sd_configs", NO_DISCOVERY),
    ("triton_sd_configs", NO_DISCOVERY),
    ("uyuni_sd_configs", NO_DISCOVERY),
    ("vultr_sd_configs", NO_DISCOVERY),
    (
        "oauth2",
        "scrapes log in with basic_auth or authorization only",
    ),
    ("proxy_url", "scrapes go without a proxy"),
    ("no_proxy", "scrapes go without a proxy"),
    ("proxy_from_environment", "scrapes go without a proxy"),
    ("proxy_connect_header", "scrapes go without a proxy"),
    ("http_headers", "scrapes send no further headers"),
    ("enable_http2", "scrapes use HTTP/1.1"),
    ("scrape_protocols", "formats are negotiated with the target"),
    (
        "fallback_scrape_protocol",
        "a body without a type is read as text",
    ),
    (
        "scrape_classic_histograms",
        "native histograms are not scraped",
    ),
    (
        "always_scrape_classic_histograms",
        "native histograms are not scraped",
    ),
    (
        "scrape_native_histograms",
        "native histograms are not scraped",
    ),
    (
        "convert_classic_histograms_to_nhcb",
        "histograms stay as they come",
    ),
    (
        "native_histogram_bucket_limit",
        "native histograms are not scraped",
    ),
    (
        "native_histogram_min_bucket_factor",
        "native histograms are not scraped",
    ),
    (
        "track_timestamps_staleness",
        "series with their own timestamps get no stale marker",
    ),
    ("target_limit", "the number of targets is not limited"),
    (
        "keep_dropped_targets",
        "dropped targets are always kept for the targets page",
    ),
    (
        "scrape_failure_log_file",
        "failed scrapes are in the log and on the targets page",
    ),
    (
        "metric_name_validation_scheme",
        "all UTF-8 names are accepted",
    ),
    (
        "metric_name_escaping_scheme",
        "names are stored as they come",
    ),
    (
        "extra_scrape_metrics",
        "limits are shown on the targets page",
    ),
];
