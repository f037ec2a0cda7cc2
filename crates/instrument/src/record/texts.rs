//! Texts and lists of them as keys of records hold them.

/// The key of a series: its label values, in the order of the family's label names.
///
/// The label names of an info differ from series to series, so its key holds pairs.
pub(crate) fn encode_texts<'a>(texts: impl IntoIterator<Item = &'a str>) -> Vec<u8> {
    let mut out = Vec::new();
    for text in texts {
        put_text(&mut out, text);
    }
    out
}

pub(crate) fn decode_texts(bytes: &[u8]) -> Option<Vec<&str>> {
    let mut texts = Vec::new();
    push_texts(bytes, &mut texts).then_some(texts)
}

/// Appends the texts of a key; false when it is none.
pub(crate) fn push_texts<'a>(mut bytes: &'a [u8], texts: &mut Vec<&'a str>) -> bool {
    while !bytes.is_empty() {
        let Some(text) = take_text(&mut bytes) else {
            return false;
        };
        texts.push(text);
    }
    true
}

/// How many texts a key has; none when it is no key.
pub(crate) fn count_texts(mut bytes: &[u8]) -> Option<usize> {
    let mut n_texts = 0;
    while !bytes.is_empty() {
        take_text(&mut bytes)?;
        n_texts += 1;
    }
    Some(n_texts)
}

pub(super) fn put_count(out: &mut Vec<u8>, count: usize) {
    // Lists are bounded by RECORD_WORDS_MAX long before this saturates.
    out.extend_from_slice(&u32::try_from(count).unwrap_or(u32::MAX).to_le_bytes());
}

pub(super) fn put_text(out: &mut Vec<u8>, text: &str) {
    put_count(out, text.len());
    out.extend_from_slice(text.as_bytes());
}

pub(super) fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, rest) = bytes.split_first_chunk::<N>()?;
    *bytes = rest;
    Some(*taken)
}

/// A count of things that each take at least one byte: more than there are bytes is a lie, and
/// must not become an allocation.
pub(super) fn take_count(bytes: &mut &[u8]) -> Option<usize> {
    let count = usize::try_from(u32::from_le_bytes(take(bytes)?)).ok()?;
    (count <= bytes.len()).then_some(count)
}

pub(super) fn take_text<'a>(bytes: &mut &'a [u8]) -> Option<&'a str> {
    let len = take_count(bytes)?;
    let (text, rest) = bytes.split_at(len);
    *bytes = rest;
    std::str::from_utf8(text).ok()
}
