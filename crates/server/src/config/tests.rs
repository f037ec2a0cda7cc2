use std::path::Path;
use std::time::Duration;

use super::scrape::Scheme;
use super::*;

fn read(text: &str) -> (Option<Config>, Vec<Problem>) {
    Config::read(text, Path::new("/etc/p"))
}

fn check_problems(text: &str, expected: &str) {
    let (_, problems) = read(text);
    let shown: Vec<String> = problems.iter().map(ToString::to_string).collect();
    assert_eq!(shown.join("\n"), expected.trim_matches('\n'), "{text}");
}

fn valid(text: &str) -> Config {
    let (config, problems) = read(text);
    config.unwrap_or_else(|| panic!("{problems:?}"))
}

#[test]
fn a_prometheus_file_is_read_as_it_is() {
    let config = valid(
        "
global:
  scrape_interval: 15s
  evaluation_interval: 30s
  external_labels: {zone: eu}
rule_files: ['rules/*.yml', /abs/x.yml]
scrape_configs:
- job_name: prometheus
  static_configs:
  - targets: ['localhost:9090']
- job_name: api
  scrape_interval: 1m
  scheme: https
  metrics_path: /m
  honor_labels: true
  params: {module: [http_2xx]}
  basic_auth: {username: u, password_file: pw}
  file_sd_configs: [{files: ['t/*.json'], refresh_interval: 1m}]
  sample_limit: 100
  body_size_limit: 1MB
",
    );
    assert_eq!(config.evaluation_interval, Duration::from_secs(30));
    assert_eq!(config.rule_files[0], Path::new("/etc/p/rules/*.yml"));
    assert_eq!(config.rule_files[1], Path::new("/abs/x.yml"));
    let [prometheus, api] = &config.jobs[..] else {
        panic!("{:?}", config.jobs)
    };
    assert_eq!(prometheus.interval, Duration::from_secs(15));
    // Taken over from Prometheus's default of 10 s, which fits.
    assert_eq!(prometheus.timeout, Duration::from_secs(10));
    assert_eq!(prometheus.static_groups[0].targets, ["localhost:9090"]);
    assert_eq!(api.scheme, Scheme::Https);
    assert_eq!(
        api.params,
        [("module".to_owned(), vec!["http_2xx".to_owned()])]
    );
    assert_eq!(api.files[0].patterns, [Path::new("/etc/p/t/*.json")]);
    assert_eq!(
        (api.limits.samples_max, api.limits.samples_refuse),
        (100, true)
    );
    assert_eq!(api.limits.body_bytes_max, 1 << 20);
}

#[test]
fn a_global_timeout_shrinks_to_a_shorter_interval() {
    let config = valid("scrape_configs: [{job_name: a, scrape_interval: 5s}]");
    assert_eq!(config.jobs[0].timeout, Duration::from_secs(5));
}

#[test]
fn targets_of_a_probe_may_be_urls_as_relabelling_makes_addresses_of_them() {
    let config = valid(
        "scrape_configs:
- job_name: probe
  static_configs: [{targets: ['https://example.org/health']}]
  relabel_configs:
  - {source_labels: [__address__], target_label: __param_target}
  - {target_label: __address__, replacement: 'localhost:9115'}
",
    );
    let targets = &config.jobs[0].static_groups[0].targets;
    assert_eq!(targets, &["https://example.org/health"]);
}

#[test]
fn an_empty_file_is_a_configuration() {
    assert!(valid("").jobs.is_empty());
}

