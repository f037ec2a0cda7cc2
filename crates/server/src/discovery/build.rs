//! From an address and its labels to a target: defaults, relabelling, checks. Pure.

use std::sync::Arc;

use model::{Labels, LabelsBuilder, format_duration, parse_duration};

use crate::config::{JobConfig, check_address};
use crate::relabel::relabel;
use crate::targets::{Source, TargetKind, TargetSpec};

/// What became of a discovered address.
#[derive(Debug)]
pub(crate) enum Built {
    Target(Box<TargetSpec>),
    /// A rule dropped it; its labels before the rules.
    Dropped(Labels),
}

/// Why an address is no target.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BuildError {
    #[error("target {address:?} {reason}")]
    Address {
        address: String,
        reason: &'static str,
    },
    #[error("target {address:?}: {label} {value:?} is not a duration above 0s")]
    Duration {
        address: String,
        label: &'static str,
        value: String,
    },
    #[error("target {address:?}: __scrape_timeout__ is longer than __scrape_interval__")]
    TimeoutTooLong { address: String },
    #[error("target {address:?}: scheme {scheme:?} is neither http nor https")]
    Scheme { address: String, scheme: String },
}

/// Builds the target of one address. `found` are its own labels, file and group labels included;
/// what the job says fills the gaps, the job's rules have the last word.
pub(crate) fn build_target(
    job: &Arc<JobConfig>,
    address: &str,
    found: &Labels,
    kind: TargetKind,
) -> Result<Built, BuildError> {
    let mut labels = found.builder();
    labels.set("__address__", address);
    let interval = format_duration(job.interval);
    let timeout = format_duration(job.timeout);
    for (name, value) in [
        ("job", job.name.as_str()),
        ("__scrape_interval__", &interval),
        ("__scrape_timeout__", &timeout),
        ("__metrics_path__", &job.metrics_path),
        ("__scheme__", job.scheme.as_str()),
    ] {
        if labels.get(name).is_none_or(str::is_empty) {
            labels.set(name, value);
        }
    }
    for (name, values) in &job.params {
        if let Some(first) = values.first() {
            labels.set(format!("__param_{name}"), first);
        }
    }
    let discovered = labels.clone().build();
    if !relabel(&mut labels, &job.relabel) {
        return Ok(Built::Dropped(discovered));
    }
    let address = labels.get("__address__").unwrap_or_default().to_owned();
    check_address(&address).map_err(|reason| BuildError::Address {
        address: address.clone(),
        reason,
    })?;
    let interval = duration(&labels, "__scrape_interval__", &address)?;
    let timeout = duration(&labels, "__scrape_timeout__", &address)?;
    if timeout > interval {
        return Err(BuildError::TimeoutTooLong { address });
    }
    let url = url_of(&labels, job, &address)?;
    Ok(Built::Target(Box::new(TargetSpec {
        job: Arc::clone(job),
        labels: public_labels(&labels, &address),
        discovered,
        source: Source::Http { url },
        kind,
        interval,
        timeout,
        announced: None,
    })))
}

/// What the series carry: no `__…` label, and an `instance` in any case.
fn public_labels(labels: &LabelsBuilder, address: &str) -> Labels {
    let mut public = LabelsBuilder::new();
    for (name, value) in labels.iter().filter(|(name, _)| !name.starts_with("__")) {
        public.set(name, value);
    }
    if public.get("instance").is_none_or(str::is_empty) {
        public.set("instance", address);
    }
    public.build()
}

fn duration(
    labels: &LabelsBuilder,
    label: &'static str,
    address: &str,
) -> Result<std::time::Duration, BuildError> {
    let value = labels.get(label).unwrap_or_default();
    parse_duration(value)
        .ok()
        .filter(|span| !span.is_zero())
        .ok_or_else(|| BuildError::Duration {
            address: address.to_owned(),
            label,
            value: value.to_owned(),
        })
}

