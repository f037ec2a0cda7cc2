//! The imported dashboards, as files: `dashboards/<uid>.json` in the data folder, each exactly the
//! text that was imported, so that a later version can show what this one leaves out.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::PathBuf;

/// Bytes of one dashboard. The largest in use are about one MiB.
pub(crate) const DASHBOARD_BYTES_MAX: usize = 4 << 20;
/// Dashboards that are kept.
pub(crate) const DASHBOARDS_MAX: usize = 500;

#[derive(Clone, Debug)]
pub(crate) struct Shelf {
    folder: PathBuf,
}

/// Why a dashboard cannot be kept.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ShelfError {
    #[error("there are {DASHBOARDS_MAX} imported dashboards already; remove one first")]
    Full,
    #[error("{0:?} is no name of a dashboard")]
    Name(String),
    #[error("cannot use {}", folder.display())]
    Io {
        folder: PathBuf,
        #[source]
        source: io::Error,
    },
}

impl Shelf {
    pub(crate) fn new(data_dir: &std::path::Path) -> Self {
        Self {
            folder: data_dir.join("dashboards"),
        }
    }

    /// The names of all, sorted.
    pub(crate) fn uids(&self) -> Result<Vec<String>, ShelfError> {
        let entries = match fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(self.failed(error)),
        };
        let mut uids: Vec<String> = entries
            .take(2 * DASHBOARDS_MAX)
            .filter_map(|entry| {
                let name = entry.ok()?.file_name().into_string().ok()?;
                let uid = name.strip_suffix(".json")?;
                is_uid(uid).then(|| uid.to_owned())
            })
            .collect();
        uids.sort_unstable();
        Ok(uids)
    }

    /// The text of one; `None` when there is none of that name.
    pub(crate) fn read(&self, uid: &str) -> Result<Option<String>, ShelfError> {
        let path = self.path(uid)?;
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(self.failed(error)),
        };
        let mut text = String::new();
        let read = file
            .take(DASHBOARD_BYTES_MAX as u64)
            .read_to_string(&mut text);
        read.map_err(|error| self.failed(error))?;
        Ok(Some(text))
    }

    /// Keeps a dashboard in place of an older one of the same name; whole or not at all.
    pub(crate) fn write(&self, uid: &str, text: &str) -> Result<(), ShelfError> {
        let path = self.path(uid)?;
        if DASHBOARDS_MAX <= self.uids()?.len() && !path.exists() {
            return Err(ShelfError::Full);
        }
        let unfinished = path.with_extension("new");
        let written = fs::create_dir_all(&self.folder).and_then(|()| {
            let mut file = File::create(&unfinished)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            fs::rename(&unfinished, &path)?;
            File::open(&self.folder)?.sync_all()
        });
        written.map_err(|error| self.failed(error))
    }

    /// Whether there was one.
    pub(crate) fn remove(&self, uid: &str) -> Result<bool, ShelfError> {
        match fs::remove_file(self.path(uid)?) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(self.failed(error)),
        }
    }

    fn path(&self, uid: &str) -> Result<PathBuf, ShelfError> {
        if !is_uid(uid) {
            return Err(ShelfError::Name(uid.to_owned()));
        }
        Ok(self.folder.join(format!("{uid}.json")))
    }

    fn failed(&self, source: io::Error) -> ShelfError {
        ShelfError::Io {
            folder: self.folder.clone(),
            source,
        }
    }
}

/// Nothing that could lead out of the folder.
fn is_uid(text: &str) -> bool {
    let legal = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    !text.is_empty() && text.len() <= 64 && text.chars().all(legal)
}
