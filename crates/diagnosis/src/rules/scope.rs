//! Which series a rule judges, where users tuned it for some of them.

use std::fmt;

use model::Labels;

/// A part of all series: each of these labels has one of these values. Without labels it is all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope(Vec<(String, Vec<String>)>);

/// The series of its expression that a rule judges; the default is all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Judged {
    pub only: Scope,
    /// Judged by another rule of the same name, or by none.
    pub except: Vec<Scope>,
}

impl Scope {
    pub fn new(labels: Vec<(String, Vec<String>)>) -> Self {
        Self(labels)
    }

    pub fn is_all(&self) -> bool {
        self.0.is_empty()
    }

    pub fn has(&self, labels: &Labels) -> bool {
        let has = |(name, values): &(String, Vec<String>)| {
            let value = labels.get(name).unwrap_or_default();
            values.iter().any(|allowed| allowed == value)
        };
        self.0.iter().all(has)
    }

    /// Whether whatever is in `other` is in this one too.
    pub fn covers(&self, other: &Self) -> bool {
        self.0.iter().all(|(name, values)| {
            let narrower = other.0.iter().find(|(candidate, _)| candidate == name);
            narrower.is_some_and(|(_, narrower)| narrower.iter().all(|v| values.contains(v)))
        })
    }
}

impl Judged {
    pub fn has(&self, labels: &Labels) -> bool {
        self.only.has(labels) && !self.except.iter().any(|scope| scope.has(labels))
    }
}

/// As matchers: `job="shop", path=~"/a|/b"`.
impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, (name, values)) in self.0.iter().enumerate() {
            let comma = if place == 0 { "" } else { ", " };
            let op = if values.len() == 1 { "=" } else { "=~" };
            write!(f, "{comma}{name}{op}{:?}", values.join("|"))?;
        }
        Ok(())
    }
}
