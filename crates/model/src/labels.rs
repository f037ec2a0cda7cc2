//! The labels of one series: what makes it that series and no other.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// The label that holds a metric's name.
pub const METRIC_NAME: &str = "__name__";

/// A set of labels, sorted by name, no name twice, no empty value.
///
/// INVARIANT: sorted, unique, no empty value, so equality is a comparison of bytes and every
/// series has one spelling. Cloning copies a pointer.
///
/// All names and values stand in one string, and `ends` says where each one stops: a scrape of
/// ten thousand series then costs three allocations a series instead of twice its labels.
#[derive(Clone)]
pub struct Labels(Arc<Packed>);

#[derive(PartialEq, Eq, Hash)]
struct Packed {
    text: Box<str>,
    /// End of each name and each value in `text`, alternating.
    ends: Box<[u32]>,
}

/// A label set names one label twice.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("label {name:?} stands twice")]
pub struct DuplicateLabel {
    pub name: String,
}

/// A hash of a label set that is the same in every process and every version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(pub u64);

impl Labels {
    /// Sorts, drops empty values, and refuses a name that stands twice.
    pub fn new<N, V>(pairs: impl IntoIterator<Item = (N, V)>) -> Result<Self, DuplicateLabel>
    where
        N: AsRef<str>,
        V: AsRef<str>,
    {
        let mut pairs: Vec<(N, V)> = pairs
            .into_iter()
            .filter(|(_, value)| !value.as_ref().is_empty())
            .collect();
        pairs.sort_by(|(a, _), (b, _)| a.as_ref().cmp(b.as_ref()));
        if let Some(pair) = pairs
            .windows(2)
            .find(|pair| pair[0].0.as_ref() == pair[1].0.as_ref())
        {
            return Err(DuplicateLabel {
                name: pair[0].0.as_ref().to_owned(),
            });
        }
        Ok(Self::pack(
            pairs
                .iter()
                .map(|(name, value)| (name.as_ref(), value.as_ref())),
        ))
    }

    pub fn empty() -> Self {
        Self::pack(std::iter::empty())
    }

    /// The caller has sorted, made unique and dropped empty values.
    fn pack<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> Self {
        let mut text = String::new();
        let mut ends = Vec::new();
        for (name, value) in pairs {
            for part in [name, value] {
                text.push_str(part);
                ends.push(u32::try_from(text.len()).expect("a label set is below 4 GiB"));
            }
        }
        Self(Arc::new(Packed {
            text: text.into_boxed_str(),
            ends: ends.into_boxed_slice(),
        }))
    }

    pub fn len(&self) -> usize {
        self.0.ends.len() / 2
    }

    pub fn is_empty(&self) -> bool {
        self.0.ends.is_empty()
    }

    /// Names and values, sorted by name.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &str)> + Clone {
        let Packed { text, ends } = &*self.0;
        let start_of = move |index: usize| {
            if index == 0 {
                0
            } else {
                ends[index - 1] as usize
            }
        };
        (0..self.len()).map(move |index| {
            let name = &text[start_of(2 * index)..ends[2 * index] as usize];
            let value = &text[ends[2 * index] as usize..ends[2 * index + 1] as usize];
            (name, value)
        })
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter()
            .find(|&(candidate, _)| candidate == name)
            .map(|(_, value)| value)
    }

    /// The metric's name; `""` when the set has none.
    pub fn metric_name(&self) -> &str {
        self.get(METRIC_NAME).unwrap_or_default()
    }

    /// The same labels but for the metric's name.
    #[must_use]
    pub fn without_metric_name(&self) -> Self {
        if self.get(METRIC_NAME).is_none() {
            return self.clone();
        }
        Self::pack(self.iter().filter(|&(name, _)| name != METRIC_NAME))
    }

    /// Only the labels named.
    #[must_use]
    pub fn keep<S: AsRef<str>>(&self, names: &[S]) -> Self {
        Self::pack(
            self.iter()
                .filter(|(name, _)| names.iter().any(|n| n.as_ref() == *name)),
        )
    }

    /// All but the labels named.
    #[must_use]
    pub fn drop<S: AsRef<str>>(&self, names: &[S]) -> Self {
        Self::pack(
            self.iter()
                .filter(|(name, _)| !names.iter().any(|n| n.as_ref() == *name)),
        )
    }

    /// A builder that starts from these labels.
    pub fn builder(&self) -> LabelsBuilder {
        LabelsBuilder {
            pairs: self
                .iter()
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
        }
    }

    /// FNV-1a over the packed text; stable for ever, since it may be written to disk.
    pub fn fingerprint(&self) -> Fingerprint {
        let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
        let mut feed = |byte: u8| {
            hash ^= u64::from(byte);
            hash = hash.wrapping_mul(0x0000_0100_0000_01b3);
        };
        for (name, value) in self.iter() {
            for part in [name, value] {
                part.bytes().for_each(&mut feed);
                feed(0xff); // never a byte of UTF-8, so parts cannot run together
            }
        }
        Fingerprint(hash)
    }
}

