//! `pyrometer check`: what is wrong with files, before they run.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use diagnosis::kpi::mapping::read_mapping_file;

use super::style::{Style, clean, complain, counted, print};
use crate::assertions::{ThresholdsProblem, read_thresholds};
use crate::config::{Config, ConfigError, Severity, expand_pattern, read_file};
use crate::judge::{PackSources, from_folder, load_packs};
use crate::notify::{NotifyConfig, NotifyConfigError};
use crate::relate::{ModelProblem, read_model_file};
use crate::scrape::error_chain;

/// Failed is a file with problems, unreadable one that could not be looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Verdict {
    Good,
    Failed,
    Unreadable,
}

impl From<Verdict> for ExitCode {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Good => Self::SUCCESS,
            Verdict::Failed => Self::from(1),
            Verdict::Unreadable => Self::from(2),
        }
    }
}

pub(super) fn configs(files: &[PathBuf], strict: bool) -> ExitCode {
    worst(files.iter().map(|path| config(path, strict)))
}

pub(super) fn rules(files: &[PathBuf]) -> ExitCode {
    worst(files.iter().map(|path| rule_file(path)))
}

pub(super) fn models(files: &[PathBuf]) -> ExitCode {
    worst(files.iter().map(|path| model_file(path)))
}

fn model_file(path: &Path) -> Verdict {
    let problems = match read_model_file(path) {
        Ok(rules) => {
            print(&format!(
                "{} {}: {} of entities, {} of relations\n",
                Style::of_stdout().good("ok"),
                path.display(),
                counted(rules.entities.len(), "rule"),
                counted(rules.relations.len(), "rule"),
            ));
            return Verdict::Good;
        }
        Err(problems) => problems,
    };
    if let [ModelProblem::Io { .. }] = problems.as_slice() {
        complain(&error_chain(&problems[0]));
        return Verdict::Unreadable;
    }
    tell_failed(path, problems.len());
    for problem in problems {
        print(&format!("  {}\n", clean(&problem.to_string())));
    }
    Verdict::Failed
}

pub(super) fn thresholds(files: &[PathBuf]) -> ExitCode {
    worst(files.iter().map(|path| thresholds_file(path)))
}

fn thresholds_file(path: &Path) -> Verdict {
    let (thresholds, problems) = read_thresholds(path);
    if problems.is_empty() {
        print(&format!(
            "{} {}: {}\n",
            Style::of_stdout().good("ok"),
            path.display(),
            counted(thresholds.len(), "threshold"),
        ));
        return Verdict::Good;
    }
    if let [ThresholdsProblem::Io { .. }] = problems.as_slice() {
        complain(&error_chain(&problems[0]));
        return Verdict::Unreadable;
    }
    tell_failed(path, problems.len());
    for problem in problems {
        print(&format!("  {}\n", clean(&problem.to_string())));
    }
    Verdict::Failed
}

pub(super) fn notifications(files: &[PathBuf], strict: bool) -> ExitCode {
    worst(files.iter().map(|path| notification_file(path, strict)))
}

fn notification_file(path: &Path, strict: bool) -> Verdict {
    let (config, ignored) = match NotifyConfig::load(path, strict) {
        Ok(loaded) => loaded,
        Err(error @ NotifyConfigError::Io { .. }) => {
            complain(&error_chain(&error));
            return Verdict::Unreadable;
        }
        Err(NotifyConfigError::Invalid { path, problems }) => {
            tell_failed(&path, problems.len());
            for problem in problems {
                print(&format!("  {}\n", clean(&problem.to_string())));
            }
            return Verdict::Failed;
        }
    };
    print(&format!(
        "{} {}: {}, {}, {}\n",
        Style::of_stdout().good("ok"),
        path.display(),
        counted(config.policy.tree.ids().count(), "route"),
        counted(config.receivers.len(), "receiver"),
        counted(config.policy.inhibitions.len(), "inhibit rule"),
    ));
    for problem in ignored {
        print(&format!("  {}\n", clean(&problem.to_string())));
    }
    for receiver in config
        .receivers
        .iter()
        .filter(|receiver| receiver.integrations.is_empty())
    {
        print(&format!(
            "  receiver {:?} tells nobody\n",
            clean(&receiver.name)
        ));
    }
    Verdict::Good
}

pub(super) fn mappings(files: &[PathBuf]) -> ExitCode {
    worst(files.iter().map(|path| mapping_file(path)))
}

