//! Label sets as bytes, each distinct text once.
//!
//! ```text
//! labels = n:varint  n × (name, value)
//! text   = 0:varint  length:varint  bytes      a text that was not there yet gets the next number
//!        | number:varint                        the text with this number, counted from 1
//! ```

use std::collections::HashMap;

use model::Labels;

use crate::bytes::{Corrupt, Reader, put_bytes, put_varint};

#[derive(Debug, Default)]
pub(crate) struct SymbolWriter {
    numbers: HashMap<Box<str>, u64>,
}

impl SymbolWriter {
    pub(crate) fn put(&mut self, text: &str, out: &mut Vec<u8>) {
        match self.numbers.get(text) {
            Some(&number) => put_varint(out, number),
            None => {
                self.numbers
                    .insert(text.into(), self.numbers.len() as u64 + 1);
                put_varint(out, 0);
                put_bytes(out, text.as_bytes());
            }
        }
    }

    pub(crate) fn put_labels(&mut self, labels: &Labels, out: &mut Vec<u8>) {
        put_varint(out, labels.len() as u64);
        for (name, value) in labels.iter() {
            self.put(name, out);
            self.put(value, out);
        }
    }
}

#[derive(Debug, Default)]
pub(crate) struct SymbolReader<'a> {
    texts: Vec<&'a str>,
}

impl<'a> SymbolReader<'a> {
    pub(crate) fn read(&mut self, reader: &mut Reader<'a>) -> Result<&'a str, Corrupt> {
        match reader.size()? {
            0 => {
                let text = reader.text()?;
                self.texts.push(text);
                Ok(text)
            }
            number => self.texts.get(number - 1).copied().ok_or(Corrupt),
        }
    }

    pub(crate) fn read_labels(&mut self, reader: &mut Reader<'a>) -> Result<Labels, Corrupt> {
        let n = reader.count()?;
        let mut pairs = Vec::with_capacity(n);
        for _ in 0..n {
            pairs.push((self.read(reader)?, self.read(reader)?));
        }
        Labels::new(pairs).map_err(|_| Corrupt)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn label_sets_come_back_and_share_their_texts() {
        let sets = [
            Labels::new([("__name__", "up"), ("job", "api")]).unwrap(),
            Labels::new([("__name__", "up"), ("job", "up")]).unwrap(),
            Labels::empty(),
        ];
        let mut out = Vec::new();
        let mut writer = SymbolWriter::default();
        sets.iter()
            .for_each(|labels| writer.put_labels(labels, &mut out));
        assert_eq!(out.len(), 1 + 10 + 4 + 5 + 5 + 1 + 4 + 1);
        let (mut symbols, mut reader) = (SymbolReader::default(), Reader::new(&out));
        for labels in &sets {
            assert_eq!(symbols.read_labels(&mut reader).as_ref(), Ok(labels));
        }
    }

    proptest! {
        #[test]
        fn hostile_bytes_are_an_error_or_labels(
            bytes in proptest::collection::vec(0..20u8, 0..60),
        ) {
            let mut reader = Reader::new(&bytes);
            if let Ok(labels) = SymbolReader::default().read_labels(&mut reader) {
                prop_assert!(labels.len() <= bytes.len());
            }
        }
    }
}
