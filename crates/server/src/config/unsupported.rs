//! What Prometheus's file may hold and this server does not do, each with what that means.

/// Sections of the file Prometheus knows and we do not.
pub(super) const FILE: &[(&str, &str)] = &[
    ("remote_write", "samples are not sent on"),
    ("remote_read", "queries read this server's store only"),
    ("storage", "set retention with --retention"),
    ("tracing", "this server sends no traces"),
    ("otlp", "OTLP is not received yet"),
    ("runtime", "Go's runtime is not used"),
    ("scrape_config_files", "put the jobs under scrape_configs"),
];

/// Fields of `global`.
pub(super) const GLOBAL: &[(&str, &str)] = &[
    ("query_log_file", "queries are not logged to a file"),
    (
        "scrape_failure_log_file",
        "failed scrapes are in the log and on the targets page",
    ),
    ("scrape_protocols", "formats are negotiated with the target"),
    ("rule_query_offset", "rules are evaluated without an offset"),
    (
        "keep_dropped_targets",
        "dropped targets are always kept for the targets page",
    ),
    ("target_limit", "the number of targets is not limited"),
    (
        "metric_name_validation_scheme",
        "all UTF-8 names are accepted",
    ),
    (
        "metric_name_escaping_scheme",
        "names are stored as they come",
    ),
    (
        "always_scrape_classic_histograms",
        "native histograms are not scraped",
    ),
    (
        "convert_classic_histograms_to_nhcb",
        "histograms stay as they come",
    ),
    (
        "scrape_native_histograms",
        "native histograms are not scraped",
    ),
    (
        "extra_scrape_metrics",
        "limits are shown on the targets page",
    ),
];

const NO_DISCOVERY: &str = "targets are found by static_configs, file_sd_configs and \
    announcements of local processes only";

/// Fields of a job Prometheus knows and we do not.
pub(super) const JOB: &[(&str, &str)] = &[
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

/// Fields of `tls_config`.
pub(super) const TLS: &[(&str, &str)] = &[
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
