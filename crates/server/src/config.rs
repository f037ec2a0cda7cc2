//! The configuration: `prometheus.yml` as it is, read once, all problems at once.
//!
//! The file becomes a tree that knows its lines ([`diagnosis::yaml`]); [`Config::read`] is the one
//! door from there to a configuration that can run. What Prometheus knows and we do not is ignored
//! with a word about it; what nobody knows is an error.

mod alerting;
mod auth;
mod glob;
mod problem;
mod relabel;
mod render;
mod scrape;
mod secret;
mod section;
mod unsupported;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use diagnosis::yaml::{self, NODES_MAX, Node};
use model::Labels;

pub(crate) use alerting::{AlertingConfig, AlertmanagerConfig};
pub(crate) use auth::{Auth, Given, Tls, read_auth, read_given, read_tls};
pub(crate) use glob::expand_pattern;
pub(crate) use problem::{Problem, Problems, Severity};
pub(crate) use render::render_masked_also;
pub(crate) use scrape::{
    FileDiscovery, JobConfig, ScrapeLimits, StaticGroup, check_address, read_target_group,
};
pub(crate) use secret::Secret;
pub(crate) use section::Section;

/// Prometheus's defaults for a file that names none.
const DEFAULT_INTERVAL: Duration = Duration::from_secs(60);
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);

/// A configuration file is read whole; none that a person wrote comes near this.
const FILE_BYTES_MAX: u64 = 64 << 20;

/// A configuration that can run: names are unique, timeouts fit their intervals.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    pub(crate) scrape_interval: Duration,
    pub(crate) evaluation_interval: Duration,
    /// Added to what leaves this server; kept for the judge and the API.
    pub(crate) external_labels: Labels,
    /// Patterns with `*` in the last parts; relative ones are already joined to the file's folder.
    pub(crate) rule_files: Vec<PathBuf>,
    pub(crate) jobs: Vec<Arc<JobConfig>>,
    /// Where alerts are forwarded to.
    pub(crate) alerting: AlertingConfig,
    /// The file with its secrets masked, as `status/config` shows it.
    pub(crate) shown: String,
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    #[error("cannot read configuration {path}", path = path.display())]
    Io {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("configuration {path} has {count} {noun}:{list}",
        path = path.display(), count = problems.len(),
        noun = if problems.len() == 1 { "problem" } else { "problems" },
        list = problems.iter().map(|problem| format!("\n  {problem}")).collect::<String>())]
    Invalid {
        path: PathBuf,
        problems: Vec<Problem>,
    },
}

impl Config {
    /// What runs without a file: no jobs, only what announces itself.
    pub(crate) fn without_file(scrape_interval: Duration) -> Self {
        Self {
            scrape_interval,
            evaluation_interval: scrape_interval,
            external_labels: Labels::empty(),
            rule_files: Vec::new(),
            jobs: Vec::new(),
            alerting: AlertingConfig::default(),
            shown: String::new(),
        }
    }

    /// This configuration, with the very jobs of `old` where they did not change.
    pub(crate) fn keeping_jobs_of(&self, old: &Self) -> Self {
        let mut config = self.clone();
        for job in &mut config.jobs {
            let same = old
                .jobs
                .iter()
                .find(|old| old.name == job.name && old.fingerprint == job.fingerprint);
            if let Some(same) = same {
                *job = Arc::clone(same);
            }
        }
        config
    }

    /// Reads a file. The second part is what was ignored; with `strict` that is refused too.
    pub(crate) fn load(path: &Path, strict: bool) -> Result<(Self, Vec<Problem>), ConfigError> {
        let text = read_file(path).map_err(|source| ConfigError::Io {
            path: path.to_owned(),
            source,
        })?;
        let folder = path.parent().unwrap_or(Path::new("."));
        let (config, problems) = Self::read(&text, folder);
        match config {
            Some(config) if !strict || problems.is_empty() => Ok((config, problems)),
            _ => Err(ConfigError::Invalid {
                path: path.to_owned(),
                problems,
            }),
        }
    }

    /// Reads the text of a file in `folder`, which relative paths in it start from.
    ///
    /// There is a configuration exactly when no problem is an error.
    pub(crate) fn read(text: &str, folder: &Path) -> (Option<Self>, Vec<Problem>) {
        let mut problems = Problems::default();
        let root = match yaml::parse(text, NODES_MAX) {
            Ok(root) => root,
            Err(error) => {
                problems.error(error.line, error.reason);
                return (None, problems.into_sorted());
            }
        };
        let config = Self::resolve(&root, folder, &mut problems);
        let config = config.filter(|_| !problems.any_error());
        (config, problems.into_sorted())
    }

