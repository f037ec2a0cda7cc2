//! Every change the store makes to a disk goes through here, so a test can make each one fail.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

pub(crate) fn create_new(path: &Path) -> io::Result<File> {
    fault()?;
    OpenOptions::new()
        .read(true)
        .write(true)
        .create_new(true)
        .open(path)
}

pub(crate) fn write_all(mut file: &File, bytes: &[u8]) -> io::Result<()> {
    if let Err(error) = fault() {
        // As a full disk does: some of it is written before the error comes.
        file.write_all(&bytes[..bytes.len() / 2])?;
        return Err(error);
    }
    file.write_all(bytes)
}

pub(crate) fn set_len(file: &File, bytes: u64) -> io::Result<()> {
    fault()?;
    file.set_len(bytes)
}

/// Waits until the bytes of a file are on the disk. After an error they may be lost although a
/// second call succeeds (the kernel drops pages it could not write), so never call it twice.
pub(crate) fn sync_data(file: &File) -> io::Result<()> {
    fault()?;
    file.sync_data()
}

/// Waits until the names in a folder are on the disk.
pub(crate) fn sync_folder(dir: &Path) -> io::Result<()> {
    fault()?;
    File::open(dir)?.sync_all()
}

pub(crate) fn rename(from: &Path, to: &Path) -> io::Result<()> {
    fault()?;
    fs::rename(from, to)
}

pub(crate) fn remove(path: &Path) -> io::Result<()> {
    fault()?;
    fs::remove_file(path)
}

#[cfg(not(test))]
fn fault() -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
use faults::fault;

/// Makes the disk operations of the calling thread fail.
#[cfg(test)]
pub(crate) mod faults {
    use std::cell::Cell;
    use std::io;

    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(crate) enum Fails {
        Never,
        Once,
        ForEver,
    }

    thread_local! {
        static LEFT: Cell<u64> = const { Cell::new(0) };
        static FAILS: Cell<Fails> = const { Cell::new(Fails::Never) };
        static SEEN: Cell<u64> = const { Cell::new(0) };
    }

    /// The operation after the next `after` fails.
    pub(crate) fn set(after: u64, fails: Fails) {
        LEFT.set(after);
        FAILS.set(fails);
        SEEN.set(0);
    }

    /// How many operations there were since [`set`].
    pub(crate) fn seen() -> u64 {
        SEEN.get()
    }

    pub(super) fn fault() -> io::Result<()> {
        SEEN.set(SEEN.get() + 1);
        match (FAILS.get(), LEFT.get()) {
            (Fails::Never, _) => return Ok(()),
            (Fails::Once | Fails::ForEver, left @ 1..) => {
                LEFT.set(left - 1);
                return Ok(());
            }
            (Fails::Once, 0) => FAILS.set(Fails::Never),
            (Fails::ForEver, 0) => {}
        }
        Err(io::Error::from(io::ErrorKind::StorageFull))
    }
}
