//! `alerting`: the Alertmanagers that alerts are forwarded to.

use std::path::Path;
use std::time::Duration;

use diagnosis::yaml::Node;

use super::auth::{Auth, Tls, read_auth, read_tls};
use super::problem::Problems;
use super::relabel::read_rules;
use super::section::Section;
use crate::relabel::RelabelRule;

/// Prometheus's default.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Who is told of every alert of a rule.
#[derive(Clone, Debug, Default)]
pub(crate) struct AlertingConfig {
    /// Applied to each alert, after the external labels were added.
    pub(crate) relabel: Vec<RelabelRule>,
    pub(crate) alertmanagers: Vec<AlertmanagerConfig>,
}

/// One Alertmanager.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct AlertmanagerConfig {
    /// Without user info, which is not allowed in a target.
    pub(crate) url: String,
    pub(crate) timeout: Duration,
    pub(crate) auth: Option<Auth>,
    pub(crate) tls: Tls,
}

const NO_DISCOVERY: &str = "Alertmanagers are named in static_configs";

const ALERTMANAGERS: &[(&str, &str)] = &[
    ("azure_sd_configs", NO_DISCOVERY),
    ("consul_sd_configs", NO_DISCOVERY),
    ("digitalocean_sd_configs", NO_DISCOVERY),
    ("dns_sd_configs", NO_DISCOVERY),
    ("docker_sd_configs", NO_DISCOVERY),
    ("dockerswarm_sd_configs", NO_DISCOVERY),
    ("ec2_sd_configs", NO_DISCOVERY),
    ("eureka_sd_configs", NO_DISCOVERY),
    ("file_sd_configs", NO_DISCOVERY),
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
    ("relabel_configs", "every Alertmanager named is sent to"),
    (
        "alert_relabel_configs",
        "put them beside alertmanagers; they hold for all",
    ),
    (
        "sigv4",
        "requests log in with basic_auth or authorization only",
    ),
    (
        "oauth2",
        "requests log in with basic_auth or authorization only",
    ),
    ("proxy_url", "alerts go without a proxy"),
    ("no_proxy", "alerts go without a proxy"),
    ("proxy_from_environment", "alerts go without a proxy"),
    ("proxy_connect_header", "alerts go without a proxy"),
    ("follow_redirects", "a redirect is shown as a failure"),
    ("enable_http2", "alerts use HTTP/1.1"),
    ("http_headers", "alerts carry no further headers"),
];

pub(super) fn read_alerting(
    node: Option<&Node>,
    folder: &Path,
    problems: &mut Problems,
) -> AlertingConfig {
    let Some(mut section) = node.and_then(|node| Section::open(node, "alerting", &[], problems))
    else {
        return AlertingConfig::default();
    };
    let rules = section.list("alert_relabel_configs", problems);
    let mut config = AlertingConfig {
        relabel: read_rules(rules, "alert_relabel_configs of alerting", problems),
        alertmanagers: Vec::new(),
    };
    for node in section.list("alertmanagers", problems) {
        read_one(node, folder, &mut config.alertmanagers, problems);
    }
    section.finish(problems);
    config
}

fn read_one(
    node: &Node,
    folder: &Path,
    found: &mut Vec<AlertmanagerConfig>,
    problems: &mut Problems,
) {
    let what = "an entry of alertmanagers";
    let Some(mut section) = Section::open(node, what, ALERTMANAGERS, problems) else {
        return;
    };
    let scheme = section.parsed("scheme", problems, |text| match text {
        "http" | "https" => Ok(text.to_owned()),
        _ => Err(format!("{text:?} is neither http nor https")),
    });
    let prefix = section.text("path_prefix", problems).unwrap_or_default();
    let timeout = section
        .duration("timeout", problems)
        .filter(|span| !span.is_zero());
    section.parsed("api_version", problems, |text| match text {
        "v2" => Ok(()),
        _ => Err(format!(
            "{text:?} is not spoken; Alertmanager has had v2 since 0.16"
        )),
    });
    let auth = read_auth(&mut section, folder, problems);
    let tls = read_tls(&mut section, "tls_config", folder, problems);
    for group in section.list("static_configs", problems) {
        let Some(mut group) =
            Section::open(group, "static_configs of alertmanagers", &[], problems)
        else {
            continue;
        };
        for (line, target) in group.texts("targets", problems) {
            let url = format!(
                "{}://{target}/{}",
                scheme.as_deref().unwrap_or("http"),
                prefix.trim_matches('/')
            );
            let url = format!("{}/api/v2/alerts", url.trim_end_matches('/'));
            let good = !target.contains(['/', '@', ' '])
                && url
                    .parse::<hyper::Uri>()
                    .is_ok_and(|uri| uri.authority().is_some());
            if good {
                found.push(AlertmanagerConfig {
                    url,
                    timeout: timeout.unwrap_or(TIMEOUT),
                    auth: auth.clone(),
                    tls: tls.clone(),
                });
            } else {
                problems.error(
                    line,
                    format!("{target:?} is no host:port of an Alertmanager"),
                );
            }
        }
        // Labels only matter to relabelling, which every one passes.
        group.labels("labels", problems);
        group.finish(problems);
    }
    section.finish(problems);
}