fn mapping_file(path: &Path) -> Verdict {
    let text = match read_file(path) {
        Ok(text) => text,
        Err(error) => {
            complain(&format!("cannot read {}: {error}", path.display()));
            return Verdict::Unreadable;
        }
    };
    let (mappings, problems) = read_mapping_file(&text);
    if problems.is_empty() {
        let good = Style::of_stdout().good("ok");
        let mappings = counted(mappings.len(), "mapping");
        print(&format!("{good} {}: {mappings}\n", path.display()));
        return Verdict::Good;
    }
    tell_failed(path, problems.len());
    for problem in problems {
        print(&format!("  {}\n", clean(&problem.to_string())));
    }
    Verdict::Failed
}

/// All packs as `up` would load them; what it could not use is told.
pub(super) fn packs(folders: Vec<PathBuf>, overrides: Option<PathBuf>) -> ExitCode {
    let own = folders.iter().map(|folder| from_folder(folder).packs.len());
    let n_own: usize = own.sum();
    let loaded = load_packs(&PackSources { folders, overrides }, "");
    if !loaded.problems.is_empty() {
        let bad = Style::of_stdout().bad("failed");
        print(&format!(
            "{bad} packs: {}\n",
            counted(loaded.problems.len(), "problem")
        ));
        for problem in loaded.problems {
            print(&format!("  {}\n", clean(&problem)));
        }
        return Verdict::Failed.into();
    }
    let good = Style::of_stdout().good("ok");
    let n_off: usize = loaded.packs.iter().map(|pack| pack.off.len()).sum();
    print(&format!(
        "{good} packs: {} of yours, {} in all, {} switched off\n",
        n_own,
        loaded.packs.len(),
        counted(n_off, "alert")
    ));
    Verdict::Good.into()
}

fn worst(verdicts: impl Iterator<Item = Verdict>) -> ExitCode {
    // Every file is looked at, also after a bad one.
    verdicts.max().unwrap_or(Verdict::Good).into()
}

fn config(path: &Path, strict: bool) -> Verdict {
    let (config, ignored) = match Config::load(path, strict) {
        Ok(loaded) => loaded,
        Err(error @ ConfigError::Io { .. }) => {
            complain(&error_chain(&error));
            return Verdict::Unreadable;
        }
        Err(ConfigError::Invalid { path, problems }) => {
            let errors = problems.len();
            tell_failed(&path, errors);
            for problem in problems {
                print(&format!("  {}\n", clean(&problem.to_string())));
            }
            return Verdict::Failed;
        }
    };
    let style = Style::of_stdout();
    print(&format!(
        "{} {}: {}, {}\n",
        style.good("ok"),
        path.display(),
        counted(config.jobs.len(), "job"),
        counted(config.rule_files.len(), "rule file pattern")
    ));
    for problem in ignored
        .iter()
        .filter(|problem| problem.severity == Severity::Ignored)
    {
        print(&format!("  {}\n", clean(&problem.to_string())));
    }
    let named = config
        .rule_files
        .iter()
        .flat_map(|pattern| expand_pattern(pattern));
    named
        .map(|path| rule_file(&path))
        .max()
        .unwrap_or(Verdict::Good)
}

fn rule_file(path: &Path) -> Verdict {
    let text = match read_file(path) {
        Ok(text) => text,
        Err(error) => {
            complain(&format!(
                "cannot read rule file {}: {error}",
                path.display()
            ));
            return Verdict::Unreadable;
        }
    };
    match diagnosis::rules::parse_rule_file(&text) {
        Ok(groups) => {
            let n_rules: usize = groups.iter().map(|group| group.rules.len()).sum();
            let good = Style::of_stdout().good("ok");
            print(&format!(
                "{good} {}: {}, {}\n",
                path.display(),
                counted(groups.len(), "group"),
                counted(n_rules, "rule")
            ));
            Verdict::Good
        }
        Err(problems) => {
            tell_failed(path, problems.len());
            for problem in problems {
                print(&format!("  {}\n", clean(&error_chain(&problem))));
            }
            Verdict::Failed
        }
    }
}

fn tell_failed(path: &Path, problems: usize) {
    let bad = Style::of_stdout().bad("failed");
    print(&format!(
        "{bad} {}: {}\n",
        path.display(),
        counted(problems, "problem")
    ));
}
