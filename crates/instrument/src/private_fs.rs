//! Opening files that nobody else can have placed: the one door to everything below the
//! runtime folder.
//!
//! The runtime folder may lie in a place where every user can create names (`/dev/shm`, `/tmp`).
//! So nothing is followed, nothing is trusted by name, and nothing is opened in a way that can
//! block: what was opened is looked at through its descriptor before a byte of it is read.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{self, FileType, Mode, OFlags};

/// Why a file or folder is left alone.
#[derive(Debug, thiserror::Error)]
pub enum Untrusted {
    #[error("cannot open {}", path.display())]
    Open {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("{} is not a {wanted}", path.display())]
    Kind { path: PathBuf, wanted: &'static str },
    #[error("{} belongs to user {owner}, this is user {us}", path.display())]
    Owner { path: PathBuf, owner: u32, us: u32 },
    #[error("{} is open to other users (mode {mode:03o}); run chmod go= on it", path.display())]
    Mode { path: PathBuf, mode: fs::RawMode },
    #[error("{} has {len} bytes, more than {max}", path.display())]
    TooLarge { path: PathBuf, len: u64, max: u64 },
    #[error("cannot read {}", path.display())]
    Read {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
}

impl Untrusted {
    /// Whether the thing is simply not there (any more).
    pub fn is_absent(&self) -> bool {
        match self {
            Self::Open { source, .. } | Self::Read { source, .. } => {
                source.kind() == io::ErrorKind::NotFound
            }
            Self::Kind { .. } | Self::Owner { .. } | Self::Mode { .. } | Self::TooLarge { .. } => {
                false
            }
        }
    }
}

/// A folder that is ours alone, and its path for messages.
#[derive(Debug)]
pub(crate) struct PrivateDir {
    fd: OwnedFd,
    path: PathBuf,
}

impl PrivateDir {
    /// Opens a folder; the last part of the path may not be a link.
    pub(crate) fn open(path: &Path) -> Result<Self, Untrusted> {
        let fd = fs::open(path, dir_flags(), Mode::empty());
        Self::check(fd, path.to_owned())
    }

    /// Opens the folder, and makes it (mode 0700) when it is missing. Parents must exist.
    pub(crate) fn open_or_create(path: &Path) -> Result<Self, Untrusted> {
        match fs::mkdir(path, Mode::RWXU) {
            Ok(()) | Err(rustix::io::Errno::EXIST) => Self::open(path),
            Err(error) => Err(Untrusted::Open {
                path: path.to_owned(),
                source: error.into(),
            }),
        }
    }

    fn check(fd: rustix::io::Result<OwnedFd>, path: PathBuf) -> Result<Self, Untrusted> {
        let fd = match fd {
            Ok(fd) => fd,
            // What a link, or anything else that is no folder, answers to these flags.
            Err(rustix::io::Errno::NOTDIR | rustix::io::Errno::LOOP) => {
                let wanted = "folder";
                return Err(Untrusted::Kind { path, wanted });
            }
            Err(error) => {
                let source = error.into();
                return Err(Untrusted::Open { path, source });
            }
        };
        check_owner_and_mode(&fd, &path, FileType::Directory, "folder")?;
        Ok(Self { fd, path })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn join(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Names in the folder, at most `names_max`; true beside them when there are more.
    pub(crate) fn names(&self, names_max: usize) -> Result<(Vec<String>, bool), Untrusted> {
        let failed = |source: rustix::io::Errno| Untrusted::Read {
            path: self.path.clone(),
            source: source.into(),
        };
        let mut names = Vec::new();
        for entry in fs::Dir::read_from(&self.fd).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            // Our own names are ASCII; another name cannot be one of ours.
            let Ok(name) = entry.file_name().to_str() else {
                continue;
            };
            if name == "." || name == ".." {
                continue;
            }
            if names.len() == names_max {
                return Ok((names, true));
            }
            names.push(name.to_owned());
        }
        Ok((names, false))
    }

    /// Opens a plain file of ours for reading. Never blocks, never follows a link.
    pub(crate) fn open_file(&self, name: &str) -> Result<File, Untrusted> {
        let path = self.join(name);
        // Without NONBLOCK, opening a FIFO waits for a writer that may never come.
        let flags =
            OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let fd = match fs::openat(&self.fd, name, flags, Mode::empty()) {
            Ok(fd) => fd,
            Err(rustix::io::Errno::LOOP | rustix::io::Errno::NXIO) => {
                let wanted = "plain file";
                return Err(Untrusted::Kind { path, wanted });
            }
            Err(error) => {
                let source = error.into();
                return Err(Untrusted::Open { path, source });
            }
        };
        check_owner_and_mode(&fd, &path, FileType::RegularFile, "plain file")?;
        Ok(File::from(fd))
    }

    /// Reads a whole small file; more than `bytes_max` is refused, not cut.
    pub(crate) fn read_file(&self, name: &str, bytes_max: u64) -> Result<Vec<u8>, Untrusted> {
        let mut bytes = Vec::new();
        self.open_file(name)?
            .take(bytes_max + 1)
            .read_to_end(&mut bytes)
            .map_err(|source| Untrusted::Read {
                path: self.join(name),
                source,
            })?;
        let len = bytes.len() as u64;
        if bytes_max < len {
            return Err(Untrusted::TooLarge {
                path: self.join(name),
                len,
                max: bytes_max,
            });
        }
        Ok(bytes)
    }

    /// Makes a new file (mode 0600) that only this descriptor knows until it is renamed.
    pub(crate) fn create_file(&self, name: &str) -> io::Result<File> {
        let flags =
            OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mode = Mode::RUSR | Mode::WUSR;
        Ok(File::from(fs::openat(&self.fd, name, flags, mode)?))
    }

    /// Opens a file for locking, and makes it when it is missing.
    pub(crate) fn open_lock(&self, name: &str) -> io::Result<File> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mode = Mode::RUSR | Mode::WUSR;
        Ok(File::from(fs::openat(&self.fd, name, flags, mode)?))
    }

    /// Makes a new file with this content; what cannot be written whole is not left.
    pub(crate) fn write_new(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        check_file_bytes(bytes.len())?;
        self.remove_file(name)?;
        let written = self
            .create_file(name)
            .and_then(|mut file| file.write_all(bytes));
        if written.is_err() {
            // A full memory: half a file would keep it full.
            self.remove_file(name)?;
        }
        written
    }

    pub(crate) fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        Ok(fs::renameat(&self.fd, from, &self.fd, to)?)
    }

    /// Removes a file; one that is gone already is fine.
    pub(crate) fn remove_file(&self, name: &str) -> io::Result<()> {
        match fs::unlinkat(&self.fd, name, fs::AtFlags::empty()) {
            Ok(()) | Err(rustix::io::Errno::NOENT) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

/// Refuses a file that this process may not make so long (`ulimit -f`): to try would be answered
/// with SIGXFSZ, which ends a program that does not expect it.
pub(crate) fn check_file_bytes(bytes: usize) -> io::Result<()> {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Fsize).current;
    match limit {
        Some(limit) if limit < bytes as u64 => Err(rustix::io::Errno::FBIG.into()),
        _ => Ok(()),
    }
}

fn dir_flags() -> OFlags {
    OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC
}

fn check_owner_and_mode(
    fd: impl AsFd,
    path: &Path,
    kind: FileType,
    wanted: &'static str,
) -> Result<(), Untrusted> {
    let path = || path.to_owned();
    let stat = fs::fstat(fd).map_err(|source| Untrusted::Open {
        path: path(),
        source: source.into(),
    })?;
    if FileType::from_raw_mode(stat.st_mode) != kind {
        let path = path();
        return Err(Untrusted::Kind { path, wanted });
    }
    let us = rustix::process::geteuid().as_raw();
    if stat.st_uid != us {
        let (path, owner) = (path(), stat.st_uid);
        return Err(Untrusted::Owner { path, owner, us });
    }
    let mode = stat.st_mode & 0o777;
    // Reading by others leaks label values; writing lets them lie. Neither happens by itself.
    if mode & 0o077 != 0 {
        let path = path();
        return Err(Untrusted::Mode { path, mode });
    }
    Ok(())
}
