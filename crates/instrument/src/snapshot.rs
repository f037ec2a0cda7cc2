//! Reading the files of a group, one after the other through the same memory.
//!
//! What is read goes to a [`Sink`] at once: a group of many workers has megabytes, and fetching
//! new memory for them costs more than reading them.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use crate::archive;
use crate::group::{Proc, ProcessId};
use crate::mapping::bytes_of_mut;
use crate::private_fs::{PrivateDir, Untrusted};
use crate::reading::ReadLimits;
use crate::record::{self, BadHeader};
use crate::segment_file::{self, SegmentName};

/// Takes what is read of a folder: the archive first, then the processes, the oldest first, since
/// it made the metrics in the order of the program's text.
pub(crate) trait Sink {
    fn archive(&mut self, words: &[u64]);
    /// The files of one process, in their order.
    fn process(&mut self, process: ProcessId, is_live: bool, files: &[&[u64]]);
    fn damage(&mut self, path: &Path, offset: Option<u64>, what: &str);
}

/// What else there is to say of a folder that was read.
#[derive(Debug, Default)]
pub(crate) struct Extent {
    /// Names of the files that the archive holds.
    pub(crate) folded: HashSet<String>,
    /// Whether the limit of bytes left something out.
    pub(crate) is_cut: bool,
}

/// The files of a group as read, for whoever needs them all at once.
#[derive(Debug, Default)]
pub(crate) struct Snapshot {
    pub(crate) archive: Option<Vec<u64>>,
    pub(crate) folded: HashSet<String>,
    pub(crate) processes: Vec<ProcessFiles>,
    pub(crate) is_cut: bool,
}

/// The files of one process.
#[derive(Debug)]
pub(crate) struct ProcessFiles {
    pub(crate) process: ProcessId,
    pub(crate) is_live: bool,
    pub(crate) files: Vec<Vec<u64>>,
}

/// Each try that fails means that somebody folded meanwhile, which takes a dead process.
const TRIES_MAX: usize = 8;
const WORD_BYTES: usize = size_of::<u64>();
/// Bytes read of a file before its header says how many count, until a file was longer: the
/// segment of a small service.
const FIRST_READ_BYTES: usize = 16 * 1024;
const PAGE_BYTES: usize = 4096;

/// Lets `read` read folders until nobody folds meanwhile, or the tries are used up.
///
/// So that no process is seen twice or missed while another one folds dead segments into the
/// archive, the archive is looked at before and after, and changed means again.
pub(crate) fn undisturbed<T>(dirs: &[&PrivateDir], mut read: impl FnMut() -> T) -> T {
    let stamps = || dirs.iter().map(|dir| archive::stamp(dir));
    for _ in 1..TRIES_MAX {
        let before: Vec<_> = stamps().collect();
        let done = read();
        if stamps().eq(before) {
            return done;
        }
    }
    read()
}

/// Reads all files of a folder but those of the process `except`.
pub(crate) fn read_folder(
    dir: &PrivateDir,
    proc: &Proc,
    limits: &ReadLimits,
    except: Option<ProcessId>,
    sink: &mut impl Sink,
) -> Result<Extent, Untrusted> {
    let mut reader = Reader {
        dir,
        limits,
        bytes_left: limits.bytes_max,
        bytes_at_once: FIRST_READ_BYTES,
        n_damaged: 0,
        extent: Extent::default(),
        sink,
    };
    let mut buffer = Vec::new();
    let archive = reader.open(archive::ARCHIVE_NAME);
    let n_words = archive.and_then(|file| {
        reader.fill(
            &file,
            archive::ARCHIVE_NAME,
            archive::identity(),
            &mut buffer,
        )
    });
    if let Some(n_words) = n_words {
        let words = &buffer[..n_words];
        reader.extent.folded = archive::folded(words);
        reader.sink.archive(words);
    }
    reader.processes(proc, except, buffer)?;
    Ok(reader.extent)
}

impl Snapshot {
    pub(crate) fn take(
        dir: &PrivateDir,
        proc: &Proc,
        limits: &ReadLimits,
    ) -> Result<Self, Untrusted> {
        undisturbed(&[dir], || {
            let mut snapshot = Self::default();
            let extent = read_folder(dir, proc, limits, None, &mut snapshot)?;
            snapshot.folded = extent.folded;
            snapshot.is_cut = extent.is_cut;
            Ok(snapshot)
        })
    }

    /// Hands on what was read, as if it were read now.
    pub(crate) fn pour_into(&self, sink: &mut impl Sink) {
        if let Some(words) = &self.archive {
            sink.archive(words);
        }
        for its in &self.processes {
            let files: Vec<&[u64]> = its.files.iter().map(Vec::as_slice).collect();
            sink.process(its.process, its.is_live, &files);
        }
    }
}

impl Sink for Snapshot {
    fn archive(&mut self, words: &[u64]) {
        self.archive = Some(words.to_vec());
    }

    fn process(&mut self, process: ProcessId, is_live: bool, files: &[&[u64]]) {
        self.processes.push(ProcessFiles {
            process,
            is_live,
            files: files.iter().map(|words| words.to_vec()).collect(),
        });
    }

    /// A damaged file is folded as far as it can be read.
    fn damage(&mut self, _path: &Path, _offset: Option<u64>, _what: &str) {}
}

struct Reader<'a, S> {
    dir: &'a PrivateDir,
    limits: &'a ReadLimits,
    bytes_left: u64,
    /// Bytes to read before the header is known: as many as the last file had, since workers of
    /// one program have about as many. Then one call reads a file.
    bytes_at_once: usize,
    n_damaged: usize,
    extent: Extent,
    sink: &'a mut S,
}

