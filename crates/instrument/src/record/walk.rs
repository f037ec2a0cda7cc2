//! Finding records in words of which some may be damaged.

use super::{
    RECORD_HEADER_WORDS, RECORD_MAGIC, RECORD_WORDS_MAX, Record, RecordKind, checksum, flags_at,
};
use crate::mapping::bytes_of;

/// A step of a walk over a file.
#[derive(Debug)]
pub(crate) enum Found<'a> {
    Record(Record<'a>),
    /// Words from this one on are no record; the walk goes on at the next thing that is one.
    Damage {
        word: usize,
    },
}

/// Walks over the records in `words`, from `at` on. Damage costs the damaged record alone: the
/// walk finds the next one by its magic and its checksum.
pub(crate) fn walk(words: &[u64], at: usize) -> Walk<'_> {
    Walk {
        words,
        at,
        // A damaged record is summed up in vain once. Made-up heads of long records at every
        // third word would take the square of the file's length.
        spare_words: words.len() + RECORD_WORDS_MAX,
    }
}

#[derive(Debug)]
pub(crate) struct Walk<'a> {
    words: &'a [u64],
    at: usize,
    /// Words that may be spent on checksums that do not fit.
    spare_words: usize,
}

impl<'a> Walk<'a> {
    /// What stands here if it has the form of a record. Nobody has looked at its checksum.
    pub(crate) fn unchecked(&self) -> Option<Unchecked<'a>> {
        unchecked_record(self.words.get(self.at..)?)
    }

    /// Goes on behind what stands here.
    pub(crate) fn pass(&mut self, passed: &Unchecked<'a>) {
        self.at += passed.len;
    }

    pub(crate) fn n_words_left(&self) -> usize {
        self.words.len().saturating_sub(self.at)
    }

    fn sound_record(&mut self) -> Option<Unchecked<'a>> {
        let found = unchecked_record(&self.words[self.at..])?;
        let head = found.record.head;
        if self.spare_words < head.len() {
            return None;
        }
        if u64::from(checksum(&head[1..])) != head[0] >> 32 {
            self.spare_words -= head.len();
            return None;
        }
        Some(found)
    }
}

impl<'a> Iterator for Walk<'a> {
    type Item = Found<'a>;

    fn next(&mut self) -> Option<Found<'a>> {
        let began = self.at;
        let is_damaged = |words: &[u64]| words.iter().any(|word| *word != 0);
        while self.at < self.words.len() {
            if let Some(found) = self.sound_record() {
                if began < self.at && is_damaged(&self.words[began..self.at]) {
                    return Some(Found::Damage { word: began });
                }
                self.pass(&found);
                return Some(Found::Record(found.record));
            }
            self.at += 1;
        }
        let rest = self.words.get(began..).unwrap_or_default();
        is_damaged(rest).then_some(Found::Damage { word: began })
    }
}

/// Words that have the form of a record.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Unchecked<'a> {
    pub(crate) record: Record<'a>,
    len: usize,
}

#[inline]
fn unchecked_record(words: &[u64]) -> Option<Unchecked<'_>> {
    let (&[first, second, third], _) = words.split_first_chunk()?;
    if first as u32 != RECORD_MAGIC {
        return None;
    }
    let len = second as u32 as usize;
    let kind = RecordKind::of((second >> 32) as u16)?;
    let n_cells = usize::from((second >> 48) as u16);
    let key_len = third as u32 as usize;
    let flags_at = flags_at(key_len);
    if len != flags_at + 1 + n_cells || words.len() < len {
        return None;
    }
    let record = Record {
        kind,
        family: (third >> 32) as u32,
        head: &words[..flags_at],
        key: &bytes_of(&words[RECORD_HEADER_WORDS..flags_at])[..key_len],
        flags: words[flags_at],
        cells: &words[flags_at + 1..len],
    };
    Some(Unchecked { record, len })
}
