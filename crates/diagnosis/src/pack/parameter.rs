//! Numbers of a pack that users tune without PromQL.

use super::{Pack, Unit};
use crate::places;

/// `$name` in a rule's expression or a panel's threshold stands for it.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameter {
    pub name: String,
    /// What it means, for the form that changes it.
    pub title: String,
    pub unit: Unit,
    pub default: f64,
    /// The least and the largest value that make sense, both included.
    pub min: f64,
    pub max: f64,
}

/// What stands for each parameter of a pack.
#[derive(Clone, Debug, Default)]
pub(crate) struct ParameterValues(Vec<(String, String)>);

impl Pack {
    /// A text of the pack with the default of each parameter in its place: a rule file for tools
    /// that know no parameters.
    pub fn with_defaults(&self, text: &str) -> String {
        ParameterValues::defaults(&self.parameters).fill(text)
    }
}

impl ParameterValues {
    pub(crate) fn defaults(parameters: &[Parameter]) -> Self {
        let mut values = Self::default();
        for parameter in parameters {
            values.set(&parameter.name, parameter.default);
        }
        values
    }

    pub(crate) fn set(&mut self, name: &str, value: f64) {
        self.0.retain(|(known, _)| known != name);
        // Decimal digits in full: PromQL reads them back to the same number.
        self.0.push((name.to_owned(), value.to_string()));
    }

    pub(crate) fn fill(&self, text: &str) -> String {
        places::fill(text, |name| {
            let found = self.0.iter().find(|(known, _)| known == name);
            found.map(|(_, text)| text.as_str())
        })
    }
}
