//! The objectives of this server: those that users made, kept in the data folder, and those of
//! files (`--objectives`), which only their files change.
//!
//! The judge evaluates their rules; here they are kept, their past is made up for once, and what
//! was recorded is read.

mod backfill;
mod measured;
mod past;
mod shelf;
mod suggest;

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use diagnosis::notify::Inhibition;
use diagnosis::objective::{
    OBJECTIVES_MAX, Objective, ObjectiveId, OpenSlo, Remark, inhibit_file, read_openslo,
};
use diagnosis::pack::parse_inhibit_file;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use crate::app::App;
use crate::config::read_file;
use crate::judge::LoadedGroup;
use crate::notify::zone;
use crate::scrape::error_chain;

#[cfg(test)]
pub(crate) use self::backfill::fill;
pub(crate) use self::measured::{Measured, NoMeasure, measured};
pub(crate) use self::past::ledger;
use self::shelf::Shelf;
pub(crate) use self::shelf::ShelfError;
pub(crate) use self::suggest::{Scope as SuggestScope, Suggestion, suggestions};

/// Files of one folder that are read; an objective a file.
const FILES_MAX: usize = OBJECTIVES_MAX;

/// A minute's increase needs so many scrapes to be one.
const SCRAPES_OF_WINDOW: u32 = 4;

/// Where an objective comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// The data folder: it can be changed here.
    Stored,
    File(PathBuf),
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Held {
    pub(crate) objective: Objective,
    pub(crate) source: Source,
}

/// Shared by the API and the judge.
#[derive(Debug)]
pub(crate) struct Objectives {
    shelf: Shelf,
    /// Files and folders of the command line.
    files: Vec<PathBuf>,
    held: RwLock<Arc<Vec<Held>>>,
    /// They are to be read anew, or one has a past that is not recorded.
    changed: Notify,
}

/// Why an objective is not changed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ChangeError {
    #[error("there is an objective {0} already")]
    Taken(ObjectiveId),
    #[error("there is no objective {0:?}; see /api/v1/objectives")]
    Missing(String),
    #[error("{id} comes from {}; change it there", file.display())]
    ReadOnly { id: String, file: PathBuf },
    #[error("there are {OBJECTIVES_MAX} objectives already; remove one first")]
    Full,
    #[error(transparent)]
    Shelf(#[from] ShelfError),
}

impl Objectives {
    pub(crate) fn new(data_dir: &Path, files: Vec<PathBuf>) -> Self {
        Self {
            shelf: Shelf::new(data_dir),
            files,
            held: RwLock::default(),
            changed: Notify::new(),
        }
    }