/// Collects labels one by one; a later value replaces an earlier one.
#[derive(Clone, Debug, Default)]
pub struct LabelsBuilder {
    pairs: Vec<(String, String)>,
}

impl LabelsBuilder {
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty value removes the label.
    pub fn set(&mut self, name: impl Into<String>, value: impl Into<String>) -> &mut Self {
        let (name, value) = (name.into(), value.into());
        match self
            .pairs
            .iter_mut()
            .find(|(candidate, _)| *candidate == name)
        {
            Some(pair) => pair.1 = value,
            None => self.pairs.push((name, value)),
        }
        self
    }

    pub fn remove(&mut self, name: &str) -> &mut Self {
        self.pairs.retain(|(candidate, _)| candidate != name);
        self
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        self.pairs
            .iter()
            .find(|(candidate, _)| candidate == name)
            .map(|(_, value)| value.as_str())
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.pairs
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }

    pub fn build(self) -> Labels {
        Labels::new(self.pairs).expect("set() never adds a name twice")
    }
}

impl PartialEq for Labels {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0 == other.0
    }
}

impl Eq for Labels {}

impl Hash for Labels {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

/// By the first label that differs: name first, then value; a shorter set comes first.
impl Ord for Labels {
    fn cmp(&self, other: &Self) -> Ordering {
        self.iter().cmp(other.iter())
    }
}

impl PartialOrd for Labels {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Default for Labels {
    fn default() -> Self {
        Self::empty()
    }
}

/// `name{a="b"}`, as Prometheus writes a series.
impl fmt::Display for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.metric_name();
        let bare_name = is_metric_name(name);
        if bare_name {
            f.write_str(name)?;
        }
        let mut separator = "";
        let mut labels = self
            .iter()
            .filter(|&(label, _)| !(bare_name && label == METRIC_NAME))
            .peekable();
        if labels.peek().is_none() && bare_name {
            return Ok(());
        }
        f.write_str("{")?;
        for (label, value) in labels {
            f.write_str(separator)?;
            write_label_name(f, label)?;
            f.write_str("=")?;
            write_quoted(f, value)?;
            separator = ", ";
        }
        f.write_str("}")
    }
}

impl fmt::Debug for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

fn is_metric_name(name: &str) -> bool {
    let legal = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    name.starts_with(|c: char| legal(c) && !c.is_ascii_digit()) && name.chars().all(legal)
}

pub(crate) fn write_label_name(f: &mut fmt::Formatter<'_>, name: &str) -> fmt::Result {
    if is_metric_name(name) && !name.contains(':') {
        f.write_str(name)
    } else {
        write_quoted(f, name)
    }
}

/// Go's double-quoted string for the characters that matter in labels.
pub(crate) fn write_quoted(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    f.write_str("\"")?;
    for c in text.chars() {
        match c {
            '"' => f.write_str("\\\"")?,
            '\\' => f.write_str("\\\\")?,
            '\n' => f.write_str("\\n")?,
            '\r' => f.write_str("\\r")?,
            '\t' => f.write_str("\\t")?,
            c if c.is_control() => write!(f, "\\x{:02x}", c as u32)?,
            c => write!(f, "{c}")?,
        }
    }
    f.write_str("\"")
}

#[cfg(test)]
mod tests;
