//! Whether something must be made anew: a hash of what it is made from, kept beside the result.

use std::collections::hash_map::DefaultHasher;
use std::fs;
use std::hash::{Hash as _, Hasher as _};
use std::path::PathBuf;

use anyhow::Context as _;

use crate::files;

/// A step's inputs as one number. Not against forgers: only against forgetting.
#[derive(Debug)]
pub(crate) struct Stamp {
    file: PathBuf,
    text: String,
}

impl Stamp {
    /// Hashes `salt` and every file of `sources` (files or folders); kept in `file`.
    pub(crate) fn new(file: PathBuf, sources: &[PathBuf], salt: &str) -> anyhow::Result<Self> {
        let mut hasher = DefaultHasher::new();
        salt.hash(&mut hasher);
        for source in sources {
            let paths = if source.is_dir() {
                files::below(source)?
            } else {
                vec![source.clone()]
            };
            for path in paths {
                path.strip_prefix(source).unwrap_or(&path).hash(&mut hasher);
                let bytes = fs::read(&path).with_context(|| format!("read {}", path.display()))?;
                bytes.hash(&mut hasher);
            }
        }
        Ok(Self {
            file,
            text: format!("{:016x}\n", hasher.finish()),
        })
    }

    /// Whether the last recorded inputs were the same.
    pub(crate) fn is_fresh(&self) -> bool {
        fs::read_to_string(&self.file).is_ok_and(|text| text == self.text)
    }

    /// Call only after the step succeeded.
    pub(crate) fn record(&self) -> anyhow::Result<()> {
        if let Some(parent) = self.file.parent() {
            fs::create_dir_all(parent).with_context(|| format!("create {}", parent.display()))?;
        }
        fs::write(&self.file, &self.text).with_context(|| format!("write {}", self.file.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_is_fresh_until_an_input_changes() {
        let dir = tempfile::tempdir().unwrap();
        let source = dir.path().join("src");
        fs::create_dir(&source).unwrap();
        fs::write(source.join("a"), "1").unwrap();
        let stamp = |salt: &str| {
            Stamp::new(
                dir.path().join("stamp"),
                std::slice::from_ref(&source),
                salt,
            )
            .unwrap()
        };
        assert!(!stamp("x").is_fresh());
        stamp("x").record().unwrap();
        assert!(stamp("x").is_fresh());
        assert!(!stamp("y").is_fresh());
        fs::write(source.join("a"), "2").unwrap();
        assert!(!stamp("x").is_fresh());
        fs::write(source.join("a"), "1").unwrap();
        assert!(stamp("x").is_fresh());
        fs::rename(source.join("a"), source.join("b")).unwrap();
        assert!(!stamp("x").is_fresh());
    }
}
