//! Writing segment files: one process's own records, appended and never moved.

use std::fs::File;
use std::io::{self, Write as _};
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::{FallocateFlags, FlockOperation, fallocate, flock};

use crate::group::ProcessId;
use crate::mapping::map_forever;
use crate::private_fs::{PrivateDir, check_file_bytes};
use crate::record::{
    self, HEADER_WORDS, PANICS_WORD, TOLD_WORD, UNSHARED_WORD, USED_CHECK_WORD, USED_WORD,
    WORKER_WORD,
};
use crate::segment_file::SegmentName;
use crate::told;

/// How much shared memory one process may take.
#[derive(Clone, Copy, Debug)]
pub struct SegmentLimits {
    /// Bytes of the first file. 64 KiB hold about 500 counters or 150 histograms, more than most
    /// services have. Each further file is twice as long, up to 4 MiB.
    pub first_file_bytes: usize,
    /// Bytes of all files of the process. Beyond, new series stay on the heap.
    pub bytes_max: usize,
}

impl Default for SegmentLimits {
    fn default() -> Self {
        Self {
            first_file_bytes: 64 * 1024,
            bytes_max: 64 * 1024 * 1024,
        }
    }
}

const FILE_BYTES_MAX: usize = 4 * 1024 * 1024;
const WORD_BYTES: usize = size_of::<u64>();

/// Why there is no room in shared memory.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoRoom {
    #[error("a series with {0} bytes of labels is too long to be shared")]
    RecordTooLong(usize),
    #[error("this process's metrics already take {bytes_max} bytes of shared memory")]
    Limit { bytes_max: usize },
    #[error("cannot reserve shared memory in {dir}")]
    Io {
        dir: String,
        #[source]
        source: io::Error,
    },
}

/// The files of this process, as it writes them.
#[derive(Debug)]
pub(crate) struct Segment {
    process: ProcessId,
    limits: SegmentLimits,
    files: Vec<&'static [AtomicU64]>,
    /// Words that hold records in the last file.
    used: usize,
    n_families: u32,
}

impl Segment {
    /// Makes the first file. Beside the segment comes the file whose descriptor must stay open:
    /// its lock tells that the process lives.
    pub(crate) fn create(
        dir: &PrivateDir,
        process: ProcessId,
        limits: SegmentLimits,
    ) -> Result<(Self, File), NoRoom> {
        let mut segment = Self {
            process,
            limits,
            files: Vec::new(),
            used: HEADER_WORDS,
            n_families: 0,
        };
        let file = segment.add_file(dir, limits.first_file_bytes)?;
        Ok((segment, file))
    }

    /// A number for a family of this process.
    pub(crate) fn next_family(&mut self) -> u32 {
        self.n_families += 1;
        self.n_families
    }

    /// Appends a record and returns its words from the flags on.
    pub(crate) fn append(
        &mut self,
        dir: &PrivateDir,
        kind: record::RecordKind,
        family: u32,
        key: &[u8],
        cells: &[f64],
    ) -> Result<&'static [AtomicU64], NoRoom> {
        let words = record::encode_cells(kind, family, key, cells)
            .ok_or(NoRoom::RecordTooLong(key.len()))?;
        let last = self.files.last().map_or(0, |file| file.len());
        if last < self.used + words.len() {
            let bytes = (last * WORD_BYTES * 2).min(FILE_BYTES_MAX);
            let needed = (HEADER_WORDS + words.len()) * WORD_BYTES;
            self.add_file(dir, bytes.max(needed))?;
        }
        let file = self.files.last().expect("a file was there or was added");
        let row = &file[self.used..self.used + words.len()];
        // The first word has the magic and the checksum: written last, so that a reader never
        // takes half a record for a whole one.
        for (place, word) in row.iter().zip(&words).skip(1) {
            place.store(*word, Ordering::Relaxed);
        }
        row[0].store(words[0], Ordering::Release);
        self.used += words.len();
        file[USED_WORD].store(self.used as u64, Ordering::Release);
        file[USED_CHECK_WORD].store(!(self.used as u64), Ordering::Release);
        Ok(&row[record::flags_at(key.len())..])
    }

    /// Tells readers which worker of its group this process is.
    pub(crate) fn set_worker(&self, number: u32) {
        self.set_header(WORKER_WORD, u64::from(number) + 1);
    }

    /// Tells readers how many series of this process they cannot see.
    pub(crate) fn set_unshared(&self, n_series: usize) {
        self.set_header(UNSHARED_WORD, n_series as u64);
    }

    pub(crate) fn set_panics(&self, n_panics: u64) {
        self.set_header(PANICS_WORD, n_panics);
    }

    /// Tells readers how much processor time of the group this process told of.
    pub(crate) fn set_told(&self, ticks: u64) {
        self.set_header(TOLD_WORD, told::encode(ticks));
    }

    fn set_header(&self, word: usize, value: u64) {
        if let Some(file) = self.files.first() {
            file[word].store(value, Ordering::Relaxed);
        }
    }

    /// The words of all files as they are now, for this process's own reading.
    pub(crate) fn copy_words(&self) -> Vec<Vec<u64>> {
        let copy = |file: &&'static [AtomicU64]| {
            let used = file[USED_WORD].load(Ordering::Acquire);
            let used = usize::try_from(used).map_or(file.len(), |used| used.min(file.len()));
            file[..used]
                .iter()
                .map(|word| word.load(Ordering::Relaxed))
                .collect()
        };
        self.files.iter().map(copy).collect()
    }

    pub(crate) fn process(&self) -> ProcessId {
        self.process
    }

    fn add_file(&mut self, dir: &PrivateDir, bytes: usize) -> Result<File, NoRoom> {
        let bytes = bytes.next_multiple_of(rustix::param::page_size());
        let taken: usize = self.files.iter().map(|file| file.len() * WORD_BYTES).sum();
        let bytes_max = self.limits.bytes_max;
        if bytes_max < taken + bytes {
            return Err(NoRoom::Limit { bytes_max });
        }
        let index = u32::try_from(self.files.len()).expect("files are few and large");
        let name = SegmentName {
            process: self.process,
            index,
        }
        .to_string();
        let (file, words) = self.make_file(dir, &name, index, bytes).map_err(|source| {
            // Half a file must not keep memory that is short.
            drop(dir.remove_file(&temporary(&name)));
            let dir = dir.path().display().to_string();
            NoRoom::Io { dir, source }
        })?;
        self.files.push(words);
        self.used = HEADER_WORDS;
        Ok(file)
    }

    fn make_file(
        &self,
        dir: &PrivateDir,
        name: &str,
        index: u32,
        bytes: usize,
    ) -> io::Result<(File, &'static [AtomicU64])> {
        let temporary = temporary(name);
        dir.remove_file(&temporary)?;
        let file = dir.create_file(&temporary)?;
        reserve(&file, bytes)?;
        let words = map_forever(&file, bytes / WORD_BYTES)?;
        let header = record::encode_header(self.process, index, words.len());
        for (place, word) in words.iter().zip(header) {
            place.store(word, Ordering::Release);
        }
        // The lock is on a descriptor of its own. A mapping keeps the one that it was made from
        // open, in forked children too, and they would hold the lock after this process is gone.
        let lock_file = dir.open_lock(&temporary)?;
        // The lock comes before the name: whoever can see the file sees that its process lives.
        flock(&lock_file, FlockOperation::NonBlockingLockExclusive)?;
        dir.rename(&temporary, name)?;
        Ok((lock_file, words))
    }
}