impl<S: Sink> Reader<'_, S> {
    fn processes(
        &mut self,
        proc: &Proc,
        except: Option<ProcessId>,
        buffer: Vec<u64>,
    ) -> Result<(), Untrusted> {
        let mut segments = segment_file::list(self.dir, self.limits.files_max)?;
        segments.retain(|segment| Some(segment.process) != except);
        segments.sort_by_key(|segment| (segment.process.start, segment.process.pid, segment.index));
        let mut buffers = vec![buffer];
        for its in segments.chunk_by(|a, b| a.process == b.process) {
            self.process(its, proc, &mut buffers);
        }
        Ok(())
    }

    /// Reads the files of one process. Without its first one it is not read at all.
    fn process(&mut self, segments: &[SegmentName], proc: &Proc, buffers: &mut Vec<Vec<u64>>) {
        let Some(first) = segments.first().filter(|first| first.index == 0) else {
            return;
        };
        let mut is_live = false;
        let mut lens = Vec::with_capacity(segments.len());
        for segment in segments {
            let name = segment.to_string();
            if self.extent.folded.contains(&name) {
                if segment.index == 0 {
                    return;
                }
                continue;
            }
            let file = self.open(&name);
            if segment.index == 0 {
                let Some(file) = &file else { return };
                // Asked before the cells are read: a process that dies in between has then
                // written all it ever will, or is taken for living once more.
                is_live = segment_file::is_live(file, segment.process, proc);
            }
            if buffers.len() == lens.len() {
                buffers.push(Vec::new());
            }
            let buffer = &mut buffers[lens.len()];
            lens.extend(file.and_then(|file| self.fill(&file, &name, *segment, buffer)));
        }
        let files = std::iter::zip(&*buffers, lens);
        let files: Vec<&[u64]> = files.map(|(words, len)| &words[..len]).collect();
        self.sink.process(first.process, is_live, &files);
    }

    fn open(&mut self, name: &str) -> Option<File> {
        match self.dir.open_file(name) {
            Ok(file) => Some(file),
            // A file that is gone is no damage: its process was folded, or its group removed.
            Err(error) if error.is_absent() => None,
            Err(error) => {
                self.damage(name, None, &error.to_string());
                None
            }
        }
    }

    /// Reads a file's words into the start of `buffer`, and tells how many. With plain reads: a
    /// file that somebody truncates under a mapping would kill the reader. The kernel copies
    /// aligned words whole, so no cell is torn.
    fn fill(
        &mut self,
        file: &File,
        name: &str,
        identity: SegmentName,
        buffer: &mut Vec<u64>,
    ) -> Option<usize> {
        let at_once = usize::try_from(self.bytes_left).unwrap_or(usize::MAX);
        let at_once = at_once.min(self.bytes_at_once);
        let (mut len, mut read) = read_up_to(file, buffer, 0, at_once);
        let header = &buffer[..len / WORD_BYTES];
        let used = match record::read_header(header) {
            // A copy of another file would count twice.
            Ok(_) if !record::is_header_of(header, identity.process, identity.index) => {
                self.damage(name, Some(0), "the header is another file's");
                return None;
            }
            Ok(used) => used,
            Err(bad) => {
                let what = match bad {
                    BadHeader::TooShort => "the file is too short to be a segment",
                    BadHeader::Rubbish => "the header is damaged, or this is no segment",
                    BadHeader::Future => "a later version wrote this; upgrade the server",
                };
                self.damage(name, Some(0), what);
                return None;
            }
        };
        // Without a sound count the whole file is walked; its checksums tell what counts. Not
        // more than it was made with: what somebody appended must not use up the others' bytes.
        let wanted = used.map_or(header[2], |used| used as u64);
        let wanted = wanted.saturating_mul(WORD_BYTES as u64);
        let allowed = wanted.min(self.bytes_left);
        if (len as u64) < allowed && read.is_ok() {
            // No memory for what a header promises and the file does not have.
            let there = file.metadata().map_or(0, |metadata| metadata.len());
            let rest = usize::try_from(allowed.min(there)).unwrap_or(usize::MAX);
            let more;
            (more, read) = read_up_to(file, buffer, len, rest.saturating_sub(len));
            len += more;
        }
        if let Err(error) = read {
            self.damage(name, None, &error.to_string());
        }
        let len = (len as u64).min(allowed);
        self.bytes_left -= len;
        if self.bytes_left == 0 {
            self.extent.is_cut = true;
            self.damage(name, None, "the group has more bytes than the limit");
        } else if used.is_some() && len < wanted {
            self.damage(name, Some(len), "the file was cut off");
        }
        let len = usize::try_from(len).expect("it is in memory");
        self.bytes_at_once = len.next_multiple_of(PAGE_BYTES).max(FIRST_READ_BYTES);
        Some(len / WORD_BYTES)
    }

    fn damage(&mut self, name: &str, offset: Option<u64>, what: &str) {
        if self.n_damaged < self.limits.damaged_max {
            self.n_damaged += 1;
            self.sink.damage(&self.dir.join(name), offset, what);
        }
    }
}

/// Reads `n` bytes into `buffer` from byte `at` on, less at the file's end; how many it were, and
/// why it were not more.
fn read_up_to(
    mut file: &File,
    buffer: &mut Vec<u64>,
    at: usize,
    n: usize,
) -> (usize, io::Result<()>) {
    let n_words = (at + n).div_ceil(WORD_BYTES);
    if buffer.len() < n_words {
        buffer.resize(n_words, 0);
    }
    let into = &mut bytes_of_mut(buffer)[at..at + n];
    let mut len = 0;
    while len < n {
        match file.read(&mut into[len..]) {
            Ok(0) => break,
            Ok(more) => len += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return (len, Err(error)),
        }
    }
    (len, Ok(()))
}
