//! Alertmanager's configuration file as it is, read once, all problems at once.
//!
//! [`NotifyConfig::read`] is the one door from a text to routes and receivers that can run. What
//! Alertmanager knows and this server does not is ignored with a word about it; what nobody knows
//! is an error, each with its line.

mod receivers;
mod routes;
mod unsupported;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use diagnosis::notify::{GroupBy, Policy, ReceiverPlan, Route, RouteTree};
use diagnosis::yaml::{self, NODES_MAX, Node};

pub(crate) use self::receivers::Integration;
#[cfg(test)]
pub(super) use self::receivers::Smarthost;
pub(super) use self::receivers::{Email, Http, Receiver, Target, Wire};
pub(crate) use self::routes::zone;
use crate::config::{Problem, Problems, Section, read_file, render_masked_also};

/// When an alert that nobody ended counts as over (Alertmanager's default).
const RESOLVE_TIMEOUT: Duration = Duration::from_secs(5 * 60);

/// The receiver of a server without a file: alerts show in the UI and nobody is told.
pub(super) const NOBODY: &str = "nobody (no notification file)";

/// Who is told, how, and when.
#[derive(Clone, Debug)]
pub(crate) struct NotifyConfig {
    pub(crate) policy: Policy,
    pub(crate) receivers: Vec<Receiver>,
    pub(crate) resolve_timeout: Duration,
    /// The file with its secrets masked.
    pub(crate) shown: String,
    /// `None` when there is no file.
    pub(crate) path: Option<PathBuf>,
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotifyConfigError {
    #[error("cannot read the notification file {}", path.display())]
    Io {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("the notification file {path} has {count} {noun}:{list}",
        path = path.display(), count = problems.len(),
        noun = if problems.len() == 1 { "problem" } else { "problems" },
        list = problems.iter().map(|problem| format!("\n  {problem}")).collect::<String>())]
    Invalid {
        path: PathBuf,
        problems: Vec<Problem>,
    },
}

impl NotifyConfig {
    /// What runs without a file: every alert is shown, nobody is told.
    pub(crate) fn without_file() -> Self {
        let root = Route {
            receiver: NOBODY.to_owned(),
            group_by: GroupBy::Labels(vec!["alertname".to_owned()]),
            matchers: Vec::new(),
            continues: false,
            group_wait: routes::GROUP_WAIT,
            group_interval: routes::GROUP_INTERVAL,
            repeat_interval: routes::REPEAT_INTERVAL,
            mute_in: Vec::new(),
            active_in: Vec::new(),
            routes: Vec::new(),
        };
        Self {
            policy: Policy {
                tree: RouteTree::new(root),
                inhibitions: Vec::new(),
                intervals: BTreeMap::new(),
                receivers: BTreeMap::from([(NOBODY.to_owned(), Vec::new())]),
            },
            receivers: Vec::new(),
            resolve_timeout: RESOLVE_TIMEOUT,
            shown: String::new(),
            path: None,
        }
    }

    /// Reads a file. The second part is what was ignored; with `strict` that is refused too.
    pub(crate) fn load(
        path: &Path,
        strict: bool,
    ) -> Result<(Self, Vec<Problem>), NotifyConfigError> {
        let text = read_file(path).map_err(|source| NotifyConfigError::Io {
            path: path.to_owned(),
            source,
        })?;
        let folder = path.parent().unwrap_or(Path::new("."));
        let (config, problems) = Self::read(&text, folder);
        match config {
            Some(mut config) if !strict || problems.is_empty() => {
                config.path = Some(path.to_owned());
                Ok((config, problems))
            }
            _ => Err(NotifyConfigError::Invalid {
                path: path.to_owned(),
                problems,
            }),
        }
    }

    /// Reads the text of a file in `folder`, which relative paths in it start from. There is a
    /// configuration exactly when no problem is an error.
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
        let what = "the notification file";
        let mut file = Section::open(root, what, unsupported::FILE, problems)?;
        let global = receivers::Global::read(file.take("global"), folder, problems);
        for (line, _) in file.texts("templates", problems) {
            problems.ignored(line, format!("templates of {what}: {}", unsupported::WORDS));
        }
        let receivers: Vec<Receiver> =
            receivers::read_all(file.list("receivers", problems), &global, folder, problems);
        let mut intervals = BTreeMap::new();
        for section in ["time_intervals", "mute_time_intervals"] {
            let nodes = file.list(section, problems);
            routes::read_intervals(nodes, section, &mut intervals, problems);
        }
        let inhibitions = file
            .list("inhibit_rules", problems)
            .iter()
            .filter_map(|node| routes::read_inhibition(node, problems))
            .collect();
        let route = match file.take("route") {
            None => {
                let text = format!("{what} needs a route with a receiver");
                problems.error(file.line(), text);
                None
            }
            Some(node) => routes::read_root(node, &receivers, &intervals, problems),
        };
        file.finish(problems);
        Some(Self {
            policy: Policy {
                tree: RouteTree::new(route?),
                inhibitions,
                intervals,
                receivers: plans(&receivers),
            },
            receivers,
            resolve_timeout: global.resolve_timeout.unwrap_or(RESOLVE_TIMEOUT),
            shown: render_masked_also(root, unsupported::SECRETS),
            path: None,
        })
    }

    /// Every way in which somebody is told.
    pub(crate) fn integrations(&self) -> impl Iterator<Item = &Integration> {
        self.receivers
            .iter()
            .flat_map(|receiver| &receiver.integrations)
    }
}

fn plans(receivers: &[Receiver]) -> BTreeMap<String, Vec<ReceiverPlan>> {
    let plan = |integration: &Integration| ReceiverPlan {
        integration: integration.id.clone(),
        send_resolved: integration.send_resolved,
    };
    receivers
        .iter()
        .map(|receiver| {
            let plans = receiver.integrations.iter().map(plan).collect();
            (receiver.name.clone(), plans)
        })
        .collect()
}

#[cfg(test)]
mod tests;