fn temporary(name: &str) -> String {
    format!("{name}.new")
}

/// Takes the blocks now. A file with holes would be cheaper until the memory is full; then the
/// first touch of a hole kills the process with SIGBUS.
fn reserve(file: &File, bytes: usize) -> io::Result<()> {
    check_file_bytes(bytes)?;
    reserve_by(file, bytes, || {
        fallocate(file, FallocateFlags::empty(), 0, bytes as u64)
    })
}

/// A signal that the host takes meanwhile makes the kernel give up (tmpfs looks at each page), so
/// it is tried again; a profiler's timer may be quicker than four megabytes ever are, so not for
/// ever.
const RESERVE_TRIES_MAX: usize = 8;

fn reserve_by(
    mut file: &File,
    bytes: usize,
    mut allocate: impl FnMut() -> rustix::io::Result<()>,
) -> io::Result<()> {
    use rustix::io::Errno;
    for _ in 0..RESERVE_TRIES_MAX {
        match allocate() {
            Ok(()) => return Ok(()),
            Err(Errno::INTR) => {}
            Err(error @ (Errno::NOSPC | Errno::DQUOT | Errno::FBIG)) => return Err(error.into()),
            // A file system or a sandbox without it.
            Err(_) => break,
        }
    }
    // Written zeros take blocks as well, and a signal costs at most one write.
    let zeros = [0; 64 * 1024];
    let mut left = bytes;
    while 0 < left {
        let part = &zeros[..left.min(zeros.len())];
        file.write_all(part)?;
        left -= part.len();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use rustix::io::Errno;

    use super::*;

    /// Answers of the kernel, the last one for ever; how it ends, and how often it was asked.
    fn check(answers: &[Result<(), Errno>], expected: Result<u64, Errno>, n_calls: usize) {
        let file = tempfile::tempfile().unwrap();
        let mut n = 0;
        let reserved = reserve_by(&file, 100_000, || {
            n += 1;
            answers[(n - 1).min(answers.len() - 1)]
        });
        let bytes = reserved.map(|()| file.metadata().unwrap().len());
        let bytes = bytes.map_err(|error| Errno::from_io_error(&error).unwrap());
        assert_eq!((bytes, n), (expected, n_calls), "{answers:?}");
    }

    #[test]
    fn memory_is_reserved_whatever_the_kernel_answers() {
        check(&[Ok(())], Ok(0), 1);
        // A signal, then room; signals without end; no such call, for several reasons.
        check(&[Err(Errno::INTR), Ok(())], Ok(0), 2);
        check(&[Err(Errno::INTR)], Ok(100_000), RESERVE_TRIES_MAX);
        for error in [Errno::OPNOTSUPP, Errno::NOSYS, Errno::PERM, Errno::INVAL] {
            check(&[Err(error)], Ok(100_000), 1);
        }
        for error in [Errno::NOSPC, Errno::DQUOT, Errno::FBIG] {
            check(&[Err(error)], Err(error), 1);
        }
    }
}
