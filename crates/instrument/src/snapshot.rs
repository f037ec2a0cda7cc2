//! Reading the files of a group, all at one moment as far as counting goes.

use std::collections::HashSet;
use std::io::Read as _;

use crate::archive;
use crate::group::{Proc, ProcessId};
use crate::private_fs::{PrivateDir, Untrusted};
use crate::reading::{Damage, ReadLimits};
use crate::record::{self, BadHeader, HEADER_WORDS};
use crate::segment_file::{self, SegmentName};

/// The files of a group as read.
#[derive(Debug, Default)]
pub(crate) struct Snapshot {
    pub(crate) archive: Option<Vec<u64>>,
    /// Names of the files that the archive holds.
    pub(crate) folded: HashSet<String>,
    /// The oldest first: it made the metrics in the order of the program's text.
    pub(crate) processes: Vec<ProcessFiles>,
    pub(crate) damaged: Vec<Damage>,
    /// Whether the limit of bytes left something out.
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
const WORD_BYTES: u64 = 8;

impl Snapshot {
    /// Reads all files but those of the process `except`.
    ///
    /// So that no process is seen twice or missed while another one folds dead segments into the
    /// archive, the archive is looked at before and after, and changed means again.
    pub(crate) fn take(
        dir: &PrivateDir,
        proc: &Proc,
        limits: &ReadLimits,
        except: Option<ProcessId>,
    ) -> Result<Self, Untrusted> {
        let mut tries = 0;
        loop {
            tries += 1;
            let stamp = archive::stamp(dir);
            let mut reader = Reader::new(dir, limits);
            let archive = reader.words(archive::ARCHIVE_NAME, archive::identity());
            reader.snapshot.folded = archive.as_deref().map(archive::folded).unwrap_or_default();
            reader.snapshot.archive = archive;
            reader.processes(proc, except)?;
            if archive::stamp(dir) == stamp || tries == TRIES_MAX {
                let mut snapshot = reader.snapshot;
                snapshot
                    .processes
                    .sort_by_key(|files| (files.process.start, files.process.pid));
                return Ok(snapshot);
            }
        }
    }
}

struct Reader<'a> {
    dir: &'a PrivateDir,
    limits: &'a ReadLimits,
    bytes_left: u64,
    snapshot: Snapshot,
}

impl<'a> Reader<'a> {
    fn new(dir: &'a PrivateDir, limits: &'a ReadLimits) -> Self {
        Self {
            dir,
            limits,
            bytes_left: limits.bytes_max,
            snapshot: Snapshot::default(),
        }
    }

    fn processes(&mut self, proc: &Proc, except: Option<ProcessId>) -> Result<(), Untrusted> {
        for segment in segment_file::list(self.dir, self.limits.files_max)? {
            let name = segment.to_string();
            if Some(segment.process) == except || self.snapshot.folded.contains(&name) {
                continue;
            }
            if segment.index == 0 {
                let file = match self.dir.open_file(&name) {
                    Ok(file) => file,
                    Err(error) => {
                        self.untrusted(&name, &error);
                        continue;
                    }
                };
                // Asked before the cells are read: a process that dies in between has then
                // written all it ever will, or is taken for living once more.
                let is_live = segment_file::is_live(&file, segment.process, proc);
                self.snapshot.processes.push(ProcessFiles {
                    process: segment.process,
                    is_live,
                    files: Vec::new(),
                });
            }
            let words = self.words(&name, segment);
            if let (Some(words), Some(files)) = (words, self.snapshot.processes.last_mut())
                && files.process == segment.process
            {
                files.files.push(words);
            }
        }
        Ok(())
    }

    /// Reads a file's words with plain reads: a file that somebody truncates under a mapping
    /// would kill the reader. The kernel copies aligned words whole, so no cell is torn.
    fn words(&mut self, name: &str, identity: SegmentName) -> Option<Vec<u64>> {
        let file = match self.dir.open_file(name) {
            Ok(file) => file,
            Err(error) => {
                self.untrusted(name, &error);
                return None;
            }
        };
        let mut bytes = Vec::new();
        let header_bytes = HEADER_WORDS as u64 * WORD_BYTES;
        let mut file = file.take(header_bytes.min(self.bytes_left));
        let read = file.read_to_end(&mut bytes);
        let header = to_words(&bytes);
        let used = match record::read_header(&header) {
            // A copy of another file would count twice.
            Ok(_) if !record::is_header_of(&header, identity.process, identity.index) => {
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
        let wanted = wanted.saturating_mul(WORD_BYTES);
        let allowed = wanted.min(self.bytes_left);
        file.set_limit(allowed.saturating_sub(bytes.len() as u64));
        let read = read.and_then(|_| file.read_to_end(&mut bytes));
        if let Err(error) = read {
            self.damage(name, None, &error.to_string());
        }
        let len = bytes.len() as u64;
        self.bytes_left -= len;
        if self.bytes_left == 0 {
            self.snapshot.is_cut = true;
            self.damage(name, None, "the group has more bytes than the limit");
        } else if used.is_some() && len < wanted {
            self.damage(name, Some(len), "the file was cut off");
        }
        Some(to_words(&bytes))
    }

    /// A file that is gone is no damage: its process was folded, or its group removed.
    fn untrusted(&mut self, name: &str, error: &Untrusted) {
        if !error.is_absent() {
            self.damage(name, None, &error.to_string());
        }
    }

    fn damage(&mut self, name: &str, offset: Option<u64>, what: &str) {
        if self.snapshot.damaged.len() < self.limits.damaged_max {
            self.snapshot.damaged.push(Damage {
                path: self.dir.join(name),
                offset,
                what: what.to_owned(),
            });
        }
    }
}

fn to_words(bytes: &[u8]) -> Vec<u64> {
    let (words, _cut) = bytes.as_chunks::<8>();
    words.iter().map(|word| u64::from_ne_bytes(*word)).collect()
}