    /// By name.
    pub(crate) fn all(&self) -> Arc<Vec<Held>> {
        Arc::clone(&self.held.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn find(&self, id: &str) -> Result<Held, ChangeError> {
        let all = self.all();
        let found = all.iter().find(|held| held.objective.id.as_str() == id);
        found
            .cloned()
            .ok_or_else(|| ChangeError::Missing(id.to_owned()))
    }

    /// Keeps a new one. Blocks on the disk.
    pub(crate) fn create(&self, objective: Objective) -> Result<(), ChangeError> {
        let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        if held.iter().any(|other| other.objective.id == objective.id) {
            return Err(ChangeError::Taken(objective.id));
        }
        if held.len() >= OBJECTIVES_MAX {
            return Err(ChangeError::Full);
        }
        self.shelf.write(&objective)?;
        let mut next = held.to_vec();
        next.push(Held {
            objective,
            source: Source::Stored,
        });
        next.sort_by(|a, b| a.objective.id.cmp(&b.objective.id));
        *held = Arc::new(next);
        Ok(())
    }

    /// Takes the place of the one of the same name. Blocks on the disk.
    pub(crate) fn replace(&self, objective: Objective) -> Result<(), ChangeError> {
        let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        let index = stored(&held, objective.id.as_str())?;
        self.shelf.write(&objective)?;
        let mut next = held.to_vec();
        next[index].objective = objective;
        *held = Arc::new(next);
        Ok(())
    }

    /// Blocks on the disk. What it recorded stays in the store.
    pub(crate) fn remove(&self, id: &str) -> Result<(), ChangeError> {
        let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        let index = stored(&held, id)?;
        self.shelf.remove(id)?;
        let mut next = held.to_vec();
        next.remove(index);
        *held = Arc::new(next);
        Ok(())
    }

    /// The rules of all, for the judge.
    pub(crate) fn groups(&self, app: &App) -> Vec<LoadedGroup> {
        let all = self.all();
        let groups = all.iter().map(|held| LoadedGroup {
            file: file_of(&held.objective),
            pack: None,
            group: held.objective.rule_group(window(app, &held.objective)),
        });
        groups.collect()
    }

    /// A faster burn keeps the slower ones of its objective quiet.
    pub(crate) fn inhibitions(&self) -> Vec<Inhibition> {
        if self.all().is_empty() {
            return Vec::new();
        }
        parse_inhibit_file(&inhibit_file()).expect("a test reads it")
    }

    /// Has the judge take over what changed, and the past of new ones be recorded.
    pub(crate) fn tell(&self, app: &App) {
        app.judge.reload();
        self.changed.notify_one();
    }

    /// Has the files be read anew, on a reload.
    pub(crate) fn reload(&self) {
        self.changed.notify_one();
    }

    /// Reads what is kept and what the files hold. A bad one costs itself only, and whoever came
    /// first keeps its name. Blocks on files.
    fn load(&self) -> Vec<Held> {
        let mut held: Vec<Held> = Vec::new();
        for objective in self.shelf.all() {
            held.push(Held {
                objective,
                source: Source::Stored,
            });
        }
        for (file, found) in read_files(&self.files) {
            for remark in found.remarks.iter().filter(|remark| remark.refuses) {
                error!(file = %file.display(), %remark, "an objective cannot be used");
            }
            for objective in found.objectives {
                if held.iter().any(|other| other.objective.id == objective.id) {
                    error!(file = %file.display(), id = %objective.id,
                        "an objective of this name is there already");
                    continue;
                }
                let source = Source::File(file.clone());
                held.push(Held { objective, source });
            }
        }
        if held.len() > OBJECTIVES_MAX {
            error!(
                limit = OBJECTIVES_MAX,
                "too many objectives, the last ones are left out"
            );
            held.truncate(OBJECTIVES_MAX);
        }
        held.sort_by(|a, b| a.objective.id.cmp(&b.objective.id));
        held
    }

    /// Reads them at the start and on each reload, and records the past of those that have one.
    pub(crate) async fn run(app: Arc<App>, cancel: CancellationToken) {
        loop {
            let (loading, stop) = (Arc::clone(&app), cancel.clone());
            let loaded = tokio::task::spawn_blocking(move || {
                let objectives = &loading.objectives;
                let mut held = objectives
                    .held
                    .write()
                    .unwrap_or_else(PoisonError::into_inner);
                let found = objectives.load();
                let differs = **held != found;
                *held = Arc::new(found);
                drop(held);
                if differs {
                    loading.judge.reload();
                }
                backfill::all(&loading, &stop);
            });
            if let Err(panicked) = loaded.await {
                error!(%panicked, "reading the objectives ended");
            }
            tokio::select! {
                () = cancel.cancelled() => return,
                () = app.objectives.changed.notified() => {}
            }
        }
    }
}

/// Where among all, if it can be changed here.
fn stored(held: &[Held], id: &str) -> Result<usize, ChangeError> {
    let index = held
        .iter()
        .position(|held| held.objective.id.as_str() == id);
    let index = index.ok_or_else(|| ChangeError::Missing(id.to_owned()))?;
    match &held[index].source {
        Source::Stored => Ok(index),
        Source::File(file) => Err(ChangeError::ReadOnly {
            id: id.to_owned(),
            file: file.clone(),
        }),
    }
}

/// What the rules API calls the file of an objective's rules.
pub(crate) fn file_of(objective: &Objective) -> String {
    format!("objectives/{}", objective.id)
}

/// How long the windows of an objective's queries are here: a few scrapes, and never less than
/// the minute that is recorded.
pub(crate) fn window(app: &App, objective: &Objective) -> Duration {
    let config = app.config();
    let job = config
        .jobs
        .iter()
        .find(|job| Some(job.name.as_str()) == objective.service());
    let interval = job.map_or(app.settings.scrape_interval, |job| job.interval);
    window_of(interval)
}

/// The window for a scrape interval.
pub(crate) fn window_of(scrape_interval: Duration) -> Duration {
    let window = scrape_interval * SCRAPES_OF_WINDOW;
    Duration::from_secs(window.as_secs_f64().ceil() as u64).max(diagnosis::objective::STEP)
}

/// Reads one OpenSLO text with this machine's time zones.
pub(crate) fn read_text(text: &str) -> OpenSlo {
    read_openslo(text, &zone)
}

/// What files and the files of folders hold; one that cannot be read says so in a remark.
pub(crate) fn read_files(paths: &[PathBuf]) -> Vec<(PathBuf, OpenSlo)> {
    let mut files = Vec::new();
    for path in paths {
        if path.is_dir() {
            files.extend(files_of(path));
        } else {
            files.push(path.clone());
        }
    }
    let read = files.into_iter().map(|file| {
        let found = match read_file(&file) {
            Ok(text) => read_text(&text),
            Err(error) => OpenSlo {
                objectives: Vec::new(),
                remarks: vec![Remark {
                    line: 1,
                    text: format!("cannot be read: {error}"),
                    refuses: true,
                }],
            },
        };
        (file, found)
    });
    read.collect()
}

fn files_of(folder: &Path) -> Vec<PathBuf> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) => {
            warn!(folder = %folder.display(), error = %error_chain(&error), "cannot be read");
            return Vec::new();
        }
    };
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let is_yaml = |path: &PathBuf| {
        let end = path.extension().and_then(|end| end.to_str());
        matches!(end, Some("yaml" | "yml"))
    };
    let mut paths: Vec<PathBuf> = paths.filter(is_yaml).take(FILES_MAX).collect();
    paths.sort();
    paths
}

#[cfg(test)]
mod tests;
