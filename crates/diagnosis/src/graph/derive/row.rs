//! One row of an answer, as the rules read it.

use std::collections::BTreeMap;

use model::Labels;

use crate::graph::{Address, EntityKey, EntityKind, Locality, TextChoice};

/// Longest name of an entity; it becomes a label.
const NAME_BYTES_MAX: usize = 512;

pub(super) struct Row<'a> {
    pub(super) labels: &'a Labels,
    variants: &'a BTreeMap<String, String>,
    /// Said by the rule to stand in the labels; as text, since rules read it as a label.
    address: Option<(Address, String)>,
    host: Option<String>,
    asked: (bool, bool),
}

impl<'a> Row<'a> {
    pub(super) fn new(
        labels: &'a Labels,
        variants: &'a BTreeMap<String, String>,
        (address, host): (&[String], &[String]),
        locality: &Locality,
    ) -> Self {
        let place = |parts: &[String]| {
            let found = Address::of(parts, |name| labels.get(name))?;
            Some(locality.normalise(found, labels))
        };
        let found = place(address).map(|address| {
            let text = address.to_string();
            (address, text)
        });
        Self {
            labels,
            variants,
            address: found,
            host: place(host).map(|address| locality.host_of(&address)),
            asked: (!address.is_empty(), !host.is_empty()),
        }
    }

    pub(super) fn address(&self) -> Option<&Address> {
        self.address.as_ref().map(|(address, _)| address)
    }

    fn label(&self, name: &str) -> Option<&str> {
        match name {
            "address" if self.asked.0 => self.address.as_ref().map(|(_, text)| text.as_str()),
            "host" if self.asked.1 => self.host.as_deref(),
            name => match name.strip_prefix('$') {
                Some(variant) => self.labels.get(self.variants.get(variant)?),
                None => self.labels.get(name),
            },
        }
    }

    pub(super) fn text(&self, choice: &TextChoice) -> Option<&str> {
        let mut found = choice.0.iter().filter_map(|name| self.label(name));
        found.find(|value| !value.is_empty())
    }

    /// The entity that the row speaks of, or what it would have to have.
    pub(super) fn key(
        &self,
        kind: &EntityKind,
        name: &TextChoice,
        scope: &[(String, TextChoice)],
    ) -> Result<EntityKey, String> {
        let Some(text) = self.text(name) else {
            return Err(format!("the label {}", name.shown()));
        };
        if text.len() > NAME_BYTES_MAX {
            return Err(format!(
                "a name of at most {NAME_BYTES_MAX} bytes in {}",
                name.shown()
            ));
        }
        let scope = scope
            .iter()
            .map(|(name, choice)| (name.as_str(), self.text(choice).unwrap_or_default()));
        let key = EntityKey {
            kind: kind.clone(),
            name: text.into(),
            // A map's names differ, so no label stands twice.
            scope: Labels::new(scope).unwrap_or_else(|_| Labels::empty()),
        };
        Ok(key)
    }
}