fn url_of(labels: &LabelsBuilder, job: &JobConfig, address: &str) -> Result<String, BuildError> {
    let scheme = labels.get("__scheme__").unwrap_or_default();
    if !matches!(scheme, "http" | "https") {
        return Err(BuildError::Scheme {
            address: address.to_owned(),
            scheme: scheme.to_owned(),
        });
    }
    let path = labels.get("__metrics_path__").unwrap_or_default();
    let slash = if path.starts_with('/') { "" } else { "/" };
    // A `__param_` label replaces the first value of a parameter, as in Prometheus.
    let mut params: Vec<(String, String)> = Vec::new();
    for (name, value) in labels.iter() {
        if let Some(name) = name.strip_prefix("__param_") {
            params.push((name.to_owned(), value.to_owned()));
        }
    }
    for (name, values) in &job.params {
        params.extend(
            values
                .iter()
                .skip(1)
                .map(|value| (name.clone(), value.clone())),
        );
    }
    params.sort_by(|a, b| a.0.cmp(&b.0));
    let mut url = format!(
        "{scheme}://{address}{slash}{}",
        encode(path, "/:@!$&'()*+,;=~?%")
    );
    let mut separator = if path.contains('?') { '&' } else { '?' };
    for (name, value) in params {
        url.push(separator);
        url.push_str(&encode(&name, "~"));
        url.push('=');
        url.push_str(&encode(&value, "~"));
        separator = '&';
    }
    Ok(url)
}

/// Percent-encodes all but letters, digits, `-._` and what `kept` allows.
pub(crate) fn encode(text: &str, kept: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        let c = char::from(byte);
        if c.is_ascii_alphanumeric() || "-._".contains(c) || (c.is_ascii() && kept.contains(c)) {
            encoded.push(c);
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::Config;

    fn check(job: &str, address: &str, found: &[(&str, &str)], expected: &str) {
        let text = format!("scrape_configs: [{{job_name: api, {job}}}]");
        let (config, problems) = Config::read(&text, Path::new("/"));
        let config = config.unwrap_or_else(|| panic!("{problems:?}"));
        let found = Labels::new(found.iter().copied()).unwrap();
        let shown = match build_target(&config.jobs[0], address, &found, TargetKind::Static) {
            Ok(Built::Target(spec)) => {
                let Source::Http { url } = &spec.source else {
                    panic!("{spec:?}")
                };
                format!("{} {url}", spec.labels)
            }
            Ok(Built::Dropped(labels)) => format!("dropped {labels}"),
            Err(error) => format!("error: {error}"),
        };
        assert_eq!(shown, expected);
    }

    #[test]
    fn the_job_fills_what_the_address_leaves_open() {
        check(
            "metrics_path: /m",
            "h:80",
            &[("zone", "eu"), ("__meta_x", "1")],
            r#"{instance="h:80", job="api", zone="eu"} http://h:80/m"#,
        );
        check(
            "scheme: https",
            "h:80",
            &[
                ("job", "other"),
                ("instance", "i"),
                ("__metrics_path__", "/x y"),
            ],
            r#"{instance="i", job="other"} https://h:80/x%20y"#,
        );
    }

    #[test]
    fn rules_may_rewrite_the_address_as_for_the_blackbox_exporter() {
        check(
            "params: {module: [http_2xx], m: [a, b]}, relabel_configs: [
               {source_labels: [__address__], target_label: __param_target},
               {source_labels: [__param_target], target_label: instance},
               {target_label: __address__, replacement: 'bb:9115'}]",
            "x.org:443",
            &[],
            "{instance=\"x.org:443\", job=\"api\"} \
             http://bb:9115/metrics?m=a&m=b&module=http_2xx&target=x.org%3A443",
        );
    }

    #[test]
    fn a_dropped_target_shows_what_was_discovered() {
        check(
            "relabel_configs: [{action: drop, source_labels: [__address__], regex: 'h.*'}]",
            "h:1",
            &[],
            "dropped {__address__=\"h:1\", __metrics_path__=\"/metrics\", __scheme__=\"http\", \
             __scrape_interval__=\"1m\", __scrape_timeout__=\"10s\", job=\"api\"}",
        );
    }

    #[test]
    fn what_cannot_be_scraped_says_why() {
        check(
            "relabel_configs: [{target_label: __scrape_timeout__, replacement: 2m}]",
            "h:1",
            &[],
            "error: target \"h:1\": __scrape_timeout__ is longer than __scrape_interval__",
        );
        check(
            "relabel_configs: [{target_label: __address__, replacement: 'a/b'}]",
            "h:1",
            &[],
            "error: target \"a/b\" must not hold a path; write host:port and set metrics_path in \
             the job",
        );
    }
}