    fn resolve(root: &Node, folder: &Path, problems: &mut Problems) -> Option<Self> {
        let mut file = Section::open(root, "the configuration", unsupported::FILE, problems)?;
        let defaults = Defaults::read(file.take("global"), problems);
        let rule_files = file
            .texts("rule_files", problems)
            .into_iter()
            .map(|(_, pattern)| folder.join(pattern))
            .collect();
        let mut jobs: Vec<(usize, Arc<JobConfig>)> = Vec::new();
        for node in file.list("scrape_configs", problems) {
            let Some(job) = JobConfig::read(node, &defaults, folder, problems) else {
                continue;
            };
            if let Some((first, _)) = jobs.iter().find(|(_, other)| other.name == job.name) {
                problems.error(
                    node.line,
                    format!(
                        "job {:?} stands twice, first on line {first}; give each its own job_name",
                        job.name
                    ),
                );
                continue;
            }
            jobs.push((node.line, Arc::new(job)));
        }
        let alerting = alerting::read_alerting(file.take("alerting"), folder, problems);
        file.finish(problems);
        Some(Self {
            alerting,
            scrape_interval: defaults.interval,
            evaluation_interval: defaults.evaluation_interval,
            external_labels: defaults.external_labels,
            rule_files,
            jobs: jobs.into_iter().map(|(_, job)| job).collect(),
            shown: render::render_masked(root),
        })
    }
}

/// The `global` section.
#[derive(Debug)]
struct Defaults {
    interval: Duration,
    timeout: Duration,
    evaluation_interval: Duration,
    external_labels: Labels,
    limits: ScrapeLimits,
}

impl Defaults {
    fn read(node: Option<&Node>, problems: &mut Problems) -> Self {
        let mut defaults = Self {
            interval: DEFAULT_INTERVAL,
            timeout: DEFAULT_TIMEOUT,
            evaluation_interval: DEFAULT_INTERVAL,
            external_labels: Labels::empty(),
            limits: ScrapeLimits::default(),
        };
        let Some(mut global) =
            node.and_then(|node| Section::open(node, "global", unsupported::GLOBAL, problems))
        else {
            return defaults;
        };
        let interval = scrape::interval(&mut global, "scrape_interval", problems);
        defaults.interval = interval.unwrap_or(DEFAULT_INTERVAL);
        let timeout = scrape::interval(&mut global, "scrape_timeout", problems);
        if let Some(timeout) = timeout.filter(|&timeout| timeout > defaults.interval) {
            problems.error(
                global.line_of("scrape_timeout"),
                scrape::timeout_too_long(timeout, defaults.interval, "global"),
            );
        }
        defaults.timeout = timeout.unwrap_or(DEFAULT_TIMEOUT).min(defaults.interval);
        let evaluation = scrape::interval(&mut global, "evaluation_interval", problems);
        defaults.evaluation_interval = evaluation.unwrap_or(DEFAULT_INTERVAL);
        defaults.external_labels = global.labels("external_labels", problems);
        defaults.limits = scrape::read_limits(&mut global, &defaults.limits, problems);
        global.finish(problems);
        defaults
    }
}

/// Reads a whole file, up to a size nobody writes by hand.
pub(crate) fn read_file(path: &Path) -> std::io::Result<String> {
    use std::io::Read as _;
    let mut text = String::new();
    let file = std::fs::File::open(path)?;
    let read = file.take(FILE_BYTES_MAX + 1).read_to_string(&mut text)?;
    if read as u64 > FILE_BYTES_MAX {
        return Err(std::io::Error::other(format!(
            "the file is larger than {FILE_BYTES_MAX} bytes"
        )));
    }
    Ok(text)
}

/// Rules written as a YAML list, for tables in tests.
#[cfg(test)]
pub(crate) fn relabel_rules_from(
    text: &str,
) -> Result<Vec<crate::relabel::RelabelRule>, Vec<Problem>> {
    let mut problems = Problems::default();
    let node = yaml::parse(text, NODES_MAX).expect("the test's YAML");
    let yaml::Value::List(items) = &node.value else {
        panic!("{text} is no list");
    };
    let rules = relabel::read_rules(items, "the test", &mut problems);
    if problems.any_error() {
        return Err(problems.into_sorted());
    }
    Ok(rules)
}

#[cfg(test)]
mod tests;
