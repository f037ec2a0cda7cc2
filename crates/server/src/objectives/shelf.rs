//! The users' objectives as files: `objectives/<id>.yaml` in the data folder, OpenSLO each
//! (docs/formats/objectives.md), so that they can be taken along and put under version control.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use diagnosis::objective::{OBJECTIVES_MAX, Objective, ObjectiveId, write_openslo};
use tracing::error;

use super::read_text;
use crate::config::read_file;

#[derive(Clone, Debug)]
pub(super) struct Shelf {
    folder: PathBuf,
}

/// Why one cannot be kept.
#[derive(Debug, thiserror::Error)]
#[error("cannot use {}", folder.display())]
pub(crate) struct ShelfError {
    folder: PathBuf,
    #[source]
    source: io::Error,
}

impl Shelf {
    pub(super) fn new(data_dir: &Path) -> Self {
        Self {
            folder: data_dir.join("objectives"),
        }
    }

    /// All that can be read; of others the log tells.
    pub(super) fn all(&self) -> Vec<Objective> {
        let entries = match fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Vec::new(),
            Err(error) => {
                error!(folder = %self.folder.display(), %error, "objectives cannot be read");
                return Vec::new();
            }
        };
        let mut found = Vec::new();
        for entry in entries.flatten().take(2 * OBJECTIVES_MAX) {
            let path = entry.path();
            if path.extension().is_none_or(|end| end != "yaml") {
                continue;
            }
            match read_file(&path) {
                Ok(text) => {
                    let read = read_text(&text);
                    for remark in &read.remarks {
                        error!(file = %path.display(), %remark, "an objective cannot be used");
                    }
                    // One of another name could not be changed: its file would be another.
                    let name = path.file_stem().and_then(|stem| stem.to_str());
                    let own = |objective: &Objective| Some(objective.id.as_str()) == name;
                    found.extend(read.objectives.into_iter().filter(own));
                }
                Err(error) => {
                    error!(file = %path.display(), %error, "an objective cannot be read");
                }
            }
        }
        found
    }

    /// Keeps one in place of an older one of the same name; whole or not at all.
    pub(super) fn write(&self, objective: &Objective) -> Result<(), ShelfError> {
        let path = self.path(&objective.id);
        let unfinished = path.with_extension("new");
        let written = fs::create_dir_all(&self.folder).and_then(|()| {
            let mut file = File::create(&unfinished)?;
            file.write_all(write_openslo([objective]).as_bytes())?;
            file.sync_all()?;
            fs::rename(&unfinished, &path)?;
            File::open(&self.folder)?.sync_all()
        });
        written.map_err(|source| self.failed(source))
    }

    pub(super) fn remove(&self, id: &str) -> Result<(), ShelfError> {
        // Only a legal name was ever written.
        let Ok(id) = ObjectiveId::new(id) else {
            return Ok(());
        };
        match fs::remove_file(self.path(&id)) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(source) => Err(self.failed(source)),
        }
    }

    /// A name is a DNS label, so it leads nowhere else.
    fn path(&self, id: &ObjectiveId) -> PathBuf {
        self.folder.join(format!("{id}.yaml"))
    }

    fn failed(&self, source: io::Error) -> ShelfError {
        ShelfError {
            folder: self.folder.clone(),
            source,
        }
    }
}