#[test]
fn all_problems_come_at_once_with_line_and_remedy() {
    check_problems(
        "global:
  scrape_intervall: 15s
  evaluation_interval: soon
scrape_configs:
- job_name: api
  scrape_interval: 15s
  scrape_timeout: 30s
  scheme: ftp
  honor_labels: maybe
  static_configs:
  - targets: ['b:1']
  relabel_configs:
  - action: hashmod
    target_label: x
  - action: kepp
  - action: labeldrop
    source_labels: [a]
  - regex: 'a('
    target_label: b
- job_name: api
- static_configs: nope
- job_name: two
  static_configs: [{targets: ['http://a:1', 'a:1/metrics']}]
  bearer_token: x
  basic_auth: {username: a, password: b, password_file: c}
  file_sd_configs: [{files: [targets.txt]}]
",
        "
line 2: global has no field \"scrape_intervall\"; did you mean \"scrape_interval\"?
line 3: evaluation_interval of global: \"soon\" is not a duration; write for example 30s, 5m or 1h30m
line 7: scrape_timeout 30s is longer than scrape_interval 15s of job \"api\"; make it shorter
line 8: scheme of job \"api\": \"ftp\" is neither http nor https
line 9: honor_labels of job \"api\": \"maybe\" is neither true nor false
line 13: action hashmod in relabel_configs of job \"api\" needs modulus: a number above 0
line 15: action kepp in relabel_configs of job \"api\" is unknown; it is one of replace, lowercase, uppercase, keep, drop, keepequal, dropequal, hashmod, labelmap, labeldrop, labelkeep
line 16: action labeldrop in relabel_configs of job \"api\" takes no source_labels; remove it
line 18: regex of a rule in relabel_configs of job \"api\": \"a(\" is no regular expression: unclosed group
line 20: job \"api\" stands twice, first on line 5; give each its own job_name
line 21: a job has no job_name; every job needs one
line 21: a target group of job \"\" must be a map of fields
line 22: job \"two\" has more than one of basic_auth, authorization and bearer_token; keep one
line 23: target \"a:1/metrics\" of job \"two\" must not hold a path; write host:port and set metrics_path in the job
line 23: target \"http://a:1\" of job \"two\" must not hold a scheme; write host:port and set scheme in the job
line 25: basic_auth of job \"two\" has both password and password_file; keep one
line 26: file \"targets.txt\" must end in .json, .yml or .yaml
",
    );
}

#[test]
fn what_prometheus_knows_and_we_do_not_is_ignored_aloud() {
    let text = "alerting: {alertmanagers: []}
remote_write: [{url: 'http://x'}]
scrape_configs:
- job_name: k
  kubernetes_sd_configs: [{role: pod}]
  tls_config: {cert_file: c}
";
    check_problems(
        text,
        "
line 1: ignored: alerting of the configuration: alerts are not sent to an Alertmanager yet
line 2: ignored: remote_write of the configuration: samples are not sent on
line 5: ignored: kubernetes_sd_configs of job \"k\": targets are found by static_configs, file_sd_configs and announcements of local processes only
line 6: ignored: cert_file of tls_config of job \"k\": scrapes send no client certificate
",
    );
    assert_eq!(valid(text).jobs.len(), 1);
}

#[test]
fn what_is_no_yaml_is_told_with_its_line() {
    let (config, problems) = read("global:\n  a: [1\nscrape_configs: 1\n");
    assert!(config.is_none());
    assert_eq!(problems.len(), 1);
    assert!(problems[0].line >= 2, "{problems:?}");
}

#[test]
fn secrets_are_not_shown() {
    let config = valid("scrape_configs: [{job_name: a, authorization: {credentials: canary}}]");
    assert!(!format!("{config:?}").contains("canary"));
    assert!(!config.shown.contains("canary"));
}

#[test]
fn a_job_that_did_not_change_stays_the_very_same() {
    let old = valid("scrape_configs: [{job_name: a, bearer_token: x}, {job_name: b}]");
    let new = valid("\n\nscrape_configs: [{job_name: b}, {job_name: a, bearer_token: y}]");
    let kept = new.keeping_jobs_of(&old);
    assert!(Arc::ptr_eq(&kept.jobs[0], &old.jobs[1]));
    assert!(!Arc::ptr_eq(&kept.jobs[1], &old.jobs[0]));
}
