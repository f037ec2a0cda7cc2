//! One process per data folder.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;

use crate::StoreError;

const LOCK_FILE: &str = "lock";

/// Longest process id that is read back from a lock file, in bytes.
const PID_BYTES_MAX: u64 = 20;

/// Holds the folder until it is dropped. The kernel lets go when the process dies, however.
#[derive(Debug)]
pub(crate) struct FolderLock {
    file: File,
}

/// Unlocks by name, not by closing: a process that is being forked just now holds a copy of the
/// file, and with it the lock, until it calls exec.
impl Drop for FolderLock {
    fn drop(&mut self) {
        drop(self.file.unlock());
    }
}

impl FolderLock {
    /// Takes the lock at once or says who has it.
    pub(crate) fn take(dir: &Path) -> Result<Self, StoreError> {
        let path = dir.join(LOCK_FILE);
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(StoreError::io("open the lock file", &path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(StoreError::Locked {
                    dir: dir.to_owned(),
                    pid: read_pid(&file),
                });
            }
            Err(TryLockError::Error(source)) => {
                return Err(StoreError::io("lock", &path)(source));
            }
        }
        let pid = format!("{}\n", std::process::id());
        // The number is for people only, so a full disk must not keep the store shut.
        if file.set_len(0).is_ok() && file.seek(SeekFrom::Start(0)).is_ok() {
            drop(file.write_all(pid.as_bytes()));
        }
        Ok(Self { file })
    }
}

fn read_pid(file: &File) -> Option<u32> {
    let mut text = String::new();
    file.take(PID_BYTES_MAX).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}
